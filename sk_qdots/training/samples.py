r"""Populations to train on, drawn at random, and their patterns.

A population is lognormal, or two of them; its moments are those of the particles that are
simulated, with :math:`M_k = \sum_i w_i D_i^k` the number average :math:`M_1`, the surface average
:math:`M_3 / M_2`, the volume average :math:`M_4 / M_3` and the dispersion
:math:`\sqrt{M_2 - M_1^2} / M_1`. Populations are drawn continuously, so that no grid of them can be
learnt by heart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from tqdm import tqdm

from .._typing import Float32Array, FloatArray, IntArray
from ..posterior.kept import kept_patterns
from ..posterior.series import ClusterPatterns
from ..simulation import lognormal_upper_diameter
from ..simulation.lognormals import number_weights
from .plan import TAIL, TrainingPlan

__all__ = [
    "Populations",
    "draw_populations",
    "moments",
    "particle_patterns",
    "patterns_of",
    "simulated_series",
]

_WIDEST_USUAL = 0.25  # dispersion; beyond it are broad populations, of which there are fewer
_USUAL_SHARE = 0.8  # of the populations that are no broader, and of those within the classes
_PURE_SHARE = 0.5  # of the first of several shapes
_PERFECT_SHARE = 0.15  # without faults, where there are any
_RATIO = (1.4, 3.0)  # of the sizes of two populations
_SECOND_SHARE = (0.15, 0.85)  # of their volume
_FACETTED = (10.0, 0.2)  # largest mean and dispersion of other shapes than the first
_NARROW = (0.12, 0.08)  # step of ln size and dispersion of particles of the first body ...
_COARSE = (0.25, 0.14)  # ... and of the others,
_SMALLEST, _LARGEST_OTHER = 1.0, 8.0  # nm
_BEYOND, _TAIL = 1.4, 1.3  # times the sizes of means, and of those of all particles
_N_FAULTS = 3
_ROWS = 64  # of a task


@dataclass(frozen=True)
class Populations:
    """What each pattern is of.

    Parameters
    ----------
    sizes, dispersions : ndarray of shape (n, 2)
        Number averages in nm, and standard deviation / mean, of two lognormals.
    second_share : ndarray of shape (n,)
        Of the second in the volume; 0 where there is one.
    strain, b_iso, growth_fault : ndarray of shape (n,)
        Strain; change of the displacement parameters in Angstrom^2; probability of a growth
        fault, of particles that can have them.
    body : ndarray of shape (n,) of int
        Of the plan's bodies, the one beside the first.
    body_share : ndarray of shape (n,)
        Its share of the volume.
    """

    sizes: FloatArray
    dispersions: FloatArray
    second_share: FloatArray
    strain: FloatArray
    b_iso: FloatArray
    growth_fault: FloatArray
    body: IntArray
    body_share: FloatArray

    def __len__(self) -> int:
        return len(self.strain)


def draw_populations(
    plan: TrainingPlan, n: int, rng: np.random.Generator, *, only_classes: bool = False
) -> Populations:
    """Draw populations within the ranges of a plan.

    Parameters
    ----------
    plan : TrainingPlan
    n : int
    rng : numpy.random.Generator
    only_classes : bool, default=False
        Whether to draw single populations of the diameters of the classes only.

    Returns
    -------
    Populations
    """
    kept: list[tuple[float, ...]] = []
    while len(kept) < n:
        one = _drawn(plan, rng, only_classes)
        if one is not None:
            kept.append(one)
    columns = np.array(kept).T
    return Populations(
        sizes=columns[0:2].T,
        dispersions=columns[2:4].T,
        second_share=columns[4],
        strain=columns[5],
        b_iso=columns[6],
        growth_fault=columns[7],
        body=columns[8].astype(np.int64),
        body_share=columns[9],
    )


def _drawn(
    plan: TrainingPlan, rng: np.random.Generator, only_classes: bool
) -> tuple[float, ...] | None:
    """One population, or None where what was drawn cannot be simulated."""
    u = rng.random(16)  # as many of each, whatever becomes of them
    classes = np.array(plan.classes) / 1000.0
    inside = (classes[0] - 0.0005 * plan.step, classes[-1] + 0.0005 * plan.step)
    inside = (max(inside[0], plan.span[0]), min(inside[1], plan.span[1]))
    size = _within(inside if u[0] < _USUAL_SHARE else plan.span, u[1])
    if only_classes:
        size = float(classes[int(u[1] * len(classes))])
    low, high = plan.dispersions[0], plan.dispersions[-1]
    usual = (low, max(min(high, _WIDEST_USUAL), low))
    widths = [_within(usual if u[k] < _USUAL_SHARE else (low, high), u[k + 1]) for k in (2, 4)]
    mixed = u[6] < plan.mixed_share and not only_classes
    share = _within(_SECOND_SHARE, u[7]) if mixed else 0.0
    ratio = _RATIO[0] * (_RATIO[1] / _RATIO[0]) ** u[8] if mixed else 1.0
    second = size * ratio if u[9] < 0.5 else size / ratio
    if not plan.span[0] <= second <= plan.span[1]:
        return None
    if not all(plan.reaches(d, s) for d, s in zip((size, second), widths, strict=True)):
        return None
    body, body_share = _body(plan, u[10:13])
    if body and not plan.aspect_ratios:
        largest = lognormal_upper_diameter(*_FACETTED)
        ends = [
            lognormal_upper_diameter(d, s, TAIL)
            for d, s in ((size, widths[0]), (second, widths[1]))
        ]
        if max(ends) > largest:
            body, body_share = 0, 0.0
    faults = plan.stacking or (0.0, 0.0)
    fault = faults[0] if u[13] < _PERFECT_SHARE else _within(faults, u[14])
    b_iso = plan.b_iso or (0.0, 0.0)
    return (
        size,
        second,
        *widths,
        share,
        _within((plan.strains[0], plan.strains[-1]), u[15]),
        _within((b_iso[0], b_iso[-1]), float(rng.random())),
        fault,
        body,
        body_share,
    )


def _within(ends: tuple[float, float], u: float) -> float:
    return float(ends[0] + (ends[1] - ends[0]) * u)


def _body(plan: TrainingPlan, u: FloatArray) -> tuple[int, float]:
    """Which body, and its share: one of the aspect ratios, or one beside the first shape."""
    n = len(plan.bodies)
    if plan.aspect_ratios:
        return int(u[0] * n), 1.0
    if n == 1 or u[0] < _PURE_SHARE:
        return 0, 0.0
    share = 1.0 if u[2] < 0.5 else 2.0 * (u[2] - 0.5)
    return 1 + int(u[1] * (n - 1)), float(share)


def simulated_series(plan: TrainingPlan, *, progress: bool = False) -> list[ClusterPatterns]:
    """Patterns of the particles of every body, from the cache where they were simulated before.

    Parameters
    ----------
    plan : TrainingPlan
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    list of ClusterPatterns
    """
    found = []
    for k, body in enumerate(plan.bodies):
        sizes, dispersions = plan.span, plan.reached_dispersions
        if k and not plan.aspect_ratios:
            sizes = (sizes[0], min(sizes[1], _FACETTED[0]))
            dispersions = (dispersions[0], min(dispersions[1], _FACETTED[1]))
        found.append(
            kept_patterns(
                plan.crystal,
                diameters=sizes,
                dispersions=(min(dispersions), max(dispersions)),
                strains=(plan.strains[0], plan.strains[-1]),
                q=plan.q,
                wavelength=plan.wavelength,
                shape=body,
                b_iso=(plan.b_iso[0], plan.b_iso[-1]) if plan.b_iso else None,
                growth_faults=plan.stacking if k == 0 else None,
                n_jobs=-1,
                progress=progress,
            )
        )
    return found


def particle_patterns(plan: TrainingPlan, series: Sequence[ClusterPatterns]) -> xr.DataArray:
    """Patterns of narrow populations of every body, of which those of others are sums.

    Parameters
    ----------
    plan : TrainingPlan
    series : sequence of ClusterPatterns
        Of :func:`simulated_series`.

    Returns
    -------
    DataArray (particle, q)
        In electron units per formula unit: of the first body at three fault probabilities, where
        it has any, and closer to each other than those of the others.

    See Also
    --------
    sk_qdots.Sizer.with_particles : What they are for.
    """
    rows = []
    for number, one in enumerate(series):
        is_main = number == 0 and not plan.aspect_ratios
        step, dispersion = _NARROW if is_main else _COARSE
        first = max(plan.span[0] / _BEYOND, _SMALLEST, one.diameters[0])
        last = min(plan.span[1] * _BEYOND, one.diameters[-1] / _TAIL)
        last = max(last if is_main else min(last, _LARGEST_OTHER), first)
        n = 1 + int(np.ceil(np.log(last / first) / step))
        faults = np.linspace(*(plan.stacking or (0.0, 0.0)), _N_FAULTS if plan.stacking else 1)
        for size in np.geomspace(first, last, n):
            weights = number_weights(one.diameters, np.array([size]), np.array([dispersion]))[0]
            mixed = one.mix(weights)
            values = faults if "growth_fault" in one.bounds else (0.0,)
            rows += [mixed.patterns(growth_fault=float(fault))[0] for fault in values]
    return xr.DataArray(
        np.array(rows), dims=("particle", "q"), coords={"q": ("q", series[0].q)}, name="intensity"
    )


def patterns_of(
    populations: Populations,
    series: Sequence[ClusterPatterns],
    *,
    n_jobs: int | None = -1,
    progress: bool = False,
) -> xr.DataArray:
    """Simulate the pattern of every population.

    Parameters
    ----------
    populations : Populations
    series : sequence of ClusterPatterns
        Of :func:`simulated_series`.
    n_jobs : int, optional
        Threads; the result does not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataArray (sample, q)
        In electron units per formula unit, with the coordinates ``nominal`` (number average of
        the first lognormal), ``diameter``,
        ``surface_diameter`` and ``volume_diameter`` in nm, ``dispersion``, ``strain``, ``b_iso``,
        ``growth_fault`` (mean over the volume), ``body`` and ``body_share``.
    """
    q = series[0].q
    X: Float32Array = np.empty((len(populations), len(q)), dtype=np.float32)
    found = np.empty((len(populations), 4))

    def work(start: int) -> None:
        for k in range(start, min(start + _ROWS, len(populations))):
            X[k], found[k] = _pattern(populations, k, series)

    calls = range(0, len(populations), _ROWS)
    done = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator_unordered")(
        delayed(work)(start) for start in calls
    )
    label = f"Patterns {series[0].name}"
    for _ in tqdm(done, total=len(calls), desc=label, disable=not progress):
        pass
    pure = np.where(populations.body > 0, populations.body_share, 0.0)
    coords = {
        "nominal": populations.sizes[:, 0],
        "diameter": found[:, 0],
        "surface_diameter": found[:, 1],
        "volume_diameter": found[:, 2],
        "dispersion": found[:, 3],
        "strain": populations.strain,
        "b_iso": populations.b_iso,
        "growth_fault": populations.growth_fault * (1.0 - pure),
        "body": populations.body,
        "body_share": populations.body_share,
    }
    return xr.DataArray(
        X,
        dims=("sample", "q"),
        coords={
            "q": ("q", q, {"units": "1/angstrom"}),
            **{name: ("sample", values) for name, values in coords.items()},
        },
        name="intensity",
        attrs=dict(series[0].facts),
    )


def _pattern(
    populations: Populations, k: int, series: Sequence[ClusterPatterns]
) -> tuple[FloatArray, FloatArray]:
    """Pattern of one population, and the moments of its particles."""
    other, share = int(populations.body[k]), float(populations.body_share[k])
    parts = [(0, 1.0 - share), (other, share)]
    pattern = np.zeros(len(series[0].q))
    sums = np.zeros(5)
    for number, part in parts:
        if part <= 0.0:
            continue
        one = series[number]
        weights = _weights(populations, k, one.diameters)
        units = float(weights @ one.formula_units)
        strain, b_iso, fault = (
            float(getattr(populations, name)[k]) if name in one.bounds else 0.0
            for name in ("strain", "b_iso", "growth_fault")
        )
        mixed = one.mix(weights)
        pattern += part * mixed.patterns(strain=strain, b_iso=b_iso, growth_fault=fault)[0]
        powers = one.diameters[:, None] ** np.arange(5)
        sums += part / units * (weights @ powers)
    return pattern, moments(sums)


def _weights(populations: Populations, k: int, diameters: FloatArray) -> FloatArray:
    """Number fractions of the particles in both lognormals together, by their volumes."""
    second = float(populations.second_share[k])
    shares = np.array([1.0 - second, second])
    parts = slice(None) if second > 0.0 else slice(1)
    each = number_weights(diameters, populations.sizes[k, parts], populations.dispersions[k, parts])
    total = (shares[parts] / (each @ diameters**3)) @ each
    return np.asarray(total / total.sum())


def moments(sums: FloatArray) -> FloatArray:
    """Averages of populations from the sums of the powers of their diameters.

    Parameters
    ----------
    sums : ndarray of shape (..., 5)
        Of the powers 0 to 4, weighted by number.

    Returns
    -------
    ndarray of shape (..., 4)
        Number, surface and volume average, and dispersion.
    """
    s = np.asarray(sums)
    mean = s[..., 1] / s[..., 0]
    variance = np.maximum(s[..., 2] / s[..., 0] - mean**2, 0.0)
    return np.stack(
        [mean, s[..., 3] / s[..., 2], s[..., 4] / s[..., 3], np.sqrt(variance) / mean], axis=-1
    )

"""Cluster patterns from a crystal: distances, pair sums and what an instrument makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from tqdm import tqdm

from .._typing import FloatArray, JsonObject
from ..instruments import Instrument
from ..simulation import Crystal, DistanceTable, Shape, debye_waller_factor, two_theta_from_q
from ..simulation.binned_series import bin_smoothing
from ..simulation.clusters import Fill
from ..simulation.crystal import as_crystal
from ..simulation.debye import AtomicFactors, sine_sums
from ._cluster_patterns import ClusterPatterns, MixedPatterns
from ._distances import series_tables
from ._request import Range, SeriesRequest, two_ends

__all__ = ["ClusterPatterns", "MixedPatterns", "cluster_patterns"]

_ROWS = 12  # particles at a time
_ANGSTROM = 10.0  # of a nm
_DEFAULT_ETA = 0.0


def cluster_patterns(
    crystal: Crystal | str,
    *,
    diameters: Range,
    dispersions: Range,
    strains: Range,
    q: npt.ArrayLike | None = None,
    wavelength: float | None = None,
    shape: str | Shape = "sphere",
    fill: Fill = "volume",
    b_iso: Range | None = None,
    instrument: Instrument | None = None,
    fwhm: float | None = None,
    eta: float | None = _DEFAULT_ETA,
    growth_faults: Range | None = None,
    deformation_faults: Range | None = None,
    compton: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> ClusterPatterns:
    """Simulate every particle of a series that populations are made of.

    Parameters
    ----------
    crystal : Crystal or str
        A crystal, or the name of a built-in one.
    diameters : tuple of 2 float
        Lowest and highest number mean of the lognormal populations, in nm.
    dispersions : tuple of 2 float
        Lowest and highest standard deviation / mean.
    strains : tuple of 2 float
        Lowest and highest isotropic strain, fractions.
    q : array-like of shape (n_q,), optional
        Even, in 1/Angstrom; :func:`sk_qdots.default_q_grid` by default, as far as the
        wavelength reaches.
    wavelength : float, optional
        In Angstrom; that of the instrument by default, 0.56 without one.
    shape : str or Shape, default="sphere"
    fill : {"volume", "cells", "atoms"}, default="volume"
        As for :func:`sk_qdots.simulate_library`.
    b_iso : tuple of 2 float, optional
        Lowest and highest change of all displacement parameters, in Angstrom^2.
    instrument : Instrument, optional
        A known one. Patterns are taken to be corrected for its zero and displacement.
    fwhm : float, optional
        Of an unknown one: the largest full width at half maximum, in degrees of two-theta.
    eta : float or None, default=0
        Lorentzian share of the profile of an unknown one; None where it is not known, either.
    growth_faults, deformation_faults : tuple of 2 float, optional
        Lowest and highest probability.
    compton : bool, default=True
        Whether to add the incoherent scattering.
    n_jobs : int, optional
        Number of threads; -1 for all processors. The result does not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    ClusterPatterns

    Raises
    ------
    ValueError
        If a range is empty or out of bounds, q is not even or beyond what the wavelength
        reaches, both a known instrument and an unknown resolution are asked for, or the crystal
        has no close-packed layers for faults.

    Notes
    -----
    Particles are those of :func:`sk_qdots.simulate_library`, but where they lie farther apart than
    0.6 nm others are cut in between (with the fill "volume"). Pairs of the largest spheres, beyond
    1.2 times the largest mean, are expected by the common volume of two spheres. Patterns differ
    from those of a library by 1e-4 of the local intensity for strains, by 5e-4 between the nodes
    of faults and resolutions, and by 1e-4 of the largest intensity (1 % where it is weakest) for
    populations that reach far into the expected spheres.

    Examples
    --------
    >>> from sk_qdots.posterior import cluster_patterns
    >>> from sk_qdots.simulation import lognormal_weights
    >>> series = cluster_patterns(
    ...     "Pt", diameters=(2.0, 3.0), dispersions=(0.1, 0.2), strains=(-0.01, 0.01)
    ... )
    >>> row = lognormal_weights(series.diameters, 2.5, 0.15)
    >>> series.mix([row]).patterns(strain=0.004).shape
    (1, 5004)
    """
    if wavelength is None:
        wavelength = 0.56 if instrument is None else instrument.wavelength
    request = SeriesRequest.checked(
        crystal=as_crystal(crystal),
        diameters=two_ends("diameters", diameters, 0.1, 1000.0),
        dispersions=two_ends("dispersions", dispersions, 1e-3, 1.0),
        strains=two_ends("strains", strains, -0.2, 0.2),
        q=q,
        wavelength=float(wavelength),
        shape=shape,
        fill=fill,
        b_iso=None if b_iso is None else two_ends("b_iso", b_iso, -100.0, 100.0),
        instrument=instrument,
        fwhm=fwhm,
        eta=eta,
        faults={
            name: two_ends(f"{name}s", given, 0.0, 1.0)
            for name, given in (
                ("growth_fault", growth_faults),
                ("deformation_fault", deformation_faults),
            )
            if given is not None
        },
        compton=compton,
    )
    return _made(request, n_jobs, progress)


def _made(request: SeriesRequest, n_jobs: int | None, progress: bool) -> ClusterPatterns:
    nodes = request.nodes()
    tables, width = series_tables(request, nodes, n_jobs)
    first = tables[0]
    x = request.grid(_ANGSTROM * float(first.diameters[-1]))
    smoothing = bin_smoothing(x, width)
    factors = _Factors.of(request, first, x)
    through = request.optics(nodes, x)
    alone = np.array([_at(request.q, x, rows) for rows in through(factors.alone)])
    shape = (len(tables) * len(alone), len(x), len(first))
    pairs = np.empty(shape, dtype=np.float32)
    slopes = np.empty(shape if factors.slopes.any() else (0, 0, 0), dtype=np.float32)

    def work(number: int, rows: slice) -> None:
        found = _pair_rows(tables[number], factors, x, rows, len(slopes) > 0)
        seen = through(np.concatenate(found) / smoothing)
        variants = slice(number * len(alone), (number + 1) * len(alone))
        for target, values in zip((pairs, slopes), np.split(seen, len(found), 1), strict=False):
            target[variants, :, rows] = values.transpose(0, 2, 1)

    calls = [
        (number, slice(start, start + _ROWS))
        for number in range(len(tables))
        for start in range(0, len(first), _ROWS)
    ]
    parallel = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator_unordered")
    done = parallel(delayed(work)(*call) for call in calls)
    for _ in tqdm(done, total=len(calls), desc=f"Debye sums {first.name}", disable=not progress):
        pass
    units = first.formula_units[:, None]
    return ClusterPatterns(
        q=request.q,
        diameters=first.diameters,
        formula_units=first.formula_units,
        bounds=request.bounds,
        name=request.crystal.name,
        shape=request.shape if isinstance(request.shape, str) else repr(request.shape),
        facts=_facts(request, first),
        start=float(x[0]),
        step=float(x[1] - x[0]),
        pairs=pairs,
        slopes=slopes,
        scale=factors.scale,
        alone=alone,
        shares=np.concatenate([first.self_counts / units, first.counts / units], axis=1),
        nodes=nodes,
    )


@dataclass(frozen=True)
class _Factors:
    """Form factors over the grid.

    Parameters
    ----------
    scale : ndarray of shape (n_x,)
        Logarithm of G, with the polarisation.
    ratios, slopes : ndarray of shape (n_groups, n_x)
        Weight of each group's pair sum, and what it changes by for a change of x, relative.
    alone : ndarray of shape (n_terms, n_x)
        What atoms scatter by themselves, coherently and not.
    """

    scale: FloatArray
    ratios: FloatArray
    slopes: FloatArray
    alone: FloatArray

    @classmethod
    def of(cls, request: SeriesRequest, table: DistanceTable, x: FloatArray) -> _Factors:
        limit = 4.0 * np.pi / request.wavelength
        reached = int(np.searchsorted(x, limit))
        inside = x[:reached]
        atoms = AtomicFactors(table, inside, wavelength=request.wavelength, compton=request.compton)
        damping = np.array([debye_waller_factor(s.b_iso, inside) for s in table.species])
        shares = table.counts[-1] / table.counts[-1].sum()
        mean = shares @ (np.abs(atoms.amplitudes) * damping) ** 2
        ratios = np.array(atoms.pair_terms) / mean
        slopes = inside * np.gradient(ratios, inside, axis=1, edge_order=2)
        if np.abs(slopes).max() < 1e-9 * np.abs(ratios).max():
            slopes = np.zeros_like(slopes)
        scale = np.log(mean)
        if request.instrument is not None:
            angles = two_theta_from_q(inside, request.wavelength)
            scale = scale + np.log(request.instrument.polarisation_factor(angles))
        beyond = x[reached:] - inside[-1]

        def continued(values: FloatArray, by: FloatArray | float) -> FloatArray:
            """Values beyond the reach of the wavelength, where only strain looks."""
            more = values[..., -1:] + by * beyond
            return np.concatenate([values, more], axis=-1)

        step = x[1] - x[0]
        growth = slopes[:, -1:] / inside[-1]
        return cls(
            scale=continued(scale, (scale[-1] - scale[-2]) / step),
            ratios=np.exp(continued(np.log(mean), 0.0)) * continued(ratios, growth),
            slopes=np.exp(continued(np.log(mean), 0.0))
            * np.concatenate([slopes, growth * x[reached:]], axis=1),
            alone=continued(np.concatenate([atoms.self_terms, atoms.incoherent_terms]), 0.0),
        )


def _pair_rows(
    table: DistanceTable, factors: _Factors, x: FloatArray, rows: slice, with_slopes: bool
) -> list[FloatArray]:
    """H and J of some particles, per formula unit."""
    units = table.formula_units[rows, None]
    pairs = np.zeros((len(units), len(x)))
    slopes = np.zeros_like(pairs)
    for group, ratio, slope in zip(table.groups, factors.ratios, factors.slopes, strict=True):
        counts = group.multiplicities[rows]
        end = int(np.flatnonzero(counts.any(axis=0)).max(initial=-1)) + 1
        distances = group.distances[:end]
        sums = sine_sums(distances, counts[:, :end] / (distances * units), x) / x
        pairs += ratio * sums
        if with_slopes:
            slopes += slope * sums
    return [pairs, slopes] if with_slopes else [pairs]


def _at(q: FloatArray, x: FloatArray, rows: FloatArray) -> FloatArray:
    """Smooth rows over x at q."""
    return np.array([np.interp(q, x, row) for row in rows])


def _facts(request: SeriesRequest, table: DistanceTable) -> JsonObject:
    """Where the patterns come from."""
    crystal = request.crystal
    return {
        "crystal": crystal.name,
        "crystal_reference": crystal.reference,
        "space_group": crystal.space_group,
        "elements": [s.element for s in table.species],
        "b_iso": [s.b_iso for s in table.species],
        "shape": request.shape if isinstance(request.shape, str) else repr(request.shape),
        "fill": request.fill,
        "wavelength": request.wavelength,
        "compton": request.compton,
        "bounds": {name: list(ends) for name, ends in request.bounds.items()},
        "diameters": list(request.diameters),
        "dispersions": list(request.dispersions),
        "instrument": None if request.instrument is None else request.instrument.to_json(),
        "eta": request.eta if request.fwhm is not None else None,
        "sk_qdots_version": version("sk_qdots"),
    }

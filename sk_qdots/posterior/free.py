r"""Populations without a form.

The size distribution of nanocrystals need not be assumed: total scattering tells it [1]_, as
small-angle scattering does [2]_. Here the weights of all particles of the series are sought, as
smooth as the evidence of the pattern makes them (:mod:`sk_qdots.posterior._smooth_density`), and a
lognormal where nothing else is told. All that is linear is integrated out as before. Strain,
displacements and resolution are refined with the population that was found, and so is judged what
a simulation lacks: what a lognormal could not explain is then no error any more.

References
----------
.. [1] F. Ferri, F. Bertolotti, A. Guagliardi, N. Masciocchi, Sci. Rep. 10, 12759 (2020).
.. [2] I. Bressler, B. R. Pauw, A. F. Thünemann, J. Appl. Cryst. 48, 962 (2015).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from .._typing import BoolArray, FloatArray
from ._analysis import Analysis, _Run
from ._density import GRIDDED, Crossed, Neighbourhood, Node, Sizes
from ._gridded import gridded_nodes
from ._mixtures import Mixture, mixture
from ._mixtures import Ranges as MixtureRanges
from ._model import BinnedSeries, Ranges, told
from ._observation import Observation
from ._search import Mode, refined
from ._smooth_density import STRENGTHS, Density, Evidence, SmoothPrior, fitted
from ._surroundings import Scales, Surroundings
from ._texture import Reflections

__all__ = [
    "FreeAnalysis",
    "FreePart",
    "averages",
    "distribution",
    "drawn",
    "freely_analysed",
    "freely_drawn",
    "mixed_sizes",
    "model_of",
]

_ANY_DIAMETERS, _ANY_DISPERSIONS = (0.05, 1000.0), (0.01, 1.0)
_SHAPE = 0.1  # what stands for the dispersion of a shape as it is; twice it is twice as wide
_SMALLEST = 0.8  # of the smallest number average: particles below are left out
_LEAST_LOG = 6.0  # evidence that a strength may be behind the best one and still count
_BANDS = (0.05, 0.5, 0.95)
_LEAST_SHARE = 0.05  # of the volume, of a size of its own
_DIP = 0.9  # of the lower of two modes, that lies between them
_SURE = 0.95  # of the draws
_N_ROUNDS = 2
_FITS = 1.5  # reduced chi-square, with which there is no texture
_MOST_CHOICES = 6
_LARGEST = 1.5  # of the largest number average: a mode of the volume density beyond is none
_MOST_MODES, _LEAST_MODE = 3, 0.005  # number; share of the volume
_LOG_OF_A_FORM = 2.0  # log probability of lognormals, to that of what is rougher
_LOG_OF_A_MODE = 3.0  # log probability that a density has no further mode


class FreeSeries(BinnedSeries):
    """Populations of one form, moved and stretched along ln D.

    In place of the volume average stands a factor of all sizes, in place of the dispersion that of
    their width, times 0.1.

    Parameters
    ----------
    model : BinnedSeries
    shares : ndarray of shape (n_particles,)
        Volume shares of the population.
    """

    def __init__(self, model: BinnedSeries, shares: FloatArray) -> None:
        ranges = Ranges(_ANY_DIAMETERS, _ANY_DISPERSIONS, model.ranges.extras)
        super().__init__(model.series, model.bins, ranges, model.fixed)
        self.factor = model.factor
        self.logs = np.log(self.series.diameters)
        self._widths = np.gradient(self.logs)
        self.shares = shares / shares.sum()
        self._log_density = np.log(np.maximum(self.shares, 1e-12) / self._widths)
        self.middle = float(self.shares @ self.logs)

    def place(self, extras: FloatArray) -> FloatArray:
        """The population as it is, with these extras."""
        return np.concatenate([[np.exp(self.middle), _SHAPE], extras])

    def populations(self, volume: FloatArray, dispersion: FloatArray) -> FloatArray:
        """Number fractions of the particles in the population, moved and stretched."""
        stretched = np.asarray(dispersion)[:, None] / _SHAPE
        at = self.middle + (self.logs - np.log(volume)[:, None]) / stretched
        units = np.exp(np.interp(at, self.logs, self._log_density)) * self._widths
        numbers = units / self.series.formula_units
        return np.asarray(numbers / numbers.sum(axis=1, keepdims=True))


def _modes(density: FloatArray, weights: FloatArray) -> list[int]:
    """Places of the modes of a density, the one of most weight first."""
    padded = np.concatenate([[0.0], density, [0.0]])
    peaks = np.flatnonzero((density >= padded[:-2]) & (density > padded[2:]))
    dips = [int(a + density[a:b].argmin()) for a, b in itertools.pairwise(peaks)]
    held = np.add.reduceat(weights, [0, *dips]) / weights.sum()
    order = np.argsort(-held)
    return [int(peaks[k]) for k in order[:_MOST_MODES] if held[k] > _LEAST_MODE]


@dataclass(frozen=True, eq=False)
class _Choice:
    """A density, and how likely before are as many modes as it may have."""

    density: Density | Mixture
    log_prior: float

    @property
    def log_weight(self) -> float:
        return self.density.log_evidence + self.log_prior


@dataclass(frozen=True, eq=False)
class FreePart:
    """Densities of one strength at one node of what is gridded.

    Parameters
    ----------
    node : Node
    density : Density or Mixture
    sizes : Sizes
    units : ndarray of shape (n_particles,)
        What makes a volume share of a weight.
    kept : ndarray of shape (n_particles,) of bool
        Which of the particles of the series have weights.
    log_weight : float
        Evidence with the prior of the node.
    """

    node: Node
    density: Density | Mixture
    sizes: Sizes
    kept: BoolArray
    log_weight: float


@dataclass(eq=False)
class FreeAnalysis(Analysis):
    """The posterior of one pattern, of populations without a form.

    Parameters
    ----------
    parts : sequence of FreePart
    model : BinnedSeries
        With the most likely population.
    """

    parts: Sequence[FreePart] = ()
    model: FreeSeries | None = None

    @property
    def labelled(self) -> list[tuple[str, float]]:
        """Models that were compared, each with a part of its log evidence."""
        return [(part.node.label, part.log_weight) for part in self.parts]

    def averages(self) -> dict[str, float]:
        """Sizes of the most likely population."""
        model = model_of(self)
        found = averages(model.series.diameters, model.shares[None])
        return {name: float(values[0]) for name, values in found.items()}


def freely_analysed(
    observed: Observation,
    surroundings: Surroundings,
    model: BinnedSeries,
    groups: Reflections | None = None,
    is_textured: bool = False,
) -> FreeAnalysis:
    """As :func:`sk_qdots.posterior._analysis.analysed`, of populations without a form."""
    found = []
    if not is_textured:
        # Texture, too, could make up for what lognormals lack.
        found.append(_FreeRun(observed, surroundings, model, None, False).freely())
    fits = bool(found) and found[0].misfit == 0.0 and not found[0].chi2 >= _FITS
    if groups is not None and not fits:
        found.append(_FreeRun(observed, surroundings, model, groups, is_textured).freely())
    return max(found, key=lambda one: one.evidence)


class _FreeRun(_Run):
    """One analysis: of lognormals first, then of what their best place leads to."""

    def freely(self) -> FreeAnalysis:
        found = self.done()
        assert isinstance(found, FreeAnalysis)
        return found

    def _summary(self, mode: Mode, choices: Sequence[tuple[Scales, float]]) -> FreeAnalysis:
        """From the best lognormal to populations without a form."""
        is_lognormal = self.misfit == 0.0 and choices[0][0].error == 0.0
        self.whole = self.model
        diameters = self.whole.series.diameters
        self.kept = diameters >= _SMALLEST * self.whole.ranges.diameters[0]
        self.logs = np.log(diameters[self.kept])
        self.extras = mode.place[2:]
        self.priors: dict[tuple[tuple[int, ...], tuple[int, ...]], SmoothPrior] = {}
        shares = self.whole.populations(mode.place[:1], mode.place[1:2])[0]
        shares = shares * self.whole.series.formula_units
        # What lognormals lack is not taken for an error of the simulation.
        self.extra = np.zeros_like(self.extra)
        scales = replace(choices[0][0], error=0.0, size=0.0, surface=0.0)
        self.system = self._system()
        shares = self._most_likely(mode, scales, shares, is_first=True)
        for _ in range(1 if is_lognormal else _N_ROUNDS):
            mode = self._refined(mode, scales, shares)
            choices = self._choices(mode)
            scales = choices[0][0]
            solved = self._solved(scales)
            self._note(mode, solved)
            self._judge_misfit(mode, solved)
            self.reference = mode
            self.system = self._system()
            shares = self._most_likely(mode, scales, shares)
        mode = self._refined(mode, scales, shares)
        parts = self._parts_of(mode, self._choices(mode), shares)
        return self._free_summary(mode, scales, parts)

    def _refined(self, mode: Mode, scales: Scales, shares: FloatArray) -> Mode:
        """The best strain and other extras of a population."""
        self.model = FreeSeries(self.whole, shares)
        place = self.model.place(self.extras)
        return refined(self._solved(scales), self.model, place, 4)

    def _of_weights(
        self, near: Neighbourhood, scales: Scales, gridded: FloatArray
    ) -> tuple[Sizes, Evidence]:
        return self._of(near, scales, near.at(gridded))

    def _of(self, near: Neighbourhood, scales: Scales, crossed: Crossed) -> tuple[Sizes, Evidence]:
        """What the pattern says of the weights, at one node and scale."""
        prior = self.around.prior(scales, self.system.columns.shape[1])
        sizes = near.sizes(*prior, crossed)
        units = self.whole.series.formula_units[self.kept]
        products = sizes.products[np.ix_(self.kept, self.kept)] / np.outer(units, units)
        return sizes, Evidence(
            self._prior_of([len(units) // 2]),
            products,
            sizes.right[self.kept] / units,
            sizes.constant,
        )

    def _start(self, evidence: Evidence, shares: FloatArray) -> FloatArray:
        """F of shares, in their best amount."""
        some = np.maximum(shares[self.kept], 1e-9 * shares.max())
        amount = max(float(some @ evidence.right), 1e-9) / float(some @ evidence.products @ some)
        return np.asarray(np.log(amount * some / evidence.prior.widths))

    def _prior_of(self, modes: Sequence[int], dips: Sequence[int] = ()) -> SmoothPrior:
        key = (tuple(modes), tuple(dips))
        if key not in self.priors:
            self.priors[key] = SmoothPrior(self.logs, *key)
        return self.priors[key]

    def _ranges(self) -> MixtureRanges:
        """Of lognormals."""
        ranges = self.whole.ranges
        low, high = np.log(ranges.diameters)
        first, last = np.sqrt(np.log1p(np.square(ranges.dispersions)))
        return MixtureRanges((float(low), float(high + np.log(_LARGEST))), (first, last))

    def _lognormals(self, weights: FloatArray, dips: Sequence[int]) -> FloatArray:
        """Weight, middle and width of each part of a density."""
        found = []
        for part in np.split(np.arange(len(weights)), dips):
            total = max(float(weights[part].sum()), 1e-12)
            middle = float(weights[part] @ self.logs[part]) / total
            square = float(weights[part] @ (self.logs[part] - middle) ** 2) / total
            found.append((total, middle, square**0.5))
        return np.array(found)

    def _choices_of_modes(self, evidence: Evidence, shares: FloatArray) -> list[_Choice]:
        """Densities of one mode, and of several where they fit better."""
        rough = fitted(evidence, STRENGTHS[-1], evidence.first())
        for strength in STRENGTHS[-2::-1]:
            smoother = fitted(evidence, strength, rough.logs)
            if smoother.log_evidence > rough.log_evidence:
                rough = smoother
        density = rough.weights / np.gradient(self.logs)
        ends = self.whole.ranges.diameters
        all_modes = [
            k
            for k in _modes(density, rough.weights)
            if ends[0] <= np.exp(self.logs[k]) <= _LARGEST * ends[1]
        ] or [int(shares[self.kept].argmax())]
        found = []
        ranges = self._ranges()
        level = ranges.log_density - evidence.prior.log_density
        for k in range(len(all_modes)):
            modes = sorted(all_modes[: k + 1])
            dips = [int(a + density[a:b].argmin()) for a, b in itertools.pairwise(modes)]
            log_prior = -_LOG_OF_A_MODE * k
            start = self._lognormals(rough.weights, dips)
            several = mixture(evidence, ranges, start)
            within = replace(evidence, prior=self._prior_of(modes, dips))
            found.append(_Choice(several, log_prior))
            for strength in STRENGTHS:
                one = fitted(within, strength, rough.logs)
                mean = float(one.weights @ self.logs / one.weights.sum())
                found.append(_Choice(one, log_prior + level - mean - _LOG_OF_A_FORM))
        found.sort(key=lambda one: -one.log_weight)
        least = found[0].log_weight - _LEAST_LOG
        return [one for one in found[:_MOST_CHOICES] if one.log_weight > least]

    def _most_likely(
        self, mode: Mode, scales: Scales, shares: FloatArray, is_first: bool = False
    ) -> FloatArray:
        """The most likely population, with the extras that go with it."""
        near = Neighbourhood(self.system, self.model, mode)
        extras, gridded = mode.place[2:].copy(), ~near.is_linear
        places = [extras[gridded]]
        if is_first and gridded.any():
            # What a lognormal took for a resolution or faults may be other sizes.
            lowest = self.whole.ranges.low[2:][gridded]
            places += [lowest] if not np.allclose(lowest, places[0]) else []
        found = []
        for place in places:
            sizes, evidence = self._of_weights(near, scales, place)
            found.append((self._choices_of_modes(evidence, shares)[0], sizes, place))
        best, sizes, extras[gridded] = max(found, key=lambda each: each[0].log_weight)
        weights = np.zeros(len(self.kept))
        weights[self.kept] = best.density.weights
        amounts = weights / self.whole.series.formula_units
        extras[near.is_linear] = sizes.linear(amounts[None])[0]
        self.extras = extras
        return weights

    def _parts_of(
        self, mode: Mode, choices: Sequence[tuple[Scales, float]], shares: FloatArray
    ) -> list[FreePart]:
        """The most likely densities at every node and scale."""
        near = Neighbourhood(self.system, self.model, mode)
        kept = self._likely(choices)
        evidence = self._of_weights(near, kept[0], mode.place[2:][~near.is_linear])[1]
        tried = self._choices_of_modes(evidence, shares)
        deviations = np.sqrt(np.diag(self._covariance(mode, self._solved(kept[0]))))
        found: list[FreePart] = []
        profile = self._profile(self.model, mode, self._solved(kept[0]))
        ranges = self.model.ranges
        for node in gridded_nodes(ranges, deviations, mode.place, self.log_prior, profile):
            crossed = near.at(node.values, node.share)
            first: dict[int, FreePart] = {}
            for scales in kept:
                sizes, here = self._of(near, scales, crossed)
                for k, one in enumerate(tried):
                    if k not in first:
                        density = one.density.again(here, False)
                    elif first[k].log_weight > found[0].log_weight - _LEAST_LOG:
                        density = first[k].density.again(here, True)
                    else:
                        continue
                    weight = density.log_evidence + one.log_prior + node.log_prior
                    part = FreePart(node, density, sizes, self.kept, weight)
                    first.setdefault(k, part)
                    found.append(part)
        return found

    def _free_summary(self, mode: Mode, scales: Scales, parts: list[FreePart]) -> FreeAnalysis:
        assert isinstance(self.model, FreeSeries)
        logs = np.array([part.log_weight for part in parts])
        found = self._analysis([mode], scales, [], float(np.logaddexp.reduce(logs)))
        return FreeAnalysis(**vars(found), parts=parts, model=self.model)


def drawn(
    found: Sequence[FreeAnalysis], n_draws: int, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Equally likely draws of everything, from the analyses of several shapes.

    Parameters
    ----------
    found : sequence of FreeAnalysis
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    draws : dict of str to ndarray of shape (n_draws,)
    shares : ndarray of shape (n_draws, n_particles)
        Volume shares of the particles of the first shape; of the others those of the nearest
        density.
    """
    parts = [(one, part) for one in found for part in one.parts]
    logs = np.array([part.log_weight for _, part in parts])
    ends = np.cumsum(np.exp(logs - logs.max()))
    at = (np.arange(n_draws) + rng.random()) / n_draws * ends[-1]
    counts = np.bincount(np.searchsorted(ends[:-1], at), minlength=len(parts))
    common = model_of(found[0]).series.diameters
    tables: list[dict[str, FloatArray]] = []
    shares: list[FloatArray] = []
    for (one, part), count in zip(parts, counts.tolist(), strict=True):
        if count:
            weights = part.density.drawn(count, rng)
            model = model_of(one)
            tables.append(_table(part, model, weights, rng))
            shares.append(_on(common, model.series.diameters, part.kept, weights))
    draws = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    order = rng.permutation(n_draws)
    return {name: values[order] for name, values in draws.items()}, np.concatenate(shares)[order]


def freely_drawn(
    found: Sequence[FreeAnalysis], n_draws: int, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], xr.Dataset, list[str]]:
    """Draws, densities, and what is to be said of sizes that are mixed.

    Parameters
    ----------
    found : sequence of FreeAnalysis
        Of the shapes that count, the best first.
    n_draws : int
    rng : numpy.random.Generator
    """
    draws, shares = drawn(found, n_draws, rng)
    diameters = model_of(found[0]).series.diameters
    said = []
    if mixed := mixed_sizes(diameters, shares):
        parts = [f"{size:.2g} nm ({100.0 * share:.0f} % of the volume)" for size, share in mixed]
        count = {2: "two", 3: "three"}[len(mixed)]
        said.append(
            f"{count} sizes are mixed: {', '.join(parts[:-1])} and {parts[-1]}; averages are of all"
        )
    return draws, distribution(diameters, shares), said


def model_of(analysis: FreeAnalysis) -> FreeSeries:
    """The series with the most likely population."""
    assert analysis.model is not None
    return analysis.model


def _table(
    part: FreePart, model: FreeSeries, weights: FloatArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Draws of the averages of weights, and of the extras that go with them."""
    series, ranges = model.series, model.ranges
    diameters, units = series.diameters[part.kept], series.formula_units[part.kept]
    found = averages(diameters, weights / weights.sum(axis=1, keepdims=True))
    amounts = np.zeros((len(weights), len(part.kept)))
    amounts[:, part.kept] = weights / units
    linear = part.sizes.extras(amounts, rng)
    is_linear = np.array([name not in GRIDDED for name in ranges.extras], dtype=bool)
    extras = np.empty((len(weights), len(is_linear)))
    extras[:, is_linear] = linear
    for j, k in enumerate(np.flatnonzero(~is_linear).tolist()):
        name = list(ranges.extras)[k]
        step = part.node.widths[j] * (rng.random(len(weights)) - 0.5)
        value = part.node.values[j]
        extras[:, k] = np.maximum(value**0.5 + step, 0.0) ** 2 if name == "fwhm" else value + step
    for k, (name, ends) in enumerate(ranges.extras.items()):
        values = np.clip(extras[:, k], *ends)
        found[name] = told(name, values)
    return found


def averages(diameters: FloatArray, shares: FloatArray) -> dict[str, FloatArray]:
    """Averages of populations, and their dispersion.

    Parameters
    ----------
    diameters : ndarray of shape (n_particles,)
    shares : ndarray of shape (n_populations, n_particles)
        Of the volume.

    Returns
    -------
    dict of str to ndarray of shape (n_populations,)
    """
    numbers = shares / diameters**3
    moments = [numbers @ diameters**k for k in range(5)]
    mean = moments[1] / moments[0]
    return {
        "diameter": mean,
        "volume_diameter": moments[4] / moments[3],
        "surface_diameter": moments[3] / moments[2],
        "dispersion": np.sqrt(np.maximum(moments[2] / moments[0] / mean**2 - 1.0, 0.0)),
    }


def _on(
    common: FloatArray, diameters: FloatArray, kept: BoolArray, weights: FloatArray
) -> FloatArray:
    """Volume shares of the particles of another series."""
    whole = np.zeros((len(weights), len(kept)))
    whole[:, kept] = weights
    whole /= whole.sum(axis=1, keepdims=True)
    if len(common) == len(diameters) and np.array_equal(common, diameters):
        return whole
    density = whole / np.gradient(diameters)
    moved = np.array([np.interp(common, diameters, row, 0.0, 0.0) for row in density])
    moved *= np.gradient(common)
    return np.asarray(moved / moved.sum(axis=1, keepdims=True))


def distribution(diameters: FloatArray, shares: FloatArray) -> xr.Dataset:
    """Densities of sizes with their bands.

    Parameters
    ----------
    diameters : ndarray of shape (n_particles,)
        In nm.
    shares : ndarray of shape (n_draws, n_particles)
        Volume shares.

    Returns
    -------
    Dataset
        ``number``, ``surface`` and ``volume``, per nm, over ``diameter`` and ``band`` (the mean,
        and the quantiles 5, 50 and 95 %).
    """
    widths = np.gradient(diameters)
    found = {}
    for name, power in (("number", 3), ("surface", 1), ("volume", 0)):
        weights = shares / diameters**power
        density = weights / weights.sum(axis=1, keepdims=True) / widths
        rows = np.concatenate([density.mean(axis=0)[None], np.quantile(density, _BANDS, axis=0)])
        found[name] = (("band", "diameter"), rows, {"units": "1/nm"})
    return xr.Dataset(
        found,
        coords={
            "diameter": ("diameter", diameters, {"units": "nm"}),
            "band": ["mean", *(f"{100.0 * band:g} %" for band in _BANDS)],
        },
    )


def mixed_sizes(diameters: FloatArray, shares: FloatArray) -> list[tuple[float, float]]:
    """Sizes that are mixed, where that is certain.

    The volume density over ln D has several modes, each with a twentieth of the volume or more, and
    in 95 % of the draws it falls between them below 90 % of the lower one.

    Parameters
    ----------
    diameters : ndarray of shape (n_particles,)
    shares : ndarray of shape (n_draws, n_particles)

    Returns
    -------
    list of (float, float)
        Volume average between two dips, in nm, and the share of the volume there; the sizes
        ascend. Empty where there is no dip.
    """
    density = shares / np.gradient(np.log(diameters))
    mean, total = density.mean(axis=0), shares.mean(axis=0)
    rising = np.maximum.accumulate(density, axis=1)
    falling = np.maximum.accumulate(density[:, ::-1], axis=1)[:, ::-1]
    is_dip = density < _DIP * np.minimum(rising, falling)
    cuts: list[int] = []
    for low, high in itertools.pairwise(sorted(_modes(mean, total))):
        dip = low + int(mean[low : high + 1].argmin())
        below = shares[:, cuts[-1] if cuts else 0 : dip].sum(axis=1)
        above = shares[:, dip:].sum(axis=1)
        is_mixed = is_dip[:, low : high + 1].any(axis=1)
        is_mixed &= (below > _LEAST_SHARE) & (above > _LEAST_SHARE)
        if is_mixed.mean() >= _SURE:
            cuts.append(dip)
    if not cuts:
        return []
    parts = np.split(np.arange(len(diameters)), cuts)
    return [
        (float(total[part] @ diameters[part] / total[part].sum()), float(total[part].sum()))
        for part in parts
    ]

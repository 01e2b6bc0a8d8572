r"""From one pattern to its posterior.

Beside the dots, in an amount that is not known, a pattern holds liquids in amounts that are not
known, a smooth background, smooth errors of the dots' pattern (:mod:`._surroundings`) and, where
texture is looked for, a factor for each group of reflections (:mod:`._texture`). How large these
may be is not told but compared by the evidence of the pattern, and averaged over. What is left then
and is more than noise, and alike over the width of a peak, is misfit: its size is found by the
likelihood of the residual's means over such widths. It is added to the noise in proportion to the
square of the dots' pattern, and taken as an error of the size, so that it widens all errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .._typing import FloatArray, IntArray
from ..simulation.lognormals import volume_mean
from ._density import Component, Neighbourhood, Sizes
from ._gridded import Profile, gridded_nodes
from ._linear import Solved, System
from ._model import BinnedSeries
from ._observation import Observation
from ._search import Mode, refined, starts
from ._surroundings import Scales, Surroundings
from ._texture import Reflections
from ._trust import trust_range

__all__ = ["WRONG", "Analysis", "analysed"]

WRONG = 0.04
"""Smooth error of the dots' pattern that no pattern has whose particles are as simulated."""

_SIZES = (0.0, 0.015, 0.05)  # relative
_SURFACES = (0.0, 0.08)  # relative
_BACKGROUNDS = (0.002, 0.006, 0.02, 0.06)  # of the local intensity
_ERRORS = (0.0, 0.01, 0.04, 0.15)  # of the dots' pattern
_TEXTURE = 1.5  # standard deviation of the factor of a group of reflections
_AMOUNT = 3.0  # standard deviation of the amount of a group by itself, of the mean intensity
_N_TEXTURED = 3  # sizes at which free groups are tried
_NEAR_STRAIN = 0.0015
_TEXTURE_ROUNDS = 6
_TEXTURE_LEFT = 0.1  # standard deviation of the factors, about those that were found
_LEAST_FACTOR = 0.02
_FIRST_BACKGROUND, _SECOND_BACKGROUND = 0.02, 0.01
_N_STARTS, _N_PEAKS = 2, 3
_COARSE = 0.5  # of the sum of squares, that a step on the way must bring
_SAME = 0.01  # relative volume average and dispersion, together
_FAR_BEHIND = 18.0  # of the sum of squares
_BEHIND = 60.0  # the same, on the way
_MANY_ROUNDS = 4
_FEWER = 0.75  # of the particles: what is not much quicker without the others is done with them
_FAR = 6.0  # standard deviations, within which populations are taken as likely
_UNLIKELY = 10.0  # log density
_HARMLESS = 1e-3  # height of a peak, of the highest, of particles that may be without
_N_SCALES, _SCALE_ROOM = 3, 4.0  # of the amplitudes that are averaged over; log evidence
_MISFIT_LENGTH = 0.08  # 1/Angstrom
_LEAST_OF_A_CELL, _FEWEST_CELLS = 3, 10  # bins, cells: fewer do not tell a scatter
_USUAL = 3.0  # standard deviations: what is beyond is no noise
_MOST_ALIKE = 0.8  # correlation of neighbouring bins
_MISFITS = np.concatenate([[0.0], np.geomspace(3e-4, 0.3, 40)])
_SIZE_OF_MISFIT = 3.0  # relative error of the size that goes with a misfit of 1
_SIZE_OF_EXCESS = 0.015  # the same, with a chi-square of 2
_SIZE_OF_RESIDUAL = 5.0  # the same, with a residual of 1, noise included: never more
_LARGEST_SIZE = 0.1
_LARGEST_OF_ERROR = 0.05  # the same, with a smooth error of WRONG or more: as large as that
_LEAST_MISFIT = 2.0  # log likelihood that a misfit must bring
_CLOSE = (0.85, 1.2)  # chi-square, in which the residual tells the noise best
_FLOOR = 0.02


@dataclass(eq=False)
class Analysis:
    """The posterior of one pattern under one model.

    Parameters
    ----------
    components : list of Component
    modes : list of Mode
        The best first.
    evidence : float
        Logarithm of the evidence.
    cell_logs : ndarray of shape (n_cells,)
        That of the cells of a library.
    chi2 : float
        Reduced, against the noise alone; NaN where only the fit tells the noise.
    misfit : float
        Standard deviation of the misfit, of the dots' pattern.
    widened : float
        Deviation of the volume average over what noise alone would make it.
    scales : Scales
        The most likely.
    background : ndarray of shape (n_bins,)
        All but the dots' simulated pattern, at the best place.
    smooth_background : ndarray of shape (n_bins,)
        Liquids and background alone.
    relative_error : ndarray of shape (n_bins,)
        Of the dots' pattern.
    amounts : ndarray of shape (n_curves,)
        Of liquids and blanks, in the mean intensity.
    residual : ndarray of shape (n_bins,)
    noise : ndarray of shape (n_bins,)
        Variance of the noise alone.
    trust_range : tuple of 2 float
        Smallest and largest size that the pattern tells, in nm.
    size_error : float
        Relative standard deviation of all sizes that goes with the misfit, beside their posterior.
    """

    components: list[Component]
    modes: list[Mode]
    evidence: float
    cell_logs: FloatArray
    chi2: float
    misfit: float
    widened: float
    scales: Scales
    background: FloatArray = field(repr=False)
    smooth_background: FloatArray = field(repr=False)
    relative_error: FloatArray = field(repr=False)
    amounts: FloatArray = field(repr=False)
    residual: FloatArray = field(repr=False)
    noise: FloatArray = field(repr=False)
    trust_range: tuple[float, float]
    size_error: float = 0.0

    @property
    def labelled(self) -> list[tuple[str, float]]:
        """Models that were compared, each with a part of its log evidence."""
        return [(one.node.label, one.log_evidence) for one in self.components]

    def averages(self) -> dict[str, float]:
        """Sizes at the best place."""
        volume, dispersion = self.modes[0].place[:2].tolist()
        spread = 1.0 + dispersion**2
        return {
            "diameter": volume / spread**3,
            "volume_diameter": volume,
            "surface_diameter": volume / spread,
            "dispersion": dispersion,
        }


def analysed(
    observed: Observation,
    surroundings: Surroundings,
    model: BinnedSeries,
    groups: Reflections | None = None,
    is_textured: bool = False,
    cells: FloatArray | None = None,
) -> Analysis:
    """The posterior of one pattern under one model.

    Parameters
    ----------
    observed : Observation
    surroundings : Surroundings
    model : BinnedSeries
    groups : Reflections, optional
        That texture may change.
    is_textured : bool, default=False
        Whether texture is certain, or else compared by evidence.
    cells : ndarray of shape (n_cells, 2), optional
        Diameters and dispersions whose evidence is wanted, too.

    Returns
    -------
    Analysis
    """
    return _Run(observed, surroundings, model, groups, is_textured, cells).done()


class _Run:
    """One analysis: what is found on the way."""

    def __init__(
        self,
        observed: Observation,
        surroundings: Surroundings,
        model: BinnedSeries,
        groups: Reflections | None,
        is_textured: bool,
        cells: FloatArray | None = None,
    ) -> None:
        self.observed, self.around, self.model = observed, surroundings, model
        self.groups, self.is_textured = groups, is_textured
        self.cells = cells
        self.cell_logs = np.full(0 if cells is None else len(cells), -np.inf)
        # Standard deviation of the factors of groups of reflections; None: to be found.
        self.texture = None if groups is not None else 0.0
        self.log_prior = 0.0  # of the factors that were found for the groups
        self.envelope = observed.envelope
        self.expected = observed.smoothed()
        self.level = observed.level
        self.extra = np.zeros(len(observed.values))  # variance of the misfit
        self.misfit = 0.0
        self.size_error = 0.0  # relative, that goes with the misfit
        self.amplitudes: Scales | None = None  # that were the most likely the last time
        self.is_judged = False  # whether what is left is misfit and noise, and no wrong place
        self.others: list[FloatArray] = []  # places that are nearly as good
        self.amounts = np.empty(0)  # of liquids and blanks
        self.reference: Mode | None = None  # whose pattern the errors are of
        self.system = self._system()

    def done(self) -> Analysis:
        solved = self._solved(Scales(_FIRST_BACKGROUND))
        modes = [
            refined(solved, self.model, s, least_gain=_COARSE)
            for s in starts(solved, self.model, _N_STARTS)
        ]
        mode = min(modes, key=lambda m: m.square)
        self._renew(mode, solved)
        scales = Scales(_SECOND_BACKGROUND)
        solved = self._solved(scales)
        mode = self._best_of(solved, mode, scales)
        self._note(mode, solved)
        self.reference = mode
        self.system = self._system()
        choices = self._choices(mode)
        mode = refined(self._solved(choices[0][0]), self.model, mode.place)
        if self._may_be_textured(choices):
            mode = self._with_texture(mode)
            choices = self._choices(mode)
        elif self.texture is None:
            self.texture = 0.0
            self.system = self.system.without_last(len(self.groups or ()))
            choices = self._choices(mode)
        best = choices[0][0]
        self.is_judged = True
        self._note(mode, self._solved(best))
        self._judge_misfit(mode, self._solved(best))
        self.reference = mode
        self.system = self._system()
        choices = self._choices(mode)
        best = choices[0][0]
        mode = refined(self._solved(best), self.model, mode.place)
        return self._summary(mode, choices)

    def _system(self) -> System:
        variances = self.observed.variances(self.expected, self.level) + self.extra
        mode = self.reference
        # Columns that no amplitude is looked for are left out: each costs time.
        is_wanted = mode is not None and self.texture != 0.0
        shares = self._shares(mode.place) if mode is not None and is_wanted else None
        columns = self.around.columns(self.envelope, mode, shares)
        return System(columns, 1.0 / variances, self.observed.values)

    def _shares(self, place: FloatArray) -> FloatArray | None:
        """Shares of the groups of reflections in the pattern of a place."""
        if self.groups is None:
            return None
        strain = self.model.values(place[2:]).get("strain", 0.0)
        return self.groups.shares(float(place[0]), strain)

    def _solved(self, scales: Scales) -> Solved:
        variances, used = self.around.prior(scales, self.system.columns.shape[1])
        return self.system.solved(variances, used=used)

    def _note(self, mode: Mode, solved: Solved) -> None:
        """What is expected and the level of the noise, from a fit."""
        background = solved.background(mode.amount * mode.curve)
        self.expected = np.maximum(background + mode.amount * mode.curve, _FLOOR)
        self.background = background
        self.residual = self.observed.values - background - mode.amount * mode.curve
        free = max(len(self.residual) - solved.n_free() - len(mode.place), 5.0)
        unit = self.observed.variances(self.expected, 1.0)
        found = float((self.residual**2 / unit).sum()) / free
        known = self.observed.level
        if not self.observed.is_level_known:
            self.chi2, self.level = np.nan, found
        else:
            self.chi2 = found / known
            if _CLOSE[0] <= self.chi2 <= _CLOSE[1]:
                self.level = found
            elif self.is_judged:  # noise that is alike from point to point hides from differences
                self.level = max(known, min(self._scatter(unit), found))
            else:
                self.level = known
        self.level = max(self.level, 1e-12)

    def _scatter(self, unit: FloatArray) -> float:
        """Level of the noise by what is left within the width of a peak.

        Of most such stretches: a misfit is where the peaks are, noise is everywhere.
        """
        cell, weights = self._cells(), 1.0 / unit
        mean = np.bincount(cell, weights * self.residual) / np.bincount(cell, weights)
        apart = (self.residual - mean[cell]) * np.sqrt(weights)
        count = np.bincount(cell)
        full = count >= _LEAST_OF_A_CELL
        if full.sum() < _FEWEST_CELLS:
            return 0.0
        free = count[full] - 1.0
        squares = np.bincount(cell, apart**2)[full] / free
        # The median of chi-square over its mean, of so many free points.
        level = float(np.median(squares / (1.0 - 2.0 / (9.0 * free)) ** 3))
        small = np.abs(apart) < _USUAL * np.sqrt(level)
        pairs = small[1:] & small[:-1]
        square = float((apart[small] ** 2).mean()) if small.any() else 1.0
        alike = float((apart[1:] * apart[:-1])[pairs].mean()) / square if pairs.any() else 0.0
        alike = min(max(alike + 1.0 / float(count[full].mean()), 0.0), _MOST_ALIKE)
        return level * (1.0 + alike) / (1.0 - alike)

    def _cells(self) -> IntArray:
        """Number of the stretch, as wide as a peak, that each bin lies in."""
        q = self.observed.bins.q
        cell = np.floor((q - q[0]) / _MISFIT_LENGTH).astype(np.int64)
        return np.asarray(np.unique(cell, return_inverse=True)[1])

    def _renew(self, mode: Mode, solved: Solved) -> None:
        """Weigh the pattern by a first fit, whose residual is more than noise."""
        self._note(mode, solved)
        if self.chi2 > _CLOSE[1]:  # and not NaN: the level is then that of the fit already
            self.level = max(self.level, self.chi2 * self.observed.level)
        self.system = self._system()

    def _best_of(self, solved: Solved, mode: Mode, scales: Scales) -> Mode:
        """The best place among all sizes at the extras of one."""
        found = [mode]
        for peak in self._sizes(mode, scales).peaks(_N_PEAKS):
            if not _is_same(peak, mode):
                place = np.concatenate([peak, mode.place[2:]])
                found.append(refined(solved, self.model, place, 5, _COARSE))
        if "march" in self.model.ranges.extras:  # its inverse looks much alike
            best = min(found, key=lambda m: m.square)
            place = best.place.copy()
            place[self.model.ranges.names.index("march")] *= -1.0
            found.append(refined(solved, self.model, place, least_gain=_COARSE))
        best = min(found, key=lambda m: m.square)
        self.others = [m.place for m in found if m.square < best.square + _BEHIND]
        return best

    def _sizes(self, mode: Mode, scales: Scales) -> Sizes:
        near = Neighbourhood(self.system, self.model, mode)
        prior = self.around.prior(scales, self.system.columns.shape[1])
        return near.sizes(*prior, near.at(mode.place[2:][~near.is_linear]))

    def _choices(self, mode: Mode) -> list[tuple[Scales, float]]:
        """Amplitudes of what is not simulated, with their log evidence, the best first.

        One after the other is varied, round by round, until none brings more.
        """
        rows = np.concatenate([mode.curve[None], mode.amount * mode.derivatives])
        cross = self.system.cross(rows)
        precisions = self._precisions()
        tried: dict[Scales, float] = {}

        def evidence(scales: Scales) -> float:
            if scales not in tried:
                solved = self._solved(scales)
                normal, right, _ = solved.reduced(cross)
                normal = normal + np.diag(np.append(1e-6, precisions))
                gain = float(right @ np.linalg.solve(normal, right))
                log_det = float(np.linalg.slogdet(normal)[1])
                tried[scales] = -0.5 * (solved.log_det + solved.square - gain + log_det)
            return tried[scales]

        axes = {"background": _BACKGROUNDS, "error": _ERRORS, "size": _SIZES, "surface": _SURFACES}
        if self.texture is None:
            axes["texture"] = (0.0, _TEXTURE)
        # Where the last fit ended it is not far.
        best = replace(self.amplitudes or Scales(_BACKGROUNDS[1]), texture=self.texture or 0.0)
        for _ in range(_MANY_ROUNDS):
            before = best
            for name, values in axes.items():
                best = max((replace(best, **{name: v}) for v in values), key=evidence)
            if best == before:
                break
        self.amplitudes = best
        return sorted(tried.items(), key=lambda one: -one[1])

    def _precisions(self) -> FloatArray:
        """Of the priors of all that is sought, weak where there is none."""
        ranges = self.model.ranges
        widths = np.concatenate([[10.0], ranges.high[1:] - ranges.low[1:]])
        return np.concatenate([[0.0, 0.0], ranges.precisions]) + 1.0 / widths**2

    def _may_be_textured(self, choices: Sequence[tuple[Scales, float]]) -> bool:
        if self.groups is None:
            return False
        return self.is_textured or choices[0][0].texture > 0.0 or self.chi2 > 2.0

    def _with_texture(self, mode: Mode) -> Mode:
        """The best place with a factor for each group of reflections, where that is likelier."""
        plain, self.texture = self.model, 0.0
        found = [] if self.is_textured else [(self._evidence(mode), 0.0, mode, plain, 0.0)]
        self.texture = _TEXTURE_LEFT
        scales = Scales(_SECOND_BACKGROUND, 0.04, texture=_TEXTURE)
        for place in self._textured_starts():
            one = self._retextured(plain, place)
            for _ in range(_TEXTURE_ROUNDS):
                self.reference = one
                self.system = self._system()
                moved = refined(self._solved(scales), self.model, one.place, 2, _COARSE)
                one = self._retextured(plain, moved.place)
            value, log_prior = self._evidence(one), self._log_prior_of_factors(one)
            found.append((value + log_prior, log_prior, one, self.model, _TEXTURE_LEFT))
        if not found:  # no place at which all amounts are above zero
            found = [(0.0, 0.0, mode, plain, 0.0)]
        _, self.log_prior, best, self.model, self.texture = max(found, key=lambda each: each[0])
        self.reference = best
        self.system = self._system()
        return best

    def _evidence(self, mode: Mode) -> float:
        self.reference = mode
        self.system = self._system()
        return self._choices(mode)[0][1]

    def _retextured(self, plain: BinnedSeries, place: FloatArray) -> Mode:
        """The pattern of a place, its groups of reflections in the amounts that fit best."""
        shares = self._shares(place)
        assert shares is not None and self.groups is not None
        n_groups = len(self.groups)
        curve, _ = plain.curves(place)
        smooth = self.around.columns(self.envelope)
        variances, used = self.around.prior(Scales(_SECOND_BACKGROUND), smooth.shape[1])
        columns = np.concatenate([smooth, curve[:, None] * shares], axis=1)
        solved = System(columns, self.system.weights, self.observed.values).solved(
            np.concatenate([variances, np.full(n_groups, _AMOUNT**2)]),
            used=np.concatenate([used, np.ones(n_groups, dtype=bool)]),
        )
        amounts = solved.amounts()[-n_groups:]
        amounts = np.maximum(amounts, _LEAST_FACTOR * max(float(amounts.max()), 1e-6))
        factor = shares @ amounts
        factor /= factor.mean()
        self.model = plain.multiplied(factor)
        amount = float((shares @ amounts * curve).mean())
        return Mode(place, *self.model.curves(place), amount, np.inf)

    def _log_prior_of_factors(self, mode: Mode) -> float:
        """Density of the factors that were found, in that of what is left free about them."""
        shares = self._shares(mode.place)
        assert shares is not None and self.model.factor is not None
        factors = (shares * self.model.factor[:, None]).sum(axis=0) / shares.sum(axis=0)
        apart = float(((factors / np.median(factors) - 1.0) ** 2).sum()) / _TEXTURE**2
        return -0.5 * apart - len(factors) * float(np.log(_TEXTURE / _TEXTURE_LEFT))

    def _textured_starts(self) -> list[FloatArray]:
        """Best places of the scan where every group of reflections has an amount of its own."""
        assert self.groups is not None
        places, patterns = self.model.scan
        sizes = np.unique(places[:, 0])
        sizes = sizes[np.linspace(1, len(sizes) - 2, _N_TEXTURED).round().astype(int)]
        chosen = np.isin(places[:, 0], sizes) & (places[:, 1] == places[:, 1].min())
        self.reference = None
        weights = self._system().weights
        smooth = self.around.columns(self.envelope)
        variances, used = self.around.prior(Scales(_FIRST_BACKGROUND), smooth.shape[1])
        n_groups = len(self.groups)
        variances = np.concatenate([variances, np.full(n_groups, _AMOUNT**2)])
        used = np.concatenate([used, np.ones(n_groups, dtype=bool)])
        found = []
        for k in np.flatnonzero(chosen).tolist():
            shares = self._shares(places[k])
            assert shares is not None
            columns = np.concatenate([smooth, patterns[k][:, None] * shares], axis=1)
            solved = System(columns, weights, self.observed.values).solved(variances, used=used)
            amount = float(np.mean(solved.amounts()[-n_groups:]))
            found.append((solved.log_det + solved.square, k, amount))
        found.sort()
        ends: list[FloatArray] = []
        for _, k, amount in found:
            if amount > 0.0 and all(abs(places[k, 2] - one[2]) > _NEAR_STRAIN for one in ends):
                ends.append(places[k].astype(np.float64))
            if len(ends) == _N_STARTS:
                break
        return ends

    def _judge_misfit(self, mode: Mode, solved: Solved) -> None:
        """Size of what is left and is more than noise, and what it adds to the noise."""
        dots = mode.amount * mode.curve
        weights = 1.0 / self.observed.variances(self.expected, self.level)
        cell = self._cells()
        total = np.bincount(cell, weights)
        mean = np.bincount(cell, weights * self.residual) / total
        square = np.bincount(cell, weights * dots**2) / total
        variances = 1.0 / total + _MISFITS[:, None] ** 2 * square
        logs = -0.5 * (np.log(variances) + mean**2 / variances).sum(axis=1)
        best = int(logs.argmax())
        if logs[best] - logs[0] < _LEAST_MISFIT:
            best = 0
        self.misfit = float(_MISFITS[best])
        self.extra = self.misfit**2 * dots**2 * np.bincount(cell)[cell]

    def _summary(self, mode: Mode, choices: Sequence[tuple[Scales, float]]) -> Analysis:
        best = choices[0][0]
        solved = self._solved(best)
        modes = [mode]
        for other in self.others:
            if any(_is_same(other, one) for one in modes):
                continue
            place = np.concatenate([other[:2], mode.place[2:]])
            one = refined(solved, self.model, place, 6)
            if one.square < mode.square + _FAR_BEHIND and not any(
                _is_same(one.place, each) for each in modes
            ):
                modes.append(one)
        kept = self._likely(choices)
        parts = [self._components(one, solved, kept) for one in modes]
        parts = [p for k, p in enumerate(parts) if not any(_is_same_hill(p, q) for q in parts[:k])]
        components = [c for part in parts for c in part]
        logs = np.concatenate([c.log_weights for c in components])
        return self._analysis(modes, best, components, float(np.logaddexp.reduce(logs)))

    def _analysis(
        self, modes: list[Mode], scales: Scales, components: list[Component], evidence: float
    ) -> Analysis:
        """What was found, and what the best place leaves."""
        mode, solved = modes[0], self._solved(scales)
        self._note(mode, solved)
        smooth, error = self._parts(mode, solved)
        return Analysis(
            components=components,
            modes=modes,
            evidence=evidence,
            size_error=self.size_error,
            cell_logs=self.cell_logs,
            chi2=self.chi2,
            misfit=self.misfit,
            widened=self._widened(mode, solved),
            scales=scales,
            background=self.background,
            smooth_background=smooth,
            relative_error=error,
            amounts=self.amounts,
            residual=self.residual,
            noise=self.observed.variances(self.expected, self.level),
            trust_range=self._trust_range(mode, scales),
        )

    def _likely(self, choices: Sequence[tuple[Scales, float]]) -> list[Scales]:
        """Amplitudes that are averaged over."""
        assert self.reference is not None
        dots = self.reference.amount * self.reference.curve
        kept = [s for s, value in choices if value > choices[0][1] - _SCALE_ROOM][:_N_SCALES]
        if self.misfit > 0.0 or self.chi2 > _CLOSE[1]:
            # It is the same at every reflection: an error of the size, not many of the pattern.
            excess = 0.0 if np.isnan(self.chi2) else max(self.chi2 - 1.0, 0.0) ** 0.5
            least = max(_SIZES[1], _SIZE_OF_MISFIT * self.misfit, _SIZE_OF_EXCESS * excess)
            # Next to nothing in a pattern without noise, however many times that is.
            left = float(np.sqrt((self.residual**2).mean() / max((dots**2).mean(), 1e-300)))
            self.size_error = least = min(least, _SIZE_OF_RESIDUAL * left, _LARGEST_SIZE)
            kept = list(dict.fromkeys(replace(s, size=max(s.size, least)) for s in kept))
        if (error := choices[0][0].error) >= WRONG:
            more = min(error, _LARGEST_OF_ERROR)
            self.size_error = max(self.size_error, more)
        return kept

    def _trust_range(self, mode: Mode, scales: Scales) -> tuple[float, float]:
        prior = self.around.prior(scales, self.system.columns.shape[1])
        return trust_range(self.system, self.model, mode, *prior)

    def _parts(self, mode: Mode, solved: Solved) -> tuple[FloatArray, FloatArray]:
        """Liquids and background, and the relative error of the dots' pattern."""
        amounts = np.zeros(self.system.columns.shape[1])
        amounts[slice(None) if solved.used is None else solved.used] = solved.amounts(
            mode.amount * mode.curve
        )
        first = self.around.smooth.shape[1]
        n = first + len(self.around.curves)
        self.amounts = amounts[first:n]
        smooth = self.system.columns[:, :n] @ amounts[:n]
        # Whatever else there is belongs to the dots: errors, sizes, surface, texture.
        dots = mode.amount * mode.curve
        error = (solved.background(dots) - smooth) / dots
        return smooth, error

    def _components(self, mode: Mode, solved: Solved, kept: Sequence[Scales]) -> list[Component]:
        """The density around one best place, at every node and scale."""
        covariance = self._covariance(mode, solved)
        if self.cells is None:
            volumes, dispersions = _around(mode.place[:2], covariance, self.model).T
            common = self.model.common(volumes, dispersions)
            if common.stop - common.start < _FEWER * self.model.n_particles:
                few = self.model.only(common)
                found = self._components_of(few, mode, solved, kept, covariance)
                volumes, dispersions = _likely_ends(found).T
                needed = self.model.common(volumes, dispersions, _HARMLESS)
                if common.start <= needed.start and needed.stop <= common.stop:
                    return found
        return self._components_of(self.model, mode, solved, kept, covariance)

    def _components_of(
        self,
        model: BinnedSeries,
        mode: Mode,
        solved: Solved,
        kept: Sequence[Scales],
        covariance: FloatArray,
    ) -> list[Component]:
        """The same, of populations of the particles of a model."""
        near = Neighbourhood(self.system, model, mode)
        n_columns = self.system.columns.shape[1]
        gridded = 2 + np.flatnonzero(~near.is_linear)
        block = covariance[np.ix_(gridded, gridded)]
        along = np.linalg.solve(block, covariance[gridded, :2]).T if gridded.size else None
        found: list[Component] = []
        deviations = np.sqrt(np.diag(covariance))
        profile = self._profile(model, mode, solved)
        for node in gridded_nodes(model.ranges, deviations, mode.place, self.log_prior, profile):
            crossed = near.at(node.values, node.share)
            # Far from the best place a slope leads astray; a neighbour's sizes do not.
            centres = [mode.place[:2], *(c.centre for c in found[-1:])]
            if along is not None:
                centres.append(mode.place[:2] + along @ (node.values - mode.place[gridded]))
            first: Component | None = None
            for scales in kept:
                sizes = near.sizes(*self.around.prior(scales, n_columns), crossed)
                if first is None:
                    centre = sizes.best_of(centres)
                    first = one = sizes.component(node, centre, covariance[:2, :2])
                else:
                    one = sizes.component(node, first.centre, first.covariance, 1)
                if one is not None:
                    found.append(one)
                if self.cells is not None:
                    number, dispersion = self.cells.T
                    logs, _ = sizes.log_evidence(volume_mean(number, dispersion), dispersion)
                    self.cell_logs = np.logaddexp(self.cell_logs, logs + node.log_prior)
        return found

    def _covariance(self, mode: Mode, solved: Solved) -> FloatArray:
        """Of all that is sought, by the curvature at a best place."""
        rows = np.concatenate([mode.curve[None], mode.amount * mode.derivatives])
        normal = solved.products(rows)[0] + np.diag(np.append(1e-6, self._precisions()))
        return np.asarray(np.linalg.inv(normal)[1:, 1:], dtype=np.float64)

    def _profile(self, model: BinnedSeries, mode: Mode, solved: Solved) -> Profile:
        """Log likelihood of values of an extra, all else as good as it can be."""
        ranges = model.ranges
        apart = np.concatenate([[0.0, 0.0], ranges.precisions * (ranges.centres - mode.place[2:])])

        def profile(name: str, values: FloatArray, share: float | None = None) -> FloatArray:
            known = [ranges.names.index(name)]
            place = mode.place.copy()
            if share is not None:
                known.append(ranges.names.index("eta"))
                place[known[1]] = share
            precisions = np.append(1e-6, np.delete(self._precisions(), known))
            offsets = np.append(0.0, np.delete(apart, known))
            logs = []
            derivatives = mode.derivatives.copy()
            has_share = name == "fwhm" and "eta" in ranges.extras and share is None
            plain = None if has_share else model.along(name, place, values)
            for k, value in enumerate(values.tolist()):
                if plain is not None:
                    curve = plain[k]
                else:
                    curve, of_share = model.of_shares(place, {name: value})
                    derivatives[ranges.names.index("eta")] = of_share
                others = np.delete(derivatives, known, axis=0)
                rows = np.concatenate([curve[None], mode.amount * others])
                normal, right = solved.products(rows)
                right += offsets
                logs.append(
                    0.5 * float(right @ np.linalg.solve(normal + np.diag(precisions), right))
                )
            return np.array(logs)

        return profile

    def _widened(self, mode: Mode, solved: Solved) -> float:
        """Deviation of the volume average over that of noise alone."""
        rows = np.concatenate([mode.curve[None], mode.amount * mode.derivatives[:3]])
        here = np.linalg.inv(solved.products(rows)[0] + 1e-6 * np.eye(len(rows)))[1, 1]
        weights = 1.0 / self.observed.variances(self.expected, self.level)
        variances, used = self.around.prior(Scales(_BACKGROUNDS[0]), self.system.columns.shape[1])
        alone = System(self.system.columns[:, used], weights, self.observed.values)
        normal = alone.solved(variances[used]).products(rows)[0]
        there = np.linalg.inv(normal + 1e-6 * np.eye(len(rows)))[1, 1]
        more = (self.size_error * mode.place[0]) ** 2
        return float(np.sqrt(max((here + more) / there, 1.0)))


def _around(place: FloatArray, covariance: FloatArray, model: BinnedSeries) -> FloatArray:
    """Volume averages and dispersions at the ends of what is likely, (9, 2)."""
    far = _FAR * np.sqrt(np.diag(covariance)[:2])
    ranges = model.ranges
    volumes = np.maximum(place[0] + far[0] * np.array([-1.0, 0.0, 1.0]), 0.5 * place[0])
    dispersions = np.clip(place[1] + far[1] * np.array([-1.0, 0.0, 1.0]), *ranges.dispersions)
    return np.stack([a.ravel() for a in np.meshgrid(volumes, dispersions)], axis=1)


def _likely_ends(found: Sequence[Component]) -> FloatArray:
    """Volume averages and dispersions of what is likely, where it ends, (n, 2)."""
    best = max((float(one.log_weights.max()) for one in found), default=-np.inf)
    ends = [np.empty((0, 2))]
    for one in found:
        likely = np.flatnonzero(one.log_weights > best - _UNLIKELY)
        if likely.size:
            sizes = np.stack([one.volumes, one.dispersions], axis=1)[likely]
            ends.append(sizes[[*sizes.argmin(axis=0), *sizes.argmax(axis=0)]])
    return np.concatenate(ends)


def _is_same(place: FloatArray, mode: Mode) -> bool:
    apart = abs(place[0] / mode.place[0] - 1.0) + abs(place[1] - mode.place[1])
    return bool(apart < _SAME)


def _is_same_hill(part: Sequence[Component], other: Sequence[Component]) -> bool:
    """Whether grids that were laid around two places have come upon the same density."""
    if not part or not other:
        return not part
    one, two = (max(each, key=lambda c: c.log_evidence) for each in (part, other))
    if one.node.index != two.node.index:
        return False
    wide = np.sqrt(np.maximum(np.diag(one.covariance), np.diag(two.covariance)))
    means = [np.exp(c.log_weights - c.log_evidence) @ c.linear for c in (one, two)]
    spread = np.sqrt((one.spread**2).sum(axis=1))
    return bool(
        (np.abs(one.centre - two.centre) < wide).all()
        and (np.abs(means[0] - means[1]) < spread).all()
    )

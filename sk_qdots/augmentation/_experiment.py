"""A whole experiment, drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import BoolArray, Float32Array, FloatArray, RealArray
from .._validation import Interval, StrOptions
from ..instruments import Instrument
from ..preprocessing.patterns import area
from ..simulation import Crystal
from ..solvents import as_curves, known_backgrounds, load_background
from ._background import smooth_backgrounds
from ._instrument import blocks, broadened, misaligned, polarisation_factor, resolution
from .base import Augmenter, Generators, check_even
from .laboratories import LABORATORIES, MIXTURES, Laboratory
from .mixing import CurveFamily, coarse_grid, mix, spread
from .texture import Texture

__all__ = ["RandomExperiment"]

_FACETS = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
_MARCHES = np.geomspace(0.2, 5.0, 41)
_PEAK_WIDTH = 0.12  # 1/Angstrom
_LARGEST_STRIDE = 4  # points of the grid for one that is computed, at most ...
_WIDEST_STEP = 0.0125  # ... but no wider, 1/Angstrom: pi / 25 nm
_N_SMOOTH = 6
_LEAST_POINTS = 400  # on which liquids and holders are drawn
_BLOCK_WIDTH = 0.35  # 1/Angstrom, that share one resolution
_END_MARGIN = 0.02  # 1/Angstrom below the limiting sphere, where curves may end
_HOLDER_CHANGE = 0.05  # relative, of a shipped background
_SPLINED = {"points": 0.0, "both": 0.25, "spline": 1.0}  # share of the coarse patterns
_OVERRIDES = (
    "qd_fraction",
    "dry_share",
    "scale",
    "q_min",
    "q_max",
    "full_range_share",
    "coarsening",
    "fine_share",
)


class RandomExperiment(Augmenter):
    """Draw a whole experiment for every row, as a laboratory would do it.

    In this order: preferred orientation, a liquid that is drawn as
    :class:`SolventVariation` draws it, a background, the polarisation factor, zero
    shift, wavelength error and K-alpha doublet, the instrument's resolution, counts,
    coarser steps, a shorter range.

    Parameters
    ----------
    laboratory : str, Laboratory or Instrument, default="anywhere"
        Distributions to draw from: ``"ideal"`` (no instrument: liquid, counts, range
        and step), ``"synchrotron"``, ``"capillary"`` (powder in glass at a synchrotron),
        ``"lab-cu"``, ``"lab-mo"``, ``"anywhere"`` (a row comes from synchrotron,
        lab-cu or lab-mo), your own :class:`sk_qdots.augmentation.Laboratory`, or an
        instrument, around which :meth:`sk_qdots.augmentation.Laboratory.around` draws.
    solvents : str, DataArray or sequence of them, optional
        Liquids to start from, all shipped ones by default. They must cover what can
        be measured, by the laboratory's ranges and of the patterns of ``fit``.
    liquid_change, liquid_shift, liquid_broadening : float, default=0.04, 0.02, 0.5
        How far a drawn liquid may be from them; see :class:`SolventVariation`.
    crystal : Crystal or str, default="PbS"
        The dots, for preferred orientation on a facet 100, 110 or 111.
    qd_fraction : tuple of 2 float, optional
        Range to take instead of the laboratory's.
    dry_share : float, optional
        Share to take instead of the laboratory's.
    scale, q_min, q_max : tuple of 2 float, optional
        Range to take instead of the laboratory's.
    full_range_share : float, optional
        Share to take instead of the laboratory's.
    coarsening : tuple of 2 float, optional
        Range to take instead of the laboratory's.
    fine_share : float, optional
        Share to take instead of the laboratory's.
    coarse : {"both", "points", "spline"}, default="both"
        What becomes of patterns with coarser steps than 1.5 of the grid's, as in
        :class:`sk_qdots.QStandardizer`; with ``"both"`` one in four comes as a spline,
        as from a program that interpolates.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws of ``transform``.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    laboratories_ : list of Laboratory
        What is drawn from, the given ranges and shares put in.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventVariation, Background, KAlpha2, PoissonNoise : One step each.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> experiment = sq.RandomExperiment("lab-cu", random_state=0).fit(X)
    >>> measured = experiment.perturb(X, np.random.default_rng(0))
    >>> bool(measured.q[measured.notnull()[0]].max() < 7.6)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "laboratory": [str, Laboratory, Instrument],
        "solvents": [list, tuple, str, xr.DataArray, None],
        "liquid_change": [Interval(Real, 0.0, 1.0, closed="both")],
        "liquid_shift": [Interval(Real, 0.0, 0.5, closed="left")],
        "liquid_broadening": [Interval(Real, 0.0, 1.0, closed="both")],
        "crystal": [str, Crystal],
        "qd_fraction": [tuple, None],
        "dry_share": [Interval(Real, 0.0, 1.0, closed="both"), None],
        "scale": [tuple, None],
        "q_min": [tuple, None],
        "q_max": [tuple, None],
        "full_range_share": [Interval(Real, 0.0, 1.0, closed="both"), None],
        "coarsening": [tuple, None],
        "fine_share": [Interval(Real, 0.0, 1.0, closed="both"), None],
        "coarse": [StrOptions(set(_SPLINED))],
        "q": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        laboratory: str | Laboratory | Instrument = "anywhere",
        solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
        liquid_change: float = 0.04,
        liquid_shift: float = 0.02,
        liquid_broadening: float = 0.5,
        crystal: str | Crystal = "PbS",
        qd_fraction: tuple[float, float] | None = None,
        dry_share: float | None = None,
        scale: tuple[float, float] | None = None,
        q_min: tuple[float, float] | None = None,
        q_max: tuple[float, float] | None = None,
        full_range_share: float | None = None,
        coarsening: tuple[float, float] | None = None,
        fine_share: float | None = None,
        coarse: str = "both",
        q: npt.ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.laboratory = laboratory
        self.solvents = solvents
        self.liquid_change = liquid_change
        self.liquid_shift = liquid_shift
        self.liquid_broadening = liquid_broadening
        self.crystal = crystal
        self.qd_fraction = qd_fraction
        self.dry_share = dry_share
        self.scale = scale
        self.q_min = q_min
        self.q_max = q_max
        self.full_range_share = full_range_share
        self.coarsening = coarsening
        self.fine_share = fine_share
        self.coarse = coarse
        self.q = q
        self.random_state = random_state

    def _check_parameters(self) -> None:
        given = {name: getattr(self, name) for name in _OVERRIDES}
        given = {name: value for name, value in given.items() if value is not None}
        if isinstance(self.laboratory, Laboratory):
            weights, chosen = {"": 1.0}, [self.laboratory]
        elif isinstance(self.laboratory, Instrument):
            weights, chosen = {"": 1.0}, [Laboratory.around(self.laboratory)]
        elif self.laboratory in LABORATORIES or self.laboratory in MIXTURES:
            weights = MIXTURES.get(self.laboratory, {self.laboratory: 1.0})
            chosen = [LABORATORIES[name] for name in weights]
        else:
            known = ", ".join([*LABORATORIES, *MIXTURES])
            raise ValueError(f"unknown laboratory {self.laboratory!r}; known: {known}")
        self.laboratories_ = [replace(laboratory, **given) for laboratory in chosen]
        self._weights = np.cumsum(list(weights.values()))

    def _prepare(self) -> None:
        check_even(self.q_, "RandomExperiment")
        step = float(self.q_[-1] - self.q_[0]) / max(len(self.q_) - 1, 1)
        self._stride = int(np.clip(_WIDEST_STEP / step, 1, _LARGEST_STRIDE)) if step > 0 else 1
        self._thinned_q = self.q_[:: self._stride]
        self._coarse_q = coarse_grid(self._thinned_q, max(len(self._thinned_q) // 2, _LEAST_POINTS))
        self._surroundings = [self._liquids_and_holders(lab) for lab in self.laboratories_]
        self._distributions = {
            field.name: np.array([getattr(lab, field.name) for lab in self.laboratories_])
            for field in fields(Laboratory)
            if field.name != "caglioti"
        }
        self._distributions["caglioti"] = np.array(
            [lab.caglioti or (np.nan,) * 3 for lab in self.laboratories_]
        )
        self._textures: Float32Array | None = None
        if self._distributions["texture_share"].any():
            textures = [Texture(self.crystal, f, _PEAK_WIDTH, self._thinned_q) for f in _FACETS]
            self._textures = np.array(
                [[t.factor(m) for m in _MARCHES] for t in textures], dtype=np.float32
            )

    def _liquids_and_holders(self, laboratory: Laboratory) -> tuple[CurveFamily, CurveFamily]:
        """Liquids and holders at a laboratory's wavelength, over what it can measure."""
        span = self.q_[self._is_measured]
        low, high = (float(span[0]), float(span[-1])) if span.size else (np.inf, -np.inf)
        wavelength = float(np.mean(laboratory.wavelength))
        if laboratory.full_range_share < 1.0 and span.size:
            first, last = laboratory.q_min[0], laboratory.q_max[1]
            if first > high or last < low:
                raise ValueError(
                    f"q_min = {laboratory.q_min} and q_max = {laboratory.q_max} lie outside the "
                    f"patterns, {low:.3g} to {high:.3g} 1/Angstrom"
                )
        if laboratory.full_range_share == 0.0:
            low, high = max(low, laboratory.q_min[0]), min(high, laboratory.q_max[1])
        high = min(high, 4.0 * np.pi / wavelength - _END_MARGIN)
        curves = as_curves(self.solvents, wavelength)
        holders = [load_background(name, wavelength) for name in known_backgrounds()]
        return (
            CurveFamily(curves, self._coarse_q, low, high),
            CurveFamily(holders, self._coarse_q, low, high),
        )

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        if not len(X):
            return X.copy()
        draw = _Draw(self._distributions, self._weights, rngs)
        clean = X[:, :: self._stride].copy(order="C")
        clean = self._textured(clean, draw)
        clean = self._surrounded(clean, draw)
        # The scale is stated for area 1000: independent of the units of the rows.
        unit = area(clean, self._thinned_q) / 1000.0
        unit = np.where(unit > 0, unit, 1.0)
        clean = self._through_instrument(_without_holes(clean), draw)
        clean = _without_holes(clean)
        result = self._counted(clean, draw.scale / unit, draw, rngs, X)
        missing = np.isnan(X)
        if missing.any():
            result[missing] = np.nan
        return result

    def _textured(self, X: RealArray, draw: _Draw) -> RealArray:
        rows = np.flatnonzero(draw.textured)
        if self._textures is None or not rows.size:
            return X
        position = np.interp(np.log(draw.march[rows]), np.log(_MARCHES), np.arange(len(_MARCHES)))
        left = np.minimum(position.astype(int), len(_MARCHES) - 2)
        facet = np.minimum((draw.facet[rows] * len(_FACETS)).astype(int), len(_FACETS) - 1)
        part = (position - left)[:, None].astype(np.float32)
        lower, upper = self._textures[facet, left], self._textures[facet, left + 1]
        X[rows] *= lower + part * (upper - lower)
        return X

    def _surrounded(self, X: RealArray, draw: _Draw) -> RealArray:
        around = np.zeros((len(X), len(self._coarse_q)), dtype=np.float32)
        levels = (self.liquid_change, self.liquid_shift, self.liquid_broadening)
        for number, (liquids, holders) in enumerate(self._surroundings):
            here = draw.laboratory == number
            rows = np.flatnonzero(here & (draw.qd_fraction < 1.0))
            if rows.size:
                few = (np.full(len(rows), v) for v in levels)
                liquid = liquids.draw(draw.liquid[rows], draw.liquid_change[rows], *few)
                share = (1.0 - draw.background[rows]) * (1.0 - draw.qd_fraction[rows])
                around[rows] += _as_float32_column(share) * liquid
            rows = np.flatnonzero(here & (draw.background > 0))
            if rows.size:
                few = (np.full(len(rows), v) for v in (_HOLDER_CHANGE, 0.0, 0.0))
                holder = holders.draw(draw.holder[rows], draw.holder_change[rows], *few)
                smooth = smooth_backgrounds(draw.smooth[rows], self._coarse_q)
                smooth /= _as_float32_column(area(smooth, self._coarse_q))
                part = _as_float32_column(draw.holder_part[rows])
                around[rows] += _as_float32_column(draw.background[rows]) * (
                    part * (holder - smooth) + smooth
                )
        fraction = (1.0 - draw.background) * draw.qd_fraction
        curves = spread(self._coarse_q, around, self._thinned_q).astype(X.dtype, copy=False)
        return mix(X, curves, fraction, self._thinned_q)

    def _through_instrument(self, X: RealArray, draw: _Draw) -> RealArray:
        q = self._thinned_q
        rows = np.flatnonzero(draw.polarised)
        if rows.size:
            X[rows] *= polarisation_factor(q, draw.wavelength[rows]).astype(X.dtype)
        moved = (draw.zero_shift != 0) | (draw.wavelength_error != 0) | (draw.k_alpha2 > 0)
        rows = np.flatnonzero(moved)
        if rows.size:
            X[rows] = misaligned(
                X[rows],
                q,
                draw.zero_shift[rows],
                draw.wavelength_error[rows],
                draw.wavelength[rows],
                (draw.wavelength * draw.k_alpha2_split)[rows],
                draw.k_alpha2[rows],
            )
        rows = np.flatnonzero(draw.broadened)
        if rows.size:
            u, v, w = (parameter[rows, None] for parameter in draw.resolution())
            size, centres = blocks(q, _BLOCK_WIDTH)
            fwhm = resolution(q[centres], u, v, w, draw.wavelength[rows, None], is_clipped=True)
            X[rows] = broadened(X[rows], q, fwhm, draw.eta[rows], size)
        return X

    def _counted(
        self, clean: RealArray, scale: FloatArray, draw: _Draw, rngs: Generators, X: RealArray
    ) -> RealArray:
        from ._kernels import count_smooth

        q = self.q_
        seen = np.isfinite(X)
        start, stop = seen.argmax(axis=1), len(q) - 1 - seen[:, ::-1].argmax(axis=1)
        stop = np.minimum(stop, np.searchsorted(q, draw.limit, side="right") - 1)
        low = np.maximum(start, np.searchsorted(q, draw.low - 1e-9))
        high = np.minimum(stop, np.searchsorted(q, draw.high + 1e-9, side="right") - 1)
        missed = high < low  # the drawn range lies outside the pattern: all of it is measured
        low, high = np.where(missed, start, low), np.where(missed, stop, high)
        first = draw.phase * draw.step * (draw.step > 1.0)
        splined = draw.splined < _SPLINED[self.coarse]
        result = np.empty_like(X)
        shared = all(rng is rngs[0] for rng in rngs)
        parts = [slice(None)] if shared else [slice(row, row + 1) for row in range(len(X))]
        for part in parts:
            count_smooth(
                clean[part],
                scale[part],
                self._stride,
                first[part],
                draw.step[part],
                splined[part],
                low[part],
                high[part],
                rngs[part.start or 0],
                result[part],
            )
        return result


def _without_holes(rows: RealArray) -> RealArray:
    """Straight lines over what is not measured, so that no spline rings beside it."""
    missing = np.isnan(rows)
    points = np.arange(rows.shape[1])
    for k in np.flatnonzero(missing.any(axis=1)):
        known = ~missing[k]
        if known.any():
            rows[k, ~known] = np.interp(points[~known], points[known], rows[k, known])
    return rows


def _as_float32_column(values: RealArray) -> Float32Array:
    return np.asarray(values[:, None], dtype=np.float32)


class _Draw:
    """The parameters of one experiment a row, from that row's generator."""

    _N_UNIFORM = 26 + 2 * CurveFamily.n_uniform
    _N_NORMAL = 2 * CurveFamily.n_normal + _N_SMOOTH

    def __init__(
        self, distributions: dict[str, FloatArray], weights: FloatArray, rngs: Generators
    ) -> None:
        uniform = np.array([rng.random(self._N_UNIFORM) for rng in rngs])
        normal = np.array([rng.standard_normal(self._N_NORMAL) for rng in rngs])
        n, m = CurveFamily.n_uniform, CurveFamily.n_normal
        self.liquid, self.holder, rest = np.split(uniform, [n, 2 * n], axis=1)
        self.liquid_change, self.holder_change, self.smooth = np.split(normal, [m, 2 * m], axis=1)
        columns = iter(rest.T)
        which = np.searchsorted(weights, next(columns) * weights[-1], side="right")
        which = np.minimum(which, len(weights) - 1)
        self.laboratory = which

        def within(name: str, *, log: bool = False) -> FloatArray:
            low, high = distributions[name][which].T
            u = next(columns)
            if log:
                return np.asarray(low * (high / low) ** u)
            return np.asarray(low + u * (high - low))

        def happens(name: str) -> BoolArray:
            return np.asarray(next(columns) < distributions[name][which])

        self.wavelength = within("wavelength")
        fraction, dry = within("qd_fraction", log=True), happens("dry_share")
        self.qd_fraction = np.where(dry, 1.0, fraction)
        self.scale = within("scale", log=True)
        low, high, whole = within("q_min"), within("q_max"), happens("full_range_share")
        self.low = np.where(whole, -np.inf, low)
        self.high = np.where(whole, np.inf, high)
        step, fine = within("coarsening", log=True), happens("fine_share")
        self.step = np.where(fine, 1.0, step)
        self.phase = next(columns)
        background, has_background = within("background"), happens("background_share")
        self.background = np.where(has_background, background, 0.0)
        self.holder_part = next(columns)
        self.fwhm = within("fwhm", log=True)
        self.fwhm_growth, self.eta = within("fwhm_growth"), within("eta")
        self.broadened = happens("broadening_share")
        self.zero_shift = within("zero_shift")
        self.wavelength_error = within("wavelength_error")
        # No angle beyond the limiting sphere, whatever the range.
        self.limit = 4.0 * np.pi / (self.wavelength * (1.0 + self.wavelength_error))
        self.k_alpha2 = within("k_alpha2")
        self.k_alpha2_split = distributions["k_alpha2_split"][which]
        self.polarised = happens("polarised_share")
        self.march, self.facet = within("march", log=True), next(columns)
        self.textured = happens("texture_share")
        self.splined = next(columns)
        self.caglioti = distributions["caglioti"][which]

    def resolution(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The parameters u, v and w of each row."""
        square = self.fwhm**2
        grown = (self.fwhm_growth * square, np.zeros_like(square), square)
        is_shaped = np.isfinite(self.caglioti).all(axis=1)
        u, v, w = (
            np.where(is_shaped, square * shape, plain)
            for shape, plain in zip(self.caglioti.T, grown, strict=True)
        )
        return u, v, w

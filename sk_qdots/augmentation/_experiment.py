"""A whole experiment, drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import Float32Array, FloatArray, RealArray
from .._validation import Interval, Options, StrOptions
from ..instruments import Instrument
from ..instruments.resolution import IDEAL_WIDTH, log_widths, resolution, told_places
from ..preprocessing.patterns import area
from ..simulation import Crystal
from ..solvents import as_curves, known_backgrounds, load_background
from ._background import ligand_halos, slow_errors, smooth_backgrounds
from ._draws import Draw, distributions_of, told_errors
from ._factors import FreeFactors
from ._instrument import blocks, broadened, misaligned, polarisation_factor
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

    In this order: preferred orientation, free factors of reflections, the halo of ligands, a
    liquid that is drawn as :class:`SolventVariation` draws it, a background, the polarisation
    factor, zero shift, wavelength error and K-alpha doublet, the instrument's resolution,
    fluorescence, an error that varies slowly, counts, coarser steps, a shorter range.

    Parameters
    ----------
    laboratory : str, Laboratory or Instrument, default="anywhere"
        Distributions to draw from: ``"ideal"`` (no instrument: liquid, counts, range
        and step), ``"synchrotron"``, ``"capillary"`` (powder in glass at a synchrotron),
        ``"lab-cu"``, ``"lab-mo"``, ``"anywhere"`` (a row comes from synchrotron,
        lab-cu or lab-mo), ``"world"`` (from any of the five), your own
        :class:`sk_qdots.augmentation.Laboratory`, or an instrument, around which
        :meth:`sk_qdots.augmentation.Laboratory.around` draws.
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
    n_told : int, default=0
        Numbers behind the points of a row that tell the resolution, as
        :class:`sk_qdots.QStandardizer` appends them: replaced by those of the resolution that
        was drawn, with an error of a few per cent as calibrations have it. A DataArray has none.
    told_share : float, default=0.5
        Share of the rows that are told; in the others they are NaN.
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
        Number of grid points, and ``n_told``.

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
        "n_told": [Interval(Integral, 2, None, closed="left"), Options(Integral, {0})],
        "told_share": [Interval(Real, 0.0, 1.0, closed="both")],
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
        n_told: int = 0,
        told_share: float = 0.5,
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
        self.n_told = n_told
        self.told_share = told_share
        self.q = q
        self.random_state = random_state

    def choices(self) -> dict[str, tuple[Laboratory, float]]:
        """What it draws from.

        Returns
        -------
        dict of str to (Laboratory, float)
            The given ranges and shares put in, and their shares of the rows, by name; the name
            is empty where a laboratory or an instrument is given.

        Raises
        ------
        ValueError
            If there is no such laboratory, or a range or share is out of bounds.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> list(sq.RandomExperiment("anywhere").choices())
        ['synchrotron', 'lab-cu', 'lab-mo']
        """
        given = {name: getattr(self, name) for name in _OVERRIDES}
        given = {name: value for name, value in given.items() if value is not None}
        if isinstance(self.laboratory, Laboratory):
            chosen = {"": (self.laboratory, 1.0)}
        elif isinstance(self.laboratory, Instrument):
            chosen = {"": (Laboratory.around(self.laboratory), 1.0)}
        elif self.laboratory in LABORATORIES or self.laboratory in MIXTURES:
            shares = MIXTURES.get(self.laboratory, {self.laboratory: 1.0})
            chosen = {name: (LABORATORIES[name], share) for name, share in shares.items()}
        else:
            known = ", ".join([*LABORATORIES, *MIXTURES])
            raise ValueError(f"unknown laboratory {self.laboratory!r}; known: {known}")
        return {name: (replace(lab, **given), share) for name, (lab, share) in chosen.items()}

    def _check_parameters(self) -> None:
        choices = self.choices().values()
        self.laboratories_ = [laboratory for laboratory, _ in choices]
        self._weights = np.cumsum([share for _, share in choices])

    def _prepare(self) -> None:
        check_even(self.q_, "RandomExperiment")
        step = float(self.q_[-1] - self.q_[0]) / max(len(self.q_) - 1, 1)
        self._stride = int(np.clip(_WIDEST_STEP / step, 1, _LARGEST_STRIDE)) if step > 0 else 1
        self._thinned_q = self.q_[:: self._stride]
        self._coarse_q = coarse_grid(self._thinned_q, max(len(self._thinned_q) // 2, _LEAST_POINTS))
        self._surroundings = [self._liquids_and_holders(lab) for lab in self.laboratories_]
        self._distributions = distributions_of(self.laboratories_)
        self._textures: Float32Array | None = None
        if self._distributions["texture_share"].any():
            textures = [Texture(self.crystal, f, _PEAK_WIDTH, self._thinned_q) for f in _FACETS]
            self._textures = np.array(
                [[t.factor(m) for m in _MARCHES] for t in textures], dtype=np.float32
            )
        self._factors: FreeFactors | None = None
        if self._distributions["factors_share"].any():
            self._factors = FreeFactors(self.crystal, self._thinned_q)

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

    def _validated_columns(self, X: xr.DataArray | npt.ArrayLike, *, reset: bool) -> RealArray:
        if not self.n_told:
            return super()._validated_columns(X, reset=reset)
        if reset:
            columns = super()._validated_columns(X, reset=True)
            if isinstance(X, xr.DataArray):
                self.n_features_in_ += int(self.n_told)
            elif columns.shape[1] <= self.n_told:
                raise ValueError(
                    f"X has {columns.shape[1]} columns, and n_told = {self.n_told} of them are no "
                    "points: give the rows of QStandardizer(n_told=...)"
                )
            return columns
        n_points = len(self.q_)
        if np.ndim(X) != 2 or np.shape(X)[1] != n_points:
            return super()._validated_columns(X, reset=False)
        rows = np.asarray(X)  # patterns alone
        untold = np.full((len(rows), int(self.n_told)), np.nan, dtype=np.float32)
        return super()._validated_columns(np.hstack([rows, untold]), reset=False)[:, :n_points]

    def _points(
        self, X: xr.DataArray | npt.ArrayLike, values: RealArray, *, reset: bool
    ) -> RealArray:
        if not reset:
            return values[:, : len(self.q_)]
        return values if isinstance(X, xr.DataArray) else values[:, : values.shape[1] - self.n_told]

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        if not len(X):
            return X.copy()
        n_points = len(self.q_)
        n_groups = 0 if self._factors is None else self._factors.n_groups
        draw = Draw(self._distributions, self._weights, rngs, n_groups)
        points = np.ascontiguousarray(X[:, :n_points])
        measured = self._measured(points, draw, rngs)
        if X.shape[1] == n_points:
            return measured
        return np.concatenate([measured, self._told(draw, rngs).astype(X.dtype)], axis=1)

    def _measured(self, X: RealArray, draw: Draw, rngs: Generators) -> RealArray:
        clean = X[:, :: self._stride].copy(order="C")
        clean = self._textured(clean, draw)
        clean = self._surrounded(clean, draw)
        # The scale is stated for area 1000: independent of the units of the rows.
        unit = area(clean, self._thinned_q) / 1000.0
        unit = np.where(unit > 0, unit, 1.0)
        clean = self._through_instrument(_without_holes(clean), draw)
        clean = _without_holes(self._misjudged(clean, draw))
        result = self._counted(clean, draw.scale / unit, draw, rngs, X)
        missing = np.isnan(X)
        if missing.any():
            result[missing] = np.nan
        return result

    def _told(self, draw: Draw, rngs: Generators) -> FloatArray:
        """Logarithms of the widths and the Lorentzian share, in a share of the rows."""
        places = told_places(self.q_, int(self.n_told))
        u, v, w = (parameter[:, None] for parameter in draw.resolution())
        wavelength = draw.wavelength[:, None]
        widths = resolution(places, u, v, w, wavelength, is_clipped=True)
        uniform, error = told_errors(rngs)
        told = np.column_stack([log_widths(widths * np.exp(error)[:, None]), draw.eta])
        told[~draw.broadened, :-1] = np.log(IDEAL_WIDTH)
        told[~draw.broadened, -1] = 0.0
        told[:, :-1][np.isnan(widths)] = np.nan
        told[uniform >= self.told_share] = np.nan
        return told

    def _textured(self, X: RealArray, draw: Draw) -> RealArray:
        rows = np.flatnonzero(draw.has_factors)
        if self._factors is not None and rows.size:
            X[rows] = self._factors.apply(X[rows], draw.log_factors[rows])
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

    def _surrounded(self, X: RealArray, draw: Draw) -> RealArray:
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
        rows = np.flatnonzero(draw.ligand > 0)
        if rows.size:
            halo = ligand_halos(draw.halo[rows], self._coarse_q)
            halo /= _as_float32_column(area(halo, self._coarse_q))
            around[rows] += _as_float32_column((fraction * draw.ligand)[rows]) * halo
            fraction = fraction * (1.0 - draw.ligand)
        curves = spread(self._coarse_q, around, self._thinned_q).astype(X.dtype, copy=False)
        return mix(X, curves, fraction, self._thinned_q)

    def _through_instrument(self, X: RealArray, draw: Draw) -> RealArray:
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

    def _misjudged(self, X: RealArray, draw: Draw) -> RealArray:
        """Rows with fluorescence, and an error of their intensities that varies slowly."""
        rows = np.flatnonzero(draw.fluorescence > 0)
        if rows.size:
            share = _as_float32_column(draw.fluorescence[rows])
            level = np.nanmean(X[rows], axis=1, keepdims=True)
            X[rows] = (1.0 - share) * X[rows] + share * level
        rows = np.flatnonzero(draw.slow_error > 0)
        if rows.size:
            X[rows] *= slow_errors(draw.slow_normal[rows], draw.slow_error[rows], self._thinned_q)
        return X

    def _counted(
        self, clean: RealArray, scale: FloatArray, draw: Draw, rngs: Generators, X: RealArray
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

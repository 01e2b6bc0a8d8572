"""Any instrument's pattern on one Q grid.

A pattern finer than the grid is averaged over each grid step, so that no count
is thrown away; a coarser one is interpolated by a cubic spline, or its points are
left alone. Grid points outside the measured range are padded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, ClassVar, Literal, Self, TypeAlias, TypeGuard, cast, overload

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import interp1d
from sklearn.base import BaseEstimator, TransformerMixin

from .._typing import BoolArray, FloatArray, RealArray
from .._validation import (
    Interval,
    Options,
    StrOptions,
    check_is_fitted,
    fit_context,
    validate_data,
)
from ..instruments import Instrument
from ..instruments.resolution import told_numbers
from .patterns import area, check_axis, check_is_pattern, is_subtracted, q_of, range_of, rows_of
from .resampling import Resampler, alike, gaps, holes

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["QStandardizer"]

_Patterns: TypeAlias = xr.DataArray | Sequence[xr.DataArray] | npt.ArrayLike

_N_POINTS = 5004
_EDGE_POINTS = 5
_CHUNK = 256
_LEAST_NET = 0.05  # share of the absolute area that a difference must leave
_NOTHING = 1e-9  # an area that is rounding, where the largest value of the pattern is 1


class QStandardizer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Put patterns on one evenly spaced Q grid and scale them to one area.

    Parameters
    ----------
    q_min, q_max : float, default=0.99 and 14.9984
        Ends of the grid, in 1/Angstrom.
    n_points : int, default=5004
        Points of the grid.
    padding : {"nan", "edge", "zero"}, default="nan"
        What stands where nothing was measured: NaN (not measured), the mean of
        the five measured points at that edge, or zero.
    coarse : {"spline", "points"}, default="spline"
        What becomes of a pattern whose steps are wider than 1.5 of the grid's: a cubic
        spline through it, or each point on the grid point nearest to it and NaN
        between, which needs ``padding="nan"``. A spline hides which points were
        counted: a classifier that knows them sees more in a very coarse pattern.
    area : float, default=1000.0
        Trapezoidal integral of each row: over its measured part with ``padding="nan"``
        or ``"zero"``, over the whole grid with ``"edge"``.
    input_q : array-like of shape (n_features,), optional
        Q of the columns of a bare array, in 1/Angstrom, ascending. Without it the
        columns of a bare array are taken to be on the standard grid already: they
        are scaled, not resampled.
    n_told : int, default=0
        Numbers that tell a network of the resolution, behind the points: logarithms of widths at
        places of the grid and the Lorentzian share. A
        bare array may bring them; NaN means that the resolution is not known.
    instrument : Instrument, optional
        That the patterns were measured with, of which is told, whatever a bare array brings.

    Attributes
    ----------
    q_ : ndarray of shape (n_points,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of columns that a bare array must have.

    See Also
    --------
    sk_qdots.read_pattern : Reads a measured file with its Q axis.

    Notes
    -----
    ``transform`` takes a sample-first DataArray with a coordinate ``q`` (or
    ``two_theta`` and ``attrs["wavelength"]``), one 1-D DataArray, a list of 1-D
    DataArrays on different grids, or a bare array.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from sk_qdots import QStandardizer
    >>> q = np.linspace(0.5, 16.0, 3000)
    >>> pattern = xr.DataArray(np.exp(-q)[None, :], dims=("sample", "q"), coords={"q": q})
    >>> QStandardizer().fit_transform(pattern).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "q_min": [Interval(Real, 0, None, closed="neither")],
        "q_max": [Interval(Real, 0, None, closed="neither")],
        "n_points": [Interval(Integral, 2, None, closed="left")],
        "padding": [StrOptions({"nan", "edge", "zero"})],
        "coarse": [StrOptions({"spline", "points"})],
        "area": [Interval(Real, 0, None, closed="neither")],
        "input_q": ["array-like", None],
        "n_told": [Interval(Integral, 2, None, closed="left"), Options(Integral, {0})],
        "instrument": [Instrument, None],
    }

    def __init__(
        self,
        q_min: float = 0.99,
        q_max: float = 14.9984,
        n_points: int = _N_POINTS,
        padding: Literal["nan", "edge", "zero"] = "nan",
        coarse: Literal["spline", "points"] = "spline",
        area: float = 1000.0,
        input_q: npt.ArrayLike | None = None,
        n_told: int = 0,
        instrument: Instrument | None = None,
    ) -> None:
        self.q_min = q_min
        self.q_max = q_max
        self.n_points = n_points
        self.padding = padding
        self.coarse = coarse
        self.area = area
        self.input_q = input_q
        self.n_told = n_told
        self.instrument = instrument

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: _Patterns, y: object = None) -> Self:
        """Fix the grid.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the parameters contradict each other, or a bare array has another number
            of columns than the grid or ``input_q``.
        """
        if not self.q_min < self.q_max:
            raise ValueError(f"q_min is {self.q_min}; it must be below q_max, {self.q_max}")
        if self.coarse == "points" and self.padding != "nan":
            raise ValueError(
                'coarse="points" leaves NaN between the points: it needs padding="nan"'
            )
        grid = np.linspace(self.q_min, self.q_max, self.n_points)
        if self.input_q is not None:
            check_axis(self._input_axis(), np.size(self.input_q))
        usual = self.n_points if self.input_q is None else np.size(self.input_q)
        if _has_axis(X):
            # What a bare array must have.
            self.n_features_in_ = usual
            self.__dict__.pop("feature_names_in_", None)
        else:
            values = self._validated(self._split(X, usual)[0], reset=True)
            if self.input_q is None and values.shape[1] != self.n_points:
                if self.n_points != _N_POINTS:
                    raise ValueError(
                        f"X has {values.shape[1]} columns and n_points is {self.n_points}: say "
                        "where the columns lie with input_q, such as input_q=default_q_grid()"
                    )
                grid = np.linspace(self.q_min, self.q_max, values.shape[1])
            elif self.input_q is not None:
                check_axis(self._input_axis(), values.shape[1])
        self.q_ = grid
        return self

    def transform(self, X: _Patterns) -> RealArray:
        """Resample, pad and scale.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_points + n_told)

        Raises
        ------
        ValueError
            If a pattern has no axis, an axis that does not ascend, negative
            intensities that no subtraction explains, or nothing inside the grid.
        """
        check_is_fitted(self)
        if not self.n_told:
            return self._standard(X)
        told: RealArray | None = None
        if not _has_axis(X):
            X, told = self._split(X, self.n_features_in_)
        rows = self._standard(X)
        if told is None or self.instrument is not None:
            told = self._told
        told = np.broadcast_to(told, (len(rows), self.n_told))
        return np.concatenate([rows, told.astype(rows.dtype)], axis=1)

    def _split(self, X: _Patterns, n_points: int) -> tuple[_Patterns, RealArray | None]:
        """The points of a bare array, and what it tells behind them, if it does."""
        columns = np.asarray(X) if self.n_told else np.empty(0)
        if columns.ndim != 2 or columns.shape[1] != n_points + self.n_told:
            return X, None
        return columns[:, :n_points], columns[:, n_points:]

    @property
    def _told(self) -> FloatArray:
        """What is told of every pattern."""
        if self.instrument is None:
            return np.full(self.n_told, np.nan)
        return told_numbers(self.instrument, self.q_, self.n_told)

    def _standard(self, X: _Patterns) -> RealArray:
        """The points of the rows."""
        if _has_axis(X):
            parts = [X] if isinstance(X, xr.DataArray) else list(X)
            rows = []
            resampler = None
            for part in parts:
                q = q_of(part)
                check_axis(q, rows_of(part).shape[1])
                # Patterns of one instrument share their axis.
                if resampler is None or not np.array_equal(resampler.q, q):
                    resampler = Resampler(q, self.q_, self.coarse)
                rows.append(self._standardize_pattern(part, resampler))
            return rows[0] if len(rows) == 1 else np.concatenate(rows)
        values = self._validated(X, reset=False)
        resampler = Resampler(self._input_axis(), self.q_, self.coarse)
        standard = np.empty((len(values), len(self.q_)), dtype=values.dtype)
        for chunk in _chunks(values):
            standard[chunk] = self._scaled(self._on_grid(values[chunk], resampler))
        return standard

    @overload
    def inverse_transform(self, X: npt.ArrayLike, patterns: None = None) -> FloatArray: ...

    @overload
    def inverse_transform(self, X: npt.ArrayLike, patterns: xr.DataArray) -> xr.DataArray: ...

    @overload
    def inverse_transform(
        self, X: npt.ArrayLike, patterns: Sequence[xr.DataArray]
    ) -> list[xr.DataArray]: ...

    def inverse_transform(
        self, X: npt.ArrayLike, patterns: xr.DataArray | Sequence[xr.DataArray] | None = None
    ) -> FloatArray | xr.DataArray | list[xr.DataArray]:
        """Put standardised rows back beside what was measured, to draw both.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_points)
            Rows on the standard grid: of ``transform``, or simulated ones.
        patterns : DataArray or list of DataArray, optional
            The measured patterns, one for each row. A row is brought to the points
            and, over the range that both cover, to the area of its pattern.

        Returns
        -------
        ndarray of shape (n_samples, n_features), DataArray or list of DataArray
            As ``patterns``, whose coordinates are kept but for ``esd``; without them rows of area
            ``area`` on ``input_q``, or on the grid where there is none. NaN where the
            row holds none or does not reach, and everywhere where row and pattern share
            no range.

        Raises
        ------
        ValueError
            If the numbers of rows, points or patterns do not fit.
        """
        check_is_fitted(self)
        rows = np.asarray(X, dtype=np.float64)
        if self.n_told and rows.ndim == 2 and rows.shape[1] == len(self.q_) + self.n_told:
            rows = rows[:, : len(self.q_)]
        if rows.ndim != 2 or rows.shape[1] != len(self.q_):
            raise ValueError(
                f"X has shape {rows.shape}; expected rows of {len(self.q_)} points, as "
                "transform returns"
            )
        rows = self._joined(rows)
        if patterns is None:
            return _interpolate(self.q_, rows, self._input_axis())
        parts = [patterns] if isinstance(patterns, xr.DataArray) else list(patterns)
        for part in parts:
            check_is_pattern("an item of patterns", part)
        counts = [len(rows_of(part)) for part in parts]
        if sum(counts) != len(rows):
            raise ValueError(f"X has {len(rows)} rows and there are {sum(counts)} patterns")
        back = []
        for part, end in zip(parts, np.cumsum(counts), strict=True):
            q, values = q_of(part), rows_of(part)
            found = _interpolate(self.q_, rows[end - len(values) : end], q)
            both = np.isfinite(found) & np.isfinite(values)
            one, other = (area(np.where(both, item, np.nan), q) for item in (values, found))
            ratio = np.divide(one, other, out=np.full_like(one, np.nan), where=other > 0)
            measured = part.drop_vars("esd", errors="ignore")
            back.append(measured.copy(data=(found * ratio[:, None]).reshape(part.shape)))
        return back[0] if isinstance(patterns, xr.DataArray) else back

    def get_feature_names_out(self, input_features: object = None) -> npt.NDArray[np.object_]:
        """Names of the grid points, such as ``q0.9900``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_points + n_told,) of str
        """
        check_is_fitted(self)
        # Digits enough to tell neighbours apart.
        digits = max(4, 1 - math.floor(math.log10(self.q_[1] - self.q_[0])))
        names = [f"q{value:.{digits}f}" for value in self.q_]
        return np.array([*names, *(f"told{k}" for k in range(self.n_told))], dtype=object)

    def _input_axis(self) -> FloatArray:
        if self.input_q is None:
            return self.q_
        try:
            return np.asarray(self.input_q, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError("input_q must be numbers, Q in 1/Angstrom") from None

    def _standardize_pattern(self, pattern: xr.DataArray, resampler: Resampler) -> RealArray:
        source = pattern.attrs.get("source", "pattern")
        rows = rows_of(pattern)
        dtype = np.float32 if rows.dtype == np.float32 else np.float64
        standard = np.empty((len(rows), len(self.q_)), dtype=dtype)
        for chunk in _chunks(rows):
            part = cast("RealArray", rows[chunk].astype(dtype, copy=False))
            _check_rows(part, pattern, source)
            on_grid = self._on_grid(part, resampler)
            if not (np.nanmax(on_grid, axis=1) > 0).all():
                raise ValueError(f"{source}: no intensity inside the grid")
            net, gross = self._area(on_grid), self._area(np.abs(on_grid))
            if not (gross > 0).all():
                raise ValueError(f"{source}: fewer than two neighbouring points inside the grid")
            if (net < _LEAST_NET * gross).any():
                raise ValueError(
                    f"{source}: next to nothing is left inside the grid (net area "
                    f"{(net / gross).min():.0%} of the absolute one): the blank was subtracted "
                    "with too large a scale"
                )
            standard[chunk] = self._scaled(on_grid)
        return standard

    def _on_grid(self, rows: RealArray, resampler: Resampler) -> RealArray:
        on_grid = resampler(_unit_maximum(rows))
        measured = np.isfinite(on_grid)
        if not measured.any(axis=1).all():
            q = resampler.q
            raise ValueError(
                f"a pattern ({range_of(q)}) has nothing measured inside the grid "
                f"({self.q_[0]:.3g} to {self.q_[-1]:.3g} 1/Angstrom)"
            )
        if self.padding != "nan" and not measured.all():
            on_grid = _pad(on_grid, measured, self.padding)
        return on_grid

    def _area(self, on_grid: RealArray) -> FloatArray:
        """Area of the measured part, with straight lines between the points of coarse patterns."""
        total = area(on_grid, self.q_)
        missing = np.isnan(on_grid)
        if self.coarse == "points" and missing.any():
            for rows, measured in alike(missing, np.flatnonzero(holes(missing))):
                values, q = on_grid[np.ix_(rows, measured)], self.q_[measured]
                steps = np.diff(q)
                steps[gaps(q, float(self.q_[1] - self.q_[0]))] = 0.0
                total[rows] = (0.5 * (values[:, 1:] + values[:, :-1]) * steps).sum(axis=1)
        return total

    def _joined(self, on_grid: FloatArray) -> FloatArray:
        """Rows with straight lines between the points of coarse patterns."""
        missing = np.isnan(on_grid)
        if self.coarse == "spline" or not missing.any():
            return on_grid
        joined = on_grid.copy()
        step = float(self.q_[1] - self.q_[0])
        for rows, measured in alike(missing, np.flatnonzero(holes(missing))):
            known = np.flatnonzero(measured)
            between = np.arange(known[0], known[-1] + 1)
            lines = interp1d(known, on_grid[np.ix_(rows, known)], axis=1)(between)
            for hole in gaps(self.q_[known], step):
                lines[:, known[hole] + 1 - known[0] : known[hole + 1] - known[0]] = np.nan
            joined[np.ix_(rows, between)] = lines
        return joined

    def _scaled(self, on_grid: RealArray) -> RealArray:
        total = self._area(on_grid)
        absolute = self._area(np.abs(on_grid)) if (on_grid < 0).any() else total
        # A bare array may hold anything, such as numbers that are no intensities.
        total = np.where(total > _LEAST_NET * absolute, total, absolute)
        scale = np.divide(float(self.area), total, out=np.zeros_like(total), where=total > _NOTHING)
        return np.asarray(on_grid * scale[:, None].astype(on_grid.dtype))

    def _validated(self, X: _Patterns, *, reset: bool) -> RealArray:
        if isinstance(X, xr.Dataset):
            raise TypeError("X is a Dataset; give a DataArray of patterns over q")
        if isinstance(X, Sequence) and len(X) == 0:
            raise ValueError("X is an empty list; expected patterns")
        if isinstance(X, np.ma.MaskedArray):
            X = np.ma.filled(X.astype(np.float64), np.nan)
        return np.asarray(
            validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
            )
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _has_axis(X: object) -> TypeGuard[xr.DataArray | Sequence[xr.DataArray]]:
    if isinstance(X, xr.DataArray):
        return True
    if not isinstance(X, Sequence) or isinstance(X, str) or len(X) == 0:
        return False
    with_axis = [isinstance(item, xr.DataArray) for item in X]
    if any(with_axis) and not all(with_axis):
        raise ValueError(
            "some patterns of the list are DataArrays and some are not; an axis is needed for all"
        )
    return all(with_axis)


def _chunks(rows: npt.NDArray[np.floating | np.integer]) -> Iterator[slice]:
    """Some rows at a time: what is in between fits the memory of a laptop."""
    return (slice(start, start + _CHUNK) for start in range(0, len(rows), _CHUNK))


def _unit_maximum(rows: RealArray) -> RealArray:
    """Rows scaled to a largest value of 1, so that no sum over- or underflows."""
    largest = np.fmax.reduce(np.abs(rows), axis=1, keepdims=True, initial=0.0).astype(np.float64)
    return (rows / np.where(largest > 0, largest, 1.0)).astype(rows.dtype)


def _check_rows(rows: npt.NDArray[np.floating], pattern: xr.DataArray, source: str) -> None:
    if np.isinf(rows).any():
        raise ValueError(f"{source}: infinite intensities; check how they were computed")
    if np.isnan(rows).all(axis=1).any():
        raise ValueError(f"{source}: nothing measured; every point is NaN")
    if np.nanmin(rows, initial=0.0) < 0 and not is_subtracted(pattern):
        raise ValueError(
            f"{source}: negative intensities; give the counts as measured, or subtract a blank "
            "with subtract_blank"
        )
    if not (np.nanmax(rows, axis=1, initial=0.0) > 0).all():
        raise ValueError(f"{source}: no intensity; no measured point is above zero")


def _interpolate(grid: FloatArray, rows: FloatArray, q: FloatArray) -> FloatArray:
    """Rows of the grid at any points, by straight lines; NaN where they do not reach."""
    if q is grid:
        return rows.copy()
    step = grid[1] - grid[0]
    found = np.stack([np.interp(q, grid, row) for row in rows])
    found[:, (q < grid[0] - 0.5 * step) | (q > grid[-1] + 0.5 * step)] = np.nan
    return found


def _pad(on_grid: RealArray, measured: BoolArray, padding: str) -> RealArray:
    padded = on_grid.copy()
    positions = np.arange(on_grid.shape[1])
    for k in np.flatnonzero(~measured.all(axis=1)):
        row, known = padded[k], np.flatnonzero(measured[k])
        first, last = known[0], known[-1]
        edges = (row[known[:_EDGE_POINTS]].mean(), row[known[-_EDGE_POINTS:]].mean())
        row[:first], row[last + 1 :] = edges if padding == "edge" else (0.0, 0.0)
        holes = np.isnan(row)
        if holes.any():
            filled = np.interp(positions[holes], positions[~holes], row[~holes])
            row[holes] = filled if padding == "edge" else 0.0
    return padded

"""Any instrument's pattern on one Q grid, and the blank taken away where there is one.

A pattern finer than the grid is averaged over each grid step, so that no count
is thrown away; a coarser one is interpolated by a cubic spline. Grid points
outside the measured range are padded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, TransformerMixin

from ._patterns import area, check_axis, is_subtracted, q_of, rows_of
from ._radiation import same_beam
from ._resampling import resample
from ._validation import Interval, StrOptions, check_is_fitted, fit_context, validate_data

__all__ = ["QStandardizer", "subtract_blank"]

Array = npt.NDArray[Any]

_EDGE_POINTS = 5
_CHUNK = 256  # rows at a time: what is in between fits the memory of a laptop
_STRETCH = 0.1  # 1/Angstrom: counts enough in each, and no wider than a peak
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
    area : float, default=1000.0
        Trapezoidal integral of each pattern over its measured part.
    input_q : array-like of shape (n_features,), optional
        Q of the columns of a bare array, in 1/Angstrom, ascending. Without it the
        columns of a bare array are taken to be on the standard grid already: they
        are scaled, not resampled.

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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "q_min": [Interval(Real, 0, None, closed="neither")],
        "q_max": [Interval(Real, 0, None, closed="neither")],
        "n_points": [Interval(Integral, 2, None, closed="left")],
        "padding": [StrOptions({"nan", "edge", "zero"})],
        "area": [Interval(Real, 0, None, closed="neither")],
        "input_q": ["array-like", None],
    }

    def __init__(
        self,
        q_min: float = 0.99,
        q_max: float = 14.9984,
        n_points: int = 5004,
        padding: Literal["nan", "edge", "zero"] = "nan",
        area: float = 1000.0,
        input_q: npt.ArrayLike | None = None,
    ) -> None:
        self.q_min = q_min
        self.q_max = q_max
        self.n_points = n_points
        self.padding = padding
        self.area = area
        self.input_q = input_q

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fix the grid.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        if not self.q_min < self.q_max:
            raise ValueError(f"q_min is {self.q_min}; it must be below q_max, {self.q_max}")
        grid = np.linspace(self.q_min, self.q_max, self.n_points)
        if _has_axis(X):
            self.n_features_in_ = self.n_points  # what a bare array must have
        else:
            values = self._validated(X, reset=True)
            if self.input_q is None and values.shape[1] != self.n_points:
                grid = np.linspace(self.q_min, self.q_max, values.shape[1])
        self.q_ = grid
        return self

    def transform(self, X: Any) -> Array:
        """Resample, pad and scale.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_points)

        Raises
        ------
        ValueError
            If a pattern has no axis, an axis that does not ascend, negative
            intensities that no subtraction explains, or nothing inside the grid.
        """
        check_is_fitted(self)
        if _has_axis(X):
            parts = [X] if isinstance(X, xr.DataArray) else list(X)
            rows = [self._standardize_pattern(part) for part in parts]
            return rows[0] if len(rows) == 1 else np.concatenate(rows)
        values = self._validated(X, reset=False)
        # A bare array may hold anything; for intensities |I| is I.
        return self._standardize(self._input_axis(), values, signed=False)

    def inverse_transform(self, X: npt.ArrayLike, patterns: Any = None) -> Any:
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
            As ``patterns``, whose coordinates are kept; without them rows of area
            ``area`` on ``input_q``, or on the grid where there is none. NaN where the
            row holds none or does not reach.

        Raises
        ------
        ValueError
            If the numbers of rows, points or patterns do not fit.
        """
        check_is_fitted(self)
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != len(self.q_):
            raise ValueError(
                f"X has shape {rows.shape}; expected rows of {len(self.q_)} points, as "
                "transform returns"
            )
        if patterns is None:
            return _interpolate(self.q_, rows, self._input_axis())
        parts = [patterns] if isinstance(patterns, xr.DataArray) else list(patterns)
        counts = [len(rows_of(part)) for part in parts]
        if sum(counts) != len(rows):
            raise ValueError(f"X has {len(rows)} rows and there are {sum(counts)} patterns")
        back = []
        for part, end in zip(parts, np.cumsum(counts), strict=True):
            q, values = q_of(part), rows_of(part)
            found = _interpolate(self.q_, rows[end - len(values) : end], q)
            both = np.isfinite(found) & np.isfinite(values)
            ratio = _ratio(
                area(np.where(both, values, np.nan), q), area(np.where(both, found, np.nan), q)
            )
            back.append(part.copy(data=(found * ratio[:, None]).reshape(part.shape)))
        return back[0] if isinstance(patterns, xr.DataArray) else back

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the grid points, such as ``q0.9900``.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of shape (n_points,) of str
        """
        check_is_fitted(self)
        return np.array([f"q{value:.4f}" for value in self.q_], dtype=object)

    def _input_axis(self) -> Array:
        if self.input_q is None:
            return self.q_
        return np.asarray(self.input_q, dtype=np.float64)

    def _standardize_pattern(self, pattern: xr.DataArray) -> Array:
        source = pattern.attrs.get("source", "pattern")
        rows = rows_of(pattern)
        standard = self._standardize(
            q_of(pattern), rows, signed=True, check=lambda part: _check_rows(part, pattern, source)
        )
        if not all(np.nanmax(part) > 0 for part in standard):
            raise ValueError(f"{source}: no intensity inside the grid")
        return standard

    def _standardize(
        self,
        q: Array,
        rows: Array,
        *,
        signed: bool,
        check: Callable[[Array], None] = lambda part: None,
    ) -> Array:
        check_axis(q, rows.shape[1])
        dtype = np.float32 if rows.dtype == np.float32 else np.float64
        standard = np.empty((len(rows), len(self.q_)), dtype=dtype)
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK].astype(dtype, copy=False)
            check(part)
            on_grid = resample(q, _unit_maximum(part), self.q_)
            measured = np.isfinite(on_grid)
            if not measured.any(axis=1).all():
                raise ValueError(
                    f"a pattern ({q.min():.3g} to {q.max():.3g} 1/Angstrom) has nothing measured "
                    f"inside the grid ({self.q_[0]:.3g} to {self.q_[-1]:.3g} 1/Angstrom)"
                )
            if self.padding != "nan" and not measured.all():
                on_grid = _pad(on_grid, measured, self.padding)
            total = area(on_grid if signed else np.abs(on_grid), self.q_)
            scale = np.divide(
                float(self.area), total, out=np.zeros_like(total), where=total > _NOTHING
            )
            np.multiply(on_grid, scale[:, None].astype(dtype), out=standard[start : start + _CHUNK])
        return standard

    def _validated(self, X: Any, *, reset: bool) -> Array:
        return np.asarray(
            validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
            )
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _has_axis(X: Any) -> bool:
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


def _unit_maximum(rows: Array) -> Array:
    """Rows scaled to a largest value of 1, so that no sum over- or underflows."""
    largest = np.nanmax(np.abs(rows), axis=1, keepdims=True, initial=0.0).astype(np.float64)
    return (rows / np.where(largest > 0, largest, 1.0)).astype(rows.dtype)


def _check_rows(rows: Array, pattern: xr.DataArray, source: str) -> None:
    if np.isinf(rows).any():
        raise ValueError(f"{source}: infinite intensities; check how they were computed")
    if np.nanmin(rows, initial=0.0) < 0 and not is_subtracted(pattern):
        raise ValueError(
            f"{source}: negative intensities; give the counts as measured, or subtract a blank "
            "with subtract_blank"
        )
    if not (np.nanmax(rows, axis=1, initial=0.0) > 0).all():
        raise ValueError(f"{source}: no intensity; every measured point is zero")


def _interpolate(grid: Array, rows: Array, q: Array) -> Array:
    """Rows of the grid at any points, by straight lines; NaN where they do not reach."""
    if q is grid:
        return rows.copy()
    step = grid[1] - grid[0]
    found = np.stack([np.interp(q, grid, row) for row in rows])
    found[:, (q < grid[0] - 0.5 * step) | (q > grid[-1] + 0.5 * step)] = np.nan
    return found


def _ratio(one: Array, other: Array) -> Array:
    return np.divide(one, other, out=np.ones_like(one), where=other != 0)


def _pad(on_grid: Array, measured: Array, padding: str) -> Array:
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


def subtract_blank(
    pattern: xr.DataArray, blank: xr.DataArray, scale: float | Literal["largest"]
) -> xr.DataArray:
    """Take a measured blank away: pattern - scale * blank.

    Nothing in this package subtracts by itself: the shipped sizer reads patterns as
    counted, liquid and all.

    Parameters
    ----------
    pattern : DataArray
        One pattern, or sample-first patterns, with a Q axis.
    blank : DataArray
        The pure solvent, the empty capillary or the bare substrate, measured in the
        same way, with a Q axis of its own.
    scale : float or "largest"
        What the blank is multiplied by: the ratio of the exposures, times that of the
        transmissions, times the solvent's share of the volume. ``"largest"`` takes the
        largest scale at which no stretch of 0.1 1/Angstrom of a pattern falls below
        zero: an upper limit, as it leaves the dots nothing there.

    Returns
    -------
    DataArray
        With the coordinates of ``pattern``, NaN where the blank was not measured;
        ``attrs["blank_scale"]`` holds the scale (the first pattern's). ``esd`` is
        propagated where both have it and left out otherwise. Counting noise may leave
        values below zero; :class:`QStandardizer` and the sizers take them from here.

    Raises
    ------
    ValueError
        If the scale is not a positive number, the wavelengths differ, or the ranges
        do not overlap.

    See Also
    --------
    sk_qdots.read_pattern : Reads both.
    sk_qdots.read_solvent : For training with the blank, which needs no subtraction.

    Examples
    --------
    >>> import numpy as np, xarray as xr, sk_qdots as sq
    >>> q = np.linspace(1.0, 8.0, 1000)
    >>> blank = xr.DataArray(100.0 / q, dims="q", coords={"q": q})
    >>> pattern = xr.DataArray(1.0 + 0.8 * blank, dims="q", coords={"q": q})
    >>> float(sq.subtract_blank(pattern, blank, 0.8).mean().round(6))
    1.0
    """
    _check_is_pattern("pattern", pattern)
    _check_is_pattern("blank", blank)
    waves = [float(item.attrs.get("wavelength", np.nan)) for item in (pattern, blank)]
    if np.isfinite(waves).all() and not same_beam(*waves):
        raise ValueError(
            f"the pattern was measured at {waves[0]:.5g} Angstrom and the blank at "
            f"{waves[1]:.5g}; a blank must be measured in the same way"
        )
    if scale != "largest" and not (_is_number(scale) and 0 < float(scale) < np.inf):
        raise ValueError(f"scale is {scale!r}; it must be a positive number or 'largest'")
    if len(rows_of(blank)) != 1:
        raise ValueError(f"blank has {len(rows_of(blank))} patterns; expected one")
    q, q_blank = q_of(pattern), q_of(blank)
    rows = rows_of(pattern).astype(np.float64)
    check_axis(q, rows.shape[1])
    check_axis(q_blank, rows_of(blank).shape[1])
    below = resample(q_blank, rows_of(blank).astype(np.float64), q)[0]
    if not (np.isfinite(below) & np.isfinite(rows)).any(axis=1).all():
        raise ValueError(
            f"the blank ({q_blank[0]:.3g} to {q_blank[-1]:.3g} 1/Angstrom) and the pattern "
            f"({q[0]:.3g} to {q[-1]:.3g}) do not overlap"
        )
    if scale == "largest":
        scales = np.array([_largest_scale(q, row, below) for row in rows])
    else:
        scales = np.full(len(rows), float(scale))
    result = pattern.copy(data=(rows - scales[:, None] * below).reshape(pattern.shape))
    result.attrs |= {
        "blank_scale": float(scales[0]),
        "blank": str(blank.attrs.get("source", blank.name or "blank")),
    }
    if "esd" in result.coords:
        result = result.drop_vars("esd")
        if "esd" in blank.coords and pattern.ndim == 1:
            noise = np.interp(q, q_blank, blank.coords["esd"].values)
            total = np.hypot(pattern.coords["esd"].values, scales[0] * noise)
            result = result.assign_coords(esd=(pattern.dims[0], total))
    return result


def _check_is_pattern(what: str, item: object) -> None:
    if not isinstance(item, xr.DataArray):
        raise TypeError(f"{what} is a {type(item).__name__}; expected a DataArray")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _largest_scale(q: Array, row: Array, blank: Array) -> float:
    """Smallest ratio of a pattern and its blank, each summed over stretches."""
    both = np.isfinite(row) & np.isfinite(blank)
    stretch = ((q[both] - q[both][0]) / _STRETCH).astype(np.int64)
    above, below = (np.bincount(stretch, values[both]) for values in (row, blank))
    usable = below > 0
    if not usable.any():
        raise ValueError("the blank holds no intensity")
    scale = float((above[usable] / below[usable]).min())
    if scale <= 0:
        raise ValueError("the pattern holds no intensity in places; give the scale as a number")
    return scale

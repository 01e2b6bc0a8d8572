"""From any Q axis to a grid: averages where the data are finer, splines where coarser."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline
from scipy.ndimage import median_filter
from scipy.sparse import csr_array

__all__ = ["resample"]

Array = npt.NDArray[Any]

_FINE = 0.75  # data steps below this many grid steps are averaged
_GAP_STEPS = 5.0  # a step this many times its neighbours' is a hole in the data ...
_GAP_WIDTH = 0.03  # ... if it is also this wide, in 1/Angstrom: half a peak of the largest dots
_NEIGHBOURS = 21  # steps that the running median looks at
_MARGIN = (
    20  # points beyond a coarse stretch that its spline sees: their influence decays as 0.27^n
)


def resample(q: Array, rows: Array, grid: Array) -> Array:
    """Patterns on a grid, NaN where they were not measured.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        Strictly ascending, in 1/Angstrom.
    rows : ndarray of shape (n_samples, n_q)
        NaN is a point that was not measured.
    grid : ndarray of shape (n_grid,)
        Strictly ascending, in 1/Angstrom.

    Returns
    -------
    ndarray of shape (n_samples, n_grid)
        Points beyond the ends of the data and inside holes are NaN.

    Raises
    ------
    ValueError
        If there are fewer than two points.
    """
    missing = np.isnan(rows)
    same_grid = len(q) == len(grid) and np.allclose(q, grid, rtol=0.0, atol=1e-9)
    to_do = _holes(missing) if same_grid else np.ones(len(rows), dtype=bool)
    if same_grid and not to_do.any():
        return rows
    result = rows.copy() if same_grid else np.empty((len(rows), len(grid)), dtype=rows.dtype)
    for chosen, measured in _alike(missing, np.flatnonzero(to_do)):
        if measured.all() and len(chosen) == len(rows):
            return _resample_measured(q, rows, grid)
        if measured.sum() < 2 and not measured.all():
            result[chosen] = np.nan
        else:
            result[chosen] = _resample_measured(q[measured], rows[np.ix_(chosen, measured)], grid)
    return result


def _holes(missing: Array) -> Array:
    """Which rows have missing points between measured ones."""
    measured = ~missing
    started = np.logical_or.accumulate(measured, axis=1)
    unfinished = np.logical_or.accumulate(measured[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((missing & started & unfinished).any(axis=1))


def _alike(missing: Array, chosen: Array) -> list[tuple[Array, Array]]:
    """Rows that miss the same points, and which points they have."""
    groups: dict[bytes, list[int]] = {}
    for k in chosen:
        groups.setdefault(np.packbits(missing[k]).tobytes(), []).append(int(k))
    return [(np.array(group), ~missing[group[0]]) for group in groups.values()]


def _resample_measured(q: Array, rows: Array, grid: Array) -> Array:
    if len(q) < 2:
        raise ValueError("a pattern has one point; it cannot be put on a grid")
    # A point of the grid stands for the bin around it.
    middles = 0.5 * (grid[1:] + grid[:-1])
    low = np.concatenate([[1.5 * grid[0] - 0.5 * grid[1]], middles])
    high = np.concatenate([middles, [1.5 * grid[-1] - 0.5 * grid[-2]]])
    inside = (high >= q[0]) & (low <= q[-1])
    steps = np.diff(q)
    if steps.max() > max(_GAP_STEPS * steps.min(), _GAP_WIDTH):
        usual = median_filter(steps, size=min(_NEIGHBOURS, len(steps)), mode="nearest")
        for k in np.flatnonzero(steps > np.maximum(_GAP_STEPS * usual, _GAP_WIDTH)):
            inside &= (low <= q[k]) | (high >= q[k + 1])
    result = np.full((len(rows), len(grid)), np.nan, dtype=rows.dtype)
    fine = inside & (np.interp(grid, q[:-1] + 0.5 * steps, _smooth(steps)) < _FINE * (high - low))
    coarse = inside & ~fine
    if fine.any():
        weights = _bin_weights(q, grid[fine], low[fine], high[fine])
        first, last = weights.indices.min(), weights.indices.max() + 1
        # Column by column: the sum over a row's points does not depend on the other rows.
        columns = np.ascontiguousarray(rows[:, first:last].T, dtype=np.float64)
        result[:, fine] = (weights[:, first:last] @ columns).T
    if coarse.any():
        result[:, coarse] = _spline(q, rows, grid[coarse])
    return result


def _smooth(steps: Array) -> Array:
    """Steps as they usually are nearby; one odd step does not change the method."""
    size = min(_NEIGHBOURS, len(steps))
    return np.asarray(median_filter(steps, size=size, mode="nearest"))


def _spline(q: Array, rows: Array, at: Array) -> Array:
    """Cubic splines through the points."""
    low = max(int(np.searchsorted(q, at[0])) - _MARGIN, 0)
    high = min(int(np.searchsorted(q, at[-1])) + _MARGIN, len(q))
    low = min(low, max(high - 4, 0))
    q, values = q[low:high], rows[:, low:high].astype(np.float64)
    spline = make_interp_spline(q, values, k=min(3, len(q) - 1), axis=1)
    # A spline may swing beyond its points beside a sharp peak; below zero counts cannot go.
    floor = np.minimum(rows.min(axis=1, keepdims=True), 0.0)
    return np.asarray(np.maximum(spline(np.clip(at, q[0], q[-1])), floor))


def _bin_weights(q: Array, centres: Array, low: Array, high: Array) -> csr_array:
    """Weights of the points in the means, over bins, of the straight lines that join them."""
    width = high - low
    low, high = np.clip(low, q[0], q[-1]), np.clip(high, q[0], q[-1])
    thin = high - low <= 1e-9 * width
    low[thin], high[thin] = np.clip(centres[thin], q[0], q[-1]), np.inf
    # The lines bend at the data and are cut at the edges of the bins: a trapezium each.
    knots = np.unique(np.concatenate([q, low, high[~thin]]))
    value = _interpolation(q, knots)
    left = np.searchsorted(low, knots, side="right") - 1
    inside = (left >= 0) & ~thin[left] & (knots < high[left])
    bins, k = left[inside], np.flatnonzero(inside)
    half = 0.5 * np.diff(knots)[k] / (high - low)[bins]
    shape = (len(centres), len(knots))
    means = csr_array((half, (bins, k)), shape) + csr_array((half, (bins, k + 1)), shape)
    where = np.flatnonzero(thin)
    points = csr_array(
        (np.ones(len(where)), (where, np.searchsorted(knots, low[thin]))), shape=shape
    )
    return csr_array((means + points) @ value)


def _interpolation(q: Array, at: Array) -> csr_array:
    """Weights of the points in a linear interpolation."""
    left = np.clip(np.searchsorted(q, at, side="right") - 1, 0, len(q) - 2)
    t = (at - q[left]) / (q[left + 1] - q[left])
    rows = np.arange(len(at))
    shape = (len(at), len(q))
    return csr_array((1.0 - t, (rows, left)), shape) + csr_array((t, (rows, left + 1)), shape)

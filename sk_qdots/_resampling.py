"""From any Q axis to a grid: averages where the data are finer, splines where coarser."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline
from scipy.ndimage import median_filter

__all__ = ["resample"]

Array = npt.NDArray[Any]

_FINE = 0.75  # data steps below this many grid steps are averaged
_GAP_STEPS = 5.0  # a step this many times its neighbours' is a hole in the data ...
_GAP_WIDTH = 0.03  # ... if it is also this wide, in 1/Angstrom: half a peak of the largest dots
_NEIGHBOURS = 21  # steps that the running median looks at


def resample(q: Array, rows: Array, grid: Array) -> Array:
    """Patterns on a grid, NaN where they were not measured.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        Strictly ascending, in 1/Angstrom.
    rows : ndarray of shape (n_samples, n_q)
        NaN is a point that was not measured.
    grid : ndarray of shape (n_grid,)
        Evenly spaced, in 1/Angstrom.

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
    if len(q) == len(grid) and np.allclose(q, grid, rtol=0.0, atol=1e-9):
        inner = np.flatnonzero(_holes(missing))
        if inner.size == 0:
            return rows
        result = rows.copy()
        for k in inner:
            result[k] = _resample_one(q, rows[k], missing[k], grid)
        return result
    if missing.any():
        parts = [_resample_one(q, r, m, grid) for r, m in zip(rows, missing, strict=True)]
        return np.stack(parts)
    return _resample_measured(q, rows, grid)


def _holes(missing: Array) -> Array:
    """Which rows have missing points between measured ones."""
    measured = ~missing
    started = np.logical_or.accumulate(measured, axis=1)
    unfinished = np.logical_or.accumulate(measured[:, ::-1], axis=1)[:, ::-1]
    return np.asarray((missing & started & unfinished).any(axis=1))


def _resample_one(q: Array, row: Array, missing: Array, grid: Array) -> Array:
    if (~missing).sum() < 2:
        return np.full(len(grid), np.nan, dtype=row.dtype)
    return np.asarray(_resample_measured(q[~missing], row[None, ~missing], grid)[0])


def _resample_measured(q: Array, rows: Array, grid: Array) -> Array:
    if len(q) < 2:
        raise ValueError("a pattern has one point; it cannot be put on a grid")
    step = grid[1] - grid[0]
    # Half a step at the ends: a point stands for the bin around it.
    inside = (grid >= q[0] - 0.5 * step) & (grid <= q[-1] + 0.5 * step)
    steps = np.diff(q)
    if steps.max() > max(_GAP_STEPS * steps.min(), _GAP_WIDTH):
        usual = median_filter(steps, size=min(_NEIGHBOURS, len(steps)), mode="nearest")
        for k in np.flatnonzero(steps > np.maximum(_GAP_STEPS * usual, _GAP_WIDTH)):
            inside &= (grid <= q[k] + 0.5 * step) | (grid >= q[k + 1] - 0.5 * step)
    result = np.full((len(rows), len(grid)), np.nan, dtype=rows.dtype)
    if not inside.any():
        return result
    near = (q > grid[0] - step) & (q < grid[-1] + step)
    if near.sum() > 1 and np.median(np.diff(q[near])) < _FINE * step:
        result[:, inside] = _bin_average(q, rows, grid[inside], step)
    else:
        at = np.clip(grid[inside], q[0], q[-1])
        spline = make_interp_spline(q, rows.astype(np.float64), k=min(3, len(q) - 1), axis=1)
        # A spline may swing beyond its points beside a sharp peak; below zero counts cannot go.
        floor = np.minimum(rows.min(axis=1, keepdims=True), 0.0)
        result[:, inside] = np.maximum(spline(at), floor)
    return result


def _bin_average(q: Array, rows: Array, centres: Array, step: float) -> Array:
    """Mean over each grid step of the straight lines that join the points."""
    values = rows.astype(np.float64)
    segments = 0.5 * (values[:, 1:] + values[:, :-1]) * np.diff(q)
    integral = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(segments, axis=1)], axis=1)

    def integral_to(x: Array) -> Array:
        left = np.clip(np.searchsorted(q, x, side="right") - 1, 0, len(q) - 2)
        t = x - q[left]
        slope = (values[:, left + 1] - values[:, left]) / (q[left + 1] - q[left])
        return np.asarray(integral[:, left] + values[:, left] * t + 0.5 * slope * t**2)

    low = np.clip(centres - 0.5 * step, q[0], q[-1])
    high = np.clip(centres + 0.5 * step, q[0], q[-1])
    width = high - low
    thin = width <= 1e-9 * step
    width[thin] = 1.0
    average = (integral_to(high) - integral_to(low)) / width
    if thin.any():
        average[:, thin] = np.stack([np.interp(centres[thin], q, v) for v in values])
    return average

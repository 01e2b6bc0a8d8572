"""From any Q axis to another: averages of finer data, splines or points of coarser."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator, make_interp_spline

from .._typing import BoolArray, FloatArray, RealArray

__all__ = ["Resampler", "alike", "gaps", "holes", "resample"]

_FINE = 0.75  # data steps below this many grid steps are averaged
_COARSE = 1.5  # data steps above this many grid steps may be left as points
_GAP_STEPS = 2.5  # a step this many times those beside it is a hole in the data ...
_GAP_WIDTH = 0.02  # ... if it is also this wide, in 1/Angstrom: a third of a 10 nm peak
_WIDEST = 0.25  # 1/Angstrom: a wider step is a hole, whatever is beside it
_BESIDE = 10  # steps that are looked at on either side
_TWINS = 0.5  # points closer than this many of the steps around them are one point
_MARGIN = (
    20  # points beyond a coarse stretch that its spline sees: their influence decays as 0.27^n
)
_ROWS = 8  # at a time, so that what is in between stays in the processor's cache


def resample(q: FloatArray, rows: RealArray, grid: FloatArray, coarse: str = "spline") -> RealArray:
    """Patterns on a grid, NaN where they were not measured.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        Strictly ascending, in 1/Angstrom.
    rows : ndarray of shape (n_samples, n_q)
        NaN is a point that was not measured.
    grid : ndarray of shape (n_grid,)
        Strictly ascending, in 1/Angstrom.
    coarse : {"spline", "points"}, default="spline"
        What becomes of data that are coarser than the grid: a cubic spline through
        them, or each point on the grid point nearest to it and NaN between.

    Returns
    -------
    ndarray of shape (n_samples, n_grid)
        Points beyond the ends of the data and inside holes are NaN.

    Raises
    ------
    ValueError
        If there are fewer than two points.
    """
    return Resampler(q, grid, coarse)(rows)


class Resampler:
    """What :func:`resample` does, prepared for one axis and one grid.

    Parameters
    ----------
    q, grid : ndarray
    coarse : str
        As for :func:`resample`.
    """

    def __init__(self, q: FloatArray, grid: FloatArray, coarse: str = "spline") -> None:
        self.q, self.grid, self.coarse = q, grid, coarse
        self._same = len(q) == len(grid) and np.allclose(q, grid, rtol=0.0, atol=1e-9)
        if len(q) < 2 and not self._same:
            raise ValueError("a pattern has one point; it cannot be put on a grid")
        self._segments: list[_Segment] | None = None

    def __call__(self, rows: RealArray) -> RealArray:
        """Patterns on the grid."""
        missing = np.isnan(rows)
        if self._same:
            to_do = holes(missing)
            if not to_do.any():
                return rows
            result = rows.copy()
        else:
            to_do = np.ones(len(rows), dtype=bool)
            result = np.full((len(rows), len(self.grid)), np.nan, dtype=rows.dtype)
        for chosen, measured in alike(missing, np.flatnonzero(to_do)):
            if measured.all():
                self._fill(result, chosen, rows if len(chosen) == len(rows) else rows[chosen])
            elif measured.sum() < 2:
                result[chosen] = np.nan
            else:
                part = Resampler(self.q[measured], self.grid, self.coarse)
                part._fill(result, chosen, rows[np.ix_(chosen, measured)])
        return result

    def _fill(self, result: RealArray, chosen: npt.NDArray[np.intp], rows: RealArray) -> None:
        """Resample rows into their places."""
        if self._segments is None:
            self._segments = _segments(self.q, self.grid, self.coarse)
        for start in range(0, len(chosen), _ROWS):
            some = slice(start, start + _ROWS)
            places = chosen[some]
            result[places] = np.nan
            for segment in self._segments:
                result[places, segment.chosen] = segment.values(rows[some])


def holes(missing: BoolArray) -> BoolArray:
    """Which rows have missing points between measured ones."""
    measured = ~missing
    first, last = measured.argmax(axis=1), measured[:, ::-1].argmax(axis=1)
    count = measured.sum(axis=1)
    return np.asarray((count > 0) & (count < measured.shape[1] - first - last))


def alike(
    missing: BoolArray, chosen: npt.NDArray[np.intp]
) -> list[tuple[npt.NDArray[np.intp], BoolArray]]:
    """Rows that miss the same points, and which points they have."""
    if not missing.any():
        return [(chosen, ~missing[0])] if len(chosen) else []
    groups: dict[bytes, list[int]] = {}
    for k in chosen:
        groups.setdefault(np.packbits(missing[k]).tobytes(), []).append(int(k))
    return [(np.array(group), ~missing[group[0]]) for group in groups.values()]


def _segments(q: FloatArray, grid: FloatArray, coarse: str) -> list[_Segment]:
    """Stretches of the data without holes, that reach the grid."""
    steps = np.diff(grid)
    # A point of the grid stands for the bin around it, and no more of a hole beside it.
    left, right = np.r_[steps[0], steps], np.r_[steps, steps[-1]]
    low = grid - 0.5 * np.minimum(left, 2.0 * right)
    high = grid + 0.5 * np.minimum(right, 2.0 * left)
    found = []
    for part in np.split(np.arange(len(q)), gaps(q, float(steps.max())) + 1):
        start, stop = int(part[0]), int(part[-1]) + 1
        # Bins that the stretch reaches into.
        first = int(np.searchsorted(high, q[start]))
        last = int(np.searchsorted(low, q[stop - 1], side="right"))
        # A lone point between holes is no pattern.
        if first < last and len(part) > 1:
            chosen = slice(first, last)
            bins = (low[chosen], high[chosen])
            found.append(_Segment(q, slice(start, stop), grid, chosen, *bins, coarse=coarse))
    return found


def gaps(q: FloatArray, grid_step: float) -> npt.NDArray[np.intp]:
    """Points after which a hole begins."""
    steps = np.diff(q)
    wide = max(_WIDEST, _GAP_STEPS * grid_step)
    least = min(_GAP_STEPS * float(steps.min(initial=np.inf)), wide)
    found = []
    for k in np.flatnonzero(steps > max(_GAP_WIDTH, least)):
        before, after = steps[max(k - _BESIDE, 0) : k], steps[k + 1 : k + 1 + _BESIDE]
        beside = max((float(np.median(s)) for s in (before, after) if len(s)), default=np.inf)
        if steps[k] > min(_GAP_STEPS * beside, wide):
            found.append(k)
    return np.array(found, dtype=np.intp)


class _Segment:
    """A stretch of data without holes, and the points of the grid that it gives."""

    def __init__(
        self,
        q: FloatArray,
        points: slice,
        grid: FloatArray,
        chosen: slice,
        low: FloatArray,
        high: FloatArray,
        *,
        coarse: str,
    ) -> None:
        self.points, self.chosen = points, chosen
        self.q, self.grid = q[points], grid[chosen]
        local = _local_step(self.q)
        step = np.interp(self.grid, self.q, local) / (high - low)
        self.fine = step < _FINE
        apart = (step > _COARSE) & (coarse == "points")
        self.smooth = ~(self.fine | apart)
        if self.fine.any():
            self._prepare_means(low[self.fine], high[self.fine])
        if self.smooth.any():
            self._prepare_spline(local)
        # Each point on the point of the grid whose bin it lies in.
        place = np.clip(np.searchsorted(high, self.q), 0, len(self.grid) - 1)
        self.apart = np.flatnonzero(apart[place] & (self.q >= low[place]) & (self.q <= high[place]))
        found = np.unique(place[self.apart], return_index=True, return_counts=True)
        self.places, self.starts, self.together = found

    def values(self, rows: RealArray) -> FloatArray:
        """Intensities at the chosen points of the grid."""
        values = rows[:, self.points].astype(np.float64)
        found = np.full((len(rows), len(self.grid)), np.nan)
        if self.fine.any():
            found[:, self.fine] = self._means(values)
        if self.smooth.any():
            found[:, self.smooth] = self._spline(values)
        if self.places.size:
            sums = np.add.reduceat(values[:, self.apart], self.starts, axis=1)
            found[:, self.places] = sums / self.together
        return found

    def _prepare_means(self, low: FloatArray, high: FloatArray) -> None:
        low, high = np.clip(low, *self.q[[0, -1]]), np.clip(high, *self.q[[0, -1]])
        self.width = high - low
        self.thin = np.flatnonzero(self.width <= 1e-9 * self.width.max(initial=1e-300))
        self.width[self.thin] = 1.0
        edges = np.concatenate([low, high])
        self.left = np.clip(np.searchsorted(self.q, edges, side="right") - 1, 0, len(self.q) - 2)
        self.t = edges - self.q[self.left]

    def _means(self, values: FloatArray) -> FloatArray:
        """Means, over bins, of the straight lines that join the points."""
        steps = np.diff(self.q)
        integral = np.zeros_like(values)
        np.cumsum(0.5 * (values[:, 1:] + values[:, :-1]) * steps, axis=1, out=integral[:, 1:])
        at, after = values[:, self.left], values[:, self.left + 1]
        slope = (after - at) / steps[self.left]
        to_edges = integral[:, self.left] + (at + 0.5 * slope * self.t) * self.t
        low, high = np.split(to_edges, 2, axis=1)
        means = (high - low) / self.width
        # Bins that only an end of the data touches.
        means[:, self.thin] = (at + slope * self.t)[:, self.thin]
        return np.asarray(means)

    def _prepare_spline(self, local: FloatArray) -> None:
        """Points that the spline goes through: those around, twins taken together."""
        at = self.grid[self.smooth]
        low = max(int(np.searchsorted(self.q, at[0])) - _MARGIN, 0)
        high = min(int(np.searchsorted(self.q, at[-1])) + _MARGIN, len(self.q))
        self.seen = slice(min(low, max(high - 4, 0)), high)
        q = self.q[self.seen]
        apart = np.diff(q) >= _TWINS * local[self.seen][1:]
        self.first = np.flatnonzero(np.r_[True, apart])
        self.count = np.diff(np.r_[self.first, len(q)])
        self.knots = np.add.reduceat(q, self.first) / self.count
        self.at = np.clip(at, self.knots[0], self.knots[-1])
        steps = np.diff(self.knots)
        ratio = steps[1:] / steps[:-1]
        # Through points at random a spline would swing.
        self.uneven = (
            bool(np.mean((ratio > 3.0) | (ratio < 1.0 / 3.0)) > 0.1) if len(ratio) else False
        )

    def _spline(self, values: FloatArray) -> FloatArray:
        """Cubic splines through the points."""
        through = np.add.reduceat(values[:, self.seen], self.first, axis=1) / self.count
        if len(self.knots) == 1:
            return np.repeat(through, len(self.at), axis=1)
        if self.uneven:
            return np.asarray(PchipInterpolator(self.knots, through, axis=1)(self.at))
        spline = make_interp_spline(self.knots, through, k=min(3, len(self.knots) - 1), axis=1)
        # A spline may swing beyond its points beside a sharp peak; below zero counts cannot go.
        floor = np.minimum(values.min(axis=1, keepdims=True), 0.0)
        return np.asarray(np.maximum(spline(self.at), floor))


def _local_step(q: FloatArray) -> FloatArray:
    """Mean step around each point: over the points beside it, however they are paired."""
    n = len(q)
    index = np.arange(n)
    low, high = np.maximum(index - _BESIDE, 0), np.minimum(index + _BESIDE, n - 1)
    return np.asarray((q[high] - q[low]) / (high - low))

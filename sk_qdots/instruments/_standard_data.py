"""What was measured of a standard, and what shows without a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d, percentile_filter

from .._typing import FloatArray

__all__ = ["MeasuredStandard", "width_of_strongest"]


@dataclass(frozen=True)
class MeasuredStandard:
    """What was measured."""

    x: FloatArray
    y: FloatArray
    variance: FloatArray | None  # None: in proportion to what is expected
    per_count: float = 1.0  # variance over expectation
    is_counted: bool = True  # whether the noise is known: counts, or standard deviations

    def between(self, low: float, high: float) -> MeasuredStandard:
        """The part of a range: far from all lines there is nothing to learn."""
        kept = (self.x >= low) & (self.x <= high)
        variance = None if self.variance is None else self.variance[kept]
        return replace(self, x=self.x[kept], y=self.y[kept], variance=variance)

    @classmethod
    def of(cls, pattern: xr.DataArray) -> MeasuredStandard:
        if "two_theta" not in pattern.coords:
            raise ValueError("the pattern has no two-theta: a wavelength was not given")
        x = np.asarray(pattern["two_theta"].values, dtype=np.float64)
        y = np.asarray(pattern.values, dtype=np.float64)
        if y.ndim != 1 or len(y) < 50 or not (np.isfinite(y).all() and np.isfinite(x).all()):
            raise ValueError("the pattern must be one row of 50 finite points or more")
        if (np.diff(x) <= 0.0).any():
            raise ValueError("the pattern has a two-theta twice; keep one point of each")
        esd = pattern.coords.get("esd")
        variance = None
        if esd is not None and (esd.values > 0.0).any():
            squared = np.square(esd.values.astype(np.float64))
            variance = np.maximum(squared, squared[squared > 0.0].min())
        counts = bool((y % 1.0 == 0.0).all())
        known = counts or variance is not None
        return cls(x, y, variance, 1.0 if counts else _noise_per_count(y), known)

    def low_envelope(self) -> FloatArray:
        """A rough background: low values over stretches, smoothed."""
        n = max(len(self.y) // 40, 5)
        low = percentile_filter(self.y, 20.0, size=n)
        return np.asarray(gaussian_filter1d(low, n))


def _noise_per_count(y: FloatArray) -> float:
    """Variance over expectation, from second differences, of intensities that are no counts."""
    curvature = np.square(np.diff(y, 2)) / 6.0
    expected = np.maximum(y[1:-1], 1e-6 * float(np.abs(y).max()))
    return max(float(np.median(curvature / expected)) / 0.455, 1e-9)


def width_of_strongest(x: FloatArray, y: FloatArray) -> float:
    """Full width at half maximum of the highest peak, in degrees."""
    top = int(np.argmax(y))
    half = y[top] / 2.0
    low, high = top, top
    while low > 0 and y[low] > half:
        low -= 1
    while high < len(y) - 1 and y[high] > half:
        high += 1
    return float(min(max(x[high] - x[low], 2.0 * np.median(np.diff(x))), 1.0))

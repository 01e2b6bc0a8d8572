r"""One measured pattern in bins, and how much of it is noise.

Of counts the variance is their expectation times a level that is not known, since programs scale,
normalise and average. Points lie so densely that their fourth differences

.. math:: \delta_i = y_{i-2} - 4 y_{i-1} + 6 y_i - 4 y_{i+1} + y_{i+2}

hold nothing of a pattern but its noise, of 70 times the variance of a point. They tell the level,
and whether standard deviations that came with the pattern can be believed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .._typing import FloatArray
from ._bins import Bins

__all__ = ["Observation", "observation"]

_DIFFERENCES = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
_GAIN = 70.0  # variance of a fourth difference, in that of a point
_FLOOR = 0.02  # of the mean intensity: no point has less noise than one that has so much
_SMOOTHING = 2.0  # bins, for a first guess of what is expected
_ENVELOPE = 0.5  # 1/Angstrom, over which the local intensity is averaged
_LEAST_ENVELOPE = 0.05  # of the mean intensity
_BELIEVED = (0.5, 2.0)  # ratio of the variance that differences show to the one that is stated
_MEDIAN = 0.4549  # of the square of a normal number
_FIRST_LEVEL = 0.01  # of coarse patterns, whose noise only a fit can tell


@dataclass(eq=False)
class Observation:
    """A pattern in bins.

    Parameters
    ----------
    bins : Bins
    values : ndarray of shape (n_bins,)
        Of mean 1.
    unit : float
        Mean intensity of the pattern.
    stated : ndarray of shape (n_bins,) or None
        Variances that came with the pattern, where they are believed.
    level : float
        Variance of a point of the expectation 1.
    is_level_known : bool
        Whether the level, or the stated variances, come from the pattern and no fit.
    """

    bins: Bins
    values: FloatArray
    unit: float
    stated: FloatArray | None
    level: float
    is_level_known: bool

    @property
    def envelope(self) -> FloatArray:
        """Local intensity, without its peaks."""
        step = float(np.median(np.diff(self.bins.q))) if len(self.bins.q) > 1 else 1.0
        smooth = gaussian_filter1d(self.values, _ENVELOPE / step)
        return np.asarray(np.maximum(smooth, _LEAST_ENVELOPE))

    def smoothed(self) -> FloatArray:
        """A first guess of what is expected."""
        return np.asarray(np.maximum(gaussian_filter1d(self.values, _SMOOTHING), _FLOOR))

    def variances(self, expected: FloatArray, level: float | None = None) -> FloatArray:
        """Variance of the noise of each bin.

        Parameters
        ----------
        expected : ndarray of shape (n_bins,)
        level : float, optional
            Instead of that of the observation; of stated variances, a factor.
        """
        level = self.level if level is None else level
        if self.stated is not None:
            return self.stated * level
        return np.asarray(level * np.maximum(expected, _FLOOR) / self.bins.counts)


def observation(bins: Bins, values: FloatArray, esd: FloatArray | None = None) -> Observation:
    """A pattern in bins, with its noise judged.

    Parameters
    ----------
    bins : Bins
    values : ndarray of shape (n_points,)
        At the points of the bins.
    esd : ndarray of shape (n_points,), optional
        Standard deviations that came with them.

    Returns
    -------
    Observation

    Raises
    ------
    ValueError
        If the pattern is zero on average.
    """
    means = bins.averaged(values)
    unit = float(means.mean())
    if not (np.isfinite(unit) and unit > 0.0):
        raise ValueError("no intensity: the pattern is not above zero on average")
    found = Observation(bins, means / unit, unit, None, _FIRST_LEVEL, is_level_known=False)
    square = _squared_differences(values / unit) if bins.is_fine else None
    if square is not None:
        expected = np.maximum(found.smoothed(), _FLOOR)[bins.of_point]
        found.level = max(float(np.mean(square / expected)), 1e-12)
        found.is_level_known = True
    if esd is not None and np.isfinite(esd).all() and (esd > 0.0).all():
        variance = (esd / unit) ** 2
        shown = None if square is None else float(np.median(square / variance)) / _MEDIAN
        if shown is None or _BELIEVED[0] <= shown <= _BELIEVED[1]:
            found.stated = bins.averaged(variance) / bins.counts
            # Of coarse patterns nothing but the fit can tell whether they are of the right size.
            found.level, found.is_level_known = 1.0, shown is not None
    return found


def _squared_differences(values: FloatArray) -> FloatArray:
    """Variance that each point's fourth difference shows; the ends as their neighbours."""
    square = np.convolve(values, _DIFFERENCES, mode="valid") ** 2 / _GAIN
    return np.pad(square, 2, mode="edge")

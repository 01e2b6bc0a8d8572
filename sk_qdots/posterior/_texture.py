r"""Reflections whose strengths texture changes, in groups.

A preferred orientation multiplies each reflection of a powder by a factor of its own. A simulated
pattern :math:`T` is shared among the groups of reflections that a range tells apart, by peaks as
wide as those of the dots,

.. math::

    T_k(Q) = T(Q) \frac{h_k\, L(Q - Q_k)}{\sum_l h_l\, L(Q - Q_l)}, \qquad
    L(x) = \left[ 1 + \left( \frac{2 x}{w} \right)^2 \right]^{-2}, \quad w = \frac{2 \pi}{D},

so that a factor leaves the shape of a peak alone, and the tails of a strong one go with it.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from .._typing import FloatArray, IntArray
from ..simulation.lognormals import number_weights
from ._cluster_patterns import ClusterPatterns

__all__ = ["Reflections"]

_GROUP_WIDTH = 0.12  # 1/Angstrom, in which reflections are one group
# Of a population whose peaks are the reflections; a narrower one has ripples between them.
_PEAK_SIZE, _PEAK_DISPERSION = 8.0, 0.2
_LEAST_PEAK = 0.03  # of the local intensity
_SMOOTH = 0.4  # 1/Angstrom, over which that is averaged
_ANGSTROM = 10.0  # of a nm


class Reflections:
    """Groups of reflections in a range.

    Parameters
    ----------
    series : ClusterPatterns
    q : ndarray of shape (n_bins,)
        Of the measurement, in 1/Angstrom.

    Attributes
    ----------
    places : ndarray of shape (n_groups,)
        In 1/Angstrom, without strain.
    """

    def __init__(self, series: ClusterPatterns, q: FloatArray) -> None:
        self._q = q
        size = np.array([min(_PEAK_SIZE, 0.5 * float(series.diameters[-1]))])
        row = number_weights(series.diameters, size, np.array([_PEAK_DISPERSION]))
        pattern = series.mix(row).patterns()[0]
        smooth = gaussian_filter1d(pattern, _SMOOTH / float(series.q[1] - series.q[0]))
        peaks = _peaks(pattern / smooth, _LEAST_PEAK)
        places, heights = series.q[peaks], pattern[peaks]
        near = (places > q[0] - _GROUP_WIDTH) & (places < q[-1] + _GROUP_WIDTH)
        kept: list[tuple[float, float]] = []
        for place, height in zip(places[near].tolist(), heights[near].tolist(), strict=True):
            if kept and place - kept[-1][0] < _GROUP_WIDTH:
                kept[-1] = max(kept[-1], (place, height), key=lambda one: one[1])
            else:
                kept.append((place, height))
        self.places, self._heights = np.array(kept or [(float(q.mean()), 1.0)]).T

    def __len__(self) -> int:
        return len(self.places)

    def shares(self, size: float, strain: float) -> FloatArray:
        """Share of each group in a pattern.

        Parameters
        ----------
        size : float
            Volume average of the diameter, in nm.
        strain : float

        Returns
        -------
        ndarray of shape (n_bins, n_groups)
            Rows add up to 1.
        """
        width = 2.0 * np.pi / (_ANGSTROM * size)
        apart = self._q[:, None] - self.places / (1.0 + strain)
        peaks = self._heights / (1.0 + (2.0 * apart / width) ** 2) ** 2
        return np.asarray(peaks / peaks.sum(axis=1, keepdims=True))


def _peaks(values: FloatArray, least: float) -> IntArray:
    """Places of the maxima that stand out of both their sides by so much, or more.

    As ``scipy.signal.find_peaks`` has them, whose import takes longer than a good part of a fit.
    """
    inner = (values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])
    found = []
    for k in (np.flatnonzero(inner) + 1).tolist():
        higher = np.flatnonzero(values > values[k])
        at = int(np.searchsorted(higher, k))
        first = int(higher[at - 1]) if at else 0
        last = int(higher[at]) if at < len(higher) else len(values) - 1
        foot = max(float(values[first : k + 1].min()), float(values[k : last + 1].min()))
        if values[k] - foot >= least:
            found.append(k)
    return np.array(found, dtype=np.int64)

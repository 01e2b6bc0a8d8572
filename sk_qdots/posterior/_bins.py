r"""Measured points in bins, and the curves that may lie under the peaks.

The points of a pattern are averaged in bins far narrower than anything that a particle scatters.
A curve on the even grid :math:`Q_k` is brought there by one sparse matrix, which interpolates at
the measured points and averages as they were averaged, so that nothing is lost but what varies
within a bin. A model that can be evaluated anywhere needs two places a bin: the mean of the points
less and plus their standard deviation. The mean over these is that over the points for one or two
of them, and else for every polynomial of degree 2, of degree 3 where they lie evenly.

What is smooth is a sum of cosines :math:`\phi_j(Q) = \cos \omega_j (Q - Q_0)`, with
:math:`\omega_j = \pi j / L` over a range that is a little longer than the measured one. A Gaussian
process of the length :math:`\ell` and of variance 1 has, in them, independent amplitudes of the
variance

.. math:: S_j = \frac{2 \sqrt{2 \pi}\, \ell}{L}\, e^{-\omega_j^2 \ell^2 / 2}

[1]_, half of it for :math:`j = 0`.

References
----------
.. [1] A. Solin, S. Särkkä, Stat. Comput. 30, 419 (2020).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix

from .._typing import BoolArray, FloatArray

__all__ = ["Bins", "Cosines"]

_WIDTH = 0.014  # 1/Angstrom, of a bin: a quarter of the peak of a dot of 10 nm
_MARGIN = 0.5  # 1/Angstrom, beyond either end, where cosines may have their zero slope
_TAPS = 4
_TAIL = 3.0  # standard deviations of a spectrum, beyond which its amplitudes are nothing


class Cosines:
    """Cosines over a range, with the prior variances of smooth functions.

    Parameters
    ----------
    q : ndarray of shape (n,)
        Ascending, in 1/Angstrom.
    shortest : float
        Shortest length of a process that they must hold, in 1/Angstrom.
    """

    def __init__(self, q: FloatArray, shortest: float) -> None:
        length = float(q[-1] - q[0]) + 2.0 * _MARGIN
        n = int(np.ceil(_TAIL / shortest * length / np.pi)) + 1
        self.frequencies = np.pi / length * np.arange(n)
        self.length = length
        self.values = np.cos(np.multiply.outer(q - q[0] + _MARGIN, self.frequencies))

    def variances(self, length: float) -> FloatArray:
        """Prior variances of the amplitudes of a process of variance 1.

        Parameters
        ----------
        length : float
            Of its correlations, in 1/Angstrom.

        Returns
        -------
        ndarray of shape (n_cosines,)
        """
        spectrum = np.exp(-0.5 * (self.frequencies * length) ** 2)
        spectrum *= 2.0 * np.sqrt(2.0 * np.pi) * length / self.length
        spectrum[0] *= 0.5
        return np.asarray(spectrum)


class Bins:
    """Where a pattern was measured, in bins.

    Parameters
    ----------
    grid : ndarray of shape (n_grid,)
        Even grid of the model, in 1/Angstrom.
    points : ndarray of shape (n_points,)
        Ascending, inside the grid, in 1/Angstrom.
    width : float
        Of a bin, in 1/Angstrom.

    Attributes
    ----------
    q : ndarray of shape (n_bins,)
        Mean of the points of each.
    counts : ndarray of shape (n_bins,)
        Number of points in each.
    places : ndarray of shape (n_places,)
        Ascending; where a model is evaluated.
    """

    def __init__(self, grid: FloatArray, points: FloatArray, width: float = _WIDTH) -> None:
        self.grid, self.points = grid, points
        numbers = np.floor((points - grid[0]) / width + 1e-6).astype(np.int64)
        _, self.of_point = np.unique(numbers, return_inverse=True)
        self.counts = np.bincount(self.of_point).astype(np.float64)
        self.q = self.averaged(points)
        n_points, n_grid = len(points), len(grid)
        step = float(grid[-1] - grid[0]) / (n_grid - 1)
        place = (points - grid[0]) / step
        nearest = np.rint(place)
        if np.abs(place - nearest).max() < 1e-3:  # points of the grid
            columns = nearest.astype(np.int64)[:, None]
            values = np.ones((n_points, 1))
        else:
            first = np.clip(np.floor(place).astype(np.int64) - 1, 0, n_grid - _TAPS)
            columns = first[:, None] + np.arange(_TAPS)
            values = lagrange(place - first, _TAPS)
        rows = np.repeat(self.of_point, columns.shape[1])
        values = values / self.counts[self.of_point][:, None]
        self._matrix = csr_matrix(
            (values.ravel(), (rows, columns.ravel())), shape=(len(self.q), n_grid)
        )

        apart = np.sqrt(self.averaged((points - self.q[self.of_point]) ** 2))
        self._is_single = bool((self.counts == 1.0).all())
        pairs = np.stack([self.q - apart, self.q + apart], axis=1).ravel()
        self.places = self.q if self._is_single else np.clip(pairs, grid[0], grid[-1])

    @classmethod
    def of_mask(cls, grid: FloatArray, measured: BoolArray) -> Bins:
        """Bins of the points of the grid that were measured."""
        return cls(grid, grid[measured])

    @cached_property
    def is_fine(self) -> bool:
        """Whether so many points are in a bin that their differences are noise."""
        return len(self.points) >= 64 and len(self.points) > 2.5 * len(self.q)

    def averaged(self, values: FloatArray) -> FloatArray:
        """Means over each bin of values at the points, along the last axis."""
        if values.ndim > 1:
            return np.array([self.averaged(row) for row in values])
        return np.asarray(np.bincount(self.of_point, values) / self.counts)

    def of_places(self, values: FloatArray) -> FloatArray:
        """Means over each bin of values at the places, along the last axis."""
        if self._is_single:
            return values
        return np.asarray(0.5 * (values[..., ::2] + values[..., 1::2]))

    def of_model(self, curves: FloatArray) -> FloatArray:
        """Curves on the grid as they are measured: (n_curves, n_grid) -> (n_curves, n_bins)."""
        return np.ascontiguousarray((self._matrix @ curves.T).T)


def lagrange(place: FloatArray, n_taps: int) -> FloatArray:
    """Weights of neighbouring points 0 .. n_taps - 1 for values at places between them."""
    t = place[:, None] - np.arange(n_taps)
    weights = np.ones((len(place), n_taps))
    for k in range(n_taps):
        for j in range(n_taps):
            if j != k:
                weights[:, k] *= t[:, j] / (k - j)
    return weights

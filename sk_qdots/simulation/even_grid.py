"""Values on an even grid, interpolated between its points by polynomials of degree five."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from .._typing import FloatArray

__all__ = ["interpolation"]

_N_TAPS = 6


def interpolation(x: FloatArray, start: float, step: float, n_points: int) -> csr_matrix:
    """Rows that make the values at x of those at ``start + step * k``, k < n_points.

    Parameters
    ----------
    x : ndarray of shape (n_x,)
        Two steps or more from either end of the grid; nearer ones are extrapolated.
    start, step : float
    n_points : int

    Returns
    -------
    csr_matrix of shape (n_x, n_points)

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation.even_grid import interpolation
    >>> grid = 0.1 * np.arange(20)
    >>> found = interpolation(np.array([0.777]), 0.0, 0.1, 20) @ np.sin(grid)
    >>> bool(abs(found[0] - np.sin(0.777)) < 1e-8)
    True
    """
    u = (x - start) / step
    first = np.clip(np.floor(u).astype(np.int32) - (_N_TAPS // 2 - 1), 0, n_points - _N_TAPS)
    t = u - first
    t0, t1, t2, t3, t4, t5 = t, t - 1.0, t - 2.0, t - 3.0, t - 4.0, t - 5.0
    t01, t45, t23 = t0 * t1, t4 * t5, t2 * t3
    left, right = t01 * t23, t23 * t45
    weights = np.empty((len(x), _N_TAPS))
    weights[:, 0] = t1 * right / -120.0
    weights[:, 1] = t0 * right / 24.0
    weights[:, 2] = t01 * t3 * t45 / -12.0
    weights[:, 3] = t01 * t2 * t45 / 12.0
    weights[:, 4] = left * t5 / -24.0
    weights[:, 5] = left * t4 / 120.0
    columns = first[:, None] + np.arange(_N_TAPS, dtype=np.int32)
    ends = np.arange(len(x) + 1, dtype=np.int32) * _N_TAPS
    return csr_matrix((weights.ravel(), columns.ravel(), ends), shape=(len(x), n_points))

"""The grid in Q on which patterns are simulated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["default_q_grid"]


def default_q_grid() -> npt.NDArray[np.float64]:
    """Return the published grid: Q_k = 0.99 + 0.0028 k, k = 0..5003, in 1/Angstrom.

    Returns
    -------
    ndarray of shape (5004,)

    Examples
    --------
    >>> from sk_qdots import default_q_grid
    >>> q = default_q_grid()
    >>> len(q), float(q[0]), round(float(q[-1]), 3)
    (5004, 0.99, 14.998)
    """
    return 0.99 + 0.0028 * np.arange(5004, dtype=np.float64)

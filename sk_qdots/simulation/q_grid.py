r"""The axis that patterns are simulated on, and what a diffractometer makes of it.

.. math:: Q = \frac{4 \pi}{\lambda} \sin\theta

with :math:`\lambda` the wavelength and :math:`2\theta` the angle between the beam and
the scattered ray.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray

__all__ = ["default_q_grid", "q_from_two_theta", "two_theta_from_q"]


def default_q_grid() -> FloatArray:
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


def q_from_two_theta(two_theta: npt.ArrayLike, wavelength: float) -> FloatArray:
    """Q of angles.

    Parameters
    ----------
    two_theta : array-like
        In degrees.
    wavelength : float
        In Angstrom.

    Returns
    -------
    ndarray
        In 1/Angstrom.

    Examples
    --------
    >>> from sk_qdots.simulation import q_from_two_theta
    >>> round(float(q_from_two_theta(60.0, 1.0)), 4)
    6.2832
    """
    angles = np.asarray(two_theta, dtype=np.float64)
    return np.asarray(4.0 * np.pi / wavelength * np.sin(np.deg2rad(angles) / 2.0))


def two_theta_from_q(q: npt.ArrayLike, wavelength: float) -> FloatArray:
    """Angles of Q.

    Parameters
    ----------
    q : array-like
        In 1/Angstrom, up to 4 pi / wavelength.
    wavelength : float
        In Angstrom.

    Returns
    -------
    ndarray
        In degrees.

    Examples
    --------
    >>> from sk_qdots.simulation import two_theta_from_q
    >>> round(float(two_theta_from_q(6.283185, 1.0)), 4)
    60.0
    """
    axis = np.asarray(q, dtype=np.float64)
    return np.asarray(2.0 * np.rad2deg(np.arcsin(axis * wavelength / (4.0 * np.pi))))

r"""The width of a resolution on the Q axis.

A full width :math:`\Gamma` of two-theta is, at :math:`Q = 4\pi \sin\theta / \lambda`, one of

.. math::

    \Gamma_Q = \frac{2\pi}{\lambda} \cos\theta \, \Gamma, \qquad
    \Gamma^2 = U \tan^2\theta + V \tan\theta + W,

after Caglioti, Paoletti and Ricci [1]_. A network is told a resolution by the natural logarithms
of :math:`\Gamma_Q` in 1/Angstrom at a few places of its grid.

References
----------
.. [1] G. Caglioti, A. Paoletti, F. P. Ricci, Nucl. Instrum. 3, 223 (1958).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from .instrument import Instrument

__all__ = ["IDEAL_WIDTH", "log_widths", "resolution", "told_places", "width_in_q"]

IDEAL_WIDTH = 1e-4  # 1/Angstrom, which a resolution is told as that broadens nothing


def resolution(
    q: FloatArray,
    u: float | FloatArray,
    v: float | FloatArray,
    w: float | FloatArray,
    wavelength: float | FloatArray,
    *,
    is_clipped: bool = False,
) -> FloatArray:
    """Full width at half maximum in Q; parameters may be columns, one a row of patterns.

    Parameters
    ----------
    q : ndarray
        In 1/Angstrom.
    u, v, w : float or ndarray
        Caglioti parameters, degrees^2.
    wavelength : float or ndarray
        In Angstrom.
    is_clipped : bool, default=False
        Whether a negative squared width is 0, and not refused.

    Returns
    -------
    ndarray
        In 1/Angstrom; NaN beyond 4 pi / wavelength.

    Raises
    ------
    ValueError
        If a squared width is negative.
    """
    sine = np.asarray(q * wavelength / (4.0 * np.pi))
    tangent = sine / _cosine(sine)
    square = u * tangent**2 + v * tangent + w
    if is_clipped:
        square = np.maximum(square, 0.0)
    if (square < 0.0).any():
        worst = float(np.broadcast_to(q, square.shape)[square < 0.0][0])
        raise ValueError(
            f"u, v and w give a negative squared width at Q = {worst:.3g} 1/Angstrom; they must "
            "make u tan^2 + v tan + w positive over the whole grid"
        )
    return _on_q(np.sqrt(square), sine, wavelength)


def width_in_q(instrument: Instrument, q: npt.ArrayLike) -> FloatArray:
    """Width of the resolution of an instrument.

    Parameters
    ----------
    instrument : Instrument
    q : array-like
        Where, in 1/Angstrom.

    Returns
    -------
    ndarray
        Full width at half maximum, in 1/Angstrom, in the shape of ``q``; NaN beyond
        4 pi / wavelength.
    """
    sine = np.asarray(np.asarray(q, dtype=np.float64) * instrument.wavelength / (4.0 * np.pi))
    degrees = instrument.fwhm(np.rad2deg(2.0 * np.arcsin(np.minimum(sine, 1.0 - 1e-9))))
    return _on_q(degrees, sine, instrument.wavelength)


def log_widths(widths: FloatArray) -> FloatArray:
    """Widths as a network is told them.

    Parameters
    ----------
    widths : ndarray
        Full widths at half maximum, in 1/Angstrom.

    Returns
    -------
    ndarray
        Natural logarithms, of 1e-4 1/Angstrom at least; NaN where there is no width.
    """
    return np.asarray(np.log(np.maximum(widths, IDEAL_WIDTH)))


def told_places(q: FloatArray, n_told: int) -> FloatArray:
    """Where a network is told the widths.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_told : int

    Returns
    -------
    ndarray of shape (n_told,)
        From the first to the last point of the grid, evenly, in 1/Angstrom.
    """
    return np.linspace(q[0], q[-1], n_told)


def _on_q(degrees: FloatArray, sine: FloatArray, wavelength: float | FloatArray) -> FloatArray:
    """Widths of two-theta as widths of Q."""
    return np.asarray(2.0 * np.pi / wavelength * _cosine(sine) * np.deg2rad(degrees))


def _cosine(sine: FloatArray) -> FloatArray:
    """Of theta; NaN where there is no angle."""
    return np.asarray(np.sqrt(np.where(sine < 1.0, 1.0 - sine**2, np.nan)))

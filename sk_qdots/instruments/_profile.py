r"""Profiles of a line: Gaussian, Lorentzian, and what axial divergence does to both.

With the height :math:`h` (over the distance) that a ray climbs between sample and detector, a
cone of the true :math:`2\theta` is met at the reading :math:`2\phi`, :math:`\cos 2\phi = \cos
2\theta \sqrt{1 + h^2}` [1]_. Heights of a sample and a slit that are equally high follow a
triangle from 0 to (S + H) / L.

References
----------
.. [1] L. W. Finger, D. E. Cox, A. P. Jephcoat, J. Appl. Cryst. 27, 892 (1994).
"""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray

__all__ = [
    "axial_nodes",
    "gaussian_transform",
    "lorentzian_transform",
    "pseudo_voigt",
    "read_behind_axial",
    "true_behind_axial",
]

_N_HEIGHTS = 8
_LN2 = float(np.log(2.0))


def gaussian_transform(frequency: FloatArray, fwhm: float) -> FloatArray:
    """Fourier transform of a Gaussian of area 1, at frequencies per degree."""
    return np.asarray(np.exp(-((np.pi * frequency * fwhm) ** 2) / (4.0 * _LN2)))


def lorentzian_transform(frequency: FloatArray, fwhm: float) -> FloatArray:
    """Fourier transform of a Lorentzian of area 1, at frequencies per degree."""
    return np.asarray(np.exp(-np.pi * np.abs(frequency) * fwhm))


def pseudo_voigt(x: FloatArray, fwhm: FloatArray, eta: FloatArray) -> FloatArray:
    """Pseudo-Voigt function of area 1 at distances ``x`` from its centre."""
    square = (x / fwhm) ** 2
    gaussian = 2.0 * np.sqrt(_LN2 / np.pi) * np.exp(-4.0 * _LN2 * square)
    lorentzian = 2.0 / np.pi / (1.0 + 4.0 * square)
    return np.asarray(((1.0 - eta) * gaussian + eta * lorentzian) / fwhm)


def axial_nodes(axial: float) -> tuple[FloatArray, FloatArray]:
    """Heights that rays climb, and the share of each."""
    if axial == 0.0:
        return np.zeros(1), np.ones(1)
    x, weights = np.polynomial.legendre.leggauss(_N_HEIGHTS)
    heights = 0.5 * (1.0 + x)
    shares = weights * (1.0 - heights)
    return axial * heights, shares / shares.sum()


def true_behind_axial(two_theta: FloatArray, height: float) -> FloatArray:
    """The two-theta of a cone that is met at a reading, at a height."""
    cosine = np.cos(np.deg2rad(two_theta)) / np.sqrt(1.0 + height**2)
    return np.asarray(np.rad2deg(np.arccos(cosine)))


def read_behind_axial(two_theta: FloatArray, height: float) -> FloatArray:
    """Where a cone is met at a height; the vertex where it is not met at all."""
    cosine = np.cos(np.deg2rad(two_theta)) * np.sqrt(1.0 + height**2)
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))

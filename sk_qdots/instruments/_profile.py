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
    "from_voigt",
    "gaussian_transform",
    "gaussian_width",
    "lorentzian_transform",
    "lorentzian_width",
    "pseudo_voigt",
    "read_behind_axial",
    "true_behind_axial",
    "with_lorentzian",
]

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


def axial_nodes(axial: float, n_heights: int) -> tuple[FloatArray, FloatArray]:
    """Heights that rays climb, and the share of each."""
    if axial == 0.0:
        return np.zeros(1), np.ones(1)
    x, weights = np.polynomial.legendre.leggauss(n_heights)
    heights = 0.5 * (1.0 + x)
    shares = weights * (1.0 - heights)
    return axial * heights, shares / shares.sum()


def true_behind_axial(two_theta: FloatArray, height: float) -> FloatArray:
    """The two-theta of a cone that is met at a reading, at a height."""
    cosine = np.cos(np.deg2rad(two_theta)) / np.sqrt(1.0 + height**2)
    return np.asarray(np.rad2deg(np.arccos(cosine)))


def read_behind_axial(two_theta: FloatArray, height: FloatArray | float) -> FloatArray:
    """Where a cone is met at a height; the vertex where it is not met at all."""
    cosine = np.cos(np.deg2rad(two_theta)) * np.sqrt(1.0 + height**2)
    return np.asarray(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))


# Thompson, Cox and Hastings, J. Appl. Cryst. 20, 79 (1987): a pseudo-Voigt function that stands
# for a Gaussian folded with a Lorentzian.
_WIDTH_TERMS = (1.0, 2.69269, 2.42843, 4.47163, 0.07842, 1.0)
_SHARE_TERMS = (1.36603, -0.47719, 0.11116)


def from_voigt(gaussian: FloatArray, lorentzian: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Width and Lorentzian share of a Gaussian folded with a Lorentzian, by their widths."""
    total = (
        sum(term * gaussian ** (5 - k) * lorentzian**k for k, term in enumerate(_WIDTH_TERMS))
        ** 0.2
    )
    ratio = lorentzian / np.maximum(total, 1e-300)
    eta = sum(term * ratio ** (k + 1) for k, term in enumerate(_SHARE_TERMS))
    return np.asarray(total), np.clip(eta, 0.0, 1.0)


def lorentzian_width(fwhm: FloatArray, eta: FloatArray) -> FloatArray:
    """Width of the Lorentzian in a pseudo-Voigt function that stands for a folding."""
    ratios = np.linspace(0.0, 1.0, 401)
    shares = sum(term * ratios ** (k + 1) for k, term in enumerate(_SHARE_TERMS))
    return np.asarray(fwhm * np.interp(eta, shares, ratios))


def gaussian_width(fwhm: FloatArray, eta: FloatArray) -> FloatArray:
    """Width of the Gaussian in it."""
    lorentzian = lorentzian_width(fwhm, eta)
    low, high = np.zeros_like(fwhm), np.array(fwhm, dtype=np.float64)
    for _ in range(50):  # the width grows with that of the Gaussian
        middle = 0.5 * (low + high)
        wide = from_voigt(middle, lorentzian)[0] > fwhm
        low, high = np.where(wide, low, middle), np.where(wide, middle, high)
    return np.asarray(0.5 * (low + high))


def with_lorentzian(
    fwhm: FloatArray, eta: FloatArray, more: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Pseudo-Voigt functions folded with other Lorentzians."""
    return from_voigt(gaussian_width(fwhm, eta), lorentzian_width(fwhm, eta) + more)

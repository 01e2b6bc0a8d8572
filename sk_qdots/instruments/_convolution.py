r"""Patterns through an instrument: rays spread from where they are, by Fourier transforms.

The profile changes with the angle, so this is no convolution. But between a few widths it can be
interpolated: with Lagrange polynomials :math:`\ell_k` of the logarithm of the width,

.. math::

    g(x) = \int f(x') K(x - x'; \Gamma(x')) dx'
         \approx \sum_k \int \ell_k(\Gamma(x')) f(x') K(x - x'; \Gamma_k) dx',

a sum of convolutions of what each angle contributes to each width. The transforms of Gaussian
and Lorentzian are known, so that profiles narrower than the steps are no difficulty.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.fft
from scipy.interpolate import BSpline, make_interp_spline
from scipy.sparse import csr_matrix

from .._typing import BoolArray, FloatArray, RealArray
from ._profile import axial_nodes, gaussian_transform, lorentzian_transform, true_behind_axial

__all__ = ["through"]

_ROWS = 64  # at a time
_FINEST = 4  # times as many angles as points of the grid, at most
_NODES_PER_E = 5.0  # widths for each factor of e between the narrowest and the widest
_FEW_HEIGHTS, _MANY_HEIGHTS = 8, 96  # of rays that climb, of axial divergence
_NARROW = 1e-6  # degrees: no broadening


class Optics(Protocol):
    """What an instrument knows of its lines and angles."""

    @property
    def wavelengths(self) -> tuple[float, ...]: ...

    @property
    def weights(self) -> tuple[float, ...]: ...

    @property
    def axial(self) -> float: ...

    @property
    def wavelength(self) -> float: ...

    def fwhm(self, two_theta: FloatArray) -> FloatArray: ...

    def lorentzian_share(self, two_theta: FloatArray) -> FloatArray: ...

    def true_two_theta(self, two_theta: FloatArray) -> FloatArray: ...

    def polarisation_factor(self, two_theta: FloatArray) -> FloatArray: ...


def through(instrument: Optics, rows: RealArray, q: FloatArray) -> RealArray:
    """Rows over Q as an instrument reads them, on the same grid."""
    sine = q * instrument.wavelength / (4.0 * np.pi)
    reached = int(np.searchsorted(sine, 1.0))
    read = np.rad2deg(2.0 * np.arcsin(sine[:reached]))
    out_at = instrument.true_two_theta(read)
    angles = _even(out_at)
    into = _gather(instrument, angles, q)
    back = _design(angles, np.clip(out_at, angles[0], angles[-1]))
    spread = _Spread(instrument, angles)
    result = np.full_like(rows, np.nan)
    scale = spread(np.ones((1, len(angles))))[0]
    for start in range(0, len(rows), _ROWS):
        part = slice(start, start + _ROWS)
        bridged, missing = _bridged(rows[part])
        coefficients = make_interp_spline(q, bridged.T, k=3).c
        rays = (into @ coefficients).T.astype(rows.dtype, copy=False)
        seen = (spread(rays) / scale).astype(np.float64, copy=False)
        coefficients = make_interp_spline(angles, seen.T, k=3).c
        values = (back @ coefficients).T
        result[part, :reached] = values
        result[part][missing] = np.nan
    return result


def _even(angles: FloatArray) -> FloatArray:
    """Even steps over a range of angles, as fine as the finest of these but not without end."""
    low, high = float(angles[0]), float(angles[-1])
    n_points = round((high - low) / float(np.diff(angles).min())) + 1
    return np.linspace(low, high, min(n_points, _FINEST * len(angles)))


def _gather(instrument: Optics, angles: FloatArray, q: FloatArray) -> csr_matrix:
    """Rays at each angle from the coefficients of a spline over Q: all lines, all heights."""
    total = csr_matrix((len(angles), len(q)))
    weights = np.asarray(instrument.weights) / sum(instrument.weights)
    heights, shares = axial_nodes(instrument.axial, _n_heights(instrument.axial, angles))
    for height, share in zip(heights, shares, strict=True):
        true = true_behind_axial(angles, height)
        factor = share * instrument.polarisation_factor(true)
        sine = np.sin(np.deg2rad(true) / 2.0)
        for wavelength, weight in zip(instrument.wavelengths, weights, strict=True):
            at = np.clip(4.0 * np.pi / wavelength * sine, q[0], q[-1])
            total = total + _design(q, at).multiply((weight * factor)[:, None])
    return csr_matrix(total)


def _n_heights(axial: float, angles: FloatArray) -> int:
    """Heights so many that what they move lines by differs by few steps."""
    lowest = np.deg2rad(min(float(angles[0]), 180.0 - float(angles[-1])))
    farthest = float(np.rad2deg(0.5 * axial**2 / np.tan(max(lowest, 1e-3))))
    step = float(angles[-1] - angles[0]) / (len(angles) - 1)
    return int(
        np.clip(np.ceil(farthest / (2.0 * step)) + _FEW_HEIGHTS, _FEW_HEIGHTS, _MANY_HEIGHTS)
    )


def _design(knots: FloatArray, at: FloatArray) -> csr_matrix:
    """Values at points from the coefficients of the cubic spline through ``knots``."""
    t = make_interp_spline(knots, np.zeros(len(knots)), k=3).t
    return csr_matrix(BSpline.design_matrix(at, t, 3))


def _bridged(rows: RealArray) -> tuple[FloatArray, BoolArray]:
    """Rows without holes, straight lines over them, and where they were."""
    missing = np.isnan(rows)
    full = rows.astype(np.float64)
    points = np.arange(rows.shape[1])
    for k in np.flatnonzero(missing.any(axis=1)):
        known = ~missing[k]
        full[k] = np.interp(points, points[known], full[k, known]) if known.any() else 0.0
    return full, missing


class _Spread:
    """Rows over even angles, each angle spread with its own profile."""

    def __init__(self, instrument: Optics, angles: FloatArray) -> None:
        self.n_points = len(angles)
        self.n_fft = scipy.fft.next_fast_len(4 * self.n_points, real=True)
        self.inside = np.ones(self.n_points)
        self.inside[[0, -1]] = 0.5  # of a step: what ends there
        widths = instrument.fwhm(angles)
        self.parts: list[tuple[RealArray, RealArray]] = []
        if widths.max() < _NARROW:
            return
        step = float(angles[-1] - angles[0]) / (len(angles) - 1)
        frequency = np.arange(self.n_fft // 2 + 1) / (self.n_fft * step)
        share = instrument.lorentzian_share(angles)
        widths = np.maximum(widths, _NARROW)
        for width, weight in _interpolated(widths):
            for part, transform in (
                (1.0 - share, gaussian_transform),
                (share, lorentzian_transform),
            ):
                if part.any():
                    self.parts.append((weight * part * self.inside, transform(frequency, width)))

    def __call__(self, rows: RealArray) -> RealArray:
        if not self.parts:
            return rows
        kind = rows.dtype
        total = None
        for weight, transform in self.parts:
            one = scipy.fft.rfft(rows * weight.astype(kind), self.n_fft, axis=1)
            one *= transform.astype(kind)
            if total is None:
                total = one
            else:
                total += one
        return np.asarray(scipy.fft.irfft(total, self.n_fft, axis=1)[:, : self.n_points])


def _interpolated(widths: FloatArray) -> list[tuple[float, FloatArray]]:
    """Widths to interpolate between, with the weight of each at every angle."""
    logs = np.log(widths)
    low, high = float(logs.min()), float(logs.max())
    if high - low < 1e-9:
        return [(float(widths[0]), np.ones(len(widths)))]
    n_nodes = 3 + int(np.ceil(_NODES_PER_E * (high - low)))
    turns = np.cos(np.pi * (np.arange(n_nodes) + 0.5) / n_nodes)  # of Chebyshev
    nodes = 0.5 * (low + high) + 0.5 * (high - low) * turns
    weighted = []
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        polynomial = np.prod((logs[:, None] - others) / (node - others), axis=1)
        weighted.append((float(np.exp(node)), polynomial))
    return weighted

"""What lies around the dots, mixed into their patterns by share of the intensity."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import xarray as xr
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter1d

from .._typing import BoolArray, Float32Array, FloatArray, RealArray
from ..preprocessing.patterns import area, check_axis, q_of

__all__ = ["CurveFamily", "by_rows", "coarse_grid", "curve_on_grid", "mix", "spread", "unit_curve"]

_KNOTS = np.array([0.3, 0.5, 0.8, 1.1, 1.4, 1.8, 2.3, 3.0, 4.0, 5.2, 7.0, 10.0, 15.0, 25.0])
_SMEARING_SIGMA = 0.15  # 1/Angstrom, sigma of the smeared curve that a drawn one is blended with


def curve_on_grid(
    curve: xr.DataArray, q: FloatArray, measured: BoolArray | None = None
) -> FloatArray:
    """A curve on a grid, NaN beyond its ends; it must cover the measured points."""
    source = q_of(curve)
    check_axis(source, curve.size)
    needed = q if measured is None else q[measured]
    if needed.size and (source[0] > needed[0] + 1e-6 or source[-1] < needed[-1] - 1e-6):
        raise ValueError(
            f"solvent curve {curve.name!r} covers {source[0]:.5g} to {source[-1]:.5g} "
            f"1/Angstrom; the grid needs {needed[0]:.5g} to {needed[-1]:.5g}. Cut the patterns "
            "before with QTruncation(q_min, q_max), or simulate them on a shorter grid"
        )
    values = np.asarray(curve.values, dtype=np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(f"solvent curve {curve.name!r} holds NaN or negative values")
    on_grid = np.interp(q, source, values)
    on_grid[(q < source[0] - 1e-6) | (q > source[-1] + 1e-6)] = np.nan
    return np.asarray(on_grid)


def unit_curve(curve: xr.DataArray, q: FloatArray, measured: BoolArray | None = None) -> FloatArray:
    """A curve on a grid, with unit area where it is known."""
    on_grid = curve_on_grid(curve, q, measured)
    return on_grid / _positive_area(on_grid, q, curve.name)


def _positive_area(on_grid: FloatArray, q: FloatArray, name: Hashable) -> float:
    total = float(area(on_grid[None, :], q)[0])
    if not total > 0:
        raise ValueError(f"solvent curve {name!r} is zero on the grid")
    return total


def mix(X: RealArray, curves: RealArray, fraction: FloatArray, q: FloatArray) -> RealArray:
    """Weigh I by c and a curve of equal area over the measured points by 1 - c."""
    missing = np.isnan(X) | np.isnan(curves)
    if missing.any():
        X, curves = np.where(missing, np.nan, X), np.where(missing, np.nan, curves)
    own, theirs = area(X, q), area(curves, q)
    weight = (1.0 - fraction) * own / np.where(theirs > 0, theirs, 1.0)
    mixed = curves * weight[:, None].astype(X.dtype)
    mixed += X * fraction[:, None].astype(X.dtype)
    return np.asarray(mixed)


class CurveFamily:
    """Curves like given ones: blends of two, their peaks shifted, smeared, changed smoothly.

    Parameters
    ----------
    curves : sequence of DataArray
        Each must cover the grid.
    q : ndarray of shape (n_coarse,)
        Even grid to draw them on, in 1/Angstrom.
    low, high : float
        Range that every curve must cover; beyond a curve's ends its outermost values
        are held.
    """

    n_uniform = 5  # deviates that a draw takes
    n_normal = len(_KNOTS)

    def __init__(
        self, curves: Sequence[xr.DataArray], q: FloatArray, low: float, high: float
    ) -> None:
        self.q = q
        needed = (q >= low) & (q <= high)
        known = [curve_on_grid(curve, q, needed) for curve in curves]
        self.start = max(float(q_of(curve)[0]) for curve in curves)
        self.stop = min(float(q_of(curve)[-1]) for curve in curves)
        held = [_with_ends_held(on_grid, q) for on_grid in known]
        held = [
            on_grid / _positive_area(on_grid, q, curve.name)
            for on_grid, curve in zip(held, curves, strict=True)
        ]
        self._sharp_curves = np.array(held, dtype=np.float32)
        step = (q[-1] - q[0]) / max(len(q) - 1, 1)
        self._smeared_curves = self._sharp_curves
        if step > 0:
            self._smeared_curves = gaussian_filter1d(
                self._sharp_curves, _SMEARING_SIGMA / step, axis=1, mode="nearest"
            )
        basis = make_interp_spline(np.log(_KNOTS), np.eye(len(_KNOTS)), k=3)
        self._basis = basis(np.log(np.clip(q, _KNOTS[0], _KNOTS[-1]))).astype(np.float32)

    def draw(
        self,
        uniform: FloatArray,
        normal: FloatArray,
        change: FloatArray,
        shift: FloatArray,
        blend: FloatArray,
    ) -> Float32Array:
        """Positive curves of unit area, one a row of the deviates.

        Parameters
        ----------
        uniform : ndarray of shape (n_rows, n_uniform)
            Uniform deviates.
        normal : ndarray of shape (n_rows, n_normal)
            Normal deviates.
        change : ndarray of shape (n_rows,)
            Standard deviation of the smooth relative change.
        shift : ndarray of shape (n_rows,)
            Largest relative shift of the Q axis.
        blend : ndarray of shape (n_rows,)
            Largest part, either way, of the difference to the smeared curve.

        Returns
        -------
        ndarray of shape (n_rows, n_coarse)
        """
        n_curves = len(self._sharp_curves)
        first, second = np.minimum((uniform[:, :2] * n_curves).astype(int), n_curves - 1).T
        part = uniform[:, 2:3].astype(np.float32)
        curves = part * self._sharp_curves[first] + (1.0 - part) * self._sharp_curves[second]
        smeared = part * self._smeared_curves[first] + (1.0 - part) * self._smeared_curves[second]
        amount = ((2.0 * uniform[:, 4] - 1.0) * blend).astype(np.float32)
        smeared -= curves
        smeared *= amount[:, None]
        curves += smeared
        factor = 1.0 + (2.0 * uniform[:, 3] - 1.0) * shift
        for row in np.flatnonzero(factor != 1.0):
            curves[row] = np.interp(self.q * factor[row], self.q, curves[row])
        curves *= np.exp(by_rows(change[:, None] * normal, self._basis))
        np.maximum(curves, 0.0, out=curves)
        curves /= area(curves, self.q)[:, None].astype(np.float32)
        return np.asarray(curves)


def _with_ends_held(on_grid: FloatArray, q: FloatArray) -> FloatArray:
    """A curve whose outermost values go on beyond its ends."""
    known = np.isfinite(on_grid)
    return np.asarray(np.interp(q, q[known], on_grid[known])) if known.any() else np.ones(len(q))


def by_rows(coefficients: FloatArray, basis: Float32Array) -> Float32Array:
    """Sums of basis functions, each row by itself: a product of the whole would round by batch."""
    result = np.empty((len(coefficients), len(basis)), dtype=basis.dtype)
    for row, values in enumerate(coefficients.astype(basis.dtype)):
        np.dot(basis, values, out=result[row])
    return result


def coarse_grid(q: FloatArray, n_points: int) -> FloatArray:
    """An even grid over the same range, of ``n_points`` or as many as the grid has."""
    return np.linspace(q[0], q[-1], min(len(q), n_points))


def spread(coarse: FloatArray, rows: Float32Array, q: FloatArray) -> Float32Array:
    """Rows on an even coarse grid, interpolated to a grid within it."""
    from ._kernels import interpolate

    if len(coarse) < 2:
        return np.repeat(rows, len(q), axis=1).astype(np.float32)
    position = (q - coarse[0]) / (coarse[1] - coarse[0])
    left = np.clip(position.astype(np.int64), 0, len(coarse) - 2)
    result = np.empty((len(rows), len(q)), dtype=np.float32)
    interpolate(np.ascontiguousarray(rows, dtype=np.float32), left, position - left, result)
    return result

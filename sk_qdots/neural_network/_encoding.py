r"""What the network sees of patterns.

With :math:`m` the mean training pattern and :math:`\sigma \propto \sqrt m` the
counting noise, patterns :math:`x` are taken as :math:`z = (x - m) / \sigma`. What
varies within a class (liquid, concentration, strain, dispersion) has the covariance
:math:`1 + B B^T` in these units, with a few columns :math:`B`. The residual

.. math:: (1 + B B^T)^{-1} z = z - B (1 + B^T B)^{-1} B^T z

is small along :math:`B` and keeps everything else: a matched filter would be a
scalar product with it. Where points were not measured, all sums go over the
measured ones, which is the same formula for the covariance of those points alone.

Behind its points a row may tell the resolution of the instrument: logarithms of widths at a
few places that are evenly spread over the points, and a Lorentzian share; NaN where they are not
known. Widths are interpolated over the points, and stand beside them as channels of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .._typing import BoolArray, Float32Array, FloatArray, RealArray

__all__ = ["N_NODES", "N_NUISANCES", "Encoding", "fit_encoding", "split_told"]

N_NUISANCES = 32
N_NODES = 1251  # at most, on which the covariance is taken
_ROWS_FOR_ONE = 100  # patterns that it takes to learn a nuisance rather than their noise
_WIDEST_GAP = 50  # of a pattern: what is wider is a hole, not a coarse step
_LEAST_MEAN = 1e-2  # of the largest mean, below which the noise does not fall


@dataclass(frozen=True)
class Encoding:
    """Turns patterns into what the network sees.

    Parameters
    ----------
    mean : ndarray of shape (n_features,), float32
        Mean training pattern.
    noise : ndarray of shape (n_features,), float32
        Relative size of the counting noise.
    nuisance : ndarray of shape (n_nodes, n_nuisances), float32
        What varies within a class, in units of ``level * noise``, as means over
        ``n_features // n_nodes`` points.
    level : float
        Counting noise of the training patterns in units of ``noise``.
    scale : tuple of 2 float
        Root mean square of the deviations in units of ``noise``, and of the patterns.
    n_told : int, default=0
        Columns behind the points that tell the resolution.
    told_scale : tuple of 2 float, default=(0.0, 1.0)
        Mean and standard deviation of the logarithms of widths that the training patterns tell.
    """

    mean: Float32Array
    noise: Float32Array
    nuisance: Float32Array
    level: float
    scale: tuple[float, float]
    n_told: int = 0
    told_scale: tuple[float, float] = (0.0, 1.0)

    @property
    def n_points(self) -> int:
        """Points of a pattern."""
        return len(self.mean)

    def __call__(self, X: RealArray, channels: Sequence[str]) -> Float32Array:
        """Encode patterns.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_points + n_told)
            Patterns of one area, as the standardiser gives them. NaN means not
            measured. Such a point gets the value of the mean pattern, between the
            points of a coarse pattern the deviation is interpolated, and the scale of
            a pattern with NaN is set by its measured points.
        channels : sequence of str
            What to compute, in this order.

        Returns
        -------
        ndarray of shape (n_samples, n_points, n_channels), float32
        """
        X, told = split_told(X, self.n_told)
        measured: BoolArray = np.asarray(np.isfinite(X))
        whole = np.asarray(measured.all(axis=1))
        values = X.astype(np.float32)
        if not whole.all():
            np.copyto(values, np.float32(0.0), where=~measured)
            own = values.sum(axis=1, dtype=np.float64)
            expected = measured @ self.mean.astype(np.float64)
            usable = (own > 0) & (expected > 0) & ~whole
            factor = np.divide(expected, own, out=np.ones_like(own), where=usable)
            values *= factor[:, None].astype(np.float32)
            np.copyto(values, self.mean, where=~measured)
        encoded = np.empty((*X.shape, len(channels)), dtype=np.float32)
        deviation = (values - self.mean) / self.noise
        for k, channel in enumerate(channels):
            if channel == "deviation":
                joined = _with_coarse_steps_joined(deviation, measured, whole)
                np.multiply(joined, np.float32(1.0 / self.scale[0]), out=encoded[:, :, k])
            elif channel == "residual":
                encoded[:, :, k] = self._residual(deviation, measured, whole)
            elif channel == "pattern":
                np.multiply(values, np.float32(1.0 / self.scale[1]), out=encoded[:, :, k])
            elif channel == "told":
                encoded[:, :, k] = self._told(told)
            elif channel == "told share":
                share = 2.0 * told[:, -1:] - 1.0
                encoded[:, :, k] = np.nan_to_num(share)
            elif channel == "is told":
                encoded[:, :, k] = np.isfinite(told[:, -1:])
            else:
                encoded[:, :, k] = measured
        return encoded

    def _residual(
        self, deviation: Float32Array, measured: BoolArray, whole: BoolArray
    ) -> Float32Array:
        """The formula of the module, for deviations that are 0 where not measured."""
        z = deviation * np.float32(1.0 / self.level)
        n = self.nuisance.shape[1]
        if n == 0:
            return np.asarray(z)
        along = z @ self._nuisance_columns
        parts = along @ self._inverse_gram
        rows = np.flatnonzero(~whole)
        if rows.size:
            starts = np.arange(len(self.nuisance)) * (len(self.mean) // len(self.nuisance))
            seen = np.add.reduceat(measured[rows], starts, axis=1, dtype=np.float32)
            matrices = (seen @ self._nuisance_products).reshape(-1, n, n) + np.eye(n)
            parts[rows] = np.linalg.solve(matrices, along[rows][:, :, None])[:, :, 0]
        z -= parts @ self._nuisance_columns.T
        if rows.size:
            z[rows] *= measured[rows]
        return np.asarray(z)

    def _told(self, told: RealArray) -> Float32Array:
        """What is told, at every point, in units of what the training patterns tell."""
        centre, width = self.told_scale
        standard = (told[:, :-1].astype(np.float64) - centre) / width
        known = np.isfinite(standard)
        standard[~known.any(axis=1)] = 0.0
        places = np.arange(self.n_told - 1)
        for row in np.flatnonzero(known.any(axis=1) & ~known.all(axis=1)):
            seen = known[row]
            standard[row] = np.interp(places, places[seen], standard[row, seen])
        return np.asarray(standard.astype(np.float32) @ self._shares_of_told)

    @cached_property
    def _shares_of_told(self) -> Float32Array:
        """What each told number counts at every point: straight lines between the places."""
        n = self.n_told - 1
        between = np.linspace(0.0, n - 1.0, self.n_points)
        shares = [np.interp(between, np.arange(n), one) for one in np.eye(n)]
        return np.array(shares, dtype=np.float32).reshape(n, self.n_points)

    @cached_property
    def _nuisance_columns(self) -> Float32Array:
        """The nuisances at every point."""
        n_points, (n_nodes, n_columns) = len(self.mean), self.nuisance.shape
        width = n_points // n_nodes
        centres = width * np.arange(n_nodes) + 0.5 * (width - 1)
        columns = np.empty((n_points, n_columns), dtype=np.float32)
        for k, column in enumerate(self.nuisance.T):
            columns[:, k] = np.interp(np.arange(n_points), centres, column)
        return columns

    @cached_property
    def _inverse_gram(self) -> Float32Array:
        gram = self._nuisance_columns.T.astype(np.float64) @ self._nuisance_columns
        return np.asarray(np.linalg.inv(gram + np.eye(len(gram))), dtype=np.float32)

    @cached_property
    def _nuisance_products(self) -> Float32Array:
        """Products of the nuisances at the nodes."""
        nodes = self.nuisance
        return np.asarray((nodes[:, :, None] * nodes[:, None, :]).reshape(len(nodes), -1))

    def __getstate__(self) -> dict[str, object]:
        fields = ("mean", "noise", "nuisance", "level", "scale", "n_told", "told_scale")
        return {name: self.__dict__[name] for name in fields}


def split_told(X: RealArray, n_told: int) -> tuple[RealArray, RealArray]:
    """The points of rows, and what stands behind them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_points + n_told)
    n_told : int

    Returns
    -------
    points : ndarray of shape (n_samples, n_points)
    told : ndarray of shape (n_samples, n_told)
    """
    n_points = X.shape[1] - n_told
    return X[:, :n_points], X[:, n_points:]


def _with_coarse_steps_joined(
    deviation: Float32Array, measured: BoolArray, whole: BoolArray
) -> Float32Array:
    """Deviations with straight lines between the points of a coarse pattern."""
    if whole.all():
        return deviation
    n_points = deviation.shape[1]
    widest = max(2, n_points // _WIDEST_GAP)
    joined = deviation.copy()
    for row in np.flatnonzero(~whole):
        known = np.flatnonzero(measured[row])
        steps = np.diff(known)
        if steps.size and steps.max() > 1:
            between = np.arange(known[0], known[-1] + 1)
            line = np.interp(between, known, deviation[row, known])
            for hole in np.flatnonzero(steps > widest):
                line[known[hole] + 1 - known[0] : known[hole + 1] - known[0]] = 0.0
            joined[row, between] = line
    return joined


def fit_encoding(X: RealArray, y: npt.NDArray[np.generic], n_told: int = 0) -> Encoding:
    """Learn the encoding from training patterns.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_points + n_told)
        Patterns as the network will get them; NaN means not measured.
    y : ndarray of shape (n_samples,)
        Their classes.
    n_told : int, default=0
        Columns behind the points that tell the resolution.

    Returns
    -------
    Encoding
    """
    X, told = split_told(X, n_told)
    measured = np.isfinite(X)
    counts = np.maximum(measured.sum(axis=0), 1)
    mean = np.where(measured, X, 0.0).sum(axis=0, dtype=np.float64) / counts
    noise = np.sqrt(np.maximum(np.abs(mean), _LEAST_MEAN * np.abs(mean).max(initial=0.0)))
    noise = np.where(noise > 0, noise, 1.0)
    deviation = np.where(measured, (X - mean) / noise, 0.0)
    pattern = np.where(measured, X, 0.0)
    n_measured = max(int(measured.sum()), 1)
    squares = [np.square(v, dtype=np.float64).sum() for v in (deviation, pattern)]
    rms = [np.sqrt(total / n_measured) for total in squares]
    scale = (float(rms[0]) or 1.0, float(rms[1]) or 1.0)
    nuisance, level = _nuisances(deviation, measured, y)
    return Encoding(
        mean.astype(np.float32),
        noise.astype(np.float32),
        nuisance,
        level or scale[0],
        scale,
        n_told,
        _told_scale(told),
    )


def _told_scale(told: RealArray) -> tuple[float, float]:
    """Mean and standard deviation of all widths that are told."""
    widths = told[:, :-1]
    known = widths[np.isfinite(widths)].astype(np.float64)
    if not known.size:
        return 0.0, 1.0
    return float(known.mean()), float(known.std()) or 1.0


def _nuisances(
    deviation: FloatArray, measured: BoolArray, y: npt.NDArray[np.generic]
) -> tuple[Float32Array, float]:
    """Columns B of the covariance within the classes, and the noise it stands out of."""
    n_points = deviation.shape[1]
    width = -(-n_points // N_NODES)
    nodes = n_points // width
    shape = (len(measured), nodes, width)
    seen = np.asarray(measured[:, : nodes * width].reshape(shape).all(axis=2))
    means = np.asarray(deviation[:, : nodes * width].reshape(shape).mean(axis=2))
    for label in np.unique(y):
        rows = y == label
        centre = np.where(seen[rows], means[rows], 0.0).sum(axis=0)
        means[rows] -= centre / np.maximum(seen[rows].sum(axis=0), 1)
    means = np.where(seen, means, 0.0).astype(np.float32)
    # Over the rows in which both points were measured.
    both = seen.T.astype(np.float32) @ seen.astype(np.float32)
    covariance = (means.T @ means) / np.maximum(both, 1.0)
    values, vectors = np.linalg.eigh(covariance.astype(np.float64))
    # As in probabilistic principal component analysis: what is left is noise.
    n = min(N_NUISANCES, nodes // 4, len(deviation) // _ROWS_FOR_ONE)
    floor = float(values[: nodes - n].mean())
    if floor <= 1e-12 * values[-1]:
        return np.zeros((nodes, 0), dtype=np.float32), 0.0
    excess = np.sqrt(np.maximum(values[::-1][:n] / floor - 1.0, 0.0))
    columns = vectors[:, ::-1][:, :n] * excess / np.sqrt(width)
    return columns.astype(np.float32), float(np.sqrt(floor * width))

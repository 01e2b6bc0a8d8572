r"""What lies around the dots, and what a simulation of them lacks: columns of a system, and priors.

A background is a Gaussian process of the lengths 0.15, 0.4, 1 and 3 1/Angstrom times the local
intensity, sharp at small Q alone, where liquids have their peaks; an error of the dots' pattern one
of 0.5 1/Angstrom that multiplies it; an apparent size that differs with Q one of 0.7 and
4 1/Angstrom times the derivative of the pattern by the logarithm of the size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._typing import BoolArray, FloatArray
from ._bins import Bins, Cosines
from ._search import Mode

__all__ = ["Scales", "Surroundings"]

# Lengths of a background's processes, where they end (1/Angstrom), and the share of their amplitude
# that is left far out: what is sharp in liquids lies at small Q.
_BACKGROUNDS_OF = (
    ((0.15,), 5.5, 2.5, 0.0),
    ((0.4,), np.inf, 5.0, 0.25),
    ((1.0, 3.0), np.inf, 7.0, 0.5),
)
_ERROR_LENGTH = 0.5  # 1/Angstrom
_SIZE_LENGTHS = (0.7, 4.0)  # 1/Angstrom
_SURFACE_Q = 8.0  # 1/Angstrom, where a surface with 2.5 Angstrom^2 more is half gone
_LIQUID = 3.0  # standard deviation of the amount of a liquid, of the mean intensity


@dataclass(frozen=True)
class Scales:
    """How large what is not simulated may be."""

    background: float
    error: float = 0.0
    size: float = 0.0
    surface: float = 0.0
    texture: float = 0.0


class Surroundings:
    """What lies around the dots in the bins of a measurement: the same for all its patterns.

    Parameters
    ----------
    bins : Bins
    curves : ndarray of shape (n_curves, n_grid)
        Of liquids and blanks, on the grid.
    """

    def __init__(self, bins: Bins, curves: FloatArray) -> None:
        self.bins = bins
        q = bins.q
        binned = bins.of_model(curves) if len(curves) else np.empty((0, len(q)))
        self.curves = binned / np.maximum(np.abs(binned).mean(axis=1, keepdims=True), 1e-300)
        parts = []
        for lengths, end, reach, least in _BACKGROUNDS_OF:
            near = q <= end
            cosines = Cosines(q[near] if near.sum() > 1 else q[:2], min(lengths))
            values = np.zeros((len(q), len(cosines.frequencies)))
            decay = least + (1.0 - least) * np.exp(-((q / reach) ** 2))
            if near.sum() > 1:
                values[near] = cosines.values * decay[near, None]
            parts.append((values, np.sum([cosines.variances(one) for one in lengths], axis=0)))
        self.smooth = np.concatenate([values for values, _ in parts], axis=1)
        self.background = np.concatenate([variances for _, variances in parts])
        errors = Cosines(q, _ERROR_LENGTH)
        self.errors, self.error = errors.values, errors.variances(_ERROR_LENGTH)
        sizes = Cosines(q, min(_SIZE_LENGTHS))
        self.sizes = sizes.values
        self.size = np.sum([sizes.variances(one) for one in _SIZE_LENGTHS], axis=0)
        # Disordered surfaces scatter at small Q alone.
        surface = 1.0 - np.exp(-((q / _SURFACE_Q) ** 2))
        self.sizes = np.concatenate([self.sizes, surface[:, None]], axis=1)
        self.n_errors, self.n_sizes = len(self.error), len(self.size)

    def columns(
        self, envelope: FloatArray, mode: Mode | None = None, shares: FloatArray | None = None
    ) -> FloatArray:
        """Columns of a system: background, curves, errors of the dots' pattern, texture."""
        parts = [envelope[:, None] * self.smooth, self.curves.T]
        if mode is not None:
            dots = mode.amount * mode.curve
            growth = mode.amount * mode.place[0] * mode.derivatives[0]
            parts += [dots[:, None] * self.errors, growth[:, None] * self.sizes]
            if shares is not None:
                parts.append(dots[:, None] * shares)
        return np.concatenate(parts, axis=1)

    def prior(self, scales: Scales, n_columns: int) -> tuple[FloatArray, BoolArray]:
        """Prior variances of the columns, and which of them there are."""
        parts = [scales.background**2 * self.background, np.full(len(self.curves), _LIQUID**2)]
        n_rest = n_columns - sum(len(part) for part in parts)
        if n_rest:
            n_groups = n_rest - self.n_errors - self.n_sizes - 1
            parts += [scales.error**2 * self.error, scales.size**2 * self.size]
            parts.append(np.array([scales.surface**2]))
            parts.append(np.full(n_groups, scales.texture**2))
        variances = np.concatenate(parts)
        used = variances > 0.0
        return np.where(used, variances, 1.0), used

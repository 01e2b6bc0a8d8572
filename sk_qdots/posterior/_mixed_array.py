"""Arrays of many particles, mixed to those of populations when they are first needed."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np

from .._typing import Float32Array, FloatArray

__all__ = ["MixedArray"]

_NEGLIGIBLE = 1e-9  # share of a variant that is left out
_RARE = 1e-8  # share of a particle, of the commonest, beyond which none is mixed in


class MixedArray:
    """Variants of an array, mixed when they are first needed.

    Parameters
    ----------
    stored : ndarray of shape (n_variants, n_x, n_particles)
    rows : ndarray of shape (n_populations, n_particles) or None
    """

    def __init__(self, stored: Float32Array, rows: FloatArray | None) -> None:
        self._stored = stored
        self._rows, self._kept = None, slice(None)
        if rows is not None:
            common = np.flatnonzero(rows.max(axis=0) > _RARE * rows.max())
            self._kept = slice(int(common[0]), int(common[-1]) + 1)
            self._rows = np.ascontiguousarray(rows[:, self._kept].T, dtype=np.float32)
        self._there = np.full(len(stored), rows is None)
        self._all = stored
        if rows is not None:  # pages that nothing is written to take no memory
            self._all = np.zeros((*stored.shape[:2], len(rows)), dtype=np.float32)
        self._mixed = self._all

    def first(self) -> Self:
        """The first population alone; what is mixed for one is there for the other."""
        one = copy(self)
        one._mixed = self._all[:, :, :1]
        return one

    def combined(self, shares: FloatArray) -> FloatArray:
        """Sum of shares of the variants, (n_x, n_populations)."""
        used = np.flatnonzero(np.abs(shares) > _NEGLIGIBLE * np.abs(shares).max())
        if self._rows is not None:
            for k in used[~self._there[used]]:
                np.matmul(self._stored[k][:, self._kept], self._rows, out=self._all[k])
                self._there[k] = True
        if len(used) == 1:
            return np.asarray(shares[used[0]] * self._mixed[used[0]].astype(np.float64))
        if len(used) > 0.5 * len(shares):
            single = shares.astype(np.float32)
            flat = self._mixed.reshape(len(shares), -1)
            return np.asarray((single @ flat).reshape(self._mixed.shape[1:]), dtype=np.float64)
        total = np.zeros(self._mixed.shape[1:])
        for k in used:
            total += shares[k] * self._mixed[k]
        return total

"""Even bins of distances, and sums over vectors and offsets into them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import csr_matrix

from .._typing import FloatArray
from ._lattice_pairs import offsets_of
from .crystal import Crystal

__all__ = [
    "SAME_PLACE",
    "Vectors",
    "as_distances",
    "bin_smoothing",
    "both_ways",
    "spread",
    "widest_bin",
]

SAME_PLACE = 1e-4  # Angstrom
_PHASE = 0.35  # rad, of a bin at the largest Q: 1e-5 of a term is lost
_AT_ONCE = 2**15  # vectors with an offset: what caches hold


def widest_bin(largest_q: float) -> float:
    """Width of the bins that keeps sums up to a Q, in Angstrom."""
    return _PHASE / largest_q


def bin_smoothing(q: FloatArray, width: float) -> FloatArray:
    """What spreading over bins multiplies pair sums by."""
    return np.asarray(np.sinc(q * width / (2.0 * np.pi)) ** 4)


def as_distances(sums: FloatArray, width: float) -> tuple[FloatArray, FloatArray]:
    """Distances and multiplicities of bins, which hold pairs over their distance."""
    used = 1 + np.flatnonzero(sums[:, 1:].any(axis=0))
    distances = np.asarray(width * used, dtype=np.float64)
    return distances, np.ascontiguousarray(sums[:, used] * distances)


def spread(
    distances: FloatArray, weights: FloatArray, width: float, n_bins: int, least: float = 0.0
) -> csr_matrix:
    """Rows of weights over distances, spread over bins.

    Parameters
    ----------
    distances : ndarray of shape (n_rows, n_columns)
        In Angstrom; those not beyond the least are left out.
    weights : ndarray of shape (n_columns,)

    Returns
    -------
    csr_matrix of shape (n_rows, n_bins)
    """
    place = distances / width
    first = place.astype(np.int32)
    t = place - first
    first -= 1
    share = np.where(distances > least, weights, 0.0) / (6.0 * np.maximum(distances, width))
    squares, cubes = t * t, t * t * t
    values = np.empty((*distances.shape, 4))
    values[..., 0] = 1.0 - 3.0 * t + 3.0 * squares - cubes
    values[..., 1] = 4.0 - 6.0 * squares + 3.0 * cubes
    values[..., 2] = 1.0 + 3.0 * t + 3.0 * squares - 3.0 * cubes
    values[..., 3] = cubes
    values *= share[..., None]
    columns = np.maximum(first, 0)[..., None] + np.arange(4, dtype=np.int32)
    ends = np.arange(len(distances) + 1, dtype=np.int32) * (4 * distances.shape[1])
    return csr_matrix((values.ravel(), columns.ravel(), ends), shape=(len(distances), n_bins))


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors between nodes, and the offsets that pairs of species add to them.

    Parameters
    ----------
    pairs : tuple of (int, int)
        Pairs of species that have these distances.
    vectors : ndarray of shape (n_vectors, 3)
        Ascending in length, in Angstrom.
    offsets : ndarray of shape (n_offsets, 3)
    weights : ndarray of shape (n_offsets,)
    least : float
        Nearer atoms make no pair.
    """

    pairs: tuple[tuple[int, int], ...]
    vectors: FloatArray
    offsets: FloatArray
    weights: FloatArray
    least: float

    @property
    def reach(self) -> float:
        """Length of the longest offset."""
        return float(np.linalg.norm(self.offsets, axis=1).max())

    def sums(
        self, columns: FloatArray, width: float, n_bins: int, n_jobs: int | None
    ) -> tuple[FloatArray, FloatArray]:
        """Sums of columns over vectors, (column, bin), and of what makes no distance, (column,)."""
        lengths = np.linalg.norm(self.vectors, axis=1)
        step = max(1, _AT_ONCE // len(self.offsets))
        squared = (self.offsets**2).sum(axis=1)

        def part(start: int) -> tuple[int, FloatArray, FloatArray | None]:
            rows = slice(start, start + step)
            squares = (2.0 * self.vectors[rows]) @ self.offsets.T
            squares += (lengths[rows] ** 2)[:, None]
            squares += squared
            distances = np.sqrt(np.maximum(squares, 0.0))
            # Only the bins that these reach, which few caches are too small for.
            low = max(int((lengths[start] - self.reach) / width) - 2, 0)
            high = min(int((lengths[rows][-1] + self.reach) / width) + 4, n_bins)
            spreading = spread(distances, self.weights, width, high, self.least)
            near = csr_matrix(
                (spreading.data, spreading.indices - low, spreading.indptr),
                shape=(len(distances), high - low),
            )
            missing = distances <= self.least
            dropped = (missing @ self.weights) @ columns[rows] if missing.any() else None
            return low, np.asarray(near.T @ columns[rows]), dropped

        total = np.zeros((n_bins, columns.shape[1]))
        together = np.zeros(columns.shape[1])
        parallel = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator")
        starts = range(0, len(lengths), step)
        for low, found, dropped in parallel(delayed(part)(start) for start in starts):
            total[low : low + len(found)] += found
            together += 0.0 if dropped is None else dropped
        return np.ascontiguousarray(total.T), together


def both_ways(
    crystal: Crystal,
) -> Iterator[tuple[tuple[tuple[int, int], ...], float, FloatArray, FloatArray]]:
    """Pairs of species, the least distance, and what is added to one of each R and -R."""
    for pairs, least, offsets, weights in offsets_of(crystal):
        centred = ~offsets.any(axis=1)
        both = np.concatenate([offsets, -offsets[~centred]])
        each = np.concatenate([np.where(centred, 2.0, 1.0) * weights, weights[~centred]])
        yield pairs, least, both, each

r"""Pair distances of free atoms: a histogram that keeps each bin's mean distance.

Atoms are taken in blocks, so that memory does not grow with the square of their
number, and blocks are counted in parallel threads by a kernel compiled with
numba. Distances are first rounded to :math:`h / 2^{16}`, so that everything that
is added up is an integer and the result is the same for any number of threads.
A bin then stands for its mean distance, exact to the rounding; what is left is
the spread within a bin, which damps an oscillation of wave vector :math:`Q` by
:math:`Q^2 h^2 / 24` at most where the distances fill the bin evenly, and not at
all where a bin holds one distance, as in a crystal.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from .._typing import FloatArray, IntArray
from .atoms import FreeAtoms

__all__ = ["free_pairs"]

_BLOCK = 1024  # atoms; their coordinates and distances stay in the cache
_FINE_BITS = 16  # a bin is divided into 2^16 steps
_FINE = 2**_FINE_BITS
_MOST_BINS = 2**24  # 256 MiB a thread
_MOST_SPECIES = 32
_TOUCHING = 1e-3  # Angstrom; atoms closer than this stand in the same place

_Group = tuple[tuple[tuple[int, int], ...], FloatArray, IntArray]


def free_pairs(atoms: FreeAtoms, bin_width: float, n_jobs: int | None) -> list[_Group]:
    """Species pairs, mean distances of the occupied bins, and multiplicities (1, distance)."""
    positions = atoms.positions - atoms.positions.mean(axis=0)
    span = float(np.linalg.norm(np.ptp(positions, axis=0)))
    n_bins = int(span / bin_width) + 2
    if n_bins > _MOST_BINS:
        raise ValueError(
            f"positions span {span:.4g} Angstrom, more than {_MOST_BINS} bins of {bin_width:g}; "
            "are they in Angstrom?"
        )
    if len(atoms.species) > _MOST_SPECIES:
        raise ValueError(
            f"the atoms are of {len(atoms.species)} kinds (element, b_iso, occupancy, charge), "
            f"more than {_MOST_SPECIES}; round b_iso to a few values"
        )
    blocks = []
    for kind in range(len(atoms.species)):
        members = positions[atoms.kinds == kind]
        blocks.append(
            [
                np.ascontiguousarray(members[start : start + _BLOCK].T)
                for start in range(0, len(members), _BLOCK)
            ]
        )
    groups: list[_Group] = []
    for i in range(len(blocks)):
        for j in range(i, len(blocks)):
            counts, sums = _counted(blocks[i], blocks[j], i == j, bin_width, n_bins, n_jobs)
            used = np.flatnonzero(counts)
            distances = (used + sums[used] / counts[used] / _FINE) * bin_width
            multiplicities = 2 * counts[used]
            close = distances < _TOUCHING
            if close.any():
                both = (atoms.species[i], atoms.species[j])
                if all(s.occupancy == 1.0 for s in both):
                    raise ValueError(
                        f"positions: {int(counts[used][close].sum())} pairs of "
                        f"{both[0].element} and {both[1].element} stand in the same place"
                    )
                # Atoms that share a site are never there together.
                distances, multiplicities = distances[~close], multiplicities[~close]
            groups.append((((i, j),), distances, multiplicities[None, :]))
    return groups


def _counted(
    first: list[FloatArray],
    second: list[FloatArray],
    alike: bool,
    bin_width: float,
    n_bins: int,
    n_jobs: int | None,
) -> tuple[IntArray, IntArray]:
    """Unordered pairs in each bin, and the sum of their fine steps beyond its start."""
    kernel = _kernel()
    scale = _FINE / bin_width

    def count(worker: int, n_workers: int) -> IntArray:
        histogram = np.zeros((n_bins, 2), dtype=np.int64)
        for number, block in enumerate(first[worker::n_workers]):
            own = worker + number * n_workers
            for other in second[own + 1 :] if alike else second:
                kernel(block, other, False, scale, histogram)
            if alike:
                kernel(block, block, True, scale, histogram)
        return histogram

    n_workers = max(1, min(effective_n_jobs(n_jobs), len(first)))
    parallel = Parallel(n_jobs=n_workers, prefer="threads", require="sharedmem")
    total = np.zeros((n_bins, 2), dtype=np.int64)
    for histogram in parallel(delayed(count)(w, n_workers) for w in range(n_workers)):
        total += histogram
    return total[:, 0], total[:, 1]


@lru_cache(maxsize=1)
def _kernel() -> Callable[[FloatArray, FloatArray, bool, float, IntArray], None]:
    """Compile the loop over two blocks; numba is imported only where free atoms are counted."""
    import numba

    @numba.njit("void(f8[:,::1], f8[:,::1], b1, f8, i8[:,::1])", nogil=True, fastmath=True)
    def add_pairs(first, second, alike, scale, histogram):  # type: ignore[no-untyped-def]
        steps = np.empty(second.shape[1], np.int64)
        all_x, all_y, all_z = second[0], second[1], second[2]
        for i in range(first.shape[1]):
            x, y, z = first[0, i], first[1, i], first[2, i]
            for j in range(len(steps)):  # also those not needed: a loop that is vectorised
                dx, dy, dz = all_x[j] - x, all_y[j] - y, all_z[j] - z
                steps[j] = np.int64(np.sqrt(dx * dx + dy * dy + dz * dz) * scale + 0.5)
            for j in range(i + 1 if alike else 0, len(steps)):
                k = steps[j] >> _FINE_BITS
                histogram[k, 0] += 1
                histogram[k, 1] += steps[j] & (_FINE - 1)

    return add_pairs

r"""Pair distances of free atoms: a histogram that keeps the mean and the spread of each bin.

Squared distances are binned by their leading bits, so that no root is taken for a pair: of

.. math:: t = |\mathbf r_i - \mathbf r_j|^2 + t_0

as a double, the exponent and the first bits of the mantissa are the bin, and the 21 bits that
follow are the place within it (6e-9 Angstrom, a 2^21st of a bin of 0.0125). A bin keeps the
number of its pairs, the sum of their places and that of the squares of these: integers, so that
the result is the same for any number of threads.

A bin whose pairs have one distance stands for it, to this rounding. Any other stands for two
distances, half of its pairs at each, that have its mean and its spread. What is lost is the
fourth moment: of an oscillation of wave vector :math:`Q` the share :math:`(Q h)^4 / 4320` where
the distances fill a bin of the width :math:`h` evenly (a mean alone loses
:math:`(Q h)^2 / 24`).

Atoms are taken in blocks, which are counted in parallel threads by a kernel compiled with numba.
Number and sum of places share one 64-bit integer, the squares have the one beside it, and one
instruction adds to both: the memory is what limits the kernel. After 2^21 pairs they could
overflow, and are added to wider totals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed, effective_n_jobs

from .._typing import CountArray, FloatArray, IntArray
from ._joining import joined
from .atoms import FreeAtoms
from .sites import never_together

__all__ = ["free_bins", "free_pairs"]

_BLOCK = 256  # atoms; their coordinates and distances stay in the cache
_PLACE_BITS = 21  # a bin is divided into 2^21 steps
_PLACES = 2**_PLACE_BITS
_SUM_BITS = 2 * _PLACE_BITS  # room for the places of as many pairs; their number stands above
_MANTISSA_BITS = 52  # of a double
_SHIFT = 16.0  # Angstrom^2, t_0: below 4 Angstrom bins are even in the squared distance
_SHORT = 0.5  # Angstrom; from here on no bin is wider than asked for
_ROUNDING = 1e-9  # relative room at the longest distance
_MOST_BINS = 2**22  # 200 MiB a thread
_MOST_SPECIES = 32
_TOUCHING = 1e-3  # Angstrom; atoms closer than this stand in the same place

_Group = tuple[tuple[tuple[int, int], ...], FloatArray, CountArray]
_Words: TypeAlias = npt.NDArray[np.uint64]
_AddPairs: TypeAlias = Callable[[FloatArray, FloatArray, bool, float, int, int, _Words], None]
_Empty: TypeAlias = Callable[[_Words, IntArray], None]


class _Bins(NamedTuple):
    """How squared distances are binned: 2^bits bins from each power of two to the next."""

    bits: int
    number: int

    @property
    def origin(self) -> int:
        """The bits of t at distance 0."""
        return int(np.float64(_SHIFT).view(np.int64))

    def edges(self) -> FloatArray:
        """Squared distances at which bins begin, and the end of the last one."""
        codes = np.arange(self.number + 1, dtype=np.int64) << (_MANTISSA_BITS - self.bits)
        return (codes + self.origin).view(np.float64) - _SHIFT


def free_pairs(atoms: FreeAtoms, bin_width: float, n_jobs: int | None) -> list[_Group]:
    """Species pairs, distances that stand for the occupied bins, and multiplicities (1, distance).

    Alternatives make no pair: those of two species nearer than :func:`never_together` says.
    """
    positions = atoms.positions - atoms.positions.mean(axis=0)
    bins = _bins(atoms, bin_width)
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
    for i, first in enumerate(atoms.species):
        for j, second in enumerate(atoms.species[i:], start=i):
            full = first.occupancy == second.occupancy == 1.0
            least = _TOUCHING if full else never_together(first, second)
            near, moments = _counted(blocks[i], blocks[j], i == j, least, bins, n_jobs)
            if full and near:
                raise ValueError(
                    f"positions: {near} pairs of {first.element} and {second.element} stand in "
                    "the same place"
                )
            distances, multiplicities = _points(bins, moments)
            groups.append((((i, j),), distances, multiplicities))
    return groups


def free_bins(atoms: FreeAtoms, bin_width: float) -> int:
    """Bins that the distances of atoms take."""
    return _bins(atoms, bin_width).number


def _bins(atoms: FreeAtoms, bin_width: float) -> _Bins:
    """Bins for all distances, of which none beyond 0.5 Angstrom is too wide."""
    if not (np.isfinite(bin_width) and 0 < bin_width <= 0.1):
        raise ValueError(f"bin_width is {bin_width} Angstrom; it must lie in (0, 0.1]")
    span = float(np.linalg.norm(np.ptp(atoms.positions, axis=0))) * (1.0 + _ROUNDING)
    octaves = math.frexp((span * span + _SHIFT) / _SHIFT)[1]
    top = _SHIFT * 2.0 ** (octaves - 1)  # the last octave has the widest bins, or the first
    widest = max(0.5 * top / math.sqrt(max(top - _SHIFT, _SHIFT)), 0.5 * _SHIFT / _SHORT)
    bits = max(1, math.ceil(math.log2(widest / bin_width)))
    number = octaves << bits
    if number > _MOST_BINS:
        raise ValueError(
            f"positions span {span:.4g} Angstrom, more than {_MOST_BINS} bins of {bin_width:g}; "
            "are they in Angstrom?"
        )
    return _Bins(bits, number)


def _points(bins: _Bins, moments: IntArray) -> tuple[FloatArray, CountArray]:
    """Distances that stand for the pairs of each bin, and their multiplicities (1, distance)."""
    used = np.flatnonzero(moments[:, 0])
    counts, total, low, high = moments[used].T
    edges = bins.edges()
    start, step = edges[used], (edges[used + 1] - edges[used]) / _PLACES
    mean = total / counts
    variance = (high * 2.0**32 + low) / counts - mean * mean
    # Places that differ by less than a step are one distance, rounded.
    spread = np.sqrt(np.where(variance < 1.0, 0.0, variance))
    places = mean[:, None] + spread[:, None] * [-1.0, 1.0] + 0.5
    squares = start[:, None] + step[:, None] * places
    distances = np.sqrt(np.maximum(squares.ravel(), 0.0))
    return joined([(distances, np.repeat(counts, 2)[None, :])])


def _counted(
    first: list[FloatArray],
    second: list[FloatArray],
    alike: bool,
    least: float,
    bins: _Bins,
    n_jobs: int | None,
) -> tuple[int, IntArray]:
    """Pairs up to the least distance, and the moments of each bin of the others.

    These are the number of unordered pairs, the sum of their places within the bin, and that of
    the squares of these as the remainder and the multiple of 2^32.
    """
    add_pairs, empty = _kernels()
    shifted = least * least + _SHIFT
    drop = _MANTISSA_BITS - bins.bits - _PLACE_BITS

    def count(worker: int, n_workers: int) -> IntArray:
        # The last bin is that of the pairs that are too near.
        moments = np.zeros((bins.number + 1, 4), dtype=np.int64)
        words = np.zeros((bins.number + 1, 2), dtype=np.uint64)
        waiting = 0
        for number, block in enumerate(first[worker::n_workers]):
            own = worker + number * n_workers
            others = [block, *second[own + 1 :]] if alike else second
            for other in others:
                waiting += block.shape[1] * other.shape[1]
                if waiting > _PLACES:
                    empty(words, moments)
                    waiting = block.shape[1] * other.shape[1]
                add_pairs(block, other, other is block, shifted, bins.number, drop, words)
        empty(words, moments)
        return moments

    n_workers = max(1, min(effective_n_jobs(n_jobs), len(first)))
    parallel = Parallel(n_jobs=n_workers, prefer="threads", require="sharedmem")
    total = sum(parallel(delayed(count)(w, n_workers) for w in range(n_workers)))
    return int(total[-1, 0]), total[:-1]


@lru_cache(maxsize=1)
def _kernels() -> tuple[_AddPairs, _Empty]:
    """Compile the loop over two blocks; numba is imported only where free atoms are counted."""
    import numba
    from llvmlite import ir
    from numba.extending import intrinsic

    def add_words(_context, words, row, first, second):  # type: ignore[no-untyped-def]
        """Add to both words of a row at once; numba by itself makes two additions of it."""

        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            array = context.make_array(signature.args[0])(context, builder, values[0])
            both = ir.VectorType(ir.IntType(64), 2)
            place = builder.gep(array.data, [builder.shl(values[1], values[1].type(1))])
            place = builder.bitcast(place, both.as_pointer())
            added = ir.Constant(both, ir.Undefined)
            for k in range(2):
                added = builder.insert_element(added, values[2 + k], ir.IntType(32)(k))
            old = builder.load(place)
            old.align = 8
            builder.store(builder.add(old, added), place).align = 8
            return context.get_dummy_value()

        return numba.types.void(words, row, first, second), generate

    add_two: Any = intrinsic(add_words)  # of numba's types only in compiled code

    floats, integers = numba.f8[:, ::1], numba.i8
    signature = numba.void(floats, floats, numba.b1, numba.f8, integers, integers, numba.u8[:, ::1])
    shift, place_bits, sum_bits = _SHIFT, np.uint64(_PLACE_BITS), _SUM_BITS
    origin = _Bins(0, 0).origin
    places, one = np.uint64(_PLACES - 1), np.uint64(1 << _SUM_BITS)

    @numba.njit(signature, nogil=True, fastmath=True)
    def add_pairs(first, second, alike, least, last, drop, words):  # type: ignore[no-untyped-def]
        squares = np.empty(second.shape[1], np.float64)
        bits, codes = squares.view(np.int64), squares.view(np.uint64)
        all_x, all_y, all_z = second[0], second[1], second[2]
        apart = last << place_bits
        for i in range(first.shape[1]):
            x, y, z = first[0, i], first[1, i], first[2, i]
            # Also those not needed: loops that are vectorised.
            for j in range(len(squares)):
                dx, dy, dz = all_x[j] - x, all_y[j] - y, all_z[j] - z
                squares[j] = dx * dx + dy * dy + dz * dz + shift
            for j in range(len(squares)):
                code = (bits[j] - origin) >> drop
                bits[j] = code if squares[j] > least else apart
            for j in range(i + 1 if alike else 0, len(squares)):
                place = codes[j] & places
                add_two(words, codes[j] >> place_bits, place | one, place * place)

    @numba.njit(numba.void(numba.u8[:, ::1], numba.i8[:, ::1]), nogil=True)
    def empty(words, moments):  # type: ignore[no-untyped-def]
        for k in range(len(words)):
            if words[k, 0]:
                moments[k, 0] += np.int64(words[k, 0] >> np.uint64(sum_bits))
                moments[k, 1] += np.int64(words[k, 0] & np.uint64((1 << sum_bits) - 1))
                high = moments[k, 2] + np.int64(words[k, 1] & np.uint64(0xFFFFFFFF))
                moments[k, 2] = high & 0xFFFFFFFF
                moments[k, 3] += np.int64(words[k, 1] >> np.uint64(32)) + (high >> 32)
                words[k, 0] = words[k, 1] = 0

    return add_pairs, empty

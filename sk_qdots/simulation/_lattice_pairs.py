r"""Pair distances of particles on a lattice, exact integers.

The number of node pairs that differ by the lattice vector :math:`\mathbf R` is
the correlation of the node indicators :math:`\chi` of two sublattices,

.. math:: A_{ij}(\mathbf R) = \sum_{\mathbf R'} \chi_i(\mathbf R')\,\chi_j(\mathbf R' + \mathbf R),

a fast Fourier transform, rounded to the integer it is. The distance is
:math:`|\mathbf R + \mathbf t_j - \mathbf t_i|` with the offsets :math:`\mathbf t`.
Where every node carries the whole cell, all :math:`A_{ij}` are one. Nodes that are
occupied in part count with their occupancy; the sums are then no integers, and are
what the transform in double precision gives.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, overload

import numpy as np
import pandas as pd
from scipy import fft

from .._typing import CountArray, Float32Array, FloatArray, IntArray, RealArray
from ._joining import SAME_DISTANCE, merged
from ._reduction import compact_basis, reindexed
from .cluster import Cluster
from .crystal import Crystal
from .sites import Species, never_together

__all__ = [
    "NO_PAIR",
    "Frame",
    "Group",
    "Offsets",
    "correlation",
    "frame_of",
    "lattice_pairs",
    "offsets_of",
    "species_of",
    "squared_unit",
    "sublattice_pairs",
]

_LARGEST_DIVISOR = 48  # of the smallest squared term, to find a unit of squared lengths
_SAME_LENGTH = 1e-6  # Angstrom^2; smaller terms of a squared length are rounding
NO_PAIR = 1e-7  # less than the smallest product of two occupancies, more than rounding leaves
_SAFE_ROUNDING = 0.1  # a single-precision correlation may be this far from an integer

Pairs = tuple[tuple[int, int], ...]
Group = tuple[Pairs, FloatArray, CountArray]
_Correlation = tuple[RealArray, RealArray]
_Histogram = tuple[FloatArray, CountArray]


class Offsets(NamedTuple):
    """Offsets t_j - t_i between the atoms of pairs of species, up to their sign."""

    pairs: Pairs  # those that have these offsets
    least: float  # Angstrom; nearer atoms make no pair
    vectors: FloatArray  # (offset, 3)
    weights: IntArray  # ordered pairs of atoms that have each of them


class Frame(NamedTuple):
    """Vectors of the lattice that suit the largest of some clusters."""

    lattice: FloatArray
    back: IntArray  # turns indices of nodes into those along the new vectors


def species_of(crystal: Crystal) -> tuple[tuple[Species, ...], list[int]]:
    """Species of a crystal, and the index of each sublattice's among them."""
    species = tuple(dict.fromkeys(s.species for s in crystal.sublattices))
    return species, [species.index(s.species) for s in crystal.sublattices]


def frame_of(clusters: Sequence[Cluster]) -> Frame:
    """Vectors of the lattice that suit the largest of the clusters."""
    crystal = clusters[0].crystal
    largest = max(clusters, key=lambda cluster: len(cluster.nodes)).nodes
    centred = (largest - largest.mean(axis=0)) @ crystal.lattice
    basis = compact_basis(crystal.lattice, centred.T @ centred / len(largest))
    back = np.rint(np.linalg.inv(basis)).astype(np.int64)
    return Frame(basis @ crystal.lattice, back)


def lattice_pairs(clusters: Sequence[Cluster]) -> list[Group]:
    """Species pairs, distances and multiplicities (cluster, distance) of clusters of one crystal.

    Species pairs whose distances and multiplicities must be equal share one entry.
    """
    crystal = clusters[0].crystal
    lattice, back = frame_of(clusters)
    species, kinds = species_of(crystal)
    if all(cluster.filled is None for cluster in clusters):
        correlations = [
            correlation(reindexed(c.nodes, back), occupancies=c.occupancies) for c in clusters
        ]
        result = []
        for pairs, least, vectors, weights in offsets_of(crystal):
            parts = (
                _histogram(lattice, correlations, offset, weight, least)
                for offset, weight in zip(vectors, weights.tolist(), strict=True)
            )
            result.append((pairs, *merged(parts)))
        return result

    def histogram(i: int, j: int) -> _Histogram:
        """Distances between two sublattices of clusters whose nodes are not all whole."""
        correlations = [
            correlation(
                reindexed(c.sublattice_nodes(i), back), reindexed(c.sublattice_nodes(j), back)
            )
            for c in clusters
        ]
        start, end = (np.asarray(crystal.sublattices[k].offset) for k in (i, j))
        least = never_together(species[kinds[i]], species[kinds[j]])
        return _histogram(lattice, correlations, end - start, 1 if i == j else 2, least)

    return [
        ((pair,), *merged(histogram(i, j) for i, j in members))
        for pair, members in sublattice_pairs(kinds).items()
    ]


def sublattice_pairs(kinds: Sequence[int]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Pairs i <= j of sublattices of each pair of species."""
    result: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i, j in itertools.combinations_with_replacement(range(len(kinds)), 2):
        first, second = sorted((kinds[i], kinds[j]))
        result.setdefault((first, second), []).append((i, j))
    return result


@lru_cache(maxsize=32)
def offsets_of(crystal: Crystal) -> tuple[Offsets, ...]:
    """Offsets of all pairs of species; those that must have equal distances share one entry."""
    species, kinds = species_of(crystal)
    positions = np.array([s.offset for s in crystal.sublattices])
    first, second = np.triu_indices(len(positions))
    vectors = positions[second] - positions[first]
    places = np.rint(vectors * 1e9).astype(np.int64)  # equal but for rounding
    leading = np.take_along_axis(places, (places != 0).argmax(axis=1)[:, None], axis=1)
    sign = np.where(leading < 0, -1, 1)
    vectors, places = vectors * sign, places * sign
    weights = np.where(first == second, 1, 2)
    ends = np.sort(np.array(kinds)[np.stack([first, second])], axis=0)
    codes = ends[0] * len(species) + ends[1]
    entries: dict[tuple[float, bytes], Offsets] = {}
    found, at = np.unique(codes, return_index=True)
    for code in found[np.argsort(at)]:  # in the order in which they occur
        members = np.flatnonzero(codes == code)
        order = members[np.lexsort(places[members].T)]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(places[order], axis=0) != 0).any(axis=1)
        starts = np.flatnonzero(new)
        totals = np.add.reduceat(weights[order], starts)
        pair = (int(code) // len(species), int(code) % len(species))
        least = never_together(species[pair[0]], species[pair[1]])
        key = (least, np.column_stack([places[order[starts]], totals]).tobytes())
        if key in entries:
            entries[key] = entries[key]._replace(pairs=(*entries[key].pairs, pair))
            continue
        lasts = order[np.append(starts[1:], len(order)) - 1]
        as_they_come = np.argsort(order[starts])
        entries[key] = Offsets((pair,), least, vectors[lasts[as_they_come]], totals[as_they_come])
    return tuple(entries.values())


def _histogram(
    lattice: FloatArray,
    correlations: Sequence[_Correlation],
    offset: FloatArray,
    weight: int,
    least: float,
) -> _Histogram:
    """Distances |R + offset| beyond the least, and how often each occurs, times the weight."""
    halves = [(ahead.shape[0] - 1, *(n // 2 for n in ahead.shape[1:])) for ahead, _ in correlations]
    reach = np.max(halves, axis=0)
    parts = []  # of the box of all R: those of a cluster, ahead and back
    for half in halves:
        sides = tuple(slice(r - h, r + h + 1) for r, h in zip(reach[1:], half[1:], strict=True))
        parts.append(
            (
                (slice(reach[0], reach[0] + half[0] + 1), *sides),
                (slice(reach[0] - half[0], reach[0]), *sides),
            )
        )
    distances, index = _distance_index(lattice, reach, offset, correlations, parts)
    whole = all(ahead.dtype == np.float32 for ahead, _ in correlations)
    counts = np.zeros((len(correlations), len(distances)), dtype=np.int64 if whole else np.float64)
    for row, (ahead, back), (here, there) in zip(counts, correlations, parts, strict=True):
        places = index[here]
        total = _weighted_count(places, ahead, len(distances))
        if ahead is back and not offset.any():  # R and -R are equally long and equally frequent
            total = 2.0 * total - _weighted_count(places[0], ahead[0], len(distances))
        else:
            places = index[there][::-1, ::-1, ::-1]
            total += _weighted_count(places, back[1:], len(distances))
        row[:] = weight * (np.rint(total).astype(np.int64) if whole else total)
    used = (counts > 0).any(axis=0) & (distances > least)
    return distances[used], np.ascontiguousarray(counts[:, used])


def _weighted_count(index: IntArray, weights: RealArray, size: int) -> FloatArray:
    return np.asarray(
        np.bincount(index.ravel(), weights=weights.ravel(), minlength=size), dtype=np.float64
    )


def correlation(
    nodes: IntArray,
    others: IntArray | None = None,
    occupancies: FloatArray | None = None,
) -> _Correlation:
    """A(R) and A(-R) for the differences R that are not negative along the first axis.

    ``others`` are the nodes of the second sublattice; the same ones, where it is None: then
    both are one array. The zero difference is at index 0, and in the middle of the other axes.
    Integers come in single precision, sums of occupancies in double.
    """
    if len(nodes) == 0 or (others is not None and len(others) == 0):
        return np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    both = nodes if others is None else np.concatenate([nodes, others])
    # A reduction along the long axis of a narrow array is slow: column by column.
    low, high = (np.array([f(column) for column in both.T]) for f in (np.min, np.max))
    extent = high - low + 1
    indicators = []
    for part in (nodes,) if others is None else (nodes, others):
        indicator = np.zeros(extent, dtype=np.float32 if occupancies is None else np.float64)
        indicator[tuple((part - low).T)] = 1.0 if occupancies is None else occupancies
        if np.count_nonzero(indicator) != len(part):
            raise ValueError("a cluster holds the same node more than once")
        indicators.append(indicator)
    if occupancies is not None and (occupancies < 1.0).any():
        sums = _transformed(indicators)
        sums *= sums > NO_PAIR
        return sums, sums
    ahead = _half_correlation(indicators)
    return ahead, ahead if others is None else _half_correlation(indicators[::-1])


def _half_correlation(indicators: Sequence[RealArray]) -> Float32Array:
    """A(R), integers, for the differences that are not negative along the first axis."""
    half = _transformed(indicators)
    rounded = np.rint(half)
    half -= rounded
    if max(half.max(), -half.min()) > _SAFE_ROUNDING:  # too many nodes for float32
        rounded = np.rint(_transformed([i.astype(np.float64) for i in indicators]))
    return np.asarray(rounded, dtype=np.float32)


def _transformed(indicators: Sequence[RealArray]) -> RealArray:
    """The correlation by Fourier transforms, with their rounding errors.

    Axis by axis, so that neither the padding nor the other half is transformed.
    """
    extent = indicators[0].shape
    n0, n1, n2 = (fft.next_fast_len(2 * n - 1, real=True) for n in extent)
    transforms = []
    for indicator in indicators:
        transform = fft.rfft(indicator, n2, axis=2)
        transform = fft.fft(transform, n1, axis=1, overwrite_x=True)
        transforms.append(fft.fft(transform, n0, axis=0, overwrite_x=True))
    transform = transforms[0].conj()
    transform *= transforms[-1]
    transform = fft.ifft(transform, axis=0, overwrite_x=True)[: extent[0]]
    transform = fft.ifft(transform, axis=1, overwrite_x=True)
    # Negative differences stand at the end of the axis.
    transform = np.take(transform, np.arange(1 - extent[1], extent[1]), axis=1, mode="wrap")
    correlation = fft.irfft(transform, n2, axis=2, overwrite_x=True)
    return np.take(correlation, np.arange(1 - extent[2], extent[2]), axis=2, mode="wrap")


def _distance_index(
    lattice: FloatArray,
    reach: IntArray,
    offset: FloatArray,
    correlations: Sequence[_Correlation],
    parts: Sequence[tuple[tuple[slice, ...], tuple[slice, ...]]],
) -> tuple[FloatArray, IntArray]:
    """Distances of R + offset over the box, and the index of each R among them.

    Some of the distances may not occur; no two of them are the same.
    """
    axes = [np.arange(-r, r + 1) for r in reach]
    unit = squared_unit(lattice, offset)
    if unit is not None:
        squared = _squared_lengths(axes, lattice, offset, unit)
        if squared.max() < 10 * squared.size:
            return np.sqrt(unit * np.arange(squared.max() + 1)), squared
    occurs = np.zeros([len(a) for a in axes], dtype=bool)
    for (ahead, back), (here, there) in zip(correlations, parts, strict=True):
        occurs[here] |= ahead > 0
        occurs[there] |= (back[1:] > 0)[::-1, ::-1, ::-1]
    if not occurs.any():
        return np.zeros(1), np.zeros(occurs.shape, dtype=np.int64)
    length = np.sqrt(_squared_lengths(axes, lattice, offset)[occurs])
    codes, ticks = pd.factorize(np.rint(length / SAME_DISTANCE).astype(np.int64))
    order = np.argsort(ticks)
    # Rounding may split one distance over two neighbouring ticks: join them.
    joined = np.concatenate(([0], np.cumsum(np.diff(ticks[order]) > 1)))
    group = np.empty_like(joined)
    group[order] = joined
    index = np.zeros(occurs.shape, dtype=np.int64)  # where no pair is, any index will do
    index[occurs] = group[codes]
    found = index[occurs]
    return np.bincount(found, weights=length) / np.bincount(found), index


@overload
def _squared_lengths(
    axes: list[IntArray], lattice: FloatArray, offset: FloatArray, unit: None = None
) -> FloatArray: ...


@overload
def _squared_lengths(
    axes: list[IntArray], lattice: FloatArray, offset: FloatArray, unit: float
) -> IntArray: ...


def _squared_lengths(
    axes: list[IntArray],
    lattice: FloatArray,
    offset: FloatArray,
    unit: float | None = None,
) -> FloatArray | IntArray:
    """|R + offset|^2 over the box: in Angstrom^2, or as integers in a unit that divides it."""
    gram = lattice @ lattice.T
    terms: list[FloatArray | IntArray] = [
        np.diag(gram),
        2.0 * gram,
        2.0 * lattice @ offset,
        offset @ offset,
    ]
    if unit is not None:
        terms = [np.rint(term / unit).astype(np.int64) for term in terms]
    square, cross, linear, constant = terms
    i, j, k = (a.astype(square.dtype) for a in axes)
    i, j = i[:, None], j[None, :]
    plane = (square[0] * i + linear[0]) * i + constant
    plane = plane + (square[1] * j + linear[1] + cross[0, 1] * i) * j
    slope = cross[0, 2] * i + cross[1, 2] * j
    total = slope[:, :, None] + (square[2] * k + linear[2])
    total *= k
    total += plane[:, :, None]
    return np.asarray(total)


def squared_unit(lattice: FloatArray, offset: FloatArray) -> float | None:
    """Largest simple unit in which all squared lengths |R + offset|^2 are integers, if any."""
    gram = lattice @ lattice.T
    terms = np.concatenate(
        [
            np.diag(gram),
            2.0 * gram[np.triu_indices(3, k=1)],
            2.0 * lattice @ offset,
            [offset @ offset],
        ]
    )
    terms = np.abs(terms[np.abs(terms) > _SAME_LENGTH])
    units = terms.min() / np.arange(1, _LARGEST_DIVISOR + 1)
    ratios = terms / units[:, None]
    fits = np.abs(ratios - np.rint(ratios)).max(axis=1) < 1e-13 * ratios.max(axis=1)
    return float(units[fits.argmax()]) if fits.any() else None

r"""Pair distances of particles of a crystal, listed one by one and sorted.

The atoms :math:`\mathbf t_i` and :math:`\mathbf t_j` of two nodes that differ by
:math:`\mathbf R` have the distance :math:`|\mathbf R + \mathbf t_j - \mathbf t_i|`, as often as
there are such nodes. All these distances are listed, each once, sorted, and equal ones joined:
the same table as that of :mod:`._lattice_pairs`, without a histogram over a box for each of the
many offsets of a cell with many sites.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .._typing import BoolArray, CountArray, Float32Array, FloatArray, IntArray
from ._joining import SAME_DISTANCE, coarse_order, joined, merged
from ._lattice_pairs import Frame, Group, Offsets, correlation, frame_of, offsets_of, species_of
from ._reduction import reindexed
from .cluster import Cluster
from .sites import never_together

__all__ = ["listed_pairs"]

_CHUNK = 2**20  # distances that are sorted at once
_MOST_PENDING = 2**22
_MOST_LABELS = 2**14  # they take the last bits of a squared length, which keeps 38

_Histogram = tuple[FloatArray, CountArray]


def listed_pairs(clusters: Sequence[Cluster]) -> list[Group]:
    """Species pairs, distances and multiplicities (cluster, distance) of clusters of one crystal.

    Species pairs whose distances and multiplicities must be equal share one entry.
    """
    crystal = clusters[0].crystal
    frame = frame_of(clusters)
    if all(cluster.filled is None for cluster in clusters):
        places, counts = _differences(clusters, frame)
        others = places.any(axis=1)
        vectors = np.concatenate([places, -places[others]]) @ frame.lattice
        counts = np.concatenate([counts, counts[:, others]], axis=1)
        return [
            (offsets.pairs, *merged(_of_whole_nodes(vectors, counts, offsets)))
            for offsets in offsets_of(crystal)
        ]
    return _of_nodes_in_part(clusters, frame)


def _differences(clusters: Sequence[Cluster], frame: Frame) -> tuple[IntArray, CountArray]:
    """Differences R of nodes, one of each R and -R, and how often it occurs in each cluster."""
    places, found = [], []
    for cluster in clusters:
        nodes = reindexed(cluster.nodes, frame.back)
        ahead, _ = correlation(nodes, occupancies=cluster.occupancies)
        sides = ahead.shape
        at = np.flatnonzero(ahead)
        at = at[at >= (sides[1] * sides[2]) // 2]  # R = 0 stands in the middle of the first plane
        found.append(ahead.ravel()[at])
        middle = np.array([0, sides[1] // 2, sides[2] // 2])
        places.append(np.stack(np.unravel_index(at, sides), axis=1) - middle)
    union, index = np.unique(np.concatenate(places), axis=0, return_inverse=True)
    whole = all(values.dtype == np.float32 for values in found)
    counts: CountArray = np.zeros(
        (len(clusters), len(union)), dtype=np.int64 if whole else np.float64
    )
    starts = np.cumsum([0, *(len(p) for p in places)])
    for row, values, start in zip(counts, found, starts[:-1], strict=True):
        row[index.ravel()[start : start + len(values)]] = values
    return union, counts


def _of_whole_nodes(
    vectors: FloatArray, counts: CountArray, offsets: Offsets
) -> Iterator[_Histogram]:
    """Distances |R + offset| beyond the least, and how often each occurs."""
    weights, classes = np.unique(offsets.weights, return_inverse=True)
    most = max(1, _MOST_LABELS // len(weights))
    for start in range(0, len(vectors), most):
        chunk = vectors[start : start + most]
        rows = counts[:, start : start + most]
        # A label says R and the weight of an offset: how often a distance occurs.
        table = np.concatenate([rows * weight for weight in weights.tolist()], axis=1)
        step = max(1, _CHUNK // len(chunk))
        for first in range(0, len(offsets.vectors), step):
            gaps = offsets.vectors[first : first + step]
            squares = (2.0 * gaps) @ chunk.T
            squares += (gaps * gaps).sum(axis=1)[:, None]
            squares += (chunk * chunk).sum(axis=1)
            labels = classes[first : first + step, None] * len(chunk) + np.arange(len(chunk))
            yield _labelled(np.abs(squares).ravel(), labels.ravel(), table, offsets.least)


def _labelled(squares: FloatArray, labels: IntArray, table: CountArray, least: float) -> _Histogram:
    """Distances beyond the least, of squares and of labels that say how often each occurs.

    The label takes the last bits of its square, so that one array is sorted.
    """
    order = coarse_order(squares)
    room = (1 << (table.shape[1] - 1).bit_length()) - 1
    keys = squares.view(np.int64)
    keys &= ~room
    keys |= labels
    keys = keys[order]
    keys.sort(kind="stable")
    labels = keys & room
    keys &= ~room
    keys += (room + 1) // 2
    lengths = keys.view(np.float64)
    distances = np.sqrt(lengths, out=lengths)
    start = int(np.searchsorted(distances, least, side="right"))
    distances, labels = distances[start:], labels[start:]
    new = np.ones(len(distances), dtype=bool)
    np.greater(np.diff(distances), SAME_DISTANCE, out=new[1:])
    starts = np.flatnonzero(new)
    counts = np.empty((len(table), len(starts)), dtype=table.dtype)
    if starts.size:
        for row, total in zip(table, counts, strict=True):
            np.add.reduceat(row[labels], starts, out=total)
    return distances[starts], counts


class _Grid(NamedTuple):
    """Nodes of a cluster by their place; a difference leads from no two nodes to the same place."""

    places: IntArray  # of each node
    nodes: IntArray  # at each place; -1 where there is none
    strides: IntArray
    extent: IntArray
    filled: Float32Array  # (node, site)


def _grid(nodes: IntArray, filled: BoolArray, frame: Frame) -> _Grid:
    nodes = reindexed(nodes, frame.back)
    nodes = nodes - nodes.min(axis=0)
    extent = nodes.max(axis=0) + 1
    sides = 2 * extent - 1
    strides = np.array([sides[1] * sides[2], sides[2], 1])
    places = nodes @ strides
    at = np.full(int(np.prod(sides)), -1, dtype=np.int64)
    at[places] = np.arange(len(nodes))
    if np.count_nonzero(at >= 0) != len(nodes):
        raise ValueError("a cluster holds the same node more than once")
    return _Grid(places, at, strides, extent, filled.astype(np.float32))


def _site_pairs(grid: _Grid, steps: IntArray) -> Float32Array:
    """How often site i of a node has site j of the node R away, (i, j) flattened: integers."""
    if (np.abs(steps) >= grid.extent).any():
        return np.zeros(grid.filled.shape[1] ** 2, dtype=np.float32)
    ends = grid.nodes[grid.places + int(steps @ grid.strides)]
    starts = np.flatnonzero(ends >= 0)
    return (grid.filled[starts].T @ grid.filled[ends[starts]]).ravel()


def _of_nodes_in_part(clusters: Sequence[Cluster], frame: Frame) -> list[Group]:
    """Pairs of clusters whose nodes carry some of their sites.

    For a difference R of nodes, the pairs of all sites are counted by a product of matrices.
    """
    species, kinds = species_of(clusters[0].crystal)
    sites = np.argsort(kinds, kind="stable")
    positions = np.array([s.offset for s in clusters[0].crystal.sublattices])[sites]
    gaps = (positions - positions[:, None]).reshape(-1, 3)
    pairs = list(itertools.combinations_with_replacement(range(len(species)), 2))
    numbers = np.zeros((len(species), len(species)), dtype=np.uint16)
    for number, (a, b) in enumerate(pairs):
        numbers[a, b] = numbers[b, a] = number
    kind = np.array(kinds)[sites]
    group = numbers[kind[:, None], kind].ravel()
    grids = [_grid(c.nodes, c.filled[:, sites], frame) for c in clusters if c.filled is not None]
    places, _ = _differences([replace(c, filled=None) for c in clusters], frame)
    below = np.tril(np.ones((len(sites), len(sites)), dtype=bool)).ravel()
    lengths = (gaps * gaps).sum(axis=1)
    parts: list[list[_Histogram]] = [[] for _ in pairs]
    pending: list[tuple[npt.NDArray[np.uint16], FloatArray, Float32Array]] = []

    def sort_pending() -> None:
        groups = np.concatenate([p[0] for p in pending])
        squares = np.abs(np.concatenate([p[1] for p in pending]))
        counts = np.concatenate([p[2] for p in pending], axis=1)
        pending.clear()
        order = np.argsort(groups, kind="stable")
        bounds = np.searchsorted(groups[order], np.arange(len(pairs) + 1))
        for k, (a, b) in enumerate(pairs):
            members = order[bounds[k] : bounds[k + 1]]
            least = never_together(species[a], species[b])
            here = 2 * counts[:, members].astype(np.int64)
            parts[k].append(_counted(squares[members], here, least))

    waiting = 0
    for steps in places:
        counts = np.stack([_site_pairs(grid, steps) for grid in grids])
        if not steps.any():  # each pair once, and no atom with itself
            counts[:, below] = 0.0
        used = np.flatnonzero(counts[0] if len(counts) == 1 else counts.any(axis=0))
        vector = steps @ frame.lattice
        squares = gaps @ (2.0 * vector) + (lengths + vector @ vector)
        pending.append((group[used], squares[used], counts[:, used]))
        waiting += len(used)
        if waiting > _MOST_PENDING:
            sort_pending()
            waiting = 0
    if pending:
        sort_pending()
    return [((pair,), *merged(found)) for pair, found in zip(pairs, parts, strict=True)]


def _counted(squares: FloatArray, counts: IntArray, least: float) -> _Histogram:
    """Distances beyond the least, of squares that occur as often as the counts say."""
    if len(counts) == 1 and counts.max(initial=0) < _MOST_LABELS:
        table = np.arange(counts.max(initial=0) + 1)[None, :]
        return _labelled(squares, counts[0], table, least)
    distances, sums = joined([(np.sqrt(squares), counts)])
    start = int(np.searchsorted(distances, least, side="right"))
    return distances[start:], sums[:, start:]

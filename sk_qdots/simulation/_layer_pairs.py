r"""Pairs of layered particles: exact tables, and their sums for every stacking.

The nodes of a particle at the positions A and B of each layer are indicators
:math:`\chi_A(a, b, i)` and :math:`\chi_B(a, b, i)` on one grid. Their correlations count the
pairs of layers at equal and at different positions,

.. math::

    T_0(r, m) = \sum \chi_A \star \chi_A, \qquad
    T_1(r, m) = \tfrac12 \sum \left( \chi_A \star \chi_B|_m + \chi_A \star \chi_B|_{-m} \right),

summed over the in-plane vectors of one length: :math:`3 r^2 / a^2` is an integer, a multiple of
three for equal positions and one more for different ones, so that one row of integers tells both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from .._typing import BoolArray, CountArray, FloatArray, IntArray
from ._joining import SAME_DISTANCE
from ._lattice_pairs import NO_PAIR
from .cluster import Cluster
from .layers import CloseLayers
from .sites import Species, never_together
from .stacking import Stacking

__all__ = ["layer_pairs"]

_SAME_RISE = 1e-6  # Angstrom; of two sublattices

_TURN = [[-1, -1, 0], [1, 0, 0], [0, 0, 1]]
_MIRROR = [[0, 1, 0], [1, 0, 0], [0, 0, 1]]

_Transform = npt.NDArray[np.complex128]
_Group = tuple[tuple[tuple[int, int], ...], FloatArray, CountArray]


def layer_pairs(
    layers: CloseLayers,
    fulls: Sequence[Cluster],
    stackings: Sequence[Stacking],
    species: tuple[Species, ...],
    kinds: Sequence[int],
) -> list[list[_Group]]:
    """Species pairs, distances and expected multiplicities (cluster, distance), by stacking.

    Parameters
    ----------
    layers : CloseLayers
    fulls : sequence of Cluster
        Particles on the fine lattice, with every position of every layer.
    stackings : sequence of Stacking
    species, kinds : sequence
        Species of the crystal, and the number of each sublattice's among them.

    Returns
    -------
    list of list of tuple
        As :func:`._lattice_pairs.lattice_pairs` gives, one list a stacking.
    """
    rises = np.array([np.asarray(s.offset) @ layers.normal for s in layers.fine.sublattices])
    grid = _Grid.of(layers, fulls)
    n_layers = max(int(np.ptp(c.nodes[:, 2])) + 1 for c in fulls)
    together = [s.same_position(n_layers) for s in stackings]
    whole = all(c.filled is None for c in fulls)
    groups = list(_grouped(species, kinds, rises, whole))
    terms, distances = [], []
    for _, sublattices in groups:
        terms.append([_Term(layers, grid, n_layers, rises[j] - rises[i]) for i, j in sublattices])
        lengths, places = _joined([term.distances for term in terms[-1]])
        for term, place in zip(terms[-1], places, strict=True):
            term.place = place
        distances.append(lengths)
    counts = [np.zeros((len(stackings), len(fulls), len(d))) for d in distances]
    for row, cluster in enumerate(fulls):
        shared = grid.tables(layers, cluster, 0, 0) if whole else None
        for number, (_, sublattices) in enumerate(groups):
            for term, (i, j) in zip(terms[number], sublattices, strict=True):
                tables = grid.tables(layers, cluster, i, j) if shared is None else shared
                weight = 1.0 if i == j else 2.0  # both orders of two sublattices
                for k, probability in enumerate(together):
                    term.add(counts[number][k, row], tables, probability, weight)
                    if not grid.mirrors:
                        leaning = grid.leaning(layers, cluster, i, j, stackings[k])
                        term.add_leaning(counts[number][k, row], leaning, weight)
    result: list[list[_Group]] = [[] for _ in stackings]
    for (pairs, _), lengths, found in zip(groups, distances, counts, strict=True):
        least = max(never_together(*(species[kind] for kind in pairs[0])), SAME_DISTANCE)
        used = np.any(found > 0, axis=(0, 1)) & (lengths > least)
        for k in range(len(stackings)):
            multiplicities = np.ascontiguousarray(found[k][:, used])
            result[k].append((pairs, lengths[used], multiplicities))
    return result


def _grouped(
    species: Sequence[Species], kinds: Sequence[int], rises: FloatArray, whole: bool
) -> Iterator[tuple[tuple[tuple[int, int], ...], list[tuple[int, int]]]]:
    """Species pairs that have the same distances, and the sublattice pairs that make them."""
    members: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for i in range(len(kinds)):
        for j in range(i, len(kinds)):
            first, second = sorted((kinds[i], kinds[j]))
            members.setdefault((first, second), []).append((i, j))
    groups: dict[object, list[tuple[int, int]]] = {}
    for pair, sublattices in members.items():
        # Where every node is whole, only the heights of the sublattices count.
        steps = sorted(
            (round(abs(rises[j] - rises[i]) / _SAME_RISE), i == j) for i, j in sublattices
        )
        least = never_together(species[pair[0]], species[pair[1]])
        groups.setdefault((least, *steps) if whole else pair, []).append(pair)
    for pairs in groups.values():
        yield tuple(pairs), members[pairs[0]]


@dataclass(frozen=True)
class _Tables:
    """Ordered pairs at each in-plane distance, by separation, of one particle.

    Parameters
    ----------
    ahead, back : tuple of 2 ndarray of shape (n_layers, n_lengths)
        At equal and at different positions, m layers up and m layers down.
    """

    ahead: tuple[FloatArray, FloatArray]
    back: tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class _Grid:
    """In-plane differences of nodes and the integers that tell their lengths.

    Parameters
    ----------
    reach : tuple of 2 int
        Largest difference along each vector.
    equal, different : ndarray of shape (2 * reach + 1) of int
        Number of the length of each difference, at equal positions and from A to B.
    lengths : ndarray of shape (n_lengths,) of int
        3 r^2 / a^2.
    turns : bool
        Whether a turn by 120 degrees maps all particles onto themselves.
    mirrors : bool
        Whether the mirror plane that keeps A and swaps B and C does.
    """

    reach: tuple[int, int]
    equal: IntArray
    different: IntArray
    lengths: IntArray
    turns: bool
    mirrors: bool

    @classmethod
    def of(cls, layers: CloseLayers, fulls: Sequence[Cluster]) -> _Grid:
        spans = [np.ptp(_coarse(c.nodes), axis=0) for c in fulls]
        reach = np.max(spans, axis=0) + 2  # a position may be counted from a node beside
        a = np.arange(-reach[0], reach[0] + 1)[:, None]
        b = np.arange(-reach[1], reach[1] + 1)[None, :]
        equal = 3 * (a * a + a * b + b * b)
        different = equal + 3 * (a + b) + 1
        lengths = np.unique(np.concatenate([equal.ravel(), different.ravel()]))
        numbers = np.zeros(int(lengths[-1]) + 1, dtype=np.int64)
        numbers[lengths] = np.arange(len(lengths))
        return cls(
            (int(reach[0]), int(reach[1])),
            numbers[equal],
            numbers[different],
            lengths,
            all(_maps_onto_itself(c, _TURN, [1, 0, 0]) for c in fulls),
            all(_maps_onto_itself(c, _MIRROR, [0, 0, 0]) for c in fulls),
        )

    def tables(self, layers: CloseLayers, cluster: Cluster, i: int, j: int) -> _Tables:
        """Pairs from sublattice i to sublattice j of a particle."""
        extent = _extent(cluster)
        whole = cluster.occupancies is None or bool((cluster.occupancies == 1.0).all())
        alike = i == j or cluster.filled is None

        def transform(position: int, sublattice: int) -> _Transform:
            return _forward(_indicator(layers, cluster, position, sublattice))

        sums = np.zeros((2, 2, extent[0], len(self.lengths)))  # up or down, equal or different
        starts = (0,) if self.turns else (0, 1, 2)
        for start in starts:
            other = (start + 1) % 3
            first = [transform(k, i) for k in (start, other)]
            second = first if alike else [transform(k, j) for k in (start, other)]
            # Of two different positions one is B seen from A, or A seen from B: half of each.
            rise = other - start  # 1, or -2: the next position counted from another node
            for table, (x, y), step, share in (
                (0, (0, 0), 0, 1.0),
                (1, (0, 1), 1, 0.5),
                (1, (1, 0), -1, 0.5),
            ):
                numbers = self.numbers(step, step * rise)
                for down in (False,) if alike else (False, True):
                    pair = (second[y], first[x]) if down else (first[x], second[y])
                    lengths = numbers[::-1, ::-1] if down else numbers
                    found = _backward(*pair, extent)
                    if whole:
                        np.rint(found, out=found)
                    else:
                        found *= found > NO_PAIR
                    sums[int(down), table] += share * self._summed(found, lengths)
        sums /= len(starts)
        if alike:  # as many pairs m layers down as up
            sums[1] = sums[0]
        return _Tables((sums[0, 0], sums[0, 1]), (sums[1, 0], sums[1, 1]))

    def numbers(self, step: int, rise: int) -> IntArray:
        """Number of the length of each difference, to the same, the next or the last position.

        A position's nodes are counted from its own first one: from the third to the first it lies
        two steps back, a vector of the layer short of one step ahead.
        """
        table = (self.different, self.equal, self.different[::-1, ::-1])[1 - step]
        shift = (step - rise) // 3
        return np.roll(table, (shift, shift), axis=(0, 1))

    def leaning(
        self, layers: CloseLayers, cluster: Cluster, i: int, j: int, stacking: Stacking
    ) -> tuple[FloatArray, FloatArray]:
        """What pairs at +1 are more than pairs at -1 add, m layers up and m layers down."""
        extent = _extent(cluster)
        n_layers = extent[0]
        kept = (1.0 - 2.0 * stacking.growth) ** np.arange(n_layers)
        lean = 0.5 * layers.rise * stacking.leaning(n_layers)[:, None]
        sums = []
        for lower, upper in ((i, j), (j, i)):
            total = np.zeros((n_layers, len(self.lengths)))
            for start in range(3):
                weighted = _indicator(layers, cluster, start, lower) * kept[:, None, None]
                first = _forward(weighted)
                for step in (1, -1):
                    other = (start + step) % 3
                    second = _forward(_indicator(layers, cluster, other, upper))
                    found = _backward(first, second, extent)
                    total += step / 3.0 * self._summed(found, self.numbers(step, other - start))
            sums.append(lean * total)
        return sums[0], sums[1]

    def _summed(self, correlation: FloatArray, numbers: IntArray) -> FloatArray:
        """A correlation summed by in-plane length, of shape (n_layers, n_lengths)."""
        n_layers, width_a, width_b = correlation.shape
        half_a, half_b = width_a // 2, width_b // 2
        (reach_a, reach_b), n_lengths = self.reach, len(self.lengths)
        part = numbers[
            reach_a - half_a : reach_a + half_a + 1, reach_b - half_b : reach_b + half_b + 1
        ].ravel()
        planes = correlation.reshape(n_layers, -1)
        return np.array([np.bincount(part, plane, minlength=n_lengths) for plane in planes])


def _extent(cluster: Cluster) -> tuple[int, ...]:
    """Layers, and indices along both vectors of a layer."""
    places = np.column_stack([cluster.nodes[:, 2], _coarse(cluster.nodes)])
    return tuple((np.ptp(places, axis=0) + 1).tolist())


def _indicator(layers: CloseLayers, cluster: Cluster, position: int, sublattice: int) -> FloatArray:
    """Where a particle has atoms of one sublattice at one position, layer by layer."""
    places = np.column_stack([cluster.nodes[:, 2], _coarse(cluster.nodes)])
    taken = layers.positions(cluster.nodes) == position
    if cluster.filled is not None:
        taken = taken & cluster.filled[:, sublattice]
    indicator = np.zeros(_extent(cluster))
    share = 1.0 if cluster.occupancies is None else cluster.occupancies[taken]
    indicator[tuple((places[taken] - places.min(axis=0)).T)] = share
    return indicator


def _forward(indicator: FloatArray) -> _Transform:
    """Transform of an indicator, axis by axis, so that padding is not transformed."""
    n0, n1, n2 = (fft.next_fast_len(2 * n - 1, real=True) for n in indicator.shape)
    transform = fft.rfft(indicator, n2, axis=2)
    transform = fft.fft(transform, n1, axis=1, overwrite_x=True)
    return np.asarray(fft.fft(transform, n0, axis=0, overwrite_x=True))


def _backward(first: _Transform, second: _Transform, extent: tuple[int, ...]) -> FloatArray:
    """Correlation of two indicators, for layers at equal heights and above, all in-plane."""
    product = first.conj()
    product *= second
    product = fft.ifft(product, axis=0, overwrite_x=True)[: extent[0]]
    product = fft.ifft(product, axis=1, overwrite_x=True)
    # Negative differences stand at the end of the axis.
    product = np.take(product, np.arange(1 - extent[1], extent[1]), axis=1, mode="wrap")
    n2 = fft.next_fast_len(2 * extent[2] - 1, real=True)
    correlation = fft.irfft(product, n2, axis=2, overwrite_x=True)
    return np.take(correlation, np.arange(1 - extent[2], extent[2]), axis=2, mode="wrap")


def _maps_onto_itself(
    cluster: Cluster, turn: Sequence[Sequence[int]], shift: Sequence[int]
) -> bool:
    """Whether a symmetry of the fine lattice about the hollow maps a particle onto itself."""
    own = cluster.nodes
    moved = own @ np.asarray(turn).T + np.asarray(shift)
    share = np.ones(len(own)) if cluster.occupancies is None else cluster.occupancies
    filled = np.zeros((len(own), 0), dtype=bool) if cluster.filled is None else cluster.filled
    low = np.minimum(own.min(axis=0), moved.min(axis=0))
    extent = np.maximum(own.max(axis=0), moved.max(axis=0)) - low + 1
    keys, others = (np.ravel_multi_index(tuple((x - low).T), extent) for x in (own, moved))
    first, second = np.argsort(keys), np.argsort(others)
    return bool(
        np.array_equal(keys[first], others[second])
        and np.allclose(share[first], share[second], atol=1e-9)
        and np.array_equal(filled[first], filled[second])
    )


def _coarse(nodes: IntArray) -> IntArray:
    """Indices of fine nodes along the vectors of a layer, each position counted from its own."""
    u, w = nodes[:, 0], nodes[:, 1]
    position = (u - w) % 3
    start = u - position
    return np.column_stack([(start - w) // 3, (start + 2 * w) // 3])


class _Term:
    """Distances of one pair of sublattices, and the sums that a stacking makes of its tables."""

    def __init__(self, layers: CloseLayers, grid: _Grid, n_layers: int, rise: float) -> None:
        in_plane = grid.lengths * (layers.spacing**2 / 3.0)
        up = np.arange(n_layers) * layers.height
        self.is_equal: BoolArray = grid.lengths % 3 == 0
        self.distances = np.sqrt(
            np.stack([in_plane + (sign * up[:, None] + rise) ** 2 for sign in (1, -1)])
        )
        self.place = np.zeros(self.distances.shape, dtype=np.int64)

    def add(
        self, counts: FloatArray, tables: _Tables, probability: FloatArray, weight: float
    ) -> None:
        """Add the expected pairs of a particle."""
        for side, (equal, different) in enumerate((tables.ahead, tables.back)):
            n = len(equal)
            p = probability[:n, None]
            expected = np.where(self.is_equal, p * equal, (1.0 - p) * different)
            if side == 1:
                expected[0] = 0.0  # a layer and itself were counted
            place = self.place[side, :n]
            counts += weight * np.bincount(place.ravel(), expected.ravel(), minlength=len(counts))

    def add_leaning(
        self, counts: FloatArray, sums: tuple[FloatArray, FloatArray], weight: float
    ) -> None:
        """Add what the direction of the lowest layer leaves of pairs above each other."""
        for side, rows in enumerate(sums):
            place = self.place[side, 1 : len(rows)].ravel()
            counts += weight * np.bincount(place, rows[1:].ravel(), minlength=len(counts))


def _joined(parts: Sequence[FloatArray]) -> tuple[FloatArray, list[IntArray]]:
    """Different distances of all parts, ascending, and the place of each among them."""
    lengths = np.concatenate([part.ravel() for part in parts])
    order = np.argsort(lengths, kind="stable")
    ordered = lengths[order]
    new = np.concatenate([[False], np.diff(ordered) > SAME_DISTANCE])
    number = np.empty(len(lengths), dtype=np.int64)
    number[order] = np.cumsum(new)
    starts = np.flatnonzero(np.concatenate([[True], new[1:]]))
    ends = np.cumsum([part.size for part in parts])
    places = np.split(number, ends[:-1])
    return ordered[starts], [p.reshape(part.shape) for p, part in zip(places, parts, strict=True)]

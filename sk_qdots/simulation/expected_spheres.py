r"""Series of spheres in even bins, continued with the pairs that larger ones are expected to have.

As in :mod:`sk_qdots.simulation.large_spheres`, of :math:`N` nodes inside a sphere of the diameter
:math:`D`, those that have another one at the lattice vector :math:`\mathbf R` inside it are
expected to be :math:`N \gamma(|\mathbf R| / D)`; here for any crystal, and for close-packed layers,
where a vector counts with the probability that the stacking gives it
(:mod:`sk_qdots.simulation.stacking`).

Validated in ``tests/simulation/test_binned_series.py`` against counted spheres.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .._typing import FloatArray, IntArray
from ._bins import SAME_PLACE, Vectors, as_distances, both_ways
from ._lattice_pairs import squared_unit
from ._reduction import compact_basis
from .crystal import Crystal
from .distances import DistanceTable, PairDistances
from .layers import CloseLayers
from .sites import never_together
from .stacking import Stacking

__all__ = ["with_expected_spheres"]

_ANGSTROM = 10.0  # of a nm
_VECTORS_AT_ONCE = 2**21


def with_expected_spheres(
    tables: Sequence[DistanceTable],
    lattice: Crystal | CloseLayers,
    max_diameter: float,
    width: float,
    stackings: Sequence[Stacking] = (),
    n_jobs: int | None = None,
) -> list[DistanceTable]:
    """Series of spheres in bins, continued with the expected pairs of larger ones.

    Parameters
    ----------
    tables : sequence of DistanceTable
        Of ``homologous_series`` with the fill "volume", in even steps and in bins: one, or one
        for each stacking.
    lattice : Crystal or CloseLayers
        What they were cut from.
    max_diameter : float
        That the last sphere reaches or just exceeds, in nm.
    width : float
        Of the bins, in Angstrom.
    stackings : sequence of Stacking
        Of the tables, for layers.
    n_jobs : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    list of DistanceTable
    """
    first, node = tables[0], lattice.node_diameter
    step = float(np.diff(first.diameters).mean()) if len(first) > 1 else node
    if not np.allclose(np.diff(first.diameters), step, rtol=1e-9):
        raise ValueError(f"the table is not a series of {first.name} in even steps")
    n_more = int(np.ceil((max_diameter - first.diameters[-1]) / step - 1e-9))
    if n_more < 1:
        return list(tables)
    diameters = first.diameters[-1] + step * np.arange(1, n_more + 1)
    nodes = (diameters / node) ** 3
    per_node = first.counts[-1] / (first.diameters[-1] / node) ** 3
    counts = nodes[:, None] * per_node
    # Spheres that are filled up have nodes a little beyond their surface.
    longest = _ANGSTROM * (float(diameters[-1]) + 2.0 * node)
    if isinstance(lattice, Crystal):
        batches = _lattice_vectors(lattice, longest)
    else:
        batches = iter([_layer_vectors(lattice, first, stackings, longest)])
    found_sums = _power_sums(batches, longest, width, n_jobs)
    groups: list[list[PairDistances]] = [[] for _ in tables]
    for number, group in enumerate(first.groups):
        sums, together = found_sums[group.pairs]
        n_bins = sums.shape[1]
        a, b = group.pairs[0]
        total = (1.0 if a == b else 2.0) * counts[:, a] * counts[:, b] - together * nodes
        for k, table in enumerate(tables):
            found = _expected(sums[3 * k : 3 * k + 3], _ANGSTROM * diameters, nodes)
            found *= (total / (found @ (width * np.arange(n_bins))))[:, None]
            own = table.groups[number]
            counted = np.zeros((len(table), n_bins))
            places = np.rint(own.distances / width).astype(np.int64)
            counted[:, places] = own.multiplicities / own.distances
            rows = np.concatenate([counted, found])
            groups[k].append(PairDistances(group.pairs, *as_distances(rows, width)))
    return [
        DistanceTable(
            table.name,
            table.species,
            np.concatenate([table.diameters, diameters]),
            np.concatenate([table.counts, counts]),
            np.concatenate([table.self_counts, counts]),
            np.concatenate([table.formula_units, counts.sum(axis=1) * _units(table)]),
            tuple(own),
        )
        for table, own in zip(tables, groups, strict=True)
    ]


def _units(table: DistanceTable) -> float:
    """Formula units for each site."""
    return float(table.formula_units[-1] / table.counts[-1].sum())


def _power_sums(
    batches: Iterator[tuple[list[Vectors], FloatArray]],
    longest: float,
    width: float,
    n_jobs: int | None,
) -> dict[tuple[tuple[int, int], ...], tuple[FloatArray, float]]:
    """Sums of 1, R and R^3 in bins, (3 for each table, bin), and pairs at one place, by species."""
    total: dict[tuple[tuple[int, int], ...], tuple[FloatArray, float]] = {}
    for sources, amounts in batches:
        lengths = np.linalg.norm(sources[0].vectors, axis=1)
        powers = np.stack([np.ones(len(lengths)), lengths, lengths**3], axis=1)
        columns = (amounts[:, :, None] * powers[:, None, :]).reshape(len(lengths), -1)
        for source in sources:
            n_bins = int((longest + source.reach) / width) + 4
            sums, together = source.sums(columns, width, n_bins, n_jobs)
            before, others = total.get(source.pairs, (0.0, 0.0))
            total[source.pairs] = (sums + before, float(together[0]) + others)
    return total


def _expected(sums: FloatArray, diameters: FloatArray, nodes: FloatArray) -> FloatArray:
    """Pairs over their distance, of spheres, from the sums of 1, R and R^3 in bins."""
    ones, lengths, cubes = sums
    inverse = 1.0 / diameters[:, None]
    found = ones - 1.5 * inverse * lengths + 0.5 * inverse**3 * cubes
    mean = lengths / np.maximum(ones, 1e-300)
    found *= nodes[:, None] * (mean < diameters[:, None])
    return np.asarray(np.maximum(found, 0.0))


def _lattice_vectors(
    crystal: Crystal, longest: float
) -> Iterator[tuple[list[Vectors], FloatArray]]:
    """Vectors of the lattice not beyond the longest, some planes at a time; each counts once."""
    lattice = compact_basis(crystal.lattice, np.eye(3)) @ crystal.lattice
    inverse = np.linalg.inv(lattice)
    reach = np.floor(longest * np.linalg.norm(inverse, axis=0) + 1e-9).astype(np.int64)
    j = np.arange(-reach[1], reach[1] + 1)[:, None] * lattice[1]
    k = np.arange(-reach[2], reach[2] + 1)[:, None] * lattice[2]
    plane = (j[:, None] + k).reshape(-1, 3)
    pairs = list(both_ways(crystal))
    unit = squared_unit(lattice, np.zeros(3))
    if unit is not None and not any(both.any() for _, _, both, _ in pairs):
        lengths, numbers = _lengths(lattice[0], plane, int(reach[0]), longest, unit)
        alone = np.zeros((len(lengths), 3))
        alone[:, 0] = lengths
        yield _for_pairs(pairs, alone), numbers[:, None]
        return
    n_planes = max(1, _VECTORS_AT_ONCE // len(plane))
    for start in range(0, int(reach[0]) + 1, n_planes):
        i = np.arange(start, min(start + n_planes, int(reach[0]) + 1))
        vectors = ((i[:, None] * lattice[0])[:, None] + plane).reshape(-1, 3)
        if start == 0:  # one of R and -R: of the first plane what follows its middle, R = 0
            vectors = vectors[len(plane) // 2 :]
        squares = np.einsum("ij,ij->i", vectors, vectors)
        inside = np.flatnonzero(squares <= longest**2)
        if not len(inside):
            continue
        order = inside[np.argsort(squares[inside], kind="stable")]
        vectors = np.ascontiguousarray(vectors[order])
        amounts = np.ones((len(vectors), 1))
        if start == 0:
            amounts[0] = 0.5  # its own opposite
        yield _for_pairs(pairs, vectors), amounts


def _for_pairs(
    pairs: list[tuple[tuple[tuple[int, int], ...], float, FloatArray, FloatArray]],
    vectors: FloatArray,
) -> list[Vectors]:
    return [Vectors(p, vectors, both, each, max(a, SAME_PLACE)) for p, a, both, each in pairs]


def _lengths(
    step: FloatArray, plane: FloatArray, n_planes: int, longest: float, unit: float
) -> tuple[FloatArray, FloatArray]:
    """Lengths of lattice vectors, and half of how many have each, for one atom in the cell."""
    squares = np.einsum("ij,ij->i", plane, plane)
    along = 2.0 * plane @ step
    size = int(longest**2 / unit) + 2
    numbers = np.zeros(size)
    for i in range(n_planes + 1):
        lengths = squares + i * along
        lengths += i * i * float(step @ step)
        lengths /= unit
        keys = np.rint(lengths[lengths < size - 1.5]).astype(np.int64)
        numbers += (0.5 if i == 0 else 1.0) * np.bincount(keys, minlength=size)
    used = np.flatnonzero(numbers)
    return np.asarray(np.sqrt(unit * used)), numbers[used]


def _layer_vectors(
    layers: CloseLayers, table: DistanceTable, stackings: Sequence[Stacking], longest: float
) -> tuple[list[Vectors], FloatArray]:
    """Vectors between the nodes of layers, and how often stackings have them."""
    n_layers = int(longest / layers.height) + 1
    reach = int(longest / layers.spacing * 2.0) + 2  # of an oblique basis of the plane
    u, w = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    lengths = np.concatenate([(3 * (u * u + u * w + w * w)).ravel(), _between(u, w)])
    squares, amounts = np.unique(lengths, return_counts=True)
    inside = squares * (layers.spacing**2 / 3.0) <= longest**2
    squares, amounts = squares[inside], amounts[inside].astype(np.float64)
    in_plane = np.sqrt(squares * (layers.spacing**2 / 3.0))
    equal = squares % 3 == 0
    heights = np.arange(-n_layers, n_layers + 1)
    together = np.array([s.same_position(n_layers + 1) for s in stackings]).T[np.abs(heights)]
    shares = np.where(equal[None, :, None], together[:, None, :], 1.0 - together[:, None, :])
    # From one position to one of the two others: half of the vectors to both.
    shares = shares * amounts[None, :, None]
    box = np.zeros((len(heights), len(squares), 3))
    box[..., 0] = in_plane
    box[..., 2] = (heights * layers.height)[:, None]
    vectors = box.reshape(-1, 3)
    norms = np.einsum("ij,ij->i", vectors, vectors)
    used = np.flatnonzero(
        (norms <= longest**2) & (shares.reshape(len(norms), -1) > 0.0).any(axis=1)
    )
    order = used[np.argsort(norms[used], kind="stable")]
    vectors, shares = vectors[order], shares.reshape(len(norms), -1)[order]
    sublattices = layers.fine.sublattices
    rises = np.array([np.asarray(s.offset) @ layers.normal for s in sublattices])
    kinds = [table.species.index(s.species) for s in sublattices]
    sources = []
    for group in table.groups:
        members = [
            (i, j)
            for i in range(len(kinds))
            for j in range(i, len(kinds))
            if tuple(sorted((kinds[i], kinds[j]))) == group.pairs[0]
        ]
        offsets = np.array([[0.0, 0.0, rises[j] - rises[i]] for i, j in members])
        weights = np.array([1.0 if i == j else 2.0 for i, j in members])
        least = never_together(*(table.species[kind] for kind in group.pairs[0]))
        sources.append(Vectors(group.pairs, vectors, offsets, weights, max(least, SAME_PLACE)))
    return sources, shares


def _between(u: IntArray, w: IntArray) -> IntArray:
    """3 r^2 / a^2 of vectors from one position to the next."""
    return np.asarray((3 * (u * u + u * w + w * w) + 3 * (u + w) + 1).ravel())

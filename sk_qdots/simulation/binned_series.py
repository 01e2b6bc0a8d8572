r"""Distance tables in even bins: of particles of any crystal, continued with expected spheres.

In crystals that are not cubic nearly every vector between nodes makes a distance of its own,
millions in all. Here distances are spread over even bins of the width :math:`\delta` instead, each
over four of them by the cubic B-spline. Its Fourier transform is known, so that

.. math::

    \sum_d \frac{m(d)}{d} \sin Q d \approx \operatorname{sinc}^{-4}(Q \delta / 2)
    \sum_j \frac{m_j}{j \delta} \sin (Q j \delta),

where what is lost of a term is about :math:`[Q \delta / (2 \pi - Q \delta)]^4`.

How many pairs of nodes differ by a vector is counted (:mod:`._lattice_pairs`);
:mod:`sk_qdots.simulation.expected_spheres` continues a series of spheres.

Validated in ``tests/simulation/test_binned_series.py`` against tables of all distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from joblib import Parallel, delayed

from .._typing import FloatArray
from ._bins import SAME_PLACE, Vectors, as_distances, bin_smoothing, both_ways, spread, widest_bin
from ._lattice_pairs import correlation, frame_of, species_of
from ._reduction import reindexed
from .cluster import Cluster
from .distances import DistanceTable, PairDistances, site_counts, stacked_tables
from .layered import StackedCluster
from .pair_costs import checked_clusters
from .stacking import Stacking

__all__ = [
    "bin_smoothing",
    "binned",
    "binned_layers",
    "binned_pairs",
    "binning_cost",
    "widest_bin",
]

_ANGSTROM = 10.0  # of a nm
# Of 2023: for each vector between nodes and each particle, and each offset of theirs.
_SECONDS_A_NODE, _SECONDS_AN_ENTRY = 5e-8, 5e-10
_LAYERED_AT_ONCE = 3  # particles


def binned(table: DistanceTable, width: float) -> DistanceTable:
    """A table whose distances are multiples of a width, each spread over four of them.

    Parameters
    ----------
    table : DistanceTable
    width : float
        In Angstrom.

    Returns
    -------
    DistanceTable
    """
    groups = []
    for group in table.groups:
        n_bins = int(group.distances.max(initial=0.0) / width) + 4
        spreading = spread(group.distances[:, None], np.ones(1), width, n_bins)
        sums = np.asarray(spreading.T @ group.multiplicities.T).T
        groups.append(PairDistances(group.pairs, *as_distances(sums, width)))
    return replace(table, groups=tuple(groups))


def binned_pairs(
    clusters: Sequence[Cluster], width: float, n_jobs: int | None = None
) -> DistanceTable:
    """Count the pairs of particles into bins.

    Parameters
    ----------
    clusters : sequence of Cluster
        Of one crystal, whose nodes carry the whole cell.
    width : float
        In Angstrom.
    n_jobs : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    DistanceTable
        As :func:`binned` makes it of ``distance_table(clusters)``.
    """
    crystal = checked_clusters(clusters)[0].crystal
    species, kinds = species_of(crystal)
    vectors, amounts = _differences(clusters, n_jobs)
    groups = []
    for pairs, least, offsets, weights in both_ways(crystal):
        source = Vectors(pairs, vectors, offsets, weights, max(least, SAME_PLACE))
        farthest = float(np.linalg.norm(vectors[-1])) + source.reach
        sums, _ = source.sums(amounts, width, int(farthest / width) + 4, n_jobs)
        groups.append(PairDistances(pairs, *as_distances(sums, width)))
    counts = site_counts(clusters, species, kinds, power=1)
    per_unit = len(crystal.sublattices) / crystal.formula_units
    return DistanceTable(
        name=crystal.name,
        species=species,
        diameters=np.array([cluster.diameter for cluster in clusters]),
        counts=counts,
        self_counts=site_counts(clusters, species, kinds, power=2),
        formula_units=counts.sum(axis=1) / per_unit,
        groups=tuple(groups),
    )


def binned_layers(
    particles: Sequence[StackedCluster],
    stackings: Sequence[Stacking],
    width: float,
    n_jobs: int | None = None,
) -> list[DistanceTable]:
    """Count the pairs that are expected of layered particles into bins, for several stackings.

    Parameters
    ----------
    particles : sequence of StackedCluster
        Ascending in size.
    stackings : sequence of Stacking
    width : float
        In Angstrom.
    n_jobs : int, optional
        Number of threads; the result does not depend on it.

    Returns
    -------
    list of DistanceTable
        As :func:`binned` makes them of ``stacked_tables(particles, stackings)``.
    """

    def part(start: int) -> list[DistanceTable]:
        some = particles[start : start + _LAYERED_AT_ONCE]
        return [binned(table, width) for table in stacked_tables(some, stackings)]

    # Small ones by themselves: a table is as long as its largest particle makes it.
    starts = range(0, len(particles), _LAYERED_AT_ONCE)
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(part)(start) for start in reversed(starts)
    )
    return [_one_series(tables, width) for tables in zip(*reversed(parts), strict=True)]


def _one_series(tables: Sequence[DistanceTable], width: float) -> DistanceTable:
    """One table of those of parts of a series, in bins."""
    n_particles = sum(len(table) for table in tables)
    groups = []
    for parts in zip(*(table.groups for table in tables), strict=True):
        places = [np.rint(part.distances / width).astype(np.int64) for part in parts]
        rows = np.zeros((n_particles, 1 + max(int(p.max(initial=0)) for p in places)))
        start = 0
        for part, place in zip(parts, places, strict=True):
            end = start + len(part.multiplicities)
            rows[start:end, place] = part.multiplicities
            start = end
        used = np.flatnonzero(rows.any(axis=0))
        distances = np.asarray(width * used, dtype=np.float64)
        groups.append(PairDistances(parts[0].pairs, distances, np.ascontiguousarray(rows[:, used])))
    return replace(
        tables[0],
        diameters=np.concatenate([table.diameters for table in tables]),
        counts=np.concatenate([table.counts for table in tables]),
        self_counts=np.concatenate([table.self_counts for table in tables]),
        formula_units=np.concatenate([table.formula_units for table in tables]),
        groups=tuple(groups),
    )


def binning_cost(clusters: Sequence[Cluster]) -> float:
    """Seconds that :func:`binned_pairs` takes on one core, roughly.

    Parameters
    ----------
    clusters : sequence of Cluster
        Ascending in size.

    Returns
    -------
    float
    """
    crystal, vectors = clusters[0].crystal, 4.0 * len(clusters[-1].nodes)
    entries = 4.0 * sum(len(offsets) for _, _, offsets, _ in both_ways(crystal))
    seconds = _SECONDS_A_NODE * len(clusters) + _SECONDS_AN_ENTRY * entries * (len(clusters) + 20)
    return vectors * seconds


def _differences(clusters: Sequence[Cluster], n_jobs: int | None) -> tuple[FloatArray, FloatArray]:
    """Vectors between nodes, one of R and -R, ascending, and how often clusters have them."""
    frame = frame_of(clusters)
    inside = [reindexed(cluster.nodes, frame.back) for cluster in clusters]
    half = np.max([np.ptp(nodes, axis=0) for nodes in inside], axis=0)
    box = np.zeros((len(inside), half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1), dtype=np.float32)

    def count(row: int) -> None:
        ahead, _ = correlation(inside[row], occupancies=clusters[row].occupancies)
        sides = [
            slice(h - n // 2, h + n // 2 + 1)
            for h, n in zip(half[1:], ahead.shape[1:], strict=True)
        ]
        box[row, : len(ahead), sides[0], sides[1]] = ahead

    Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(count)(row) for row in reversed(range(len(inside)))
    )
    # Of the first plane only what follows its middle, R = 0.
    start = (2 * half[1] + 1) * (2 * half[2] + 1) // 2
    flat = box.reshape(len(box), -1)[:, start:]
    used = np.flatnonzero(flat.any(axis=0))
    places = np.stack(np.unravel_index(used + start, box.shape[1:]), axis=1)
    vectors = (places - np.array([0, half[1], half[2]])) @ frame.lattice
    order = np.argsort(np.einsum("ij,ij->i", vectors, vectors), kind="stable")
    amounts = np.ascontiguousarray(flat[:, used[order]].T, dtype=np.float64)
    amounts[0] *= 0.5  # R = 0 is its own opposite
    return np.asarray(vectors[order], dtype=np.float64), amounts

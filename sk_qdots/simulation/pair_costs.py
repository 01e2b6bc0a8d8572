r"""What counting the pairs of particles takes, and which of two ways is the cheaper.

Pairs of a cluster are counted along the lattice or one by one. Both give the same table.

``"lattice"``
    One correlation of the nodes, and for each offset :math:`\mathbf t_j - \mathbf t_i` between
    two sites a histogram over the box of all differences :math:`\mathbf R` of nodes. Where each
    node carries a choice of its sites, a correlation for each pair of sites.
``"free"``
    The distances of all offsets at all :math:`\mathbf R` are listed, sorted and joined.

The first is the faster for cells of few atoms, the second for cells of many: with 128 sites
there are 8128 offsets. The costs are sums of what the steps take, fitted to measured counts (one
core of an AMD EPYC of 2023, particles of 1.5 to 12 nm, cells of 1 to 128 sites), nine in ten of
which they tell within a factor of 2. They follow from the particles alone, so that the choice is
the same on any machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from ._free_pairs import free_bins
from ._lattice_pairs import frame_of, offsets_of, squared_unit
from ._reduction import reindexed
from .atoms import FreeAtoms
from .cluster import Cluster

__all__ = ["PairCountingCost", "PairMethod", "checked_clusters", "pair_counting_cost"]

PairMethod: TypeAlias = Literal["auto", "lattice", "free"]

_SAMPLE = 12  # offsets of which is seen whether their squared lengths are integers
_PAIR_SECONDS = 1.6e-9  # of two free atoms
_BIN_BYTES = 64  # of two words, four sums, and what becomes of them


@dataclass(frozen=True)
class PairCountingCost:
    """What it takes to count the pairs of particles on one core.

    Parameters
    ----------
    method : {"lattice", "free"}
        How they are counted.
    seconds : float
        An estimate, for a core of 2023. Compiling the loop for free atoms, once a
        process, is not in it.
    memory : int
        In bytes, the table included: about the most that is needed at a time; a third
        of it where many distances are equal.

    Examples
    --------
    >>> from sk_qdots.simulation import cut_cluster, pair_counting_cost
    >>> pair_counting_cost(cut_cluster("PbS", "sphere", 20.0)).method
    'lattice'
    """

    method: Literal["lattice", "free"]
    seconds: float
    memory: int


def pair_counting_cost(
    particles: Sequence[Cluster] | FreeAtoms | Cluster,
    *,
    method: PairMethod = "auto",
    bin_width: float = 0.016,
) -> PairCountingCost:
    """Estimate what :func:`sk_qdots.simulation.distance_table` takes, without counting.

    Parameters
    ----------
    particles : Cluster, sequence of Cluster or FreeAtoms
        As for the table.
    method : {"auto", "lattice", "free"}, default="auto"
        Along the lattice, or pair by pair; ``"auto"`` is the cheaper.
    bin_width : float, default=0.016
        For free atoms: the widest bin of the table, in Angstrom.

    Returns
    -------
    PairCountingCost

    Raises
    ------
    ValueError
        If the table would be refused.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, cut_cluster, pair_counting_cost
    >>> particle = cut_cluster(Crystal.builtin("CsPbBr3 orthorhombic"), "sphere", 3.0)
    >>> cost = pair_counting_cost(particle)
    >>> cost.method
    'free'
    >>> cost.seconds < pair_counting_cost(particle, method="lattice").seconds
    True
    """
    if method not in ("auto", "lattice", "free"):
        raise ValueError(f"method is {method!r}; it must be 'auto', 'lattice' or 'free'")
    if isinstance(particles, FreeAtoms):
        if method == "lattice":
            raise ValueError("method is 'lattice', and free atoms are on none; take 'auto'")
        return _of_free_atoms(particles, bin_width)
    facts = _facts(checked_clusters(particles))
    both = (_of_lattice(facts), _of_list(facts))
    if method == "auto":
        return min(both, key=lambda cost: cost.seconds)
    return next(cost for cost in both if cost.method == method)


def checked_clusters(particles: Sequence[Cluster] | Cluster) -> Sequence[Cluster]:
    """Clusters of one crystal and one fill, or an error that says what else they are."""
    clusters = [particles] if isinstance(particles, Cluster) else particles
    if not isinstance(clusters, Sequence) or not all(isinstance(c, Cluster) for c in clusters):
        raise TypeError(
            f"particles is {particles!r}; give a Cluster (cut_cluster), a list of them or one "
            "FreeAtoms"
        )
    if not clusters:
        raise ValueError("clusters is empty; give at least one cluster")
    crystal = clusters[0].crystal
    if any(cluster.crystal != crystal for cluster in clusters):
        raise ValueError("clusters of different crystals cannot share a distance table")
    if any(cluster.n_atoms == 0 for cluster in clusters):
        raise ValueError("a cluster has no atoms")
    fills = {(c.occupancies is not None, c.filled is not None) for c in clusters}
    if len(fills) > 1 or (True, True) in fills:
        raise ValueError("clusters of different fills cannot share a distance table")
    return clusters


class _Facts(NamedTuple):
    """Numbers that costs are made of."""

    whole: bool  # every node has all of its sites
    clusters: int
    nodes: int  # of all clusters together
    pairs: float  # of atoms of the largest cluster, each once
    sites: int
    offsets: int  # between two sites, up to their sign
    boxes: float  # differences of nodes in the boxes of the clusters
    reach: float  # and in the box of them all
    differences: float  # that occur in the largest cluster
    even: float  # share of the offsets whose squared lengths have a common unit


def _facts(clusters: Sequence[Cluster]) -> _Facts:
    frame = frame_of(clusters)
    extents = []
    for cluster in clusters:
        nodes = reindexed(cluster.nodes, frame.back)
        extents.append([int(np.ptp(column)) + 1 for column in nodes.T])
    sizes = np.array(extents, dtype=np.float64)
    most = max(len(cluster.nodes) for cluster in clusters)
    largest = sizes.max(axis=0)
    reach = float(np.prod(2.0 * largest - 1.0))
    groups = offsets_of(clusters[0].crystal)
    vectors = np.concatenate([offsets.vectors for offsets in groups])
    sample = vectors[:: max(1, -(-len(vectors) // _SAMPLE))]
    return _Facts(
        whole=clusters[0].filled is None,
        clusters=len(clusters),
        nodes=sum(len(cluster.nodes) for cluster in clusters),
        pairs=max(float(cluster.n_atoms) for cluster in clusters) ** 2 / 2.0,
        sites=len(clusters[0].crystal.sublattices),
        offsets=len(vectors),
        boxes=float(np.prod(2.0 * sizes - 1.0, axis=1).sum()),
        reach=reach,
        # A body and the differences within it fill the same share of their boxes.
        differences=min(float(most) ** 2, reach * most / float(np.prod(largest))),
        even=float(np.mean([squared_unit(frame.lattice, vector) is not None for vector in sample])),
    )


def _of_lattice(facts: _Facts) -> PairCountingCost:
    odd = 1.0 - facts.even
    if facts.whole:
        histograms = float(facts.offsets)
        seconds = 4.5e-4 + 5.1e-9 * facts.boxes
        seconds += histograms * (2.6e-4 + (1.3e-9 * facts.even + 1.5e-8 * odd) * facts.reach)
        seconds += histograms * 7.1e-9 * facts.boxes
    else:
        histograms = facts.sites * (facts.sites + 1) / 2.0
        seconds = histograms * (2.9e-4 + 2.2e-4 * facts.clusters)
        seconds += histograms * (2.5e-9 * facts.even + 2.1e-8 * odd) * facts.reach
        seconds += histograms * 2.6e-8 * facts.boxes
    # Squared lengths that are integers repeat: there are about as many as the box has surface.
    distances = odd * _listed(facts) + min(facts.reach, 30.0 * facts.reach ** (2.0 / 3.0))
    memory = 20.0 * facts.reach + 5.0 * facts.boxes + _table_bytes(facts, distances)
    return PairCountingCost("lattice", seconds, int(memory))


def _of_list(facts: _Facts) -> PairCountingCost:
    listed = _listed(facts)
    if facts.whole:
        seconds = 8.7e-4 + 2.9e-7 * facts.sites**2 + 1.7e-7 * facts.boxes
        seconds += listed * (2.9e-8 + 8.0e-9 * facts.clusters)
    else:
        half = facts.differences / 2.0
        seconds = 2.1e-3 + 3.7e-8 * listed + 1.4e-7 * half * facts.nodes
        seconds += half * facts.clusters * (6.1e-6 + 7.5e-9 * facts.sites**2)
    memory = 5.0 * facts.boxes + 40.0 * min(listed, 2.0**20) + _table_bytes(facts, listed)
    return PairCountingCost("free", seconds, int(memory))


def _listed(facts: _Facts) -> float:
    """Distances that the list holds."""
    if facts.whole:
        return facts.offsets * facts.differences
    return min(facts.sites**2 * facts.differences / 2.0, facts.pairs)


def _table_bytes(facts: _Facts, distances: float) -> float:
    """Bytes of a table, with room for its parts while they are joined."""
    return 1.3 * 8.0 * distances * (1 + facts.clusters)


def _of_free_atoms(atoms: FreeAtoms, bin_width: float) -> PairCountingCost:
    groups = len(atoms.species) * (len(atoms.species) + 1) // 2
    number = free_bins(atoms, bin_width)
    seconds = _PAIR_SECONDS * len(atoms) ** 2 / 2.0 + groups * (3e-4 + 1e-7 * number)
    memory = _BIN_BYTES * number + groups * 32 * min(number, len(atoms) ** 2)
    return PairCountingCost("free", seconds, int(memory + 64 * len(atoms)))

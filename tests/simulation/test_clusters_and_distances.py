"""Clusters and their pair distances against brute force over the atoms."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import Crystal, Sublattice, distance_table, sphere, sphere_series
from sk_qdots.simulation.clusters import Cluster

PBS = Crystal.builtin("PbS")
PUBLISHED_COUNTS = [1, 13, 19, 55, 135, 201, 321, 531, 683, 959]
# Triclinic, three sublattices, two of them with the same offset to the first.
SKEWED = Crystal(
    "skewed",
    ((4.0, 0.0, 0.0), (0.7, 3.5, 0.0), (0.3, -0.4, 5.1)),
    (
        Sublattice("Cd", (0.0, 0.0, 0.0), 1.0),
        Sublattice("Se", (1.1, 0.9, 0.4), 0.8, occupancy=0.7),
        Sublattice("S", (-1.1, -0.9, -0.4), 0.6),
    ),
)


def brute_force(cluster, i, j):
    """Ordered pairs between sublattices i and j (both ways), by rounded distance."""
    nodes = cluster.nodes @ cluster.crystal.lattice
    offsets = [np.asarray(s.offset) for s in cluster.crystal.sublattices]
    gaps = (nodes + offsets[j])[:, None, :] - (nodes + offsets[i])[None, :, :]
    lengths = np.round(np.linalg.norm(gaps, axis=2).ravel(), 4)
    counts = Counter(lengths[lengths > 1e-6].tolist())
    return counts if i == j else Counter({d: 2 * n for d, n in counts.items()})


def test_sphere_series_has_the_published_counts():
    series = sphere_series(PBS, 10 * PBS.node_diameter)
    assert [len(c.nodes) for c in series] == PUBLISHED_COUNTS
    np.testing.assert_allclose([c.diameter for c in series], 0.4638 * np.arange(1, 11), atol=1e-3)


def test_largest_published_sphere():
    assert len(sphere(PBS, 45 * PBS.node_diameter).nodes) == 91071


@settings(max_examples=25, deadline=None)
@given(
    crystal=st.sampled_from([PBS, SKEWED]),
    diameters=st.lists(st.floats(0.3, 2.2), min_size=1, max_size=3),
)
def test_multiplicities_equal_brute_force_integer_for_integer(crystal, diameters):
    clusters = [sphere(crystal, d) for d in diameters]
    table = distance_table(clusters)
    n_atoms = len(crystal.sublattices)
    covered = [pair for group in table.groups for pair in group.pairs]
    assert sorted(covered) == [(i, j) for i in range(n_atoms) for j in range(i, n_atoms)]
    for group in table.groups:
        for i, j in group.pairs:
            for cluster, row in zip(clusters, group.multiplicities, strict=True):
                found = {
                    round(float(d), 4): int(m)
                    for d, m in zip(group.distances, row, strict=True)
                    if m
                }
                assert found == dict(brute_force(cluster, i, j))


def test_pairs_add_up_to_the_square_of_the_atoms():
    cluster = sphere(SKEWED, 3.0)
    table = distance_table([cluster])
    n_atoms = 3 * len(cluster.nodes)
    total = sum(len(g.pairs) * int(g.multiplicities.sum()) for g in table.groups)
    assert total == n_atoms**2 - n_atoms


def test_atoms_of_a_cluster():
    elements, positions = sphere(PBS, 1.0).atoms()
    assert Counter(elements) == {"Pb": 13, "S": 13}
    assert positions.shape == (26, 3)


@pytest.mark.parametrize("diameter", [0.0, -1.0, np.nan, np.inf])
def test_bad_diameter(diameter):
    with pytest.raises(ValueError, match="positive"):
        sphere(PBS, diameter)
    with pytest.raises(ValueError, match="positive"):
        sphere_series(PBS, diameter)


def test_bad_clusters():
    one = sphere(PBS, 1.0)
    with pytest.raises(ValueError, match="at least one"):
        distance_table([])
    with pytest.raises(ValueError, match="different crystals"):
        distance_table([one, sphere(SKEWED, 1.0)])
    with pytest.raises(ValueError, match="no nodes"):
        distance_table([Cluster(PBS, one.nodes[:0], 1.0)])
    with pytest.raises(ValueError, match="more than once"):
        distance_table([Cluster(PBS, one.nodes[[0, 1, 1]], 1.0)])

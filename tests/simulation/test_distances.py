"""Pair multiplicities against the count over all pairs of atoms, and tables on disk."""

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    Cluster,
    Crystal,
    DistanceTable,
    FreeAtoms,
    Sublattice,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
    pair_counting_cost,
    shape_names,
    two_axis_series,
)

PBS = Crystal.builtin("PbS")


def by_distance(group, row):
    """Counts by distance, rounded as the judge rounds."""
    counts = Counter()
    for d, m in zip(group.distances, group.multiplicities[row], strict=True):
        counts[round(float(d), 4)] += int(m)
    return +counts


def joined(counts):
    """Counts by distance, neighbours in the last digit joined: rounding may split them."""
    result, last = {}, -1.0
    for d in sorted(counts):
        if d - last > 1.5e-4:
            key = d
        result[key] = result.get(key, 0) + counts[d]
        last = d
    return list(result), list(result.values())


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["PbS", "skewed", "CdSe wurtzite", "CsPbBr3 orthorhombic", "CeO2"]),
    shape=st.sampled_from(shape_names()),
    fill=st.sampled_from(["cells", "atoms"]),
    diameters=st.lists(st.floats(0.9, 1.9), min_size=1, max_size=2),
    method=st.sampled_from(["auto", "lattice", "free"]),
)
def test_multiplicities_equal_brute_force_integer_for_integer(
    crystals, all_pairs, name, shape, fill, diameters, method
):
    crystal = crystals[name]
    clusters = [cut_cluster(crystal, shape, d, fill=fill) for d in diameters]
    table = distance_table(clusters, method=method)
    n_species = len(table.species)
    covered = [pair for group in table.groups for pair in group.pairs]
    assert sorted(covered) == [(i, j) for i in range(n_species) for j in range(i, n_species)]
    for group in table.groups:
        assert group.multiplicities.dtype == np.int64
        for i, j in group.pairs:
            for row, cluster in enumerate(clusters):
                expected = all_pairs(cluster, table.species[i], table.species[j])
                distances, counts = joined(by_distance(group, row))
                true_distances, true_counts = joined(expected)
                assert counts == true_counts
                np.testing.assert_allclose(distances, true_distances, atol=1.01e-4)


@pytest.mark.parametrize("fill", ["cells", "atoms"])
@pytest.mark.parametrize("name", ["skewed", "CsPbBr3 orthorhombic"])
def test_pairs_add_up_to_the_square_of_the_atoms(crystals, name, fill):
    cluster = cut_cluster(crystals[name], "octahedron", 3.5, fill=fill)
    table = distance_table(cluster)
    total = sum(len(g.pairs) * int(g.multiplicities.sum()) for g in table.groups)
    assert total == cluster.n_atoms**2 - cluster.n_atoms
    assert table.counts.sum() == cluster.n_atoms


def assert_same_tables(first, second):
    """The same pairs of species, distances to 2e-8 Angstrom, and multiplicities."""
    assert [g.pairs for g in first.groups] == [g.pairs for g in second.groups]
    for a, b in zip(first.groups, second.groups, strict=True):
        distances = np.concatenate([a.distances, b.distances])
        gaps = np.concatenate([a.multiplicities, -b.multiplicities.astype(float)], axis=1)
        order = np.argsort(distances)
        starts = np.flatnonzero(np.diff(distances[order], prepend=-1.0) > 2e-8)
        left = np.add.reduceat(gaps[:, order], starts, axis=1) if order.size else gaps
        assert np.abs(left).max(initial=0.0) < 1e-6


def many_sites(n_sites, edge, seed=0):
    """A cubic cell of sites at random places, at least 1.6 Angstrom apart."""
    rng = np.random.default_rng(seed)
    places = np.empty((0, 3))
    while len(places) < n_sites:
        place = rng.uniform(0.0, edge, 3)
        gaps = places - place
        if (np.linalg.norm(gaps - edge * np.round(gaps / edge), axis=1) > 1.6).all():
            places = np.vstack([places, place])
    elements = (["Li", "O", "P", "Si"] * n_sites)[:n_sites]
    sites = (Sublattice(e, tuple(p), 1.0) for e, p in zip(elements, places.tolist(), strict=True))
    return Crystal("many sites", tuple(map(tuple, (edge * np.eye(3)).tolist())), tuple(sites))


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["PbS", "skewed", "CdSe wurtzite", "CsPbBr3 orthorhombic", "Fe3O4"]),
    shape=st.sampled_from(shape_names()),
    fill=st.sampled_from(["cells", "volume", "atoms"]),
    diameter=st.floats(0.9, 2.5),
    series=st.booleans(),
)
def test_both_ways_to_count_give_one_table(crystals, name, shape, fill, diameter, series):
    crystal = crystals.get(name) or Crystal.builtin(name)
    particles = cut_cluster(crystal, shape, diameter, fill=fill)
    if series:
        particles = homologous_series(crystal, diameter, shape, fill=fill)
    lattice, free = (distance_table(particles, method=m) for m in ("lattice", "free"))
    assert_same_tables(lattice, free)
    for a, b in zip(lattice.groups, free.groups, strict=True):
        assert a.multiplicities.dtype == b.multiplicities.dtype


@pytest.mark.parametrize("fill", ["cells", "volume", "atoms"])
def test_cells_of_many_sites(fill):
    particle = cut_cluster(many_sites(24, 7.5), "sphere", 4.5, fill=fill)
    lattice, free, chosen = (
        distance_table(particle, method=m) for m in ("lattice", "free", "auto")
    )
    assert_same_tables(lattice, free)
    assert free.digest() == chosen.digest()
    assert pair_counting_cost(particle).method == "free"


def test_many_differences_of_nodes():
    cluster = cut_cluster(Crystal.builtin("Pt"), "sphere", 7.0)  # lists that are sorted in parts
    assert_same_tables(*(distance_table(cluster, method=m) for m in ("lattice", "free")))


@pytest.mark.parametrize("fill", ["cells", "volume", "atoms"])
def test_cost_of_counting(fill):
    series = homologous_series("PbS", 6.0, fill=fill)
    costs = {m: pair_counting_cost(series, method=m) for m in ("auto", "lattice", "free")}
    assert costs["auto"] == costs["lattice"]
    assert costs["lattice"].seconds < costs["free"].seconds
    table = distance_table(series)
    held = sum(g.distances.nbytes + g.multiplicities.nbytes for g in table.groups)
    assert costs["lattice"].memory > held
    assert pair_counting_cost(series[-1]).seconds < costs["auto"].seconds


def test_cost_of_free_atoms():
    small, large = (FreeAtoms.from_cluster(cut_cluster("PbS", "sphere", d)) for d in (3.0, 6.0))
    cost = pair_counting_cost(large)
    assert cost.method == "free"
    assert cost.seconds > pair_counting_cost(small).seconds
    assert pair_counting_cost(large, bin_width=1e-3).memory > cost.memory
    for call in (pair_counting_cost, distance_table):
        with pytest.raises(ValueError, match="method is 'lattice', and free atoms"):
            call(small, method="lattice")
        with pytest.raises(ValueError, match="method is 'fast'; it must be 'auto'"):
            call(small, method="fast")


def test_primitive_and_conventional_cells_hold_the_same_crystal():
    q = np.linspace(1.0, 10.0, 200)
    whole, primitive = (Crystal.builtin("PbS", primitive=p) for p in (False, True))
    a, b = (
        debye_intensity(
            distance_table(cut_cluster(c, "sphere", 4.0, fill="atoms")), q, wavelength=1
        )
        for c in (whole, primitive)
    )
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_series_is_its_clusters():
    series = homologous_series(PBS, 2.4, "cuboctahedron", fill="atoms")
    together = distance_table(series)
    for row, cluster in enumerate(series):
        alone = distance_table(cut_cluster(PBS, "cuboctahedron", cluster.diameter, fill="atoms"))
        for one, all_ in zip(alone.groups, together.groups, strict=True):
            assert by_distance(one, 0) == by_distance(all_, row)


def test_bad_clusters(crystals):
    one = cut_cluster(PBS, "sphere", 1.0)
    with pytest.raises(ValueError, match="at least one"):
        distance_table([])
    with pytest.raises(ValueError, match="different crystals"):
        distance_table([one, cut_cluster(crystals["skewed"], "sphere", 1.0)])
    with pytest.raises(ValueError, match="no atoms"):
        distance_table([Cluster(PBS, one.nodes[:0], 1.0)])
    parts = cut_cluster(PBS, "sphere", 3.0, fill="volume")
    with pytest.raises(ValueError, match="different fills"):
        distance_table([parts, cut_cluster(PBS, "sphere", 3.0, fill="atoms")])
    twice = one.nodes[[0, 1, 1]]
    for cluster in (Cluster(PBS, twice, 1.0), Cluster(PBS, twice, 1.0, np.ones((3, 2), bool))):
        for method in ("lattice", "free"):
            with pytest.raises(ValueError, match="more than once"):
                distance_table([cluster], method=method)


def test_average_is_the_average_of_the_patterns():
    q = np.linspace(1.0, 15.0, 300)
    table = distance_table(homologous_series(PBS, 5.0))
    weights = lognormal_weights(table.diameters, 3.0, 0.1)
    alone = debye_intensity(table, q, wavelength=0.56)
    mixed = table.average([weights, weights**2])
    assert len(mixed) == 2
    np.testing.assert_allclose(
        debye_intensity(mixed, q, wavelength=0.56)[0], weights @ alone, rtol=1e-9
    )
    for wrong in ([1.0], -weights, 0 * weights):
        with pytest.raises(ValueError, match="weights"):
            table.average(wrong)


def test_save_and_load(tmp_path):
    rods = two_axis_series(Crystal.builtin("CdSe wurtzite"), [2.0, 3.0], [1.5, 2.0])
    table = distance_table(rods)
    path = tmp_path / "rods.npz"
    table.save(path)
    loaded = DistanceTable.load(path)
    q = np.linspace(1.0, 15.0, 100)
    assert loaded.species == table.species
    assert loaded.dimensions["length"].tolist() == [2.0, 2.0, 3.0, 3.0]
    np.testing.assert_array_equal(
        debye_intensity(loaded, q, wavelength=0.8), debye_intensity(table, q, wavelength=0.8)
    )
    assert list(tmp_path.iterdir()) == [path]


def _rewrite(path, change):
    with np.load(path) as data:
        arrays = {k: data[k] for k in data.files}
    header = json.loads(str(arrays["header"]))
    change(arrays, header)
    np.savez(path, **{**arrays, "header": np.array(json.dumps(header))})


@pytest.mark.parametrize(
    "change",
    [
        lambda a, h: h.update(format="something"),
        lambda a, h: h.update(format_version=99),
        lambda a, h: h.update(pairs=[[[0, 5]]]),
        lambda a, h: h.update(species=[{"element": "Pb"}]),
        lambda a, h: h.pop("name"),
        lambda a, h: a.update(counts=a["counts"][:, :1]),
        lambda a, h: a.update(distances_0=a["distances_0"][::-1]),
        lambda a, h: a.update(multiplicities_0=a["multiplicities_0"][:, :-1]),
        lambda a, h: a.pop("distances_1"),
    ],
)
def test_damaged_table_is_refused_by_name(tmp_path, change):
    path = tmp_path / "table.npz"
    distance_table(cut_cluster(PBS, "sphere", 1.0)).save(path)
    _rewrite(path, change)
    with pytest.raises(ValueError, match=r"table\.npz"):
        DistanceTable.load(path)


@pytest.mark.parametrize("content", [None, b"", b"hello", b"PK\x03\x04garbage"])
def test_not_a_table(tmp_path, content):
    path = tmp_path / "x.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.npz"):
        DistanceTable.load(path)


def test_pickled_table_runs_no_code(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, header=np.array([{"format": "x"}], dtype=object))
    with pytest.raises(ValueError, match=r"evil\.npz"):
        DistanceTable.load(path)

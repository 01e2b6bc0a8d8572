"""Particles off a lattice: the histogram against all pairs, and the files they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    Crystal,
    FreeAtoms,
    Sublattice,
    cut_cluster,
    debye_intensity,
    distance_table,
    pair_sums,
)

Q = np.linspace(0.7, 15.0, 60)
WAVELENGTH = 0.56


@settings(max_examples=25, deadline=None)
@given(
    n_atoms=st.integers(2, 400),
    spread=st.floats(0.0, 0.3),
    seed=st.integers(0, 2**31),
    kinds=st.integers(1, 3),
)
def test_free_atoms_equal_brute_force(all_atoms_intensity, n_atoms, spread, seed, kinds):
    rng = np.random.default_rng(seed)
    grid = np.array(np.unravel_index(rng.permutation(1000)[:n_atoms], (10, 10, 10))).T
    positions = 3.0 * grid + rng.uniform(-spread, spread, (n_atoms, 3)) + 100.0
    elements = rng.choice(["Pb", "S", "Se"][:kinds], n_atoms)
    atoms = FreeAtoms(elements, positions, b_iso={"Pb": 1.2, "S": 0.7, "Se": 0.9})
    species = [atoms.species[k] for k in atoms.kinds]
    expected = all_atoms_intensity(species, positions, Q, WAVELENGTH)
    table = distance_table(atoms)
    assert sum(int(g.multiplicities.sum()) for g in table.groups) == n_atoms * (n_atoms - 1)
    for method in ("fast", "direct"):
        found = debye_intensity(table, Q, wavelength=WAVELENGTH, method=method)[0]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


def test_blocks_and_threads_change_nothing():
    crystal = Crystal.builtin("PbS")
    elements, positions = cut_cluster(crystal, "sphere", 6.0).atoms()  # several blocks a species
    rng = np.random.default_rng(0)
    moved = positions + rng.normal(0.0, 0.05, positions.shape)
    tables = [distance_table(FreeAtoms(elements, moved), n_jobs=n) for n in (1, 2, 3)]
    for other in tables[1:]:
        for a, b in zip(tables[0].groups, other.groups, strict=True):
            np.testing.assert_array_equal(a.distances, b.distances)
            np.testing.assert_array_equal(a.multiplicities, b.multiplicities)
    order = rng.permutation(len(elements))
    shuffled = distance_table(FreeAtoms(np.array(elements)[order], moved[order]))
    q = np.linspace(1.0, 15.0, 100)
    np.testing.assert_allclose(
        debye_intensity(shuffled, q, wavelength=1 / 3),
        debye_intensity(tables[0], q, wavelength=1 / 3),
        rtol=1e-7,
    )


def test_free_atoms_of_a_lattice_are_the_lattice():
    crystal = Crystal.builtin("PbS")
    cluster = cut_cluster(crystal, "cuboctahedron", 5.0, fill="atoms")
    free = FreeAtoms(*cluster.atoms(), b_iso=1.25)
    q = np.linspace(1.0, 15.0, 500)
    exact = debye_intensity(distance_table(cluster), q, wavelength=WAVELENGTH)
    found = debye_intensity(distance_table(free), q, wavelength=WAVELENGTH)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-7 * exact.max())


@pytest.mark.parametrize("name", ["PbS", "CeO2"])
def test_distances_that_repeat_are_exact(name):
    cluster = cut_cluster(Crystal.builtin(name), "sphere", 4.0)
    exact = distance_table(cluster, method="lattice")
    found = distance_table(FreeAtoms.from_cluster(cluster))
    wanted = {pair: group for group in exact.groups for pair in group.pairs}
    for group in found.groups:
        expected = wanted[group.pairs[0]]
        np.testing.assert_allclose(group.distances, expected.distances, rtol=0, atol=1e-8)
        np.testing.assert_array_equal(group.multiplicities, expected.multiplicities)


@pytest.mark.parametrize("name", ["PbS", "CsPbBr3 orthorhombic"])
@pytest.mark.parametrize("moved", [0.0, 0.1])
def test_error_of_the_bins(name, moved):
    _, positions = cut_cluster(Crystal.builtin(name), "sphere", 3.0, fill="atoms").atoms()
    positions = positions + np.random.default_rng(0).normal(0.0, moved, positions.shape)
    q = np.linspace(0.5, 25.0, 50)
    gaps = np.linalg.norm(positions[:, None] - positions, axis=2)[
        np.triu_indices(len(positions), 1)
    ]
    expected = 2.0 * np.sinc(q[:, None] * gaps / np.pi).sum(axis=1)
    found = pair_sums(distance_table(FreeAtoms(["Pb"] * len(positions), positions)), q)[0][0]
    # The worst case: atoms that scatter alike at any Q, as neutrons see them, and do not vibrate.
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=2e-7 * (len(positions) + expected).max()
    )


def test_millions_of_pairs_in_one_bin():
    rng = np.random.default_rng(0)
    ends = rng.uniform(-0.01, 0.01, (2, 2000, 3))
    ends[1] += [12.31, 0.0, 0.0]
    gaps = ((ends[0][:, None] - ends[1]) ** 2).sum(axis=2)
    group = distance_table(
        FreeAtoms(["Br"] * 4000, ends.reshape(-1, 3), occupancy=0.5), bin_width=0.1
    ).groups[0]
    assert group.multiplicities.sum() == 2 * gaps.size  # within an end all are alternatives
    for power in (2, 4):
        moment = (group.multiplicities * group.distances**power).sum() / (2 * gaps.size)
        assert moment == pytest.approx((gaps ** (power // 2)).mean(), rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_moving_and_turning_a_particle_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0, 15, (60, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    first, second = (
        debye_intensity(
            distance_table(FreeAtoms(["Au"] * 60, p), bin_width=1e-4), Q, wavelength=0.5
        )
        for p in (positions, positions @ turn + rng.uniform(-50, 50, 3))
    )
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_charges_occupancies_and_b_are_kept(all_atoms_intensity):
    atoms = FreeAtoms(
        ["Fe", "Fe", "O"],
        [[0, 0, 0], [0, 0, 3.0], [0, 0, 1.5]],
        b_iso=[0.4, 0.5, 0.6],
        occupancy=[1.0, 0.5, 1.0],
        charges=[2, 3, -2],
    )
    assert len(atoms.species) == 3
    assert repr(atoms) == "FreeAtoms(atoms: 1 Fe, 1 Fe, 1 O)"
    expected = all_atoms_intensity(list(atoms.species), atoms.positions, Q, WAVELENGTH)
    found = debye_intensity(distance_table(atoms), Q, wavelength=WAVELENGTH)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_atoms_in_the_same_place():
    positions = [[0, 0, 0], [0, 0, 0], [3.0, 0, 0]]
    with pytest.raises(ValueError, match="same place"):
        distance_table(FreeAtoms(["Pb", "Pb", "S"], positions))
    shared = FreeAtoms(["Cd", "Zn", "S"], positions, occupancy=[0.5, 0.5, 1.0])
    assert sum(g.multiplicities.sum() for g in distance_table(shared).groups) == 4


def test_alternatives_make_no_pair():
    places = [[0, 0, 0], [0, 0, 0.9], [0, 0, 4.0]]
    atoms = FreeAtoms(["Br"] * 3, places, occupancy=[0.5, 0.5, 1.0])
    table = distance_table(atoms)
    found = {pair: g.distances.tolist() for g in table.groups for pair in g.pairs}
    assert found[0, 0] == found[1, 1] == []
    np.testing.assert_allclose(found[0, 1], [3.1, 4.0], rtol=0, atol=1e-8)
    both = FreeAtoms(["Br"] * 2, places[:2], occupancy=[0.6, 0.6])  # now and then both are there
    assert distance_table(both).groups[0].multiplicities.sum() == 2
    near = FreeAtoms(["H", "H"], [[0, 0, 0], [0, 0, 0.3]])  # full ones are always there
    assert distance_table(near).groups[0].multiplicities.sum() == 2


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_sites=st.integers(1, 5),
    fill=st.sampled_from(["cells", "atoms"]),
)
def test_partly_filled_sites_make_the_same_pairs_on_every_path(seed, n_sites, fill):
    rng = np.random.default_rng(seed)
    vectors = np.diag(rng.uniform(3.0, 5.0, 3)) + rng.uniform(-0.5, 0.5, (3, 3))
    elements = rng.choice(["Na", "O", "Br", "H"], n_sites)
    places = rng.uniform(0.0, 1.0, (n_sites, 3)) @ vectors
    occupancies = rng.choice([0.1, 0.3, 0.5, 0.7, 1.0], n_sites)

    def crystal(most):
        return Crystal(
            "in part",
            tuple(map(tuple, vectors.tolist())),
            tuple(
                Sublattice(str(e), tuple(p), 1.0, occupancy=min(float(o), most))
                for e, p, o in zip(elements, places.tolist(), occupancies, strict=True)
            ),
        )

    try:
        cell = crystal(1.0)
    except ValueError:  # too full for sites so near
        cell = crystal(0.5)
    cluster = cut_cluster(cell, "sphere", 2.0, fill=fill)
    expected = debye_intensity(distance_table(cluster, method="lattice"), Q, wavelength=WAVELENGTH)
    tables = (
        distance_table(cluster, method="free"),
        distance_table(FreeAtoms.from_cluster(cluster), bin_width=5e-4),
    )
    for table in tables:
        found = debye_intensity(table, Q, wavelength=WAVELENGTH)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.max())


def test_alternatives_of_a_cif(cif_folder):
    crystal = Crystal.from_cif(cif_folder / "Na0.8CoO2_alternatives.cif")
    cluster = cut_cluster(crystal, "sphere", 3.0)
    exact = debye_intensity(distance_table(cluster, method="lattice"), Q, wavelength=WAVELENGTH)
    free = distance_table(FreeAtoms.from_cluster(cluster))
    found = debye_intensity(free, Q, wavelength=WAVELENGTH)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-7 * exact.max())
    sodium = [k for k, s in enumerate(free.species) if s.element == "Na"]
    pairs = {pair: g.distances for g in free.groups for pair in g.pairs}
    assert pairs[sodium[0], sodium[1]].min() > 1.66  # 1.645 apart, they are one or the other


def test_xyz(tmp_path):
    path = tmp_path / "dot.xyz"
    path.write_text("2\na dot\nPb 0 0 0\nS 2.967 0.0 0.0 extra\n\n")
    atoms = FreeAtoms.from_xyz(path, b_iso=1.2)
    assert len(atoms) == 2
    assert atoms.name == "dot"
    assert distance_table(atoms).groups[1].distances[0] == pytest.approx(2.967, abs=1e-7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1"),
        ("two\n\nPb 0 0 0\n", "line 1"),
        ("2\n\nPb 0 0 0\n", "says 2 atoms and holds 1"),
        ("0\n\n", "says 0 atoms"),
        ("1\n\nPb 0 0\n", "line 3 is 'Pb 0 0'"),
        ("1\n\nPb 0 0 x\n", "line 3"),
        ("1\n\nXx 0 0 0\n", "Xx"),
        ("1\n\nPb 0 0 nan\n", "not finite"),
        ("1\n\nPb 0 0 0\n1\n\nPb 0 0 0\n", "several frames"),
    ],
)
def test_bad_xyz_says_file_and_line(tmp_path, text, message):
    path = tmp_path / "bad.xyz"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        FreeAtoms.from_xyz(path)
    assert str(error.value).startswith(str(path))


def test_unreadable_xyz(tmp_path):
    path = tmp_path / "bad.xyz"
    with pytest.raises(ValueError, match="cannot be read"):
        FreeAtoms.from_xyz(path)
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="cannot be read"):
        FreeAtoms.from_xyz(path)


def test_atoms_of_a_cluster_keep_what_they_are(tmp_path):
    q = np.linspace(1.0, 15.0, 200)
    for fill in ("cells", "atoms"):
        cluster = cut_cluster(Crystal.builtin("Fe3O4", ions=True), "octahedron", 2.5, fill=fill)
        exact = debye_intensity(distance_table(cluster), q, wavelength=WAVELENGTH)
        free = FreeAtoms.from_cluster(cluster)
        found = debye_intensity(distance_table(free), q, wavelength=WAVELENGTH)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 * exact.max())
    with pytest.raises(ValueError, match="fill='volume'"):
        FreeAtoms.from_cluster(cut_cluster("PbS", "sphere", 2.0, fill="volume"))


def test_ase_atoms():
    ase = pytest.importorskip("ase")
    atoms = FreeAtoms.from_ase(ase.Atoms("PbS", positions=[[0, 0, 0], [2.967, 0, 0]]), name="pair")
    assert [s.element for s in atoms.species] == ["Pb", "S"]
    with pytest.raises(ValueError, match=r"not an ase\.Atoms"):
        FreeAtoms.from_ase([1, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"elements": [], "positions": np.empty((0, 3))}, "elements is empty"),
        ({"positions": [[0, 0, 0]]}, r"positions has shape \(1, 3\)"),
        ({"positions": [[0, 0], [1, 1]]}, "positions has shape"),
        ({"elements": ["Pb", "Qq"]}, "Qq"),
        ({"elements": "Pb"}, "elements is 'Pb'; give a list"),
        ({"b_iso": -1.0}, "b_iso of Pb is -1.0"),
        ({"b_iso": [1.0]}, "b_iso has shape"),
        ({"b_iso": {"Pb": 1.0}}, "b_iso has no value for S"),
        ({"occupancy": 1.5}, "occupancy of Pb is 1.5"),
    ],
)
def test_bad_free_atoms(arguments, message):
    defaults = {"elements": ["Pb", "S"], "positions": [[0, 0, 0], [3.0, 0, 0]]}
    with pytest.raises(ValueError, match=message):
        FreeAtoms(**{**defaults, **arguments})


def test_bad_tables_of_free_atoms():
    far = FreeAtoms(["Pb", "S"], [[0, 0, 0], [1e9, 0, 0]])
    with pytest.raises(ValueError, match="are they in Angstrom"):
        distance_table(far)
    with pytest.raises(ValueError, match="bin_width is 0"):
        distance_table(far, bin_width=0)
    many = FreeAtoms(["Pb"] * 40, np.arange(120.0).reshape(40, 3), b_iso=np.arange(40) / 40)
    with pytest.raises(ValueError, match="40 kinds"):
        distance_table(many)

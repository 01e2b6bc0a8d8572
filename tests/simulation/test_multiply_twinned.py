"""Decahedra and icosahedra against all pairs of atoms, magic numbers and ASE's coordinates."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

import sk_qdots as sq
from sk_qdots.simulation import (
    Crystal,
    cut_cluster,
    debye_intensity,
    decahedron,
    distance_table,
    form_factor,
    icosahedron,
    multiply_twinned_series,
    pair_sums,
)

PT = Crystal.builtin("Pt")
NEIGHBOURS = float(np.linalg.norm(PT.lattice[0]))
D10, D12 = np.sqrt(0.75) * 2 * np.sin(np.pi / 5), 1 / np.sin(0.4 * np.pi)  # the longer neighbours
KINDS = ["icosahedron", "decahedron", "Marks decahedron"]
Q = np.linspace(0.7, 15.0, 60)
WAVELENGTH = 0.5


def mackay(n):
    return (10 * n**3 + 15 * n**2 + 11 * n + 3) // 3


def neighbours(atoms):
    """Distances of every atom to those nearer than halfway to the second neighbours."""
    gaps = np.linalg.norm(atoms.positions[:, None] - atoms.positions, axis=2)
    return [np.sort(row[(row > 0) & (row < 1.2 * NEIGHBOURS)]) for row in gaps]


def is_the_same(first, second, tolerance):
    distance, index = cKDTree(first).query(second)
    return distance.max() < tolerance and len(set(index.tolist())) == len(first) == len(second)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10, 20])
def test_icosahedra_have_magic_numbers(n):
    atoms = icosahedron(PT, n)
    assert len(atoms) == mackay(n)
    assert [mackay(k) for k in (1, 2, 3, 4)] == [13, 55, 147, 309]
    assert len(np.unique(np.round(atoms.positions, 6), axis=0)) == len(atoms)


@pytest.mark.parametrize(
    ("parameters", "n_atoms"),
    [
        ((1, 1), 1),
        ((2, 1), 7),
        ((3, 1), 23),
        ((4, 1), 54),
        ((5, 1), 105),
        ((2, 2), 13),
        ((3, 3), 55),
        ((4, 4), 147),
        ((1, 1, 1), 18),
        ((2, 2, 1), 75),
        ((2, 3, 1), 101),
        ((3, 2, 1), 146),
        ((3, 3, 1), 192),
        ((3, 3, 2), 434),
    ],
)
def test_decahedra_have_magic_numbers(parameters, n_atoms):
    assert len(decahedron(PT, *parameters)) == n_atoms


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 6), height=st.integers(1, 6), notch=st.integers(0, 3))
def test_decahedra_are_those_of_ase(width, height, notch):
    cluster = pytest.importorskip("ase.cluster.decahedron")
    theirs = cluster.Decahedron("Pt", width, height, notch, latticeconstant=3.9237).positions
    ours = decahedron(PT, width, height, notch)
    step = theirs[1, 2] - theirs[0, 2] if len(theirs) > 1 else 1.0
    unit = NEIGHBOURS * (0.75 * np.sin(0.4 * np.pi) * np.sqrt(2)) ** (-1 / 3)
    turned = theirs[:, [1, 0, 2]] * [1, -1, 1]  # ASE's first sector begins at y
    assert is_the_same(ours.positions, turned * unit / step, 1e-9)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_icosahedra_are_those_of_ase(n):
    cluster = pytest.importorskip("ase.cluster.icosahedron")
    theirs = cluster.Icosahedron("Pt", n + 1, latticeconstant=3.9237)
    theirs = theirs.positions - theirs.positions.mean(axis=0)
    ours = icosahedron(PT, n)
    gaps = [
        np.sort(np.linalg.norm(p[:, None] - p, axis=2).ravel()) for p in (ours.positions, theirs)
    ]
    np.testing.assert_allclose(gaps[0] / gaps[0][-1], gaps[1] / gaps[1][-1], atol=1e-9)


def test_neighbours_of_an_icosahedron():
    found = neighbours(icosahedron(PT, 4))
    assert len(found[0]) == 12  # the centre
    unit = NEIGHBOURS * (np.sqrt(0.5) / np.sqrt(0.4 + 2 * 5**-1.5)) ** (1 / 3)
    assert unit / NEIGHBOURS == pytest.approx(0.9759, abs=5e-5)
    np.testing.assert_allclose(found[0], unit)
    assert sorted({len(row) for row in found}) == [6, 8, 9, 12]  # corner, edge, face, inside
    assert sum(len(row) == 6 for row in found) == 12
    np.testing.assert_allclose(np.unique(np.round(np.concatenate(found) / unit, 9)), [1, D12])
    inside = np.concatenate([row for row in neighbours(icosahedron(PT, 8)) if len(row) == 12])
    # Without those on the twin planes, six and six.
    assert np.mean([1, D12]) * unit == pytest.approx(NEIGHBOURS, rel=1.1e-3)
    assert inside.mean() == pytest.approx(NEIGHBOURS, rel=0.01)


def test_neighbours_of_a_decahedron():
    found = neighbours(decahedron(PT, 6, 6))
    unit = found[0][0]
    assert unit / NEIGHBOURS == pytest.approx(0.9971, abs=5e-5)
    lengths = np.unique(np.round(np.concatenate(found) / unit, 9))
    np.testing.assert_allclose(lengths, [1, D10])
    assert pytest.approx(1.0181, abs=5e-5) == D10
    inside = [row for row in found if len(row) == 12]
    ordinary = [row for row in inside if np.isclose(row, unit * D10).sum() == 2]
    assert len(ordinary) > 100
    assert np.mean(ordinary) == pytest.approx(NEIGHBOURS, rel=2e-4)


@pytest.mark.parametrize(
    ("atoms", "volume"),
    [
        (lambda n: icosahedron(PT, n), lambda e: 5 / 12 * (3 + np.sqrt(5)) * e**3),
        # A bipyramid of height 2 h over a pentagon of edge e.
        (lambda n: decahedron(PT, n + 1), None),
    ],
    ids=["icosahedron", "decahedron"],
)
def test_volume_of_an_atom_is_the_crystals(atoms, volume):
    from scipy.spatial import ConvexHull

    # Third differences of the volume of the hulls: what the leading term of N(n) fills.
    sizes = [8, 9, 10, 11]
    found = [atoms(n) for n in sizes]
    hulls = np.diff([ConvexHull(a.positions).volume for a in found], 3)[0]
    counts = np.diff([len(a) for a in found], 3)[0]
    assert hulls / counts == pytest.approx(PT.cell_volume, rel=1e-6)
    if volume is not None:
        edge = 8 * neighbours(found[0])[-1].max()
        assert ConvexHull(found[0].positions).volume == pytest.approx(volume(edge), rel=1e-9)


@settings(max_examples=20, deadline=None)
@given(width=st.integers(1, 5), height=st.integers(1, 5), notch=st.integers(0, 2))
def test_a_decahedron_is_symmetric(width, height, notch):
    positions = decahedron(PT, width, height, notch).positions
    angle = 0.4 * np.pi
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    for moved in (positions @ turn.T, positions * [1, -1, 1], positions * [1, 1, -1]):
        assert is_the_same(positions, moved, 1e-9)


def test_an_icosahedron_is_symmetric():
    positions = icosahedron(PT, 4).positions
    corners = positions[np.linalg.norm(positions, axis=1) > 0.999 * np.abs(positions).max() * 1.17]
    assert len(corners) == 12
    assert is_the_same(positions, -positions, 1e-9)
    for axis in corners / np.linalg.norm(corners, axis=1)[:, None]:  # fivefold
        x, y, z = axis
        skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turn = np.eye(3) + np.sin(0.4 * np.pi) * skew + (1 - np.cos(0.4 * np.pi)) * skew @ skew
        assert is_the_same(positions, positions @ turn.T, 1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_series_equal_brute_force(all_atoms_intensity, kind):
    series = multiply_twinned_series(PT, 2.5, kind)
    table = series.table()
    found = debye_intensity(table, Q, wavelength=WAVELENGTH, strain=0.01, method="direct")
    for k, (_, share) in enumerate(series.particles):
        atoms = series[k]
        parts = np.array([s.occupancy for s in atoms.species])[atoms.kinds]
        assert parts.min() == (share if k else 1.0)
        species = [PT.sublattices[0].species] * len(atoms)
        expected = all_atoms_intensity(species, 1.01 * atoms.positions, Q, WAVELENGTH, parts)
        np.testing.assert_allclose(found[k], expected, rtol=0, atol=1e-7 * expected.max())
        np.testing.assert_allclose(found[k], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_complete_shells_equal_the_free_atoms(kind):
    series = multiply_twinned_series(PT, 4.0, kind, fill="atoms")
    q = np.linspace(0.5, 25.0, 500)
    found = debye_intensity(series.table(), q, wavelength=WAVELENGTH)
    for row, atoms in list(zip(found, series, strict=True))[1::3]:
        expected = debye_intensity(distance_table(atoms, bin_width=1e-3), q, wavelength=WAVELENGTH)
        np.testing.assert_allclose(row, expected[0], rtol=0, atol=1e-7 * expected.max())
        np.testing.assert_allclose(row, expected[0], rtol=1e-5)


def test_complete_shells_are_the_particles_by_their_numbers():
    icosahedra = multiply_twinned_series(PT, 3.0, "icosahedron", fill="cells")
    assert icosahedra.n_atoms.tolist() == [1, *(mackay(n) for n in range(1, 8))]
    assert is_the_same(icosahedra[4].positions, icosahedron(PT, 4).positions, 1e-9)
    truncated = multiply_twinned_series(PT, 3.0, "decahedron", fill="cells")
    assert truncated.n_atoms.tolist() == icosahedra.n_atoms.tolist()
    assert is_the_same(truncated[4].positions, decahedron(PT, 5, 5).positions, 1e-9)
    re_entrant = multiply_twinned_series(PT, 4.0, "Marks_decahedron", fill="cells")
    numbers = re_entrant.n_atoms.tolist()
    for size, width in ((75, 2), (434, 3), (1308, 4)):
        same = decahedron(PT, width, width, width - 1)
        assert len(same) == size
        assert is_the_same(re_entrant[numbers.index(size)].positions, same.positions, 1e-9)


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(KINDS), diameter=st.floats(1.0, 3.5), name=st.sampled_from(["Pt", "Au"])
)
def test_series_are_as_they_should_be(kind, diameter, name):
    crystal = Crystal.builtin(name)
    series = multiply_twinned_series(crystal, diameter, kind)
    table = series.table()
    step = crystal.node_diameter
    assert series.diameters[-2] < diameter <= series.diameters[-1] * (1 + 1e-9)
    # Where the last shell would be nearly empty, it is left out.
    np.testing.assert_allclose(table.diameters, step * np.arange(1, len(series) + 1), rtol=1e-3)
    assert (np.diff(table.counts[:, 0]) > 0).all()
    assert (table.self_counts <= table.counts).all()
    # Everything scatters in phase where Q tends to 0.
    factor = form_factor(name, np.array([1e-4]), WAVELENGTH)
    found = debye_intensity(table, np.array([1e-4]), wavelength=WAVELENGTH, compton=False)
    occupied = table.counts[:, 0] ** 2 * np.abs(factor) ** 2
    np.testing.assert_allclose(found[:, 0], occupied, rtol=1e-6)
    # Pairs and the second moment are kept by the grid of distances: Guinier's law.
    pairs = table.groups[0].multiplicities
    np.testing.assert_allclose(
        pairs.sum(axis=1), table.counts[:, 0] ** 2 - table.self_counts[:, 0], atol=1e-6
    )
    whole = [k for k, (_, share) in enumerate(series.particles) if share == 1.0]
    for k in whole:
        positions = series[k].positions
        radius = 2 * len(positions) * (positions**2).sum()
        assert pairs[k] @ table.groups[0].distances ** 2 == pytest.approx(radius, rel=1e-9)


def test_spheres_of_the_same_size_have_as_many_atoms():
    sphere = cut_cluster(PT, "sphere", 10 * PT.node_diameter, fill="volume")
    for kind in KINDS:
        assert multiply_twinned_series(PT, 3.0, kind).n_atoms[9] == pytest.approx(sphere.n_cells)


def test_the_peak_of_an_icosahedron_is_none_of_the_crystals():
    """Five tetrahedra have no common (200) planes: the peak between 111 and 220 drowns."""
    q = np.linspace(2.0, 5.5, 700)
    sizes = 15  # 4.6 nm

    def ratio(table):
        pattern = debye_intensity(table, q, wavelength=WAVELENGTH, compton=False)[-1]
        a200 = 4 * np.pi / 3.9237
        return pattern[np.argmin(abs(q - a200))] / pattern.max()

    sphere = distance_table(cut_cluster(PT, "sphere", sizes * PT.node_diameter, fill="volume"))
    found = [
        ratio(multiply_twinned_series(PT, sizes * PT.node_diameter, kind).table()) for kind in KINDS
    ]
    assert ratio(sphere) > 0.4
    assert all(value < 0.8 * ratio(sphere) for value in found), found


def test_libraries_of_twinned_shapes():
    library = sq.simulate_library(
        "Pt",
        diameters=[2.0, 3.0],
        dispersions=[0.1, 0.2],
        strains=[0.0, 0.002],
        q=Q,
        wavelength=WAVELENGTH,
        shape=["sphere", *KINDS],
    )
    assert library["shape"].values.tolist() == ["sphere", *KINDS]
    np.testing.assert_allclose(
        library["mean_diameter"].values,
        np.broadcast_to(np.array([2.0, 3.0])[:, None], (4, 2, 2)),
        rtol=2e-3,
    )
    # The same by hand, from the series.
    table = multiply_twinned_series("Pt", 5.0, "decahedron").table()
    by_hand = sq.simulate_library(
        table,
        diameters=[3.0],
        dispersions=[0.1],
        strains=[0.002],
        q=Q,
        wavelength=WAVELENGTH,
    )
    np.testing.assert_allclose(
        by_hand["intensity"].values.ravel(),
        library["intensity"].sel(shape="decahedron", diameter=3.0, dispersion=0.1, strain=0.002),
        rtol=2e-3,  # another end of the series
    )


@pytest.mark.parametrize("kind", KINDS)
def test_populations_of_all_usual_widths(kind):
    """From 2 to 8 nm at dispersions of 0.1 to 0.3: neither refused nor warned of."""
    from sk_qdots.simulation import lognormal_upper_diameter, lognormal_weights

    for mean, dispersion in itertools.product((2.0, 3.5, 5.0, 8.0), (0.05, 0.1, 0.2, 0.3)):
        upper = lognormal_upper_diameter(mean, dispersion)
        series = multiply_twinned_series(PT, upper, kind)
        weights = lognormal_weights(series.diameters, mean, dispersion)
        assert weights @ series.diameters == pytest.approx(mean, rel=1e-3 if mean > 2 else 0.03)


def test_a_saved_table_is_the_same(tmp_path):
    table = multiply_twinned_series("Au", 2.0, "Marks decahedron").table()
    table.save(tmp_path / "Au.npz")
    assert type(table).load(tmp_path / "Au.npz").digest() == table.digest()
    assert len(pair_sums(table, Q)) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: icosahedron("PbS", 2), "crystal is PbS; .* fcc metals.*Crystal.builtin"),
        (lambda: icosahedron("Pt", 0), "n_shells is 0; it must be an integer, 1 or more"),
        (lambda: icosahedron("Pt", 2.5), "n_shells is 2.5; it must be an integer"),
        (lambda: icosahedron("Pt", True), "n_shells is True"),
        (lambda: icosahedron("Pt", 60), "n_shells is 60: 738,221 atoms.* take a smaller one"),
        (lambda: icosahedron("Pt", 10**9), "n_shells is 1000000000"),
        (lambda: decahedron("Pt", 0), "width is 0"),
        (lambda: decahedron("Pt", 3, 0), "height is 0"),
        (lambda: decahedron("Pt", 3, 3, -1), "notch is -1; it must be an integer, 0 or more"),
        (lambda: decahedron("Pt", "3"), "width is '3'"),
        (lambda: decahedron("Pt", 100, 100), "width is 100, height 100 and notch 0: .* atoms"),
        (lambda: decahedron("Pt", 1, 10**9), "height 1000000000"),
        (lambda: decahedron("Pt", 1, 1, 10**6), "notch 1000000"),
        (lambda: decahedron("CdSe zinc blende", 3), "crystal is CdSe zinc blende"),
        (lambda: multiply_twinned_series("Pt", 3.0, "cube"), "kind is 'cube'; .*'icosahedron'"),
        (lambda: multiply_twinned_series("Pt", -1.0), "max_diameter is -1.0"),
        (lambda: multiply_twinned_series("Pt", np.nan), "max_diameter is nan"),
        (lambda: multiply_twinned_series("Pt", 60.0), "max_diameter is 60 nm: .*more than a min"),
        (lambda: multiply_twinned_series("Pt", 3.0, fill="half"), "fill is 'half'"),
        (lambda: multiply_twinned_series("PbS", 3.0), "crystal is PbS"),
        (lambda: multiply_twinned_series("unobtainium", 3.0), "unknown crystal"),
        (
            lambda: sq.simulate_library("PbS", shape="icosahedron"),
            "shape is 'icosahedron' and the crystal PbS; .* fcc metals",
        ),
        (
            lambda: sq.simulate_library(Crystal.builtin("Pt", primitive=False), shape="decahedron"),
            "shape is 'decahedron' .* primitive=True",
        ),
        (
            lambda: sq.simulate_library("Pt", shape="decahedron", fill="half"),
            "fill is 'half'",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_tetragonal_crystal_is_no_fcc_metal():
    with pytest.raises(ValueError, match="fcc metals"):
        icosahedron(PT.strained((0.0, 0.0, 0.01)), 2)
    assert len(icosahedron(PT.strained(0.01), 2)) == 55


def test_displacements_and_occupancies_are_the_crystals():
    crystal = PT.with_b_iso(0.7)
    assert decahedron(crystal, 3).species == (crystal.sublattices[0].species,)
    assert multiply_twinned_series(crystal, 1.0).table().species[0].b_iso == 0.7

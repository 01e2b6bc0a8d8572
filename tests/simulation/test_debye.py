"""The Debye sum against a double loop over atoms, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    Cluster,
    Crystal,
    FreeAtoms,
    compton_intensity,
    cut_cluster,
    debye_intensity,
    distance_table,
    form_factor,
    neutron_scattering_length,
    pair_sums,
    shape_names,
    structure_factor,
    tabulated_ions,
)

PBS = Crystal.builtin("PbS")
WAVELENGTH = 0.56
EVEN = np.linspace(1.0, 15.0, 57)
UNEVEN = np.sort(np.random.default_rng(0).uniform(1.0, 15.0, 57))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["PbS", "skewed", "CdSe wurtzite", "CsPbBr3 orthorhombic", "CeO2"]),
    shape=st.sampled_from(shape_names()),
    fill=st.sampled_from(["cells", "volume", "atoms"]),
    diameter=st.floats(0.9, 2.0),
    strain=st.floats(-0.02, 0.02),
    q=st.sampled_from([EVEN, UNEVEN]),
    counted=st.sampled_from([("lattice", 1e-12), ("free", 1e-10)]),
)
def test_both_methods_equal_brute_force(
    crystals, all_atoms_intensity, species_of_atoms, name, shape, fill, diameter, strain, q, counted
):
    cluster = cut_cluster(crystals[name], shape, diameter, fill=fill)
    _, positions = cluster.atoms()
    parts = None
    if fill == "volume":
        parts = np.tile(cluster.occupancies, len(cluster.crystal.sublattices))
    expected = all_atoms_intensity(
        species_of_atoms(cluster), positions * (1.0 + strain), q, WAVELENGTH, parts
    )
    table = distance_table(cluster, method=counted[0])
    for method, tolerance in (("direct", counted[1]), ("fast", 1e-6)):
        found = debye_intensity(table, q, wavelength=WAVELENGTH, strain=strain, method=method)[0]
        np.testing.assert_allclose(found, expected, rtol=tolerance)


@pytest.mark.parametrize("shape", ["sphere", "cube", "rod"])
@pytest.mark.parametrize("diameter", [10.0, 20.0])
@pytest.mark.parametrize("fill", ["cells", "volume"])
@pytest.mark.parametrize("uneven", [False, True])
def test_fast_equals_direct_for_large_particles(shape, diameter, fill, uneven):
    q = np.linspace(1.0, 15.0, 400)
    if uneven:
        q = np.sort(np.random.default_rng(1).uniform(1.0, 15.0, 400))
    table = distance_table(cut_cluster(PBS, shape, diameter, fill=fill))
    fast, direct = (
        debye_intensity(table, q, wavelength=WAVELENGTH, method=m) for m in ("fast", "direct")
    )
    np.testing.assert_allclose(fast, direct, rtol=1e-6)
    sums = zip(pair_sums(table, q), pair_sums(table, q, method="direct"), strict=True)
    for group, (found, expected) in zip(table.groups, sums, strict=True):
        bound = 1e-11 / q * (group.multiplicities / group.distances).sum()
        assert (np.abs(found - expected) < bound).all()


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["PbS", "skewed", "CdSe wurtzite"]),
    n_nodes=st.integers(1, 60),
    seed=st.integers(0, 2**31),
)
def test_random_clusters_equal_brute_force(
    crystals, all_atoms_intensity, species_of_atoms, name, n_nodes, seed
):
    rng = np.random.default_rng(seed)
    places = rng.permutation(6**3)[:n_nodes]
    nodes = np.array(np.unravel_index(places, (6, 6, 6))).T + rng.integers(-100, 100, 3)
    n_sublattices = len(crystals[name].sublattices)
    filled = rng.random((n_nodes, n_sublattices)) < 0.8
    filled[0, 0] = True
    for cluster in (
        Cluster(crystals[name], nodes, 1.0),
        Cluster(crystals[name], nodes, 1.0, filled),
    ):
        species, (_, positions) = species_of_atoms(cluster), cluster.atoms()
        expected = all_atoms_intensity(species, positions, UNEVEN, WAVELENGTH)
        for counted, exact in (("lattice", 1e-12), ("free", 1e-10)):
            table = distance_table(cluster, method=counted)
            for method, tolerance in (("direct", exact), ("fast", 1e-6)):
                found = debye_intensity(table, UNEVEN, wavelength=WAVELENGTH, method=method)[0]
                np.testing.assert_allclose(found, expected, rtol=tolerance)


@settings(max_examples=20, deadline=None)
@given(shape=st.sampled_from(shape_names()), diameter=st.floats(1.0, 3.0))
def test_forward_scattering_is_the_square_of_all_electrons(shape, diameter):
    q = np.array([1e-4])
    table = distance_table(cut_cluster(PBS, shape, diameter, fill="atoms"))
    intensity = debye_intensity(table, q, wavelength=WAVELENGTH, compton=False)
    amplitude = sum(
        n * form_factor(s.element, q, WAVELENGTH)
        for n, s in zip(table.counts[0], table.species, strict=True)
    )
    assert intensity[0, 0] == pytest.approx(float(np.abs(amplitude[0]) ** 2), rel=1e-4)


@pytest.mark.parametrize("name", ["PbS", "CsPbBr3 orthorhombic", "Fe3O4"])
def test_large_q_is_the_sum_of_the_atoms(name):
    q = np.linspace(40.0, 44.0, 9)
    wavelength = 0.2
    crystal = Crystal.builtin(name).with_b_iso(2.0)
    table = distance_table(cut_cluster(crystal, "sphere", 2.0))
    intensity = debye_intensity(table, q, wavelength=wavelength)
    atoms = sum(
        n
        * s.occupancy
        * (np.abs(form_factor(s.element, q, wavelength)) ** 2
           + compton_intensity(s.element, q, wavelength))
        for n, s in zip(table.counts[0], table.species, strict=True)
    )  # fmt: skip
    np.testing.assert_allclose(intensity[0], atoms, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(strain=st.floats(-0.05, 0.05), shape=st.sampled_from(shape_names()))
def test_strain_scales_q_of_the_pair_sums(strain, shape):
    q = np.linspace(1.0, 10.0, 50)
    table = distance_table(cut_cluster(PBS, shape, 2.0))
    stretched = distance_table(cut_cluster(PBS.strained(strain), shape, 2.0 * (1 + strain)))
    for a, b, c in zip(
        pair_sums(table, q, strain=strain),
        pair_sums(table, q * (1 + strain)),
        pair_sums(stretched, q),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-7)
        np.testing.assert_allclose(a, c, rtol=1e-7, atol=1e-6)


def test_order_of_sublattices_changes_nothing(crystals):
    q = np.linspace(1.0, 15.0, 100)
    skewed = crystals["skewed"]
    turned = Crystal("turned", skewed.vectors, skewed.sublattices[::-1])
    a, b = (
        debye_intensity(distance_table(cut_cluster(c, "sphere", 2.5)), q, wavelength=WAVELENGTH)
        for c in (skewed, turned)
    )
    np.testing.assert_allclose(a, b, rtol=1e-9)


def test_two_theta_is_q():
    table = distance_table(cut_cluster(PBS, "sphere", 2.0))
    angles = np.linspace(20.0, 80.0, 200)
    q = 4 * np.pi / 1.5406 * np.sin(np.deg2rad(angles) / 2)
    by_angle = debye_intensity(table, two_theta=angles, wavelength=1.5406)
    np.testing.assert_allclose(by_angle, debye_intensity(table, q, wavelength=1.5406), rtol=1e-9)


def test_b_iso_of_the_call_is_that_of_the_crystal():
    q = np.linspace(1.0, 15.0, 100)
    table = distance_table(cut_cluster(PBS, "sphere", 2.0))
    other = distance_table(cut_cluster(PBS.with_b_iso({"Pb": 0.5, "S": 2.0}), "sphere", 2.0))
    np.testing.assert_allclose(
        debye_intensity(table, q, wavelength=0.5, b_iso={"Pb": 0.5, "S": 2.0}),
        debye_intensity(other, q, wavelength=0.5),
        rtol=1e-12,
    )


def test_neutrons_see_scattering_lengths():
    q = np.linspace(1.0, 15.0, 40)
    pair = FreeAtoms(["Pb", "S"], [[0, 0, 0], [3.0, 0, 0]], b_iso=0.0)
    found = debye_intensity(distance_table(pair), q, radiation="neutron")[0]
    expected = 9.405**2 + 2.847**2 + 2 * 9.405 * 2.847 * np.sin(3 * q) / (3 * q)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert neutron_scattering_length("D") == pytest.approx(6.671)
    with pytest.raises(ValueError, match="Po"):
        neutron_scattering_length("Po")


def test_ions_have_their_own_form_factors():
    q = np.array([0.01, 10.0])
    ion, atom = (form_factor("Pb", q, WAVELENGTH, charge=c).real for c in (2, 0))
    np.testing.assert_allclose(ion - atom, [-2.0, 0.0], atol=0.05)
    assert tabulated_ions("O") == (-2, -1, 0)
    with pytest.raises(ValueError, match=r"charge of S is -2; .* tabulated for 0"):
        form_factor("S", q, WAVELENGTH, charge=-2)


def test_tabulated_scattering_factors():
    q = np.array([1.0, 5.0, 10.0, 15.0])
    f_lead = form_factor("Pb", q, WAVELENGTH) - (-1.4016 + 6.8875j)
    np.testing.assert_allclose(f_lead.real, [79.049, 54.958, 36.485, 25.460], atol=2e-3)
    np.testing.assert_allclose(f_lead.imag, 0.0, atol=1e-3)
    recoil = compton_intensity("S", q, WAVELENGTH) / [1.503, 7.980, 11.308, 13.240]
    energy, sine = 22.1400, q * WAVELENGTH / (4 * np.pi)
    np.testing.assert_allclose(recoil, (1 + energy / 511.0 * 2 * sine**2) ** -2, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": np.array([])}, "not empty"),
        ({"q": np.array([0.0, 1.0])}, "positive.* 0.0"),
        ({"q": np.array([1.0, np.nan])}, "finite"),
        ({"q": np.array([[1.0]])}, "one-dimensional"),
        ({"q": np.array([30.0])}, r"q reaches 30 .* 4 pi / wavelength = 22.44"),
        ({"q": None}, "either q or two_theta"),
        ({"two_theta": [20.0]}, "either q or two_theta"),
        ({"q": None, "two_theta": [-20.0]}, r"two_theta holds -20.0 .* \(0, 180\]"),
        ({"q": None, "two_theta": [20.0], "wavelength": None}, "wavelength is missing"),
        ({"q": None, "two_theta": [20.0], "wavelength": 0.0}, "wavelength is 0.0"),
        ({"wavelength": -1.0}, "wavelength is -1.0"),
        ({"wavelength": None}, "wavelength is missing"),
        ({"strain": -1.0}, "strain is -1.0"),
        ({"strain": (0.01, 0.0, 0.0)}, r"Crystal\.strained"),
        ({"wavelength": [0.5, 0.6]}, "wavelength is"),
        ({"wavelength": "CuKa"}, "wavelength is 'CuKa'"),
        ({"b_iso": [1.0, 2.0]}, r"b_iso .* is \[1.0, 2.0\]"),
        ({"b_iso": -1.0}, r"b_iso .* is -1.0"),
        ({"b_iso": {"Se": 1.0}}, "b_iso names Se"),
        ({"radiation": "light"}, "radiation is 'light'"),
        ({"method": "guess"}, "method is 'guess'"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"q": np.array([1.0]), "wavelength": WAVELENGTH, **change}
    table = distance_table(cut_cluster(PBS, "sphere", 1.0))
    with pytest.raises(ValueError, match=message):
        debye_intensity(table, arguments.pop("q"), **arguments)


def test_other_things_instead_of_a_table():
    cluster = cut_cluster(PBS, "sphere", 1.0)
    for call in (debye_intensity, pair_sums, structure_factor):
        with pytest.raises(TypeError, match=r"table is a Cluster; .* distance_table\(particle\)"):
            call(cluster, np.array([1.0]))
    with pytest.raises(TypeError, match="give a Cluster"):
        distance_table(PBS)
    assert repr(distance_table(cluster)) == "DistanceTable(PbS: 1 particles, 10 distances)"


def test_unknown_element():
    with pytest.raises(ValueError, match="Xx"):
        form_factor("Xx", np.array([1.0]), WAVELENGTH)
    with pytest.raises(ValueError, match="no anomalous terms of Pu are tabulated"):
        form_factor("Pu", np.array([1.0]), WAVELENGTH)


@settings(max_examples=50, deadline=None)
@given(wavelength=st.floats(0.05, 3.0))
def test_the_largest_angle_is_allowed(wavelength):
    table = distance_table(cut_cluster(PBS, "sphere", 0.5))
    debye_intensity(table, two_theta=[180.0], wavelength=wavelength)
    debye_intensity(table, [4 * np.pi / wavelength], wavelength=wavelength)

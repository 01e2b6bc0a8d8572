"""Cores with shells and diffuse surfaces against all pairs of atoms, the crystals, elasticity."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from sk_qdots.simulation import (
    Crystal,
    Ellipsoid,
    FreeAtoms,
    Sublattice,
    core_shell,
    cut_cluster,
    debye_intensity,
    decahedron,
    diffuse_surface,
    distance_table,
    form_factor,
)

Q = np.linspace(0.7, 15.0, 50)
WAVELENGTH = 0.5
PAIRS = [
    ("CdSe zinc blende", "CdS zinc blende"),
    ("CdSe zinc blende", "ZnS"),
    ("CdSe wurtzite", "CdS wurtzite"),
    ("PbS", "CdS zinc blende"),
    ("InP", "ZnS"),
    ("Pt", "Au"),
]


def species(atoms):
    return [atoms.species[k] for k in atoms.kinds]


def elements(atoms):
    return np.array([s.element for s in species(atoms)])


def of(atoms, element):
    return atoms.positions[elements(atoms) == element]


def within(points, others):
    """Whether every point is one of others."""
    return cKDTree(others).query(points)[0].max() < 1e-6


def nearest(atoms, first, second):
    gaps = np.linalg.norm(of(atoms, first)[:, None] - of(atoms, second), axis=2)
    return gaps[gaps > 1e-6].min()


def pattern(atoms, q=Q, **options):
    return debye_intensity(distance_table(atoms), q, wavelength=WAVELENGTH, **options)[0]


@pytest.mark.parametrize(("core", "shell"), PAIRS)
@pytest.mark.parametrize("options", [{}, {"fill": "cells"}, {"relaxed": True}])
def test_core_and_shell_equal_brute_force(all_atoms_intensity, core, shell, options):
    atoms = core_shell(core, shell, 1.6, 0.4, **options)
    expected = all_atoms_intensity(species(atoms), atoms.positions, Q, WAVELENGTH)
    np.testing.assert_allclose(pattern(atoms), expected, rtol=0, atol=1e-6 * expected.max())


@pytest.mark.parametrize(("core", "shell"), PAIRS)
@pytest.mark.parametrize("thickness", [0.0, 1e-9, 1e-4])
@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize("fill", ["atoms", "cells"])
def test_without_a_shell_it_is_the_plain_particle(core, shell, thickness, relaxed, fill):
    plain = cut_cluster(core, "sphere", 2.03, fill=fill)
    atoms = core_shell(core, shell, 2.03, thickness, relaxed=relaxed, fill=fill)
    np.testing.assert_allclose(
        pattern(atoms), pattern(FreeAtoms.from_cluster(plain)), rtol=1e-9, atol=0
    )
    exact = pattern(plain)
    np.testing.assert_allclose(pattern(atoms), exact, rtol=0, atol=1e-6 * exact.max())


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(["PbS", "CdSe wurtzite", "CsPbBr3 cubic", "Pt", "CeO2", "TiO2 anatase"]),
    shape=st.sampled_from(["sphere", "cube", "rod", "truncated octahedron"]),
    diameter=st.floats(1.5, 2.5),
    thickness=st.floats(0.1, 0.5),
    fill=st.sampled_from(["atoms", "cells"]),
    centre=st.sampled_from([(0.0, 0.0, 0.0), (1.0, -0.5, 0.3)]),
)
def test_a_shell_of_the_same_crystal_makes_a_larger_particle(
    name, shape, diameter, thickness, fill, centre
):
    options = {"fill": fill, "centre": centre}
    grown = core_shell(name, name, diameter, thickness, shape, **options)
    plain = cut_cluster(name, shape, diameter + 2 * thickness, **options)
    plain = FreeAtoms.from_cluster(plain)
    assert len(grown) == len(plain)
    for element in set(elements(plain)):
        assert within(of(plain, element), of(grown, element))
    assert sorted(map(repr, grown.species)) == sorted(map(repr, plain.species))
    np.testing.assert_allclose(pattern(grown), pattern(plain), rtol=1e-9)


def test_composition_of_cadmium_selenide_with_sulfide():
    core = cut_cluster("CdSe zinc blende", "sphere", 3.0, fill="atoms")
    whole = cut_cluster("CdSe zinc blende", "sphere", 4.0, fill="atoms")
    atoms = core_shell("CdSe zinc blende", "CdS zinc blende", 3.0, 0.5)
    inside, outside = (Counter(c.atoms()[0]) for c in (core, whole))
    found = Counter(elements(atoms).tolist())
    assert found["Se"] == inside["Se"]
    assert found["S"] == outside["Se"] - inside["Se"]
    assert found["Cd"] == outside["Cd"]
    assert np.linalg.norm(of(atoms, "Se"), axis=1).max() <= 15.0
    assert np.linalg.norm(of(atoms, "S"), axis=1).min() > 15.0
    assert np.linalg.norm(atoms.positions, axis=1).max() <= 20.0
    crystal = Crystal.builtin("CdSe zinc blende")
    bond = crystal.shortest_distance("Cd", "Se")
    assert nearest(atoms, "Cd", "S") == pytest.approx(bond)  # on the lattice of the core
    shell = Crystal.builtin("CdS zinc blende")
    values = {s.element: s.b_iso for s in shell.sublattices}
    assert {s.b_iso for s in atoms.species if s.element == "S"} == {values["S"]}
    assert atoms.name == "CdSe zinc blende/CdS zinc blende"


def test_whole_cells_keep_the_composition():
    atoms = core_shell("CdSe zinc blende", "ZnS", 3.0, 0.5, fill="cells")
    found = Counter(elements(atoms).tolist())
    assert found["Cd"] == found["Se"]
    assert found["Zn"] == found["S"]


def test_cation_exchange_keeps_the_anions():
    before = FreeAtoms.from_cluster(cut_cluster("PbS", "sphere", 5.0, fill="atoms"))
    after = core_shell("PbS", "CdS zinc blende", 3.4, 0.8)
    assert len(of(before, "S")) == len(of(after, "S"))
    assert within(of(before, "S"), of(after, "S"))
    assert within(of(after, "Pb"), of(before, "Pb"))
    a = 4 * Crystal.builtin("PbS").shortest_distance("Pb", "S") / 2
    assert nearest(after, "Cd", "S") == pytest.approx(np.sqrt(3) / 4 * a)  # tetrahedra
    assert nearest(after, "Pb", "S") == pytest.approx(a / 2)  # octahedra
    assert nearest(after, "Pb", "Cd") > a / 2  # no bond between cations
    gaps = np.linalg.norm(of(after, "Cd")[:, None] - of(after, "S"), axis=2)
    assert (gaps < 0.45 * a).sum(axis=1).max() == 4


def test_a_rock_salt_shell_has_no_gap():
    lead = Crystal.builtin("PbS")
    sites = tuple(
        replace(s, element={"Pb": "Cd"}.get(s.element, s.element)) for s in lead.sublattices
    )
    cadmium = replace(lead, name="CdS rock salt", sublattices=sites)
    atoms = core_shell(lead, cadmium, 3.0, 0.5)
    found = Counter(elements(atoms).tolist())
    assert found["Pb"] + found["Cd"] == len(cut_cluster(lead, "sphere", 4.0).nodes)


def test_wurtzite_keeps_both_layers():
    atoms = core_shell("CdSe wurtzite", "CdS wurtzite", 3.0, 0.5)
    whole = FreeAtoms.from_cluster(cut_cluster("CdSe wurtzite", "sphere", 4.0, fill="atoms"))
    anions = np.concatenate([of(atoms, "Se"), of(atoms, "S")])
    assert len(anions) == len(of(whole, "Se"))
    assert within(anions, of(whole, "Se"))
    # The shell's cations have the internal coordinate of their own crystal.
    assert cKDTree(of(whole, "Cd")).query(of(atoms, "Cd"))[0].max() < 0.05


def test_a_crystal_described_upside_down_is_turned():
    crystal = Crystal.builtin("CdS zinc blende")
    turned = replace(
        crystal,
        sublattices=tuple(
            replace(s, offset=tuple(-x + 0.7 for x in s.offset)) for s in crystal.sublattices
        ),
    )
    first, second = (core_shell("CdSe zinc blende", c, 2.5, 0.4) for c in (crystal, turned))
    assert within(first.positions, second.positions)
    assert len(first) == len(second)


@pytest.mark.parametrize("shape", ["cube", "rod", "octahedron", "ellipsoid", Ellipsoid((2, 2, 3))])
def test_shapes_of_core_and_shell(shape):
    atoms = core_shell("Pt", "Au", 2.5, 0.4, shape)
    core = cut_cluster("Pt", shape, 2.5, fill="atoms")
    whole = cut_cluster("Pt", shape, 3.3, fill="atoms")
    assert len(of(atoms, "Pt")) == core.n_atoms
    assert len(atoms) == whole.n_atoms


@settings(max_examples=20, deadline=None)
@given(diameter=st.floats(1.5, 4.0), thickness=st.floats(0.15, 1.0))
def test_a_relaxed_sphere_is_in_balance(diameter, thickness):
    """Displacements against the linear equations of elasticity, solved by numbers."""
    core, shell = (Crystal.builtin(f"{name} zinc blende") for name in ("CdSe", "CdS"))
    rigid = core_shell(core, shell, diameter, thickness)
    moved = core_shell(core, shell, diameter, thickness, relaxed=True)
    mismatch = shell.conventional[0, 0] / core.conventional[0, 0] - 1
    inner, outer = 5 * diameter, 5 * diameter + 10 * thickness
    bulk, shear = 1.0, 3 / 8  # of Poisson's ratio 1/3
    # Unknowns: strain of the core, uniform and 1/r^3 part of the shell's.
    balance = [
        [1, -1, -1],  # the interface does not open
        [3 * bulk, -3 * bulk, 4 * shear],  # nor does it push
        [0, 3 * bulk, -4 * shear * (inner / outer) ** 3],  # nothing pulls at the surface
    ]
    a, b, c = np.linalg.solve(balance, [0, -3 * bulk * mismatch, 3 * bulk * mismatch])
    radii = np.linalg.norm(rigid.positions, axis=1)
    strain = np.where(radii <= inner, a, b + c * (inner / np.maximum(radii, 1e-9)) ** 3)
    np.testing.assert_allclose(moved.positions, rigid.positions * (1 + strain)[:, None], atol=1e-9)
    assert mismatch / 3 < a < 0  # the core gives way by less than a third


def test_a_thick_shell_has_its_own_lattice():
    core, shell = Crystal.builtin("CdSe zinc blende"), Crystal.builtin("CdS zinc blende")
    atoms = core_shell(core, shell, 1.5, 2.0, relaxed=True)
    radii = np.linalg.norm(of(atoms, "S"), axis=1)
    far = of(atoms, "S")[(radii > 18) & (radii < 24)]
    lengths, _ = cKDTree(of(atoms, "Cd")).query(far, k=4)
    assert lengths.mean() == pytest.approx(shell.shortest_distance("Cd", "S"), rel=2e-3)


@settings(max_examples=25, deadline=None)
@given(diameter=st.floats(1.2, 3.0), thickness=st.floats(0.05, 0.8), more=st.floats(0.3, 0.6))
def test_more_shell_is_more_atoms(diameter, thickness, more):
    def grown(t):
        return core_shell("PbS", "CdS zinc blende", diameter, t)

    atoms, larger = grown(thickness), grown(thickness + more)
    assert len(larger) > len(atoms)
    assert len(of(larger, "Pb")) == len(of(atoms, "Pb"))
    assert within(atoms.positions, larger.positions)
    # Everything scatters in phase where Q tends to 0.
    q = np.array([1e-4])
    total = sum(
        n * form_factor(e, q, WAVELENGTH) for e, n in Counter(elements(atoms).tolist()).items()
    )
    found = pattern(atoms, q, compton=False, b_iso=0.0)
    np.testing.assert_allclose(found, np.abs(total) ** 2, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(
    thickness=st.floats(0.05, 1.0),
    occupancy=st.floats(0.1, 1.0),
    b_iso=st.floats(0.0, 5.0),
    seed=st.integers(0, 2**31),
)
def test_diffuse_surfaces_equal_brute_force(all_atoms_intensity, thickness, occupancy, b_iso, seed):
    particle = core_shell("CdSe zinc blende", "CdS zinc blende", 1.4, 0.3)
    atoms = diffuse_surface(particle, thickness, b_iso=b_iso, occupancy=occupancy)
    expected = all_atoms_intensity(species(atoms), atoms.positions, Q, WAVELENGTH)
    np.testing.assert_allclose(pattern(atoms), expected, rtol=0, atol=1e-6 * expected.max())
    np.testing.assert_array_equal(atoms.positions, particle.positions)
    assert elements(atoms).tolist() == elements(particle).tolist()
    order = np.random.default_rng(seed).permutation(len(particle))
    shuffled = FreeAtoms(
        elements(particle)[order].tolist(),
        particle.positions[order] + 7.0,
        b_iso=[s.b_iso for s in np.array(species(particle), dtype=object)[order]],
    )
    again = diffuse_surface(shuffled, thickness, b_iso=b_iso, occupancy=occupancy)
    np.testing.assert_allclose(pattern(again), expected, rtol=0, atol=1e-6 * expected.max())


def test_missing_atoms_scatter_as_the_mean_of_particles_without_them(all_atoms_intensity):
    """Self and incoherent terms with the occupancy, pairs with both: a mean of drawn particles."""
    whole = FreeAtoms.from_cluster(cut_cluster("PbS", "sphere", 1.8))
    atoms = diffuse_surface(whole, 0.25, occupancy=0.6)
    shares = np.array([s.occupancy for s in atoms.species])[atoms.kinds]
    assert set(shares) == {0.6, 1.0}
    q = np.linspace(1.0, 15.0, 12)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(400):
        there = rng.random(len(shares)) < shares
        kinds = [s for s, t in zip(species(whole), there, strict=True) if t]
        drawn.append(all_atoms_intensity(kinds, whole.positions[there], q, WAVELENGTH))
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0) / np.sqrt(len(drawn))
    found = pattern(atoms, q)
    assert (np.abs(found - mean) < 3.5 * error).all()
    np.testing.assert_allclose(found, mean, rtol=0.02)


def test_the_layer_of_a_sphere_is_what_is_far_out():
    particle = cut_cluster("Pt", "sphere", 6.0)
    atoms = diffuse_surface(particle, 0.6, b_iso={"Pt": 2.0})
    radii = np.linalg.norm(atoms.positions, axis=1)
    outer = np.array([s.b_iso for s in atoms.species])[atoms.kinds] == 2.0
    assert not outer[radii < 22].any()
    assert outer[radii > 25].all()
    cube = diffuse_surface(cut_cluster("Pt", "cube", 4.0), 0.2, b_iso=2.0)
    edge = np.abs(cube.positions).max()
    faces = np.abs(cube.positions).max(axis=1) >= edge - 2.0
    np.testing.assert_array_equal(
        np.array([s.b_iso for s in cube.species])[cube.kinds] == 2.0, faces
    )


@pytest.mark.parametrize("particle", ["cluster", "atoms"])
def test_no_layer_changes_nothing(particle):
    cluster = cut_cluster("CdSe wurtzite", "rod", 2.0)
    given = cluster if particle == "cluster" else FreeAtoms.from_cluster(cluster)
    plain = pattern(FreeAtoms.from_cluster(cluster))
    for atoms in (
        diffuse_surface(given, 0.0, b_iso=3.0, occupancy=0.5),
        diffuse_surface(given, 0.5),
    ):
        np.testing.assert_allclose(pattern(atoms), plain, rtol=1e-9)


def test_layers_of_flat_and_tiny_particles_are_all_of_them():
    for positions in (
        [[0.0, 0, 0]],
        [[0.0, 0, 0], [3, 0, 0]],
        [[x, y, 0.0] for x in (0, 3) for y in (0, 3, 6)],
    ):
        atoms = FreeAtoms(["Pt"] * len(positions), positions)
        found = diffuse_surface(atoms, 0.1, occupancy=0.5)
        assert [s.occupancy for s in found.species] == [0.5]


def test_layers_add_up():
    twice = diffuse_surface(
        diffuse_surface(decahedron("Pt", 4, 4), 0.5, b_iso=1.0), 0.1, occupancy=0.5, b_iso=2.0
    )
    assert sorted((s.b_iso, s.occupancy) for s in twice.species) == [
        (Crystal.builtin("Pt").sublattices[0].b_iso, 1.0),
        (1.0, 1.0),
        (2.0, 0.5),
    ]
    half = diffuse_surface(FreeAtoms(["Pt"], [[0, 0, 0]], occupancy=0.5), 0.1, occupancy=0.5)
    assert half.species[0].occupancy == 0.25


def test_the_self_term_is_what_is_left_at_large_q():
    atoms = diffuse_surface(cut_cluster("Pt", "sphere", 2.0), 0.3, occupancy=0.5, b_iso=60.0)
    atoms = FreeAtoms(
        elements(atoms).tolist(),
        atoms.positions,
        b_iso=60.0,
        occupancy=np.array([s.occupancy for s in atoms.species])[atoms.kinds],
    )
    q = np.array([12.0])
    shares = np.array([s.occupancy for s in atoms.species])[atoms.kinds]
    expected = shares.sum() * np.abs(form_factor("Pt", q, WAVELENGTH)) ** 2
    np.testing.assert_allclose(pattern(atoms, q, compton=False), expected, rtol=1e-9)


PT = Crystal.builtin("Pt")
SIMPLE = Crystal(
    "Po", ((3.36, 0, 0), (0, 3.36, 0), (0, 0, 3.36)), (Sublattice("Po", (0, 0, 0), 1.0),)
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: core_shell("PbS", "CdS wurtzite", 3, 0.5),
            "shell is CdS wurtzite, .*Bravais type",
        ),
        (
            lambda: core_shell("CdSe wurtzite", "ZnS", 3, 0.5),
            "shell is ZnS, .*CdSe wurtzite.*Bravais",
        ),
        (lambda: core_shell(PT, SIMPLE, 3, 0.5), "shell is Po, .*Bravais"),
        (
            lambda: core_shell(Crystal.builtin("PbS", primitive=False), "PbS", 3, 0.5),
            "conventional cell.* same primitive=",
        ),
        (lambda: core_shell("PbTe", "ZnS", 3, 0.5), "shell is ZnS, .*-16.3 %, .*up to 12 %; take"),
        (
            lambda: core_shell("PbS", "CeO2", 3, 0.5),
            r"no common sublattice of anions \(S of the core, O",
        ),
        (
            lambda: core_shell("PbS", PT.strained(0.5), 3, 0.5),
            "shell is Pt.*anions .*none of the shell",
        ),
        (lambda: core_shell(PT.strained(0.5), "PbS", 3, 0.5), r"anions \(none of the core"),
        (lambda: core_shell("PbS", "PbS", -3, 0.5), "diameter is -3"),
        (lambda: core_shell("PbS", "PbS", np.nan, 0.5), "diameter is nan"),
        (lambda: core_shell("PbS", "PbS", 3, -0.5), "thickness is -0.5; .*0 makes none"),
        (lambda: core_shell("PbS", "PbS", 3, np.inf), "thickness is inf"),
        (lambda: core_shell("PbS", "PbS", 3, 0.5, "banana"), "shape is 'banana'"),
        (lambda: core_shell("PbS", "PbS", 3, 0.5, fill="volume"), "fill is 'volume'"),
        (lambda: core_shell("PbS", "PbS", 3, 0.5, centre=(0, 0)), "centre is"),
        (lambda: core_shell("PbS", "nothing", 3, 0.5), "unknown crystal 'nothing'"),
        (
            lambda: core_shell("PbS", "PbS", 3, 0.5, "cube", relaxed=True),
            "relaxed is True and shape 'cube'",
        ),
        (lambda: core_shell("PbS", "PbS", 0.01, 0.5, centre=(1, 1, 1)), "no atom of PbS"),
        (lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), -1), "thickness is -1"),
        (lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), "1"), "thickness is '1'"),
        (
            lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), 1, occupancy=0),
            "occupancy is 0",
        ),
        (
            lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), 1, occupancy=1.2),
            "occupancy is 1.2",
        ),
        (lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), 1, b_iso=-1), "b_iso .*-1"),
        (
            lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2), 1, b_iso={"Se": 1}),
            "b_iso names Se",
        ),
        (
            lambda: diffuse_surface(cut_cluster("PbS", "sphere", 2, fill="volume"), 1, b_iso=1),
            "fill='volume'",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_no_particle_is_refused():
    with pytest.raises(TypeError, match="particle is a str"):
        diffuse_surface("PbS", 0.3)
    with pytest.raises(TypeError, match="crystal is a int"):
        core_shell(3, "PbS", 3.0, 0.5)

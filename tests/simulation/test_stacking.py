"""Stacking disorder against brute force: every sequence with its probability, and random ones."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.simulation import (
    Crystal,
    Cylinder,
    FreeAtoms,
    Stacking,
    Sublattice,
    Twinned,
    close_layers,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    ideal_layers,
    stacked_tables,
)
from sk_qdots.simulation.layered import sequenced

Q = np.linspace(0.5, 20.0, 400)
PROBABILITIES = st.floats(0.0, 1.0)


def intensity(particle):
    return debye_intensity(distance_table(particle), Q, wavelength=0.5)[0]


def direct(particle):
    """All pairs of atoms, in double precision, without any table."""
    elements, positions = particle.atoms()
    crystal = particle.crystal
    form = {
        s.element: sq.simulation.form_factor(s.element, Q, 0.5)
        * sq.simulation.debye_waller_factor(s.b_iso, Q)
        for s in crystal.sublattices
    }
    alone = {e: sq.simulation.form_factor(e, Q, 0.5) for e in form}
    total = np.zeros(len(Q))
    for e in set(elements):
        n = elements.count(e)
        total += n * (np.abs(alone[e]) ** 2 + sq.simulation.compton_intensity(e, Q, 0.5))
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    kinds = np.array(elements)
    for one, other in itertools.product(set(elements), repeat=2):
        d = gaps[np.ix_(kinds == one, kinds == other)].ravel()
        d = d[d > 1e-6]
        sums = np.array([np.sinc(q * d / np.pi).sum() for q in Q])
        total += (form[one] * form[other].conj()).real * sums
    return total


def hexagonal_of(cubic):
    """The ideal hexagonal crystal of the layers of a cubic one."""
    layers = close_layers(cubic)
    normal, fine = layers.normal, layers.fine.lattice
    first, second = 2 * fine[0] - fine[1], fine[0] + fine[1]
    step = fine[0] + layers.height * normal
    vectors = tuple(map(tuple, (first, second, 2 * layers.height * normal)))
    atoms = [
        Sublattice(s.element, tuple(np.asarray(s.offset) + shift), s.b_iso)
        for shift in (np.zeros(3), step)
        for s in layers.fine.sublattices
    ]
    return Crystal("hexagonal", vectors, tuple(atoms))


@pytest.mark.parametrize("name", ["Pt", "CdSe zinc blende"])
@pytest.mark.parametrize("fill", ["cells", "volume", "atoms"])
def test_no_faults_are_the_cubic_crystal(name, fill):
    centre = tuple(close_layers(name).hollow)
    faulted = cut_cluster(name, "sphere", 3.0, fill=fill, stacking=Stacking())
    cubic = cut_cluster(name, "sphere", 3.0, fill=fill, centre=centre)
    np.testing.assert_allclose(intensity(faulted), intensity(cubic), rtol=1e-9)
    assert faulted.n_atoms == pytest.approx(cubic.n_atoms, rel=0.01)


@pytest.mark.parametrize("name", ["Pt", "CdSe zinc blende", "ZnS"])
def test_all_faults_are_the_hexagonal_crystal(name):
    layers = close_layers(name)
    other = hexagonal_of(Crystal.builtin(name))
    expected = cut_cluster(other, "sphere", 3.0, fill="atoms", centre=tuple(layers.hollow))
    found = cut_cluster(name, "sphere", 3.0, fill="atoms", stacking=Stacking(growth=1.0))
    np.testing.assert_allclose(intensity(found), intensity(expected), rtol=1e-9)


@pytest.mark.parametrize("ideal", [False, True])
def test_wurtzite_is_a_sequence_of_its_own_layers(ideal):
    crystal = Crystal.builtin("CdSe wurtzite")
    crystal = ideal_layers(crystal) if ideal else crystal
    centre = tuple(close_layers(crystal).hollow)
    found = cut_cluster(crystal, "sphere", 3.0, fill="atoms", stacking=Stacking(growth=1.0))
    expected = cut_cluster(crystal, "sphere", 3.0, fill="atoms", centre=centre)
    np.testing.assert_allclose(intensity(found), intensity(expected), rtol=1e-9)


def test_ideal_wurtzite_without_faults_is_zinc_blende():
    """The same layers from either side: a zinc blende of the volume of ideal wurtzite."""
    wurtzite = ideal_layers("CdSe wurtzite")
    layers = close_layers(wurtzite)
    a = layers.spacing * np.sqrt(2.0)
    zinc_blende = Crystal.builtin("CdSe zinc blende")
    strained = zinc_blende.strained(a / np.linalg.norm(zinc_blende.conventional[0]) - 1.0)
    b_iso = {s.element: s.b_iso for s in wurtzite.sublattices}
    one, other = (
        intensity(cut_cluster(c, "sphere", 3.0, stacking=Stacking(growth=0.4)))
        for c in (wurtzite, strained.with_b_iso(b_iso))
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize(("name", "diameter"), [("Pt", 1.8), ("CdSe zinc blende", 2.2)])
@pytest.mark.parametrize("stacking", [Stacking(0.1), Stacking(0.3, 0.1), Stacking(0.0, 0.1)])
def test_expectation_is_the_sum_over_every_sequence(name, diameter, stacking):
    particle = cut_cluster(name, "sphere", diameter, stacking=stacking)
    heights = particle.full.nodes[:, 2]
    low, n = heights.min(), int(np.ptp(heights)) + 1
    known, total, sure = {}, np.zeros(len(Q)), 0.0
    for steps in itertools.product((1, -1), repeat=n - 1):
        share = np.array([1.0, 0.0]) if particle.layers.rise == 1 else np.array([0.0, 1.0])
        for k, step in enumerate(steps):
            slips = np.array([1, -1]) != step
            share = share * np.where(slips, stacking.deformation, 1.0 - stacking.deformation)
            if k < n - 2:
                share = (1.0 - stacking.growth) * share + stacking.growth * share[::-1]
        positions = np.concatenate([[0], np.cumsum(steps)]) % 3
        if share.sum() > 0:
            known[steps] = intensity(
                sequenced(particle.layers, particle.full, positions[heights - low])
            )
            total += share.sum() * known[steps]
            sure += share.sum()
    assert sure == pytest.approx(1.0)
    np.testing.assert_allclose(intensity(particle), total, rtol=1e-9)


def test_one_sequence_is_what_its_atoms_scatter():
    for name in ("Pt", "CdSe zinc blende"):
        one = cut_cluster(name, "sphere", 2.0, stacking=Stacking(0.3, 0.1), random_state=3)
        np.testing.assert_allclose(intensity(one), direct(one), rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "diameter", "stacking"),
    [
        ("Pt", 2.0, Stacking(0.1)),
        ("Pt", 4.0, Stacking(0.3)),
        ("Pt", 4.0, Stacking(0.0, 0.1)),
        ("CdSe zinc blende", 3.0, Stacking(0.3)),
    ],
)
def test_random_sequences_average_to_the_expectation(name, diameter, stacking):
    particle = cut_cluster(name, "sphere", diameter, stacking=stacking)
    rng, known, found = np.random.default_rng(5), {}, []
    for _ in range(400):
        one = particle.draw(rng)
        key = one.nodes.tobytes()
        if key not in known:
            known[key] = intensity(one)
        found.append(known[key])
        assert one.n_atoms == particle.n_atoms
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / 20.0
    expected = intensity(particle)
    assert (np.abs(mean - expected) < 4.0 * error + 1e-9 * expected).all()
    # As far from it as their own scatter lets them be.
    assert np.sqrt(((mean - expected) ** 2).mean()) < 2.5 * np.sqrt((error**2).mean())


@given(PROBABILITIES, PROBABILITIES)
@settings(max_examples=30, deadline=None)
def test_pairs_add_up_whatever_the_probabilities(growth, deformation):
    particle = cut_cluster(
        "CdSe zinc blende", "sphere", 2.5, stacking=Stacking(growth, deformation)
    )
    table = distance_table(particle)
    sites = table.counts[0]
    assert sites.tolist() == [particle.n_atoms / 2] * 2
    own, cross = (group.multiplicities.sum() for group in table.groups)
    assert own == pytest.approx(sites[0] ** 2 - sites[0])
    assert cross == pytest.approx(2 * sites[0] * sites[1])
    assert all((group.multiplicities >= 0).all() for group in table.groups)


@given(PROBABILITIES, PROBABILITIES)
@settings(max_examples=50, deadline=None)
def test_probabilities_are_probabilities(growth, deformation):
    same = Stacking(growth, deformation).same_position(60)
    assert same[0] == 1.0 and same[1] == pytest.approx(0.0, abs=1e-12)
    assert ((same >= 0) & (same <= 1)).all()


def test_sequences_have_the_probabilities():
    stacking, rng = Stacking(0.25, 0.1), np.random.default_rng(0)
    drawn = np.array([stacking.sequence(12, rng) for _ in range(20_000)])
    steps = np.diff(drawn, axis=1) % 3
    assert set(np.unique(steps)) == {1, 2}
    for m, expected in enumerate(stacking.same_position(12)):
        if m:
            found = np.mean(drawn[:, m:] == drawn[:, :-m])
            assert found == pytest.approx(expected, abs=0.006)
    hexagonal = np.array([Stacking(1.0).sequence(9, rng) for _ in range(5)])
    assert (hexagonal[:, 2:] == hexagonal[:, :-2]).all()


@pytest.mark.parametrize("shape", ["cube", "cuboctahedron", "tetrahedron"])
def test_polyhedra_without_faults_are_those_of_the_crystal(shape):
    centre = tuple(close_layers("Pt").hollow)
    found = cut_cluster("Pt", shape, 2.5, stacking=Stacking())
    expected = cut_cluster("Pt", shape, 2.5, centre=centre)
    np.testing.assert_allclose(intensity(found), intensity(expected), rtol=1e-9)


def test_bodies_that_no_turn_maps_onto_themselves_are_means():
    body = Cylinder(3.0, 2.0, (1.0, 0.0, 0.0))
    particle = cut_cluster("Pt", body, stacking=Stacking())
    heights = particle.full.nodes[:, 2]
    each = [
        intensity(
            sequenced(particle.layers, particle.full, (particle.layers.rise * heights + k) % 3)
        )
        for k in range(3)
    ]
    np.testing.assert_allclose(intensity(particle), np.mean(each, axis=0), rtol=1e-9)


@pytest.mark.parametrize("shape", ["cube", "tetrahedron"])
def test_random_sequences_of_polyhedra_average_to_the_expectation(shape):
    particle = cut_cluster("Pt", shape, 2.0, stacking=Stacking(0.2, 0.05))
    rng = np.random.default_rng(2)
    found = np.array([intensity(particle.draw(rng)) for _ in range(300)])
    error = found.std(axis=0, ddof=1) / np.sqrt(300.0)
    assert (np.abs(found.mean(axis=0) - intensity(particle)) < 4.5 * error).all()


def test_a_twin_has_one_mirror_plane():
    for shape in ("twinned sphere", Twinned(sq.simulation.as_shape("cuboctahedron"))):
        twin = cut_cluster("Pt", shape, 3.0)
        layers = close_layers("Pt")
        _, positions = twin.atoms()
        mirrored = positions - 2.0 * np.outer(positions @ layers.normal, layers.normal)
        gaps = np.linalg.norm(positions[:, None] - mirrored[None], axis=2).min(axis=1)
        assert gaps.max() < 1e-6
    sphere = cut_cluster("Pt", "twinned sphere", 2.0)
    np.testing.assert_allclose(intensity(sphere), direct(sphere), rtol=1e-8)
    perfect = cut_cluster("Pt", "sphere", 2.0, centre=tuple(close_layers("Pt").hollow))
    assert len(sphere.nodes) == len(perfect.nodes)
    assert np.abs(intensity(sphere) / intensity(perfect) - 1.0).max() > 0.05


def test_tables_of_several_stackings_are_those_of_each():
    series = homologous_series("CdSe zinc blende", 3.0, stacking=Stacking())
    stackings = [Stacking(g, d) for g in (0.0, 0.4) for d in (0.0, 0.2)]
    for table, stacking in zip(stacked_tables(series, stackings), stackings, strict=True):
        alone = distance_table(homologous_series("CdSe zinc blende", 3.0, stacking=stacking))
        np.testing.assert_allclose(
            debye_intensity(table, Q, wavelength=0.5),
            debye_intensity(alone, Q, wavelength=0.5),
            rtol=1e-10,
        )
        assert len(table) == len(series)


def test_a_library_with_faults():
    options = {"diameters": [2.5, 3.0], "dispersions": [0.1], "strains": [-0.01, 0.0, 0.01, 0.02]}
    library = sq.simulate_library(
        "CdSe zinc blende", growth_faults=[0.0, 0.5], deformation_faults=[0.1], q=Q, **options
    )
    assert library.intensity.dims == (
        *("growth_fault", "deformation_fault", "diameter", "dispersion", "strain", "q"),
    )
    assert np.isfinite(library.intensity).all()
    X, _, groups = sq.library_samples(library)
    assert set(X["growth_fault"].values) == {0.0, 0.5} and len(np.unique(groups)) == 16
    one = sq.simulate_library("CdSe zinc blende", growth_faults=[0.5], q=Q, **options)
    assert "deformation_fault" not in one.dims
    shapes = sq.simulate_library("Pt", shape=["sphere", "twinned sphere"], q=Q, **options)
    assert shapes.sizes["shape"] == 2
    both = sq.simulate_library(
        "Pt", shape=["sphere", "cube"], growth_faults=[0.2, 0.3], b_iso=[0.3, 0.6], q=Q, **options
    )
    assert both.intensity.dims[:4] == ("shape", "growth_fault", "b_iso", "diameter")
    part = sq.simulate_library("Pt", shape="cube", growth_faults=[0.3], b_iso=[0.6], q=Q, **options)
    np.testing.assert_allclose(
        both.intensity.sel(shape="cube", growth_fault=[0.3], b_iso=[0.6]), part.intensity, rtol=1e-5
    )


def test_a_library_with_faults_is_resumable(tmp_path):
    pytest.importorskip("zarr")
    options = {"diameters": [2.5], "dispersions": [0.1], "strains": [0.0], "q": Q}
    options["growth_faults"] = [0.0, 0.5]
    stored = sq.simulate_library("Pt", path=tmp_path / "a.zarr", **options)
    np.testing.assert_array_equal(stored.intensity, sq.simulate_library("Pt", **options).intensity)


def test_strains_of_a_library_are_scaled_distances():
    strains = [-0.02, -0.01, 0.0, 0.015, 0.03]
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=strains, q=Q)
    for strain in strains:
        one = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[strain], q=Q)
        np.testing.assert_allclose(library.intensity.sel(strain=[strain]), one.intensity, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Stacking(growth=1.2), "growth is 1.2; it must be a probability"),
        (lambda: Stacking(deformation="many"), "deformation is 'many'"),
        (lambda: close_layers("PbS"), "PbS has no close-packed layers.*primitive=True"),
        (lambda: cut_cluster("PbS", diameter=3.0, stacking=Stacking(0.1)), "no close-packed"),
        (lambda: cut_cluster("PbS", "twinned sphere", 3.0), "no close-packed"),
        (lambda: cut_cluster("CdSe wurtzite", "twinned sphere", 3.0), "hexagonal"),
        (lambda: cut_cluster("Pt", "twinned sphere", 3.0, stacking=Stacking()), "one or the other"),
        (lambda: cut_cluster("Pt", diameter=3.0, random_state=0), "give stacking"),
        (lambda: sq.simulate_library("PbS", growth_faults=[0.1]), "growth_faults: .*no close"),
        (
            lambda: sq.simulate_library("Pt", growth_faults=[10.0]),
            r"growth_faults holds 10.*percent",
        ),
        (lambda: sq.simulate_library("Pt", deformation_faults=[]), "deformation_faults must be"),
        (
            lambda: sq.simulate_library(
                distance_table(cut_cluster("Pt", diameter=2.0)), growth_faults=[0.1]
            ),
            "does not apply to a DistanceTable",
        ),
        (
            lambda: sq.simulate_library("Pt", shape="decahedron", growth_faults=[0.1]),
            "twin planes of its own",
        ),
        (lambda: stacked_tables([], [Stacking()]), "particles is empty"),
        (
            lambda: stacked_tables([cut_cluster("Pt", diameter=2.0, stacking=Stacking())], []),
            "stackings is empty",
        ),
        (lambda: Stacking(growth=True), "growth is True"),
        (
            lambda: distance_table(
                [cut_cluster("Pt", diameter=2.0, stacking=Stacking(g)) for g in (0.1, 0.2)]
            ),
            "different stackings",
        ),
    ],
)
def test_bad_input_names_argument_and_remedy(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_probability_alone_is_no_stacking():
    with pytest.raises(TypeError, match=r"stacking is 0.1; give Stacking\("):
        cut_cluster("Pt", diameter=3.0, stacking=0.1)


def test_atoms_are_those_of_one_sequence():
    with pytest.raises(TypeError, match=r"give a Cluster .*draw\(\) one"):
        FreeAtoms.from_cluster(cut_cluster("Pt", diameter=2.0, stacking=Stacking()))


def test_alternatives_make_no_pair():
    blende = Crystal.builtin("CdSe zinc blende")
    cation, anion = blende.sublattices
    aside = np.add(cation.offset, 0.3).tolist()
    halves = (replace(cation, occupancy=0.5), Sublattice("Zn", tuple(aside), 1.0, 0.5))
    crystal = replace(blende, name="Cd or Zn", sublattices=(*halves, anion))
    found = cut_cluster(crystal, diameter=2.0, fill="atoms", stacking=Stacking())
    around = tuple(close_layers(crystal).hollow)
    expected = cut_cluster(crystal, diameter=2.0, fill="atoms", centre=around)
    np.testing.assert_allclose(intensity(found), intensity(expected), rtol=1e-9)
    shortest = min(g.distances.min() for g in distance_table(found).groups)
    assert shortest > 0.53  # 0.3 sqrt(3) Angstrom from one to the other


def test_particles_of_different_shapes_share_a_table():
    round_one = cut_cluster("Pt", "sphere", 3.0, stacking=Stacking(0.3))
    flat = cut_cluster("Pt", "platelet", 2.0, stacking=Stacking(0.3))
    both = debye_intensity(distance_table([round_one, flat]), Q, wavelength=0.5)
    np.testing.assert_allclose(both, [intensity(round_one), intensity(flat)], rtol=1e-9)


def test_random_sequences_start_at_any_position():
    particle = cut_cluster("Pt", "cylinder", 2.0, stacking=Stacking(0.3))
    rng = np.random.default_rng(0)
    found = np.array([intensity(particle.draw(rng)) for _ in range(300)])
    error = found.std(axis=0, ddof=1) / np.sqrt(300.0)
    assert (np.abs(found.mean(axis=0) - intensity(particle)) < 4.5 * error).all()


def cubic(name, a, vectors, *sites):
    def rows(vectors):
        return tuple(map(tuple, (a * np.array(vectors)).tolist()))

    sublattices = tuple(Sublattice(e, rows([p])[0], 0.5) for e, p in sites)
    return Crystal(name, rows(vectors), sublattices, cell=rows(np.eye(3)))


@pytest.mark.parametrize("place", [0.25, 0.75, -0.75])
def test_any_lattice_translation_of_the_anion_will_do(place):
    fcc = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
    crystal = cubic("ZnSe", 5.668, fcc, ("Zn", (0.0, 0.0, 0.0)), ("Se", (place,) * 3))
    one = cut_cluster(crystal, "sphere", 2.5, stacking=Stacking(0.5), random_state=1)
    shortest = min(g.distances.min() for g in distance_table(one).groups)
    assert shortest == pytest.approx(5.668 * 0.75**0.5 / 2.0)
    rock_salt = cubic("PbS", 5.9, fcc, ("Pb", (0.0, 0.0, 0.0)), ("S", (0.5, 0.5, 0.5)))
    with pytest.raises(ValueError, match="no close-packed layers"):
        close_layers(rock_salt)


def test_triangular_planes_too_near_are_no_close_packed_layers():
    bcc = [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]
    with pytest.raises(ValueError, match="no close-packed layers"):
        close_layers(cubic("Fe", 2.866, bcc, ("Fe", (0.0, 0.0, 0.0))))


def test_a_twin_is_one_of_a_body_whose_halves_are_alike():
    with pytest.raises(ValueError, match="centre does not apply to a twin"):
        cut_cluster("Pt", "twinned sphere", 3.0, centre=(20.0, 20.0, 20.0))
    with pytest.raises(ValueError, match="no centre of symmetry"):
        cut_cluster("Pt", "twinned tetrahedron", 5.0)


def test_series_of_thin_twins_leave_out_those_without_an_atom():
    series = homologous_series("Pt", 4.0, "twinned platelet")
    assert min(particle.n_atoms for particle in series) > 0

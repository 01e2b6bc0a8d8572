"""Shapes and the particles that are cut with them."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    Crystal,
    Cylinder,
    Ellipsoid,
    Platelet,
    Polyhedron,
    as_shape,
    cut_cluster,
    homologous_series,
    shape_names,
    two_axis_series,
)

PBS = Crystal.builtin("PbS")
PUBLISHED_COUNTS = [1, 13, 19, 55, 135, 201, 321, 531, 683, 959]
ROD = Cylinder(6.0, 2.0, axis=(1.0, 1.0, 1.0))
PLATE = Platelet(5.0, 3.0, 1.2, normal=(1.0, 1.0, 0.0))
WULFF = Polyhedron((((1, 1, 1), 1.0), ((-1, -1, -1), 1.0), ((1, 0, 0), 1.1)))


@pytest.mark.parametrize("far", [4.0, 0.5])
@pytest.mark.parametrize("name", ["Pt", "CdSe wurtzite"])
def test_bodies_without_a_centre_keep_their_far_ends(name, far):
    faces = {(1, 0, 0): 1.0, (-1, 0, 0): far, (0, 1, 0): 1.5, (0, -1, 0): 1.5}
    body = Polyhedron(faces | {(0, 0, 1): 1.5, (0, 0, -1): 1.5}, equivalents=False)
    crystal = Crystal.builtin(name)
    nodes = np.array(list(itertools.product(range(-25, 26), repeat=3)))
    inside = body.gauge(crystal, 0.1 * nodes @ crystal.lattice) <= 1.0 + 1e-9
    assert len(cut_cluster(crystal, body).nodes) == inside.sum()


def test_sphere_series_has_the_published_counts():
    series = homologous_series(PBS, 10 * PBS.node_diameter)
    assert [len(c.nodes) for c in series] == PUBLISHED_COUNTS
    np.testing.assert_allclose([c.diameter for c in series], 0.4638 * np.arange(1, 11), atol=1e-3)


def test_largest_published_sphere():
    assert len(cut_cluster(PBS, "sphere", 45 * PBS.node_diameter).nodes) == 91071


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_magic_numbers_of_gold(n):
    gold, a = Crystal.builtin("Au"), 0.407825

    def atoms_up_to(shape, corner, centre):
        body = as_shape(shape)
        diameter = body.gauge(gold, np.array([corner]))[0] * body.diameter(gold)
        return cut_cluster(gold, shape, diameter, centre=centre).n_atoms

    # A corner n nearest-neighbour distances from an atom: the Mackay numbers.
    found = atoms_up_to("cuboctahedron", (n * a / 2, n * a / 2, 0), (0.0, 0.0, 0.0))
    assert found == (10 * n**3 + 15 * n**2 + 11 * n + 3) / 3
    # n conventional cells on an edge, with an atom in each corner.
    middle = (n % 2 * 5 * a,) * 3
    found = atoms_up_to("cube", (n * a / 2,) * 3, middle)
    assert found == 4 * n**3 + 6 * n**2 + 3 * n + 1


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from([*map(as_shape, shape_names()), ROD, PLATE, WULFF]),
    crystal=st.sampled_from(["PbS", "CdSe wurtzite", "CsPbBr3 orthorhombic"]),
    seed=st.integers(0, 2**31),
)
def test_volume_support_and_gauge_agree(shape, crystal, seed):
    crystal = Crystal.builtin(crystal)
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(40_000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    radius = 1.0 / shape.gauge(crystal, directions)  # of the surface, along each direction
    volume = 4.0 * np.pi / 3.0 * (radius**3).mean()
    assert volume == pytest.approx(shape.volume(crystal), rel=0.06)
    surface = directions * radius[:, None]
    axes = rng.normal(size=(5, 3))
    reached = (axes @ surface.T).max(axis=1)
    support = shape.support(crystal, axes)
    assert (reached <= support * (1 + 1e-9)).all()
    assert (reached >= 0.9 * support).all()


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([*shape_names(), ROD, PLATE, WULFF]),
    fill=st.sampled_from(["cells", "atoms"]),
    diameter=st.floats(1.0, 4.0),
)
def test_cut_holds_every_atom_inside_and_none_outside(shape, fill, diameter):
    crystal = Crystal.builtin("CdSe wurtzite")
    body = as_shape(shape)
    cluster = cut_cluster(crystal, shape, diameter, fill=fill, centre=(0.3, -0.2, 0.1))
    box = np.stack(np.meshgrid(*[np.arange(-30, 31)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    scale = diameter / body.diameter(crystal)
    offsets = [s.offset for s in crystal.sublattices] if fill == "atoms" else [(0.0, 0.0, 0.0)]
    for k, offset in enumerate(offsets):
        points = 0.1 * (box @ crystal.lattice + np.asarray(offset) - (0.3, -0.2, 0.1))
        expected = box[body.gauge(crystal, points) <= scale * (1 + 1e-9)]
        found = cluster.sublattice_nodes(k)
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, expected.tolist()))


@pytest.mark.parametrize("shape", shape_names())
@pytest.mark.parametrize("fill", ["cells", "atoms"])
def test_every_shape_has_the_volume_that_its_diameter_says(shape, fill):
    cluster = cut_cluster(PBS, shape, 12.0, fill=fill)
    expected = 2 * (12.0 / PBS.node_diameter) ** 3
    assert cluster.n_atoms == pytest.approx(expected, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["PbS", "CdSe wurtzite", "CsPbBr3 orthorhombic"]),
    shape=st.sampled_from([*shape_names(), ROD]),
    diameter=st.floats(0.3, 6.0),
)
def test_volume_is_filled_exactly_from_the_centre_outwards(name, shape, diameter):
    crystal = Crystal.builtin(name)
    cluster = cut_cluster(crystal, shape, diameter, fill="volume")
    wanted = (diameter / crystal.node_diameter) ** 3
    assert cluster.n_cells == pytest.approx(wanted, rel=2e-3)
    gauges = as_shape(shape).gauge(crystal, 0.1 * cluster.nodes @ crystal.lattice)
    partly = cluster.occupancies < 1.0
    assert ((cluster.occupancies > 0) & (cluster.occupancies <= 1)).all()
    if partly.any():
        np.testing.assert_allclose(gauges[partly], gauges.max(), rtol=1e-6)
        assert len(set(cluster.occupancies[partly])) == 1
    # No node that was left out is nearer than the outermost shell.
    box = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    nearer = as_shape(shape).gauge(crystal, 0.1 * box @ crystal.lattice) < gauges.max() * (1 - 1e-6)
    held = set(map(tuple, cluster.nodes.tolist()))
    assert all(tuple(node) in held for node in box[nearer].tolist())


def test_the_published_series_has_n_cubed_cells():
    series = homologous_series(PBS, 45 * PBS.node_diameter, fill="volume")
    np.testing.assert_allclose([c.n_cells for c in series], np.arange(1, 46) ** 3.0)
    assert series[2].occupancies[:13].tolist() == [1.0] * 13  # 27 cells: 19, and 8 of the next 24
    assert series[2].occupancies[19:] == pytest.approx([8 / 24] * 24)


def test_atoms_of_a_cluster():
    elements, positions = cut_cluster(PBS, "sphere", 1.0).atoms()
    assert Counter(elements) == {"Pb": 13, "S": 13}
    assert positions.shape == (26, 3)
    elements, _ = cut_cluster(PBS, "sphere", 0.7, fill="atoms").atoms()
    assert Counter(elements) == {"Pb": 1, "S": 6}


def test_rods_and_plates_have_their_lengths():
    wurtzite = Crystal.builtin("CdSe wurtzite")
    _, rod = cut_cluster(wurtzite, Cylinder(10.0, 3.0)).atoms()
    assert np.ptp(rod[:, 2]) == pytest.approx(100, abs=8)
    assert np.ptp(rod[:, 0]) == pytest.approx(30, abs=6)
    _, plate = cut_cluster(PBS, Platelet(8.0, 4.0, 1.0, normal=(0, 0, 1)), fill="atoms").atoms()
    np.testing.assert_allclose(np.ptp(plate, axis=0), [80, 40, 10], atol=6)
    diagonal = cut_cluster(PBS, Cylinder(10.0, 2.0, axis=(1, 1, 1)), fill="atoms").atoms()[1]
    assert np.ptp(diagonal @ np.ones(3) / np.sqrt(3)) == pytest.approx(100, abs=5)


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 1, 1), (1, 2, 3)])
def test_long_rods_need_no_large_box(axis):
    rod = cut_cluster(PBS, Cylinder(200.0, 3.0, axis=axis))
    assert rod.n_cells == pytest.approx(
        np.pi / 4 * 9 * 200 / (0.1 * 5.934 / 4 ** (1 / 3)) ** 3, rel=0.02
    )
    # As a short piece of it, only longer.
    assert len(np.unique(rod.nodes, axis=0)) == len(rod.nodes)


def test_miller_faces_follow_the_point_group():
    assert len(WULFF.normals(PBS)[0]) == 14
    corners = Polyhedron((((1, 1, 1), 1.0),))
    assert len(corners.normals(PBS)[0]) == 8
    zinc_blende = Crystal.builtin("CdSe zinc blende")
    assert len(corners.normals(zinc_blende)[0]) == 4  # a tetrahedron
    prism = Polyhedron((((1, 0, 0), 1.0), ((0, 0, 1), 2.0), ((0, 0, -1), 2.0)))
    wurtzite = Crystal.builtin("CdSe wurtzite")
    assert len(prism.normals(wurtzite)[0]) == 8
    assert prism.volume(wurtzite) == pytest.approx(2 * np.sqrt(3) * 4.0)
    orthorhombic = Crystal.builtin("CsPbBr3 orthorhombic")
    faces = Polyhedron((((1, 0, 1), 1.0), ((0, 1, 0), 1.0)))
    assert len(faces.normals(orthorhombic)[0]) == 6
    alone = Polyhedron((((1, 1, 1), 1.0),), equivalents=False)
    assert len(alone.normals(PBS)[0]) == 1


def test_faces_may_be_a_mapping():
    assert Polyhedron({(1, 1, 1): 1.0, (1, 0, 0): 1.1}) == Polyhedron(
        (((1, 1, 1), 1.0), ((1, 0, 0), 1.1))
    )


def test_names_and_other_things_instead_of_a_crystal():
    assert len(cut_cluster("PbS", "sphere", 1.0).nodes) == 13
    assert repr(homologous_series("PbS", 1.0)[1]) == "Cluster(PbS, 0.927594 nm, 26 sites)"
    with pytest.raises(TypeError, match="crystal is a int"):
        cut_cluster(3, "sphere", 1.0)


def test_faces_that_do_not_close_are_refused():
    for faces in ((((1, 1, 1), 1.0),), (((1, 0, 0), 1.0), ((0, 1, 0), 1.0))):
        open_body = Polyhedron(faces, equivalents=False)
        with pytest.raises(ValueError, match="do not close"):
            cut_cluster(PBS, open_body, 2.0)


def test_two_axis_series_is_labelled():
    rods = two_axis_series(PBS, [2.0, 4.0], [1.5, 2.5], fill="atoms")
    assert [(r.dimensions["length"], r.dimensions["width"]) for r in rods] == [
        (2.0, 1.5), (2.0, 2.5), (4.0, 1.5), (4.0, 2.5)
    ]  # fmt: skip
    assert rods[3].diameter == pytest.approx((1.5 * 2.5**2 * 4.0) ** (1 / 3))
    plates = two_axis_series(PBS, [1.2], [4.0], "platelet")
    assert plates[0].diameter == pytest.approx((6 / np.pi * 4.0 * 4.0 * 1.2) ** (1 / 3))
    assert len(two_axis_series(PBS, [3.0], [2.0], "ellipsoid")) == 1


def test_step_of_a_series():
    series = homologous_series(PBS, 3.0, step=0.25, fill="atoms", centre=(1.0, 1.0, 1.0))
    np.testing.assert_allclose(np.diff([c.diameter for c in series]), 0.25)
    assert series[0].n_atoms > 0


@pytest.mark.parametrize("diameter", [0.0, -1.0, np.nan, np.inf])
def test_bad_diameter(diameter):
    with pytest.raises(ValueError, match=r"diameter is .* must be a positive"):
        cut_cluster(PBS, "sphere", diameter)
    with pytest.raises(ValueError, match=r"max_diameter is .* must be a positive"):
        homologous_series(PBS, diameter)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cut_cluster(PBS, "banana", 2.0), "shape is 'banana'; known: sphere"),
        (lambda: cut_cluster(PBS, 3, 2.0), "shape is 3"),
        (lambda: cut_cluster(PBS, "sphere"), "diameter is missing"),
        (lambda: cut_cluster(PBS, "sphere", 2.0, fill="all"), "fill is 'all'"),
        (lambda: homologous_series(PBS, 2.0, fill="all"), "fill is 'all'"),
        (lambda: cut_cluster(PBS, "sphere", 2.0, centre=(0.0, np.nan, 0.0)), "centre"),
        (lambda: cut_cluster(PBS, "sphere", 0.1, centre=(1.0, 1.0, 1.0)), "no atom"),
        (lambda: homologous_series(PBS, 2.0, step=-1.0), "step is -1.0"),
        (lambda: two_axis_series(PBS, [0.0], [1.0]), "lengths is 0.0"),
        (lambda: two_axis_series(PBS, [1.0], [1.0], "cube"), "shape is 'cube'"),
        (lambda: Ellipsoid((1.0, -1.0, 1.0)), "axes holds -1.0"),
        (lambda: Ellipsoid((1.0, 1.0)), "axes has 2 values"),
        (lambda: Cylinder(0.0, 1.0), "length and width holds 0.0"),
        (lambda: cut_cluster(PBS, Cylinder(1.0, 1.0, axis=(0, 0, 0))), "axis is"),
        (lambda: two_axis_series(PBS, [2.0], [1.0], "ellipsoid", axis=(1, 1, 1)), "axis is"),
        (lambda: cut_cluster(PBS, "sphere", "3 nm"), "diameter is '3 nm'"),
        (lambda: cut_cluster(PBS, "sphere", 500.0), "too large .* lengths are in nm"),
        (lambda: Ellipsoid(3.0), "axes is 3.0"),
        (lambda: Polyhedron(((1, 1, 1), 1.0)), "faces is"),
        (lambda: Polyhedron({(0, 0, 0, 1): 1.0}), "three indices"),
        (lambda: Polyhedron(()), "faces is empty"),
        (lambda: Polyhedron((((0, 0, 0), 1.0),)), "not all zero"),
        (lambda: Polyhedron((((1, 0, 0), 0.0),)), "faces holds 0.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

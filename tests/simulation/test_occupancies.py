"""What may share a place, how far it may be filled, and that no overlap is missed."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots import Crystal
from sk_qdots.simulation import Sublattice
from sk_qdots.simulation.sites import contact_distance

CUBE = ((6.0, 0.0, 0.0), (0.0, 6.0, 0.0), (0.0, 0.0, 6.0))
HEAD = """data_x
_cell_length_a {0}
_cell_length_b {1}
_cell_length_c {2}
_cell_angle_alpha {3}
_cell_angle_beta {4}
_cell_angle_gamma {5}
_space_group_name_H-M_alt '{6}'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
"""


def cif(rows, cell=(6, 6, 6, 90, 90, 90), group="P 1"):
    """A CIF of sites: label, element, x, y, z, occupancy."""
    lines = (" ".join(map(str, row)) + " 1\n" for row in rows)
    return HEAD.format(*cell, group) + "".join(lines)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Read a CIF that is given as its sites."""
    path = tmp_path_factory.mktemp("cif") / "made.cif"

    def from_sites(rows, **options):
        path.write_text(cif(rows, **options))
        return Crystal.from_cif(path)

    return from_sites


@st.composite
def places(draw):
    """Places of a cell, what is on each, and the order in which a CIF has them."""
    edge = draw(st.integers(1, 4))
    n = draw(st.integers(1, edge**3))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    grid = np.stack(np.unravel_index(rng.permutation(edge**3)[:n], (edge,) * 3), axis=1)
    fractions = (grid + rng.uniform(-0.1, 0.1, grid.shape)) / edge
    rows = []
    for k, place in enumerate(fractions):
        parts = rng.integers(1, 5)
        shares = np.round(rng.dirichlet(np.ones(parts)) - 5e-4, 3).clip(0.001) * rng.uniform(0.8, 1)
        for share in np.round(shares, 4):
            shifted = place + rng.integers(-1, 2, 3)  # images of one place
            rows.append((k, str(rng.choice(["Pb", "S", "Cd"])), *np.round(shifted, 6), share))
    cell = (*np.round(4.0 * edge * rng.uniform(1.0, 1.5, 3), 3), *np.round(rng.uniform(75, 105, 3)))
    return fractions, [rows[i] for i in rng.permutation(len(rows))], cell


@settings(max_examples=80, deadline=None)
@given(drawn=places())
def test_atoms_are_those_of_the_cif_in_any_order(read, drawn):
    fractions, rows, cell = drawn
    written: dict[tuple[int, str], float] = {}
    for k, element, *_, share in rows:
        written[k, element] = written.get((k, element), 0.0) + share
    crystal = read([(f"a{i}", *row[1:]) for i, row in enumerate(rows)], cell=cell)
    found = {}
    first = fractions[rows[0][0]]
    for s in crystal.sublattices:
        gaps = fractions - first - np.array(s.offset) @ np.linalg.inv(crystal.lattice)
        gaps = np.abs(gaps - np.round(gaps)).max(axis=1)
        assert gaps.min() < 5e-4  # a coordinate near a sixth is taken to be one
        found[int(gaps.argmin()), s.element] = s.occupancy
    assert len(crystal.sublattices) == len(written)
    assert found == pytest.approx(written)
    # The first to name a place and an element says where it stands.
    assert [s.element for s in crystal.sublattices] == [
        element for _, element in dict.fromkeys((row[0], row[1]) for row in rows)
    ]


@pytest.mark.parametrize(
    ("file", "total"),
    [
        ("three_on_one_0.3334", 1.0002),
        ("three_on_one_0.334", 1.002),
        ("three_on_one_0.34", 1.02),
        ("three_on_one_0.35", 1.05),
        ("three_species_half_each", 1.5),
    ],
)
def test_three_species_on_one_site(cif_folder, file, total):
    path = cif_folder / f"{file}.cif"
    if total > 1.02:
        with pytest.raises(ValueError, match=rf"filled to {total} .* Pb1, Sm1 and Pr1") as error:
            Crystal.from_cif(path)
        assert str(error.value).startswith(str(path))
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        crystal = Crystal.from_cif(path)
    told = [str(w.message) for w in caught]
    assert len(told) == (total > 1.001)
    assert all(str(path) in t and f"Pr1, Sm1 and Pb1 ({total})" in t for t in told)
    assert [s.occupancy for s in crystal.sublattices] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])


def test_an_occupancy_that_is_rounded_up_is_1(cif_folder):
    crystal = Crystal.from_cif(cif_folder / "occupancy_1.00002.cif")
    assert max(s.occupancy for s in crystal.sublattices if s.element == "Li") == 1.0
    with pytest.warns(UserWarning, match=r"scaled to 1: Pd1 \(1\.002\)"):
        crystal = Crystal.from_cif(cif_folder / "occ_esd.cif")
    assert max(s.occupancy for s in crystal.sublattices) == 1.0


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.integers(1, 100), min_size=1, max_size=6),
    total=st.sampled_from([0.7, 1.0, 1.0009, 1.0015, 1.0195, 1.0205, 1.3]),
    elements=st.lists(st.sampled_from(["Pb", "Sm", "Pr"]), min_size=6, max_size=6),
    apart=st.sampled_from([0.0, 0.002, 0.01]),
)
def test_the_occupancies_of_a_place_add_up_to_1(read, parts, total, elements, apart):
    shares = [round(total * part / sum(parts), 9) for part in parts]
    rows = [
        (f"a{k}", element, round(0.1 + apart * k / 6, 6), 0.1, 0.1, share)
        for k, (element, share) in enumerate(zip(elements, shares, strict=False))
    ]
    if total > 1.02:
        with pytest.raises(ValueError, match=rf"filled to {total} |occupancy of a\d is 1\."):
            read(rows)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        crystal = read(rows)
    assert [f"({total})" in str(w.message) for w in caught] == [True] * (total > 1.001)
    assert all(w.filename == __file__ for w in caught)
    found = [s.occupancy for s in crystal.sublattices]
    assert sum(found) == pytest.approx(min(total, 1.0), abs=1e-8)
    if apart == 0.0:  # ions that scatter alike are one sublattice
        for s in crystal.sublattices:
            share = sum(x for e, x in zip(elements, shares, strict=False) if e == s.element)
            assert s.occupancy == pytest.approx(share / max(total, 1.0))


def test_all_sites_that_are_scaled_are_named_but_for_many(read):
    rows = [(f"Pb{k}", "Pb", k / 8, 0, 0, 1.01) for k in range(8)]
    cell = (32, 6, 6, 90, 90, 90)
    with pytest.warns(UserWarning, match=r"Pb0 \(1\.01\); .*; Pb4 \(1\.01\) and 3 more$"):
        read(rows, cell=cell)
    # Images of one site are told once.
    with pytest.warns(UserWarning, match=r"are scaled to 1: Br1 \(1\.016\)$"):
        crystal = read([("Br1", "Br", 0.5, 0.01, 0, 0.254)], group="P m -3 m")
    assert sum(s.occupancy for s in crystal.sublattices) == pytest.approx(3.0)
    with pytest.raises(ValueError, match=r"made\.cif: Br, Br, Br and Br are .* 2 .* \(site Br1\)"):
        read([("Br1", "Br", 0.5, 0.01, 0, 0.5)], group="P m -3 m")


@pytest.mark.parametrize("order", list(itertools.permutations((0.0, 0.2, 0.4))))
@pytest.mark.parametrize(("share", "passes"), [(0.3334, True), (0.34, False), (0.5, False)])
def test_a_crystal_is_held_to_the_rule_and_not_scaled(order, share, passes):
    def made():
        return Crystal("x", CUBE, tuple(Sublattice("Pb", (z, 0, 0), 1.0, share) for z in order))

    if passes:
        assert [s.occupancy for s in made().sublattices] == [share] * 3
    else:
        with pytest.raises(ValueError, match=r"Pb, Pb and Pb are 0\.2 Angstrom apart and"):
            made()


@st.composite
def oblique_cells(draw):
    """A compact cell, a very skewed one of the same lattice, and atoms in it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    compact = np.diag(rng.uniform(2.0, 8.0, 3)) + np.tril(rng.uniform(-0.9, 0.9, (3, 3)), -1)
    skew = draw(st.sampled_from([0, 1, 3, 40]))
    basis = np.eye(3, dtype=int)
    for i, j in rng.permutation(list(itertools.permutations(range(3), 2)))[:4]:
        basis[i] += rng.integers(-skew, skew + 1) * basis[j]
    n = draw(st.integers(1, 6))
    positions = rng.uniform(0.0, 1.0, (n, 3)) @ compact
    shifts = rng.integers(-2, 3, (n, 3)) @ compact  # any image will do
    return compact, basis @ compact, positions, positions + shifts


def brute_force(compact, positions):
    """Distances of the nearest images, an atom's own included."""
    cells = np.array(list(itertools.product(range(-4, 5), repeat=3))) @ compact
    gaps = positions[:, None, None] - positions[None, :, None] + cells
    lengths = np.linalg.norm(gaps, axis=3)
    lengths[lengths < 1e-9] = np.inf
    return lengths.min(axis=2)


def rows(vectors):
    return tuple(tuple(v) for v in vectors.tolist())


@settings(max_examples=150, deadline=None)
@given(drawn=oblique_cells())
def test_distances_in_any_cell_are_those_of_all_pairs(drawn):
    compact, lattice, positions, images = drawn
    elements = ["Pb", "S", "Cd", "Pb", "S", "Pb"][: len(positions)]
    crystal = Crystal(
        "skewed",
        rows(lattice),
        tuple(Sublattice(e, p, 1.0, 0.1) for e, p in zip(elements, rows(images), strict=True)),
    )
    expected = brute_force(compact, positions)
    for first, second in itertools.product(["Pb", "S", "Cd", "O"], repeat=2):
        pairs = [
            expected[i, j]
            for i, j in itertools.product(range(len(elements)), repeat=2)
            if (elements[i], elements[j]) == (first, second)
        ]
        least = min(pairs, default=np.inf)
        assert crystal.shortest_distance(first, second) == pytest.approx(least, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(drawn=oblique_cells())
def test_an_overlap_is_found_in_any_cell(drawn):
    compact, lattice, positions, images = drawn
    elements = ["O", "Pb", "S", "H", "O", "Cs"][: len(positions)]
    least = np.array([[contact_distance(a, b) for b in elements] for a in elements])
    crowded = np.argwhere(np.tril(brute_force(compact, positions) < least))
    sublattices = tuple(Sublattice(e, p, 1.0) for e, p in zip(elements, rows(images), strict=True))
    if len(crowded) == 0:
        assert len(Crystal("x", rows(lattice), sublattices).sublattices) == len(elements)
        return
    k, j = crowded[0]
    with pytest.raises(ValueError, match=f"{elements[k]} and {elements[j]} are .* filled to 2 "):
        Crystal("x", rows(lattice), sublattices)


@pytest.mark.parametrize("near", [(0.0, 0.0, 0.999), (0.5, 0.52, 0.5)])
def test_an_overlap_is_found_in_a_large_cell(read, near):
    grid = itertools.product(range(10), repeat=3)
    atoms = [(f"Pb{k}", "Pb", *(x / 10 for x in place), 1) for k, place in enumerate(grid)]
    cell = (35, 35, 35, 90, 90, 90)
    assert len(read(atoms, cell=cell).sublattices) == 1000
    with pytest.raises(ValueError, match="S and Pb are"):
        read([*atoms, ("S1", "S", *near, 1)], cell=cell)

"""Crystals from CIFs, the built-in ones, and their strains."""

import numpy as np
import pytest

from sk_qdots import Crystal
from sk_qdots.simulation import Sublattice, cut_cluster, distance_table, homologous_series

PBS = """data_PbS
_cell_length_a 5.934
_cell_length_b 5.934
_cell_length_c 5.934
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
_atom_site_B_iso_or_equiv
Pb1 Pb2+ 0 0 0 1 1.25
S1 S2- 0.5 0.5 0.5 1 1.25
"""
ANISO = """loop_
_atom_site_aniso_label
_atom_site_aniso_U_11
_atom_site_aniso_U_22
_atom_site_aniso_U_33
_atom_site_aniso_U_12
_atom_site_aniso_U_13
_atom_site_aniso_U_23
Pb1 0.01 0.02 0.03 0 0 0
S1 0.02 0.02 0.02 0 0 0
"""
# Nearest neighbours in each built-in crystal: species, species, distance in Angstrom, how many
# of the second about each of the first.
NEIGHBOURS = {
    "PbS": ("Pb", "S", 5.934 / 2, 6),
    "PbSe": ("Pb", "Se", 6.128 / 2, 6),
    "PbTe": ("Pb", "Te", 6.461 / 2, 6),
    "CdSe zinc blende": ("Cd", "Se", 6.077 * np.sqrt(3) / 4, 4),
    "CdSe wurtzite": ("Cd", "Se", 2.63, 4),
    "CdS zinc blende": ("Cd", "S", 5.818 * np.sqrt(3) / 4, 4),
    "CdS wurtzite": ("Cd", "S", 2.53, 4),
    "ZnS": ("Zn", "S", 5.4093 * np.sqrt(3) / 4, 4),
    "InP": ("In", "P", 5.8697 * np.sqrt(3) / 4, 4),
    "InAs": ("In", "As", 6.0583 * np.sqrt(3) / 4, 4),
    "CsPbBr3 cubic": ("Pb", "Br", 5.874 / 2, 6),
    "CsPbBr3 orthorhombic": ("Pb", "Br", 2.96, 6),
    "Au": ("Au", "Au", 4.07825 / np.sqrt(2), 12),
    "Pt": ("Pt", "Pt", 3.9231 / np.sqrt(2), 12),
    "CeO2": ("Ce", "O", 5.40972 * np.sqrt(3) / 4, 8),
    "Fe3O4": ("Fe", "O", 1.89, None),
    "TiO2 anatase": ("Ti", "O", 1.95, 6),
}


def write(tmp_path, text):
    path = tmp_path / "crystal.cif"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", Crystal.builtin_names())
def test_builtin_crystals_have_their_neighbours(name):
    assert set(Crystal.builtin_names()) == set(NEIGHBOURS)
    crystal = Crystal.builtin(name)
    first, second, distance, number = NEIGHBOURS[name]
    assert crystal.reference
    assert "(1" in crystal.reference or "(2" in crystal.reference  # the year
    offsets = {s.element: np.array(s.offset) for s in reversed(crystal.sublattices)}
    box = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ crystal.lattice
    around = np.concatenate(
        [box + s.offset - offsets[first] for s in crystal.sublattices if s.element == second]
    )
    lengths = np.linalg.norm(around, axis=1)
    near = lengths[(lengths > 0.1) & (lengths < 1.1 * distance)]
    np.testing.assert_allclose(near, distance, rtol=0.02)
    if number is not None:
        assert len(near) == number


@pytest.mark.parametrize("name", Crystal.builtin_names())
def test_primitive_and_conventional_cells_agree(name):
    primitive, whole = Crystal.builtin(name), Crystal.builtin(name, primitive=False)
    ratio = whole.cell_volume / primitive.cell_volume
    assert len(whole.sublattices) == pytest.approx(ratio * len(primitive.sublattices))
    assert whole.formula_units == pytest.approx(ratio * primitive.formula_units)
    np.testing.assert_allclose(whole.lattice, primitive.conventional, atol=1e-9)


def test_magnetite_has_eight_formula_units_in_its_cell():
    magnetite = Crystal.builtin("Fe3O4", primitive=False, ions=True)
    assert magnetite.formula_units == 8
    filled = {}
    for s in magnetite.sublattices:
        key = (s.element, s.charge)
        filled[key] = filled.get(key, 0) + s.occupancy
    assert filled == {("Fe", 3): 16, ("Fe", 2): 8, ("O", -2): 32}


def test_builtin_pbs_has_the_published_series_step():
    assert Crystal.builtin("PbS").node_diameter == pytest.approx(0.4638, abs=5e-5)
    assert Crystal.builtin("PbS").formula_units == 1
    assert [s.b_iso for s in Crystal.builtin("PbS").sublattices] == pytest.approx([1.25, 1.25])


def test_names_of_builtin_crystals():
    assert Crystal.builtin("TiO2") == Crystal.builtin("TiO2_anatase")
    with pytest.raises(ValueError, match=r"unknown crystal 'Kryptonite'; built in: Au, .*PbS"):
        Crystal.builtin("Kryptonite")
    with pytest.raises(ValueError, match=r"several .* 'CdSe'; built in: CdSe wurtzite, CdSe zinc"):
        Crystal.builtin("CdSe")


def test_cif_gives_the_builtin_crystal(tmp_path):
    ours, read = Crystal.builtin("PbS"), Crystal.from_cif(write(tmp_path, PBS))
    np.testing.assert_allclose(read.lattice, ours.lattice, atol=1e-9)
    assert read.space_group == "F m -3 m"
    assert [s.element for s in read.sublattices] == ["Pb", "S"]
    assert read.sublattices[1].offset == pytest.approx((2.967, 0, 0))
    for a, b in zip(read.sublattices, ours.sublattices, strict=True):
        np.testing.assert_allclose(a.offset, b.offset, atol=1e-9)
        assert a.b_iso == pytest.approx(b.b_iso, abs=1e-5)


def wurtzite(third="0.33333"):
    text = PBS.replace("'F m -3 m'", "'P 63 m c'").replace("Pb2+", "Cd").replace("S2-", "Se")
    text = text.replace("_cell_length_a 5.934", "_cell_length_a 4.299")
    text = text.replace("_cell_length_b 5.934", "_cell_length_b 4.299")
    text = text.replace("_cell_length_c 5.934", "_cell_length_c 7.010")
    text = text.replace("gamma 90", "gamma 120")
    text = text.replace("0 0 0 1", f"{third} 0.66667 0 1")
    return text.replace("0.5 0.5 0.5 1", f"{third} 0.66667 0.375 1")


@pytest.mark.parametrize("third", ["0.33333", "0.3333", "0.333333333"])
def test_thirds_with_few_digits_are_special_positions(tmp_path, third):
    crystal = Crystal.from_cif(write(tmp_path, wurtzite(third)))
    assert sorted(s.element for s in crystal.sublattices) == ["Cd", "Cd", "Se", "Se"]
    assert crystal.formula_units == 2
    assert crystal.cell_volume == pytest.approx(4.299**2 * 7.010 * np.sqrt(3) / 2, rel=1e-6)
    # The twelve nearest Cd are of two lengths, each exactly degenerate.
    table = distance_table(cut_cluster(crystal, "sphere", 3.0))
    assert np.diff(table.groups[0].distances).min() > 1e-4


def test_ions_are_kept_on_request(tmp_path):
    assert [s.charge for s in Crystal.from_cif(write(tmp_path, PBS)).sublattices] == [0, 0]
    with pytest.warns(UserWarning, match="no form factor is tabulated for S2-"):
        crystal = Crystal.from_cif(write(tmp_path, PBS), ions=True)
    assert [s.charge for s in crystal.sublattices] == [2, 0]


def test_mixed_site_keeps_both_elements(tmp_path):
    text = PBS.replace(
        "S1 S2- 0.5 0.5 0.5 1 1.25", "S1 S 0.5 0.5 0.5 0.6 1\nSe1 Se 0.5 0.5 0.5 .4 1"
    )
    crystal = Crystal.from_cif(write(tmp_path, text))
    assert [(s.element, s.occupancy) for s in crystal.sublattices] == [
        ("Pb", 1.0), ("S", 0.6), ("Se", 0.4)
    ]  # fmt: skip
    assert crystal.formula_units == 1
    # Atoms that share a site make no pair there.
    table = distance_table(cut_cluster(crystal, "sphere", 1.0))
    assert min(g.distances.min() for g in table.groups) > 2.9


@pytest.mark.parametrize("y", [0.02, 0.04, 0.06])
def test_split_sites_keep_their_atoms(tmp_path, y):
    text = PBS.replace("'F m -3 m'", "'P m -3 m'")
    text = text.replace("S1 S2- 0.5 0.5 0.5 1 1.25", f"Br1 Br 0.5 {y} 0 0.25 8")
    crystal = Crystal.from_cif(write(tmp_path, text))
    assert sum(s.occupancy for s in crystal.sublattices if s.element == "Br") == pytest.approx(3.0)
    # Images of one split site are never there together, though they lie 0.7 Angstrom apart.
    table = distance_table(cut_cluster(crystal, "sphere", 1.2))
    assert min(g.distances.min() for g in table.groups) > 1.5


def test_labels_may_repeat_and_displacements_may_be_zero(tmp_path):
    text = PBS.replace("S1 S2- 0.5 0.5 0.5 1 1.25", "Pb1 S2- 0.5 0.5 0.5 1 0")
    with pytest.warns(UserWarning, match=r"at site Pb1 \(0\)"):
        crystal = Crystal.from_cif(write(tmp_path, text))
    assert [(s.element, s.b_iso) for s in crystal.sublattices] == [("Pb", 1.25), ("S", 0.0)]


@pytest.mark.parametrize("symbol", ["F d -3 m S", "F d -3 m :1"])
def test_origin_of_the_inorganic_database(tmp_path, symbol):
    text = PBS.replace("'F m -3 m'", f"'{symbol}'").replace("S1 S2- 0.5 0.5 0.5 1 1.25\n", "")
    diamond = Crystal.from_cif(write(tmp_path, text))
    assert len(diamond.sublattices) == 2


def test_sites_that_overlap_are_refused():
    cube = ((4.0, 0, 0), (0, 4.0, 0), (0, 0, 4.0))
    with pytest.raises(ValueError, match="Pb and Pb are 0 Angstrom apart"):
        Crystal("x", cube, (Sublattice("Pb", (0, 0, 0), 1.0), Sublattice("Pb", (4.0, 0, 0), 1.0)))
    with pytest.raises(ValueError, match="unknown element 'Xx'"):
        Crystal("x", cube, (Sublattice("Xx", (0, 0, 0), 1.0),))


@pytest.mark.parametrize("fill", ["volume", "atoms"])
@pytest.mark.parametrize("apart", [0.3, 0.9])
def test_alternatives_make_no_pair(fill, apart):
    cube = ((6.0, 0, 0), (0, 6.0, 0), (0, 0, 6.0))
    halves = tuple(Sublattice("Br", (0, 0, z), 1.0, occupancy=0.5) for z in (0, apart))
    series = homologous_series(Crystal("disordered", cube, halves), 2.5, fill=fill)
    distances = distance_table(series).groups[0].distances
    assert distances.min() == pytest.approx(6.0 - apart)


def test_authors_in_latin_1(tmp_path):
    text = PBS.replace("loop_", "_publ_author_name 'M\xfcller, K.'\nloop_", 1)
    path = tmp_path / "old.cif"
    path.write_bytes(text.encode("latin-1"))
    assert "M\xfcller" in Crystal.from_cif(path).reference
    path.write_bytes(text.encode("utf-8-sig"))
    assert "M\xfcller" in Crystal.from_cif(path).reference


def test_sites_of_occupancy_zero_are_left_out(tmp_path):
    text = PBS + "C1 C 0.25 0.25 0.25 0 1\n"
    assert len(Crystal.from_cif(write(tmp_path, text)).sublattices) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", "not readable"),
        (lambda t: "hello", "not readable"),
        (lambda t: t.replace("_cell_length_a 5.934\n", ""), "unit cell"),
        (lambda t: t[: t.index("loop_")], "no atoms"),
        (lambda t: t.replace("Pb2+", "Qq").replace("Pb1", "Qq1"), "unknown element at site Qq1"),
        (lambda t: t.replace("0 0 0 1 1.25", "0 0 0 1.5 1.25"), r"Pb1 is 1.5; .* in \[0, 1\]"),
        (lambda t: t.replace("0 0 0 1 1.25", "0 0 0 -1 1.25"), "occupancy of Pb1 is -1"),
        (lambda t: t + "Se1 Se 0.5 0.5 0.5 0.5 1\n", r"Se and S are 0 .* filled to 1\.5"),
        (lambda t: t.replace(" 1 1.25", " 0 1.25"), "every site has occupancy 0"),
        (lambda t: t.replace("alpha 90", "alpha 170"), "does not fit"),
        (lambda t: t.replace("'F m -3 m'", "'F nonsense'"), "group is not known .*'F nonsense'"),
        (lambda t: t.replace("_c 5.934", "_c 6.5"), "does not fit the space group F m -3 m"),
        (lambda t: t.replace("5.934", "0.5934"), "Pb and Pb are 0.42 Angstrom apart"),
        (lambda t: t.replace("0.5 0.5 0.5 1", "0.5 ? 0.5 1"), "site S1 has no coordinates"),
    ],
)
def test_bad_cif_says_what_is_wrong(tmp_path, change, message):
    path = write(tmp_path, change(PBS))
    with pytest.raises(ValueError, match=message) as error:
        Crystal.from_cif(path)
    assert str(error.value).startswith(str(path))


def test_missing_or_binary_cif(tmp_path):
    with pytest.raises(ValueError, match="no such CIF"):
        Crystal.from_cif(tmp_path / "none.cif")
    path = tmp_path / "noise.cif"
    path.write_bytes(bytes(range(256)) * 50)
    with pytest.raises(ValueError, match=r"noise\.cif"):
        Crystal.from_cif(path)


def test_a_block_among_several(tmp_path):
    text = "data_global\n_journal_year 1999\n" + PBS
    assert Crystal.from_cif(write(tmp_path, text)).formula_units == 1
    two = PBS + PBS.replace("data_PbS", "data_other").replace("5.934", "6.0")
    path = write(tmp_path, two)
    with pytest.raises(ValueError, match=r"2 blocks hold a cell \(PbS, other\)"):
        Crystal.from_cif(path)
    assert Crystal.from_cif(path, block="other").cell[0][0] == pytest.approx(6.0)
    with pytest.raises(ValueError, match="no block 'third'; the file has PbS, other"):
        Crystal.from_cif(path, block="third")


def test_cif_without_space_group_warns(tmp_path):
    text = PBS.replace("_symmetry_space_group_name_H-M 'F m -3 m'\n", "")
    with pytest.warns(UserWarning, match="P 1 is taken"):
        assert len(Crystal.from_cif(write(tmp_path, text)).sublattices) == 2


@pytest.mark.parametrize("tag", ["_space_group_IT_number", "_symmetry_Int_Tables_number"])
def test_cif_with_the_number_of_its_space_group_alone(tmp_path, tag):
    text = PBS.replace("_symmetry_space_group_name_H-M 'F m -3 m'", f"{tag} 225")
    assert Crystal.from_cif(write(tmp_path, text)).vectors == Crystal.builtin("PbS").vectors


def test_cif_without_displacement_parameter_warns(tmp_path):
    with pytest.warns(UserWarning, match="B = 1"):
        crystal = Crystal.from_cif(write(tmp_path, PBS.replace(" 1 1.25", " 1 ?")))
    assert crystal.sublattices[0].b_iso == 1.0


def test_cif_with_anisotropic_displacements(tmp_path):
    text = PBS.replace(" 1 1.25", " 1 ?") + ANISO
    crystal = Crystal.from_cif(write(tmp_path, text))
    factor = 8 * np.pi**2
    rows = [f"Pb1 {0.01 * factor} {0.02 * factor} {0.03 * factor} 0 0 0"]
    rows += [f"S1 {0.02 * factor} {0.02 * factor} {0.02 * factor} 0 0 0"]
    head = ANISO.replace("_U_", "_B_").split("Pb1")[0]
    told_as_b = Crystal.from_cif(
        write(tmp_path, PBS.replace(" 1 1.25", " 1 ?") + head + "\n".join(rows) + "\n")
    )
    assert [s.b_iso for s in told_as_b.sublattices] == pytest.approx([factor * 0.02] * 2)
    assert [s.b_iso for s in crystal.sublattices] == pytest.approx([8 * np.pi**2 * 0.02] * 2)


def test_strain_along_axes():
    wurtzite_cdse = Crystal.builtin("CdSe wurtzite")
    strained = wurtzite_cdse.strained((0.01, 0.01, -0.02))
    np.testing.assert_allclose(
        np.linalg.norm(strained.conventional, axis=1), [4.299 * 1.01, 4.299 * 1.01, 7.010 * 0.98]
    )
    inverse = np.linalg.inv(strained.lattice)
    for before, after in zip(wurtzite_cdse.sublattices, strained.sublattices, strict=True):
        np.testing.assert_allclose(  # fractional coordinates stay
            np.array(after.offset) @ inverse,
            np.array(before.offset) @ np.linalg.inv(wurtzite_cdse.lattice),
            atol=1e-12,
        )
    pbs = Crystal.builtin("PbS")
    assert pbs.strained(0.01).node_diameter == pytest.approx(1.01 * pbs.node_diameter)
    for wrong in (-1.0, np.nan, (0.0, 0.0, -2.0), (0.0, 0.01)):
        with pytest.raises(ValueError, match="strain is"):
            pbs.strained(wrong)


def test_other_displacement_parameters():
    pbs = Crystal.builtin("PbS").with_b_iso({"S": 2.0})
    assert [s.b_iso for s in pbs.sublattices] == pytest.approx([1.25, 2.0])
    assert [s.b_iso for s in pbs.with_b_iso(0.0).sublattices] == [0.0, 0.0]
    with pytest.raises(ValueError, match="b_iso names Se"):
        pbs.with_b_iso({"Se": 1.0})
    with pytest.raises(ValueError, match=r"b_iso of Pb is -1\.0"):
        pbs.with_b_iso(-1.0)


@pytest.mark.parametrize(
    "values",
    [{"occupancy": 0.0}, {"occupancy": 1.2}, {"b_iso": -1.0}, {"offset": (0.0, np.nan, 0)}],
)
def test_sublattice_refuses_impossible_values(values):
    with pytest.raises(ValueError, match="must"):
        Sublattice(**{"element": "Pb", "offset": (0.0, 0.0, 0.0), "b_iso": 1.0, **values})


def test_flat_or_empty_cell_is_refused():
    cube = ((4.0, 0, 0), (0, 4.0, 0), (0, 0, 4.0))
    with pytest.raises(ValueError, match="volume"):
        Crystal("flat", ((1.0, 0, 0), (0, 1.0, 0), (1.0, 1.0, 0)), ())
    with pytest.raises(ValueError, match="no atom"):
        Crystal("empty", cube, ())

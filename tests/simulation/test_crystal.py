import numpy as np
import pytest

from sk_qdots import Crystal
from sk_qdots.simulation import Sublattice

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


def write(tmp_path, text):
    path = tmp_path / "crystal.cif"
    path.write_text(text)
    return path


def test_builtin_pbs_has_the_published_series_step():
    assert Crystal.builtin("PbS").node_diameter == pytest.approx(0.4638, abs=5e-5)
    assert Crystal.builtin("PbS").formula_units == 1


def test_unknown_builtin_lists_the_known():
    with pytest.raises(ValueError, match="PbS"):
        Crystal.builtin("Kryptonite")


def test_cif_gives_the_builtin_crystal(tmp_path):
    ours, read = Crystal.builtin("PbS"), Crystal.from_cif(write(tmp_path, PBS))
    np.testing.assert_allclose(read.lattice, ours.lattice, atol=1e-9)
    assert [s.element for s in read.sublattices] == ["Pb", "S"]
    for a, b in zip(read.sublattices, ours.sublattices, strict=True):
        np.testing.assert_allclose(a.offset, b.offset, atol=1e-9)
        assert a.b_iso == pytest.approx(b.b_iso, abs=1e-5)


def test_cif_wurtzite_keeps_four_atoms_in_a_primitive_cell(tmp_path):
    text = PBS.replace("'F m -3 m'", "'P 63 m c'").replace("Pb2+", "Cd").replace("S2-", "Se")
    text = text.replace("_cell_length_a 5.934", "_cell_length_a 4.299")
    text = text.replace("_cell_length_b 5.934", "_cell_length_b 4.299")
    text = text.replace("_cell_length_c 5.934", "_cell_length_c 7.010")
    text = text.replace("gamma 90", "gamma 120")
    text = text.replace("0 0 0 1", "0.33333 0.66667 0 1")
    text = text.replace("0.5 0.5 0.5 1", "0.33333 0.66667 0.375 1")
    crystal = Crystal.from_cif(write(tmp_path, text))
    assert sorted(s.element for s in crystal.sublattices) == ["Cd", "Cd", "Se", "Se"]
    assert crystal.formula_units == 2
    assert crystal.cell_volume == pytest.approx(4.299**2 * 7.010 * np.sqrt(3) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", "not readable"),
        (lambda t: "hello", "not readable"),
        (lambda t: t.replace("_cell_length_a 5.934\n", ""), "unit cell"),
        (lambda t: t[: t.index("loop_")], "no atoms"),
        (lambda t: t.replace("Pb2+", "Qq").replace("Pb1", "Qq1"), "unknown element"),
        (lambda t: t.replace("0 0 0 1 1.25", "0 0 0 1.5 1.25"), "occupancy"),
    ],
)
def test_bad_cif_says_what_is_wrong(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        Crystal.from_cif(write(tmp_path, change(PBS)))


def test_missing_cif(tmp_path):
    with pytest.raises(ValueError, match="no such CIF"):
        Crystal.from_cif(tmp_path / "none.cif")


def test_cif_without_displacement_parameter_warns(tmp_path):
    with pytest.warns(UserWarning, match="B = 1"):
        crystal = Crystal.from_cif(write(tmp_path, PBS.replace(" 1 1.25", " 1 ?")))
    assert crystal.sublattices[0].b_iso == 1.0


def test_cif_with_anisotropic_displacements(tmp_path):
    aniso = """loop_
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
    text = PBS.replace(" 1 1.25", " 1 ?") + aniso
    crystal = Crystal.from_cif(write(tmp_path, text))
    assert [s.b_iso for s in crystal.sublattices] == pytest.approx([8 * np.pi**2 * 0.02] * 2)


@pytest.mark.parametrize("values", [{"occupancy": 0.0}, {"occupancy": 1.2}, {"b_iso": -1.0}])
def test_sublattice_refuses_impossible_values(values):
    with pytest.raises(ValueError, match="must"):
        Sublattice("Pb", (0.0, 0.0, 0.0), **{"b_iso": 1.0, **values})


def test_flat_cell_is_refused():
    with pytest.raises(ValueError, match="volume"):
        Crystal("flat", ((1.0, 0, 0), (0, 1.0, 0), (1.0, 1.0, 0)), ())

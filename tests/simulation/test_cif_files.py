"""CIFs of others: what is right for each, one row a file."""

import re
import warnings

import pytest

from sk_qdots import Crystal

NO_CELL = "no unit cell"
QUARTZ = "Si3 O6"
# Atoms in the conventional cell, or "refused" and why, and what is warned of. Of some files
# only the head is there, with no cell; what they hold where they are whole is told as well.
ROWS = {
    "AlCr": ("Al0.4 Cr0.6", None),
    "Bi2Te3_hex": ("Bi6 Te9", None),
    "Bi2Te3_rho": ("Bi2 Te3", None),
    "C_c2": ("C8", None),
    "C_c2b": ("C8", None),
    "C_num227_o2": ("C8", None),
    "C_o1": ("C8", None),
    "C_o1m": ("C8", None),
    "C_o2": ("C8", None),
    "C_o2s": ("C8", None),
    "C_o2z": ("C8", None),
    "CuIn_wz_3digits": ("Cu1 In1 S2", None),
    "CuIn_wz_4digits": ("Cu1 In1 S2", None),
    "D2O": ("D1 O1", None),
    "Dans_Diffraction_Structures_Sapphire": ("Al12 O18", None),
    "FeOOH_num": ("refused", r"'31' may be read in .* P m n 21; .* by P 21 n m"),
    "FeOOH_sym": ("Fe2 O4", None),
    "FeOOH_symnum": ("Fe2 O4", None),
    "GST": ("Ge1.6 Sb1.6 Te4", None),
    "GeO2_0.666": ("Ge3 O6", None),
    "GeO2_0.66667": ("Ge3 O6", None),
    "GeO2_0.6667": ("Ge3 O6", None),
    "GeO2_0.667": ("Ge3 O6", None),
    "In2Se3_bad_ops": ("refused", "they form no group.* names no space group"),
    "In2Se3_bad_ops_num": ("In6 Se6", "they form no group.*169' is taken instead"),
    "In2Se3_bad_ops_sym": ("In6 Se6", "they form no group.*'P 61' is taken instead"),
    # The operations are those of P 65, by which In and Se are 1 Angstrom apart.
    "In2Se3_good_ops": ("In6 Se6", "bring atoms too near .* by P 61 is taken"),
    "Na0.8CoO2_alternatives": ("Na1.6 Co2 O4", None),
    "NaCl_Fm3m": ("Na4 Cl4", None),
    "NaCl_hall": ("Na4 Cl4", None),
    "NaCl_number": ("Na4 Cl4", None),
    "NaCl_quoted": ("Na4 Cl4", None),
    "NaCl_symbol": ("Na4 Cl4", None),
    "amcsd_corundum_duplicate_tag": ("Al12 O18", None),
    "anatase_o2": ("Ti4 O8", None),
    "cartn_only": ("refused", "no _atom_site_fract_x.* Cartesian coordinates are not read"),
    "dup_labels_aniso": ("Al2", None),
    "galena_amcsd": ("Pb4 S4", None),
    "graphite_ops_only": ("C4", None),
    "magnetite_sym_only": ("Fe24 O32", None),
    "mantid": ("Al1 Cr1", None),
    "nan": ("refused", "_cell_length_a is nan"),
    "no_fract_y": ("refused", "no _atom_site_fract_y"),
    "nodata": ("refused", "not readable as a CIF"),
    "occ_esd": ("Pd4", r"scaled to 1: Pd1 \(1\.002\)"),
    "occupancy_1.00002": ("Li9.495 Al3.495 Ti8.484 P18 O72", None),
    "quartz_amcsd": (QUARTZ, None),
    "quartz_dup_op": (QUARTZ, None),
    "quartz_ops_and_number": (QUARTZ, None),
    "quartz_ops_only": (QUARTZ, None),
    "quartz_symbol_only": ("Si6 O6", "formula .* where the atoms"),
    "spinel_frac": ("Fe24 O32", None),
    "text": ("refused", "not readable as a CIF"),
    "three_on_one_0.3334": ("Pr1.333 Sm1.333 Pb1.333 S4", None),
    "three_on_one_0.334": ("Pr1.333 Sm1.333 Pb1.333 S4", r"Pr1, Sm1 and Pb1 \(1\.002\)"),
    "three_on_one_0.34": ("Pr1.333 Sm1.333 Pb1.333 S4", r"Pr1, Sm1 and Pb1 \(1\.02\)"),
    "three_on_one_0.35": ("refused", r"filled to 1\.05 together \(sites Pb1, Sm1 and Pr1\)"),
    "three_species_half_each": ("refused", r"filled to 1\.5 together \(sites Pb1, Sm1 and Pr1\)"),
    "unlooped": ("Pb2", None),
    "utf16": (QUARTZ, None),
    "wz_0.3330_0.6670": ("Zn2 O2", None),
    "wz_0.3333_0.6667": ("Zn2 O2", None),
    "wz_0.333_0.667": ("Zn2 O2", None),
    "wz_0.33_0.67": ("Zn2 O2", None),
}
DENSITIES = {"C_o1": 3.515, "C_o2": 3.515, "C_o2s": 3.515, "C_o2z": 3.515, "utf16": 2.646}


def contents(text):
    return {e: float(n) for e, n in re.findall(r"([A-Z][a-z]?)([\d.]+)", text)}


def read(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        crystal = Crystal.from_cif(path, primitive=False)
    found = {}
    for s in crystal.sublattices:
        found[s.element] = found.get(s.element, 0.0) + s.occupancy
    return crystal, found, [str(w.message) for w in caught]


def test_every_file_has_a_row(cif_folder):
    assert {p.stem for p in cif_folder.glob("*.cif")} == set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_file_gives_its_crystal_or_says_why_not(cif_folder, name):
    path = cif_folder / f"{name}.cif"
    atoms, told = ROWS[name]
    if path.stat().st_size < 50 and atoms != "refused":
        atoms, told = "refused", NO_CELL
    if atoms == "refused":
        with pytest.raises(ValueError, match=told) as error:
            Crystal.from_cif(path)
        assert str(error.value).startswith(f"{path}: ")
        return
    crystal, found, messages = read(path)
    assert found == pytest.approx(contents(atoms), abs=2e-3)
    messages = [m for m in messages if "no displacement parameter" not in m]
    assert len(messages) == (told is not None)
    assert all(m.startswith(f"{path}: ") and re.search(told, m) for m in messages)
    if name in DENSITIES:
        weights = {"C": 12.011, "Si": 28.085, "O": 15.999}
        mass = sum(weights[e] * n for e, n in found.items())
        assert 1.66054 * mass / crystal.cell_volume == pytest.approx(DENSITIES[name], abs=5e-3)


def test_tensors_of_repeated_labels_are_taken_in_turn(cif_folder):
    crystal, *_ = read(cif_folder / "dup_labels_aniso.cif")
    assert [s.b_iso for s in crystal.sublattices] == pytest.approx([0.7896, 2.3687], abs=1e-4)
    crystal, *_ = read(cif_folder / "mantid.cif")
    assert [s.b_iso for s in crystal.sublattices] == pytest.approx([1.5791, 1.5791], abs=1e-4)

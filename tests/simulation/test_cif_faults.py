"""CIFs that say a thing twice, in part, or in words of their own."""

import functools
import itertools
import re

import gemmi
import pytest
from cif_texts import NEW, NUMBER, OLD, PLAIN, SYMBOL, cif, loop, read_text, rocksalt

from sk_qdots.simulation._formulas import formula_counts, formula_rounding

SHARED = (*PLAIN, "occupancy", "U_iso_or_equiv")
RIGHT = (90, 90, 90)


@pytest.fixture
def read(tmp_path):
    return functools.partial(read_text, folder=tmp_path)


@pytest.mark.parametrize(
    ("symbol", "cell", "site", "expected"),
    [
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.01 0.3 0.3 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.01 0.30 0.3 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.3 0.01 0.01 .25 .01", 2),
        ("P m m m", (8, 9, 7, *RIGHT), "Pb 0.012 0.2 0.35 .5 .01", 4),
        ("P m m m", (6, 6.1, 6.2, *RIGHT), "Pb 0.001 0.3 0.3 .5 .01", 2),
        ("P 4/m m m", (4, 4, 4.1, *RIGHT), "Ti 0.3 0.297 0.02 .5 .01", 4),
        ("P 4/m m m", (4, 4, 4.1, *RIGHT), "Ti 0.31 0.31 0.02 .5 .01", 4),
        ("P 6/m m m", (7, 7, 5, 90, 90, 120), "La 0.33 0.67 0 .5 .01", 1),
        ("P 6/m m m", (7, 7, 5, 90, 90, 120), "La 0.33 0.667 0 .5 .01", 1),
        ("P 63 m c", (3.25, 3.25, 5.2, 90, 90, 120), "Zn 0.66 0.33 0.1 .5 .01", 1),
    ],
)
def test_split_sites_keep_all_their_images(read, symbol, cell, site, expected):
    found, messages, _ = read(cif([site], cell=cell, columns=SHARED, pairs={SYMBOL: symbol}))
    assert sum(found.values()) == pytest.approx(expected)
    assert messages == []


@pytest.mark.parametrize(
    ("text", "expected", "half"),
    [
        ("Al2 (Si0.5 O2)3", {"Al": 2, "Si": 1.5, "O": 6}, 0.15),
        ("Fe1.96(2) O3", {"Fe": 1.96, "O": 3}, 0.005),
        ("Ca S O4, 2H2 O", {"Ca": 1, "S": 1, "O": 6, "H": 4}, 0),
        ("Ca S O4, 2 H2 O", {"Ca": 1, "S": 1, "O": 6, "H": 4}, 0),
        ("Ca S O4 2(H2 O)", {"Ca": 1, "S": 1, "O": 6, "H": 4}, 0),
        ("CaSO4*2H2O", {"Ca": 1, "S": 1, "O": 6, "H": 4}, 0),
        ("Cu S O4 . 5H2 O", {"Cu": 1, "S": 1, "O": 9, "H": 10}, 0),
        ("CuSO4.5H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}, 0),
        ("Zn S . 0.5 H2 O", {"Zn": 1, "S": 1, "O": 0.5, "H": 1}, 0),
        ("ZnS.0.5(H2O)", {"Zn": 1, "S": 1, "O": 0.5, "H": 1}, 0),
        ("0.5H2 O, Zn S", {"Zn": 1, "S": 1, "O": 0.5, "H": 1}, 0),
        ("Fe2+ Fe3+2 O2-4", {"Fe": 3, "O": 4}, 0),
        ("MG AL2 O4", {"Mg": 1, "Al": 2, "O": 4}, 0),
        ("(Ba, Sr) Ti O3", {}, 0),
        ("Al0.5Si0.5O2", {"Al": 0.5, "Si": 0.5, "O": 2}, 0.05),
        ("Ce4+ O2-2", {"Ce": 1, "O": 2}, 0),
        ("Fe3+2 O3", {"Fe": 2, "O": 3}, 0),
        ("Ca+2 O-2", {"Ca": 1, "O": 1}, 0),
        ("N H4+ Cl-", {"N": 1, "H": 4, "Cl": 1}, 0),
        ("CE O2", {"Ce": 1, "O": 2}, 0),
        ("Al 2 O 3", {"Al": 2, "O": 3}, 0),
        ("D2 O", {"H": 2, "O": 1}, 0),
        ("SI O2", {}, 0),  # silica or an iodine
        ("E2 O3", {}, 0),
        ("Ca (S O4)2-", {}, 0),
        ("rock salt, very pure", {}, 0),
    ],
)
def test_formulas(text, expected, half):
    assert formula_counts(text) == pytest.approx(expected)
    assert formula_rounding(text) == pytest.approx(half)


def facts(formula, units=None, density=None, structural=None):
    """Tags of what a file says of itself."""
    pairs = {"_chemical_formula_sum": formula, "_chemical_formula_structural": structural}
    pairs |= {"_cell_formula_units_Z": units, "_exptl_crystal_density_diffrn": density}
    return {tag: value for tag, value in pairs.items() if value is not None}


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        (facts("Na4 Cl4", 4), None),
        (facts("Na4 Cl4", 4, structural="NaCl"), None),
        (facts("Na Cl", 4, structural="NaCl"), None),
        (facts("Na4 Cl4", 4, 2.164), None),
        (facts("Na4 Cl4", 4, 8.65), "density 8.65"),
        (facts("Na8 Cl8", 8), "formula x Z Cl64 Na64, where the atoms in the cell are Cl4 Na4"),
        (facts("Na4 Cl4", 4, structural="Na4Cl4"), "formula x Z Cl16 Na16"),
        (facts("Na Cl", 1), "formula x Z Cl1 Na1"),
    ],
)
def test_a_formula_of_the_whole_cell(read, pairs, told):
    found, messages, _ = read(rocksalt(pairs={SYMBOL: "F m -3 m"} | pairs))
    assert found == {"Na": 4, "Cl": 4}
    assert [told in m for m in messages] == ([True] if told else [])


@pytest.mark.parametrize("structural", ["Si", None])
@pytest.mark.parametrize("place", ["0 0 0", ".125 .125 .125"])
def test_a_formula_of_the_whole_cell_tells_the_origin(read, structural, place):
    pairs = {SYMBOL: "Fd-3m"} | facts("Si8", 8, structural=structural)
    text = cif([f"Si {place} .01"], cell=(5.43, 5.43, 5.43, *RIGHT), pairs=pairs)
    assert read(text)[:2] == ({"Si": 8}, [])


BRUCITE = {SYMBOL: "P -3 m 1"}
HYDROGEN = {
    "none": ([], "no site holds H2 that"),
    "half": (["H .3333 .6667 .43 .5 .02"], "sites hold H1 of the H2 that"),
    "all": (["H .3333 .6667 .43 1 .02"], None),
    "D": (["D .3333 .6667 .43 1 .02"], None),
}


@pytest.mark.parametrize(
    ("hydrogen", "density", "told"),
    [
        ("none", 2.281, None),
        ("none", 2.363, None),
        ("none", 2.9, "density 2.9 g/cm^3, where it is 2.281, or 2.363 with all hydrogen"),
        ("half", 2.363, None),
        ("all", 2.363, None),
        ("D", 2.444, None),
        ("D", 2.2, "density 2.2 g/cm^3, where it is 2.444"),
    ],
)
def test_densities_with_and_without_hydrogen(read, hydrogen, density, told):
    more, lacking = HYDROGEN[hydrogen]
    sites = ["Mg 0 0 0 1 .006", "O .3333 .6667 .2203 1 .008", *more]
    pairs = BRUCITE | facts("Mg (O H)2", 1, density)
    text = cif(sites, cell=(3.15, 3.15, 4.77, 90, 90, 120), columns=SHARED, pairs=pairs)
    _, messages, _ = read(text)
    expected = [t for t in (told, lacking) if t]
    assert len(messages) == len(expected)
    assert all(t in m for t, m in zip(expected, messages, strict=True))


ANTIFLUORITE = ["Na {} 0 0 0 .01", "K {} .25 .25 .25 .01"]
COUNTED = (PLAIN[0], "symmetry_multiplicity", *PLAIN[1:], "U_iso_or_equiv")
NEWER = (PLAIN[0], "site_symmetry_multiplicity", *PLAIN[1:], "U_iso_or_equiv")


@pytest.mark.parametrize(
    ("numbers", "columns", "told"),
    [
        ((4, 8), COUNTED, None),  # images in the cell
        ((4, 8), NEWER, None),
        ((1, 2), COUNTED, None),  # of a node
        ((4, 24), COUNTED, "multiplicity of K 24, where it is 8"),
        ((48, 24), COUNTED, None),  # operations that leave the site
        ((48, 24), NEWER, "multiplicity of Na 48, where it is 4 and K 24, where it is 8"),
        ((4, 2), COUNTED, "multiplicity of K 2, where it is 8"),
        ((8, 8), COUNTED, "multiplicity of Na 8, where it is 4"),
        ((1, 1), COUNTED, "Na 1, where it is 4"),
        ((48, 8), COUNTED, "multiplicity of Na 48, where it is 4"),
    ],
)
def test_multiplicities_are_images_in_the_cell_unless_all_say_otherwise(
    read, numbers, columns, told
):
    sites = [s.format(n) for s, n in zip(ANTIFLUORITE, numbers, strict=True)]
    cell = (6.5, 6.5, 6.5, *RIGHT)
    found, messages, _ = read(cif(sites, cell=cell, columns=columns, pairs={SYMBOL: "F m -3 m"}))
    assert found == {"Na": 4, "K": 8}
    assert [bool(re.search(told, m)) for m in messages] == [True] if told else messages == []


def test_a_multiplicity_that_is_an_order_by_chance(read):
    text = cif(["Na 6 .2 .2 .2 .01"], columns=COUNTED, pairs={SYMBOL: "P m -3 m"})
    found, messages, _ = read(text)
    assert found == {"Na": 8}
    assert len(messages) == 1 and "multiplicity of Na 6, where it is 8" in messages[0]


def test_orders_where_one_is_the_number_of_images_by_chance(read):
    cell = (9, 8, 10, 90, 101, 90)
    sites = ["S1 1 .1 .2 .3 .01", "S2 2 .4 0 .1 .01"]
    pairs = {SYMBOL: "P 2/m"}
    assert read(cif(sites, cell=cell, columns=COUNTED, pairs=pairs))[:2] == ({"S": 6}, [])


def test_orders_of_general_positions(read):
    cell = (9, 8, 10, 90, 101, 90)
    sites = ["S1 1 .1 .2 .3 .01", "S2 1 .4 .3 .1 .01"]
    text = cif(sites, cell=cell, columns=COUNTED, pairs={SYMBOL: "P 21/c"})
    assert read(text)[:2] == ({"S": 8}, [])


def test_multiplicities_tell_the_origin(read):
    sites = ["Ti 4 0 0 0 .01", "O 8 0 0 .208 .01"]
    cell = (3.785, 3.785, 9.514, *RIGHT)
    pairs = {SYMBOL: "I 41/a m d"}
    found, messages, crystal = read(cif(sites, cell=cell, columns=COUNTED, pairs=pairs))
    assert (found, messages) == ({"Ti": 4, "O": 8}, [])
    assert crystal.space_group == "I 41/a m d:1"


@pytest.mark.parametrize(
    ("value", "b_iso", "told"),
    [
        ("0", 0, r"B outside of 0\.05 to 15 Angstrom\^2 at site Na \(0\) and Cl \(0\)"),
        ("0.0000", 0, r"at site Na \(0\) and Cl \(0\)"),
        (
            "-0.12(5)",
            1,
            r"B below 0 .* Na \(-0\.12\) and Cl \(-0\.12\) cannot be; the tensor, or B",
        ),
        ("0.6", 0.6, None),
    ],
)
def test_displacement_parameters_of_no_atom(read, value, b_iso, told):
    text = rocksalt(columns=(*PLAIN, "B_iso_or_equiv"), u=f" {value}")
    _, messages, crystal = read(text)
    assert [s.b_iso for s in crystal.sublattices] == [b_iso] * 8
    assert [bool(re.search(told, m)) for m in messages] == [True] if told else messages == []


@pytest.mark.parametrize(
    ("occupancies", "expected"),
    [
        (["M1 0.4", "M1 0.6", "Cl 1"], {"Na": 1.6, "K": 2.4, "Cl": 4}),
        (["M1 0.8", "Cl 1", "M1 0.2"], {"Na": 3.2, "K": 0.8, "Cl": 4}),
        (["M1 0.5", "Cl 0.9"], {"Na": 2, "K": 2, "Cl": 3.6}),  # one for both
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_occupancies_of_doubled_labels_in_a_loop_of_their_own(read, occupancies, expected, first):
    own = loop(["_atom_site_label", "_atom_site_occupancy"], occupancies)
    columns = ("label", "type_symbol", *PLAIN[1:], "U_iso_or_equiv")
    sites = ["M1 Na 0 0 0 .01", "M1 K 0 0 0 .01", "Cl Cl .5 .5 .5 .01"]
    text = cif(sites, columns=columns, pairs={SYMBOL: "F m -3 m"})
    text = text.replace("loop_", own + "loop_", 1) if first else text + own
    found, messages, _ = read(text)
    assert found == pytest.approx(expected)
    assert messages == []


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        (("0.52(2)", "0.51(2)"), r"K and Na \(1\.03\)|Na and K \(1\.03\)"),
        (("0.52", "0.51"), None),
        (("0.7(2)", "0.7(2)"), None),
    ],
)
def test_shared_sites_overfull_within_their_deviations(read, shares, told):
    sites = [f"Na 0 0 0 {shares[0]} .01", f"K 0 0 0 {shares[1]} .01", "Cl .5 .5 .5 1 .01"]
    text = cif(sites, columns=SHARED, pairs={SYMBOL: "F m -3 m"})
    if told is None:
        with pytest.raises(ValueError, match="filled to 1"):
            read(text)
        return
    found, messages, _ = read(text)
    assert found["Na"] + found["K"] == pytest.approx(4)
    assert len(messages) == 1 and re.search(told, messages[0])


@pytest.mark.parametrize("name", ["X", "Q", "Xx"])
def test_dummies_that_are_empty_are_left_out(read, name):
    columns = ("label", "type_symbol", *PLAIN[1:], "occupancy", "U_iso_or_equiv")
    sites = ["Na Na 0 0 0 1 .01", "Cl Cl .5 .5 .5 1 .01", f"X1 {name} .25 .25 .25 0 ."]
    pairs = {SYMBOL: "F m -3 m"}
    assert read(cif(sites, columns=columns, pairs=pairs))[:2] == ({"Na": 4, "Cl": 4}, [])
    sites[2] = sites[2].replace(" 0 .", " 0.1 .")
    with pytest.raises(ValueError, match="unknown element at site X1"):
        read(cif(sites, columns=columns, pairs=pairs))


@pytest.mark.parametrize("waves", ["_cell_wave_vector_seq_id ?\n", ""])
def test_a_structure_of_no_modulation(read, waves):
    text = rocksalt().replace("loop_", f"{waves}_cell_modulation_dimension 0\nloop_", 1)
    assert read(text)[:2] == ({"Na": 4, "Cl": 4}, [])
    with pytest.raises(ValueError, match="superspace"):
        read(text.replace("dimension 0", "dimension 1"))


@pytest.mark.parametrize(
    ("label", "formula", "element", "told"),
    [
        ("HO1", None, "H", "HO1 as H"),
        ("HO1", "Na H", "H", "HO1 as H"),
        ("HO1", "Na Ho", "Ho", None),
        ("Ho1", "Na Ho", "Ho", None),
        ("Co1", "Na C", "C", "Co1 as C"),
        ("Co1", "Na Co", "Co", None),
        ("Co1", None, "Co", None),
        ("Os1", "Na O", "O", None),
    ],
)
def test_labels_of_hydrogen_and_carbon(read, label, formula, element, told):
    columns = (*PLAIN, "U_iso_or_equiv")
    pairs = {SYMBOL: "F m -3 m"} | facts(formula)
    sites = ["NA1 0 0 0 .01", f"{label} .5 .5 .5 .01"]
    found, messages, _ = read(cif(sites, columns=columns, pairs=pairs))
    assert found[element] == 4
    assert any(told in m for m in messages) if told else not any(label in m for m in messages)


FULL_CELL = [
    *("Na0 0 0 0 .01", "Na1 0 .5 .5 .01", "Na2 .5 0 .5 .01", "Na3 .5 .5 0 .01"),
    *("Cl0 .5 .5 .5 .01", "Cl1 .5 0 0 .01", "Cl2 0 .5 0 .01", "Cl3 0 0 -.5 .01"),
]
LEFT = "sites that are images of others under the symmetry are left out: "


@pytest.mark.parametrize(
    ("sites", "more", "told"),
    [
        (FULL_CELL, {}, LEFT + "Na1, Na2, Na3, Cl1, Cl2 and Cl3"),
        (FULL_CELL, facts("Na Cl", 4), LEFT + "Na1, Na2, Na3, Cl1, Cl2 and Cl3"),
        (FULL_CELL, facts("Na4 Cl4", 4), LEFT + "Na1, Na2, Na3, Cl1, Cl2 and Cl3"),
        ([*FULL_CELL[:1], *FULL_CELL[4:6]], {}, LEFT + "Cl1"),
        ([FULL_CELL[0], FULL_CELL[4]], {}, None),
    ],
)
def test_sites_that_are_listed_again(read, sites, more, told):
    pairs = {SYMBOL: "F m -3 m"} | more
    found, messages, _ = read(cif(sites, pairs=pairs))
    assert found == {"Na": 4, "Cl": 4}
    assert messages == ([told] if told else [])
    # Those that are filled in part are not one, nor are different atoms.
    shares = [f"{s} .6" for s in sites]
    columns = (*PLAIN, "U_iso_or_equiv", "occupancy")
    if told:
        with pytest.raises(ValueError, match="filled to"):
            read(cif(shares, columns=columns, pairs=pairs))
        with pytest.raises(ValueError, match=r"K.* Na.* filled to"):
            read(cif([*sites, "K .5 .5 0 .01"], pairs=pairs))


@pytest.mark.parametrize("off", [0.0, 0.125])
def test_a_cell_that_is_listed_in_full_tells_the_origin(read, off):
    fcc = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
    sites = [
        f"Si {x + shift + off} {y + shift + off} {z + shift + off} .01"
        for shift in (0.0, -0.25 if off else 0.25)
        for x, y, z in fcc
    ]
    text = cif(sites, cell=(5.43, 5.43, 5.43, *RIGHT), pairs={SYMBOL: "F d -3 m"})
    found, messages, crystal = read(text)
    assert (found, messages) == ({"Si": 8}, [LEFT + "Si"])
    assert crystal.space_group == ("F d -3 m:2" if off else "F d -3 m:1")


def test_sites_that_are_listed_again_where_the_formula_says_otherwise(read):
    sites = ["Na0 0 0 0 .01", "Na1 0 .5 .5 .01", "Cl0 .5 .5 .5 .01"]
    pairs = {SYMBOL: "F m -3 m"} | facts("Na2 Cl", 4)
    with pytest.raises(ValueError, match="filled to 2"):
        read(cif(sites, pairs=pairs))


def operations(symbol):
    return [op.triplet() for op in gemmi.find_spacegroup_by_name(symbol).operations()]


@pytest.mark.parametrize("first", [OLD, NEW])
@pytest.mark.parametrize("told", [{SYMBOL: "F m -3 m"}, {NUMBER: 225}])
def test_of_two_lists_of_operations_that_of_the_symbol_is_taken(read, first, told):
    second = NEW if first == OLD else OLD
    lists = loop([first], ["'x,y,z'"]), loop([second], [f"'{o}'" for o in operations("F m -3 m")])
    text = rocksalt(pairs=told).replace("loop_", f"{lists[0]}{lists[1]}loop_", 1)
    found, messages, _ = read(text)
    assert found == {"Na": 4, "Cl": 4}
    assert len(messages) == 1 and "192 is taken" in messages[0]
    both = "".join(loop([t], [f"'{o}'" for o in operations("F m -3 m")]) for t in (OLD, NEW))
    assert read(rocksalt(pairs=told).replace("loop_", f"{both}loop_", 1))[1] == []


def test_the_identity_alone_beside_a_symbol(read):
    pairs = {SYMBOL: "F m -3 m"}
    found, messages, _ = read(rocksalt(operations=["x,y,z"], pairs=pairs))
    assert found == {"Na": 1, "Cl": 1}
    assert len(messages) == 1
    assert "Cl1 Na1 (0.541 g/cm^3) by the operations" in messages[0]
    assert "Cl4 Na4 (2.16 g/cm^3) by F m -3 m" in messages[0]
    # Where the cell is listed in full both are one crystal.
    assert read(cif(FULL_CELL, operations=["x,y,z"], pairs=pairs))[:2] == ({"Na": 4, "Cl": 4}, [])


FORSTERITE = [
    "Mg1 0 0 0 .005",
    "Mg2 .9915 .2774 .25 .005",
    "Si .4262 .094 .25 .004",
    "O1 .7657 .0913 .25 .006",
    "O2 .2215 .4474 .25 .006",
    "O3 .2777 .1628 .0331 .006",
]


def test_settings_in_which_atoms_have_room_are_told(read):
    cell = (4.756, 10.207, 5.98, *RIGHT)
    with pytest.raises(
        ValueError, match=r"on top of each other by P n m a.* Mg8 O16 Si4 .*P b n m"
    ):
        read(cif(FORSTERITE, cell=cell, pairs={SYMBOL: "P n m a"}))
    assert read(cif(FORSTERITE, cell=cell, pairs={SYMBOL: "P b n m"}))[1] == []
    silicon = {SYMBOL: "F d -3 m:1"} | facts("Si", 8)
    text = cif(["Si .125 .125 .125 .01"], cell=(5.43, 5.43, 5.43, *RIGHT), pairs=silicon)
    _, messages, _ = read(text)
    assert len(messages) == 1
    assert "In another setting it agrees: Si8 (2.33 g/cm^3) by F d -3 m:2;" in messages[0]


def test_settings_about_another_axis(read):
    cell = (5.15, 5.32, 5.2, 90, 90, 99.2)
    sites = ["Zr .2083 .2754 .0395 .005", "O1 .345 .07 .332 .006", "O2 .48 .45 .757 .006"]
    pairs = {SYMBOL: "P 1 21/c 1"} | facts("Zr O2", 4)
    with pytest.raises(ValueError, match=r"may be read in \d ways.*by P 1 1 21/"):
        read(cif(sites, cell=cell, pairs=pairs))


def test_a_supercell_beside_the_symbol_of_its_cell(read):
    """As symmetry has it they would be more atoms than can be; the file has all."""
    n = range(3)
    fcc = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
    sites = []
    for element, off in (("Na", 0.0), ("Cl", 0.5)):
        for a, b, c in itertools.product(n, n, n):
            for x, y, z in fcc:
                place = [(a + x + off) / 3, (b + y + off) / 3, (c + z + off) / 3]
                sites.append(f"{element} {place[0]:.6f} {place[1]:.6f} {place[2]:.6f} .01")
    text = cif(sites, cell=(16.92,) * 3 + RIGHT, operations=["x,y,z"], pairs={SYMBOL: "F m -3 m"})
    found, messages, _ = read(text)
    assert found == {"Na": 108, "Cl": 108}
    assert all("they are 1, where" in m for m in messages)


@pytest.mark.parametrize(("units", "expected"), [(2, 4), (4, 4)])
def test_a_formula_with_units_goes_before_one_of_the_cell(read, units, expected):
    """Both origins fit a meaning of Ti4 O8, Z 2; the plain one is meant."""
    formula = {2: "Ti2 O4", 4: "Ti O2"}[units]
    pairs = {SYMBOL: "I 41/a m d"} | facts(formula, units)
    sites = ["Ti 0 0 0 .01", "O 0 0 .208 .01"]
    text = cif(sites, cell=(3.785, 3.785, 9.514, *RIGHT), pairs=pairs)
    found, messages, _ = read(text)
    assert (found["Ti"], messages) == (expected, [])

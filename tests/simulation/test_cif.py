"""How CIFs of databases and programs are read, what is checked, and what is refused."""

import functools
import itertools
import re
import warnings

import numpy as np
import pytest
from cif_texts import (
    NEW,
    NUMBER,
    OLD,
    OPERATIONS,
    PLAIN,
    SILICA,
    SYMBOL,
    U_ISO,
    cif,
    loop,
    quartz,
    read_text,
    rocksalt,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots import Crystal


def carbon(x, pairs):
    return cif([f"C {x} {x} {x} 0.003"], cell=(3.567, 3.567, 3.567, 90, 90, 90), pairs=pairs)


@pytest.fixture
def read(tmp_path):
    """Read a text; returns atoms in the cell, messages, and the crystal."""
    return functools.partial(read_text, folder=tmp_path)


SI3O6 = {"Si": 3, "O": 6}
NA4CL4 = {"Na": 4, "Cl": 4}


@pytest.mark.parametrize("tag", [OLD, NEW, NEW.replace("_operation", ".operation")])
@pytest.mark.parametrize(
    "operations",
    [
        OPERATIONS,
        OPERATIONS[1:],  # the identity goes without saying
        [*OPERATIONS, "x,y,z", "-y, x-y, z+2/3"],
        [o.upper() for o in OPERATIONS],
        [o.replace("2/3", "0.6667").replace("1/3", ".333") for o in OPERATIONS],
        [o.replace("2/3+z", "z+2/3").replace("2/3-z", "-z + 2/3") for o in OPERATIONS],
        [o.replace("2/3", "5/3").replace("-z", "- z") for o in OPERATIONS],
    ],
)
def test_operations_are_read_however_written(read, tag, operations):
    found, messages, crystal = read(quartz(operations, tag=tag))
    assert (found, messages) == (SI3O6, [])
    assert crystal.space_group == "P 32 2 1"


@pytest.mark.parametrize(
    "rows",
    [
        OPERATIONS,
        [o.replace(",", ", ") for o in OPERATIONS],
        [o.replace(",", " , ").replace("+z", " + z") for o in OPERATIONS],
    ],
)
@pytest.mark.parametrize("numbered", [False, True])
def test_operations_without_quotes(read, rows, numbered):
    tags = ["_space_group_symop_id", NEW] if numbered else [NEW]
    rows = [f"{k} {row}" if numbered else row for k, row in enumerate(rows, 1)]
    text = quartz(()).replace("loop_", loop(tags, rows) + "loop_", 1)
    assert read(text)[:2] == (SI3O6, [])


def test_operations_of_a_file_count_more_than_its_number_or_symbol(read):
    found, messages, _ = read(quartz(pairs={NUMBER: 180}))
    assert found == SI3O6
    assert messages == [
        "its symmetry operations are taken; they are 6, where the space group P 62 2 2 that it "
        "names has 12"
    ]
    assert read(quartz(pairs={NUMBER: 180, **SILICA}))[:2] == (SI3O6, [])
    # By the symbol alone the atoms are others, which the formula shows.
    found, messages, _ = read(quartz((), pairs={SYMBOL: "P 32 2 1", **SILICA}))
    assert found == {"Si": 6, "O": 6}
    assert len(messages) == 1 and "formula x Z O6 Si3, where the atoms in the cell" in messages[0]


def test_operations_that_are_less_than_the_symbol(read):
    identity = {"operations": ["x,y,z"]}
    found, messages, _ = read(rocksalt(**identity))
    assert found == {"Na": 1, "Cl": 1}
    assert "they are 1, where the space group F m -3 m that it names has 192" in messages[0]
    pairs = {SYMBOL: "F m -3 m", "_chemical_formula_sum": "Na Cl", "_cell_formula_units_Z": 4}
    found, messages, _ = read(rocksalt(**identity, pairs=pairs))
    assert found == NA4CL4 and len(messages) == 1 and "by F m -3 m is taken" in messages[0]


@pytest.mark.parametrize("wrong", ["-x,-y", "x,y,z+q", "2x,y,z", "x,y,w", "-x,-y,z", "x/2,y,z"])
def test_operations_that_form_no_group(read, wrong):
    operations = [*OPERATIONS, wrong]
    found, messages, _ = read(quartz(operations, pairs={SYMBOL: "P 32 2 1"}))
    assert found == {"Si": 6, "O": 6}
    assert len(messages) == 1 and "symmetry operations cannot be used" in messages[0]
    assert "'P 32 2 1' is taken instead" in messages[0]
    with pytest.raises(ValueError, match=r"cannot be used .* names no space group"):
        read(quartz(operations))


def test_operations_that_are_cut_short(read):
    rows = [f"{k} '{o}'" for k, o in enumerate(OPERATIONS[:3], 1)]
    operations = loop(["_space_group_symop_id", NEW], [*rows, "4"])
    text = quartz((), pairs={SYMBOL: "P 32 2 1"}).replace("loop_", operations + "loop_", 1)
    found, messages, _ = read(text)
    assert found == {"Si": 6, "O": 6}
    assert len(messages) == 1 and "(their list is cut short)" in messages[0]


def test_a_symbol_that_is_told_twice(read):
    def twice(other):
        return rocksalt().replace("loop_", f"{SYMBOL} '{other}'\nloop_", 1)

    assert read(twice("Fm-3m"))[:2] == (NA4CL4, [])
    found, messages, _ = read(twice("P m -3 m"))
    assert found == NA4CL4
    assert messages == [f"{SYMBOL} is told as 'F m -3 m' and 'P m -3 m'; the first is taken"]


def test_centrings_of_any_kind(read, tmp_path):
    shifts = [f"x+{k}/5,y+{2 * k}/5,z" for k in range(5)]
    text = cif(["Na 0 0 0 .01"], cell=(9, 9, 4, 90, 90, 90), operations=shifts)
    found, _, crystal = read(text)
    assert found == {"Na": 5}
    assert crystal.cell_volume == pytest.approx(324)
    node = Crystal.from_cif(tmp_path / "made.cif")
    assert len(node.sublattices) == 1 and node.cell_volume == pytest.approx(324 / 5)
    # Rows 1.8 Angstrom along a and 3.6 along b from each other.
    assert node.shortest_distance("Na", "Na") == pytest.approx(4.0)
    np.testing.assert_allclose(node.conventional, np.diag([9.0, 9.0, 4.0]), atol=1e-9)


@pytest.mark.parametrize("symbol", ["Fd-3m", "F d -3 m", "Fd3m", "F d -3 m (227)", "F_d_-3_m"])
@pytest.mark.parametrize("x", ["0", "0.125"])
def test_an_origin_that_is_not_told_is_that_of_the_atoms(read, symbol, x):
    assert read(carbon(x, {SYMBOL: symbol}))[:2] == ({"C": 8}, [])


@pytest.mark.parametrize("x", ["0", "0.125"])
@pytest.mark.parametrize("form", [":{}", " :{}", " {}", "{}", "-{}"])
def test_an_origin_that_is_told_is_kept(read, x, form):
    letter = {"0": "S", "0.125": "Z"}[x]
    number = {"0": "1", "0.125": "2"}[x]
    if form == "-{}":
        pairs = {SYMBOL: "F d -3 m", "_space_group_IT_coordinate_system_code": number}
    else:
        pairs = {SYMBOL: "F d -3 m" + form.format(number if ":" in form else letter)}
    found, _, crystal = read(carbon(x, pairs))
    assert found == {"C": 8} and crystal.space_group.endswith(f":{number}")


def test_facts_decide_between_settings_or_both_are_told(read):
    cell = (20, 20, 20, 90, 90, 90)
    both = {SYMBOL: "P n -3 n"}
    with pytest.raises(ValueError, match=r"2 ways.*by P n -3 n:1 and .*by P n -3 n:2\."):
        read(cif(["Tl .25 .25 .25 .01"], cell=cell, pairs=both))
    counts = {}
    for n in (1, 2):
        pairs = {SYMBOL: f"P n -3 n:{n}"}
        counts[n] = read(cif(["Tl .25 .25 .25 .01"], cell=cell, pairs=pairs))[0]["Tl"]
    assert counts[1] != counts[2]
    for n in (1, 2):
        facts = {"_chemical_formula_sum": "Tl", "_cell_formula_units_Z": int(counts[n])}
        density = {"_exptl_crystal_density_diffrn": round(1.66054 * 204.38 * counts[n] / 8000, 4)}
        for more in (facts, density):
            found, messages, _ = read(cif(["Tl .25 .25 .25 .01"], cell=cell, pairs=both | more))
            assert (found["Tl"], messages) == (counts[n], [])
        columns = ("label", "symmetry_multiplicity", *U_ISO[1:])
        row = [f"Tl {counts[n]:g} .25 .25 .25 .01"]
        assert read(cif(row, cell=cell, columns=columns, pairs=both))[0]["Tl"] == counts[n]


GOETHITE = ["Fe 0.0 0.2731 0 .01", "O1 0.266 0.368 0 .01", "O2 0.735 0.053 0 .01"]
GOETHITE_CELL = (4.9462, 4.443, 2.9914, 90, 90, 90)


def test_a_bare_number_in_an_unusual_setting(read):
    def made(pairs):
        return read(cif(GOETHITE, cell=GOETHITE_CELL, pairs=pairs))

    with pytest.raises(ValueError, match=r"'31' may be read in .*P m n 21.*P 21 n m") as error:
        made({NUMBER: 31})
    assert "Fe2 O8" in str(error.value) and "Fe2 O4" in str(error.value)
    assert made({SYMBOL: "P 21 n m", NUMBER: 31})[:2] == ({"Fe": 2, "O": 4}, [])
    pairs = {NUMBER: 62}
    pnma = ["Pb .188 .25 .167 .01", "S1 .9 .25 .6 .01", "S2 .05 .03 .85 .01"]
    cell = (8.5, 7.3, 6.9, 90, 90, 90)
    facts = {"_chemical_formula_sum": "Pb S3", "_cell_formula_units_Z": 4}
    found, messages, crystal = read(cif(pnma, cell=cell, pairs=pairs | facts))
    assert found == {"Pb": 4, "S": 12} and crystal.space_group == "P n m a"
    assert all("leaves the setting open" in m for m in messages)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({SYMBOL: "F m -3 m", "_space_group_name_Hall": "-F 4 2 rubbish"}, None),
        ({SYMBOL: "F m -3 m", "_space_group_name_Hall": "P 3"}, None),  # does not fit the cell
        ({SYMBOL: "nonsense", "_space_group_name_Hall": "-F 4 2 3"}, None),
        ({SYMBOL: "nonsense", NUMBER: 225}, "'nonsense' is not known; the number 225"),
        ({SYMBOL: "?", NUMBER: "225"}, None),
        ({SYMBOL: "F m -3 m", NUMBER: 221}, "does not agree .* F m -3 m is taken"),
        ({SYMBOL: "F M 3 M"}, None),
        ({SYMBOL: "FM-3M"}, None),
        ({"_space_group_name_Hall": "-F 4 2 3"}, None),
    ],
)
def test_symbols_that_are_bad_beside_good_ones(read, pairs, told):
    facts = {"_chemical_formula_sum": "Na Cl", "_cell_formula_units_Z": 4}
    found, messages, _ = read(rocksalt(pairs=pairs | facts))
    assert found == NA4CL4
    assert [bool(re.search(told, m)) for m in messages] == [True] if told else messages == []


def test_rhombohedral_axes_are_those_of_the_cell(read):
    cells = {"H": (4.386, 4.386, 30.497, 90, 90, 120), "R": (10.476,) * 3 + (24.166,) * 3}
    for axes, told in itertools.product("HR", ["", " :H", " R", "H"]):
        z = ("0 0 0.4001", "0 0 0", "0 0 .2095") if axes == "H" else (
            ".4001 .4001 .4001", "0 0 0", ".2095 .2095 .2095"
        )  # fmt: skip
        sites = [f"{e} {place} .01" for e, place in zip(("Bi", "Te1", "Te2"), z, strict=True)]
        found, messages, crystal = read(
            cif(sites, cell=cells[axes], pairs={SYMBOL: f"R -3 m{told}"})
        )
        assert found == ({"Bi": 6, "Te": 9} if axes == "H" else {"Bi": 2, "Te": 3})
        assert crystal.space_group == f"R -3 m:{axes}"
        other = told.strip(" :") not in ("", axes, "H" if told == "H" else axes)
        assert [("axes of" in m) for m in messages] == [True] * other


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({"_chemical_formula_sum": "Na Cl", "_cell_formula_units_Z": 4}, None),
        ({"_chemical_formula_sum": "Na1.0 Cl1.0"}, None),
        ({"_chemical_formula_sum": "(Na Cl)2", "_cell_formula_units_Z": 2}, None),
        ({"_chemical_formula_sum": "Na Cl", "_cell_formula_units_Z": 8}, "Cl8 Na8, .* Cl4 Na4"),
        ({"_chemical_formula_sum": "Na Cl2"}, "formula Cl2 Na1, .* Cl4 Na4"),
        ({"_chemical_formula_sum": "K Cl"}, "formula Cl1 K1, .* Cl4 Na4"),
        ({"_exptl_crystal_density_diffrn": 2.16}, None),
        ({"_exptl_crystal_density_diffrn": 2164}, None),
        ({"_exptl_crystal_density_diffrn": 4.33}, r"density 4\.33 g/cm\^3, where it is 2\.164"),
        ({"_cell_volume": 179.4}, None),
        ({"_cell_volume": 200}, r"cell volume 200 A\^3, where it is 179\.4"),
        ({"_chemical_formula_sum": "?"}, None),
        ({"_chemical_formula_sum": "rock salt, very pure"}, None),
        ({"_chemical_formula_sum": "Na Cl H4 O2", "_cell_formula_units_Z": 4}, "Cl4 H16 Na4 O8, "),
        ({"_chemical_formula_sum": "Na Cl H2", "_cell_formula_units_Z": 4}, "no site holds H8"),
    ],
)
def test_what_a_file_says_of_itself(read, pairs, told):
    found, messages, _ = read(rocksalt(pairs=pairs | {SYMBOL: "F m -3 m"}))
    assert found == NA4CL4
    assert [bool(re.search(told, m)) for m in messages] == [True] if told else messages == []


@pytest.mark.parametrize("label", ["Na", "Na1", "NaA", "Na+", "Na1+", "Na1_a", "23Na", "(Na)1"])
def test_labels_without_a_type_column(read, label):
    assert read(rocksalt(label))[:2] == (NA4CL4, [])


@pytest.mark.parametrize("label", ["O", "O1", "OW1", "Oa1", "Ow", "OB", "Obr", "O2-", "O-H", "OM"])
@pytest.mark.parametrize("formula", ["Mg O", ""])
def test_labels_that_begin_with_an_element(read, label, formula):
    pairs = {SYMBOL: "F m -3 m", "_chemical_formula_sum": formula}
    assert read(rocksalt("Mg", label, a=4.21, pairs=pairs))[0] == {"Mg": 4, "O": 4}


@pytest.mark.parametrize("label", ["Wat", "Wat1", "H2O", "OH", "Watd"])
def test_water_is_its_oxygen(read, label):
    found, messages, _ = read(rocksalt("Mg", label, a=4.6))
    assert found == {"Mg": 4, "O": 4}
    assert messages == [f"of water, hydroxyl and such groups the hydrogen is left out: {label}"]


def test_a_label_of_two_elements_is_told_by_the_formula_or_warned_of(read):
    for formula, element in (("Ca O", "Ca"), ("C O", "C")):
        pairs = {SYMBOL: "F m -3 m", "_chemical_formula_sum": formula}
        assert read(rocksalt("CA1", "O1", pairs=pairs))[:2] == ({element: 4, "O": 4}, [])
    found, messages, _ = read(rocksalt("CA1", "O1"))
    assert found == {"Ca": 4, "O": 4} and "guessed from the label: CA1 as Ca" in messages[0]


@pytest.mark.parametrize(
    ("symbol", "charge"),
    [
        *[("Fe3+", 3), ("Fe+3", 3), ("FE", 0), ("fe", 0), ("Fe0+", 0), ("Fe2+", 2), ("57Fe", 0)],
        *[("Feva", 0), ("Fe+2", 2), ("?", 0), (".", 0)],
    ],
)
def test_type_symbols(read, symbol, charge):
    columns = ("label", "type_symbol", *PLAIN[1:], "U_iso_or_equiv")
    text = rocksalt(f"Fe1 {symbol}", "O1 O", columns=columns, a=4.3)
    found, messages, crystal = read(text, ions=True)
    assert (found, messages) == ({"Fe": 4, "O": 4}, [])
    assert {s.charge for s in crystal.sublattices if s.element == "Fe"} == {charge}


@pytest.mark.parametrize(
    ("label", "told"),
    [
        *[("Fe/Mg", "several elements"), ("(Fe,Mg)1", "several elements")],
        *[("Fe0.5Mg0.5", "several elements"), ("Xx1", "unknown element"), ("M1", "unknown")],
    ],
)
def test_labels_that_are_no_element(read, label, told):
    with pytest.raises(ValueError, match=told):
        read(rocksalt(label, "O", a=4.3))


def test_dummies_vacancies_and_hydrogen_without_a_place_are_left_out(read):
    columns = (*PLAIN, "calc_flag", "U_iso_or_equiv")
    sites = ["Na 0 0 0 d .02", "Q1 .2 .2 .2 dum .02", "Cl .5 .5 .5 d .02"]
    pairs = {SYMBOL: "F m -3 m"}
    assert read(cif(sites, columns=columns, pairs=pairs))[:2] == (NA4CL4, [])
    sites = ["Na 0 0 0 .02", "H1 ? ? ? ?", "Va .25 .25 .25 .02", "Cl 1/2 1/2 0.5(0) .02"]
    found, messages, _ = read(cif(sites, pairs=pairs))
    assert found == NA4CL4
    assert messages == [
        "left out as vacancies: Va", "left out, for they have no coordinates: H1"
    ]  # fmt: skip


TENSOR = [f"_atom_site_aniso_{{}}_{ij}" for ij in ("11", "22", "33", "12", "13", "23")]
B_OF_U = 8 * np.pi**2


@pytest.mark.parametrize(
    ("kind", "value", "tensor", "expected", "told"),
    [
        ("U", ".02", None, B_OF_U * 0.02, None),
        ("B", "1.2(1)", None, 1.2, None),
        ("B", "0", None, 0.0, r"B outside of 0\.05 to 15 .* Na \(0\) and Cl \(0\)"),
        ("B", ".012", None, 0.012, r"Na \(0\.012\) and Cl \(0\.012\); are U and B mixed up"),
        ("U", "0.3", None, B_OF_U * 0.3, r"B outside of 0\.05 to 15 .* Na \(23\.7\)"),
        ("U", "17", None, None, "B of site Na is 1342 Angstrom"),
        ("U", "17", ("U", 0.015), B_OF_U * 0.015, r"Na \(1\.18, not 1\.34e\+03\)"),
        ("B", ".01", ("U", 0.0127), B_OF_U * 0.0127, r"Na \(1, not 0\.01\)"),
        ("B", "1", ("B", 1.1), 1.0, None),
        ("U", "?", ("B", 1.1), 1.1, None),
        ("U", "?", ("beta", 2 * np.pi**2 * 0.02 / 5.64**2), B_OF_U * 0.02, None),
        ("U", "-.01", None, 1.0, r"Na \(-0\.79\) and Cl \(-0\.79\) cannot be"),
        ("U", ".", None, 1.0, "no displacement parameter for Cl, Na"),
    ],
)
def test_displacement_parameters(read, kind, value, tensor, expected, told):
    text = rocksalt(columns=(*PLAIN, f"{kind}_iso_or_equiv"), u=f" {value}")
    if tensor is not None:
        tags = ["_atom_site_aniso_label", *(t.format(tensor[0]) for t in TENSOR)]
        text += loop(tags, [f"{e} {tensor[1]} {tensor[1]} {tensor[1]} 0 0 0" for e in NA4CL4])
    if expected is None:
        with pytest.raises(ValueError, match=told):
            read(text)
        return
    found, messages, crystal = read(text)
    assert found == NA4CL4
    assert [s.b_iso for s in crystal.sublattices] == pytest.approx([expected] * 8)
    assert [bool(re.search(told, m)) for m in messages] == [True] if told else messages == []


@pytest.mark.parametrize(
    ("value", "expected", "told"),
    [
        *[("1.002(3)", 1, "scaled to 1"), ("1.00002", 1, None), ("1.03(2)", 1, "scaled to 1")],
        *[
            ("0.5(1)", 0.5, None),
            (".", 1, None),
            ("1.05(1)", None, "is 1.05"),
            ("half", None, "is"),
        ],
        *[("-0.1", None, r"is -0\.1"), ("100", None, "is 100"), ("1.5(9)", None, "is 1.5")],
    ],
)
def test_occupancies(read, value, expected, told):
    text = rocksalt(columns=(*PLAIN, "U_iso_or_equiv", "occupancy"), u=f" .02 {value}")
    if expected is None:
        with pytest.raises(ValueError, match=f"occupancy of Na {told}"):
            read(text)
        return
    found, messages, _ = read(text)
    assert found == pytest.approx({"Na": 4 * expected, "Cl": 4 * expected})
    assert [told in m for m in messages] == [True] if told else messages == []


def test_alternatives_that_are_nearly_one_are_scaled(read):
    columns = (*PLAIN, "U_iso_or_equiv", "occupancy")

    def made(share):
        sites = ["Pb 0 0 0 .01 1", "S1 .5 .5 .5 .01 0.5", f"S2 .5 .5 .62 .01 {share}"]
        return read(cif(sites, cell=(6, 6, 6, 90, 90, 90), columns=columns, pairs={SYMBOL: "P 1"}))

    assert made(0.5)[:2] == ({"Pb": 1, "S": 1}, [])
    found, messages, _ = made(0.51)
    assert found == pytest.approx({"Pb": 1, "S": 1})
    assert messages == [
        "occupancies of alternatives that add up to more than 1 are scaled to 1: S1 and S2 (1.01)"
    ]
    with pytest.raises(ValueError, match=r"S and S are 0\.72 Angstrom apart and filled to 1\.03"):
        made(0.53)


def test_occupancies_in_a_loop_of_their_own(read):
    more = loop(["_atom_site_label", "_atom_site_occupancy"], ["Na 0.5", "Cl 0.25"])
    assert read(rocksalt() + more)[0] == {"Na": 2, "Cl": 1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.replace("_atom_site_fract_y\n", "").replace("0 0 0", "0 0"), None),
        (lambda t: t.replace("0 0 0 ", "0 0 "), "its last row lacks values"),
        (lambda t: t.replace("0 0 0 ", "0 0,5 0 "), r"site Na has no coordinates \(y is '0,5'\)"),
        (lambda t: t.replace("_a 5.64", "_a 5.64\n_cell_length_a 6"), "is 5.64 and 6"),
        (lambda t: t.replace("_a 5.64", "_a large"), "_cell_length_a is large; give it in Ang"),
        (lambda t: t.replace("gamma 90", "gamma 180"), "_cell_angle_gamma is 180"),
        (lambda t: t.replace("gamma 90", "gamma ?"), "_cell_angle_gamma is missing"),
        (lambda t: t.replace("_c 5.64", "_c 5.9"), "does not fit the space group F m -3 m"),
        (lambda t: "data_x\n_cell_modulation_dimension 1\n" + t[10:], "superspace group"),
        (lambda t: t.replace("loop_", "_space_group_ssg_name x\nloop_"), "superspace group"),
        (lambda t: t + t[t.index("loop_") :], "2 loops of sites"),
        (
            lambda t: t.replace("5.64", "0.8"),
            "Angstrom apart|more than can be|on top of each other by",
        ),
    ],
)
def test_what_cannot_be_is_refused(read, change, told):
    text = change(rocksalt())
    if told is None:
        text = text.replace(".5 .5 .5", ".5 .5")
        told = "no _atom_site_fract_y"
    with pytest.raises(ValueError, match=rf"made\.cif: .*({told})"):
        read(text)


def test_a_cell_that_nearly_fits(read):
    def made(b):
        return cif(["Na 0 0 0 .01"], cell=(5, b, 5, 90, 90, 90), pairs={SYMBOL: "F m -3 m"})

    assert read(made("5.005(1)"))[:2] == ({"Na": 4}, [])
    messages = read(made(5.03))[1]
    assert len(messages) == 1 and "fits the space group F m -3 m to 0.6 % only" in messages[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\r"),
        lambda t: "\ufeff" + t,
        lambda t: t.encode("utf-16"),
        lambda t: t.encode("utf-16-be"),
        lambda t: ("# M\xfcller\n" + t).encode("latin-1"),
        lambda t: t.replace(" ", "\t"),
        lambda t: t + "\x1a",
        lambda t: t.replace("data_made\n", ""),
        lambda t: "data_made\nloop_\n_foo\n_bar\n1 2 3\n_title 'open\n" + t[10:],
        lambda t: "data_made\n_title\n;\nloop_ data_no _cell_length_a 3\n;\n" + t[10:],
        lambda t: "global_\n_symmetry_cell_setting cubic\n" + t,
        lambda t: t.replace("data_made", "data_made\n_journal_year 1\n_journal_year 2"),
        lambda t: t.replace("_cell_length_a 5.64", "_cell_length_a 5.64\n_cell_length_a 5.64"),
        lambda t: t.replace("_cell_length", "_cell.length").replace("_site_", "_site."),
        lambda t: t.replace("'F m -3 m'", "\u2018F m -3 m\u2019"),
        lambda t: t.replace("'F m -3 m'", "'''F m -3 m'''"),
        lambda t: t.replace("'F m -3 m'", "\n;F m -3 m\n;"),
        lambda t: t.upper().replace("NA ", "Na ").replace("CL ", "Cl ").replace("DATA", "data"),
        lambda t: t.replace("0.02", "0.02(1)").replace("5.64", "5.640(3)"),
        lambda t: t + "_extra_tag\n",
        lambda t: t.replace("Na 0", "Na\n0").replace("Cl .5", "Cl # remark\n.5"),
    ],
)
def test_texts_of_any_program(read, change):
    assert read(change(rocksalt()))[:2] == (NA4CL4, [])


def test_words_behind_the_sites_are_told(read):
    for end in ("END OF DATA FILE now\n", "the end\n"):
        found, messages, _ = read(rocksalt() + end)
        assert found == NA4CL4 and all("left out behind the sites" in m for m in messages)


def test_a_single_site_outside_of_a_loop(read):
    text = rocksalt()
    text = text[: text.index("loop_")].replace("5.64", "3.35").replace("F m", "P m")
    text += "".join(
        f"_atom_site_{c} {v}\n" for c, v in zip(U_ISO, ["Po", 0, 0, 0, 0.01], strict=True)
    )
    assert read(text)[0] == {"Po": 1}


def test_a_magnetic_structure_has_its_nuclear_one(read):
    tags = ["_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_centering.xyz"]
    loops = loop(tags[:1], ["x,y,z,+1", "-x,-y,-z,-1"])
    loops += loop(
        tags[1:], ["x,y,z,+1", "x,y+1/2,z+1/2,-1", "x+1/2,y,z+1/2,-1", "x+1/2,y+1/2,z,+1"]
    )
    text = rocksalt("Ni", "O", a=4.18, pairs={}).replace("loop_", loops + "loop_", 1)
    assert read(text)[:2] == ({"Ni": 4, "O": 4}, [])


def test_blocks_are_listed_and_chosen(read):
    two = rocksalt() + rocksalt("K", "Br", a=6.6) + quartz().replace("made", "Third", 1)
    with pytest.raises(ValueError, match=r"3 blocks .*\(made, made#2, Third\); .*block= \(--block"):
        read(two)
    assert read(two, block="made#2")[0] == {"K": 4, "Br": 4}
    assert read(two, block="third")[0] == SI3O6
    with pytest.raises(ValueError, match="no block 'x'; the file has made, made#2, Third"):
        read(two, block="x")
    # A cell without sites is none to choose from.
    assert read("data_overall\n_cell_length_a 5.64\n" + rocksalt())[0] == NA4CL4


@settings(max_examples=150, deadline=None)
@given(
    symbol=st.sampled_from(
        ["P 63/m m c", "F d -3 m:2", "I a -3 d", "R -3 c:H", "P 4/m m m", "P 6"]
    ),
    place=st.tuples(*[st.sampled_from([0, 1 / 3, 2 / 3, 0.25, 0.125, 0.5, 0.4, 0.07])] * 3),
    off=st.tuples(*[st.floats(-1, 1)] * 3),
    far=st.sampled_from([0.0, 1e-5, 3e-4, 4e-3, 0.02, 0.05]),
    occupancy=st.sampled_from([0.01, 0.2, 1.0]),
)
def test_images_of_a_site_keep_its_occupancy(tmp_path_factory, symbol, place, off, far, occupancy):
    """The images in the cell are the operations over those that leave the site, always whole."""
    path = tmp_path_factory.mktemp("cif") / "made.cif"
    hexagonal = symbol.startswith(("P 6", "R"))
    cell = (
        7.0,
        7.0,
        9.0 if hexagonal or symbol[2] == "4" else 7.0,
        90,
        90,
        120 if hexagonal else 90,
    )
    x, y, z = (round(p + far * o, 6) for p, o in zip(place, off, strict=True))
    columns = (*PLAIN, "U_iso_or_equiv", "occupancy")
    path.write_text(
        cif([f"S {x} {y} {z} .01 {occupancy}"], cell=cell, columns=columns, pairs={SYMBOL: symbol})
    )
    order = {"P 63/m m c": 24, "F d -3 m:2": 192, "I a -3 d": 96, "R -3 c:H": 36}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = [Crystal.from_cif(path, primitive=p) for p in (False, True)]
        except ValueError as error:
            assert re.search("Angstrom apart|more than can be|on top of each other by", str(error))
            return
    n = order.get(symbol, 16 if symbol[2] == "4" else 6)
    whole, node = (sum(s.occupancy for s in c.sublattices) for c in found)
    times = whole / occupancy
    assert times == pytest.approx(round(times)) and n % round(times) == 0
    ratio = found[0].cell_volume / found[1].cell_volume
    assert whole == pytest.approx(ratio * node)

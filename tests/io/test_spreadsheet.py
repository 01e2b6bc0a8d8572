"""Excel workbooks: the table of a sheet, as its columns are named or as they are chosen."""

import datetime
import sys
import zipfile
from pathlib import Path

import numpy as np
import pattern_files as files
import pytest
import table_files as tables
from table_files import rows_of, workbook

import sk_qdots as sq

X = np.arange(10.0, 80.0, 0.5)
COUNTS = np.round(1460 + 300 * np.sin(X))
ESD = np.sqrt(COUNTS)
NUMBERED = np.arange(len(X))


def write(tmp_path, content, name="a.xlsx"):
    path = tmp_path / name
    path.write_bytes(workbook(content) if isinstance(content, dict) else content)
    return path


def one(*rows):
    return {"Sheet1": list(rows)}


def test_what_goes_in_comes_out(tmp_path):
    pattern = sq.read_pattern(write(tmp_path, tables.xlsx(X, COUNTS, ESD, 0.7)))
    np.testing.assert_allclose(pattern, COUNTS, rtol=1e-15)
    np.testing.assert_allclose(pattern["two_theta"], X, rtol=1e-15)
    np.testing.assert_allclose(pattern["esd"], ESD, rtol=1e-15)
    assert pattern.attrs["wavelength"] == 0.7
    assert pattern.attrs["format"] == "Excel"
    assert pattern.attrs["columns"] == "2theta (deg), I, esd"


DAY = datetime.date(2024, 5, 1)
READ = {
    "no names": one(*rows_of(X, COUNTS)),
    "dates beside": one(["when", "2theta", "I"], *rows_of([DAY] * len(X), X, COUNTS)),
    "words beside": one(["sample", "x", "y"], *rows_of(["dots"] * len(X), X, COUNTS)),
    "a background beside": one(["2theta", "bkg", "I"], *rows_of(X, ESD, COUNTS)),
    "peaks beside": one(
        ["2theta", "I", "peaks"],
        *[[*r, *([3.0] if k < 5 else [])] for k, r in enumerate(rows_of(X, COUNTS))],
    ),
    "empty rows and columns first": one(
        [], [], [None, None, "2theta", "I"], *rows_of([None] * len(X), [None] * len(X), X, COUNTS)
    ),
    "merged cells and units": one(
        ["Sample A", None], ["2theta", "Intensity"], ["deg", "counts"], *rows_of(X, COUNTS)
    ),
    "empty rows between": one(*rows_of(X, COUNTS)[:50], [], [None], *rows_of(X, COUNTS)[50:], []),
    "numbers as text": one(["2theta", "I"], *rows_of(map(str, X), map(str, COUNTS))),
    "text with decimal commas": one(
        ["2theta", "I"], *rows_of([f"{v:.2f}".replace(".", ",") for v in X], COUNTS + 0.0)
    ),
    "numbers of the columns above their names": one([1, 2], ["2theta", "I"], *rows_of(X, COUNTS)),
    "conditions above": one(
        ["start", 10, "stop", 79.5], ["2theta", "I"], [None, "cts"], *rows_of(X, COUNTS)
    ),
    "short numbers that are no thousands": one(["2theta", "I"], *rows_of(X, COUNTS)),
}


@pytest.mark.parametrize("kind", READ)
def test_read_as_meant(tmp_path, kind):
    pattern = sq.read_pattern(write(tmp_path, READ[kind]), wavelength=0.5)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X)
    assert "esd" not in pattern.coords


def test_three_decimals_are_no_thousands(tmp_path):
    mixed = np.where(NUMBERED % 2, 1.107, 123.0)
    pattern = sq.read_pattern(write(tmp_path, one(*rows_of(X, mixed))), wavelength=0.5)
    np.testing.assert_array_equal(pattern, mixed)


@pytest.mark.parametrize("text", [str, float])
def test_both_lines_of_a_tube_above_the_table(tmp_path, text):
    lines = [["K-Alpha1 wavelength", text(1.5406)], ["K-Alpha2 wavelength", text(1.54443)]]
    path = write(tmp_path, one(*lines, ["Angle", "Intensity"], *rows_of(X, COUNTS)))
    assert "mean of 1.5406 and 1.54443" in sq.read_pattern(path).attrs["wavelength_label"]


@pytest.mark.parametrize(
    ("names", "scale", "axis"),
    [
        (["Q (1/nm)", "I"], 1.0, "Q in 1/nm"),
        (["q [Å^-1]", "I(q)"], 0.1, "Q in 1/Angstrom"),
        (["Q", "I"], 1.0, "Q in 1/nm"),  # the unit below
    ],
)
def test_the_names_say_what_the_abscissa_is(tmp_path, names, scale, axis):
    units = [["nm^-1", "cts"]] if names[0] == "Q" else []
    path = write(tmp_path, one(names, *units, *rows_of(X * scale, COUNTS)))
    pattern = sq.read_pattern(path)
    assert pattern.attrs["axis"] == axis
    np.testing.assert_allclose(pattern["q"], X / 10.0)


WIDE = one(
    ["No.", "Angle", "Sample 1", "Sample 2", 310],
    *rows_of(NUMBERED, X, COUNTS, 2 * COUNTS, 3 * COUNTS),
)


@pytest.mark.parametrize(
    ("columns", "factor"),
    [
        (("Angle", "sample 2"), 2),
        ((1, 2), 1),
        (("b", "D"), 2),
        (("Angle", "310"), 3),
        (("Angle", 4), 3),
    ],
)
def test_columns_that_the_caller_chooses(tmp_path, columns, factor):
    pattern = sq.read_pattern(write(tmp_path, WIDE), wavelength=0.5, columns=columns)
    np.testing.assert_allclose(pattern, factor * COUNTS)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (None, r"which columns .* A \(No.\), B \(Angle\), C \(Sample 1\).*columns=\('Angle',"),
        (("Angle", "Sample 3"), r"no column 'Sample 3'; its columns are A \(No.\)"),
        (("Angle", 9), "no column 9"),
        (("Angle", "B"), "the same column twice"),
    ],
)
def test_columns_that_are_not_there_or_not_chosen(tmp_path, columns, reason):
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, WIDE), wavelength=0.5, columns=columns)


def test_two_columns_of_one_name(tmp_path):
    path = write(tmp_path, one(["2theta", "I", "2theta", "I"], *rows_of(X, COUNTS, X, 2 * COUNTS)))
    with pytest.raises(sq.PatternError, match="2 columns are called '2theta': say A, C"):
        sq.read_pattern(path, wavelength=0.5, columns=("2theta", "I"))
    pattern = sq.read_pattern(path, wavelength=0.5, columns=("C", "D"))
    np.testing.assert_allclose(pattern, 2 * COUNTS)


SERIES = {
    "empty": [],
    "cold": [["2theta", "I"], *rows_of(X, COUNTS)],
    "notes": [["measured on a Monday"]],
    "hot": [["2theta", "I"], *rows_of(X, 2 * COUNTS)],
}


def test_several_sheets_are_scans(tmp_path):
    path = write(tmp_path, SERIES)
    with pytest.raises(sq.PatternError, match=r"2 scans, 0: 'cold', 10 to 79.5, 1: 'hot'"):
        sq.read_pattern(path, wavelength=0.5)
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.5, scan=1), 2 * COUNTS)
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.5, scan="sum"), 3 * COUNTS)


def test_a_sheet_that_is_no_pattern_stays_in_its_place(tmp_path):
    path = write(tmp_path, SERIES | {"cold": [*SERIES["cold"], ["the end"]]})
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.5, scan=1), 2 * COUNTS)
    with pytest.raises(sq.PatternError, match="sheet 'cold': cell A142 holds 'the end'"):
        sq.read_pattern(path, wavelength=0.5, scan=0)


def test_columns_choose_the_sheet_that_has_them(tmp_path):
    path = write(tmp_path, SERIES | {"hot": [["angle", "I2"], *rows_of(X, COUNTS)]})
    pattern = sq.read_pattern(path, wavelength=0.5, columns=("angle", "I2"))
    np.testing.assert_allclose(pattern, COUNTS)


REFUSED = {
    "a date for a number": (
        one(*rows_of(X, COUNTS), [DAY, 5]),
        "cell A141 holds '2024-05-01.*dates",
    ),
    "a word for a number": (one(*rows_of(X, COUNTS), [80.0, "-"]), "cell B141 holds '-'"),
    "a lost value": (one(*rows_of(X, COUNTS), [80.0, "#DIV/0!"]), "cell B141 holds '#DIV/0!'"),
    "an empty cell": (one(*rows_of(X, COUNTS), [80.0, None]), "cell B141 is empty"),
    "no table": (one(["hello"], [1.0]), "without a table of numbers"),
    "formulas that nobody evaluated": (
        one(*[[f"={k}", f"=A{k + 1}"] for k in range(20)]),
        "formulas have no values yet",
    ),
    "one name for every column": (one(*rows_of(X, COUNTS, X, X)), "which columns"),
    "an intensity that is another axis": (one(["2theta", "Q"], *rows_of(X, X)), "must come first"),
    "few points": (one(*rows_of(X[:4], COUNTS[:4])), "4 points"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"\.xls.*as \.xlsx"),
    "ods": (files.archive({"mimetype": "x", "content.xml": "<x/>"}), r"\.ods.*as \.xlsx"),
    "xlsb": (files.archive({"xl/workbook.bin": "x"}), r"\.xlsb.*as \.xlsx"),
    "no workbook": (files.archive({"xl/workbook.xml": "<x/>"}), "damaged Excel workbook"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_reason(tmp_path, kind):
    content, reason = REFUSED[kind]
    with pytest.raises(sq.PatternError, match=reason) as caught:
        sq.read_pattern(write(tmp_path, content), wavelength=0.5)
    assert "\n" not in caught.value.reason


def part(content, name, change):
    """A workbook with one of its parts changed."""
    with zipfile.ZipFile(files.io.BytesIO(content)) as packed:
        members = {n: packed.read(n) for n in packed.namelist()}
    return files.archive(members | {name: change(members[name])})


SHEET = "xl/worksheets/sheet1.xml"
GOOD = tables.xlsx(X, COUNTS, ESD, 0.7)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.replace(b"<sheetData>", b"<sheetData>" + b" " * (64 * 2**20)), "too large"),
        (lambda c: b'<!DOCTYPE a [<!ENTITY b "c">]>' + c, "not that of a workbook"),
        (lambda c: c.replace(b"<sheetData>", b"<sheetData><c" + b" " * 10**7), "not that of a"),
        (lambda c: c.replace(b"<sheetData>", b"<sheetData>" + b"<c/>" * 2 * 10**6), "too large"),
        (lambda c: c[: len(c) // 2], "damaged Excel workbook"),
        (lambda c: c.replace(b'<row r="9"', b'<row r="900000000"'), "too large|damaged"),
        (lambda c: c.replace(b'r="C', b'r="XFD'), "sheet 'Sheet1' is too large"),
        (lambda c: c.replace(b'r="A9"', b'r="ZZZZ9"'), "damaged|too large|numbers"),
    ],
)
def test_parts_that_are_damaged_or_meant_to_harm(tmp_path, change, reason):
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, part(GOOD, SHEET, change)), wavelength=0.5)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_workbook_that_is_cut_short_is_refused(tmp_path, share):
    with pytest.raises(sq.PatternError, match="damaged"):
        sq.read_pattern(write(tmp_path, GOOD[: int(share * len(GOOD))]))


def test_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(sq.PatternError, match=r'pip install "sk_qdots\[excel\]"'):
        sq.read_pattern(write(tmp_path, GOOD))


def test_a_workbook_of_another_project():
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "files" / "simple.xlsx"
    if not path.exists():
        pytest.skip("the files of other projects are not here")
    with pytest.raises(sq.PatternError, match=r"A \(#\), B \(x\).*columns=\('x', 'y'\)"):
        sq.read_pattern(path, wavelength=1.5)
    with pytest.raises(sq.PatternError, match="has 4 points"):
        sq.read_pattern(path, wavelength=1.5, columns=("x", "y"))

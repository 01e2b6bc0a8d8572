"""Texts of even steps: MDI, Sietronics, DBWS."""

import time

import numpy as np
import pytest
import table_files as tables
from table_files import STEPPED, TABLES

import sk_qdots as sq

X = np.linspace(10.0, 90.0, 801)
COUNTS = np.round(5000 + 4000 * np.sin(X) ** 2)
ESD = np.sqrt(COUNTS)


def write(tmp_path, content, name="a.dat"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def options_of(name):
    return {"wavelength": 0.7} if name == "sample.dbw" else {}


@pytest.mark.parametrize("name", TABLES)
def test_what_goes_in_comes_out(tmp_path, name):
    content = TABLES[name](X, COUNTS, ESD, 0.7)
    pattern = sq.read_pattern(write(tmp_path, content, name), **options_of(name))
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X, atol=1e-5)
    assert pattern.attrs["wavelength"] == 0.7
    assert pattern.attrs["axis"] == "two-theta in degrees"
    assert ("esd" in pattern.coords) == (name in ("sample.xlsx", "powder.cif"))


@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_file_that_is_cut_is_read_so_far(tmp_path, name, share):
    content = TABLES[name](X, COUNTS, ESD, 0.7)
    for less in range(12):  # within a number or behind it
        path = write(tmp_path, content[: int(share * len(content)) - less], name)
        with pytest.warns(sq.PatternWarning, match=r"\d+ of 801 points are there"):
            pattern = sq.read_pattern(path, **options_of(name))
        assert len(pattern) > share * 600
        np.testing.assert_allclose(pattern, COUNTS[: len(pattern)])
        np.testing.assert_allclose(pattern["two_theta"], X[: len(pattern)], atol=1e-5)


@pytest.mark.parametrize("name", STEPPED)
def test_a_file_that_has_no_point_is_refused(tmp_path, name):
    content = TABLES[name](X, COUNTS, ESD, 0.7)[:60]
    with pytest.raises(sq.PatternError):
        sq.read_pattern(write(tmp_path, content, name), **options_of(name))


@pytest.mark.parametrize("name", ["sample.mdi", "sample.cpi"])
def test_another_wavelength_than_the_file_says_is_refused(tmp_path, name):
    path = write(tmp_path, TABLES[name](X, COUNTS, ESD, 0.7), name)
    with pytest.raises(sq.PatternError, match=r"the file says .* and 0\.56 was given"):
        sq.read_pattern(path, wavelength=0.56)
    with pytest.raises(sq.PatternError, match="whose abscissa is two-theta in degrees"):
        sq.read_pattern(path, x="q")


@pytest.mark.parametrize("name", ["sample.mdi", "sample.cpi"])
def test_the_label_says_that_one_line_is_what_the_file_has(tmp_path, name):
    content = TABLES[name](X, COUNTS, ESD, 1.5406).replace(b"Mo", b"Cu").replace(b"MO", b"CU")
    pattern = sq.read_pattern(write(tmp_path, content, name))
    assert pattern.attrs["wavelength_label"] == "Cu K-alpha 1, as the file says"


MDI = tables.mdi(X, COUNTS, ESD, 0.7).decode()
CPI = tables.cpi(X, COUNTS, ESD, 0.7).decode()
DBWS = tables.dbws(X, COUNTS, ESD, 0.7).decode()
ESDS = "".join(f"{v:10.2f}" + "\n" * (k % 8 == 7) for k, v in enumerate(ESD)) + "\n"


@pytest.mark.parametrize(
    "content",
    [
        tables.mdi(X, COUNTS, ESD, 0.7, time="cps"),
        tables.mdi(X, COUNTS, ESD, 0.7, time="1.0 CPS", per_line=10),
        MDI.replace(" 801\n", " 801.\n"),
        CPI.replace(".", ","),
        "\n" + CPI.replace("\n", "\r\n"),
        DBWS.replace("PbS", "wavelength = 0.7 A"),
        "lambda 0.7 A\nsecond line of title\n" + DBWS,
        tables.dbws(X, COUNTS, ESD, 0.7, per_line=1),
        tables.dbws(X, COUNTS, ESD, 0.7, per_line=3),  # not abscissa, intensity and esd
        tables.dbws(X, COUNTS, ESD, 0.7, per_line=2),
        DBWS.replace("        ", "  ,     "),
    ],
)
def test_ways_to_write_them(tmp_path, content):
    given = (
        {}
        if b"0.7" in (content if isinstance(content, bytes) else content.encode())
        else {"wavelength": 0.7}
    )
    pattern = sq.read_pattern(write(tmp_path, content), **given)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X, atol=1e-5)
    assert pattern.attrs["wavelength"] == 0.7


def test_standard_deviations_behind_the_counts(tmp_path):
    pattern = sq.read_pattern(write(tmp_path, DBWS + ESDS + "File of 2024\n"), wavelength=0.7)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["esd"], ESD, atol=0.006)
    with pytest.raises(sq.PatternError, match="no standard deviations"):
        sq.read_pattern(write(tmp_path, DBWS + DBWS.partition("\n")[2]), wavelength=0.7)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (MDI.replace(" 801\n", " 901\n"), "announces 901 points, and 801 steps"),
        (MDI + "17 18 19\n", "holds 804 intensities, and its line 2 announces 801"),
        (MDI.replace(" 90.0000", "  5.0000"), "goes from 10 to 5"),
        (MDI.replace("MO 0.7", "MO 70"), "needs a wavelength"),
        (MDI + "the end\n", "is not a row of intensities"),
        (CPI.replace("SCANDATA", "DATA"), "without start, end, step and SCANDATA"),
        (CPI.replace("\n90.0000", "\nninety"), "without start, end, step and SCANDATA"),
        (CPI + "5\n5\n", "holds 803 intensities"),
        (DBWS + "5 5 5\n", "8 columns"),  # no DBWS, then; and no columns either
    ],
)
def test_refused_with_the_reason(tmp_path, content, reason):
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, content))


@pytest.mark.parametrize("columns", [(X, COUNTS), (X, COUNTS, ESD)])
def test_columns_below_their_range(tmp_path, columns):
    rows = "".join(" ".join(f"{v:.4f}" for v in row) + "\n" for row in zip(*columns, strict=True))
    pattern = sq.read_pattern(write(tmp_path, f"10.0 0.1 90.0\n{rows}"), wavelength=0.7)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X, atol=1e-4)
    assert ("esd" in pattern.coords) == (len(columns) == 3)


def test_a_table_is_not_taken_for_steps(tmp_path):
    """A first row that could announce steps, with an esd above the abscissa."""
    x = np.linspace(5.0, 80.0, 300)
    rows = "".join(f"{a:.3f} 0.02 80.0\n" for a in x)
    path = write(tmp_path, rows)
    with pytest.warns(sq.PatternWarning, match="its third column"):
        pattern = sq.read_pattern(path, wavelength=0.7)
    np.testing.assert_allclose(pattern["two_theta"], x, atol=1e-3)
    pattern = sq.read_pattern(path, wavelength=0.7, columns=(0, 1, 2))
    np.testing.assert_allclose(pattern["esd"], 80.0)


@pytest.mark.parametrize("above", ["", "title\n", "data_a\n_tag\n"])
def test_endless_lines_take_no_time(tmp_path, above):
    path = write(tmp_path, above + "1" * 20_000_000)
    start = time.perf_counter()
    with pytest.raises(sq.PatternError, match="20000000 characters"):
        sq.read_pattern(path, wavelength=0.7)
    assert time.perf_counter() - start < 5.0

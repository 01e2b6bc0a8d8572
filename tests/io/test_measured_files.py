"""Files of real diffractometers and beamlines, against what is right for each."""

import csv
import json
import re
import warnings

import numpy as np
import pytest

import sk_qdots as sq

ALPHA_1 = "K-alpha 1 alone"
LABELS = {  # the line that was in the beam, and what decided it
    "TwoTheta_scan_powder.rasx": (1.54059, ALPHA_1),
    "example_scan.ras": (1.54059, ALPHA_1),
    "m54313_om2th_10.xrdml": (
        1.540598,
        r"K-alpha 1 alone \(Hybrid monochr. 2xGe\(220\) Cu asym.\)",
    ),
    "xrdtools_test_scan.xrdml": (1.540598, r"K-alpha 1 alone \(4xGe220 Asymmetric\)"),
    "XRD-918-16_10.xrdml": (1.541874, "mean .*but no crystal in the beam parts the lines"),
    "CG20396_jdb12-1.xrdml": (1.541874, "K-alpha mean"),
    "XRD_RIGAKU.ras": (1.541867, "K-alpha mean"),
    "chameleon_standard.brml": (0.560873, "Ag K-alpha mean"),
    "TiO2.raw": (1.541863, "Cu K-alpha mean"),
}
WARNED = {  # files that are read with a word of warning
    "autoxrd_MnO2.xy": "its third column .* is left out",
}
CHOSEN = {  # files that hold several scans, of which one is a pattern
    "omega_then_2theta.ras": (1, 4251, 5.0, 90.0),
    "rocking_then_2theta.xrdml": (1, None, 5.026, 79.97),
    "wait_then_scan.brml": (1, 2469, 9.9988, 60.0128),
}
REFUSED = {
    "ni.gr": r"is G\(r\), as its header says",
    "xrdtools_test_area.xrdml": "is a map",
    "LNMO_p8_scan-0000.h5": r"columns=\(",
}


def rows(folder):
    with (folder / "expected.csv").open(encoding="utf-8") as stream:
        return {row["file"]: row for row in csv.DictReader(stream, delimiter=";")}


def read(folder, name, **more):
    options = json.loads(rows(folder)[name]["options"] or "{}")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        pattern = sq.read_pattern(folder / name, **options, **more)
    words = [str(w.message) for w in said]
    expected = WARNED.get(name)
    assert bool(words) == (expected is not None), words
    assert expected is None or re.search(expected, words[0])
    return pattern


def abscissa(pattern):
    """As the file has it."""
    axis = pattern.attrs["axis"]
    if axis.startswith("two-theta"):
        return pattern["two_theta"].values
    return pattern["q"].values * (10.0 if axis == "Q in 1/nm" else 1.0)


def test_every_file_is_right(measured_folder):
    """Points, ends and largest value are those that an independent reader found."""
    wrong = []
    numbered = re.compile(r"n=(\d+) x=([\d.]+)\.\.([\d.]+) max=([\d.e+]+)@([\d.]+)")
    for name, row in rows(measured_folder).items():
        found = numbered.search(row["right"])
        if found is None or name in REFUSED:
            continue
        n_points, first, last, largest, where = map(float, found.groups())
        try:
            pattern = read(measured_folder, name)
        except (sq.PatternError, AssertionError) as error:
            wrong.append(f"{name}: {error}")
            continue
        x = abscissa(pattern)
        k = int(np.argmax(pattern.values))
        read_as = (len(pattern), x[0], x[-1], pattern.values[k], x[k])
        if not np.allclose(read_as, (n_points, first, last, largest, where), rtol=1e-5, atol=6e-4):
            wrong.append(f"{name}: read as {read_as}, right is {row['right']}")
    assert not wrong, "\n".join(wrong)


def test_every_file_has_a_row_that_is_tested(measured_folder):
    told = {"noend.ras", "trunc_TiO2.raw", "simple.xlsx", "ni.iq", *CHOSEN, *REFUSED}
    for name, row in rows(measured_folder).items():
        assert "n=" in row["right"] or name in told, name


@pytest.mark.parametrize("name", LABELS)
def test_the_line_that_was_in_the_beam(measured_folder, name):
    wavelength, words = LABELS[name]
    pattern = read(measured_folder, name)
    assert pattern.attrs["wavelength"] == pytest.approx(wavelength, abs=6e-6)
    assert re.search(words, pattern.attrs["wavelength_label"])


@pytest.mark.parametrize("name", CHOSEN)
def test_a_pattern_beside_scans_that_are_none(measured_folder, name):
    scan, n_points, first, last = CHOSEN[name]
    path = measured_folder / name
    with pytest.raises(sq.PatternError, match=rf"of which 1 is a pattern \({scan}: .*scan={scan}"):
        sq.read_pattern(path)
    with pytest.raises(sq.PatternError, match="scan 0 is no pattern"):
        sq.read_pattern(path, scan=0)
    pattern = sq.read_pattern(path, scan=scan)
    assert n_points is None or len(pattern) == n_points
    assert pattern["two_theta"].values[[0, -1]] == pytest.approx([first, last], abs=1e-2)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_pattern(measured_folder, name):
    for subtracted in (False, True):
        with pytest.raises(sq.PatternError, match=REFUSED[name]):
            sq.read_pattern(measured_folder / name, subtracted=subtracted)


@pytest.mark.parametrize(
    ("name", "many"), [("noend.ras", "4251 points"), ("trunc_TiO2.raw", r"\d+ of 1647 points")]
)
def test_a_measurement_that_stopped(measured_folder, name, many):
    with pytest.warns(sq.PatternWarning, match=f"stops before its end: {many}"):
        pattern = sq.read_pattern(measured_folder / name)
    assert len(pattern) > 100


def test_a_placeholder_sets_no_angles(measured_folder):
    pattern = read(measured_folder, "ni.iq")
    assert pattern["q"].values[[0, -1]] == pytest.approx([0.11362, 31.4901])
    assert "two_theta" not in pattern.coords

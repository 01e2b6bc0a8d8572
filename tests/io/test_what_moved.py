"""Scans that do not move two-theta: by the names of drives, and by what headers of text say."""

import instrument_files
import numpy as np
import pattern_files as files
import pytest
import table_files as tables

import sk_qdots as sq
from sk_qdots.io._moves import moves_two_theta, scan_stated

ANGLES = np.round(np.arange(10.0, 60.0, 0.05), 2)
COUNTS = np.round(900 + 400 * np.sin(ANGLES) ** 2)

MOVES = [
    *["2Theta", "2-THETA", "Two-Theta", "TTH", "2θ", "TwoThetaTheta", "2Theta-Omega", "2θ/ω"],
    *["Theta/2Theta", "th/tth", "θ-2θ", "Omega/2Theta", "Gonio", "gonio scan", "2thetaB"],
    *["COUPLED", "Locked Coupled", "UNLOCKED COUPLED", "OFFSET COUPLED", "GEKOPPELT"],
    *["Coupled TwoTheta/Theta", "2Theta (locked coupled)", "2θχ/φ", "TwoThetaChiPhi"],
    *["Detector Scan", "PSD FAST-SCAN", "PSD fixed scan", "In-plane TwoThetaOmega"],
    *["2Theta scan", "2Theta/Omega 10 - 90", "2Theta (uncoupled)", "2Theta (omega fixed)"],
]
MOVES_NOT = [
    *[
        "Omega",
        "THETA",
        "th",
        "Phi Scan",
        "Chi",
        "KHI",
        "Psi",
        "komega",
        "Rocking Curve",
        "rocking",
    ],
    *["Omega (2theta fixed)", "ROCKING (2THETA FIXED)", "THETA (UNCOUPLED)", "UNCOUPLED"],
    *["2Theta (fixed)", "2theta constant"],
    *["X", "Z scan", "AUX1", "time", "Reciprocal Space Map", "Omega 10 to 20", "ω"],
]
NOT_KNOWN = ["continuous", "step scan", "12", "", "omega phase", "Fixed Time", "FT", "CdSe"]


@pytest.mark.parametrize(("names", "moves"), [(MOVES, True), (MOVES_NOT, False), (NOT_KNOWN, None)])
def test_names_of_what_a_scan_moves(names, moves):
    assert {name: moves_two_theta(name) for name in names} == dict.fromkeys(names, moves)


STATED_OTHERS = [
    "Scan axis,Omega",
    '"Scan axis","Omega"',
    'Id: "x" Operator: "" Scantype: "Rocking Curve" TimePerStep: "1"',
    "ScanType=Rocking Curve",
    "Scan: Omega",
    "Axis: Omega",
    "Axis: Theta (deg)",
    "Scan mode: rocking",
    "Scantype: Omega TimePerStep: 1",
    '"scan_axis": "omega"',
    "Scan axis,,Omega",
    '*MEAS_SCAN_AXIS_X "Omega"',
    "_DRIVE = 'THETA'",
    "Messart: Omega-Scan",
    "Scan_Axis = Phi",
    "Scan type: Omega 10 - 20 deg",
    "Scan type: time scan",
    "Drive: chi",
    "Omega scan",
    "Rocking curve",
]
STATED_NOTHING = [
    "omega phase",
    "PbS, Omega = 5 deg, grazing incidence",
    "Omega = 5 deg",
    "scan: 12",
    "Scan mode: Continuous",
    "Scan mode: time",
    "Scan type: step",
    "axis: x",
    "scan of the omega phase",
    "Axis: theta phase",
    "rocking curve of the substrate was 12 arcsec",
    "time scan 3 of 10",
]
STATED_TWO_THETA = [
    "Scan axis,Gonio",
    'Id: "x" Scantype: "Coupled TwoTheta/Theta"',
    "ScanType=Locked Coupled",
    "Scantype: Coupled TwoTheta/Theta TimePerStep: 1",
    '*MEAS_SCAN_AXIS_X "TwoThetaTheta"',
    "Scan axis: 2Theta/Omega",
    "Axis: 2theta",
]


@pytest.mark.parametrize("mark", ["", "# ", "'"])
def test_what_lines_of_a_header_say_of_the_scan(mark):
    for line in STATED_OTHERS:
        said = scan_stated(mark + line)
        assert said is not None and said[1] is False, line
    for line in STATED_TWO_THETA:
        said = scan_stated(mark + line)
        assert said is not None and said[1] is True, line
    assert [line for line in STATED_NOTHING if scan_stated(mark + line)] == []


def write(tmp_path, header, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(files.columns(ANGLES, COUNTS, header=header))
    return path


@pytest.mark.parametrize("columns", [None, (0, 1)])
@pytest.mark.parametrize("line", STATED_OTHERS)
def test_text_that_is_a_scan_of_another_axis(tmp_path, line, columns):
    for header in (f"{line}\nWavelength 1.5406\n", f"# {line}\n# Angle Intensity\n"):
        path = write(tmp_path, header)
        with pytest.raises(sq.PatternError, match=r"does not move two-theta \(its header says"):
            sq.read_pattern(path, columns=columns, **({} if "Wave" in header else {"energy": 8.0}))


@pytest.mark.parametrize("line", STATED_NOTHING + STATED_TWO_THETA)
def test_text_that_is_a_scan_of_two_theta(tmp_path, line):
    for header in (f"{line}\n# 2theta I\n", f"# {line}\n", f"# {line}\n# Angle Intensity\n"):
        np.testing.assert_allclose(sq.read_pattern(write(tmp_path, header), energy=8.0), COUNTS)


def test_exports_with_sections(tmp_path):
    high_score = (
        "[Measurement conditions]\nScan axis,{}\nK-Alpha1 wavelength,1.5406\n[Scan points]\n"
        "Angle,Intensity\n"
    )
    diffrac = "[SampleInfo]\n[Scan1]\nScanType={}\nWL1=1.54060\n[Data]\nAngle,Det1Disc1,\n"
    rows = "".join(f"{a},{c},\n" for a, c in zip(ANGLES, COUNTS, strict=True))
    path = tmp_path / "a.csv"
    for header, good, bad in (
        (high_score, "Gonio", "Omega"),
        (diffrac, "Locked Coupled", "Rocking Curve"),
    ):
        path.write_text(header.format(good) + rows, encoding="utf-8")
        np.testing.assert_allclose(sq.read_pattern(path), COUNTS)
        path.write_text(header.format(bad) + rows, encoding="utf-8")
        with pytest.raises(sq.PatternError, match=f"does not move two-theta.*{bad}"):
            sq.read_pattern(path)


def test_a_sheet_of_a_rocking_curve_beside_a_pattern(tmp_path):
    rows = tables.rows_of(ANGLES, COUNTS)
    names = [["Angle", "Intensity"]]
    rocking = [["Scan axis", "Omega"], *names, *rows]
    path = tmp_path / "a.xlsx"
    path.write_bytes(tables.workbook({"rocking": rocking}))
    with pytest.raises(sq.PatternError, match="does not move two-theta"):
        sq.read_pattern(path, energy=8.0)
    path.write_bytes(tables.workbook({"rocking": rocking, "pattern": names + rows}))
    with pytest.raises(sq.PatternError, match="of which 1 is a pattern"):
        sq.read_pattern(path, energy=8.0)
    np.testing.assert_allclose(sq.read_pattern(path, energy=8.0, scan=1), COUNTS)


def test_even_steps_below_the_title_of_a_rocking_curve(tmp_path):
    path = tmp_path / "a.dat"
    for title, moves in (("scan axis: omega", False), ("scan axis: gonio", True)):
        path.write_bytes(tables.dbws(ANGLES, COUNTS, None, 1.5406, title=title))
        if moves:
            assert len(sq.read_pattern(path, wavelength=1.5406)) == len(COUNTS)
            continue
        with pytest.raises(sq.PatternError, match="does not move two-theta"):
            sq.read_pattern(path, wavelength=1.5406)


@pytest.mark.parametrize(
    "drive", ["ROCKING (2THETA FIXED)", "THETA (UNCOUPLED)", "UNCOUPLED", "OMEGA"]
)
def test_every_format_takes_whole_names(tmp_path, drive):
    path = tmp_path / "a.dat"
    for content in (
        instrument_files.uxd(ANGLES, COUNTS, drive=drive),
        instrument_files.x00(ANGLES, COUNTS, axis=drive),
        files.ras(ANGLES, COUNTS, None, None, axis=drive),
        instrument_files.udf(ANGLES, COUNTS).replace(
            b"RawScan", f"ScanAxis,{drive},/\r\nRawScan".encode()
        ),
    ):
        path.write_bytes(content)
        with pytest.raises(sq.PatternError, match="does not move two-theta"):
            sq.read_pattern(path)

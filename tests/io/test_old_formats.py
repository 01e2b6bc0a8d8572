"""Files of older and rarer instruments: what is read, and what is said of the rest."""

import re
from pathlib import Path

import instrument_files as files
import numpy as np
import pattern_files
import pytest
from instrument_files import WRITERS
from pattern_files import ALPHA1, ALPHA2

import sk_qdots as sq

ANGLES = np.linspace(10.0, 90.0, 801)
COUNTS = np.round(5000 + 4000 * np.sin(ANGLES) ** 2)
MEAN = (ALPHA1 + 0.5 * ALPHA2) / 1.5
ONE_LINE = {"sample.x00", "rigaku.raw"}  # files that name one wavelength
FORMATS = {
    "version1.raw": "Bruker RAW",
    "version2.raw": "Bruker RAW",
    "version3 extra.raw": "Bruker RAW",
    "sample.uxd": "Bruker UXD",
    "pairs.uxd": "Bruker UXD",
    "sample.udf": "Philips UDF",
    "sample.x00": "Philips X00",
    "sample.rd": "Philips RD",
    "stoe.raw": "STOE RAW",
    "rigaku.raw": "Rigaku RAW",
}


def read(tmp_path, content, **options):
    """Pattern of a file whose name says nothing."""
    path = tmp_path / "measured.dat"
    path.write_bytes(content)
    return sq.read_pattern(path, **options)


def cut(tmp_path, content, **options):
    """Pattern of a file that is cut, and what is said of it."""
    with pytest.warns(sq.PatternWarning) as said:
        pattern = read(tmp_path, content, **options)
    return pattern, " ".join(str(one.message) for one in said)


def refusal(tmp_path, content, **options):
    with pytest.raises(sq.PatternError) as caught:
        read(tmp_path, content, **options)
    assert "\n" not in caught.value.reason
    return caught.value.reason


@pytest.fixture(scope="module")
def measured():
    """Files that instruments wrote, which are no part of the repository."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "files"
    if not folder.is_dir():
        pytest.skip(f"no measured files in {folder}")
    return folder


@pytest.mark.parametrize(
    ("name", "n_points", "first", "last", "highest", "at"),
    [
        ("pyxrd_brk_raw1.raw", 876, 4.98, 39.98, 12880.0, 9.14),
        ("pyxrd_brk_raw2.raw", 7251, 5.0, 150.0, 25185.0, 36.26),
        ("chameleon_brukerraw_test.RAW", 3501, 5.0, 60.0046, 346471.0, 30.176),
        ("TiO2.raw", 1647, 10.0, 70.0411, 11493.0, 27.472),
    ],
)
def test_measured_raw(measured, name, n_points, first, last, highest, at):
    pattern = sq.read_pattern(measured / name)
    assert len(pattern) == n_points
    angles = pattern["two_theta"].values
    assert angles[[0, -1]] == pytest.approx([first, last], abs=1e-4)
    assert float(pattern.max()) == highest
    assert angles[pattern.values.argmax()] == pytest.approx(at, abs=1e-3)
    assert pattern.attrs["wavelength_label"].startswith("Cu K-alpha mean of 1.5406 and 1.544")


def test_measured_raw_that_was_cut(measured):
    with pytest.warns(sq.PatternWarning, match="547 of 1647 points"):
        pattern = sq.read_pattern(measured / "trunc_TiO2.raw")
    whole = sq.read_pattern(measured / "TiO2.raw")
    np.testing.assert_array_equal(pattern, whole[: len(pattern)])


@pytest.mark.filterwarnings("ignore:.*which axis moved:sk_qdots.PatternWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_what_goes_in_comes_out(tmp_path, name):
    pattern = read(tmp_path, WRITERS[name](ANGLES, COUNTS))
    expected = files.unpacked(COUNTS) if name == "sample.rd" else COUNTS
    np.testing.assert_allclose(pattern, expected, rtol=1e-7)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES, atol=1e-5)
    assert pattern.attrs["format"] == FORMATS[name]
    wavelength = ALPHA1 if name in ONE_LINE else MEAN
    assert pattern.attrs["wavelength"] == pytest.approx(wavelength, rel=1e-6)
    assert ("mean" in pattern.attrs["wavelength_label"]) == (name not in ONE_LINE)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.6, 0.9, 0.99])
def test_a_file_that_is_cut_is_read_as_far_as_it_goes(tmp_path, name, share):
    content = WRITERS[name](ANGLES, COUNTS)
    if name == "rigaku.raw":
        share = 0.5 + share / 2  # half of it is a header
    if name == "stoe.raw":
        share -= 0.1  # its last record is padded
    pattern, said = cut(tmp_path, content[: int(share * len(content))])
    assert 10 <= len(pattern) < len(ANGLES)
    assert f"{len(pattern)} of 801 points" in said
    whole = files.unpacked(COUNTS) if name == "sample.rd" else COUNTS
    # A text may be cut within its last number.
    np.testing.assert_allclose(pattern[:-1], whole[: len(pattern) - 1])
    np.testing.assert_allclose(pattern["two_theta"], ANGLES[: len(pattern)], atol=1e-4)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("length", [8, 60, 140, 152, 190])
def test_a_file_that_is_cut_in_its_header_is_refused(tmp_path, name, length):
    content = WRITERS[name](ANGLES, COUNTS)[:length]
    assert len(refusal(tmp_path, content, wavelength=1.54)) < 300


@pytest.mark.parametrize(
    "content",
    [
        files.raw1(ANGLES, COUNTS, scans=3),
        files.raw1(ANGLES, COUNTS, scans=3, repeated=False),
        files.raw2(ANGLES, COUNTS, scans=3),
        files.raw3(ANGLES, COUNTS, scans=3),
        pattern_files.raw4(ANGLES, COUNTS, None, None, scans=3),
        files.uxd(ANGLES, COUNTS, scans=3),
        files.stoe(ANGLES, COUNTS, scans=3),
    ],
    ids=["1", "1, letters once", "2", "3", "4", "UXD", "STOE"],
)
def test_several_ranges(tmp_path, content):
    assert "holds 3 scans" in refusal(tmp_path, content)
    np.testing.assert_allclose(read(tmp_path, content, scan=2), COUNTS)
    np.testing.assert_allclose(read(tmp_path, content, scan="sum"), 3 * COUNTS)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_raw_that_ends_before_its_last_range(tmp_path, version):
    writer = [files.raw1, files.raw2, files.raw3, pattern_files.raw4][version - 1]
    one, two = (len(writer(ANGLES, COUNTS, None, None, scans=n)) for n in (1, 2))
    content = writer(ANGLES, COUNTS, None, None, scans=3)[: one + (two - one) // 2]
    assert "of which" not in refusal(tmp_path, content)
    np.testing.assert_allclose(read(tmp_path, content, scan=0), COUNTS)
    pattern, said = cut(tmp_path, content, scan=1)
    assert f"{len(pattern)} of 801 points" in said
    # Version 4 does not announce how many there are: a few bytes of the next one tell.
    ends = one + (100 if version == 4 else 0)
    pattern, said = cut(tmp_path, writer(ANGLES, COUNTS, None, None, scans=3)[:ends])
    np.testing.assert_allclose(pattern, COUNTS)
    assert "ends after 1" in said


@pytest.mark.parametrize(
    ("kind", "words"),
    [(3, "rocking curve, omega"), (5, "phi scan"), (9999, "tube"), (77, "of kind 77")],
)
def test_a_scan_of_version_3_that_moves_something_else(tmp_path, kind, words):
    reason = refusal(tmp_path, files.raw3(ANGLES, COUNTS, kind=kind))
    assert "does not move two-theta" in reason and words in reason


@pytest.mark.parametrize("kind", [0, 1, 2, 129, 130])
def test_scans_of_version_3_that_are_patterns(tmp_path, kind):
    np.testing.assert_allclose(read(tmp_path, files.raw3(ANGLES, COUNTS, kind=kind)), COUNTS)


@pytest.mark.parametrize("name", ["Rocking Curve", "Phi Scan", "Still (Fixed)", "Time Scan"])
def test_a_scan_of_version_4_that_moves_something_else(tmp_path, name):
    content = pattern_files.raw4(ANGLES, COUNTS, None, None)
    content = content.replace(b"Locked Coupled".ljust(24, b"\0"), name.encode().ljust(24, b"\0"))
    assert f"does not move two-theta ({name})" in refusal(tmp_path, content)


def test_a_rocking_curve_beside_a_pattern(tmp_path):
    rocking, pattern = (files.raw3(ANGLES, COUNTS, scans=2, kind=kind) for kind in (3, 0))
    half = 712 + (len(rocking) - 712) // 2
    content = rocking[:half] + pattern[half:]
    assert "of which 1 is a pattern" in refusal(tmp_path, content)
    np.testing.assert_allclose(read(tmp_path, content, scan=1), COUNTS)


def test_positions_that_version_3_writes_out(tmp_path):
    uneven = ANGLES + 0.03 * np.sin(ANGLES)
    content = files.raw3(uneven, COUNTS, positions=True)
    np.testing.assert_allclose(read(tmp_path, content)["two_theta"], uneven, rtol=1e-12)


def test_a_measurement_of_version_3_that_was_aborted(tmp_path):
    _, said = cut(tmp_path, files.raw3(ANGLES, COUNTS, state=3))
    assert "stops before its end: 801 points are there" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (files.raw3(ANGLES, COUNTS, monochromator=3), r"Ge\(220\)"),
        (files.raw3(ANGLES, COUNTS, monochromator=1), "primary monochromator, transmission"),
        (files.stoe(ANGLES, COUNTS, monochromator=2), r"curved Ge\(111\)"),
        (files.stoe(ANGLES, COUNTS, monochromator=102), r"curved Ge\(111\)"),
        (files.uxd(ANGLES, COUNTS, more="_MONOCHROMATOR=4\r\n; Ge"), "four reflections"),
        (
            files.uxd(ANGLES, COUNTS, more=f"_MONOCHROMATOR=1\r\n_RANGE_WL={ALPHA1}"),
            "primary monochromator, transmission",
        ),
    ],
)
def test_a_monochromator_that_lets_one_line_pass(tmp_path, content, words):
    attrs = read(tmp_path, content).attrs
    assert attrs["wavelength"] == pytest.approx(ALPHA1, rel=1e-6)
    assert re.search(f"Cu K-alpha 1 alone .*{words}", attrs["wavelength_label"])


def test_a_line_that_was_chosen_is_not_a_monochromator(tmp_path):
    content = files.uxd(ANGLES, COUNTS, more=f"_MONOCHROMATOR=0\r\n_RANGE_WL={ALPHA1}")
    assert read(tmp_path, content).attrs["wavelength"] == pytest.approx(MEAN, rel=1e-6)


@pytest.mark.parametrize(
    "opens",
    ["_COUNTS", "_COUNTS=8", "_2THETACOUNTS", "_2thetaCounts", "_2THETACOUNTSTIME", "_COUNTSTIME"],
)
def test_layouts_of_uxd(tmp_path, opens):
    pattern = read(tmp_path, files.uxd(ANGLES, COUNTS, opens=opens))
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES, atol=1e-9)
    assert "esd" not in pattern.coords


@pytest.mark.parametrize("opens", ["_CPS", "_2THETACPS", "_2THETACPSTIME"])
def test_rates_of_uxd(tmp_path, opens):
    pattern = read(tmp_path, files.uxd(ANGLES, COUNTS / 4.0, opens=opens, time=4.0))
    np.testing.assert_allclose(pattern, COUNTS / 4.0)
    np.testing.assert_allclose(pattern["esd"], np.sqrt(COUNTS) / 4.0)
    assert "esd" not in read(tmp_path, files.uxd(ANGLES, COUNTS, opens=opens, time=1.0)).coords


def test_points_of_uxd_counted_for_longer(tmp_path):
    times = np.where(ANGLES < 30, 1.0, 2.0)
    content = files.uxd(ANGLES, COUNTS * times, opens="_2THETACOUNTSTIME", times=times)
    pattern = read(tmp_path, content)
    np.testing.assert_allclose(pattern / COUNTS, times.mean())
    np.testing.assert_allclose(pattern["esd"] / pattern, 1.0 / np.sqrt(COUNTS * times))


@pytest.mark.parametrize("drive", ["OMEGA", "THETA", "PHI", "KHI", "X", "Z", "AUX1"])
@pytest.mark.parametrize("opens", ["_COUNTS", "_2THETACOUNTS"])
def test_drives_of_uxd_that_are_no_patterns(tmp_path, drive, opens):
    reason = refusal(tmp_path, files.uxd(ANGLES, COUNTS, drive=drive, opens=opens))
    assert f"its axis: {drive.lower()}" in reason


@pytest.mark.parametrize(
    "drive", ["", "COUPLED", "2THETA", "LOCKED COUPLED", "DETECTOR", "PSDSCAN", "THETA/2THETA"]
)
def test_drives_of_uxd_that_are_patterns(tmp_path, drive):
    np.testing.assert_allclose(read(tmp_path, files.uxd(ANGLES, COUNTS, drive=drive)), COUNTS)


def test_positions_of_uxd_with_fewer_digits_than_the_step(tmp_path):
    fine = np.linspace(10.0, 20.0, 2001)
    counts = np.round(100 + 50 * np.sin(fine))
    lines = files.uxd(fine, counts).decode().split("_COUNTS")[0]
    rows = "".join(f"{a:.2f}\t{y:.0f}\n" for a, y in zip(fine, counts, strict=True))
    pattern = read(tmp_path, f"{lines}_2THETACOUNTS\n{rows}".encode())
    np.testing.assert_allclose(pattern["two_theta"], fine, atol=1e-9)


def test_a_uxd_that_announces_no_length(tmp_path):
    content = files.uxd(ANGLES, COUNTS, announced=False)
    np.testing.assert_allclose(read(tmp_path, content), COUNTS)
    rows = files.uxd(ANGLES, COUNTS, opens="_2THETACOUNTS", announced=False)
    end = rows.rindex(b" 85", 0, len(rows) // 2)  # between a position and its count
    pattern, said = cut(tmp_path, rows[:end])
    assert f"before its end: {len(pattern)} points are there" in said


def test_uxd_whose_keys_hold_until_a_range_says_otherwise(tmp_path):
    first = files.uxd(ANGLES, COUNTS, announced=False).decode()
    second = "; (Data for Range number 2)\n_START=20\n_COUNTS\n" + "5 6 7 8\n" * 10
    pattern = read(tmp_path, (first + second).encode(), scan=1)
    np.testing.assert_allclose(pattern["two_theta"], 20 + 0.1 * np.arange(40), atol=1e-9)
    np.testing.assert_allclose(pattern, np.tile([5, 6, 7, 8], 10))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"_STEPSIZE", b"_SIZE", "lacks the _START or the _STEPSIZE"),
        (b"_COUNTS", b"_D-I", "a list of peaks"),
        (b"_COUNTS", b"_SOMETHING", "below no _COUNTS"),
        (b"_COUNTS", b"_2THETACOUNTSTIME", "expected 3"),
        (b"5000", b"5o00", "no number"),
    ],
)
def test_uxd_that_is_no_pattern(tmp_path, old, new, reason):
    content = files.uxd(ANGLES, np.full(801, 5000.0))
    assert old in content
    assert reason in refusal(tmp_path, content.replace(old, new))


def test_steps_of_udf_that_were_rounded(tmp_path):
    fine = np.linspace(10.0, 90.0, 6093)  # steps of 0.013132
    counts = np.round(100 + 50 * np.sin(fine))
    pattern = read(tmp_path, files.udf(fine, counts, digits=3))
    np.testing.assert_allclose(pattern["two_theta"], fine, atol=1e-9)


def test_udf_without_its_slash(tmp_path):
    np.testing.assert_allclose(read(tmp_path, files.udf(ANGLES, COUNTS, slash=",")), COUNTS)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"DataAngleRange", b"AngleRange", "lacks DataAngleRange"),
        (b"ScanStepSize, 0.1", b"ScanStepSize, 0.3", "801 counts where"),
        (b"ScanStepSize, 0.1", b"ScanStepSize, 0.0000", "is it damaged"),
        (b"90.00000", b"inf     ", "is it damaged"),
    ],
)
def test_udf_that_is_no_pattern(tmp_path, old, new, reason):
    content = files.udf(ANGLES, COUNTS)
    assert old in content
    assert reason in refusal(tmp_path, content.replace(old, new))


def test_x00_rates(tmp_path):
    pattern = read(tmp_path, files.x00(ANGLES, COUNTS, time=2.0))
    np.testing.assert_allclose(pattern["esd"], np.sqrt(COUNTS / 2.0))
    reason = refusal(tmp_path, files.x00(ANGLES, COUNTS, axis="Omega/2Theta"))
    assert "does not move two-theta (its axis: Omega/2Theta)" in reason


@pytest.mark.parametrize(
    ("version", "continuous"),
    [("V3RD", False), ("V3RD", True), ("V5RD", False), ("V5RD", True), ("D3RD", False)],
)
def test_versions_of_rd(tmp_path, version, continuous):
    content = files.rd(ANGLES, COUNTS, version=version, continuous=continuous)
    pattern = read(tmp_path, content)
    np.testing.assert_allclose(pattern, files.unpacked(COUNTS))
    np.testing.assert_allclose(pattern["two_theta"], ANGLES, atol=1e-9)


def test_counts_of_a_version_5_that_begin_earlier(tmp_path):
    content = files.rd(ANGLES, COUNTS, version="V5RD", begin=806)
    np.testing.assert_allclose(read(tmp_path, content), files.unpacked(COUNTS))


@pytest.mark.parametrize(("kind", "words"), [("DI", "list of peaks"), ("BK", "a background")])
def test_what_goes_with_an_rd(tmp_path, kind, words):
    assert words in refusal(tmp_path, files.rd(ANGLES, COUNTS, version=f"V3{kind}"))


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_counts_of_stoe(tmp_path, short, scale):
    np.testing.assert_allclose(
        read(tmp_path, files.stoe(ANGLES, COUNTS, short=short, scale=scale)), COUNTS
    )


def test_a_measurement_of_stoe_that_was_stopped(tmp_path):
    _, said = cut(tmp_path, files.stoe(ANGLES, COUNTS, announced=1001))
    assert "801 of 1001 points" in said


def test_a_file_of_stoe_that_does_not_list_its_range(tmp_path):
    content = files.stoe(ANGLES, COUNTS)
    unlisted = content[:376] + bytes(6) + content[382:480] + bytes(32) + content[512:]
    np.testing.assert_allclose(read(tmp_path, unlisted), COUNTS)


def test_a_rocking_curve_of_stoe(tmp_path):
    assert "omega" in refusal(tmp_path, files.stoe(ANGLES, COUNTS, scan_type=2))


def test_a_binary_file_of_rigaku_says_what_was_taken(tmp_path):
    pattern, said = cut(tmp_path, files.rigaku_raw(ANGLES, COUNTS))
    assert "taken for two-theta" in said and len(pattern) == 801
    content = files.rigaku_raw(ANGLES, COUNTS)
    assert "unknown layout" in refusal(tmp_path, content + bytes(8))
    assert "unknown layout" in refusal(tmp_path, content[:2962] + bytes(4) + content[2966:])


def test_other_binary_files(tmp_path):
    reason = refusal(tmp_path, b"BIN\0\1\2" + bytes(500))
    assert "Rigaku's .bin" in reason and "columns of text" in reason


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("version1.raw", 156),
        ("version2.raw", 316),
        ("version3 extra.raw", 1056),
        ("sample.rd", 250),
        ("stoe.raw", 2048),
        ("rigaku.raw", 3158),
    ],
)
def test_no_number_of_a_damaged_header_is_believed(tmp_path, name, length):
    content = WRITERS[name](ANGLES, COUNTS)
    damaged = content[:8] + b"\xff" * (length - 8) + content[length:]
    assert len(refusal(tmp_path, damaged, wavelength=1.54)) < 300


@pytest.mark.parametrize("name", ["sample.uxd", "sample.udf"])
def test_more_points_than_a_pattern_has_are_not_expanded(tmp_path, name):
    content = WRITERS[name](ANGLES, COUNTS).rstrip(b"/\r\n")
    content += (b"\r\n" + b" 7" * 40_000) * 7
    assert "more than 250000 points" in refusal(tmp_path, content)

"""Numbers that a file stops in, points beyond those announced, decimal commas, last lines."""

import instrument_files as files
import numpy as np
import pattern_files
import pytest

import sk_qdots as sq

ANGLES = np.linspace(10.0, 60.0, 1001)
COUNTS = np.round(950 + 40 * np.sin(ANGLES))
RATES = COUNTS / 8.0


def read(tmp_path, content, **options):
    path = tmp_path / "a.dat"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return sq.read_pattern(path, **options)


def rows(*columns):
    return "".join(" ".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


@pytest.mark.parametrize("opens", ["_COUNTS", "_CPS", "_2THETACOUNTS", "_2THETACPS"])
@pytest.mark.parametrize("announced", [True, False])
def test_decimal_commas_in_uxd(tmp_path, opens, announced):
    content = files.uxd(ANGLES, RATES, opens=opens, announced=announced, time=1.0)
    head, key, numbers = content.rpartition(opens.encode())
    pattern = read(tmp_path, head + key + numbers.replace(b".", b","))
    np.testing.assert_allclose(pattern, RATES)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES)


def test_commas_between_the_numbers_of_uxd(tmp_path):
    content = files.uxd(ANGLES, COUNTS)
    head, key, numbers = content.rpartition(b"_COUNTS")
    lines = [",".join(line.split()) for line in numbers.decode().splitlines()]
    np.testing.assert_allclose(read(tmp_path, head + key + "\n".join(lines).encode()), COUNTS)


def test_both_marks_in_uxd(tmp_path):
    content = files.uxd(ANGLES, COUNTS, announced=False).replace(b"950", b"1.950,5")
    with pytest.raises(sq.PatternError, match=r"'1\.950,5' among its numbers"):
        read(tmp_path, content)


def test_decimal_commas_in_ras(tmp_path):
    content = pattern_files.ras(ANGLES, RATES, None, None)
    head, key, numbers = content.partition(b"*RAS_INT_START")
    pattern = read(tmp_path, head + key + numbers.replace(b".", b","))
    np.testing.assert_allclose(pattern, RATES, rtol=1e-5)


def test_more_points_than_announced(tmp_path):
    uxd = files.uxd(ANGLES, COUNTS).replace(b"_STEPCOUNT=1001", b"_STEPCOUNT=1000")
    with pytest.raises(sq.PatternError, match=r"1001 points.*announces 1000"):
        read(tmp_path, uxd)
    ras = pattern_files.ras(ANGLES, COUNTS, None, None)
    ras = ras.replace(b"*RAS_HEADER_END", b'*MEAS_DATA_COUNT "1000"\n*RAS_HEADER_END')
    with pytest.raises(sq.PatternError, match="1001 points and announces 1000"):
        read(tmp_path, ras)


@pytest.mark.parametrize("opens", ["_COUNTS", "_2THETACOUNTS"])
def test_a_number_that_a_uxd_stops_in(tmp_path, opens):
    content = files.uxd(ANGLES, COUNTS, opens=opens, per_line=1)
    lines = content.splitlines(keepends=True)
    with pytest.warns(sq.PatternWarning, match="900 of 1001 points"):
        pattern = read(tmp_path, b"".join(lines[:-100])[:-4])
    np.testing.assert_allclose(pattern, COUNTS[:900])
    # Where every point is there, and only the end of the last line is not.
    np.testing.assert_allclose(read(tmp_path, content[:-2]), COUNTS)
    # A line that is ended was written as a whole.
    with pytest.warns(sq.PatternWarning, match="901 of 1001 points"):
        assert len(read(tmp_path, b"".join(lines[:-100]))) == 901


@pytest.mark.parametrize("write", [files.udf, files.x00])
def test_a_number_that_a_philips_file_stops_in(tmp_path, write):
    content = write(ANGLES, COUNTS)
    part = content[: content.rindex(b"9", 0, -40) + 2]
    with pytest.warns(sq.PatternWarning, match="of 1001 points") as said:
        pattern = read(tmp_path, part)
    np.testing.assert_allclose(pattern, COUNTS[: len(pattern)])
    assert len(said) == 1 and len(pattern) > 980


@pytest.mark.parametrize("missing", [1, 5, 15, 28])
def test_a_udf_that_stopped_is_not_stretched(tmp_path, missing):
    whole = files.udf(ANGLES, COUNTS, digits=2)
    head = whole[: whole.index(b"RawScan") + 9]
    fields = [f"{v:8.0f}" for v in COUNTS[:-missing]]
    with pytest.warns(sq.PatternWarning, match=f"{1001 - missing} of 1001 points"):
        pattern = read(tmp_path, head + ",\r\n".join(fields).encode() + b"/\r\n")
    np.testing.assert_allclose(pattern["two_theta"], ANGLES[:-missing], atol=1e-9)


ENDS = ["\x1a", "\x1a\n", "END\n", "END", "end\r\n\r\n", "&\n", "EOF\n", " -1000 0\n", "-999. 0."]


@pytest.mark.parametrize("end", ENDS)
def test_last_lines_of_a_table(tmp_path, end):
    pattern = read(tmp_path, rows(ANGLES, COUNTS) + end, wavelength=1.5406)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], ANGLES)


def test_ctrl_z_ends_a_row(tmp_path):
    text = rows(ANGLES, RATES)
    np.testing.assert_allclose(read(tmp_path, text[:-1] + "\x1a", wavelength=1.5406), RATES)
    np.testing.assert_allclose(read(tmp_path, files.uxd(ANGLES, COUNTS) + b"\x1a"), COUNTS)
    np.testing.assert_allclose(
        read(tmp_path, pattern_files.ras(ANGLES, COUNTS, None, None) + b"\x1a"), COUNTS, rtol=1e-5
    )


@pytest.mark.parametrize("end", ["&", "END"])
def test_a_table_behind_the_end_of_another(tmp_path, end):
    text = rows(ANGLES, COUNTS)
    with pytest.raises(sq.PatternError, match=r"line 1003 follows the end of the rows \(line 1002"):
        read(tmp_path, f"{text}{end}\n{text}", wavelength=1.5406)


def test_the_step_of_a_udf_with_more_than_a_number(tmp_path):
    content = files.udf(ANGLES, COUNTS[:900]).replace(b"ScanStepSize, ", b"ScanStepSize, 0.05, ")
    with pytest.warns(sq.PatternWarning, match="900 of 1001 points"):
        np.testing.assert_allclose(read(tmp_path, content), COUNTS[:900])


def test_long_runs_of_digits_take_no_time(tmp_path):
    content = b"_FILEVERSION=2\n_START=1\n_STEPSIZE=1\n_COUNTS\n" + b"1" * 2_000_000 + b"x"
    with pytest.raises(sq.PatternError, match="line 5 holds what is no number"):
        read(tmp_path, content)

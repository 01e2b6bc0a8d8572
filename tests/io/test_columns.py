import os

import numpy as np
import pytest

import sk_qdots as sq

ANGLES = np.arange(5.0, 60.0, 0.5)


def write(tmp_path, text, name="pattern.xy"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(*columns, separator=" "):
    lines = [separator.join(f"{v:.10g}" for v in row) for row in zip(*columns, strict=True)]
    return "\n".join(lines) + "\n"


COUNTS = 100.0 + np.arange(len(ANGLES)) % 7
GOOD = rows(ANGLES, COUNTS)


def test_two_theta_becomes_q(tmp_path):
    pattern = sq.read_pattern(write(tmp_path, GOOD), wavelength=0.56)
    np.testing.assert_allclose(
        pattern["q"], 4 * np.pi * np.sin(np.deg2rad(ANGLES / 2)) / 0.56, rtol=1e-12
    )
    np.testing.assert_allclose(pattern["two_theta"], ANGLES)
    np.testing.assert_array_equal(pattern, COUNTS)
    assert pattern.attrs["wavelength"] == 0.56
    assert pattern.attrs["source"].endswith("pattern.xy")


def test_energy_is_a_wavelength(tmp_path):
    path = write(tmp_path, GOOD)
    by_energy = sq.read_pattern(path, energy=22.14)
    assert by_energy.attrs["wavelength"] == pytest.approx(0.56000, abs=1e-4)


def test_q_axis(tmp_path):
    path = write(tmp_path, rows(np.linspace(1, 15, 30), np.full(30, 5.0)))
    pattern = sq.read_pattern(path, x="q")
    assert "two_theta" not in pattern.coords
    with_angles = sq.read_pattern(path, x="q", wavelength=0.56)
    np.testing.assert_allclose(
        4 * np.pi * np.sin(np.deg2rad(with_angles["two_theta"] / 2)) / 0.56, with_angles["q"]
    )


def test_third_column_is_the_standard_deviation(tmp_path):
    pattern = sq.read_pattern(write(tmp_path, rows(ANGLES, COUNTS, COUNTS**0.5)), wavelength=1.54)
    np.testing.assert_allclose(pattern["esd"], COUNTS**0.5, rtol=1e-9)


@pytest.mark.parametrize("separator", [" ", "\t", ",", ";", " , "])
@pytest.mark.parametrize("header", ["", "# x y\n", "2theta intensity\n\n", "\ufeff! made\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_separators_headers_and_line_ends(tmp_path, separator, header, newline):
    text = (header + rows(ANGLES, COUNTS, separator=separator)).replace("\n", newline)
    np.testing.assert_array_equal(sq.read_pattern(write(tmp_path, text), wavelength=1.0), COUNTS)


def test_order_of_the_rows_does_not_matter(tmp_path):
    sorted_lines = GOOD.splitlines()
    shuffled = list(np.random.default_rng(0).permutation(sorted_lines))
    expected = sq.read_pattern(write(tmp_path, GOOD), wavelength=1.0)
    for lines in (sorted_lines[::-1], shuffled):
        found = sq.read_pattern(write(tmp_path, "\n".join(lines)), wavelength=1.0)
        assert found.drop_attrs().identical(expected.drop_attrs())


COMMAS = {
    "semicolons": GOOD.replace(".", ",").replace(" ", ";"),
    "tabs": GOOD.replace(".", ",").replace(" ", "\t"),
    "blanks": GOOD.replace(".", ","),
    "quoted": "".join(
        '"' + line.replace(".", ",").replace(" ", '";"') + '"\n' for line in GOOD.splitlines()
    ),
}


@pytest.mark.parametrize("kind", COMMAS)
def test_decimal_commas(tmp_path, kind):
    expected = sq.read_pattern(write(tmp_path, GOOD), wavelength=1.0)
    found = sq.read_pattern(write(tmp_path, COMMAS[kind]), wavelength=1.0)
    assert found.identical(expected)


def test_other_ways_to_write_the_same(tmp_path):
    expected = sq.read_pattern(write(tmp_path, GOOD), wavelength=1.0)
    for same in (
        GOOD.replace(" 103", " 0.103D+03"),
        GOOD.replace("\n", "\r"),
        GOOD.encode("utf-16"),
        "# Å\n".encode("cp1252") + GOOD.encode(),
        "\n\n" + GOOD + "\n\n",
    ):
        found = sq.read_pattern(write(tmp_path, same), wavelength=1.0)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


BAD = {
    "empty": ("", "empty"),
    "blank": (" \n\n", "empty"),
    "text": ("to whom it may concern\n", "no numbers"),
    "one column": (rows(COUNTS), "one column"),
    "five columns": (rows(*[ANGLES] * 5), "5 columns"),
    "binary": (bytes(range(256)) * 20, "not text"),
    "nan": (GOOD.replace("101\n", "nan\n", 1), "line 2 holds NaN"),
    "infinity": (GOOD.replace("101\n", "inf\n", 1), "line 2 holds NaN or infinity"),
    "negative counts": (GOOD.replace("101\n", "-101\n", 1), "negative intensity"),
    "no counts": (rows(ANGLES, 0 * COUNTS), "every intensity is zero"),
    "repeated": (GOOD.replace("5.5 101", "5 101"), "repeats the abscissa 5 of line 1"),
    "above 180": (rows(ANGLES * 4, COUNTS), "180 degrees"),
    "below zero": (rows(ANGLES - 6, COUNTS), "below zero"),
    "one point": ("5.0 100\n", "1 points"),
    "truncated": (GOOD + "61.0\n", "cut short"),
    "text in the middle": (GOOD + "the end\n", "not a row of numbers"),
    "comma thousands": (rows(ANGLES, COUNTS).replace(" 10", " 1,10"), "decimal points"),
    "tab and comma thousands": (rows(ANGLES, COUNTS).replace(" 10", "\t1,10"), "decimal points"),
    "only commas": (rows(ANGLES, COUNTS, separator=",").replace(",10", ",1,10"), "thousands"),
    "point thousands": (rows(ANGLES, COUNTS).replace(" 103", " 1.103"), "thousands"),
    "unreadable rows first": ("5.0 ****\n5.2 ****\n" + GOOD, "line 1 is not a row of numbers"),
    "all thousands": (rows(ANGLES, COUNTS).replace(" 10", " 1,10").replace(".5", ""), "thousands"),
    "underscores": (GOOD.replace(" 10", " 1_0"), "not a row of numbers"),
    "an empty field": (GOOD.replace(" ", ",").replace(",103", ","), "cut short"),
    "a long line": (GOOD + "9" * 20_000, "20000 characters"),
    "background": ("# 2theta intensity background\n" + rows(ANGLES, COUNTS, COUNTS), "background"),
    "negative esd": (
        "# 2theta I esd\n" + rows(ANGLES, COUNTS, -COUNTS),
        "standard deviation, is negative",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_files_are_refused_with_the_reason(tmp_path, kind):
    text, reason = BAD[kind]
    path = write(tmp_path, text)
    with pytest.raises(sq.PatternError, match=reason) as caught:
        sq.read_pattern(path, wavelength=0.56)
    assert caught.value.source == str(path)
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "what is the abscissa"),
        ({"x": "two_theta"}, "needs a wavelength"),
        ({"x": "theta"}, "it must be one of 'two_theta', 'two_theta_rad', 'q'"),
        ({"x": 3}, "it must be one of"),
        ({"wavelength": 22.0}, "in keV with --energy"),
        ({"wavelength": -0.5}, "outside"),
        ({"wavelength": float("nan")}, "outside"),
        ({"energy": 8047.0}, "that is 8.047 keV"),
        ({"wavelength": "0.56"}, "must be a number"),
        ({"energy": 0.0}, "positive"),
        ({"energy": 8.0, "wavelength": 1.5}, "one of them"),
        ({"x": "q"}, "too much for Q"),
    ],
)
def test_bad_arguments_are_refused_with_the_remedy(tmp_path, arguments, reason):
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(write(tmp_path, GOOD), **arguments)


def test_q_beyond_the_wavelength(tmp_path):
    path = write(tmp_path, rows(np.linspace(1, 15, 30), np.full(30, 5.0)))
    with pytest.raises(sq.PatternError, match="4 pi / wavelength"):
        sq.read_pattern(path, x="q", wavelength=1.54)


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(sq.PatternError, match="no such file"):
        sq.read_pattern(tmp_path / "none.xy", wavelength=1.0)
    with pytest.raises(sq.PatternError, match="folder"):
        sq.read_pattern(tmp_path, wavelength=1.0)


def test_huge_file_is_not_read(tmp_path):
    path = tmp_path / "huge.xy"
    with path.open("wb") as stream:
        stream.truncate(200 * 2**20)
    with pytest.raises(sq.PatternError, match="MiB"):
        sq.read_pattern(path, wavelength=1.0)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_unreadable_file(tmp_path):
    path = write(tmp_path, GOOD)
    path.chmod(0)
    with pytest.raises(sq.PatternError, match="may not be read"):
        sq.read_pattern(path, wavelength=1.0)


def test_pattern_error_survives_a_worker():
    import pickle

    error = pickle.loads(pickle.dumps(sq.PatternError("a.xy", "is empty")))
    assert (error.source, str(error)) == ("a.xy", "a.xy: is empty")

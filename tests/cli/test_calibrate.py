"""``sk-qdots calibrate``."""

import numpy as np
import pytest
from standards import expected_counts

import sk_qdots as sq
from sk_qdots.cli import main


@pytest.fixture(scope="module")
def standard_file(tmp_path_factory):
    x = np.arange(5.0, 60.0, 0.01)
    true = sq.Instrument((0.56,), w=1e-3, eta=0.5, zero=0.01)
    counts = np.random.default_rng(1).poisson(expected_counts(true, "CeO2", x))
    path = tmp_path_factory.mktemp("standard") / "ceo2.xy"
    np.savetxt(path, np.c_[x, counts], fmt="%.3f")
    return path


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_standard_becomes_an_instrument(standard_file, tmp_path, capsys):
    out, picture = tmp_path / "mine.json", tmp_path / "fit.png"
    arguments = [str(standard_file), "--standard", "CeO2", "--wavelength", "0.56"]
    arguments += ["--out", str(out), "--plot", str(picture), "--save", "mine"]
    assert main(["calibrate", *arguments]) == 0
    told = capsys.readouterr()
    assert "zero " in told.out and "+-" in told.out and "R_wp" in told.out and not told.err
    one = sq.load_instrument(out)
    assert one.zero == pytest.approx(0.01, abs=4 * one.uncertainties["zero"])
    assert sq.load_instrument("mine").zero == one.zero
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_example_begins_at_the_wavelength_that_is_given(standard_file, tmp_path):
    out = tmp_path / "mine.json"
    arguments = [str(standard_file), "--standard", "CeO2", "--begin", "synchrotron"]
    assert main(["calibrate", *arguments, "--wavelength", "0.5602", "--out", str(out)]) == 0
    (line,) = sq.load_instrument(out).wavelengths
    assert line == pytest.approx(0.56, abs=3e-4)


BAD = {
    "another standard": (["--standard", "LaB6", "--wavelength", "0.56"], "this is not LaB6"),
    "no such standard": (["--standard", "diamond", "--wavelength", "0.56"], "must be one of LaB6"),
    "no wavelength": (["--standard", "CeO2"], "--wavelength"),
    "no wavelength but that of an example": (
        ["--standard", "CeO2", "--begin", "synchrotron"],
        "--wavelength",
    ),
    "another beam": (
        ["--standard", "CeO2", "--wavelength", "0.56", "--begin", "lab-cu"],
        "two wavelengths are given",
    ),
    "a picture that is none": (
        ["--standard", "CeO2", "--wavelength", "0.56", "--plot", "fit.xyz"],
        "not a kind of picture",
    ),
    "a folder that is none": (
        ["--standard", "CeO2", "--wavelength", "0.56", "--out", "/nowhere/mine.json"],
        "cannot be written",
    ),
    "a name that is none": (
        ["--standard", "CeO2", "--wavelength", "0.56", "--save", "a/b"],
        "name is 'a/b'",
    ),
    "no such CIF": (["--cif", "nowhere.cif", "--wavelength", "0.56"], "nowhere.cif"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_line(standard_file, capsys, kind):
    arguments, reason = BAD[kind]
    assert main(["calibrate", str(standard_file), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and reason in lines[0] and lines[0].startswith("sk-qdots: ")


def test_no_such_file(capsys):
    assert main(["calibrate", "nowhere.xy", "--standard", "Si", "--wavelength", "1.54"]) == 2
    assert "no such file" in capsys.readouterr().err

"""``--instrument``: supplied, remembered for a folder, ignored, contradicted."""

import json
import subprocess
import sys

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.cli import _parser, main
from sk_qdots.cli._train import _command
from sk_qdots.cli._words import asked_instrument
from sk_qdots.instruments import Instrument, remembered_instrument

MINE = Instrument((0.56,), zero=0.05, w=1e-6, name="")


@pytest.fixture
def folder(tmp_path):
    """A pattern of 4.5 nm that an instrument with a zero read, and the instrument."""
    angles = np.arange(4.0, 86.0, 0.02)
    q = 4 * np.pi / 0.56 * np.sin(np.deg2rad(angles / 2))
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(0).poisson(intensity / intensity.mean() * 2000)
    data = tmp_path / "data"
    data.mkdir()
    np.savetxt(data / "a.xy", np.c_[MINE.read_two_theta(angles), counts], fmt="%.4f %d")
    (data / "b.xy").write_bytes((data / "a.xy").read_bytes())
    (tmp_path / "mine.json").write_text(MINE.to_json(), encoding="utf-8")
    return tmp_path


def size(capsys, *arguments):
    status = main(["size", *map(str, arguments), "--format", "jsonl"])
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_given_once_and_remembered(capsys, folder):
    files = (folder / "data" / "a.xy", folder / "data" / "b.xy")
    status, records, err = size(capsys, *files, "--instrument", folder / "mine.json")
    assert status == 0 and [r["verdict"] for r in records] == ["ok", "ok"]
    assert len(err.splitlines()) == 2 and "2 patterns: 2 sized" in err
    assert "instrument mine is remembered" in err and "sk_qdots_instrument.json" in err
    assert abs(records[0]["strain"]) < 1e-4
    assert records[0]["settings"]["instrument"]["zero"] == 0.05
    assert remembered_instrument(folder / "data") == MINE.replace(name="mine")
    status, again, err = size(capsys, *files)
    assert status == 0 and again == records
    assert len(err.splitlines()) == 2 and "instrument mine, which it remembers" in err
    # Given again there is nothing new to say.
    status, again, err = size(capsys, *files, "--instrument", folder / "mine.json")
    assert (status, again) == (0, records) and err.startswith("sk-qdots: 2 patterns: 2 sized")


def test_ignored(capsys, folder):
    file = folder / "data" / "a.xy"
    size(capsys, file, "--instrument", folder / "mine.json")
    status, _, err = size(capsys, file, "--no-instrument")
    assert status == 2 and "--wavelength" in err
    status, (record,), err = size(capsys, file, "--no-instrument", "--wavelength", 0.56)
    assert (status, err) == (0, "")
    assert abs(record["strain"]) > 5e-4 and "instrument" not in record["settings"]


def test_another_takes_its_place(capsys, folder):
    file = folder / "data" / "a.xy"
    size(capsys, file, "--instrument", folder / "mine.json")
    (folder / "other.json").write_text(MINE.replace(w=1e-5).to_json(), encoding="utf-8")
    _, _, err = size(capsys, file, "--instrument", folder / "other.json")
    assert "other is remembered for it, instead of mine" in err


def test_contradicting_wavelengths_are_one_line_and_nothing_is_remembered(capsys, folder):
    file = folder / "data" / "a.xy"
    status, (record,), err = size(capsys, file, "--instrument", "lab-cu", "--wavelength", 0.56)
    assert status == 2 and len(err.splitlines()) == 1
    assert "0.56 Angstrom" in err and "lab-cu has 1.54" in err
    assert record["verdict"] == "refused"
    assert remembered_instrument(folder / "data") is None


def test_the_wavelength_of_the_file_counts_against_the_instrument(capsys, folder):
    file = folder / "data" / "stated.xy"
    file.write_text(f"# wavelength: 0.56\n{(folder / 'data' / 'a.xy').read_text()}")
    status, _, err = size(capsys, file, "--instrument", "lab-mo")
    assert status == 2 and len(err.splitlines()) == 1 and "lab-mo has 0.7107" in err
    status, (record,), _ = size(capsys, file, "--instrument", folder / "mine.json")
    assert status == 0 and abs(record["strain"]) < 1e-4


def test_a_folder_that_cannot_be_written_is_no_failure(capsys, folder, monkeypatch):
    def cannot(instrument, where):
        raise ValueError(f"{where}/sk_qdots_instrument.json: cannot be written: Read-only")

    monkeypatch.setattr("sk_qdots.instruments.remember_instrument", cannot)
    file = folder / "data" / "a.xy"
    status, (record,), err = size(capsys, file, "--instrument", folder / "mine.json")
    assert status == 0 and record["verdict"] == "ok"
    assert len(err.splitlines()) == 1 and "is not remembered" in err


@pytest.mark.parametrize("content", ["{}", "no json", '{"sk_qdots instrument": 1, "w": -1}'])
def test_a_damaged_memory_is_one_line(capsys, folder, content):
    (folder / "data" / "sk_qdots_instrument.json").write_text(content)
    status, (record,), err = size(capsys, folder / "data" / "a.xy")
    assert status == 2 and len(err.splitlines()) == 1 and "--no-instrument" in err
    assert record["verdict"] == "refused"
    status, _, _ = size(capsys, folder / "data" / "a.xy", "--instrument", folder / "mine.json")
    assert status == 0
    assert remembered_instrument(folder / "data").zero == 0.05


@pytest.mark.parametrize("name", ["no-such", "."])
@pytest.mark.parametrize("command", [["size", "a.xy"], ["evaluate"]])
def test_no_such_instrument(capsys, name, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--instrument", name]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "no such instrument" in err and "lab-cu" in err


def test_nobody_s_wavelength_is_taken_from_an_example(capsys, folder):
    file = folder / "data" / "a.xy"
    status, _, err = size(capsys, file, "--instrument", "synchrotron")
    assert status == 2 and "--wavelength" in err
    assert remembered_instrument(file.parent) is None
    for beam in (("--wavelength", 0.5642), ("--energy", 12.398419843320026 / 0.5642)):
        status, (record,), _ = size(capsys, file, "--instrument", "synchrotron", *beam)
        (line,) = record["settings"]["instrument"]["wavelengths"]
        assert status == 0 and line == pytest.approx(0.5642)
    # It is remembered at the wavelength that was given, and then needs none.
    assert remembered_instrument(file.parent).wavelengths == (pytest.approx(0.5642),)
    status, (again,), _ = size(capsys, file)
    assert status == 0 and again == record


def test_each_file_has_the_example_at_its_own_wavelength(capsys, folder):
    columns = (folder / "data" / "a.xy").read_text()
    for name, line in (("a", 0.56), ("b", 0.5642)):
        (folder / "data" / f"{name}.xy").write_text(f"# wavelength: {line}\n{columns}")
    files = (folder / "data" / "a.xy", folder / "data" / "b.xy")
    for options in (("--instrument", "synchrotron"), ()):  # and as it is remembered
        status, records, _ = size(capsys, *files, *options)
        told = [r["settings"]["instrument"]["wavelengths"] for r in records]
        assert status == 0 and told == [[0.56], [0.5642]]


def test_an_evaluation_asks_for_the_wavelength_of_an_example(capsys, folder):
    assert main(["evaluate", "--instrument", "synchrotron", "--out", str(folder / "out")]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1 and "synchrotron is an example" in err
    assert not (folder / "out").exists()
    asked = _parser().parse_args(
        ["evaluate", "--instrument", "synchrotron", "--wavelength", "0.5642"]
    )
    assert asked_instrument(asked).wavelengths == (0.5642,)


def test_what_a_folder_remembers_is_no_pattern(capsys, folder):
    size(capsys, folder / "data" / "a.xy", "--instrument", folder / "mine.json")
    everything = sorted((folder / "data").iterdir())
    assert [path.name for path in everything][-1] == "sk_qdots_instrument.json"
    status, records, err = size(capsys, *everything)
    assert status == 0 and [r["verdict"] for r in records] == ["ok", "ok"]
    assert len(err.splitlines()) == 2 and "which it remembers" in err


def test_a_memory_of_a_newer_version_is_not_to_be_deleted(capsys, folder):
    kept = folder / "data" / "sk_qdots_instrument.json"
    kept.write_text('{"sk_qdots instrument": 2, "colour": "red"}')
    status, _, err = size(capsys, folder / "data" / "a.xy")
    assert status == 2 and len(err.splitlines()) == 1
    assert "written by a newer sk_qdots; update it" in err and "delete" not in err


def test_both_ways_at_once_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["size", "a.xy", "--instrument", "lab-cu", "--no-instrument"])
    assert "not allowed with" in capsys.readouterr().err


def test_a_pipe_is_read_once_and_remembers_nothing(folder):
    command = [sys.executable, "-m", "sk_qdots.cli", "size", "/dev/stdin", "--instrument"]
    result = subprocess.run(
        [*command, str(folder / "mine.json"), "--format", "jsonl"],
        input=(folder / "data" / "a.xy").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert abs(json.loads(result.stdout)["strain"]) < 1e-4


def test_the_picture_is_drawn_on_the_true_q(capsys, folder):
    out = folder / "a.png"
    options = ("--instrument", folder / "mine.json", "--plot", out)
    status, _, _ = size(capsys, folder / "data" / "a.xy", *options)
    assert status == 0 and out.stat().st_size > 10_000


def test_the_plan_of_a_training(capsys, folder):
    options = ["train", "--crystal", "PbS", "--diameters", "2:4:1", "--instrument"]
    assert main([*options, str(folder / "mine.json"), "--plan"]) == 0
    line = next(t for t in capsys.readouterr().out.splitlines() if t.startswith("instrument"))
    assert "mine, simulated at 0.56 Angstrom" in line and "degrees wide" in line
    once = _parser().parse_args([*options, str(folder / "mine.json")])
    assert _command(once).endswith("--instrument mine.json")
    (folder / "bad.json").write_text("{}")
    assert main([*options, str(folder / "bad.json"), "--plan"]) == 2
    assert "bad.json: is no instrument" in capsys.readouterr().err

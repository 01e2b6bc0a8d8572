"""``sk-qdots size`` of a folder, a glob, standard input: a series."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.cli import _asking, main

FAST = ("--q", "--fast")
COMMAND = (sys.executable, "-m", "sk_qdots.cli", "size")


@pytest.fixture(scope="module")
def content():
    """A pattern of 4.5 nm over Q, as text."""
    q = np.arange(1.0, 15.01, 0.01)
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(0).poisson(intensity / intensity.mean() * 2000)
    return "".join(f"{x:.3f} {y}\n" for x, y in zip(q, counts, strict=True))


@pytest.fixture
def folder(tmp_path, content):
    """Three frames, the middle one of them damaged, and what is no measurement."""
    run = tmp_path / "run42"
    run.mkdir()
    for k in (1, 2, 10):
        file = run / f"f{k}.xy"
        file.write_text("5 1\n6 nan\n" if k == 2 else content)
        os.utime(file, (1e9 + 60 * k, 1e9 + 60 * k))
    (run / "notes.md").write_text("of the day")
    return run


def run(capsys, *arguments):
    status = main(["size", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_a_series(capsys, folder, tmp_path):
    out, picture = tmp_path / "series.csv", tmp_path / "series.png"
    status, told, err = run(capsys, folder, *FAST, "--out", out, "--plot", picture)
    assert status == 2
    assert [line.split()[0][-6:] for line in told.splitlines()[1:]] == [
        "/f1.xy",
        "/f2.xy",
        "f10.xy",
    ]
    refusal, summary = err.splitlines()
    assert "f2.xy: line 2 holds NaN" in refusal
    assert summary == "sk-qdots: 3 patterns: 2 sized (2 ok, 0 with caution), 1 refused"
    rows = rows_of(out)
    assert [row["verdict"] for row in rows] == ["ok", "refused", "ok"]
    assert [row["time"][-12:-7] for row in rows] == ["01:47", "01:48", "01:56"]
    assert "holds NaN" in rows[1]["reasons"] and rows[1]["volume_diameter_nm"] == ""
    assert float(rows[0]["diameter_nm"]) == 4.5
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_glob_is_expanded_by_the_program(capsys, folder):
    status, told, err = run(capsys, f"{folder}/f1*.xy", *FAST, "--format", "jsonl")
    assert status == 0 and "2 patterns: 2 sized" in err
    records = [json.loads(line) for line in told.splitlines()]
    assert [record["file"] for record in records] == [str(folder / "f1.xy"), str(folder / "f10.xy")]


@pytest.mark.parametrize(
    ("asked", "options", "message"),
    [
        ("*.none", (), "no file matches; check the folder"),
        ("", (), "holds no file that ends as measurements do"),
        ("f1.xy", ("--out", "a.txt"), "a series as .csv, .nc or .nxs"),
        ("f*.xy", ("--out", "a.txt"), "a series is written as .csv, .nc, .nxs"),
        ("f*.xy", ("--out", "nowhere/a.csv"), "its folder does not exist"),
        ("f*.xy", ("--per-frame", "0"), "above zero"),
        ("f*.xy", ("--panels",), "--panels belongs to --plot"),
        ("f1.xy", ("--out", "a.csv"), "a network makes none"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(
    capsys, folder, tmp_path, monkeypatch, asked, options, message
):
    monkeypatch.chdir(tmp_path)
    place = folder / asked
    if not asked:
        place = tmp_path / "empty"
        place.mkdir()
    status, told, err = run(capsys, place, *FAST, *options)
    assert (status, told) == (2, "") and message in err and len(err.splitlines()) == 1


def test_no_picture_of_too_many_panels(capsys, folder):
    asked = (*[folder / "f1.xy"] * 41, *FAST, "--plot", "a.png", "--panels")
    status, told, err = run(capsys, *asked)
    assert (status, told) == (2, "") and "41 patterns" in err and "leave --panels out" in err


def test_more_than_forty_files_are_a_picture_over_time(capsys, folder, tmp_path):
    files = [folder / "f1.xy"] * 41
    picture = tmp_path / "a.png"
    status, told, _ = run(capsys, *files, *FAST, "--plot", picture)
    assert status == 0 and len(told.splitlines()) == 42 and picture.exists()


def test_a_series_is_written_again_and_patterns_never(capsys, folder):
    out = folder / "series.csv"
    for _ in range(2):  # the second time it is in the folder
        assert run(capsys, folder, *FAST, "--out", out)[1].count(".xy") == 4 - 1
    assert len(rows_of(out)) == 3
    pattern = folder / "z.csv"
    pattern.write_text((folder / "f1.xy").read_text().replace(" ", ","))
    before = pattern.read_bytes()
    status, told, err = run(capsys, folder, *FAST, "--out", pattern)
    assert (status, told) == (2, "") and "is the pattern itself" in err
    assert pattern.read_bytes() == before


def test_netcdf_and_nexus(capsys, folder, tmp_path):
    for name in ("a.nc", "a.nxs"):
        given = ("--out", tmp_path / name, "--per-frame", "30", "--coverage", "0.5")
        assert run(capsys, folder / "f1.xy", *FAST, *given)[0] == 0  # a series of one
    with xr.open_dataset(tmp_path / "a.nc") as series:
        assert series["number_diameter"].attrs["units"] == "nm" and series.attrs["coverage"] == 0.5
    with h5py.File(tmp_path / "a.nxs") as file:
        assert file["entry/sizes"].attrs["signal"] == "volume_diameter"


def test_standard_input(monkeypatch, capsys, content):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    status, told, err = run(capsys, "-", *FAST, "--format", "jsonl")
    assert (status, err) == (0, "")
    record = json.loads(told)
    assert record["file"] == "-" and record["diameter_nm"] == 4.5
    status, _, err = run(capsys, "-", "-", *FAST)
    assert status == 2 and "can be read once" in err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    status, told, err = run(capsys, "-", *FAST)
    assert status == 2 and "-: is empty" in err and "refused" in told


def test_progress_is_shown_where_it_is_asked_for(capsys, folder):
    _, _, err = run(capsys, folder, *FAST, "--progress")
    assert "sizing: 100%" in err and err.splitlines()[-1].startswith("sk-qdots: 3 patterns")


def test_processes_change_nothing(capsys, folder):
    one = run(capsys, folder, *FAST, "--format", "jsonl", "--jobs", "1")
    assert run(capsys, folder, *FAST, "--format", "jsonl", "--jobs", "2") == one
    with pytest.raises(SystemExit):
        main(["size", str(folder), "--jobs", "0"])


def test_an_interrupt_keeps_what_is_known(capsys, folder, tmp_path, monkeypatch):
    usual, asked = _asking.Asking.read, []

    def read(self, item):
        asked.append(item)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return usual(self, item)

    monkeypatch.setattr(_asking.Asking, "read", read)
    out = tmp_path / "series.csv"
    status, told, err = run(capsys, folder, *FAST, "--out", out, "--format", "csv")
    assert status == 130
    assert err.splitlines()[-2:] == [
        "sk-qdots: 2 of 3 patterns: 1 sized (1 ok, 0 with caution), 1 refused",
        "sk-qdots: interrupted",
    ]
    assert [row["verdict"] for row in rows_of(out)] == ["ok", "refused"]
    assert len(told.splitlines()) == 3


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to a group of processes")
def test_ctrl_c_ends_all_processes_at_once(tmp_path, content):
    (tmp_path / "a.xy").write_text(content)
    out = tmp_path / "series.csv"
    asked = [str(tmp_path / "a.xy")] * 1000
    with subprocess.Popen(
        [*COMMAND, *asked, *FAST, "--jobs", "2", "--format", "jsonl", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        lines = [process.stdout.readline() for _ in range(3)]
        started = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        told, err = process.stdout.read(), process.stderr.read()
        process.wait(120)
    assert process.returncode == 130 and time.monotonic() - started < 60
    assert "Traceback" not in err and err.splitlines()[-1] == "sk-qdots: interrupted"
    records = [json.loads(line) for line in [*lines, *told.splitlines()]]
    assert 0 <= len(records) - len(rows_of(out)) <= 1 and len(records) < 1000

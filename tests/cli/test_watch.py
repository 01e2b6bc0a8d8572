"""``sk-qdots watch``."""

import argparse
import csv
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.cli import _course, _watch, main
from sk_qdots.cli._records import COLUMNS

FAST = ("--q", "--fast")
COMMAND = (sys.executable, "-m", "sk_qdots.cli", "watch")


@pytest.fixture(scope="module")
def content():
    """A pattern of 4.5 nm over Q, as text."""
    q = np.arange(1.0, 15.01, 0.02)
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(0).poisson(intensity / intensity.mean() * 2000)
    return "".join(f"{x:.3f} {y}\n" for x, y in zip(q, counts, strict=True))


@pytest.fixture
def put(tmp_path, content):
    """Writes a file of the folder that is watched, an hour ago."""
    folder = tmp_path / "run42"
    folder.mkdir()

    def put(name, text=content, age=3600.0):
        file = folder / name
        file.write_text(text)
        os.utime(file, (time.time() - age,) * 2)
        return file

    put.folder = folder
    return put


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def names_of(path):
    return [Path(row["file"]).name for row in rows_of(path)]


@pytest.fixture
def watch(capsys, put, tmp_path):
    """Runs the command on the folder."""

    def watch(*options, out=tmp_path / "series.csv"):
        asked = [str(put.folder), "--out", str(out), *FAST, "--once", *options]
        status = main(["watch", *map(str, asked)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return watch


def test_works_off_what_is_there(put, watch, tmp_path):
    for name in ("f10.xy", "f1.xy"):
        put(name)
    put("f2.xy", "5 1\n6 nan\n")
    put("notes.md", "of the day")
    out, picture = tmp_path / "series.csv", tmp_path / "series.png"
    status, told, err = watch("--plot", picture)
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
    assert list(rows[0]) == [*COLUMNS, "modified", "bytes"]
    assert [row["verdict"] for row in rows] == ["ok", "refused", "ok"]
    assert "holds NaN" in rows[1]["reasons"]
    assert float(rows[0]["diameter_nm"]) == 4.5
    assert all(Path(row["file"]).is_absolute() for row in rows)
    assert int(rows[0]["bytes"]) == (put.folder / "f1.xy").stat().st_size
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".lock") == [
        "run42",
        "series.csv",
        "series.png",
    ]


def test_goes_on_where_it_was(put, watch, tmp_path):
    out = tmp_path / "series.csv"
    put("a.xy")
    assert watch()[0] == 0
    put("b.xy")
    status, _, err = watch("--format", "csv")
    assert status == 0 and "1 patterns: 1 sized (1 ok, 0 with caution), 0 refused; 1 before" in err
    assert "0 patterns" in watch()[2]
    assert names_of(out) == ["a.xy", "b.xy"]
    out.write_bytes(out.read_bytes()[:-9])  # torn
    watch()
    assert names_of(out) == ["a.xy", "b.xy"] and rows_of(out)[1]["verdict"] == "ok"
    put("a.xy", age=7200.0)  # another state of the file
    watch()
    assert names_of(out) == ["a.xy", "b.xy", "a.xy"]


def test_refused_ones_are_asked_again_where_that_is_asked_for(put, watch, tmp_path):
    put("a.xy", "5 1\n6 nan\n")
    assert watch("--plot", tmp_path / "series.png")[0] == 2
    assert (tmp_path / "series.png").exists()  # of nothing that has a size
    assert watch()[0] == 0
    assert watch("--again")[0] == 2
    assert names_of(tmp_path / "series.csv") == ["a.xy", "a.xy"]


def test_what_it_writes_into_the_folder_is_no_pattern(put, watch):
    put("a.xy")
    out = put.folder / "series.csv"
    for _ in range(2):
        watch("--pattern", "*", "--plot", put.folder / "series.png", out=out)
    assert names_of(out) == ["a.xy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "nowhere/a.csv"), "its folder does not exist"),
        (("--out", "a.nc"), "is written as .csv"),
        (("--out", "mine.csv"), "no file that sk-qdots watch wrote"),
        (("--plot", "nowhere/a.png"), "its folder does not exist"),
        (("--plot", "a.doc"), "not a kind of picture"),
        (("--per-frame", "0"), "above zero"),
        (("--model", "none"), "none"),
        (("--pattern", "/data/*.chi"), "names in the folder"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(watch, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("1,2\n3,4\n")
    status, told, err = watch(*options)
    assert (status, told) == (2, "") and message in err and len(err.splitlines()) == 1
    assert (tmp_path / "mine.csv").read_text() == "1,2\n3,4\n"


def test_no_folder(tmp_path, capsys):
    assert main(["watch", str(tmp_path / "none"), "--out", str(tmp_path / "a.csv")]) == 2
    assert "is no folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["watch", str(tmp_path), "--out", "a.csv", "--poll", "0"])


def test_the_picture_is_drawn_now_and_then(put, watch, tmp_path, monkeypatch):
    put("a.xy")
    assert watch()[0] == 0
    picture, now = tmp_path / "series.png", [100.0]
    monkeypatch.setattr(_course.time, "monotonic", lambda: now[0])
    options = argparse.Namespace(plot=str(picture), coverage=0.9, per_frame=30.0)
    course = _course.Course(tmp_path / "series.csv", options)
    drawn = []
    for now[0], is_new in ((100.0, False), (101.0, True), (105.0, False), (120.0, False)):
        course.has_changed = course.has_changed or is_new
        picture.unlink(missing_ok=True)
        assert course.draw(at_most_every=5.0) is None
        drawn.append(picture.exists())
    assert drawn == [True, False, True, False]


def test_two_at_once(put, watch, tmp_path):
    from sk_qdots.sizing.journal import Journal

    with Journal(tmp_path / "series.csv", COLUMNS):
        status, told, err = watch()
    assert (status, told) == (2, "") and "another sk-qdots watch writes it" in err


def test_a_file_that_grows_and_one_that_stays_unreadable(put, watch, content, tmp_path):
    put("a.xy")
    grown = put("b.xy", content[: len(content) // 2], age=0.0)
    put("c.xy", "5 1\n", age=0.0)

    def grow():
        time.sleep(0.6)
        grown.write_text(content)

    growing = threading.Thread(target=grow)
    growing.start()
    status, _, err = watch("--settle", "0.4", "--patience", "3")
    growing.join()
    assert status == 2 and "c.xy: cannot be read yet" in err
    rows = {Path(row["file"]).name: row for row in rows_of(tmp_path / "series.csv")}
    assert len(rows_of(tmp_path / "series.csv")) == 3
    assert [rows[name]["verdict"] for name in ("a.xy", "b.xy", "c.xy")] == ["ok", "ok", "refused"]
    assert int(rows["b.xy"]["bytes"]) == len(content)


def test_processes_share_what_waits(put, watch, tmp_path):
    for k in range(6):
        put(f"f{k}.xy")
    assert watch("--jobs", "2")[0] == 0
    assert names_of(tmp_path / "series.csv") == [f"f{k}.xy" for k in range(6)]


def test_without_watchfiles_it_polls_and_says_so(capsys, put, tmp_path, monkeypatch):
    put("a.xy")
    monkeypatch.setattr(_watch.importlib.util, "find_spec", lambda name: None)

    def sleep(seconds):
        assert seconds == 1.0
        raise KeyboardInterrupt

    monkeypatch.setattr("sk_qdots.sizing.watching.time.sleep", sleep)
    out = tmp_path / "series.csv"
    assert main(["watch", str(put.folder), "--out", str(out), *FAST]) == 0
    assert "sk_qdots[watch]" in capsys.readouterr().err and names_of(out) == ["a.xy"]


@pytest.mark.skipif(os.name == "nt", reason="sends signals")
@pytest.mark.parametrize("events", [True, False], ids=["events", "polling"])
def test_none_is_lost_and_none_twice_when_it_is_killed(put, tmp_path, content, events):
    if events:
        pytest.importorskip("watchfiles")
    out = tmp_path / "series.csv"
    asked = [str(put.folder), "--out", str(out), *FAST, "--settle", "0.3", "--jobs", "1"]
    asked += [] if events else ["--poll", "0.1"]
    n = 40

    def started():
        return subprocess.Popen(
            [*COMMAND, *asked], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def wait_for(count, process):
        until = time.monotonic() + 120.0
        while not out.exists() or out.read_bytes().count(b"\n") <= count:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)

    put("f0.xy")
    with started() as first:
        wait_for(1, first)
        for k in range(1, n):
            part = put(f".f{k}.part", age=0.0)
            part.rename(put.folder / f"f{k}.xy")
        wait_for(10, first)
        first.kill()
        first.stderr.close()
    assert 10 <= len(rows_of(out)) < n
    with out.open("ab") as file:
        file.write(b'"' + str(put.folder / "f3").encode())  # as if in the middle of a line
    with started() as second:
        wait_for(n, second)
        second.send_signal(signal.SIGTERM)
        err = second.stderr.read()
        assert second.wait(60) == 0
    assert "Traceback" not in err and "files are done; Ctrl-C ends it" in err
    assert "0 refused" in err.splitlines()[-1]
    assert Counter(names_of(out)) == Counter(f"f{k}.xy" for k in range(n))
    assert all(int(row["bytes"]) == len(content) for row in rows_of(out))

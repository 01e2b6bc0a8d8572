import csv
import io
import json
import os
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.cli import main


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A pattern of 4.5 nm as a laboratory stores it: two-theta and counts."""
    two_theta = np.arange(4.0, 86.0, 0.02)
    q = 4 * np.pi / 0.56 * np.sin(np.deg2rad(two_theta / 2))
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.001], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(0).poisson(intensity / intensity.mean() * 2000)
    folder = tmp_path_factory.mktemp("data")
    np.savetxt(folder / "two_theta.xy", np.column_stack([two_theta, counts]), fmt="%.4f %d")
    np.savetxt(folder / "q.xy", np.column_stack([q, counts]), fmt="%.6f %d")
    return folder


OLD_COLUMNS = [
    *("file", "diameter_nm", "probability", "runner_up_nm", "runner_up_probability"),
    *("expected_diameter_nm", "q_min", "q_max", "agreement", "model", "axis", "wavelength"),
    *("volume_diameter_nm", "dispersion", "strain", "width_nm", "length_nm", "thickness_nm"),
]


def run(capsys, *arguments):
    status = main(["size", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("two_theta.xy", "--wavelength", "0.56"),
        ("two_theta.xy", "--energy", "22.14"),
        ("q.xy", "--q"),
    ],
)
def test_table(capsys, example, arguments):
    status, out, err = run(capsys, example / arguments[0], *arguments[1:])
    assert (status, err) == (0, "")
    header, row = out.splitlines()
    assert header.split() == [
        *("file", "diameter/nm", "90", "%", "volume", "average/nm", "90", "%", "verdict"),
    ]
    _, number, interval, volume, volume_interval, verdict = row.split()
    assert verdict == "ok"
    for value, ends, true in ((number, interval, 4.5), (volume, volume_interval, 4.5 * 1.01**3)):
        low, high = map(float, ends.split("-"))
        assert low <= float(value) <= high and float(value) == pytest.approx(true, abs=0.1)


def test_more_columns(capsys, example):
    _, out, _ = run(capsys, example / "q.xy", "--q", "--verbose")
    header, row = out.splitlines()
    assert "class/nm  probability  runner-up/nm" in header and "width" not in header
    cells = row.split()
    assert float(cells[5]) == 4.5 and cells[-3] == "0.99-15.00" and float(cells[-2]) > 0.9
    told = [cell.split("±") for cell in cells if "±" in cell]  # of 4.5 nm, 10 %, 0.1 %
    for (value, error), true in zip(told, (4.5 * 1.01**2, 0.1, 0.1), strict=True):
        assert abs(float(value) - true) <= 3 * max(float(error), 0.01)


def test_json_and_csv(capsys, example):
    files = [example / "two_theta.xy"] * 2
    status, out, _ = run(capsys, *files, "--wavelength", 0.56, "--format", "json")
    records = json.loads(out)
    assert status == 0 and len(records) == 2
    assert records[0]["diameter_nm"] == 4.5
    assert sum(records[0]["probabilities"].values()) == pytest.approx(1.0, abs=2e-3)
    assert records[0]["verdict"] == "ok" and records[0]["reasons"] == []
    assert "diameter" not in records[0]["uncertainties"]  # which would be that of the class
    names = list(records[0])
    for name in ("number_diameter", "volume_diameter", "surface_diameter", "expected_diameter"):
        assert names[names.index(f"{name}_nm") + 1] == f"{name}_std_nm"
        assert records[0][f"{name}_std_nm"] == records[0]["uncertainties"][name] > 0
    assert records[0]["interval_low_nm"] < 4.5 < records[0]["interval_high_nm"]
    assert records[0]["settings"]["pattern"]["wavelength"] == 0.56
    assert records[0]["versions"]["sk_qdots"]
    _, out, _ = run(capsys, *files, "--wavelength", 0.56, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [float(r["diameter_nm"]) for r in rows] == [4.5, 4.5]
    assert float(rows[0]["expected_diameter_nm"]) == pytest.approx(4.5, abs=0.2)
    assert list(rows[0])[:18] == OLD_COLUMNS
    assert list(rows[0])[-8:] == [
        *("verdict", "reasons", "engine", "r_wp", "chi2"),
        *("growth_fault", "growth_fault_std", "leading"),
    ]
    told = {**records[0], "reasons": ""}
    for name, cell in rows[0].items():
        assert cell == ("" if told[name] is None else str(told[name])), name
    _, out, _ = run(capsys, *files, "--wavelength", 0.56, "--format", "jsonl")
    assert [json.loads(line) for line in out.splitlines()] == records


def rows(numbers):
    return b"".join(b"%d 1\n" % k for k in numbers)


BAD = {
    "empty.xy": (b"", "is empty", "export"),
    "text.xy": (b"Dear all,\nplease find attached\n", "no numbers", "expected two columns"),
    "one_column.xy": (b"1\n2\n3\n", "one column", "expected abscissa and intensity"),
    "nan.xy": (b"5 1\n6 nan\n" + rows(range(7, 40)), "line 2 holds NaN", "remove"),
    "repeated.xy": (rows([5, 6, 6, *range(7, 40)]), "line 3", "keep one row of each"),
    "above_180.xy": (rows(range(5, 300, 5)), "180 degrees", "check that the first column"),
    "negative.xy": (b"5 1\n6 -1\n" + rows(range(7, 40)), "negative intensity", "as measured"),
    "misses_range.xy": (
        b"".join(b"%.2f 1\n" % (30 + 0.05 * k) for k in range(900)),
        "covers Q",
        "measure that range",
    ),
    "binary.xy": (bytes(range(256)), "not text", "export"),
    "missing.xy": (None, "no such file", "check the path"),
    "liquid.xy": (
        b"".join(b"%.2f 100\n" % (3 + 0.02 * k) for k in range(4000)),
        "does not look like PbS",
        "check the wavelength",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_one_line_and_the_others_are_sized(capsys, example, tmp_path, name):
    content, reason, remedy = BAD[name]
    bad = tmp_path / name
    if content is not None:
        bad.write_bytes(content)
    good = example / "two_theta.xy"
    status, out, told = run(capsys, good, bad, good, "--wavelength", 0.56)
    assert status == 2
    err, summary = told.splitlines()
    assert summary == "sk-qdots: 3 patterns: 2 sized (2 ok, 0 with caution), 1 refused"
    assert str(bad) in err and reason in err and remedy in err
    _, first, refused, second = out.splitlines()
    assert first == second and first.endswith("ok")
    assert refused.startswith(str(bad)) and "refused: " in refused
    assert reason in refused and remedy in refused


@pytest.mark.parametrize("form", ["json", "jsonl", "csv"])
def test_a_refused_file_has_a_record(capsys, example, tmp_path, form):
    files = (tmp_path / "missing.xy", example / "q.xy")
    status, out, _ = run(capsys, *files, "--q", "--format", form)
    if form == "csv":
        records = list(csv.DictReader(io.StringIO(out)))
    else:
        records = json.loads(out) if form == "json" else list(map(json.loads, out.splitlines()))
    assert status == 2 and [r["verdict"] for r in records] == ["refused", "ok"]
    assert records[0]["file"] == str(files[0]) and "no such file" in str(records[0]["reasons"])
    assert not records[0].get("diameter_nm")


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv"])
def test_an_interrupted_run_leaves_what_it_had(capsys, example, monkeypatch, form):
    original, asked = sq.read_pattern, []

    def interrupt(*args, **kwargs):
        asked.append(args)
        if len(asked) > 2:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    monkeypatch.setattr("sk_qdots.sizing.instruments.read_pattern", interrupt)
    status, out, err = run(capsys, *[example / "q.xy"] * 4, "--q", "--format", form)
    assert (status, err.splitlines()) == (
        130,
        [
            "sk-qdots: 2 of 4 patterns: 2 sized (2 ok, 0 with caution), 0 refused",
            "sk-qdots: interrupted",
        ],
    )
    if form == "json":
        assert len(json.loads(out)) == 2
    else:
        assert len(out.splitlines()) == 2 + (form in ("table", "csv"))


def test_records_are_written_as_they_come(example):
    """A reader gets the first record while the second file is waited for."""
    fifo = example / "slow.xy"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "sk_qdots.cli", "size", example / "q.xy", fifo, "--q"]
    with subprocess.Popen(
        [*map(str, command), "--format", "json"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = [process.stdout.readline()]
            while lines[-1] not in ("}\n", ""):
                lines.append(process.stdout.readline())
            assert json.loads("".join(lines)[1:])["diameter_nm"] == 4.5
            assert process.poll() is None
        finally:
            process.kill()
            fifo.unlink()


@pytest.mark.parametrize("wavelength", [0.7093, 1.5406, 0.52, 0.55, 0.6])
def test_wrong_wavelength_is_refused(capsys, example, wavelength):
    status, out, err = run(capsys, example / "two_theta.xy", "--wavelength", wavelength)
    assert status == 2
    assert "check the wavelength" in err and "check the wavelength" in out.splitlines()[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line(example):
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "sk_qdots.cli", "size", example / "q.xy", "--q"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1 and "cannot be written" in result.stderr


def test_two_theta_without_a_wavelength(capsys, example):
    status, out, err = run(capsys, example / "two_theta.xy")
    assert status == 2 and "refused" in out.splitlines()[1]
    assert "--wavelength" in err and "--energy" in err and "--q" in err
    assert len(err.splitlines()) == 1


def test_two_theta_given_as_q(capsys, example):
    status, _, err = run(capsys, example / "two_theta.xy", "--q")
    assert status == 2 and "--wavelength" in err


def test_unknown_model(capsys, example):
    status, out, err = run(capsys, example / "q.xy", "--q", "--model", "Unobtainium")
    assert (status, out) == (2, "")
    assert "known: CdSe, PbS, Pt" in err


def test_plot(capsys, example, tmp_path):
    picture = tmp_path / "sizes.png"
    files = (example / "q.xy", example / "q.xy")
    status, _, err = run(capsys, *files, "--q", "--plot", picture, "--panels")
    assert (status, err) == (0, "sk-qdots: 2 patterns: 2 sized (2 ok, 0 with caution), 0 refused\n")
    from matplotlib.image import imread

    height, width, _ = imread(picture).shape
    assert height > 1000 and width > 1000


@pytest.mark.parametrize("name", ["no/such/folder/a.png", "a.notaformat", "a", "."])
def test_plot_that_cannot_be_written_still_prints_the_sizes(capsys, example, tmp_path, name):
    status, out, err = run(capsys, example / "q.xy", "--q", "--plot", tmp_path / name)
    assert status == 2
    assert "4.5" in out
    assert len(err.splitlines()) == 1 and str(tmp_path / name) in err


def test_interrupt_is_one_line(capsys, example, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("sk_qdots.sizing.instruments.read_pattern", interrupt)
    assert main(["size", str(example / "q.xy"), "--q"]) == 130
    assert capsys.readouterr().err == "sk-qdots: interrupted\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "not enough memory"),
        (BrokenProcessPool("killed"), "not enough memory"),
        (PermissionError(13, "Permission denied", "/there/it.cif"), "/there/it.cif: Permission"),
        (OSError(28, "No space left on device"), "cannot be written: No space left"),
    ],
)
def test_what_the_machine_refuses_is_one_line(error, message, capsys, monkeypatch):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("sk_qdots.cli._drop_output", lambda: None)
    monkeypatch.setattr("sk_qdots.sizing.registry.known_sizers", fail)
    assert main(["info"]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1


def test_installed_command(example):
    command = [sys.executable, "-m", "sk_qdots.cli"]
    result = subprocess.run(
        [*command, "size", example / "q.xy", "--q"], capture_output=True, text=True, check=True
    )
    assert "4.5" in result.stdout and result.stderr == ""
    usage = subprocess.run([*command, "size"], capture_output=True, text=True, check=False)
    assert usage.returncode == 2 and "Traceback" not in usage.stderr
    version = subprocess.run(
        [*command, "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert version.startswith("sk_qdots ")


def test_vendor_files_need_no_options(capsys, tmp_path):
    """Scans of a copper tube, in a format that says so, beside one that asks a question."""
    import pattern_files as files

    two_theta = np.arange(12.0, 140.0, 0.02)
    wavelength = (files.ALPHA1 + 0.5 * files.ALPHA2) / 1.5
    q = 4 * np.pi / wavelength * np.sin(np.deg2rad(two_theta / 2))
    library = sq.simulate_library("PbS", diameters=[3.5], dispersions=[0.1], strains=[0.0], q=q)
    intensity = library["intensity"].values.ravel().astype(float)
    counts = np.random.default_rng(0).poisson(intensity / intensity.mean() * 2000)
    (tmp_path / "a.xrdml").write_bytes(files.xrdml(two_theta, counts, None, None))
    (tmp_path / "a.brml").write_bytes(files.brml(two_theta, counts, None, None))
    (tmp_path / "two.ras").write_bytes(files.ras(two_theta, counts, None, None, scans=2))
    (tmp_path / "a.chi").write_bytes(
        files.fit2d(10 * q, counts, None, None, label="Q (Inverse Nanometres)")
    )
    names = ("a.xrdml", "a.brml", "two.ras", "a.chi")
    status, out, err = run(capsys, *(tmp_path / name for name in names), "--format", "csv")
    assert status == 2
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [Path(row["file"]).name for row in rows] == ["a.xrdml", "a.brml", "two.ras", "a.chi"]
    assert rows.pop(2)["verdict"] == "refused"
    assert {float(row["diameter_nm"]) for row in rows} == {3.5}
    assert [row["axis"] for row in rows] == [*["two-theta in degrees"] * 2, "Q in 1/nm"]
    assert [row["wavelength"][:6] for row in rows] == ["1.5418", "1.5418", ""]
    assert len(err.splitlines()) == 2 and "--scan 0" in err and "--scan sum" in err
    status, out, _ = run(capsys, tmp_path / "two.ras", "--scan", "sum", "--format", "csv")
    assert status == 0 and ",3.5," in out
    (tmp_path / "bare.xy").write_bytes(files.columns(10 * q, counts))
    status, out, _ = run(capsys, tmp_path / "bare.xy", "--x", "q_nm", "--format", "csv")
    assert status == 0 and ",3.5," in out


@pytest.mark.parametrize("options", [["--scan", "first"], ["--q", "--x", "d"]])
def test_bad_options_are_usage(capsys, example, options):
    with pytest.raises(SystemExit) as caught:
        main(["size", str(example / "q.xy"), *options])
    assert caught.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_unknown_axis_is_one_line(capsys, example):
    status, _, err = run(capsys, example / "q.xy", "--x", "theta")
    assert status == 2 and len(err.splitlines()) == 1 and "'two_theta', 'two_theta_rad'" in err


def test_odd_names_of_files_are_told(example, tmp_path):
    odd = tmp_path / os.fsdecode(b"a\nb\xff\x1b[31m.xy")
    odd.write_bytes((example / "q.xy").read_bytes())
    command = [sys.executable, "-m", "sk_qdots.cli", "size", odd, "--q", "--format"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    for form in ("table", "json", "jsonl", "csv"):
        done = subprocess.run([*command, form], capture_output=True, env=env, check=True)
        if form == "table":
            assert len(done.stdout.splitlines()) == 2 and b"\x1b" not in done.stdout
        if form == "jsonl":
            assert json.loads(done.stdout)["diameter_nm"] == 4.5

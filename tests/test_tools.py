"""The scripts that make what is shipped run from end to end, on very little."""

import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import sk_qdots as sq

TOOLS = Path(__file__).resolve().parent.parent / "tools"


@pytest.fixture
def tools(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)

    def run(module, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *map(str, arguments)])
        module.main()

    return run


def test_making_and_judging_a_sizer(tools, tmp_path, monkeypatch):
    import evaluate_pbs
    import train_pbs

    for module in (train_pbs, evaluate_pbs):
        monkeypatch.setattr(module, "DISPERSIONS", [0.1])
        monkeypatch.setattr(module, "STRAINS", np.array([0.001]))
    monkeypatch.setattr(evaluate_pbs, "DIAMETERS", np.array([2.0, 3.0]))
    monkeypatch.setattr(train_pbs, "DIAMETERS", np.array([2.0, 2.5, 3.0]))
    monkeypatch.setattr(train_pbs, "CLASSES", np.array([2000, 3000]))
    monkeypatch.setattr(train_pbs, "STEPS_PER_EPOCH", 2)
    monkeypatch.setattr(train_pbs, "N_WRONG", 4)
    monkeypatch.setattr(train_pbs, "Bench", partial(evaluate_pbs.Bench, n_test=32))
    out, kept = tmp_path / "PbS", tmp_path / "state"
    tools(train_pbs, "--out", out, "--epochs", 1, "--checkpoint", kept, "--workers", 0)
    sizer = sq.load_sizer(out)
    assert sizer.classes_.tolist() == [2000, 3000] and not kept.exists()
    assert set(sizer.training["scores"]) == set(evaluate_pbs.WANTED)
    card = (out / "model_card.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in card for name in evaluate_pbs.WANTED)
    table = tmp_path / "pbs.md"
    tools(evaluate_pbs, "--model", out, "--out", table, "--patterns", 32)
    assert "chlorobenzene" in table.read_text(encoding="utf-8")


def test_what_falls_short_is_said(tools):
    import evaluate_pbs

    row = {"accuracy": 0.96, "within_half_nm": 0.98, "mean_absolute_error_nm": 0.2}
    assert evaluate_pbs.shortfall("Qmax 7", row) == "wanted 0.985; wanted 0.99 within 0.5 nm"
    assert "wanted 0.1 nm" in evaluate_pbs.shortfall(evaluate_pbs.BETWEEN, row)
    assert "falls short" in evaluate_pbs.table({"Qmax 7": row}, {"Qmax 7": ["2 nm: 0.5"]})


def test_cautions_are_counted(tools, tmp_path):
    import check_cautions

    table = tmp_path / "cautions.md"
    tools(check_cautions, "--out", table, "--patterns", 3)
    told = {
        line.split("|")[1].strip(): line for line in table.read_text("utf-8").splitlines()[2:-2]
    }
    assert told["dots like those of the training"].split("|")[2:4] == [" 0.00 ", " 0.00 "]
    assert "edge 1.00" in told["12 nm"] and "dispersion 1.00" in told["dispersion 0.4"]


def test_instruments_are_told_and_not_told(tools, tmp_path, monkeypatch):
    import check_instruments

    monkeypatch.setattr(check_instruments, "SIZERS", {"PbS": "PbS"})
    monkeypatch.setattr(check_instruments, "WIDTHS", (0.005, 0.3))
    table = tmp_path / "instruments.md"
    tools(check_instruments, "--out", table, "--patterns", 4)
    rows = [line.split("|")[1:-1] for line in table.read_text("utf-8").splitlines()[2:-2]]
    told = {(row[0].strip(), float(row[1])): [float(v) for v in row[2:]] for row in rows}
    for beam in ("PbS, 0.56 Å", "PbS, Cu, 20 to 80°"):
        assert told[beam, 0.005][-1] == 0.0 and told[beam, 0.3][-1] == 1.0
        assert told[beam, 0.3][3] > 2.0 * told[beam, 0.005][3]  # the error


def test_paper_protocol_goes_on_where_it_was(tools, tmp_path, monkeypatch):
    import paper_protocol

    library = sq.simulate_library(
        "PbS", diameters=[2.0, 4.0], dispersions=[0.1], strains=np.linspace(0, 0.004, 10)
    )
    monkeypatch.setattr(paper_protocol, "samples", lambda seed: sq.library_samples(library))
    work, out = tmp_path / "work.json", tmp_path / "paper.md"
    options = ("--work", work, "--out", out, "--epochs", 1)
    tools(paper_protocol, *options)
    whole = out.read_text(encoding="utf-8")
    kept = json.loads(work.read_text(encoding="utf-8"))
    assert [len(folds) for folds in kept["folds"].values()] == [5, 5, 1]
    del kept["folds"]["StratifiedGroupKFold by simulation"][-2:]
    work.write_text(json.dumps(kept), encoding="utf-8")
    tools(paper_protocol, *options)
    again = out.read_text(encoding="utf-8")
    accuracies = [line.split("|")[2:7] for line in (whole + again).splitlines() if "KFold" in line]
    assert accuracies[:3] == accuracies[3:]


def test_known_faults_are_found_again(tools, monkeypatch):
    import fit_faults

    q = np.arange(1.4, 9.0, 0.02)
    library = sq.simulate_library(
        "CdSe zinc blende",
        diameters=[3.0],
        dispersions=[0.1],
        strains=[-0.004],
        growth_faults=[0.2],
        b_iso=[1.5],
        q=q,
        wavelength=0.2,
    )
    dots = library["intensity"].values.ravel() / float(library["intensity"].max())
    expected = 8000.0 * (dots + np.exp(-q / 3.0) + 0.1)
    counts = np.random.default_rng(0).poisson(expected).astype(float)
    monkeypatch.setitem(fit_faults.PROBABILITIES, "growth", np.linspace(0.0, 1.0, 21))
    measured = fit_faults.Measured(
        q, counts, 1.0 / np.maximum(counts, 1.0), wavelength=0.2, knot_step=3.0
    )
    particles = fit_faults.Particles(
        fit_faults.faulted_tables("CdSe zinc blende", 6.0, "growth"),
        measured,
        fit_faults.PROBABILITIES["growth"],
    )
    found = fit_faults.fit(measured, particles, np.array([[2.4, 0.2, 0.0, 1.0, 0.5]]))
    off = np.abs(found.parameters - [3.0, 0.1, -0.004, 1.5, 0.2])
    assert np.all(off < [0.15, 0.08, 0.001, 0.3, 0.07]) and np.all(off < 3.5 * found.errors)
    assert np.all(found.errors < [0.15, 0.08, 0.001, 0.3, 0.07])
    assert 0.8 < found.sum_of_squares / len(q) < 1.2


def test_faults_need_the_measured_patterns(tools, tmp_path):
    import fit_faults

    with pytest.raises(SystemExit, match="say with --data where they are"):
        tools(fit_faults, "--data", tmp_path)

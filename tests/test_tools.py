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

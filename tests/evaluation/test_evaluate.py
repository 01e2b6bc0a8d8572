"""One command that writes everything."""

import json
import re

import numpy as np
import pytest
import xarray as xr
from PIL import Image

import sk_qdots as sq
from sk_qdots.cli import main
from sk_qdots.evaluation import (
    EvaluationError,
    _evaluate,
    _figures,
    evaluate,
    populations,
    results,
    told_worlds,
)
from sk_qdots.evaluation.foreign import foreign_names, other_dots

FIGURES = {
    *("1b_patterns.png", "2ab_errors.png", "2c_clark.png", "3ab_q_max.png", "3cd_step.png"),
    *("3ef_qd_fraction.png", "4c_diameters.png", "4d_sizing_curves.png", "confusions.png"),
    *("more_conditions.png", "reliability.png", "activation.png", "verdicts.png", "intervals.png"),
}


def _make_small(patch):
    every = told_worlds.Worlds.rows
    few = ("standard", "powders of other crystals, full range", "saturated")
    patch.setattr(_evaluate, "QUICK", results.Extent(34, 17, True, 4))
    patch.setattr(
        told_worlds.Worlds, "rows", lambda self: [r for r in every(self) if r.name in few]
    )


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A handful of patterns: what is tested is that everything comes together."""
    _make_small(monkeypatch)


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured")
    rows = ["file,diameter_nm,x,dispersion,first_peak_ev"]
    library = sq.simulate_library("PbS", diameters=[3.0, 5.0], dispersions=[0.1], strains=[0.0])
    for row, diameter in zip(sq.library_samples(library)[0], (3.0, 5.0), strict=True):
        np.savetxt(folder / f"{diameter:g}.xy", np.c_[row.q.values, row.values])
        rows.append(f"{diameter:g}.xy,{diameter},q,0.1,{0.41 + 2 / diameter}")
    (folder / "table.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "table.csv"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """The network of the shipped sizer alone: milliseconds a pattern."""
    sizer = sq.load_sizer("PbS")
    folder = tmp_path_factory.mktemp("network") / "PbS"
    sizer._with(sizer.facts, []).save(folder)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, references, network):
    out = tmp_path_factory.mktemp("made") / "evaluation"
    with pytest.MonkeyPatch.context() as patch:
        _make_small(patch)
        evaluate(network, out, quick=True, references=references, progress=False)
    return out


def test_everything_is_written(made):
    assert {p.name for p in made.glob("*.png")} == FIGURES
    report = (made / "report.html").read_text(encoding="utf-8")
    assert report.count("data:image/png;base64,") == len(FIGURES)
    assert not re.search(r'(src|href)="(?!data:)', report)  # it stands alone
    for fact in ("seed", "versions", "sk_qdots 0.1.0", "30000", "minutes on", "q_max=4.4"):
        assert fact in report
    assert "2 measured samples" in report
    assert report.index("What becomes of a pattern") < report.index("Every condition")
    assert "<td>powders of other crystals, full range</td>" in report


def test_table_is_that_of_the_reports(made):
    text = (made / "report.html").read_text(encoding="utf-8")
    cells = re.search(r"<tr><td>q_max=2.5</td>(.*?)</tr>", text)
    numbers = re.findall(r'<td class="number">([^<]*)</td>', cells[1])
    with xr.open_dataset(made / "sizer.nc", engine="scipy") as own:
        here = own.sel(condition="q_max=2.5")
        assert numbers[0] == f"{float(here.overall_accuracy):.3f}"
        assert numbers[2] == f"{float(here.overall_mean_absolute_error):.3f}"
        assert int(here.n.sum()) == 34
    assert numbers[-3:] == ["0.429", "0.470", "0.998"]  # as published


def test_limit_is_not_below_the_sizer_on_the_same_patterns(made):
    """But for chance: over all conditions that both went through."""
    with (
        xr.open_dataset(made / "paired.nc", engine="scipy") as sizer,
        xr.open_dataset(made / "limit.nc", engine="scipy") as limit,
    ):
        shared = limit.condition.values
        own = sizer.overall_accuracy.sel(condition=shared)
        assert float(limit.overall_accuracy.mean()) >= float(own.mean())
        assert int(limit.n.sel(condition="standard").sum()) == 17


def test_refused_conditions_are_left_out_of_the_figures(made):
    with xr.open_dataset(made / "sizer.nc", engine="scipy") as stored:
        report = stored.load()
    names = ("standard", "q_max=2.5", "not there")
    assert _figures._answered(report, names) == ["standard", "q_max=2.5"]
    refused = np.where(report.condition.values == "q_max=2.5", "covers too little", "")
    report["refused"] = ("condition", refused)
    assert _figures._answered(report, names) == ["standard"]


def test_every_picture_says_its_seed(made):
    for name in FIGURES:
        with Image.open(made / name) as picture:
            assert "seed 30000" in picture.text["Description"]
            assert picture.width > 500


def test_finished_evaluation_is_made_again_in_a_moment(network, made, references, monkeypatch):
    def never(*arguments, **settings):
        raise AssertionError("everything is known already")

    monkeypatch.setattr("sk_qdots.model_selection._report._part", never)
    evaluate(network, made, quick=True, references=references, progress=False)


def test_another_evaluation_is_not_written_over(network, made):
    before = (made / "evaluation.json").read_text()
    with pytest.raises(EvaluationError, match="holds another evaluation"):
        evaluate(network, made, quick=True, random_state=1, progress=False)
    assert (made / "evaluation.json").read_text() == before


def test_other_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(EvaluationError, match="holds something else"):
        evaluate("PbS", tmp_path, quick=True, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(EvaluationError, match="cannot be written"):
        evaluate("PbS", tmp_path / "thesis.tex", quick=True, progress=False)
    damaged = tmp_path / "other"
    damaged.mkdir()
    (damaged / "evaluation.json").write_text("{")
    with pytest.raises(EvaluationError, match="is damaged"):
        evaluate("PbS", damaged, quick=True, progress=False)


def test_references_that_cannot_be_sized_are_told_first(tmp_path):
    (tmp_path / "short.xy").write_text("".join(f"{3 + 0.01 * k} 5\n" for k in range(200)))
    (tmp_path / "table.csv").write_text("file,diameter_nm,x\nshort.xy,3,q\n")
    with pytest.raises(EvaluationError, match=r"line 2: .*covers Q = 3"):
        evaluate(
            "PbS", tmp_path / "out", quick=True, references=tmp_path / "table.csv", progress=False
        )
    assert not (tmp_path / "out").exists()


def test_own_sizer_of_the_same_material_gets_the_published_figures(made, tmp_path):
    """By its crystal and classes, whatever it is called."""
    sizer = sq.load_sizer("PbS")
    sizer.name = "mine"
    sizer.save(tmp_path / "mine")
    again = _evaluate.load_sizer(tmp_path / "mine")
    found = results.Evaluation(again, "PbS", "PbS", None, None, [], {}, None, [], None, {}, 0)
    assert found.is_published
    found.material = "CdSe zinc blende"
    assert not found.is_published


@pytest.mark.parametrize(
    ("crystal", "window"),
    [("PbS", True), ("Pt", True), ("CdSe wurtzite", False), ("TiO2 anatase", False)],
)
def test_scherrer_window_of_the_crystal(crystal, window):
    found = _evaluate._window(crystal)
    assert (found is not None) == window
    if found is not None:
        edge = np.linalg.norm(sq.Crystal.builtin(crystal).conventional[0])
        assert found[0] < 2 * np.pi * np.sqrt(8) / edge < found[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "needs the columns file and diameter_nm"),
        ("file,size\na.xy,3\n", "needs the columns file and diameter_nm"),
        ("file,diameter_nm\na.xy,three\n", "line 2"),
        ("file,diameter_nm\na.xy,-3\n", "line 2: diameter_nm must be positive"),
        ("file,diameter_nm\nmissing.xy,3\n", "line 2: .*missing.xy"),
    ],
)
def test_bad_tables_of_references(tmp_path, table, message):
    (tmp_path / "table.csv").write_text(table)
    with pytest.raises(EvaluationError, match=message):
        evaluate(
            "PbS", tmp_path / "out", quick=True, references=tmp_path / "table.csv", progress=False
        )


def test_table_that_is_not_there(tmp_path):
    with pytest.raises(EvaluationError, match="cannot be read"):
        evaluate("PbS", tmp_path / "out", quick=True, references=tmp_path / "no.csv")


def test_command(network, made, references, capsys, tmp_path):
    options = ["--model", str(network), "--quick", "--references", str(references)]
    assert main(["evaluate", *options, "--out", str(made)]) == 0
    assert "report.html" in capsys.readouterr().out
    (tmp_path / "something").write_text("")
    assert main(["evaluate", "--quick", "--out", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert main(["evaluate", "--model", "nothing", "--out", str(tmp_path / "x")]) == 2
    assert "no such sizer" in capsys.readouterr().err


def test_an_instrument_is_one_more_test(tmp_path, monkeypatch, capsys):
    asked = {}

    def stop(estimator, X, y, conditions, path, progress):
        asked[path.parent.name] = {c.name for c in conditions}
        raise EvaluationError("enough")

    monkeypatch.setattr(_evaluate, "_report", stop)
    command = ["evaluate", "--quick", "--out"]
    assert main([*command, str(tmp_path / "plain")]) == 2
    assert main([*command, str(tmp_path / "seen"), "--instrument", "lab-cu"]) == 2
    assert asked["seen"] - asked["plain"] == {"instrument=corrected"}
    facts = [json.loads((tmp_path / n / "evaluation.json").read_text()) for n in asked]
    assert facts[1]["instrument"] == "lab-cu, 1.54187 Angstrom"
    assert "instrument" not in facts[0] and facts[0]["inputs"] != facts[1]["inputs"]
    assert main([*command, str(tmp_path / "plain"), "--instrument", "lab-cu"]) == 2
    assert "holds another evaluation" in capsys.readouterr().err


def test_sizer_of_an_unknown_crystal_asks_for_it(tmp_path, monkeypatch):
    sizer = sq.load_sizer("PbS")
    sizer.simulation["crystal"] = "Kryptonite"
    monkeypatch.setattr(_evaluate, "load_sizer", lambda name: sizer)
    with pytest.raises(EvaluationError, match="give its CIF"):
        evaluate("PbS", tmp_path / "x", quick=True, progress=False)
    assert not (tmp_path / "x").exists()


def test_fresh_dots_lie_between_those_that_the_sizer_was_trained_on(monkeypatch):
    """Also where the smallest class is not made by the dispersions of the published library."""
    sizer = sq.load_sizer("PbS")
    del sizer.training["settings"]
    published = populations.populations_of(sizer, "PbS")
    assert published[0]["dispersions"] == (0.05, 0.10, 0.15, 0.20)
    broad = {"dispersions": [0.05, 0.25, 0.45], "strains": [-0.01, 0.0, 0.004]}
    sizer.training["settings"] = broad
    monkeypatch.setattr(type(sizer), "classes_", np.array([1000, 2000, 3000]))
    trained, fresh = populations.populations_of(sizer, "Pt")
    levels, strains = np.array(trained["dispersions"]), np.array(trained["strains"])
    assert levels[0] > 0.05 and levels[-1] == pytest.approx(0.45)
    assert fresh["dispersions"] == pytest.approx(0.5 * (levels[1:] + levels[:-1]))
    assert strains[[0, -1]] == pytest.approx([-0.01, 0.004]) and len(strains) == 11
    assert fresh["strains"] == pytest.approx(0.5 * (strains[1:] + strains[:-1]))
    sizer.training["settings"] = {"strains": [0.0]}
    with pytest.raises(EvaluationError, match="cannot be evaluated"):
        populations.populations_of(sizer, "Pt")


@pytest.mark.parametrize("name", ["CdSe zinc blende", "Pt", "PbS"])
def test_dots_of_every_other_crystal_are_simulated(name):
    q = np.linspace(1.0, 4.0, 100)
    curves = {"hexane": sq.load_solvent("hexane")}
    others = foreign_names(name)
    X = other_dots(name, curves, q, 0.56, 0, 5 * len(others))
    assert X.shape == (5 * len(others), 100) and np.isfinite(X.values).all()
    assert set(X["what"].values.tolist()) == set(others)

"""What a user is told, counted."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.evaluation import told
from sk_qdots.evaluation.foreign import foreign_names
from sk_qdots.evaluation.told import summarised, told_report
from sk_qdots.evaluation.told_tables import (
    curves_by_group,
    table_of_groups,
    table_of_rows,
    told_summary,
)
from sk_qdots.evaluation.told_worlds import Worlds
from sk_qdots.sizing.calibration import LEVELS, Calibration
from sk_qdots.solvents import load_solvent

FEW = {
    *("standard", "standard, instrument told", "powders of other crystals, full range"),
    *("saturated", "wavelength 2 % too long"),
}
N = 4


@pytest.fixture(scope="module")
def worlds():
    liquid = {"chlorobenzene": load_solvent("chlorobenzene", 0.56)}
    one = {"dispersions": (0.125,), "strains": (0.001,)}
    classes = np.array([3000, 5000])
    return Worlds("PbS", classes, liquid, sq.default_q_grid(), 0.56, one, 7)


@pytest.fixture(scope="module")
def sizer():
    return sq.load_sizer("PbS")


@pytest.fixture(scope="module")
def rows(worlds):
    return {row.name: row for row in worlds.rows()}


@pytest.fixture(scope="module")
def report(sizer, rows, worlds, tmp_path_factory):
    path = tmp_path_factory.mktemp("told") / "told.nc"
    few = [row for name, row in rows.items() if name in FEW]
    return told_report(
        sizer, few, N, curves=worlds.curves, engine="network", path=path, seed=7, progress=False
    ).assign_attrs(path=str(path))


def test_rows_have_names_of_their_own_and_all_kinds(rows, worlds):
    assert len(rows) == len(worlds.rows()) > 30
    assert {row.kind for row in rows.values()} == {"right", "foreign", "wrong"}
    assert set(rows) >= FEW


def test_cadmium_selenide_is_not_foreign_to_itself():
    assert len(foreign_names("PbS")) == 16 and "PbS" not in foreign_names("PbS")
    assert not [name for name in foreign_names("CdSe zinc blende") if "CdSe" in name]


def test_right_patterns_know_their_truth(rows):
    X = rows["standard"].make(N)
    assert sorted(X.number_diameter.values) == [3.0, 3.0, 5.0, 5.0]
    np.testing.assert_allclose(
        X.volume_diameter.values, X.number_diameter.values * (1.0 + 0.125**2) ** 3
    )
    assert X.attrs["wavelength"] == 0.56


def test_patterns_of_other_crystals_have_no_truth(rows):
    X = rows["powders of other crystals, 1.8 to 2.5 1/Å"].make(N)
    assert np.isnan(X.number_diameter.values).all()
    assert len(set(X.what.values)) == N
    assert X.q.values[0] >= 1.8 and X.q.values[-1] <= 2.5
    full = rows["powders of other crystals, full range"].make(N)
    np.testing.assert_array_equal(full.sel(q=X.q).values, X.values)


def test_wrong_patterns_are_wrong_as_they_say(rows):
    saturated = rows["saturated"].make(N).values
    assert ((saturated == saturated.max(axis=1, keepdims=True)).sum(axis=1) > 10).all()
    subtracted = rows["over-subtracted"].make(N)
    assert "subtracted" in subtracted.attrs and (subtracted.values < 0.0).mean() > 0.2
    right, stated = (rows[name].make(N) for name in ("standard", "wavelength 2 % too long"))
    assert stated.attrs["wavelength"] == pytest.approx(0.56 * 1.02)
    np.testing.assert_allclose(stated.q.values * 1.02, right.q.values)
    two = rows["3 and 6 nm, half and half"].make(N)
    assert two.number_diameter.values == pytest.approx((8 * 3.0 + 6.0) / 9)
    assert two.volume_diameter.values == pytest.approx(4.5 * (1.0 + 0.125**2) ** 3)
    assert rows["resolution 0.3°, Cu tube"].make(N).attrs["wavelength"] == pytest.approx(
        1.5406, 1e-4
    )


def test_instrument_that_is_told_is_the_one_that_was_seen_through(rows):
    row = rows["resolution 0.05°, told"]
    q = sq.default_q_grid()
    line = xr.DataArray(np.exp(-0.5 * ((q[None] - 5.0) / 0.02) ** 2), {"q": q}, ("sample", "q"))
    seen = sq.InstrumentBroadening(w=0.05**2, wavelength=0.56).fit(line).transform(line)
    told_of = row.instrument.apply(line)
    assert row.known == row.instrument
    assert float(abs(told_of - seen).max() / seen.max()) < 0.01


def test_shares_are_those_of_the_answers(report):
    found = summarised(report)
    assert (found.refused + found.caution + found.ok).values == pytest.approx(1.0)
    assert float(found.refused.sel(row="standard")) == 0.0
    assert float(found.ok.sel(row="standard")) >= 0.5
    assert float(found.coverage.sel(row="standard")) >= 0.5
    assert float(found.refused.sel(row="powders of other crystals, full range")) == 1.0
    assert float(found.refused.sel(row="wavelength 2 % too long")) == 1.0
    assert float(found.ok.sel(row="saturated")) == 0.0
    assert (found.sharpness.sel(row=["standard", "standard, instrument told"]) > 0.0).all()
    assert np.isnan(found.sharpness.sel(row="saturated"))  # nobody knows all of it


def test_coverage_and_misses_count_as_they_should():
    """Refused, caution that misses, ok that holds, ok that misses, ok without a truth."""
    values = {
        "verdict": [0, 1, 2, 2, 2],
        "number_truth": [4.0, 4.0, 4.0, 4.0, np.nan],
        "found": [np.nan, 5.0, 4.1, 4.5, 3.0],
        "low": [np.nan, 4.8, 3.9, 4.4, 2.9],
        "high": [np.nan, 5.2, 4.3, 4.6, 3.1],
        "known_width": [np.nan, 0.2, 0.2, np.nan, np.nan],
    }
    for name in ("truth", "found", "low", "high"):
        values[f"volume_{name}"] = [np.nan] * 5
    found = summarised(
        xr.Dataset({k: (("row", "pattern"), [v]) for k, v in values.items()}, {"row": ["one"]})
    ).sel(row="one")
    assert [float(found[name]) for name in told.VERDICTS] == pytest.approx([0.2, 0.2, 0.6])
    assert float(found.coverage) == pytest.approx(1 / 3)
    assert float(found.coverage_ok) == pytest.approx(1 / 2)
    assert float(found.missed) == pytest.approx(2 / 5)
    assert float(found.error) == pytest.approx((1.0 + 0.1 + 0.5) / 3)
    assert float(found.sharpness) == pytest.approx(2.0)
    assert np.isnan(found.volume_coverage)


def test_answers_that_are_kept_are_not_asked_again(report, sizer, rows, monkeypatch):
    def never(*arguments):
        raise AssertionError("everything is known already")

    monkeypatch.setattr(told, "_part", never)
    some = [rows["saturated"], rows["standard"]]
    settings = {"engine": "network", "path": Path(report.attrs["path"]), "progress": False}
    again = told_report(sizer, some, N, seed=7, **settings)
    assert again.row.values.tolist() == ["saturated", "standard"]
    xr.testing.assert_equal(again, report.sel(row=again.row))
    with pytest.raises(ValueError, match="another sizer or to other patterns"):
        told_report(sizer, some, N, seed=8, **settings)


def test_intervals_of_all_levels_hold_the_one_that_is_told(sizer, rows):
    pattern = rows["standard"].make(N)[0]
    wider = Calibration((4.0, 7.0), 5.0, {"network": {"diameter": tuple(1.0 + c for c in LEVELS)}})
    for calibration in (None, wider):
        answer = sizer.with_calibration(calibration).size(pattern, engine="network")
        ends = told._intervals(answer, calibration)
        # Of a mixture: quantiles, and those of a thousand draws.
        assert ends[LEVELS.index(0.9)] == pytest.approx(answer.interval, abs=0.03)
        assert (np.diff(ends[:, 1] - ends[:, 0]) > 0.0).all()


def test_tables_and_sentences(report, sizer):
    rows, groups = table_of_rows(report), table_of_groups(report, sizer)
    assert len(rows.to_markdown().splitlines()) == 2 + len(FEW)
    assert {len(row) for row in rows.rows} == {len(rows.columns)}
    by_name = {row[0]: row for row in rows.rows}
    assert by_name["powders of other crystals, full range"][-1] == "does not look like PbS"
    counted = {row[0]: int(row[1]) for row in groups.rows}
    assert counted["all"] == 2 * N == counted["told"] + counted["not told"]
    assert counted["small"] == N  # of 3 nm
    said = " ".join(told_summary(report))
    assert "Right patterns: 0.0% refused, " in said
    assert "Other crystals, full range: 0.0% ok." in said


def test_curves_have_bands_around_them(report, sizer):
    curves = curves_by_group(report, sizer)
    (everything,) = curves["all"]
    assert everything.n == 2 * N
    assert (everything.low <= everything.covered).all()
    assert (everything.covered <= everything.high).all()
    assert (np.diff(everything.covered) >= 0.0).all()

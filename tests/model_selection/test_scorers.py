"""Scorers, folds and the report: the same numbers everywhere."""

import numpy as np
import pytest
import xarray as xr
from sklearn.model_selection import GridSearchCV, KFold, StratifiedGroupKFold, cross_validate

import sk_qdots as sq
from sk_qdots.io import PatternError
from sk_qdots.model_selection import (
    Condition,
    cross_validate_folds,
    robustness_conditions,
    robustness_report,
)

FEW = ["standard", "q_max", "qd_fraction", "zero_shift", "between"]
CHEAP = [*FEW, "q_min", "unseen_solvent", "snr", "march", "shape"]


class Constant:
    """Always says the same."""

    classes_ = np.array([2000, 2500])

    def __init__(self, probabilities):
        self.probabilities = np.asarray(probabilities)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        return np.tile(self.probabilities, (len(X), 1))


def test_scorer_of_a_known_answer():
    X, y = np.full((4, 5004), 70.0), [2000, 2000, 2000, 2500]
    said = Constant([0.75, 0.25])
    assert sq.PerturbedScorer(None)(said, X, y) == 0.75
    assert sq.PerturbedScorer(sq.QTruncation(q_max=5.0), "neg_mean_absolute_error")(
        said, X, y
    ) == pytest.approx(-(3 * 0.125 + 0.375) / 4)
    share = sq.PerturbedScorer(None, lambda answers: float(answers.error.max()))
    assert share(said, X, y) == pytest.approx(0.125)


def test_scorer_perturbs_what_the_estimator_gets():
    class Recorder(Constant):
        def predict_proba(self, X):
            self.seen = np.asarray(X)
            return super().predict_proba(X)

    recorder = Recorder([1.0, 0.0])
    X = np.full((2, 5004), 70.0)
    sq.PerturbedScorer(sq.QTruncation(q_max=4.4))(recorder, X, [2000, 2500])
    q = sq.default_q_grid()
    assert np.isnan(recorder.seen[:, q > 4.4]).all()
    np.testing.assert_array_equal(recorder.seen[:, q <= 4.4], X[:, q <= 4.4])


def test_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="unknown metric 'acuracy'; known: accuracy"):
        sq.PerturbedScorer(None, "acuracy")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_cross_validation_equals_the_report(pipeline, samples, n_jobs):
    X, y, groups = samples
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=0)
    scores = cross_validate(
        pipeline,
        X,
        y,
        groups=groups,
        scoring=sq.robustness_scorers(CHEAP, random_state=7),
        cv=folds,
        n_jobs=n_jobs,
    )
    conditions = robustness_conditions(CHEAP, random_state=7)
    assert {f"test_{c.name}" for c in conditions} < set(scores)
    for number, (train, test) in enumerate(folds.split(X, y, groups)):
        report = robustness_report(
            pipeline.fit(X[train], y[train]),
            X[test],
            y[test],
            conditions=conditions,
            progress=False,
        )
        for condition in conditions:
            here = float(report.overall_accuracy.sel(condition=condition.name))
            assert scores[f"test_{condition.name}"][number] == here


def test_grid_search_refits_by_a_condition(pipeline, samples):
    X, y, _ = samples
    search = GridSearchCV(
        pipeline,
        {"kneighborsclassifier__n_neighbors": [1, 5]},
        scoring=sq.robustness_scorers(["standard", "q_min"]),
        refit="q_min=1.7",
        cv=2,
    ).fit(X, y)
    assert search.best_score_ == max(search.cv_results_["mean_test_q_min=1.7"])


def test_folds_of_both_kinds(pipeline, samples):
    X, y, groups = samples
    folds = cross_validate_folds(pipeline, X, y, groups, n_splits=3, random_state=1)
    assert folds.protocol.values.tolist() == ["KFold", "StratifiedGroupKFold"]
    expected = cross_validate(
        pipeline,
        X,
        y,
        groups=groups,
        cv=StratifiedGroupKFold(3, shuffle=True, random_state=1),
    )
    np.testing.assert_array_equal(
        folds.test_score.sel(protocol="StratifiedGroupKFold"), expected["test_score"]
    )
    expected = cross_validate(pipeline, X, y, cv=KFold(3, shuffle=True, random_state=1))
    np.testing.assert_array_equal(folds.test_score.sel(protocol="KFold"), expected["test_score"])


def test_report_counts_every_pattern_once(fitted, samples):
    X, y, _ = samples
    conditions = robustness_conditions(["standard", "qd_fraction"])
    report = robustness_report(fitted, X, y, conditions=conditions, progress=False)
    assert (report.n.sum(["diameter", "qd_fraction"]) == len(y)).all()
    assert (report.confusion.sum(["diameter", "predicted"]) == len(y)).all()
    standard = report.sel(condition="standard")
    right = np.trace(standard.confusion.values)
    assert float(standard.overall_accuracy) == right / len(y)
    by_cell = (standard.n * standard.accuracy.fillna(0.0)).sum()
    assert float(by_cell) == pytest.approx(right)
    assert float(report.n.sel(condition="qd_fraction=0.05", qd_fraction=0.05).sum()) == len(y)
    said = fitted.predict(X)
    here = (y == 3000) & (X.qd_fraction.values == 0.3)
    cell = standard.accuracy.sel(diameter=3.0, qd_fraction=0.3)
    assert float(cell) == np.mean(said[here] == 3000)


def test_report_goes_on_where_it_was_interrupted(fitted, samples, tmp_path):
    X, y, _ = samples
    conditions = robustness_conditions(["standard", "q_max", "snr"])
    path = tmp_path / "report.nc"

    asked = []

    class Stops:
        classes_ = fitted.classes_

        def predict(self, X):
            return fitted.predict(X)

        def predict_proba(self, X):
            asked.append(len(X))
            if len(asked) > 4:
                raise KeyboardInterrupt
            return fitted.predict_proba(X)

    with pytest.raises(KeyboardInterrupt):
        robustness_report(Stops(), X, y, conditions=conditions, path=path, progress=False)
    with xr.open_dataset(path, engine="scipy") as stored:
        assert stored.sizes["condition"] == 3  # the first question recognises the estimator
    assert [p.name for p in tmp_path.iterdir()] == ["report.nc"]
    whole = robustness_report(fitted, X, y, conditions=conditions, path=path, progress=False)
    afresh = robustness_report(fitted, X, y, conditions=conditions, progress=False)
    for name in ("n", "accuracy", "overall_log_loss", "confusion", "reliability_said"):
        np.testing.assert_array_equal(whole[name].values, afresh[name].values, err_msg=name)
    with xr.open_dataset(path, engine="scipy") as stored:
        assert stored.level.values.tolist() == [c.level for c in conditions]


def test_report_of_another_estimator_is_not_gone_on_with(fitted, samples, tmp_path):
    X, y, _ = samples
    conditions = robustness_conditions(["standard"])
    path = tmp_path / "report.nc"
    robustness_report(fitted, X, y, conditions=conditions, path=path, progress=False)
    other = Constant([0.5, 0.5])
    with pytest.raises(ValueError, match="another estimator or of other patterns"):
        robustness_report(other, X, y, conditions=conditions, path=path, progress=False)
    with pytest.raises(ValueError, match="another estimator or of other patterns"):
        robustness_report(fitted, X[:9], y[:9], conditions=conditions, path=path, progress=False)


def test_damaged_reports_are_not_gone_on_with(fitted, samples, tmp_path):
    X, y, _ = samples
    conditions = robustness_conditions(["standard"])
    path = tmp_path / "report.nc"
    robustness_report(fitted, X, y, conditions=conditions, path=path, progress=False)
    sound = path.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"no netCDF at all", b"", *(sound[:n] for n in range(0, len(sound), 1500))]
    for _ in range(30):
        flipped = bytearray(sound)
        flipped[rng.integers(len(sound))] ^= int(rng.integers(1, 256))
        damaged.append(bytes(flipped))
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            again = robustness_report(
                fitted, X, y, conditions=conditions, path=path, progress=False
            )
            assert float(again.overall_accuracy[0]) == fitted.score(X, y)  # padding was hit
        except ValueError as error:
            assert "damaged" in str(error) or "another estimator" in str(error)
            refused += 1
        assert path.read_bytes() == content
    assert refused > len(damaged) - 10


def test_another_condition_of_the_same_name_is_made_again(fitted, samples, tmp_path):
    X, y, _ = samples
    path = tmp_path / "report.nc"

    def loss(q_max):
        condition = Condition("q_max", "x", sq.QTruncation(q_max=q_max))
        report = robustness_report(fitted, X, y, conditions=[condition], path=path, progress=False)
        return float(report.overall_log_loss[0])

    first, second = loss(14.0), loss(2.5)
    assert first != second
    assert loss(14.0) == first
    few = robustness_conditions(["snr"], random_state=0)
    other = robustness_conditions(["snr"], random_state=1)
    a = robustness_report(fitted, X, y, conditions=few, path=path, progress=False)
    b = robustness_report(fitted, X, y, conditions=other, path=path, progress=False)
    assert (a.key.values != b.key.values).all()


def test_refused_conditions_are_told(samples):
    X, y, _ = samples

    class Refuses(Constant):
        classes_ = np.unique(y)

        def predict_proba(self, X):
            if np.isnan(np.asarray(X)).any():
                raise PatternError("pattern", "covers too little")
            return super().predict_proba(X)

    conditions = robustness_conditions(["standard", "q_min"])
    report = robustness_report(
        Refuses([0.2, 0.3, 0.5]), X, y, conditions=conditions, progress=False
    )
    assert report.refused.values[0] == ""
    assert "covers too little" in report.refused.values[1]
    assert np.isnan(report.overall_accuracy.values[1])
    assert int(report.n.sel(condition="q_min=1.7").sum()) == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"X": np.ones((1, 5004))}, "X and y go together"),
        ({"X": np.ones((1, 5004)), "y": [2000], "path": "report.txt"}, "must end in .nc"),
        ({"X": np.ones((1, 5004)), "y": [2000], "path": "nowhere/r.nc"}, "does not exist"),
        ({"X": np.ones((1, 5004)), "y": [2000], "conditions": []}, "must be some"),
    ],
)
def test_bad_arguments_of_the_report(settings, message):
    with pytest.raises(ValueError, match=message):
        robustness_report(Constant([0.5, 0.5]), progress=False, **settings)


def test_report_of_a_regressor_and_bare_arrays():
    X, y = np.random.default_rng(0).random((6, 5004)) + 1.0, np.array([2000, 2500] * 3)

    class Guess:
        def predict(self, X):
            return np.full(len(X), 2100.0)

    report = robustness_report(
        Guess(), X, y, conditions=robustness_conditions(["q_min"]), progress=False
    )
    assert float(report.overall_accuracy[0]) == 0.5
    assert float(report.overall_mean_signed_error[0]) == pytest.approx(-0.15)
    assert "overall_log_loss" not in report
    assert np.isnan(report.qd_fraction.values).all()

"""Engines: networks, any classifier, and a class of one's own."""

import json

import numpy as np
import pytest
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

import sk_qdots as sq
from sk_qdots.sizing import ClassifierEngine, Engine, NetworkEngine, Posterior, allowed_estimators


@pytest.fixture(scope="module")
def library():
    return sq.simulate_library(
        "PbS",
        diameters=[2.0, 3.0, 4.5],
        dispersions=[0.05, 0.1, 0.15],
        strains=[-0.001, 0.0, 0.001],
    )


@pytest.fixture(scope="module")
def samples(library):
    X, y, _ = sq.library_samples(library)
    return X, y


def standardizer():
    return sq.QStandardizer(padding="edge", n_points=600)


CLASSIFIERS = [
    (LogisticRegression(C=0.1, max_iter=1000),),
    (StandardScaler(), LogisticRegression(max_iter=1000)),
    (StandardScaler(with_mean=False), PCA(6), LinearDiscriminantAnalysis()),
    (MinMaxScaler(), PCA(4, whiten=True), QuadraticDiscriminantAnalysis(reg_param=0.1)),
    (RobustScaler(), Normalizer(), GaussianNB()),
    (MaxAbsScaler(), PCA(6), MLPClassifier((8,), max_iter=2000, tol=1e-3, random_state=0)),
]


@pytest.mark.parametrize("steps", CLASSIFIERS, ids=lambda steps: type(steps[-1]).__name__)
def test_any_classifier_sizes_saves_and_loads(library, samples, tmp_path, steps):
    X, y = samples
    pipeline = make_pipeline(standardizer(), *steps).fit(X, y)
    sizer = sq.Sizer(pipeline, library, name="classical")
    assert isinstance(sizer.engines[0], ClassifierEngine)
    before = sizer.size(X[4])
    assert before.diameter == y[4] / 1000 and before.engine == type(steps[-1]).__name__
    assert before.interval[0] < before.number_diameter < before.interval[1]
    assert before.number_diameter == before.expected_diameter
    assert before.dispersion is None and before.surface_diameter is None
    sizer.save(tmp_path / "mine")
    manifest = json.loads((tmp_path / "mine" / "manifest.json").read_text())
    assert manifest["format_version"] == 4
    loaded = sq.load_sizer(tmp_path / "mine")
    # Patterns are in single precision; how a matrix lies in memory changes the last digits.
    np.testing.assert_allclose(loaded.predict_proba(X), sizer.predict_proba(X), atol=2e-6)
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))
    np.testing.assert_array_equal(loaded.pipeline.predict(X), pipeline.predict(X))
    after = loaded.size(X[4])
    assert (after.diameter, after.runner_up, after.verdict, after.reasons) == (
        *(before.diameter, before.runner_up, before.verdict, before.reasons),
    )
    assert after.interval == pytest.approx(before.interval, abs=1e-5)
    assert after.agreement == pytest.approx(before.agreement, abs=1e-3)  # of half precision
    loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(
        sq.load_sizer(tmp_path / "again").predict_proba(X), loaded.predict_proba(X)
    )


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ((RandomForestClassifier(5, random_state=0),), "RandomForestClassifier"),
        ((FunctionTransformer(np.sqrt), LogisticRegression(max_iter=1000)), "FunctionTransformer"),
        ((PCA(3), RandomForestClassifier(5, random_state=0)), "RandomForestClassifier"),
    ],
)
def test_what_is_not_on_the_list_sizes_and_is_refused_by_name_at_save(
    library, samples, tmp_path, steps, name
):
    X, y = samples
    sizer = sq.Sizer(make_pipeline(standardizer(), *steps).fit(X, y), library)
    assert sizer.size(X[4]).diameter == y[4] / 1000
    with pytest.raises(sq.SizerError, match=rf"cannot be saved: {name}.*those that can.*Logistic"):
        sizer.save(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    assert name not in allowed_estimators()


def test_a_namesake_of_a_listed_class_is_refused(samples, tmp_path):
    class LogisticRegression(GaussianNB):
        """Another one."""

    X, y = samples
    sizer = sq.Sizer(make_pipeline(standardizer(), LogisticRegression()).fit(X, y))
    with pytest.raises(sq.SizerError, match="LogisticRegression cannot be stored safely"):
        sizer.save(tmp_path / "mine")


def test_a_sizer_too_large_to_read_is_not_saved(samples, tmp_path, monkeypatch):
    X, y = samples
    sizer = sq.Sizer(make_pipeline(standardizer(), GaussianNB()).fit(X, y))
    monkeypatch.setattr("sk_qdots.sizing.files._MAX_WEIGHTS", 10_000)
    with pytest.raises(sq.SizerError, match=r"MiB of numbers.*PCA"):
        sizer.save(tmp_path / "mine")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, a: m["engines"][0].update(kind="pickle"), "no kind of engine"),
        (lambda m, a: m["engines"][0].update(steps=[]), "steps"),
        (lambda m, a: m["engines"][0]["steps"][1].update({"class": "SVC"}), "'SVC' is none of"),
        (lambda m, a: m["engines"][0]["steps"][0].update({"class": "GaussianNB"}), "is none of"),
        (lambda m, a: m["engines"][0]["steps"][1]["parameters"].update(C=-1), "C"),
        (lambda m, a: m["engines"][0]["steps"][1].update(parameters=3), "must be an object"),
        (lambda m, a: m.update(engines=[]), "engines must be a list"),
        (lambda m, a: m.update(classes=[1, 2, 3]), "not those of the arrays"),
        (lambda m, a: a.pop("engine0_step1_coef_"), "coef_"),
        (
            lambda m, a: a.update(engine0_step1_coef_=a["engine0_step1_coef_"][:, :4]),
            "not a sizer, or damaged",
        ),
        (
            lambda m, a: a.update(engine0_step1_intercept_=a["engine0_step1_intercept_"] * np.nan),
            "finite",
        ),
        (
            lambda m, a: a.update(
                engine0_step1_coef_=a["engine0_step1_coef_"].astype(float) + 1e200
            ),
            "extreme",
        ),
    ],
)
def test_altered_classifiers_are_refused(samples, tmp_path, change, message):
    import hashlib

    X, y = samples
    pipeline = make_pipeline(standardizer(), StandardScaler(), LogisticRegression(max_iter=1000))
    folder = tmp_path / "mine"
    sq.Sizer(pipeline.fit(X, y)).save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    with np.load(folder / "weights.npz") as stored:
        arrays = dict(stored)
    change(manifest, arrays)
    np.savez(folder / "weights.npz", **arrays)
    manifest["weights_sha256"] = hashlib.sha256((folder / "weights.npz").read_bytes()).hexdigest()
    manifest.pop("manifest_sha256")
    text = json.dumps(manifest, sort_keys=True)
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(sq.SizerError, match=message):
        sq.load_sizer(folder)


def test_a_classifier_that_takes_no_nan_says_so(samples):
    X, y = samples
    pipeline = make_pipeline(sq.QStandardizer(n_points=600), LogisticRegression(max_iter=1000))
    sizer = sq.Sizer(pipeline.fit(X, y))
    whole = X[4]
    assert sizer.size(whole).diameter == y[4] / 1000
    part = whole.where((whole["q"] < 5.0) | (whole["q"] > 5.05))
    with pytest.raises(ValueError, match=r"takes no NaN.*padding='edge'"):
        sizer.size(part)


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        (make_pipeline(sq.QStandardizer(), Perceptron()), "predict_proba"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "QStandardizer"),
        (LogisticRegression(), "make_sizing_pipeline"),
    ],
)
def test_what_a_sizer_cannot_be_made_of(samples, pipeline, message):
    X, y = samples
    with pytest.raises(ValueError, match=message):
        sq.Sizer(pipeline.fit(np.asarray(X), y))
    with pytest.raises(ValueError, match=r"not fitted|QStandardizer"):
        sq.Sizer(make_pipeline(sq.QStandardizer(), LogisticRegression()))


class Oracle:
    """An engine that inherits from nothing."""

    name = "oracle"

    def __init__(self, diameter, classes=(2000, 3000, 4500)):
        self.diameter, self.classes_ = diameter, np.array(classes)

    def predict_proba(self, rows):
        return np.tile(np.full(len(self.classes_), 1.0 / len(self.classes_)), (len(rows), 1))

    def posterior(self, rows):
        n = len(rows)
        return Posterior(
            self.classes_,
            self.predict_proba(rows),
            {"diameter": np.full(n, self.diameter)},
            {"diameter": np.full(n, 0.01)},
        )


def test_an_engine_of_ones_own_is_a_witness(library, samples, tmp_path):
    X, y = samples
    assert isinstance(Oracle(3.0), Engine) and not isinstance(object(), Engine)
    pipeline = make_pipeline(standardizer(), LogisticRegression(max_iter=1000)).fit(X, y)
    agreed = sq.Sizer(pipeline, library, witnesses=[Oracle(3.05)]).size(X[13])
    assert (agreed.diameter, agreed.verdict, agreed.reasons) == (3.0, "ok", ())
    sizer = sq.Sizer(pipeline, library, witnesses=[Oracle(4.2)])
    doubted = sizer.size(X[13])
    assert doubted.verdict == "caution" and "oracle 4.20 nm" in doubted.reasons[0]
    with pytest.raises(sq.SizerError, match="Oracle cannot be stored"):
        sizer.save(tmp_path / "mine")


def test_several_engines_are_saved(library, samples, tmp_path):
    X, y = samples
    pipeline = make_pipeline(standardizer(), LogisticRegression(max_iter=1000)).fit(X, y)
    second = ClassifierEngine(GaussianNB().fit(pipeline[0].transform(X), y))
    sizer = sq.Sizer(pipeline, library, witnesses=[second])
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    assert [engine.name for engine in loaded.engines] == ["LogisticRegression", "GaussianNB"]
    rows = pipeline[0].transform(X)
    np.testing.assert_array_equal(loaded.engines[1].predict_proba(rows), second.predict_proba(rows))
    assert loaded.with_training({"date": "now"}).engines == loaded.engines


def test_a_regressor_belongs_to_a_network(samples):
    X, y = samples
    pipeline = make_pipeline(standardizer(), GaussianNB()).fit(X, y)
    with pytest.raises(ValueError, match="belong to an all-CNN"):
        sq.Sizer(pipeline, targets=["diameter"])


def test_network_engine_is_what_the_shipped_sizer_has():
    engine = sq.load_sizer("PbS").engines[0]
    assert isinstance(engine, NetworkEngine) and isinstance(engine, Engine)
    mean = engine.classifier.encoding_.mean
    rows = np.tile([*mean, *[np.nan] * engine.n_told], (2, 1))  # of an unknown instrument
    posterior = engine.posterior(rows)
    np.testing.assert_array_equal(posterior.probabilities, engine.predict_proba(rows))
    assert set(posterior.means) == set(posterior.deviations) == set(engine.targets)


def test_intervals_of_classes_are_quantiles():
    classes = np.array([2000, 3000, 4000])
    sure = Posterior(classes, np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_allclose(sure.interval("diameter"), [[2.55, 3.45]])
    np.testing.assert_allclose(sure.interval("diameter", 0.5), [[2.75, 3.25]])
    even = Posterior(classes, np.full((1, 3), 1 / 3))
    np.testing.assert_allclose(even.interval("diameter"), [[1.65, 4.35]])
    first = Posterior(classes, np.array([[1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(first.interval("diameter"), [[1.55, 2.45]])


def test_intervals_of_estimates_cover_what_they_say():
    rng = np.random.default_rng(0)
    truth, deviation = rng.uniform(2.0, 8.0, 20_000), rng.uniform(0.05, 0.2, 20_000)
    means = truth + deviation * rng.standard_normal(len(truth))
    classes = np.array([2000, 8000])
    posterior = Posterior(
        classes, np.full((len(truth), 2), 0.5), {"diameter": means}, {"diameter": deviation}
    )
    for coverage in (0.5, 0.9, 0.99):
        low, high = posterior.interval("diameter", coverage).T
        assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(coverage, abs=0.01)


def test_lengths_do_not_fall_below_zero():
    posterior = Posterior(
        np.array([1000, 2000]),
        np.array([[1.0, 0.0]]),
        {"volume_diameter": np.array([0.1]), "strain": np.array([0.0])},
        {"volume_diameter": np.array([1.0]), "strain": np.array([0.001])},
    )
    assert posterior.interval("volume_diameter")[0, 0] == 0.0
    assert posterior.interval("strain")[0, 0] < 0.0
    with pytest.raises(KeyError):
        posterior.interval("dispersion")


def test_padded_patterns_say_what_was_measured(library, samples):
    X, y = samples
    sizer = sq.Sizer(make_pipeline(standardizer(), GaussianNB()).fit(X, y), library)
    q = np.linspace(1.5, 9.0, 2000)
    short = xr.DataArray(np.interp(q, X["q"], X[4]), dims="q", coords={"q": q})
    assert sizer.size(short).q_range == pytest.approx((1.5, 9.0), abs=0.03)


def test_names_of_steps_are_not_trusted(samples, tmp_path):
    import hashlib

    X, y = samples
    pipeline = make_pipeline(standardizer(), StandardScaler(), GaussianNB()).fit(X, y)
    folder = tmp_path / "mine"
    sq.Sizer(pipeline).save(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    first, second = manifest["engines"][0]["steps"]
    first["name"], second["name"] = "qstandardizer", "a__b\u200b"
    manifest.pop("manifest_sha256")
    text = json.dumps(manifest, sort_keys=True)
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    loaded = sq.load_sizer(folder)
    assert list(loaded.pipeline.named_steps) == ["qstandardizer", "step0", "step1"]


def test_one_pattern_with_a_hole_does_not_lose_the_others(samples):
    X, y = samples
    pipeline = make_pipeline(sq.QStandardizer(n_points=600), LogisticRegression(max_iter=1000))
    sizer = sq.Sizer(pipeline.fit(X, y))
    part = X[4].where((X["q"] < 5.0) | (X["q"] > 5.05))
    found = sizer.size_many([X[3], part.assign_attrs(source="hole.xy"), X[13]])
    assert [getattr(answer, "diameter", None) for answer in found] == [2.0, None, 3.0]
    assert found[1].source == "hole.xy" and "takes no NaN" in found[1].reason


def test_engines_do_not_change_the_patterns_of_each_other(samples):
    X, y = samples
    seen = []

    class Watcher(Oracle):
        def posterior(self, rows):
            seen.append(rows.copy())
            return super().posterior(rows)

    steps = (StandardScaler(copy=False), LogisticRegression(max_iter=1000))
    pipeline = make_pipeline(standardizer(), *steps).fit(X.copy(), y)
    sq.Sizer(pipeline, witnesses=[Watcher(3.0)]).size(X[13])
    np.testing.assert_array_equal(seen[0], pipeline[0].transform(X[[13]]))


def test_an_engine_may_stand_alone(library, samples):
    X, y = samples
    sizer = sq.Sizer((standardizer().fit(X), Oracle(3.1)), library)
    assert sizer.size(X[13]).number_diameter == 3.1 and sizer.engines[0].name == "oracle"
    assert "oracle" in sizer._repr_html_() and "Oracle" in sizer._repr_html_()
    with pytest.raises(TypeError, match="witness is a GaussianNB"):
        sq.Sizer(make_pipeline(standardizer(), GaussianNB()).fit(X, y), witnesses=[GaussianNB()])
    with pytest.raises(TypeError, match="library is a dict"):
        sq.Sizer((standardizer().fit(X), Oracle(3.1)), {"a": 1})
    with pytest.raises(ValueError, match="give these or facts"):
        sq.Sizer((standardizer().fit(X), Oracle(3.1)), name="mine", facts=sizer.facts)


def test_one_class_and_no_classifier_are_refused(samples):
    X, y = samples
    with pytest.raises(ValueError, match="the only class is 2000 pm"):
        sq.Sizer(make_pipeline(standardizer(), GaussianNB()).fit(X[:9], y[:9]))
    with pytest.raises(ValueError, match="no classifier"):
        sq.Sizer(make_pipeline(standardizer(), "passthrough").fit(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2000, 1000], [[0.5, 0.5]]), "ascending"),
        (([1000, 2000], [[0.5, 0.2]]), "add up to 1"),
        (([1000, 2000], [[np.nan, 1.0]]), "not be negative"),
        (([1000, 2000], [[1.0]]), "shape"),
        (([1000, 2000], [[0.5, 0.5]], {"strain": np.zeros(1)}), "give both"),
        (([1000, 2000], [[0.5, 0.5]], {"size": np.ones(1)}, {"size": np.ones(1)}), "give both"),
        (([1000, 2000], [[0.5, 0.5]], {"strain": np.zeros(2)}, {"strain": np.ones(1)}), "one fin"),
    ],
)
def test_a_posterior_is_checked(arguments, message):
    classes, probabilities, *estimates = arguments
    with pytest.raises(ValueError, match=message):
        Posterior(np.array(classes), np.array(probabilities), *estimates)


def test_an_augmented_classifier_is_kept_with_what_it_was_trained_for(samples, tmp_path):
    X, y = samples
    augmented = sq.AugmentedClassifier(
        LogisticRegression(max_iter=1000), sq.PoissonNoise(scale=1e3), random_state=0
    )
    sizer = sq.Sizer(make_pipeline(standardizer(), augmented).fit(X, y))
    assert sizer.augmentation["class"] == "PoissonNoise"
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    assert loaded.augmentation == sizer.augmentation
    np.testing.assert_array_equal(loaded.predict(X), y)


def test_the_digest_is_that_of_the_arrays(samples, tmp_path):
    X, y = samples
    sizer = sq.Sizer(make_pipeline(standardizer(), GaussianNB()).fit(X, y))
    told = sizer.size(X[4]).settings["sizer"]["arrays_sha256"]
    sizer.save(tmp_path / "mine")
    again = sq.load_sizer(tmp_path / "mine")
    assert len(told) == 64 and again.size(X[4]).settings["sizer"]["arrays_sha256"] == told
    other = sq.Sizer(again.pipeline, witnesses=[Oracle(3.0)], facts=again.facts)
    assert other.size(X[4]).settings["sizer"]["arrays_sha256"] != told

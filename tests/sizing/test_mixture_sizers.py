"""Sizers whose networks are told the resolution, and answer with mixtures."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

import sk_qdots as sq
from sk_qdots.instruments import Instrument
from sk_qdots.neural_network.mixture import Mixtures
from sk_qdots.sizing import ClassifierEngine, Posterior
from sk_qdots.sizing.posterior import FRACTIONS, QUANTITIES

TARGETS = ("diameter", "surface_diameter", "dispersion", "growth_fault", "twinned", "decahedral")
TOLD = 4
INSTRUMENT = Instrument((0.56,), w=1e-3)


@pytest.fixture(scope="module")
def library():
    return sq.simulate_library(
        "PbS", diameters=[2.0, 3.0, 4.5], dispersions=[0.1], strains=[-0.001, 0.0, 0.001]
    )


@pytest.fixture(scope="module")
def sizer(library):
    X, y, _ = sq.library_samples(library)
    standardizer = sq.QStandardizer(n_points=600, n_told=TOLD).fit(X)
    rows = np.repeat(standardizer.transform(X), 12, axis=0).astype(np.float32)
    labels = np.repeat(y, 12)
    rng = np.random.default_rng(0)
    rows[::2, 600:] = [-4.0, -3.5, -3.0, 0.5]
    rows[:, :600] *= 1.0 + 0.01 * rng.normal(size=(len(rows), 600))
    size = labels / 1000.0
    shares = rng.uniform(0.0, 0.4, (3, len(size)))
    targets = np.stack([size, 1.1 * size, np.full_like(size, 0.1), *shares], axis=1)
    training = {"n_filters": 8, "batch_size": 32, "max_epochs": 12, "random_state": 0}
    pipe = make_pipeline(standardizer, sq.AllCNNClassifier(n_told=TOLD, **training))
    pipe[-1].fit(rows, labels)
    regressor = sq.AllCNNRegressor(n_told=TOLD, n_components=3, **training).fit(rows, targets)
    return sq.Sizer(pipe, library, name="told", regressor=regressor, targets=TARGETS)


@pytest.fixture
def saved(sizer, tmp_path):
    sizer.save(tmp_path / "told")
    return tmp_path / "told"


def one(library, diameter=3.0):
    return library["intensity"].sel(diameter=diameter).isel(dispersion=0, strain=1)


def test_the_answer_has_the_quantiles_of_the_mixture(library, sizer):
    result = sizer.size(one(library))
    rows = sizer.standardizer.transform([one(library)])
    low, high = sizer.regressor.predict_interval(rows)[0, 0]
    assert result.interval == (max(low, 0.0), high)
    mean, std = sizer.regressor.predict(rows, return_std=True)
    assert result.number_diameter == mean[0, 0]
    assert result.uncertainties["diameter"] == std[0, 0]
    assert result.surface_diameter == mean[0, 1]
    assert result.growth_fault == mean[0, 3]
    assert dict(result.shares) == {"twinned": mean[0, 4], "decahedral": mean[0, 5]}
    told = json.loads(result.to_json())
    assert told["shares"] == dict(result.shares) and told["units"]["shares"]


def test_estimates_are_told_with_their_units(library, sizer):
    found = sizer.estimate([one(library)])
    units = {name: found[name].attrs["units"] for name in TARGETS}
    assert units == {name: "1" if name in FRACTIONS else "nm" for name in TARGETS}
    assert set(FRACTIONS) < set(QUANTITIES)


def test_the_answer_has_joint_draws(library, sizer):
    result = sizer.size(one(library))
    assert set(result.posterior.draws) == set(TARGETS)
    assert result.posterior.fit is None and result.fit is None
    assert result.posterior.mean("diameter") == pytest.approx(
        result.number_diameter, abs=0.2 * result.uncertainties["diameter"]
    )
    for name in ("growth_fault", "twinned", "decahedral"):
        draws = result.posterior.draws[name]
        assert draws.min() >= 0.0 and draws.max() <= 1.0
    again = sizer.size(one(library)).posterior
    np.testing.assert_array_equal(again.draws["diameter"], result.posterior.draws["diameter"])


def two_readings():
    mixtures = Mixtures(
        np.array([[0.4, 0.6]]),
        np.array([[[2.0, 0.30], [5.0, 0.02]]]),
        np.array([[[0.1, 0.01], [0.1, 0.05]]]),
    )
    mean, std = mixtures.mean()[0], mixtures.std()[0]
    names = ("diameter", "dispersion")
    return Posterior(
        np.array([2000, 5000]),
        np.array([[0.4, 0.6]]),
        {name: mean[[k]] for k, name in enumerate(names)},
        {name: std[[k]] for k, name in enumerate(names)},
        mixtures=mixtures,
    )


def test_two_readings_are_two_groups_of_draws():
    posterior = two_readings()
    low, high = posterior.interval("diameter")[0]
    # A bell curve of this mean and deviation would reach from 1.4 to 6.2 nm.
    assert 1.8 < low < 2.0 and 5.0 < high < 5.2
    draws = posterior.detail(0).draws
    small = draws["diameter"] < 3.5
    assert small.mean() == pytest.approx(0.4, abs=0.05)
    assert draws["dispersion"][small].min() > 0.2 and draws["dispersion"][~small].max() < 0.25
    assert draws["dispersion"].min() == 0.0
    assert posterior.interval("dispersion")[0, 0] == 0.0


def test_mixtures_must_be_of_the_means():
    with pytest.raises(ValueError, match="mixtures have the shape"):
        replace(two_readings(), means={}, deviations={})


def test_one_gaussian_has_no_draws():
    alone = Mixtures(np.ones((1, 1)), np.full((1, 1, 1), 3.0), np.full((1, 1, 1), 0.1))
    posterior = replace(
        two_readings(),
        means={"diameter": np.array([3.0])},
        deviations={"diameter": np.array([0.1])},
        mixtures=alone,
    )
    assert posterior.detail(0) is None
    np.testing.assert_allclose(posterior.interval("diameter"), [[2.8355, 3.1645]], atol=1e-4)


def test_the_network_is_told_of_the_instrument(library, sizer):
    patterns = [one(library)]
    known, unknown = (sizer.predict_proba(patterns, i) for i in (INSTRUMENT, None))
    assert not np.array_equal(known, unknown)
    told = sizer.size(one(library).assign_attrs(wavelength=0.56), INSTRUMENT)
    np.testing.assert_allclose(told.probabilities.values, known[0])


def test_saved_and_loaded_it_answers_alike_without_torch(library, sizer, saved):
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["format_version"] == 4  # what release 0.1.0 asks to update for
    section = manifest["engines"][0]
    assert section["classifier"]["n_told"] == TOLD and "n_components" not in section["classifier"]
    assert section["regressor"]["parameters"]["n_components"] == 3
    loaded = sq.load_sizer(saved)
    rows = sizer.standardizer.transform([one(library)])
    np.testing.assert_array_equal(
        loaded.engines[0].predict_proba(rows), sizer.engines[0].predict_proba(rows)
    )
    before, after = (s.size(one(library)) for s in (sizer, loaded))
    assert before.interval == after.interval and before.shares == after.shares
    code = (
        f"import sys, numpy as np, sk_qdots as sq; sizer = sq.load_sizer({str(saved)!r}); "
        "rows = np.ones((1, 604)); sizer.regressor.sample(rows); "
        "sizer.regressor.predict_interval(rows); sizer.regressor.predict_mixture(rows); "
        "print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
    loaded.save(saved.parent / "again")
    assert sq.load_sizer(saved.parent / "again").size(one(library)).interval == after.interval


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["standardizer"].update(n_told=6), "n_told of the networks"),
        (lambda m: m["standardizer"].pop("n_told"), "n_told of the networks"),
        (lambda m: m["engines"][0].pop("told_scale"), "told_scale"),
        (lambda m: m["engines"][0].update(told_scale=[0.0, 0.0]), "told_scale"),
        (lambda m: m["engines"][0].update(told_scale=[1e9, 1.0]), "told_scale"),
        (lambda m: m["engines"][0].update(told_scale="ab"), "told_scale"),
        (lambda m: m["engines"][0]["classifier"].update(n_told=6), "not a sizer, or damaged"),
        (lambda m: m["engines"][0]["classifier"].update(n_told=0), "n_told is 0"),
        (lambda m: m["engines"][0]["classifier"].update(n_told=10**9), "at most"),
        (lambda m: m["engines"][0]["classifier"].update(n_told="4"), "n_told"),
        (lambda m: m["engines"][0]["classifier"].update(n_components=2), "n_components"),
        (
            lambda m: m["engines"][0]["regressor"]["parameters"].update(n_components=2),
            "regressor_weight5 has shape",
        ),
        (
            lambda m: m["engines"][0]["regressor"]["parameters"].update(n_components=10**9),
            "1000 at most",
        ),
        (
            lambda m: m["engines"][0]["regressor"]["parameters"].update(n_components=2.5),
            "n_components",
        ),
        (lambda m: m["engines"][0]["regressor"].update(targets=["x"] * 6), "targets"),
    ],
)
def test_altered_files_are_refused(saved, change, message):
    manifest = json.loads((saved / "manifest.json").read_text())
    change(manifest)
    manifest.pop("manifest_sha256")
    text = json.dumps(manifest, sort_keys=True)
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(sq.SizerError, match=message):
        sq.load_sizer(saved)


def test_a_witness_gets_the_points_alone(library, sizer):
    X, y, _ = sq.library_samples(library)
    rows = sizer.standardizer.transform(X)
    witness = ClassifierEngine(GaussianNB().fit(rows[:, :600], y))
    both = sq.Sizer(
        sizer.pipeline,
        library,
        regressor=sizer.regressor,
        targets=sizer.targets,
        witnesses=[witness],
    )
    assert both.size(one(library)).interval == sizer.size(one(library)).interval
    assert [r.diameter for r in both.size_many(X)] == [r.diameter for r in sizer.size_many(X)]


def test_parts_that_are_told_otherwise_are_refused(library, sizer):
    X, y, _ = sq.library_samples(library)
    plain = sq.QStandardizer(n_points=600).fit(X)
    told = sizer.pipeline[-1]
    with pytest.raises(ValueError, match=r"tells 0 numbers.*AllCNNClassifier takes 4"):
        sq.Sizer(make_pipeline(plain, told))
    logistic = LogisticRegression().fit(np.ones((len(y), 604)), y)
    with pytest.raises(ValueError, match=r"tells 4 numbers.*LogisticRegression takes 0"):
        sq.Sizer(make_pipeline(sizer.standardizer, logistic))
    other = make_pipeline(plain, GaussianNB().fit(plain.transform(X), y))
    with pytest.raises(ValueError, match=r"witness all-CNN takes 4 numbers.*tells 0"):
        sq.Sizer(other, witnesses=[sizer.engines[0]])
    rows = plain.transform(X)
    alone = sq.AllCNNRegressor(n_filters=8, max_epochs=1, random_state=0)
    wide = alone.fit(np.hstack([rows, np.ones((len(y), 4))]), y / 1000.0)
    with pytest.raises(ValueError, match="n_told=0 and the classifier with 4"):
        replace(sizer.engines[0], regressor=wide, targets=("diameter",))


def test_what_the_instrument_cannot_say_of_a_plain_sizer(library):
    """A sizer that is not told answers alike with and without an instrument's resolution."""
    X, y, _ = sq.library_samples(library)
    sizer = sq.Sizer(make_pipeline(sq.QStandardizer(), LogisticRegression()).fit(X, y), library)
    known, unknown = (sizer.predict_proba([one(library)], i) for i in (INSTRUMENT, None))
    np.testing.assert_array_equal(known, unknown)

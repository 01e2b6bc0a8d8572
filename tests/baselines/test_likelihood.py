"""The likelihood of a library: against brute force, and as far as counts allow."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.pipeline import make_pipeline

import sk_qdots as sq


@pytest.fixture(scope="module")
def library():
    made = sq.simulate_library(
        "PbS",
        diameters=[3.0, 3.5, 4.0, 6.0],
        dispersions=[0.05, 0.15],
        strains=[0.0, 0.002],
        q=sq.default_q_grid()[::4],
    )
    X, y, _ = sq.library_samples(made)
    return sq.QStandardizer(n_points=1251).fit(X), X, y


def diluted(X, c, scale, seed, solvent="hexane"):
    rows = sq.SolventMixer(solvent, c).fit_transform(X) if c < 1 else X
    area = np.trapezoid(rows.values, rows.q.values, axis=1)[:, None]
    return sq.PoissonNoise(None, scale=scale, random_state=seed).fit_transform(
        rows.copy(data=rows.values / area * 1000.0)
    )


@pytest.mark.parametrize("scale", [None, 5.0])
def test_probabilities_are_those_of_brute_force(library, scale):
    """Weighted least squares of every template and liquid, one by one."""
    _, X, y = library
    noisy = diluted(X[[0, 9]], 0.3, 5.0, 1)
    classifier = sq.LibraryLikelihoodClassifier(["hexane", "octane"], scale=scale).fit(X, y)
    found = classifier.predict_proba(noisy)
    for row, probabilities in zip(noisy.values.astype(float), found, strict=True):
        expected = None
        for _ in range(3):  # the first only gives the weights
            if expected is None:
                width = 25
                padded = np.pad(row, width // 2)
                counts = np.convolve(np.pad(np.ones_like(row), width // 2), np.ones(width), "valid")
                weights = counts / np.convolve(padded, np.ones(width), "valid")
            else:
                weights = 1.0 / expected
            chi2, models = [], []
            for template in X.values.astype(float):
                basis = np.stack([template / template.mean(), *classifier.liquids_], axis=1)
                root = np.sqrt(weights)
                amounts = np.linalg.lstsq(basis * root[:, None], row * root, rcond=None)[0]
                models.append(basis @ amounts)
                chi2.append((weights * (row - models[-1]) ** 2).sum())
            if len(chi2) and _ == 1:
                break
            expected = models[int(np.argmin(chi2))]
        chi2 = np.array(chi2)
        logs = -2.5 * chi2 if scale else -0.5 * (len(row) - 3) * np.log(chi2)
        by_class = np.array([logsumexp(logs[y == k]) - np.log(4) for k in np.unique(y)])
        np.testing.assert_allclose(
            probabilities, np.exp(by_class - logsumexp(by_class)), rtol=0, atol=2e-3
        )


def test_unmeasured_points_do_not_matter(library):
    _, X, y = library
    noisy = diluted(X, 0.3, 30.0, 2)
    short = noisy.where(noisy.q < 5.0)
    whole = sq.LibraryLikelihoodClassifier(["hexane"]).fit(X, y)
    cut = sq.LibraryLikelihoodClassifier(["hexane"]).fit(X[:, X.q < 5.0], y)
    np.testing.assert_allclose(
        whole.predict_proba(short), cut.predict_proba(noisy[:, noisy.q < 5.0]), atol=1e-3
    )


def test_answer_does_not_depend_on_the_unit_of_intensity(library):
    _, X, y = library
    noisy = diluted(X, 0.3, 5.0, 3)
    unknown = sq.LibraryLikelihoodClassifier(["hexane"]).fit(X, y)
    np.testing.assert_allclose(
        unknown.predict_proba(noisy), unknown.predict_proba(noisy * 1e4), atol=1e-6
    )
    known = sq.LibraryLikelihoodClassifier(["hexane"], scale=5.0).fit(X, y)
    other = sq.LibraryLikelihoodClassifier(["hexane"], scale=5e-4).fit(X * 1e4, y)
    np.testing.assert_allclose(
        known.predict_proba(noisy), other.predict_proba(noisy * 1e4), atol=1e-6
    )


def test_fewer_counts_make_less_certain(library):
    _, X, y = library
    classifier = sq.LibraryLikelihoodClassifier(["hexane"]).fit(X, y)
    certain = [
        classifier.predict_proba(diluted(X, 0.15, scale, 4)).max(axis=1).mean()
        for scale in (200.0, 1.0, 0.02)
    ]
    assert certain[0] > certain[1] > certain[2]
    assert certain[0] > 0.99


def test_probabilities_are_honest(library):
    """Where everything is known, answers are right as often as they say."""
    _, X, y = library
    known = sq.SolventMixer("hexane", 0.10).fit_transform(X)
    classifier = sq.LibraryLikelihoodClassifier().fit(known, y)
    said, right = [], []
    for seed in range(60):
        probabilities = classifier.predict_proba(diluted(X, 0.10, 0.2, seed))
        said += probabilities.max(axis=1).tolist()
        right += (classifier.classes_[probabilities.argmax(axis=1)] == y).tolist()
    error = np.sqrt(np.mean(right) * (1 - np.mean(right)) / len(right))
    assert 0.5 < np.mean(right) < 0.98
    assert abs(np.mean(said) - np.mean(right)) < 4 * error


def test_behind_a_standardiser_any_grid_goes(library):
    _, X, y = library
    pipe = make_pipeline(
        sq.QStandardizer(n_points=1251, coarse="points"),
        sq.LibraryLikelihoodClassifier(["hexane"]),
    ).fit(X, y)
    noisy = diluted(X, 0.3, 200.0, 5)
    assert pipe.score(noisy[:, 10:900:3], y) > 0.9


def test_templates_with_holes_are_left_out(library):
    _, X, y = library
    holed = X.copy(data=X.values.copy())
    holed[0, 5:9] = np.nan
    classifier = sq.LibraryLikelihoodClassifier().fit(holed, y)
    assert len(classifier.templates_) == len(X) - 1
    np.testing.assert_array_equal(classifier.predict(X[1:]), y[1:])
    holed[y == 3000] = np.nan
    with pytest.raises(ValueError, match="NaN in every template of a class"):
        sq.LibraryLikelihoodClassifier().fit(holed, y)


def test_bad_input(library):
    _, X, y = library
    classifier = sq.LibraryLikelihoodClassifier().fit(X, y)
    with pytest.raises(ValueError, match="nothing measured"):
        classifier.predict(X.where(X.q < 0))
    with pytest.raises(ValueError, match="another Q grid"):
        classifier.predict(X.assign_coords(q=X.q + 0.1))
    with pytest.raises(ValueError, match="unknown solvent 'hexan'"):
        sq.LibraryLikelihoodClassifier("hexan").fit(X, y)
    with pytest.raises(ValueError, match="covers"):
        narrow = sq.load_solvent("hexane").sel(q=slice(2.0, 9.0))
        sq.LibraryLikelihoodClassifier(narrow).fit(X, y)

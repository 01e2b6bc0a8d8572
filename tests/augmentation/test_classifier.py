import numpy as np
import pytest
import xarray as xr
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import sk_qdots as sq


class Recorder(KNeighborsClassifier):
    """Remembers what it was trained with and what it was asked."""

    def fit(self, X, y):
        self.axis_ = X["q"].values if isinstance(X, xr.DataArray) else None
        self.seen_ = np.asarray(X)
        return super().fit(X, y)


def test_copies_are_made_at_fit_only(small_library):
    X, y, _ = sq.library_samples(small_library)
    model = sq.AugmentedClassifier(Recorder(1), sq.PoissonNoise(14), n_copies=3, random_state=0)
    model.fit(X, y)
    seen = model.estimator_.seen_
    assert seen.shape == (4 * len(X), X.shape[1])
    np.testing.assert_array_equal(model.estimator_.axis_, X["q"])
    copies = seen.reshape(4, *X.shape)
    np.testing.assert_array_equal(copies[3], X)
    copies = copies[:3]
    alone = sq.AugmentedClassifier(
        Recorder(1), sq.PoissonNoise(14), n_copies=3, keep_original=False, random_state=0
    )
    np.testing.assert_array_equal(alone.fit(X, y).estimator_.seen_, seen[:-9])
    assert not np.array_equal(copies[0], copies[1])
    np.testing.assert_allclose(copies.mean(axis=0), X.values, rtol=0.5)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.predict_proba(X).shape == (9, 3)
    again = sq.AugmentedClassifier(Recorder(1), sq.PoissonNoise(14), n_copies=3, random_state=0)
    np.testing.assert_array_equal(again.fit(X, y).estimator_.seen_, seen)


def test_it_helps_where_the_test_is_perturbed(small_library):
    X, y, groups = sq.library_samples(small_library)
    liquid = sq.SolventVariation(qd_fraction=0.15, random_state=1).fit(X)
    rng = np.random.default_rng(0)
    test = np.concatenate([liquid.perturb(X, rng).values for _ in range(5)])
    truth = np.tile(y, 5)
    plain = KNeighborsClassifier(1).fit(X, y).score(test, truth)
    augmenter = sq.SolventVariation(qd_fraction=0.15)
    trained = sq.AugmentedClassifier(KNeighborsClassifier(1), augmenter, 20, random_state=0)
    assert trained.fit(X, y).score(test, truth) > plain + 0.2
    scores = cross_val_score(trained, X, y, groups=groups, cv=GroupKFold(3))
    assert len(scores) == 3


def test_without_probabilities_there_are_none(small_library):
    X, y, _ = sq.library_samples(small_library)
    model = sq.AugmentedClassifier(RidgeClassifier(), random_state=0).fit(X.values / 1e4, y)
    assert not hasattr(model, "predict_proba")
    assert hasattr(sq.AugmentedClassifier(DummyClassifier()), "predict_proba")


def test_the_axis_reaches_a_standardiser_inside(small_library):
    X, y, _ = sq.library_samples(small_library)
    inner = make_pipeline(sq.QStandardizer(padding="edge"), KNeighborsClassifier(1))
    model = sq.AugmentedClassifier(inner, sq.PoissonNoise(46), random_state=0).fit(X, y)
    np.testing.assert_allclose(model.estimator_[0].q_, sq.default_q_grid())
    np.testing.assert_array_equal(model.predict(X[:, ::2]), y)  # any grid, as the pipeline takes
    with pytest.raises(ValueError, match="400 points into 5004"):
        sq.AugmentedClassifier(inner, sq.QStandardizer()).fit(X, y)


def test_another_axis_is_refused_where_nothing_standardises(small_library):
    X, y, _ = sq.library_samples(small_library)
    model = sq.AugmentedClassifier(KNeighborsClassifier(1), random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    with pytest.raises(ValueError, match="another Q grid"):
        model.predict(X.assign_coords(q=2.0 * X["q"].values))


def test_confidence_is_handed_on(small_library):
    X, y, _ = sq.library_samples(small_library)
    model = sq.AugmentedClassifier(RidgeClassifier(alpha=1e6), random_state=0).fit(X, y)
    assert model.decision_function(X).shape == (9, 3)
    assert not hasattr(sq.AugmentedClassifier(KNeighborsClassifier()), "decision_function")


def test_no_transformer_is_refused(small_library):
    X, y, _ = sq.library_samples(small_library)
    with pytest.raises(TypeError, match="augmenter is 'lab-cu'"):
        sq.AugmentedClassifier(DummyClassifier(), "lab-cu").fit(X, y)
    with pytest.raises(TypeError, match="augmenter is 'lab-cu'"):
        sq.AllCNNClassifier(augmenter="lab-cu").fit(X, y)


def test_bad_number_of_copies(small_library):
    X, y, _ = sq.library_samples(small_library)
    with pytest.raises(ValueError, match="n_copies"):
        sq.AugmentedClassifier(DummyClassifier(), n_copies=0).fit(X, y)

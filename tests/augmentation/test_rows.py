"""What every augmenter must do: rows alone decide, whatever their order, batch or worker."""

import numpy as np
import pytest
from estimator_instances import instances
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

import sk_qdots as sq
from sk_qdots.augmentation.base import Augmenter

AUGMENTERS = instances("transformer", Augmenter)
IDLE = {"QTruncation()", "QTruncation(q_max=10.0)"}  # they cut where X has ended
STEADY = {"Background(curve='silicon', random_state=0)"}  # one curve, always the same share
RANDOM = [a for a in AUGMENTERS if hasattr(a, "random_state") and repr(a) not in STEADY]


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
def test_rows_do_not_depend_on_order_or_batch(X, augmenter):
    fitted = clone(augmenter).fit(X)
    whole = fitted.transform(X).values
    assert np.array_equal(whole, X.values) == (repr(augmenter) in IDLE)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(fitted.transform(X[order]).values, whole[order])
    alone = np.concatenate([fitted.transform(X[[k]]).values for k in range(len(X))])
    np.testing.assert_array_equal(alone, whole)
    parts = Parallel(n_jobs=2)(delayed(fitted.transform)(X[k : k + 3]) for k in (0, 3, 6))
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_alone_decide_on_the_standard_grid_too(standard, augmenter, dtype):
    rows = standard.values.astype(dtype) * np.linspace(1.0, 2.0, 5)[:, None].astype(dtype)
    rows[2:4, 1000:1100] = np.nan
    fitted = clone(augmenter).fit(rows)
    whole = fitted.transform(rows)
    alone = np.concatenate([fitted.transform(rows[[k]]) for k in range(len(rows))])
    np.testing.assert_array_equal(alone, whole)
    np.testing.assert_array_equal(fitted.transform(np.asfortranarray(rows)), whole)


@pytest.mark.parametrize("augmenter", RANDOM, ids=repr)
def test_other_seeds_and_other_rows_differ(X, augmenter):
    whole = clone(augmenter).fit_transform(X).values
    other = clone(augmenter).set_params(random_state=4).fit_transform(X).values
    assert not np.array_equal(other, whole, equal_nan=True)
    twins = X[[0, 0]].values
    twins = np.r_[twins, twins * 1.01]
    found = clone(augmenter).set_params(**grid(augmenter, X)).fit_transform(twins)
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[2] / 1.01, found[0], rtol=1e-6, equal_nan=True)


def grid(augmenter, X):
    return {"q": X["q"].values} if "q" in augmenter.get_params() else {}


@pytest.mark.parametrize("augmenter", RANDOM, ids=repr)
def test_perturb_is_fresh_and_follows_its_generator(X, augmenter):
    fitted = clone(augmenter).fit(X)
    rng = np.random.default_rng(0)
    first, second = fitted.perturb(X, rng), fitted.perturb(X, rng)
    assert not np.array_equal(first, second, equal_nan=True)
    np.testing.assert_array_equal(fitted.perturb(X, np.random.default_rng(0)), first)


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_type_names_and_input_are_kept(X, augmenter, dtype):
    rows = X.values.astype(dtype)
    kept = rows.copy()
    fitted = clone(augmenter).set_params(**grid(augmenter, X)).fit(rows)
    found = fitted.transform(rows)
    assert found.dtype == dtype and found.shape == rows.shape
    np.testing.assert_array_equal(rows, kept)
    assert len(fitted.get_feature_names_out()) == rows.shape[1]
    fitted.perturb(rows, np.random.default_rng(0))
    np.testing.assert_array_equal(rows, kept)


def test_a_pipeline_of_augmenters_draws_afresh(X):
    chain = make_pipeline(sq.SolventMixer(), sq.PoissonNoise(), "passthrough").fit(X)
    rng = np.random.default_rng(0)
    first, second = (sq.augmentation.perturb(chain, X, rng) for _ in range(2))
    assert not np.array_equal(first, second)
    liquid = sq.SolventMixer().fit_transform(X)
    np.testing.assert_allclose(first.mean(), liquid.mean(), rtol=0.01)
    plain = sq.augmentation.perturb(sq.QStandardizer().fit(X), X, rng)
    assert plain.shape == (9, 5004)

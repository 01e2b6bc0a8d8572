"""Networks that are told the resolution behind the points of a pattern."""

import pickle

import numpy as np
import pytest
import xarray as xr
from sklearn.base import clone

import sk_qdots as sq
from sk_qdots.neural_network._encoding import Encoding, fit_encoding

N = 60


def encoding(n_told=4, scale=(-4.0, 0.5)):
    mean = (2.0 + np.cos(np.arange(N) / 9.0)).astype(np.float32)
    return Encoding(
        mean, np.sqrt(mean), np.zeros((N, 0), np.float32), 1.0, (1.0, 1.0), n_told, scale
    )


def rows(told):
    told = np.atleast_2d(told).astype(np.float32)
    pattern = np.tile(2.0 + np.cos(np.arange(N) / 9.0), (len(told), 1))
    return np.hstack([pattern, told]).astype(np.float32)


@pytest.fixture(scope="module")
def signs():
    """Patterns that tell a square; what is told, of half of them, tells the sign."""
    rng = np.random.default_rng(0)
    y = rng.choice([-1.0, 1.0], 1500) * rng.uniform(1.0, 2.0, 1500)
    X = 2.0 + np.cos(np.arange(N) * y[:, None] ** 2 / 40.0) + 0.02 * rng.normal(size=(1500, N))
    told = np.sign(y)[:, None] - 4.0 + 0.05 * rng.normal(size=(1500, 3))
    told = np.hstack([told, np.full((1500, 1), 0.5)])
    told[rng.random(1500) < 0.5] = np.nan
    return np.hstack([X, told]), y


SMALL = {"n_filters": 16, "batch_size": 64, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(signs):
    return sq.AllCNNRegressor(n_told=4, n_components=3, max_epochs=40, **SMALL).fit(*signs)


def test_widths_are_interpolated_over_the_points():
    found = encoding()(rows([-4.0, -3.0, -5.0, 0.75]), ("told", "told share", "is told"))
    assert found.shape == (1, N, 3)
    expected = np.interp(np.arange(N), [0.0, (N - 1) / 2, N - 1], [0.0, 2.0, -2.0])
    np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-5)
    np.testing.assert_allclose(found[0, :, 1], 0.5)
    assert (found[0, :, 2] == 1.0).all()


def test_where_no_angle_is_the_nearest_width_stands():
    found = encoding()(rows([np.nan, -3.0, np.nan, 0.0]), ("told", "told share", "is told"))
    np.testing.assert_allclose(found[0], np.tile([2.0, -1.0, 1.0], (N, 1)), atol=1e-6)


def test_what_is_not_told_is_zero_and_said_so():
    found = encoding()(rows(np.full((2, 4), np.nan)), ("told", "told share", "is told"))
    assert not found.any()


def test_told_numbers_are_no_points():
    channels = ("deviation", "residual", "pattern", "mask")
    one, other = (encoding()(rows(told), channels) for told in ([9.0] * 4, [np.nan] * 4))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one, encoding(0)(rows([[]]), channels))


def test_the_scale_is_learnt_from_what_is_told():
    rng = np.random.default_rng(0)
    told = np.hstack([rng.normal(-4.0, 0.5, (500, 3)), rng.random((500, 1))])
    told[::3] = np.nan
    learnt = fit_encoding(rows(told), np.zeros(500), 4)
    np.testing.assert_allclose(learnt.told_scale, (-4.0, 0.5), atol=0.05)
    again = pickle.loads(pickle.dumps(learnt))
    assert (again.n_told, again.told_scale) == (4, learnt.told_scale)
    assert fit_encoding(rows(np.full((9, 4), np.nan)), np.zeros(9), 4).told_scale == (0.0, 1.0)


def test_the_channels_of_a_preset_gain_what_is_told(fitted):
    assert fitted.architecture_.channels == (
        *("deviation", "residual", "mask"),
        *("told", "told share", "is told"),
    )
    assert fitted.n_features_in_ == N + 4
    # The convolutions go over the points alone.
    assert len(fitted.layers_[0][1]) == N // 10
    assert fitted.encode(rows([[0.0] * 4])).shape == (1, N, 6)


def test_what_is_told_decides(fitted, signs):
    X, y = signs
    is_told = np.isfinite(X[:, -1])
    mean, std = fitted.predict(X, return_std=True)
    assert np.abs(mean - y)[is_told].mean() < 0.2
    weights, means, _ = fitted.predict_mixture(X[~is_told])
    # Without it both readings stay, and the interval holds them.
    assert std[~is_told].mean() > 1.0
    positive = (weights * (means[:, :, 0] > 0)).sum(axis=1)
    assert 0.3 < positive.mean() < 0.7 and positive.min() > 0.1 and positive.max() < 0.9
    low, high = fitted.predict_interval(X[~is_told]).T
    assert ((low < -0.9) & (high > 0.9)).mean() > 0.95


def test_a_classifier_is_told_too(signs):
    X, y = signs
    labels = np.where(y > 0, 2000, 1000)
    classifier = sq.AllCNNClassifier(n_told=4, max_epochs=10, **SMALL).fit(X[:1000], labels[:1000])
    X, labels = X[1000:], labels[1000:]
    is_told = np.isfinite(X[:, -1])
    assert classifier.score(X[is_told], labels[is_told]) > 0.98
    assert classifier.score(X[~is_told], labels[~is_told]) < 0.7


def test_told_columns_do_not_count_as_measured(fitted):
    X = np.full((1, N + 4), np.nan)
    X[0, N:] = -4.0
    with pytest.raises(ValueError, match="without a measured point"):
        fitted.predict(X)


def test_channels_of_ones_own_may_leave_out_what_is_told(signs):
    X, y = signs
    one = sq.AllCNNRegressor(n_told=4, channels=("pattern",), max_epochs=1, **SMALL).fit(X, y)
    changed = X.copy()
    changed[:, N:] = np.nan
    np.testing.assert_array_equal(one.predict(X), one.predict(changed))


class _Told(sq.PoissonNoise):
    """Counting noise on the points; tells where it is asked to."""

    def __init__(self, n_told=0):
        super().__init__(scale=1e4)
        self.n_told = n_told

    def fit(self, X, y=None):
        return super().fit(X[:, : X.shape[1] - self.n_told])

    def perturb(self, X, rng):
        split = X.shape[1] - self.n_told
        return np.hstack([super().perturb(X[:, :split], rng), X[:, split:]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"augmenter": sq.PoissonNoise(scale=1e4)}, "PoissonNoise draws 0 told.*n_told=4"),
        ({"augmenter": _Told(4), "n_told": 0}, "_Told draws 4 told.*n_told=0"),
        ({"n_told": 0, "channels": ("pattern", "told")}, "n_told is 0"),
        ({"n_told": N + 4}, "points of the pattern must stand before"),
        ({"n_told": 1}, "n_told"),
        ({"n_told": -1}, "n_told"),
    ],
)
def test_what_does_not_fit_is_refused(signs, change, message):
    X, y = signs
    regressor = sq.AllCNNRegressor(n_told=4, max_epochs=1, **SMALL).set_params(**change)
    with pytest.raises(ValueError, match=message):
        regressor.fit(X, y)


def test_an_augmenter_gets_the_told_columns(signs):
    X, y = signs
    drawn = sq.AllCNNRegressor(n_told=4, augmenter=_Told(4), max_epochs=1, **SMALL).fit(X, y)
    assert np.isfinite(drawn.predict(X[:5])).all()


def test_an_axis_cannot_have_told_columns(signs):
    X, y = signs
    patterns = xr.DataArray(X, dims=("sample", "q"), coords={"q": np.arange(1.0, N + 5)})
    with pytest.raises(ValueError, match="n_told is 4, whose columns have none"):
        sq.AllCNNRegressor(n_told=4, max_epochs=1, **SMALL).fit(patterns, y)


def test_warm_start_keeps_what_is_told(signs):
    X, y = signs
    one = sq.AllCNNRegressor(
        n_told=4, channels=("pattern",), warm_start=True, max_epochs=1, **SMALL
    ).fit(X, y)
    assert one.fit(X, y).history_["epoch"].tolist() == [2]
    with pytest.raises(ValueError, match="architecture of the last fit"):
        one.set_params(n_told=2).fit(X, y)


def test_a_checkpoint_belongs_to_what_is_told(signs, tmp_path):
    X, y = signs
    one = sq.AllCNNRegressor(
        n_told=4, channels=("pattern",), checkpoint=tmp_path / "state", max_epochs=2, **SMALL
    ).fit(X, y)
    np.testing.assert_array_equal(clone(one).fit(X, y).predict(X), one.predict(X))
    with pytest.raises(ValueError, match="belongs to a training with other"):
        clone(one).set_params(n_told=3).fit(X, y)

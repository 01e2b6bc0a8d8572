"""Diameters, dispersions and strains, and how well they are known."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import sk_qdots as sq


@pytest.fixture(scope="module")
def waves():
    """Two numbers in each pattern: a frequency, and a height that tells how well it shows."""
    rng = np.random.default_rng(0)
    y = np.stack([rng.uniform(2.0, 4.0, 3000), rng.uniform(0.05, 1.5, 3000)], axis=1)
    clean = 3.0 + y[:, 1:] * np.cos(np.arange(80) * y[:, :1] / 20.0)
    return clean + 0.1 * rng.normal(size=clean.shape), y


@pytest.fixture(scope="module")
def fitted(waves):
    X, y = waves
    regressor = sq.AllCNNRegressor(n_filters=24, max_epochs=30, random_state=0)
    return regressor.fit(X[:2800], y[:2800])


def test_both_numbers_are_found(fitted, waves):
    X, y = waves
    mean, std = fitted.predict(X[2800:], return_std=True)
    assert mean.shape == std.shape == (200, 2)
    assert (np.abs(mean - y[2800:]).mean(axis=0) < [0.1, 0.1]).all()
    assert fitted.score(X[2800:], y[2800:]) > 0.9


def test_uncertainties_are_of_the_size_of_the_errors(fitted, waves):
    X, y = waves
    mean, std = fitted.predict(X[2800:], return_std=True)
    z = (mean - y[2800:]) / std
    assert 0.2 < z.std() < 2.5  # a short training is unsure
    low, high = y[2800:, 1] < 0.3, y[2800:, 1] > 1.0
    assert std[low, 0].mean() > 2.0 * std[high, 0].mean()


def test_one_target_stays_one(waves):
    X, y = waves
    regressor = sq.AllCNNRegressor(n_filters=8, max_epochs=2, random_state=0).fit(X, y[:, 0])
    assert regressor.predict(X).shape == (3000,)
    mean, std = regressor.predict(X[:3], return_std=True)
    assert mean.shape == std.shape == (3,) and (std > 0).all()


def test_same_seed_same_network(waves):
    X, y = waves
    first = sq.AllCNNRegressor(n_filters=8, max_epochs=2, random_state=3)
    second = clone(first)
    np.testing.assert_array_equal(first.fit(X, y).predict(X), second.fit(X, y).predict(X))


def test_folded_layers_are_those_of_torch(fitted, waves):
    import torch

    X = waves[0][:20].astype(np.float32)
    with torch.no_grad():
        module = fitted.net_.module_.eval()
        expected = module(torch.from_numpy(fitted.encode(X))).numpy()
    np.testing.assert_allclose(fitted._outputs(X), expected, atol=1e-4)


def test_warm_start_keeps_the_number_of_targets(waves):
    X, y = waves
    regressor = sq.AllCNNRegressor(n_filters=8, max_epochs=1, warm_start=True, random_state=0)
    regressor.fit(X, y)
    assert regressor.fit(X, y).history_["epoch"].tolist() == [2]
    with pytest.raises(ValueError, match="1 targets and the last fit had 2"):
        regressor.fit(X, y[:, 0])


def test_early_stopping_and_checkpoint(waves, tmp_path):
    X, y = waves
    regressor = sq.AllCNNRegressor(
        n_filters=8,
        max_epochs=3,
        early_stopping=True,
        checkpoint=tmp_path / "state",
        random_state=0,
    ).fit(X, y)
    assert "valid_loss" in regressor.history_ and "valid_accuracy" not in regressor.history_
    again = clone(regressor).fit(X, y)  # finished already
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))


@pytest.fixture(scope="module")
def readings():
    """Patterns that tell the square of one number, and the sign of the product of two."""
    rng = np.random.default_rng(0)
    size = rng.uniform(1.0, 2.0, 2200)
    sign = rng.choice([-1.0, 1.0], 2200)
    y = np.stack([sign * size, 5.0 + sign], axis=1)
    X = 2.0 + np.cos(np.arange(60) * size[:, None] ** 2 / 40.0)
    return X + 0.02 * rng.normal(size=X.shape), y


@pytest.fixture(scope="module")
def mixed(readings):
    X, y = readings
    regressor = sq.AllCNNRegressor(
        n_filters=16, n_components=3, batch_size=64, max_epochs=40, random_state=0
    )
    return regressor.fit(X[:2000], y[:2000])


def test_a_mixture_holds_both_readings(mixed, readings):
    X, y = readings[0][2000:], readings[1][2000:]
    weights, means, stds = mixed.predict_mixture(X)
    assert weights.shape == (200, 3) and means.shape == stds.shape == (200, 3, 2)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    draws = mixed.sample(X, n_draws=400, random_state=0)
    assert draws.shape == (200, 400, 2)
    # Half of the draws has each sign, the values are right, and the two targets go together.
    positive = draws[:, :, 0] > 0
    assert abs(positive.mean() - 0.5) < 0.15
    assert np.median(np.abs(np.abs(draws[:, :, 0]) - np.abs(y[:, :1]))) < 0.1
    assert ((draws[:, :, 1] > 5.0) == positive).mean() > 0.98
    mean, std = mixed.predict(X, return_std=True)
    spread = draws.std(axis=1)
    np.testing.assert_allclose(draws.mean(axis=1), mean, atol=0.35)
    np.testing.assert_allclose(spread / std, 1.0, atol=0.2)
    # One bell curve would have to reach from one reading to the other and find neither.
    between = np.abs(draws[:, :, 0]) < 0.5
    assert between.mean() < 0.02


def test_intervals_cover_what_they_say(mixed, readings):
    X, y = readings[0][2000:], readings[1][2000:]
    interval = mixed.predict_interval(X, coverage=0.8)
    assert interval.shape == (200, 2, 2)
    inside = (interval[:, :, 0] <= y) & (y <= interval[:, :, 1])
    assert inside[:, 0].mean() > 0.6
    narrow = mixed.predict_interval(X, coverage=0.1)
    inside = (narrow[:, :, 0] <= y) & (y <= narrow[:, :, 1])
    assert inside[:, 0].mean() < 0.5


def test_intervals_of_one_gaussian_are_its_quantiles(fitted, waves):
    from scipy.stats import norm

    mean, std = fitted.predict(waves[0][:20], return_std=True)
    found = fitted.predict_interval(waves[0][:20], coverage=0.8)
    np.testing.assert_allclose(found, np.stack(norm.interval(0.8, mean, std), axis=2))
    weights, means, stds = fitted.predict_mixture(waves[0][:20])
    np.testing.assert_array_equal(weights, 1.0)
    np.testing.assert_array_equal(means[:, 0], mean)
    np.testing.assert_array_equal(stds[:, 0], std)


def test_one_target_of_a_mixture_stays_one(readings):
    X, y = readings
    one = sq.AllCNNRegressor(n_filters=8, n_components=2, max_epochs=2, random_state=0)
    one.fit(X, y[:, 0])
    assert one.predict(X[:5]).shape == (5,)
    assert one.predict_interval(X[:5]).shape == (5, 2)
    assert one.sample(X[:5], 7, random_state=0).shape == (5, 7)
    assert one.predict_mixture(X[:5])[1].shape == (5, 2, 1)


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1.0, np.nan])
def test_a_coverage_that_is_none_is_refused(fitted, waves, coverage):
    with pytest.raises(ValueError, match="between 0 and 1"):
        fitted.predict_interval(waves[0][:2], coverage)


def test_no_draws_are_refused(fitted, waves):
    with pytest.raises(ValueError, match="n_draws is 0"):
        fitted.sample(waves[0][:2], 0)


def test_the_loss_of_a_mixture_is_its_likelihood():
    """Also far from all components, where no likelihood is above zero in double precision."""
    import torch
    from scipy.special import logsumexp
    from scipy.stats import norm

    from sk_qdots.neural_network._losses import GaussianLoss, MixtureLoss

    rng = np.random.default_rng(0)
    outputs = torch.tensor(rng.normal(size=(5, 3 * (1 + 4))))
    targets = torch.tensor(rng.normal(size=(5, 2)))
    targets[0] = 1e4
    logits, means, logarithms = np.split(outputs.numpy(), [3, 9], axis=1)
    logits -= logsumexp(logits, axis=1, keepdims=True)
    each = norm.logpdf(
        targets.numpy()[:, None], means.reshape(5, 3, 2), np.exp(0.5 * logarithms.reshape(5, 3, 2))
    ).sum(axis=2)
    expected = -logsumexp(logits + each, axis=1).mean() / 2 - 0.5 * np.log(2 * np.pi)
    assert MixtureLoss(3)(outputs, targets).item() == pytest.approx(expected)
    # One component is the Gaussian loss.
    plain = torch.tensor(rng.normal(size=(5, 4)))
    one = MixtureLoss(1)(torch.cat([torch.zeros(5, 1), plain], dim=1), targets)
    assert one.item() == pytest.approx(GaussianLoss()(plain, targets).item())


def test_components_differ_from_the_start_and_follow_the_seed():
    import torch

    from sk_qdots.neural_network._losses import spread_components

    def starts(seed):
        output = torch.nn.Linear(4, 5 * (1 + 2 * 3))
        spread_components(output, 5, seed)
        return output.bias.detach().numpy()[5:20].reshape(5, 3)

    assert (np.diff(np.sort(starts(0), axis=0), axis=0) > 0.3).all()
    np.testing.assert_array_equal(starts(0), starts(0))
    assert (starts(0) != starts(1)).any()


def test_warm_start_keeps_the_components(mixed, readings):
    X, y = readings
    one = sq.AllCNNRegressor(
        n_filters=8, n_components=2, max_epochs=1, warm_start=True, random_state=0
    ).fit(X, y)
    assert one.fit(X, y).history_["epoch"].tolist() == [2]
    with pytest.raises(ValueError, match="n_components is 3 and the last fit had 2"):
        one.set_params(n_components=3).fit(X, y)
    # What is predicted follows from the network, not from the parameter.
    assert one.predict_mixture(X[:2])[0].shape == (2, 2)


def test_a_mixture_goes_on_from_its_checkpoint(readings, tmp_path):
    X, y = readings
    one = sq.AllCNNRegressor(
        n_filters=8, n_components=2, max_epochs=2, checkpoint=tmp_path / "state", random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(clone(one).fit(X, y).predict(X), one.predict(X))
    with pytest.raises(ValueError, match="belongs to a training with other"):
        clone(one).set_params(n_components=3).fit(X, y)


@pytest.fixture(scope="module")
def trunk(waves):
    """A network that tells classes of the first number."""
    X, y = waves
    classes = np.linspace(2.0, 4.0, 9)
    classifier = sq.AllCNNClassifier(n_filters=16, max_epochs=12, random_state=0, classes=classes)
    return classifier.fit(X[:2800], y[:2800, 0])


def test_a_trunk_learns_sooner(waves, trunk):
    X, y = waves
    untrained = sq.AllCNNRegressor(n_filters=16, max_epochs=2, random_state=0)
    alone = clone(untrained).fit(X[:2800], y[:2800])
    begun = clone(untrained).fit(X[:2800], y[:2800], trunk=trunk)
    assert begun.history_["train_loss"].iloc[-1] < alone.history_["train_loss"].iloc[-1]
    assert begun.score(X[2800:], y[2800:]) > alone.score(X[2800:], y[2800:])
    assert begun.encoding_ is trunk.encoding_
    again = clone(untrained).fit(X[:2800], y[:2800], trunk=trunk)
    np.testing.assert_array_equal(again.predict(X[2800:]), begun.predict(X[2800:]))


def test_a_trunk_stays_as_it_is(waves, trunk):
    X, y = waves
    before = trunk.predict_proba(X[2800:])
    sq.AllCNNRegressor(n_filters=16, max_epochs=1, random_state=0).fit(X, y, trunk=trunk)
    np.testing.assert_array_equal(trunk.predict_proba(X[2800:]), before)


@pytest.mark.parametrize(
    ("settings", "columns", "message"),
    [
        ({"n_filters": 8}, 80, "another architecture"),
        ({"n_told": 2}, 80, "n_told"),
        ({}, 70, "trunk was fitted with 80"),
    ],
)
def test_a_trunk_of_another_kind_is_refused(waves, trunk, settings, columns, message):
    X, y = waves
    regressor = sq.AllCNNRegressor(
        **{"n_filters": 16, "max_epochs": 1, "random_state": 0} | settings
    )
    with pytest.raises(ValueError, match=message):
        regressor.fit(X[:, :columns], y, trunk=trunk)


def test_a_trunk_must_be_trained(waves):
    X, y = waves
    regressor = sq.AllCNNRegressor(n_filters=16, max_epochs=1, random_state=0)
    with pytest.raises(NotFittedError):
        regressor.fit(X, y, trunk=sq.AllCNNClassifier(n_filters=16))


def test_a_trunk_is_part_of_a_checkpoint(waves, trunk, tmp_path):
    X, y = waves
    settings = {
        "n_filters": 16,
        "max_epochs": 1,
        "random_state": 0,
        "checkpoint": tmp_path / "kept",
    }
    sq.AllCNNRegressor(**settings).fit(X, y, trunk=trunk)
    with pytest.raises(ValueError, match="belongs to a training"):
        sq.AllCNNRegressor(**settings).fit(X, y)

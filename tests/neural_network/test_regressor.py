"""Diameters, dispersions and strains, and how well they are known."""

import numpy as np
import pytest
from sklearn.base import clone

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

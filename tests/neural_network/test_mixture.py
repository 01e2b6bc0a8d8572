"""Mixtures of Gaussians: quantiles, moments and draws, against plain computations."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from sk_qdots.neural_network.mixture import Mixtures, n_components_of, n_mixture_outputs


def example(n=6, n_components=3, n_targets=2, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(n_components, 0.5), n)
    means = 5.0 * rng.normal(size=(n, n_components, n_targets))
    stds = np.exp(rng.normal(scale=2.0, size=(n, n_components, n_targets)))
    return Mixtures(weights, means, stds)


@pytest.mark.parametrize("n_components", [1, 2, 7])
@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.999])
def test_quantiles_are_exact(n_components, coverage):
    mixtures = example(n_components=n_components)
    found = mixtures.intervals(coverage)
    assert found.shape == (6, 2, 2)
    for k in range(6):
        for t in range(2):
            weights, means = mixtures.weights[k], mixtures.means[k, :, t]
            stds = mixtures.stds[k, :, t]
            for end, share in enumerate((0.5 - coverage / 2, 0.5 + coverage / 2)):

                def surplus(y, w=weights, m=means, s=stds, p=share):
                    return w @ norm.cdf(y, m, s) - p

                expected = brentq(surplus, -1e4, 1e4, xtol=1e-12)
                assert found[k, t, end] == pytest.approx(expected, abs=1e-6 * stds.min())


def test_a_component_without_weight_does_not_count():
    mixtures = Mixtures(
        np.array([[1.0, 0.0]]), np.array([[[3.0], [1e6]]]), np.array([[[0.1], [5.0]]])
    )
    np.testing.assert_allclose(mixtures.intervals(0.9)[0, 0], norm.interval(0.9, 3.0, 0.1))
    assert mixtures.sample(500, np.random.RandomState(0)).max() < 4.0


def test_moments_and_quantiles_are_those_of_the_draws():
    mixtures = example()
    draws = mixtures.sample(200_000, np.random.RandomState(0))
    assert draws.shape == (6, 200_000, 2)
    spread = mixtures.std()
    np.testing.assert_allclose(draws.mean(axis=1) / spread, mixtures.mean() / spread, atol=0.02)
    np.testing.assert_allclose(draws.std(axis=1) / spread, 1.0, atol=0.02)
    inside = (draws > mixtures.intervals(0.9)[:, None, :, 0]) & (
        draws < mixtures.intervals(0.9)[:, None, :, 1]
    )
    np.testing.assert_allclose(inside.mean(axis=1), 0.9, atol=0.005)


def test_draws_of_two_targets_go_together():
    mixtures = Mixtures(
        np.array([[0.25, 0.75]]),
        np.array([[[-1.0, 10.0], [1.0, 20.0]]]),
        np.full((1, 2, 2), 0.1),
    )
    first, second = mixtures.sample(4000, np.random.RandomState(0))[0].T
    assert ((first > 0) == (second > 15.0)).all()
    assert (first > 0).mean() == pytest.approx(0.75, abs=0.03)


def test_one_row_is_not_changed_by_the_others():
    mixtures = example()
    for row in range(6):
        alone = mixtures.of_row(row)
        np.testing.assert_array_equal(alone.intervals(0.9)[0], mixtures.intervals(0.9)[row])
        np.testing.assert_array_equal(alone.std()[0], mixtures.std()[row])


@pytest.mark.parametrize("n_components", [1, 2, 3, 10])
@pytest.mark.parametrize("n_targets", [1, 2, 9])
def test_outputs_tell_their_components(n_components, n_targets):
    assert n_components_of(n_mixture_outputs(n_components, n_targets), n_targets) == n_components


def test_outputs_are_read_in_their_order():
    outputs = np.array([[np.log(3.0), 0.0, -1.0, -2.0, 1.0, 2.0, 0.0, -2.0, 99.0, -99.0]])
    found = Mixtures.from_outputs(outputs, 2, np.array([4.0, 0.0]), np.array([1.0, 10.0]))
    np.testing.assert_allclose(found.weights, [[0.75, 0.25]])
    np.testing.assert_allclose(found.means, [[[3.0, -20.0], [5.0, 20.0]]])
    # Logarithms of variances stay within -14 and 6.
    np.testing.assert_allclose(
        found.stds, [[[1.0, 10.0 * np.exp(-1.0)], [np.exp(3.0), 10.0 * np.exp(-7.0)]]]
    )

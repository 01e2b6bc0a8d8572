"""What the network sees."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.neural_network._encoding import Encoding, fit_encoding

N, NODES = 120, 60


def example(seed=0, n_nuisances=5):
    rng = np.random.default_rng(seed)
    mean = (2.0 + np.cos(np.arange(N) / 9.0)).astype(np.float32)
    nuisance = (3.0 * rng.normal(size=(NODES, n_nuisances))).astype(np.float32)
    return Encoding(mean, np.sqrt(mean), nuisance, 0.3, (0.5, 2.0))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), share=st.floats(0.1, 1.0))
def test_residual_is_the_inverse_covariance_of_what_was_measured(seed, share):
    """(1 + B B^T)^-1 z over the measured points, by brute force."""
    encoding = example(seed)
    rng = np.random.default_rng(seed)
    X = encoding.mean * (1.0 + 0.2 * rng.normal(size=(3, N)))
    X = np.abs(X) + 0.1
    # Whole nodes are measured or not: there the sums over nodes are exact sums ...
    measured = np.repeat(rng.random((3, NODES)) < share, 2, axis=1)
    measured[:, :4] = True
    X[~measured] = np.nan
    # ... if the columns are constant over a node, as here.
    columns = np.repeat(encoding.nuisance, 2, axis=0).astype(float)
    encoding.__dict__["_nuisance_columns"] = columns.astype(np.float32)
    found = encoding(X.astype(np.float32), ("residual",))[:, :, 0]
    for row, seen, values in zip(found, measured, X, strict=True):
        factor = 1.0 if seen.all() else encoding.mean[seen].sum() / values[seen].sum()
        z = (values[seen] * factor - encoding.mean[seen]) / encoding.noise[seen] / 0.3
        covariance = np.eye(seen.sum()) + columns[seen] @ columns[seen].T
        expected = np.linalg.solve(covariance, z)
        np.testing.assert_allclose(row[seen], expected, atol=2e-3)
        assert (row[~seen] == 0).all()


def test_channels():
    encoding = example()
    X = np.tile(encoding.mean, (2, 1)) * 1.5
    X[1, 40:] = np.nan
    encoded = encoding(X, ("deviation", "pattern", "mask"))
    assert encoded.shape == (2, N, 3) and encoded.dtype == np.float32
    np.testing.assert_allclose(
        encoded[0, :, 0], 0.5 * encoding.mean / encoding.noise / 0.5, rtol=1e-5
    )
    np.testing.assert_allclose(encoded[0, :, 1], 0.75 * encoding.mean, rtol=1e-5)
    # What was measured in part has the scale of the mean over the measured part.
    np.testing.assert_allclose(encoded[1, :, 0], 0.0, atol=1e-5)
    np.testing.assert_array_equal(encoded[1, :, 2], np.arange(N) < 40)


def test_points_of_a_coarse_pattern_are_joined_but_holes_are_not():
    encoding = example()
    X = np.full((1, N), np.nan)
    X[0, 0:61:2] = 1.2 * encoding.mean[0:61:2] + np.arange(31) / 30.0
    X[0, 90:] = encoding.mean[90:]
    deviation = encoding(X, ("deviation",))[0, :, 0]
    np.testing.assert_allclose(deviation[1:60:2], 0.5 * (deviation[0:59:2] + deviation[2:61:2]))
    assert (deviation[61:90] == 0).all()


def test_learns_what_varies_within_a_class():
    rng = np.random.default_rng(0)
    q = np.arange(N)
    y = rng.integers(0, 3, size=2000)
    mean = 50.0 + 30.0 * np.exp(-(((q - 60) / 20) ** 2))
    liquid = np.sin(q / 7.0)
    X = mean + np.cos(q / 3.0) * y[:, None] + 4.0 * liquid * rng.normal(size=(2000, 1))
    X = rng.poisson(X).astype(float)
    encoding = fit_encoding(X, y)
    residual = encoding(X, ("residual",))[:, :, 0]
    weight = liquid / encoding.noise
    before = ((X - mean) / encoding.noise) @ weight
    assert np.abs(residual @ weight).mean() < 0.1 * np.abs(before).mean()
    # The noise is of unit size; what tells the classes apart is still there.
    assert residual.std() == pytest.approx(1.0, abs=0.1)
    means = [residual[y == label].mean(axis=0) @ np.cos(q / 3.0) for label in range(3)]
    assert np.all(np.diff(means) > 3.0)


@pytest.mark.parametrize("rows", [np.ones((30, 50)), np.zeros((30, 50)), np.full((2, 3), np.nan)])
def test_patterns_without_variation(rows):
    encoding = fit_encoding(rows, np.arange(len(rows)) % 2)
    assert encoding.nuisance.shape[1] == 0
    assert np.isfinite(encoding(rows, ("deviation", "residual", "pattern", "mask"))).all()


def test_pickles_without_what_can_be_computed_again():
    encoding = example()
    X = np.tile(encoding.mean, (2, 1)) * 1.5
    X[1, 40:] = np.nan
    size = len(pickle.dumps(encoding))
    expected = encoding(X, ("residual",))
    assert len(pickle.dumps(encoding)) == size
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoding))(X, ("residual",)), expected)

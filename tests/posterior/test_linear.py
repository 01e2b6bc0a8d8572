"""Amounts that are integrated out, against the covariance of the pattern written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from sk_qdots.posterior._linear import System

N_BINS, N_COLUMNS, N_CURVES = 30, 6, 4


def case(seed, spread=1.0):
    rng = np.random.default_rng(seed)
    columns = rng.standard_normal((N_BINS, N_COLUMNS))
    weights = rng.uniform(0.5, 4.0, N_BINS)
    pattern = rng.standard_normal(N_BINS)
    variances = spread * rng.uniform(0.1, 2.0, N_COLUMNS)
    means = rng.standard_normal(N_COLUMNS)
    curves = rng.standard_normal((N_CURVES, N_BINS))
    used = rng.random(N_COLUMNS) < 0.7
    used[0] = True
    return columns, weights, pattern, variances, means, curves, used


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(1e-2, 1e2))
def test_integrated_amounts_are_a_covariance(seed, spread):
    columns, weights, pattern, variances, means, curves, used = case(seed, spread)
    system = System(columns, weights, pattern)
    for mask in (None, used):
        kept = np.ones(N_COLUMNS, dtype=bool) if mask is None else mask
        x = columns[:, kept]
        covariance = np.diag(1.0 / weights) + (x * variances[kept]) @ x.T
        inverse = np.linalg.inv(covariance)
        solved = system.solved(variances, used=mask)
        own, right = solved.products(curves)
        np.testing.assert_allclose(own, curves @ inverse @ curves.T, rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(right, curves @ inverse @ pattern, rtol=1e-8, atol=1e-8)
        assert solved.square == pytest.approx(pattern @ inverse @ pattern)
        assert solved.log_det == pytest.approx(np.linalg.slogdet(covariance)[1])
        with_means = system.solved(variances, means, mask)
        found = -0.5 * (with_means.square + with_means.log_det + N_BINS * np.log(2.0 * np.pi))
        wanted = multivariate_normal(x @ means[kept], covariance).logpdf(pattern)
        assert found == pytest.approx(wanted)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_amounts_are_those_of_ridge_regression(seed):
    columns, weights, pattern, variances, means, curves, used = case(seed)
    x = columns[:, used]
    solved = System(columns, weights, pattern).solved(variances, means, used)
    matrix = x.T @ (weights[:, None] * x) + np.diag(1.0 / variances[used])
    for curve in (None, curves[0]):
        left = pattern if curve is None else pattern - curve
        right = x.T @ (weights * left) + means[used] / variances[used]
        wanted = np.linalg.solve(matrix, right)
        np.testing.assert_allclose(solved.amounts(curve), wanted, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(solved.background(curves[0]), x @ wanted, rtol=1e-7, atol=1e-9)
    hat = x @ np.linalg.solve(matrix, x.T * weights)
    assert solved.n_free() == pytest.approx(np.trace(hat))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, N_COLUMNS - 1))
def test_columns_may_be_integrated_one_after_the_other(seed, n):
    """A column that is integrated out is one that the covariance of the noise has."""
    columns, weights, pattern, variances, _, curves, _ = case(seed)
    whole = System(columns, weights, pattern).solved(variances)
    part = np.arange(N_COLUMNS) < n
    first = System(columns, weights, pattern).solved(variances, used=part)
    rest = columns[:, ~part].T
    own, right = first.products(np.concatenate([curves, rest]))
    cut = own[N_CURVES:, N_CURVES:] + np.diag(1.0 / variances[~part])
    cross = own[:N_CURVES, N_CURVES:]
    wanted = own[:N_CURVES, :N_CURVES] - cross @ np.linalg.solve(cut, cross.T)
    np.testing.assert_allclose(whole.products(curves)[0], wanted, rtol=1e-7, atol=1e-8)
    square = first.square - right[N_CURVES:] @ np.linalg.solve(cut, right[N_CURVES:])
    assert whole.square == pytest.approx(square)
    log_det = first.log_det + np.linalg.slogdet(cut)[1] + np.log(variances[~part]).sum()
    assert whole.log_det == pytest.approx(log_det)


def test_curves_that_columns_hold_are_free():
    columns, weights, pattern, _, _, _, _ = case(3)
    solved = System(columns, weights, pattern).solved(np.full(N_COLUMNS, 1e9))
    own, right = solved.products(columns.T[:2])
    np.testing.assert_allclose(own, 0.0, atol=1e-6)
    np.testing.assert_allclose(right, 0.0, atol=1e-6)
    assert solved.n_free() == pytest.approx(N_COLUMNS)


def test_columns_come_and_go_without_a_new_system():
    rng = np.random.default_rng(3)
    columns, more = rng.normal(size=(60, 5)), rng.normal(size=(60, 3))
    weights, pattern = rng.uniform(0.5, 2.0, 60), rng.normal(size=60)
    whole = System(np.hstack([columns, more]), weights, pattern)
    grown = System(columns, weights, pattern).with_columns(more)
    cut = whole.without_last(3)
    for found, wanted in ((grown, whole), (cut, System(columns, weights, pattern))):
        np.testing.assert_allclose(found.gram, wanted.gram, atol=1e-12)
        np.testing.assert_allclose(found.with_pattern, wanted.with_pattern, atol=1e-12)
        np.testing.assert_allclose(found.columns, wanted.columns)
        curves = rng.normal(size=(2, 60))
        np.testing.assert_allclose(found.cross(curves).columns, wanted.cross(curves).columns)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import sk_qdots as sq


def draws(mean, n, seed=0):
    noise = sq.PoissonNoise(scale=1.0).fit(np.ones((1, n)))
    return noise.perturb(np.full((1, n), mean), np.random.default_rng(seed))[0]


@settings(max_examples=20, deadline=None)
@given(level=st.floats(0.5, 500.0), scale=st.floats(0.2, 50.0), seed=st.integers(0, 10**6))
def test_mean_and_variance_are_those_of_poisson(level, scale, seed):
    n = 20_000
    noise = sq.PoissonNoise(scale=scale, random_state=seed)
    noisy = noise.fit_transform(np.full((1, n), level))[0]
    variance = level / scale
    assert noisy.mean() == pytest.approx(level, abs=6 * np.sqrt(variance / n))
    spread = np.sqrt((2 + 1 / (level * scale)) / n)  # of a Poisson sample variance, relative
    assert noisy.var() == pytest.approx(variance, rel=6 * spread)
    counts = noisy * scale
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6 * max(counts.max(), 1.0))


@pytest.mark.parametrize("mean", [0.3, 4.0, 9.99, 10.0, 12.0, 17.7, 31.0, 213.4, 3000.0])
def test_every_count_has_its_probability(mean):
    n = 400_000
    counts = draws(mean, n)
    low, high = (int(stats.poisson.ppf(p, mean)) for p in (1e-4, 1 - 1e-4))
    edges = np.r_[-1.0, np.arange(low + 0.5, high), np.inf]
    found, _ = np.histogram(counts, bins=edges)
    probability = np.diff(np.r_[0.0, stats.poisson.cdf(np.arange(low, high), mean), 1.0])
    chi_square = ((found - n * probability) ** 2 / (n * probability)).sum()
    assert stats.chi2.sf(chi_square, len(found) - 1) > 1e-4


def test_counts_at_the_ends_of_the_scale():
    assert (draws(0.0, 1000) == 0).all()
    large = draws(1e12, 20_000)
    assert large.mean() == pytest.approx(1e12, abs=6e6 / np.sqrt(20_000))
    assert large.std() == pytest.approx(1e6, rel=0.05)


@pytest.mark.parametrize(("snr", "k"), [(14, 3), (24, 8), (46, 30), (122, 200)])
def test_snr_is_the_paper_s(standard, snr, k):
    clean = sq.QStandardizer().fit_transform(standard)
    noisy = sq.PoissonNoise(snr=snr, random_state=0).fit_transform(clean)
    residual = noisy - clean
    k_found = 1.0 / (residual**2 / clean).mean()  # the variance is I / k
    assert np.sqrt(clean.mean() * k_found) == pytest.approx(snr, rel=0.03)
    # The paper's levels are k = 3, 8, 30, 200 at area 1000, in round numbers.
    assert (residual * np.sqrt(k / clean)).std() == pytest.approx(1.0, rel=0.06)


@pytest.mark.parametrize("mean", [1e-300, 1e17, 1e19, 1e200])
def test_no_mean_hangs(mean):
    assert draws(mean, 100).mean() == pytest.approx(mean, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("parameters", [{"counts": 1e308}, {"snr": 1e160}])
def test_counts_out_of_range_are_refused(parameters):
    with pytest.raises(ValueError, match="out of range"):
        sq.PoissonNoise(**parameters).fit_transform(np.full((2, 5), 0.05))


def test_counts_are_those_of_the_highest_point():
    X = np.array([[10.0, 40.0, 20.0]] * 3000)
    noisy = sq.PoissonNoise(counts=100.0).fit(X).perturb(X, np.random.default_rng(0))
    assert (noisy[:, 1] / 40.0 * 100.0).var() == pytest.approx(100.0, rel=0.15)
    np.testing.assert_allclose(noisy * 2.5, np.rint(noisy * 2.5), atol=1e-9)


def test_not_measured_stays_so():
    X = np.array([[5.0, np.nan, 7.0], [np.nan, np.nan, np.nan]])
    noisy = sq.PoissonNoise(snr=10, random_state=0).fit_transform(X)
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(X))


def test_perturb_draws_afresh(X):
    noise = sq.PoissonNoise(random_state=0).fit(X)
    rng = np.random.default_rng(0)
    first, second = noise.perturb(X, rng), noise.perturb(X, rng)
    assert not np.array_equal(first, second)
    again = noise.perturb(X, np.random.default_rng(0))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    "parameters",
    [
        {"snr": 0.0},
        {"snr": -3.0},
        {"snr": None},
        {"scale": 0.0},
        {"counts": -1.0},
        {"counts": 5.0, "scale": 5.0},
    ],
)
def test_bad_levels(X, parameters):
    with pytest.raises(ValueError, match=r"snr|scale|counts"):
        sq.PoissonNoise(**parameters).fit(X)


def test_negative_intensities_are_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        sq.PoissonNoise().fit([[1.0, -2.0, 3.0]])


def test_levels_may_be_drawn():
    X = np.full((400, 500), 70.0)
    noisy = sq.PoissonNoise(scale=(3.0, 200.0), random_state=0).fit(X)
    found = 70.0 / noisy.perturb(X, np.random.default_rng(0)).var(axis=1)
    assert 2.5 < found.min() < 4.0 and 150.0 < found.max() < 250.0
    assert np.median(found) == pytest.approx(np.sqrt(3.0 * 200.0), rel=0.4)
    # A row's level is its own: rows before it change nothing.
    rows = X * np.linspace(0.5, 2.0, 400)[:, None]
    whole = noisy.fit(rows).transform(rows)
    np.testing.assert_array_equal(noisy.transform(rows[7:9]), whole[7:9])


@pytest.mark.parametrize("level", [(0.0, 3.0), (4.0, 3.0), (1.0,), (1.0, np.inf), ("a", "b")])
def test_wrong_ranges_of_levels(level):
    with pytest.raises(ValueError, match="low <= high"):
        sq.PoissonNoise(snr=level).fit(np.ones((2, 5)))

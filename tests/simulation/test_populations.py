"""Moments of the size distributions, and what a series that is too short does to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    histogram_weights,
    lognormal_moments,
    lognormal_parameters,
    lognormal_upper_diameter,
    lognormal_weights,
    normal_upper_diameter,
    normal_weights,
    number_mean,
    surface_mean,
    volume_mean,
)

FINE = 0.002 * np.arange(1, 20001)  # so fine that its own step does not show
MEANS, DISPERSIONS = st.floats(2.0, 10.0), st.floats(0.05, 0.20)
BOTH = [
    (lognormal_weights, lognormal_upper_diameter),
    (normal_weights, normal_upper_diameter),
]


def moments(weights, diameters=FINE):
    average = weights @ diameters / weights.sum()
    return average, np.sqrt(weights @ (diameters - average) ** 2 / weights.sum()) / average


@settings(max_examples=40, deadline=None)
@given(mean=MEANS, dispersion=DISPERSIONS, both=st.sampled_from(BOTH))
def test_number_and_volume_weighted_moments(mean, dispersion, both):
    weigh, upper = both
    by_number = weigh(FINE, mean, dispersion)
    assert by_number.sum() == pytest.approx(1.0)
    assert moments(by_number) == pytest.approx((mean, dispersion), rel=1e-2)
    by_volume = weigh(FINE, mean, dispersion, weighting="volume") * FINE**3
    assert moments(by_volume) == pytest.approx((mean, dispersion), rel=1e-2)
    for weighting, volume in (("number", by_number * FINE**3), ("volume", by_volume)):
        end = upper(mean, dispersion, 1e-3, weighting=weighting)
        assert volume[end < FINE].sum() / volume.sum() == pytest.approx(1e-3, rel=0.06)


@settings(max_examples=40, deadline=None)
@given(mean=MEANS, dispersion=DISPERSIONS)
def test_conversions_of_the_lognormal(mean, dispersion):
    assert lognormal_moments(*lognormal_parameters(mean, dispersion)) == pytest.approx(
        (mean, dispersion)
    )
    assert number_mean(volume_mean(mean, dispersion), dispersion) == pytest.approx(mean)
    volume = lognormal_weights(FINE, mean, dispersion) * FINE**3
    assert moments(volume) == pytest.approx((volume_mean(mean, dispersion), dispersion), rel=1e-2)


@settings(max_examples=40, deadline=None)
@given(mean=MEANS, dispersion=DISPERSIONS)
def test_surface_mean_is_that_of_the_integral(mean, dispersion):
    mu, sigma = lognormal_parameters(mean, dispersion)
    logs = np.linspace(mu - 10.0 * sigma, mu + 12.0 * sigma, 4001)
    density = np.exp(-((logs - mu) ** 2) / (2.0 * sigma**2))
    cubes, squares = (np.trapezoid(density * np.exp(k * logs), logs) for k in (3, 2))
    assert surface_mean(mean, dispersion) == pytest.approx(cubes / squares, rel=1e-9)
    assert mean < surface_mean(mean, dispersion) < volume_mean(mean, dispersion)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), weighting=st.sampled_from(["number", "volume"]))
def test_histogram_keeps_what_lies_in_its_bins(seed, weighting):
    rng = np.random.default_rng(seed)
    edges = 1.0 + np.cumsum(rng.uniform(0.5, 1.5, 6))
    values = rng.uniform(0.1, 5.0, 5)
    weights = histogram_weights(FINE, edges, values, weighting=weighting)
    told = weights if weighting == "number" else weights * FINE**3
    found, _ = np.histogram(FINE, edges, weights=told / told.sum())
    np.testing.assert_allclose(found, values / values.sum(), atol=6e-3)


def test_uneven_series_weighs_by_what_each_particle_stands_for():
    even = lognormal_weights(FINE, 5.0, 0.15)
    uneven = np.concatenate([FINE[FINE < 5.0][::10], FINE[FINE >= 5.0]])
    weights = lognormal_weights(uneven, 5.0, 0.15)
    assert moments(weights, uneven) == pytest.approx(moments(even), rel=1e-3)


def test_series_that_misses_the_mean():
    for weigh in (lognormal_weights, normal_weights):
        with pytest.raises(ValueError, match="no particle"):
            weigh(np.array([100.0]), 2.0, 0.01)
        with pytest.raises(ValueError, match="too coarse or too short"):
            weigh(0.4638 * np.arange(1, 10), 6.0, 0.2)


def test_series_that_misses_the_tail():
    short, shorter = 0.1 * np.arange(1, 66), 0.1 * np.arange(1, 57)
    with pytest.warns(UserWarning, match=r"to 6.5 nm; 7.5. % of the volume of a lognormal"):
        lognormal_weights(short, 5.0, 0.15)
    with pytest.raises(ValueError, match=r"3\d.* % of the volume"):
        lognormal_weights(shorter, 5.0, 0.15)
    with pytest.warns(UserWarning, match="normal distribution"):
        normal_weights(short, 5.0, 0.18)
    with pytest.warns(UserWarning, match="4.3. % of the volume of the histogram"):
        histogram_weights(short, [4.0, 6.0, 7.0], [20.0, 1.0])
    with pytest.raises(ValueError, match="of the histogram"):
        histogram_weights(short, [4.0, 6.0, 12.0], [20.0, 10.0])


def test_series_that_starts_too_late():
    with pytest.warns(UserWarning, match=r"from 4.2 to 19.8 nm; \d+.* % of the volume"):
        lognormal_weights(np.arange(4.2, 20, 0.4), 5.0, 0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lognormal_weights(FINE, 0.0, 0.1), "mean diameter is 0.0 nm"),
        (lambda: lognormal_weights(FINE, 5.0, 0.0), r"dispersion is 0.0; .* \(0, 1\]"),
        (lambda: normal_weights(FINE, 5.0, 15.0), "dispersion is 15.0"),
        (lambda: lognormal_weights(FINE, 5.0, 0.1, weighting="mass"), "weighting is 'mass'"),
        (lambda: lognormal_weights(FINE[::-1], 5.0, 0.1), "ascending"),
        (lambda: lognormal_weights([], 5.0, 0.1), "diameters has shape"),
        (lambda: lognormal_weights([np.nan, 1.0], 5.0, 0.1), "finite"),
        (lambda: lognormal_upper_diameter(5.0, 0.1, 2.0), "volume_tail is 2.0"),
        (lambda: normal_upper_diameter(5.0, 0.1, 0.0), "volume_tail is 0.0"),
        (lambda: lognormal_moments(1.0, 0.0), "sigma"),
        (lambda: volume_mean(-1.0, 0.1), "mean diameter is -1.0"),
        (lambda: number_mean(1.0, 2.0), "dispersion is 2.0"),
        (lambda: surface_mean(5.0, 0.0), "dispersion is 0.0"),
        (lambda: histogram_weights(FINE, [1.0, 2.0], [1.0, 2.0]), "one more edge"),
        (lambda: histogram_weights(FINE, [2.0, 1.0], [1.0]), "ascending"),
        (lambda: histogram_weights(FINE, [1.0, 2.0], [-1.0]), "not negative"),
        (lambda: histogram_weights(FINE, [1.0, 2.0], [0.0]), "not all zero"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()

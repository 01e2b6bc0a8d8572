"""Populations without a form, on patterns whose truth is known; and which sizes a range tells."""

import re

import numpy as np
import pytest
import xarray as xr

from sk_qdots.posterior import DebyePosterior, PatternPosterior
from sk_qdots.posterior._mixtures import Ranges, mixture
from sk_qdots.posterior._smooth_density import Evidence, SmoothPrior, fitted
from sk_qdots.posterior.free import averages, distribution, mixed_sizes
from sk_qdots.simulation import lognormal_weights

Q = np.linspace(1.2, 9.0, 2786)
COUNTS = 2000.0  # of the mean point
START = np.array([[0.5, 1.0, 0.15], [0.5, 1.9, 0.15]])  # weights, middles, widths


def asked(**given):
    settings = {
        "diameters": (2.0, 7.0),
        "dispersions": (0.03, 0.2),
        "strains": (-0.004, 0.004),
        "q": Q,
        "fwhm": 0.0,
        "texture": False,
        "solvents": "toluene",
    }
    return DebyePosterior(**{**settings, **given})


@pytest.fixture(scope="module")
def free():
    return asked(distribution="free").fit("PbS")


@pytest.fixture(scope="module")
def series(free):
    return free.series_[0]


def lognormal(series, diameter, dispersion):
    """Volume shares."""
    units = lognormal_weights(series.diameters, diameter, dispersion) * series.formula_units
    return units / units.sum()


def counted(series, shares, counts=COUNTS, seed=0):
    mixed = series.mix(shares / series.formula_units)
    pattern = mixed.patterns(strain=0.001, b_iso=0.0)[0]
    rng = np.random.default_rng(seed)
    values = rng.poisson(counts * pattern / pattern.mean())
    return xr.DataArray(values[None].astype(float), dims=("sample", "q"), coords={"q": Q})


@pytest.fixture(scope="module")
def blend(series):
    return 0.3 * lognormal(series, 3.0, 0.08) + 0.7 * lognormal(series, 6.0, 0.08)


@pytest.fixture(scope="module")
def two(free, series, blend):
    return free.posterior(counted(series, blend))[0]


@pytest.fixture(scope="module")
def one(free, series):
    return free.posterior(counted(series, lognormal(series, 4.2, 0.12)))[0]


def test_both_sizes_of_a_mixture_are_found_and_told(two, series, blend):
    truth = averages(series.diameters, blend[None])
    low, high = two.interval("volume_diameter", 0.99)
    assert low < truth["volume_diameter"][0] < high
    (said,) = [reason for reason in two.reasons if reason.startswith("two sizes are mixed")]
    assert "3.1 nm" in said or "3.0 nm" in said or "3 nm" in said
    assert "6.1 nm" in said or "6.2 nm" in said


def test_lognormals_cannot_say_so(series, blend, two):
    only = asked().fit(series).posterior(counted(series, blend))[0]
    assert only.distribution is None
    assert not any("sizes are mixed" in reason for reason in only.reasons)
    truth = averages(series.diameters, blend[None])["diameter"][0]
    assert abs(only.mean("diameter") - truth) > 10.0 * abs(two.mean("diameter") - truth)
    assert only.fit.chi2 > 2.0


def test_a_lognormal_is_found_as_one(one, series):
    truth = averages(series.diameters, lognormal(series, 4.2, 0.12)[None])
    for name in ("diameter", "surface_diameter", "volume_diameter", "dispersion"):
        assert abs(one.mean(name) - truth[name][0]) < 4.0 * one.deviation(name)
    assert one.deviation("volume_diameter") < 0.02
    assert abs(one.mean("strain") - 0.001) < 4.0 * one.deviation("strain")
    assert not any("sizes are mixed" in reason for reason in one.reasons)


def test_densities_are_those_of_the_draws(one, two, series):
    for found in (one, two):
        densities = found.distribution
        diameters = densities["diameter"].values
        np.testing.assert_array_equal(diameters, series.diameters)
        widths = np.gradient(diameters)
        for name, average in (("number", "diameter"), ("volume", "volume_diameter")):
            mean = densities[name].sel(band="mean").values
            assert (mean * widths).sum() == pytest.approx(1.0)
            assert (mean * widths) @ diameters == pytest.approx(found.mean(average), rel=1e-6)
            low, high = (densities[name].sel(band=band).values for band in ("5 %", "95 %"))
            assert (low <= high).all() and (high - low).max() > 0.0
        assert densities["number"].attrs["units"] == "1/nm"


def test_the_number_average_is_the_least_certain(two):
    relative = {name: two.deviation(name) / two.mean(name) for name in two.draws if "diam" in name}
    assert relative["diameter"] > 2.0 * relative["volume_diameter"]


def test_the_same_again(free, series, one):
    again = free.posterior(counted(series, lognormal(series, 4.2, 0.12)))[0]
    for name, values in one.draws.items():
        np.testing.assert_array_equal(again.draws[name], values)


def test_the_fit_is_that_of_the_population(free, series, blend):
    pattern = counted(series, blend)[0]
    found = free.posterior_of(pattern)
    assert found.fit.chi2 == pytest.approx(1.0, abs=0.1)
    curves = found.fit.curves
    left = (curves["measured"] - curves["calculated"]) / np.sqrt(curves["calculated"])
    assert float(np.sqrt((left**2).mean())) == pytest.approx(1.0, abs=0.05)
    for name in ("diameter", "volume_diameter"):
        assert abs(found.fit.parameters[name] - found.mean(name)) < 4.0 * found.deviation(name)


def test_a_certain_dip_makes_mixed_sizes_and_a_doubtful_one_does_not(series):
    diameters = series.diameters
    pure = 0.4 * lognormal(series, 3.0, 0.08) + 0.6 * lognormal(series, 5.5, 0.08)
    (small, share), (large, rest) = mixed_sizes(diameters, np.tile(pure, (100, 1)))
    assert small == pytest.approx(3.06, rel=0.02) and large == pytest.approx(5.6, rel=0.02)
    assert share == pytest.approx(0.4, abs=0.01) and share + rest == pytest.approx(1.0)
    plain = lognormal(series, 4.5, 0.2)
    doubtful = np.concatenate([np.tile(pure, (93, 1)), np.tile(plain, (7, 1))])
    assert mixed_sizes(diameters, doubtful) == []
    little = 0.02 * lognormal(series, 3.0, 0.08) + 0.98 * lognormal(series, 5.5, 0.08)
    assert mixed_sizes(diameters, np.tile(little, (100, 1))) == []


def test_three_sizes_are_told(free, series):
    parts = [lognormal(series, size, 0.05) for size in (2.4, 4.0, 6.5)]
    found = free.posterior(counted(series, 0.3 * parts[0] + 0.3 * parts[1] + 0.4 * parts[2]))[0]
    (said,) = [reason for reason in found.reasons if "sizes are mixed" in reason]
    assert said.startswith("three sizes are mixed")
    sizes = [float(size) for size in re.findall(r"([\d.]+) nm", said)]
    wanted = [averages(series.diameters, part[None])["volume_diameter"][0] for part in parts]
    np.testing.assert_allclose(sizes, wanted, rtol=0.05)


def test_averages_are_moments():
    shares = np.array([[0.0, 1.0, 0.0], [8.0 / 35.0, 27.0 / 35.0, 0.0]])
    found = averages(np.array([2.0, 3.0, 4.0]), shares)
    np.testing.assert_allclose(found["diameter"], [3.0, 2.5])
    np.testing.assert_allclose(found["volume_diameter"], [3.0, 97.0 / 35.0])
    np.testing.assert_allclose(found["surface_diameter"], [3.0, 35.0 / 13.0])
    np.testing.assert_allclose(found["dispersion"], [0.0, 0.2], atol=1e-12)
    bands = distribution(np.array([2.0, 3.0, 4.0]), shares)
    np.testing.assert_allclose(bands["number"].sel(band="mean"), [0.25, 0.75, 0.0])


def test_a_lognormal_costs_no_smoothness():
    logs = np.log(np.linspace(1.0, 12.0, 40))
    rough = SmoothPrior(logs, [12], []).roughness(10.0)[0]
    parabola = -0.5 * ((logs - 1.3) / 0.1) ** 2
    assert abs(parabola @ rough @ parabola) < 1e-3
    wave = np.sin(12.0 * logs)
    assert wave @ rough @ wave > 1.0


def test_the_slopes_of_the_energy(series):
    rng = np.random.default_rng(3)
    n = 25
    logs = np.log(np.linspace(1.5, 9.0, n))
    curves = rng.standard_normal((n, 2 * n))
    prior = SmoothPrior(logs, [5, 15], [10])
    evidence = Evidence(prior, curves @ curves.T, curves @ rng.standard_normal(2 * n), 0.0)
    f = rng.standard_normal(n)
    _, slopes = evidence.energy(f[None], 100.0)
    moved = f + 1e-6 * np.eye(n)
    numeric = (evidence.energy(moved, 100.0)[0] - evidence.energy(f[None], 100.0)[0]) / 1e-6
    np.testing.assert_allclose(slopes[0], numeric, rtol=1e-3, atol=2e-2)


def test_the_best_density_is_a_lowest_place_and_draws_are_about_it():
    n = 20
    logs = np.log(np.linspace(2.0, 8.0, n))
    truth = np.exp(-0.5 * ((logs - 1.4) / 0.12) ** 2)
    evidence = Evidence(SmoothPrior(logs, [6], []), 4e4 * np.eye(n), 4e4 * truth, 0.0)
    best = fitted(evidence, 100.0, np.zeros(n))
    assert np.abs(evidence.energy(best.logs[None], 100.0)[1]).max() < 0.5
    drawn = best.drawn(1000, np.random.default_rng(0))
    assert drawn.shape == (1000, n) and (drawn >= 0.0).all()
    peak = truth > 0.3
    assert (np.abs(drawn.mean(axis=0) - truth)[peak] < 4.0 * drawn.std(axis=0)[peak]).all()
    assert (drawn.std(axis=0)[peak] < 0.006).all()  # of a point alone 0.005, smoothed less


def test_the_mixture_of_known_weights(series):
    logs = np.log(series.diameters[2:])
    prior = SmoothPrior(logs, [], [])
    truth = (0.3 * lognormal(series, 3.0, 0.1) + 0.7 * lognormal(series, 6.0, 0.1))[2:]
    products = 1e5 * np.eye(len(logs))
    evidence = Evidence(prior, products, products @ truth, -0.5 * truth @ products @ truth)
    ranges = Ranges((0.5, 2.5), (0.03, 0.25))
    two = mixture(evidence, ranges, START)
    one = mixture(evidence, ranges, np.array([[1.0, 1.7, 0.2]]))
    assert two.log_evidence > one.log_evidence + 100.0
    drawn = two.drawn(1000, np.random.default_rng(0))
    found = averages(series.diameters[2:], drawn / drawn.sum(axis=1, keepdims=True))
    wanted = averages(series.diameters[2:], truth[None] / truth.sum())
    for name in ("diameter", "volume_diameter"):
        apart = found[name].mean() - wanted[name][0]
        assert abs(apart) < 2.0 * found[name].std() < 0.1
    # A pattern that says the same four times as surely halves the error.
    surer = Evidence(prior, 4.0 * products, 4.0 * products @ truth, 0.0)
    again = averages(
        series.diameters[2:], mixture(surer, ranges, START).drawn(1000, np.random.default_rng(0))
    )
    ratio = again["volume_diameter"].std() / found["volume_diameter"].std()
    assert ratio == pytest.approx(0.5, abs=0.1)


def test_the_evidence_of_one_lognormal_is_an_integral(series):
    logs = np.log(series.diameters[2:])
    prior = SmoothPrior(logs, [], [])
    truth = lognormal(series, 4.0, 0.12)[2:]
    products = 2e3 * np.eye(len(logs))
    evidence = Evidence(prior, products, products @ truth, 0.0)
    ranges = Ranges((0.8, 2.2), (0.04, 0.2))
    found = mixture(evidence, ranges, np.array([[1.0, 1.4, 0.1]]))
    axes = np.meshgrid(
        np.linspace(-0.6, 0.6, 60), np.linspace(1.2, 1.65, 90), np.linspace(0.04, 0.2, 60)
    )
    amounts, middles, widths = (axis.ravel() for axis in axes)
    shape = np.exp(-0.5 * ((logs - middles[:, None]) / widths[:, None]) ** 2) * prior.widths
    weights = np.exp(amounts)[:, None] * shape / shape.sum(axis=1, keepdims=True)
    log_density = weights @ evidence.right - 1e3 * (weights**2).sum(axis=1)
    cell = (1.2 / 59) * (0.45 / 89) / 1.4 / 59
    total = np.logaddexp.reduce(log_density) + np.log(cell)
    assert found.log_evidence == pytest.approx(total, abs=0.15)


# ---- Which sizes are told.


@pytest.fixture(scope="module")
def dry():
    return asked(strains=(-0.001, 0.001)).fit("PbS")


def part(pattern, low, high, every=1):
    q = pattern["q"].values
    inside = (q >= low) & (q <= high) & (np.arange(len(q)) % every == 0)
    return pattern[0, inside]


def test_both_analyses_tell_the_range(dry, series, one):
    found = dry.posterior(counted(series, lognormal(series, 4.2, 0.12)))[0]
    for told in (found.trust_range, one.trust_range):
        assert told[0] < 2.0 and told[1] > 7.0
    np.testing.assert_allclose(found.trust_range, one.trust_range, rtol=0.1)


def test_a_range_tells_no_peak_that_is_wider(dry, series):
    pattern = counted(series, lognormal(series, 5.0, 0.1), 2e4)
    low = dry.posterior_of(part(pattern, 1.9, 2.3)).trust_range[0]
    assert not low < 0.2 * np.pi / 0.4  # 2 pi / 0.4 1/Angstrom, in nm
    assert dry.posterior_of(part(pattern, 1.2, 9.0)).trust_range[0] < 0.2 * np.pi / 0.4


def test_points_sample_the_longest_distance(dry, series):
    pattern = counted(series, lognormal(series, 4.0, 0.1), 2e4)
    coarse = dry.posterior_of(part(pattern, 1.2, 9.0, every=20))
    step = 20 * (Q[1] - Q[0])
    assert coarse.trust_range[1] <= 0.2 * np.pi / step * 1.001
    assert dry.posterior_of(pattern[0]).trust_range[1] > coarse.trust_range[1]


def test_few_counts_tell_less(dry, series):
    few, many = (
        dry.posterior(counted(series, lognormal(series, 4.0, 0.1), n))[0].trust_range
        for n in (0.05, 5000.0)
    )
    told = np.isfinite(few).all()
    assert not told or few[1] - few[0] < many[1] - many[0]


def test_an_answer_outside_of_it_is_told(dry, series):
    pattern = counted(series, lognormal(series, 6.0, 0.05), 2e4)
    coarse = dry.posterior_of(part(pattern, 1.2, 9.0, every=64))
    assert coarse.trust_range[1] < 4.0 < coarse.mean("volume_diameter")
    assert any("is none of them" in reason for reason in coarse.reasons)
    assert not any("is none of them" in r for r in dry.posterior_of(pattern[0]).reasons)


def test_templates_have_neither():
    assert PatternPosterior({"diameter": np.ones(3)}).trust_range is None
    with pytest.raises(ValueError, match="distribution"):
        asked(distribution="normal").fit("PbS")

"""Posteriors of patterns whose truth is known."""

import numpy as np
import pytest
from known_dots import (
    DIAMETERS,
    DISPERSIONS,
    GRID,
    STRAINS,
    TRUTH,
    counted,
    pattern_of,
    posterior_over,
    simulated,
)

import sk_qdots as sq
from sk_qdots.posterior import _analysis


def test_patterns_without_noise_tell_everything(dots, alone):
    (found,) = alone.posterior(pattern_of(dots)[None])
    assert found.mean("diameter") == pytest.approx(3.6, abs=1e-3)
    assert found.mean("dispersion") == pytest.approx(0.11, abs=5e-4)
    assert found.mean("strain") == pytest.approx(0.0021, abs=1e-6)
    assert found.deviation("diameter") < 1e-3 and found.reasons == ()
    assert found.fit.r_wp < 1e-3 and found.fit.widened == pytest.approx(1.0, abs=0.01)


def test_of_a_library_that_was_simulated_by_itself(alone):
    library = sq.simulate_library(
        "PbS", diameters=[2.5, 4.0], dispersions=[0.08, 0.15], strains=[-0.003], q=GRID
    )
    X, _, _ = sq.library_samples(library)
    found = alone.posterior(X)
    for one, (diameter, dispersion) in zip(
        found, zip(X["diameter"].values, X["dispersion"].values, strict=True), strict=True
    ):
        assert one.mean("diameter") == pytest.approx(float(diameter), abs=4e-3)
        assert one.mean("dispersion") == pytest.approx(float(dispersion), abs=2e-3)
        assert one.mean("strain") == pytest.approx(-0.003, abs=2e-6)


@pytest.fixture(scope="module")
def truths():
    rng = np.random.default_rng(1)
    ends = np.array([[2.5, 0.07, -0.004], [4.5, 0.18, 0.004]])
    return rng.uniform(*ends, (16, 3))


@pytest.mark.parametrize("counts", [300.0, 3000.0])
def test_errors_are_as_large_as_they_say(dots, alone, truths, counts):
    X = [counted(pattern_of(dots, *truth), counts, k) for k, truth in enumerate(truths)]
    found = alone.posterior(X)
    for k, name in enumerate(("diameter", "dispersion", "strain")):
        off = [
            (o.mean(name) - t[k]) / o.deviation(name) for o, t in zip(found, truths, strict=True)
        ]
        assert np.abs(np.mean(off)) < 3.5 / len(truths) ** 0.5
        assert 0.4 < np.sqrt(np.mean(np.square(off))) < 1.5 and np.abs(off).max() < 4.0
        ends = np.array([one.interval(name) for one in found])
        inside = (ends[:, 0] <= truths[:, k]) & (truths[:, k] <= ends[:, 1])
        assert inside.mean() >= 0.75
    chi2 = [one.fit.chi2 for one in found]
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.06)


def test_dry_dots_counted_well_tell_strain_to_a_hundred_thousandth(dots, alone):
    strains = np.linspace(-0.004, 0.004, 5)
    X = [counted(pattern_of(dots, strain=s), 1e5, k) for k, s in enumerate(strains)]
    found = [one.mean("strain") for one in alone.posterior(X)]
    np.testing.assert_allclose(found, strains, rtol=0, atol=1.5e-5)


@pytest.mark.parametrize("counts", [3000.0, 30.0])
def test_particles_that_hardly_scatter_change_nothing(seen_dots, counts, monkeypatch):
    X = [counted(pattern_of(seen_dots, fwhm=0.06), counts)]
    (few,) = posterior_over(seen_dots).posterior(X)
    monkeypatch.setattr(_analysis, "_FEWER", 0.0)
    (every,) = posterior_over(seen_dots).posterior(X)
    for name in ("diameter", "volume_diameter", "dispersion", "strain", "fwhm"):
        assert few.mean(name) == pytest.approx(every.mean(name), abs=0.02 * every.deviation(name))
        assert few.deviation(name) == pytest.approx(every.deviation(name), rel=0.02)


def test_more_counts_tell_more(dots, alone):
    pattern = pattern_of(dots)
    few, many = alone.posterior([counted(pattern, 300.0), counted(pattern, 30000.0)])
    for name in ("diameter", "strain"):
        assert few.deviation(name) > 4.0 * many.deviation(name)


def test_dots_in_liquid_on_a_slope(dots):
    liquid = np.interp(GRID, *curve_of("toluene"))
    mixed = 0.4 * pattern_of(dots) + 0.6 * liquid / liquid.mean() + 0.2 * (GRID - 1.0) / 8.0
    (found,) = posterior_over(dots, solvents=None).posterior(
        [counted(mixed / mixed.mean(), 3000.0)]
    )
    for name, truth in TRUTH.items():
        assert abs(found.mean(name) - truth) < 3.5 * found.deviation(name), name
    assert found.deviation("diameter") < 0.15


def test_amounts_are_shares_of_the_mean_intensity(dots):
    q, toluene = curve_of("toluene")
    liquid = np.interp(GRID, q, toluene)
    X = counted(0.3 * pattern_of(dots) + 0.5 * liquid / liquid.mean() + 0.2, 30000.0)[None]
    (found,) = posterior_over(dots, solvents=["toluene", "hexane"]).posterior(X)
    told = found.fit.amounts
    assert set(told) == {"dots", "toluene", "hexane", "background"}
    assert sum(told.values()) == pytest.approx(1.0, abs=0.01)
    assert told["dots"] == pytest.approx(0.3, abs=0.05)
    assert told["toluene"] > 0.35 and abs(told["hexane"]) < 0.15


def curve_of(name):
    curve = sq.load_solvent(name)
    return curve["q"].values, curve.values


@pytest.fixture(scope="module")
def with_resolution(seen_dots):
    return posterior_over(seen_dots)


@pytest.mark.parametrize("fwhm", [0.0, 0.1])
def test_a_resolution_that_is_not_told(seen_dots, with_resolution, fwhm):
    X = [counted(pattern_of(seen_dots, fwhm=fwhm), 30000.0, seed) for seed in range(4)]
    for one in with_resolution.posterior(X):
        low, high = one.interval("diameter", 0.998)
        assert low < TRUTH["diameter"] < high
        assert set(one.alternatives) == {"sphere, ideal resolution", "sphere, with a resolution"}
        ideal = one.alternatives["sphere, ideal resolution"]
        assert sum(one.alternatives.values()) == pytest.approx(1.0)
        if fwhm:
            low, high = one.interval("fwhm", 0.998)
            assert ideal < 0.1 and low < fwhm < high < 0.14
        else:
            assert ideal > 0.1 and one.mean("fwhm") < 0.05
            assert (one.draws["fwhm"] == 0.0).mean() == pytest.approx(ideal, abs=0.01)


def test_what_is_not_told_widens(seen_dots, with_resolution, dots, alone):
    pattern = counted(pattern_of(dots), 3000.0)[None]
    (told,), (not_told,) = alone.posterior(pattern), with_resolution.posterior(pattern)
    assert not_told.deviation("diameter") > 1.1 * told.deviation("diameter")


def test_displacements_are_found(seen_dots, with_resolution):
    X = [counted(pattern_of(seen_dots, b_iso=b, fwhm=0.05), 10000.0) for b in (-0.3, 0.4)]
    for one, b in zip(with_resolution.posterior(X), (-0.3, 0.4), strict=True):
        assert abs(one.mean("b_iso") - b) < 4.0 * one.deviation("b_iso") < 0.2


def test_a_known_instrument(dots, alone):
    """Without it there is no way to fit what it broadens."""
    broad = sq.Instrument(wavelengths=(0.56,), w=0.25**2)
    series = simulated(instrument=broad)
    X = counted(pattern_of(series), 30000.0)[None]
    (told,) = posterior_over(series, instrument=broad).posterior(X)
    assert abs(told.mean("diameter") - 3.6) < 3.5 * told.deviation("diameter") < 0.2
    (blind,) = alone.posterior(X)
    assert told.fit.chi2 == pytest.approx(1.0, abs=0.15)
    assert blind.fit.widened > 3.0 > 1.2 > told.fit.widened


def test_other_particles_widen_the_interval(alone):
    """Cubes that are counted as spheres: the fit is poor, and the errors say so."""
    cubes = simulated(shape="cube", diameters=(2.0, 4.0))
    pattern = pattern_of(cubes, 3.2, 0.08, 0.0)
    (found,) = alone.posterior(counted(pattern, 30000.0)[None])
    assert found.fit.chi2 > 1.5 and found.fit.widened > 1.5
    spheres = counted(pattern_of(alone.series_[0], found.mean("diameter"), 0.08, 0.0), 30000.0)
    (right,) = alone.posterior(spheres[None])
    assert found.deviation("diameter") > 1.5 * right.deviation("diameter")
    assert right.fit.widened < 1.1 and right.fit.chi2 < 1.2


def test_what_cannot_be_fitted_says_so(alone):
    cubes = simulated(shape="cube", diameters=(2.0, 4.0))
    X = [counted(pattern_of(cubes, 3.2, 0.06, 0.0), counts) for counts in (3.0, 1e5)]
    few, many = alone.posterior(X)
    assert any("look at the fit for what is missing" in reason for reason in many.reasons)
    assert not any("look at the fit" in reason for reason in few.reasons)


def test_noise_that_is_alike_from_point_to_point(dots, alone):
    """As of patterns that were smoothed: their differences show less noise than there is."""
    rng = np.random.default_rng(3)
    pattern = pattern_of(dots)
    off = []
    for _ in range(10):
        noise = np.convolve(rng.standard_normal(len(GRID) + 4), np.full(5, 0.2), mode="valid")
        (found,) = alone.posterior((pattern + 0.03 * np.sqrt(pattern) * noise)[None])
        off.append((found.mean("diameter") - 3.6) / found.deviation("diameter"))
    assert np.sqrt(np.mean(np.square(off))) < 1.8


def test_shapes_are_compared(dots):
    cubes = simulated(shape="cube", diameters=(2.0, 4.0))
    both = posterior_over((dots, cubes))
    X = [
        counted(pattern_of(dots, 3.2, 0.08, 0.0), 10000.0),
        counted(pattern_of(cubes, 3.2, 0.08, 0.0), 10000.0),
    ]
    sphere, cube = both.posterior(X)
    assert sphere.alternatives["sphere"] > 0.95 and cube.alternatives["cube"] > 0.95


@pytest.mark.parametrize(("diameter", "end"), [(2.02, "smallest"), (4.98, "largest")])
def test_sizes_at_an_end_of_the_range_are_told(dots, alone, diameter, end):
    (found,) = alone.posterior([counted(pattern_of(dots, diameter), 1000.0)])
    assert any(f"the {end} diameter" in reason for reason in found.reasons)
    sizes = found.draws["diameter"]
    assert sizes.min() >= DIAMETERS[0] and sizes.max() <= DIAMETERS[1]
    for name, (low, high) in (("dispersion", DISPERSIONS), ("strain", STRAINS)):
        assert found.draws[name].min() >= low and found.draws[name].max() <= high


def test_what_hardly_tells_the_size_says_so(dots, alone):
    counts = counted(pattern_of(dots), 0.7)
    counts[(GRID < 6.5) | (GRID > 7.5)] = np.nan
    (found,) = alone.posterior(counts[None])
    assert found.interval("diameter")[0] < 3.6 < found.interval("diameter")[1]
    assert any("hardly tells the size" in reason for reason in found.reasons)


def test_the_fit_is_of_the_pattern(dots, alone):
    counts = counted(pattern_of(dots), 3000.0)
    (found,) = alone.posterior(counts[None])
    fit = found.fit
    left = (fit.curves["measured"] - fit.curves["calculated"]) / fit.curves["esd"]
    assert float((left**2).mean()) == pytest.approx(fit.chi2, rel=0.1)
    assert float(fit.curves["measured"].mean()) == pytest.approx(counts.mean(), rel=0.01)
    for name, truth in TRUTH.items():
        assert abs(fit.parameters[name] - truth) < 4.0 * fit.uncertainties[name]
        assert fit.uncertainties[name] == pytest.approx(found.deviation(name), rel=0.01)
    ratio = 1.0 + fit.parameters["dispersion"] ** 2
    assert fit.parameters["volume_diameter"] == pytest.approx(fit.parameters["diameter"] * ratio**3)
    weighted = ((fit.curves["measured"] / fit.curves["esd"]) ** 2).sum()
    r_wp = float(np.sqrt((left**2).sum() / weighted))
    assert fit.r_wp == pytest.approx(r_wp, rel=0.01)

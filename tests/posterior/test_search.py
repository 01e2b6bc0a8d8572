"""Patterns as functions of what is sought, and the places that fit best."""

import numpy as np
import pytest
from known_dots import DIAMETERS, DISPERSIONS, GRID, pattern_of

from sk_qdots.posterior._bins import Bins
from sk_qdots.posterior._linear import System
from sk_qdots.posterior._model import BinnedSeries, Ranges
from sk_qdots.posterior._search import refined, starts
from sk_qdots.posterior._surroundings import Scales, Surroundings
from sk_qdots.simulation import lognormal_weights
from sk_qdots.simulation.lognormals import number_mean, number_weights, volume_mean

BINS = Bins.of_mask(GRID, np.ones(len(GRID), dtype=bool))


def binned(series, **fixed):
    return BinnedSeries(series, BINS, Ranges.of(series, DIAMETERS, DISPERSIONS, fixed), fixed)


def solved_for(pattern, counts=1e4):
    around = Surroundings(BINS, np.empty((0, len(GRID))))
    values = BINS.averaged(pattern)
    columns = around.columns(np.ones(len(values)))
    variances, used = around.prior(Scales(0.02), columns.shape[1])
    weights = counts * BINS.counts / values
    return System(columns, weights, values).solved(variances, used=used)


def place_of(diameter, dispersion, *extras):
    volume = volume_mean(np.array([diameter]), np.array([dispersion]))
    return np.array([*volume, dispersion, *extras])


def test_lognormal_weights_are_those_of_a_library(dots):
    means, spreads = np.array([2.4, 4.0]), np.array([0.2, 0.06])
    found = number_weights(dots.diameters, means, spreads)
    for row, mean, spread in zip(found, means, spreads, strict=True):
        np.testing.assert_allclose(row, lognormal_weights(dots.diameters, mean, spread), atol=1e-12)
        volumes = row * dots.diameters**3
        volume = volumes @ dots.diameters / volumes.sum()
        assert volume_mean(mean, spread) == pytest.approx(volume, rel=2e-3)
    np.testing.assert_allclose(number_mean(volume_mean(means, spreads), spreads), means)


@pytest.mark.parametrize("fixed", [{}, {"b_iso": 0.1}])
def test_derivatives_are_those_of_the_curve(seen_dots, fixed):
    model = binned(seen_dots, **fixed)
    sizes = {"volume": 3.7, "dispersion": 0.12}
    at = {**sizes, "strain": 0.002, "b_iso": 0.2, "fwhm": 0.09**2}
    place = np.array([at[name] for name in model.ranges.names])
    steps = {"volume": 1e-3, "dispersion": 1e-3, "strain": 1e-5, "b_iso": 1e-3, "fwhm": 5e-4}
    curve, derivatives = model.curves(place)
    assert curve.mean() == pytest.approx(1.0) and len(derivatives) == len(place)
    for k, name in enumerate(model.ranges.names):
        ahead, behind = place.copy(), place.copy()
        ahead[k] += steps[name]
        behind[k] -= steps[name]
        wanted = (model.curves(ahead)[0] - model.curves(behind)[0]) / (2.0 * steps[name])
        apart = np.abs(derivatives[k] - wanted).max()
        if name == "strain" or name == "b_iso":  # of patterns that are scaled to no mean
            projected = wanted + curve * (derivatives[k] @ curve - wanted @ curve) / (curve @ curve)
            apart = np.abs(derivatives[k] - projected).max()
        assert apart < 0.03 * np.abs(wanted).max(), name


def test_derivatives_point_inwards_at_the_upper_ends(seen_dots):
    model = binned(seen_dots)
    place = model.ranges.high.copy()
    place[0] = 4.0
    inside = place.copy()
    inside[-1] -= 1e-3
    (curve, derivatives), (other, _) = model.curves(place), model.curves(inside)
    wanted = (curve - other) / 1e-3
    assert np.abs(derivatives[-1] - wanted).max() < 0.1 * np.abs(wanted).max()


def test_a_factor_multiplies_every_pattern(dots):
    model = binned(dots)
    factor = 1.0 + 0.2 * np.sin(BINS.q)
    place = place_of(3.0, 0.1, 0.001)
    wanted = model.curves(place)[0] * factor
    np.testing.assert_allclose(model.multiplied(factor).curves(place)[0], wanted / wanted.mean())
    assert model.factor is None


def test_places_stay_inside(seen_dots):
    ranges = binned(seen_dots).ranges
    assert ranges.names == ("volume", "dispersion", "strain", "b_iso", "fwhm")
    far = ranges.clipped(np.array([99.0, 0.9, -1.0, 9.0, 4.0]))
    np.testing.assert_allclose(far[1:], [0.2, -0.005, 1.0, 0.15**2])
    assert number_mean(far[:1], far[1:2])[0] == pytest.approx(5.0)


@pytest.mark.parametrize("truth", [(3.6, 0.11, 0.0021), (2.3, 0.18, -0.004), (4.8, 0.06, 0.0)])
def test_the_truth_is_found_again(dots, truth):
    pattern = pattern_of(dots, *truth)
    solved, model = solved_for(pattern), binned(dots)
    wanted = place_of(*truth)
    found = refined(solved, model, wanted + np.array([0.2, 0.03, 0.0006]))
    assert np.all(np.abs(found.place - wanted) < [2e-3, 2e-3, 2e-5])
    assert found.amount == pytest.approx(1.0, abs=1e-3)
    first = starts(solved, model, 3)
    assert abs(first[0][2] - truth[2]) < 6e-4 and abs(first[0][0] / wanted[0] - 1.0) < 0.15
    from_scan = refined(solved, model, first[0])
    assert np.all(np.abs(from_scan.place - wanted) < [2e-3, 2e-3, 2e-5])
    strains = sorted(place[2] for place in first)
    assert len(first) == 1 or np.diff(strains).min() > 7e-4


def test_no_step_crosses_a_bound(dots):
    """The truth lies outside: the best place is on the bound."""
    low, high = DISPERSIONS[0], 3.0
    pattern = pattern_of(dots, 3.6, 0.03, 0.0021)
    model = binned(dots)
    found = refined(solved_for(pattern), model, place_of(3.4, 0.1, 0.001))
    assert found.place[1] == pytest.approx(low) and found.place[2] == pytest.approx(
        0.0021, abs=1e-4
    )
    narrow = BinnedSeries(dots, BINS, Ranges.of(dots, (2.0, high), DISPERSIONS, {}), {})
    found = refined(solved_for(pattern_of(dots)), narrow, place_of(2.8, 0.1, 0.0015))
    number = number_mean(found.place[:1], found.place[1:2])[0]
    assert number == pytest.approx(high, abs=1e-6)

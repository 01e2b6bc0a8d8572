"""Bins average a model as they average the points; cosines are the process that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_dots import GRID

from sk_qdots.posterior import cluster_patterns
from sk_qdots.posterior._bins import Bins, Cosines, lagrange
from sk_qdots.simulation import lognormal_weights


def wave(q):
    """As sharp as the peaks of a dot of 5 nm."""
    return 2.0 + np.sin(2.0 * np.pi * q / 0.25) + 0.3 * q


def test_points_of_the_grid_are_averaged_exactly():
    measured = np.ones(len(GRID), dtype=bool)
    measured[100:180] = measured[::7] = False
    bins = Bins.of_mask(GRID, measured)
    curves = np.stack([wave(GRID), GRID**2])
    np.testing.assert_allclose(bins.of_model(curves), bins.averaged(curves[:, measured]), 1e-13)
    assert bins.counts.sum() == measured.sum()
    np.testing.assert_allclose(bins.q, bins.averaged(GRID[measured]))


def test_points_between_those_of_the_grid():
    points = np.sort(np.random.default_rng(0).uniform(GRID[0], GRID[-1], 3000))
    points[0], points[-1] = GRID[0], GRID[-1]
    bins = Bins(GRID, points)
    found, wanted = bins.of_model(wave(GRID)[None])[0], bins.averaged(wave(points))
    assert np.abs(found / wanted - 1.0).max() < 1e-4


def test_averages_are_those_of_the_points_in_each_bin():
    points = np.array([1.0, 1.01, 1.02, 1.21, 1.55, 1.58])
    bins = Bins(GRID, points, width=0.1)
    np.testing.assert_array_equal(bins.counts, [3, 1, 2])
    np.testing.assert_allclose(bins.averaged(np.array([1.0, 2, 6, 5, 1, 4])), [3.0, 5.0, 2.5])


@pytest.mark.parametrize("every", [1, 2, 3, 7, 20])
def test_two_places_a_bin_are_as_good_as_its_points(every):
    measured = np.zeros(len(GRID), dtype=bool)
    measured[::every] = True
    bins = Bins.of_mask(GRID, measured)
    found, wanted = bins.of_places(wave(bins.places)), bins.averaged(wave(GRID[measured]))
    assert np.abs(found / wanted - 1.0).max() < 1e-4
    square = bins.of_places(bins.places**2)  # exactly, but at the ends of the grid
    np.testing.assert_allclose(square[1:-1], bins.averaged(GRID[measured] ** 2)[1:-1], 1e-12)
    if (bins.counts == 1.0).all():
        np.testing.assert_array_equal(bins.places, bins.q)


def test_sharp_peaks_lose_nothing_between_two_places():
    ranges = {"diameters": (10.0, 15.0), "dispersions": (0.05, 0.1), "strains": (0.0, 0.01)}
    series = cluster_patterns("PbS", **ranges)
    row = lognormal_weights(series.diameters, 15.0, 0.05)
    bins = Bins.of_mask(series.q, np.ones(len(series.q), dtype=bool))
    at = series.at(bins.places).mix(row)
    for strain in (0.0, 0.0043):
        found = bins.of_places(at.patterns(strain=strain)[0])
        wanted = bins.averaged(series.mix(row).patterns(strain=strain)[0])
        assert np.abs(found - wanted).max() < 5e-4 * wanted.max()
        assert np.abs(found / wanted - 1.0).max() < 2e-3


@pytest.mark.parametrize(("n", "is_fine"), [(2000, True), (1200, False), (200, False)])
def test_fine_patterns_have_several_points_a_bin(n, is_fine):
    q = np.linspace(1.0, 9.0, n)
    bins = Bins.of_mask(q, np.ones(n, dtype=bool))
    assert bins.is_fine is is_fine
    few = np.arange(n) < 60  # too few to tell a variance
    assert not Bins.of_mask(q, few).is_fine


@settings(max_examples=30, deadline=None)
@given(
    coefficients=st.lists(st.floats(-2.0, 2.0), min_size=4, max_size=4),
    place=st.floats(-1.0, 4.0),
)
def test_weights_of_neighbours_hold_for_cubics(coefficients, place):
    weights = lagrange(np.array([place]), 4)[0]
    found = weights @ np.polyval(coefficients, np.arange(4.0))
    assert found == pytest.approx(np.polyval(coefficients, place), abs=1e-9)


@pytest.mark.parametrize("length", [0.15, 0.4, 1.0])
def test_cosines_have_the_variance_and_correlations_of_the_process(length):
    q = np.linspace(2.0, 7.0, 300)
    cosines = Cosines(q, length)
    found = (cosines.values * cosines.variances(length)) @ cosines.values.T
    wanted = np.exp(-0.5 * ((q[:, None] - q) / length) ** 2)
    # A zero slope beyond the ends mirrors the process there: far from them nothing is mirrored.
    inside = np.minimum(q - q[0], q[-1] - q) > 2.0 * length
    np.testing.assert_allclose(
        found[np.ix_(inside, inside)], wanted[np.ix_(inside, inside)], 0, 0.02
    )
    assert np.all((np.diag(found) > 0.98) & (np.diag(found) < 2.02))


def test_longer_processes_are_held_by_the_cosines_of_shorter_ones():
    q = np.linspace(2.0, 7.0, 300)
    own, short = Cosines(q, 0.5), Cosines(q, 0.2)
    assert len(short.frequencies) > len(own.frequencies)
    kernels = [(c.values * c.variances(0.5)) @ c.values.T for c in (own, short)]
    np.testing.assert_allclose(*kernels, atol=0.01)

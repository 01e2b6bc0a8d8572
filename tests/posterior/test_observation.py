"""The noise of a pattern is told by its points, and stated deviations only where they are right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_dots import GRID, counted, pattern_of

from sk_qdots.posterior._bins import Bins
from sk_qdots.posterior._observation import observation

EVERYWHERE = np.ones(len(GRID), dtype=bool)
BINS = Bins.of_mask(GRID, EVERYWHERE)


@pytest.fixture(scope="module")
def pattern(dots):
    """Large dots: the sharpest peaks that there are."""
    return pattern_of(dots, 4.9, 0.06)


@pytest.mark.parametrize("counts", [5.0, 100.0, 2000.0, 30000.0])
def test_the_level_is_that_of_the_counts(pattern, counts):
    levels = [observation(BINS, counted(pattern, counts, seed)).level for seed in range(8)]
    assert np.mean(levels) * counts == pytest.approx(1.0, abs=0.06)
    assert np.std(levels) * counts < 0.1


def test_peaks_are_no_noise(pattern):
    found = observation(BINS, pattern)
    assert found.is_level_known and found.level < 1e-6


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-6, 1e6))
def test_the_unit_of_the_intensity_is_taken_off(factor):
    values = counted(2.0 + np.sin(GRID), 200.0)
    one, other = observation(BINS, values), observation(BINS, factor * values)
    assert other.unit == pytest.approx(factor * one.unit)
    assert other.level == pytest.approx(one.level) and one.values.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(other.values, one.values)


def test_variances_are_those_of_the_means_of_bins(pattern):
    counts = 400.0
    rows = np.array([observation(BINS, counted(pattern, counts, k)).values for k in range(300)])
    found = observation(BINS, counted(pattern, counts))
    wanted = found.variances(BINS.averaged(pattern), 1.0 / counts)
    shares = rows.var(axis=0) / wanted
    assert shares.mean() == pytest.approx(1.0, abs=0.02)
    assert shares.min() > 0.6 and shares.max() < 1.5


@pytest.mark.parametrize(
    ("factor", "believed"), [(1.0, True), (1.2, True), (0.33, False), (3.0, False)]
)
def test_deviations_are_believed_where_the_pattern_bears_them_out(pattern, factor, believed):
    values = counted(pattern, 500.0)
    esd = factor * np.sqrt(pattern * 500.0)
    found = observation(BINS, values, esd)
    assert (found.stated is not None) is believed and found.is_level_known
    if believed:
        wanted = BINS.averaged((esd / found.unit) ** 2) / BINS.counts
        np.testing.assert_allclose(found.variances(found.values), wanted)
        np.testing.assert_allclose(found.variances(found.values, 2.0), 2.0 * wanted)
    else:
        assert found.level == pytest.approx(1.0 / 500.0, rel=0.15)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_deviations_that_are_none_are_left(pattern, bad):
    values = counted(pattern, 500.0)
    esd = np.sqrt(pattern * 500.0)
    esd[7] = bad
    assert observation(BINS, values, esd).stated is None


def test_coarse_patterns_do_not_tell_their_noise(pattern):
    few = np.zeros(len(GRID), dtype=bool)
    few[::8] = True
    bins = Bins.of_mask(GRID, few)
    values = counted(pattern, 500.0)[few]
    assert not observation(bins, values).is_level_known
    told = observation(bins, values, np.sqrt(pattern[few] * 500.0))
    assert told.stated is not None and told.level == 1.0
    assert not told.is_level_known  # their size is for the fit to tell


@pytest.mark.parametrize("values", [np.zeros(len(GRID)), -1.0 - GRID, np.sin(50.0 * GRID) - 0.1])
def test_patterns_without_intensity_are_refused(values):
    with pytest.raises(ValueError, match="no intensity"):
        observation(BINS, values)


def test_the_envelope_has_no_peaks(pattern):
    found = observation(BINS, pattern).envelope
    assert found.min() >= 0.05
    assert np.abs(np.diff(np.log(found))).max() < 0.05 < np.abs(np.diff(np.log(pattern))).max()

"""Sizes that a measured range tells at all."""

import numpy as np
import pytest
from known_dots import GRID, counted, pattern_of

from sk_qdots.posterior._trust import outside


def trusted(alone, dots, counts, where=None, **truth):
    pattern = counted(pattern_of(dots, **truth), counts)
    if where is not None:
        pattern[~where] = np.nan
    return alone.posterior(pattern[None])[0]


def test_a_wide_range_counted_well_tells_all_sizes(alone, dots):
    found = trusted(alone, dots, 1e5)
    low, high = found.trust_range
    assert low < 1.0 and high > 10.0
    assert not any("what was measured" in reason for reason in found.reasons)


def test_points_far_apart_tell_no_large_sizes(alone, dots):
    step = 20 * (GRID[1] - GRID[0])
    found = trusted(alone, dots, 1e5, np.arange(len(GRID)) % 20 == 0)
    most = 0.2 * np.pi / step
    assert most - 0.5 < found.trust_range[1] <= most  # one particle is 0.46 nm larger than the last


def test_a_short_range_tells_no_small_sizes(alone, dots):
    found = trusted(alone, dots, 1e5, (GRID > 2.8) & (GRID < 3.8))
    assert 3.6 > found.trust_range[0] >= 0.1 * 2.0 * np.pi / 1.0


def test_few_counts_of_weak_reflections_tell_no_small_sizes(alone, dots):
    there = (GRID > 6.0) & (GRID < 8.0)
    few, many = (trusted(alone, dots, counts, there) for counts in (3.0, 1000.0))
    assert few.trust_range[0] > 4.0 > 1.0 > many.trust_range[0]
    assert any("is none of them" in reason for reason in few.reasons)
    assert not any("is none of them" in reason for reason in many.reasons)


def test_what_tells_no_size_says_so(alone, dots):
    found = trusted(alone, dots, 0.3, (GRID > 6.5) & (GRID < 7.2))
    assert np.isnan(found.trust_range).all()
    assert any("tells no size to 10 %" in reason for reason in found.reasons)


@pytest.mark.parametrize(("size", "told"), [(2.0, False), (3.0, True), (7.0, False)])
def test_answers_outside_are_told(size, told):
    said = outside(size, (2.5, 6.0), GRID)
    assert (said is None) is told
    if said is not None:
        assert "sizes from 2.5 to 6 nm" in said and f"the answer, {size:.2g} nm" in said

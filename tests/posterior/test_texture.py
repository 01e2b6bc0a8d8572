"""Reflections that a preferred orientation makes stronger."""

import numpy as np
import pytest
from known_dots import GRID, TRUTH, counted, pattern_of, posterior_over
from scipy.signal import find_peaks

from sk_qdots.posterior._texture import Reflections, _peaks

LATTICE = 5.9362  # Angstrom, of PbS


def places_of(*reflections):
    return 2.0 * np.pi / LATTICE * np.sqrt([h * h + k * k + m * m for h, k, m in reflections])


@pytest.fixture(scope="module")
def groups(dots):
    return Reflections(dots, GRID)


def test_groups_lie_at_the_reflections(groups):
    wanted = places_of((1, 1, 1), (2, 0, 0), (2, 2, 0))
    np.testing.assert_allclose(groups.places[:3], wanted, atol=0.03)
    assert np.diff(groups.places).min() >= 0.12 and len(groups) == len(groups.places) > 8


def test_a_pattern_is_shared_among_the_groups(groups):
    shares = groups.shares(4.0, 0.0)
    assert shares.shape == (len(GRID), len(groups)) and shares.min() >= 0.0
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    at = np.searchsorted(GRID, groups.places)
    own = shares[at, np.arange(len(groups))]
    assert own.min() > 0.5 and (shares[at].argmax(axis=1) == np.arange(len(groups))).all()
    sharp = groups.shares(8.0, 0.0)
    assert (sharp[at, np.arange(len(groups))] >= own).all()


def test_groups_move_with_strain(groups):
    def ends(strain):
        """Where the next group takes over, but of the last that may leave the range."""
        return GRID[1:][np.diff(groups.shares(4.0, strain).argmax(axis=1)) != 0][:8]

    np.testing.assert_allclose(ends(0.02) / ends(0.0), 1.0 / 1.02, atol=4e-3)


@pytest.mark.parametrize("least", [0.0, 0.3, 1.5])
def test_peaks_are_those_of_scipy(least):
    values = np.cumsum(np.random.default_rng(4).normal(size=500))
    wanted, _ = find_peaks(values, prominence=least)
    np.testing.assert_array_equal(_peaks(values, least), wanted)


def test_a_range_without_reflections_is_one_group(dots):
    nothing = Reflections(dots, np.linspace(1.2, 1.3, 40))
    assert len(nothing) == 1
    np.testing.assert_array_equal(nothing.shares(3.0, 0.0), 1.0)


@pytest.fixture(scope="module")
def textured(dots):
    """The reflection 220 five times as strong as in a powder, counted."""
    places = places_of((1, 1, 1), (2, 0, 0), (2, 2, 0), (3, 1, 1), (2, 2, 2), (4, 0, 0))
    apart = GRID[:, None] - places / (1.0 + TRUTH["strain"])
    peaks = (1.0 + (apart / 0.08) ** 2) ** -2
    return counted(pattern_of(dots) * (1.0 + 4.0 * peaks[:, 2] / peaks.sum(axis=1)), 3000.0)


@pytest.mark.parametrize("texture", ["auto", True])
def test_a_reflection_five_times_too_strong(dots, textured, texture):
    (found,) = posterior_over(dots, texture=texture).posterior(textured[None])
    assert any("without texture" in reason for reason in found.reasons)
    assert found.mean("diameter") == pytest.approx(TRUTH["diameter"], abs=0.15)
    assert found.deviation("diameter") < 0.2
    assert found.mean("strain") == pytest.approx(TRUTH["strain"], abs=4e-4)


def test_powders_have_no_texture(dots, alone, textured):
    pattern = counted(pattern_of(dots), 3000.0)[None]
    (found,) = posterior_over(dots, texture="auto").posterior(pattern)
    assert not any("texture" in reason for reason in found.reasons)
    (plain,) = alone.posterior(pattern)
    assert found.mean("diameter") == pytest.approx(plain.mean("diameter"), abs=0.02)
    (blind,) = alone.posterior(textured[None])  # texture is not looked for
    assert blind.fit.chi2 > 2.0

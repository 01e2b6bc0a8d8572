"""Grains that prefer to lie on one facet, by March and Dollase."""

import numpy as np
import pytest
from known_dots import DIAMETERS, DISPERSIONS, GRID, STRAINS, TRUTH, counted, pattern_of

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior
from sk_qdots.posterior._oriented import OrientedPatterns


@pytest.fixture(scope="module")
def oriented(dots):
    return OrientedPatterns.of(dots, sq.Crystal.builtin("PbS"), (1, 1, 1))


@pytest.fixture(scope="module")
def fitted():
    """Posteriors that were told the facet."""
    ranges = {"diameters": DIAMETERS, "dispersions": DISPERSIONS, "strains": STRAINS}
    given = {"q": GRID, "fwhm": 0.0, "solvents": [], "b_iso": (-0.1, 0.1), **ranges}
    return {
        facet: DebyePosterior(facet=facet, **given).fit("PbS") for facet in ((1, 0, 0), (1, 1, 1))
    }


def preferring(dots, facet, march, strain=TRUTH["strain"]):
    """Factor of the library's own augmentation for the dots of the tests."""
    texture = sq.PreferredOrientation(
        "PbS", facet, march=march, peak_width=0.56 / TRUTH["diameter"], q=GRID * (1.0 + strain)
    )
    return texture.fit(np.ones((1, len(GRID)))).factor_


@pytest.mark.parametrize("march", [0.5, 1.0, 1.7])
def test_patterns_are_those_of_the_augmentation(dots, oriented, march):
    own = pattern_of(oriented, march=march)
    wanted = pattern_of(dots) * preferring(dots, (1, 1, 1), march)
    np.testing.assert_allclose(own / own.mean(), wanted / wanted.mean(), rtol=0.02)


def test_every_particle_has_peaks_of_its_own_width(dots, oriented):
    ratio = oriented.particles().patterns(march=0.5) / dots.particles().patterns()
    change = np.abs(np.diff(ratio, axis=1)).max(axis=1)  # from one peak to the next
    assert change[-1] > 1.5 * change[0]


def test_slopes_are_differences(oriented):
    mixed = oriented.mix(np.ones((2, len(oriented.diameters))))
    at, step = {"strain": 0.001, "march": 0.7}, 1e-4
    patterns, strain, _ = mixed.with_slopes(**at)
    np.testing.assert_allclose(patterns, mixed.patterns(**at), rtol=1e-6)
    slopes = mixed.derivatives(["strain", "march"], **at)
    for name, slope in zip(("strain", "march"), slopes, strict=True):
        ends = [mixed.patterns(**{**at, name: at[name] + s * step}) for s in (-1.0, 1.0)]
        wanted = (ends[1] - ends[0]) / (2.0 * step)
        np.testing.assert_allclose(slope, wanted, atol=0.02 * np.abs(wanted).max())
    np.testing.assert_allclose(strain, slopes[0][0], atol=0.02 * np.abs(strain).max())
    with pytest.raises(ValueError, match=r"march is 5; these patterns have 0\.3 to 2"):
        mixed.patterns(march=5.0)


@pytest.mark.parametrize(
    ("facet", "march"), [((1, 0, 0), 0.6), ((1, 0, 0), 1.5), ((1, 1, 1), 0.7), ((1, 1, 1), 1.0)]
)
def test_size_and_coefficient_are_found(dots, fitted, facet, march):
    pattern = counted(pattern_of(dots) * preferring(dots, facet, march), 2000.0, seed=1)
    (found,) = fitted[facet].posterior(pattern[None])
    for name, true in (("march", march), ("diameter", TRUTH["diameter"])):
        low, high = found.interval(name, 0.99)
        assert low < true < high
    assert found.deviation("march") < 0.05 and found.deviation("diameter") < 0.1
    assert found.fit.parameters["march"] == pytest.approx(march, abs=0.1)
    assert found.fit.chi2 < 1.2 and found.reasons == ()


def test_a_powder_may_be_either_side_of_random(dots, fitted):
    """Of a cubic crystal a coefficient and its inverse look alike."""
    pattern = counted(pattern_of(dots), 100.0, seed=2)
    (found,) = fitted[1, 0, 0].posterior(pattern[None])
    low, high = found.interval("march")
    assert low < 0.97 and high > 1.03


def test_a_distribution_without_a_form_has_a_coefficient(dots):
    given = {"diameters": DIAMETERS, "dispersions": DISPERSIONS, "strains": STRAINS, "fwhm": 0.0}
    free = DebyePosterior(q=GRID, solvents=[], facet=(1, 0, 0), distribution="free", **given)
    pattern = counted(pattern_of(dots) * preferring(dots, (1, 0, 0), 0.6), 2000.0, seed=1)
    (found,) = free.fit("PbS").posterior(pattern[None])
    assert found.mean("march") == pytest.approx(0.6, abs=0.05)
    assert found.mean("volume_diameter") == pytest.approx(3.6 * (1.0 + 0.11**2) ** 3, abs=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"facet": (0, 0, 0)}, "not all zero"),
        ({"facet": (1, 0.5, 0)}, "integers"),
        ({"facet": (1, 0)}, "three Miller indices"),
        ({"facet": (1, 0, 0), "texture": True}, "give a facet, or texture=True"),
    ],
)
def test_facets_that_are_none(given, message):
    short = {"diameters": (2.0, 2.2), "dispersions": (0.05, 0.06), "q": GRID, "fwhm": 0.0}
    with pytest.raises(ValueError, match=message):
        DebyePosterior(**short, **given).fit("PbS")


def test_a_facet_needs_a_crystal(dots):
    with pytest.raises(ValueError, match="fit to a crystal or a library"):
        DebyePosterior(facet=(1, 0, 0)).fit(dots)

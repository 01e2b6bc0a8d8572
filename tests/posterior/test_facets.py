"""Facetted particles, which are compared with spheres where these leave more than noise."""

import numpy as np
import pytest
from known_dots import DIAMETERS, DISPERSIONS, GRID, STRAINS, counted, pattern_of, simulated

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior
from sk_qdots.posterior.estimator import _is_cubic

GIVEN = {
    "q": GRID,
    "solvents": [],
    "fwhm": 0.0,
    "diameters": DIAMETERS,
    "dispersions": DISPERSIONS,
    "strains": STRAINS,
}


@pytest.fixture(scope="module")
def octahedra():
    return counted(pattern_of(simulated(shape="octahedron")), 3000.0, seed=3)[None]


@pytest.fixture
def auto():
    return DebyePosterior(**GIVEN).fit("PbS")


def test_octahedra_are_found(auto, octahedra):
    (spheres,) = DebyePosterior(**GIVEN, shape="sphere").fit("PbS").posterior(octahedra)
    assert spheres.fit.chi2 > 1.2
    (found,) = auto.posterior(octahedra)
    assert max(found.alternatives, key=found.alternatives.get).startswith("octahedron")
    assert found.fit.chi2 < 1.2 and found.reasons == ()
    low, high = found.interval("diameter", 0.99)
    assert low < 3.6 < high
    assert high - low < np.ptp(spheres.interval("diameter", 0.99))


def test_spheres_ask_for_nothing_more(auto, dots):
    (found,) = auto.posterior(counted(pattern_of(dots), 3000.0, seed=3)[None])
    assert not hasattr(auto, "_facetted")
    assert all(name.startswith("sphere") for name in found.alternatives)


def test_one_pattern_and_many_are_told_the_same(auto, octahedra):
    pattern = sq.simulate_library("PbS", diameters=[3.6], dispersions=[0.1], strains=[0.0], q=GRID)[
        "intensity"
    ].squeeze(drop=True)
    (many,) = auto.posterior(octahedra)
    one = auto.posterior_of(pattern.copy(data=octahedra[0]))
    assert one.mean("diameter") == pytest.approx(many.mean("diameter"), rel=1e-6)
    assert any(name.startswith("octahedron") for name in one.alternatives)


def test_only_cubic_crystals_have_cubes():
    assert _is_cubic(sq.Crystal.builtin("PbS")) and _is_cubic(sq.Crystal.builtin("CeO2"))
    assert not _is_cubic(sq.Crystal.builtin("CdSe wurtzite"))
    assert not _is_cubic(sq.Crystal.builtin("TiO2 anatase"))
    wurtzite = DebyePosterior(**GIVEN).fit("CdSe wurtzite")
    assert wurtzite._further() is None


def test_facetted_particles_are_no_larger_than_can_be_cut_out(auto, octahedra, monkeypatch):
    """Of broad distributions of a dense crystal they would be tens of nanometres across."""
    assert auto._ranges_of_facets == (DIAMETERS, DISPERSIONS)
    # So large that a mean of 5 nm reaches it at a dispersion between 0.05 and 0.2.
    monkeypatch.setattr("sk_qdots.posterior.estimator._LARGEST_FACETTED", 16.0)
    diameters, (low, high) = auto._ranges_of_facets
    assert diameters == DIAMETERS and low == DISPERSIONS[0] < high < 0.15
    (found,) = auto.posterior(octahedra)
    assert max(found.alternatives, key=found.alternatives.get).startswith("octahedron")
    assert max(one.diameters[-1] for one in auto._facetted) < 16.5 * 0.4638
    monkeypatch.setattr("sk_qdots.posterior.estimator._LARGEST_FACETTED", 5.0)
    assert auto._ranges_of_facets is None and auto._further() is None


def test_a_fit_that_leaves_far_more_than_noise_is_doubted():
    """Whether or not its errors are wider for it."""
    other = counted(pattern_of(simulated("PbSe")), 3000.0)[None]
    (found,) = DebyePosterior(**GIVEN, shape="sphere", texture=False).fit("PbS").posterior(other)
    assert found.fit.chi2 > 5.0
    assert any("times the noise" in reason for reason in found.reasons)

"""What no population of the simulated particles explains, and what comes of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.simulation import Cylinder
from sk_qdots.sizing import Sizing
from sk_qdots.sizing.calibration import LEVELS, Calibration
from sk_qdots.sizing.misfit import misfit
from sk_qdots.solvents import load_solvent

CAUTION = "no mixture of the simulated particles explains"
COUNTS = 300.0  # a point of mean intensity


def library(shape="sphere", diameters=(3.0,), dispersions=(0.2,), strains=(0.0,), **settings):
    made = sq.simulate_library(
        "Pt",
        diameters=list(diameters),
        dispersions=list(dispersions),
        strains=list(strains),
        shape=shape,
        progress=False,
        **settings,
    )
    return sq.library_samples(made)[0]


def counted(expected, seed=0, per_point=COUNTS):
    rng = np.random.default_rng(seed)
    scale = per_point / float(expected.values.mean())
    return expected.copy(data=rng.poisson(np.maximum(expected.values, 0.0) * scale) / scale)


@pytest.fixture(scope="module")
def sizer():
    return sq.load_sizer("Pt")


@pytest.fixture(scope="module")
def spheres():
    return library()[0]


@pytest.fixture(scope="module")
def rods():
    return library(Cylinder(3.0, 1.0))[0]


def told(sizer, pattern, strain=0.0, **settings):
    return misfit(sizer.reference, pattern["q"].values, pattern.values, strain, **settings)


@pytest.mark.parametrize(
    ("diameter", "dispersion"), [(1.5, 0.3), (2.2, 0.1), (3.1, 0.4), (4.4, 0.15), (6.0, 0.2)]
)
def test_populations_of_spheres_are_explained(sizer, diameter, dispersion):
    pattern = counted(library(diameters=[diameter], dispersions=[dispersion])[0])
    assert told(sizer, pattern) < 0.002


def test_mixtures_of_populations_are_explained(sizer):
    small, large = library(diameters=[2.0, 5.0], dispersions=[0.1])
    mixed = small.copy(data=small.values / small.sum().item() + large.values / large.sum().item())
    assert told(sizer, counted(mixed)) < 0.002


@pytest.mark.parametrize("liquid", ["toluene", "carbon-black", "water"])
def test_what_surrounds_the_dots_is_explained(sizer, spheres, liquid):
    curve = load_solvent(liquid, 0.56)
    around = np.interp(spheres["q"].values, curve["q"].values, curve.values)
    mixed = spheres.copy(data=spheres.values / spheres.mean().item() + around / around.mean())
    assert told(sizer, counted(mixed), wavelength=0.56) < 0.004


@pytest.mark.parametrize("shape", [Cylinder(3.0, 1.0), Cylinder(0.25, 1.0)])
def test_other_shapes_are_not_explained(sizer, shape):
    assert told(sizer, counted(library(shape)[0])) > 0.008


def test_wrong_strain_is_not_explained(sizer, spheres):
    assert told(sizer, counted(spheres), strain=0.01) > 0.01


def test_coarse_points_are_taken_as_they_are(sizer, spheres):
    # Between interpolated points noise is no noise any more, and would count as structure.
    for step in (2, 3, 5, 10, 25):
        found = told(sizer, counted(spheres[::step], per_point=100.0))
        assert np.isnan(found) or found < 0.002


def test_holes_are_left_out(sizer, spheres):
    pattern = counted(spheres)
    pattern[1000:1200] = np.nan
    assert told(sizer, pattern) < 0.002


def test_few_counts_tell_nothing(sizer, spheres, rods):
    for pattern in (spheres, rods):
        assert np.isnan(told(sizer, counted(pattern, per_point=0.02)))
    for per_point in (0.1, 0.3, 1.0, 3.0):
        found = told(sizer, counted(spheres, per_point=per_point))
        assert np.isnan(found) or found < 0.002


@settings(max_examples=10, deadline=None)
@given(scale=st.floats(1e-3, 1e6), seed=st.integers(0, 100))
def test_misfit_does_not_depend_on_the_unit_of_intensity(sizer, rods, scale, seed):
    pattern = counted(rods, seed)
    assert told(sizer, pattern.copy(data=pattern.values * scale)) == pytest.approx(
        told(sizer, pattern), rel=1e-6
    )


def test_reference_without_particles_is_refused(sizer, spheres):
    bare = replace(sizer.reference, particles=None)
    with pytest.raises(ValueError, match="no patterns of particles"):
        misfit(bare, spheres["q"].values, spheres.values, 0.0)


def test_rods_come_with_caution_and_a_wider_interval(sizer, rods):
    answer = sizer.size(counted(rods))
    before = sizer.with_particles(None).size(counted(rods))
    assert any(CAUTION in reason for reason in answer.reasons)
    assert not any(CAUTION in reason for reason in before.reasons)
    assert answer.number_diameter == before.number_diameter
    for name in ("interval", "volume_interval"):
        (low, high), (inner_low, inner_high) = getattr(answer, name), getattr(before, name)
        assert low < inner_low
        assert high > inner_high
    for name in ("diameter", "volume_diameter"):
        assert answer.uncertainties[name] > before.uncertainties[name]
    assert answer.uncertainties["strain"] == before.uncertainties["strain"]


def test_wider_coverage_is_widened_more(sizer, rods):
    widths = []
    for coverage in (0.5, 0.9, 0.98):
        low, high = sizer.size(counted(rods), coverage=coverage).volume_interval
        widths.append(high - low)
    assert widths[0] < widths[1] < widths[2]


def test_spheres_come_without(sizer, spheres):
    answer = sizer.size(counted(spheres))
    assert isinstance(answer, Sizing)
    assert not any(CAUTION in reason for reason in answer.reasons)


def test_sizer_keeps_its_particles(sizer, tmp_path, rods):
    sizer.save(tmp_path / "kept")
    again = sq.load_sizer(tmp_path / "kept")
    np.testing.assert_array_equal(again.reference.particles, sizer.reference.particles)
    assert again.digest == sizer.digest
    assert again.size(counted(rods)).to_dict() == sizer.size(counted(rods)).to_dict()


def test_particles_need_simulated_patterns(sizer):
    bare = sq.Sizer(sizer.pipeline, None, name="bare")
    with pytest.raises(ValueError, match="make it with a library"):
        bare.with_particles(library())


def test_calibration_does_not_narrow_what_a_network_alone_states(sizer, spheres):
    def interval(factor):
        known = {"network": {"diameter": (factor,) * len(LEVELS)}}
        made = sizer.with_calibration(Calibration((3.0, 5.0), 5.0, known))
        low, high = made.size(counted(spheres)).interval
        return high - low

    assert interval(0.5) == interval(1.0) < interval(2.0)

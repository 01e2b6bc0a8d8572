import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.simulation import lognormal_upper_diameter, lognormal_weights

SMALL = {"diameters": [2.0], "dispersions": [0.1], "strains": [0.0]}


def test_default_grid_is_the_published_one():
    q = sq.default_q_grid()
    assert len(q) == 5004
    np.testing.assert_allclose(q[[0, 1, -1]], [0.99, 0.9928, 14.9984], atol=1e-12)


def test_library_is_labelled(small_library):
    assert small_library["intensity"].dims == ("diameter", "dispersion", "strain", "q")
    assert small_library["intensity"].dtype == np.float32
    assert small_library["diameter"].attrs["units"] == "nm"
    assert small_library.attrs["crystal"] == "PbS"
    assert (small_library["intensity"] > 0).all()


def test_n_jobs_does_not_change_a_bit():
    arguments = {**SMALL, "strains": [-0.001, 0.0, 0.002], "q": np.linspace(1, 5, 200)}
    one = sq.simulate_library("PbS", n_jobs=1, **arguments)
    two = sq.simulate_library("PbS", n_jobs=2, **arguments)
    assert one.identical(two)


def test_a_narrow_population_is_one_cluster():
    pbs = sq.Crystal.builtin("PbS")
    diameter = 6 * pbs.node_diameter
    q = np.linspace(1.0, 12.0, 100)
    library = sq.simulate_library(
        pbs, diameters=[diameter], dispersions=[0.003], strains=[0.0], q=q
    )
    from sk_qdots.simulation import debye_intensity, distance_table, sphere

    cluster = sphere(pbs, diameter)
    alone = debye_intensity(distance_table([cluster]), q, wavelength=0.56)[0] / len(cluster.nodes)
    np.testing.assert_allclose(library["intensity"].values.ravel(), alone, rtol=1e-5)


def test_larger_dots_have_sharper_peaks(small_library):
    peak = small_library["intensity"].isel(dispersion=0, strain=1).sel(q=slice(2.9, 3.1))
    assert np.all(np.diff(peak.max("q").values) > 0)


@settings(max_examples=50, deadline=None)
@given(mean=st.floats(2.0, 10.0), dispersion=st.floats(0.05, 0.20))
def test_lognormal_has_its_moments(mean, dispersion):
    # A fine series, so that its own step does not show.
    diameters = 0.002 * np.arange(1, 20000)
    weights = lognormal_weights(diameters, mean, dispersion)
    average = weights @ diameters
    assert average == pytest.approx(mean, rel=1e-3)
    deviation = np.sqrt(weights @ (diameters - average) ** 2)
    assert deviation / average == pytest.approx(dispersion, rel=1e-2)
    upper = lognormal_upper_diameter(mean, dispersion, 1e-3)
    volume = weights * diameters**3
    assert volume[diameters > upper].sum() / volume.sum() == pytest.approx(1e-3, rel=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diameters": []}, "diameters"),
        ({"diameters": [0.0]}, "diameters holds 0.0"),
        ({"diameters": [2.0, 2.0]}, "more than once"),
        ({"dispersions": [0.0]}, "dispersions holds 0.0"),
        ({"dispersions": [15.0]}, "dispersions holds 15.0"),
        ({"strains": [np.nan]}, "strains"),
        ({"q": [2.0, 1.0]}, "ascending"),
        ({"q": [30.0]}, "4 pi / wavelength"),
        ({"q": [-1.0, 1.0]}, "positive"),
        ({"shape": "cube"}, "shape"),
        ({"wavelength": 0.0}, "wavelength"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        sq.simulate_library("PbS", **{**SMALL, **change})


def test_series_that_misses_the_mean():
    with pytest.raises(ValueError, match="no cluster"):
        lognormal_weights(np.array([100.0]), 2.0, 0.01)
    with pytest.raises(ValueError, match="too coarse or too short"):
        lognormal_weights(0.4638 * np.arange(1, 10), 6.0, 0.2)
    with pytest.raises(ValueError, match="too coarse or too short"):
        sq.simulate_library("PbS", **{**SMALL, "diameters": [0.1]})


def test_mean_diameter_is_what_the_series_makes_of_it():
    library = sq.simulate_library(
        "PbS", diameters=[2.0, 6.0], dispersions=[0.05, 0.2], strains=[0.0], q=[1.0, 2.0]
    )
    actual = library["mean_diameter"].values
    assert actual[0, 0] == pytest.approx(1.868, abs=0.005)  # clusters of 1.855 and 2.319 nm
    np.testing.assert_allclose(actual[:, 1], [2.0, 6.0], rtol=0.005)

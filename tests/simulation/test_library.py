import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.simulation import (
    DistanceTable,
    FreeAtoms,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    two_axis_series,
)

SMALL = {"diameters": [2.0], "dispersions": [0.1], "strains": [0.0]}
COARSE = {"q": np.linspace(1.0, 5.0, 200), "strains": np.linspace(-0.002, 0.002, 7)}


def test_default_grid_is_the_published_one():
    q = sq.default_q_grid()
    assert len(q) == 5004
    np.testing.assert_allclose(q[[0, 1, -1]], [0.99, 0.9928, 14.9984], atol=1e-12)


def test_library_is_labelled(small_library):
    assert small_library["intensity"].dims == ("diameter", "dispersion", "strain", "q")
    assert small_library["intensity"].dtype == np.float32
    for name, variable in small_library.variables.items():
        assert variable.attrs["long_name"], name
        assert variable.attrs["units"], name
    assert small_library.attrs["crystal"] == "PbS"
    assert "numpy" in small_library.attrs["versions"]
    assert (small_library["intensity"] > 0).all()


def test_n_jobs_does_not_change_a_bit():
    one, two = (sq.simulate_library("PbS", n_jobs=n, **{**SMALL, **COARSE}) for n in (1, 2))
    assert one.identical(two)


def test_a_narrow_population_is_one_cluster():
    pbs = sq.Crystal.builtin("PbS")
    diameter = 6 * pbs.node_diameter
    q = np.linspace(1.0, 12.0, 100)
    library = sq.simulate_library(
        pbs, diameters=[diameter], dispersions=[0.003], strains=[0.0], q=q
    )
    cluster = cut_cluster(pbs, "sphere", diameter, fill="volume")
    alone = debye_intensity(distance_table(cluster), q, wavelength=0.56)[0] / 216
    np.testing.assert_allclose(library["intensity"].values.ravel(), alone, rtol=1e-5)


def test_many_populations_or_few_are_the_same():
    # Few are mixed before the transform, many after it.
    many = sq.simulate_library(
        "PbS", diameters=np.arange(2.0, 6.0, 0.25), dispersions=[0.1], **COARSE
    )
    few = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], **COARSE)
    np.testing.assert_allclose(
        many["intensity"].sel(diameter=[3.0]), few["intensity"], rtol=1e-3
    )  # the tails of the series differ


def test_larger_dots_have_sharper_peaks(small_library):
    peak = small_library["intensity"].isel(dispersion=0, strain=1).sel(q=slice(2.9, 3.1))
    assert np.all(np.diff(peak.max("q").values) > 0)


def test_shapes_and_displacements_are_dimensions():
    arguments = {**SMALL, "q": COARSE["q"]}
    library = sq.simulate_library(
        "PbS", shape=["sphere", "cube"], b_iso=[0.5, 2.0], fill="atoms", **arguments
    )
    assert dict(library["intensity"].sizes) == {
        "shape": 2, "b_iso": 2, "diameter": 1, "dispersion": 1, "strain": 1, "q": 200
    }  # fmt: skip
    assert library["mean_diameter"].dims == ("shape", "diameter", "dispersion")
    alone = sq.simulate_library(
        sq.Crystal.builtin("PbS").with_b_iso(2.0), shape="cube", fill="atoms", **arguments
    )
    np.testing.assert_array_equal(
        library["intensity"].sel(shape="cube", b_iso=2.0), alone["intensity"]
    )
    X, y, groups = sq.library_samples(library)
    assert X.shape == (4, 200)
    assert len(set(groups)) == 4
    assert set(y) == {2000}


def test_a_saved_table_makes_the_same_library(tmp_path):
    arguments = {**SMALL, "dispersions": [0.15], **COARSE}
    table = distance_table(homologous_series(sq.Crystal.builtin("PbS"), 5.0, fill="volume"))
    table.save(tmp_path / "series.npz")
    loaded = DistanceTable.load(tmp_path / "series.npz")
    made = sq.simulate_library(loaded, **arguments)
    np.testing.assert_array_equal(
        made["intensity"], sq.simulate_library(table, **arguments)["intensity"]
    )
    np.testing.assert_allclose(
        made["intensity"], sq.simulate_library("PbS", **arguments)["intensity"], rtol=1e-3
    )
    with pytest.raises(ValueError, match="do not apply"):
        sq.simulate_library(table, shape="cube", **arguments)


@pytest.mark.parametrize("distribution", ["lognormal", "normal"])
def test_volume_weighted_populations_are_of_smaller_particles(distribution):
    arguments = {**SMALL, "diameters": [4.0], "dispersions": [0.2], "distribution": distribution}
    number, volume = (
        sq.simulate_library("PbS", weighting=w, **arguments) for w in ("number", "volume")
    )
    assert number["mean_diameter"].item() == pytest.approx(4.0, rel=0.02)
    assert volume["mean_diameter"].item() < 0.95 * number["mean_diameter"].item()
    assert (
        volume.attrs["size_distribution"] == f"{distribution}, mean and dispersion volume-weighted"
    )


def test_large_libraries_are_cut_into_tasks(monkeypatch):
    import sk_qdots.simulation.library as module

    arguments = {"diameters": [2.0, 3.0, 4.0], "dispersions": [0.1, 0.2], **COARSE}
    whole = sq.simulate_library("PbS", **arguments)
    monkeypatch.setattr(module, "_TASK_BYTES", 1)
    np.testing.assert_allclose(
        sq.simulate_library("PbS", n_jobs=1, **arguments)["intensity"],
        whole["intensity"],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diameters": []}, "diameters must be a non-empty"),
        ({"diameters": [0.0]}, "diameters holds 0.0"),
        ({"diameters": [-1.0]}, r"diameters holds -1.0; every value must lie in \(0, inf\]"),
        ({"diameters": [2.0, 2.0]}, "more than once"),
        ({"dispersions": [0.0]}, r"dispersions holds 0.0; every value must lie in \(0, 1\]"),
        ({"dispersions": [15.0]}, "dispersions holds 15.0"),
        ({"strains": [np.nan]}, "strains"),
        ({"b_iso": [-1.0]}, r"b_iso holds -1.0; every value must lie in \[0, 1000\]"),
        ({"q": [2.0, 1.0]}, "ascending"),
        ({"q": [30.0]}, "4 pi / wavelength"),
        ({"q": [-1.0, 1.0]}, "positive"),
        ({"shape": "banana"}, "shape is 'banana'"),
        ({"shape": ["cube", "cube"]}, "none twice"),
        ({"shape": []}, "at least one"),
        ({"fill": "half"}, "fill is 'half'"),
        ({"distribution": "gamma"}, "distribution is 'gamma'"),
        ({"weighting": "mass"}, "weighting is 'mass'"),
        ({"wavelength": 0.0}, "wavelength is 0.0"),
        ({"wavelength": "CuKa"}, "wavelength is 'CuKa'"),
        ({"wavelength": 1.5406}, "default grid reaches q = 15 .* give q, such as"),
        ({"strains": [0.5]}, "strains holds 0.5; .*fractions, not percent"),
        ({"diameters": [200.0]}, "too large .* lengths are in nm"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        sq.simulate_library("PbS", **{**SMALL, **change})


def test_tables_that_are_no_series():
    rods = distance_table(two_axis_series("PbS", [2.0, 3.0], [2.0, 3.0]))
    free = distance_table(FreeAtoms.from_cluster(cut_cluster("PbS", "cube", 1.5)))
    for table in (rods, free):
        with pytest.raises(ValueError, match="not a series of ascending diameters"):
            sq.simulate_library(table, **SMALL)
    with pytest.raises(TypeError, match="crystal is a list"):
        sq.simulate_library([1, 2], **SMALL)


def test_series_too_coarse():
    with pytest.raises(ValueError, match="too coarse or too short"):
        sq.simulate_library("PbS", **{**SMALL, "diameters": [0.1]})


def test_mean_diameter_is_what_the_series_makes_of_it():
    library = sq.simulate_library(
        "PbS", diameters=[2.0, 6.0], dispersions=[0.05, 0.2], strains=[0.0], q=[1.0, 2.0]
    )
    actual = library["mean_diameter"].values
    assert actual[0, 0] == pytest.approx(1.868, abs=0.005)  # clusters of 1.855 and 2.319 nm
    np.testing.assert_allclose(actual[:, 1], [2.0, 6.0], rtol=0.005)

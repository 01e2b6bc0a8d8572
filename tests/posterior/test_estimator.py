"""The estimator: what it takes, refuses and returns, and what its answers do not depend on."""

import pickle

import joblib
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from known_dots import DIAMETERS, GRID, TRUTH, counted, pattern_of, posterior_over, simulated
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior


@pytest.fixture(scope="module")
def X(dots):
    """Some counted patterns."""
    sizes = (2.6, 3.6, 4.4)
    return np.array([counted(pattern_of(dots, d), 2000.0, k) for k, d in enumerate(sizes)])


@pytest.fixture(scope="module")
def found(alone, X):
    return alone.posterior(X)


def same(some, others):
    assert len(some) == len(others) > 0
    for one, other in zip(some, others, strict=True):
        assert one.draws.keys() == other.draws.keys() and one.reasons == other.reasons
        for name in one.draws:
            np.testing.assert_array_equal(one.draws[name], other.draws[name])
    return True


def as_pattern(values, q=GRID, **coords):
    return xr.DataArray(values, dims="q", coords={"q": q, **coords})


def test_what_it_predicts_are_moments_of_the_draws(alone, X, found):
    mean, deviation = alone.predict(X, return_std=True)
    np.testing.assert_array_equal(mean, alone.predict(X))
    for k, one in enumerate(found):
        drawn = one.draws["diameter"]
        assert (mean[k], deviation[k]) == (drawn.mean(), drawn.std())
        assert len(drawn) == alone.n_draws
    ends = alone.predict_interval(X, coverage=0.8)
    np.testing.assert_allclose(ends[1], np.quantile(found[1].draws["diameter"], [0.1, 0.9]))
    probabilities = alone.class_probabilities(X)
    np.testing.assert_array_equal(alone.classes_, np.arange(2000, 5001, 500))
    np.testing.assert_allclose(probabilities @ alone.classes_, 1000.0 * mean)
    assert alone.score(X, [2.6, 3.6, 4.4]) > 0.99


def test_samples_are_some_of_the_draws(alone, X, found):
    samples = alone.sample_posterior(X, 200)
    assert samples.sizes == {"sample": 3, "draw": 200}
    assert set(samples) == set(found[0].draws)
    for k, one in enumerate(found):
        places = [one.draws["diameter"].tolist().index(d) for d in samples["diameter"].values[k]]
        assert len(set(places)) == 200  # none twice, and those of one draw together
        np.testing.assert_array_equal(samples["strain"].values[k], one.draws["strain"][places])
    np.testing.assert_allclose(
        samples["diameter"].mean("draw"), alone.predict(X), atol=3.5 * 0.1 / 200**0.5
    )


def test_rows_do_not_depend_on_each_other(alone, X, found):
    assert same(alone.posterior(X[::-1])[::-1], found)
    assert same(alone.posterior(X[1:2]), found[1:2])


@settings(max_examples=6, deadline=None)
@given(power=st.integers(-30, 30))
def test_the_unit_of_the_intensity_does_not_matter(alone, X, found, power):
    (one,) = alone.posterior(X[1:2] * 2.0**power)
    assert same([one], found[1:2])
    assert one.fit.chi2 == pytest.approx(found[1].fit.chi2)


@settings(max_examples=4, deadline=None)
@given(factor=st.floats(1e-5, 1e5))
def test_nor_where_it_rounds(alone, X, found, factor):
    (one,) = alone.posterior(X[1:2] * factor)
    assert one.mean("diameter") == pytest.approx(found[1].mean("diameter"), abs=1e-4)
    assert one.mean("strain") == pytest.approx(found[1].mean("strain"), abs=1e-7)


@pytest.fixture(scope="module")
def two_axes(X):
    """Which two workers share between them."""
    rows = np.concatenate([X, X])
    rows[::2, :400] = np.nan
    return rows


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_do_not_change_the_answers(dots, two_axes, backend):
    parallel = posterior_over(dots, n_jobs=2, n_draws=100)
    with joblib.parallel_config(backend=backend):
        answers = parallel.posterior(two_axes)
    assert same(answers, posterior_over(dots, n_draws=100).posterior(two_axes))


def test_workers_of_a_cluster(dots, two_axes):
    distributed = pytest.importorskip("distributed")
    parallel = posterior_over(dots, n_jobs=2, n_draws=100)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, processes=False
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        answers = parallel.posterior(two_axes)
    assert same(answers, posterior_over(dots, n_draws=100).posterior(two_axes))


def test_it_is_the_same_from_a_file(alone, X, found):
    again = pickle.loads(pickle.dumps(alone))
    assert not again._models  # no copy of what is made anew
    assert same(again.posterior(X), found)


def test_nothing_is_measured_at_nan(alone, dots, X):
    rows = X.copy()
    rows[1, 500:900] = np.nan
    part = alone.posterior(rows)
    whole = alone.posterior(X)
    assert same(part[::2], whole[::2])
    assert part[1].deviation("diameter") > whole[1].deviation("diameter")
    assert abs(part[1].mean("diameter") - 3.6) < 4.0 * part[1].deviation("diameter")
    rows[1, 500:900] = 1e9  # what was not measured, were it there
    (filled,) = alone.posterior(rows[1:2])
    assert filled.deviation("diameter") > 2.0 * part[1].deviation("diameter")


def test_patterns_on_part_of_the_grid(alone, X):
    """Those points of the grid are measured, and the others are not."""
    rows = X.copy()
    rows[:, :300] = rows[:, 1500:] = np.nan
    given_part = xr.DataArray(X[:, 300:1500], dims=("sample", "q"), coords={"q": GRID[300:1500]})
    assert same(alone.posterior(given_part), alone.posterior(rows))


@pytest.mark.parametrize("q", [GRID + 0.001, np.linspace(1.0, 9.0, 1900)])
def test_patterns_on_another_grid_are_refused(alone, X, q):
    other = xr.DataArray(X[:, : len(q)], dims=("sample", "q"), coords={"q": q})
    with pytest.raises(ValueError, match=r"another Q grid.*1 to 9 1/Angstrom in 2000 points"):
        alone.predict(other)


def test_patterns_without_anything_are_refused(alone, X):
    rows = X.copy()
    rows[1] = np.nan
    with pytest.raises(ValueError, match="nothing measured"):
        alone.predict(rows)
    with pytest.raises(ValueError, match="not above zero on average"):
        alone.predict(-X)
    with pytest.raises(ValueError, match="features"):
        alone.predict(X[:, :-1])


@pytest.mark.parametrize("coverage", [0.0, 1.0, -0.5, 90.0, np.nan])
def test_coverage_is_a_share(alone, X, coverage):
    with pytest.raises(ValueError, match="coverage"):
        alone.predict_interval(X, coverage)


@pytest.mark.parametrize("n_samples", [0, -1, 1001])
def test_no_more_samples_than_draws(alone, X, n_samples):
    with pytest.raises(ValueError, match=r"n_samples is .* 1 to n_draws, 1000"):
        alone.sample_posterior(X, n_samples)


def test_it_is_fitted_first(X):
    for call in ("predict", "posterior", "class_probabilities"):
        with pytest.raises(NotFittedError):
            getattr(DebyePosterior(), call)(X)
    with pytest.raises(NotFittedError):
        DebyePosterior().posterior_of(as_pattern(X[0]))


@pytest.mark.parametrize(
    ("given_for", "told"),
    [
        ({"shape": []}, "shape is empty"),
        ({"shape": "egg"}, "shape"),
        ({"diameters": (5.0, 2.0)}, "diameters"),
        ({"dispersions": (0.3, 0.1)}, "dispersions"),
        ({"strains": (0.01, -0.01)}, "strains"),
        ({"stacking": (0.5, 0.2)}, "growth_faults"),
        ({"b_iso": (1.0, -1.0)}, "b_iso"),
        ({"classes": [3000]}, "two diameters"),
        ({"fwhm": -1.0}, "fwhm"),
        ({"n_draws": 10}, "n_draws"),
        ({"texture": "perhaps"}, "texture"),
    ],
)
def test_what_cannot_be_is_refused(given_for, told):
    small = {"q": np.linspace(1.0, 4.0, 200), "diameters": (1.5, 2.0), "solvents": []}
    with pytest.raises(ValueError, match=told):
        DebyePosterior(**{**small, **given_for}).fit("PbS")


def test_crystals_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match="unobtainium"):
        DebyePosterior().fit("unobtainium")


def test_fit_simulates_what_it_is_asked_for(dots, X):
    asked = {"diameters": (2.0, 5.0), "dispersions": (0.05, 0.2), "strains": (-0.005, 0.005)}
    posterior = DebyePosterior(**asked, q=GRID, fwhm=0.1, solvents=[], shape=["sphere", "cube"])
    posterior = clone(posterior).fit(sq.simulation.Crystal.builtin("PbS"))
    assert [one.shape for one in posterior.series_] == ["sphere", "cube"]
    b_iso = np.mean([site.b_iso for site in sq.simulation.Crystal.builtin("PbS").sublattices])
    bounds = posterior.series_[0].bounds
    assert bounds["fwhm"] == (0.0, 0.1) and bounds["strain"] == (-0.005, 0.005)
    assert bounds["b_iso"] == pytest.approx((-0.5 * b_iso, b_iso))
    np.testing.assert_array_equal(posterior.q_, GRID)
    (one,) = posterior.posterior(X[1:2])
    assert abs(one.mean("diameter") - 3.6) < 3.5 * one.deviation("diameter")


def test_of_a_pattern_on_its_own_axis(alone, dots):
    q = np.linspace(0.5, 10.0, 4000)  # wider than what was simulated
    exact = np.interp(q, GRID, pattern_of(dots))
    counts = counted(exact, 3000.0)
    angles = 2.0 * np.degrees(np.arcsin(q * 0.56 / (4.0 * np.pi)))
    measured = as_pattern(counts, q, two_theta=("q", angles))
    found = alone.posterior_of(measured)
    for name, truth in TRUTH.items():
        assert abs(found.mean(name) - truth) < 3.5 * found.deviation(name)
    curves = found.fit.curves
    inside = (q >= 1.0) & (q <= 9.0)
    np.testing.assert_array_equal(curves["q"], q[inside])
    np.testing.assert_array_equal(curves["measured"], counts[inside])
    np.testing.assert_array_equal(curves["two_theta"], angles[inside])
    left = (curves["measured"] - curves["calculated"]) / curves["esd"]
    assert float((left**2).mean()) == pytest.approx(1.0, abs=0.1)
    right = alone.posterior_of(measured.assign_coords(esd=("q", np.sqrt(3000.0 * exact))))
    assert right.deviation("diameter") == pytest.approx(found.deviation("diameter"), rel=0.1)
    # A quarter of the noise is not believed.
    wrong = alone.posterior_of(measured.assign_coords(esd=("q", 0.25 * np.sqrt(3000.0 * exact))))
    assert same([wrong], [found])
    row = measured.expand_dims("sample")
    assert same([alone.posterior_of(row)], [found])


def test_of_a_coarse_pattern(alone, dots):
    """Whose noise only the fit tells."""
    q = GRID[::12]
    counts = counted(pattern_of(dots)[::12], 3000.0)
    found = alone.posterior_of(as_pattern(counts, q))
    assert abs(found.mean("diameter") - 3.6) < 3.5 * found.deviation("diameter") < 0.3
    left = (counts - found.fit.curves["calculated"]) / found.fit.curves["esd"]
    assert 0.6 < float((left**2).mean()) < 1.1
    assert np.isnan(found.fit.chi2) and found.fit.to_dict()["chi2"] is None


def test_one_pattern_with_enough_points(alone, X, dots):
    with pytest.raises(ValueError, match="one pattern"):
        alone.posterior_of(xr.DataArray(X, dims=("sample", "q"), coords={"q": GRID}))
    far = np.linspace(8.95, 20.0, 500)
    with pytest.raises(ValueError, match=r"\d points lie between 1 and 9 1/Angstrom"):
        alone.posterior_of(as_pattern(np.ones(500), far))
    with pytest.raises(ValueError, match="q"):
        alone.posterior_of(xr.DataArray(X[0], dims="x"))
    with pytest.raises(ValueError, match="before fit"):
        alone.posterior_of(as_pattern(X[0]), instrument=sq.Instrument())


def test_a_blank_may_lie_under_the_dots(dots):
    blank = as_pattern(1.0 + np.exp(-(((GRID - 3.0) / 0.06) ** 2)))  # sharper than any liquid
    X = counted(0.5 * pattern_of(dots) + 0.5 * blank.values / blank.values.mean(), 3000.0)[None]
    (told,) = posterior_over(dots, blank=blank).posterior(X)
    assert abs(told.mean("diameter") - 3.6) < 3.5 * told.deviation("diameter")
    assert told.fit.chi2 == pytest.approx(1.0, abs=0.15)
    (not_told,) = posterior_over(dots).posterior(X)
    assert not_told.fit.chi2 > 1.2 and not_told.fit.widened > 2.0 * told.fit.widened


@pytest.fixture(scope="module")
def templates(dots):
    sizes = np.linspace(2.5, 4.5, 21)
    return np.array([pattern_of(dots, size, strain=0.0) for size in sizes]), sizes


def test_templates_are_compared(templates):
    patterns, sizes = templates
    posterior = DebyePosterior().fit(patterns, sizes)
    rows = np.array([counted(patterns[k], 2000.0, k) for k in (3, 10, 18)])
    np.testing.assert_allclose(posterior.predict(rows), sizes[[3, 10, 18]], atol=0.06)
    np.testing.assert_allclose(posterior.predict(7.0 * patterns[:2] + 3.0), sizes[:2], atol=1e-6)
    low, high = posterior.predict_interval(counted(patterns[10], 3.0)[None])[0]
    assert low < 3.5 < high and high > low
    holed = rows.copy()
    holed[:, 200:400] = np.nan
    np.testing.assert_allclose(posterior.predict(holed), sizes[[3, 10, 18]], atol=0.1)


def test_what_templates_cannot_do_is_told(templates):
    patterns, sizes = templates
    with pytest.raises(ValueError, match="requires y"):
        DebyePosterior().fit(patterns)
    posterior = DebyePosterior().fit(patterns, sizes)
    with pytest.raises(ValueError, match="fit it to a crystal"):
        posterior.class_probabilities(patterns)
    with pytest.raises(ValueError, match="nothing measured"):
        posterior.predict(np.full((1, len(GRID)), np.nan))
    with pytest.raises(NotFittedError):
        posterior.posterior_of(as_pattern(patterns[0]))


def test_fitted_anew_it_forgets(dots, templates, X, found):
    posterior = posterior_over(dots)
    posterior.fit(*templates)
    assert not hasattr(posterior, "series_")
    assert same(posterior.fit(dots).posterior(X), found) and not hasattr(posterior, "templates_")
    larger = simulated(diameters=(4.0, 5.0))
    low = posterior.set_params(diameters=(4.0, 5.0)).fit(larger).posterior(X)[1]
    assert low.draws["diameter"].min() >= 4.0 > found[1].draws["diameter"].max()
    assert DIAMETERS[0] < 4.0

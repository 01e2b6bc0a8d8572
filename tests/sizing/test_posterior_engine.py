"""The engine that draws: intervals from the draws, the fit in the answer, refusals."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from draws import OnePattern

import sk_qdots as sq
from sk_qdots.posterior import PatternPosterior
from sk_qdots.sizing import Engine, Facts, PatternEngine, Posterior, PosteriorEngine


@pytest.fixture(scope="module")
def library():
    return sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])


@pytest.fixture(scope="module")
def simulated(library):
    return sq.library_samples(library)[0][0]


@pytest.fixture(scope="module")
def measured(library):
    """In a liquid, counted, on an axis of its own."""
    mixed = sq.SolventMixer("toluene", qd_fraction=0.5).fit_transform(
        sq.library_samples(library)[0]
    )[0]
    q = np.linspace(1.2, 9.0, 3000)
    expected = np.interp(q, mixed["q"], mixed) / float(mixed.mean()) * 3000.0
    counts = np.random.default_rng(1).poisson(expected)
    return xr.DataArray(counts, dims="q", coords={"q": q}, attrs={"source": "run/sample.xy"})


@pytest.fixture
def estimator(simulated):
    return OnePattern(simulated["q"].values, simulated.values, 4.03)


def sizer_with(estimator, *, name="PbS", instrument=None, n_told=0, **arguments):
    standardizer = sq.QStandardizer(n_told=n_told).fit(np.ones((1, 5004)))
    facts = Facts(name, (1.833, 2.117), 0.05, reflections=(1.833, 2.117, 2.993, 3.51, 3.666))
    engine = PosteriorEngine(estimator, instrument)
    return sq.Sizer((standardizer, engine), facts=facts, **arguments)


@pytest.fixture
def sizer(estimator):
    return sizer_with(estimator, name="drawn")


def test_draws_are_shared_by_the_classes_around_them():
    classes = np.array([2000, 3000, 5000])
    rng = np.random.default_rng(0)
    details = [
        PatternPosterior({"diameter": rng.uniform(2.0, 5.0, 1000)}),
        PatternPosterior({"diameter": np.array([3.0])}),
        PatternPosterior({"diameter": np.array([5.0, 2.0])}),
        PatternPosterior({"diameter": np.array([1.0, 9.0])}),
    ]
    posterior = Posterior.from_draws(classes, details)
    np.testing.assert_allclose(posterior.probabilities.sum(axis=1), 1.0)
    for k in range(3):
        drawn = details[k].draws["diameter"]
        assert posterior.expected_diameter()[k] == pytest.approx(drawn.mean(), abs=1e-9)
    np.testing.assert_allclose(
        posterior.probabilities[1:], [[0, 1, 0], [0.5, 0, 0.5], [0.5, 0, 0.5]]
    )


def test_intervals_are_quantiles_of_the_draws():
    drawn = np.random.default_rng(0).exponential(size=5000) + 3.0
    posterior = Posterior.from_draws(
        np.array([2000, 9000]), [PatternPosterior({"diameter": drawn, "b_iso": drawn})]
    )
    for coverage in (0.5, 0.9):
        ends = posterior.interval("diameter", coverage)[0]
        inside = (drawn >= ends[0]) & (drawn <= ends[1])
        assert inside.mean() == pytest.approx(coverage, abs=0.001)
        assert (drawn < ends[0]).mean() == pytest.approx(0.5 - coverage / 2, abs=0.001)
    assert set(posterior.means) == {"diameter"}  # what is no quantity of an answer stays a draw
    with pytest.raises(KeyError):
        posterior.interval("strain")


@pytest.mark.parametrize(
    ("draws", "message"),
    [({"strain": np.zeros(3)}, "lack the diameter"), ({"diameter": np.array([np.nan])}, "finite")],
)
def test_draws_without_a_size_are_refused(draws, message):
    with pytest.raises(ValueError, match=message):
        Posterior.from_draws(np.array([2000, 9000]), [PatternPosterior(draws)])


def test_details_are_one_a_pattern():
    with pytest.raises(ValueError, match="details are of 2 patterns"):
        Posterior(
            np.array([2000, 3000]), np.array([[0.5, 0.5]]), details=[PatternPosterior({})] * 2
        )


def test_it_is_an_engine_that_sees_the_pattern(estimator):
    engine = PosteriorEngine(estimator)
    assert isinstance(engine, Engine) and isinstance(engine, PatternEngine)
    rows = np.ones((3, 10))
    np.testing.assert_array_equal(engine.predict_proba(rows), engine.posterior(rows).probabilities)
    with pytest.raises(ValueError, match="not fitted"):
        PosteriorEngine(object())


def test_an_answer_has_the_fit(sizer, estimator, measured):
    result = sizer.size(measured)
    assert estimator.asked[0][0].identical(measured) and estimator.asked[0][1] is None
    draws = estimator.draws()
    for name, ends in (("diameter", result.interval), ("volume_diameter", result.volume_interval)):
        assert ends == pytest.approx(np.quantile(draws[name], [0.05, 0.95]))
    assert result.number_diameter == pytest.approx(draws["diameter"].mean())
    assert result.expected_diameter == pytest.approx(result.number_diameter)
    assert result.surface_diameter == pytest.approx(draws["surface_diameter"].mean())
    assert result.uncertainties["surface_diameter"] == pytest.approx(
        draws["surface_diameter"].std()
    )
    assert result.diameter == 4.0 and result.engine == "Debye posterior"
    assert result.reasons == ("this is made up",) and result.verdict == "caution"
    assert result.agreement > 0.95
    assert result.fit.parameters["b_iso"] == pytest.approx(0.75, abs=0.05)
    assert result.fit.uncertainties["diameter"] == pytest.approx(0.05, abs=0.01)
    np.testing.assert_array_equal(result.match.simulated, result.fit.curves["calculated"])
    told = json.loads(result.to_json())
    assert told["fit"]["r_wp"] == result.fit.r_wp and "curves" not in told["fit"]
    assert told["fit"]["covariance"]["parameters"][0] == "diameter" and "fit" in told["units"]
    card = result._repr_html_()
    assert "R_wp" in card and "chi-square" in card and "svg" in card and "this is made up" in card


def test_an_answer_without_a_fit_says_so():
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    result = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0], engine="network")
    assert result.fit is None and result.to_dict()["fit"] is None
    assert "R_wp" not in result._repr_html_()


def test_curves_of_the_fit_are_written(sizer, measured, tmp_path):
    fit = sizer.size(measured).fit
    fit.to_csv(tmp_path / "fit.csv")
    header, *rows = (tmp_path / "fit.csv").read_text().splitlines()
    assert header.split(",")[0] == "q (1/Angstrom)" and len(rows) == measured.size
    values = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    np.testing.assert_allclose(values[:, 1], measured, rtol=1e-7)
    np.testing.assert_allclose(values[:, -1], values[:, 1] - values[:, 3], atol=1e-3)


def test_another_crystal_is_refused_by_the_fit(simulated, measured):
    other = sq.simulate_library("Pt", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    pattern = sq.library_samples(other)[0][0]
    sizer = sizer_with(OnePattern(pattern["q"].values, pattern.values, 4.0))
    with pytest.raises(sq.PatternError, match=r"does not look like PbS.*agreement 0"):
        sizer.size(measured)


def test_noise_is_refused_by_the_fit(sizer, measured):
    noise = measured.copy(data=np.random.default_rng(0).poisson(1000.0, measured.size))
    with pytest.raises(sq.PatternError, match="does not look like"):
        sizer.size(noise)


@pytest.mark.parametrize("shape", [np.ones(3000), np.linspace(1.0, 5.0, 3000)])
def test_a_pattern_without_structure_is_refused(sizer, measured, shape):
    with pytest.raises(sq.PatternError, match=r"does not look like drawn \(agreement 0\.00"):
        sizer.size(measured.copy(data=1000.0 * shape))
    with pytest.raises(sq.PatternError, match=r"does not look like PbS \(agreement 0\.[0-7]"):
        sq.load_sizer("PbS").size(measured.copy(data=1000.0 * shape))


def test_the_agreement_of_a_fit_is_that_of_stored_patterns(sizer, library, measured):
    by_fit = sizer.size(measured).agreement
    stored = sq.load_sizer("PbS").match(measured, 4000).agreement
    assert by_fit == pytest.approx(stored, abs=0.02)


def test_many_patterns_are_each_seen_as_measured(sizer, estimator, measured):
    empty = measured.copy(data=np.zeros(measured.size)).assign_attrs(source="empty.xy")
    one, other, again = sizer.size_many([measured, empty, measured])
    assert isinstance(other, sq.PatternError) and other.source == "empty.xy"
    assert one.to_json() == again.to_json() == sizer.size(measured).to_json()
    assert one.fit is not None and sizer.size_many([]) == []


def test_a_trained_sizer_may_be_witnessed_by_it(estimator, simulated):
    trained = sq.load_sizer("PbS")
    for size in (4.0, 5.5):
        witness = PosteriorEngine(OnePattern(simulated["q"].values, simulated.values, size))
        sizer = sq.Sizer(
            trained.pipeline,
            trained.reference,
            regressor=trained.regressor,
            targets=trained.targets,
            witnesses=[witness],
            facts=trained.facts,
        )
        result = sizer.size(simulated)
        assert result.fit is not None and "this is made up" in result.reasons
        assert any("the fit disagree (4." in why for why in result.reasons) == (size == 5.5)
        low, high = result.interval  # holds both, where they differ
        assert low < 4.0 < high and (size == 4.0 or low < 5.5 < high)


def test_it_may_be_witnessed(estimator, measured):
    network = sq.load_sizer("PbS").engines[0]
    sizer = sizer_with(estimator, n_told=network.n_told, witnesses=[network])
    assert sizer.size(measured).reasons == ("this is made up",)
    estimator.diameter = 6.0
    assert "posterior 6.0" in sizer.size(measured).reasons[0]


def test_estimates_of_many(sizer, simulated):
    found = sizer.estimate(xr.concat([simulated, simulated], "sample"))
    assert set(found) >= {"diameter", "diameter_std", "surface_diameter", "surface_diameter_std"}
    assert found["surface_diameter"].attrs["units"] == "nm"


def test_the_instrument_reaches_the_engine(simulated, measured):
    ready = sq.load_instrument("synchrotron")
    instrument = ready.replace(wavelengths=(0.56,), name="mine", source="calibrated")
    estimator = OnePattern(simulated["q"].values, simulated.values, 4.0)
    sizer = sizer_with(estimator, instrument=instrument)
    angles = np.rad2deg(2.0 * np.arcsin(measured["q"].values * 0.56 / (4.0 * np.pi)))
    pattern = measured.assign_coords(two_theta=("q", angles)).assign_attrs(wavelength=0.56)
    assert sizer.instrument == instrument
    assert sizer.size(pattern).settings["instrument"]["name"] == "mine"
    assert estimator.asked[-1][1] == instrument
    shifted = instrument.replace(zero=0.05)
    sizer.size(pattern, shifted)
    seen, given = estimator.asked[-1]
    assert given == shifted and not np.allclose(seen["q"], pattern["q"], atol=1e-4)
    with pytest.raises(sq.PatternError, match=r"measured at 0\.71"):
        sizer.size(pattern.assign_attrs(wavelength=0.71))


def test_two_reflections_are_needed(estimator, measured):
    sizer = sizer_with(estimator)
    assert sizer.size(measured).diameter == 4.0
    assert sizer.size(measured.sel(q=slice(2.5, 4.5))).diameter == 4.0
    assert "two reflections, such as those" in sizer._repr_html_()
    for ends, found in (((2.6, 3.3), "only one reflection, 2.99"), ((4.0, 9.0), "no reflection")):
        with pytest.raises(sq.PatternError, match=rf"{found}.*at 1.83, 2.12, 2.99.*needs two"):
            sizer.size(measured.sel(q=slice(*ends)))
    hole = measured.where((measured["q"] < 1.5) | (measured["q"] > 3.2))
    with pytest.raises(sq.PatternError, match="finer step"):
        sizer.size(measured[::40])
    assert sizer.size(hole).diameter == 4.0


def test_draws_that_crowd_at_the_end_of_what_was_asked_for_come_with_caution(measured, simulated):
    estimator = OnePattern(simulated["q"].values, simulated.values, 4.0)
    for asked, reason in (
        ({"dispersions": [0.02, 0.105]}, "the dispersion, 0.1, lies at the end of .*0.02 to 0.105"),
        ({"dispersions": [0.09, 0.3]}, None),
        ({"strains": [-0.01, 0.0012]}, "the strain, 0.00099, lies at the end of .*give strains="),
        ({"strains": [0.0008, 0.01]}, "the strain"),
        ({"strains": [-0.01, 0.01], "dispersions": [0.02, 0.27]}, None),
    ):
        facts = replace(sizer_with(estimator).facts, simulation=asked)
        engine = PosteriorEngine(estimator)
        sizer = sq.Sizer((sq.QStandardizer().fit(np.ones((1, 5004))), engine), facts=facts)
        first, *rest = sizer.size(measured).reasons
        assert first == "this is made up" and len(rest) == (reason is not None)
        assert reason is None or re.search(reason, rest[0])

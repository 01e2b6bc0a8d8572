"""Patterns that are sized with the instrument that they were measured with."""

import json

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.augmentation.facts import augmentation_facts
from sk_qdots.evaluation import evaluate
from sk_qdots.instruments import Instrument
from sk_qdots.instruments.ready import at_wavelength, is_example
from sk_qdots.instruments.resolution import width_in_q
from sk_qdots.sizing import Posterior, Recipe
from sk_qdots.sizing.instruments import too_broad
from sk_qdots.sizing.parts import SizerParts, manifest_of_parts

MOVED = Instrument((0.5600,), zero=0.08, displacement=-0.03, w=1e-6, name="mine")


@pytest.fixture(scope="module")
def clean():
    """A pattern of 4.5 nm over even angles, as it would be read without zero."""
    angles = np.arange(5.0, 80.0, 0.02)
    q = 4.0 * np.pi / 0.56 * np.sin(np.deg2rad(angles / 2.0))
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    values = library["intensity"].values.ravel().astype(float)
    return xr.DataArray(
        np.random.default_rng(0).poisson(values / values.mean() * 2000).astype(float),
        dims="q",
        coords={"q": q, "two_theta": ("q", angles)},
        attrs={"wavelength": 0.56, "source": "here"},
    )


def read_with(pattern, instrument):
    """The pattern as an instrument with a zero and a displacement reads it."""
    read = instrument.read_two_theta(pattern["two_theta"].values)
    q = 4.0 * np.pi / 0.56 * np.sin(np.deg2rad(read / 2.0))
    return pattern.assign_coords(q=("q", q), two_theta=("q", read))


def test_zero_and_displacement_are_taken_away(clean):
    sizer = sq.load_sizer("PbS")
    plain = sizer.size(clean, MOVED.replace(zero=0.0, displacement=0.0))
    moved = read_with(clean, MOVED)
    told, not_told = sizer.size(moved, MOVED), sizer.size(moved)
    assert abs(told.strain - plain.strain) < 1e-5 < 1e-3 < abs(not_told.strain - plain.strain)
    assert told.number_diameter == pytest.approx(plain.number_diameter, abs=1e-3)
    assert told.verdict == "ok"
    assert told.settings["instrument"]["zero"] == 0.08
    assert json.loads(told.to_json())["settings"]["instrument"]["name"] == "mine"
    assert "instrument" not in not_told.settings


def test_the_calibrated_wavelength_counts(clean):
    sizer = sq.load_sizer("PbS")
    calibrated = Instrument((0.5605,))
    strains = [sizer.size(clean, one).strain for one in (None, calibrated)]
    assert strains[1] - strains[0] == pytest.approx(0.0005 / 0.56, rel=0.15)


def test_another_wavelength_is_refused(clean):
    with pytest.raises(sq.PatternError, match=r"at 0.56 Angstrom, and the instrument lab-mo has"):
        sq.load_sizer("PbS").size(clean, sq.load_instrument("lab-mo"))


@pytest.mark.parametrize("name", ["synchrotron", "ideal"])
def test_an_example_takes_the_wavelength_of_the_pattern(clean, name):
    sizer, example = sq.load_sizer("PbS"), sq.load_instrument(name)
    at = clean.assign_attrs(wavelength=0.5642)
    at = at.assign_coords(q=clean["q"] * 0.56 / 0.5642)
    told = sizer.size(at, example)
    mine = sizer.size(at, example.replace(wavelengths=(0.5642,), name="mine"))
    assert told.number_diameter == pytest.approx(mine.number_diameter, abs=1e-9)
    assert told.settings["instrument"]["wavelengths"] == [0.5642]
    assert "replaced" not in told.settings["instrument"]["source"]
    mute = clean.drop_vars("two_theta").drop_attrs()
    with pytest.raises(sq.PatternError, match=f"{name} is an example.*--wavelength"):
        sizer.size(mute, example)


def test_an_example_is_one_under_any_name_until_it_has_a_wavelength():
    example = sq.load_instrument("synchrotron")
    assert is_example(example.replace(name="mine"))
    assert is_example(Instrument.from_json(example.to_json()))
    for stated in (0.56, 0.5642):
        assert not is_example(at_wavelength(example, stated))
    assert not is_example(Instrument())


def test_an_evaluation_asks_for_the_wavelength_of_an_example(tmp_path):
    with pytest.raises(ValueError, match="ideal is an example without a wavelength"):
        evaluate("PbS", tmp_path / "out", instrument=sq.load_instrument("ideal"), quick=True)


def test_a_name_is_no_instrument(clean):
    with pytest.raises(TypeError, match="load_instrument"):
        sq.load_sizer("PbS").size(clean, "synchrotron")
    with pytest.raises(TypeError, match="load_instrument"):
        sq.robustness_scorers("instrument", instrument="synchrotron")


def test_over_q_alone(clean):
    bare = clean.drop_vars("two_theta")
    sizer = sq.load_sizer("PbS")
    with pytest.raises(sq.PatternError, match="two-theta"):
        sizer.size(bare, MOVED)
    centred = MOVED.replace(zero=0.0, displacement=0.0)
    told = sizer.size(bare, centred)
    assert told.number_diameter == pytest.approx(
        sizer.size(clean, centred).number_diameter, abs=1e-9
    )


@pytest.mark.parametrize(
    ("model", "width", "is_doubted"),
    [("PbS", 0.05, False), ("PbS", 0.3, True), ("CdSe", 0.05, False)],
)
def test_caution_where_the_instrument_is_broader_than_those_of_the_training(
    clean, model, width, is_doubted
):
    sizer = sq.load_sizer(model)
    instrument = Instrument((0.56,), w=width**2)
    reasons = too_broad(instrument, sizer.augmentation, clean["q"].values)
    assert bool(reasons) == is_doubted
    if model == "PbS":
        told = sizer.size(clean, instrument, engine="network")
        assert (told.verdict, told.reasons) == (("caution", reasons) if is_doubted else ("ok", ()))
    if is_doubted:
        (reason,) = reasons
        assert "--instrument" in reason and "may be larger" in reason


def test_manifests_that_tell_the_training_otherwise_make_no_caution(clean):
    q, broad = clean["q"].values, Instrument((0.56,), w=0.04)
    for told in ({"laboratory": {"fwhm": "wide"}}, {"class": "InstrumentBroadening"}):
        assert too_broad(broad, told, q) == ()


def test_width_in_q_is_the_slope_of_q():
    instrument = Instrument((0.7,), u=0.01, w=0.02)
    angle = 50.0
    q = [4.0 * np.pi / 0.7 * np.sin(np.deg2rad((angle + d) / 2.0)) for d in (-1e-3, 0.0, 1e-3)]
    expected = (q[2] - q[0]) / 2e-3 * float(instrument.fwhm(angle))
    assert width_in_q(instrument, q[1]) == pytest.approx(expected, rel=1e-4)


def test_a_standardiser_that_tells_nothing_is_saved_as_before():
    kept = ("standardizer", "engines", "reference", "facts")
    parts = SizerParts(*(getattr(sq.load_sizer("PbS"), name) for name in kept))
    assert bool(parts.standardizer.n_told) == ("n_told" in manifest_of_parts(parts)["standardizer"])


class Listener:
    """An engine that keeps the rows that it gets."""

    name = "listener"
    targets = ()

    def __init__(self, n_told=0):
        self.classes_ = np.array([4000, 4500, 5000])
        self.n_told = n_told
        self.rows = []

    def posterior(self, rows):
        self.rows.append(np.asarray(rows))
        return Posterior(self.classes_, self.predict_proba(rows))

    def predict_proba(self, rows):
        return np.tile([0.1, 0.8, 0.1], (len(rows), 1))


def test_a_sizer_tells_the_resolution_where_it_is_to_be_told(clean):
    engine = Listener(n_told=4)
    standardizer = sq.QStandardizer(q_max=12.0, n_told=4).fit(np.ones((1, 5004)))
    sizer = sq.Sizer((standardizer, engine))
    instrument = Instrument((0.56,), u=0.01, w=0.02)
    told, untold = sizer.size(clean, instrument), sizer.size(clean)
    assert told.q_range == untold.q_range
    sizer.size_many([clean])
    sizer.predict_proba([clean])
    with_it, *without = engine.rows
    assert with_it.shape == (1, 5008)
    widths = width_in_q(instrument, np.linspace(0.99, 12.0, 3))
    np.testing.assert_allclose(with_it[0, 5004:], [*np.log(widths), instrument.eta])
    for rows in without:
        np.testing.assert_array_equal(rows[0, :5004], with_it[0, :5004])
        assert np.isnan(rows[0, 5004:]).all()
    assert standardizer.instrument is None
    plain = Listener()
    sizer = sq.Sizer((sq.QStandardizer(q_max=12.0).fit(np.ones((1, 5004))), plain))
    sizer.size(clean, instrument)
    assert plain.rows[-1].shape == (1, 5004)


def test_a_told_network_is_doubted_beyond_all_that_was_drawn(clean):
    q = clean["q"].values
    told = augmentation_facts(sq.RandomExperiment("synchrotron", n_told=4))
    not_told = augmentation_facts(sq.RandomExperiment("synchrotron"))
    rare, never = (Instrument((0.4,), u=w**2, w=w**2) for w in (0.14, 0.18))
    assert too_broad(rare, told, q) == () and too_broad(rare, not_told, q)
    assert too_broad(never, told, q)


def test_the_instrument_of_a_posterior_beside_a_network_is_that_of_the_pattern():
    """Where it may be: at its wavelength, with the angles that its zero needs."""
    mine = sq.Instrument((0.5642,), zero=0.05, w=0.0004, name="mine")
    sizer = sq.load_sizer("PbS").with_posterior(Recipe.checked("PbS", instrument=mine))
    angles = np.linspace(5.0, 60.0, 500)
    attrs = {"wavelength": 0.5642}
    q = 4.0 * np.pi / 0.5642 * np.sin(np.deg2rad(angles / 2.0))
    over_q = xr.DataArray(np.ones(500), dims="q", coords={"q": q}, attrs=attrs)
    pattern = over_q.assign_coords(two_theta=("q", angles))
    assert sizer.instrument is None and sizer._own_instrument(pattern) == mine
    assert sizer._own_instrument(over_q) is None
    assert sizer._own_instrument(pattern.assign_attrs(wavelength=0.71)) is None
    assert sq.load_sizer("PbS")._own_instrument(pattern) is None

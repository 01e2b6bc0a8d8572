"""Laboratories around an instrument, and what is known of the widths that were drawn."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import sk_qdots as sq
from sk_qdots.augmentation import LABORATORIES, InstrumentBroadening, Laboratory
from sk_qdots.augmentation._draws import Draw
from sk_qdots.augmentation.facts import augmentation_facts, trained_width
from sk_qdots.instruments import ANODES, Instrument
from sk_qdots.instruments.resolution import resolution, width_in_q
from sk_qdots.simulation import q_from_two_theta

TUBE = Instrument(
    ANODES["Cu"],
    (1.0, 0.48),
    u=0.004,
    w=0.0081,
    eta=0.4,
    eta_slope=0.001,
    polarisation=1.0,
    monochromator=26.6,
    two_theta_range=(15.0, 100.0),
    uncertainties={"zero": 0.02},
)


def test_everything_that_the_instrument_says():
    lab = Laboratory.around(TUBE)
    first, second = ANODES["Cu"]
    assert lab.wavelength == (first, first) and lab.k_alpha2_split == second / first
    assert lab.k_alpha2 == pytest.approx((0.95 * 0.48, 1.05 * 0.48))
    assert lab.zero_shift == (-0.04, 0.04)
    # Patterns are over the Q of the mean wavelength.
    believed = (first * 1.0 + second * 0.48) / 1.48 / first - 1.0
    assert lab.wavelength_error == pytest.approx((believed, believed))
    assert lab.polarised_share == pytest.approx(np.cos(np.deg2rad(26.6)) ** 2)
    assert lab.fwhm == (0.85, 1.15) and lab.fwhm_growth == (0.0, 0.0)
    assert lab.caglioti == (0.004, 0.0, 0.0081)
    assert lab.eta == pytest.approx((0.415, 0.5)) and lab.broadening_share == 1.0
    low, high = q_from_two_theta(np.array([15.0, 100.0]), TUBE.wavelength)
    assert lab.q_min[0] == pytest.approx(low) and lab.q_max[1] == pytest.approx(high)
    assert lab.full_range_share == 0.0
    like = LABORATORIES["lab-cu"]
    for name in ("qd_fraction", "scale", "coarsening", "background", "march", "texture_share"):
        assert getattr(lab, name) == getattr(like, name)


@pytest.mark.parametrize(
    ("instrument", "base"),
    [
        (sq.load_instrument("lab-cu"), "lab-cu"),
        (sq.load_instrument("lab-mo"), "lab-mo"),
        (sq.load_instrument("lab-ag"), "lab-mo"),
        (sq.load_instrument("synchrotron"), "synchrotron"),
        (Instrument((ANODES["Cu"][0],), w=0.01, polarisation=1.0), "lab-cu"),
        (Instrument((1.2,), w=0.01), "synchrotron"),
    ],
)
def test_the_base_is_chosen_by_the_lines(instrument, base):
    assert Laboratory.around(instrument).dry_share == LABORATORIES[base].dry_share
    assert Laboratory.around(instrument) == Laboratory.around(instrument, base)
    capillary = Laboratory.around(instrument, LABORATORIES["capillary"])
    assert capillary.background_share == 0.8


VALLEY = Instrument(
    ANODES["Cu"], (1.0, 0.5), u=0.02, v=-0.02, w=0.0075, two_theta_range=(10.0, 115.0)
)
SHAPES = {
    **{name: sq.load_instrument(name) for name in ("lab-cu", "lab-mo", "lab-ag", "synchrotron")},
    "valley": VALLEY,
    "grows from nothing": Instrument((0.56,), u=0.04, two_theta_range=(5.0, 110.0)),
    "shrinks": Instrument((0.56,), v=-0.004, w=0.01, two_theta_range=(5.0, 110.0)),
    "shrinks to nothing": Instrument((0.56,), v=-0.01, w=0.01, two_theta_range=(5.0, 89.0)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_drawn_widths_are_within_fifteen_per_cent_at_every_angle(name):
    instrument = SHAPES[name]
    lab = Laboratory.around(instrument)
    angles = np.linspace(*instrument.two_theta_range, 60)
    q = q_from_two_theta(angles, lab.wavelength[0])
    made = sq.RandomExperiment(lab, q=np.linspace(1.0, 6.0, 501))
    made.fit(np.ones((1, 501)))
    rngs = [np.random.default_rng(k) for k in range(400)]
    u, v, w = (p[:, None] for p in Draw(made._distributions, made._weights, rngs).resolution())
    drawn = resolution(q, u, v, w, lab.wavelength[0])
    like = resolution(q, instrument.u, instrument.v, instrument.w, lab.wavelength[0])
    ratio = drawn / like
    assert 0.85 <= ratio.min() < 0.86 and 1.14 < ratio.max() <= 1.15
    np.testing.assert_allclose(ratio, ratio[:, :1].repeat(60, axis=1))  # one factor a pattern


def test_no_resolution_beyond_the_angles_where_it_has_a_width(X):
    short = Instrument((0.56,), v=-0.05, w=0.01, two_theta_range=(5.0, 20.0), axial=0.0)
    made = sq.RandomExperiment(short, q=X["q"].values).fit(X.values)
    drawn = made.perturb(X.values, np.random.default_rng(0))
    assert np.isfinite(drawn).any(axis=1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"caglioti": (1.0, 2.0)}, "caglioti is .* three numbers"),
        ({"caglioti": (1.0, 2.0, float("nan"))}, "caglioti is .* three numbers"),
        ({"caglioti": 3.0}, "caglioti is .* three numbers"),
        ({"caglioti": (0.0, 0.0, 1.0)}, "fwhm_growth is .* must be"),
    ],
)
def test_shapes_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        Laboratory(**given)


def test_the_trained_width_of_a_shape_is_that_of_the_instrument():
    lab = replace(Laboratory.around(VALLEY), fwhm=(1.0, 1.0))
    told = json.loads(json.dumps({"laboratory": asdict(lab)}))
    only_first = VALLEY.replace(wavelengths=ANODES["Cu"][:1], weights=(1.0,))
    assert trained_width(told, 4.0) == pytest.approx(width_in_q(only_first, 4.0))


def test_without_a_resolution_it_is_that_of_the_base():
    lab = Laboratory.around(Instrument((0.5,)))
    like = LABORATORIES["synchrotron"]
    assert (lab.fwhm, lab.eta, lab.broadening_share) == (like.fwhm, like.eta, 0.7)
    assert lab.zero_shift == (-0.01, 0.01)


def test_k_beta_is_no_doublet():
    with_beta = Instrument((1.3923, *ANODES["Cu"]), (0.01, 1.0, 0.5))
    assert Laboratory.around(with_beta).k_alpha2 == pytest.approx((0.475, 0.525))
    assert Laboratory.around(Instrument((1.5406, 1.3923), (1.0, 0.01))).k_alpha2 == (0.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TUBE, "lab-ag"), "base is 'lab-ag'; known: ideal, synchrotron"),
        ((TUBE.replace(two_theta_range=(0.5, 4.0)),), "check two_theta_range"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Laboratory.around(*arguments)


def test_a_name_is_no_instrument():
    with pytest.raises(TypeError, match="instrument is 'lab-cu'; it must be an Instrument"):
        Laboratory.around("lab-cu")


@pytest.mark.parametrize("bounds", [(60.0, 110.0), (2.0, 30.0), (5.0, 160.0)])
def test_ranges_are_never_empty(bounds):
    lab = Laboratory.around(TUBE.replace(two_theta_range=bounds))
    assert lab.q_min[0] <= lab.q_min[1] < lab.q_max[0] <= lab.q_max[1]


def test_a_peak_is_drawn_where_the_instrument_has_it():
    """What is drawn is what the instrument does to a clean pattern, zero and displacement known."""
    q = np.linspace(1.0, 6.0, 5001)
    instrument = TUBE.replace(two_theta_range=(14.0, 95.0), polarisation=0.0, eta_slope=0.0)
    still = {"zero_shift": (0.0, 0.0), "k_alpha2": (0.48, 0.48), "fwhm": (1.0, 1.0)}
    lab = replace(Laboratory.around(instrument), **still, background_share=0.0, texture_share=0.0)
    clean = np.exp(-0.5 * ((q - 4.0) / 0.01) ** 2)[None, :] + 0.01
    made = sq.RandomExperiment(
        lab, dry_share=1.0, fine_share=1.0, full_range_share=1.0, scale=(1e9, 1e9), q=q
    )
    drawn = made.fit(clean).perturb(clean, np.random.default_rng(0))[0]
    grid = sq.simulate_library(
        "PbS", diameters=[2.0], dispersions=[0.1], strains=[0.0], q=q, progress=False
    )
    like = sq.library_samples(grid)[0].copy(data=clean.astype(np.float32))
    seen = instrument.apply(like).values[0]
    here = (q > 3.5) & (q < 4.5)
    np.testing.assert_allclose(drawn[here], seen[here], atol=0.02 * seen[here].max())


def test_an_experiment_takes_an_instrument(X):
    around = sq.RandomExperiment(TUBE, q=X["q"].values).fit(X.values)
    assert around.laboratories_ == [Laboratory.around(TUBE)]
    same = sq.RandomExperiment(Laboratory.around(TUBE), q=X["q"].values).fit(X.values)
    rows = [e.perturb(X.values, np.random.default_rng(0)) for e in (around, same)]
    np.testing.assert_array_equal(*rows)
    told = augmentation_facts(around)["laboratory"]
    assert told["instrument"]["w"] == 0.0081 and tuple(told["fwhm"]) == Laboratory.around(TUBE).fwhm


@pytest.mark.parametrize("field", ["fwhm_growth", "eta"])
def test_growth_and_shape_are_drawn_within_their_ranges(field, X):
    lab = replace(LABORATORIES["lab-cu"], **{field: (0.2, 0.3)})
    draws = []
    for one in (LABORATORIES["lab-cu"], lab):
        made = sq.RandomExperiment(one, q=X["q"].values).fit(X.values)
        rngs = [np.random.default_rng(k) for k in range(300)]
        draws.append(Draw(made._distributions, made._weights, rngs))
    usual, narrow = (getattr(draw, field) for draw in draws)
    np.testing.assert_allclose(narrow, 0.2 + 0.1 * usual)
    assert usual.min() < 0.05 and usual.max() > 0.95  # of the range (0, 1)
    for other in ("fwhm", "zero_shift", "scale", "march", "splined"):  # the stream goes on
        np.testing.assert_array_equal(*(getattr(draw, other) for draw in draws))


def test_trained_widths():
    assert trained_width(None, 4.0) == 0.0
    assert trained_width({"class": "RandomExperiment", "laboratory": "ideal"}, 4.0) == 0.0
    one = Laboratory(wavelength=(0.56, 0.56), fwhm=(0.1, 0.1), fwhm_growth=(0.0, 0.0))
    told = {"laboratory": asdict(replace(one, broadening_share=1.0))}
    expected = width_in_q(Instrument((0.56,), w=0.01), 4.0)
    assert trained_width(told, 4.0) == pytest.approx(expected)
    # Written before growth and shape were fields.
    old = {k: v for k, v in told["laboratory"].items() if k not in ("fwhm_growth", "eta")}
    assert trained_width({"laboratory": old}, 4.0) == pytest.approx(expected, rel=0.03)
    rare = {"laboratory": asdict(replace(one, broadening_share=0.04))}
    assert trained_width(rare, 4.0) == 0.0
    blur = InstrumentBroadening(w=0.01)
    assert trained_width(augmentation_facts(blur), 4.0) == pytest.approx(expected)
    chain = make_pipeline(sq.PoissonNoise(10), blur)
    assert trained_width(augmentation_facts(chain), 4.0) == pytest.approx(expected)


def test_most_of_what_is_drawn_is_narrower_than_the_trained_width(X):
    for name in ("synchrotron", "lab-cu", "anywhere"):
        made = sq.RandomExperiment(name, q=X["q"].values).fit(X.values)
        rngs = [np.random.default_rng(k) for k in range(4000)]
        draw = Draw(made._distributions, made._weights, rngs)
        widths = np.array(
            [
                width_in_q(Instrument((wavelength,), u=g * w**2, w=w**2), 4.0)
                for w, g, wavelength in zip(
                    draw.fwhm, draw.fwhm_growth, draw.wavelength, strict=True
                )
            ]
        )
        widths[~draw.broadened] = 0.0
        share = np.mean(widths <= trained_width({"laboratory": name}, 4.0))
        assert share == pytest.approx(0.95, abs=0.02), name

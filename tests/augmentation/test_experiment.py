from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import make_interp_spline

import sk_qdots as sq
from sk_qdots.augmentation import LABORATORIES, Laboratory
from sk_qdots.augmentation._draws import Draw
from sk_qdots.augmentation.laboratories import MIXTURES

EXACT = {"dry_share": 1.0, "full_range_share": 1.0, "fine_share": 1.0, "scale": (1e9, 1e9)}


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


def experiment(laboratory="ideal", **parameters):
    """Nothing is random but what is asked for; hardly any noise."""
    return sq.RandomExperiment(laboratory, **{**EXACT, "random_state": 0, **parameters})


def drawn(X, made, n=1, seed=0):
    rows = np.repeat(X.values[:1], n, axis=0)
    if made.q is None:
        made.set_params(q=X["q"].values)
    return made.fit(rows).perturb(rows, np.random.default_rng(seed))


def drawn_rows(rows, made):
    return made.fit(rows).perturb(rows, np.random.default_rng(0))


def test_an_experiment_without_effects_changes_nothing(X, standard):
    for patterns in (X, standard):
        rows = drawn(patterns, experiment(), 3)
        largest = patterns.values[0].max()
        np.testing.assert_allclose(rows, np.repeat(patterns.values[:1], 3, 0), atol=1e-3 * largest)


@pytest.mark.parametrize("n_points", [200, 1000, 5004])
def test_large_dots_keep_their_peaks_on_any_grid(n_points):
    q = np.linspace(1.0, 14.0, n_points)
    library = sq.simulate_library("PbS", diameters=[9.0], dispersions=[0.05], strains=[0.0], q=q)
    patterns = sq.library_samples(library)[0]
    found = drawn(patterns, experiment())[0]
    np.testing.assert_allclose(found, patterns.values[0], atol=3e-3 * patterns.values.max())


def test_range_is_drawn_as_stated(X):
    q = X["q"].values
    made = experiment(full_range_share=0.0, q_min=(1.5, 1.6), q_max=(5.0, 7.0))
    measured = np.isfinite(drawn(X, made, 200))
    starts = q[measured.argmax(axis=1)]
    ends = q[len(q) - 1 - measured[:, ::-1].argmax(axis=1)]
    step = q[1] - q[0]
    assert starts.min() >= 1.5 and starts.max() <= 1.6 + step
    assert ends.min() >= 5.0 - step and ends.max() <= 7.0 and np.ptp(ends) > 1.8


def test_liquids_have_their_share(standard):
    q = standard["q"].values
    still = {"liquid_change": 0.0, "liquid_shift": 0.0, "liquid_broadening": 0.0}
    made = experiment(dry_share=0.0, qd_fraction=(0.3, 0.3), solvents=["toluene"], **still)
    rest = drawn(standard, made)[0] - 0.3 * standard.values[0]
    assert area(rest, q) == pytest.approx(0.7 * area(standard.values[0], q), rel=1e-3)
    expected = sq.SolventMixer("toluene").fit(standard).solvent_
    np.testing.assert_allclose(rest / area(rest, q), expected, atol=5e-3 * expected.max())


def test_fractions_and_counts_are_log_uniform(X):
    draws = []
    for name, low, high in (("qd_fraction", 0.05, 0.8), ("scale", 3.0, 200.0)):
        made = experiment(dry_share=0.0, **{name: (low, high)})
        rows = np.repeat(X.values[:1], 4000, axis=0)
        made.set_params(q=X["q"].values).fit(rows)
        rng = np.random.default_rng(0)
        draw = Draw(made._distributions, made._weights, [rng] * 4000)
        draws.append((np.log(getattr(draw, name) / low)) / np.log(high / low))
    for values in draws:
        assert values.min() >= 0 and values.max() <= 1
        np.testing.assert_allclose(
            np.quantile(values, [0.25, 0.5, 0.75]), [0.25, 0.5, 0.75], atol=0.04
        )


def test_counts_have_the_stated_scale(standard):
    clean = standard.values[0].astype(float)
    unit = 1000.0 / area(clean, standard["q"].values)
    noisy = drawn(standard, experiment(scale=(40.0, 40.0)))[0] * unit
    deviation = (noisy - clean * unit) * np.sqrt(40.0 / (clean * unit))
    assert deviation.std() == pytest.approx(1.0, rel=0.05)


def test_coarse_points_are_counted_and_splined_as_in_a_file(standard):
    made = experiment(fine_share=0.0, coarsening=(10.0, 10.0), coarse="spline")
    for row in drawn(standard, made, 5):
        inner = slice(20, -20)  # beyond the first and the last point the edge is held
        clean = standard.values[0]
        np.testing.assert_allclose(row[inner], clean[inner], atol=0.01 * clean.max())
    flat = standard.copy(data=np.full((1, 5004), 100.0))
    noise = drawn(flat, made.set_params(scale=(10.0, 10.0)))[0]
    assert np.diff(noise).std() < 0.5 * noise.std()  # the noise of neighbours is shared
    # Between the counted points runs the cubic spline through them.
    curvature = np.abs(np.diff(noise, 4))
    bent = np.flatnonzero(curvature[30:-30] > 10 * np.median(curvature)) + 30
    assert len(bent) < 0.5 * len(curvature)


def test_coarse_points_may_stand_alone(standard):
    made = experiment(fine_share=0.0, coarsening=(10.0, 10.0), coarse="points")
    clean = standard.values[0]
    for row in drawn(standard, made, 5):
        at = np.flatnonzero(np.isfinite(row))
        np.testing.assert_array_equal(np.diff(at), 10)
        # Counted at most half a step of the grid beside where they stand.
        np.testing.assert_allclose(row[at], clean[at], atol=0.01 * clean.max())
    uneven = drawn(standard, made.set_params(coarsening=(2.3, 2.3)))[0]
    assert set(np.diff(np.flatnonzero(np.isfinite(uneven)))) == {2, 3}
    mixed = drawn(standard, made.set_params(coarse="both"), 200)
    assert 0.15 < np.isfinite(mixed).all(axis=1).mean() < 0.35


def test_the_fast_spline_is_scipy_s():
    from sk_qdots.augmentation._kernels import _spline, _spline_moments

    for n in (4, 5, 6, 30):
        values = np.random.default_rng(n).normal(size=n)
        exact = make_interp_spline(np.arange(n), values, k=3)
        bend = _spline_moments(values)
        at = np.linspace(0, n - 1, 57)
        np.testing.assert_allclose([_spline(values, bend, x) for x in at], exact(at), atol=1e-9)


@pytest.mark.parametrize(
    ("effect", "transformer"),
    [
        (
            {"zero_shift": (0.03, 0.03), "wavelength": (0.7, 0.7)},
            sq.ZeroShift(0.03, wavelength=0.7),
        ),
        ({"wavelength_error": (0.004, 0.004)}, sq.ZeroShift(0.0, 0.004)),
        (
            {"polarised_share": 1.0, "wavelength": (0.7, 0.7)},
            sq.Polarisation(wavelength=0.7),
        ),
        (
            {
                "k_alpha2": (0.5, 0.5),
                "k_alpha2_split": 0.71359 / 0.7093,
                "wavelength": (0.7093, 0.7093),
            },
            sq.KAlpha2("Mo"),
        ),
    ],
)
def test_it_does_what_the_single_transformers_do(standard, effect, transformer):
    made = experiment(replace(LABORATORIES["ideal"], **effect))
    expected = transformer.fit_transform(standard).values[0]
    found = drawn(standard, made)[0]
    np.testing.assert_allclose(found[:-8], expected[:-8], atol=2e-3 * expected.max())
    assert np.abs(found - standard.values[0]).max() > 4e-3 * expected.max()


def test_resolution_and_texture_act(standard):
    still = LABORATORIES["ideal"]
    clean = standard.values[0]
    wide = drawn(standard, experiment(replace(still, broadening_share=1.0, fwhm=(0.3, 0.3))))[0]
    assert wide.max() < 0.98 * clean.max()
    assert area(wide, standard["q"]) == pytest.approx(area(clean, standard["q"]), rel=1e-2)
    textured = experiment(replace(still, texture_share=1.0, march=(0.5, 0.5)))
    rows = drawn(standard, textured, 20)
    assert np.ptp(rows[:, np.abs(standard["q"].values - 2.12).argmin()]) > 0.1 * clean.max()


@pytest.mark.parametrize("laboratory", [*LABORATORIES, *MIXTURES])
def test_every_laboratory_gives_patterns(standard, laboratory):
    made = sq.RandomExperiment(laboratory, random_state=0)
    rows = drawn(standard, made, 60)
    measured = np.isfinite(rows)
    assert (measured.sum(axis=1) > 30).all()
    spans = [np.ptp(np.flatnonzero(row)) for row in measured]
    assert min(spans) > 400
    assert np.nanmin(rows) >= 0 and np.nanmax(rows, axis=1).min() > 0
    if laboratory == "lab-cu":
        assert standard["q"].values[measured.any(axis=0)].max() <= 7.6


def test_the_scale_is_that_of_what_was_measured(standard):
    rows = np.repeat(standard.values, 50, axis=0).astype(float)
    q = standard["q"].values
    rows[:, q < 3.0] = np.nan
    noisy = drawn_rows(rows, experiment(scale=(10.0, 10.0)))
    seen = q >= 3.02
    unit = 1000.0 / area(rows[0, q >= 3.0], q[q >= 3.0])
    clean = rows[:, seen] * unit
    deviation = (noisy[:, seen] * unit - clean) * np.sqrt(10.0 / clean)
    assert deviation.std() == pytest.approx(1.0, rel=0.03)


def test_a_range_that_misses_a_row_measures_all_of_it_within_the_sphere():
    q = np.linspace(5.0, 15.0, 1000)
    rows = np.full((300, 1000), 50.0)
    rows[:, :100] = np.nan
    found = sq.RandomExperiment("lab-cu", q=q, solvents="hexane").fit(rows)
    measured = np.isfinite(found.perturb(rows, np.random.default_rng(0)))
    assert measured.any(axis=1).all()
    assert q[measured.any(axis=0)].max() <= 4 * np.pi / 1.5405929


def test_no_angle_beyond_the_limiting_sphere(standard):
    copper = Laboratory(wavelength=(1.54, 1.54), q_max=(10.0, 12.0))
    rows = drawn(standard, sq.RandomExperiment(copper), 10)
    assert standard["q"].values[np.isfinite(rows).any(axis=0)].max() <= 4 * np.pi / 1.54


def test_unmeasured_points_stay(standard):
    rows = np.repeat(standard.values, 8, axis=0)
    rows[:, 2000:2300] = np.nan
    found = sq.RandomExperiment("ideal", full_range_share=1.0, coarse="spline").fit(rows)
    found = found.perturb(rows, np.random.default_rng(0))
    assert np.isnan(found[:, 2000:2300]).all()
    assert np.isfinite(found[:, 2304:]).all() and np.isfinite(found[:, :2000]).all()
    # Beside a hole, and beside the limiting sphere, coarse counts do not ring.
    clean = standard.values[0]
    exact = drawn_rows(rows, experiment(fine_share=0.0, coarsening=(8.0, 8.0), coarse="spline"))
    np.testing.assert_allclose(exact[0, 1900:2000], clean[1900:2000], atol=0.01 * clean.max())
    np.testing.assert_allclose(exact[0, 2310:2400], clean[2310:2400], atol=0.01 * clean.max())
    copper = replace(LABORATORIES["ideal"], wavelength=(1.54, 1.54), polarised_share=1.0)
    coarse = experiment(copper, fine_share=0.0, coarsening=(6.0, 6.0), coarse="spline")
    edge = drawn_rows(standard.values, coarse)[0]
    last = np.flatnonzero(np.isfinite(edge))[-1]
    factor = sq.Polarisation(wavelength=1.54).fit(standard).factor_
    np.testing.assert_allclose(
        edge[last - 60 : last - 8],
        (factor * clean)[last - 60 : last - 8],
        atol=0.01 * clean.max(),
    )


def test_an_uneven_grid_is_refused():
    q = np.geomspace(1.0, 12.0, 300)
    rows = np.exp(-q)[None, :].repeat(4, axis=0)
    for augmenter in (sq.RandomExperiment(q=q), sq.InstrumentBroadening(q=q)):
        with pytest.raises(ValueError, match="even Q grid"):
            augmenter.fit(rows)


def test_liquids_are_those_of_the_laboratory_s_wavelength(standard):
    copper = replace(LABORATORIES["ideal"], wavelength=(1.5406, 1.5406), q_max=(7.0, 7.0))
    still = {"liquid_change": 0.0, "liquid_shift": 0.0, "liquid_broadening": 0.0}
    made = experiment(
        copper, dry_share=0.0, qd_fraction=(0.1, 0.1), solvents="chloroform",
        full_range_share=0.0, q_min=(0.99, 0.99), **still,
    )  # fmt: skip
    q = standard["q"].values
    seen = q < 6.9
    row = drawn(standard, made)[0][seen]
    clean = standard.values[0][seen]
    curves = [np.interp(q[seen], c["q"], c) for c in
              (sq.load_solvent("chloroform", w) for w in (1.5406, 0.5))]  # fmt: skip
    misfits = []
    for curve in curves:
        design = np.column_stack([clean, curve])
        found, *_ = np.linalg.lstsq(design, row, rcond=None)
        misfits.append(np.abs(design @ found - row).max() / row.max())
    assert misfits[0] < 0.25 * misfits[1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"laboratory": "garage"}, "unknown laboratory 'garage'; known: ideal, .*anywhere"),
        ({"solvents": ["vodka"]}, "known: .*toluene"),
        ({"qd_fraction": (0.5, 0.1)}, "qd_fraction"),
        ({"qd_fraction": (0.0, 1.0)}, "qd_fraction"),
        ({"q_min": (1.0, 5.0)}, "a drawn range could be empty"),
        ({"scale": (0.0, 1.0)}, "scale"),
        ({"scale": (3.0, np.inf)}, "scale"),
        ({"q_min": (None, 1.0)}, "q_min"),
        ({"q_min": (20.0, 21.0), "q_max": (22.0, 23.0)}, "lie outside the patterns"),
        ({"dry_share": 1.5}, "dry_share"),
        ({"crystal": "unobtainium"}, "unobtainium"),
    ],
)
def test_bad_parameters(X, parameters, message):
    with pytest.raises(ValueError, match=message):
        sq.RandomExperiment(**parameters).fit(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"texture_share": -0.1},
        {"fwhm": (0.0, 0.1)},
        {"march": (0.01, 1.0)},
        {"k_alpha2_split": 0.9},
        {"wavelength": 0.56},
    ],
)
def test_bad_laboratory(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        Laboratory(**parameters)

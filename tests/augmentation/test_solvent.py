import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.augmentation import from_mass_fraction, to_mass_fraction


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


def flat(name="flat", q=(0.5, 20.0), value=1.0):
    grid = np.linspace(*q, 5)
    return xr.DataArray(np.full(5, value), dims="q", coords={"q": grid}, name=name)


@pytest.mark.parametrize("fraction", [0.05, 0.37, 1.0])
def test_mixing_shares_the_area(X, fraction):
    q = X["q"].values
    mixer = sq.SolventMixer("toluene", qd_fraction=fraction).fit(X)
    mixed = mixer.transform(X)
    np.testing.assert_allclose(area(mixed.values, q), area(X.values, q), rtol=1e-5)
    rest = mixed.values - fraction * X.values
    expected = np.outer((1 - fraction) * area(X.values, q), mixer.solvent_)
    np.testing.assert_allclose(rest, expected, rtol=1e-3, atol=1e-3 * X.values.max())
    assert mixed.coords.equals(X.coords)


def test_own_solvent(X):
    mixed = sq.SolventMixer(flat(), qd_fraction=0.5).fit_transform(X)
    q = X["q"].values
    constant = 0.5 * area(X.values, q) / (q[-1] - q[0])
    np.testing.assert_allclose(mixed.values, 0.5 * X.values + constant[:, None], rtol=1e-5)


def test_unmeasured_points_do_not_count_in_the_mix(X):
    q, rows = X["q"].values, X.values[:1].astype(float)
    rows[:, q > 4.0] = np.nan
    mixed = sq.SolventMixer(qd_fraction=0.25, q=q).fit_transform(rows)
    seen = ~np.isnan(mixed[0])
    assert seen.sum() == (q <= 4.0).sum()
    whole = area(rows[:, seen], q[seen])
    np.testing.assert_allclose(area(mixed[:, seen], q[seen]), whole, rtol=1e-9)
    rest = mixed[:, seen] - 0.25 * rows[:, seen]
    np.testing.assert_allclose(area(rest, q[seen]), 0.75 * whole, rtol=1e-9)


def liquids(X, n=40, **parameters):
    """Shapes of the liquids that a SolventVariation draws."""
    q = X["q"].values
    varied = sq.SolventVariation(qd_fraction=0.01, **parameters).fit(X)
    rows = np.repeat(X.values[:1].astype(float), n, axis=0)
    mixed = varied.perturb(rows, np.random.default_rng(0))
    rest = mixed - 0.01 * rows
    return rest / area(rest, q)[:, None]


def test_without_variation_it_is_the_mixer(X):
    still = {"change": 0.0, "shift": 0.0, "broadening": 0.0}
    drawn = liquids(X, n=3, solvents=["hexane"], **still)
    expected = sq.SolventMixer("hexane").fit(X).solvent_
    np.testing.assert_allclose(drawn, np.tile(expected, (3, 1)), atol=2e-3 * expected.max())


def test_drawn_liquids_differ_as_much_as_they_say(X):
    q = X["q"].values
    still = {"change": 0.0, "shift": 0.0, "broadening": 0.0}
    base = liquids(X, n=1, solvents=["hexane"], **still)[0]
    changed = liquids(X, n=200, solvents=["hexane"], **{**still, "change": 0.04})
    assert (changed >= 0).all()
    relative = np.log(changed / base).std(axis=0)
    assert 0.02 < np.median(relative) < 0.05
    # Smooth: the change of neighbouring points is the same.
    assert np.abs(np.diff(np.log(changed / base), axis=1)).max() < 0.02
    moved = liquids(X, n=50, solvents=["hexane"], **{**still, "shift": 0.05})
    peaks = q[moved.argmax(axis=1)]
    assert np.ptp(peaks) > 0.05 and np.abs(peaks / q[base.argmax()] - 1).max() < 0.07
    broad = liquids(X, n=50, solvents=["hexane"], **{**still, "broadening": 0.8})
    heights = broad.max(axis=1) / base.max()
    assert heights.min() < 0.95 and heights.max() > 1.05
    mixed = liquids(X, n=50, solvents=["hexane", "toluene"], **still)
    ends = [liquids(X, n=1, solvents=[s], **still)[0] for s in ("hexane", "toluene")]
    lower, upper = np.minimum(*ends), np.maximum(*ends)
    tolerance = 1e-3 * upper.max()
    assert (mixed >= lower - tolerance).all() and (mixed <= upper + tolerance).all()
    assert mixed.std(axis=0).max() > 0.1 * (upper - lower).max()


def test_background_has_its_share(X):
    q = X["q"].values
    for curve in (None, "silicon", flat()):
        added = sq.Background(curve, fraction=0.3, random_state=0).fit_transform(X)
        np.testing.assert_allclose(area(added.values, q), area(X.values, q), rtol=1e-4)
        rest = added.values - 0.7 * X.values
        assert (rest >= -1e-4 * X.values.max()).all()
        np.testing.assert_allclose(area(rest, q), 0.3 * area(X.values, q), rtol=1e-3)
    unchanged = sq.Background(fraction=0.0, random_state=0).fit_transform(X)
    np.testing.assert_allclose(unchanged, X, rtol=1e-6)


def test_smooth_backgrounds_have_no_peaks(X):
    rows = np.repeat(X.values[:1].astype(float), 50, axis=0)
    made = sq.Background(fraction=0.5).fit(X).perturb(rows, np.random.default_rng(0))
    rest = made - 0.5 * rows
    turns = (np.diff(np.sign(np.diff(rest, axis=1)), axis=1) != 0).sum(axis=1)
    assert turns.max() <= 5 and np.ptp(rest[:, 0] / rest.mean(axis=1)) > 0.5


def test_grids_must_fit(X):
    q = X["q"].values
    with pytest.raises(ValueError, match="ascending"):
        sq.SolventMixer().fit(X.isel(q=slice(None, None, -1)))
    with pytest.raises(ValueError, match="samples first"):
        sq.PoissonNoise().fit(X.transpose("q", "sample"))
    with pytest.raises(ValueError, match="another Q grid"):
        sq.SolventMixer().fit(X).transform(X.assign_coords(q=q * 0.9))
    with pytest.raises(ValueError, match="another Q grid"):
        sq.SolventMixer().fit(X).transform(X[:, ::2])
    with pytest.raises(ValueError, match="q differs"):
        sq.SolventMixer(q=q * 1.01).fit(X)
    with pytest.raises(ValueError, match="one pattern"):
        sq.SolventMixer().fit(X[0])
    with pytest.raises(TypeError, match="library_samples"):
        sq.SolventMixer().fit(X.to_dataset())
    with pytest.raises(TypeError, match="default_rng"):
        sq.PoissonNoise().fit(X).perturb(X, 0)
    with pytest.raises(ValueError, match="has 400 points"):
        sq.SolventMixer(q=q).fit(X.values[:, :100])
    curve = xr.DataArray(np.ones(4), dims="q", coords={"q": [20.0, 9.0, 5.0, 0.5]}, name="down")
    with pytest.raises(ValueError, match="ascending"):
        sq.SolventMixer(curve).fit(X)


def test_a_short_blank_mixes_where_both_are_measured(X):
    q = X["q"].values
    blank = flat("short", (1.5, 6.0))
    cut = sq.QTruncation(1.6, 5.9).fit_transform(X)
    inside = (q >= 1.6) & (q <= 5.9)
    for mixer in (
        sq.SolventMixer(blank, qd_fraction=0.5),
        sq.SolventVariation(blank, qd_fraction=0.5, random_state=0),
        sq.Background(blank, fraction=0.5),
    ):
        mixed = mixer.fit(cut).transform(cut).values
        np.testing.assert_array_equal(np.isfinite(mixed), np.tile(inside, (len(X), 1)))
        whole = area(cut.values[:, inside], q[inside])
        np.testing.assert_allclose(area(mixed[:, inside], q[inside]), whole, rtol=1e-3)
        # Of patterns that were measured further, nothing is invented beyond the blank.
        further = mixer.transform(X).values
        known = (q >= 1.5) & (q <= 6.0)
        assert np.isnan(further[:, ~known]).all() and np.isfinite(further[:, inside]).all()
    # Not a point is lost where the blank ends with the patterns.
    exact = flat("exact", (q[inside][0], q[inside][-1]))
    mixed = sq.SolventVariation(exact, random_state=0).fit_transform(cut)
    np.testing.assert_array_equal(np.isfinite(mixed), np.isfinite(cut))
    experiment = sq.RandomExperiment("lab-cu", solvents=flat("copper", (0.9, 8.0)))
    assert np.isfinite(experiment.fit(X).perturb(X, np.random.default_rng(0))).any()


def test_a_copper_blank_trains_the_network(small_library):
    X, y, _ = sq.library_samples(small_library)
    pipe = sq.make_sizing_pipeline(
        augmenter=sq.SolventMixer(sq.load_solvent("toluene", 1.5406), qd_fraction=0.3)
    ).set_params(allcnn__max_epochs=1, allcnn__n_filters=2)
    pipe.fit(X, y)


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (sq.SolventMixer(qd_fraction=0.0), "qd_fraction"),
        (sq.SolventMixer(qd_fraction=1.5), "qd_fraction"),
        (sq.SolventMixer(qd_fraction=np.nan), "qd_fraction"),
        (sq.SolventMixer("vodka"), "'vodka'; known: .*hexane.*toluene"),
        (sq.SolventMixer(flat("short", (1.0, 3.0))), "'short' covers 1 to 3"),
        (sq.SolventMixer(flat("dark", value=0.0)), "'dark' is zero"),
        (sq.SolventMixer(flat("broken", value=np.nan)), "'broken' holds NaN"),
        (sq.SolventVariation([]), "solvents is empty"),
        (sq.SolventVariation(["vodka"]), "known: "),
        (sq.SolventVariation(qd_fraction=0.0), "qd_fraction"),
        (sq.SolventVariation(change=-1.0), "change"),
        (sq.Background("wood"), "'wood'; known: .*silicon"),
        (sq.Background(fraction=1.0), "fraction"),
    ],
)
def test_bad_input(X, transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)


def test_concentration_follows_composition():
    # Per gram PbS scatters 11.3 to 11.6 times what hexane or toluene do.
    for solvent in ("hexane", "toluene"):
        w = to_mass_fraction(0.5, "PbS", solvent)
        assert 11.0 < (1.0 - w) / w < 12.0
    assert to_mass_fraction(0.15) == pytest.approx(0.015, abs=0.001)
    c = np.array([0.046, 0.15, 0.37, 0.65, 1.0])
    np.testing.assert_allclose(from_mass_fraction(to_mass_fraction(c)), c, rtol=1e-12)


def test_concentration_as_the_paper_labels_it():
    labels = to_mass_fraction([0.046, 0.15, 0.37, 0.65, 1.0], convention="paper")
    np.testing.assert_allclose(labels, [0.02, 0.07, 0.20, 0.44, 1.0], atol=0.005)
    np.testing.assert_allclose(from_mass_fraction(0.44, convention="paper"), 0.65, atol=0.005)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "qd_fraction is 0"),
        ((15,), "qd_fraction is 15"),
        ((0.5, "unobtainium"), "unobtainium"),
        ((0.5, "PbS", "vodka"), "known: "),
        ((0.5, "PbS", flat()), "molar_mass"),
    ],
)
def test_bad_concentration(arguments, message):
    with pytest.raises(ValueError, match=message):
        to_mass_fraction(*arguments)
    with pytest.raises(ValueError, match="convention"):
        to_mass_fraction(0.5, convention="mole")
    with pytest.raises(ValueError, match="q_range"):
        to_mass_fraction(0.5, q_range=(0.0, 30.0))

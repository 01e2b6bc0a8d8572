import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq
from sk_qdots.solvents import generic_liquid, known_solvents


def samples(library):
    return sq.library_samples(library)


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


@pytest.mark.parametrize("fraction", [0.05, 0.37, 1.0])
def test_mixing_shares_the_area(small_library, fraction):
    X, _, _ = samples(small_library)
    q = X["q"].values
    mixer = sq.SolventMixer(qd_fraction=fraction).fit(X)
    mixed = mixer.transform(X)
    np.testing.assert_allclose(area(mixed.values, q), area(X.values, q), rtol=1e-5)
    rest = mixed.values - fraction * X.values
    np.testing.assert_allclose(
        rest,
        np.outer((1 - fraction) * area(X.values, q), mixer.solvent_),
        rtol=1e-3,
        atol=1e-3 * X.values.max(),
    )
    assert mixed.coords.equals(X.coords)


def test_own_solvent(small_library):
    X, _, _ = samples(small_library)
    flat = xr.DataArray(np.ones(5), dims="q", coords={"q": np.linspace(0.5, 20, 5)}, name="flat")
    mixed = sq.SolventMixer(flat, qd_fraction=0.5).fit_transform(X)
    constant = 0.5 * area(X.values, X["q"].values) / (X["q"].values[-1] - X["q"].values[0])
    np.testing.assert_allclose(mixed.values, 0.5 * X.values + constant[:, None], rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(level=st.floats(20.0, 500.0), scale=st.floats(0.2, 50.0), seed=st.integers(0, 10**6))
def test_noise_has_the_moments_of_poisson(level, scale, seed):
    n = 20_000
    noise = sq.PoissonNoise(snr=None, scale=scale, random_state=seed)
    noisy = noise.fit_transform(np.full((1, n), level))[0]
    variance = level / scale
    assert noisy.mean() == pytest.approx(level, abs=6 * np.sqrt(variance / n))
    spread = np.sqrt((2 + 1 / (level * scale)) / n)  # of a Poisson sample variance, relative
    assert noisy.var() == pytest.approx(variance, rel=6 * spread)
    counts = noisy * scale
    np.testing.assert_allclose(counts, np.rint(counts), atol=1e-6 * counts.max())


@pytest.mark.parametrize("snr", [14, 24, 46, 122])
def test_snr_is_the_paper_s(small_library, snr):
    X, _, _ = samples(small_library)
    clean = X.values[:1].astype(float)
    clean *= 1000.0 / (14.0084 * clean.mean())  # the mean of area 1000 on the standard grid
    noisy = sq.PoissonNoise(snr=snr, random_state=0).fit_transform(clean)
    # The paper's levels are k = 3, 8, 30, 200 at area 1000, in round numbers.
    k = {14: 3, 24: 8, 46: 30, 122: 200}[snr]
    residual = (noisy - clean) * np.sqrt(k / clean)
    assert residual.std() == pytest.approx(1.0, rel=0.12)


@pytest.mark.parametrize(
    "augmenter",
    [sq.PoissonNoise(random_state=3), sq.RandomExperiment(n_liquids=4, random_state=3)],
)
def test_rows_do_not_depend_on_order_or_batch(small_library, augmenter):
    X, _, _ = samples(small_library)
    fitted = augmenter.fit(X)
    whole = fitted.transform(X).values
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_array_equal(fitted.transform(X[order]).values, whole[order])
    alone = np.concatenate([fitted.transform(X[[k]]).values for k in range(len(X))])
    np.testing.assert_array_equal(alone, whole)
    other = type(augmenter)(**{**augmenter.get_params(), "random_state": 4}).fit_transform(X)
    assert not np.array_equal(other.values, whole, equal_nan=True)


def test_perturb_draws_afresh(small_library):
    X, _, _ = samples(small_library)
    noise = sq.PoissonNoise(random_state=0).fit(X)
    rng = np.random.default_rng(0)
    first, second = noise.perturb(X, rng), noise.perturb(X, rng)
    assert not np.array_equal(first, second)
    again = noise.perturb(X, np.random.default_rng(0))
    np.testing.assert_array_equal(first, again)


def test_random_experiment_draws_what_it_says(small_library):
    X, _, _ = samples(small_library)
    X = sq.QStandardizer(q_min=1.0, q_max=8.0, n_points=400).fit_transform(X)
    q = np.linspace(0.99, 14.9984, 400)
    experiment = sq.RandomExperiment(
        n_liquids=5, full_range_share=0.0, q_min=(1.5, 1.6), q_max=(7.0, 9.0), random_state=0
    ).fit(X)
    rows = experiment.perturb(np.tile(X, (20, 1)), np.random.default_rng(1))
    measured = np.isfinite(rows)
    starts = q[measured.argmax(axis=1)]
    ends = q[len(q) - 1 - measured[:, ::-1].argmax(axis=1)]
    assert starts.min() >= 1.5 and starts.max() < 1.6 + 0.04
    assert ends.min() > 7.0 - 0.04 and ends.max() <= 9.0
    assert np.ptp(ends) > 1.0
    assert np.nanmin(rows) >= 0
    dry = sq.RandomExperiment(n_liquids=2, dry_share=1.0, scale=(1e6, 1e6), full_range_share=1.0)
    np.testing.assert_allclose(
        dry.set_params(fine_share=1.0).fit(X).perturb(X, np.random.default_rng(0)), X, rtol=0.05
    )


def clean_experiment(**parameters):
    """Nothing is random but what is asked for; hardly any noise."""
    defaults = {
        "n_liquids": 2,
        "dry_share": 1.0,
        "full_range_share": 1.0,
        "fine_share": 1.0,
        "scale": (1e9, 1e9),
        "random_state": 0,
    }
    return sq.RandomExperiment(**{**defaults, **parameters})


def test_random_experiment_mixes_its_liquids(small_library):
    X, _, _ = samples(small_library)
    q = X["q"].values
    experiment = clean_experiment(dry_share=0.0, qd_fraction=(0.3, 0.3), n_liquids=1).fit(X)
    diluted = experiment.perturb(X, np.random.default_rng(0)).values
    liquid = diluted - 0.3 * X.values
    shape = liquid / area(liquid, q)[:, None]
    np.testing.assert_allclose(area(liquid, q), 0.7 * area(X.values, q), rtol=1e-3)
    np.testing.assert_allclose(shape, np.tile(experiment.liquids_, (len(X), 1)), atol=2e-3)


def test_random_liquids_differ_and_are_liquids(small_library):
    X, _, _ = samples(small_library)
    liquids = clean_experiment(n_liquids=40).fit(X).liquids_
    q = X["q"].values
    assert (liquids > 0).all()
    np.testing.assert_allclose(area(liquids, q), 1.0, rtol=1e-5)
    halo = q[liquids.argmax(axis=1)]
    assert np.mean(halo < 2.0) > 0.95 and np.ptp(halo) > 0.2


def test_random_experiment_counts_as_it_says(small_library):
    X, _, _ = samples(small_library)
    q = X["q"].values
    scale = 40.0
    noisy = clean_experiment(scale=(scale, scale)).fit(X).perturb(X, np.random.default_rng(0))
    unit = 1000.0 / area(X.values, q)[:, None]
    clean = X.values * unit
    deviation = (noisy.values * unit - clean) * np.sqrt(scale / clean)
    assert deviation.std() == pytest.approx(1.0, rel=0.05)


def test_coarse_points_stay_where_they_are():
    q = sq.default_q_grid()
    X = (100.0 + 50.0 * np.sin(3.0 * q))[None, :]
    coarse = clean_experiment(fine_share=0.0, coarsening=(10.0, 10.0)).fit(X)
    found = coarse.perturb(np.tile(X, (5, 1)), np.random.default_rng(0))
    inner = slice(20, -20)  # beyond the first and the last point the edge is held
    np.testing.assert_allclose(found[:, inner], np.tile(X, (5, 1))[:, inner], atol=0.02)
    # Fewer points were counted: the noise of neighbours is shared.
    noisy = clean_experiment(fine_share=0.0, coarsening=(10.0, 10.0), scale=(10.0, 10.0))
    flat = np.full((1, len(q)), 100.0)
    noise = noisy.fit(flat).perturb(flat, np.random.default_rng(0))[0]
    steps = np.diff(noise - noise.mean())
    assert steps.std() < 0.5 * noise.std()


def test_unmeasured_points_do_not_count_in_the_mix(small_library):
    X, _, _ = samples(small_library)
    q, rows = X["q"].values, X.values[:1].astype(float)
    rows[:, q > 4.0] = np.nan
    mixed = sq.SolventMixer(qd_fraction=0.25, q=q).fit_transform(rows)
    seen = ~np.isnan(mixed[0])
    assert seen.sum() == (q <= 4.0).sum()
    whole = area(rows[:, seen], q[seen])
    np.testing.assert_allclose(area(mixed[:, seen], q[seen]), whole, rtol=1e-9)
    np.testing.assert_allclose(
        area(mixed[:, seen] - 0.25 * rows[:, seen], q[seen]), 0.75 * whole, rtol=1e-9
    )


def test_augment_library_mixes_the_solvent(small_library):
    mixed = sq.augment_library(small_library, qd_fractions=[0.2], snr=[1e5], random_state=0)
    X, _, _ = samples(mixed)
    q = X["q"].values
    dots = small_library["intensity"].values.reshape(9, -1).astype(float)
    dots *= 1000.0 / area(dots, q)[:, None]
    solvent = np.interp(q, sq.load_solvent("generic")["q"], sq.load_solvent("generic"))
    expected = 0.2 * dots + 0.8 * 1000.0 * solvent / area(solvent, q)
    np.testing.assert_allclose(X.values, expected, rtol=2e-3)


def test_grids_must_fit(small_library):
    X, _, _ = samples(small_library)
    q = X["q"].values
    descending = X.isel(q=slice(None, None, -1))
    with pytest.raises(ValueError, match="ascending"):
        sq.SolventMixer().fit(descending)
    with pytest.raises(ValueError, match="samples first"):
        sq.PoissonNoise().fit(X.transpose("q", "sample"))
    with pytest.raises(ValueError, match="another Q grid"):
        sq.SolventMixer().fit(X).transform(X.assign_coords(q=q * 0.9))
    with pytest.raises(ValueError, match="has 400 points"):
        sq.SolventMixer(q=q).fit(X.values[:, :100])
    curve = xr.DataArray(np.ones(4), dims="q", coords={"q": [20.0, 9.0, 5.0, 0.5]}, name="down")
    with pytest.raises(ValueError, match="ascending"):
        sq.SolventMixer(curve).fit(X)


def test_augment_library_is_the_full_factorial(small_library):
    augmented = sq.augment_library(
        small_library, qd_fractions=[0.3, 1.0], snr=[14, 122], random_state=0
    )
    assert dict(augmented.sizes) == {
        "diameter": 3, "dispersion": 1, "strain": 3, "solvent": 1, "qd_fraction": 2, "snr": 2,
        "q": 400,
    }  # fmt: skip
    X, y, groups = samples(augmented)
    assert X.dims == ("sample", "q")
    assert set(y) == {2000, 3000, 4500} and y.dtype.kind == "i"
    assert len(np.unique(groups)) == 9
    for group in np.unique(groups):
        assert len(set(y[groups == group])) == 1
        assert (groups == group).sum() == 4
    np.testing.assert_allclose(area(X.values, X["q"].values), 1000.0, rtol=0.05)
    for level in (14, 122):
        dry = X[((X["qd_fraction"] == 1.0) & (X["snr"] == level)).values].values
        clean = small_library["intensity"].values.reshape(9, -1).astype(float)
        clean *= 1000.0 / area(clean, X["q"].values)[:, None]
        k = level**2 / clean.mean(axis=1, keepdims=True)
        deviation = (dry - clean) * np.sqrt(k / clean)
        assert deviation.std() == pytest.approx(1.0, rel=0.05)


def test_augment_library_reproduces(small_library):
    one, two, other = (
        sq.augment_library(small_library, snr=[46], random_state=s) for s in (0, 0, 1)
    )
    assert one.identical(two)
    assert not one.equals(other)
    # A part of the library gets the same noise as in the whole.
    part = sq.augment_library(small_library.isel(diameter=[1]), snr=[46], random_state=0)
    np.testing.assert_array_equal(part["intensity"], one["intensity"].isel(diameter=[1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"qd_fractions": [0.0]}, "qd_fractions holds 0.0"),
        ({"qd_fractions": [15]}, "qd_fractions holds 15"),
        ({"snr": [0]}, "snr holds 0"),
        ({"solvents": ["vodka"]}, "known: generic"),
        ({"solvents": ["generic", "generic"]}, "different names"),
        ({"solvents": [sq.load_solvent("generic").rename(None)]}, "no name"),
    ],
)
def test_bad_augmentation(small_library, arguments, message):
    with pytest.raises(ValueError, match=message):
        sq.augment_library(small_library, **arguments)


def test_augmenting_twice_is_refused(small_library):
    augmented = sq.augment_library(small_library, solvents="generic", snr=[46], random_state=0)
    with pytest.raises(ValueError, match="augmented already"):
        sq.augment_library(augmented)


def test_solvent_that_does_not_cover_the_grid(small_library):
    short = xr.DataArray(np.ones(3), dims="q", coords={"q": [1.0, 2.0, 3.0]}, name="short")
    with pytest.raises(ValueError, match="'short' covers 1 to 3"):
        sq.SolventMixer(short).fit(samples(small_library)[0])


@pytest.mark.parametrize(
    "augmenter",
    [
        sq.SolventMixer(qd_fraction=0.0),
        sq.SolventMixer(qd_fraction=1.5),
        sq.PoissonNoise(snr=0.0),
        sq.PoissonNoise(snr=None),
        sq.RandomExperiment(qd_fraction=(0.5, 0.1)),
        sq.RandomExperiment(q_min=(1.0, 5.0)),
        sq.RandomExperiment(scale=(0.0, 1.0)),
        sq.RandomExperiment(scale=(3.0, np.inf)),
        sq.RandomExperiment(q_min=(None, 1.0)),
    ],
)
def test_bad_parameters(small_library, augmenter):
    name = "snr|qd_fraction|q_min|scale"
    with pytest.raises(ValueError, match=name):
        augmenter.fit(samples(small_library)[0])


def test_library_samples_needs_a_library():
    with pytest.raises(ValueError, match="diameter and q"):
        sq.library_samples(xr.Dataset())


def test_alkane_has_tetrahedral_ends():
    from sk_qdots.solvents._generic import _alkane

    for n_carbons in (2, 5, 6, 11):
        carbons, hydrogens = _alkane(n_carbons)
        assert len(hydrogens) == 2 * n_carbons + 2
        bonds = np.linalg.norm(np.diff(carbons, axis=0), axis=1)
        np.testing.assert_allclose(bonds, 1.53)
        for end, inner, hydrogen in ((0, 1, -2), (-1, -2, -1)):
            a, b = carbons[inner] - carbons[end], hydrogens[hydrogen] - carbons[end]
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            assert np.rad2deg(np.arccos(cosine)) == pytest.approx(112.7, abs=0.1)


def test_generic_solvent():
    curve = sq.load_solvent("generic")
    assert known_solvents() == ["generic"]
    halo = float(curve["q"][int(curve.values.argmax())])
    assert 1.0 < halo < 1.6
    # Far out every atom is by itself: 6 C and 14 H scatter as many electrons by Compton.
    far = float(curve.sel(q=19.9, method="nearest"))
    assert 6 * 6 + 14 > far > 0.7 * (6 * 6 + 14)
    with pytest.raises(ValueError, match="known: generic"):
        sq.load_solvent("vodka")


@pytest.mark.parametrize("change", [{"packing": 0.9}, {"sphere_diameter": -1.0}])
def test_bad_liquid(change):
    with pytest.raises(ValueError, match=r"packing|sphere_diameter"):
        generic_liquid(np.array([1.0, 2.0]), **change)

import numpy as np
import pytest
import xarray as xr
from smooth_patterns import DIRECT, GRID, pattern, smooth, standardized

import sk_qdots as sq


def test_grid_and_area():
    standardizer = sq.QStandardizer().fit([pattern(GRID)])
    np.testing.assert_allclose(standardizer.q_, GRID, atol=1e-12)
    assert np.trapezoid(DIRECT, GRID) == pytest.approx(1000.0)
    assert standardizer.get_feature_names_out()[0] == "q0.9900"
    assert len(standardizer.get_feature_names_out()) == 5004


@pytest.mark.parametrize("wavelength", [0.56, 0.7093])
@pytest.mark.parametrize("step", [0.004, 0.02, 0.05])
def test_two_theta_pattern_gives_the_same(wavelength, step):
    two_theta = np.arange(3.0, 140.0, step)
    q = 4 * np.pi / wavelength * np.sin(np.deg2rad(two_theta / 2))
    measured = xr.DataArray(
        smooth(q),
        dims="two_theta",
        coords={"two_theta": two_theta},
        attrs={"wavelength": wavelength},
    )
    np.testing.assert_allclose(standardized(measured), DIRECT, atol=1e-3 * DIRECT.max())


@pytest.mark.parametrize("n_points", [500, 3000, 60000])
def test_any_step_gives_the_same(n_points):
    found = standardized(pattern(np.linspace(0.5, 17.0, n_points)))
    np.testing.assert_allclose(found, DIRECT, atol=1e-3 * DIRECT.max())


def test_averaging_keeps_the_counts():
    rng = np.random.default_rng(0)
    q = np.linspace(0.9, 15.1, 100_000)
    counts = rng.poisson(np.full(q.shape, 50.0)).astype(float)
    found = standardized(pattern(q, counts))
    n_averaged = 0.0028 / (q[1] - q[0])
    expected = np.sqrt(50.0 / n_averaged) / 50.0
    assert found.std() / found.mean() == pytest.approx(expected, rel=0.1)


def test_padding():
    short = pattern(np.linspace(1.5, 5.0, 2000))
    nan = standardized(short)
    measured = np.isfinite(nan)
    assert GRID[measured][[0, -1]] == pytest.approx([1.5, 5.0], abs=0.003)
    zero = standardized(short, padding="zero")
    assert (zero[~measured] == 0).all()
    np.testing.assert_allclose(zero[measured], nan[measured], rtol=5e-3)
    edge = standardized(short, padding="edge")
    first = np.flatnonzero(measured)[0]
    assert edge[0] == edge[first - 1] == pytest.approx(edge[first : first + 5].mean())
    assert np.trapezoid(edge, GRID) == pytest.approx(1000.0)


def test_short_range_has_the_shape_of_the_whole():
    nan = standardized(pattern(np.linspace(1.5, 5.0, 2000)))
    measured = np.isfinite(nan)
    ratio = nan[measured] / DIRECT[measured]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=2e-3)


def test_gap_in_the_middle_stays_unmeasured():
    q = np.linspace(0.9, 15.1, 8000)
    values = smooth(q)
    values[(q > 4.0) & (q < 5.0)] = np.nan
    found = standardized(pattern(q, values))
    gap = np.isnan(found)
    assert GRID[gap][[0, -1]] == pytest.approx([4.0, 5.0], abs=0.005)
    ratio = found[~gap] / DIRECT[~gap]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=2e-3)


def test_containers_agree():
    q = np.linspace(0.9, 15.1, 4000)
    rows = np.stack([smooth(q), 2 * smooth(q)])
    array = xr.DataArray(rows, dims=("sample", "q"), coords={"q": q})
    from_array = sq.QStandardizer().fit_transform(array)
    from_list = sq.QStandardizer().fit_transform([pattern(q), pattern(q, 2 * smooth(q))])
    bare = sq.QStandardizer(input_q=q).fit_transform(rows)
    np.testing.assert_array_equal(from_array, from_list)
    np.testing.assert_array_equal(from_array, bare)


def test_isolated_missing_points_are_bridged():
    values = smooth(GRID)
    values[1::2] = np.nan
    found = standardized(pattern(GRID, values))
    assert np.isfinite(found[:-1]).all()
    np.testing.assert_allclose(found[:-1], DIRECT[:-1], atol=1e-3 * DIRECT.max())


def test_removed_rows_are_a_gap():
    q = np.linspace(0.9, 15.1, 8000)
    kept = (q < 4.0) | (q > 5.0)
    found = standardized(pattern(q[kept], smooth(q[kept])))
    assert GRID[np.isnan(found)][[0, -1]] == pytest.approx([4.0, 5.0], abs=0.005)


@pytest.mark.parametrize("factor", [1e-320, 1e-200, 1e200, 1e303])
def test_units_of_the_intensity_do_not_matter(factor):
    found = standardized(pattern(GRID, smooth(GRID) * factor))
    tolerance = 0.02 if factor == 1e-320 else 1e-9  # so small numbers have two digits left
    np.testing.assert_allclose(found, DIRECT, rtol=tolerance, atol=tolerance * DIRECT.max())


def test_a_pipeline_fitted_with_an_axis_takes_the_standard_grid():
    q = np.linspace(0.9, 15.1, 3000)
    standardizer = sq.QStandardizer().fit([pattern(q)])
    assert standardizer.n_features_in_ == 5004
    np.testing.assert_allclose(standardizer.transform(smooth(GRID)[None, :])[0], DIRECT)


def test_mixed_list_is_refused():
    with pytest.raises(ValueError, match="some patterns"):
        sq.QStandardizer().fit([pattern(GRID), smooth(GRID)])


def test_pandas_output():
    standardizer = sq.QStandardizer().set_output(transform="pandas")
    frame = standardizer.fit_transform([pattern(GRID)])
    assert list(frame.columns[:2]) == ["q0.9900", "q0.9928"]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (pattern(GRID[::-1]), "ascending"),
        (pattern(np.linspace(16.0, 18.0, 50)), "nothing measured"),
        (pattern(np.array([2.0]), np.array([1.0])), "one point"),
        (pattern(GRID, -smooth(GRID)), "negative"),
        (pattern(GRID, 0 * smooth(GRID)), "no intensity"),
        (pattern(GRID, np.where(GRID < 1, np.inf, 1.0)), "infinite"),
        (
            pattern(np.linspace(0.1, 15, 3000), 1.0 * (np.linspace(0.1, 15, 3000) < 0.5)),
            "no intensity inside the grid",
        ),
        (xr.DataArray(smooth(GRID), dims="x"), "no axis"),
        (
            xr.DataArray(np.ones(3), coords={"two_theta": [1, 2, 3.0]}, dims="two_theta"),
            "wavelength",
        ),
        (
            xr.DataArray(np.ones((3, 2)), coords={"q": [1.0, 2.0, 3.0]}, dims=("q", "sample")),
            "samples first",
        ),
    ],
)
def test_bad_patterns(item, message):
    with pytest.raises(ValueError, match=message):
        sq.QStandardizer().fit([item]).transform([item])


def test_bad_grid():
    with pytest.raises(ValueError, match="below q_max"):
        sq.QStandardizer(q_min=5.0, q_max=4.0).fit([pattern(GRID)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_does_not_depend_on_its_neighbours(dtype):
    """Chunks, holes of other rows and the order change no digit."""
    rng = np.random.default_rng(0)
    q = np.linspace(0.9, 15.1, 9000)
    rows = rng.poisson(smooth(q), (300, 9000)).astype(dtype)
    rows[7, 2000:2500] = np.nan
    rows[290, :3000] = np.nan
    rows[8] = np.where(rng.random(9000) < 0.1, np.nan, rows[8])
    array = xr.DataArray(rows, dims=("sample", "q"), coords={"q": q})
    together = sq.QStandardizer().fit_transform(array)
    assert together.dtype == dtype
    order = rng.permutation(300)
    np.testing.assert_array_equal(sq.QStandardizer().fit_transform(array[order]), together[order])
    for k in (0, 7, 8, 255, 256, 290):
        np.testing.assert_array_equal(sq.QStandardizer().fit_transform(array[[k]])[0], together[k])


def test_averaging_beats_a_spline_by_the_counts_that_it_keeps():
    from scipy.interpolate import make_interp_spline

    rng = np.random.default_rng(0)
    q = np.linspace(0.93, 15.07, 23_000)
    expected = smooth(q) / smooth(q).mean() * 100
    counts = rng.poisson(expected, (10, 23_000)).astype(float)
    array = xr.DataArray(counts, dims=("sample", "q"), coords={"q": q})
    true = standardized(pattern(q, expected))
    averaged = sq.QStandardizer().fit_transform(array)
    splined = make_interp_spline(q, counts, k=3, axis=1)(GRID)
    splined *= 1000 / np.trapezoid(splined, GRID, axis=1)[:, None]
    gain = np.std(splined - true) / np.std(averaged - true)
    assert gain == pytest.approx(np.sqrt(23_000 / 5004), rel=0.1)


def test_fine_and_coarse_stretches_of_one_pattern():
    """Even steps in d: 0.0002 1/Angstrom at one end, 0.04 at the other."""
    q = np.sort(2 * np.pi / np.linspace(0.41, 7.0, 5004))
    assert np.diff(q)[0] < 0.0003 and np.diff(q)[-1] > 0.04
    np.testing.assert_allclose(standardized(pattern(q)), DIRECT, atol=1e-3 * DIRECT.max())


@pytest.mark.parametrize("name", ["edge", "zero", "nan"])
def test_nan_in_a_bare_array_is_not_measured(name):
    rows = np.stack([smooth(GRID), smooth(GRID)])
    rows[0, :500] = np.nan
    bare = sq.QStandardizer(padding=name).fit_transform(rows)
    labelled = sq.QStandardizer(padding=name).fit_transform(
        xr.DataArray(rows, dims=("sample", "q"), coords={"q": GRID})
    )
    np.testing.assert_array_equal(bare, labelled)
    assert np.isnan(bare).any() == (name == "nan")
    assert sq.QStandardizer(padding=name).__sklearn_tags__().input_tags.allow_nan
    with pytest.raises(ValueError, match="nothing measured"):
        sq.QStandardizer(padding=name).fit_transform(np.full((2, 5004), np.nan))


def test_inverse_transform_brings_a_row_back_to_its_pattern():
    q = np.linspace(1.3, 12.0, 3000)
    measured = pattern(q, 37.0 * smooth(q))
    standardizer = sq.QStandardizer()
    row = standardizer.fit_transform([measured])
    back = standardizer.inverse_transform(row, measured)
    assert back.coords.identical(measured.coords)
    known = np.isfinite(back.values)
    assert known.mean() > 0.999
    np.testing.assert_allclose(back[known], measured[known], atol=2e-3 * measured.max())
    as_list = standardizer.inverse_transform(np.vstack([row, row]), [measured, measured])
    assert [item.identical(back) for item in as_list] == [True, True]


def test_inverse_transform_of_a_bare_array():
    q = np.linspace(0.5, 16.0, 3000)
    rows = np.stack([smooth(q), 3 * smooth(q)])
    standardizer = sq.QStandardizer(input_q=q)
    back = standardizer.inverse_transform(standardizer.fit_transform(rows))
    assert back.shape == rows.shape
    inside = (q > 1.0) & (q < 14.9)
    assert np.isnan(back[:, q < 0.98]).all()
    shape = smooth(q) / smooth(q)[inside].max()
    np.testing.assert_allclose(back[1, inside] / back[1, inside].max(), shape[inside], atol=2e-3)
    standard = sq.QStandardizer().fit([pattern(GRID)])
    np.testing.assert_array_equal(standard.inverse_transform(DIRECT[None]), DIRECT[None])


@pytest.mark.parametrize(
    ("rows", "patterns", "message"),
    [
        (np.ones((1, 7)), None, "expected rows of 5004"),
        (np.ones(5004), None, "expected rows of 5004"),
        (np.ones((2, 5004)), pattern(GRID), "2 rows and there are 1 patterns"),
    ],
)
def test_bad_inverse(rows, patterns, message):
    standardizer = sq.QStandardizer().fit([pattern(GRID)])
    with pytest.raises(ValueError, match=message):
        standardizer.inverse_transform(rows, patterns)


def test_a_difference_is_the_same_with_its_axis_and_without():
    q = np.linspace(0.9, 15.1, 4000)
    rng = np.random.default_rng(0)
    values = rng.poisson(30 * np.exp(-q / 3) + 10) - 10.0
    labelled = pattern(q, values).assign_attrs(subtracted="before")
    bare = sq.QStandardizer(input_q=q).fit_transform(values[None])[0]
    np.testing.assert_array_equal(standardized(labelled), bare)


# Dots of 10 nm have the narrowest peaks that are met: 0.06 1/Angstrom.
FINE_Q = np.arange(0.95, 15.05, 0.0005)


@pytest.fixture(scope="module")
def narrow():
    library = sq.simulate_library(
        "PbS", diameters=[10.0], dispersions=[0.05], strains=[0.0], q=FINE_Q, progress=False
    )
    values = library["intensity"].values.ravel().astype(float)
    return lambda q: np.interp(q, FINE_Q, values)


@pytest.mark.parametrize(
    ("step", "limit"), [(0.001, 1e-3), (0.004, 1e-3), (0.01, 1e-3), (0.02, 3e-3), (0.03, 0.02)]
)
def test_narrow_peaks_at_any_step(narrow, step, limit):
    q = np.arange(0.95 + 0.3 * step, 15.05, step)
    direct = standardized(pattern(FINE_Q, narrow(FINE_Q)))
    found = standardized(pattern(q, narrow(q)))
    assert np.nanmax(np.abs(found - direct)) <= limit * np.nanmax(direct)


@pytest.mark.parametrize(
    ("step", "n_missing", "bridged"),
    [(0.001, 10, True), (0.001, 40, False), (0.02, 1, True), (0.02, 3, False), (0.05, 4, False)],
)
@pytest.mark.parametrize("how", ["nan", "removed"])
def test_holes_are_not_filled(narrow, step, n_missing, bridged, how):
    q = np.arange(0.95, 15.05, step)
    values = narrow(q)
    start = int(np.searchsorted(q, 2.11)) - n_missing // 2
    missing = np.zeros(len(q), dtype=bool)
    missing[start : start + n_missing] = True
    if how == "nan":
        item = pattern(q, np.where(missing, np.nan, values))
    else:
        item = pattern(q[~missing], values[~missing])
    found = standardized(item)
    low, high = q[start] - 0.4 * step + 0.0015, q[start + n_missing - 1] + 0.4 * step - 0.0015
    inside = (low < GRID) & (high > GRID)
    assert np.isfinite(found[inside]).all() == bridged
    assert np.isnan(found[inside]).all() == (not bridged)


def test_far_points_are_no_pattern():
    for q in (np.array([0.9, 2.0, 8.0, 15.1]), np.arange(0.9, 12.0, 0.3)):
        with pytest.raises(ValueError, match="nothing measured"):
            standardized(pattern(q))
    found = standardized(pattern(np.geomspace(0.5, 15.0, 100)))
    assert 5.0 < GRID[np.isfinite(found)].max() < 8.0  # where the steps pass 0.25
    assert np.trapezoid(found[np.isfinite(found)], GRID[np.isfinite(found)]) == pytest.approx(1000)


def test_points_at_random_do_not_make_a_spline_swing():
    rng = np.random.default_rng(0)
    q = np.sort(rng.uniform(0.9, 15.1, 1000))
    counts = rng.poisson(100.0, len(q)).astype(float)
    row = np.array(standardized(pattern(q, counts)))
    row /= np.nanmean(row)
    assert np.nanmax(row) < 1.5 and np.nanstd(row) < 0.12


@pytest.mark.parametrize("distance", [1e-13, 1e-6, 1e-4, 0.0024, 0.004])
def test_points_next_to_each_other_do_not_make_a_spline_swing(distance):
    """Two ranges that meet, and two scans that interleave."""
    rng = np.random.default_rng(0)
    first = np.arange(0.9, 15.1, 0.02)
    joint = np.sort(np.r_[first, first[300] + distance])
    interleaved = np.sort(np.r_[first, first + distance])
    for q in (joint, interleaved):
        counts = rng.poisson(3000 * smooth(q)).astype(float)
        found = standardized(pattern(q, counts))
        assert np.nanmax(np.abs(found - DIRECT)) < 0.03 * DIRECT.max()


@pytest.mark.parametrize(
    ("units", "factor"), [("1/nm", 10.0), ("nm^-1", 10.0), ("Å⁻¹", 1.0), ("A-1", 1.0), (None, 1.0)]
)
def test_units_of_a_coordinate(units, factor):
    item = pattern(GRID).assign_coords(q=("q", factor * GRID, {"units": units}))
    np.testing.assert_allclose(standardized(item), DIRECT, rtol=1e-9)


def test_unknown_units_are_refused():
    item = pattern(GRID).assign_coords(q=("q", GRID, {"units": "furlong"}))
    with pytest.raises(ValueError, match="'furlong'; bring it to one of"):
        standardized(item)
    with pytest.raises(ValueError, match="in Angstrom"):
        angles = xr.DataArray(
            np.ones(50),
            dims="two_theta",
            coords={"two_theta": np.arange(50.0)},
            attrs={"wavelength": 0},
        )
        standardized(angles)


def test_masked_columns_are_not_measured():
    rows = np.ma.masked_array(np.stack([smooth(GRID)]), mask=GRID[None] < 2.0)
    found = sq.QStandardizer().fit_transform(rows)[0]
    assert np.isnan(found[GRID < 2.0]).all() and np.isfinite(found[GRID > 2.01]).all()


def test_columns_without_an_axis_and_another_number_of_points():
    with pytest.raises(ValueError, match="say where the columns lie with input_q"):
        sq.QStandardizer(n_points=1000).fit(np.ones((2, 5004)))
    found = sq.QStandardizer(n_points=1000, input_q=GRID).fit_transform(smooth(GRID)[None])
    assert found.shape == (1, 1000)


@pytest.mark.parametrize("q", [GRID[::-1], GRID[:7], np.full(5004, np.nan), ["a"] * 5004])
def test_input_q_is_checked_when_fitting(q):
    with pytest.raises(ValueError, match=r"axis|numbers"):
        sq.QStandardizer(input_q=q).fit(np.ones((1, 5004)))


def test_input_q_counts_for_bare_arrays_after_a_labelled_fit():
    q = np.linspace(0.9, 15.1, 3000)
    standardizer = sq.QStandardizer(input_q=q).fit([pattern(GRID)])
    assert standardizer.n_features_in_ == 3000
    np.testing.assert_allclose(
        standardizer.transform(smooth(q)[None])[0], DIRECT, atol=1e-3 * DIRECT.max()
    )


def test_refitting_forgets_the_names_of_the_columns():
    import pandas as pd

    frame = pd.DataFrame(smooth(GRID)[None], columns=[f"c{k}" for k in range(5004)])
    standardizer = sq.QStandardizer().fit(frame)
    assert hasattr(standardizer, "feature_names_in_")
    standardizer.fit([pattern(GRID)])
    assert not hasattr(standardizer, "feature_names_in_")
    standardizer.fit(frame).transform(frame)


def test_names_tell_neighbours_apart():
    names = sq.QStandardizer(q_min=1.0, q_max=1.1).fit([pattern(GRID)]).get_feature_names_out()
    assert len(set(names)) == 5004


def test_inverse_without_a_common_range_is_nan():
    row = np.where(GRID < 5.0, 1.0, np.nan)[None]
    measured = pattern(np.linspace(8.0, 12.0, 500))
    standardizer = sq.QStandardizer().fit([measured])
    assert np.isnan(standardizer.inverse_transform(row, measured)).all()
    with pytest.raises(TypeError, match="expected a DataArray"):
        standardizer.inverse_transform(row, [np.ones(500)])


@pytest.mark.parametrize(("X", "message"), [([], "empty list"), (xr.Dataset(), "is a Dataset")])
def test_what_is_no_pattern(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sq.QStandardizer().fit(X)


def test_a_subtraction_before_reading(tmp_path):
    q = np.linspace(0.9, 15.1, 4000)
    rng = np.random.default_rng(0)
    values = rng.poisson(smooth(q) + 40.0) - 40.0
    np.savetxt(tmp_path / "a.xy", np.column_stack([q, values]))
    with pytest.raises(sq.PatternError, match="--subtracted"):
        sq.read_pattern(tmp_path / "a.xy", x="q")
    item = sq.read_pattern(tmp_path / "a.xy", x="q", subtracted=True)
    assert np.trapezoid(standardized(item), GRID) == pytest.approx(1000.0)


@pytest.mark.parametrize("step", [0.0056, 0.028, 0.056])
def test_points_of_a_coarse_pattern_may_be_left_alone(step):
    q = np.arange(0.4, 15.5, step)
    standardizer = sq.QStandardizer(coarse="points").fit([pattern(q)])
    row = standardizer.transform([pattern(q)])[0]
    at = np.flatnonzero(np.isfinite(row))
    assert len(at) == np.sum((q > 0.9886) & (q < 14.9998))
    # Half a step of the grid away at most; the area is that of the lines between them.
    np.testing.assert_allclose(row[at], DIRECT[at], atol=0.01 * DIRECT.max())
    # Standardising twice changes nothing.
    again = sq.QStandardizer(coarse="points").fit_transform(row[None])[0]
    np.testing.assert_allclose(again, row, rtol=1e-9, equal_nan=True)


def test_points_are_for_coarse_patterns_only():
    fine = pattern(np.linspace(0.5, 17.0, 5000))
    points = sq.QStandardizer(coarse="points").fit_transform([fine])
    np.testing.assert_array_equal(points, sq.QStandardizer().fit_transform([fine]))
    # A pattern whose step grows has both: means or a spline, then points.
    q = np.concatenate([np.arange(0.9, 5.0, 0.0014), np.arange(5.0, 15.1, 0.014)])
    row = sq.QStandardizer(coarse="points").fit_transform([pattern(q)])[0]
    measured = np.isfinite(row)
    assert measured[GRID < 4.98].all()
    assert measured[GRID > 5.1].mean() == pytest.approx(0.2, abs=0.01)


def test_two_counted_points_on_one_of_the_grid_are_averaged():
    q = np.sort(np.concatenate([np.arange(0.9, 15.1, 0.03), np.arange(0.9, 15.1, 0.03) + 1e-5]))
    patterns = [pattern(q), pattern(np.arange(0.9, 15.1, 0.03))]
    both, once = (sq.QStandardizer(coarse="points").fit_transform([p])[0] for p in patterns)
    assert np.isfinite(both).sum() == np.isfinite(once).sum()
    np.testing.assert_allclose(both, once, rtol=1e-3, equal_nan=True)


def test_points_need_nan():
    with pytest.raises(ValueError, match='needs padding="nan"'):
        sq.QStandardizer(coarse="points", padding="edge").fit(np.ones((1, 5004)))


def test_a_hole_is_one_for_points_too():
    q = np.linspace(0.9, 15.2, 5100)
    measured = pattern(q[(q < 5.0) | (q > 5.2)])
    points = sq.QStandardizer(coarse="points").fit_transform([measured])
    np.testing.assert_allclose(
        points, sq.QStandardizer().fit_transform([measured]), rtol=1e-6, equal_nan=True
    )
    wide = sq.QStandardizer(n_points=80, coarse="points").fit_transform(
        [pattern(np.arange(0.9, 15.2, 0.4))]
    )
    assert np.isfinite(wide).sum() >= 35


def test_coarse_patterns_come_back():
    measured = pattern(np.arange(0.95, 15.05, 0.0281))
    standardizer = sq.QStandardizer(coarse="points").fit([measured])
    back = standardizer.inverse_transform(standardizer.transform([measured]), measured)
    seen = np.isfinite(back)
    assert seen.mean() > 0.98
    highest = float(measured.max())
    np.testing.assert_allclose(back[seen], measured[seen], atol=0.03 * highest)


def test_rows_tell_the_resolution_of_an_instrument():
    q = np.linspace(0.8, 9.0, 2000)
    pattern = xr.DataArray(np.exp(-q), dims="q", coords={"q": q})
    instrument = sq.load_instrument("lab-cu")
    plain = sq.QStandardizer().fit_transform([pattern, pattern])
    untold = sq.QStandardizer(n_told=5).fit_transform([pattern, pattern])
    told = sq.QStandardizer(n_told=5, instrument=instrument).fit_transform([pattern, pattern])
    assert untold.shape == told.shape == (2, 5009)
    np.testing.assert_array_equal(untold[:, :5004], plain)
    np.testing.assert_array_equal(told[:, :5004], plain)
    assert np.isnan(untold[:, 5004:]).all()
    places = np.linspace(0.99, 14.9984, 4)  # and the Lorentzian share behind them
    theta = np.arcsin(instrument.wavelength * places[:2] / (4 * np.pi))
    degrees = instrument.fwhm(np.rad2deg(2 * theta))
    expected = 2 * np.pi / instrument.wavelength * np.cos(theta) * np.deg2rad(degrees)
    np.testing.assert_allclose(told[0, 5004:5006], np.log(expected))
    # A copper tube ends at 8.15 1/Angstrom.
    assert np.isnan(told[:, 5006:5008]).all() and np.isfinite(told[:, [5004, 5005, 5008]]).all()


def test_an_instrument_that_broadens_nothing_is_told_as_very_narrow():
    ideal = sq.Instrument((0.5,))
    rows = sq.QStandardizer(n_told=3, instrument=ideal).fit_transform(np.ones((1, 5004)))
    np.testing.assert_allclose(rows[0, 5004:], [np.log(1e-4), np.log(1e-4), 0.0])


def test_bare_arrays_may_bring_what_they_tell():
    q = np.linspace(1.0, 9.0, 400)
    rows = np.exp(-q)[None].repeat(3, axis=0)
    with_told = np.hstack([rows, np.full((3, 2), -4.5)])
    standardizer = sq.QStandardizer(q_min=1.0, q_max=9.0, n_points=400, n_told=2)
    assert standardizer.fit(rows).n_features_in_ == 400
    assert standardizer.fit(with_told).n_features_in_ == 400
    found = standardizer.transform(with_told)
    np.testing.assert_array_equal(found[:, 400:], -4.5)
    bare = standardizer.transform(rows)
    np.testing.assert_array_equal(bare[:, :400], found[:, :400])
    assert np.isnan(bare[:, 400:]).all()
    again = standardizer.set_params(instrument=sq.Instrument((0.5,))).transform(with_told)
    np.testing.assert_allclose(again[:, 400:], np.tile([np.log(1e-4), 0.0], (3, 1)))
    assert len(standardizer.get_feature_names_out()) == 402
    np.testing.assert_allclose(
        standardizer.inverse_transform(found), standardizer.inverse_transform(found[:, :400])
    )
    with pytest.raises(ValueError, match="features"):
        standardizer.transform(rows[:, :-1])
    other = sq.QStandardizer(input_q=q, n_told=2).fit(with_told)
    assert other.transform(with_told).shape == other.transform(rows).shape == (3, 5006)

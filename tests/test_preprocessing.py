import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq

GRID = sq.default_q_grid()


def smooth(q):
    return 50.0 / q + 20.0 * np.exp(-((q - 3.0) ** 2) / 0.02) + 5.0 * np.exp(-((q - 8) ** 2) / 0.1)


def pattern(q, values=None):
    return xr.DataArray(smooth(q) if values is None else values, dims="q", coords={"q": q})


def standardized(item, **parameters):
    return sq.QStandardizer(**parameters).fit_transform([item])[0]


DIRECT = standardized(pattern(GRID))


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

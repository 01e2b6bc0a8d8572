import numpy as np
import pytest

import sk_qdots as sq


def test_truncation(X):
    q = X["q"].values
    cut = sq.QTruncation(q_min=1.7, q_max=4.4).fit_transform(X)
    np.testing.assert_array_equal(cut.notnull().values[0], (q >= 1.7) & (q <= 4.4))
    np.testing.assert_array_equal(cut.values[:, cut.notnull().values[0]], X.sel(q=slice(1.7, 4.4)))
    np.testing.assert_array_equal(sq.QTruncation().fit_transform(X), X)
    assert X.notnull().all()


def test_coarsening_is_what_a_coarse_file_gives(standard):
    coarse = sq.QCoarsening(4).fit_transform(standard)
    file = standard.isel(sample=0, q=slice(None, None, 4))
    expected = sq.QStandardizer(area=1.0).fit_transform(file)[0]
    found = sq.QStandardizer(area=1.0).fit_transform(coarse)[0]
    inside = np.isfinite(expected)
    assert inside.sum() >= 5000
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-3)


def test_coarsening_takes_counts_along():
    noise = sq.PoissonNoise(scale=10.0, random_state=0).fit_transform(np.full((1, 5004), 100.0))
    coarse = sq.QCoarsening(20).fit_transform(noise)[0]
    np.testing.assert_allclose(coarse[::20], noise[0, ::20], rtol=1e-9)
    assert np.diff(coarse).std() < 0.2 * np.diff(noise[0]).std()
    np.testing.assert_array_equal(sq.QCoarsening(1).fit_transform(noise), noise)


def test_unmeasured_points_stay(X):
    rows = X.values.copy()
    rows[:, :50] = np.nan
    coarse = sq.QCoarsening(3, q=X["q"].values).fit_transform(rows)
    assert np.isnan(coarse[:, :50]).all()
    assert np.isfinite(coarse[:, 51:]).all()  # 50 lies before the first kept point


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (sq.QTruncation(q_min=5.0, q_max=4.0), "leave nothing of the grid, 1 to 8"),
        (sq.QTruncation(q_min=20.0), "leave nothing"),
        (sq.QTruncation(q_max=-1.0), "q_max"),
        (sq.QCoarsening(0), "factor"),
        (sq.QCoarsening(2.5), "factor"),
    ],
)
def test_bad_input(X, transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(X)


def test_kept_points_may_stand_alone(standard):
    kept = sq.QCoarsening(20, coarse="points").fit_transform(standard.values)
    assert np.isfinite(kept).sum() == 251
    np.testing.assert_array_equal(kept[:, ::20], standard.values[:, ::20])

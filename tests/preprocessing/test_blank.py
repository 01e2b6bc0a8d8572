import numpy as np
import pytest
import xarray as xr
from smooth_patterns import DIRECT, GRID, pattern, smooth, standardized

import sk_qdots as sq

BLANK_Q = np.linspace(0.7, 16.0, 1800)


BLANK = xr.DataArray(
    300.0 * np.exp(-(((BLANK_Q - 1.4) / 0.4) ** 2)) + 40.0, dims="q", coords={"q": BLANK_Q}
)


def blank_at(q):
    return 300.0 * np.exp(-(((q - 1.4) / 0.4) ** 2)) + 40.0


@pytest.mark.parametrize("n_points", [900, 5004, 20_000])
def test_subtracting_a_blank_of_another_grid(n_points):
    q = np.linspace(0.9, 15.1, n_points)
    both = pattern(q, smooth(q) + 0.7 * blank_at(q))
    found = sq.subtract_blank(both, BLANK, 0.7)
    np.testing.assert_allclose(found, smooth(q), atol=0.2)
    assert found.attrs["blank_scale"] == 0.7
    assert "blank_scale" not in both.attrs
    np.testing.assert_allclose(standardized(found), DIRECT, atol=3e-3 * DIRECT.max())


def test_a_subtracted_pattern_may_fall_below_zero():
    q = np.linspace(0.9, 15.1, 4000)
    rng = np.random.default_rng(0)
    counted = pattern(q, rng.poisson(smooth(q) + blank_at(q)).astype(float))
    found = sq.subtract_blank(counted, BLANK, 1.0)
    assert (found < 0).any()
    row = standardized(found)
    assert np.trapezoid(row, GRID) == pytest.approx(1000.0)
    with pytest.raises(ValueError, match="subtract_blank"):
        standardized(pattern(q, found.values))


def test_the_largest_scale_leaves_nothing_below_zero():
    q = np.linspace(0.9, 15.1, 4000)
    counted = pattern(q, smooth(q) + 0.7 * blank_at(q))
    found = sq.subtract_blank(counted, BLANK, "largest")
    stretch = ((q - q[0]) / 0.1).astype(int)
    sums = np.bincount(stretch, found.values)
    assert sums.min() == pytest.approx(0.0, abs=0.01 * sums.max())
    # The dots scatter everywhere, so that it is an upper limit.
    assert 0.7 < found.attrs["blank_scale"] < 1.2


def test_the_blank_and_its_standard_deviation():
    q = np.linspace(0.9, 15.1, 3000)
    counted = pattern(q, smooth(q) + blank_at(q)).assign_coords(esd=("q", np.full(3000, 3.0)))
    with_esd = BLANK.assign_coords(esd=("q", np.full(1800, 8.0)))
    found = sq.subtract_blank(counted, with_esd, 0.5)
    np.testing.assert_allclose(found["esd"], 5.0)
    assert "esd" not in sq.subtract_blank(counted, BLANK, 0.5).coords
    # A finer blank is averaged, and the better for it.
    n_averaged = 4
    fine_q = np.linspace(0.9, 15.1, n_averaged * 3000)
    fine = pattern(fine_q, blank_at(fine_q))
    fine = fine.assign_coords(esd=("q", np.full(len(fine_q), 8.0 * np.sqrt(n_averaged))))
    np.testing.assert_allclose(sq.subtract_blank(counted, fine, 0.5)["esd"], 5.0, rtol=1e-3)


def test_where_the_blank_was_not_measured_nothing_is_known():
    q = np.linspace(0.9, 15.1, 1000)
    short = BLANK.isel(q=slice(200, None))
    found = sq.subtract_blank(pattern(q), short, 0.1)
    assert np.isnan(found[q < 2.3]).all() and np.isfinite(found[q > 2.5]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 0.0}, "positive number or 'largest'"),
        ({"scale": -1}, "positive number or 'largest'"),
        ({"scale": True}, "positive number or 'largest'"),
        ({"scale": float("nan")}, "positive number or 'largest'"),
        ({"scale": "most"}, "positive number or 'largest'"),
        ({"blank": BLANK.assign_coords(q=BLANK_Q + 30)}, "do not overlap"),
        ({"blank": 0 * BLANK, "scale": "largest"}, "no intensity"),
        ({"blank": BLANK.assign_attrs(wavelength=0.7)}, "measured in the same way"),
        ({"blank": BLANK.expand_dims(sample=2)}, "blank has 2 patterns"),
        ({"blank": BLANK.where(BLANK < 300, np.inf)}, "infinite"),
        ({"blank": BLANK[:1]}, "two points or more"),
        ({"scale": [0.5, 0.6]}, "one a pattern"),
        ({"scale": "0.5x"}, "positive number or 'largest'"),
        ({"scale": [True]}, "positive number or 'largest'"),
        ({"scale": 10**400}, "positive number or 'largest'"),
        ({"blank": BLANK.assign_attrs(wavelength="a")}, "must be in Angstrom"),
        ({"blank": BLANK[::40]}, r"step 0\.34.* do not overlap"),
    ],
)
def test_bad_blanks(changes, message):
    counted = pattern(GRID).assign_attrs(wavelength=0.56)
    arguments = {"pattern": counted, "blank": BLANK, "scale": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        sq.subtract_blank(**arguments)


def test_a_blank_must_have_an_axis():
    with pytest.raises(TypeError, match="expected a DataArray"):
        sq.subtract_blank(pattern(GRID), np.ones(5004), 1.0)


def test_the_dots_are_sized_with_the_solvent_and_without():
    """The sizer needs no subtraction, and stands one."""
    q = np.linspace(0.95, 15.05, 6000)
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    dots = library["intensity"].values.ravel().astype(float)
    liquid = sq.load_solvent("toluene")
    solvent = np.interp(q, liquid["q"], liquid)
    solvent *= 3.0 * np.trapezoid(dots, q) / np.trapezoid(solvent, q)
    rng = np.random.default_rng(0)
    exposure = 3e7 / (dots + solvent).sum()
    counted = pattern(q, rng.poisson(exposure * (dots + solvent)).astype(float))
    blank = pattern(q, rng.poisson(exposure * solvent).astype(float))
    sizer = sq.load_sizer("PbS")
    assert sizer.size(counted).diameter == 4.5
    assert sizer.size(sq.subtract_blank(counted, blank, 1.0)).diameter == 4.5


def test_each_pattern_its_own_scale():
    q = np.linspace(0.9, 15.1, 2000)
    scales = np.array([0.3, 0.9, 2.0])
    rows = smooth(q) + scales[:, None] * blank_at(q)
    several = xr.DataArray(rows, dims=("sample", "q"), coords={"q": q})
    for scale in (scales, scales.tolist()):
        found = sq.subtract_blank(several, BLANK, scale)
        np.testing.assert_allclose(found, np.broadcast_to(smooth(q), rows.shape), atol=0.5)
        assert found.attrs["blank_scale"] == [0.3, 0.9, 2.0]
    largest = sq.subtract_blank(several, BLANK, "largest").attrs["blank_scale"]
    assert largest == sorted(largest) and largest[0] < 0.6 and largest[2] > 2.0


def test_too_large_a_scale_is_said():
    q = np.linspace(0.9, 15.1, 2000)
    counted = pattern(q, smooth(q) + blank_at(q))
    level = float(np.trapezoid(smooth(q) + blank_at(q), q) / np.trapezoid(blank_at(q), q))
    for scale in (level, 1.5 * level):
        with pytest.raises(ValueError, match=r"too large a scale|no intensity"):
            standardized(sq.subtract_blank(counted, BLANK, scale))


def test_a_blank_beside_a_hole_of_the_pattern():
    q = np.linspace(0.9, 15.1, 4000)
    kept = (q < 4.0) | (q > 5.0)
    line = 1000.0 * np.exp(-(((BLANK_Q - 4.2) / 0.1) ** 2)) + 10.0
    blank = BLANK.copy(data=line)
    below = 1000.0 * np.exp(-(((q - 4.2) / 0.1) ** 2)) + 10.0
    found = sq.subtract_blank(pattern(q[kept], below[kept] + 50.0), blank, 1.0)
    np.testing.assert_allclose(found, 50.0, atol=1.0)

"""Counts that are not as they were measured, a wavelength that may be of one line or of two."""

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import uniform_filter1d
from scipy.signal import savgol_filter

import sk_qdots as sq
from sk_qdots.sizing.counts import (
    cautions_of_counts,
    hidden_noise,
    is_cut,
    line_doubt,
    stretch_below_zero,
)

SEEDS = range(5)


@pytest.fixture(scope="module")
def expected():
    """Patterns of dots in a liquid, of mean 1, and that of the liquid in them."""
    library = sq.simulate_library(
        "PbS", diameters=[2.5, 4.0, 8.0], dispersions=[0.1], strains=[0.001]
    )
    dots = sq.QStandardizer().fit_transform(sq.library_samples(library)[0])
    liquid = sq.load_solvent("toluene", 0.56)
    q = sq.default_q_grid()
    under = np.interp(q, liquid["q"], liquid)
    dots, under = dots / dots.mean(axis=1, keepdims=True), under / under.mean()
    return q, 0.5 * dots + 0.5 * under, 0.5 * under


def counted(rows, counts, seed):
    return np.random.default_rng(seed).poisson(rows * counts).astype(float)


@pytest.mark.parametrize("counts", [0.3, 5.0, 100.0, 1e4])
@pytest.mark.parametrize("seed", SEEDS)
def test_counts_as_measured_give_no_reason(expected, counts, seed):
    q, rows, _ = expected
    for row in counted(rows, counts, seed):
        pattern = xr.DataArray(row, dims="q", coords={"q": q})
        assert cautions_of_counts(pattern, 9.0) == ()
        assert cautions_of_counts(pattern[::20], 9.0) == ()
        assert cautions_of_counts(pattern[:100], 9.0) == ()


@pytest.mark.parametrize("digits", [0, 1, 8])
def test_simulations_give_no_reason(expected, digits):
    q, rows, _ = expected
    for row in rows:
        pattern = xr.DataArray(np.round(1000.0 * row, digits), dims="q", coords={"q": q})
        assert cautions_of_counts(pattern, 9.0) == ()


@pytest.mark.parametrize("scale", [0.9, 1.0, 1.2])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_blank_with_too_large_a_scale(expected, scale, seed):
    q, rows, under = expected
    blank = counted(under, 100.0, seed + 100)
    for row in counted(rows, 100.0, seed):
        pattern = xr.DataArray(row - scale * blank, dims="q", coords={"q": q})
        pattern.attrs["subtracted"] = "empty.xy"
        told = cautions_of_counts(pattern, 9.0)
        assert len(told) == (scale > 1.0)
        if told:
            low, high = stretch_below_zero(q, pattern.values)
            assert "smaller scale" in told[0] and high - low > 0.1
            assert pattern.sel(q=slice(low, high)).mean() < 0.0


@pytest.mark.parametrize("share", [0.7, 0.9])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_detector_that_counts_no_higher(expected, share, seed):
    q, rows, _ = expected
    for smooth, row in zip(1000.0 * rows, counted(rows, 1000.0, seed), strict=True):
        assert not is_cut(q, row) and not is_cut(q, smooth)
        limit = np.floor(np.median(row) + share * (smooth.max() - np.median(row)))
        assert is_cut(q, np.minimum(row, limit)) and is_cut(q, np.minimum(smooth, limit))
        jitter = 1.0 + 1e-4 * np.random.default_rng(seed).standard_normal(len(row))
        assert is_cut(q, np.where(row > limit, limit * jitter, row))  # by its own monitor each


def test_broad_maxima_and_equal_counts_are_not_cut():
    q = np.linspace(1.0, 9.0, 4000)
    broad = np.exp(-0.5 * ((q - 4.0) / 1.5) ** 2)
    for height in (3, 20, 1000, 65535):
        assert not is_cut(q, np.round(height * broad))
        for seed in SEEDS:
            assert not is_cut(q, counted(broad, height, seed))


@pytest.mark.parametrize(
    "smooth",
    [
        lambda v: uniform_filter1d(v, 3),
        lambda v: savgol_filter(v, 7, 2),
        lambda v: np.interp(np.arange(0.0, len(v) - 1.0, 0.5), np.arange(len(v)), v),
    ],
    ids=["mean of 3", "Savitzky-Golay", "interpolated"],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_smoothed_counts(expected, smooth, seed):
    q, rows, _ = expected
    for row in counted(rows, 100.0, seed):
        made = smooth(row)
        pattern = xr.DataArray(made, dims="q", coords={"q": np.linspace(q[0], q[-1], len(made))})
        (told,) = cautions_of_counts(pattern, 9.0)
        assert "smoothed or interpolated" in told
        assert hidden_noise(q, row, 9.0) == pytest.approx(1.0, abs=0.25)


def test_a_line_of_a_tube():
    q = np.linspace(1.0, 5.0, 10)
    pattern = xr.DataArray(np.ones(10), dims="q", coords={"q": q})
    assert line_doubt(pattern) == 0.0
    for wavelength, doubt in ((1.5406, 0.00083), (0.7093, 0.0020), (1.5419, 0.0), (0.56, 0.0)):
        pattern.attrs["wavelength"] = wavelength
        assert line_doubt(pattern) == pytest.approx(doubt, abs=2e-5)
    pattern.attrs["wavelength"] = 1.54056
    assert line_doubt(pattern, sq.load_instrument("lab-cu")) == 0.0
    pattern.attrs["wavelength_label"] = "Cu K-alpha 1 alone (Ge(220)x2)"
    assert line_doubt(pattern) == 0.0


def test_an_answer_says_so(expected):
    q, rows, _ = expected
    row = counted(rows, 100.0, 1)[1]
    pattern = xr.DataArray(row, dims="q", coords={"q": q}, attrs={"wavelength": 0.56})
    sizer = sq.load_sizer("PbS")
    plain = sizer.size(pattern)
    smoothed = sizer.size(pattern.copy(data=uniform_filter1d(row, 5)))
    assert not any("smoothed" in one for one in plain.reasons)
    assert smoothed.verdict == "caution" and any("smoothed" in one for one in smoothed.reasons)
    tube = sizer.size(pattern.assign_attrs(wavelength=0.55941))
    assert tube.reasons == plain.reasons and tube.strain == pytest.approx(plain.strain)
    assert tube.uncertainties["strain"] == pytest.approx(
        np.hypot(plain.uncertainties["strain"], 0.002616), rel=1e-3
    )

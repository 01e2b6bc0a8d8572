"""A resolution that is not told, and whose lines are Gaussian, Lorentzian or between."""

import numpy as np
import pytest
import xarray as xr
from known_dots import DIAMETERS, DISPERSIONS, GRID, TRUTH, counted, pattern_of, posterior_over
from known_dots import simulated as simulated_dots

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior
from sk_qdots.posterior._bins import Bins
from sk_qdots.posterior._density import Linear
from sk_qdots.posterior._model import BinnedSeries, Ranges

BINS = Bins.of_mask(GRID, np.ones(len(GRID), dtype=bool))
WIDTH = 0.08  # degrees


@pytest.fixture(scope="module")
def any_share():
    return simulated_dots(fwhm=0.15, eta=None)


@pytest.fixture(scope="module")
def not_told(any_share):
    return posterior_over(any_share)


def through(pattern, eta, fwhm=WIDTH):
    """What an instrument makes of a pattern, by another way than that of the series."""
    row = xr.DataArray(pattern[None], dims=("sample", "q"), coords={"q": GRID})
    return sq.Instrument((0.56,), w=fwhm**2, eta=eta).apply(row).values[0]


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fwhm", [0.03, WIDTH])
def test_a_series_of_any_share_has_the_profile_of_an_instrument(any_share, dots, eta, fwhm):
    found = pattern_of(any_share, fwhm=fwhm, eta=eta)
    inside = slice(100, -100)  # what lies beyond the ends is known to the series alone
    wanted = through(pattern_of(dots), eta, fwhm)[inside]
    found = found[inside] * (wanted.mean() / found[inside].mean())
    np.testing.assert_allclose(found, wanted, atol=4e-3 * wanted.max())


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_sizes_are_right_for_every_share(dots, not_told, eta):
    pattern = through(pattern_of(dots), eta)
    answers = not_told.posterior([counted(pattern, 30000.0, seed) for seed in range(3)])
    for one in answers:
        low, high = one.interval("diameter", 0.998)
        assert low < TRUTH["diameter"] < high
        low, high = one.interval("eta", 0.998)
        assert low - 0.05 <= eta <= high + 0.05
        low, high = one.interval("fwhm", 0.998)
        assert low < WIDTH < high
    assert np.mean([one.mean("diameter") for one in answers]) == pytest.approx(3.6, abs=0.06)


def test_a_gaussian_alone_would_mislead(dots, any_share, not_told):
    """What this is for: lines with tails look like small dots to who knows of Gaussians alone."""
    pattern = counted(through(pattern_of(dots), 1.0), 30000.0)[None]
    series = simulated_dots(fwhm=0.15, eta=0.0)
    (gaussian,) = posterior_over(series).posterior(pattern)
    (any_of_them,) = not_told.posterior(pattern)
    misled = TRUTH["diameter"] - gaussian.mean("diameter")
    assert misled > 5.0 * abs(TRUTH["diameter"] - any_of_them.mean("diameter"))


def test_the_slope_of_a_share_is_the_difference_of_both_ends(any_share):
    ranges = Ranges.of(any_share, DIAMETERS, DISPERSIONS, {})
    model = BinnedSeries(any_share, BINS, ranges, {})
    assert ranges.names == ("volume", "dispersion", "strain", "fwhm", "eta")
    place = np.array([3.8, 0.1, 0.001, 0.0, 0.3])
    curve, slope = model.of_shares(place, {"fwhm": WIDTH**2})
    gaussian, lorentzian = (
        model.curves(np.array([3.8, 0.1, 0.001, WIDTH**2, eta]))[0] for eta in (0.0, 1.0)
    )
    np.testing.assert_allclose(slope, lorentzian - gaussian, atol=1e-5)
    np.testing.assert_allclose(curve, gaussian + 0.3 * slope, atol=1e-5)
    assert np.abs(model.of_shares(place, {"fwhm": 0.0})[1]).max() < 1e-9


def test_what_is_known_is_no_matter_of_the_pattern():
    free = Linear(*(np.full(2, v) for v in (0.4, 2.0, -0.5, 0.5, 0.1, 0.3)))
    fixed = free.fixed(1, 0.0)
    assert fixed.place.tolist() == [0.4, 0.0] and fixed.means.tolist() == [0.1, 0.0]
    assert fixed.variances[1] < 1e-9 and fixed.variances[0] == 0.3
    assert np.isinf(fixed.low[1]) and free.low[1] == -0.5


def test_a_share_that_is_known_is_not_sought(dots):
    found = DebyePosterior(
        eta=0.5, fwhm=0.1, diameters=(2.0, 2.2), dispersions=(0.05, 0.06), q=GRID, solvents=[]
    ).fit("PbS")
    (one,) = found.posterior([pattern_of(dots, 2.1, 0.055) * 1000.0])
    assert "eta" not in one.draws and "fwhm" in one.draws


@pytest.mark.parametrize("wavelength", [0.56, 1.5406])
def test_the_largest_width_goes_with_the_wavelength(wavelength):
    ends = {"diameters": (2.0, 2.2), "dispersions": (0.05, 0.06), "solvents": []}
    found = DebyePosterior(wavelength=wavelength, **ends).fit("PbS")
    widest = found.series_[0].bounds["fwhm"][1]
    assert widest == pytest.approx(0.15 / 0.56 * wavelength)

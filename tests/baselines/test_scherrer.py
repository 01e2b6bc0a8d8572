"""The Scherrer equation on peaks whose width is known."""

import numpy as np
import pytest

import sk_qdots as sq

Q = np.linspace(2.0, 4.0, 801)


def peak(fwhm, eta=0.0, height=100.0, place=3.0):
    u = (Q - place) / fwhm
    lorentz = 1.0 / (1.0 + 4.0 * u**2)
    gauss = np.exp(-4.0 * np.log(2.0) * u**2)
    return height * (eta * lorentz + (1.0 - eta) * gauss) + 5.0 + 3.0 * (Q - 2.0)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("fwhm", [0.05, 0.1, 0.2])
def test_width_of_a_pure_peak(fwhm, eta):
    X = peak(fwhm, eta)[None, :]
    scherrer = sq.ScherrerRegressor(window=(2.0, 4.0), K=0.9, q=Q).fit(X, [3000])
    assert scherrer.predict(X)[0] == pytest.approx(100.0 * 2.0 * np.pi * 0.9 / fwhm, rel=0.01)


def test_width_of_the_instrument_is_taken_out():
    X = peak(np.hypot(0.1, 0.05))[None, :]
    scherrer = sq.ScherrerRegressor((2.0, 4.0), K=1.0, instrument_fwhm=0.05, q=Q).fit(X, [3000])
    assert scherrer.predict(X)[0] == pytest.approx(100.0 * 2.0 * np.pi / 0.1, rel=0.01)
    wide = sq.ScherrerRegressor((2.0, 4.0), K=1.0, instrument_fwhm=0.5, q=Q).fit(X, [3000])
    assert wide.predict(X)[0] == 0.0


def test_noise_is_no_peak():
    rng = np.random.default_rng(0)
    flat = rng.poisson(50.0, (20, len(Q))).astype(float)
    scherrer = sq.ScherrerRegressor((2.0, 4.0), q=Q).fit(flat, np.full(20, 3000))
    assert (scherrer.predict(flat) == 0.0).mean() >= 0.8
    with pytest.raises(ValueError, match="no pattern has a peak"):
        sq.ScherrerRegressor((2.0, 4.0), K=None, q=Q).fit(np.full((2, len(Q)), 5.0), [1, 2])


def test_shape_factor_that_suits_best():
    widths = np.array([0.05, 0.1, 0.2])
    X = np.stack([peak(w) for w in widths])
    y = 100.0 * 2.0 * np.pi * 1.07 / widths
    scherrer = sq.ScherrerRegressor((2.0, 4.0), K=None, q=Q).fit(X, y)
    np.testing.assert_allclose(scherrer.K_, 1.07, rtol=0.01)


def test_window_is_found_between_the_valleys():
    X = (peak(0.1) + peak(0.1, place=3.6, height=40.0))[None, :]
    scherrer = sq.ScherrerRegressor(K=1.0, q=Q).fit(X, [3000])
    low, high = scherrer.window_
    assert low < 2.9 and 3.1 < high < 3.5


def test_few_points_are_enough_for_a_breadth():
    coarse = slice(None, None, 100)
    X = peak(0.5)[None, coarse]
    scherrer = sq.ScherrerRegressor((2.2, 3.8), K=1.0, q=Q[coarse]).fit(X, [3000])
    assert scherrer.predict(X)[0] == pytest.approx(100 * 2 * np.pi / 0.5, rel=0.25)


def test_bad_window():
    X = peak(0.1)[None, :]
    with pytest.raises(ValueError, match="no point of the grid"):
        sq.ScherrerRegressor((5.0, 6.0), q=Q).fit(X, [3000])
    with pytest.raises(ValueError, match="low < high"):
        sq.ScherrerRegressor((4.0, 3.0), q=Q).fit(X, [3000])

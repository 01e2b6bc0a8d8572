"""Rows that tell the resolution that was drawn."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.augmentation import LABORATORIES, Laboratory
from sk_qdots.augmentation.facts import augmentation_facts, trained_width
from sk_qdots.instruments import Instrument
from sk_qdots.instruments.resolution import IDEAL_WIDTH, width_in_q

N = 6


def beside(rows, told=np.nan):
    return np.hstack([rows, np.full((len(rows), N), told, dtype=rows.dtype)])


def experiment(X, laboratory="world", **parameters):
    given = {"n_told": N, "q": X["q"].values, "random_state": 0, **parameters}
    return sq.RandomExperiment(laboratory, **given).fit(beside(X.values))


def test_told_are_the_widths_that_were_drawn(X):
    """As those of the instrument that broadened, with an error of a few per cent; and its share."""
    q = X["q"].values
    beam = Laboratory(
        wavelength=(1.2, 1.2), fwhm=(0.2, 0.2), fwhm_growth=(0.5, 0.5), broadening_share=1.0,
        q_max=(6.0, 7.0), eta=(0.3, 0.3),
    )  # fmt: skip
    rows = np.repeat(X.values[:1], 300, axis=0)
    made = experiment(X, beam, told_share=1.0)
    told = made.perturb(beside(rows), np.random.default_rng(0))[:, -N:]
    told, share = told[:, :-1], told[:, -1]
    np.testing.assert_allclose(share, 0.3, rtol=1e-6)
    places = np.linspace(q[0], q[-1], N - 1)
    expected = np.log(width_in_q(Instrument((1.2,), u=0.02, w=0.04), places))
    error = told - expected
    has_angle = places < 4 * np.pi / 1.2
    assert np.isnan(told[:, ~has_angle]).all()
    error = error[:, has_angle]
    np.testing.assert_allclose(error - error[:, :1], 0.0, atol=1e-6)  # one factor a row
    assert error[:, 0].std() == pytest.approx(0.04, rel=0.2)
    assert abs(error.mean()) < 0.01


def test_no_resolution_is_told_as_a_very_narrow_one(X):
    told = experiment(X, "ideal", told_share=1.0).transform(beside(X.values))[:, -N:]
    np.testing.assert_allclose(told[:, 0], np.log(IDEAL_WIDTH))


def test_a_share_is_told(X):
    rows = beside(np.repeat(X.values[:1], 600, axis=0))
    made = experiment(X, told_share=0.3)
    is_told = np.isfinite(made.perturb(rows, np.random.default_rng(0))[:, -N])
    assert is_told.mean() == pytest.approx(0.3, abs=0.06)
    untold = experiment(X, told_share=0.0).transform(beside(X.values))
    assert np.isnan(untold[:, -N:]).all()


def test_patterns_are_the_same_whether_they_tell_or_not(X):
    plain = sq.RandomExperiment("world", q=X["q"].values, random_state=0).fit(X.values)
    telling = experiment(X)
    found = telling.transform(beside(X.values))
    assert found.shape == (len(X), X.shape[1] + N)
    np.testing.assert_array_equal(found[:, :-N], plain.transform(X.values))
    # What stood there before does not matter, nor does a row's neighbour.
    np.testing.assert_array_equal(telling.transform(beside(X.values, -4.0)), found)
    np.testing.assert_array_equal(telling.transform(beside(X.values[[3]]))[0], found[3])


def test_patterns_without_told_columns_stay_so(X):
    made = sq.RandomExperiment("world", n_told=N, random_state=0).fit(X)
    assert made.n_features_in_ == X.shape[1] + N
    found = made.transform(X)
    assert isinstance(found, xr.DataArray) and found.shape == X.shape
    np.testing.assert_array_equal(found.values, made.transform(X.values))
    np.testing.assert_array_equal(found.values, made.transform(beside(X.values))[:, :-N])
    assert made.transform(beside(X.values).astype(np.float32)).dtype == np.float32


def test_other_numbers_of_columns_are_refused(X):
    made = experiment(X)
    with pytest.raises(ValueError, match="features"):
        made.transform(X.values[:, :-1])
    with pytest.raises(ValueError, match=f"n_told = {N} of them are no points"):
        sq.RandomExperiment(n_told=N).fit(np.ones((3, N)))
    negative = beside(X.values)
    negative[0, 0] = -1.0
    with pytest.raises(ValueError, match="Negative values"):
        made.transform(negative)


def test_a_network_that_is_told_bears_the_widest():
    rare = replace(
        LABORATORIES["ideal"], wavelength=(0.56, 0.56), fwhm=(0.01, 0.2), broadening_share=0.04
    )
    told = augmentation_facts(sq.RandomExperiment(rare, n_told=N))
    not_told = augmentation_facts(sq.RandomExperiment(rare))
    assert trained_width(not_told, 4.0) == 0.0
    widest = width_in_q(Instrument((0.56,), u=0.04, w=0.04), 4.0)
    assert trained_width(told, 4.0) == pytest.approx(widest)
    never = replace(rare, broadening_share=0.0)
    assert trained_width(augmentation_facts(sq.RandomExperiment(never, n_told=N)), 4.0) == 0.0

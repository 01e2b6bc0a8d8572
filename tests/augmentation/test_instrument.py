import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import voigt_profile

import sk_qdots as sq
from sk_qdots.augmentation import ANODES
from sk_qdots.simulation import q_from_two_theta, two_theta_from_q

Q = np.linspace(1.0, 8.0, 7001)


def peak(centre, width=0.01):
    return np.exp(-0.5 * ((Q - centre) / width) ** 2)[None, :]


def half_width(row, q=Q):
    above = np.flatnonzero(row >= 0.5 * row.max())
    left, right = above[0], above[-1]
    start = np.interp(0.5 * row.max(), row[[left - 1, left]], q[[left - 1, left]])
    end = np.interp(-0.5 * row.max(), -row[[right, right + 1]], q[[right, right + 1]])
    return end - start


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("wavelength", [0.56, 1.5406])
def test_a_line_becomes_the_profile(eta, wavelength):
    centre, w = 4.0, 0.04
    line = np.zeros((1, len(Q)))
    line[0, 3000] = 1.0
    instrument = sq.InstrumentBroadening(w=w, eta=eta, wavelength=wavelength, q=Q)
    smeared = instrument.fit_transform(line)[0]
    cosine = np.cos(np.deg2rad(two_theta_from_q(centre, wavelength)) / 2.0)
    expected = 2.0 * np.pi / wavelength * cosine * np.deg2rad(np.sqrt(w))
    assert half_width(smeared) == pytest.approx(expected, rel=0.01)
    assert smeared[:5000].sum() == pytest.approx(1.0, abs=2e-3)
    assert Q[smeared.argmax()] == pytest.approx(centre)
    gauss = voigt_profile(Q - centre, expected / np.sqrt(8 * np.log(2)), 0.0)
    lorentz = voigt_profile(Q - centre, 0.0, expected / 2.0)
    near = np.abs(Q - centre) < 5 * expected
    profile = (eta * lorentz + (1 - eta) * gauss)[near] * (Q[1] - Q[0])
    np.testing.assert_allclose(smeared[near] / smeared.max(), profile / profile.max(), atol=0.01)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_far_tails_are_those_of_the_profile(eta):
    """As far as the pattern goes: a Lorentzian has a thirtieth of itself beyond ten widths."""
    line = np.zeros((1, len(Q)))
    line[0, 3000] = 1.0
    smeared = sq.InstrumentBroadening(w=0.0025, eta=eta, q=Q).fit(line)
    width, found = smeared.fwhm_[3000], smeared.transform(line)[0]
    for distance in (8.0, 20.0, 100.0):
        away = np.searchsorted(Q, Q[3000] + distance * width)
        beyond = eta * (0.5 - np.arctan(2.0 * (Q[away] - Q[3000]) / width) / np.pi)
        ends = eta * (0.5 - np.arctan(2.0 * (Q[-1] - Q[3000]) / width) / np.pi)
        assert found[away:].sum() == pytest.approx(beyond - ends, rel=0.06, abs=1e-5)


@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("missing", [slice(0, 0), slice(400, 500), slice(3500, None)])
def test_broadening_is_what_an_instrument_does(eta, missing):
    peaks = 1.0 + sum(peak(c, 0.06) / c for c in (1.8, 2.1, 3.0, 3.6, 5.2))
    rows = xr.DataArray(peaks, dims=("sample", "q"), coords={"q": Q})
    rows[:, missing] = np.nan
    smeared = sq.InstrumentBroadening(w=0.01, eta=eta).fit_transform(rows)
    seen = sq.Instrument((0.56,), w=0.01, eta=eta).apply(rows)
    np.testing.assert_allclose(smeared, seen, atol=2.5e-3 * float(seen.max()))


def test_widths_follow_caglioti():
    u, v, w, wavelength = 0.4, -0.1, 0.03, 1.0
    found = sq.InstrumentBroadening(u, v, w, wavelength=wavelength, q=Q).fit(peak(2.0)).fwhm_
    theta = np.deg2rad(two_theta_from_q(Q, wavelength)) / 2.0
    width = np.sqrt(u * np.tan(theta) ** 2 + v * np.tan(theta) + w)
    ends = [q_from_two_theta(np.rad2deg(2 * theta) + s * 0.5 * width, wavelength) for s in (1, -1)]
    np.testing.assert_allclose(found, ends[0] - ends[1], rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    w=st.floats(1e-4, 0.5),
    eta=st.floats(0.0, 1.0),
    cut=st.integers(3000, 7001),
    seed=st.integers(0, 99),
)
def test_broadening_keeps_what_is_constant_and_stays_between(w, eta, cut, seed):
    rows = np.ones((2, len(Q)))
    rows[1] = np.random.default_rng(seed).uniform(1.0, 3.0, len(Q))
    rows[:, cut:] = np.nan
    smeared = sq.InstrumentBroadening(w=w, eta=eta, q=Q).fit_transform(rows)
    np.testing.assert_array_equal(np.isnan(smeared), np.isnan(rows))
    np.testing.assert_allclose(smeared[0, :cut], 1.0, rtol=1e-9)
    assert smeared[1, :cut].min() >= 1.0 and smeared[1, :cut].max() <= 3.0


def test_the_last_points_before_the_limiting_sphere_are_smeared_too():
    grid = np.linspace(1.0, 9.0, 401)
    rows = np.random.default_rng(0).uniform(1.0, 3.0, (1, 401))
    smeared = sq.InstrumentBroadening(w=4.0, wavelength=1.54, q=grid).fit_transform(rows)[0]
    seen = np.isfinite(smeared)
    assert (smeared[seen] != rows[0, seen]).all()


def test_no_width_changes_nothing():
    rows = np.random.default_rng(0).uniform(1.0, 3.0, (2, len(Q)))
    np.testing.assert_array_equal(sq.InstrumentBroadening(w=0.0, q=Q).fit_transform(rows), rows)


@settings(max_examples=20, deadline=None)
@given(
    shift=st.floats(-0.5, 0.5),
    error=st.floats(-0.01, 0.01),
    wavelength=st.sampled_from([0.4, 0.56, 1.5406]),
    centre=st.floats(2.0, 7.0),
)
def test_a_peak_is_read_where_the_angle_says(shift, error, wavelength, centre):
    believed = wavelength * (1.0 + error)
    if believed * Q[-1] >= 4.0 * np.pi:
        return
    read = q_from_two_theta(two_theta_from_q(centre, wavelength) + shift, believed)
    moved = sq.ZeroShift(shift, error, wavelength, q=Q).fit_transform(peak(centre, 0.02))[0]
    if Q[100] < read < Q[-100]:
        top = moved.argmax()
        bend = np.polyfit(Q[top - 8 : top + 9], moved[top - 8 : top + 9], 2)
        assert -bend[1] / (2 * bend[0]) == pytest.approx(read, abs=2e-4)


def test_no_shift_changes_nothing():
    rows = np.random.default_rng(0).uniform(1.0, 3.0, (2, len(Q)))
    np.testing.assert_allclose(sq.ZeroShift(0.0, q=Q).fit_transform(rows), rows, rtol=1e-12)


def test_holes_stay_holes_when_shifted():
    rows = peak(3.0, 0.5)
    rows[:, 2500:2600] = np.nan
    moved = sq.ZeroShift(0.02, q=Q).fit_transform(rows)
    assert 95 <= np.isnan(moved).sum() <= 110


@pytest.mark.parametrize("anode", sorted(ANODES))
def test_the_second_line_is_at_the_same_angle(anode):
    first, second = ANODES[anode]
    assert 1.0015 < second / first < 1.01
    grid = np.linspace(2.0, 0.98 * 4 * np.pi / first, 40001)
    centre = 0.9 * grid[-1]
    rows = np.exp(-0.5 * ((grid - centre) / 0.0015) ** 2)[None, :]
    split = sq.KAlpha2(anode, ratio=0.5, q=grid).fit_transform(rows)[0]
    at_second = centre * second / first
    assert np.interp(centre, grid, split) == pytest.approx(2 / 3, rel=0.02)
    near = np.abs(grid - at_second) < 0.003
    assert split[near].max() == pytest.approx(1 / 3, rel=0.03)
    np.testing.assert_allclose(split.sum(), rows.sum(), rtol=0.01)
    np.testing.assert_allclose(sq.KAlpha2(anode, 0.0, q=grid).fit_transform(rows), rows, atol=1e-12)


def test_no_angle_beyond_the_limiting_sphere():
    grid = np.linspace(1.0, 15.0, 1401)
    rows = np.ones((1, 1401))
    limit = 4 * np.pi / ANODES["Cu"][0]
    for transformer in (
        sq.KAlpha2("Cu", q=grid),
        sq.Polarisation(wavelength=1.5405929, q=grid),
        sq.InstrumentBroadening(wavelength=1.5405929, q=grid),
        sq.ZeroShift(wavelength=1.5405929, q=grid),
    ):
        found = transformer.fit_transform(rows)[0]
        np.testing.assert_array_equal(np.isnan(found), grid > limit)


def test_polarisation_of_tubes():
    angles = np.array([1.0, 45.0, 90.0, 135.0])
    grid = q_from_two_theta(angles, 1.5406)
    plain = sq.Polarisation(q=grid).fit_transform(np.ones((1, 4)))[0]
    np.testing.assert_allclose(plain, (1 + np.cos(np.deg2rad(angles)) ** 2) / 2)
    a = np.cos(np.deg2rad(26.6)) ** 2
    graphite = sq.Polarisation(26.6, q=grid).fit_transform(np.ones((1, 4)))[0]
    np.testing.assert_allclose(graphite, (1 + a * np.cos(np.deg2rad(angles)) ** 2) / (1 + a))


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (sq.InstrumentBroadening(w=-0.1, q=Q), "u, v and w give a negative"),
        (sq.InstrumentBroadening(eta=1.5, q=Q), "eta"),
        (sq.InstrumentBroadening(wavelength=0.0, q=Q), "wavelength"),
        (sq.InstrumentBroadening(wavelength=154.06, q=Q), "Is it in Angstrom"),
        (sq.ZeroShift(90.0, q=Q), "zero_shift"),
        (sq.ZeroShift(wavelength=-1.0, q=Q), "wavelength"),
        (sq.KAlpha2("Au", q=Q), "anode"),
        (sq.KAlpha2(ratio=2.0, q=Q), "ratio"),
        (sq.Polarisation(wavelength=np.nan, q=Q), "wavelength"),
    ],
)
def test_bad_input(transformer, message):
    with pytest.raises(ValueError, match=message):
        transformer.fit(peak(3.0))

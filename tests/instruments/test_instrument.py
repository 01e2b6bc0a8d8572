"""One object for what the beam, the optics and the detector do."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from standards import axial_heights, pseudo_voigt

import sk_qdots as sq
from sk_qdots.instruments.instrument import NewerInstrumentError

TUBE = sq.Instrument(
    wavelengths=(1.54059, 1.54443),
    weights=(1.0, 0.5),
    u=0.02,
    v=-0.01,
    w=0.01,
    eta=0.3,
    eta_slope=0.002,
    axial=0.03,
    zero=0.02,
    displacement=-0.03,
    polarisation=1.0,
    monochromator=26.6,
    geometry="reflection",
    two_theta_range=(10.0, 120.0),
    step=0.02,
    uncertainties={"zero": 0.001, "wavelength": 1e-5},
    notes=("by hand",),
)


def over_q(values, q):
    return xr.DataArray(np.atleast_2d(values), dims=("sample", "q"), coords={"q": q})


def test_json_and_pickle_keep_everything():
    assert sq.Instrument.from_json(TUBE.to_json()) == TUBE
    assert pickle.loads(pickle.dumps(TUBE)) == TUBE
    assert sq.Instrument.from_json(TUBE.replace(zero=0.0).to_json()) != TUBE


BAD = {
    "wavelengths": [(), (0.01,), (float("nan"),), ("1.54",), 1.54],
    "weights": [(), (1.0, 0.5), (-1.0,), (0.0,)],
    "w": [float("nan"), "0.1", None, True, -0.01],
    "eta": [-0.1, 1.1],
    "axial": [-0.1, 1.0],
    "zero": [10.0],
    "polarisation": [2.0],
    "geometry": ["sideways"],
    "two_theta_range": [(10.0,), (90.0, 10.0), (0.0, 200.0)],
    "step": [0.0, -1.0, "fine"],
    "monochromator": [-1.0, 10**400],
    "uncertainties": [
        {"nothing": 1.0},
        {"geometry": 1.0},
        {"wavelengths": 1.0},
        {"zero": -0.1},
        {"zero": float("nan")},
        {"zero": float("inf")},
        {"zero": None},
        {"zero": "0.1"},
        None,
        5,
    ],
    "notes": [None, 5, (5,), [None]],
    "name": [None, 5],
    "source": [None, b"file"],
}


@pytest.mark.parametrize(("name", "value"), [(k, v) for k, vs in BAD.items() for v in vs])
def test_what_cannot_be_is_refused_by_its_name(name, value):
    with pytest.raises(ValueError, match=name if name != "w" or value != -0.01 else "w = -0.01"):
        sq.Instrument(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(k, v) for k in BAD for v in (None, 5)])
def test_json_with_other_values_is_one_line(name, value):
    if (name, value) in {("two_theta_range", None), ("step", None), ("step", 5), ("w", 5)}:
        return
    if (name, value) in {("zero", 5), ("monochromator", 5)}:
        return
    values = json.loads(TUBE.to_json()) | {name: value}
    with pytest.raises(ValueError, match=f"^{name} (is|has)") as caught:
        sq.Instrument.from_json(json.dumps(values))
    assert "\n" not in str(caught.value)


def test_numbers_of_numpy_are_kept_as_floats():
    one = sq.Instrument(
        tuple(np.array([0.5])),
        step=np.float32(0.25),
        two_theta_range=np.array([5, 90]),
        uncertainties={"w": np.float64(0.5)},
        notes=["one", "two"],
    )
    assert type(one.step) is float and one.step == 0.25
    assert one.notes == ("one", "two") and sq.Instrument(notes="one note").notes == ("one note",)
    assert sq.Instrument.from_json(one.to_json()) == one


def test_uncertainties_do_not_change_and_are_a_dictionary():
    given = {"zero": 0.001}
    one = TUBE.replace(uncertainties=given)
    given["zero"] = 1.0
    assert one.uncertainties == {"zero": 0.001}
    for change in (
        lambda u: u.__setitem__("zero", 1.0),
        lambda u: u.update(zero=1.0),
        lambda u: u.pop("zero"),
        lambda u: u.clear(),
        lambda u: u.setdefault("w", 1.0),
        lambda u: u.__ior__({"w": 1.0}),
    ):
        with pytest.raises(TypeError, match="does not change"):
            change(one.uncertainties)
    assert one.uncertainties == {"zero": 0.001}
    told = dataclasses.asdict(one)
    assert told["uncertainties"] == {"zero": 0.001} and sq.Instrument(**told) == one
    for same in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):
        assert same == one and hash(same) == hash(one)
    assert pickle.loads(pickle.dumps(one.uncertainties)) == one.uncertainties


@pytest.mark.parametrize("version", ["2", "3.5"])
def test_what_a_newer_version_wrote(version):
    with pytest.raises(NewerInstrumentError, match="by a newer sk_qdots; update it"):
        sq.Instrument.from_json(f'{{"sk_qdots instrument": {version}, "colour": "red"}}')


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"sk_qdots instrument": 0}', "\0", "null", "5", "[" * 10**5, None, 5],
)
def test_text_that_is_no_instrument(text):
    with pytest.raises(ValueError, match=r"JSON|no instrument"):
        sq.Instrument.from_json(text)
    broken = TUBE.to_json().replace('"zero"', '"nought"')
    with pytest.raises(ValueError, match="not known: nought"):
        sq.Instrument.from_json(broken)


def test_widths_follow_caglioti():
    angles = np.array([20.0, 60.0, 100.0])
    t = np.tan(np.deg2rad(angles / 2.0))
    np.testing.assert_allclose(TUBE.fwhm(angles), np.sqrt(0.02 * t**2 - 0.01 * t + 0.01))
    with pytest.raises(ValueError, match="negative squared width"):
        TUBE.replace(v=-0.1)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.sampled_from(["transmission", "reflection"]))
def test_reading_and_true_angle_are_inverse(zero, displacement, geometry):
    angles = np.linspace(5.0, 150.0, 30)
    one = sq.Instrument(zero=zero, displacement=displacement, geometry=geometry)
    np.testing.assert_allclose(one.true_two_theta(one.read_two_theta(angles)), angles, atol=1e-7)


def spectrum(q):
    """Peaks as broad as those of dots of 10 nm on a slope."""
    centres = np.arange(1.8, 14.5, 0.7)
    heights = 1.0 + np.cos(centres) ** 2
    return (
        0.3 + 0.05 * q + (heights * np.exp(-(((q[..., None] - centres) / 0.06) ** 2))).sum(axis=-1)
    )


INSTRUMENTS = {
    "synchrotron": (sq.Instrument(w=0.01, u=0.01, v=-0.004, eta=0.3, eta_slope=0.003), 15.0),
    "narrower than the steps": (sq.Instrument(w=2e-4, eta=0.5), 15.0),
    "zero and displacement": (
        sq.Instrument(w=0.0025, eta=0.5, zero=0.05, displacement=-0.03),
        15.0,
    ),
    "molybdenum": (
        sq.Instrument(
            (0.7093, 0.71359),
            (1.0, 0.5),
            u=0.05,
            v=-0.02,
            w=0.02,
            eta=0.6,
            axial=0.03,
            polarisation=1.0,
        ),
        15.0,
    ),
    "copper": (
        sq.Instrument(
            (1.54059, 1.54443),
            (1.0, 0.5),
            u=0.02,
            v=-0.01,
            w=0.01,
            eta=0.4,
            axial=0.05,
            polarisation=1.0,
        ),
        7.6,
    ),
    "much axial divergence": (
        sq.Instrument((0.7093,), w=0.01, eta=0.5, axial=0.1, polarisation=1.0),
        12.0,
    ),
    "K-beta leaks": (sq.Instrument((1.54059, 1.54443, 1.39222), (1.0, 0.5, 0.01), w=0.01), 7.6),
}


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("name", INSTRUMENTS)
def test_apply_is_a_sum_over_rays(name, even):
    """To 1e-4 of the maximum everywhere: a brute-force sum with sixteen angles a point."""
    instrument, q_max = INSTRUMENTS[name]
    q = np.arange(1.0, q_max, 0.0028)
    if not even:
        q = np.sort(q + 0.0006 * np.sin(40.0 * q))
    seen = instrument.apply(over_q(spectrum(q), q)).values[0]
    centres = instrument.true_two_theta(
        np.rad2deg(2.0 * np.arcsin(q * instrument.wavelength / 4 / np.pi))
    )
    rays_at = np.linspace(centres[0], centres[-1], 16 * len(q))
    rays = np.zeros_like(rays_at)
    weights = np.array(instrument.weights) / sum(instrument.weights)
    for height, share in zip(*axial_heights(instrument.axial), strict=True):
        true = np.rad2deg(np.arccos(np.cos(np.deg2rad(rays_at)) / np.sqrt(1.0 + height**2)))
        for wavelength, weight in zip(instrument.wavelengths, weights, strict=True):
            at = np.clip(4.0 * np.pi / wavelength * np.sin(np.deg2rad(true) / 2.0), q[0], q[-1])
            rays += share * weight * instrument.polarisation_factor(true) * spectrum(at)
    inside = np.ones_like(rays)
    inside[[0, -1]] = 0.5
    fwhm, eta = instrument.fwhm(rays_at), instrument.lorentzian_share(rays_at)
    for k in np.r_[0 : len(q) : 60, len(q) - 1]:
        kernel = inside * pseudo_voigt(centres[k] - rays_at, fwhm, eta)
        assert seen[k] == pytest.approx(kernel @ rays / kernel.sum(), abs=1e-4 * seen.max())


def test_no_instrument_changes_nothing():
    q = np.linspace(1.0, 8.0, 2501)
    plain = over_q(spectrum(q), q)
    xr.testing.assert_allclose(sq.Instrument().apply(plain), plain, rtol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 0.05), st.floats(0.0, 1.0))
def test_apply_is_linear_and_keeps_constants(seed, w, eta):
    rng = np.random.default_rng(seed)
    q = np.linspace(1.0, 8.0, 900)
    one, other = rng.random((2, len(q)))
    instrument = sq.Instrument(w=w, eta=eta)
    seen = instrument.apply(
        over_q(np.stack([one, other, one + 2.0 * other, np.ones_like(q)]), q)
    ).values
    np.testing.assert_allclose(seen[2], seen[0] + 2.0 * seen[1], atol=1e-9)
    np.testing.assert_allclose(seen[3], 1.0, atol=1e-9)


def test_libraries_holes_and_the_limiting_sphere(small_library):
    library = small_library
    seen = TUBE.replace(w=0.04).apply(library)
    assert seen["intensity"].dims == library["intensity"].dims
    assert seen["intensity"].dtype == library["intensity"].dtype
    assert sq.Instrument.from_json(seen.attrs["instrument"]).w == 0.04
    beyond = library["q"] > 4.0 * np.pi / TUBE.wavelength
    assert seen["intensity"].isnull().any() == beyond.any()
    holed = library["intensity"].copy()
    holed[..., 100:120] = np.nan
    again = TUBE.replace(w=0.04).apply(holed)
    assert again[..., 100:120].isnull().all() and again[..., :100].notnull().all()


def test_rows_do_not_depend_on_each_other():
    q = np.linspace(1.0, 8.0, 900)
    rows = np.random.default_rng(0).random((150, len(q))).astype(np.float32)
    together = TUBE.apply(over_q(rows, q))
    alone = TUBE.apply(over_q(rows[77], q))
    np.testing.assert_array_equal(together[77], alone[0])


@pytest.mark.parametrize(
    ("q", "reason"),
    [
        (np.linspace(8.0, 1.0, 50), "ascending"),
        (np.array([1.0, 2.0]), "four points"),
        (np.linspace(20.0, 30.0, 50), "reaches 8.15"),
    ],
)
def test_grids_that_cannot_be(q, reason):
    with pytest.raises(ValueError, match=reason):
        TUBE.apply(over_q(np.ones(len(q)), q))


def test_what_is_no_pattern():
    with pytest.raises(ValueError, match="over 'q'"):
        TUBE.apply(xr.DataArray(np.ones(5), dims="x"))
    with pytest.raises(ValueError, match="intensity"):
        TUBE.apply(xr.Dataset())


def test_a_measured_pattern_on_its_true_q():
    true = np.linspace(10.0, 60.0, 500)
    read = TUBE.read_two_theta(true)
    wrong = 4.0 * np.pi / 1.5406 * np.sin(np.deg2rad(read) / 2.0)
    pattern = xr.DataArray(np.ones(500), dims="q", coords={"q": wrong, "two_theta": ("q", read)})
    right = TUBE.correct(pattern)
    np.testing.assert_allclose(right["two_theta"], true, atol=1e-9)
    np.testing.assert_allclose(
        right["q"], 4.0 * np.pi / TUBE.wavelength * np.sin(np.deg2rad(true) / 2.0)
    )
    with pytest.raises(ValueError, match="over Q alone"):
        TUBE.correct(pattern.drop_vars("two_theta"))


def test_what_a_file_says_of_its_instrument(tmp_path):
    x = np.arange(10.0, 60.0, 0.02)
    np.savetxt(tmp_path / "a.xy", np.c_[x, 1000.0 + x], fmt="%.3f")
    pattern = sq.read_pattern(tmp_path / "a.xy", wavelength=1.5418)
    one = sq.Instrument.of_pattern(pattern)
    assert one.wavelengths == pytest.approx((1.5405929, 1.5444274)) and one.weights == (1.0, 0.5)
    assert one.polarisation == 1.0 and one.step == pytest.approx(0.02)
    assert one.two_theta_range == pytest.approx((10.0, 59.98))
    alone = sq.read_pattern(tmp_path / "a.xy", wavelength=1.5406)
    assert sq.Instrument.of_pattern(alone).wavelengths == (1.5406,)
    with pytest.raises(ValueError, match="no wavelength"):
        sq.Instrument.of_pattern(xr.DataArray(np.ones(3), dims="q"))


def test_angles_alone_are_corrected_as_beside_q():
    angles = np.linspace(10.0, 40.0, 50)
    instrument = sq.Instrument((0.56,), zero=0.1)
    attrs = {"wavelength": 0.56}
    alone = xr.DataArray(np.ones(50), dims="two_theta", coords={"two_theta": angles}, attrs=attrs)
    beside = xr.DataArray(
        np.ones(50),
        dims="q",
        coords={"q": 4 * np.pi / 0.56 * np.sin(np.deg2rad(angles / 2)), "two_theta": ("q", angles)},
        attrs=attrs,
    )
    expected = instrument.correct(beside)
    radians = alone.assign_coords(two_theta=("two_theta", np.deg2rad(angles), {"units": "radian"}))
    for pattern in (alone, radians):
        found = instrument.correct(pattern)
        assert found.dims == ("q",)
        np.testing.assert_allclose(found["q"], expected["q"])
        np.testing.assert_allclose(found["two_theta"], expected["two_theta"])

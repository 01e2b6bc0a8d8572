"""An instrument from the pattern of a standard."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from standards import as_pattern, expected_counts

import sk_qdots as sq
from sk_qdots.instruments import ANODES, fit_standard
from sk_qdots.instruments.standards import STANDARDS, lines_of


def synchrotron(rng):
    return sq.Instrument(
        (0.56 * (1.0 + 3e-4 * rng.normal()),),
        u=rng.uniform(0.0, 2e-3),
        v=-rng.uniform(0.0, 4e-4),
        w=rng.uniform(4e-4, 2e-3),
        eta=rng.uniform(0.2, 0.8),
        zero=0.01 * rng.normal(),
    )


def copper(rng):
    u, w = rng.uniform(0.0, 6e-3), rng.uniform(2e-3, 8e-3)
    return sq.Instrument(
        ANODES["Cu"],
        (1.0, 0.5),
        u=u,
        v=-rng.uniform(0.0, 1.5) * np.sqrt(u * w),  # the squared width stays positive
        w=w,
        eta=rng.uniform(0.3, 0.8),
        zero=0.03 * rng.normal(),
        polarisation=1.0,
    )


CASES = {  # what is drawn, the standard, and ten minutes of a scan
    "LaB6, synchrotron": (synchrotron, "LaB6", np.arange(3.0, 90.0, 0.005)),
    "CeO2, synchrotron": (synchrotron, "CeO2", np.arange(3.0, 80.0, 0.006)),
    "Si, copper tube": (copper, "Si", np.arange(20.0, 140.0, 0.02)),
    "LaB6, copper tube": (copper, "LaB6", np.arange(18.0, 150.0, 0.02)),
}


def calibrated(name, seed):
    """The true instrument and the one that was found."""
    draw, standard, x = CASES[name]
    rng = np.random.default_rng(seed)
    true = draw(rng)
    counts = rng.poisson(expected_counts(true, standard, x))
    tube = len(true.wavelengths) > 1
    pattern = as_pattern(
        x, counts, true.wavelength if tube else 0.56, true.wavelengths if tube else None
    )
    return true, sq.calibrate_instrument(pattern, standard)


def pulls(true, found):
    """Deviations in units of their stated standard deviations."""
    return {
        name: (
            (found.wavelengths[0] - true.wavelengths[0])
            if name == "wavelength"
            else getattr(found, name) - getattr(true, name)
        )
        / deviation
        for name, deviation in found.uncertainties.items()
    }


def width_error(true, found, x):
    angles = np.linspace(x[0] + 15.0, x[-1] - 10.0, 30)
    return float(np.abs(found.fwhm(angles) / true.fwhm(angles) - 1.0).max())


@pytest.mark.parametrize("name", CASES)
def test_what_was_drawn_is_found(name):
    true, found = calibrated(name, 20)
    told = pulls(true, found)
    assert {"u", "v", "w", "eta", "zero"} <= set(told)
    assert ("wavelength" in told) == ("synchrotron" in name)
    assert all(abs(pull) < 4.0 for pull in told.values()), told
    assert width_error(true, found, CASES[name][2]) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_errors_mean_what_they_say(name):
    """Of 100 draws 95 are within two stated errors, give or take what 100 draws tell."""
    told, widths = [], []
    for seed in range(100):
        true, found = calibrated(name, seed)
        told.append(pulls(true, found))
        widths.append(width_error(true, found, CASES[name][2]))
    parameters = {name for one in told for name in one}
    shares = {p: np.mean([abs(one[p]) < 2.0 for one in told if p in one]) for p in parameters}
    print(name, {p: round(float(s), 2) for p, s in shares.items()}, np.percentile(widths, [50, 95]))
    assert all(shares[p] > 0.95 - 3.0 * 0.0218 for p in ("u", "v", "w", "eta", "zero")), shares
    assert np.percentile(widths, 95) < 0.022


def test_displacement_and_axial_divergence_are_found():
    rng = np.random.default_rng(4)
    x = np.arange(15.0, 140.0, 0.02)
    true = sq.Instrument(
        ANODES["Cu"],
        (1.0, 0.5),
        w=4e-3,
        u=2e-3,
        eta=0.5,
        axial=0.06,
        zero=0.02,
        displacement=-0.08,
        geometry="reflection",
        polarisation=1.0,
    )
    counts = rng.poisson(expected_counts(true, "LaB6", x, top=60_000))
    pattern = as_pattern(x, counts, true.wavelength)
    begin = sq.Instrument(ANODES["Cu"], (1.0, 0.5), geometry="reflection", polarisation=1.0)
    found = sq.calibrate_instrument(pattern, "LaB6", instrument=begin)
    assert {"axial", "displacement"} <= set(found.uncertainties)
    assert all(abs(pull) < 4.0 for pull in pulls(true, found).values()), pulls(true, found)


def drawn(true, standard, x, seed=4, *, top=20_000, stated=None):
    counts = np.random.default_rng(seed).poisson(expected_counts(true, standard, x, top=top))
    tube = len(true.wavelengths) > 1
    wavelength = true.wavelength if stated is None else stated
    return as_pattern(x, counts, wavelength, true.wavelengths if tube else None)


def within_four(true, found):
    told = pulls(true, found)
    assert all(abs(pull) < 4.0 for pull in told.values()), told


LOW_TO_HIGH = np.arange(18.0, 140.0, 0.02)


def test_what_is_not_refined_stays_what_was_given():
    true = sq.Instrument((0.56,), w=1e-3, eta=0.5, zero=0.02)
    x = np.arange(5.0, 70.0, 0.006)
    begin = sq.Instrument((0.56,), zero=0.02)
    found = sq.calibrate_instrument(
        drawn(true, "LaB6", x), "LaB6", instrument=begin, refine="wavelength"
    )
    assert found.zero == 0.02 and "zero" not in found.uncertainties
    within_four(true, found)
    found = sq.calibrate_instrument(drawn(true, "LaB6", x), "LaB6", refine="zero")
    assert found.wavelengths == (0.56,) and "wavelength" not in found.uncertainties
    within_four(true, found)


def test_a_large_zero_that_is_given():
    true = sq.Instrument((0.56,), w=1e-3, eta=0.5, zero=0.9)
    pattern = drawn(true, "LaB6", np.arange(5.0, 70.0, 0.006))
    found = sq.calibrate_instrument(pattern, "LaB6", instrument=sq.Instrument((0.56,), zero=0.9))
    within_four(true, found)


def test_a_tube_with_one_line_keeps_its_wavelength():
    true = sq.Instrument(
        ANODES["Cu"][:1],
        w=3e-3,
        eta=0.5,
        displacement=-0.08,
        geometry="reflection",
        polarisation=1.0,
    )
    pattern = drawn(true, "Si", LOW_TO_HIGH)
    begin = sq.Instrument(ANODES["Cu"][:1], geometry="reflection", polarisation=1.0)
    found = sq.calibrate_instrument(pattern, "Si", instrument=begin)
    assert found.wavelengths == true.wavelengths and "displacement" in found.uncertainties
    within_four(true, found)
    assert any("on its holder" in note for note in found.notes)
    alone = sq.calibrate_instrument(pattern.assign_attrs(wavelength_label="Cu K-alpha 1"), "Si")
    within_four(true, alone)
    assert alone.geometry == "reflection"
    assert any("in reflection by the better fit" in note for note in alone.notes)


@pytest.mark.parametrize(
    ("true", "x"),
    [
        (
            sq.Instrument(
                ANODES["Cu"],
                (1.0, 0.5),
                w=3e-3,
                eta=0.5,
                axial=0.08,
                displacement=-0.05,
                polarisation=1.0,
            ),
            LOW_TO_HIGH,
        ),
        (sq.Instrument((0.56,), w=1.5e-4, eta=0.5, axial=0.03), np.arange(3.0, 70.0, 0.003)),
    ],
    ids=["tube", "synchrotron"],
)
def test_strong_axial_divergence(true, x):
    known = true.replace(w=0.0, eta=0.0, axial=0.0, displacement=0.0)
    found = sq.calibrate_instrument(drawn(true, "LaB6", x), "LaB6", instrument=known)
    within_four(true, found)
    assert float(found.fwhm(20.0)) == pytest.approx(float(true.fwhm(20.0)), rel=0.02)


def test_no_axial_divergence_is_told_where_there_is_none():
    true = sq.Instrument(
        ANODES["Cu"], (1.0, 0.5), w=3e-3, eta=0.5, displacement=-0.03, polarisation=1.0
    )
    found = sq.calibrate_instrument(drawn(true, "LaB6", np.arange(18.0, 70.0, 0.02)), "LaB6")
    assert found.axial == 0.0 or found.uncertainties["axial"] < found.axial


def test_the_wavelength_is_no_better_than_the_lattice():
    found = sq.calibrate_instrument(as_pattern(*good(), 0.56), "CeO2", refine="wavelength")
    assert found.uncertainties["wavelength"] >= 1e-5 * 0.56


def test_misfit_is_told():
    true = sq.Instrument((0.5642,), w=1e-3, eta=0.5)
    pattern = drawn(true, "CeO2", np.arange(5.0, 70.0, 0.006), stated=0.5636)
    found = sq.calibrate_instrument(pattern, "CeO2", refine="zero")
    assert any("times what noise would leave" in note for note in found.notes)
    right = sq.calibrate_instrument(pattern, "CeO2")
    assert not any("times what noise would leave" in note for note in right.notes)


def test_angles_in_any_order():
    pattern = as_pattern(*good(), 0.56)
    one, other = (sq.calibrate_instrument(p, "CeO2") for p in (pattern, pattern[::-1]))
    assert one.zero == pytest.approx(other.zero, abs=1e-9)


def test_the_domains_of_the_standard_are_left_out():
    """A Lorentzian of the size is folded in; told of it, the calibration finds the instrument."""
    rng = np.random.default_rng(5)
    x = np.arange(5.0, 80.0, 0.005)
    true = sq.Instrument((0.56,), w=4e-4, eta=0.0)
    size = np.rad2deg(0.1 * 0.56 / 300.0)
    # A Gaussian and a Lorentzian folded, as Thompson, Cox and Hastings have it.
    gaussian, total = 0.02, None
    terms = (1.0, 2.69269, 2.42843, 4.47163, 0.07842, 1.0)
    total = sum(t * gaussian ** (5 - k) * size**k for k, t in enumerate(terms)) ** 0.2
    share = sum(t * (size / total) ** (k + 1) for k, t in enumerate((1.36603, -0.47719, 0.11116)))
    broad = true.replace(w=total**2, eta=share)
    counts = rng.poisson(expected_counts(broad, "LaB6", x))
    pattern = as_pattern(x, counts, 0.56)
    plain = sq.calibrate_instrument(pattern, "LaB6")
    assert any("the standard's own size" in note for note in plain.notes)
    told = sq.calibrate_instrument(pattern, "LaB6", domain=300.0)
    assert float(told.fwhm(20.0)) == pytest.approx(0.02, rel=0.05)
    assert float(plain.fwhm(20.0)) > 1.2 * float(told.fwhm(20.0))


def test_a_crystal_may_be_the_standard():
    rng = np.random.default_rng(6)
    x = np.arange(3.0, 80.0, 0.006)
    true = sq.Instrument((0.56,), w=1e-3, eta=0.5)
    pattern = as_pattern(x, rng.poisson(expected_counts(true, "CeO2", x)), 0.56)
    crystal = sq.Crystal.builtin("CeO2").strained(5.411651 / 5.40972 - 1.0)
    found = sq.calibrate_instrument(pattern, crystal, refine="zero")
    assert float(found.fwhm(20.0)) == pytest.approx(np.sqrt(1e-3), rel=0.02)


def lines_by_hand(a, shortest, allowed):
    indices = itertools.product(range(int(a / shortest) + 1), repeat=3)
    squares = {sum(i * i for i in hkl) for hkl in indices if any(hkl) and allowed(hkl)}
    spacing = a / np.sqrt(np.array(sorted(squares)))
    return spacing[spacing >= shortest]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("LaB6", lambda hkl: True),
        ("CeO2", lambda hkl: len({i % 2 for i in hkl}) == 1),
        ("Si", lambda hkl: len({i % 2 for i in hkl}) == 1 and sum(hkl) % 4 != 2),
    ],
)
def test_lines_of_the_standards(name, allowed):
    crystal = STANDARDS[name].crystal
    lines = lines_of(crystal, 0.8, 1.54)
    np.testing.assert_allclose(lines.spacing, lines_by_hand(crystal.cell[0][0], 0.8, allowed))


def test_the_strongest_lines_of_corundum():
    """As the card of alumina has them: 104, 113, 116, 012, with 113 the strongest by |F|^2 x m."""
    lines = lines_of(STANDARDS["Al2O3"].crystal, 1.2, 1.54)
    spacing = dict(zip(lines.indices, lines.spacing, strict=True))
    near = [2.5508, 2.0852, 1.6014, 3.4797]
    for d in near:
        assert min(abs(value - d) for value in spacing.values()) < 2e-3


GOOD = {}


def good():
    if not GOOD:
        x = np.arange(5.0, 60.0, 0.01)
        true = sq.Instrument((0.56,), w=1e-3, eta=0.5)
        counts = np.random.default_rng(1).poisson(expected_counts(true, "CeO2", x))
        GOOD["x"], GOOD["counts"] = x, counts
    return GOOD["x"], GOOD["counts"]


def refusal(pattern, standard="CeO2", **options):
    with pytest.raises(ValueError) as caught:
        sq.calibrate_instrument(pattern, standard, **options)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400
    return text


def test_a_pattern_that_is_not_the_standard():
    x, counts = good()
    for other in ("LaB6", "Si", "Al2O3"):
        assert f"this is not {other}" in refusal(as_pattern(x, counts, 0.56), other)
    assert "this is not CeO2" in refusal(as_pattern(x, counts, 0.60))
    noise = np.random.default_rng(0).poisson(1000.0, len(x))
    assert "this is not CeO2" in refusal(as_pattern(x, noise, 0.56))


def test_too_few_lines():
    x, counts = good()
    some = x < 15.0
    assert "1 lines of CeO2 lie in 5 to 8" in refusal(as_pattern(x[x < 8.0], counts[x < 8.0], 0.56))
    assert "1 lines of CeO2" in refusal(as_pattern(x, counts, 4.9), refine="zero")
    text = refusal(as_pattern(x[some], counts[some], 0.56))
    assert "lines of CeO2 lie in 5 to 15 degrees" in text and "5 are needed" in text


def test_two_wavelengths():
    x, counts = good()
    for other in (sq.load_instrument("lab-cu"), sq.Instrument((0.565,))):
        text = refusal(as_pattern(x, counts, 0.56), instrument=other)
        assert "two wavelengths are given" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"standard": "diamond"}, "must be one of LaB6, CeO2, Si, Al2O3"),
        ({"refine": "all"}, "refine is 'all'"),
        ({"domain": -1.0}, "domain is -1"),
        ({"domain": "300"}, "domain is 300"),
        ({"domain": 1.0}, "domains of 1 nm alone"),
        ({"domain": 30.0}, "domains of 30 nm alone"),
        ({"instrument": "lab-cu"}, "instrument is 'lab-cu'; load_instrument"),
    ],
)
def test_options_that_cannot_be(options, reason):
    x, counts = good()
    assert reason in refusal(as_pattern(x, counts, 0.56), **options)


def test_patterns_that_cannot_be():
    x, counts = good()
    pattern = as_pattern(x, counts, 0.56)
    assert "no two-theta" in refusal(pattern.drop_vars("two_theta"))
    assert "50 finite points" in refusal(pattern[:20])
    assert "pattern is a ndarray" in refusal(pattern.values)
    broken = pattern.copy()
    broken[5] = np.nan
    assert "50 finite points" in refusal(broken)
    nowhere = pattern.copy()
    del nowhere.attrs["wavelength"]
    assert "no wavelength" in refusal(nowhere)


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real"


@pytest.mark.skipif(not REAL.is_dir(), reason="the measured standards are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "wavelength", "width", "r_wp"),
    [
        ("ceo2_24keV.xy", 0.51697, 0.0148, 0.13),
        pytest.param("ceo2_mo_tube.xy", 0.7107, 0.195, 0.06, marks=pytest.mark.slow),
    ],
)
def test_measured_standards(name, wavelength, width, r_wp):
    pattern = sq.read_pattern(REAL / name, wavelength=wavelength)
    fit = fit_standard(pattern, "CeO2")
    assert float(fit.instrument.fwhm(20.0)) == pytest.approx(width, rel=0.05)
    assert fit.r_wp < r_wp
    assert fit.instrument.wavelengths[0] == pytest.approx(wavelength, rel=3e-3)

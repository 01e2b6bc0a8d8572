"""Instruments by name, and in the files of other programs."""

import re

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.instruments import (
    remember_instrument,
    remembered_instrument,
    save_instrument,
    saved_instruments,
)
from sk_qdots.instruments._profile import from_voigt

INSTPRM = """#GSAS-II instrument parameter file; do not add/delete items!
Type:PXC
Bank:1.0
Lam1:1.5405
Lam2:1.5443
Zero:0.0
Polariz.:0.7
Azimuth:0.0
I(L2)/I(L1):0.5
U:2.0
V:-2.0
W:5.0
X:0.5
Y:1.0
Z:0.0
SH/L:0.002
"""
IRF_1 = """Resolution function of a diffractometer  (Ires = 1)
! lines of X-rays
WAVE  1.540560  1.544390  0.5000
ASYM  0.01 0.02
THRG  10.0 0.02 140.0
! U V W X Y Z
0.004 -0.002 0.006 0.03 0.02 0.0
"""
IRF_4 = "table of widths\nWAVE 0.7093\n" + "\n".join(
    f"{a:.1f} {0.05 + a / 2000:.5f} {0.02 + a / 3000:.5f}" for a in range(10, 120, 10)
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.mark.parametrize("name", ["lab-cu", "lab-mo", "lab-ag", "synchrotron", "ideal"])
def test_ready_instruments_say_their_source(name):
    one = sq.load_instrument(name)
    assert one.name == name and len(one.source) > 20
    if name.startswith("lab"):
        assert ("taken over" in one.source) == (name != "lab-cu")
        assert "half, an assumption" in one.source


def folded(gaussian, lorentzian):
    """Full width of a Gaussian folded with a Lorentzian, by brute force."""
    x = np.linspace(-40.0, 40.0, 400_001) * max(gaussian, lorentzian)
    g = np.exp(-4.0 * np.log(2.0) * (x / gaussian) ** 2)
    spectrum = np.fft.rfft(np.fft.ifftshift(g))
    f = np.fft.rfftfreq(len(x), x[1] - x[0])
    y = np.fft.fftshift(np.fft.irfft(spectrum * np.exp(-np.pi * f * lorentzian), len(x)))
    inside = x[y > y.max() / 2.0]
    return inside[-1] - inside[0]


@pytest.mark.parametrize("angle", [20.0, 60.0, 110.0])
def test_gsas_widths(tmp_path, angle):
    path = tmp_path / "lab.instprm"
    path.write_text(INSTPRM, encoding="utf-8")
    one = sq.load_instrument(path)
    assert one.wavelengths == (1.5405, 1.5443) and one.weights == (1.0, 0.5)
    assert one.axial == 0.002 and one.polarisation == pytest.approx(0.3 / 0.7)
    t, c = np.tan(np.deg2rad(angle / 2)), np.cos(np.deg2rad(angle / 2))
    gaussian = np.sqrt(8.0 * np.log(2.0) * (2.0 * t**2 - 2.0 * t + 5.0)) / 100.0
    lorentzian = (0.5 / c + 1.0 * t) / 100.0
    assert float(one.fwhm(angle)) == pytest.approx(folded(gaussian, lorentzian), rel=0.02)


@pytest.mark.parametrize("angle", [20.0, 60.0, 110.0])
@pytest.mark.parametrize("kind", [1, 4])
def test_fullprof_widths(tmp_path, kind, angle):
    path = tmp_path / "lab.irf"
    path.write_text(IRF_1 if kind == 1 else IRF_4, encoding="utf-8")
    one = sq.load_instrument(path)
    t, c = np.tan(np.deg2rad(angle / 2)), np.cos(np.deg2rad(angle / 2))
    if kind == 1:
        assert one.wavelengths == (1.54056, 1.54439) and one.axial == pytest.approx(0.03)
        assert one.two_theta_range == (10.0, 140.0)
        gaussian = np.sqrt(0.004 * t**2 - 0.002 * t + 0.006)
        lorentzian = 0.03 * t + 0.02 / c
    else:
        assert one.wavelengths == (0.7093,)
        gaussian, lorentzian = 0.05 + angle / 2000, 0.02 + angle / 3000
    assert float(one.fwhm(angle)) == pytest.approx(folded(gaussian, lorentzian), rel=0.03)


def read(tmp_path, text, name="a.instprm"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return sq.load_instrument(tmp_path / name)


IRF = "a.irf"


def test_two_lines_that_are_one(tmp_path):
    single = INSTPRM.replace("1.5443", "1.5405")
    assert read(tmp_path, single).wavelengths == (1.5405,)
    for wave in ("1.540560 1.540560 0.5", "1.54056 1.54439 0.0", "1.54056", "1.54056 0 0.5"):
        text = IRF_1.replace("1.540560  1.544390  0.5000", wave)
        one = read(tmp_path, text, IRF)
        assert (one.wavelengths, one.weights) == ((1.54056,), (1.0,))


def test_comments_behind_numbers(tmp_path):
    said = "\n".join(f"{line}  ! of 2024" for line in IRF_1.splitlines())
    assert read(tmp_path, said, IRF) == read(tmp_path, IRF_1, IRF)
    said = INSTPRM.replace("U:2.0", "U:2.0 ! refined").replace("W:5.0", "W:5.0  # fixed")
    assert read(tmp_path, said) == read(tmp_path, INSTPRM)


@pytest.mark.parametrize(
    ("name", "old", "new", "note"),
    [
        ("a.instprm", "SH/L:0.002", "SH/L:0.4", "SH/L is 0.4; 0.2 is taken"),
        ("a.instprm", "SH/L:0.002", "SH/L:-0.1", "SH/L is -0.1; 0 is taken"),
        ("a.instprm", "X:0.5", "X:-2.0", "Lorentzian width is negative"),
        ("a.instprm", "Polariz.:0.7", "Polariz.:0.3", "Polariz. gives is 2.333; 1 is taken"),
        ("a.instprm", "Polariz.:0.7", "Polariz.:1.2", "Polariz. gives is -0.1667; 0 is taken"),
        ("a.instprm", "Polariz.:0.7", "Polariz.:0.0", "Polariz. gives is inf; 1 is taken"),
        ("a.instprm", "Polariz.:0.7\n", "", "no polarisation was read"),
        (IRF, "0.03 0.02 0.0", "-0.03 0.02 0.0", "Lorentzian width is negative"),
        (IRF, "0.01 0.02", "0.2 0.2", r"ASYM, S/L \+ D/L, is 0.4; 0.2 is taken"),
        (IRF, "THRG", "CTHM 0.8\nTHRG", r"CTHM \(monochromator\) of the file, 0.8, is not taken"),
        (IRF, "THRG", "RPOL 0.5\nTHRG", r"RPOL \(polarisation\) of the file, 0.5, is not taken"),
        (IRF, "0.03 0.02 0.0", "0.3 0.0 0.0", "Lorentzian share is within"),
    ],
)
def test_what_is_changed_or_not_said_is_told(tmp_path, name, old, new, note):
    text = IRF_1 if name == IRF else INSTPRM
    told = read(tmp_path, text.replace(old, new), name).notes
    untouched = read(tmp_path, text, name).notes
    more = [one for one in told if one not in untouched]
    assert len([one for one in more if re.search(note, one)]) == 1


def test_polarisations(tmp_path):
    assert "no polarisation was read" in " ".join(read(tmp_path, IRF_1, IRF).notes)
    beamline = IRF_1.replace("1.540560  1.544390  0.5000", "0.5642")
    assert "polarisation" not in " ".join(read(tmp_path, beamline, IRF).notes)
    turned = INSTPRM.replace("Azimuth:0.0", "Azimuth:90.0").replace("0.7", "0.3")
    assert read(tmp_path, turned).polarisation == pytest.approx(0.3 / 0.7)


def test_the_zero_of_gsas_is_in_degrees(tmp_path):
    for zero in (0.03, -4.9):
        assert read(tmp_path, INSTPRM.replace("Zero:0.0", f"Zero:{zero}")).zero == zero


def test_widths_are_judged_over_the_range_of_the_file(tmp_path):
    # Negative below 30 degrees, which this one does not measure.
    text = IRF_1.replace("0.004 -0.002 0.006", "0.0 0.02 -0.005").replace("10.0 0.02", "40.0 0.02")
    one = read(tmp_path, text, IRF)
    assert one.two_theta_range == (40.0, 140.0) and float(one.fwhm(60.0)) > 0.0
    with pytest.raises(ValueError, match="negative squared width at two-theta 10 degrees"):
        read(tmp_path, text.replace("40.0 0.02", "10.0 0.02"), IRF)


@pytest.mark.parametrize(("name", "text"), [("a.instprm", INSTPRM), (IRF, IRF_1), (IRF, IRF_4)])
def test_notes_tell_how_near_the_lorentzian_share_is(tmp_path, name, text):
    one = read(tmp_path, text, name)
    angles = np.linspace(*one.two_theta_range, 50)
    t, c = np.tan(np.deg2rad(angles / 2)), np.cos(np.deg2rad(angles / 2))
    gaussian = np.sqrt(8.0 * np.log(2.0) * (2.0 * t**2 - 2.0 * t + 5.0)) / 100.0
    lorentzian = (0.5 / c + 1.0 * t) / 100.0
    if name == IRF:
        gaussian, lorentzian = np.sqrt(0.004 * t**2 - 0.002 * t + 0.006), 0.03 * t + 0.02 / c
    if text is IRF_4:
        gaussian, lorentzian = 0.05 + angles / 2000, 0.02 + angles / 3000
    off = np.abs(one.lorentzian_share(angles) - from_voigt(gaussian, lorentzian)[1]).max()
    told = [note for note in one.notes if "Lorentzian share" in note]
    assert bool(told) == (off > 0.02)


BAD = {
    "a.instprm": [
        (INSTPRM.replace("PXC", "PNT"), "of type 'PNT', neutrons"),
        (INSTPRM.replace("PXC", "PNC"), "of type 'PNC', neutrons"),
        (INSTPRM.replace("U:2.0", "U:nan"), "U is 'nan', which is no number"),
        (INSTPRM.replace("Zero:0.0", "Zero:50"), r"zero is 50.0; it must lie in \[-5, 5\]"),
        (INSTPRM.replace("W:5.0", "W:wide"), "W is 'wide'"),
        (INSTPRM.replace("W:5.0", "W:-5.0"), "negative variance"),
        ("#GSAS-II\n", "of type ''"),
    ],
    "a.irf": [
        (IRF_1.replace("WAVE", "JOBT NEUT\nWAVE"), r"is of 'NEUT' \(JOBT\), not of X-rays"),
        (IRF_1.replace("WAVE", "JOBT TOF\nWAVE"), r"is of 'TOF' \(JOBT\), not of X-rays"),
        (IRF_1.replace("0.006", "NaN"), "not understood: '0.004 -0.002 NaN"),
        (IRF_1.replace("0.004", "nan"), "not understood: 'nan -0.002"),
        (IRF_1.replace("140.0", "9.0"), "its range is 10 to 9 degrees"),
        (IRF_4 + "\n115.0 NaN 0.05", "not understood: '115.0 NaN"),
        (IRF_4.replace("0.7093", "0.7093 A"), "not understood: 'WAVE 0.7093 A'"),
        (IRF_1.replace("WAVE", "!"), "says no wavelength"),
        (IRF_1.replace(" 0.02 0.0", ""), "expected U V W X Y Z"),
        (IRF_1.replace("0.006", "-0.9"), "negative squared width"),
        ("title\nWAVE 1.54\n", "no parameters"),
    ],
    "a.json": [("{}", "no instrument"), ("", "no JSON"), ("not json", "no JSON")],
}


@pytest.mark.parametrize(
    ("name", "text", "reason"), [(n, t, r) for n, cases in BAD.items() for t, r in cases]
)
def test_files_that_are_no_instrument(tmp_path, name, text, reason):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=reason) as caught:
        sq.load_instrument(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_names_that_are_unknown(tmp_path):
    with pytest.raises(ValueError, match="no such instrument \\(lab-cu"):
        sq.load_instrument("nowhere")
    with pytest.raises(ValueError, match="no such file"):
        sq.load_instrument(tmp_path / "a.json")


def test_saved_instruments_are_found_by_name(tmp_path, monkeypatch):
    one = sq.load_instrument("lab-cu").replace(zero=0.01)
    path = save_instrument(one, "our D8")
    assert path.is_file() and saved_instruments() == ["our D8"]
    again = sq.load_instrument("our D8")
    assert again.zero == 0.01 and again.name == "our D8"
    # A directory of that name here is no instrument.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "our D8").mkdir()
    assert sq.load_instrument("our D8").zero == 0.01
    for name in ("", "../x", "a/b", "lab-cu"):
        with pytest.raises(ValueError, match=r"name is|ready instrument"):
            save_instrument(one, name)


def test_a_folder_remembers_its_instrument(tmp_path):
    one = sq.load_instrument("lab-mo")
    assert remembered_instrument(tmp_path) is None
    path = remember_instrument(one, tmp_path)
    assert path.parent == tmp_path and remembered_instrument(tmp_path) == one
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="no instrument"):
        remembered_instrument(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        remember_instrument(one, tmp_path / "file")

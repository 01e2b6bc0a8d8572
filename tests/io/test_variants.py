"""Files as programs and people write them: read as they are meant, or refused with the reason."""

import h5py
import numpy as np
import pattern_files as files
import pytest

import sk_qdots as sq

X = np.arange(5.0, 84.96, 0.05)
COUNTS = np.round(1460 + 300 * np.sin(X))
ESD = np.sqrt(COUNTS)
PLAIN = files.columns(X, COUNTS).decode()
ROWS = list(zip(X, COUNTS, strict=True))


def with_bank(rest, body):
    return f"t\nBANK 1 {len(X)} {len(X)} CONST {rest}\n".encode() + body


def rows(form):
    return "".join(form(a, b) for a, b in ROWS)


READ = {
    "three digits of esd": rows(lambda a, b: f"{a:.2f},{b:.0f},{b**0.5 * 4:.0f}\n"),
    "quoted commas": rows(lambda a, b: f'"{a:.3f}","{b:.0f}"\n'.replace(".", ",")),
    "Excel": "sep=;\n2theta;I\n" + files.columns(X, COUNTS, separator=";", decimal=",").decode(),
    "named esd": "# 2theta I esd\n" + files.columns(X, COUNTS, ESD).decode(),
    "a size in the title": "5 nm PbS dots\n" + PLAIN,
    "units in the title": "300 K\n" + PLAIN,
    "I11": "&DET\nSRSRUN=1\n&END\n" + PLAIN,
    "HighScore": "[Measurement conditions]\nK-Alpha1 wavelength,0.5\n12,15\n[Scan points]\n"
    "Angle,TimePerStep,Intensity,ESD\n" + rows(lambda a, b: f"{a:.3f},10,{b:.0f},{b**0.5:.2f}\n"),
    "an empty column": rows(lambda a, b: f"{a:.2f}\t\t{b:.0f}\n"),
    "blanks by the thousand": f"# lambda{' ' * 9000}x\n# 2{' ' * 9000}x\n" + PLAIN,
    "two coefficients": with_bank("500.00 5.00 FXYE", files.columns(100 * X, COUNTS, ESD)),
    "a blank before BANK": b" \n " + files.fxye(X, COUNTS, ESD, 0.5).replace(b"BANK", b"  BANK"),
}


@pytest.mark.parametrize("kind", READ)
def test_read_as_meant(tmp_path, kind):
    content = READ[kind]
    path = tmp_path / "a.dat"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    pattern = sq.read_pattern(path, wavelength=0.5)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X, atol=1e-6)


REFUSED = {
    "quoted thousands": (rows(lambda a, b: f'{a:.3f},"{b:,.2f}"\n'), "is not one number"),
    "thousands": (rows(lambda a, b: f"{a:.3f},{b:,.2f}\n"), "thousands"),
    "French thousands": (rows(lambda a, b: f"{a:.3f} {b:,.0f}\n".replace(",", " ")), "thousands"),
    "commas for all": (rows(lambda a, b: f"{a:.2f},{b:.0f}\n".replace(".", ",")), "decimal marks"),
    "Q for intensity": ("# 2theta Q I\n" + files.columns(X, X, COUNTS).decode(), "come first"),
    "a row number": (",tth,I\n" + "".join(f"{k},5,{k}\n" for k in range(20)), "a row number"),
    "two intensities": ("2theta I1 I2\n" + files.columns(X, COUNTS, COUNTS).decode(), "'I2'"),
    "weights": (
        "2theta,I,weight\n" + files.columns(X, COUNTS, ESD, separator=",").decode(),
        "'weight', which is not a standard deviation",
    ),
    "a background": (
        "# 2 theta  Intensity  Background\n" + files.columns(X, COUNTS, ESD).decode(),
        "'Background'",
    ),
    "a typographer's minus": ("\u22120.50 1000\n" + PLAIN, "below zero"),
    "a tilde": ("~2.000 1000\n" + PLAIN, "line 1 is not a row of numbers"),
    "brackets": ("(1.90, 1000)\n" + PLAIN, "line 1 is not a row of numbers"),
    "an empty field": ("2theta;I;esd\n5;;38\n6;7;8\n" + ";".join("123"), "empty field"),
    "ranges that meet": (
        files.columns(
            np.r_[np.arange(5, 20.001, 0.02), 20 + np.arange(0, 75, 0.02)], np.ones(4501)
        ),
        "repeats the abscissa 20",
    ),
    "degrees below BANK": (with_bank("500 5 0 0 FXYE", files.columns(X, COUNTS, ESD)), "starts at"),
    "full STD fields": (
        with_bank("500 5 0 0 STD", "".join(f"{v * 1e4:8.0f}" for v in COUNTS[:10]).encode()),
        "different numbers of counters",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_with_the_reason(tmp_path, kind):
    content, reason = REFUSED[kind]
    path = tmp_path / "a.dat"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(path, wavelength=0.5)


TUBE = (files.ALPHA1 + 0.5 * files.ALPHA2) / 1.5
XRDML = files.xrdml(X, COUNTS, None, None)
BRML = files.brml(X, COUNTS, None, None)
VENDOR = {
    "K-beta": (XRDML.replace(b'"K-Alpha"', b'"K-Beta"'), 1.39225),
    "nm": (XRDML.replace(b'"Angstrom">1.5405929', b'"nm">0.15405929'), TUBE),
    "UTF-16": (XRDML.decode().replace("UTF-8", "UTF-16").encode("utf-16"), TUBE),
    "RAS, blank lines": (b"\n\n" + files.ras(X, COUNTS, None, None), TUBE),
    "RAS, Shift-JIS": (
        files.ras(X, COUNTS, None, None, axis="2θ/θ").decode().encode("cp932"),
        TUBE,
    ),
    "ASC, blanks": (b" \n " + files.asc(X, COUNTS, None, None), TUBE),
}


@pytest.mark.parametrize("kind", VENDOR)
def test_vendors_variants(tmp_path, kind):
    content, wavelength = VENDOR[kind]
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    pattern = sq.read_pattern(path)
    np.testing.assert_allclose(pattern, COUNTS)
    assert pattern.attrs["wavelength"] == pytest.approx(wavelength, rel=1e-9)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (XRDML.replace(b'"K-Alpha"', b'"None"'), "which line was used"),
        (files.xrdml(np.full(50, 30.0), np.ones(50), None, None), "does not move two-theta"),
        (files.xrdml(X, COUNTS, None, None, scans=1001), "more than 1000 scans"),
        (
            b"<xrdMeasurements>"
            + b"<xrdMeasurement><scan>" * 5000
            + b"</scan></xrdMeasurement>" * 5000
            + b"</xrdMeasurements>",
            "no scan|damaged",
        ),
        (files.brml(X[:3], COUNTS[:3], None, None, scans=1001), "a map, not a pattern"),
    ],
)
def test_vendors_files_that_are_no_pattern(tmp_path, content, reason):
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(tmp_path / "a.dat")


@pytest.mark.parametrize(
    ("name", "units", "long_name"),
    [
        ("q", "angstrom", ""),
        ("q", None, ""),
        ("chi", "deg", ""),
        ("r", "mm", ""),
        ("energy", "keV", ""),
        ("tth", "mrad", ""),
        ("x", "nm", ""),
        ("wavelength", "angstrom", ""),
        ("time", "s", ""),
    ],
)
def test_axes_of_nexus_that_are_not_guessed(tmp_path, name, units, long_name):
    path = tmp_path / "a.nxs"
    path.write_bytes(
        files.nexus(X, COUNTS, None, 0.5, axis=name, units=units or "deg", long_name=long_name)
    )
    if units is None:
        with h5py.File(path, "r+") as file:
            del file["entry/data"][name].attrs["units"]
    with pytest.raises(sq.PatternError, match=r"x='q'|with x= \(--x\)"):
        sq.read_pattern(path)


@pytest.mark.parametrize("units", ["inverse angstrom", "per_angstrom", "1/Å", "Å⁻¹"])
def test_inverse_lengths_of_nexus(tmp_path, units):
    path = tmp_path / "a.nxs"
    path.write_bytes(files.nexus(X, COUNTS, None, 0.5, axis="q", units=units, long_name=""))
    assert sq.read_pattern(path).attrs["axis"] == "Q in 1/Angstrom"


def test_the_energy_of_a_detector_is_not_the_beam(tmp_path):
    path = tmp_path / "a.nxs"
    path.write_bytes(files.nexus(X, COUNTS, None, 0.5))
    with h5py.File(path, "r+") as file:
        del file["entry/instrument/monochromator"]
        file["entry/instrument/detector/energy"] = 6.0
        file["entry/instrument/detector/energy"].attrs["units"] = "keV"
    assert "wavelength" not in sq.read_pattern(path).attrs


@pytest.mark.parametrize("value", [10**400, float("inf"), True, "0.5", [0.5]])
def test_what_is_no_wavelength(tmp_path, value):
    path = tmp_path / "a.xy"
    path.write_text(PLAIN, encoding="utf-8")
    for name in ("wavelength", "energy"):
        with pytest.raises(sq.PatternError, match="must be a number"):
            sq.read_pattern(path, **{name: value})

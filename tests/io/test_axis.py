"""Any axis gives the same standard pattern, and contradictions are reported, not guessed."""

import re

import numpy as np
import pattern_files as files
import pytest
from pattern_files import ALPHA1, ALPHA2, NO_WAVELENGTH, TUBES, WRITERS

import sk_qdots as sq

WAVELENGTHS = [0.56, 0.7093, 1.5406]
MEAN = (ALPHA1 + 0.5 * ALPHA2) / 1.5


def simulated(two_theta, wavelength):
    """What dots of 4 nm scatter at these angles, in counts."""
    q = 4 * np.pi / wavelength * np.sin(np.deg2rad(two_theta / 2))
    library = sq.simulate_library(
        "PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0], q=q, wavelength=0.56
    )
    values = library["intensity"].values.ravel().astype(float)
    return q, values / values.max() * 90_000 + 2000


def angles(wavelength):
    return np.arange(8.0, 150.0 if wavelength > 1 else 100.0, 0.02)


@pytest.fixture(scope="module")
def patterns():
    return {w: simulated(angles(w), w) for w in [*WAVELENGTHS, MEAN]}


def standard(pattern):
    return sq.QStandardizer().fit_transform([pattern])[0]


def assert_same(pattern, q, values, tolerance=1e-3):
    """As the pattern itself, without a file, inside the range that both have."""
    import xarray as xr

    direct = standard(xr.DataArray(values, dims="q", coords={"q": q}))
    found = standard(pattern)
    both = np.isfinite(direct) & np.isfinite(found)
    assert both.sum() >= np.isfinite(direct).sum() - 2
    assert np.abs(found - direct)[both].max() <= tolerance * np.nanmax(direct)


AXES = {
    "two_theta": lambda two_theta, q: two_theta,
    "two_theta_rad": lambda two_theta, q: np.deg2rad(two_theta),
    "q": lambda two_theta, q: q,
    "q_nm": lambda two_theta, q: 10.0 * q,
    "d": lambda two_theta, q: 2 * np.pi / q,
    "d_nm": lambda two_theta, q: 0.2 * np.pi / q,
}
ALIASES = {
    "two_theta": "2th_deg",
    "two_theta_rad": "2th_rad",
    "q": "q_A^-1",
    "q_nm": "q_nm^-1",
    "d": "d_A",
    "d_nm": "d_nm",
}


@pytest.mark.parametrize("wavelength", WAVELENGTHS)
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
def test_any_axis_in_any_order(tmp_path, patterns, wavelength, axis, order):
    q, values = patterns[wavelength]
    x = AXES[axis](angles(wavelength), q)
    rows = {
        "ascending": np.arange(len(x)),
        "descending": np.arange(len(x))[::-1],
        "shuffled": np.random.default_rng(0).permutation(len(x)),
    }[order]
    path = tmp_path / "a.xye"
    path.write_bytes(files.columns(x[rows], values[rows], np.sqrt(values)[rows]))
    pattern = sq.read_pattern(path, wavelength=wavelength, x=axis)
    assert_same(pattern, q, values)
    np.testing.assert_allclose(pattern["esd"], np.sqrt(values), rtol=1e-8)
    np.testing.assert_allclose(pattern["two_theta"], angles(wavelength), rtol=1e-6)
    assert pattern.identical(sq.read_pattern(path, wavelength=wavelength, x=ALIASES[axis]))
    if not axis.startswith("two_theta"):
        assert_same(sq.read_pattern(path, x=axis), q, values)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("wavelength", WAVELENGTHS)
def test_any_format_at_any_wavelength(tmp_path, patterns, name, wavelength):
    if name in TUBES:
        wavelength = MEAN
    q, values = patterns[wavelength]
    path = tmp_path / name
    path.write_bytes(
        WRITERS[name](angles(wavelength), np.round(values), np.sqrt(values), wavelength)
    )
    options = {"wavelength": wavelength} if name in NO_WAVELENGTH else {}
    assert_same(sq.read_pattern(path, **options), q, values)


HEADERS = {
    "2-Theta Angle (Degrees)": "two_theta",
    "# 2theta  intensity": "two_theta",
    "# tth counts": "two_theta",
    "2θ (°);I": "two_theta",
    "#2th_deg I": "two_theta",
    "2theta (rad), I": "two_theta_rad",
    "# 2th_rad  I": "two_theta_rad",
    "# Q (1/Å)  I(Q)": "q",
    "Q [A^-1],I": "q",
    "q(Å⁻¹)\tI": "q",
    "# x: q_A^-1": "q",
    "Scattering vector (1/Angstrom)  I": "q",
    "Q (Inverse Nanometres)": "q_nm",
    "Q(inv.nm)": "q_nm",
    "#q_nm^-1   I   sigma": "q_nm",
    "q (1/nm)\tI (a.u.)": "q_nm",
    "# d (Angstrom) I": "d",
    "D-spacing (Angstroms)": "d",
    "d-spacing [nm]  I": "d_nm",
    "Q\tI\n1/A\ta.u.": "q",
    "#S 1\n#L Q(1/A) I": "q",
    "[DEFAULT]\ndataformat = QA\n#### start data": "q",
    "dataformat = Qnm": "q_nm",
    "# Units: q_nm^-1": "q_nm",
    "# column 1: Q (nm^-1)": "q_nm",
    "Pos. [°2Th.],Iobs [cts]": "two_theta",
    "Angle,Intensity": "two_theta",
    "[Scan points]\nAngle,Intensity": "two_theta",
    "2 Theta Intensity": "two_theta",
    "2theta in degrees": "two_theta",
    "q / nm^{-1}  I": "q_nm",
}


@pytest.mark.parametrize("header", HEADERS)
def test_what_the_header_says(tmp_path, header):
    axis = HEADERS[header]
    two_theta = np.arange(10.0, 90.0, 0.1)
    q = 4 * np.pi / 0.7 * np.sin(np.deg2rad(two_theta / 2))
    x = AXES[axis](two_theta, q)
    values = 100 + np.arange(len(x)) % 7
    path = tmp_path / "a.dat"
    path.write_bytes(files.columns(x, values, header=header + "\n"))
    options = {"wavelength": 0.7} if axis.startswith("two_theta") else {}
    pattern = sq.read_pattern(path, **options)
    np.testing.assert_allclose(pattern["q"], np.sort(q), rtol=1e-7)
    assert sq.io._axis.AXES[axis] == pattern.attrs["axis"]


NO_AXIS = [
    "# dots of quantum size",
    "data 2024",
    "# data (nm)",
    "title d",
    "x y",
    "# d = 4 nm (TEM)",
    "# Q dots 4 nm",
    "# d50 = 4 nm",
    "# q_min = 0.5 nm",
    "# D/teX Ultra 250 A",
    "# D: 4 nm dots",
    "5 nm PbS dots",
    "300 K",
]


@pytest.mark.parametrize("header", NO_AXIS)
def test_what_names_no_axis(tmp_path, header):
    path = tmp_path / "a.dat"
    path.write_bytes(files.columns(np.arange(5.0, 24.0), np.ones(19), header=header + "\n"))
    with pytest.raises(sq.PatternError, match="what is the abscissa"):
        sq.read_pattern(path)
    assert sq.read_pattern(path, wavelength=0.7).attrs["axis"] == "two-theta in degrees"
    # Nor does it take the place of what does.
    header = f"# 2theta (deg) I\n{header}\n"
    path.write_bytes(files.columns(np.arange(5.0, 24.0), np.ones(19), header=header))
    assert sq.read_pattern(path, wavelength=0.7).attrs["axis"] == "two-theta in degrees"


NOT_SETTLED = {
    "# Q": "without a unit",
    "# Q I(Q)": "without a unit",
    "q,I": "without a unit",
    "# d I": "without a unit",
    "# Q (a.u.) I": "without a unit",
    "# Q, A^-1; I": "without a unit",
    "# theta I": "is called 'theta",
    "# Theta (deg)  I": "is called 'Theta",
    "# r_mm I": "is called 'r_mm",
    "# Q range 0.5-5 1/A used": "is called 'Q range",
    "Vecteur q (1/Å)": "is called 'Vecteur q",
    "# chi_deg I": "is called 'chi_deg",
    "# qx_nm^-1 I": "is called 'qx_nm",
    "# d*2_A^-2 I": "is called 'd",
    "# log10(q.m)_None I": "is called 'log",
    "Energy (keV), counts": "is called 'Energy",
    "channel counts": "is called 'channel",
    "2theta (mrad) I": "is called '2theta",
    "# I Q": "the abscissa must come first",
    "Intensity 2theta": "the abscissa must come first",
    "# 2theta (deg) I\n# Q (1/A) I": "names the abscissa twice",
}


@pytest.mark.parametrize("header", NOT_SETTLED)
def test_what_the_header_leaves_open(tmp_path, header):
    """Nothing is taken for two-theta because a wavelength is known."""
    path = tmp_path / "a.dat"
    text = f"# Wavelength: 5.6e-11 m\n{header}\n"
    path.write_bytes(files.columns(np.arange(5.0, 24.0), np.ones(19), header=text))
    with pytest.raises(sq.PatternError, match=re.escape(NOT_SETTLED[header])) as caught:
        sq.read_pattern(path)
    if "first" not in NOT_SETTLED[header]:
        assert "--x" in caught.value.reason
        settled = sq.read_pattern(path, x="two_theta")
        assert settled.attrs["axis"] == "two-theta in degrees"


WAVELENGTH_LINES = {
    "# Wavelength: 5.600000e-11 m": 0.56,
    "# wavelength = 0.5600": 0.56,
    "# Wavelength (A): 0.56": 0.56,
    "wavelength,0.056 nm": 0.56,
    '# {"wavelength": 5.6e-11, "dist": 0.2}': 0.56,
    "# lambda=0.56 Angstrom": 0.56,
    "# Energy (keV) = 22.1400": 12.398419843320026 / 22.14,
    "# photon energy: 22140 eV": 12.398419843320026 / 22.14,
    "# wavelength 1.5406": 1.5406,
    "# lambda 1.54": 1.54,
    "CuKa1 wavelength 1.54056": 1.54056,
    "_diffrn_radiation_wavelength 1.5406": 1.5406,
    "PbS, wavelength 1.1, 300 K": 1.1,
    "# Wavelength is 0.56 Å": 0.56,
    "wavelength: 0,5600 Å": 0.56,
    "wavelength_nm 0.056": 0.56,
    "wavelength: 0.7093 0.71359 0.5": (0.7093 + 0.5 * 0.71359) / 1.5,
    "Wavelength;0.56;A": 0.56,
    "energy_keV = 22.14": 12.398419843320026 / 22.14,
    "E = 22.14 keV": 12.398419843320026 / 22.14,
    "# threshold energy = 6.0 keV\n# wavelength 0.56": 0.56,
    "# Energy = 22.14 keV\n# Calibrated wavelength = 0.560002": 0.560002,
    '# {"dist": 0.2, "detector": "Pilatus", "wavelength": 5.6e-11}': 0.56,
    "Wavelength 0.7093 (Mo Ka1), 0.71359 (Ka2)": (0.7093 + 0.5 * 0.71359) / 1.5,
    "Wavelength: 0.7093 Å (Mo Kα1) / 0.71359 Å (Mo Kα2), ratio 0.4": (0.7093 + 0.4 * 0.71359) / 1.4,
    "Wavelength (A) 0.7093 and 0.71359": (0.7093 + 0.5 * 0.71359) / 1.5,
    "Wavelengths: Ka1 = 0.7093, Ka2 = 0.71359": (0.7093 + 0.5 * 0.71359) / 1.5,
    "lambda = 0.07093, 0.071359 nm": (0.7093 + 0.5 * 0.71359) / 1.5,
    "wavelength 0.15406 nm, 0.15444 nm": (1.5406 + 0.5 * 1.5444) / 1.5,
    "#K-Alpha1 [A]: 0.7093": 0.7093,
    "#K-Alpha1 [A]: 0.7093\n#K-Alpha2 [A]: 0.71359\n#K-A2/K-A1 Ratio: 0.4": (0.7093 + 0.4 * 0.71359)
    / 1.4,
    "WL1=0.7093": 0.7093,
    "WL1=0.7093\nWL2=0.71359\nWLRATIO=0.4": (0.7093 + 0.4 * 0.71359) / 1.4,
    "# K-Alpha1 wavelength 0.7093\n# K-Alpha2 wavelength 0.71359": (0.7093 + 0.5 * 0.71359) / 1.5,
    "K-Alpha1 wavelength,0.7093\nK-Alpha2 wavelength,0.71359\nRatio K-Alpha2/K-Alpha1,0.5": (
        0.7093 + 0.5 * 0.71359
    )
    / 1.5,
}


@pytest.mark.parametrize("line", WAVELENGTH_LINES)
def test_what_the_header_says_of_the_wavelength(tmp_path, line):
    path = tmp_path / "a.dat"
    header = line + "\n# 2theta I\n"
    path.write_bytes(files.columns(np.arange(10.0, 90.0), np.ones(80), header=header))
    pattern = sq.read_pattern(path)
    assert pattern.attrs["wavelength"] == pytest.approx(WAVELENGTH_LINES[line], rel=1e-9)


@pytest.mark.parametrize(
    "line",
    [
        "# energy 22.14",
        "# wavelength: unknown",
        "# wavelength 800 nm",
        "# lambda 1064",
        "# lambda 1 of 3",
        "# emission wavelength 1.1 um",
        "# threshold energy = 6.0 keV",
        "# energy cutoff: 10 keV",
        "# monochromator lambda = 2.4 mm",
        "# Photoluminescence wavelength 0.62 A",
        "# Delta lambda 0.1 A",
        "# dlambda/lambda 0.1",
        "# thresh E 7.5 keV",
        "# Eiger energy 8.0 keV",
    ],
)
def test_what_is_no_wavelength_of_x_rays(tmp_path, line):
    path = tmp_path / "a.dat"
    header = line + "\n# 2theta I\n"
    path.write_bytes(files.columns(np.arange(10.0, 90.0), np.ones(80), header=header))
    with pytest.raises(sq.PatternError, match="needs a wavelength") as caught:
        sq.read_pattern(path)
    if re.search("wavelength|energy|lambda", line[:20]):
        assert line[2:9] in caught.value.reason  # what the file does say


@pytest.mark.parametrize(
    "header",
    ["# wavelength: 0.5 A\n# energy: 12.4 keV\n", "# wavelength 0.5\n# wavelength 1.54\n"],
)
def test_two_wavelengths_of_one_header(tmp_path, header):
    path = tmp_path / "a.dat"
    path.write_bytes(files.columns(np.arange(10.0, 90.0), np.ones(80), header=header))
    for options in ({}, {"wavelength": 0.5}):
        with pytest.raises(sq.PatternError, match="states two wavelengths"):
            sq.read_pattern(path, **options)
    settled = sq.read_pattern(path, wavelength=0.5, x="two_theta")
    assert settled.attrs["wavelength"] == 0.5


CONTRADICTIONS = {
    # header, abscissa, what the caller gives, the two readings
    "angles called Q": ("Q (1/A)", (5, 90), {}, ("q", "two_theta")),
    "angles called Q, wavelength": ("Q (1/A)", (5, 90), {"wavelength": 0.56}, ("q", "two_theta")),
    "chi": ("Q(inv.nm)", (2, 140), {"wavelength": 1.5406}, ("q_nm", "two_theta")),
    "chi, both possible": ("Q(inv.nm)", (2, 60), {"wavelength": 0.56}, ("q_nm", "two_theta")),
    "Q called an angle": ("2theta", (2, 400), {"wavelength": 0.56}, ("two_theta", "q_nm")),
    "radians": ("", (0.1, 1.5), {"wavelength": 0.56}, ("two_theta", "two_theta_rad")),
    "radians called 2theta": ("2theta", (0.1, 1.5), {"energy": 20}, ("two_theta", "two_theta_rad")),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_contradictions_are_reported_with_both_readings(tmp_path, kind):
    header, (low, high), options, (one, other) = CONTRADICTIONS[kind]
    path = tmp_path / "a.chi"
    x = np.linspace(low, high, 500)
    path.write_bytes(
        files.fit2d(x, np.ones(500), None, None, label=header)
        if header
        else files.columns(x, np.ones(500))
    )
    with pytest.raises(sq.PatternError) as caught:
        sq.read_pattern(path, **options)
    reason = caught.value.reason
    words = sq.io._axis.AXES
    assert reason.count("read as") == 2
    assert f"read as {words[one]}" in reason and f"read as {words[other]}" in reason
    assert f"x={one!r} or x={other!r}" in reason and f"--x {one} or --x {other}" in reason
    if header:
        assert header[:5] in reason
    settled = sq.read_pattern(path, wavelength=0.15, x=other)
    assert settled.attrs["axis"] == words[other]


@pytest.mark.parametrize("label", ["Radial Distance (mm)", "Azimuth (Degrees)", "Pixels"])
def test_other_labels_of_fit2d(tmp_path, label):
    path = tmp_path / "a.chi"
    path.write_bytes(files.fit2d(np.arange(5.0, 50.0), np.ones(45), None, None, label))
    with pytest.raises(sq.PatternError, match="is called"):
        sq.read_pattern(path, wavelength=0.5)


TITLES = [
    *[
        "Q-dots CdSe",
        "Q dots in toluene",
        "Chi Nguyen",
        "R. Smith",
        "D:\\data\\CdSe.raw",
        "log.txt",
    ],
    *[
        "Azimuthal integration",
        "Radial integration, PILATUS",
        "theta offset",
        "Channel cut Si(111)",
    ],
    *["r dots", "S", "R", "Th", "D", "date, time", "Toluene, R. Smith", "CdSe, q", "CdSe; S"],
    *["CdSe, std", "CdSe, dots, toluene", "exposure 10 s, gain low, batch B", "12 May, 300 K"],
    *["2020-05-12 10:11:12", "12.05.2020", "12/05/2020", "S12", "A-1", "/*", "Psi,0", "Phi, 0"],
    *[
        "Temperature, 295",
        "Temperature (K)",
        "Theta/2Theta",
        "Omega/2Theta",
        "S/N",
        "R_wp",
        "R (%)",
    ],
    *["Energy (keV)", "radius (nm)", "chi (deg)", "frame_3", "Index_1", "pixel_size", "S_CdSe"],
    *["d (nm) from TEM", "2theta (start)", "Wellenlänge unbekannt", "Q (1/A) range"],
]


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("mark", ["", "# "])
def test_titles_are_no_labels(tmp_path, title, mark):
    """Neither alone, unless they name an axis with its unit, nor before a row of names."""
    rows = files.columns(np.arange(5.0, 50.0), np.ones(45)).decode()
    path = tmp_path / "a.xy"
    path.write_text(f"{mark}{title}\n# 2theta (deg) I\n{rows}", encoding="utf-8")
    assert sq.read_pattern(path, wavelength=0.5).attrs["axis"] == "two-theta in degrees"
    path.write_text(f"# 2theta (deg) I\n{mark}{title}\n{rows}", encoding="utf-8")
    assert sq.read_pattern(path, wavelength=0.5).attrs["axis"] == "two-theta in degrees"
    path.write_text(f"{mark}{title}\n{rows}", encoding="utf-8")
    if title in ("d (nm) from TEM", "Q (1/A) range"):
        with pytest.raises(sq.PatternError, match="read as"):
            sq.read_pattern(path, wavelength=0.5)
    else:
        assert sq.read_pattern(path, wavelength=0.5).attrs["axis"] == "two-theta in degrees"


NAMES = {
    "Q (1/A),CdSe_5nm": "q",
    "Q [A-1]\tsample_01": "q",
    "q (nm^-1)\tS12": "q_nm",
    "q_nm^-1 I1": "q_nm",
    "Q[1/Å] I1": "q",
    "d-spacing (A)\tCdSe1": "d",
    "Q_A-1 Int 300K": "q",
    "# x = Q (1/A), y = I": "q",
    "QVector (A-1)": "q",
    "Qvec(1/A)": "q",
    "|Q| (1/A)": "q",
    "1. Q (1/A)": "q",
    "col1: q [1/A]": "q",
    "# Integration unit: q_A^-1\n# x y": "q",
    "2theta (rad)\tI1": "two_theta_rad",
    "tth_rad I1": "two_theta_rad",
    "Angle (2theta) Intensity Error": "two_theta",
    "Scattering angle (2theta) [deg] I": "two_theta",
    "[Data]\n;Angle,Intensity": "two_theta",
    "q\tI\n1/nm\ta.u.\n\tCdSe 5 nm": "q_nm",
}


@pytest.mark.parametrize("header", NAMES)
def test_names_of_columns(tmp_path, header):
    axis = NAMES[header]
    two_theta = np.arange(10.0, 90.0, 0.1)
    q = 4 * np.pi / 0.7 * np.sin(np.deg2rad(two_theta / 2))
    path = tmp_path / "a.dat"
    rows = files.columns(AXES[axis](two_theta, q), np.ones(len(q)))
    path.write_bytes(f"# wavelength 0.7 A\n{header}\n".encode() + rows)
    assert sq.read_pattern(path).attrs["axis"] == sq.io._axis.AXES[axis]


@pytest.mark.parametrize(
    "name",
    [
        *[
            "Intensity_error",
            "intensity_err",
            "Intensity uncertainty",
            "Err.",
            "err_I",
            "esd/counts",
        ],
        *["e/cps", "sem", "sqrt(I)", "Sigma", "dI(Q)", "e.s.d.", "y_err", "σ", "Std. Dev."],
    ],
)
def test_names_of_the_standard_deviation(tmp_path, name):
    path = tmp_path / "a.csv"
    x = np.arange(5.0, 50.0)
    path.write_bytes(files.columns(x, 9 * x, x, f"2theta,I,{name}\n", separator=","))
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.5)["esd"], x)


def test_many_columns_with_names(tmp_path):
    x = np.arange(5.0, 50.0)
    rows = "".join(f"{a},{9 * a},{8 * a},1,{a / 10},2\n" for a in x)
    path = tmp_path / "a.csv"
    path.write_text('"2-theta","y_obs","y_calc","y_bkg","Q","wt"\n' + rows, encoding="utf-8")
    np.testing.assert_allclose(sq.read_pattern(path, wavelength=0.5), 9 * x)


def test_a_possible_header_is_believed(tmp_path):
    path = tmp_path / "a.chi"
    path.write_bytes(
        files.fit2d(np.linspace(10, 150, 500), np.ones(500), None, None, "Q (Inverse Nanometres)")
    )
    assert sq.read_pattern(path)["q"][-1] == pytest.approx(15.0)
    assert "wavelength" not in sq.read_pattern(path).attrs


@pytest.mark.parametrize(
    ("x", "values", "reason"),
    [
        ("q", (5, 90), "too much for Q"),
        ("q", (-1, 9), "remove the rows below zero"),
        ("d", (0, 9), "above zero"),
        ("d", (0.1, 9), "too much for Q"),
        ("two_theta", (5, 190), "180 degrees"),
        ("two_theta_rad", (0.1, 4), "pi radians"),
    ],
)
def test_what_the_axis_cannot_be(tmp_path, x, values, reason):
    path = tmp_path / "a.xy"
    path.write_bytes(files.columns(np.linspace(*values, 50), np.ones(50)))
    with pytest.raises(sq.PatternError, match=reason):
        sq.read_pattern(path, wavelength=0.56, x=x)


@pytest.mark.parametrize(
    ("wavelength", "label"),
    [
        (1.5406, "Cu K-alpha 1"),
        (1.5418, "Cu K-alpha mean"),
        (0.7107, "Mo K-alpha mean"),
        (0.5594, "Ag K-alpha 1"),
        (0.5642, None),
    ],
)
def test_lines_of_tubes_are_labelled(tmp_path, wavelength, label):
    path = tmp_path / "a.xy"
    path.write_bytes(files.columns(np.arange(10.0, 90.0), np.ones(80)))
    pattern = sq.read_pattern(path, wavelength=wavelength)
    assert pattern.attrs.get("wavelength_label") == label

"""Which line of a tube was in the beam, which scans are patterns, and what stopped early."""

import numpy as np
import pattern_files as files
import pytest
from pattern_files import ALPHA1, ALPHA2

import sk_qdots as sq

ANGLES = np.linspace(5.0, 85.0, 801)
COUNTS = np.round(5000 + 4000 * np.sin(ANGLES) ** 2)
MEAN = (ALPHA1 + 0.5 * ALPHA2) / 1.5


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_xrdml_the_optics_decide_on_the_line_and_not_the_intention(tmp_path):
    content = files.xrdml(ANGLES, COUNTS, None, None).replace(b'"K-Alpha"', b'"K-Alpha 1"')
    pattern = sq.read_pattern(write(tmp_path, "a.xrdml", content))
    assert pattern.attrs["wavelength"] == pytest.approx(MEAN)
    assert "intended is 'K-Alpha 1', but no crystal" in pattern.attrs["wavelength_label"]


OPTICS = {  # what stands in a beam path, and whether it parts the lines
    '<monochromator name="Hybrid monochr. 2xGe(220) Cu asym."><crystal>Ge</crystal>': True,
    '<monochromator name="4xGe220 Asymmetric"><crystal type="Asymmetric">Ge</crystal>': True,
    '<monochromator name="Johansson 1xGe111 Cu/Co">': True,
    '<monochromator name="Si(111)">': True,
    '<monochromator name="Ge 4-bounce">': True,
    '<monochromator name="FourBounceGe220">': True,
    '<monochromator name="Ge-220">': True,
    '<monochromator name="Ge monochromator">': True,
    '<monochromator name="InSb(111)">': True,
    '<monochromator name="Alpha1 monochromator">': True,
    '<xRayMirror name="Hybrid monochromator 2xGe(220)">': True,
    '<monochromator name="Graphite (flat)"><crystal>Graphite</crystal>': False,
    '<monochromator name="Multilayer"><crystal>W/Si</crystal>': False,
    '<xRayMirror name="Bragg-Brentano HD"><crystal type="Graded">BB/HD</crystal>': False,
}


@pytest.mark.parametrize("path", ["incidentBeamPath", "diffractedBeamPath"])
@pytest.mark.parametrize("optic", OPTICS)
def test_xrdml_a_perfect_crystal_in_the_beam_leaves_k_alpha_1_alone(tmp_path, path, optic):
    element = optic[1:].split()[0]
    content = files.xrdml(ANGLES, COUNTS, None, None).decode()
    content = content.replace("  <scan ", f"<{path}>{optic}</{element}></{path}>  <scan ")
    pattern = sq.read_pattern(write(tmp_path, "a.xrdml", content.encode()))
    label = pattern.attrs["wavelength_label"]
    if OPTICS[optic]:
        assert pattern.attrs["wavelength"] == ALPHA1
        assert label == f"Cu K-alpha 1 alone ({optic.split(chr(34))[1]})"
    else:
        assert pattern.attrs["wavelength"] == pytest.approx(MEAN)


def test_xrdml_no_second_line_by_its_ratio(tmp_path):
    content = files.xrdml(ANGLES, COUNTS, None, None).replace(b">0.5000<", b">0.0000<")
    pattern = sq.read_pattern(write(tmp_path, "a.xrdml", content))
    assert pattern.attrs["wavelength_label"] == "Cu K-alpha 1 alone (ratio of the lines 0)"


@pytest.mark.parametrize(
    ("keys", "label"),
    [
        ('*MEAS_COND_XG_WAVE_TYPE "Ka1"', "Cu K-alpha 1 alone (its line is called 'Ka1')"),
        ('*HW_I_MONOCHRO_NAME "Ge(220)x2"', "Cu K-alpha 1 alone (Ge(220)x2)"),
        ('*MEAS_COND_OPT_ATTR "PB-Ge(220)x2"', "Cu K-alpha 1 alone (PB-Ge(220)x2)"),
        ('*MEAS_COND_XG_WAVE_TYPE "Ka"', "Cu K-alpha mean of"),
        ('*MEAS_COND_XG_WAVE_TYPE "CuKa1"', "Cu K-alpha 1 alone"),
        ('*MEAS_COND_XG_WAVE_TYPE "Cu Ka1"', "Cu K-alpha 1 alone"),
        ('*MEAS_COND_XG_WAVE_TYPE "Kalpha 1 only"', "Cu K-alpha 1 alone"),
        ('*MEAS_COND_XG_WAVE_TYPE "Ka12"', "Cu K-alpha mean of"),
        ('*MEAS_COND_XG_WAVE_TYPE "Ka1 and Ka2"', "Cu K-alpha mean of"),
        ('*MEAS_COND_XG_WAVE_TYPE "K\N{GREEK SMALL LETTER BETA}"', "Cu K-beta"),
        ('*MEAS_COND_XG_WAVE_TYPE "CuKb"', "Cu K-beta"),
        ('*HW_I_MONOCHRO_NAME "None"', "Cu K-alpha mean of"),
        ('*HW_I_MONOCHRO_ID "ICR0021"', "Cu K-alpha mean of"),
        ('*MEAS_COND_XG_WAVE_TYPE "Kb"', "Cu K-beta"),
    ],
)
def test_rigaku_says_which_line(tmp_path, keys, label):
    content = files.ras(ANGLES, COUNTS, None, None).decode()
    content = content.replace("*FILE_SAMPLE", f"{keys}\n*FILE_SAMPLE")
    pattern = sq.read_pattern(write(tmp_path, "a.ras", content.encode()))
    assert pattern.attrs["wavelength_label"].startswith(label)


def test_rigaku_says_which_line_in_xml(tmp_path):
    content = files.rasx(ANGLES, COUNTS, None, None, wave_type="Ka1")
    pattern = sq.read_pattern(write(tmp_path, "a.rasx", content))
    assert pattern.attrs["wavelength"] == ALPHA1
    content = files.rasx(ANGLES, COUNTS, None, None, optics="Ge(220)x2")
    pattern = sq.read_pattern(write(tmp_path, "a.rasx", content))
    assert pattern.attrs["wavelength_label"] == "Cu K-alpha 1 alone (Ge(220)x2)"


@pytest.mark.parametrize(
    ("optic", "alone"),
    [
        ('<InfoData VisibleName="2xGe(022) Channel Cut" LogicName="Optic2"/>', True),
        (
            '<InfoData VisibleName="Optic" LogicName="O"><BeringInfo '
            'ClassPath="/Component/Optic/Monochromator/ChannelCut"/></InfoData>',
            True,
        ),
        ('<InfoData VisibleName="Johansson monochromator" LogicName="Optic2"/>', True),
        (
            '<InfoData VisibleName="Si 111 Vortex SDD" LogicName="D"><BeringInfo '
            'ClassPath="/Component/Optic/Detector/Point"/></InfoData>',
            False,
        ),
        ('<InfoData VisibleName="Focusing Goebel Mirror" LogicName="Mirror"/>', False),
        ('<InfoData VisibleName="Slit 1 [mm]" LogicName="Slit_10_1"/>', False),
    ],
)
def test_brml_the_optics_decide_on_the_line(tmp_path, optic, alone):
    content = files.brml(ANGLES, COUNTS, None, None, optics=optic)
    pattern = sq.read_pattern(write(tmp_path, "a.brml", content))
    assert pattern.attrs["wavelength"] == pytest.approx(ALPHA1 if alone else MEAN)


SCAN_AXES = {
    "a.ras": lambda axis: files.ras(ANGLES, COUNTS, None, None, axis=axis),
    "a.xrdml": lambda axis: files.xrdml(ANGLES, COUNTS, None, None, axis=axis),
    "a.brml": lambda axis: files.brml(ANGLES, COUNTS, None, None, axis=axis),
}


@pytest.mark.parametrize("name", SCAN_AXES)
def test_a_rocking_curve_is_no_pattern(tmp_path, name):
    path = write(tmp_path, name, SCAN_AXES[name]("Omega"))
    for options in ({}, {"subtracted": True}, {"scan": 0}):
        with pytest.raises(sq.PatternError, match=r"it does not move two-theta \(its axis: Omega"):
            sq.read_pattern(path, **options)


def test_a_rocking_curve_leaves_the_scans_beside_it_readable(tmp_path):
    rocking = files.ras(ANGLES, COUNTS, None, None, axis="Omega")
    good = files.ras(ANGLES, COUNTS, None, None)
    path = write(tmp_path, "a.ras", rocking.replace(b"*RAS_DATA_END\n", b"") + good[16:])
    listing = (
        r"2 scans, of which 1 is a pattern \(1: 5 to 85\) and others not \(0: it does not move"
    )
    for scan in (None, 0):
        with pytest.raises(sq.PatternError, match=r"1: 5 to 85.*0: it does not.*scan=1"):
            sq.read_pattern(path, scan=scan)
    with pytest.raises(sq.PatternError, match=listing):
        sq.read_pattern(path)
    for scan in (1, "sum"):
        np.testing.assert_allclose(sq.read_pattern(path, scan=scan), COUNTS)


def test_a_map_is_called_a_map(tmp_path):
    content = files.xrdml(ANGLES, COUNTS, None, None, scans=60)
    content = content.replace(b'measurementType="Scan"', b'measurementType="Area measurement"')
    with pytest.raises(sq.PatternError, match=r"is a map \(Area measurement, 60 scans"):
        sq.read_pattern(write(tmp_path, "a.xrdml", content))


def test_a_series_of_many_scans_is_readable_scan_by_scan(tmp_path):
    path = write(tmp_path, "a.xrdml", files.xrdml(ANGLES, COUNTS, None, None, scans=200))
    with pytest.raises(sq.PatternError, match="holds 200 scans"):
        sq.read_pattern(path)
    np.testing.assert_allclose(sq.read_pattern(path, scan=199), COUNTS)


def test_a_measurement_that_was_aborted_says_so(tmp_path):
    content = files.xrdml(ANGLES, COUNTS, None, None).replace(
        b'scanAxis="Gonio" status="Completed"', b'scanAxis="Gonio" status="Aborted"'
    )
    with pytest.warns(sq.PatternWarning, match=f"stops before its end: {len(COUNTS)} points"):
        sq.read_pattern(write(tmp_path, "a.xrdml", content))


def test_xrdml_cut_within_its_second_scan(tmp_path):
    content = files.xrdml(ANGLES, COUNTS, None, None, scans=2)
    path = write(tmp_path, "a.xrdml", content[: int(0.8 * len(content))])
    with pytest.warns(sq.PatternWarning, match="of its scans 1 are whole"):
        np.testing.assert_allclose(sq.read_pattern(path), COUNTS)
    path = write(tmp_path, "b.xrdml", content[: int(0.3 * len(content))])
    with pytest.raises(sq.PatternError, match="cut short within its first scan"):
        sq.read_pattern(path)


def test_gsas_counters_that_vary(tmp_path):
    """Few counters saw the ends; a blank between counters and counts shows that they are."""
    counters = np.where(np.arange(len(COUNTS)) < 40, 2, 10)
    counts = np.round(COUNTS) % 100_000
    fields = [f"{n:2d}{c:6.0f}" for n, c in zip(counters, counts, strict=True)]
    rows = "\n".join("".join(fields[k : k + 10]) for k in range(0, len(fields), 10))
    step = 100 * (ANGLES[1] - ANGLES[0])
    opening = f"BANK 1 {len(counts)} {len(rows)} CONST {100 * ANGLES[0]:.3f} {step:.4f} 0 0 STD"
    path = write(tmp_path, "a.gsa", f"title\n{opening}\n{rows}\n".encode())
    pattern = sq.read_pattern(path, wavelength=0.7)
    np.testing.assert_allclose(pattern, counts)
    np.testing.assert_allclose(pattern["esd"], np.sqrt(counts / counters))

"""Powder CIF: which of the items of a block are the pattern."""

import numpy as np
import pytest
from table_files import loop, with_su

import sk_qdots as sq

X = np.arange(10.0, 80.0, 0.5)
COUNTS = np.round(1460 + 300 * np.sin(X))
ESD = np.round(np.sqrt(COUNTS), 3)
POINTS = range(len(X))
BEAM = "_diffrn_radiation_wavelength 0.7\n"
DOUBLET = """loop_
_diffrn_radiation_wavelength_id
_diffrn_radiation_wavelength
_diffrn_radiation_wavelength_wt
1 1.540593 1.0
2 1.544427 0.4
"""
RANGE = """_pd_meas_2theta_range_min 10
_pd_meas_2theta_range_max 79.5
_pd_meas_2theta_range_inc 0.5
"""
COUNTED = loop(pd_meas_2theta_scan=X, pd_meas_counts_total=COUNTS)


def read(tmp_path, text, **options):
    path = tmp_path / "a.cif"
    path.write_text(text if text.lstrip().startswith(("data_", "#")) else f"data_a\n{text}")
    return sq.read_pattern(path, **options)


READ = {
    "a range": (RANGE + loop(pd_meas_counts_total=COUNTS), "_pd_meas_2theta_range_min"),
    "two-theta": (COUNTED, "_pd_meas_2theta_scan"),
    "newer tags": (
        loop(**{"pd_meas.2theta_scan": X, "pd_meas.counts_total": COUNTS}),
        "_pd_meas.2theta_scan",
    ),
    "capitals": (COUNTED.replace("_pd_", "_PD_"), "_PD_meas_2theta_scan"),
    "counts before what was processed": (
        loop(
            pd_proc_intensity_total=2 * COUNTS,
            pd_proc_intensity_net=COUNTS - 900,
            pd_meas_counts_total=COUNTS,
            pd_meas_2theta_scan=X,
        ),
        "_pd_meas_2theta_scan",
    ),
    "measured before calculated": (
        loop(
            pd_calc_intensity_total=2 * COUNTS,
            pd_meas_2theta_scan=X,
            pd_meas_intensity_total=COUNTS,
        ),
        "_pd_meas_2theta_scan",
    ),
    "counts without an abscissa": (
        loop(pd_meas_counts_total=COUNTS[:-9])
        + loop(pd_proc_2theta_corrected=X, pd_proc_intensity_total=COUNTS),
        "_pd_proc_2theta_corrected",
    ),
    "corrected before raw": (
        loop(pd_meas_2theta_scan=X + 0.1, pd_meas_counts_total=COUNTS, pd_proc_2theta_corrected=X),
        "_pd_proc_2theta_corrected",
    ),
    "corrected in another loop": (
        loop(pd_meas_point_id=POINTS, pd_meas_2theta_scan=X + 0.1, pd_meas_counts_total=COUNTS)
        + loop(pd_proc_point_id=POINTS, pd_proc_2theta_corrected=X),
        "_pd_proc_2theta_corrected",
    ),
    "corrected of other points": (
        loop(pd_meas_point_id=POINTS, pd_meas_2theta_scan=X, pd_meas_counts_total=COUNTS)
        + loop(pd_proc_point_id=range(5, len(X) + 5), pd_proc_2theta_corrected=X + 1),
        "_pd_meas_2theta_scan",
    ),
    "points left out": (
        loop(
            pd_meas_2theta_scan=[*X, 80.0, 80.5],
            pd_meas_counts_total=[*COUNTS, ".", "?"],
        ),
        "_pd_meas_2theta_scan",
    ),
    "a crystal beside": (
        "_cell_length_a 5.9\nloop_\n_atom_site_label\nPb\nS\n" + COUNTED,
        "_pd_meas_2theta_scan",
    ),
    "angles beside d": (
        loop(pd_proc_d_spacing=1 / X, pd_meas_2theta_scan=X, pd_meas_counts_total=COUNTS),
        "_pd_meas_2theta_scan",
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_read_as_meant(tmp_path, kind):
    text, axis = READ[kind]
    pattern = read(tmp_path, BEAM + text)
    np.testing.assert_allclose(pattern, COUNTS)
    np.testing.assert_allclose(pattern["two_theta"], X)
    assert pattern.attrs["format"] == "powder CIF"
    assert pattern.attrs["wavelength"] == 0.7
    assert pattern.attrs["columns"].startswith(f"{axis}, ")


def test_d_and_q(tmp_path):
    pattern = read(tmp_path, loop(pd_proc_d_spacing=20.0 / X, pd_meas_counts_total=COUNTS))
    np.testing.assert_allclose(pattern["q"], 2 * np.pi * X / 20.0)
    pattern = read(tmp_path, loop(pd_proc_recip_len_Q=X / 10, pd_meas_counts_total=COUNTS))
    np.testing.assert_allclose(pattern["q"], X / 10)


def test_standard_deviations(tmp_path):
    text = BEAM + loop(pd_meas_2theta_scan=X, pd_meas_intensity_total=with_su(COUNTS, ESD))
    np.testing.assert_allclose(read(tmp_path, text)["esd"], ESD, atol=1e-9)
    text = BEAM + loop(
        **{
            "pd_meas.2theta_scan": X,
            "pd_meas.intensity_total": COUNTS,
            "pd_meas.intensity_total_su": ESD,
        }
    )
    np.testing.assert_allclose(read(tmp_path, text)["esd"], ESD)
    assert "esd" not in read(tmp_path, BEAM + COUNTED).coords


@pytest.mark.parametrize(
    ("text", "value", "esd"),
    [("1.25(2)e3", 1250.0, 20.0), ("1250(12)", 1250.0, 12.0), ("12.5(3)e2", 1250.0, 30.0)],
)
def test_forms_of_a_number(tmp_path, text, value, esd):
    values = [text, *with_su(COUNTS[1:], ESD[1:])]
    pattern = read(tmp_path, BEAM + loop(pd_meas_2theta_scan=X, pd_meas_intensity_total=values))
    assert float(pattern[0]) == value
    assert float(pattern["esd"][0]) == pytest.approx(esd)


def test_a_doublet(tmp_path):
    pattern = read(tmp_path, DOUBLET + COUNTED)
    assert pattern.attrs["wavelength"] == pytest.approx((1.540593 + 0.4 * 1.544427) / 1.4)
    assert "ratio 0.4" in pattern.attrs["wavelength_label"]
    turned = DOUBLET.replace("1 1.540593 1.0\n2 1.544427 0.4", "2 1.544427 0.4\n1 1.540593 1.0")
    assert read(tmp_path, turned + COUNTED).attrs == pattern.attrs
    with pytest.raises(sq.PatternError, match="several wavelengths"):
        read(tmp_path, DOUBLET.replace("1.544427", "1.7") + COUNTED)


@pytest.mark.parametrize(
    ("tag", "crystal"),
    [
        ("_diffrn_radiation_monochromator", "Ge(111) Johansson"),
        ("_pd_instr_monochr_pre_spec", "Ge 111"),
    ],
)
def test_a_doublet_behind_a_crystal(tmp_path, tag, crystal):
    pattern = read(tmp_path, DOUBLET + f"{tag} '{crystal}'\n" + COUNTED)
    assert pattern.attrs["wavelength"] == 1.540593
    assert crystal in pattern.attrs["wavelength_label"]
    pattern = read(tmp_path, DOUBLET + f"{tag} 'graphite'\n" + COUNTED)
    assert pattern.attrs["wavelength"] > 1.541


def test_one_wavelength_of_a_tube(tmp_path):
    pattern = read(tmp_path, BEAM.replace("0.7", "1.5406(1)") + COUNTED)
    assert pattern.attrs["wavelength"] == 1.5406
    assert pattern.attrs["wavelength_label"] == "Cu K-alpha 1, as the file says"


def test_the_wavelength_of_another_block(tmp_path):
    assert read(tmp_path, f"data_all\n{BEAM}data_pattern\n{COUNTED}").attrs["wavelength"] == 0.7
    with pytest.raises(sq.PatternError, match="needs a wavelength"):
        read(tmp_path, f"data_a\n{BEAM}data_b\n{BEAM.replace('7', '8')}data_c\n{COUNTED}")


def test_blocks_are_scans(tmp_path):
    text = f"data_all\n{BEAM}data_cold\n{COUNTED}data_hot\n{COUNTED.replace(' ', '  1')}"
    with pytest.raises(sq.PatternError, match=r"2 scans, 0: 'cold', 10 to 79.5, 1: 'hot'"):
        read(tmp_path, text)
    np.testing.assert_allclose(read(tmp_path, text, scan=1), COUNTS + 10_000)


def test_a_block_that_is_no_pattern_stays_in_its_place(tmp_path):
    flight = loop(pd_meas_time_of_flight=1000 * X, pd_meas_counts_total=COUNTS)
    text = f"data_a\n{flight}data_b\n{BEAM}{COUNTED}"
    np.testing.assert_allclose(read(tmp_path, text, scan=1), COUNTS)
    with pytest.raises(sq.PatternError, match=r"scan 0 is no pattern.*time of flight"):
        read(tmp_path, text, scan=0)


def test_what_is_net_of_a_background_has_to_be_said(tmp_path):
    text = BEAM + loop(pd_proc_2theta_corrected=X, pd_proc_intensity_net=COUNTS)
    with pytest.raises(sq.PatternError, match=r"_pd_proc_intensity_net\) are net of a backgr"):
        read(tmp_path, text)
    pattern = read(tmp_path, text, subtracted=True)
    np.testing.assert_allclose(pattern, COUNTS)
    assert pattern.attrs["subtracted"] == "before it was read"


def test_items_that_the_caller_chooses(tmp_path):
    text = BEAM + loop(
        pd_meas_2theta_scan=X,
        pd_meas_counts_total=COUNTS,
        pd_proc_intensity_total=2 * COUNTS,
        pd_proc_ls_weight=ESD,
        pd_calc_intensity_total=COUNTS,
    )
    chosen = ("_pd_meas_2theta_scan", "pd_proc.intensity_total", "_pd_proc_ls_weight")
    pattern = read(tmp_path, text, columns=chosen)
    np.testing.assert_allclose(pattern, 2 * COUNTS)
    np.testing.assert_allclose(pattern["esd"], ESD)
    for columns, reason in (
        (("_pd_meas_2theta_scan", "_pd_calc_intensity_total"), "is calculated, not measured"),
        (("_pd_meas_2theta_scan", "_pd_meas_counts"), "no column '_pd_meas_counts'; in a CIF"),
        ((0, 1), "no column 0; in a CIF the columns are tags, of _pd_meas_2theta_scan"),
        (("_pd_proc_ls_weight", "_pd_meas_counts_total"), "its abscissa is called '_pd_proc_ls"),
    ):
        with pytest.raises(sq.PatternError, match=reason):
            read(tmp_path, text, columns=columns)


def test_neutrons(tmp_path):
    with pytest.warns(sq.PatternWarning, match="measured with neutrons"):
        read(tmp_path, f"_diffrn_radiation_probe neutron\n{BEAM}{COUNTED}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("_cell_length_a 5.9\nloop_\n_atom_site_label\nPb\n", r"a crystal.*Crystal\.from_cif"),
        ("_audit_creation_date 2024\n", "without a powder pattern"),
        (loop(pd_calc_intensity_total=COUNTS), "calculated pattern, without a measured one"),
        (loop(pd_meas_2theta_scan=X, pd_calc_intensity_total=COUNTS), "no measured intensity"),
        (loop(pd_meas_time_of_flight=X, pd_meas_counts_total=X), "time of flight"),
        (loop(pd_proc_energy_incident=X, pd_meas_counts_total=X), "measured over energy"),
        (loop(pd_meas_counts_total=COUNTS), "have no two-theta, d or Q"),
        (BEAM + COUNTED.replace(" 1", " x1", 1), "value 1 of _pd_meas_counts_total, 'x1"),
        (BEAM + COUNTED + "5\n_other 3\n", "damaged CIF"),
        (COUNTED, "needs a wavelength"),
    ],
)
def test_refused_with_the_reason(tmp_path, text, reason):
    with pytest.raises(sq.PatternError, match=reason) as caught:
        read(tmp_path, text)
    assert "\n" not in caught.value.reason


def test_fewer_points_than_the_range_says(tmp_path):
    text = BEAM + RANGE + loop(pd_meas_counts_total=COUNTS[:100])
    with pytest.warns(sq.PatternWarning, match="100 of 140 points"):
        pattern = read(tmp_path, text)
    np.testing.assert_allclose(pattern["two_theta"], X[:100])


def test_a_cut_file_that_announces_nothing(tmp_path):
    text = f"data_a\n{BEAM}" + loop(
        pd_meas_2theta_scan=X, pd_meas_counts_total=COUNTS, pd_calc_intensity_total=COUNTS
    )
    with pytest.warns(sq.PatternWarning, match="stops before its end: 139 points"):
        pattern = read(tmp_path, text[:-10])
    np.testing.assert_allclose(pattern, COUNTS[:139])


def test_a_text_with_such_a_title_is_columns(tmp_path):
    rows = "".join(f"{a} {b}\n" for a, b in zip(X, COUNTS, strict=True))
    assert read(tmp_path, f"data_7\n{rows}", wavelength=0.7).attrs["format"] == "text"

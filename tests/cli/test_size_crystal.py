"""``sk-qdots size --crystal`` and ``--cif``: a fit, its picture and its table."""

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.cli import main
from sk_qdots.posterior import series

RANGE = ("--diameters", "2:7")


@pytest.fixture(scope="module", autouse=True)
def cache_of_the_module(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SK_QDOTS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A pattern of 4.5 nm, its liquid, and its crystal as a CIF."""
    folder = tmp_path_factory.mktemp("data")
    two_theta = np.arange(5.2, 45.0, 0.02)
    q = 4 * np.pi / 0.56 * np.sin(np.deg2rad(two_theta / 2))
    library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0], q=q)
    dots = library["intensity"].values.ravel().astype(float)
    liquid = np.interp(q, *(lambda c: (c["q"], c))(sq.load_solvent("toluene")))
    rng = np.random.default_rng(3)
    for name, expected in (
        ("sample.xy", dots / dots.mean() + liquid / liquid.mean()),
        ("blank.xy", liquid / liquid.mean()),
        ("beam.xy", np.exp(-((q - 3.0) ** 2))),
    ):
        counts = rng.poisson(2000.0 * expected)
        np.savetxt(folder / name, np.column_stack([two_theta, counts]), fmt="%.4f %d")
    (folder / "lead_sulfide.cif").write_text(
        "data_PbS\n_cell_length_a 5.934\n_cell_length_b 5.934\n_cell_length_c 5.934\n"
        "_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
        "_space_group_name_H-M_alt 'F m -3 m'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n"
        "_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_B_iso_or_equiv\n"
        "Pb1 Pb 0 0 0 1.25\nS1 S 0.5 0.5 0.5 1.25\n"
    )
    return folder


def size(capsys, *arguments):
    status = main(["size", *map(str, arguments), "--format", "jsonl"])
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_a_crystal_is_sized_without_a_sizer(capsys, data, monkeypatch):
    given = (data / "sample.xy", "--wavelength", 0.56, *RANGE)
    status, (record,), err = size(capsys, *given, "--crystal", "PbS")
    assert (status, err) == (0, "")
    assert record["interval_low_nm"] < 4.5 < record["interval_high_nm"]
    assert record["engine"] == "Debye posterior" and record["model"] == "PbS"
    assert record["r_wp"] < 0.05 and record["chi2"] == pytest.approx(1.0, abs=0.2)
    assert record["fit"]["parameters"]["diameter"] == pytest.approx(4.5, abs=0.2)
    monkeypatch.setattr(series, "cluster_patterns", None)  # which a second call does not need
    assert size(capsys, *given, "--crystal", "PbS") == (0, [record], "")
    monkeypatch.undo()
    status, (other,), _ = size(capsys, *given, "--cif", data / "lead_sulfide.cif")
    assert status == 0 and other["model"] == "lead sulfide"
    assert other["number_diameter_nm"] == pytest.approx(record["number_diameter_nm"], abs=0.02)


def test_a_table_of_a_crystal(capsys, data):
    given = ("--wavelength", "0.56", *RANGE, "--crystal", "PbS", "--verbose")
    assert main(["size", str(data / "sample.xy"), *given]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert "surface average/nm" in header and "dispersion" in header and "ok" in row


def test_the_facet_that_grains_lie_on(capsys, data):
    given = (data / "sample.xy", "--wavelength", 0.56, *RANGE, "--crystal", "PbS")
    status, (record,), err = size(capsys, *given, "--facet", "1,0,0")
    assert (status, err) == (0, "") and record["settings"]["sizer"]["made_of"]["facet"] == [1, 0, 0]
    assert record["interval_low_nm"] < 4.5 < record["interval_high_nm"]
    # A powder; of a cubic crystal 1.1 and its inverse look much like one.
    assert record["fit"]["parameters"]["march"] == pytest.approx(1.0, abs=0.15)


def test_the_fit_is_written(capsys, data, tmp_path):
    given = ("--wavelength", 0.56, *RANGE, "--crystal", "PbS")
    status, (record,), _ = size(
        capsys,
        data / "sample.xy",
        *given,
        "--out",
        tmp_path / "fit.csv",
        "--plot",
        tmp_path / "f.png",
    )
    assert status == 0 and (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "fit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[2:] == ["measured", "esd", "calculated", "background", "difference"]
    measured, esd, calculated = (
        np.array([float(row[name]) for row in rows]) for name in ("measured", "esd", "calculated")
    )
    stored = np.loadtxt(data / "sample.xy")
    np.testing.assert_allclose(measured, stored[:, 1])
    angles = [float(row["two_theta (deg)"]) for row in rows]
    np.testing.assert_allclose(angles, stored[:, 0], atol=1e-6)
    pulls = (measured - calculated) / esd
    assert np.mean(pulls**2) == pytest.approx(record["chi2"], abs=0.3)


def test_several_patterns_are_a_series(capsys, data, tmp_path):
    files = (data / "sample.xy", data / "beam.xy")
    given = ("--wavelength", 0.56, *RANGE, "--crystal", "PbS", "--out", tmp_path / "series.csv")
    status, records, err = size(capsys, *files, *given, "--plot", tmp_path / "all.png", "--panels")
    assert status == 2 and "does not look like PbS" in err
    assert [record["verdict"] for record in records] == ["ok", "refused"]
    assert (tmp_path / "all.png").exists()
    with (tmp_path / "series.csv").open(newline="") as file:
        first, second = csv.DictReader(file)
    assert float(first["number_diameter_nm"]) == pytest.approx(records[0]["number_diameter_nm"])
    assert float(first["chi2"]) == pytest.approx(records[0]["chi2"], abs=1e-4)
    assert second["verdict"] == "refused" and second["number_diameter_nm"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fast", "--out", "fit.csv"), "a network makes none: leave --fast out"),
        (("--crystal", "PbS", "--out", "fit.txt"), "end its name so"),
        (("--crystal", "PbS", "--out", "nowhere/fit.csv"), "folder does not exist"),
        (("--blank", "blank.xy"), "--blank belongs to --crystal or --cif"),
        (("--diameters", "2:5"), "--diameters belongs to"),
        (("--stacking",), "--stacking belongs to"),
        (("--texture",), "--texture belongs to"),
        (("--facet", "1,0,0"), "--facet belongs to"),
        (("--block", "PbS"), "--block belongs to"),
        (("--crystal", "Unobtainium"), "unknown crystal 'Unobtainium'; built in: Au"),
        (("--crystal", "PbS", "--block", "PbS"), "--block names a data block of a CIF"),
        (("--cif", "nowhere.cif"), "no such CIF file"),
        (("--crystal", "PbS", "--blank", "nowhere.xy"), "nowhere.xy: no such file"),
        (("--crystal", "PbS", "--diameters", "0.1:5"), "smallest particle of PbS"),
        (("--crystal", "PbS", "--stacking"), "no close-packed layers"),
    ],
)
def test_what_is_asked_for_wrongly(capsys, data, arguments, message):
    status = main(["size", str(data / "sample.xy"), "--wavelength", "0.56", *arguments])
    assert status == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--crystal", "PbS", "--model", "PbS"),
        ("--crystal", "PbS", "--cif", "a.cif"),
        ("--crystal", "PbS", "--diameters", "5:2"),
        ("--crystal", "PbS", "--diameters", "2:8:0.5"),
        ("--crystal", "PbS", "--stacking", "1:0"),
        ("--crystal", "PbS", "--facet", "1,0"),
        ("--crystal", "PbS", "--facet", "0,0,0"),
        ("--crystal", "PbS", "--facet", "1,0,0", "--texture"),
    ],
)
def test_options_that_make_no_sense(capsys, data, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["size", str(data / "sample.xy"), *arguments])
    assert stopped.value.code == 2 and capsys.readouterr().err


def test_the_pattern_is_never_overwritten(capsys, data, tmp_path):
    pattern = tmp_path / "sample.csv"
    pattern.write_text((data / "sample.xy").read_text().replace(" ", ","))
    before = pattern.read_bytes()
    given = ("--wavelength", 0.56, "--crystal", "PbS", "--out", pattern)
    status, records, err = size(capsys, pattern, *given)
    assert status == 2 and records == [] and "is the pattern itself" in err
    assert pattern.read_bytes() == before


def test_a_blank_at_the_beam_of_the_pattern(capsys, data, tmp_path):
    given = ("--wavelength", 0.56, *RANGE, "--crystal", "PbS")
    status, (record,), _ = size(capsys, data / "sample.xy", *given, "--blank", data / "blank.xy")
    assert status == 0 and record["interval_low_nm"] < 4.5 < record["interval_high_nm"]
    assert record["settings"]["sizer"]["made_of"]["blank"].endswith("blank.xy")
    text = (data / "blank.xy").read_text()
    (tmp_path / "cu.xy").write_text(f"# wavelength: 1.5406\n# 2theta counts\n{text}")
    status, (record,), err = size(capsys, data / "sample.xy", *given, "--blank", tmp_path / "cu.xy")
    assert status == 2 and "blank was measured at 1.5406 Angstrom" in err


def test_the_instrument_counts(capsys, data, tmp_path):
    instrument = sq.Instrument((0.56,), w=1e-4, name="")
    (tmp_path / "mine.json").write_text(instrument.to_json(), encoding="utf-8")
    (tmp_path / "a.xy").write_bytes((data / "sample.xy").read_bytes())
    given = (tmp_path / "a.xy", *RANGE, "--crystal", "PbS")
    status, (record,), err = size(capsys, *given, "--instrument", tmp_path / "mine.json")
    assert status == 0 and "remembered" in err
    assert record["settings"]["instrument"]["name"] == "mine"
    assert "fwhm" not in record["fit"]["parameters"]
    status, (again,), _ = size(capsys, *given)
    assert again["number_diameter_nm"] == record["number_diameter_nm"]


def test_a_second_call_simulates_nothing(data):
    """In a process of its own, without what only simulating needs."""
    code = (
        "import sys; from sk_qdots.cli import main; "
        "status = main(sys.argv[1:]); "
        "heavy = {'torch', 'skorch', 'finufft', 'numba', 'xraydb', 'sqlalchemy', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules))); sys.exit(status)"
    )
    given = [str(data / "sample.xy"), "--wavelength", "0.56", *RANGE, "--crystal", "PbS"]
    command = [sys.executable, "-c", code, "size", *given]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ranges_and_a_distribution_without_a_form(capsys, data):
    given = (data / "sample.xy", "--wavelength", 0.56, "--crystal", "PbS", *RANGE)
    ranges = ("--dispersions", "0.04:0.2", "--strains=-0.004:0.004", "--free")
    status, (record,), _ = size(capsys, *given, *ranges)
    assert status == 0
    assert record["volume_interval_low_nm"] < 4.5 * 1.01**3 < record["volume_interval_high_nm"]


@pytest.mark.parametrize("asked", [("--dispersions", "3:20"), ("--strains", "0.1"), ("--free",)])
def test_ranges_that_are_none(capsys, data, asked):
    crystal = ("--crystal", "PbS") if len(asked) == 2 else ()
    try:
        status = main(["size", str(data / "sample.xy"), "--wavelength", "0.56", *crystal, *asked])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert asked[0] in capsys.readouterr().err

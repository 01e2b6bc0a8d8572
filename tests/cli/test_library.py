"""Libraries of patterns by the command."""

import re
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.cli import main

MGO = """data_MgO
_cell_length_a 4.212
_cell_length_b 4.212
_cell_length_c 4.212
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Mg 0 0 0 0.4
O 0.5 0.5 0.5 0.5
"""
SMALL = ["--diameters", "2:3:1", "--dispersions", "0.1", "--strains", "0"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "library.nc"
    assert main(["simulate", "--crystal", "PbS", *SMALL, "--out", str(path)]) == 0
    return path


def test_a_library_is_what_python_makes(library):
    made = sq.simulate_library("PbS", diameters=[2.0, 3.0], dispersions=[0.1], strains=[0.0])
    with xr.open_dataset(library) as written:
        xr.testing.assert_equal(written["intensity"].load(), made["intensity"])


def test_a_library_of_a_cif(tmp_path, capsys):
    path = tmp_path / "rocksalt.cif"
    path.write_text(MGO)
    out = tmp_path / "library.zarr"
    shapes = ["--shape", "sphere", "cube"]
    assert main(["simulate", "--cif", str(path), *SMALL, *shapes, "--out", str(out)]) == 0
    assert "4 patterns (shape 2, diameter 2" in capsys.readouterr().out


def test_a_library_with_planar_faults(tmp_path, capsys):
    out = tmp_path / "library.nc"
    faults = ["--growth-faults", "0:0.2:0.1", "--deformation-faults", "0.05"]
    assert main(["simulate", "--crystal", "Pt", *SMALL, *faults, "--out", str(out)]) == 0
    assert "growth_fault 3, deformation_fault 1" in capsys.readouterr().out
    faults = ["--growth-faults", "0.1", "--out", str(tmp_path / "other.nc")]
    assert main(["simulate", "--crystal", "PbS", *SMALL, *faults]) != 0
    assert "growth_faults: crystal PbS has no close-packed layers" in capsys.readouterr().err


def test_a_copper_tube_reaches_less(tmp_path, capsys):
    out = tmp_path / "library.nc"
    options = ["--wavelength", "1.5406", "--out", str(out)]
    assert main(["simulate", "--crystal", "PbS", *SMALL, *options]) == 0
    with xr.open_dataset(out) as written:
        assert 7.8 < float(written["q"][-1]) < 8.0


def test_augmented_by_the_command(library, tmp_path, capsys):
    out = tmp_path / "augmented.nc"
    options = ["--solvents", "octane", "--qd-fractions", "0.3", "1", "--snr", "20", "--seed", "3"]
    assert main(["augment", str(library), *options, "--out", str(out)]) == 0
    assert "4 patterns" in capsys.readouterr().out
    with xr.open_dataset(library) as dry, xr.open_dataset(out) as written:
        made = sq.augment_library(
            dry, solvents=["octane"], qd_fractions=[0.3, 1.0], snr=[20], random_state=3
        )
        np.testing.assert_array_equal(written["intensity"], made["intensity"])


def test_a_warning_is_one_line(tmp_path):
    path = tmp_path / "rocksalt.cif"
    path.write_text(re.sub(r"_atom_site_B_iso_or_equiv\n| 0\.[45]$", "", MGO, flags=re.MULTILINE))
    command = [sys.executable, "-m", "sk_qdots.cli", "simulate", "--cif", str(path), *SMALL]
    done = subprocess.run(
        [*command, "--out", tmp_path / "x.nc"], capture_output=True, text=True, check=True
    )
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"sk-qdots: {path}: no displacement parameter for Mg, O")


def test_a_block_of_a_cif(tmp_path, capsys):
    path, out = tmp_path / "two.cif", tmp_path / "x.nc"
    path.write_text(MGO + "\n" + MGO.replace("data_MgO", "data_wider").replace("4.212", "4.5"))
    command = ["simulate", "--cif", str(path), *SMALL, "--out", str(out)]
    assert main(command) == 2
    assert re.search(r"2 blocks hold a cell \(MgO, wider\); .*--block", capsys.readouterr().err)
    assert main([*command, "--block", "wider"]) == 0
    wider = sq.Crystal.from_cif(path, block="wider")
    assert wider.cell[0][0] == pytest.approx(4.5)
    made = sq.simulate_library(wider, diameters=[2.0, 3.0], dispersions=[0.1], strains=[0.0])
    with xr.open_dataset(out) as written:
        np.testing.assert_array_equal(written["intensity"], made["intensity"])
    assert main(["simulate", "--crystal", "PbS", *SMALL, "--block", "x", "--out", "y.nc"]) == 2
    assert "give the CIF with --cif" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simulate", "--crystal", "Pbs", "--out", "x.nc"], "unknown crystal 'Pbs'"),
        (["simulate", "--crystal", "PbS", *SMALL, "--out", "x.txt"], "must end in .nc"),
        (["simulate", "--crystal", "PbS", "--wavelength", "-1", "--out", "x.nc"], "wavelength"),
        (["simulate", "--cif", "absent.cif", "--out", "x.nc"], "absent.cif"),
        (["augment", "absent.nc", "--out", "x.nc"], "absent.nc: no such file"),
        (["augment", "garbage.nc", "--out", "x.nc"], "garbage.nc: not a library of patterns"),
        (["augment", "LIBRARY", "--snr", "-1", "--out", "x.nc"], "snr holds -1"),
        (["augment", "LIBRARY", "--solvents", "gin", "--out", "x.nc"], "gin"),
        (["augment", "LIBRARY", "--out", "LIBRARY"], "exists; choose another file"),
    ],
)
def test_bad_input_is_one_line(library, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garbage.nc").write_bytes(bytes(range(256)))
    arguments = [str(library) if a == "LIBRARY" else a for a in arguments]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["garbage.nc"]

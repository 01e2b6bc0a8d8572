"""Against patterns that other people's programs made; skipped where they are absent."""

import json
import re

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.cli import main

NAME = re.compile(
    r"Str(?P<strain>[\d.]+)_SD(?P<dispersion>\d+)_Avg(?P<diameter>[\d.]+)"
    r"_Solv(?P<solvent>\w+)_Conc(?P<conc>\d+)_noisy(?P<scale>[\d.]+)\.cal"
)
Q = sq.default_q_grid()


def labelled(folder):
    for path in sorted(folder.glob("*.cal")):
        yield (
            path,
            {
                k: v if k == "solvent" else float(v)
                for k, v in NAME.search(path.name).groupdict().items()
            },
        )


def dry(folder):
    found = [(path, label) for path, label in labelled(folder) if label["conc"] == 100]
    assert len(found) == 5
    return found


def test_simulated_patterns_agree(reference_folder):
    limits = {5.5: 0.017, 6.5: 0.017, 3.0: 0.014}
    seen = set()
    for path, label in dry(reference_folder):
        if label["scale"] != 200:
            continue
        seen.add(label["diameter"])
        # The strains of the library, of which the file names give four digits.
        strains = np.linspace(-0.0025, 0.0051, 19)
        strain = strains[np.abs(strains - (label["strain"] - 1)).argmin()]
        library = sq.simulate_library(
            "PbS",
            diameters=[label["diameter"]],
            dispersions=[label["dispersion"] / 100],
            strains=[strain],
        )
        simulated = library["intensity"].values.ravel().astype(float)
        simulated *= 1000 / np.trapezoid(simulated, Q)
        reference = np.loadtxt(path)
        reference *= 1000 / np.trapezoid(reference, Q)
        residual = np.sqrt(((simulated - reference) ** 2 / reference).sum() / reference.sum())
        assert residual <= limits[label["diameter"]]
    assert seen == set(limits)


@pytest.mark.parametrize("form", ["q", "two_theta"])
def test_command_sizes_the_dry_patterns(reference_folder, tmp_path, capsys, form):
    if form == "q":
        axis, options = Q, ["--q"]
    else:
        axis = 2 * np.rad2deg(np.arcsin(Q * 0.56 / (4 * np.pi)))
        options = ["--wavelength", "0.56"]
    files, truth = [], []
    for path, label in dry(reference_folder):
        files.append(str(tmp_path / f"{path.stem}.xy"))
        np.savetxt(files[-1], np.column_stack([axis, np.loadtxt(path)]), fmt="%.8f")
        truth.append(label["diameter"])
    assert main(["size", *files, *options, "--format", "json"]) == 0
    sized = [record["diameter_nm"] for record in json.loads(capsys.readouterr().out)]
    assert sized == truth


def test_colloids_in_measured_solvents(reference_folder):
    """The shipped sizer has seen no real solvent; it must see through these all the same."""
    sizer = sq.load_sizer("PbS")
    patterns = list(labelled(reference_folder))
    sized = [sizer.predict(np.loadtxt(path)[None, :])[0] / 1000 for path, _ in patterns]
    assert sized == [label["diameter"] for _, label in patterns]


def test_dispersion_and_strain_of_the_reference_patterns(reference_folder):
    """Each within three of the standard deviations that the sizer states."""
    sizer = sq.load_sizer("PbS")
    n = 0
    for path, label in labelled(reference_folder):
        pattern = xr.DataArray(np.loadtxt(path), dims="q", coords={"q": Q})
        found = sizer.size(pattern)
        # The file names give four digits of the strain, cut or rounded.
        off = abs(found.strain - (label["strain"] - 1.0))
        assert off <= 3 * found.uncertainties["strain"] + 1e-4
        off = abs(found.dispersion - label["dispersion"] / 100.0)
        assert off <= 3 * found.uncertainties["dispersion"]
        n += 1
    assert n == 16

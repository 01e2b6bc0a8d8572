"""The sizers that are shipped for other crystals than PbS."""

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.posterior import cluster_patterns
from sk_qdots.simulation import lognormal_weights
from sk_qdots.sizing.registry import sizer_facts
from sk_qdots.solvents import load_background

KEV_24 = 0.5169  # Angstrom
CRYSTALS = {"CdSe": "CdSe zinc blende", "Pt": "Pt"}


TARGETS = ("dispersion", "strain", "volume_diameter", "surface_diameter", "growth_fault")


@pytest.mark.parametrize("name", CRYSTALS)
def test_it_was_made_by_the_command_and_says_how_good_it_is(name):
    facts, sizer = sizer_facts(name), sq.load_sizer(name)
    assert facts.crystal == CRYSTALS[name]
    assert sizer.training["command"].startswith(f"python tools/train_shipped.py {name}")
    assert sizer.targets[1:] == TARGETS and sizer.calibration is not None
    assert sizer.training["scores"]["standard cells"]["accuracy"] > 0.5


def faulted_dots(probabilities, noise):
    """CdSe dots of 3.5 nm with growth faults, as counted."""
    q = np.linspace(1.0, 13.0, 2400)
    series = cluster_patterns(
        "CdSe zinc blende",
        diameters=(2.5, 4.5),
        dispersions=(0.1, 0.15),
        strains=(-0.002, 0.002),
        growth_faults=(0.0, 1.0),
        q=q,
    )
    mixed = series.mix(lognormal_weights(series.diameters, 3.5, 0.12))
    rows = [mixed.patterns(growth_fault=p)[0] for p in probabilities]
    X = xr.DataArray(rows, dims=("sample", "q"), coords={"q": q})
    return sq.PoissonNoise(snr=noise, random_state=0).fit_transform(X)


def test_from_zinc_blende_to_wurtzite():
    probabilities = np.array([0.0, 0.2, 0.4, 0.7, 1.0])
    volume = 3.5 * (1.0 + 0.12**2) ** 3
    for truth, row in zip(probabilities, faulted_dots(probabilities, 80), strict=True):
        answer = sq.load_sizer("CdSe").size(row)
        assert answer.growth_fault == pytest.approx(truth, abs=0.06)
        assert 0.0 <= answer.growth_fault <= 1.0
        assert answer.volume_diameter == pytest.approx(volume, rel=0.06)
        assert answer.volume_interval[0] < volume < answer.volume_interval[1]


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "ok"), (0.99, "caution"), (1.01, "caution")])
def test_a_network_too_doubts_the_wavelength(factor, verdict):
    (row,) = faulted_dots(np.array([0.2]), 80)
    answer = sq.load_sizer("CdSe").size(row.assign_coords(q=row["q"] * factor))
    assert answer.verdict == verdict
    assert any("beyond the usual" in r for r in answer.reasons) == (verdict == "caution")


def test_measured_dots_of_cdse(real_folder):
    """Of 3.4 +- 0.2 nm by volume, by the envelope of their pair distribution function."""
    pattern = sq.read_pattern(real_folder / "cdse_dots_q.xy", x="q")
    answer = sq.load_sizer("CdSe").size(pattern)
    assert answer.volume_diameter == pytest.approx(3.4, abs=0.3)
    assert answer.volume_interval[1] > 3.2
    assert not any("wavelength" in reason for reason in answer.reasons)


@pytest.mark.parametrize(
    ("file", "axis"),
    [("pt_on_carbon_as_made.xy", {"wavelength": 0.51697}), ("pt_in_glycol_q.xy", {"x": "q"})],
)
def test_measured_platinum(real_folder, file, axis):
    """Of 3.3 nm by volume, by small-angle scattering."""
    answer = sq.load_sizer("Pt").size(sq.read_pattern(real_folder / file, **axis))
    assert answer.volume_diameter == pytest.approx(3.3, rel=0.15)
    low, high = answer.volume_interval
    assert low < 3.3 < high
    assert any("no mixture of the simulated particles" in reason for reason in answer.reasons)


def catalysts(folder, diameter, dispersion, strain=-0.003):
    """Pt on carbon in a glass capillary, 24 keV, 2 to 85 degrees, as counted."""
    two_theta = np.arange(2.0, 85.0, 0.01)
    q = 4.0 * np.pi / KEV_24 * np.sin(np.deg2rad(two_theta / 2.0))
    library = sq.simulate_library(
        "Pt",
        diameters=[diameter],
        dispersions=[dispersion],
        strains=[strain],
        q=q,
        wavelength=KEV_24,
    )
    metal = library["intensity"].values.ravel().astype(float)
    carbon, glass = sq.load_solvent("carbon-black", KEV_24), load_background("borosilicate")
    carbon, glass = (np.interp(q, curve["q"], curve) for curve in (carbon, glass))
    mixed = metal / metal.mean() + 0.5 * carbon / carbon.mean() + 0.4 * glass / glass.mean()
    counts = np.random.default_rng(0).poisson(2000.0 * mixed)
    path = folder / "catalyst.xye"
    np.savetxt(path, np.column_stack([two_theta, counts, np.sqrt(counts)]), fmt="%.4f")
    return sq.read_pattern(path, wavelength=KEV_24)


@pytest.mark.parametrize(("diameter", "dispersion"), [(1.8, 0.5), (2.5, 0.3), (4.0, 0.4)])
def test_catalysts_on_carbon_in_glass(tmp_path, diameter, dispersion):
    result = sq.load_sizer("Pt").size(catalysts(tmp_path, diameter, dispersion))
    by_volume = diameter * (1.0 + dispersion**2) ** 3
    assert result.volume_diameter == pytest.approx(by_volume, rel=0.15)
    assert result.dispersion == pytest.approx(dispersion, abs=0.1)
    assert abs(result.diameter - diameter) <= 0.5


@pytest.mark.parametrize("name", CRYSTALS)
def test_fresh_dots_are_sized(name):
    library = sq.simulate_library(
        CRYSTALS[name], diameters=[3.0, 5.0], dispersions=[0.12, 0.2], strains=[0.001]
    )
    X, y, _ = sq.library_samples(library)
    X = X.sel(q=slice(1.0, 14.0))
    noisy = sq.PoissonNoise(snr=46, random_state=0).fit_transform(X)
    sizer = sq.load_sizer(name)
    assert [sizer.size(row).diameter * 1000 for row in noisy] == y.tolist()
    estimates = sizer.estimate(noisy)
    assert np.abs(estimates["diameter"] - y / 1000.0).max() < 0.3
    assert np.abs(estimates["strain"] - 0.001).max() < 0.0015

import json
from importlib.resources import files

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.simulation import compton_intensity, form_factor
from sk_qdots.solvents import (
    known_backgrounds,
    known_solvents,
    load_background,
    mix_solvents,
    solvents_by_name,
)

LIQUIDS = {
    "chloroform": "CHCl3",
    "cyclohexane": "C6H12",
    "hexane": "C6H14",
    "octadecene": "C18H36",
    "octane": "C8H18",
    "tetrachloroethylene": "C2Cl4",
    "toluene": "C7H8",
}


def electrons(formula):
    numbers = {"H": 1, "C": 6, "Cl": 17}
    return sum(numbers[e] * n for e, n in formula.items())


def formula(curve):
    table = json.loads((files("sk_qdots.solvents") / f"curves/{curve.name}.json").read_text())
    return table["composition"]


def assert_atoms_are_alone_far_out(curve):
    q = curve["q"].values
    far = q > 20.0
    alone = sum(
        n * (np.abs(form_factor(e, q, 0.5)) ** 2 + compton_intensity(e, q, 0.5))
        for e, n in formula(curve).items()
    )
    np.testing.assert_allclose(curve.values[far], alone[far], rtol=0.05)


@pytest.mark.parametrize("name", LIQUIDS)
def test_every_liquid_is_one(name):
    curve = sq.load_solvent(name)
    q = curve["q"].values
    assert q[0] == pytest.approx(0.3) and q[-1] == pytest.approx(25.0)
    assert curve.attrs["composition"] == LIQUIDS[name]
    assert curve.attrs["units"] == "electron units per molecule"
    assert (curve > 0).all() and np.isfinite(curve).all()
    # The halo of molecules side by side, and small angles that a liquid keeps dark.
    halo = q[int(curve.values.argmax())]
    assert 1.0 < halo < (2.1 if "Cl" in LIQUIDS[name] else 1.6)
    assert curve.sel(q=0.4, method="nearest") < 0.35 * curve.max()
    assert_atoms_are_alone_far_out(curve)


def test_water_is_taken_where_it_is_named():
    assert solvents_by_name() == ["water"] and "water" not in known_solvents()
    water = sq.load_solvent("water")
    q = water["q"].values
    # Two maxima, of neighbours in the network of hydrogen bonds and of the tetrahedra.
    assert 1.9 < q[int(water.values.argmax())] < 2.2
    beyond = (q > 2.5) & (q < 3.3)
    assert 2.6 < q[beyond][int(water.values[beyond].argmax())] < 3.1
    assert water.sel(q=0.4, method="nearest") < 0.15 * water.max()
    assert_atoms_are_alone_far_out(water)
    assert sq.plan_training("PbS", solvents=["water", "hexane"]).solvents == ("water", "hexane")


def test_provenance_is_kept():
    for name in known_solvents():
        attrs = sq.load_solvent(name).attrs
        made = json.loads(attrs["provenance"])
        assert {"force_field", "n_molecules", "seed", "sampled_ps"} <= set(made["method"])
        assert "openmm" in made["versions"] and made["date"]
        assert attrs["density"] > 0.5 and attrs["molar_mass"] > 50


def test_scattering_is_absolute():
    """The mean over a wide range is that of the atoms by themselves, per molecule."""
    curve = sq.load_solvent("hexane")
    q = curve["q"].values
    table = formula(curve)
    alone = sum(
        n * (np.abs(form_factor(e, q, 0.5)) ** 2 + compton_intensity(e, q, 0.5))
        for e, n in table.items()
    )
    # Q^2 (I - self) integrates to minus 2 pi^2 times a density of electrons: small at large Q.
    part = (q > 8.0) & (q < 25.0)
    assert np.trapezoid(curve.values[part], q[part]) == pytest.approx(
        np.trapezoid(alone[part], q[part]), rel=0.02
    )
    assert curve.values[0] < 0.2 * electrons(table) ** 2


def test_wavelength_enters_through_compton_and_anomalous_terms():
    far = {"q": 7.0, "method": "nearest"}
    soft, hard = (sq.load_solvent("hexane", w).sel(**far) for w in (1.54, 0.3))
    assert 0.90 < float(soft / hard) < 0.99  # recoil takes intensity from soft X-rays
    soft, hard = (
        sq.load_solvent("chloroform", w).sel(q=0.9, method="nearest") for w in (1.54, 0.5)
    )
    assert float(soft / hard) > 1.02  # f' of chlorine
    short = sq.load_solvent("hexane", 1.5406)
    assert short["q"].values[-1] == pytest.approx(4 * np.pi / 1.5406, abs=0.02)


@pytest.mark.parametrize("name", known_backgrounds())
def test_backgrounds_are_broad(name):
    curve = load_background(name)
    q = curve["q"].values
    assert (curve > 0).all() and q[0] == pytest.approx(0.3) and q[-1] == pytest.approx(25.0)
    # Nothing narrower than 0.1 1/Angstrom.
    change = np.abs(np.gradient(np.log(curve.values), q))
    assert change[q > 0.6].max() < 8.0


def test_silicon_is_thermal_diffuse_and_compton():
    curve = load_background("silicon", 0.56)
    q = curve["q"].values
    alone = np.abs(form_factor("Si", q, 0.56)) ** 2 + compton_intensity("Si", q, 0.56)
    far = q > 15.0
    assert (curve.values <= alone + 1e-9).all()
    np.testing.assert_allclose(curve.values[far], alone[far], rtol=0.25)
    assert float(curve[0]) < 0.01 * float(alone[0])


def test_glass_has_its_peaks():
    curve = load_background("borosilicate").sel(q=slice(0.8, 12.0))
    q = curve["q"].values
    first = q[int(curve.values.argmax())]
    assert 1.4 < first < 1.8


def test_kapton_is_a_polymer():
    curve = load_background("kapton").sel(q=slice(0.8, 12.0))
    q = curve["q"].values
    assert 1.0 < q[int(curve.values.argmax())] < 1.8
    assert curve.attrs["composition"] == "C28H16N2O5"


def test_mixtures():
    hexane, toluene = sq.load_solvent("hexane"), sq.load_solvent("toluene")
    mole = mix_solvents({"hexane": 3.0, "toluene": 1.0}, by="mole")
    np.testing.assert_allclose(mole, 0.75 * hexane + 0.25 * toluene)
    per_volume = [c.attrs["density"] / c.attrs["molar_mass"] for c in (hexane, toluene)]
    x = 0.8 * per_volume[0] / (0.8 * per_volume[0] + 0.2 * per_volume[1])
    volume = mix_solvents({"hexane": 0.8, "toluene": 0.2})
    np.testing.assert_allclose(volume, x * hexane + (1 - x) * toluene)
    assert volume.attrs["density"] == pytest.approx(
        0.8 * hexane.attrs["density"] + 0.2 * toluene.attrs["density"]
    )
    alone = mix_solvents({"hexane": 1.0}, by="mass")
    np.testing.assert_allclose(alone, hexane)
    assert alone.attrs["density"] == pytest.approx(hexane.attrs["density"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sq.load_solvent("vodka"), "'vodka'; known: .*hexane.*toluene"),
        (lambda: sq.load_solvent("silicon"), "known: "),
        (lambda: sq.load_solvent("hexane", 0.0), "wavelength is 0"),
        (lambda: sq.load_solvent("hexane", np.nan), "wavelength is nan"),
        (lambda: sq.load_solvent("hexane", 60.0), "too long for wide angles"),
        (lambda: load_background("hexane"), "known: .*silicon"),
        (lambda: sq.load_solvent("hexane", "0.56"), "wavelength is '0.56'"),
        (lambda: mix_solvents({}), "parts is"),
        (lambda: mix_solvents(["hexane"]), "must be a mapping"),
        (lambda: mix_solvents({"hexane": -1.0, "toluene": 2.0}), "shares must be 0 or more"),
        (lambda: mix_solvents({"hexane": 0.0}), "not all 0"),
        (lambda: mix_solvents({"vodka": 1.0}), "known: "),
        (lambda: mix_solvents({"hexane": 1.0}, by="drops"), "by is 'drops'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_measured_toluene(toluene_file):
    """A liquid that nobody fitted to: r >= 0.998 over 1 to 15 1/Angstrom."""
    measured = sq.read_solvent(toluene_file, wavelength=0.564162)
    computed = sq.load_solvent("toluene", 0.564162)
    grid = np.arange(1.0, 15.0, 0.01)
    a, b = (np.interp(grid, c["q"].values, c.values) for c in (computed, measured))
    a, b = a / np.trapezoid(a, grid), b / np.trapezoid(b, grid)
    assert np.corrcoef(a, b)[0, 1] >= 0.998
    assert np.sqrt(((a - b) ** 2).sum() / (b**2).sum()) < 0.045
    for other in set(known_solvents()) - {"toluene"}:
        curve = sq.load_solvent(other)
        assert np.corrcoef(np.interp(grid, curve["q"].values, curve.values), b)[0, 1] < 0.99


@pytest.fixture
def blank(tmp_path):
    q = np.arange(0.5, 16.0, 0.001)
    clean = np.interp(q, sq.load_solvent("hexane")["q"], sq.load_solvent("hexane"))
    counts = np.random.default_rng(0).poisson(clean)
    np.savetxt(tmp_path / "blank.xy", np.c_[q, counts])
    return tmp_path / "blank.xy"


def test_own_blank(blank):
    curve = sq.read_solvent(blank, x="q")
    assert curve.name == "blank" and isinstance(curve, xr.DataArray)
    q = curve["q"].values
    clean = np.interp(q, sq.load_solvent("hexane")["q"], sq.load_solvent("hexane"))
    noise = np.sqrt(clean)
    assert ((curve.values - clean) / noise)[5:-5].std() < 0.3  # 20 points averaged
    library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    X = sq.library_samples(library)[0]
    own = sq.SolventMixer(curve, qd_fraction=0.3).fit_transform(X)
    shipped = sq.SolventMixer("hexane", qd_fraction=0.3).fit_transform(X)
    np.testing.assert_allclose(own, shipped, atol=0.04 * float(X.max()))


def test_a_blank_over_the_very_range_of_the_sample(tmp_path):
    q = sq.default_q_grid()
    np.savetxt(tmp_path / "blank.xy", np.c_[q, np.exp(-q) + 1.0], fmt="%.6f")
    curve = sq.read_solvent(tmp_path / "blank.xy", x="q")
    mixed = sq.SolventMixer(curve).fit_transform(np.ones((1, len(q))))
    assert np.isfinite(mixed).all()


def test_bad_blanks(blank, tmp_path):
    with pytest.raises(ValueError, match="step is 0"):
        sq.read_solvent(blank, x="q", step=0.0)
    q = np.linspace(1.0, 1.2, 50)
    np.savetxt(tmp_path / "short.xy", np.c_[q, np.ones_like(q)])
    with pytest.raises(sq.PatternError, match=r"short.xy: 50 points .* too few"):
        sq.read_solvent(tmp_path / "short.xy", x="q")
    q = np.r_[np.arange(1.0, 3.0, 0.01), np.arange(4.0, 8.0, 0.01)]
    np.savetxt(tmp_path / "hole.xy", np.c_[q, np.ones_like(q)])
    with pytest.raises(sq.PatternError, match=r"hole.xy: nothing was measured around 3 "):
        sq.read_solvent(tmp_path / "hole.xy", x="q")
    with pytest.raises(sq.PatternError, match="wavelength"):
        sq.read_solvent(blank)


def test_a_table_of_one_s_own(tmp_path):
    from importlib.resources import files

    for ending in ("csv", "json"):
        shipped = files("sk_qdots.solvents") / "curves" / f"octane.{ending}"
        (tmp_path / f"mine.{ending}").write_text(shipped.read_text())
    mine = sq.load_solvent(tmp_path / "mine.csv", wavelength=0.6)
    np.testing.assert_array_equal(mine, sq.load_solvent("octane", wavelength=0.6))
    X = np.full((1, 5004), 70.0)
    sq.SolventMixer(str(tmp_path / "mine.csv")).fit(X)
    with pytest.raises(FileNotFoundError):
        sq.load_solvent(tmp_path / "none.csv")
    whole = (tmp_path / "mine.csv").read_text().splitlines()
    (tmp_path / "mine.csv").write_text("\n".join(whole[:500]))
    with pytest.raises(ValueError, match=r"goes from 0\.3 to"):
        sq.load_solvent(tmp_path / "mine.csv")
    (tmp_path / "mine.csv").write_text("\n".join(line.rsplit(",", 1)[0] for line in whole))
    with pytest.raises(ValueError, match="pairs are not those of C, H"):
        sq.load_solvent(tmp_path / "mine.csv")
    (tmp_path / "mine.csv").write_text("q,C-C\nx,y\n")
    with pytest.raises(ValueError, match=r"mine\.csv"):
        sq.load_solvent(tmp_path / "mine.csv")
    (tmp_path / "mine.json").write_text("{}")
    with pytest.raises(ValueError, match="solvent_md"):
        sq.load_solvent(tmp_path / "mine.csv")
    (tmp_path / "mine.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"mine\.json, is not beside"):
        sq.load_solvent(tmp_path / "mine.csv")

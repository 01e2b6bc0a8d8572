"""From a crystal to a sizer."""

import json
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots import training
from sk_qdots.cli import _parser, main
from sk_qdots.cli._train import _command
from sk_qdots.simulation import Sublattice
from sk_qdots.sizing import files
from sk_qdots.sizing.instruments import too_broad
from sk_qdots.sizing.posterior import QUANTITIES as TARGETS
from sk_qdots.training import _train, samples
from sk_qdots.training import plan as plan_module

CDTE = """data_CdTe
_cell_length_a 6.482
_cell_length_b 6.482
_cell_length_c 6.482
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F -4 3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Cd1 Cd 0 0 0 1.2
Te1 Te 0.25 0.25 0.25 1.0
"""
ZNO = """data_ZnO
_cell_length_a 3.2498
_cell_length_b 3.2498
_cell_length_c 5.2066
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_space_group_name_H-M 'P 63 m c'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
Zn1 Zn 0.33333 0.66667 0 0.008
O1 O 0.33333 0.66667 0.3819 0.009
"""
SNO2 = """data_SnO2
_cell_length_a 4.7373
_cell_length_b 4.7373
_cell_length_c 3.1864
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 42/m n m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Sn1 Sn 0 0 0 0.3
O1 O 0.3064 0.3064 0 0.5
"""
CIFS = {"CdTe": CDTE, "ZnO": ZNO, "SnO2": SNO2}
METHANE = CDTE.replace("Cd1 Cd", "C1 C").replace("Te1 Te", "H1 H")


@pytest.fixture
def cif(tmp_path):
    path = tmp_path / "CdTe.cif"
    path.write_text(CDTE)
    return path


@pytest.fixture
def brief(monkeypatch):
    """A training of seconds: what is tested is that everything comes together."""
    monkeypatch.setattr(_train, "STEPS_PER_EPOCH", 6)
    monkeypatch.setattr(_train, "_N_TEST", 60)
    return {
        "diameters": [2.0, 4.0, 6.0],
        "dispersions": [0.1, 0.2],
        "strains": [-0.002, 0.002],
        "solvents": ["hexane", "toluene"],
        "epochs": 2,
        "n_patterns": 200,
    }


def test_step_is_what_the_particles_resolve(cif):
    for crystal in ("PbS", "Pt", cif, "CeO2"):
        plan = sq.plan_training(crystal)
        assert plan.step / 1000 >= plan_module.particle_step(plan.crystal)
        assert plan.classes[0] == 2000 and plan.classes[-1] <= 8000
        assert f"{plan.step / 1000:g} nm" in str(plan) and "will demand" in str(plan)


def test_what_lies_beyond_the_classes_has_classes_of_its_own():
    plan = sq.plan_training("PbS", diameters=[2.0, 2.5, 3.0])
    assert plan.span == (1.75, 3.25) and plan.labels.tolist() == [2000, 2500, 3000]
    wide = sq.plan_training("PbS", diameters=[2.0, 2.5, 3.0], span=(1.0, 6.0))
    assert wide.labels.tolist() == [1500, 2000, 2500, 3000, 3500]
    with pytest.raises(ValueError, match="must hold the diameters of all classes"):
        sq.plan_training("PbS", diameters=[2.0, 2.5, 3.0], span=(2.2, 6.0))
    with pytest.raises(ValueError, match="the smallest particle of PbS"):
        sq.plan_training("PbS", diameters=[2.0, 2.5, 3.0], span=(0.1, 6.0))


def test_populations_are_drawn_within_what_was_asked_for():
    plan = sq.plan_training(
        "PbS",
        diameters=[2.0, 3.0, 4.0],
        dispersions=(0.1, 0.4),
        strains=(-0.002, 0.003),
        span=(1.5, 8.0),
        shape=["sphere", "cube"],
        mixed_share=0.3,
        b_iso=(-0.1, 0.2),
        instrument="ideal",
    )
    drawn = samples.draw_populations(plan, 400, np.random.default_rng(0))
    again = samples.draw_populations(plan, 400, np.random.default_rng(0))
    assert all(np.array_equal(getattr(drawn, k), getattr(again, k)) for k in vars(drawn))
    assert drawn.sizes.min() >= 1.5 and drawn.sizes.max() <= 8.0
    assert drawn.dispersions.min() >= 0.1 and drawn.dispersions.max() <= 0.4
    assert drawn.strain.min() >= -0.002 and drawn.strain.max() <= 0.003
    assert drawn.b_iso.min() >= -0.1 and drawn.b_iso.max() <= 0.2
    assert 0.1 < np.mean(drawn.second_share > 0) < 0.4
    assert 0.2 < np.mean(drawn.body_share > 0) < 0.6 and set(drawn.body) == {0, 1}
    inside = (drawn.sizes[:, 0] > 1.5) & (drawn.sizes[:, 0] < 4.5)
    assert 0.75 < inside.mean() < 0.95


def test_patterns_are_those_of_the_library():
    plan = sq.plan_training(
        "PbS", diameters=[2.0, 4.0], strains=(-0.003, 0.003), instrument="ideal", n_patterns=100
    )
    series = samples.simulated_series(plan)
    drawn = samples.draw_populations(plan, 6, np.random.default_rng(1))
    X = samples.patterns_of(drawn, series)
    one = samples.patterns_of(drawn, series, n_jobs=1)
    xr.testing.assert_identical(X, one)
    for k in range(6):
        library = sq.simulate_library(
            "PbS",
            diameters=[drawn.sizes[k, 0]],
            dispersions=[drawn.dispersions[k, 0]],
            strains=[drawn.strain[k]],
        )
        expected = sq.library_samples(library)[0][0]
        np.testing.assert_allclose(X[k], expected, atol=2e-3 * float(expected.max()))


def test_moments_are_those_of_two_populations():
    plan = sq.plan_training("PbS", diameters=[2.0, 3.0, 4.0], span=(1.5, 9.0), mixed_share=0.9)
    series = samples.simulated_series(plan)
    drawn = samples.draw_populations(plan, 200, np.random.default_rng(2))
    X = samples.patterns_of(drawn, series)
    s, m = drawn.dispersions, drawn.sizes
    powers = np.stack([m**k * (1 + s**2) ** (k * (k - 1) / 2) for k in range(5)])
    shares = np.stack([1 - drawn.second_share, drawn.second_share], axis=1)
    sums = (powers * shares / powers[3]).sum(axis=2)
    number, surface, volume, dispersion = samples.moments(sums.T).T
    fine = (s * m > 0.3).all(axis=1)  # populations broader than the particles are apart
    for name, expected in (
        ("diameter", number),
        ("surface_diameter", surface),
        ("volume_diameter", volume),
    ):
        np.testing.assert_allclose(X[name][fine], expected[fine], rtol=0.03)
    np.testing.assert_allclose(X["dispersion"][fine], dispersion[fine], atol=0.03)


def test_faults_are_drawn_and_told(brief):
    plan = sq.plan_training("CdSe zinc blende", stacking=True, **brief)
    assert plan.stacking == (0.0, 1.0) and "growth_fault" in plan.targets
    assert plan.recipe() is None  # of faults and a resolution that are both unknown
    instrument = sq.load_instrument("synchrotron").replace(wavelengths=(0.5642,))
    known = sq.plan_training("CdSe zinc blende", stacking=True, instrument=instrument, **brief)
    assert known.recipe().stacking == (0.0, 1.0)
    drawn = samples.draw_populations(plan, 300, np.random.default_rng(0))
    assert 0.05 < np.mean(drawn.growth_fault == 0.0) < 0.3 and drawn.growth_fault.max() > 0.9
    sizer = sq.train_sizer(plan, progress=False)
    assert len(sizer.reference.particles) % 3 == 0  # of three fault probabilities
    library = sq.simulate_library(
        "CdSe zinc blende", diameters=[4.0], dispersions=[0.15], strains=[0.0], growth_faults=[0.3]
    )
    found = sizer.estimate(sq.library_samples(library)[0])
    assert "growth_fault" in found and "growth_fault" in sizer.training["scores"]["estimates"]
    assert "growth faults 0 to 1" in training.model_card(sizer)
    with pytest.raises(ValueError, match="close-packed"):
        sq.plan_training("PbS", stacking=True)
    with pytest.raises(ValueError, match="give sphere first"):
        sq.plan_training("Pt", stacking=True, shape=["cube", "sphere"])


def test_twinned_particles_are_drawn_beside_single_crystals():
    plan = sq.plan_training("Pt", shape=["sphere", "decahedron"], diameters=[2.0, 3.0])
    series = samples.simulated_series(plan)
    X = samples.patterns_of(samples.draw_populations(plan, 40, np.random.default_rng(0)), series)
    assert set(X["body"].values) == {0, 1} and np.isfinite(X).all()
    with pytest.raises(ValueError, match="begin with a single crystal"):
        sq.plan_training("Pt", shape=["decahedron"])
    with pytest.raises(ValueError, match="decahedron"):
        sq.plan_training("PbS", shape=["sphere", "decahedron"])


def test_texture_is_drawn_where_it_is_asked_for():
    plan = sq.plan_training("PbS", instrument="synchrotron", texture=True)
    assert plan.laboratory.march[0] == 0.35 and plan.laboratory.factors[1] == 8.0
    with pytest.raises(ValueError, match="texture is of one kind of laboratory"):
        sq.plan_training("PbS", instrument="world", texture=True)


def test_a_laboratory_sizer_takes_20_to_60_degrees():
    plan = sq.plan_training("PbS", instrument="lab-cu")
    low, high = sq.simulation.q_from_two_theta(np.array([20.0, 60.0]), 1.5406)
    assert plan.demanded[0] >= low and plan.demanded[1] <= high
    assert "degrees at 1.541 Angstrom" in str(plan)


def test_the_duration_is_timed(brief):
    plan = sq.plan_training("PbS", **brief)
    told = plan.duration(n_workers=0)
    assert "as timed here: 2 epochs of" in told and "1 epochs of" in told


@pytest.mark.parametrize(
    ("instrument", "wavelength", "end"),
    [("lab-cu", 1.54059, 7.92), ("synchrotron", 0.56, 15.0), (0.5169, 0.5169, 15.0)],
)
def test_range_is_that_of_the_instrument(instrument, wavelength, end):
    plan = sq.plan_training("PbS", instrument=instrument)
    assert plan.wavelength == pytest.approx(wavelength, abs=1e-4)
    assert plan.q[-1] == pytest.approx(end, abs=0.02)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diameters": [2.0, 2.2, 2.4]}, "resolve no less: choose 0.5 nm or more"),
        ({"diameters": [2.0, 3.0, 5.0]}, "even steps"),
        ({"diameters": [3.0, 2.0]}, "even steps"),
        ({"diameters": [3.0]}, "two positive numbers"),
        ({"diameters": [0.2, 0.9]}, "smallest particle"),
        ({"diameters": [np.nan, 2.0]}, "two positive numbers"),
        ({"instrument": "lab-copper"}, "known: ideal, synchrotron, capillary, lab-cu"),
        ({"instrument": 56.0}, "wavelength is in Angstrom"),
        ({"solvents": ["hexan"]}, "unknown solvent 'hexan'"),
        ({"epochs": 0}, "positive integer"),
    ],
)
def test_bad_plans(settings, message):
    with pytest.raises(ValueError, match=message):
        sq.plan_training("PbS", **settings)


def test_organic_crystals_are_refused(tmp_path):
    path = tmp_path / "organic.cif"
    path.write_text(METHANE)
    with pytest.raises(ValueError, match=r"organic \(C, H\)"):
        sq.plan_training(path)


DISORDERED = CDTE.replace("Cd1 Cd 0 0 0 1.2\n", "Cd1 Cd 0 0 0 1.2\nZn1 Zn {0} {0} {0} 1.2\n")


@pytest.mark.parametrize(
    ("place", "message"), [(0.02, "disordered; keep one of its alternatives"), (0.1, "apart")]
)
def test_disordered_crystals_are_refused_in_one_line(tmp_path, place, message, capsys):
    path = tmp_path / "disordered.cif"
    path.write_text(DISORDERED.format(place))
    assert main(["train", "--cif", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and "disordered" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    "sites",
    [
        ("C", "C", "O"),  # hydrogens were not refined
        ("C", "C", "Zn"),  # a complex
        ("C", "D", "D"),
    ],
)
def test_molecules_are_refused(sites):
    chain = tuple(Sublattice(e, (1.3 * k, 0.0, 0.0), 1.0) for k, e in enumerate(sites))
    box = ((8.0, 0.0, 0.0), (0.0, 8.0, 0.0), (0.0, 0.0, 8.0))
    with pytest.raises(ValueError, match="is organic"):
        sq.plan_training(sq.Crystal("molecule", box, chain))


def test_carbides_and_carbonates_and_diamond_are_not_molecules():
    box = ((4.3, 0.0, 0.0), (0.0, 4.3, 0.0), (0.0, 0.0, 4.3))
    for second in ("Ti", "O", "C"):
        pair = (Sublattice("C", (0.0, 0.0, 0.0), 0.5), Sublattice(second, (0.0, 0.0, 1.5), 0.5))
        assert sq.plan_training(sq.Crystal("not organic", box, pair)).n_atoms == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strains": [-0.5, 0.5]}, r"strains holds -0\.5.*not percent"),
        ({"strains": []}, "strains must be a non-empty"),
        ({"dispersions": [0.1, 0.1]}, "dispersions holds the same value more than once"),
        ({"dispersions": [10.0]}, r"dispersions holds 10\.0.*not percent"),
        ({"dispersions": ["x"]}, "must hold numbers"),
        ({"b_iso": -3}, r"b_iso is -3; give the lowest and the highest"),
        ({"b_iso": [float("nan"), 1.0]}, "b_iso is"),
        ({"mixed_share": 1.5}, "share of the patterns"),
        ({"n_patterns": 3}, "100 or more"),
        ({"size": "huge"}, "choose from small, large"),
        ({"shape": "banana"}, "banana"),
        ({"shape": ["sphere", "sphere"]}, "several different ones"),
        ({"shape": []}, "shape is empty"),
    ],
)
def test_what_training_would_refuse_is_refused_by_its_plan(settings, message):
    with pytest.raises(ValueError, match=message):
        sq.plan_training("PbS", **settings)


@pytest.mark.parametrize("option", ["--workers", "--seed", "--epochs"])
def test_negative_numbers_are_refused_by_the_parser(option, capsys):
    with pytest.raises(SystemExit):
        main(["train", "--crystal", "PbS", f"{option}=-1", "--plan"])
    assert "is not a whole number" in capsys.readouterr().err


def test_populations_that_no_particles_make_are_refused():
    with pytest.raises(ValueError, match=r"makes none of the dispersions 0\.02, 0\.02 at every"):
        sq.plan_training("PbS", diameters=[1.1, 1.65, 2.2], dispersions=[0.02])


def test_one_blank_of_the_user_is_enough():
    blank = sq.load_solvent("toluene").rename("mine")
    for given in (blank, [blank]):
        plan = sq.plan_training("PbS", diameters=[2.0, 3.0], solvents=given)
        assert "liquids      mine" in str(plan)


def test_particles_of_large_cells_are_cut_by_atoms():
    plan = sq.plan_training("CsPbBr3 orthorhombic")
    assert plan.crystal.node_diameter > 1.0 and plan.step == 500
    assert "grow by 0.5 nm" in str(plan)


def test_cost_is_told_and_what_does_not_fit_is_refused(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    head, _ = CDTE.replace("6.482", "12.0").replace("F -4 3 m", "P 1").split("Cd1")
    places = rng.uniform(-0.03, 0.03, (27, 3)) + np.indices((3, 3, 3)).reshape(3, -1).T / 3
    sites = "".join(
        f"X{k} {('Cd', 'Te')[k % 2]} {x:.4f} {y:.4f} {z:.4f} 1.0\n"
        for k, (x, y, z) in enumerate(places)
    )
    path = tmp_path / "many.cif"
    path.write_text(head + sites)
    plan = sq.plan_training(path, diameters=[2.0, 3.0], dispersions=[0.2])
    minutes, memory = plan.simulation_cost
    assert minutes > 0.05 and memory > 3e6
    assert "27 atoms" in str(plan) and "simulation   about" in str(plan)
    monkeypatch.setattr(plan_module, "_memory", lambda: 1e6)
    command = ["train", "--cif", str(path), "--diameters", "2:3:1", "--dispersions", "0.1:0.2"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr()
    assert "simulation   about" in told.out
    assert "this machine has 0.0 GB" in told.err and told.err.count("\n") == 1


def test_the_cost_of_a_cell_of_500_atoms_is_told_from_a_few(monkeypatch):
    places = np.indices((8, 8, 8)).reshape(3, -1).T * 3.25
    atoms = tuple(
        Sublattice(("Cd", "Te")[k % 2], tuple(map(float, p)), 1.0) for k, p in enumerate(places)
    )
    box = tuple(tuple(26.0 * row) for row in np.eye(3))
    plan = sq.plan_training(sq.Crystal("large", box, atoms), diameters=[2.0, 3.0, 4.0])
    cut = []
    original = plan_module.homologous_series
    monkeypatch.setattr(
        plan_module,
        "homologous_series",
        lambda crystal, *a, **k: (cut.append(crystal), original(crystal, *a, **k))[1],
    )
    assert "512 atoms" in str(plan)
    assert cut and all(len(crystal.sublattices) < 20 for crystal in cut)
    minutes, memory = plan.simulation_cost
    assert minutes > 0.05 and memory > 3e7


def test_patterns_count_in_the_memory():
    few = sq.plan_training("PbS", diameters=[2.0, 3.0], n_patterns=100)
    many = sq.plan_training("PbS", diameters=[2.0, 3.0], n_patterns=50_000)
    patterns = (many.n_patterns - few.n_patterns) * len(few.q) * 4.0
    assert many.simulation_cost[1] - few.simulation_cost[1] > 2.5 * patterns


def test_sizer_of_a_cif_is_saved_and_sizes(cif, brief, tmp_path):
    sizer = sq.train_sizer(cif, progress=False, **brief)
    assert sizer.classes_.tolist() == [2000, 4000, 6000]
    assert sizer.targets == (*TARGETS[:4], "surface_diameter")
    scores = sizer.training["scores"]
    assert set(scores["by size"]) == {"2", "4", "6"} and scores["n_test"] == 60
    sizer.save(tmp_path / "CdTe")
    loaded = sq.load_sizer(tmp_path / "CdTe")
    library = sq.simulate_library(
        sq.Crystal.from_cif(cif), diameters=[4.0], dispersions=[0.15], strains=[0.0]
    )
    pattern = sq.library_samples(library)[0][0]
    assert [engine.name for engine in loaded.engines] == ["all-CNN", "Debye posterior"]
    one, other = (each.size(pattern, engine="network") for each in (sizer, loaded))
    assert one.diameter == other.diameter
    assert one.uncertainties == other.uncertainties
    derived = {"expected_diameter", "surface_diameter"}
    assert set(one.uncertainties) == {*TARGETS[:4], *derived} and one.dimensions == {}
    assert one.volume_diameter == pytest.approx(other.volume_diameter)
    estimates = loaded.estimate(pattern)
    assert float(estimates.dispersion[0]) == other.dispersion
    assert float(estimates.strain_std[0]) == other.uncertainties["strain"]


def test_training_goes_on_where_it_was_interrupted(brief, tmp_path):
    whole = sq.train_sizer("PbS", progress=False, checkpoint=tmp_path / "a", **brief)
    again = sq.train_sizer("PbS", progress=False, checkpoint=tmp_path / "a", **brief)
    X = np.full((1, 5004), 70.0) + np.cos(np.arange(5004) / 50.0)
    np.testing.assert_array_equal(whole.predict_proba(X), again.predict_proba(X))
    afresh = sq.train_sizer("PbS", progress=False, **brief)
    np.testing.assert_array_equal(whole.predict_proba(X), afresh.predict_proba(X))


def test_sizer_without_estimates(brief):
    sizer = sq.train_sizer("PbS", progress=False, estimates=False, **brief)
    assert sizer.regressor is None and "estimates" not in sizer.training["scores"]
    with pytest.raises(ValueError, match="estimates nothing but the class"):
        sizer.estimate(np.full((1, 5004), 70.0))


def test_laboratory_and_shapes(brief):
    sizer = sq.train_sizer(
        "PbS", progress=False, instrument="lab-cu", shape=["sphere", "cube"], **brief
    )
    assert sizer.q_[-1] < 8.0
    assert sizer.simulation["wavelength"] == pytest.approx(1.54059, abs=1e-4)


@pytest.mark.parametrize(
    ("shape", "names"), [("rod", ("width", "length")), ("platelet", ("width", "thickness"))]
)
def test_rods_and_platelets_report_both_dimensions(brief, shape, names, tmp_path):
    ratios = [1.0, 3.0]
    sizer = sq.train_sizer("PbS", progress=False, shape=shape, aspect_ratios=ratios, **brief)
    assert sizer.targets[-2:] == names
    assert set(names) < set(sizer.training["scores"]["estimates"])
    sizer.save(tmp_path / shape)
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.15], strains=[0.0])
    pattern = sq.library_samples(library)[0][0]
    found = sq.load_sizer(tmp_path / shape).size(pattern)
    assert tuple(found.dimensions) == names and set(names) < set(found.uncertainties)
    card = training.model_card(sizer)
    assert f"{shape} of aspect ratio 1, 3" in card and f"| {names[1]}, nm |" in card
    particles = sizer.reference.particles
    assert np.isfinite(particles).all() and len(particles) > len(ratios)


def test_dimensions_have_the_volume_of_the_sphere():
    rods = sq.plan_training("PbS", shape="rod")
    width, length = rods.dimensions(np.array([5.0]), np.array([3.0]))[0]
    assert length == pytest.approx(3.0 * width)
    assert np.pi / 4 * width**2 * length == pytest.approx(np.pi / 6 * 125.0)
    plates = sq.plan_training("PbS", shape="platelet")
    width, thickness = plates.dimensions(np.array([5.0]), np.array([4.0]))[0]
    assert width == pytest.approx(4.0 * thickness)
    assert width**2 * thickness == pytest.approx(np.pi / 6 * 125.0)
    body = rods.bodies[rods.aspect_ratios.index(3.0)]
    assert body.length / body.width == 3.0


def test_aspect_ratios_belong_to_one_shape():
    with pytest.raises(ValueError, match="one shape, rod or platelet"):
        sq.plan_training("PbS", aspect_ratios=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"0\.1 to 20"):
        sq.plan_training("PbS", shape="rod", aspect_ratios=[0.0, 2.0])


def test_sizers_of_ones_own_are_found_by_name(brief, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SK_QDOTS_SIZERS", str(tmp_path / "mine"))
    options = ["--diameters", "2:6:2", "--epochs", "1", "--solvents", "dry", "--classes-only"]
    options += ["--workers", "0", "--calibrate", "0"]
    assert main(["train", "--crystal", "PbSe", *options]) == 0
    assert "--model PbSe" in capsys.readouterr().out
    assert "pm" not in (tmp_path / "mine" / "PbSe" / "model_card.md").read_text()
    assert sq.load_sizer("PbSe").name == "PbSe"
    assert main(["info"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["PbSe"].endswith("own") and rows["PbS"].endswith("shipped")
    assert "2-6 by 2" in rows["PbSe"] and "synchrotron, 0.56 A" in rows["PbSe"]
    assert main(["info", "PbSe", "--format", "json"]) == 0
    record = json.loads(capsys.readouterr().out)[0]
    assert record["crystal"] == "PbSe" and record["accuracy"] == pytest.approx(
        sq.load_sizer("PbSe").training["scores"]["standard cells"]["accuracy"]
    )
    assert main(["info", "PbS"]) == 0
    assert "standard cells" in capsys.readouterr().out
    assert main(["info", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
    manifest = tmp_path / "mine" / "PbSe" / "manifest.json"
    manifest.write_text(manifest.read_text()[:-20])
    assert main(["info"]) == 2
    told = capsys.readouterr()
    assert "not JSON" in told.err and "PbS " in told.out


def test_command(cif, brief, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--diameters", "2:6:2", "--epochs", "1", "--solvents", "dry", "--classes-only"]
    options += ["--workers", "0", "--calibrate", "0"]
    assert main(["train", "--cif", str(cif), *options, "--plan"]) == 0
    assert "none (dry)" in capsys.readouterr().out
    assert main(["train", "--cif", str(cif), *options, "--out", "mine"]) == 0
    told = capsys.readouterr().out
    assert "standard cells" in told and "sk-qdots size FILE --model mine" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["CdTe.cif", "mine"]
    assert main(["train", "--cif", str(cif), *options, "--out", "mine"]) == 2
    assert "mine exists" in capsys.readouterr().err


def test_command_with_a_block(cif, tmp_path, capsys):
    text = cif.read_text()
    two = tmp_path / "two.cif"
    two.write_text(text + "\n" + text.replace("data_", "data_wider_", 1))
    first = text.split("data_", 1)[1].split()[0]
    command = ["train", "--cif", str(two), "--diameters", "2:6:2", "--solvents", "dry", "--plan"]
    assert main(command) == 2
    assert f"({first}, wider_{first})" in capsys.readouterr().err
    assert main([*command, "--block", f"wider_{first}"]) == 0
    assert "none (dry)" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", CIFS)
def test_crystals_that_are_not_built_in_end_with_a_working_sizer(name, tmp_path, capsys):
    """Minutes each: a short training, which sizes fresh dry dots all the same."""
    cif, out = tmp_path / f"{name}.cif", tmp_path / "sizer"
    cif.write_text(CIFS[name])
    options = ["--diameters", "2:6:1", "--solvents", "dry", "--epochs", "6", "--out", str(out)]
    options += ["--calibrate", "0"]
    assert main(["train", "--cif", str(cif), *options]) == 0
    told = capsys.readouterr().out
    assert "standard cells" in told and "least often right" in told
    assert "Right by size" in (out / "model_card.md").read_text()
    sizer = sq.load_sizer(out)
    assert sizer.training["scores"]["standard cells"]["accuracy"] > 0.9
    library = sq.simulate_library(
        sq.Crystal.from_cif(cif),
        diameters=[3.0, 5.0],
        dispersions=[0.12, 0.18],
        strains=[0.0015],
    )
    X, y, _ = sq.library_samples(library)
    noisy = sq.PoissonNoise(snr=46, random_state=0).fit_transform(X)
    assert [sizer.size(row).diameter * 1000 for row in noisy] == y.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--crystal", "PbS", "--diameters", "2:8:0.1"], "resolve no less"),
        (["--crystal", "Unobtainium"], "unknown crystal"),
        (["--cif", "nowhere.cif"], "no such CIF"),
    ],
)
def test_failures_have_one_line(options, message, capsys):
    assert main(["train", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("options", [["--crystal", "PbS"], ["--crystal", "PbSe", "--name", "PbS"]])
def test_a_name_that_is_known_is_refused_before_training(options, capsys):
    assert main(["train", *options]) == 2
    error = capsys.readouterr().err
    assert "'PbS' is known already: choose another --name" in error and error.count("\n") == 1


def test_b_factors_as_in_release_0_1_are_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["train", "--crystal", "PbS", "--b-iso", "0.3:0.8:0.25"])
    assert "by how much those of the crystal change" in capsys.readouterr().err


def test_a_name_that_cannot_be_saved_is_refused_before_training():
    with pytest.raises(ValueError, match="the name 'α-MnS' is not valid"):
        sq.plan_training("PbS", name="α-MnS")


def test_the_recorded_command_is_understood_again():
    words = ["train", "--crystal", "Pt", "--strains=-0.01:0.005", "--classes-only"]
    words += ["--stacking", "0:0.4", "--texture", "--mixed", "0.1", "--patterns", "500"]
    words += ["--instrument", "wavelength=0.5169", "--solvents", "carbon-black", "toluene"]
    words += ["--calibrate", "100", "--span", "1:9", "--size", "large", "--b-iso=-0.1:0.2"]
    once = _parser().parse_args(words)
    again = _parser().parse_args(shlex.split(_command(once))[1:])
    assert vars(again) == vars(once)


def test_an_instrument_has_one_name():
    named = sq.plan_training("PbS", instrument=0.5169)
    assert named.instrument == named.settings()["instrument"] == "synchrotron"
    own = sq.augmentation.Laboratory(q_max=(11.0, 12.0))
    plan = sq.plan_training("PbS", instrument=own)
    assert plan.instrument == plan.settings()["instrument"] == "own"
    assert "instrument   own" in str(plan)


def test_one_instrument_is_told_and_recorded(brief, tmp_path):
    mine = sq.load_instrument("lab-cu").replace(name="our D8", w=0.01, source="LaB6\n2026")
    plan = sq.plan_training("PbS", instrument=mine, **brief)
    assert plan.laboratory == sq.augmentation.Laboratory.around(mine)
    assert plan.wavelength == mine.wavelengths[0] and "instrument   our D8" in str(plan)
    sizer = sq.train_sizer(plan, progress=False)
    settings = sizer.training["settings"]
    assert settings["instrument"] == "our D8" and settings["around"]["w"] == 0.01
    card = training.model_card(sizer)
    assert "our D8, drawn around it: lines 1.54059, 1.54443 Angstrom" in card
    assert "source: LaB6 2026" in card
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    assert loaded.training["settings"]["around"] == settings["around"]
    # It was trained with this width, and not with a much greater one.
    q = np.linspace(1.5, 5.0, 10)
    assert too_broad(mine, loaded.augmentation, q) == ()
    assert too_broad(mine.replace(w=0.04), loaded.augmentation, q)


def test_instruments_by_file(tmp_path):
    path = tmp_path / "bm26.json"
    example = sq.load_instrument("synchrotron")
    path.write_text(example.to_json())
    with pytest.raises(ValueError, match="synchrotron is an example without a wavelength"):
        sq.plan_training("PbS", instrument=path)
    path.write_text(example.replace(name="", wavelengths=(0.5642,)).to_json())
    for given in (path, str(path)):
        plan = sq.plan_training("PbS", instrument=given)
        assert plan.instrument == "bm26" and plan.around.wavelengths == (0.5642,)


def test_rods_without_estimates_have_their_aspect_ratios_too():
    plan = sq.plan_training("CdSe wurtzite", shape="rod", estimates=False)
    assert plan.aspect_ratios == (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


@pytest.mark.parametrize("text", ["2:8", "8:2:0.5", "2:8:0", "1:2:1e-9", "a:b:c"])
def test_bad_ranges_are_refused(text, capsys):
    with pytest.raises(SystemExit) as exit:
        main(["train", "--crystal", "PbS", "--diameters", text])
    assert exit.value.code == 2


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "PbS"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_train, "STEPS_PER_EPOCH", 2)
        patch.setattr(_train, "_N_TEST", 12)
        sizer = sq.train_sizer(
            "PbS",
            diameters=[2.0, 4.0],
            dispersions=[0.1, 0.2],
            strains=[-0.002, 0.002],
            solvents="dry",
            epochs=1,
            n_patterns=200,
            progress=False,
        )
    sizer.save(folder)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m["engines"][0]["regressor"].update(targets=["diameter"]),
            "array engine0_regressor_weight5",
        ),
        (lambda m: m["engines"][0]["regressor"].update(targets=["size", 3, 4, 5, 6]), "each once"),
        (lambda m: m["engines"][0]["regressor"].update(targets=["a b"] * 5), "each once"),
        (lambda m: m["engines"][0]["regressor"].update(targets=[["diameter"]] * 5), "each once"),
        (lambda m: m["engines"][0]["regressor"].update(level=-1.0), "level and scale"),
        (lambda m: m["engines"][0]["regressor"].update(parameters={}), "damaged"),
        (
            lambda m: m["engines"][0]["regressor"]["parameters"].update(n_filters=10**5),
            "values for one pattern",
        ),
        (lambda m: m["engines"][0].update(regressor=None), "damaged"),
    ],
)
def test_altered_regressors_are_refused(saved, tmp_path, change, message):
    shutil.copytree(saved, tmp_path / "altered")
    path = tmp_path / "altered" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    manifest["manifest_sha256"] = files._digest(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(sq.SizerError, match=message):
        sq.load_sizer(tmp_path / "altered")


def test_loaded_regressor_answers_as_the_saved_one(saved):
    first, second = sq.load_sizer(saved), sq.load_sizer(saved)
    X = np.full((2, 5004), 70.0) + np.cos(np.arange(5004) / 40.0)
    assert first.targets == (*TARGETS[:4], "surface_diameter")
    xr.testing.assert_identical(first.estimate(X), second.estimate(X))
    assert (first.estimate(X).dispersion_std > 0).all()


def test_sizer_refuses_a_regressor_that_does_not_fit(saved):
    sizer = sq.load_sizer(saved)
    with pytest.raises(ValueError, match="targets are given without a regressor"):
        sq.Sizer(sizer.pipeline, targets=["diameter"])
    with pytest.raises(ValueError, match="name each of the regressor's 5 targets"):
        sq.Sizer(sizer.pipeline, regressor=sizer.regressor, targets=["diameter"])
    with pytest.raises(ValueError, match="regressor is not fitted"):
        sq.Sizer(sizer.pipeline, regressor=sq.AllCNNRegressor(), targets=["diameter"])


@pytest.mark.parametrize(
    ("crystal", "settings", "n_faults"),
    [
        ("PbS", {"diameters": [3.0, 4.0], "span": (3.0, 4.0)}, 1),
        ("CdSe zinc blende", {"diameters": [2.0, 3.0], "stacking": (0.0, 0.4)}, 3),
        ("PbS", {"diameters": [2.0, 3.0], "shape": ("sphere", "cube")}, 1),
    ],
)
def test_particles_are_narrow_populations_of_every_body(crystal, settings, n_faults):
    plan = sq.plan_training(crystal, dispersions=(0.05, 0.1), strains=(-0.001, 0.001), **settings)
    series = samples.simulated_series(plan)
    particles = samples.particle_patterns(plan, series)
    assert particles.sizes["q"] == len(plan.q)
    assert np.isfinite(particles.values).all()
    assert (particles.values.mean(axis=1) > 0.0).all()
    main = samples.particle_patterns(replace(plan, shapes=plan.shapes[:1]), series[:1])
    assert len(main) % n_faults == 0
    np.testing.assert_array_equal(main.values, particles.values[: len(main)])
    # What is between two sizes is a sum of both: no gap is wider than a population is broad.
    assert len(main) / n_faults > np.log(plan.span[1] / plan.span[0]) / 0.12

"""What experiments draw beyond the single transformers: factors, ligands, fluorescence, errors."""

from dataclasses import replace

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.augmentation import LABORATORIES, Laboratory
from sk_qdots.augmentation._draws import Draw
from sk_qdots.augmentation._factors import FreeFactors
from sk_qdots.augmentation.facts import augmentation_facts, trained_width
from sk_qdots.augmentation.laboratories import MIXTURES
from sk_qdots.simulation.q_grid import q_from_two_theta

A = 5.936  # Angstrom, PbS
EXACT = {"dry_share": 1.0, "full_range_share": 1.0, "fine_share": 1.0, "scale": (1e9, 1e9)}
EFFECTS = ("factors", "ligand", "fluorescence", "slow_error")


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


def drawn(X, n=1, seed=0, **fields):
    """Patterns of which nothing is random but the given effects; hardly any noise."""
    rows = np.repeat(X.values[:1], n, axis=0)
    laboratory = replace(LABORATORIES["ideal"], **fields)
    made = sq.RandomExperiment(laboratory, q=X["q"].values, random_state=0, **EXACT)
    return made.fit(rows).perturb(rows, np.random.default_rng(seed))


def dots(diameter, q):
    library = sq.simulate_library(
        "PbS", diameters=[diameter], dispersions=[0.1], strains=[0.0], q=q, progress=False
    )
    return sq.library_samples(library)[0].values[0]


def test_reflections_become_too_strong_by_the_factor(standard):
    q = standard["q"].values
    rows = drawn(standard, 200, factors_share=1.0, factors=(8.0, 8.0))
    at = {hkl: 2 * np.pi / A * np.linalg.norm(hkl) for hkl in ((2, 0, 0), (2, 2, 0))}
    ratios = np.array([rows[:, np.abs(q - v).argmin()] / np.interp(v, q, standard.values[0])
                       for v in at.values()])  # fmt: skip
    assert 6.0 < ratios[1].max() <= 8.1  # 220 stands alone
    assert 1 / 8.1 < ratios.min() < 0.2
    assert abs(np.corrcoef(np.log(ratios))[0, 1]) < 0.2
    as_it_was = np.isclose(ratios[1], 1.0, atol=0.05).mean()  # the other groups of the lone ones
    assert 0.3 < as_it_was < 0.6


@pytest.mark.parametrize("diameter", [2.0, 2.5, 3.5, 5.0, 9.0])
def test_a_stronger_reflection_is_as_wide_as_its_peak(diameter):
    """The 111, 8 times stronger beside a 200 that it overlaps, is that of the sum of the peaks."""
    q = np.linspace(1.0, 8.0, 700)
    indices = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), -1).reshape(-1, 3)
    odd = indices % 2
    lengths = 2 * np.pi / A * np.linalg.norm(indices[(odd == odd[:, :1]).all(axis=1)], axis=1)
    lengths = lengths[(lengths > 0) & (lengths < 9.0)]
    profiles = lengths**-2 * np.exp2(-((2 * (q[:, None] - lengths) / (0.56 / diameter)) ** 2))
    is_111 = lengths < 1.9
    expected = profiles @ np.where(is_111, 8.0, 1.0)
    factors = FreeFactors("PbS", q)
    logs = np.zeros((1, factors.n_groups))
    logs[0, 0] = np.log(8.0)
    found = factors.apply(profiles.sum(axis=1)[None], logs)[0]
    assert width(q, found) == pytest.approx(width(q, expected), abs=0.0101)
    np.testing.assert_allclose(found, expected, atol=0.15 * expected.max())


def width(q, peak):
    return np.ptp(q[peak > 0.5 * peak.max()])


def test_the_width_of_peaks_is_seen_from_the_pattern():
    q = np.linspace(1.0, 15.0, 1200)
    factors = FreeFactors("PbS", q)
    chosen = []
    for diameter in (2.0, 3.0, 5.0, 9.0):
        slope = np.diff(dots(diameter, q)).astype(np.float32)
        chosen.append(int(np.argmax(factors._slopes @ slope)))
    assert chosen == sorted(chosen, reverse=True) and chosen[0] > chosen[-1] + 1


def test_no_factors_change_nothing():
    q = np.linspace(1.0, 8.0, 700)
    factors = FreeFactors("CdSe wurtzite", q)
    rows = np.ones((2, 700))
    np.testing.assert_allclose(factors.apply(rows, np.zeros((2, factors.n_groups))), 1.0, rtol=1e-5)


def test_ligands_are_a_halo_at_the_distance_of_chains(standard):
    q, clean = standard["q"].values, standard.values[0]
    rows = drawn(standard, 40, ligand_share=1.0, ligand=(0.25, 0.25))
    halos = rows - 0.75 * clean
    total = area(clean, q)
    np.testing.assert_allclose(area(halos, q), 0.25 * total, rtol=1e-2)
    places = q[halos.argmax(axis=1)]
    assert places.min() > 1.28 and places.max() < 1.52 and np.ptp(places) > 0.05
    np.testing.assert_allclose(halos[:, q > 6.0], 0.0, atol=0.005 * clean.max())


def test_ligands_go_with_the_dots_in_a_liquid(standard):
    q, still = standard["q"].values, {"liquid_change": 0.0, "liquid_shift": 0.0}
    laboratory = replace(LABORATORIES["ideal"], ligand_share=1.0, ligand=(0.5, 0.5))
    made = sq.RandomExperiment(
        laboratory, solvents="hexane", liquid_broadening=0.0, q=q,
        **{**EXACT, "dry_share": 0.0, "qd_fraction": (0.4, 0.4)}, **still,
    )  # fmt: skip
    row = made.fit(standard.values).perturb(standard.values, np.random.default_rng(0))[0]
    high = q > 6.0
    liquid = sq.SolventMixer("hexane").fit(standard).solvent_ * area(standard.values[0], q)
    expected = 0.2 * standard.values[0] + 0.6 * liquid
    np.testing.assert_allclose(row[high], expected[high], atol=0.01 * standard.values.max())


def test_fluorescence_is_flat(standard):
    q, clean = standard["q"].values, standard.values[0]
    row = drawn(standard, fluorescence_share=1.0, fluorescence=(0.3, 0.3))[0]
    rest = row - 0.7 * clean
    np.testing.assert_allclose(rest, 0.3 * clean.mean(), rtol=2e-2)
    assert area(row, q) == pytest.approx(area(clean, q), rel=1e-2)


def test_slow_errors_are_slow_and_as_large_as_stated(standard):
    clean, q = standard.values[0], standard["q"].values
    rows = drawn(standard, 400, slow_error_share=1.0, slow_error=(0.05, 0.05))
    logarithm = np.log(rows / clean)
    assert np.abs(logarithm.mean(axis=0)).max() < 0.01
    assert 0.035 < np.sqrt((logarithm**2).mean()) < 0.06
    # Noise left aside, from one peak to the next at 3 1/Angstrom it hardly changes.
    step = logarithm[:, np.abs(q - 3.5).argmin()] - logarithm[:, np.abs(q - 3.0).argmin()]
    assert step.std() < 0.03


@pytest.mark.parametrize("name", [n for n in LABORATORIES if n != "ideal"])
def test_without_them_all_else_is_drawn_as_with_them(X, name):
    """They are drawn last."""
    with_them = LABORATORIES[name]
    without = replace(with_them, **{f"{effect}_share": 0.0 for effect in EFFECTS})
    draws = []
    for laboratory in (with_them, without):
        made = sq.RandomExperiment(laboratory, q=X["q"].values).fit(X.values)
        rngs = [np.random.default_rng(k) for k in range(50)]
        draws.append(Draw(made._distributions, made._weights, rngs, 3))
    for field in ("wavelength", "scale", "low", "high", "step", "fwhm", "march", "background"):
        np.testing.assert_array_equal(*(getattr(draw, field) for draw in draws))
    has = [np.mean(draw.slow_error > 0) for draw in draws]
    assert has[0] > 0.2 and has[1] == 0.0


def test_short_scans_of_a_copper_tube_are_drawn():
    low, high = q_from_two_theta(np.array([20.0, 60.0]), 1.5406)
    laboratory = LABORATORIES["lab-cu"]
    assert laboratory.q_min[0] < low < laboratory.q_min[1]
    assert laboratory.q_max[0] < high < laboratory.q_max[1]


def test_the_world_holds_every_laboratory(X):
    assert set(MIXTURES["world"]) == set(LABORATORIES)
    assert sum(MIXTURES["world"].values()) == pytest.approx(1.0)
    made = sq.RandomExperiment("world", q=X["q"].values).fit(X.values)
    rngs = [np.random.default_rng(k) for k in range(3000)]
    draw = Draw(made._distributions, made._weights, rngs)
    shares = np.bincount(draw.laboratory) / 3000
    np.testing.assert_allclose(shares, list(MIXTURES["world"].values()), atol=0.03)


def test_manifests_hold_what_a_name_stood_for(monkeypatch):
    made = sq.RandomExperiment("world", dry_share=0.3)
    told = augmentation_facts(made)
    assert [item["share"] for item in told["drawn_from"]] == list(MIXTURES["world"].values())
    assert {item["dry_share"] for item in told["drawn_from"]} == {0.3}
    assert told["drawn_from"][3]["factors"] == [2.0, 8.0]
    before = trained_width(told, 3.0)
    wider = {k: replace(v, fwhm=(0.5, 0.6)) for k, v in LABORATORIES.items()}
    monkeypatch.setattr("sk_qdots.augmentation.facts.LABORATORIES", wider)
    assert trained_width(told, 3.0) == before
    assert trained_width({"laboratory": "world"}, 3.0) > 2 * before


@pytest.mark.parametrize(
    "parameters",
    [
        {"factors": (0.5, 8.0)},
        {"factors_share": 1.1},
        {"ligand": (0.1, 1.0)},
        {"fluorescence": (0.3, 0.2)},
        {"slow_error": (0.0, 2.0)},
        {"slow_error_share": -0.1},
    ],
)
def test_bad_fields(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        Laboratory(**parameters)

"""S(Q), F(Q) and G(r): limits, peaks where the neighbours are, and their areas."""

import numpy as np
import pytest

from sk_qdots.simulation import (
    Crystal,
    FreeAtoms,
    cut_cluster,
    debye_intensity,
    distance_table,
    form_factor,
    homologous_series,
    lognormal_weights,
    pair_distribution_function,
    reduced_structure_factor,
    structure_factor,
)

PBS = Crystal.builtin("PbS")


def test_structure_factor_is_the_faber_ziman_one():
    q = np.linspace(0.5, 20.0, 300)
    table = distance_table(cut_cluster(PBS, "sphere", 2.5))
    n_atoms = table.counts.sum()
    lead, sulfur = (form_factor(e, q, 0.3) for e in ("Pb", "S"))
    square = (np.abs(lead) ** 2 + np.abs(sulfur) ** 2) / 2
    mean = np.abs((lead + sulfur) / 2) ** 2
    intensity = debye_intensity(table, q, wavelength=0.3, compton=False)[0] / n_atoms
    found = structure_factor(table, q, wavelength=0.3)[0]
    np.testing.assert_allclose(found, 1 + (intensity - square) / mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(
        reduced_structure_factor(table, q, wavelength=0.3)[0], q * (found - 1), rtol=1e-12
    )


def test_limits_of_the_structure_factor():
    table = distance_table(cut_cluster(Crystal.builtin("Pt"), "sphere", 2.0))
    low, high = structure_factor(table, [1e-4, 60.0], wavelength=0.1)[0]
    assert low == pytest.approx(table.counts.sum(), rel=1e-4)
    assert high == pytest.approx(1.0, abs=1e-3)


def test_partly_filled_particles_have_the_same_limits():
    crystal = Crystal.builtin("Pt").with_b_iso(2.0)
    table = distance_table(cut_cluster(crystal, "sphere", 3.0, fill="volume"))
    assert structure_factor(table, [60.0], wavelength=0.1)[0, 0] == pytest.approx(1.0, abs=1e-3)
    r = np.linspace(0.3, 6.0, 500)
    g = pair_distribution_function(table, r, q_max=25.0, wavelength=0.2)[0]
    assert np.abs(g[r < 2.0]).max() < 0.2 * g.max()


def test_peaks_of_g_are_the_neighbours_of_platinum():
    crystal = Crystal.builtin("Pt")
    table = distance_table(cut_cluster(crystal, "sphere", 8.0))
    r = np.arange(0.02, 120.0, 0.02)
    g = pair_distribution_function(table, r, q_max=35.0, wavelength=0.1)[0]
    a = 3.9231
    for expected in a * np.sqrt([0.5, 1.0, 1.5, 2.0]):
        near = np.abs(r - expected) < 0.3
        assert r[near][g[near].argmax()] == pytest.approx(expected, abs=0.02)
    # Beyond the particle there is nothing, and nothing closer than two atoms can be.
    assert np.abs(g[r > 90]).max() < 1e-3 * g.max()
    # The area under r G(r) of the first shell counts 12 neighbours, but for the surface.
    first = (r > 2.0) & (r < 3.3)
    shell = table.groups[0].multiplicities[0][0] / table.counts[0, 0]
    assert np.trapezoid(r[first] * g[first], r[first]) == pytest.approx(shell, rel=0.02)


def test_g_is_converged_for_its_range(monkeypatch):
    import sk_qdots.simulation.total_scattering as module

    table = distance_table(cut_cluster(PBS, "sphere", 3.0))
    r = np.linspace(1.0, 60.0, 200)
    arguments = {"q_min": 0.5, "q_max": 20.0, "lorch": True, "wavelength": 0.3}
    g = pair_distribution_function(table, r, **arguments)
    monkeypatch.setattr(module, "_NODES", 40)
    np.testing.assert_allclose(g, pair_distribution_function(table, r, **arguments), atol=1e-8)


def test_two_atoms_in_closed_form():
    pair = distance_table(FreeAtoms(["Au", "Au"], [[0, 0, 0], [2.9, 0, 0]], b_iso=0.0))
    q = np.linspace(1, 10, 50)
    s = structure_factor(pair, q, radiation="neutron")[0]
    np.testing.assert_allclose(s, 1 + np.sin(2.9 * q) / (2.9 * q), rtol=1e-6)
    top, r = 20.0, np.array([2.0, 2.9, 5.0])
    g = pair_distribution_function(pair, r, q_max=top, q_min=1e-6, radiation="neutron")[0]
    # The integral of sin(Qd) sin(Qr) / d.
    difference = np.where(r == 2.9, top, np.sin((r - 2.9) * top) / np.where(r == 2.9, 1, r - 2.9))
    expected = (difference - np.sin((r + 2.9) * top) / (r + 2.9)) / (np.pi * 2.9)
    np.testing.assert_allclose(g, expected, rtol=1e-6)


def test_population():
    table = distance_table(homologous_series(PBS, 5.0))
    weights = lognormal_weights(table.diameters, 3.0, 0.1)
    mixed = structure_factor(table.average(weights), [2.1, 3.0], wavelength=0.5)
    assert mixed.shape == (1, 2)
    assert structure_factor(table, [2.1, 3.0], wavelength=0.5).shape == (len(table), 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"r": [0.0, 1.0]}, "r must be"),
        ({"r": []}, "r must be"),
        ({"q_min": 30.0}, "q_min, q_max are 30.0, 20.0"),
        ({"wavelength": None}, "wavelength is missing"),
        ({"wavelength": 1.0}, "4 pi / wavelength"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"r": [1.0, 2.0], "q_max": 20.0, "wavelength": 0.3, **change}
    table = distance_table(cut_cluster(PBS, "sphere", 1.0))
    with pytest.raises(ValueError, match=message):
        pair_distribution_function(table, arguments.pop("r"), **arguments)

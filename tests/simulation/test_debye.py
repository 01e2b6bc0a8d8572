"""The Debye sum against a double loop over atoms, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_qdots.simulation import (
    Crystal,
    Sublattice,
    compton_intensity,
    debye_intensity,
    debye_waller_factor,
    distance_table,
    form_factor,
    sphere,
)

PBS = Crystal.builtin("PbS")
PARTLY = Crystal(
    "partly filled",
    ((4.0, 0.0, 0.0), (0.7, 3.5, 0.0), (0.3, -0.4, 5.1)),
    (Sublattice("Cd", (0.0, 0.0, 0.0), 1.0), Sublattice("Se", (1.1, 0.9, 0.4), 0.8, 0.7)),
)
WAVELENGTH = 0.56


def brute_force(cluster, q, strain):
    """Sum over all pairs of atoms, float64, without any table."""
    crystal = cluster.crystal
    elements, positions = cluster.atoms()
    positions = positions * (1.0 + strain)
    n = len(cluster.nodes)
    occupancy = np.repeat([s.occupancy for s in crystal.sublattices], n)
    free = {e: form_factor(e, q, WAVELENGTH) for e in set(elements)}
    f = np.array([free[e] for e in elements])
    t = np.repeat([debye_waller_factor(s.b_iso, q) for s in crystal.sublattices], n, axis=0)
    total = (occupancy[:, None] * np.abs(f) ** 2).sum(axis=0)
    total = total + sum(
        o * compton_intensity(e, q, WAVELENGTH) for o, e in zip(occupancy, elements, strict=True)
    )
    amplitude = occupancy[:, None] * f * t
    gaps = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    for k, value in enumerate(q):
        kernel = np.sinc(value * gaps / np.pi)
        np.fill_diagonal(kernel, 0.0)
        total[k] += (amplitude[:, k] @ kernel @ amplitude[:, k].conj()).real
    return total


@settings(max_examples=15, deadline=None)
@given(
    crystal=st.sampled_from([PBS, PARTLY]),
    diameter=st.floats(0.4, 2.0),
    strain=st.floats(-0.02, 0.02),
)
def test_both_methods_equal_brute_force(crystal, diameter, strain):
    q = np.linspace(0.7, 15.0, 40)
    cluster = sphere(crystal, diameter)
    table = distance_table([cluster])
    expected = brute_force(cluster, q, strain)
    for method, tolerance in (("direct", 1e-12), ("fast", 1e-9)):
        found = debye_intensity(table, q, wavelength=WAVELENGTH, strain=strain, method=method)[0]
        np.testing.assert_allclose(found, expected, rtol=tolerance)


def test_fast_equals_direct_for_a_large_sphere():
    q = np.linspace(0.99, 15.0, 300)
    table = distance_table([sphere(PBS, 10.0)])
    fast, direct = (
        debye_intensity(table, q, wavelength=WAVELENGTH, method=m) for m in ("fast", "direct")
    )
    np.testing.assert_allclose(fast, direct, rtol=1e-6)


def test_forward_scattering_is_the_square_of_all_electrons():
    q = np.array([1e-4])
    cluster = sphere(PBS, 1.5)
    intensity = debye_intensity(distance_table([cluster]), q, wavelength=WAVELENGTH, compton=False)
    amplitude = sum(form_factor(e, q, WAVELENGTH) for e in ("Pb", "S")) * len(cluster.nodes)
    assert intensity[0, 0] == pytest.approx(float(np.abs(amplitude[0]) ** 2), rel=1e-4)


def test_large_q_is_the_sum_of_the_atoms():
    q = np.linspace(40.0, 44.0, 9)
    wavelength = 0.2
    cluster = sphere(PBS, 2.0)
    intensity = debye_intensity(distance_table([cluster]), q, wavelength=wavelength, compton=False)
    atoms = sum(np.abs(form_factor(e, q, wavelength)) ** 2 for e in ("Pb", "S"))
    np.testing.assert_allclose(intensity[0], len(cluster.nodes) * atoms, rtol=1e-3)


def test_strain_scales_q_of_the_pair_sums():
    from sk_qdots.simulation import pair_sums

    q = np.linspace(1.0, 10.0, 50)
    table = distance_table([sphere(PBS, 2.0)])
    for strained, scaled in zip(
        pair_sums(table, q, strain=0.01), pair_sums(table, q * 1.01), strict=True
    ):
        np.testing.assert_allclose(strained, scaled, rtol=1e-8, atol=1e-8)


def test_tabulated_scattering_factors():
    q = np.array([1.0, 5.0, 10.0, 15.0])
    f_lead = form_factor("Pb", q, WAVELENGTH) - (-1.4016 + 6.8875j)
    np.testing.assert_allclose(f_lead.real, [79.049, 54.958, 36.485, 25.460], atol=2e-3)
    np.testing.assert_allclose(f_lead.imag, 0.0, atol=1e-3)
    recoil = compton_intensity("S", q, WAVELENGTH) / [1.503, 7.980, 11.308, 13.240]
    energy, sine = 22.1400, q * WAVELENGTH / (4 * np.pi)
    np.testing.assert_allclose(recoil, (1 + energy / 511.0 * 2 * sine**2) ** -2, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"q": np.array([])}, "not empty"),
        ({"q": np.array([0.0, 1.0])}, "positive"),
        ({"q": np.array([1.0, np.nan])}, "finite"),
        ({"q": np.array([[1.0]])}, "one-dimensional"),
        ({"q": np.array([30.0])}, "4 pi / wavelength"),
        ({"wavelength": -1.0}, "wavelength"),
        ({"strain": -1.0}, "strain"),
        ({"method": "guess"}, "method"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"q": np.array([1.0]), "wavelength": WAVELENGTH, **change}
    with pytest.raises(ValueError, match=message):
        debye_intensity(distance_table([sphere(PBS, 1.0)]), arguments.pop("q"), **arguments)


def test_unknown_element():
    with pytest.raises(ValueError, match="Xx"):
        form_factor("Xx", np.array([1.0]), WAVELENGTH)

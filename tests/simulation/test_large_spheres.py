"""Spheres whose pairs are expected, not counted."""

import numpy as np
import pytest

from sk_qdots.simulation import (
    Crystal,
    debye_intensity,
    distance_table,
    homologous_series,
    large_spheres,
    simulate_library,
)

Q = np.linspace(0.3, 12.0, 3000)


def counted_and_expected(name, counted, largest):
    crystal = Crystal.builtin(name)
    series = homologous_series(crystal, largest, fill="volume")
    split = sum(cluster.diameter <= counted for cluster in series)
    few = distance_table(series[:split])
    return distance_table(series), large_spheres.with_large_spheres(few, crystal, largest), split


@pytest.fixture(scope="module", params=["Pt", "PbS", "CdSe zinc blende"])
def tables(request):
    return counted_and_expected(request.param, 8.0, 15.0)


def test_the_counted_part_is_kept(tables):
    counted, table, split = tables
    np.testing.assert_allclose(table.diameters, counted.diameters, rtol=1e-12)
    np.testing.assert_allclose(table.counts, counted.counts, rtol=1e-9)
    np.testing.assert_allclose(table.formula_units, counted.formula_units, rtol=1e-9)
    found, expected = (debye_intensity(t, Q, wavelength=0.5)[:split] for t in (table, counted))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * expected.max())


def test_distances_are_those_of_the_counted_spheres(tables):
    counted, table, _ = tables
    for some, every in zip(counted.groups, table.groups, strict=True):
        assert some.pairs == every.pairs
        inside = some.distances[some.distances < 10.0 * table.diameters[-2]]
        nearest = np.searchsorted(every.distances, inside - 1e-6)
        np.testing.assert_allclose(every.distances[nearest], inside, rtol=1e-12)


def test_multiplicities_add_up_to_all_pairs(tables):
    _, table, split = tables
    for group in table.groups:
        a, b = group.pairs[0]
        first, second = table.counts[split:, a], table.counts[split:, b]
        expected = first * (first - 1.0) if a == b else 2.0 * first * second
        np.testing.assert_allclose(group.multiplicities[split:].sum(axis=1), expected, rtol=1e-12)


def test_expected_patterns_are_near_the_counted_ones(tables):
    counted, table, split = tables
    found, expected = (debye_intensity(t, Q, wavelength=0.5)[split:] for t in (table, counted))
    error = np.abs(found - expected) / expected.max(axis=1, keepdims=True)
    nodes = (counted.diameters / counted.diameters[0]).round()[split:] ** 3
    assert (error.max(axis=1) < 60.0 / nodes**0.9).all()  # 1.3e-3 of 150,000 nodes, at worst


def test_spheres_as_large_as_are_not_counted_are_near_the_counted_ones():
    counted, table, split = counted_and_expected("Pt", 15.5, 17.0)
    assert round(table.diameters[split] / table.diameters[0]) ** 3 < large_spheres.LARGEST_COUNTED
    found, expected = (debye_intensity(t, Q, wavelength=0.5)[split:] for t in (table, counted))
    error = np.abs(found - expected) / expected.max(axis=1, keepdims=True)
    assert error.max() < 6e-4
    assert error.mean(axis=0).max() < 4e-4


def test_a_broad_population_is_that_of_counted_spheres(monkeypatch):
    settings = {"diameters": [5.0], "dispersions": [0.3], "strains": [0.0, 0.01], "q": Q}
    expected = simulate_library("Pt", **settings)["intensity"].values
    monkeypatch.setattr("sk_qdots.simulation.library.LARGEST_COUNTED", 10_000)
    found = simulate_library("Pt", **settings)["intensity"].values
    error = np.abs(found - expected).max() / expected.max()
    assert 0.0 < error < 3e-4  # of 10,000 nodes; a twentieth of it of 150,000


def test_crystals_without_a_unit_of_squared_lengths_are_counted(monkeypatch):
    assert large_spheres.can_extend(Crystal.builtin("PbS"), 50.0)
    assert not large_spheres.can_extend(Crystal.builtin("PbS"), 500.0)
    assert not large_spheres.can_extend(Crystal.builtin("CdSe wurtzite"), 50.0)
    settings = {"diameters": [4.0], "dispersions": [0.1], "strains": [0.0], "q": Q}
    expected = simulate_library("CdSe wurtzite", **settings)["intensity"].values
    monkeypatch.setattr("sk_qdots.simulation.library.LARGEST_COUNTED", 100)
    found = simulate_library("CdSe wurtzite", **settings)["intensity"].values
    np.testing.assert_array_equal(found, expected)


def test_a_series_that_is_long_enough_stays_as_it_is():
    crystal = Crystal.builtin("Pt")
    table = distance_table(homologous_series(crystal, 4.0, fill="volume"))
    assert large_spheres.with_large_spheres(table, crystal, 3.0) is table


@pytest.mark.slow
def test_the_broadest_library_is_that_of_counted_spheres():
    counted = distance_table(homologous_series("Pt", 47.5, fill="volume"))
    settings = {"diameters": [3.0, 6.0], "dispersions": [0.1, 0.5], "strains": [0.0], "q": Q}
    expected = simulate_library(counted, **settings)["intensity"].values.astype(float)
    found = simulate_library("Pt", **settings)["intensity"].values
    error = np.abs(found - expected)
    assert (error.max(axis=-1) < 2e-5 * expected.max(axis=-1)).all()
    assert (error < 5e-3 * expected).all()

"""Tables in even bins against tables of all distances."""

import numpy as np
import pytest

from sk_qdots.simulation import (
    Crystal,
    Stacking,
    close_layers,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
    pair_sums,
    stacked_tables,
)
from sk_qdots.simulation.binned_series import (
    bin_smoothing,
    binned,
    binned_layers,
    binned_pairs,
    binning_cost,
    widest_bin,
)
from sk_qdots.simulation.debye import AtomicFactors
from sk_qdots.simulation.expected_spheres import with_expected_spheres

Q = np.linspace(0.8, 15.0, 1500)
WIDTH = widest_bin(Q[-1])


def sums_of_bins(table):
    return [sums / bin_smoothing(Q, WIDTH) for sums in pair_sums(table, Q)]


def intensities(table, rows, smoothed):
    """Of populations, per formula unit."""
    mixed = table.average(rows)
    units = mixed.formula_units[:, None]
    if not smoothed:
        return debye_intensity(mixed, Q, wavelength=0.56) / units
    factors = AtomicFactors(mixed, Q, wavelength=0.56)
    return factors.intensity(mixed.counts, mixed.self_counts, sums_of_bins(mixed)) / units


@pytest.mark.parametrize("name", ["PbS", "CdSe wurtzite", "TiO2 anatase"])
@pytest.mark.parametrize(("shape", "fill"), [("sphere", "volume"), ("cube", "cells")])
def test_counts_into_bins(name, shape, fill):
    series = homologous_series(name, 3.0, shape, fill=fill)
    exact, table = distance_table(series), binned_pairs(series, WIDTH, n_jobs=2)
    for attribute in ("diameters", "counts", "self_counts", "formula_units"):
        np.testing.assert_allclose(getattr(table, attribute), getattr(exact, attribute))
    largest = [np.abs(sums).max() for sums in pair_sums(exact, Q)]
    for found, wanted, scale in zip(sums_of_bins(table), pair_sums(exact, Q), largest, strict=True):
        assert np.abs(found - wanted).max() < 2e-5 * scale
    again = binned(exact, WIDTH)
    for group, other in zip(table.groups, again.groups, strict=True):
        assert group.pairs == other.pairs
        np.testing.assert_allclose(group.distances, other.distances)
        np.testing.assert_allclose(group.multiplicities, other.multiplicities, rtol=1e-5, atol=1e-3)


def test_counts_layers_into_bins():
    stackings = [Stacking(0.2), Stacking(0.0, 0.1)]
    series = homologous_series("CdSe wurtzite", 3.0, fill="volume", stacking=Stacking())
    found = binned_layers(series, stackings, WIDTH, n_jobs=2)
    for table, exact in zip(found, stacked_tables(series, stackings), strict=True):
        wanted = binned(exact, WIDTH)
        for attribute in ("diameters", "counts", "self_counts", "formula_units"):
            np.testing.assert_allclose(getattr(table, attribute), getattr(exact, attribute))
        for group, other in zip(table.groups, wanted.groups, strict=True):
            assert group.pairs == other.pairs
            np.testing.assert_allclose(group.distances, other.distances)
            np.testing.assert_allclose(group.multiplicities, other.multiplicities, atol=1e-6)


def test_does_not_depend_on_the_threads():
    series = homologous_series("TiO2 anatase", 3.0, fill="volume")
    one, two = (binned_pairs(series, WIDTH, n_jobs=n) for n in (1, 2))
    assert one.digest() == two.digest()


def test_costs_grow_with_what_is_counted():
    series = homologous_series("PbS", 5.0, fill="volume")
    assert 0.0 < binning_cost(series[:5]) < binning_cost(series) < 1.0


@pytest.mark.parametrize("name", ["Pt", "TiO2 anatase"])
def test_expected_spheres_scatter_as_counted_ones(name):
    crystal = Crystal.builtin(name)
    series = homologous_series(crystal, 8.0, fill="volume")
    counted = [p for p in series if p.diameter < 4.6]
    (table,) = with_expected_spheres([binned_pairs(counted, WIDTH)], crystal, 8.0, WIDTH)
    exact = distance_table(series)
    np.testing.assert_allclose(table.diameters, exact.diameters)
    np.testing.assert_allclose(table.counts, exact.counts)
    np.testing.assert_allclose(table.formula_units, exact.formula_units)
    rows = [lognormal_weights(exact.diameters, *m) for m in ((3.5, 0.1), (4.5, 0.2), (6.0, 0.1))]
    wanted = intensities(exact, rows, smoothed=False)
    found = intensities(table, rows, smoothed=True)
    assert np.abs(found - wanted).max() < 5e-3 * wanted.max()
    assert np.abs(found[0] / wanted[0] - 1.0).max() < 1e-2  # nearly all of it counted


@pytest.mark.parametrize("name", ["CdSe zinc blende", "CdSe wurtzite", "Pt"])
def test_expected_faulted_spheres_scatter_as_counted_ones(name):
    layers = close_layers(name)
    stackings = [Stacking(0.0), Stacking(0.2, 0.05), Stacking(1.0)]
    series = homologous_series(name, 6.5, fill="volume", stacking=Stacking())
    counted = [p for p in series if p.diameter < 4.4]
    small = binned_layers(counted, stackings, WIDTH, n_jobs=2)
    tables = with_expected_spheres(small, layers, 6.5, WIDTH, stackings, n_jobs=2)
    for table, exact in zip(tables, stacked_tables(series, stackings), strict=True):
        rows = [lognormal_weights(exact.diameters, *m) for m in ((3.5, 0.1), (5.0, 0.1))]
        wanted = intensities(exact, rows, smoothed=False)
        found = intensities(table, rows, smoothed=True)
        assert np.abs(found - wanted).max() < 5e-3 * wanted.max()
        assert np.abs(found[0] / wanted[0] - 1.0).max() < 1e-2


def test_a_series_in_uneven_steps_is_refused():
    crystal = Crystal.builtin("Pt")
    series = homologous_series(crystal, 3.0, fill="volume")
    table = binned_pairs([series[2], series[3], series[6]], WIDTH)
    with pytest.raises(ValueError, match="even steps"):
        with_expected_spheres([table], crystal, 5.0, WIDTH)

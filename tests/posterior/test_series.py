"""Patterns of a series against libraries, which compute every pattern by itself."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline

import sk_qdots as sq
from sk_qdots.posterior import ClusterPatterns, cluster_patterns
from sk_qdots.simulation import Crystal, lognormal_weights

Q = np.linspace(1.0, 14.0, 2400)
POPULATIONS = [(2.5, 0.1), (4.0, 0.15)]
RANGES = {"diameters": (2.0, 4.0), "dispersions": (0.05, 0.15), "strains": (-0.02, 0.02)}


def series_of(crystal, **given):
    return cluster_patterns(crystal, **{"q": Q, **RANGES, **given})


def rows_of(series):
    return np.array([lognormal_weights(series.diameters, *each) for each in POPULATIONS])


def library_of(crystal, strain=0.0, q=Q, **given):
    """Of the populations and what lies between them, at one strain."""
    return sq.simulate_library(
        crystal, diameters=[2.5, 4.0], dispersions=[0.1, 0.15], strains=[strain], q=q, **given
    )


def patterns_of(library):
    """Of the populations: (population, q)."""
    values = np.squeeze(library["intensity"].values).astype(np.float64)
    return np.array([values[0, 0], values[1, 1]])


def local_error(found, wanted):
    return float(np.abs(found / wanted - 1.0).max())


@pytest.fixture(scope="module")
def plain():
    return series_of("PbS", b_iso=(-0.5, 1.0))


@pytest.fixture(scope="module")
def faulted():
    return series_of("CdSe zinc blende", growth_faults=(0.0, 1.0), fwhm=0.2)


@pytest.mark.parametrize("name", ["PbS", "Pt", "CeO2", "CdSe wurtzite", "TiO2 anatase"])
def test_strains_in_between(name):
    series = series_of(name)
    mixed = series.mix(rows_of(series))
    for strain, tolerance in ((0.0, 3e-5), (0.0037, 3e-5), (-0.02, 2e-4), (0.02, 2e-4)):
        wanted = patterns_of(library_of(name, strain))
        found = mixed.patterns(strain=strain)
        assert local_error(found, wanted) < tolerance
        assert np.abs(found - wanted).max() < 0.2 * tolerance * wanted.max()


# Kihara and Donnay, Can. Mineral. 23, 647 (1985).
ZINCITE = """data_zincite
_cell_length_a 3.2498
_cell_length_b 3.2498
_cell_length_c 5.2066
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_space_group_name_H-M_alt 'P 63 m c'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Zn Zn 0.333333 0.666667 0.0 0.63
O O 0.333333 0.666667 0.3817 0.65
"""


def test_a_crystal_from_a_file(tmp_path):
    path = tmp_path / "ZnO.cif"
    path.write_text(ZINCITE)
    crystal = Crystal.from_cif(path)
    series = series_of(crystal, growth_faults=(0.7, 1.0))
    wanted = patterns_of(library_of(crystal, -0.004, growth_faults=[0.93]))
    found = series.mix(rows_of(series)).patterns(strain=-0.004, growth_fault=0.93)
    assert local_error(found, wanted) < 5e-4


def test_one_kind_of_atoms_needs_no_slopes():
    assert series_of("Pt").slopes.size == 0


@pytest.mark.parametrize("change", [-0.5, 0.3, 1.0])
def test_a_change_of_all_displacement_parameters(plain, change):
    crystal = Crystal.builtin("PbS")
    other = replace(
        crystal,
        sublattices=tuple(replace(s, b_iso=s.b_iso + change) for s in crystal.sublattices),
    )
    wanted = patterns_of(library_of(other, 0.004))
    found = plain.mix(rows_of(plain)).patterns(strain=0.004, b_iso=change)
    assert local_error(found, wanted) < 5e-5


@pytest.mark.parametrize("strain", [0.0, 0.006])
def test_a_known_instrument(strain):
    """With two lines, a polarisation and widths that change with the angle."""
    tube = replace(sq.load_instrument("lab-mo"), zero=0.1, displacement=0.05)
    q = np.linspace(1.0, 12.0, 2400)
    series = series_of("CdSe wurtzite", q=q, instrument=tube)
    assert series.facts["instrument"] == tube.to_json()
    corrected = replace(tube, zero=0.0, displacement=0.0)
    library = library_of("CdSe wurtzite", strain, q, wavelength=tube.wavelength)
    wanted = patterns_of(corrected.apply(library))
    found = series.mix(rows_of(series)).patterns(strain=strain)
    inside = slice(200, -200)  # the library ends where the series does not
    errors = np.abs(found - wanted)[:, inside]
    assert errors.max() < 3e-4 * wanted.max()
    assert (errors / wanted[:, inside]).max() < 1.5e-3


@pytest.mark.parametrize("fwhm", [0.0, 0.013, 0.07, 0.16, 0.2])
@pytest.mark.parametrize("eta", [0.0, 0.5])
def test_resolutions_in_between(fwhm, eta):
    series = series_of("PbS", fwhm=0.2, eta=eta)
    x = series.start + series.step * np.arange(len(series.scale))
    optics = sq.Instrument(wavelengths=(0.56,), w=fwhm**2, eta=eta)
    seen = patterns_of(optics.apply(library_of("PbS", q=x)))
    wanted = CubicSpline(x, seen, axis=1)(Q)
    assert local_error(series.mix(rows_of(series)).patterns(fwhm=fwhm), wanted) < 5e-4


@pytest.mark.parametrize("growth", [0.0, 0.004, 0.03, 0.11, 0.27, 0.5, 0.83, 0.99, 1.0])
def test_faults_in_between(faulted, growth):
    wanted = patterns_of(library_of("CdSe zinc blende", 0.003, growth_faults=[growth]))
    found = faulted.mix(rows_of(faulted)).patterns(strain=0.003, growth_fault=growth)
    assert local_error(found, wanted) < 5e-4


@pytest.mark.parametrize(
    ("shape", "growth", "deformation"),
    [("sphere", 0.03, 0.02), ("sphere", 0.2, 0.1), ("cube", 0.1, 0.05)],
)
def test_two_kinds_of_faults(shape, growth, deformation):
    ends = {"growth_faults": (0.0, 0.3), "deformation_faults": (0.0, 0.2)}
    series = series_of("Pt", shape=shape, **ends, diameters=(2.0, 2.0), dispersions=(0.1, 0.1))
    library = sq.simulate_library(
        "Pt",
        diameters=[2.0],
        dispersions=[0.1],
        strains=[0.0],
        growth_faults=[growth],
        deformation_faults=[deformation],
        shape=shape,
        q=Q,
    )
    wanted = np.squeeze(library["intensity"].values)
    row = lognormal_weights(series.diameters, 2.0, 0.1)
    found = series.mix(row).patterns(growth_fault=growth, deformation_fault=deformation)
    assert local_error(found[0], wanted) < 1e-3


@pytest.mark.parametrize(
    ("crystal", "given"), [("Pt", {"shape": "icosahedron"}), ("PbS", {"fill": "atoms"})]
)
def test_other_particles(crystal, given):
    series = series_of(crystal, **given)
    wanted = patterns_of(library_of(crystal, 0.002, **given))
    assert local_error(series.mix(rows_of(series)).patterns(strain=0.002), wanted) < 5e-5


def test_wide_populations_of_large_spheres():
    """Most of the volume is in spheres whose pairs are expected, not counted."""
    series = cluster_patterns(
        "CdSe zinc blende", diameters=(2.0, 4.0), dispersions=(0.05, 0.4), strains=(0.0, 0.0)
    )
    library = sq.simulate_library(
        "CdSe zinc blende", diameters=[4.0], dispersions=[0.4], strains=[0.0]
    )
    row = lognormal_weights(series.diameters, 4.0, 0.4)
    wanted = np.squeeze(library["intensity"].values)
    found = series.mix(row).patterns()[0]
    assert np.abs(found - wanted).max() < 1e-3 * wanted.max()


def test_particles_too_far_apart_are_cut_in_between():
    crystal = Crystal.builtin("CsPbBr3 cubic")
    assert crystal.node_diameter > 0.6
    series = series_of(crystal)
    np.testing.assert_allclose(np.diff(series.diameters), crystal.node_diameter / 2.0)
    assert series.diameters[0] == pytest.approx(crystal.node_diameter)
    assert series.mix(rows_of(series)).patterns().min() > 0.0


@settings(max_examples=20, deadline=None)
@given(
    shares=st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2).filter(lambda s: sum(s) > 0.01),
    strain=st.floats(-0.02, 0.02),
    b_iso=st.floats(-0.5, 1.0),
)
def test_mixing_is_linear(plain, shares, strain, b_iso):
    rows = rows_of(plain)
    row = np.asarray(shares) @ rows
    parts = plain.mix(rows).patterns(strain=strain, b_iso=b_iso)
    units = np.asarray(shares) * (rows @ plain.formula_units)
    wanted = units @ parts / units.sum()
    found = plain.mix(row).patterns(strain=strain, b_iso=b_iso)[0]
    np.testing.assert_allclose(found, wanted, rtol=2e-5)


def test_particles_are_mixtures_of_one(plain):
    alone = plain.particles().patterns(strain=0.01)
    assert len(plain.particles()) == len(plain.diameters) == len(alone)
    one = plain.mix(np.eye(len(plain.diameters))[4]).patterns(strain=0.01)
    np.testing.assert_allclose(alone[4], one[0], rtol=1e-6)


def test_part_of_the_points(faulted):
    mixed = faulted.mix(rows_of(faulted))
    values = {"strain": -0.013, "growth_fault": 0.2, "fwhm": 0.1}
    part = slice(200, 900, 3)
    found = mixed.patterns(**values, q=part)
    np.testing.assert_allclose(found, mixed.patterns(**values)[:, part], rtol=1e-9)
    assert mixed.patterns(**values, q=slice(5, 5)).shape == (2, 0)


@pytest.mark.parametrize("strain", [-0.02, 0.0, 0.013, 0.02])
def test_at_some_points_only_what_they_need_is_kept(faulted, plain, strain):
    points = np.linspace(3.0, 5.0, 57)
    for series in (faulted, plain):
        some = series.at(points)
        assert some.pairs.shape[1] < 0.3 * series.pairs.shape[1]
        wanted = CubicSpline(series.q, series.mix(rows_of(series)).patterns(strain=strain), axis=1)
        found = some.mix(rows_of(some)).patterns(strain=strain)
        assert local_error(found, wanted(points)) < 1e-6


def test_the_first_population_alone(faulted):
    rows = rows_of(faulted)
    both = faulted.mix(rows)
    values = {"strain": 0.004, "growth_fault": 0.3}
    alone = both.first().patterns(**values)  # before the others were mixed
    assert alone.shape == (1, len(Q))
    np.testing.assert_allclose(alone[0], both.patterns(**values)[0], rtol=1e-12)
    np.testing.assert_allclose(alone, faulted.mix(rows[:1]).patterns(**values), rtol=1e-5)
    again = both.first().patterns(strain=0.004, growth_fault=0.7)  # and after
    np.testing.assert_allclose(
        again[0], both.patterns(strain=0.004, growth_fault=0.7)[0], rtol=1e-12
    )


def test_derivatives_are_those_of_the_patterns(faulted, plain):
    for series, at in (
        (faulted, {"strain": 0.004, "fwhm": 0.08, "growth_fault": 0.2}),
        (plain, {"strain": 0.004, "b_iso": 0.3}),
    ):
        mixed = series.mix(rows_of(series))
        found = mixed.derivatives(list(at), **at)
        assert found.shape == (len(at), 2, len(Q))
        for name, derivative in zip(at, found, strict=True):
            step = 1e-4 if name == "strain" else 4e-3
            ahead, behind = (
                mixed.patterns(**{**at, name: at[name] + sign * step}) for sign in (1.0, -1.0)
            )
            wanted = (ahead - behind) / (2.0 * step)
            assert np.abs(derivative - wanted).max() < 0.02 * np.abs(wanted).max()


def test_derivatives_at_the_ends(faulted):
    found = faulted.particles().derivatives(["strain", "growth_fault"], strain=0.02)
    assert np.isfinite(found).all() and np.abs(found).max() > 0.0


def test_arrays_hold_everything(faulted):
    file = io.BytesIO()
    np.savez(file, **faulted.to_arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        again = ClusterPatterns.from_arrays(dict(arrays))
    assert (again.name, again.shape, again.facts) == (faulted.name, faulted.shape, faulted.facts)
    assert again.bounds == faulted.bounds and again.nbytes == faulted.nbytes
    values = {"strain": 0.003, "growth_fault": 0.13, "fwhm": 0.05}
    np.testing.assert_array_equal(
        again.particles().patterns(**values), faulted.particles().patterns(**values)
    )


@pytest.mark.parametrize("damage", ["header", "pairs", "other", "short"])
def test_damaged_arrays_are_refused(plain, damage):
    arrays = plain.to_arrays()
    if damage == "short":
        arrays["pairs"] = arrays["pairs"][:, :-1]
    elif damage == "other":
        arrays["header"] = np.array('{"format": "something else", "format_version": 1}')
    else:
        del arrays[damage]
    with pytest.raises(ValueError, match="cluster patterns"):
        ClusterPatterns.from_arrays(arrays)


def test_does_not_depend_on_the_threads():
    one, two = (series_of("TiO2 anatase", fwhm=0.1, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.pairs, two.pairs)


def test_every_variant_stays_in_single_precision(faulted):
    assert faulted.pairs.dtype == faulted.slopes.dtype == np.float32
    assert faulted.nbytes > faulted.pairs.nbytes


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"diameters": (4.0, 2.0)}, "diameters"),
        ({"dispersions": (0.1, 1.5)}, "dispersions"),
        ({"strains": 0.01}, "strains"),
        ({"q": np.geomspace(1.0, 14.0, 500)}, "even"),
        ({"q": np.linspace(1.0, 30.0, 500)}, "wavelength"),
        ({"wavelength": -1.0}, "wavelength"),
        ({"fwhm": 20.0}, "fwhm"),
        ({"fwhm": 0.1, "eta": 1.5}, "eta"),
        ({"fwhm": 0.1, "instrument": sq.Instrument()}, "instrument"),
        ({"wavelength": 1.54, "q": Q[:900], "instrument": sq.Instrument()}, "instrument"),
        ({"growth_faults": (0.0, 0.3)}, "close-packed"),
        ({"b_iso": (1.0,)}, "b_iso"),
        ({"diameters": (2.0, 300.0)}, "cells of PbS"),
        ({"growth_faults": (0.0, 0.3), "shape": "icosahedron"}, "close-packed"),
    ],
)
def test_what_cannot_be_is_refused(given, told):
    with pytest.raises(ValueError, match=told):
        series_of("PbS", **given)


def test_values_out_of_bounds_are_refused(plain):
    mixed = plain.mix(rows_of(plain))
    for values, told in (
        ({"strain": 0.03}, "strain is 0.03"),
        ({"b_iso": 2.0}, "b_iso is 2"),
        ({"fwhm": 0.1}, "does not vary"),
    ):
        with pytest.raises(ValueError, match=told):
            mixed.patterns(**values)
    with pytest.raises(ValueError, match="does not vary"):
        mixed.derivatives(["fwhm"])
    with pytest.raises(ValueError, match="particles"):
        plain.mix(np.ones(3))
    with pytest.raises(ValueError, match="population"):
        plain.mix(np.zeros(len(plain.diameters)))

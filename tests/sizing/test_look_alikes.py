"""Another crystal, not another wavelength."""

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.sizing.look_alikes import look_alikes, or_another

Q = np.linspace(1.0, 8.0, 3000)


def stretched(other, crystal):
    """How far the cell of one crystal is from that of another."""
    cells = [sq.Crystal.builtin(name).cell_volume for name in (other, crystal)]
    return float(np.cbrt(cells[0] / cells[1])) - 1.0


@pytest.mark.parametrize(
    ("crystal", "other"),
    [("PbS", "PbSe"), ("PbS", "InP"), ("PbS", "CdS zinc blende"), ("Pt", "Au"), ("PbSe", "PbS")],
)
def test_the_other_crystal_is_named_first(crystal, other):
    assert look_alikes(crystal, stretched(other, crystal), Q)[0] == other


def test_a_crystal_that_fits_is_not_taken_for_another():
    assert look_alikes("PbS", 0.0, Q) == look_alikes("PbS", 0.004, Q) == ()
    assert look_alikes("Pt", 0.0, Q) == look_alikes("Pt", 0.02, Q) == ()


def test_another_kind_of_lattice_is_no_look_alike():
    strain = stretched("CdSe wurtzite", "PbS")
    assert "CdSe wurtzite" not in look_alikes("PbS", strain, Q)


def test_of_a_range_without_peaks_or_a_crystal_of_ones_own_nothing_is_said():
    assert look_alikes("PbS", 0.0327, np.linspace(1.0, 1.9, 100)) == ()
    assert look_alikes("mine", 0.0327, Q) == ()
    assert or_another(()) == ""
    assert "InAs or InP would" in or_another(("InAs", "InP"))


def pattern_of(crystal):
    library = sq.simulate_library(
        crystal, diameters=[4.0], dispersions=[0.1], strains=[0.0], progress=False
    )
    pattern = sq.library_samples(library)[0].isel(sample=0)
    return pattern.assign_attrs(wavelength=0.56)


def test_selenide_is_not_told_to_change_the_wavelength_alone():
    with pytest.raises(sq.PatternError, match=r"PbSe or .* would have peaks there.*--crystal"):
        sq.load_sizer("PbS").size(pattern_of("PbSe"))


def test_phosphide_is_named_where_it_is_sized_as_sulfide():
    sizing = sq.load_sizer("PbS").size(pattern_of("InP"))
    assert sizing.verdict == "caution"
    assert any("InP would have peaks there" in reason for reason in sizing.reasons)


def test_of_the_crystal_itself_no_other_is_named():
    sizing = sq.load_sizer("PbS").size(pattern_of("PbS"))
    assert not any("would have" in reason for reason in sizing.reasons)


@pytest.mark.parametrize("other", ["PbSe", "CdS zinc blende"])
def test_a_fit_names_what_lies_beyond_the_strains_that_were_asked_for(other):
    narrow = {"diameters": (3.0, 5.0), "dispersions": (0.08, 0.15), "solvents": []}
    pattern = pattern_of(other)
    counts = np.random.default_rng(0).poisson(10.0 * pattern.values + 30.0)
    sizing = sq.make_sizer("PbS", **narrow).size(pattern.copy(data=counts / 10.0))
    assert sizing.verdict == "caution"
    (named,) = [reason for reason in sizing.reasons if "would have peaks there" in reason]
    assert other in named.partition("picture;")[2]

"""Another crystal, not another wavelength."""

import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots.sizing.look_alikes import agreements, or_another

CRYSTALS = ["PbS", "PbSe", "InP", "CdSe wurtzite", "TiO2 anatase", "CsPbBr3 cubic", "Pt", "CeO2"]


def pattern_of(crystal, diameter=4.0, wavelength=0.56):
    library = sq.simulate_library(
        crystal, diameters=[diameter], dispersions=[0.1], strains=[0.0], progress=False
    )
    pattern = sq.library_samples(library)[0].isel(sample=0)
    counts = np.random.default_rng(0).poisson(10.0 * pattern.values + 100.0)
    return pattern.copy(data=counts / 10.0).assign_attrs(wavelength=wavelength)


@pytest.mark.parametrize("crystal", CRYSTALS)
@pytest.mark.parametrize("diameter", [2.5, 6.0])
def test_the_crystal_of_a_pattern_explains_it_best(crystal, diameter):
    pattern = pattern_of(crystal, diameter)
    found = agreements(pattern.q.values, pattern.values, 0.56)
    assert next(iter(found)) == crystal and found[crystal] > 0.95
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_nothing_explains_a_liquid_or_noise():
    q = np.linspace(1.0, 10.0, 3000)
    liquid = 100.0 + 80.0 * np.exp(-0.5 * ((q - 1.6) / 0.35) ** 2)
    counted = np.random.default_rng(1).poisson(liquid).astype(np.float64)
    for pattern in (liquid, counted):
        assert max(agreements(q, pattern).values()) < 0.7
    assert agreements(q + 6.0, liquid) == agreements(q, np.zeros(len(q))) == {}


def test_what_is_said_of_them():
    assert or_another({}) == ""
    assert "; InAs (0.98) or InP (0.91) would" in or_another({"InAs": 0.98, "InP": 0.914})
    assert "Au" not in or_another({"InAs": 0.99, "InP": 0.98, "PbS": 0.97, "Au": 0.96})


def test_selenide_is_not_told_to_change_the_wavelength_first():
    with pytest.raises(sq.PatternError, match=r"PbSe \(0.9.*--crystal.*or else check the wave"):
        sq.load_sizer("PbS").size(pattern_of("PbSe"))


def test_of_a_textured_pattern_no_other_is_named():
    textured = sq.PreferredOrientation("PbS", march=0.5).fit_transform(
        pattern_of("PbS", 5.0).expand_dims("sample")
    )[0]
    counts = np.random.default_rng(2).poisson(10.0 * textured.values)
    sizing = sq.load_sizer("PbS").size(textured.copy(data=counts / 10.0))
    assert sizing.agreement > 0.95 and sizing.number_diameter == pytest.approx(5.0, abs=0.3)
    assert "would explain" not in " ".join(sizing.reasons)


def test_another_crystal_is_named_where_nothing_looks_alike():
    with pytest.raises(sq.PatternError, match=r"does not look like PbS.*CdSe zinc blende .* would"):
        sq.load_sizer("PbS").size(pattern_of("CdSe zinc blende"))


def test_phosphide_is_named_where_it_is_sized_as_sulfide():
    sizing = sq.load_sizer("PbS").size(pattern_of("InP"))
    assert sizing.verdict == "caution"
    assert any("InP (0.9" in reason for reason in sizing.reasons)


def test_a_wrong_wavelength_is_no_other_crystal():
    pattern = pattern_of("PbS")
    wrong = pattern.assign_coords(q=pattern.q / 1.03)
    with pytest.raises(sq.PatternError, match=r"in Q: check the wavelength") as told:
        sq.load_sizer("PbS").size(wrong)
    assert "would explain" not in str(told.value)


def test_of_the_crystal_itself_no_other_is_named():
    sizing = sq.load_sizer("PbS").size(pattern_of("PbS"))
    assert not any("would explain" in reason for reason in sizing.reasons)


def test_a_fit_names_them_too():
    narrow = {"diameters": (3.0, 5.0), "dispersions": (0.08, 0.15), "solvents": []}
    sizer = sq.make_sizer("PbS", **narrow)
    with pytest.raises(sq.PatternError, match=r"does not look like PbS .*PbSe \(0\.9"):
        sizer.size(pattern_of("PbSe"))
    sizing = sizer.size(pattern_of("CdS zinc blende"))
    assert sizing.verdict == "caution"
    assert any("CdS zinc blende (0.9" in reason for reason in sizing.reasons)


def test_two_peaks_may_be_those_of_several_crystals():
    pattern = pattern_of("PbS", 3.0)
    short = sq.load_sizer("PbS").size(pattern.sel(q=slice(1.8, 2.5)))
    assert short.verdict == "caution"
    (reason,) = [reason for reason in short.reasons if "as well" in reason]
    assert "CsPbBr3 cubic (0.9" in reason and "larger angles" in reason
    for measured in (slice(1.8, 3.2), slice(1.5, 4.0)):
        assert sq.load_sizer("PbS").size(pattern.sel(q=measured)).verdict == "ok"

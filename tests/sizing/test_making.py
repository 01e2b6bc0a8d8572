"""A sizer for any crystal without training: its answers, its refusals, its files."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.sizing.recipe import Recipe
from sk_qdots.sizing.reflections import strong_reflections
from sk_qdots.sizing.registry import sizer_facts

SMALL = {"diameters": (2.0, 6.0), "dispersions": (0.05, 0.2), "strains": (-0.005, 0.005)}
CIF = """data_Ag
_cell_length_a 4.0857
_cell_length_b 4.0857
_cell_length_c 4.0857
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Ag1 Ag 0 0 0 0.7
"""


def pattern_of(crystal, diameter=4.0, wavelength=0.56, seed=0, **attrs):
    """Dots in toluene, counted."""
    library = sq.simulate_library(
        crystal,
        diameters=[diameter],
        dispersions=[0.1],
        strains=[0.001],
        wavelength=wavelength,
        q=np.linspace(1.2, min(9.0, 0.95 * 4 * np.pi / wavelength), 2500),
    )
    X, _, _ = sq.library_samples(library)
    mixed = sq.SolventMixer("toluene", qd_fraction=0.5).fit_transform(X)[0]
    counts = np.random.default_rng(seed).poisson(mixed / mixed.mean() * 2000.0)
    said = {"source": "sample.xy", "wavelength": wavelength, **attrs}
    return xr.DataArray(counts, dims="q", coords={"q": mixed["q"].values}, attrs=said)


@pytest.fixture(scope="module", autouse=True)
def cache_of_the_module(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SK_QDOTS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def sizer(cache_of_the_module):
    return sq.make_sizer("PbS", **SMALL)


@pytest.fixture(scope="module")
def measured():
    return pattern_of("PbS")


def test_a_pattern_is_sized_with_its_fit(sizer, measured):
    result = sizer.size(measured)
    low, high = result.interval
    assert low < 4.0 < high and high - low < 0.5
    assert result.volume_interval[0] < 4.0 * 1.01**3 < result.volume_interval[1]
    assert abs(result.strain - 0.001) < 4.0 * result.uncertainties["strain"] + 1e-4
    assert result.fit.chi2 == pytest.approx(1.0, abs=0.15) and result.fit.r_wp < 0.05
    assert result.agreement > 0.95 and result.verdict == "ok"
    curves = result.fit.curves
    np.testing.assert_array_equal(curves["q"], measured["q"])
    pulls, whole = (
        (curves["measured"] - curves["calculated"]) / curves["esd"],
        measured / curves["esd"],
    )
    assert float((pulls**2).mean()) == pytest.approx(1.0, abs=0.15)
    assert np.sqrt(float((pulls**2).sum() / (whole**2).sum())) < 0.05
    made_of = result.settings["sizer"]["made_of"]
    assert made_of["crystal"] == "PbS" and made_of["diameters"] == [2.0, 6.0]
    assert len(result.settings["sizer"]["arrays_sha256"]) == 64
    assert json.loads(result.to_json())["fit"]["parameters"]["diameter"] > 0.0


def test_it_says_what_it_is(sizer):
    assert repr(sizer) == "Sizer('PbS', 9 classes, 2 to 6 nm)"
    assert sizer.reflections[:3] == pytest.approx((1.833, 2.117, 2.994), abs=0.002)
    assert sizer.required_range == sizer.reflections[:2]
    card = sizer._repr_html_()
    assert "Debye posterior" in card and "two reflections" in card and "PbS" in card


def test_another_crystal_is_refused(sizer):
    with pytest.raises(sq.PatternError, match=r"sample\.xy: does not look like PbS"):
        sizer.size(pattern_of("Au"))


def test_a_range_without_reflections_is_refused(sizer, measured):
    with pytest.raises(
        sq.PatternError, match=r"PbS has only one reflection, 3\.00; it has them at"
    ):
        sizer.size(measured.sel(q=slice(2.6, 3.3)))


def test_a_crystal_from_a_file(tmp_path):
    (tmp_path / "silver_bulk.cif").write_text(CIF)
    for path in (tmp_path / "silver_bulk.cif", str(tmp_path / "silver_bulk.cif")):
        sizer = sq.make_sizer(path, **SMALL)
        assert sizer.name == "silver bulk"
    silver = sq.Crystal.from_cif(tmp_path / "silver_bulk.cif")
    result = sizer.size(pattern_of(silver, seed=1))
    assert result.interval[0] < 4.0 < result.interval[1]


def test_what_was_simulated_is_found_again(measured, monkeypatch):
    from sk_qdots.posterior import series

    first = sq.make_sizer("PbS", **SMALL)

    def never(*arguments, **options):
        raise AssertionError("was simulated again")

    monkeypatch.setattr(series, "cluster_patterns", never)
    again = sq.make_sizer("PbS", **SMALL)
    assert again.size(measured).to_json() == first.size(measured).to_json()
    with pytest.raises(AssertionError, match="simulated again"):
        sq.make_sizer("PbS", **SMALL, cache=False)
    with pytest.raises(AssertionError, match="simulated again"):
        sq.make_sizer("PbS", **{**SMALL, "strains": (-0.005, 0.0051)})
    with pytest.raises(AssertionError, match="simulated again"):
        sq.make_sizer(sq.Crystal.builtin("PbS").with_b_iso(1.1), **SMALL)


def test_without_the_cache_nothing_is_kept(tmp_path, monkeypatch, measured):
    monkeypatch.setenv("SK_QDOTS_CACHE", str(tmp_path / "cache"))
    sizer = sq.make_sizer("PbS", **SMALL, cache=False)
    assert sizer.size(measured).interval[0] < 4.0
    assert not (tmp_path / "cache").exists()


def test_it_is_saved_and_loaded(sizer, measured, tmp_path):
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    assert repr(loaded) == repr(sizer) and loaded.facts == sizer.facts
    assert loaded.size(measured).to_json() == sizer.size(measured).to_json()
    loaded.save(tmp_path / "again")
    manifest = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert manifest["engines"][0]["kind"] == "debye-posterior"
    told = sizer_facts(tmp_path / "mine")
    assert told.estimates == sizer.targets and told.crystal == "PbS"
    assert told.diameters == (2.0, 6.0) and told.instrument == "unknown, 0.56 A"


def test_blank_and_instrument_are_saved(tmp_path, measured):
    blank = pattern_of("PbS", seed=1) * 0.0 + 1.0 + 1.0 / measured["q"]
    blank = blank.assign_attrs(source="empty.xy", wavelength=0.56)
    ready = sq.load_instrument("synchrotron").replace(wavelengths=(0.56,))
    instrument = ready.replace(name="mine", source="calibrated")
    crystal = sq.Crystal.builtin("PbS")
    sizer = sq.make_sizer(
        replace(crystal, reference="of\nmine"),
        **SMALL,
        blank=blank,
        instrument=instrument,
        solvents=["toluene", blank.rename("glass")],
        shape=["sphere", "cube"],
        b_iso=(-0.2, 0.3),
        texture=False,
        facet=(1, -1, 0),
        distribution="free",
        name="all of it",
    )
    assert sizer.instrument == instrument
    sizer.save(tmp_path / "mine")
    loaded = sq.load_sizer(tmp_path / "mine")
    one, other = sizer.size(measured), loaded.size(measured)
    assert one.number_diameter == other.number_diameter and one.fit.r_wp == other.fit.r_wp
    assert loaded.instrument == instrument and loaded.name == "all of it"
    assert one.settings["sizer"]["made_of"]["blank"] == "empty.xy"
    assert one.settings["sizer"]["made_of"]["distribution"] == "free"
    assert loaded.engines[0].estimator.distribution == "free"
    assert loaded.engines[0].estimator.facet == (1, -1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda recipe: recipe.update(diameters=[5.0, 2.0]), "second must be above"),
        (lambda recipe: recipe.update(diameters=3), "must be a list"),
        (lambda recipe: recipe.update(wavelength="0.56"), "wavelength|number"),
        (lambda recipe: recipe.update(solvents=[7]), "no place of a curve"),
        (lambda recipe: recipe.update(solvents="toluene"), "must be a list"),
        (lambda recipe: recipe.update(blank=0), "no place of a curve"),
        (lambda recipe: recipe.update(instrument={"zero": 1}), "instrument"),
        (lambda recipe: recipe.update(curves=3), "curves"),
        (lambda recipe: recipe.pop("crystal"), "crystal"),
        (lambda recipe: recipe["crystal"].update(name="a\x1b[31m"), "control characters"),
        (lambda recipe: recipe["crystal"].update(sublattices=[]), "list of atoms"),
        (lambda recipe: recipe["crystal"].update(vectors=[[1, 2, 3]]), "three vectors"),
        (lambda recipe: recipe["crystal"]["sublattices"][0].update(element="Xx"), "Xx"),
        (lambda recipe: recipe["crystal"]["sublattices"][0].update(offset=[0, "a", 0]), "number"),
        (lambda recipe: recipe["crystal"]["sublattices"][0].update(charge=1.5), "integer"),
        (lambda recipe: recipe.update(texture="yes"), "texture"),
        (lambda recipe: recipe.update(facet=[1, 0]), "facet"),
        (lambda recipe: recipe.update(facet=[1, 0, 0.5]), "facet"),
        (lambda recipe: recipe.update(facet="100"), "facet"),
        (lambda recipe: recipe.update(shape="blob"), "blob"),
        (lambda recipe: recipe.update(distribution="normal"), "distribution"),
        (lambda recipe: recipe.pop("distribution"), "distribution"),
    ],
)
def test_altered_recipes_are_refused(sizer, tmp_path, change, message):
    import hashlib

    sizer.save(tmp_path / "mine")
    file = tmp_path / "mine" / "manifest.json"
    manifest = json.loads(file.read_text())
    change(manifest["engines"][0]["recipe"])
    manifest.pop("manifest_sha256")
    text = json.dumps(manifest, sort_keys=True)
    manifest["manifest_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    file.write_text(json.dumps(manifest))
    with pytest.raises(sq.SizerError, match=message):
        sq.load_sizer(tmp_path / "mine")


def test_a_pattern_of_another_beam_is_sized_for_that_beam(sizer):
    result = sizer.size(pattern_of("PbS", wavelength=1.5406))
    assert result.interval[0] < 4.0 < result.interval[1]
    (made,) = sizer.engines[0]._made.values()
    assert made.wavelength == 1.5406 and made is not sizer.engines[0].estimator


def test_an_instrument_given_with_the_pattern_counts(sizer):
    broad = sq.Instrument((0.56,), w=0.09, name="broad")
    library = sq.simulate_library(
        "PbS", diameters=[5.0], dispersions=[0.1], strains=[0.0], q=np.linspace(1.0, 9.5, 3000)
    )
    seen = broad.apply(library)["intensity"].squeeze(drop=True)
    counts = np.random.default_rng(0).poisson(seen / seen.mean() * 2000.0)
    q = library["q"].values
    angles = np.rad2deg(2 * np.arcsin(q * 0.56 / (4 * np.pi)))
    coords = {"q": q, "two_theta": ("q", angles)}
    pattern = xr.DataArray(counts, dims="q", coords=coords, attrs={"wavelength": 0.56})
    result = sizer.size(pattern, broad)
    assert result.interval[0] < 5.0 < result.interval[1]
    assert result.settings["instrument"]["name"] == "broad"
    made = sq.make_sizer("PbS", **SMALL, instrument=broad)
    assert made.size(pattern).number_diameter == result.number_diameter


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"crystal": "Unobtainium"}, ValueError, "unknown crystal"),
        ({"crystal": "nowhere.cif"}, ValueError, "no such CIF"),
        ({"crystal": 3}, TypeError, "path of a CIF"),
        ({"dispersions": (3, 25)}, ValueError, r"fractions: 10 % is 0\.1"),
        ({"strains": (-1, 1)}, ValueError, r"fractions: 1 % is 0\.01"),
        ({"diameters": (5.0, 2.0)}, ValueError, "second must be above the first"),
        ({"diameters": np.arange(2.0, 8.0)}, ValueError, "give the lowest and the highest"),
        ({"diameters": (0.1, 5.0)}, ValueError, "smallest particle of PbS has"),
        ({"b_iso": (1.0, 0.0)}, ValueError, r"b_iso.*Angstrom\^2"),
        ({"stacking": (0.0, 2.0)}, ValueError, "0 is cubic"),
        ({"stacking": (0.0, 1.0)}, ValueError, "no close-packed layers"),
        ({"wavelength": 56.0}, ValueError, "in Angstrom"),
        ({"crystal": "InP", "wavelength": 2.5, "strains": (0.0, 0.1)}, None, ""),
        ({"blank": "empty.xy"}, TypeError, "read_solvent"),
        ({"solvents": "beer"}, ValueError, "unknown solvent 'beer'"),
        ({"solvents": [3]}, TypeError, "item of solvents is a int"),
        ({"instrument": "nowhere.json"}, ValueError, "nowhere"),
        ({"instrument": 3}, TypeError, "instrument"),
        ({"instrument": "lab-cu", "wavelength": 0.7}, ValueError, "leave wavelength out"),
        ({"instrument": "synchrotron"}, ValueError, "give that of the measurement"),
        ({"shape": "blob"}, ValueError, "shape is 'blob'"),
        ({"texture": "yes"}, ValueError, "texture"),
        ({"facet": (0, 0, 0)}, ValueError, "not all zero"),
        ({"facet": (1, 0, 0), "texture": True}, ValueError, "give a facet, or texture"),
        ({"name": "a\nb"}, ValueError, "not valid"),
    ],
)
def test_what_cannot_be_made_is_refused(arguments, error, message):
    given = {"crystal": "PbS", **SMALL, **arguments}
    crystal = given.pop("crystal")
    if error is None:
        assert sq.make_sizer(crystal, **given).name == crystal
        return
    with pytest.raises(error, match=message):
        sq.make_sizer(crystal, **given)


def test_a_blank_of_another_beam_is_refused(measured):
    blank = measured.assign_attrs(wavelength=1.54)
    with pytest.raises(ValueError, match=r"blank was measured at 1\.54 Angstrom.*for 0\.56"):
        sq.make_sizer("PbS", **SMALL, blank=blank)
    two = xr.concat([measured, measured], "sample")
    with pytest.raises(ValueError, match="blank has 2 patterns"):
        sq.make_sizer("PbS", **SMALL, blank=two)


def test_a_wavelength_that_reaches_no_two_reflections_is_refused():
    a = 1.4
    site = sq.simulation.Sublattice("Au", (0.0, 0.0, 0.0), b_iso=0.5)
    cubic = sq.Crystal("tiny", ((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, a)), (site,))
    with pytest.raises(ValueError, match=r"tiny has 1 strong reflections.*shorter wavelength"):
        sq.make_sizer(cubic, wavelength=2.5)


def test_the_grid_begins_below_the_first_reflection():
    large = sq.Crystal.builtin("PbS").strained(2.0)
    recipe = Recipe(large)
    first = strong_reflections(large, 5.0, 0.56)[0]
    assert first < 0.7 and recipe.q[0] < first
    np.testing.assert_allclose(np.diff(recipe.q), 0.0028, atol=1e-9)
    assert Recipe(sq.Crystal.builtin("PbS")).q[0] == 0.99


def test_reflections_that_overlap_are_one():
    from sk_qdots.sizing.reflections import distinct

    crystal = sq.Crystal.builtin("CsPbBr3 orthorhombic")
    facts = Recipe(crystal).facts()
    apart = distinct(np.array(facts.reflections))
    assert facts.required_range == tuple(apart[:2]) and apart[1] - apart[0] > 0.1


def test_classes_lie_around_the_range():
    for ends in ((2.0, 6.0), (2.1, 2.2), (1.6, 3.3)):
        classes = Recipe(sq.Crystal.builtin("PbS"), diameters=ends).classes
        assert classes[0] <= 1000 * ends[0] and classes[-1] >= 1000 * ends[1] and len(classes) > 1


def test_narrow_populations_that_were_asked_for_are_looked_at():
    narrow = Recipe.checked("PbS", dispersions=(0.005, 0.2))
    assert (narrow.usual() or narrow).dispersions[0] == 0.005
    broad = Recipe.checked("PbS", dispersions=(0.03, 0.5))
    assert broad.usual().dispersions == (0.03, 0.25)

"""Posteriors over the particles that a library was simulated from."""

import numpy as np
import pytest
from known_dots import counted

import sk_qdots as sq
from sk_qdots.posterior import DebyePosterior

Q = np.linspace(1.0, 8.0, 1800)
SIZES, DISPERSIONS, STRAINS = [2.5, 3.0, 3.5], [0.1, 0.15], [-0.002, 0.0, 0.002]


def simulated(crystal="PbS", **given):
    axes = {"diameters": SIZES, "dispersions": DISPERSIONS, "strains": STRAINS, "q": Q}
    return sq.simulate_library(crystal, **{**axes, **given})


def posterior(**given):
    return DebyePosterior(**{"solvents": [], "fwhm": 0.0, "texture": False, **given})


@pytest.fixture(scope="module")
def library():
    return simulated()


@pytest.fixture(scope="module")
def fitted(library):
    return posterior().fit(library)


def test_classes_and_ranges_are_those_of_the_library(library, fitted):
    np.testing.assert_array_equal(fitted.classes_, [2500, 3000, 3500])
    np.testing.assert_array_equal(fitted.q_, Q)
    (series,) = fitted.series_
    assert series.bounds["strain"] == pytest.approx((-0.003, 0.003))
    assert series.facts["crystal"] == library.attrs["crystal"]
    X = sq.library_samples(library)[0][::2]
    found = fitted.posterior(X)
    sizes = np.array([one.mean("diameter") for one in found])
    np.testing.assert_allclose(sizes, X["diameter"], atol=5e-3)
    strains = np.array([one.mean("strain") for one in found])
    np.testing.assert_allclose(strains, X["strain"], atol=3e-6)


def test_counted_patterns_of_a_library_have_its_classes(library, fitted):
    X, y, _ = sq.library_samples(library)
    X, y = X[::3], np.asarray(y)[::3]
    X = X / X.mean("q")
    shares = fitted.class_probabilities([counted(x, 1000.0, k) for k, x in enumerate(X.values)])
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_array_equal(fitted.classes_[shares.argmax(axis=1)], y)
    assert shares.max(axis=1).min() > 0.9
    # Of few counts the classes share the probability.
    shares = fitted.class_probabilities([counted(x, 0.4, k) for k, x in enumerate(X.values)])
    assert shares[fitted.classes_ == y[:, None]].mean() > 0.4
    assert shares.max(axis=1).min() < 0.8


def test_own_classes_are_kept(library):
    own = posterior(classes=[3000, 2000, 4000]).fit(library)
    np.testing.assert_array_equal(own.classes_, [2000, 3000, 4000])


def test_one_size_has_room_around_it():
    one = simulated(diameters=[3.0], dispersions=[0.1], strains=[0.0])
    with pytest.raises(ValueError, match="two diameters"):
        posterior().fit(one)
    found = posterior(classes=[2500, 3000]).fit(one)
    X, _, _ = sq.library_samples(one)
    assert found.predict(X)[0] == pytest.approx(3.0, abs=5e-3)


def test_a_library_of_faults():
    library = simulated(
        "CdSe zinc blende",
        diameters=[2.5, 3.5],
        dispersions=[0.1],
        strains=[0.0],
        growth_faults=[0.0, 0.3],
    )
    found = posterior().fit(library)
    assert found.series_[0].bounds["growth_fault"] == (0.0, 0.3)
    X, _, _ = sq.library_samples(library)
    answers = found.posterior(X)
    for one, diameter, fault in zip(
        answers, X["diameter"].values, X["growth_fault"].values, strict=True
    ):
        assert one.mean("diameter") == pytest.approx(float(diameter), abs=0.02)
        assert one.mean("growth_fault") == pytest.approx(float(fault), abs=0.01)


def test_patterns_that_are_not_what_they_say_are_refused(library):
    tampered = library.copy()
    tampered["intensity"] = tampered["intensity"] * (1.0 + 0.1 * np.sin(tampered["q"]))
    with pytest.raises(ValueError, match=r"not those of the particles.*fit\(\*library_samples"):
        posterior().fit(tampered)
    moved = library.assign_attrs(b_iso=[10.0 * b for b in np.atleast_1d(library.attrs["b_iso"])])
    with pytest.raises(ValueError, match="not those of the particles"):
        posterior().fit(moved)


def test_other_populations_are_refused(library):
    normal = library.assign_attrs(size_distribution="normal")
    with pytest.raises(ValueError, match="populations of the library are normal; a posterior has"):
        posterior().fit(normal)


@pytest.mark.parametrize("key", ["vectors", "elements", "wavelength"])
def test_libraries_that_do_not_say_what_they_are_of_are_refused(library, key):
    untold = library.copy()
    del untold.attrs[key]
    with pytest.raises(ValueError, match=r"does not say .*give the crystal instead"):
        posterior().fit(untold)
    with pytest.raises(ValueError, match=r"does not say .*fit\(\*library_samples"):
        posterior().fit(library.drop_vars("intensity"))


def test_patterns_of_any_library_are_templates(library):
    X, y, _ = sq.library_samples(library)
    found = posterior().fit(X, np.asarray(y) / 1000.0)
    np.testing.assert_allclose(found.predict(X), np.asarray(y) / 1000.0, atol=1e-6)

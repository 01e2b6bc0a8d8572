import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sk_qdots as sq

A = 5.936  # Angstrom, PbS
Q = np.linspace(1.0, 15.0, 1401)


def factor(**parameters):
    return sq.PreferredOrientation(q=Q, **parameters).fit(np.ones((1, len(Q)))).factor_


def at(values, *hkl):
    return float(np.interp(2 * np.pi / A * np.linalg.norm(hkl), Q, values))


def march_dollase(march, cosines):
    cosines = np.asarray(cosines)
    return np.mean((march**2 * cosines**2 + (1 - cosines**2) / march) ** -1.5)


@pytest.mark.parametrize("march", [0.5, 0.8, 1.5])
def test_single_peaks_have_the_weight_of_march_and_dollase(march):
    # On 100 facets: 111 makes one angle with every cube axis; 200 lies along one of three.
    found = factor(march=march, facet=(1, 0, 0), peak_width=0.02)
    assert at(found, 1, 1, 1) == pytest.approx(march_dollase(march, [1 / np.sqrt(3)]), rel=1e-3)
    assert at(found, 2, 0, 0) == pytest.approx(march_dollase(march, [1, 0, 0]), rel=1e-3)
    two = march_dollase(march, [1 / np.sqrt(2), 1 / np.sqrt(2), 0])
    assert at(found, 2, 2, 0) == pytest.approx(two, rel=1e-3)
    # On 111 facets the other way round.
    found = factor(march=march, facet=(1, 1, 1), peak_width=0.02)
    assert at(found, 2, 0, 0) == pytest.approx(march_dollase(march, [1 / np.sqrt(3)]), rel=1e-3)
    octahedral = march_dollase(march, [1, 1 / 3, 1 / 3, 1 / 3])
    assert at(found, 1, 1, 1) == pytest.approx(octahedral, rel=1e-3)


def test_flat_lying_cubes_show_their_faces(standard):
    flat = factor(march=0.6, facet=(1, 0, 0))
    assert at(flat, 2, 0, 0) > 1.1 and at(flat, 1, 1, 1) < 0.9
    textured = sq.PreferredOrientation(march=0.6).fit_transform(standard)
    ratio = textured / standard
    np.testing.assert_allclose(ratio.values.min(), flat.min(), rtol=0.05)


def test_random_orientation_changes_nothing():
    np.testing.assert_allclose(factor(march=1.0), 1.0, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(march=st.floats(0.3, 3.0), width=st.floats(0.05, 0.4))
def test_weights_average_to_one_where_many_peaks_meet(march, width):
    found = factor(march=march, peak_width=width)
    assert (found > 0).all()
    far = Q > 11.0
    assert abs(found[far].mean() - 1.0) < 0.12


def test_any_crystal():
    wurtzite = factor(crystal="CdSe wurtzite", facet=(0, 0, 1), march=0.5, peak_width=0.02)
    c = float(np.linalg.norm(sq.Crystal.builtin("CdSe wurtzite").conventional[2]))
    # The basal reflection has one direction, along the axis.
    along = float(np.interp(2 * 2 * np.pi / c, Q, wurtzite))
    assert along == pytest.approx(march_dollase(0.5, [1.0]), rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"crystal": "unobtainium"}, "unobtainium"),
        ({"facet": (0, 0, 0)}, "facet"),
        ({"facet": (1, 0)}, "facet"),
        ({"march": 0.0}, "march"),
        ({"peak_width": -1.0}, "peak_width"),
    ],
)
def test_bad_input(parameters, message):
    with pytest.raises(ValueError, match=message):
        factor(**parameters)

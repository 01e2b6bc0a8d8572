import numpy as np
import pytest
import xarray as xr
from draws import OnePattern

import sk_qdots as sq
from sk_qdots.inspection import FitDisplay
from sk_qdots.sizing import Facts, PosteriorEngine

REFLECTIONS = (1.833, 2.117, 2.993, 3.51)


@pytest.fixture(scope="module")
def simulated():
    library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    return sq.library_samples(library)[0][0]


@pytest.fixture(scope="module")
def pattern(simulated):
    q = np.linspace(1.2, 3.4, 800)
    expected = 500.0 + 2000.0 * np.interp(q, simulated["q"], simulated / simulated.mean())
    counts = np.random.default_rng(0).poisson(expected)
    return xr.DataArray(counts, dims="q", coords={"q": q}, attrs={"source": "run/sample.xy"})


@pytest.fixture(scope="module")
def sizer(simulated):
    engine = PosteriorEngine(OnePattern(simulated["q"].values, simulated.values, 4.0))
    facts = Facts("PbS", REFLECTIONS[:2], 0.05, reflections=REFLECTIONS)
    return sq.Sizer((sq.QStandardizer().fit(np.ones((1, 5004))), engine), facts=facts)


@pytest.fixture
def drawn(sizer, pattern):
    import matplotlib.pyplot as plt

    display = FitDisplay.from_estimator(sizer, pattern).plot()
    yield display
    plt.close(display.figure_)


def test_the_fit_lies_over_the_residual(drawn):
    whole, below = drawn.ax_
    curves = drawn.sizing.fit.curves
    labels = [text.get_text() for text in whole.get_legend().get_texts()]
    assert labels == ["measured", "calculated", "background", "reflections"]
    for line, name in zip(whole.get_lines(), ("measured", "calculated", "background"), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), curves[name])
    np.testing.assert_allclose(
        below.get_lines()[0].get_ydata(), curves["measured"] - curves["calculated"]
    )
    assert whole.get_xlim() == below.get_xlim() == (1.2, 3.4)
    size = drawn.sizing.number_diameter
    assert "Q" in below.get_xlabel() and f"sample.xy: {size:.2f} nm" in whole.get_title()


def test_it_tells_how_good_the_fit_is(drawn):
    fit, told = drawn.sizing.fit, drawn.ax_[0].get_legend().get_title().get_text()
    assert f"{100 * fit.r_wp:.2g} %" in told and f"{fit.chi2:.3g}" in told


def test_reflections_are_marked_where_the_strain_puts_them(drawn):
    (marks,) = drawn.ax_[0].collections
    places = [segment[0, 0] for segment in marks.get_segments()]
    strain = drawn.sizing.fit.parameters["strain"]
    assert strain > 0.0
    np.testing.assert_allclose(places, np.array(REFLECTIONS[:3]) / (1.0 + strain))
    assert all(
        segment[:, 1].min() >= 0.0 and segment[:, 1].max() < 0.1 for segment in marks.get_segments()
    )


def test_an_answer_that_is_known_is_not_asked_for_again(sizer, pattern):
    import matplotlib.pyplot as plt

    sizing = sizer.size(pattern)
    display = FitDisplay.from_estimator(sizer, pattern, sizing)
    assert display.sizing is sizing
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    assert display.plot(left).figure_ is left
    assert not FitDisplay(sizing).plot(right).ax_[0].collections
    plt.close(figure)


def test_an_answer_without_a_fit_is_told_how_to_be_drawn(simulated):
    sizing = sq.load_sizer("PbS").size(simulated, engine="network")
    with pytest.raises(ValueError, match=r"all-CNN has no fit; draw it with SizingDisplay"):
        FitDisplay(sizing)

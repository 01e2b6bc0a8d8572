import numpy as np
import pytest

import sk_qdots as sq


@pytest.fixture(scope="module")
def pattern():
    library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.002])
    X, _, _ = sq.library_samples(library)
    diluted = sq.SolventMixer(qd_fraction=0.5).fit_transform(X)
    return sq.PoissonNoise(snr=122, random_state=0).fit_transform(diluted)[0]


def test_simulated_pattern_lies_on_the_measured_one(pattern):
    display = sq.SizingDisplay.from_estimator(sq.load_sizer("PbS"), pattern)
    match = display.match
    residual = match.measured - match.simulated
    assert display.sizing.diameter == pytest.approx(3.0, abs=0.5)
    assert np.sqrt((residual**2).sum() / (match.measured**2).sum()) < 0.03
    assert match.strain == pytest.approx(0.002, abs=0.0011)
    assert match.agreement > 0.95
    # Half of the intensity is the liquid.
    liquid = np.trapezoid(match.background, match.q) / np.trapezoid(match.measured, match.q)
    assert 0.3 < liquid < 0.9


def test_plot_shows_all_of_it(pattern):
    import matplotlib.pyplot as plt

    axes = sq.SizingDisplay.from_estimator(sq.load_sizer("PbS"), pattern).plot().ax_
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [label.split(",")[0] for label in labels] == [
        "measured",
        "simulated",
        "background",
        "difference",
    ]
    assert "nm" in axes.get_title()
    assert "Q" in axes.get_xlabel()
    plt.close(axes.figure)


def test_sizer_without_simulated_patterns_cannot_draw(pattern):
    sizer = sq.load_sizer("PbS")
    sizer.reference = None
    with pytest.raises(ValueError, match="no simulated patterns"):
        sq.SizingDisplay.from_estimator(sizer, pattern)

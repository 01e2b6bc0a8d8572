"""What the pictures show, and that they can be drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import sk_qdots as sq
from sk_qdots import inspection
from sk_qdots.baselines.sizing_curves import CURVES, SizingCurve
from sk_qdots.io import PatternError
from sk_qdots.model_selection import measured_samples, robustness_conditions, robustness_report


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def samples():
    return measured_samples([3000, 5000, 9000], 24, random_state=1)


@pytest.fixture(scope="module")
def sizer():
    return sq.load_sizer("PbS")


@pytest.fixture(scope="module")
def report(samples, sizer):
    conditions = robustness_conditions(["standard", "q_max", "step", "shape"])
    return robustness_report(sizer, *samples, conditions=conditions, progress=False)


def test_confusion_of_known_answers():
    display = inspection.SizeConfusionDisplay.from_predictions(
        [2000, 2000, 2500, 3000], [2000, 2500, 2500, 2000]
    )
    assert display.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert display.diameters.tolist() == [2.0, 2.5, 3.0]
    ax = display.plot().ax_
    assert ax.get_title() == "2 of 4 right"
    assert sorted(text.get_text() for text in ax.texts) == ["1"] * 4
    assert display.figure_ is ax.figure


def test_what_was_not_answered_is_counted():
    display = inspection.SizeConfusionDisplay.from_predictions(
        [2000, 2500, 2500], [2000, 0, np.nan]
    )
    assert display.confusion.tolist() == [[1, 0], [0, 0]]
    assert display.plot().ax_.get_title() == "1 of 3 right, 2 without an answer"


def test_answers_of_a_regressor_go_to_the_nearest_class():
    true, said, classes = [2000, 3000], [2051.3, 2933.1], [2000, 2500, 3000]
    confusion = inspection.SizeConfusionDisplay.from_predictions(true, said, classes=classes)
    assert np.trace(confusion.confusion) == 2
    errors = inspection.ErrorDistributionDisplay.from_predictions(true, said, classes=classes)
    assert errors.errors.sum() == 0


def test_three_ways_to_a_confusion_agree(report, samples, sizer):
    X, y = samples
    of_report = inspection.SizeConfusionDisplay.from_report(report)
    of_sizer = inspection.SizeConfusionDisplay.from_estimator(sizer, X, y)
    np.testing.assert_array_equal(of_report.confusion, of_sizer.confusion)
    assert of_report.confusion.sum() == len(y)


def test_errors_by_size_and_concentration():
    true, said = [2000, 2000, 2500, 2500], [2000, 2500, 2000, 2500]
    by_size = inspection.ErrorDistributionDisplay.from_predictions(true, said)
    assert by_size.errors.tolist() == [1, 1]
    by_share = inspection.ErrorDistributionDisplay.from_predictions(
        true, said, qd_fraction=[0.1, 0.1, 0.1, 1.0]
    )
    assert by_share.levels.tolist() == [0.1, 1.0] and by_share.errors.tolist() == [2, 0]
    heights = [bar.get_height() for bar in by_share.plot().ax_.patches]
    assert heights == [50.0, 0.0]


@pytest.mark.parametrize("by", ["diameter", "qd_fraction"])
def test_errors_of_a_report_and_of_an_estimator_agree(report, samples, sizer, by):
    X, y = samples
    of_report = inspection.ErrorDistributionDisplay.from_report(report, by=by)
    of_sizer = inspection.ErrorDistributionDisplay.from_estimator(sizer, X, y, by=by)
    np.testing.assert_array_equal(of_report.errors, of_sizer.errors)
    np.testing.assert_array_equal(of_report.levels, of_sizer.levels)
    of_report.plot()


def test_errors_need_concentrations(samples, sizer):
    X, y = samples
    with pytest.raises(ValueError, match="no coordinate qd_fraction"):
        inspection.ErrorDistributionDisplay.from_estimator(sizer, X.values, y, by="qd_fraction")
    with pytest.raises(ValueError, match='must be "diameter" or "qd_fraction"'):
        inspection.ErrorDistributionDisplay.from_estimator(sizer, X, y, by="size")


def test_diameters(samples, sizer):
    X, y = samples
    display = inspection.DiameterDisplay.from_estimator(sizer, X, y)
    assert display.mean_absolute_error < 0.3
    ax = display.plot().ax_
    inspection.DiameterDisplay.from_predictions([2000], [2100], label="mine", ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[1] == "mine: n = 1, mean absolute error 0.10 nm"
    assert sum(line.get_gid() == "identity" for line in ax.get_lines()) == 1


def test_mismatched_answers_are_refused():
    with pytest.raises(ValueError, match="expected one answer each"):
        inspection.DiameterDisplay.from_predictions([2000, 3000], [2000])


def test_clark_distance():
    assert inspection.clark_distance([1.0, 2.0], [1.0, 2.0]) == 0.0
    assert inspection.clark_distance([3.0, 0.0], [1.0, 0.0]) == 0.5
    assert inspection.clark_distance([3.0, 3.0], [1.0, 1.0]) == pytest.approx(np.sqrt(0.5))
    with pytest.raises(ValueError, match="negative"):
        inspection.clark_distance([-1.0], [1.0])
    with pytest.raises(ValueError, match="shapes"):
        inspection.clark_distance([1.0], [1.0, 2.0])


def test_large_neighbours_are_more_alike():
    library = sq.simulate_library(
        "PbS", diameters=[3.0, 5.0, 7.0], dispersions=[0.1], strains=[0.0]
    )
    display = inspection.ClarkDistanceDisplay.from_library(library)
    assert display.distances[0] > display.distances[1] > 0
    axes = display.plot().ax_
    assert axes[1].lines[0].get_ydata().tolist() == display.distances.tolist()
    with pytest.raises(ValueError, match="no point in it"):
        inspection.ClarkDistanceDisplay.from_library(library, (20.0, 21.0))


def test_library_display():
    display = inspection.LibraryDisplay.from_crystal("PbS", diameters=(3.0,))
    dry = display.panels["concentration"]["dry"]
    np.testing.assert_allclose(np.trapezoid(dry, display.q, axis=1), 1000.0, rtol=1e-5)
    strained = display.panels["strain"]["+0.51 %"][0]
    assert display.q[strained.argmax()] < display.q[display.panels["strain"]["0"][0].argmax()]
    assert len(display.plot().ax_) == 4


@pytest.mark.parametrize("test", ["q_max", "step", "qd_fraction"])
def test_perturbed_patterns(samples, test):
    X, y = samples
    conditions = robustness_conditions([test])[::3]
    display = inspection.PerturbedPatternsDisplay.from_conditions(conditions, X, y)
    assert list(display.patterns) == [c.level for c in conditions]
    legend = display.plot(q_range=(1.5, 4.0)).ax_.get_legend()
    assert len(legend.get_texts()) == len(conditions)


def test_robustness_of_a_report(report):
    display = inspection.RobustnessDisplay.from_report({"mine": report, "yours": report}, "q_max")
    assert display.curves["mine"]["4.4"] == float(
        report.overall_accuracy.sel(condition="q_max=4.4")
    )
    drawn = display.plot(published=True).ax_
    labels = [text.get_text() for text in drawn.get_legend().get_texts()]
    assert "mine (n = 24)" in labels
    assert any(label.startswith("released network") for label in labels)
    assert len(display.plot().ax_.get_legend().get_texts()) == 2
    errors = inspection.RobustnessDisplay.from_report(report, "q_max", metric="mean_absolute_error")
    assert errors.plot().ax_.get_ylabel() == "mean absolute error (nm)"
    with pytest.raises(ValueError, match="no mean_absolute_error was published"):
        errors.plot(published=True)
    with pytest.raises(ValueError, match="no report holds the test 'march'"):
        inspection.RobustnessDisplay.from_report(report, "march")


def test_robustness_over_points_and_names(report):
    ax = inspection.RobustnessDisplay.from_report(report, "step").plot().ax_
    assert sorted(ax.lines[0].get_xdata())[0] == 251
    ax = inspection.RobustnessDisplay.from_report(report, "shape").plot().ax_
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "cuboctahedron",
        "rhombic\ndodecahedron",
    ]


def test_curves_of_different_levels_share_an_axis():
    curves = {"one": {"7": 0.9}, "other": {"4.4": 0.5, "2.5": 0.4}, "none": {}}
    lines = inspection.RobustnessDisplay("q_max", curves).plot().ax_.get_lines()
    assert sorted(x for line in lines[:2] for x in line.get_xdata()) == [2.5, 4.4, 7.0]
    with pytest.raises(ValueError, match="no curves"):
        inspection.RobustnessDisplay("q_max", {}).plot()


def test_refused_conditions_are_not_drawn(samples, sizer):
    narrow = robustness_conditions(["q_min"])
    report = robustness_report(sizer, *samples, conditions=narrow, progress=False)
    refused = report.assign(refused=("condition", ["covers too little"]))
    for display in (inspection.SizeConfusionDisplay, inspection.ErrorDistributionDisplay):
        with pytest.raises(ValueError, match="was refused: covers too little"):
            display.from_report(refused, "q_min=1.7")
        with pytest.raises(ValueError, match="no condition 'q_min=2'"):
            display.from_report(report, "q_min=2")


def test_robustness_of_an_estimator(samples, sizer):
    X, y = samples
    display = inspection.RobustnessDisplay.from_estimator(sizer, X, y, "q_min")
    assert display.curves["Sizer"]["1.7"] > 0.8


def test_sizing_curves_and_back():
    for curve in CURVES.values():
        energies = curve.energy([2.0, 4.0, 8.0])
        assert (np.diff(energies) < 0).all()
        assert curve.diameter(float(energies[1])) == pytest.approx(4.0, rel=1e-6)
        assert "doi" in curve.citation
        with pytest.raises(ValueError, match="does not reach"):
            curve.diameter(0.4)
        with pytest.raises(ValueError, match="positive"):
            curve.energy(-1.0)


def test_sizing_curve_display(samples, sizer):
    mine = SizingCurve("mine", "PbS", lambda d: 0.4 + 2.0 / d, "notebook")
    display = inspection.SizingCurveDisplay.from_estimator(
        sizer, samples[0][:2], [1.3, 0.9], spreads=[0.1, 0.2], curves=[mine]
    )
    labels = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert labels == ["mine", "sized by X-ray scattering (n = 2)"]
    with pytest.raises(ValueError, match="shape"):
        inspection.SizingCurveDisplay.from_predictions([3.0], [])
    with pytest.raises(ValueError, match="spreads"):
        inspection.SizingCurveDisplay.from_predictions([3.0], [1.0], spreads=[0.1, 0.2])
    with pytest.raises(ValueError, match="nothing to draw"):
        inspection.SizingCurveDisplay.from_predictions(material="Kryptonite")


def difference(classifier, rows, layer, factor):
    """Difference of the first two logits, the activations of one layer multiplied."""
    hidden = classifier.encode(rows).astype(float)
    architecture = classifier.architecture_
    for k, (weight, bias) in enumerate(classifier.layers_[:-1]):
        kernel = architecture.kernel_sizes[k]
        missing = -hidden.shape[1] % kernel
        hidden = np.pad(hidden, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)))
        hidden = hidden.reshape(len(rows), -1, kernel * hidden.shape[2]) @ weight + bias
        hidden = np.maximum(hidden, 0.0) if k >= architecture.n_linear else hidden
        hidden = hidden * factor if k == layer else hidden
    weight, bias = classifier.layers_[-1]
    logits = hidden.mean(axis=1) @ weight + bias
    return logits[:, 0] - logits[:, 1]


@pytest.mark.parametrize("preset", ["paper", "robust"])
@pytest.mark.parametrize("layer", [0, 2, -1])
def test_class_activation_is_the_derivative(samples, preset, layer):
    """Its sum is how the logits change where the activations grow."""
    X, y = samples
    rows = sq.QStandardizer().fit_transform(X).astype(np.float32)
    classifier = sq.AllCNNClassifier(preset=preset, max_epochs=2, random_state=0).fit(rows, y)
    maps, edges = inspection.class_activation(
        classifier, rows[:3], target=3000, against=5000, layer=layer
    )
    assert maps.shape == (3, len(edges) - 1)
    assert edges[0] == 0 and edges[-1] == 5004 and (np.diff(edges) > 0).all()
    first = layer % len(classifier.layers_[:-1])
    change = 1e-3
    grown, shrunk = (difference(classifier, rows[:3], first, 1 + e) for e in (change, -change))
    np.testing.assert_allclose(
        maps.sum(axis=1), (grown - shrunk) / (2 * change), rtol=0.02, atol=1e-3
    )
    bias = classifier.layers_[-1][1]
    if layer == -1:
        # A class activation map proper: it sums to the logits but for the bias.
        np.testing.assert_allclose(
            maps.sum(axis=1),
            difference(classifier, rows[:3], first, 1.0) - (bias[0] - bias[1]),
            rtol=1e-3,
            atol=1e-4,
        )
    opposite, _ = inspection.class_activation(
        classifier, rows[:3], target=5000, against=3000, layer=layer
    )
    np.testing.assert_allclose(opposite, -maps, atol=1e-6)


def test_class_activation_display(samples, sizer):
    X = samples[0]
    display = inspection.ClassActivationDisplay.from_estimator(sizer, X[1])
    assert display.target != display.against
    assert len(display.activation) >= 50
    assert "speaks for" in display.plot().ax_.texts[-1].get_text()
    with pytest.raises(ValueError, match="none of the classes"):
        inspection.ClassActivationDisplay.from_estimator(sizer, X[1], target=3100)
    with pytest.raises(ValueError, match="convolutions"):
        inspection.ClassActivationDisplay.from_estimator(sizer, X[1], layer=7)
    with pytest.raises(ValueError, match="compare two sizes"):
        inspection.ClassActivationDisplay.from_estimator(sizer, X[1], target=5000, against=5000)
    with pytest.raises(PatternError, match="covers Q"):
        inspection.ClassActivationDisplay.from_estimator(sizer, X[1][X.q.values > 3.0])
    with pytest.raises(ValueError, match="make_sizing_pipeline"):
        inspection.ClassActivationDisplay.from_estimator(object(), X[1])
    with pytest.raises(ValueError, match="one pattern"):
        inspection.ClassActivationDisplay.from_estimator(sizer, X)

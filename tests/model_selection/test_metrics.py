"""Every metric against a case that was worked out by hand."""

import numpy as np
import pytest

from sk_qdots.model_selection import METRICS, Answers

CLASSES = np.array([2000, 2500, 3000])


@pytest.fixture
def answers():
    # Four patterns: right, one class off, right, two classes off.
    probabilities = np.array([[0.8, 0.2, 0.0], [0.1, 0.3, 0.6], [0.0, 0.0, 1.0], [0.5, 0.3, 0.2]])
    truth = np.array([2000.0, 2500.0, 3000.0, 3000.0])
    return Answers(truth, CLASSES, CLASSES[probabilities.argmax(axis=1)], probabilities)


def test_accuracy(answers):
    assert METRICS["accuracy"](answers) == 0.5


def test_within_one_class(answers):
    assert METRICS["within_one_class"](answers) == 0.75


def test_errors_are_those_of_the_expected_diameter(answers):
    # 2.1, 2.75, 3.0 and 2.35 nm are expected.
    assert METRICS["neg_mean_absolute_error"](answers) == pytest.approx(
        -(0.1 + 0.25 + 0.0 + 0.65) / 4
    )
    assert METRICS["mean_signed_error"](answers) == pytest.approx((0.1 + 0.25 + 0.0 - 0.65) / 4)


def test_log_loss(answers):
    expected = np.log([0.8, 0.3, 1.0, 0.2]).mean()
    assert METRICS["neg_log_loss"](answers) == pytest.approx(expected)


def test_log_loss_of_an_impossible_class_is_finite():
    answers = Answers(np.array([2000.0]), CLASSES, CLASSES[[2]], np.array([[0.0, 0.0, 1.0]]))
    assert np.isfinite(METRICS["neg_log_loss"](answers))


def test_calibration_error(answers):
    # Bins: 0.8 (right), 0.6 (wrong), 1.0 (right), 0.5 (wrong); each alone in its bin.
    expected = -(abs(0.8 - 1) + abs(0.6 - 0) + abs(1.0 - 1) + abs(0.5 - 0)) / 4
    assert METRICS["neg_calibration_error"](answers) == pytest.approx(expected)


def test_calibration_error_is_none_where_half_of_the_halves_are_right():
    probabilities = np.tile([0.5, 0.3, 0.2], (4, 1))
    truth = np.array([2000.0, 2000.0, 3000.0, 3000.0])
    answers = Answers(truth, CLASSES, np.full(4, 2000), probabilities)
    assert METRICS["neg_calibration_error"](answers) == pytest.approx(0.0)


def test_diameters_between_classes_count_for_the_nearest():
    truth = np.array([2100.0, 2250.0, 2250.0, 2400.0, 9000.0])
    predicted = np.array([2000, 2000, 2500, 2000, 3000])
    answers = Answers(truth, CLASSES, predicted)
    # In the middle both neighbours are right; far beyond the classes no answer is.
    assert answers.right.tolist() == [True, True, True, False, False]
    assert answers.near.tolist() == [True, True, True, True, False]


def test_answers_of_a_regressor():
    truth = np.array([2000.0, 2500.0, 3000.0])
    answers = Answers(truth, CLASSES, np.array([2100.0, 0.0, np.nan]))
    assert answers.right.tolist() == [True, False, False]
    assert answers.near.tolist() == [True, False, False]
    assert METRICS["neg_mean_absolute_error"](answers) == pytest.approx(-0.1)
    with pytest.raises(ValueError, match="no predict_proba"):
        METRICS["neg_log_loss"](answers)


def test_metrics_of_nothing_answered_are_not_numbers():
    answers = Answers(np.array([2000.0]), CLASSES, np.array([0.0]))
    assert np.isnan(METRICS["mean_signed_error"](answers))
    assert METRICS["accuracy"](answers) == 0.0


def test_text_labels_are_refused():
    class Named:
        classes_ = np.array(["small", "large"])

        def predict(self, X):
            return np.array(["small"] * len(X))

    with pytest.raises(TypeError, match="picometres"):
        Answers.of(Named(), np.zeros((1, 2)), [2000])


class Says:
    """Answers what it is told to."""

    def __init__(self, classes, probabilities, predicted=None):
        self.classes_ = np.asarray(classes)
        self.probabilities = np.asarray(probabilities, dtype=float)
        best = self.probabilities.argmax(axis=1)
        self.predicted = self.classes_[best] if predicted is None else np.asarray(predicted)

    def predict(self, X):
        return self.predicted

    def predict_proba(self, X):
        return self.probabilities


def test_accuracy_is_that_of_predict():
    said = Says([2000, 2500], [[0.6, 0.4]] * 2, predicted=[2500, 2500])
    answers = Answers.of(said, np.zeros((2, 3)), [2500, 2500])
    assert METRICS["accuracy"](answers) == 1.0


def test_classes_need_not_ascend():
    answers = Answers.of(Says([2500, 2000], [[0.9, 0.1]]), np.zeros((1, 3)), [2500])
    assert answers.classes.tolist() == [2000, 2500]
    assert METRICS["accuracy"](answers) == 1.0
    assert METRICS["neg_log_loss"](answers) == pytest.approx(np.log(0.9))


@pytest.mark.parametrize(
    ("truth", "probabilities", "message"),
    [
        ([3.0, 3.5], [[1, 0]] * 2, "must be in picometres, 3 nm is 3000"),
        ([3000.0, np.nan], [[1, 0]] * 2, "positive numbers"),
        ([-3000, 3000], [[1, 0]] * 2, "positive numbers"),
        ([3000], [[1, 0]] * 2, "expected 2 diameters"),
        (["a", "b"], [[1, 0]] * 2, "expected 2 diameters"),
        ([3000, 3000], [[1, 0, 0]] * 2, "2 patterns and 2 classes"),
        ([3000, 3000], [[np.nan, 0]] * 2, "NaN or infinity"),
    ],
)
def test_what_cannot_be_judged_is_refused(truth, probabilities, message):
    with pytest.raises(ValueError, match=message):
        Answers.of(Says([3000, 3500], probabilities), np.zeros((2, 3)), truth)


def test_sizes_that_training_lacked_cannot_be_right():
    answers = Answers.of(Says([2000, 3000], [[0, 1]] * 2), np.zeros((2, 3)), [5000, 8000])
    assert METRICS["accuracy"](answers) == 0.0
    assert METRICS["within_one_class"](answers) == 0.0
    assert METRICS["neg_log_loss"](answers) < -20

r"""What is measured of a sizer's answers.

With the true diameter :math:`d`, the classes :math:`c_k`, their probabilities
:math:`p_k` and the expected diameter :math:`\bar d = \sum_k p_k c_k`:

=================================  =====================================================
``accuracy``                       share of answers that are the class nearest to d
``within_one_class``               share that are that class or a neighbour of it
``neg_mean_absolute_error``        minus the mean of abs(expected - d), in nm
``mean_signed_error``              mean of expected - d, in nm
``neg_log_loss``                   mean logarithm of the probability of the nearest class
``neg_calibration_error``          minus the mean distance between how probable the answers
                                   are said to be and how often they are right
=================================  =====================================================

As in scikit-learn more is better, but for the signed error. Where an estimator has no
``predict_proba`` the expected diameter is its answer, and the last two do not exist; an
answer that is no positive number is wrong, and has no error. Where the truth lies beyond
all classes, by more than half a step, no answer is right.

References
----------
Calibration: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, Proc. 34th Int. Conf. on
Machine Learning, PMLR 70, 1321 (2017).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt

from .._typing import BoolArray, FloatArray, IntArray
from .protocols import Estimator, Patterns

__all__ = ["METRICS", "N_BINS", "Answers"]

N_BINS = 10  # of the probability, for calibration
_LEAST_PROBABILITY = 1e-12
_SMALLEST = 100.0  # pm: an atom is larger, and labels below it are nanometres


@dataclass(frozen=True)
class Answers:
    """What an estimator says of patterns whose size is known.

    Parameters
    ----------
    truth : ndarray of shape (n_samples,)
        True diameters in picometres; they need not be classes.
    classes : ndarray of shape (n_classes,)
        Ascending, in picometres.
    predicted : ndarray of shape (n_samples,)
        Answers in picometres: classes, or anything that a regressor says.
    probabilities : ndarray of shape (n_samples, n_classes) or None
        None where the estimator gives none.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.model_selection import METRICS, Answers
    >>> classes = np.array([2000, 2500])
    >>> answers = Answers(np.array([2000, 2500]), classes, np.array([2000, 2000]))
    >>> float(METRICS["accuracy"](answers))
    0.5
    """

    truth: FloatArray
    classes: FloatArray | IntArray
    predicted: FloatArray | IntArray
    probabilities: FloatArray | None = None

    @classmethod
    def of(
        cls,
        estimator: Estimator,
        X: Patterns,
        truth: npt.ArrayLike,
        classes: npt.ArrayLike | None = None,
    ) -> Answers:
        """Ask an estimator.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray or array-like of shape (n_samples, n_q)
        truth : array-like of shape (n_samples,)
            True diameters in picometres.
        classes : array-like of shape (n_classes,), optional
            Of an estimator that has no ``classes_``; by default the true diameters.

        Returns
        -------
        Answers

        Raises
        ------
        TypeError
            If the classes are no numbers.
        ValueError
            If a true diameter is missing or no positive number of picometres, or the
            probabilities are not what the classes ask for.
        """
        diameters = _checked_truth(truth, len(X))
        named = np.unique(diameters if classes is None else np.asarray(classes))
        classes = np.asarray(getattr(estimator, "classes_", named))
        if classes.dtype.kind not in "iuf":
            raise TypeError(
                f"the classes are {classes[:3]}...; sizes must be numbers, in picometres"
            )
        order = np.argsort(classes)
        if not hasattr(estimator, "predict_proba"):
            predicted = np.asarray(estimator.predict(X), dtype=np.float64)
            return cls(diameters, classes[order], predicted)
        probabilities = np.asarray(estimator.predict_proba(X), dtype=np.float64)
        if probabilities.shape != (len(diameters), len(classes)):
            raise ValueError(
                f"predict_proba gives an array of shape {probabilities.shape} for "
                f"{len(diameters)} patterns and {len(classes)} classes"
            )
        if not np.isfinite(probabilities).all():
            raise ValueError("predict_proba gives NaN or infinity")
        if _predicts_most_probable(estimator):  # asked once, it need not be asked again
            predicted = classes[probabilities.argmax(axis=1)]
        else:
            predicted = np.asarray(estimator.predict(X), dtype=np.float64)
        return cls(diameters, classes[order], predicted, probabilities[:, order])

    def __getitem__(self, rows: IntArray | BoolArray) -> Answers:
        """Some of the answers."""
        few = None if self.probabilities is None else self.probabilities[rows]
        return Answers(self.truth[rows], self.classes, self.predicted[rows], few)

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def nearest(self) -> IntArray:
        """Position of the class nearest to each true diameter."""
        return _nearest_class(self.classes, self.truth)

    @cached_property
    def position(self) -> IntArray:
        """Position of the class nearest to each answer; -1 where there is no answer."""
        found = _nearest_class(self.classes, np.nan_to_num(self.predicted))
        return np.asarray(np.where(self.predicted > 0, found, -1))

    @cached_property
    def right(self) -> BoolArray:
        """Whether no class is nearer to the truth than the answer's."""
        distance = np.abs(self.classes[self.position] - self.truth)
        least = np.abs(self.classes[self.nearest] - self.truth)
        nearest = distance <= least * (1.0 + 1e-9) + 1e-9
        return np.asarray((self.position >= 0) & nearest & self.possible)

    @cached_property
    def near(self) -> BoolArray:
        """Whether the answer is the nearest class or a neighbour of it."""
        beside = np.abs(self.position - self.nearest) <= 1
        return np.asarray(self.right | ((self.position >= 0) & beside & self.possible))

    @cached_property
    def possible(self) -> BoolArray:
        """Whether there is a right class: the truth is not beyond all of them."""
        if len(self.classes) < 2:
            return np.asarray(np.isclose(self.truth, self.classes[0]))
        steps = 0.5 * np.diff(self.classes)
        low, high = self.classes[0] - steps[0], self.classes[-1] + steps[-1]
        return np.asarray((self.truth >= low) & (self.truth <= high))

    @cached_property
    def error(self) -> FloatArray:
        """Expected minus true diameter, in nm; NaN where there is no answer."""
        expected = np.where(self.predicted > 0, self.predicted, np.nan)
        if self.probabilities is not None:
            expected = self.probabilities @ self.classes
        return np.asarray((expected - self.truth) / 1000.0)

    @cached_property
    def log_probability(self) -> FloatArray:
        """Logarithm of the probability of the nearest class."""
        of_nearest = self._checked_probabilities()[np.arange(len(self)), self.nearest]
        likely = np.where(self.possible, of_nearest, 0.0)
        return np.asarray(np.log(np.maximum(likely, _LEAST_PROBABILITY)))

    def reliability(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Numbers of answers, sums of their probabilities and of right ones, by probability.

        Returns
        -------
        tuple of 3 ndarray of shape (N_BINS,)
        """
        top = self._checked_probabilities().max(axis=1)
        bins = np.minimum((top * N_BINS).astype(int), N_BINS - 1)
        said, right = (  # the types of numpy overlook the weights
            cast("FloatArray", np.bincount(bins, weights=weights, minlength=N_BINS))
            for weights in (top, self.right)
        )
        return np.bincount(bins, minlength=N_BINS), said, right

    def _checked_probabilities(self) -> FloatArray:
        if self.probabilities is None:
            raise ValueError("the estimator has no predict_proba; this metric needs it")
        return self.probabilities


def _predicts_most_probable(estimator: Estimator) -> bool:
    """Whether ``predict`` is known to be the class of the largest probability."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return bool(getattr(last, "predicts_most_probable", False))


def _checked_truth(truth: npt.ArrayLike, n_samples: int) -> FloatArray:
    """True diameters, which must be positive numbers of picometres."""
    found = np.asarray(truth)
    if found.dtype.kind not in "iuf" or found.shape != (n_samples,):
        raise ValueError(
            f"y has shape {found.shape} and type {found.dtype}; expected {n_samples} diameters in "
            "picometres"
        )
    found = found.astype(np.float64)
    if not (np.isfinite(found) & (found > 0)).all():
        raise ValueError("y must hold diameters in picometres, positive numbers")
    if found.size and found.max() < _SMALLEST:
        raise ValueError(
            f"y goes up to {found.max():g}; diameters must be in picometres, 3 nm is 3000"
        )
    return found


def _nearest_class(classes: FloatArray | IntArray, diameters: npt.ArrayLike) -> IntArray:
    middles = 0.5 * (classes[1:] + classes[:-1])
    return np.asarray(np.searchsorted(middles, diameters))


def _mean_of_answered(errors: FloatArray) -> float:
    """Of the patterns that were answered."""
    answered = errors[np.isfinite(errors)]
    return float(answered.mean()) if answered.size else float("nan")


def _calibration_error(answers: Answers) -> float:
    _, said, right = answers.reliability()
    return float(np.abs(said - right).sum() / len(answers)) if len(answers) else float("nan")


METRICS: dict[str, Callable[[Answers], float]] = {
    "accuracy": lambda answers: float(answers.right.mean()),
    "within_one_class": lambda answers: float(answers.near.mean()),
    "neg_mean_absolute_error": lambda answers: -_mean_of_answered(np.abs(answers.error)),
    "mean_signed_error": lambda answers: _mean_of_answered(answers.error),
    "neg_log_loss": lambda answers: float(answers.log_probability.mean()),
    "neg_calibration_error": lambda answers: -_calibration_error(answers),
}

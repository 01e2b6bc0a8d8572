"""Scorers that put the test patterns through something first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Unpack

import numpy.typing as npt

from ._metrics import METRICS, Answers
from .conditions import Perturbation, perturbed, robustness_conditions
from .protocols import ConditionSettings, Estimator, Patterns

__all__ = ["PerturbedScorer", "robustness_scorers"]

Metric = str | Callable[[Answers], float]


class PerturbedScorer:
    """Score an estimator on perturbed patterns; it was trained on the others.

    An instance is a scorer: give it to ``cross_validate(scoring=...)``, or in a
    dictionary to ``GridSearchCV(scoring=..., refit=...)``.

    Parameters
    ----------
    perturbation : transformer, Remeasurement or None
        What is done to the patterns. It is cloned and fitted anew each time; give it a
        ``random_state`` for the same score every time.
    metric : str or callable, default="accuracy"
        A name of :data:`sk_qdots.model_selection.METRICS`, or a function of
        :class:`sk_qdots.model_selection.Answers`.

    See Also
    --------
    robustness_scorers : The whole suite.
    sk_qdots.model_selection.robustness_report : The same scores, by size and concentration.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> library = sq.simulate_library("PbS", diameters=[2.0, 6.0], dispersions=[0.1])
    >>> X, y, _ = sq.library_samples(library)
    >>> pipe = make_pipeline(sq.QStandardizer(padding="edge"), KNeighborsClassifier(1))
    >>> short = sq.PerturbedScorer(sq.QTruncation(q_max=14.0))
    >>> short(pipe.fit(X, y), X, y)
    1.0
    """

    def __init__(self, perturbation: Perturbation, metric: Metric = "accuracy") -> None:
        if isinstance(metric, str) and metric not in METRICS:
            raise ValueError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
        self.perturbation = perturbation
        self.metric = metric

    def __call__(self, estimator: Estimator, X: Patterns, y: npt.ArrayLike) -> float:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)

        Returns
        -------
        float
        """
        changed, truth = perturbed(self.perturbation, X, y)
        answers = Answers.of(estimator, changed, truth, y)
        metric = METRICS[self.metric] if isinstance(self.metric, str) else self.metric
        return metric(answers)

    def __repr__(self) -> str:
        return f"PerturbedScorer({self.perturbation!r}, metric={self.metric!r})"


def robustness_scorers(
    tests: Iterable[str] | None = None,
    metrics: str | Iterable[str] = "accuracy",
    **settings: Unpack[ConditionSettings],
) -> dict[str, PerturbedScorer]:
    """Scorers of every condition of the robustness tests.

    Parameters
    ----------
    tests : iterable of str, optional
        Which tests, all by default; see
        :func:`sk_qdots.model_selection.robustness_conditions`.
    metrics : str or iterable of str, default="accuracy"
        Names of :data:`sk_qdots.model_selection.METRICS`.
    **settings
        ``crystal``, ``solvents``, ``step``, ``wavelength``, ``dispersions``, ``strains``,
        ``instrument`` and ``random_state`` of
        :func:`sk_qdots.model_selection.robustness_conditions`.

    Returns
    -------
    dict of str to PerturbedScorer
        Named by the condition, ``"q_max=4.4"``; with several metrics ``"q_max=4.4
        accuracy"``.

    Raises
    ------
    ValueError
        If a test or a metric is not known.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> list(sq.robustness_scorers(["q_min"], metrics=["accuracy", "neg_log_loss"]))
    ['q_min=1.7 accuracy', 'q_min=1.7 neg_log_loss']
    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(
    ...     sq.make_sizing_pipeline(),
    ...     {"allcnn__n_filters": [32, 64]},
    ...     scoring=sq.robustness_scorers(["standard", "q_max"]),
    ...     refit="q_max=4.4",
    ... )
    """
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    return {
        condition.name + (f" {metric}" if len(names) > 1 else ""): PerturbedScorer(
            condition.perturbation, metric
        )
        for condition in robustness_conditions(tests, **settings)
        for metric in names
    }

"""How good a sizer is, and where it fails: perturbed scorers, folds, reports."""

from ._folds import cross_validate_folds
from ._metrics import METRICS, Answers
from ._report import robustness_report
from ._scorers import PerturbedScorer, robustness_scorers
from .conditions import Condition, robustness_conditions
from .remeasurement import Remeasurement, measured_samples

__all__ = [
    "METRICS",
    "Answers",
    "Condition",
    "PerturbedScorer",
    "Remeasurement",
    "cross_validate_folds",
    "measured_samples",
    "robustness_conditions",
    "robustness_report",
    "robustness_scorers",
]

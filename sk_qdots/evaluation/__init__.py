"""Everything that there is to know of a sizer, in one folder: tables, figures, report."""

from ._evaluate import evaluate
from ._limit import KnownConditions, dry_library
from ._references import EvaluationError

__all__ = ["EvaluationError", "KnownConditions", "dry_library", "evaluate"]

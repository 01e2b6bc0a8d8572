"""Everything that there is to know of a sizer, in one folder: tables, figures, report."""

from ._evaluate import EvaluationError, evaluate
from ._limit import KnownConditions, dry_library

__all__ = ["EvaluationError", "KnownConditions", "dry_library", "evaluate"]

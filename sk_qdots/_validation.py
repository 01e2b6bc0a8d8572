"""The one door through which scikit-learn's private helpers come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

__all__ = [
    "Interval",
    "Options",
    "StrOptions",
    "check_is_fitted",
    "check_random_state",
    "fit_context",
    "validate_data",
]

_Method = TypeVar("_Method", bound=Callable[..., object])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[_Method], _Method]:
    """Validate the parameters before ``fit`` (scikit-learn's ``_fit_context``, typed)."""
    decorator = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)
    return cast("Callable[[_Method], _Method]", decorator)

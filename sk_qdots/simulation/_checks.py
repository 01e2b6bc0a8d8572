"""Checks of single numbers, shared by the modules of the package."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["positive"]


def positive(name: str, value: Any, unit: str) -> float:
    """Return a positive finite number, or say by its name what is wrong with it."""
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} is {value!r}; it must be a positive number, in {unit}")
    return number

"""Checks of numbers, shared by the modules of the package."""

from __future__ import annotations

import math
from typing import SupportsFloat

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray

__all__ = ["axis_values", "positive"]


def positive(name: str, value: SupportsFloat | str, unit: str) -> float:
    """Return a positive finite number, or say by its name what is wrong with it."""
    try:
        number = math.nan if isinstance(value, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{name} is {value!r}; it must be a positive number, in {unit}")
    return number


def axis_values(
    values: npt.ArrayLike, name: str, lower: float, upper: float, *, closed: bool = False
) -> FloatArray:
    """Different numbers within an interval, or say by their name what is wrong with them."""
    try:
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {values!r}; it must hold numbers") from None
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional sequence")
    above = array >= lower if closed else array > lower
    wrong = array[~(above & (array <= upper) & np.isfinite(array))]
    if wrong.size:
        interval = f"{'[' if closed else '('}{lower:g}, {upper:g}]"
        hint = " (fractions, not percent)" if upper <= 1.0 else ""
        raise ValueError(f"{name} holds {wrong[0]}; every value must lie in {interval}{hint}")
    if len(np.unique(array)) != len(array):
        raise ValueError(f"{name} holds the same value more than once")
    return array

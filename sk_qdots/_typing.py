"""Types that signatures share: arrays named by what they hold, and what JSON can say."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "BoolArray",
    "CountArray",
    "Float32Array",
    "FloatArray",
    "IntArray",
    "Json",
    "JsonObject",
    "RealArray",
    "StrArray",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
Float32Array: TypeAlias = npt.NDArray[np.float32]
RealArray: TypeAlias = npt.NDArray[np.float64 | np.float32]  # patterns keep their precision
IntArray: TypeAlias = npt.NDArray[np.int64]
CountArray: TypeAlias = npt.NDArray[np.int64 | np.float64]  # integers, but for averages
BoolArray: TypeAlias = npt.NDArray[np.bool_]
StrArray: TypeAlias = npt.NDArray[np.str_]
Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = dict[str, Json]

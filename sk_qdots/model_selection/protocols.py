"""What is asked of the estimators that are judged, and settings that several functions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, TypedDict

import numpy.typing as npt
import xarray as xr

from .._typing import RealArray
from ..instruments import Instrument
from ..simulation import Crystal, Shape

__all__ = ["ConditionSettings", "DotSettings", "Estimator", "Patterns", "Scorer"]

Patterns: TypeAlias = xr.DataArray | RealArray  # (sample, q)


class Estimator(Protocol):
    """A fitted classifier, regressor or Sizer, which answers in picometres.

    ``classes_`` and ``predict_proba`` are asked for where it has them.
    """

    def predict(self, X: Patterns, /) -> npt.ArrayLike:
        """One diameter for each pattern."""
        ...


Scorer: TypeAlias = Callable[[Estimator, Patterns, npt.ArrayLike], float]


class DotSettings(TypedDict, total=False):
    """Of dots that are simulated afresh, as in :class:`Remeasurement`."""

    crystal: str | Crystal
    shape: str | Shape
    wavelength: float
    dispersions: tuple[float, ...]
    strains: tuple[float, ...]


class ConditionSettings(TypedDict, total=False):
    """Of :func:`robustness_conditions`."""

    crystal: str | Crystal
    solvents: str | Sequence[str] | Mapping[str, xr.DataArray] | None
    step: float
    wavelength: float
    dispersions: Sequence[float]
    strains: Sequence[float]
    instrument: Instrument | None
    random_state: int

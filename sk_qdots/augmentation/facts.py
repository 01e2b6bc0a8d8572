"""What a saved sizer tells of the augmentation that its network was trained with."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import xarray as xr
from sklearn.pipeline import Pipeline

from .._typing import FloatArray, Json, JsonObject
from . import Laboratory, QCoarsening, QTruncation
from .base import Transformer

__all__ = ["augmentation_facts", "trained_limits", "transformers_of"]

_UNTRAINED_STEP = 4.0  # grid steps that a network bears which never saw a coarse pattern


def transformers_of(augmenter: Transformer | str | None) -> list[Transformer]:
    """The transformers of an augmenter, which may be a Pipeline or None."""
    if augmenter is None or isinstance(augmenter, str):  # "passthrough"
        return []
    if isinstance(augmenter, Pipeline):
        return [step for _, inner in augmenter.steps for step in transformers_of(inner)]
    return [augmenter]


def augmentation_facts(augmenter: Transformer | None) -> JsonObject | None:
    """Class and parameters of an augmenter, as JSON can hold them."""
    if augmenter is None:
        return None
    if isinstance(augmenter, Pipeline):
        return {
            "class": "Pipeline",
            "steps": [augmentation_facts(s) for s in transformers_of(augmenter)],
        }
    parameters = {k: v for k, v in augmenter.get_params(deep=False).items() if k != "q"}
    return {
        "class": type(augmenter).__name__,
        **{k: _as_json(v) for k, v in parameters.items()},
    }


def _as_json(value: object) -> Json:
    """A parameter as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_as_json(v) for v in value]
    if isinstance(value, xr.DataArray):
        return str(value.name)
    if isinstance(value, Laboratory):
        return {key: _as_json(item) for key, item in asdict(value).items()}
    if isinstance(value, np.generic):
        number: Json = value.item()
        return number
    return value if isinstance(value, str | int | float | None) else str(value)


def trained_limits(
    augmenter: Transformer | str | None, q: FloatArray
) -> tuple[tuple[float, float], float]:
    """The shortest range and the coarsest step that the network has seen."""
    step = float(q[1] - q[0])
    start, end, coarsest = float(q[0]), float(q[-1]), _UNTRAINED_STEP
    for augmented in transformers_of(augmenter):
        if isinstance(augmented, QTruncation):
            start = max(start, start if augmented.q_min is None else augmented.q_min)
            end = min(end, end if augmented.q_max is None else augmented.q_max)
        if isinstance(augmented, QCoarsening):
            coarsest = max(coarsest, float(augmented.factor))
    laboratories = [
        lab for s in transformers_of(augmenter) for lab in getattr(s, "laboratories_", ())
    ]
    for laboratory in laboratories:
        if laboratory.full_range_share < 1:
            start, end = max(start, laboratory.q_min[1]), min(end, laboratory.q_max[0])
        if laboratory.fine_share < 1:
            coarsest = max(coarsest, laboratory.coarsening[1])
    return (float(start), float(end)), coarsest * step

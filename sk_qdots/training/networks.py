"""The networks of a sizer: how large, and how fast they learn."""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "SIZES",
    "STEPS_PER_EPOCH",
    "ClassifierSettings",
    "RegressorSettings",
    "classifier_settings",
    "regressor_settings",
]

STEPS_PER_EPOCH = 200
_COMPONENTS = 3  # of the mixture that tells of a number average with two answers


class ClassifierSettings(TypedDict):
    """Of :class:`AllCNNClassifier`."""

    n_filters: tuple[int, ...]
    lr: float


class RegressorSettings(ClassifierSettings):
    """Of :class:`AllCNNRegressor`."""

    n_components: int


def classifier_settings(size: str = "small") -> ClassifierSettings:
    """Of the first network, which tells the class."""
    return {"n_filters": _FILTERS[size], "lr": 1e-2}


def regressor_settings(size: str = "small") -> RegressorSettings:
    """Of the second, which estimates averages, dispersion, strain and faults."""
    return {**classifier_settings(size), "n_components": _COMPONENTS}


# Of both: the second starts from the convolutions of the first.
_FILTERS: dict[str, tuple[int, ...]] = {
    "small": (32, 64, 96, 128, 128),
    "large": (32, 96, 128, 192, 256),
}
SIZES = tuple(_FILTERS)

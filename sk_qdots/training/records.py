"""What is kept of a training: JSON values, by the names that they have in the manifest."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from .._typing import JsonObject

__all__ = ["Facts", "Scores", "Settings"]


class Settings(TypedDict):
    """Of a plan."""

    diameters: list[float]  # nm
    dispersions: list[float]
    strains: list[float]
    shapes: list[str]
    aspect_ratios: list[float]
    b_iso: list[float] | None  # Angstrom^2
    stacking: list[float] | None
    span: list[float]  # nm
    mixed_share: float
    solvents: list[str]
    instrument: str
    wavelength: float  # Angstrom
    epochs: int
    around: NotRequired[JsonObject]  # of Instrument.to_json


class ScoreRow(TypedDict):
    """Of one test."""

    accuracy: float
    within_one_class: float
    mean_absolute_error_nm: float


Scores = TypedDict(
    "Scores",
    {
        "n_test": int,
        "unseen_liquids": bool,
        "standard cells": ScoreRow,
        "as drawn": ScoreRow,
        "by size": dict[str, float],  # share of right answers, by the diameter in nm
        "estimates": NotRequired[dict[str, float]],  # mean absolute errors
    },
)


class Facts(TypedDict):
    """Of a sizer that :func:`train_sizer` made."""

    command: str
    settings: Settings
    seed: int
    epochs: int
    precision: str
    date: str
    minutes: float
    machine: str
    n_patterns: int
    versions: dict[str, str]
    scores: Scores

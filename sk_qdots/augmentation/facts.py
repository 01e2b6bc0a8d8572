"""What a saved sizer tells of the augmentation that its network was trained with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any, cast

import numpy as np
import xarray as xr
from sklearn.pipeline import Pipeline

from .._typing import FloatArray, Json, JsonObject
from ..instruments import Instrument
from ..instruments.resolution import resolution
from . import Laboratory, QCoarsening, QTruncation, RandomExperiment
from .base import Transformer
from .laboratories import LABORATORIES, MIXTURES

__all__ = [
    "augmentation_facts",
    "demanded_range",
    "instrument_facts",
    "printable",
    "trained_limits",
    "trained_width",
    "transformers_of",
]

_MOST = 0.95  # of the patterns of a training
_N_QUANTILES = 24  # of each distribution
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
    facts: JsonObject = {
        "class": type(augmenter).__name__,
        **{k: _as_json(v) for k, v in parameters.items()},
    }
    if isinstance(augmenter, RandomExperiment) and isinstance(augmenter.laboratory, str):
        # What a name stands for, which may change.
        facts["drawn_from"] = [
            {"share": share, **_fields_of(laboratory)}
            for laboratory, share in augmenter.choices().values()
        ]
    return facts


def printable(text: str) -> str:
    """A text that may be shown on a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)


def instrument_facts(instrument: Instrument) -> JsonObject:
    """An instrument as manifests and answers hold it; its texts without control characters."""
    clean = instrument.replace(
        name=printable(instrument.name),
        source=printable(instrument.source),
        notes=tuple(map(printable, instrument.notes)),
    )
    told: JsonObject = json.loads(clean.to_json())
    return told


def _as_json(value: object) -> Json:
    """A parameter as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [_as_json(v) for v in value]
    if isinstance(value, xr.DataArray):
        return str(value.name)
    if isinstance(value, Laboratory):
        return _fields_of(value)
    if isinstance(value, Instrument):
        return {"instrument": instrument_facts(value), **_fields_of(Laboratory.around(value))}
    if isinstance(value, np.generic):
        number: Json = value.item()
        return number
    return value if isinstance(value, str | int | float | None) else str(value)


def _fields_of(laboratory: Laboratory) -> JsonObject:
    return {key: _as_json(item) for key, item in asdict(laboratory).items()}


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
    start, end = _demanded(laboratories, (start, end))
    for laboratory in laboratories:
        if laboratory.fine_share < 1:
            coarsest = max(coarsest, laboratory.coarsening[1])
    return (float(start), float(end)), coarsest * step


def demanded_range(augmenter: RandomExperiment, q: FloatArray) -> tuple[float, float]:
    """The shortest range that an experiment, which need not be fitted, draws."""
    laboratories = [laboratory for laboratory, _ in augmenter.choices().values()]
    return _demanded(laboratories, (float(q[0]), float(q[-1])))


def _demanded(laboratories: Iterable[Laboratory], ends: tuple[float, float]) -> tuple[float, float]:
    start, end = ends
    for laboratory in laboratories:
        if laboratory.full_range_share < 1:
            start, end = max(start, laboratory.q_min[1]), min(end, laboratory.q_max[0])
    return start, end


def trained_width(augmentation: Mapping[str, Json] | None, q: float) -> float:
    """Width that 95 % of the patterns of a training did not exceed, or all where it was told.

    Parameters
    ----------
    augmentation : mapping or None
        What :func:`augmentation_facts` told of it.
    q : float
        Where, in 1/Angstrom.

    Returns
    -------
    float
        Full width at half maximum of the resolution in 1/Angstrom; 0 of a training that drew
        none. Of a network that is told it the widest: it need not guess what was rare.

    Raises
    ------
    ValueError
        If what was told is of another kind.
    """
    if augmentation is None:
        return 0.0
    steps = augmentation.get("steps")
    if isinstance(steps, list):
        return max((trained_width(s, q) for s in steps if isinstance(s, dict)), default=0.0)
    if augmentation.get("class") == "InstrumentBroadening":
        names = ("u", "v", "w", "wavelength")
        u, v, w, wavelength = (float(str(augmentation[name])) for name in names)
        return float(np.nan_to_num(resolution(np.array([q]), u, v, w, wavelength))[0])
    shares = _laboratories_of(augmentation)
    if not shares:
        return 0.0
    is_told = bool(augmentation.get("n_told"))
    parts = [_widths(lab, q, share, with_ends=is_told) for lab, share in shares]
    widths, weights = zip(*parts, strict=True)
    drawn, weight = np.concatenate(widths), np.concatenate(weights)
    if is_told:
        return float(drawn[weight > 0.0].max(initial=0.0))
    order = np.argsort(drawn)
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(drawn[order][np.searchsorted(reached, _MOST - 1e-9)])


def _laboratories_of(augmentation: Mapping[str, Json]) -> list[tuple[Laboratory, float]]:
    """Laboratories that were drawn from, and their shares."""
    drawn_from, told = augmentation.get("drawn_from"), augmentation.get("laboratory")
    if isinstance(drawn_from, list):
        known = [item for item in drawn_from if isinstance(item, dict)]
        return [(_laboratory_of(item), float(str(item["share"]))) for item in known]
    if isinstance(told, dict):
        return [(_laboratory_of(told), 1.0)]
    if isinstance(told, str) and told in {*LABORATORIES, *MIXTURES}:
        named = MIXTURES.get(told, {told: 1.0})
        return [(LABORATORIES[name], share) for name, share in named.items()]
    return []


def _laboratory_of(told: Mapping[str, Json]) -> Laboratory:
    """A laboratory as JSON held it; what it did not know yet is as it was."""
    known = {field.name for field in fields(Laboratory)}
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items() if k in known}
    try:
        return replace(Laboratory(), **cast("dict[str, Any]", values))  # which checks them
    except TypeError as error:
        raise ValueError(str(error)) from None


def _widths(
    laboratory: Laboratory, q: float, share: float, *, with_ends: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Widths that a laboratory draws, of those that reach this Q, and their weights."""
    at = (np.arange(_N_QUANTILES) + 0.5) / _N_QUANTILES
    if with_ends:
        at = np.linspace(0.0, 1.0, _N_QUANTILES)
    low, high = laboratory.fwhm
    fwhm, growth, wavelength = np.meshgrid(
        low * (high / low) ** at,
        np.quantile(laboratory.fwhm_growth, at),
        np.quantile(laboratory.wavelength, at),
        indexing="ij",
    )
    u, v, w = laboratory.caglioti or (growth, 0.0, 1.0)
    square = fwhm**2
    widths = resolution(
        np.array(q), u * square, v * square, w * square, wavelength, is_clipped=True
    ).ravel()
    widths = widths[np.isfinite(widths)]
    if not widths.size:
        return np.zeros(1), np.full(1, share)
    broadened = laboratory.broadening_share
    weights = np.full(widths.size, share * broadened / widths.size)
    return np.append(widths, 0.0), np.append(weights, share * (1.0 - broadened))

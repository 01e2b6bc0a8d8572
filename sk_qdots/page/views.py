"""What the page draws of an answer: curves, a distribution, sentences."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray, Json, JsonObject
from ..preprocessing.patterns import q_of, rows_of
from ..sizing.records import csv_row, sizing_record
from .answers import Answer
from .distributions import distribution_curves
from .sentences import told_in_words

__all__ = ["answer_view", "pattern_curves"]

_MOST_POINTS = 4000  # of a curve
_DIGITS = 6


def answer_view(answer: Answer, command: str) -> JsonObject:
    """Everything that the page shows of an answer.

    Parameters
    ----------
    answer : Answer
    command : str
        That repeats it.

    Returns
    -------
    dict
        ``answer`` is what ``Sizing.to_dict`` returns.
    """
    sizing = answer.sizing
    return {
        "answer": sizing.to_dict(),
        "words": told_in_words(sizing),
        "curves": _answer_curves(answer),
        "distribution": distribution_curves(sizing),
        "row": csv_row(sizing_record(sizing)),
        "notes": list(answer.notes),
        "command": command,
    }


def pattern_curves(pattern: xr.DataArray) -> JsonObject:
    """A pattern alone, of which there is no answer."""
    row = np.asarray(rows_of(pattern)[0], dtype=np.float64)
    return _told({"q": q_of(pattern), "measured": row}, [], "as measured")


def _answer_curves(answer: Answer) -> JsonObject:
    sizing = answer.sizing
    if sizing.fit is not None:
        curves = sizing.fit.curves
        names = ("q", "measured", "esd", "calculated", "background")
        columns = {name: np.asarray(curves[name].values, dtype=np.float64) for name in names}
        strain = sizing.fit.parameters.get("strain", 0.0)
        unit = "as measured"
    elif sizing.match is not None:
        match = sizing.match
        columns = {
            "q": match.q,
            "measured": match.measured,
            "calculated": match.simulated,
            "background": match.background,
        }
        strain, unit = match.strain, "scaled to an area of 1000"
    else:
        return pattern_curves(answer.pattern)
    q = columns["q"]
    places = np.asarray(answer.sizer.reflections, dtype=np.float64) / (1.0 + strain)
    return _told(columns, places[(places >= q[0]) & (places <= q[-1])].tolist(), unit)


def _told(columns: dict[str, FloatArray], reflections: list[float], unit: str) -> JsonObject:
    n = len(columns["q"])
    step = -(-n // _MOST_POINTS)
    told: JsonObject = {name: _listed(values[::step]) for name, values in columns.items()}
    return {
        **told,
        "reflections": [round(place, 4) for place in reflections],
        "unit": unit,
        "shown": f"every {step}th point" if step > 1 else "every point",
    }


def _listed(values: npt.NDArray[np.float64]) -> list[Json]:
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in values]

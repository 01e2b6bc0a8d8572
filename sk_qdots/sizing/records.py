"""Answers as records: a row of a table each, as ``sk-qdots size --format csv`` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._typing import Json, JsonObject
    from .answer import Sizing

__all__ = ["COLUMNS", "csv_row", "refusal_record", "sizing_record"]

# Columns are added at the end: programs may count them.
COLUMNS = (
    "file",
    "diameter_nm",
    "probability",
    "runner_up_nm",
    "runner_up_probability",
    "expected_diameter_nm",
    "q_min",
    "q_max",
    "agreement",
    "model",
    "axis",
    "wavelength",
    "volume_diameter_nm",
    "dispersion",
    "strain",
    "width_nm",
    "length_nm",
    "thickness_nm",
    "number_diameter_nm",
    "number_diameter_std_nm",
    "interval_low_nm",
    "interval_high_nm",
    "volume_diameter_std_nm",
    "volume_interval_low_nm",
    "volume_interval_high_nm",
    "surface_diameter_nm",
    "surface_diameter_std_nm",
    "expected_diameter_std_nm",
    "dispersion_std",
    "strain_std",
    "width_std_nm",
    "length_std_nm",
    "thickness_std_nm",
    "verdict",
    "reasons",
    "engine",
    "r_wp",
    "chi2",
    "growth_fault",
    "growth_fault_std",
    "leading",
)
_FRACTIONS = ("dispersion", "strain", "growth_fault")
_UNITS = {  # of what does not say it in its name
    "dispersion": "1 (standard deviation / mean)",
    "strain": "1 ((a - a_bulk) / a_bulk)",
    "growth_fault": "1 (probability that a layer is hexagonal)",
    "probabilities": "by diameter in nm",
    "q_min": "1/Angstrom",
    "q_max": "1/Angstrom",
    "wavelength": "Angstrom",
    "r_wp": "1",
    "fit": "parameters: diameters in nm, b_iso in Angstrom^2, fwhm in degrees, others fractions",
    "uncertainties": "standard deviations; of diameters and lengths in nm",
}


def sizing_record(sizing: Sizing) -> JsonObject:
    """Record of an answer: every value with its own deviation behind it.

    Parameters
    ----------
    sizing : Sizing

    Returns
    -------
    dict
        :data:`COLUMNS` in another order, and what a table cannot hold: ``uncertainties``,
        ``probabilities``, ``coverage`` of the intervals, ``units``, ``settings``,
        ``versions``.
    """
    told = sizing.to_dict()
    pattern = sizing.settings.get("pattern")
    said = pattern if isinstance(pattern, dict) else {}
    deviations = told["uncertainties"]
    assert isinstance(deviations, dict)
    values = {
        "number_diameter": sizing.number_diameter,
        "volume_diameter": sizing.volume_diameter,
        "surface_diameter": sizing.surface_diameter,
        "expected_diameter": sizing.expected_diameter,
        "dispersion": sizing.dispersion,
        "strain": sizing.strain,
        "growth_fault": sizing.growth_fault,
        **{name: sizing.dimensions.get(name) for name in ("width", "length", "thickness")},
    }
    intervals = {"number_diameter": sizing.interval, "volume_diameter": sizing.volume_interval}
    record: JsonObject = {
        "file": sizing.source,
        "verdict": sizing.verdict,
        "reasons": list(sizing.reasons),
        "leading": sizing.leading,
        "note": sizing.note,
    }
    for name, value in values.items():
        unit = "" if name in _FRACTIONS else "_nm"
        record[f"{name}{unit}"] = _rounded(value)
        record[f"{name}_std{unit}"] = None if value is None else _rounded(deviations[name])
        if name in intervals:
            ends = intervals[name] or (None, None)
            prefix = "interval" if name == "number_diameter" else "volume_interval"
            record[f"{prefix}_low_nm"], record[f"{prefix}_high_nm"] = map(_rounded, ends)
    probabilities = told["probabilities"]
    assert isinstance(probabilities, dict)
    return {
        **record,
        "diameter_nm": sizing.diameter,
        "probability": round(sizing.probability, 4),
        "runner_up_nm": sizing.runner_up,
        "runner_up_probability": round(sizing.runner_up_probability, 4),
        "probabilities": {size: _rounded(p, 4) for size, p in probabilities.items()},
        "agreement": _rounded(told["agreement"], 3),
        "q_min": round(sizing.q_range[0], 4),
        "q_max": round(sizing.q_range[1], 4),
        "axis": said.get("axis"),
        "wavelength": said.get("wavelength"),
        "model": sizing.model,
        "engine": sizing.engine,
        "r_wp": None if sizing.fit is None else _rounded(sizing.fit.r_wp),
        "chi2": None if sizing.fit is None else _rounded(sizing.fit.to_dict()["chi2"]),
        "fit": told["fit"],
        "uncertainties": {name: _rounded(value) for name, value in deviations.items()},
        "schema": "sk_qdots.record/1",
        "coverage": told["coverage"],
        "units": dict(_UNITS),
        "settings": told["settings"],
        "versions": told["versions"],
    }


def refusal_record(file: str, model: str, reason: str) -> JsonObject:
    """Record of a file that has no answer.

    Parameters
    ----------
    file, model, reason : str

    Returns
    -------
    dict
        ``file``, ``verdict``, ``reasons`` and ``model``; None for all else.
    """
    return {
        "file": file,
        "verdict": "refused",
        "reasons": [" ".join(reason.split())],
        "model": model,
    }


def csv_row(record: JsonObject) -> JsonObject:
    """A record whose reasons are one text."""
    reasons = record["reasons"]
    assert isinstance(reasons, list)
    return {**record, "reasons": "; ".join(map(str, reasons))}


def _rounded(value: Json, digits: int = 5) -> float | None:
    return round(value, digits) if isinstance(value, int | float) else None

"""What ``sk-qdots size`` writes: a record a file, as a table, as CSV, as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from .._typing import Json, JsonObject
    from ..sizing import Sizing

__all__ = ["COLUMNS", "WRITERS", "csv_row", "more_columns", "refusal_record", "sizing_record"]

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


class _Writer:
    """Writes records, each as soon as it is known; closed also when it is interrupted."""

    def __init__(self, files: Sequence[str], out: TextIO, columns: Sequence[str] = ()) -> None:
        self.files, self.out, self.columns = files, out, columns
        self.started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, OSError):  # whose output cannot be written any more
            self.close()

    def write(self, record: JsonObject) -> None:
        """Write one record."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is kept back."""


class _TableWriter(_Writer):
    """Aligned columns."""

    def write(self, record: JsonObject) -> None:
        columns = [*_FIRST, *(_MORE[name] for name in self.columns)]
        if not self.started:
            coverage = record.get("coverage")
            said = f"{coverage:.0%}".replace("%", " %") if isinstance(coverage, float) else "90 %"
            cells = [h.replace(_INTERVAL, said).rjust(width) for h, width, _ in columns]
            self._line("file", cells, "verdict")
            self.started = True
        reasons = record["reasons"]
        why = "; ".join(map(str, reasons)) if isinstance(reasons, list) else ""
        if note := record.get("note"):
            why = "; ".join(filter(None, (str(note), why)))
        cells = [cell(record).rjust(width) for _, width, cell in columns]
        self._line(str(record["file"]), cells, f"{record['verdict']}{': ' if why else ''}{why}")

    def _line(self, file: str, cells: Sequence[str], verdict: str) -> None:
        width = max(len(_printable(name)) for name in (*self.files, "file"))
        text = "  ".join([_printable(file).ljust(width), *cells, _printable(verdict)])
        self.out.write(f"{text}\n")
        self.out.flush()


def _printable(text: str) -> str:
    """A text without line ends and escapes, which a name of a file may hold."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def _number(name: str, unit: float = 1.0, digits: int = 2) -> Callable[[JsonObject], str]:
    """A cell with one value."""

    def cell(record: JsonObject) -> str:
        value = record.get(name)
        return f"{unit * value:.{digits}f}" if isinstance(value, int | float) else ""

    return cell


def _deviating(name: str, ending: str = "", unit: float = 1.0) -> Callable[[JsonObject], str]:
    """A cell with a value and its own standard deviation."""
    value, deviation = _number(f"{name}{ending}", unit), _number(f"{name}_std{ending}", unit)

    def cell(record: JsonObject) -> str:
        return f"{value(record)}±{deviation(record)}" if value(record) else ""

    return cell


def _range(low: str, high: str) -> Callable[[JsonObject], str]:
    """A cell with two ends."""
    first, last = _number(low), _number(high)

    def cell(record: JsonObject) -> str:
        return f"{first(record)}-{last(record)}" if first(record) else ""

    return cell


def _second(cell: Callable[[JsonObject], str]) -> Callable[[JsonObject], str]:
    """The cell of a number average, in brackets where the volume average is to be read first."""

    def bracketed(record: JsonObject) -> str:
        text = cell(record)
        return f"({text})" if text and record.get("leading") == "volume_diameter" else text

    return bracketed


_Column = tuple[str, int, Callable[["JsonObject"], str]]  # heading, width, what stands in it
_INTERVAL = "interval"
_FIRST: tuple[_Column, ...] = (
    ("diameter/nm", 11, _second(_number("number_diameter_nm"))),
    (_INTERVAL, 11, _second(_range("interval_low_nm", "interval_high_nm"))),
    ("volume average/nm", 17, _number("volume_diameter_nm")),
    (_INTERVAL, 11, _range("volume_interval_low_nm", "volume_interval_high_nm")),
)
_MORE: dict[str, _Column] = {
    "class": ("class/nm", 8, _number("diameter_nm", digits=1)),
    "probability": ("probability", 11, _number("probability")),
    "runner_up": ("runner-up/nm", 12, _number("runner_up_nm", digits=1)),
    "runner_up_probability": ("probability", 11, _number("runner_up_probability")),
    "surface_diameter": ("surface average/nm", 18, _deviating("surface_diameter", "_nm")),
    "dispersion": ("dispersion", 10, _deviating("dispersion")),
    "strain": ("strain/%", 10, _deviating("strain", unit=100.0)),
    "width": ("width/nm", 10, _deviating("width", "_nm")),
    "length": ("length/nm", 10, _deviating("length", "_nm")),
    "thickness": ("thickness/nm", 12, _deviating("thickness", "_nm")),
    "q_range": ("Q range/A^-1", 12, _range("q_min", "q_max")),
    "agreement": ("agreement", 9, _number("agreement")),
}
_ALWAYS = ("class", "probability", "runner_up", "runner_up_probability", "q_range", "agreement")


def more_columns(estimates: Sequence[str]) -> list[str]:
    """Columns of a long table, for a sizer that estimates these quantities.

    Parameters
    ----------
    estimates : sequence of str

    Returns
    -------
    list of str
    """
    known = {*_ALWAYS, *estimates}
    if "dispersion" in known:
        known.add("surface_diameter")
    return [name for name in _MORE if name in known]


class _CsvWriter(_Writer):
    """One line a file."""

    def __init__(self, files: Sequence[str], out: TextIO, columns: Sequence[str] = ()) -> None:
        super().__init__(files, out, columns)
        self.writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
        self.writer.writeheader()

    def write(self, record: JsonObject) -> None:
        self.writer.writerow(csv_row(record))
        self.out.flush()


class _JsonWriter(_Writer):
    """One list, each record on its way as soon as it is known."""

    def write(self, record: JsonObject) -> None:
        text = json.dumps(record, indent=2, allow_nan=False)
        self.out.write(f"{',' if self.started else '['}\n{text}\n")
        self.out.flush()
        self.started = True

    def close(self) -> None:
        self.out.write("]\n" if self.started else "[]\n")
        self.out.flush()


class _JsonLinesWriter(_Writer):
    """One object a line."""

    def write(self, record: JsonObject) -> None:
        self.out.write(json.dumps(record, allow_nan=False) + "\n")
        self.out.flush()


WRITERS: dict[str, type[_Writer]] = {
    "table": _TableWriter,
    "json": _JsonWriter,
    "jsonl": _JsonLinesWriter,
    "csv": _CsvWriter,
}

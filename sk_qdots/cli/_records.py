"""What ``sk-qdots size`` writes: a record a file, as a table, as CSV, as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from ..sizing.records import COLUMNS, csv_row

if TYPE_CHECKING:
    from .._typing import JsonObject

__all__ = ["WRITERS", "more_columns"]


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

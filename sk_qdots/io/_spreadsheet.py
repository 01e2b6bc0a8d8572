"""Excel workbooks (``.xlsx``): a table on each sheet that has one.

A sheet is handed to the reader of text as lines, one for each row, so that the names of
its columns, units and wavelengths mean what they mean there. What a sheet knows better,
which column is which and what is a number, is settled before.

References
----------
.. [1] https://openpyxl.readthedocs.io/en/stable/optimized.html
"""

from __future__ import annotations

import datetime
import io
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from ._header import axis_named, role_of
from ._members import Archive
from ._scan import MAX_POINTS, MAX_SCANS, Columns, NoPattern, PatternError, Scan
from ._text import read_columns

__all__ = ["is_spreadsheet", "read_spreadsheet"]

Cell: TypeAlias = (
    str | int | float | bool | datetime.date | datetime.time | datetime.timedelta | None
)
Row: TypeAlias = Sequence[Cell]

_MAX_CELLS = 2_000_000  # with the empty ones between, of all sheets
_MAX_TAGS = 1_500_000  # of all parts: three columns of 100,000 points
_HEADER_ROWS = 8  # above the numbers, among which the names of the columns are
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_EMPTY_FORMULA = re.compile(
    rb"<c\b[^>]{0,200}>\s{0,20}<f\b[^>]{0,200}(?:/>|>[^<]{0,8000}</f>)\s{0,20}(?:<v>\s*</v>|<v\s*/>)?\s*</c>"
)
_COUNTER = re.compile(r"#|no\.?|nr\.?|index|row|point", re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENDLESS = re.compile(rb"<[^<>]{20000}")  # a tag that takes a parser long
_OTHERS = {
    "xl/workbook.bin": "an Excel workbook in binary form (.xlsb); save it as .xlsx",
    "content.xml": "a spreadsheet of LibreOffice (.ods); save it as .xlsx",
    "index/document.iwa": "a spreadsheet of Numbers; export it as Excel (.xlsx)",
}


def is_spreadsheet(names: list[str]) -> bool:
    """Whether the members of an archive are those of a workbook, of any program."""
    return any(name.lower() in ("xl/workbook.xml", *_OTHERS) for name in names)


def read_spreadsheet(
    source: str, raw: bytes, archive: Archive, columns: Columns | None
) -> list[Scan | NoPattern]:
    """Read the table of every sheet that has one."""
    members = {name.lower() for name in archive.names}
    for name, what in _OTHERS.items():
        if name in members and "xl/workbook.xml" not in members:
            raise PatternError(source, f"is {what}, or as columns of text (.csv)")
    empty_formulas = _check_parts(source, archive)
    sheets = [_Sheet(source, name, rows) for name, rows in _sheets(source, raw)]
    tables = [sheet for sheet in sheets if sheet.numeric]
    if not tables:
        raise PatternError(
            source,
            "is an Excel workbook whose formulas have no values yet; open it in Excel, save it, "
            "and read it again"
            if empty_formulas
            else "is an Excel workbook without a table of numbers (abscissa and intensity in "
            "columns)",
        )
    if columns is not None:
        having = [sheet for sheet in tables if sheet.has(columns)]
        tables = having or tables
    scans: list[Scan | NoPattern] = []
    for sheet in tables:
        try:
            scan = sheet.read(columns)
            scans.append(replace(scan, name=sheet.name) if len(tables) > 1 else scan)
        except PatternError as error:
            if len(tables) == 1:
                raise
            scans.append(NoPattern(source, f"sheet {sheet.name[:30]!r}: {error.reason}"))
    return scans


def _check_parts(source: str, archive: Archive) -> bool:
    """Refuse parts that are too large or declare entities; whether formulas lack values."""
    lacking, tags = False, 0
    for name in archive.names:
        if not name.lower().endswith((".xml", ".rels")):
            continue  # a picture, say, which nobody unpacks
        content = archive.read(name)
        if _DOCTYPE.search(content) or _ENDLESS.search(content):
            raise PatternError(source, f"its part {name[:60]!r} is not that of a workbook")
        tags += content.count(b"<")
        if tags > _MAX_TAGS:
            raise PatternError(
                source,
                f"its part {name[:60]!r} is too large for a pattern; save the columns of the "
                "pattern alone",
            )
        if "sheet" in name.lower():
            lacking = lacking or _EMPTY_FORMULA.search(content) is not None
    return lacking


def _sheets(source: str, raw: bytes) -> list[tuple[str, list[Row]]]:
    """Names of the sheets and their rows, from the first on."""
    try:
        import openpyxl
    except ImportError:
        raise PatternError(
            source,
            "is an Excel workbook, and openpyxl, which reads them, is not installed: pip install "
            '"sk_qdots[excel]", or save it as columns of text (.csv)',
        ) from None
    found: list[tuple[str, list[Row]]] = []
    left = _MAX_CELLS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats and extensions that are no data
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            for sheet in book.worksheets[:MAX_SCANS]:
                sheet.reset_dimensions()
                rows: list[Row] = []
                for row in sheet.iter_rows(values_only=True):
                    left -= len(row) + 1
                    if left < 0 or len(rows) >= MAX_POINTS:
                        raise PatternError(
                            source,
                            f"its sheet {sheet.title[:30]!r} is too large for a pattern; save the "
                            "columns of the pattern alone",
                        )
                    rows.append(row)
                found.append((str(sheet.title), rows))
    except PatternError:
        raise
    except Exception as error:  # openpyxl raises whatever the damaged parts lead it to
        said = " ".join(str(error).split())[:80]
        raise PatternError(
            source, f"is a damaged Excel workbook ({type(error).__name__}: {said}); copy it again"
        ) from None
    return found


@dataclass
class _Sheet:
    """The rows of a sheet."""

    source: str
    name: str
    rows: list[Row]

    def __post_init__(self) -> None:
        width = max((len(row) for row in self.rows), default=0)
        counts = np.zeros(width, int)
        for row in self.rows:
            for k, cell in enumerate(row):
                counts[k] += _number(cell) is not None
        enough = max(2, int(counts.max(initial=0)) // 2)
        self.width = width
        self.filled = [k for k in range(width) if counts[k]]
        self.numeric = [k for k in range(width) if counts[k] >= enough]
        if len(self.numeric) < 2:
            self.numeric = []
        self.names = self._names()

    def has(self, columns: Columns) -> bool:
        """Whether the sheet has the columns that are asked for."""
        try:
            self._chosen(columns)
        except PatternError:
            return False
        return True

    def read(self, columns: Columns | None) -> Scan:
        """Read the table."""
        if columns is None:
            used, explicit = self._usual(), None
        else:
            used = self._chosen(columns)
            explicit = tuple(range(len(used)))
        (scan,) = read_columns(self.source, list(self._lines(used)), explicit)
        return replace(scan, columns=tuple(self._label(k) for k in used))

    def _first(self, used: list[int]) -> int:
        """Row in which the numbers begin, from 0: the row below it has them, too."""
        before = None
        for k, row in enumerate(self.rows):
            cells = _cells(row, used)
            if all(_number(cell) is not None for cell in cells):
                if before is not None:
                    return before
                before = k
            elif any(map(_text, cells)):
                before = None
        if before is not None:
            return before
        listed = " and ".join(self._label(k)[:30] for k in used)
        raise PatternError(
            self.source, f"no row of the sheet has numbers in {listed}; {self._listed()}"
        )

    def _names(self) -> dict[int, str]:
        """Name of each column that has one: of the row above the numbers that knows most."""
        if not self.numeric:
            return {}
        above = self.rows[: self._first(self.numeric[:2])][::-1]
        best: dict[int, str] = {}
        score = 0
        for row in [row for row in above if any(map(_text, row))][:_HEADER_ROWS]:
            named = {k: _text(cell) for k, cell in enumerate(row) if _text(cell)}
            known = sum(role_of(name) != "unknown" for name in named.values())
            value = 100 * known + sum(k in named for k in self.numeric)
            if value > score and (len(named) > 1 or self.width == 1):
                best, score = named, value
        return best

    def _usual(self) -> list[int]:
        """Columns of abscissa, intensity and standard deviation, where nobody says which."""
        roles = {k: role_of(self.names[k]) for k in self.numeric if k in self.names}
        axes = [
            k
            for k, role in roles.items()
            if role == "axis" and axis_named(self.names[k]) != "other"
        ]
        intensities = [k for k, role in roles.items() if role == "intensity"]
        errors = [k for k, role in roles.items() if role == "error"]
        if axes and len(intensities) == 1 and (len(axes) == 1 or axes[0] == self.numeric[0]):
            return [axes[0], *intensities, *(errors if len(errors) == 1 else [])]
        if len(self.numeric) <= 3:
            return self.numeric
        raise PatternError(
            self.source,
            f"which columns are the abscissa and the intensity? {self._listed()}",
        )

    def _chosen(self, columns: Columns) -> list[int]:
        """Columns that the caller asks for: by number from 0, by name, or by letter."""
        chosen = [self._column(wanted) for wanted in columns]
        if len(set(chosen)) < len(chosen):
            raise PatternError(self.source, f"columns name the same column twice; {self._listed()}")
        return chosen

    def _column(self, wanted: int | str) -> int:
        if isinstance(wanted, int):
            if wanted < self.width:
                return wanted
            raise PatternError(self.source, f"there is no column {wanted}; {self._listed()}")
        plain = _plain(wanted)
        found = [k for k, name in self.names.items() if _plain(name) == plain]
        if not found:
            first = self._first(self.numeric[:2]) if self.numeric else 0
            above = [row for row in self.rows[:first] if any(map(_text, row))][-_HEADER_ROWS:]
            found = sorted(
                {k for row in above for k, cell in enumerate(row) if _plain(_text(cell)) == plain}
            )
        if len(found) > 1:
            letters = ", ".join(map(_letter, found))
            raise PatternError(
                self.source, f"{len(found)} columns are called {wanted[:30]!r}: say {letters}"
            )
        if found:
            return found[0]
        if re.fullmatch(r"[A-Za-z]{1,3}", wanted.strip()):
            column = -1
            for letter in wanted.strip().upper():
                column = 26 * (column + 1) + ord(letter) - ord("A")
            if column < self.width:
                return column
        raise PatternError(self.source, f"there is no column {wanted[:30]!r}; {self._listed()}")

    def _listed(self) -> str:
        """Which columns there are, and how to choose."""
        listed = ", ".join(self._described(k) for k in self.filled[:8])
        more = ", ..." if len(self.filled) > 8 else ""
        counted = [k for k in self.numeric if not _COUNTER.fullmatch(self.names.get(k, ""))]
        two = (counted or self.filled or [0])[:2]
        names = [self.names.get(k, _letter(k))[:30] for k in two]
        usual = ",".join(names)
        return (
            f"its columns are {listed}{more}: say which are abscissa, intensity (and standard "
            f"deviation) by name, letter or number from 0, such as columns={tuple(names)!r} "
            f"(--columns {usual})"
        )

    def _described(self, column: int) -> str:
        name = self.names.get(column)
        return f"{_letter(column)} ({name[:20]})" if name else _letter(column)

    def _label(self, column: int) -> str:
        return self.names.get(column, f"column {_letter(column)}")[:60]

    def _lines(self, used: list[int]) -> Iterator[str]:
        """The sheet as lines of text, each with the number of its row."""
        first = self._first(used)
        texts = (cell for row in self.rows[first:] for cell in _cells(row, used))
        comma = any(isinstance(c, str) and _DECIMAL_COMMA.fullmatch(c.strip()) for c in texts)
        for row in self.rows[:first]:
            cells = [_text(cell) for cell in _cells(row, used)]
            if all(cells) and all(_number(cell) is None for cell in _cells(row, used)):
                yield "\t".join(cells)  # of names, or of units
                continue
            named = axis_named(cells[0]) is not None  # above samples that have numbers as names
            words = " ".join(filter(None, cells if named else map(_text, row)))
            yield f"# {words}" if words else ""
        for number, row in enumerate(self.rows[first:], start=first + 1):
            found = _cells(row, used)
            if not any(map(_text, found)):
                yield ""
                continue
            fields = []
            for column, cell in zip(used, found, strict=True):
                if _number(cell) is None:
                    self._refuse(cell, f"{_letter(column)}{number}")
                fields.append(_written(cell, comma))
            yield "\t".join(fields)

    def _refuse(self, cell: Cell, where: str) -> None:
        """Refuse what stands where a number should."""
        if not _text(cell):
            what = "is empty; fill it, or remove its row"
        elif isinstance(cell, str):
            what = f"holds {cell[:30]!r}, which is no number; correct it, or remove its row"
        else:
            what = (
                f"holds {str(cell)[:30]!r}; Excel makes dates of what it takes for one: write the "
                "number again, in a cell of the format Number"
            )
        raise PatternError(self.source, f"cell {where} {what}")


def _cells(row: Row, used: list[int]) -> list[Cell]:
    return [row[k] if k < len(row) else None for k in used]


def _number(cell: Cell) -> float | None:
    """Number in a cell, also one that is kept as text; None where there is none."""
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        try:
            return float(cell)
        except OverflowError:
            return float("inf")
    if isinstance(cell, str) and any(c.isdigit() for c in cell) and "_" not in cell:
        text = cell.strip().replace("\u2212", "-")
        try:
            return float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
        except ValueError:
            return None
    return None


def _written(cell: Cell, comma: bool) -> str:
    """A number as the reader of text takes it: where it was one, nothing is left to doubt."""
    if isinstance(cell, str):
        return cell.strip()
    text = np.format_float_scientific(_number(cell) or 0.0, trim="-")
    return text.replace(".", ",") if comma else text


def _text(cell: Cell) -> str:
    """What a cell says, in one line."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.10g}"
    return " ".join(str(cell)[:300].split())


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _letter(column: int) -> str:
    """Letters of a column, from its number from 0."""
    letters = ""
    for _ in itertools.repeat(None, 4):
        letters = chr(ord("A") + column % 26) + letters
        column = column // 26 - 1
        if column < 0:
            break
    return letters

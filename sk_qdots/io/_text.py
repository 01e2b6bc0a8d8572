"""Columns of text: abscissa, intensity and perhaps the standard deviation.

Any delimiter, decimal points or commas, headers and comments; also the ``.chi`` files
of FIT2D (four lines of header) and those of pyFAI (comments).
"""

from __future__ import annotations

import csv
import re

import numpy as np

from .._typing import FloatArray
from ._header import Header, axis_named, role_of
from ._scan import MAX_POINTS, Columns, PatternError, Scan

__all__ = ["lines_of", "read_columns"]

_MAX_LINE = 10_000
_MAX_HEADER = 5_000  # lines
_COMMENT = re.compile(r"""\s*([#!%;'"*]|//)""")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_FORTRAN = re.compile(r"([+-]?[\d.,]+)[dD]([+-]?\d+)")
_THREE_DIGITS = re.compile(r"\d{3}(\.\d+)?")
_SHORT_INTEGER = re.compile(r"[+-]?\d{1,3}")
_GROUPED = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
_POINTS = re.compile(r"\s*\[(scan points|data)\]\s*$", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d+:\d\d")
_COUNT = re.compile(r"\s*(\d{1,9})(\s+\d)?\s*")
_DECIMALS = "write decimal points, and no separators between thousands"


def lines_of(source: str, raw: bytes) -> list[str]:
    """Lines of a text file, refused where they cannot be a pattern's."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        if b"\0" in raw:
            raise PatternError(
                source,
                "is not text, nor a format that is known; export the pattern as columns of text",
            )
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Rigaku's programs write Shift-JIS on Japanese machines.
            rigaku = raw.lstrip()[:5] in (b"*RAS_", b"*TYPE")
            text = raw.decode("cp932" if rigaku else "cp1252", errors="replace")
    text = text.replace("\u2212", "-")  # the minus sign of typographers
    lines = re.split(r"\r\n|\r|\n", text)
    if len(lines) > MAX_POINTS:
        raise PatternError(
            source,
            f"has {len(lines)} lines, and a pattern at most {MAX_POINTS} points; is this the "
            "right file?",
        )
    return lines


def read_columns(source: str, lines: list[str], columns: Columns | None = None) -> list[Scan]:
    """Read the one pattern of a table of text."""
    header = Header()
    start, declared = _fit2d(lines)
    marker = next((k for k, line in enumerate(lines[:_MAX_HEADER]) if _POINTS.match(line)), None)
    if marker is not None:
        start = marker + 1
    for line in lines[:start]:
        header.read(line)
    if declared is not None:
        header.settle_label(lines[1])
    table = _Table(source, header)
    for number, line in enumerate(lines[start:], start=start + 1):
        if not line.strip():
            continue
        if len(line) > _MAX_LINE:
            raise PatternError(source, f"line {number} has {len(line)} characters; that is no row")
        if not table.rows and number > _MAX_HEADER:
            break
        if _COMMENT.match(line) and not _is_quoted_row(line):
            if not table.rows:
                header.read(line)
        elif not table.add(number, line):
            header.read(line)
    values = table.finish()
    if declared is not None and len(values) != declared:
        raise PatternError(
            source,
            f"holds {len(values)} points, and its fourth line announces {declared}; is it cut "
            "short? Copy it again",
        )
    return [
        Scan(
            values[:, 0],
            values[:, 1],
            values[:, 2] if values.shape[1] == 3 else None,
            lines=table.numbers,
            **header.facts(),
        )
    ]


def _fit2d(lines: list[str]) -> tuple[int, int | None]:
    """Length of the header of a FIT2D ``.chi`` file and the points that it announces."""
    if len(lines) < 6 or not any(c.isalpha() for c in lines[1]):
        return 0, None
    if any(_numbers(re.split(r"[\s,;]+", line.strip())) is not None for line in lines[1:3]):
        return 0, None
    found = _COUNT.fullmatch(lines[3][:80])
    if found is None or int(found[1]) < 10 or _COMMENT.match(lines[1]):
        return 0, None
    if _numbers(lines[4].split()) is None:
        return 0, None
    # A label that is not known proves nothing; then the count must be that of the rows.
    if axis_named(lines[1]) is None and int(found[1]) != sum(map(bool, map(str.strip, lines[4:]))):
        return 0, None
    return 4, int(found[1])


def _is_quoted_row(line: str) -> bool:
    stripped = line.strip()
    return stripped.startswith(('"', "'")) and any(c.isdigit() for c in stripped[1:3])


class _Table:
    """Rows of numbers, one line after the other."""

    def __init__(self, source: str, header: Header) -> None:
        self.source = source
        self.header = header
        self.rows: list[list[float]] = []
        self.numbers: list[int] = []
        self.lone = 0  # a line of one number
        self.spoiled: tuple[int, list[str]] | None = None  # what may have been a row
        self.columns: list[int] | None = None  # those that are kept, of more than three
        self.width = 0
        self.empty: tuple[int, ...] = ()  # columns that hold nothing
        self.decimal = ""  # point or comma, once a number has shown which
        self.second: list[str] = []
        self.third: list[str] = []
        self.commas_in_first = False

    def add(self, number: int, line: str) -> bool:
        """Add a line; False where it is a header."""
        fields, by_comma = self._split(number, line)
        if not fields:
            return True
        values = self._values(number, fields, by_comma)
        if values is None:
            begun = self._values(number, fields[:1], by_comma) is not None
            if self.rows or (begun and not any(c.isalpha() for c in line)):
                self._refuse_row(number, fields)
            self.spoiled = (number, fields) if _may_be_row(line, fields) else None
            return False
        if not self.rows and len(values) == 1 and not self.lone:
            self.lone = number  # the number of points, say, above the rows
            return True
        if not self.rows:
            if self.spoiled is not None and len(self.spoiled[1]) == len(values):
                self._refuse_row(*self.spoiled)
            self._check_first(number, len(values), by_comma)
        elif len(values) != self.width:
            raise PatternError(
                self.source,
                f"line {number} has {len(values)} columns where line {self.numbers[0]} has "
                f"{self.width}; is the file cut short?",
            )
        if self.columns is not None:
            values = [values[k] for k in self.columns]
            fields = [fields[k] for k in self.columns]
        self.rows.append(values)
        self.numbers.append(number)
        self.second.append(fields[1])
        self.commas_in_first |= "," in fields[0]
        if len(fields) == 3:
            self.third.append(fields[2])
        return True

    def _refuse_row(self, number: int, fields: list[str]) -> None:
        raise PatternError(
            self.source,
            f"line {number} is not a row of numbers ({' '.join(fields)[:40]!r}); remove it or mark "
            "it with #",
        )

    def _refuse_lone(self, number: int) -> None:
        raise PatternError(
            self.source,
            f"line {number} has one column; expected abscissa and intensity "
            "(and a standard deviation)",
        )

    def finish(self) -> FloatArray:
        """Return all rows, checked for numbers that may be read in two ways."""
        if not self.rows and self.lone:
            self._refuse_lone(self.lone)
        if not self.rows:
            raise PatternError(
                self.source,
                "holds no numbers; expected two columns, abscissa and intensity",
            )
        self._check_thousands()
        return np.array(self.rows)

    def _split(self, number: int, line: str) -> tuple[list[str], bool]:
        """Fields of a line, and whether commas separate them.

        Tabs and semicolons separate before blanks, and commas only where they can be
        nothing else.
        """
        line = line.strip()
        quoted = '"' in line
        if "\t" in line or ";" in line:
            return self._without_empty(number, re.split(r"[\t;]", line.replace('"', ""))), False
        if "," not in line:
            return line.replace('"', "").replace("'", "").split(), False
        fields = line.replace('"', "").split()
        if not quoted and len(fields) > 1:
            if all(_DECIMAL_COMMA.fullmatch(f) for f in fields):
                return fields, False
            if all(_numbers([f.replace(",", "")]) for f in fields):
                inner = [f for f in fields if "," in f.strip(",")]
                if inner:
                    self._refuse(number, inner[0])
        fields = next(csv.reader([line], skipinitialspace=True)) if quoted else line.split(",")
        return self._without_empty(number, fields), not (quoted and any("," in f for f in fields))

    def _without_empty(self, number: int, fields: list[str]) -> list[str]:
        """Fields without those that are empty in every row; one that is empty once is missing."""
        fields = [field.strip() for field in fields]
        while fields and not fields[-1]:
            fields.pop()
        empty = tuple(k for k, field in enumerate(fields) if not field)
        if not empty and not self.empty:
            return fields
        kept = [field for field in fields if field]
        if not self.rows:
            if _numbers([field.replace(",", ".") for field in kept]) is not None:
                self.empty = empty
        elif empty != self.empty:
            raise PatternError(self.source, f"line {number} has an empty field; fill or remove it")
        return kept

    def _values(self, number: int, fields: list[str], by_comma: bool) -> list[float] | None:
        values = _numbers(fields)
        if values is not None and not any("," in f for f in fields):
            if any("." in f for f in fields):
                if self.decimal == ",":
                    self._refuse(number, next(f for f in fields if "." in f))
                self.decimal = "."
            return values
        if by_comma:
            return None
        if all(_DECIMAL_COMMA.fullmatch(f) or _numbers([f]) for f in fields):
            comma = next((f for f in fields if "," in f), None)
            if comma is not None:
                if self.decimal == "." or any("." in f for f in fields):
                    self._refuse(number, comma)
                self.decimal = ","
                return _numbers([f.replace(",", ".") for f in fields])
        for f in fields:
            if len(re.split(r"[,\s]+", f)) > 1 and _numbers(re.split(r"[,\s]+", f)) is not None:
                self._refuse(number, f)
        return None

    def _refuse(self, number: int, text: str) -> None:
        raise PatternError(
            self.source,
            f"line {number}: {text[:30]!r} is not one number; {_DECIMALS}, and one kind of "
            "separator between the columns",
        )

    def _check_first(self, number: int, width: int, by_comma: bool) -> None:
        """Settle which columns are what, from how many there are and what they are called."""
        if width == 1:
            self._refuse_lone(number)
        self.width = width
        self.header.settle(width)
        if self.header.names is not None:
            self._check_names(self.header.names)
        if width > 3 and self.columns is None:
            raise PatternError(
                self.source,
                f"line {number} has {width} columns; expected abscissa and intensity "
                "(and a standard deviation): keep these"
                + (f", and {_DECIMALS}" if by_comma else ""),
            )

    def _check_names(self, names: list[str]) -> None:
        """Refuse columns that their names call something else than what they would be."""
        roles = [role_of(name) for name in names]
        if len(names) > 3 and roles[0] == "axis" and roles.count("intensity") == 1:
            errors = [k for k, role in enumerate(roles) if role == "error"]
            self.columns = [0, roles.index("intensity"), *errors[:1]]
            return
        misplaced = [
            name for name, role in zip(names[1:], roles[1:], strict=True) if role == "axis"
        ]
        if misplaced or not names[0]:
            first = names[0] or "a row number"
            raise PatternError(
                self.source,
                f"its columns are called {', '.join(names)[:60]!r}: keep the abscissa first "
                f"(the first is {first[:20]!r}), then the intensity",
            )
        if roles[1] == "error" or (len(names) == 3 and roles[2] != "error"):
            which = 1 if roles[1] == "error" else 2
            expected = "the intensity" if which == 1 else "a standard deviation"
            raise PatternError(
                self.source,
                f"column {which + 1} is called {names[which][:30]!r}, which is not {expected}; "
                "keep abscissa and intensity (and a standard deviation, called esd)",
            )

    def _check_thousands(self) -> None:
        """Refuse columns that look like grouped thousands: 1,007 or 1.007 for 1007."""
        if (
            self.third
            and all(map(_THREE_DIGITS.fullmatch, self.third))
            and all(map(_SHORT_INTEGER.fullmatch, self.second))
        ):
            raise PatternError(
                self.source,
                f"the third column always has three digits ({self.third[0]}): are they "
                f"thousands? {_DECIMALS}",
            )
        grouped = [text for text in self.second if _GROUPED.fullmatch(text)]
        if not grouped:
            return
        others = [text for text in self.second if not _GROUPED.fullmatch(text)]
        mixed = all(map(_SHORT_INTEGER.fullmatch, others)) and any(len(t) == 3 for t in others)
        bare = not others and "," in grouped[0] and not self.commas_in_first
        if mixed or bare:
            beside = f"mix {others[0]} and {grouped[0]}" if mixed else f"are like {grouped[0]}"
            mark = "point" if "." in grouped[0] else "comma"
            raise PatternError(
                self.source,
                f"the intensities {beside}: is the {mark} between thousands? {_DECIMALS}",
            )


def _numbers(fields: list[str]) -> list[float] | None:
    try:
        if any("_" in field for field in fields):
            return None
        return [float(field) for field in fields]
    except ValueError:
        pass
    try:
        return [float(_FORTRAN.sub(r"\1e\2", field)) for field in fields]
    except ValueError:
        return None


def _may_be_row(line: str, fields: list[str]) -> bool:
    """Whether a line that is no row has a number in each field, and is no date."""
    numbered = all(any(c.isdigit() for c in field) for field in fields)
    wordless = not any(c.isalpha() for c in line)
    return numbered and wordless and len(fields) > 1 and _DATE.search(line) is None

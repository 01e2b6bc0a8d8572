"""Rows of numbers from lines of text, read with care: nothing is guessed silently."""

from __future__ import annotations

import csv
import re
from itertools import chain
from pathlib import Path

import numpy as np

from .._typing import FloatArray
from ._header import Header, role_of
from ._reduced import REDUCED_SUFFIXES, why_no_pattern
from ._scan import PatternError

__all__ = ["END", "Table", "numbers_of"]

_DECIMAL_COMMA = re.compile(r"[+-]?(\d+(,\d+)?|,\d+)([eE][+-]?\d+)?")
_FORTRAN = re.compile(r"([+-]?[\d.,]+)[dD]([+-]?\d+)")
_THREE_DIGITS = re.compile(r"\d{3}(\.\d+)?")
_SHORT_INTEGER = re.compile(r"[+-]?\d{1,3}")
_GROUPED = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d+:\d\d")
_DECIMALS = "write decimal points, and no separators between thousands"
_CHOOSE = "such as columns=(0, 1) (--columns 0,1)"
END = re.compile(
    r"\s*(?:&|[*#$.]*(?:END|EOF)(?:[ _-]?OF[ _-]?(?:FILE|DATA))?[.;]?)\s*", re.IGNORECASE
)
_END_ANGLE = -999.0
_MIN_BESIDE = 3  # lines
_MANY = 40  # columns
_ORDINARY = b"0123456789+-.,;eE \t\n"  # what rows that need no care are made of


class Table:
    """Rows of numbers, one line after the other."""

    def __init__(self, source: str, header: Header, *, last: int = 0, chosen: bool = False) -> None:
        self.source = source
        self.header = header
        self.last = last  # number of the last line, where the file stops in it; else 0
        self.chosen = chosen  # whether the caller said which columns are what
        self.cut = False
        self.by_comma = False
        self.n_named = 0  # columns that the row of names above has, by its commas
        self.loose = True  # whether what separates columns may separate thousands
        self.rows: list[list[float]] = []
        self.block: FloatArray | None = None  # the rows after the first that were read at once
        self.numbers: list[int] = []
        self.lone = 0  # a line of one number
        self.ended = ""  # by which line, where one says so
        self.beside: list[tuple[int, list[str]]] = []  # lines of numbers with words beside
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
        if self.ended:
            raise PatternError(
                self.source,
                f"line {number} follows the end of the rows ({self.ended}); keep one table in a "
                "file",
            )
        values = self._values(number, fields, by_comma)
        if self.rows and (END.fullmatch(line) or _is_end(values)):
            self.ended = f"line {number}: {line.strip()[:20]!r}"
            return True
        if values is None:
            if len(fields) > 2 and _n_numbers(fields[:_MANY]) > 1:
                self.beside.append((number, fields))
            begun = self._values(number, fields[:1], by_comma) is not None
            if self.rows or (begun and not any(c.isalpha() for c in line)):
                self._refuse_row(number, fields)
            self.spoiled = (number, fields) if _may_be_row(line, fields) else None
            if not self.rows and any(role_of(field) != "unknown" for field in fields):
                self.n_named = line.count(",") + 1
            return False
        if not self.rows and len(values) == 1 and not self.lone:
            self.lone = number  # the number of points, say, above the rows
            return True
        if not self.rows:
            if self.spoiled is not None and len(self.spoiled[1]) == len(values):
                self._refuse_row(*self.spoiled)
            if by_comma and self.n_named == 2 and len(values) in (3, 4) and "." not in line:
                self._refuse(number, ",".join(fields[1:3]))
            self._check_first(number, len(values), by_comma)
        elif number == self.last and self._is_cut(fields, self.third or self.second):
            self.cut = True
            return True
        elif len(values) != self.width:
            raise PatternError(
                self.source,
                f"line {number} has {len(values)} columns where line {self.numbers[0]} has "
                f"{self.width}; "
                + (
                    f"if line {self.numbers[0]} belongs to a header, mark it with # or remove it"
                    if len(self.rows) == 1
                    else "is the file cut short?"
                ),
            )
        if self.columns is not None:
            values = [values[k] for k in self.columns]
            fields = [fields[k] for k in self.columns]
        self.by_comma = by_comma
        self.loose = not ("\t" in line or ";" in line)
        self.rows.append(values)
        self.numbers.append(number)
        self.second.append(fields[1])
        self.commas_in_first |= "," in fields[0]
        if len(fields) == 3:
            self.third.append(fields[2])
        return True

    def add_block(self, first: int, lines: list[str]) -> bool:
        """Add all lines after the first row at once, if not one of them needs care."""
        try:
            text = "\n".join(lines).encode("ascii")
        except UnicodeEncodeError:
            return False
        commas, points = b"," in text, b"." in text
        if text.translate(None, _ORDINARY) or b"\t\t" in text or len(self.rows) != 1:
            return False
        decimal_commas = commas and not self.by_comma
        if points and (decimal_commas or self.decimal == ","):
            return False
        if decimal_commas and self.decimal == ".":
            return False
        mark = "," if self.by_comma else ";" if b";" in text else None
        rows = [row for line in lines if (row := _fields(line, mark))]
        if not rows or set(map(len, rows)) != {self.width} or not all(map(all, rows)):
            return False
        last = self._last_kept()
        if self._is_cut(rows[-1], [row[last] for row in rows[:-1]]):
            return False
        if rows[-1][0].startswith("-"):  # of what ends the rows, perhaps
            return False
        kept = range(self.width) if self.columns is None else self.columns
        texts = [[row[k] for row in rows] for k in kept]
        if decimal_commas and not all(map(_DECIMAL_COMMA.fullmatch, chain.from_iterable(texts))):
            return False
        fields = chain.from_iterable(texts)
        try:
            values = [float(f.replace(",", ".") if decimal_commas else f) for f in fields]
        except ValueError:
            return False
        if decimal_commas:
            self.decimal = ","
        self.block = np.array(values).reshape(len(texts), len(rows)).T
        self.numbers += [k for k, line in enumerate(lines, start=first) if line.strip()]
        self.second += texts[1]
        self.third += texts[2] if len(texts) == 3 else []
        self.commas_in_first |= any("," in field for field in texts[0])
        return True

    def kept_names(self) -> tuple[str, ...]:
        """Names of the columns that were kept, where they have names."""
        names = self.header.names
        if names is None or not (self.chosen or self.columns):
            return ()
        return tuple(names if self.columns is None else (names[k] for k in self.columns))

    def _last_kept(self) -> int:
        return self.width - 1 if self.columns is None else self.columns[-1]

    def _is_cut(self, fields: list[str], above: list[str]) -> bool:
        """Whether the last line, that nothing ends, is a piece of a row."""
        if not self.last:
            return False
        if len(fields) < self.width:
            return True
        # The last number has fewer decimals than every one above it.
        decimals = set(map(_n_decimals, above[-20:]))
        own = _n_decimals(fields[self._last_kept()])
        return len(above) > 5 and len(decimals) == 1 and own < min(decimals)

    def _refuse_row(self, number: int, fields: list[str]) -> None:
        raise PatternError(
            self.source,
            f"line {number} is not a row of numbers ({' '.join(fields)[:40]!r}); remove it or mark "
            "it with #"
            + (
                f", or say which columns count, {_CHOOSE}"
                if self.width and len(fields) > self.width and _n_numbers(fields[: self.width]) > 1
                else ""
            ),
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
        if not self.rows and len(self.beside) >= _MIN_BESIDE:
            number, fields = self.beside[-1]
            numbered = [k for k, field in enumerate(fields[:_MANY]) if _is_number(field)]
            two = (numbered[0], numbered[1])
            raise PatternError(
                self.source,
                f"has words or dates beside its numbers (line {number}: "
                f"{' '.join(fields)[:40]!r}); say which columns are abscissa and intensity (and "
                f"standard deviation), from 0, such as columns={two} (--columns {two[0]},{two[1]})",
            )
        if not self.rows:
            raise PatternError(
                self.source,
                "holds no numbers; expected two columns, abscissa and intensity",
            )
        self._check_thousands()
        rows = np.array(self.rows)
        return rows if self.block is None else np.concatenate([rows, self.block])

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
            if all(numbers_of([f.replace(",", "")]) for f in fields):
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
            if numbers_of([field.replace(",", ".") for field in kept]) is not None:
                self.empty = empty
        elif empty != self.empty:
            raise PatternError(self.source, f"line {number} has an empty field; fill or remove it")
        return kept

    def _values(self, number: int, fields: list[str], by_comma: bool) -> list[float] | None:
        values = numbers_of(fields)
        if values is not None and not any("," in f for f in fields):
            if any("." in f for f in fields):
                if self.decimal == ",":
                    self._refuse(number, next(f for f in fields if "." in f))
                self.decimal = "."
            return values
        if by_comma:
            return None
        if all(_DECIMAL_COMMA.fullmatch(f) or numbers_of([f]) for f in fields):
            comma = next((f for f in fields if "," in f), None)
            if comma is not None:
                if self.decimal == "." or any("." in f for f in fields):
                    self._refuse(number, comma)
                self.decimal = ","
                return numbers_of([f.replace(",", ".") for f in fields])
        for f in fields:
            if len(re.split(r"[,\s]+", f)) > 1 and numbers_of(re.split(r"[,\s]+", f)) is not None:
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
        self.header.refuse_other_scan(self.source)
        self._refuse_reduced()
        if self.chosen:
            return
        if self.header.names is not None:
            self._check_names(self.header.names)
        if width > 3 and self.columns is None:
            raise PatternError(
                self.source,
                f"line {number} has {width} columns; expected abscissa and intensity "
                f"(and a standard deviation): say which these are, {_CHOOSE}"
                + (f", and {_DECIMALS}" if by_comma else ""),
            )

    def _refuse_reduced(self) -> None:
        """Refuse what was computed from a pattern and is none."""
        name, words = self.header.function, self.header.function_words
        suffix = Path(self.source).suffix.lower()
        said = f"as its header says ({words!r})" if name else f"by its name, {suffix}"
        if not name and not self.header.has_intensity:
            name = REDUCED_SUFFIXES.get(suffix.rstrip("0123456789"), "")
        if name:
            raise PatternError(self.source, why_no_pattern(name, said))

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
                f"its columns are called {', '.join(names)[:60]!r}, and the abscissa must come "
                f"first (the first is {first[:20]!r}), then the intensity: say which these are, "
                f"{_CHOOSE}",
            )
        if roles[1] == "error" or (len(names) == 3 and roles[2] != "error"):
            which = 1 if roles[1] == "error" else 2
            expected = "the intensity" if which == 1 else "a standard deviation"
            raise PatternError(
                self.source,
                f"column {which + 1} is called {names[which][:30]!r}, which is not {expected}; "
                "say which columns are abscissa and intensity (and standard deviation), "
                f"{_CHOOSE}",
            )

    def _check_thousands(self) -> None:
        """Refuse columns that look like grouped thousands: 1,007 or 1.007 for 1007."""
        if (
            self.third
            and self.loose
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


def _is_number(field: str) -> bool:
    return numbers_of([field.replace(",", ".")]) is not None


def _n_numbers(fields: list[str]) -> int:
    return sum(map(_is_number, fields))


def _is_end(values: list[float] | None) -> bool:
    """Whether a row is the one that ends a file of FullProf: an angle of -1000, no counts."""
    return values is not None and values[0] <= _END_ANGLE and not any(values[1:])


def _fields(line: str, mark: str | None) -> list[str]:
    """Fields of a row; empty ones stand between two marks. None of a line without anything."""
    if mark is None or not line.strip():
        return line.split()
    return [field.strip() for field in line.split(mark)]


def _n_decimals(text: str) -> int:
    return len(text.rpartition(".")[2]) if "." in text else 0


def numbers_of(fields: list[str]) -> list[float] | None:
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

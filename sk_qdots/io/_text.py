"""Columns of text: abscissa, intensity and perhaps the standard deviation.

Any delimiter, decimal points or commas, headers and comments; also the ``.chi`` files
of FIT2D (four lines of header) and those of pyFAI (comments).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._axis import axis_named
from ._scan import MAX_POINTS, PatternError, Scan, Wavelength, doublet

__all__ = ["Header", "lines_of", "read_columns"]

Array = npt.NDArray[Any]

_MAX_LINE = 10_000
_MAX_HEADER = 5_000  # lines
_COMMENT = re.compile(r"""\s*([#!%;'"*]|//)""")
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?")
_FORTRAN = re.compile(r"([+-]?[\d.,]+)[dD]([+-]?\d+)")
_THREE_DIGITS = re.compile(r"\d{3}")
_SHORT_INTEGER = re.compile(r"[+-]?\d{1,3}")
_GROUPED = re.compile(r"[+-]?\d{1,3}[.,]\d{3}")
_COUNT = re.compile(r"\s*(\d+)(\s+\d+)?\s*")
_NO_ESD = re.compile(r"calc|fit|diff|resid|back|bkg|obs|blank|q\b", re.IGNORECASE)
_DECIMALS = "write decimal points, and no separators between thousands"

_NUMBER = r"([-+]?\d*\.?\d+(?:[eE][-+]?\d+)?)"
_WAVELENGTH = re.compile(
    r"(?P<line>alpha[-_ ]?1|alpha[-_ ]?2|beta)?\W{0,3}(?:wave[-_ ]?length|lambda|λ)"
    r"[-_ ]?(?P<after>alpha[-_ ]?1|alpha[-_ ]?2|beta|1|2)?"
    r"[\s\"']*(?:[(\[](?P<in>[^)\]]{1,10})[)\]])?[\s\"']*[:=,]?[\s\"']*"
    + _NUMBER.replace("(", "(?P<value>", 1)
    + r"\s*(?P<unit>Å|A\b|ang\w*|nm\b|m\b)?",
    re.IGNORECASE,
)
_RATIO = re.compile(r"ratio\b.{0,40}?[,:=\s]" + _NUMBER + r"\s*$", re.IGNORECASE)
_ENERGY = re.compile(
    r"energy\W{0,6}(?:\(?(?P<in>k?eV)\)?)?\W{0,4}"
    + _NUMBER.replace("(", "(?P<value>", 1)
    + r"\s*(?P<unit>k?eV)?",
    re.IGNORECASE,
)


@dataclass
class Header:
    """What the lines before the data say."""

    axis: str | None = None
    words: str = ""
    lines: dict[str, float] = field(default_factory=dict)

    def read(self, line: str) -> None:
        """Take from a line what it says of the axis and of the wavelength."""
        if len(line) > _MAX_LINE:
            return
        axis = axis_named(line)
        if axis is not None:
            self.axis, self.words = axis, " ".join(line.strip(" \t#!%;'\"*/").split())[:40]
        found = _WAVELENGTH.search(line)
        if found:
            named = (found["line"] or found["after"] or "").lower()
            which = named[-1] if named else "0"  # 0, 1, 2 or the a of beta
            value = _in_angstrom(float(found["value"]), found["unit"] or found["in"] or "")
            if value is not None and which != "a":
                self.lines.setdefault(which, value)
        ratio = _RATIO.search(line)
        if ratio and "alpha" in line.lower():
            self.lines.setdefault("ratio", float(ratio[1]))
        energy = _ENERGY.search(line)
        if energy and (energy["unit"] or energy["in"]):
            value = float(energy["value"])
            if (energy["unit"] or energy["in"]).lower() == "ev":
                value /= 1000.0
            if value > 0.0 and 0.05 < HC_KEV_ANGSTROM / value < 5.0:
                self.lines.setdefault("0", HC_KEV_ANGSTROM / value)

    @property
    def wavelength(self) -> Wavelength | None:
        """The wavelength that was read."""
        if "0" in self.lines:
            return Wavelength(self.lines["0"], "as the header says")
        return doublet(self.lines.get("1"), self.lines.get("2"), self.lines.get("ratio"))


def _in_angstrom(value: float, unit: str) -> float | None:
    unit = unit.strip().lower()
    factor = {"nm": 10.0, "m": 1e10}.get(unit, 1.0)
    if not unit and 0.0 < value < 1e-8:
        factor = 1e10  # metres, as pyFAI keeps them
    value *= factor
    return value if 0.05 < value < 5.0 else None


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
            text = raw.decode("cp1252", errors="replace")
    lines = re.split(r"\r\n|\r|\n", text)
    if len(lines) > MAX_POINTS:
        raise PatternError(
            source,
            f"has {len(lines)} lines, and a pattern at most {MAX_POINTS} points; is this the "
            "right file?",
        )
    return lines


def read_columns(source: str, lines: list[str]) -> list[Scan]:
    """Read the one pattern of a table of text."""
    header = Header()
    start, declared = _fit2d(lines)
    for line in lines[:start]:
        header.read(line)
    table = _Table(source)
    label = ""
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
                label = line
            continue
        if not table.add(number, line):
            header.read(line)
            label = line
    values = table.finish()
    if declared is not None and len(values) != declared:
        raise PatternError(
            source,
            f"holds {len(values)} points, and its fourth line announces {declared}; is it cut "
            "short? Copy it again",
        )
    _check_third(source, label, values.shape[1])
    return [
        Scan(
            values[:, 0],
            values[:, 1],
            values[:, 2] if values.shape[1] == 3 else None,
            header.axis,
            header.words,
            header.wavelength,
            lines=table.numbers,
        )
    ]


def _fit2d(lines: list[str]) -> tuple[int, int | None]:
    """Length of the header of a FIT2D ``.chi`` file and the points that it announces."""
    if len(lines) < 6 or not any(c.isalpha() for c in lines[1]):
        return 0, None
    if any(_numbers(re.split(r"[\s,;]+", line.strip())) is not None for line in lines[1:3]):
        return 0, None
    found = _COUNT.fullmatch(lines[3][:80])
    if found is None or _numbers(lines[4].split()) is None or _COMMENT.match(lines[1]):
        return 0, None
    return 4, int(found[1])


def _is_quoted_row(line: str) -> bool:
    stripped = line.strip()
    return stripped.startswith(('"', "'")) and any(c.isdigit() for c in stripped[1:3])


class _Table:
    """Rows of numbers, one line after the other."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.rows: list[list[float]] = []
        self.numbers: list[int] = []
        self.decimal = ""  # point or comma, once a number has shown which
        self.by_comma = False
        self.third: list[str] = []
        self.second: list[str] = []
        self.commas_in_first = False

    def add(self, number: int, line: str) -> bool:
        """Add a line; False where it is a header."""
        fields, by_comma = self._split(number, line)
        if not fields:
            return True
        values = self._values(number, fields, by_comma)
        if values is None:
            if self.rows or self._values(number, fields[:1], by_comma) is not None:
                raise PatternError(
                    self.source,
                    f"line {number} is not a row of numbers ({' '.join(fields)[:40]!r}); "
                    "remove it or mark it with #",
                )
            return False
        if not self.rows:
            self._check_first(number, len(values), by_comma)
            self.by_comma = by_comma
        elif len(values) != len(self.rows[0]):
            raise PatternError(
                self.source,
                f"line {number} has {len(values)} columns where line {self.numbers[0]} has "
                f"{len(self.rows[0])}; is the file cut short?",
            )
        self.rows.append(values)
        self.numbers.append(number)
        self.second.append(fields[1])
        self.commas_in_first |= "," in fields[0]
        if len(fields) == 3 and by_comma:
            self.third.append(fields[2])
        return True

    def finish(self) -> Array:
        """Return all rows, checked for numbers that may be read in two ways."""
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
        line = line.strip().replace('"', "").replace("'", "")
        if "\t" in line or ";" in line:
            fields = re.split(r"[\t;]", line)
        elif "," in line:
            fields = line.split()
            if len(fields) < 2 or not all(_DECIMAL_COMMA.fullmatch(f) for f in fields):
                if len(fields) > 1 and all(_numbers([f.replace(",", "")]) for f in fields):
                    inner = [f for f in fields if "," in f.strip(",")]
                    if inner:
                        self._refuse(number, inner[0])
                return [f.strip() for f in line.rstrip(", ").split(",")], True
        else:
            fields = line.split()
        return [f.strip() for f in fields if f.strip()], False

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
        if width == 1:
            raise PatternError(
                self.source,
                f"line {number} has one column; expected abscissa and intensity "
                "(and a standard deviation)",
            )
        if width > 3:
            raise PatternError(
                self.source,
                f"line {number} has {width} columns; expected abscissa and intensity "
                "(and a standard deviation): keep these"
                + (f", and {_DECIMALS}" if by_comma else ""),
            )

    def _check_thousands(self) -> None:
        """Refuse columns that look like grouped thousands: 1,007 or 1.007 for 1007."""
        if self.third and all(map(_THREE_DIGITS.fullmatch, self.third)):
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


def _check_third(source: str, label: str, width: int) -> None:
    """Refuse a third column that its label calls something else than an error."""
    names = re.split(r"[\t;,]|\s{2,}|\s", label.strip(" \t#!%;'\"*/\r\n"))
    names = [name.strip("\"' ") for name in names if name.strip("\"' ")]
    if width == 3 and len(names) == 3 and _NO_ESD.search(names[2]):
        raise PatternError(
            source,
            f"the third column is called {names[2][:30]!r}, which is no standard deviation; keep "
            "abscissa and intensity",
        )

"""Tables of which a caller says which columns count: only these are left."""

from __future__ import annotations

import csv
import re
from collections import Counter

from ._header import column_names, unit_of
from ._scan import Columns, PatternError
from ._table import END

__all__ = ["keep_columns"]

_MARKS = " \t#!%;'*/\ufeff"
_UNIT = re.compile(r"[ _]*[(\[/].*")
_NUMBER = re.compile(r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eEdD][+-]?\d+)?")
_MANY = 500  # lines of a header at most; tables whose columns are many have short ones


def keep_columns(source: str, lines: list[str], start: int, columns: Columns) -> list[str]:
    """Lines of a text whose rows hold only the columns that are asked for, by tabs.

    Lines that are no rows of the table, and no row of names, stay as they are.

    Parameters
    ----------
    source : str
    lines : list of str
    start : int
        Lines of a header whose length is known.
    columns : tuple of int or str
    """
    split = [_fields(line) if k >= start else [] for k, line in enumerate(lines)]
    widths = Counter(len(f) for f in split if len(f) > 1 and _n_numbers(f))
    if not widths:
        raise PatternError(source, "holds no table of numbers with two columns or more")
    width = widths.most_common(1)[0][0]
    first = next((k for k, f in enumerate(split) if len(f) == width and _n_numbers(f) > 1), 0)
    named, names = _names(lines, first, width, columns)
    indices = [_index(source, column, names, width) for column in columns]
    kept = list(lines)
    if named is not None and names is not None:
        kept[named] = "\t".join(names[k] for k in indices)
        for k in range(named + 1, first):  # units
            if len(split[k]) == width:
                kept[k] = "\t".join(split[k][i] for i in indices)
    for k, fields in enumerate(split):
        if k < first or not lines[k].strip() or lines[k].lstrip()[:1] in "#!%":
            continue
        if END.fullmatch(lines[k]):
            break
        chosen = [fields[i] if i < len(fields) else "" for i in indices]
        if len(fields) == width and all(chosen):
            kept[k] = "\t".join(chosen)
        elif not any(chosen):
            kept[k] = ""  # a row of other columns
        elif k == len(lines) - 1 and len(fields) < width:
            kept[k] = chosen[0]  # the file stops within it
        else:
            raise PatternError(
                source,
                f"line {k + 1} has {len(fields)} columns where line {first + 1} has {width}, or an "
                "empty field in one that is asked for; fill or remove it",
            )
    return kept


def _n_numbers(fields: list[str]) -> int:
    return sum(_NUMBER.fullmatch(field) is not None for field in fields)


def _fields(line: str) -> list[str]:
    """Fields of a line, the empty ones as well."""
    line = line.strip("\r\n ")
    if "\t" in line or ";" in line:
        return [f.strip(" \"'") for f in re.split(r"[\t;]", line)]
    if '"' in line:
        return [f.strip() for f in next(csv.reader([line], skipinitialspace=True), [])]
    blanks = line.split()
    if "," in line and not (len(blanks) > 1 and all(map(_NUMBER.fullmatch, blanks))):
        return [f.strip() for f in line.split(",")]
    return blanks


def _names(
    lines: list[str], first: int, width: int, columns: Columns
) -> tuple[int | None, list[str] | None]:
    """Line of the names of the columns, and the names: those that are asked for, or the nearest."""
    wanted = {c.strip().casefold() for c in columns if isinstance(c, str)}
    nearest: tuple[int | None, list[str] | None] = None, None
    for k in range(first - 1, max(first - _MANY, -1), -1):
        line = lines[k].strip()
        bare = line.strip(_MARKS)
        if not any(c.isalpha() for c in bare):
            continue
        fields = [name.strip(_MARKS + '"') for name in _fields(bare)]
        plain = len(fields) == width and not _n_numbers(fields)
        names = fields if plain else column_names(line, width)
        if names is None:
            continue
        if nearest[0] is None:
            nearest = k, names
        known = {n.casefold() for n in names} | {_UNIT.sub("", n.casefold()) for n in names}
        units = all(n.startswith(("[", "(")) or unit_of(n) for n in names if n)
        if wanted & known or (not wanted and not units):
            return k, names
    return nearest


def _index(source: str, column: int | str, names: list[str] | None, width: int) -> int:
    """Number of a column that is asked for by its number or its name."""
    if isinstance(column, int):
        if column < width:
            return column
        raise PatternError(
            source, f"has no column {column}: its rows have {width}, {_listed(names, width)}"
        )
    if names is None:
        raise PatternError(
            source,
            f"has no row of names above its rows, so column {column!r} cannot be found; give the "
            f"numbers of the columns, 0 to {width - 1}",
        )
    for form in (str, str.casefold, lambda name: _UNIT.sub("", name.casefold())):
        found = [k for k, name in enumerate(names) if form(name) == form(column.strip())]
        if len(found) == 1:
            return found[0]
        if found:
            break
    many = "several columns" if found else "no column"
    raise PatternError(source, f"has {many} called {column[:30]!r}: {_listed(names, width)}")


def _listed(names: list[str] | None, width: int) -> str:
    """Numbers of the columns, with their names."""
    if names is None:
        return f"numbered 0 to {width - 1}"
    listed = ", ".join(f"{k} {name[:20]!r}" for k, name in enumerate(names[:12]))
    return listed + (", ..." if width > 12 else "")

"""Columns of text: abscissa, intensity and perhaps the standard deviation.

Any delimiter, decimal points or commas, headers and comments; also the ``.chi`` files
of FIT2D (four lines of header) and those of pyFAI (comments).
"""

from __future__ import annotations

import re

import numpy as np

from .._typing import FloatArray
from ._chosen import keep_columns
from ._header import Header, axis_named
from ._scan import MAX_POINTS, Columns, PatternError, Scan, stopped
from ._table import Table, numbers_of

__all__ = ["MAX_LINE", "lines_of", "read_columns"]

MAX_LINE = 10_000  # characters
_MAX_NULS = 8  # bytes of value 0 in a text; more are no text
_ESD_FACTOR = 5.0
_VARIED = 3.0  # times the low intensities are the high ones where an esd must go ...
_RELATED = -0.3  # ... not against them, by their ranks
_MAX_HEADER = 5_000  # lines
_COMMENT = re.compile(r"""\s*([#!%;'"*]|//)""")
_POINTS = re.compile(r"\s*\[(scan points|data)\]\s*$", re.IGNORECASE)
_COUNT = re.compile(r"\s*(\d{1,9})(\s+\d)?\s*")


def lines_of(source: str, raw: bytes) -> list[str]:
    """Lines of a text file, refused where they cannot be a pattern's."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
    else:
        n_nuls = raw.count(b"\0")
        if n_nuls > _MAX_NULS or 1000 * n_nuls > len(raw):
            raise PatternError(
                source,
                "is not text, nor a format that is known (of Rigaku's .bin no description is); "
                "export the pattern as columns of text",
            )
        raw = raw.replace(b"\0", b" ")  # one in a title
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Rigaku's programs write Shift-JIS on Japanese machines.
            rigaku = raw.lstrip()[:5] in (b"*RAS_", b"*TYPE")
            text = raw.decode("cp932" if rigaku else "cp1252", errors="replace")
    text = text.replace("\u2212", "-")  # the minus sign of typographers
    if text.rstrip().endswith("\x1a"):  # which ends files of DOS
        text = text.rstrip("\x1a \t\r\n") + "\n"
    lines = re.split(r"\r\n|\r|\n", text)
    if len(lines) > MAX_POINTS:
        raise PatternError(
            source,
            f"has {len(lines)} lines, and a pattern at most {MAX_POINTS} points; is this the "
            "right file?",
        )
    return lines


def read_columns(source: str, lines: list[str], columns: Columns | None = None) -> list[Scan]:
    """Read the one pattern of a table of text.

    Parameters
    ----------
    source : str
    lines : list of str
    columns : tuple of int or str, or None
        Which columns are abscissa, intensity (and standard deviation); None for the
        first ones.
    """
    header = Header()
    start, declared = _fit2d(lines)
    marker = next((k for k, line in enumerate(lines[:_MAX_HEADER]) if _POINTS.match(line)), None)
    if marker is not None:
        start = marker + 1
    for line in lines[:start]:
        header.read(line)
    if declared is not None:
        header.settle_label(lines[1])
    if columns is not None:
        lines = keep_columns(source, lines, start, columns)
    last = len(lines) if lines[-1].strip() else 0
    table = Table(source, header, last=last, chosen=columns is not None)
    for number, line in enumerate(lines[start:], start=start + 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            raise PatternError(source, f"line {number} has {len(line)} characters; that is no row")
        if not table.rows and number > _MAX_HEADER:
            break
        if _COMMENT.match(line) and not _is_quoted_row(line):
            if not table.rows:
                header.read(line)
        elif not table.add(number, line):
            header.read(line)
        elif len(table.rows) == 1 and table.add_block(number + 1, lines[number:]):
            break
    values = table.finish()
    if declared is not None and len(values) > declared:
        raise PatternError(
            source,
            f"holds {len(values)} points, and its fourth line announces {declared}; correct the "
            "one that is wrong",
        )
    if declared is not None and last and not table.cut and len(values) < declared:
        values = values[:-1]  # the row that the file stops in
    warnings = []
    if table.cut or (declared is not None and len(values) < declared):
        warnings.append(stopped(len(values), declared))
    esd = values[:, 2] if values.shape[1] == 3 else None
    # By the caller, or by a name; these may be seconds and something else.
    named = columns is not None or (header.names is not None and header.names[-1] not in ("s", "e"))
    if esd is not None and not named and not _is_esd(values[:, 1], esd):
        begins = ", ".join(f"{e:g}" for e in esd[:2])
        warnings.append(
            f"its third column ({begins}, ...) is not the standard deviation of the counts, by its "
            "size, and is left out; if it is one, say so: columns=(0, 1, 2) (--columns 0,1,2)"
        )
        esd = None
    return [
        Scan(
            values[:, 0],
            values[:, 1],
            esd,
            lines=table.numbers,
            warnings=tuple(warnings),
            columns=table.kept_names(),
            **header.facts(),
        )
    ]


def _is_esd(intensity: FloatArray, esd: FloatArray) -> bool:
    """Whether a column can be the standard deviation of the one before it, by its size.

    It is within a factor of five of the square root of the counts or, where the
    intensities are not counts, of the scatter from point to point. It is not the same
    everywhere nor ever rising or falling, as flags, times and angles are, and where the
    intensities vary much it does not go against them.
    """
    if not (np.isfinite(esd).all() and (esd >= 0.0).all()):
        return False
    counted = (intensity > 0.0) & (esd > 0.0)
    if counted.sum() < 3:
        return False
    y, sigma = intensity[counted], esd[counted]
    steps = np.diff(sigma)
    if (steps >= 0.0).all() or (steps <= 0.0).all():
        return False
    low, high = np.percentile(y, [5.0, 95.0])
    if high > _VARIED * low and _rank_correlation(y, sigma) < _RELATED:
        return False
    typical = float(np.median(sigma))
    scatter = float(np.median(np.abs(np.diff(intensity, 2)))) / (0.6745 * np.sqrt(6.0))
    ratios = (
        float(np.median(sigma / np.sqrt(y))),
        typical / scatter if scatter > 0.0 else np.inf,
    )
    return any(1.0 / _ESD_FACTOR <= ratio <= _ESD_FACTOR for ratio in ratios)


def _rank_correlation(one: FloatArray, other: FloatArray) -> float:
    ranks = np.array([np.argsort(np.argsort(v, kind="stable")) for v in (one, other)], float)
    ranks -= ranks.mean(axis=1, keepdims=True)
    return float(ranks[0] @ ranks[1] / np.sqrt((ranks**2).sum(axis=1).prod()))


def _fit2d(lines: list[str]) -> tuple[int, int | None]:
    """Length of the header of a FIT2D ``.chi`` file and the points that it announces."""
    if len(lines) < 6 or not any(c.isalpha() for c in lines[1]):
        return 0, None
    if any(numbers_of(re.split(r"[\s,;]+", line.strip())) is not None for line in lines[1:3]):
        return 0, None
    found = _COUNT.fullmatch(lines[3][:80])
    if found is None or int(found[1]) < 10 or _COMMENT.match(lines[1]):
        return 0, None
    if numbers_of(lines[4].split()) is None:
        return 0, None
    # A label that is not known proves nothing; then the count must be that of the rows.
    if axis_named(lines[1]) is None and int(found[1]) != sum(map(bool, map(str.strip, lines[4:]))):
        return 0, None
    return 4, int(found[1])


def _is_quoted_row(line: str) -> bool:
    stripped = line.strip()
    return stripped.startswith(('"', "'")) and any(c.isdigit() for c in stripped[1:3])

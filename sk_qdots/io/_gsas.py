"""GSAS powder files: banks of constant steps in two-theta (``.gsa .gss .fxye .raw``).

A line ``BANK number channels records CONST start step 0 0 TYPE`` opens a bank; angles
are in hundredths of a degree. The rows of a bank are, by TYPE, ``FXYE`` (angle,
intensity, esd), ``FXY`` (angle, intensity), ``ESD`` (ten fields of eight characters:
intensity, esd, intensity, ...) or ``STD`` (ten fields of a counter number, two
characters, and an intensity, six).

References
----------
.. [1] A. C. Larson, R. B. Von Dreele, General Structure Analysis System (GSAS),
   Los Alamos National Laboratory Report LAUR 86-748 (2004), p. 219.
"""

from __future__ import annotations

import re

import numpy as np

from .._typing import FloatArray
from ._header import Header
from ._scan import MAX_POINTS, MAX_SCANS, PatternError, Scan, numbers, stopped

__all__ = ["is_gsas", "read_gsas"]

_BANK = re.compile(
    r"\s*BANK\s+\d+\s.*\b(?:CONS|CONST|COND|LOG6|LPSD|RALF|SLOG|TIME_MAP)\b", re.IGNORECASE
)
_FIELD = 8
_HEADER_LINES = 200


def is_gsas(lines: list[str]) -> bool:
    """Whether one of the first lines opens a bank."""
    return any(_BANK.match(line) for line in lines[:_HEADER_LINES])


def read_gsas(source: str, lines: list[str]) -> list[Scan]:
    """Read every bank."""
    starts = [k for k, line in enumerate(lines) if _BANK.match(line)]
    if len(starts) > MAX_SCANS:
        raise PatternError(source, f"holds {len(starts)} banks; expected a pattern")
    header = Header()
    for line in lines[: starts[0]]:
        header.read(line)
    ends = [*starts[1:], len(lines)]
    if (
        ends[-1] - starts[-1] > 2
        and lines[-1].strip()
        and not _is_full(lines[starts[-1]], lines[starts[-1] + 1 :])
    ):
        ends[-1] -= 1  # the file stops within its last line
    return [
        _bank(source, lines[start], lines[start + 1 : end], start + 2, header)
        for start, end in zip(starts, ends, strict=True)
    ]


def _is_full(opening: str, lines: list[str]) -> bool:
    """Whether a bank has as many lines as it announces."""
    fields = opening.split()
    n_lines = sum(bool(line.strip()) and not line.startswith("#") for line in lines)
    return len(fields) > 3 and fields[3].isdigit() and n_lines >= int(fields[3])


def _bank(source: str, opening: str, lines: list[str], first: int, header: Header) -> Scan:
    fields = opening.split()
    try:
        n_points, steps = int(float(fields[2])), fields[4].upper()
        start, step = float(fields[5]) / 100.0, float(fields[6]) / 100.0
    except (IndexError, ValueError, OverflowError):
        raise PatternError(
            source, f"line {first - 1} is not a complete BANK line: {opening.strip()[:60]!r}"
        ) from None
    words = [field.upper() for field in fields[5:] if field[:1].isalpha()]
    kind = words[0] if words else "STD"
    if steps not in ("CONST", "CONS"):
        raise PatternError(
            source,
            f"its bank has {steps[:20]!r} steps, of time of flight perhaps; expected CONST steps "
            "in two-theta",
        )
    if not 0 < n_points <= MAX_POINTS:
        raise PatternError(source, f"its bank announces {n_points} points; is the file damaged?")
    rows = [(k, line) for k, line in enumerate(lines, start=first) if line.strip()]
    for _, line in rows:
        if line.startswith("#"):
            header.read(line)
    rows = [(k, line) for k, line in rows if not line.startswith("#")]
    esd: FloatArray | None
    numbered = None
    if kind in ("FXYE", "FXY"):
        width = len(kind) - 1
        table = _columns(source, rows[:n_points], width)
        x, intensity = table[:, 0] / 100.0, table[:, 1]
        if len(x) and abs(x[0] - start) > max(abs(step), 0.01):
            raise PatternError(
                source,
                f"its BANK line starts at {100 * start:g} hundredths of a degree and its first row "
                f"at {table[0, 0]:g}; correct the one that is wrong",
            )
        esd = table[:, 2] if width == 3 else None
        numbered = [k for k, _ in rows[:n_points]]
    elif kind in ("ESD", "STD"):
        intensity, esd = _fixed(source, rows, n_points, kind)
        x = np.asarray(start + step * np.arange(len(intensity)))
    else:
        raise PatternError(
            source, f"its bank is of type {kind[:20]!r}; expected FXYE, FXY, ESD or STD"
        )
    if not len(intensity):
        raise PatternError(source, f"holds none of the {n_points} points that it announces")
    short = (stopped(len(intensity), n_points),) if len(intensity) < n_points else ()
    facts = header.facts() | {"axis": "two_theta", "words": "", "other_words": ""}
    return Scan(x, intensity, esd, lines=numbered, warnings=short, **facts)


def _columns(source: str, rows: list[tuple[int, str]], width: int) -> FloatArray:
    table = []
    for k, line in rows:
        values = numbers(source, line, f"line {k}")
        if len(values) != width:
            raise PatternError(source, f"line {k} has {len(values)} columns; expected {width}")
        table.append(values)
    return np.array(table).reshape(-1, width)


def _fixed(
    source: str, rows: list[tuple[int, str]], n_points: int, kind: str
) -> tuple[FloatArray, FloatArray]:
    """Intensities and standard deviations of fields of eight characters."""
    used: set[str] = set()
    apart = False  # whether a blank stands between a number of counters and its counts
    first: list[float] = []
    second: list[float] = []
    for k, line in rows:
        if len(first) >= n_points:
            break
        line = line.rstrip()
        texts = [line[i : i + _FIELD] for i in range(0, len(line), _FIELD)]
        try:
            if kind == "ESD":
                loose = line.split()
                # Some programs separate by blanks and do not keep to the columns.
                if len(loose) % 2 == 0 and len(loose) >= len(texts):
                    texts = loose
                values = [float(text) for text in texts]
                first += values[0::2]
                second += values[1::2]
            else:
                marks = [text[:2].strip() for text in texts]
                counters = [float(mark or 1) for mark in marks]
                values = [float(text[2:]) for text in texts]
                used.update(marks)
                apart |= any(
                    mark and text[2:3] == " " for mark, text in zip(marks, texts, strict=True)
                )
                first += values
                second += [
                    float(np.sqrt(max(value, 0.0) / max(counter, 1.0)))
                    for value, counter in zip(values, counters, strict=True)
                ]
        except ValueError:
            raise PatternError(
                source, f"line {k} is not a row of numbers ({line[:40]!r})"
            ) from None
    if len(used) > 1 and not apart:
        raise PatternError(
            source,
            "its STD fields begin with different numbers of counters, or their counts fill all "
            "eight characters; export it as FXYE or as columns of text",
        )
    if len(second) < len(first):
        raise PatternError(source, "an intensity lacks its standard deviation; is the file cut?")
    return np.array(first[:n_points]), np.array(second[:n_points])

"""Text of intensities over even steps of two-theta, with the steps in the header.

MDI (``.mdi``, Materials Data Inc., also written by JADE): a line of title, then
``start step time anode wavelength end n``, the time in seconds, or ``cps`` beside it where
the rows are counts per second; then rows of intensities.

Sietronics (``.cpi``): ``SIETRONICS XRD SCAN``, then start, end, step, anode, wavelength,
date, speed and a comment, a line each, ``SCANDATA``, and an intensity on each line.

DBWS, LHPM, RIET7 and FullProf (``.dat .dbw .rit .neu``, FullProf's INSTRM = 0): after up
to eight lines of title ``start step end`` and perhaps words, then intensities in rows of
any length, as many as the steps; in those of PSI and the ILL then as many standard
deviations. Some programs list the angles as well, in columns.

References
----------
.. [1] R. A. Young et al., User's guide to program DBWS-9807a (1998), p. 37.
.. [2] J. Rodriguez-Carvajal, FullProf manual, "Format of data files".
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace

import numpy as np

from .._typing import FloatArray
from ._header import Header
from ._scan import MAX_POINTS, PatternError, Scan, Wavelength, label_of, stopped

__all__ = ["is_cpi", "is_mdi", "read_cpi", "read_mdi", "read_stepped", "steps_of"]

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_MDI = re.compile(
    rf"\s*(?P<start>{_NUMBER})\s+(?P<step>{_NUMBER})\s+(?P<time>{_NUMBER})?\s*(?P<cps>cps)?"
    rf"[\s,]+(?P<anode>[A-Za-z]{{1,2}})\s+(?P<wavelength>{_NUMBER})\s+(?P<end>{_NUMBER})"
    r"\s+(?P<n>\d+)\.?\s*",
    re.IGNORECASE,
)
_MDI_LINES = 5  # among which that line is
_TITLE_LINES = 8
_STEPS = re.compile(rf"\s*({_NUMBER})[\s,]+({_NUMBER})[\s,]+({_NUMBER})(?:[\s,]+(.*))?")
_MAX_HEADER = 300  # characters of a line
_MAX_STEP = 2.0  # degrees
_MIN_STEPS = 10


@dataclass(frozen=True)
class Steps:
    """Where even steps begin, how wide and how many they are, and the line that says so."""

    start: float
    step: float
    n_points: int
    line: int

    def angles(self, n_points: int) -> FloatArray:
        """Two-theta of the first points."""
        return np.asarray(self.start + self.step * np.arange(n_points))


def is_mdi(lines: list[str]) -> bool:
    """Whether one of the first lines is that of an MDI file."""
    return any(_MDI.fullmatch(line[:_MAX_HEADER]) for line in lines[1:_MDI_LINES])


def read_mdi(source: str, lines: list[str]) -> list[Scan]:
    """Read the pattern of an MDI file."""
    at = next(
        k for k, line in enumerate(lines[:_MDI_LINES]) if k and _MDI.fullmatch(line[:_MAX_HEADER])
    )
    found = _MDI.fullmatch(lines[at][:_MAX_HEADER])
    assert found is not None
    steps = _checked(source, float(found["start"]), float(found["step"]), float(found["end"]), at)
    announced = int(found["n"])
    if abs(announced - steps.n_points) > 1:
        raise PatternError(
            source,
            f"line {at + 1} announces {announced} points, and {steps.n_points} steps: correct it",
        )
    intensities = _intensities(source, lines[at + 1 :], at + 1)
    wavelength = _wavelength(float(found["wavelength"]), found["anode"])
    return [_scan(source, steps, announced, intensities, wavelength, lines)]


def is_cpi(lines: list[str]) -> bool:
    """Whether the first line is that of a file of Sietronics."""
    first = next((line for line in lines[:5] if line.strip()), "")
    return first.strip().upper().startswith("SIETRONICS XRD SCAN")


def read_cpi(source: str, lines: list[str]) -> list[Scan]:
    """Read the pattern of a file of Sietronics."""
    top = next(k for k, line in enumerate(lines) if line.strip())
    try:
        start, end, step = (_float(line) for line in lines[top + 1 : top + 4])
        begin = next(k for k, line in enumerate(lines[:50]) if line.strip().upper() == "SCANDATA")
    except (ValueError, StopIteration):
        raise PatternError(
            source,
            "is a file of Sietronics without start, end, step and SCANDATA in its first lines; "
            "is it cut short? Copy it again",
        ) from None
    steps = _checked(source, start, step, end, top + 1)
    try:
        wavelength = _wavelength(_float(lines[top + 5]), lines[top + 4].strip())
    except ValueError:
        wavelength = None
    intensities = _intensities(
        source, [line.replace(",", ".") for line in lines[begin + 1 :]], begin + 1
    )
    return [_scan(source, steps, steps.n_points, intensities, wavelength, lines)]


def steps_of(lines: list[str]) -> Steps | None:
    """The steps that a DBWS file announces, where the numbers below are as many.

    Or fewer, where they cannot be the rows of a table of columns.
    """
    for at, line in enumerate(lines[: _TITLE_LINES + 1]):
        found = _STEPS.fullmatch(line[:_MAX_HEADER])
        if found is None:
            continue
        start, step, end = (float(text) for text in found.groups()[:3])
        if not (0.0 <= start < end <= 180.0 and 0.0 < step <= _MAX_STEP):
            return None
        n_points = round((end - start) / step) + 1
        if not _MIN_STEPS <= n_points <= MAX_POINTS:
            return None
        rows = itertools.takewhile(_is_wordless, lines[at + 1 :])
        widths = [len(row.replace(",", " ").split()) for row in rows]
        total = sum(widths)
        table = len(set(filter(None, widths[:-1]))) == 1 and widths[0] in (2, 3)
        whole = total in (n_points - 1, n_points, n_points + 1, 2 * n_points, 3 * n_points)
        cut = at + len(widths) + 1 >= len(lines)
        short = _MIN_STEPS <= total < n_points and cut and not table
        return Steps(start, step, n_points, at) if whole or short else None
    return None


def read_stepped(source: str, lines: list[str], steps: Steps) -> list[Scan]:
    """Read the pattern of a DBWS file."""
    header = Header()
    for line in lines[: steps.line]:
        header.read(line)
    found = _STEPS.fullmatch(lines[steps.line][:_MAX_HEADER])
    if found is not None and found[4]:
        header.read(found[4])
    header.refuse_other_scan(source)
    below = list(itertools.takewhile(_is_wordless, lines[steps.line + 1 :]))
    numbers = _intensities(source, below, steps.line + 1)
    esd = None
    angles = steps.angles(steps.n_points)
    rows = numbers.reshape(steps.n_points, -1) if len(numbers) % steps.n_points == 0 else None
    if (
        rows is not None
        and rows.shape[1] in (2, 3)
        and np.abs(rows[:, 0] - angles).max() < 0.5 * steps.step
    ):
        # A table below its range: the angles are listed.
        x, numbers, *errors = rows.T
        facts = header.facts() | {"axis": "two_theta", "words": "", "other_words": ""}
        return [Scan(x, numbers, errors[0] if errors else None, **facts)]
    if len(numbers) == 2 * steps.n_points:
        numbers, esd = numbers[: steps.n_points], numbers[steps.n_points :]
        if not 0.0 <= esd.mean() < 0.5 * numbers.mean():
            raise PatternError(
                source,
                f"holds {2 * steps.n_points} numbers for {steps.n_points} steps, and the second "
                "half are no standard deviations; export it as columns of text",
            )
    facts = header.facts()
    scan = _scan(source, steps, steps.n_points, numbers, facts["wavelength"], below, esd)
    return [replace(scan, mentioned=facts["mentioned"])]


def _scan(
    source: str,
    steps: Steps,
    announced: int,
    intensities: FloatArray,
    wavelength: Wavelength | None,
    lines: list[str],
    esd: FloatArray | None = None,
) -> Scan:
    if len(intensities) > max(announced, steps.n_points) + 1:
        raise PatternError(
            source,
            f"holds {len(intensities)} intensities, and its line {steps.line + 1} announces "
            f"{announced}; correct the one that is wrong",
        )
    short = len(intensities) < min(announced, steps.n_points) - 1
    if short and lines[-1].strip():
        intensities = intensities[:-1]  # it may be cut within
    return Scan(
        steps.angles(len(intensities)),
        intensities,
        esd,
        "two_theta",
        wavelength=wavelength,
        warnings=(stopped(len(intensities), announced),) if short else (),
    )


def _checked(source: str, start: float, step: float, end: float, line: int) -> Steps:
    """Steps that can be those of a pattern."""
    if not (0.0 < step <= _MAX_STEP and start < end and (end - start) / step < MAX_POINTS):
        raise PatternError(
            source,
            f"its line {line + 1} goes from {start:g} to {end:g} in steps of {step:g}; that is no "
            "scan of two-theta",
        )
    return Steps(start, step, round((end - start) / step) + 1, line)


def _is_wordless(line: str) -> bool:
    return re.search(r"[A-DF-Za-df-z]", line) is None


def _intensities(source: str, lines: list[str], above: int) -> FloatArray:
    """All numbers of the lines below the header."""
    values: list[float] = []
    for number, line in enumerate(lines, start=above + 1):
        fields = line.replace(";", " ").replace(",", " ").split()
        if not fields:
            continue
        try:
            if "_" in line:
                raise ValueError
            values += [float(field) for field in fields]
        except ValueError:
            raise PatternError(
                source, f"line {number} is not a row of intensities ({line.strip()[:40]!r})"
            ) from None
        if len(values) > 2 * MAX_POINTS:
            raise PatternError(source, f"holds more than {MAX_POINTS} intensities")
    if not values:
        raise PatternError(source, "holds no intensity; is it cut short? Copy it again")
    return np.array(values)


def _wavelength(value: float, anode: str) -> Wavelength | None:
    """The one wavelength that a file has, which need not be all that was in the beam."""
    if not 0.05 < value < 5.0:
        return None
    line = label_of(value) or f"{anode[:2].capitalize()} tube"
    return Wavelength(value, f"{line}, as the file says")


def _float(text: str) -> float:
    return float(text.strip().replace(",", "."))

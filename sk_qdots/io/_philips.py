"""Philips ``.udf`` and ``.x00`` (text), ``.rd`` and ``.sd`` (binary).

A ``.udf``, which instruments of PANalytical still write, has lines ``Key,value,/`` and,
below ``RawScan``, counts at even steps up to a slash. An ``.x00`` has lines
``Key, value`` and, below ``ScanData``, one rate a line, in counts per second.

A ``.rd`` (``V3RD``) or ``.sd`` (``V5RD``) has the step, the first and the last angle as
64-bit floats at 214, and behind 250 or 810 bytes one 16-bit integer a point, ten times
the square root of the counts. Where a scan was continuous the angles are those of the
ends of its steps, and there is a point less than there are ends.
"""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from ._bytes import Bytes
from ._moves import moves_two_theta
from ._scan import (
    MAX_POINTS,
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    label_of,
    numbers,
    stopped,
)

__all__ = ["is_rd", "is_udf", "is_x00", "read_rd", "read_udf", "read_x00"]

_VERSIONS = (b"V3", b"V5", b"D3")
_NO_SCANS = {
    b"DI": "a list of peaks",
    b"BK": "a background",
    b"2D": "a second derivative",
}
_WHOLE_STEPS = 0.01
_MAX_ROUNDING = 0.03  # of a step
_ANODES = {0: "Cu", 1: "Mo"}


def is_rd(raw: bytes) -> bool:
    """Whether the bytes are those of a ``.rd`` or ``.sd``, or of what goes with one."""
    return raw[:2] in _VERSIONS and (raw[2:4] == b"RD" or raw[2:4] in _NO_SCANS)


def read_rd(source: str, raw: bytes) -> list[Scan | NoPattern]:
    """Read the scan of a ``.rd`` or ``.sd``."""
    data = Bytes(source, raw)
    other = _NO_SCANS.get(raw[2:4])
    if other is not None:
        raise PatternError(source, f"holds {other}, not a pattern; give the scan (.rd, .sd)")
    if raw.startswith(b"D3"):  # angles in units of 1/200 of a degree
        step, start, end = (data.u16(at) / 200.0 for at in (128, 130, 132))
    else:
        step, start, end = (data.f64(at) for at in (214, 222, 230))
    ends = _number_of_points(source, start, end, step)
    begin, n_points = _where(data, ends)
    there, early = data.whole(begin, n_points, 2)
    if n_points < ends:
        start += step / 2.0
    packed = data.column(begin, there, 2, "<u2")
    tube = doublet(data.f64(94), data.f64(102), data.f64(110), _ANODES.get(data.u8(85), ""))
    x = start + step * np.arange(there, dtype=np.float64)
    counts = np.floor(packed * packed / 100.0)
    return [Scan(x, counts, None, "two_theta", "", tube, "Philips", warnings=early)]


def _number_of_points(source: str, start: float, end: float, step: float) -> int:
    """How many even steps there are between two angles, both of them included."""
    span = (end - start) / step if step else np.nan
    if not 0.0 < span < MAX_POINTS:
        raise PatternError(
            source,
            f"announces a scan from {start:g} to {end:g} in steps of {step:g}; is it damaged?",
        )
    return round(span) + 1


def _where(data: Bytes, ends: int) -> tuple[int, int]:
    """Where the counts begin and how many there are: the length of the file tells."""
    # Descriptions of V5 disagree on where its counts begin.
    begins = (810, 806) if data.raw.startswith(b"V5") else (250,)
    continuous = data.u8(126) > 0
    for n_points in (ends, ends - 1) if continuous else (ends,):
        for begin in begins:
            if len(data) == begin + 2 * n_points:
                return begin, n_points
    return begins[0], ends - continuous


def is_udf(lines: list[str]) -> bool:
    """Whether the lines are those of a ``.udf``."""
    return _first(lines).startswith("SampleIdent") and any(
        line.strip() == "RawScan" for line in lines[:500]
    )


def is_x00(lines: list[str]) -> bool:
    """Whether the lines are those of an ``.x00``."""
    return _first(lines) == "HR-XRDScan"


def _is_two_theta(axis: str) -> bool:
    """Whether the angles are two-theta: the drive that is named first is the one listed."""
    return moves_two_theta(axis) is True and not axis.lower().startswith(("omega", "theta"))


def _first(lines: list[str]) -> str:
    return next((line.strip() for line in lines[:100] if line.strip()), "")


def read_udf(source: str, lines: list[str]) -> list[Scan | NoPattern]:
    """Read the scan of a ``.udf``."""
    at = next(k for k, line in enumerate(lines) if line.strip() == "RawScan")
    keys = _keys(lines[:at])
    axis = keys.get("ScanAxis", "")
    if axis and not _is_two_theta(axis):
        raise NoPattern(source, f"it does not move two-theta (its axis: {axis[:40]})")
    counts, ended = _counts(source, lines, at + 1)
    angles = _of(source, keys, "DataAngleRange", 2)
    (step,) = _of(source, keys, "ScanStepSize", 1)
    expected = _number_of_points(source, angles[0], angles[1], step)
    if not len(counts):
        raise PatternError(source, "is cut short: it holds no counts; copy it again")
    early: tuple[str, ...] = ()
    if not ended and len(counts) < expected:
        counts = _whole(counts, lines)
    x = angles[0] + step * np.arange(len(counts), dtype=np.float64)
    written = keys["ScanStepSize"].replace(",", " ").split()[0]
    if len(counts) == expected or (ended and _rounded(angles, written, len(counts))):
        x = np.linspace(angles[0], angles[1], len(counts))
    elif len(counts) < expected:
        early = (stopped(len(counts), expected),)
    elif len(counts) > expected + 1:
        raise PatternError(
            source,
            f"holds {len(counts)} counts where its angles and its step make {expected}; is it "
            "damaged?",
        )
    tube = doublet(
        _one(keys, "LabdaAlpha1"),
        _one(keys, "LabdaAlpha2"),
        _one(keys, "RatioAlpha21") or None,
        keys.get("Anode", "").strip(" ,"),
    )
    return [Scan(x, counts, None, "two_theta", "", tube, "Philips", warnings=early)]


def _rounded(angles: FloatArray, written: str, n_points: int) -> bool:
    """Whether a step is that of the angles, but for the digits that it was written with.

    One that goes into the range a whole number of times was written in full: then
    points are missing.
    """
    step, span = float(written), float(angles[1] - angles[0])
    steps = span / step
    if n_points < 2 or abs(steps - round(steps)) < _WHOLE_STEPS:
        return False
    digits = len(written.rpartition(".")[2]) if "." in written else 0
    off = abs(span / (n_points - 1) - step)
    return off <= 0.5001 * 10.0**-digits and off < _MAX_ROUNDING * step


def _whole(counts: FloatArray, lines: list[str]) -> FloatArray:
    """Counts without the one that the file stops in, if it does."""
    stops_in = lines[-1].rstrip(" \t\x1a")[-1:].isdigit()
    return counts[:-1] if stops_in and len(counts) > 1 else counts


def _keys(lines: list[str]) -> dict[str, str]:
    """Values of lines ``Key,value,/`` or ``Key, value``."""
    pairs = (line.strip().removesuffix("/").partition(",") for line in lines)
    return {key.strip(): value.strip(" ,") for key, _, value in pairs}


def _of(source: str, keys: dict[str, str], key: str, how_many: int) -> FloatArray:
    values = numbers(source, keys.get(key, ""), key, decimal_comma=False)
    if len(values) < how_many:
        raise PatternError(source, f"lacks {key}; is the file damaged?")
    return values[:how_many]


def _one(keys: dict[str, str], key: str) -> float | None:
    try:
        return float(keys.get(key, ""))
    except ValueError:
        return None


def _counts(source: str, lines: list[str], first: int) -> tuple[FloatArray, bool]:
    """Counts up to the slash, and whether it is there."""
    values = [np.empty(0)]
    n_points = 0
    for number, line in enumerate(lines[first:], start=first + 1):
        content, slash, _ = line.strip("\x1a \t").partition("/")
        values.append(numbers(source, content, f"line {number}", decimal_comma=False))
        n_points += len(values[-1])
        if n_points > MAX_POINTS:
            raise PatternError(source, f"holds more than {MAX_POINTS} points; is it damaged?")
        if slash:
            return np.concatenate(values), True
    return np.concatenate(values), False


def read_x00(source: str, lines: list[str]) -> list[Scan | NoPattern]:
    """Read the scan of an ``.x00``."""
    at = next((k for k, line in enumerate(lines) if line.strip() == "ScanData"), len(lines))
    keys = _keys(lines[:at])
    axis = keys.get("ScanAxis", "")
    if not _is_two_theta(axis):
        raise NoPattern(source, f"it does not move two-theta (its axis: {axis[:40]})")
    (start,), (step,) = (_of(source, keys, key, 1) for key in ("FirstAngle", "StepWidth"))
    (announced,) = _of(source, keys, "NrOfData", 1)
    rates, _ = _counts(source, lines, at + 1)
    if not len(rates):
        raise PatternError(source, "is cut short: it holds no points; copy it again")
    if len(rates) < announced:
        rates = _whole(rates, lines)
    early = (stopped(len(rates), int(announced)),) if len(rates) < announced < 1e6 else ()
    time = _one(keys, "TimePerStep")
    counted = time is not None and np.isfinite(time) and time > 0 and time != 1.0
    esd = np.sqrt(np.maximum(rates, 0.0) / time) if counted and time is not None else None
    value = _one(keys, "Wavelength")
    beam = None
    if value is not None and 0.05 < value < 5.0:
        beam = Wavelength(value, label_of(value) or "as the file says")
    x = start + step * np.arange(len(rates), dtype=np.float64)
    return [Scan(x, rates, esd, "two_theta", "", beam, "Philips", warnings=early)]

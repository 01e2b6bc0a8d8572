"""Siemens and Bruker ``.uxd`` (text), as DIFFRAC-AT and DIFFRACplus export it.

Lines are ``_KEY=value``, comments (``;``) and, below a key that names their columns,
numbers, with decimal points or commas. The keys of the file hold for each range until a
range says otherwise.
``_COUNTS`` and ``_CPS`` open intensities at even steps, any number of them to a line;
``_2THETACOUNTS`` and ``_2THETACPS`` pairs with the position; ``TIME`` behind either adds
the counting time of the point. The position is that of the drive which ``_DRIVE`` names,
whatever the key that opens the numbers is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from .._typing import FloatArray
from ._moves import moves_two_theta
from ._scan import (
    MAX_POINTS,
    MAX_SCANS,
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    has_decimal_commas,
    label_of,
    numbers,
    read_each,
    stopped,
)

__all__ = ["is_uxd", "read_uxd"]

_KEY = re.compile(r"_\s*([A-Z0-9_+ -]*[A-Z0-9])\s*(?:=\s*(.*))?", re.IGNORECASE)
_OPENS = re.compile(r"(2THETA|THETA|OMEGA|PHI|KHI|CHI|X|Y|Z)?(COUNTS?|CPS)(TIME)?")
_BOTH_MARKS = re.compile(r"(?<!\d)\d{1,20}+(?:\.\d{1,20}+,|,\d{1,20}+\.)\d{1,20}+")
_ROUNDED = 0.0051  # degree: half of a second decimal
_PEAKS = ("D-I", "2THETA-I", "ACTUAL_I100")
_MONOCHROMATORS = {  # primary ones; the first two where the wavelength in use is K-alpha 1
    "1": "primary monochromator, transmission",
    "2": "primary monochromator, reflection",
    "3": "Ge(220) monochromator of two reflections",
    "4": "Ge(220) monochromator of four reflections",
    "5": "Ge(440) monochromator of four reflections",
}


def is_uxd(lines: list[str]) -> bool:
    """Whether the lines are those of a ``.uxd``."""
    first = next((s for line in lines[:500] if (s := line.strip()) and s[0] != ";"), "")
    if not first.startswith("_"):
        return False
    return first.upper().startswith("_FILEVERSION") or any(
        _opens(line) is not None for line in lines[:2000]
    )


def _opens(line: str) -> re.Match[str] | None:
    """What the numbers below a line are, if it opens any."""
    found = _KEY.fullmatch(line.strip()) if line.lstrip()[:1] == "_" else None
    return None if found is None else _OPENS.fullmatch(_plain(found[1]))


def _plain(key: str) -> str:
    return key.replace(" ", "").upper()


@dataclass
class _Block:
    """Numbers, and the keys that held when they began."""

    opened: re.Match[str]
    keys: dict[str, str]
    lines: list[tuple[int, str]] = field(default_factory=list)
    last: bool = False  # of the file
    unended: bool = False  # whether the file stops in its last line


def read_uxd(source: str, lines: list[str]) -> list[Scan | NoPattern]:
    """Read every range."""
    keys: dict[str, str] = {}
    blocks: list[_Block] = []
    peaks = reading = False
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith(";"):
            continue
        opened = _opens(line)
        if opened is not None:
            blocks.append(_Block(opened, dict(keys)))
            reading = True
        elif line.startswith("_"):
            found = _KEY.fullmatch(line)
            key = _plain(found[1]) if found else ""
            peaks |= key in _PEAKS
            reading = False
            if found and not key.startswith("+"):
                keys[key] = (found[2] or "").strip().strip("'\"").strip()
        elif reading:
            blocks[-1].lines.append((number, line))
        elif not peaks:
            raise PatternError(
                source, f"line {number} has numbers below no _COUNTS or the like; is it damaged?"
            )
    if not blocks:
        what = "a list of peaks" if peaks else "no _COUNTS, _CPS, _2THETACOUNTS or the like"
        raise PatternError(source, f"holds {what}; export the measured points")
    if len(blocks) > MAX_SCANS:
        raise PatternError(source, f"holds {len(blocks)} ranges: a map, not a pattern")
    blocks[-1].last = True
    blocks[-1].unended = bool(lines[-1].strip())
    return read_each(lambda block: _range(source, block), blocks)


def _range(source: str, block: _Block) -> Scan:
    drive = block.keys.get("DRIVE", "")
    axis = block.opened[1] or ""
    if drive and not moves_two_theta(drive):
        raise NoPattern(source, f"it does not move two-theta (its axis: {drive[:40].lower()})")
    if not drive and axis not in ("", "2THETA"):
        raise NoPattern(source, f"it does not move two-theta (its axis: {axis.lower()})")
    table, cut = _table(source, block, 1 + bool(axis) + bool(block.opened[3]))
    announced = _number(block.keys, "STEPCOUNT")
    early: tuple[str, ...] = ()
    if announced is not None and len(table) < announced < 1e6:
        if block.unended and not cut and len(table) > 1:
            table = table[:-1]  # its last number may be cut within
        early = (stopped(len(table), int(announced)),)
    elif announced is not None and 0 < announced < len(table):
        raise PatternError(
            source,
            f"a range holds {len(table)} points, and its _STEPCOUNT announces {announced:g}; is "
            "it damaged?",
        )
    elif cut:
        early = (stopped(len(table)),)
    even = _even_steps(block.keys, len(table))
    if axis:
        # Positions are often written with two or three decimals, fewer than the step has.
        rounded = even is not None and np.abs(even - table[:, 0]).max() <= _ROUNDED
        x = even if even is not None and rounded else table[:, 0]
    elif even is None:
        raise PatternError(source, "lacks the _START or the _STEPSIZE of a range; export it so")
    else:
        x = even
    intensity, esd = _intensity(source, block, table)
    return Scan(
        x,
        intensity,
        esd,
        "two_theta",
        wavelength=_wavelength(block.keys),
        instrument="Bruker",
        warnings=early,
    )


def _even_steps(keys: dict[str, str], n_points: int) -> FloatArray | None:
    start, step = _number(keys, "START"), _number(keys, "STEPSIZE")
    if start is None or not step:
        return None
    return np.asarray(start + step * np.arange(n_points, dtype=np.float64))


def _table(source: str, block: _Block, width: int) -> tuple[FloatArray, bool]:
    """Rows of a range, and whether the last one is incomplete."""
    values: list[FloatArray] = []
    n_numbers = 0
    text = "\n".join(line for _, line in block.lines)
    comma = has_decimal_commas(text)
    both = _BOTH_MARKS.search(text) if width == 1 else None
    if both:
        raise PatternError(
            source,
            f"has {both[0][:20]!r} among its numbers; write decimal points, and no separators "
            "between thousands",
        )
    for number, line in block.lines:
        values.append(numbers(source, line, f"line {number}", decimal_comma=comma))
        n_numbers += len(values[-1])
        if n_numbers > width * MAX_POINTS:
            raise PatternError(source, f"holds more than {MAX_POINTS} points; is it damaged?")
    if not values:
        raise NoPattern(source, "a range without points; was it measured?")
    for (number, _), row in zip(block.lines[:-1], values, strict=False):
        if len(row) % width:
            raise PatternError(
                source,
                f"line {number} has {len(row)} numbers below "
                f"_{block.opened[0]}; expected {width}, or a multiple",
            )
    flat = np.concatenate(values)
    cut = len(flat) % width > 0
    if cut and not block.last:
        raise PatternError(source, f"line {block.lines[-1][0]} is incomplete; is it damaged?")
    rows = flat[: len(flat) - len(flat) % width].reshape(-1, width)
    if not len(rows):
        raise NoPattern(source, "is cut short: a range without a whole point; copy it again")
    return rows, cut


def _intensity(
    source: str, block: _Block, table: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """Intensities in the unit of the file, and what they are worth if not their root."""
    rate = block.opened[2] == "CPS"
    with_time = block.opened[3] is not None
    intensity = table[:, -2 if with_time else -1]
    single = _number(block.keys, "STEPTIME")
    time = table[:, -1] if with_time else np.full(len(table), single or 1.0)
    if not (np.isfinite(time).all() and (time > 0).all()):
        raise PatternError(source, "a counting time is not above zero; is the file damaged?")
    if rate:
        worth = np.sqrt(np.maximum(intensity, 0.0) / time)
        return intensity, None if np.all(time == 1.0) else worth
    if np.ptp(time) == 0.0:
        return intensity, None
    factor = time.mean() / time  # as if every point had been counted for as long
    return intensity * factor, np.sqrt(np.maximum(intensity, 0.0)) * factor


def _number(keys: dict[str, str], key: str) -> float | None:
    try:
        value = float(keys.get(key, "").replace(",", "."))
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _wavelength(keys: dict[str, str]) -> Wavelength | None:
    scale = 10.0 if keys.get("WL_UNIT", "").lower() == "nm" else 1.0
    first, second, used = (
        None if (value := _number(keys, key)) is None else scale * value
        for key in ("WL1", "WL2", "RANGE_WL")
    )
    anode = keys.get("ANODE", "")
    code = keys.get("MONOCHROMATOR", "")
    alone = _MONOCHROMATORS.get(code, "")
    if code in ("1", "2") and (first is None or used is None or abs(used - first) > 1e-5):
        alone = ""
    tube = doublet(first, second, _number(keys, "WLRATIO") or None, anode, alone=alone)
    if tube is None and used is not None and 0.05 < used < 5.0:
        return Wavelength(used, label_of(used) or "as its _RANGE_WL says")
    return tube

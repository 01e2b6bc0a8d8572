"""Rigaku ``.ras`` (text), ``.rasx`` (a zip of text and XML) and ``.asc`` (text).

The third column of ``.ras`` and ``.rasx`` is the factor of the attenuator. Whether the
intensities hold it already is not documented; where it changes within a scan the counts
themselves tell, being whole numbers.
"""

from __future__ import annotations

import re

import numpy as np

from .._typing import FloatArray
from ._members import Archive, find_all, parse_xml
from ._scan import MAX_POINTS, MAX_SCANS, PatternError, Scan, Wavelength, doublet, numbers

__all__ = ["is_asc", "is_ras", "is_rasx", "read_asc", "read_ras", "read_rasx"]

_PROFILE = re.compile(r"(?:^|/)(Data\d+)/Profile(\d+)\.txt$")
_KEY = re.compile(r"\*(\S+)\s+\"?(.*?)\"?\s*$")
_ASC_KEY = re.compile(r"\*([A-Z_0-9]+)\s*=\s*(.*?)\s*$")
_TWO_THETA = re.compile(r"2\s*[-_]?\s*(theta|θ)|two[-_ ]?theta", re.IGNORECASE)
_WHOLE = 1e-3  # how far from whole numbers counts may be


def is_ras(lines: list[str]) -> bool:
    """Whether the first line is that of a ``.ras``."""
    return _first(lines).startswith("*RAS_")


def is_asc(lines: list[str]) -> bool:
    """Whether the lines are those of an ``.asc``."""
    return _first(lines).startswith("*TYPE") and any(
        line.lstrip().startswith("*COUNT") for line in lines[:500]
    )


def _first(lines: list[str]) -> str:
    return next((line.lstrip() for line in lines[:100] if line.strip()), "")


def is_rasx(names: list[str]) -> bool:
    """Whether an archive holds what a ``.rasx`` holds."""
    return any(_PROFILE.search(name) for name in names)


def read_ras(source: str, lines: list[str]) -> list[Scan]:
    """Read every scan of a ``.ras``."""
    scans: list[Scan] = []
    keys: dict[str, str] = {}
    rows: list[str] | None = None
    ended = False
    for line in map(str.strip, lines):
        if line.startswith("*RAS_HEADER_START"):
            keys = {}
        elif line.startswith("*RAS_INT_START"):
            rows = []
        elif line.startswith("*RAS_INT_END"):
            if rows is None or len(scans) >= MAX_SCANS:
                raise PatternError(source, "has sections out of order, or too many; is it damaged?")
            scans.append(_scan(source, rows, keys))
            rows = None
        elif line.startswith("*RAS_DATA_END"):
            ended = True
        elif rows is not None:
            if line.strip():
                rows.append(line)
        else:
            found = _KEY.match(line)
            if found:
                keys[found[1]] = found[2].strip()
    if rows is not None or (scans and not ended):
        raise PatternError(source, "is cut short; copy it again")
    if not scans:
        raise PatternError(source, "holds no measured points; was the measurement finished?")
    return scans


def read_rasx(source: str, archive: Archive) -> list[Scan]:
    """Read every profile of a ``.rasx``."""
    profiles = [(name, found) for name in archive.names if (found := _PROFILE.search(name))]
    if len(profiles) > MAX_SCANS:
        raise PatternError(source, f"holds {len(profiles)} scans: a map, not a pattern")
    scans = []
    for name, found in profiles:
        folder = name[: found.start(1)] + found[1]
        keys: dict[str, str] = {}
        for conditions in (f"MesurementConditions{found[2]}", f"MeasurementConditions{found[2]}"):
            part = f"{folder}/{conditions}.xml"
            if part in archive.names:
                keys = _conditions(source, archive.read(part), part)
        text = archive.read(name).decode("utf-8-sig", errors="replace")
        rows = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
        scans.append(_scan(source, rows, keys))
    return scans


def _conditions(source: str, raw: bytes, part: str) -> dict[str, str]:
    """Keys of a ``.ras`` from the XML of a ``.rasx``."""
    root = parse_xml(source, raw, f"its part {part!r}")
    names = {
        "TargetName": "HW_XG_TARGET_NAME",
        "WavelengthKalpha1": "HW_XG_WAVE_LENGTH_ALPHA1",
        "WavelengthKalpha2": "HW_XG_WAVE_LENGTH_ALPHA2",
        "AxisName": "MEAS_SCAN_AXIS_X",
        "PositionUnit": "MEAS_SCAN_UNIT_X",
    }
    keys = {
        key: (element.text or "").strip()
        for name, key in names.items()
        for element in list(find_all(root, name))[:1]
    }
    for pair in find_all(root, "Pair"):
        texts = [(child.text or "").strip() for child in pair]
        if len(texts) == 2 and texts[1]:
            keys[texts[0].lstrip("*")] = texts[1]
    return keys


def _scan(source: str, rows: list[str], keys: dict[str, str]) -> Scan:
    axis = keys.get("MEAS_SCAN_AXIS_X", "")
    internal = keys.get("MEAS_SCAN_AXIS_X_INTERNAL", "")
    if axis and not (_TWO_THETA.search(axis) or _TWO_THETA.search(internal)):
        raise PatternError(source, f"a scan does not move two-theta (its axis: {axis[:40]})")
    unit = keys.get("MEAS_SCAN_UNIT_X", "deg")
    if unit and not unit.lower().startswith("deg"):
        raise PatternError(source, f"its abscissa is in {unit[:20]!r}; expected degrees")
    if len(rows) > MAX_POINTS:
        raise PatternError(source, f"holds {len(rows)} points; is this a pattern?")
    table = [numbers(source, row, f"the row {row[:30]!r}") for row in rows]
    width = len(table[0]) if table else 0
    if width not in (2, 3) or any(len(row) != width for row in table):
        raise PatternError(source, "its rows are not all of two, or all of three, columns")
    values = np.array(table)
    intensity, esd = values[:, 1], None
    if width == 3:
        intensity, esd = _attenuated(source, values[:, 1], values[:, 2])
    return Scan(values[:, 0], intensity, esd, "two_theta", "", _wavelength(keys), "Rigaku")


def _attenuated(
    source: str, intensity: FloatArray, factor: FloatArray
) -> tuple[FloatArray, FloatArray | None]:
    """Intensities with the attenuator's factor in them."""
    if not (factor > 0).all() or not np.isfinite(factor).all():
        raise PatternError(source, "an attenuator's factor is not above zero")
    if np.ptp(factor) == 0.0:
        return intensity, None
    changed = factor != 1.0
    raw = np.abs(intensity - np.round(intensity))[changed].max() < _WHOLE
    counts = intensity / factor
    corrected = np.abs(counts - np.round(counts))[changed].max() < _WHOLE
    if raw == corrected:
        raise PatternError(
            source,
            f"its attenuator changes within the scan (factors {factor.min():g} to "
            f"{factor.max():g}) and it does not show whether the intensities are corrected for it; "
            "export them as two columns, corrected",
        )
    if corrected:
        return intensity, np.sqrt(np.maximum(counts, 0.0)) * factor
    return intensity * factor, np.sqrt(np.maximum(intensity, 0.0)) * factor


def _wavelength(keys: dict[str, str]) -> Wavelength | None:
    def number(key: str) -> float | None:
        try:
            return float(keys.get(key, ""))
        except ValueError:
            return None

    return doublet(
        number("HW_XG_WAVE_LENGTH_ALPHA1"),
        number("HW_XG_WAVE_LENGTH_ALPHA2"),
        anode=keys.get("HW_XG_TARGET_NAME", ""),
    )


def read_asc(source: str, lines: list[str]) -> list[Scan]:
    """Read every group of an ``.asc``."""
    scans: list[Scan] = []
    keys: dict[str, str] = {}
    values: list[FloatArray] = []
    expected = 0

    def close() -> None:
        if not expected:
            return
        intensity = np.concatenate(values) if values else np.empty(0)
        if len(intensity) != expected:
            raise PatternError(
                source, f"a scan holds {len(intensity)} of the {expected} points that it announces"
            )
        scans.append(_group(source, keys, intensity))

    for number, line in enumerate(map(str.strip, lines), start=1):
        found = _ASC_KEY.match(line)
        if found:
            if values:
                close()
                values, expected = [], 0
            keys[found[1]] = found[2]
            if found[1] == "COUNT":
                expected = int(found[2]) if re.fullmatch(r"\d{1,7}", found[2]) else 0
        elif line.startswith(("*END", "*EOF")):
            close()
            values, expected = [], 0
        elif line.strip() and not line.startswith(("*", "#")) and expected:
            values.append(numbers(source, line, f"line {number}"))
    close()
    if not scans or len(scans) > MAX_SCANS:
        raise PatternError(source, f"holds {len(scans)} scans; expected one pattern")
    return scans


def _group(source: str, keys: dict[str, str], intensity: FloatArray) -> Scan:
    axis = keys.get("SCAN_AXIS", "")
    if axis and not _TWO_THETA.search(axis):
        raise PatternError(source, f"a scan does not move two-theta (its axis: {axis[:40]})")
    try:
        start, step = float(keys["START"]), float(keys["STEP"])
    except (KeyError, ValueError):
        raise PatternError(source, "lacks *START or *STEP; is the file damaged?") from None
    tube = {
        "HW_XG_WAVE_LENGTH_ALPHA1": keys.get("WAVE_LENGTH1", ""),
        "HW_XG_WAVE_LENGTH_ALPHA2": keys.get("WAVE_LENGTH2", ""),
    }
    x = start + step * np.arange(len(intensity), dtype=np.float64)
    return Scan(x, intensity, None, "two_theta", "", _wavelength(tube), "Rigaku")

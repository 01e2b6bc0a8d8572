"""Rigaku ``.ras`` (text), ``.rasx`` (a zip of text and XML) and ``.asc`` (text).

The third column of ``.ras`` and ``.rasx`` is the factor of the attenuator. Whether the
intensities hold it already is not documented; where it changes within a scan the counts
themselves tell, being whole numbers.
"""

from __future__ import annotations

import re

import numpy as np

from .._typing import FloatArray
from ._members import Archive, find_all, parse_xml, text_of
from ._moves import moves_two_theta
from ._scan import (
    MAX_POINTS,
    MAX_SCANS,
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    numbers,
    read_each,
    separating_crystal,
    stopped,
)
from ._times import moment

__all__ = ["is_asc", "is_ras", "is_rasx", "read_asc", "read_ras", "read_rasx"]

_PROFILE = re.compile(r"(?:^|/)(Data\d+)/Profile(\d+)\.txt$")
_KEY = re.compile(r"\*(\S+)\s+\"?(.*?)\"?\s*$")
_ASC_KEY = re.compile(r"\*([A-Z_0-9]+)\s*=\s*(.*?)\s*$")
_FIRST = re.compile(r"ka?1(?!\d|.*2)")  # K-alpha 1, and no second line
_OPTICS = re.compile(r"MONOCHRO(?!.*_ID)|OPT_ATTR|OPTICS|Incident|Receiving", re.IGNORECASE)
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


def read_ras(source: str, lines: list[str]) -> list[Scan | NoPattern]:
    """Read every scan of a ``.ras``, the last one also where the file stops within it."""
    sections: list[tuple[list[str], dict[str, str], bool]] = []
    keys: dict[str, str] = {}
    rows: list[str] | None = None
    for line in map(str.strip, lines):
        if line.startswith("*RAS_HEADER_START"):
            keys = {}
        elif line.startswith("*RAS_INT_START"):
            rows = []
        elif line.startswith("*RAS_INT_END"):
            if rows is None:
                raise PatternError(source, "has sections out of order; is it damaged?")
            sections.append((rows, keys, True))
            rows = None
        elif rows is not None:
            if line:
                rows.append(line)
        else:
            found = _KEY.match(line)
            if found:
                keys[found[1]] = found[2].strip()
    if rows is not None:
        whole = rows if not lines[-1].strip() else rows[:-1]  # what the file stops in
        sections.append((whole, keys, False))
    if not sections:
        raise PatternError(source, "holds no measured points; was the measurement finished?")
    if len(sections) > MAX_SCANS:
        raise PatternError(source, f"holds {len(sections)} scans: a map, not a pattern")
    return read_each(lambda section: _scan(source, *section), sections)


def read_rasx(source: str, archive: Archive) -> list[Scan | NoPattern]:
    """Read every profile of a ``.rasx``."""
    profiles = [(name, found) for name in archive.names if (found := _PROFILE.search(name))]
    if len(profiles) > MAX_SCANS:
        raise PatternError(source, f"holds {len(profiles)} scans: a map, not a pattern")
    sections = []
    for name, found in profiles:
        folder = name[: found.start(1)] + found[1]
        keys: dict[str, str] = {}
        for conditions in (f"MesurementConditions{found[2]}", f"MeasurementConditions{found[2]}"):
            part = f"{folder}/{conditions}.xml"
            if part in archive.names:
                keys = _conditions(source, archive.read(part), part)
        text = archive.read(name).decode("utf-8-sig", errors="replace")
        rows = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
        sections.append((rows, keys, True))
    return read_each(lambda section: _scan(source, *section), sections)


def _conditions(source: str, raw: bytes, part: str) -> dict[str, str]:
    """Keys of a ``.ras`` from the XML of a ``.rasx``."""
    root = parse_xml(source, raw, f"its part {part!r}")
    names = {
        "TargetName": "HW_XG_TARGET_NAME",
        "WavelengthKalpha1": "HW_XG_WAVE_LENGTH_ALPHA1",
        "WavelengthKalpha2": "HW_XG_WAVE_LENGTH_ALPHA2",
        "WavelengthKbeta": "HW_XG_WAVE_LENGTH_BETA",
        "WaveType": "MEAS_COND_XG_WAVE_TYPE",
        "AxisName": "MEAS_SCAN_AXIS_X",
        "PositionUnit": "MEAS_SCAN_UNIT_X",
        "StartTime": "MEAS_SCAN_START_TIME",
    }
    keys = {
        key: (element.text or "").strip()
        for name, key in names.items()
        for element in list(find_all(root, name))[:1]
    }
    for category in find_all(root, "Category"):
        if _OPTICS.search(category.get("Name", "")):
            keys[f"OPTICS_{category.get('Name', '')[:60]}"] = category.get("SelectedUnit", "")
    for optics in find_all(root, "Optics"):
        keys["MEAS_COND_OPT_ATTR"] = text_of(optics, "Attribute") or ""
    for pair in find_all(root, "Pair"):
        texts = [(child.text or "").strip() for child in pair]
        if len(texts) == 2 and texts[1]:
            keys[texts[0].lstrip("*")] = texts[1]
    return keys


def _scan(source: str, rows: list[str], keys: dict[str, str], ended: bool) -> Scan:
    axis = keys.get("MEAS_SCAN_AXIS_X", "")
    internal = keys.get("MEAS_SCAN_AXIS_X_INTERNAL", "")
    if axis and not _moves(axis, internal):
        raise NoPattern(source, f"it does not move two-theta (its axis: {axis[:40]})")
    unit = keys.get("MEAS_SCAN_UNIT_X", "deg")
    if unit and not unit.lower().startswith("deg"):
        raise PatternError(source, f"its abscissa is in {unit[:20]!r}; expected degrees")
    if len(rows) > MAX_POINTS:
        raise PatternError(source, f"holds {len(rows)} points; is this a pattern?")
    width = len(rows[0].split()) if rows else 0
    table = [numbers(source, row, f"the row {row[:30]!r}") for row in rows]
    if width not in (2, 3) or any(len(row) != width for row in table):
        raise PatternError(source, "its rows are not all of two, or all of three, columns")
    values = np.array(table)
    intensity, esd = values[:, 1], None
    if width == 3:
        intensity, esd = _attenuated(source, values[:, 1], values[:, 2])
    count = keys.get("MEAS_DATA_COUNT", "")
    announced = int(count) if re.fullmatch(r"\d{1,7}", count) else None
    if announced is not None and 0 < announced < len(values):
        raise PatternError(
            source,
            f"a scan holds {len(values)} points and announces {announced}; is it damaged?",
        )
    short = not ended or (announced is not None and len(values) < announced)
    return Scan(
        values[:, 0],
        intensity,
        esd,
        "two_theta",
        "",
        _wavelength(keys),
        "Rigaku",
        warnings=(stopped(len(values), announced),) if short else (),
        time=moment(keys.get("MEAS_SCAN_START_TIME")),
    )


def _moves(axis: str, internal: str) -> bool:
    """Whether two-theta is moved, by the axis that is shown and the program's own name for it."""
    shown = moves_two_theta(axis)
    return bool(moves_two_theta(internal) if shown is None else shown)


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
    """Wavelength by the crystals in the beam, and by the line that the program names."""

    def number(key: str) -> float | None:
        try:
            return float(keys.get(key, ""))
        except ValueError:
            return None

    anode = keys.get("HW_XG_TARGET_NAME", "")
    line = keys.get("MEAS_COND_XG_WAVE_TYPE", "")
    plain = re.sub(r"[^a-z0-9]", "", line.lower().replace("\u03b1", "a").replace("\u03b2", "b"))
    plain = plain.replace("alpha", "a").replace("beta", "b").removeprefix(anode.lower())
    beta = number("HW_XG_WAVE_LENGTH_BETA")
    if plain.startswith("kb") and beta is not None and 0.05 < beta < 5.0:
        return Wavelength(beta, f"{anode} K-beta".strip())
    # The program sets the line by the optics that it finds mounted.
    crystal = separating_crystal(v for k, v in keys.items() if _OPTICS.search(k))
    alone = crystal or (f"its line is called {line[:20]!r}" if _FIRST.match(plain) else "")
    return doublet(
        number("HW_XG_WAVE_LENGTH_ALPHA1"),
        number("HW_XG_WAVE_LENGTH_ALPHA2"),
        anode=anode,
        alone=alone,
    )


def read_asc(source: str, lines: list[str]) -> list[Scan | NoPattern]:
    """Read every group of an ``.asc``, the last one also where the file stops within it."""
    groups: list[tuple[dict[str, str], FloatArray, int]] = []
    keys: dict[str, str] = {}
    values: list[FloatArray] = []
    expected = 0

    def close() -> None:
        if expected:
            intensity = np.concatenate(values) if values else np.empty(0)
            groups.append((dict(keys), intensity, expected))

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
        elif line and not line.startswith(("*", "#")) and expected:
            row = numbers(source, line, f"line {number}", decimal_comma=False)
            values.append(row[:-1] if number == len(lines) else row)  # that the file stops in
    close()
    if not groups:
        raise PatternError(source, "holds no measured points; was the measurement finished?")
    if len(groups) > MAX_SCANS:
        raise PatternError(source, f"holds {len(groups)} scans: a map, not a pattern")
    return read_each(lambda group: _group(source, *group), groups)


def _group(source: str, keys: dict[str, str], intensity: FloatArray, expected: int) -> Scan:
    axis = keys.get("SCAN_AXIS", "") or keys.get("SCAN_MODE", "")
    if axis and not moves_two_theta(axis):
        raise NoPattern(source, f"it does not move two-theta (its axis: {axis[:40]})")
    if len(intensity) > expected:
        raise PatternError(
            source, f"a scan holds {len(intensity)} points and announces {expected}; is it damaged?"
        )
    try:
        start, step = float(keys["START"]), float(keys["STEP"])
    except (KeyError, ValueError):
        raise PatternError(source, "lacks *START or *STEP; is the file damaged?") from None
    tube = {
        "HW_XG_WAVE_LENGTH_ALPHA1": keys.get("WAVE_LENGTH1", ""),
        "HW_XG_WAVE_LENGTH_ALPHA2": keys.get("WAVE_LENGTH2", ""),
        "MEAS_COND_XG_WAVE_TYPE": keys.get("XRAY_CHAR", ""),
        "MEAS_COND_OPT_ATTR": keys.get("I_MONOCHRO", ""),
        "HW_COUNTER_MONOCHRO_NAME": keys.get("C_MONOCHRO", ""),
    }
    x = start + step * np.arange(len(intensity), dtype=np.float64)
    short = (stopped(len(intensity), expected),) if len(intensity) < expected else ()
    wavelength = _wavelength(tube)
    return Scan(x, intensity, None, "two_theta", "", wavelength, "Rigaku", warnings=short)

"""Bruker ``.brml`` (a zip of XML) and ``.raw`` (binary, versions 3 and 4).

A ``.brml`` names the columns of its rows in ``DataViews``; its counts are already
corrected for the absorber. A ``.raw`` of version 4 is a chain of segments (32-bit kind
and length) after 61 bytes; kinds 0 and 160 open a range: 160 bytes of header, records
of the drives, then one record a point that begins with the intensity as a 32-bit float.
A ``.raw`` of version 3 (``RAW1.01``) has 712 bytes of header and ranges that begin with
the length of their own header.

The layouts of ``.raw`` are not published; they are those that readers of several
projects found and agree on.
"""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .._typing import FloatArray
from ._members import Archive, children, find_all, number_of, parse_xml, text_of, wavelength_of
from ._scan import (
    MAX_POINTS,
    MAX_SCANS,
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    read_each,
    separating_crystal,
    stopped,
)

__all__ = ["is_brml", "read_brml", "read_raw"]

_RAW_DATA = re.compile(r"RawData(\d*)\.xml$")
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_COUPLED = ("lockedcoupled", "unlockedcoupled", "detectorscan", "coupledtwotheta/theta")
_EXPORT = "export it as .brml, .xy or RAW version 4"


def is_brml(names: list[str]) -> bool:
    """Whether an archive holds what a ``.brml`` holds."""
    return any(_RAW_DATA.search(name) for name in names)


def read_brml(source: str, archive: Archive) -> list[Scan | NoPattern]:
    """Read every scan of every data route."""
    members = sorted(
        (name for name in archive.names if _RAW_DATA.search(name)),
        key=lambda name: (name.rpartition("/")[0], int(_number_in(name) or 0)),
    )
    if len(members) > MAX_SCANS:
        raise PatternError(source, f"holds {len(members)} scans: a map, not a pattern")
    routes: list[tuple[ET.Element, ET.Element]] = []
    for name in members:
        root = parse_xml(source, archive.read(name), f"its part {name!r}")
        found = [r for r in find_all(root, "DataRoute") if any(True for _ in find_all(r, "Datum"))]
        for flag in ("Final", "Measured"):
            flagged = [route for route in found if route.get("RouteFlag") == flag]
            found = flagged or found
        routes += [(root, route) for route in found]
    if not routes:
        raise PatternError(source, "holds no measured points; was the measurement finished?")
    return read_each(lambda part: _route(source, *part), routes)


def _number_in(name: str) -> str:
    found = _RAW_DATA.search(name)
    return found[1][:9] if found else ""


def _brml_wavelength(root: ET.Element) -> Wavelength | None:
    anode = text_of(root, "TubeMaterial") or ""
    average = wavelength_of(root, "WaveLengthAverage")
    crystal = separating_crystal(_optics(root))
    tube = doublet(
        wavelength_of(root, "WaveLengthAlpha1"),
        wavelength_of(root, "WaveLengthAlpha2"),
        number_of(root, "WaveLengthRatio"),
        anode,
        alone=crystal,
    )
    if tube is None and average is not None and 0.05 < average < 5.0:
        return Wavelength(average, f"{anode} K-alpha mean, as the file says".strip())
    return tube


def _optics(root: ET.Element) -> Iterator[str]:
    """Names of what is mounted in the beam, before and behind the sample."""
    for mounted in find_all(root, "MountedOptics"):
        for optic in mounted:
            for name in ("VisibleName", "LogicName", _TYPE):
                yield optic.get(name, "")
            for about in children(optic, "BeringInfo"):
                yield about.get("ClassPath", "")


def _route(source: str, root: ET.Element, route: ET.Element) -> Scan:
    axes = [
        axis.get("AxisId") or axis.get("AxisName") or "" for axis in find_all(route, "ScanAxisInfo")
    ]
    if axes and "TwoTheta" not in axes:
        raise NoPattern(source, f"it does not move two-theta (its axis: {axes[0][:40]})")
    rows = [(datum.text or "").split(",") for datum in find_all(route, "Datum")]
    width = len(rows[0])
    if len(rows) > MAX_POINTS or any(len(row) != width for row in rows):
        raise PatternError(source, "its rows have different lengths; is the file damaged?")
    try:
        table = np.array([[float(value) for value in row] for row in rows])
    except ValueError:
        raise PatternError(source, "a row holds what is no number; is the file damaged?") from None
    angle, count = _columns(source, route, table)
    if angle is None and count is None and any(True for _ in find_all(route, "RawDataView")):
        raise NoPattern(source, "it records nothing against two-theta (a wait, or an adjustment)")
    if count is None or not 0 <= count < width or (angle is not None and not angle < width):
        raise PatternError(source, "does not say which column holds the counts; export it as .xy")
    x = table[:, angle] if angle is not None else _scan_axis(source, route, len(table))
    intensity = table[:, count]
    # What one count became: counts are stored with the absorber's factor in them.
    weight = _absorption(route, table)
    times = _times(route, len(table))
    if times is not None:
        weight = weight * times.mean() / times
        intensity = intensity * times.mean() / times
    esd = np.sqrt(np.maximum(intensity, 0.0) * weight) if np.ptp(weight) > 0 else None
    planned = number_of(route, "MeasurementPoints")
    early = (
        (stopped(len(x), int(planned)),)
        if planned is not None and len(x) < planned < MAX_POINTS
        else ()
    )
    wavelength = _brml_wavelength(root)
    return Scan(x, intensity, esd, "two_theta", "", wavelength, instrument="Bruker", warnings=early)


def _columns(source: str, route: ET.Element, table: FloatArray) -> tuple[int | None, int | None]:
    """Columns of two-theta and of the counts."""
    views = list(find_all(route, "RawDataView"))
    if not views:
        # Rows of time, flag, two-theta, theta, counts: theta is half of two-theta.
        if table.shape[1] == 5 and np.allclose(table[:, 2], 2.0 * table[:, 3], atol=0.02):
            return 2, 4
        return None, None
    angle = count = None
    recorded: list[tuple[bool, int, int]] = []
    for view in views:
        start, length = _integer(view.get("Start")), _integer(view.get("Length"))
        fields = list(find_all(view, "FieldDefinitions"))
        for k, field in enumerate(fields):
            if "TwoTheta" in (value.strip() for value in field.attrib.values()):
                angle = start + k
        if view.get(_TYPE, "").endswith("RecordedRawDataView"):
            words = " ".join(
                str(value) for child in view.iter() for value in child.attrib.values()
            ).lower()
            recorded.append(("count" in words, start, length))
    counters = [r for r in recorded if r[0]] or recorded
    if len(counters) == 1:
        _, count, length = counters[0]
        if length != 1:
            raise PatternError(
                source, f"its rows are detector frames of {length} channels, not a pattern"
            )
    elif counters:
        raise PatternError(source, f"has {len(counters)} counters; export the one you want as .xy")
    return angle, count


def _absorption(route: ET.Element, table: FloatArray) -> FloatArray:
    """Factors of the absorber."""
    for view in find_all(route, "RawDataView"):
        column = _integer(view.get("Start"))
        if view.get("LogicName") == "AbsorptionFactor" and 0 <= column < table.shape[1]:
            factors = table[:, column]
            if np.isfinite(factors).all() and (factors > 0).all():
                return factors
    return np.ones(len(table))


def _integer(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        return -1


def _scan_axis(source: str, route: ET.Element, n_points: int) -> FloatArray:
    """Two-theta from the start and the step of the scan."""
    for axis in find_all(route, "ScanAxisInfo"):
        if "TwoTheta" not in (axis.get("AxisId"), axis.get("AxisName")):
            continue
        start, step = number_of(axis, "Start"), number_of(axis, "Increment")
        if start is not None and step:
            start += number_of(axis, "Reference") or 0.0
            return start + step * np.arange(n_points, dtype=np.float64)
    raise NoPattern(source, "it does not move two-theta")


def _times(route: ET.Element, n_points: int) -> FloatArray | None:
    """Time of each point where parts of the scan were counted longer than others."""
    times: list[float] = []
    for part in find_all(route, "SubScanInfo"):
        try:
            steps, time = (
                int(part.get("MeasuredSteps", "")),
                float(part.get("PlannedTimePerStep", "")),
            )
        except ValueError:
            return None
        if not (0 < steps <= n_points and time > 0):
            return None
        times += [time] * steps
    if len(times) != n_points or len(set(times)) < 2:
        return None
    return np.array(times)


def read_raw(source: str, raw: bytes) -> list[Scan]:
    """Read every range of a binary ``.raw``."""
    try:
        if raw.startswith(b"RAW4.00"):
            scans = list(_raw4(source, raw))
        elif raw.startswith(b"RAW1.01"):
            scans = list(_raw3(source, raw))
        else:
            raise PatternError(
                source, f"is a RAW file of a kind that is not read ({raw[:8]!r}); {_EXPORT}"
            )
    except struct.error:
        raise PatternError(source, "is cut short; copy it again") from None
    if not scans:
        raise PatternError(source, "holds no measured range; was the measurement finished?")
    return scans


def _integer_at(raw: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", raw, at)[0])


def _double_at(raw: bytes, at: int) -> float:
    return float(struct.unpack_from("<d", raw, at)[0])


def _string(raw: bytes, at: int, length: int) -> str:
    return raw[at : at + length].split(b"\0")[0].decode("latin-1").strip()


def _raw4(source: str, raw: bytes) -> Iterator[Scan]:
    wavelength = None
    at = 61
    n_ranges = 0
    while at + 8 <= len(raw):
        kind, length = _integer_at(raw, at), _integer_at(raw, at + 4)
        if kind in (0, 160):
            if n_ranges and not any(raw[at:]):
                return  # padding
            n_ranges += 1
            if n_ranges > MAX_SCANS:
                raise PatternError(source, f"holds more than {MAX_SCANS} scans: not a pattern")
            scan, at = _raw4_range(source, raw, at)
            yield replace(scan, wavelength=wavelength)
            continue
        if length < 8:
            raise PatternError(source, "has a segment without a length; is the file damaged?")
        if kind == 30 and length >= 120:
            first, second, ratio = (_double_at(raw, at + k) for k in (80, 88, 104))
            wavelength = doublet(first, second, ratio, _string(raw, at + 116, 4))
        at += length


def _raw4_range(source: str, raw: bytes, at: int) -> tuple[Scan, int]:
    scan_type = _string(raw, at + 32, 24)
    start, step = _double_at(raw, at + 72), _double_at(raw, at + 80)
    n_points, size = _integer_at(raw, at + 88), _integer_at(raw, at + 136)
    extra = _integer_at(raw, at + 140)
    data = at + 160 + extra
    end = data + n_points * size
    if not 0 < n_points <= MAX_POINTS or size < 4 or size > 64:
        raise PatternError(source, f"announces {n_points} points of {size} bytes; is it damaged?")
    if end > len(raw):
        raise PatternError(source, "is cut short; copy it again")
    drives = {}
    position = at + 160
    while position + 8 <= data:
        kind, length = _integer_at(raw, position), _integer_at(raw, position + 4)
        if length < 8:
            break
        if kind == 50 and length >= 64:
            drives[_plain(_string(raw, position + 12, 24))] = _double_at(raw, position + 56)
        position += length
    two_theta = drives.get("2theta", drives.get("twotheta"))
    moves = _plain(scan_type) in _COUPLED or two_theta is not None
    if not moves or (two_theta is not None and abs(two_theta - start) > 1e-4):
        raise PatternError(
            source, f"a scan ({scan_type[:24] or 'unnamed'}) does not step two-theta; {_EXPORT}"
        )
    return Scan(
        start + step * np.arange(n_points, dtype=np.float64),
        _leading_floats(raw, data, n_points, size),
        axis="two_theta",
        instrument="Bruker",
    ), end


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _leading_floats(raw: bytes, at: int, n_points: int, size: int) -> FloatArray:
    """Return the 32-bit float at the beginning of each record."""
    records = np.frombuffer(raw, np.uint8, n_points * size, at).reshape(n_points, size)
    return np.ascontiguousarray(records[:, :4]).view("<f4")[:, 0].astype(np.float64)


def _raw3(source: str, raw: bytes) -> Iterator[Scan]:
    n_ranges = _integer_at(raw, 12)
    if not 0 < n_ranges <= MAX_SCANS:
        raise PatternError(source, f"announces {n_ranges} ranges; is it damaged, or a map?")
    wavelength = doublet(
        _double_at(raw, 624),
        _double_at(raw, 632),
        _double_at(raw, 648),
        _string(raw, 608, 4),
    )
    at = 712
    for _ in range(n_ranges):
        header, n_points = _integer_at(raw, at), _integer_at(raw, at + 4)
        start, step = _double_at(raw, at + 16), _double_at(raw, at + 176)
        varying, size = _integer_at(raw, at + 248), _integer_at(raw, at + 252)
        data = at + header + _integer_at(raw, at + 256)
        if not 0 < n_points <= MAX_POINTS or header < 260 or not 4 <= size <= 64:
            raise PatternError(
                source, f"announces {n_points} points of {size} bytes; is it damaged?"
            )
        if varying:
            raise PatternError(source, f"its points do not lie in even steps; {_EXPORT}")
        at = data + n_points * size
        if at > len(raw):
            raise PatternError(source, "is cut short; copy it again")
        if not (np.isfinite(step) and step != 0.0):
            raise PatternError(source, f"a scan has a step of {step:g}; is it damaged?")
        yield Scan(
            start + step * np.arange(n_points, dtype=np.float64),
            _leading_floats(raw, data, n_points, size),
            axis="two_theta",
            wavelength=wavelength,
            instrument="Bruker",
        )

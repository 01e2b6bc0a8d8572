"""Bruker ``.brml`` (a zip of XML).

A ``.brml`` names the columns of its rows in ``DataViews``; its counts are already
corrected for the absorber.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

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
from ._times import moment

__all__ = ["is_brml", "read_brml"]

_RAW_DATA = re.compile(r"RawData(\d*)\.xml$")
_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


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
            paths = [about.get("ClassPath", "") for about in children(optic, "BeringInfo")]
            if any("/Detector/" in path for path in paths):
                continue
            yield from paths
            for name in ("VisibleName", "LogicName", _TYPE):
                yield optic.get(name, "")


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
    return Scan(
        x,
        intensity,
        esd,
        "two_theta",
        "",
        wavelength,
        "Bruker",
        warnings=early,
        time=moment(text_of(root, "TimeStampStarted")),
    )


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

"""PANalytical ``.xrdml``: XML, one or more scans.

``intensities`` are corrected for beam attenuators by the instrument, ``counts`` are not
and come with the factors. Positions of the two-theta axis are a list, or a start and an
end with even steps.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .._typing import FloatArray
from ._members import (
    children,
    find_all,
    local,
    number_of,
    parse_xml_prefix,
    text_of,
    wavelength_of,
)
from ._scan import (
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

__all__ = ["read_xrdml"]

_MEASURED = ("intensities", "counts")
_CRYSTAL = re.compile(r"monochromator|analy[sz]er", re.IGNORECASE)


def read_xrdml(source: str, raw: bytes) -> list[Scan | NoPattern]:
    """Read every scan; those that are whole where the file is cut short."""
    root, cut = parse_xml_prefix(source, raw)
    if local(root) != "xrdMeasurements":
        raise PatternError(source, f"is XML of {local(root)[:40]!r}, which is no diffractogram")
    parts: list[tuple[ET.Element, ET.Element, ET.Element]] = []
    for measurement in children(root, "xrdMeasurement"):
        for scan in children(measurement, "scan"):
            parts += [
                (measurement, scan, points)
                for points in children(scan, "dataPoints")
                if not cut or any(local(p) in _MEASURED for p in points)
            ]
        kind = measurement.get("measurementType", "")
        if "area" in kind.lower():
            raise PatternError(
                source,
                f"is a map ({kind[:30]}, {len(parts)} scans at different angles of incidence), "
                "not a pattern; measure one scan of two-theta over a powder",
            )
    if not parts and cut:
        raise PatternError(
            source,
            "is cut short within its first scan, whose points cannot be placed: an XRDML file "
            "says how many they are nowhere; copy it again",
        )
    if not parts:
        raise PatternError(source, "holds no scan; was the measurement finished?")
    if len(parts) > MAX_SCANS:
        raise PatternError(source, f"holds more than {MAX_SCANS} scans: not a pattern")
    scans = read_each(lambda part: _scan(source, *part), parts)
    if cut:
        note = f"the file is cut short: of its scans {len(scans)} are whole; copy it again"
        scans = [
            replace(s, warnings=(*s.warnings, note)) if isinstance(s, Scan) else s for s in scans
        ]
    return scans


def _wavelength(source: str, measurement: ET.Element) -> Wavelength | None:
    """Wavelength by the optics; the intention only where these cannot decide."""
    for used in children(measurement, "usedWavelength"):
        anode = text_of(measurement, "anodeMaterial") or ""
        intended = used.get("intended", "K-Alpha")[:30]
        plain = intended.lower().replace("-", "").replace(" ", "")
        if plain == "kbeta":
            beta = wavelength_of(used, "kBeta")
            return None if beta is None else Wavelength(beta, f"{anode} K-beta".strip())
        if not plain.startswith("kalpha"):
            raise PatternError(source, f"does not say which line was used ({intended!r})")
        note = (
            f"intended is {intended!r}, but no crystal in the beam parts the lines"
            if plain == "kalpha1"
            else ""
        )
        return doublet(
            wavelength_of(used, "kAlpha1"),
            wavelength_of(used, "kAlpha2"),
            number_of(used, "ratioKAlpha2KAlpha1"),
            anode,
            alone=separating_crystal(_crystals(measurement)),
            note=note,
        )
    return None


def _crystals(measurement: ET.Element) -> Iterator[str]:
    """Names of the monochromators and analysers of both beam paths."""
    for path in ("incidentBeamPath", "diffractedBeamPath"):
        for optics in children(measurement, path):
            for element in optics.iter():
                if _CRYSTAL.search(local(element)):
                    yield element.get("name", "")
                    yield text_of(element, "crystal") or ""
                elif "irror" in local(element):  # a hybrid has its crystal in the name
                    yield element.get("name", "")


def _scan(source: str, measurement: ET.Element, scan: ET.Element, points: ET.Element) -> Scan:
    wavelength = _wavelength(source, measurement)
    scan_axis = scan.get("scanAxis", "")
    intensity = esd = None
    for values in find_all(points, "intensities"):
        intensity = numbers(source, values.text, "intensities")
    if intensity is None:
        for values in find_all(points, "counts"):
            counts = numbers(source, values.text, "counts")
            factor = _factors(source, points, "beamAttenuationFactors", len(counts))
            if any(True for _ in find_all(points, "divergenceCorrections")):
                raise PatternError(
                    source,
                    "its counts wait for a divergence correction; export it with corrected "
                    "intensities, or with a fixed slit",
                )
            intensity = counts * factor
            if not (factor == 1.0).all():
                esd = np.sqrt(np.maximum(counts, 0.0)) * factor
    if intensity is None:
        raise PatternError(source, "a scan holds neither intensities nor counts")
    times = _factors(source, points, "countingTimes", len(intensity))
    if not (times > 0).all():
        raise PatternError(source, "a scan has counting times that are not above zero")
    if np.ptp(times) > 0:
        # Points that were counted longer are brought to the mean time.
        esd = (np.sqrt(np.maximum(intensity, 0.0)) if esd is None else esd) * times.mean() / times
        intensity = intensity * times.mean() / times
    x = _two_theta(source, points, len(intensity), scan_axis)
    status = scan.get("status", "") or "Completed"
    early: tuple[str, ...] = ()
    if status not in ("Completed", "Complete"):
        early = (f"{stopped(len(x))}; its angles are taken between start and end as written",)
    return Scan(
        x,
        intensity,
        esd,
        "two_theta",
        "",
        wavelength,
        "PANalytical",
        warnings=early,
        time=moment(text_of(scan, "startTimeStamp")),
    )


def _factors(source: str, points: ET.Element, name: str, n_points: int) -> FloatArray:
    for values in find_all(points, name):
        factors = numbers(source, values.text, name)
        if len(factors) != n_points:
            raise PatternError(source, f"{name} holds {len(factors)} numbers for {n_points} points")
        return factors
    return np.ones(n_points)


def _two_theta(source: str, points: ET.Element, n_points: int, scan_axis: str) -> FloatArray:
    for positions in find_all(points, "positions"):
        if positions.get("axis") != "2Theta":
            continue
        unit = positions.get("unit", "deg")
        if unit != "deg":
            raise PatternError(source, f"its two-theta is in {unit[:20]!r}; expected degrees")
        for listed in find_all(positions, "listPositions"):
            x = numbers(source, listed.text, "listPositions")
            if len(x) > 1 and np.ptp(x) == 0.0:
                break
            if len(x) != n_points:
                raise PatternError(source, f"has {len(x)} positions for {n_points} intensities")
            return x
        start, end = number_of(positions, "startPosition"), number_of(positions, "endPosition")
        if start is not None and end is not None and start != end:
            return np.linspace(start, end, n_points)
    axis = scan_axis[:40] or "unknown"
    raise NoPattern(source, f"it does not move two-theta (its axis: {axis})")

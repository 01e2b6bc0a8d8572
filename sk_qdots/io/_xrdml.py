"""PANalytical ``.xrdml``: XML, one or more scans.

``intensities`` are corrected for beam attenuators by the instrument, ``counts`` are not
and come with the factors. Positions of the two-theta axis are a list, or a start and an
end with even steps.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from .._typing import FloatArray
from ._members import children, find_all, local, number_of, parse_xml, text_of, wavelength_of
from ._scan import MAX_SCANS, PatternError, Scan, Wavelength, doublet, numbers

__all__ = ["read_xrdml"]


def read_xrdml(source: str, raw: bytes) -> list[Scan]:
    """Read every scan."""
    root = parse_xml(source, raw)
    if local(root) != "xrdMeasurements":
        raise PatternError(source, f"is XML of {local(root)[:40]!r}, which is no diffractogram")
    scans: list[Scan] = []
    for measurement in children(root, "xrdMeasurement"):
        wavelength = _wavelength(source, measurement)
        for scan in children(measurement, "scan"):
            if len(scans) >= MAX_SCANS:
                raise PatternError(source, f"holds more than {MAX_SCANS} scans: not a pattern")
            scans += [
                _scan(source, points, wavelength, scan.get("scanAxis", ""))
                for points in children(scan, "dataPoints")
            ]
    if not scans:
        raise PatternError(source, "holds no scan; was the measurement finished?")
    return scans


def _wavelength(source: str, measurement: ET.Element) -> Wavelength | None:
    for used in children(measurement, "usedWavelength"):
        anode = text_of(measurement, "anodeMaterial") or ""
        intended = used.get("intended", "K-Alpha")
        plain = intended.lower().replace("-", "").replace(" ", "")
        if plain == "kbeta":
            beta = wavelength_of(used, "kBeta")
            return None if beta is None else Wavelength(beta, f"{anode} K-beta".strip())
        if plain not in ("kalpha", "kalpha1", "kalpha1&2"):
            raise PatternError(source, f"does not say which line was used ({intended[:30]!r})")
        return doublet(
            wavelength_of(used, "kAlpha1"),
            wavelength_of(used, "kAlpha2"),
            number_of(used, "ratioKAlpha2KAlpha1"),
            anode,
            intended,
        )
    return None


def _scan(source: str, points: ET.Element, wavelength: Wavelength | None, scan_axis: str) -> Scan:
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
    return Scan(x, intensity, esd, "two_theta", "", wavelength, "PANalytical")


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
            if len(x) != n_points:
                raise PatternError(source, f"has {len(x)} positions for {n_points} intensities")
            return x
        start, end = number_of(positions, "startPosition"), number_of(positions, "endPosition")
        if start is not None and end is not None:
            return np.linspace(start, end, n_points)
    axis = scan_axis[:40] or "unknown"
    raise PatternError(source, f"a scan does not move two-theta (its axis: {axis})")

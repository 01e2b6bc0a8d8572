"""Siemens and Bruker ``.raw`` (binary), versions 1 to 4.

All numbers are little-endian. The layouts are those that readers of several projects
found, some after the manuals of DIFFRAC-AT and DIFFRACplus, and agree on:

* version 1 (``RAW`` and a blank): ranges of 156 bytes of header and 32-bit floats, with
  or without the letters ``RAW`` again; the header ends with whether another follows;
* version 2 (``RAW2``): 256 bytes of header, with the number of ranges, then ranges that
  begin with the length of their header and their number of points, both of 16 bits;
* version 3 (``RAW1.01``): 712 bytes of header, ranges that begin with the length of
  their header; records begin with the intensity as a 32-bit float, and hold a 64-bit
  float for each drive whose positions are written out;
* version 4 (``RAW4.00``): a chain of segments (32-bit kind and length) after 61 bytes;
  kinds 0 and 160 open a range: 160 bytes of header, records of the drives, then one
  record a point that begins with the intensity as a 32-bit float.

What was scanned is known in versions 3 and 4. Versions 1 and 2 have a scan mode whose
codes are not documented: the angles of their headers are taken for two-theta.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ._bytes import Bytes
from ._moves import moves_two_theta
from ._scan import MAX_SCANS, NoPattern, PatternError, Scan, Wavelength, doublet, label_of, stopped

__all__ = ["is_raw", "read_raw"]

_EXPORT = "export it as .brml, .xy or RAW version 4"
_MOVES = {  # codes of version 3: what steps two-theta, or reads it from a detector
    0: "locked coupled",
    1: "unlocked coupled",
    2: "detector scan",
    20: "unlocked coupled",
    129: "PSD fixed scan",
    130: "PSD fast scan",
}
_OTHER = {
    3: "rocking curve, omega",
    4: "chi scan",
    5: "phi scan",
    6: "x scan",
    7: "y scan",
    8: "z scan",
    12: "psi scan",
    13: "hkl scan",
    14: "scan of reciprocal space",
    9999: "scan of the tube",
}
_NAMED_OTHERS = re.compile(r"rocking|omega|(^|[^a-z])(chi|khi|phi|psi|aux\d?|[xyz])scan|still|time")
_PERFECT = {  # primary monochromators that separate K-alpha 1, by the codes of the files
    3: "Ge(220) monochromator of two reflections",
    4: "Ge(220) monochromator of four reflections",
    5: "Ge(440) monochromator of four reflections",
    9: "flat Ge(111) monochromator",
    10: "flat Si(111) monochromator",
    11: "Ge monochromator in reflection",
    12: "asymmetric Ge monochromator of four reflections",
}
_FOCUSING = {1: "primary monochromator, transmission", 2: "primary monochromator, reflection"}
_STOPPED = (2, 3, 4)  # states of a file of version 3: active, aborted, interrupted
_MISSING = "the file announces {} ranges and ends after {}; copy it again if it should be complete"


def is_raw(raw: bytes) -> bool:
    """Whether the bytes are those of a ``.raw`` of Siemens or Bruker, of any version."""
    return raw[:3] == b"RAW" and raw[3:4] != b"_" and b"\0" in raw[:1000]


def read_raw(source: str, raw: bytes) -> list[Scan | NoPattern]:
    """Read every range."""
    data = Bytes(source, raw)
    readers: dict[bytes, Callable[[Bytes], list[Scan | NoPattern]]] = {
        b"RAW ": _version1,
        b"RAW2": _version2,
        b"RAW1.01": _version3,
        b"RAW4.00": _version4,
    }
    for begins, reader in readers.items():
        if raw.startswith(begins):
            scans = reader(data)
            if not scans:
                raise PatternError(source, "holds no measured range; was the measurement finished?")
            return scans
    raise PatternError(source, f"is a RAW file of a kind that is not read ({raw[:8]!r}); {_EXPORT}")


def _steps(
    data: Bytes, at: int, n_points: int, size: int, start: float, step: float
) -> tuple[Scan | NoPattern, int]:
    """One range of even steps, and where it ends."""
    end = at + n_points * size
    try:
        there, early = data.whole(at, n_points, size)
    except NoPattern as reason:
        return reason, end
    if not (np.isfinite(step) and np.isfinite(start)):
        raise PatternError(data.source, f"a scan starts at {start:g} with a step of {step:g}")
    if step == 0.0:
        return NoPattern(data.source, "it does not move two-theta (its step is 0)"), end
    x = start + step * np.arange(there, dtype=np.float64)
    intensity = data.column(at, there, size, "<f4")
    return Scan(x, intensity, axis="two_theta", warnings=early), end


def _one_after_another(
    data: Bytes,
    at: int,
    header: int,
    announced: int | None,
    read: Callable[[Bytes, int], tuple[Scan | NoPattern, int, bool]],
) -> list[Scan | NoPattern]:
    """Ranges that follow each other, each of which says whether there is a next one.

    Where the file ends before the next range, the last one says so.
    """
    scans: list[Scan | NoPattern] = []
    more = True
    while more and (announced is None or len(scans) < announced):
        if len(scans) == MAX_SCANS:
            raise PatternError(data.source, f"holds more than {MAX_SCANS} scans: not a pattern")
        if scans and at + header > len(data):
            _say_more(scans, announced)
            break
        scan, at, more = read(data, at)
        scans.append(scan)
    return scans


def _say_more(scans: list[Scan | NoPattern], announced: int | None) -> None:
    """Make the last range say that others should follow it."""
    last = scans[-1]
    if isinstance(last, Scan) and not last.warnings:
        text = _MISSING.format(announced or f"more than {len(scans)}", len(scans))
        scans[-1] = replace(last, warnings=(text,))


def _with(scan: Scan | NoPattern, tube: Wavelength | None, instrument: str) -> Scan | NoPattern:
    if isinstance(scan, NoPattern):
        return scan
    return replace(scan, wavelength=tube, instrument=instrument)


def _version1(data: Bytes) -> list[Scan | NoPattern]:
    return _one_after_another(data, 0, 152, None, _range1)


def _range1(data: Bytes, at: int) -> tuple[Scan | NoPattern, int, bool]:
    # Early files repeat these letters for each range, others do not.
    at += 4 if data.raw[at : at + 4] == b"RAW " else 0
    first = data.f32(at + 68)
    tube = doublet(first, data.f32(at + 72), anode=label_of(first).partition(" ")[0])
    start, step, more = data.f32(at + 20), data.f32(at + 8), data.u32(at + 148) != 0
    scan, end = _steps(data, at + 152, data.u32(at), 4, start, step)
    return _with(scan, tube, "Siemens"), end, more


def _version2(data: Bytes) -> list[Scan | NoPattern]:
    ratio = data.f32(198)
    tube = doublet(data.f32(190), data.f32(194), ratio or None, data.text(188, 2))

    def read(data: Bytes, at: int) -> tuple[Scan | NoPattern, int, bool]:
        header = data.u16(at)
        if header < 20:
            raise PatternError(data.source, f"has a range header of {header} bytes; is it damaged?")
        start, step = data.f32(at + 16), data.f32(at + 12)
        scan, end = _steps(data, at + header, data.u16(at + 2), 4, start, step)
        return _with(scan, tube, "Siemens"), end, True

    return _one_after_another(data, 256, 20, _number_of_ranges(data, data.u16(4)), read)


def _number_of_ranges(data: Bytes, announced: int) -> int:
    if not 0 < announced <= MAX_SCANS:
        raise PatternError(
            data.source, f"announces {announced} ranges; is it damaged, or a map of scans?"
        )
    return announced


def _tube(
    first: float, second: float, ratio: float, anode: str, monochromator: int, used: float
) -> Wavelength | None:
    """Wavelength of the tube, with the primary monochromator and the line that was chosen."""
    alone = _PERFECT.get(monochromator, "")
    if not alone and abs(used - first) < 1e-5:
        alone = _FOCUSING.get(monochromator, "")
    return doublet(first, second, ratio, anode, alone=alone)


def _version3(data: Bytes) -> list[Scan | NoPattern]:
    state, announced = data.u32(8), _number_of_ranges(data, data.u32(12))
    scans = _one_after_another(data, 712, 304, announced, _range3)
    last = scans[-1]
    if state in _STOPPED and isinstance(last, Scan) and not last.warnings:
        scans[-1] = replace(last, warnings=(stopped(len(last.x)),))
    return scans


def _range3(data: Bytes, at: int) -> tuple[Scan | NoPattern, int, bool]:
    header, n_points = data.u32(at), data.u32(at + 4)
    varying, size = data.u32(at + 248), data.u32(at + 252)
    begin = at + header + data.u32(at + 256)
    if header < 260:
        raise PatternError(data.source, f"has a range header of {header} bytes; is it damaged?")
    scan, end = _steps(data, begin, n_points, size, data.f64(at + 16), data.f64(at + 176))
    kind = data.u32(at + 196)
    if kind not in _MOVES:
        what = _OTHER.get(kind, f"of kind {kind}")
        return NoPattern(data.source, f"it does not move two-theta ({what})"), end, True
    if size != 4 + 8 * varying.bit_count():
        raise PatternError(data.source, f"its points do not lie in even steps; {_EXPORT}")
    if varying & 1 and isinstance(scan, Scan):  # two-theta itself is written out
        scan = replace(scan, x=data.column(begin, len(scan.x), size, "<f8", 4))
    tube = _tube(
        data.f64(624),
        data.f64(632),
        data.f64(648),
        data.text(608, 4),
        data.u32(580),
        data.f64(at + 240),
    )
    return _with(scan, tube, "Bruker"), end, True


def _version4(data: Bytes) -> list[Scan | NoPattern]:
    tube: tuple[float, float, float, str, int] | None = None
    scans: list[Scan | NoPattern] = []
    at = 61
    while at + 8 <= len(data):
        kind, length = data.u32(at), data.u32(at + 4)
        if kind in (0, 160):
            if scans and not any(data.raw[at:]):
                break  # padding
            if scans and at + 160 > len(data):
                _say_more(scans, None)
                break
            if len(scans) == MAX_SCANS:
                raise PatternError(data.source, f"holds more than {MAX_SCANS} scans: not a pattern")
            scan, end = _range4(data, at)
            about = None if tube is None else _tube(*tube, data.f64(at + 112))
            scans.append(_with(scan, about, "Bruker"))
            at = end
            continue
        if length < 8:
            raise PatternError(data.source, "has a segment without a length; is the file damaged?")
        if kind == 30 and length >= 120:
            first, second, ratio = (data.f64(at + k) for k in (80, 88, 104))
            tube = first, second, ratio, data.text(at + 116, 4), data.u32(at + 48)
        at += length
    return scans


def _range4(data: Bytes, at: int) -> tuple[Scan | NoPattern, int]:
    kind = data.text(at + 32, 24)
    start, step = data.f64(at + 72), data.f64(at + 80)
    n_points, completed, size = data.u32(at + 88), data.u32(at + 8), data.u32(at + 136)
    begin = at + 160 + data.u32(at + 140)
    if size < 4:
        raise PatternError(
            data.source, f"announces {n_points} points of {size} bytes; is it damaged?"
        )
    scan, end = _steps(data, begin, n_points, size, start, step)
    two_theta = _drives(data, at + 160, min(begin, len(data))).get("2theta")
    moves = moves_two_theta(kind)
    if moves is None and not _NAMED_OTHERS.search(_plain(kind)):
        moves = two_theta is not None
    if not moves or (two_theta is not None and abs(two_theta - start) > 1e-4):
        what = kind[:24] or "unnamed"
        return NoPattern(data.source, f"it does not move two-theta ({what}); {_EXPORT}"), end
    if isinstance(scan, Scan) and 0 < completed < len(scan.x):
        early = (stopped(completed, n_points),)
        return replace(
            scan, x=scan.x[:completed], intensity=scan.intensity[:completed], warnings=early
        ), end
    return scan, end


def _drives(data: Bytes, at: int, end: int) -> dict[str, float]:
    """Where the drives stand at the beginning of a range of version 4."""
    drives = {}
    while at + 8 <= end:
        kind, length = data.u32(at), data.u32(at + 4)
        if length < 8:
            break
        if kind == 50 and length >= 64:
            name = _plain(data.text(at + 12, 24)).replace("twotheta", "2theta")
            drives[name] = data.f64(at + 56)
        at += length
    return drives


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()

"""STOE ``.raw`` (binary) of the WinXPOW programs, ``RAW_1.03`` to ``RAW_1.06``.

Records of 512 bytes, little-endian: a header, the ranges that were to be measured, and
for each that was, a header of its own and its counts, integers of 32 or 16 bits. The
layout is the one that the source of DASH describes and that converters found in files
of today.
"""

from __future__ import annotations

import numpy as np

from ._bytes import Bytes
from ._scan import (
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    read_each,
    stopped,
)

__all__ = ["is_stoe", "read_stoe"]

_RECORD = 512
_MAX_RANGES = 8
_ANODES = {1: "Ag", 2: "Mo", 3: "Cu", 4: "Co", 5: "Fe", 6: "Cr"}
_PERFECT = {  # monochromators in front of the sample that separate K-alpha 1
    2: "curved Ge(111) monochromator",
    4: "curved quartz(101) monochromator",
    6: "Ge(111) double monochromator",
    7: "Ge(220) double monochromator",
    8: "GaAs(400) double monochromator",
}
_MOTORISED = 100  # is added to the code of a monochromator
_OMEGA = 2  # type of a scan


def is_stoe(raw: bytes) -> bool:
    """Whether the bytes are those of a ``.raw`` of STOE."""
    return raw.startswith(b"RAW_1.")


def read_stoe(source: str, raw: bytes) -> list[Scan | NoPattern]:
    """Read every range that was measured."""
    data = Bytes(source, raw)
    done = data.u16(378) or min(data.u32(466), 1)  # some only say how many points there are
    if not 0 < done <= _MAX_RANGES:
        raise PatternError(
            source,
            f"holds {done} measured ranges, and such a file has 1 to {_MAX_RANGES}; was the "
            "measurement finished?",
        )
    tube = _tube(data)
    headers = [_header(data, data.u16(480 + 2 * k), done) for k in range(done)]
    return read_each(lambda at: _range(data, at, tube), headers)


def _tube(data: Bytes) -> Wavelength | None:
    first, second = data.f32(322), data.f32(326)
    alone = _PERFECT.get(data.u16(308) % _MOTORISED, "")
    return doublet(first, second, None, _ANODES.get(data.u16(310), ""), alone=alone)


def _header(data: Bytes, record: int, done: int) -> int:
    """Where the header of a range begins."""
    records = [record]
    if done == 1:
        records.append(data.u16(476) - data.u16(474))  # all records, and those of counts
    places = [(one - 1) * _RECORD for one in records if one > 1]
    if not places:
        raise PatternError(data.source, "does not say where its ranges are; is it damaged?")
    return next((at for at in places if _is_header(data, at)), places[0])


def _is_header(data: Bytes, at: int) -> bool:
    """Whether the points of a range are as many as its angles say, or fewer."""
    if at + _RECORD > len(data):
        return False
    n_points, step = data.u16(at + 34), data.f32(at + 60)
    span = (data.f32(at + 52) - data.f32(at + 44)) / step if step else np.nan
    return bool(0 < n_points <= span + 1.5)


def _range(data: Bytes, at: int, tube: Wavelength | None) -> Scan:
    n_points, short = data.u16(at + 34), data.u16(at + 38) == 1
    start, end, step = data.f32(at + 44), data.f32(at + 52), data.f32(at + 60)
    if data.u16(360) == _OMEGA or step == 0.0:
        raise NoPattern(data.source, "it does not move two-theta (its axis: omega)")
    if n_points == 0:
        raise NoPattern(data.source, "a range without points; was it measured?")
    span = (end - start) / step
    if not (np.isfinite(span) and abs(start) < 360.0 and 0.0 < span < 1e6):
        raise PatternError(
            data.source,
            f"announces a scan from {start:g} to {end:g} in steps of {step:g}; is it damaged?",
        )
    size, kind = (2, "<i2") if short else (4, "<i4")
    there, early = data.whole(at + _RECORD, n_points, size)
    if not early and n_points < round(span):
        early = (stopped(n_points, round(span) + 1),)
    scale = max(data.f32(at + 40), 1.0)
    if not np.isfinite(scale):
        raise PatternError(data.source, "has a scale of counts that is no number; is it damaged?")
    return Scan(
        start + step * np.arange(there, dtype=np.float64),
        data.column(at + _RECORD, there, size, kind) / scale,
        axis="two_theta",
        wavelength=tube,
        instrument="STOE",
        warnings=early,
    )

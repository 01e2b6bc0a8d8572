"""Which of the scans of a file: one, their sum, or ranges that join where they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .._typing import FloatArray
from ..instruments.radiation import is_same_beam
from ._scan import NoPattern, PatternError, Scan

__all__ = ["choose"]

_SAME_POINT = 0.05  # of a step: points of two ranges that are one
_OVERLAP = 5  # points that ranges must share to be scaled by them


def choose(source: str, scans: Sequence[Scan | NoPattern], scan: int | str | None) -> Scan:
    """The scan that is asked for, or the only one."""
    patterns = {k: s for k, s in enumerate(scans) if isinstance(s, Scan)}
    if scan is None:
        if len(scans) == 1:
            return _pattern_or_raise(scans[0])
        raise PatternError(source, f"holds {len(scans)} scans, {_listed(scans)}")
    if scan in ("sum", "join"):
        if not patterns:
            raise PatternError(source, f"holds {len(scans)} scans, {_listed(scans)}")
        together = _sum if scan == "sum" else _join
        return together(source, list(patterns.values()))
    if isinstance(scan, bool) or not isinstance(scan, int | np.integer):
        raise PatternError(source, f"scan is {scan!r}; it must be a number from 0, 'sum' or 'join'")
    if not 0 <= scan < len(scans):
        raise PatternError(
            source, f"scan is {scan}, and the file holds scans 0 to {len(scans) - 1}"
        )
    chosen = scans[int(scan)]
    if isinstance(chosen, NoPattern) and len(scans) > 1:
        raise PatternError(
            source, f"scan {scan} is no pattern: {chosen.reason}; it holds {_listed(scans)}"
        )
    return _pattern_or_raise(chosen)


def _pattern_or_raise(scan: Scan | NoPattern) -> Scan:
    if isinstance(scan, NoPattern):
        raise scan
    return scan


def _listed(scans: Sequence[Scan | NoPattern]) -> str:
    """Which scans there are, which of them are patterns, and how to choose."""
    patterns = [(k, s) for k, s in enumerate(scans) if isinstance(s, Scan)]
    others = [(k, s) for k, s in enumerate(scans) if not isinstance(s, Scan)]
    without = ", ".join(f"{k}: {s.reason}" for k, s in others[:3])
    without += ", ..." if len(others) > 3 else ""
    if not patterns:
        return f"none of which is a pattern ({without})"
    ranges = ", ".join(
        f"{k}: " + (f"{s.name[:30]!r}, " if s.name else "") + f"{s.x.min():.4g} to {s.x.max():.4g}"
        for k, s in patterns[:4]
        if len(s.x)
    )
    ranges += ", ..." if len(patterns) > 4 else ""
    first = patterns[0][0]
    choose = f"choose one with scan={first} (--scan {first})"
    if len(patterns) > 1:
        choose += " and so on, add them up with scan='sum' (--scan sum)"
        choose += ", or join ranges that overlap with scan='join' (--scan join)"
    if not others:
        return f"{ranges}; {choose}"
    which = "is a pattern" if len(patterns) == 1 else "are patterns"
    return f"of which {len(patterns)} {which} ({ranges}) and others not ({without}); {choose}"


def _sum(source: str, scans: list[Scan]) -> Scan:
    """Scans over the same points added up."""
    first = scans[0]
    if not all(
        len(s.x) == len(first.x) and np.allclose(s.x, first.x, rtol=0.0, atol=1e-6) for s in scans
    ):
        raise PatternError(
            source,
            "its scans have different points and cannot be added up; choose one with scan=0, or "
            "join ranges that overlap with scan='join' (--scan join)",
        )
    _check_beam(source, scans)
    esds = [s.esd for s in scans if s.esd is not None]
    esd = np.sqrt(np.sum(np.square(esds), axis=0)) if len(esds) == len(scans) else None
    return replace(
        first,
        intensity=np.sum([s.intensity for s in scans], axis=0),
        esd=esd,
        lines=None,
        warnings=tuple(dict.fromkeys(text for s in scans for text in s.warnings)),
    )


def _check_beam(source: str, scans: list[Scan]) -> None:
    """Refuse to put together what was measured with different beams or axes."""
    beams = [s.wavelength.value for s in scans if s.wavelength is not None]
    if (
        any(not is_same_beam(beam, beams[0]) for beam in beams[1:])
        or len({s.axis for s in scans}) > 1
    ):
        raise PatternError(
            source, "its scans have different wavelengths or axes; choose one with scan=0"
        )


def _join(source: str, scans: list[Scan]) -> Scan:
    """Ranges as one scan, each scaled to those before it by the intensity that they share.

    Where two ranges have the same points, these are the mean of both, weighted by what
    they are worth; where they have not, one range goes to the middle of the overlap and
    the other from there on.
    """
    _check_beam(source, scans)
    ranges = sorted((_ascending(s) for s in scans), key=lambda r: float(r[0][0]))
    if len(ranges) < 2:
        raise PatternError(source, "holds one pattern only; leave scan='join' out")
    x, y, variance = ranges[0]
    scales = [1.0]
    for x_next, y_next, variance_next in ranges[1:]:
        shared = (x_next >= x[0]) & (x_next <= x[-1])
        own = (x >= x_next[0]) & (x <= x_next[-1])
        if shared.sum() < _OVERLAP or own.sum() < _OVERLAP:
            raise PatternError(
                source,
                f"its ranges {x[0]:.4g} to {x[-1]:.4g} and {x_next[0]:.4g} to {x_next[-1]:.4g} "
                f"share fewer than {_OVERLAP} points, so their scale is not known; choose one "
                "with scan=0 (--scan 0) and so on",
            )
        before, after = float(np.interp(x_next[shared], x, y).sum()), float(y_next[shared].sum())
        if not (before > 0.0 and after > 0.0):
            raise PatternError(
                source, "its ranges share no intensity to be scaled by; choose one with scan=0"
            )
        scale = before / after
        scales.append(scale)
        x, y, variance = _merged(
            (x, y, variance), (x_next, scale * y_next, scale**2 * variance_next)
        )
    return replace(
        scans[0],
        x=x,
        intensity=y,
        esd=np.sqrt(variance),
        lines=None,
        scales=tuple(scales),
        warnings=tuple(dict.fromkeys(text for s in scans for text in s.warnings)),
    )


_Range = tuple[FloatArray, FloatArray, FloatArray]  # abscissa, intensity, variance


def _ascending(scan: Scan) -> _Range:
    order = np.argsort(scan.x, kind="stable")
    esd = np.sqrt(np.maximum(scan.intensity, 0.0)) if scan.esd is None else scan.esd
    return scan.x[order], scan.intensity[order], np.square(esd[order])


def _merged(one: _Range, other: _Range) -> _Range:
    """Two ranges on one scale, the second of which begins later."""
    (x, y, v), (x2, y2, v2) = one, other
    step = float(np.median(np.diff(x)))
    nearest = np.clip(np.searchsorted(x, x2 - 0.5 * step), 0, len(x) - 1)
    same = np.abs(x[nearest] - x2) < _SAME_POINT * step
    inside = x2 <= x[-1]
    if same[inside].all():
        at = nearest[inside]
        weights = 1.0 / np.maximum(v[at], 1e-12), 1.0 / np.maximum(v2[inside], 1e-12)
        total = weights[0] + weights[1]
        y, v = y.copy(), v.copy()
        y[at] = (weights[0] * y[at] + weights[1] * y2[inside]) / total
        v[at] = 1.0 / total
        keep, add = np.ones(len(x), bool), ~inside
    else:
        middle = 0.5 * (x2[0] + min(x[-1], x2[-1]))
        keep, add = (x <= middle) | (x > x2[-1]), (x2 > middle)
    joined = [np.concatenate([a[keep], b[add]]) for a, b in ((x, x2), (y, y2), (v, v2))]
    order = np.argsort(joined[0], kind="stable")
    return joined[0][order], joined[1][order], joined[2][order]

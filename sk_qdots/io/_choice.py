"""Which of the scans of a file: one, their sum, or ranges that join where they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._typing import BoolArray, FloatArray, IntArray
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
        asks = ("scan",) if patterns else ()
        raise PatternError(source, f"holds {len(scans)} scans, {_listed(scans)}", asks)
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

    Where two ranges have the same points, these are what both counted over what both were
    exposed; where they have not, one range goes to the middle of the overlap and the
    other from there on.
    """
    _check_beam(source, scans)
    if len(scans) < 2:
        raise PatternError(source, "holds one pattern only; leave scan='join' out")
    for scan in scans:
        if not (np.isfinite(scan.x).all() and np.isfinite(scan.intensity).all()):
            raise PatternError(
                source, "a range holds NaN or infinity; remove such rows, or choose one with scan=0"
            )
    scales = np.ones(len(scans))
    ranges = sorted(range(len(scans)), key=lambda k: float(scans[k].x.min()))
    joined = _Range.of(scans[ranges[0]], 1.0)
    for k in ranges[1:]:
        scales[k] = _scale(source, joined, _Range.of(scans[k], 1.0))
        joined = joined.with_range(_Range.of(scans[k], float(scales[k])))
    known = [s.wavelength for s in scans if s.wavelength is not None]
    return replace(
        scans[0],
        x=joined.x,
        intensity=joined.y,
        esd=None if joined.variance is None else np.sqrt(joined.variance),
        lines=None,
        wavelength=known[0] if known else None,
        subtracted=next((s.subtracted for s in scans if s.subtracted), ""),
        scales=tuple(float(scale) for scale in scales),
        warnings=tuple(dict.fromkeys(text for s in scans for text in s.warnings)),
    )


def _scale(source: str, before: _Range, after: _Range) -> float:
    """What brings a range to the scale of those before it."""
    tolerance = _SAME_POINT * before.step
    shared = (after.x >= before.x[0] - tolerance) & (after.x <= before.x[-1] + tolerance)
    own = (before.x >= after.x[0] - tolerance) & (before.x <= after.x[-1] + tolerance)
    if shared.sum() < _OVERLAP or own.sum() < _OVERLAP:
        raise PatternError(
            source,
            f"its ranges {before.x[0]:.4g} to {before.x[-1]:.4g} and {after.x[0]:.4g} to "
            f"{after.x[-1]:.4g} share fewer than {_OVERLAP} points, so their scale is not known; "
            "choose one with scan=0 (--scan 0) and so on",
        )
    seen = float(np.interp(after.x[shared], before.x, before.y).sum())
    counted = float(after.y[shared].sum())
    if not (seen > 0.0 and counted > 0.0):
        raise PatternError(
            source, "its ranges share no intensity to be scaled by; choose one with scan=0"
        )
    return seen / counted


@dataclass(frozen=True)
class _Range:
    """Points in ascending order, on the scale of the first range.

    The exposure of a point is what its intensity is multiplied by to give what was counted.
    """

    x: FloatArray
    y: FloatArray
    exposure: FloatArray
    variance: FloatArray | None

    @classmethod
    def of(cls, scan: Scan, scale: float) -> _Range:
        order = np.argsort(scan.x, kind="stable")
        y = scan.intensity[order]
        variance = None
        if scan.esd is not None:
            variance = np.square(scale * scan.esd[order])
        elif (y % 1.0 == 0.0).all():  # counts
            variance = scale**2 * np.maximum(y, 0.0)
        return cls(scan.x[order], scale * y, np.full(len(y), 1.0 / scale), variance)

    @property
    def step(self) -> float:
        return float(np.median(np.diff(self.x)))

    def with_range(self, other: _Range) -> _Range:
        """Both ranges as one; the other begins later."""
        tolerance = _SAME_POINT * self.step
        nearest = np.clip(np.searchsorted(self.x, other.x - 0.5 * self.step), 0, len(self.x) - 1)
        inside = other.x <= self.x[-1] + tolerance
        here = self
        if (np.abs(self.x[nearest] - other.x) < tolerance)[inside].all():
            here = self._summed(other, nearest[inside], inside)
            keep, add = np.ones(len(self.x), bool), ~inside
        else:
            middle = 0.5 * (other.x[0] + min(self.x[-1], other.x[-1]))
            keep, add = self.x <= middle, other.x > middle + tolerance
            keep |= self.x > other.x[-1] + tolerance
        order = np.argsort(np.concatenate([here.x[keep], other.x[add]]), kind="stable")

        def both(one: FloatArray, two: FloatArray) -> FloatArray:
            return np.concatenate([one[keep], two[add]])[order]

        variance = None
        if here.variance is not None and other.variance is not None:
            variance = both(here.variance, other.variance)
        return _Range(
            both(here.x, other.x),
            both(here.y, other.y),
            both(here.exposure, other.exposure),
            variance,
        )

    def _summed(self, other: _Range, at: IntArray, which: BoolArray) -> _Range:
        """Where both have a point: what was counted together, over what was exposed."""
        one, two = self.exposure[at], other.exposure[which]
        total = one + two
        y, exposure = self.y.copy(), self.exposure.copy()
        y[at] = (one * self.y[at] + two * other.y[which]) / total
        exposure[at] = total
        variance = None
        if self.variance is not None and other.variance is not None:
            variance = self.variance.copy()
            variance[at] = (one**2 * self.variance[at] + two**2 * other.variance[which]) / total**2
        return _Range(self.x, y, exposure, variance)

"""What a sizer refuses: patterns that it was not trained for, or of something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..io import PatternError
from .reference import Match

__all__ = ["check_match", "check_range", "check_step"]

_RANGE_TOLERANCE = 0.02  # 1/Angstrom
_COVERAGE = 0.95  # share of the required range that must be measured
_HOLE = 1.5  # of the coarsest step: a wider one was not measured
_STEP_TOLERANCE = 1.05
_POOR_AGREEMENT = 0.5  # below it a pattern is refused

Array = npt.NDArray[Any]


def check_range(
    q: Array, required: tuple[float, float], coarsest_step: float, name: str, source: str
) -> None:
    """Refuse a pattern that does not cover what the network was trained with."""
    start, end = required
    gaps = np.diff(q[(q >= start) & (q <= end)])
    share = 1.0 - gaps[gaps > _HOLE * coarsest_step].sum() / (end - start)
    # The first point of a coarse pattern lies up to a step behind where the range begins.
    room = max(_RANGE_TOLERANCE, float(np.median(np.diff(q))) if q.size > 1 else 0.0)
    short = q[0] > start + room or q[-1] < end - room
    if short or share < _COVERAGE:
        hole = "" if share >= _COVERAGE else f", {share:.0%} of what is needed"
        raise PatternError(
            source,
            f"covers Q = {q[0]:.3g} to {q[-1]:.3g} 1/Angstrom{hole}; the sizer "
            f"{name!r} needs {start:.3g} to {end:.3g}: measure that range, and check "
            "the wavelength and whether the axis is two-theta or Q",
        )


def check_step(
    q: Array, required: tuple[float, float], coarsest_step: float, name: str, source: str
) -> None:
    """Refuse a pattern whose points lie too far apart."""
    start, end = required
    inside = q[(q >= start - coarsest_step) & (q <= end + coarsest_step)]
    if inside.size < 2:
        return  # the range is at fault, and that is said better elsewhere
    step = float(np.median(np.diff(inside)))
    if step > _STEP_TOLERANCE * coarsest_step:
        raise PatternError(
            source,
            f"has a step of {step:.3g} 1/Angstrom; the sizer {name!r} needs "
            f"{coarsest_step:.2g} or less: measure with a finer step, and check the axis",
        )


def check_match(
    match: Match, crystal: str, largest_strain: float, wavelength: float | None, source: str
) -> None:
    """Refuse a pattern whose peaks are not there, or not where the crystal has them."""
    if match.agreement < _POOR_AGREEMENT:
        raise PatternError(
            source,
            f"does not look like {crystal} (agreement {match.agreement:.2f} of 1 with the best "
            "size): check the wavelength and the axis (two-theta or Q), and that the dots are "
            "in the beam",
        )
    if abs(match.strain) > largest_strain:
        instead = ""
        if wavelength is not None:
            instead = f" ({wavelength / (1.0 + match.strain):.4f} instead of {wavelength:g}?)"
        side = "below" if match.strain > 0 else "above"
        raise PatternError(
            source,
            f"its peaks lie {100 * abs(match.strain):.1f} % {side} those of {crystal} in Q: "
            f"check the wavelength{instead} and the zero of the angle",
        )

"""What a sizer refuses, and what it answers with caution.

Refused are patterns that it was not made for, or that look like something else. An answer
comes with caution where the parts of the sizer contradict each other, where it lies at an
edge of what the sizer knows, or where the simulated pattern leaves much of the measured one
unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from .._typing import BoolArray, FloatArray, IntArray, Json, RealArray
from ..io import PatternError
from ..posterior import PatternPosterior
from .combining import differ
from .engines import Engine
from .facts import Facts
from .look_alikes import listed, look_alikes, or_another
from .posterior import Posterior
from .reference import Match
from .reflections import HOLE

__all__ = [
    "cautions",
    "cautions_of_ranges",
    "check_match",
    "check_measured",
    "check_net",
    "check_range",
    "check_row",
    "check_step",
    "check_told",
    "is_good",
    "usual_strains",
]

_RANGE_TOLERANCE = 0.02  # 1/Angstrom
_COVERAGE = 0.95  # share of the required range that must be measured
_STEP_TOLERANCE = 1.05
_LEAST_NET = 0.05  # share of the absolute sum that a difference must leave
_POOR_AGREEMENT = 0.5  # below it a pattern is refused ...
_MISFIT = 20.0  # reduced chi-square of a fit: what it does not explain is then no noise ...
_POOR_FIT = 0.8  # ... and a pattern is refused below this agreement
_GOOD_AGREEMENT = 0.9  # below it an answer comes with caution
_DISAGREEMENT = 0.4  # nm, that two diameters of one pattern may differ by ...
_DEVIATIONS = 3.0  # ... or this many of their standard deviations
_LARGEST_MISFIT = 0.0025  # of the structure of a pattern, before an answer comes with caution
_CROWDED = 0.1  # of a range, next to its end, that may not hold half of the draws
_OUTER = 0.12  # of the trained strains, at either end: those that few dots have
_HARDLY = 0.5  # width of an interval, of the size
_NOTHING = 2.0  # times the size, of every interval: nothing is told
_HARDLY_TOLD = "the pattern hardly tells the size"  # as the posterior says it
_BENT = ("strengths were left free", "times the noise")  # words of a fit that needed more
_BEYOND = 1.645  # standard deviations: the 90 % interval of a dispersion misses the trained ones


def check_row(row: RealArray, source: str) -> None:
    """Refuse a pattern without intensity, which a bare array may hold."""
    if np.isinf(row).any():
        raise PatternError(source, "infinite intensities; check how they were computed")
    measured = row[np.isfinite(row)]
    if not measured.size:
        raise PatternError(source, "nothing measured; every point is NaN")
    if not measured.max() > 0:
        raise PatternError(source, "no intensity; no measured point is above zero")


def check_net(row: RealArray, source: str) -> None:
    """Refuse a bare row of which next to nothing is above zero."""
    measured = row[np.isfinite(row)]
    if measured.sum() < _LEAST_NET * np.abs(measured).sum():
        raise PatternError(
            source,
            "no intensity; next to nothing is left above zero: a blank was subtracted with too "
            "large a scale",
        )


def check_measured(measured: BoolArray, engines: Sequence[Engine], source: str) -> None:
    """Refuse a pattern with holes, where an engine takes none."""
    refusing = [e.name for e in engines if not getattr(e, "takes_nan", True)]
    if refusing and not measured.all():
        raise PatternError(
            source,
            f"points of the grid were not measured and {refusing[0]} takes no NaN: measure the "
            "whole range, or train it with QStandardizer(padding='edge')",
        )


def check_range(
    q: FloatArray, required: tuple[float, float], coarsest_step: float, name: str, source: str
) -> None:
    """Refuse a pattern that does not cover what the network was trained with."""
    start, end = required
    gaps = np.diff(q[(q >= start) & (q <= end)])
    share = 1.0 - gaps[gaps > HOLE * coarsest_step].sum() / (end - start)
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
    q: FloatArray, required: tuple[float, float], coarsest_step: float, name: str, source: str
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
    match: Match,
    chi2: float,
    crystal: str,
    largest_strain: float,
    wavelength: float | None,
    source: str,
) -> None:
    """Refuse a pattern whose peaks are not there, or not where the crystal has them.

    Parameters
    ----------
    match : Match
    chi2 : float
        Of the fit; NaN where there is none.
    crystal : str
    largest_strain : float
    wavelength : float or None
        In Angstrom.
    source : str

    Raises
    ------
    PatternError
    """
    if match.agreement < (_POOR_FIT if chi2 > _MISFIT else _POOR_AGREEMENT):
        raise PatternError(
            source,
            f"does not look like {crystal} (agreement {match.agreement:.2f} of 1 with the best "
            "size): check the wavelength and the axis (two-theta or Q), and that the dots are "
            f"in the beam{or_another(look_alikes(match, crystal, wavelength))}",
        )
    if abs(match.strain) > largest_strain:
        other = or_another(look_alikes(match, crystal, wavelength))
        instead = ""
        if wavelength is not None:
            instead = f" ({wavelength / (1.0 + match.strain):.4f} instead of {wavelength:g}?)"
        side = "below" if match.strain > 0 else "above"
        raise PatternError(
            source,
            f"its peaks lie {100 * abs(match.strain):.1f} % {side} those of {crystal} in Q"
            f"{other}{', or else ' if other else ': '}check the wavelength{instead} and the zero "
            "of the angle",
        )


def check_told(posterior: Posterior, source: str) -> None:
    """Refuse a pattern that tells no size.

    Parameters
    ----------
    posterior : Posterior
        Of it.
    source : str

    Raises
    ------
    PatternError
        If the intervals of both averages are wider than twice the size.
    """
    means = {"diameter": _number_diameter(posterior)[0]}
    if "volume_diameter" in posterior.means:
        means["volume_diameter"] = float(posterior.means["volume_diameter"][0])
    ends = {name: posterior.interval(name)[0].tolist() for name in means}
    if all(ends[name][1] - ends[name][0] > _NOTHING * mean for name, mean in means.items()):
        low, high = ends["diameter"]
        raise PatternError(
            source,
            f"tells no size ({low:.2g} to {high:.2g} nm): check that the dots are in the beam, and "
            "the crystal, or count longer",
        )


def is_good(match: Match) -> bool:
    """Whether what is simulated explains a pattern."""
    return match.agreement >= _GOOD_AGREEMENT


def cautions(
    posterior: Posterior,
    answers: Mapping[str, Posterior],
    facts: Facts,
    agreement: float,
    others: Callable[[], Mapping[str, float]] = dict,
    as_well: Callable[[], Mapping[str, float]] = dict,
    misfit: float = float("nan"),
) -> tuple[str, ...]:
    """Reasons to doubt an answer, a short sentence each; none where there is none.

    Parameters
    ----------
    posterior : Posterior
        The answer to one pattern.
    answers : mapping of str to Posterior
        Those of all engines, by their names.
    facts : Facts
        Of the sizer.
    agreement : float
        With the simulated pattern; NaN where there is none.
    others : callable
        Returns the crystals that would explain the pattern better, and how well.
    as_well : callable
        Returns those that explain it as well.
    misfit : float
        What no population explains; NaN where that is not known.
    """
    fitted = next((one for one in answers.values() if one.details), None)
    said = () if fitted is None else fitted.details[0].reasons
    # A fit that explains all has bent for it, maybe.
    strained = any(sign in reason for reason in said for sign in _BENT)
    return (
        *_disagreements(answers),
        *(_better_explained(others()) if agreement >= _GOOD_AGREEMENT and strained else ()),
        # A fit says by itself where it ends.
        *(_edges(posterior.classes, posterior.probabilities[0]) if fitted is None else ()),
        *_dispersion(posterior, facts.dispersions),
        *_strain(posterior, facts.strains),
        *_hardly_told(posterior, said),
        *(_unexplained(agreement, others) if np.isnan(misfit) else _misfit(misfit, others)),
        *(_ambiguous(as_well()) if agreement >= _GOOD_AGREEMENT else ()),
        *said,
    )


def cautions_of_ranges(detail: PatternPosterior, asked: Mapping[str, Json]) -> tuple[str, ...]:
    """Reasons to doubt draws that crowd at the end of what was asked for.

    Parameters
    ----------
    detail : PatternPosterior
    asked : mapping
        ``dispersions`` and ``strains``, lowest and highest of each.

    Returns
    -------
    tuple of str
    """
    reasons = []
    for name, both_ends in (("dispersion", False), ("strain", True)):
        ends = asked.get(f"{name}s")
        if name not in detail.draws or not isinstance(ends, list) or len(ends) != 2:
            continue
        low, high = (float(end) for end in ends if isinstance(end, int | float))
        middle, room = float(np.median(detail.draws[name])), _CROWDED * (high - low)
        if middle > high - room or (both_ends and middle < low + room):
            reasons.append(
                f"the {name}, {middle:.2g}, lies at the end of those that were asked for, "
                f"{low:g} to {high:g}: give {name}s= a wider range"
            )
    return tuple(reasons)


def _disagreements(answers: Mapping[str, Posterior]) -> list[str]:
    """Diameters of one pattern that contradict each other."""
    first, *further = answers.values()
    fitted = next((one for one in further if one.details), None)
    if fitted is not None and not first.details and differ(first, fitted):
        return [_apart(first, fitted)]
    several = [(name, *_number_diameter(one)) for name, one in answers.items()]
    if not first.details and "diameter" in first.means:
        several[0] = ("regressor", *several[0][1:])
        # Beside a fit the outermost classes, which stand for all beyond, are no witnesses.
        if fitted is None or not _edges(first.classes, first.probabilities[0]):
            several.insert(0, ("classes", float(first.expected_diameter()[0]), 0.0))
    elif not first.details:
        several[0] = ("classes", *several[0][1:])
    disagree = any(
        abs(one - other) > max(_DISAGREEMENT, _DEVIATIONS * float(np.hypot(s1, s2)))
        for (_, one, s1), (_, other, s2) in combinations(several, 2)
    )
    if not disagree:
        return []
    told = ", ".join(f"{name} {value:.2f} nm" for name, value, _ in several)
    return [
        f"estimates of the diameter disagree ({told}): there may be several sizes, another shape, "
        "or another material"
    ]


def _apart(network: Posterior, fitted: Posterior) -> str:
    """What to say of two engines that contradict each other."""
    told = "volume_diameter" in network.means and "volume_diameter" in fitted.means
    name, what = ("volume_diameter", "by volume") if told else ("diameter", "by number")
    means = [
        float((one.means[name] if name in one.means else one.number_diameter()[0])[0])
        for one in (network, fitted)
    ]
    return (
        f"the network and the fit disagree ({means[0]:.2f} and {means[1]:.2f} nm {what}), and the "
        "interval holds both: there may be several sizes, another shape or another material; look "
        "at the fit"
    )


def _number_diameter(posterior: Posterior) -> tuple[float, float]:
    mean, deviation = posterior.number_diameter()
    return float(mean[0]), float(deviation[0])


def _edges(classes: IntArray, probabilities: FloatArray) -> list[str]:
    """The outermost classes stand for all that lies beyond them."""
    best = int(np.argmax(probabilities))
    if 0 < best < len(classes) - 1:
        return []
    side = "smaller" if best == 0 else "larger"
    return [
        f"{classes[best] / 1000.0:g} nm is the {'first' if best == 0 else 'last'} class of the "
        f"sizer: the dots may be {side}"
    ]


def _dispersion(posterior: Posterior, trained: tuple[float, float] | None) -> list[str]:
    if trained is None or "dispersion" not in posterior.means:
        return []
    found = float(posterior.means["dispersion"][0])
    room = _BEYOND * float(posterior.deviations["dispersion"][0])
    if trained[0] - room <= found <= trained[1] + room:
        return []
    return [
        f"the dispersion, {found:.2f}, lies outside those that the sizer was trained on, "
        f"{trained[0]:g} to {trained[1]:g}: trust the volume average more than the diameter"
    ]


def usual_strains(trained: tuple[float, float]) -> tuple[float, float]:
    """Strains that raise no doubt, of those that a sizer was trained on.

    Parameters
    ----------
    trained : tuple of 2 float
        Smallest and largest.

    Returns
    -------
    tuple of 2 float
    """
    room = _OUTER * (trained[1] - trained[0])
    return trained[0] + room, trained[1] - room


def _strain(posterior: Posterior, trained: tuple[float, float] | None) -> list[str]:
    """A wrong wavelength looks like strain, and is all that strains beyond the usual tell."""
    if trained is None or "strain" not in posterior.means or trained[0] == trained[1]:
        return []
    found, (low, high) = float(posterior.means["strain"][0]), usual_strains(trained)
    if low <= found <= high:
        return []
    return [
        f"the strain, {100.0 * found:.2f} %, is beyond the usual ones ({100.0 * low:.2g} to "
        f"{100.0 * high:.2g} %): a wavelength that is wrong by as much, or a wrong zero of the "
        "angle, looks the same; check both"
    ]


def _hardly_told(posterior: Posterior, said: Sequence[str]) -> list[str]:
    """An interval that is wider than half the size."""
    low, high = posterior.interval("diameter")[0].tolist()
    mean = _number_diameter(posterior)[0]
    if high - low <= _HARDLY * mean or any(_HARDLY_TOLD in reason for reason in said):
        return []
    return [f"{_HARDLY_TOLD} ({low:.2g} to {high:.2g} nm): count longer, or measure a wider range"]


def _better_explained(found: Mapping[str, float]) -> list[str]:
    if not found:
        return []
    return [
        f"{listed(found)} would explain the pattern as it is, without texture: size it as such if "
        "it may be one (--crystal)"
    ]


def _ambiguous(found: Mapping[str, float]) -> list[str]:
    if not found:
        return []
    return [
        f"so little was measured that {listed(found)} would explain it as well: be sure of the "
        "crystal, or measure to larger angles"
    ]


def _misfit(misfit: float, others: Callable[[], Mapping[str, float]]) -> list[str]:
    """What no sum of simulated particles explains, though it is no noise."""
    if misfit <= _LARGEST_MISFIT:
        return []
    return [
        f"no mixture of the simulated particles explains {100.0 * misfit:.2g} % of the pattern, "
        "and the interval is wider for it: another shape (rods, platelets), texture, faults, "
        "another phase or a background that is not known; look at the picture"
        f"{or_another(others())}"
    ]


def _unexplained(agreement: float, others: Callable[[], Mapping[str, float]]) -> list[str]:
    if np.isnan(agreement):
        return [
            "the sizer carries no simulated patterns, so nothing says that the pattern is of its "
            "crystal"
        ]
    if agreement >= _GOOD_AGREEMENT:
        return []
    return [
        f"the simulated pattern explains only {agreement:.2f} of the measured one (1 at best): "
        f"texture, faults, another phase or few counts; look at the picture{or_another(others())}"
    ]

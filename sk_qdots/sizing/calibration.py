r"""Intervals that cover what they state, in every condition that a pattern itself shows.

What an engine states is scaled by what it took on simulated patterns whose truth is known, after
[1]_ with categories as in [2]_: of an answer :math:`m` with the ends :math:`l, u`, the score is

.. math:: r = \max\left(\frac{m - y}{m - l}, \frac{y - m}{u - m}\right)

and an interval of coverage :math:`c` reaches from :math:`m - f (m - l)` to
:math:`m + f (u - m)`, with :math:`f` the quantile of :math:`r` at :math:`c` among the patterns of
the same condition.

References
----------
.. [1] V. Vovk, A. Gammerman, G. Shafer, Algorithmic Learning in a Random World (Springer, 2005).
.. [2] H. Bostrom, U. Johansson, Proc. Mach. Learn. Res. 128, 114 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .._typing import FloatArray, Json, JsonObject
from ..neural_network.saved import checked_number, checked_object
from .posterior import Posterior
from .reference import Match, noise_of

__all__ = ["LEVELS", "Calibration", "Condition", "Who", "score", "widened"]

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
"""Coverages that factors are kept for."""

_FULL = 5.0  # 1/Angstrom: ranges that end sooner are short
_DRY = 0.8  # of the intensity
_MOST_GROUPS = 1000
_LARGEST_FACTOR = 1000.0
_CELL = 0.1  # 1/Angstrom: about the width of a peak

Who = Literal["both", "network", "posterior"]


@dataclass(frozen=True)
class Condition:
    """What a pattern shows of how it was measured.

    Parameters
    ----------
    diameter : float
        Number average as it was found, in nm.
    told : bool
        Whether the instrument is known.
    signal : float
        Scatter of the dots' structure over that of the noise, within the width of a peak.
    q_max : float
        Last point, in 1/Angstrom.
    dots : float
        Their share of the intensity.

    Examples
    --------
    >>> from sk_qdots.sizing import Condition
    >>> measured = Condition(diameter=5.0, told=True, signal=9.0, q_max=15.0, dots=0.5)
    >>> measured.words(thirds=(4.0, 7.0), weak=5.0)
    ('middle', 'strong', 'told', 'full', 'liquid')
    """

    diameter: float
    told: bool
    signal: float
    q_max: float
    dots: float

    @classmethod
    def of(cls, posterior: Posterior, match: Match, told: bool) -> Condition:
        """That of a pattern with its match.

        Parameters
        ----------
        posterior : Posterior
            Of one pattern.
        match : Match
        told : bool

        Returns
        -------
        Condition
        """
        dots, measured = match.simulated - match.background, match.measured
        floor = max(0.01 * abs(float(measured.mean())), 1e-300)
        sigma = np.sqrt(np.maximum(match.simulated, floor))
        noise = noise_of(measured / sigma) / len(measured)
        n_points = max(_CELL * len(measured) / float(match.q[-1] - match.q[0]), 1.0)
        scatter = float(np.var(dots / sigma)) * n_points
        total = max(float(measured.sum()), 1e-300)
        return cls(
            diameter=float(posterior.number_diameter()[0][0]),
            told=told,
            signal=float(np.sqrt(scatter / max(noise, 1e-300))),
            q_max=float(match.q[-1]),
            dots=float(dots.sum()) / total,
        )

    def words(self, thirds: tuple[float, float], weak: float) -> tuple[str, ...]:
        """The condition as categories, those first that matter most.

        Parameters
        ----------
        thirds : tuple of 2 float
            Diameters that part small, middle and large, in nm.
        weak : float
            Signal below which a pattern is weak.

        Returns
        -------
        tuple of str
        """
        size = ("small", "middle", "large")[int(np.searchsorted(thirds, self.diameter))]
        return (
            size,
            "weak" if self.signal < weak else "strong",
            "told" if self.told else "not told",
            "short" if self.q_max < _FULL else "full",
            "dry" if self.dots > _DRY else "liquid",
        )


@dataclass(frozen=True)
class Calibration:
    """How much wider intervals must be than what engines state.

    Parameters
    ----------
    thirds : tuple of 2 float
        Diameters that part small, middle and large, in nm.
    weak : float
        Signal below which a pattern is weak.
    factors : mapping of str to (mapping of str to tuple of float)
        By category, then by quantity, at each of ``LEVELS``. A category is who answers, then the
        words of :meth:`Condition.words`, as many as there were patterns enough for.
    made : mapping
        Of how many patterns of which worlds; JSON values.

    Examples
    --------
    >>> from sk_qdots.sizing.calibration import LEVELS, Calibration, Condition
    >>> wider = Calibration((4.0, 7.0), 5.0, {"both": {"diameter": (1.2,) * len(LEVELS)}})
    >>> wider.factor("both", Condition(5.0, True, 9.0, 15.0, 1.0), "diameter", 0.9)
    1.2
    """

    thirds: tuple[float, float]
    weak: float
    factors: Mapping[str, Mapping[str, tuple[float, ...]]]
    made: JsonObject = field(default_factory=dict)

    def factor(self, who: Who, condition: Condition, name: str, coverage: float) -> float | None:
        """What the distances of a 90 % interval from the answer are multiplied with.

        Parameters
        ----------
        who : {"both", "network", "posterior"}
        condition : Condition
        name : str
            A quantity.
        coverage : float
            Beyond ``LEVELS`` the factor is that of the nearest.

        Returns
        -------
        float or None
            None where nothing is known.
        """
        words = [who, *condition.words(self.thirds, self.weak)]
        while words:
            known = self.factors.get(", ".join(words), {})
            if name in known:
                return float(np.interp(coverage, LEVELS, known[name]))
            words.pop()
        return None

    def to_dict(self) -> JsonObject:
        """What the manifest holds of it.

        Returns
        -------
        dict
        """
        return {
            "levels": list(LEVELS),
            "thirds": list(self.thirds),
            "weak": self.weak,
            "factors": {
                group: {name: list(values) for name, values in known.items()}
                for group, known in self.factors.items()
            },
            "made": dict(self.made),
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Json]) -> Calibration:
        """One that a manifest holds, checked.

        Parameters
        ----------
        told : mapping

        Returns
        -------
        Calibration

        Raises
        ------
        KeyError, TypeError, ValueError
            If something is missing, of another kind, or out of range.
        """
        levels = _numbers(told["levels"], "levels")
        if any(not 0.0 < level < 1.0 for level in levels) or sorted(set(levels)) != [*levels]:
            raise ValueError("the levels of the calibration must ascend between 0 and 1")
        thirds = _numbers(told["thirds"], "thirds")
        if len(thirds) != 2 or not 0.0 < thirds[0] < thirds[1]:
            raise ValueError("thirds must be two diameters that ascend")
        groups = checked_object(told["factors"], "the factors")
        if len(groups) > _MOST_GROUPS:
            raise ValueError("the calibration has too many groups")
        factors: dict[str, dict[str, tuple[float, ...]]] = {}
        for group, known in groups.items():
            factors[group] = {}
            for name, values in checked_object(known, "a group").items():
                found = _numbers(values, "factors")
                if len(found) != len(levels) or not all(0 < f <= _LARGEST_FACTOR for f in found):
                    raise ValueError(f"the factors of {group} are not valid")
                factors[group][name] = tuple(np.interp(LEVELS, levels, found).tolist())
        return cls(
            (thirds[0], thirds[1]),
            checked_number(told["weak"]),
            factors,
            checked_object(told["made"], "how it was made"),
        )


def score(
    truth: FloatArray, found: FloatArray, intervals: FloatArray, least: float = 1e-6
) -> FloatArray:
    """Distance of the truth from what was found, in that to the end of the interval.

    Parameters
    ----------
    truth, found : ndarray of shape (n,)
    intervals : ndarray of shape (n, 2)
    least : float, default=1e-6
        Smallest distance of an end from what was found.

    Returns
    -------
    ndarray of shape (n,)
        1 at an end.
    """
    below = np.maximum(found - intervals[:, 0], least)
    above = np.maximum(intervals[:, 1] - found, least)
    return np.asarray(np.maximum((found - truth) / below, (truth - found) / above))


def _numbers(told: Json, name: str) -> tuple[float, ...]:
    if not isinstance(told, list):
        raise TypeError(f"{name} must be a list of numbers")
    return tuple(checked_number(value) for value in told)


def widened(
    found: float, ends: tuple[float, float], factor: float, least: float = 0.0
) -> tuple[float, float]:
    """An interval whose ends are so many times as far away.

    Parameters
    ----------
    found : float
        The answer.
    ends : tuple of 2 float
        As stated.
    factor : float
    least : float, default=0.0
        That no end lies below.

    Returns
    -------
    tuple of 2 float
    """
    low, high = ends
    return max(found - factor * (found - low), least), found + factor * (high - found)

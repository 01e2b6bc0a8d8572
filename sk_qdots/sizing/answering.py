"""From what the engines say of a pattern to an answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtri

from .._typing import FloatArray, Json, JsonObject
from ..augmentation.facts import instrument_facts
from ..instruments import Instrument
from .answer import COVERAGE, DIMENSIONS, Sizing
from .calibration import LEVELS, Calibration, Condition, Who, widened
from .combining import combined
from .counts import cautions_of_counts, line_doubt
from .facts import Facts
from .instruments import too_broad
from .intake import source_of
from .look_alikes import as_well, look_alikes
from .posterior import SHARES, Posterior
from .reference import Match
from .verdicts import cautions, cautions_of_ranges, check_told

__all__ = ["Seen", "answer"]

_PLAIN = (str, int, float, np.generic)  # attributes of a pattern that are told
_LARGEST_WHOLE = 2**63


@dataclass(frozen=True)
class Seen:
    """A pattern, and what was made of it.

    Parameters
    ----------
    pattern : DataArray
    measured : ndarray of shape (n_measured,)
        Points of the standard grid that were measured, in 1/Angstrom.
    match : Match or None
        With the simulated pattern of the most probable class, or with the fit.
    answers : mapping of str to Posterior
        Of this pattern, by the name of the engine, the one that answers first.
    instrument : Instrument or None
        That it was measured with, where that is known.
    misfit : float
        Share of its structure that no population of the simulated particles explains, where no fit
        says it; NaN where that is not known.
    """

    pattern: xr.DataArray
    measured: FloatArray
    match: Match | None
    answers: Mapping[str, Posterior]
    instrument: Instrument | None = None
    misfit: float = math.nan

    @property
    def first(self) -> Posterior:
        """Of the engine that answers."""
        return next(iter(self.answers.values()))

    @property
    def fitted(self) -> Posterior | None:
        """Of the engine that fits the pattern as it was measured, where there is one."""
        return next((one for one in self.answers.values() if one.details), None)


def answer(seen: Seen, facts: Facts, digest: str, coverage: float = COVERAGE) -> Sizing:
    """Put together what is known of a pattern.

    Parameters
    ----------
    seen : Seen
    facts : Facts
        Of the sizer.
    digest : str
        Of its arrays.
    coverage : float, default=0.90
        Of the intervals.

    Returns
    -------
    Sizing

    Raises
    ------
    PatternError
        If the pattern tells no size.
    """
    first, fitted = seen.first, seen.fitted
    both = fitted is not None and fitted is not first
    posterior = combined(first, fitted) if fitted is not None and both else first
    check_told(posterior, source_of(seen.pattern))
    detail = None if fitted is None else fitted.details[0]
    probabilities, diameters = posterior.probabilities[0], posterior.classes / 1000.0
    best, second = np.argsort(probabilities)[::-1][:2]
    agreement = float("nan") if seen.match is None else seen.match.agreement
    reasons = cautions(
        posterior,
        seen.answers,
        facts,
        agreement,
        partial(_others, look_alikes, seen, facts),
        partial(_others, as_well, seen, facts),
        seen.misfit,
    )
    if detail is not None:
        reasons += () if both else cautions_of_ranges(detail, facts.simulation)
    elif seen.instrument is not None:
        reasons += too_broad(seen.instrument, facts.augmentation, seen.measured)
    condition = None
    if seen.match is not None:
        condition = Condition.of(posterior, seen.match, seen.instrument is not None)
    stated = _Stated(coverage, condition, facts.calibration, seen.misfit)
    who: Who = "both" if both else _who(first)
    name = "volume_diameter" if "volume_diameter" in posterior.means else "diameter"
    reasons += cautions_of_counts(seen.pattern, stated.ends(posterior, name, who)[1])
    return Sizing(
        diameter=float(diameters[best]),
        probability=float(probabilities[best]),
        runner_up=float(diameters[second]),
        runner_up_probability=float(probabilities[second]),
        expected_diameter=float(posterior.expected_diameter()[0]),
        probabilities=xr.DataArray(
            probabilities,
            dims="diameter",
            coords={"diameter": ("diameter", diameters, {"units": "nm"})},
            name="probability",
        ),
        q_range=(float(seen.measured[0]), float(seen.measured[-1])),
        agreement=agreement,
        source=source_of(seen.pattern),
        model=facts.name,
        verdict="caution" if reasons else "ok",
        reasons=reasons,
        engine=" and ".join(seen.answers) if both else next(iter(seen.answers)),
        engines={name: _averages(one, _who(one), stated) for name, one in seen.answers.items()},
        coverage=coverage,
        condition=condition,
        settings=_settings(seen, facts, digest),
        match=seen.match,
        fit=None if detail is None else detail.fit,
        posterior=posterior.detail(0),
        **_estimates(posterior, who, stated, line_doubt(seen.pattern, seen.instrument)),
    )


def _who(posterior: Posterior) -> Who:
    return "posterior" if posterior.details else "network"


@dataclass(frozen=True)
class _Stated:
    """Intervals as they are told: calibrated where a calibration is known.

    Parameters
    ----------
    coverage : float
    condition : Condition or None
    calibration : Calibration or None
    misfit : float
        As of :class:`Seen`.
    """

    coverage: float
    condition: Condition | None
    calibration: Calibration | None
    misfit: float = math.nan

    def ends(self, posterior: Posterior, name: str, who: Who) -> tuple[float, float]:
        """Interval of a quantity."""
        low, high = self._calibrated(posterior, name, who)
        found, reach = _mean(posterior, name), float(ndtri(0.5 + 0.5 * self.coverage))
        extra = reach * self._unexplained(who) * found
        return (
            max(found - math.hypot(found - low, extra), 0.0),
            found + math.hypot(high - found, extra),
        )

    def _calibrated(self, posterior: Posterior, name: str, who: Who) -> tuple[float, float]:
        factor = self._factor(name, who, self.coverage)
        if factor is None:
            return _ends(posterior, name, self.coverage)
        found = _mean(posterior, name)
        told = widened(found, _ends(posterior, name, COVERAGE), factor)
        nearest = min(max(self.coverage, LEVELS[0]), LEVELS[-1])
        if nearest == self.coverage:
            return told
        asked, known = (_ends(posterior, name, c) for c in (self.coverage, nearest))
        share = (asked[1] - asked[0]) / max(known[1] - known[0], 1e-12)
        return widened(found, told, share)

    def deviation_factor(self, name: str, who: Who) -> float:
        """What a standard deviation is multiplied with."""
        factor = self._factor(name, who, COVERAGE)
        return 1.0 if factor is None else factor

    def deviation(self, name: str, who: Who, found: float, deviation: float) -> float:
        """Standard deviation of a quantity."""
        calibrated = deviation * self.deviation_factor(name, who)
        if not name.endswith("diameter"):
            return calibrated
        return math.hypot(calibrated, self._unexplained(who) * found)

    def _unexplained(self, who: Who) -> float:
        """Relative error that a misfit stands for: amplitudes are off by as much."""
        return 0.0 if who != "network" or math.isnan(self.misfit) else math.sqrt(self.misfit)

    def _factor(self, name: str, who: Who, coverage: float) -> float | None:
        if self.calibration is None or self.condition is None:
            return None
        factor = self.calibration.factor(who, self.condition, name, coverage)
        # The worlds of a calibration are kinder than what is measured: a network that has no fit
        # beside it is never taken to know more than it states.
        return factor if factor is None or who != "network" else max(factor, 1.0)


def _ends(posterior: Posterior, name: str, coverage: float) -> tuple[float, float]:
    low, high = posterior.interval(name, coverage)[0]
    return float(low), float(high)


def _mean(posterior: Posterior, name: str) -> float:
    if name == "diameter":
        return float(posterior.number_diameter()[0][0])
    return float(posterior.means[name][0])


def _averages(posterior: Posterior, who: Who, stated: _Stated) -> JsonObject:
    """What one engine says."""
    told: JsonObject = {
        "number_diameter": _mean(posterior, "diameter"),
        "interval": [*stated.ends(posterior, "diameter", who)],
    }
    if "volume_diameter" in posterior.means:
        told["volume_diameter"] = _mean(posterior, "volume_diameter")
        told["volume_interval"] = [*stated.ends(posterior, "volume_diameter", who)]
    return told


def _settings(seen: Seen, facts: Facts, digest: str) -> JsonObject:
    """What it takes to repeat an answer."""
    said: JsonObject = {
        str(key): _as_json(value)
        for key, value in seen.pattern.attrs.items()
        if isinstance(value, _PLAIN) and not isinstance(value, bytes)
    }
    told = {} if seen.instrument is None else {"instrument": instrument_facts(seen.instrument)}
    return {
        "pattern": said,
        **told,
        "sizer": {
            "name": facts.name,
            "crystal": str(facts.simulation.get("crystal", "unknown")),
            "trained": str(facts.training.get("date", "")),
            "arrays_sha256": digest,
            **({} if facts.training else {"made_of": facts.simulation}),
        },
    }


def _as_json(value: str | float | np.generic) -> Json:
    """An attribute as JSON can hold it; numbers that are not finite are not known."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, bool | str):
        return plain
    if isinstance(plain, int):
        return plain if abs(plain) < _LARGEST_WHOLE else None
    if isinstance(plain, float):
        return plain if math.isfinite(plain) else None
    return str(value)


def _estimates(
    posterior: Posterior, who: Who, stated: _Stated, line: float = 0.0
) -> dict[str, Any]:
    """Fields of a Sizing besides its class; ``line`` is added to the error of the strain."""
    means = {name: float(values[0]) for name, values in posterior.means.items()}
    deviations = {
        name: stated.deviation(name, who, means[name], float(values[0]))
        for name, values in posterior.deviations.items()
    }
    if "strain" in deviations:
        deviations["strain"] = math.hypot(deviations["strain"], line)
    number = _mean(posterior, "diameter")
    found: dict[str, Any] = {
        "number_diameter": number,
        "interval": stated.ends(posterior, "diameter", who),
        "dispersion": means.get("dispersion"),
        "strain": means.get("strain"),
        "growth_fault": means.get("growth_fault"),
        "shares": {name: means[name] for name in SHARES if name in means},
        "volume_diameter": means.get("volume_diameter"),
        "dimensions": {name: means[name] for name in DIMENSIONS if name in means},
    }
    number_deviation = float(posterior.number_diameter()[1][0])
    deviations["diameter"] = stated.deviation("diameter", who, number, number_deviation)
    deviations["expected_diameter"] = float(posterior.expected_deviation()[0])
    if "volume_diameter" in means:
        found["volume_interval"] = stated.ends(posterior, "volume_diameter", who)
    if "surface_diameter" in means:
        found["surface_diameter"] = means["surface_diameter"]
    elif "dispersion" in means:
        surface, deviation = _surface_diameter(means, deviations, number)
        found["surface_diameter"], deviations["surface_diameter"] = surface, deviation
    return {**found, "uncertainties": deviations}


def _surface_diameter(
    means: Mapping[str, float], deviations: Mapping[str, float], number: float
) -> tuple[float, float]:
    r"""Volume-to-surface average of a lognormal, and its standard deviation.

    :math:`D_v / (1 + s^2)` from the volume average, which patterns tell best, or else
    :math:`\bar D (1 + s^2)^2`; errors are taken as independent.
    """
    s, broader = means["dispersion"], 1.0 + means["dispersion"] ** 2
    if "volume_diameter" in means:
        base, base_deviation, power = means["volume_diameter"], deviations["volume_diameter"], -1.0
    else:
        base, base_deviation, power = number, deviations["diameter"], 2.0
    surface = base * broader**power
    relative = np.hypot(base_deviation / base, power * 2.0 * s / broader * deviations["dispersion"])
    return surface, float(surface * relative)


def _others(
    which: Callable[[Match, str, float | None], dict[str, float]], seen: Seen, facts: Facts
) -> dict[str, float]:
    """Crystals that explain the pattern, and how well."""
    if seen.match is None:
        return {}
    crystal = str(facts.simulation.get("crystal", facts.name))
    return which(seen.match, crystal, seen.pattern.attrs.get("wavelength"))

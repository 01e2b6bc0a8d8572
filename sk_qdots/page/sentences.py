"""An answer in words: what a chemist reads first."""

from __future__ import annotations

import math

from .._typing import Json, JsonObject
from ..sizing import Sizing

__all__ = ["told_in_words"]

_VERDICTS = {
    "ok": ("Ok", "Nothing speaks against this answer."),
    "caution": ("Caution", "Read the reasons before you rely on this answer."),
    "refused": ("Refused", "This pattern gets no size, and here is why."),
}
_BY = {
    "number_diameter": "by number: every dot counts the same",
    "volume_diameter": "by volume: large dots count more, as in small-angle scattering",
}


def told_in_words(sizing: Sizing) -> JsonObject:
    """Headings, sentences and rows of a table.

    Parameters
    ----------
    sizing : Sizing

    Returns
    -------
    dict
        ``size`` and ``range`` (what to read first), ``average`` (of what kind), ``sentence``,
        ``verdict`` and what it means, ``rows`` of name, value and explanation.
    """
    leading = sizing.leading
    is_volume = leading == "volume_diameter"
    value = sizing.volume_diameter if is_volume else sizing.number_diameter
    ends = sizing.volume_interval if is_volume else sizing.interval
    assert value is not None and ends is not None
    word, meaning = _VERDICTS[sizing.verdict]
    percent = f"{100.0 * sizing.coverage:g}\N{NO-BREAK SPACE}%"
    return {
        "size": f"{value:.2f}\N{NO-BREAK SPACE}nm",
        "range": f"{ends[0]:.2f} to {ends[1]:.2f}\N{NO-BREAK SPACE}nm",
        "coverage": percent,
        "average": "volume average" if is_volume else "number average",
        "sentence": _sentence(sizing, value, ends, percent),
        "verdict": word,
        "meaning": meaning,
        "rows": [{"name": n, "value": v, "about": a} for n, v, a in _rows(sizing) if v],
    }


def _sentence(sizing: Sizing, value: float, ends: tuple[float, float], percent: str) -> str:
    average = "by volume" if sizing.leading == "volume_diameter" else "by number"
    told = [
        f"The crystals are {value:.2f} nm across on average {average}, between {ends[0]:.2f} and "
        f"{ends[1]:.2f} nm with a probability of {percent}."
    ]
    if sizing.dispersion is not None:
        told.append(f"Their sizes spread by {_short(sizing.dispersion, 0)} around it.")
    strain, deviation = sizing.strain, sizing.uncertainties.get("strain", math.inf)
    if strain is not None and abs(strain) > 2.0 * deviation:
        way = "wider" if strain > 0.0 else "narrower"
        told.append(f"The lattice is {_short(abs(strain), 2)} {way} than in the bulk.")
    if sizing.note:
        told.append(f"{sizing.note[0].upper()}{sizing.note[1:]}.")
    return " ".join(told)


def _rows(sizing: Sizing) -> list[tuple[str, str, str]]:
    said = sizing.settings.get("pattern")
    pattern = said if isinstance(said, dict) else {}
    low, high = sizing.q_range
    averages = [
        ("Number average", _length(sizing.number_diameter, sizing.interval), "number_diameter"),
        (
            "Volume average",
            _length(sizing.volume_diameter, sizing.volume_interval),
            "volume_diameter",
        ),
    ]
    if sizing.leading == "volume_diameter":
        averages.reverse()
    fit = sizing.fit
    quality = "" if fit is None else f"R_wp {100.0 * fit.r_wp:.2g} %"
    if fit is not None and math.isfinite(fit.chi2):
        quality += f", reduced chi-square {fit.chi2:.3g}"
    agreement = f"{sizing.agreement:.3f} of 1" if math.isfinite(sizing.agreement) else ""
    return [
        *((name, text, _BY[key]) for name, text, key in averages),
        ("Volume-to-surface average", _length(sizing.surface_diameter), "that of line widths"),
        ("Dispersion", _percent(sizing, "dispersion", 1), "standard deviation of the sizes / mean"),
        ("Strain", _percent(sizing, "strain", 3), "lattice parameter against that of the bulk"),
        ("Growth faults", _percent(sizing, "growth_fault", 1), "layers that are hexagonal"),
        *((name.capitalize(), _length(size), "") for name, size in sizing.dimensions.items()),
        ("Fit", quality, "what it leaves of the pattern; chi-square 1 is noise alone"),
        ("Agreement", agreement, "how much of the structure of the pattern is explained"),
        *_engines(sizing),
        ("Range used", f"Q = {low:.2f} to {high:.2f} 1/Å", str(pattern.get("axis") or "")),
        ("Wavelength", _wavelength(pattern.get("wavelength")), ""),
        ("Sizer", f"{sizing.model} ({sizing.engine})", ""),
    ]


def _engines(sizing: Sizing) -> list[tuple[str, str, str]]:
    if len(sizing.engines) < 2:
        return []
    return [
        (f"{name} alone", _length(told["number_diameter"], told.get("interval")), "number average")
        for name, told in sizing.engines.items()
    ]


def _length(value: Json, ends: object = None) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    if isinstance(ends, tuple | list) and len(ends) == 2 and all(map(_is_known, ends)):
        return f"{value:.2f} nm ({ends[0]:.2f} to {ends[1]:.2f})"
    return f"{value:.2f}\N{NO-BREAK SPACE}nm"


def _is_known(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _percent(sizing: Sizing, name: str, digits: int) -> str:
    value, deviation = getattr(sizing, name), sizing.uncertainties.get(name)
    if value is None:
        return ""
    error = "" if deviation is None else f" ± {100.0 * deviation:.{digits}f}"
    return f"{100.0 * value:.{digits}f}{error}\N{NO-BREAK SPACE}%"


def _short(fraction: float, digits: int) -> str:
    return f"{100.0 * fraction:.{digits}f}\N{NO-BREAK SPACE}%"


def _wavelength(value: Json) -> str:
    return f"{value:.5g} Å" if isinstance(value, int | float) else ""

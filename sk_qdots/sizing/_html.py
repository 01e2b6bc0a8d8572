"""Cards that notebooks show of answers and sizers: first a summary, then a template."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray, Json, JsonObject

if TYPE_CHECKING:
    from jinja2 import Environment

    from .reference import Match

__all__ = ["sizer_card", "sizing_card"]

_WIDTH, _HEIGHT, _RESIDUAL = 520, 150, 40  # of the picture, in pixels
_MOST_POINTS = 1040  # of a curve


def sizing_card(told: JsonObject, match: Match | None) -> str:
    """HTML of an answer, with the measured and the simulated pattern.

    Parameters
    ----------
    told : dict
        What ``Sizing.to_dict`` returns.
    match : Match or None
    """
    averages = {
        "diameter, number average": _length(told["number_diameter"], told["interval"]),
        "volume average": _length(told["volume_diameter"], told["volume_interval"]),
    }
    if told["leading"] == "volume_diameter":
        averages = dict(reversed(averages.items()))
    lengths = {
        **averages,
        "volume-to-surface average": _length(told["surface_diameter"]),
        "dispersion": _percent(told, "dispersion"),
        "strain": _percent(told, "strain"),
    }
    dimensions, agreement = told["dimensions"], told["agreement"]
    if isinstance(dimensions, dict):
        lengths |= {name: _length(value) for name, value in dimensions.items()}
    lengths["class"] = f"{told['diameter']:g} nm (p = {told['probability']:.2f})"
    lengths["agreement"] = "" if agreement is None else f"{agreement:.2f} of 1"
    lengths["fit"] = _quality(told["fit"])
    coverage = told["coverage"]
    return (
        _environment()
        .get_template("sizing.html")
        .render(
            name=Path(str(told["source"])).name,
            model=told["model"],
            engine=told["engine"],
            verdict=told["verdict"],
            reasons=told["reasons"],
            note=told["note"],
            coverage=f"{coverage:.0%}",
            rows=[(heading, text) for heading, text in lengths.items() if text],
            picture=None if match is None else _picture(match),
        )
    )


def sizer_card(name: str, facts: dict[str, str], pipeline: str) -> str:
    """HTML of a sizer: what it is for, and what it is made of.

    Parameters
    ----------
    name : str
    facts : dict of str to str
        By heading; empty ones are left out.
    pipeline : str
        HTML of the fitted steps, as scikit-learn makes it.
    """
    return (
        _environment()
        .get_template("sizer.html")
        .render(name=name, rows=[row for row in facts.items() if row[1]], pipeline=pipeline)
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("sk_qdots.sizing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _length(value: Json, interval: Json = None) -> str:
    if not isinstance(value, int | float):
        return ""
    ends = ""
    if isinstance(interval, list) and all(isinstance(end, int | float) for end in interval):
        ends = f" ({interval[0]:.2f} to {interval[1]:.2f})"
    return f"{value:.2f} nm{ends}"


def _percent(told: JsonObject, name: str) -> str:
    value, deviations = told[name], told["uncertainties"]
    if not isinstance(value, int | float) or not isinstance(deviations, dict):
        return ""
    deviation = deviations[name]
    assert isinstance(deviation, int | float)
    return f"{100.0 * value:.2f} ± {100.0 * deviation:.2f} %"


def _quality(fit: Json) -> str:
    if not isinstance(fit, dict):
        return ""
    r_wp, chi2 = fit["r_wp"], fit["chi2"]
    assert isinstance(r_wp, int | float)
    said = f"R_wp = {100.0 * r_wp:.2g} %"
    return f"{said}, reduced chi-square {chi2:.3g}" if isinstance(chi2, int | float) else said


def _picture(match: Match) -> dict[str, object]:
    """Lines of an SVG picture, in pixels."""
    step = max(1, len(match.q) // _MOST_POINTS)
    q, measured, simulated, background = (
        np.asarray(curve, dtype=np.float64)[::step]
        for curve in (match.q, match.measured, match.simulated, match.background)
    )
    low = min(float(curve.min()) for curve in (measured, simulated, background))
    high = max(float(measured.max()), float(simulated.max()))
    x = _WIDTH * (q - q[0]) / max(q[-1] - q[0], 1e-12)

    def line(curve: FloatArray) -> str:
        y = _HEIGHT * (high - curve) / max(high - low, 1e-300)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))

    difference = measured - simulated
    return {
        "width": _WIDTH,
        "height": _HEIGHT + _RESIDUAL,
        "zero": _HEIGHT + _RESIDUAL / 2,
        "measured": line(measured),
        "simulated": line(simulated),
        "background": line(background),
        "difference": line(
            difference - difference.mean() + low - (high - low) * _RESIDUAL / _HEIGHT / 2
        ),
        "q_range": f"Q = {q[0]:.2f} to {q[-1]:.2f} 1/Å",
    }

"""The model card of a sizer that :func:`train_sizer` made."""

from __future__ import annotations

from typing import Any

from ..sizing import Sizer
from .plan import listed

__all__ = ["model_card"]

_NAMES = {
    "diameter": "number average of the diameter, nm",
    "volume_diameter": "volume average of the diameter, nm",
    "dispersion": "dispersion (standard deviation / mean)",
    "strain": "strain",
    "width": "width, nm",
    "length": "length, nm",
    "thickness": "thickness, nm",
}


def model_card(sizer: Sizer) -> str:
    """Say in Markdown what a sizer is for, how good it is and where it fails.

    Parameters
    ----------
    sizer : Sizer
        Of :func:`train_sizer`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the sizer was made in another way.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.training import model_card
    >>> sizer = sq.train_sizer("PbS")  # doctest: +SKIP
    >>> print(model_card(sizer))  # doctest: +SKIP
    """
    facts = sizer.training
    if "settings" not in facts or "scores" not in facts:
        raise ValueError(f"the sizer {sizer.name!r} was not made by train_sizer")
    settings, scores = facts["settings"], facts["scores"]
    low, high = settings["diameters"][0], settings["diameters"][-1]
    start, end = sizer.required_range
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    ratios = listed(settings["aspect_ratios"])
    shapes = ", ".join(settings["shapes"]) + (f" of aspect ratio {ratios}" if ratios else "")
    liquids = ", ".join(settings["solvents"]) or "none (dry)"
    b_iso = listed(settings["b_iso"]) or "the crystal's own"
    return f"""# Model card: {sizer.name}

Diameter of {sizer.simulation["crystal"]} nanocrystals, {low:g} to {high:g} nm in
{len(settings["diameters"])} classes, from one wide-angle X-ray pattern.

**Made by** `{facts["command"]}` on {facts["date"]} ({facts["minutes"]:g} minutes,
{facts["machine"]}; seed {facts["seed"]}; {versions}).

**Trained on** {facts["n_patterns"]} simulated patterns: {shapes}; lognormal dispersions
{listed(settings["dispersions"])}; strains {_span(settings["strains"])}; B in Angstrom^2: {b_iso};
wavelength {settings["wavelength"]:g} Angstrom. Every batch is measured afresh by
`RandomExperiment` (instrument: {settings["instrument"]}); liquids or supports:
{liquids}. No measured pattern was used.

**Needs** a pattern from {start:g} to {end:g} 1/Angstrom or more with a step of
{sizer.coarsest_step:.3f} 1/Angstrom or less, as counted.

**Does not know** what is not named above: other shapes, defects (stacking faults, twins), strains
that differ from place to place, other supports and liquids than those drawn around the named ones.
A size from a wide-angle pattern is that of the coherent domain.

## Scores

{scores["n_test"]} fresh patterns a row, of dispersions and strains between the trained ones,
{_where(scores, settings)}.

| patterns | right | within one class | mean absolute error, nm |
|---|---|---|---|
{_rows(scores)}

Right by size, as drawn: {_by_size(scores["by size"])}.
{_estimates(scores)}"""


def _where(scores: dict[str, Any], settings: dict[str, Any]) -> str:
    if scores["unseen_liquids"]:
        return "in liquids that training has not seen"
    return "in what was drawn around those of training" if settings["solvents"] else "dry"


def _rows(scores: dict[str, Any]) -> str:
    return "\n".join(
        f"| {name} | {scores[name]['accuracy']:.3f} | {scores[name]['within_one_class']:.3f} | "
        f"{scores[name]['mean_absolute_error_nm']:.3f} |"
        for name in ("standard cells", "as drawn")
    )


def _by_size(shares: dict[str, float]) -> str:
    return ", ".join(f"{size} nm {share:.2f}" for size, share in shares.items())


def _estimates(scores: dict[str, Any]) -> str:
    if "estimates" not in scores:
        return ""
    rows = "\n".join(f"| {_NAMES[k]} | {v:g} |" for k, v in scores["estimates"].items())
    return f"""
Estimates, mean absolute errors on dry patterns of whole range and 30 counts or more per unit of
intensity (a signal-to-noise ratio of 46 or more):

| | mean absolute error |
|---|---|
{rows}
"""


def _span(values: list[float]) -> str:
    return f"{min(values):g} to {max(values):g}"

"""The model card of a sizer that :func:`train_sizer` made."""

from __future__ import annotations

from typing import cast

from ..sizing import Sizer
from .plan import listed
from .records import Facts, Scores, Settings

__all__ = ["model_card"]

_TARGET_NAMES = {
    "diameter": "number average of the diameter, nm",
    "volume_diameter": "volume average of the diameter, nm",
    "surface_diameter": "volume-to-surface average of the diameter, nm",
    "growth_fault": "probability of a growth fault",
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
    if not {"settings", "scores"} <= set(sizer.training):
        raise ValueError(f"the sizer {sizer.name!r} was not made by train_sizer")
    facts = cast("Facts", sizer.training)
    settings, scores = facts["settings"], facts["scores"]
    low, high = settings["diameters"][0], settings["diameters"][-1]
    start, end = sizer.required_range
    versions = ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    ratios = listed(settings["aspect_ratios"])
    shapes = ", ".join(settings["shapes"]) + (f" of aspect ratio {ratios}" if ratios else "")
    liquids = ", ".join(settings["solvents"]) or "none (dry)"
    b_iso = settings["b_iso"]
    displaced = f", changed by {_range(b_iso)} Angstrom^2" if b_iso else ""
    stacking = settings["stacking"]
    faulted = f" growth faults {_range(stacking)};" if stacking else ""
    defects = "other defects" if stacking else "defects (stacking faults, twins)"
    return f"""# Model card: {sizer.name}

Diameter of {sizer.simulation["crystal"]} nanocrystals, {low:g} to {high:g} nm in
{len(settings["diameters"])} classes, from one wide-angle X-ray pattern.

**Made by** `{facts["command"]}` on {facts["date"]} ({facts["minutes"]:g} minutes,
{facts["machine"]}; seed {facts["seed"]}; {versions}).

**Trained on** {facts["n_patterns"]} simulated patterns: {shapes};{faulted} number averages
{_range(settings["span"])} nm, {100 * settings["mixed_share"]:g} % of the patterns of two sizes;
lognormal dispersions {_range(settings["dispersions"])}; strains {_range(settings["strains"])};
displacement parameters of the crystal{displaced}; wavelength {settings["wavelength"]:g} Angstrom.
Every batch is measured afresh by `RandomExperiment` (instrument:
{settings["instrument"]}{_around(settings)}); liquids or supports: {liquids}. The resolution of the
instrument is told to the networks where it is known, and was in half of the patterns. No measured
pattern was used.

**Needs** a pattern from {start:g} to {end:g} 1/Angstrom or more with a step of
{sizer.coarsest_step:.3f} 1/Angstrom or less, as counted.

**Does not know** what is not named above: other shapes, {defects},
strains that differ from place to place, other supports and liquids than those drawn around the
named ones. A size from a wide-angle pattern is that of the coherent domain.

## Scores

{scores["n_test"]} fresh patterns a row, of dispersions and strains between the trained ones,
{_liquids_of_tests(scores, settings)}.

| patterns | right | within one class | mean absolute error, nm |
|---|---|---|---|
{_score_rows(scores)}

Right by size, as drawn: {_by_size(scores["by size"])}.
{_estimates(scores)}{_answers(sizer)}"""


def _liquids_of_tests(scores: Scores, settings: Settings) -> str:
    if scores["unseen_liquids"]:
        return "in liquids that training has not seen"
    return "in what was drawn around those of training" if settings["solvents"] else "dry"


def _score_rows(scores: Scores) -> str:
    rows = {"standard cells": scores["standard cells"], "as drawn": scores["as drawn"]}
    return "\n".join(
        f"| {name} | {row['accuracy']:.3f} | {row['within_one_class']:.3f} | "
        f"{row['mean_absolute_error_nm']:.3f} |"
        for name, row in rows.items()
    )


def _by_size(shares: dict[str, float]) -> str:
    return ", ".join(f"{size} nm {share:.2f}" for size, share in shares.items())


def _estimates(scores: Scores) -> str:
    if "estimates" not in scores:
        return ""
    rows = "\n".join(f"| {_TARGET_NAMES[k]} | {v:g} |" for k, v in scores["estimates"].items())
    return f"""
Estimates, mean absolute errors on dry patterns of whole range and 30 counts or more per unit of
intensity (a signal-to-noise ratio of 46 or more):

| | mean absolute error |
|---|---|
{rows}
"""


def _answers(sizer: Sizer) -> str:
    """Who answers besides the networks, and what intervals are worth."""
    told = []
    if len(sizer.engines) > 1:
        told.append(
            "The scores are of the networks alone. A sizer answers by them and by a Debye "
            "posterior together, fitted to each pattern, which needs no training."
        )
    if sizer.calibration is not None:
        made = sizer.calibration.made
        labs = made.get("laboratories")
        measured = f" as in {', '.join(labs)}" if isinstance(labs, dict) else ""
        told.append(
            f"Intervals are calibrated on {made.get('n')} simulated patterns measured{measured}, "
            f"{made.get('told')} of them with an instrument that was told (seed "
            f"{made.get('seed')}, {made.get('date')})."
        )
    return "\n## Answers\n\n" + "\n".join(told) + "\n" if told else ""


def _around(settings: Settings) -> str:
    """Of the instrument around which was drawn, where it was one."""
    if "around" not in settings:
        return ""
    told = settings["around"]
    lines = told["wavelengths"]
    assert isinstance(lines, list)
    return (
        f", drawn around it: lines {listed([float(str(line)) for line in lines])} Angstrom, "
        f"U {told['u']:.4g}, V {told['v']:.4g}, W {told['w']:.4g} degrees^2; source: "
        f"{told['source'] or 'not told'}"
    )


def _range(values: list[float]) -> str:
    return f"{min(values):g} to {max(values):g}"

"""Every figure of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from .. import inspection
from ..baselines.sizing_curves import CURVES
from ..model_selection import Remeasurement
from ..simulation import simulate_library
from ._told_figures import intervals, new_figure, verdicts
from .results import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_CONFUSIONS = (
    *("standard", "q_max=4.4", "q_max=2.5", "q_min=1.7", "step=4", "step=20"),
    *("qd_fraction=0.1", "qd_fraction=0.046"),
)
_UNPUBLISHED = (
    *("unseen_solvent", "snr", "broadening", "zero_shift", "march", "background", "shape"),
    *("laboratory", "instrument", "step_short_range"),
)
_DETAIL = (1.5, 4.0)  # 1/Angstrom, where steps and dilution are drawn
_DPI = 150


def draw(evaluation: Evaluation, folder: Path) -> None:
    """Write every figure; each says its seed, on it and in its metadata."""
    n, seed = evaluation.X.sizes["sample"], evaluation.random_state
    versions = f"sk_qdots {evaluation.facts['sk_qdots']}"
    for file, caption, figure in _figures(evaluation):
        foot = f"{evaluation.sizer.name}, n = {n}, seed {seed}, {versions}"
        figure.supxlabel(foot, x=0.995, ha="right", fontsize="x-small", color="0.5")
        metadata = {"Title": file, "Description": f"{caption} {foot}", "Software": versions}
        figure.savefig(folder / file, dpi=_DPI, metadata=metadata)
        evaluation.figures.append((file, caption))


def _figures(e: Evaluation) -> Iterator[tuple[str, str, Figure]]:
    """File, caption, figure."""
    seed = f"Seed {e.random_state}."
    yield verdicts(e)
    yield intervals(e)
    n = e.X.sizes["sample"]
    own = e.own
    figure, axes = new_figure(2, 2, 9.5, 6.8)
    display = inspection.LibraryDisplay.from_crystal(e.crystal, random_state=e.random_state)
    display.plot(list(axes.ravel()))
    yield (
        "1b_patterns.png",
        "Simulated patterns of dots of 3 and 8 nm: strain (with the differences to none below), "
        f"relative dispersion, concentration in toluene, counting noise. {seed}",
        figure,
    )
    figure, axes = new_figure(1, 2, 10.0, 3.8)
    for ax, by in zip(axes[0], ("diameter", "qd_fraction"), strict=True):
        inspection.ErrorDistributionDisplay.from_report(own, by=by).plot(ax)
    yield (
        "2ab_errors.png",
        f"Wrong answers of the sizer, by size and by concentration; n = {n}. {seed}",
        figure,
    )
    figure, axes = new_figure(1, 2, 10.0, 4.0)
    library = simulate_library(
        e.crystal, diameters=e.sizer.classes_ / 1000.0, dispersions=[0.10], strains=[0.0]
    )
    inspection.ClarkDistanceDisplay.from_library(library).plot(axes[0])
    yield (
        "2c_clark.png",
        "Simulated patterns of neighbouring sizes, dispersion 10 %, no strain, no noise, and "
        "their Clark distance.",
        figure,
    )
    for number, test, diameter in (
        ("3ab", "q_max", 3000),
        ("3cd", "step", 8500),
        ("3ef", "qd_fraction", 3000),
    ):
        yield _figure_3(e, number, test, diameter)
    yield _figure_4c(e)
    if any(curve.material == e.material for curve in CURVES.values()):
        yield _figure_4d(e)
    yield _confusions(e)
    yield _unpublished(e)
    figure, axes = new_figure(1, 1, 4.8, 4.2)
    _reliability(e, axes[0, 0])
    yield (
        "reliability.png",
        "How often answers are right, by the probability that the sizer gives them; "
        f"n = {n} a curve. {seed}",
        figure,
    )
    figure, axes = new_figure(3, 1, 8.0, 9.0)
    few = _typical(e)
    for ax, row in zip(axes[:, 0], few, strict=True):
        pattern = e.X[row]
        inspection.ClassActivationDisplay.from_estimator(e.sizer, pattern).plot(ax)
        ax.set_title(
            f"{e.y[row] / 1000:g} nm, c = {100 * float(pattern.qd_fraction):.0f} %, "
            f"SNR {float(pattern.snr):.0f}",
            fontsize="medium",
        )
    yield (
        "activation.png",
        "Which part of a pattern spoke for the size that it got against the next most probable one "
        f"(activations times gradients). {seed}",
        figure,
    )


def _citations(material: str) -> str:
    """Citations of the curves that are drawn, and what to know of them."""
    drawn = [curve for curve in CURVES.values() if curve.material == material]
    return " ".join(f"{c.name}: {c.citation}{f' ({c.note})' if c.note else ''}." for c in drawn)


def _figure_3(e: Evaluation, number: str, test: str, diameter: int) -> tuple[str, str, Figure]:
    """A pattern under the levels of a test, and the accuracy over them."""
    wide = test == "step"
    figure, axes = new_figure(1, 3 if wide else 2, 14.0 if wide else 10.0, 4.2)
    levels = [c for c in e.conditions if c.test == test]
    rows = np.flatnonzero(e.y == min(e.sizer.classes_, key=lambda c: abs(c - diameter)))
    level = e.X.coords["snr"].values[rows]
    pick = rows[np.argmax(level + 100.0 * (e.X.coords["qd_fraction"].values[rows] == 0.37))]
    shown = levels[:: max(len(levels) // 6, 1)]
    inspection.PerturbedPatternsDisplay.from_conditions(shown, e.X[[pick]], e.y[[pick]]).plot(
        axes[0, 0], q_range=None if test == "q_max" else _DETAIL
    )
    axes[0, 0].set_title(f"{e.y[pick] / 1000:g} nm dots", fontsize="medium")
    for ax, name in zip(axes[0, 1:], (test, "step_short_range"), strict=False):
        inspection.RobustnessDisplay.from_report(e.reports, name).plot(ax, published=e.is_published)
    words = {
        "q_max": "End of the measured range",
        "step": "Points that are kept, over both ranges",
        "qd_fraction": "Dilution",
    }
    return (
        f"{number}_{test}.png",
        f"{words[test]}: a pattern, and shares of right sizes with their standard errors. The "
        "paper's network and limit are for the paper's two liquids; the others are in liquids "
        "that training has not seen. "
        f"Seed {e.random_state}.",
        figure,
    )


def _figure_4c(e: Evaluation) -> tuple[str, str, Figure]:
    figure, axes = new_figure(1, 1, 5.4, 5.2)
    ax = axes[0, 0]
    between = next(c for c in e.conditions if c.test == "between").perturbation
    few = slice(0, 612)
    assert isinstance(between, Remeasurement)
    changed, truth = between.remeasure(e.X[few], e.y[few])
    inspection.DiameterDisplay.from_estimator(
        e.sizer, changed, truth, label="simulated, between classes"
    ).plot(ax, marker=".", color="0.55", size=3.0)
    if e.references:
        true = np.array([r.diameter for r in e.references])
        expected = np.array([r.expected for r in e.references])
        inspection.DiameterDisplay(true, expected, "references").plot(ax, size=6.0)
    return (
        "4c_diameters.png",
        "Expected against true diameter; the band is half a nanometre wide on either side. "
        f"Seed {e.random_state}.",
        figure,
    )


def _figure_4d(e: Evaluation) -> tuple[str, str, Figure]:
    figure, axes = new_figure(1, 1, 5.4, 4.4)
    measured = [r for r in e.references if np.isfinite(r.energy)]
    inspection.SizingCurveDisplay.from_predictions(
        [r.expected for r in measured],
        [r.energy for r in measured],
        spreads=[r.spread for r in measured],
        material=e.material,
    ).plot(axes[0, 0])
    samples = f"and {len(measured)} measured samples" if measured else "(no sample was given)"
    return (
        "4d_sizing_curves.png",
        f"First excitonic peak over diameter: published curves {samples}. {_citations(e.material)}",
        figure,
    )


def _answered(report: xr.Dataset, names: Sequence[str]) -> list[str]:
    """Those of the conditions that the report holds and that were not refused."""
    taken = report["condition"].values[report["refused"].values == ""]
    return [name for name in names if name in taken]


def _confusions(e: Evaluation) -> tuple[str, str, Figure]:
    own = e.own
    names = _answered(own, _CONFUSIONS)
    columns = 2
    figure, axes = new_figure(-(-len(names) // columns), columns, 11.0, 4.6 * len(names) / columns)
    for ax, name in zip(axes.ravel(), names, strict=False):
        inspection.SizeConfusionDisplay.from_report(own, name).plot(ax)
        ax.set_title(f"{name}: {ax.get_title()}", fontsize="medium")
    for ax in axes.ravel()[len(names) :]:
        ax.set_axis_off()
    return (
        "confusions.png",
        f"Which size is taken for which, n = {e.X.sizes['sample']} each. Seed {e.random_state}.",
        figure,
    )


def _unpublished(e: Evaluation) -> tuple[str, str, Figure]:
    tests = [t for t in _UNPUBLISHED if any(c.test == t for c in e.conditions)]
    figure, axes = new_figure(-(-len(tests) // 2), 2, 11.0, 3.6 * (-(-len(tests) // 2)))
    for ax, test in zip(axes.ravel(), tests, strict=False):
        inspection.RobustnessDisplay.from_report(e.reports, test).plot(ax, published=False)
    for ax in axes.ravel()[len(tests) :]:
        ax.set_axis_off()
    return (
        "more_conditions.png",
        "What the paper does not report: liquids, counts, instruments, texture, backgrounds, "
        "a laboratory diffractometer and shapes that training has not seen. "
        f"Seed {e.random_state}.",
        figure,
    )


def _reliability(e: Evaluation, ax: Axes) -> None:
    own = e.own
    ax.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    wanted = ("standard", "qd_fraction=0.1", "qd_fraction=0.046", "step=20")
    for name in _answered(own, wanted):
        here = own.sel(condition=name)
        n = here["reliability_n"].values
        used = n >= 10
        probability = here["reliability_said"].values[used] / n[used]
        right = here["reliability_right"].values[used] / n[used]
        error = float(here["overall_calibration_error"])
        ax.plot(probability, right, "o-", ms=4, lw=1, label=f"{name}, mean distance {error:.2f}")
    ax.set_xlabel("probability of the answer")
    ax.set_ylabel("share of right answers")
    ax.legend(frameon=False, fontsize="small")


def _typical(e: Evaluation) -> list[int]:
    """A small, a middling and a large size in the middle of the conditions."""
    wanted = np.quantile(e.sizer.classes_, (0.1, 0.5, 0.9), method="nearest")
    coords = e.X.coords
    score = -np.abs(np.log(coords["qd_fraction"].values / 0.37)) - np.abs(
        np.log(coords["snr"].values / 46.0)
    )
    return [int(np.argmax(np.where(e.y == size, score, -np.inf))) for size in wanted]

"""Pictures of what a user is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .results import Evaluation
from .told import summarised
from .told_tables import curves_by_group

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["INTERVALS_FIGURE", "VERDICTS_FIGURE", "intervals", "new_figure", "verdicts"]

VERDICTS_FIGURE, INTERVALS_FIGURE = "verdicts.png", "intervals.png"
_SHADES = {  # of what becomes of a pattern
    "ok": "#2a9d8f",
    "ok, interval misses": "#b5172f",
    "caution": "#e9c46a",
    "refused": "0.75",
}
_KINDS = {"right": "right patterns", "foreign": "other crystals", "wrong": "wrong patterns"}


def new_figure(
    rows: int, columns: int, width: float, height: float
) -> tuple[Figure, npt.NDArray[np.object_]]:
    """A figure without a window, and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def verdicts(e: Evaluation) -> tuple[str, str, Figure]:
    """What becomes of every row: file, caption, figure."""
    found = summarised(e.told)
    missed = found["missed"].values
    shares = {
        "ok": found["ok"].values - missed,
        "ok, interval misses": missed,
        "caution": found["caution"].values,
        "refused": found["refused"].values,
    }
    kinds = found["kind"].values
    gaps = np.cumsum(np.append(False, kinds[1:] != kinds[:-1]))
    places = np.arange(len(kinds)) + gaps
    figure, axes = new_figure(1, 1, 9.0, 1.4 + 0.22 * (places[-1] + 1))
    ax = axes[0, 0]
    start = np.zeros(len(kinds))
    for name, share in shares.items():
        ax.barh(places, share, left=start, height=0.8, color=_SHADES[name], label=name)
        start += share
    ax.set_yticks(places, found["row"].values, fontsize="small")
    ax.set_ylim(places[-1] + 0.6, -0.6)
    ax.set_xlim(0.0, 1.0)
    for kind in dict.fromkeys(kinds):
        here = places[kinds == kind]
        ax.text(1.01, here.mean(), _KINDS[kind], rotation=270, va="center", fontsize="small")
    ax.set_xlabel(f"share of {e.told.sizes['pattern']} patterns a row")
    figure.legend(loc="outside upper center", ncols=len(shares), frameon=False, fontsize="small")
    return (
        VERDICTS_FIGURE,
        "What becomes of a pattern: refused, answered with caution, or called ok, and then with a "
        f"90 % interval that holds the truth or misses it. Seed {e.told.attrs['seed']}.",
        figure,
    )


def intervals(e: Evaluation) -> tuple[str, str, Figure]:
    """Stated and empirical coverage: file, caption, figure."""
    groups = curves_by_group(e.told, e.sizer)
    figure, axes = new_figure(2, -(-len(groups) // 2), 10.0, 6.6)
    for ax, (parted, curves) in zip(axes.ravel(), groups.items(), strict=False):
        ax.plot([0.45, 1.0], [0.45, 1.0], color="0.6", lw=0.8)
        for curve in curves:
            (line,) = ax.plot(
                curve.stated, curve.covered, "o-", ms=3, lw=1, label=f"{curve.name}, n = {curve.n}"
            )
            ax.fill_between(curve.stated, curve.low, curve.high, color=line.get_color(), alpha=0.18)
        ax.set_title(parted, fontsize="medium")
        ax.set_xlim(0.45, 1.0)
        ax.set_ylim(min(0.3, *(float(c.low.min()) for c in curves), 0.3), 1.02)
        if curves:
            ax.legend(frameon=False, fontsize="small", loc="lower right")
    for ax in axes.ravel()[len(groups) :]:
        ax.set_axis_off()
    figure.supylabel("share of intervals that hold the truth", fontsize="medium")
    for ax in axes[-1]:
        ax.set_xlabel("stated coverage")
    return (
        INTERVALS_FIGURE,
        "How often intervals of the number average hold the truth, by the coverage that they "
        "state, on right patterns, by what these show of their condition; bands: 90 % of the "
        f"binomial distribution. Seed {e.told.attrs['seed']}.",
        figure,
    )

"""How accuracy falls as conditions get worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import xarray as xr

from ..model_selection import robustness_conditions, robustness_report
from ..model_selection.protocols import ConditionSettings, Estimator, Patterns
from ..model_selection.published import PAPER, REFERENCE_LIMIT, RELEASED
from ._axes import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

__all__ = ["RobustnessDisplay"]

_AXES = {
    "q_max": r"$Q_\mathrm{max}$ (Å$^{-1}$)",
    "q_min": r"$Q_\mathrm{min}$ (Å$^{-1}$)",
    "step": "points kept, whole range",
    "step_short_range": "points kept, short range",
    "qd_fraction": "dots' share of the intensity (%)",
    "snr": "mean signal-to-noise ratio",
    "broadening": "instrument's full width (degrees two-theta)",
    "zero_shift": "zero shift (degrees two-theta)",
    "march": "March coefficient",
    "background": "background's share of the intensity (%)",
}
_MOST_WORDS = 6  # levels with names, beyond which their names do not fit side by side
_PERCENT = ("qd_fraction", "background")
_LOGARITHMIC = ("step", "step_short_range", "qd_fraction", "snr", "broadening", "zero_shift")
_COLOURS = (BLUE, ORANGE, PURPLE, GREEN, SKY)
_METRICS = {
    "accuracy": "share of right sizes",
    "within_one_class": "share within one class",
    "mean_absolute_error": "mean absolute error (nm)",
    "mean_signed_error": "mean signed error (nm)",
}
_KNOWN = (
    (REFERENCE_LIMIT, "_--", GREY, "limit, paper's liquids (n = 600)"),
    (RELEASED, "s:", RED, "released network, paper's liquids (n = 3000)"),
    (PAPER, "*", "black", "as the paper says"),
)


class _Look(TypedDict, total=False):
    """Of a curve, in the words of matplotlib."""

    color: ColorType | None
    label: str
    mfc: ColorType


@dataclass
class RobustnessDisplay(Display):
    r"""A metric over the levels of a test, one curve an estimator.

    Parameters
    ----------
    test : str
        Such as ``"q_max"``.
    curves : mapping of str to mapping of str to float
        Name of an estimator, level, value. One without levels is not drawn, but keeps
        its colour.
    n_samples : mapping of str to int, optional
        Patterns at each level, by estimator; with them shares get their standard
        errors.
    places : mapping of str to float, optional
        Where on the axis each level belongs, where that is not the level itself.
    metric : str, default="accuracy"

    Examples
    --------
    >>> from sk_qdots.inspection import RobustnessDisplay
    >>> display = RobustnessDisplay("q_max", {"mine": {"7": 0.99, "2.5": 0.95}})
    >>> display.plot().ax_.get_xlabel()
    '$Q_\\mathrm{max}$ (Å$^{-1}$)'
    """

    test: str
    curves: Mapping[str, Mapping[str, float]]
    n_samples: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, float] = field(default_factory=dict)
    metric: str = "accuracy"

    @classmethod
    def from_report(
        cls,
        reports: xr.Dataset | Mapping[str, xr.Dataset],
        test: str,
        *,
        metric: str = "accuracy",
        ax: Axes | None = None,
    ) -> Self:
        """Take the levels of a test from reports.

        Parameters
        ----------
        reports : Dataset or mapping of str to Dataset
            Of :func:`sk_qdots.robustness_report`, by the name of the estimator.
        test : str
        metric : str, default="accuracy"
            Of the ``overall_...`` variables.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        RobustnessDisplay

        Raises
        ------
        ValueError
            If no report holds the test or the metric.
        """
        by_name = {"sizer": reports} if isinstance(reports, xr.Dataset) else dict(reports)
        curves: dict[str, dict[str, float]] = {}
        numbers: dict[str, int] = {}
        places: dict[str, float] = {}
        for name, report in by_name.items():
            curves[name] = {}
            if f"overall_{metric}" not in report:
                continue
            here = report.isel(condition=np.flatnonzero(report["test"].values == test))
            for k, level in enumerate(map(str, here["level"].values)):
                curves[name][level] = float(here[f"overall_{metric}"][k])
                if test.startswith("step"):
                    places[level] = float(here["points"][k])
            if curves[name]:
                numbers[name] = int(here["n"].sum(("diameter", "qd_fraction")).max())
        if not any(curves.values()):
            raise ValueError(f"no report holds the test {test!r} and the metric {metric!r}")
        return cls(test, curves, numbers, places, metric)._drawn_on(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Patterns,
        y: npt.ArrayLike,
        test: str,
        *,
        ax: Axes | None = None,
        **settings: Unpack[ConditionSettings],
    ) -> Self:
        """Put an estimator through one test.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)
        test : str
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.
        **settings
            Of :func:`sk_qdots.model_selection.robustness_conditions`.

        Returns
        -------
        RobustnessDisplay
        """
        conditions = robustness_conditions([test], **settings)
        report = robustness_report(estimator, X, y, conditions=conditions, progress=False)
        return cls.from_report({type(estimator).__name__: report}, test, ax=ax)

    def plot(self, ax: Axes | None = None, *, published: bool = False) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.
        published : bool, default=False
            Whether to draw, for PbS, the released network of the paper, what the paper
            says, and the limit of the counting noise, where they are known.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.

        Raises
        ------
        ValueError
            If there are no curves, or ``published`` is asked for of another metric than
            the accuracy.
        """
        levels = list(dict.fromkeys(level for curve in self.curves.values() for level in curve))
        if not levels:
            raise ValueError("there are no curves to draw")
        share = self.metric in ("accuracy", "within_one_class")
        if published and self.metric != "accuracy":
            raise ValueError(f"no {self.metric} was published; leave published out")
        ax = new_axes(ax, 5.2, 3.8)
        numbers = self._level_places(levels)
        colours = dict(zip(self.curves, _COLOURS, strict=False))
        style = "o" if numbers is None else "o-"  # names have no order
        for name, curve in self.curves.items():
            n = self.n_samples.get(name, 0)
            if curve:
                label = f"{name} (n = {n})" if n else name
                errors = n if share else 0
                self._curve(ax, curve, levels, style, errors, color=colours.get(name), label=label)
        if published:
            for table, style, colour, label in _KNOWN:
                known = {k: v for k, v in table.get(self.test, {}).items() if k in levels}
                if known:
                    self._curve(ax, known, levels, style, color=colour, label=label, mfc="none")
        if numbers is None:
            words = [level.replace("_", "\n").replace(" by", "\nby") for level in levels]
            angle, side = (30, "right") if len(levels) > _MOST_WORDS else (0, "center")
            ax.set_xticks(range(len(levels)), words, fontsize="small", rotation=angle, ha=side)
            ax.set_xlim(-0.5, len(levels) - 0.5)
            ax.set_xlabel(self.test.replace("_", " "))
        else:
            if self.test in _LOGARITHMIC:
                ax.set_xscale("log")
                _plain_ticks(ax, numbers)
            ax.set_xlabel(_AXES.get(self.test, self.test.replace("_", " ")))
        ax.set_ylabel(_METRICS.get(self.metric, self.metric.replace("_", " ")))
        if share:
            ax.set_ylim(-0.02, 1.03)
        ax.grid(axis="y", color="0.9", lw=0.6)
        ax.legend(frameon=False, fontsize="small", loc="best")
        return self._keep(ax)

    def _level_places(self, levels: list[str]) -> dict[str, float] | None:
        """Place of every level on the axis; None where levels are no numbers."""
        if all(level in self.places for level in levels):
            return {level: self.places[level] for level in levels}
        try:
            numbers = {level: float(level) for level in levels}
        except ValueError:
            return None
        return {k: 100.0 * v if self.test in _PERCENT else v for k, v in numbers.items()}

    def _curve(
        self,
        ax: Axes,
        curve: Mapping[str, float],
        levels: list[str],
        style: str,
        n: int = 0,
        **look: Unpack[_Look],
    ) -> None:
        """One curve, with binomial errors where the number of patterns is known."""
        numbers = self._level_places(levels) or {level: float(k) for k, level in enumerate(levels)}
        places = sorted((numbers[level], value) for level, value in curve.items())
        x, y = np.array(places).T
        errors = np.sqrt(y * (1.0 - y) / n) if n else None
        ax.errorbar(x, y, errors, fmt=style, ms=4, lw=1.1, elinewidth=0.8, **look)


def _plain_ticks(ax: Axes, numbers: Mapping[str, float]) -> None:
    """Ticks at round numbers, not at powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = min(numbers.values()), max(numbers.values())
    rounds = [m * 10.0**e for e in range(-4, 5) for m in (1, 2, 5)]
    ax.xaxis.set_major_locator(FixedLocator([r for r in rounds if 0.9 * low <= r <= 1.1 * high]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())

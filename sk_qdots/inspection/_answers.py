"""Right and wrong answers, by size and by concentration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray, IntArray
from ..model_selection import Answers
from ..model_selection.protocols import Estimator, Patterns
from ._axes import BLUE, GREY, Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

__all__ = ["DiameterDisplay", "ErrorDistributionDisplay", "SizeConfusionDisplay"]


def _answers(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, classes: npt.ArrayLike | None = None
) -> Answers:
    true, predicted = np.asarray(y_true), np.asarray(y_pred)
    if true.shape != predicted.shape or true.ndim != 1 or not true.size:
        raise ValueError(
            f"y_true has shape {true.shape} and y_pred {predicted.shape}; expected one answer each"
        )
    predicted = predicted.astype(float)
    named = np.r_[true, predicted[predicted > 0]] if classes is None else np.asarray(classes)
    return Answers(true.astype(float), np.unique(named), predicted)


@dataclass
class SizeConfusionDisplay(Display):
    """Which size is taken for which.

    Parameters
    ----------
    confusion : ndarray of shape (n_classes, n_classes)
        Numbers of patterns: true sizes down, predicted ones across.
    diameters : ndarray of shape (n_classes,)
        In nm.
    unanswered : int, default=0
        Patterns that got no answer.

    Examples
    --------
    >>> from sk_qdots.inspection import SizeConfusionDisplay
    >>> display = SizeConfusionDisplay.from_predictions([2000, 2500, 2500], [2000, 2500, 2000])
    >>> display.confusion.tolist()
    [[1, 0], [1, 1]]
    """

    confusion: IntArray
    diameters: FloatArray
    unanswered: int = 0

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        classes: npt.ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Count answers.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            In picometres; a prediction that is no positive number is no answer.
        classes : array-like of shape (n_classes,), optional
            Of a regressor's answers, in picometres; by default all sizes that occur.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        SizeConfusionDisplay
        """
        return cls._from_answers(_answers(y_true, y_pred, classes))._drawn_on(ax)

    @classmethod
    def from_estimator(
        cls, estimator: Estimator, X: Patterns, y: npt.ArrayLike, *, ax: Axes | None = None
    ) -> Self:
        """Ask an estimator, and count its answers.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        SizeConfusionDisplay
        """
        return cls._from_answers(Answers.of(estimator, X, y))._drawn_on(ax)

    @classmethod
    def from_report(cls, report: xr.Dataset, condition: str = "standard") -> Self:
        """Take the counts of a report.

        Parameters
        ----------
        report : Dataset
            Of :func:`sk_qdots.robustness_report`.
        condition : str, default="standard"

        Returns
        -------
        SizeConfusionDisplay
        """
        here = _answered_condition(report, condition)
        counts = here["confusion"].values
        return cls(counts, report["diameter"].values, int(here["n"].sum()) - int(counts.sum()))

    @classmethod
    def _from_answers(cls, answers: Answers) -> Self:
        confusion = np.zeros((len(answers.classes),) * 2, dtype=int)
        answered = answers.position >= 0
        np.add.at(confusion, (answers.nearest[answered], answers.position[answered]), 1)
        return cls(confusion, answers.classes / 1000.0, int((~answered).sum()))

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the matrix, its colours logarithmic.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        from matplotlib.colors import LogNorm

        ax = new_axes(ax, 5.6, 4.8)
        counts = np.ma.masked_equal(self.confusion, 0)
        top = max(int(self.confusion.max()), 2)
        image = ax.imshow(counts, norm=LogNorm(1, top), cmap="viridis", origin="lower")
        marks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000) if t <= top]
        bar = ax.figure.colorbar(image, ax=ax, label="patterns", shrink=0.9, ticks=marks)
        bar.ax.set_yticklabels([str(t) for t in marks])
        bar.ax.minorticks_off()
        many = len(self.diameters) > 9
        size = "xx-small" if many else "small"
        for (row, column), count in np.ndenumerate(self.confusion):
            if count:
                dark = count < np.sqrt(top)
                ax.text(
                    column,
                    row,
                    str(count),
                    ha="center",
                    va="center",
                    fontsize=size,
                    color="white" if dark else "black",
                )
        ticks = np.arange(len(self.diameters))[:: 2 if many else 1]
        labels = [f"{d:g}" for d in self.diameters[ticks]]
        ax.set_xticks(ticks, labels)
        ax.set_yticks(ticks, labels)
        ax.set_xlabel("predicted diameter (nm)")
        ax.set_ylabel("true diameter (nm)")
        right = int(np.trace(self.confusion))
        total = int(self.confusion.sum()) + self.unanswered
        none = f", {self.unanswered} without an answer" if self.unanswered else ""
        ax.set_title(f"{right} of {total} right{none}", fontsize="medium")
        return self._keep(ax)


@dataclass
class ErrorDistributionDisplay(Display):
    """Where the wrong answers are: their share of all answers, by size or concentration.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Diameters in nm, or shares of the dots in the intensity.
    errors : ndarray of shape (n_levels,)
        Wrong answers at each.
    total : int
        All answers.
    by : {"diameter", "qd_fraction"}

    Examples
    --------
    >>> from sk_qdots.inspection import ErrorDistributionDisplay
    >>> display = ErrorDistributionDisplay.from_predictions([2000, 2500, 2500], [2000, 2500, 2000])
    >>> display.errors.tolist()
    [0, 1]
    """

    levels: FloatArray
    errors: IntArray
    total: int
    by: str = "diameter"

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        qd_fraction: npt.ArrayLike | None = None,
        classes: npt.ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Count wrong answers.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            In picometres; a prediction that is no positive number is no answer.
        qd_fraction : array-like of shape (n_samples,), optional
            Concentration of each pattern; with it errors are counted by concentration.
        classes : array-like of shape (n_classes,), optional
            Of a regressor's answers, in picometres; by default all sizes that occur.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        ErrorDistributionDisplay
        """
        answers = _answers(y_true, y_pred, classes)
        return cls._from_answers(answers, qd_fraction)._drawn_on(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Patterns,
        y: npt.ArrayLike,
        *,
        by: str = "diameter",
        ax: Axes | None = None,
    ) -> Self:
        """Ask an estimator, and count its wrong answers.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray of shape (n_samples, n_q)
            With the coordinate ``qd_fraction`` where errors are counted by it.
        y : array-like of shape (n_samples,)
        by : {"diameter", "qd_fraction"}, default="diameter"
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        ErrorDistributionDisplay

        Raises
        ------
        ValueError
            If ``by`` is not one of these, or the patterns do not say their ``qd_fraction``.
        """
        fractions = None
        if _checked_by(by) == "qd_fraction":
            if not isinstance(X, xr.DataArray) or "qd_fraction" not in X.coords:
                raise ValueError("X has no coordinate qd_fraction to count errors by")
            fractions = X.coords["qd_fraction"].values
        return cls._from_answers(Answers.of(estimator, X, y), fractions)._drawn_on(ax)

    @classmethod
    def from_report(
        cls, report: xr.Dataset, condition: str = "standard", *, by: str = "diameter"
    ) -> Self:
        """Take the errors of a report.

        Parameters
        ----------
        report : Dataset
            Of :func:`sk_qdots.robustness_report`.
        condition : str, default="standard"
        by : {"diameter", "qd_fraction"}, default="diameter"

        Returns
        -------
        ErrorDistributionDisplay
        """
        few = _answered_condition(report, condition)
        other = "qd_fraction" if _checked_by(by) == "diameter" else "diameter"
        n = few["n"]
        wrong = (n * (1.0 - few["accuracy"].fillna(1.0))).sum(other)
        used = (n.sum(other) > 0).values
        errors = np.rint(wrong.values[used]).astype(int)
        return cls(few[by].values[used], errors, int(n.sum()), by)

    @classmethod
    def _from_answers(cls, answers: Answers, qd_fraction: npt.ArrayLike | None) -> Self:
        wrong = ~answers.right
        if qd_fraction is None:
            errors = np.bincount(answers.nearest, weights=wrong, minlength=len(answers.classes))
            used = np.bincount(answers.nearest, minlength=len(answers.classes)) > 0
            diameters = answers.classes / 1000.0
            return cls(diameters[used], errors[used].astype(int), len(answers))
        levels, which = np.unique(np.asarray(qd_fraction, dtype=float), return_inverse=True)
        errors = np.bincount(which, weights=wrong, minlength=len(levels))
        return cls(levels, errors.astype(int), len(answers), "qd_fraction")

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw bars.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax)
        places = np.arange(len(self.levels))
        ax.bar(places, 100.0 * self.errors / max(self.total, 1), color=BLUE, width=0.75)
        if self.by == "diameter":
            ax.set_xticks(places, [f"{level:g}" for level in self.levels], fontsize="small")
            ax.set_xlabel("true diameter (nm)")
        else:
            ax.set_xticks(places, [f"{100 * level:g}" for level in self.levels])
            ax.set_xlabel("dots' share of the intensity (%)")
        ax.set_ylim(0.0, max(110.0 * float(self.errors.max()) / max(self.total, 1), 0.1))
        ax.set_ylabel("wrong answers (% of all)")
        ax.set_title(f"{int(self.errors.sum())} of {self.total} wrong", fontsize="medium")
        return self._keep(ax)


@dataclass
class DiameterDisplay(Display):
    """Predicted against true diameters.

    Parameters
    ----------
    true, predicted : ndarray of shape (n_samples,)
        In nm.
    label : str, default="patterns"

    Examples
    --------
    >>> from sk_qdots.inspection import DiameterDisplay
    >>> display = DiameterDisplay.from_predictions([2000, 4000], [2100, 3900])
    >>> round(display.mean_absolute_error, 3)
    0.1
    """

    true: FloatArray
    predicted: FloatArray
    label: str = "patterns"

    @classmethod
    def from_predictions(
        cls,
        y_true: npt.ArrayLike,
        y_pred: npt.ArrayLike,
        *,
        label: str = "patterns",
        ax: Axes | None = None,
    ) -> Self:
        """Take answers.

        Parameters
        ----------
        y_true, y_pred : array-like of shape (n_samples,)
            In picometres; a prediction that is no positive number is no answer.
        label : str, default="patterns"
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        DiameterDisplay
        """
        answers = _answers(y_true, y_pred)
        return cls(answers.truth / 1000.0, answers.predicted / 1000.0, label)._drawn_on(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Estimator,
        X: Patterns,
        y: npt.ArrayLike,
        *,
        label: str = "patterns",
        ax: Axes | None = None,
    ) -> Self:
        """Ask an estimator for its expected diameters.

        Parameters
        ----------
        estimator : classifier, regressor or Sizer
            Fitted, with labels in picometres.
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)
        label : str, default="patterns"
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        DiameterDisplay
        """
        answers = Answers.of(estimator, X, y)
        true = answers.truth / 1000.0
        return cls(true, true + answers.error, label)._drawn_on(ax)

    @property
    def mean_absolute_error(self) -> float:
        """In nm."""
        return float(np.nanmean(np.abs(self.predicted - self.true)))

    def plot(
        self,
        ax: Axes | None = None,
        *,
        marker: str = "o",
        color: ColorType = BLUE,
        size: float = 4.0,
    ) -> Self:
        """Draw one point a pattern, and the line on which both are the same.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default. Several displays share axes.
        marker : str, default="o"
        color : color, optional
        size : float, default=4.0
            Of the markers, in points.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, 4.8, 4.6)
        ends = np.array([min(self.true.min(), 1.5), max(self.true.max(), 3.0) + 0.5])
        if not any(line.get_gid() == "identity" for line in ax.get_lines()):
            ax.plot(ends, ends, color=GREY, lw=0.8, zorder=0, gid="identity")
            ax.fill_between(ends, ends - 0.5, ends + 0.5, color="0.92", zorder=-1, lw=0)
        n, error = len(self.true), self.mean_absolute_error
        ax.plot(
            self.true,
            self.predicted,
            marker,
            ms=size,
            mfc="none",
            color=color,
            label=f"{self.label}: n = {n}, mean absolute error {error:.2f} nm",
        )
        ax.set_xlabel("true diameter (nm)")
        ax.set_ylabel("predicted diameter (nm)")
        ax.set_aspect("equal")
        ax.legend(frameon=False, fontsize="x-small", loc="upper left")
        return self._keep(ax)


def _answered_condition(report: xr.Dataset, name: str) -> xr.Dataset:
    """One condition of a report, which must have been answered."""
    if name not in report["condition"].values:
        raise ValueError(f"the report has no condition {name!r}")
    here = report.sel(condition=name)
    if str(here["refused"].values):
        raise ValueError(f"the condition {name!r} was refused: {here['refused'].values}")
    return here


def _checked_by(by: str) -> str:
    if by not in ("diameter", "qd_fraction"):
        raise ValueError(f'by is {by!r}; it must be "diameter" or "qd_fraction"')
    return by

"""Axes and words that all pictures share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "Q_LABEL",
    "RED",
    "SKY",
    "Display",
    "PanelsDisplay",
    "new_axes",
]

Q_LABEL = r"$Q$ (Å$^{-1}$)"
# Okabe and Ito: told apart by colour-blind readers too.
BLUE, ORANGE, PURPLE, RED, GREY = "#0072b2", "#e69f00", "#aa4499", "#c1272d", "0.45"
GREEN, SKY = "#009e73", "#56b4e9"


def new_axes(ax: Axes | None, width: float = 5.5, height: float = 4.0) -> Axes:
    """The axes that are given, or new ones."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    made: Axes = plt.subplots(figsize=(width, height), layout="constrained")[1]
    return made


class Display:
    """Base of the displays: what scikit-learn's have too.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn last.
    figure_ : matplotlib Figure
        Around it.
    """

    ax_: Axes
    figure_: Figure | SubFigure

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw it."""
        raise NotImplementedError

    def _drawn_on(self, ax: Axes | None) -> Self:
        """Itself, drawn where it is told to."""
        return self if ax is None else self.plot(ax)

    def _keep(self, ax: Axes) -> Self:
        """Remember where it was drawn."""
        self.ax_ = ax
        self.figure_ = ax.figure
        return self


class PanelsDisplay:
    """Base of the displays of several panels.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes
        Where it was drawn last.
    figure_ : matplotlib Figure
        Around them.
    """

    ax_: npt.NDArray[np.object_]
    figure_: Figure | SubFigure

    def _keep(self, axes: Sequence[Axes]) -> Self:
        """Remember where it was drawn."""
        self.ax_ = np.asarray(axes)
        self.figure_ = axes[0].figure
        return self

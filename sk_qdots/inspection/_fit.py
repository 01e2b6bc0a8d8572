"""The fit of an answer, as refinement programs draw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from ..posterior import DebyeFit
from ..sizing import Sizer, Sizing
from ._axes import BLUE, GREY, ORANGE, Q_LABEL, RED, PanelsDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["FitDisplay"]

_HEIGHTS = (3.2, 1.0)
_TICKS = 0.035  # height of the marks of reflections, of the panel
_BELOW = 0.10  # of the panel, that is left free for them


@dataclass
class FitDisplay(PanelsDisplay):
    """A measured pattern with its fit, and the residual below.

    Parameters
    ----------
    sizing : Sizing
        An answer with a fit.
    reflections : sequence of float, default=()
        Of the crystal without strain, in 1/Angstrom; drawn as marks, where the fit has them.

    Raises
    ------
    ValueError
        If the answer has no fit.

    See Also
    --------
    sk_qdots.make_sizer : A sizer whose answers have one.
    SizingDisplay : For answers without one.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import FitDisplay
    >>> sizer = sq.make_sizer("PbS", wavelength=0.5642)  # doctest: +SKIP
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> FitDisplay.from_estimator(sizer, pattern).plot()  # doctest: +SKIP
    """

    sizing: Sizing
    reflections: Sequence[float] = ()

    def __post_init__(self) -> None:
        if self.sizing.fit is None:
            raise ValueError(
                f"the answer of {self.sizing.engine or self.sizing.model} has no fit; draw it with "
                "SizingDisplay, or size with make_sizer(crystal)"
            )

    @classmethod
    def from_estimator(
        cls, sizer: Sizer, pattern: xr.DataArray, sizing: Sizing | None = None
    ) -> Self:
        """Size a pattern.

        Parameters
        ----------
        sizer : Sizer
            That fits, as :func:`sk_qdots.make_sizer` returns.
        pattern : DataArray
            One pattern.
        sizing : Sizing, optional
            The answer, where it is known already.

        Returns
        -------
        FitDisplay

        Raises
        ------
        ValueError
            If the sizer does not fit, or refuses the pattern.
        """
        return cls(sizer.size(pattern) if sizing is None else sizing, sizer.reflections)

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        figure : matplotlib Figure or SubFigure, optional
            Where to draw; a new one by default.

        Returns
        -------
        self
            With ``ax_``, the fit and the residual, and ``figure_``.
        """
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(8.0, 5.2), layout="constrained")
        grid = figure.add_gridspec(2, 1, height_ratios=_HEIGHTS)
        whole = figure.add_subplot(grid[0])
        below = figure.add_subplot(grid[1], sharex=whole)
        fit = self.sizing.fit
        assert fit is not None
        self._draw_fit(whole, fit)
        self._draw_residual(below, fit)
        return self._keep([whole, below])

    def _draw_fit(self, ax: Axes, fit: DebyeFit) -> None:
        sizing, curves = self.sizing, fit.curves
        q = curves["q"].values
        measured, calculated, background = (
            curves[name].values for name in ("measured", "calculated", "background")
        )
        ax.plot(q, measured, ".", color="0.25", ms=2.5, label="measured")
        ax.plot(q, calculated, color=RED, lw=1.1, alpha=0.9, label="calculated")
        ax.plot(q, background, color=BLUE, lw=0.9, ls="--", label="background")
        high = float(max(np.nanmax(measured), np.nanmax(calculated)))
        low = float(min(np.nanmin(measured), np.nanmin(background), np.nanmin(calculated)))
        room = (high - low) / (1.0 - _BELOW)
        ax.set_ylim(high - 1.02 * room, high + 0.06 * room)
        self._mark_reflections(ax, fit, float(q[0]), float(q[-1]))
        ax.set_ylabel("intensity")
        ax.set_xlim(q[0], q[-1])
        ax.tick_params(labelbottom=False)
        heading = f"{Path(sizing.source).name}: {sizing.headline()}, {sizing.verdict}"
        ax.set_title(heading, fontsize="medium")
        quality = f"$R_\\mathrm{{wp}}$ = {100.0 * fit.r_wp:.2g} %"
        if np.isfinite(fit.chi2):
            quality += f"\n$\\chi^2$ = {fit.chi2:.3g}"
        legend = ax.legend(frameon=False, loc="upper right", title=quality)
        legend.get_title().set_multialignment("right")

    def _mark_reflections(self, ax: Axes, fit: DebyeFit, first: float, last: float) -> None:
        strain = fit.parameters.get("strain", 0.0)
        places = np.asarray(self.reflections, dtype=np.float64) / (1.0 + strain)
        places = places[(places >= first) & (places <= last)]
        if not len(places):
            return
        ax.vlines(
            places,
            0.015,
            0.015 + _TICKS,
            color=ORANGE,
            lw=1.2,
            transform=ax.get_xaxis_transform(),
            label="reflections",
        )

    def _draw_residual(self, ax: Axes, fit: DebyeFit) -> None:
        q = fit.curves["q"].values
        difference = fit.curves["measured"].values - fit.curves["calculated"].values
        esd = fit.curves["esd"].values
        ax.fill_between(q, -2.0 * esd, 2.0 * esd, color="0.88", lw=0, label="noise, $2\\sigma$")
        ax.plot(q, difference, color=GREY, lw=0.6)
        ax.axhline(0.0, color="0.6", lw=0.5, zorder=0)
        reach = 1.15 * float(np.nanpercentile(np.abs(difference), 99.8))
        if reach > 0.0:
            ax.set_ylim(-reach, reach)
        ax.set_ylabel("difference")
        ax.set_xlabel(Q_LABEL)
        ax.legend(frameon=False, loc="upper right", fontsize="x-small")

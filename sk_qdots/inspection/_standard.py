"""The fit of a standard: what an instrument was calibrated by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from ..instruments import Instrument, StandardFit, fit_standard
from ..simulation import Crystal
from ._axes import BLUE, GREY, RED, PanelsDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["StandardFitDisplay"]

_N_LINES = 3
_WIDTHS = 6.0  # around a line that is drawn by itself
_STRONG = 0.02  # of the largest area


@dataclass
class StandardFitDisplay(PanelsDisplay):
    """The pattern of a standard with its fit, three of its lines, and the widths.

    Parameters
    ----------
    fit : StandardFit
        The fit that is shown.

    See Also
    --------
    sk_qdots.calibrate_instrument : The instrument alone.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import StandardFitDisplay
    >>> pattern = sq.read_pattern("ceo2.xy", wavelength=0.5642)  # doctest: +SKIP
    >>> StandardFitDisplay.from_pattern(pattern, "CeO2").plot()  # doctest: +SKIP
    """

    fit: StandardFit

    @classmethod
    def from_pattern(
        cls, pattern: xr.DataArray, standard: str | Crystal, *, instrument: Instrument | None = None
    ) -> Self:
        """Fit the pattern of a standard.

        Parameters
        ----------
        pattern : DataArray
        standard : str or Crystal
        instrument : Instrument, optional
            As for :func:`sk_qdots.calibrate_instrument`.

        Returns
        -------
        StandardFitDisplay

        Raises
        ------
        ValueError
            As :func:`sk_qdots.calibrate_instrument` does.
        """
        return cls(fit_standard(pattern, standard, instrument=instrument))

    def plot(self, figure: Figure | SubFigure | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        figure : matplotlib Figure, optional
            Where to draw; a new one by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        if figure is None:
            import matplotlib.pyplot as plt

            figure = plt.figure(figsize=(9.0, 6.6), layout="constrained")
        grid = figure.add_gridspec(3, _N_LINES + 1, height_ratios=(3.0, 1.0, 2.2))
        whole = figure.add_subplot(grid[0, :])
        below = figure.add_subplot(grid[1, :], sharex=whole)
        self._draw_whole(whole, below)
        single = [figure.add_subplot(grid[2, column]) for column in range(_N_LINES)]
        for ax, k in zip(single, self._lines_to_show(), strict=False):
            self._draw_line(ax, k)
        widths = figure.add_subplot(grid[2, _N_LINES])
        self._draw_widths(widths)
        return self._keep([whole, below, *single, widths])

    def _draw_whole(self, ax: Axes, below: Axes) -> None:
        fit = self.fit
        ax.plot(fit.two_theta, fit.measured, ".", color="0.25", ms=2.0, label="measured")
        ax.plot(fit.two_theta, fit.calculated, color=RED, lw=0.8, label="calculated")
        ax.plot(fit.two_theta, fit.background, color=BLUE, lw=0.9, ls="--", label="background")
        ax.plot(
            fit.lines["two_theta"],
            np.full(fit.lines.sizes["line"], 0.0),
            "|",
            color=GREY,
            ms=6.0,
            transform=ax.get_xaxis_transform(),
            label="lines of the standard",
        )
        low = max(float(np.percentile(fit.measured, 1.0)) * 0.7, 1e-3 * float(fit.measured.max()))
        ax.set_yscale("log")
        ax.set_ylim(low, 1.4 * float(fit.measured.max()))
        ax.set_ylabel("intensity")
        ax.tick_params(labelbottom=False)
        ax.set_title(
            f"{fit.standard}: $R_\\mathrm{{wp}}$ {100 * fit.r_wp:.1f} %, "
            f"reduced $\\chi^2$ {fit.chi2:.2g}",
            fontsize="medium",
        )
        ax.legend(frameon=False, loc="upper right", fontsize="small", ncols=2)
        below.plot(fit.two_theta, fit.pulls, color=GREY, lw=0.5)
        below.axhline(0.0, color="0.8", lw=0.5, zorder=0)
        reach = max(float(np.percentile(np.abs(fit.pulls), 99.9)), 4.0)
        below.set_ylim(-1.2 * reach, 1.2 * reach)
        below.set_ylabel(r"difference / $\sigma$")
        below.set_xlabel(r"$2\theta$ (degrees)")
        below.set_xlim(fit.two_theta[0], fit.two_theta[-1])

    def _lines_to_show(self) -> list[int]:
        """Strong lines at small, middle and large angles."""
        lines = self.fit.lines
        strong = np.flatnonzero(lines["area"].values > _STRONG * float(lines["area"].max()))
        places = np.linspace(0, len(strong) - 1, _N_LINES).round().astype(int)
        return [int(strong[k]) for k in dict.fromkeys(places.tolist())]

    def _draw_line(self, ax: Axes, k: int) -> None:
        fit, line = self.fit, self.fit.lines.isel(line=k)
        centre, width = float(line["two_theta"]), float(line["fwhm"])
        near = np.abs(fit.two_theta - centre) < max(_WIDTHS * width, 0.05)
        ax.plot(fit.two_theta[near], fit.measured[near], ".", color="0.25", ms=3.0)
        ax.plot(fit.two_theta[near], fit.calculated[near], color=RED, lw=1.0)
        h, k_index, index = (int(line[name]) for name in "hkl")
        ax.set_title(f"{h} {k_index} {index}", fontsize="small")
        ax.set_xlabel(r"$2\theta$ (degrees)", fontsize="small")
        ax.set_yticks([])
        ax.tick_params(labelsize="small")
        ax.locator_params(axis="x", nbins=3)

    def _draw_widths(self, ax: Axes) -> None:
        angles = np.linspace(self.fit.two_theta[0], self.fit.two_theta[-1], 200)
        ax.plot(angles, self.fit.instrument.fwhm(angles), color=BLUE, lw=1.2)
        ax.plot(self.fit.lines["two_theta"], self.fit.lines["fwhm"], "|", color=GREY, ms=4.0)
        ax.set_title("full width (degrees)", fontsize="small")
        ax.set_xlabel(r"$2\theta$ (degrees)", fontsize="small")
        ax.tick_params(labelsize="small")
        ax.set_ylim(bottom=0.0)

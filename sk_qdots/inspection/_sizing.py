"""A measured pattern and the simulated one of its size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from ..sizing import Sizer, Sizing
from ..sizing.reference import Match
from ._axes import Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SizingDisplay"]


@dataclass
class SizingDisplay(Display):
    """A measured pattern with the simulated pattern of its size drawn over it.

    Parameters
    ----------
    sizing : Sizing
        The answer that is shown.
    match : Match
        The curves.

    See Also
    --------
    sk_qdots.Sizer.size : The answer alone.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sizer = sq.load_sizer("PbS")
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> sq.SizingDisplay.from_estimator(sizer, pattern).plot()  # doctest: +SKIP
    """

    sizing: Sizing
    match: Match

    @classmethod
    def from_estimator(
        cls,
        sizer: Sizer,
        pattern: xr.DataArray,
        sizing: Sizing | None = None,
        *,
        ax: Axes | None = None,
    ) -> Self:
        """Size a pattern and fit the simulated pattern of that size to it.

        Parameters
        ----------
        sizer : Sizer
        pattern : DataArray
            One pattern.
        sizing : Sizing, optional
            The answer, where it is known already.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        SizingDisplay

        Raises
        ------
        ValueError
            If the sizer carries no simulated patterns.
        """
        sizing = sizer.size(pattern) if sizing is None else sizing
        return cls(sizing, sizer.match(pattern, round(1000.0 * sizing.diameter)))._drawn_on(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, 7.0, 4.0)
        sizing, match = self.sizing, self.match
        residual = match.measured - match.simulated
        top = float(max(match.measured.max(), match.simulated.max()))
        shift = -1.3 * float(np.percentile(np.abs(residual), 99.8)) - 0.02 * top
        ax.plot(match.q, match.measured, ".", color="0.25", ms=2.5, label="measured")
        ax.plot(
            match.q,
            match.simulated,
            color="#c1272d",
            lw=1.0,
            alpha=0.9,
            label=f"simulated, class of {sizing.diameter:g} nm",
        )
        ax.plot(match.q, match.background, color="#0072b2", lw=0.9, ls="--", label="background")
        ax.plot(match.q, residual + shift, color="0.55", lw=0.7, label="difference")
        ax.axhline(shift, color="0.8", lw=0.5, zorder=0)
        ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
        ax.set_ylabel("intensity (area 1000)")
        ax.set_xlim(match.q[0], match.q[-1])
        heading = f"{Path(sizing.source).name}: {sizing.headline()}, {sizing.verdict}"
        ax.set_title(heading, fontsize="medium")
        ax.legend(frameon=False, loc="upper right")
        return self._keep(ax)

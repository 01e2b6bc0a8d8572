"""Densities of sizes that have no form, with their bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import xarray as xr

from ..posterior import DebyePosterior, PatternPosterior
from ._axes import BLUE, ORANGE, Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DistributionDisplay"]

_COLOURS = {"volume": BLUE, "number": ORANGE}
_SHOWN = 0.002  # of the highest density, from which sizes are shown
_ROOM = 1  # particles beyond them


@dataclass
class DistributionDisplay(Display):
    """The volume and the number density of a population without a form.

    Lines are means, bands hold 90 % at each size, dashed lines are the averages.

    Parameters
    ----------
    posterior : PatternPosterior
        With a distribution.

    Raises
    ------
    ValueError
        If it has no distribution.

    See Also
    --------
    FitDisplay : The pattern behind it.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import DistributionDisplay
    >>> from sk_qdots.posterior import DebyePosterior
    >>> asked = DebyePosterior(distribution="free").fit("PbS")  # doctest: +SKIP
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> DistributionDisplay.from_estimator(asked, pattern).plot()  # doctest: +SKIP
    """

    posterior: PatternPosterior

    def __post_init__(self) -> None:
        if self.posterior.distribution is None:
            raise ValueError(
                "the posterior has no distribution: ask DebyePosterior(distribution='free')"
            )

    @classmethod
    def from_estimator(
        cls, estimator: DebyePosterior, pattern: xr.DataArray, ax: Axes | None = None
    ) -> Self:
        """Ask an estimator for the distribution of a pattern.

        Parameters
        ----------
        estimator : DebyePosterior
            Fitted to a crystal, with ``distribution="free"``.
        pattern : DataArray
            One pattern.
        ax : matplotlib Axes, optional
            Where to draw; without it nothing is drawn.

        Returns
        -------
        DistributionDisplay

        Raises
        ------
        ValueError
            If its populations are lognormals, or the pattern cannot be sized.
        """
        return cls(estimator.posterior_of(pattern))._drawn_on(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the densities.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new one by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax)
        densities = self.posterior.distribution
        assert densities is not None
        diameters = densities["diameter"].values
        highest = 0.0
        is_shown = np.zeros(len(diameters), dtype=bool)
        for name, colour in _COLOURS.items():
            mean, low, high = (
                densities[name].sel(band=band).values for band in ("mean", "5 %", "95 %")
            )
            size = self.posterior.mean("diameter" if name == "number" else "volume_diameter")
            ax.fill_between(diameters, low, high, color=colour, alpha=0.25, lw=0)
            ax.plot(diameters, mean, "o-", ms=2.5, color=colour, lw=1.3, label=f"by {name}")
            ax.axvline(size, color=colour, lw=0.8, ls="--")
            highest = max(highest, float(high.max()))
            is_shown |= high > _SHOWN * high.max()
        shown = np.flatnonzero(is_shown)
        first, last = max(shown[0] - _ROOM, 0), min(shown[-1] + _ROOM, len(diameters) - 1)
        ax.set_xlim(diameters[first], diameters[last])
        ax.set_ylim(0.0, 1.05 * highest)
        ax.set_xlabel("diameter (nm)")
        ax.set_ylabel("density (1/nm)")
        ax.legend(frameon=False)
        return self._keep(ax)

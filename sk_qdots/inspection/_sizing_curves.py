"""Sizes against first excitonic peaks, among published curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..baselines.sizing_curves import CURVES, SizingCurve
from ._axes import BLUE, GREY, ORANGE, PURPLE, RED, Display, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..sizing import Sizer

__all__ = ["SizingCurveDisplay"]


class _CurveSettings(TypedDict, total=False):
    """Of :meth:`SizingCurveDisplay.from_predictions`."""

    spreads: npt.ArrayLike | None
    material: str
    curves: Sequence[SizingCurve] | None
    label: str


@dataclass
class SizingCurveDisplay(Display):
    """First excitonic peak over diameter: your dots, and sizing curves.

    Parameters
    ----------
    diameters, energies : ndarray of shape (n_samples,)
        In nm and eV.
    spreads : ndarray of shape (n_samples,) or None
        Standard deviations of the diameters, in nm.
    curves : tuple of SizingCurve
    label : str

    Examples
    --------
    >>> from sk_qdots.inspection import SizingCurveDisplay
    >>> display = SizingCurveDisplay.from_predictions([3.1, 4.6], [1.28, 0.96], material="PbS")
    >>> [curve.name for curve in display.curves]
    ['Moreels 2009', 'Weidman 2014']
    """

    diameters: FloatArray
    energies: FloatArray
    spreads: FloatArray | None
    curves: tuple[SizingCurve, ...]
    label: str

    @classmethod
    def from_predictions(
        cls,
        diameters: npt.ArrayLike = (),
        energies: npt.ArrayLike = (),
        *,
        spreads: npt.ArrayLike | None = None,
        material: str = "PbS",
        curves: Sequence[SizingCurve] | None = None,
        label: str = "sized by X-ray scattering",
        ax: Axes | None = None,
    ) -> Self:
        """Put sizes and energies together.

        Parameters
        ----------
        diameters, energies : array-like of shape (n_samples,), default=()
            In nm and eV.
        spreads : array-like of shape (n_samples,), optional
            Standard deviations of the diameters, in nm.
        material : str, default="PbS"
            Whose shipped curves to draw.
        curves : sequence of SizingCurve, optional
            Curves to draw instead.
        label : str
            Of the points.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.

        Returns
        -------
        SizingCurveDisplay

        Raises
        ------
        ValueError
            If there is not one energy for each diameter.
        """
        sizes, peaks = (np.asarray(v, dtype=float) for v in (diameters, energies))
        if sizes.shape != peaks.shape or sizes.ndim != 1:
            raise ValueError(f"diameters has shape {sizes.shape} and energies {peaks.shape}")
        if curves is None:
            curves = [curve for curve in CURVES.values() if curve.material == material]
        bars = None if spreads is None else np.asarray(spreads, dtype=float)
        if bars is not None and bars.shape != sizes.shape:
            raise ValueError(f"diameters has shape {sizes.shape} and spreads {bars.shape}")
        if not curves and not sizes.size:
            raise ValueError(f"there is nothing to draw: no curve of {material!r} is known")
        return cls(sizes, peaks, bars, tuple(curves), label)._drawn_on(ax)

    @classmethod
    def from_estimator(
        cls,
        sizer: Sizer,
        patterns: xr.DataArray | Sequence[xr.DataArray],
        energies: npt.ArrayLike,
        *,
        ax: Axes | None = None,
        **settings: Unpack[_CurveSettings],
    ) -> Self:
        """Size patterns of dots whose energies are known.

        Parameters
        ----------
        sizer : Sizer
        patterns : DataArray or list of DataArray
        energies : array-like of shape (n_samples,)
            In eV.
        ax : matplotlib Axes, optional
            Where to draw it at once; by default :meth:`plot` draws it.
        **settings
            Of :meth:`from_predictions`.

        Returns
        -------
        SizingCurveDisplay
        """
        expected = sizer.predict_proba(patterns) @ sizer.classes_ / 1000.0
        return cls.from_predictions(expected, energies, **settings)._drawn_on(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw curves and points.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, 5.2, 4.2)
        low, high = 2.0, 10.0
        if self.diameters.size:
            low, high = min(low, self.diameters.min()), max(high, self.diameters.max())
        d = np.linspace(low, high, 300)
        styles = zip((PURPLE, RED, ORANGE, GREY) * 4, ("-", "--", "-.", ":") * 4, strict=True)
        for curve, (colour, style) in zip(self.curves, styles, strict=False):
            known = (d >= curve.valid[0]) & (d <= curve.valid[1])
            label = f"{curve.name}, unverified" if curve.note else curve.name
            ax.plot(d[known], curve.energy(d[known]), style, color=colour, lw=1.2, label=label)
        if self.diameters.size:
            ax.errorbar(
                self.diameters,
                self.energies,
                xerr=self.spreads,
                fmt="o",
                color=BLUE,
                ms=5,
                capsize=2,
                lw=1.0,
                label=f"{self.label} (n = {len(self.diameters)})",
            )
        ax.set_xlabel("diameter (nm)")
        ax.set_ylabel("first excitonic peak (eV)")
        ax.legend(frameon=False, fontsize="small")
        return self._keep(ax)

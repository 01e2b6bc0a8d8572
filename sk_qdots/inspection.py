"""Pictures of what the sizer saw and what it made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.optimize import nnls

from ._patterns import q_of, rows_of
from .preprocessing import QStandardizer
from .simulation import simulate_library
from .sizing import Sizer, Sizing
from .solvents import generic_liquid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SizingDisplay"]

Array = npt.NDArray[Any]

_DISPERSIONS = (0.05, 0.10, 0.15, 0.20)
_STRAINS = tuple(np.linspace(-0.0075, 0.0075, 31))
_EVERY = 4  # grid points to one point of the fit


@dataclass(frozen=True)
class SizingDisplay:
    """A measured pattern with the simulated pattern of its size drawn over it.

    Parameters
    ----------
    sizing : Sizing
        The answer that is shown.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    measured : ndarray of shape (n_q,)
        The standardised pattern.
    simulated : ndarray of shape (n_q,)
        The dots' simulated pattern plus the background.
    background : ndarray of shape (n_q,)
        Smooth non-negative curve that was fitted along.
    dispersion, strain : float
        Of the simulated pattern; chosen for the eye, not results.

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
    q: Array
    measured: Array
    simulated: Array
    background: Array
    dispersion: float
    strain: float

    @classmethod
    def from_estimator(
        cls, sizer: Sizer, pattern: xr.DataArray, sizing: Sizing | None = None
    ) -> Self:
        """Size a pattern and fit the simulated pattern of that size to it.

        Parameters
        ----------
        sizer : Sizer
        pattern : DataArray
            One pattern.
        sizing : Sizing, optional
            The answer, where it is known already.

        Returns
        -------
        SizingDisplay

        Raises
        ------
        ValueError
            If the sizer does not say what it was simulated from.
        """
        sizing = sizer.size(pattern) if sizing is None else sizing
        facts = sizer.simulation
        if "crystal" not in facts:
            raise ValueError(
                f"the sizer {sizer.name!r} does not say which crystal it was trained on; "
                "give Sizer(..., simulation=library.attrs)"
            )
        fine = sizer.q_
        # Coarser than the sizer's grid: enough for a picture, and counts add up.
        standardizer = QStandardizer(
            q_min=float(fine[0]), q_max=float(fine[-1]), n_points=len(fine) // _EVERY
        )
        row = standardizer.fit_transform(_single(pattern))[0]
        seen = np.isfinite(row)
        q, measured = standardizer.q_[seen], row[seen].astype(np.float64)
        library = simulate_library(
            str(facts["crystal"]),
            diameters=[sizing.diameter],
            dispersions=_DISPERSIONS,
            strains=_STRAINS,
            q=q,
            wavelength=float(facts["wavelength"]),
        )
        candidates = library["intensity"].values.reshape(-1, len(q)).astype(np.float64)
        best, weights, smooth = _best_candidate(measured, candidates, _backgrounds(q))
        background = smooth @ weights[1:]
        i, j = np.unravel_index(best, (len(_DISPERSIONS), len(_STRAINS)))
        return cls(
            sizing=sizing,
            q=q,
            measured=measured,
            simulated=weights[0] * candidates[best] + background,
            background=background,
            dispersion=_DISPERSIONS[i],
            strain=float(_STRAINS[j]),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        matplotlib Axes
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")[1]
        sizing = self.sizing
        residual = self.measured - self.simulated
        top = float(max(self.measured.max(), self.simulated.max()))
        shift = -1.3 * float(np.percentile(np.abs(residual), 99.8)) - 0.02 * top
        ax.plot(self.q, self.measured, ".", color="0.25", ms=2.5, label="measured")
        ax.plot(
            self.q,
            self.simulated,
            color="#c1272d",
            lw=1.0,
            alpha=0.9,
            label=f"simulated, {sizing.diameter:g} nm",
        )
        ax.plot(self.q, self.background, color="#0072b2", lw=0.9, ls="--", label="background")
        ax.plot(self.q, residual + shift, color="0.55", lw=0.7, label="difference")
        ax.axhline(shift, color="0.8", lw=0.5, zorder=0)
        ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
        ax.set_ylabel("intensity (area 1000)")
        ax.set_xlim(self.q[0], self.q[-1])
        ax.set_title(
            f"{Path(sizing.source).name}: {sizing.diameter:.1f} nm (p = {sizing.probability:.2f}), "
            f"then {sizing.runner_up:.1f} nm (p = {sizing.runner_up_probability:.2f})",
            fontsize="medium",
        )
        ax.legend(frameon=False, loc="upper right")
        return ax


def _single(pattern: xr.DataArray) -> xr.DataArray:
    q = q_of(pattern)
    return xr.DataArray(rows_of(pattern), dims=("sample", "q"), coords={"q": q})


def _backgrounds(q: Array) -> Array:
    """Smooth non-negative curves: two liquids, a constant, a slope, a fall."""
    curves = [
        generic_liquid(q),
        generic_liquid(q, aromatic=True, sphere_diameter=5.0, packing=0.38),
        np.ones_like(q),
        1.0 - (q - q[0]) / (q[-1] - q[0]),
        np.exp(-q),
    ]
    return np.stack([curve / curve.mean() for curve in curves], axis=1)


def _best_candidate(measured: Array, candidates: Array, smooth: Array) -> tuple[int, Array, Array]:
    """The candidate that fits best, counting errors taken as the square root."""
    sigma = np.sqrt(np.maximum(measured, 0.01 * measured.mean()))
    target = measured / sigma
    scaled = smooth * measured.mean()
    fits = []
    for candidate in candidates:
        design = np.column_stack([candidate, scaled]) / sigma[:, None]
        fits.append(nnls(design, target))
    best = int(np.argmin([residual for _, residual in fits]))
    return best, fits[best][0], scaled

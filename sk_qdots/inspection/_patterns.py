r"""Simulated patterns: what changes them, and how alike neighbours are.

The Clark distance of two patterns is

.. math:: d = \sqrt{\sum_i \left(\frac{|I_i - J_i|}{I_i + J_i}\right)^2}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import BoolArray, FloatArray, RealArray
from ..augmentation import PoissonNoise, SolventMixer, library_samples
from ..model_selection import Condition
from ..model_selection.conditions import perturbed
from ..preprocessing.patterns import area, q_of
from ..simulation import Crystal, simulate_library
from ._axes import BLUE, GREY, Q_LABEL, RED, Display, PanelsDisplay, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType

__all__ = ["ClarkDistanceDisplay", "LibraryDisplay", "PerturbedPatternsDisplay", "clark_distance"]

_LARGEST_STRAIN = 5e-4  # that is taken for none


def clark_distance(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Clark distance of two patterns on the same points.

    Parameters
    ----------
    first, second : array-like of shape (n_q,)
        Intensities, none negative; points that are NaN in either are left out.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the patterns have different shapes or negative intensities.

    References
    ----------
    E. Hernández-Rivera, S. P. Coleman, M. A. Tschopp, ACS Comb. Sci. 19, 25 (2017).

    Examples
    --------
    >>> from sk_qdots.inspection import clark_distance
    >>> clark_distance([3.0, 1.0], [1.0, 1.0])
    0.5
    """
    one, other = (np.asarray(pattern, dtype=np.float64) for pattern in (first, second))
    if one.shape != other.shape:
        raise ValueError(f"the patterns have the shapes {one.shape} and {other.shape}")
    if np.nanmin(one, initial=0.0) < 0 or np.nanmin(other, initial=0.0) < 0:
        raise ValueError("intensities must not be negative")
    total = one + other
    ratio = np.divide(np.abs(one - other), total, out=np.zeros_like(total), where=total > 0)
    return float(np.sqrt((ratio**2).sum()))


@dataclass
class ClarkDistanceDisplay(PanelsDisplay):
    """Patterns of neighbouring sizes, and how far they are from each other.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    patterns : ndarray of shape (n_sizes, n_q)
    diameters : ndarray of shape (n_sizes,)
        In nm.
    distances : ndarray of shape (n_sizes - 1,)

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", dispersions=[0.1], strains=[0.0])
    >>> display = sq.inspection.ClarkDistanceDisplay.from_library(library)
    >>> bool(display.distances[0] > display.distances[-1])
    True
    """

    q: FloatArray
    patterns: FloatArray
    diameters: FloatArray
    distances: FloatArray

    @classmethod
    def from_library(cls, library: xr.Dataset, q_range: tuple[float, float] = (1.5, 2.5)) -> Self:
        """Compare the unstrained patterns of a library, of its middle dispersion.

        Parameters
        ----------
        library : Dataset
            Of :func:`sk_qdots.simulate_library`.
        q_range : tuple of 2 float, default=(1.5, 2.5)
            In 1/Angstrom.

        Returns
        -------
        ClarkDistanceDisplay

        Raises
        ------
        ValueError
            If the library has no unstrained patterns, or no point in the range.
        """
        nearest = float(np.abs(library["strain"].values).min())
        if nearest > _LARGEST_STRAIN:
            raise ValueError(f"library has no unstrained patterns; the least strain is {nearest:g}")
        middle = library["dispersion"].values[(library.sizes["dispersion"] - 1) // 2]
        chosen = library["intensity"].sel(strain=0.0, method="nearest").sel(dispersion=middle)
        chosen = chosen.transpose("diameter", "q")
        q = np.asarray(library["q"].values)
        rows = chosen.values.astype(np.float64)
        rows *= (1000.0 / area(rows, q))[:, None]
        inside = (q >= q_range[0]) & (q <= q_range[1])
        if not inside.any():
            raise ValueError(f"q_range is {q_range}; the library has no point in it")
        rows = rows[:, inside]
        distances = [clark_distance(a, b) for a, b in pairwise(rows)]
        return cls(q[inside], rows, chosen["diameter"].values, np.array(distances))

    def plot(self, axes: Sequence[Axes] | None = None) -> Self:
        """Draw patterns, and the distances between neighbours.

        Parameters
        ----------
        axes : sequence of 2 matplotlib Axes, optional
            Where to draw; new axes by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        import matplotlib.pyplot as plt

        if axes is None:
            axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained")[1]
        left, right = axes
        shift = 0.25 * float(self.patterns.max())
        shown = np.arange(len(self.diameters))[:: max(len(self.diameters) // 8, 1)]
        for k, colour in zip(shown, _shades(len(shown)), strict=True):
            place = shift * float(np.flatnonzero(shown == k)[0])
            left.plot(self.q, self.patterns[k] + place, color=colour, lw=1.0)
            left.text(
                self.q[-1],
                self.patterns[k, -1] + place,
                f" {self.diameters[k]:g} nm",
                color=colour,
                fontsize="small",
                va="center",
            )
        left.set_xlim(self.q[0], self.q[-1] + 0.16 * np.ptp(self.q))
        left.set_xlabel(Q_LABEL)
        left.set_ylabel("intensity, shifted")
        left.set_yticks([])
        middles = 0.5 * (self.diameters[1:] + self.diameters[:-1])
        right.plot(middles, self.distances, "o-", color=BLUE, ms=4)
        right.set_xlabel("between diameters (nm)")
        right.set_ylabel("Clark distance of neighbours")
        right.set_ylim(0.0)
        right.set_title(f"{self.q[0]:.2g} to {self.q[-1]:.2g} Å$^{{-1}}$", fontsize="medium")
        return self._keep((left, right))


@dataclass
class LibraryDisplay(PanelsDisplay):
    """What strain, dispersion, concentration and noise do to patterns of two sizes.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    panels : mapping of str to mapping of str to ndarray of shape (n_sizes, n_q)
        Title, label of a curve, patterns.
    diameters : tuple of float
        In nm.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> display = sq.inspection.LibraryDisplay.from_crystal("PbS", diameters=(3.0, 8.0))
    >>> list(display.panels)
    ['strain', 'relative dispersion', 'concentration', 'noise']
    """

    q: FloatArray
    panels: Mapping[str, Mapping[str, FloatArray]]
    diameters: tuple[float, ...]

    @classmethod
    def from_crystal(
        cls,
        crystal: str | Crystal = "PbS",
        *,
        diameters: tuple[float, ...] = (3.0, 8.0),
        solvent: str | xr.DataArray = "toluene",
        qd_fractions: Sequence[float] = (0.15, 0.37, 0.65, 1.0),
        snr: Sequence[float] = (14.0, 122.0),
        random_state: int = 0,
    ) -> Self:
        """Simulate the patterns.

        Parameters
        ----------
        crystal : Crystal or str, default="PbS"
        diameters : tuple of float, default=(3.0, 8.0)
            In nm.
        solvent : str or DataArray, default="toluene"
        qd_fractions : sequence of float
            The dots' shares of the intensity.
        snr : sequence of float
            Mean signal-to-noise ratios.
        random_state : int, default=0
            Seed of the noise.

        Returns
        -------
        LibraryDisplay
        """
        strains, dispersions = (-0.0025, 0.0, 0.0051), (0.05, 0.10, 0.20)
        library = simulate_library(
            crystal, diameters=diameters, dispersions=dispersions, strains=strains
        )
        q = np.asarray(library["q"].values)

        def patterns(**choice: float) -> xr.DataArray:
            rows = library_samples(library.sel({k: [v] for k, v in choice.items()}))[0]
            rows = rows.astype(np.float64)
            return rows.copy(data=rows.values * (1000.0 / area(rows.values, q))[:, None])

        plain = patterns(strain=0.0, dispersion=0.10)
        panels: dict[str, dict[str, FloatArray]] = {
            "strain": {
                (f"{100 * s:+.2f} %" if s else "0"): patterns(strain=s, dispersion=0.10).values
                for s in strains
            },
            "relative dispersion": {
                f"{100 * d:.0f} %": patterns(strain=0.0, dispersion=d).values
                for d in (dispersions[0], dispersions[-1])
            },
            "concentration": {
                "dry" if c == 1 else f"c = {100 * c:.0f} %": SolventMixer(solvent, c)
                .fit_transform(plain)
                .values
                for c in sorted(qd_fractions, reverse=True)
            },
            "noise": {
                f"SNR {level:g}": PoissonNoise(level, random_state=random_state)
                .fit_transform(plain)
                .values
                for level in snr
            },
        }
        return cls(q, panels, tuple(diameters))

    def plot(self, axes: Sequence[Axes] | None = None, *, q_max: float = 8.0) -> Self:
        """Draw one panel for each effect.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            One for each panel; new axes by default.
        q_max : float, default=8.0
            End of the drawn range, in 1/Angstrom.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        import matplotlib.pyplot as plt

        if axes is None:
            axes = plt.subplots(2, 2, figsize=(9.5, 6.6), layout="constrained")[1].ravel()
        shown = self.q <= q_max
        for ax, (title, curves) in zip(axes, self.panels.items(), strict=True):
            top = max(float(rows[:, shown].max()) for rows in curves.values())
            for (label, rows), colour in zip(curves.items(), _shades(len(curves)), strict=True):
                for number, row in enumerate(rows):
                    place = 0.75 * top * number
                    ax.plot(
                        self.q[shown],
                        row[shown] + place,
                        color=colour,
                        lw=0.8,
                        label=label if number == 0 else None,
                    )
            if title == "strain":
                self._differences(ax, list(curves.values()), shown, top)
            for number, diameter in enumerate(self.diameters):
                ax.annotate(
                    f"{diameter:g} nm",
                    (0.985, 0.75 * top * number + 0.16 * top),
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    fontsize="small",
                )
            ax.set_title(title, fontsize="medium")
            ax.set_xlim(self.q[0], q_max)
            ax.set_xlabel(Q_LABEL)
            ax.set_yticks([])
            ax.set_ylabel("intensity, shifted")
            ax.legend(frameon=False, fontsize="small", loc="upper right")
        return self._keep(axes)

    def _differences(
        self, ax: Axes, curves: list[FloatArray], shown: BoolArray, top: float
    ) -> None:
        """What the smallest and the largest strain change, below the patterns."""
        middle = curves[len(curves) // 2][0]
        shades = _shades(len(curves))
        for k, place in ((0, -0.25), (len(curves) - 1, -0.55)):
            change = curves[k][0] - middle
            ax.plot(self.q[shown], change[shown] + place * top, color=shades[k], lw=0.7)
            ax.axhline(place * top, color="0.85", lw=0.5, zorder=0)


@dataclass
class PerturbedPatternsDisplay(Display):
    """One pattern under the levels of a robustness test.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    patterns : mapping of str to ndarray of shape (n_q,)
        Level, and intensities; NaN is not measured.
    test : str

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.model_selection import measured_samples, robustness_conditions
    >>> X, y = measured_samples([3000, 8500], 2)
    >>> conditions = robustness_conditions(["q_max"])
    >>> display = sq.inspection.PerturbedPatternsDisplay.from_conditions(conditions, X[[0]], y[:1])
    >>> list(display.patterns)
    ['15', '11', '7', '5', '4.4', '3.5', '2.5']
    """

    q: FloatArray
    patterns: Mapping[str, RealArray]
    test: str

    @classmethod
    def from_conditions(
        cls, conditions: Sequence[Condition], X: xr.DataArray, y: npt.ArrayLike
    ) -> Self:
        """Perturb the first pattern.

        Parameters
        ----------
        conditions : sequence of Condition
            Of one test.
        X : DataArray of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)

        Returns
        -------
        PerturbedPatternsDisplay
        """
        few = {
            condition.level: np.asarray(
                perturbed(condition.perturbation, X[[0]], np.asarray(y)[:1])[0]
            )[0]
            for condition in conditions
        }
        return cls(q_of(X), few, conditions[0].test)

    def plot(self, ax: Axes | None = None, *, q_range: tuple[float, float] | None = None) -> Self:
        """Draw the patterns one above the other, or for ranges one with its ends.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; new axes by default.
        q_range : tuple of 2 float, optional
            What to draw, in 1/Angstrom; everything by default.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, 5.2, 3.8)
        low, high = q_range or (self.q[0], self.q[-1])
        shades = _shades(len(self.patterns))
        if self.test in ("q_max", "q_min"):
            whole = max(self.patterns.values(), key=lambda row: np.isfinite(row).sum())
            ax.plot(self.q, whole, color="0.2", lw=0.8)
            for level, colour in zip(self.patterns, shades, strict=True):
                ax.axvline(float(level), color=colour, ls="--", lw=1.1, label=level)
            high += 0.02 * (high - low)  # the last line is not on the frame
        else:
            top = 0.0
            for (level, row), colour in zip(self.patterns.items(), shades, strict=True):
                seen = np.isfinite(row) & (self.q >= low) & (self.q <= high)
                sparse = seen.sum() < 0.5 * ((self.q >= low) & (self.q <= high)).sum()
                ax.plot(
                    self.q[seen],
                    row[seen] + top,
                    ".-" if sparse else "-",
                    color=colour,
                    lw=0.7,
                    ms=2.5,
                    label=level,
                )
                top += 0.35 * float(np.ptp(row[seen]))
        ax.set_xlim(low, high)
        ax.set_xlabel(Q_LABEL)
        ax.set_ylabel("intensity" if self.test.startswith("q_m") else "intensity, shifted")
        ax.set_yticks([])
        ax.legend(
            frameon=False,
            fontsize="x-small",
            title=self.test.replace("_", " "),
            loc="upper right",
            ncols=1 + len(self.patterns) // 8,
            reverse=True,
        )
        return self._keep(ax)


def _shades(n: int) -> list[ColorType]:
    """Colours from dark to light, or three that stand apart."""
    if n <= 3:
        return [*[BLUE, GREY][: n - 1], RED] if n > 1 else [BLUE]
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(0.0, 0.88, n)))

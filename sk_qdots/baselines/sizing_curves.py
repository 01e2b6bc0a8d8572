"""Sizing curves: the first excitonic peak over the diameter, each with its citation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from .._typing import FloatArray

__all__ = ["CURVES", "SizingCurve"]

_LARGEST_DIAMETER = 1000.0  # nm


@dataclass(frozen=True)
class SizingCurve:
    """Energy of the first excitonic peak of dots of one material.

    Parameters
    ----------
    name : str
        Such as ``"Moreels 2009"``.
    material : str
    energy_of : callable
        Energy in eV of diameters in nm; falls with the diameter.
    citation : str
    note : str, default=""
        What has not been verified.
    valid : tuple of 2 float, default=(2.0, 10.0)
        Diameters in nm that it is drawn for.

    Examples
    --------
    >>> from sk_qdots.baselines.sizing_curves import CURVES, SizingCurve
    >>> round(float(CURVES["Moreels 2009"].energy(4.0)), 3)
    1.061
    >>> mine = SizingCurve("mine", "PbS", lambda d: 0.41 + 2.0 / d, "laboratory notebook 7")
    >>> round(mine.diameter(0.91), 3)
    4.0
    """

    name: str
    material: str
    energy_of: Callable[[FloatArray], FloatArray]
    citation: str
    note: str = ""
    valid: tuple[float, float] = (2.0, 10.0)

    def energy(self, diameter: npt.ArrayLike) -> FloatArray:
        """Energy of the first excitonic peak.

        Parameters
        ----------
        diameter : float or array-like
            In nm.

        Returns
        -------
        ndarray
            In eV.

        Raises
        ------
        ValueError
            If a diameter is not positive.
        """
        diameters = np.asarray(diameter, dtype=np.float64)
        if not (diameters > 0).all():
            raise ValueError("diameter must be positive, in nm")
        return np.asarray(self.energy_of(diameters))

    def diameter(self, energy: float) -> float:
        """Diameter of dots whose first excitonic peak lies at an energy.

        Parameters
        ----------
        energy : float
            In eV.

        Returns
        -------
        float
            In nm.

        Raises
        ------
        ValueError
            If the curve does not reach the energy.
        """

        def above(logarithm: float) -> float:
            return float(self.energy(np.exp(logarithm))) - energy

        ends = np.log([0.1, _LARGEST_DIAMETER])
        if not (np.isfinite(energy) and above(ends[0]) > 0 > above(ends[1])):
            raise ValueError(f"energy is {energy:g} eV; the curve {self.name!r} does not reach it")
        return float(np.exp(brentq(above, *ends)))


CURVES: dict[str, SizingCurve] = {
    curve.name: curve
    for curve in (
        SizingCurve(
            "Moreels 2009",
            "PbS",
            lambda d: 0.41 + 1.0 / (0.0252 * d**2 + 0.283 * d),
            "I. Moreels et al., ACS Nano 3, 3023 (2009), doi:10.1021/nn900863a",
        ),
        SizingCurve(
            "Weidman 2014",
            "PbS",
            lambda d: 0.41 + 1.0 / (0.0392 * d**2 + 0.114 * d),
            "M. C. Weidman et al., ACS Nano 8, 6363 (2014), doi:10.1021/nn5018654",
            "coefficients not checked against the paper",
        ),
    )
}

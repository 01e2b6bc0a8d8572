"""What an abscissa can be, and what it becomes: Q in 1/Angstrom."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from ..simulation.q_grid import q_from_two_theta

__all__ = ["AXES", "impossible", "reading", "resolve", "to_q"]

AXES = {
    "two_theta": "two-theta in degrees",
    "two_theta_rad": "two-theta in radians",
    "q": "Q in 1/Angstrom",
    "q_nm": "Q in 1/nm",
    "d": "d in Angstrom",
    "d_nm": "d in nm",
}
_PYFAI = {
    "2th_deg": "two_theta",
    "2th_rad": "two_theta_rad",
    "q_A^-1": "q",
    "q_nm^-1": "q_nm",
    "d_A": "d",
    "d_nm": "d_nm",
}
_MAX_Q = 40.0  # 1/Angstrom: beyond any diffractometer


def resolve(x: object) -> str | None:
    """Name in ``AXES`` of what a caller calls the abscissa; None where there is none."""
    name = _PYFAI.get(x, x) if isinstance(x, str) else None
    return name if name in AXES else None


def to_q(axis: str, x: FloatArray, wavelength: float | None) -> FloatArray:
    """Q in 1/Angstrom of an abscissa."""
    if axis in ("two_theta", "two_theta_rad"):
        assert wavelength is not None
        return q_from_two_theta(x if axis == "two_theta" else np.rad2deg(x), wavelength)
    if axis in ("d", "d_nm"):
        return np.asarray(2.0 * np.pi / (x if axis == "d" else 10.0 * x))
    return np.asarray(x if axis == "q" else x / 10.0)


def impossible(axis: str, x: FloatArray, wavelength: float | None) -> str:
    """Why numbers cannot be this abscissa; empty where they can."""
    low, high = float(x.min()), float(x.max())
    if axis in ("d", "d_nm") and low <= 0.0:
        return f"d reaches {low:g}, and d is above zero"
    if low < 0.0:
        return f"the abscissa starts at {low:g}; remove the rows below zero"
    if axis in ("two_theta", "two_theta_rad"):
        limit = 180.0 if axis == "two_theta" else np.pi
        unit = "180 degrees" if axis == "two_theta" else "pi radians"
        if high > limit:
            return f"the abscissa reaches {high:g}, and two-theta ends at {unit}"
        return ""
    with np.errstate(over="ignore"):
        largest = float(to_q(axis, x, None).max())
    if not largest <= _MAX_Q:
        return f"Q would reach {largest:.4g} 1/Angstrom, too much for Q"
    if wavelength is not None and largest * wavelength > 4.0 * np.pi:
        return (
            f"Q would reach {largest:.4g} 1/Angstrom, beyond 4 pi / wavelength = "
            f"{4.0 * np.pi / wavelength:.4g}"
        )
    return ""


def reading(axis: str, x: FloatArray, wavelength: float | None) -> str:
    """What the numbers are if the abscissa is this: one half of a question."""
    if axis.startswith("two_theta") and wavelength is None:
        return f"{AXES[axis]} they need a wavelength"
    why = impossible(axis, x, wavelength)
    if why:
        return f"{AXES[axis]} they are impossible ({why})"
    q = to_q(axis, x, wavelength)
    return f"{AXES[axis]} they are Q = {q.min():.3g} to {q.max():.3g} 1/Angstrom"

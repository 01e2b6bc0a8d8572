"""Small helpers on patterns that several modules share: axes, conversion, area."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray, RealArray
from ..simulation.q_grid import q_from_two_theta

_Q_UNITS = dict.fromkeys(
    [
        *["", "1/angstrom", "1/a", "1/å", "a^-1", "å^-1", "å⁻¹", "angstrom^-1", "a-1", "å-1"],
        *["angstrom-1", "inverseangstrom", "a^{-1}", "å^{-1}", r"$\aa^{-1}$", r"\aa^{-1}"],
    ],
    1.0,
) | dict.fromkeys(["1/nm", "nm^-1", "nm⁻¹", "nm-1", "nm^{-1}"], 0.1)
_ANGLE_UNITS = dict.fromkeys(("", "degree", "degrees", "deg", "°"), 1.0) | dict.fromkeys(
    ("radian", "radians", "rad"), float(np.rad2deg(1.0))
)

__all__ = [
    "area",
    "check_axis",
    "check_is_pattern",
    "is_subtracted",
    "q_of",
    "range_of",
    "rows_of",
    "wavelength_of",
]


def q_of(pattern: xr.DataArray) -> FloatArray:
    """Q axis of a pattern, from its coordinate q, or from two_theta and its wavelength.

    Raises
    ------
    ValueError
        If the pattern carries neither.
    """
    if "q" in pattern.coords:
        return _in_units(pattern.coords["q"], _Q_UNITS)
    if "two_theta" in pattern.coords:
        wavelength = wavelength_of(pattern)
        if wavelength is None:
            raise ValueError(
                "the pattern has a two_theta axis but no wavelength: "
                "set pattern.attrs['wavelength'] in Angstrom"
            )
        angles = _in_units(pattern.coords["two_theta"], _ANGLE_UNITS)
        if len(angles) and np.nanmax(angles) > 180.0:
            raise ValueError(f"two_theta reaches {np.nanmax(angles):g}; it ends at 180 degrees")
        return q_from_two_theta(angles, wavelength)
    raise ValueError(
        "the pattern has no axis: it needs a coordinate 'q' (1/Angstrom), or 'two_theta' "
        "(degrees) with attrs['wavelength'] (Angstrom)"
    )


def wavelength_of(pattern: xr.DataArray) -> float | None:
    """Wavelength of a pattern in Angstrom, from its attribute; None where it has none.

    Raises
    ------
    ValueError
        If it is not a positive number.
    """
    said = pattern.attrs.get("wavelength")
    if said is None:
        return None
    try:
        value = float(np.asarray(said).item())  # HDF5 has attributes of one number
    except (TypeError, ValueError):
        value = float("nan")
    if not 0 < value < np.inf:
        raise ValueError(f"attrs['wavelength'] is {said!r}; it must be in Angstrom")
    return value


def _in_units(axis: xr.DataArray, units: dict[str, float]) -> FloatArray:
    """Values of an axis in 1/Angstrom or degrees, from the units that it says."""
    if axis.ndim != 1:
        raise ValueError(f"the coordinate {axis.name!r} has dimensions {axis.dims}; expected one")
    if axis.dtype.kind not in "iuf":
        raise ValueError(f"the coordinate {axis.name!r} holds {axis.dtype}; expected numbers")
    said = str(axis.attrs.get("units") or "").replace(" ", "").lower()
    if said not in units:
        raise ValueError(
            f"the coordinate {axis.name!r} is in {said!r}; bring it to one of "
            f"{', '.join(unit for unit in units if unit)}"
        )
    return np.asarray(axis.values, dtype=np.float64) * units[said]


def rows_of(patterns: xr.DataArray) -> npt.NDArray[np.floating | np.integer]:
    """Intensities of a sample-first DataArray, or of one pattern as a single row."""
    if patterns.ndim == 1:
        return np.asarray(patterns.values)[None, :]
    if patterns.ndim != 2:
        raise ValueError(f"patterns have dimensions {patterns.dims}; expected ('sample', 'q')")
    axis = "q" if "q" in patterns.coords else "two_theta"
    if axis in patterns.coords and patterns.coords[axis].dims != (patterns.dims[1],):
        raise ValueError(
            f"patterns have dimensions {patterns.dims}; put the samples first: "
            f"patterns.transpose(..., {patterns.coords[axis].dims[0]!r})"
        )
    return np.asarray(patterns.values)


def is_subtracted(pattern: xr.DataArray) -> bool:
    """Whether a blank was subtracted, so that intensities may be below zero."""
    return "subtracted" in pattern.attrs


def check_axis(q: FloatArray, n_points: int) -> None:
    """Refuse an axis that does not fit its patterns, or that does not ascend."""
    if q.shape != (n_points,):
        raise ValueError(f"the Q axis has {q.size} points and the patterns have {n_points}")
    if not np.isfinite(q).all() or np.any(np.diff(q) <= 0):
        raise ValueError("the Q axis must be finite and strictly ascending; sort the points")


def check_is_pattern(what: str, item: object) -> None:
    """Refuse what is no DataArray of real numbers."""
    if not isinstance(item, xr.DataArray):
        raise TypeError(f"{what} is a {type(item).__name__}; expected a DataArray")
    if item.dtype.kind not in "iuf":
        raise TypeError(f"{what} holds {item.dtype}; expected real numbers")


def range_of(q: FloatArray) -> str:
    """Range and step of an axis, in words."""
    return f"{q[0]:.3g} to {q[-1]:.3g} 1/Angstrom, step {np.median(np.diff(q)):.3g}"


def area(rows: RealArray, q: FloatArray) -> FloatArray:
    """Trapezoidal integral of each row over the part of the grid that is measured (not NaN)."""
    if rows.shape[1] == 1:
        return np.asarray(np.nan_to_num(rows[:, 0], nan=0.0))
    steps = np.diff(q)
    weights = 0.5 * (np.r_[steps, 0.0] + np.r_[0.0, steps])
    # No matrix product: its last digits would depend on the number of rows.
    total = np.asarray((rows * weights.astype(rows.dtype)).sum(axis=1, dtype=np.float64))
    partial = np.isnan(total)
    if partial.any():
        means = 0.5 * (rows[partial, 1:] + rows[partial, :-1])
        total[partial] = np.nansum(means * steps, axis=1, dtype=np.float64)
    return total

"""A measured blank taken away from a pattern, for those who want it so."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..instruments.radiation import is_same_beam
from .patterns import check_axis, check_is_pattern, q_of, range_of, rows_of, wavelength_of
from .resampling import resample

__all__ = ["subtract_blank"]

_STRETCH = 0.1  # 1/Angstrom: counts enough in each, and no wider than a peak


def subtract_blank(
    pattern: xr.DataArray,
    blank: xr.DataArray,
    scale: float | npt.ArrayLike | Literal["largest"],
) -> xr.DataArray:
    """Take a measured blank away: pattern - scale * blank.

    Nothing in this package subtracts by itself: the shipped sizer reads patterns as
    counted, liquid and all.

    Parameters
    ----------
    pattern : DataArray
        One pattern, or sample-first patterns, with a Q axis.
    blank : DataArray
        The pure solvent, the empty capillary or the bare substrate, measured in the
        same way, with a Q axis of its own. Where it is finer, it is averaged over the
        pattern's steps.
    scale : float, array-like of shape (n_samples,) or "largest"
        What the blank is multiplied by: the ratio of the exposures, times that of the
        transmissions, times the solvent's share of the volume. ``"largest"`` takes the
        smallest ratio of pattern and blank over stretches of 0.1 1/Angstrom: the
        difference then touches zero. Too much where the dots scatter everywhere, too
        little where few counts let a ratio stray.

    Returns
    -------
    DataArray
        With the coordinates of ``pattern``, NaN where the blank was not measured;
        ``attrs`` hold ``blank_scale`` and ``subtracted``. ``esd`` is propagated where
        both have it and left out otherwise. Counting noise may leave values below
        zero; :class:`QStandardizer` and the sizers take them from here.

    Raises
    ------
    ValueError
        If the scale is not a positive number, the wavelengths differ, the ranges do
        not overlap, or an intensity is infinite.

    See Also
    --------
    sk_qdots.read_pattern : Reads both.
    sk_qdots.read_solvent : For training with the blank, which needs no subtraction.

    Examples
    --------
    >>> import numpy as np, xarray as xr, sk_qdots as sq
    >>> q = np.linspace(1.0, 8.0, 1000)
    >>> blank = xr.DataArray(100.0 / q, dims="q", coords={"q": q})
    >>> pattern = xr.DataArray(1.0 + 0.8 * blank, dims="q", coords={"q": q})
    >>> float(sq.subtract_blank(pattern, blank, 0.8).mean().round(6))
    1.0
    """
    check_is_pattern("pattern", pattern)
    check_is_pattern("blank", blank)
    one, other = wavelength_of(pattern), wavelength_of(blank)
    if one is not None and other is not None and not is_same_beam(one, other):
        raise ValueError(
            f"the pattern was measured at {one:.5g} Angstrom and the blank at {other:.5g}; a blank "
            "must be measured in the same way"
        )
    rows, single = (rows_of(item).astype(np.float64) for item in (pattern, blank))
    if len(single) != 1:
        raise ValueError(f"blank has {len(single)} patterns; expected one")
    if np.isinf(rows).any() or np.isinf(single).any():
        raise ValueError("an intensity of the pattern or of the blank is infinite")
    q, q_blank = q_of(pattern), q_of(blank)
    check_axis(q, rows.shape[1])
    check_axis(q_blank, single.shape[1])
    if min(len(q), len(q_blank)) < 2:
        raise ValueError("the pattern and the blank need two points or more")
    below = resample(q_blank, single, q)[0]
    if not (np.isfinite(below) & np.isfinite(rows)).any(axis=1).all():
        raise ValueError(
            f"the blank ({range_of(q_blank)}) and the pattern ({range_of(q)}) do not overlap"
        )
    scales = _scales(q, rows, below, scale)
    result = pattern.copy(data=(rows - scales[:, None] * below).reshape(pattern.shape))
    result.attrs = {
        **pattern.attrs,
        "subtracted": str(blank.attrs.get("source", blank.name or "a blank")),
        "blank_scale": float(scales[0]) if pattern.ndim == 1 else scales.tolist(),
    }
    if "esd" in pattern.coords:
        result = result.drop_vars("esd")
        esd = pattern.coords["esd"]
        if "esd" in blank.coords and esd.dims == pattern.dims and blank["esd"].dims == blank.dims:
            noise = _esd_at(q, q_blank, blank.coords["esd"].values.ravel())
            total = np.hypot(esd.values.reshape(rows.shape), scales[:, None] * noise)
            result = result.assign_coords(esd=(pattern.dims, total.reshape(pattern.shape)))
    return result


def _scales(
    q: FloatArray, rows: FloatArray, blank: FloatArray, scale: float | npt.ArrayLike
) -> FloatArray:
    """Scale of each row."""
    if isinstance(scale, str) and scale == "largest":
        return np.array([_largest_scale(q, row, blank) for row in rows])
    try:
        scales = np.asarray(scale, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        scales = np.array(np.nan)
    if np.asarray(scale).dtype.kind == "b" or not ((scales > 0) & np.isfinite(scales)).all():
        raise ValueError(f"scale is {str(scale)[:40]!r}; it must be a positive number or 'largest'")
    if scales.ndim > 1 or scales.size not in (1, len(rows)):
        raise ValueError(f"scale has shape {scales.shape}; expected one number, or one a pattern")
    return np.broadcast_to(scales.ravel(), len(rows))


def _esd_at(q: FloatArray, q_blank: FloatArray, esd: FloatArray) -> FloatArray:
    """Standard deviation of a blank that was interpolated, or averaged where it is finer."""
    width = np.interp(q, q_blank, np.gradient(q_blank)) / np.gradient(q)
    return np.asarray(np.interp(q, q_blank, esd) * np.sqrt(np.minimum(width, 1.0)))


def _largest_scale(q: FloatArray, row: FloatArray, blank: FloatArray) -> float:
    """Smallest ratio of a pattern and its blank, each summed over stretches."""
    both = np.isfinite(row) & np.isfinite(blank)
    stretch = ((q[both] - q[both][0]) / _STRETCH).astype(np.int64)
    above, below = (np.bincount(stretch, values[both]) for values in (row, blank))
    usable = below > 0
    if not usable.any():
        raise ValueError("the blank holds no intensity")
    scale = float((above[usable] / below[usable]).min())
    if scale <= 0:
        raise ValueError("the pattern holds no intensity in places; give the scale as a number")
    return scale

"""Where the lines of a standard lie, which points they reach, and what is smooth below them."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import BSpline
from scipy.sparse import csc_matrix

from .._typing import BoolArray, FloatArray, IntArray
from .instrument import Instrument
from .standards import Lines

__all__ = ["angles_of", "kept_lines", "lorentz_and_polarisation", "points_around", "spline_basis"]


def angles_of(wavelength: float, spacing: FloatArray) -> FloatArray:
    """Two-theta of lines, NaN where there is none."""
    sine = wavelength / (2.0 * spacing)
    return np.asarray(np.rad2deg(2.0 * np.arcsin(np.where(sine < 1.0, sine, np.nan))))


def points_around(
    x: FloatArray, centres: FloatArray, reach: FloatArray
) -> tuple[IntArray, IntArray]:
    """Line and point of every point that lies within the reach of a line."""
    low, high = np.searchsorted(x, centres - reach), np.searchsorted(x, centres + reach)
    n_points = high - low
    line = np.repeat(np.arange(len(centres)), n_points)
    first = np.cumsum(n_points) - n_points
    return line, np.arange(n_points.sum()) - first[line] + low[line]


def kept_lines(lines: Lines, which: BoolArray, factor: FloatArray) -> Lines:
    """Some of the lines, the strongest of which has the strength 1."""
    indices = tuple(hkl for hkl, kept in zip(lines.indices, which, strict=True) if kept)
    strength = (lines.strength * factor)[which]
    return Lines(indices, lines.spacing[which], strength / max(strength, default=1.0))


def lorentz_and_polarisation(two_theta: FloatArray, instrument: Instrument) -> FloatArray:
    half = np.deg2rad(two_theta) / 2.0
    lorentz = 1.0 / (np.sin(half) ** 2 * np.cos(half))
    return np.asarray(lorentz * instrument.polarisation_factor(two_theta))


def spline_basis(x: FloatArray, n_knots: int) -> csc_matrix:
    inner = np.linspace(x[0], x[-1], n_knots)
    knots = np.concatenate([[x[0]] * 3, inner, [x[-1]] * 3])
    return csc_matrix(BSpline.design_matrix(x, knots, 3))

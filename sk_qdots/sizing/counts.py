r"""Whether the counts are as they were measured, and the beam as it was told.

A blank that was subtracted with too large a scale leaves stretches below zero. A detector that
counts no higher cuts peaks flat. A pattern that was smoothed, interpolated or sampled more finely
than it was measured has noise that is alike at neighbouring points, and more of it than these show.

For the last, noise is told from the pattern by its frequency. Pairs of atoms of a particle are no
farther apart than its diameter, so that beyond some distance :math:`r` the Fourier transform of a
pattern holds nothing but noise, as much at every :math:`r` where points are independent. Compared
is the noise just beyond twice the diameter with what the fourth differences of neighbouring points
show (those that tell the noise of a fit), in stretches of 256 points whose lower quartile counts,
since peaks too sharp for dots are in some of them and smoothing is in all. Of independent counts
none of 1750 simulated patterns had more than 1.12 times the noise that it showed, a mean of three
points has 2.8 times, and the caution begins at twice. What was smoothed so much that no noise is
left beyond what dots scatter (0.05 % of the intensity) is taken for a simulation.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter1d
from scipy.signal.windows import blackmanharris

from .._typing import FloatArray
from ..instruments import ANODES, Instrument, k_alpha_mean
from ..preprocessing.patterns import is_subtracted, q_of, rows_of

__all__ = [
    "cautions_of_counts",
    "hidden_noise",
    "is_cut",
    "line_doubt",
    "stretch_below_zero",
]

_WINDOW = 0.15  # 1/Angstrom, over which an intensity below zero is averaged
_FEWEST = 4  # points: of such a window, and of a top that is cut
_BELOW, _DEEP = 5.0, 0.02  # standard deviations of its mean; of the mean intensity
_AROUND = 0.25  # 1/Angstrom, over which the local intensity and noise are averaged
_EVEN = 0.25  # of the noise of a point: tops that differ by less are no noise
_FILLED = 0.6  # share of the points of a top that are at the maximum
_STEEP = 20.0  # of what tops differ by, to which peaks fall within half of their width
_STRETCH = 256  # points, whose noise is told by frequency
_BAND = 0.2  # of the highest frequency: width of the band beyond what the dots scatter
_LEAST_BAND, _LAST_BAND = 0.08, 0.5  # of the highest frequency, in which it begins
_BEYOND = 2.0  # diameters: nothing of a pattern varies as fast
_SMALLEST = 6.0  # nm, of what is scattered: liquids and glass order that far
_NOISELESS = 5e-4  # of the intensity: below it, a pattern counts as without noise
_FEW = 0.25  # of the stretches, that may have peaks too sharp for dots and count nevertheless
_HIDDEN = 2.0  # times more noise than differences show
_SAME_LINE = 2e-4  # relative: tables of the lines of tubes differ by less


def cautions_of_counts(pattern: xr.DataArray, diameter: float) -> tuple[str, ...]:
    """Reasons to doubt the counts of a pattern, a sentence each.

    Parameters
    ----------
    pattern : DataArray
        One pattern, as it was measured.
    diameter : float
        The largest that its dots may have, in nm.

    Returns
    -------
    tuple of str
    """
    q, values = q_of(pattern), rows_of(pattern)[0].astype(np.float64)
    is_measured = np.isfinite(values)
    q, values = q[is_measured], values[is_measured]
    if len(values) < _FEWEST or not np.abs(values).max() > 0.0:
        return ()
    reasons = []
    below = stretch_below_zero(q, values) if is_subtracted(pattern) else None
    if below is not None:
        reasons.append(
            f"intensities are below zero, by more than noise, at Q = {below[0]:.3g} to "
            f"{below[1]:.3g} 1/Angstrom: too much was subtracted; take a smaller scale of the "
            "blank, or give the counts as measured"
        )
    if is_cut(q, values):
        reasons.append(
            "the strongest peak is cut flat, as by a detector that counts no higher: measure with "
            "an attenuator, or for a shorter time a frame"
        )
    hidden = hidden_noise(q, values, diameter)
    if hidden > _HIDDEN:
        reasons.append(
            "neighbouring points are alike, as in a pattern that was smoothed or interpolated, and "
            f"hold {hidden:.2g} times the noise that they show, so that errors are too small: give "
            "the counts at the points at which they were measured"
        )
    return tuple(reasons)


def stretch_below_zero(q: FloatArray, values: FloatArray) -> tuple[float, float] | None:
    """Where intensities are below zero by more than noise explains.

    Parameters
    ----------
    q, values : ndarray of shape (n_points,)

    Returns
    -------
    tuple of 2 float or None
        Ends of the stretch around the lowest mean over 0.15 1/Angstrom, where that is five of its
        standard deviations and 2 % of the mean intensity below zero.
    """
    n = max(round(_WINDOW / _step(q)), _FEWEST)
    if len(values) < 2 * n:
        return None
    means = sliding_window_view(values, n).mean(axis=1)
    apart = np.pad(np.diff(values, 2) ** 2 / 6.0, 1, mode="edge")
    average = np.maximum(_averaged(q, apart), 0.0)  # rounding may go below
    noise = np.sqrt(sliding_window_view(average, n).mean(axis=1) / n)
    is_below = means < -np.maximum(_BELOW * noise, _DEEP * np.abs(values.mean()))
    if not is_below.any():
        return None
    lowest = int(np.where(is_below, means, np.inf).argmin())
    others = np.flatnonzero(~is_below)
    first = int(others[others < lowest].max(initial=-1)) + 1
    last = int(others[others > lowest].min(initial=len(means))) - 1
    return float(q[first]), float(q[last + n - 1])


def is_cut(q: FloatArray, values: FloatArray) -> bool:
    """Whether the strongest peak is flat, and ends as no peak does.

    Parameters
    ----------
    q, values : ndarray of shape (n_points,)

    Returns
    -------
    bool
        Whether four neighbouring points or more are at the maximum to the last digit, or eight
        within a quarter of their noise; and within half of their width beside them the peak falls
        by twenty times as much. A smooth maximum falls by four times there, however broad it is,
        and of one with noise points differ.
    """
    top = float(values.max())
    high = np.unique(values)[-4 * _FEWEST :]
    digit = float(np.diff(high).min()) if len(high) > 1 else 0.0
    square = np.convolve(values, [1.0, -4.0, 6.0, -4.0, 1.0], mode="valid") ** 2 / 70.0
    level = np.median(square / np.maximum(_averaged(q, values)[2:-2], 1e-3 * top)) / 0.4549
    nearly = max(_EVEN * float(np.sqrt(level * top)), digit)
    return _is_flat(values, digit, _FEWEST) or _is_flat(values, nearly, 2 * _FEWEST)


def _is_flat(values: FloatArray, even: float, fewest: int) -> bool:
    """Whether so many points at the maximum differ by so little, and those beside them by more."""
    top = float(values.max())
    places = np.flatnonzero(values >= top - 0.999 * even)
    groups = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1)
    largest = max(groups, key=len)
    first, last = int(largest[0]), int(largest[-1])
    width = last - first + 1
    if len(largest) < max(fewest, _FILLED * width):
        return False
    half = -(-width // 2)
    # The peak beside it may be cut as well: what counts is the valley between them.
    beside = values[max(first - half, 0) : first], values[last + 1 : last + 1 + half]
    lowest = [float(side.min()) for side in beside if side.size]
    return bool(lowest) and top - max(lowest) > _STEEP * even


def hidden_noise(q: FloatArray, values: FloatArray, diameter: float) -> float:
    """Noise of a pattern over what neighbouring points show of it.

    Parameters
    ----------
    q, values : ndarray of shape (n_points,)
    diameter : float
        Of the largest particles, in nm.

    Returns
    -------
    float
        1 where points are independent; also where there is no noise to speak of, or steps are so
        coarse that nothing tells it from a pattern.
    """
    n = _STRETCH
    steps = np.diff(q)
    if len(values) < n:
        return 1.0
    start = max(
        _BEYOND * 10.0 * max(diameter, _SMALLEST) * float(np.quantile(steps, 0.98)) / np.pi,
        _LEAST_BAND,
    )
    if start > _LAST_BAND:
        return 1.0
    around = np.maximum(_averaged(q, values), 0.05 * np.abs(values).mean())
    gaps = sliding_window_view(steps, n - 1)[:: n // 2].max(axis=1)
    whole = gaps < 3.0 * np.median(steps)
    if not whole.any():
        return 1.0
    rows = sliding_window_view(values / np.sqrt(around), n)[:: n // 2][whole]
    level = sliding_window_view(around, n)[:: n // 2][whole].mean(axis=1)
    window = blackmanharris(n)
    rows = (rows - rows.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(rows, axis=1)) ** 2 / (window**2).sum()
    frequency = np.linspace(0.0, 1.0, n // 2 + 1)
    gain = np.sin(0.5 * np.pi * frequency) ** 8
    inside = (frequency >= start) & (frequency <= start + _BAND)
    noise = power[:, inside].mean(axis=1)
    if np.median(np.sqrt(noise / level)) < _NOISELESS:
        return 1.0
    shown = power @ gain / gain.sum()
    return float(np.sqrt(np.quantile(noise / np.maximum(shown, 1e-6 * noise), _FEW)))


def line_doubt(pattern: xr.DataArray, instrument: Instrument | None = None) -> float:
    """By how much strain is wrong, should the beam hold both lines of a tube.

    Parameters
    ----------
    pattern : DataArray
    instrument : Instrument, optional
        That it was measured with, where that is known.

    Returns
    -------
    float
        Mean wavelength of the doublet over that of K-alpha 1, less 1, where the wavelength is that
        of K-alpha 1 and neither an instrument nor a crystal that parts the lines is known; else 0.
    """
    stated = pattern.attrs.get("wavelength")
    known = "alone" in str(pattern.attrs.get("wavelength_label", ""))
    if stated is None or instrument is not None or known:
        return 0.0
    for first, second in ANODES.values():
        if abs(float(stated) / first - 1.0) < _SAME_LINE:
            return k_alpha_mean(first, second) / first - 1.0
    return 0.0


def _step(q: FloatArray) -> float:
    return float(np.median(np.diff(q)))


def _averaged(q: FloatArray, values: FloatArray) -> FloatArray:
    """Values over a stretch far wider than noise, and smooth."""
    sigma = max(_AROUND / _step(q), 1.0)
    width = int(np.sqrt(4.0 * sigma**2 + 1.0)) | 1  # three boxes are nearly a normal curve
    for _ in range(3):
        values = uniform_filter1d(values, width)
    return values

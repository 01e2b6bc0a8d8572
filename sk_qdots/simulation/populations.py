r"""Size distributions over a series of particles.

All functions give *number* fractions of the particles, which is what a sum over
patterns needs. A distribution may be told by number or by volume (mass): where
:math:`p_V(D)` is the volume-weighted density, the number-weighted one is
:math:`p_V(D) / D^3`, normalised.

===========  ======================================================================
lognormal    :math:`p(D) \propto D^{-1} \exp[-(\ln D - \mu)^2 / 2\sigma^2]`, with
             :math:`\sigma^2 = \ln(1 + s^2)` and
             :math:`\mu = \ln \bar D - \sigma^2 / 2` for the mean :math:`\bar D` and
             the dispersion :math:`s` (standard deviation / mean)
normal       :math:`p(D) \propto \exp[-(D - \bar D)^2 / 2 (s \bar D)^2]`, D > 0
histogram    constant between edges
===========  ======================================================================

A lognormal of number mean :math:`\bar D` has the volume-weighted mean
:math:`\bar D (1 + s^2)^3`, with the same :math:`s`.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from .._typing import FloatArray
from .moments import Weighting, by_number, check_moments, lognormal_parameters

__all__ = ["histogram_weights", "lognormal_weights", "normal_weights"]

_LARGEST_MISS = 0.10  # relative error of the mean that a coarse series may make
_WARN_TAIL = 0.01  # volume fraction outside of the series, above which a warning is given
_ERROR_TAIL = 0.20


def lognormal_weights(
    diameters: FloatArray,
    mean: float,
    dispersion: float,
    *,
    weighting: Weighting = "number",
) -> FloatArray:
    """Number fractions of the particles of a series in a lognormal population.

    Parameters
    ----------
    diameters : ndarray of shape (n_clusters,)
        Ascending diameters of the particles, in nm.
    mean : float
        Mean diameter, in nm.
    dispersion : float
        Standard deviation / mean, a fraction in (0, 1].
    weighting : {"number", "volume"}, default="number"
        Whether mean and dispersion are those of the number- or of the
        volume-weighted distribution.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Number fractions; their sum is 1.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range, or the series is too coarse or too
        short for the distribution: its mean would be off by more than a tenth, or
        a fifth of the volume lies outside of it.

    Warns
    -----
    UserWarning
        If more than 1 % of the volume lies outside of the series.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import lognormal_weights
    >>> d = 0.4638 * np.arange(1, 46)
    >>> w = lognormal_weights(d, mean=5.0, dispersion=0.15)
    >>> round(float(w @ d), 3)
    5.0
    """
    mu, sigma = lognormal_parameters(mean, dispersion)
    diameters = _checked_series(diameters)
    density = np.exp(-((np.log(diameters) - mu) ** 2) / (2.0 * sigma**2)) / diameters
    # Weighting a lognormal by D^3 shifts mu by 3 sigma^2.
    shift = 3.0 * sigma**2 if by_number(weighting) else 0.0
    above = ndtr((mu + shift - np.log(_end(diameters))) / sigma)
    start = _start(diameters)
    below = ndtr((np.log(start) - mu - shift) / sigma) if start > 0 else 0.0
    what = f"a lognormal of mean {mean:g} nm and dispersion {dispersion:g}"
    return _fractions(diameters, density, mean, float(above + below), weighting, what)


def normal_weights(
    diameters: FloatArray,
    mean: float,
    dispersion: float,
    *,
    weighting: Weighting = "number",
) -> FloatArray:
    """Number fractions of the particles of a series in a normal population.

    Parameters
    ----------
    diameters : ndarray of shape (n_clusters,)
        Ascending diameters of the particles, in nm.
    mean : float
        Mean diameter, in nm.
    dispersion : float
        Standard deviation / mean, a fraction in (0, 1].
    weighting : {"number", "volume"}, default="number"
        Of mean and dispersion.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Number fractions; their sum is 1.

    Raises
    ------
    ValueError
        As :func:`lognormal_weights`.

    Warns
    -----
    UserWarning
        As :func:`lognormal_weights`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import normal_weights
    >>> normal_weights(np.arange(1.0, 10.0), 5.0, 0.2).round(3)
    array([0.   , 0.004, 0.054, 0.242, 0.399, 0.242, 0.054, 0.004, 0.   ])
    """
    check_moments(mean, dispersion)
    diameters = _checked_series(diameters)
    deviation = mean * dispersion
    density = np.exp(-((diameters - mean) ** 2) / (2.0 * deviation**2))
    grid = np.linspace(0.0, mean + 9.0 * deviation, 20_001)[1:]
    volume = np.exp(-((grid - mean) ** 2) / (2.0 * deviation**2))
    volume *= grid**3 if by_number(weighting) else 1.0
    outside = (grid < _start(diameters)) | (grid > _end(diameters))
    missing = float(volume[outside].sum() / volume.sum())
    what = f"a normal distribution of mean {mean:g} nm and dispersion {dispersion:g}"
    return _fractions(diameters, density, mean, missing, weighting, what)


def histogram_weights(
    diameters: FloatArray,
    edges: npt.ArrayLike,
    values: npt.ArrayLike,
    *,
    weighting: Weighting = "number",
) -> FloatArray:
    """Number fractions of the particles of a series from a measured histogram.

    Parameters
    ----------
    diameters : ndarray of shape (n_clusters,)
        Ascending diameters of the particles, in nm.
    edges : array-like of shape (n_bins + 1,)
        Ascending edges of the bins, in nm.
    values : array-like of shape (n_bins,)
        What lies in each bin, in any unit: particles (number) or volume.
    weighting : {"number", "volume"}, default="number"
        What the values count.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Number fractions; their sum is 1. Each particle stands for the diameters
        that are nearest to it.

    Raises
    ------
    ValueError
        If the edges do not ascend, a value is negative, or the series misses
        more than a fifth of the volume.

    Warns
    -----
    UserWarning
        If the series misses more than 1 % of the volume.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import histogram_weights
    >>> w = histogram_weights(np.arange(1.0, 9.0), [2.5, 3.5, 4.5], [30, 10])
    >>> w[2:4]
    array([0.75, 0.25])
    """
    diameters = _checked_series(diameters)
    limits = np.asarray(edges, dtype=np.float64)
    amounts = np.asarray(values, dtype=np.float64)
    if limits.ndim != 1 or amounts.shape != (len(limits) - 1,) or amounts.size == 0:
        raise ValueError(
            f"edges has shape {limits.shape} and values {amounts.shape}; "
            "one more edge than values is needed"
        )
    if not np.isfinite(limits).all() or limits[0] < 0 or np.any(np.diff(limits) <= 0):
        raise ValueError("edges must be finite, ascending and not negative")
    if not np.isfinite(amounts).all() or amounts.min() < 0 or not amounts.sum() > 0:
        raise ValueError("values must be finite, not negative and not all zero")
    cumulated = np.concatenate(([0.0], np.cumsum(amounts)))
    middles = 0.5 * (diameters[1:] + diameters[:-1])
    start = _start(diameters)
    borders = np.concatenate(([start], middles, [_end(diameters)]))
    inside = np.diff(np.interp(borders, limits, cumulated))
    volume = inside * diameters**3 if by_number(weighting) else inside
    centres = 0.5 * (limits[1:] + limits[:-1])
    outside = amounts - np.diff(np.interp(np.clip(limits, start, borders[-1]), limits, cumulated))
    lost = outside * centres**3 if by_number(weighting) else outside
    total = volume.sum() + lost.sum()
    _judge_tail(float(lost.sum() / total), diameters, "the histogram")
    numbers = inside if by_number(weighting) else inside / diameters**3
    return np.asarray(numbers / numbers.sum())


def _checked_series(diameters: npt.ArrayLike) -> FloatArray:
    series = np.asarray(diameters, dtype=np.float64)
    if series.ndim != 1 or series.size == 0:
        raise ValueError(f"diameters has shape {series.shape}; it must be a non-empty row")
    if not np.isfinite(series).all() or series[0] <= 0 or np.any(np.diff(series) <= 0):
        raise ValueError(
            "diameters (of the particles of the series, in nm) must be finite, positive and "
            "strictly ascending"
        )
    return series


def _end(diameters: FloatArray) -> float:
    """Diameter up to which the last particle of a series stands for others."""
    if len(diameters) == 1:
        return np.inf
    return float(1.5 * diameters[-1] - 0.5 * diameters[-2])


def _start(diameters: FloatArray) -> float:
    """Diameter down to which the first particle of a series stands for others."""
    if len(diameters) == 1:
        return 0.0
    return max(0.0, float(1.5 * diameters[0] - 0.5 * diameters[1]))


def _fractions(
    diameters: FloatArray,
    density: FloatArray,
    mean: float,
    missing: float,
    weighting: Weighting,
    what: str,
) -> FloatArray:
    """Density at the particles, times what each stands for, as checked number fractions."""
    span = f"the series ({diameters.min():.3g} to {diameters.max():.3g} nm)"
    widths = np.gradient(diameters) if len(diameters) > 1 else np.ones(1)
    told = density * widths
    if not told.sum() > 0:
        raise ValueError(f"no particle of {span} is near the mean of {what}")
    found = float(told @ diameters / told.sum())
    if abs(found / mean - 1.0) > _LARGEST_MISS:
        raise ValueError(
            f"{span}, {len(diameters)} particles, has a mean of {found:.3g} nm for {what}: "
            "it is too coarse or too short"
        )
    _judge_tail(missing, diameters, what)
    numbers = told if by_number(weighting) else told / diameters**3
    return np.asarray(numbers / numbers.sum())


def _judge_tail(missing: float, diameters: FloatArray, what: str) -> None:
    if missing <= _WARN_TAIL:
        return
    message = (
        f"the series goes from {diameters[0]:.3g} to {diameters[-1]:.3g} nm; {100 * missing:.3g} % "
        f"of the volume of {what} is outside of it: lengthen the series"
    )
    if missing > _ERROR_TAIL:
        raise ValueError(message)
    warnings.warn(message, stacklevel=4)

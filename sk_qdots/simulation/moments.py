r"""Means, dispersions and tails of size distributions (:mod:`sk_qdots.simulation.populations`).

A lognormal [1]_ of the mean :math:`\bar D` and the dispersion :math:`s` (standard
deviation / mean) has the parameters

.. math::

    \sigma^2 = \ln(1 + s^2), \qquad \mu = \ln \bar D - \tfrac{1}{2} \sigma^2

and the moments

.. math::

    \langle D^k \rangle = e^{k \mu + k^2 \sigma^2 / 2} = \bar D^k (1 + s^2)^{k (k - 1) / 2}

so that the ratio of neighbouring moments grows by :math:`1 + s^2` from one to the next
[2]_:

.. math::

    \frac{\langle D^{k + 1} \rangle}{\langle D^k \rangle} = \bar D\, (1 + s^2)^k

:math:`k = 0` is the number mean, :math:`k = 2` the surface-weighted (Sauter) mean and
:math:`k = 3` the volume-weighted mean. Weighting by :math:`D^3` shifts :math:`\mu` by
:math:`3 \sigma^2` and leaves :math:`\sigma`, and with it :math:`s`. The diameter beyond
which the fraction :math:`t` of the volume lies is

.. math:: D_t = \exp\left[ \mu + 3 \sigma^2 - \sigma\, \Phi^{-1}(t) \right]

with :math:`\Phi` the distribution function of the standard normal, and without
:math:`3 \sigma^2` where the mean is the volume-weighted one.

References
----------
.. [1] E. Limpert, W. A. Stahel, M. Abbt, BioScience 51, 341 (2001).
.. [2] T. Hatch, S. P. Choate, J. Franklin Inst. 207, 369 (1929).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import ndtri

__all__ = [
    "Weighting",
    "by_number",
    "check_moments",
    "lognormal_moments",
    "lognormal_parameters",
    "lognormal_upper_diameter",
    "normal_upper_diameter",
    "number_mean",
    "surface_mean",
    "volume_mean",
]

Weighting = Literal["number", "volume"]


def lognormal_parameters(mean: float, dispersion: float) -> tuple[float, float]:
    """Parameters mu and sigma of a lognormal from its mean and dispersion.

    Parameters
    ----------
    mean : float
        Mean diameter, in nm.
    dispersion : float
        Standard deviation / mean, in (0, 1].

    Returns
    -------
    mu : float
        Mean of ln D, D in nm.
    sigma : float
        Standard deviation of ln D.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import lognormal_moments, lognormal_parameters
    >>> mean, dispersion = lognormal_moments(*lognormal_parameters(5.0, 0.15))
    >>> round(mean, 9), round(dispersion, 9)
    (5.0, 0.15)
    """
    check_moments(mean, dispersion)
    variance = np.log1p(dispersion**2)
    return float(np.log(mean) - variance / 2.0), float(np.sqrt(variance))


def lognormal_moments(mu: float, sigma: float) -> tuple[float, float]:
    """Mean and dispersion of a lognormal from its parameters.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of ln D, D in nm.

    Returns
    -------
    mean : float
        In nm.
    dispersion : float
        Standard deviation / mean.

    Raises
    ------
    ValueError
        If mu is not finite or sigma not positive.

    Examples
    --------
    >>> from sk_qdots.simulation import lognormal_moments, lognormal_parameters
    >>> tuple(round(v, 6) for v in lognormal_moments(*lognormal_parameters(5.0, 0.1)))
    (5.0, 0.1)
    """
    if not (np.isfinite(mu) and np.isfinite(sigma) and sigma > 0):
        raise ValueError(f"mu, sigma are {mu}, {sigma}; mu must be finite and sigma positive")
    return float(np.exp(mu + sigma**2 / 2.0)), float(np.sqrt(np.expm1(sigma**2)))


def volume_mean(mean: float, dispersion: float) -> float:
    """Volume-weighted mean of a lognormal whose number mean is given.

    Parameters
    ----------
    mean : float
        Number-average diameter, in nm.
    dispersion : float
        Standard deviation / mean; the same by number and by volume.

    Returns
    -------
    float
        In nm.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import number_mean, volume_mean
    >>> round(volume_mean(5.0, 0.20), 3), round(number_mean(volume_mean(5.0, 0.20), 0.20), 9)
    (5.624, 5.0)
    """
    check_moments(mean, dispersion)
    return float(mean * (1.0 + dispersion**2) ** 3)


def surface_mean(mean: float, dispersion: float) -> float:
    """Surface-weighted mean of a lognormal whose number mean is given.

    The Sauter mean <D^3> / <D^2>: the sphere of this diameter has as much surface for
    its volume as the population has.

    Parameters
    ----------
    mean : float
        Number-average diameter, in nm.
    dispersion : float
        Standard deviation / mean, in (0, 1].

    Returns
    -------
    float
        In nm.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import surface_mean, volume_mean
    >>> round(surface_mean(5.0, 0.20), 3), round(volume_mean(5.0, 0.20), 3)
    (5.408, 5.624)
    """
    check_moments(mean, dispersion)
    return float(mean * (1.0 + dispersion**2) ** 2)


def number_mean(mean: float, dispersion: float) -> float:
    """Number-average diameter of a lognormal whose volume-weighted mean is given.

    Parameters
    ----------
    mean : float
        Volume-weighted mean diameter, in nm.
    dispersion : float
        Standard deviation / mean; the same by number and by volume.

    Returns
    -------
    float
        In nm.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import number_mean, volume_mean
    >>> round(number_mean(volume_mean(5.0, 0.1), 0.1), 6)
    5.0
    """
    check_moments(mean, dispersion)
    return float(mean / (1.0 + dispersion**2) ** 3)


def lognormal_upper_diameter(
    mean: float,
    dispersion: float,
    volume_tail: float = 7e-4,
    *,
    weighting: Weighting = "number",
) -> float:
    """Diameter above which less than a given fraction of the material lies, in nm.

    Parameters
    ----------
    mean : float
        Mean diameter, in nm.
    dispersion : float
        Standard deviation / mean.
    volume_tail : float, default=7e-4
        Volume fraction that may be left out.
    weighting : {"number", "volume"}, default="number"
        Of mean and dispersion.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If mean, dispersion or volume_tail is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import lognormal_upper_diameter
    >>> round(lognormal_upper_diameter(10.0, 0.20), 1)
    20.8
    """
    mu, sigma = lognormal_parameters(mean, dispersion)
    shift = 3.0 * sigma**2 if by_number(weighting) else 0.0
    return float(np.exp(mu + shift - sigma * ndtri(_checked_tail(volume_tail))))


def normal_upper_diameter(
    mean: float,
    dispersion: float,
    volume_tail: float = 7e-4,
    *,
    weighting: Weighting = "number",
) -> float:
    """Diameter above which less than a given fraction of the material lies, in nm.

    Parameters
    ----------
    mean, dispersion, volume_tail, weighting
        As for :func:`lognormal_upper_diameter`, for a normal distribution.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If mean, dispersion or volume_tail is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import normal_upper_diameter
    >>> round(normal_upper_diameter(5.0, 0.1), 2)
    6.73
    """
    check_moments(mean, dispersion)
    _checked_tail(volume_tail)
    deviation = mean * dispersion
    grid = np.linspace(0.0, mean + 9.0 * deviation, 20_001)[1:]
    volume = np.exp(-((grid - mean) ** 2) / (2.0 * deviation**2))
    if by_number(weighting):
        volume = volume * grid**3
    beyond = np.cumsum(volume[::-1])[::-1] / volume.sum()
    return float(grid[np.argmax(beyond < volume_tail)])


def check_moments(mean: float, dispersion: float) -> None:
    """Refuse a mean or a dispersion that is out of range."""
    if not (np.isfinite(mean) and mean > 0):
        raise ValueError(f"mean diameter is {mean} nm; it must be a positive number")
    if not (np.isfinite(dispersion) and 0 < dispersion <= 1):
        raise ValueError(
            f"dispersion is {dispersion}; it must lie in (0, 1] (a fraction, not percent)"
        )


def _checked_tail(volume_tail: float) -> float:
    if not 0 < volume_tail < 1:
        raise ValueError(f"volume_tail is {volume_tail}; it must lie between 0 and 1")
    return volume_tail


def by_number(weighting: str) -> bool:
    """Whether a distribution is told by number, not by volume."""
    if weighting not in ("number", "volume"):
        raise ValueError(f"weighting is {weighting!r}; it must be 'number' or 'volume'")
    return weighting == "number"

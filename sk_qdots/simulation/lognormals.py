r"""Lognormal populations for many means and dispersions at once, and their coordinates.

A pattern tells the volume average :math:`v = \bar D (1 + s^2)^3` far better than the number
average :math:`\bar D`, so that everything is searched in :math:`(v, s)`.
"""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray

__all__ = ["number_mean", "number_weights", "volume_mean"]


def volume_mean(number: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Volume average of lognormals from their number average."""
    return np.asarray(number * (1.0 + dispersion**2) ** 3)


def number_mean(volume: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Number average of lognormals from their volume average."""
    return np.asarray(volume / (1.0 + dispersion**2) ** 3)


def number_weights(series: FloatArray, number: FloatArray, dispersion: FloatArray) -> FloatArray:
    """Number fractions of the particles of a series in lognormal populations.

    Parameters
    ----------
    series : ndarray of shape (n_particles,)
        Ascending diameters, in nm.
    number, dispersion : ndarray of shape (n,)
        Number averages, in nm, and standard deviation / mean.

    Returns
    -------
    ndarray of shape (n, n_particles)
        Rows add up to 1; as :func:`sk_qdots.simulation.lognormal_weights`.
    """
    logs = np.log(series)
    variance = np.log1p(dispersion**2)
    mu = np.log(number) - 0.5 * variance
    exponent = -((logs - mu[:, None]) ** 2) / (2.0 * variance[:, None]) - logs
    exponent -= exponent.max(axis=1, keepdims=True)
    weights = np.exp(exponent) * (np.gradient(series) if len(series) > 1 else 1.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))

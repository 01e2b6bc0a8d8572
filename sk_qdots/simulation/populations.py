r"""Size distributions over a series of clusters.

Number weight of cluster diameter :math:`D_n` in a lognormal population of
number-average diameter :math:`\bar D` and dispersion :math:`s` (standard
deviation / mean):

.. math::

    w_n \propto \frac{1}{D_n} \exp\!\left[-\frac{(\ln D_n - \mu)^2}{2\sigma^2}\right],
    \qquad \sigma^2 = \ln(1 + s^2), \qquad \mu = \ln \bar D - \sigma^2 / 2 .
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

__all__ = ["lognormal_upper_diameter", "lognormal_weights"]


_LARGEST_MISS = 0.10  # relative error of the mean that a coarse series may make


def _lognormal_parameters(mean: float, dispersion: float) -> tuple[float, float]:
    if not (np.isfinite(mean) and mean > 0):
        raise ValueError(f"mean diameter is {mean} nm; it must be a positive number")
    if not (np.isfinite(dispersion) and 0 < dispersion <= 1):
        raise ValueError(
            f"dispersion is {dispersion}; it must lie in (0, 1] (a fraction, not percent)"
        )
    variance = np.log1p(dispersion**2)
    return float(np.log(mean) - variance / 2.0), float(np.sqrt(variance))


def lognormal_weights(
    diameters: npt.NDArray[np.float64], mean: float, dispersion: float
) -> npt.NDArray[np.float64]:
    """Number fractions of the clusters of an evenly spaced series.

    Parameters
    ----------
    diameters : ndarray of shape (n_clusters,)
        Evenly spaced cluster diameters, in nm.
    mean : float
        Number-average diameter, in nm.
    dispersion : float
        Standard deviation / mean, a fraction in (0, 1].

    Returns
    -------
    ndarray of shape (n_clusters,)
        Number weights; their sum is 1.

    Raises
    ------
    ValueError
        If mean or dispersion is out of range, or the series is too coarse or too
        short for the distribution: its mean would be off by more than a tenth.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import lognormal_weights
    >>> d = 0.4638 * np.arange(1, 46)
    >>> w = lognormal_weights(d, mean=5.0, dispersion=0.15)
    >>> round(float(w @ d), 3)
    5.0
    """
    diameters = np.asarray(diameters, dtype=np.float64)
    mu, sigma = _lognormal_parameters(mean, dispersion)
    exponent = -((np.log(diameters) - mu) ** 2) / (2.0 * sigma**2)
    weights = np.exp(exponent) / diameters
    total = weights.sum()
    if not total > 0:
        raise ValueError(
            f"no cluster of the series ({diameters.min():.3g} to {diameters.max():.3g} nm) "
            f"is near a mean of {mean} nm with dispersion {dispersion}"
        )
    weights /= total
    found = float(weights @ diameters)
    if abs(found / mean - 1.0) > _LARGEST_MISS:
        raise ValueError(
            f"the series ({diameters.min():.3g} to {diameters.max():.3g} nm, {len(diameters)} "
            f"clusters) gives a mean of {found:.3g} nm where {mean:g} nm is wanted, with "
            f"dispersion {dispersion:g}: it is too coarse or too short"
        )
    return np.asarray(weights)


def lognormal_upper_diameter(mean: float, dispersion: float, volume_tail: float = 5e-4) -> float:
    """Diameter above which less than a given fraction of the material lies, in nm.

    Parameters
    ----------
    mean : float
        Number-average diameter, in nm.
    dispersion : float
        Standard deviation / mean.
    volume_tail : float, default=5e-4
        Volume fraction that may be left out.

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
    21.2
    """
    if not 0 < volume_tail < 1:
        raise ValueError(f"volume_tail is {volume_tail}; it must lie between 0 and 1")
    mu, sigma = _lognormal_parameters(mean, dispersion)
    # Weighting a lognormal by D^3 shifts mu by 3 sigma^2.
    return float(np.exp(mu + 3.0 * sigma**2 - sigma * ndtri(volume_tail)))

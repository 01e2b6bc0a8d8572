"""Counting noise."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .._validation import Interval
from ._base import Augmenter, Generators

__all__ = ["PoissonNoise"]

Array = npt.NDArray[Any]


class PoissonNoise(Augmenter):
    """Counting noise.

    Parameters
    ----------
    snr : float or None, default=46.0
        Mean signal-to-noise ratio, sqrt(k mean(I)); k follows for each row.
    scale : float or None, default=None
        Counts per unit of intensity, k, instead of ``snr``.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventMixer : Dilution.

    Notes
    -----
    The result is n / k with n drawn from a Poisson law of mean k I, so that its
    mean is I and its variance I / k.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> noisy = sq.PoissonNoise(snr=14, random_state=0).fit_transform(np.full((1, 4000), 70.0))
    >>> bool(abs(noisy.mean() / noisy.std() - 14) < 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "snr": [Interval(Real, 0, None, closed="neither"), None],
        "scale": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        snr: float | None = 46.0,
        scale: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.snr = snr
        self.scale = scale
        self.random_state = random_state

    def _check_parameters(self) -> None:
        if self.snr is None and self.scale is None:
            raise ValueError("PoissonNoise needs snr or scale; both are None")

    def _apply(self, X: Array, rngs: Generators) -> Array:
        if self.scale is not None:
            scale = np.full(len(X), float(self.scale))
        else:
            assert self.snr is not None
            mean = np.nanmean(X, axis=1, dtype=np.float64)
            scale = float(self.snr) ** 2 / np.maximum(mean, 1e-300)
        return _count(X, scale, rngs)


def _count(X: Array, scale: Array, rngs: Generators) -> Array:
    result = np.full_like(X, np.nan)
    for row, (k, rng) in enumerate(zip(scale, rngs, strict=True)):
        measured = ~np.isnan(X[row])
        result[row, measured] = rng.poisson(X[row, measured] * k) / k
    return result

"""Counting noise."""

from __future__ import annotations

import math
from numbers import Real
from typing import ClassVar

import numpy as np

from .._typing import FloatArray, RealArray
from .._validation import Interval
from .base import Augmenter, Generators

__all__ = ["PoissonNoise", "counted"]

Level = float | tuple[float, float]


class PoissonNoise(Augmenter):
    """Counting noise.

    One of ``counts``, ``scale`` and ``snr`` sets the level, the first that is not
    None. A pair, (low, high), is a level that is drawn for every row, log-uniformly.

    Parameters
    ----------
    snr : float, tuple of 2 float or None, default=46.0
        Mean signal-to-noise ratio, sqrt(k mean(I)); k follows for each row.
    counts : float, tuple of 2 float or None, default=None
        Expected counts at the highest point of each row.
    scale : float, tuple of 2 float or None, default=None
        Counts per unit of intensity, k, in the units of the patterns: a raw library
        is in electron units, an augmented one has area 1000.
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
    mean is I and its variance I / k. The paper's levels of 14, 24, 46 and 122 are
    k = 3, 8, 30 and 200 at area 1000 on the standard grid.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> noisy = sq.PoissonNoise(snr=14, random_state=0).fit_transform(np.full((1, 4000), 70.0))
    >>> bool(abs(noisy.mean() / noisy.std() - 14) < 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "snr": [Interval(Real, 0, None, closed="neither"), tuple, None],
        "counts": [Interval(Real, 0, None, closed="neither"), tuple, None],
        "scale": [Interval(Real, 0, None, closed="neither"), tuple, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        snr: Level | None = 46.0,
        counts: Level | None = None,
        scale: Level | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.snr = snr
        self.counts = counts
        self.scale = scale
        self.random_state = random_state

    def _check_parameters(self) -> None:
        if self.counts is not None and self.scale is not None:
            raise ValueError("PoissonNoise takes counts or scale, not both")
        if self.snr is None and self.counts is None and self.scale is None:
            raise ValueError("PoissonNoise needs snr, counts or scale; all are None")
        for name in ("snr", "counts", "scale"):
            level = getattr(self, name)
            if isinstance(level, tuple) and not _is_range(level):
                raise ValueError(f"{name} is {level}; it must be (low, high) with 0 < low <= high")

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        with np.errstate(over="ignore"):
            scale = self._scale(X, rngs)
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(
                "PoissonNoise: the counts per unit of intensity that snr, counts or scale ask for "
                f"of these patterns are out of range ({scale.min():g} to {scale.max():g})"
            )
        return counted(X, scale, rngs)

    def _scale(self, X: RealArray, rngs: Generators) -> FloatArray:
        """Counts per unit of intensity of every row."""
        if self.counts is not None:
            highest = np.nanmax(X, axis=1, initial=0.0).astype(np.float64)
            return np.asarray(
                _level_of_each_row(self.counts, rngs) / np.where(highest > 0, highest, 1.0)
            )
        if self.scale is not None:
            return _level_of_each_row(self.scale, rngs)
        assert self.snr is not None
        measured = np.maximum(np.isfinite(X).sum(axis=1), 1)
        mean = np.asarray(np.nansum(X, axis=1, dtype=np.float64) / measured)
        mean[mean <= 0] = 1.0
        return np.asarray(_level_of_each_row(self.snr, rngs) ** 2 / mean)


def _is_range(level: tuple[float, ...]) -> bool:
    if len(level) != 2 or not all(isinstance(value, Real) for value in level):
        return False
    return 0 < float(level[0]) <= float(level[1]) < math.inf


def _level_of_each_row(level: Level, rngs: Generators) -> FloatArray:
    """The level of every row."""
    if not isinstance(level, tuple):
        return np.full(len(rngs), float(level))
    low, high = level
    return np.asarray([float(low * (high / low) ** rng.random()) for rng in rngs])


def counted(expected: RealArray, scale: FloatArray, rngs: Generators) -> RealArray:
    """N / scale with n of a Poisson law of mean expected * scale, row by row."""
    from ._kernels import count

    result = np.empty_like(expected)
    if len(rngs) and all(rng is rngs[0] for rng in rngs):
        count(expected, scale, rngs[0], result)
        return result
    for row, rng in enumerate(rngs):
        one = slice(row, row + 1)
        count(expected[one], scale[one], rng, result[one])
    return result

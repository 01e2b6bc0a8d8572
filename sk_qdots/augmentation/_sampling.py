"""What part of the Q axis is measured, and in what steps."""

from __future__ import annotations

from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .._typing import RealArray
from .._validation import Interval, StrOptions
from ..preprocessing.resampling import resample
from .base import Augmenter, Generators

__all__ = ["QCoarsening", "QTruncation"]


class QTruncation(Augmenter):
    """Measure a part of the range only.

    Parameters
    ----------
    q_min, q_max : float or None, default=None
        Ends of the measured range in 1/Angstrom; None leaves that end as it is.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    QCoarsening : Wider steps.
    sk_qdots.QStandardizer : What it makes of the points that were not measured.

    Notes
    -----
    What lies outside becomes NaN: not measured.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> q = np.array([1.0, 2.0, 3.0, 4.0])
    >>> sq.QTruncation(q_max=2.5, q=q).fit_transform(np.ones((1, 4)))
    array([[ 1.,  1., nan, nan]])
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "q_min": [Interval(Real, 0.0, None, closed="left"), None],
        "q_max": [Interval(Real, 0.0, None, closed="neither"), None],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        q_min: float | None = None,
        q_max: float | None = None,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.q_min = q_min
        self.q_max = q_max
        self.q = q

    def _prepare(self) -> None:
        low = -np.inf if self.q_min is None else float(self.q_min)
        high = np.inf if self.q_max is None else float(self.q_max)
        self._is_outside = (self.q_ < low) | (self.q_ > high)
        if self._is_outside.all():
            raise ValueError(
                f"q_min = {self.q_min} and q_max = {self.q_max} leave nothing of the grid, "
                f"{self.q_[0]:.3g} to {self.q_[-1]:.3g} 1/Angstrom"
            )

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        result = X.copy()
        result[:, self._is_outside] = np.nan
        return result


class QCoarsening(Augmenter):
    """Keep one point in ``factor``, and bring them back onto the grid.

    Parameters
    ----------
    factor : int, default=4
        Step of the kept points in steps of the grid; the published robustness test
        goes from 1 (5004 points) to 20 (251 points).
    coarse : {"spline", "points"}, default="spline"
        What becomes of the kept points, as in :class:`sk_qdots.QStandardizer`.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    QTruncation : A shorter range.

    Notes
    -----
    Noise comes before: points that are not kept take their counts with them. The
    kept ones are brought back as :class:`sk_qdots.QStandardizer` does it.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> q = np.linspace(1.0, 2.0, 101)
    >>> coarse = sq.QCoarsening(10, q=q).fit_transform(np.exp(-q)[None, :])
    >>> bool(np.abs(coarse - np.exp(-q)).max() < 1e-5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "factor": [Interval(Integral, 1, None, closed="left")],
        "coarse": [StrOptions({"spline", "points"})],
        "q": ["array-like", None],
    }

    def __init__(
        self, factor: int = 4, coarse: str = "spline", q: npt.ArrayLike | None = None
    ) -> None:
        self.factor = factor
        self.coarse = coarse
        self.q = q

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        kept = slice(None, None, int(self.factor))
        if self.factor == 1 or len(self.q_[kept]) < 2:
            return X.copy()
        if self.coarse == "points":
            result = np.full_like(X, np.nan)
            result[:, kept] = X[:, kept]
            return result
        splined = resample(self.q_[kept], X[:, kept], self.q_)
        result = splined.astype(X.dtype)
        # The last points lie beyond the last kept one: its value is held.
        last = (len(self.q_) - 1) // int(self.factor) * int(self.factor)
        result[:, last + 1 :] = result[:, [last]]
        result[np.isnan(X)] = np.nan
        return result

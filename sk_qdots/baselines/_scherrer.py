r"""Sizes by the width of one peak, after Scherrer.

A peak of full width at half maximum :math:`\beta` in Q, the instrument's width
:math:`\beta_0` taken out, belongs to domains of

.. math:: D = \frac{2 \pi K}{\sqrt{\beta^2 - \beta_0^2}},

which is :math:`K \lambda / (\beta_{2\theta} \cos\theta)` in angles. For spheres that
differ in size it is an average near the volume-weighted one.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.optimize import least_squares
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags

from .._typing import FloatArray
from .._validation import Interval, check_is_fitted, fit_context, validate_data
from ..augmentation.base import grid_of, is_same_grid
from ..preprocessing.patterns import q_of

__all__ = ["ScherrerRegressor"]

_FEWEST_POINTS = 8  # points that a profile can be fitted to; the breadth of fewer is summed
_PM_IN_ANGSTROM = 100.0  # in an Angstrom
_LEAST_AMOUNT = 5.0  # standard errors of a peak that is there
_TO_FWHM = 2.0 * np.sqrt(np.log(2.0) / np.pi)  # of the integral breadth of a Gaussian


class ScherrerRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Size dots by the width of one reflection: the everyday baseline.

    A pseudo-Voigt function on a straight background is fitted to every pattern.

    Parameters
    ----------
    window : tuple of 2 float, optional
        Range that holds one reflection and little else, in 1/Angstrom, such as (2.65,
        3.35) for 220 of PbS. By default around the highest point of the mean pattern
        of ``fit``, to the valleys at its sides.
    K : float or None, default=0.9
        Shape factor. None takes the one that suits the patterns of ``fit`` best.
    instrument_fwhm : float, default=0.0
        Full width at half maximum of the instrument's resolution, in 1/Angstrom.
    q : array-like of shape (n_features,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own. By default the
        columns span the range of :func:`sk_qdots.default_q_grid`.

    Attributes
    ----------
    q_ : ndarray of shape (n_features,)
        The grid, in 1/Angstrom.
    window_ : tuple of 2 float
        The range that is used, in 1/Angstrom.
    K_ : float
        The shape factor that is used.
    n_features_in_ : int
        Number of points of a pattern.

    See Also
    --------
    sk_qdots.LibraryLikelihoodClassifier : Uses the whole pattern.

    Notes
    -----
    Sizes are in picometres, as all labels are. Where there is no peak in the window,
    or it is no wider than the instrument's, the size is 0: no answer.

    References
    ----------
    A. L. Patterson, Phys. Rev. 56, 978 (1939).

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0, 5.0], dispersions=[0.05])
    >>> X, y, _ = sq.library_samples(library)
    >>> scherrer = sq.ScherrerRegressor(window=(2.65, 3.35), K=None).fit(X, y)
    >>> bool(abs(scherrer.predict(X) - y).max() < 300)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "window": [tuple, list, None],
        "K": [Interval(Real, 0, None, closed="neither"), None],
        "instrument_fwhm": [Interval(Real, 0, None, closed="left")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        window: tuple[float, float] | None = None,
        K: float | None = 0.9,
        instrument_fwhm: float = 0.0,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.window = window
        self.K = K
        self.instrument_fwhm = instrument_fwhm
        self.q = q

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Choose the window, and the shape factor where it is not given.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Sizes in picometres.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the window holds no point of the grid, or K is to be found and no pattern
            has a peak there or a size is not positive.
        """
        patterns, sizes = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True
        )
        self.q_ = grid_of(X, self.q, patterns.shape[1])
        self.window_ = self._valleys(patterns) if self.window is None else self._checked_window()
        self._is_in_window = (self.q_ >= self.window_[0]) & (self.q_ <= self.window_[1])
        if not self._is_in_window.any():
            raise ValueError(
                f"window is {self.window}; no point of the grid, {self.q_[0]:.3g} to "
                f"{self.q_[-1]:.3g} 1/Angstrom, lies in it"
            )
        self.K_ = 1.0 if self.K is None else float(self.K)
        if self.K is None:
            if not (np.asarray(sizes) > 0).all():
                raise ValueError("y must hold sizes in picometres, positive numbers")
            lengths = self._domain_lengths(patterns)
            usable = lengths > 0
            if not usable.any():
                raise ValueError("no pattern has a peak in the window; give K, or another window")
            self.K_ = float(np.median(np.asarray(sizes)[usable] / lengths[usable]))
        return self

    def predict(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
        """Size of the dots in each pattern.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            In picometres; 0 where there is no peak.

        Raises
        ------
        ValueError
            If the patterns are on another Q grid than those of ``fit``.
        """
        check_is_fitted(self)
        if isinstance(X, xr.DataArray) and not is_same_grid(q_of(X), self.q_):
            raise ValueError("the patterns are on another Q grid than those of fit")
        patterns: FloatArray = validate_data(
            self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        return self.K_ * self._domain_lengths(patterns)

    def _checked_window(self) -> tuple[float, float]:
        low, high = self.window if self.window is not None and len(self.window) == 2 else (1, 0)
        if not low < high:
            raise ValueError(f"window is {self.window}; it must be (low, high) with low < high")
        return float(low), float(high)

    def _valleys(self, X: FloatArray) -> tuple[float, float]:
        """From the valley below the highest point of the mean pattern to the one above."""
        levels = np.nan_to_num(X)
        sizes = np.abs(levels).sum(axis=1, keepdims=True)
        mean = (levels / np.where(sizes > 0, sizes, 1.0)).mean(axis=0)
        top = int(mean.argmax())
        rises = np.flatnonzero(np.diff(mean[: top + 1]) < 0)
        falls = np.flatnonzero(np.diff(mean[top:]) > 0)
        low = rises[-1] + 1 if rises.size else 0
        high = top + falls[0] if falls.size else len(mean) - 1
        return float(self.q_[low]), float(self.q_[high])

    def _domain_lengths(self, X: FloatArray) -> FloatArray:
        """2 pi over the width of the peak, in picometres, for a shape factor of 1."""
        q, rows = self.q_[self._is_in_window], X[:, self._is_in_window]
        widths = np.array([_fwhm(q, row) for row in rows])
        with np.errstate(invalid="ignore", divide="ignore"):
            squared = widths**2 - self.instrument_fwhm**2
            return np.where(squared > 0, 2.0 * np.pi * _PM_IN_ANGSTROM / np.sqrt(squared), 0.0)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.regressor_tags.poor_score = True
        return tags


def _fwhm(q: FloatArray, row: FloatArray) -> float:
    """Full width at half maximum of the peak in a window; NaN where there is none."""
    seen = np.isfinite(row)
    q, row = q[seen], row[seen]
    if len(q) < 3 or np.ptp(q) <= 0:
        return np.nan
    end = max(len(q) // 10, 1)
    line = np.interp(q, [q[:end].mean(), q[-end:].mean()], [row[:end].mean(), row[-end:].mean()])
    above = row - line
    height = float(above.max())
    if not height > 0:
        return np.nan
    span = float(np.ptp(q))
    breadth = float(_TO_FWHM * np.trapezoid(np.maximum(above, 0.0), q) / height)
    if len(q) < _FEWEST_POINTS:
        return breadth if breadth < span else np.nan
    weights = 1.0 / np.sqrt(np.maximum(row, 1e-3 * max(float(np.abs(row).mean()), 1e-300)))
    step = span / (len(q) - 1)

    def profile(shape: FloatArray) -> tuple[FloatArray, npt.NDArray[np.floating]]:
        """Weighted residuals, and the amounts of peak, background and slope."""
        place, width, eta = shape
        u = (q - place) / width
        peak = eta / (1.0 + 4.0 * u**2) + (1.0 - eta) * np.exp(-4.0 * np.log(2.0) * u**2)
        basis = np.stack([peak, np.ones_like(q), (q - q[0]) / span], axis=1) * weights[:, None]
        amounts = np.linalg.lstsq(basis, weights * row, rcond=None)[0]
        return basis @ amounts - weights * row, amounts

    start = [q[above.argmax()], np.clip(breadth, 2.0 * step, 0.9 * span), 0.3]
    bounds = ([q[0], step, 0.0], [q[-1], 2.0 * span, 1.0])
    fit = least_squares(
        lambda shape: profile(shape)[0],
        np.clip(start, bounds[0], bounds[1]),
        bounds=bounds,
        x_scale=[0.1 * span, 0.1 * span, 0.3],
        max_nfev=60,
    )
    if not _is_clear_of_bounds(fit.x[:2], bounds[0][:2], bounds[1][:2]):
        return np.nan  # the peak lies elsewhere, or is wider than the window shows
    residual, amounts = profile(fit.x)
    spread = np.sqrt((residual**2).mean())
    there = amounts[0] * np.sqrt((weights**2).sum() * step / max(fit.x[1], step))
    return float(fit.x[1]) if there > _LEAST_AMOUNT * spread else np.nan


def _is_clear_of_bounds(values: FloatArray, low: Sequence[float], high: Sequence[float]) -> bool:
    """Whether a fit ended away from its bounds."""
    margin = 1e-3 * (np.asarray(high) - np.asarray(low))
    return bool(((values > low + margin) & (values < high - margin)).all())

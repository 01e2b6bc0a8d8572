r"""Sizes by likelihood: what the counts of a pattern allow to tell.

A measured pattern :math:`x` is compared with every simulated one :math:`T_j`, mixed
with liquids :math:`S_s` in the best amounts,

.. math:: \mu_j = a_j T_j + \sum_s b_{js} S_s,

on the measured points alone. Counts are Poisson numbers, so many that a Gaussian of
variance :math:`\mu / k` stands for them: with the weights :math:`w = 1 / \mu` of the
best mixture the smallest sum of squares

.. math:: \chi_j^2 = \min_{a, b} \sum w (x - \mu_j)^2

has a closed form. Where the counts :math:`k` for a unit of intensity are known, the
logarithm of the likelihood is :math:`-k \chi_j^2 / 2`. Where they are not, they are
integrated out with the prior :math:`1 / k`, and it is
:math:`-\frac{n}{2} \ln \chi_j^2` with :math:`n` degrees of freedom. The likelihood of
a size is the mean over its templates.

This is the limit where liquid, resolution and library are those of the measurement.
:mod:`sk_qdots.posterior` answers where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.ndimage import uniform_filter1d
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets

from .._typing import BoolArray, FloatArray
from .._validation import Interval, check_is_fitted, fit_context, validate_data
from ..augmentation.base import grid_of, is_same_grid
from ..augmentation.mixing import unit_curve
from ..preprocessing.patterns import q_of
from ..solvents import as_curves

__all__ = ["LibraryLikelihoodClassifier"]

_BATCH_ROWS = 64  # patterns whose weights are held at once
_SMOOTHED_POINTS = 25  # points over which the first guess of the expected counts is averaged
_LEAST_EXPECTED = 1e-3  # of the mean intensity: no point weighs more than one that has so little
_PASSES = 2
_LEAST_LOG = -700.0  # of a probability that is still a number above 0
_ROUNDING = 1e-12  # of the sum of squares: what rounding leaves of a perfect fit


class LibraryLikelihoodClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Choose the size whose simulated patterns make a measured one most likely.

    Nothing is learnt: ``fit`` keeps the patterns as templates. Where library, liquid
    and counts are those of the measurement no classifier can do better. It is the
    limit that counting noise sets, and an independent check of a network's answer.

    Parameters
    ----------
    solvents : str, DataArray, sequence of them, or None, default=None
        Liquids that may be mixed in, all of them at once, in any amounts, negative ones
        too: names of shipped curves, or curves over ``q``. None where there is no liquid.
    scale : float, optional
        Counts for a unit of intensity, k, as in :class:`sk_qdots.PoissonNoise`.
        Unknown by default, and integrated out.
    wavelength : float, default=0.56
        In Angstrom, for curves that are given by name.
    q : array-like of shape (n_features,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own. By default the
        columns span the range of :func:`sk_qdots.default_q_grid`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    q_ : ndarray of shape (n_features,)
        The grid, in 1/Angstrom.
    templates_ : ndarray of shape (n_templates, n_features)
        The patterns of ``fit``, each of mean 1.
    liquids_ : ndarray of shape (n_liquids, n_features)
        Curves of the liquids on the grid, each of mean 1.
    n_features_in_ : int
        Number of points of a pattern.

    See Also
    --------
    sk_qdots.AllCNNClassifier : Needs neither the liquid nor the counts.
    sk_qdots.ScherrerRegressor : The width of one peak.
    sk_qdots.posterior.DebyePosterior : Needs neither the library nor the liquid.

    Notes
    -----
    A pattern holds nothing but a template and the liquids: what a background or a liquid that
    deviates does counts as size, and the probabilities do not know of it.
    :class:`sk_qdots.posterior.DebyePosterior` has a place for both, for resolution, texture and
    misfit, and for any size in between; where all is known, that costs it a little.

    NaN means not measured, as everywhere. Points that were interpolated are no counts:
    put ``QStandardizer(coarse="points")`` before it. Templates must lie as densely in
    strain and dispersion as the counts resolve; with the library of the paper's 1292
    patterns a pattern takes some milliseconds.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0, 4.0, 5.0], dispersions=[0.1])
    >>> X, y, _ = sq.library_samples(library)
    >>> limit = sq.LibraryLikelihoodClassifier(["hexane"]).fit(X, y)
    >>> diluted = sq.SolventMixer("hexane", qd_fraction=0.15).fit_transform(X)
    >>> noisy = sq.PoissonNoise(snr=14, random_state=0).fit_transform(diluted)
    >>> limit.score(noisy, y)
    1.0
    """

    predicts_most_probable = True  # what Answers need not ask twice

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "solvents": [list, tuple, str, xr.DataArray, None],
        "scale": [Interval(Real, 0, None, closed="neither"), None],
        "wavelength": [Interval(Real, 0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
        scale: float | None = None,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.solvents = solvents
        self.scale = scale
        self.wavelength = wavelength
        self.q = q

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Keep the templates.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_templates, n_features)
            Simulated patterns without noise or liquid. Those that are NaN somewhere
            where most are not are left out.
        y : array-like of shape (n_templates,)
            Their sizes.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If nothing is left of a class, or a liquid does not cover the grid.
        """
        templates, sizes = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        self.q_ = grid_of(X, self.q, templates.shape[1])
        check_classification_targets(sizes)
        self.classes_ = np.unique(sizes)
        known = np.isfinite(templates)
        self._is_known = known.mean(axis=0) >= 0.5
        whole = known[:, self._is_known].all(axis=1)
        sizes, templates = sizes[whole], np.where(self._is_known, templates[whole], 0.0)
        if not self._is_known.any() or len(np.unique(sizes)) < len(self.classes_):
            raise ValueError("X holds NaN in every template of a class; give whole patterns")
        self._class_of_template = np.searchsorted(self.classes_, sizes)
        self.templates_ = _scaled_to_mean_one(templates)
        self._squared_templates = self.templates_**2
        curves = [] if self.solvents is None else as_curves(self.solvents, self.wavelength)
        liquids = [unit_curve(curve, self.q_, self._is_known) for curve in curves]
        on_grid = np.reshape(liquids, (len(liquids), templates.shape[1]))
        self.liquids_ = _scaled_to_mean_one(np.where(self._is_known, on_grid, 0.0))
        return self

    def predict(self, X: xr.DataArray | npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Most probable size of each pattern.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        found = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[found])

    def predict_proba(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
        """Probability of each size, all sizes being equally probable before.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
        """Logarithm of the probability of each size.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If nothing of a pattern is measured, or the grid is not that of ``fit``.
        """
        check_is_fitted(self)
        if isinstance(X, xr.DataArray) and not is_same_grid(q_of(X), self.q_):
            raise ValueError("the patterns are on another Q grid than the templates")
        patterns: FloatArray = validate_data(
            self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan", copy=True
        )
        measured = np.isfinite(patterns) & self._is_known
        if not measured.any(axis=1).all():
            raise ValueError("X holds a pattern with nothing measured where the templates are")
        found = np.empty((len(patterns), len(self.classes_)))
        for start in range(0, len(patterns), _BATCH_ROWS):
            rows = slice(start, start + _BATCH_ROWS)
            found[rows] = self._means_by_class(
                self._log_likelihoods(patterns[rows], measured[rows])
            )
        found -= logsumexp(found, axis=1, keepdims=True)
        return np.maximum(found, _LEAST_LOG)

    def _means_by_class(self, of_templates: FloatArray) -> FloatArray:
        """Means over the templates of each class."""
        of_classes = [
            logsumexp(of_templates[:, self._class_of_template == k], axis=1)
            - np.log(np.count_nonzero(self._class_of_template == k))
            for k in range(len(self.classes_))
        ]
        return np.stack(of_classes, axis=1)

    def _log_likelihoods(self, X: FloatArray, measured: BoolArray) -> FloatArray:
        """Of every template, up to a constant of each row."""
        X[~measured] = 0.0
        n_measured = np.count_nonzero(measured, axis=1)
        mean = np.abs(X).sum(axis=1) / n_measured
        size = np.where(mean > 0, mean, 1.0)[:, None]
        X /= size
        expected = _smoothed(X, measured)
        for _ in range(_PASSES):
            weights = measured / np.maximum(expected, _LEAST_EXPECTED)
            chi2, expected = self._best_mixtures(X, weights)
        if self.scale is not None:
            # Sums of squares grow with the unit of intensity, and the counts with it.
            return np.asarray(-0.5 * self.scale * size * chi2)
        free = np.maximum(n_measured - 1 - len(self.liquids_), 1)
        return np.asarray(-0.5 * free[:, None] * np.log(chi2))

    def _best_mixtures(self, X: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Smallest sum of squares of every template, and the best mixture of each row."""
        liquids = self.liquids_
        weighted = weights * X
        own = (weighted * X).sum(axis=1)
        cross = weighted @ self.templates_.T
        norm = weights @ self._squared_templates.T
        # What the liquids explain is taken out of both sides.
        gram = np.einsum("np,sp,rp->nsr", weights, liquids, liquids, optimize=True)
        inverse = np.linalg.pinv(gram, hermitian=True)
        with_x = weighted @ liquids.T
        with_t = (
            np.stack([(weights * one) @ self.templates_.T for one in liquids], axis=2)
            if len(liquids)
            else np.empty((*cross.shape, 0))
        )
        solved = np.einsum("nsr,nr->ns", inverse, with_x)
        projected = np.einsum("nts,nsr->ntr", with_t, inverse)
        left = own - (with_x * solved).sum(axis=1)
        cross -= np.einsum("nts,ns->nt", with_t, solved)
        norm -= (projected * with_t).sum(axis=2)
        norm = np.maximum(norm, _ROUNDING)
        amount = np.maximum(cross, 0.0) / norm  # a negative amount of dots is none
        chi2 = np.maximum(left[:, None] - amount * cross, _ROUNDING * own[:, None] + _ROUNDING)
        best = chi2.argmin(axis=1)
        every = np.arange(len(X))
        a = amount[every, best]
        b = solved - a[:, None] * projected[every, best]
        return chi2, a[:, None] * self.templates_[best] + b @ liquids

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _scaled_to_mean_one(rows: FloatArray) -> FloatArray:
    means = np.abs(rows).mean(axis=1, keepdims=True) if len(rows) else np.ones((0, 1))
    return np.asarray(rows / np.where(means > 0, means, 1.0))


def _smoothed(X: FloatArray, measured: BoolArray) -> FloatArray:
    """Means over neighbours, of what is measured."""
    width = min(_SMOOTHED_POINTS, X.shape[1])
    sums = uniform_filter1d(np.abs(X), width, axis=1, mode="constant")
    counts = uniform_filter1d(measured.astype(np.float64), width, axis=1, mode="constant")
    return np.asarray(sums / np.maximum(counts, 1.0 / width))

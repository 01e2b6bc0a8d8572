"""Augmentation for any classifier, at fit only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from .._typing import RealArray
from .._validation import Interval, check_is_fitted, check_random_state, fit_context, validate_data
from ..preprocessing.patterns import q_of
from .base import Transformer, check_augmenter, is_same_grid, perturb

__all__ = ["AugmentedClassifier"]


class Classifier(Protocol):
    """A classifier of patterns, such as a random forest or a pipeline."""

    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Train."""

    def predict(self, X: xr.DataArray | npt.ArrayLike) -> npt.ArrayLike:
        """One label for each pattern."""


def _estimator_has(name: str) -> Callable[[AugmentedClassifier], bool]:
    def check(self: AugmentedClassifier) -> bool:
        getattr(self.estimator_ if hasattr(self, "estimator_") else self.estimator, name)
        return True

    return check


class AugmentedClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Train a classifier on perturbed copies of the patterns that it is given.

    The copies are made at fit only, from the training part alone: no copy of a
    pattern can stand in both the training and the test part of a cross-validation.

    Parameters
    ----------
    estimator : classifier
        What to train, such as a random forest or a pipeline.
    augmenter : transformer or Pipeline of transformers, optional
        Of :mod:`sk_qdots.augmentation`; None trains on the patterns as they are.
    n_copies : int, default=4
        Perturbed copies of every pattern.
    keep_original : bool, default=True
        Whether to train on the patterns as they are, too. ``cross_val_score`` and the
        like test on patterns as they are.
    random_state : int, RandomState instance or None, default=None
        Seed of the copies.

    Attributes
    ----------
    estimator_ : classifier
        The trained one.
    augmenter_ : transformer or None
        The fitted one.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of points of a pattern.

    See Also
    --------
    sk_qdots.AllCNNClassifier : Takes an augmenter itself and draws every batch afresh.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> library = sq.simulate_library("PbS", diameters=[2.0, 6.0], dispersions=[0.1])
    >>> X, y, groups = sq.library_samples(library)
    >>> forest = sq.AugmentedClassifier(
    ...     RandomForestClassifier(10, random_state=0), sq.PoissonNoise(14), random_state=0
    ... )
    >>> forest.fit(X, y).score(X, y)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[object] | str]] = {
        "estimator": "no_validation",
        "augmenter": "no_validation",
        "n_copies": [Interval(Integral, 1, None, closed="left")],
        "keep_original": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Classifier,
        augmenter: Transformer | None = None,
        n_copies: int = 4,
        keep_original: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.estimator = estimator
        self.augmenter = augmenter
        self.n_copies = n_copies
        self.keep_original = keep_original
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Make the copies and train.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the labels are no classes, or the augmenter is none or changes the grid.
        """
        values, labels = validate_data(
            self, X, y, dtype=[np.float32, np.float64], ensure_all_finite=self._ensure_all_finite()
        )
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        # A DataArray stays one: its axis is for the augmenter and the estimator.
        patterns: xr.DataArray | RealArray = X if isinstance(X, xr.DataArray) else values
        self._q_of_fit = q_of(X) if isinstance(X, xr.DataArray) else None
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        rng = np.random.default_rng(seed)
        self.augmenter_ = None
        if self.augmenter is not None:
            check_augmenter(self.augmenter)
            self.augmenter_ = clone(self.augmenter).fit(patterns)
            copies = [perturb(self.augmenter_, patterns, rng) for _ in range(self.n_copies)]
            if copies[0].shape != patterns.shape:
                raise ValueError(
                    f"augmenter turns {patterns.shape[1]} points into {copies[0].shape[1]}; put "
                    "what changes the grid, such as QStandardizer, into the estimator"
                )
            copies += [patterns] if self.keep_original else []
            patterns, labels = _stacked_patterns(copies, patterns), np.tile(labels, len(copies))
        self.estimator_ = clone(self.estimator).fit(patterns, labels)
        return self

    def predict(self, X: xr.DataArray | npt.ArrayLike) -> npt.NDArray[np.generic]:
        """Class of every pattern, as it is.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        patterns = self._checked_patterns(X)
        return np.asarray(self.estimator_.predict(patterns))

    @available_if(_estimator_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: xr.DataArray | npt.ArrayLike) -> RealArray:
        """Confidence in each class, if the estimator gives it.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        patterns = self._checked_patterns(X)
        return np.asarray(self.estimator_.decision_function(patterns))

    @available_if(_estimator_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: xr.DataArray | npt.ArrayLike) -> RealArray:
        """Probability of each class, if the estimator gives it.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        patterns = self._checked_patterns(X)
        return np.asarray(self.estimator_.predict_proba(patterns))

    def _checked_patterns(self, X: xr.DataArray | npt.ArrayLike) -> xr.DataArray | RealArray:
        check_is_fitted(self)
        if isinstance(X, xr.DataArray) and isinstance(self.estimator_, Pipeline):
            return X  # which may begin with a standardiser, for which any axis is right
        if (
            isinstance(X, xr.DataArray)
            and self._q_of_fit is not None
            and not is_same_grid(q_of(X), self._q_of_fit)
        ):
            raise ValueError("the patterns are on another Q grid than those of fit")
        values: RealArray = validate_data(
            self,
            X,
            reset=False,
            dtype=[np.float32, np.float64],
            ensure_all_finite=self._ensure_all_finite(),
        )
        return values

    def _ensure_all_finite(self) -> bool | str:
        return "allow-nan" if get_tags(self.estimator).input_tags.allow_nan else True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.positive_only = self.augmenter is not None
        return tags


def _stacked_patterns(
    parts: Sequence[xr.DataArray | RealArray], like: xr.DataArray | RealArray
) -> xr.DataArray | RealArray:
    values = np.concatenate([np.asarray(part) for part in parts])
    if not isinstance(like, xr.DataArray):
        return values
    axis = {k: v for k, v in like.coords.items() if like.dims[0] not in v.dims}
    return xr.DataArray(values, dims=like.dims, coords=axis, attrs=like.attrs)

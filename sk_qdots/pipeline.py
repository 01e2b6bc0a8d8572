"""The pipeline that sizes: standardiser, then network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, Tags

from ._typing import RealArray
from ._validation import check_is_fitted
from .augmentation import QCoarsening, QTruncation, RandomExperiment
from .augmentation.base import Transformer
from .augmentation.facts import transformers_of
from .neural_network import AllCNNClassifier
from .preprocessing import QStandardizer
from .simulation import default_q_grid

__all__ = ["SizingPipeline", "make_sizing_pipeline"]

PatternsLike: TypeAlias = xr.DataArray | Sequence[xr.DataArray] | npt.ArrayLike


class SizingPipeline(Pipeline):  # type: ignore[misc]
    """A pipeline that leaves the steps it was given as they are.

    scikit-learn's ``Pipeline`` fits its steps in place and hides that they take NaN.
    This one fits clones of them, as every other estimator does with what it is
    given, so that it passes ``check_estimator`` in full.

    Parameters
    ----------
    steps : list of (str, estimator) tuple
        The last one is a classifier.
    transform_input, memory, verbose
        Of :class:`sklearn.pipeline.Pipeline`.

    Attributes
    ----------
    fitted_ : Pipeline
        The fitted steps; ``named_steps`` and indices give them too, once there are.
    classes_ : ndarray of shape (n_classes,)
        Labels.
    n_features_in_ : int
        Number of columns that a bare array must have.

    See Also
    --------
    make_sizing_pipeline : Makes one.

    Notes
    -----
    Set parameters of steps with ``set_params`` of the pipeline: once it is fitted,
    ``named_steps`` and indices give the clones. A step with ``warm_start`` goes on
    from its last fit.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pipe = sq.make_sizing_pipeline()
    >>> [name for name, step in pipe.steps]
    ['qstandardizer', 'allcnn']
    """

    @classmethod
    def from_fitted(cls, steps: list[tuple[str, BaseEstimator]]) -> Self:
        """Make one of steps that are fitted already.

        Parameters
        ----------
        steps : list of (str, estimator) tuple

        Returns
        -------
        SizingPipeline
        """
        made = cls([(name, clone(step)) for name, step in steps])
        made.fitted_ = Pipeline(steps)
        return made

    def fit(self, X: PatternsLike, y: npt.ArrayLike | None = None, **params: object) -> Self:
        """Fit clones of the steps.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        **params
            Of the steps, as for :class:`sklearn.pipeline.Pipeline`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the network's augmenter draws on another grid than the standardiser's,
            or leaves points out that the standardiser would pad; and as the steps.
        """
        steps = [(name, self._unfitted(name, step)) for name, step in self.steps]
        _check_augmenter([step for _, step in steps])
        self.fitted_ = Pipeline(
            steps,
            transform_input=self.transform_input,
            memory=self.memory,
            verbose=self.verbose,
        ).fit(X, y, **params)
        return self

    def predict(self, X: PatternsLike, **params: object) -> npt.NDArray[np.generic]:
        """Most probable class of each pattern.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        **params
            Metadata for the last step.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X is not what the steps take.
        """
        return np.asarray(self._fitted_pipeline().predict(X, **params))

    def predict_proba(self, X: PatternsLike, **params: object) -> RealArray:
        """Probability of each class.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        **params
            Metadata for the last step.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`.
        """
        return np.asarray(self._fitted_pipeline().predict_proba(X, **params))

    def score(
        self,
        X: PatternsLike,
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
        **params: object,
    ) -> float:
        """Share of the patterns that are put in the right class.

        Parameters
        ----------
        X : DataArray, list of DataArray, or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
        **params
            Metadata for the last step.

        Returns
        -------
        float
        """
        return float(self._fitted_pipeline().score(X, y, sample_weight=sample_weight, **params))

    @property
    def classes_(self) -> npt.NDArray[np.generic]:
        """Labels."""
        return np.asarray(self._fitted_pipeline().classes_)

    @property
    def n_features_in_(self) -> int:
        """Number of columns that a bare array must have."""
        return int(self._fitted_pipeline().n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[np.object_]:
        """Names of the columns of a data frame."""
        return np.asarray(self._fitted_pipeline().feature_names_in_)

    @property
    def named_steps(self) -> Bunch:
        """The steps by name: the fitted ones, once there are."""
        return Bunch(**dict(self._current_pipeline().steps))

    def __getitem__(self, index: int | str | slice) -> BaseEstimator:
        return self._current_pipeline()[index]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _unfitted(self, name: str, step: BaseEstimator) -> BaseEstimator:
        before = self.fitted_.named_steps.get(name) if hasattr(self, "fitted_") else None
        if before is not None and getattr(step, "warm_start", False):
            return before.set_params(**step.get_params(deep=False))
        return clone(step, safe=False)

    def _fitted_pipeline(self) -> Pipeline:
        check_is_fitted(self)
        return self.fitted_

    def _current_pipeline(self) -> Pipeline:
        return self.fitted_ if hasattr(self, "fitted_") else Pipeline(self.steps)


def _check_augmenter(steps: list[BaseEstimator]) -> None:
    """Refuse an augmenter that does not draw what the standardiser will give."""
    if len(steps) != 2 or not isinstance(steps[0], QStandardizer):
        return
    standardizer, augmenters = steps[0], transformers_of(getattr(steps[1], "augmenter", None))
    grid = np.linspace(standardizer.q_min, standardizer.q_max, standardizer.n_points)
    for augmenter in augmenters:
        if not hasattr(augmenter, "q"):
            continue
        own = default_q_grid() if augmenter.q is None else np.asarray(augmenter.q)
        if own.shape != grid.shape or not np.allclose(own, grid, rtol=0.0, atol=1e-6):
            raise ValueError(
                f"the augmenter draws on another Q grid than the standardiser's: give it "
                f"{type(augmenter).__name__}(q=np.linspace({standardizer.q_min:g}, "
                f"{standardizer.q_max:g}, {standardizer.n_points}))"
            )
    shorten = any(isinstance(a, QTruncation | QCoarsening | RandomExperiment) for a in augmenters)
    last = augmenters[-1] if augmenters else None
    padded = isinstance(last, QStandardizer) and last.padding == standardizer.padding
    if standardizer.padding != "nan" and shorten and not padded:
        raise ValueError(
            f"the standardiser pads (padding={standardizer.padding!r}) and the augmenter leaves "
            "points out: make the augmenter a Pipeline that ends with such a standardiser"
        )


def make_sizing_pipeline(
    *,
    padding: Literal["nan", "edge", "zero"] = "nan",
    augmenter: Transformer | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> SizingPipeline:
    """Make the unfitted pipeline that sizes: standardiser, then network.

    Parameters
    ----------
    padding : {"nan", "edge", "zero"}, default="nan"
        Of :class:`QStandardizer`; with ``"nan"`` the points of coarse patterns are
        left as they were counted. With another one, an augmenter that leaves points
        out must end with a standardiser of the same padding, or the network would
        never see in training what it gets afterwards.
    augmenter : transformer or None, default=None
        Of :class:`AllCNNClassifier`; draws every training batch afresh.
    random_state : int, RandomState instance or None, default=None
        Of :class:`AllCNNClassifier`.

    Returns
    -------
    SizingPipeline
        A :class:`sklearn.pipeline.Pipeline` with the steps ``qstandardizer`` and
        ``allcnn``.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pipe = sq.make_sizing_pipeline(random_state=0).set_params(allcnn__n_filters=16)
    >>> list(pipe.named_steps)
    ['qstandardizer', 'allcnn']
    """
    coarse: Literal["spline", "points"] = "points" if padding == "nan" else "spline"
    return SizingPipeline(
        [
            ("qstandardizer", QStandardizer(padding=padding, coarse=coarse)),
            ("allcnn", AllCNNClassifier(augmenter=augmenter, random_state=random_state)),
        ]
    )

"""What turns standardised patterns into sizes: the networks, any classifier, your own.

An *engine* is anything with the attributes and methods of :class:`Engine`. Given patterns
on the standardiser's grid it returns a :class:`Posterior`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from .._typing import FloatArray, IntArray, RealArray
from .._validation import check_is_fitted
from ..augmentation import AugmentedClassifier
from ..instruments import Instrument
from ..neural_network import AllCNNClassifier, AllCNNRegressor
from ..neural_network.mixture import Mixtures
from ..preprocessing import QStandardizer
from .posterior import QUANTITIES, Posterior, possible

__all__ = [
    "ClassifierEngine",
    "Engine",
    "NetworkEngine",
    "PatternEngine",
    "engine_from_steps",
    "fitted_steps",
    "rows_for",
    "steps_of_engine",
]


@runtime_checkable
class Engine(Protocol):
    """What a sizer asks for sizes; a class of your own need not inherit from it.

    Attributes
    ----------
    name : str
        What it is called in answers.
    classes_ : ndarray of shape (n_classes,) of int
        Diameters in picometres, ascending.
    targets : tuple of str, optional
        What it estimates besides the class, of ``QUANTITIES``; nothing, where it is not
        there.
    takes_nan : bool, optional
        Whether patterns may have points that were not measured; True, where it is not there.
    n_told : int, optional
        Columns behind the points that tell it the resolution; 0, where it is not there: it gets
        the points alone.

    See Also
    --------
    NetworkEngine : The all-CNN and its regressor.
    ClassifierEngine : Any classifier.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing import Engine
    >>> sizer = sq.load_sizer("PbS")
    >>> isinstance(sizer.engines[0], Engine), sizer.engines[0].name
    (True, 'all-CNN')
    """

    @property
    def name(self) -> str:
        """What it is called in answers."""

    @property
    def classes_(self) -> IntArray:
        """Diameters in picometres, ascending."""

    def predict_proba(self, rows: RealArray) -> FloatArray:
        """Probability of each class.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """

    def posterior(self, rows: RealArray) -> Posterior:
        """Everything that it can say.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        Posterior
            With the probabilities of :meth:`predict_proba`.
        """


@runtime_checkable
class PatternEngine(Engine, Protocol):
    """An engine that uses a pattern as it was measured, where one pattern is sized.

    See Also
    --------
    PosteriorEngine : The one that is in the package.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing import PatternEngine
    >>> isinstance(sq.load_sizer("PbS").engines[0], PatternEngine)
    False
    """

    def posterior_of(self, pattern: xr.DataArray, instrument: Instrument | None) -> Posterior:
        """Everything that it can say of one pattern.

        Parameters
        ----------
        pattern : DataArray
            On its own axis, with ``esd`` where that is known.
        instrument : Instrument or None
            That it was measured with, where that is known.

        Returns
        -------
        Posterior
            Of one pattern.
        """


@dataclass(frozen=True)
class NetworkEngine:
    """The all-CNN, with the network that estimates more than the class where there is one.

    Parameters
    ----------
    classifier : AllCNNClassifier
        Fitted, with diameters in picometres as classes.
    regressor : AllCNNRegressor, optional
        Fitted on patterns of the same grid.
    targets : sequence of str, default=()
        What the regressor was fitted to, in this order, of ``QUANTITIES``.

    Raises
    ------
    ValueError
        If one is not fitted, or they do not fit each other or the targets.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.load_sizer("PbS").engines[0].targets
    ('diameter', 'dispersion', 'strain', 'volume_diameter', 'surface_diameter')
    """

    classifier: AllCNNClassifier
    regressor: AllCNNRegressor | None = None
    targets: tuple[str, ...] = ()
    name = "all-CNN"
    takes_nan = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        _check_classes(self.classifier)
        if self.regressor is None:
            if self.targets:
                raise ValueError("targets are given without a regressor")
            return
        if not hasattr(self.regressor, "layers_"):
            raise ValueError("regressor is not fitted; call regressor.fit(X, y) first")
        n = len(self.regressor.mean_)
        unknown = set(self.targets) - set(QUANTITIES)
        if unknown or len(set(self.targets)) < len(self.targets) or len(self.targets) != n:
            raise ValueError(
                f"targets is {self.targets!r}; name each of the regressor's {n} "
                f"targets once, of {', '.join(QUANTITIES)}"
            )
        points = self.classifier.n_features_in_
        if self.regressor.n_features_in_ != points:
            raise ValueError(
                f"regressor was fitted on {self.regressor.n_features_in_} points and the "
                f"standardiser gives {points}"
            )
        if (told := self.regressor.encoding_.n_told) != self.n_told:
            raise ValueError(
                f"regressor was fitted with n_told={told} and the classifier with "
                f"{self.n_told}: give both the same"
            )

    @property
    def n_told(self) -> int:
        """Columns behind the points that tell the resolution."""
        return self.classifier.encoding_.n_told

    @property
    def classes_(self) -> IntArray:
        """Diameters in picometres."""
        return np.asarray(self.classifier.classes_, dtype=np.int64)

    def predict_proba(self, rows: RealArray) -> FloatArray:
        """Probability of each class.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points + n_told)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return np.asarray(self.classifier.predict_proba(rows))

    def posterior(self, rows: RealArray) -> Posterior:
        """Classes and estimates.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        Posterior
        """
        probabilities = self.predict_proba(rows)
        if self.regressor is None:
            return Posterior(self.classes_, probabilities)
        mixtures = Mixtures(*self.regressor.predict_mixture(rows))
        mean, deviation = mixtures.mean(), mixtures.std()
        return Posterior(
            self.classes_,
            probabilities,
            {name: possible(name, mean[:, k]) for k, name in enumerate(self.targets)},
            {name: deviation[:, k] for k, name in enumerate(self.targets)},
            mixtures=mixtures,
        )


@dataclass(frozen=True)
class ClassifierEngine:
    """Any fitted scikit-learn classifier, or a pipeline that ends with one.

    Parameters
    ----------
    classifier : classifier
        Fitted, with ``predict_proba`` and diameters in picometres as classes.

    Raises
    ------
    ValueError
        If it is not fitted, has no ``predict_proba``, or other classes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sk_qdots.sizing import ClassifierEngine
    >>> engine = ClassifierEngine(GaussianNB().fit(np.eye(4), [2000, 2000, 3000, 3000]))
    >>> engine.name, engine.classes_.tolist()
    ('GaussianNB', [2000, 3000])
    """

    classifier: ClassifierMixin | Pipeline
    targets: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        _check_classes(self.classifier)

    @property
    def name(self) -> str:
        """Class of the classifier."""
        return type(self._last).__name__

    @property
    def classes_(self) -> IntArray:
        """Diameters in picometres."""
        return np.asarray(self.classifier.classes_, dtype=np.int64)

    def predict_proba(self, rows: RealArray) -> FloatArray:
        """Probability of each class.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        # A copy: some transformers work in place, and the patterns are for every engine.
        return np.asarray(self.classifier.predict_proba(rows.copy()), dtype=np.float64)

    def posterior(self, rows: RealArray) -> Posterior:
        """The classes alone.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        Posterior
        """
        return Posterior(self.classes_, self.predict_proba(rows))

    @property
    def takes_nan(self) -> bool:
        """Whether the classifier, and what stands before it, takes NaN."""
        return bool(get_tags(self.classifier).input_tags.allow_nan)

    @property
    def _last(self) -> ClassifierMixin:
        is_chain = isinstance(self.classifier, Pipeline)
        return self.classifier.steps[-1][1] if is_chain else self.classifier


def _check_classes(classifier: ClassifierMixin | Pipeline) -> None:
    """Refuse what gives no probabilities of diameters."""
    if not hasattr(classifier, "classes_"):
        try:
            check_is_fitted(classifier)
        except ValueError:
            raise ValueError("pipeline is not fitted; call pipeline.fit(X, y) first") from None
    if not (hasattr(classifier, "classes_") and hasattr(classifier, "predict_proba")):
        raise ValueError(
            f"{type(classifier).__name__} gives no probabilities of classes: a sizer needs a "
            "classifier with predict_proba; make_sizing_pipeline() gives one"
        )
    classes = np.asarray(classifier.classes_)
    if classes.dtype.kind not in "iu" or classes.min() <= 0:
        raise ValueError("the classes must be diameters in picometres, positive integers")
    if len(classes) < 2:
        raise ValueError(
            f"the only class is {classes[0]} pm; a sizer tells two sizes or more apart"
        )


def fitted_steps(
    pipeline: Pipeline | tuple[QStandardizer, Engine],
) -> tuple[QStandardizer, Sequence[tuple[str, object]]]:
    """The standardiser of a fitted pipeline, and the steps behind it.

    Parameters
    ----------
    pipeline : Pipeline, or tuple of QStandardizer and Engine
        With a :class:`sk_qdots.QStandardizer` in front.

    Returns
    -------
    standardizer : QStandardizer
    steps : list of (str, estimator) tuple

    Raises
    ------
    ValueError
        If the first step is another one, or it is not fitted on an axis.
    """
    now = getattr(pipeline, "fitted_", pipeline)
    if isinstance(pipeline, tuple | list) and len(pipeline) == 2:
        standardizer, engine = pipeline
        if isinstance(standardizer, QStandardizer) and isinstance(engine, Engine):
            now = Pipeline([("qstandardizer", standardizer), ("engine", engine)])
    steps = list(getattr(now, "steps", ()))
    if len(steps) < 2 or not isinstance(steps[0][1], QStandardizer):
        raise ValueError(
            "pipeline must be a QStandardizer and a classifier behind it, as "
            "make_sizing_pipeline() gives; it has "
            f"{', '.join(repr(name) for name, _ in steps) or type(pipeline).__name__}"
        )
    standardizer = steps[0][1]
    if not hasattr(standardizer, "q_"):
        raise ValueError("pipeline is not fitted; call pipeline.fit(X, y) first")
    if len(standardizer.q_) != standardizer.n_points:
        raise ValueError(
            f"pipeline was fitted on a bare array of {len(standardizer.q_)} columns, which has no "
            "Q axis; fit it on a DataArray with a coordinate q, or give QStandardizer(input_q=...)"
        )
    last = steps[-1][1]
    found = getattr(last, "n_told", 0)
    if found != standardizer.n_told and (found or not isinstance(last, Engine)):
        raise ValueError(
            f"the standardiser tells {standardizer.n_told} numbers of the resolution and "
            f"{type(last).__name__} takes {found}: give both the same n_told"
        )
    return standardizer, steps[1:]


def rows_for(engine: Engine, rows: RealArray, n_points: int) -> RealArray:
    """What an engine gets of standardised rows: the points, and what is told if it takes that.

    Parameters
    ----------
    engine : Engine
    rows : ndarray of shape (n_samples, n_points + n_told)
    n_points : int

    Returns
    -------
    ndarray of shape (n_samples, n_points + n_told) or (n_samples, n_points)
    """
    n_columns = n_points + int(getattr(engine, "n_told", 0))
    return rows if rows.shape[1] == n_columns else rows[:, :n_columns]


def steps_of_engine(engine: Engine) -> list[tuple[str, BaseEstimator]]:
    """Steps behind a standardiser that :func:`engine_from_steps` makes the same engine of.

    Parameters
    ----------
    engine : Engine

    Returns
    -------
    list of (str, estimator) tuple
    """
    if isinstance(engine, NetworkEngine):
        return [("allcnn", engine.classifier)]
    if isinstance(engine, ClassifierEngine) and isinstance(engine.classifier, Pipeline):
        return list(engine.classifier.steps)
    return [("classifier", getattr(engine, "classifier", engine))]


def engine_from_steps(
    steps: Sequence[tuple[str, object]],
    regressor: AllCNNRegressor | None = None,
    targets: Sequence[str] = (),
) -> Engine:
    """Make an engine of the fitted steps behind a standardiser.

    Parameters
    ----------
    steps : sequence of (str, estimator) tuple
        The last one is a classifier, or an engine of its own.
    regressor : AllCNNRegressor, optional
        Beside an all-CNN.
    targets : sequence of str, default=()
        Of the regressor.

    Returns
    -------
    Engine

    Raises
    ------
    ValueError
        If the steps do not make an engine.
    """
    steps = [(name, step) for name, step in steps if step is not None and step != "passthrough"]
    if not steps:
        raise ValueError("the pipeline has no classifier behind its standardiser")
    last = steps[-1][1]
    if isinstance(last, AugmentedClassifier) and hasattr(last, "estimator_"):
        last = last.estimator_  # what was trained; the augmenter has done its work
        steps = [*steps[:-1], (steps[-1][0], last)]
    if isinstance(last, AllCNNClassifier):
        if not hasattr(last, "layers_"):
            raise ValueError("pipeline is not fitted; call pipeline.fit(X, y) first")
        if len(steps) > 1:
            between = ", ".join(repr(name) for name, _ in steps[:-1])
            raise ValueError(
                "an all-CNN stands right behind the standardiser, with no other step between, as "
                f"make_sizing_pipeline() gives; the pipeline has {between}"
            )
        return NetworkEngine(last, regressor, tuple(targets))
    if regressor is not None or targets:
        raise ValueError("a regressor and its targets belong to an all-CNN")
    if len(steps) == 1 and isinstance(last, Engine):
        return last
    return ClassifierEngine(last if len(steps) == 1 else Pipeline(list(steps)))

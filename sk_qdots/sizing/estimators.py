"""Fitted scikit-learn estimators as numbers and arrays, without pickle.

Only classes on the allow-list are written and read. Of each the list says which fitted
arrays its predictions need; they are plain numbers, and what is built from them can only
multiply and add. Trees are not on it: their nodes are addresses that scikit-learn follows
unchecked, so a file could make a process read where it must not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from .._typing import FloatArray, IntArray, Json, JsonObject
from ..neural_network.saved import checked_array, checked_object

__all__ = ["allowed_estimators", "classifier_from_section", "estimator_arrays", "estimator_section"]

Arrays = Mapping[str, npt.NDArray[np.generic]]

_MAX_STEPS = 20
_STEP_NAME = re.compile(r"[A-Za-z](?!.*__)[\w-]{0,60}", flags=re.ASCII)
_TRAINING_ONLY = ("class_weight", "random_state")  # parameters that no prediction needs
_LARGEST = 1e30  # of a fitted number


@dataclass(frozen=True)
class _Fitted:
    """What the predictions of a fitted estimator need.

    Parameters
    ----------
    module : str
    arrays : mapping of str to int
        Dimensions of each array of floats.
    numbers : tuple of str
        Attributes that are a number.
    lists : mapping of str to int
        Attributes that are lists of arrays, and the dimensions of these.
    optional : tuple of str
        Arrays that may be None.
    texts : tuple of str
        Attributes that are a text.
    """

    module: str
    arrays: Mapping[str, int]
    numbers: tuple[str, ...] = ()
    lists: Mapping[str, int] | None = None
    optional: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


_CLASSIFIERS = {
    "LogisticRegression": _Fitted("sklearn.linear_model", {"coef_": 2, "intercept_": 1}),
    "LinearDiscriminantAnalysis": _Fitted(
        "sklearn.discriminant_analysis", {"coef_": 2, "intercept_": 1}
    ),
    "QuadraticDiscriminantAnalysis": _Fitted(
        "sklearn.discriminant_analysis",
        {"means_": 2, "priors_": 1},
        lists={"rotations_": 2, "scalings_": 1},
    ),
    "GaussianNB": _Fitted("sklearn.naive_bayes", {"theta_": 2, "var_": 2, "class_prior_": 1}),
    "MLPClassifier": _Fitted(
        "sklearn.neural_network",
        {},
        numbers=("n_layers_", "n_outputs_"),
        lists={"coefs_": 2, "intercepts_": 1},
        texts=("out_activation_",),
    ),
}
_TRANSFORMERS = {
    "StandardScaler": _Fitted(
        "sklearn.preprocessing",
        {"mean_": 1, "scale_": 1, "var_": 1},
        optional=("mean_", "scale_", "var_"),
    ),
    "MinMaxScaler": _Fitted("sklearn.preprocessing", {"min_": 1, "scale_": 1}),
    "MaxAbsScaler": _Fitted("sklearn.preprocessing", {"scale_": 1}),
    "RobustScaler": _Fitted(
        "sklearn.preprocessing",
        {"center_": 1, "scale_": 1},
        optional=("center_", "scale_"),
    ),
    "Normalizer": _Fitted("sklearn.preprocessing", {}),
    "PCA": _Fitted(
        "sklearn.decomposition",
        {"components_": 2, "mean_": 1, "explained_variance_": 1},
        numbers=("n_components_", "noise_variance_"),
    ),
    "TruncatedSVD": _Fitted("sklearn.decomposition", {"components_": 2}),
}
_ALLOWED = {**_CLASSIFIERS, **_TRANSFORMERS}


def allowed_estimators() -> list[str]:
    """Names of the estimators that a saved sizer may be made of.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from sk_qdots.sizing import allowed_estimators
    >>> {"LogisticRegression", "PCA"} <= set(allowed_estimators())
    True
    """
    return sorted(_ALLOWED)


def estimator_section(classifier: BaseEstimator) -> JsonObject:
    """What a file says of a fitted classifier, or of a pipeline that ends with one.

    Parameters
    ----------
    classifier : estimator
        Fitted.

    Returns
    -------
    dict
        Under ``"steps"`` class, parameters and numbers of each.

    Raises
    ------
    TypeError
        If a class is not on the list, or a parameter is no plain value.
    """
    return {"steps": [_described(name, step) for name, step in _steps(classifier)]}


def estimator_arrays(classifier: BaseEstimator, prefix: str) -> dict[str, npt.NDArray[np.generic]]:
    """Fitted arrays, by name.

    Parameters
    ----------
    classifier : estimator
        Fitted.
    prefix : str
        How the names begin.

    Returns
    -------
    dict of str to ndarray
    """
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for k, (_, step) in enumerate(_steps(classifier)):
        fitted = _allowed(step)
        for name in fitted.arrays:
            if getattr(step, name) is not None:
                arrays[f"{prefix}step{k}_{name}"] = np.asarray(getattr(step, name))
        for name in fitted.lists or ():
            for j, item in enumerate(getattr(step, name)):
                arrays[f"{prefix}step{k}_{name}{j}"] = np.asarray(item)
    return arrays


def classifier_from_section(
    section: Mapping[str, Json], arrays: Arrays, prefix: str, n_points: int, classes: IntArray
) -> BaseEstimator:
    """Build a fitted classifier from what a file holds.

    Parameters
    ----------
    section : mapping
        As :func:`estimator_section` gives.
    arrays : mapping of str to ndarray
    prefix : str
        How the names of its arrays begin.
    n_points : int
        Of its patterns.
    classes : ndarray of shape (n_classes,) of int
        In picometres.

    Returns
    -------
    estimator

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, inconsistent, or not on the list.
    """
    steps = section["steps"]
    if not isinstance(steps, list) or not 1 <= len(steps) <= _MAX_STEPS:
        raise ValueError("the steps of a classifier must be a list")
    built: list[tuple[str, BaseEstimator]] = []
    for k, step in enumerate(steps):
        if not isinstance(step, dict):
            raise TypeError("a step of a classifier must be an object")
        kinds = _CLASSIFIERS if k == len(steps) - 1 else _TRANSFORMERS
        estimator = _built(step, arrays, f"{prefix}step{k}_", kinds)
        name = step["name"]
        is_name = isinstance(name, str) and _STEP_NAME.fullmatch(name) is not None
        taken = {"qstandardizer", *(known for known, _ in built)}
        built.append((str(name) if is_name and name not in taken else f"step{k}", estimator))
    built[0][1].n_features_in_ = n_points
    last = built[-1][1]
    last.classes_ = classes
    if type(last).__name__ == "MLPClassifier":  # whose predict asks for it
        from sklearn.preprocessing import LabelBinarizer

        last._label_binarizer = LabelBinarizer().fit(classes)
    classifier = last if len(built) == 1 else Pipeline(built)
    _check_answers(built, n_points, len(classes))
    return classifier


def _steps(classifier: BaseEstimator) -> Sequence[tuple[str, BaseEstimator]]:
    if isinstance(classifier, Pipeline):
        return [(n, s) for n, s in classifier.steps if s is not None and s != "passthrough"]
    return [("classifier", classifier)]


def _allowed(step: BaseEstimator) -> _Fitted:
    """What the list says of an estimator; a namesake is another one."""
    kind = type(step).__name__
    fitted = _ALLOWED.get(kind)
    if hasattr(step, "best_estimator_"):
        raise TypeError(f"{kind} cannot be stored: give its best_estimator_")
    if fitted is None or type(step) is not getattr(import_module(fitted.module), kind):
        raise TypeError(
            f"{kind} cannot be stored safely; those that can: {', '.join(allowed_estimators())}"
        )
    return fitted


def _described(name: str, step: BaseEstimator) -> JsonObject:
    kind, fitted = type(step).__name__, _allowed(step)
    parameters: JsonObject = {}
    for key, value in step.get_params(deep=False).items():
        plain = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        plain = list(plain) if isinstance(plain, tuple) else plain
        if key in _TRAINING_ONLY:
            continue
        if not isinstance(plain, str | int | float | list | None):
            raise TypeError(f"{kind} with {key}={value!r} cannot be stored: give a plain value")
        parameters[key] = plain
    return {
        "name": name,
        "class": kind,
        "parameters": parameters,
        "numbers": {key: _item(getattr(step, key)) for key in fitted.numbers},
        "texts": {key: str(getattr(step, key)) for key in fitted.texts},
        "lengths": {key: len(getattr(step, key)) for key in fitted.lists or ()},
    }


def _item(value: float | np.generic) -> float | int:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain if isinstance(plain, int) else float(plain)


def _built(
    step: JsonObject, arrays: Arrays, prefix: str, kinds: Mapping[str, _Fitted]
) -> BaseEstimator:
    kind = step["class"]
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"{kind!r} is none of {', '.join(kinds)}")
    parameters, numbers, texts, lengths = (
        checked_object(step[key], f"{key} of {kind}")
        for key in ("parameters", "numbers", "texts", "lengths")
    )
    fitted = kinds[kind]
    estimator = getattr(import_module(fitted.module), kind)()
    known = estimator.get_params(deep=False)
    for key, value in parameters.items():
        if key not in known:
            continue  # of another version of scikit-learn
        if isinstance(value, list) and isinstance(known[key], tuple | None):
            setattr(estimator, key, tuple(value))
        else:
            setattr(estimator, key, value)
    estimator._validate_params()
    for key in fitted.numbers:
        value = numbers[key]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{key} of {kind} is {value!r}; it must be a number")
        setattr(estimator, key, value)
    for key in fitted.texts:
        if texts[key] not in ("softmax", "logistic"):
            raise ValueError(f"{key} of {kind} is {texts[key]!r}")
        setattr(estimator, key, texts[key])
    for key, n in fitted.arrays.items():
        if key in fitted.optional and f"{prefix}{key}" not in arrays:
            setattr(estimator, key, None)
        else:
            setattr(estimator, key, _floats(arrays, f"{prefix}{key}", n))
    for key, n in (fitted.lists or {}).items():
        count = lengths[key]
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000:
            raise ValueError(f"{key} of {kind} has {count!r} arrays")
        setattr(estimator, key, [_floats(arrays, f"{prefix}{key}{j}", n) for j in range(count)])
    return estimator


def _floats(arrays: Arrays, name: str, n_dimensions: int) -> FloatArray:
    array = checked_array(arrays, name, (None,) * n_dimensions)
    if np.abs(array).max(initial=0.0) > _LARGEST:
        raise ValueError(f"array {name} holds extreme values")
    return array


def _check_answers(
    steps: Sequence[tuple[str, BaseEstimator]], n_points: int, n_classes: int
) -> None:
    """What was built must answer with probabilities of its classes."""
    rows = np.abs(np.cos(np.arange(2 * n_points) / 30.0)).reshape(2, n_points)
    rows = rows * (1000.0 / n_points)
    with np.errstate(all="ignore"):
        for _, step in steps[:-1]:
            rows = step.transform(rows)
            if rows.ndim != 2 or len(rows) != 2:
                raise ValueError(f"{type(step).__name__} does not fit the patterns")
        found = np.asarray(steps[-1][1].predict_proba(rows))
    if found.shape != (2, n_classes) or not np.isfinite(found).all():
        raise ValueError("the classifier has no finite probabilities")
    if found.min() < 0 or np.abs(found.sum(axis=1) - 1.0).max() > 1e-6 * n_classes + 1e-6:
        raise ValueError("the probabilities of the classifier do not add up to 1")

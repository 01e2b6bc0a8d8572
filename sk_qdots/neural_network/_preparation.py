"""What ``fit`` makes of its arguments before a network is trained."""

from __future__ import annotations

import math
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import clone
from sklearn.utils.multiclass import check_classification_targets

from .._typing import Float32Array, FloatArray, IntArray
from ..augmentation import perturb
from ..augmentation.base import Transformer, check_augmenter
from ..augmentation.facts import transformers_of
from ..preprocessing.patterns import q_of
from ..simulation import default_q_grid
from ._encoding import Encoding, fit_encoding

__all__ = [
    "Strata",
    "axis_of",
    "class_positions",
    "fitted_augmenter",
    "fitted_encoding",
    "set_aside",
    "soft_targets",
]

Strata: TypeAlias = FloatArray | npt.NDArray[np.intp]  # positions among classes, or numbers

_REFERENCE_ROWS = 8192  # augmented rows that the encoding is learnt from


def axis_of(X: xr.DataArray | npt.ArrayLike, n_told: int) -> FloatArray | None:
    """The Q axis that patterns bring, if they do; rows with told columns cannot."""
    if not isinstance(X, xr.DataArray) or "q" not in X.dims or X.ndim != 2:
        return None
    if n_told:
        raise ValueError(
            f"X brings a Q axis and n_told is {n_told}, whose columns have none: give the rows "
            "that the standardiser returns, X.to_numpy(), and the augmenter its grid (q=...)"
        )
    if X.dims[1] != "q":
        raise ValueError(f"X has the dimensions {X.dims}; transpose it, so that q is the last")
    return q_of(X) if "q" in X.coords else None


def class_positions(
    given: npt.ArrayLike | None, y: npt.NDArray[np.generic]
) -> tuple[npt.NDArray[np.generic], FloatArray]:
    """The classes, given or those of the labels, and where among them each label lies."""
    if given is None:
        check_classification_targets(y)
        labels, indices = np.unique(y, return_inverse=True)
        if len(labels) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present: {labels[0]!r}"
            )
        return labels, indices.astype(np.float64)
    classes = np.asarray(given)
    are_numbers = classes.ndim == 1 and len(classes) > 1 and classes.dtype.kind in "iuf"
    if not are_numbers or not np.isfinite(classes).all() or np.any(classes[1:] <= classes[:-1]):
        raise ValueError(f"classes is {given!r}; it must hold ascending numbers")
    if y.dtype.kind not in "iuf" or y.min() < classes[0] or y.max() > classes[-1]:
        raise ValueError(
            f"with classes given, labels must be numbers from {classes[0]} to {classes[-1]}"
        )
    numbers = cast("npt.NDArray[np.integer | np.floating]", y)
    return classes, np.interp(numbers, classes, np.arange(len(classes)))


def fitted_augmenter(
    given: Transformer | None, X: Float32Array, n_told: int, axis: FloatArray | None, seed: int
) -> Transformer | None:
    """A seeded and fitted clone of an augmenter, on the axis that the patterns bring."""
    if given is None:
        return None
    check_augmenter(given)
    for step in transformers_of(given):
        if (found := getattr(step, "n_told", 0)) != n_told:
            raise ValueError(
                f"the augmenter {type(step).__name__} draws {found} told columns and the network "
                f"has n_told={n_told}: give both the same, such as RandomExperiment(n_told=...)"
            )
    augmenter: Transformer = clone(given)
    rng = np.random.default_rng([seed, 4])
    for name, value in sorted(augmenter.get_params(deep=True).items()):
        if name.rpartition("__")[2] == "random_state" and value is None:
            augmenter.set_params(**{name: int(rng.integers(2**31))})
    if axis is not None:
        return augmenter.fit(xr.DataArray(X, dims=("sample", "q"), coords={"q": axis}))
    for step in transformers_of(augmenter):
        n_points = X.shape[1] - n_told
        if getattr(step, "q", True) is None and n_points != len(default_q_grid()):
            raise ValueError(
                f"the patterns have {n_points} points, not those of default_q_grid(): give "
                f"the augmenter its grid, {type(step).__name__}(q=...)"
            )
    return augmenter.fit(X)


def soft_targets(positions: FloatArray, n_classes: int) -> Float32Array:
    """Probabilities of the classes: a position between two of them belongs to both."""
    lower = np.minimum(positions.astype(int), n_classes - 2)
    part = positions - lower
    targets = np.zeros((len(positions), n_classes), dtype=np.float32)
    rows = np.arange(len(positions))
    targets[rows, lower], targets[rows, lower + 1] = 1.0 - part, part
    return targets


def set_aside(strata: FloatArray, share: float, seed: int) -> tuple[IntArray, IntArray]:
    """Rows to train on, and rows to stop by, of every stratum."""
    from sklearn.model_selection import train_test_split

    n_valid = max(math.ceil(share * len(strata)), len(np.unique(strata)))
    try:
        train_rows, valid_rows = train_test_split(
            np.arange(len(strata)), test_size=n_valid, stratify=strata, random_state=seed
        )
    except ValueError as error:
        raise ValueError(f"early_stopping cannot set patterns aside: {error}") from None
    return train_rows, valid_rows


def fitted_encoding(
    X: Float32Array, n_told: int, strata: Strata, augmenter: Transformer | None, seed: int
) -> Encoding:
    """The encoding of patterns as the network will get them."""
    rng = np.random.default_rng([seed, 3])
    if augmenter is None:
        rows = rng.permutation(len(X))[:_REFERENCE_ROWS]
        return fit_encoding(X[rows], strata[rows], n_told)
    rows = rng.choice(len(X), min(_REFERENCE_ROWS, 4 * len(X)))
    drawn = perturb(augmenter, X[rows], rng)
    if drawn.shape != (len(rows), X.shape[1]):
        raise ValueError(
            f"augmenter turns patterns of {X.shape[1]} points into {drawn.shape[1]}; it must keep "
            "the grid"
        )
    return fit_encoding(drawn, strata[rows], n_told)

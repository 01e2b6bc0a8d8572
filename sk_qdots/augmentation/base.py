"""The base of the transformers: grids, seeds, and the two ways to draw."""

from __future__ import annotations

import hashlib
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from typing import Protocol, Self, overload

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags

from .._typing import BoolArray, FloatArray, RealArray
from .._validation import check_is_fitted, check_random_state, fit_context, validate_data
from ..preprocessing.patterns import check_axis, q_of, rows_of
from ..simulation import default_q_grid

__all__ = [
    "Augmenter",
    "Generators",
    "Transformer",
    "check_augmenter",
    "check_even",
    "digest",
    "grid_of",
    "is_same_grid",
    "perturb",
]

Generators = Sequence[np.random.Generator]


class Transformer(Protocol):
    """What an augmenter can be: a transformer of patterns, or a Pipeline of transformers."""

    def fit(self, X: xr.DataArray | npt.ArrayLike, y: object = None) -> Self:
        """Learn the grid of patterns."""

    def transform(self, X: xr.DataArray | npt.ArrayLike) -> xr.DataArray | RealArray:
        """Change patterns."""

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Parameters by their names."""

    def set_params(self, **params: object) -> Self:
        """Set parameters by their names."""


class Augmenter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta):  # type: ignore[misc]
    """Base of the transformers that act on sample-first patterns on one Q grid.

    The grid is the coordinate ``q`` of a DataArray, or the parameter ``q``; without
    either a bare array's columns are taken to span the range of
    :func:`sk_qdots.default_q_grid` evenly.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: object = None) -> Self:
        """Remember the grid and draw the seed.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check_parameters()
        values = self._validated_patterns(X, reset=True)
        points = self._points(X, values, reset=True)
        self.q_ = grid_of(X, getattr(self, "q", None), points.shape[1])
        self._is_measured: BoolArray = np.asarray(np.isfinite(points).any(axis=0))
        if hasattr(self, "random_state"):
            random_state = check_random_state(self.random_state)
            self.seed_ = int(random_state.randint(np.iinfo(np.int32).max))
        self._prepare()
        return self

    @overload
    def transform(self, X: xr.DataArray) -> xr.DataArray: ...

    @overload
    def transform(self, X: npt.ArrayLike) -> RealArray: ...

    def transform(self, X: xr.DataArray | npt.ArrayLike) -> xr.DataArray | RealArray:
        """Apply the experiment; what is random is seeded by each row itself.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)

        Returns
        -------
        ndarray or DataArray of shape (n_samples, n_q)
            A DataArray where one was given, with its coordinates.
        """
        check_is_fitted(self)
        values = self._validated_patterns(X, reset=False)
        rngs: Generators = ()
        if hasattr(self, "random_state"):
            points = self._points(X, values, reset=False)
            rngs = [np.random.default_rng([self.seed_, digest(row)]) for row in points]
        return _in_container_of(X, self._apply(values, rngs))

    @overload
    def perturb(self, X: xr.DataArray, rng: np.random.Generator | Generators) -> xr.DataArray: ...

    @overload
    def perturb(self, X: npt.ArrayLike, rng: np.random.Generator | Generators) -> RealArray: ...

    def perturb(
        self, X: xr.DataArray | npt.ArrayLike, rng: np.random.Generator | Generators
    ) -> xr.DataArray | RealArray:
        """Apply the experiment with fresh draws.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        rng : numpy.random.Generator, or a sequence of them, one for each row

        Returns
        -------
        ndarray or DataArray of shape (n_samples, n_q)
        """
        check_is_fitted(self)
        values = self._validated_patterns(X, reset=False)
        return _in_container_of(X, self._apply(values, _generator_of_each_row(rng, len(values))))

    def _validated_patterns(self, X: xr.DataArray | npt.ArrayLike, *, reset: bool) -> RealArray:
        if isinstance(X, xr.Dataset):
            raise TypeError("X is a Dataset; give the samples of library_samples(library)[0]")
        if isinstance(X, xr.DataArray):
            if X.ndim == 1:
                raise ValueError("X is one pattern; give it as a row: X[[0]] or pattern[None]")
            rows_of(X)  # refuses an array that is not sample-first
            if not reset and not is_same_grid(q_of(X), self.q_):
                raise ValueError(f"{type(self).__name__} was fitted on another Q grid")
        # In C order: how a row is summed must not depend on its neighbours in memory.
        values = np.ascontiguousarray(self._validated_columns(X, reset=reset))
        points = self._points(X, values, reset=reset)
        if points.size and np.nanmin(points, initial=0.0) < 0:
            raise ValueError(
                "Negative values in data passed to "
                f"{type(self).__name__}: intensities are counts and cannot be negative"
            )
        return values

    def _validated_columns(self, X: xr.DataArray | npt.ArrayLike, *, reset: bool) -> RealArray:
        columns: RealArray = validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        return columns

    def _points(
        self, X: xr.DataArray | npt.ArrayLike, values: RealArray, *, reset: bool
    ) -> RealArray:
        """The columns that are points of patterns."""
        return values

    def _check_parameters(self) -> None:
        """Refuse combinations that ``_parameter_constraints`` cannot express."""

    def _prepare(self) -> None:
        """Compute what every draw shares, once."""

    @abstractmethod
    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        """Perturb rows, each with its own generator."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        return tags


@overload
def perturb(
    augmenter: Transformer, X: xr.DataArray, rng: np.random.Generator | Generators
) -> xr.DataArray | RealArray: ...


@overload
def perturb(
    augmenter: Transformer, X: RealArray, rng: np.random.Generator | Generators
) -> RealArray: ...


def perturb(
    augmenter: Transformer, X: xr.DataArray | RealArray, rng: np.random.Generator | Generators
) -> xr.DataArray | RealArray:
    """Apply a fitted augmenter, or a Pipeline of them, with fresh draws.

    Parameters
    ----------
    augmenter : transformer or Pipeline
        Fitted. A step without ``perturb``, such as a standardiser, transforms.
    X : DataArray or ndarray of shape (n_samples, n_q)
    rng : numpy.random.Generator, or a sequence of them, one for each row

    Returns
    -------
    ndarray or DataArray of shape (n_samples, n_q)

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> import sk_qdots as sq
    >>> X = np.full((1, 5004), 70.0)
    >>> chain = make_pipeline(sq.SolventMixer("toluene"), sq.PoissonNoise(14)).fit(X)
    >>> rng = np.random.default_rng(0)
    >>> first, second = (sq.augmentation.perturb(chain, X, rng) for _ in range(2))
    >>> bool((first == second).all())
    False
    """
    if isinstance(augmenter, Pipeline):
        for _, step in augmenter.steps:
            if step is not None and step != "passthrough":
                X = perturb(step, X, rng)
        return X
    if hasattr(augmenter, "perturb"):
        drawn: xr.DataArray | RealArray = augmenter.perturb(X, rng)
        return drawn
    return augmenter.transform(X)


def digest(row: RealArray) -> int:
    """A number that follows from the values of a row."""
    data = np.ascontiguousarray(row, dtype=np.float32)
    return int.from_bytes(hashlib.blake2b(data.tobytes(), digest_size=8).digest(), "little")


def check_augmenter(augmenter: object) -> None:
    """Refuse what is no transformer, such as the name of a laboratory."""
    if not (hasattr(augmenter, "fit") and hasattr(augmenter, "transform")):
        raise TypeError(
            f"augmenter is {augmenter!r}; it must be a transformer, such as RandomExperiment()"
        )


def check_even(q: FloatArray, name: str) -> None:
    """Refuse a grid whose steps differ."""
    steps = np.diff(q)
    if len(steps) and not np.allclose(steps, steps.mean(), rtol=1e-2):
        raise ValueError(
            f"{name} needs an even Q grid; the steps go from {steps.min():.3g} to "
            f"{steps.max():.3g} 1/Angstrom. Put QStandardizer before it"
        )


def _generator_of_each_row(rng: np.random.Generator | Generators, n_rows: int) -> Generators:
    """One generator for each row: the one for all, or those that are given."""
    if isinstance(rng, np.random.Generator):
        return [rng] * n_rows
    several = isinstance(rng, Sequence) and not isinstance(rng, str)
    if not several or not all(isinstance(one, np.random.Generator) for one in rng):
        raise TypeError(
            f"rng is {rng!r}; it must be a numpy.random.Generator: np.random.default_rng(0)"
        )
    if len(rng) != n_rows:
        raise ValueError(f"rng holds {len(rng)} generators and X {n_rows} rows")
    return list(rng)


def is_same_grid(one: FloatArray, other: FloatArray) -> bool:
    """Whether two grids are one."""
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0.0, atol=1e-9))


def grid_of(
    X: xr.DataArray | npt.ArrayLike, q: npt.ArrayLike | None, n_features: int
) -> FloatArray:
    """Grid of patterns: what they bring, what is given, or the standard range."""
    standard = default_q_grid()
    grid = np.linspace(standard[0], standard[-1], n_features)
    if isinstance(X, xr.DataArray):
        grid = q_of(X)
        if q is not None and not is_same_grid(grid, np.asarray(q, dtype=np.float64)):
            raise ValueError("q differs from the axis that the patterns bring; leave q out")
    elif q is not None:
        grid = np.asarray(q, dtype=np.float64)
    check_axis(grid, n_features)
    return grid


def _in_container_of(
    X: xr.DataArray | npt.ArrayLike, values: RealArray
) -> xr.DataArray | RealArray:
    return X.copy(data=values) if isinstance(X, xr.DataArray) else values

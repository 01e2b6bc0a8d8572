"""What the estimators around the all-CNN share: parameters, training, matrix products.

Training needs torch; predicting does not. ``fit`` folds the trained network into
a handful of matrices, ``layers_``, and predictions multiply them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from threadpoolctl import ThreadpoolController

from .._typing import Float32Array, FloatArray, RealArray
from .._validation import (
    Interval,
    Options,
    StrOptions,
    check_is_fitted,
    check_random_state,
    validate_data,
)
from ..augmentation.base import Transformer
from ._encoding import Encoding, split_told
from ._plan import Plan
from ._preparation import Strata, axis_of, fitted_augmenter, fitted_encoding, set_aside
from ._presets import PRESETS, TOLD_CHANNELS, Architecture

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from skorch import NeuralNet

__all__ = ["AllCNNEstimator"]

_ARCHITECTURE = ("n_filters", "kernel_sizes", "channels", "batch_norm", "n_linear", "q_bias")


@lru_cache(maxsize=1)
def _blas() -> ThreadpoolController:
    """What sets the threads of matrix products; looking for their library takes milliseconds."""
    return ThreadpoolController()


class AllCNNEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of :class:`AllCNNClassifier` and :class:`AllCNNRegressor`, which say what it takes."""

    architecture_: Architecture
    augmenter_: Transformer | None
    encoding_: Encoding
    net_: NeuralNet
    history_: pd.DataFrame
    layers_: list[tuple[Float32Array, Float32Array]]

    _parameter_constraints: ClassVar[dict[str, list[object] | str]] = {
        "preset": [StrOptions(set(PRESETS))],
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "kernel_sizes": [tuple, list, None],
        "channels": [tuple, list, None],
        "batch_norm": ["boolean", None],
        "n_linear": [Interval(Integral, 0, None, closed="left"), None],
        "q_bias": ["boolean", None],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "schedule": [StrOptions({"one-cycle", "cosine", "constant"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "steps_per_epoch": [Interval(Integral, 1, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "augmenter": "no_validation",
        "warm_start": ["boolean"],
        "checkpoint": [str, PathLike, None],
        "precision": [StrOptions({"float32", "bfloat16"})],
        "device": [StrOptions({"auto", "cpu", "cuda"})],
        "n_workers": [Interval(Integral, 0, None, closed="left")],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["boolean"],
        "random_state": ["random_state"],
        "n_told": [Interval(Integral, 2, None, closed="left"), Options(Integral, {0})],
    }

    def __init__(
        self,
        preset: str = "robust",
        n_filters: int | tuple[int, ...] | None = None,
        kernel_sizes: tuple[int, ...] | None = None,
        channels: tuple[str, ...] | None = None,
        batch_norm: bool | None = None,
        n_linear: int | None = None,
        q_bias: bool | None = None,
        lr: float = 5e-3,
        schedule: str = "one-cycle",
        weight_decay: float = 1e-4,
        batch_size: int = 256,
        max_epochs: int = 100,
        steps_per_epoch: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        augmenter: Transformer | None = None,
        warm_start: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        precision: str = "float32",
        device: str = "auto",
        n_workers: int = 0,
        n_threads: int = 1,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_told: int = 0,
    ) -> None:
        self.preset = preset
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.channels = channels
        self.batch_norm = batch_norm
        self.n_linear = n_linear
        self.q_bias = q_bias
        self.lr = lr
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.steps_per_epoch = steps_per_epoch
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.augmenter = augmenter
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.precision = precision
        self.device = device
        self.n_workers = n_workers
        self.n_threads = n_threads
        self.verbose = verbose
        self.random_state = random_state
        self.n_told = n_told

    def _train(
        self,
        X: xr.DataArray | npt.ArrayLike,
        y: npt.ArrayLike,
        prepare: Callable[[npt.NDArray[np.generic], bool], tuple[Float32Array, Strata]],
        loss: str,
        n_outputs: Callable[[Float32Array], int],
        n_components: int = 1,
        trunk: AllCNNEstimator | None = None,
        **checks: bool,
    ) -> None:
        """Train the network.

        Parameters
        ----------
        X, y : array-like
            Of ``fit``.
        prepare : callable
            Turns validated labels into targets and strata, of shapes (n_samples,
            n_targets) and (n_samples,); is told whether a training goes on.
        loss : str
            Of ``_losses.LOSSES``.
        n_outputs : callable
            Outputs of the network for given targets.
        n_components : int, default=1
            Of a mixture.
        trunk : estimator, optional
            Whose convolutions to start from.
        **checks
            Of ``validate_data``.
        """
        import pandas as pd

        from ._training import fixed_threads, train

        architecture = self._architecture()
        goes_on = self.warm_start and hasattr(self, "layers_")
        if not goes_on:
            # What an interrupted training leaves must not answer with half of the old network.
            for name in ("layers_", "net_", "history_"):
                self.__dict__.pop(name, None)
        axis = axis_of(X, self.n_told)
        patterns, labels = validate_data(
            self,
            X,
            y,
            reset=not goes_on,
            dtype=np.float32,
            order="C",
            ensure_all_finite="allow-nan",
            **checks,
        )
        if patterns.shape[1] <= self.n_told:
            raise ValueError(
                f"X has n_features = {patterns.shape[1]} and n_told is {self.n_told}: the points "
                "of the pattern must stand before the told columns"
            )
        if goes_on:
            self._check_can_go_on(architecture)
        targets, strata = prepare(labels, goes_on)
        seed = self._seed()
        augmenter = fitted_augmenter(self.augmenter, patterns, self.n_told, axis, seed)
        train_rows, valid_rows = np.arange(len(patterns)), None
        if self.early_stopping:
            train_rows, valid_rows = set_aside(np.rint(strata), self.validation_fraction, seed)
        if len(train_rows) < 2:
            raise ValueError(f"n_samples = {len(train_rows)} to train on; it takes 2 or more")
        valid_set = None if valid_rows is None else (patterns[valid_rows], targets[valid_rows])
        if valid_rows is not None:
            patterns, targets = patterns[train_rows], targets[train_rows]
            strata = strata[train_rows]
        if goes_on:
            encoding = self.encoding_
        elif trunk is not None:
            encoding = self._encoding_of(trunk, architecture, patterns)
        else:
            with fixed_threads(self.n_threads):
                encoding = fitted_encoding(patterns, self.n_told, strata, augmenter, seed)
        plan = Plan(
            architecture=architecture,
            n_told=self.n_told,
            n_outputs=n_outputs(targets),
            loss=loss,
            n_components=n_components,
            lr=self.lr,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            batch_size=self.batch_size,
            first_epoch=int(self.history_["epoch"].iloc[-1]) if goes_on else 0,
            max_epochs=self.max_epochs,
            steps_per_epoch=self.steps_per_epoch,
            n_iter_no_change=self.n_iter_no_change if self.early_stopping else None,
            precision=self.precision,
            device=self.device,
            n_workers=self.n_workers,
            n_threads=self.n_threads,
            verbose=self.verbose,
            seed=seed,
        )
        training = train(
            plan,
            encoding,
            augmenter,
            (patterns, targets),
            valid_set,
            checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
            weights=self._weights(trunk, goes_on),
        )
        self.architecture_ = architecture
        self.augmenter_ = augmenter
        self.encoding_ = encoding
        self.net_ = training.net
        self.history_ = pd.DataFrame(training.rows)
        self.layers_ = self.net_.module_.folded_layers()

    def _outputs(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
        """What the network says of patterns, of shape (n_samples, n_outputs)."""
        check_is_fitted(self, "layers_")
        patterns: Float32Array = validate_data(
            self, X, reset=False, dtype=np.float32, ensure_all_finite="allow-nan"
        )
        points, _ = split_told(patterns, self.encoding_.n_told)
        if not np.isfinite(points).any(axis=1).all():
            raise ValueError("X holds a pattern without a measured point: every value is NaN")
        outputs = np.empty((len(patterns), self.layers_[-1][0].shape[1]))
        # Row by row, and on one thread: a product of several rows may round each by its place
        # among them, and an answer must not depend on which others came with the pattern.
        with (
            _blas().limit(limits=1, user_api="blas"),
            np.errstate(over="ignore", invalid="ignore"),  # looked for below
        ):
            for k in range(len(patterns)):
                outputs[k] = self._forward(self.encode(patterns[k : k + 1]))[0]
        if not np.isfinite(outputs).all():
            raise ValueError("the network has no finite answer: look for extreme values in X")
        return outputs

    def encode(self, X: RealArray) -> Float32Array:
        """Turn patterns into what the network sees.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            NaN means not measured; the last ``n_told`` columns tell the resolution.

        Returns
        -------
        ndarray of shape (n_samples, n_points, n_channels), float32
        """
        check_is_fitted(self, "encoding_")
        return self.encoding_(X, self.architecture_.channels)

    def _forward(self, encoded: Float32Array) -> Float32Array:
        hidden = encoded
        for k, (weight, bias) in enumerate(self.layers_[:-1]):
            kernel = self.architecture_.kernel_sizes[k]
            n_samples, length, channels = hidden.shape
            missing = -length % kernel
            if missing:
                before = missing // 2
                hidden = np.pad(hidden, ((0, 0), (before, missing - before), (0, 0)))
            hidden = hidden.reshape(-1, kernel * channels) @ weight
            hidden = hidden.reshape(n_samples, (length + missing) // kernel, -1)
            hidden += bias
            if k >= self.architecture_.n_linear:
                np.maximum(hidden, 0.0, out=hidden)
        weight, bias = self.layers_[-1]
        return np.asarray(hidden.mean(axis=1) @ weight + bias)

    def _architecture(self) -> Architecture:
        given = {name: getattr(self, name) for name in _ARCHITECTURE}
        chosen = {name: _without_numpy(value) for name, value in given.items() if value is not None}
        architecture = replace(PRESETS[self.preset], **chosen)
        if self.n_told and self.channels is None:
            return replace(architecture, channels=(*architecture.channels, *TOLD_CHANNELS))
        if not self.n_told and set(TOLD_CHANNELS) & set(architecture.channels):
            raise ValueError(
                f"channels is {architecture.channels} and n_told is 0: nothing is told; say how "
                "many columns behind the points tell the resolution"
            )
        return architecture

    def _weights(
        self, trunk: AllCNNEstimator | None, goes_on: bool
    ) -> dict[str, torch.Tensor] | None:
        """Those to start from: of the last fit, or of the convolutions of another network."""
        if goes_on:
            return dict(self.net_.module_.state_dict())
        if trunk is None:
            return None
        state = trunk.net_.module_.state_dict()
        return {name: value for name, value in state.items() if not name.startswith("output.")}

    def _encoding_of(
        self, trunk: AllCNNEstimator, architecture: Architecture, patterns: Float32Array
    ) -> Encoding:
        """What another network sees, which goes with its convolutions."""
        check_is_fitted(trunk, "layers_")
        if not hasattr(trunk, "net_"):
            raise ValueError(
                "trunk was loaded from a file and predicts only; it must have been trained here"
            )
        encoding = trunk.encoding_
        if architecture != trunk.architecture_ or self.n_told != encoding.n_told:
            raise ValueError(
                "trunk has another architecture, or another n_told: give both the same"
            )
        if patterns.shape[1] != encoding.n_points + encoding.n_told:
            raise ValueError(
                f"X has {patterns.shape[1]} columns and trunk was fitted with "
                f"{encoding.n_points + encoding.n_told}"
            )
        return encoding

    def _check_can_go_on(self, architecture: Architecture) -> None:
        if not hasattr(self, "net_"):
            raise ValueError(
                "warm_start needs a network that was trained here; one that was loaded from a "
                "file predicts only"
            )
        if architecture != self.architecture_ or self.n_told != self.encoding_.n_told:
            raise ValueError(
                "warm_start needs the architecture of the last fit; set warm_start=False to train "
                "afresh"
            )

    def _seed(self) -> int:
        if self.checkpoint is not None and not isinstance(self.random_state, Integral):
            raise ValueError(
                f"checkpoint needs random_state to be an integer, not {self.random_state!r}: "
                "another seed would be another training"
            )
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _without_numpy(value: object) -> Any:
    """A parameter that a grid search may have given as a list or a numpy number."""
    if isinstance(value, tuple | list):
        return tuple(_without_numpy(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value

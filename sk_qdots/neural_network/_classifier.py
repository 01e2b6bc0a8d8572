"""A scikit-learn classifier that trains the all-CNN through skorch.

Training needs torch; predicting does not. ``fit`` folds the trained network into
a handful of matrices, ``layers_``, and ``predict_proba`` multiplies them.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from .._validation import (
    Interval,
    StrOptions,
    check_is_fitted,
    check_random_state,
    fit_context,
    validate_data,
)
from ._encoding import Encoding
from ._preparation import (
    axis_of,
    class_positions,
    fitted_augmenter,
    fitted_encoding,
    set_aside,
)
from ._presets import PRESETS, Architecture

__all__ = ["AllCNNClassifier"]

Array = npt.NDArray[Any]

_PREDICT_BATCH = 256
_ROWS_AT_ONCE = 16
_ARCHITECTURE = ("n_filters", "kernel_sizes", "channels", "batch_norm", "n_linear", "q_bias")


class AllCNNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """All-convolutional classifier of one-dimensional patterns.

    NaN means not measured: such a point gets the value of the mean training
    pattern, the scale of a pattern with NaN is set by its measured points, and the
    network is told which points were measured.

    Parameters
    ----------
    preset : {"robust", "paper"}, default="robust"
        Architecture: ``"paper"`` is the published network, five convolutions of 32
        filters and global average pooling; ``"robust"`` also sees which points were
        measured and what a matched filter would see, and its last convolution spans
        the whole range.
    n_filters : int or tuple of int, optional
        Filters of every convolution, or of each, instead of the preset's.
    kernel_sizes : tuple of int, optional
        Kernel size, and stride, of each convolution, instead of the preset's.
    channels : tuple of str, optional
        What the network sees at each point, instead of the preset's: of
        ``"deviation"`` from the mean training pattern, ``"residual"``, that deviation
        without what varies within a class, the ``"pattern"`` itself, the ``"mask"``
        of measured points.
    batch_norm : bool, optional
        Whether to use batch normalisation, instead of the preset's.
    n_linear : int, optional
        How many of the first convolutions have no ReLU, instead of the preset's.
    q_bias : bool, optional
        Whether the biases depend on Q, instead of the preset's.
    classes : array-like of shape (n_classes,) of numbers, optional
        Ascending classes. A label between two of them counts to both, to each the more
        the nearer it lies: the mean of the classes weighted by their probabilities
        then estimates the label. By default every label is a class.
    lr : float, default=5e-3
        Peak of the learning rate.
    schedule : {"one-cycle", "cosine", "constant"}, default="one-cycle"
        Course of the learning rate: up over the first fifth and down along a cosine;
        down along a cosine; as it is.
    weight_decay : float, default=1e-4
        Of AdamW.
    batch_size : int, default=256
        Patterns in a batch; up to twice as many where the last batch would be short.
    max_epochs : int, default=100
        Epochs, at most.
    steps_per_epoch : int, optional
        Batches in an epoch; by default each pattern is drawn once. With an augmenter
        no two draws are alike, and few patterns can make long epochs.
    early_stopping : bool, default=False
        Whether to set patterns aside, to stop when the loss on them no longer falls,
        and to keep the weights of the best epoch. They are drawn row by row: where X
        holds copies of one simulation, that loss says little about new simulations.
    validation_fraction : float, default=0.1
        Share that is set aside, of every class.
    n_iter_no_change : int, default=20
        Epochs without a better loss before it stops.
    augmenter : transformer, Pipeline of transformers or None, default=None
        Of :mod:`sk_qdots.augmentation`, such as ``RandomExperiment()``; its
        ``perturb`` draws every batch afresh.
    warm_start : bool, default=False
        Whether to go on from the weights of the last ``fit``; the encoding stays, and
        the epochs are counted on.
    checkpoint : str, path-like or None, default=None
        File that the state is kept in during training, every 20 seconds at most.
        Calling ``fit`` again with the same patterns and parameters, ``random_state`` an
        integer, goes on from it. It holds one training: not for a grid search, and
        another file for each ``fit`` of a warm start.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products in training. Half precision learns as well and is faster
        where the processor has it, and slower where it has not.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to train; "auto" takes a GPU if there is one.
    n_workers : int, default=0
        Processes that draw batches while another trains. The result is the same. Where
        processes are not forked (macOS, Windows) starting them takes seconds an epoch.
    n_threads : int, default=1
        Threads of the matrix products in training. Another number changes the last
        digits of the result; one keeps it the same for any ``n_jobs`` of a search.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches and the augmentation.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels.
    net_ : skorch.NeuralNetClassifier
        The trained network; absent in a classifier that was loaded from a file.
    history_ : DataFrame
        A row for each epoch of the last ``fit``: epoch, train_loss, lr, seconds
        (validation included), and with early stopping valid_loss and valid_accuracy.
        Absent in a classifier that was loaded.
    architecture_ : Architecture
        The preset with what was given instead.
    encoding_ : Encoding
        What turns patterns into what the network sees.
    augmenter_ : transformer or None
        The fitted augmenter.
    layers_ : list of tuple of ndarray
        Folded weights and biases that ``predict_proba`` uses.
    n_features_in_ : int
        Number of points of a pattern.

    See Also
    --------
    sk_qdots.make_sizing_pipeline : With the standardiser in front.

    References
    ----------
    .. [1] L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024).

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots import AllCNNClassifier
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat([2000, 3000], 40)
    >>> X = rng.normal(size=(80, 60)) + (y[:, None] > 2500) * np.sin(np.arange(60))
    >>> AllCNNClassifier(max_epochs=20, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    says_most_probable = True  # what Answers need not ask twice

    encoding_: Encoding
    net_: Any
    history_: Any

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "preset": [StrOptions(set(PRESETS))],
        "n_filters": [Interval(Integral, 1, None, closed="left"), tuple, list, None],
        "kernel_sizes": [tuple, list, None],
        "channels": [tuple, list, None],
        "batch_norm": ["boolean", None],
        "n_linear": [Interval(Integral, 0, None, closed="left"), None],
        "q_bias": ["boolean", None],
        "classes": ["array-like", None],
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
        classes: npt.ArrayLike | None = None,
        lr: float = 5e-3,
        schedule: str = "one-cycle",
        weight_decay: float = 1e-4,
        batch_size: int = 256,
        max_epochs: int = 100,
        steps_per_epoch: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        augmenter: Any = None,
        warm_start: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        precision: str = "float32",
        device: str = "auto",
        n_workers: int = 0,
        n_threads: int = 1,
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.preset = preset
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.channels = channels
        self.batch_norm = batch_norm
        self.n_linear = n_linear
        self.q_bias = q_bias
        self.classes = classes
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

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or DataArray of shape (n_samples, n_features)
            Patterns of one area on one grid; NaN means not measured. An augmenter
            without a grid of its own takes that of a DataArray, and
            :func:`sk_qdots.default_q_grid` else.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self

        Raises
        ------
        KeyboardInterrupt
            If it was interrupted; with a checkpoint, ``fit`` again goes on.
        ValueError
            If the training diverges, or the checkpoint belongs to another training or is
            damaged.
        OSError
            If the checkpoint cannot be read or written.
        """
        import pandas as pd

        from ._training import Plan, fixed_threads, train

        architecture = self._architecture()
        goes_on = self.warm_start and hasattr(self, "layers_")
        if not goes_on:
            # What an interrupted training leaves must not answer with half of the old network.
            for name in ("layers_", "net_", "history_"):
                self.__dict__.pop(name, None)
        axis = axis_of(X)
        X, y = validate_data(
            self,
            X,
            y,
            reset=not goes_on,
            dtype=np.float32,
            order="C",
            ensure_all_finite="allow-nan",
        )
        classes, positions = class_positions(self.classes, y)
        if goes_on:
            self._check_can_go_on(architecture, classes)
        seed = self._seed()
        augmenter = fitted_augmenter(self.augmenter, X, axis, seed)
        train_set, valid_set = (X, positions), None
        if self.early_stopping:
            train_set, valid_set = set_aside(X, positions, self.validation_fraction, seed)
        if len(train_set[0]) < 2:
            raise ValueError(f"n_samples = {len(train_set[0])} to train on; it takes 2 or more")
        if goes_on:
            encoding = self.encoding_
        else:
            with fixed_threads(self.n_threads):
                encoding = fitted_encoding(train_set[0], train_set[1], augmenter, seed)
        plan = Plan(
            architecture=architecture,
            n_classes=len(classes),
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
            train_set,
            valid_set,
            checkpoint=None if self.checkpoint is None else Path(self.checkpoint),
            weights=self.net_.module_.state_dict() if goes_on else None,
        )
        self.classes_ = classes
        self.architecture_ = architecture
        self.augmenter_ = augmenter
        self.encoding_ = encoding
        self.net_ = training.net
        self.history_ = pd.DataFrame(training.rows)
        self.layers_ = self.net_.module_.folded_layers()
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has another number of columns than in ``fit``, a row of NaN only, or
            values so extreme that the network has no answer.
        """
        check_is_fitted(self, "layers_")
        X = validate_data(self, X, reset=False, dtype=np.float32, ensure_all_finite="allow-nan")
        if not np.isfinite(X).any(axis=1).all():
            raise ValueError("X holds a pattern without a measured point: every value is NaN")
        logits = np.empty((len(X), len(self.classes_)))
        for start in range(0, len(X), _PREDICT_BATCH):
            rows = X[start : start + _PREDICT_BATCH]
            n_rows = len(rows)
            # A matrix product of few rows may round otherwise: the answer for a pattern
            # does not depend on how many others came with it.
            rows = rows[np.arange(-(-n_rows // _ROWS_AT_ONCE) * _ROWS_AT_ONCE) % n_rows]
            with np.errstate(over="ignore", invalid="ignore"):  # looked for below
                logits[start : start + n_rows] = self._logits(self.encode(rows))[:n_rows]
        if not np.isfinite(logits).all():
            raise ValueError("the network has no finite answer: look for extreme values in X")
        return np.asarray(softmax(logits, axis=1))

    def predict(self, X: Any) -> Array:
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict_proba`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def encode(self, X: Array) -> npt.NDArray[np.float32]:
        """Turn patterns into what the network sees.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_features, n_channels), float32
        """
        check_is_fitted(self, "encoding_")
        return self.encoding_(X, self.architecture_.channels)

    def _logits(self, encoded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
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
        chosen = {name: _plain(value) for name, value in given.items() if value is not None}
        return replace(PRESETS[self.preset], **chosen)

    def _check_can_go_on(self, architecture: Architecture, classes: Array) -> None:
        if not hasattr(self, "net_"):
            raise ValueError(
                "warm_start needs a network that was trained here; one that was loaded from a "
                "file predicts only"
            )
        if not np.array_equal(classes, self.classes_) or architecture != self.architecture_:
            raise ValueError(
                "warm_start needs the classes and the architecture of the last fit; set "
                "warm_start=False to train afresh"
            )

    def _seed(self) -> int:
        if self.checkpoint is not None and not isinstance(self.random_state, Integral):
            raise ValueError(
                f"checkpoint needs random_state to be an integer, not {self.random_state!r}: "
                "another seed would be another training"
            )
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _plain(value: Any) -> Any:
    """A parameter that a grid search may have given as a list or a numpy number."""
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    return value.item() if isinstance(value, np.generic) else value

"""A scikit-learn classifier that trains the all-CNN through skorch.

Training needs torch; predicting does not. ``fit`` folds the trained network into
a handful of matrices, ``layers_``, and ``predict_proba`` multiplies them.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets

from .._validation import (
    Interval,
    StrOptions,
    check_is_fitted,
    check_random_state,
    fit_context,
    validate_data,
)
from ..augmentation import perturb
from ..augmentation._base import check_augmenter
from ..simulation import default_q_grid

__all__ = ["AllCNNClassifier"]

Array = npt.NDArray[Any]

_CHANNELS = ("deviation", "pattern", "mask")
_PREDICT_BATCH = 512
_REFERENCE_ROWS = 2048  # augmented rows that the mean pattern is taken over


class AllCNNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """All-convolutional classifier of one-dimensional patterns.

    NaN means not measured: such a point gets the value of the mean training
    pattern, the pattern's scale is set by its measured points alone, and the
    network is told which points were measured.

    Parameters
    ----------
    n_filters : int, default=32
        Filters of every convolution.
    kernel_sizes : tuple of int, default=(10, 5, 4, 3, 2)
        Kernel size, and stride, of each convolution.
    batch_norm : bool, default=True
        Whether to use batch normalisation.
    channels : tuple of str, default=("deviation", "pattern", "mask")
        What the network sees at each point: the deviation from the mean training
        pattern, the pattern itself, whether the point was measured.
    lr : float, default=5e-3
        Peak of the one-cycle learning rate.
    weight_decay : float, default=1e-4
        Of AdamW.
    batch_size : int, default=256
        Patterns in a batch; a little larger where the last batch would have one.
    max_epochs : int, default=30
        Passes over the training patterns.
    augmenter : transformer, Pipeline of transformers or None, default=None
        Of :mod:`sk_qdots.augmentation`, such as ``RandomExperiment()``; its
        ``perturb`` draws every batch afresh.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where to train; "auto" takes a GPU if there is one.
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
    augmenter_ : transformer or None
        The fitted augmenter.
    layers_ : list of tuple of ndarray
        Folded weights and biases that ``predict_proba`` uses.
    mean_ : ndarray of shape (n_features,)
        Mean training pattern.
    scale_ : tuple of 2 float
        Root mean square of the deviations from the mean pattern, and of the patterns.
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

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "kernel_sizes": [tuple, list],
        "batch_norm": ["boolean"],
        "channels": [tuple, list],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "augmenter": "no_validation",
        "device": [StrOptions({"auto", "cpu", "cuda"})],
        "verbose": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_filters: int = 32,
        kernel_sizes: tuple[int, ...] = (10, 5, 4, 3, 2),
        batch_norm: bool = True,
        channels: tuple[str, ...] = _CHANNELS,
        lr: float = 5e-3,
        weight_decay: float = 1e-4,
        batch_size: int = 256,
        max_epochs: int = 30,
        augmenter: Any = None,
        device: str = "auto",
        verbose: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_filters = n_filters
        self.kernel_sizes = kernel_sizes
        self.batch_norm = batch_norm
        self.channels = channels
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.augmenter = augmenter
        self.device = device
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Patterns on one grid; NaN means not measured.
        y : array-like of shape (n_samples,)
            Class labels.

        Returns
        -------
        self
        """
        from ._training import train

        self._check_layout()
        X, y = validate_data(
            self, X, y, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan"
        )
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present: {self.classes_[0]!r}"
            )
        random_state = check_random_state(self.random_state)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        rng = np.random.default_rng(seed)
        augmenter = None
        self.augmenter_ = None
        reference = X
        if self.augmenter is not None:
            from sklearn.base import clone

            check_augmenter(self.augmenter)
            augmenter = clone(self.augmenter)
            if "random_state" in augmenter.get_params() and augmenter.random_state is None:
                augmenter.set_params(random_state=seed)
            if getattr(augmenter, "q", True) is None and X.shape[1] != len(default_q_grid()):
                raise ValueError(
                    f"the patterns have {X.shape[1]} points, not those of default_q_grid(): give "
                    f"the augmenter its grid, {type(augmenter).__name__}(q=...)"
                )
            augmenter.fit(X)
            rows = rng.choice(len(X), min(_REFERENCE_ROWS, 4 * len(X)))
            reference = perturb(augmenter, X[rows], rng)
            self.augmenter_ = augmenter
        self._set_encoding(reference)
        self.net_ = train(self, X, encoder.transform(y).astype(np.int64), augmenter, seed)
        self.layers_ = self.net_.module_.folded_layers()
        return self

    def predict_proba(self, X: Any) -> Array:
        """Probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self, "layers_")
        X = validate_data(
            self, X, reset=False, dtype=[np.float32, np.float64], ensure_all_finite="allow-nan"
        )
        parts = [
            self._logits(self.encode(X[start : start + _PREDICT_BATCH]))
            for start in range(0, len(X), _PREDICT_BATCH)
        ]
        return np.asarray(softmax(np.concatenate(parts).astype(np.float64), axis=1))

    def predict(self, X: Any) -> Array:
        """Most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
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
        X = X.astype(np.float32, copy=False)
        mean = self.mean_.astype(np.float32)
        measured = np.isfinite(X)
        values = X
        if not measured.all():
            values = np.where(measured, X, np.float32(0.0))
            own = values.sum(axis=1, dtype=np.float64)
            expected = measured @ self.mean_
            usable = (own > 0) & (expected > 0) & ~measured.all(axis=1)
            factor = np.divide(expected, own, out=np.ones_like(own), where=usable)
            values *= factor[:, None].astype(np.float32)
            np.copyto(values, mean, where=~measured)
        deviation, level = (np.float32(value) for value in self.scale_)
        encoded = np.empty((*X.shape, len(self.channels)), dtype=np.float32)
        for k, channel in enumerate(self.channels):
            if channel == "deviation":
                encoded[:, :, k] = (values - mean) / deviation
            elif channel == "pattern":
                encoded[:, :, k] = values / level
            else:
                encoded[:, :, k] = measured
        return encoded

    def _set_encoding(self, reference: Array) -> None:
        measured = np.isfinite(reference)
        counts = np.maximum(measured.sum(axis=0), 1)
        self.mean_ = np.where(measured, reference, 0.0).sum(axis=0, dtype=np.float64) / counts
        deviation = np.where(measured, reference - self.mean_, 0.0)
        level = np.where(measured, reference, 0.0)
        n_measured = max(int(measured.sum()), 1)
        rms = [
            float(np.sqrt((v**2).sum(dtype=np.float64) / n_measured)) for v in (deviation, level)
        ]
        self.scale_ = (rms[0] or 1.0, rms[1] or 1.0)

    def _logits(self, encoded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        hidden = encoded
        for kernel, (weight, bias) in zip(self.kernel_sizes, self.layers_[:-1], strict=True):
            n_samples, length, channels = hidden.shape
            missing = -length % kernel
            if missing:
                before = missing // 2
                hidden = np.pad(hidden, ((0, 0), (before, missing - before), (0, 0)))
            hidden = hidden.reshape(-1, kernel * channels) @ weight
            hidden += bias
            np.maximum(hidden, 0.0, out=hidden)
            hidden = hidden.reshape(n_samples, (length + missing) // kernel, -1)
        weight, bias = self.layers_[-1]
        return np.asarray(hidden.mean(axis=1) @ weight + bias)

    def _check_layout(self) -> None:
        if not self.kernel_sizes or not all(
            isinstance(k, int | np.integer) and k >= 1 for k in self.kernel_sizes
        ):
            raise ValueError(f"kernel_sizes is {self.kernel_sizes}; it must hold integers >= 1")
        unknown = [c for c in self.channels if c not in _CHANNELS]
        if unknown or not self.channels:
            raise ValueError(f"channels is {self.channels}; choose from {_CHANNELS}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

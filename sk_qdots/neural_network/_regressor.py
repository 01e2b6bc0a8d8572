"""A scikit-learn regressor that trains the all-CNN through skorch.

The network gives the mean and the logarithm of the variance of every target, and is
trained by their likelihood: where a pattern tells little, it learns to say so.
"""

from __future__ import annotations

from typing import Literal, Self, overload

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from .._typing import Float32Array, FloatArray
from .._validation import fit_context
from ._base import AllCNNEstimator
from ._presets import LOG_VARIANCES

__all__ = ["AllCNNRegressor"]

_N_STRATA = 17  # of the first target, within which the encoding looks for what varies


class AllCNNRegressor(RegressorMixin, AllCNNEstimator):  # type: ignore[misc]
    """All-convolutional regressor of one-dimensional patterns, with uncertainties.

    Parameters
    ----------
    preset, n_filters, kernel_sizes, channels, batch_norm, n_linear, q_bias
        Architecture, as in :class:`AllCNNClassifier`.
    lr, schedule, weight_decay, batch_size, max_epochs, steps_per_epoch
        Training, as there.
    early_stopping, validation_fraction, n_iter_no_change
        As there; patterns are set aside for every seventeenth of the first target.
    augmenter, warm_start, checkpoint, precision, device, n_workers, n_threads
        As there.
    verbose : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState instance or None, default=None
        Seed of the weights, the batches and the augmentation.

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (n_targets,)
        Means and standard deviations of the training targets.
    net_ : skorch.NeuralNetRegressor
        The trained network; absent in a regressor that was loaded from a file.
    history_ : DataFrame
        A row for each epoch of the last ``fit``: epoch, train_loss, lr, seconds, and with
        early stopping valid_loss.
    architecture_ : Architecture
        The preset with what was given instead.
    encoding_ : Encoding
        What turns patterns into what the network sees.
    layers_ : list of tuple of ndarray
        Folded weights and biases that ``predict`` uses.
    n_features_in_ : int
        Number of points of a pattern.

    See Also
    --------
    AllCNNClassifier : Classes and their probabilities.

    Notes
    -----
    The loss is the negative logarithm of a Gaussian likelihood, the targets scaled to
    variance 1 [1]_.

    References
    ----------
    .. [1] D. A. Nix, A. S. Weigend, Proc. IEEE Int. Conf. on Neural Networks, 55 (1994).

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots import AllCNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> y = rng.uniform(2.0, 4.0, 400)
    >>> X = 2.0 + np.cos(np.arange(60) * y[:, None] / 20.0) + 0.02 * rng.normal(size=(400, 60))
    >>> regressor = AllCNNRegressor(n_filters=16, max_epochs=40, random_state=0).fit(X, y)
    >>> mean, deviation = regressor.predict(X, return_std=True)
    >>> bool(np.abs(mean - y).mean() < 0.1)
    True
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or DataArray of shape (n_samples, n_features)
            Patterns of one area on one grid; NaN means not measured.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)

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

        def prepare(
            labels: npt.NDArray[np.generic], goes_on: bool
        ) -> tuple[Float32Array, npt.NDArray[np.intp]]:
            rows = np.asarray(labels, dtype=np.float64)
            rows = rows[:, None] if rows.ndim == 1 else rows
            if not goes_on:
                self._flat = labels.ndim == 1
                self.mean_, scale = rows.mean(axis=0), rows.std(axis=0)
                self.scale_ = np.where(scale > 0, scale, 1.0)
            elif rows.shape[1] != len(self.mean_):
                raise ValueError(
                    f"y has {rows.shape[1]} targets and the last fit had {len(self.mean_)}; set "
                    "warm_start=False to train afresh"
                )
            ranks = np.argsort(np.argsort(rows[:, 0], kind="stable"), kind="stable")
            strata = ranks * min(_N_STRATA, max(len(rows) // 2, 1)) // len(rows)
            return ((rows - self.mean_) / self.scale_).astype(np.float32), strata

        checks = {"multi_output": True, "y_numeric": True}
        self._train(X, y, prepare, "gaussian", lambda targets: 2 * targets.shape[1], **checks)
        return self

    @overload
    def predict(
        self, X: xr.DataArray | npt.ArrayLike, return_std: Literal[False] = False
    ) -> FloatArray: ...

    @overload
    def predict(
        self, X: xr.DataArray | npt.ArrayLike, return_std: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    @overload
    def predict(
        self, X: xr.DataArray | npt.ArrayLike, return_std: bool
    ) -> FloatArray | tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: xr.DataArray | npt.ArrayLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Targets of each pattern, and how well they are known.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.
        return_std : bool, default=False
            Whether to return the standard deviations too.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            As the ``y`` of ``fit``.
        std : ndarray of the same shape
            With ``return_std``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ValueError
            If X has another number of columns than in ``fit``, a row of NaN only, or
            values so extreme that the network has no answer.
        """
        outputs = self._outputs(X)
        mean, logarithm = np.split(outputs, 2, axis=1)
        mean = self.mean_ + self.scale_ * mean
        std = self.scale_ * np.exp(0.5 * np.clip(logarithm, *LOG_VARIANCES))
        if self._flat:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

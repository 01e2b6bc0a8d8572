"""A scikit-learn regressor that trains the all-CNN through skorch.

The network gives the mean and the logarithm of the variance of every target, and is
trained by their likelihood: where a pattern tells little, it learns to say so. Where one
bell curve cannot say what is known, it gives a mixture of several.
"""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from typing import ClassVar, Literal, Self, overload

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from .._typing import Float32Array, FloatArray
from .._validation import Interval, check_random_state, fit_context
from ..augmentation.base import Transformer
from ._base import AllCNNEstimator
from .mixture import Mixtures, n_components_of, n_mixture_outputs

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
    n_told : int, default=0
        As in :class:`AllCNNClassifier`.
    n_components : int, default=1
        Gaussians that the answer to a pattern is a mixture of, over all targets jointly: with
        two or more it can say that a pattern has two readings, and which values go together.

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
        Number of columns: points of a pattern, and what is told.

    See Also
    --------
    AllCNNClassifier : Classes and their probabilities.

    Notes
    -----
    The loss is the negative logarithm of a Gaussian likelihood, the targets scaled to
    variance 1 [1]_, or of that of a mixture whose components have diagonal covariances [2]_.

    References
    ----------
    .. [1] D. A. Nix, A. S. Weigend, Proc. IEEE Int. Conf. on Neural Networks, 55 (1994).
    .. [2] C. M. Bishop, "Mixture density networks", Aston University (1994).

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

    _parameter_constraints: ClassVar[dict[str, list[object] | str]] = {
        **AllCNNEstimator._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
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
        n_components: int = 1,
    ) -> None:
        super().__init__(
            preset=preset,
            n_filters=n_filters,
            kernel_sizes=kernel_sizes,
            channels=channels,
            batch_norm=batch_norm,
            n_linear=n_linear,
            q_bias=q_bias,
            lr=lr,
            schedule=schedule,
            weight_decay=weight_decay,
            batch_size=batch_size,
            max_epochs=max_epochs,
            steps_per_epoch=steps_per_epoch,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            augmenter=augmenter,
            warm_start=warm_start,
            checkpoint=checkpoint,
            precision=precision,
            device=device,
            n_workers=n_workers,
            n_threads=n_threads,
            verbose=verbose,
            random_state=random_state,
            n_told=n_told,
        )
        self.n_components = n_components

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: xr.DataArray | npt.ArrayLike,
        y: npt.ArrayLike,
        trunk: AllCNNEstimator | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or DataArray of shape (n_samples, n_features)
            Patterns of one area on one grid; NaN means not measured.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        trunk : AllCNNClassifier or AllCNNRegressor, optional
            Network of the same architecture, trained on the same patterns: what it sees and its
            convolutions are taken to start from, which learns sooner. Not where a warm start
            goes on.

        Returns
        -------
        self

        Raises
        ------
        KeyboardInterrupt
            If it was interrupted; with a checkpoint, ``fit`` again goes on.
        ValueError
            If the training diverges, or the checkpoint belongs to another training or is
            damaged; or if ``trunk`` has another architecture or other columns, or was loaded
            from a file.
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
            elif self.n_components != self._fitted_components:
                raise ValueError(
                    f"n_components is {self.n_components} and the last fit had "
                    f"{self._fitted_components}; set warm_start=False to train afresh"
                )
            ranks = np.argsort(np.argsort(rows[:, 0], kind="stable"), kind="stable")
            strata = ranks * min(_N_STRATA, max(len(rows) // 2, 1)) // len(rows)
            return ((rows - self.mean_) / self.scale_).astype(np.float32), strata

        checks = {"multi_output": True, "y_numeric": True}
        self._train(
            X,
            y,
            prepare,
            "gaussian" if self.n_components == 1 else "mixture",
            lambda targets: n_mixture_outputs(self.n_components, targets.shape[1]),
            self.n_components,
            trunk,
            **checks,
        )
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
        mixtures = self._mixtures(X)
        mean, std = mixtures.mean(), mixtures.std()
        if self._flat:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def predict_interval(
        self, X: xr.DataArray | npt.ArrayLike, coverage: float = 0.9
    ) -> FloatArray:
        """Intervals of the targets, with as much below as above.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.
        coverage : float, default=0.9
            How probable it is that a target lies in its interval, between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, 2) or (n_samples, n_targets, 2)
            Lower and upper end, quantiles of the normal distribution or of the mixture.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_qdots import AllCNNRegressor
        >>> y = np.linspace(2.0, 4.0, 100)
        >>> X = 2.0 + np.cos(np.arange(60) * y[:, None] / 20.0)
        >>> regressor = AllCNNRegressor(n_filters=16, max_epochs=2, random_state=0).fit(X, y)
        >>> narrow, wide = (regressor.predict_interval(X, coverage) for coverage in (0.5, 0.9))
        >>> wide.shape, bool((wide[:, 0] < narrow[:, 0]).all())
        ((100, 2), True)
        """
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage is {coverage}; it must lie between 0 and 1")
        found = self._mixtures(X).intervals(coverage)
        return found[:, 0] if self._flat else found

    def predict_mixture(
        self, X: xr.DataArray | npt.ArrayLike
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The mixture of Gaussians that is known of each pattern.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.

        Returns
        -------
        weights : ndarray of shape (n_samples, n_components)
            Rows add up to 1.
        means, stds : ndarray of shape (n_samples, n_components, n_targets)
            Of every component; within one the targets are independent.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`.

        Examples
        --------
        What tells only the square of a number leaves two readings:

        >>> import numpy as np
        >>> from sk_qdots import AllCNNRegressor
        >>> rng = np.random.default_rng(0)
        >>> y = rng.choice([-1.0, 1.0], 600) * rng.uniform(1.0, 2.0, 600)
        >>> X = 2.0 + np.cos(np.arange(60) * y[:, None] ** 2 / 40.0)
        >>> regressor = AllCNNRegressor(
        ...     n_filters=16, max_epochs=40, batch_size=64, n_components=2, random_state=0
        ... ).fit(X, y)
        >>> weights, means, stds = regressor.predict_mixture(X[:1])
        >>> weights.shape, means.shape, bool(means.min() < -0.8 and means.max() > 0.8)
        ((1, 2), (1, 2, 1), True)
        """
        mixtures = self._mixtures(X)
        return mixtures.weights, mixtures.means, mixtures.stds

    def sample(
        self,
        X: xr.DataArray | npt.ArrayLike,
        n_draws: int = 1000,
        random_state: int | np.random.RandomState | None = None,
    ) -> FloatArray:
        """Joint draws of the targets of each pattern.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            NaN means not measured.
        n_draws : int, default=1000
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n_samples, n_draws) or (n_samples, n_draws, n_targets)
            Equally likely.

        Raises
        ------
        NotFittedError, ValueError
            As :meth:`predict`.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_qdots import AllCNNRegressor
        >>> y = np.linspace(2.0, 4.0, 100)
        >>> X = 2.0 + np.cos(np.arange(60) * y[:, None] / 20.0)
        >>> regressor = AllCNNRegressor(n_filters=16, max_epochs=2, random_state=0).fit(X, y)
        >>> regressor.sample(X, n_draws=10, random_state=0).shape
        (100, 10)
        """
        if n_draws < 1:
            raise ValueError(f"n_draws is {n_draws}; it must be 1 or more")
        draws = self._mixtures(X).sample(n_draws, check_random_state(random_state))
        return draws[:, :, 0] if self._flat else draws

    def _mixtures(self, X: xr.DataArray | npt.ArrayLike) -> Mixtures:
        outputs = self._outputs(X)
        return Mixtures.from_outputs(outputs, self._fitted_components, self.mean_, self.scale_)

    @property
    def _fitted_components(self) -> int:
        """Components of the trained network, whatever the parameter is set to since."""
        return n_components_of(len(self.layers_[-1][1]), len(self.mean_))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

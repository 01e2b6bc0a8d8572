"""A scikit-learn classifier that trains the all-CNN through skorch."""

from __future__ import annotations

from os import PathLike
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import softmax
from sklearn.base import ClassifierMixin

from .._typing import Float32Array, FloatArray
from .._validation import fit_context
from ..augmentation.base import Transformer
from ._base import AllCNNEstimator
from ._preparation import class_positions, soft_targets

__all__ = ["AllCNNClassifier"]


class AllCNNClassifier(ClassifierMixin, AllCNNEstimator):  # type: ignore[misc]
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
        of measured points; with ``n_told`` what is ``"told"``, and whether it
        ``"is told"``, which the presets then have besides.
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
    n_told : int, default=0
        Last columns of X that are no points of the pattern: they tell the resolution of the
        instrument, as ``QStandardizer(n_told=...)`` writes it. NaN in all of them means that it
        is not known.

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
        Number of columns: points of a pattern, and what is told.

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

    predicts_most_probable = True  # what Answers need not ask twice
    classes_: npt.NDArray[np.generic]

    _parameter_constraints: ClassVar[dict[str, list[object] | str]] = {
        **AllCNNEstimator._parameter_constraints,
        "classes": ["array-like", None],
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
        self.classes = classes

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: xr.DataArray | npt.ArrayLike, y: npt.ArrayLike) -> Self:
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

        def prepare(
            labels: npt.NDArray[np.generic], goes_on: bool
        ) -> tuple[Float32Array, FloatArray]:
            classes, positions = class_positions(self.classes, labels)
            if goes_on and not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "warm_start needs the classes of the last fit; set warm_start=False to train "
                    "afresh"
                )
            self.classes_ = classes
            return soft_targets(positions, len(classes)), positions

        self._train(X, y, prepare, "cross-entropy", lambda targets: targets.shape[1])
        return self

    def predict_proba(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
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
        return np.asarray(softmax(self._outputs(X), axis=1))

    def predict(self, X: xr.DataArray | npt.ArrayLike) -> npt.NDArray[np.generic]:
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

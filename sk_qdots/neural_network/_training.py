"""The training loop: a skorch net, fed with freshly augmented batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, LRScheduler
from skorch.dataset import Dataset
from tqdm import tqdm

from ..augmentation import perturb
from ._module import AllCNN

__all__ = ["train"]

Array = npt.NDArray[Any]


class _Collate:
    """Turn rows into one batch of what the network sees, augmented on the way."""

    def __init__(self, classifier: Any, augmenter: Any = None, seed: int = 0) -> None:
        self.classifier = classifier
        self.augmenter = augmenter
        self.rng = np.random.default_rng([seed, 1])

    def __call__(self, items: list[tuple[Array, Any]]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.stack([np.asarray(x) for x, _ in items])
        labels = torch.as_tensor(np.array([int(y) for _, y in items]))
        if self.augmenter is not None:
            rows = perturb(self.augmenter, rows, self.rng)
        return torch.from_numpy(self.classifier.encode(rows)), labels


class _Progress(Callback):  # type: ignore[misc]
    """A progress bar over epochs, with the running loss."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.bar_ = tqdm(total=net.max_epochs, desc="training", unit="epoch")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.3f}", refresh=False)
        self.bar_.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self.bar_.close()


def train(
    classifier: Any, X: Array, y: npt.NDArray[np.int64], augmenter: Any, seed: int
) -> NeuralNetClassifier:
    """Build and train the net of a classifier.

    Parameters
    ----------
    classifier : AllCNNClassifier
        With its parameters and its encoding set.
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Class indices.
    augmenter : transformer or None
        Fitted.
    seed : int

    Returns
    -------
    skorch.NeuralNetClassifier
        Trained.
    """
    device = classifier.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    batch_size = classifier.batch_size
    while len(X) % batch_size == 1:  # batch normalisation cannot do with one pattern
        batch_size += 1
    n_batches = -(-len(X) // batch_size)
    callbacks: list[tuple[str, Callback]] = [
        (
            "schedule",
            LRScheduler(
                torch.optim.lr_scheduler.OneCycleLR,
                max_lr=classifier.lr,
                total_steps=max(2, n_batches * classifier.max_epochs),
                step_every="batch",
            ),
        )
    ]
    if classifier.verbose:
        callbacks.append(("progress", _Progress()))
    # The caller's random numbers are not touched.
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        net = NeuralNetClassifier(
            AllCNN,
            module__n_classes=len(classifier.classes_),
            module__n_channels=len(classifier.channels),
            module__n_filters=classifier.n_filters,
            module__kernel_sizes=tuple(classifier.kernel_sizes),
            module__batch_norm=classifier.batch_norm,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=classifier.weight_decay,
            lr=classifier.lr,
            batch_size=batch_size,
            max_epochs=classifier.max_epochs,
            iterator_train__shuffle=True,
            iterator_train__collate_fn=_Collate(classifier, augmenter, seed),
            iterator_valid__collate_fn=_Collate(classifier),
            classes=np.arange(len(classifier.classes_)),
            train_split=None,
            callbacks=callbacks,
            device=device,
            verbose=0,
        )
        net.fit(Dataset(X.astype(np.float32, copy=False), y), y=None)
    return net

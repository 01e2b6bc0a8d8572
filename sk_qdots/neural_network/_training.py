"""The training loop: a skorch net, fed with freshly augmented batches.

What an epoch does follows from the seed and its number alone, so that a training
that was interrupted goes on from its checkpoint as if nothing had happened, and the
number of worker processes changes nothing.
"""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .._typing import IntArray, RealArray
from ..augmentation import perturb
from ..augmentation.base import Transformer
from ._checkpoint import Checkpoint
from ._encoding import Encoding
from ._losses import LOSSES, spread_components
from ._module import AllCNN, arguments
from ._plan import Plan, Samples, Training

__all__ = ["fixed_threads", "train"]

_WARM_UP = 0.2  # of a one-cycle schedule
_START_RATE = 1 / 25  # of the peak learning rate
_END_RATE = 1e-4


class _Batches(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """The batches of an epoch, each as the network gets it."""

    def __init__(
        self,
        samples: Samples,
        encoding: Encoding,
        augmenter: Transformer | None,
        plan: Plan,
        *,
        fixed: bool = False,
    ) -> None:
        self.X, self.targets = samples
        self.encoding, self.augmenter = encoding, augmenter
        self.channels, self.seed, self.fixed = plan.architecture.channels, plan.seed, fixed
        # No batch of one, which batch normalisation cannot take.
        self.n_batches, self.n_drawn = max(1, len(self.X) // plan.batch_size), len(self.X)
        if plan.steps_per_epoch is not None and not fixed:
            self.n_batches = plan.steps_per_epoch
            self.n_drawn = self.n_batches * plan.batch_size
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Choose the rows of an epoch."""
        self.epoch = epoch
        order = np.arange(len(self.X))
        if not self.fixed:
            rng = np.random.default_rng([self.seed, 0, epoch])
            passes = -(-self.n_drawn // len(self.X))
            order = np.concatenate([rng.permutation(len(self.X)) for _ in range(passes)])
            order = order[: self.n_drawn]
        self.order = np.array_split(order, self.n_batches)

    def __len__(self) -> int:
        return self.n_batches

    def __getitem__(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self.order[k]
        X: RealArray = self.X[rows]
        if self.augmenter is not None:
            rng = np.random.default_rng([self.seed, 2 if self.fixed else 1, self.epoch, k])
            X = perturb(self.augmenter, X, rng)
        encoded = self.encoding(X, self.channels)
        return torch.from_numpy(encoded), torch.from_numpy(self.targets[rows])


class _Schedule(Callback):  # type: ignore[misc]
    """Epochs and learning rates by number: nothing to remember."""

    def __init__(self, plan: Plan, training: Training, batches: _Batches) -> None:
        self.plan, self.training, self.batches = plan, training, batches

    def on_epoch_begin(self, net: NeuralNet, **kwargs: object) -> None:
        self.batches.set_epoch(self.plan.first_epoch + len(self.training.rows))
        self.step = len(self.training.rows) * len(self.batches)

    def on_batch_begin(self, net: NeuralNet, batch: object = None, training: bool = False) -> None:
        if training:
            done = self.step / max(1, self.plan.max_epochs * len(self.batches) - 1)
            self.rate = self.plan.lr * _relative_rate(self.plan.schedule, done)
            for group in net.optimizer_.param_groups:
                group["lr"] = self.rate
            self.step += 1


def _relative_rate(schedule: str, done: float) -> float:
    """Learning rate relative to its peak, when so much of the training is done."""
    if schedule == "constant":
        return 1.0
    if schedule == "one-cycle" and done < _WARM_UP:
        return _cosine_between(_START_RATE, 1.0, done / _WARM_UP)
    left = done if schedule == "cosine" else (done - _WARM_UP) / (1.0 - _WARM_UP)
    return _cosine_between(1.0, _END_RATE, left)


def _cosine_between(first: float, last: float, done: float) -> float:
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))


class _Record(Callback):  # type: ignore[misc]
    """Write down what each epoch gave."""

    def __init__(self, training: Training, schedule: _Schedule) -> None:
        self.training, self.schedule = training, schedule

    def on_epoch_begin(self, net: NeuralNet, **kwargs: object) -> None:
        self.right = self.seen = 0

    def on_batch_end(
        self,
        net: NeuralNet,
        batch: tuple[torch.Tensor, torch.Tensor],
        training: bool,
        y_pred: torch.Tensor,
        **kwargs: object,
    ) -> None:
        if not training and self.schedule.plan.loss == "cross-entropy":
            labels = batch[1].argmax(dim=1).to(y_pred.device)
            self.right += int((y_pred.argmax(dim=1) == labels).sum())
            self.seen += len(labels)

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        last = net.history[-1]
        if not math.isfinite(last["train_loss"]):
            raise ValueError(
                f"the training diverged (loss {last['train_loss']} in epoch "
                f"{len(self.training.rows) + 1}): lower lr, now {self.schedule.plan.lr:g}, or look "
                "for extreme values in X"
            )
        row = {
            "epoch": self.schedule.plan.first_epoch + len(self.training.rows) + 1,
            "train_loss": float(last["train_loss"]),
            "lr": float(self.schedule.rate),
            "seconds": float(last["dur"]),
        }
        if "valid_loss" in last:
            row["valid_loss"] = float(last["valid_loss"])
        if self.seen:
            row["valid_accuracy"] = self.right / self.seen
        self.training.rows.append(row)


class _EarlyStopping(Callback):  # type: ignore[misc]
    """Keep the weights of the best validation loss; stop when it no longer falls."""

    def __init__(self, training: Training, patience: int) -> None:
        self.training, self.patience = training, patience

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        losses = [np.nan_to_num(row["valid_loss"], nan=np.inf) for row in self.training.rows]
        best = int(np.argmin(losses))
        if best == len(losses) - 1:
            self.training.best = copy.deepcopy(net.module_.state_dict())
        self.training.stopped = len(losses) - 1 - best >= self.patience

    def on_train_end(self, net: NeuralNet, **kwargs: object) -> None:
        if self.training.best is not None:
            net.module_.load_state_dict(self.training.best)


class _Progress(Callback):  # type: ignore[misc]
    """A progress bar over epochs, with the running loss."""

    def __init__(self, training: Training, n_epochs: int) -> None:
        self.training, self.n_epochs = training, n_epochs

    def on_train_begin(self, net: NeuralNet, **kwargs: object) -> None:
        done = len(self.training.rows)
        self.bar = tqdm(total=self.n_epochs, initial=done, desc="training", unit="epoch")

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        row = self.training.rows[-1]
        losses = {"loss": f"{row['train_loss']:.3f}"}
        if "valid_loss" in row:
            losses["valid_loss"] = f"{row['valid_loss']:.3f}"
        self.bar.set_postfix(losses, refresh=False)
        self.bar.update()

    def on_train_end(self, net: NeuralNet, **kwargs: object) -> None:
        self.bar.close()


class _Stopped(Exception):
    """Ends the loop where early stopping wants it."""


class _Stop(Callback):  # type: ignore[misc]
    """Last in line, so that the others have had the epoch."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        if self.training.stopped:
            raise _Stopped


_torch_lock = threading.Lock()
_restorers: list[ExitStack] = []  # one for each that trains; the first one's puts back


@contextmanager
def fixed_threads(n_threads: int) -> Iterator[None]:
    """Matrix products on so many threads, until the last of those that train here ends."""
    with _torch_lock:
        restorer = ExitStack()
        if not _restorers:
            before = torch.get_num_threads()
            blas = threadpool_limits(n_threads, user_api="blas")
            restorer.callback(blas.restore_original_limits)
            restorer.callback(torch.set_num_threads, before)
        _restorers.append(restorer)
        torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        with _torch_lock:
            _restorers.pop().close()


def _initialized(net: NeuralNet, seed: int) -> NeuralNet:
    """Weights from the seed; the random numbers of the caller are not touched."""
    with _torch_lock, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return net.initialize()


def _arguments_of_loss(plan: Plan) -> dict[str, IntArray | int | None]:
    """What the loss, and the net that goes with it, ask for."""
    if plan.loss == "cross-entropy":
        return {"classes": np.arange(plan.n_outputs), "callbacks__valid_acc": None}
    if plan.loss == "mixture":
        return {"criterion__n_components": plan.n_components}
    return {}


def train(
    plan: Plan,
    encoding: Encoding,
    augmenter: Transformer | None,
    train_set: Samples,
    valid_set: Samples | None,
    *,
    checkpoint: Path | None = None,
    weights: Mapping[str, torch.Tensor] | None = None,
) -> Training:
    """Build and train the net of an estimator.

    Parameters
    ----------
    plan : Plan
    encoding : Encoding
    augmenter : transformer or None
        Fitted.
    train_set, valid_set : tuple of ndarray
        Patterns of shape (n_samples, n_features), and what to learn of them: the
        probabilities of the classes, or numbers of mean 0 and variance 1.
    checkpoint : Path, optional
        File to go on from, and to keep the state in.
    weights : dict, optional
        State of a module to start from, whole or in part.

    Returns
    -------
    Training

    Raises
    ------
    KeyboardInterrupt
        If it was interrupted; the checkpoint holds whole epochs, the last ones
        perhaps not.
    ValueError
        If the training diverges, or the checkpoint belongs to another training or is
        damaged.
    OSError
        If the checkpoint cannot be read or written.
    """
    device = plan.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            'device="cuda", and torch finds no such GPU here; "auto" takes what is there'
        )
    batches = _Batches(train_set, encoding, augmenter, plan)
    split = None
    if valid_set is not None:
        split = predefined_split(_Batches(valid_set, encoding, augmenter, plan, fixed=True))

    def random() -> torch.Generator:  # data loaders draw from the global one otherwise
        return torch.Generator().manual_seed(plan.seed)

    criterion, kind = LOSSES[plan.loss]
    net = kind(
        AllCNN,
        module__n_classes=plan.n_outputs,
        module__precision=plan.precision,
        **{
            f"module__{name}": value
            for name, value in arguments(plan.architecture, encoding.n_points).items()
        },
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=plan.weight_decay,
        lr=plan.lr,
        max_epochs=plan.max_epochs,
        iterator_train__batch_size=None,
        iterator_train__num_workers=plan.n_workers,
        iterator_train__generator=random(),
        iterator_valid__batch_size=None,
        iterator_valid__generator=random(),
        train_split=split,
        callbacks__print_log=None,
        device=device,
        verbose=0,
        **_arguments_of_loss(plan),
    )
    training = Training(_initialized(net, plan.seed))
    if plan.loss == "mixture":
        spread_components(net.module_.output, plan.n_components, plan.seed)
    if weights is not None:
        net.module_.load_state_dict({**net.module_.state_dict(), **weights})
    keeper = None
    if checkpoint is not None:
        keeper = Checkpoint(checkpoint, plan, augmenter, train_set, weights)
        keeper.resume(training)
    schedule = _Schedule(plan, training, batches)
    callbacks: list[Callback] = [schedule, _Record(training, schedule)]
    if plan.n_iter_no_change is not None:
        callbacks.append(_EarlyStopping(training, plan.n_iter_no_change))
    if plan.verbose:
        callbacks.append(_Progress(training, plan.max_epochs))
    if keeper is not None:
        callbacks.append(keeper.callback(training))
    own = list(net.callbacks_)
    net.callbacks_ += [(type(c).__name__, c) for c in [*callbacks, _Stop(training)]]
    left = 0 if training.stopped else plan.max_epochs - len(training.rows)
    # As net.partial_fit does, which would swallow an interruption.
    net.notify("on_train_begin", X=batches, y=None)
    try:
        with fixed_threads(plan.n_threads), suppress(_Stopped):
            net.fit_loop(batches, None, epochs=left)
    finally:
        net.notify("on_train_end", X=batches, y=None)
    # The trained net does not carry the training patterns along, and takes encoded ones.
    net.callbacks_, net.train_split = own, None
    net.iterator_valid__batch_size = plan.batch_size
    net.iterator_train__generator = net.iterator_valid__generator = None
    return training

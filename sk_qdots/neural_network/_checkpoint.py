"""The state of a training on disk, to go on from after an interruption."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from skorch.callbacks import Callback

__all__ = ["Checkpoint"]

Array = npt.NDArray[Any]

_SECONDS = 20.0  # between two savings
# What a training does not depend on.
_IRRELEVANT = ("device", "n_workers", "verbose")


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    path : Path
    plan : Plan
    augmenter : transformer or None
    train_set : tuple of ndarray
        Patterns, and where among the classes they lie.
    """

    def __init__(
        self, path: Path, plan: Any, augmenter: Any, train_set: tuple[Array, Array]
    ) -> None:
        self.path = path
        settings = {k: v for k, v in asdict(plan).items() if k not in _IRRELEVANT}
        digest = hashlib.sha256(repr((settings, augmenter)).encode())
        for array in train_set:
            digest.update(np.ascontiguousarray(array).tobytes())
        self.belongs_to = digest.hexdigest()

    def resume(self, training: Any) -> None:
        """Bring a training to where the file left it, if there is one."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.save(training)  # better to fail now than after the first epochs
            return
        net = training.net
        try:
            state = torch.load(self.path, map_location=net.device, weights_only=True)
            belongs_to = state["belongs_to"]
        except PermissionError:
            raise
        except (
            RuntimeError,
            OSError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            UnpicklingError,
        ) as error:
            raise ValueError(
                f"checkpoint {self.path} is not one, or damaged: delete it to train from the "
                f"beginning ({type(error).__name__})"
            ) from None
        if belongs_to != self.belongs_to:
            raise ValueError(
                f"checkpoint {self.path} belongs to a training with other patterns, parameters or "
                "random_state: give another path, or delete it"
            )
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        training.rows[:] = state["rows"]
        training.best, training.stopped = state["best"], state["stopped"]

    def save(self, training: Any) -> None:
        """Write the state; the file appears whole or not at all."""
        state = {
            "belongs_to": self.belongs_to,
            "module": training.net.module_.state_dict(),
            "optimizer": training.net.optimizer_.state_dict(),
            "rows": training.rows,
            "best": training.best,
            "stopped": training.stopped,
        }
        temporary = self.path.with_name(self.path.name + ".part")
        with temporary.open("wb") as file:
            torch.save(state, file)
        temporary.replace(self.path)

    def callback(self, training: Any) -> Callback:
        """Saves after epochs, and when the training ends."""
        return _Save(self, training)


class _Save(Callback):  # type: ignore[misc]
    def __init__(self, checkpoint: Checkpoint, training: Any) -> None:
        self.checkpoint, self.training = checkpoint, training
        self.saved = time.monotonic()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        last = self.training.stopped or len(self.training.rows) == net.max_epochs
        if last or time.monotonic() - self.saved >= _SECONDS:
            self.checkpoint.save(self.training)
            self.saved = time.monotonic()

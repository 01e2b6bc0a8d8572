"""The state of a training on disk, to go on from after an interruption."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError

import joblib
import torch
from sklearn.base import clone
from skorch import NeuralNet
from skorch.callbacks import Callback

from ..augmentation.base import Transformer
from ._plan import Plan, Samples, Training

__all__ = ["Checkpoint"]

_SECONDS_BETWEEN_SAVES = 20.0  # between two savings
# What a training does not depend on.
_IRRELEVANT_SETTINGS = ("device", "n_workers", "verbose")


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    path : Path
    plan : Plan
    augmenter : transformer or None
    train_set : tuple of ndarray
        Patterns, and what to learn of them.
    weights : dict or None
        State of the module that it starts from.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        augmenter: Transformer | None,
        train_set: Samples,
        weights: Mapping[str, torch.Tensor] | None,
    ) -> None:
        self.path = path
        if path.is_dir():
            raise IsADirectoryError(f"checkpoint {path} is a folder; give the path of a file")
        settings = {k: v for k, v in asdict(plan).items() if k not in _IRRELEVANT_SETTINGS}
        start = {k: v.cpu().numpy() for k, v in (weights or {}).items()}
        unfitted = None if augmenter is None else clone(augmenter)
        text = json.dumps(settings, default=float, sort_keys=True)
        self.belongs_to = joblib.hash((text, unfitted, train_set, start))

    def resume(self, training: Training) -> None:
        """Bring a training to where the file left it, if there is one."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.save(training)  # better to fail now than after the first epochs
            return
        net = training.net
        try:
            state = torch.load(self.path, map_location=net.device, weights_only=True)
            if state["belongs_to"] == self.belongs_to:
                net.module_.load_state_dict(state["module"])
                net.optimizer_.load_state_dict(state["optimizer"])
                training.rows[:] = [
                    {str(name): float(value) for name, value in row.items()}
                    for row in state["rows"]
                ]
                training.best, training.stopped = state["best"], bool(state["stopped"])
                return
        except PermissionError:
            raise
        except (
            RuntimeError,
            OSError,
            EOFError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
            struct.error,
            UnpicklingError,
        ) as error:
            raise ValueError(
                f"checkpoint {self.path} is not one, or damaged: delete it to train from the "
                f"beginning ({type(error).__name__})"
            ) from None
        raise ValueError(
            f"checkpoint {self.path} belongs to a training with other patterns, parameters or "
            "random_state: give another path, or delete it"
        )

    def save(self, training: Training) -> None:
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

    def callback(self, training: Training) -> Callback:
        """Saves after an epoch, now and then, and after the last one."""
        return _SaveNowAndThen(self, training)


class _SaveNowAndThen(Callback):  # type: ignore[misc]
    def __init__(self, checkpoint: Checkpoint, training: Training) -> None:
        self.checkpoint, self.training = checkpoint, training
        self.saved = time.monotonic()

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        last = self.training.stopped or len(self.training.rows) == net.max_epochs
        if last or time.monotonic() - self.saved >= _SECONDS_BETWEEN_SAVES:
            self.checkpoint.save(self.training)
            self.saved = time.monotonic()

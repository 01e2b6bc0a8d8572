"""How to train a network, and where a training stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .._typing import Float32Array
from ._presets import Architecture

if TYPE_CHECKING:
    import torch
    from skorch import NeuralNet

__all__ = ["Plan", "Samples", "Training"]

Samples: TypeAlias = tuple[Float32Array, Float32Array]  # patterns, and what to learn of them


@dataclass(frozen=True)
class Plan:
    """How to train; the parameters of :class:`AllCNNClassifier` of the same names."""

    architecture: Architecture
    n_told: int
    n_outputs: int
    loss: str  # a key of LOSSES
    n_components: int  # of a mixture
    lr: float
    weight_decay: float
    schedule: str
    batch_size: int
    first_epoch: int  # that a warm start goes on with
    max_epochs: int
    steps_per_epoch: int | None
    n_iter_no_change: int | None
    precision: str
    device: str
    n_workers: int
    n_threads: int
    verbose: bool
    seed: int


@dataclass
class Training:
    """Where a training stands after its last whole epoch.

    Parameters
    ----------
    net : NeuralNetClassifier or NeuralNetRegressor
    rows : list of dict
        What each epoch gave.
    best : dict, optional
        Weights of the best validation loss.
    stopped : bool
        Whether it stopped early.
    """

    net: NeuralNet
    rows: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None
    stopped: bool = False

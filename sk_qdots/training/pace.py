"""How fast this machine trains: some steps are run and timed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray
from ..augmentation import RandomExperiment
from ..neural_network import AllCNNClassifier, AllCNNRegressor
from .networks import STEPS_PER_EPOCH, classifier_settings, regressor_settings

__all__ = ["Pace", "measured_pace"]

_STEPS = 8  # of an epoch that is timed, the second of two
_ROWS = 64


@dataclass(frozen=True)
class Pace:
    """Seconds that an epoch takes.

    Parameters
    ----------
    classifier, regressor : float
        Of each network.
    """

    classifier: float
    regressor: float


def measured_pace(
    q: FloatArray,
    augmenter: RandomExperiment,
    n_targets: int,
    *,
    precision: str = "float32",
    n_workers: int = 1,
    size: str = "small",
) -> Pace:
    """Run some steps of both networks.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        Grid, in 1/Angstrom.
    augmenter : RandomExperiment
        Which is part of what takes time.
    n_targets : int
        Of the second network.
    precision, n_workers
        As in :class:`AllCNNClassifier`.
    size : {"small", "large"}
        Of the networks.

    Returns
    -------
    Pace
    """
    rng = np.random.default_rng(0)
    peaks = 1.0 + np.cos(8.0 * q + rng.uniform(0.0, 6.0, (_ROWS, 1)))
    X = np.full((_ROWS, len(q) + augmenter.n_told), np.nan, dtype=np.float32)
    X[:, : len(q)] = 100.0 * peaks
    seconds = []
    for network in (
        AllCNNClassifier(classes=np.arange(_ROWS), **classifier_settings(size)),
        AllCNNRegressor(**regressor_settings(size)),
    ):
        network.set_params(
            augmenter=augmenter,
            n_told=augmenter.n_told,
            max_epochs=2,
            steps_per_epoch=_STEPS,
            precision=precision,
            n_workers=n_workers,
            random_state=0,
        )
        is_classifier = isinstance(network, AllCNNClassifier)
        y = np.arange(_ROWS) if is_classifier else rng.standard_normal((_ROWS, n_targets))
        network.fit(X, y)
        timed = float(network.history_["seconds"].iloc[-1])
        seconds.append(timed * STEPS_PER_EPOCH / _STEPS)
    return Pace(*seconds)

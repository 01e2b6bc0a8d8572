"""What trainings minimise."""

from __future__ import annotations

import numpy as np
import torch
from scipy.special import ndtri
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor

from ._presets import LOG_VARIANCES

__all__ = ["LOSSES", "GaussianLoss", "MixtureLoss", "spread_components"]


class GaussianLoss(torch.nn.Module):
    """Negative log-likelihood of targets, given their means and the logarithms of variances."""

    def forward(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over patterns and targets.

        Parameters
        ----------
        output : Tensor of shape (n_samples, 2 x n_targets)
        targets : Tensor of shape (n_samples, n_targets)

        Returns
        -------
        Tensor
        """
        mean, logarithm = output.chunk(2, dim=1)
        logarithm = logarithm.clamp(*LOG_VARIANCES)
        loss: torch.Tensor = 0.5 * (logarithm + (targets - mean) ** 2 * torch.exp(-logarithm))
        return loss.mean()


class MixtureLoss(torch.nn.Module):
    """Negative log-likelihood of all targets jointly, given a mixture of Gaussians.

    Parameters
    ----------
    n_components : int
    """

    def __init__(self, n_components: int) -> None:
        super().__init__()
        self.n_components = n_components

    def forward(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Mean over patterns, a target's share of it: on the scale of the Gaussian loss.

        Parameters
        ----------
        output : Tensor of shape (n_samples, n_components x (1 + 2 x n_targets))
            Logits of the weights, then means, then logarithms of variances.
        targets : Tensor of shape (n_samples, n_targets)

        Returns
        -------
        Tensor
        """
        n_samples, n_targets = targets.shape
        weights = torch.log_softmax(output[:, : self.n_components], dim=1)
        means, logarithms = (
            part.reshape(n_samples, self.n_components, n_targets)
            for part in output[:, self.n_components :].chunk(2, dim=1)
        )
        logarithms = logarithms.clamp(*LOG_VARIANCES)
        squares = (targets[:, None, :] - means) ** 2 * torch.exp(-logarithms)
        components = weights - 0.5 * (logarithms + squares).sum(dim=2)
        return -torch.logsumexp(components, dim=1).mean() / n_targets


# Loss, and the skorch net that goes with it.
LOSSES: dict[str, tuple[type[torch.nn.Module], type[NeuralNet]]] = {
    "cross-entropy": (torch.nn.CrossEntropyLoss, NeuralNetClassifier),
    "gaussian": (GaussianLoss, NeuralNetRegressor),
    "mixture": (MixtureLoss, NeuralNetRegressor),
}


def spread_components(output: torch.nn.Linear, n_components: int, seed: int) -> None:
    """Set the biases of an output layer so that the components of a mixture differ at the start.

    The targets have the mean 0 and the variance 1. The components start at the middles of as
    many equal shares of a normal distribution, in another order for every target, and as wide
    as the whole: each pattern pulls at all of them, at the nearest the most.

    Parameters
    ----------
    output : Linear
        Last layer of a network that is trained by :class:`MixtureLoss`.
    n_components : int
    seed : int
    """
    n_targets = (output.out_features // n_components - 1) // 2
    places = ndtri((np.arange(n_components) + 0.5) / n_components)
    rng = np.random.default_rng([seed, 5])
    starts = np.stack([places, *(rng.permutation(places) for _ in range(n_targets - 1))], axis=1)
    n_means = n_components * n_targets
    with torch.no_grad():
        output.bias.zero_()
        output.bias[n_components : n_components + n_means] = torch.from_numpy(starts.ravel()).to(
            output.bias
        )

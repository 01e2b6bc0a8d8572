r"""Mixtures of Gaussians that a network answers with.

Over all targets :math:`y_t` of a pattern jointly,

.. math:: p(y) = \sum_k w_k \prod_t \mathcal N(y_t \mid m_{kt}, s_{kt}^2),

with the weights :math:`w_k` by a softmax. A component has no covariance of its own; that
two targets compensate each other is said by several components. The distribution of one
target is the mixture of its normal distributions with the same weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, softmax

from .._typing import FloatArray
from ._presets import LOG_VARIANCES

__all__ = ["Mixtures", "n_components_of", "n_mixture_outputs"]

_HALVINGS = 60  # of the bracket of a quantile, until no digit is left to gain


def n_mixture_outputs(n_components: int, n_targets: int) -> int:
    """Outputs of a network: logits of the weights, then means, then logarithms of variances."""
    if n_components == 1:
        return 2 * n_targets
    return n_components * (1 + 2 * n_targets)


def n_components_of(n_outputs: int, n_targets: int) -> int:
    """Components of a network that has so many outputs."""
    return max(1, n_outputs // (1 + 2 * n_targets))


@dataclass(frozen=True, eq=False)
class Mixtures:
    """A mixture of normal distributions for every pattern.

    Parameters
    ----------
    weights : ndarray of shape (n_samples, n_components)
        Rows add up to 1.
    means, stds : ndarray of shape (n_samples, n_components, n_targets)
        Of the components.
    """

    weights: FloatArray
    means: FloatArray
    stds: FloatArray

    @classmethod
    def from_outputs(
        cls, outputs: FloatArray, n_components: int, centre: FloatArray, scale: FloatArray
    ) -> Mixtures:
        """What the outputs of a network say.

        Parameters
        ----------
        outputs : ndarray of shape (n_samples, n_outputs)
        n_components : int
        centre, scale : ndarray of shape (n_targets,)
            Mean and standard deviation of the training targets.

        Returns
        -------
        Mixtures
        """
        shape = (len(outputs), n_components, len(centre))
        n_weights = 0 if n_components == 1 else n_components
        means, logarithms = np.split(outputs[:, n_weights:], 2, axis=1)
        weights = np.ones(shape[:2])
        if n_weights:
            weights = np.asarray(softmax(outputs[:, :n_weights], axis=1))
        stds = np.exp(0.5 * np.clip(logarithms.reshape(shape), *LOG_VARIANCES))
        return cls(weights, centre + scale * means.reshape(shape), scale * stds)

    def of_row(self, row: int) -> Mixtures:
        """That of one pattern.

        Parameters
        ----------
        row : int

        Returns
        -------
        Mixtures
        """
        rows = slice(row, row + 1)
        return Mixtures(self.weights[rows], self.means[rows], self.stds[rows])

    def mean(self) -> FloatArray:
        """Means of the targets.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
        """
        if self.weights.shape[1] == 1:
            return self.means[:, 0]
        return np.asarray((self.weights[:, :, None] * self.means).sum(axis=1))

    def std(self) -> FloatArray:
        """Standard deviations of the targets.

        Returns
        -------
        ndarray of shape (n_samples, n_targets)
        """
        if self.weights.shape[1] == 1:
            return self.stds[:, 0]
        between = self.means - self.mean()[:, None, :]
        squares = self.weights[:, :, None] * (self.stds**2 + between**2)
        return np.asarray(np.sqrt(squares.sum(axis=1)))

    def quantiles(self, shares: FloatArray) -> FloatArray:
        """Quantiles of every target.

        Parameters
        ----------
        shares : ndarray of shape (n_shares,)
            Between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, n_shares)
            By bisection between the smallest and the largest quantile of a component.
        """
        weights = self.weights[:, :, None, None]
        means, stds = self.means[..., None], self.stds[..., None]
        of_components = means + stds * ndtri(shares)
        if self.weights.shape[1] == 1:
            return np.asarray(of_components[:, 0])
        low, high = of_components.min(axis=1), of_components.max(axis=1)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            below = (weights * ndtr((middle[:, None] - means) / stds)).sum(axis=1) < shares
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(0.5 * (low + high))

    def intervals(self, coverage: float) -> FloatArray:
        """Equal-tailed intervals of every target.

        Parameters
        ----------
        coverage : float
            Between 0 and 1.

        Returns
        -------
        ndarray of shape (n_samples, n_targets, 2)
        """
        if self.weights.shape[1] == 1:
            reach = float(ndtri(0.5 + 0.5 * coverage)) * self.stds[:, 0]
            return np.stack([self.means[:, 0] - reach, self.means[:, 0] + reach], axis=2)
        return self.quantiles(0.5 + 0.5 * coverage * np.array([-1.0, 1.0]))

    def sample(self, n_draws: int, rng: np.random.RandomState) -> FloatArray:
        """Joint draws of the targets.

        Parameters
        ----------
        n_draws : int
        rng : RandomState

        Returns
        -------
        ndarray of shape (n_samples, n_draws, n_targets)
        """
        n_samples, n_components, n_targets = self.means.shape
        below = np.cumsum(self.weights, axis=1)
        places = rng.random_sample((n_samples, n_draws, 1)) * below[:, None, -1:]
        chosen = np.minimum((places >= below[:, None, :]).sum(axis=2), n_components - 1)
        rows = np.arange(n_samples)[:, None]
        noise = rng.standard_normal((n_samples, n_draws, n_targets))
        return np.asarray(self.means[rows, chosen] + self.stds[rows, chosen] * noise)

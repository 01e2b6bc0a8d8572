r"""Populations of one or several lognormals: the smoothest ones of their number of modes.

Each is an amount, a middle of :math:`\ln D` by volume and a width; before, amounts are equally
likely by their logarithm, middles and widths in their ranges. The posterior is sampled by
importance: from Student's distribution about the best place, that is adapted to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, log_expit, logit

from .._typing import FloatArray
from ._smooth_density import Evidence

__all__ = ["Mixture", "Ranges", "mixture"]

_LARGEST_LOGIT = 7.0
_MANY_STEPS = 15
_LEAST_GAIN = 1e-3
_STEP = 1e-4
_APART = 0.2  # of ln D, between two middles
_AMOUNTS = 6.0  # of ln, that the amount of a further lognormal may be elsewhere
_FREEDOM = 5.0  # of Student's distribution
_N_TRIED, _N_ADAPTED, _N_AGAIN = 400, 4, 3
_INFLATED = 1.3


@dataclass(frozen=True)
class Ranges:
    """Where lognormals are sought.

    Parameters
    ----------
    middles : tuple of 2 float
        Of ln D, by volume.
    widths : tuple of 2 float
        Of ln D.
    """

    middles: tuple[float, float]
    widths: tuple[float, float]

    @property
    def log_density(self) -> float:
        """Of one lognormal, before."""
        spans = (self.middles[1] - self.middles[0]) * (self.widths[1] - self.widths[0])
        return -float(np.log(spans))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Lognormals, sampled.

    Parameters
    ----------
    evidence : Evidence
    ranges : Ranges
    place : ndarray of shape (3 n_modes,)
        Logarithms of the amounts, middles, and logits of the widths in their range; about where
        places were tried.
    covariance : ndarray of shape (3 n_modes, 3 n_modes)
    tried : ndarray of shape (n_tried, 3 n_modes)
    log_weights : ndarray of shape (n_tried,)
        By importance.
    """

    evidence: Evidence
    ranges: Ranges
    place: FloatArray
    covariance: FloatArray
    tried: FloatArray
    log_weights: FloatArray

    @property
    def log_evidence(self) -> float:
        """Of the pattern."""
        return float(np.logaddexp.reduce(self.log_weights)) - float(np.log(len(self.tried)))

    @property
    def weights(self) -> FloatArray:
        """Of the particles, most likely."""
        return np.asarray(_weights(self.evidence, self.ranges, self.place[None])[0])

    def again(self, evidence: Evidence, is_near: bool) -> Mixture:
        """The same of other evidence, nearby or at the same place."""
        place, covariance = self.place, self.covariance
        if not is_near:
            place, covariance = _best(evidence, self.ranges, place)
        return _sampled(evidence, self.ranges, place, covariance, 1 if is_near else _N_AGAIN)

    def drawn(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Equally likely weights of the particles, (n_draws, n_particles)."""
        shares = np.cumsum(np.exp(self.log_weights - self.log_weights.max()))
        at = (np.arange(n_draws) + rng.random()) / n_draws * shares[-1]
        chosen = np.minimum(np.searchsorted(shares, at), len(shares) - 1)
        return _weights(self.evidence, self.ranges, self.tried[chosen])


def mixture(evidence: Evidence, ranges: Ranges, start: FloatArray) -> Mixture:
    """The posterior of lognormals.

    Parameters
    ----------
    evidence : Evidence
    ranges : Ranges
    start : ndarray of shape (n_modes, 3)
        Weight, middle and width of each, the middles ascending.
    """
    low, high = ranges.widths
    share = np.clip((start[:, 2] - low) / (high - low), 0.05, 0.95)
    place = np.concatenate([np.log(np.maximum(start[:, 0], 1e-12)), start[:, 1], logit(share)])
    place, covariance = _best(evidence, ranges, place)
    return _sampled(evidence, ranges, place, covariance, _N_ADAPTED)


def _weights(evidence: Evidence, ranges: Ranges, places: FloatArray) -> FloatArray:
    """Weights of the particles in rows of mixtures."""
    prior = evidence.prior
    amounts, middles, shares = np.split(places, 3, axis=1)
    widths = ranges.widths[0] + (ranges.widths[1] - ranges.widths[0]) * expit(shares)
    apart = (prior.logs - middles[:, :, None]) / widths[:, :, None]
    shape = -0.5 * apart**2
    shape = np.exp(shape - shape.max(axis=2, keepdims=True)) * prior.widths
    shape /= shape.sum(axis=2, keepdims=True)
    return np.asarray(np.einsum("ij,ijk->ik", np.exp(np.minimum(amounts, 50.0)), shape))


def _bounds(ranges: Ranges, n_modes: int) -> tuple[FloatArray, FloatArray]:
    low, high = (
        np.repeat([end * np.inf, ranges.middles[k], end * _LARGEST_LOGIT], n_modes)
        for k, end in enumerate((-1.0, 1.0))
    )
    return low, high


def _log_density(evidence: Evidence, ranges: Ranges, places: FloatArray) -> FloatArray:
    """Logarithm of the posterior density, not divided by the evidence."""
    n_modes = places.shape[1] // 3
    weights = _weights(evidence, ranges, places)
    found = weights @ evidence.right - 0.5 * ((weights @ evidence.products) * weights).sum(axis=1)
    found += evidence.constant - n_modes * float(np.log(np.ptp(ranges.middles)))
    shares = places[:, 2 * n_modes :]  # equally likely: of their logit s (1 - s)
    found += (log_expit(shares) + log_expit(-shares)).sum(axis=1)
    found += float(gammaln(n_modes + 1)) - (n_modes - 1) * np.log(_AMOUNTS)
    low, high = _bounds(ranges, n_modes)
    inside = ((places >= low) & (places <= high)).all(axis=1)
    inside &= (np.diff(places[:, n_modes : 2 * n_modes], axis=1) > _APART).all(axis=1)
    return np.where(inside, found, -np.inf)


def _best(evidence: Evidence, ranges: Ranges, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The best place, and the covariance about it."""
    n = len(place) // 3
    low, high = _bounds(ranges, n)
    place = np.clip(place, low, high)
    spans = np.repeat([_AMOUNTS, high[n] - low[n], _LARGEST_LOGIT], n)

    def least(at: FloatArray) -> float:
        weights = _weights(evidence, ranges, at[None])[0]
        return float((0.5 * evidence.products @ weights - evidence.right) @ weights)

    now, damping = least(place), 1e-3
    normal = np.diag(1.0 / spans**2)
    for _ in range(_MANY_STEPS):
        rows = _weights(evidence, ranges, np.vstack([place, place + _STEP * np.eye(len(place))]))
        slopes = (rows[1:] - rows[0]) / _STEP
        normal = slopes @ evidence.products @ slopes.T + np.diag(4.0 / spans**2)
        right = slopes @ (evidence.right - evidence.products @ rows[0])
        gain = -1.0
        for _ in range(6):
            damped = normal + damping * np.diag(np.diag(normal))
            new = np.clip(place + np.linalg.solve(damped, right), low, high)
            gain = now - least(new)
            if gain > 0.0:
                break
            damping *= 8.0
        if gain <= 0.0:
            break
        place, now, damping = new, now - gain, 0.2 * damping
        if gain < _LEAST_GAIN:
            break
    return place, np.asarray(np.linalg.inv(normal), dtype=np.float64)


def _sampled(
    evidence: Evidence, ranges: Ranges, place: FloatArray, covariance: FloatArray, rounds: int
) -> Mixture:
    """Places by importance, from a distribution that is adapted to them."""
    rng = np.random.default_rng(0)
    n = len(place)
    floor = np.diag(np.full(n, 1e-10))
    for k in range(rounds):
        factor = np.linalg.cholesky(_INFLATED**2 * (covariance + floor))
        normal = rng.standard_normal((_N_TRIED, n))
        stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, _N_TRIED))[:, None]
        apart = normal * stretch
        tried = place + apart @ factor.T
        square = (apart**2).sum(axis=1)
        proposed = -0.5 * (_FREEDOM + n) * np.log1p(square / _FREEDOM)
        proposed -= float(np.log(np.diag(factor)).sum())
        proposed += float(
            gammaln(0.5 * (_FREEDOM + n))
            - gammaln(0.5 * _FREEDOM)
            - 0.5 * n * np.log(_FREEDOM * np.pi)
        )
        logs = _log_density(evidence, ranges, tried) - proposed
        if not np.isfinite(logs).any():
            logs = np.full(_N_TRIED, -1e300)
            return Mixture(evidence, ranges, place, covariance, tried, logs)
        if k < rounds - 1:
            shares = np.exp(logs - logs.max())
            shares = np.minimum(shares, 20.0 * shares.mean())  # one place is no distribution
            shares /= shares.sum()
            moved = shares @ tried
            about = tried - moved
            place, covariance = moved, (shares[:, None] * about).T @ about
    return Mixture(evidence, ranges, place, covariance, tried, logs)

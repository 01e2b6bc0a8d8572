r"""Densities of sizes without a form: as smooth as a pattern lets them be.

The logarithm :math:`f` of the volume density over :math:`l = \ln D` has, before anything is
measured, third derivatives that are independent normal numbers of the strength :math:`\tau`:

.. math:: -2 \ln p(f \mid \tau) = \frac{1}{\tau^2} \int f'''(l)^2\, dl + \text{const}

A parabola costs nothing, so that the limit :math:`\tau \to 0` is a lognormal, and the tails
of every other density are lognormal, too, where nothing is measured. In terms of it the weight of
the particles around :math:`l_k` is :math:`x_k = e^{f_k} \Delta l_k`: positive, and known with the
pattern's :math:`G` and :math:`r` (:mod:`sk_qdots.posterior._density`) by
:math:`\tfrac12 x^T G x - r^T x`. The density is equally likely, before, at every number average
and every width, as lognormals are. The strength follows from the evidence in Laplace's
approximation; densities are then drawn by Hamiltonian Monte Carlo, each from a chain of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import factorial

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular
from scipy.optimize import nnls

from .._typing import FloatArray

__all__ = ["Density", "Evidence", "SmoothPrior", "fitted"]

STRENGTHS = (120.0, 600.0)
"""Of the third derivative, that are compared."""

_WIDTH_POWER = 5.0  # a normal density of the width s has coefficients of the volume s^-5
_TYPICAL_WIDTH = 0.1  # of ln D
_LEAST_VARIANCE = 1e-4  # of ln D: two particles cannot be told from one
_LEAST_SHARE = 1e-5  # of the largest weight, where a search starts
_RIDGE = 1e-7
_BENT = 2000.0  # least strength at a dip
_ROOM = 0.15  # of ln D, that an outermost mode may move by
_MEMORY = 0.4  # of ln D, over which the second derivative comes back to its mean
_FALL = 100.0  # precision of a step that a density may rise by, beyond the ends
_SMOOTH_STEPS = 150.0  # largest strength of the steps of the sampler
_LARGEST = 30.0  # of f, beyond its largest value at the start
_MANY_STEPS, _LEAST_GAIN = 40, 1e-3
_LARGEST_STEP = 4.0  # of f
_STEP, _N_LEAPS = 0.45, 4  # of the sampler, in standard deviations
_BURN_IN, _APART = 8, 3  # transitions
_N_CHAINS = 200


class SmoothPrior:
    """Which densities are likely before.

    Parameters
    ----------
    logs : ndarray of shape (n_particles,)
        Ascending ln D.
    modes, dips : sequence of int
        Ascending places of the modes that a density may have, none for any, and of the dips
        between them.
    """

    def __init__(self, logs: FloatArray, modes: Sequence[int], dips: Sequence[int]) -> None:
        self.logs, self.modes, self.dips = logs, tuple(modes), tuple(dips)
        self.widths = np.gradient(logs)
        middles = logs[list(modes)]
        ends = (middles[0] - _ROOM, middles[-1] + _ROOM) if len(middles) else (-np.inf, np.inf)
        self.rising = _rising(logs, ends)
        owner = np.searchsorted(
            np.asarray(dips, dtype=np.int64), np.arange(len(logs)), side="right"
        )
        self.pieces = [owner == k for k in range(len(dips) + 1)]
        n = len(logs)
        third = np.zeros((n - 3, n))
        for k in range(n - 3):
            span = (logs[k + 3] - logs[k]) / 3.0
            third[k, k : k + 4] = _derivative(logs[k : k + 4]) * np.sqrt(span)
        second = np.zeros((n - 2, n))
        for k in range(n - 2):
            second[k, k : k + 3] = _derivative(logs[k : k + 3])
        # At a dip one lognormal takes over from the other: there a density may bend.
        at, at_two = np.arange(n - 3), np.arange(n - 2)
        is_bend = np.zeros(n - 3, dtype=bool)
        is_bend_of_two = np.zeros(n - 2, dtype=bool)
        for dip in dips:
            is_bend |= (at >= dip - 3) & (at <= dip)
            is_bend_of_two |= (at_two >= dip - 2) & (at_two <= dip)
        spans = 0.5 * (logs[2:] - logs[:-2]) * ~is_bend_of_two
        at = owner[1:-1]
        for k in range(len(self.pieces)):
            mine = at == k
            if (total := spans[mine].sum()) > 0.0:
                second[mine] -= (spans[mine] @ second[mine] / total)[None]
        second *= np.sqrt(spans)[:, None] / _MEMORY
        self._smooth = third[~is_bend].T @ third[~is_bend] + second.T @ second
        self._bent = third[is_bend].T @ third[is_bend]
        self._known: dict[float, tuple[FloatArray, float]] = {}

    @property
    def log_density(self) -> float:
        """Of an amount, a middle and a width (but for the middle) that parabolas have, before.

        Their coefficients are equally likely; divided by the 2 pi that Laplace leaves.
        """
        basis = np.vander(self.logs, 3)
        found = 0.5 * float(np.linalg.slogdet(basis.T @ basis)[1])
        return found - float(_WIDTH_POWER * np.log(_TYPICAL_WIDTH) + 1.5 * np.log(2.0 * np.pi))

    def roughness(self, strength: float) -> tuple[FloatArray, float]:
        """Precision of f at a strength, and the logarithm of its determinant."""
        if strength not in self._known:
            bent = max(strength, _BENT)
            found = self._smooth / strength**2 + self._bent / bent**2
            values = np.linalg.eigvalsh(found)[3:]
            self._known[strength] = found, float(np.log(np.maximum(values, 1e-300)).sum())
        return self._known[strength]


def _derivative(logs: FloatArray) -> FloatArray:
    """Weights of neighbouring values for the derivative of the order of their number less one."""
    apart = logs[:, None] - logs
    np.fill_diagonal(apart, 1.0)
    return np.asarray(factorial(len(logs) - 1) / apart.prod(axis=1))


def _rising(logs: FloatArray, ends: tuple[float, float]) -> FloatArray:
    """+1 where a density must not fall with size, -1 where it must not rise."""
    return np.where(logs[1:] <= ends[0], 1.0, np.where(logs[:-1] >= ends[1], -1.0, 0.0))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a pattern says of all weights of the particles: a normal density.

    Parameters
    ----------
    prior : SmoothPrior
    products : ndarray of shape (n_particles, n_particles)
        Of the particles' patterns.
    right : ndarray of shape (n_particles,)
        Their products with the pattern.
    constant : float
        Logarithm of the evidence without them.
    """

    prior: SmoothPrior
    products: FloatArray
    right: FloatArray
    constant: float

    def energy(self, logs: FloatArray, strength: float) -> tuple[FloatArray, FloatArray]:
        """Minus the log density of rows of f, and its derivatives."""
        x = np.exp(logs) * self.prior.widths
        own = x @ self.products
        rough = logs @ self.prior.roughness(strength)[0]
        energy = ((0.5 * own - self.right) * x).sum(axis=1) + 0.5 * (rough * logs).sum(axis=1)
        slopes = x * (own - self.right) + rough
        for piece in self.prior.pieces:
            shares = x[:, piece] / np.maximum(x[:, piece].sum(axis=1, keepdims=True), 1e-300)
            here = self.prior.logs[piece]
            mean = shares @ here
            apart = here - mean[:, None]
            variance = (shares * apart**2).sum(axis=1) + _LEAST_VARIANCE
            energy -= 0.5 * _WIDTH_POWER * np.log(variance / _TYPICAL_WIDTH**2) + mean
            square = variance[:, None] - _LEAST_VARIANCE
            change = 0.5 * _WIDTH_POWER * (apart**2 - square) / variance[:, None] + apart
            slopes[:, piece] -= shares * change
        wrong = np.minimum(np.diff(logs, axis=1) * self.prior.rising, 0.0)
        energy += 0.5 * _FALL * (wrong**2).sum(axis=1)
        pull = _FALL * wrong * self.prior.rising
        slopes[:, 1:] += pull
        slopes[:, :-1] -= pull
        return energy, slopes

    def curvature(self, logs: FloatArray, strength: float) -> FloatArray:
        """Second derivatives without what may be negative."""
        x = np.exp(logs) * self.prior.widths
        curvature = x[:, None] * self.products * x
        curvature += self.prior.roughness(strength)[0]
        curvature[np.diag_indices(len(x))] += _RIDGE + np.maximum(
            x * (self.products @ x - self.right), 0.0
        )
        here = np.flatnonzero(np.diff(logs) * self.prior.rising < 0.0)
        curvature[here, here] += _FALL
        curvature[here + 1, here + 1] += _FALL
        curvature[here, here + 1] -= _FALL
        curvature[here + 1, here] -= _FALL
        return np.asarray(curvature)

    def first(self) -> FloatArray:
        """F of the weights that fit best, however rough."""
        n = len(self.right)
        ridge = 1e-9 * np.trace(self.products) / n
        factor = cholesky(self.products + ridge * np.eye(n), lower=True, check_finite=False)
        half = solve_triangular(factor, self.right, lower=True, check_finite=False)
        best = nnls(factor.T, half, maxiter=30 * n)[0]
        smooth = best.copy()
        smooth[1:] += 0.3 * best[:-1]
        smooth[:-1] += 0.3 * best[1:]
        smooth = np.maximum(smooth, _LEAST_SHARE * max(float(smooth.max()), 1e-12))
        return np.asarray(np.log(smooth / self.prior.widths))


@dataclass(frozen=True, eq=False)
class Density:
    """The most likely density of one strength, and how far others are.

    Parameters
    ----------
    evidence : Evidence
    strength : float
    logs : ndarray of shape (n_particles,)
        Its f.
    factor : ndarray of shape (n_particles, n_particles)
        Lower triangular, of the curvature there.
    log_evidence : float
    """

    evidence: Evidence
    strength: float
    logs: FloatArray
    factor: FloatArray
    log_evidence: float

    @property
    def weights(self) -> FloatArray:
        """Of the particles."""
        return np.asarray(np.exp(self.logs) * self.evidence.prior.widths)

    def again(self, evidence: Evidence, is_near: bool) -> Density:
        """The same of other evidence, nearby or at the same place."""
        del is_near  # a search is cheap where it begins well
        return fitted(replace(evidence, prior=self.evidence.prior), self.strength, self.logs)

    def drawn(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Equally likely weights.

        Parameters
        ----------
        n_draws : int
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of shape (n_draws, n_particles)
        """
        n_chains = min(n_draws, _N_CHAINS)
        # Steps of smooth functions: rough ones meet walls where weights are next to nothing.
        curvature = self.evidence.curvature(self.logs, min(self.strength, _SMOOTH_STEPS))
        factor = cholesky(curvature, lower=True, check_finite=False)
        inverse = solve_triangular(factor, np.eye(len(self.logs)), lower=True, check_finite=False)
        largest = float(self.logs.max()) + _LARGEST

        def at(places: FloatArray) -> tuple[FloatArray, FloatArray]:
            logs = np.minimum(self.logs + places @ inverse, largest)
            energy, slopes = self.evidence.energy(logs, self.strength)
            return energy, slopes @ inverse.T

        places = rng.standard_normal((n_chains, len(self.logs)))
        energy, slopes = at(places)
        least = float(at(np.zeros((1, len(self.logs))))[0][0])
        while (far := ~(energy < least + len(self.logs))).any():
            places[far] *= 0.5
            energy, slopes = at(places)
        kept: list[FloatArray] = []
        n_kept = -(-n_draws // n_chains)
        for k in range(_BURN_IN + _APART * n_kept):
            speeds = rng.standard_normal(places.shape)
            before = energy + 0.5 * (speeds**2).sum(axis=1)
            step = _STEP * rng.uniform(0.4, 1.2, (n_chains, 1))
            new, new_slopes = places, slopes
            for _ in range(_N_LEAPS):
                speeds = speeds - 0.5 * step * new_slopes
                new = new + step * speeds
                new_energy, new_slopes = at(new)
                speeds = speeds - 0.5 * step * new_slopes
            after = new_energy + 0.5 * (speeds**2).sum(axis=1)
            taken = np.log(rng.random(n_chains)) < np.nan_to_num(before - after, nan=-np.inf)
            places = np.where(taken[:, None], new, places)
            slopes = np.where(taken[:, None], new_slopes, slopes)
            energy = np.where(taken, new_energy, energy)
            if k >= _BURN_IN and (k - _BURN_IN) % _APART == _APART - 1:
                kept.append(places)
        logs = self.logs + np.concatenate(kept)[:n_draws] @ inverse
        return np.asarray(np.exp(logs) * self.evidence.prior.widths)


def fitted(evidence: Evidence, strength: float, start: FloatArray) -> Density:
    """The most likely density of one strength.

    Parameters
    ----------
    evidence : Evidence
    strength : float
    start : ndarray of shape (n_particles,)
        f, where it is looked for.

    Returns
    -------
    Density
    """
    logs = start
    energy, slopes = (a[0] for a in evidence.energy(logs[None], strength))
    damping = 1e-3
    for _ in range(_MANY_STEPS):
        curvature = evidence.curvature(logs, strength)
        scale = np.diag(curvature)
        improved = False
        for _ in range(8):
            step = -np.linalg.solve(curvature + np.diag(damping * (scale + 1e-3)), slopes)
            step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-12))
            new_energy, new_slopes = (a[0] for a in evidence.energy((logs + step)[None], strength))
            if new_energy < energy:
                improved = True
                break
            damping = max(4.0 * damping, 1e-4)
        if not improved:
            break
        gain = float(energy - new_energy)
        logs, energy, slopes = logs + step, new_energy, new_slopes
        damping *= 0.2
        if gain < _LEAST_GAIN:
            break
    curvature = evidence.curvature(logs, strength)
    try:
        factor = cholesky(curvature, lower=True, check_finite=False)
    except LinAlgError:
        curvature += 1e-6 * np.trace(curvature) / len(logs) * np.eye(len(logs))
        factor = cholesky(curvature, lower=True, check_finite=False)
    found = evidence.constant - float(energy) - float(np.log(np.diag(factor)).sum())
    found += 0.5 * evidence.prior.roughness(strength)[1]
    return Density(evidence, strength, logs, factor, found)

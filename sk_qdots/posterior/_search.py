"""The best places of a model for a pattern: a scan of all ranges, then least squares.

Amounts of liquids, background and dots are linear, and integrated out
(:mod:`sk_qdots.posterior._linear`); the other values are refined by Gauss and Newton's steps,
which no bound is crossed by.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from .._typing import BoolArray, FloatArray
from ._linear import Solved
from ._model import BinnedSeries

__all__ = ["Mode", "refined", "starts"]

_MANY_STEPS = 15
_LEAST_GAIN = 0.02  # of the sum of squares, that another step must bring
_HALVINGS = 4
_LARGEST_STEPS = {
    "dispersion": 0.08,
    "strain": 0.002,
    "march": 0.4,
    "eta": 0.4,
    "growth_fault": 0.2,
    "deformation_fault": 0.1,
}
_LARGEST_VOLUME_STEP = 0.2  # relative
_LEAST_AMOUNT = 1e-6  # of dots
_NEIGHBOUR_STRAIN = 0.0008
_HOPELESS = 0.1  # of the best gain, that a start may be behind ...
_HOPELESS_LEAST = 200.0  # ... or this much


@dataclass(frozen=True, eq=False)
class Mode:
    """A best place.

    Parameters
    ----------
    place : ndarray of shape (n_sought,)
    curve : ndarray of shape (n_bins,)
        Of mean 1.
    derivatives : ndarray of shape (n_sought, n_bins)
        Of the curve.
    amount : float
        Of dots: what the curve is multiplied with.
    square : float
        What is minimised: the weighted sum of squares with the prior.
    """

    place: FloatArray
    curve: FloatArray
    derivatives: FloatArray
    amount: float
    square: float


def starts(solved: Solved, model: BinnedSeries, count: int) -> list[FloatArray]:
    """Best places of the scan, at strains (or faults) that differ.

    Returns
    -------
    list of ndarray of shape (n_sought,)
        The best first.
    """
    places, patterns = model.scan
    system = solved.system
    weights = system.weights.astype(np.float32)
    columns = system.columns if solved.used is None else system.columns[:, solved.used]
    cross = (columns * system.weights[:, None]).astype(np.float32).T @ patterns.T
    half = solve_triangular(solved.factor.astype(np.float32), cross, lower=True, check_finite=False)
    own = model.squared_scan @ weights - np.square(half).sum(axis=0)
    pattern = patterns @ (system.weights * system.pattern).astype(np.float32)
    pattern -= solved.half.astype(np.float32) @ half
    gain = np.where(pattern > 0.0, pattern**2 / np.maximum(own, 1e-9), 0.0).astype(np.float64)
    found: list[FloatArray] = []
    best = float(gain.max())
    for _ in range(count):
        k = int(gain.argmax())
        if found and gain[k] < best - max(_HOPELESS_LEAST, _HOPELESS * best):
            break
        found.append(places[k])
        gain[_near(places, places[k], model)] = -np.inf
        if not np.isfinite(gain).any():
            break
    return found


def _near(places: FloatArray, place: FloatArray, model: BinnedSeries) -> BoolArray:
    """Places that least squares would bring to the same end."""
    names = model.ranges.names
    near = np.ones(len(places), dtype=bool)
    for k, name in enumerate(names):
        if name == "strain":
            near &= np.abs(places[:, k] - place[k]) < _NEIGHBOUR_STRAIN
        elif name in ("growth_fault", "deformation_fault"):
            near &= places[:, k] == place[k]
    return near


def refined(
    solved: Solved,
    model: BinnedSeries,
    place: FloatArray,
    n_steps: int = _MANY_STEPS,
    least_gain: float = _LEAST_GAIN,
) -> Mode:
    """The best place around a start."""
    ranges = model.ranges
    low, high = ranges.low, ranges.high
    precisions = np.concatenate([[0.0, 0.0], ranges.precisions])
    centres = np.concatenate([[0.0, 0.0], ranges.centres])
    widths = np.concatenate([[10.0], high[1:] - low[1:]])
    largest = np.array([_LARGEST_STEPS.get(n, np.inf) for n in ranges.names])
    mode = _mode(solved, model, ranges.clipped(np.asarray(place, dtype=np.float64)))
    for _ in range(n_steps):
        rows = np.concatenate([mode.curve[None], mode.amount * mode.derivatives])
        normal, right = solved.products(rows)
        normal[np.diag_indices(len(normal))] += np.append(1e-8, precisions + 1e-6 / widths**2)
        right[1:] -= precisions * (mode.place - centres)
        step = _step(normal, right, mode.place, low, high)
        largest[0] = _LARGEST_VOLUME_STEP * mode.place[0]
        step = np.clip(step, -largest, largest)
        for _ in range(_HALVINGS):
            new = _mode(solved, model, ranges.clipped(mode.place + step))
            if new.square <= mode.square + 1e-9:
                break
            step = 0.3 * step
        else:
            break
        gain = mode.square - new.square
        mode = new
        if gain < least_gain:
            break
    return mode


def _mode(solved: Solved, model: BinnedSeries, place: FloatArray) -> Mode:
    curve, derivatives = model.curves(place)
    own, pattern = solved.products(curve[None])
    amount = max(float(pattern[0]), 0.0) / max(float(own[0, 0]), 1e-12)
    amount = max(amount, _LEAST_AMOUNT)
    ranges = model.ranges
    prior = float((ranges.precisions * (place[2:] - ranges.centres) ** 2).sum())
    square = solved.square - 2.0 * amount * float(pattern[0]) + amount**2 * float(own[0, 0])
    return Mode(place, curve, derivatives, amount, square + prior)


def _step(
    normal: FloatArray, right: FloatArray, place: FloatArray, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Gauss and Newton's step of what is not pushed against a bound."""
    free = np.ones(len(right), dtype=bool)
    step = np.zeros(len(right))
    for _ in range(len(place)):
        step[:] = 0.0
        step[free] = np.linalg.solve(normal[np.ix_(free, free)], right[free])
        outward = ((place <= low + 1e-12) & (step[1:] < 0.0)) | (
            (place >= high - 1e-12) & (step[1:] > 0.0)
        )
        outward &= free[1:]
        if not outward.any():
            break
        free[1:][outward] = False
    return step[1:]

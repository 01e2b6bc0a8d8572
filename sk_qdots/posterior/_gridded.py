"""Where resolution and faults are taken: not there at all, and at a few places around the best.

A March coefficient and its inverse look much alike (in a cubic crystal they differ in third order),
and near 1 nothing depends on it. So its places are all where the pattern leaves it likely.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._typing import BoolArray, FloatArray
from ._density import GRIDDED, Node
from ._model import Ranges

__all__ = ["gridded_nodes"]

_REACH = 3.0  # standard deviations of what is gridded
# Probability before that what is gridded is not there at all.
_ABSENT = {"fwhm": 0.3, "growth_fault": 0.5, "deformation_fault": 0.5}
_N_NODES, _N_NODES_OF_MANY = 6, 4
_N_MARCHES = 8
_N_SHARES = 3
_N_TRIED, _N_NEAR = 41, 13  # values that are tried: all over the range, and near the best
_NEAR = 0.05  # the farthest of those, in deviations
_WITH = {
    "fwhm": "with a resolution",
    "growth_fault": "growth faults",
    "deformation_fault": "deformation faults",
}
_WITHOUT = {
    "fwhm": "ideal resolution",
    "growth_fault": "no growth faults",
    "deformation_fault": "no deformation faults",
}


def gridded_nodes(
    ranges: Ranges,
    deviations: FloatArray,
    place: FloatArray,
    log_prior: float,
    profile: Callable[[FloatArray], FloatArray],
) -> list[Node]:
    """Values of what is gridded, and what is absent.

    Parameters
    ----------
    ranges : Ranges
    deviations : ndarray of shape (n_sought,)
        By the curvature at the best place.
    place : ndarray of shape (n_sought,)
    log_prior : float
        Of the whole.
    profile : callable
        Log likelihood of values of the logarithm of a March coefficient.
    """
    names = [name for name in ranges.extras if name in GRIDDED]
    if not names:
        return [Node("", np.empty(0), log_prior, np.empty(0), ())]
    axes = []
    n_axes = len(names) - ("eta" in names)  # of whose places there are fewer for each other axis
    for name in names:
        k = ranges.names.index(name)
        if name == "march":
            count = _N_MARCHES if n_axes == 1 else _N_NODES_OF_MANY
            axes.append(_likely(place[k], deviations[k], ranges.extras[name], count, profile))
            continue
        if name == "eta":
            axes.append(_shares(place[k], deviations[k], *ranges.extras[name]))
            continue
        axes.append(_axis(name, place[k], deviations[k], ranges.extras[name], n_axes))
    found = []
    for index in itertools.product(*(range(len(axis)) for axis in axes)):
        chosen = [axis[i] for axis, i in zip(axes, index, strict=True)]
        if "eta" in names and chosen[names.index("fwhm")].value == 0.0:
            k = names.index("eta")  # without a width there is no share
            if index[k]:
                continue
            chosen[k] = _Place("", chosen[k].value, 0.0, 0.0, 0)
        found.append(
            Node(
                ", ".join(one.label for one in chosen if one.label),
                np.array([one.value for one in chosen]),
                log_prior + float(sum(one.log_prior for one in chosen)),
                np.array([one.width for one in chosen]),
                tuple(one.index for one in chosen),
            )
        )
    return found


@dataclass(frozen=True)
class _Place:
    """One value of what is gridded."""

    label: str
    value: float
    log_prior: float
    width: float
    index: int


def _likely(
    place: float,
    deviation: float,
    ends: tuple[float, float],
    count: int,
    profile: Callable[[FloatArray], FloatArray],
) -> list[_Place]:
    """Values all over where they are likely, in one stretch or several."""
    low, high = ends
    near = np.linspace(-_REACH, _REACH, _N_NEAR) * min(deviation, _NEAR)
    tried = np.concatenate([np.linspace(low, high, _N_TRIED), place + near, -place + near])
    tried = np.unique(tried[(tried >= low) & (tried <= high)])
    logs = profile(tried)
    edges = np.concatenate([[low], 0.5 * (tried[1:] + tried[:-1]), [high]])
    masses = np.exp(logs - logs.max()) * np.diff(edges)
    is_kept = logs > logs.max() - 0.5 * _REACH**2
    found: list[_Place] = []
    index = 0
    for _, run in itertools.groupby(np.flatnonzero(is_kept).tolist(), lambda k: _run(is_kept, k)):
        inside = list(run)
        share = float(masses[inside].sum() / masses[is_kept].sum())
        number = max(int(np.ceil(count * share)), 1)
        first, last = float(edges[inside[0]]), float(edges[inside[-1] + 1])
        width = (last - first) / number
        log_prior = float(np.log(width / (high - low)))
        found += [
            _Place("", first + width * (k + 0.5), log_prior, width, index + k)
            for k in range(number)
        ]
        index += number + 1  # stretches are no neighbours
    return found


def _shares(place: float, deviation: float, first: float, last: float) -> list[_Place]:
    """Lorentzian shares around the best one."""
    low, high = max(first, place - _REACH * deviation), min(last, place + _REACH * deviation)
    width = max(high - low, 1e-6) / _N_SHARES
    places = low + width * (np.arange(_N_SHARES) + 0.5)
    log_prior = float(np.log(width / (last - first)))
    return [_Place("", float(p), log_prior, width, k) for k, p in enumerate(places)]


def _run(is_kept: BoolArray, k: int) -> int:
    """Which stretch of kept values one belongs to."""
    return int((~is_kept[:k]).sum())


def _axis(
    name: str, place: float, deviation: float, ends: tuple[float, float], n_axes: int
) -> list[_Place]:
    """Values around the best one; and the lower end, as a model of its own."""
    low, high = max(ends[0], place - _REACH * deviation), min(ends[1], place + _REACH * deviation)
    if name == "fwhm":
        low, high, first, last = low**0.5, high**0.5, ends[0] ** 0.5, ends[1] ** 0.5
    else:
        first, last = ends
    count = _N_NODES if n_axes == 1 else _N_NODES_OF_MANY
    width = max(high - low, 1e-6) / count
    middles = low + width * (np.arange(count) + 0.5)
    values = middles**2 if name == "fwhm" else middles
    absent = _ABSENT[name] if ends[0] == 0.0 else 0.0
    log_prior = np.log((1.0 - absent) * width / (last - first))
    found = [_Place(_WITHOUT[name], 0.0, np.log(absent), 0.0, 0)] if absent else []
    return found + [
        _Place(_WITH[name], float(value), log_prior, width, len(found) + k)
        for k, value in enumerate(values)
    ]

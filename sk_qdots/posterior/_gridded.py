"""Where resolution and faults are taken: not there at all, and at a few places around the best.

A March coefficient and its inverse look much alike (in a cubic crystal they differ in third order),
and near 1 nothing depends on it. So its places are all where the pattern leaves it likely.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .._typing import BoolArray, FloatArray
from ._density import GRIDDED, Node
from ._model import Ranges

__all__ = ["Profile", "gridded_nodes"]


class Profile(Protocol):
    """Log likelihood of values of what is gridded, all else as good as it can be."""

    def __call__(self, name: str, values: FloatArray, share: float | None = None) -> FloatArray: ...


_REACH = 3.0  # standard deviations of what is gridded
# Probability before that what is gridded is not there at all.
_ABSENT = {"fwhm": 0.3, "growth_fault": 0.5, "deformation_fault": 0.5}
_COUNTS = {"march": 8, "fwhm": 5, "growth_fault": 6, "deformation_fault": 6}
_N_NODES_OF_MANY = 4  # where several are gridded
_N_TRIED, _N_NEAR = 41, 13  # values that are tried: all over the range, and near the best
_NEAR = 0.05  # the farthest of those, in deviations
_N_WIDTHS, _N_NEAR_WIDTHS = 8, 3
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
    profile: Profile,
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
    profile : Profile
        Of the square of a width, or of the logarithm of a March coefficient.
    """
    names = [name for name in ranges.extras if name in GRIDDED]
    if not names:
        return [Node("", np.empty(0), log_prior, np.empty(0), ())]
    axes = []
    for name in names:
        k = ranges.names.index(name)
        around = (float(place[k]), float(deviations[k]), ranges.extras[name])
        count = _COUNTS[name] if len(names) == 1 else _N_NODES_OF_MANY
        if name == "march":
            axes.append(_marches(*around, count, profile))
        elif name == "fwhm":
            axes.append(_widths(*around, count, profile, "eta" in ranges.extras))
        else:
            axes.append(_axis(name, *around, count))
    found = []
    for index in itertools.product(*(range(len(axis)) for axis in axes)):
        chosen = [axis[i] for axis, i in zip(axes, index, strict=True)]
        found.append(
            Node(
                ", ".join(one.label for one in chosen if one.label),
                np.array([one.value for one in chosen]),
                log_prior + float(sum(one.log_prior for one in chosen)),
                np.array([one.width for one in chosen]),
                tuple(one.index for one in chosen),
                next((one.share for one in chosen if one.share is not None), None),
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
    share: float | None = None


def _likely(
    tried: FloatArray, logs: FloatArray, ends: tuple[float, float], count: int
) -> list[_Place]:
    """Values all over where they are likely, in one stretch or several."""
    low, high = ends
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


def _marches(
    place: float, deviation: float, ends: tuple[float, float], count: int, profile: Profile
) -> list[_Place]:
    """Logarithms of the March coefficient."""
    near = np.linspace(-_REACH, _REACH, _N_NEAR) * min(deviation, _NEAR)
    tried = np.concatenate([np.linspace(*ends, _N_TRIED), place + near, -place + near])
    tried = np.unique(tried[(tried >= ends[0]) & (tried <= ends[1])])
    return _likely(tried, profile("march", tried), ends, count)


def _widths(
    place: float,
    deviation: float,
    ends: tuple[float, float],
    count: int,
    profile: Profile,
    is_shared: bool,
) -> list[_Place]:
    """Widths of the resolution, whose squares are sought; and none, as a model of its own.

    Where the profile has a Lorentzian share that is sought, one that has none is another.
    """
    first, last = ends[0] ** 0.5, ends[1] ** 0.5
    best = place**0.5
    apart = min(deviation / max(2.0 * best, 1e-9), deviation**0.5)
    near = best + apart * np.linspace(-_REACH, _REACH, _N_NEAR_WIDTHS)
    tried = np.concatenate([np.linspace(first, last, _N_WIDTHS), near])
    tried = np.unique(tried[(tried >= first) & (tried <= last)])
    absent = _ABSENT["fwhm"] if first == 0.0 else 0.0
    found = [_Place(_WITHOUT["fwhm"], 0.0, float(np.log(absent)), 0.0, 0)] if absent else []
    shares = (None, 0.0) if is_shared else (None,)
    present = float(np.log((1.0 - absent) / len(shares)))
    for share in shares:
        begun = found[-1].index + 2 if found else 0
        found += [
            _Place(
                _WITH["fwhm"],
                one.value**2,
                present + one.log_prior,
                one.width,
                begun + one.index,
                share,
            )
            for one in _likely(tried, profile("fwhm", tried**2, share), (first, last), count)
        ]
    return found


def _run(is_kept: BoolArray, k: int) -> int:
    """Which stretch of kept values one belongs to."""
    return int((~is_kept[:k]).sum())


def _axis(
    name: str, place: float, deviation: float, ends: tuple[float, float], count: int
) -> list[_Place]:
    """Values around the best one; and the lower end, as a model of its own."""
    low, high = max(ends[0], place - _REACH * deviation), min(ends[1], place + _REACH * deviation)
    width = max(high - low, 1e-6) / count
    values = low + width * (np.arange(count) + 0.5)
    absent = _ABSENT[name] if ends[0] == 0.0 else 0.0
    log_prior = np.log((1.0 - absent) * width / (ends[1] - ends[0]))
    found = [_Place(_WITHOUT[name], 0.0, np.log(absent), 0.0, 0)] if absent else []
    return found + [
        _Place(_WITH[name], float(value), log_prior, width, len(found) + k)
        for k, value in enumerate(values)
    ]

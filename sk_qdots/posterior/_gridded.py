"""Where resolution and faults are taken: not there at all, and at a few places around the best."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray
from ._density import GRIDDED, Node
from ._model import Ranges

__all__ = ["gridded_nodes"]

_REACH = 3.0  # standard deviations of what is gridded
# Probability before that what is gridded is not there at all.
_ABSENT = {"fwhm": 0.3, "growth_fault": 0.5, "deformation_fault": 0.5}
_N_NODES, _N_NODES_OF_MANY = 6, 4
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
    ranges: Ranges, deviations: FloatArray, place: FloatArray, log_prior: float
) -> list[Node]:
    """Values of what is gridded, and what is absent."""
    names = [name for name in ranges.extras if name in GRIDDED]
    if not names:
        return [Node("", np.empty(0), log_prior, np.empty(0), ())]
    axes = []
    for name in names:
        k = ranges.names.index(name)
        axes.append(_axis(name, place[k], deviations[k], ranges.extras[name], len(names)))
    found = []
    for index in itertools.product(*(range(len(axis)) for axis in axes)):
        chosen = [axis[i] for axis, i in zip(axes, index, strict=True)]
        found.append(
            Node(
                ", ".join(one.label for one in chosen),
                np.array([one.value for one in chosen]),
                log_prior + float(sum(one.log_prior for one in chosen)),
                np.array([one.width for one in chosen]),
                index,
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
    found = [_Place(_WITHOUT[name], 0.0, np.log(absent), 0.0)] if absent else []
    return found + [_Place(_WITH[name], float(value), log_prior, width) for value in values]

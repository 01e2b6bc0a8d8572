r"""Which sizes a measured range tells at all.

A size :math:`D` is told if particles of this one size, of as much scattering as was found, would be
known to 10 %: the information on :math:`\ln D`, with the amounts of all else, strain, displacements
and resolution integrated out,

.. math:: \sigma_{\ln D}^{-2} = d^T M d - \text{what else could do the same}, \qquad
    d = \frac{\partial\, c_D}{\partial \ln D},

is then above 100, by the noise of the pattern. Two limits hold whatever the noise: a peak is as
wide as :math:`2 \pi / D`; it must fit in the range, and points must be no further apart than it is
wide.
"""

from __future__ import annotations

import numpy as np

from .._typing import BoolArray, FloatArray
from ._bins import Bins
from ._density import GRIDDED, Neighbourhood
from ._linear import System
from ._model import BinnedSeries
from ._search import Mode

__all__ = ["outside", "trust_range"]

_TOLD = 0.1  # standard deviation of ln D
_STEP = 0.05  # of the range of what is gridded
_ANGSTROM = 0.1  # in nm


def trust_range(
    system: System,
    model: BinnedSeries,
    mode: Mode,
    variances: FloatArray,
    used: BoolArray,
) -> tuple[float, float]:
    """Smallest and largest size that is told, around the answer.

    Parameters
    ----------
    system : System
        Of the pattern.
    model : BinnedSeries
    mode : Mode
        The best place.
    variances, used : ndarray of shape (n_columns,)
        Of the columns of the system.

    Returns
    -------
    low, high : float
        In nm; NaN where no size is told.
    """
    diameters = model.series.diameters
    deviations = _deviations(system, model, mode, variances, used)
    least, most = _limits(model.bins)
    is_told = (deviations < _TOLD) & (diameters >= least) & (diameters <= most)
    if not is_told.any():
        return float("nan"), float("nan")
    weights = model.populations(mode.place[:1], mode.place[1:2])[0] * diameters**3
    answer = float(weights @ diameters / weights.sum())
    told = np.flatnonzero(is_told)
    nearest = int(told[np.abs(np.log(diameters[told] / answer)).argmin()])
    first = last = nearest
    while first > 0 and is_told[first - 1]:
        first -= 1
    while last < len(diameters) - 1 and is_told[last + 1]:
        last += 1
    low = _crossing(diameters, deviations, first, first - 1)
    high = _crossing(diameters, deviations, last, last + 1)
    return max(low, least), min(high, most)


def _limits(bins: Bins) -> tuple[float, float]:
    """Of any noise: the range must hold a peak, and no peak may lie between its points."""
    span = float(bins.points[-1] - bins.points[0])
    step = max(float(np.median(np.diff(axis))) for axis in (bins.points, bins.q))
    return _ANGSTROM * 2.0 * np.pi / span, _ANGSTROM * 2.0 * np.pi / step


def _deviations(
    system: System,
    model: BinnedSeries,
    mode: Mode,
    variances: FloatArray,
    used: BoolArray,
) -> FloatArray:
    """Of ln D, for a population of each particle alone."""
    near = Neighbourhood(system, model, mode)
    extras = mode.place[2:]
    curves = [model.particles(extras)]
    for k, (name, (low, high)) in enumerate(model.ranges.extras.items()):
        if name in GRIDDED:
            moved = extras.copy()
            step = _STEP * (high - low)
            moved[k] += step if extras[k] + step <= high else -step
            curves.append(model.particles(moved) - curves[0])
    means = curves[0].mean(axis=1)[:, None]
    single, *others = [mode.amount * curve / means for curve in curves]
    slopes = np.gradient(single, np.log(model.series.diameters), axis=0)
    solved = near.solved(variances, used)
    cross = near.system.cross(np.concatenate([slopes, single, *others]))
    products = solved.reduced(cross)[0]
    n, parts = len(single), 2 + len(others)
    normal = products.reshape(parts, n, parts, n)[:, np.arange(n), :, np.arange(n)]
    rest = normal[:, 1:, 1:] + 1e-9 * np.eye(parts - 1) * normal[:, 1:2, 1:2]
    lost = np.einsum(
        "ki,ki->k", normal[:, 0, 1:], np.linalg.solve(rest, normal[:, 1:, 0, None])[..., 0]
    )
    return np.asarray(1.0 / np.sqrt(np.maximum(normal[:, 0, 0] - lost, 1e-12)))


def _crossing(diameters: FloatArray, deviations: FloatArray, inside: int, outside: int) -> float:
    """Where the deviation passes the limit, between two particles."""
    if not 0 <= outside < len(diameters) or deviations[outside] <= _TOLD:
        return float(diameters[inside])
    a, b = np.log(deviations[inside]), np.log(min(deviations[outside], 1e6))
    share = float(np.clip((np.log(_TOLD) - a) / max(b - a, 1e-9), 0.0, 1.0))
    return float(diameters[inside] + share * (diameters[outside] - diameters[inside]))


def outside(size: float, told: tuple[float, float], q: FloatArray) -> str | None:
    """What to say where an answer is no size that is told; None where it is.

    Parameters
    ----------
    size : float
        Volume average, in nm.
    told : tuple of 2 float
        :func:`trust_range`.
    q : ndarray of shape (n_points,)
        Measured, in 1/Angstrom.
    """
    measured = f"what was measured, {q[0]:.3g} to {q[-1]:.3g} 1/Angstrom in {len(q)} points,"
    if not np.isfinite(told).all():
        return f"{measured} tells no size to 10 %: measure more reflections, or longer"
    if told[0] <= size <= told[1]:
        return None
    return (
        f"{measured} tells sizes from {told[0]:.2g} to {told[1]:.2g} nm, and the answer, "
        f"{size:.2g} nm, is none of them"
    )

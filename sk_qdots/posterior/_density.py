r"""The posterior around a best place: sizes on a grid, everything else as normal.

At one strain (and what else is sought) a population is a weight for each particle, and the
products of the particles' patterns, :math:`G = C^T M C` and :math:`r = C^T M y`
(:mod:`sk_qdots.posterior._linear`), say all of every population :math:`w`: its best amount
:math:`a = w^T r / w^T G w`, and the logarithm of its evidence

.. math:: \tfrac12 \frac{(w^T r)^2}{w^T G w} - \tfrac12 \ln w^T G w + \text{const}.

So number average and dispersion are not taken as normal: their density is computed on a grid that
follows it, however bent it is and whatever bound it meets. What else is sought is linear around the
best place, with the derivatives of the pattern as columns, and integrated out; where it meets a
bound the density is multiplied by the probability that it stays inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from .._typing import BoolArray, FloatArray
from ..simulation.lognormals import number_mean, volume_mean
from ._linear import Cross, Solved, System, solved_lower
from ._model import BinnedSeries, Ranges, told
from ._search import Mode

__all__ = ["GRIDDED", "Component", "Crossed", "Neighbourhood", "Node", "Sizes", "drawn"]

GRIDDED = ("march", "fwhm", "growth_fault", "deformation_fault")
"""What is taken at a few places; but for a March coefficient it may be absent, as its lower end."""

_FINE, _COARSE = (25, 31), (13, 17)  # dispersions and volume averages
_REACH = 5.0  # standard deviations
_ROUNDS = 3
_LEAST_DEVIATION = 1e-5
_KNOWN = 1e-5  # deviation of what is known, in units of its range
_REDRAWN = 20  # times, before what still is beyond a bound is set to it
_MAP = (70, 12)  # diameters and dispersions of the map of all sizes


@dataclass(frozen=True, eq=False)
class Node:
    """Values of what is not linear, and is taken at a few places: resolution, faults, texture.

    Parameters
    ----------
    label : str
        Of the model that it belongs to.
    values : ndarray of shape (n_gridded,)
        As they are sought.
    log_prior : float
        Of the node, with the width that it stands for.
    widths : ndarray of shape (n_gridded,)
        What it stands for; 0 where it is exact. Of the width of the resolution itself.
    index : tuple of int
        Its place among the nodes.
    share : float, optional
        Lorentzian share of the resolution, where it is no matter of the pattern.
    """

    label: str
    values: FloatArray
    log_prior: float
    widths: FloatArray
    index: tuple[int, ...]
    share: float | None = None


@dataclass(frozen=True, eq=False)
class Component:
    """A part of a posterior.

    Parameters
    ----------
    node : Node
    volumes, dispersions : ndarray of shape (n_nodes,)
    cell : tuple of 2 float
        Spacing of the nodes in the volume average and in the dispersion.
    slope : float
        Of the volume average by the dispersion, along which the nodes lie.
    centre : ndarray of shape (2,)
        Mean volume average and dispersion.
    log_weights : ndarray of shape (n_nodes,)
        Evidence of each node times its cell.
    linear : ndarray of shape (n_nodes, n_linear)
        Means of what else is sought.
    spread : ndarray of shape (n_linear, n_linear)
        Whose product with independent normal numbers is their deviation.
    """

    node: Node
    volumes: FloatArray
    dispersions: FloatArray
    cell: tuple[float, float]
    slope: float
    centre: FloatArray
    covariance: FloatArray
    log_weights: FloatArray
    linear: FloatArray
    spread: FloatArray

    @property
    def log_evidence(self) -> float:
        """Of the whole component."""
        return float(np.logaddexp.reduce(self.log_weights))


@dataclass(frozen=True, eq=False)
class Linear:
    """What is linear around a place.

    Parameters
    ----------
    place : ndarray of shape (n_linear,)
    widths : ndarray of shape (n_linear,)
        Of the ranges: what the other fields are in units of.
    low, high : ndarray of shape (n_linear,)
        Ends of the ranges, from the place.
    means, variances : ndarray of shape (n_linear,)
        Before, from the place.
    """

    place: FloatArray
    widths: FloatArray
    low: FloatArray
    high: FloatArray
    means: FloatArray
    variances: FloatArray

    @classmethod
    def of(cls, ranges: Ranges, kept: BoolArray, place: FloatArray) -> Linear:
        """Those of the extras that are kept."""
        low, high = ranges.low[2:][kept], ranges.high[2:][kept]
        widths = high - low
        return cls(
            place,
            widths,
            (low - place) / widths,
            (high - place) / widths,
            (ranges.centres[kept] - place) / widths,
            1.0 / (ranges.precisions[kept] * widths**2),
        )

    def fixed(self, at: int, value: float) -> Linear:
        """One of them is known."""
        place, low, high, means, variances = (
            a.copy() for a in (self.place, self.low, self.high, self.means, self.variances)
        )
        place[at], means[at], variances[at] = value, 0.0, _KNOWN**2
        low[at], high[at] = -np.inf, np.inf
        return Linear(place, self.widths, low, high, means, variances)


@dataclass(frozen=True, eq=False)
class Crossed:
    """The particles' patterns at one value of what is gridded.

    Parameters
    ----------
    system : System
        Of the pattern, with the derivatives there.
    products : Cross
        Of the particles' patterns with it.
    means : ndarray of shape (n_particles,)
        Of those patterns.
    linear : Linear
        What is linear there.
    """

    system: System
    products: Cross
    means: FloatArray
    linear: Linear


class Neighbourhood:
    """Everything about sizes near a best place.

    Parameters
    ----------
    system : System
        Of the pattern, without derivatives.
    model : BinnedSeries
    mode : Mode
    """

    def __init__(self, system: System, model: BinnedSeries, mode: Mode) -> None:
        self.model, self.mode = model, mode
        ranges = model.ranges
        names = list(ranges.extras)
        self.is_linear = np.array([name not in GRIDDED for name in names], dtype=bool)
        kept = self.is_linear
        self.linear = Linear.of(ranges, kept, mode.place[2:][kept])
        derivatives = mode.amount * mode.derivatives[2:][kept] * self.linear.widths[:, None]
        self._patterns, self.system = system, system.with_columns(derivatives.T)

    def at(self, gridded: FloatArray, share: float | None = None) -> Crossed:
        """The particles' patterns at values of what is gridded, and of a Lorentzian share."""
        extras = self.mode.place[2:].copy()
        extras[~self.is_linear] = gridded
        linear = self.linear
        if share is not None:
            k = list(self.model.ranges.extras).index("eta")
            extras[k] = share
            linear = linear.fixed(int(self.is_linear[:k].sum()), share)
        particles = self.model.particles(extras)
        system = self._system_at(gridded)
        return Crossed(system, system.cross(particles), particles.mean(axis=1), linear)

    def _system_at(self, gridded: FloatArray) -> System:
        """With what the Lorentzian share does to a profile of the width that is gridded."""
        ranges, mode = self.model.ranges, self.mode
        names = list(ranges.extras)
        if "eta" not in names or np.array_equal(gridded, mode.place[2:][~self.is_linear]):
            return self.system
        values = dict(zip(np.array(names)[~self.is_linear].tolist(), gridded.tolist(), strict=True))
        derivatives = mode.derivatives[2:].copy()
        derivatives[names.index("eta")] = self.model.of_shares(mode.place, values)[1]
        rows = mode.amount * derivatives[self.is_linear] * self.linear.widths[:, None]
        return self._patterns.with_columns(rows.T)

    def sizes(
        self,
        variances: FloatArray,
        used: BoolArray,
        crossed: Crossed,
    ) -> Sizes:
        """With the prior variances of the columns of the pattern's own system."""
        return Sizes(self.model, _solved(crossed.system, crossed.linear, variances, used), crossed)

    def solved(self, variances: FloatArray, used: BoolArray) -> Solved:
        """Everything linear integrated out, with the prior variances of the pattern's columns."""
        return _solved(self.system, self.linear, variances, used)


def _solved(system: System, linear: Linear, variances: FloatArray, used: BoolArray) -> Solved:
    return system.solved(
        np.concatenate([variances, linear.variances]),
        np.concatenate([np.zeros(len(variances)), linear.means]),
        np.concatenate([used, np.ones(len(linear.widths), dtype=bool)]),
    )


class Sizes:
    """The density of sizes near a best place."""

    def __init__(self, model: BinnedSeries, solved: Solved, crossed: Crossed) -> None:
        self._model, self._linear, self._means = model, crossed.linear, crossed.means
        self.solved = solved
        self.products, self.right, self._half = solved.reduced(crossed.products)
        self._constant = -0.5 * solved.log_det - 0.5 * solved.square
        linear = self._linear
        n = len(linear.widths)
        self._last = solved.factor[len(solved.factor) - n :, len(solved.factor) - n :]
        inverse = solved_lower(self._last, np.eye(n))
        self.spread = inverse.T  # of what is linear, in units of the widths
        deviations = np.sqrt(linear.variances)
        # The prior is normal, too, and ends at the bounds.
        prior = ndtr((linear.high - linear.means) / deviations)
        prior -= ndtr((linear.low - linear.means) / deviations)
        self._constant -= float(np.log(np.maximum(prior, 1e-30)).sum())

    def log_evidence(
        self, volume: FloatArray, dispersion: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Logarithm of the evidence of populations, and the means of the extras there."""
        linear = self._linear
        weights = self._model.populations(volume, dispersion)
        weights /= (weights @ self._means)[:, None]
        own = np.maximum(np.einsum("ij,ij->i", weights @ self.products, weights), 1e-300)
        right = np.maximum(weights @ self.right, 0.0)
        amount = right / own
        found = 0.5 * amount * right - 0.5 * np.log(own) + self._constant
        n = len(linear.widths)
        half = self.solved.half[len(self.solved.half) - n :, None] - amount * (
            self._half[len(self._half) - n :] @ weights.T
        )
        shifts = solved_lower(self._last, half, transposed=True).T
        deviations = np.sqrt((self.spread**2).sum(axis=1))
        inside = ndtr((linear.high - shifts) / deviations)
        inside -= ndtr((linear.low - shifts) / deviations)
        found += np.log(np.maximum(inside, 1e-30)).sum(axis=1)
        return found, linear.place + shifts * linear.widths

    @property
    def constant(self) -> float:
        """Logarithm of the evidence of what holds no particles."""
        return self._constant

    def linear(self, weights: FloatArray) -> FloatArray:
        """Means of what is linear, for each row of weights of the particles.

        Parameters
        ----------
        weights : ndarray of shape (n_rows, n_particles)
            Amounts of the particles, as their patterns are.

        Returns
        -------
        ndarray of shape (n_rows, n_linear)
        """
        linear, n = self._linear, len(self._linear.widths)
        half = self.solved.half[len(self.solved.half) - n :, None]
        half = half - self._half[len(self._half) - n :] @ weights.T
        means = solved_lower(self._last, half, transposed=True).T
        return np.asarray(linear.place + linear.widths * means)

    def extras(self, weights: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draws of what is linear, one for each row of weights of the particles."""
        means = self.linear(weights)
        apart = rng.standard_normal(means.shape) @ self.spread.T
        return np.asarray(means + self._linear.widths * apart)

    def peaks(self, count: int) -> list[FloatArray]:
        """Volume average and dispersion at the peaks of a map over all ranges, best first."""
        ranges = self._model.ranges
        diameters = np.geomspace(*ranges.diameters, _MAP[0])
        dispersions = np.linspace(*ranges.dispersions, _MAP[1])
        d, s = (a.ravel() for a in np.meshgrid(diameters, dispersions, indexing="ij"))
        values = self.log_evidence(volume_mean(d, s), s)[0].reshape(_MAP)
        padded = np.pad(values, 1, constant_values=-np.inf)
        around = [
            padded[1 + i : 1 + i + _MAP[0], 1 + j : 1 + j + _MAP[1]]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if (i, j) != (0, 0)
        ]
        peaks = np.argwhere(values > np.max(around, axis=0)).tolist()
        peaks.sort(key=lambda place: -values[tuple(place)])
        found = np.array([[diameters[i], dispersions[j]] for i, j in peaks[:count]]).reshape(-1, 2)
        return list(np.stack([volume_mean(found[:, 0], found[:, 1]), found[:, 1]], axis=1))

    def best_of(self, centres: Sequence[FloatArray]) -> FloatArray:
        """The likeliest of some volume averages and dispersions, inside the ranges."""
        ranges = self._model.ranges
        volumes, dispersions = np.array(centres).T
        dispersions = np.clip(dispersions, *ranges.dispersions)
        ends = volume_mean(np.array(ranges.diameters)[:, None], dispersions)
        volumes = np.clip(volumes, *ends)
        best = int(self.log_evidence(volumes, dispersions)[0].argmax())
        return np.array([volumes[best], dispersions[best]])

    def component(
        self,
        node: Node,
        centre: FloatArray,
        covariance: FloatArray,
        rounds: int = _ROUNDS,
    ) -> Component | None:
        """The density on a grid that follows it; None where nothing is inside the ranges.

        Parameters
        ----------
        node : Node
        centre : ndarray of shape (2,)
            Volume average and dispersion where it is looked for.
        covariance : ndarray of shape (2, 2)
            How far around, at first.
        rounds : int
            How often the grid is laid.
        """
        ranges = self._model.ranges
        for left in reversed(range(rounds)):  # coarse, until it is laid where it stays
            grid = _grid(centre, covariance, ranges, _COARSE if left else _FINE)
            if grid is None:
                return None
            volumes, dispersions, cell, slope = grid
            inside = _inside(volumes, dispersions, ranges)
            if not inside.any():
                return None
            logs, linear = self.log_evidence(volumes, dispersions)
            # Number averages are equally likely before, not volume averages.
            logs += node.log_prior + np.log(cell[0] * cell[1]) - 3.0 * np.log1p(dispersions**2)
            logs[~inside] = -np.inf
            shares = np.exp(logs - logs.max())
            shares /= shares.sum()
            points = np.stack([volumes, dispersions])
            centre = points @ shares
            apart = points - centre[:, None]
            covariance = (shares * apart) @ apart.T + np.diag(np.square(cell) / 12.0)
        spread = self._linear.widths[:, None] * self.spread
        return Component(
            node, volumes, dispersions, cell, slope, centre, covariance, logs, linear, spread
        )


def _grid(
    centre: FloatArray, covariance: FloatArray, ranges: Ranges, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray, tuple[float, float], float] | None:
    """Nodes along the slope of a covariance."""
    n_dispersions, n_volumes = shape
    broad = float(np.sqrt(max(covariance[1, 1], _LEAST_DEVIATION**2)))
    slope = float(covariance[0, 1] / broad**2)
    narrow = float(np.sqrt(max(covariance[0, 0] - slope * covariance[0, 1], _LEAST_DEVIATION**2)))
    low, high = ranges.dispersions
    first = min(max(low, centre[1] - _REACH * broad), high - min(broad, 0.5 * (high - low)))
    last = max(min(high, centre[1] + _REACH * broad), low + min(broad, 0.5 * (high - low)))
    if not last > first:
        return None
    width = (last - first) / n_dispersions
    dispersions = first + width * (np.arange(n_dispersions) + 0.5)
    across = narrow * np.linspace(-_REACH, _REACH, n_volumes)
    s, u = (a.ravel() for a in np.meshgrid(dispersions, across, indexing="ij"))
    volumes = centre[0] + slope * (s - centre[1]) + u
    return np.maximum(volumes, 0.2), s, (float(across[1] - across[0]), width), slope


def _inside(volumes: FloatArray, dispersions: FloatArray, ranges: Ranges) -> BoolArray:
    numbers = number_mean(volumes, dispersions)
    return np.asarray((numbers >= ranges.diameters[0]) & (numbers <= ranges.diameters[1]))


def drawn(
    components: Sequence[Component],
    is_linear: BoolArray,
    ranges: Ranges,
    n_draws: int,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Equally likely draws of everything.

    Parameters
    ----------
    components : sequence of Component
    is_linear : ndarray of shape (n_extras,) of bool
        Which of the extras are linear, and not gridded.
    ranges : Ranges
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to ndarray of shape (n_draws,)
    """
    logs = np.concatenate([c.log_weights for c in components])
    shares = np.cumsum(np.exp(logs - logs.max()))
    at = (np.arange(n_draws) + rng.random()) / n_draws * shares[-1]
    chosen = np.minimum(np.searchsorted(shares, at), len(shares) - 1)
    ends = np.cumsum([len(c.log_weights) for c in components])
    owner = np.searchsorted(ends, chosen, side="right")
    jitter = rng.random((2, n_draws)) - 0.5
    normal = rng.standard_normal((n_draws, int(is_linear.sum())))
    apart = rng.random((n_draws, int((~is_linear).sum()))) - 0.5
    volumes, dispersions = np.empty(n_draws), np.empty(n_draws)
    extras = np.empty((n_draws, len(ranges.extras)))
    names = np.array([*ranges.extras], dtype=object)
    low, high = ranges.low[2:][is_linear], ranges.high[2:][is_linear]
    for k, one in enumerate(components):
        mine = np.flatnonzero(owner == k)
        if not mine.size:
            continue
        place = chosen[mine] - (ends[k] - len(one.log_weights))
        moved = one.cell[1] * jitter[1, mine]
        dispersions[mine] = one.dispersions[place] + moved
        volumes[mine] = one.volumes[place] + one.cell[0] * jitter[0, mine] + one.slope * moved
        extras[np.ix_(mine, is_linear)] = _inside_bounds(
            one.linear[place], one.spread, normal[mine], low, high, rng
        )
        gridded = np.tile(one.node.values, (len(mine), 1))
        for j, name in enumerate(names[~is_linear]):
            step = apart[mine, j] * one.node.widths[j]
            gridded[:, j] = _moved(name, gridded[:, j], step)
            slope = _slope(components, one, j)
            volumes[mine] += slope[0] * step
            dispersions[mine] += slope[1] * step
        extras[np.ix_(mine, ~is_linear)] = gridded
    dispersions = np.clip(dispersions, *ranges.dispersions)
    numbers = np.clip(number_mean(volumes, dispersions), *ranges.diameters)
    spread = 1.0 + dispersions**2
    found = {
        "diameter": numbers,
        "volume_diameter": numbers * spread**3,
        "surface_diameter": numbers * spread**2,
        "dispersion": dispersions,
    }
    for k, (name, ends_of) in enumerate(ranges.extras.items()):
        values = np.clip(extras[:, k], *ends_of)
        found[name] = told(name, values)
    return found


def _inside_bounds(
    means: FloatArray,
    spread: FloatArray,
    normal: FloatArray,
    low: FloatArray,
    high: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Normal values; those beyond a bound are drawn again."""
    found = np.asarray(means + normal @ spread.T)
    for _ in range(_REDRAWN):
        beyond = np.flatnonzero(((found < low) | (found > high)).any(axis=1))
        if not beyond.size:
            break
        again = rng.standard_normal((len(beyond), normal.shape[1]))
        found[beyond] = means[beyond] + again @ spread.T
    return found


def _moved(name: str, values: FloatArray, step: FloatArray) -> FloatArray:
    """Values with a step in what nodes are even in: widths, whose squares are sought."""
    return np.maximum(np.sqrt(values) + step, 0.0) ** 2 if name == "fwhm" else values + step


def _slope(components: Sequence[Component], one: Component, j: int) -> FloatArray:
    """How volume average and dispersion go with a gridded value, from its neighbours."""
    if not one.node.widths[j]:
        return np.zeros(2)
    others = [
        c
        for c in components
        if c.node.widths[j]
        and all(c.node.values[i] == one.node.values[i] for i in range(len(c.node.values)) if i != j)
        and 0.0 < abs(c.node.index[j] - one.node.index[j]) <= 1
    ]
    if not others:
        return np.zeros(2)
    slopes = [
        (c.centre - one.centre) / ((c.node.index[j] - one.node.index[j]) * one.node.widths[j])
        for c in others
    ]
    return np.asarray(np.mean(slopes, axis=0))

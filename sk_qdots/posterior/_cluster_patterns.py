r"""The patterns of every particle of a series, for any strain, displacement, resolution and fault.

Particle :math:`n` scatters

.. math:: I_n(Q) = s_n(Q) + \sum_k F_k(Q)\, S_{kn}(Q (1 + \epsilon)),

what its atoms scatter by themselves, coherently and not, and what their pairs do: the pair sums
:math:`S_k` of pairs of species, of the particle without strain, times the pairs' form factors and
Debye-Waller factors :math:`F_k`. With :math:`x = Q (1 + \epsilon)` and a smooth function
:math:`G`, the mean square amplitude of an atom, so that :math:`F_k = G r_k` and :math:`r_k` varies
little,

.. math::

    \sum_k F_k(Q) S_{kn}(x) = \frac{G(Q)}{G(x)} \left[ H_n(x) - \frac{\epsilon}{1 + \epsilon}
    J_n(x) \right] + O(\epsilon^2), \quad
    H_n = G \sum_k r_k S_{kn}, \quad J_n = G \sum_k x r_k' S_{kn}.

So two arrays over :math:`x` hold all strains; for one kind of atoms the second is zero. A change
:math:`\Delta B` of all displacement parameters multiplies this by
:math:`\exp[-2 \Delta B (Q / 4 \pi)^2]`. Both arrays are linear in what faults and the resolution
do, so that those at a few nodes (:mod:`._nodes`) make them for all. The patterns of a population
are those of its particles, weighted with their numbers.

Validated in ``tests/posterior/test_series.py`` against :func:`sk_qdots.simulate_library`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from .._typing import Float32Array, FloatArray, JsonObject
from ..simulation.even_grid import interpolation
from ._mixed_array import MixedArray
from ._nodes import Nodes, combined, nodes_from_facts

__all__ = ["ClusterPatterns", "MixedPatterns"]

_FORMAT, _FORMAT_VERSION = "sk_qdots cluster patterns", 1
_RECENT = 2**25  # bytes of combined tables that are kept
_ROOM = 8  # points of the even grid beside those that a range needs
_N_STRAINS = 4  # whose interpolation is kept
# Steps of central differences.
_STEPS = {
    "strain": 2e-5,
    "fwhm": 1e-3,
    "eta": 1e-2,
    "growth_fault": 1e-3,
    "deformation_fault": 1e-3,
}


class _Stretched(NamedTuple):
    """How values at the points come from the even grid, at one strain."""

    part: slice
    rows: csr_matrix
    damping: FloatArray  # logarithm
    by_b_iso: FloatArray  # what a change of the displacement parameters is multiplied with


@dataclass(frozen=True, eq=False)
class ClusterPatterns:
    """Patterns of every particle of a series.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        Even, in 1/Angstrom.
    diameters : ndarray of shape (n_particles,)
        In nm.
    formula_units : ndarray of shape (n_particles,)
    bounds : mapping of str to (float, float)
        Of what varies: ``"strain"`` always; ``"b_iso"`` (a change of all displacement
        parameters, in Angstrom^2), ``"fwhm"`` (degrees of two-theta), ``"eta"`` (Lorentzian
        share), ``"growth_fault"`` and ``"deformation_fault"`` where they do.
    name, shape : str
        Of the crystal, of the particles.
    facts : dict
        Where they come from, as JSON can hold it.
    start, step : float
        Of the even grid of ``pairs``, in 1/Angstrom.
    pairs : ndarray of shape (n_variants, n_x, n_particles)
        What pairs scatter, in electron units per formula unit.
    slopes : ndarray of shape (n_variants, n_x, n_particles) or (0, 0, 0)
        What strain does to the ratios of the form factors; none for one kind of atoms.
    scale : ndarray of shape (n_x,)
        Logarithm of the mean square amplitude.
    alone : ndarray of shape (n_resolutions, n_terms, n_q)
        What atoms scatter by themselves.
    shares : ndarray of shape (n_particles, n_terms)
        How much of each term a formula unit of a particle has.
    nodes : tuple of Nodes
        Of faults and of the resolution, where they vary.

    See Also
    --------
    cluster_patterns : Makes them from a crystal.

    Examples
    --------
    >>> from sk_qdots.posterior import cluster_patterns
    >>> ranges = {"diameters": (2.0, 3.0), "dispersions": (0.1, 0.2), "strains": (0.0, 0.0)}
    >>> cluster_patterns("Pt", **ranges).particles().patterns().shape[1]
    5004
    """

    q: FloatArray
    diameters: FloatArray
    formula_units: FloatArray
    bounds: Mapping[str, tuple[float, float]]
    name: str
    shape: str
    facts: JsonObject
    start: float = field(repr=False)
    step: float = field(repr=False)
    pairs: Float32Array = field(repr=False)
    slopes: Float32Array = field(repr=False)
    scale: FloatArray = field(repr=False)
    alone: FloatArray = field(repr=False)
    shares: FloatArray = field(repr=False)
    nodes: tuple[Nodes, ...] = field(default=(), repr=False)
    _recent: dict[tuple[float, ...], _Stretched] = field(
        default_factory=dict, init=False, repr=False
    )

    def __repr__(self) -> str:
        return (
            f"ClusterPatterns({self.name}, {self.shape}, {len(self.diameters)} particles to "
            f"{self.diameters[-1]:.3g} nm, {len(self.q)} points, {', '.join(self.bounds)})"
        )

    @property
    def nbytes(self) -> int:
        """Memory of the arrays."""
        return sum(array.nbytes for array in self.to_arrays().values())

    def mix(self, rows: npt.ArrayLike) -> MixedPatterns:
        """Patterns of populations.

        Parameters
        ----------
        rows : array-like of shape (n_populations, n_particles)
            Number fractions; only their ratios count.

        Returns
        -------
        MixedPatterns
            Per formula unit of each population.

        Raises
        ------
        ValueError
            If the rows do not fit the particles, or one of them sums to nothing.
        """
        weights = np.atleast_2d(np.asarray(rows, dtype=np.float64))
        if weights.ndim != 2 or weights.shape[1] != len(self.diameters):
            raise ValueError(
                f"rows have shape {np.shape(rows)}; the series has {len(self.diameters)} particles"
            )
        units = weights * self.formula_units
        totals = units.sum(axis=1, keepdims=True)
        if not (np.isfinite(totals).all() and (totals > 0.0).all()):
            raise ValueError("rows hold a population without particles, or what is not a number")
        return MixedPatterns(self, np.ascontiguousarray(units / totals))

    def particles(self) -> MixedPatterns:
        """Pattern of every particle, per formula unit of that particle.

        Returns
        -------
        MixedPatterns
        """
        return MixedPatterns(self, None)

    def at(self, q: FloatArray) -> Self:
        """The same patterns at other points.

        Parameters
        ----------
        q : ndarray of shape (n_points,)
            Ascending, in the range of those of the series, in 1/Angstrom.

        Returns
        -------
        ClusterPatterns
            Only to evaluate: its points need not be even.
        """
        step = float(self.q[-1] - self.q[0]) / (len(self.q) - 1)
        rows = self.alone.reshape(-1, len(self.q))
        alone = interpolation(q, float(self.q[0]), step, len(self.q)) @ rows.T
        alone = alone.T.reshape(*self.alone.shape[:2], len(q))
        if not len(q):
            return replace(self, q=q, alone=alone)
        # Only what the points need at any strain.
        low, high = self.bounds["strain"]
        ends = float(q[0]) * (1.0 + min(low, 0.0)), float(q[-1]) * (1.0 + max(high, 0.0))
        first, last = self._around(*ends)
        return replace(
            self,
            q=q,
            alone=alone,
            start=self.start + first * self.step,
            pairs=self.pairs[:, first:last],
            slopes=self.slopes[:, first:last],
            scale=self.scale[first:last],
        )

    def only(self, particles: slice) -> Self:
        """The patterns of some of the particles.

        Parameters
        ----------
        particles : slice

        Returns
        -------
        ClusterPatterns
        """
        return replace(
            self,
            diameters=self.diameters[particles],
            formula_units=self.formula_units[particles],
            pairs=np.ascontiguousarray(self.pairs[:, :, particles]),
            slopes=np.ascontiguousarray(self.slopes[:, :, particles]),
            shares=self.shares[particles],
        )

    def _around(self, low: float, high: float) -> tuple[int, int]:
        """First and last place of the even grid from which a range is interpolated."""
        first = max(int((low - self.start) / self.step) - _ROOM, 0)
        last = min(int((high - self.start) / self.step) + _ROOM, len(self.scale))
        return first, last

    def _stretched(self, strain: float, part: slice) -> _Stretched:
        """How values at a strain come from the even grid; those of the last few are kept."""
        key = strain, part.start, part.stop, part.step
        found = self._recent.pop(key, None)
        if found is None:
            q = self.q[part]
            x = q * (1.0 + strain)
            first, last = self._around(float(x.min()), float(x.max()))
            grid = self.start + self.step * np.arange(len(self.scale), dtype=np.float64)
            logs = np.interp(np.concatenate([q, x]), grid, self.scale)
            found = _Stretched(
                slice(first, last),
                interpolation(x, float(grid[first]), self.step, last - first),
                logs[: len(q)] - logs[len(q) :],
                -2.0 * (q / (4.0 * np.pi)) ** 2,
            )
        self._recent[key] = found
        if len(self._recent) > _N_STRAINS:
            self._recent.pop(next(iter(self._recent)))
        return found

    def to_arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything as arrays, which ``numpy.savez`` can hold without pickle.

        Returns
        -------
        dict of str to ndarray
            ``header`` is one string, of JSON.
        """
        header = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "name": self.name,
            "shape": self.shape,
            "facts": self.facts,
            "bounds": {key: list(ends) for key, ends in self.bounds.items()},
            "start": self.start,
            "step": self.step,
            "nodes": [each.facts() for each in self.nodes],
        }
        return {
            "header": np.array(json.dumps(header)),
            **{key: getattr(self, key) for key in _ARRAYS},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> ClusterPatterns:
        """Cluster patterns from what :meth:`to_arrays` made of them.

        Parameters
        ----------
        arrays : mapping of str to ndarray

        Returns
        -------
        ClusterPatterns

        Raises
        ------
        ValueError
            If they are something else, or damaged.
        """
        try:
            header = json.loads(str(arrays["header"]))
            if (header["format"], header["format_version"]) != (_FORMAT, _FORMAT_VERSION):
                raise KeyError("format")
            found = cls(
                bounds={key: (float(a), float(b)) for key, (a, b) in header["bounds"].items()},
                name=str(header["name"]),
                shape=str(header["shape"]),
                facts=dict(header["facts"]),
                start=float(header["start"]),
                step=float(header["step"]),
                nodes=tuple(nodes_from_facts(facts) for facts in header["nodes"]),
                **{key: np.asarray(arrays[key], dtype=kind) for key, kind in _ARRAYS.items()},
            )
            found._check()
        except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
            raise ValueError(f"the arrays are not cluster patterns, or damaged: {error}") from error
        return found

    def _check(self) -> None:
        """Refuse arrays that do not fit together."""
        n_variants = int(np.prod([len(each) for each in self.nodes], dtype=np.int64))
        shape = (n_variants, len(self.scale), len(self.diameters))
        fits = self.pairs.shape == shape and self.slopes.shape in (shape, (0, 0, 0))
        fits = fits and self.formula_units.shape == self.diameters.shape
        fits = fits and self.alone.shape[1:] == (self.shares.shape[1], len(self.q))
        if not fits or len(self.shares) != len(self.diameters):
            raise ValueError("parts do not fit together")


_ARRAYS = {
    "q": np.float64,
    "diameters": np.float64,
    "formula_units": np.float64,
    "pairs": np.float32,
    "slopes": np.float32,
    "scale": np.float64,
    "alone": np.float64,
    "shares": np.float64,
}


class MixedPatterns:
    """Patterns of some populations, for any strain, displacement, resolution and fault.

    Made by :meth:`ClusterPatterns.mix` and :meth:`ClusterPatterns.particles`. Each variant is
    mixed when it is first needed.

    Parameters
    ----------
    series : ClusterPatterns
    rows : ndarray of shape (n_populations, n_particles) or None
        Share of the formula units that each particle has; None for every particle by itself.

    Examples
    --------
    >>> from sk_qdots.posterior import cluster_patterns
    >>> from sk_qdots.simulation import lognormal_weights
    >>> ranges = {"diameters": (2.0, 3.0), "dispersions": (0.1, 0.2), "strains": (-0.01, 0.01)}
    >>> series = cluster_patterns("Pt", **ranges)
    >>> mixed = series.mix(lognormal_weights(series.diameters, 2.5, 0.1))
    >>> len(mixed), mixed.derivatives(["strain"], strain=0.002).shape
    (1, (1, 1, 5004))
    """

    def __init__(self, series: ClusterPatterns, rows: FloatArray | None) -> None:
        self.series, self.rows = series, rows
        self._shares = series.shares if rows is None else rows @ series.shares
        stored = [series.pairs, series.slopes] if len(series.slopes) else [series.pairs]
        self._arrays = [MixedArray(array, rows) for array in stored]
        self._recent: dict[bytes, list[FloatArray]] = {}

    def __len__(self) -> int:
        return len(self._shares)

    def first(self) -> Self:
        """The first population alone, with what was mixed already.

        Returns
        -------
        MixedPatterns
        """
        one = copy(self)
        one.rows = None if self.rows is None else self.rows[:1]
        one._shares = self._shares[:1]
        one._arrays = [array.first() for array in self._arrays]
        one._recent = {}
        return one

    def patterns(
        self,
        *,
        strain: float = 0.0,
        b_iso: float = 0.0,
        fwhm: float = 0.0,
        eta: float = 0.0,
        growth_fault: float = 0.0,
        deformation_fault: float = 0.0,
        q: slice | None = None,
    ) -> FloatArray:
        """Patterns at one set of values.

        Parameters
        ----------
        strain : float, default=0.0
            Isotropic, (a - a_bulk) / a_bulk.
        b_iso : float, default=0.0
            Change of all displacement parameters, in Angstrom^2.
        fwhm : float, default=0.0
            In degrees of two-theta.
        eta : float, default=0.0
            Lorentzian share, where it varies.
        growth_fault, deformation_fault : float, default=0.0
        q : slice, optional
            Of the points; all by default.

        Returns
        -------
        ndarray of shape (n_populations, n_q)
            In electron units per formula unit.

        Raises
        ------
        ValueError
            If a value is out of bounds, or of what does not vary.
        """
        values = {
            "strain": strain,
            "b_iso": b_iso,
            "fwhm": fwhm,
            "eta": eta,
            "growth_fault": growth_fault,
            "deformation_fault": deformation_fault,
        }
        self._check(values)
        part = slice(None) if q is None else q
        tables = self._tables(combined(self.series.nodes, values))
        return self._of_pairs(tables, values, part) + self._alone(self._resolution(values), part)

    def derivatives(
        self, names: Sequence[str], *, q: slice | None = None, **values: float
    ) -> FloatArray:
        """Derivatives of the patterns by some of the values.

        Parameters
        ----------
        names : sequence of str
            ``"strain"``, ``"b_iso"``, ``"fwhm"``, ``"eta"``, ``"growth_fault"`` or
            ``"deformation_fault"``.
        q : slice, optional
            Of the points; all by default.
        **values : float
            As for :meth:`patterns`.

        Returns
        -------
        ndarray of shape (n_names, n_populations, n_q)
            Per unit of each value. Central differences within the bounds, but exact for
            ``"b_iso"``.

        Raises
        ------
        ValueError
            If a value is out of bounds, or a name is not known.
        """
        at = {**dict.fromkeys(_NAMES, 0.0), **values}
        if set(at) - set(_NAMES):
            raise ValueError(f"no value is called {min(set(at) - set(_NAMES))!r}")
        self._check(at)
        part = slice(None) if q is None else q
        tables = self._tables(combined(self.series.nodes, at))
        found = []
        for name in names:
            if name not in self.series.bounds:
                raise ValueError(self._does_not_vary(name))
            if name == "b_iso":
                factor = -2.0 * (self.series.q[part] / (4.0 * np.pi)) ** 2
                found.append(factor * self._of_pairs(tables, at, part))
                continue
            low, high = self.series.bounds[name]
            ends = [float(np.clip(at[name] + s * _STEPS[name], low, high)) for s in (-1.0, 1.0)]
            behind, ahead = ({**at, name: end} for end in ends)
            over = max(ends[1] - ends[0], 1e-300)
            if name == "strain":
                upper, lower = (self._of_pairs(tables, moved, part) for moved in (ahead, behind))
                found.append((upper - lower) / over)
                continue
            upper, lower = (combined(self.series.nodes, moved) for moved in (ahead, behind))
            slope = self._of_pairs(self._tables((upper - lower) / over), at, part)
            if name in ("fwhm", "eta"):
                upper, lower = (self._resolution(moved) for moved in (ahead, behind))
                slope += self._alone((upper - lower) / over, part)
            found.append(slope)
        return np.array(found)

    def with_slopes(self, **values: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Patterns, and what strain and displacement do to the first of them.

        Parameters
        ----------
        **values : float
            As for :meth:`patterns`.

        Returns
        -------
        patterns : ndarray of shape (n_populations, n_q)
        strain, b_iso : ndarray of shape (n_q,)
            Derivatives of the first pattern, to the square of the step of the grid; in a fraction
            of the time of :meth:`derivatives`.

        Raises
        ------
        ValueError
            If a value is out of bounds.
        """
        at = {**dict.fromkeys(_NAMES, 0.0), **values}
        self._check(at)
        q = self.series.q
        tables = self._tables(combined(self.series.nodes, at))
        extra = [np.gradient(tables[0][:, 0], self.series.step)]
        if len(tables) > 1:
            extra.append(tables[1][:, 0])
        more = np.stack(extra, axis=1)
        along = [np.concatenate([tables[0], more], axis=1)]
        if len(tables) > 1:
            along.append(np.concatenate([tables[1], np.zeros_like(more)], axis=1))
        found = self._of_pairs(along, at, slice(None))
        found, slopes = found[: len(self)], found[len(self) :]
        grid = self.series.start + self.series.step * np.arange(len(self.series.scale))
        fall = np.gradient(self.series.scale, self.series.step)
        stretched = 1.0 + at["strain"]
        strain = q * (slopes[0] - np.interp(q * stretched, grid, fall) * found[0])
        if len(slopes) > 1:
            strain = strain - slopes[1] / stretched**2
        b_iso = -2.0 * (q / (4.0 * np.pi)) ** 2 * found[0]
        patterns = found + self._alone(self._resolution(at), slice(None))
        return patterns, strain, b_iso

    def _does_not_vary(self, name: str) -> str:
        return (
            f"{name} does not vary in these patterns; they vary in {', '.join(self.series.bounds)}"
        )

    def _check(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            low, high = self.series.bounds.get(name, (0.0, 0.0))
            room = 1e-9 * max(abs(low), abs(high), 1e-3)
            if not low - room <= value <= high + room:
                if name not in self.series.bounds:
                    raise ValueError(self._does_not_vary(name))
                raise ValueError(f"{name} is {value:g}; these patterns have {low:g} to {high:g}")

    def _tables(self, shares: FloatArray) -> list[FloatArray]:
        """Pairs, and slopes where there are, of (n_x, n_populations), of shares of the variants."""
        key = shares.tobytes()  # a scan of strains asks for the same again and again
        found = self._recent.pop(key, None)
        if found is None:
            found = [array.combined(shares) for array in self._arrays]
        self._recent[key] = found
        while sum(table.nbytes for kept in self._recent.values() for table in kept) > _RECENT:
            if len(self._recent) == 1:
                break
            self._recent.pop(next(iter(self._recent)))
        return found

    def _of_pairs(
        self, tables: Sequence[FloatArray], values: Mapping[str, float], part: slice
    ) -> FloatArray:
        """What pairs scatter at a strain and a displacement parameter."""
        strain = values["strain"]
        if not len(self.series.q[part]):
            return np.zeros((len(self), 0))
        needed = self.series._stretched(strain, part)
        pairs = tables[0][needed.part]
        if len(tables) > 1 and strain != 0.0:
            pairs = pairs - (strain / (1.0 + strain)) * tables[1][needed.part]
        found = np.asarray(needed.rows @ pairs)
        found *= np.exp(needed.damping + values["b_iso"] * needed.by_b_iso)[:, None]
        return np.ascontiguousarray(found.T)

    def _resolution(self, values: Mapping[str, float]) -> FloatArray:
        """Shares of the nodes of the resolution."""
        return combined([n for n in self.series.nodes if "fwhm" in n.bounds], values)

    def _alone(self, shares: FloatArray, part: slice) -> FloatArray:
        """What atoms scatter by themselves."""
        alone = self.series.alone[:, :, part]
        return np.asarray(self._shares @ np.tensordot(shares, alone, axes=1))


_NAMES = ("strain", "b_iso", "fwhm", "eta", "growth_fault", "deformation_fault")

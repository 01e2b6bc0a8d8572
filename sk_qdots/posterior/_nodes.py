r"""Nodes from which patterns are interpolated over fault probabilities and resolutions.

Patterns are linear in what a parameter :math:`\alpha` does to pairs: in the probability
:math:`P_0(m; \alpha)` that layers :math:`m` apart are at one position, or in the damping
:math:`K(d; w)` that a profile of the width :math:`w` gives the distance :math:`d`. Where
coefficients :math:`c_j(\alpha)` make these *features* of those at a few nodes,

.. math:: \phi_k(\alpha) \approx \sum_j c_j(\alpha)\, \phi_k(\alpha_j) \quad \text{for all } k,

they make the pattern of the patterns there. They are found by least squares, features weighted
by the pairs that have them; the nodes are taken one after the other, each where the features
are made worst.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from .._typing import FloatArray, Json, JsonObject
from ..simulation import Stacking

__all__ = ["FaultNodes", "Nodes", "ResolutionNodes", "nodes_from_facts"]

_SUM = 3.0  # weight of the sum of the coefficients, against all features together
_SMALLEST = 1e-7  # singular value, of the largest, below which a direction is left out
_CANDIDATES = {1: 81, 2: 23}  # along each axis, by the number of axes
_MOST = {1: 20, 2: 40}


class Nodes(ABC):
    """Places in the space of some parameters, and how to interpolate between them.

    Parameters
    ----------
    bounds : mapping of str to (float, float)
        What varies, at most two parameters.
    places : ndarray of shape (n_nodes, n_parameters), optional
        Those that are needed for the tolerance, by default.
    tolerance : float
        Largest error of the features, of their sum.
    """

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        places: FloatArray | None,
        tolerance: float,
    ) -> None:
        self.bounds = dict(bounds)
        self.places = self._chosen(tolerance) if places is None else np.asarray(places)

    @abstractmethod
    def features(self, place: FloatArray) -> FloatArray:
        """Weighted features of one place; their absolute sum is that of the scattering there."""

    @abstractmethod
    def facts(self) -> JsonObject:
        """What makes these nodes again."""

    def __len__(self) -> int:
        return len(self.places)

    def coefficients(self, values: Mapping[str, float]) -> FloatArray:
        """Share of each node in the pattern at the values of the parameters."""
        place = np.array([values[name] for name in self.bounds])
        at = np.flatnonzero((np.abs(self.places - place) < 1e-12).all(axis=1))
        if at.size:
            return np.asarray(np.eye(len(self.places))[at[0]], dtype=np.float64)
        return np.asarray(self._with_sum(self.features(place)) @ self._inverse)

    @cached_property
    def _inverse(self) -> FloatArray:
        return self._inverted(np.array([self.features(p) for p in self.places]))

    def _with_sum(self, features: FloatArray) -> FloatArray:
        return np.concatenate([features, np.full((*features.shape[:-1], 1), _SUM)], axis=-1)

    def _inverted(self, features: FloatArray) -> FloatArray:
        inverse = np.linalg.pinv(self._with_sum(features), rcond=_SMALLEST)
        return np.asarray(inverse, dtype=np.float64)

    def _chosen(self, tolerance: float) -> FloatArray:
        """Places that are enough."""
        # Near the ends features change most: quadratically dense there.
        turns = np.sin(np.linspace(0.0, np.pi / 2.0, _CANDIDATES[len(self.bounds)])) ** 2
        axes = [low + (high - low) * turns for low, high in self.bounds.values()]
        candidates = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        found = np.array([self.features(place) for place in candidates])
        scale = np.abs(found).sum(axis=1)
        taken = [0, len(candidates) - 1]
        while len(taken) < min(_MOST[len(axes)], len(candidates)):
            shares = self._with_sum(found) @ self._inverted(found[taken])
            errors = np.abs(shares @ found[taken] - found).sum(axis=1) / scale
            errors[taken] = 0.0
            worst = int(np.argmax(errors))
            if errors[worst] < tolerance:
                break
            taken.append(worst)
        places = candidates[taken]
        return np.asarray(places[np.lexsort(places.T[::-1])])


class FaultNodes(Nodes):
    """Nodes of fault probabilities.

    Parameters
    ----------
    bounds : mapping of str to (float, float)
        Of ``"growth_fault"``, ``"deformation_fault"`` or both.
    thickness : float
        Layers of a typical large particle.
    lean : bool
        Whether the particles are not mapped onto themselves by the mirror plane of the layers,
        so that the directions of layers count (:mod:`sk_qdots.simulation.stacking`).
    places : ndarray of shape (n_nodes, n_parameters), optional
    tolerance : float, default=1e-4
    """

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        thickness: float,
        lean: bool,
        places: FloatArray | None = None,
        tolerance: float = 1e-4,
    ) -> None:
        self.thickness, self.lean = float(thickness), bool(lean)
        apart = np.arange(int(np.ceil(thickness)))
        self._weights = _overlap(apart / thickness)
        self._weights /= self._weights.sum()
        super().__init__(bounds, places, tolerance)

    def stacking(self, place: FloatArray) -> Stacking:
        """The probabilities of one node."""
        values = dict(zip(self.bounds, np.clip(place, 0.0, 1.0).tolist(), strict=True))
        return Stacking(values.get("growth_fault", 0.0), values.get("deformation_fault", 0.0))

    def features(self, place: FloatArray) -> FloatArray:
        stacking, n_layers = self.stacking(place), len(self._weights)
        found = self._weights * stacking.same_position(n_layers)
        if not self.lean:
            return found
        kept = (1.0 - 2.0 * stacking.growth) ** np.arange(n_layers)
        leaning = np.outer(kept, self._weights * stacking.leaning(n_layers)) / n_layers
        return np.concatenate([found, leaning.ravel()])

    def facts(self) -> JsonObject:
        return {**_shared_facts(self), "thickness": self.thickness, "lean": self.lean}


class ResolutionNodes(Nodes):
    """Nodes of a profile: its full width at half maximum, in degrees, and its Lorentzian share.

    Parameters
    ----------
    bounds : mapping of str to (float, float)
        Of ``"fwhm"``, and of ``"eta"`` where the Lorentzian share varies, too.
    longest : float
        Diameter of a typical large particle, in Angstrom.
    wavelength : float
        In Angstrom.
    eta : float
        Lorentzian share, where it does not vary.
    places : ndarray of shape (n_nodes, n_parameters), optional
    tolerance : float, default=1e-4
    """

    def __init__(
        self,
        bounds: Mapping[str, tuple[float, float]],
        longest: float,
        wavelength: float,
        eta: float,
        places: FloatArray | None = None,
        tolerance: float = 1e-4,
    ) -> None:
        self.longest, self.wavelength, self.eta = float(longest), float(wavelength), float(eta)
        share = (np.arange(48) + 0.5) / 48
        self._weights = _overlap(share) / _overlap(share).sum()
        # A degree of two-theta where it is most of Q: at small angles.
        self._phases = share * longest * np.deg2rad(1.0) * 2.0 * np.pi / wavelength
        super().__init__(bounds, places, tolerance)

    def features(self, place: FloatArray) -> FloatArray:
        phases = self._phases * float(place[0])
        eta = float(place[1]) if len(place) > 1 else self.eta
        gaussian = np.exp(-(phases**2) / (16.0 * np.log(2.0)))
        lorentzian = np.exp(-phases / 2.0)
        return np.asarray(self._weights * ((1.0 - eta) * gaussian + eta * lorentzian))

    @property
    def profiles(self) -> list[tuple[float, float]]:
        """Width and Lorentzian share of each node."""
        return [(float(p[0]), float(p[1]) if len(p) > 1 else self.eta) for p in self.places]

    def coefficients(self, values: Mapping[str, float]) -> FloatArray:
        # Without a width there is no share: one node is exact.
        return super().coefficients(values if values["fwhm"] else {**values, "eta": 0.0})

    def facts(self) -> JsonObject:
        return {
            **_shared_facts(self),
            "longest": self.longest,
            "wavelength": self.wavelength,
            "eta": self.eta,
        }


def nodes_from_facts(facts: JsonObject) -> FaultNodes | ResolutionNodes:
    """The nodes that told their facts."""
    bounds = {str(name): (_number(a), _number(b)) for name, a, b in _rows(facts["bounds"])}
    places = np.array([[_number(v) for v in row] for row in _rows(facts["places"])])
    if "eta" in facts:
        longest, wavelength, eta = (_number(facts[k]) for k in ("longest", "wavelength", "eta"))
        return ResolutionNodes(bounds, longest, wavelength, eta, places)
    return FaultNodes(bounds, _number(facts["thickness"]), bool(facts["lean"]), places)


def _rows(value: Json) -> list[list[Json]]:
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, list)]


def _number(value: Json) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _shared_facts(nodes: Nodes) -> JsonObject:
    return {
        "bounds": [[name, low, high] for name, (low, high) in nodes.bounds.items()],
        "places": nodes.places.tolist(),
    }


def _overlap(share: FloatArray) -> FloatArray:
    """Common volume of two spheres, by their distance as a share of the diameter."""
    share = np.minimum(share, 1.0)
    return np.asarray(1.0 - 1.5 * share + 0.5 * share**3)


def combined(nodes: Sequence[Nodes], values: Mapping[str, float]) -> FloatArray:
    """Coefficients of all variants: every node of the first with every node of the next."""
    total = np.ones(1)
    for each in nodes:
        total = np.multiply.outer(total, each.coefficients(values)).ravel()
    return total

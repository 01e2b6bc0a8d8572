"""Nodes of a lattice that lie inside a body, from the centre outwards.

A body is looked up once for a whole series: the gauge of a node says which smaller body of the same
shape holds it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np

from .._typing import FloatArray, IntArray
from ._reduction import compact_basis, reindexed
from .cluster import Cluster
from .crystal import Crystal
from .shapes import Shape

__all__ = ["LEAST_OCCUPANCY", "SURFACE", "Fill", "NodeShells", "has_centre"]

Fill = Literal["cells", "volume", "atoms"]

SURFACE = 1e-9  # relative room for rounding at the surface
_MOST_NODES = 20_000_000  # half a GiB of indices
LEAST_OCCUPANCY = 1e-3  # an outermost shell that is filled less than this is left out


class NodeShells:
    """Nodes of a body and its gauges, from which smaller bodies of its shape are taken.

    Parameters
    ----------
    crystal, body, fill, centre
        As in :func:`cut_cluster`.
    scale : float
        How many times the body itself the largest one is.
    ordered : bool, default=False
        Whether smaller ones will be taken: nodes ordered by gauge.
    """

    def __init__(
        self,
        crystal: Crystal,
        body: Shape,
        scale: float,
        fill: Fill,
        centre: tuple[float, float, float],
        *,
        ordered: bool = False,
    ) -> None:
        if fill not in ("cells", "volume", "atoms"):
            raise ValueError(f"fill is {fill!r}; it must be 'cells', 'volume' or 'atoms'")
        origin = np.asarray(centre, dtype=np.float64)
        if origin.shape != (3,) or not np.isfinite(origin).all():
            raise ValueError(f"centre is {centre}; it must be three finite numbers, in Angstrom")
        self.crystal, self.fill = crystal, fill
        self.unit = body.diameter(crystal)
        if fill != "volume":
            self.nodes, self.gauges = _nodes_inside(crystal, body, scale, fill, origin)
        else:  # the body may hold fewer nodes than its volume: look beyond the surface
            reach = scale + 2.0 * crystal.node_diameter / self.unit
            wanted = (scale * self.unit / crystal.node_diameter) ** 3
            self.nodes, self.gauges = _nodes_inside(crystal, body, reach, fill, origin)
            while len(self.nodes) < wanted + 1:
                reach *= 1.2
                self.nodes, self.gauges = _nodes_inside(crystal, body, reach, fill, origin)
        self.nearest = self.gauges.min(axis=1)
        self.ordered = ordered or fill == "volume"
        if self.ordered:
            order = np.argsort(self.nearest, kind="stable")
            self.nodes, self.gauges = self.nodes[order], self.gauges[order]
            self.nearest = self.nearest[order]

    def cluster(self, diameter: float) -> Cluster | None:
        """The particle of a diameter, the largest if not ordered; None where it holds no atom."""
        if self.fill == "volume":
            return self._filled_up(diameter)
        limit = diameter / self.unit * (1.0 + SURFACE)
        end = len(self.nodes)
        if self.ordered:
            end = int(np.searchsorted(self.nearest, limit, side="right"))
        if end == 0:
            return None
        filled = self.gauges[:end] <= limit if self.fill == "atoms" else None
        return Cluster(self.crystal, self.nodes[:end], diameter, filled)

    def _filled_up(self, diameter: float) -> Cluster:
        wanted = (diameter / self.crystal.node_diameter) ** 3
        # The shell that holds the last node wanted: nodes of one gauge.
        last = self.nearest[min(len(self.nearest), int(np.ceil(wanted - 1e-6))) - 1]
        start = int(np.searchsorted(self.nearest, last * (1.0 - SURFACE) - SURFACE))
        end = int(np.searchsorted(self.nearest, last * (1.0 + SURFACE) + SURFACE, side="right"))
        share = (wanted - start) / (end - start)
        if share < LEAST_OCCUPANCY and start > 0:
            end, share = start, 1.0
        occupancies = np.ones(end)
        if share < 1.0 - SURFACE:
            occupancies[start:] = share
        return Cluster(self.crystal, self.nodes[:end], diameter, occupancies=occupancies)


def _nodes_inside(
    crystal: Crystal, body: Shape, scale: float, fill: Fill, origin: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Nodes of which a site is inside the body, and the gauge of every site of theirs.

    The gauges have shape (n_nodes, 1) for whole cells, (n_nodes, n_sublattices) for atoms.
    """
    offsets = np.zeros((1, 3))
    if fill == "atoms":
        offsets = np.array([s.offset for s in crystal.sublattices])
    basis = compact_basis(crystal.lattice, _spread(crystal, body))
    lattice = basis @ crystal.lattice
    # Column i of the inverse bounds index i: n_i = x . b_i.
    inverse = np.asarray(np.linalg.inv(lattice), dtype=np.float64)
    largest = 10.0 * scale * (1.0 + SURFACE)  # nm to Angstrom
    ahead, behind = (largest * body.support(crystal, side * inverse.T) for side in (1.0, -1.0))
    shifts = (origin - offsets) @ inverse
    low = np.ceil((shifts - behind).min(axis=0) - 1e-9).astype(int)
    high = np.floor((shifts + ahead).max(axis=0) + 1e-9).astype(int)
    shape = high - low + 1
    if np.prod(shape.astype(float)) > _MOST_NODES:
        raise ValueError(
            f"a particle of {crystal.name} of diameter {scale * body.diameter(crystal):g} nm is "
            f"too large (more than {_MOST_NODES:,} cells to look through); lengths are in nm"
        )
    i, j, k = (
        np.arange(start, stop + 1)[:, None] * vector
        for start, stop, vector in zip(low, high, 0.1 * lattice, strict=True)
    )
    grid = (i - 0.1 * origin)[:, None, None] + j[:, None] + k
    positions = grid.reshape(-1, 3)
    columns = [body.gauge(crystal, positions + 0.1 * t if t.any() else positions) for t in offsets]
    gauges = np.stack(columns, axis=1)
    nearest = columns[0] if len(columns) == 1 else gauges.min(axis=1)
    inside = np.flatnonzero(nearest <= scale * (1.0 + SURFACE))
    nodes = np.stack(np.unravel_index(inside, tuple(shape)), axis=1) + low
    return reindexed(nodes, basis), gauges[inside]


def _directions() -> FloatArray:
    """Unit vectors that cover the sphere evenly."""
    k = np.arange(200) + 0.5
    height, angle = 1.0 - 2.0 * k / 200, np.pi * (1.0 + np.sqrt(5.0)) * k
    flat = np.sqrt(1.0 - height**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=1)


def has_centre(crystal: Crystal, body: Shape) -> bool:
    """Whether a body is the same seen from opposite sides."""
    ahead, behind = (body.gauge(crystal, side * _directions()) for side in (1.0, -1.0))
    return bool(np.allclose(ahead, behind, rtol=1e-9))


@lru_cache(maxsize=64)
def _spread(crystal: Crystal, body: Shape) -> FloatArray:
    """Second moments of a body, roughly: how it stretches in space."""
    directions = _directions()
    weights = body.gauge(crystal, directions) ** -5.0
    return np.asarray((directions * weights[:, None]).T @ directions)

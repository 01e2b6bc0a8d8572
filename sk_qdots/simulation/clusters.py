r"""Atomistic models: particles cut from a lattice by a shape.

Cluster :math:`n` of the *homologous series* of a shape has the equivalent-sphere
diameter :math:`D_n = n D_1`, where :math:`D_1` is the diameter of the sphere that
has the volume of one primitive cell. With ``fill="cells"`` it holds every node
:math:`\mathbf R` inside the surface, and each node carries the whole primitive
cell, so that the composition is exact and :math:`N_n \approx n^3`. With
``fill="atoms"`` it holds every atom inside the surface.

References
----------
.. [1] L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024), Methods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from .crystal import Crystal
from .shapes import Cylinder, Ellipsoid, Platelet, Shape, as_shape

__all__ = ["Cluster", "cut_cluster", "homologous_series", "two_axis_series"]

Fill = Literal["cells", "atoms"]

_SURFACE = 1e-9  # relative room for rounding at the surface


@dataclass(frozen=True, eq=False)
class Cluster:
    """Nodes of a crystal's lattice that make one particle.

    Parameters
    ----------
    crystal : Crystal
        The crystal it is cut from.
    nodes : ndarray of shape (n_nodes, 3) of int
        Node indices along the vectors of the lattice.
    diameter : float
        Diameter of the equivalent sphere, in nm.
    filled : ndarray of shape (n_nodes, n_sublattices) of bool, optional
        Which atoms of each node belong to the particle; all, where it is None.
    dimensions : mapping of str to float, optional
        Other lengths that describe it, in nm, such as ``{"length": 20, "width": 4}``.
    """

    crystal: Crystal
    nodes: npt.NDArray[np.int64]
    diameter: float
    filled: npt.NDArray[np.bool_] | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_atoms(self) -> int:
        """Number of sites, whether or not partly occupied."""
        if self.filled is None:
            return len(self.nodes) * len(self.crystal.sublattices)
        return int(self.filled.sum())

    def sublattice_nodes(self, index: int) -> npt.NDArray[np.int64]:
        """Nodes at which one sublattice has its atom.

        Parameters
        ----------
        index : int
            Number of the sublattice.

        Returns
        -------
        ndarray of shape (n_nodes, 3) of int
        """
        return self.nodes if self.filled is None else self.nodes[self.filled[:, index]]

    def atoms(self) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Elements and Cartesian coordinates (Angstrom) of every atom.

        Returns
        -------
        elements : list of str of length n_atoms
        positions : ndarray of shape (n_atoms, 3)
        """
        elements: list[str] = []
        positions = []
        for k, sublattice in enumerate(self.crystal.sublattices):
            nodes = self.sublattice_nodes(k)
            elements += [sublattice.element] * len(nodes)
            positions.append(nodes @ self.crystal.lattice + np.asarray(sublattice.offset))
        return elements, np.concatenate(positions)


def cut_cluster(
    crystal: Crystal,
    shape: str | Shape = "sphere",
    diameter: float | None = None,
    *,
    fill: Fill = "cells",
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> Cluster:
    """Cut one particle.

    Parameters
    ----------
    crystal : Crystal
    shape : str or Shape, default="sphere"
        A body, or the name of one (:func:`sk_qdots.simulation.shape_names`).
    diameter : float, optional
        Diameter of the equivalent sphere, in nm, to which the body is scaled. A
        body that has its own size may go without.
    fill : {"cells", "atoms"}, default="cells"
        Whole cells at the nodes inside the surface, or the atoms inside it.
    centre : tuple of 3 float, default=(0, 0, 0)
        Where the body's centre lies, Cartesian, in Angstrom; the origin is a node.

    Returns
    -------
    Cluster

    Raises
    ------
    ValueError
        If the diameter is not a positive number, a name is not known, or no atom
        is inside.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, cut_cluster
    >>> pbs = Crystal.builtin("PbS")
    >>> len(cut_cluster(pbs, "sphere", 4 * pbs.node_diameter).nodes)
    55
    """
    body = as_shape(shape)
    if diameter is None:
        if isinstance(shape, str):
            raise ValueError(f"diameter is missing: the shape {shape!r} has no size of its own")
        diameter = body.diameter(crystal)
    scale = _positive("diameter", diameter) / body.diameter(crystal)
    nodes, gauges = _nodes_inside(crystal, body, scale, fill, centre)
    if len(nodes) == 0:
        raise ValueError(
            f"no atom of {crystal.name} is inside a {shape} of diameter {diameter:g} nm"
        )
    filled = gauges <= scale * (1.0 + _SURFACE) if fill == "atoms" else None
    return Cluster(crystal, nodes, float(diameter), filled)


def homologous_series(
    crystal: Crystal,
    max_diameter: float,
    shape: str | Shape = "sphere",
    *,
    step: float | None = None,
    fill: Fill = "cells",
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> list[Cluster]:
    """Build the series of particles of one shape up to a largest size.

    Parameters
    ----------
    crystal : Crystal
    max_diameter : float
        Equivalent-sphere diameter that the last cluster reaches or just exceeds,
        in nm.
    shape : str or Shape, default="sphere"
        Its proportions count, not its size.
    step : float, optional
        Difference of the diameters, in nm; ``crystal.node_diameter`` by default.
    fill, centre
        As in :func:`cut_cluster`.

    Returns
    -------
    list of Cluster
        Cluster n has the diameter n times the step; those without an atom are left out.

    Raises
    ------
    ValueError
        If ``max_diameter`` or ``step`` is not a positive number or a name is not known.
    """
    body = as_shape(shape)
    step = crystal.node_diameter if step is None else _positive("step", step)
    n_clusters = int(np.ceil(_positive("max_diameter", max_diameter) / step - 1e-9))
    unit = body.diameter(crystal)
    # Each cluster holds the smaller ones: cut once, then take what is inside by its gauge.
    nodes, gauges = _nodes_inside(crystal, body, n_clusters * step / unit, fill, centre)
    order = np.argsort(gauges.min(axis=1), kind="stable")
    nodes, gauges = nodes[order], gauges[order]
    diameters = [n * step for n in range(1, n_clusters + 1)]
    clusters = []
    for diameter in diameters:
        inside = gauges <= diameter / unit * (1.0 + _SURFACE)
        end = int(np.count_nonzero(inside.any(axis=1)))
        if end:
            filled = inside[:end] if fill == "atoms" else None
            clusters.append(Cluster(crystal, nodes[:end], diameter, filled))
    return clusters


def two_axis_series(
    crystal: Crystal,
    lengths: Sequence[float],
    widths: Sequence[float],
    shape: Literal["cylinder", "rod", "platelet", "ellipsoid"] = "cylinder",
    *,
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0),
    fill: Fill = "cells",
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> list[Cluster]:
    """Build particles of every length and every width.

    Parameters
    ----------
    crystal : Crystal
    lengths, widths : sequence of float
        In nm. The length runs along the axis. The width is the diameter of a
        cylinder, the edge of a square platelet (whose thickness is the length),
        or the equatorial diameter of an ellipsoid (whose axis is z).
    shape : {"cylinder", "rod", "platelet", "ellipsoid"}, default="cylinder"
    axis : tuple of 3 float, default=(0, 0, 1)
        Direction [uvw] of the length.
    fill, centre
        As in :func:`cut_cluster`.

    Returns
    -------
    list of Cluster
        Lengths outermost; ``dimensions`` holds ``length`` and ``width``.

    Raises
    ------
    ValueError
        If a length or width is not positive, or the shape is none of these.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, two_axis_series
    >>> rods = two_axis_series(Crystal.builtin("CdSe wurtzite"), [5.0, 10.0], [3.0, 4.0])
    >>> [len(rod.nodes) for rod in rods]
    [312, 560, 641, 1150]
    """
    bodies: dict[str, Callable[[float, float], Shape]] = {
        "cylinder": lambda length, width: Cylinder(length, width, axis),
        "rod": lambda length, width: Cylinder(length, width, axis),
        "platelet": lambda length, width: Platelet(width, width, length, axis),
        "ellipsoid": lambda length, width: Ellipsoid((width, width, length)),
    }
    if shape not in bodies:
        raise ValueError(f"shape is {shape!r}; a two-axis series is one of {', '.join(bodies)}")
    clusters = []
    for length in lengths:
        for width in widths:
            body = bodies[shape](_positive("lengths", length), _positive("widths", width))
            cluster = cut_cluster(crystal, body, fill=fill, centre=centre)
            dimensions = {"length": float(length), "width": float(width)}
            clusters.append(
                Cluster(crystal, cluster.nodes, cluster.diameter, cluster.filled, dimensions)
            )
    return clusters


def _nodes_inside(
    crystal: Crystal,
    body: Shape,
    scale: float,
    fill: Fill,
    centre: tuple[float, float, float],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Nodes of which a site is inside the body, and the gauge of every site of theirs.

    The gauges have shape (n_nodes, 1) for whole cells, (n_nodes, n_sublattices) for atoms.
    """
    if fill not in ("cells", "atoms"):
        raise ValueError(f"fill is {fill!r}; it must be 'cells' or 'atoms'")
    origin = np.asarray(centre, dtype=np.float64)
    if origin.shape != (3,) or not np.isfinite(origin).all():
        raise ValueError(f"centre is {centre}; it must be three finite numbers, in Angstrom")
    offsets = np.zeros((1, 3))
    if fill == "atoms":
        offsets = np.array([s.offset for s in crystal.sublattices])
    # Column i of the inverse bounds index i: n_i = x . b_i.
    inverse = np.asarray(np.linalg.inv(crystal.lattice), dtype=np.float64)
    reach = 10.0 * scale * body.support(crystal, inverse.T) * (1.0 + _SURFACE)  # nm to Angstrom
    shifts = (origin - offsets) @ inverse
    low = np.ceil((shifts - reach).min(axis=0) - 1e-9).astype(int)
    high = np.floor((shifts + reach).max(axis=0) + 1e-9).astype(int)
    axes = [np.arange(a, b + 1) for a, b in zip(low, high, strict=True)]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = nodes @ (0.1 * crystal.lattice) - 0.1 * origin
    columns = [body.gauge(crystal, positions + 0.1 * t if t.any() else positions) for t in offsets]
    gauges = np.stack(columns, axis=1)
    nearest = columns[0] if len(columns) == 1 else gauges.min(axis=1)
    inside = nearest <= scale * (1.0 + _SURFACE)
    return nodes[inside], gauges[inside]


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value} nm; it must be a positive number")
    return float(value)

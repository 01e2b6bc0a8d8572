r"""Atomistic models: clusters of lattice nodes cut by a shape.

Cluster :math:`n` of the *homologous series* of spheres holds every node
:math:`\mathbf R` with :math:`|\mathbf R| \le D_n / 2`, where
:math:`D_n = n D_1` and :math:`D_1` is the diameter of the sphere that has the
volume of one primitive cell. Each node carries the whole primitive cell, so
that the composition is exact and :math:`N_n \approx n^3`.

References
----------
.. [1] L. Allara, F. Bertolotti, A. Guagliardi, npj Comput. Mater. (2024), Methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .crystal import Crystal

__all__ = ["Cluster", "sphere", "sphere_series"]


@dataclass(frozen=True, eq=False)
class Cluster:
    """Nodes of a crystal's lattice that make one particle.

    Parameters
    ----------
    crystal : Crystal
        The crystal it is cut from.
    nodes : ndarray of shape (n_nodes, 3) of int
        Node indices along the primitive vectors.
    diameter : float
        Diameter of the equivalent sphere, in nm.
    """

    crystal: Crystal
    nodes: npt.NDArray[np.int64]
    diameter: float

    def atoms(self) -> tuple[list[str], npt.NDArray[np.float64]]:
        """Elements and Cartesian coordinates (Angstrom) of every atom.

        Returns
        -------
        elements : list of str of length n_atoms
        positions : ndarray of shape (n_atoms, 3)
        """
        centres = self.nodes @ self.crystal.lattice
        elements: list[str] = []
        positions = []
        for sublattice in self.crystal.sublattices:
            elements += [sublattice.element] * len(centres)
            positions.append(centres + np.asarray(sublattice.offset))
        return elements, np.concatenate(positions)


def sphere(crystal: Crystal, diameter: float) -> Cluster:
    """Cut a sphere, centred on a node.

    Parameters
    ----------
    crystal : Crystal
    diameter : float
        Diameter, in nm.

    Returns
    -------
    Cluster

    Raises
    ------
    ValueError
        If the diameter is not a positive number.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, sphere
    >>> pbs = Crystal.builtin("PbS")
    >>> len(sphere(pbs, 4 * pbs.node_diameter).nodes)
    55
    """
    if not (np.isfinite(diameter) and diameter > 0):
        raise ValueError(f"diameter is {diameter} nm; it must be a positive number")
    radius = 5.0 * diameter  # Angstrom
    lattice = crystal.lattice
    # |R_i| along reciprocal vector i bounds index i: |n_i| <= radius * |b_i|.
    reach = np.floor(radius * np.linalg.norm(np.linalg.inv(lattice), axis=0) + 1e-9).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    indices = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    nodes = indices[_squared_radius(indices, lattice) <= _squared_limit(diameter)]
    return Cluster(crystal, nodes, float(diameter))


def sphere_series(crystal: Crystal, max_diameter: float) -> list[Cluster]:
    """Build the homologous series of spheres up to a largest diameter.

    Parameters
    ----------
    crystal : Crystal
    max_diameter : float
        Diameter that the last cluster reaches or just exceeds, in nm.

    Returns
    -------
    list of Cluster
        Cluster n has the diameter n times ``crystal.node_diameter``.

    Raises
    ------
    ValueError
        If ``max_diameter`` is not a positive number.
    """
    if not (np.isfinite(max_diameter) and max_diameter > 0):
        raise ValueError(f"max_diameter is {max_diameter} nm; it must be a positive number")
    step = crystal.node_diameter
    n_clusters = int(np.ceil(max_diameter / step - 1e-9))
    # Each sphere holds the smaller ones: cut once, then take the nodes by their radius.
    nodes = sphere(crystal, n_clusters * step).nodes
    squared = _squared_radius(nodes, crystal.lattice)
    order = np.argsort(squared, kind="stable")
    nodes, squared = nodes[order], squared[order]
    diameters = [n * step for n in range(1, n_clusters + 1)]
    ends = np.searchsorted(squared, [_squared_limit(d) for d in diameters], side="right")
    return [Cluster(crystal, nodes[:end], d) for end, d in zip(ends, diameters, strict=True)]


def _squared_radius(
    nodes: npt.NDArray[np.int64], lattice: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.asarray(((nodes @ lattice) ** 2).sum(axis=1))


def _squared_limit(diameter: float) -> float:
    """Square of the radius in Angstrom, with room for rounding at the surface."""
    return float((5.0 * diameter) ** 2 * (1.0 + 1e-12))

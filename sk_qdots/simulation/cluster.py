"""One particle: the nodes of a crystal's lattice that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .._typing import BoolArray, FloatArray, IntArray
from .crystal import Crystal

__all__ = ["Cluster"]


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
    occupancies : ndarray of shape (n_nodes,), optional
        How much of each node is there on average; 1, where it is None.

    Examples
    --------
    >>> from sk_qdots.simulation import cut_cluster
    >>> particle = cut_cluster("PbS", "sphere", diameter=3.0)
    >>> particle
    Cluster(PbS, 3 nm, 498 sites)
    >>> len(particle.nodes)
    249
    """

    crystal: Crystal
    nodes: IntArray
    diameter: float
    filled: BoolArray | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)
    occupancies: FloatArray | None = None

    def __repr__(self) -> str:
        return f"Cluster({self.crystal.name}, {self.diameter:g} nm, {self.n_atoms} sites)"

    @property
    def n_cells(self) -> float:
        """Number of cells; partly filled ones count in part."""
        if self.occupancies is not None:
            return float(self.occupancies.sum())
        return self.n_atoms / len(self.crystal.sublattices)

    @property
    def n_atoms(self) -> int:
        """Number of sites, whether or not partly occupied."""
        if self.filled is None:
            return len(self.nodes) * len(self.crystal.sublattices)
        return int(self.filled.sum())

    def sublattice_nodes(self, index: int) -> IntArray:
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

    def atoms(self) -> tuple[list[str], FloatArray]:
        """Elements and Cartesian coordinates (Angstrom) of every site.

        Sites that are filled in part are among them like any other; a shared site stands
        there once for each of its elements. :meth:`FreeAtoms.from_cluster` keeps
        occupancies, displacement parameters and charges.

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

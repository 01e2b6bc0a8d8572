"""Particles of close-packed layers: of any sequence, of one sequence, of a twin."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._typing import IntArray
from .cluster import Cluster
from .layers import CloseLayers
from .stacking import Stacking

__all__ = ["StackedCluster", "sequenced", "twinned"]


@dataclass(frozen=True, eq=False)
class StackedCluster:
    """A particle of layers whose sequence is known by its probabilities alone.

    Parameters
    ----------
    layers : CloseLayers
        Of its crystal.
    full : Cluster
        Every node of the fine lattice inside the particle, whatever the sequence.
    stacking : Stacking

    Examples
    --------
    >>> from sk_qdots.simulation import Stacking, cut_cluster
    >>> particle = cut_cluster("Pt", "sphere", 3.0, stacking=Stacking(growth=0.1))
    >>> particle
    StackedCluster(Pt, 3 nm, 931 sites, growth 0.1, deformation 0)
    """

    layers: CloseLayers
    full: Cluster
    stacking: Stacking = field(default_factory=Stacking)

    def __repr__(self) -> str:
        return (
            f"StackedCluster({self.full.crystal.name}, {self.diameter:g} nm, {self.n_atoms:g} "
            f"sites, growth {self.stacking.growth:g}, deformation {self.stacking.deformation:g})"
        )

    @property
    def diameter(self) -> float:
        """Diameter of the equivalent sphere, in nm."""
        return self.full.diameter

    @property
    def n_atoms(self) -> float:
        """Number of sites: of every sequence, or their mean."""
        return self.full.n_atoms / 3.0

    def draw(self, rng: np.random.Generator) -> Cluster:
        """Draw the particle of one sequence.

        Parameters
        ----------
        rng : numpy.random.Generator

        Returns
        -------
        Cluster
            On the fine lattice.
        """
        heights = self.full.nodes[:, 2]
        low = int(heights.min())
        n_layers = int(heights.max()) - low + 1
        sequence = self.stacking.sequence(n_layers, rng, self.layers.rise)
        sequence = (sequence + rng.integers(3)) % 3  # the lowest layer is at any position
        return sequenced(self.layers, self.full, sequence[heights - low])


def sequenced(layers: CloseLayers, full: Cluster, positions: IntArray) -> Cluster:
    """Nodes of a particle that are at the position of their layer.

    Parameters
    ----------
    layers : CloseLayers
    full : Cluster
        On the fine lattice, with every position of every layer.
    positions : ndarray of shape (n_nodes,) of int
        Position of the layer of each node.

    Returns
    -------
    Cluster
    """
    taken = layers.positions(full.nodes) == positions
    return Cluster(
        full.crystal,
        full.nodes[taken],
        full.diameter,
        None if full.filled is None else full.filled[taken],
        full.dimensions,
        None if full.occupancies is None else full.occupancies[taken],
    )


def twinned(layers: CloseLayers, full: Cluster) -> Cluster:
    """A particle with one twin plane through its middle: ...BCABACB...

    Parameters
    ----------
    layers : CloseLayers
    full : Cluster
        On the fine lattice, with every position of every layer.

    Returns
    -------
    Cluster
        The cubic sequence upwards and its mirror image downwards.
    """
    return sequenced(layers, full, layers.rise * np.abs(full.nodes[:, 2]) % 3)

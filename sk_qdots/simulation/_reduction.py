"""A basis of a lattice that suits an elongated or flat body.

Nodes are looked up, and correlated, on a box of indices. Along the vectors of the
primitive cell the box of a long rod would grow as the cube of its length; along
vectors of which one follows the rod it grows with its volume.
"""

from __future__ import annotations

import itertools

import numpy as np

from .._typing import FloatArray, IntArray

__all__ = ["compact_basis", "reindexed"]

_WORTHWHILE = 0.6  # a half would do; more, so that a round body keeps the basis it has


def compact_basis(lattice: FloatArray, spread: FloatArray) -> IntArray:
    """Unimodular matrix whose product with the lattice gives vectors that suit a body.

    Parameters
    ----------
    lattice : ndarray of shape (3, 3)
        Vectors, one a row.
    spread : ndarray of shape (3, 3)
        Second moments of the body. Vectors are reduced in the metric in which it is round.

    Returns
    -------
    ndarray of shape (3, 3) of int
    """
    values, axes = np.linalg.eigh(spread)
    floor = max(values.max() * 1e-6, 1e-12)
    vectors = lattice @ (axes / np.sqrt(np.maximum(values, floor)))
    basis = np.eye(3, dtype=np.int64)
    for _ in range(100):
        changed = False
        for i, j in itertools.permutations(range(3), 2):
            ratio = vectors[i] @ vectors[j] / (vectors[j] @ vectors[j])
            if abs(ratio) > _WORTHWHILE:
                steps = int(np.rint(ratio))
                vectors[i] -= steps * vectors[j]
                basis[i] -= steps * basis[j]
                changed = True
        if not changed:
            break
    return basis


def reindexed(nodes: IntArray, basis: IntArray) -> IntArray:
    """Indices times a basis; themselves, where the basis is the one they have."""
    return nodes if (basis == np.eye(3)).all() else nodes @ basis

"""Which atoms of a lattice are near each other, found with a k-d tree.

Every atom of a cell is compared with those of the cells around it, whose atoms beyond the
reach are left out first, so that the time grows with the number of atoms and not with its
square. The cell is first spanned by the shortest vectors that there are (Minkowski's
reduction): between two atoms of a cell so spanned, the nearest images are at most two
cells apart along each vector, however skewed the cell was.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy.spatial import cKDTree

from .._typing import FloatArray, IntArray

__all__ = ["contacts", "nearest_distance", "shortest_vectors"]

_BLOCK = 256  # atoms that are looked up at a time, so that an overfull cell fits into memory
_FARTHEST = 2  # cells to the nearest image of an atom, along each of the shortest vectors
_ROUNDING = 1e-9  # relative; a vector must be shorter by more than that to be taken
_Contacts = tuple[IntArray, IntArray, FloatArray]


def contacts(lattice: FloatArray, positions: FloatArray, reach: float) -> Iterator[_Contacts]:
    """Pairs of atoms that are nearer than a reach, block by block.

    Parameters
    ----------
    lattice : ndarray of shape (3, 3)
        Vectors between cells, one a row.
    positions : ndarray of shape (n, 3)
        Cartesian, of the atoms of one cell; any image of each will do.
    reach : float

    Yields
    ------
    first, second : ndarray of int
        The atoms, each pair once with ``first >= second``, in ascending order. An atom makes
        a pair with itself where its own images are near.
    distances : ndarray
        Of the nearest images.
    """
    cell = shortest_vectors(lattice)
    fractions = _wrapped(positions, cell)
    images, owners = _around(cell, fractions, reach)
    tree = cKDTree(images)
    own = float(np.linalg.norm(cell[0]))  # from every atom to its nearest image
    for start in range(0, len(positions), _BLOCK):
        block = cKDTree(fractions[start : start + _BLOCK] @ cell)
        found = block.sparse_distance_matrix(tree, reach, output_type="ndarray")
        first, second, distances = found["i"] + start, owners[found["j"]], found["v"]
        before = (second < first) & (distances < reach)
        first, second, distances = first[before], second[before], distances[before]
        if own < reach:
            atoms = np.arange(start, min(start + _BLOCK, len(positions)))
            first, second = np.append(first, atoms), np.append(second, atoms)
            distances = np.append(distances, np.full(len(atoms), own))
        order = np.lexsort((distances, second, first))
        first, second, distances = first[order], second[order], distances[order]
        nearest = np.ones(len(order), dtype=bool)  # of the images of a pair
        nearest[1:] = (np.diff(first) != 0) | (np.diff(second) != 0)
        yield first[nearest], second[nearest], distances[nearest]


def nearest_distance(lattice: FloatArray, first: FloatArray, second: FloatArray | None) -> float:
    """Shortest distance between atoms of two kinds, or of one kind where the second is None.

    Parameters
    ----------
    lattice : ndarray of shape (3, 3)
        Vectors between cells, one a row.
    first, second : ndarray of shape (n, 3)
        Cartesian positions in one cell.

    Returns
    -------
    float
        Infinite where there are no atoms.
    """
    others = first if second is None else second
    if not (len(first) and len(others)):
        return math.inf
    cell = shortest_vectors(lattice)
    starts, ends = _wrapped(first, cell), _wrapped(others, cell)
    at = starts @ cell
    # Those of one cell say how far to look into the others; an atom is nearest to itself.
    rank = 1 if second is not None else 2
    within = cKDTree(ends @ cell).query(at, k=[rank])[0].min()
    if second is None:
        within = min(float(within), float(np.linalg.norm(cell[0])))
    images, _ = _around(cell, ends, float(within) * (1.0 + _ROUNDING) + _ROUNDING)
    return float(min(within, cKDTree(images).query(at, k=[rank])[0].min()))


def shortest_vectors(lattice: FloatArray) -> FloatArray:
    """The three shortest vectors that span a lattice, the shortest first (Minkowski)."""
    vectors = np.array(lattice, dtype=np.float64)
    steps = np.array(list(itertools.product((-1, 0, 1), repeat=2)))
    while True:
        vectors = vectors[np.argsort(np.linalg.norm(vectors, axis=1), kind="stable")]
        plane, last = vectors[:2], vectors[2]
        along = np.rint(plane[0] @ plane[1] / (plane[0] @ plane[0]))
        shorter = plane[1] - along * plane[0]
        if _is_shorter(shorter, plane[1]):
            vectors[1] = shorter
            continue
        # The foot of the third vector in the plane of the others, and the nodes about it.
        foot = np.linalg.lstsq(plane.T, last, rcond=None)[0]
        candidates = last - (np.rint(foot) + steps) @ plane
        shortest = candidates[np.argmin(np.linalg.norm(candidates, axis=1))]
        if not _is_shorter(shortest, last):
            return vectors
        vectors[2] = shortest


def _is_shorter(vector: FloatArray, other: FloatArray) -> bool:
    return bool(np.linalg.norm(vector) < (1.0 - _ROUNDING) * np.linalg.norm(other))


def _wrapped(positions: FloatArray, cell: FloatArray) -> FloatArray:
    """Fractions of a cell in [0, 1], for any image of each atom."""
    fractions = positions @ np.linalg.inv(cell)
    return np.asarray(fractions - np.floor(fractions))


def _around(cell: FloatArray, fractions: FloatArray, reach: float) -> tuple[FloatArray, IntArray]:
    """Positions of the atoms in a cell and of their images up to a reach from it, and whose."""
    owners = np.arange(len(fractions))
    depths = reach * np.linalg.norm(np.linalg.inv(cell), axis=0) + _ROUNDING  # in fractions
    for axis, depth in enumerate(depths):
        cells = min(math.ceil(depth), _FARTHEST)
        shifts = np.zeros((2 * cells + 1, 1, 3))
        shifts[:, 0, axis] = np.arange(-cells, cells + 1)
        images = fractions + shifts
        near = (images[..., axis] >= -depth) & (images[..., axis] <= 1.0 + depth)
        owners = np.broadcast_to(owners, near.shape)[near]
        fractions = images[near]
    return fractions @ cell, owners

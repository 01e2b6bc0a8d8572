"""Where the atoms of decahedra and icosahedra stand, shell by shell.

In units of the distance d. A sector of a decahedron has columns (i, j) of atoms, a site is
(sector, i, j, twice its height); an icosahedron has corners, edges and faces. Atoms that the
point group exchanges are an orbit, of which one stands for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from .._typing import FloatArray, IntArray

__all__ = [
    "ATOM_VOLUME",
    "Structure",
    "columns_of",
    "decahedral_positions",
    "icosahedral",
    "shell_ends",
    "stacked",
    "structure_of",
]

_GOLDEN = (1.0 + np.sqrt(5.0)) / 2.0
# Half of the axis, the ring of the (100) faces and that of the notches, for the n-th, over n.
_PROPORTIONS = {"decahedron": (1, 1, 1), "Marks decahedron": (2, 3, 2)}
# In units of d^3: the cell of three neighbouring corners, and of two columns.
_DECAHEDRAL = 0.75 * np.sin(0.4 * np.pi)
ATOM_VOLUME = {
    "icosahedron": np.sqrt(1.0 - 0.6 + 2.0 * 5.0**-1.5),
    "decahedron": _DECAHEDRAL,
    "Marks decahedron": _DECAHEDRAL,
}


@dataclass(frozen=True, eq=False)
class Structure:
    """Atoms in units of the distance d, shell by shell, and the orbits of their point group."""

    positions: FloatArray
    ends: IntArray
    representatives: IntArray
    sizes: IntArray


@lru_cache(maxsize=4)
def structure_of(kind: str, last: int) -> Structure:
    """All shells up to the last one, of the number that :func:`shell_ends` has for it."""
    if kind == "icosahedron":
        return icosahedral(last)
    n = 1
    while len(np.unique(_gauges(kind, _decahedral_sites(kind, n)))) <= last:
        n += max(1, n // 4)
    sites = _decahedral_sites(kind, n)
    gauges = _gauges(kind, sites)
    kept = gauges <= np.unique(gauges)[last]
    sites, gauges = sites[kept], gauges[kept]
    # Mirror planes exchange i and j, and z and -z; turns lead from sector to sector.
    rows = np.stack([sites[:, 1:3].min(axis=1), sites[:, 1:3].max(axis=1), abs(sites[:, 3])])
    return _ordered(decahedral_positions(sites), gauges, rows.T)


def _ordered(positions: FloatArray, gauges: IntArray, orbits: IntArray) -> Structure:
    """Atoms by shell; those whose rows of ``orbits`` are equal are one orbit."""
    order = np.argsort(gauges, kind="stable")
    _, ends = np.unique(gauges[order], return_index=True)
    base = int(orbits.max()) + 1
    keys = orbits[order] @ (base ** np.arange(3, dtype=np.int64))
    _, first, sizes = np.unique(keys, return_index=True, return_counts=True)
    ascending = np.argsort(first)
    return Structure(
        positions[order],
        np.append(ends[1:], len(order)),
        first[ascending],
        sizes[ascending],
    )


def icosahedral(n_shells: int) -> Structure:
    """Shells 0 to n of an icosahedron: corners, edges and faces of each."""
    corners = np.array(
        [np.roll([0.0, s, t * _GOLDEN], k) for k in range(3) for s in (-1, 1) for t in (-1, 1)]
    )
    corners /= np.linalg.norm(corners[0])
    near = corners @ corners.T > 0.4  # 0.447 for neighbours, then -0.447
    edges = np.array([e for e in combinations(range(12), 2) if near[e]])
    faces = np.array(
        [
            (a, b, c)
            for a, b, c in combinations(range(12), 3)
            if near[a, b] and near[b, c] and near[a, c]
        ]
    )
    parts = [(np.zeros((1, 3)), np.zeros((1, 3), dtype=np.int64))]
    for n in range(1, n_shells + 1):
        a = np.arange(1, n)
        along = np.stack([a, n - a], axis=1)
        b, c = (index + 1 for index in np.nonzero(np.add.outer(a, a) < n))
        across = np.stack([b, c, n - b - c], axis=1)
        for whole, ends in (
            (np.array([[n]]), np.arange(12)[:, None]),
            (along, edges),
            (across, faces),
        ):
            weights = np.zeros((len(whole), 3), dtype=np.int64)
            weights[:, : whole.shape[1]] = np.sort(whole, axis=1)
            placed = np.einsum("pk,ekx->epx", whole.astype(np.float64), corners[ends])
            parts.append((placed.reshape(-1, 3), np.tile(weights, (len(ends), 1))))
    positions, weights = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _ordered(positions, weights.sum(axis=1), weights)


def columns_of(ring: int, deepest: int) -> IntArray:
    """Columns (i, j) of a sector, without the axis: i + j up to the ring, i and j up to another."""
    i, j = np.mgrid[1 : deepest + 1, 0 : deepest + 1].reshape(2, -1)
    return np.asarray(np.stack([i, j], axis=1)[i + j <= ring])


def stacked(columns: IntArray, heights: IntArray, axis: int) -> IntArray:
    """Sites (sector, i, j, 2 z) of columns of some atoms each, around an axis of others."""
    rows = np.concatenate(
        [[[0, 0, 0]], *(np.insert(columns, 0, sector, axis=1) for sector in range(5))]
    )
    counts = np.concatenate([[axis], np.tile(heights, 5)])
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    double = 2 * number - np.repeat(counts - 1, counts)
    return np.asarray(np.column_stack([np.repeat(rows, counts, axis=0), double]))


def decahedral_positions(sites: IntArray) -> FloatArray:
    """Coordinates of sites in units of d; the axis is z."""
    sector, i, j, double = sites.T
    angles = 0.4 * np.pi * np.arange(6)
    directions = np.sqrt(0.75) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    flat = i[:, None] * directions[sector] + j[:, None] * directions[sector + 1]
    return np.column_stack([flat, 0.5 * double])


def _decahedral_sites(kind: str, n: int) -> IntArray:
    """Sites of the n-th decahedron of a series that is complete."""
    half, ring, deepest = (n * times for times in _PROPORTIONS[kind])
    columns = columns_of(ring, deepest)
    return stacked(columns, 2 * half + 1 - columns.sum(axis=1), 2 * half + 1)


def _gauges(kind: str, sites: IntArray) -> IntArray:
    """Gauge of every site, times a number that makes it an integer."""
    half, ring, deepest = _PROPORTIONS[kind]
    unit = int(np.lcm.reduce([2 * half, ring, deepest]))
    _, i, j, double = sites.T
    terms = [(i + j + abs(double)) * (unit // (2 * half)), (i + j) * (unit // ring)]
    return np.asarray(np.max([*terms, np.maximum(i, j) * (unit // deepest)], axis=0))


def shell_ends(kind: str, n_atoms: int) -> IntArray:
    """Atoms up to the end of each shell, up to the shell that holds the last atom wanted."""
    if kind == "icosahedron":
        n = np.arange(int(np.cbrt(0.3 * n_atoms)) + 2, dtype=np.int64)
        ends = (10 * n**3 + 15 * n**2 + 11 * n + 3) // 3
    else:
        size = 1
        while len(sites := _decahedral_sites(kind, size)) < n_atoms:
            size += max(1, size // 4)
        ends = np.cumsum(np.unique(_gauges(kind, sites), return_counts=True)[1])
    return np.asarray(ends[: int(np.searchsorted(ends, n_atoms)) + 1])

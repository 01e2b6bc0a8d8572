r"""Pair distances of clusters and how often each occurs, as exact integers.

For nodes on a lattice the number of node pairs that differ by the lattice
vector :math:`\mathbf R` is the autocorrelation of the node indicator
:math:`\chi`,

.. math:: A(\mathbf R) = \sum_{\mathbf R'} \chi(\mathbf R')\,\chi(\mathbf R' + \mathbf R),

one fast Fourier transform a cluster, rounded to the integer it is. Between
sublattices :math:`i` and :math:`j` with offsets :math:`\mathbf t` the distance
is :math:`|\mathbf R + \mathbf t_j - \mathbf t_i|`, so that all pairs of
sublattices with the same offset share one table.

Validated against the brute-force count over all pairs of atoms, integer for
integer, in ``tests/simulation/test_clusters_and_distances.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from .clusters import Cluster
from .crystal import Crystal

__all__ = ["DistanceTable", "PairDistances", "distance_table"]

_SAME_DISTANCE = 1e-6  # Angstrom; distances closer than this are one
_LARGEST_DIVISOR = 48  # of the smallest squared term, to find a unit of squared lengths
_SAFE_ROUNDING = 0.1  # a single-precision correlation may be this far from an integer


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances between all pairs of sublattices that share one offset.

    Parameters
    ----------
    pairs : tuple of (int, int)
        Pairs of sublattice indices i <= j that these distances hold for.
    distances : ndarray of shape (n_distances,)
        Unique distances, ascending, in Angstrom; zero is left out.
    multiplicities : ndarray of shape (n_clusters, n_distances) of int
        Ordered node pairs (both directions) for each pair of sublattices.
    """

    pairs: tuple[tuple[int, int], ...]
    distances: npt.NDArray[np.float64]
    multiplicities: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DistanceTable:
    """Everything that the Debye sum needs to know of a series of clusters.

    Parameters
    ----------
    crystal : Crystal
        The crystal that the clusters are cut from.
    diameters : ndarray of shape (n_clusters,)
        Equivalent-sphere diameters, in nm.
    n_nodes : ndarray of shape (n_clusters,) of int
        Nodes (primitive cells) in each cluster.
    groups : tuple of PairDistances
        One entry for each distinct offset between sublattices.
    """

    crystal: Crystal
    diameters: npt.NDArray[np.float64]
    n_nodes: npt.NDArray[np.int64]
    groups: tuple[PairDistances, ...]


def distance_table(clusters: Sequence[Cluster]) -> DistanceTable:
    """Count the pair distances of clusters of one crystal.

    Parameters
    ----------
    clusters : sequence of Cluster
        Clusters cut from the same crystal, in any order.

    Returns
    -------
    DistanceTable

    Raises
    ------
    ValueError
        If there is no cluster, a cluster is empty or repeats a node, or the
        clusters are of different crystals.
    """
    if not clusters:
        raise ValueError("clusters is empty; give at least one cluster")
    crystal = clusters[0].crystal
    if any(cluster.crystal != crystal for cluster in clusters):
        raise ValueError("clusters of different crystals cannot share a distance table")
    correlations = [_autocorrelation(cluster.nodes) for cluster in clusters]
    reach = np.max([np.array(c.shape) // 2 for c in correlations], axis=0)
    groups = []
    for offset, pairs in _offsets(crystal):
        distances, index = _distance_index(crystal.lattice, reach, offset)
        counts = np.zeros((len(clusters), len(distances)), dtype=np.int64)
        # i < j stands for (i, j) and (j, i), which have the same distances.
        weight = 1 if pairs[0][0] == pairs[0][1] else 2
        for row, correlation in zip(counts, correlations, strict=True):
            half = np.array(correlation.shape) // 2
            window = tuple(slice(r - h, r + h + 1) for r, h in zip(reach, half, strict=True))
            total = np.bincount(
                index[window].ravel(), weights=correlation.ravel(), minlength=len(distances)
            )
            row[:] = weight * np.rint(total).astype(np.int64)
        used = (counts > 0).any(axis=0) & (distances > _SAME_DISTANCE)
        counts = np.ascontiguousarray(counts[:, used])
        groups.append(PairDistances(tuple(pairs), distances[used], counts))
    return DistanceTable(
        crystal=crystal,
        diameters=np.array([cluster.diameter for cluster in clusters]),
        n_nodes=np.array([len(cluster.nodes) for cluster in clusters]),
        groups=tuple(groups),
    )


def _offsets(
    crystal: Crystal,
) -> list[tuple[npt.NDArray[np.float64], list[tuple[int, int]]]]:
    """Group the pairs i <= j of sublattices by t_j - t_i, up to its sign."""
    groups: list[tuple[npt.NDArray[np.float64], list[tuple[int, int]]]] = []
    positions = [np.asarray(s.offset) for s in crystal.sublattices]
    for i, start in enumerate(positions):
        for j in range(i, len(positions)):
            offset = positions[j] - start
            for known, pairs in groups:
                gap = min(np.abs(known - offset).max(), np.abs(known + offset).max())
                if gap < _SAME_DISTANCE and (i == j) == (pairs[0][0] == pairs[0][1]):
                    pairs.append((i, j))
                    break
            else:
                groups.append((offset, [(i, j)]))
    return groups


def _autocorrelation(nodes: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """A(R) on the box of all differences, the zero difference in its middle."""
    if len(nodes) == 0:
        raise ValueError("a cluster has no nodes")
    shifted = nodes - nodes.min(axis=0)
    indicator = np.zeros(shifted.max(axis=0) + 1, dtype=np.float32)
    indicator[tuple(shifted.T)] = 1.0
    if np.count_nonzero(indicator) != len(nodes):
        raise ValueError("a cluster holds the same node more than once")
    half = _half_autocorrelation(indicator)
    rounded = np.rint(half)
    if np.abs(half - rounded).max() > _SAFE_ROUNDING:  # too many nodes for float32
        rounded = np.rint(_half_autocorrelation(indicator.astype(np.float64)))
    return np.concatenate([rounded[:0:-1, ::-1, ::-1], rounded])  # A(-R) = A(R)


def _half_autocorrelation(indicator: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A(R) for the differences that are not negative along the first axis.

    Axis by axis, so that neither the padding nor the other half is transformed.
    """
    extent = indicator.shape
    n0, n1, n2 = (fft.next_fast_len(2 * n - 1, real=True) for n in extent)
    transform = fft.rfft(indicator, n2, axis=2)
    transform = fft.fft(transform, n1, axis=1, overwrite_x=True)
    transform = fft.fft(transform, n0, axis=0, overwrite_x=True)
    transform *= transform.conj()
    transform = fft.ifft(transform, axis=0, overwrite_x=True)[: extent[0]]
    transform = fft.ifft(transform, axis=1, overwrite_x=True)
    # Negative differences stand at the end of the axis.
    transform = np.take(transform, np.arange(1 - extent[1], extent[1]), axis=1, mode="wrap")
    correlation = fft.irfft(transform, n2, axis=2, overwrite_x=True)
    return np.take(correlation, np.arange(1 - extent[2], extent[2]), axis=2, mode="wrap")


def _distance_index(
    lattice: npt.NDArray[np.float64],
    reach: npt.NDArray[np.int64],
    offset: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Distances of R + offset over the box, and the index of each R among them.

    Some of the distances may not occur; no two of them are the same.
    """
    axes = [np.arange(-r, r + 1) for r in reach]
    unit = _squared_unit(lattice, offset)
    if unit is not None:
        squared = _squared_lengths(axes, lattice, offset, unit)
        if squared.max() < 10 * squared.size:
            return np.sqrt(unit * np.arange(squared.max() + 1)), squared
    length = np.sqrt(_squared_lengths(axes, lattice, offset))
    ticks, index = np.unique(np.rint(length / _SAME_DISTANCE).astype(np.int64), return_inverse=True)
    # Rounding may split one distance over two neighbouring ticks: join them.
    group = np.concatenate(([0], np.cumsum(np.diff(ticks) > 1)))
    index = group[index].reshape(length.shape)
    distances = np.bincount(index.ravel(), weights=length.ravel()) / np.bincount(index.ravel())
    return distances, index


def _squared_lengths(
    axes: list[npt.NDArray[np.int64]],
    lattice: npt.NDArray[np.float64],
    offset: npt.NDArray[np.float64],
    unit: float | None = None,
) -> npt.NDArray[Any]:
    """|R + offset|^2 over the box: in Angstrom^2, or as integers in a unit that divides it."""
    gram = lattice @ lattice.T
    terms: list[Any] = [np.diag(gram), 2.0 * gram, 2.0 * lattice @ offset, offset @ offset]
    if unit is not None:
        terms = [np.rint(term / unit).astype(np.int64) for term in terms]
    square, cross, linear, constant = terms
    i, j, k = axes[0][:, None, None], axes[1][None, :, None], axes[2][None, None, :]
    total = (square[0] * i + linear[0]) * i + constant
    total = total + (square[1] * j + linear[1] + cross[0, 1] * i) * j
    return np.asarray(total + (square[2] * k + linear[2] + cross[0, 2] * i + cross[1, 2] * j) * k)


def _squared_unit(
    lattice: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
) -> float | None:
    """Largest simple unit in which all squared lengths |R + offset|^2 are integers, if any."""
    gram = lattice @ lattice.T
    terms = np.concatenate(
        [
            np.diag(gram),
            2.0 * gram[np.triu_indices(3, k=1)],
            2.0 * lattice @ offset,
            [offset @ offset],
        ]
    )
    terms = np.abs(terms[np.abs(terms) > _SAME_DISTANCE**2])
    for divisor in range(1, _LARGEST_DIVISOR + 1):
        unit = terms.min() / divisor
        ratios = terms / unit
        if np.abs(ratios - np.rint(ratios)).max() < 1e-9 * ratios.max():
            return float(unit)
    return None

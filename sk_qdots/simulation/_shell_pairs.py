r"""Pair distances of a series of nested particles, each pair counted once for all of them.

A structure is a stack of shells, each of which its point group :math:`G` leaves as it is. Particle
:math:`n` holds the shells before :math:`s_n` whole and the share :math:`p_n` of that one, so that
its pairs are

.. math::

    m_n = \sum_{s < s_n} (X_s + W_s) + p_n X_{s_n} + p_n^2 W_{s_n}

with the pairs :math:`X_s` of shell :math:`s` with those inside it and :math:`W_s` within it. One
atom of each orbit of :math:`G` stands for the orbit: a hundredth of the pairs of an icosahedron,
an eighteenth of those of a decahedron.

The distances of all particles have to be the same ones. A distance :math:`d = (k + f) h`,
:math:`0 \le f < 1`, is shared by the four points :math:`k - 1, \dots, k + 2` of a grid with
Lagrange's weights, here of the first and the second of them,

.. math::

    w_{-1} = -\tfrac{1}{6} f (f - 1)(f - 2), \qquad w_0 = \tfrac{1}{2} (f + 1)(f - 1)(f - 2)

which keep the number of pairs and the sums of :math:`d`, :math:`d^2` and :math:`d^3`. What is lost
of :math:`\sin Qd` is below :math:`\tfrac{3}{128} (Qh)^4`: :math:`3 \cdot 10^{-7}` at 15 1/Angstrom
and :math:`2 \cdot 10^{-6}` at 25. Some of the multiplicities are negative.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from .._typing import FloatArray, IntArray

__all__ = ["shell_pairs"]

_STEP = 4e-3  # Angstrom, of the grid of distances
_BLOCK = 1024  # atoms; their coordinates and distances stay in the cache
# Of 1, f, f^2, f^3 (columns) to the points k - 1 to k + 2 (rows).
_LAGRANGE = np.array([[0, -2, 3, -1], [6, -3, -6, 3], [0, 6, 3, -3], [0, -1, 0, 1]]) / 6.0


def shell_pairs(
    positions: FloatArray,
    ends: IntArray,
    representatives: IntArray,
    sizes: IntArray,
    particles: list[tuple[int, float]],
) -> tuple[FloatArray, FloatArray]:
    """Distances, in Angstrom, and multiplicities (particle, distance).

    Parameters
    ----------
    positions : ndarray of shape (n_atoms, 3)
        Shell by shell, from the inside.
    ends : ndarray of shape (n_shells,) of int
        Number of atoms up to the end of each shell.
    representatives : ndarray of shape (n_orbits,) of int
        One atom of each orbit, ascending.
    sizes : ndarray of shape (n_orbits,) of int
        Atoms of each orbit.
    particles : list of (int, float)
        Outermost shell of each particle and its share, ascending.
    """
    kernel = _kernel()
    reach = 2.0 * float(np.linalg.norm(positions, axis=1).max())
    n_bins = int(reach / _STEP) + 2
    atoms = np.ascontiguousarray(positions.T)
    inside = np.zeros((n_bins, 4))
    rows = np.zeros((len(particles), n_bins + 3))
    first = np.searchsorted(representatives, np.concatenate(([0], ends)))
    done = 0
    for shell in range(particles[-1][0] + 1):
        start, end = (int(ends[shell - 1]) if shell else 0), int(ends[shell])
        mine = slice(first[shell], first[shell + 1])
        own = np.ascontiguousarray(atoms[:, representatives[mine]])
        weights = sizes[mine].astype(np.float64)
        parts = []
        for others, times in ((atoms[:, :start], 2.0), (atoms[:, start:end], 1.0)):
            parts.append(np.zeros((n_bins, 4)))
            for k in range(0, others.shape[1], _BLOCK):
                block = np.ascontiguousarray(others[:, k : k + _BLOCK])
                kernel(own, times * weights, block, 1.0 / _STEP, parts[-1])
        across, within = parts
        within[0] = 0.0  # each atom with itself
        while done < len(particles) and particles[done][0] == shell:
            share = particles[done][1]
            shared = (inside + share * across + share**2 * within) @ _LAGRANGE.T
            for k in range(4):
                rows[done, k : k + n_bins] += shared[:, k]
            done += 1
        inside += across
        inside += within
    used = np.flatnonzero(rows.any(axis=0))
    return np.asarray(_STEP * (used - 1), dtype=np.float64), np.ascontiguousarray(rows[:, used])


@lru_cache(maxsize=1)
def _kernel() -> Callable[[FloatArray, FloatArray, FloatArray, float, FloatArray], None]:
    """Compile the loop over two blocks; numba is imported only where series are counted."""
    import numba

    @numba.njit("void(f8[:,::1], f8[::1], f8[:,::1], f8, f8[:,::1])", nogil=True, fastmath=True)
    def add_pairs(first, weights, second, scale, moments):  # type: ignore[no-untyped-def]
        bins, rests = np.empty(second.shape[1], np.int32), np.empty(second.shape[1])
        all_x, all_y, all_z = second[0], second[1], second[2]
        for i in range(first.shape[1]):
            x, y, z, weight = first[0, i], first[1, i], first[2, i], weights[i]
            for j in range(len(bins)):  # a loop that is vectorised
                dx, dy, dz = all_x[j] - x, all_y[j] - y, all_z[j] - z
                steps = np.sqrt(dx * dx + dy * dy + dz * dz) * scale
                bins[j] = np.int32(steps)
                rests[j] = steps - bins[j]
            for j in range(len(bins)):
                k, first_moment = bins[j], weight * rests[j]
                second_moment = first_moment * rests[j]
                moments[k, 0] += weight
                moments[k, 1] += first_moment
                moments[k, 2] += second_moment
                moments[k, 3] += second_moment * rests[j]

    return add_pairs

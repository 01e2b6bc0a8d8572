r"""S(Q), F(Q) and G(r) of the particles of a distance table.

With the averages over atoms :math:`\langle f \rangle` and the coherent intensity
:math:`I` of :math:`N` atoms (Faber-Ziman),

.. math::

    S(Q) = 1 + \frac{I / N - \langle |f|^2 \rangle}{|\langle f \rangle|^2},
    \qquad F(Q) = Q\,[S(Q) - 1],
    \qquad G(r) = \frac{2}{\pi} \int_{Q_\min}^{Q_\max} F(Q)\, W(Q) \sin(Qr)\, dQ .

:math:`N` counts filled sites. Since the numerator is what pairs of different
atoms scatter, S comes straight from the pair sums (also where the outermost shell is
filled in part, so that S is 1 at large Q). The integral is a Gauss-Legendre
quadrature, fine enough for the largest distance of the particle plus the largest
r, so that G is exact for its Q-range. W is 1 or Lorch's window [2]_
:math:`\sin(\pi Q / Q_\max) / (\pi Q / Q_\max)`.

References
----------
.. [1] T. E. Faber, J. M. Ziman, Philos. Mag. 11, 153 (1965).
.. [2] E. Lorch, J. Phys. C 2, 229 (1969).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from .debye import AtomicFactors, BIso, Radiation, checked_q, checked_table, pair_sums, sine_sums
from .distances import DistanceTable

__all__ = ["pair_distribution_function", "reduced_structure_factor", "structure_factor"]

_NODES = 16  # of the quadrature, on a panel no longer than one oscillation


def structure_factor(
    table: DistanceTable,
    q: npt.ArrayLike,
    *,
    wavelength: float | None = None,
    strain: float = 0.0,
    b_iso: BIso = None,
    radiation: Radiation = "xray",
) -> FloatArray:
    """Total-scattering structure factor S(Q) of every particle of a table.

    Parameters
    ----------
    table : DistanceTable
        Use :meth:`DistanceTable.average` for a population.
    q : array-like of shape (n_q,)
        Positive, in 1/Angstrom.
    wavelength : float, optional
        In Angstrom; for X-rays.
    strain, b_iso, radiation
        As in :func:`sk_qdots.simulation.debye_intensity`.

    Returns
    -------
    ndarray of shape (n_clusters, n_q)
        S(Q), 1 at large Q.

    Raises
    ------
    ValueError
        As :func:`sk_qdots.simulation.debye_intensity`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import Crystal, cut_cluster, distance_table, structure_factor
    >>> table = distance_table(cut_cluster(Crystal.builtin("Pt"), "sphere", 3.0))
    >>> s = structure_factor(table, np.array([2.774, 30.0]), wavelength=0.2)[0]
    >>> bool(s[0] > 4), bool(abs(s[1] - 1) < 0.1)  # the 111 peak, and far out
    (True, True)
    """
    checked_table(table)
    values = checked_q(np.asarray(q, dtype=np.float64))
    factors = AtomicFactors(
        table, values, wavelength=wavelength, b_iso=b_iso, compton=False, radiation=radiation
    )
    sums = pair_sums(table, values, strain=strain)
    pairs = factors.intensity(table.counts, np.zeros_like(table.counts), sums)
    occupied = table.counts * np.array([s.occupancy for s in table.species])
    amplitude = np.abs(table.counts @ factors.amplitudes) ** 2
    return np.asarray(1.0 + pairs * occupied.sum(axis=1)[:, None] / amplitude)


def reduced_structure_factor(
    table: DistanceTable,
    q: npt.ArrayLike,
    *,
    wavelength: float | None = None,
    strain: float = 0.0,
    b_iso: BIso = None,
    radiation: Radiation = "xray",
) -> FloatArray:
    """Reduced structure factor F(Q) = Q [S(Q) - 1] of every particle of a table.

    Parameters
    ----------
    table : DistanceTable
    q : array-like of shape (n_q,)
        Positive, in 1/Angstrom.
    wavelength, strain, b_iso, radiation
        As for :func:`structure_factor`.

    Returns
    -------
    ndarray of shape (n_clusters, n_q)
        In 1/Angstrom.

    Raises
    ------
    ValueError
        As :func:`structure_factor`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import cut_cluster, distance_table, reduced_structure_factor
    >>> table = distance_table(cut_cluster("Pt", "sphere", diameter=2.0))
    >>> reduced_structure_factor(table, np.linspace(1.0, 15.0, 100), wavelength=0.56).shape
    (1, 100)
    """
    s = structure_factor(
        table, q, wavelength=wavelength, strain=strain, b_iso=b_iso, radiation=radiation
    )
    return np.asarray(q, dtype=np.float64) * (s - 1.0)


def pair_distribution_function(
    table: DistanceTable,
    r: npt.ArrayLike,
    *,
    q_max: float,
    q_min: float = 1e-3,
    lorch: bool = False,
    wavelength: float | None = None,
    strain: float = 0.0,
    b_iso: BIso = None,
    radiation: Radiation = "xray",
) -> FloatArray:
    """Reduced pair distribution function G(r) of every particle of a table.

    Parameters
    ----------
    table : DistanceTable
    r : array-like of shape (n_r,)
        Positive, in Angstrom.
    q_max, q_min : float
        Range of the transform, in 1/Angstrom. With ``q_min`` near zero the
        small-angle scattering is in it, and G falls to zero beyond the particle;
        a measured G has a larger ``q_min`` and oscillates about a sloping line.
    lorch : bool, default=False
        Whether to damp the ripples that the end of the range makes.
    wavelength, strain, b_iso, radiation
        As for :func:`structure_factor`.

    Returns
    -------
    ndarray of shape (n_clusters, n_r)
        In 1/Angstrom^2.

    Raises
    ------
    ValueError
        If r is not positive or the range is empty; otherwise as
        :func:`structure_factor`.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import (
    ...     Crystal, cut_cluster, distance_table, pair_distribution_function)
    >>> table = distance_table(cut_cluster(Crystal.builtin("PbS"), "sphere", 3.0))
    >>> r = np.linspace(2.0, 10.0, 801)
    >>> g = pair_distribution_function(table, r, q_max=25.0, wavelength=0.2)[0]
    >>> float(r[g.argmax()].round(1))  # the lattice parameter's half, times the root of two
    4.2
    """
    radii = np.asarray(r, dtype=np.float64)
    if radii.ndim != 1 or radii.size == 0 or not (np.isfinite(radii).all() and radii.min() > 0):
        raise ValueError("r must be one-dimensional, finite and positive, in Angstrom")
    if not 0 < q_min < q_max < np.inf:
        raise ValueError(f"q_min, q_max are {q_min}, {q_max}; they must be 0 < q_min < q_max")
    checked_table(table)
    reach = max((g.distances.max(initial=0.0) for g in table.groups), default=0.0)
    reach = reach * (1.0 + max(0.0, strain)) + radii.max()
    edges = np.linspace(q_min, q_max, int(np.ceil((q_max - q_min) * reach / (2 * np.pi))) + 2)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = 0.5 * np.diff(edges)[:, None]
    q = (edges[:-1, None] + half * (1.0 + nodes)).ravel()
    measure = (half * weights).ravel()
    if lorch:
        measure = measure * np.sinc(q / q_max)
    f = reduced_structure_factor(
        table, q, wavelength=wavelength, strain=strain, b_iso=b_iso, radiation=radiation
    )
    return 2.0 / np.pi * sine_sums(q, f * measure, radii)

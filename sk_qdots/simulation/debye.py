r"""The Debye scattering equation over a distance table.

For a cluster of :math:`N` nodes, with the sublattices :math:`i, j` of
occupancy :math:`o`, form factor :math:`f` and damping :math:`T`,

.. math::

    I(Q) = N \sum_i o_i |f_i|^2
         + \sum_{i \le j} o_i o_j \,\mathrm{Re}(f_i f_j^*)\, T_i T_j
           \sum_d m_{ij}(d)\, \frac{\sin Q d}{Q d}
         + N \sum_i o_i I_{\mathrm{inc},i}

where :math:`m_{ij}(d)` counts ordered pairs. The last sum is a sine transform
of the multiplicities; the default computes it with a non-uniform fast Fourier
transform [2]_ asked for :math:`10^{-12}` of the sum of the weights, the direct
method adds the terms one by one in float64 and is the judge.

References
----------
.. [1] P. Debye, Ann. Phys. 351, 809 (1915).
.. [2] A. H. Barnett, J. Magland, L. af Klinteberg, SIAM J. Sci. Comput. 41,
   C479 (2019): finufft, type 3.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .distances import DistanceTable
from .scattering_factors import compton_intensity, debye_waller_factor, form_factor

__all__ = ["debye_intensity", "pair_sums"]

Method = Literal["fast", "direct"]

_TOLERANCE = 1e-12
_BLOCK = 2**22  # sine terms held at once by the direct method


def pair_sums(
    table: DistanceTable,
    q: npt.NDArray[np.float64],
    *,
    strain: float = 0.0,
    method: Method = "fast",
) -> list[npt.NDArray[np.float64]]:
    """Sum m(d) sin(Qd)/(Qd) over the distances of every group of a table.

    Parameters
    ----------
    table : DistanceTable
    q : ndarray of shape (n_q,)
        Positive, in 1/Angstrom.
    strain : float, default=0.0
        Isotropic (a - a_bulk) / a_bulk; every distance is scaled by 1 + strain.
    method : {"fast", "direct"}, default="fast"
        Non-uniform fast Fourier transform, or the plain float64 sum.

    Returns
    -------
    list of ndarray of shape (n_clusters, n_q)
        One entry for each entry of ``table.groups``.

    Raises
    ------
    ValueError
        If q is not positive, the strain is not above -1, or the method is unknown.
    """
    q = _checked_q(q)
    if not (np.isfinite(strain) and strain > -1.0):
        raise ValueError(f"strain is {strain}; it must be a fraction above -1")
    if method not in ("fast", "direct"):
        raise ValueError(f"method is {method!r}; it must be 'fast' or 'direct'")
    sums = []
    for group in table.groups:
        distances = group.distances * (1.0 + strain)
        if distances.size == 0:
            sums.append(np.zeros((len(table.n_nodes), len(q))))
            continue
        weights = group.multiplicities / distances
        transform = _sine_transform if method == "fast" else _sine_sum
        sums.append(transform(distances, weights, q) / q)
    return sums


def debye_intensity(
    table: DistanceTable,
    q: npt.NDArray[np.float64],
    *,
    wavelength: float,
    strain: float = 0.0,
    compton: bool = True,
    method: Method = "fast",
) -> npt.NDArray[np.float64]:
    """Scattered intensity of every cluster of a table.

    Parameters
    ----------
    table : DistanceTable
    q : ndarray of shape (n_q,)
        Positive, in 1/Angstrom, at most 4 pi / wavelength.
    wavelength : float
        In Angstrom.
    strain : float, default=0.0
        Isotropic (a - a_bulk) / a_bulk.
    compton : bool, default=True
        Whether to add the incoherent scattering.
    method : {"fast", "direct"}, default="fast"

    Returns
    -------
    ndarray of shape (n_clusters, n_q)
        Electron units per cluster.

    Raises
    ------
    ValueError
        If q, wavelength, strain or method is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import Crystal, debye_intensity, distance_table, sphere
    >>> table = distance_table([sphere(Crystal.builtin("PbS"), 3.0)])
    >>> debye_intensity(table, np.array([2.1, 2.5]), wavelength=0.56).shape
    (1, 2)
    """
    q = _checked_q(q)
    factors = AtomicFactors(table, q, wavelength=wavelength, compton=compton)
    return factors.intensity(table.n_nodes, pair_sums(table, q, strain=strain, method=method))


class AtomicFactors:
    """The part of the Debye equation that does not depend on where the atoms are.

    Parameters
    ----------
    table : DistanceTable
        Says which sublattices belong to which group of distances.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength : float
        In Angstrom.
    compton : bool
        Whether the self term includes incoherent scattering.

    Attributes
    ----------
    self_term : ndarray of shape (n_q,)
        Intensity of the atoms of one node, each by itself.
    pair_terms : list of ndarray of shape (n_q,)
        Weight of each group's pair sum.
    """

    def __init__(
        self,
        table: DistanceTable,
        q: npt.NDArray[np.float64],
        *,
        wavelength: float,
        compton: bool,
    ) -> None:
        sublattices = table.crystal.sublattices
        elements = sorted({s.element for s in sublattices})
        free = {e: form_factor(e, q, wavelength) for e in elements}
        self.self_term = np.zeros(len(q))
        for s in sublattices:
            self.self_term += s.occupancy * np.abs(free[s.element]) ** 2
        # Also without Compton: refuses a q that the wavelength cannot reach.
        incoherent = {e: compton_intensity(e, q, wavelength) for e in elements}
        if compton:
            for s in sublattices:
                self.self_term += s.occupancy * incoherent[s.element]
        damped = [
            s.occupancy * debye_waller_factor(s.b_iso, q) * free[s.element] for s in sublattices
        ]
        self.pair_terms = []
        for group in table.groups:
            weight = np.zeros(len(q))
            for i, j in group.pairs:
                weight += (damped[i] * damped[j].conj()).real
            self.pair_terms.append(weight)

    def intensity(
        self, n_nodes: npt.NDArray[np.number], sums: list[npt.NDArray[np.float64]]
    ) -> npt.NDArray[np.float64]:
        """Intensity of clusters (or of mixtures of them) from their node counts and pair sums."""
        total = np.multiply.outer(np.asarray(n_nodes, dtype=np.float64), self.self_term)
        for weight, pair_sum in zip(self.pair_terms, sums, strict=True):
            total += weight * pair_sum
        return total


def _checked_q(q: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    q = np.asarray(q, dtype=np.float64)
    if q.ndim != 1 or q.size == 0:
        raise ValueError(f"q has shape {q.shape}; it must be one-dimensional and not empty")
    if not (np.isfinite(q).all() and q.min() > 0):
        raise ValueError(f"q must be positive and finite; its smallest value is {np.min(q)}")
    return q


def _sine_transform(
    distances: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    import finufft

    transformed = finufft.nufft1d3(
        distances, weights.astype(np.complex128), q, isign=1, eps=_TOLERANCE, nthreads=1
    )
    return np.asarray(transformed.imag).reshape(len(weights), len(q))


def _sine_sum(
    distances: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    total = np.empty((len(weights), len(q)))
    step = max(1, _BLOCK // len(distances))
    for start in range(0, len(q), step):
        block = slice(start, start + step)
        total[:, block] = weights @ np.sin(np.multiply.outer(distances, q[block]))
    return total

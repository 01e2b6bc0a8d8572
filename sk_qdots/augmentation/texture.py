r"""What a preferred orientation does to the reflections of a powder.

Where dots lie on their facets, a reflection hkl whose normal makes the angle :math:`\alpha` with
the facets' gets the weight of March [1]_ and Dollase [2]_,

.. math::

    w = \left(r^2 \cos^2\alpha + r^{-1} \sin^2\alpha\right)^{-3/2},

1 on average over all directions; :math:`r < 1` for dots that lie flat. The peaks
of a dot are broad and overlap, so the pattern is multiplied by

.. math::

    W(Q) = \frac{\sum_G w_G\, p_G\, g(Q - |G|)}{\sum_G p_G\, g(Q - |G|)}, \qquad
    p_G = \frac{|F_G|^2}{|G|^2},

with a squared Lorentzian :math:`g` as wide as the peaks, the sums over all
reciprocal vectors. What lies between the peaks is weighted as the peaks around it,
and passes smoothly from one to the next.

References
----------
.. [1] A. March, Z. Kristallogr. 81, 285 (1932).
.. [2] W. A. Dollase, J. Appl. Cryst. 19, 267 (1986).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._typing import Float32Array, FloatArray
from ..simulation import Crystal, debye_waller_factor, form_factor
from ..simulation.crystal import as_crystal
from .mixing import coarse_grid

__all__ = [
    "MARGIN_WIDTHS",
    "FacetReflections",
    "Texture",
    "check_facet",
    "peaks_at",
    "shares_of_peaks",
]

_COARSE_POINTS = 600
MARGIN_WIDTHS = 4.0  # widths of the peaks beyond the grid that still count


def check_facet(facet: Sequence[int]) -> None:
    """Refuse what are no Miller indices.

    Raises
    ------
    ValueError
        If they are not three integers, or all zero.
    """
    if np.shape(facet) != (3,) or not np.any(facet) or np.any(np.mod(facet, 1) != 0):
        raise ValueError(
            f"facet is {facet}; it must be three Miller indices, integers and not all zero"
        )


class FacetReflections:
    """Reflections of a crystal, by their length and their angle with a facet.

    Parameters
    ----------
    crystal : str or Crystal
    facet : tuple of 3 int
        Miller indices.
    largest : float
        Longest reciprocal vector, in 1/Angstrom; never so short that there is none.

    Attributes
    ----------
    lengths : ndarray of shape (n_reflections,)
        In 1/Angstrom, ascending.
    power : ndarray of shape (n_reflections,)
        Area of the peak of each.
    """

    def __init__(self, crystal: str | Crystal, facet: tuple[int, int, int], largest: float) -> None:
        crystal = as_crystal(crystal)
        check_facet(facet)
        reciprocal = 2.0 * np.pi * np.linalg.inv(crystal.lattice).T
        shortest = float(np.linalg.norm(reciprocal, axis=1).max())
        largest = max(largest, 2.0 * shortest)
        n = np.ceil(largest * np.linalg.norm(crystal.lattice, axis=1) / (2.0 * np.pi)).astype(int)
        indices = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), -1)
        vectors = indices.reshape(-1, 3) @ reciprocal
        lengths = np.linalg.norm(vectors, axis=1)
        used = (lengths > 1e-9) & (lengths <= largest)
        vectors, lengths = vectors[used], lengths[used]
        # At a wavelength without anomalies: only ratios of neighbouring peaks matter.
        amplitude = np.zeros(len(vectors), dtype=np.complex128)
        for s in crystal.sublattices:
            f = form_factor(s.element, lengths, 0.5, s.charge).real
            f = f * s.occupancy * debye_waller_factor(s.b_iso, lengths)
            amplitude += f * np.exp(1j * vectors @ np.asarray(s.offset))
        normal = np.linalg.inv(crystal.conventional) @ np.asarray(facet, dtype=np.float64)
        cosine = vectors @ normal / lengths / np.linalg.norm(normal)
        power = np.abs(amplitude) ** 2 / lengths**2
        # Reflections at the same place and angle count together.
        keys = np.round(np.column_stack([lengths, cosine**2]), 6)
        keys, group = np.unique(keys, axis=0, return_inverse=True)
        self.power: FloatArray = np.bincount(group.ravel(), weights=power).astype(np.float64)
        self.lengths: FloatArray = keys[:, 0]
        self._squared_cosine: FloatArray = keys[:, 1]

    def weights(self, march: float) -> FloatArray:
        """Weight of each reflection, for a March coefficient."""
        square = self._squared_cosine
        return np.asarray((march**2 * square + (1.0 - square) / march) ** -1.5)


def peaks_at(q: float, lengths: FloatArray, power: FloatArray, peak_width: float) -> FloatArray:
    """What each reflection scatters at one point, a squared Lorentzian of the given full width."""
    half = 0.5 * peak_width / np.sqrt(np.sqrt(2.0) - 1.0)
    return np.asarray(power / (1.0 + ((q - lengths) / half) ** 2) ** 2)


def shares_of_peaks(
    q: FloatArray, lengths: FloatArray, power: FloatArray, peak_width: float
) -> Float32Array:
    """Share of each reflection in what lies at each point; rows add up to 1.

    Parameters
    ----------
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    lengths, power : ndarray of shape (n_reflections,)
    peak_width : float
        Full width at half maximum, in 1/Angstrom.

    Returns
    -------
    ndarray of shape (n_q, n_reflections)
    """
    shares = np.empty((len(q), len(lengths)), dtype=np.float32)
    for row, at in zip(shares, q, strict=True):
        profile = peaks_at(at, lengths, power, peak_width)
        row[:] = profile / profile.sum()
    return shares


class Texture:
    """Weights of one crystal and facet on a grid, for any March coefficient.

    Parameters
    ----------
    crystal : str or Crystal
    facet : tuple of 3 int
        Miller indices.
    peak_width : float
        Full width at half maximum, in 1/Angstrom.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    """

    def __init__(
        self,
        crystal: str | Crystal,
        facet: tuple[int, int, int],
        peak_width: float,
        q: FloatArray,
    ) -> None:
        self._q = q
        self._coarse_q = coarse_grid(q, _COARSE_POINTS)
        self._reflections = FacetReflections(
            crystal, facet, float(q[-1]) + MARGIN_WIDTHS * peak_width
        )
        self._shares = shares_of_peaks(
            self._coarse_q, self._reflections.lengths, self._reflections.power, peak_width
        )

    def factor(self, march: float) -> FloatArray:
        """W(Q) on the grid."""
        weight = self._reflections.weights(march)
        return np.asarray(np.interp(self._q, self._coarse_q, self._shares @ weight))

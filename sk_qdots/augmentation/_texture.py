r"""Preferred orientation: dots with facets, lying on a plate.

A plate in reflection shows only the lattice planes parallel to it. Where dots lie
on their facets, a reflection hkl whose normal makes the angle :math:`\alpha` with
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

from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray, RealArray
from .._validation import Interval
from ..simulation import Crystal, debye_waller_factor, form_factor
from ..simulation.crystal import as_crystal
from .base import Augmenter, Generators
from .mixing import coarse_grid

__all__ = ["FreeFactors", "PreferredOrientation", "Texture"]

_COARSE_POINTS = 600
_MARGIN_WIDTHS = 4.0  # widths of the peaks beyond the grid that still count
_WIDTHS = (
    0.05,
    0.075,
    0.11,
    0.15,
    0.2,
    0.27,
)  # 1/Angstrom, of peaks whose width is not known before
_GROUP_WIDTH = 0.12  # 1/Angstrom, of reflections that have one factor


class PreferredOrientation(Augmenter):
    """Alter the Bragg intensities as for faceted dots lying on a plate.

    It acts on dry patterns, before a liquid is mixed in.

    Parameters
    ----------
    crystal : Crystal or str, default="PbS"
        The dots, or the name of a built-in crystal.
    facet : tuple of 3 int, default=(1, 0, 0)
        Miller indices of the facets that lie on the plate.
    march : float, default=0.8
        March coefficient r: 1 is random, below 1 the dots lie flat on their
        facets, above 1 they stand upright.
    peak_width : float, default=0.15
        Full width at half maximum of the peaks, in 1/Angstrom: 0.56 / diameter in
        nm, about.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    factor_ : ndarray of shape (n_q,)
        What the intensities are multiplied by.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    Background : The plate itself.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> textured = sq.PreferredOrientation("PbS", (1, 0, 0), march=0.7).fit_transform(X)
    >>> bool(textured.sel(q=2.12, method="nearest") > X.sel(q=2.12, method="nearest"))  # 200
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "crystal": [str, Crystal],
        "facet": [tuple, list],
        "march": [Interval(Real, 0.05, 20.0, closed="both")],
        "peak_width": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        crystal: str | Crystal = "PbS",
        facet: tuple[int, int, int] = (1, 0, 0),
        march: float = 0.8,
        peak_width: float = 0.15,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.crystal = crystal
        self.facet = facet
        self.march = march
        self.peak_width = peak_width
        self.q = q

    def _prepare(self) -> None:
        texture = Texture(self.crystal, self.facet, self.peak_width, self.q_)
        self.factor_ = texture.factor(float(self.march))

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        return np.asarray(X * self.factor_.astype(X.dtype))


class Texture:
    """Weights of one crystal and facet on a grid, for any March coefficient."""

    def __init__(
        self,
        crystal: str | Crystal,
        facet: tuple[int, int, int],
        peak_width: float,
        q: FloatArray,
    ) -> None:
        crystal = as_crystal(crystal)
        if np.shape(facet) != (3,) or not np.any(facet) or np.any(np.mod(facet, 1) != 0):
            raise ValueError(
                f"facet is {facet}; it must be three Miller indices, integers and not all zero"
            )
        half = _half_width(peak_width)
        self._q = q
        self._coarse_q = coarse_grid(q, _COARSE_POINTS)
        vectors, lengths, power = _reflections(crystal, float(q[-1]) + _MARGIN_WIDTHS * peak_width)
        normal = np.linalg.inv(crystal.conventional) @ np.asarray(facet, dtype=np.float64)
        cosine = vectors @ normal / lengths / np.linalg.norm(normal)
        # Reflections at the same place and angle count together.
        keys = np.round(np.column_stack([lengths, cosine**2]), 6)
        keys, group = np.unique(keys, axis=0, return_inverse=True)
        power = np.bincount(group.ravel(), weights=power).astype(np.float64)
        lengths, self._squared_cosine = keys.T
        self._reflection_shares = np.empty((len(self._coarse_q), len(keys)), dtype=np.float32)
        for row, at in zip(self._reflection_shares, self._coarse_q, strict=True):
            profile = power / (1.0 + ((at - lengths) / half) ** 2) ** 2
            row[:] = profile / profile.sum()

    def factor(self, march: float) -> FloatArray:
        """W(Q) on the grid."""
        square = self._squared_cosine
        weight = (march**2 * square + (1.0 - square) / march) ** -1.5
        return np.asarray(np.interp(self._q, self._coarse_q, self._reflection_shares @ weight))


class FreeFactors:
    """Groups of overlapping reflections, each with a factor of its own.

    The same share of the peaks as in a texture, with weights that nothing ties together; where n
    equally strong reflections make a group, its logarithm is smaller by the root of n. How wide
    the peaks of a pattern are is seen from itself: where they are taken to be narrower than they
    are, a peak that is made stronger has a step at its foot.
    """

    def __init__(self, crystal: str | Crystal, q: FloatArray) -> None:
        _, lengths, power = _reflections(
            as_crystal(crystal), float(q[-1]) + _MARGIN_WIDTHS * _WIDTHS[-1]
        )
        lengths, group = np.unique(np.round(lengths, 6), return_inverse=True)
        power = np.bincount(group.ravel(), weights=power).astype(np.float64)
        begun, starts = -np.inf, np.zeros(len(lengths), dtype=bool)
        for k, length in enumerate(lengths):
            if length - begun > _GROUP_WIDTH:
                begun, starts[k] = length, True
        number = np.cumsum(starts) - 1
        self.n_groups = int(number[-1]) + 1
        # Of reflections that share a group some are too strong and others too weak.
        both = np.bincount(number, weights=power)
        squares = np.bincount(number, weights=power**2)
        self._damping = np.sqrt(squares / np.where(both > 0.0, both, 1.0) ** 2)
        self._shares = np.empty((len(_WIDTHS), len(q), self.n_groups), dtype=np.float32)
        sums = np.empty((len(_WIDTHS), len(q)))
        for k, width in enumerate(_WIDTHS):
            for at, q_at in enumerate(q):
                profile = power / (1.0 + ((q_at - lengths) / _half_width(width)) ** 2) ** 2
                groups = np.bincount(number, weights=profile)
                # Peaks of equal area, so that the patterns of all widths are alike.
                sums[k, at] = groups.sum() / width
                self._shares[k, at] = groups / groups.sum()
        slopes = np.diff(sums, axis=1)
        slopes -= slopes.mean(axis=1, keepdims=True)
        norms = np.linalg.norm(slopes, axis=1, keepdims=True)
        self._slopes = (slopes / np.where(norms > 0.0, norms, 1.0)).astype(np.float32)

    def apply(self, rows: RealArray, log_factors: FloatArray) -> RealArray:
        """Rows with a factor for each group of reflections.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_q)
        log_factors : ndarray of shape (n_rows, n_groups)

        Returns
        -------
        ndarray of shape (n_rows, n_q)
        """
        result = np.empty_like(rows)
        factors = np.exp(log_factors * self._damping).astype(np.float32)
        for k, row in enumerate(rows):
            slope = np.nan_to_num(np.diff(row).astype(np.float32))
            shares = self._shares[int(np.argmax(self._slopes @ slope))]
            result[k] = row * (shares @ factors[k])
        return result


def _half_width(peak_width: float) -> float:
    """Of a squared Lorentzian of this full width at half maximum."""
    return float(0.5 * peak_width / np.sqrt(np.sqrt(2.0) - 1.0))


def _reflections(crystal: Crystal, largest: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Reciprocal vectors up to a length, their lengths, and how strongly each one scatters."""
    reciprocal = 2.0 * np.pi * np.linalg.inv(crystal.lattice).T
    shortest = float(np.linalg.norm(reciprocal, axis=1).max())
    largest = max(largest, 2.0 * shortest)  # never without a peak
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
    return vectors, lengths, np.abs(amplitude) ** 2 / lengths**2

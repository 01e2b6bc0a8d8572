"""Factors of reflections that no texture ties together."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray, RealArray
from ..simulation import Crystal
from .texture import MARGIN_WIDTHS, FacetReflections, peaks_at

__all__ = ["FreeFactors"]

_WIDTHS = (0.05, 0.075, 0.11, 0.15, 0.2, 0.27)  # 1/Angstrom, of peaks whose width is not known
_GROUP_WIDTH = 0.12  # 1/Angstrom, of reflections that have one factor
_ANY_FACET = (1, 0, 0)  # the angles with it do not count


class FreeFactors:
    """Groups of overlapping reflections, each with a factor of its own.

    The same share of the peaks as in a texture, with weights that nothing ties together; where n
    equally strong reflections make a group, its logarithm is smaller by the root of n. How wide
    the peaks of a pattern are is seen from itself: where they are taken to be narrower than they
    are, a peak that is made stronger has a step at its foot.
    """

    def __init__(self, crystal: str | Crystal, q: FloatArray) -> None:
        largest = float(q[-1]) + MARGIN_WIDTHS * _WIDTHS[-1]
        reflections = FacetReflections(crystal, _ANY_FACET, largest)
        lengths, family = np.unique(reflections.lengths, return_inverse=True)
        power = np.asarray(np.bincount(family, weights=reflections.power), dtype=np.float64)
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
                profile = peaks_at(q_at, lengths, power, width)
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

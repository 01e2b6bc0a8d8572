r"""Cluster patterns whose grains prefer to lie on one facet.

A March coefficient is one value more that the patterns depend on, as strain is: those of
:class:`._cluster_patterns.ClusterPatterns` times the weights of March and Dollase
(:mod:`sk_qdots.augmentation.texture`), between peaks as wide as those of the particles. Weights are
tabulated over Q and a few sizes, and interpolated in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from ..augmentation.texture import FacetReflections, check_facet, shares_of_peaks
from ..simulation import Crystal
from ._cluster_patterns import ClusterPatterns, MixedPatterns

__all__ = ["MARCH", "OrientedPatterns"]

MARCH = (0.3, 2.0)  # lowest and highest coefficient; 1 is random
_PEAK_WIDTH = 0.56  # full width at half maximum in 1/Angstrom, times the size in nm
_SIZES, _SIZE_RATIO = (1.0, 12.0), 1.3  # nm, and from one to the next
_STEP = 0.014  # 1/Angstrom, of the table
_SAME_PLACE = 0.01  # 1/Angstrom, within which reflections are one
_STRAIN_STEP, _MARCH_STEP = 1e-4, 1e-3


class _Weights:
    """W(Q) of particles of any size.

    Parameters
    ----------
    crystal : Crystal
    facet : tuple of 3 int
    low, high : float
        Range of Q, without strain, in 1/Angstrom.
    """

    def __init__(
        self, crystal: Crystal, facet: tuple[int, int, int], low: float, high: float
    ) -> None:
        self._reflections = FacetReflections(crystal, facet, high + _PEAK_WIDTH)
        power = self._reflections.power
        cells = np.floor(self._reflections.lengths / _SAME_PLACE).astype(np.int64)
        self._group = np.unique(cells, return_inverse=True)[1].ravel()
        total: FloatArray = np.maximum(np.bincount(self._group, power), 1e-300).astype(np.float64)
        self._shares = power / total[self._group]  # of each reflection among those at its place
        lengths: FloatArray = np.bincount(
            self._group, self._shares * self._reflections.lengths
        ).astype(np.float64)
        self._q = np.linspace(low, high, int(np.ceil((high - low) / _STEP)) + 1)
        count = int(np.ceil(np.log(_SIZES[1] / _SIZES[0]) / np.log(_SIZE_RATIO))) + 1
        self._sizes = np.geomspace(*_SIZES, count)
        self._peaks = np.array(
            [shares_of_peaks(self._q, lengths, total, _PEAK_WIDTH / size) for size in self._sizes]
        )

    def at(self, q: FloatArray, sizes: FloatArray, march: float) -> FloatArray:
        """Weights at points, without strain, of particles of some sizes, (n_sizes, n_q)."""
        each = self._shares * self._reflections.weights(march)
        table = self._peaks @ np.bincount(self._group, each).astype(np.float32)
        place = np.interp(np.log(sizes), np.log(self._sizes), np.arange(len(self._sizes)))
        first = np.minimum(place.astype(np.int64), len(self._sizes) - 2)
        share = (place - first)[:, None]
        rows = (1.0 - share) * table[first] + share * table[first + 1]
        return np.array([np.interp(q, self._q, row) for row in rows])


@dataclass(frozen=True, eq=False, repr=False)
class OrientedPatterns(ClusterPatterns):
    """Cluster patterns with a March coefficient, ``"march"`` among their bounds."""

    weights: _Weights | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls, series: ClusterPatterns, crystal: Crystal, facet: Sequence[int]
    ) -> OrientedPatterns:
        """Those of a series.

        Parameters
        ----------
        series : ClusterPatterns
        crystal : Crystal
            That it was simulated of.
        facet : sequence of 3 int
            Miller indices of the facets that the grains prefer to lie on.

        Raises
        ------
        ValueError
            If the facet is none.
        """
        low, high = series.bounds["strain"]
        ends = float(series.q[0]) * (1.0 + low), float(series.q[-1]) * (1.0 + high)
        check_facet(facet)
        h, k, m = facet
        own = {f.name: getattr(series, f.name) for f in fields(ClusterPatterns) if f.init}
        own["bounds"] = {**series.bounds, "march": MARCH}
        return cls(**own, weights=_Weights(crystal, (h, k, m), *ends))

    def mix(self, rows: npt.ArrayLike) -> MixedPatterns:
        """As of cluster patterns."""
        shares = super().mix(rows).rows
        assert shares is not None
        return _OrientedMix(self, shares)

    def particles(self) -> MixedPatterns:
        """As of cluster patterns."""
        return _OrientedMix(self, None)


class _OrientedMix(MixedPatterns):
    """Patterns of populations, which depend on a March coefficient, too."""

    def __init__(self, series: OrientedPatterns, rows: FloatArray | None) -> None:
        super().__init__(series, rows)
        assert series.weights is not None
        self._weights = series.weights
        self._sizes = series.diameters if rows is None else rows @ series.diameters  # by volume

    def first(self) -> Self:
        """As of populations."""
        one = super().first()
        one._sizes = self._sizes[:1]
        return one

    def _factor(self, march: float, strain: float, part: slice) -> FloatArray:
        low, high = self.series.bounds["march"]
        if not low * (1.0 - 1e-9) <= march <= high * (1.0 + 1e-9) and march != 1.0:
            raise ValueError(f"march is {march:g}; these patterns have {low:g} to {high:g}")
        return self._weights.at(self.series.q[part] * (1.0 + strain), self._sizes, march)

    def patterns(
        self,
        *,
        strain: float = 0.0,
        march: float = 1.0,
        q: slice | None = None,
        **values: float,
    ) -> FloatArray:
        """As of populations; ``march`` is 1 without texture."""
        found = super().patterns(strain=strain, q=q, **values)
        return found * self._factor(march, strain, slice(None) if q is None else q)

    def derivatives(
        self, names: Sequence[str], *, q: slice | None = None, march: float = 1.0, **values: float
    ) -> FloatArray:
        """As of populations; also by ``"march"``."""
        part, strain = slice(None) if q is None else q, values.get("strain", 0.0)
        patterns = super().patterns(q=q, **values)
        factor = self._factor(march, strain, part)
        found = []
        for name in names:
            if name == "march":
                ends = [min(max(march + s * _MARCH_STEP, MARCH[0]), MARCH[1]) for s in (-1, 1)]
                behind, ahead = (self._factor(end, strain, part) for end in ends)
                found.append(patterns * (ahead - behind) / (ends[1] - ends[0]))
                continue
            slope = super().derivatives([name], q=q, **values)[0] * factor
            if name == "strain":
                slope = slope + patterns * self._by_strain(march, strain, part)
            found.append(slope)
        return np.array(found)

    def with_slopes(
        self, march: float = 1.0, **values: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """As of populations."""
        patterns, by_strain, by_b_iso = super().with_slopes(**values)
        strain = values.get("strain", 0.0)
        factor = self._factor(march, strain, slice(None))
        moved = self._by_strain(march, strain, slice(None))
        by_strain = by_strain * factor[0] + patterns[0] * moved[0]
        return patterns * factor, by_strain, by_b_iso * factor[0]

    def _by_strain(self, march: float, strain: float, part: slice) -> FloatArray:
        behind, ahead = (
            self._factor(march, strain + step, part) for step in (-_STRAIN_STEP, _STRAIN_STEP)
        )
        return (ahead - behind) / (2.0 * _STRAIN_STEP)

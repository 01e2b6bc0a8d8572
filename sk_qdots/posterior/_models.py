"""What a pattern is compared with: a shape of the particles, and what lies around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .._typing import FloatArray
from ._bins import Bins
from ._cluster_patterns import ClusterPatterns
from ._model import BinnedSeries, Ranges
from ._surroundings import Surroundings
from ._texture import Reflections

__all__ = ["Model"]


@dataclass(frozen=True, eq=False)
class Model:
    """One shape of the particles, at the points of a measurement.

    Parameters
    ----------
    label : str
    series : BinnedSeries
    surroundings : Surroundings
    groups : Reflections or None
        Of reflections, where texture is looked for.
    is_textured : bool
    names : tuple of str
        Of liquids and blanks.
    cells : ndarray of shape (n_cells, 2) or None
        Diameters and dispersions of a library, whose probabilities are wanted.
    """

    label: str
    series: BinnedSeries
    surroundings: Surroundings
    groups: Reflections | None
    is_textured: bool
    names: tuple[str, ...] = ()
    cells: FloatArray | None = None

    @property
    def bins(self) -> Bins:
        """Of the measurement."""
        return self.series.bins

    @classmethod
    def of_series(
        cls,
        series: Sequence[ClusterPatterns],
        bins: Bins,
        curves: FloatArray,
        diameters: tuple[float, float],
        dispersions: tuple[float, float],
        texture: bool | Literal["auto"],
        names: tuple[str, ...] = (),
        cells: FloatArray | None = None,
    ) -> list[Model]:
        """Models of several shapes."""
        around = Surroundings(bins, curves)
        found = []
        for one in series:
            ranges = Ranges.of(one, diameters, dispersions, {})
            binned = BinnedSeries(one, bins, ranges, {})
            is_free = texture is not False and "march" not in one.bounds
            groups = Reflections(one, bins.q) if is_free else None
            found.append(cls(one.shape, binned, around, groups, texture is True, names, cells))
        return found

"""What a simulated library says of itself: its crystal, and the sizes that it knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from .._typing import FloatArray
from ..simulation import Crystal, Sublattice
from ..simulation.lognormals import number_weights
from ._cluster_patterns import ClusterPatterns

__all__ = ["Library"]

_LEAST_DISPERSION = 0.4  # of the smallest of the library
_MOST_DISPERSION = 1.35  # of the largest
_STRAIN_ROOM = 0.001
_AS_TOLD = 0.01  # of the largest intensity, by which patterns may differ from their description
_LOGNORMAL = "lognormal, mean and dispersion number-weighted"

_Range = tuple[float, float]
_Vectors = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, eq=False)
class Library:
    """A library of lognormal populations, by its attributes and axes.

    Parameters
    ----------
    dataset : Dataset
        As :func:`sk_qdots.simulate_library` returns it.

    Raises
    ------
    ValueError
        If it does not say what it was simulated from, or is of something else than lognormal
        populations of one crystal.
    """

    dataset: xr.Dataset

    def __post_init__(self) -> None:
        told = self.dataset.attrs
        needed = ("vectors", "offsets", "elements", "size_distribution", "wavelength", "fill")
        missing = [key for key in needed if key not in told]
        if "intensity" not in self.dataset or missing:
            raise ValueError(
                "the library does not say what it was simulated from; give the crystal instead, or "
                "its patterns with their sizes: fit(*library_samples(library)[:2])"
            )
        if told["size_distribution"] != _LOGNORMAL:
            raise ValueError(
                f"the populations of the library are {told['size_distribution']}; a posterior has "
                f"{_LOGNORMAL}"
            )

    @property
    def crystal(self) -> Crystal:
        """What was simulated."""
        told = self.dataset.attrs
        vectors, cell = _rows(told["vectors"]), _rows(told.get("cell", told["vectors"]))
        elements = np.atleast_1d(told["elements"]).tolist()
        numbers = [np.atleast_1d(told[k]).tolist() for k in ("b_iso", "occupancies", "charges")]
        sites = zip(elements, _rows(told["offsets"]), *numbers, strict=True)
        return Crystal(
            name=str(told["crystal"]),
            vectors=vectors,  # type: ignore[arg-type]
            sublattices=tuple(
                Sublattice(str(e), offset, float(b), float(o), int(c))
                for e, offset, b, o, c in sites
            ),
            reference=str(told.get("crystal_reference", "")),
            cell=cell,  # type: ignore[arg-type]
            space_group=str(told.get("space_group", "P 1")),
        )

    @property
    def shapes(self) -> list[str]:
        """Of the particles."""
        return str(self.dataset.attrs["shape"]).split(", ")

    @property
    def diameters(self) -> _Range:
        """Those of the library and half a step more."""
        values = self._axis("diameter")
        if len(values) < 2:
            return 0.8 * float(values[0]), 1.2 * float(values[0])
        first, last = 0.5 * (values[1] - values[0]), 0.5 * (values[-1] - values[-2])
        return float(values[0] - first), float(values[-1] + last)

    @property
    def dispersions(self) -> _Range:
        """Those of the library and somewhat more, either way."""
        values = self._axis("dispersion")
        return _LEAST_DISPERSION * float(values[0]), min(_MOST_DISPERSION * float(values[-1]), 1.0)

    @property
    def strains(self) -> _Range:
        """Those of the library and a little more, either way."""
        values = self._axis("strain")
        return float(values[0]) - _STRAIN_ROOM, float(values[-1]) + _STRAIN_ROOM

    def range_of(self, name: str) -> _Range | None:
        """Ends of an axis; None where there is none."""
        if name not in self.dataset.coords:
            return None
        values = self._axis(name)
        return float(values[0]), float(values[-1])

    @property
    def cells(self) -> FloatArray:
        """Diameters and dispersions that it holds, (n, 2)."""
        axes = np.meshgrid(self._axis("diameter"), self._axis("dispersion"), indexing="ij")
        return np.stack([axis.ravel() for axis in axes], axis=1)

    def _axis(self, name: str) -> FloatArray:
        return np.sort(np.asarray(self.dataset[name].values, dtype=np.float64).ravel())

    def check(self, series: ClusterPatterns) -> None:
        """Refuse patterns that are not what their description makes.

        Raises
        ------
        ValueError
            If one differs.
        """
        place = {n: s // 2 for n, s in self.dataset["intensity"].sizes.items() if n != "q"}
        one = self.dataset["intensity"].isel(place)
        mean, dispersion = (np.array([float(one[n])]) for n in ("diameter", "dispersion"))
        values = {
            name: float(one[name])
            for name in ("strain", "growth_fault", "deformation_fault")
            if name in one.coords and name in series.bounds
        }
        row = number_weights(series.diameters, mean, dispersion)
        made = series.mix(row).patterns(**values)[0]  # type: ignore[arg-type]
        found = np.interp(series.q, one["q"].values, one.values)
        if "b_iso" not in one.coords and not np.allclose(
            found, made, rtol=0.0, atol=_AS_TOLD * float(made.max())
        ):
            raise ValueError(
                "the patterns of the library are not those of the particles that it describes; "
                "give them with their sizes: fit(*library_samples(library)[:2])"
            )


def _rows(values: object) -> _Vectors:
    return tuple(
        tuple(row) for row in np.reshape(np.asarray(values, dtype=float), (-1, 3)).tolist()
    )

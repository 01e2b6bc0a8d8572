"""What a library is asked to hold, checked before anything is computed."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from .checks import axis_values, positive
from .clusters import Fill
from .crystal import Crystal, as_crystal
from .debye import checked_q
from .distances import DistanceTable
from .moments import Weighting, lognormal_upper_diameter, normal_upper_diameter
from .multiply_twinned import check_twinned, is_multiply_twinned
from .populations import lognormal_weights, normal_weights
from .q_grid import default_q_grid
from .shapes import Shape
from .stacking import Stacking

__all__ = ["DISTRIBUTIONS", "Distribution", "LibraryRequest", "checked_request"]

DISTRIBUTIONS = {
    "lognormal": (lognormal_weights, lognormal_upper_diameter),
    "normal": (normal_weights, normal_upper_diameter),
}

Distribution = Literal["lognormal", "normal"]


@dataclass(frozen=True)
class LibraryRequest:
    """What a library is asked to hold, checked."""

    crystal: Crystal | DistanceTable
    axes: dict[str, FloatArray]
    faults: dict[str, FloatArray]
    b_iso: FloatArray | None
    shapes: list[str | Shape]
    one_shape: bool
    wavelength: float
    fill: Fill
    distribution: Distribution
    weighting: Weighting
    compton: bool

    @property
    def shape_names(self) -> list[str]:
        """What the shapes are called in the library."""
        return [s if isinstance(s, str) else repr(s) for s in self.shapes]

    @property
    def stackings(self) -> list[Stacking]:
        """Every pair of fault probabilities; none where no faults were asked for."""
        if not self.faults:
            return []
        growth = self.faults.get("growth_fault", np.zeros(1)).tolist()
        deformation = self.faults.get("deformation_fault", np.zeros(1)).tolist()
        return [Stacking(g, d) for g, d in itertools.product(growth, deformation)]


def checked_request(
    crystal: Crystal | str | DistanceTable,
    *,
    diameters: npt.ArrayLike,
    dispersions: npt.ArrayLike,
    strains: npt.ArrayLike,
    growth_faults: npt.ArrayLike | None,
    deformation_faults: npt.ArrayLike | None,
    b_iso: Sequence[float] | FloatArray | None,
    q: npt.ArrayLike | None,
    wavelength: float,
    shape: str | Shape | Sequence[str | Shape],
    fill: Fill,
    distribution: Distribution,
    weighting: Weighting,
    compton: bool,
) -> LibraryRequest:
    """Refuse what cannot be simulated, before anything is computed."""
    axes = {
        "diameter": axis_values(diameters, "diameters", 0.0, np.inf),
        "dispersion": axis_values(dispersions, "dispersions", 0.0, 1.0),
        "strain": axis_values(strains, "strains", -0.2, 0.2),
        "q": checked_q(np.asarray(default_q_grid() if q is None else q, dtype=np.float64)),
    }
    longest = 4.0 * np.pi / positive("wavelength", wavelength, "Angstrom")
    if q is None and axes["q"][-1] > longest:
        raise ValueError(
            f"the default grid reaches q = {axes['q'][-1]:.4g} 1/Angstrom, beyond 4 pi / "
            f"wavelength = {longest:.4g}; give q, such as numpy.linspace(1, {0.95 * longest:.3g}, "
            "2000)"
        )
    if np.any(np.diff(axes["q"]) <= 0):
        raise ValueError("q must be strictly ascending")
    if distribution not in DISTRIBUTIONS:
        raise ValueError(f"distribution is {distribution!r}; known: {', '.join(DISTRIBUTIONS)}")
    request = LibraryRequest(
        crystal=crystal if isinstance(crystal, DistanceTable) else as_crystal(crystal),
        axes=axes,
        faults={
            name: axis_values(values, f"{name}s", 0.0, 1.0, closed=True)
            for name, values in (
                ("growth_fault", growth_faults),
                ("deformation_fault", deformation_faults),
            )
            if values is not None
        },
        b_iso=None if b_iso is None else axis_values(b_iso, "b_iso", 0.0, 1000.0, closed=True),
        shapes=[shape] if isinstance(shape, str | Shape) else list(shape),
        one_shape=isinstance(shape, str | Shape),
        wavelength=wavelength,
        fill=fill,
        distribution=distribution,
        weighting=weighting,
        compton=compton,
    )
    names = request.shape_names
    if not names or len(set(names)) != len(names):
        raise ValueError(f"shape holds {names}; give at least one, and none twice")
    if isinstance(crystal, DistanceTable):
        if shape != "sphere" or fill != "volume":
            raise ValueError("shape and fill do not apply to a DistanceTable")
        if request.faults:
            raise ValueError(
                f"{next(iter(request.faults))}s does not apply to a DistanceTable; stacked_tables "
                "makes one with faults"
            )
        if not np.all(np.diff(crystal.diameters, prepend=0.0) > 0):
            raise ValueError(
                f"the distance table of {crystal.name} is not a series of ascending diameters "
                "(free atoms, or a series in two sizes); mix it with table.average(weights)"
            )
    for one in names:
        if is_multiply_twinned(one) and isinstance(request.crystal, Crystal):
            check_twinned(one, request.crystal)
    return request

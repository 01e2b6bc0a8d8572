"""What cluster patterns are asked for, checked, and what follows from it: grids, nodes, optics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..instruments import Instrument
from ..instruments.several_widths import SeveralWidths
from ..simulation import (
    Crystal,
    Shape,
    as_shape,
    close_layers,
    default_q_grid,
    lognormal_upper_diameter,
    two_theta_from_q,
)
from ..simulation.clusters import Fill
from ._nodes import FaultNodes, Nodes, ResolutionNodes

__all__ = ["Range", "SeriesRequest", "two_ends"]

_PHASE = 0.5  # rad, of the largest diameter, from one point of the grid to the next
_WIDEST_STEP = 0.02  # 1/Angstrom; form factors change over more
_MARGIN = 4  # points of the grid beyond what the largest strain needs
_WIDTHS = 4.0  # of a profile, beyond either end
_ANGSTROM = 10.0  # of a nm

Range = tuple[float, float]


def two_ends(name: str, given: Sequence[float], low: float, high: float) -> Range:
    """Two ends of a range, checked."""
    ends = np.asarray(given, dtype=np.float64)
    if ends.shape != (2,) or not np.isfinite(ends).all():
        raise ValueError(f"{name} is {given!r}; give the lowest and the highest value")
    if not low <= ends[0] <= ends[1] <= high:
        raise ValueError(f"{name} is {given!r}; it must ascend, and lie in [{low:g}, {high:g}]")
    return float(ends[0]), float(ends[1])


@dataclass(frozen=True)
class SeriesRequest:
    """What is asked for, checked."""

    crystal: Crystal
    diameters: Range
    dispersions: Range
    strains: Range
    q: FloatArray
    wavelength: float
    shape: str | Shape
    fill: Fill
    b_iso: Range | None
    instrument: Instrument | None
    fwhm: float | None
    eta: float | None
    faults: Mapping[str, Range]
    compton: bool

    @classmethod
    def checked(cls, *, q: npt.ArrayLike | None, **given: object) -> SeriesRequest:
        """Refuse what cannot be simulated."""
        wavelength = given["wavelength"]
        assert isinstance(wavelength, float)
        if not wavelength > 0.0:
            raise ValueError(f"wavelength is {wavelength}; it must be positive, in Angstrom")
        limit = 4.0 * np.pi / wavelength
        if q is None:
            grid = default_q_grid()
            grid = grid[grid <= limit]
        else:
            grid = np.asarray(q, dtype=np.float64)
        if grid.ndim != 1 or len(grid) < 8 or not (np.isfinite(grid).all() and grid[0] > 0.0):
            raise ValueError(
                f"q has shape {grid.shape}; it must be one row of eight positive numbers or more"
            )
        steps = np.diff(grid)
        if not (steps > 0.0).all() or np.ptp(steps) > 1e-4 * steps.mean():
            raise ValueError("q must be ascending and even; interpolate it, or take numpy.linspace")
        if grid[-1] > limit * (1.0 + 1e-9):
            raise ValueError(
                f"q reaches {grid[-1]:.4g} 1/Angstrom, beyond 4 pi / wavelength = {limit:.4g}"
            )
        request = cls(q=grid, **given)  # type: ignore[arg-type]
        if request.instrument is not None:
            if request.fwhm is not None:
                raise ValueError("give an instrument, or a largest fwhm where it is not known")
            if abs(request.instrument.wavelength / wavelength - 1.0) > 0.02:
                raise ValueError(
                    f"wavelength is {wavelength:g} Angstrom, and that of the instrument is "
                    f"{request.instrument.wavelength:g}: leave wavelength out"
                )
        if request.fwhm is not None and not 0.0 < request.fwhm <= 10.0:
            raise ValueError(f"fwhm is {request.fwhm}; it must lie in (0, 10] degrees")
        if request.eta is not None and not 0.0 <= request.eta <= 1.0:
            raise ValueError(f"eta is {request.eta}; it must lie in [0, 1]")
        return request

    @property
    def upper_diameter(self) -> float:
        """Of the largest particle, in nm."""
        return float(lognormal_upper_diameter(self.diameters[1], self.dispersions[1]))

    @property
    def is_sphere(self) -> bool:
        return self.shape == "sphere" or self.shape == as_shape("sphere")

    @property
    def bounds(self) -> dict[str, Range]:
        found: dict[str, Range] = {"strain": self.strains}
        if self.b_iso is not None:
            found["b_iso"] = self.b_iso
        if self.fwhm is not None:
            found |= self._profile
        return found | dict(self.faults)

    @property
    def _profile(self) -> dict[str, Range]:
        """What varies of a resolution that is not known."""
        found = {"fwhm": (0.0, float(self.fwhm or 0.0))}
        return found if self.eta is not None else found | {"eta": (0.0, 1.0)}

    def nodes(self) -> tuple[Nodes, ...]:
        """Where faults and the resolution are simulated."""
        # What matters are the particles of the largest means, by volume.
        typical = self.diameters[1] * (1.0 + self.dispersions[1] ** 2) ** 3
        found: list[Nodes] = []
        if self.faults:
            height = close_layers(self.crystal).height / _ANGSTROM
            found.append(FaultNodes(self.faults, max(typical / height, 4.0), not self.is_sphere))
        if self.fwhm is not None:
            longest = _ANGSTROM * typical
            profile = self._profile
            found.append(ResolutionNodes(profile, longest, self.wavelength, self.eta or 0.0))
        return tuple(found)

    def optics(self, nodes: Sequence[Nodes], x: FloatArray) -> Callable[[FloatArray], FloatArray]:
        """What makes of rows over x those of every node of the resolution."""
        if self.instrument is not None:
            return partial(_seen, replace(self.instrument, zero=0.0, displacement=0.0), x)
        seen = [p for n in nodes if isinstance(n, ResolutionNodes) for p in n.profiles]
        if not seen:
            return lambda rows: rows[None]
        widths, shares = zip(*seen, strict=True)
        start, step = float(x[0]), float(x[1] - x[0])
        return SeveralWidths(start, step, len(x), self.wavelength, widths, shares)

    def grid(self, longest: float) -> FloatArray:
        """Even points that hold all strains, and what a profile takes from beyond the ends."""
        width = self.fwhm or 0.0
        if self.instrument is not None:
            low, high = np.clip(two_theta_from_q(self.q[[0, -1]], self.wavelength), 0.1, 170.0)
            width = float(self.instrument.fwhm(np.linspace(float(low), float(high), 50)).max())
        wide = _WIDTHS * width * np.deg2rad(1.0) * 2.0 * np.pi / self.wavelength
        step = min(_PHASE / longest, _WIDEST_STEP)
        low = max(self.q[0] * (1.0 + min(self.strains[0], 0.0)) - wide - _MARGIN * step, step)
        high = self.q[-1] * (1.0 + max(self.strains[1], 0.0)) + wide + _MARGIN * step
        return np.asarray(low + step * np.arange(int(np.ceil((high - low) / step)) + 1))


def _seen(instrument: Instrument, x: FloatArray, rows: FloatArray) -> FloatArray:
    """What a known instrument makes of rows over x, as the only node."""
    seen = instrument.apply(xr.DataArray(rows, dims=("row", "q"), coords={"q": x})).values
    missing = np.isnan(seen[0])
    if missing.any():  # no angle has these: as at the last one
        seen[:, missing] = seen[:, [int(np.argmax(missing)) - 1]]
    return np.asarray(seen[None])

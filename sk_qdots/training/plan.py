"""What a training would do, and what it costs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr
from tqdm import tqdm

from .._typing import FloatArray, JsonObject
from ..augmentation import LABORATORIES, Laboratory
from ..augmentation.facts import instrument_facts
from ..instruments import Instrument
from ..simulation import (
    Crystal,
    DistanceTable,
    default_q_grid,
    distance_table,
    homologous_series,
    lognormal_upper_diameter,
    lognormal_weights,
)
from ..simulation.clusters import Fill
from ..simulation.shapes import Cylinder, Platelet, Shape

__all__ = ["REGRESSOR_SHARE", "TrainingPlan", "listed", "particle_step"]

_COARSEST_CELL = 0.75  # nm; particles of crystals whose cells are larger are cut by atoms ...
_ATOM_STEP = 0.5  # ... in these steps
_BETWEEN = 4  # diameters simulated for one class
_SECONDS = 20.0  # an epoch takes on two cores, one of them drawing batches
_PILOT = 4  # the cost of the simulation is told from particles smaller by this factor
_PILOT_ATOMS = 12  # and from about as many atoms of a node, where it has more
_COPIES = 3  # of all patterns, in single precision, that are held at once
_SUM_SECONDS = (0.02, 3e-7)  # for a particle and a strain, and for each of its distances
_MEMORY_SHARE = 0.5  # of the machine's that distances may take
REGRESSOR_SHARE = 0.6  # of the epochs
_LARGEST = 40.0  # nm; of populations that go beyond it the broadest are left out
_TAIL = 0.005  # of the volume of a population, that may lie beyond the largest particle
_TARGETS = ("diameter", "dispersion", "strain", "volume_diameter")
_DIMENSIONS = {"rod": ("width", "length"), "platelet": ("width", "thickness")}


def particle_step(crystal: Crystal) -> float:
    """From one particle of a series to the next, in nm.

    The diameter of the sphere of one cell, of which whole particles are made; of a large
    cell that would be coarser than sizes are asked for, and particles are cut by atoms.
    """
    step = float(crystal.node_diameter)
    return step if step <= _COARSEST_CELL else _ATOM_STEP


@dataclass(frozen=True)
class TrainingPlan:
    """What a training does, and what it costs.

    Parameters
    ----------
    crystal : Crystal
    name : str
        Of the sizer.
    classes : tuple of int
        Diameters in picometres.
    dispersions, strains : tuple of float
    shapes : tuple of str
        Each is simulated; which one it was is not told to the network.
    aspect_ratios : tuple of float
        Of rods (length / width) or platelets (width / thickness); empty for others.
    b_iso : tuple of float
        Displacement parameters in Angstrom^2; empty for the crystal's own.
    wavelength : float
        That the patterns are simulated for, in Angstrom.
    laboratory : Laboratory or str
        What experiments do.
    solvents : tuple of str or DataArray
        Liquids to start from; empty for dry patterns.
    q : ndarray of shape (n_q,)
        Grid, in 1/Angstrom.
    epochs : int
        Of the classifier.
    estimates : bool
        Whether a second network estimates dispersion, strain and volume average.
    around : Instrument or None
        The instrument around which the laboratory was made.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> plan = sq.plan_training("Pt", diameters=[2.0, 3.0], shape="rod", aspect_ratios=[1.0, 2.0])
    >>> plan.targets[-2:], plan.n_atoms
    (('width', 'length'), 1)
    """

    crystal: Crystal
    name: str
    classes: tuple[int, ...]
    dispersions: tuple[float, ...]
    strains: tuple[float, ...]
    shapes: tuple[str, ...]
    aspect_ratios: tuple[float, ...]
    b_iso: tuple[float, ...]
    wavelength: float
    laboratory: Laboratory | str
    solvents: tuple[str | xr.DataArray, ...]
    q: FloatArray
    epochs: int
    estimates: bool
    around: Instrument | None = None

    @property
    def instrument(self) -> str:
        """What the laboratory is called."""
        if self.around is not None:
            return self.around.name or "own"
        if isinstance(self.laboratory, str):
            return self.laboratory
        usual = LABORATORIES["synchrotron"]
        is_usual = replace(self.laboratory, wavelength=usual.wavelength) == usual
        return "synchrotron" if is_usual else "own"

    @property
    def step(self) -> int:
        """From one class to the next, in picometres."""
        return int(np.diff(self.classes).min())

    @property
    def diameters(self) -> FloatArray:
        """That are simulated, in nm: some between the classes, and a half beyond the last."""
        nodes = np.linspace(
            self.classes[0],
            self.classes[-1] + self.step // 2,
            _BETWEEN * (len(self.classes) - 1) + 1 + _BETWEEN // 2,
        )
        return np.asarray(np.round(nodes) / 1000.0)

    @property
    def n_atoms(self) -> int:
        """Atoms at a node."""
        return len(self.crystal.sublattices)

    @property
    def n_patterns(self) -> int:
        """Simulated patterns."""
        populations = sum(self.reaches(d, s) for d in self.diameters for s in self.dispersions)
        bodies = len(self.bodies) * max(len(self.b_iso), 1)
        return populations * len(self.strains) * bodies

    @property
    def bodies(self) -> list[str | Shape]:
        """What is cut from the crystal: the shapes, or one for each aspect ratio."""
        if not self.aspect_ratios:
            return list(self.shapes)
        if self.shapes[0] == "platelet":
            return [Platelet(r, r, 1.0) for r in self.aspect_ratios]
        return [Cylinder(r, 1.0) for r in self.aspect_ratios]

    @property
    def targets(self) -> tuple[str, ...]:
        """What the second network estimates."""
        return (*_TARGETS, *(_DIMENSIONS[self.shapes[0]] if self.aspect_ratios else ()))

    def dimensions(self, diameter: FloatArray, ratio: FloatArray) -> FloatArray:
        """Both dimensions in nm of rods or platelets that have the volume of a sphere.

        Parameters
        ----------
        diameter : ndarray of shape (n,)
            Of the sphere, in nm.
        ratio : ndarray of shape (n,)
            Aspect ratio.

        Returns
        -------
        ndarray of shape (n, 2)
            In the order of the last two of ``targets``.
        """
        if self.shapes[0] == "platelet":
            thickness = diameter * np.cbrt(np.pi / (6.0 * ratio**2))
            return np.stack([ratio * thickness, thickness], axis=1)
        width = diameter * np.cbrt(2.0 / (3.0 * ratio))
        return np.stack([width, ratio * width], axis=1)

    def reaches(self, diameter: float, dispersion: float) -> bool:
        """Whether the particles that are simulated make up a population.

        Not where they end below nearly all of its volume, nor where it is narrower than
        from one particle to the next.

        Parameters
        ----------
        diameter : float
            Number average, in nm.
        dispersion : float
            Standard deviation / mean.

        Returns
        -------
        bool
        """
        if lognormal_upper_diameter(diameter, dispersion, _TAIL) > self.largest:
            return False
        step = particle_step(self.crystal)
        try:
            lognormal_weights(np.arange(step, 2.0 * self.largest, step), diameter, dispersion)
        except ValueError:
            return False
        return True

    @property
    def largest(self) -> float:
        """Largest particle that is simulated, in nm."""
        narrow = lognormal_upper_diameter(self.diameters[-1], min(self.dispersions), _TAIL)
        wide = lognormal_upper_diameter(self.diameters[-1], max(self.dispersions), _TAIL)
        return max(narrow, min(wide, _LARGEST))

    def common_dispersions(self) -> tuple[float, ...]:
        """Dispersions that are simulated for every class.

        Returns
        -------
        tuple of float
        """
        sizes = [c / 1000.0 for c in self.classes]
        return tuple(s for s in self.dispersions if all(self.reaches(d, s) for d in sizes))

    @cached_property
    def simulation_cost(self) -> tuple[float, float]:
        """Minutes and bytes that the simulation takes on this machine, about.

        Extrapolated from particles that are a quarter and an eighth as large: of the numbers of
        distances and the times, by the power of the size that lies between these two. Of
        crystals of many atoms from the pairs of a few.
        """
        body, step = self.bodies[0], particle_step(self.crystal)
        n = max(int(self.largest / step), 1)
        pilot = max(n // _PILOT, min(n, 4))
        smaller, sooner = self._pilot(body, pilot / 2 * step)
        found, seconds = self._pilot(body, pilot * step)
        growth = math.log2(found / smaller) if smaller else 3.0
        seconds *= (n / pilot) ** min(max(math.log2(seconds / sooner), 1.0), 4.0)
        n_distances = found * (n / pilot) ** min(max(growth, 2.0), 3.0)
        sums = n * (_SUM_SECONDS[0] + _SUM_SECONDS[1] * n_distances) * len(self.strains)
        minutes = len(self.bodies) * (seconds + sums * max(len(self.b_iso), 1)) / 60.0
        distances = 8.0 * n_distances * (n + 2) * len(self.bodies)
        return minutes, distances + _COPIES * 4.0 * self.n_patterns * len(self.q)

    def _pilot(self, body: str | Shape, largest: float) -> tuple[float, float]:
        """Number of distances of a small series, and the seconds that they take."""
        atoms = self.crystal.sublattices
        few = atoms[:: max(len(atoms) // _PILOT_ATOMS, 1)]
        more = len(atoms) * (len(atoms) + 1) / (len(few) * (len(few) + 1))  # pairs
        start = time.perf_counter()
        table = self._table(body, largest, replace(self.crystal, sublattices=few))
        seconds = time.perf_counter() - start
        return more * sum(len(g.distances) for g in table.groups), more * seconds

    def _table(
        self, body: str | Shape, largest: float, crystal: Crystal | None = None
    ) -> DistanceTable:
        crystal = crystal or self.crystal
        step = particle_step(self.crystal)
        fill: Fill = "volume" if step == self.crystal.node_diameter else "atoms"
        return distance_table(homologous_series(crystal, largest, body, step=step, fill=fill))

    def check_memory(self) -> None:
        """Refuse a simulation that this machine cannot hold.

        Raises
        ------
        ValueError
            If distances and patterns take more than half of the memory.
        """
        needed, memory = self.simulation_cost[1], _memory()
        if needed > _MEMORY_SHARE * memory:
            raise ValueError(
                f"the distances between the atoms of particles of {self.crystal.name} up to "
                f"{self.largest:.0f} nm and {self.n_patterns} patterns take {needed / 1e9:.1f} GB, "
                f"and this machine has {memory / 1e9:.1f} GB: train smaller diameters, narrower or "
                "fewer dispersions, fewer shapes, strains or displacement parameters"
            )

    def series(self, progress: bool = False) -> list[DistanceTable]:
        """Compute the distances of the particles of each shape.

        Parameters
        ----------
        progress : bool, default=False
            Whether to show a progress bar.

        Returns
        -------
        list of DistanceTable
            Each from the smallest particle to the largest.
        """
        bodies = tqdm(self.bodies, desc=f"Distances {self.name}", disable=not progress)
        return [self._table(body, self.largest) for body in bodies]

    @property
    def minutes(self) -> float:
        """That training takes on two cores, one of them drawing batches, about."""
        epochs = self.epochs * (1.0 + self.estimates * REGRESSOR_SHARE)
        return epochs * _SECONDS * len(self.q) / len(default_q_grid()) / 60.0

    def settings(self) -> JsonObject:
        """What a manifest tells of the plan.

        Returns
        -------
        dict
            JSON values.
        """
        return {
            "diameters": [c / 1000.0 for c in self.classes],
            "dispersions": list(self.dispersions),
            "strains": list(self.strains),
            "shapes": list(self.shapes),
            "aspect_ratios": list(self.aspect_ratios),
            "b_iso": list(self.b_iso),
            "solvents": [str(getattr(s, "name", s)) for s in self.solvents],
            "instrument": self.instrument,
            "wavelength": self.wavelength,
            "epochs": self.epochs,
            **({} if self.around is None else {"around": instrument_facts(self.around)}),
        }

    def __str__(self) -> str:
        low, high = self.classes[0] / 1000.0, self.classes[-1] / 1000.0
        liquids = ", ".join(str(getattr(s, "name", s)) for s in self.solvents) or "none (dry)"
        resolved = particle_step(self.crystal)
        minutes, memory = self.simulation_cost
        return "\n".join(
            [
                f"crystal      {self.crystal.name}, {self.n_atoms} atoms at a node",
                f"classes      {low:g} to {high:g} nm in steps of {self.step / 1000.0:g} nm "
                f"(the particles grow by {resolved:.2g} nm)",
                f"dispersions  {listed(self.dispersions)}",
                f"strains      {min(self.strains):g} to {max(self.strains):g}",
                f"shapes       {', '.join(self.shapes)}{self._ratios()}",
                *([f"B/A^2        {listed(self.b_iso)}"] if self.b_iso else []),
                f"instrument   {self.instrument}, simulated at {self.wavelength:g} Angstrom"
                f"{self._resolution()}",
                f"liquids      {liquids}",
                f"patterns     {self.n_patterns} of {len(self.q)} points, "
                f"{self.q[0]:.3g} to {self.q[-1]:.3g} 1/Angstrom",
                f"estimates    {', '.join(self.targets[1:]) if self.estimates else 'nothing more'}",
                f"simulation   about {_minutes_in_words(minutes)} and {memory / 1e9:.2g} GB",
                f"training     about {self.minutes:.0f} minutes on two cores",
            ]
        )

    def _resolution(self) -> str:
        if self.around is None:
            return ""
        low, high = self.around.two_theta_range or (5.0, 90.0)
        first, last = self.around.fwhm([low, min(high, 170.0)])
        width = f"{first:.2g} to {last:.2g} degrees wide" if last > 0.0 else "of no known width"
        return f"; patterns as this one takes them, lines {width}, within 15 %"

    def _ratios(self) -> str:
        if not self.aspect_ratios:
            return ""
        return f" of aspect ratio {listed(self.aspect_ratios)}"


def _minutes_in_words(minutes: float) -> str:
    return "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"


def _memory() -> float:
    """Bytes of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf


def listed(values: Sequence[float]) -> str:
    """Numbers in words, with commas between."""
    return ", ".join(f"{v:g}" for v in values)

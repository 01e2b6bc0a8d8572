"""What a training would do, and what it costs."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypedDict, Unpack

import numpy as np
import xarray as xr

from .._typing import FloatArray, IntArray, JsonObject
from ..augmentation import LABORATORIES, Laboratory, RandomExperiment
from ..augmentation.facts import demanded_range, instrument_facts
from ..instruments import Instrument
from ..simulation import (
    Crystal,
    DistanceTable,
    distance_table,
    homologous_series,
    lognormal_upper_diameter,
    two_theta_from_q,
)
from ..simulation.clusters import Fill
from ..simulation.shapes import Cylinder, Platelet, Shape
from ..sizing.recipe import Recipe
from ..solvents import known_backgrounds, known_solvents
from .pace import measured_pace

__all__ = ["REGRESSOR_SHARE", "TAIL", "TrainingPlan", "listed", "particle_step"]


class Changes(TypedDict, total=False):
    """Of what experiments do, as in :class:`sk_qdots.RandomExperiment`."""

    liquid_change: float
    liquid_shift: float
    qd_fraction: tuple[float, float]
    dry_share: float
    scale: tuple[float, float]
    full_range_share: float
    fine_share: float
    q_min: tuple[float, float]
    q_max: tuple[float, float]
    coarsening: tuple[float, float]
    told_share: float


_COARSEST_CELL = 0.75  # nm; particles of crystals whose cells are larger are cut by atoms ...
_ATOM_STEP = 0.5  # ... in these steps
_PILOT = 4  # the cost of the simulation is told from particles smaller by this factor
_PILOT_ATOMS = 12  # and from about as many atoms of a node, where it has more
_COPIES = 3  # of all patterns, in single precision, that are held at once
_SUM_SECONDS = (0.02, 3e-7)  # for a particle, and for each of its distances
_PATTERN = 0.01  # seconds
_REFERENCES = 6  # dispersions of the patterns that measured ones are compared with
_EXPECTED = 1.2  # of the largest mean: pairs of larger spheres are expected, not counted
_MEMORY_SHARE = 0.5  # of the machine's that distances may take
REGRESSOR_SHARE = 0.4  # of the epochs
TAIL = 0.005  # of the volume of a population, that may lie beyond the largest particle
_BROADER = 1.25  # times the broadest trained population, that a posterior looks at
_LARGEST = 40.0  # nm; of populations that go beyond it the broadest are left out
_NARROWEST = 0.2  # standard deviation of a population, from one particle to the next
_TARGETS = ("diameter", "dispersion", "strain", "volume_diameter", "surface_diameter")
_LIQUIDS: Changes = {"liquid_change": 0.10, "liquid_shift": 0.03}
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
    dispersions, strains : tuple of 2 float
        Lowest and highest, between which populations are drawn.
    shapes : tuple of str
        Each is simulated, the first half of the time; which one it was is not told to the network.
    aspect_ratios : tuple of float
        Of rods (length / width) or platelets (width / thickness); empty for others.
    b_iso : tuple of 2 float or None
        Lowest and highest change of all displacement parameters, in Angstrom^2.
    stacking : tuple of 2 float or None
        Lowest and highest probability of growth faults.
    span : tuple of 2 float
        Smallest and largest number average that is drawn, in nm.
    mixed_share : float
        Share of patterns of two populations.
    n_patterns : int
        That are simulated.
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
        Whether a second network estimates averages, dispersion, strain and faults.
    changes : mapping
        Of what experiments of the laboratory do, as in :class:`sk_qdots.RandomExperiment`.
    size : {"small", "large"}
        Of the networks.
    n_told : int
        Numbers that tell the networks of an instrument's resolution, where it is known.
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
    dispersions: tuple[float, float]
    strains: tuple[float, float]
    shapes: tuple[str, ...]
    aspect_ratios: tuple[float, ...]
    b_iso: tuple[float, float] | None
    stacking: tuple[float, float] | None
    span: tuple[float, float]
    mixed_share: float
    n_patterns: int
    wavelength: float
    laboratory: Laboratory | str
    solvents: tuple[str | xr.DataArray, ...]
    q: FloatArray
    epochs: int
    estimates: bool
    changes: Changes = field(default_factory=Changes)
    size: str = "small"
    n_told: int = 5
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
    def labels(self) -> IntArray:
        """Classes in picometres, with one for what is smaller and one for what is larger.

        Only where particles are drawn that lie so far beyond the classes.
        """
        half = 0.5 * self.step
        smaller, larger = self.classes[0] - self.step, self.classes[-1] + self.step
        below = [smaller] if 1000.0 * self.span[0] < self.classes[0] - half and smaller > 0 else []
        above = [larger] if 1000.0 * self.span[1] > self.classes[-1] + half else []
        return np.array([*below, *self.classes, *above], dtype=np.int64)

    @property
    def n_atoms(self) -> int:
        """Atoms at a node."""
        return len(self.crystal.sublattices)

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
        return (
            *_TARGETS,
            *(("growth_fault",) if self.stacking else ()),
            *(_DIMENSIONS[self.shapes[0]] if self.aspect_ratios else ()),
        )

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
        if lognormal_upper_diameter(diameter, dispersion, TAIL) > self.largest:
            return False
        return dispersion * diameter >= _NARROWEST * particle_step(self.crystal)

    @cached_property
    def reached_dispersions(self) -> tuple[float, float]:
        """Dispersions of the largest mean, as far as its particles are simulated."""
        low, high = self.dispersions
        between = np.linspace(low, high, 100)
        ends = [lognormal_upper_diameter(self.span[1], s) for s in between]
        return low, max(low, float(between[np.searchsorted(ends, _LARGEST) - 1]))

    @property
    def largest(self) -> float:
        """Largest particle that is simulated, in nm."""
        return float(lognormal_upper_diameter(self.span[1], self.reached_dispersions[1]))

    @property
    def common_dispersions(self) -> tuple[float, ...]:
        """Some dispersions that are simulated for every class."""
        sizes = self.labels / 1000.0
        between = np.linspace(*self.dispersions, _REFERENCES)
        return tuple(s for s in between.tolist() if all(self.reaches(d, s) for d in sizes))

    @cached_property
    def simulation_cost(self) -> tuple[float, float]:
        """Minutes and bytes that the simulation takes on this machine, about.

        Extrapolated from particles that are a quarter and an eighth as large: of the numbers of
        distances and the times, by the power of the size that lies between these two. Of
        crystals of many atoms from the pairs of a few.
        """
        body, step = self.bodies[0], particle_step(self.crystal)
        counted = min(self.largest, max(_EXPECTED * self.span[1], 2.0 * step))
        n = max(int((counted if body == "sphere" else self.largest) / step), 1)
        pilot = max(n // _PILOT, min(n, 4))
        smaller, sooner = self._pilot(body, pilot / 2 * step)
        found, seconds = self._pilot(body, pilot * step)
        growth = math.log2(found / smaller) if smaller else 3.0
        seconds *= (n / pilot) ** min(max(math.log2(seconds / sooner), 1.0), 4.0)
        n_distances = found * (n / pilot) ** min(max(growth, 2.0), 3.0)
        sums = n * (_SUM_SECONDS[0] + _SUM_SECONDS[1] * n_distances)
        minutes = (len(self.bodies) * (seconds + sums) + _PATTERN * self.n_patterns) / 60.0
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

    @property
    def regressor_epochs(self) -> int:
        """Of the second network."""
        return max(1, round(REGRESSOR_SHARE * self.epochs))

    @property
    def demanded(self) -> tuple[float, float]:
        """Range in 1/Angstrom that a pattern must cover to be sized."""
        return demanded_range(self.experiment(), self.q)

    def recipe(self) -> Recipe | None:
        """Of a posterior for the same populations; None where it has no such particles, or is slow.

        Faults and a resolution that are both unknown take minutes of simulation for each
        wavelength, and half a minute a pattern.

        Returns
        -------
        Recipe or None
        """
        if self.aspect_ratios or self.shapes[0] != "sphere":
            return None
        if self.stacking is not None and self.around is None:
            return None
        low, high = self.strains
        usual = Recipe(self.crystal).strains
        own = tuple(s for s in self.solvents if not isinstance(s, str))
        narrow, broad = self.dispersions
        return Recipe(
            self.crystal,
            wavelength=self.wavelength,
            diameters=(max(self.span[0], self.crystal.node_diameter), self.span[1]),
            # Cut at the end of the trained ones, number averages there would all be too large.
            dispersions=(narrow, _BROADER * broad),
            strains=(min(low, usual[0]), max(high, usual[1])),
            stacking=self.stacking,
            solvents=(*known_solvents(), *known_backgrounds(), *own) if own else None,
            instrument=self.around,
        )

    def experiment(self, **changes: Unpack[Changes]) -> RandomExperiment:
        """What is done to every batch.

        Parameters
        ----------
        **changes
            Of :class:`sk_qdots.RandomExperiment`.

        Returns
        -------
        RandomExperiment
        """
        dry: Changes = {} if self.solvents else {"dry_share": 1.0}
        settings: Changes = {**_LIQUIDS, **self.changes, **changes, **dry}
        return RandomExperiment(
            self.laboratory,
            solvents=list(self.solvents) or None,
            crystal=self.crystal,
            q=self.q,
            n_told=self.n_told,
            **settings,
        )

    def duration(self, *, precision: str = "float32", n_workers: int = 1) -> str:
        """How long a training takes here: some steps of it are run and timed.

        Parameters
        ----------
        precision, n_workers
            As for :func:`train_sizer`.

        Returns
        -------
        str
            A line.
        """
        pace = measured_pace(
            self.q,
            self.experiment(),
            len(self.targets),
            precision=precision,
            n_workers=n_workers,
            size=self.size,
        )
        epochs = [(self.epochs, pace.classifier)]
        epochs += [(self.regressor_epochs, pace.regressor)] * self.estimates
        minutes = sum(n * seconds for n, seconds in epochs) / 60.0
        parts = ", ".join(f"{n} epochs of {seconds:.0f} s" for n, seconds in epochs)
        return f"training     about {minutes:.0f} minutes, as timed here: {parts}"

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
            "b_iso": None if self.b_iso is None else list(self.b_iso),
            "stacking": None if self.stacking is None else list(self.stacking),
            "span": list(self.span),
            "mixed_share": self.mixed_share,
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
        start, end = self.demanded
        angles = two_theta_from_q(np.array([start, end]), self._usual_wavelength)
        return "\n".join(
            [
                f"crystal      {self.crystal.name}, {self.n_atoms} atoms at a node",
                f"classes      {low:g} to {high:g} nm in steps of {self.step / 1000.0:g} nm "
                f"(the particles grow by {resolved:.2g} nm)",
                f"diameters    {_ends(self.span)} nm are drawn, {100 * self.mixed_share:g} % of "
                "the patterns with two sizes",
                f"dispersions  {_ends(self.dispersions)}",
                f"strains      {_ends(self.strains)}",
                f"shapes       {', '.join(self.shapes)}{self._ratios()}",
                *([f"B/A^2        changed by {_ends(self.b_iso)}"] if self.b_iso else []),
                *([f"stacking     growth faults {_ends(self.stacking)}"] if self.stacking else []),
                f"instrument   {self.instrument}, simulated at {self.wavelength:g} Angstrom"
                f"{self._resolution()}",
                f"liquids      {liquids}",
                f"patterns     {self.n_patterns} of {len(self.q)} points, "
                f"{self.q[0]:.3g} to {self.q[-1]:.3g} 1/Angstrom",
                f"estimates    {', '.join(self.targets[1:]) if self.estimates else 'nothing more'}",
                f"will demand  {start:.3g} to {end:.3g} 1/Angstrom, {angles[0]:.1f} to "
                f"{angles[1]:.1f} degrees at {self._usual_wavelength:.4g} Angstrom",
                f"simulation   about {_minutes_in_words(minutes)} and {memory / 1e9:.2g} GB",
            ]
        )

    @property
    def _usual_wavelength(self) -> float:
        """In which angles are told."""
        return self.wavelength if self.around is None else self.around.wavelength

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


def _ends(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"


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

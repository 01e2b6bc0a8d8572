"""The sites of a CIF under one group: its atoms, and where the file says otherwise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._typing import FloatArray
from ._cif_facts import Facts
from ._cif_sites import Site
from ._contacts import contacts
from ._orbits import Orbit, Symmetry
from .sites import OVERFULL, listed

__all__ = ["CROWDED", "Reading", "formula_text", "with_sites_once"]

_DALTON = 1.66053907  # g/cm^3 of one dalton in one Angstrom^3
_COUNTS = 0.03  # relative; refined occupancies differ so much from a formula
_DENSITY = 0.03
_VOLUME = 0.02
_ODDLY = 0.5  # of the misfit; multiplicities that only another way of counting explains
_UNCONFIRMED = 0.2  # of the misfit; a formula that is taken for that of the cell
_MOST_ATOMS = 20_000  # of a cell
_MOST_CROWDED, _MOST_SIMPLE = 5.0, 200  # places in an Angstrom^3; in however small a cell
CROWDED = 0.5  # of the sum of two covalent radii; no two atoms are nearer
_LOOKED_AT = 2.6  # Angstrom; half of the sum of the largest radii
_SMALLEST_ATOM = 4.8  # Angstrom^3 of a cell for each atom but hydrogen; diamond has 5.7
_MOVED = 0.05  # Angstrom; to a special position, beyond what the digits of a coordinate excuse
_ONE_ATOM = 0.1  # Angstrom; images of sites that are one
_ALIKE = 0.02  # Angstrom; distances of two readings that are one crystal
_COMPARED = 4.0  # Angstrom


@dataclass(eq=False)
class Reading:
    """The sites of a CIF under one group.

    Parameters
    ----------
    symmetry : Symmetry
    vectors : ndarray of shape (3, 3)
        Of the cell.
    sites : sequence of Site
    again : tuple of str
        Labels of sites that are left out, for they are images of others.
    """

    symmetry: Symmetry
    vectors: FloatArray
    sites: Sequence[Site]
    again: tuple[str, ...] = ()

    @property
    def orbits(self) -> list[Orbit]:
        """Images of each site in the cell, as many as the file tells where that can be."""
        return self._placed[0]

    @property
    def is_countable(self) -> bool:
        """Whether its atoms are no more than a cell can have, in which case it can be looked at."""
        try:
            return bool(self.orbits)
        except ValueError:
            return False

    @property
    def misfits(self) -> list[tuple[str, float, float]]:
        """Sites whose multiplicity is not that of the file: label, told, found."""
        return self._placed[1]

    @property
    def is_counted_oddly(self) -> bool:
        """Whether the multiplicities of the file are right, but not as images in the cell."""
        return self._placed[2]

    @cached_property
    def _placed(self) -> tuple[list[Orbit], list[tuple[str, float, float]], bool]:
        orbits: list[Orbit] = []
        atoms = 0
        for site in self.sites:
            orbits.append(self._orbit(site, None))
            atoms += orbits[-1].multiplicity
            if atoms > min(_MOST_ATOMS, _MOST_CROWDED * self.volume + _MOST_SIMPLE):
                raise ValueError(
                    f"more than {atoms - 1} atoms in a cell of {self.volume:.3g} Angstrom^3 are "
                    "more than can be; is it in Angstrom, and the symmetry right?"
                )
        told = [(k, s.multiplicity) for k, s in enumerate(self.sites) if s.multiplicity is not None]
        misfits: list[tuple[str, float, float]] = []
        if not told:
            return orbits, misfits, False
        n, nodes = len(self.symmetry), float(len(self.symmetry.centring))
        if self.symmetry.symbol.endswith(":R"):  # counted on hexagonal axes
            nodes /= 3.0
        counted = {
            what: [round(_counted(orbits[k], what, nodes)) == round(m) for k, m in told]
            for what in ("cell", "node", "order")
        }
        meant = self._counted_by(told, counted)
        for (k, number), agrees in zip(told, counted[meant], strict=True):
            if agrees:
                continue
            images = {"cell": number, "node": number * nodes, "order": n / number}[meant]
            other = self._orbit(self.sites[k], images)
            found = _counted(other, meant, nodes)
            if round(found) == round(number):
                orbits[k] = other
            else:
                misfits.append((self.sites[k].label, number, found))
        return orbits, misfits, meant != "cell"

    def _counted_by(
        self, told: Sequence[tuple[int, float]], counted: Mapping[str, Sequence[bool]]
    ) -> str:
        """What multiplicities mean: images in the cell, where all sites agree or nothing else is.

        Else those of a node, or under an old tag the operations that leave the site where it is:
        if sites of different numbers agree, so that it is no chance, and all do, or none has the
        images in the cell.
        """
        if all(counted["cell"]):
            return "cell"
        orders = all(self.sites[k].may_be_order for k, _ in told)
        if orders and all(counted["order"]) and all(round(m) == 1 for _, m in told):
            return "order"  # of general positions
        if self.symmetry.symbol.endswith(":R") and all(counted["node"]):
            return "node"
        for what in ("node", "order") if orders else ("node",):
            agreeing = zip(told, counted[what], strict=True)
            several = len({round(m) for (_, m), agrees in agreeing if agrees}) > 1
            if several and (all(counted[what]) or not any(counted["cell"])):
                return what
        return "cell"

    def _orbit(self, site: Site, multiplicity: float | None) -> Orbit:
        return Orbit.of(
            np.array(site.fractions),
            self.symmetry,
            self.vectors,
            full=site.occupancy > 0.999,
            resolution=site.resolution,
            multiplicity=multiplicity,
        )

    @cached_property
    def counts(self) -> dict[str, float]:
        """Atoms of each element in the cell; deuterium is hydrogen."""
        counts: dict[str, float] = {}
        for site, orbit in zip(self.sites, self.orbits, strict=True):
            element = "H" if site.element == "D" else site.element
            counts[element] = counts.get(element, 0.0) + site.occupancy * orbit.multiplicity
        return {element: count for element, count in counts.items() if count > 0}

    @cached_property
    def volume(self) -> float:
        """Of the cell, in Angstrom^3."""
        return float(abs(np.linalg.det(self.vectors)))

    @cached_property
    def density(self) -> float:
        """In g/cm^3."""
        import gemmi

        pairs = zip(self.sites, self.orbits, strict=True)  # deuterium with the weight that it has
        mass = sum(s.occupancy * o.multiplicity * gemmi.Element(s.element).weight for s, o in pairs)
        return float(_DALTON * mass / self.volume)

    @cached_property
    def told(self) -> str:
        """Name, contents and density, for messages."""
        return f"{formula_text(self.counts)} ({self.density:.3g} g/cm^3) by {self.symmetry.name}"

    def images_of_others(self) -> set[int]:
        """Full sites at the places of earlier ones of their kind."""
        kinds = [(s.element, s.charge) if s.occupancy > 0.999 else None for s in self.sites]
        if len(self.symmetry) == 1 or max(Counter(filter(None, kinds)).values(), default=0) < 2:
            return set()
        owners, positions = self._atoms()
        found = set()
        for first, second, _ in contacts(self.vectors, positions, _ONE_ATOM):
            for i, j in zip(first.tolist(), second.tolist(), strict=True):
                one, other = sorted((owners[i], owners[j]))
                if one != other and kinds[one] is not None and kinds[one] == kinds[other]:
                    found.add(other)
        return found

    def _atoms(self) -> tuple[list[int], FloatArray]:
        filled = [
            (k, o.positions)
            for k, (s, o) in enumerate(zip(self.sites, self.orbits, strict=True))
            if s.occupancy > 0
        ]
        owners = [k for k, positions in filled for _ in positions]
        return owners, np.concatenate([p for _, p in filled]) @ self.vectors

    @cached_property
    def closest(self) -> float:
        """Shortest distance over the sum of the covalent radii, of atoms that are there together.

        Infinite where none are near.
        """
        import gemmi

        owners, positions = self._atoms()
        radii = [gemmi.Element(s.element).covalent_r for s in self.sites]
        least = math.inf
        for first, second, distances in contacts(self.vectors, positions, _LOOKED_AT):
            for i, j, distance in zip(first.tolist(), second.tolist(), distances, strict=True):
                one, other = self.sites[owners[i]], self.sites[owners[j]]
                if one.occupancy + other.occupancy > OVERFULL:
                    least = min(least, float(distance) / (radii[owners[i]] + radii[owners[j]]))
        return least

    @cached_property
    def fingerprint(self) -> dict[tuple[str, str], FloatArray]:
        """Distances between atoms by their kinds."""
        owners, positions = self._atoms()
        kinds = [f"{s.element}{s.occupancy:.3f}" for s in self.sites]
        found: dict[tuple[str, str], list[float]] = {}
        for first, second, distances in contacts(self.vectors, positions, _COMPARED):
            for i, j, distance in zip(first.tolist(), second.tolist(), distances, strict=True):
                one, other = sorted((kinds[owners[i]], kinds[owners[j]]))
                found.setdefault((one, other), []).append(float(distance))
        return {pair: np.sort(values) for pair, values in found.items()}

    @cached_property
    def is_possible(self) -> bool:
        """Whether atoms have room: not on top of each other, nor too many for the cell."""
        return self.has_room and self.closest >= CROWDED

    @property
    def has_room(self) -> bool:
        """Whether the cell is large enough for its atoms."""
        heavy = sum(n for e, n in self.counts.items() if e != "H")
        return heavy * _SMALLEST_ATOM <= self.volume

    @cached_property
    def moved(self) -> dict[str, float]:
        """Sites that had to be moved far to lie on a special position, and how far."""
        pairs = zip(self.sites, self.orbits, strict=True)
        return {s.label: o.moved for s, o in pairs if o.moved > max(_MOVED, *s.resolution)}

    def is_like(self, other: Reading) -> bool:
        """Whether two readings are one crystal: as many atoms, the same distances."""
        if formula_text(self.counts) != formula_text(other.counts):
            return False
        mine, yours = self.fingerprint, other.fingerprint
        return mine.keys() == yours.keys() and all(
            len(mine[p]) == len(yours[p]) and np.allclose(mine[p], yours[p], atol=_ALIKE)
            for p in mine
        )

    def misfit(self, facts: Facts) -> float:
        """How badly the reading agrees with what the file says; 0 where it says nothing."""
        total = float(bool(self.misfits)) + _ODDLY * self.is_counted_oddly
        if self.again:  # sites that are listed again are all that there are
            listed_sites = len(self.sites) + len(self.again)
            total += _ODDLY * (sum(o.multiplicity for o in self.orbits) != listed_sites)
        heavy = {e: n for e, n in facts.formula.items() if e != "H"}
        shared = [e for e in heavy if e in self.counts]
        if shared:
            ratios = np.log([self.counts[e] / heavy[e] for e in shared])
            units = _units(self.counts, facts)
            middle = math.log(units) if facts.units else float(np.median(ratios))
            total += float(np.abs(ratios - middle).max())
            total += _UNCONFIRMED * (units != facts.units and facts.of_cell)
        if facts.density and (facts.of_cell or not (shared and facts.units)):
            told = (self.density, self.density + self._lacking_density(facts))
            total += min(abs(math.log(d / facts.density)) for d in told)
        return total

    def lacking_hydrogen(self, facts: Facts) -> float:
        """Hydrogen in the cell that the formula has and the sites have not, if it is all."""
        lacking = _expected(self.counts, facts).get("H", 0.0) - self.counts.get("H", 0.0)
        return lacking if lacking > 0 and self._differing(facts) == ["H"] else 0.0

    def _lacking_density(self, facts: Facts) -> float:
        """What the hydrogen that is lacking would add to the density."""
        return _DALTON * self.lacking_hydrogen(facts) * _mass({"H": 1.0}) / self.volume

    def differs(self, facts: Facts) -> bool:
        """Whether the cell holds more or less of an element than the formula says."""
        return bool(self._differing(facts)) and not self.lacking_hydrogen(facts)

    def _differing(self, facts: Facts) -> list[str]:
        """Elements of which the cell holds more or less than the formula says."""
        expected = _expected(self.counts, facts)
        if not expected:
            return []
        slack = facts.rounding * sum(expected.values()) / sum(facts.formula.values()) + 1e-6
        return [
            e
            for e in sorted({*expected, *self.counts})
            if abs(self.counts.get(e, 0.0) - expected.get(e, 0.0))
            > _COUNTS * expected.get(e, 0.0) + slack
        ]

    def contradictions(self, facts: Facts) -> list[str]:
        """What the file says and the reading does not, with both numbers; but for hydrogen."""
        found = []
        lacking = self.lacking_hydrogen(facts)
        if self.differs(facts):
            told = f"formula {formula_text(facts.formula)}"
            if facts.units:
                times = {e: n * facts.units for e, n in facts.formula.items()}
                told = f"formula x Z {formula_text(times)}"
            found.append(f"{told}, where the atoms in the cell are {formula_text(self.counts)}")
        if facts.density:
            more = self.density + self._lacking_density(facts)
            slack = _DENSITY * facts.density + 0.006
            if all(abs(d - facts.density) > slack for d in (self.density, more)):
                also = f", or {more:.4g} with all hydrogen" if lacking else ""
                found.append(
                    f"density {facts.density:.4g} g/cm^3, where it is {self.density:.4g}{also}"
                )
        if facts.volume and abs(self.volume - facts.volume) > _VOLUME * facts.volume:
            found.append(f"cell volume {facts.volume:.6g} A^3, where it is {self.volume:.6g}")
        if self.misfits:
            wrong_sites = [f"{n} {m:g}, where it is {f:g}" for n, m, f in self.misfits]
            found.append(f"multiplicity of {listed(wrong_sites, '; ')}")
        return found


def with_sites_once(reading: Reading, facts: Facts) -> Reading:
    """A reading with one of the full sites that are images of each other.

    Some programs list the whole cell beside its symmetry. Where the formula and the atoms then
    differ, the reading is left as it is.
    """
    again = reading.images_of_others()
    if not again:
        return reading
    sites = [s for k, s in enumerate(reading.sites) if k not in again]
    labels = tuple(s.label for k, s in enumerate(reading.sites) if k in again)
    once = Reading(reading.symmetry, reading.vectors, sites, labels)
    return reading if once.differs(facts) else once


def _counted(orbit: Orbit, what: str, nodes: float) -> float:
    """What a file may call the multiplicity of a site."""
    if what == "order":
        return float(orbit.order)
    return orbit.multiplicity / (nodes if what == "node" else 1)


def _expected(counts: Mapping[str, float], facts: Facts) -> dict[str, float]:
    """Atoms in the cell from the formula; without Z, from the number of units that fits best."""
    if not facts.formula:
        return {}
    units = _units(counts, facts)
    return {e: n * units for e, n in facts.formula.items()}


def _units(counts: Mapping[str, float], facts: Facts) -> float:
    """Formula units in the cell: those told, else those that fit best.

    A formula that may be of the cell is one unit where that fits better.
    """
    if facts.units and not facts.of_cell:
        return facts.units
    shared = [e for e in facts.formula if e in counts and e != "H"] or ["H"]
    units = float(np.median([counts.get(e, 0.0) / facts.formula.get(e, 1.0) for e in shared]))
    if facts.units:
        return min((facts.units, 1.0), key=lambda u: abs(u - units) / u)
    whole = round(units)
    return whole if whole and abs(units - whole) < _COUNTS * units else units


def _mass(counts: Mapping[str, float]) -> float:
    """In dalton; of what is no element, nothing."""
    import gemmi

    return float(sum(n * gemmi.Element(e).weight for e, n in counts.items()))


def formula_text(counts: Mapping[str, float]) -> str:
    return " ".join(f"{e}{n:.4g}" for e, n in sorted(counts.items()))

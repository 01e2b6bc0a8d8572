r"""Multiply twinned particles of fcc metals: decahedra and icosahedra.

Both are made of tetrahedra of the fcc crystal that share twin planes. The tetrahedra do not fill
space: five of them leave a gap of :math:`360 - 5 \arccos(1/3) = 7.36` degrees around their common
edge [1]_. It is closed by one homogeneous deformation of each, the same for all, that leaves the
vectors in two twin planes (decahedron), or the three that lead outwards (icosahedron), equally
long and opens the angle between them:

.. math::

    \mathbf r = i\, \mathbf e_s + j\, \mathbf e_{s+1} + k\, \mathbf d, \qquad
    |\mathbf e_s| = \tfrac{\sqrt 3}{2} d, \quad
    \angle(\mathbf e_s, \mathbf e_{s+1}) = 72^\circ \;(70.53^\circ \text{ in the crystal})

in the sector :math:`s` of a decahedron, with :math:`\mathbf d` along the common [110] axis, along
which each step of :math:`i` or :math:`j` also goes half of :math:`d`; and

.. math::

    \mathbf r = a\, \mathbf v_1 + b\, \mathbf v_2 + c\, \mathbf v_3, \qquad
    |\mathbf v| = d, \quad
    |\mathbf v_1 - \mathbf v_2| = \frac{d}{\sin 72^\circ} = 1.0515\, d

in one of the twenty tetrahedra of an icosahedron, whose shell :math:`a + b + c = n` has
:math:`10 n^2 + 2` atoms [2]_. Of the twelve neighbours of an atom ten are at :math:`d` and two at
:math:`1.0181\, d` in a decahedron; in an icosahedron six are at :math:`d`, those in neighbouring
shells, and six at :math:`1.0515\, d`, those in its own. The length :math:`d` follows from the
volume of an atom, which is that of the crystal: :math:`0.9971` (decahedron) and :math:`0.9759`
(icosahedron) times the crystal's neighbour distance. The mean distance of the neighbours is then
the crystal's too, to 1e-4 and 1e-3 of it. Real particles spread this strain unevenly; that is not
modelled. Sizes are diameters of the sphere that has the volume of the :math:`N` atoms,

.. math:: D = \left( 6 N V_\mathrm{atom} / \pi \right)^{1/3}

A series grows by shells, those of a gauge :math:`g` that puts an atom on the surface
(:mod:`sk_qdots.simulation.shapes`). With the number :math:`\rho = i + j` of the ring and the
height :math:`z` in units of :math:`d`:

====================  ==================================================  =====================
particle              gauge                                               complete shells
====================  ==================================================  =====================
icosahedron           :math:`a + b + c`                                   13, 55, 147, 309, ...
decahedron [3]_       :math:`\max(\rho/2 + |z|,\; \rho)`                  13, 55, 147, 309, ...
Marks decahedron      :math:`\max(\rho/4 + |z|/2,\; \rho/3,\; i/2, j/2)`  75, 434, 1308, ...
====================  ==================================================  =====================

Ino's decahedron has square (100) faces; that of Marks [4]_ has edges re-entrant by as much as its
(100) faces are wide. Magic numbers alone are coarse, 0.46 nm apart for Pt, and a population of 2 nm
would sit on two or three of them. So with ``fill="volume"`` particle :math:`n` has exactly
:math:`n^3` atoms, as every shape does (:mod:`sk_qdots.simulation.clusters`): the outermost shell is
occupied in part, and scatters as the average density of particles whose outermost shells differ
(:math:`o^2` in the self term). The other fills give the complete shells only.

Validated against sums over all pairs of atoms, Mackay's numbers, and the coordinates that ASE has
for clusters, in ``tests/simulation/test_multiply_twinned.py``.

References
----------
.. [1] C. Y. Yang, J. Cryst. Growth 47, 274 (1979).
.. [2] A. L. Mackay, Acta Cryst. 15, 916 (1962).
.. [3] S. Ino, J. Phys. Soc. Jpn. 21, 346 (1966).
.. [4] L. D. Marks, J. Cryst. Growth 61, 556 (1983).
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray
from ._node_shells import LEAST_OCCUPANCY, Fill
from ._shell_pairs import shell_pairs
from ._twinned_places import (
    ATOM_VOLUME,
    Structure,
    columns_of,
    decahedral_positions,
    icosahedral,
    shell_ends,
    stacked,
    structure_of,
)
from .atoms import FreeAtoms
from .checks import positive
from .crystal import Crystal, as_crystal
from .distances import DistanceTable, PairDistances

__all__ = [
    "MultiplyTwinnedSeries",
    "check_twinned",
    "decahedron",
    "icosahedron",
    "is_multiply_twinned",
    "multiply_twinned_series",
]

KINDS = ("icosahedron", "decahedron", "Marks decahedron")

_MOST_ATOMS = 200_000  # of one particle: 2e10 pairs, a minute on one processor
_MOST_EVALUATIONS = 1.3e10  # distances of a series: a minute
_ORDER = {"icosahedron": 120, "decahedron": 20, "Marks decahedron": 20}  # of the point group
_SAME = 1e-6  # relative; lengths of a metal's lattice this near to each other are equal


def icosahedron(crystal: Crystal | str, n_shells: int) -> FreeAtoms:
    """Build a Mackay icosahedron.

    Parameters
    ----------
    crystal : Crystal or str
        An fcc metal, or the name of a built-in one.
    n_shells : int
        Complete shells around the central atom; 1 makes 13 atoms, 2 makes 55.

    Returns
    -------
    FreeAtoms
        Its centre is the origin; the volume of an atom is the crystal's.

    Raises
    ------
    ValueError
        If the crystal is not an fcc metal, or ``n_shells`` is not a positive integer or makes
        more than 200,000 atoms.

    Examples
    --------
    >>> from sk_qdots.simulation import icosahedron
    >>> [len(icosahedron("Au", n)) for n in (1, 2, 3, 4)]
    [13, 55, 147, 309]
    """
    crystal = _fcc_metal(crystal)
    n_shells = _count("n_shells", n_shells, 1)
    n_atoms = (10 * n_shells**3 + 15 * n_shells**2 + 11 * n_shells + 3) // 3
    _check_size(f"n_shells is {n_shells}", n_atoms)
    return _free(crystal, "icosahedron", icosahedral(n_shells).positions)


def decahedron(crystal: Crystal | str, width: int, height: int = 1, notch: int = 0) -> FreeAtoms:
    """Build a decahedron, also Ino's truncated and Marks's re-entrant one.

    Parameters
    ----------
    crystal : Crystal or str
        An fcc metal, or the name of a built-in one.
    width : int
        Atoms along each of the five (100) faces, across the axis.
    height : int, default=1
        Atoms along these faces, along the axis; 1 makes a pentagonal bipyramid.
    notch : int, default=0
        Depth of the re-entrant edges, in atoms; 0 makes none. In Marks's (m, n, p) m is the
        width, n the height and p the notch plus 1.

    Returns
    -------
    FreeAtoms
        The fivefold axis is z and the centre the origin; the volume of an atom is the crystal's.

    Raises
    ------
    ValueError
        If the crystal is not an fcc metal, or a number is not an integer in its range or makes
        more than 200,000 atoms.

    Examples
    --------
    >>> from sk_qdots.simulation import decahedron
    >>> len(decahedron("Pt", 3)), len(decahedron("Pt", 3, 3)), len(decahedron("Pt", 2, 2, notch=1))
    (23, 55, 75)
    """
    crystal = _fcc_metal(crystal)
    width, height, notch = (
        _count(name, value, least)
        for name, value, least in (("width", width, 1), ("height", height, 1), ("notch", notch, 0))
    )
    given = f"width is {width}, height {height} and notch {notch}"
    ring = width - 1 + 2 * notch
    _check_size(given, 5.0 * ring**2 * (height + ring / 3.0) / 2.0)  # before the columns are made
    columns = columns_of(ring, ring - notch)
    heights = ring + height - columns.sum(axis=1)  # atoms of each column
    _check_size(given, float(5 * heights.sum() + ring + height))
    sites = stacked(columns, heights, ring + height)
    return _free(
        crystal, "decahedron" if notch == 0 else "Marks decahedron", decahedral_positions(sites)
    )


@dataclass(frozen=True, eq=False)
class MultiplyTwinnedSeries:
    """Multiply twinned particles of one kind, in order of size.

    Made by :func:`multiply_twinned_series`. It is a sequence of :class:`FreeAtoms`. Where the
    outermost shell is there in part, its atoms have that occupancy, and by themselves scatter
    as if the others were missing at random; in :meth:`table` they scatter as the average
    density.

    Parameters
    ----------
    crystal : Crystal
        The metal.
    kind : str
        ``"icosahedron"``, ``"decahedron"`` or ``"Marks decahedron"``.
    particles : tuple of (int, float)
        Outermost shell of each particle and the share of it that is there.

    Examples
    --------
    >>> from sk_qdots.simulation import multiply_twinned_series
    >>> series = multiply_twinned_series("Pt", 2.0, "icosahedron", fill="atoms")
    >>> series[2], series.diameters.round(2)
    (FreeAtoms(Pt icosahedron: 55 Pt), array([0.31, 0.72, 1.17, 1.62, 2.07]))
    """

    crystal: Crystal
    kind: str
    particles: tuple[tuple[int, float], ...]

    def __len__(self) -> int:
        return len(self.particles)

    def __repr__(self) -> str:
        return (
            f"MultiplyTwinnedSeries({self.crystal.name} {self.kind}: {len(self)} particles to "
            f"{self.diameters[-1]:.3g} nm)"
        )

    def __iter__(self) -> Iterator[FreeAtoms]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, number: int) -> FreeAtoms:
        shell, share = self.particles[number]
        structure = self._structure
        start, end = (int(structure.ends[s]) if s >= 0 else 0 for s in (shell - 1, shell))
        parts = np.repeat([1.0, share], [start, end - start])
        return _free(self.crystal, self.kind, structure.positions[:end], parts)

    @property
    def _structure(self) -> Structure:
        return structure_of(self.kind, self.particles[-1][0])

    @property
    def n_atoms(self) -> FloatArray:
        """Atoms of each particle, array of shape (n_particles,); those in part count in part."""
        return self._sums(power=1)

    @property
    def diameters(self) -> FloatArray:
        """Equivalent-sphere diameters, array of shape (n_particles,), in nm."""
        return np.asarray(self.crystal.node_diameter * np.cbrt(self.n_atoms))

    def _sums(self, power: int) -> FloatArray:
        """Sum over the atoms of each particle of a power of how much of them is there."""
        shells = np.array([shell for shell, _ in self.particles])
        shares = np.array([share for _, share in self.particles])
        ends = np.concatenate(([0], self._structure.ends))
        return np.asarray(ends[shells] + (ends[shells + 1] - ends[shells]) * shares**power)

    def table(self) -> DistanceTable:
        """Count the pair distances of all particles.

        Returns
        -------
        DistanceTable
            With ascending diameters, as :func:`simulate_library` takes it. Distances are the
            points of a grid of 0.004 Angstrom, between which those of the particles are shared
            such that patterns are right to 1e-6 of the pair scattering at 15 1/Angstrom; some
            multiplicities are negative.

        Examples
        --------
        >>> from sk_qdots.simulation import multiply_twinned_series
        >>> table = multiply_twinned_series("Pt", 3.0, "decahedron").table()
        >>> len(table), int(table.counts[4, 0])
        (10, 125)
        """
        structure = self._structure
        distances, multiplicities = shell_pairs(
            _unit_length(self.crystal, self.kind) * structure.positions,
            structure.ends,
            structure.representatives,
            structure.sizes,
            list(self.particles),
        )
        counts = self._sums(power=1)
        return DistanceTable(
            name=f"{self.crystal.name} {self.kind}",
            species=(self.crystal.sublattices[0].species,),
            diameters=self.diameters,
            counts=counts[:, None],
            self_counts=self._sums(power=2)[:, None],
            formula_units=counts,
            groups=(PairDistances(((0, 0),), distances, multiplicities),),
        )


def multiply_twinned_series(
    crystal: Crystal | str,
    max_diameter: float,
    kind: str = "icosahedron",
    *,
    fill: Fill = "volume",
) -> MultiplyTwinnedSeries:
    """Build the series of multiply twinned particles of one kind up to a largest size.

    Parameters
    ----------
    crystal : Crystal or str
        An fcc metal, or the name of a built-in one.
    max_diameter : float
        Equivalent-sphere diameter that the last particle reaches or just exceeds, in nm.
    kind : {"icosahedron", "decahedron", "Marks decahedron"}, default="icosahedron"
        Decahedra have square (100) faces, those of Marks edges re-entrant by as much.
    fill : {"volume", "cells", "atoms"}, default="volume"
        Exactly n^3 atoms, the outermost shell filled in part; or complete shells alone, which
        the other two mean.

    Returns
    -------
    MultiplyTwinnedSeries

    Raises
    ------
    ValueError
        If the crystal is not an fcc metal, a name is not known, or ``max_diameter`` is not a
        positive number or so large that counting would take more than a minute.

    Examples
    --------
    >>> from sk_qdots.simulation import multiply_twinned_series
    >>> multiply_twinned_series("Pt", 6.0, "Marks decahedron")
    MultiplyTwinnedSeries(Pt Marks decahedron: 20 particles to 6.13 nm)
    """
    crystal = _fcc_metal(crystal)
    name = _kind("kind", kind)
    if fill not in ("cells", "volume", "atoms"):
        raise ValueError(f"fill is {fill!r}; it must be 'cells', 'volume' or 'atoms'")
    ratio = positive("max_diameter", max_diameter, "nm") / crystal.node_diameter
    _check_cost(crystal, name, max_diameter, ratio**3)
    n_particles = int(np.ceil(ratio - 1e-9))
    ends = shell_ends(name, n_particles**3)
    if fill != "volume":
        last = int(np.searchsorted(ends, ratio**3 * (1.0 - _SAME)))
        return MultiplyTwinnedSeries(crystal, name, tuple((k, 1.0) for k in range(last + 1)))
    particles = []
    for n in range(1, n_particles + 1):
        shell = int(np.searchsorted(ends, n**3))
        start = int(ends[shell - 1]) if shell else 0
        share = (n**3 - start) / (int(ends[shell]) - start)
        particles.append((shell - 1, 1.0) if share < LEAST_OCCUPANCY else (shell, share))
    return MultiplyTwinnedSeries(crystal, name, tuple(particles))


def is_multiply_twinned(shape: object) -> bool:
    """Whether a shape is the name of a multiply twinned particle."""
    return isinstance(shape, str) and shape.replace("_", " ") in KINDS


def check_twinned(shape: str, crystal: Crystal) -> None:
    """Refuse a crystal that is not an fcc metal, and say that the shape needs one."""
    _fcc_metal(crystal, f"shape is {shape!r} and the crystal")


def _count(name: str, value: int, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}; it must be an integer, {least} or more")
    return number


def _check_size(what: str, n_atoms: float) -> None:
    if n_atoms > _MOST_ATOMS:
        raise ValueError(
            f"{what}: {n_atoms:,.0f} atoms, more than {_MOST_ATOMS:,}, would take minutes to "
            "count; take a smaller one"
        )


def _check_cost(crystal: Crystal, kind: str, max_diameter: float, n_atoms: float) -> None:
    """Refuse a series that would be counted for more than a minute."""
    largest = (2.0 * _ORDER[kind] * _MOST_EVALUATIONS) ** 0.5  # atoms
    if n_atoms > largest:
        limit = crystal.node_diameter * np.cbrt(largest)
        raise ValueError(
            f"max_diameter is {max_diameter:g} nm: to count the distances of the {kind} series "
            f"of {crystal.name} would take more than a minute; at most {limit:.3g} nm (a library "
            "of wide size distributions reaches beyond its diameters: take smaller dispersions)"
        )


def _fcc_metal(crystal: Crystal | str, given: str = "crystal is") -> Crystal:
    """The crystal, if it has one atom at each node of a face-centred cubic lattice."""
    crystal = as_crystal(crystal)
    steps = np.array(np.meshgrid(*[np.arange(-3, 4)] * 3)).reshape(3, -1).T
    lengths = np.sort(np.linalg.norm(steps @ crystal.lattice, axis=1))[1:13]
    # No other lattice has twelve neighbours.
    if len(crystal.sublattices) != 1 or lengths[-1] > lengths[0] * (1.0 + _SAME):
        raise ValueError(
            f"{given} {crystal.name}; multiply twinned particles are of fcc metals: one atom at "
            "each node of a face-centred cubic lattice, such as Crystal.builtin('Pt'), or "
            "Crystal.from_cif(path) of another, with primitive=True"
        )
    return crystal


def _kind(name: str, kind: str) -> str:
    if not is_multiply_twinned(kind):
        raise ValueError(f"{name} is {kind!r}; it must be one of {', '.join(map(repr, KINDS))}")
    return kind.replace("_", " ")


def _unit_length(crystal: Crystal, kind: str) -> float:
    """The distance d, in Angstrom, with which an atom has the volume that the crystal gives it."""
    return float(np.cbrt(crystal.cell_volume / ATOM_VOLUME[kind]))


def _free(
    crystal: Crystal, kind: str, positions: FloatArray, parts: FloatArray | float = 1.0
) -> FreeAtoms:
    atom = crystal.sublattices[0]
    return FreeAtoms(
        [atom.element] * len(positions),
        _unit_length(crystal, kind) * positions,
        b_iso=atom.b_iso,
        occupancy=atom.occupancy * parts,
        charges=atom.charge,
        name=f"{crystal.name} {kind}",
    )

r"""Particles of one crystal with a shell of another, and surfaces that differ from the inside.

A coherent shell continues the lattice of the core. Its nodes are those of the core's lattice, and
its atoms stand at their fractional coordinates :math:`\mathbf x` in the core's cell
:math:`\mathsf C`,

.. math:: \mathbf r = \mathbf R + (\pm \mathbf x + \mathbf s)\, \mathsf C

with the shift :math:`\mathbf s`, and the sign where a crystal is described upside down, that put
the shell's anions on those of the core: the *common sublattice*, which cation exchange leaves alone
[1]_. Of several ways to do so the one is taken that shares most sites. Two metals share all of
them. The *mismatch* is the largest of :math:`\lambda - 1`, with the principal stretches
:math:`\lambda` that lead from the core's cell to the shell's; beyond 12 % (CdSe/ZnS has 11 %) no
coherent shell grows, and it is refused.

The interface is the surface of the core. Where the other atoms of core and shell have different
sites (lead in octahedra, cadmium in tetrahedra of sulfur), atoms of the shell that are nearer to
such an atom of the core than its bonds are long are left out, and the interface is poor in cations:
of 3 nm of PbS with 0.5 nm of CdS a fifth of all are missing. Real shells may find better ways, with
other tetrahedra on other sides; this one has a single orientation. Thin shells of CdS on PbS
are mostly rock salt themselves [2]_ and need no such thing: give the shell as a crystal of that
structure.

A shell that is as large as the core would have it is strained; ``relaxed=True`` lets a sphere go
where an isotropic elastic body does, of the same elastic constants inside and outside, with
Poisson's ratio 1/3, a free surface and the mean mismatch :math:`f` [3]_:

.. math::

    \frac{u}{r} = \frac{f}{3} (1 - \eta) \quad (r < R_c), \qquad
    \frac{u}{r} = f - \frac{f}{3} \left( \eta + 2 \frac{R_c^3}{r^3} \right) \quad (r > R_c),
    \qquad \eta = \frac{R_c^3}{R^3}

where :math:`u` is how far an atom at the distance :math:`r` moves outwards, and :math:`R_c` and
:math:`R` are the radii of core and particle. A thick shell takes the core a third of its way.

Displacement parameter and occupancy of a *diffuse surface* are those of atoms whose depth beneath
the hull of the particle,

.. math:: t = \min_\mathrm{faces}\; (h - \mathbf n \cdot \mathbf r)

is below a thickness. Atoms filled to :math:`o` are missing at random: the pattern is the mean of
that of particles with whole atoms, :math:`\langle I \rangle = \sum_i o_i |f_i|^2 + \sum_{i \ne j}
o_i o_j f_i f_j^* \sin(Qr_{ij}) / Qr_{ij}`, so that the self and incoherent terms have :math:`o`.

Validated against sums over all pairs of atoms, the crystals themselves, the balance of stresses and
the mean of drawn particles in ``tests/simulation/test_core_shell.py``.

References
----------
.. [1] M. Casavola et al., Chem. Mater. 24, 294 (2012).
.. [2] R. T. Lechner et al., Chem. Mater. 26, 5914 (2014).
.. [3] J. D. Eshelby, Solid State Physics 3, 79 (1956).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

from .._typing import BoolArray, CountArray, FloatArray, StrArray
from ._node_shells import SURFACE
from .atoms import FreeAtoms
from .checks import positive
from .cluster import Cluster
from .clusters import cut_cluster
from .crystal import Crystal, as_crystal
from .shapes import Ellipsoid, Shape, as_shape
from .sites import NEIGHBOURS, SHARED_SITE, Sublattice

__all__ = ["core_shell", "diffuse_surface"]

_LARGEST_MISMATCH = 0.12
_INTEGER = 1e-3  # a lattice vector this near to a multiple of others is one
_SAME_DEPTH = 1e-6  # Angstrom, room for rounding
_BLOCK = 2**22  # depths held at once
_ANIONS = frozenset(("C", "N", "P", "As", "Sb", "O", "S", "Se", "Te", "F", "Cl", "Br", "I"))

# What is known of each atom: element, position, b_iso, occupancy, charge.
_Columns: TypeAlias = tuple[StrArray, FloatArray, FloatArray, FloatArray, CountArray]


def core_shell(
    core: Crystal | str,
    shell: Crystal | str,
    diameter: float,
    thickness: float,
    shape: str | Shape = "sphere",
    *,
    fill: Literal["atoms", "cells"] = "atoms",
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
    relaxed: bool = False,
) -> FreeAtoms:
    """Build a particle of one crystal with a coherent shell of another.

    Parameters
    ----------
    core, shell : Crystal or str
        Crystals, or the names of built-in ones, with the same lattice but for its size and the
        same sublattice of anions, such as ``"PbS"`` and ``"CdS zinc blende"``.
    diameter : float
        Equivalent-sphere diameter of the core, in nm.
    thickness : float
        Of the shell, in nm: half of what it adds to the equivalent-sphere diameter; 0 makes none.
    shape : str or Shape, default="sphere"
        Of the core and of the whole particle.
    fill : {"atoms", "cells"}, default="atoms"
        What belongs to core and shell: the atoms inside their surfaces, or whole cells at the
        nodes inside.
    centre : tuple of 3 float, default=(0, 0, 0)
        Of both, Cartesian, in Angstrom; the origin is a node of the core.
    relaxed : bool, default=False
        Whether core and shell share their strain, as an elastic sphere does, or the shell
        takes all of it and has the core's lattice parameter.

    Returns
    -------
    FreeAtoms
        The atoms of the core first, with the displacement parameters of their crystals.

    Raises
    ------
    ValueError
        If the shell does not continue the lattice of the core (another Bravais lattice,
        a mismatch above 12 %, no common sublattice of anions), a number is out of range, a name
        is not known, or ``relaxed`` is asked of what is not a sphere.

    Examples
    --------
    >>> from sk_qdots.simulation import core_shell
    >>> core_shell("PbS", "CdS zinc blende", diameter=3.0, thickness=0.4)
    FreeAtoms(PbS/CdS zinc blende: 249 Pb, 266 S, 184 Cd, 320 S)
    """
    core, shell = as_crystal(core), as_crystal(shell)
    body = as_shape(shape)
    diameter = positive("diameter", diameter, "nm")
    thickness = _thickness(thickness)
    if fill not in ("atoms", "cells"):
        raise ValueError(f"fill is {fill!r}; a core with its shell is filled by 'atoms' or 'cells'")
    if relaxed and not (isinstance(body, Ellipsoid) and len(set(body.axes)) == 1):
        raise ValueError(f"relaxed is True and shape {shape!r}; only a sphere is relaxed")
    strained, common = _continued(core, shell)
    inner = cut_cluster(core, body, diameter, fill=fill, centre=centre)
    inside = FreeAtoms.from_cluster(inner)
    whole = diameter + 2.0 * thickness
    outer = cut_cluster(strained, body, whole, fill=fill, centre=centre)
    outer = _outside(outer, inner, body, diameter, centre)
    if thickness == 0 or outer.n_atoms == 0:
        return inside
    outside = _columns(FreeAtoms.from_cluster(outer))
    kept = _apart(core, inner, outer, common)
    columns = [
        np.concatenate([first, second[kept]])
        for first, second in zip(_columns(inside), outside, strict=True)
    ]
    if relaxed:
        mismatch = float(np.mean(_stretches(core, shell))) - 1.0
        origin = np.asarray(centre)
        columns[1] = origin + _relaxed(columns[1] - origin, 5.0 * diameter, 5.0 * whole, mismatch)
    elements, positions, b_iso, occupancy, charges = columns
    return FreeAtoms(
        elements.tolist(),
        positions,
        b_iso=b_iso,
        occupancy=occupancy,
        charges=charges,
        name=f"{core.name}/{shell.name}",
    )


def diffuse_surface(
    particle: Cluster | FreeAtoms,
    thickness: float,
    *,
    b_iso: float | Mapping[str, float] | None = None,
    occupancy: float = 1.0,
) -> FreeAtoms:
    """Give the outer layer of a particle its own displacement parameter and occupancy.

    Parameters
    ----------
    particle : Cluster or FreeAtoms
        Convex: what lies in notches of its hull counts as deep as the hull has it.
    thickness : float
        Of the layer, in nm: atoms no deeper than this beneath the hull of the atoms belong to
        it; 0 changes nothing.
    b_iso : float or mapping of str to float, optional
        Displacement parameter of the layer in Angstrom^2, for all its atoms or for each element
        named; by default that of the inside.
    occupancy : float, default=1.0
        Share of the atoms of the layer that is there, in (0, 1]; those that are not are missing
        at random.

    Returns
    -------
    FreeAtoms

    Raises
    ------
    ValueError
        If a number is out of range, ``b_iso`` names an element that is not in the particle, or a
        cluster is filled by ``"volume"``.

    Examples
    --------
    >>> from sk_qdots.simulation import cut_cluster, diffuse_surface
    >>> particle = cut_cluster("Pt", "sphere", 3.0)
    >>> diffuse_surface(particle, 0.3, b_iso=1.2, occupancy=0.8)
    FreeAtoms(Pt: 590 Pt, 369 Pt)
    """
    if isinstance(particle, Cluster):
        particle = FreeAtoms.from_cluster(particle)
    elif not isinstance(particle, FreeAtoms):
        raise TypeError(
            f"particle is a {type(particle).__name__}; give a Cluster (cut_cluster) or FreeAtoms"
        )
    thickness = _thickness(thickness)
    if not (np.ndim(occupancy) == 0 and 0.0 < occupancy <= 1.0):
        raise ValueError(f"occupancy is {occupancy}; it must lie in (0, 1]")
    elements, positions, own_b, own_occupancy, charges = _columns(particle)
    found = set(elements.tolist())
    values = dict(b_iso) if isinstance(b_iso, Mapping) else dict.fromkeys(found, b_iso)
    absent = sorted(set(values) - found)
    if absent:
        raise ValueError(f"b_iso names {absent[0]}, which {particle.name} does not contain")
    layer = np.zeros(len(particle), dtype=bool)
    if thickness > 0:
        layer = _depths(positions) <= 10.0 * thickness + _SAME_DEPTH
    for element, value in values.items():
        if value is not None:
            if value != 0:
                positive("b_iso (one number, or one for each element)", value, "Angstrom^2")
            own_b[layer & (elements == element)] = value
    own_occupancy[layer] *= occupancy
    return FreeAtoms(
        elements.tolist(),
        positions,
        b_iso=own_b,
        occupancy=own_occupancy,
        charges=charges,
        name=particle.name,
    )


def _thickness(thickness: float) -> float:
    return 0.0 if thickness == 0 else positive("thickness", thickness, "nm (0 makes none)")


def _columns(atoms: FreeAtoms) -> _Columns:
    """What is known of each atom, as arrays of their own."""
    species, kinds = atoms.species, atoms.kinds
    return (
        np.array([s.element for s in species])[kinds],
        atoms.positions.copy(),
        np.array([s.b_iso for s in species])[kinds],
        np.array([s.occupancy for s in species])[kinds],
        np.array([s.charge for s in species])[kinds],
    )


def _stretches(core: Crystal, shell: Crystal) -> FloatArray:
    """Principal stretches that lead from the core's cell to the shell's."""
    stretch = np.linalg.inv(core.conventional) @ shell.conventional
    return np.asarray(np.linalg.svd(stretch, compute_uv=False))


def _continued(core: Crystal, shell: Crystal) -> tuple[Crystal, list[tuple[int, int]]]:
    """The shell's crystal on the core's lattice, and which of its sites are sites of the core."""
    what = f"shell is {shell.name}, which does not continue the lattice of the core {core.name}"
    back = np.linalg.inv(shell.conventional) @ core.conventional
    indices = shell.lattice @ back @ np.linalg.inv(core.lattice)
    near = np.abs(indices - np.round(indices)).max() < _INTEGER
    if not near or abs(abs(np.linalg.det(indices)) - 1.0) > _INTEGER:
        raise ValueError(
            f"{what}: their lattices are of different kinds (Bravais type, or a primitive and a "
            "conventional cell); take the modification of the same lattice, such as "
            "'CdS zinc blende' on 'CdSe zinc blende', and the same primitive= for both"
        )
    stretches = _stretches(core, shell)
    worst = stretches[np.argmax(np.abs(stretches - 1.0))] - 1.0
    if abs(worst) > _LARGEST_MISMATCH:
        raise ValueError(
            f"{what}: its mismatch is {100 * worst:+.3g} %, and a coherent shell is grown up to "
            f"{100 * _LARGEST_MISMATCH:g} %; take a shell between the two, or build the particle "
            "of two and join their atoms in FreeAtoms"
        )
    frames = [
        [k for k, s in enumerate(crystal.sublattices) if s.element in _ANIONS]
        for crystal in (core, shell)
    ]
    if not any(frames):  # metals: all sites
        frames = [list(range(len(crystal.sublattices))) for crystal in (core, shell)]
    given = np.array([s.offset for s in shell.sublattices]) @ back
    best: tuple[FloatArray, list[tuple[int, int]]] | None = None
    for sign, k in itertools.product((1.0, -1.0), frames[1] if all(frames) else []):
        offsets = sign * (given - given[k]) + np.asarray(core.sublattices[frames[0][0]].offset)
        offsets, pairs = _placed(core, offsets)
        shared = [j for i, j in pairs if i in frames[1] and j in frames[0]]
        framed = sorted(set(shared)) == frames[0] and len(frames[0]) == len(frames[1])
        if framed and (best is None or len(pairs) > len(best[1])):
            best = offsets, pairs
    if best is None:
        names = [
            ", ".join(dict.fromkeys(c.sublattices[k].element for k in f)) or "none"
            for c, f in zip((core, shell), frames, strict=True)
        ]
        raise ValueError(
            f"{what}: they have no common sublattice of anions ({names[0]} of the core, {names[1]} "
            "of the shell); take crystals whose anions are arranged alike"
        )
    sublattices = tuple(
        Sublattice(s.element, (float(x), float(y), float(z)), s.b_iso, s.occupancy, s.charge)
        for s, (x, y, z) in zip(shell.sublattices, best[0], strict=True)
    )
    strained = Crystal(
        shell.name,
        core.vectors,
        sublattices,
        reference=shell.reference,
        cell=core.cell,
        space_group=core.space_group,
    )
    return strained, best[1]


def _placed(core: Crystal, offsets: FloatArray) -> tuple[FloatArray, list[tuple[int, int]]]:
    """Offsets, those near to a site of the core moved to its cell, and the pairs of both."""
    offsets, pairs = offsets.copy(), []
    steps = NEIGHBOURS @ core.lattice
    inverse = np.linalg.inv(core.lattice)
    for i, offset in enumerate(offsets):
        for j, site in enumerate(core.sublattices):
            gap = offset - np.asarray(site.offset)
            gaps = gap - np.round(gap @ inverse) @ core.lattice + steps
            lengths = np.linalg.norm(gaps, axis=1)
            if lengths.min() < SHARED_SITE:
                offsets[i] = np.asarray(site.offset) + gaps[np.argmin(lengths)]
                pairs.append((i, j))
                break
    return offsets, pairs


def _outside(
    outer: Cluster,
    inner: Cluster,
    body: Shape,
    diameter: float,
    centre: tuple[float, float, float],
) -> Cluster:
    """What is left of a particle of the shell's crystal where the core has been taken out."""
    if outer.filled is None:  # whole cells
        known = {tuple(node) for node in inner.nodes.tolist()}
        kept = np.array([tuple(node) not in known for node in outer.nodes.tolist()])
        return replace(outer, nodes=outer.nodes[kept])
    crystal = inner.crystal
    limit = diameter / body.diameter(crystal) * (1.0 + SURFACE)
    nodes = outer.nodes @ crystal.lattice - np.asarray(centre)
    filled = outer.filled.copy()
    for k, site in enumerate(outer.crystal.sublattices):
        filled[:, k] &= body.gauge(crystal, 0.1 * (nodes + np.asarray(site.offset))) > limit
    some = filled.any(axis=1)
    return replace(outer, nodes=outer.nodes[some], filled=filled[some])


def _apart(
    core: Crystal, inner: Cluster, outer: Cluster, common: list[tuple[int, int]]
) -> BoolArray:
    """Which atoms of the shell are not too near to an atom of the core that it does not share."""
    kept = np.ones(outer.n_atoms, dtype=bool)
    own = [i for i in range(len(outer.crystal.sublattices)) if i not in {i for i, _ in common}]
    others = [j for j in range(len(core.sublattices)) if j not in {j for _, j in common}]
    if not own or not others:
        return kept
    elements = {s.element for s in core.sublattices}
    bond = min(core.shortest_distance(a, b) for a, b in itertools.combinations(elements, 2))

    def positions(cluster: Cluster, k: int) -> FloatArray:
        site = cluster.crystal.sublattices[k]
        return np.asarray(cluster.sublattice_nodes(k) @ core.lattice + np.asarray(site.offset))

    tree = cKDTree(np.concatenate([positions(inner, j) for j in others]))
    ends = np.cumsum(
        [len(outer.sublattice_nodes(k)) for k in range(len(outer.crystal.sublattices))]
    )
    for i in own:
        place = positions(outer, i)
        kept[ends[i] - len(place) : ends[i]] = tree.query(place)[0] >= bond * (1.0 - SURFACE)
    return kept


def _relaxed(positions: FloatArray, core: float, whole: float, mismatch: float) -> FloatArray:
    """Positions in an elastic sphere; the radii of core and particle in the same unit."""
    cubes = np.maximum(np.linalg.norm(positions, axis=1), core) ** 3
    share = (core / whole) ** 3
    strains = mismatch - mismatch / 3.0 * (share + 2.0 * core**3 / cubes)
    return np.asarray(positions * (1.0 + strains)[:, None])


def _depths(positions: FloatArray) -> FloatArray:
    """Depth of every atom beneath the hull of all of them, in Angstrom."""
    try:
        faces = np.unique(np.round(ConvexHull(positions).equations, 9), axis=0)
    except (QhullError, ValueError):  # fewer than four atoms, or all in one plane
        return np.zeros(len(positions))
    depths = np.empty(len(positions))
    step = max(1, _BLOCK // len(faces))
    for start in range(0, len(positions), step):
        block = positions[start : start + step]
        depths[start : start + step] = -(block @ faces[:, :3].T + faces[:, 3]).max(axis=1)
    return depths

r"""Close-packed layers: where a crystal has them, and the lattice that all stackings share.

A close-packed layer is a triangular lattice of atoms (of cation-anion pairs that stand upright on
it, in zinc blende and wurtzite). The next one, at a height :math:`h`, lies over one half of its
hollows: shifted by :math:`+\mathbf t` or :math:`-\mathbf t` with
:math:`\mathbf t = (\mathbf v_1 + \mathbf v_2)/3`. So a layer is at position A, B or C, and a
crystal is a sequence: ABC... is cubic, AB... hexagonal, anything else faulted.

All positions of all layers make one *fine* lattice, spanned by :math:`\mathbf t`, by
:math:`(2\mathbf v_2 - \mathbf v_1)/3` and by :math:`h` along the normal; a particle of any
sequence takes a third of its nodes. In ideal crystals :math:`h = a\sqrt{2/3}` and the upright pair
is :math:`3h/4` long (:math:`c/a = \sqrt{8/3}`, :math:`u = 3/8`); hexagonal crystals may differ, and
keep what they have unless :func:`ideal_layers` makes them ideal.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from .._typing import FloatArray, IntArray
from .crystal import Crystal
from .sites import Sublattice

__all__ = ["CloseLayers", "close_layers", "ideal_layers"]

_SAME_LENGTH = 1e-4  # relative, of vectors that are equal by symmetry
_SAME_PLACE = 1e-3  # of a lattice vector
_THIRD = 1.0 / 3.0
_LEAST_HEIGHT, _MOST_HEIGHT = 0.7, 1.0  # of layers, by the spacing; ideal 0.816, hcp Cd 0.943


@dataclass(frozen=True)
class _FineCrystal(Crystal):
    """Nodes of which a particle takes a third: that they are near to each other is no matter."""

    def _refuse_overlaps(self) -> None:
        """Nothing is refused: the crystal that it was made of was checked."""


@dataclass(frozen=True)
class CloseLayers:
    """The close-packed layers of a crystal.

    Parameters
    ----------
    crystal : Crystal
        The crystal.
    fine : Crystal
        The fine lattice, its nodes decorated with what one position of a layer carries.
    spacing : float
        Distance of neighbours in a layer, in Angstrom.
    height : float
        From one layer to the next, in Angstrom.
    rise : int
        Position of the next layer in the crystal's own cubic sequence, +1 or -1; +1 for a
        hexagonal crystal.
    is_cubic : bool
        Whether the crystal itself is the cubic sequence, or else the hexagonal one.

    Examples
    --------
    >>> from sk_qdots.simulation import close_layers
    >>> layers = close_layers("Pt")
    >>> layers.is_cubic, round(layers.spacing, 3), round(layers.height, 3)
    (True, 2.774, 2.265)
    """

    crystal: Crystal
    fine: Crystal
    spacing: float
    height: float
    rise: int
    is_cubic: bool

    @property
    def normal(self) -> FloatArray:
        """Unit vector from layer to layer."""
        return np.asarray(self.fine.lattice[2] / self.height)

    @property
    def hollow(self) -> FloatArray:
        """Point of a layer's plane about which a turn by 120 degrees takes A to B to C.

        A sphere around it holds as many atoms whatever the sequence; Cartesian, in Angstrom.
        """
        return np.asarray((self.fine.lattice[0] + self.fine.lattice[1]) / 3.0)

    @property
    def node_diameter(self) -> float:
        """Diameter of the sphere that has the volume of one position of a layer, in nm."""
        return float(self.fine.node_diameter * 3.0**_THIRD)

    def positions(self, nodes: IntArray) -> IntArray:
        """Position of nodes of the fine lattice: 0 (A), 1 (B) or 2 (C).

        Parameters
        ----------
        nodes : ndarray of shape (n_nodes, 3) of int

        Returns
        -------
        ndarray of shape (n_nodes,) of int
        """
        return np.asarray((nodes[:, 0] - nodes[:, 1]) % 3)


def close_layers(crystal: Crystal | str) -> CloseLayers:
    """Find the close-packed layers of a crystal.

    Parameters
    ----------
    crystal : Crystal or str
        A metal of fcc or hcp, zinc blende, wurtzite, or another crystal that is a sequence
        of such layers; the name of a built-in one.

    Returns
    -------
    CloseLayers

    Raises
    ------
    ValueError
        If it has no such layers.

    Examples
    --------
    >>> from sk_qdots.simulation import close_layers
    >>> close_layers("CdSe wurtzite").is_cubic
    False
    """
    if isinstance(crystal, str):
        crystal = Crystal.builtin(crystal)
    for normal, first, second in _planes(crystal):
        found = _layers(crystal, normal, first, second)
        if found is not None:
            return found
    raise ValueError(
        f"crystal {crystal.name} has no close-packed layers (fcc or hcp metals, zinc blende and "
        "wurtzite have): simulate it without faults; a CIF of such a crystal must be read with "
        "primitive=True"
    )


def ideal_layers(crystal: Crystal | str) -> Crystal:
    r"""Make a hexagonal crystal of close-packed layers ideal, at the same volume.

    Parameters
    ----------
    crystal : Crystal or str
        Such as wurtzite; a cubic one is ideal already.

    Returns
    -------
    Crystal
        With c/a = sqrt(8/3) and, of a binary, u = 3/8: the layers of the cubic crystal, so
        that stacking alone tells the two apart.

    Raises
    ------
    ValueError
        If it has no close-packed layers, or carries other pairs than upright ones.

    Examples
    --------
    >>> from sk_qdots.simulation import close_layers, ideal_layers
    >>> layers = close_layers(ideal_layers("CdSe wurtzite"))
    >>> round(layers.height / layers.spacing, 6), round((2 / 3) ** 0.5, 6)
    (0.816497, 0.816497)
    """
    layers = close_layers(crystal)
    if layers.is_cubic:
        return layers.crystal
    old = layers.crystal
    ratio = layers.height / layers.spacing / np.sqrt(2.0 / 3.0)
    across, along = ratio**_THIRD, ratio ** (_THIRD - 1.0)
    normal = layers.normal
    stretch = across * np.eye(3) + (along - across) * np.outer(normal, normal)
    moved = replace(
        old,
        vectors=_rows(old.lattice @ stretch),
        cell=_rows(old.conventional @ stretch),
        sublattices=tuple(
            replace(s, offset=_rows(np.atleast_2d(np.asarray(s.offset) @ stretch))[0])
            for s in old.sublattices
        ),
    )
    made = close_layers(moved)
    rises = [float(np.asarray(s.offset) @ normal) for s in made.fine.sublattices]
    rises = [value for value in rises if abs(value) > 1e-9]
    if len(made.fine.sublattices) == 1:
        return moved
    if len(made.fine.sublattices) != 2 or len(rises) != 1:
        raise ValueError(f"crystal {old.name} is no binary of upright pairs; its u is not known")
    # The upright pair may be told by its long or by its short side.
    upright = 0.75 * made.height * np.sign(rises[0])
    if abs(rises[0]) < 0.5 * made.height:
        upright = -0.25 * made.height * np.sign(-rises[0])
    shift = (upright - rises[0]) * normal
    offsets = np.array([s.offset for s in moved.sublattices])
    heights = (offsets - offsets[0]) @ normal / made.height
    raised = np.abs(heights - np.rint(heights)) > _SAME_PLACE
    return replace(
        moved,
        sublattices=tuple(
            replace(s, offset=_rows(np.atleast_2d(np.asarray(s.offset) + shift))[0]) if up else s
            for s, up in zip(moved.sublattices, raised, strict=True)
        ),
    )


def _planes(crystal: Crystal) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Normals of triangular planes of the lattice, with two vectors at 60 degrees in each.

    The nearest to [111] of the conventional cell first, of a cubic crystal.
    """
    index = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
    vectors = index[np.any(index != 0, axis=1)] @ crystal.lattice
    lengths = np.linalg.norm(vectors, axis=1)
    planes: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    for length in np.unique(np.round(lengths, 4)):
        alike = vectors[np.abs(lengths - length) < _SAME_LENGTH * length]
        for first, second in itertools.combinations(alike, 2):
            if abs(first @ second / length**2 - 0.5) > _SAME_LENGTH:
                continue
            normal = np.cross(first, second)
            normal = normal / np.linalg.norm(normal)
            if all(abs(abs(normal @ known)) < 1.0 - 1e-6 for known, _, _ in planes):
                planes.append((normal, first, second))
    diagonal = crystal.conventional.sum(axis=0)
    return sorted(planes, key=lambda plane: -round(abs(plane[0] @ diagonal), 6))


def _layers(
    crystal: Crystal, normal: FloatArray, first: FloatArray, second: FloatArray
) -> CloseLayers | None:
    """Layers along one normal, where the crystal is a sequence of them."""
    diagonal = crystal.conventional.sum(axis=0)
    if normal @ diagonal < 0:
        normal, first, second = -normal, second, first
    spacing = float(np.linalg.norm(first))
    # A lattice vector to the next plane of nodes.
    index = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    heights = index @ crystal.lattice @ normal
    if not np.any(heights > 1e-6):
        return None
    period = float(heights[heights > 1e-6].min())
    up = (index[int(np.argmin(np.abs(heights - period)))]) @ crystal.lattice
    frame = np.array([first, second, normal])

    def place(vector: FloatArray) -> FloatArray:
        """Fractions of the two vectors, and height in Angstrom."""
        return np.asarray(vector @ np.linalg.inv(frame))

    shift = _shift(place(up))
    offsets = np.array([s.offset for s in crystal.sublattices])
    offsets = offsets - offsets[0]
    places = np.array([place(o) for o in offsets])
    if shift in (1, -1):  # the lattice itself goes from A to B
        if any(_shift(p) != 0 for p in places):
            return None
        rises = places[:, 2] - 3.0 * period * np.rint(places[:, 2] / (3.0 * period))
        if np.any(np.abs(rises) > period):
            return None
        motif, height, rise, is_cubic = (
            list(zip(crystal.sublattices, rises, strict=True)),
            period,
            shift,
            True,
        )
    elif shift == 0:
        found = _hexagonal_motif(crystal, places, period)
        if found is None:
            return None
        motif, height, rise, is_cubic = found, 0.5 * period, 1, False
    else:
        return None
    if not _LEAST_HEIGHT < height / spacing < _MOST_HEIGHT:
        return None
    fine = _FineCrystal(
        name=crystal.name,
        vectors=_rows(
            np.array([(first + second) / 3.0, (2.0 * second - first) / 3.0, height * normal])
        ),
        sublattices=tuple(replace(s, offset=_rows(np.atleast_2d(z * normal))[0]) for s, z in motif),
        reference=crystal.reference,
        cell=crystal.cell,
        space_group=crystal.space_group,
    )
    return CloseLayers(crystal, fine, spacing, height, rise, is_cubic)


def _hexagonal_motif(
    crystal: Crystal, places: FloatArray, period: float
) -> list[tuple[Sublattice, float]] | None:
    """What a position of a layer carries, where the other half of the atoms repeats it above."""
    here = [k for k, p in enumerate(places) if _shift(p) == 0]
    there = [k for k, p in enumerate(places) if _shift(p) in (1, -1)]
    sides = {_shift(places[k]) for k in there}
    if len(here) != len(there) or len(here) + len(there) < len(places) or len(sides) != 1:
        return None
    for k in here:
        alike = [
            j
            for j in there
            if crystal.sublattices[j].species == crystal.sublattices[k].species
            and _is_whole((places[j][2] - places[k][2]) / period - 0.5)
        ]
        if len(alike) != 1:
            return None
    # The pair that stands upright: the anion above the cation that is nearer by a whole period.
    motif = []
    for k in here:
        z = float(places[k][2] % period)
        motif.append((crystal.sublattices[k], z - period if z > 0.5 * period + 1e-6 else z))
    return motif


def _shift(place: FloatArray) -> int | None:
    """Position of a place: 0 over A, 1 over B, -1 over C; None where it is none of these."""
    for shift in (0, 1, -1):
        if _is_whole(place[0] - shift * _THIRD) and _is_whole(place[1] - shift * _THIRD):
            return shift
    return None


def _is_whole(value: float) -> bool:
    return bool(abs(value - np.rint(value)) < _SAME_PLACE)


def _rows(vectors: FloatArray) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(v[0]), float(v[1]), float(v[2])) for v in vectors)

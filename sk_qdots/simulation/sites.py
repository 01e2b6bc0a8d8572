r"""What sits in a crystal: species, sublattices, and how near to each other atoms can be.

A sublattice puts one atom at the offset :math:`\mathbf t` of every node
:math:`\mathbf R` of the lattice,

.. math:: \mathbf r = \mathbf R + \mathbf t

filled to the occupancy :math:`o` and displaced about its place by the mean square
:math:`\langle u^2 \rangle` along any direction, which is told by [1]_

.. math:: B = 8 \pi^2 \langle u^2 \rangle

Atoms of two species are there together only beyond

.. math:: d_{ij} = \max\left( d_0,\; \tfrac{1}{2} (r_i + r_j) \right)

with their covalent radii :math:`r` [2]_, of whose sum no bond is as short as a half, and
:math:`d_0 = 0.5` Angstrom. Nearer sites with :math:`o_i + o_j \le 1` are alternatives, of
which one at a time is filled: they make no pair. With more than that a crystal is refused.

References
----------
.. [1] K. N. Trueblood et al., Acta Cryst. A 52, 770 (1996).
.. [2] B. Cordero et al., Dalton Trans. (2008) 2832.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .._typing import FloatArray, IntArray
from ._contacts import contacts

__all__ = ["Places", "Species", "Sublattice", "contact_distance", "crowding", "never_together"]

SHARED_SITE = 0.5  # Angstrom; atoms nearer than this are never there together
OVERFULL = 1.001  # sum of the occupancies of one site, with room for rounding
CONTACT = 0.5  # of the sum of two covalent radii; no bond is shorter
LONGEST_CONTACT = 2.6  # Angstrom; CONTACT times the largest radii
NEIGHBOURS = np.array(list(itertools.product((-1.0, 0.0, 1.0), repeat=3)))  # of a node
SAME_PLACE = SHARED_SITE / 2.0  # Angstrom; atoms this near to one are never there together
TOLERATED = 1.02  # sum of the occupancies at one place that a CIF may have; it is scaled to 1
_MOST_NAMED = 6
_ADVICE = "Of a disordered structure keep one alternative"
_ADVICE_AT_PLACE = (
    "If so, the structure is disordered; keep one of its alternatives (disorder groups), or give "
    "occupancies that add up to 1"
)


@dataclass(frozen=True)
class Species:
    """Atoms that scatter alike.

    Parameters
    ----------
    element : str
        Chemical symbol, such as ``"Pb"``.
    b_iso : float
        Isotropic displacement parameter B, in Angstrom^2.
    occupancy : float, default=1.0
        Fraction of the sites that is filled, in (0, 1].
    charge : int, default=0
        Charge of the ion whose form factor is taken; 0 is the neutral atom.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal
    >>> [s.species.element for s in Crystal.builtin("PbS").sublattices]
    ['Pb', 'S']
    """

    element: str
    b_iso: float
    occupancy: float = 1.0
    charge: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.occupancy <= 1.0:
            raise ValueError(
                f"occupancy of {self.element} is {self.occupancy}; it must lie in (0, 1]"
            )
        if not (math.isfinite(self.b_iso) and self.b_iso >= 0.0):
            raise ValueError(
                f"b_iso of {self.element} is {self.b_iso} Angstrom^2; it must be 0 or more"
            )


@dataclass(frozen=True)
class Sublattice:
    """One atom of the primitive cell, repeated at every node.

    Parameters
    ----------
    element : str
        Chemical symbol, such as ``"Pb"``.
    offset : tuple of 3 float
        Cartesian position relative to the node, in Angstrom.
    b_iso : float
        Isotropic displacement parameter B, in Angstrom^2.
    occupancy : float, default=1.0
        Fraction of the nodes whose site is filled, in (0, 1].
    charge : int, default=0
        Charge of the ion whose form factor is taken; 0 is the neutral atom.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, Sublattice
    >>> a = 3.9237
    >>> vectors = ((0, a / 2, a / 2), (a / 2, 0, a / 2), (a / 2, a / 2, 0))
    >>> Crystal("Pt", vectors, (Sublattice("Pt", (0, 0, 0), b_iso=0.3),)).sublattices[0].element
    'Pt'
    """

    element: str
    offset: tuple[float, float, float]
    b_iso: float
    occupancy: float = 1.0
    charge: int = 0

    def __post_init__(self) -> None:
        _ = self.species  # checks the values
        if np.shape(self.offset) != (3,) or not np.isfinite(self.offset).all():
            raise ValueError(
                f"offset of {self.element} is {self.offset}; it must be three finite numbers"
            )

    @property
    def species(self) -> Species:
        """How the atom scatters."""
        return Species(self.element, self.b_iso, self.occupancy, self.charge)


class Places:
    """How far the places of a lattice are filled, by atoms of whatever element.

    The atoms within 0.25 Angstrom of one atom share a place with it: any two of them are
    nearer to each other than 0.5 Angstrom, so that one at a time is there and their
    occupancies add up to 1 at most. Up to 1.001 is rounding. A CIF may have up to 1.02, the
    uncertainty of refined occupancies, and is scaled; a crystal may not.

    Parameters
    ----------
    lattice : ndarray of shape (3, 3)
        Vectors between nodes, one a row, in Angstrom.
    offsets : ndarray of shape (n, 3)
        Of the atoms, Cartesian, in Angstrom.
    occupancies : ndarray of shape (n,)
    most : float, default=1.02
        Sum beyond which a place is refused, whatever else there is.

    Attributes
    ----------
    sums : ndarray of shape (n,)
        Of the occupancies at the place of each atom.
    """

    def __init__(
        self,
        lattice: FloatArray,
        offsets: FloatArray,
        occupancies: FloatArray,
        most: float = TOLERATED,
    ) -> None:
        n = len(offsets)
        filled = occupancies.astype(np.float64)
        blocks = []
        for first, second, apart in contacts(lattice, offsets, SAME_PLACE):
            pairs = first != second
            first, second, apart = first[pairs], second[pairs], apart[pairs]
            blocks.append((first, second, apart))
            np.add.at(filled, first, occupancies[second])
            np.add.at(filled, second, occupancies[first])
            if (np.round(filled[first], 9) > most).any():  # refused, whatever follows
                break
        first, second, apart = (np.concatenate(part) for part in zip(*blocks, strict=True))
        self.sums: FloatArray = np.round(filled, 9)
        itself = np.arange(n)
        atoms = np.concatenate([itself, first, second])
        sharing = np.concatenate([itself, second, first])
        order = np.lexsort((sharing, atoms))
        self._atoms: IntArray = atoms[order]
        self._sharing: IntArray = sharing[order]
        self._apart = np.concatenate([np.zeros(n), apart, apart])[order]
        self._occupancies = occupancies

    def beyond(self, limit: float) -> list[int]:
        """Atoms whose places are filled to more than a limit."""
        return [int(k) for k in np.flatnonzero(self.sums > limit)]

    def shared_with(self, atom: int) -> list[int]:
        """Atoms at the place of one, itself included, in ascending order."""
        return [int(k) for k in self._sharing[self._of(atom)]]

    def refusal(self, atom: int, elements: Sequence[str], where: str = "") -> str:
        """What is wrong with a place that is too full, and what to do."""
        apart = self._apart[self._of(atom)].max()
        return crowding(elements, apart, self.sums[atom], where, _ADVICE_AT_PLACE)

    def _of(self, atom: int) -> slice:
        return slice(*np.searchsorted(self._atoms, (atom, atom + 1)).tolist())

    def scaled(self) -> FloatArray:
        """Occupancies, those of a place that is filled to more than 1 scaled to 1 together."""
        most = np.ones(len(self.sums))
        np.maximum.at(most, self._atoms, self.sums[self._sharing])
        return np.minimum(self._occupancies / most, 1.0)


def crowding(
    elements: Sequence[str], apart: float, filled: float, where: str = "", advice: str = _ADVICE
) -> str:
    """What is wrong with atoms that cannot all be there, and what to do."""
    return (
        f"{listed(elements)} are {round(apart, 6):.3g} Angstrom apart and filled to {filled:g} "
        f"together{where}; are the cell in Angstrom and degrees and the coordinates fractions? "
        f"{advice}"
    )


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """Names as a sentence has them, A, B and C, and not too many of them."""
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more"]
    *most, last = names
    return f"{separator.join(most)} and {last}" if most else last


@lru_cache(maxsize=256)
def contact_distance(first: str, second: str) -> float:
    """Least distance of two atoms that are there together, in Angstrom.

    From the covalent radii of Cordero et al., Dalton Trans. (2008) 2832, as gemmi has them.
    """
    import gemmi

    radii = (gemmi.Element(element).covalent_r for element in (first, second))
    return max(SHARED_SITE, CONTACT * sum(radii))


def never_together(first: Species, second: Species) -> float:
    """Distance up to which atoms of two species make no pair, in Angstrom.

    Atoms that are filled to 1 or less together and nearer than atoms can be are alternatives.
    The rule is that of crystals and of free atoms. Two full atoms are no alternatives: a crystal
    has none so near, and free ones make a pair unless they stand in the same place.
    """
    if first.occupancy + second.occupancy > OVERFULL:
        return SHARED_SITE
    return contact_distance(first.element, second.element)

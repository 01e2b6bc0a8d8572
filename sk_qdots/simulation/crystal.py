r"""Crystals: the primitive cell, what sits in it, and how it is strained.

A crystal is a lattice of *nodes*, spanned by the three primitive vectors, and
the *sublattices* that decorate every node: one atom each, at a fixed offset
from its node, with its element, charge, occupancy and isotropic displacement
parameter :math:`B_\mathrm{iso} = 8\pi^2 \langle u^2 \rangle`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from ._cif import read_cif
from ._contacts import contacts, nearest_distance
from .scattering_factors import atomic_number
from .sites import LONGEST_CONTACT, OVERFULL, Places, Sublattice, contact_distance, crowding

__all__ = ["Crystal"]

_Vectors = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class Crystal:
    """A crystal as a decorated primitive lattice.

    Parameters
    ----------
    name : str
        What to call it in labels and provenance.
    vectors : tuple of 3 tuples of 3 float
        Vectors between nodes (the primitive ones), Cartesian, in Angstrom, one a row.
    sublattices : tuple of Sublattice
        The atoms that every node carries.
    reference : str, default=""
        Where the lattice parameters come from.
    cell : tuple of 3 tuples of 3 float, optional
        Axes a, b, c of the conventional cell, to which Miller indices, directions
        and strains per axis refer; ``vectors`` by default.
    space_group : str, default="P 1"
        Hermann-Mauguin symbol in the setting of ``cell``.

    Raises
    ------
    ValueError
        If the vectors do not span a volume, no atom is given, an element is not
        known, or two sites are nearer to each other than half the sum of their
        covalent radii (0.5 Angstrom at least) and filled to more than 1 together. Those
        that are filled to less are alternatives, and their distances are left out. Also if
        the atoms within 0.25 Angstrom of one, of whatever element, are filled to more
        than 1 together (1.001, for rounding).

    Examples
    --------
    >>> from sk_qdots import Crystal
    >>> pbs = Crystal.builtin("PbS")
    >>> [s.element for s in pbs.sublattices]
    ['Pb', 'S']
    >>> round(pbs.node_diameter, 4)  # nm
    0.4638
    """

    name: str
    vectors: _Vectors
    sublattices: tuple[Sublattice, ...]
    reference: str = ""
    cell: _Vectors = ()
    space_group: str = "P 1"

    def __post_init__(self) -> None:
        if not self.cell:
            object.__setattr__(self, "cell", self.vectors)
        for vectors in (self.vectors, self.cell):
            if np.shape(vectors) != (3, 3) or not abs(np.linalg.det(vectors)) > 1e-6:
                raise ValueError(f"crystal {self.name}: the lattice vectors do not span a volume")
        if not self.sublattices:
            raise ValueError(f"crystal {self.name}: no atom in the cell")
        for sublattice in self.sublattices:
            atomic_number(sublattice.element)
        self._refuse_overlaps()

    def shortest_distance(self, first: str, second: str) -> float:
        """Shortest distance between atoms of two elements.

        Parameters
        ----------
        first, second : str
            Chemical symbols.

        Returns
        -------
        float
            In Angstrom; infinite where there are none.

        Examples
        --------
        >>> from sk_qdots import Crystal
        >>> round(Crystal.builtin("PbS").shortest_distance("Pb", "S"), 3)
        2.967
        """
        starts, ends = (
            np.array([s.offset for s in self.sublattices if s.element == element])
            for element in (first, second)
        )
        return nearest_distance(self.lattice, starts, None if first == second else ends)

    def _refuse_overlaps(self) -> None:
        """Refuse sites that are nearer to each other than atoms can be."""
        offsets = np.array([s.offset for s in self.sublattices])
        for block in contacts(self.lattice, offsets, LONGEST_CONTACT):
            for k, j, distance in zip(*(part.tolist() for part in block), strict=True):
                first, second = self.sublattices[k], self.sublattices[j]
                crowded = first.occupancy + second.occupancy > OVERFULL
                if crowded and distance < contact_distance(first.element, second.element):
                    filled = first.occupancy + second.occupancy
                    told = crowding((first.element, second.element), distance, filled)
                    raise ValueError(f"crystal {self.name}: {told}")
        # Atoms of which any two may be alternatives may still be too many for one place.
        places = Places(self.lattice, offsets, np.array([s.occupancy for s in self.sublattices]))
        for k in places.beyond(OVERFULL):
            elements = [self.sublattices[j].element for j in reversed(places.shared_with(k))]
            raise ValueError(f"crystal {self.name}: {places.refusal(k, elements)}")

    @property
    def lattice(self) -> FloatArray:
        """Vectors between nodes as an array of shape (3, 3), rows, in Angstrom."""
        return np.asarray(self.vectors, dtype=np.float64)

    @property
    def conventional(self) -> FloatArray:
        """Axes a, b, c of the conventional cell, array of shape (3, 3), rows, in Angstrom."""
        return np.asarray(self.cell, dtype=np.float64)

    @property
    def cell_volume(self) -> float:
        """Volume of the cell of one node, in Angstrom^3."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def node_diameter(self) -> float:
        """Diameter of the sphere that has the volume of one node's cell, in nm."""
        return float(np.cbrt(6.0 * self.cell_volume / np.pi)) / 10.0

    @property
    def formula_units(self) -> int:
        """Formula units at one node (1 where occupancies are not integers)."""
        counts: dict[str, float] = {}
        for s in self.sublattices:
            counts[s.element] = counts.get(s.element, 0.0) + s.occupancy
        rounded = [round(c) for c in counts.values()]
        if not np.allclose(rounded, list(counts.values()), atol=1e-6):
            return 1
        return reduce(math.gcd, rounded)

    @classmethod
    def builtin(cls, name: str, *, primitive: bool = True, ions: bool = False) -> Crystal:
        """Return a crystal that the package knows.

        Parameters
        ----------
        name : str
            One of :meth:`builtin_names`, such as ``"PbS"`` or ``"CdSe wurtzite"``.
        primitive, ions : bool
            As in :meth:`from_cif`.

        Returns
        -------
        Crystal
            Its ``reference`` says where the lattice parameters come from.

        Raises
        ------
        ValueError
            If the name is not known; the message lists the known ones.

        Examples
        --------
        >>> from sk_qdots import Crystal
        >>> Crystal.builtin("CdSe wurtzite").space_group
        'P 63 m c'
        """
        wanted = name.replace("_", " ") if isinstance(name, str) else name
        known = cls.builtin_names()
        # A formula alone will do where only one modification is known.
        found = [k for k in known if k == wanted] or [k for k in known if k.split(" ")[0] == wanted]
        if len(found) != 1:
            problem = "several crystals are called" if found else "unknown crystal"
            raise ValueError(
                f"{problem} {name!r}; built in: {', '.join(found or known)}. "
                "For another one use Crystal.from_cif(path)"
            )
        return _builtin(found[0], primitive, ions)

    @staticmethod
    def builtin_names() -> list[str]:
        """Names of the crystals that the package knows.

        Returns
        -------
        list of str
        """
        return sorted(
            entry.name.removesuffix(".cif").replace("_", " ")
            for entry in _CRYSTALS.iterdir()
            if entry.name.endswith(".cif")
        )

    @classmethod
    def from_cif(
        cls,
        path: str | Path,
        *,
        name: str | None = None,
        block: str | None = None,
        primitive: bool = True,
        ions: bool = False,
    ) -> Crystal:
        """Read a crystal from a CIF and expand its symmetry.

        Parameters
        ----------
        path : str or path-like
            The CIF.
        name : str, optional
            Name of the crystal; the file's stem by default.
        block : str, optional
            Data block to read, where several hold a crystal; of those with one name the
            second is ``name#2``.
        primitive : bool, default=True
            Whether a node is a primitive cell, or else the conventional cell.
        ions : bool, default=False
            Whether to keep the charges of the CIF, so that the form factors of
            the ions are used where they are tabulated.

        Returns
        -------
        Crystal
            Among the equivalent translations of each atom, the one nearest to
            the first atom is taken: the compact choice. Coordinates within
            2e-4 of a third or a sixth are taken to be that fraction. Its space
            group is that of the file's own operations where they form a group,
            else that of its symbols and number, in the setting that agrees with
            formula, Z, density and multiplicities.

        Raises
        ------
        ValueError
            If the file cannot be read as a CIF, has no cell or no atoms, several blocks
            hold a crystal, coordinates are missing, an element is unknown, the space group
            is not known, does not fit the cell or may be read in several ways that differ,
            the structure is modulated, an occupancy is negative, the occupancies of one
            place, of all elements, add up to more than 1.02, or B is above 100 Angstrom^2.

        Warns
        -----
        UserWarning
            Where an atom has no displacement parameter (B = 1 Angstrom^2 is
            taken), one outside of 0.05 to 15 Angstrom^2, or two that do not agree; where an
            ion's form factor is not tabulated (the neutral atom
            is taken); where the space group is not given (P 1 is taken), or what is said of
            it does not agree; where formula, density, volume or multiplicities contradict the
            atoms; where an element is guessed or hydrogen is left out; and where
            the occupancies of one place add up to more than 1.001 (they are scaled
            to 1, as they are below without a word).

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from sk_qdots import Crystal
        >>> cif = '''data_Ag
        ... _cell_length_a 4.0857
        ... _cell_length_b 4.0857
        ... _cell_length_c 4.0857
        ... _cell_angle_alpha 90
        ... _cell_angle_beta 90
        ... _cell_angle_gamma 90
        ... _space_group_name_H-M_alt 'F m -3 m'
        ... loop_
        ... _atom_site_label
        ... _atom_site_type_symbol
        ... _atom_site_fract_x
        ... _atom_site_fract_y
        ... _atom_site_fract_z
        ... _atom_site_B_iso_or_equiv
        ... Ag1 Ag 0 0 0 0.7
        ... '''
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "Ag.cif"
        ...     _ = path.write_text(cif)
        ...     silver = Crystal.from_cif(path)
        >>> round(silver.node_diameter, 3)  # nm
        0.319
        """
        path = Path(path)
        found = read_cif(path, block=block, primitive=primitive, ions=ions)
        try:
            crystal = cls(
                name=name or path.stem,
                vectors=found.vectors,
                sublattices=found.sublattices,
                reference=found.reference,
                cell=found.cell,
                space_group=found.space_group,
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        for note in found.notes:
            warnings.warn(f"{path}: {note}", stacklevel=2)
        return crystal

    def strained(self, strain: float | tuple[float, float, float]) -> Crystal:
        """Return the crystal stretched along its conventional axes.

        Parameters
        ----------
        strain : float or tuple of 3 float
            Relative change of a, b and c; one number for all three. Fractional
            coordinates stay as they are.

        Returns
        -------
        Crystal

        Raises
        ------
        ValueError
            If a strain is not above -1.

        Examples
        --------
        >>> from sk_qdots import Crystal
        >>> cdse = Crystal.builtin("CdSe wurtzite")
        >>> longer = cdse.strained((0.0, 0.0, 0.01))
        >>> round(longer.cell_volume / cdse.cell_volume, 6)
        1.01
        """
        if np.shape(strain) not in ((), (3,)):
            raise ValueError(f"strain is {strain}; give one number, or three for a, b and c")
        factors = 1.0 + np.broadcast_to(np.asarray(strain, dtype=np.float64), 3)
        if not (np.isfinite(factors).all() and (factors > 0).all()):
            raise ValueError(f"strain is {strain}; every component must be a fraction above -1")
        stretch = np.linalg.inv(self.conventional) @ (factors[:, None] * self.conventional)

        def moved(rows: npt.ArrayLike) -> _Vectors:
            result = np.asarray(rows) @ stretch
            return tuple((float(v[0]), float(v[1]), float(v[2])) for v in np.atleast_2d(result))

        return replace(
            self,
            vectors=moved(self.vectors),
            cell=moved(self.cell),
            sublattices=tuple(replace(s, offset=moved(s.offset)[0]) for s in self.sublattices),
        )

    def with_b_iso(self, b_iso: float | Mapping[str, float]) -> Crystal:
        """Return the crystal with other displacement parameters.

        Parameters
        ----------
        b_iso : float or mapping of str to float
            In Angstrom^2, for every atom, or for each element named.

        Returns
        -------
        Crystal

        Raises
        ------
        ValueError
            If a value is negative or an element does not occur.
        """
        elements = {s.element for s in self.sublattices}
        values = b_iso if isinstance(b_iso, Mapping) else dict.fromkeys(elements, b_iso)
        absent = sorted(set(values) - elements)
        if absent:
            raise ValueError(f"b_iso names {absent[0]}, which {self.name} does not contain")
        return replace(
            self,
            sublattices=tuple(
                replace(s, b_iso=float(values.get(s.element, s.b_iso))) for s in self.sublattices
            ),
        )


def as_crystal(crystal: Crystal | str) -> Crystal:
    """Return a built-in crystal by its name, or the crystal itself."""
    if isinstance(crystal, str):
        return Crystal.builtin(crystal)
    if not isinstance(crystal, Crystal):
        raise TypeError(f"crystal is a {type(crystal).__name__}; give a Crystal or a name")
    return crystal


_CRYSTALS = resources.files("sk_qdots.simulation") / "crystals"


@lru_cache(maxsize=64)
def _builtin(name: str, primitive: bool, ions: bool) -> Crystal:
    with resources.as_file(_CRYSTALS / f"{name.replace(' ', '_')}.cif") as path:
        return Crystal.from_cif(path, name=name, primitive=primitive, ions=ions)

"""Free atoms: particles off a lattice, such as relaxed, faulted or core-shell ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from .._typing import CountArray, FloatArray
from .cluster import Cluster
from .scattering_factors import atomic_number
from .sites import Species

__all__ = ["FreeAtoms"]


class _Options(TypedDict, total=False):
    """What files of coordinates do not say of their atoms."""

    b_iso: float | Mapping[str, float] | npt.ArrayLike
    occupancy: float | npt.ArrayLike
    charges: int | npt.ArrayLike
    name: str


class _AseAtoms(Protocol):
    """What is needed of an :class:`ase.Atoms`."""

    def get_chemical_symbols(self) -> list[str]: ...

    def get_positions(self) -> FloatArray: ...


class FreeAtoms:
    """Coordinates and elements of a particle.

    Parameters
    ----------
    elements : sequence of str of length n_atoms
        Chemical symbols.
    positions : array-like of shape (n_atoms, 3)
        Cartesian coordinates, in Angstrom.
    b_iso : float, mapping of str to float or array-like of shape (n_atoms,), default=1.0
        Isotropic displacement parameter B in Angstrom^2: one for all, one for each
        element, or one for each atom. Atoms of the same element and B are counted
        together, so a few distinct values are faster than many.
    occupancy : float or array-like of shape (n_atoms,), default=1.0
        In (0, 1]. Atoms that are filled to 1 or less together and nearer than half the
        sum of their covalent radii (0.5 Angstrom at least) are alternatives: they make
        no pair.
    charges : int or array-like of shape (n_atoms,) of int, default=0
        For the form factors of ions.
    name : str, default="atoms"
        What to call the particle in labels and provenance.

    Attributes
    ----------
    positions : ndarray of shape (n_atoms, 3)
    species : tuple of Species
        The kinds of atoms.
    kinds : ndarray of shape (n_atoms,) of int
        Index of each atom's species.

    Raises
    ------
    ValueError
        If the lengths differ, a value is not finite or an element is unknown.

    Examples
    --------
    >>> from sk_qdots.simulation import FreeAtoms
    >>> dimer = FreeAtoms(["Pb", "S"], [[0, 0, 0], [2.97, 0, 0]], b_iso={"Pb": 1.2, "S": 1.0})
    >>> len(dimer), dimer.species[0].element
    (2, 'Pb')
    """

    def __init__(
        self,
        elements: Sequence[str],
        positions: npt.ArrayLike,
        *,
        b_iso: float | Mapping[str, float] | npt.ArrayLike = 1.0,
        occupancy: float | npt.ArrayLike = 1.0,
        charges: int | npt.ArrayLike = 0,
        name: str = "atoms",
    ) -> None:
        if isinstance(elements, str):
            raise ValueError(f"elements is {elements!r}; give a list of symbols, one for each atom")
        symbols = np.asarray(list(elements), dtype=str)
        self.positions = np.asarray(positions, dtype=np.float64)
        if symbols.size == 0:
            raise ValueError("elements is empty; give at least one atom")
        if self.positions.shape != (len(symbols), 3):
            raise ValueError(
                f"positions has shape {self.positions.shape}; for {len(symbols)} elements it must "
                f"be ({len(symbols)}, 3)"
            )
        if not np.isfinite(self.positions).all():
            row = int(np.flatnonzero(~np.isfinite(self.positions).all(axis=1))[0])
            raise ValueError(f"positions of atom {row} is {self.positions[row]}; not finite")
        for symbol in np.unique(symbols):
            atomic_number(str(symbol))
        if isinstance(b_iso, Mapping):
            absent = sorted(set(symbols.tolist()) - set(b_iso))
            if absent:
                raise ValueError(f"b_iso has no value for {absent[0]}")
            b_iso = [b_iso[s] for s in symbols.tolist()]
        columns: dict[str, npt.ArrayLike] = {
            "b_iso": b_iso,
            "occupancy": occupancy,
            "charges": charges,
        }
        rows = {key: _per_atom(key, value, len(symbols)) for key, value in columns.items()}
        keys = list(zip(symbols.tolist(), *(r.tolist() for r in rows.values()), strict=True))
        order = {key: k for k, key in enumerate(dict.fromkeys(keys))}
        self.species = tuple(Species(e, b, o, int(c)) for e, b, o, c in order)
        self.kinds = np.array([order[key] for key in keys])
        self.name = name

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        kinds = ", ".join(
            f"{np.count_nonzero(self.kinds == k)} {s.element}" for k, s in enumerate(self.species)
        )
        return f"FreeAtoms({self.name}: {kinds})"

    @classmethod
    def from_cluster(cls, cluster: Cluster) -> FreeAtoms:
        """Take the atoms of a cluster, to move or to replace some of them.

        Parameters
        ----------
        cluster : Cluster
            Filled by ``"cells"`` or ``"atoms"``.

        Returns
        -------
        FreeAtoms
            With the elements, displacement parameters, occupancies and charges of
            the crystal.

        Raises
        ------
        TypeError
            If it is no cluster: a ``StackedCluster`` stands for all sequences.
        ValueError
            If the cluster is filled by ``"volume"``: it is an average, not atoms.

        Examples
        --------
        >>> from sk_qdots.simulation import FreeAtoms, cut_cluster
        >>> FreeAtoms.from_cluster(cut_cluster("PbS", "cube", 2.0))
        FreeAtoms(PbS: 63 Pb, 63 S)
        """
        if not isinstance(cluster, Cluster):
            raise TypeError(
                f"cluster is {cluster!r}; give a Cluster (of layers that are faulted: draw() one)"
            )
        if cluster.occupancies is not None:
            raise ValueError(
                "the cluster was cut with fill='volume', whose outermost atoms are there in part; "
                "cut it with fill='cells' or 'atoms'"
            )
        sites = cluster.crystal.sublattices
        counts = [len(cluster.sublattice_nodes(k)) for k in range(len(sites))]
        elements, positions = cluster.atoms()
        return cls(
            elements,
            positions,
            b_iso=np.repeat([s.b_iso for s in sites], counts),
            occupancy=np.repeat([s.occupancy for s in sites], counts),
            charges=np.repeat([s.charge for s in sites], counts),
            name=cluster.crystal.name,
        )

    @classmethod
    def from_xyz(cls, path: str | Path, **options: Unpack[_Options]) -> FreeAtoms:
        """Read an XYZ file: the number of atoms, a comment, then element x y z a line.

        Parameters
        ----------
        path : str or path-like
            Further columns, as of an extended XYZ file, are ignored.
        **options
            ``b_iso``, ``occupancy``, ``charges``, ``name`` (the file's stem by default).

        Returns
        -------
        FreeAtoms

        Raises
        ------
        ValueError
            If the file is missing, is not XYZ, or holds fewer or more atoms than it says.
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: cannot be read as an XYZ file: {error}") from None
        try:
            count = int(lines[0])
        except (IndexError, ValueError):
            raise ValueError(f"{path}: line 1 must be the number of atoms") from None
        rows = lines[2 : 2 + count]
        rest = [line for line in lines[2 + count :] if line.strip()]
        if count < 1 or len(rows) < count:
            raise ValueError(f"{path}: says {count} atoms and holds {len(rows)}")
        if rest:
            raise ValueError(
                f"{path}: more lines than the {count} atoms that it announces; "
                "a file of several frames must be split first"
            )
        elements, positions = [], []
        for number, row in enumerate(rows, start=3):
            fields = row.split()
            try:
                elements.append(fields[0])
                positions.append([float(value) for value in fields[1:4]])
                if len(positions[-1]) < 3:
                    raise IndexError
            except (IndexError, ValueError):
                raise ValueError(
                    f"{path}: line {number} is {row.strip()[:60]!r}; expected: element x y z"
                ) from None
        try:
            options.setdefault("name", path.stem)
            return cls(elements, positions, **options)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_ase(cls, atoms: _AseAtoms, **options: Unpack[_Options]) -> FreeAtoms:
        """Take the atoms of an :class:`ase.Atoms` object, without its cell.

        Parameters
        ----------
        atoms : ase.Atoms
            A periodic cell is not repeated.
        **options
            ``b_iso``, ``occupancy``, ``charges``, ``name``.

        Returns
        -------
        FreeAtoms

        Raises
        ------
        ValueError
            If the object has no chemical symbols and positions.
        """
        try:
            symbols, positions = atoms.get_chemical_symbols(), atoms.get_positions()
        except AttributeError:
            raise ValueError(f"atoms is a {type(atoms).__name__}, not an ase.Atoms") from None
        return cls(symbols, positions, **options)


def _per_atom(name: str, values: npt.ArrayLike, n_atoms: int) -> CountArray:
    array = np.asarray(values, dtype=np.int64 if name == "charges" else np.float64)
    if array.shape not in ((), (n_atoms,)):
        raise ValueError(f"{name} has shape {array.shape}; give one value or one for each atom")
    return np.broadcast_to(array, n_atoms)

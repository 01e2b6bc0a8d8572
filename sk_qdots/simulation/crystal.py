r"""Crystals: the primitive cell, what sits in it, and how it is strained.

A crystal is a lattice of *nodes*, spanned by the three primitive vectors, and
the *sublattices* that decorate every node: one atom each, at a fixed offset
from its node, with its element, occupancy and isotropic displacement
parameter :math:`B_\mathrm{iso} = 8\pi^2 \langle u^2 \rangle`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Crystal", "Sublattice"]

_SAME_SITE = 1e-3  # fraction of a cell edge within which two sites are one


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
    """

    element: str
    offset: tuple[float, float, float]
    b_iso: float
    occupancy: float = 1.0

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
class Crystal:
    """A crystal as a decorated primitive lattice.

    Parameters
    ----------
    name : str
        What to call it in labels and provenance.
    vectors : tuple of 3 tuples of 3 float
        Primitive lattice vectors, Cartesian, in Angstrom, one a row.
    sublattices : tuple of Sublattice
        The atoms that every node carries.
    reference : str, default=""
        Where the lattice parameters come from.

    Raises
    ------
    ValueError
        If the vectors do not span a volume or no atom is given.

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
    vectors: tuple[tuple[float, float, float], ...]
    sublattices: tuple[Sublattice, ...]
    reference: str = ""

    def __post_init__(self) -> None:
        if np.shape(self.vectors) != (3, 3) or not self.cell_volume > 1e-6:
            raise ValueError(f"crystal {self.name}: the lattice vectors do not span a volume")
        if not self.sublattices:
            raise ValueError(f"crystal {self.name}: no atom in the cell")

    @property
    def lattice(self) -> npt.NDArray[np.float64]:
        """Primitive vectors as an array of shape (3, 3), rows, in Angstrom."""
        return np.asarray(self.vectors, dtype=np.float64)

    @property
    def cell_volume(self) -> float:
        """Volume of the primitive cell, in Angstrom^3."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def node_diameter(self) -> float:
        """Diameter of the sphere that has the volume of one primitive cell, in nm."""
        return float(np.cbrt(6.0 * self.cell_volume / np.pi)) / 10.0

    @property
    def formula_units(self) -> int:
        """Formula units in one primitive cell (1 where occupancies are not integers)."""
        counts: dict[str, float] = {}
        for s in self.sublattices:
            counts[s.element] = counts.get(s.element, 0.0) + s.occupancy
        rounded = [round(c) for c in counts.values()]
        if not np.allclose(rounded, list(counts.values()), atol=1e-6):
            return 1
        return reduce(math.gcd, rounded)

    @classmethod
    def builtin(cls, name: str) -> Crystal:
        """Return a crystal that the package knows.

        Parameters
        ----------
        name : str
            One of the known names; at present ``"PbS"``.

        Returns
        -------
        Crystal

        Raises
        ------
        ValueError
            If the name is not known; the message lists the known ones.
        """
        try:
            return _BUILTIN[name]
        except KeyError:
            known = ", ".join(sorted(_BUILTIN))
            raise ValueError(
                f"unknown crystal {name!r}; built in: {known}. "
                "For another one use Crystal.from_cif(path)"
            ) from None

    @classmethod
    def from_cif(cls, path: str | Path, *, name: str | None = None) -> Crystal:
        """Read a crystal from a CIF, expand its symmetry and reduce it to the primitive cell.

        Parameters
        ----------
        path : str or path-like
            The CIF.
        name : str, optional
            Name of the crystal; the file's stem by default.

        Returns
        -------
        Crystal
            Among the equivalent translations of each atom, the one nearest to
            the first atom is taken: the compact choice.

        Raises
        ------
        ValueError
            If the file cannot be read as a CIF, has no cell or no atoms, or an
            element is unknown.

        Warns
        -----
        UserWarning
            Where an atom has no displacement parameter: B = 1 Angstrom^2 is
            taken for it.
        """
        import gemmi

        path = Path(path)
        if not path.is_file():
            raise ValueError(f"{path}: no such CIF file")
        try:
            block = gemmi.cif.read(str(path)).sole_block()
            structure = gemmi.make_small_structure_from_block(block)
        except (RuntimeError, ValueError, IndexError) as error:
            raise ValueError(f"{path}: not readable as a CIF with one block: {error}") from None
        cell = structure.cell
        if not cell.is_crystal() or cell.volume < 1e-3:
            raise ValueError(f"{path}: the CIF has no unit cell (_cell_length_a and so on)")
        sites = structure.get_all_unit_cell_sites()
        if not sites:
            raise ValueError(f"{path}: the CIF has no atoms (_atom_site_ loop)")
        unknown = sorted({s.label for s in sites if s.element.atomic_number == 0})
        if unknown:
            raise ValueError(f"{path}: unknown element at site {', '.join(unknown)}")
        without_b = sorted({s.label for s in structure.sites if not _u_equivalent(s, cell) > 0})
        if without_b:
            warnings.warn(
                f"{path}: no displacement parameter for {', '.join(without_b)}; "
                "B = 1 Angstrom^2 is taken",
                stacklevel=2,
            )
        group = structure.spacegroup
        centring = group.centring_type() if group is not None else "P"
        vectors = np.array(cell.primitive_orth_matrix(centring).tolist()).T
        u_equivalent = {s.label: _u_equivalent(s, cell) for s in structure.sites}
        labels = [(s.element.name, round(s.occ, 9), round(u_equivalent[s.label], 9)) for s in sites]
        positions = np.array([cell.orthogonalize(s.fract).tolist() for s in sites])
        sublattices = []
        for (element, occupancy, u_iso), offset in _compact_basis(labels, positions, vectors):
            b_iso = 8.0 * math.pi**2 * u_iso if u_iso > 0 else 1.0
            x, y, z = (float(v) for v in offset)
            sublattices.append(Sublattice(element, (x, y, z), b_iso, occupancy))
        return cls(
            name=name or path.stem,
            vectors=tuple((float(v[0]), float(v[1]), float(v[2])) for v in vectors),
            sublattices=tuple(sublattices),
            reference=str(path.name),
        )


def _u_equivalent(site: Any, cell: Any) -> float:
    """U_iso as given, or a third of the trace of the anisotropic tensor; 0 where neither is."""
    if site.u_iso > 0 or not site.aniso.nonzero():
        return float(site.u_iso)
    tensor = np.array(site.aniso.as_mat33().tolist())
    reciprocal = np.array([cell.reciprocal().a, cell.reciprocal().b, cell.reciprocal().c])
    vectors = np.array(cell.orth.mat.tolist()).T
    weights = np.outer(reciprocal, reciprocal) * (vectors @ vectors.T)
    return float((tensor * weights).sum() / 3.0)


def _compact_basis(
    labels: Sequence[tuple[str, float, float]],
    positions: npt.NDArray[np.float64],
    vectors: npt.NDArray[np.float64],
) -> list[tuple[tuple[str, float, float], npt.NDArray[np.float64]]]:
    """One atom per orbit of the primitive translations, each nearest to the first."""
    inverse = np.linalg.inv(vectors)
    reduced = (positions - positions[0]) @ inverse
    kept: list[int] = []
    for k, label in enumerate(labels):
        gaps = reduced[k] - reduced[[i for i in kept if labels[i] == label]]
        gaps -= np.round(gaps)
        if (np.abs(gaps).max(axis=1, initial=0.0) < _SAME_SITE).any():
            continue
        kept.append(k)
    basis = []
    for k in kept:
        images = (reduced[k] - np.round(reduced[k]) + _NEIGHBOURS) @ vectors
        distance = np.round(np.linalg.norm(images, axis=1), 6)
        # Among images equally near: the one farthest along x, then y, then z.
        order = np.lexsort((*np.round(-images.T[::-1], 6), distance))
        basis.append((labels[k], images[order[0]]))
    return basis


_NEIGHBOURS = np.array(
    [[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=np.float64
)


def _rock_salt(name: str, cation: str, anion: str, a: float, b_iso: float, source: str) -> Crystal:
    half = a / 2.0
    return Crystal(
        name=name,
        vectors=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        sublattices=(
            Sublattice(cation, (0.0, 0.0, 0.0), b_iso),
            Sublattice(anion, (half, 0.0, 0.0), b_iso),
        ),
        reference=source,
    )


_BUILTIN = {
    "PbS": _rock_salt(
        "PbS",
        "Pb",
        "S",
        a=5.934,
        b_iso=1.25,
        source="a: Y. Noda et al., Acta Cryst. B39, 312 (1983), as in L. Allara et al., npj "
        "Comput. Mater. (2024); B: from a fit to simulated patterns of the latter",
    ),
}

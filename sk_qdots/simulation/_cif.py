"""Reading a crystal from a CIF with gemmi: symmetry, primitive cell, occupancy, B, charge."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray
from .scattering_factors import tabulated_ions
from .sites import NEIGHBOURS, OVERFULL, TOLERATED, Places, Sublattice, listed

if TYPE_CHECKING:
    import gemmi

__all__ = ["CifStructure", "read_cif"]

_SAME_SITE = 1e-3  # fraction of a cell edge within which two sites are one
_BOXES = 100  # along a cell edge, in which atoms are looked up; wider than what is one site
_THIRD = 2e-4  # a coordinate this near to a third or a sixth is one, printed with few digits
_DEFAULT_B = 1.0  # Angstrom^2, where a CIF gives none
_FULL_SITE = 0.4  # Angstrom; images of a full site nearer than this are one atom
_SPLIT_SITE = 0.02  # Angstrom; the same for a site that is occupied in part

_Label = tuple[str, int, float, float]  # element, charge, occupancy, b_iso
_Vectors = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class CifStructure:
    """What a CIF says of a crystal.

    Parameters
    ----------
    vectors, cell : tuple of 3 vectors
        Of the node and of the conventional cell, in Angstrom.
    sublattices : tuple of Sublattice
    reference : str
        Where it was published, or the name of the file.
    space_group : str
        Hermann-Mauguin symbol.
    """

    vectors: _Vectors
    cell: _Vectors
    sublattices: tuple[Sublattice, ...]
    reference: str
    space_group: str


def read_cif(path: Path, *, block: str | None, primitive: bool, ions: bool) -> CifStructure:
    """Read what :meth:`sk_qdots.simulation.Crystal.from_cif` makes a crystal of."""
    data, structure = _structure(path, block)
    cell = structure.cell
    if not cell.is_crystal() or not cell.volume > 1e-3:
        raise ValueError(f"{path}: the CIF has no unit cell (_cell_length_a and so on)")
    if not structure.sites:
        raise ValueError(f"{path}: the CIF has no atoms (_atom_site_ loop)")
    group = _space_group(path, data, structure)
    labels = _site_labels(path, data, structure, ions)
    conventional = np.array(cell.orth.mat.tolist()).T
    placed = [
        (k, position)
        for k, (site, label) in enumerate(zip(structure.sites, labels, strict=True))
        if label[2] > 0
        for position in _expanded(cell, conventional, site, label)
    ]
    if not placed:
        raise ValueError(f"{path}: every site has occupancy 0")
    names = [site.label for site in structure.sites]
    centring = group.centring_type() if group is not None and primitive else "P"
    vectors = np.array(cell.primitive_orth_matrix(centring).tolist()).T
    try:
        return CifStructure(
            vectors=_rows(vectors),
            sublattices=_sublattices(path, names, labels, placed, vectors),
            reference=_reference(data) or path.name,
            cell=_rows(conventional),
            space_group=group.xhm() if group is not None else "P 1",
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _structure(path: Path, wanted: str | None) -> tuple[gemmi.cif.Block, gemmi.SmallStructure]:
    """The CIF block that holds the crystal, and its small structure."""
    import gemmi

    if not path.is_file():
        raise ValueError(f"{path}: no such CIF file")
    try:
        document = gemmi.cif.read_string(_text(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise ValueError(f"{path}: not readable as a CIF: {error}") from None
    names = [b.name for b in document]
    if wanted is not None and wanted not in names:
        raise ValueError(f"{path}: no block {wanted!r}; the file has {', '.join(names) or 'none'}")
    if not names:
        raise ValueError(f"{path}: not readable as a CIF: it has no data block")
    holding = [b for b in document if b.find_value("_cell_length_a")] or [document[0]]
    chosen = [b for b in document if b.name == wanted] if wanted is not None else holding
    if len(chosen) > 1:
        raise ValueError(
            f"{path}: {len(chosen)} blocks hold a cell ({', '.join(b.name for b in chosen)}); "
            "say which with block="
        )
    try:
        return chosen[0], gemmi.make_small_structure_from_block(chosen[0])
    except (RuntimeError, ValueError, IndexError) as error:
        raise ValueError(f"{path}: not readable as a CIF: {error}") from None


def _text(path: Path) -> str:
    """What a file says; older CIFs have names of authors in Latin-1."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _space_group(
    path: Path, block: gemmi.cif.Block, structure: gemmi.SmallStructure
) -> gemmi.SpaceGroup | None:
    """Space group from the symbol, the operations or the number; None where the CIF has none."""
    import gemmi

    group = _group_of(structure)
    if group is None:
        group = _origin_by_letter(structure.spacegroup_hm)
        if group is not None:
            return _placed_group(structure, group, path)
        tags = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
        symbols = (
            "_space_group_name_H-M_alt",
            "_symmetry_space_group_name_H-M",
            "_space_group_name_Hall",
            "_symmetry_space_group_name_Hall",
        )
        given = {t: block.find_value(t) for t in (*tags, *symbols) if block.find_value(t)}
        stated = {t: gemmi.cif.as_string(v) for t, v in given.items() if v not in "?."}
        number = next((stated[t] for t in tags if t in stated), "")
        if number.isdigit() and not any(t in stated for t in symbols):
            group = gemmi.find_spacegroup_by_number(int(number))
        if group is None and stated:
            told = ", ".join(f"{t} {v!r}" for t, v in stated.items())
            raise ValueError(
                f"{path}: the space group is not known ({told}); write its Hermann-Mauguin "
                "symbol, such as 'P 63 m c'"
            )
        if group is None:
            warnings.warn(f"{path}: no space group is given; P 1 is taken", stacklevel=4)
            return None
    return _placed_group(structure, group, path)


def _group_of(structure: gemmi.SmallStructure) -> gemmi.SpaceGroup | None:
    """Group that gemmi found for a structure; its types leave out that it may find none."""
    return structure.spacegroup


def _origin_by_letter(symbol: str) -> gemmi.SpaceGroup | None:
    """Group of a symbol as inorganic databases write it: S and Z for origin choices 1 and 2."""
    import gemmi

    letters = {"S": "1", "Z": "2"}
    name, _, letter = symbol.strip().rpartition(" ")
    if letter not in letters:
        return None
    return gemmi.find_spacegroup_by_name(f"{name} :{letters[letter]}")


def _placed_group(
    structure: gemmi.SmallStructure, group: gemmi.SpaceGroup, path: Path
) -> gemmi.SpaceGroup:
    """Give a structure its space group, if its cell fits."""
    if _group_of(structure) is None:
        structure.spacegroup = group
        structure.setup_cell_images()
    if not structure.cell.is_compatible_with_spacegroup(group):
        a, b, c, *angles = structure.cell.parameters
        raise ValueError(
            f"{path}: the cell {a:g} {b:g} {c:g} Angstrom, {angles[0]:g} {angles[1]:g} "
            f"{angles[2]:g} degrees does not fit the space group {group.xhm()}"
        )
    return group


def _site_labels(
    path: Path, block: gemmi.cif.Block, structure: gemmi.SmallStructure, ions: bool
) -> list[_Label]:
    """What stands on each site; a value that cannot be is refused here, with the file's name."""
    unknown = sorted({s.label for s in structure.sites if s.element.atomic_number == 0})
    if unknown:
        raise ValueError(f"{path}: unknown element at site {', '.join(unknown)}")
    zero_b, u_of_b = _explicit_zeros(block), _aniso_b(block)
    labels: list[_Label] = []
    without_b, neutral = set(), set()
    for site in structure.sites:
        if not all(map(math.isfinite, site.fract.tolist())):
            raise ValueError(f"{path}: site {site.label} has no coordinates")
        element = site.element.name
        occupancy = round(float(site.occ), 9)
        if not 0.0 <= occupancy <= TOLERATED:
            raise ValueError(
                f"{path}: occupancy of {site.label} is {site.occ:g}; it must lie in [0, 1]"
            )
        u_iso = _u_equivalent(site, structure.cell, u_of_b.get(site.label))
        b_iso = round(8.0 * math.pi**2 * u_iso, 9)
        if not u_iso > 0 and site.label not in zero_b:
            without_b.add(site.label)
            b_iso = _DEFAULT_B
        charge = int(site.charge) if ions else 0
        if charge and charge not in tabulated_ions(element):
            neutral.add(f"{element}{abs(charge)}{'+' if charge > 0 else '-'}")
            charge = 0
        labels.append((element, charge, occupancy, b_iso))
    if without_b:
        warnings.warn(
            f"{path}: no displacement parameter for {', '.join(sorted(without_b))}; "
            f"B = {_DEFAULT_B:g} Angstrom^2 is taken",
            stacklevel=4,
        )
    if neutral:
        warnings.warn(
            f"{path}: no form factor is tabulated for {', '.join(sorted(neutral))}; "
            "the neutral atom is taken",
            stacklevel=4,
        )
    return labels


def _explicit_zeros(block: gemmi.cif.Block) -> set[str]:
    """Labels of the sites whose displacement parameter is given as zero."""
    zeros = set()
    for tag in ("B_iso_or_equiv", "U_iso_or_equiv"):
        for row in block.find("_atom_site_", ["label", tag]):
            if row[1].split("(")[0].strip("0.") == "" and row[1] not in "?.":
                zeros.add(row.str(0))
    return zeros


def _aniso_b(block: gemmi.cif.Block) -> dict[str, FloatArray]:
    """Anisotropic tensors that a CIF gives as B, as U; gemmi reads those given as U."""
    tags = ["label", *(f"B_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))]
    tensors = {}
    for row in block.find("_atom_site_aniso_", tags):
        try:
            xx, yy, zz, xy, xz, yz = (float(row[k].split("(")[0]) for k in range(1, 7))
        except ValueError:
            continue
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        tensors[row.str(0)] = tensor / (8.0 * math.pi**2)
    return tensors


def _expanded(
    cell: gemmi.UnitCell, vectors: FloatArray, site: gemmi.SmallStructure.Site, label: _Label
) -> FloatArray:
    """Cartesian positions of a site and its images in the conventional cell.

    Images within a tolerance are one atom on a special position. The tolerance is wide for a
    site that is full, which two atoms cannot share, and narrow for a split one.
    """
    fract = type(site.fract)(*(_snapped(x) for x in site.fract.tolist()))
    images = [fract, *(image.apply(fract) for image in cell.images)]
    reduced = np.array([image.tolist() for image in images])
    if len(reduced) == 1:
        return np.asarray(reduced @ vectors)
    tolerance = _FULL_SITE if label[2] > 0.999 else _SPLIT_SITE
    waiting = np.ones(len(reduced), dtype=bool)
    positions = []
    for k, start in enumerate(reduced):
        if waiting[k]:
            gaps = reduced - start
            gaps -= np.round(gaps)
            together = waiting & (np.linalg.norm(gaps @ vectors, axis=1) < tolerance)
            positions.append((start + gaps[together].mean(axis=0)) @ vectors)
            waiting &= ~together
    return np.array(positions)


def _u_equivalent(
    site: gemmi.SmallStructure.Site, cell: gemmi.UnitCell, told: FloatArray | None
) -> float:
    """U_iso as given, or a third of the trace of the anisotropic tensor; 0 where neither is."""
    if site.u_iso > 0 or (told is None and not site.aniso.nonzero()):
        return float(site.u_iso)
    tensor = np.array(site.aniso.as_mat33().tolist()) if told is None else told
    reciprocal = np.array([cell.reciprocal().a, cell.reciprocal().b, cell.reciprocal().c])
    vectors = np.array(cell.orth.mat.tolist()).T
    weights = np.outer(reciprocal, reciprocal) * (vectors @ vectors.T)
    return float((tensor * weights).sum() / 3.0)


def _snapped(x: float) -> float:
    """0.3333 is a third: without this, a special position would split in several."""
    sixth = round(6.0 * x) / 6.0
    return sixth if abs(x - sixth) < _THIRD else x


def _sublattices(
    path: Path,
    names: Sequence[str],
    labels: Sequence[_Label],
    placed: Sequence[tuple[int, FloatArray]],
    vectors: FloatArray,
) -> tuple[Sublattice, ...]:
    """One atom per orbit of the translations between nodes, each nearest to the first atom."""
    reduced = np.array([p for _, p in placed]) - placed[0][1]
    reduced = reduced @ np.linalg.inv(vectors)
    # The images of a site that differ by a translation between nodes are one; ions that
    # scatter alike share a sublattice.
    images, ions = _Found(reduced), _Found(reduced)
    shares: dict[int, list[int]] = {}
    for k, (site, _) in enumerate(placed):
        if images.earliest(site, k) is not None:
            continue
        images.add(site, k)
        kind = _kind(labels[site])
        first = ions.earliest(kind, k)
        if first is None:
            ions.add(kind, k)
            shares[k] = [k]
        else:
            shares[first].append(k)
    offsets = _nearest_images(reduced[list(shares)], vectors)
    sites = [[placed[m][0] for m in members] for members in shares.values()]
    given = np.array([sum(labels[s][2] for s in shared) for shared in sites])
    elements = [label[0] for label in labels]
    occupancies = _occupancies(path, Places(vectors, offsets, given), sites, names, elements)
    sublattices = []
    for k, offset, occupancy in zip(shares, offsets.tolist(), occupancies, strict=True):
        element, charge, b_iso = _kind(labels[placed[k][0]])
        x, y, z = offset
        sublattices.append(Sublattice(element, (x, y, z), b_iso, occupancy, charge))
    return tuple(sublattices)


def _occupancies(
    path: Path,
    places: Places,
    sites: Sequence[Sequence[int]],
    names: Sequence[str],
    elements: Sequence[str],
) -> list[float]:
    """Occupancies of sublattices, each made of some sites; places filled to nearly 1 are full."""

    def there(k: int) -> list[int]:
        return [site for j in places.shared_with(k) for site in sites[j]]

    for k in places.beyond(TOLERATED):
        last_first = there(k)[::-1]
        told = list(dict.fromkeys(names[s] for s in last_first))
        where = f" (site{'s' if len(told) > 1 else ''} {listed(told)})"
        raise ValueError(places.refusal(k, [elements[s] for s in last_first], where))
    scaled = dict.fromkeys(
        f"{listed(list(dict.fromkeys(names[s] for s in there(k))))} ({places.sums[k]:g})"
        for k in places.beyond(OVERFULL)
    )
    if scaled:
        warnings.warn(
            f"{path}: occupancies that add up to more than 1 are scaled to 1: "
            f"{listed(list(scaled), '; ')}",
            stacklevel=5,
        )
    return [float(occupancy) for occupancy in places.scaled()]


class _Found:
    """Atoms by what they are and where, so that one at the same place is found without a search.

    Places are fractions of a cell; those that a translation between nodes brings together are
    the same. Atoms are kept in boxes of a hundredth of an edge.
    """

    def __init__(self, reduced: FloatArray) -> None:
        self._places = reduced.tolist()
        around = np.array([-1.01, 0.0, 1.01]) * _SAME_SITE
        boxes = np.floor((reduced[:, None] + around[:, None]) * _BOXES).astype(np.int64) % _BOXES
        self._low, self._home, self._high = (
            list(map(tuple, boxes[:, k].tolist())) for k in range(3)
        )
        self._atoms: dict[tuple[Hashable, tuple[int, ...]], list[int]] = {}

    def add(self, what: Hashable, atom: int) -> None:
        """Keep an atom."""
        self._atoms.setdefault((what, self._home[atom]), []).append(atom)

    def earliest(self, what: Hashable, atom: int) -> int | None:
        """The first of its kind that was kept at the place of an atom."""
        low, high = self._low[atom], self._high[atom]
        boxes: Iterable[tuple[int, ...]] = (low,)
        if low != high:
            boxes = itertools.product(*({a, b} for a, b in zip(low, high, strict=True)))
        near = (i for box in boxes for i in self._atoms.get((what, box), ()))
        return min((i for i in near if self._are_one(i, atom)), default=None)

    def _are_one(self, first: int, second: int) -> bool:
        gaps = (a - b for a, b in zip(self._places[first], self._places[second], strict=True))
        return all(abs(gap - round(gap)) < _SAME_SITE for gap in gaps)


def _nearest_images(reduced: FloatArray, vectors: FloatArray) -> FloatArray:
    """The translation of each atom that is nearest to the first, from where they are counted."""
    images = ((reduced - np.round(reduced))[:, None] + NEIGHBOURS) @ vectors
    distances = np.round(np.linalg.norm(images, axis=2), 6)
    # Among images equally near: the one farthest along x, then y, then z.
    x, y, z = np.moveaxis(np.round(-images, 6), 2, 0)
    best = np.lexsort((z, y, x, distances), axis=1)[:, 0]
    return np.asarray(images[np.arange(len(images)), best])


def _kind(label: _Label) -> tuple[str, int, float]:
    element, charge, _, b_iso = label
    return element, charge, b_iso


def _reference(block: gemmi.cif.Block) -> str:
    """Where the structure was published, from the journal's tags."""
    import gemmi

    def text(tag: str) -> str:
        value = block.find_value(tag)
        return gemmi.cif.as_string(value).strip() if value and value not in "?." else ""

    authors = [gemmi.cif.as_string(a) for a in block.find_values("_publ_author_name")]
    journal = [text(f"_journal_{tag}") for tag in ("name_full", "volume", "page_first")]
    year = text("_journal_year")
    parts = [", ".join(authors), " ".join(t for t in journal if t) + (f" ({year})" if year else "")]
    return ", ".join(p for p in parts if p.strip())


def _rows(vectors: FloatArray) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(v[0]), float(v[1]), float(v[2])) for v in vectors)

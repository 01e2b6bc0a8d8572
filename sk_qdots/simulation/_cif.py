"""A crystal from a CIF: the block, the cell, the nodes and what sits on each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray
from ._cif_checks import chosen_reading
from ._cif_facts import Facts
from ._cif_readings import Reading
from ._cif_sites import MOST_EXCUSED, Site, read_sites
from ._cif_text import Block, number_and_deviation, read_blocks
from ._contacts import contacts, shortest_vectors
from ._orbits import PARTS, Symmetry
from ._space_groups import possible_settings, refuse_modulated
from .sites import (
    LONGEST_CONTACT,
    NEIGHBOURS,
    OVERFULL,
    TOLERATED,
    Places,
    Sublattice,
    contact_distance,
    listed,
)

if TYPE_CHECKING:
    import gemmi

__all__ = ["CifStructure", "read_cif"]

_SAME_SITE = 1e-3  # fraction of a cell edge within which two sites are one
_BOXES = 100  # along a cell edge, in which atoms are looked up; wider than what is one site
_LENGTHS = ("_cell_length_a", "_cell_length_b", "_cell_length_c")
_ANGLES = ("_cell_angle_alpha", "_cell_angle_beta", "_cell_angle_gamma")
_SHORTEST_EDGE, _LONGEST_EDGE = 0.1, 1e4  # Angstrom
_SITE_TAGS = ("_atom_site_label", "_atom_site_type_symbol", "_atom_site_fract_x")
_NEARLY_FULL = 0.98  # occupancy; a pair of more is no pair of alternatives
_MOST_BLOCKS = 20  # that a message names

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
    notes : tuple of str
        What its reader should know.
    """

    vectors: _Vectors
    cell: _Vectors
    sublattices: tuple[Sublattice, ...]
    reference: str
    space_group: str
    notes: tuple[str, ...]


def read_cif(path: Path, *, block: str | None, primitive: bool, ions: bool) -> CifStructure:
    """Read what :meth:`sk_qdots.simulation.Crystal.from_cif` makes a crystal of."""
    chosen = _block(path, read_blocks(path), block)
    notes: list[str] = []
    try:
        modulated = refuse_modulated(chosen)
        if modulated:
            raise ValueError(modulated)
        cell = _cell(chosen)
        conventional = np.array(cell.orth.mat.tolist()).T
        facts = Facts.of(chosen)
        sites = read_sites(chosen, conventional, list(facts.formula), ions, notes)
        sites = [site for site in sites if site.occupancy > 0]
        if not sites:
            raise ValueError("every site has occupancy 0")
        settings = possible_settings(chosen, conventional, notes)
        reading = chosen_reading(settings, conventional, sites, facts, notes)
        vectors = _vectors(cell, reading.symmetry, conventional, primitive)
        return CifStructure(
            vectors=_rows(vectors),
            sublattices=_sublattices(reading, vectors, notes),
            reference=_reference(chosen) or path.name,
            cell=_rows(conventional),
            space_group=reading.symmetry.symbol,
            notes=tuple(dict.fromkeys(notes)),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _block(path: Path, blocks: list[Block], wanted: str | None) -> Block:
    """The data block that holds the crystal."""
    names = [b.name for b in blocks]
    if wanted is not None:
        found = [b for b in blocks if b.name == wanted]
        found = found or [b for b in blocks if b.name.lower() == wanted.lower()]
        if not found:
            raise ValueError(f"{path}: no block {wanted!r}; the file has {_shortened(names)}")
        return found[0]
    with_cell = [b for b in blocks if b.has(*_LENGTHS)]
    with_atoms = [b for b in with_cell if b.loops_with(*_SITE_TAGS)]
    holding = with_atoms or with_cell or blocks[:1]
    if len(holding) > 1:
        told = _shortened([b.name for b in holding])
        raise ValueError(
            f"{path}: {len(holding)} blocks hold a cell ({told}); say which with block= "
            "(--block on the command line)"
        )
    return holding[0]


def _shortened(names: Sequence[str]) -> str:
    """Names of blocks, and not too many of them."""
    more = len(names) - _MOST_BLOCKS
    return ", ".join(names[:_MOST_BLOCKS]) + (f" and {more} more" if more > 0 else "")


def _cell(block: Block) -> gemmi.UnitCell:
    """The unit cell."""
    import gemmi

    values = []
    for tag, lowest, highest in (
        *((tag, _SHORTEST_EDGE, _LONGEST_EDGE) for tag in _LENGTHS),
        *((tag, 0.0, 180.0) for tag in _ANGLES),
    ):
        told = list(dict.fromkeys(block.values(tag)))
        if not told:
            raise ValueError(f"the CIF has no unit cell ({tag} is missing)")
        found = [number_and_deviation(text.rstrip(",;")) for text in told]
        numbers = {f[0] for f in found if f is not None}
        if None in found or len(numbers) > 1 or not lowest < min(numbers) < highest:
            also = " and ".join(text[:30] for text in told[:3])
            unit = "Angstrom" if tag in _LENGTHS else "degrees"
            raise ValueError(f"the unit cell cannot be: {tag} is {also}; give it in {unit}")
        values.append(numbers.pop())
    cell = gemmi.UnitCell(*values)
    if not (math.isfinite(cell.volume) and cell.volume > 1e-3):
        raise ValueError("the angles of the unit cell span no volume")
    return cell


def _vectors(
    cell: gemmi.UnitCell, symmetry: Symmetry, conventional: FloatArray, primitive: bool
) -> FloatArray:
    """Vectors between nodes."""
    import gemmi

    if not primitive or len(symmetry.centring) == 1:
        return conventional
    group = gemmi.find_spacegroup_by_name(symmetry.symbol)
    usual = np.array(cell.primitive_orth_matrix(group.centring_type()).tolist()).T
    # Those by convention, where they are those of the operations.
    inverse = np.linalg.inv(usual)
    nodes = symmetry.centring / PARTS @ conventional @ inverse
    n = round(abs(np.linalg.det(conventional @ inverse)))
    if n == len(symmetry.centring) and np.abs(nodes - np.round(nodes)).max() < 1e-6:
        return usual
    return shortest_vectors(symmetry.primitive() @ conventional)


def _sublattices(reading: Reading, vectors: FloatArray, notes: list[str]) -> tuple[Sublattice, ...]:
    """One atom per orbit of the translations between nodes, each nearest to the first atom."""
    sites = reading.sites
    nodes = vectors @ np.linalg.inv(reading.vectors)
    placed = [
        (k, position)
        for k, orbit in enumerate(reading.orbits)
        for position in orbit.positions_between(nodes) @ reading.vectors
    ]
    reduced = np.array([p for _, p in placed]) - placed[0][1]
    reduced = reduced @ np.linalg.inv(vectors)
    # Ions that scatter alike share a sublattice.
    ions = _Found(reduced)
    shares: dict[int, list[int]] = {}
    for k, (site, _) in enumerate(placed):
        kind = _kind(sites[site])
        first = ions.earliest(kind, k)
        if first is None:
            ions.add(kind, k)
            shares[k] = [k]
        else:
            shares[first].append(k)
    offsets = _nearest_images(reduced[list(shares)], vectors)
    members = [[placed[m][0] for m in shared] for shared in shares.values()]
    given = np.array([sum(sites[s].occupancy for s in shared) for shared in members])
    occupancies = _occupancies(Places(vectors, offsets, given, MOST_EXCUSED), members, sites, notes)
    first_sites = [sites[shared[0]] for shared in members]
    occupancies = _of_alternatives(occupancies, vectors, offsets, first_sites, notes)
    sublattices = []
    for k, offset, occupancy in zip(shares, offsets.tolist(), occupancies, strict=True):
        element, charge, b_iso = _kind(sites[placed[k][0]])
        x, y, z = offset
        sublattices.append(Sublattice(element, (x, y, z), b_iso, occupancy, charge))
    return tuple(sublattices)


def _occupancies(
    places: Places, members: Sequence[Sequence[int]], sites: Sequence[Site], notes: list[str]
) -> list[float]:
    """Occupancies of sublattices, each made of some sites; places filled to nearly 1 are full."""

    def there(k: int) -> list[Site]:
        return [sites[s] for j in places.shared_with(k) for s in members[j]]

    for k in places.beyond(TOLERATED):
        last_first = there(k)[::-1]
        deviation = math.sqrt(sum(s.deviation**2 for s in last_first))
        if places.sums[k] <= min(1.0 + 3.0 * deviation, MOST_EXCUSED):
            continue
        told = list(dict.fromkeys(s.label for s in last_first))
        where = f" (site{'s' if len(told) > 1 else ''} {listed(told)})"
        raise ValueError(places.refusal(k, [s.element for s in last_first], where))
    scaled = dict.fromkeys(
        f"{listed(list(dict.fromkeys(s.label for s in there(k))))} ({places.sums[k]:g})"
        for k in places.beyond(OVERFULL)
    )
    if scaled:
        notes.append(
            f"occupancies that add up to more than 1 are scaled to 1: {listed(list(scaled), '; ')}"
        )
    return [float(occupancy) for occupancy in places.scaled()]


def _of_alternatives(
    occupancies: list[float],
    vectors: FloatArray,
    offsets: FloatArray,
    sites: Sequence[Site],
    notes: list[str],
) -> list[float]:
    """Occupancies of atoms too near to be there together, scaled where they are nearly 1."""
    if min(occupancies) > _NEARLY_FULL:
        return occupancies
    most = np.ones(len(occupancies))
    scaled: dict[str, None] = {}
    for block in contacts(vectors, offsets, LONGEST_CONTACT):
        for k, j, distance in zip(*(part.tolist() for part in block), strict=True):
            total = occupancies[k] + occupancies[j]
            near = distance < contact_distance(sites[k].element, sites[j].element)
            if near and OVERFULL < total <= TOLERATED:
                most[[k, j]] = np.maximum(most[[k, j]], total)
                scaled[f"{sites[j].label} and {sites[k].label} ({total:.4g})"] = None
    if scaled:
        notes.append(
            "occupancies of alternatives that add up to more than 1 are scaled to 1: "
            f"{listed(list(scaled), '; ')}"
        )
    return [float(o) for o in np.array(occupancies) / most]


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


def _kind(site: Site) -> tuple[str, int, float]:
    return site.element, site.charge, site.b_iso


def _reference(block: Block) -> str:
    """Where the structure was published, from the journal's tags."""
    authors = [" ".join(a.split()) for a in block.values("_publ_author_name")]
    tags = ("_journal_name_full", "_journal_volume", "_journal_page_first")
    journal = [" ".join(block.value(tag).split()) for tag in tags]
    year = block.value("_journal_year").strip()
    parts = [", ".join(authors), " ".join(t for t in journal if t) + (f" ({year})" if year else "")]
    return ", ".join(p for p in parts if p.strip())


def _rows(vectors: FloatArray) -> _Vectors:
    return tuple((float(v[0]), float(v[1]), float(v[2])) for v in vectors)

"""Reading a crystal from a CIF with gemmi: symmetry, primitive cell, occupancy, B, charge."""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .crystal import Crystal, Sublattice
from .scattering_factors import tabulated_ions

__all__ = ["read_cif"]

_SAME_SITE = 1e-3  # fraction of a cell edge within which two sites are one
_THIRD = 2e-4  # a coordinate this near to a third or a sixth is one, printed with few digits
_DEFAULT_B = 1.0  # Angstrom^2, where a CIF gives none
_OVERFULL = 1.001  # sum of the occupancies of one site, with room for rounding

_NEIGHBOURS = np.array(
    [[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=np.float64
)

_Label = tuple[str, int, float, float]  # element, charge, occupancy, b_iso


def read_cif(
    path: Path, *, name: str | None, block: str | None, primitive: bool, ions: bool
) -> Crystal:
    """Do what :meth:`Crystal.from_cif` promises."""
    data, structure = _structure(path, block)
    cell = structure.cell
    if not cell.is_crystal() or cell.volume < 1e-3:
        raise ValueError(f"{path}: the CIF has no unit cell (_cell_length_a and so on)")
    if not structure.sites:
        raise ValueError(f"{path}: the CIF has no atoms (_atom_site_ loop)")
    group = structure.spacegroup
    if group is None:
        warnings.warn(f"{path}: no known space group; P 1 is taken", stacklevel=3)
    labels = _site_labels(path, structure, ions)
    for site in structure.sites:
        site.fract = type(site.fract)(*(_snapped(x) for x in site.fract.tolist()))
    sites = [s for s in structure.get_all_unit_cell_sites() if labels[s.label][2] > 0]
    if not sites:
        raise ValueError(f"{path}: every site has occupancy 0")
    conventional = np.array(cell.orth.mat.tolist()).T
    centring = group.centring_type() if group is not None and primitive else "P"
    vectors = np.array(cell.primitive_orth_matrix(centring).tolist()).T
    positions = np.array([cell.orthogonalize(s.fract).tolist() for s in sites])
    basis = _compact_basis([s.label for s in sites], labels, positions, vectors)
    _refuse_overfull(path, basis, vectors)
    sublattices = []
    for (element, charge, occupancy, b_iso), offset in basis:
        x, y, z = (float(v) for v in offset)
        sublattices.append(Sublattice(element, (x, y, z), b_iso, occupancy, charge))
    return Crystal(
        name=name or path.stem,
        vectors=_rows(vectors),
        sublattices=tuple(sublattices),
        reference=_reference(data) or path.name,
        cell=_rows(conventional),
        space_group=group.xhm() if group is not None else "P 1",
    )


def _structure(path: Path, wanted: str | None) -> tuple[Any, Any]:
    """The CIF block that holds the crystal, and its small structure."""
    import gemmi

    if not path.is_file():
        raise ValueError(f"{path}: no such CIF file")
    try:
        document = gemmi.cif.read(str(path))
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


def _site_labels(path: Path, structure: Any, ions: bool) -> dict[str, _Label]:
    """What stands on each site; a value that cannot be is refused here, with the file's name."""
    unknown = sorted({s.label for s in structure.sites if s.element.atomic_number == 0})
    if unknown:
        raise ValueError(f"{path}: unknown element at site {', '.join(unknown)}")
    labels: dict[str, _Label] = {}
    without_b, neutral = set(), set()
    for site in structure.sites:
        element = site.element.name
        occupancy = round(float(site.occ), 9)
        if not 0.0 <= occupancy <= 1.0:
            raise ValueError(
                f"{path}: occupancy of {site.label} is {site.occ:g}; it must lie in [0, 1]"
            )
        u_iso = _u_equivalent(site, structure.cell)
        if not u_iso > 0:
            without_b.add(site.label)
        b_iso = round(8.0 * math.pi**2 * u_iso, 9) if u_iso > 0 else _DEFAULT_B
        charge = int(site.charge) if ions else 0
        if charge and charge not in tabulated_ions(element):
            neutral.add(f"{element}{abs(charge)}{'+' if charge > 0 else '-'}")
            charge = 0
        label = (element, charge, occupancy, b_iso)
        if labels.setdefault(site.label, label) != label:
            raise ValueError(f"{path}: two sites have the label {site.label}")
    if without_b:
        warnings.warn(
            f"{path}: no displacement parameter for {', '.join(sorted(without_b))}; "
            f"B = {_DEFAULT_B:g} Angstrom^2 is taken",
            stacklevel=5,
        )
    if neutral:
        warnings.warn(
            f"{path}: no form factor is tabulated for {', '.join(sorted(neutral))}; "
            "the neutral atom is taken",
            stacklevel=5,
        )
    return labels


def _u_equivalent(site: Any, cell: Any) -> float:
    """U_iso as given, or a third of the trace of the anisotropic tensor; 0 where neither is."""
    if site.u_iso > 0 or not site.aniso.nonzero():
        return float(site.u_iso)
    tensor = np.array(site.aniso.as_mat33().tolist())
    reciprocal = np.array([cell.reciprocal().a, cell.reciprocal().b, cell.reciprocal().c])
    vectors = np.array(cell.orth.mat.tolist()).T
    weights = np.outer(reciprocal, reciprocal) * (vectors @ vectors.T)
    return float((tensor * weights).sum() / 3.0)


def _snapped(x: float) -> float:
    """0.3333 is a third: without this, a special position would split in several."""
    sixth = round(6.0 * x) / 6.0
    return sixth if abs(x - sixth) < _THIRD else x


def _compact_basis(
    sites: Sequence[str],
    labels: Mapping[str, _Label],
    positions: npt.NDArray[np.float64],
    vectors: npt.NDArray[np.float64],
) -> list[tuple[_Label, npt.NDArray[np.float64]]]:
    """One atom per orbit of the primitive translations, each nearest to the first."""
    reduced = (positions - positions[0]) @ np.linalg.inv(vectors)
    kept: list[int] = []
    for k, site in enumerate(sites):
        if not any(sites[i] == site and _same(reduced[k], reduced[i]) for i in kept):
            kept.append(k)
    basis: list[tuple[_Label, npt.NDArray[np.float64]]] = []
    for k in kept:
        images = (reduced[k] - np.round(reduced[k]) + _NEIGHBOURS) @ vectors
        distance = np.round(np.linalg.norm(images, axis=1), 6)
        # Among images equally near: the one farthest along x, then y, then z.
        offset = images[np.lexsort((*np.round(-images.T[::-1], 6), distance))[0]]
        element, charge, occupancy, b_iso = labels[sites[k]]
        for n, (known, place) in enumerate(basis):  # ions that scatter alike share a site
            if known[:2] + known[3:] == (element, charge, b_iso) and np.allclose(place, offset):
                basis[n] = ((element, charge, known[2] + occupancy, b_iso), place)
                break
        else:
            basis.append((labels[sites[k]], offset))
    return basis


def _same(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> bool:
    """Whether two reduced positions differ by a lattice vector."""
    gap = first - second
    return bool(np.abs(gap - np.round(gap)).max() < _SAME_SITE)


def _refuse_overfull(
    path: Path,
    basis: Sequence[tuple[_Label, npt.NDArray[np.float64]]],
    vectors: npt.NDArray[np.float64],
) -> None:
    reduced = np.array([offset for _, offset in basis]) @ np.linalg.inv(vectors)
    filled: dict[int, float] = defaultdict(float)
    for k, (label, _) in enumerate(basis):
        first = next(i for i in range(k + 1) if _same(reduced[i], reduced[k]))
        filled[first] += label[2]
    for k, occupancy in filled.items():
        if occupancy > _OVERFULL:
            raise ValueError(
                f"{path}: the occupancies of the site of {basis[k][0][0]} at "
                f"{np.round(basis[k][1], 3).tolist()} Angstrom add up to {occupancy:g}; "
                "they must not exceed 1"
            )


def _reference(block: Any) -> str:
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


def _rows(vectors: npt.NDArray[np.float64]) -> tuple[tuple[float, float, float], ...]:
    return tuple((float(v[0]), float(v[1]), float(v[2])) for v in vectors)

"""The sites of a CIF: element, charge, coordinates, occupancy and displacement parameter."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray
from ._cif_elements import element_of_label, element_of_type, is_vacancy, names_several
from ._cif_text import Block, Loop, number_and_deviation
from .scattering_factors import tabulated_ions
from .sites import TOLERATED, listed

__all__ = ["GROUPS_LEFT_OUT", "MOST_EXCUSED", "Site", "read_sites"]

GROUPS_LEFT_OUT = "of water, hydroxyl and such groups the hydrogen is left out"

_THIRD = 2e-4  # a coordinate this near to a third or a sixth is one, printed with few digits
_DEFAULT_B = 1.0  # Angstrom^2, where a CIF gives none
_LEAST_B, _LARGEST_B = 0.05, 15.0  # Angstrom^2; beyond them U and B may be mixed up
_IMPOSSIBLE_B = 100.0  # Angstrom^2; atoms displaced by more than 1 Angstrom
_DISAGREEING = 2.0  # times; two displacement parameters of one site
MOST_EXCUSED = 1.2  # occupancy that a standard deviation may excuse
_MOST_SITES = 20_000
_MOST_NAMED = 12  # labels in a message
_LONGEST_LABEL = 60  # characters
_EIGHT_PI2 = 8.0 * math.pi**2
_AXES = ("x", "y", "z")
_COORDINATES = tuple(f"_atom_site_fract_{axis}" for axis in _AXES)
_PAIRS = ("11", "22", "33", "12", "13", "23")
_JOINED = (
    *("occupancy", "type_symbol", "u_iso_or_equiv", "b_iso_or_equiv", "calc_flag"),
    *("symmetry_multiplicity", "site_symmetry_multiplicity", "wyckoff_symbol"),
)


@dataclass(frozen=True)
class Site:
    """What stands on a site.

    Parameters
    ----------
    label, element : str
    charge : int
    occupancy : float
    b_iso : float
        In Angstrom^2.
    fractions : tuple of 3 float
    resolution : tuple of 3 float
        How far the last digits of each coordinate reach, in Angstrom; 0 for exact ones.
    multiplicity : float or None
        That the file tells.
    deviation : float
        Standard deviation of the occupancy; 0 where it has none.
    may_be_order : bool
        Whether it stands under the tag for which old programs wrote the order of the site symmetry.
    """

    label: str
    element: str
    charge: int
    occupancy: float
    b_iso: float
    fractions: tuple[float, float, float]
    resolution: tuple[float, float, float]
    multiplicity: float | None
    deviation: float = 0.0
    may_be_order: bool = False


def read_sites(
    block: Block, vectors: FloatArray, formula: Sequence[str], ions: bool, notes: list[str]
) -> list[Site]:
    """Sites of a block.

    Raises
    ------
    ValueError
        If coordinates are missing, an element is not known, or a value cannot be.
    """
    rows = _rows(block, notes)
    elements = _elements(rows, formula, notes)
    displacements = _displacements(block, rows, vectors, notes)
    edges = np.linalg.norm(vectors, axis=1).tolist()
    sites, excused, neutral = [], [], set()
    for row, (element, charge), b_iso in zip(rows, elements, displacements, strict=True):
        label = row["label"]
        occupancy, deviation = _occupancy(row, label)
        if TOLERATED < occupancy <= min(1.0 + 3.0 * deviation, MOST_EXCUSED):
            excused.append(f"{label} ({occupancy:g})")
            occupancy = 1.0
        if not 0.0 <= occupancy <= TOLERATED:
            raise ValueError(f"occupancy of {label} is {occupancy:g}; it must lie in [0, 1]")
        if charge and ions and charge not in tabulated_ions(element):
            neutral.add(f"{element}{abs(charge)}{'+' if charge > 0 else '-'}")
            charge = 0
        fractions, resolution = _coordinates(row, edges)
        kept = charge if ions else 0
        sites.append(
            Site(
                label=label,
                element=element,
                charge=kept,
                occupancy=occupancy,
                b_iso=b_iso,
                fractions=fractions,
                resolution=resolution,
                multiplicity=_multiplicity(row),
                deviation=deviation,
                may_be_order="symmetry_multiplicity" in row,
            )
        )
    if excused:
        notes.append(f"occupancies that add up to more than 1 are scaled to 1: {listed(excused)}")
    if neutral:
        notes.append(
            f"no form factor is tabulated for {', '.join(sorted(neutral))}; "
            "the neutral atom is taken"
        )
    return sites


_Row = dict[str, str]  # values of a site by tag without its beginning; missing ones left out


def _rows(block: Block, notes: list[str]) -> list[_Row]:
    """What the loop of sites says of each, and other loops of the same labels."""
    loops = block.loops_with(*_COORDINATES)
    if not loops:
        cartesian = block.has(*(f"_atom_site_cartn_{axis}" for axis in _AXES))
        if block.has("_atom_site_label", "_atom_site_type_symbol"):
            also = "; Cartesian coordinates are not read" if cartesian else ""
            raise ValueError(f"no _atom_site_fract_x, _y and _z: the sites have no places{also}")
        raise ValueError("the CIF has no atoms (_atom_site_ loop)")
    if len(loops) > 1:
        raise ValueError(f"{len(loops)} loops of sites in one block; keep one")
    loop = loops[0]
    missing = [t for t in _COORDINATES if t not in loop.columns]
    if missing:
        raise ValueError(f"the sites have no {listed(missing)} (a coordinate is missing)")
    if loop.broken:
        raise ValueError("the _atom_site_ loop is not complete: its last row lacks values")
    if not len(loop):
        raise ValueError("the CIF has no atoms (the _atom_site_ loop is empty)")
    if len(loop) > _MOST_SITES:
        raise ValueError(f"{len(loop)} sites are more than can be read ({_MOST_SITES})")
    rows = _of_loop(loop)
    _join(block, loop, rows)
    while len(rows) > 1 and not any(map(str.isdigit, "".join(rows[-1].values()))):
        notes.append(f"left out behind the sites: {' '.join(rows.pop().values())[:60]!r}")
    kept, unplaced, vacant = [], [], []
    for k, row in enumerate(rows):
        label = row.get("label", row.get("type_symbol", f"number {k + 1}"))
        row["label"] = label[:_LONGEST_LABEL]
        if row.get("calc_flag", "").lower() in ("dum", "dummy"):
            continue
        if _is_dummy(row):
            continue
        if is_vacancy(row.get("type_symbol", row["label"])):
            vacant.append(row["label"])
            continue
        if not any(f"fract_{axis}" in row for axis in _AXES) and _may_go(row):
            unplaced.append(row["label"])
            continue
        kept.append(row)
    if vacant:
        notes.append(f"left out as vacancies: {listed(vacant)}")
    if unplaced:
        notes.append(f"left out, for they have no coordinates: {listed(unplaced)}")
    if not kept:
        raise ValueError("the CIF has no atoms with coordinates")
    return kept


def _is_dummy(row: _Row) -> bool:
    """Whether a site is of no element and empty."""
    told = row.get("type_symbol", row["label"]).strip()
    occupancy = number_and_deviation(row.get("occupancy", "1"))
    unknown = element_of_type(told) is None and not is_vacancy(told) and not names_several(told)
    return unknown and occupancy is not None and occupancy[0] == 0.0


def _may_go(row: _Row) -> bool:
    """Whether a site without a place is hydrogen, whose scattering is weak, or is empty."""
    found = element_of_type(row.get("type_symbol", row["label"]))
    occupancy = number_and_deviation(row.get("occupancy", "1"))
    return (found is not None and found[0] in ("H", "D")) or occupancy == (0.0, 0.0)


def _of_loop(loop: Loop) -> list[_Row]:
    beginning = "_atom_site_"
    columns = {
        tag.removeprefix(beginning): values
        for tag, values in loop.columns.items()
        if tag.startswith(beginning)
    }
    return [
        {tag: v for tag, values in columns.items() if (v := values[k]) is not None and v.strip()}
        for k in range(len(loop))
    ]


def _join(block: Block, own: Loop, rows: Sequence[_Row]) -> None:
    """Add what other loops say of the labels, such as occupancies in a loop of their own."""
    for loop in block.loops:
        labels = loop.columns.get("_atom_site_label")
        if loop is own or not labels:
            continue
        for name in _JOINED:
            values = loop.columns.get(f"_atom_site_{name}")
            if values is None or f"_atom_site_{name}" in own.columns:
                continue
            told: dict[str, list[str | None]] = defaultdict(list)
            for label, value in zip(labels, values, strict=True):
                if label is not None:
                    told[label].append(value)
            for row, place in zip(rows, _in_turn(rows), strict=True):
                mine = told.get(row.get("label", ""), [])
                found = mine[min(place, len(mine) - 1)] if mine else None
                if found is not None:
                    row[name] = found


def _in_turn(rows: Sequence[_Row]) -> list[int]:
    """How many rows of the same label stand before each."""
    seen: dict[str, int] = defaultdict(int)
    places = []
    for row in rows:
        places.append(seen[row.get("label", "")])
        seen[row.get("label", "")] += 1
    return places


def _elements(
    rows: Sequence[_Row], formula: Sequence[str], notes: list[str]
) -> list[tuple[str, int]]:
    """Element and charge of each site."""
    labels = [row["label"] for row in rows]
    capitals = not any(letter.islower() for label in labels for letter in label)
    found: list[tuple[str, int]] = []
    unknown, doubted, hydrogen = [], {}, []
    for row, label in zip(rows, labels, strict=True):
        told = row.get("type_symbol", "")
        if names_several(told) or (not told and names_several(label)):
            several = (told or label)[:_LONGEST_LABEL]
            raise ValueError(
                f"site {label} names several elements ({several}); give each a row with its "
                "occupancy"
            )
        typed = element_of_type(told) if told else None
        if typed is not None:
            found.append(typed[:2])
            if typed[2]:
                hydrogen.append(label)
            continue
        labelled = element_of_label(label, formula, capitals)
        if labelled is None or labelled[0] == "":
            unknown.append(label)
            continue
        element, with_hydrogen, in_doubt = labelled
        found.append((element, 0))
        if with_hydrogen:
            hydrogen.append(label)
        if in_doubt or told:
            doubted[label] = element
    if unknown:
        raise ValueError(f"unknown element at site {listed(sorted(set(unknown)))}")
    if doubted:
        told = listed([f"{label} as {element}" for label, element in doubted.items()])
        notes.append(f"the element is guessed from the label: {told}; add _atom_site_type_symbol")
    if hydrogen:
        where = listed(list(dict.fromkeys(hydrogen)))
        notes.append(f"{GROUPS_LEFT_OUT}: {where}")
    return found


def _occupancy(row: _Row, label: str) -> tuple[float, float]:
    text = row.get("occupancy")
    if text is None:
        return 1.0, 0.0
    found = number_and_deviation(text)
    if found is None:
        raise ValueError(f"occupancy of {label} is {text[:40]!r}; it must lie in [0, 1]")
    return round(found[0], 9), found[1]


_Triple = tuple[float, float, float]


def _coordinates(row: _Row, edges: Sequence[float]) -> tuple[_Triple, _Triple]:
    """Fractions, and how far the last digits of each reach.

    Programs leave out trailing zeros, so the finest digit of a site is that of all its
    coordinates, but for a third or sixth that is written with fewer.
    """
    values, digits, is_sixth = [], [], []
    for axis in _AXES:
        text = row.get(f"fract_{axis}")
        found = number_and_deviation(text) if text is not None else None
        if text is None or found is None or not abs(found[0]) < 1e6:
            told = f" ({axis} is {text[:40]!r})" if text is not None else ""
            raise ValueError(f"site {row['label']} has no coordinates{told}")
        value = found[0]
        sixth = round(6.0 * value) / 6.0
        values.append(sixth if abs(value - sixth) < _THIRD else value)
        exact = abs(24.0 * value - round(24.0 * value)) < 1e-9
        decimals = len(text.partition("(")[0].strip().partition(".")[2])
        digits.append(0.0 if exact else 10.0**-decimals)
        is_sixth.append(decimals > 1 and abs(value - sixth) < 0.7 * 10.0**-decimals)
    finest = min((d for d in digits if d), default=0.0)
    reach = [
        edge * (d if alone else min(d, finest))
        for edge, d, alone in zip(edges, digits, is_sixth, strict=True)
    ]
    return (values[0], values[1], values[2]), (reach[0], reach[1], reach[2])


def _multiplicity(row: _Row) -> float | None:
    for name in ("symmetry_multiplicity", "site_symmetry_multiplicity"):
        found = number_and_deviation(row.get(name, ""))
        if found is not None and found[0] > 0:
            return found[0]
    digits = ""
    for letter in row.get("wyckoff_symbol", ""):
        if not letter.isdecimal():
            break
        digits += letter
    return float(digits[:4]) if digits and int(digits[:4]) else None


def _displacements(
    block: Block, rows: Sequence[_Row], vectors: FloatArray, notes: list[str]
) -> list[float]:
    """B of each site, in Angstrom^2; what U, B and the tensor say is compared."""
    tensors = _tensors(block, rows, vectors)
    values: list[float] = []
    without, odd, disagreeing, negative = [], [], [], []
    for row, tensor in zip(rows, tensors, strict=True):
        label = row["label"]
        told = list(_isotropic(row))
        given = [v for v in told if v > 0]
        zero = 0.0 in told
        candidates = given + ([tensor] if tensor > 0 else [])
        usual = [v for v in candidates if _LEAST_B <= v <= _LARGEST_B]
        negative += [f"{label} ({v:.3g})" for v in told if v < 0][:1]
        if not candidates:
            values.append(0.0 if zero else _DEFAULT_B)
            if zero:
                odd.append(f"{label} (0)")
            elif not told:
                without.append(label)
            continue
        value = candidates[0]
        if max(candidates) > _DISAGREEING * min(candidates):
            value = usual[0] if usual else value
            also = [f"{v:.3g}" for v in dict.fromkeys(candidates) if v != value]
            disagreeing.append(f"{label} ({value:.3g}, not {listed(also)})")
        elif not usual:
            odd.append(f"{label} ({value:.3g})")
        if value > _IMPOSSIBLE_B:
            raise ValueError(
                f"B of site {label} is {value:.4g} Angstrom^2, which no atom of a crystal has; is "
                "B written as U (_atom_site_U_iso_or_equiv)?"
            )
        values.append(round(value, 9))
    if without:
        notes.append(
            f"no displacement parameter for {_enumerated(sorted(set(without)))}; "
            f"B = {_DEFAULT_B:g} Angstrom^2 is taken"
        )
    if negative:
        notes.append(
            f"B below 0 Angstrom^2 at site {listed(negative)} cannot be; the tensor, or B = "
            f"{_DEFAULT_B:g} Angstrom^2, is taken"
        )
    if odd:
        notes.append(
            f"B outside of {_LEAST_B:g} to {_LARGEST_B:g} Angstrom^2 at site {listed(odd)}; are U "
            "and B mixed up? Crystal.with_b_iso gives others"
        )
    if disagreeing:
        notes.append(
            "isotropic and anisotropic displacement parameters do not agree; the B taken, in "
            f"Angstrom^2: {listed(disagreeing)}"
        )
    return values


def _enumerated(labels: Sequence[str]) -> str:
    more = len(labels) - _MOST_NAMED
    return ", ".join(labels[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _isotropic(row: _Row) -> Iterator[float]:
    """B from the isotropic parameters of a site."""
    for name, factor in (
        ("u_iso_or_equiv", _EIGHT_PI2),
        ("u_equiv_geom_mean", _EIGHT_PI2),
        ("b_iso_or_equiv", 1.0),
        ("b_equiv_geom_mean", 1.0),
    ):
        found = number_and_deviation(row.get(name, ""))
        if found is not None and math.isfinite(found[0]):
            yield factor * found[0]


def _tensors(block: Block, rows: Sequence[_Row], vectors: FloatArray) -> list[float]:
    """B equivalent to the tensor of each site; 0 where it has none that is sensible."""
    told: dict[str, list[float]] = defaultdict(list)
    loops = block.loops_with("_atom_site_aniso_label")
    for loop in loops:
        labels = loop.columns.get("_atom_site_aniso_label", [])
        for label, row in zip(labels, _of_loop(loop), strict=True):
            if label is not None:
                told[label[:_LONGEST_LABEL]].append(_equivalent(row, vectors))
    for label in list(told):  # VESTA marks the symmetry
        told.setdefault(label.partition("^")[0], told[label])
    values = []
    for row, place in zip(rows, _in_turn(rows), strict=True):
        mine = told.get(row["label"], [])
        k = min(place, len(mine) - 1)
        own = _equivalent(row, vectors) if any(t.startswith("aniso_") for t in row) else 0.0
        values.append(own or (mine[k] if mine else 0.0))
    return values


def _equivalent(row: _Row, vectors: FloatArray) -> float:
    """A third of the trace of a tensor U, B or beta, as B."""
    reciprocal = np.linalg.norm(np.linalg.inv(vectors), axis=0)  # lengths of a*, b*, c*
    scale = np.outer(reciprocal, reciprocal)
    for name, factor in (("u", _EIGHT_PI2), ("b", 1.0), ("beta", 0.0)):
        parts = [number_and_deviation(row.get(f"aniso_{name}_{ij}", "")) for ij in _PAIRS]
        if any(p is None for p in parts[:3]):
            continue
        xx, yy, zz, xy, xz, yz = (p[0] if p is not None else 0.0 for p in parts)
        tensor = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        weights = scale * (vectors @ vectors.T)
        if not factor:  # beta = 2 pi^2 a* b* U
            tensor, factor = tensor / (2.0 * math.pi**2 * scale), _EIGHT_PI2
        value = float(factor * (tensor * weights).sum() / 3.0)
        return value if math.isfinite(value) and value > 0 else 0.0
    return 0.0

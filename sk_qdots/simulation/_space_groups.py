"""Which space groups, and in which settings, a CIF may mean.

Its own operations come first, where they form a group. Without them its Hermann-Mauguin symbol,
Hall symbol and number are taken together. A symbol such as ``F d -3 m`` leaves the origin open,
and a number the axes too: then all settings that fit the cell are readings of the file, between
which its atoms decide (:mod:`._cif_checks`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray
from ._cif_text import Block
from ._orbits import PARTS, Symmetry, operations_from_text
from ._space_group_symbols import spellings
from .sites import listed

if TYPE_CHECKING:
    import gemmi

__all__ = ["Settings", "other_settings", "possible_settings", "refuse_modulated"]

_FITS = 2e-3  # relative, of a cell to its group, without a word
_NEARLY_FITS = 1e-2  # with a warning
_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_MAGNETIC = "_space_group_symop_magn_operation_xyz"
_MAGNETIC_CENTRING = "_space_group_symop_magn_centering_xyz"
_SYMBOLS = (
    *("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m", "_space_group_name_h-m"),
    *("_space_group_name_h-m_full", "_symmetry_space_group_name_h-m_full"),
)
_HALL = ("_space_group_name_hall", "_symmetry_space_group_name_hall")
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_CODE = "_space_group_it_coordinate_system_code"
_CODES = {"1": "1", "2": "2", "H": "H", "R": "R", "S": "1", "Z": "2", "HR": "H", "RS": "R"}
_LONGEST_SYMBOL = 60


@dataclass
class Settings:
    """Readings of what a CIF says of its symmetry.

    Parameters
    ----------
    symmetries : list of Symmetry
        Those that fit the cell, the most usual first.
    said : str
        What the file says, for messages.
    from_operations : bool
        Whether they are the file's own operations.
    usual : bool
        Whether the first is what a number alone means by convention.
    others : list of Symmetry
        Of the symbol or number, beside operations.
    conflict : str
        What does not agree, where the readings are of several groups.
    """

    symmetries: list[Symmetry]
    said: str
    from_operations: bool = False
    usual: bool = False
    others: Sequence[Symmetry] = ()
    conflict: str = ""


def refuse_modulated(block: Block) -> str:
    """Why a modulated structure is refused; an empty text for others."""
    tags = [*block.pairs, *(t for loop in block.loops for t in loop.columns)]
    dimension = block.value("_cell_modulation_dimension")
    superspace = [t for t in tags if "_ssg_" in t and (t not in block.pairs or any(block.pairs[t]))]
    waves = block.has("_cell_wave_vector_seq_id") and dimension.strip() != "0"
    if superspace or dimension.strip() not in ("", "0") or waves:
        told = superspace[0] if superspace else "_cell_modulation_dimension"
        return (
            f"a modulated structure with a superspace group ({told}); its average structure, or a "
            "commensurate approximant, in a CIF of its own can be read"
        )
    return ""


def possible_settings(block: Block, vectors: FloatArray, notes: list[str]) -> Settings:
    """Settings that a CIF may mean and its cell fits.

    Raises
    ------
    ValueError
        If it states a space group that is not known, or that the cell does not fit.
    """
    problem = ""
    others = _tabulated_settings(block, vectors)
    usable: list[Symmetry] = []
    for texts, magnetic in _operation_lists(block):
        if magnetic and usable:
            continue
        found = operations_from_text(texts) if texts else "their list is cut short"
        if isinstance(found, str):
            problem = problem or f"the symmetry operations cannot be used ({found})"
            continue
        own = _from_operations(found[0], found[1], others.groups)
        if own.misfit(vectors) > _NEARLY_FITS:
            problem = problem or "the symmetry operations do not fit the cell"
            continue
        usable.append(own)
    if usable:
        own = _agreeing(usable, others.symmetries, notes)
        _note_cell(own, vectors, notes)
        settings = Settings([own], "the operations", from_operations=True)
        settings.others = [s for s in others.symmetries if s.misfit(vectors) <= _NEARLY_FITS]
        return settings
    told = _said(others.stated)
    advice = "write its Hermann-Mauguin symbol, such as 'P 63 m c'"
    if not others.symmetries:
        if told:
            also = f"{problem}, and " if problem else ""
            raise ValueError(f"{also}the space group is not known ({told}); {advice}")
        if problem:
            raise ValueError(f"{problem}, and the CIF names no space group; {advice}")
        notes.append("no space group is given; P 1 is taken")
        return Settings([_tabulated("P 1")], "nothing")
    fitting = [s for s in others.symmetries if s.misfit(vectors) <= _NEARLY_FITS]
    turned: list[Symmetry] = []
    if not fitting:
        stated = listed(list(dict.fromkeys(s.name for s in others.symmetries)))
        axes = [_of_group(g) for g in _table() if g.hm in {o.hm for o in others.groups}]
        fitting = [s for s in axes if s.misfit(vectors) <= _NEARLY_FITS]
        alike = {o.number for o in others.groups}
        if not fitting:  # about another axis
            turned = [_of_group(g) for g in _table() if g.number in alike and g.number < 16]
            fitting = [s for s in turned if s.misfit(vectors) <= _NEARLY_FITS]
        if not fitting:
            raise ValueError(
                f"{f'{problem}, and ' if problem else ''}the cell {_cell_text(vectors)} does not "
                f"fit the space group {stated}"
            )
        taken = listed(list(dict.fromkeys(s.name for s in fitting)), " or ")
        notes.append(f"the cell does not fit {stated}; the axes of {taken} are taken")
    if problem:
        notes.append(f"{problem}; {told} is taken instead")
    notes += others.notes
    _note_cell(fitting[0], vectors, notes)
    first = fitting[0]
    origins = [s for s in fitting if s.symbol.split(":")[0] == first.symbol.split(":")[0]]
    usual = others.by_number and first is others.symmetries[0] and len(origins) == 1
    symbols = {s.symbol.split(":")[0] for s in fitting}
    several = len(symbols) > 1 and not others.by_number and not turned
    conflict = f"what is said of the space group does not agree ({told})" if several else ""
    return Settings(fitting, told, usual=usual, conflict=conflict)


def _agreeing(lists: Sequence[Symmetry], named: Sequence[Symmetry], notes: list[str]) -> Symmetry:
    """Of several lists of operations the one that the symbol or number has; else the first."""
    if len({s.keys for s in lists}) == 1:
        return lists[0]
    keys, numbers = {s.keys for s in named}, {len(s) for s in named}
    chosen = max(lists, key=lambda s: (s.keys in keys, len(s) in numbers))
    counts = listed([str(len(s)) for s in lists])
    notes.append(f"lists of {counts} symmetry operations differ; that of {len(chosen)} is taken")
    return chosen


def other_settings(symmetry: Symmetry, vectors: FloatArray) -> list[Symmetry]:
    """Other settings of the group of a tabulated one that fit a cell."""
    numbers = {g.number for g in _table() if g.xhm() == symmetry.symbol}
    others = [_of_group(g) for g in _table() if g.number in numbers and g.xhm() != symmetry.symbol]
    return [s for s in others if s.misfit(vectors) <= _NEARLY_FITS]


def _note_cell(symmetry: Symmetry, vectors: FloatArray, notes: list[str]) -> None:
    misfit = symmetry.misfit(vectors)
    if misfit > _FITS:
        notes.append(
            f"the cell {_cell_text(vectors)} fits the space group {symmetry.symbol} to "
            f"{100 * misfit:.2g} % only; it is taken as it is"
        )


def _cell_text(vectors: FloatArray) -> str:
    a, b, c = lengths = np.linalg.norm(vectors, axis=1)
    cosines = [
        vectors[i] @ vectors[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))
    ]
    alpha, beta, gamma = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
    return f"{a:g} {b:g} {c:g} Angstrom, {alpha:g} {beta:g} {gamma:g} degrees"


def _operation_lists(block: Block) -> list[tuple[list[str], bool]]:
    """Lists of operations that a CIF has, and whether of a magnetic group.

    One that is cut short is empty.
    """
    lists: list[tuple[list[str], bool]] = []
    for tag in _OPERATIONS:
        cut = any(o.broken for o in block.loops if tag in o.columns)
        if texts := block.values(tag):
            lists.append(([] if cut else texts, False))
        elif cut:
            lists.append(([], False))
    magnetic = block.values(_MAGNETIC)
    centred = block.values(_MAGNETIC_CENTRING)
    if magnetic:
        lists.append((_products(magnetic, centred), True))
    return lists


def _products(operations: Sequence[str], centrings: Sequence[str]) -> list[str]:
    """Operations of a magnetic group with all its centrings, whether time is reversed or not."""
    texts = list(operations)
    for centring in centrings:
        shifts = [re.sub("[xyz+]", "", c) for c in centring.lower().replace(" ", "").split(",")[:3]]
        for operation in operations:
            parts = operation.split(",")[:3]
            if len(parts) == 3 == len(shifts) and any(shifts):
                moved = (f"{p}+{s}" if s else p for p, s in zip(parts, shifts, strict=True))
                texts.append(",".join(moved))
    return texts


def _from_operations(
    rotations: np.ndarray, translations: np.ndarray, named: Sequence[gemmi.SpaceGroup]
) -> Symmetry:
    """The group of some operations, with its symbol where it is tabulated."""
    own = Symmetry("the operations", "", rotations, translations)
    return replace(own, symbol=_symbol_of(own, named))


def _symbol_of(symmetry: Symmetry, named: Sequence[gemmi.SpaceGroup]) -> str:
    """Symbol of a group, in whatever place its origin is; or of one with the same rotations."""
    turned = {r.tobytes() for r in symmetry.rotations}
    alike = [
        g for g in [*named, *_table()] if {r.tobytes() for r in _of_group(g).rotations} == turned
    ]
    for group in alike:
        if _of_group(group).keys == symmetry.keys:
            return str(group.xhm())
    for group in alike:
        if _of_group(group).is_moved(symmetry):
            return str(group.xhm())
    return str(alike[0].xhm()) if alike else "P 1"


@dataclass
class _Tabulated:
    symmetries: list[Symmetry]
    groups: list[gemmi.SpaceGroup]
    stated: dict[str, str]
    notes: list[str]
    by_number: bool = False


def _tabulated_settings(block: Block, vectors: FloatArray) -> _Tabulated:
    """What symbol, Hall symbol and number say together."""
    stated = {t: block.value(t).strip() for t in (*_SYMBOLS, *_HALL, *_NUMBERS)}
    stated = {t: v for t, v in stated.items() if v and v not in "?."}
    notes: list[str] = []
    symbol: list[gemmi.SpaceGroup] = []
    for tag in _SYMBOLS:
        if tag in stated and not symbol:
            symbol = _settings_of_symbol(stated[tag], vectors, block.value(_CODE).strip())
    hall = [g for t in _HALL if t in stated for g in _settings_of_hall(stated[t])][:1]
    number = next((_settings_of_number(stated[t]) for t in _NUMBERS if t in stated), [])
    named = [t for t in (*_SYMBOLS, *_HALL) if t in stated]
    for tag in stated:
        told = {re.sub(r"[\s_]", "", v).lower(): v for v in block.values(tag)}
        if len(told) > 1:
            notes.append(
                f"{_as_written(tag)} is told as {listed([repr(v[:30]) for v in told.values()])}; "
                "the first is taken"
            )
    said = {t: v for t, v in stated.items() if t not in ("_space_group_name_h-m_full",)}
    if not symbol and not hall:
        if named and number:
            notes.append(
                f"{_said({t: stated[t] for t in named})} is not known; the number "
                f"{number[0].number} of the space group is taken"
            )
        return _Tabulated([_of_group(g) for g in number], number, said, notes, by_number=True)
    groups = symbol or hall
    if symbol and hall:
        agreeing = [g for g in symbol if g.hall == hall[0].hall]
        if agreeing:
            groups = agreeing
        elif hall[0].number == symbol[0].number or not number:
            groups = [*symbol, *hall]
        elif number[0].number == hall[0].number:
            groups = hall
        if not agreeing and groups != [*symbol, *hall]:
            ignored = symbol[0].hm if groups is hall else f"the Hall symbol {hall[0].hall!r}"
            notes.append(f"{ignored} does not agree with the rest and is left out ({_said(said)})")
    if number and groups and all(g.number != number[0].number for g in groups):
        if symbol and hall and len(groups) == 1:
            notes.append(
                f"the number does not agree with the symbols ({_said(said)}); they are taken"
            )
        else:
            usual = [g for g in number if g.hm == number[0].hm]
            groups = [*groups, *usual]
    return _Tabulated([_of_group(g) for g in groups], groups, said, notes)


def _said(stated: dict[str, str]) -> str:
    return ", ".join(
        f"{_as_written(tag)} {value[:_LONGEST_SYMBOL]!r}" for tag, value in stated.items()
    )


def _as_written(tag: str) -> str:
    """A tag with its capitals."""
    for name in ("H-M", "Hall", "IT", "Int_Tables"):
        tag = tag.replace(name.lower(), name)
    return tag


def _settings_of_symbol(text: str, vectors: FloatArray, code: str) -> list[gemmi.SpaceGroup]:
    """Settings that a Hermann-Mauguin symbol may mean, in any of its spellings."""
    if len(text) > _LONGEST_SYMBOL:
        return []
    if text.lstrip("_{ ").startswith("-"):
        return _settings_of_hall(re.sub(r"[_{}$~'\"]", "", text).strip())
    angles = np.array([_angle(vectors, i, j) for i, j in ((1, 2), (0, 2), (0, 1))])
    for name, letter, number in spellings(text, angles):
        group = _named(name, angles[0], angles[2])
        if group is None or (number and group.number != number):
            continue
        alike = [g for g in _table() if g.hm == group.hm]
        wanted = letter or _CODES.get(code.upper(), "")
        return [g for g in alike if g.ext == wanted] or alike if wanted else alike
    return []


def _named(name: str, alpha: float, gamma: float) -> gemmi.SpaceGroup | None:
    """A group by its name; the types of gemmi leave out that there may be none."""
    import gemmi

    return gemmi.find_spacegroup_by_name(name, alpha, gamma)


def _angle(vectors: FloatArray, i: int, j: int) -> float:
    lengths = np.linalg.norm(vectors[[i, j]], axis=1)
    return float(np.degrees(np.arccos(np.clip(vectors[i] @ vectors[j] / lengths.prod(), -1, 1))))


def _settings_of_hall(text: str) -> list[gemmi.SpaceGroup]:
    import gemmi

    if len(text) > _LONGEST_SYMBOL:
        return []
    try:
        operations = gemmi.symops_from_hall(text.replace("_", " "))
        group = gemmi.find_spacegroup_by_ops(operations)
    except (RuntimeError, ValueError, IndexError):
        return []
    return [group] if group is not None else []


def _settings_of_number(text: str) -> list[gemmi.SpaceGroup]:
    match = re.match(r"\s*(\d{1,3})(?:\.0*)?\s*(?:\D|$)", text)
    if match is None:
        return []
    return [g for g in _table() if g.number == int(match[1])]


@lru_cache(maxsize=1)
def _table() -> list[gemmi.SpaceGroup]:
    """Tabulated settings, of each group the reference setting of its symbols first."""
    import gemmi

    return list(gemmi.spacegroup_table())


@lru_cache(maxsize=1024)
def _of_hall(hall: str, name: str) -> Symmetry:
    import gemmi

    rotations, translations = [], []
    for operation in gemmi.symops_from_hall(hall):
        rotations.append(np.array(operation.rot) // operation.DEN)
        translations.append(np.array(operation.tran) * (PARTS // operation.DEN) % PARTS)
    return Symmetry(name, name, np.array(rotations), np.array(translations))


def _of_group(group: gemmi.SpaceGroup) -> Symmetry:
    return _of_hall(group.hall, group.xhm())


def _tabulated(name: str) -> Symmetry:
    import gemmi

    return _of_group(gemmi.find_spacegroup_by_name(name))

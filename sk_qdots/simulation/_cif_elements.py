"""Which element stands on a site of a CIF, from its type symbol or its label.

Type symbols are written as ``Fe3+``, ``Fe+3``, ``Fe``, ``FE``, ``Feva`` or ``57Fe``. The American
Mineralogist database and others leave them out: then labels such as ``OW1``, ``Oa1``, ``CaM2``
or ``SiT`` are all there is, and the formula of the file helps.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

__all__ = ["element_of_label", "element_of_type", "is_element", "is_vacancy", "names_several"]

_HEAVIEST = 98  # with a form factor
_LETTERS = re.compile(r"(?:\d{1,3})?\s*([A-Za-z]+)\s*(.*)", re.DOTALL)
_CHARGE = re.compile(r"(\d{0,2})([+-])\s*$|([+-])(\d{1,2})(?:\.0*)?\s*$")
_GROUPS = {
    **dict.fromkeys(("WAT", "WATER", "H2O", "OH2", "HOH", "OH", "HO", "D2O", "OD", "H3O"), "O"),
    **dict.fromkeys(("NH", "NH2", "NH3", "NH4", "ND4", "NHX"), "N"),
    **dict.fromkeys(("CH", "CH2", "CH3", "CH4"), "C"),
}
_SEVERAL = re.compile(r"[A-Za-z][0-9.+-]*\s*[,/;&]\s*[A-Z]|\.\d+\s*[A-Z]")


@lru_cache(maxsize=4096)
def is_element(symbol: str) -> bool:
    """Whether a text is the symbol of an element that has a form factor."""
    import gemmi

    if not re.fullmatch("[A-Z][a-z]?", symbol) or symbol == "X":
        return False
    element = gemmi.Element(symbol)
    return bool(0 < element.atomic_number <= _HEAVIEST and element.name == symbol)


def names_several(text: str) -> bool:
    """Whether a text names a mixture, such as ``Fe/Mg``."""
    return len(text) < 100 and _SEVERAL.search(text) is not None


def is_vacancy(text: str) -> bool:
    """Whether a type or label says that nothing is there."""
    return (
        re.fullmatch(r"(Va|VA|[Vv]ac|VAC|[Vv]acancy|[Vv]oid|VOID|\u25a1)\d*", text.strip())
        is not None
    )


def element_of_type(text: str) -> tuple[str, int, bool] | None:
    """Element and charge of a type symbol, and whether it is a group with hydrogen.

    None where it is neither.
    """
    text = text.strip()
    match = _LETTERS.match(text)
    if match is None or len(text) > 40:
        return None
    charge = _CHARGE.search(text)
    number = 0
    if charge is not None:
        number = int(charge[1] or charge[4] or 1)
        number = -number if "-" in (charge[2], charge[3]) else number
    bare = text[: charge.start()] if charge is not None else text
    plain = re.sub(r"[^A-Z0-9]", "", bare.upper())
    # Bare HO is holmium, where the second letter is small.
    if plain in _GROUPS and not is_element(bare.strip()) and plain != "HO":
        return _GROUPS[plain], 0, True
    letters = match[1]
    for symbol in (letters.capitalize(), re.sub("(?i)(va|val|v)$", "", letters).capitalize()):
        if is_element(symbol):
            return symbol, number, False
    # Wyckoff letters and the like behind an element: OW, SiT
    for symbol in (letters[:2], letters[:1]):
        if len(letters) > len(symbol) and is_element(symbol):
            return symbol, number, False
    return None


def element_of_label(
    label: str, formula: Collection[str], capitals: bool
) -> tuple[str, bool, bool] | None:
    """Element of a label, whether it is a group with hydrogen, and whether it is in doubt.

    Parameters
    ----------
    label : str
    formula : collection of str
        Elements of the file's formula; empty where it has none.
    capitals : bool
        Whether all labels of the file are in capitals, as in ``CA1``.
    """
    match = re.match(r"[^A-Za-z]*([A-Za-z]+)", label[:60])
    if match is None:
        return None
    letters = match[1]
    plain = re.sub(r"[^A-Z0-9]", "", label[match.start(1) :].upper())
    known = formula or ()
    if letters.upper().startswith("WAT") or re.match("H2O|OH2|HOH|D2O", plain):
        return "O", True, False
    if re.match("NH[2-4]|ND4", plain) and not (known and "N" not in known):
        return "N", True, False
    if letters in ("OH", "OD", "O-H", "Oh"):
        return "O", True, False
    two, one = letters[:2].capitalize(), letters[:1].upper()
    found = [e for e in dict.fromkeys((two, one)) if is_element(e)]
    if letters == "HO" and "Ho" not in known:  # of oxygen O1
        return "H", False, True
    if known:
        if letters.upper() in ("W", "OW", "OW1") and "W" not in known and "O" in known:
            return "O", True, False
        left = [e for e in found if e in known] or found
        if letters[1:2].islower() and two in found and two not in left:  # Co1 where there is no Co
            return left[0], False, left[0] != "O"  # Os, Og and such are usual names of oxygen
        found = left
    if not found:
        return None
    if len(found) == 1 or letters[1].islower():
        return found[0], False, False
    # CA, CO, OS in capitals: of two letters where the whole file is so written
    return (found[0] if capitals else found[1]), False, True

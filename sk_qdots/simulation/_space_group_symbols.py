"""Spellings of a Hermann-Mauguin symbol: SHELX, databases, full symbols, and overlines.

What stands behind a symbol (a number, an origin, the axes) is taken off only where what is left
is a symbol: ``P 21 21 2(1)`` ends in a screw axis, ``P b c a (61)`` in its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from .._typing import FloatArray

__all__ = ["spellings"]

_LETTERS = {
    **dict.fromkeys(("S", "1"), "1"),
    **dict.fromkeys(("Z", "2"), "2"),
    **dict.fromkeys(("H", "HR", "HEX"), "H"),
    **dict.fromkeys(("R", "RS", "RHO", "RHOMB"), "R"),
}
_SCREW = re.compile(r"([2346])\(([1-5])\)(?!/)")
_SCREW_OVER = re.compile(r"([2346])\s*\(([1-5])\)\s*/")
_SCREW_APART = re.compile(r"([2346])\s+\(([1-5])\)")
_NUMBER = re.compile(r"\(\s*no\.?\s*\d{1,3}\s*\)\s*$|,?\s*no\.?\s*\d{1,3}\s*$", re.I)
_BARE_NUMBER = re.compile(r"\s+\(\s*(\d{1,3})\s*\)\s*$|(?<=[a-z])\(\s*(\d{1,3})\s*\)\s*$")
_LETTER = re.compile(
    r"\s*(?::\s*([12]|HR|RS|HEX|RHOMB|RHO|[SZHR])"
    r"|\s(HR|RS|HEX|RHOMB|RHO|[SZHR])|\s:?O([12]))\s*$",
    re.I,
)
_UNKNOWN_LETTER = re.compile(r"\s*:\s*[A-Za-z][A-Za-z0-9]?\s*$|\s+O\s*$")
_PART = re.compile(r"[2346][1-5]?/[abcdemn]|-[1-6]|[abcdemn]|1|[2346][1-5]?")
_RIGHT = 0.5  # degrees; an angle that differs less from 90 is right


def spellings(text: str, angles: FloatArray) -> Iterator[tuple[str, str, int]]:
    """Names that a text may mean, the likeliest first.

    Parameters
    ----------
    text : str
    angles : ndarray of shape (3,)
        Of the cell, in degrees; a short monoclinic symbol is about the axis that they tell.

    Yields
    ------
    (name, letter, number)
        A symbol as a table has it; what tells its origin or axes; and the number of the group
        that the text has behind it, or 0.
    """
    text = re.sub(r"(\d)[\u0304\u0305\u00af]", r"-\1", text).replace("\\bar", "-")
    text = re.sub(r"\s*[\u0304\u0305\u00af]\s*(\d)", r" -\1", text)
    text = _NUMBER.sub("", re.sub(r"[_{}$~'\"]", "", text))
    numbered = _BARE_NUMBER.search(text)
    if numbered is not None:
        number = int(numbered[1] or numbered[2])
        yield from _of_plain(text[: numbered.start()], angles, number)
        text = _SCREW_APART.sub(r"\1(\2)", text)
    yield from _of_plain(text, angles, 0)


def _of_plain(text: str, angles: FloatArray, number: int) -> Iterator[tuple[str, str, int]]:
    name = _SCREW_OVER.sub(r"\1\2/", text)
    name = _SCREW.sub(r"\1\2 ", name).strip()
    found = _LETTER.search(name)
    told = []
    if found is not None:
        letter = (found[1] or found[2] or found[3]).upper()
        told.append((name[: found.start()], _LETTERS[letter]))
    told.append((name, ""))
    if name[-1:] in "SZHR" and len(name) > 2:
        told.append((name[:-1], _LETTERS[name[-1]]))
    told.append((_UNKNOWN_LETTER.sub("", name), ""))
    for bare, letter in dict.fromkeys(told):
        for spelt in dict.fromkeys((*_monoclinic(bare, angles), bare, _shortened(bare))):
            yield spelt, letter, number


def _monoclinic(name: str, angles: FloatArray) -> Iterator[str]:
    """A short monoclinic symbol with its axis, where the cell has it along a or c."""
    odd = np.abs(angles - 90.0) > _RIGHT
    short = re.fullmatch(r"([PABCIF])\s*(2[1]?(?:/[abcdemn])?|[abcdemn])", name)
    if short is not None and odd.sum() == 1 and not odd[1]:
        yield f"{short[1]} {short[2]} 1 1" if odd[0] else f"{short[1]} 1 1 {short[2]}"


def _shortened(name: str) -> str:
    """A full symbol such as ``F 4/m -3 2/m`` as the short one that tables have."""
    parts = _PART.findall(name[1:])
    if "".join(parts) != re.sub(r"\s", "", name[1:]) or sum(p != "1" for p in parts) < 2:
        return name
    cubic = len(parts) > 1 and parts[1] in ("3", "-3")
    kept = [
        p if k == 0 and p[0] in "46" and not cubic else p.partition("/")[2] or p
        for k, p in enumerate(parts)
    ]
    return " ".join([name[:1], *kept])

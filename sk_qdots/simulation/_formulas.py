"""Chemical formulas as CIFs have them: ``Al2 (Si0.5 O2)3``, ``Ca S O4, 2H2 O``, ``Fe3+2 O3``.

Where a text may mean several things it is no formula: one that is wrong would accuse a right file.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from ._cif_elements import is_element

__all__ = ["formula_counts", "formula_rounding"]

_LONGEST = 2000  # characters
_DEEPEST = 9  # brackets
_SEPARATORS = re.compile(
    r"[,;*\u00b7\u2022\u22c5]|(?<=\s)\.(?!\d)|\.(?=\s)"
    r"|(?<![\s.,(]\d)(?<!^\d)\.(?=\d*\.?\d*\(?[HD]2\s?O)"  # CuSO4.5H2O
)
_FACTOR = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*(?=[A-Z(\[])")
_UNIT = re.compile(r"([A-Z][a-z]?)")
_CHARGED = re.compile(r"(\d?)([+-])(\d*\.?\d*)(?![\d.+-])")
_COUNT = re.compile(r"\s*(\d+\.?\d*|\.\d+)(?:\(\d+\))?")
_BARE_CHARGE = re.compile(r"\s+\d?[+-](?=\s|$)")
_LARGEST_ANION = {
    **dict.fromkeys(("H", "D", "F", "Cl", "Br", "I"), 1),
    **dict.fromkeys(("O", "S", "Se", "Te"), 2),
    **dict.fromkeys(("N", "P", "As", "Sb"), 3),
    **dict.fromkeys(("C", "Si", "Ge", "B"), 4),
}
_LARGEST_CATION = {"H": 1, "D": 1, "O": 2, "F": 0}


class _NoFormulaError(Exception):
    pass


@dataclass
class _Group:
    counts: dict[str, float] = field(default_factory=dict)
    rounding: float = 0.0

    def add(self, other: _Group, times: float) -> None:
        for element, count in other.counts.items():
            self.counts[element] = self.counts.get(element, 0.0) + times * count
        self.rounding = max(self.rounding, times * other.rounding)


def formula_counts(text: str) -> dict[str, float]:
    """Atoms of each element in a formula, deuterium as hydrogen; empty where it is none."""
    return _read(text).counts


def formula_rounding(text: str) -> float:
    """Half of the last digit of the counts, times the factors of their brackets."""
    return _read(text).rounding


def _read(text: str) -> _Group:
    text = re.sub(r"['\"~_]", "", text[:_LONGEST]).replace("[", "(").replace("]", ")").strip()
    whole = _Group()
    try:
        for part in _SEPARATORS.split(_in_small_letters(text)):
            factor = _FACTOR.match(part)
            bracket = factor is not None and part[factor.end()] == "("
            times = float(factor[1]) if factor is not None and not bracket else 1.0
            rest = part[factor.end() :] if factor is not None and not bracket else part
            whole.add(_part(_BARE_CHARGE.sub(" ", rest)), times)
    except _NoFormulaError:
        return _Group()
    whole.counts = {element: count for element, count in whole.counts.items() if count > 0}
    return whole if all(map(math.isfinite, whole.counts.values())) else _Group()


def _in_small_letters(text: str) -> str:
    """A formula in capitals, such as ``CE O2``, with the second letters small."""
    words = re.findall(r"[A-Za-z]+", text)
    if any(c.islower() for c in text) or not any(len(w) == 2 for w in words):
        return text
    units = [w for w in words if len(w) < 3]
    if len(units) < len(words) or not re.search(r"\s", text):
        return text
    for word in dict.fromkeys(w for w in units if len(w) == 2):
        together, apart = is_element(word.capitalize()), all(map(is_element, word))
        if together and apart:
            raise _NoFormulaError
        if together:
            text = re.sub(rf"\b{word}(?![A-Z])", word.capitalize(), text)
    return text


def _part(text: str) -> _Group:
    """What stands between two separators."""
    stack, factors = [_Group()], [1.0]
    place = 0
    while place < len(text):
        letter = text[place]
        unit = _UNIT.match(text, place)
        if letter.isspace():
            place += 1
        elif unit is not None:
            element, place = unit[1], unit.end()
            if not is_element(element):
                raise _NoFormulaError
            count, rounding, place = _count(text, place, element)
            element = "H" if element == "D" else element
            stack[-1].add(_Group({element: count}, rounding), 1.0)
        elif letter == "(" and len(stack) < _DEEPEST:
            stack.append(_Group())
            factors.append(1.0)
            place += 1
        elif letter == ")" and len(stack) > 1:
            times, _, place = _count(text, place + 1, "")
            group = stack.pop()
            stack[-1].add(group, times * factors.pop())
        elif (factor := _FACTOR.match(text, place)) is not None:
            place = factor.end()
            if text[place] == "(":  # of the bracket
                stack.append(_Group())
                factors.append(float(factor[1]))
                place += 1
                continue
            end = text.find(")", place) if len(stack) > 1 else len(text)
            if end < 0 or "(" in text[place:end]:
                raise _NoFormulaError
            stack[-1].add(_part(text[place:end]), float(factor[1]))
            place = end
        else:
            raise _NoFormulaError
    if len(stack) > 1:
        raise _NoFormulaError
    return stack[0]


def _count(text: str, place: int, element: str) -> tuple[float, float, int]:
    """How many, half of its last digit, and where it ends, behind an element or a bracket."""
    charged = _CHARGED.match(text, place)
    if charged is not None:
        if not element:
            raise _NoFormulaError
        before, sign, after = charged.groups()
        if element in ("H", "D") and before:  # N H4+: the charge of the ion
            return float(before), 0.0, charged.end()
        if not before and "." not in after:  # Ca+2
            before, after = after, ""
        largest = _LARGEST_ANION.get(element, 0) if sign == "-" else _LARGEST_CATION.get(element, 8)
        if int(before or 1) > largest or after == ".":
            raise _NoFormulaError
        return _number(after), _half_digit(after), charged.end()
    counted = _COUNT.match(text, place)
    if counted is None:
        return 1.0, 0.0, place
    behind = text[counted.end() : counted.end() + 1]
    blank = counted[0][0].isspace()
    if blank and (behind.isalpha() or behind == "("):  # the factor of what follows
        return 1.0, 0.0, place
    return _number(counted[1]), _half_digit(counted[1]), counted.end()


def _number(text: str) -> float:
    return float(text) if text else 1.0


def _half_digit(text: str) -> float:
    decimals = len(text.partition(".")[2])
    return 0.5 * 10.0**-decimals if decimals else 0.0

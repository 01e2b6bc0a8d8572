"""Values as a command line and a form write them, in text."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "column_choice",
    "coverage_level",
    "fraction_range",
    "miller_indices",
    "number",
    "probability_range",
    "scan_choice",
    "size_range",
]


def number(text: str) -> float:
    """A number; raises ValueError, as all of them do, with a text that says what is expected."""
    try:
        return float(text)
    except ValueError:
        hint = "; write a decimal point" if "," in text else ""
        raise ValueError(f"{text!r} is not a number{hint}") from None


def size_range(text: str) -> tuple[float, float]:
    """Lowest and highest diameter."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not 0.0 < parts[0] < parts[1]:
        raise ValueError(f"{text!r} is not LOW:HIGH in nm, such as 2:8")
    return parts[0], parts[1]


def fraction_range(text: str) -> tuple[float, float]:
    """Lowest and highest dispersion or strain."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not -0.5 < parts[0] < parts[1] <= 1.0:
        raise ValueError(f"{text!r} is not LOW:HIGH in fractions (no percent), such as 0.05:0.4")
    return parts[0], parts[1]


def probability_range(text: str) -> tuple[float, float]:
    """Lowest and highest probability."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not 0.0 <= parts[0] < parts[1] <= 1.0:
        raise ValueError(f"{text!r} is not LOW:HIGH from 0 to 1, such as 0:0.5")
    return parts[0], parts[1]


def miller_indices(text: str) -> tuple[int, int, int]:
    """Indices of a facet."""
    try:
        h, k, m = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not H,K,L, such as 1,0,0") from None
    if not (h or k or m):
        raise ValueError("0,0,0 is no facet; give one such as 1,0,0")
    return h, k, m


def scan_choice(text: str) -> int | Literal["sum", "join"]:
    """Which scan of a file that holds several."""
    if text == "sum":
        return "sum"
    if text == "join":
        return "join"
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a number nor sum or join") from None


def column_choice(text: str) -> list[int | str]:
    """Numbers or names of columns."""
    names = [name.strip() for name in text.split(",")]
    return [int(name) if name.isdecimal() else name for name in names]


def coverage_level(text: str) -> float:
    """Of intervals."""
    value = number(text)
    if not 0.0 < value < 1.0:
        raise ValueError(f"{text!r} is not between 0 and 1; 90 % is 0.9")
    return value

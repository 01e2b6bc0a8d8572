"""What a scan moves, by the names that programs have for it.

Names count as a whole: ``2Theta`` moves two-theta, ``Rocking (2Theta fixed)`` does not.
"""

from __future__ import annotations

import re

__all__ = ["moves_two_theta", "scan_stated"]

_TWO_THETA = re.compile(
    r"(?:inplane)?(?:(?:(?:un)?locked|offset)?(?:coupled|gekoppelt))"
    r"|(?:inplane)?(?:(?:un)?coupled)?(?:"
    r"2theta(?:b|chi)?(?:[/,]?(?:theta|omega|chi|phi|alpha))?|(?:theta|omega)[/,]?2theta"
    r")(?:\(?(?:(?:un)?locked|un)?coupled\)?)?"
    r"|gonio(?:meter)?|detector|(?:psd|1d)(?:fixed|fast|continuous)?"
)
_OTHERS = re.compile(
    r"rocking(?:curve)?|k?(?:omega|theta|khi|chi|phi|psi|kappa)|eta|azimuth(?:al)?|aux\d?|[xyz]"
    r"|time|temperature|hkl|tube|reciprocalspace(?:map(?:ping)?)?|uncoupled"
)
_NOT_MOVED = re.compile(
    r"fixed2theta|2theta\(?(?:is)?(?:fixed|const(?:ant)?)(?![a-z])|uncoupled|rocking"
)
_RANGE = re.compile(  # what may follow a name: a range, or the next key of the line
    r"\s*(?:\(|\[|\bfrom\b|[-+]?\d+(?:\.\d+)?\s*(?:-|–|to|\.\.+|°|deg)|\b\w+\s?[:=]).*",
    re.IGNORECASE,
)
_MAX_NAME = 80

_KEY = re.compile(
    r"(?:^|(?<=[\s,;\"'(*_]))(?P<key>(?:scan(?:ned|ning)?|moving|moved|drive)[ _-]?"
    r"(?:axis|axes|motor|drive)|(?:scan|drive)[ _-]?(?:type|mode)|type of scan|scan-?achse|messart)"
    r"(?:_x)?[\"']?(?:[ \t]*[:=,;\t]|(?=[ \t]))"
    r"|^(?P<short>scan|(?:x[ _-]?)?axis|drive)[ \t]*[:=]",
    re.IGNORECASE,
)
_VALUE = re.compile(r"[ \t,;]*(?:\"([^\"]{1,80})|'([^']{1,80})|([^,;\t\"']{1,80}))")
_LETTERS = ("x", "y", "z")
_TITLE = re.compile(r"(?:rocking|omega|ω|phi|chi) ?-?(?:scan|curve)", re.IGNORECASE)
_MARKS = " \t#!%;'\"*/_\ufeff\r"


def _plain(name: str) -> str:
    """A name in small letters without blanks and hyphens, with one spelling of the angles."""
    text = name[:_MAX_NAME].lower()
    for letter, word in (
        ("θ", "theta"),
        ("ϑ", "theta"),
        ("ω", "omega"),
        ("χ", "chi"),
        ("φ", "phi"),
    ):
        text = text.replace(letter, word)
    text = re.sub(r"[\s_:.-]", "", text).replace("two", "2").replace("tth", "2theta")
    text = re.sub(r"(?<![a-z])th(?!eta)", "theta", text)
    return re.sub(r"(?<=.)(?:scan|curve|drive|axis|motor)$", "", text)


def moves_two_theta(name: str) -> bool | None:
    """Whether a scan, or an axis, of this name moves two-theta; None for names not known."""
    for text in (name, _RANGE.sub("", name)):
        plain = _plain(text)
        if plain and _TWO_THETA.fullmatch(plain):
            return True
        if plain and (_OTHERS.fullmatch(plain) or _NOT_MOVED.search(plain)):
            return False
    return None


def scan_stated(line: str) -> tuple[str, bool] | None:
    """What a line of a header says of the scan: its words, and whether it moves two-theta.

    None where it says nothing that is known: a title, the number of a scan, a mode such as
    ``continuous``.
    """
    text = line[:300].strip(_MARKS)
    for key in _KEY.finditer(text):
        found = _VALUE.match(text, key.end())
        value = next(filter(None, found.groups()), "").strip() if found else ""
        moves = moves_two_theta(value)
        words = value.lower()
        named = (key["key"] or key["short"]).lower()
        if moves is None or (
            "scan" not in words
            and (words in _LETTERS or (words == "time" and named.endswith(("mode", "scan"))))
        ):
            continue  # counted for a time, or a column called x
        said = text[key.start() : found.end() if found else None]
        return " ".join(said.replace('"', "").split())[:60].strip(_MARKS), moves
    title = " ".join(text.split())
    if _TITLE.fullmatch(title):
        return title, False
    return None

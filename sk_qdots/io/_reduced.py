"""What is computed from a pattern and is none: G(r), F(Q), S(Q), by the names that it has."""

from __future__ import annotations

import re

__all__ = ["REDUCED_SUFFIXES", "function_alone", "function_named", "output_type", "why_no_pattern"]

REDUCED_SUFFIXES = {  # with a number behind it in programs of the Gudrun family
    **dict.fromkeys((".gr", ".fgr", ".gofr", ".dofr", ".pdf", ".mdor", ".mgor"), "G(r)"),
    **dict.fromkeys((".fq", ".foq", ".fofq"), "F(Q)"),
    **dict.fromkeys((".sq", ".soq", ".sofq"), "S(Q)"),
    ".mint": "i(Q)",
}
_TYPES = {"gr": "G(r)", "fq": "F(Q)", "sq": "S(Q)"}
_OUTPUT = re.compile(r"outputtypes? ?[=:] ?(\w+) ?$", re.IGNORECASE)
_BEFORE = r"(?:(?:total|reduced|normali[sz]ed|static|measured|corrected|weighted|x-?ray|neutron) )*"
_WRITTEN = {  # in full, so that nothing else can be meant
    "G(r)": r"[gdtnr] ?\( ?r ?\)|(?:pair|radial)[- ]distribution(?: function)?"
    r"|(?:differential|pair|total) correlation(?: function)?",
    "F(Q)": r"[fh] ?\( ?q ?\)|q ?\*? ?[\[(]? ?s ?\( ?q ?\)(?: ?- ?1)?|interference function"
    r"|(?<=reduced )(?:total )?(?:structure|scattering)[- ]?(?:function|factor)",
    "S(Q)": r"s ?\( ?q ?\)(?: ?- ?1)?|structure[- ]?(?:factor|function)",
    "G(Q)": r"g ?\( ?q ?\)",
}
_SHORT = {  # beside an abscissa that goes with it
    "G(r)": ("r", r"g(?:_?(?:r|obs|exp|calc))?|pdf"),
    "F(Q)": ("q", r"f(?:_?q)?|qsq"),
    "S(Q)": ("q", r"s(?:_?q|oq)?"),
}
_BEGINS = {k: re.compile(f"{_BEFORE}(?:{v})(?![a-z0-9])", re.I) for k, v in _WRITTEN.items()}
_SYMBOL = r"[ ,:;]*(?:[fhs] ?\( ?q ?\)|[gdt] ?\( ?r ?\))?(?: ?[(\[/].{0,20})?"  # and its unit
_ALONE = {k: re.compile(rf"{_BEFORE}(?:{v})\]?{_SYMBOL}", re.I) for k, v in _WRITTEN.items()}


def function_named(name: str, abscissa: str) -> str:
    """Function that a column is called; empty where it is none.

    Parameters
    ----------
    name : str
        Its name, or what follows the label of the abscissa.
    abscissa : {"q", "r", ""}
        What it is a function of, by its name; empty where that is not known.
    """
    name = " ".join(name.strip(" \t\"',;|").split())
    for function, pattern in _BEGINS.items():
        if pattern.match(name.replace("_", " ")):
            return function
    bare = re.split(r" ?[(\[/ ,;\t|\"]", name, maxsplit=1)[0]
    for function, (over, short) in _SHORT.items():
        if bare.lower() == "f" and "(" not in name:
            continue  # a sample of that name
        if abscissa == over and re.fullmatch(short, bare, re.IGNORECASE):
            return function
    return ""


def function_alone(line: str) -> str:
    """Function that a line names with no other words; empty where it does not."""
    return next((name for name, p in _ALONE.items() if p.fullmatch(line.strip())), "")


def output_type(line: str) -> str:
    """Function that a program of the PDFgetX family wrote, by its setting ``outputtype``."""
    found = _OUTPUT.match(line)
    return _TYPES.get(found[1].lower(), "") if found else ""


def why_no_pattern(function: str, said: str) -> str:
    """What to say of it."""
    return (
        f"is {function}, {said}, computed from a pattern and none itself; give the measured "
        "intensity over two-theta or Q that it was made of (.iq, .chi, .xy)"
    )

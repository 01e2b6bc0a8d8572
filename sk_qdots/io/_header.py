"""What the lines before the data say of the columns and of the wavelength.

Only what is certain is taken: a label that begins a line and brings its unit, or that
stands right above the data; a wavelength or a photon energy with its unit or as a number
that can be nothing else. What is said but not understood is kept, to be quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .._radiation import same_beam
from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._scan import Wavelength, doublet

__all__ = ["Header", "axis_named", "column_names", "role_of", "unit_of"]

_MAX_LINE = 300
_MAX_JSON = 20_000
_MAX_WORDS = 5  # of the other columns' labels, behind the first
_MARKS = " \t#!%;'\"*/\ufeff"
_PREFIX = re.compile(
    r"(?:L\s+|(?:x|x[-_ ]?axis|axis|units?|columns?(?: 1)?|abscissa)\s*[:=]\s*)", re.IGNORECASE
)

_NAMES = {
    "two_theta": r"(?:2 ?[-_]? ?(?:theta|th|θ|ϑ)(?![a-z])|two[-_ ]?theta|tth(?![a-z])"
    r"|(?:scattering|diffraction) angle|angle(?![a-z])|pos(?:ition|\.)(?= ?\[ ?° ?2))",
    "q": r"(?:q(?![a-z0-9])"
    r"|(?:scattering|wave|momentum)[-_ ]?(?:vector|transfer)(?: q)?(?! ?[xyz]))",
    "d": r"(?:d[-_ ]?spacings?|d(?![a-z0-9*]))",
    "other": r"(?:azimuth\w*|radial\w*|log\S*|d\*\S*|(?:theta|th|omega|chi|phi|psi|radius|r|pixels?"
    r"|channels?|time|energy|temperature|frame|q[xyz]|s|index|bin)(?![a-z]))",
}
_NAME = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _NAMES.items()}
_UNIT = re.compile(
    r" ?(?:\((?P<round>[^()]{0,20}(?:\([^()]*\))?[^()]{0,6})\)|\[(?P<square>[^\]]{1,24})\]"
    r"|(?:/ ?|_|, ?| in )(?P<bare>\S{1,16})| (?P<loose>(?:1/)?[ÅA](?:ngstroms?)?[-^⁻{}1¹()+]*"
    r"|1/nm|nm[-^⁻{}1¹()+]+|deg(?:rees?|\.)?|rad(?:ians?)?|°)(?![\w/]))"
)
_INTENSITY = re.compile(r"(?:i|int\.?|intensit\w*|counts?|cps|y|yobs|i\(q\)|signal)", re.IGNORECASE)
_ERROR = re.compile(
    r"(?:e\.?s\.?d\.?s?|sig(?:ma)?(?:_?[iy])?|σ|std\w*|st\.?dev\.?|standard.?deviation|err(?:or)?s?"
    r"|unc\w*|d_?i|Δi|delta.?i|e|s|dy|[iy]_?(?:err(?:or)?s?|sigma|std))",
    re.IGNORECASE,
)

_NUMBER = r"(?P<value>\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)(?![\d.,]*\d)"
_LINE = r"k?[-_ ]?(?:alpha|α|a)[-_ ]?"
_WAVELENGTH = re.compile(
    rf"(?:{_LINE}(?P<before>[12]|beta)[ _-]*)?(?:wave[-_ ]?length|lambda|λ|(?<=_)WL)"
    rf"(?:[-_ ]?(?:{_LINE})?(?P<after>[12])(?![\d.,]))?"
    r"(?: is| of (?:the )?beam)?[ _/]*[(\[]?(?P<inside>Å|A|ang\w*|nm|pm|m)?(?![a-z])[)\]]?"
    rf"[\"' ]*[:=,;]?[\"' ]*{_NUMBER}[ ;,]*(?P<unit>[^\W\d]+)?",
    re.IGNORECASE,
)
_JSON = re.compile(rf'"wavelength" ?: ?{_NUMBER}')  # pyFAI writes its geometry so
_TUBE_LINE = re.compile(rf"^{_LINE}(?P<before>[12]) ?[:=] ?{_NUMBER}(?P<unit>)", re.IGNORECASE)
_MENTIONED = re.compile(r"wave[-_ ]?length|lambda|energy|kev", re.IGNORECASE)
_RATIO = re.compile(rf"ratio\b.{{0,40}}?[,:= ]{_NUMBER} ?$", re.IGNORECASE)
_ENERGY = re.compile(
    r"(?:\benergy(?: of (?:the )?beam)?|\bE0?)[ _]*[(\[]?(?P<inside>k?eV)?[)\]]?"
    rf"[\"' ]*[:=,;]?[\"' ]*{_NUMBER} ?(?P<unit>k?eV)?(?![a-z])",
    re.IGNORECASE,
)
_NOT_THE_BEAM = re.compile(
    r"threshold|cut-?off|detector|ring|electron|storage|emission|excitation|laser|fluoresc|absor"
    r"|filter|resolution|range|edge",
    re.IGNORECASE,
)
_FORMATS = {"qa": "q", "qnm": "q_nm", "twotheta": "two_theta"}  # of PDFgetX3 and its kin
_FORMAT = re.compile(r"dataformat ?= ?(\w+)", re.IGNORECASE)


@dataclass
class Header:
    """What the lines before the data say."""

    axis: str | None = None
    words: str = ""
    others: list[tuple[str, str]] = field(default_factory=list)
    label: str = ""
    mentioned: str = ""
    _waves: list[tuple[str, float]] = field(default_factory=list)
    _weak: tuple[str, str, bool] | None = None

    def read(self, line: str) -> None:
        """Take from a line what it says."""
        text = _plain(line)
        if not text:
            return
        self._read_beam(line, text)
        declared = _FORMAT.search(text)
        if declared and declared[1].lower() in _FORMATS:
            self._name(_FORMATS[declared[1].lower()], text)
            return
        unit = unit_of(text.split("\t")[0].split(";")[0]) if self._weak else None
        if self._weak and unit and not any(c.isdigit() for c in text.replace("1/", "")):
            self._name(_with_unit(self._weak[0], unit), f"{self._weak[1]} {text}")  # a row of units
            self._weak = None
            return
        if self._weak and not self._weak[2]:
            self._weak = None
        found = _label(text)
        self.label = line
        if found is None:
            return
        kind, unit = found
        if unit is None:
            # A bare name counts right above the data, or beside the intensity's.
            beside = any(role_of(word) == "intensity" for word in re.split(r"[ ,;\t]+", text)[1:])
            self._weak = (kind, text, beside)
        else:
            self._name(_with_unit(kind, unit), text)

    def finish(self) -> None:
        """Decide what the last line was: called where the data begin."""
        if self._weak is not None:
            kind, text, _ = self._weak
            if self.axis is None:
                named = {"two_theta": "two_theta", "other": "other"}.get(kind, f"{kind}?")
                self._name(named, text)
            self._weak = None

    @property
    def wavelength(self) -> Wavelength | None:
        """The wavelength that was read."""
        waves = self._waves
        for sort in ("wavelength", "energy"):
            values = [value for name, value in waves if name == sort]
            if values:
                return Wavelength(values[0], "as the header says")
        lines = dict(reversed(waves))
        return doublet(lines.get("1"), lines.get("2"), lines.get("ratio"))

    @property
    def contradiction(self) -> tuple[float, float] | None:
        """Two wavelengths that cannot both be true."""
        values = [value for name, value in self._waves if name in ("wavelength", "energy", "1")]
        for value in values[1:]:
            if not same_beam(value, values[0]):
                return values[0], value
        return None

    def facts(self) -> dict[str, Any]:
        """What goes into a scan: axis, wavelength, and what contradicts itself."""
        self.finish()
        beam = self.contradiction
        return {
            "axis": self.axis,
            "words": self.words,
            "wavelength": self.wavelength,
            "mentioned": self.mentioned,
            "other_words": self.others[0][1] if self.others else "",
            "other_wavelength": None if beam is None else beam[1],
        }

    def _name(self, axis: str, text: str) -> None:
        words = " ".join(text.split())[:40]
        if self.axis is None:
            self.axis, self.words = axis, words
        elif axis != self.axis:
            self.others.append((axis, words))

    def _read_beam(self, line: str, text: str) -> None:
        for pair in _JSON.finditer(line[:_MAX_JSON]):
            value = _in_angstrom(pair["value"], "")
            if value is not None:
                self._waves.append(("wavelength", value))
                return
        if _MENTIONED.search(text) and not self.mentioned:
            self.mentioned = text[:60]
        found = _WAVELENGTH.search(text) or _TUBE_LINE.search(text)
        if found and not _of_something_else(found):
            groups = found.groupdict()
            unit = groups.get("inside") or groups["unit"] or ""
            value = _in_angstrom(groups["value"], unit)
            line = groups.get("before") or groups.get("after") or ""
            if value is not None and line != "beta":
                self._waves.append((line or "wavelength", value))
        ratio = _RATIO.search(text)
        if ratio and "alpha" in text.lower():
            self._waves.append(("ratio", _float(ratio["value"])))
        energy = _ENERGY.search(text)
        if energy and (energy["unit"] or energy["inside"]) and not _of_something_else(energy):
            value = _float(energy["value"])
            if (energy["unit"] or energy["inside"]).lower() == "ev":
                value /= 1000.0
            if value > 0.0 and 0.05 < HC_KEV_ANGSTROM / value < 5.0:
                self._waves.append(("energy", HC_KEV_ANGSTROM / value))


def axis_named(label: str) -> str | None:
    """Abscissa that a label such as ``2theta (deg)`` or ``Q [1/nm]`` names.

    ``"q?"`` or ``"d?"`` without a unit, as 1/Angstrom and 1/nm are both in use;
    ``"other"`` for what is no axis of a pattern; None for what is no label.
    """
    found = _label(_plain(label))
    if found is None:
        return None
    kind, unit = found
    return _with_unit(kind, unit or "")


def unit_of(text: str) -> str | None:
    """``deg``, ``rad``, ``A`` or ``nm``, with ``^-1`` where it is inverse; else None."""
    text = text.strip(" ()[]{}\"'").lower().replace("\\", "").replace("$", "")
    if re.fullmatch(r"(?:°|º|deg\w*\.?|2th_deg)(?: ?2 ?th\w*\.?| ?2θ)?", text):
        return "deg"
    if re.fullmatch(r"rad(?:ians?)?\.?", text):
        return "rad"
    inverse = bool(re.search(r"1 ?/|[-⁻] ?[1¹]|^inv|^per|^/", text))
    body = re.sub(r"1 ?/|\^|\{|\}|\(|\)|\+|[-⁻] ?[1¹]|inv(?:erse)?\.?|per|^/|[ _.*]", "", text)
    if re.fullmatch(r"å|a|aa|ang|angs?trr?oe?ms?", body):
        return "A^-1" if inverse else "A"
    if re.fullmatch(r"nm|nanomet(?:er|re)s?", body):
        return "nm^-1" if inverse else "nm"
    return None


def column_names(label: str, width: int) -> list[str] | None:
    """Names of the columns from the line above them; None where they are not as many."""
    line = label.lstrip(" #").rstrip("\r\n ")
    for separator in ("\t", ";", ","):
        if separator in line:
            names = [name.strip(" \"'") for name in line.split(separator)]
            if len(names) == width and any(any(c.isalpha() for c in name) for name in names):
                return names
    text = _plain(label)
    span = _first_label(text)
    rest = re.sub(r" ?[(\[][^)\]]*[)\]]", "", text[span:])  # I (a.u.) is one name
    names = re.split(r"[ ,]+", rest.strip(" ,"))
    if span:
        names = [text[:span], *(name for name in names if name)]
    elif role_of(names[0]) != "intensity":
        return None  # a title, perhaps
    return names if len(names) == width else None


def _first_label(text: str) -> int:
    """Length of the label, with its unit, that begins a line; 0 where none does."""
    for pattern in _NAME.values():
        name = pattern.match(text)
        if name:
            more = re.match(r" (?:angle|axis|vector)", text[name.end() :], re.IGNORECASE)
            end = name.end() + (more.end() if more else 0)
            unit = _UNIT.match(text[end:])
            return end + (unit.end() if unit else 0)
    return 0


def role_of(name: str) -> str:
    """What a column is by its name: axis, intensity, error or unknown."""
    bare = re.sub(r" ?[(\[].*", "", name).strip()
    if _ERROR.fullmatch(bare):
        return "error"
    if _INTENSITY.fullmatch(bare):
        return "intensity"
    kind = axis_named(name)
    return "axis" if kind is not None else "unknown"


def _plain(line: str) -> str:
    """A line in short: without comment marks, with single blanks."""
    text = re.sub(r"[ \u00a0\r]+", " ", line[:_MAX_LINE]).strip(_MARKS)
    return _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text


def _label(text: str) -> tuple[str, str | None] | None:
    """Kind and unit (None where it has none) of the label that begins a line."""
    for kind in ("two_theta", "q", "d", "other"):
        name = _NAME[kind].match(text)
        if name is None:
            continue
        rest = text[name.end() :]
        if kind == "two_theta" and re.match(r" ?\[ ?°", rest):
            kind_unit, rest = "deg", re.sub(r"^ ?\[[^\]]*\]", "", rest)
            return (kind, kind_unit) if _are_labels(rest) else None
        unit = _UNIT.match(rest)
        if unit is not None:
            text_of_unit = next(group for group in unit.groups() if group is not None)
            known = unit_of(text_of_unit)
            if known and _are_labels(rest[unit.end() :]):
                return kind, known
            strange = unit["round"] is not None or unit["square"] is not None
            if strange and kind != "other" and _are_labels(rest[unit.end() :]):
                return ("other", "strange") if kind == "two_theta" else (kind, None)
        if kind == "other" and unit is not None and _are_labels(rest[unit.end() :]):
            return kind, "strange"
        return (kind, None) if _are_labels(rest) else None
    return None


def _are_labels(rest: str) -> bool:
    """Whether what follows the first label can be the labels of other columns."""
    words = re.sub(r"[(\[][^)\]]*[)\]]", " ", rest).replace(",", " ").replace(";", " ").split()
    return len(words) <= _MAX_WORDS and not any(
        any(c.isdigit() for c in word) or word in ("=", ":") for word in words
    )


def _with_unit(kind: str, unit: str) -> str:
    """Axis of a kind of label and its unit."""
    if kind == "two_theta":
        return {"rad": "two_theta_rad", "deg": "two_theta", "": "two_theta"}.get(unit, "other")
    if kind == "other":
        return "other"
    sort = {"A^-1": "q", "nm^-1": "q_nm", "": "q?"} if kind == "q" else {"A": "d", "nm": "d_nm"}
    return sort.get(unit, f"{kind}?")


def _of_something_else(found: re.Match[str]) -> bool:
    """Whether the words around a wavelength or energy say that it is not the beam's."""
    around = found.string[max(found.start() - 30, 0) : found.end() + 15]
    return _NOT_THE_BEAM.search(around) is not None


def _float(text: str) -> float:
    return float(text.replace(",", "."))


def _in_angstrom(text: str, unit: str) -> float | None:
    value = _float(text)
    unit = unit.lower()
    if unit in ("nm", "pm", "m"):
        value *= {"nm": 10.0, "pm": 0.01, "m": 1e10}[unit]
    elif not unit:
        if value < 1e-8:
            value *= 1e10  # metres, as pyFAI keeps them
        elif text.isdigit():
            return None  # lambda 1 of 3
    elif not (unit in ("å", "a") or unit.startswith("ang")):
        return None
    return value if 0.05 < value < 5.0 else None

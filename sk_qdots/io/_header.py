"""What the lines before the data say of the columns and of the wavelength.

The row of names right above the data decides; where there is none, a label further up
that begins its line and brings its unit. Of wavelengths and photon energies those are
taken that have their unit or can be nothing else. What is said but not understood is
kept, to be quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypedDict

from ..instruments.radiation import is_same_beam
from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._axis import AXES, resolve
from ._moves import scan_stated
from ._reduced import function_alone, function_named, output_type
from ._scan import NoPattern, Wavelength, doublet

__all__ = ["Header", "axis_named", "column_names", "role_of", "unit_of"]

_MAX_LINE = 300
_MAX_JSON = 20_000
_NEAR = 4  # lines above the data among which the row of names is
_MARKS = " \t#!%;'\"*/\ufeff"
_PREFIX = re.compile(
    r"(?:L\s+|1[.:] |(?:fields|names|x|x[-_ ]?axis|axis|units?|(?:data )?col(?:umn)?s?[ _]?1?"
    r"|abscissa)\s*[:=]\s*)",
    re.IGNORECASE,
)
_PYFAI_UNIT = re.compile(r"[Uu]nit\w*[\"' ]*[:=][\"' ]*([\w^-]+)")
_INVERSE_LENGTH = re.compile(
    r"1 ?/ ?(?:å|a|nm)(?![a-z])|(?<![a-z])(?:å|a|nm|ang\w*)(?: ?\^? ?\{?\(?[-⁻] ?[1¹])"
    r"|inverse (?:ang|nano)",
    re.IGNORECASE,
)

_NAMES = {
    "two_theta": r"(?:2 ?[-_]? ?(?:theta|th|θ|ϑ)(?![a-z])|two[-_ ]?theta|tth(?![a-z])"
    r"|(?:scattering|diffraction) angle|angle(?![a-z])|pos(?:ition|\.)(?= ?\[ ?° ?2))",
    "q": r"(?:\|?q\|?(?![a-z0-9^-])|q[-_ ]?vec(?:tor)?(?![a-z])"
    r"|(?:scattering|wave|momentum)[-_ ]?(?:vector|transfer)?(?: q)(?! ?[xyz])"
    r"|(?:scattering|wave|momentum)[-_ ]?(?:vector|transfer)(?! ?[xyz]))",
    "d": r"(?:d[-_ ]?(?:spacings?|space|values?)(?![a-z])|d(?![a-z0-9*]))",
    "other": r"(?:azimuth\w*|radial\w*|log\S*|d\*\S*|(?:theta|th|omega|chi|phi|psi|radius|r|pixels?"
    r"|chan(?:nels?)?|kanal|strip|tof|time|energy|temperature|frame|q[xyz]|s|index|bin|θ|e)(?![a-z0-9])|sin|q\w+|q\^2"
    r"|bragg)",
}
_NAME = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in _NAMES.items()}
_UNIT = re.compile(
    r" ?(?:\((?P<round>[^()]{0,20}(?:\([^()]*\))?[^()]{0,6})\)|\[(?P<square>[^\]]{1,24})\]"
    r"|(?:/ ?|_|, ?| in )(?P<bare>\S{1,16})| (?P<loose>(?:1/)?[ÅA](?:ngstroms?)?[-^⁻{}1¹()+]*"
    r"|1/nm|nm[-^⁻{}1¹()+]+|deg(?:rees?|\.)?|rad(?:ians?)?|°)(?![\w/]))"
)
_INTENSITY = re.compile(
    r"(?:[iy](?:[-_ ]?(?:obs|exp|tot|abs))?|int\.?|intensit\w*|counts?|cps|i\(q\)|signal)",
    re.IGNORECASE,
)
_ERROR = re.compile(
    r"(?:(?:[iy]|int\w*\.?)?[-_ ]?(?:e\.?s\.?d\.?s?|sig(?:ma)?|std\w*|std?\.? ?dev\w*\.?"
    r"|dev|err(?:or)?s?|unc\w*)\.?(?:_?[iy])?|σ|standard.?deviation|d_?i(?:\(q\))?|Δi|delta.?i|e|s|dy|sem"
    r"|sqrt(?:\(i\))?)",
    re.IGNORECASE,
)

_NUMBER = r"(?P<value>\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?)(?![\d.,]*\d)"
_LENGTH = r"Å|A|ang\w*|nm"
_LINE = r"k?[-_ ]?(?:alpha|α|a)[-_ ]?"
_WAVELENGTH = re.compile(
    rf"(?:{_LINE}(?P<before>[12]|beta)[ _-]*)?(?:wave[-_ ]?lengths?|(?<![a-z])lambda|λ|(?<=_)WL)"
    rf"(?:[-_ ]?(?:{_LINE})?(?P<after>[12])(?![\d.,]))?"
    r"(?: is| of (?:the )?beam)?[ _/]*[(\[]?(?P<inside>Å|A|ang\w*|nm|pm|m)?(?![a-z])[)\]]?"
    rf"[\"' ]*[:=,;]?[\"' ]*(?:(?:[a-z]{{2}} ?)?{_LINE}(?P<then>[12]) ?[:=]? ?)?{_NUMBER}"
    r"[ ;,]*(?P<unit>[^\W\d]+)?",
    re.IGNORECASE,
)
_LENGTHS = re.compile(_LENGTH, re.IGNORECASE)
_THE_LINE = r"(?: ?\([^()]{0,24}\))?"
_SECOND = re.compile(  # behind the first wavelength
    rf"(?: ?(?:{_LENGTH})(?![a-z]))?{_THE_LINE}(?:[ ;,/+&]+|and ){{1,3}}"
    rf"(?:(?:[a-z]{{2}} ?)?{_LINE}2 ?[:=]? ?)?(?P<second>\d\.\d{{3,}})"
    rf"(?: ?(?P<own>{_LENGTH})(?![a-z]))?{_THE_LINE}"
    r"(?:[ ;,]+(?:ratio ?[:=]? ?)?(?P<ratio>0?\.\d+))?",
    re.IGNORECASE,
)
_JSON = re.compile(rf'"wavelength" ?: ?{_NUMBER}')  # pyFAI writes its geometry so
_TUBE_LINE = re.compile(
    rf"^(?:{_LINE}|_?WL)(?P<before>[12]) ?[(\[]?(?P<inside>{_LENGTH})?[)\]]? ?[:=] ?{_NUMBER}"
    r"(?P<unit>)",
    re.IGNORECASE,
)
_MENTIONED = re.compile(r"wave[-_ ]?length|lambda|energy|kev", re.IGNORECASE)
_OF_LINES = re.compile(r"alpha|k[-_ ]?a[12]|^_?wlratio", re.IGNORECASE)
_RATIO = re.compile(rf"ratio\b.{{0,40}}?[,:= ]{_NUMBER} ?$", re.IGNORECASE)
_ENERGY = re.compile(
    r"(?:\benergy(?: of (?:the )?beam)?|\bE0?)[ _]*[(\[]?(?P<inside>k?eV)?[)\]]?"
    rf"[\"' ]*[:=,;]?[\"' ]*{_NUMBER} ?(?P<unit>k?eV)?(?![a-z])",
    re.IGNORECASE,
)
_NOT_THE_BEAM = re.compile(
    r"thresh|trim|lower|upper|eiger|pilatus|cut-?off|detector|ring|electron|storage|emission|excit"
    r"|laser|fluoresc|lumin|\bPL\b|absor|filter|resolution|range|edge|delta|\bd ?lambda",
    re.IGNORECASE,
)
_FORMATS = {"qa": "q", "qnm": "q_nm", "twotheta": "two_theta"}  # of PDFgetX3 and its kin
_INTERFERENCE = re.compile(
    r"interference|reduced (?:total )?(?:intensity|scattering)", re.IGNORECASE
)
_FORMAT = re.compile(r"dataformat ?= ?(\w+)", re.IGNORECASE)


class HeaderFacts(TypedDict):
    """What a header says, by the names that a scan has for it."""

    axis: str | None
    words: str
    wavelength: Wavelength | None
    mentioned: str
    other_words: str
    other_wavelength: float | None


@dataclass
class Header:
    """What the lines before the data say."""

    axis: str | None = None
    words: str = ""
    other_words: str = ""
    mentioned: str = ""
    names: list[str] | None = None
    function: str = ""
    function_words: str = ""
    _interference: bool = False
    _functions: list[tuple[str, str]] = field(default_factory=list)
    _scanned: list[tuple[str, bool]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _strong: list[tuple[str, str]] = field(default_factory=list)
    _waves: list[tuple[str, float]] = field(default_factory=list)

    def read(self, line: str) -> None:
        """Take from a line what it says."""
        text = _plain(line)
        if not text:
            return
        self._read_beam(line, text)
        self._lines = [*self._lines[1 - _NEAR :], line]
        declared = _FORMAT.search(text)
        if declared and declared[1].lower() in _FORMATS:
            self._strong.append((_FORMATS[declared[1].lower()], text))
        stated = scan_stated(line)
        if stated is not None:
            self._scanned.append(stated)
        if output_type(text):
            self._reduced(output_type(text), text)
        over, rest = _abscissa(text)
        function = function_named(rest, "") if over in ("q", "r") else function_alone(text)
        if function:
            self._functions.append((function, text))
        self._interference |= _INTERFERENCE.search(text) is not None
        unit = _PYFAI_UNIT.search(text)
        named = resolve(unit[1]) if unit else None
        if named:
            self._strong.append((named, text))
        found = _label(text)
        if found is not None and found[1] is not None and found[0] != "other":
            self._strong.append((_with_unit(found[0], found[1]), text))

    def settle(self, width: int) -> None:
        """Decide, once it is known how many columns there are."""
        rows = [column_names(line, width) for line in self._lines]
        candidates = [k for k, names in enumerate(rows) if names is not None]
        # One that names an intensity is believed before one that only begins with an axis.
        for k in sorted(candidates, key=lambda k: (_has_intensity(rows[k]), k))[-1:]:
            self.names = rows[k]
            below = self._lines[k + 1 : k + 2]
            unit = unit_of(re.split(r"[\t;,]", below[0])[0]) if below else None
            self._take_row(self._lines[k], unit)
        if self.axis is None and self._strong:
            self._name(*self._strong[-1])
        if self.axis is None and self._lines:
            text = _plain(self._lines[-1])
            found = _label(text)
            if found is not None and found[0] == "q" and len(text.split()) == 1:
                self._name("q?", text)
            elif _INVERSE_LENGTH.search(text) and unit_of(text) is None:
                self._name("other", text)  # of Q in some words, not understood
        self._settle_function()

    def _settle_function(self) -> None:
        """Decide whether the second column was computed from a pattern, by what it is called."""
        functions = list(self._functions)
        for line in self._lines:
            text = _plain(line)
            over, rest = _abscissa(text)
            function = function_named(rest, over) if over in ("q", "r") else ""
            if function:
                functions.append((function, text))
            elif over == "q" and self._interference and rest.startswith("i(Q)"):
                self._reduced("i(Q)", text)
        named = self.axis in ("two_theta", "two_theta_rad")
        beside = self.names is not None and _has_intensity(self.names[1:])
        if functions and not named and not beside and not self.function:
            self._reduced(*functions[-1])

    def settle_label(self, line: str) -> None:
        """Take the label of an abscissa that has a line of its own."""
        text = _plain(line)
        found = _label(text)
        if found is not None:
            self._strong.append((_with_unit(found[0], found[1] or ""), text))
        for below in self._lines[-2:]:  # the label of the ordinate
            function = function_named(_plain(below), _abscissa(text)[0])
            if function and _plain(below) != text:
                self._functions.append((function, _plain(below)))
        self._lines = []

    def _take_row(self, line: str, unit: str | None) -> None:
        """Take the abscissa from the row of names, and its unit from there or from below."""
        text = _plain(line)
        found = _label(text)
        if found is None:
            if _INVERSE_LENGTH.search(text):
                self._name("other", text)
            return
        kind, own = found
        axis = _with_unit(kind, own or unit or "")
        self._name(axis, text)
        # Another row of names, that says otherwise.
        for other, words in self._strong:
            names = column_names(words, len(self.names or ()))
            if other != axis and axis in AXES and _has_intensity(names):
                self.other_words = " ".join(words.split())[:40]

    def _name(self, axis: str, text: str) -> None:
        self.axis, self.words = axis, " ".join(text.split())[:40]

    def _reduced(self, name: str, text: str) -> None:
        self.function, self.function_words = name, " ".join(text.replace('"', "").split())[:40]

    @property
    def has_intensity(self) -> bool:
        """Whether a column is called an intensity."""
        return _has_intensity(self.names)

    def refuse_other_scan(self, source: str) -> None:
        """Refuse a scan that moved something else than two-theta, by the header's words."""
        if self._scanned and not any(moves for _, moves in self._scanned):
            raise NoPattern(
                source,
                f"it does not move two-theta (its header says {self._scanned[-1][0]!r}); measure "
                "two-theta, or remove that line if it is wrong",
            )

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
            if not is_same_beam(value, values[0]):
                return values[0], value
        return None

    def facts(self) -> HeaderFacts:
        """What goes into a scan: axis, wavelength, and what contradicts itself."""
        beam = self.contradiction
        return {
            "axis": self.axis,
            "words": self.words,
            "wavelength": self.wavelength,
            "mentioned": self.mentioned,
            "other_words": self.other_words,
            "other_wavelength": None if beam is None else beam[1],
        }

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
            behind = _SECOND.match(text, found.end("value"))
            unit = groups.get("inside") or groups["unit"] or ""
            if behind and behind["own"] and not _LENGTHS.fullmatch(unit):
                unit = behind["own"]
            elif behind and not _LENGTHS.fullmatch(unit):
                unit = ""  # words between the two
            value = _in_angstrom(groups["value"], unit)
            line = groups.get("before") or groups.get("after") or groups.get("then") or ""
            second = _in_angstrom(behind["second"], unit) if behind else None
            if value is not None and behind and second and value < second < 1.02 * value:
                self._waves += [("1", value), ("2", second)]
                if behind["ratio"]:
                    self._waves.append(("ratio", float(behind["ratio"])))
            elif value is not None and line != "beta":
                self._waves.append((line or "wavelength", value))
        ratio = _RATIO.search(text)
        if ratio and _OF_LINES.search(text):
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
    text = text.strip(" ()[]{}\"':").lower().replace("\\", "").replace("$", "")
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
    """Names of the columns from the line above them; None where it is no row of names.

    As many names as columns, of which the first is that of an axis or another that of
    an intensity.
    """
    line = label.strip("#!%'/* \r\n").lstrip(";")
    for separator in ("\t", ";", ","):
        if separator in line:
            names = [name.strip(" \"'") for name in line.split(separator)]
            # Titles have commas, but hardly tabs or semicolons.
            columns = separator != "," and role_of(names[0]) == "axis"
            if len(names) == width and (columns or _are_names(names)):
                return names
    text = _plain(label)
    span = _first_label(text)
    rest = re.sub(r" [(\[][^)\]]*[)\]]", "", text[span:])  # I (a.u.) is one name
    names = [name for name in re.split(r"[ ,;]+", rest) if name]
    names = [text[:span], *names] if span else names
    return names if len(names) == width and _are_names(names) else None


def _has_intensity(names: list[str] | None) -> bool:
    return names is not None and "intensity" in map(role_of, names)


def _are_names(names: list[str]) -> bool:
    roles = [role_of(name) for name in names]
    if any(name.endswith((":", "=")) for name in names):
        return False
    if "intensity" in roles[1:] or roles[0] == "intensity":
        return True
    return roles[0] == "axis" and axis_named(names[0]) not in ("other", "q?", "d?")


def _first_label(text: str) -> int:
    """Length of the label, with its unit, that begins a line; 0 where none does."""
    for pattern in _NAME.values():
        name = pattern.match(text)
        if name:
            more = re.match(r" (?:angle|axis|vector)", text[name.end() :], re.IGNORECASE)
            end = name.end() + (more.end() if more else 0)
            unit = _UNIT.match(text[end:])
            if unit and (unit["round"] or unit["square"] or unit_of(_inside(unit))):
                return end + unit.end()
            tail = re.match(r"_\S*", text[end:])  # r_mm
            return end + (tail.end() if tail else 0)
    return 0


def _abscissa(text: str) -> tuple[str, str]:
    """What begins a line, ``q``, ``r``, another label or nothing, and what follows it."""
    span = _first_label(text)
    found = _label(text) if span else None
    if found is None:
        return "", text
    kind = "r" if found[0] == "other" and text[:1] in "rR" and "theta" not in text else found[0]
    return kind, text[span:].lstrip(" \t,;|\"'")


def role_of(name: str) -> str:
    """What a column is by its name: axis, intensity, error or unknown."""
    if function_named(name, ""):
        return "unknown"
    for bare in (name.strip(), re.sub(r" ?[(\[/].*", "", name).strip()):
        if _ERROR.fullmatch(bare):
            return "error"
        if _INTENSITY.fullmatch(bare):
            return "intensity"
    kind = axis_named(name)
    return "axis" if kind is not None else "unknown"


def _plain(line: str) -> str:
    """A line in short: without comment marks and TeX, with single blanks."""
    line = line[:_MAX_LINE]
    if "$" in line:
        line = re.sub(r"[${}]", "", line.replace("\\AA", "Å").replace("\\theta", "theta"))
    text = re.sub(r"[ \u00a0\r]+", " ", line).strip(_MARKS)
    return _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text


def _label(text: str) -> tuple[str, str | None] | None:
    """Kind and unit (None where it has none) of the label that begins a line."""
    for kind, pattern in _NAME.items():
        name = pattern.match(text)
        if name is None:
            continue
        rest = text[name.end() :]
        if kind == "two_theta" and re.match(r" ?\[ ?°", rest):
            return kind, "deg"
        if re.match(r" ?[(\[] ?(?:2 ?-?theta|2θ|two.?theta|tth)", rest, re.IGNORECASE):
            return ("two_theta", None) if kind in ("two_theta", "other") else None
        unit = _UNIT.match(rest)
        if unit is not None:
            known = unit_of(_inside(unit))
            if known:
                # With its unit it is a label, whatever follows.
                return (kind, known) if kind != "other" else (kind, "strange")
            strange = re.match(r"m ?rad|µ ?rad|centi", _inside(unit), re.IGNORECASE)
            if kind == "two_theta" and strange:
                return "other", "strange"
        return kind, None
    return None


def _inside(unit: re.Match[str]) -> str:
    """Words of a unit, without its brackets."""
    return next((group for group in unit.groups() if group is not None), "")


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

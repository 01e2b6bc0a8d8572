"""XML and zip archives, read with distrust: nothing is expanded beyond a limit."""

from __future__ import annotations

import contextlib
import io
import re
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Iterator

from ._scan import PatternError

__all__ = [
    "Archive",
    "children",
    "find_all",
    "local",
    "number_of",
    "parse_xml",
    "parse_xml_prefix",
    "text_of",
    "wavelength_of",
]

MAX_XML = 12 * 2**20
_BROKEN = (ET.ParseError, ValueError, LookupError, RecursionError)
_DECLARED = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


class Archive:
    """A zip archive whose members are unpacked up to a limit, all together."""

    def __init__(self, source: str, raw: bytes) -> None:
        self.source = source
        self._left = 2 * MAX_XML
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(raw))
            self.names = self._zip.namelist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise PatternError(source, "is a damaged zip archive; copy it again") from None

    def read(self, name: str) -> bytes:
        """Content of a member."""
        try:
            with self._zip.open(name) as member:
                content = member.read(min(MAX_XML, self._left) + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            ValueError,
            KeyError,
            RuntimeError,  # an encrypted member; NotImplementedError is one too
        ) as error:
            raise PatternError(
                self.source,
                f"its part {name[:60]!r} cannot be unpacked ({str(error)[:80]}); copy it again",
            ) from None
        self._left -= len(content)
        if len(content) > MAX_XML or self._left < 0:
            raise PatternError(self.source, f"its part {name[:60]!r} is too large for a pattern")
        return content


def parse_xml(source: str, raw: bytes, what: str = "it") -> ET.Element:
    """Root of an XML document that declares no entities."""
    try:
        return ET.fromstring(_plain_xml(source, raw, what))
    except _BROKEN as error:
        raise PatternError(
            source, f"{what} is damaged XML ({error}), or not XML; copy it again"
        ) from None


def parse_xml_prefix(source: str, raw: bytes) -> tuple[ET.Element, bool]:
    """Root of an XML document, and whether it stops before its end.

    What is there up to the cut is below the root; elements that are not closed are
    there without what they would hold at last.
    """
    raw = _plain_xml(source, raw, "it")
    try:
        return ET.fromstring(raw), False
    except _BROKEN as error:
        refusal = PatternError(source, f"is damaged XML ({error}), or not XML; copy it again")
    if re.search(rb"</\s*[\w:]*xrdMeasurements\s*>\s*$", raw[-200:]):
        raise refusal from None  # its end is there: it is damaged, not cut
    path: list[ET.Element] = []  # elements that are open
    root: ET.Element | None = None
    with contextlib.suppress(*_BROKEN):
        for event, element in ET.iterparse(io.BytesIO(raw), events=("start", "end")):
            if event == "start":
                root = element if root is None else root
                path.append(element)
            else:
                path.pop()
    if root is None:
        raise refusal
    if len(path) > 1 and not len(path[-1]):
        path[-2].remove(path[-1])  # its text is cut
    return root, True


def _plain_xml(source: str, raw: bytes, what: str) -> bytes:
    if len(raw) > MAX_XML:
        raise PatternError(source, f"{what} is too large for the XML of a pattern")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = raw.decode("utf-16", errors="replace")
        raw = re.sub(r"^<\?xml[^>]*\?>", "", text.lstrip("\ufeff")).encode()
    if _DECLARED.search(raw) or b"\0" in raw:
        raise PatternError(source, f"{what} is not the XML of a diffractometer")
    return raw


def local(element: ET.Element) -> str:
    """Name of an element without its namespace, which changes with the version."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: ET.Element, name: str) -> Iterator[ET.Element]:
    """Elements of a name right below one, in any namespace."""
    return (child for child in element if local(child) == name)


def find_all(element: ET.Element, name: str) -> Iterator[ET.Element]:
    """All elements of a name below one, in any namespace."""
    return (child for child in element.iter() if local(child) == name)


def text_of(element: ET.Element, name: str) -> str | None:
    """Text, or else the attribute ``Value``, of the first element of a name."""
    for child in find_all(element, name):
        text = (child.text or "").strip() or child.get("Value", "").strip()
        return text or None
    return None


def number_of(element: ET.Element, name: str) -> float | None:
    """Number in the first element of a name."""
    try:
        return float(text_of(element, name) or "")
    except ValueError:
        return None


def wavelength_of(element: ET.Element, name: str) -> float | None:
    """Wavelength in Angstrom in the first element of a name, which brings its unit."""
    value = number_of(element, name)
    for child in find_all(element, name):
        unit = (child.get("unit") or child.get("Unit") or "A").strip().lower()
        if value is None or unit == "nm":
            return None if value is None else 10.0 * value
        return value if unit in ("å", "a") or unit.startswith("ang") else None
    return None

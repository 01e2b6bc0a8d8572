"""Which format a file has, by its content, and which reader reads it."""

from __future__ import annotations

from collections.abc import Sequence

from ._apart import read_apart
from ._bruker import is_brml, read_brml
from ._gsas import is_gsas, read_gsas
from ._members import Archive
from ._pdcif import is_cif, read_cif
from ._philips import is_rd, is_udf, is_x00, read_rd, read_udf, read_x00
from ._rigaku import is_asc, is_ras, is_rasx, read_asc, read_ras, read_rasx
from ._rigaku_raw import is_rigaku_raw, read_rigaku_raw
from ._scan import Columns, NoPattern, PatternError, Scan
from ._siemens import is_raw, read_raw
from ._spreadsheet import is_spreadsheet, read_spreadsheet
from ._steps import is_cpi, is_mdi, read_cpi, read_mdi, read_stepped, steps_of
from ._stoe import is_stoe, read_stoe
from ._text import lines_of, read_columns
from ._uxd import is_uxd, read_uxd
from ._xrdml import read_xrdml

__all__ = ["read_scans"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_IMAGE = "is an image; integrate it first, with pyFAI say, and give the pattern"
_NO_PATTERNS = {  # by what they begin with
    b"II*\0": _IMAGE,
    b"MM\0*": _IMAGE,
    b"\x89PNG": _IMAGE,
    b"\xff\xd8\xff": _IMAGE,
    b"GIF8": _IMAGE,
    b"###CBF": _IMAGE,
    b"{\nHEADER_BYTES": _IMAGE,
    b"%PDF-": "is a PDF document; export the pattern as columns of text",
}
_XML_UTF_16 = ("<?".encode("utf-16-le"), "<?".encode("utf-16-be"))  # behind the mark
_TABLES = ("HDF5", "Excel", "powder CIF", "text")  # whose columns a caller may choose

_Scans = Sequence[Scan | NoPattern]
_BINARY = (  # what tells a format, its name, its reader
    (is_raw, "Bruker RAW", read_raw),
    (is_stoe, "STOE RAW", read_stoe),
    (is_rd, "Philips RD", read_rd),
    (is_rigaku_raw, "Rigaku RAW", read_rigaku_raw),
)
_LINES = (
    (is_ras, "Rigaku RAS", read_ras),
    (is_asc, "Rigaku ASC", read_asc),
    (is_uxd, "Bruker UXD", read_uxd),
    (is_udf, "Philips UDF", read_udf),
    (is_x00, "Philips X00", read_x00),
    (is_gsas, "GSAS", read_gsas),
    (is_mdi, "MDI", read_mdi),
    (is_cpi, "Sietronics CPI", read_cpi),
)


def read_scans(source: str, raw: bytes, columns: Columns | None) -> tuple[str, _Scans]:
    """Format of a file, and its scans.

    Parameters
    ----------
    source : str
    raw : bytes
    columns : tuple of int or str, or None
        Columns that a caller asks for, of a table.
    """
    kind, scans = _read(source, raw, columns)
    if columns is not None and kind not in _TABLES:
        raise PatternError(
            source,
            f"is a {kind} file, which says itself what is what; leave columns= (--columns) out",
        )
    return kind, scans


def _read(source: str, raw: bytes, columns: Columns | None) -> tuple[str, _Scans]:
    if raw.startswith(_HDF5):
        return "NeXus" if columns is None else "HDF5", read_apart(source, raw, columns)
    if raw.startswith(_ZIP):
        return _read_archive(source, raw, columns)
    for tells, kind, read in _BINARY:
        if tells(raw):
            return kind, read(source, raw)
    if raw.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<" or raw[2:6] in _XML_UTF_16:
        return "PANalytical XRDML", read_xrdml(source, raw)
    if raw.startswith(_OLE):
        raise PatternError(
            source,
            "is a file of an old Office program (.xls), or a workbook with a password; save it "
            "as .xlsx without one, or as columns of text (.csv)",
        )
    for begins, what in _NO_PATTERNS.items():
        if raw.startswith(begins):
            raise PatternError(source, what)
    lines = lines_of(source, raw)
    for is_it, kind, read_lines in _LINES:
        if is_it(lines):
            return kind, read_lines(source, lines)
    if is_cif(lines):
        return "powder CIF", read_cif(source, lines, columns)
    steps = steps_of(lines) if columns is None else None
    if steps is not None:
        return "DBWS", read_stepped(source, lines, steps)
    return "text", read_columns(source, lines, columns)


def _read_archive(source: str, raw: bytes, columns: Columns | None) -> tuple[str, _Scans]:
    archive = Archive(source, raw)
    if is_brml(archive.names):
        return "Bruker BRML", read_brml(source, archive)
    if is_rasx(archive.names):
        return "Rigaku RASX", read_rasx(source, archive)
    if is_spreadsheet(archive.names):
        return "Excel", read_spreadsheet(source, raw, archive, columns)
    named = ", ".join(name[:40] for name in archive.names[:4])
    named += ", ..." if len(archive.names) > 4 else ""
    raise PatternError(
        source,
        f"is a zip archive without a pattern of a known format ({named or 'empty'}); unpack it "
        "first, and give the pattern that it holds",
    )

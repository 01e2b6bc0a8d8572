"""What a reader hands over: the scans of a file, and what the file says of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from .._typing import FloatArray
from ..instruments.radiation import ANODES, K_ALPHA_RATIO, k_alpha_mean

__all__ = [
    "MAX_POINTS",
    "MAX_SCANS",
    "Columns",
    "NoPattern",
    "PatternError",
    "PatternWarning",
    "Scan",
    "Wavelength",
    "doublet",
    "has_decimal_commas",
    "label_of",
    "numbers",
    "of_a_tube",
    "read_each",
    "separating_crystal",
    "stopped",
]

_Part = TypeVar("_Part")

Columns: TypeAlias = tuple[int | str, ...]  # of a table that a caller asks for: x, y (and esd)

MAX_POINTS = 250_000
MAX_SCANS = 1000  # of a series in one file
_CRYSTAL = r"(?:Ge|Si|GaAs|InSb|InP|quartz|qz|germanium|silicon)"
_PERFECT = re.compile(
    rf"(?<![a-z]){_CRYSTAL}[ _({{\[-]*\d ?\d ?\d(?!\d)|(?<![a-z]){_CRYSTAL} mono"
    rf"|(?:\d ?[x*-]|bounce|mono\w*)[- _]?{_CRYSTAL}(?![a-z])|^{_CRYSTAL}$"
    rf"|(?<![a-z]){_CRYSTAL} ?\d ?[-x]|channel[-_ ]?cut|johan{{1,2}}s+on|hybrid[-_ ]?mono|bartels"
    r"|(?:two|four|[24])[-_ ]?bounce|(?:k[-_ ]?)?alpha[-_ ]?1[-_ ]mono|CALSA",
    re.IGNORECASE,
)
_DECIMAL_COMMAS = re.compile(r"\s*+(?:[-+]?\d++(?:,\d++)?(?:[eE][-+]?\d++)?(?:\s++|$))*+")
_MOSAIC = re.compile(r"graphite|mosaic|HOPG|detector|SDD|counter|drift|strip", re.IGNORECASE)
_SAME_LINE = 1.5e-4  # relative: closer wavelengths are one line of a tube


class PatternError(ValueError):
    """A pattern that cannot be used.

    Parameters
    ----------
    source : str
        The file, or what else the pattern is called.
    reason : str
        What is wrong and what to do, one line.
    asks : tuple of str, default=()
        Arguments of :func:`sk_qdots.read_pattern`, any of which may settle it: what the file
        does not say.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> try:
    ...     sq.read_pattern("nowhere.xy")
    ... except sq.PatternError as error:
    ...     print(error.source)
    nowhere.xy
    """

    def __init__(self, source: str, reason: str, asks: tuple[str, ...] = ()) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
        self.asks = asks

    def __reduce__(self) -> tuple[type[PatternError], tuple[str, str, tuple[str, ...]]]:
        return type(self), (self.source, self.reason, self.asks)


class NoPattern(PatternError):
    """A scan of a file that is no pattern; others of the file may be."""


class PatternWarning(UserWarning):
    """What to know of a pattern that was read nevertheless.

    Examples
    --------
    >>> import warnings
    >>> import sk_qdots as sq
    >>> warnings.simplefilter("error", sq.PatternWarning)  # refuse such patterns
    """


@dataclass(frozen=True)
class Wavelength:
    """A wavelength in Angstrom, what it is, and the lines that it is the mean of, with weights."""

    value: float
    label: str
    lines: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Scan:
    """One measurement of a file, as the file has it.

    Parameters
    ----------
    x : ndarray of shape (n,)
        Abscissa, in the file's units and order.
    intensity : ndarray of shape (n,)
    esd : ndarray of shape (n,) or None
    axis : str or None
        What the file says the abscissa is, one of ``AXES``.
    words : str
        How a header of free text says so; empty where the format itself does.
    wavelength : Wavelength or None
    instrument : str
    lines : sequence of int or None
        Line of the file that each point stands on.
    mentioned : str
        Words of a header on the wavelength, in case they were not understood.
    other_words : str
        Words of a header that say otherwise of the abscissa.
    other_wavelength : float or None
        Wavelength that a header states besides, in Angstrom.
    warnings : tuple of str
        What to tell whoever uses this scan.
    scales : tuple of float
        Factors of the ranges that it was joined of.
    name : str
        What the file calls this scan: a sheet, a data block.
    columns : tuple of str
        Which of several columns of a file were read, by their names there.
    subtracted : str
        How the file says that a background was subtracted; empty where it does not.
    time : str
        When the measurement began, as :func:`~sk_qdots.io._times.moment` tells it; empty where the
        file does not say it.
    """

    x: FloatArray
    intensity: FloatArray
    esd: FloatArray | None = None
    axis: str | None = None
    words: str = ""
    wavelength: Wavelength | None = None
    instrument: str = ""
    lines: Sequence[int] | None = None
    mentioned: str = ""
    other_words: str = ""
    other_wavelength: float | None = None
    warnings: tuple[str, ...] = ()
    scales: tuple[float, ...] = ()
    name: str = ""
    columns: tuple[str, ...] = ()
    subtracted: str = ""
    time: str = ""

    def where(self, k: int) -> str:
        """How to find a point in the file."""
        return f"point {k + 1}" if self.lines is None else f"line {self.lines[k]}"


def read_each(read: Callable[[_Part], Scan], parts: Iterable[_Part]) -> list[Scan | NoPattern]:
    """Scans of a file, with the reason in place of each that is no pattern."""
    scans: list[Scan | NoPattern] = []
    for part in parts:
        try:
            scans.append(read(part))
        except NoPattern as reason:
            scans.append(reason)
    return scans


def stopped(n_points: int, announced: int | None = None) -> str:
    """What to say of a measurement that did not come to its end."""
    many = f"{n_points} points" if announced is None else f"{n_points} of {announced} points"
    return (
        f"the measurement, or the file, stops before its end: {many} are there, and are read; "
        "copy it again if it should be complete"
    )


def doublet(
    first: float | None,
    second: float | None,
    ratio: float | None = None,
    anode: str = "",
    *,
    alone: str = "",
    note: str = "",
) -> Wavelength | None:
    """Wavelength of a tube whose K-alpha lines a file names.

    The mean of the two lines where both are in the beam, the first where only it is. The
    label says which, and by what.

    Parameters
    ----------
    first, second : float or None
        Wavelengths of K-alpha 1 and 2, in Angstrom.
    ratio : float or None
        Intensity of the second over that of the first; 0 says that it is not there.
    anode : str
    alone : str
        What the file says of the optics that let K-alpha 1 alone pass, as
        :func:`separating_crystal` finds it; empty where there are none.
    note : str
        What else bears on the decision, for the label.
    """
    if first is None or not 0.05 < first < 5.0:
        return None
    tube = f"{anode.strip()} " if anode.strip() else ""
    if not alone and ratio == 0.0:
        alone = "ratio of the lines 0"
    if second is None or not first < second < 1.02 * first:
        return Wavelength(first, f"{tube}K-alpha 1, the only line that the file gives")
    if alone:
        return Wavelength(first, f"{tube}K-alpha 1 alone ({alone[:60]})")
    given = ratio is not None and 0.0 < ratio <= 1.0
    used = ratio if given and ratio is not None else K_ALPHA_RATIO
    notes = "" if given else ", as the file gives none"
    notes += f"; {note}" if note else ""
    return Wavelength(
        k_alpha_mean(first, second, used),
        f"{tube}K-alpha mean of {first:.7g} and {second:.7g} (ratio {used:g}{notes})",
        ((first, 1.0), (second, used)),
    )


def separating_crystal(names: Iterable[str]) -> str:
    """Which of the optics of a beam path lets K-alpha 1 pass without K-alpha 2, if any does.

    A perfect crystal of germanium, silicon, quartz and the like does, before or behind the
    sample; graphite, whose blocks are tilted by more than the lines are apart, mirrors of
    layers, and detectors made of silicon do not.
    """
    return next(
        (" ".join(n.split()) for n in names if _PERFECT.search(n) and not _MOSAIC.search(n)), ""
    )


def of_a_tube(wavelength: float) -> Wavelength:
    """What a wavelength that a user gives is, where it is a line of a tube."""
    for anode, (first, second) in ANODES.items():
        mean = k_alpha_mean(first, second)
        both = ((first, 1.0), (second, K_ALPHA_RATIO))
        for name, line, lines in (
            ("K-alpha 1", first, ()),
            ("K-alpha 2", second, ()),
            ("K-alpha mean", mean, both),
        ):
            if abs(wavelength / line - 1.0) < _SAME_LINE:
                return Wavelength(wavelength, f"{anode} {name}", lines)
    return Wavelength(wavelength, "")


def label_of(wavelength: float) -> str:
    """Name of the line of a tube that has a wavelength; empty where none has."""
    return of_a_tube(wavelength).label


def has_decimal_commas(text: str) -> bool:
    """Whether the commas of a field can be nothing but decimal marks.

    Each stands between two digits, no number has two, blanks separate the numbers, and
    there is no decimal point.
    """
    return (
        "," in text
        and "." not in text
        and len(text.split(maxsplit=2)) > 1
        and _DECIMAL_COMMAS.fullmatch(text) is not None
    )


def numbers(
    source: str, text: str | None, what: str, *, decimal_comma: bool | None = None
) -> FloatArray:
    """Numbers separated by blanks or commas, of a field of a file.

    Parameters
    ----------
    source : str
    text : str or None
    what : str
        What the field is called.
    decimal_comma : bool, optional
        Whether commas are decimal marks; None to go by the field.
    """
    text = text or ""
    decimal = has_decimal_commas(text) if decimal_comma is None else decimal_comma
    fields = text.replace(",", "." if decimal else " ").split()
    if len(fields) > MAX_POINTS:
        raise PatternError(source, f"{what}: {len(fields)} numbers; a pattern has fewer")
    try:
        return np.array([float(field) for field in fields])
    except ValueError:
        raise PatternError(
            source, f"{what} holds what is no number; is the file damaged?"
        ) from None

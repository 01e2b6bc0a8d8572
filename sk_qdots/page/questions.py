"""What a form asks: how to read a pattern, and who sizes it, by the names of the command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from .._typing import JsonObject
from ..sizing.choice import COVERAGE, Choice
from ..sizing.option_values import (
    column_choice,
    coverage_level,
    fraction_range,
    miller_indices,
    number,
    probability_range,
    scan_choice,
    size_range,
)
from .errors import bad_request
from .forms import Form, Upload, clean_name

__all__ = ["FIELDS", "FILE_FIELDS", "Field", "Question", "question_from_form"]

FILE_FIELDS = ("blank", "cif", "instrument")
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def _is_asked(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _resolution(text: str) -> float:
    value = number(text)
    if not 0.0 < value <= 5.0:
        raise ValueError(f"{text!r} is no width of lines in degrees, above 0 and at most 5")
    return value


def _columns(text: str) -> tuple[int | str, ...]:
    return tuple(column_choice(text))


@dataclass(frozen=True)
class Field:
    """One field of a form.

    Parameters
    ----------
    parse : callable
        From its text; raises ValueError.
    schema : dict
        Of JSON.
    about : str
        What it is.
    """

    parse: Callable[[str], Any]
    schema: JsonObject
    about: str


_NUMBER: JsonObject = {"type": "number"}
_TEXT: JsonObject = {"type": "string"}
_BOOLEAN: JsonObject = {"type": "boolean", "default": False}

FIELDS: Mapping[str, Field] = {
    "wavelength": Field(number, _NUMBER, "in Angstrom, where the pattern does not say it"),
    "energy": Field(number, _NUMBER, "of the photons in keV, instead of it"),
    "x": Field(
        str,
        _TEXT,
        "what the axis is, where the pattern does not say it: two_theta (degrees), two_theta_rad, "
        "q (1/Angstrom), q_nm, d (Angstrom), d_nm",
    ),
    "scan": Field(scan_choice, _TEXT, "which scan of several, from 0; or sum, or join"),
    "columns": Field(_columns, _TEXT, "X,Y[,ESD]: columns of a table, by number or name"),
    "subtracted": Field(_is_asked, _BOOLEAN, "whether a background was subtracted before"),
    "if_missing": Field(
        _is_asked,
        _BOOLEAN,
        "whether wavelength, energy, x, scan and subtracted count only where the pattern itself "
        "leaves them open",
    ),
    "sizer": Field(str, _TEXT, "name of a trained sizer, of GET /api/sizers; its first by default"),
    "fast": Field(_is_asked, _BOOLEAN, "whether the network of a trained sizer answers alone"),
    "crystal": Field(str, _TEXT, "instead of a sizer: name of a built-in crystal"),
    "block": Field(str, _TEXT, "data block of the CIF"),
    "diameters": Field(size_range, _TEXT, "of a crystal: LOW:HIGH in nm"),
    "dispersions": Field(fraction_range, _TEXT, "of a crystal: LOW:HIGH, fractions"),
    "strains": Field(fraction_range, _TEXT, "of a crystal: LOW:HIGH, fractions"),
    "stacking": Field(probability_range, _TEXT, "of a crystal: LOW:HIGH, probabilities of faults"),
    "free": Field(_is_asked, _BOOLEAN, "of a crystal: a size distribution without a form"),
    "texture": Field(_is_asked, _BOOLEAN, "of a crystal: grains prefer an orientation"),
    "facet": Field(miller_indices, _TEXT, "of a crystal: H,K,L that grains lie on"),
    "instrument": Field(str, _TEXT, "name of an instrument, of GET /api/sizers"),
    "resolution": Field(
        _resolution, _NUMBER, "width of the lines of the instrument, degrees, instead of it"
    ),
    "coverage": Field(coverage_level, {"type": "number", "default": COVERAGE}, "of the intervals"),
}
_OF_A_CHOICE = (
    *("fast", "crystal", "block", "diameters", "dispersions", "strains", "stacking"),
    *("free", "texture", "facet"),
)


@dataclass(frozen=True)
class Question:
    """How a pattern is read, and who sizes it.

    Parameters
    ----------
    choice : Choice
    wavelength, energy, x, scan, columns, subtracted
        As :func:`sk_qdots.read_pattern` takes them.
    if_missing : bool
        Whether these count only where a pattern leaves them open.
    instrument : str or None
        Name, or the file that was sent.
    resolution : float or None
        Instead: width of its lines in degrees.
    coverage : float
    brought : tuple of (str, str, str)
        Of each file besides the pattern: field, name and SHA-256.
    """

    choice: Choice = field(default_factory=Choice)
    wavelength: float | None = None
    energy: float | None = None
    x: str | None = None
    scan: int | Literal["sum", "join"] | None = None
    columns: tuple[int | str, ...] | None = None
    subtracted: bool = False
    if_missing: bool = False
    instrument: str | None = None
    resolution: float | None = None
    coverage: float = COVERAGE
    brought: tuple[tuple[str, str, str], ...] = ()

    @property
    def reading(self) -> dict[str, Any]:
        """What :func:`sk_qdots.read_pattern` is told."""
        return {
            "wavelength": self.wavelength,
            "energy": self.energy,
            "x": self.x,
            "scan": self.scan,
            "columns": self.columns,
            "subtracted": self.subtracted,
        }

    def only(self, asks: tuple[str, ...]) -> Question:
        """The same with nothing said but what is asked for.

        Parameters
        ----------
        asks : tuple of str
            Arguments of :func:`sk_qdots.read_pattern`.

        Returns
        -------
        Question
        """
        beam = "wavelength" in asks
        return replace(
            self,
            wavelength=self.wavelength if beam else None,
            energy=self.energy if beam else None,
            x=self.x if "x" in asks else None,
            scan=self.scan if "scan" in asks else None,
            subtracted=self.subtracted and "subtracted" in asks,
            if_missing=False,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """What the sizers depend on: files by their content."""
        digests = {field: digest for field, _, digest in self.brought}
        told = asdict(replace(self.choice, cif=None, blank=None))
        return (digests.get("cif"), digests.get("blank"), *told.items())

    @property
    def names(self) -> dict[str, str]:
        """What files are called, by where they are kept."""
        places = {"cif": self.choice.cif, "blank": self.choice.blank, "instrument": self.instrument}
        return {str(places[field]): name for field, name, _ in self.brought}


def question_from_form(form: Form, sizers: Mapping[str, str], instruments: list[str]) -> Question:
    """What a form asks.

    Parameters
    ----------
    form : Form
    sizers : mapping of str to str
        Folders of trained sizers by their names.
    instruments : list of str
        Names of instruments.

    Returns
    -------
    Question

    Raises
    ------
    RequestError
        If a field is not known, a value cannot be, or fields contradict each other.
    """
    values = {name: _value(name, text) for name, text in form.texts.items() if text.strip()}
    model = values.pop("sizer", None)
    if model is not None and model not in sizers:
        raise bad_request(f"there is no sizer {clean_name(model)!r}; known are {', '.join(sizers)}")
    of_choice = {name: values.pop(name) for name in _OF_A_CHOICE if name in values}
    files = form.files
    if sum(map(bool, (model, of_choice.get("crystal"), files.get("cif")))) > 1:
        raise bad_request("give one of sizer, crystal and cif")
    if values.get("wavelength") is not None and values.get("energy") is not None:
        raise bad_request("wavelength and energy are both given; give one of them")
    given = values.get("instrument")
    if given is not None and given not in instruments:
        raise bad_request(
            f"there is no instrument {clean_name(given)!r}; known are {', '.join(instruments)}, or "
            "send its file"
        )
    if sum(map(bool, (given, files.get("instrument"), values.get("resolution")))) > 1:
        raise bad_request("give one of instrument and resolution")
    if "instrument" in files:
        values["instrument"] = str(files["instrument"].path)
    if model is None and not of_choice.get("crystal") and "cif" not in files:
        model = next(iter(sizers), None)
    choice = Choice(
        model=None if model is None else sizers[model],
        cif=_path(files.get("cif")),
        called=_crystal_name(files.get("cif")),
        blank=_path(files.get("blank")),
        x=values.get("x"),
        **of_choice,
    )
    brought = tuple((field, one.name, one.sha256) for field, one in sorted(files.items()))
    return Question(choice=choice, brought=brought, **values)


def _value(name: str, text: str) -> Any:
    if name not in FIELDS:
        known = ", ".join(["file", *FIELDS, *FILE_FIELDS[:-1]])
        raise bad_request(f"{clean_name(name)!r} is no field; known are {known}")
    try:
        return FIELDS[name].parse(text.strip())
    except ValueError as error:
        raise bad_request(f"{name}: {error}") from None


def _path(upload: Upload | None) -> str | None:
    return None if upload is None else str(upload.path)


def _crystal_name(upload: Upload | None) -> str | None:
    """What a sizer of the crystal may be called."""
    if upload is None:
        return None
    stem = upload.name.rpartition(".")[0] or upload.name
    kept = "".join(c if c.isascii() and (c.isalnum() or c in " .+()-_") else "_" for c in stem)
    return kept[:60].strip() or "crystal"

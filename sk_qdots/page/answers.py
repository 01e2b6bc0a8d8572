"""One pattern, read and sized as a form asks; in a process of its own."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from ..instruments import Instrument
from ..io import PatternError, PatternWarning, read_pattern
from ..sizing import Sizer, Sizing
from ..sizing.choosing import Sizers
from ..sizing.instruments import named_instrument, read_at_the_beam
from .errors import bad_request, without_paths
from .questions import Question

__all__ = ["Answer", "Asked", "Refusal"]

_MOST_KEPT = 3  # choices of sizers
_KEPT: OrderedDict[tuple[object, ...], Sizers] = OrderedDict()
_LARGEST_INSTRUMENT = 2**20  # bytes


class Refusal(Exception):
    """A pattern that gets no size.

    Parameters
    ----------
    reason : str
    asks : tuple of str
        Fields that may settle it.
    pattern : DataArray or None
        What was read.
    """

    def __init__(
        self, reason: str, asks: tuple[str, ...] = (), pattern: xr.DataArray | None = None
    ) -> None:
        super().__init__(reason)
        self.reason, self.asks, self.pattern = reason, asks, pattern


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer with what it takes to draw it.

    Parameters
    ----------
    sizing : Sizing
    sizer : Sizer
    pattern : DataArray
    notes : tuple of str
        What was warned of while it was read.
    question : Question
        That was answered: without what the pattern says itself.
    """

    sizing: Sizing
    sizer: Sizer
    pattern: xr.DataArray
    notes: tuple[str, ...]
    question: Question


class Asked:
    """Who answers a question; an asker of :func:`sk_qdots.sizing.frames.sized_frames`, too.

    Parameters
    ----------
    question : Question
    path : str
        Where the pattern is.
    name : str
        What it is called.

    Attributes
    ----------
    asks : tuple of str
        What a pattern left open that could not be read.

    Raises
    ------
    RequestError
        If there is no such sizer, crystal or instrument.
    """

    def __init__(self, question: Question, path: str, name: str) -> None:
        self.question, self._path, self.name = question, path, name
        self.asks: tuple[str, ...] = ()
        self._names = {**question.names, path: name}
        try:
            self.sizers = _sizers(question)
            self._instrument = _instrument(question)
        except ValueError as error:
            raise bad_request(self._named(str(error))) from None

    def read(self, item: object = None) -> xr.DataArray:
        """The pattern; raises ValueError where there is none."""
        try:
            pattern = self._read()
        except PatternError as error:
            self.asks = error.asks
            raise PatternError(self.name, self._named(error.reason), error.asks) from None
        return pattern.assign_attrs(source=self.name)

    def _read(self) -> xr.DataArray:
        """The pattern, with as little said of it as it needs."""
        asked = self.question
        if not asked.if_missing:
            return self._read_as(asked)
        tried: set[Question] = set()
        open_points: tuple[str, ...] = ()
        while True:
            told = asked.only(open_points)
            tried.add(told)
            try:
                pattern = self._read_as(told)
            except PatternError as error:
                open_points = tuple({*open_points, *error.asks})
                if "x" in open_points:  # an axis of angles needs the wavelength, too
                    open_points = (*open_points, "wavelength")
                if asked.only(open_points) in tried:
                    raise
                continue
            self.question = told
            return pattern

    def _read_as(self, question: Question) -> xr.DataArray:
        if question.resolution is None:
            return read_at_the_beam(self._path, self._instrument, question.reading)
        return read_pattern(self._path, **question.reading)

    def size(self, item: object, pattern: xr.DataArray) -> Sizing:
        """The answer; raises ValueError where it is refused."""
        return self._size(pattern)[0]

    def answer(self) -> Answer:
        """The answer with everything; raises Refusal."""
        pattern = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                pattern = self.read()
                sizing, sizer = self._size(pattern)
            except PatternError as error:
                raise Refusal(self._named(error.reason), error.asks, pattern) from None
            except (ValueError, ArithmeticError) as error:
                raise Refusal(self._named(str(error)), (), pattern) from None
        notes = [str(one.message) for one in caught if issubclass(one.category, PatternWarning)]
        return Answer(sizing, sizer, pattern, tuple(map(self._named, notes)), self.question)

    def _size(self, pattern: xr.DataArray) -> tuple[Sizing, Sizer]:
        instrument = self._instrument_of(pattern)
        sizer = self.sizers.of(pattern, instrument)
        coverage = self.question.coverage
        return sizer.size(pattern, instrument, engine=self.sizers.engine, coverage=coverage), sizer

    def _instrument_of(self, pattern: xr.DataArray) -> Instrument | None:
        width = self.question.resolution
        if width is None:
            return self._instrument
        beam = pattern.attrs.get("wavelength")
        if beam is None:
            raise PatternError(
                self.name,
                "a width of lines in degrees belongs to a wavelength: give it (--wavelength)",
                ("wavelength",),
            )
        return Instrument(wavelengths=(float(beam),), w=width**2, name=f"lines of {width:g} deg")

    def _named(self, text: str) -> str:
        return without_paths(text, self._names)


def _sizers(question: Question) -> Sizers:
    """The sizers of a choice, those of the last ones kept."""
    found = _KEPT.pop(question.key, None)
    if found is None:
        found = Sizers(question.choice)
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.popitem(last=False)
    found.choice = question.choice  # files of this request, which are there now
    _KEPT[question.key] = found
    return found


def _instrument(question: Question) -> Instrument | None:
    from ..instruments.ready import at_wavelength
    from ..simulation.scattering_factors import HC_KEV_ANGSTROM

    if question.instrument is None:
        return None
    brought = {field: name for field, name, _ in question.brought}
    if "instrument" not in brought:
        found = named_instrument(question.instrument)
    else:
        found = _sent_instrument(Path(question.instrument), brought["instrument"])
    beam = question.wavelength
    if question.energy is not None and question.energy > 0.0:
        beam = HC_KEV_ANGSTROM / question.energy
    return found if beam is None else at_wavelength(found, beam)


def _sent_instrument(path: Path, name: str) -> Instrument:
    """The instrument of a file, whose name tells what it is."""
    if path.stat().st_size > _LARGEST_INSTRUMENT:
        raise ValueError(f"{path}: is larger than an instrument is")
    ending = Path(name).suffix.lower()
    named = path.with_suffix(ending if ending in (".instprm", ".irf") else ".json")
    if named != path and not named.exists():
        named.write_bytes(path.read_bytes())
    try:
        found = named_instrument(named)
    except ValueError as error:
        raise ValueError(str(error).replace(str(named), str(path))) from None
    return found.replace(name=Path(name).stem) if found.name in ("", named.stem) else found

"""Who is asked: a trained one, or one that is made for the beam of a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ..io import PatternError
from ..preprocessing.patterns import wavelength_of
from ..simulation import Crystal
from ..solvents import read_solvent
from .choice import Choice
from .engines import PatternEngine
from .instruments import at_the_beam
from .loading import load_sizer
from .making import make_sizer
from .posterior_engine import PosteriorEngine
from .sizer import Sizer

if TYPE_CHECKING:
    import xarray as xr

    from ..instruments import Instrument

__all__ = ["Sizers"]

# What only sizers have that are made.
_ONLY_MADE = (
    *("block", "blank", "diameters", "dispersions", "strains"),
    *("stacking", "texture", "facet", "free"),
)
_MOST_MADE = 12  # of one choice, for beams and instruments


class Sizers:
    """The sizer of each pattern.

    Parameters
    ----------
    choice : Choice

    Raises
    ------
    ValueError
        If there is no such sizer or crystal, or what is asked for contradicts itself.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._crystal: Crystal | None = None
        self._made: dict[str, Sizer] = {}
        if choice.crystal is None and choice.cif is None:
            given = [name for name in _ONLY_MADE if getattr(choice, name)]
            if given:
                raise ValueError(f"--{given[0]} belongs to --crystal or --cif; give one of them")
            self._trained: Sizer | None = load_sizer(choice.model or "PbS")
            self.name, self.targets = self._trained.name, self._trained.targets
        else:
            if choice.fast:
                raise ValueError(
                    "--fast asks the network of a trained sizer, which --crystal and --cif have "
                    "none of; leave one of them out"
                )
            self._trained = None
            self._crystal = _crystal(choice)
            assert self._crystal is not None
            self.name, self.targets = self._crystal.name, PosteriorEngine.targets

    @property
    def engine(self) -> Literal["both", "network"]:
        """Who answers."""
        return "network" if self.choice.fast else "both"

    @property
    def fits(self) -> bool:
        """Whether answers have a fit."""
        if self._trained is None:
            return True
        return self.engine == "both" and any(
            isinstance(one, PatternEngine) for one in self._trained.engines
        )

    def of(self, pattern: xr.DataArray, instrument: Instrument | None) -> Sizer:
        """The sizer for a pattern and the instrument that it was measured with.

        Raises
        ------
        ValueError
            If none can be made.
        """
        if self._trained is not None:
            return self._trained
        assert self._crystal is not None
        choice = self.choice
        if instrument is not None:
            instrument = at_the_beam(pattern, instrument)
        beam = wavelength_of(pattern) if instrument is None else instrument.wavelength
        # Headers of a beamline drift in the last digits: a sizer serves them all.
        # A blank was measured at one wavelength, and says so.
        place = "" if beam is None else f"{beam:.3g}" if choice.blank is None else f"{beam:.6g}"
        key = place if instrument is None else f"{place} {instrument.to_json()}"
        if key not in self._made:
            if len(self._made) >= _MOST_MADE:
                self._made.pop(next(iter(self._made)))
            self._made[key] = make_sizer(
                self._crystal,
                diameters=choice.diameters,
                dispersions=choice.dispersions,
                strains=choice.strains,
                distribution="free" if choice.free else "lognormal",
                wavelength=beam,
                instrument=instrument,
                blank=self._blank(beam),
                texture=choice.texture or "auto",
                facet=choice.facet,
                stacking=choice.stacking,
                progress=choice.progress,
            )
        return self._made[key]

    def _blank(self, beam: float | None) -> xr.DataArray | None:
        """The blank, at the wavelength of the patterns where nothing else says it."""
        choice = self.choice
        if choice.blank is None:
            return None
        try:
            return read_solvent(choice.blank, x=choice.x)
        except PatternError as first:
            if beam is None:
                raise ValueError(f"--blank {first}") from None
        try:
            return read_solvent(choice.blank, wavelength=beam, x=choice.x)
        except PatternError as error:
            raise ValueError(f"--blank {error}") from None


def _crystal(choice: Choice) -> Crystal | None:
    """The crystal that is asked for; None where it is a trained sizer."""
    if choice.cif is not None:
        return Crystal.from_cif(choice.cif, name=choice.called, block=choice.block)
    if choice.block is not None:
        raise ValueError("--block names a data block of a CIF; give the CIF with --cif")
    return None if choice.crystal is None else Crystal.builtin(choice.crystal)

"""Which sizer ``sk-qdots size`` asks: a trained one, or one that is made for the beam of a file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Literal

from ._words import asked_crystal, number

if TYPE_CHECKING:
    import xarray as xr

    from ..instruments import Instrument
    from ..simulation import Crystal
    from ..sizing import Sizer

__all__ = ["Sizers", "add_sizers"]

# Options of what is made.
_ONLY_MADE = (
    *("block", "blank", "diameters", "dispersions", "strains"),
    *("stacking", "texture", "facet", "free"),
)


def add_sizers(size: argparse.ArgumentParser) -> None:
    """Let the command ask for a sizer."""
    which = size.add_mutually_exclusive_group()
    which.add_argument("--model", metavar="NAME|PATH", help="trained sizer to use (default: PbS)")
    which.add_argument(
        "--crystal",
        metavar="NAME",
        help="instead of a trained sizer: the name of a built-in crystal. Its patterns are "
        "simulated (seconds; kept for the next time) and fitted",
    )
    which.add_argument("--cif", metavar="FILE", help="the same with the crystal of a CIF")
    size.add_argument(
        "--fast",
        action="store_true",
        help="of a trained sizer the network alone, in milliseconds: without it the pattern is "
        "fitted, too, and both are told as one answer",
    )
    size.add_argument(
        "--block", metavar="NAME", help="data block of the CIF, where several hold a crystal"
    )
    size.add_argument(
        "--blank",
        metavar="FILE",
        help="with --crystal or --cif: the pure liquid or the empty capillary, measured in the "
        "same way",
    )
    size.add_argument(
        "--diameters",
        type=_ends,
        metavar="LOW:HIGH",
        help="with --crystal or --cif: lowest and highest number average in nm (default: 1.5:10)",
    )
    size.add_argument(
        "--dispersions",
        type=_fractions,
        metavar="LOW:HIGH",
        help="the same of standard deviation / mean (default: 0.03:0.25)",
    )
    size.add_argument(
        "--strains",
        type=_fractions,
        metavar="LOW:HIGH",
        help="the same of the strain (a - a_bulk) / a_bulk; --strains=-0.02:0.01, with the sign of "
        "equality before a minus",
    )
    size.add_argument(
        "--free",
        action="store_true",
        help="with --crystal or --cif: a size distribution without a form, not a lognormal",
    )
    orientation = size.add_mutually_exclusive_group()
    orientation.add_argument(
        "--texture",
        action="store_true",
        help="with --crystal or --cif: the grains prefer an orientation, any",
    )
    orientation.add_argument(
        "--facet",
        type=_miller_indices,
        metavar="H,K,L",
        help="with --crystal or --cif: the grains prefer to lie on these facets, by the function "
        "of March and Dollase; --facet=-1,1,0, with the sign of equality before a minus",
    )
    size.add_argument(
        "--stacking",
        type=_probabilities,
        nargs="?",
        const=(0.0, 1.0),
        metavar="LOW:HIGH",
        help="with --crystal or --cif: close-packed layers may be faulted, with probabilities of "
        "hexagonal ones between these (0:1 where none are given: from cubic to hexagonal)",
    )


def _ends(text: str) -> tuple[float, float]:
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not 0.0 < parts[0] < parts[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW:HIGH in nm, such as 2:8")
    return parts[0], parts[1]


def _miller_indices(text: str) -> tuple[int, int, int]:
    try:
        h, k, m = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not H,K,L, such as 1,0,0") from None
    if not (h or k or m):
        raise argparse.ArgumentTypeError("0,0,0 is no facet; give one such as 1,0,0")
    return h, k, m


def _fractions(text: str) -> tuple[float, float]:
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not -0.5 < parts[0] < parts[1] <= 1.0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not LOW:HIGH in fractions (no percent), such as 0.05:0.4"
        )
    return parts[0], parts[1]


def _probabilities(text: str) -> tuple[float, float]:
    parts = [number(part) for part in text.split(":")]
    if len(parts) != 2 or not 0.0 <= parts[0] < parts[1] <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW:HIGH from 0 to 1, such as 0:0.5")
    return parts[0], parts[1]


class Sizers:
    """The sizer of each pattern.

    Parameters
    ----------
    options : Namespace
        Of the command.

    Raises
    ------
    ValueError
        If there is no such sizer or crystal, or options contradict each other.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._crystal: Crystal | None = None
        self._made: dict[str, Sizer] = {}
        if options.crystal is None and options.cif is None:
            given = [name for name in _ONLY_MADE if getattr(options, name)]
            if given:
                raise ValueError(f"--{given[0]} belongs to --crystal or --cif; give one of them")
            from ..sizing import load_sizer

            self._trained: Sizer | None = load_sizer(options.model or "PbS")
            self.name, self.targets = self._trained.name, self._trained.targets
        else:
            if options.fast:
                raise ValueError(
                    "--fast asks the network of a trained sizer, which --crystal and --cif have "
                    "none of; leave one of them out"
                )
            from ..sizing.posterior_engine import PosteriorEngine

            self._trained = None
            self._crystal = asked_crystal(options)
            assert self._crystal is not None
            self.name, self.targets = self._crystal.name, PosteriorEngine.targets

    @property
    def engine(self) -> Literal["both", "network"]:
        """Who answers."""
        return "network" if self._options.fast else "both"

    @property
    def fits(self) -> bool:
        """Whether answers have a fit."""
        if self._trained is None:
            return True
        from ..sizing import PatternEngine

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
        from ..preprocessing.patterns import wavelength_of
        from ..sizing import make_sizer
        from ..sizing.instruments import at_the_beam

        assert self._crystal is not None
        if instrument is not None:
            instrument = at_the_beam(pattern, instrument)
        beam = wavelength_of(pattern) if instrument is None else instrument.wavelength
        # Headers of a beamline drift in the last digits: a sizer serves them all.
        place = "" if beam is None else f"{beam:.3g}"
        key = place if instrument is None else f"{place} {instrument.to_json()}"
        if key not in self._made:
            self._made[key] = make_sizer(
                self._crystal,
                diameters=self._options.diameters,
                dispersions=self._options.dispersions,
                strains=self._options.strains,
                distribution="free" if self._options.free else "lognormal",
                wavelength=beam,
                instrument=instrument,
                blank=self._blank(beam),
                texture=self._options.texture or "auto",
                facet=self._options.facet,
                stacking=self._options.stacking,
                progress=sys.stderr.isatty(),
            )
        return self._made[key]

    def _blank(self, beam: float | None) -> xr.DataArray | None:
        """The blank, at the wavelength of the patterns where nothing else says it."""
        options = self._options
        if options.blank is None:
            return None
        from ..io import PatternError
        from ..solvents import read_solvent

        axis = "q" if options.q else options.x
        try:
            return read_solvent(options.blank, x=axis)
        except PatternError as first:
            if beam is None:
                raise ValueError(f"--blank {first}") from None
        try:
            return read_solvent(options.blank, wavelength=beam, x=axis)
        except PatternError as error:
            raise ValueError(f"--blank {error}") from None

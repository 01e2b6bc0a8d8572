"""What the commands share: exit statuses, numbers, complaints."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ..sizing import option_values

if TYPE_CHECKING:
    from ..instruments import Instrument
    from ..simulation import Crystal

__all__ = [
    "BAD_INPUT",
    "INTERRUPTED",
    "Commands",
    "add_block",
    "add_crystal",
    "add_instrument",
    "asked_crystal",
    "asked_instrument",
    "change",
    "complain",
    "low_high",
    "natural",
    "number",
    "numbers",
    "typed",
]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

T = TypeVar("T")

BAD_INPUT = 2
INTERRUPTED = 130
_MANY = 1000  # values of a range


def add_crystal(command: argparse.ArgumentParser) -> None:
    """Let a command ask for a crystal, in one of two ways."""
    crystal = command.add_mutually_exclusive_group(required=True)
    crystal.add_argument("--cif", metavar="FILE", help="the crystal, from a CIF")
    crystal.add_argument("--crystal", metavar="NAME", help="the name of a built-in crystal")
    add_block(command)


def add_block(command: argparse.ArgumentParser) -> None:
    """Let a command say which data block of a CIF it means."""
    command.add_argument(
        "--block", metavar="NAME", help="data block of the CIF, where several hold a crystal"
    )


def asked_crystal(options: argparse.Namespace) -> Crystal | None:
    """The crystal that a command asks for, if it does."""
    from ..simulation import Crystal

    if options.cif is not None:
        return Crystal.from_cif(options.cif, block=options.block)
    if options.block is not None:
        raise ValueError("--block names a data block of a CIF; give the CIF with --cif")
    name = getattr(options, "crystal", None)
    return None if name is None else Crystal.builtin(name)


def add_instrument(
    command: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup, what_for: str
) -> None:
    """Let a command ask for an instrument."""
    command.add_argument(
        "--instrument",
        metavar="NAME|FILE",
        help=f"{what_for}: lab-cu, lab-mo, lab-ag, synchrotron, the name of one that was saved, or "
        "a file (of sk-qdots calibrate, .instprm, .irf)",
    )


def asked_instrument(options: argparse.Namespace) -> Instrument | None:
    """The instrument that a command asks for, if any; an example at the wavelength it gives."""
    if options.instrument is None:
        return None
    from ..instruments.ready import at_wavelength
    from ..simulation.scattering_factors import HC_KEV_ANGSTROM
    from ..sizing.instruments import named_instrument

    asked = named_instrument(options.instrument)
    given: float | None = options.wavelength if "wavelength" in options else None
    energy: float | None = options.energy if "energy" in options else None
    if energy is not None and energy > 0.0:  # the reading of a file refuses any other
        given = HC_KEV_ANGSTROM / energy
    return asked if given is None else at_wavelength(asked, given)


def typed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """A value of the command line, whose ValueError is told as it is."""

    def parsed(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


number = typed(option_values.number)


def natural(text: str) -> int:
    """A whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def numbers(text: str) -> list[float]:
    """Numbers from FIRST to LAST in steps, or one number."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) == 1:
        return parts
    if len(parts) != 3 or not parts[2] > 0 or parts[1] < parts[0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:LAST:STEP, such as 1.5:8:0.5")
    n = math.floor((parts[1] - parts[0]) / parts[2] + 1e-6) + 1
    if n > _MANY:
        raise argparse.ArgumentTypeError(f"{text!r} are {n} numbers; {_MANY} at most")
    return [round(parts[0] + k * parts[2], 9) for k in range(n)]


def low_high(text: str) -> list[float]:
    """Two ends of a range; FIRST:LAST:STEP is understood too, whose ends are meant."""
    parts = [number(part) for part in text.split(":")]
    if len(parts) not in (2, 3) or not parts[0] < parts[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW:HIGH, such as 0.05:0.4")
    return parts[:2]


def change(text: str) -> list[float]:
    """Two ends of a change; numbers from FIRST to LAST, as of release 0.1.0, were no changes."""
    if text.count(":") > 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not LOW:HIGH: give by how much those of the crystal change, "
            "such as -0.2:0.4, not the values themselves"
        )
    return low_high(text)


def complain(message: str) -> None:
    """Say what is wrong, in one line."""
    print(f"sk-qdots: {' '.join(message.split())}", file=sys.stderr)

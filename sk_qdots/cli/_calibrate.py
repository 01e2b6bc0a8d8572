"""``sk-qdots calibrate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ._pictures import new_picture, picture_problem, write_picture
from ._words import BAD_INPUT, Commands, complain, number

if TYPE_CHECKING:
    from ..instruments import Instrument

__all__ = ["add_calibrate"]

_ANGLES = (10.0, 30.0, 60.0, 90.0)
_UNITS = {"zero": " degrees", "displacement": " degrees", "wavelength": " Angstrom", "u": " deg^2"}
_UNITS |= {"v": " deg^2", "w": " deg^2", "eta_slope": " per degree"}


def add_calibrate(commands: Commands) -> None:
    """Add the command to the parser."""
    calibrate = commands.add_parser(
        "calibrate",
        help="find out what an instrument does from the pattern of a standard",
        description="Fit the pattern of a standard (LaB6, CeO2, Si or Al2O3, or a crystal of which "
        "the lattice is known) and write what it says of the instrument: wavelength or zero, "
        "resolution against angle, each with its standard deviation. Give the file, or the name "
        "that it is saved under, to the other commands: --instrument.",
        epilog="Example: sk-qdots calibrate ceo2.xy --standard CeO2 --wavelength 0.5642 --out "
        "mine.json --plot ceo2.png. Status: 0, or 2 where the standard was refused.",
    )
    calibrate.add_argument("file", metavar="FILE", help="measured pattern of the standard")
    what = calibrate.add_mutually_exclusive_group(required=True)
    what.add_argument("--standard", metavar="NAME", help="LaB6, CeO2, Si or Al2O3, of NIST")
    what.add_argument("--cif", metavar="FILE", help="a crystal of which the lattice is known")
    beam = calibrate.add_mutually_exclusive_group()
    beam.add_argument(
        "--wavelength",
        type=number,
        metavar="A",
        help="in Angstrom, where the file does not say it; the mean of a doublet (1.5418, 0.7107) "
        "stands for both lines",
    )
    beam.add_argument(
        "--energy", type=number, metavar="KEV", help="photon energy in keV, instead of it"
    )
    calibrate.add_argument(
        "--refine",
        choices=("auto", "zero", "wavelength", "both"),
        default="auto",
        help="what places the lines (default: the zero of a tube; of one line both, where the "
        "range tells them apart)",
    )
    calibrate.add_argument(
        "--domain",
        type=number,
        metavar="NM",
        help="size of the domains of the standard, by its certificate: what it broadens is left "
        "out",
    )
    calibrate.add_argument(
        "--begin",
        metavar="NAME|FILE",
        help="an instrument that is known in part: its lines, polarisation and geometry",
    )
    calibrate.add_argument("--scan", type=int, metavar="N", help="which scan of a file of several")
    calibrate.add_argument("--out", metavar="FILE.json", help="file to write")
    calibrate.add_argument(
        "--save", metavar="NAME", help="save it under a name, for --instrument NAME"
    )
    calibrate.add_argument("--plot", metavar="OUT.png", help="draw the fit, with its residual")
    calibrate.set_defaults(run=_calibrate)


def _calibrate(options: argparse.Namespace) -> int:
    from ..instruments import fit_standard, load_instrument, save_instrument
    from ..instruments.ready import at_wavelength, is_example
    from ..io import read_pattern
    from ..simulation import Crystal

    problem = picture_problem(options.plot) if options.plot else None
    if problem:
        complain(f"{options.plot}: {problem}")
        return BAD_INPUT
    try:
        standard = Crystal.from_cif(options.cif) if options.cif else options.standard
        begin = load_instrument(options.begin) if options.begin else None
        given = options.wavelength
        is_asked = given is None and options.energy is None
        if begin is not None and is_asked and not is_example(begin):
            given = begin.wavelength
        pattern = read_pattern(
            options.file, wavelength=given, energy=options.energy, scan=options.scan
        )
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT
    try:
        if begin is not None:
            begin = at_wavelength(begin, pattern.attrs.get("wavelength"))
        fit = fit_standard(
            pattern, standard, instrument=begin, refine=options.refine, domain=options.domain
        )
    except ValueError as error:
        complain(f"{options.file}: {error}")
        return BAD_INPUT
    print(_told(fit.instrument))
    status = 0
    if options.out:
        try:
            Path(options.out).write_text(fit.instrument.to_json() + "\n", encoding="utf-8")
        except OSError as error:
            complain(f"{options.out}: cannot be written: {error.strerror or error}")
            status = BAD_INPUT
    if options.save:
        try:
            save_instrument(fit.instrument, options.save)
        except ValueError as error:
            complain(str(error))
            status = BAD_INPUT
    if options.plot:
        from ..inspection import StandardFitDisplay

        figure = new_picture(9.0, 6.6)
        StandardFitDisplay(fit).plot(figure)
        problem = write_picture(figure, options.plot)
        if problem:
            complain(f"{options.plot}: {problem}")
            status = BAD_INPUT
    return status


def _told(instrument: Instrument) -> str:
    """What was found, a line for each parameter."""
    rows = []
    for name, deviation in instrument.uncertainties.items():
        value = instrument.wavelengths[0] if name == "wavelength" else getattr(instrument, name)
        rows.append(f"{name:<13}{value:>13.7g} +- {deviation:.2g}{_UNITS.get(name, '')}")
    low, high = instrument.two_theta_range or (0.0, 180.0)
    rows += [
        f"width at {angle:g} degrees: {float(instrument.fwhm(angle)):.4f} degrees"
        for angle in _ANGLES
        if low <= angle <= high
    ]
    return "\n".join([*rows, *instrument.notes])

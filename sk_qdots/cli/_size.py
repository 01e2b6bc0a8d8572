"""``sk-qdots size``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ._fits import Fits
from ._instruments import Instruments
from ._pictures import new_picture, picture_problem, write_picture
from ._records import WRITERS, more_columns, refusal_record, sizing_record
from ._sizers import Sizers, add_sizers
from ._words import BAD_INPUT, Commands, add_instrument, asked_instrument, complain, number

if TYPE_CHECKING:
    import xarray as xr

    from ..instruments import Instrument
    from ..sizing import Sizer, Sizing

__all__ = ["add_size"]

_MAX_PANELS = 40


def add_size(commands: Commands) -> None:
    """Add the command to the parser."""
    size = commands.add_parser(
        "size",
        help="size the dots in measured patterns",
        description="Size the dots in measured patterns: columns of text, .chi, GSAS, .xrdml, "
        ".udf, .x00, .rd, .sd, .brml, .uxd, .raw (Bruker, Siemens, STOE, Rigaku), .ras, .rasx, "
        ".asc, .mdi, .cpi, DBWS, powder CIF, .xlsx, NeXus and other HDF5. Told are the number "
        "average of the diameter and the volume average in nm, each with its 90 % interval, and a "
        "verdict: ok, caution with the reasons, or refused with the reason.",
        epilog="Examples: sk-qdots size sample.xye --wavelength 0.5642 --plot sample.png; with any "
        "crystal sk-qdots size sample.xye --wavelength 0.5642 --cif mine.cif --out fit.csv. "
        "Status: 0, or 2 where a pattern was refused.",
    )
    size.add_argument("files", nargs="+", metavar="FILE", help="measured pattern")
    beam = size.add_mutually_exclusive_group()
    beam.add_argument(
        "--wavelength",
        type=number,
        metavar="A",
        help="wavelength in Angstrom, where the file does not say it",
    )
    beam.add_argument(
        "--energy", type=number, metavar="KEV", help="photon energy in keV, instead of it"
    )
    axis = size.add_mutually_exclusive_group()
    axis.add_argument("--q", action="store_true", help="the axis is Q, in 1/Angstrom: --x q")
    axis.add_argument(
        "--x",
        metavar="AXIS",
        help="what the axis is, where the file does not say it or says it wrongly: two_theta "
        "(degrees; the default for text with a wavelength), two_theta_rad, q (1/Angstrom), q_nm "
        "(1/nm), d (Angstrom), d_nm",
    )
    size.add_argument(
        "--scan",
        type=_scan,
        metavar="N|sum|join",
        help="which scan of files that hold several, from 0; or their sum; or ranges that overlap "
        "as one",
    )
    size.add_argument(
        "--columns",
        type=_columns,
        metavar="X,Y[,ESD]",
        help="which columns of a table are the abscissa, the intensity and its standard deviation: "
        "their numbers, from 0, or their names (letters of a sheet, tags of a CIF, paths in HDF5), "
        "such as 0,2 or 2theta,counts",
    )
    instrument = size.add_mutually_exclusive_group()
    add_instrument(
        instrument,
        "what the patterns were measured with, remembered for their folder",
    )
    instrument.add_argument(
        "--no-instrument",
        action="store_true",
        help="do not use the instrument that the folder remembers",
    )
    add_sizers(size)
    size.add_argument(
        "--coverage",
        type=_coverage,
        default=0.9,
        metavar="C",
        help="of the intervals, between 0 and 1 (default: 0.9)",
    )
    size.add_argument(
        "--format",
        choices=tuple(WRITERS),
        default="table",
        help="json: one list; jsonl: an object a line; csv. Each record is written as soon as it "
        "is known",
    )
    size.add_argument(
        "--verbose",
        action="store_true",
        help="more columns in the table: classes with their probabilities, dispersion, strain, "
        "range, agreement",
    )
    size.add_argument(
        "--plot",
        metavar="OUT.png",
        help="draw each pattern with its simulation, or with its fit and the residual, all in one "
        "picture",
    )
    size.add_argument(
        "--out",
        metavar="FIT.csv",
        help="with --crystal or --cif: write the fit (measured, esd, calculated, background, "
        "difference); of several patterns each into a file of its own, whose name ends with that "
        "of the pattern: FIT_sample.csv",
    )
    size.add_argument(
        "--subtracted",
        action="store_true",
        help="a background was subtracted before: intensities may be negative",
    )
    size.set_defaults(run=_size)


def _scan(text: str) -> int | Literal["sum", "join"]:
    if text == "sum":
        return "sum"
    if text == "join":
        return "join"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor sum or join") from None


def _coverage(text: str) -> float:
    value = number(text)
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1; 90 % is 0.9")
    return value


def _columns(text: str) -> list[int | str]:
    names = [name.strip() for name in text.split(",")]
    return [int(name) if name.isdecimal() else name for name in names]


def _size(options: argparse.Namespace) -> int:
    gc.disable()  # imports make no garbage, and looking for it takes a tenth of the start
    from ..instruments.files import FILE_OF_A_FOLDER
    from ..io import PatternError
    from ..sizing.instruments import corrected

    try:
        sizers = Sizers(options)
        instruments = Instruments(asked_instrument(options), is_ignored=options.no_instrument)
        # A pattern of the shell (folder/*) names it along with the measurements.
        files = [path for path in options.files if Path(path).name != FILE_OF_A_FOLDER]
        fits = Fits(options.out, files, are_made=sizers.fits)
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT
    finally:
        gc.enable()
    sized: list[tuple[Sizer, xr.DataArray, Sizing]] = []
    status = 0
    columns = more_columns(sizers.targets) if options.verbose else []
    with WRITERS[options.format](files, sys.stdout, columns) as writer:
        for path in files:
            try:
                instrument = instruments.of(path)
                pattern = _read(path, options, instrument)
                sizer = sizers.of(pattern, instrument)
                sizing = sizer.size(
                    pattern, instrument, engine=sizers.engine, coverage=options.coverage
                )
            except ValueError as error:
                reason = error.reason if isinstance(error, PatternError) else str(error)
                complain(f"{path}: {reason}")
                writer.write(refusal_record(path, sizers.name, reason))
                status = BAD_INPUT
                continue
            instruments.remember(path)
            if instrument is not None and options.plot:
                pattern = corrected(pattern, instrument)
            sized.append((sizer, pattern, sizing))
            writer.write(sizing_record(sizing))
            problem = fits.write(path, sizing)
            if problem:
                complain(problem)
                status = BAD_INPUT
    if options.plot and sized:
        sys.stdout.flush()  # the sizes first: drawing takes a moment and may fail
        problem = _plot(sized, options.plot)
        if problem:
            complain(f"{options.plot}: {problem}")
            status = BAD_INPUT
    return status


def _read(path: str, options: argparse.Namespace, instrument: Instrument | None) -> xr.DataArray:
    """A pattern, at the wavelength of the instrument where nothing else says it."""
    from ..instruments.ready import is_example
    from ..io import PatternError, read_pattern

    given = options.wavelength is not None or options.energy is not None
    beam = None if instrument is None or given else instrument.wavelength
    if instrument is not None and is_example(instrument):
        beam = None  # nobody's wavelength

    def read(wavelength: float | None) -> xr.DataArray:
        return read_pattern(
            path,
            wavelength=wavelength,
            energy=options.energy,
            x="q" if options.q else options.x,
            scan=options.scan,
            columns=options.columns,
            subtracted=options.subtracted,
        )

    if beam is not None and not Path(path).is_file():  # a pipe is read once
        return read(beam)
    try:
        return read(options.wavelength)
    except PatternError:
        if beam is None:
            raise
        return read(beam)


def _plot(sized: Sequence[tuple[Sizer, xr.DataArray, Sizing]], path: str) -> str | None:
    """Write one picture with a panel for each pattern; return what went wrong."""
    if len(sized) > _MAX_PANELS:
        return f"{len(sized)} patterns; a picture holds {_MAX_PANELS}: plot fewer at a time"
    from ..inspection import FitDisplay, SizingDisplay

    problem = picture_problem(path)
    if problem:
        return problem
    figure = new_picture(8.0, 4.2 * len(sized))
    panels = figure.subfigures(len(sized), squeeze=False)[:, 0]
    try:
        for panel, (sizer, pattern, sizing) in zip(panels, sized, strict=True):
            if sizing.fit is not None:
                FitDisplay(sizing, sizer.reflections).plot(panel)
            else:
                SizingDisplay.from_estimator(sizer, pattern, sizing).plot(panel.subplots())
    except ValueError as error:
        return str(error)
    return write_picture(figure, path)

"""``sk-qdots size``."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..sizing.records import refusal_record, sizing_record
from ._asking import Asking, asked_frames
from ._fits import Fit
from ._inputs import Inputs
from ._instruments import Instruments
from ._options import add_lines, add_reading, add_sharing
from ._pictures import new_picture, picture_problem, write_picture
from ._records import WRITERS, more_columns
from ._series import Series
from ._sizers import asked_sizers
from ._words import BAD_INPUT, Commands, asked_instrument, complain

if TYPE_CHECKING:
    from ..sizing.choosing import Sizers
    from ..sizing.frames import Frame

__all__ = ["add_size"]

_MAX_PANELS = 40
_NO_FITS = (".nc", ".nxs")  # what --out writes of one FILE is its fit, unless it ends so


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
        "crystal sk-qdots size sample.xye --wavelength 0.5642 --cif mine.cif --out fit.csv; a "
        "series sk-qdots size run42 --wavelength 0.5642 --out series.csv --plot series.png. One "
        "FILE has a fit; a folder, a glob or several files are a series, which goes on where one "
        "is refused, and ends with a line on standard error that sums up. "
        "Status: 0, or 2 where a pattern was refused.",
    )
    size.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="measured pattern; a folder stands for the measured files in it, a glob in quotes "
        "('run42/*.chi') for what matches, - for one pattern from standard input",
    )
    add_reading(size)
    add_lines(size)
    size.add_argument(
        "--plot",
        metavar="OUT.png",
        help="of one FILE draw the pattern with its simulation, or with its fit and the residual; "
        "of a series draw sizes over time, with refused files marked, above the patterns",
    )
    size.add_argument(
        "--panels",
        action="store_true",
        help=f"with --plot: of a series draw each pattern with its fit instead ({_MAX_PANELS} at "
        "most)",
    )
    size.add_argument(
        "--out",
        metavar="OUT",
        help="of one FILE write the fit, a .csv (measured, esd, calculated, background, "
        "difference); of a series everything that is known of each file over time, as .csv, .nc "
        "(NetCDF) or .nxs (NeXus)",
    )
    add_sharing(size)
    size.add_argument(
        "--progress",
        action="store_true",
        help="a progress bar on standard error also where that is no terminal",
    )
    size.set_defaults(run=_size)


def _size(options: argparse.Namespace) -> int:
    with ExitStack() as kept:
        return _sized(options, kept)


def _sized(options: argparse.Namespace, kept: ExitStack) -> int:
    gc.disable()  # imports make no garbage, and looking for it takes a tenth of the start
    try:
        made = (options.cif, options.blank, options.plot)
        inputs = Inputs.of(options.files, options.out, made, kept)
        sizers = asked_sizers(options)
        instruments = Instruments(asked_instrument(options), is_ignored=options.no_instrument)
        is_fit = not inputs.are_series and Path(options.out or "").suffix.lower() not in _NO_FITS
        fit = Fit(options.out if is_fit else None, are_made=sizers.fits)
        _check_panels(options, len(inputs.files))
        asking = Asking(options, sizers, instruments, inputs)
        is_alone = not inputs.are_series
        series = Series(
            options, len(inputs.files), is_told=not is_alone, out=None if is_fit else options.out
        )
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT
    finally:
        gc.enable()
    keeps_all = is_alone or options.panels
    frames = asked_frames(
        asking, inputs.files, jobs=options.jobs, is_fast=options.fast, keeps_all=keeps_all
    )
    problems: list[str | None] = []
    columns = more_columns(sizers.targets) if options.verbose else []
    try:
        with WRITERS[options.format](inputs.files, sys.stdout, columns) as writer:
            for frame in frames:
                with series.aside():
                    if frame.sizing is None:
                        complain(f"{frame.file}: {frame.reason}")
                        writer.write(refusal_record(frame.file, sizers.name, frame.reason))
                    else:
                        instruments.remember(frame.file)
                        writer.write(sizing_record(frame.sizing))
                        problems.append(fit.write(frame.sizing))
                series.add(frame)
    except BaseException:  # an interrupt, a worker that was killed: what is known is kept
        frames.close()
        _complain_of([series.close()])
        series.sum_up()
        raise
    problems.append(series.close())
    if options.plot:
        sys.stdout.flush()  # the sizes first: drawing takes a moment and may fail
        if keeps_all:
            problem = _plot_panels(series.frames, asking, sizers, options.plot)
        else:
            problem = series.plot(options.plot)
        problems.append(problem and f"{options.plot}: {problem}")
    is_bad = _complain_of(problems) or any(frame.sizing is None for frame in series.frames)
    series.sum_up()
    return BAD_INPUT if is_bad else 0


def _check_panels(options: argparse.Namespace, n_files: int) -> None:
    """Refuse, before the work, a picture that would not hold it."""
    if options.panels and not options.plot:
        raise ValueError("--panels belongs to --plot OUT.png; give it, too")
    if options.panels and n_files > _MAX_PANELS:
        raise ValueError(
            f"{n_files} patterns, and a picture holds {_MAX_PANELS} panels: leave --panels out for "
            "sizes over time"
        )


def _complain_of(problems: Sequence[str | None]) -> bool:
    """Say what went wrong, and whether something did."""
    told = [problem for problem in problems if problem]
    for problem in told:
        complain(problem)
    return bool(told)


def _plot_panels(frames: Sequence[Frame], asking: Asking, sizers: Sizers, path: str) -> str | None:
    """Write one picture with a panel for each pattern; return what went wrong."""
    sized = [(frame, frame.sizing) for frame in frames if frame.sizing is not None]
    if not sized:
        return None
    from ..inspection import FitDisplay, SizingDisplay
    from ..sizing.instruments import corrected

    problem = picture_problem(path)
    if problem:
        return problem
    figure = new_picture(8.0, 4.2 * len(sized))
    panels = figure.subfigures(len(sized), squeeze=False)[:, 0]
    try:
        for panel, (frame, sizing) in zip(panels, sized, strict=True):
            instrument, pattern = asking.instrument(frame.file), frame.pattern
            assert pattern is not None
            sizer = sizers.of(pattern, instrument)
            if sizing.fit is not None:
                FitDisplay(sizing, sizer.reflections).plot(panel)
                continue
            if instrument is not None:
                pattern = corrected(pattern, instrument)
            SizingDisplay.from_estimator(sizer, pattern, sizing).plot(panel.subplots())
    except ValueError as error:
        return str(error)
    return write_picture(figure, path)

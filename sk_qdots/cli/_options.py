"""Options that ``sk-qdots size`` and ``sk-qdots watch`` have in common."""

from __future__ import annotations

import argparse

from ..sizing.option_values import column_choice, coverage_level, scan_choice
from ._records import WRITERS
from ._sizers import add_sizers
from ._words import add_instrument, number, typed

__all__ = ["add_lines", "add_reading", "add_sharing"]


def add_reading(size: argparse.ArgumentParser) -> None:
    """Let a command say how patterns are read, and who sizes them."""
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
        type=typed(scan_choice),
        metavar="N|sum|join",
        help="which scan of files that hold several, from 0; or their sum; or ranges that overlap "
        "as one",
    )
    size.add_argument(
        "--columns",
        type=typed(column_choice),
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
        type=typed(coverage_level),
        default=0.9,
        metavar="C",
        help="of the intervals, between 0 and 1 (default: 0.9)",
    )
    size.add_argument(
        "--subtracted",
        action="store_true",
        help="a background was subtracted before: intensities may be negative",
    )


def add_lines(size: argparse.ArgumentParser) -> None:
    """Let a command say what it writes on standard output."""
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


def add_sharing(size: argparse.ArgumentParser) -> None:
    """Let a command say how the files of a series share time and processors."""
    size.add_argument(
        "--per-frame",
        type=number,
        metavar="S",
        help="seconds from a file of the series to the next, where neither the files nor their "
        "dates tell the time",
    )
    size.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="processes among which the files are shared (default: all processors, where there are "
        "files enough); the sizes do not depend on it",
    )


def _jobs(text: str) -> int:
    try:
        jobs = int(text)
    except ValueError:
        jobs = 0
    if jobs == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; -1 for all")
    return jobs

"""``sk-qdots evaluate``."""

from __future__ import annotations

import argparse

from ._words import (
    BAD_INPUT,
    Commands,
    add_block,
    add_instrument,
    asked_crystal,
    asked_instrument,
    complain,
    number,
)

__all__ = ["add_evaluate"]


def add_evaluate(commands: Commands) -> None:
    """Add the command to the parser."""
    evaluate = commands.add_parser(
        "evaluate",
        help="put a sizer through everything and write a report",
        description="Put a sizer and its peers through every condition: ranges, steps, dilution, "
        "unseen liquids, instruments, shapes; and tells how often it refuses, doubts and "
        "covers, on right patterns, on those of other crystals and on wrong ones. Writes the "
        "tables (netCDF), the figures (PNG) and one report that stands alone (HTML). Interrupted, "
        "the same command goes on.",
        epilog="Example: sk-qdots evaluate --quick --out evaluation",
    )
    evaluate.add_argument(
        "--model", default="PbS", metavar="NAME|PATH", help="sizer to evaluate (default: PbS)"
    )
    evaluate.add_argument(
        "--out", default="evaluation", metavar="DIR", help="folder to write (default: evaluation)"
    )
    evaluate.add_argument(
        "--quick", action="store_true", help="few patterns and levels: minutes, coarse figures"
    )
    evaluate.add_argument(
        "--references",
        metavar="TABLE.csv",
        help="measured patterns of known size: columns file, diameter_nm, and where known "
        "wavelength, x, dispersion, first_peak_ev",
    )
    evaluate.add_argument("--cif", metavar="FILE", help="the crystal, where it is not built in")
    add_block(evaluate)
    evaluate.add_argument(
        "--liquid",
        action="append",
        metavar="FILE",
        help="measured liquid to dilute in, instead of the held-out ones; may be repeated",
    )
    evaluate.add_argument(
        "--wavelength", type=number, metavar="A", help="of those files, in Angstrom"
    )
    add_instrument(evaluate, "see the patterns through this one as well")
    evaluate.add_argument("--seed", type=int, default=30_000, help="default: 30000")
    evaluate.add_argument(
        "--jobs", type=int, metavar="N", help="processors for what a user is told (default: one)"
    )
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from ..evaluation import evaluate
    from ..solvents import read_solvent

    try:
        liquids = [
            read_solvent(path, wavelength=options.wavelength) for path in options.liquid or ()
        ]
        crystal = asked_crystal(options)
        report = evaluate(
            options.model,
            options.out,
            quick=options.quick,
            references=options.references,
            crystal=crystal,
            liquids=liquids,
            instrument=asked_instrument(options),
            random_state=options.seed,
            n_jobs=options.jobs,
        )
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT
    print(f"wrote {report}")
    return 0

"""Which sizer ``sk-qdots size`` asks: a trained one, or one that is made for the beam of a file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

from ..sizing.choice import Choice
from ..sizing.option_values import fraction_range, miller_indices, probability_range, size_range
from ._words import typed

if TYPE_CHECKING:
    from ..sizing.choosing import Sizers

__all__ = ["add_sizers", "asked_sizers"]


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
        "fitted, too, where the sizer has a fit, and both are told as one answer",
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
        type=typed(size_range),
        metavar="LOW:HIGH",
        help="with --crystal or --cif: lowest and highest number average in nm (default: 1.5:10)",
    )
    size.add_argument(
        "--dispersions",
        type=typed(fraction_range),
        metavar="LOW:HIGH",
        help="the same of standard deviation / mean (default: 0.03:0.25)",
    )
    size.add_argument(
        "--strains",
        type=typed(fraction_range),
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
        type=typed(miller_indices),
        metavar="H,K,L",
        help="with --crystal or --cif: the grains prefer to lie on these facets, by the function "
        "of March and Dollase; --facet=-1,1,0, with the sign of equality before a minus",
    )
    size.add_argument(
        "--stacking",
        type=typed(probability_range),
        nargs="?",
        const=(0.0, 1.0),
        metavar="LOW:HIGH",
        help="with --crystal or --cif: close-packed layers may be faulted, with probabilities of "
        "hexagonal ones between these (0:1 where none are given: from cubic to hexagonal)",
    )


def asked_sizers(options: argparse.Namespace) -> Sizers:
    """The sizers that a command asks for; raises ValueError where there are none."""
    from ..sizing.choosing import Sizers

    axis = "q" if options.q else options.x
    names = [field.name for field in fields(Choice) if hasattr(options, field.name)]
    asked = {name: getattr(options, name) for name in names}
    return Sizers(Choice(**{**asked, "x": axis, "progress": sys.stderr.isatty()}))

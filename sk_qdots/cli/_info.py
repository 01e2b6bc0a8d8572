"""``sk-qdots info``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from ._words import BAD_INPUT, Commands, complain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._typing import Json
    from ..sizing.registry import SizerFacts

__all__ = ["add_info"]

_HEADER = ("sizer", "material", "sizes/nm", "needs Q/A^-1", "instrument", "right", "where")
_SCORES = ("accuracy", "within_half_nm", "within_one_class", "mean_absolute_error_nm")


def add_info(commands: Commands) -> None:
    """Add the command to the parser."""
    info = commands.add_parser(
        "info",
        help="list the sizers that there are, or tell all about one",
        description="List shipped sizers and your own: material, sizes, the range that a pattern "
        "must cover, instrument, and the share of held-out patterns of the standard cells that it "
        "sizes right. With a name or a folder: everything that it says of itself.",
        epilog="Your own are looked for where SK_QDOTS_SIZERS says; sk-qdots train writes there.",
    )
    info.add_argument("models", nargs="*", metavar="NAME|PATH", help="sizers to tell all about")
    info.add_argument("--format", choices=("table", "json"), default="table")
    info.set_defaults(run=_info)


def _info(options: argparse.Namespace) -> int:
    from ..sizing.files import SizerError
    from ..sizing.registry import known_sizers, own_sizers_folder, sizer_facts

    status, found = 0, []
    for model in options.models or known_sizers():
        try:
            found.append(sizer_facts(model))
        except SizerError as error:
            complain(str(error))
            status = BAD_INPUT
    if options.format == "json":
        records = [{**asdict(facts), "accuracy": facts.accuracy} for facts in found]
        json.dump(records, sys.stdout, indent=2, default=str)
        sys.stdout.write("\n")
    elif options.models:
        print("\n\n".join(map(_all_about, found)))
    else:
        print(_table(found))
        print(f"your own: {own_sizers_folder()}; all about one: sk-qdots info NAME")
    return status


def _table(found: list[SizerFacts]) -> str:
    rows = [_HEADER]
    for facts in found:
        shipped = facts.folder.parent.name == "pretrained"
        rows.append(
            (
                facts.folder.name,
                facts.crystal,
                _sizes(facts),
                f"{facts.q_range[0]:.3g}-{facts.q_range[1]:.3g}",
                facts.instrument,
                "" if facts.accuracy is None else f"{facts.accuracy:.3f}",
                "shipped" if shipped else "own",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _sizes(facts: SizerFacts) -> str:
    return f"{facts.diameters[0]:g}-{facts.diameters[1]:g} by {facts.step:g}"


def _all_about(facts: SizerFacts) -> str:
    lines = [
        ("sizer", facts.name),
        ("folder", str(facts.folder)),
        ("material", facts.crystal),
        ("sizes", f"{_sizes(facts)} nm"),
        ("instrument", facts.instrument),
        ("needs", f"Q = {facts.q_range[0]:.3g} to {facts.q_range[1]:.3g} 1/Angstrom"),
        ("estimates", ", ".join(facts.estimates) or "the class only"),
        ("trained", f"{facts.date or 'unknown'}: {facts.command or 'unknown'}"),
        *((name, _scores(row)) for name, row in facts.scores.items()),
    ]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in lines if text)


def _scores(row: Mapping[str, Json]) -> str:
    told = [k for k in _SCORES if k in row] or list(row)
    return ", ".join(f"{k.replace('_', ' ')} {row[k]}" for k in told)

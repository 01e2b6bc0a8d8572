"""The ``sk-qdots`` command."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import xarray as xr

    from .sizing import Sizer, Sizing

__all__ = ["main"]

_BAD_INPUT = 2
_INTERRUPTED = 130
_MAX_PANELS = 40
_COLUMNS = (
    "file",
    "diameter_nm",
    "probability",
    "runner_up_nm",
    "runner_up_probability",
    "expected_diameter_nm",
    "q_min",
    "q_max",
    "model",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Command-line arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 2 where an input was bad, 130 where it was interrupted.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    from importlib.metadata import version

    parser = argparse.ArgumentParser(
        prog="sk-qdots", description="The size of quantum dots from one X-ray pattern."
    )
    parser.add_argument("--version", action="version", version=f"sk_qdots {version('sk_qdots')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    size = commands.add_parser(
        "size",
        help="size the dots in measured patterns",
        description="Size the dots in measured patterns (text files of two or three columns). "
        "The diameter is the number average, in nm.",
        epilog="Example: sk-qdots size sample.xye --wavelength 0.5642 --plot sample.png",
    )
    size.add_argument("files", nargs="+", metavar="FILE", help="measured pattern")
    axis = size.add_mutually_exclusive_group()
    axis.add_argument(
        "--wavelength", type=float, metavar="A", help="two-theta axis; wavelength in Angstrom"
    )
    axis.add_argument(
        "--energy", type=float, metavar="KEV", help="two-theta axis; photon energy in keV"
    )
    axis.add_argument("--q", action="store_true", help="the axis is Q, in 1/Angstrom")
    size.add_argument(
        "--model", default="PbS", metavar="NAME|PATH", help="sizer to use (default: PbS)"
    )
    size.add_argument("--format", choices=("table", "json", "csv"), default="table")
    size.add_argument("--plot", metavar="OUT.png", help="draw each pattern with its simulation")
    size.set_defaults(run=_size)
    return parser


def _size(options: argparse.Namespace) -> int:
    from .io import PatternError, read_pattern
    from .sizing import SizerError, load_sizer

    try:
        sizer = load_sizer(options.model)
    except SizerError as error:
        _complain(str(error))
        return _BAD_INPUT
    sized: list[tuple[xr.DataArray, Sizing]] = []
    status = 0
    for path in options.files:
        try:
            pattern = read_pattern(
                path,
                wavelength=options.wavelength,
                energy=options.energy,
                x="q" if options.q else None,
            )
            sized.append((pattern, sizer.size(pattern)))
        except PatternError as error:
            _complain(str(error))
            status = _BAD_INPUT
    _WRITERS[options.format]([_record(sizing) for _, sizing in sized], sys.stdout)
    if options.plot and sized:
        sys.stdout.flush()  # the sizes first: drawing takes a moment and may fail
        problem = _plot(sizer, sized, options.plot)
        if problem:
            _complain(f"{options.plot}: {problem}")
            status = _BAD_INPUT
    return status


def _complain(message: str) -> None:
    print(f"sk-qdots: {' '.join(message.split())}", file=sys.stderr)


def _record(sizing: Sizing) -> dict[str, Any]:
    values = (
        sizing.source,
        sizing.diameter,
        round(sizing.probability, 4),
        sizing.runner_up,
        round(sizing.runner_up_probability, 4),
        round(sizing.expected_diameter, 3),
        round(sizing.q_range[0], 4),
        round(sizing.q_range[1], 4),
        sizing.model,
    )
    record: dict[str, Any] = dict(zip(_COLUMNS, values, strict=True))
    record["probabilities"] = {
        f"{diameter:g}": round(float(p), 4)
        for diameter, p in zip(
            sizing.probabilities["diameter"].values, sizing.probabilities.values, strict=True
        )
    }
    return record


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(record["file"]),
        f"{record['diameter_nm']:.1f}",
        f"{record['probability']:.2f}",
        f"{record['runner_up_nm']:.1f}",
        f"{record['runner_up_probability']:.2f}",
        f"{record['q_min']:.2f}-{record['q_max']:.2f}",
    )


def _write_table(records: list[dict[str, Any]], out: TextIO) -> None:
    if not records:
        return
    header = ("file", "diameter/nm", "probability", "runner-up/nm", "probability", "Q range/A^-1")
    rows = [header, *map(_cells, records)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        out.write("  ".join(cells) + "\n")


def _write_json(records: list[dict[str, Any]], out: TextIO) -> None:
    json.dump(records, out, indent=2, ensure_ascii=False)
    out.write("\n")


def _write_csv(records: list[dict[str, Any]], out: TextIO) -> None:
    writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)


_WRITERS = {"table": _write_table, "json": _write_json, "csv": _write_csv}


def _plot(sizer: Sizer, sized: Sequence[tuple[xr.DataArray, Sizing]], path: str) -> str | None:
    """Write one picture with a panel for each pattern; return what went wrong."""
    if len(sized) > _MAX_PANELS:
        return f"{len(sized)} patterns; a picture holds {_MAX_PANELS}: plot fewer at a time"
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .inspection import SizingDisplay

    figure = Figure(figsize=(8.0, 4.2 * len(sized)), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(sized), squeeze=False)[:, 0]
    try:
        for ax, (pattern, sizing) in zip(panels, sized, strict=True):
            SizingDisplay.from_estimator(sizer, pattern, sizing).plot(ax)
        figure.savefig(path)
    except OSError as error:
        return f"cannot be written: {error.strerror or error}"
    except ValueError as error:
        return str(error)
    return None


if __name__ == "__main__":
    sys.exit(main())

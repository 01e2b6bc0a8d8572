"""The ``sk-qdots`` command."""

from __future__ import annotations

import argparse
import csv
import gc
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

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
    "agreement",
    "model",
    "axis",
    "wavelength",
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
        _drop_output()
        return 0
    except OSError as error:  # a full disk, say
        _drop_output()
        _complain(f"the result cannot be written: {error.strerror or error}")
        return _BAD_INPUT


def _drop_output() -> None:
    """Keep the interpreter from flushing into a closed or full output when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        hint = "; write a decimal point" if "," in text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not a number{hint}") from None


def _scan(text: str) -> Any:
    if text == "sum":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor sum") from None


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
        description="Size the dots in measured patterns: columns of text, .chi, GSAS, .xrdml, "
        ".brml, .raw, .ras, .rasx, .asc, NeXus. The diameter is the number average, in nm, one of "
        "the sizer's classes; the expected diameter is the mean of the classes weighted by their "
        "probabilities.",
        epilog="Example: sk-qdots size sample.xye --wavelength 0.5642 --plot sample.png",
    )
    size.add_argument("files", nargs="+", metavar="FILE", help="measured pattern")
    beam = size.add_mutually_exclusive_group()
    beam.add_argument(
        "--wavelength",
        type=_number,
        metavar="A",
        help="wavelength in Angstrom, where the file does not say it",
    )
    beam.add_argument(
        "--energy", type=_number, metavar="KEV", help="photon energy in keV, instead of it"
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
        metavar="N|sum",
        help="which scan of files that hold several, from 0, or their sum",
    )
    size.add_argument(
        "--model", default="PbS", metavar="NAME|PATH", help="sizer to use (default: PbS)"
    )
    size.add_argument("--format", choices=("table", "json", "csv"), default="table")
    size.add_argument(
        "--plot",
        metavar="OUT.png",
        help="draw each pattern with its simulation, all in one picture",
    )
    size.add_argument(
        "--subtracted",
        action="store_true",
        help="a background was subtracted before: intensities may be negative",
    )
    size.set_defaults(run=_size)
    _add_evaluate(commands)
    return parser


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="put a sizer through everything and write a report",
        description="Put a sizer and its peers through every condition: ranges, steps, dilution, "
        "unseen liquids, instruments, shapes. Writes the tables (netCDF), the figures (PNG) and "
        "one report that stands alone (HTML). Interrupted, the same command goes on.",
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
    evaluate.add_argument(
        "--liquid",
        action="append",
        metavar="FILE",
        help="measured liquid to dilute in, instead of the held-out ones; may be repeated",
    )
    evaluate.add_argument(
        "--wavelength", type=_number, metavar="A", help="of those files, in Angstrom"
    )
    evaluate.add_argument("--seed", type=int, default=30_000, help="default: 30000")
    evaluate.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> int:
    from .evaluation import evaluate
    from .io import read_pattern
    from .simulation import Crystal

    try:
        liquids = [
            read_pattern(path, wavelength=options.wavelength).rename(Path(path).stem)
            for path in options.liquid or ()
        ]
        crystal = None if options.cif is None else Crystal.from_cif(options.cif)
        report = evaluate(
            options.model,
            options.out,
            quick=options.quick,
            references=options.references,
            crystal=crystal,
            liquids=liquids,
            random_state=options.seed,
        )
    except ValueError as error:
        _complain(str(error))
        return _BAD_INPUT
    print(f"wrote {report}")
    return 0


def _size(options: argparse.Namespace) -> int:
    gc.disable()  # imports make no garbage, and looking for it takes a tenth of the start
    from .io import PatternError, read_pattern
    from .sizing import SizerError, load_sizer

    gc.enable()
    try:
        sizer = load_sizer(options.model)
    except SizerError as error:
        _complain(str(error))
        return _BAD_INPUT
    writer = _WRITERS[options.format](options.files, sys.stdout)
    sized: list[tuple[xr.DataArray, Sizing]] = []
    status = 0
    for path in options.files:
        try:
            pattern = read_pattern(
                path,
                wavelength=options.wavelength,
                energy=options.energy,
                x="q" if options.q else options.x,
                scan=options.scan,
                subtracted=options.subtracted,
            )
            sizing = sizer.size(pattern)
        except ValueError as error:  # a PatternError names the file itself
            _complain(str(error) if isinstance(error, PatternError) else f"{path}: {error}")
            status = _BAD_INPUT
            continue
        sized.append((pattern, sizing))
        writer.write(_record(sizing, pattern))
    writer.close()
    if options.plot and sized:
        sys.stdout.flush()  # the sizes first: drawing takes a moment and may fail
        problem = _plot(sizer, sized, options.plot)
        if problem:
            _complain(f"{options.plot}: {problem}")
            status = _BAD_INPUT
    return status


def _complain(message: str) -> None:
    print(f"sk-qdots: {' '.join(message.split())}", file=sys.stderr)


def _record(sizing: Sizing, pattern: xr.DataArray) -> dict[str, Any]:
    values = (
        sizing.source,
        sizing.diameter,
        round(sizing.probability, 4),
        sizing.runner_up,
        round(sizing.runner_up_probability, 4),
        round(sizing.expected_diameter, 3),
        round(sizing.q_range[0], 4),
        round(sizing.q_range[1], 4),
        None if math.isnan(sizing.agreement) else round(sizing.agreement, 3),
        sizing.model,
        pattern.attrs["axis"],
        pattern.attrs.get("wavelength"),
    )
    record: dict[str, Any] = dict(zip(_COLUMNS, values, strict=True))
    record["probabilities"] = {
        f"{diameter:g}": round(float(p), 4)
        for diameter, p in zip(
            sizing.probabilities["diameter"].values, sizing.probabilities.values, strict=True
        )
    }
    return record


class _Writer(Protocol):
    def write(self, record: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class _TableWriter:
    """Aligned columns, each row as soon as it is known."""

    _HEADER = ("diameter/nm", "probability", "runner-up/nm", "probability", "Q range/A^-1")

    def __init__(self, files: Sequence[str], out: TextIO) -> None:
        self.out = out
        self.width = max(len(name) for name in (*files, "file"))
        self.started = False

    def write(self, record: dict[str, Any]) -> None:
        if not self.started:
            self._line("file", *self._HEADER, "agreement")
            self.started = True
        agreement = record["agreement"]
        self._line(
            record["file"],
            f"{record['diameter_nm']:.1f}",
            f"{record['probability']:.2f}",
            f"{record['runner_up_nm']:.1f}",
            f"{record['runner_up_probability']:.2f}",
            f"{record['q_min']:.2f}-{record['q_max']:.2f}",
            "" if agreement is None else f"{agreement:.2f}",
        )

    def close(self) -> None:
        """Nothing is kept back."""

    def _line(self, file: str, *cells: str) -> None:
        widths = [len(name) for name in (*self._HEADER, "agreement")]
        text = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        self.out.write("  ".join([file.ljust(self.width), *text]).rstrip() + "\n")
        self.out.flush()


class _CsvWriter:
    """One line a pattern, each as soon as it is known."""

    def __init__(self, files: Sequence[str], out: TextIO) -> None:
        self.out = out
        self.writer = csv.DictWriter(out, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        self.writer.writeheader()

    def write(self, record: dict[str, Any]) -> None:
        self.writer.writerow(record)
        self.out.flush()

    def close(self) -> None:
        """Nothing is kept back."""


class _JsonWriter:
    """One list, when all is known."""

    def __init__(self, files: Sequence[str], out: TextIO) -> None:
        self.out = out
        self.records: list[dict[str, Any]] = []

    def write(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def close(self) -> None:
        json.dump(self.records, self.out, indent=2, ensure_ascii=False)
        self.out.write("\n")


_WRITERS: dict[str, Callable[[Sequence[str], TextIO], _Writer]] = {
    "table": _TableWriter,
    "json": _JsonWriter,
    "csv": _CsvWriter,
}


def _plot(sizer: Sizer, sized: Sequence[tuple[xr.DataArray, Sizing]], path: str) -> str | None:
    """Write one picture with a panel for each pattern; return what went wrong."""
    if len(sized) > _MAX_PANELS:
        return f"{len(sized)} patterns; a picture holds {_MAX_PANELS}: plot fewer at a time"
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from .inspection import SizingDisplay

    if Path(path).is_dir():
        return "is a folder; give the name of a picture in it"
    figure = Figure(figsize=(8.0, 4.2 * len(sized)), dpi=150, layout="constrained")
    kinds = FigureCanvasAgg(figure).get_supported_filetypes()
    if Path(path).suffix.lstrip(".").lower() not in kinds:
        return f"not a kind of picture that can be written; end it in one of .{', .'.join(kinds)}"
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

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
_MANY = 1000  # values of a range
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
    "volume_diameter_nm",
    "dispersion",
    "strain",
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
    _add_train(commands)
    _add_evaluate(commands)
    return parser


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="make a sizer for any crystal",
        description="Simulate nanocrystals, put their patterns through experiments, train a sizer "
        "on them and judge it. Says first what it will do and how long that takes. Interrupted, "
        "the same command goes on.",
        epilog="Example: sk-qdots train --cif CdTe.cif --diameters 2:7:0.5 --instrument lab-cu "
        "--out CdTe",
    )
    crystal = train.add_mutually_exclusive_group(required=True)
    crystal.add_argument("--cif", metavar="FILE", help="the crystal, from a CIF")
    crystal.add_argument("--crystal", metavar="NAME", help="the name of a built-in crystal")
    train.add_argument(
        "--diameters",
        type=_range,
        metavar="FIRST:LAST:STEP",
        help="classes in nm (default: 2 to 8 in steps that the particles resolve)",
    )
    train.add_argument(
        "--dispersions",
        type=_range,
        metavar="FIRST:LAST:STEP",
        help="standard deviation / mean of the diameters (default: 0.05:0.2:0.03)",
    )
    train.add_argument(
        "--strains",
        type=_range,
        metavar="FIRST:LAST:STEP",
        help="relative change of the lattice (default: -0.005:0.005:0.001)",
    )
    train.add_argument(
        "--shape", nargs="+", default=["sphere"], metavar="NAME", help="one or several shapes"
    )
    train.add_argument(
        "--solvents",
        nargs="+",
        metavar="NAME",
        help="liquids to start from, or dry (default: all shipped ones)",
    )
    train.add_argument(
        "--instrument",
        type=_instrument,
        default="synchrotron",
        metavar="KIND",
        help="synchrotron, lab-cu, lab-mo, anywhere, or wavelength=0.5169 (default: synchrotron)",
    )
    train.add_argument("--epochs", type=int, help="length of the training (default: 90)")
    train.add_argument(
        "--classes-only",
        action="store_true",
        help="do not train the second network, for dispersion, strain and volume average",
    )
    train.add_argument("--name", help="of the sizer (default: the crystal's)")
    train.add_argument(
        "--out", metavar="DIR", help="folder to write (default: the name of the sizer)"
    )
    train.add_argument("--seed", type=int, default=0, help="default: 0")
    train.add_argument(
        "--plan", action="store_true", help="say what would be done and how long it takes, only"
    )
    train.set_defaults(run=_train)


def _range(text: str) -> list[float]:
    """Numbers from FIRST to LAST in steps, or one number."""
    parts = [_number(part) for part in text.split(":")]
    if len(parts) == 1:
        return parts
    if len(parts) != 3 or not parts[2] > 0 or parts[1] < parts[0]:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST:LAST:STEP, such as 1.5:8:0.5")
    n = math.floor((parts[1] - parts[0]) / parts[2] + 1e-6) + 1
    if n > _MANY:
        raise argparse.ArgumentTypeError(f"{text!r} are {n} numbers; {_MANY} at most")
    return [round(parts[0] + k * parts[2], 9) for k in range(n)]


def _instrument(text: str) -> Any:
    return _number(text.removeprefix("wavelength=")) if text.startswith("wavelength=") else text


def _train(options: argparse.Namespace) -> int:
    import shutil

    from .training import plan_training, train_sizer

    given = {
        name: value
        for name in ("diameters", "dispersions", "strains", "solvents", "epochs", "name")
        if (value := getattr(options, name)) is not None
    }
    try:
        plan = plan_training(
            Path(options.cif) if options.cif else options.crystal,
            shape=options.shape,
            instrument=options.instrument,
            estimates=not options.classes_only,
            **given,
        )
        if options.plan:
            print(plan)
            return 0
        out = Path(options.out or plan.name)
        if out.exists():
            _complain(f"{out} exists; choose another folder with --out")
            return _BAD_INPUT
        state = out.with_name(f"{out.name}.training")
        sizer = train_sizer(plan, checkpoint=state, random_state=options.seed)
        sizer.save(out)
    except (ValueError, OSError) as error:
        _complain(str(error))
        return _BAD_INPUT
    shutil.rmtree(state, ignore_errors=True)
    _print_scores(sizer.training["scores"])
    print(f"wrote {out}; size with it: sk-qdots size FILE --model {out}")
    print(f"where it fails: sk-qdots evaluate --model {out}")
    return 0


def _print_scores(scores: dict[str, Any]) -> None:
    print(f"on {scores['n_test']} fresh patterns, in liquids that training has not seen:")
    for name in ("standard cells", "as drawn"):
        row = scores[name]
        print(
            f"  {name:15s} right {row['accuracy']:.3f}, within one class "
            f"{row['within_one_class']:.3f}, mean error {row['mean_absolute_error_nm']:.2f} nm"
        )
    worst = sorted(scores["by size"].items(), key=lambda item: float(item[1]))[:3]
    print("  least often right: " + ", ".join(f"{d} nm ({share:.2f})" for d, share in worst))
    if "estimates" in scores:
        errors = scores["estimates"]
        print(
            f"  dry and well counted, mean errors: diameter {errors['diameter']:.2f} nm, volume "
            f"average {errors['volume_diameter']:.2f} nm, dispersion {errors['dispersion']:.3f}, "
            f"strain {errors['strain']:.5f}"
        )


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
        *(_rounded(value) for value in (sizing.volume_diameter, sizing.dispersion, sizing.strain)),
    )
    record: dict[str, Any] = dict(zip(_COLUMNS, values, strict=True))
    record["uncertainties"] = {k: _rounded(v) for k, v in sizing.uncertainties.items()}
    record["probabilities"] = {
        f"{diameter:g}": round(float(p), 4)
        for diameter, p in zip(
            sizing.probabilities["diameter"].values, sizing.probabilities.values, strict=True
        )
    }
    return record


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


class _Writer(Protocol):
    def write(self, record: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


class _TableWriter:
    """Aligned columns, each row as soon as it is known."""

    _HEADER = ("diameter/nm", "probability", "runner-up/nm", "probability", "Q range/A^-1")
    _ESTIMATES = ("volume average/nm", "dispersion", "strain/%")

    def __init__(self, files: Sequence[str], out: TextIO) -> None:
        self.out = out
        self.width = max(len(name) for name in (*files, "file"))
        self.started = False

    def write(self, record: dict[str, Any]) -> None:
        if not self.started:
            told = self._ESTIMATES if _estimates(record) else ()
            self._line("file", *self._HEADER, "agreement", *told)
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
            *_estimates(record),
        )

    def close(self) -> None:
        """Nothing is kept back."""

    def _line(self, file: str, *cells: str) -> None:
        widths = [len(name) for name in (*self._HEADER, "agreement", *self._ESTIMATES)]
        text = [cell.rjust(width) for cell, width in zip(cells, widths, strict=False)]
        self.out.write("  ".join([file.ljust(self.width), *text]).rstrip() + "\n")
        self.out.flush()


def _estimates(record: dict[str, Any]) -> list[str]:
    """What a sizer estimates besides the class, each with its standard deviation."""
    columns = (("volume_diameter_nm", 1.0), ("dispersion", 1.0), ("strain", 100.0))
    if all(record[name] is None for name, _ in columns):
        return []
    cells = []
    for name, unit in columns:
        value, error = record[name], record["uncertainties"].get(name.removesuffix("_nm"))
        cells.append("" if value is None else f"{unit * value:.2f}±{unit * error:.2f}")
    return cells


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

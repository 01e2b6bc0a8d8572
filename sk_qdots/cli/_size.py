"""``sk-qdots size``."""

from __future__ import annotations

import argparse
import csv
import gc
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from ._words import BAD_INPUT, complain, number

if TYPE_CHECKING:
    import xarray as xr

    from ..sizing import Sizer, Sizing

__all__ = ["add_size"]

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
    "volume_diameter_nm",
    "dispersion",
    "strain",
    "width_nm",
    "length_nm",
    "thickness_nm",
)


def add_size(commands: Any) -> None:
    """Add the command to the parser."""
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


def _scan(text: str) -> Any:
    if text == "sum":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor sum") from None


def _size(options: argparse.Namespace) -> int:
    gc.disable()  # imports make no garbage, and looking for it takes a tenth of the start
    from ..io import PatternError, read_pattern
    from ..sizing import SizerError, load_sizer

    gc.enable()
    try:
        sizer = load_sizer(options.model)
    except SizerError as error:
        complain(str(error))
        return BAD_INPUT
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
            complain(str(error) if isinstance(error, PatternError) else f"{path}: {error}")
            status = BAD_INPUT
            continue
        sized.append((pattern, sizing))
        writer.write(_record(sizing, pattern))
    writer.close()
    if options.plot and sized:
        sys.stdout.flush()  # the sizes first: drawing takes a moment and may fail
        problem = _plot(sizer, sized, options.plot)
        if problem:
            complain(f"{options.plot}: {problem}")
            status = BAD_INPUT
    return status


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
        *(_rounded(sizing.dimensions.get(name)) for name in ("width", "length", "thickness")),
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

    def __init__(self, files: Sequence[str], out: TextIO) -> None:
        self.out = out
        self.width = max(len(name) for name in (*files, "file"))
        self.started = False

    def write(self, record: dict[str, Any]) -> None:
        if not self.started:
            self._line("file", *self._HEADER, "agreement", *_estimates(record))
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
            *_estimates(record).values(),
        )

    def close(self) -> None:
        """Nothing is kept back."""

    def _line(self, file: str, *cells: str) -> None:
        widths = [len(name) for name in (*self._HEADER, "agreement")]
        widths += [_ESTIMATE_WIDTH] * (len(cells) - len(widths))
        text = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        self.out.write("  ".join([file.ljust(self.width), *text]).rstrip() + "\n")
        self.out.flush()


_ESTIMATE_WIDTH = len("volume average/nm")
_ESTIMATES = {  # heading, unit of the record in that of the heading
    "volume_diameter_nm": ("volume average/nm", 1.0),
    "dispersion": ("dispersion", 1.0),
    "strain": ("strain/%", 100.0),
    "width_nm": ("width/nm", 1.0),
    "length_nm": ("length/nm", 1.0),
    "thickness_nm": ("thickness/nm", 1.0),
}


def _estimates(record: dict[str, Any]) -> dict[str, str]:
    """What a sizer estimates besides the class, each with its standard deviation."""
    cells = {}
    for name, (heading, unit) in _ESTIMATES.items():
        if (value := record[name]) is not None:
            error = record["uncertainties"][name.removesuffix("_nm")]
            cells[heading] = f"{unit * value:.2f}±{unit * error:.2f}"
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

    from ..inspection import SizingDisplay

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

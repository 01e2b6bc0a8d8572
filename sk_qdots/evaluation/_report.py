"""The report: one file that stands alone."""

from __future__ import annotations

import base64
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

from ..model_selection.published import PAPER, REFERENCE_LIMIT, RELEASED
from ._told_figures import INTERVALS_FIGURE, VERDICTS_FIGURE
from .results import Evaluation
from .told_tables import Table, table_of_groups, table_of_rows, told_summary

__all__ = ["Report", "render", "summarise", "write_report"]

_PACKAGES = ("sk_qdots", "scikit-learn", "numpy", "scipy", "torch")


@dataclass(frozen=True)
class Row:
    """A condition: why the sizer refused it, or a number for each column."""

    condition: str
    refused: str
    numbers: list[str]


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Parameters
    ----------
    number : str
        That it has in the paper; empty for the others.
    caption : str
    picture : str
        The PNG, in base64.
    """

    number: str
    caption: str
    picture: str


@dataclass(frozen=True)
class Report:
    """What the report says, before it is HTML.

    Parameters
    ----------
    sizer : str
    facts : dict of str to str
        How it was made.
    is_published : bool
        Whether the last columns are the paper's.
    columns : list of str
    rows : list of Row
    figures : list of Picture
    summary : list of str
        What it comes to, a sentence each.
    first : Picture, optional
        That is seen first.
    tables : list of Table
        What a user is told.
    told : list of Picture
        Of the same.
    """

    sizer: str
    facts: dict[str, str]
    is_published: bool
    columns: list[str]
    rows: list[Row]
    figures: list[Picture]
    summary: list[str] = field(default_factory=list)
    first: Picture | None = None
    tables: list[Table] = field(default_factory=list)
    told: list[Picture] = field(default_factory=list)


def write_report(e: Evaluation, folder: Path, seconds: float) -> Path:
    """Write ``report.html``."""
    text = render(summarise(e, folder, seconds))
    target = folder / "report.html"
    partial = folder / ".report.html.part"
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def summarise(e: Evaluation, folder: Path, seconds: float) -> Report:
    """Gather what the report says; the figures are read from the folder."""
    facts = {
        **{k: v for k, v in e.facts.items() if k not in ("inputs", "sk_qdots")},
        "made": f"{datetime.now(UTC).date().isoformat()} in {seconds / 60.0:.1f} minutes on "
        f"{os.cpu_count()} cores {platform.machine()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }
    peers = {name: report for name, report in e.reports.items() if name != e.sizer.name}
    columns = ["condition", "right", "within one class", "error (nm)", "right, paired", *peers]
    if e.is_published:
        columns += ["released network", "paper", "limit, paper's liquids"]
    return Report(
        sizer=e.sizer.name,
        facts=facts,
        is_published=e.is_published,
        columns=columns,
        rows=[_row(e, str(name), peers) for name in e.own.condition.values],
        figures=[
            _picture(folder / file, caption)
            for file, caption in e.figures
            if file not in (VERDICTS_FIGURE, INTERVALS_FIGURE)
        ],
        summary=told_summary(e.told),
        first=_named(e, folder, VERDICTS_FIGURE),
        tables=[table_of_rows(e.told), table_of_groups(e.told, e.sizer)],
        told=[picture for picture in [_named(e, folder, INTERVALS_FIGURE)] if picture is not None],
    )


def render(report: Report) -> str:
    """Put a report into HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sk_qdots.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(vars(report))


def _named(e: Evaluation, folder: Path, name: str) -> Picture | None:
    """A figure by its file."""
    return next((_picture(folder / file, said) for file, said in e.figures if file == name), None)


def _picture(path: Path, caption: str) -> Picture:
    number = path.stem.split("_")[0]
    return Picture(
        number=number if number[0].isdigit() else "",
        caption=caption,
        picture=base64.b64encode(path.read_bytes()).decode(),
    )


def _row(e: Evaluation, name: str, peers: dict[str, xr.Dataset]) -> Row:
    here = e.own.sel(condition=name)
    refused = str(here["refused"].values)
    if refused:
        return Row(name, refused, [])
    metrics = ("accuracy", "within_one_class", "mean_absolute_error")
    values = [float(here[f"overall_{metric}"]) for metric in metrics]
    for report in (e.paired, *peers.values()):
        known = name in report.condition.values
        values.append(float(report["overall_accuracy"].sel(condition=name)) if known else np.nan)
    if e.is_published:
        test, level = str(here["test"].values), str(here["level"].values)
        values += [t.get(test, {}).get(level, np.nan) for t in (RELEASED, PAPER, REFERENCE_LIMIT)]
    return Row(name, "", ["" if np.isnan(value) else f"{value:.3f}" for value in values])

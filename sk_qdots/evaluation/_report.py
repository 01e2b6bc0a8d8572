"""The report: one file that stands alone."""

from __future__ import annotations

import base64
import html
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

from ..model_selection.published import PAPER, REFERENCE_LIMIT, RELEASED
from .results import Evaluation

__all__ = ["write_report"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
th, td { text-align: left; padding: .15em .8em .15em 0; border-bottom: 1px solid #ddd }
td.number { text-align: right; font-variant-numeric: tabular-nums }
figure { margin: 2em 0 } img { max-width: 100% } figcaption { color: #444 }
"""


def write_report(e: Evaluation, folder: Path, seconds: float) -> Path:
    """Write ``report.html``."""
    packages = ("sk_qdots", "scikit-learn", "numpy", "scipy", "torch")
    facts = {
        **{k: v for k, v in e.facts.items() if k not in ("inputs", "sk_qdots")},
        "made": f"{datetime.now(UTC).date().isoformat()} in {seconds / 60.0:.1f} minutes on "
        f"{os.cpu_count()} cores {platform.machine()}",
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
    }
    rows = "".join(
        f"<tr><th>{key}</th><td>{html.escape(value)}</td></tr>" for key, value in facts.items()
    )
    pictures = "".join(_figure(folder / file, caption) for file, caption in e.figures)
    title = html.escape(e.sizer.name)
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Evaluation: {title}</title>
<style>{_STYLE}</style></head><body>
<h1>Evaluation of the sizer {title}</h1>
<table>{rows}</table>
<h2>Every condition</h2>
<p>Shares of right sizes; of the sizer also the share within one class, the mean absolute error of
the expected diameter, and the share on the patterns that its peers got. Peers: the limit is told
library, liquid and concentration; the likelihood mixes the shipped liquids in freely, negative
amounts too, and they are not those of the patterns; Scherrer is the width of one peak, its shape
factor fitted.{_about_published(e)}</p>
{_table(e)}
<h2>Figures</h2>
{pictures}
</body></html>
"""
    target = folder / "report.html"
    partial = folder / ".report.html.part"
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def _about_published(e: Evaluation) -> str:
    if not e.is_published:
        return ""
    return (
        " The last three columns are of the paper's two liquids, which its network was trained "
        "with: the released network, measured again on 3000 patterns; what the paper says; the "
        "limit on 600 of them."
    )


def _figure(path: Path, caption: str) -> str:
    number = path.stem.split("_")[0]
    word = f"<b>Figure {number}</b> (as in the paper). " if number[0].isdigit() else ""
    picture = base64.b64encode(path.read_bytes()).decode()
    text = html.escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/png;base64,{picture}">'
        f"<figcaption>{word}{text}</figcaption></figure>"
    )


def _table(e: Evaluation) -> str:
    peers = {name: report for name, report in e.reports.items() if name != e.sizer.name}
    columns = ["condition", "right", "within one class", "error (nm)", "right, paired", *peers]
    if e.is_published:
        columns += ["released network", "paper", "limit, paper's liquids"]
    lines = []
    for name in map(str, e.own.condition.values):
        here = e.own.sel(condition=name)
        refused = str(here["refused"].values)
        if refused:
            cell = f'<td colspan="{len(columns) - 1}">refused: {html.escape(refused)}</td>'
        else:
            cell = "".join(f'<td class="number">{_number(v)}</td>' for v in _row(e, name, peers))
        lines.append(f"<tr><td>{html.escape(name)}</td>{cell}</tr>")
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _row(e: Evaluation, name: str, peers: dict[str, xr.Dataset]) -> list[float]:
    here = e.own.sel(condition=name)
    metrics = ("accuracy", "within_one_class", "mean_absolute_error")
    cells = [float(here[f"overall_{metric}"]) for metric in metrics]
    for report in (e.paired, *peers.values()):
        known = name in report.condition.values
        cells.append(float(report["overall_accuracy"].sel(condition=name)) if known else np.nan)
    if e.is_published:
        test, level = str(here["test"].values), str(here["level"].values)
        cells += [t.get(test, {}).get(level, np.nan) for t in (RELEASED, PAPER, REFERENCE_LIMIT)]
    return cells


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"

"""What was told, in tables, a few sentences, and shares by level of coverage."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from scipy.stats import beta, binom

from .._typing import BoolArray, FloatArray
from ..sizing import Sizer
from ..sizing.answer import COVERAGE
from ..sizing.calibration import Condition
from .told import VERDICTS, summarised

__all__ = ["Curve", "Table", "curves_by_group", "table_of_groups", "table_of_rows", "told_summary"]

_COLUMNS = {  # of the table of rows
    "refused": "refused",
    "caution": "caution",
    "ok": "ok",
    "missed": "ok, but missed",
    "coverage": "covered",
    "coverage_ok": "covered if ok",
    "volume_coverage": "volume covered",
    "volume_coverage_ok": "volume covered if ok",
    "width": "width, nm",
    "error": "error, nm",
    "error_ok": "error if ok, nm",
    "sharpness": "width / that of who knows all",
}
_WORDS = {  # of a condition, in the order of Condition.words
    "size": ("small", "middle", "large"),
    "counts": ("weak", "strong"),
    "instrument": ("told", "not told"),
    "range": ("short", "full"),
    "around the dots": ("liquid", "dry"),
}
_LEAST = 30  # patterns of a group of all words, and of a curve
_BAND = 0.90
_MOST_WORDS = 9  # of a reason
_FULL = "full range"
_SHORTEST = "1.8 to 2.5"


@dataclass(frozen=True)
class Table:
    """Words and numbers.

    Parameters
    ----------
    title, text : str
    columns : list of str
    rows : list of list of str
        A cell for each column.
    """

    title: str
    text: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)

    def to_markdown(self) -> str:
        """The columns and rows."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(
            f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in lines
        )


@dataclass(frozen=True)
class Curve:
    """Shares of intervals that hold the truth, by what they state.

    Parameters
    ----------
    name : str
    n : int
        Patterns.
    stated, covered : ndarray of shape (n_levels,)
    low, high : ndarray of shape (n_levels,)
        Ends of the 90 % interval of each share.
    """

    name: str
    n: int
    stated: FloatArray
    covered: FloatArray
    low: FloatArray
    high: FloatArray


def table_of_rows(report: xr.Dataset) -> Table:
    """A line for every row of patterns.

    Parameters
    ----------
    report : Dataset
        Of :func:`sk_qdots.evaluation.told.told_report`.

    Returns
    -------
    Table
    """
    found = summarised(report)
    shown = [name for name in _COLUMNS if np.isfinite(found[name]).any()]
    rows = [
        [
            f"{row}",
            *(_number(float(found[name].sel(row=row))) for name in shown),
            _because(report.sel(row=row)),
        ]
        for row in found["row"].values
    ]
    columns = ["patterns", *(_COLUMNS[name] for name in shown), "mostly because"]
    text = (
        f"{report.sizes['pattern']} patterns a row. Covered: the share of the answers, with "
        f"caution or without, whose {100 * COVERAGE:.0f} % interval of the number average holds "
        "the truth (of rods and platelets the sphere of equal volume). Ok, but missed: of all "
        "patterns, those that were called ok with an interval that misses; of other crystals, all "
        "that were called ok."
    )
    return Table("Refused, with caution, ok", text, columns, rows)


def table_of_groups(report: xr.Dataset, sizer: Sizer) -> Table:
    """Coverage on right patterns, by what they show of their condition.

    Parameters
    ----------
    report : Dataset
    sizer : Sizer
        Whose calibration parts them, where there is one.

    Returns
    -------
    Table
    """
    words, right = _words(report, sizer)
    inside = (right["low"] <= right["number_truth"]) & (right["number_truth"] <= right["high"])
    hits, width = inside.values, (right["high"] - right["low"]).values
    error = abs(right["found"] - right["number_truth"]).values
    is_ok = right["verdict"].values == VERDICTS.index("ok")
    groups: dict[str, BoolArray] = {"all": np.ones(len(hits), dtype=bool)}
    for k, values in enumerate(_WORDS.values()):
        groups |= {value: words[:, k] == value for value in values}
    joined = np.array([", ".join(row) for row in words])
    groups |= {str(name): joined == name for name in np.unique(joined)}
    rows = []
    for name, here in groups.items():
        n = int(here.sum())
        if n < (_LEAST if "," in name else 1):
            continue
        low, high = binom.ppf([0.5 - 0.5 * _BAND, 0.5 + 0.5 * _BAND], n, COVERAGE) / n
        share = float(hits[here].mean())
        ok = float(hits[here & is_ok].mean()) if (here & is_ok).any() else np.nan
        told = [
            _number(v) for v in (share, ok, float(width[here].mean()), float(error[here].mean()))
        ]
        rows.append([name, str(n), told[0], f"{low:.2f} to {high:.2f}", *told[1:]])
    text = (
        "Right patterns that were answered, by what they show. By chance: where "
        f"{_BAND:.0%} of the shares would lie if the intervals covered {COVERAGE:.0%}. Groups of "
        f"all words have {_LEAST} patterns or more."
    )
    columns = ["group", "n", "covered", "by chance", "covered if ok", "width, nm", "error, nm"]
    return Table("Coverage by condition", text, columns, rows)


def curves_by_group(report: xr.Dataset, sizer: Sizer) -> dict[str, list[Curve]]:
    """Stated and empirical coverage of the number average, by what right patterns show.

    Parameters
    ----------
    report : Dataset
    sizer : Sizer

    Returns
    -------
    dict of str to list of Curve
        By what parts them; groups of 30 patterns or more, or the only ones.
    """
    words, right = _words(report, sizer)
    covered = right["covered"].transpose("pattern", "level").values
    stated = right["level"].values
    everything = np.ones(len(covered), dtype=bool)
    found = {"all": [_curve("all", covered, everything, stated)] if len(covered) else []}
    for k, (parted, values) in enumerate(_WORDS.items()):
        groups = {value: words[:, k] == value for value in values}
        found[parted] = [
            _curve(value, covered, here, stated)
            for value, here in groups.items()
            if here.sum() >= min(_LEAST, len(covered)) and here.any()
        ]
    return found


def told_summary(report: xr.Dataset) -> list[str]:
    """The most important shares, a sentence each.

    Parameters
    ----------
    report : Dataset

    Returns
    -------
    list of str
    """
    found = summarised(report)
    said = []
    right = report.where(report["kind"] == "right", drop=True)
    if right.sizes["row"]:
        answered = right["verdict"] > 0
        inside = (right["low"] <= right["number_truth"]) & (right["number_truth"] <= right["high"])
        covered = float(inside.where(answered).mean())
        refused, caution = (float((right["verdict"] == k).mean()) for k in range(2))
        said.append(
            f"Right patterns: {refused:.1%} refused, {caution:.1%} with caution; the "
            f"{COVERAGE:.0%} interval holds the truth in {covered:.1%} of the answers."
        )
    foreign = found.where(found["kind"] == "foreign", drop=True)
    for words in (_FULL, _SHORTEST):
        here = [name for name in foreign["row"].values if words in str(name)]
        if here:
            share = float(foreign["ok"].sel(row=here).mean())
            said.append(
                f"Other crystals, {words}{' 1/Å' if words != _FULL else ''}: {share:.1%} ok."
            )
    wrong = found.where(found["kind"] == "wrong", drop=True)
    if wrong.sizes["row"]:
        worst = wrong.isel(row=int(wrong["missed"].values.argmax()))
        said.append(
            f"Wrong patterns: {float(wrong['missed'].mean()):.1%} ok with an interval that misses; "
            f"most in “{worst['row'].item()}”, {float(worst['missed']):.1%}."
        )
    return said


def _words(report: xr.Dataset, sizer: Sizer) -> tuple[np.ndarray, xr.Dataset]:
    """Conditions in words (pattern, word) of right patterns with an answer, and these."""
    right = report.isel(row=np.flatnonzero(report["kind"].values == "right"))
    flat = right.stack(each=("row", "pattern")).reset_index("each", drop=True)
    kept = (flat["verdict"] > 0) & np.isfinite(flat["signal"])
    flat = flat.isel(each=np.flatnonzero(kept.values)).rename(each="pattern")
    known = sizer.calibration
    if known is not None:
        thirds, weak = known.thirds, known.weak
    else:
        first, last = sizer.inner_classes[0] / 1000.0, sizer.inner_classes[-1] / 1000.0
        thirds = (first + (last - first) / 3.0, first + 2.0 * (last - first) / 3.0)
        weak = float(flat["signal"].median()) if flat.sizes["pattern"] else 1.0
    shown = zip(
        *(flat[n].values for n in ("diameter", "is_told", "signal", "q_max", "dots")), strict=True
    )
    words = [
        Condition(d, bool(told), signal, q_max, dots).words(thirds, weak)
        for d, told, signal, q_max, dots in shown
    ]
    return np.array(words, dtype=object).reshape(len(words), len(_WORDS)), flat


def _curve(name: str, covered: FloatArray, here: BoolArray, stated: FloatArray) -> Curve:
    n, hits = int(here.sum()), covered[here].sum(axis=0)
    tails = 0.5 - 0.5 * _BAND
    low = np.where(hits > 0, beta.ppf(tails, hits, n - hits + 1), 0.0)
    high = np.where(hits < n, beta.ppf(1.0 - tails, hits + 1, n - hits), 1.0)
    return Curve(name, n, stated, hits / n, low, high)


def _because(row: xr.Dataset) -> str:
    """The commonest first reason, without its numbers."""
    reasons = [str(r) for r in row["reason"].values if r]
    plain = [re.sub(r"(?<!\w)-?\d[\d.]*", "…", re.split("[:;,(]", r)[0]) for r in reasons]
    openings = Counter(" ".join(words.split()[:_MOST_WORDS]) for words in plain)
    return openings.most_common(1)[0][0] if openings else ""


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"

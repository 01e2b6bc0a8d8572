"""What a user is told: refusals, cautions, and intervals that hold the truth or miss it.

Patterns are sized as a user sizes them (:meth:`sk_qdots.Sizer.size`), by both engines where the
sizer has both, row by row of :mod:`sk_qdots.evaluation.told_worlds`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import joblib
import numpy as np
import xarray as xr
from scipy.stats import norm
from tqdm import tqdm

from .._typing import FloatArray
from ..io import PatternError
from ..model_selection.kept import keep_report, read_report
from ..sizing import Sizer, Sizing
from ..sizing.calibration import LEVELS, Calibration, Who, widened
from ..sizing.posterior_engine import PosteriorEngine
from .told_worlds import Row

__all__ = ["VERDICTS", "summarised", "told_report"]

VERDICTS = ("refused", "caution", "ok")
_CHUNK = 25  # patterns between two steps of the progress bar
_N_KNOWN = 50  # patterns of a row, that the posterior that knows everything is asked for
_NUMBERS = (
    *("found", "low", "high", "volume_found", "volume_low", "volume_high"),
    *("diameter", "signal", "q_max", "dots", "is_told"),
)
_LEADING = {"number": "", "volume": "volume_"}

Asked = Literal["both", "network", "posterior"]


def told_report(
    sizer: Sizer,
    rows: Sequence[Row],
    n: int,
    *,
    curves: Mapping[str, xr.DataArray] | None = None,
    engine: Asked = "both",
    path: Path | None = None,
    seed: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Size every row of patterns, and keep what was told.

    Parameters
    ----------
    sizer : Sizer
    rows : sequence of Row
        Of :meth:`sk_qdots.evaluation.told_worlds.Worlds.rows`.
    n : int
        Patterns of each.
    curves : mapping of str to DataArray, optional
        Liquids of the right rows, which the posterior that knows everything is told; without
        them it is not asked.
    engine : {"both", "network", "posterior"}, default="both"
        Who answers.
    path : Path, optional
        A netCDF file, written after every row: interrupted, the same call goes on.
    seed : int, default=0
        Of the rows; only told.
    n_jobs : int, optional
        Processes among which patterns are shared; the result does not depend on it.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        Over ``row`` (with ``kind``) and ``pattern``: ``verdict`` (index in ``VERDICTS``),
        ``reason`` (the first), ``what``, truth and answer in nm, what the pattern shows of its
        condition, ``known_width``; ``covered`` also over ``level`` of coverage.

    Raises
    ------
    ValueError
        If the file is none of this sizer and these rows, or damaged.
    """
    answering = sum(hasattr(e, "posterior_of") == (engine == "posterior") for e in sizer.engines)
    asked: Asked = engine if engine == "both" or answering else "both"
    told_to = (
        n,
        asked,
        sizer.facts.to_dict(),
        [e.name for e in sizer.engines],
        version("sk_qdots"),
    )
    fingerprint = str(joblib.hash((told_to, seed)))
    parts = _kept(path, fingerprint)
    knowing = None if curves is None else _knowing(sizer, curves)
    with tqdm(total=n * len(rows), desc="Answers", disable=not progress) as bar:
        for row in rows:
            if row.name not in parts:
                bar.set_postfix_str(row.name)
                parts[row.name] = _part(sizer, row, n, asked, knowing, n_jobs, bar)
                if path is not None:
                    keep_report(_joined(parts, fingerprint, seed), path)
            else:
                bar.update(n)
    whole = _joined(parts, fingerprint, seed)
    return whole.sel(row=[row.name for row in rows])


def summarised(report: xr.Dataset) -> xr.Dataset:
    """Shares and means of every row.

    Parameters
    ----------
    report : Dataset
        Of :func:`told_report`.

    Returns
    -------
    Dataset
        Over ``row``: ``n``; the shares ``refused``, ``caution`` and ``ok`` of all;
        ``coverage`` and ``volume_coverage`` of the intervals among those that were answered, and
        with ``_ok`` among those that are ok; ``width`` and ``error``, means in nm of the number
        average among those answered, and ``error_ok``; ``missed``, the share of all that is ok with
        an interval that misses (of foreign crystals: that is ok at all); ``sharpness``, mean width
        over that of the posterior where everything is known, of the same patterns.
    """
    verdict = report["verdict"]
    answered, ok = verdict > 0, verdict == VERDICTS.index("ok")
    found: dict[str, xr.DataArray] = {
        "n": (verdict >= 0).sum("pattern"),
        **{name: (verdict == k).mean("pattern") for k, name in enumerate(VERDICTS)},
    }
    for name, before in _LEADING.items():
        truth = report[f"{name}_truth"]
        has_answer = np.isfinite(report[f"{before}low"]) & np.isfinite(truth)
        inside = (report[f"{before}low"] <= truth) & (truth <= report[f"{before}high"])
        for ending, those in (("", answered), ("_ok", ok)):
            found[f"{before}coverage{ending}"] = inside.where(those & has_answer).mean("pattern")
        if name == "number":
            found["missed"] = (ok & ~inside).mean("pattern")
    width = report["high"] - report["low"]
    error = abs(report["found"] - report["number_truth"])
    found["width"] = width.where(answered).mean("pattern")
    found["error"], found["error_ok"] = error.mean("pattern"), error.where(ok).mean("pattern")
    known = report["known_width"]
    both = np.isfinite(known) & np.isfinite(width)
    found["sharpness"] = width.where(both).mean("pattern") / known.where(both).mean("pattern")
    return xr.Dataset(found)


def _part(
    sizer: Sizer,
    row: Row,
    n: int,
    engine: Asked,
    knowing: Sizer | None,
    n_jobs: int | None,
    bar: tqdm,
) -> xr.Dataset:
    """The answers to one row."""
    X = row.make(n)
    answers: list[Sizing | PatternError] = []
    for start in range(0, n, _CHUNK):
        few = X[start : start + _CHUNK]
        answers += sizer.size_many(few, row.instrument, engine=engine, n_jobs=n_jobs)
        bar.update(few.sizes["sample"])
    known = np.full(n, np.nan)
    if knowing is not None and row.known is not None:
        some = knowing.size_many(X[:_N_KNOWN], row.known, n_jobs=n_jobs)
        for k, answer in enumerate(some):
            if isinstance(answer, Sizing):
                known[k] = np.subtract(*answer.interval[::-1])
    truth = X["number_diameter"].values
    numbers = np.full((len(_NUMBERS), n), np.nan)
    covered = np.full((n, len(LEVELS)), np.nan)
    for k, answer in enumerate(answers):
        if isinstance(answer, Sizing):
            numbers[:, k] = _numbers(answer)
            if np.isfinite(truth[k]):
                ends = _intervals(answer, sizer.calibration)
                covered[k] = (ends[:, 0] <= truth[k]) & (truth[k] <= ends[:, 1])
    over = ("row", "pattern")
    return xr.Dataset(
        {
            "verdict": (over, [[VERDICTS.index(_verdict(answer)) for answer in answers]]),
            "reason": (over, [[_reason(answer) for answer in answers]]),
            "what": (over, [X["what"].values.astype(str)]),
            "number_truth": (over, [truth]),
            "volume_truth": (over, [X["volume_diameter"].values]),
            **{name: (over, values[None]) for name, values in zip(_NUMBERS, numbers, strict=True)},
            "known_width": (over, known[None]),
            "covered": ((*over, "level"), covered[None]),
        },
        coords={"row": [row.name], "kind": ("row", [row.kind]), "level": list(LEVELS)},
    )


def _verdict(answer: Sizing | PatternError) -> str:
    return answer.verdict if isinstance(answer, Sizing) else "refused"


def _reason(answer: Sizing | PatternError) -> str:
    if isinstance(answer, Sizing):
        return answer.reasons[0] if answer.reasons else ""
    return answer.reason


def _numbers(answer: Sizing) -> FloatArray:
    """In the order of ``_NUMBERS``."""
    condition = answer.condition
    shown = [float("nan")] * 5
    if condition is not None:
        shown = [condition.diameter, condition.signal, condition.q_max, condition.dots]
        shown.append(float(condition.told))
    volume = float("nan") if answer.volume_diameter is None else answer.volume_diameter
    ends = answer.volume_interval or (float("nan"), float("nan"))
    return np.array([answer.number_diameter, *answer.interval, volume, *ends, *shown])


def _intervals(answer: Sizing, calibration: Calibration | None) -> FloatArray:
    """Of the number average, at each of ``LEVELS``."""
    found, ends = answer.number_diameter, answer.interval
    levels = np.array(LEVELS)
    if calibration is not None and answer.condition is not None:
        factor = partial(calibration.factor, _who(answer), answer.condition, "diameter")
        stated, factors = factor(answer.coverage), [factor(c) for c in LEVELS]
        if stated is not None:
            return np.array([widened(found, ends, (f or stated) / stated) for f in factors])
    draws = {} if answer.posterior is None else answer.posterior.draws
    if "diameter" in draws:
        shares = np.stack([0.5 - 0.5 * levels, 0.5 + 0.5 * levels], axis=1)
        return np.asarray(np.quantile(draws["diameter"], shares))
    reach = norm.ppf(0.5 + 0.5 * levels) * answer.uncertainties["diameter"]
    return np.stack([found - reach, found + reach], axis=1)


def _who(answer: Sizing) -> Who:
    if answer.fit is None:
        return "network"
    return "both" if len(answer.engines) > 1 else "posterior"


def _knowing(sizer: Sizer, curves: Mapping[str, xr.DataArray]) -> Sizer | None:
    """The sizer's posterior, which knows the liquids too."""
    found = next((e for e in sizer.engines if isinstance(e, PosteriorEngine)), None)
    if found is None or found.recipe is None:
        return None
    recipe = replace(found.recipe, solvents=tuple(curves.values()), shape="sphere")
    engine = PosteriorEngine(None, recipe.instrument, recipe)
    return Sizer((recipe.standardizer(), engine), facts=recipe.facts(None))


def _kept(path: Path | None, fingerprint: str) -> dict[str, xr.Dataset]:
    """Rows that a file holds."""
    if path is None or not path.exists():
        return {}
    whole = read_report(path)
    if whole.attrs.get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} holds the answers of another sizer or to other patterns; choose another "
            "folder or delete it"
        )
    return {str(name): whole.sel(row=[name]) for name in whole["row"].values}


def _joined(parts: Mapping[str, xr.Dataset], fingerprint: str, seed: int) -> xr.Dataset:
    whole = xr.concat(list(parts.values()), "row", data_vars="all")
    packages = ("sk_qdots", "numpy", "scipy", "scikit-learn")
    whole.attrs = {
        "title": "what a user is told",
        "fingerprint": fingerprint,
        "seed": seed,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": ", ".join(f"{name} {version(name)}" for name in packages),
    }
    return whole

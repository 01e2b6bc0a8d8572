"""Find the limit that counting noise sets, and hold it against the reference.

    python tools/check_limit.py

draws patterns of the published library (4 dispersions, 19 strains) in the two liquids
of the paper, and sizes them with ``LibraryLikelihoodClassifier``: once told the library,
the liquid and the concentration (the limit), once told the library and the liquids only,
so that the amounts are nuisances. Writes ``docs/tables/limit.md``; ends with an error
where the limit is off the reference by more than 0.01 and by more than three standard
errors.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.evaluation import KnownConditions, dry_library
from sk_qdots.model_selection import (
    Condition,
    measured_samples,
    robustness_conditions,
    robustness_report,
)
from sk_qdots.model_selection.published import REFERENCE_LIMIT

ROOT = Path(__file__).resolve().parent.parent
CLASSES = np.arange(2000, 10_500, 500)
SOLVENTS = ("hexane", "toluene")
DOTS = {
    "dispersions": (0.05, 0.10, 0.15, 0.20),
    "strains": tuple(np.linspace(-0.0025, 0.0051, 19)),
}
CELLS = {  # concentration, signal-to-noise ratio, reference
    "c = 15 %, k = 3": (0.15, 14.6, 0.965),
    "c = 15 %, k = 200": (0.15, 119.5, 1.0),
}
N_REFERENCE = 600


def reports(
    conditions: list[Condition], n: int, seed: int, **cells: tuple[float, ...]
) -> list[xr.Dataset]:
    """Of the limit, and of the likelihood that is not told the amounts."""
    X, y = measured_samples(CLASSES, n, solvents=SOLVENTS, random_state=seed, **cells, **DOTS)
    clean, labels = dry_library("PbS", CLASSES, X["q"].values, **DOTS)
    estimators = (
        KnownConditions({name: name for name in SOLVENTS}).fit(clean, labels),
        sq.LibraryLikelihoodClassifier(SOLVENTS).fit(clean, labels),
    )
    return [robustness_report(e, X, y, conditions=conditions) for e in estimators]


def row(name: str, found: list[xr.Dataset], condition: str, reference: float, n: int):
    """A line of the table, and whether it agrees."""
    limit, nuisance = (float(r["overall_accuracy"].sel(condition=condition)) for r in found)
    error = np.sqrt(
        sum(max(p * (1 - p), 1e-4) / k for p, k in ((limit, n), (reference, N_REFERENCE)))
    )
    agrees = abs(limit - reference) <= max(0.01, 3.0 * error)
    return f"| {name} | {limit:.3f} | {nuisance:.3f} | {reference:.3f} | {error:.3f} |", agrees


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/limit.md")
    parser.add_argument("--seed", type=int, default=40_000)
    parser.add_argument("--patterns", type=int, default=3060, help="at each condition")
    arguments = parser.parse_args()
    start, n = time.monotonic(), arguments.patterns
    conditions = [
        Condition(c.test, c.level, c.perturbation)
        for c in robustness_conditions(REFERENCE_LIMIT, random_state=arguments.seed)
        if c.level in REFERENCE_LIMIT[c.test]
    ]
    for condition in conditions:  # dots of the library, where they are measured again
        if condition.test == "qd_fraction":
            condition.perturbation.set_params(**DOTS)
    found = reports(conditions, n, arguments.seed)
    rows = [row(c.name, found, c.name, REFERENCE_LIMIT[c.test][c.level], n) for c in conditions]
    for name, (fraction, snr, reference) in CELLS.items():
        cell = reports(conditions[:1], n, arguments.seed, qd_fractions=(fraction,), snr=(snr,))
        rows.append(row(name, cell, "standard", reference, n))
    milliseconds = 1000.0 * float(found[1]["seconds"][0]) / n
    table = "\n".join(line for line, _ in rows)
    text = f"""| condition | all known | amounts unknown | reference | standard error |
|---|---|---|---|---|
{table}

Shares of right sizes of `LibraryLikelihoodClassifier` with the 1292 templates that the {n}
patterns of each condition are drawn from, in computed {" and ".join(SOLVENTS)}. "All known":
library, liquid and concentration; "amounts unknown": both liquids may be mixed in, in any amounts.
The reference was computed with another program and measured liquids, on {N_REFERENCE} patterns; the
standard error is that of the difference. {milliseconds:.1f} ms a pattern.
Made by `python tools/check_limit.py --seed {arguments.seed} --patterns {n}` on
{datetime.now(UTC).date().isoformat()} ({time.monotonic() - start:.0f} s, {platform.machine()};
sk_qdots {version("sk_qdots")}, numpy {version("numpy")}).
"""
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    if not all(agrees for _, agrees in rows):
        sys.exit("the limit is not that of the reference")


if __name__ == "__main__":
    main()

"""How often the shipped PbS sizer refuses, doubts, and covers: right patterns and wrong ones.

    python tools/check_cautions.py

writes ``docs/tables/cautions.md``. Simulated dots are put into a liquid that the sizer has not
seen (chlorobenzene; 15 to 100 % of the intensity), counted (k = 8 to 200, as in the paper),
and sized. "Covered" is the share of those with the verdict *ok* whose 90 % interval of the number
average holds the truth; for rods, platelets and cubes the truth is the sphere of equal volume.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.simulation import Cylinder, Shape

ROOT = Path(__file__).resolve().parent.parent
SIZES = np.arange(2.6, 9.5, 0.23)
MIDDLE = np.arange(3.1, 6.6, 0.23)
DISPERSIONS = (0.065, 0.095, 0.125, 0.155, 0.185)
REASONS = {
    "disagree": "estimates of the diameter disagree",
    "edge": "class of the sizer",
    "dispersion": "the dispersion,",
    "unexplained": "explains only",
}


def dots(
    diameters: Sequence[float] | np.ndarray,
    dispersions: Sequence[float] = DISPERSIONS,
    shape: str | Shape = "sphere",
) -> xr.DataArray:
    """Clean patterns on the standard grid."""
    library = sq.simulate_library(
        "PbS", diameters=diameters, dispersions=dispersions, strains=[0.0007], shape=shape
    )
    X = sq.library_samples(library)[0]
    return X.copy(data=sq.QStandardizer().fit_transform(X))


def measured(
    X: xr.DataArray,
    n: int,
    rng: np.random.Generator,
    *,
    qd_fraction: tuple[float, float] = (0.15, 1.0),
    scale: tuple[float, float] = (8.0, 200.0),
    q_max: float | None = None,
    beam: Callable[[xr.DataArray], xr.DataArray] | None = None,
) -> tuple[list[xr.DataArray], np.ndarray]:
    """Patterns in a liquid, counted, and the number averages of their dots in nm."""
    chosen = rng.integers(len(X), size=n)
    patterns = []
    for row in chosen:
        part = X[[row]]
        fraction, k = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in (qd_fraction, scale))
        part = sq.SolventMixer("chlorobenzene", qd_fraction=fraction).fit_transform(part)
        part = part if beam is None else beam(part)
        noise = sq.PoissonNoise(scale=k, random_state=int(rng.integers(2**31)))
        pattern = noise.fit_transform(part)[0]
        patterns.append(pattern if q_max is None else pattern.sel(q=slice(None, q_max)))
    return patterns, X["diameter"].values[chosen]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    refused: float
    caution: float
    reasons: dict[str, float]
    covered: float
    error: float

    def __str__(self) -> str:
        why = ", ".join(f"{name} {share:.2f}" for name, share in self.reasons.items() if share)
        known = [f"{v:.2f}" if np.isfinite(v) else "" for v in (self.covered, self.error)]
        cells = [self.name, f"{self.refused:.2f}", f"{self.caution:.2f}", why, *known]
        return f"| {' | '.join(cells)} |"


def judged(sizer: sq.Sizer, name: str, patterns: list[xr.DataArray], truth: np.ndarray) -> Row:
    """Size patterns and count what the answers say."""
    answers = sizer.size_many(patterns)
    sized = [(a, t) for a, t in zip(answers, truth, strict=True) if isinstance(a, sq.sizing.Sizing)]
    sure = [(a, t) for a, t in sized if a.verdict == "ok"]
    inside = [a.interval[0] <= t <= a.interval[1] for a, t in sure]
    n = len(answers)
    return Row(
        name,
        1.0 - len(sized) / n,
        (len(sized) - len(sure)) / n,
        {
            short: sum(any(words in told for told in a.reasons) for a, _ in sized) / n
            for short, words in REASONS.items()
        },
        float(np.mean(inside)) if inside else np.nan,
        float(np.mean([abs(a.number_diameter - t) for a, t in sure])) if sure else np.nan,
    )


def rows(sizer: sq.Sizer, n: int, seed: int) -> list[Row]:
    """Every line of the table."""
    good = dots(SIZES)
    mixed = dots([3.0]).copy(data=dots([3.0]).values + dots([6.0]).values)
    texture = sq.PreferredOrientation("PbS", march=0.6)
    cases: list[tuple[str, xr.DataArray, dict]] = [
        ("dots like those of the training", good, {}),
        ("the same, dry", good, {"qd_fraction": (1.0, 1.0)}),
        ("the same, up to 4.4 1/Angstrom", good, {"q_max": 4.4}),
        (
            "the same, 5 to 15 %, k = 3 to 30",
            good,
            {"qd_fraction": (0.05, 0.15), "scale": (3, 30)},
        ),
        *((f"dispersion {s:g}", dots(MIDDLE, [s]), {}) for s in (0.05, 0.2, 0.25, 0.3, 0.4)),
        *((f"{d:g} nm", dots([d]), {}) for d in (1.0, 1.5, 2.0, 10.0, 12.0, 15.0)),
        ("3 and 6 nm, half the intensity each", mixed, {}),
        ("cubes", dots(MIDDLE, shape="cube"), {}),
        ("rods, 3 times as long as wide", dots(MIDDLE, shape=Cylinder(3.0, 1.0)), {}),
        ("platelets, 4 times as wide as thick", dots(MIDDLE, shape=Cylinder(0.25, 1.0)), {}),
        ("texture, r = 0.6", good, {"qd_fraction": (1.0, 1.0), "beam": texture.fit_transform}),
    ]
    for width in (0.05, 0.1):
        blur = sq.InstrumentBroadening(w=width**2)  # Caglioti's, degrees^2
        cases.append((f"resolution {width:g}° at 0.56 Å", good, {"beam": blur.fit_transform}))
    made = []
    for number, (name, X, options) in enumerate(cases):
        patterns, truth = measured(X, n, np.random.default_rng([seed, number]), **options)
        made.append(judged(sizer, name, patterns, truth))
        print(made[-1], flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/cautions.md")
    parser.add_argument("--patterns", type=int, default=200, help="in a row")
    parser.add_argument("--seed", type=int, default=40_000)
    arguments = parser.parse_args()
    start = time.monotonic()
    table = rows(sq.load_sizer("PbS"), arguments.patterns, arguments.seed)
    lines = [
        "| simulated patterns | refused | caution | because of | covered if ok | error if ok, nm |",
        "|---|---|---|---|---|---|",
        *map(str, table),
        "",
        f"{arguments.patterns} patterns a row in chlorobenzene, which the sizer has not seen. Made "
        f"by `python tools/check_cautions.py --seed {arguments.seed}` on "
        f"{datetime.now(UTC).date().isoformat()} ({time.monotonic() - start:.0f} s, "
        f"{platform.machine()}; sk_qdots {version('sk_qdots')}, numpy {version('numpy')}).",
    ]
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

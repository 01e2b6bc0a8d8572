"""What the standardiser makes of finely and of coarsely stepped patterns.

    python tools/compare_resampling.py

puts noisy patterns of PbS on the standard grid, by averages and by a spline, and
noiseless ones of any step, and writes ``docs/tables/resampling.md``.
"""

from __future__ import annotations

import argparse
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.interpolate import make_interp_spline

import sk_qdots as sq

ROOT = Path(__file__).resolve().parent.parent
POINTS = (2500, 5000, 7500, 10_000, 23_000, 60_000)
TOTAL_COUNTS = 5_000_000  # the same exposure, however fine the steps
N_PATTERNS = 20
STEPS = (0.001, 0.005, 0.01, 0.02, 0.03, 0.04, 0.056)  # 1/Angstrom
DIAMETERS = (2.0, 5.0, 10.0)  # nm


def signal_to_noise(found: np.ndarray, true: np.ndarray) -> float:
    """Mean intensity over the root mean square error."""
    return float(true.mean() / np.sqrt(np.mean((found - true) ** 2)))


def compare(n_points: int, rng: np.random.Generator) -> tuple[float, float]:
    """Signal-to-noise ratio on the grid, averaged (as QStandardizer does) and by a spline."""
    grid = sq.default_q_grid()
    # Between the points of the grid, as a diffractometer's are.
    q = np.linspace(grid[0] - 0.0071, grid[-1] + 0.0083, n_points)
    both = np.union1d(q, grid)
    library = sq.simulate_library(
        "PbS", diameters=[5.0], dispersions=[0.1], strains=[0.0], q=both, progress=False
    )
    intensity = library["intensity"].values.ravel().astype(float)
    expected, true = np.interp(q, both, intensity), np.interp(grid, both, intensity)
    true *= 1000.0 / np.trapezoid(true, grid)
    counts = rng.poisson(expected * TOTAL_COUNTS / expected.sum(), (N_PATTERNS, n_points))
    patterns = xr.DataArray(counts.astype(float), dims=("sample", "q"), coords={"q": q})
    averaged = sq.QStandardizer().fit_transform(patterns)
    splined = make_interp_spline(q, counts.astype(float), k=3, axis=1)(grid)
    splined *= 1000.0 / np.trapezoid(splined, grid, axis=1)[:, None]
    return signal_to_noise(averaged, true), signal_to_noise(splined, true)


def error_of_step(diameter: float, step: float) -> float:
    """Largest error on the grid, as a share of the largest value, without noise."""
    fine = np.arange(0.95, 15.05, 0.0005)
    library = sq.simulate_library(
        "PbS", diameters=[diameter], dispersions=[0.05], strains=[0.0], q=fine, progress=False
    )
    values = library["intensity"].values.ravel().astype(float)

    def standard(q: np.ndarray) -> np.ndarray:
        pattern = xr.DataArray(np.interp(q, fine, values), dims="q", coords={"q": q})
        return sq.QStandardizer().fit_transform([pattern])[0]

    direct = standard(fine)
    offsets = [standard(np.arange(0.95 + k * step / 4, 15.05, step)) for k in range(4)]
    return max(float(np.nanmax(np.abs(found - direct)) / np.nanmax(direct)) for found in offsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/resampling.md")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    lines = [
        "| points measured | points a grid step | SNR, averaged | SNR, spline | gain | root of the "
        "points a step |",
        "|---|---|---|---|---|---|",
    ]
    for n_points in POINTS:
        averaged, splined = compare(n_points, rng)
        ratio = n_points / 5004
        lines.append(
            f"| {n_points} | {ratio:.2f} | {averaged:.1f} | {splined:.1f} | "
            f"{averaged / splined:.2f} | {np.sqrt(ratio):.2f} |"
        )
        print(lines[-1], flush=True)
    lines += [
        "",
        f"Signal-to-noise ratio (mean intensity over root mean square error) on the grid of 5004 "
        f"points, of {N_PATTERNS} patterns of 5 nm PbS with {TOTAL_COUNTS / 1e6:g} million counts "
        f"each, however many points they fall on.",
        "",
        "| step, 1/Angstrom | " + " | ".join(f"{d:g} nm" for d in DIAMETERS) + " |",
        "|---|" + "---|" * len(DIAMETERS),
    ]
    for step in STEPS:
        errors = [f"{error_of_step(diameter, step):.1e}" for diameter in DIAMETERS]
        lines.append(f"| {step:g} | " + " | ".join(errors) + " |")
        print(lines[-1], flush=True)
    lines += [
        "",
        "Largest error of a noiseless pattern on the grid, as a share of its largest value, by the "
        "step of the data (5 % dispersion, the worst of four offsets): what a coarse step leaves "
        "out no spline brings back. Made by `python tools/compare_resampling.py "
        f"--seed {arguments.seed}` on {datetime.now(UTC).date().isoformat()} "
        f"({platform.machine()}, sk_qdots {version('sk_qdots')}, numpy {version('numpy')}).",
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

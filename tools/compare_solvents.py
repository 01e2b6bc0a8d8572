"""Show what the shipped liquids look like, and compare them with measured ones.

    python tools/compare_solvents.py toluene=measured.xye --wavelength 0.564162

prints, for every shipped liquid, its density, its first two maxima and, where a
measured curve is given, Pearson's r and R_w over 1 to 15 1/Angstrom, both curves
scaled to the same area; ``--plot`` draws them.
"""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr
from scipy.signal import find_peaks

import sk_qdots as sq
from sk_qdots.solvents import known_solvents, solvents_by_name

LOW, HIGH, STEP = 1.0, 15.0, 0.01  # 1/Angstrom


def maxima(curve: xr.DataArray) -> np.ndarray:
    """Positions of the first two maxima above 1 1/Angstrom that rise by 1 % of the curve."""
    inner = curve.sel(q=slice(1.0, 12.0))
    logarithm = np.log(inner.values)
    peaks, _ = find_peaks(logarithm, prominence=0.01)
    return inner["q"].values[peaks[:2]]


def agreement(computed: xr.DataArray, measured: xr.DataArray) -> tuple[float, float]:
    """Pearson's r and R_w at equal areas."""
    grid = np.arange(LOW, HIGH + 1e-9, STEP)
    a, b = (np.interp(grid, c["q"].values, c.values) for c in (computed, measured))
    a, b = a / np.trapezoid(a, grid), b / np.trapezoid(b, grid)
    return float(np.corrcoef(a, b)[0, 1]), float(np.sqrt(((a - b) ** 2).sum() / (b**2).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measured", nargs="*", help="NAME=FILE of a measured liquid")
    parser.add_argument("--wavelength", type=float, help="of the measured files, Angstrom")
    parser.add_argument("--plot", help="PNG to draw")
    options = parser.parse_args()
    files = dict(item.split("=", 1) for item in options.measured)
    wavelength = options.wavelength or 0.56
    print(f"{'liquid':20s} {'g/cm3':>7s} {'maxima, 1/Angstrom':>20s} {'r':>8s} {'R_w':>7s}")
    pairs = {}
    for name in (*known_solvents(), *solvents_by_name()):
        computed = sq.load_solvent(name, wavelength)
        positions = " ".join(f"{q:.2f}" for q in maxima(computed))
        line = f"{name:20s} {computed.attrs['density']:7.4f} {positions:>20s}"
        if name in files:
            measured = sq.read_solvent(files[name], wavelength=options.wavelength)
            r, r_w = agreement(computed, measured)
            line += f" {r:8.5f} {r_w:7.4f}"
            pairs[name] = measured
        print(line)
    if options.plot:
        draw(options.plot, pairs, wavelength)


def draw(path: str, pairs: dict[str, xr.DataArray], wavelength: float) -> None:
    import matplotlib.pyplot as plt

    names = [*known_solvents(), *solvents_by_name()]
    fig, axes = plt.subplots(
        len(names), 1, figsize=(7, 1.7 * len(names)), sharex=True, layout="constrained"
    )
    for ax, name in zip(axes, names, strict=True):
        curves = [(sq.load_solvent(name, wavelength), "C0", "computed")]
        if name in pairs:
            curves.insert(0, (pairs[name], "k", "measured"))
        for curve, color, label in curves:
            part = curve.sel(q=slice(0.3, HIGH))
            inside = curve.sel(q=slice(LOW, HIGH))
            area = np.trapezoid(inside.values, inside["q"].values)
            ax.plot(part["q"], part / area, color=color, lw=1.0, label=label)
        ax.set(ylabel=name, yticks=[], xlim=(0.3, HIGH), ylim=(0, None))
        ax.legend(frameon=False, fontsize=8)
    axes[-1].set_xlabel("Q (1/Angstrom)")
    fig.savefig(path, dpi=150)


if __name__ == "__main__":
    main()

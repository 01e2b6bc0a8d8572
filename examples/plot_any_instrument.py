"""
One sample, three instruments, one grid
=======================================

The same colloid measured with a copper tube, a molybdenum tube and a synchrotron, written
as such instruments write their files, read back, and put on the standard grid.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.interpolate import make_interp_spline

import sk_qdots as sq

COLORS = {"Cu K-alpha": "#d55e00", "Mo K-alpha": "#0072b2", "synchrotron": "#009e73"}
rng = np.random.default_rng(0)

# %%
# What scatters: dots of 4 nm in toluene, and the solvent alone, as any instrument would see
# them at a given Q.
grid = np.linspace(0.3, 16.0, 6000)
library = sq.simulate_library(
    "PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0], q=grid, progress=False
)
dots = library["intensity"].values.ravel().astype(float)
liquid = sq.load_solvent("toluene")
solvent = np.interp(grid, liquid["q"], liquid)
solvent *= np.trapezoid(dots, grid) / np.trapezoid(solvent, grid)


def counted(two_theta, wavelength, counts, parts):
    """Counts at these angles, with so many in all for the whole sample."""
    q = 4 * np.pi / wavelength * np.sin(np.deg2rad(two_theta / 2))
    whole = np.interp(q, grid, dots + solvent)
    return rng.poisson(np.interp(q, grid, parts) * counts / whole.sum()).astype(float)


# %%
# Each instrument has its range and its steps; each file is its own table of text.
instruments = {
    "Cu K-alpha": (1.5418, np.arange(15.0, 140.0, 0.02), 4e6),
    "Mo K-alpha": (0.7107, np.arange(8.0, 100.0, 0.02), 3e6),
    "synchrotron": (0.5642, np.arange(2.0, 85.0, 0.0036), 4e7),
}
folder = Path(tempfile.mkdtemp())
patterns = {}
for name, (wavelength, two_theta, counts) in instruments.items():
    table = [two_theta, counted(two_theta, wavelength, counts, dots + solvent)]
    path = folder / f"{name}.xy"
    np.savetxt(path, np.column_stack(table), fmt=["%.4f", "%d"], header="2theta counts")
    patterns[name] = sq.read_pattern(path, wavelength=wavelength)

standardizer = sq.QStandardizer()
rows = standardizer.fit_transform(list(patterns.values()))

# %%
# The blank, measured with the synchrotron for as long, taken away.
wavelength, two_theta, counts = instruments["synchrotron"]
np.savetxt(
    folder / "blank.xy",
    np.column_stack([two_theta, counted(two_theta, wavelength, counts, solvent)]),
    fmt=["%.4f", "%d"],
    header="2theta counts",
)
blank = sq.read_pattern(folder / "blank.xy", wavelength=wavelength)
without = sq.subtract_blank(patterns["synchrotron"], blank, 1.0)

# %%
figure, axes = plt.subplots(2, 2, figsize=(11.0, 7.5), layout="constrained")
for ax, letter, title in zip(
    axes.flat,
    "abcd",
    [
        "As measured",
        "Standardised: Q, area 1000 over what was measured",
        "Synchrotron, averaged over the grid's steps or not",
        "A blank taken away",
    ],
    strict=True,
):
    ax.set_title(f"({letter})  {title}", loc="left", fontsize="medium")

ax = axes[0, 0]
for name, pattern in patterns.items():
    ax.plot(pattern["two_theta"], pattern / pattern.max(), lw=0.7, color=COLORS[name], label=name)
ax.set(xlabel=r"$2\theta$ (degrees)", ylabel="counts / largest", xlim=(0, 140))
ax.legend(frameon=False)

ax = axes[0, 1]
for shift, (name, row) in zip((400, 200, 0), zip(patterns, rows, strict=True), strict=True):
    ax.plot(standardizer.q_, row + shift, lw=0.7, color=COLORS[name], label=name)
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="intensity, shifted", xlim=(0.9, 15.1))
ax.legend(frameon=False)

ax = axes[1, 0]
measured = patterns["synchrotron"]
splined = make_interp_spline(measured["q"].values, measured.values, k=3)(standardizer.q_)
splined *= 1000.0 / np.trapezoid(splined, standardizer.q_)
ax.plot(standardizer.q_, splined, lw=0.5, color="0.7", label="spline through the points")
ax.plot(standardizer.q_, rows[2], lw=0.8, color=COLORS["synchrotron"], label="QStandardizer")
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="intensity", xlim=(7.0, 9.0), ylim=(40, 75))
ax.legend(frameon=False)

ax = axes[1, 1]
back = standardizer.inverse_transform(standardizer.transform([without]), without)
q = measured["q"]
ax.plot(q, measured, lw=0.6, color="0.7", label="dots in toluene")
ax.plot(blank["q"], blank, lw=0.6, color="#56b4e9", label="toluene")
ax.plot(back["q"], back, lw=0.8, color="#c1272d", label="difference, standardised and back")
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="counts", xlim=(0.9, 10.0), ylim=(-100, None))
ax.legend(frameon=False)

for ax in axes.flat:
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

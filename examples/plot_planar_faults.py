"""
Stacking faults and twins
=========================

Close-packed layers lie at A, B or C. In fcc metals and in zinc blende the sequence is ABCABC, in
wurtzite ABAB, and real nanocrystals are between. A growth fault is a layer whose neighbours are at
equal positions: its probability is 0 in a cubic crystal and 1 in a hexagonal one. Patterns here are
what is expected of all sequences, computed exactly; no particle was drawn at random.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import curve_fit, least_squares

import sk_qdots as sq
from sk_qdots.simulation import (
    Stacking,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
    volume_mean,
)

COLORS = ["#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00"]
population = {"dispersions": [0.10], "strains": [0.0], "n_jobs": 1}

# %%
# From zinc blende to wurtzite
# ----------------------------
# CdSe of 3.5 nm in five steps, with the ideal distances of zinc blende, and wurtzite with its own
# lattice parameters and bond lengths. ``fill="atoms"`` takes the atoms inside the surface: whole
# pairs of Cd and Se, all upright, would end wurtzite in a way that shows in its pattern.
q = np.linspace(1.0, 5.2, 1200)  # 1/Angstrom
faults = [0.0, 0.25, 0.5, 0.75, 1.0]
options = {"diameters": [3.5], "q": q, "fill": "atoms", **population}
steps = sq.simulate_library("CdSe zinc blende", growth_faults=faults, **options)
steps = steps["intensity"].values.squeeze()
wurtzite = sq.simulate_library("CdSe wurtzite", growth_faults=[1.0], **options)
wurtzite = wurtzite["intensity"].values.squeeze()
difference = np.abs(steps[-1] - wurtzite).max() / wurtzite.max()
print(f"ideal and real wurtzite differ by at most {difference:.1%} of the maximum")

# %%
# Twins
# -----
# Platinum of 4 nm: perfect spheres, spheres with one twin plane through the middle, and particles
# of five and of twenty tetrahedra. A diameter is that of the sphere of the same volume.
q_pt = np.linspace(2.2, 5.0, 1200)
kinds = {
    "perfect sphere": {"growth_faults": [0.0]},
    "one twin plane": {"shape": "twinned sphere"},
    "decahedron": {"shape": "decahedron"},
    "icosahedron": {"shape": "icosahedron"},
}
twins = {
    name: sq.simulate_library("Pt", diameters=[4.0], q=q_pt, **population, **kind)
    for name, kind in kinds.items()
}

# %%
# The patterns
# ------------
# Wurtzite's 103 reflection lies between 220 and 311, where zinc blende has nothing: its hump is the
# plainest sign of hexagonal layers. A twin plane leaves the planes parallel to it, a quarter of the
# 111 peak, and half of 220 as they were. The rest, 200 altogether, sees two halves. In the
# icosahedron 200 is hardly a peak.
fig, axes = plt.subplots(1, 2, figsize=(11.0, 5.4), layout="constrained")
ax = axes[0]
for k, (fault, color) in enumerate(zip(faults, COLORS, strict=True)):
    curve = steps[k] / 1e3 + 4.5 * k
    ax.plot(q, curve, color=color, lw=1.4)
    ax.text(3.68, 4.5 * k + 1.4, rf"$\alpha$ = {fault:g}", color=color)
ax.plot(q, wurtzite / 1e3 + 4.5 * 4, ":", color="black", lw=1.4, label="real wurtzite")
ax.vlines(3.175, 0.0, 23.0, color="0.6", lw=0.8, ls="--", zorder=0)
ax.text(3.175, 23.2, "103", ha="center", va="bottom")
for place, name in {1.79: "111", 2.92: "220", 3.43: "311"}.items():
    ax.text(place, -0.3, name, ha="center", va="top", color=COLORS[0], fontsize="small")
ax.set(xlim=(1.0, 5.2), ylim=(-1.6, 26.0))
ax.set_title(r"(a)  CdSe, 3.5 nm, growth-fault probability $\alpha$", loc="left", fontsize="medium")
ax.set_ylabel(r"intensity per CdSe (10$^3$ electron units), offset by 4.5")
ax.legend(frameon=False, loc="upper right")

ax = axes[1]
for (name, library), color in zip(twins.items(), ["black", *COLORS[::2]], strict=True):
    ax.plot(q_pt, library["intensity"].values.squeeze() / 1e3, color=color, lw=1.4, label=name)
for place, height, name in ((2.774, 27.4, "111"), (3.203, 14.5, "200"), (4.53, 10.8, "220")):
    ax.text(place, height, name, ha="center", va="bottom")
ax.set(xlim=(2.2, 5.0), ylim=(0.0, 30.0))
ax.set_title("(b)  Pt, 4 nm, twins", loc="left", fontsize="medium")
ax.set_ylabel(r"intensity per Pt (10$^3$ electron units)")
ax.legend(frameon=False, loc="upper right")
for ax in axes:
    ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Sizes from a perfect model
# --------------------------
# Platinum of 4 nm with more and more growth faults is sized in two ways. First by the widths of its
# 111 and 200 peaks, each a pseudo-Voigt function on a straight line, with the Scherrer equation of
# spheres. Then by least squares with perfect spheres: mean and dispersion of a lognormal
# distribution, a scale and a smooth background.
probabilities = np.linspace(0.0, 0.2, 9)
q = np.linspace(1.5, 8.0, 1000)
faulted = (
    sq.simulate_library("Pt", diameters=[4.0], growth_faults=probabilities, q=q, **population)[
        "intensity"
    ]
    .values.squeeze()
    .astype(float)
)


def peaks(x, *values):
    """Two pseudo-Voigt functions (height, centre, full width, Lorentzian share) on a line."""
    total = values[8] + values[9] * (x - 3.0)
    for height, centre, width, share in np.reshape(values[:8], (2, 4)):
        u = ((x - centre) / (0.5 * width)) ** 2
        total = total + height * (share / (1.0 + u) + (1.0 - share) * np.exp(-np.log(2.0) * u))
    return total


near = (q > 2.3) & (q < 3.75)
start = [25e3, 2.774, 0.18, 0.2, 13e3, 3.203, 0.18, 0.2, 500.0, 0.0]
bounds = ([0, 2.5, 0.05, 0] * 2 + [-np.inf] * 2, [np.inf, 3.5, 1.5, 1] * 2 + [np.inf] * 2)
by_width = []
for pattern in faulted:
    start, _ = curve_fit(peaks, q[near], pattern[near], start, bounds=bounds)
    by_width.append(0.2 * np.pi * 1.107 / start[[2, 6]])  # Scherrer, nm
by_width = np.array(by_width)

table = distance_table(homologous_series("Pt", 14.0, fill="volume", stacking=Stacking()))
perfect = debye_intensity(table, q, wavelength=0.56)
smooth = np.vander((q - q.mean()) / np.ptp(q), 3)


def misfit(parameters, pattern):
    """What the best multiple of perfect spheres and a parabola leave of a pattern."""
    model = lognormal_weights(table.diameters, *parameters) @ perfect
    columns = np.column_stack([model / model.max(), smooth])
    return columns @ np.linalg.lstsq(columns, pattern, rcond=None)[0] - pattern


fits = [
    least_squares(misfit, (3.0, 0.2), args=(p / p.max(),), bounds=([1.0, 0.05], [6.0, 0.5])).x
    for p in faulted
]

# %%
# The sizes
# ---------
# Faults break all 200 planes, and three in four of the 111 planes: the 200 peak makes the particles
# smaller than the 111 peak does. Perfect spheres have to explain both widths, so the fit takes a
# broad distribution, whose large particles make the 111 peak and whose small ones the rest. At 0.15
# the volume average is a fifth too small, and the number average has fallen to half.
fig, axes = plt.subplots(1, 2, figsize=(9.0, 3.8), layout="constrained", sharey=True)
volume = volume_mean(4.0, 0.10)
ax = axes[0]
ax.plot(probabilities, by_width[:, 0], "o-", color=COLORS[0], label="111 peak")
ax.plot(probabilities, by_width[:, 1], "s-", color=COLORS[4], label="200 peak")
ax.axhline(volume, color="0.5", lw=0.9, ls="--", label="true volume average")
ax.set(ylabel="diameter (nm)", ylim=(0.0, 4.9))
ax = axes[1]
found = np.array([volume_mean(*fit) for fit in fits])
ax.plot(probabilities, found, "o-", color=COLORS[2], label="volume average")
ax.plot(probabilities, [mean for mean, _ in fits], "s-", color=COLORS[3], label="number average")
ax.axhline(volume, color="0.5", lw=0.9, ls="--", label="true volume average")
ax.axhline(4.0, color="0.5", lw=0.9, ls=":", label="true number average")
titles = ["(a)  Pt, by the width of a peak", "(b)  Pt, by a fit of perfect spheres"]
for ax, title in zip(axes, titles, strict=True):
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set(xlabel=r"growth-fault probability $\alpha$", xticks=np.linspace(0.0, 0.2, 5))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower left")
plt.show()

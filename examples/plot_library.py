"""
What a library varies
=====================

A library holds the patterns of every diameter, dispersion and strain. Each of the three does
one thing to a peak: a larger diameter makes it narrower, strain moves it, and a larger dispersion
makes it a little narrower too, since large particles scatter most. By the width of its peaks a
broad population cannot be told from a narrow one of larger dots: dispersion is hard to find.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.simulation import volume_mean

COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"]

# %%
# One parameter at a time
# -----------------------
# A library of PbS spheres, around the 220 peak, which stands alone.
varied = {
    "diameter": [2.0, 3.0, 4.0, 6.0, 8.0],  # nm
    "dispersion": [0.05, 0.10, 0.15, 0.20, 0.25],
    "strain": [-0.010, -0.005, 0.0, 0.005, 0.010],
}
library = sq.simulate_library(
    "PbS",
    diameters=varied["diameter"],
    dispersions=varied["dispersion"],
    strains=varied["strain"],
    q=np.linspace(2.4, 3.35, 1200),
    n_jobs=1,
)
middle = {"diameter": 4.0, "dispersion": 0.10, "strain": 0.0}
q = library["q"].values


def pattern_of(name, value):
    """The pattern with one parameter changed."""
    return library["intensity"].sel({**middle, name: value}).values.astype(float)


def position_and_width(pattern):
    """Maximum, and full width at half of its height over the lowest point, in 1/Angstrom."""
    near = (q > 2.6) & (q < 3.25)
    height = pattern[near] - pattern[near].min()
    upper = q[near][height > height.max() / 2.0]
    return q[near][np.argmax(height)], upper[-1] - upper[0]


found = {
    name: np.array([position_and_width(pattern_of(name, value)) for value in values])
    for name, values in varied.items()
}

# %%
# The picture
# -----------
# Above, the peak; below, what is measured of it. The lines hold nothing that was fitted: the
# Scherrer equation of a sphere, 2π · 1.107 / diameter, with the volume average of the diameter,
# and Q / (1 + strain). The widths stay a little under the equation, as a peak's foot is not seen
# for its neighbours.
fig, axes = plt.subplots(2, 3, figsize=(12.0, 7.0), layout="constrained")
for top, (name, values) in zip(axes[0], varied.items(), strict=True):
    for value, color in zip(values, COLORS, strict=True):
        label = f"{value:g} nm" if name == "diameter" else f"{100 * value:g} %"
        top.plot(q, pattern_of(name, value) / 1e3, color=color, lw=1.2, label=label)
    top.set(xlabel=r"$Q$ (Å$^{-1}$)", xlim=(q[0], q[-1]), ylim=(0, None))
    top.set_ylabel(r"intensity per PbS (10$^3$ electron units)")
    top.legend(frameon=False, loc="upper left", fontsize="small")


def scherrer(volume_diameter):
    """Full width at half maximum in 1/Angstrom of spheres of so many nm."""
    return 2.0 * np.pi * 1.107 / (10.0 * volume_diameter)


volume = np.array([volume_mean(d, middle["dispersion"]) for d in varied["diameter"]])
line = np.linspace(1.8, 25.0, 100)
axes[1, 0].plot(1.0 / line, scherrer(line), color="0.5", lw=0.9, label="Scherrer, sphere")
axes[1, 0].plot(1.0 / volume, found["diameter"][:, 1], "o", color=COLORS[0])
axes[1, 0].set(xlabel=r"1 / volume-average diameter (nm$^{-1}$)", xlim=(0, 0.55))

line = np.linspace(0.01, 0.27, 50)
volume = np.array([volume_mean(middle["diameter"], s) for s in line])
axes[1, 1].plot(100 * line, scherrer(volume), color="0.5", lw=0.9, label="Scherrer, sphere")
dispersions = 100 * np.array(varied["dispersion"])
axes[1, 1].plot(dispersions, found["dispersion"][:, 1], "o", color=COLORS[0])
axes[1, 1].set(xlabel="dispersion (%)", xlim=(0, 27))
for ax in axes[1, :2]:
    ax.set(ylabel=r"full width (Å$^{-1}$)", ylim=(0, 0.4))

line = np.linspace(-0.012, 0.012, 50)
unstrained = found["strain"][varied["strain"].index(0.0), 0]
label = r"$Q_0 / (1 + \epsilon)$"
axes[1, 2].plot(100 * line, unstrained / (1 + line), color="0.5", lw=0.9, label=label)
axes[1, 2].plot(100 * np.array(varied["strain"]), found["strain"][:, 0], "o", color=COLORS[0])
axes[1, 2].set(xlabel=r"strain $\epsilon$ (%)", ylabel=r"position (Å$^{-1}$)")
titles = ["Diameter", "Dispersion, 4 nm", "Strain, 4 nm", "Width", "Width", "Position"]
for ax, letter, title in zip(axes.flat, "abcdef", titles, strict=True):
    ax.set_title(f"({letter})  {title}", loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
for ax in axes[1]:
    ax.legend(frameon=False)
plt.show()

"""
From a crystal to a pattern
===========================

Particles of PbS are cut from the crystal, the distances between their atoms are counted,
and the Debye scattering equation makes a pattern of them. Single particles then become a
population, which is what a colloid holds.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial.transform import Rotation

from sk_qdots.simulation import (
    Crystal,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
)

wavelength = 0.56  # Angstrom
q = np.linspace(0.6, 12.0, 4000)  # 1/Angstrom
colors = {2.0: "#0072b2", 4.0: "#d55e00", 8.0: "#009e73"}  # by diameter in nm

# %%
# Three particles
# ---------------
# ``cut_cluster`` takes a crystal, a shape and the diameter; ``fill="atoms"`` takes every atom
# inside the surface. Many pairs of atoms share one distance: the different distances, and how
# often each occurs, are all that the Debye equation needs.
crystal = Crystal.builtin("PbS")
particles = {d: cut_cluster(crystal, "sphere", d, fill="atoms") for d in colors}
tables = {d: distance_table(particle) for d, particle in particles.items()}
patterns = {d: debye_intensity(table, q, wavelength=wavelength)[0] for d, table in tables.items()}
for diameter, table in tables.items():
    n_distances = sum(len(group.distances) for group in table.groups)
    print(f"{diameter:g} nm: {particles[diameter].n_atoms} atoms, {n_distances} distances")

# %%
# A population
# ------------
# A series of ever larger particles, mixed by the number fractions of a lognormal
# distribution: 4 nm on average, with a relative standard deviation of 12 %.
series = distance_table(homologous_series(crystal, max_diameter=8.0, fill="atoms"))
fractions = lognormal_weights(series.diameters, mean=4.0, dispersion=0.12)
mixture = series.average(fractions)
population = debye_intensity(mixture, q, wavelength=wavelength)[0] / mixture.formula_units[0]
single = patterns[4.0] / tables[4.0].formula_units[0]

# %%
# The picture
# -----------
# Small particles have broad Bragg peaks, large ones have narrow ones. Between the peaks, and
# most of all before the first one, a single particle has ripples that come from its surface;
# in a population, where every size has its own, they nearly cancel.
fig, axes = plt.subplot_mosaic("aab;cde", figsize=(12.0, 7.4), layout="constrained")
titles = {
    "a": "Particles cut from PbS (lead grey, sulfur orange)",
    "b": "Pb-S distances at 4 nm",
    "c": "Patterns of single particles",
    "d": "A population: 4 nm, dispersion 12 %",
    "e": "One particle of 4 nm, and the population",
}
for letter, title in titles.items():
    axes[letter].set_title(f"({letter})  {title}", loc="left", fontsize="medium")
    axes[letter].spines[["top", "right"]].set_visible(False)

ax = axes["a"]
turn = Rotation.from_euler("yx", [14, 9], degrees=True)
for place, (diameter, particle) in zip((1.0, 5.5, 13.0), particles.items(), strict=True):
    elements, positions = particle.atoms()
    x, y, z = turn.apply((positions - positions.mean(axis=0)) / 10.0).T  # nm
    order = np.argsort(z)  # those in front are drawn last
    shades = np.where(np.array(elements) == "Pb", "#8c8c8c", "#e69f00")[order]
    ax.scatter(place + x[order], y[order], s=30, c=shades, edgecolors="black", linewidths=0.3)
    label = f"{diameter:g} nm\n{len(x)} atoms"
    ax.text(place, -4.8, label, ha="center", va="top", color=colors[diameter])
ax.set(xlim=(-0.6, 17.5), ylim=(-6.6, 4.6), aspect="equal", anchor="W")
ax.axis("off")

ax = axes["b"]
group = tables[4.0].groups[1]
pairs = group.multiplicities[0] / 2e3  # the table counts both directions
ax.vlines(group.distances / 10.0, 0, pairs, color=colors[4.0], lw=1.1)
ax.set(xlabel="distance (nm)", ylabel="pairs (thousands)", xlim=(0.0, 4.1), ylim=(0, None))

ax = axes["c"]
for diameter, pattern in patterns.items():
    ax.semilogy(q, pattern, lw=0.8, color=colors[diameter])
    ax.text(11.9, 2.0 * pattern[-1], f"{diameter:g} nm", ha="right", color=colors[diameter])
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="intensity (electron units)", xlim=(0.6, 12.0))

ax = axes["d"]
ax.bar(series.diameters, 100.0 * fractions, width=0.4, color="#0072b2")
ax.set(xlabel="diameter (nm)", ylabel="particles (%)", xlim=(2.0, 6.5))

ax = axes["e"]
ax.semilogy(q, single, lw=0.9, color=colors[4.0], label="one particle")
ax.semilogy(q, population, lw=1.3, color="#0072b2", label="population")
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="electron units per PbS", xlim=(0.6, 4.2))
ax.set_ylim(1.5e2, 6e4)
ax.legend(frameon=False, loc="upper right", ncols=2)
plt.show()

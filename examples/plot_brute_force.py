"""
The fast Debye sum against brute force
======================================

The Debye scattering equation is a sum over all pairs of atoms. Written down as it stands it
costs about N² terms at every Q. ``sk_qdots`` counts how often each distance occurs, and sums
over the distances with a non-uniform fast Fourier transform. Both give the same pattern, and the
second way is the faster one the more atoms there are.
"""

import time

import matplotlib.pyplot as plt
import numpy as np

from sk_qdots.simulation import (
    Crystal,
    compton_intensity,
    cut_cluster,
    debye_intensity,
    debye_waller_factor,
    distance_table,
    form_factor,
)

BLUE, ORANGE = "#0072b2", "#d55e00"
WAVELENGTH = 0.56  # Angstrom
crystal = Crystal.builtin("PbS")
b_iso = {sublattice.element: sublattice.b_iso for sublattice in crystal.sublattices}
q = np.linspace(0.5, 15.0, 400)

# %%
# The equation as it stands
# -------------------------
# Every atom scatters by itself, coherently and incoherently; every pair of atoms at a
# distance r adds the product of their form factors, damped by their displacements,
# times sin(Qr)/(Qr).


def brute_force(elements, positions):
    """Sum over all pairs of atoms, each of them once."""
    elements = np.array(elements)
    form = {e: form_factor(e, q, WAVELENGTH) for e in b_iso}
    damped = {e: form[e] * debye_waller_factor(b, q) for e, b in b_iso.items()}
    total = np.zeros(len(q))
    for e in b_iso:
        alone = np.abs(form[e]) ** 2 + compton_intensity(e, q, WAVELENGTH)
        total += np.count_nonzero(elements == e) * alone
    for k in range(len(positions) - 1):
        r = np.linalg.norm(positions[k + 1 :] - positions[k], axis=1)
        waves = np.sinc(np.outer(q, r) / np.pi)
        for e in b_iso:
            pair = (damped[elements[k]] * damped[e].conj()).real
            total += 2.0 * pair * waves[:, elements[k + 1 :] == e].sum(axis=1)
    return total


# %%
# The same particle both ways
# ---------------------------
# A sphere of 3 nm. ``distance_table`` counts its distances, ``debye_intensity`` sums over them.
particle = cut_cluster(crystal, "sphere", 3.0)
slow = brute_force(*particle.atoms())
fast = debye_intensity(distance_table(particle), q, wavelength=WAVELENGTH)[0]
error = np.abs(fast - slow) / slow
print(f"{particle.n_atoms} atoms; largest relative difference {error.max():.1e}")

# %%
# How long it takes
# -----------------
# Larger and larger particles, by brute force up to 3 nm. The first calls, above, are not counted:
# they compile, and look form factors up.
diameters = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 20.0]
times = {"brute force": [], "sk_qdots": []}
for diameter in diameters:
    particle = cut_cluster(crystal, "sphere", diameter)
    if diameter <= 3.0:
        atoms = particle.atoms()
        start = time.perf_counter()
        brute_force(*atoms)
        times["brute force"].append((particle.n_atoms, time.perf_counter() - start))
    start = time.perf_counter()
    debye_intensity(distance_table(particle), q, wavelength=WAVELENGTH)
    seconds = time.perf_counter() - start
    times["sk_qdots"].append((particle.n_atoms, seconds))

n, seconds = np.transpose(times["brute force"])
n_most, fast_most = times["sk_qdots"][-1]
slow_most = seconds[-1] * (n_most / n[-1]) ** 2
print(f"{n_most} atoms: {fast_most:.2f} s; by brute force it would be {slow_most / 86400:.1f} days")

# %%
# The picture
# -----------
# The patterns lie on each other, and differ by what the Fourier transform's tolerance leaves:
# most at small Q, where the waves of the pairs nearly cancel. The time of brute force grows with
# the square of the number of atoms.
fig, axes = plt.subplot_mosaic(
    "ac;bc", figsize=(11.0, 5.2), layout="constrained", height_ratios=(2, 1)
)
ax = axes["a"]
ax.plot(q, slow / 1e6, color=ORANGE, lw=2.6, alpha=0.5, label="brute force")
ax.plot(q, fast / 1e6, color=BLUE, lw=0.9, label="sk_qdots")
ax.set(ylabel=r"intensity (10$^6$ electron units)", xlim=(0.5, 15.0), ylim=(0, None))
ax.set_title("(a)  A PbS sphere of 3 nm", loc="left", fontsize="medium")
ax.tick_params(labelbottom=False)
ax.legend(frameon=False)

ax = axes["b"]
ax.semilogy(q, np.maximum(error, 1e-17), color="0.35", lw=0.8)
ax.axhline(np.finfo(float).eps, color="0.6", lw=0.8, ls="--")
ax.text(0.7, 0.6 * np.finfo(float).eps, "double precision", color="0.4", va="top", size="small")
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="relative difference", xlim=(0.5, 15.0))
ax.set_ylim(1e-17, 1e-9)
ax.set_title("(b)  Their difference", loc="left", fontsize="medium")

ax = axes["c"]
for (label, points), color, marker in zip(times.items(), (ORANGE, BLUE), "os", strict=True):
    ax.loglog(*np.transpose(points), marker, color=color, label=label)
wide = np.array([n[0], n_most])
line = seconds[-1] * (wide / n[-1]) ** 2
ax.loglog(wide, line, "--", color=ORANGE, lw=0.9, label=r"brute force, extrapolated as $N^2$")
ax.set(xlabel="atoms", ylabel=f"seconds for {len(q)} points")
ax.set_title("(c)  Time for one pattern", loc="left", fontsize="medium")
ax.legend(frameon=False)

for ax in axes.values():
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

"""
Any crystal from a CIF, without training
========================================

No sizer is shipped for zinc oxide. Its structure is enough: the patterns of its particles are
simulated in seconds, and a measured one is fitted with all that lies around the dots. What comes
out is a posterior, the probability of every size, and a fit to look at.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import FitDisplay
from sk_qdots.simulation import q_from_two_theta, volume_mean

wavelength = 0.5642  # Angstrom
rng = np.random.default_rng(1)

# %%
# The crystal
# -----------
# This stands for your file: wurtzite ZnO, cell and u of Kisi and Elcombe (1989).
folder = Path(tempfile.mkdtemp())
cif = folder / "ZnO.cif"
cif.write_text("""data_ZnO
_cell_length_a 3.2501
_cell_length_b 3.2501
_cell_length_c 5.2071
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_space_group_name_H-M_alt 'P 63 m c'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_B_iso_or_equiv
Zn1 Zn 0.33333 0.66667 0      0.6
O1  O  0.33333 0.66667 0.3817 0.6
""")

# %%
# The measurement
# ---------------
# Dots of 4.2 nm with a dispersion of 14 % and a lattice that is 0.2 % too large, with 30 % of the
# intensity, in chlorobenzene: a liquid that is computed for tests, and that no sizer is given.
two_theta = np.arange(5.0, 75.0, 0.01)
q = q_from_two_theta(two_theta, wavelength)
truth = {"diameters": [4.2], "dispersions": [0.14], "strains": [0.002]}
library = sq.simulate_library(
    sq.Crystal.from_cif(cif), q=np.linspace(0.95, 13.7, 5000), wavelength=wavelength, **truth
)
dots, _, _ = sq.library_samples(library)
liquid = sq.load_solvent("chlorobenzene", wavelength)
mixed = sq.SolventMixer(liquid, qd_fraction=0.3).fit_transform(dots)[0]
expected = np.interp(q, mixed["q"], mixed / mixed.mean())
sample = folder / "ZnO.xy"
np.savetxt(sample, np.column_stack([two_theta, rng.poisson(800 * expected)]), fmt=["%.2f", "%d"])

# %%
# The size
# --------
# The command does the same:
# ``sk-qdots size ZnO.xy --wavelength 0.5642 --cif ZnO.cif --diameters 2:8``.
sizer = sq.make_sizer(cif, diameters=(2.0, 8.0), wavelength=wavelength, cache=False)
pattern = sq.read_pattern(sample, wavelength=wavelength)
result = sizer.size(pattern)
low, high = result.interval
print(f"{result.number_diameter:.2f} nm, 90 % between {low:.2f} and {high:.2f}: {result.verdict}")
print(f"R_wp {100 * result.fit.r_wp:.2f} %, chi-square {result.fit.chi2:.2f}")
for name, error in result.fit.uncertainties.items():
    print(f"{name:17} {result.fit.parameters[name]:9.5f} +- {error:.2g}")

# %%
# The posterior
# -------------
# The estimator behind the sizer draws everything that it does not know. Broad populations of small
# dots and narrow ones of larger dots look much alike, so that number average and dispersion go
# together; the volume average is what the pattern knows best.
posterior = sizer.engines[0].estimator.posterior_of(pattern)
draws = posterior.draws
for name, share in posterior.alternatives.items():
    print(f"{name}: probability {share:.2f}")

# %%
# The picture
# -----------
# The fit with its residual, all draws of diameter and dispersion, and what they say of both
# averages: 90 % of the draws lie in the shaded range.
fig = plt.figure(figsize=(9.0, 9.5), layout="constrained")
above, below = fig.subfigures(2, 1, height_ratios=(1.25, 1.0))
FitDisplay(result, sizer.reflections).plot(above)

BLUE, ORANGE = "#0072b2", "#d55e00"
left, right = below.subplots(1, 2)
left.plot(draws["diameter"], draws["dispersion"], ".", color=BLUE, ms=3, alpha=0.5, label="draws")
left.plot(4.2, 0.14, "+", color="k", ms=14, mew=2, label="truth")
left.set(xlabel="number average (nm)", ylabel="dispersion", title="The posterior")
left.legend(frameon=False)

true = {"diameter": 4.2, "volume_diameter": float(volume_mean(4.2, 0.14))}
for name, color in (("diameter", BLUE), ("volume_diameter", ORANGE)):
    label = "number average" if name == "diameter" else "volume average"
    right.hist(draws[name], bins=40, density=True, color=color, histtype="step", label=label)
    right.axvspan(*posterior.interval(name), color=color, alpha=0.12, lw=0)
    right.axvline(true[name], color=color, ls="--", lw=1)
right.set(xlabel="diameter (nm)", yticks=[], title="Two averages; truth dashed")
right.set_ylim(0, 1.25 * right.get_ylim()[1])
right.legend(loc="upper center", ncols=2, framealpha=1.0, edgecolor="none")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

"""
How faulted is my CdSe?
=======================

Dots of CdSe are between zinc blende and wurtzite: their close-packed layers are faulted. A sizer
that knows faults finds their probability together with the size; one that does not takes faulted
dots for smaller ones. Here patterns of 3.5 nm dots with ever more growth faults, sized both ways.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import FitDisplay
from sk_qdots.simulation import volume_mean

BLUE, ORANGE = "#0072b2", "#d55e00"
wavelength = 0.5642  # Angstrom
rng = np.random.default_rng(4)

# %%
# The patterns
# ------------
# A growth fault is a layer whose neighbours are at equal positions: its probability is 0 in zinc
# blende and 1 in wurtzite. A third of the intensity is that of the dots, the rest is of octadecene.
probabilities = [0.0, 0.1, 0.2, 0.35, 0.5]
library = sq.simulate_library(
    "CdSe zinc blende",
    diameters=[3.5],
    dispersions=[0.10],
    strains=[0.0],
    growth_faults=probabilities,
    q=np.linspace(1.0, 12.0, 2201),
    wavelength=wavelength,
)
dots, _, _ = sq.library_samples(library)
liquid = sq.load_solvent("octadecene", wavelength=wavelength)
patterns = []
for one, probability in zip(dots, probabilities, strict=True):
    mixed = sq.SolventMixer(liquid, qd_fraction=0.35).fit_transform(one.expand_dims("sample"))[0]
    counts = rng.poisson(1500.0 * mixed / mixed.mean()).astype(float)
    patterns.append(
        mixed.copy(data=counts).assign_attrs(
            wavelength=wavelength, source=f"{probability:.0%} of the layers faulted"
        )
    )

# %%
# Two sizers
# ----------
# ``sk-qdots size CdSe.xy --crystal "CdSe zinc blende" --stacking`` is the first of them.
ranges = {"diameters": (2.0, 6.0), "wavelength": wavelength, "cache": False}
knowing = sq.make_sizer("CdSe zinc blende", stacking=(0.0, 0.6), **ranges)
perfect = sq.make_sizer("CdSe zinc blende", **ranges)
found = [knowing.size(pattern) for pattern in patterns]
taken = []
for pattern in patterns:
    try:
        taken.append(perfect.size(pattern))
    except sq.PatternError as error:
        print(f"perfect zinc blende: {error}")
        taken.append(None)
for probability, answer in zip(probabilities, found, strict=True):
    fit = answer.fit
    print(
        f"true {probability:.2f}: found {fit.parameters['growth_fault']:.3f} +- "
        f"{fit.uncertainties['growth_fault']:.3f}, {answer.volume_diameter:.2f} nm, "
        f"{answer.verdict}"
    )

# %%
# The picture
# -----------
# Above, one of the fits. Below, the probability with one standard deviation, and the volume average
# with its 90 % interval; dashed is the truth.
fig = plt.figure(figsize=(9.5, 8.4), layout="constrained")
above, below = fig.subfigures(2, 1, height_ratios=(1.2, 1.0))
FitDisplay(found[3], knowing.reflections).plot(above)

left, right = below.subplots(1, 2)
values = [answer.fit.parameters["growth_fault"] for answer in found]
errors = [answer.fit.uncertainties["growth_fault"] for answer in found]
left.plot([0.0, 0.55], [0.0, 0.55], "--", color="0.4", lw=0.9)
left.errorbar(probabilities, values, yerr=errors, fmt="o", color=BLUE, capsize=3)
left.set(xlabel="true probability of a fault", ylabel="found")
left.set_title("(a)  The probability", loc="left", fontsize="medium")

for answers, color, label in (
    (found, BLUE, "faults sought"),
    (taken, ORANGE, "perfect zinc blende"),
):
    known = [k for k, answer in enumerate(answers) if answer is not None]
    middle = np.array([answers[k].volume_diameter for k in known])
    ends = np.array([answers[k].volume_interval for k in known]).T
    at = np.array(probabilities)[known]
    right.errorbar(
        at, middle, yerr=np.abs(ends - middle), fmt="o", color=color, capsize=3, label=label
    )
right.axhline(float(volume_mean(3.5, 0.10)), color="0.4", lw=0.9, ls="--")
right.set(xlabel="true probability of a fault", ylabel="volume average (nm)")
right.set_title("(b)  The size", loc="left", fontsize="medium")
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

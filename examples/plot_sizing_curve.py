"""
Sizes against sizing curves
===========================

Dots are commonly sized by the energy of their first excitonic peak and a curve that somebody
has made with a microscope. Sizes from X-ray patterns test such a curve, or make a new one. Here
the dots are made up: they lie on the curve of Moreels et al. (2009), their patterns are
simulated, and what comes back is what an X-ray study of them would have found.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.baselines.sizing_curves import CURVES, SizingCurve
from sk_qdots.inspection import SizingCurveDisplay

# %%
# Made-up dots
# ------------
# Twelve batches with peaks from 0.68 to 1.55 eV; the curve tells their diameters. Each is
# measured as a colloid in toluene, 30 % of the intensity being that of the dots.
curve = CURVES["Moreels 2009"]
energies = np.linspace(0.68, 1.55, 12)
diameters = np.array([curve.diameter(energy) for energy in energies])
rng = np.random.default_rng(1)
batches = []
for diameter in diameters:
    library = sq.simulate_library(
        "PbS",
        diameters=[diameter],
        dispersions=[rng.uniform(0.07, 0.15)],
        strains=[rng.uniform(-0.001, 0.001)],
    )
    batches.append(sq.library_samples(library)[0])
dots = xr.concat(batches, "sample")
colloids = sq.SolventMixer("toluene", qd_fraction=0.3).fit_transform(dots)
patterns = sq.PoissonNoise(snr=30, random_state=0).fit_transform(colloids)

# %%
# Their sizes
# -----------
# ``Sizer.estimate`` gives diameters between the classes, with their standard deviations.
estimates = sq.load_sizer("PbS").estimate(patterns)
sized = estimates["diameter"].values
spreads = estimates["diameter_std"].values
deviation = sized - diameters
print(f"mean deviation {deviation.mean():+.3f} nm, mean absolute {np.abs(deviation).mean():.3f} nm")
print(f"{np.sum(np.abs(deviation) < 2 * spreads)} of 12 within two standard deviations")

# %%
# A curve of one's own
# --------------------
# The published form is E = 0.41 eV + 1 / (a d² + b d), with d in nm. Solved for a d² + b d it is
# linear in a and b, and a least-squares fit to the twelve sizes gives both.
terms = np.column_stack([sized**2, sized])
a, b = np.linalg.lstsq(terms, 1.0 / (energies - 0.41), rcond=None)[0]
print(f"a = {a:.4f}, b = {b:.3f}; Moreels et al.: 0.0252, 0.283")
mine = SizingCurve(
    "fitted to the points", "PbS", lambda d: 0.41 + 1.0 / (a * d**2 + b * d), "this example"
)

# %%
# The picture
# -----------
# The fitted curve lies on the one that the dots were made by; the deviations are about as large
# as the sizer says, and show no trend.
fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.6), layout="constrained")
SizingCurveDisplay.from_predictions(sized, energies, spreads=spreads, curves=[curve, mine], ax=left)
left.set_title("(a)  Sizing curves of PbS", loc="left", fontsize="medium")
right.axhline(0.0, color="0.5", lw=0.8)
right.errorbar(diameters, deviation, yerr=spreads, fmt="o", color="#0072b2", capsize=2)
right.set(xlabel="diameter on the curve (nm)", ylabel="size from X-rays − size on the curve (nm)")
right.set_ylim(-0.22, 0.22)
right.set_title("(b)  Deviation from Moreels 2009", loc="left", fontsize="medium")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

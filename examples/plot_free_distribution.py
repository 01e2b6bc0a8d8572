"""
A size distribution without a form
==================================

A lognormal has one hump. Where two batches were mixed, or a reaction has nucleated twice, it is
the wrong form, and a fit of it can be confidently wrong. ``distribution="free"`` compares
lognormals with mixtures and with densities that are only smooth, by the evidence of the pattern.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import DistributionDisplay
from sk_qdots.simulation import lognormal_parameters

BLUE = "#0072b2"
wavelength = 0.5642  # Angstrom

# %%
# The mixture
# -----------
# PbS dots of 3.2 nm, with 35 % of the volume, beside dots of 5.8 nm; dry, and well counted.
sizes, shares, dispersion = (3.2, 5.8), (0.35, 0.65), 0.09
library = sq.simulate_library(
    "PbS",
    diameters=sizes,
    dispersions=[dispersion],
    strains=[0.0],
    q=np.linspace(1.0, 14.0, 2601),
    wavelength=wavelength,
)
dots, _, _ = sq.library_samples(library)  # by formula unit: they add up by volume
expected = sum(share * one for share, one in zip(shares, dots, strict=True))
expected = expected / expected.mean()
counts = np.random.default_rng(0).poisson(1000.0 * expected).astype(float)
pattern = expected.copy(data=counts).assign_attrs(wavelength=wavelength, source="two batches")

# %%
# Both answers
# ------------
answers = {}
for form in ("lognormal", "free"):
    sizer = sq.make_sizer(
        "PbS", diameters=(2.0, 8.0), wavelength=wavelength, distribution=form, cache=False
    )
    answers[form] = sizer.size(pattern)
    answer = answers[form]
    low, high = answer.volume_interval
    print(
        f"{form:9} volume average {answer.volume_diameter:.2f} nm ({low:.2f} to {high:.2f})", end=""
    )
    print(f", {answer.verdict}, chi-square {answer.fit.chi2:.2f}")
    for reason in answer.reasons:
        print(f"{'':9} {reason}")

# %%
# The picture
# -----------
# Bands hold 90 % at each size; black is the truth, by volume. What the lognormal leaves of the
# pattern stands beside.
fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.2), layout="constrained")
DistributionDisplay(answers["free"].posterior).plot(left)
grid = np.linspace(2.0, 8.0, 600)
true = np.zeros_like(grid)
for size, share in zip(sizes, shares, strict=True):
    mu, sigma = lognormal_parameters(size, dispersion)
    density = grid**2 * np.exp(-0.5 * ((np.log(grid) - mu) / sigma) ** 2)
    true += share * density / np.trapezoid(density, grid)
left.plot(grid, true, "k--", lw=1.1, label="truth, by volume")
left.legend(frameon=False)
left.set_title("(a)  What was found without a form", loc="left", fontsize="medium")

window = np.ones(15) / 15.0  # 0.075 1/Angstrom, about the width of a peak
shown = {"lognormal": "#d55e00", "free": BLUE}
for shift, (form, color) in zip((0.0, -6.0), shown.items(), strict=True):
    curves = answers[form].fit.curves
    left_over = (curves["measured"] - curves["calculated"]) / curves["esd"]
    means = np.sqrt(len(window)) * np.convolve(left_over.fillna(0.0), window, mode="same")
    right.axhline(shift, color="0.7", lw=0.7)
    right.plot(curves["q"], means + shift, lw=0.9, color=color, label=form)
right.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="left, in standard deviations (shifted)", xlim=(1, 8))
right.set_title("(b)  What the fits leave, over the width of a peak", loc="left", fontsize="medium")
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

"""
What an experiment does to a pattern
====================================

A simulated pattern is clean, dry and complete. A measured one is not. Every transformer of
:mod:`sk_qdots.augmentation` does one thing that experiments do, and ``RandomExperiment`` draws
all of them at once, as a laboratory would.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import LibraryDisplay

GREY, BLUE, ORANGE = "0.65", "#0072b2", "#d55e00"

# %%
# One pattern, every transformer
# ------------------------------
# Grey is the clean pattern of PbS dots of 3 nm; blue is what becomes of it, scaled to the same
# area over the range that is left; orange is the difference where it is small, three times.
library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
X, _, _ = sq.library_samples(library)
X = X * (1000.0 / np.trapezoid(X.values[0], X["q"].values))

cu = 1.5406
transformers = {
    "SolventMixer, toluene, qd_fraction 0.15": sq.SolventMixer("toluene", qd_fraction=0.15),
    "SolventVariation, five draws": sq.SolventVariation(qd_fraction=0.15, random_state=0),
    "PoissonNoise, SNR 14": sq.PoissonNoise(snr=14, random_state=0),
    "Background, borosilicate, 30 %": sq.Background("borosilicate", fraction=0.3),
    "Background, smooth, five draws": sq.Background(fraction=0.3, random_state=0),
    "PreferredOrientation, 100, r = 0.5": sq.PreferredOrientation("PbS", (1, 0, 0), march=0.5),
    "InstrumentBroadening, 1 degree": sq.InstrumentBroadening(w=1.0, wavelength=cu),
    "ZeroShift, 0.5 degrees": sq.ZeroShift(0.5, wavelength=cu),
    "KAlpha2, copper": sq.KAlpha2("Cu"),
    "Polarisation, copper": sq.Polarisation(wavelength=cu),
    r"QTruncation, 1.7 to 5 Å$^{-1}$": sq.QTruncation(q_min=1.7, q_max=5.0),
    "QCoarsening of SNR 14, 251 points": sq.QCoarsening(20),
    "RandomExperiment, synchrotron": sq.RandomExperiment("synchrotron", random_state=5),
    "RandomExperiment, lab-cu": sq.RandomExperiment("lab-cu", random_state=1),
    "RandomExperiment, lab-mo": sq.RandomExperiment("lab-mo", random_state=0),
}


def scaled(pattern):
    """Scaled to the area that the clean pattern has over the measured range."""
    seen = pattern.notnull()
    return pattern * float(X[0].where(seen).sum() / pattern.sum())


fig, axes = plt.subplots(5, 3, figsize=(11, 13), sharex=True, layout="constrained")
subtle = (sq.InstrumentBroadening, sq.ZeroShift, sq.KAlpha2, sq.Polarisation)
for ax, (title, transformer) in zip(axes.flat, transformers.items(), strict=True):
    start = X
    if isinstance(transformer, sq.QCoarsening):
        start = sq.PoissonNoise(snr=14, random_state=0).fit_transform(X)
    draws = 5 if "five draws" in title else 1
    rng = np.random.default_rng(1)
    ax.plot(X["q"], X[0], color=GREY, lw=1.0)
    fitted = transformer.fit(start)
    for _ in range(draws):
        drawn = scaled(fitted.perturb(start, rng)[0])
        ax.plot(X["q"], drawn, color=BLUE, lw=0.8)
    if isinstance(transformer, subtle):
        ax.plot(X["q"], 3 * (drawn - X[0]) - 150, color=ORANGE, lw=0.8)
    ax.set(title=title, xlim=(1, 9), yticks=[])
    ax.title.set_fontsize(9)
for ax in axes[-1]:
    ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
fig.supylabel("Intensity, equal areas")

# %%
# Two sizes
# ---------
# :class:`sk_qdots.inspection.LibraryDisplay` draws dots of 3 and 8 nm as Figure 1b of Allara,
# Bertolotti and Guagliardi (2024) does: what strain does (and what it changes at 3 nm, below),
# dispersion, dilution in toluene, and counting noise. The concentration c is the dots' share of
# the intensity. Lead scatters strongly: their share of the mass is much smaller.
for fraction in (0.15, 0.37, 0.65):
    mass = sq.augmentation.to_mass_fraction(fraction, "PbS", "toluene")
    print(f"{100 * fraction:.0f} % of the intensity are {100 * mass:.1f} % of the mass")

LibraryDisplay.from_crystal("PbS", diameters=(3.0, 8.0)).plot()
plt.show()

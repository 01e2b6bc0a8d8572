"""
What an experiment does to a pattern
====================================

A simulated pattern is clean, dry and complete. A measured one is not. Every
transformer of :mod:`sk_qdots.augmentation` does one thing that experiments do; the
first figure shows them on one pattern of 3 nm PbS dots, the second makes Figure 1b
of Allara, Bertolotti and Guagliardi (2024) again.
"""

# %%
# One pattern, every transformer
# ------------------------------
# Grey is the clean pattern; blue is what becomes of it, scaled to the same area over
# the range that is left; orange is the difference where it is small, three times.

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq

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
    "QTruncation, 1.7 to 5": sq.QTruncation(q_min=1.7, q_max=5.0),
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
    ax.plot(X["q"], X[0], color="0.65", lw=1.0)
    fitted = transformer.fit(start)
    for _ in range(draws):
        drawn = scaled(fitted.perturb(start, rng)[0])
        ax.plot(X["q"], drawn, color="C0", lw=0.8)
    if isinstance(transformer, subtle):
        ax.plot(X["q"], 3 * (drawn - X[0]) - 150, color="C1", lw=0.8)
    ax.set(title=title, xlim=(1, 9), yticks=[])
    ax.title.set_fontsize(9)
for ax in axes[-1]:
    ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
fig.supylabel("Intensity, equal areas")

# %%
# Figure 1b again
# ---------------
# Dots of 3 nm (below) and 8 nm (above): strain, dispersion, concentration in toluene
# (as the paper labels it, and as it follows from composition) and counting noise.

strains = [-0.0025, 0.0, 0.0051]
library = sq.simulate_library(
    "PbS", diameters=[3.0, 8.0], dispersions=[0.05, 0.20], strains=strains
)
library["intensity"] = library.intensity * (1000.0 / library.intensity.integrate("q"))
q = library["q"]
offset = {3.0: 0.0, 8.0: 900.0}

fig, axes = plt.subplots(2, 2, figsize=(11, 9), sharex=True, layout="constrained")
for diameter, shift in offset.items():
    size = library.intensity.sel(diameter=diameter)
    for strain, color in zip(strains, ["C0", "C2", "C3"], strict=True):
        curve = size.sel(strain=strain, dispersion=0.05)
        label = f"strain {100 * strain:+.2f} %" if not shift else None
        axes[0, 0].plot(q, curve + shift, color=color, lw=0.9, label=label)
        if strain:
            residual = curve - size.sel(strain=0.0, dispersion=0.05)
            axes[0, 0].plot(q, residual + shift - 120, color=color, lw=0.7)
    for dispersion, color in zip([0.05, 0.20], ["C0", "C3"], strict=True):
        curve = size.sel(strain=0.0, dispersion=dispersion)
        label = f"dispersion {100 * dispersion:.0f} %" if not shift else None
        axes[0, 1].plot(q, curve + shift, color=color, lw=0.9, label=label)

    dry = sq.library_samples(library.sel(diameter=[diameter], dispersion=[0.05], strain=[0.0]))[0]
    for fraction, color in zip([0.15, 0.37, 0.65, 1.0], ["m", "C2", "C0", "C3"], strict=True):
        wet = sq.SolventMixer("toluene", qd_fraction=fraction).fit_transform(dry)[0]
        paper = sq.augmentation.to_mass_fraction(fraction, convention="paper")
        mass = sq.augmentation.to_mass_fraction(fraction, "PbS", "toluene")
        label = f"{100 * paper:.0f} % (by composition {100 * mass:.1f} %)"
        label = None if shift else "dry" if fraction == 1.0 else label
        axes[1, 0].plot(q, wet + shift, color=color, lw=0.9, label=label)
    for snr, color in zip([14, 122], ["C3", "C0"], strict=True):
        noisy = sq.PoissonNoise(snr=snr, random_state=0).fit_transform(dry)[0]
        label = f"SNR {snr}" if not shift else None
        axes[1, 1].plot(q, noisy + shift, color=color, lw=0.5, label=label)

inset = axes[0, 1].inset_axes([0.56, 0.24, 0.41, 0.16])
diameters = np.linspace(1.0, 14.0, 400)
for mean in (3.0, 8.0):
    for dispersion, color in zip([0.05, 0.20], ["C0", "C3"], strict=True):
        mu, sigma = sq.simulation.lognormal_parameters(mean, dispersion)
        density = np.exp(-0.5 * ((np.log(diameters) - mu) / sigma) ** 2) / (diameters * sigma)
        inset.fill_between(diameters, density / density.max(), color=color, alpha=0.4, lw=0)
inset.set(xlabel="diameter (nm)", yticks=[], ylim=(0, None))
for ax, title in zip(
    axes.flat, ["Strain", "Size dispersion", "Concentration in toluene", "Noise"], strict=True
):
    ax.set(title=title, xlim=(1, 12), yticks=[])
    ax.legend(fontsize=8, loc="upper right", frameon=False)
for ax in axes[-1]:
    ax.set_xlabel(r"$Q$ (Å$^{-1}$)")
fig.supylabel("Intensity, equal areas")

plt.show()

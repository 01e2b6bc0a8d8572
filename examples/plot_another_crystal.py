"""
Another crystal
===============

Any inorganic crystal can be sized, from a CIF or from those that are built in. Here a sizer for
cubic CdSe is made for a diffractometer with a copper tube: simulate, train, judge, size. The
training is a short one of five sizes; ``sq.train_sizer(crystal, instrument="lab-cu")`` does the
same at length.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import SizeConfusionDisplay

crystal = sq.Crystal.builtin("CdSe zinc blende")  # yours: sq.Crystal.from_cif("yours.cif")
wavelength = 1.5406  # Angstrom
q = np.linspace(1.0, 7.9, 691)  # 1/Angstrom, to where the angles of a copper tube end

# %%
# What a real training would be
# -----------------------------
# ``plan_training`` says what would be done, and what it costs, before anything is done.
print(sq.plan_training(crystal, instrument="lab-cu"))

# %%
# Simulate
# --------
# Five sizes, each in populations of several widths and with several lattice constants.
diameters = [2.0, 2.5, 3.0, 3.5, 4.0]
library = sq.simulate_library(
    crystal,
    diameters=diameters,
    dispersions=[0.08, 0.12, 0.16],
    strains=[-0.004, -0.002, 0.0, 0.002, 0.004],
    q=q,
    wavelength=wavelength,
)
X, y, _ = sq.library_samples(library)

# %%
# Train
# -----
# Every batch goes through another experiment of that laboratory: a liquid, the K-alpha doublet,
# the resolution, a background, counts, a shorter range.
experiment = sq.RandomExperiment("lab-cu", crystal=crystal, q=q)
pipeline = sq.make_sizing_pipeline(augmenter=experiment, random_state=0)
pipeline.set_params(
    qstandardizer__q_min=q[0],
    qstandardizer__q_max=q[-1],
    qstandardizer__n_points=len(q),
    allcnn__n_filters=(16, 32, 48, 64, 64),
    allcnn__batch_size=128,
    allcnn__steps_per_epoch=60,
    allcnn__max_epochs=2,
)
sizer = sq.Sizer(pipeline.fit(X, y), library, name="CdSe")  # sizer.save("CdSe") would keep it

# %%
# Judge, and size
# ---------------
# Fresh patterns, of dispersions and strains that lie between those of the training; ``perturb``
# draws an experiment for every row.
fresh = sq.simulate_library(
    crystal,
    diameters=diameters,
    dispersions=[0.10, 0.14],
    strains=[-0.003, -0.001, 0.001, 0.003],
    q=q,
    wavelength=wavelength,
)
X_test, y_test, _ = sq.library_samples(fresh)
X_test, y_test = X_test[np.repeat(np.arange(40), 10)], np.repeat(y_test, 10)
measured = experiment.fit(X_test).perturb(X_test, np.random.default_rng(1))
said = sizer.predict(measured)
print(f"{np.mean(said == y_test):.3f} of {len(y_test)} sizes right")

one = measured[int(np.flatnonzero(y_test == 3000)[19])].dropna("q")
result = sizer.size(one.assign_attrs(source="CdSe dots of 3 nm"))
print(f"{result.diameter} nm, p = {result.probability:.2f}, agreement {result.agreement:.3f}")

# %%
# The picture
# -----------
# What the sizer was trained on, before the experiment; its answers to the fresh patterns; and one
# of these, with the simulated pattern of the size that was found.
fig, axes = plt.subplot_mosaic("ab;cc", figsize=(11.0, 8.0), layout="constrained")
ax = axes["a"]
for diameter, color in zip((2.0, 3.0, 4.0), ("#0072b2", "#d55e00", "#009e73"), strict=True):
    pattern = library["intensity"].sel(diameter=diameter, dispersion=0.12, strain=0.0)
    ax.plot(q, pattern / 1e3, color=color, lw=1.1, label=f"{diameter:g} nm")
ax.set(xlabel=r"$Q$ (Å$^{-1}$)", xlim=(1, 7.9), ylim=(0, None))
ax.set_ylabel(r"intensity per CdSe (10$^3$ electron units)")
ax.legend(frameon=False)
SizeConfusionDisplay.from_predictions(y_test, said, ax=axes["b"])
sq.SizingDisplay.from_estimator(sizer, one, result, ax=axes["c"])
titles = {
    "a": "Simulated CdSe, dispersion 12 %",
    "b": f"Fresh patterns: {axes['b'].get_title()}",
    "c": axes["c"].get_title(),
}
for letter, title in titles.items():
    axes[letter].set_title("")
    axes[letter].set_title(f"({letter})  {title}", loc="left", fontsize="medium")
for letter in "ac":
    axes[letter].spines[["top", "right"]].set_visible(False)
plt.show()

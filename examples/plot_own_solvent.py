"""
A sizer for your own solvent
============================

The liquid and the capillary scatter more than dilute dots do, and a sizer must know what they
look like. Measure the blank, read it as a solvent curve, and train with it: here beside a sizer
that has had the same training with shipped liquids.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.solvents import load_background

BLUE, ORANGE = "#0072b2", "#d55e00"
wavelength = 0.5642  # Angstrom
q = np.linspace(1.0, 8.0, 701)  # 1/Angstrom

# %%
# The blank
# ---------
# This stands for your file: angles and counts of tetrachloroethylene in Kapton.
# ``read_solvent`` makes a curve of it that patterns can be mixed with.
two_theta = np.arange(4.0, 88.0, 0.01)
blank_q = 4.0 * np.pi / wavelength * np.sin(np.deg2rad(two_theta / 2.0))
liquid = sq.load_solvent("tetrachloroethylene", wavelength)
holder = load_background("kapton", wavelength)
expected = 0.7 * np.interp(blank_q, liquid["q"], liquid / liquid.mean())
expected += 0.3 * np.interp(blank_q, holder["q"], holder / holder.mean())
counts = np.random.default_rng(0).poisson(800 * expected)
path = Path(tempfile.mkdtemp()) / "blank.xy"
np.savetxt(path, np.column_stack([two_theta, counts]), fmt=["%.2f", "%d"])

blank = sq.read_solvent(path, wavelength=wavelength)

# %%
# Two trainings
# -------------
# Every batch is mixed with liquids drawn around the given ones, so that the sizer bears a blank
# that is not quite yours. ``sq.train_sizer("PbS", solvents=[blank, "tetrachloroethylene"])`` does
# this at length, with the computed liquid besides.
sizes = {"diameters": [3.0, 3.5, 4.0, 4.5, 5.0], "q": q, "wavelength": wavelength}
library = sq.simulate_library(
    "PbS", dispersions=[0.08, 0.12, 0.16], strains=[-0.004, -0.002, 0.0, 0.002, 0.004], **sizes
)
X, y, _ = sq.library_samples(library)


def trained(solvents):
    """A short training with these liquids."""
    experiment = sq.RandomExperiment("synchrotron", solvents=solvents, q=q)
    pipeline = sq.make_sizing_pipeline(augmenter=experiment, random_state=0)
    pipeline.set_params(
        qstandardizer__q_min=q[0],
        qstandardizer__q_max=q[-1],
        qstandardizer__n_points=len(q),
        allcnn__n_filters=(16, 32, 48, 64, 64),
        allcnn__batch_size=128,
        allcnn__steps_per_epoch=40,
        allcnn__max_epochs=2,
    )
    return pipeline.fit(X, y)


sizers = {
    "trained with the blank": trained([blank]),
    "trained with hexane and toluene": trained(["hexane", "toluene"]),
}

# %%
# Fresh dots in your solvent
# --------------------------
# Other dispersions and strains, in the blank, from dilute to dry; ``perturb`` gives every row
# counts of its own.
fresh = sq.simulate_library(
    "PbS", dispersions=[0.10, 0.14], strains=[-0.003, -0.001, 0.001, 0.003], **sizes
)
X_test, y_test, _ = sq.library_samples(fresh)
X_test, y_test = X_test[np.repeat(np.arange(40), 5)], np.repeat(y_test, 5)
fractions = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0])
rng = np.random.default_rng(0)
shares = {name: [] for name in sizers}
for fraction in fractions:
    colloids = sq.SolventMixer(blank, qd_fraction=fraction).fit_transform(X_test)
    measured = sq.PoissonNoise(snr=30).fit(colloids).perturb(colloids, rng)
    for name, sizer in sizers.items():
        shares[name].append(np.mean(sizer.predict(measured) == y_test))
for name, found in shares.items():
    print(f"{name}: " + ", ".join(f"{share:.2f}" for share in found))

# %%
# The picture
# -----------
# The blank; dots in liquids drawn around it, as a batch holds them; and how both sizers do. Where
# the dots make up 10 to 30 % of the intensity, the one that knows the blank finds most sizes, the
# other one less than half of them.
fig, (left, middle, right) = plt.subplots(1, 3, figsize=(12.5, 4.2), layout="constrained")
left.plot(blank_q, counts, ".", color="0.75", ms=1.5, rasterized=True, label="counts")
left.plot(blank["q"], blank, color=ORANGE, lw=1.2, label="solvent curve")
left.set(ylabel="counts")
left.legend(frameon=False, markerscale=5)

variation = sq.SolventVariation([blank], qd_fraction=0.1).fit(X)
for color in (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00"):
    drawn = variation.perturb(X[:1], rng)[0]
    middle.plot(q, drawn / drawn.mean(), color=color, lw=0.9)
middle.set(ylabel="intensity / mean")

for (name, found), color, marker in zip(shares.items(), (BLUE, ORANGE), "os", strict=True):
    found = np.array(found)
    error = np.sqrt(found * (1 - found) / len(y_test))
    right.errorbar(100 * fractions, found, error, fmt=f"{marker}-", color=color, label=name)
right.axhline(0.2, color="0.6", lw=0.8, ls="--")
right.text(100, 0.21, "chance", ha="right", color="0.4", size="small")
right.set(xscale="log", ylim=(0, 1.03))
right.set(xlabel="dots' share of the intensity (%)", ylabel="share of right sizes")
right.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"], minor=False)
right.minorticks_off()
right.legend(frameon=False, loc="lower right", fontsize="small")
for ax in (left, middle):
    ax.set(xlabel=r"$Q$ (Å$^{-1}$)", xlim=(q[0], q[-1]), ylim=(0, None))
titles = ["The blank", "Five draws, 10 % from the dots", "PbS dots in that liquid"]
for ax, letter, title in zip((left, middle, right), "abc", titles, strict=True):
    ax.set_title(f"({letter})  {title}", loc="left", fontsize="medium")
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

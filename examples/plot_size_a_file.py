"""
Size a measured file
====================

A file of angles and intensities, a sizer, and what it answers: number and volume average of the
size, each with its interval, a verdict, the probability of every class, and what else the pattern
tells of the dots. Here the file is a simulated one, so that the truth is known: dots of 4.7 nm in
toluene, which are 45 % of the intensity, of a dispersion of 12 % and a strain of +0.1 %.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import FitDisplay
from sk_qdots.simulation import volume_mean

# %%
# A file
# ------
# With a file of your own, this is not needed.
wavelength = 0.5642  # Angstrom
library = sq.simulate_library("PbS", diameters=[4.7], dispersions=[0.12], strains=[0.001])
dots = sq.library_samples(library)[0]
colloid = sq.SolventMixer("toluene", qd_fraction=0.45).fit_transform(dots)
counts = sq.PoissonNoise(snr=30, random_state=0).fit_transform(colloid)[0]
two_theta = 2.0 * np.rad2deg(np.arcsin(counts["q"] * wavelength / (4.0 * np.pi)))
path = Path(tempfile.mkdtemp()) / "PbS_colloid.xy"
np.savetxt(path, np.column_stack([two_theta, counts]))

# %%
# Read it, size it
# ----------------
# ``sk-qdots size PbS_colloid.xy --wavelength 0.5642`` does the same. Networks and a fit answer
# together: with classes, which are 0.5 nm apart, and with diameter, volume average of the diameter,
# dispersion and strain, each with its standard deviation.
pattern = sq.read_pattern(path, wavelength=wavelength)
sizer = sq.load_sizer("PbS")
result = sizer.size(pattern)
low, high = result.interval
print(f"number average: {result.number_diameter:.2f} nm, 90 % within {low:.2f} to {high:.2f} nm")
low, high = result.volume_interval
print(f"volume average: {result.volume_diameter:.2f} nm, 90 % within {low:.2f} to {high:.2f} nm")
print(f"verdict: {result.verdict} {' '.join(result.reasons)}")
print(f"class {result.diameter} nm (p = {result.probability:.2f}), then {result.runner_up} nm")
print(f"mean of the classes: {result.expected_diameter:.2f} nm")
print(f"agreement with the simulated pattern: {result.agreement:.3f}")

truth = {
    "diameter": 4.7,
    "volume_diameter": volume_mean(4.7, 0.12),
    "dispersion": 0.12,
    "strain": 0.001,
}
values = {"diameter": result.number_diameter} | {
    name: getattr(result, name) for name in ("volume_diameter", "dispersion", "strain")
}
estimates = {name: (value, result.uncertainties[name]) for name, value in values.items()}
for name, (value, error) in estimates.items():
    unit = "nm" if "diameter" in name else ""
    print(f"{name:16}{value:7.4f} +- {error:.4f} {unit:2}  (true: {truth[name]:.4f})")

# %%
# The picture
# -----------
# Above, the pattern with its fit, and below it the difference: nothing but noise is left. Then the
# probabilities of the classes: the true size lies between two of them, which share them. Last, how
# far the estimates are from the truth.
fig = plt.figure(figsize=(10.5, 8.6), layout="constrained")
above, below = fig.subfigures(2, 1, height_ratios=(1.35, 1.0))
FitDisplay(result, sizer.reflections).plot(above)
axes = below.subplot_mosaic("bc")

ax = axes["b"]
ax.bar(result.probabilities["diameter"], result.probabilities, width=0.4, color="#0072b2")
ax.axvline(truth["diameter"], color="#d55e00", ls="--", lw=1.2, label="true diameter")
mean, error = estimates["diameter"]
label = f"estimate: {mean:.2f} ± {error:.2f} nm"
ax.errorbar(mean, 0.85, xerr=error, fmt="o", ms=4, color="#009e73", capsize=3, label=label)
ax.set(xlabel="diameter (nm)", ylabel="probability", xlim=(1.6, 10.4), ylim=(0, 1.0))
ax.set_title("(a)  Probability of every class", loc="left", fontsize="medium")
ax.legend(frameon=False)

ax = axes["c"]
names = []
for place, (name, (value, error)) in enumerate(reversed(estimates.items())):
    deviation, spread = 100.0 * (value / truth[name] - 1.0), 100.0 * error / truth[name]
    ax.errorbar(deviation, place, xerr=spread, fmt="o", color="#0072b2", capsize=3)
    unit = " nm" if "diameter" in name else ""
    names.append(f"{name.replace('_', ' ')}\ntrue: {truth[name]:.3g}{unit}")
ax.set_yticks(range(len(names)), names)
ax.axvline(0.0, color="#d55e00", ls="--", lw=1.2)
ax.set(xlabel="estimate − truth (% of the truth)", xlim=(-22, 22), ylim=(-0.6, 3.6))
ax.set_title("(b)  Estimates, with their standard deviations", loc="left", fontsize="medium")
for ax in axes.values():
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

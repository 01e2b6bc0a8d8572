"""
A textured laboratory pattern
=============================

Dots that dry on a plate lie down on their facets, and a diffractometer in reflection sees some of
their planes more often than others. Who takes the pattern for that of a powder finds another
size, and a fit that is plainly wrong. Here PbS dots on a plate before a copper tube, sized
without texture, with free strengths of all reflections, and with the facet named.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.inspection import FitDisplay

tube = sq.load_instrument("lab-cu")
two_theta = np.arange(20.0, 100.0, 0.03)
q = 4.0 * np.pi / tube.wavelength * np.sin(np.deg2rad(two_theta / 2.0))
rng = np.random.default_rng(5)

# %%
# The measurement
# ---------------
# Dots of 4.5 nm, a dispersion of 10 %, of which more lie on their cube faces than chance would have
# (a March coefficient of 0.6), seen through the tube with its doublet, and counted.
library = sq.simulate_library(
    "PbS", diameters=[4.5], dispersions=[0.10], strains=[0.001], q=q, wavelength=tube.wavelength
)
powder, _, _ = sq.library_samples(library)
lying = sq.PreferredOrientation("PbS", (1, 0, 0), march=0.6, peak_width=0.13).fit_transform(powder)
expected = {
    name: tube.apply(patterns)[0].values
    for name, patterns in (("powder", powder), ("lying", lying))
}
scale = 2000.0 / expected["powder"].mean()
pattern = xr.DataArray(
    rng.poisson(scale * expected["lying"] + 300.0).astype(float),
    dims="q",
    coords={"q": q, "two_theta": ("q", two_theta)},
    attrs={"wavelength": tube.wavelength, "source": "PbS on a plate"},
)

# %%
# Three ways to size it
# ---------------------
# On the command line they are ``sk-qdots size plate.xy --crystal PbS --instrument lab-cu``, which
# looks for texture by itself, the same with ``--facet 1,0,0``, and, for a powder alone,
# ``make_sizer(texture=False)`` in Python.
ways = {
    "no texture": {"texture": False},
    "free strengths": {"texture": "auto"},
    "lying on (100)": {"facet": (1, 0, 0)},
}
answers = {}
for name, asked in ways.items():
    sizer = sq.make_sizer("PbS", diameters=(2.0, 8.0), instrument=tube, cache=False, **asked)
    answers[name] = sizer.size(pattern)
    answer = answers[name]
    low, high = answer.interval
    print(
        f"{name:15} {answer.number_diameter:.2f} nm ({low:.2f} to {high:.2f}), {answer.verdict}, "
        f"R_wp {100 * answer.fit.r_wp:.1f} %, chi-square {answer.fit.chi2:.2f}"
    )
    for reason in answer.reasons:
        print(f"{'':15} {reason}")
march = answers["lying on (100)"].fit
print(f"March coefficient {march.parameters['march']:.2f} +- {march.uncertainties['march']:.2f}")

# %%
# The picture
# -----------
# Left the fit of a powder, right the one that knows how the dots lie; below each what it leaves.
# The true size is 4.5 nm.
fig = plt.figure(figsize=(12.0, 5.2), layout="constrained")
for part, name in zip(fig.subfigures(1, 2), ("no texture", "lying on (100)"), strict=True):
    display = FitDisplay(answers[name]).plot(part)
    display.ax_[0].set_title(f"{name}: {answers[name].headline()}", fontsize="medium")
plt.show()

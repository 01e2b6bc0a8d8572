"""
Calibrate an instrument, and what that is worth
===============================================

A broad instrument and small dots widen peaks alike. Five minutes of a standard tell them apart:
here LaB6 behind a copper tube whose goniometer reads 0.04 degrees too much, and dots of PbS that
are sized before and after the instrument is known. Both patterns are simulated, so that the truth
is.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.inspection import StandardFitDisplay
from sk_qdots.instruments import fit_standard
from sk_qdots.instruments.standards import STANDARDS, lines_of

BLUE, ORANGE = "#0072b2", "#d55e00"
rng = np.random.default_rng(3)
truth = sq.load_instrument("lab-cu").replace(name="truth", u=0.02, w=0.012, zero=0.04)


def as_read(two_theta, counts):
    """What ``read_pattern`` returns of a file with a copper tube's angles."""
    q = 4.0 * np.pi / truth.wavelength * np.sin(np.deg2rad(two_theta / 2.0))
    return xr.DataArray(
        counts,
        dims="q",
        coords={"q": q, "two_theta": ("q", two_theta)},
        attrs={"wavelength": truth.wavelength, "source": "simulated"},
    )


# %%
# The standard
# ------------
# Its lines, each with the profile of the instrument, at the angles that the goniometer reads.
angles = np.arange(18.0, 120.0, 0.03)
lines = lines_of(STANDARDS["LaB6"].crystal, 2.0 / min(truth.wavelengths), truth.wavelength)
counts = np.full_like(angles, 8.0)
for wavelength, weight in zip(truth.wavelengths, truth.weights, strict=True):
    sine = wavelength / (2.0 * lines.spacing)
    true = np.rad2deg(2.0 * np.arcsin(sine[sine < 0.95]))
    half = np.deg2rad(true / 2.0)
    area = weight * lines.strength[sine < 0.95] * truth.polarisation_factor(true)
    area /= np.sin(half) ** 2 * np.cos(half)
    width, share = truth.fwhm(true), truth.lorentzian_share(true)
    away = 2.0 * (angles[:, None] - truth.read_two_theta(true)) / width
    gauss = np.sqrt(np.log(2.0) / np.pi) * np.exp(-np.log(2.0) * away**2)
    counts += 10.0 * (2.0 / width * (share / np.pi / (1 + away**2) + (1 - share) * gauss)) @ area
standard = as_read(angles, rng.poisson(3e4 * counts / counts.max()).astype(float))

# %%
# Its fit
# -------
# ``sk-qdots calibrate lab6.xy --standard LaB6 --out mine.json --plot lab6.png`` does the same. The
# widths follow Caglioti's formula; the doublet is in the instrument from the beginning.
doublet = sq.load_instrument("lab-cu")
fit = fit_standard(standard, "LaB6", instrument=doublet)
mine = fit.instrument
print(
    f"zero {mine.zero:+.4f} +- {mine.uncertainties['zero']:.4f} degrees (true: {truth.zero:+.4f})"
)
for angle in (30.0, 60.0, 100.0):
    print(f"width at {angle:3.0f} degrees: {mine.fwhm(angle):.4f} (true: {truth.fwhm(angle):.4f})")
StandardFitDisplay(fit).plot()
plt.show()

# %%
# Dots, before and after
# ----------------------
# The same counts of dry dots of three sizes, sized by a fit that has to find the resolution itself,
# and by one that is told the instrument.
sizes = [2.5, 4.5, 6.5]
library = sq.simulate_library(
    "PbS", diameters=sizes, dispersions=[0.12], strains=[0.0], q=standard["q"].values, n_jobs=1
)
seen = truth.apply(library)["intensity"].squeeze()
patterns = [as_read(angles, rng.poisson(400 * i / i.mean()).astype(float)) for i in seen.values]
asked = {"diameters": (1.5, 8.0), "shape": "sphere", "cache": False}
before = sq.make_sizer("PbS", wavelength=truth.wavelength, **asked)
after = sq.make_sizer("PbS", instrument=mine, **asked)
answers = {
    "not told": [before.size(pattern) for pattern in patterns],
    "calibrated": [after.size(pattern, mine) for pattern in patterns],
}
for name, found in answers.items():
    widths = [answer.interval[1] - answer.interval[0] for answer in found]
    print(f"{name:10}  intervals of", *(f"{width:.2f}" for width in widths), "nm")

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
for shift, (name, color) in zip(
    (-0.09, 0.09), (("not told", ORANGE), ("calibrated", BLUE)), strict=True
):
    middle = np.array([answer.number_diameter for answer in answers[name]])
    ends = np.array([answer.interval for answer in answers[name]]).T
    errors = np.abs(ends - middle)
    at = np.array(sizes) + shift
    ax.errorbar(at, middle - sizes, yerr=errors, fmt="o", color=color, capsize=3, label=name)
ax.axhline(0.0, color="0.4", lw=0.9, ls="--")
ax.set(xlabel="true diameter (nm)", ylabel="found − true (nm)")
ax.set_title("Number averages with 90 % intervals", loc="left", fontsize="medium")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

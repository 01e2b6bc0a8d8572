"""
What wrong looks like
=====================

A sizer of PbS spheres meets what it was not made for. Each panel is a pattern whose truth is
known, the fit of it, what the fit leaves, and the verdict. Look at what is left before you look
at the number.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import sk_qdots as sq

wavelength = 0.5642  # Angstrom
q = np.linspace(1.0, 10.0, 1801)
rng = np.random.default_rng(6)


def simulated(crystal="PbS", diameter=4.0, dispersion=0.10, **more):
    """Patterns of dry dots of one population, as one row each."""
    library = sq.simulate_library(
        crystal,
        diameters=[diameter],
        dispersions=[dispersion],
        strains=[0.0],
        q=q,
        wavelength=wavelength,
        **more,
    )
    return sq.library_samples(library)[0]


def counted(expected):
    """Counts on a flat background, as a measured pattern."""
    expected = np.asarray(expected).ravel()
    counts = rng.poisson(900.0 * expected / expected.mean() + 300.0).astype(float)
    attrs = {"wavelength": wavelength, "source": "simulated"}
    return xr.DataArray(counts, dims="q", coords={"q": q}, attrs=attrs)


# %%
# Six patterns
# ------------
dots = simulated()
broad = sq.load_instrument("synchrotron").replace(
    wavelengths=(wavelength,), u=0.0, v=0.0, w=0.16, eta=0.3, eta_slope=0.0, axial=0.0
)
cases = {
    "right: spheres of 4 nm": dots,
    "two sizes: 3 and 6 nm": 0.4 * simulated(diameter=3.0).values
    + 0.6 * simulated(diameter=6.0).values,
    "texture: plates on (100)": sq.PreferredOrientation("PbS", march=0.55).fit_transform(dots),
    "rods: 3 nm wide, three times as long": simulated(diameter=4.9, shape="rod"),
    "another crystal: PbSe": simulated("PbSe"),
    "too wide peaks: 0.4° in two-theta": broad.apply(dots),
}

# %%
# One sizer
# ---------
# It fits spheres of PbS with whatever liquid, background and resolution (up to 0.15°) may be there.
# What it refuses is fitted here all the same, by the estimator behind it, to show what it saw.
sizer = sq.make_sizer(
    "PbS", diameters=(1.5, 9.0), wavelength=wavelength, shape="sphere", cache=False
)
verdicts, fits = {}, {}
for name, expected in cases.items():
    pattern = counted(expected)
    try:
        answer = sizer.size(pattern)
        verdicts[name], fits[name] = f"{answer.headline()}, {answer.verdict}", answer.fit
        reasons = answer.reasons
    except sq.PatternError as error:
        verdicts[name], reasons = "refused", [error.reason]
        fits[name] = sizer.engines[0].estimator.posterior_of(pattern).fit
    print(f"{name}: {verdicts[name]}", *reasons, sep="\n    ")

# %%
# The picture
# -----------
# Grey is what was measured, red what was calculated; below each what is left, in standard
# deviations of the noise. Only where nothing but noise is left is the number to be believed.
fig = plt.figure(figsize=(12.0, 10.0), layout="constrained")
for part, (name, fit) in zip(fig.subfigures(3, 2).flat, fits.items(), strict=True):
    above, below = part.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    curves = fit.curves
    above.plot(curves["q"], curves["measured"], ".", ms=1.5, color="0.6")
    above.plot(curves["q"], curves["calculated"], lw=0.9, color="#c1272d")
    above.set_title(f"{name}\n{verdicts[name]}", loc="left", fontsize="medium")
    above.set(ylabel="counts", xlim=(1.0, 9.0))
    left_over = (curves["measured"] - curves["calculated"]) / curves["esd"]
    below.plot(curves["q"], left_over, lw=0.6, color="0.35")
    below.axhspan(-2.0, 2.0, color="#0072b2", alpha=0.2, lw=0)
    reach = max(6.0, 1.05 * float(np.nanmax(np.abs(left_over))))
    below.set(ylabel="left / σ", ylim=(-reach, reach))
    below.set_xlabel(r"$Q$ (Å$^{-1}$)")
    for ax in (above, below):
        ax.spines[["top", "right"]].set_visible(False)
plt.show()

"""
An in-situ series
=================

Dots grow while frame after frame is measured. All of them are sized as one series: with the time,
an interval for every frame, and frames that could not be sized in their places. The growth is
simulated: quickly at first, slower as the solution is used up, in toluene at a synchrotron.
"""

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import SeriesDisplay

rng = np.random.default_rng(2)
n_frames, per_frame = 24, 10.0  # s

# %%
# The frames
# ----------
# The dots gain intensity as they grow. In one frame the beam was off.
time = per_frame * np.arange(n_frames)
diameters = 2.4 + 3.0 * (1.0 - np.exp(-time / 70.0))
library = sq.simulate_library(
    "PbS",
    diameters=diameters,
    dispersions=[0.10],
    strains=[0.001],
    q=np.linspace(1.0, 12.0, 2201),
    wavelength=0.5642,
)
dots, _, _ = sq.library_samples(library)
liquid = sq.load_solvent("toluene", wavelength=0.5642)
frames = []
for k, grown in enumerate(dots):
    share = 0.15 + 0.25 * (diameters[k] - 2.4) / 3.0
    mixed = sq.SolventMixer(liquid, qd_fraction=share).fit_transform(grown.expand_dims("sample"))[0]
    expected = 600.0 * mixed / mixed.mean() if k != 15 else 0.0 * mixed + 3.0
    frame = mixed.copy(data=rng.poisson(expected).astype(float))
    frames.append(frame.assign_attrs(wavelength=0.5642, source=f"frame {k:02}"))

# %%
# The series
# ----------
# ``sk-qdots size run42 --crystal PbS --wavelength 0.5642 --out series.csv --plot series.png`` sizes
# a folder, and ``sk-qdots watch`` one that still fills.
sizer = sq.make_sizer("PbS", diameters=(1.5, 8.0), wavelength=0.5642, cache=False)
series = sq.size_series(frames, sizer, per_frame=per_frame)
held = (series["interval_low"] <= diameters) & (diameters <= series["interval_high"])
sized = series["verdict"] != "refused"
print(
    f"{int(sized.sum())} of {n_frames} frames sized; "
    f"{int(held[sized].sum())} intervals hold the truth"
)
for k in np.flatnonzero(~sized):
    print(f"frame {k}: {series['reasons'].values[k]}")

# %%
# The picture
# -----------
# Dashed is the truth. The series is an ``xarray.Dataset``: ``series.to_dataframe()`` and
# :func:`sk_qdots.sizing.write_series` give tables, NetCDF or NeXus.
display = SeriesDisplay.from_dataset(series).plot()
display.ax_[1].plot(time / 60.0, diameters, "k--", lw=0.9, label="truth")
display.ax_[1].legend(frameon=False, fontsize="small")
plt.show()

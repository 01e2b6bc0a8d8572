"""
Which part of a pattern decided
===============================

A network's answer can be traced back: what did every stretch of the pattern add to the decision
for one size and against its neighbour? This is its class activation map. Here it is drawn for
the shipped PbS sizer, for single patterns and then for many.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

import sk_qdots as sq
from sk_qdots.inspection import ClassActivationDisplay, class_activation
from sk_qdots.model_selection import measured_samples

# %%
# Two patterns
# ------------
# Dots of 3 and of 7 nm in toluene. Blue speaks for the size, red for the next larger one; a bar is
# as high as what that stretch adds to the difference of the network's two outputs.
sizer = sq.load_sizer("PbS")
X, y = measured_samples(
    sizer.classes_, 10 * len(sizer.classes_), solvents="toluene", qd_fractions=[0.37], snr=[46]
)
print(f"{np.mean(sizer.predict(X) == y):.3f} of {len(y)} sizes right")

fig, axes = plt.subplots(2, 1, figsize=(9.0, 7.0), layout="constrained")
for ax, letter, size in zip(axes, "ab", (3000, 7000), strict=True):
    pattern = X[np.flatnonzero(y == size)[0]]
    ClassActivationDisplay.from_estimator(sizer, pattern, target=size, against=size + 500, ax=ax)
    ax.set_title(f"({letter})  Dots of {size / 1000:g} nm", loc="left", fontsize="medium")
    ax.set_xlim(1.0, 9.0)
    ax.spines[["top", "right"]].set_visible(False)

# %%
# All sizes
# ---------
# ``class_activation`` gives the same map for many standardised patterns at once. Its absolute
# value, averaged over ten patterns of every size and brought to a sum of 1, says where the
# decision between a size and the next larger one is made: on average about four fifths of it
# on the first six peaks, below 4.4 1/Angstrom, and hardly any beyond the range that is drawn.
standardizer, network = sizer.pipeline["qstandardizer"], sizer.pipeline["allcnn"]
rows = standardizer.transform(X)
shares = []
for size, larger in pairwise(sizer.inner_classes):
    maps, edges = class_activation(network, rows[y == size], target=size, against=larger)
    share = np.abs(maps).mean(axis=0)
    shares.append(share / share.sum())
q = np.interp(edges, np.arange(len(standardizer.q_)), standardizer.q_)
shares = np.array(shares)
middles = 0.5 * (q[1:] + q[:-1])
for limit in (2.5, 4.4, 9.0):
    print(f"below {limit} 1/Angstrom: {shares[:, middles < limit].sum(axis=1).mean():.2f}")

fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(9.0, 6.4), height_ratios=(1, 2.2), sharex=True, layout="constrained"
)
mean = np.mean(rows[y == 7000, : len(standardizer.q_)], axis=0)  # behind it stands what is told
top.plot(standardizer.q_, mean, color="0.2", lw=0.9)
top.set(ylabel="intensity (area 1000)", yticks=[])
top.set_title("(a)  Mean pattern of 7 nm", loc="left", fontsize="medium")
top.spines[["top", "right"]].set_visible(False)
image = bottom.pcolormesh(q, sizer.inner_classes / 1000.0, 100.0 * shares, vmin=0, rasterized=True)
bottom.set(xlabel=r"$Q$ (Å$^{-1}$)", ylabel="diameter (nm)", xlim=(1.0, 9.0))
title = "(b)  Each row: what tells the size at its lower edge from that at its upper edge"
bottom.set_title(title, loc="left", fontsize="medium")
fig.colorbar(image, ax=bottom, label="share of the decision (%)", location="right")
plt.show()

"""
Cross-validation that does not fool itself
==========================================

Sizing is a scikit-learn ``Pipeline``, and scikit-learn judges it. One thing has to be minded:
copies of one simulation, in another liquid or with other noise, must not stand in both the
training and the test part.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import (
    KFold,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import sk_qdots as sq
from sk_qdots.inspection import SizeConfusionDisplay

# %%
# Patterns
# --------
# Nine sizes, two dispersions, five strains: 90 simulations. Each is diluted and counted in
# twelve ways. ``library_samples`` gives patterns, diameters in picometres, and for every
# pattern the number of the simulation that it comes from.
library = sq.simulate_library(
    "PbS",
    diameters=np.arange(2.0, 6.5, 0.5),
    dispersions=[0.08, 0.16],
    strains=np.linspace(-0.004, 0.004, 5),
    q=np.linspace(0.99, 14.9984, 626),
)
augmented = sq.augment_library(
    library,
    solvents=["hexane", "toluene"],
    qd_fractions=[0.3, 0.6, 1.0],
    snr=[24, 46],
    random_state=0,
)
X, y, groups = sq.library_samples(augmented)
print(f"{len(X)} patterns of {len(np.unique(groups))} simulations")

# %%
# Two kinds of folds
# ------------------
# ``KFold`` cuts the patterns at random: those of the test part have copies in the training part,
# of the same simulation. ``StratifiedGroupKFold`` keeps the copies of a simulation together.
standardizer = sq.QStandardizer(n_points=626, padding="edge")
pipelines = {
    "nearest neighbour": make_pipeline(standardizer, KNeighborsClassifier(1)),
    "20 components,\nlinear discriminant": make_pipeline(
        standardizer, PCA(20, random_state=0), LinearDiscriminantAnalysis()
    ),
}
leaky = KFold(5, shuffle=True, random_state=0)
honest = StratifiedGroupKFold(5, shuffle=True, random_state=0)
scores = {
    name: (
        cross_val_score(pipeline, X, y, cv=leaky),
        cross_val_score(pipeline, X, y, groups=groups, cv=honest),
    )
    for name, pipeline in pipelines.items()
}
for name, (leaking, grouped) in scores.items():
    name = name.replace("\n", " ")
    print(f"{name}: {leaking.mean():.3f} with leaking folds, {grouped.mean():.3f} with honest ones")

# %%
# The picture
# -----------
# Each fold's score, and which size is taken for which where the folds are honest. The nearest
# neighbour gains most by the leak: it finds the copies. Without them the nearest pattern is often
# one of the next size, above all of large dots, whose patterns differ least from size to size.
said = cross_val_predict(pipelines["nearest neighbour"], X, y, groups=groups, cv=honest)
fig, (left, right) = plt.subplots(
    1, 2, figsize=(11.0, 4.8), width_ratios=(1, 1.15), layout="constrained"
)
looks = [("KFold: copies leak", "#d55e00", "s"), ("StratifiedGroupKFold", "#0072b2", "o")]
for place, both in enumerate(scores.values()):
    for (label, color, marker), folds, side in zip(looks, both, (-0.12, 0.12), strict=True):
        spread = place + side + np.linspace(-0.05, 0.05, len(folds))
        known = None if place else label
        left.plot(spread, folds, marker, color=color, mfc="none", ms=7, label=known)
        left.hlines(folds.mean(), place + side - 0.1, place + side + 0.1, color=color, lw=2)
left.axhline(1 / len(np.unique(y)), color="0.6", lw=0.8, ls="--")
left.text(-0.45, 1 / len(np.unique(y)) + 0.02, "chance", color="0.4", size="small")
left.set_xticks(range(len(scores)), list(scores))
left.set(xlim=(-0.5, len(scores) - 0.5), ylim=(0, 1.03), ylabel="share of right sizes")
left.set_title("(a)  Five folds, and their mean", loc="left", fontsize="medium")
left.legend(frameon=False, loc="center left", bbox_to_anchor=(0.0, 0.3))
left.spines[["top", "right"]].set_visible(False)

SizeConfusionDisplay.from_predictions(y, said, ax=right)
title = f"(b)  Nearest neighbour, honest folds: {right.get_title()}"
right.set_title("")
right.set_title(title, loc="left", fontsize="medium")
plt.show()

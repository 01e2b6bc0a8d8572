"""
How far to measure: a grid search
=================================

``GridSearchCV`` chooses parameters of every step of a pipeline at once: here where the
standardiser ends the patterns, and how closely a support vector machine follows them. The
first of the two is a question to the experiment: how far is it worth measuring?
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

import sk_qdots as sq

# %%
# Patterns
# --------
# Dilute dots of 3 to 7 nm: 15 % of the intensity is theirs, the rest is that of hexane or of
# toluene, and few counts (a signal-to-noise ratio of 10 or 14) in wide steps of
# 0.028 1/Angstrom.
library = sq.simulate_library(
    "PbS",
    diameters=np.arange(3.0, 7.5, 0.5),
    dispersions=[0.08, 0.16],
    strains=np.linspace(-0.004, 0.004, 7),
    q=np.linspace(1.0, 15.0, 501),
)
augmented = sq.augment_library(
    library, solvents=["hexane", "toluene"], qd_fractions=[0.15], snr=[10, 14], random_state=0
)
X, y, groups = sq.library_samples(augmented)
print(f"{len(X)} patterns of {len(np.unique(y))} sizes")

# %%
# The search
# ----------
# Parameters of steps are called ``step__parameter``. The folds keep copies of one simulation
# together, so ``groups`` goes into ``fit``.
pipeline = Pipeline(
    [
        ("standardizer", sq.QStandardizer(q_min=1.0, n_points=501, padding="edge")),
        ("classifier", SVC(kernel="linear")),
    ]
)
grid = {
    "standardizer__q_max": [2.0, 2.4, 3.2, 4.4, 6.0, 9.0, 15.0],
    "classifier__C": [1e-7, 1e-6, 1e-5, 1e-4],
}
search = GridSearchCV(pipeline, grid, cv=StratifiedGroupKFold(5, shuffle=True, random_state=0))
search.fit(X, y, groups=groups)
print(f"best: {search.best_params_}, {search.best_score_:.3f} right")

# %%
# The picture
# -----------
# All of the grid, and the best C at each range with the standard error of its folds. The first
# peak alone is not enough, the first two nearly are. From 3.2 to 15 the scores agree within their
# errors: so dilute, with so few counts, this machine gains nothing by what lies behind the first
# three peaks. The longer the range, the larger a C it needs.
ends, strengths = grid["standardizer__q_max"], grid["classifier__C"]
shape = (len(strengths), len(ends))  # parameters are gone through in the order of their names
mean = search.cv_results_["mean_test_score"].reshape(shape)
std = search.cv_results_["std_test_score"].reshape(shape)

fig, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.3), layout="constrained")
fig.get_layout_engine().set(wspace=0.06)
left.imshow(mean, cmap="viridis", origin="lower", aspect="auto", vmin=0.1, vmax=0.7)
for (row, column), score in np.ndenumerate(mean):
    color = "black" if score > 0.4 else "white"
    left.text(column, row, f"{score:.2f}", ha="center", va="center", color=color, size="small")
row, column = np.unravel_index(mean.argmax(), shape)
left.plot(column, row, "s", ms=32, mfc="none", mec="#d55e00", mew=2)
left.set_xticks(range(len(ends)), [f"{end:g}" for end in ends])
left.set_yticks(range(len(strengths)), [f"$10^{{{np.log10(c):.0f}}}$" for c in strengths])
left.set(xlabel=r"QStandardizer: $Q_\mathrm{max}$ (Å$^{-1}$)", ylabel="SVC: C")
left.set_title("(a)  Share of right sizes, all of the grid", loc="left", fontsize="medium")

best = mean.argmax(axis=0), np.arange(len(ends))
error = std[best] / np.sqrt(search.n_splits_)
right.errorbar(ends, mean[best], error, fmt="o-", color="#0072b2", capsize=3, lw=1.2)
right.axhline(1 / len(np.unique(y)), color="0.6", lw=0.8, ls="--")
right.text(15.3, 1 / len(np.unique(y)) + 0.01, "chance", ha="right", color="0.4", size="small")
right.set(xlabel=r"$Q_\mathrm{max}$ (Å$^{-1}$)", ylabel="share of right sizes", xlim=(0, 15.5))
right.set_ylim(0.0, 0.8)
right.set_title("(b)  The best C at each range, five folds", loc="left", fontsize="medium")
right.spines[["top", "right"]].set_visible(False)
plt.show()

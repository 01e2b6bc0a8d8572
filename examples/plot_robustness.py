"""
Where a sizer fails
===================

A robustness test makes one thing worse and worse and counts the right answers. Here the shipped
PbS sizer meets patterns that end early, that hold few dots, and that come from an instrument of
low resolution, which its training has not seen.
"""

import matplotlib.pyplot as plt

import sk_qdots as sq
from sk_qdots.inspection import PerturbedPatternsDisplay, RobustnessDisplay
from sk_qdots.model_selection import measured_samples, robustness_conditions

# %%
# Patterns and conditions
# -----------------------
# Twelve fresh patterns of every class, in liquids or dry, and three of the tests. Ranges are cut
# out of the patterns and peaks are broadened as they are; for a dilution other dots of the same
# size are simulated and measured.
sizer = sq.load_sizer("PbS")
X, y = measured_samples(sizer.classes_, 204, random_state=1)
levels = {
    "q_max": ["15", "11", "7", "5", "3.5", "2.5"],
    "qd_fraction": ["0.8", "0.5", "0.25", "0.13", "0.08", "0.046"],
    "broadening": ["0.01", "0.02", "0.05", "0.1"],
}
conditions = [
    condition
    for condition in robustness_conditions(levels, random_state=1)
    if condition.level in levels[condition.test]
]
report = sq.robustness_report(sizer, X, y, conditions=conditions, progress=False)
for name in report["condition"].values:
    row = report.sel(condition=name)
    right, error = float(row["overall_accuracy"]), float(row["overall_mean_signed_error"])
    print(f"{name:18} {right:.2f} right, mean error {error:+.2f} nm")

# %%
# The picture
# -----------
# Above, one pattern under each test; below, the share of right sizes with its standard error.
# Short ranges hardly matter, and dilution does slowly. Low resolution is what to beware of: it
# looks harmless, but it widens the peaks as smaller dots would, and the sizes come out too small,
# as the mean errors say.
fig, axes = plt.subplots(2, 3, figsize=(12.5, 7.2), layout="constrained")
titles = {
    "q_max": ("Shorter range", r"$Q_\mathrm{max}$ (Å$^{-1}$)", 15.0),
    "qd_fraction": ("Fewer dots", "dots' share", 4.0),
    "broadening": ("Lower resolution", "full width (degrees)", 4.0),
}
for column, (test, (title, legend, end)) in enumerate(titles.items()):
    top, bottom = axes[:, column]
    of_test = [condition for condition in conditions if condition.test == test]
    PerturbedPatternsDisplay.from_conditions(of_test, X[[5]], y[[5]]).plot(top, q_range=(1.0, end))
    top.set_xlim(1.0, 1.3 * end)  # room for the legend
    top.set_xticks([x for x in top.get_xticks() if 1.0 <= x <= end])
    top.get_legend().set_title(legend, {"size": "small"})
    RobustnessDisplay.from_report({"PbS sizer": report}, test, ax=bottom)
    for ax, letter in ((top, "abc"[column]), (bottom, "def"[column])):
        ax.set_title(f"({letter})  {title}", loc="left", fontsize="medium")
        ax.spines[["top", "right"]].set_visible(False)
plt.show()

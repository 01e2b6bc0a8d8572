"""Pictures of what the tables say of answers: ``python tools/trust_pictures.py``.

Reads ``docs/tables/told.md`` (what a user of the shipped PbS sizer is told) and the measured
patterns of ``docs/tables/posterior.md``, and draws ``docs/images/trust/told.png`` and
``measured.png``.
"""

import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "docs" / "tables"
IMAGES = ROOT / "docs" / "images" / "trust"
GREEN, YELLOW, RED, BLUE = "#009e73", "#e6b800", "#c1272d", "#0072b2"


def tables(path: Path) -> list[list[list[str]]]:
    """Rows of cells of every table of a file, its header first."""
    found: list[list[list[str]]] = [[]]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if not set("".join(cells)) <= set("-: "):
                found[-1].append(cells)
        elif found[-1]:
            found.append([])
    return [rows for rows in found if rows]


def draw_told() -> None:
    """Shares refused, with caution and ok, and how the intervals of each group cover."""
    rows, groups = tables(TABLES / "told.md")[:2]
    names = [row[0] for row in rows[1:]]
    shares = np.array([[float(cell) for cell in row[1:4]] for row in rows[1:]])
    fig, (left, right) = plt.subplots(
        1, 2, figsize=(12.0, 0.27 * len(names) + 1.2), layout="constrained", width_ratios=(1.5, 1)
    )
    places = np.arange(len(names))[::-1]
    start = np.zeros(len(names))
    for column, (name, color) in enumerate((("refused", RED), ("caution", YELLOW), ("ok", GREEN))):
        left.barh(places, shares[:, column], left=start, color=color, label=name, height=0.75)
        start += shares[:, column]
    missed = np.array([float(row[4]) for row in rows[1:]])
    left.barh(
        places, missed, left=1.0 - missed, color="none", hatch="////", height=0.75, lw=0,
        edgecolor="black", label="of these ok, but missed",
    )  # fmt: skip
    left.set_yticks(places, names)
    left.set(xlim=(0, 1), ylim=(-0.6, len(names) - 0.4), xlabel="share of the patterns")
    left.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0), frameon=False)

    for place, row in enumerate(reversed(groups[1:])):
        low, high = (float(end) for end in row[3].split(" to "))
        right.plot([low, high], [place, place], color="0.8", lw=9, solid_capstyle="butt")
        right.plot(float(row[2]), place, "o", color=BLUE)
    right.axvline(0.9, color="0.4", lw=0.9, ls="--")
    right.set_yticks(
        range(len(groups) - 1), [f"{row[0]} ({row[1]})" for row in reversed(groups[1:])]
    )
    right.set(xlim=(0.6, 1.02), xlabel="share that hold the truth")
    right.set_title("right patterns; grey: by chance", fontsize="medium")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(IMAGES / "told.png", dpi=100)


def draw_measured() -> None:
    """Volume or number average found, with its interval, over the known one."""
    rows = next(t for t in tables(TABLES / "posterior.md") if t[0][0] == "pattern")[1:]
    fig, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    labelled = set()
    for row in rows:
        known = re.match(r"\d+(\.\d+)?", row[1])
        if known is None:
            continue
        by_volume = "by volume" in row[1]
        value, interval = (row[4], row[5]) if by_volume else (row[2], row[3])
        low, high = (float(end) for end in interval.split(" to "))
        kind = "measured, by volume" if by_volume else "another program's, by number"
        color = RED if by_volume else BLUE
        ax.errorbar(
            float(known.group()), float(value), yerr=[[float(value) - low], [high - float(value)]],
            fmt="o", ms=5, capsize=3, color=color, label=None if kind in labelled else kind,
        )  # fmt: skip
        labelled.add(kind)
    ends = np.array([1.5, 10.5])
    ax.plot(ends, ends, "--", color="0.5", lw=0.9)
    ax.set(xlabel="known diameter (nm)", ylabel="found, with its 90 % interval (nm)")
    ax.set(xlim=ends, ylim=ends)
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(IMAGES / "measured.png", dpi=100)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    draw_told()
    draw_measured()


if __name__ == "__main__":
    main()

"""Compare our patterns, and the shipped sizer, with patterns made by others.

    python tools/compare_reference.py FOLDER

reads the authors' augmented patterns (``*.cal``, one intensity column on the
standard grid, labels in the file names) and prints for each dry one the residual

    R_w = sqrt(sum((sim - ref)^2 / ref) / sum(ref)),

both of area 1000, beside the part that counting noise alone makes, and for every
one what the shipped sizer says. ``--export OUT`` writes them as columns of text with a
table of their sizes, for ``sk-qdots evaluate --references OUT/references.csv``.
"""

import argparse
import csv
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

import sk_qdots as sq

NAME = re.compile(
    r"Str(?P<lattice>[\d.]+)_SD(?P<dispersion>\d+)_Avg(?P<diameter>[\d.]+)"
    r"_Solv(?P<solvent>\w+)_Conc(?P<qd_percent>\d+)_noisy(?P<scale>[\d.]+)\.cal"
)
STRAINS = np.linspace(-0.0025, 0.0051, 19)  # the file names give four digits of 1 + strain
Q = sq.default_q_grid()


def read(path: Path) -> tuple[dict[str, float], np.ndarray]:
    """Labels of a reference pattern, and its intensities at area 1000."""
    match = NAME.search(path.name)
    if match is None:
        raise SystemExit(f"{path}: the name does not hold the labels")
    labels = {k: float(v) for k, v in match.groupdict().items() if k != "solvent"}
    labels["strain"] = STRAINS[np.abs(STRAINS - (labels["lattice"] - 1.0)).argmin()]
    intensity = np.loadtxt(path)
    return labels, intensity * 1000.0 / np.trapezoid(intensity, Q)


def residual(labels: dict[str, float], reference: np.ndarray) -> float:
    """R_w of our simulation with the labels' parameters."""
    library = sq.simulate_library(
        "PbS",
        diameters=[labels["diameter"]],
        dispersions=[labels["dispersion"] / 100.0],
        strains=[labels["strain"]],
    )
    simulated = library["intensity"].values.ravel().astype(np.float64)
    simulated *= 1000.0 / np.trapezoid(simulated, Q)
    return float(np.sqrt(((simulated - reference) ** 2 / reference).sum() / reference.sum()))


def export(files: list[Path], folder: Path) -> None:
    """Write the patterns with their axis, and a table of their sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "references.csv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "diameter_nm", "x", "dispersion"])
        for path in files:
            labels, intensity = read(path)
            np.savetxt(folder / f"{path.stem}.xy", np.c_[Q, intensity], fmt="%.6g")
            dispersion = labels["dispersion"] / 100.0
            writer.writerow([f"{path.stem}.xy", labels["diameter"], "q", dispersion])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--export", type=Path, metavar="OUT", help="folder to write them into")
    arguments = parser.parse_args()
    files = sorted(arguments.folder.glob("*.cal"))
    if not files:
        raise SystemExit("no *.cal files there")
    if arguments.export is not None:
        export(files, arguments.export)
    print(f"{datetime.now(UTC).date()}, sk_qdots {version('sk_qdots')}")
    sizer = sq.load_sizer("PbS")
    hits = 0
    for path in files:
        labels, reference = read(path)
        probabilities = sizer.predict_proba(reference[None, :])[0]
        best = sizer.classes_[probabilities.argmax()] / 1000.0
        hits += best == labels["diameter"]
        line = f"{labels['diameter']:5.1f} nm: sized {best:4.1f} (p = {probabilities.max():.2f})"
        line += f", dots {labels['qd_percent']:3.0f} %, k = {labels['scale']:3.0f}"
        if labels["qd_percent"] == 100:
            noise = np.sqrt(len(Q) / labels["scale"] / reference.sum())
            line += f", R_w = {residual(labels, reference):.4f} (noise alone {noise:.4f})"
        print(line)
    print(f"{hits} of {len(files)} sized exactly")


if __name__ == "__main__":
    main()

"""Compare our patterns, and the shipped sizer, with patterns made by others.

    python tools/compare_reference.py FOLDER

reads the authors' augmented patterns (``*.cal``, one intensity column on the
standard grid, labels in the file names) and prints for each dry one the residual

    R_w = sqrt(sum((sim - ref)^2 / ref) / sum(ref)),

both of area 1000, beside the part that counting noise alone makes, and for every
one what the shipped sizer says.
"""

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.cal"))
    if not files:
        raise SystemExit("no *.cal files there")
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

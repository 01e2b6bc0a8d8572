"""Make the PbS sizer that the package ships: simulate, train, evaluate, save.

    python tools/train_pbs.py

writes ``sk_qdots/pretrained/PbS/`` (manifest, weights, model card). Everything
follows from the seed; the thread count of the matrix products changes the last
digits of the weights. ``--evaluate-only`` judges the sizer that is there again.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq

ROOT = Path(__file__).resolve().parent.parent
DIAMETERS = np.arange(2.0, 10.5, 0.5)
TRAINING = {"dispersions": [0.05, 0.08, 0.11, 0.14, 0.17, 0.20], "strains": (-0.0025, 0.0051, 19)}
# Other strains than in training, and two other dispersions; other noise and other liquids.
TRAINING_SOLVENTS = ["chloroform", "cyclohexane", "hexane", "octane", "tetrachloroethylene"]
TEST_SOLVENTS = ["octadecene", "toluene"]
TEST = {"dispersions": [0.05, 0.10, 0.15, 0.20], "strains": (-0.0023, 0.0049, 8)}
DILUTION = {"qd_fraction": (0.08, 1.0)}
FIXED = {**DILUTION, "full_range_share": 1.0, "fine_share": 1.0, "dry_share": 0.0}
CUT = {
    **DILUTION,
    "full_range_share": 0.0,
    "fine_share": 1.0,
    "dry_share": 0.2,
    "q_min": (0.99, 0.99),
}
ROWS = {
    "dry": {**FIXED, "dry_share": 1.0},
    "qd_fraction 0.15 to 1, whole range": {**FIXED, "qd_fraction": (0.15, 1.0), "dry_share": 0.25},
    "qd_fraction 0.15, k = 3": {**FIXED, "qd_fraction": (0.15, 0.15), "scale": (3.0, 3.0)},
    "qd_fraction 0.15, k = 200": {**FIXED, "qd_fraction": (0.15, 0.15), "scale": (200.0, 200.0)},
    "qd_fraction 0.08": {**FIXED, "qd_fraction": (0.08, 0.08)},
    "Qmax 7": {**CUT, "q_max": (7.0, 7.0)},
    "Qmax 4.4": {**CUT, "q_max": (4.4, 4.4)},
    "Qmin 1.7": {**CUT, "q_min": (1.7, 1.7), "q_max": (15.0, 15.0)},
    "1251 points of 5004": {**FIXED, "dry_share": 0.2, "fine_share": 0.0, "coarsening": (4.0, 4.0)},
    "everything drawn, qd_fraction 0.08 to 1": DILUTION,
}
COMPUTED = f"liquids drawn around computed ones ({', '.join(TRAINING_SOLVENTS)})"
INVENTED = "invented hydrocarbon liquids, by a formula that is no longer part of the package"
BETWEEN = "diameters between the classes"
N_TEST = 3000
N_WRONG = 500  # patterns for each wrong wavelength


def simulate(settings: dict, diameters: np.ndarray, progress: bool) -> xr.Dataset:
    return sq.simulate_library(
        "PbS",
        diameters=diameters,
        dispersions=settings["dispersions"],
        strains=np.linspace(*settings["strains"]),
        n_jobs=-1,
        progress=progress,
    )


def draw(library: xr.Dataset, experiment: dict, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fresh test patterns on the standard grid and their diameters in nm."""
    X, y, _ = sq.library_samples(library)
    X = sq.QStandardizer().fit_transform(X)
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(X), N_TEST)
    augmenter = sq.RandomExperiment("ideal", solvents=TEST_SOLVENTS, **experiment).fit(X)
    return augmenter.perturb(X[rows], rng), y[rows] / 1000.0


def refused(sizer: sq.Sizer, X: np.ndarray, q_factor: float = 1.0) -> float:
    """Share of the patterns that are not sized, their Q axis wrong by a factor."""
    count = 0
    for row in X:
        pattern = xr.DataArray(row, dims="q", coords={"q": sizer.q_ * q_factor})
        try:
            sizer.size(pattern)
        except sq.PatternError:
            count += 1
    return round(count / len(X), 4)


def evaluate_refusals(sizer: sq.Sizer, library: xr.Dataset, seed: int) -> dict[str, float]:
    """How often right patterns are refused, and patterns with a wrong wavelength."""
    X, _ = draw(library, DILUTION, seed)
    scores = {"right": refused(sizer, X)}
    # Ranges with room at both ends: what is refused is the wavelength, not the range.
    X, _ = draw(library, {**DILUTION, "q_min": (0.99, 1.4), "q_max": (6.0, 15.0)}, seed + 1)
    for percent in (0.5, 1, 1.5, 2, 3, 5, 10, 20):
        name = f"wavelength {percent} % too long"
        scores[name] = refused(sizer, X[:N_WRONG], 1.0 / (1.0 + percent / 100.0))
    print(scores, flush=True)
    return scores


def evaluate(sizer: sq.Sizer, seed: int) -> dict[str, dict[str, float | None]]:
    library = simulate(TEST, DIAMETERS, progress=False)
    tenths = np.round(np.arange(2.1, 9.95, 0.1), 1)
    between = simulate(TEST, tenths[~np.isin(tenths, DIAMETERS)], progress=False)
    classes = sizer.classes_ / 1000.0
    scores = {}
    cases = [(name, library, experiment) for name, experiment in ROWS.items()]
    cases.append((BETWEEN, between, {**FIXED, "dry_share": 0.2}))
    for k, (name, source, experiment) in enumerate(cases):
        X, truth = draw(source, experiment, seed + k)
        probabilities = sizer.predict_proba(X)
        predicted = classes[probabilities.argmax(axis=1)]
        error = np.abs(probabilities @ classes - truth)
        exact = round(float(np.mean(np.abs(predicted - truth) < 1e-6)), 4)
        scores[name] = {
            "accuracy": None if name == BETWEEN else exact,
            "within_half_nm": round(float(np.mean(np.abs(predicted - truth) < 0.5 + 1e-6)), 4),
            "mean_absolute_error_nm": round(float(error.mean()), 4),
        }
        print(f"{name:40s} {scores[name]}", flush=True)
    return scores


def model_card(sizer: sq.Sizer) -> str:
    facts = sizer.training
    lines = []
    for name, row in facts["scores"].items():
        exact = "" if row["accuracy"] is None else f"{row['accuracy']:.3f}"
        lines.append(
            f"| {name} | {exact} | {row['within_half_nm']:.3f} "
            f"| {row['mean_absolute_error_nm']:.3f} |"
        )
    table = "\n".join(lines)
    refused = "\n".join(f"| {name} | {value:.3f} |" for name, value in facts["refused"].items())
    start, end = sizer.required_range
    low = sizer.augmentation["qd_fraction"][0]
    return f"""# Model card: PbS

Number-average diameter of PbS quantum dots, 2.0 to 10.0 nm in 17 classes of 0.5 nm, from one
wide-angle X-ray pattern.

**Made by** `{facts["command"]}` on
{facts["date"]} ({facts["minutes"]:.0f} minutes, {facts["machine"]}; sk_qdots {version("sk_qdots")},
numpy {version("numpy")}, torch {version("torch")}).

**Trained on** {facts["n_patterns"]} simulated patterns (spheres cut from the bulk lattice,
`fill="{sizer.simulation.get("fill", "cells")}"`, Debye scattering equation, lognormal dispersions
5 to 20 %, isotropic strains -0.25 to +0.51 %, wavelength
{sizer.simulation["wavelength"]} Angstrom), every batch perturbed afresh by
`RandomExperiment`: 20 % dry, the others in
{facts.get("liquids", INVENTED)},
share of the dots in the intensity {100 * low:g} to 100 %, counting noise, shorter ranges, coarser
steps. No measured solvent was used, and no measured pattern of quantum dots.

**Needs** a pattern from {start:g} 1/Angstrom or below to {end:g} 1/Angstrom or above with a step of
{sizer.coarsest_step:.3f} 1/Angstrom or less, as counted (no background subtracted). A pattern whose
peaks are not those of PbS (a wrong wavelength, say) is refused.

**Does not know** texture (dots lying on a plate), facets, other shapes than the sphere, defects, a
K-alpha doublet, instrument broadening, capillary or substrate background. Laboratory patterns have
all of these: take such a size with care.

## Scores

{N_TEST} fresh patterns a row (`fill="volume"`); other strains and noise than in training, and
liquids drawn around others ({" and ".join(TEST_SOLVENTS)}, computed too). Expected diameter:
mean of the classes weighted by their probabilities.

| test | exact class | within 0.5 nm | mean abs. error of the expected diameter, nm |
|---|---|---|---|
{table}

## What is refused

`Sizer.size` and the command compare a pattern with the simulated one of its size, and refuse it
where the agreement is below 0.5 of 1 or the peaks lie more than 1.1 % off. Share refused, of
{N_TEST} right patterns drawn as in training, and of {N_WRONG} with a wrong wavelength, half of
which are cut to a range that starts at 0.99 to 1.4 and ends at 6 to 15 1/Angstrom:

| patterns | refused |
|---|---|
{refused}
"""


def train(arguments: argparse.Namespace) -> sq.Sizer:
    """Simulate and train; the sizer is saved before it is judged, so that nothing is lost."""
    start = time.monotonic()
    library = simulate(TRAINING, DIAMETERS, progress=True)
    X, y, _ = sq.library_samples(library)
    augmenter = sq.RandomExperiment("ideal", solvents=TRAINING_SOLVENTS, qd_fraction=(0.06, 1.0))
    pipeline = sq.make_sizing_pipeline(augmenter=augmenter, random_state=arguments.seed)
    pipeline.set_params(
        allcnn__n_filters=64, allcnn__max_epochs=arguments.epochs, allcnn__verbose=True
    )
    pipeline.fit(X, y)
    net = pipeline.named_steps["allcnn"].net_
    training = {
        "command": f"python tools/train_pbs.py --seed {arguments.seed} --epochs {arguments.epochs}",
        "seed": arguments.seed,
        "liquids": COMPUTED,
        "epochs": arguments.epochs,
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.monotonic() - start) / 60.0, 1),
        "machine": f"{os.cpu_count()} cores {platform.machine()}, device {net.device}",
        "n_patterns": len(y),
        "final_loss": round(float(net.history[-1]["train_loss"]), 4),
    }
    sizer = sq.Sizer(pipeline, library, name="PbS", training=training)
    sizer.save(arguments.out, overwrite=True)
    return sizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "sk_qdots/pretrained/PbS")
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate-only", action="store_true")
    arguments = parser.parse_args()
    sizer = sq.load_sizer(arguments.out) if arguments.evaluate_only else train(arguments)
    seed = 10_000 + sizer.training["seed"]
    sizer.training["scores"] = evaluate(sizer, seed)
    library = simulate(TEST, DIAMETERS, progress=False)
    sizer.training["refused"] = evaluate_refusals(sizer, library, seed + 100)
    sizer.save(arguments.out, overwrite=True)
    (arguments.out / "model_card.md").write_text(model_card(sizer), encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

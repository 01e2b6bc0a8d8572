"""Make the PbS sizer that the package ships: simulate, train, evaluate, save.

    python tools/train_pbs.py

writes ``sk_qdots/pretrained/PbS/`` (manifest, weights, model card). What was trained
is kept in ``train_pbs.checkpoint`` until the sizer is judged and saved: after an
interruption the same command goes on.
Everything follows from the seed; the thread count of the matrix products changes
the last digits of the weights. ``--evaluate-only`` judges the sizer that is there;
``--estimates`` trains its second network, for dispersion, strain and volume average, and
judges that.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from evaluate_pbs import Bench, evaluate, table, test_liquids

import sk_qdots as sq
from sk_qdots.solvents import known_solvents
from sk_qdots.training import plan_training
from sk_qdots.training._train import samples_of, targets_of, train_regressor

ROOT = Path(__file__).resolve().parent.parent
CLASSES = np.arange(2000, 10_500, 500)  # pm
# Three sizes between two classes: a label between two counts to both. Those beyond 10 nm
# count as 10 nm: else the last class would be half as wide as the others, and be shunned.
DIAMETERS = np.linspace(2.0, 10.25, 67)
DISPERSIONS = [0.05, 0.08, 0.11, 0.14, 0.17, 0.20]
STRAINS = np.linspace(-0.0025, 0.0051, 13)
SOLVENTS = known_solvents()
# Short ranges, coarse steps and dilute colloids are drawn more often than they are met, and
# liquids differ from the computed ones by more than measured ones do.
EXPERIMENT = {
    "liquid_change": 0.10,
    "liquid_shift": 0.03,
    "qd_fraction": (0.04, 1.0),
    "dry_share": 0.1,
    "full_range_share": 0.35,
    "q_min": (0.99, 1.8),
    "q_max": (2.4, 10.0),
    "fine_share": 0.5,
    "coarsening": (3.5, 22.0),
}
# The second network sees populations beyond those that it is for: at the edge of what it
# has seen a regressor answers towards the middle.
ESTIMATED = {
    "diameters": np.arange(1.5, 11.5, 0.5),
    "dispersions": np.arange(0.03, 0.25, 0.03).round(2).tolist(),
    "strains": np.linspace(-0.004, 0.0066, 13).tolist(),
}
ESTIMATE_EPOCHS = 60
ESTIMATE_TESTS = {
    "dry, k = 30 to 200": {"dry_share": 1.0, "scale": (30.0, 200.0)},
    "dry, k = 3 to 30": {"dry_share": 1.0, "scale": (3.0, 30.0)},
    "c = 15 to 100 %, k = 3 to 200": {"qd_fraction": (0.15, 1.0)},
    "dry, Qmax 4.4": {"dry_share": 1.0, "full_range_share": 0.0, "q_max": (4.4, 4.4)},
}
STEPS_PER_EPOCH = 200
LEARNING_RATE = 1e-2  # short trainings with it ended as well as with half of it, or better
N_WRONG = 500  # patterns for each wrong wavelength


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


def evaluate_refusals(sizer: sq.Sizer, bench: Bench, seed: int) -> dict[str, float]:
    """How often right patterns are refused, and patterns with a wrong wavelength."""
    X = bench.clean[0]
    rng = np.random.default_rng(seed)

    def draw(n: int, **ranges: tuple[float, float]) -> np.ndarray:
        drawn = {**EXPERIMENT, "full_range_share": 0.5, **ranges}
        augmenter = sq.RandomExperiment("ideal", solvents=bench.liquids, **drawn).fit(X)
        return augmenter.perturb(X[rng.choice(len(X), n)], rng)

    low, middle, high = EXPERIMENT["qd_fraction"][0], 0.08, EXPERIMENT["qd_fraction"][1]
    scores = {
        f"right, dots {100 * a:.0f} to {100 * b:.0f} % of the intensity": refused(
            sizer, draw(bench.n_test, qd_fraction=(a, b))
        )
        for a, b in ((middle, high), (low, middle))
    }
    # Ranges with room at both ends: what is refused is the wavelength, not the range.
    wrong = draw(N_WRONG, q_min=(0.99, 1.4), q_max=(6.0, 15.0))
    for percent in (0.5, 1, 1.5, 2, 3, 5, 10, 20):
        name = f"wavelength {percent} % too long"
        scores[name] = refused(sizer, wrong, 1.0 / (1.0 + percent / 100.0))
    print(scores, flush=True)
    return scores


def model_card(sizer: sq.Sizer) -> str:
    facts = sizer.training
    refused = "\n".join(f"| {name} | {value:.3f} |" for name, value in facts["refused"].items())
    start, end = sizer.required_range
    low = sizer.augmentation["qd_fraction"][0]
    return f"""# Model card: PbS

Number-average diameter of PbS quantum dots, 2.0 to 10.0 nm in {len(CLASSES)} classes of 0.5 nm,
from one wide-angle X-ray pattern.

**Made by** `{facts["command"]}` on {facts["date"]} ({facts["minutes"]:.0f} minutes of training,
{facts["machine"]}; sk_qdots {facts["versions"]["sk_qdots"]} at commit {facts["commit"]}, numpy
{facts["versions"]["numpy"]}, torch {facts["versions"]["torch"]}).

**Trained on** {facts["n_patterns"]} simulated patterns (spheres cut
from the bulk lattice, `fill="{sizer.simulation.get("fill", "cells")}"`, Debye scattering equation,
lognormal dispersions 5 to 20 %, isotropic strains -0.25 to +0.51 %, wavelength
{sizer.simulation["wavelength"]} Angstrom), every batch perturbed afresh by `RandomExperiment`:
{100 * sizer.augmentation["dry_share"]:g} % dry, the others in liquids drawn around computed ones
({", ".join(sizer.augmentation["solvents"])}),
share of the dots in the intensity {100 * low:g} to 100 %, counting noise,
shorter ranges, coarser steps; {facts["n_drawn"]} patterns in all. A diameter between two
classes counts to both: the probabilities' mean is the expected diameter. Those beyond 10 nm, up
to {DIAMETERS[-1]:g} nm, count as 10 nm: larger dots are put there too. No measured solvent was
used, and no measured pattern of quantum dots.

**Needs** a pattern from {start:g} 1/Angstrom or below to {end:g} 1/Angstrom or above with a step of
{sizer.coarsest_step:.3f} 1/Angstrom or less, as counted (no background subtracted). A pattern whose
peaks are not those of PbS (a wrong wavelength, say) is refused.

**Does not know** texture (dots lying on a plate), facets, other shapes than the sphere, defects, a
K-alpha doublet, instrument broadening, capillary or substrate background. Laboratory patterns have
all of these: take such a size with care.

## Scores

{facts["n_test"]} fresh patterns a row; other strains, dispersions and noise than in training, and
other liquids, computed too ({facts["test_liquids"]}). Expected diameter:
mean of the classes weighted by their probabilities.

{table(facts["scores"], facts["confusions"])}
{estimates_table(facts.get("estimates"))}

## What is refused

`Sizer.size` and the command compare a pattern with the simulated one of its size, and refuse it
where the agreement is below 0.5 of 1 or the peaks lie more than 1.1 % off. Share refused, of
{facts["n_test"]} right patterns drawn as in training (few dots in a liquid are refused where what
the liquid scatters outweighs them), and of {N_WRONG} with a wrong wavelength, half of which are
cut to a range that starts at 0.99 to 1.4 and ends at 6 to 15 1/Angstrom:

| patterns | refused |
|---|---|
{refused}
"""


def estimates_table(facts: dict[str, Any] | None) -> str:
    if facts is None:
        return ""
    rows = "\n".join(
        f"| {name} | {row['diameter']:.3f} | {row['volume_diameter']:.3f} | "
        f"{row['dispersion']:.4f} | {row['strain']:.5f} |"
        for name, row in facts["scores"].items()
    )
    return f"""
## Estimates

A second network estimates number average, volume average, dispersion and strain, each with its
standard deviation; made by `{facts["command"]}` on {facts["date"]} ({facts["minutes"]:.0f} minutes,
{facts["machine"]}, torch {facts["torch"]}). Mean absolute errors on 952 fresh patterns
a row (dispersions 5 to 20 %, strains -0.25 to +0.51 %, most between the trained ones):

| patterns | diameter, nm | volume average, nm | dispersion | strain |
|---|---|---|---|---|
{rows}
"""


def train_estimates(arguments: argparse.Namespace, sizer: sq.Sizer) -> sq.Sizer:
    """Train the second network of a sizer, and judge it."""
    plan = plan_training("PbS", instrument="ideal", **ESTIMATED)
    series = plan.series(progress=True)
    X, _ = samples_of(plan, series, plan.diameters, plan.dispersions, plan.strains, True)
    regressor = train_regressor(
        plan,
        sizer.standardizer,
        X,
        sq.RandomExperiment("ideal", solvents=SOLVENTS, **{**EXPERIMENT, "dry_share": 0.3}),
        max_epochs=ESTIMATE_EPOCHS,
        precision=arguments.precision,
        n_workers=arguments.workers,
        checkpoint=arguments.checkpoint,
        verbose=True,
        random_state=arguments.seed,
    )
    sizer = sq.Sizer(
        sizer.pipeline,
        sizer.reference,
        regressor=regressor,
        targets=plan.targets,
        facts=sizer.facts,
    )
    told = {
        "command": f"python tools/train_pbs.py --estimates --seed {arguments.seed} "
        f"--precision {arguments.precision}",
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round(float(regressor.history_["seconds"].sum()) / 60.0, 1),
        "machine": f"{os.cpu_count()} cores {platform.machine()}, {gpu(regressor.net_.device)}",
        "commit": commit(),
        "torch": version("torch"),
    }
    told["scores"] = evaluate_estimates(sizer, plan, 20_000 + arguments.seed)
    return sizer.with_training({**sizer.training, "estimates": told})


def evaluate_estimates(sizer: sq.Sizer, plan: Any, seed: int) -> dict[str, dict[str, float]]:
    """Mean absolute errors on fresh patterns: other dispersions, strains, noise and liquids."""
    rng = np.random.default_rng(seed)
    library = sq.simulate_library(
        "PbS",
        diameters=CLASSES / 1000.0,
        dispersions=[0.05, 0.065, 0.1, 0.125, 0.15, 0.185, 0.2],
        strains=np.linspace(-0.0025, 0.0051, 8),
    )
    X, _, _ = sq.library_samples(library)
    X = X[rng.permutation(len(X))]
    whole = {"full_range_share": 1.0, "fine_share": 1.0, "dry_share": 0.0}
    scores = {}
    for name, changes in ESTIMATE_TESTS.items():
        experiment = sq.RandomExperiment("ideal", solvents=test_liquids(), **{**whole, **changes})
        found = sizer.estimate(experiment.fit(X).perturb(X, rng))
        true = targets_of(X, plan)
        scores[name] = {
            target: round(float(np.abs(found[target].values - true[:, k]).mean()), 5)
            for k, target in enumerate(sizer.targets)
        }
        print(name, scores[name], flush=True)
    return scores


def gpu(device: str) -> str:
    """Which GPU trained, if one did."""
    import torch

    return torch.cuda.get_device_name() if device.startswith("cuda") else "no GPU"


def commit() -> str:
    """The commit that this runs on, if it is one."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def train(arguments: argparse.Namespace) -> sq.Sizer:
    """Simulate and train."""
    provenance = {
        "commit": commit(),
        "versions": {p: version(p) for p in ("sk_qdots", "numpy", "torch")},
    }
    library = sq.simulate_library(
        "PbS",
        diameters=DIAMETERS,
        dispersions=DISPERSIONS,
        strains=STRAINS,
        n_jobs=-1,
        progress=True,
    )
    X, y, _ = sq.library_samples(library)
    y = np.minimum(y, CLASSES[-1])
    augmenter = sq.RandomExperiment("ideal", solvents=SOLVENTS, **EXPERIMENT)
    pipeline = sq.make_sizing_pipeline(augmenter=augmenter, random_state=arguments.seed)
    pipeline.set_params(
        allcnn__classes=CLASSES,
        allcnn__max_epochs=arguments.epochs,
        allcnn__steps_per_epoch=STEPS_PER_EPOCH,
        allcnn__lr=LEARNING_RATE,
        allcnn__precision=arguments.precision,
        allcnn__checkpoint=arguments.checkpoint,
        allcnn__n_workers=arguments.workers,
        allcnn__verbose=True,
    )
    pipeline.fit(X, y)
    classifier = pipeline.named_steps["allcnn"]
    history = classifier.history_
    training = {
        "command": f"python tools/train_pbs.py --seed {arguments.seed} --epochs {arguments.epochs} "
        f"--precision {arguments.precision}",
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        **provenance,
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round(float(history["seconds"].sum()) / 60.0, 1),
        "machine": f"{os.cpu_count()} cores {platform.machine()}, {gpu(classifier.net_.device)}",
        "n_patterns": len(y),
        "n_drawn": arguments.epochs * STEPS_PER_EPOCH * classifier.batch_size,
        "final_loss": round(float(history["train_loss"].iloc[-1]), 4),
    }
    judged = library.sel(diameter=CLASSES / 1000.0)
    return sq.Sizer(pipeline, judged, name="PbS", training=training)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "sk_qdots/pretrained/PbS")
    parser.add_argument("--checkpoint", type=Path, default=Path("train_pbs.checkpoint"))
    parser.add_argument("--epochs", type=int, default=340)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw batches")
    parser.add_argument("--evaluate-only", action="store_true")
    parser.add_argument("--estimates", action="store_true", help="train the second network only")
    arguments = parser.parse_args()
    only = arguments.evaluate_only or arguments.estimates
    try:
        sizer = sq.load_sizer(arguments.out) if only else train(arguments)
        if arguments.estimates:
            sizer = train_estimates(arguments, sizer)
    except KeyboardInterrupt:
        raise SystemExit(
            f"\ninterrupted; the same command goes on from {arguments.checkpoint}"
        ) from None
    if not arguments.estimates:
        bench = Bench(test_liquids(), 10_000 + sizer.training["seed"])
        scores, confusions = evaluate(sizer, bench)
        judged = {
            "n_test": bench.n_test,
            "test_liquids": ", ".join(str(curve.name) for curve in bench.liquids),
            "scores": scores,
            "confusions": confusions,
            "refused": evaluate_refusals(sizer, bench, bench.seed + 100),
        }
        sizer = sizer.with_training({**sizer.training, **judged})
    sizer.save(arguments.out, overwrite=True)
    (arguments.out / "model_card.md").write_text(model_card(sizer), encoding="utf-8")
    arguments.checkpoint.unlink(missing_ok=True)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

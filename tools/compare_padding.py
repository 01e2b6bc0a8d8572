"""How the three paddings of the standardiser fare where the measured range is short.

    python tools/compare_padding.py

trains six small sizers of PbS (three paddings; whole ranges only, or ranges drawn at
random), scores them on the same fresh patterns, and writes ``docs/tables/padding.md``.
It keeps what is done in ``--work`` and goes on there when it is started again.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

import sk_qdots as sq

ROOT = Path(__file__).resolve().parent.parent
DIAMETERS = np.arange(2.0, 10.5, 0.5)
DISPERSIONS = [0.05, 0.10, 0.15, 0.20]
TRAINING_STRAINS = np.linspace(-0.0025, 0.0051, 19)
TEST_STRAINS = np.linspace(-0.0023, 0.0049, 8)
TRAINING_SOLVENTS = ["chloroform", "cyclohexane", "hexane", "octane", "tetrachloroethylene"]
TEST_SOLVENTS = ["octadecene", "toluene"]
# The standard cells: dry or in a liquid, 15 % of the intensity or more, k from 3 to 200.
STANDARD = {"qd_fraction": (0.15, 1.0), "dry_share": 0.25, "scale": (3.0, 200.0), "fine_share": 1.0}
REGIMES = {
    "whole ranges only": {"full_range_share": 1.0},
    "ranges drawn": {"full_range_share": 0.25, "q_min": (0.99, 1.8), "q_max": (2.4, 15.0)},
}
PADDINGS = ("nan", "edge", "zero")
RANGES = {
    "whole": {},
    "Qmax 7": {"q_max": 7.0},
    "Qmax 4.4": {"q_max": 4.4},
    "Qmax 2.5": {"q_max": 2.5},
    "Qmin 1.7": {"q_min": 1.7},
}
N_TEST = 3000


def library(strains: np.ndarray):
    return sq.simulate_library(
        "PbS", diameters=DIAMETERS, dispersions=DISPERSIONS, strains=strains, progress=False
    )


def fit(X, y, padding: str, regime: str, seed: int, epochs: int) -> Pipeline:
    """Train on what the standardiser makes of drawn ranges, as it will see measured ones."""
    experiment = sq.RandomExperiment(
        "ideal", solvents=TRAINING_SOLVENTS, **STANDARD, **REGIMES[regime]
    )
    padded = sq.QStandardizer(padding=padding)
    augmenter = Pipeline([("experiment", experiment), ("qstandardizer", padded)])
    pipeline = sq.make_sizing_pipeline(padding=padding, augmenter=augmenter, random_state=seed)
    # The published layers, and a mask of what was measured: with fewer means than the robust ones.
    pipeline.set_params(
        qstandardizer__coarse="spline",
        allcnn__preset="paper",
        allcnn__channels=("deviation", "pattern", "mask"),
        allcnn__batch_norm=True,
        allcnn__max_epochs=epochs,
        allcnn__verbose=True,
    )
    return pipeline.fit(X, y)


def test_patterns(seed: int):
    X, y, _ = sq.library_samples(library(TEST_STRAINS))
    rng = np.random.default_rng(10_000 + seed)
    rows = rng.choice(len(X), N_TEST)
    drawn = sq.RandomExperiment(
        "ideal", solvents=TEST_SOLVENTS, **STANDARD, full_range_share=1.0
    ).fit(X)
    return drawn.perturb(X[rows], rng), y[rows]


def scores(pipeline: Pipeline, patterns, labels) -> dict[str, float]:
    return {
        name: round(
            float(pipeline.score(sq.QTruncation(**ends).fit_transform(patterns), labels)), 4
        )
        for name, ends in RANGES.items()
    }


def table(facts: dict) -> str:
    lines = [
        "| trained on | padding | " + " | ".join(RANGES) + " |",
        "|---|---|" + "---|" * len(RANGES),
    ]
    for key, row in facts["scores"].items():
        regime, padding = key.split(" / ")
        cells = " | ".join(f"{row[name]:.3f}" for name in RANGES)
        lines.append(f"| {regime} | {padding} | {cells} |")
    lines += [
        "",
        f"Share of {N_TEST} fresh patterns put in the right class of 17: other strains, noise and "
        f"liquids ({' and '.join(TEST_SOLVENTS)}) than in training; c = 15 to 100 % of the "
        f"intensity, k = 3 to 200. {facts['epochs']} epochs, 32 filters. Made by "
        f"`{facts['command']}` on {facts['date']} ({facts['minutes']:.0f} minutes of training, "
        f"one thread, {platform.machine()}; seed {facts['seed']}, sk_qdots {version('sk_qdots')}, "
        f"numpy {version('numpy')}, torch {version('torch')}).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/padding.md")
    parser.add_argument("--work", type=Path, default=Path("padding.json"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=600)
    arguments = parser.parse_args()
    facts = {
        "command": f"python tools/compare_padding.py --seed {arguments.seed} "
        f"--epochs {arguments.epochs}",
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "minutes": 0.0,
        "scores": {},
    }
    if arguments.work.exists():
        kept = json.loads(arguments.work.read_text(encoding="utf-8"))
        if kept["command"] != facts["command"]:
            parser.error(f"{arguments.work} belongs to {kept['command']!r}; give another --work")
        facts = kept
    X, y, _ = sq.library_samples(library(TRAINING_STRAINS))
    patterns, labels = test_patterns(arguments.seed)
    for regime in REGIMES:
        for padding in PADDINGS:
            key = f"{regime} / {padding}"
            if key in facts["scores"]:
                continue
            print(key, flush=True)
            start = time.monotonic()
            pipeline = fit(X, y, padding, regime, arguments.seed, arguments.epochs)
            facts["minutes"] += (time.monotonic() - start) / 60.0
            facts["scores"][key] = scores(pipeline, patterns, labels)
            facts["date"] = datetime.now(UTC).date().isoformat()
            arguments.work.write_text(json.dumps(facts, indent=2), encoding="utf-8")
            print(facts["scores"][key], flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(table(facts), encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

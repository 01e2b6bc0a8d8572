"""Run the published protocol: five folds of the 41,344 patterns, and honest folds.

    python tools/paper_protocol.py

The published folds are drawn over the augmented patterns, so that copies of one
simulation stand in both the training and the test part; in the honest ones a
simulation and all its copies stand in one fold. Both are run with the published
layers (the table says what else is not published) and written side by side into
``docs/tables/paper.md``. Finished folds are kept in ``paper_protocol.json``: after
an interruption the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.model_selection import KFold, StratifiedGroupKFold

import sk_qdots as sq

ROOT = Path(__file__).resolve().parent.parent
SOLVENTS = ["hexane", "toluene"]
QD_FRACTIONS = [0.15, 0.37, 0.65, 1.0]
SNR = [14, 24, 46, 122]
N_FOLDS = 5
AS_IT_IS = {"allcnn__channels": None, "allcnn__batch_norm": None}
# Folds, what is set otherwise, and how many folds are run.
PROTOCOLS = {
    "KFold over all patterns, as published": (KFold, {}, N_FOLDS),
    "StratifiedGroupKFold by simulation": (StratifiedGroupKFold, {}, N_FOLDS),
    "KFold, the preset `paper` as it is": (KFold, AS_IT_IS, 1),
}


def samples(seed: int):
    """The 41,344 patterns, their labels and their simulations."""
    library = sq.simulate_library("PbS", n_jobs=-1, progress=False)
    table = sq.augment_library(
        library, solvents=SOLVENTS, qd_fractions=QD_FRACTIONS, snr=SNR, random_state=seed
    )
    return sq.library_samples(table)


def pipeline(seed: int, epochs: int):
    """The published layers, and what keeps them from learning the frozen noise by heart.

    More noise is drawn for every batch: on the patterns that were counted well it is as
    good as counting them again. Batch normalisation and the residual are not published.
    """
    return sq.make_sizing_pipeline(random_state=seed).set_params(
        allcnn__preset="paper",
        allcnn__channels=("deviation", "residual"),
        allcnn__augmenter=sq.PoissonNoise(scale=(2.0, 60.0)),
        allcnn__batch_norm=True,
        allcnn__max_epochs=epochs,
        allcnn__weight_decay=0.05,
        allcnn__verbose=True,
    )


def table(facts: dict) -> str:
    lines = [
        "| folds | "
        + " | ".join(str(k + 1) for k in range(N_FOLDS))
        + " | mean | median minutes a fold |",
        "|---|" + "---|" * (N_FOLDS + 2),
    ]
    for name, folds in facts["folds"].items():
        accuracies = [fold["accuracy"] for fold in folds]
        minutes = np.median([fold["minutes"] for fold in folds])
        empty = [""] * (N_FOLDS - len(accuracies))
        cells = " | ".join([*(f"{a:.4f}" for a in accuracies), *empty])
        lines.append(f"| {name} | {cells} | {np.mean(accuracies):.4f} | {minutes:.1f} |")
    lines += [
        "",
        f"{facts['n_patterns']} patterns: 1292 simulations, {' and '.join(SOLVENTS)} (computed), "
        f"c = {', '.join(f'{100 * c:g}' for c in QD_FRACTIONS)} %, SNR {', '.join(map(str, SNR))}. "
        "The published five layers; batch normalisation, the inputs (deviation and residual) and "
        "the noise that is added to every training batch are not published, and are not in a row "
        "of the preset as it is. "
        f"Made by `{facts['command']}` on {facts['date']} ({os.cpu_count()} cores "
        f"{platform.machine()}; sk_qdots {version('sk_qdots')}, numpy {version('numpy')}, torch "
        f"{version('torch')}).",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/paper.md")
    parser.add_argument("--work", type=Path, default=Path("paper_protocol.json"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=16)
    arguments = parser.parse_args()
    command = f"python tools/paper_protocol.py --seed {arguments.seed} --epochs {arguments.epochs}"
    facts = {"command": command, "folds": {name: [] for name in PROTOCOLS}}
    if arguments.work.exists():
        kept = json.loads(arguments.work.read_text(encoding="utf-8"))
        if kept["command"] != command:
            parser.error(f"{arguments.work} belongs to {kept['command']!r}; give another --work")
        facts = kept
    X, y, groups = samples(arguments.seed)
    facts["n_patterns"] = len(y)
    for name, (kind, otherwise, n_folds) in PROTOCOLS.items():
        done = facts["folds"].setdefault(name, [])
        folds = kind(N_FOLDS, shuffle=True, random_state=arguments.seed)
        parents = None if kind is KFold else groups
        for number, (train, test) in enumerate(folds.split(X, y, parents)):
            if number < len(done) or number >= n_folds:
                continue
            print(f"{name}, fold {number + 1}", flush=True)
            start = time.monotonic()
            unfitted = pipeline(arguments.seed, arguments.epochs).set_params(**otherwise)
            fitted = unfitted.fit(X[train], y[train])
            minutes = (time.monotonic() - start) / 60.0
            fold = {
                "accuracy": float(fitted.score(X[test], y[test])),
                "training_accuracy": float(fitted.score(X[train[:8000]], y[train[:8000]])),
                "minutes": round(minutes, 2),
            }
            print(fold, flush=True)
            done.append(fold)
            facts["date"] = datetime.now(UTC).date().isoformat()
            arguments.work.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(table(facts), encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

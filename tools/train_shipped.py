"""Make a sizer that the package ships: simulate, train, judge, save.

    python tools/train_shipped.py PbS
    python tools/train_shipped.py CdSe --plan

writes ``sk_qdots/pretrained/NAME/`` (manifest, weights, model card). Interrupted, the same command
goes on from ``train_NAME.checkpoint/``. Everything follows from the seed; the thread count of the
matrix products changes the last digits of the weights.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sk_qdots.training import TrainingPlan, model_card, plan_training, train_sizer

ROOT = Path(__file__).resolve().parent.parent
# Short ranges, coarse steps and dilute colloids are drawn more often than they are met.
_COLLOIDS = {
    "qd_fraction": (0.04, 1.0),
    "dry_share": 0.3,
    "full_range_share": 0.4,
    "fine_share": 0.5,
    "coarsening": (2.0, 22.0),
}
_FACETS = ("sphere", "cube", "octahedron", "cuboctahedron")
SETTINGS: dict[str, dict[str, Any]] = {
    "PbS": {
        "crystal": "PbS",
        "diameters": np.arange(2.0, 10.1, 0.5),
        "dispersions": (0.03, 0.4),
        "strains": (-0.004, 0.0066),
        "shape": _FACETS,
        "b_iso": (-0.15, 0.3),
        "span": (1.0, 15.0),
        "mixed_share": 0.08,
        "n_patterns": 24_000,
        "instrument": "world",
        "experiment": {**_COLLOIDS, "q_min": (0.99, 1.8), "q_max": (2.4, 10.0)},
        "size": "large",
        "epochs": 280,
    },
    "CdSe": {
        "crystal": "CdSe zinc blende",
        "diameters": np.arange(2.0, 8.1, 0.5),
        "dispersions": (0.03, 0.4),
        "strains": (-0.008, 0.008),
        "stacking": (0.0, 1.0),
        "b_iso": (-0.3, 0.6),
        "span": (1.0, 15.0),
        "mixed_share": 0.08,
        "n_patterns": 24_000,
        "instrument": "world",
        "experiment": {**_COLLOIDS, "q_min": (0.99, 1.7), "q_max": (4.0, 12.0)},
        "epochs": 200,
    },
    "Pt": {
        "crystal": "Pt",
        "diameters": np.arange(1.0, 6.1, 0.5),
        "dispersions": (0.05, 0.65),
        "strains": (-0.01, 0.005),
        "shape": ("sphere", "decahedron", "icosahedron", "twinned sphere", "cuboctahedron"),
        "stacking": (0.0, 0.4),
        "b_iso": (-0.1, 0.6),
        "span": (0.8, 12.0),
        "mixed_share": 0.08,
        "n_patterns": 24_000,
        "solvents": ("carbon-black",),
        "instrument": "world",
        "experiment": {
            "qd_fraction": (0.2, 0.98),
            "dry_share": 0.2,
            "q_min": (0.99, 1.6),
            "q_max": (5.2, 15.0),
        },
        "epochs": 200,
    },
}


def plan_of(name: str) -> TrainingPlan:
    """What is trained for one."""
    settings = dict(SETTINGS[name])
    return plan_training(settings.pop("crystal"), name=name, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(SETTINGS))
    parser.add_argument("--out", type=Path, help="folder (default: that of the package)")
    parser.add_argument("--checkpoint", type=Path, help="folder (default: train_NAME.checkpoint)")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw batches")
    parser.add_argument("--epochs", type=int, help="of the first network (default: as planned)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--calibrate", type=int, default=3000, help="patterns; 0 for none")
    parser.add_argument("--plan", action="store_true", help="say what would be done, only")
    arguments = parser.parse_args()
    plan = plan_of(arguments.name)
    if arguments.epochs is not None:
        plan = replace(plan, epochs=arguments.epochs)
    if arguments.plan:
        print(plan)
        print(plan.duration(precision=arguments.precision, n_workers=arguments.workers))
        return
    checkpoint = arguments.checkpoint or Path(f"train_{plan.name}.checkpoint")
    checkpoint.mkdir(exist_ok=True)
    try:
        sizer = train_sizer(
            plan,
            checkpoint=checkpoint,
            precision=arguments.precision,
            n_workers=arguments.workers,
            random_state=arguments.seed,
            calibrate=arguments.calibrate,
            command=f"python tools/train_shipped.py {plan.name} --seed {arguments.seed} "
            f"--precision {arguments.precision} --epochs {plan.epochs}",
        )
    except KeyboardInterrupt:
        raise SystemExit(f"\ninterrupted; the same command goes on from {checkpoint}") from None
    out = arguments.out or ROOT / "sk_qdots/pretrained" / plan.name
    sizer.save(out, overwrite=True)
    (out / "model_card.md").write_text(model_card(sizer), encoding="utf-8")
    shutil.rmtree(checkpoint)
    print(f"wrote {out}")


if __name__ == "__main__":
    main()

"""``sk-qdots train``."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ._words import (
    BAD_INPUT,
    Commands,
    add_crystal,
    asked_crystal,
    change,
    complain,
    low_high,
    natural,
    number,
    numbers,
)

if TYPE_CHECKING:
    from ..simulation import Crystal
    from ..training.records import Scores

__all__ = ["add_train"]


def add_train(commands: Commands) -> None:
    """Add the command to the parser."""
    train = commands.add_parser(
        "train",
        help="make a sizer for any crystal",
        description="Simulate nanocrystals, put their patterns through experiments, train a sizer "
        "on them and judge it. Says first what it will do and how long that takes. Interrupted, "
        "the same command goes on.",
        epilog="Example: sk-qdots train --cif CdTe.cif --diameters 2:7:0.5 --instrument lab-cu "
        "--out CdTe",
    )
    add_crystal(train)
    train.add_argument(
        "--diameters",
        type=numbers,
        metavar="FIRST:LAST:STEP",
        help="classes in nm (default: 2 to 8 in steps that the particles resolve)",
    )
    train.add_argument(
        "--dispersions",
        type=low_high,
        metavar="LOW:HIGH",
        help="standard deviation / mean of the diameters (default: 0.05:0.2)",
    )
    train.add_argument(
        "--strains",
        type=low_high,
        metavar="LOW:HIGH",
        help="relative change of the lattice (default: -0.005:0.005); with an equals sign where it "
        "begins with a minus: --strains=-0.01:0.01",
    )
    train.add_argument(
        "--span",
        type=low_high,
        metavar="LOW:HIGH",
        help="diameters in nm that are drawn, beyond the classes too (default: half a class more)",
    )
    train.add_argument(
        "--mixed",
        type=number,
        dest="mixed_share",
        metavar="SHARE",
        help="share of the patterns that are of two sizes, 0 to 1 (default: 0)",
    )
    train.add_argument(
        "--shape",
        nargs="+",
        default=["sphere"],
        metavar="NAME",
        help="one or several shapes, drawn half of the time as the first; of fcc metals also "
        "decahedron and icosahedron",
    )
    train.add_argument(
        "--aspect-ratios",
        type=numbers,
        metavar="FIRST:LAST:STEP",
        help="length / width of rods (default: 1 to 6), width / thickness of platelets",
    )
    train.add_argument(
        "--b-iso",
        type=change,
        metavar="LOW:HIGH",
        help="change of the displacement parameters of all atoms in Angstrom^2 (default: none)",
    )
    train.add_argument(
        "--stacking",
        nargs="?",
        const=True,
        default=False,
        type=low_high,
        metavar="LOW:HIGH",
        help="draw stacking faults, and estimate their probability (0:1, cubic to hexagonal, where "
        "no numbers follow)",
    )
    train.add_argument(
        "--texture",
        action="store_true",
        help="draw the strong texture of dots that lie on a plate",
    )
    train.add_argument(
        "--patterns",
        type=natural,
        dest="n_patterns",
        metavar="N",
        help="that are simulated (default: 12000)",
    )
    train.add_argument(
        "--size", choices=("small", "large"), default="small", help="of the networks"
    )
    train.add_argument(
        "--solvents",
        nargs="+",
        metavar="NAME",
        help="liquids to start from, or dry (default: all shipped ones)",
    )
    train.add_argument(
        "--instrument",
        type=_instrument,
        default="synchrotron",
        metavar="KIND|NAME|FILE",
        help="any of a kind: synchrotron, capillary, lab-cu, lab-mo, anywhere, world, or "
        "wavelength=0.5169 (default: synchrotron); or one instrument: the name of one that was "
        "saved, or a file (of sk-qdots calibrate, .instprm, .irf)",
    )
    train.add_argument("--epochs", type=natural, help="length of the training (default: 70)")
    train.add_argument(
        "--classes-only",
        action="store_true",
        help="do not train the second network, for dispersion, strain and volume average",
    )
    train.add_argument("--name", help="of the sizer (default: the crystal's)")
    train.add_argument(
        "--out",
        metavar="DIR",
        help="folder to write (default: where --model finds it by its name, see sk-qdots info)",
    )
    train.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default="float32",
        help="of the matrix products; bfloat16 is faster where the processor has it",
    )
    train.add_argument(
        "--workers",
        type=natural,
        default=max(0, min(os.cpu_count() or 1, 15) - 1),
        metavar="N",
        help="processes that draw batches while another trains (default: one less than there "
        "are processors)",
    )
    train.add_argument(
        "--calibrate",
        type=natural,
        default=600,
        metavar="N",
        help="simulated patterns on which the intervals are calibrated at the end, some tenths of "
        "a second each; 0 for none (default: 600)",
    )
    train.add_argument("--seed", type=natural, default=0, help="default: 0")
    train.add_argument(
        "--plan", action="store_true", help="say what would be done and how long it takes, only"
    )
    train.set_defaults(run=_train, defaults={n: train.get_default(n) for n in _RECORDED})


def _instrument(text: str) -> str | float:
    return number(text.removeprefix("wavelength=")) if text.startswith("wavelength=") else text


_SETTINGS = (  # go to plan_training where they were given
    "diameters",
    "dispersions",
    "strains",
    "span",
    "mixed_share",
    "n_patterns",
    "aspect_ratios",
    "b_iso",
    "solvents",
    "epochs",
    "name",
)
_RECORDED = (
    *_SETTINGS,
    *("shape", "stacking", "size", "instrument", "precision", "calibrate", "seed"),
)
_WRITTEN = {"mixed_share": "mixed", "n_patterns": "patterns"}  # otherwise than they are called


def _train(options: argparse.Namespace) -> int:
    import shutil

    from ..sizing.registry import known_sizers, own_sizers_folder
    from ..training import model_card, plan_training, train_sizer

    settings = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    try:
        plan = plan_training(
            cast("Crystal", asked_crystal(options)),
            shape=options.shape,
            instrument=options.instrument,
            estimates=not options.classes_only,
            stacking=options.stacking,
            texture=options.texture,
            size=options.size,
            **settings,
        )
        if options.plan:
            print(plan)
            print(plan.duration(precision=options.precision, n_workers=options.workers))
            return 0
        out = Path(options.out) if options.out else own_sizers_folder() / plan.name
        if out.exists():
            complain(f"{out} exists; choose another folder with --out")
            return BAD_INPUT
        if not options.out and plan.name in known_sizers():
            complain(f"a sizer {plan.name!r} is known already: choose another --name, or --out")
            return BAD_INPUT
        state = out.with_name(f"{out.name}.training")
        sizer = train_sizer(
            plan,
            checkpoint=state,
            precision=options.precision,
            n_workers=options.workers,
            random_state=options.seed,
            command=_command(options),
            calibrate=options.calibrate,
        )
        sizer.save(out)
        (out / "model_card.md").write_text(model_card(sizer), encoding="utf-8")
    except (ValueError, OSError) as error:
        complain(str(error))
        return BAD_INPUT
    shutil.rmtree(state, ignore_errors=True)
    _print_scores(cast("Scores", sizer.training["scores"]))
    model = str(options.out or plan.name)
    shipped = options.out and model in known_sizers()
    model = shlex.quote(f"./{model}" if shipped else model)
    print(f"wrote {out}, with a model card; size with it: sk-qdots size FILE --model {model}")
    crystal = f" --cif {options.cif}" if options.cif else ""
    crystal += f" --block {shlex.quote(options.block)}" if options.block else ""
    print(f"where it fails: sk-qdots evaluate --model {model}{crystal}")
    return 0


def _command(options: argparse.Namespace) -> str:
    """The command again, without what does not change the sizer."""
    words = ["sk-qdots", "train"]
    words += ["--cif", Path(options.cif).name] if options.cif else ["--crystal", options.crystal]
    words += ["--block", options.block] if options.block else []
    for name, value in options.defaults.items():
        if (chosen := getattr(options, name)) != value:
            if name == "instrument" and isinstance(chosen, str) and Path(chosen).is_file():
                chosen = Path(chosen).name
            called = _WRITTEN.get(name, name).replace("_", "-")
            if name == "instrument" and isinstance(chosen, float):
                chosen = f"wavelength={chosen:g}"
            option, values = f"--{called}", _as_words(chosen)
            negative = bool(values) and values[0].startswith("-")  # would be taken for an option
            words += [f"{option}={values[0]}"] if negative else [option, *values]
    words += ["--texture"] * options.texture
    return shlex.join(words + ["--classes-only"] * options.classes_only)


def _as_words(value: object) -> list[str]:
    if value is True:  # an option without a value
        return []
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], float):
        return [f"{value[0]:g}:{value[1]:g}"]
    if isinstance(value, list) and value and isinstance(value[0], float):
        step = round(value[1] - value[0], 9) if len(value) > 1 else 1.0
        return [f"{value[0]:g}:{value[-1]:g}:{step:g}"]
    if isinstance(value, float):
        return [f"{value:g}"]
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]


def _print_scores(scores: Scores) -> None:
    from ..sizing.answer import DIMENSIONS

    where = ", in liquids that training has not seen" if scores["unseen_liquids"] else ""
    print(f"on {scores['n_test']} fresh patterns{where}:")
    rows = {"standard cells": scores["standard cells"], "as drawn": scores["as drawn"]}
    for name, row in rows.items():
        print(
            f"  {name:15s} right {row['accuracy']:.3f}, within one class "
            f"{row['within_one_class']:.3f}, mean error {row['mean_absolute_error_nm']:.2f} nm"
        )
    worst = sorted(scores["by size"].items(), key=lambda item: float(item[1]))[:3]
    print("  least often right: " + ", ".join(f"{d} nm ({share:.2f})" for d, share in worst))
    if "estimates" in scores:
        errors = scores["estimates"]
        also = "".join(f", {n} {errors[n]:.2f} nm" for n in DIMENSIONS if n in errors)
        print(
            f"  dry and well counted, mean errors: diameter {errors['diameter']:.2f} nm, volume "
            f"average {errors['volume_diameter']:.2f} nm, dispersion {errors['dispersion']:.3f}, "
            f"strain {errors['strain']:.5f}{also}"
        )

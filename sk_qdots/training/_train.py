"""Simulate, augment, train, judge."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import xarray as xr

from .._typing import FloatArray, JsonObject, RealArray
from ..augmentation import RandomExperiment
from ..neural_network import AllCNNClassifier, AllCNNRegressor
from ..pipeline import make_sizing_pipeline
from ..posterior.series import ClusterPatterns
from ..preprocessing import QStandardizer
from ..simulation import Crystal, simulate_library
from ..sizing import Sizer
from ..solvents import held_out_solvents, known_solvents, load_solvent
from ._choices import PlanSettings, plan_training
from .calibrating import calibrate_sizer
from .networks import STEPS_PER_EPOCH, classifier_settings, regressor_settings
from .plan import Changes, TrainingPlan
from .samples import draw_populations, particle_patterns, patterns_of, simulated_series

__all__ = ["labels_of", "reference_library", "targets_of", "train_regressor", "train_sizer"]


class _RegressorSettings(TypedDict, total=False):
    """Of :class:`AllCNNRegressor`."""

    n_filters: tuple[int, ...]
    n_components: int
    lr: float
    max_epochs: int
    steps_per_epoch: int
    precision: str
    n_workers: int
    checkpoint: str | os.PathLike[str] | None
    verbose: bool
    random_state: int


_N_TEST = 3060
_FAULTS = 3  # probabilities of the patterns that measured ones are compared with


def train_sizer(
    crystal: str | Crystal | Path | TrainingPlan,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    precision: str = "float32",
    n_workers: int = 0,
    random_state: int = 0,
    progress: bool = True,
    command: str | None = None,
    calibrate: int = 0,
    **settings: Unpack[PlanSettings],
) -> Sizer:
    """Simulate, augment, train and judge a sizer for any crystal.

    Parameters
    ----------
    crystal : Crystal, str, path-like or TrainingPlan
        As in :func:`plan_training`, or what it returned.
    checkpoint : str or path-like, optional
        Folder to keep the state of the training in: interrupted, the same call goes on.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the matrix products in training, as in :class:`AllCNNClassifier`.
    n_workers : int, default=0
        Processes that draw batches while another trains, as in :class:`AllCNNClassifier`.
        One makes it as fast as the plan says; the command takes one.
    random_state : int, default=0
        Seed of everything.
    progress : bool, default=True
        Whether to print the plan and show progress bars.
    command : str, optional
        What to say that the sizer was made by.
    calibrate : int, default=0
        Patterns on which the intervals are calibrated afterwards (:func:`calibrate_sizer`); each
        costs some tenths of a second.
    **settings
        Of :func:`plan_training`.

    Returns
    -------
    Sizer
        ``training["scores"]`` says how good it is on fresh patterns.

    Raises
    ------
    ValueError
        As :func:`plan_training`, or if the training diverges.
    KeyboardInterrupt
        If it was interrupted; with a checkpoint, the same call goes on.

    See Also
    --------
    Sizer.save : Keeps it.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sizer = sq.train_sizer("CdSe zinc blende", instrument="lab-cu")  # doctest: +SKIP
    >>> sizer.save("CdSe-lab")  # doctest: +SKIP
    """
    if isinstance(crystal, TrainingPlan):
        if settings:
            raise ValueError(f"a plan has {', '.join(settings)} already: give one or the other")
        plan = crystal
    else:
        plan = plan_training(crystal, **settings)
    if progress:
        print(plan, flush=True)
        print(plan.duration(precision=precision, n_workers=n_workers), flush=True)
    plan.check_memory()
    folder = None if checkpoint is None else Path(checkpoint)
    start = time.monotonic()
    series = simulated_series(plan, progress=progress)
    rng = np.random.default_rng(random_state)
    X = patterns_of(draw_populations(plan, plan.n_patterns, rng), series, progress=progress)
    pipeline = make_sizing_pipeline(augmenter=plan.experiment(), random_state=random_state)
    pipeline.set_params(
        qstandardizer__q_min=float(plan.q[0]),
        qstandardizer__q_max=float(plan.q[-1]),
        qstandardizer__n_points=len(plan.q),
        qstandardizer__n_told=plan.n_told,
        allcnn__classes=plan.labels,
        allcnn__n_told=plan.n_told,
        allcnn__max_epochs=plan.epochs,
        allcnn__steps_per_epoch=STEPS_PER_EPOCH,
        allcnn__precision=precision,
        allcnn__n_workers=n_workers,
        allcnn__checkpoint=None if folder is None else folder / "classifier",
        allcnn__verbose=progress,
        **{f"allcnn__{k}": v for k, v in classifier_settings(plan.size).items()},
    )
    pipeline.fit(X, labels_of(X, plan))
    regressor = None
    if plan.estimates:
        regressor = train_regressor(
            plan,
            pipeline.named_steps["qstandardizer"],
            X,
            trunk=pipeline.named_steps["allcnn"],
            max_epochs=plan.regressor_epochs,
            precision=precision,
            n_workers=n_workers,
            checkpoint=None if folder is None else folder / "regressor",
            verbose=progress,
            random_state=random_state,
        )
    training: JsonObject = {
        "command": command or f"sq.train_sizer({plan.name!r}, ...)",
        "settings": plan.settings(),
        "seed": random_state,
        "epochs": plan.epochs,
        "precision": precision,
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.monotonic() - start) / 60.0, 1),
        "machine": f"{os.cpu_count()} cores {platform.machine()}",
        "n_patterns": plan.n_patterns,
        "versions": {p: version(p) for p in ("sk_qdots", "numpy", "torch")},
    }
    sizer = Sizer(
        pipeline,
        reference_library(plan),
        name=plan.name,
        training=training,
        regressor=regressor,
        targets=plan.targets if plan.estimates else (),
    )
    scores = judge(sizer, plan, series, random_state + 1)
    sizer = sizer.with_training({**training, "scores": scores})
    recipe = plan.recipe()
    if recipe is not None:
        sizer = sizer.with_posterior(recipe)
    else:  # nothing fits the pattern: what no population explains tells how far to trust it
        sizer = sizer.with_particles(particle_patterns(plan, series))
    if not calibrate:
        return sizer
    return calibrate_sizer(
        sizer, plan, calibrate, folder=folder, random_state=random_state + 2, progress=progress
    )


def train_regressor(
    plan: TrainingPlan,
    standardizer: QStandardizer,
    X: xr.DataArray,
    augmenter: RandomExperiment | None = None,
    trunk: AllCNNClassifier | None = None,
    **parameters: Unpack[_RegressorSettings],
) -> AllCNNRegressor:
    """Train the second network, which estimates ``plan.targets``.

    Parameters
    ----------
    plan : TrainingPlan
    standardizer : QStandardizer
        Fitted, of the first network.
    X : DataArray (sample, q)
        Simulated patterns.
    augmenter : RandomExperiment, optional
        That of the plan by default.
    trunk : AllCNNClassifier, optional
        The first network, whose convolutions the second starts from.
    **parameters
        Of :class:`AllCNNRegressor`.

    Returns
    -------
    AllCNNRegressor
    """
    settings: _RegressorSettings = {
        **regressor_settings(plan.size),
        "steps_per_epoch": STEPS_PER_EPOCH,
        **parameters,
    }
    regressor = AllCNNRegressor(
        augmenter=augmenter or plan.experiment(), n_told=plan.n_told, **settings
    )
    return regressor.fit(standardizer.transform(X), targets_of(X, plan), trunk=trunk)


def labels_of(X: xr.DataArray, plan: TrainingPlan) -> FloatArray:
    """Number averages in picometres, those beyond the classes in the last one."""
    labels = plan.labels
    return np.asarray(np.clip(1000.0 * X.coords["diameter"].values, labels[0], labels[-1]))


def targets_of(X: xr.DataArray, plan: TrainingPlan) -> FloatArray:
    """What the regressor learns of simulated patterns, in the order of ``plan.targets``."""
    known = [name for name in plan.targets if name in X.coords]
    targets = np.stack([X.coords[name].values for name in known], axis=1)
    if not plan.aspect_ratios:
        return targets
    ratio = np.array(plan.aspect_ratios)[X.coords["body"].values]
    return np.hstack([targets, plan.dimensions(X.coords["diameter"].values, ratio)])


def reference_library(plan: TrainingPlan) -> xr.Dataset:
    """Patterns of every class, which measured ones are compared with."""
    return simulate_library(
        plan.crystal,
        diameters=plan.labels / 1000.0,
        dispersions=plan.common_dispersions,
        strains=(0.0,),
        q=plan.q,
        wavelength=plan.wavelength,
        shape=plan.bodies[0],
        growth_faults=None if plan.stacking is None else np.linspace(*plan.stacking, _FAULTS),
        n_jobs=-1,
    )


def judge(
    sizer: Sizer,
    plan: TrainingPlan,
    series: Sequence[ClusterPatterns],
    random_state: int,
    n: int | None = None,
) -> JsonObject:
    """How good a sizer is on fresh patterns, drawn as in training but in other liquids."""
    from ..model_selection import METRICS, Answers

    n = _N_TEST if n is None else n
    rng = np.random.default_rng([random_state, 1])
    X = patterns_of(draw_populations(plan, n, rng, only_classes=True), series)
    y = np.rint(1000.0 * X.coords["nominal"].values).astype(np.int64)
    unseen = _unseen_liquids(plan)
    held_out = replace(plan, solvents=unseen)
    scores: JsonObject = {"n_test": n, "unseen_liquids": unseen is not plan.solvents}
    for name, changes in _TESTS.items():
        answers = Answers.of(sizer, _measured(held_out, sizer, X, rng, **changes), y)
        scores[name] = {
            "accuracy": round(METRICS["accuracy"](answers), 4),
            "within_one_class": round(METRICS["within_one_class"](answers), 4),
            "mean_absolute_error_nm": round(-METRICS["neg_mean_absolute_error"](answers), 4),
        }
        if name == "as drawn":
            scores["by size"] = {
                f"{c / 1000.0:g}": round(float(answers.right[y == c].mean()), 3)
                for c in plan.classes
            }
    if sizer.regressor is not None:
        scores["estimates"] = _estimates(sizer, plan, X, rng)
    return scores


def _unseen_liquids(plan: TrainingPlan) -> tuple[str | xr.DataArray, ...]:
    """Liquids that training has not seen; of supports there is one, drawn around all the same."""
    if not any(s in known_solvents() for s in plan.solvents if isinstance(s, str)):
        return plan.solvents
    return tuple(load_solvent(name, plan.wavelength) for name in held_out_solvents())


_TESTS: dict[str, Changes] = {
    "standard cells": {
        "full_range_share": 1.0,
        "fine_share": 1.0,
        "qd_fraction": (0.15, 1.0),
        "scale": (3.0, 200.0),
    },
    "as drawn": {},
}


def _estimates(
    sizer: Sizer, plan: TrainingPlan, X: xr.DataArray, rng: np.random.Generator
) -> JsonObject:
    """Mean absolute errors on dry, well counted patterns."""
    dry = _measured(
        plan, sizer, X, rng, dry_share=1.0, full_range_share=1.0, fine_share=1.0, scale=(30, 200)
    )
    found = sizer.estimate(dry)
    true = targets_of(X, plan)
    return {
        name: round(float(np.abs(found[name].values - true[:, k]).mean()), 5)
        for k, name in enumerate(plan.targets)
    }


def _measured(
    plan: TrainingPlan,
    sizer: Sizer,
    X: xr.DataArray,
    rng: np.random.Generator,
    **changes: Unpack[Changes],
) -> RealArray:
    """Patterns as experiments give them, on the grid of a sizer."""
    rows = sizer.standardizer.transform(X)
    return plan.experiment(**changes).fit(rows).perturb(rows, rng)

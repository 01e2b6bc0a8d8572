"""Simulate, augment, train, judge."""

from __future__ import annotations

import itertools
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
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from .._typing import FloatArray, IntArray, JsonObject
from ..augmentation import RandomExperiment, library_samples
from ..neural_network import AllCNNRegressor
from ..pipeline import make_sizing_pipeline
from ..preprocessing import QStandardizer
from ..simulation import Crystal, DistanceTable, simulate_library, volume_mean
from ..sizing import Sizer
from ..solvents import held_out_solvents, known_solvents, load_solvent
from ._choices import PlanSettings, plan_training
from .plan import REGRESSOR_SHARE, TrainingPlan

__all__ = ["samples_of", "targets_of", "train_regressor", "train_sizer"]


class _Changes(TypedDict, total=False):
    """Of what experiments do, as in :class:`RandomExperiment`."""

    liquid_change: float
    liquid_shift: float
    qd_fraction: tuple[float, float]
    dry_share: float
    scale: tuple[float, float]
    full_range_share: float
    fine_share: float


class _RegressorSettings(TypedDict, total=False):
    """Of :class:`AllCNNRegressor`."""

    n_filters: int | tuple[int, ...]
    lr: float
    max_epochs: int
    steps_per_epoch: int
    precision: str
    n_workers: int
    checkpoint: str | os.PathLike[str] | None
    verbose: bool
    random_state: int


_LIQUIDS: _Changes = {"liquid_change": 0.10, "liquid_shift": 0.03}
_STEPS_PER_EPOCH = 200
_FILTERS = (32, 64, 96, 128, 128)
_REGRESSOR_FILTERS = (32, 64, 64, 96, 96)
_N_TEST = 3060


def train_sizer(
    crystal: str | Crystal | Path | TrainingPlan,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    precision: str = "float32",
    n_workers: int = 0,
    random_state: int = 0,
    progress: bool = True,
    command: str | None = None,
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
    plan.check_memory()
    folder = None if checkpoint is None else Path(checkpoint)
    start = time.monotonic()
    series = plan.series(progress=progress)
    X, y = samples_of(plan, series, plan.diameters, plan.dispersions, plan.strains, progress)
    pipeline = make_sizing_pipeline(augmenter=_experiment(plan), random_state=random_state)
    pipeline.set_params(
        qstandardizer__q_min=float(plan.q[0]),
        qstandardizer__q_max=float(plan.q[-1]),
        qstandardizer__n_points=len(plan.q),
        allcnn__classes=np.array(plan.classes),
        allcnn__n_filters=_FILTERS,
        allcnn__lr=1e-2,
        allcnn__max_epochs=plan.epochs,
        allcnn__steps_per_epoch=_STEPS_PER_EPOCH,
        allcnn__precision=precision,
        allcnn__n_workers=n_workers,
        allcnn__checkpoint=None if folder is None else folder / "classifier",
        allcnn__verbose=progress,
    )
    pipeline.fit(X, np.minimum(y, plan.classes[-1]))
    regressor = None
    if plan.estimates:
        regressor = train_regressor(
            plan,
            pipeline.named_steps["qstandardizer"],
            X,
            _experiment(plan),
            n_filters=_REGRESSOR_FILTERS,
            max_epochs=max(1, round(REGRESSOR_SHARE * plan.epochs)),
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
        _library(
            plan, series[0], np.array(plan.classes) / 1000.0, plan.common_dispersions(), (0.0,)
        ),
        name=plan.name,
        training=training,
        regressor=regressor,
        targets=plan.targets if plan.estimates else (),
    )
    return sizer.with_training({**training, "scores": judge(sizer, plan, series, random_state + 1)})


def train_regressor(
    plan: TrainingPlan,
    standardizer: QStandardizer,
    X: xr.DataArray,
    augmenter: RandomExperiment,
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
    augmenter : RandomExperiment
    **parameters
        Of :class:`AllCNNRegressor`.

    Returns
    -------
    AllCNNRegressor
    """
    rows = xr.DataArray(
        standardizer.transform(X),
        dims=("sample", "q"),
        coords={"q": ("q", plan.q, {"units": "1/angstrom"})},
    )
    settings: _RegressorSettings = {
        "lr": 1e-2,
        "steps_per_epoch": _STEPS_PER_EPOCH,
        **parameters,
    }
    return AllCNNRegressor(augmenter=augmenter, **settings).fit(rows, targets_of(X, plan))


def targets_of(X: xr.DataArray, plan: TrainingPlan) -> FloatArray:
    """What the regressor learns of simulated patterns, in the order of ``plan.targets``."""
    diameter, dispersion = X.coords["diameter"].values, X.coords["dispersion"].values
    volume = np.vectorize(volume_mean)(diameter, dispersion)
    targets = np.stack([diameter, dispersion, X.coords["strain"].values, volume], axis=1)
    if not plan.aspect_ratios:
        return targets
    return np.hstack([targets, plan.dimensions(diameter, X.coords["aspect_ratio"].values)])


def judge(
    sizer: Sizer,
    plan: TrainingPlan,
    series: Sequence[DistanceTable],
    random_state: int,
    n: int | None = None,
) -> JsonObject:
    """How good a sizer is on fresh patterns, drawn as in training but in other liquids."""
    from ..model_selection import METRICS, Answers

    n = _N_TEST if n is None else n
    classes = np.array(plan.classes) / 1000.0
    middles = (_middles(plan.dispersions), _middles(plan.strains))
    X, y = samples_of(plan, series, classes, *middles)
    rng = np.random.default_rng(random_state)
    rows = np.resize(rng.permutation(len(y)), n)
    X, y = X[rows], y[rows]
    unseen = _unseen_liquids(plan)
    held_out = replace(plan, solvents=unseen)
    scores: JsonObject = {"n_test": n, "unseen_liquids": unseen is not plan.solvents}
    for name, changes in _TESTS.items():
        measured = _experiment(held_out, **changes).fit(X).perturb(X, rng)
        answers = Answers.of(sizer, measured, y)
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


_TESTS: dict[str, _Changes] = {
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
    dry = _experiment(plan, dry_share=1.0, full_range_share=1.0, fine_share=1.0, scale=(30, 200))
    found = sizer.estimate(dry.fit(X).perturb(X, rng))
    true = targets_of(X, plan)
    return {
        name: round(float(np.abs(found[name].values - true[:, k]).mean()), 5)
        for k, name in enumerate(plan.targets)
    }


def samples_of(
    plan: TrainingPlan,
    series: Sequence[DistanceTable],
    diameters: npt.ArrayLike,
    dispersions: Sequence[float] | FloatArray,
    strains: Sequence[float] | FloatArray,
    progress: bool = False,
) -> tuple[xr.DataArray, IntArray]:
    """Patterns of every population whose particles the series reach, and their labels."""
    parts = []
    sizes = [float(d) for d in np.atleast_1d(diameters)]
    reached = {s: tuple(d for d in sizes if plan.reaches(d, s)) for s in map(float, dispersions)}
    ratios = plan.aspect_ratios or (1.0,) * len(series)
    # Populations of the same diameters share the sums over distances.
    steps = list(
        itertools.product(zip(series, ratios, strict=True), dict.fromkeys(reached.values()))
    )
    for (table, ratio), made in tqdm(steps, desc=f"Patterns {plan.name}", disable=not progress):
        if not made:
            continue
        alike = [s for s, those in reached.items() if those == made]
        library = _library(plan, table, made, alike, strains, plan.b_iso)
        for dispersion in alike:
            part = library_samples(library.sel(dispersion=[dispersion]))[0]
            parts.append(part.assign_coords(aspect_ratio=("sample", np.full(len(part), ratio))))
    X = xr.concat(parts, "sample", coords="minimal", compat="override", combine_attrs="override")
    return X, np.rint(1000.0 * X.coords["diameter"].values).astype(np.int64)


def _library(
    plan: TrainingPlan,
    table: DistanceTable,
    diameters: npt.ArrayLike,
    dispersions: Sequence[float] | FloatArray,
    strains: Sequence[float] | FloatArray,
    b_iso: Sequence[float] = (),
) -> xr.Dataset:
    return simulate_library(
        table,
        diameters=diameters,
        dispersions=dispersions,
        strains=strains,
        b_iso=b_iso or None,
        q=plan.q,
        wavelength=plan.wavelength,
        n_jobs=-1,
    )


def _middles(values: Sequence[float]) -> FloatArray:
    levels = np.sort(values)
    return 0.5 * (levels[1:] + levels[:-1]) if len(levels) > 1 else levels


def _experiment(plan: TrainingPlan, **changes: Unpack[_Changes]) -> RandomExperiment:
    """What is done to every batch."""
    dry: _Changes = {} if plan.solvents else {"dry_share": 1.0}
    settings: _Changes = {**_LIQUIDS, **changes, **dry}
    return RandomExperiment(
        plan.laboratory,
        solvents=list(plan.solvents) or None,
        crystal=plan.crystal,
        q=plan.q,
        **settings,
    )

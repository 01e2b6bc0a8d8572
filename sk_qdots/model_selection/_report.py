"""Every condition in one table: by test, level, size and concentration."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import joblib
import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from .._typing import IntArray, RealArray
from ._metrics import METRICS, N_BINS, Answers
from .conditions import Condition, perturbed, robustness_conditions
from .kept import keep_report, read_report
from .protocols import Estimator, Patterns
from .remeasurement import measured_samples

__all__ = ["robustness_report"]

_Dims: TypeAlias = str | tuple[str, ...]
_Variable: TypeAlias = (  # of a Dataset, with its attributes or without
    tuple[_Dims, npt.ArrayLike] | tuple[_Dims, npt.ArrayLike, dict[str, str]]
)

_N_SAMPLES = 3060
_N_RECOGNISED = 64  # rows by whose answers an estimator is recognised
_SIGN = {name: -1.0 if name.startswith("neg_") else 1.0 for name in METRICS}
_UNITS = {"mean_absolute_error": "nm", "mean_signed_error": "nm"}


def robustness_report(
    estimator: Estimator,
    X: Patterns | None = None,
    y: npt.ArrayLike | None = None,
    *,
    conditions: Sequence[Condition] | None = None,
    path: str | os.PathLike[str] | None = None,
    random_state: int = 0,
    progress: bool = True,
) -> xr.Dataset:
    """Put a fitted estimator through everything, and say where it fails.

    Parameters
    ----------
    estimator : classifier, regressor or Sizer
        Fitted, with labels in picometres.
    X : DataArray or array-like of shape (n_samples, n_q), optional
        Patterns that training has not seen. By default 3060 fresh ones of the
        estimator's classes, from
        :func:`sk_qdots.model_selection.measured_samples`.
    y : array-like of shape (n_samples,), optional
        Their labels in picometres.
    conditions : sequence of Condition, optional
        Of :func:`sk_qdots.model_selection.robustness_conditions`; all by default.
    path : str or path-like, optional
        A netCDF file (``.nc``) to write, after every condition: interrupted, the same
        call goes on.
    random_state : int, default=0
        Seed of the patterns and conditions that are made by default.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        Over ``condition`` (with the coordinates ``test`` and ``level``), ``diameter``
        (of the true class, in nm) and ``qd_fraction``: the counts ``n`` and the
        metrics of :data:`sk_qdots.model_selection.METRICS`, errors being positive;
        ``overall_...`` over ``condition`` alone; ``confusion`` over condition,
        diameter and ``predicted``; ``reliability_n``, ``reliability_said`` and
        ``reliability_right`` over condition and ``bin`` of the probability;
        ``points``, how many of a pattern are measured; ``answered``, the share that got an
        answer; ``refused``, why an estimator would not take a condition.

    Raises
    ------
    ValueError
        If X is given without y, or ``path`` holds the report of another estimator or
        of other patterns.

    See Also
    --------
    sk_qdots.robustness_scorers : The same numbers in cross-validation.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.model_selection import robustness_conditions, measured_samples
    >>> X, y = measured_samples([3000, 6000], 12)
    >>> report = sq.robustness_report(
    ...     sq.load_sizer("PbS"), X, y, conditions=robustness_conditions(["q_min"]), progress=False
    ... )
    >>> float(report.overall_within_one_class[0])
    1.0
    """
    if (X is None) != (y is None):
        raise ValueError("X and y go together: give both, or neither for fresh patterns")
    if X is None:
        if not hasattr(estimator, "classes_"):
            raise ValueError("give X and y: the estimator has no classes_ to make patterns of")
        X, y = measured_samples(estimator.classes_, _N_SAMPLES, random_state=random_state)
    assert y is not None
    if conditions is None:
        conditions = robustness_conditions(random_state=random_state)
    names = [condition.name for condition in conditions]
    if len(set(names)) != len(names) or not names:
        raise ValueError("conditions must have names that differ, and there must be some")
    target = None if path is None else _checked_path(Path(path))
    keys = {condition.name: _condition_key(condition) for condition in conditions}
    fingerprint = _fingerprint(estimator, X, np.asarray(y))
    parts = [] if target is None or not target.exists() else _stored_parts(target, fingerprint)
    # What was made under another condition of the same name is made again.
    parts = [
        part
        for part in parts
        if keys.get(_condition_name(part), _part_key(part)) == _part_key(part)
    ]
    done = {_condition_name(part) for part in parts}
    with tqdm(
        total=len(names), initial=len(done & set(names)), desc="Conditions", disable=not progress
    ) as bar:
        for condition in conditions:
            if condition.name in done:
                continue
            bar.set_postfix_str(condition.name)
            part = _part(estimator, condition, X, y)
            parts.append(part.assign_coords(key=("condition", [keys[condition.name]])))
            if target is not None:
                keep_report(_joined_parts(parts, fingerprint), target)
            bar.update()
    return _joined_parts(parts, fingerprint).sel(condition=names)


def _part(estimator: Estimator, condition: Condition, X: Patterns, y: npt.ArrayLike) -> xr.Dataset:
    """The answers under one condition."""
    start = time.monotonic()
    changed, truth = perturbed(condition.perturbation, X, y)
    refused = ""
    try:
        answers = Answers.of(estimator, changed, truth, y)
    except ValueError as error:  # such as a sizer that was not trained for it
        refused = str(error)
        classes = np.sort(getattr(estimator, "classes_", np.unique(np.asarray(y))))
        probabilities = np.empty((0, len(classes)))
        has_probabilities = hasattr(estimator, "predict_proba")
        answers = Answers(
            truth[:0], classes, truth[:0], probabilities if has_probabilities else None
        )
    fractions = np.full(len(truth), np.nan)
    if isinstance(changed, xr.DataArray) and "qd_fraction" in changed.coords:
        fractions = np.asarray(changed.coords["qd_fraction"].values, dtype=np.float64)
    levels = np.unique(fractions)
    classes = answers.classes
    shape = (len(classes), len(levels))
    n = np.zeros(shape, dtype=np.int32)
    cells = {name: np.full(shape, np.nan) for name in _metric_names(answers)}
    of_level = np.searchsorted(levels, fractions)
    if not refused:
        for k, level in np.ndindex(*shape):
            here = np.flatnonzero((answers.nearest == k) & (of_level == level))
            n[k, level] = len(here)
            for name in cells if len(here) else ():
                cells[name][k, level] = _SIGN[name] * METRICS[name](answers[here])
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int32)
    answered = answers.position >= 0
    np.add.at(confusion, (answers.nearest[answered], answers.position[answered]), 1)
    cell = ("condition", "diameter", "qd_fraction")
    data: dict[str, _Variable] = {"n": (cell, n[None])}
    for name, values in cells.items():
        plain = name.removeprefix("neg_")
        units = {"units": _UNITS.get(plain, "1")}
        data[plain] = (cell, values[None], units)
        overall = np.nan if refused else _SIGN[name] * METRICS[name](answers)
        data[f"overall_{plain}"] = ("condition", [overall], units)
    data["confusion"] = (("condition", "diameter", "predicted"), confusion[None])
    if answers.probabilities is not None:
        for name, values in zip(("n", "said", "right"), answers.reliability(), strict=True):
            data[f"reliability_{name}"] = (("condition", "bin"), np.asarray([values], dtype=float))
    data["answered"] = ("condition", [float(np.mean(answered)) if len(answers) else 0.0])
    points = np.isfinite(np.asarray(changed)).sum(axis=1)
    data["points"] = ("condition", [float(np.median(points))])
    data["refused"] = ("condition", [refused])
    data["seconds"] = ("condition", [time.monotonic() - start], {"units": "s"})
    nm = {"units": "nm"}
    return xr.Dataset(
        data,
        coords={
            "condition": [condition.name],
            "test": ("condition", [condition.test]),
            "level": ("condition", [condition.level]),
            "diameter": ("diameter", classes / 1000.0, nm),
            "qd_fraction": levels,
            "predicted": ("predicted", classes / 1000.0, nm),
            "bin": (np.arange(N_BINS) + 0.5) / N_BINS,
        },
    )


def _metric_names(answers: Answers) -> list[str]:
    """Those that exist for these answers."""
    if answers.probabilities is not None:
        return list(METRICS)
    return [name for name in METRICS if name not in ("neg_log_loss", "neg_calibration_error")]


def _joined_parts(parts: Sequence[xr.Dataset], fingerprint: str) -> xr.Dataset:
    counts = {"n": 0, "confusion": 0}
    rest = {str(name): np.nan for part in parts for name in part.data_vars if name not in counts}
    whole = xr.concat(
        parts,
        "condition",
        data_vars="all",
        coords="minimal",
        compat="override",
        join="outer",
        fill_value={**rest, **counts},
    )
    whole.attrs = {
        "title": "robustness report",
        "fingerprint": fingerprint,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": ", ".join(f"{p} {version(p)}" for p in ("sk_qdots", "scikit-learn", "numpy")),
    }
    return whole


def _fingerprint(estimator: Estimator, X: Patterns, y: RealArray | IntArray) -> str:
    """What must be the same for a report to be gone on with."""
    values = np.asarray(X)
    few = np.linspace(0, len(values) - 1, min(len(values), _N_RECOGNISED)).astype(int)
    answers = Answers.of(estimator, X[few], y[few])
    recognised_by = answers.predicted if answers.probabilities is None else answers.probabilities
    found = hashlib.sha256(np.ascontiguousarray(values).tobytes())
    found.update(y.tobytes())
    for name in ("solvent", "qd_fraction", "snr"):
        if isinstance(X, xr.DataArray) and name in X.coords:
            found.update(str(X.coords[name].values.tolist()).encode())
    found.update(np.round(recognised_by, 3).tobytes())
    return found.hexdigest()


def _condition_key(condition: Condition) -> str:
    """What tells a condition from another one of the same name."""
    return str(joblib.hash((version("sk_qdots"), condition.perturbation)))


def _condition_name(part: xr.Dataset) -> str:
    return str(part.condition.values[0])


def _part_key(part: xr.Dataset) -> str:
    return str(part.key.values[0])


def _checked_path(path: Path) -> Path:
    if path.suffix != ".nc":
        raise ValueError(f"path is {path}; it must end in .nc")
    if not path.parent.is_dir():
        raise ValueError(f"path is {path}; its folder does not exist")
    return path


def _stored_parts(path: Path, fingerprint: str) -> list[xr.Dataset]:
    """The conditions that a file holds."""
    whole = read_report(path)
    if whole.attrs.get("fingerprint") != fingerprint:
        raise ValueError(
            f"{path} holds the report of another estimator or of other patterns; choose another "
            "path or delete it"
        )
    return [whole.isel(condition=[k]) for k in range(whole.sizes["condition"])]

"""Put a sizer and its peers through everything.

Fresh patterns of dots between those of the standard library, in liquids that are not
among the shipped ones, go through every condition of
:func:`sk_qdots.model_selection.robustness_conditions`. Beside the sizer stand the limit
that counting sets (:class:`sk_qdots.LibraryLikelihoodClassifier`, which is told library,
liquid and concentration), the same one that is told nothing, and the Scherrer equation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import xarray as xr
from sklearn.pipeline import make_pipeline

from .._typing import IntArray
from ..augmentation import library_samples
from ..augmentation.laboratories import check_instrument
from ..baselines import LibraryLikelihoodClassifier, ScherrerRegressor
from ..instruments import Instrument
from ..instruments.ready import at_wavelength
from ..model_selection import Condition, measured_samples, robustness_conditions, robustness_report
from ..model_selection.protocols import Estimator
from ..preprocessing import QStandardizer
from ..simulation import Crystal, simulate_library
from ..sizing import Sizer, load_sizer
from ..solvents import known_solvents
from ._figures import draw
from ._limit import KnownConditions, dry_library
from ._references import EvaluationError, read_references
from ._report import write_report
from .populations import (
    WIDEST_STEP,
    Populations,
    builtin_crystal,
    held_out_curves,
    populations_of,
    wavelength_of,
)
from .results import FULL, QUICK, Evaluation
from .told import told_report
from .told_worlds import Worlds

__all__ = ["evaluate"]

_PEAK = 2.0 * np.pi * np.sqrt(8.0)  # Q times a of the reflection 220 of a cubic crystal
_HALF_WINDOW = 0.117  # of its Q
# What the limit knows; shapes, sizes and instruments it has not been told of.
_LIMIT_TESTS = ("standard", "q_max", "q_min", "step", "step_short_range", "qd_fraction", "snr")
_FINE = {  # levels of a quick evaluation
    "step": {"1", "4", "10", "20"},
    "step_short_range": {"1", "4", "10", "20"},
    "qd_fraction": {"0.5", "0.2", "0.1", "0.05", "0.046"},
}


def evaluate(
    model: str | Path = "PbS",
    out: str | Path = "evaluation",
    *,
    quick: bool = False,
    references: str | Path | None = None,
    crystal: str | Crystal | None = None,
    liquids: Sequence[xr.DataArray] = (),
    instrument: Instrument | None = None,
    random_state: int = 30_000,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Path:
    """Put a sizer and its peers through everything; write tables, figures and a report.

    Parameters
    ----------
    model : str or path-like, default="PbS"
        Name or folder of a sizer.
    out : str or path-like, default="evaluation"
        Folder to write. Interrupted, the same call goes on.
    quick : bool, default=False
        Whether to take few patterns and few levels: minutes, and coarse figures.
    references : str or path-like, optional
        Table (.csv) of measured patterns of known size, with the columns ``file`` and
        ``diameter_nm``, and where they are known ``wavelength`` (Angstrom), ``x`` (the
        kind of axis), ``dispersion`` and ``first_peak_ev``.
    crystal : Crystal or str, optional
        The dots; by default the built-in one that the sizer names.
    liquids : sequence of DataArray, optional
        Named curves that training has not seen; the held-out ones by default.
    instrument : Instrument, optional
        Through which patterns are seen as well; an example (``"synchrotron"``) with your
        wavelength, ``instrument.replace(wavelengths=(0.5642,))``.
    random_state : int, default=30000
        Seed of everything that is drawn. It must differ from that of the training.
    n_jobs : int, optional
        Processes among which patterns that are sized as a user sizes them are shared; the result
        does not depend on it.
    progress : bool, default=True
        Whether to show progress bars.

    Returns
    -------
    Path
        The report, ``report.html``, a file that stands alone.

    Raises
    ------
    EvaluationError
        If the folder holds another evaluation or cannot be written, a table is
        damaged, or the crystal is not known.

    Examples
    --------
    >>> from sk_qdots.evaluation import evaluate
    >>> evaluate("PbS", "evaluation", quick=True)  # doctest: +SKIP
    """
    start = time.monotonic()
    extent = QUICK if quick else FULL
    sizer = load_sizer(model)
    known = [] if references is None else read_references(Path(references), sizer)
    dots = builtin_crystal(sizer) if crystal is None else crystal
    wavelength = wavelength_of(sizer)
    curves = _curves_by_name(liquids) or held_out_curves(wavelength)
    facts = {
        "sizer": f"{sizer.name} ({model}), trained {sizer.training.get('date', '?')}",
        "patterns": f"{extent.n_sizer} fresh ones in {', '.join(curves)}; the peers get the first "
        f"{extent.n_peers}",
        "seed": str(random_state),
        "measured references": str(len(known)),
        "quick": str(quick),
        "sk_qdots": version("sk_qdots"),
        "inputs": str(joblib.hash((dots, curves, [r.pattern for r in known]))),
    }
    if instrument is not None:
        check_instrument(instrument)
        instrument = at_wavelength(instrument, None)
        facts["instrument"] = f"{instrument.name or 'given'}, {instrument.wavelength:.6g} Angstrom"
        facts["inputs"] = str(joblib.hash((facts["inputs"], instrument.to_json())))
    folder = _checked_folder(Path(out), facts)
    trained, fresh = populations_of(sizer, dots)
    step = min(float(np.diff(sizer.inner_classes).min()), WIDEST_STEP)
    conditions = robustness_conditions(
        crystal=dots,
        solvents=curves,
        step=step,
        wavelength=wavelength,
        instrument=instrument,
        random_state=random_state,
        **fresh,
    )
    conditions = _thinned(conditions) if extent.thinned else conditions
    X, y = measured_samples(
        sizer.inner_classes,
        extent.n_sizer,
        solvents=curves,
        q=sizer.q_,
        random_state=random_state,
        crystal=dots,
        wavelength=wavelength,
        **fresh,
    )
    few = slice(0, extent.n_peers)
    reports: dict[str, xr.Dataset] = {}

    def report(
        name: str, file: str, estimator: Estimator, rows: slice, tests: Iterable[str] | None
    ) -> xr.Dataset:
        if progress:
            print(f"{name}:", flush=True)
        chosen = [c for c in conditions if tests is None or c.test in tests]
        return _report(estimator, X[rows], y[rows], chosen, folder / file, progress)

    reports[sizer.name] = report(sizer.name, "sizer.nc", sizer, slice(None), None)
    paired = report(f"{sizer.name}, as many as its peers", "paired.nc", sizer, few, None)
    for name, file, estimator, tests in _peers(sizer, dots, curves, X, wavelength, trained, fresh):
        reports[name] = report(name, file, estimator, few, tests)
    if progress:
        print("what a user is told:", flush=True)
    worlds = Worlds(
        dots, sizer.inner_classes, curves, np.asarray(sizer.q_), wavelength, fresh, random_state + 1
    )
    told = _told(sizer, worlds, extent.n_told, folder / "told.nc", n_jobs, progress)
    evaluation = Evaluation(
        sizer,
        str(sizer.simulation.get("crystal", sizer.name)),
        dots,
        X,
        y,
        conditions,
        reports,
        paired,
        known,
        told,
        facts,
        random_state,
    )
    if progress:
        print("figures", flush=True)
    try:
        draw(evaluation, folder)
        spent = sum(float(r["seconds"].sum()) for r in (*reports.values(), paired))
        return write_report(evaluation, folder, max(spent, time.monotonic() - start))
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror or error}") from None


def _checked_folder(out: Path, facts: Mapping[str, str]) -> Path:
    """The folder, which must be empty or hold the same evaluation."""
    facts_file = out / "evaluation.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if facts_file.exists():
            if json.loads(facts_file.read_text(encoding="utf-8")) != facts:
                raise EvaluationError(f"{out} holds another evaluation; choose another folder")
        elif any(out.iterdir()):
            raise EvaluationError(f"{out} holds something else; choose another folder")
        facts_file.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{out} cannot be written: {error.strerror or error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise EvaluationError(f"{facts_file} is damaged; choose another folder") from None
    return out


def _curves_by_name(liquids: Sequence[xr.DataArray]) -> dict[str, xr.DataArray]:
    names = [str(curve.name) for curve in liquids]
    if len(set(names)) < len(names):
        raise EvaluationError(f"liquids must have different names; got {', '.join(names)}")
    return dict(zip(names, liquids, strict=True))


def _thinned(conditions: Iterable[Condition]) -> list[Condition]:
    """Fewer levels of the tests that have many."""
    return [c for c in conditions if c.test not in _FINE or c.level in _FINE[c.test]]


def _peers(
    sizer: Sizer,
    crystal: str | Crystal,
    curves: Mapping[str, xr.DataArray],
    X: xr.DataArray,
    wavelength: float,
    trained: Populations,
    fresh: Populations,
) -> Iterable[tuple[str, str, Estimator, tuple[str, ...] | None]]:
    """Name, file, estimator, and the tests that it is put through."""
    clean, labels = dry_library(crystal, sizer.inner_classes, X["q"].values, wavelength, **fresh)
    limit = KnownConditions(curves).fit(clean, labels)
    yield "limit, all known", "limit.nc", limit, _LIMIT_TESTS
    # What the sizer was trained on, which the fresh dots lie between.
    standard = simulate_library(
        crystal,
        diameters=sizer.inner_classes / 1000.0,
        q=X["q"].values,
        wavelength=wavelength,
        **trained,
    )
    templates, template_labels, _ = library_samples(standard)
    blind = make_pipeline(
        QStandardizer(coarse="points"),
        LibraryLikelihoodClassifier(known_solvents(), wavelength=wavelength),
    )
    blind.fit(templates, template_labels)
    yield "likelihood, shipped liquids", "likelihood.nc", blind, None
    scherrer = ScherrerRegressor(_window(crystal), K=None).fit(clean[::5], labels[::5])
    yield "Scherrer", "scherrer.nc", scherrer, None


def _window(crystal: str | Crystal) -> tuple[float, float] | None:
    """Around 220 of a crystal that is cubic and centred on its faces; None of others."""
    known = Crystal.builtin(crystal) if isinstance(crystal, str) else crystal
    edges = np.linalg.norm(known.conventional, axis=1)
    cell = known.conventional / edges[:, None]
    cubic = np.allclose(edges, edges[0]) and np.allclose(cell @ cell.T, np.eye(3), atol=1e-6)
    if not cubic or not known.space_group.startswith("F"):
        return None
    centre = _PEAK / float(edges[0])
    return (1.0 - _HALF_WINDOW) * centre, (1.0 + _HALF_WINDOW) * centre


def _told(
    sizer: Sizer, worlds: Worlds, n: int, path: Path, n_jobs: int | None, progress: bool
) -> xr.Dataset:
    try:
        return told_report(
            sizer,
            worlds.rows(),
            n,
            curves=worlds.curves,
            path=path,
            seed=worlds.seed,
            n_jobs=n_jobs,
            progress=progress,
        )
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror or error}") from None


def _report(
    estimator: Estimator,
    X: xr.DataArray,
    y: IntArray,
    conditions: list[Condition],
    path: Path,
    progress: bool,
) -> xr.Dataset:
    try:
        return robustness_report(
            estimator, X, y, conditions=conditions, path=path, progress=progress
        )
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror or error}") from None

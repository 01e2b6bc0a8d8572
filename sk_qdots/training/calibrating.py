"""Calibrate the intervals of a sizer on simulated experiments whose truth is known.

Populations are drawn as in training, from a seed of their own, and measured in blocks: each in one
kind of laboratory, half of them with one instrument that is told. Answered is as a user is
answered, by both engines; refused patterns do not count. The factors are those of split conformal
prediction by categories (crepes).
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from .._typing import FloatArray, JsonObject
from ..augmentation import LABORATORIES, Laboratory
from ..instruments import Instrument
from ..posterior.series import ClusterPatterns
from ..sizing import Sizer, Sizing
from ..sizing.calibration import LEVELS, Calibration, Condition, Who, score
from .plan import TrainingPlan
from .samples import draw_populations, patterns_of, simulated_series

__all__ = ["calibrate_sizer", "calibration_of"]

_LABORATORIES = ("ideal", "synchrotron", "capillary", "lab-cu")
_TOLD = ("synchrotron", "capillary")  # whose resolution may be told
_INSTRUMENTS = 4  # of each of them
_LEAST = 60  # patterns of a category
_CHUNK = 25  # patterns, that are kept together where a folder is given
Record = dict[str, Any]  # of an answer; JSON values
_QUANTITIES = ("diameter", "volume_diameter")


@dataclass(frozen=True)
class _Block:
    """Patterns that were measured alike."""

    laboratory: str
    instrument: Instrument | None
    n: int

    def experiment(self, plan: TrainingPlan) -> TrainingPlan:
        """The plan with what this block does."""
        known = LABORATORIES[self.laboratory]
        beam = float(np.mean(known.wavelength))
        if abs(beam / plan.wavelength - 1.0) < 0.5:
            beam = plan.wavelength  # the posterior is simulated for it already
        changed = replace(known, wavelength=(beam, beam))
        if self.instrument is not None:
            u, w, eta = self.instrument.u, self.instrument.w, self.instrument.eta
            width = float(np.sqrt(w))
            changed = replace(
                changed,
                fwhm=(width, width),
                fwhm_growth=(u / w, u / w),
                eta=(eta, eta),
                broadening_share=1.0,
            )
        return replace(plan, laboratory=changed, around=None, n_told=0)


def calibrate_sizer(
    sizer: Sizer,
    plan: TrainingPlan,
    n: int = 2000,
    *,
    folder: Path | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: bool = True,
) -> Sizer:
    """Return a sizer whose intervals are calibrated.

    Parameters
    ----------
    sizer : Sizer
        With a network, a posterior or both.
    plan : TrainingPlan
        That it was trained by.
    n : int, default=2000
        Patterns, about. Each costs tenths of a second where there is a posterior.
    folder : Path, optional
        Where what was answered is kept: interrupted, the same call goes on.
    n_jobs : int, optional
        Processes among which the patterns are shared; the result does not depend on it.
    random_state : int, default=0
        Seed.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    Sizer
        Of the same parts.

    See Also
    --------
    train_sizer : Does it where ``calibrate`` says of how many patterns.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.training import calibrate_sizer
    >>> plan = sq.plan_training("PbS")
    >>> sizer = calibrate_sizer(sq.load_sizer("PbS"), plan, 2000)  # doctest: +SKIP
    """
    # What the engines state, without what a misfit adds to it afterwards.
    plain = sizer.with_calibration(None).with_particles(None)
    records: list[Record] = []
    blocks = _blocks(plan, n, random_state)
    series = simulated_series(plan)
    with tqdm(total=sum(b.n for b in blocks), desc="Calibration", disable=not progress) as bar:
        for number, block in enumerate(blocks):
            for told in _answers(
                plain, plan, series, block, [random_state, number], folder, n_jobs
            ):
                records += told
                bar.update(min(_CHUNK, block.n))
    made: JsonObject = {
        "n": len(records),
        "patterns": sum(b.n for b in blocks),
        "laboratories": dict(Counter(b.laboratory for b in blocks)),
        "told": sum(b.n for b in blocks if b.instrument is not None),
        "seed": random_state,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("sk_qdots", "crepes")},
    }
    return sizer.with_calibration(calibration_of(records, plan, made))


def calibration_of(records: Sequence[Record], plan: TrainingPlan, made: JsonObject) -> Calibration:
    """Factors from answers whose truth is known.

    Parameters
    ----------
    records : sequence of dict
        Of each answer ``truth`` by quantity, ``condition``, and ``found`` and ``ends`` by who
        answered and quantity.
    plan : TrainingPlan
        Whose classes are parted in three.
    made : dict
        What to say of the patterns.

    Returns
    -------
    Calibration
    """
    from crepes import ConformalRegressor

    first, last = plan.classes[0] / 1000.0, plan.classes[-1] / 1000.0
    thirds = (first + (last - first) / 3.0, first + 2.0 * (last - first) / 3.0)
    conditions = [Condition(**record["condition"]) for record in records]
    weak = float(np.median([c.signal for c in conditions])) if conditions else 1.0
    words = [c.words(thirds, weak) for c in conditions]
    factors: dict[str, dict[str, tuple[float, ...]]] = {}
    asked: list[Who] = ["both", "network", "posterior"]
    for who in asked:
        for name in _QUANTITIES:
            known = [k for k, r in enumerate(records) if name in r["answers"].get(who, {})]
            if not known:
                continue
            scores = _scores([records[k] for k in known], who, name)
            for depth in range(1 + len(words[0])):
                groups = np.array([", ".join((who, *words[k][:depth])) for k in known])
                names, counts = np.unique(groups, return_counts=True)
                for group in names[counts >= _LEAST]:
                    # Its intervals around zero reach as far as the quantile of the scores.
                    regressor = ConformalRegressor()
                    regressor.fit(np.maximum(scores[groups == group], 0.0))
                    reach = [
                        float(regressor.predict_int(np.zeros(1), confidence=level)[0, 1])
                        for level in LEVELS
                    ]
                    factors.setdefault(str(group), {})[name] = tuple(
                        float(min(max(f, 1e-3), 1e3)) for f in reach
                    )
    return Calibration(thirds, weak, factors, made)


def _scores(records: Sequence[Record], who: Who, name: str) -> FloatArray:
    rows = [(r["truth"][name], *r["answers"][who][name]) for r in records]
    truth, found, low, high = np.array(rows, dtype=np.float64).T
    return score(truth, found, np.stack([low, high], axis=1))


def _blocks(plan: TrainingPlan, n: int, seed: int) -> list[_Block]:
    """What is measured: half without an instrument that is known, half with one."""
    rng = np.random.default_rng([seed, zlib.crc32(b"instruments")])
    labs = _LABORATORIES if plan.around is None else (plan.instrument,)
    blocks = [_Block(lab, None, n // (2 * len(labs))) for lab in labs if lab in LABORATORIES]
    for lab in _TOLD:
        known = LABORATORIES[lab]
        for _ in range(_INSTRUMENTS):
            width = float(np.exp(rng.uniform(*np.log(known.fwhm))))
            growth, eta = rng.uniform(*known.fwhm_growth), rng.uniform(*known.eta)
            instrument = Instrument(
                (plan.wavelength,), u=growth * width**2, w=width**2, eta=float(eta)
            )
            blocks.append(_Block(lab, instrument, n // (2 * len(_TOLD) * _INSTRUMENTS)))
    return [block for block in blocks if block.n > 0]


def _answers(
    sizer: Sizer,
    plan: TrainingPlan,
    series: Sequence[ClusterPatterns],
    block: _Block,
    seed: list[int],
    folder: Path | None,
    n_jobs: int | None,
) -> Iterator[list[Record]]:
    """Answers to a block, a few patterns at once; those that are kept are not asked again."""
    X: xr.DataArray | None = None
    of = _asked_of(sizer, plan, block)
    for start in range(0, block.n, _CHUNK):
        kept = None if folder is None else folder / f"answers-{of}-{seed[0]}-{seed[1]}-{start}.json"
        if kept is not None and kept.is_file():
            yield json.loads(kept.read_text(encoding="utf-8"))
            continue
        if X is None:
            X = _measured(plan, series, block, seed)
        part = X[start : start + _CHUNK]
        told = _records(sizer, part, block.instrument, n_jobs)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partly = kept.with_suffix(".part")
            partly.write_text(json.dumps(told), encoding="utf-8")
            partly.replace(kept)
        yield told


def _asked_of(sizer: Sizer, plan: TrainingPlan, block: _Block) -> str:
    """Tells apart what is asked, so that a sizer that was trained anew is asked anew."""
    told = "" if block.instrument is None else block.instrument.to_json()
    facts = (sizer.digest, plan.settings(), block.laboratory, told, block.n)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]


def _measured(
    plan: TrainingPlan, series: Sequence[ClusterPatterns], block: _Block, seed: list[int]
) -> xr.DataArray:
    """Patterns of a block."""
    rng = np.random.default_rng([*seed, zlib.crc32(b"calibration")])
    X = patterns_of(draw_populations(plan, block.n, rng), series)
    changed = block.experiment(plan)
    assert isinstance(changed.laboratory, Laboratory)
    beam = changed.laboratory.wavelength[0]
    return changed.experiment().fit(X).perturb(X, rng).assign_attrs(wavelength=beam)


def _records(
    sizer: Sizer, X: xr.DataArray, instrument: Instrument | None, n_jobs: int | None
) -> list[Record]:
    """What is kept of answers."""
    found: list[Record] = []
    for row, answer in zip(
        X, sizer.size_many(X, instrument=instrument, n_jobs=n_jobs), strict=True
    ):
        if not isinstance(answer, Sizing) or answer.condition is None:
            continue
        condition = answer.condition
        answers: Record = {}
        for engine in sizer.engines:
            if (told := answer.engines.get(engine.name)) is not None:
                who = "posterior" if hasattr(engine, "posterior_of") else "network"
                answers[who] = _quantities(told)
        if len(answers) > 1:
            answers["both"] = _quantities(
                {
                    "number_diameter": answer.number_diameter,
                    "interval": [*answer.interval],
                    "volume_diameter": answer.volume_diameter,
                    "volume_interval": [*(answer.volume_interval or ())],
                }
            )
        found.append(
            {
                "truth": {name: float(row[name]) for name in _QUANTITIES},
                "condition": {
                    "diameter": condition.diameter,
                    "told": condition.told,
                    "signal": condition.signal,
                    "q_max": condition.q_max,
                    "dots": condition.dots,
                },
                "answers": answers,
                "verdict": answer.verdict,
            }
        )
    return found


def _quantities(told: Mapping[str, Any]) -> Record:
    """What was found, and the ends of its interval, by quantity."""
    names = {
        "diameter": ("number_diameter", "interval"),
        "volume_diameter": ("volume_diameter", "volume_interval"),
    }
    return {
        name: [told[found], *told[ends]]
        for name, (found, ends) in names.items()
        if isinstance(told.get(found), float)
    }

"""Frames as a Dataset: every field of their answers over time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import Json
from .answer import COVERAGE, DIMENSIONS, Sizing
from .frames import Q_STEP, Frame
from .posterior import SHARES

__all__ = ["TITLE", "Clock", "dataset_of"]

TITLE = "sizes of nanocrystals over time"

_NM, _ONE = "nm", "1"
_Value = Callable[[Sizing], float | None]
_Variable = tuple[str, dict[str, str]]

# Name, unit, and what it is; each has a standard deviation.
_QUANTITIES: dict[str, tuple[str, str]] = {
    "number_diameter": (_NM, "number average of the diameter"),
    "volume_diameter": (_NM, "volume average of the diameter"),
    "surface_diameter": (_NM, "volume-to-surface average of the diameter"),
    "dispersion": (_ONE, "standard deviation / mean of the diameters"),
    "strain": (_ONE, "(a - a_bulk) / a_bulk"),
    "growth_fault": (_ONE, "probability that a layer is hexagonal"),
    **{name: (_NM, f"{name} of the particles") for name in DIMENSIONS},
    **{name: (_ONE, f"share of the particles that are {name}") for name in SHARES},
    "expected_diameter": (_NM, "mean of the classes weighted by their probabilities"),
}
_ALWAYS = ("number_diameter", "volume_diameter", "surface_diameter", "dispersion", "strain")
_ENDS = {"number_diameter": "interval", "volume_diameter": "volume_interval"}
_NUMBERS: dict[str, tuple[str, str, _Value]] = {
    "diameter": (_NM, "most probable class", lambda s: s.diameter),
    "probability": (_ONE, "its probability", lambda s: s.probability),
    "runner_up": (_NM, "second most probable class", lambda s: s.runner_up),
    "runner_up_probability": (_ONE, "its probability", lambda s: s.runner_up_probability),
    "q_min": ("1/Angstrom", "start of the range that was used", lambda s: s.q_range[0]),
    "q_max": ("1/Angstrom", "end of the range that was used", lambda s: s.q_range[1]),
    "agreement": (_ONE, "explained share of the structure of the pattern", lambda s: s.agreement),
    "r_wp": (_ONE, "weighted profile residual", lambda s: None if s.fit is None else s.fit.r_wp),
    "chi2": (_ONE, "reduced chi-square", lambda s: None if s.fit is None else s.fit.chi2),
    "wavelength": ("Angstrom", "of the beam", lambda s: _said(s, "wavelength")),
}
_FIT_UNITS = "diameters in nm, b_iso in Angstrom^2, fwhm in degrees, others fractions"


@dataclass(frozen=True)
class Clock:
    """What tells the times of a series.

    Parameters
    ----------
    given : ndarray or None
        Times, one a frame.
    per_frame : float or None
        Seconds from a frame to the next.
    """

    given: npt.NDArray[Any] | None = None
    per_frame: float | None = None

    @classmethod
    def checked(
        cls, time: npt.ArrayLike | None, per_frame: float | None, n_frames: int | None = None
    ) -> Clock:
        """A clock of times that can be.

        Raises
        ------
        ValueError
            If both are given, or the times are not one a frame.
        """
        if time is not None and per_frame is not None:
            raise ValueError("time and per_frame are both given; give one of them")
        if per_frame is not None and not 0.0 < per_frame < math.inf:
            raise ValueError(f"per_frame is {per_frame}; it must be a time above zero, in seconds")
        if time is None:
            return cls(None, per_frame)
        given = np.asarray(time)
        if given.dtype.kind not in "Miuf":
            raise ValueError("time must be datetime64, or numbers of seconds")
        if given.ndim != 1 or (n_frames is not None and len(given) != n_frames):
            raise ValueError(
                f"time has shape {given.shape}; expected one for each of {n_frames} frames"
            )
        return cls(given.astype("M8[ns]") if given.dtype.kind == "M" else given.astype(np.float64))

    def times(self, frames: Sequence[Frame]) -> tuple[npt.NDArray[Any], dict[str, str]]:
        """Times of frames, and the attributes that say what they are."""
        n = len(frames)
        if self.per_frame is not None:
            told = {"long_name": "time", "clock": "seconds a frame", "units": "s"}
            return self.per_frame * np.arange(n), told
        if self.given is not None:
            unit = {} if self.given.dtype.kind == "M" else {"units": "s"}
            return self.given[:n], {"long_name": "time", "clock": "given", **unit}
        could_be_read = [frame for frame in frames if frame.curve is not None]
        if could_be_read and all(frame.time for frame in could_be_read):
            stated = np.array([frame.time or "NaT" for frame in frames], dtype="M8[ns]")
            return stated, {"long_name": "start of the measurement", "clock": "the files"}
        changed = np.array([frame.modified for frame in frames])
        known = np.isfinite(changed)
        times = np.full(n, np.datetime64("NaT"), dtype="M8[ns]")
        times[known] = np.round(1e9 * changed[known]).astype("M8[ns]")
        return times, {
            "long_name": "last change of the file (UTC)",
            "clock": "dates of the files" if known.any() else "unknown",
        }


def dataset_of(frames: Sequence[Frame], clock: Clock) -> xr.Dataset:
    """Every field of the answers of frames.

    Parameters
    ----------
    frames : sequence of Frame
    clock : Clock

    Returns
    -------
    Dataset
        As :func:`sk_qdots.size_series` describes it.
    """
    answers = [frame.sizing for frame in frames]
    coverage = next((one.coverage for one in answers if one is not None), COVERAGE)
    variables: dict[str, Any] = {}

    def add(name: str, value: _Value, unit: str, meaning: str) -> None:
        about = {"units": unit, "long_name": meaning}
        variables[name] = ("frame", _column(answers, value), about)

    for name, (unit, meaning) in _QUANTITIES.items():
        if name not in _ALWAYS and all(s is None or _value(s, name) is None for s in answers):
            continue
        add(name, partial(_value, name=name), unit, meaning)
        add(f"{name}_std", partial(_deviation, name=name), unit, f"standard deviation of {name}")
        for k, end in enumerate(("low", "high")) if name in _ENDS else ():
            meaning = f"{end}er end of the interval that holds {coverage:g}"
            add(f"{_ENDS[name]}_{end}", partial(_end, name=name, k=k), unit, meaning)
    for name, (unit, meaning, value) in _NUMBERS.items():
        add(name, value, unit, meaning)
    texts = {
        "verdict": [frame.verdict for frame in frames],
        "reasons": [_reasons(frame) for frame in frames],
        "engine": ["" if one is None else one.engine for one in answers],
    }
    variables |= {name: ("frame", np.array(told, dtype=object)) for name, told in texts.items()}
    times, about_time = clock.times(frames)
    return xr.Dataset(
        {
            **variables,
            **_of_engines(answers),
            **_of_classes(answers),
            **_of_fits(answers),
            **_of_patterns(frames),
        },
        coords={
            "frame": np.arange(len(frames)),
            "file": ("frame", np.array([frame.file for frame in frames], dtype=object)),
            "time": ("frame", times, about_time),
        },
        attrs=_facts(answers, coverage),
    )


def _column(answers: Sequence[Sizing | None], value: _Value) -> npt.NDArray[np.float64]:
    """One number a frame; NaN where there is none."""
    found = [None if one is None else value(one) for one in answers]
    return np.array([math.nan if one is None else float(one) for one in found], dtype=np.float64)


def _value(sizing: Sizing, name: str) -> float | None:
    if name in DIMENSIONS:
        return sizing.dimensions.get(name)
    if name in SHARES:
        return sizing.shares.get(name)
    found: float | None = getattr(sizing, name)
    return found


def _deviation(sizing: Sizing, name: str) -> float | None:
    if _value(sizing, name) is None:
        return None
    return sizing.uncertainties.get("diameter" if name == "number_diameter" else name)


def _end(sizing: Sizing, name: str, k: int) -> float | None:
    ends = sizing.interval if name == "number_diameter" else sizing.volume_interval
    return None if ends is None else ends[k]


def _said(sizing: Sizing, key: str) -> float | None:
    pattern = sizing.settings.get("pattern")
    found = pattern.get(key) if isinstance(pattern, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def _reasons(frame: Frame) -> str:
    return frame.reason if frame.sizing is None else "; ".join(frame.sizing.reasons)


def _table(
    rows: Sequence[Mapping[str, Any] | None], names: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Numbers of frames by their names; NaN where there is none."""
    return np.array(
        [
            [math.nan if row is None or row.get(n) is None else float(row[n]) for n in names]
            for row in rows
        ],
        dtype=np.float64,
    ).reshape(len(rows), len(names))


def _names(rows: Sequence[Mapping[str, Any] | None]) -> list[str]:
    """Names in the order in which they come."""
    return list(dict.fromkeys(name for row in rows if row is not None for name in row))


def _of_engines(answers: Sequence[Sizing | None]) -> dict[str, xr.DataArray]:
    """What each engine says by itself."""
    told = [None if one is None else one.engines for one in answers]
    engines = _names(told)
    if not engines:
        return {}

    def part(name: str, k: int | None = None) -> xr.DataArray:
        rows: list[Mapping[str, Any] | None] = []
        for one in told:
            said: dict[str, Any] = {e: s[name] for e, s in (one or {}).items() if name in s}
            rows.append(said if k is None else {e: ends[k] for e, ends in said.items()})
        return xr.DataArray(
            _table(rows, engines),
            dims=("frame", "engine_name"),
            coords={"engine_name": engines},
            attrs={"units": _NM},
        )

    found = {f"engine_{name}": part(name) for name in _ENDS}
    for name in _ENDS.values():
        found |= {f"engine_{name}_{end}": part(name, k) for k, end in enumerate(("low", "high"))}
    return found


def _of_classes(answers: Sequence[Sizing | None]) -> dict[str, xr.DataArray]:
    """The probability of each class."""
    rows = [
        None
        if one is None
        else dict(
            zip(
                one.probabilities["diameter"].values.round(6).tolist(),
                one.probabilities.values.tolist(),
                strict=True,
            )
        )
        for one in answers
    ]
    sizes = sorted({size for row in rows if row is not None for size in row})
    if not sizes:
        return {}
    values = np.array(
        [[math.nan if r is None else r.get(s, math.nan) for s in sizes] for r in rows]
    )
    where = {"size": ("size", np.array(sizes), {"units": _NM, "long_name": "class"})}
    about = {"units": _ONE, "long_name": "probability of each class"}
    return {
        "probabilities": xr.DataArray(values, dims=("frame", "size"), coords=where, attrs=about)
    }


def _of_fits(answers: Sequence[Sizing | None]) -> dict[str, xr.DataArray]:
    """Parameters of the fits with their deviations, and what the patterns are made of."""
    fits = [None if one is None else one.fit for one in answers]
    values = [None if fit is None else fit.parameters for fit in fits]
    deviations = [None if fit is None else fit.uncertainties for fit in fits]
    amounts = [None if fit is None else fit.amounts for fit in fits]
    names, parts = _names(values), _names(amounts)
    found: dict[str, xr.DataArray] = {}
    if names:
        where = {"parameter": names}
        for name, rows in (("fit", values), ("fit_std", deviations)):
            found[name] = xr.DataArray(
                _table(rows, names),
                dims=("frame", "parameter"),
                coords=where,
                attrs={"long_name": "parameters of the best fit", "parameter_units": _FIT_UNITS},
            )
    if parts:
        found["amount"] = xr.DataArray(
            _table(amounts, parts),
            dims=("frame", "part"),
            coords={"part": parts},
            attrs={"units": _ONE, "long_name": "shares of the mean intensity"},
        )
    return found


def _of_patterns(frames: Sequence[Frame]) -> dict[str, xr.DataArray]:
    """Measured intensities in even steps of Q."""
    curves = {k: frame.curve for k, frame in enumerate(frames) if frame.curve is not None}
    if not curves:
        return {}
    start = min(first for first, _ in curves.values())
    end = max(first + len(values) for first, values in curves.values())
    table = np.full((len(frames), end - start), np.nan, dtype=np.float32)
    for k, (first, values) in curves.items():
        table[k, first - start : first - start + len(values)] = values
    q = Q_STEP * np.arange(start, end)
    where = {"q": ("q", q, {"units": "1/Angstrom", "long_name": "Q"})}
    about = {"long_name": "measured intensity", "units": "as the files have it"}
    return {"pattern": xr.DataArray(table, dims=("frame", "q"), coords=where, attrs=about)}


def _facts(answers: Sequence[Sizing | None], coverage: float) -> dict[str, str | float]:
    """What it takes to repeat it."""
    known = [one for one in answers if one is not None]
    sizers: list[Json] = []
    for one in known:
        sizer = one.settings.get("sizer")
        if sizer is not None and sizer not in sizers:
            sizers.append(sizer)
    return {
        "title": TITLE,
        "model": ", ".join(dict.fromkeys(one.model for one in known)),
        "coverage": coverage,
        "sizers": json.dumps(sizers, ensure_ascii=False, allow_nan=False),
        "sk_qdots_version": version("sk_qdots"),
    }

"""Many patterns, sized one after the other or by several processes, in their order.

A frame that is refused keeps its place and its reason. Frames go to processes in small parts, which
keep the sizer from part to part, and with it what it has made for the points of the last ones.
"""

from __future__ import annotations

import contextlib
import os
import signal
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias
from uuid import uuid4

import numpy as np
import xarray as xr
from joblib import Parallel, delayed, effective_n_jobs, parallel_config
from threadpoolctl import threadpool_limits

from .._typing import Float32Array
from ..io import PatternError
from ..preprocessing.patterns import check_axis, q_of, rows_of
from .answer import Sizing
from .intake import source_of

__all__ = ["Q_STEP", "Asker", "Frame", "Item", "sized_frames"]

Item: TypeAlias = str | xr.DataArray  # a file, or a pattern

Q_STEP = 0.02  # 1/Angstrom, of the curves that pictures show: a fifth of a peak of 6 nm
_LARGEST_PART = 8  # frames: more would keep the first answers waiting
_PARTS_OF_A_WORKER = 4
_LARGEST_GROWTH = 3 * 10**9  # bytes
_LONGEST = 1000.0  # 1/Angstrom; an axis that is longer is in other units


class Asker(Protocol):
    """Who reads and sizes; it is sent to other processes."""

    def read(self, item: Item) -> xr.DataArray:
        """The pattern of an item; raises ValueError where there is none."""
        raise NotImplementedError

    def size(self, item: Item, pattern: xr.DataArray) -> Sizing:
        """The answer to it; raises ValueError where it is refused."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Frame:
    """What became of one pattern.

    Parameters
    ----------
    file : str
        Or what else the pattern is called.
    sizing : Sizing or None
        None where it was refused.
    reason : str
        Why it was.
    time : str
        When it was measured, as the file says; ISO 8601.
    modified : float
        When the file was changed last, in seconds since 1970; NaN where there is none.
    curve : tuple of int and ndarray, or None
        The first multiple of :data:`Q_STEP`, and mean intensities around it and those behind it.
    pattern : DataArray or None
        Where everything is kept.
    notes : tuple of Warning
        What was warned of.
    """

    file: str
    sizing: Sizing | None = None
    reason: str = ""
    time: str = ""
    modified: float = float("nan")
    curve: tuple[int, Float32Array] | None = None
    pattern: xr.DataArray | None = None
    notes: tuple[Warning, ...] = ()

    @property
    def verdict(self) -> str:
        """``"ok"``, ``"caution"`` or ``"refused"``."""
        return "refused" if self.sizing is None else self.sizing.verdict


def sized_frames(
    items: Sequence[Item], asker: Asker, *, n_jobs: int | None = None, keeps_all: bool = False
) -> Generator[Frame]:
    """Frames in the order of the items, each as soon as it and those before it are known.

    Parameters
    ----------
    items : sequence of str or DataArray
    asker : Asker
    n_jobs : int, optional
        Processes; -1 for all processors. The answers do not depend on it.
    keeps_all : bool, default=False
        Whether frames keep their patterns, curves of fits and draws, a megabyte each.

    Yields
    ------
    Frame
    """
    n_workers = min(effective_n_jobs(n_jobs), len(items))
    if n_workers < 2:
        for item in items:
            yield _told(_frame(item, asker, keeps_all))
        return
    size = min(_LARGEST_PART, max(1, len(items) // (_PARTS_OF_A_WORKER * n_workers)))
    key, parent = uuid4().hex, os.getpid()
    calls = (
        delayed(_part)(items[k : k + size], asker, keeps_all, key, parent)
        for k in range(0, len(items), size)
    )
    with parallel_config(inner_max_num_threads=1, backend="loky"):
        parts = Parallel(n_jobs=n_workers, batch_size=1, return_as="generator")(calls)
    try:
        for part in parts:
            yield from map(_told, part)
    finally:
        with warnings.catch_warnings():  # of work that nobody waits for any more
            warnings.simplefilter("ignore")
            with contextlib.suppress(RuntimeError):
                parts.close()


def _told(frame: Frame) -> Frame:
    """A frame, with its warnings given where the caller sees them."""
    for note in frame.notes:
        warnings.warn(note, stacklevel=4)
    return frame


_KEPT: dict[str, Asker] = {}  # the one of the last call, in processes that work for others


def _part(
    items: Sequence[Item], asker: Asker, keeps_all: bool, key: str, parent: int
) -> list[Frame]:
    """Frames of a part, in a process that works for others."""
    if os.getpid() != parent:
        with contextlib.suppress(ValueError):  # not the main thread
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent
        _may_grow()
    if key not in _KEPT:
        _KEPT.clear()
        _KEPT[key] = asker
    return [_frame(item, _KEPT[key], keeps_all) for item in items]


def _may_grow() -> None:
    """Let this process keep what it makes.

    joblib takes 300 MB more than after the first answer for a leak, and ends such processes, where
    psutil is installed. A posterior that meets broad populations, or points of its own in every
    pattern, holds more, and would be made anew again and again. There is no public setting.
    """
    from joblib.externals.loky import process_executor

    if hasattr(process_executor, "_MAX_MEMORY_LEAK_SIZE"):
        process_executor._MAX_MEMORY_LEAK_SIZE = _LARGEST_GROWTH


def _frame(item: Item, asker: Asker, keeps_all: bool) -> Frame:
    """What becomes of an item."""
    frame = Frame(item if isinstance(item, str) else source_of(item), modified=_modified(item))
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        try:
            pattern = asker.read(item)
            frame = replace(
                frame,
                time=str(pattern.attrs.get("time", "")),
                curve=_curve(pattern),
                pattern=pattern if keeps_all else None,
            )
            sizing = asker.size(item, pattern)
            frame = replace(frame, sizing=sizing if keeps_all else _light(sizing))
        except (ValueError, ArithmeticError) as error:
            reason = error.reason if isinstance(error, PatternError) else str(error)
            frame = replace(frame, reason=" ".join(reason.split()))
    notes = tuple(_notes(caught))
    return replace(frame, notes=notes)


def _notes(caught: Sequence[warnings.WarningMessage]) -> Iterator[Warning]:
    for one in caught:
        if not issubclass(one.category, DeprecationWarning | ResourceWarning):
            yield one.message if isinstance(one.message, Warning) else one.category(one.message)


def _modified(item: Item) -> float:
    if not isinstance(item, str):
        return float("nan")
    try:
        return Path(item).stat().st_mtime
    except (OSError, ValueError):
        return float("nan")


def _light(sizing: Sizing) -> Sizing:
    """An answer without curves and draws."""
    fit = None if sizing.fit is None else replace(sizing.fit, curves=xr.Dataset())
    return replace(sizing, match=None, posterior=None, fit=fit)


def _curve(pattern: xr.DataArray) -> tuple[int, Float32Array] | None:
    """Mean intensities around multiples of a step of Q; lines where points are farther apart."""
    rows = rows_of(pattern)
    measured = np.isfinite(rows[0])
    q, y = q_of(pattern)[measured], np.asarray(rows[0], dtype=np.float64)[measured]
    if not len(q):
        return None
    check_axis(q, len(q))
    if q[-1] - q[0] > _LONGEST:
        return None
    place = np.rint(q / Q_STEP).astype(np.int64)
    first = int(place[0])
    n = np.bincount(place - first)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place - first, weights=y) / n
    if not n.all():
        means[n == 0] = np.interp(Q_STEP * (first + np.flatnonzero(n == 0)), q, y)
    return first, means.astype(np.float32)

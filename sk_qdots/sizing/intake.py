"""Patterns as they come, on the grid of a sizer: checked one by one, and refused by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray, RealArray
from ..io import PatternError
from ..preprocessing import QStandardizer
from ..preprocessing.patterns import check_is_pattern, q_of, rows_of, wavelength_of
from .engines import Engine
from .facts import Facts
from .reflections import check_reflections
from .verdicts import check_measured, check_net, check_range, check_row, check_step

__all__ = [
    "Patterns",
    "measured_points",
    "single_patterns",
    "source_of",
    "standardized",
    "with_plain_wavelength",
]

Patterns = xr.DataArray | Sequence[xr.DataArray] | npt.ArrayLike


def standardized(
    patterns: Patterns, standardizer: QStandardizer, engines: Sequence[Engine], facts: Facts
) -> RealArray:
    """Patterns on the grid, each checked for what the sizer needs.

    Parameters
    ----------
    patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
    standardizer : QStandardizer
    engines : sequence of Engine
    facts : Facts

    Returns
    -------
    ndarray of shape (n_samples, n_points + n_told)
        Not to be written to: every engine gets it.

    Raises
    ------
    PatternError
        If a pattern has no axis, holds no intensity, does not cover the range, or is too coarse.
    """
    needs = (facts.required_range, facts.coarsest_step, facts.name)
    seen = facts.reflections
    if seen:
        needs = ((seen[0], seen[-1]), facts.coarsest_step, facts.name)
    sources = _sources(patterns)
    try:
        _check_before(patterns, sources, needs)
        rows = np.asarray(standardizer.transform(patterns))
    except PatternError:
        raise
    except ValueError as error:
        raise _named(error, sources) from None
    n_points = len(standardizer.q_)
    measured = np.isfinite(rows[:, :n_points])
    takes_nan = all(getattr(engine, "takes_nan", True) for engine in engines)
    checked: set[bytes] = set()  # most patterns of a batch were measured at the same points
    for k, mask in enumerate(np.packbits(measured, axis=1)):
        check_row(rows[k, :n_points], sources[k])
        if (key := mask.tobytes()) not in checked:
            q = standardizer.q_[measured[k]]
            if seen:
                check_reflections(q, seen, facts.coarsest_step, facts.name, sources[k])
            else:
                check_range(q, *needs, sources[k])
            if not takes_nan:
                check_measured(measured[k], engines, sources[k])
            checked.add(key)
    rows.setflags(write=False)
    return rows


def measured_points(
    row: RealArray, pattern: xr.DataArray, standardizer: QStandardizer
) -> FloatArray:
    """Points of the grid that were measured, not padded."""
    grid = np.asarray(standardizer.q_)
    q = q_of(pattern)[np.isfinite(rows_of(pattern)[0])]
    half = 0.5 * (grid[1] - grid[0])
    inside = (grid >= q[0] - half) & (grid <= q[-1] + half)
    return np.asarray(grid[inside & np.isfinite(row[: len(grid)])])


def single_patterns(patterns: xr.DataArray | Sequence[xr.DataArray]) -> Iterator[xr.DataArray]:
    """Patterns one by one, those of a batch numbered."""
    for item in [patterns] if isinstance(patterns, xr.DataArray) else patterns:
        check_is_pattern("an item of patterns", item)
        if item.ndim == 1:
            yield item
            continue
        for k in range(len(rows_of(item))):
            yield item[k].assign_attrs(source=f"{source_of(item)} {k}")


def with_plain_wavelength(pattern: xr.DataArray) -> xr.DataArray:
    """A pattern whose wavelength, where it states one, is a number.

    Raises
    ------
    PatternError
        If it states one that is none.
    """
    try:
        stated = wavelength_of(pattern)
    except ValueError as error:
        raise PatternError(source_of(pattern), str(error)) from None
    return pattern if stated is None else pattern.assign_attrs(wavelength=stated)


def source_of(pattern: xr.DataArray) -> str:
    """What a pattern is called: the file that it was read from."""
    return str(pattern.attrs.get("source", "pattern"))


def _with_axis(patterns: Patterns) -> list[xr.DataArray] | None:
    """Patterns that bring their axis; None for a bare array."""
    if isinstance(patterns, xr.DataArray):
        return [patterns]
    if not isinstance(patterns, Sequence) or isinstance(patterns, str):
        return None
    items = [item for item in patterns if isinstance(item, xr.DataArray)]
    return items if items and len(items) == len(patterns) else None


def _sources(patterns: Patterns) -> list[str]:
    """What each row is called."""
    items = _with_axis(patterns)
    if items is not None:
        names: list[str] = []
        for item in items:
            n = len(rows_of(item))
            names += [source_of(item) if n == 1 else f"{source_of(item)} {k}" for k in range(n)]
        return names
    return [f"pattern {k}" for k in range(np.shape(patterns)[0] if np.ndim(patterns) else 0)]


def _check_before(
    patterns: Patterns, sources: Sequence[str], needs: tuple[tuple[float, float], float, str]
) -> None:
    """What is refused of patterns before they are on the grid."""
    items = _with_axis(patterns)
    if items is not None:
        start = 0
        for item in items:
            check_step(q_of(item), *needs, source_of(item))
            rows = rows_of(item)
            if len(rows) > 1 and rows.dtype.kind in "iuf":
                for k, row in enumerate(rows):
                    check_row(row, sources[start + k])
            start += len(rows)
        return
    bare = np.asarray(patterns)
    if bare.ndim == 2 and bare.dtype.kind in "iuf":
        for k, row in enumerate(bare):
            check_row(row, sources[k])
            check_net(row, sources[k])


def _named(error: ValueError, sources: Sequence[str]) -> ValueError:
    """What the standardiser refuses of one pattern, under its name."""
    text = str(error)
    for source in sources:
        if text.startswith(f"{source}: "):
            return PatternError(source, text.removeprefix(f"{source}: "))
    return PatternError(sources[0], text) if len(set(sources)) == 1 else error

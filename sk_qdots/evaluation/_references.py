"""Measured patterns of known size, from a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from ..io import read_pattern
from ..sizing import Sizer

__all__ = ["EvaluationError", "Reference", "read_references"]

_NUMBERS = ("diameter_nm", "dispersion", "first_peak_ev", "wavelength")


class EvaluationError(ValueError):
    """What cannot be evaluated, and why.

    Examples
    --------
    >>> from sk_qdots.evaluation import EvaluationError
    >>> str(EvaluationError("no such folder"))
    'no such folder'
    """


@dataclass(frozen=True)
class Reference:
    """A measured pattern of known size, and what the sizer expects of it.

    Parameters
    ----------
    pattern : DataArray
    diameter, expected : float
        In nm.
    spread : float
        Standard deviation of the diameters in nm; NaN where it is not known.
    energy : float
        Of the first excitonic peak in eV; NaN where it is not known.
    """

    pattern: xr.DataArray
    diameter: float
    expected: float
    spread: float
    energy: float


def read_references(table: Path, sizer: Sizer) -> list[Reference]:
    """Read and size the patterns that a table names.

    Raises
    ------
    EvaluationError
        If the table or a pattern cannot be read, or a pattern cannot be sized.
    """
    return [
        _sized_reference(row, f"{table}, line {number}", table.parent, sizer)
        for number, row in enumerate(_table_rows(table), 2)
    ]


def _table_rows(table: Path) -> Sequence[dict[str, str]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(f"{table} cannot be read: {error}") from None
    if not rows or not {"file", "diameter_nm"} <= set(rows[0]):
        raise EvaluationError(f"{table} needs the columns file and diameter_nm, and a row")
    return rows


def _sized_reference(row: dict[str, str], where: str, folder: Path, sizer: Sizer) -> Reference:
    try:
        diameter, dispersion, energy, wavelength = (
            float(row.get(name) or "nan") for name in _NUMBERS
        )
        if not diameter > 0:
            raise ValueError("diameter_nm must be positive")
        pattern = read_pattern(
            folder / (row["file"] or ""),
            wavelength=None if np.isnan(wavelength) else wavelength,
            x=row.get("x") or None,
        )
        expected = float(sizer.predict_proba([pattern])[0] @ sizer.classes_) / 1000.0
    except (ValueError, TypeError) as error:
        raise EvaluationError(f"{where}: {error}") from None
    return Reference(pattern, diameter, expected, dispersion * diameter, energy)

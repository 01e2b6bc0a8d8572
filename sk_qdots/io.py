"""Measured files in, labelled patterns out.

Nothing is guessed: an axis of angles needs a wavelength, and a file that is not a
pattern is refused with its name, what is wrong, and what to do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from ._patterns import q_from_two_theta, two_theta_from_q
from .simulation.scattering_factors import HC_KEV_ANGSTROM

__all__ = ["PatternError", "read_pattern"]

Array = npt.NDArray[Any]

_MAX_BYTES = 100 * 2**20
_MIN_POINTS = 10
_WAVELENGTHS = (0.05, 5.0)  # Angstrom: 250 keV to 2.5 keV
_MAX_Q = 40.0  # 1/Angstrom: beyond any diffractometer
_COMMENT = re.compile(r"""\s*([#!%;'"*]|//)""")
_THREE_DIGITS = re.compile(r"\d{3}")
_SHORT_INTEGER = re.compile(r"[+-]?\d{1,3}")
_POINT_THOUSANDS = re.compile(r"[+-]?\d{1,3}\.\d{3}")
_DECIMAL_POINT = "write decimal points, and no separators between thousands"


class PatternError(ValueError):
    """A pattern that cannot be used.

    Parameters
    ----------
    source : str
        The file, or what else the pattern is called.
    reason : str
        What is wrong and what to do, one line.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.reason)


def read_pattern(
    path: str | os.PathLike[str],
    wavelength: float | None = None,
    energy: float | None = None,
    x: Literal["two_theta", "q"] | None = None,
) -> xr.DataArray:
    """Read a pattern from a text file of two or three columns.

    Parameters
    ----------
    path : str or path-like
        Columns are the abscissa, the intensity and, where there is a third, its
        standard deviation, separated by blanks, commas, semicolons or tabs, with
        decimal points. Header lines before the first number and comment lines are
        skipped.
    wavelength : float, optional
        In Angstrom.
    energy : float, optional
        Photon energy in keV, instead of the wavelength.
    x : {"two_theta", "q"}, optional
        What the abscissa is: two-theta in degrees (the default where a wavelength
        or energy is given) or Q in 1/Angstrom.

    Returns
    -------
    DataArray
        Intensity over the dimension ``q`` (1/Angstrom), with the coordinates
        ``two_theta`` (degrees, where the wavelength is known) and ``esd`` (where
        there is a third column); ``attrs`` hold ``source`` and ``wavelength``.

    Raises
    ------
    PatternError
        If the file cannot be read, is not such a table, holds NaN or negative
        numbers, does not ascend strictly, or lacks a wavelength.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.564162)  # doctest: +SKIP
    """
    source = os.fspath(path)
    wavelength = _wavelength(source, wavelength, energy)
    if x is None:
        if wavelength is None:
            raise PatternError(
                source,
                "what is the abscissa? If it is two-theta give the wavelength in Angstrom "
                "(--wavelength) or the energy in keV (--energy), if it is Q in 1/Angstrom say so "
                "(--q; in Python x='q')",
            )
        x = "two_theta"
    elif x not in ("two_theta", "q"):
        raise PatternError(source, f"x is {x!r}; it must be 'two_theta' or 'q'")
    if x == "two_theta" and wavelength is None:
        raise PatternError(
            source,
            "a two-theta axis needs a wavelength: give --wavelength (Angstrom) or --energy (keV)",
        )
    table, lines = _read_table(source)
    _check_table(source, table, lines)
    abscissa, intensity = table[:, 0], table[:, 1]
    _check_abscissa(source, abscissa, x)

    coords: dict[str, Any] = {}
    two_theta = None
    if x == "q":
        q = abscissa
        if wavelength is not None:
            if q[-1] * wavelength > 4.0 * np.pi:
                raise PatternError(
                    source,
                    f"Q reaches {q[-1]:.4g} 1/Angstrom, beyond 4 pi / wavelength = "
                    f"{4 * np.pi / wavelength:.4g}; check the wavelength and the axis",
                )
            two_theta = two_theta_from_q(q, wavelength)
    else:
        assert wavelength is not None
        q, two_theta = q_from_two_theta(abscissa, wavelength), abscissa
    coords["q"] = ("q", q, {"long_name": "Q", "units": "1/Angstrom"})
    if two_theta is not None:
        coords["two_theta"] = ("q", two_theta, {"long_name": "2theta", "units": "degree"})
    if table.shape[1] == 3:
        coords["esd"] = ("q", table[:, 2], {"long_name": "standard deviation of the intensity"})
    attrs: dict[str, Any] = {"long_name": "intensity", "source": source}
    if wavelength is not None:
        attrs["wavelength"] = wavelength
    return xr.DataArray(intensity, dims="q", coords=coords, name="intensity", attrs=attrs)


def _wavelength(source: str, wavelength: float | None, energy: float | None) -> float | None:
    for name, value in (("wavelength", wavelength), ("energy", energy)):
        if not (value is None or isinstance(value, int | float | np.number)):
            raise PatternError(source, f"{name} is {value!r}; it must be a number")
    if wavelength is not None and energy is not None:
        raise PatternError(source, "wavelength and energy are both given; give one of them")
    if energy is not None:
        if not (np.isfinite(energy) and energy > 0):
            raise PatternError(source, f"energy is {energy} keV; it must be a positive number")
        wavelength = HC_KEV_ANGSTROM / energy
        said = f"energy is {energy:g} keV (wavelength {wavelength:.4g} Angstrom)"
        remedy = "give the energy in keV"
        if energy > 1000:
            remedy += f"; if it is in eV, that is {energy / 1000:g} keV"
    elif wavelength is not None:
        said = f"wavelength is {wavelength:g} Angstrom"
        remedy = "give the wavelength in Angstrom (or the energy in keV with --energy)"
    else:
        return None
    if not _WAVELENGTHS[0] <= wavelength <= _WAVELENGTHS[1]:
        raise PatternError(
            source,
            f"{said}, outside {_WAVELENGTHS[0]:g} to {_WAVELENGTHS[1]:g} Angstrom; {remedy}",
        )
    return float(wavelength)


def _read_table(source: str) -> tuple[Array, list[int]]:
    """Numbers of a text file, and the line that each row stands on."""
    path = Path(source)
    try:
        size = path.stat().st_size
        raw = b"" if path.is_dir() or size > _MAX_BYTES else path.read_bytes()
    except FileNotFoundError:
        raise PatternError(source, "no such file; check the path") from None
    except PermissionError:
        raise PatternError(source, "may not be read; ask for read permission") from None
    except (OSError, ValueError) as error:
        raise PatternError(source, f"cannot be read: {error}") from None
    if path.is_dir():
        raise PatternError(source, "is a folder; give the files in it")
    if size > _MAX_BYTES:
        raise PatternError(
            source,
            f"is {size / 2**20:.0f} MiB; a pattern of text has at most "
            f"{_MAX_BYTES // 2**20} MiB: is this the right file?",
        )
    if not raw.strip():
        raise PatternError(source, "is empty; export the pattern again")
    if b"\0" in raw:
        raise PatternError(source, "is not text; export the pattern as two columns of text")
    rows: list[list[float]] = []
    texts: list[list[str]] = []
    lines: list[int] = []
    width = 0
    for number, fields, comma in _fields(source, raw.decode("utf-8", errors="replace")):
        values = _numbers(fields)
        if values is None:
            if rows or _numbers(fields[:1]) is not None:
                raise PatternError(
                    source,
                    f"line {number} is not a row of numbers ({' '.join(fields)[:40]!r}); "
                    "remove it or mark it with #",
                )
            continue  # a header
        if not rows:
            width = len(values)
            if width == 1:
                raise PatternError(
                    source,
                    f"line {number} has one column; expected abscissa and intensity "
                    "(and a standard deviation)",
                )
            if width > 3:
                raise PatternError(
                    source,
                    f"line {number} has {width} columns; expected abscissa and intensity "
                    "(and a standard deviation): keep these"
                    + (f", and {_DECIMAL_POINT}" if comma else ""),
                )
            with_comma = comma
        elif len(values) != width:
            raise PatternError(
                source,
                f"line {number} has {len(values)} columns where line {lines[0]} has {width}; "
                "is the file cut short?",
            )
        rows.append(values)
        texts.append(fields)
        lines.append(number)
    if not rows:
        raise PatternError(source, "holds no numbers; expected two columns, abscissa and intensity")
    _check_thousands(source, texts, with_comma)
    return np.array(rows), lines


def _fields(source: str, text: str) -> Iterator[tuple[int, list[str], bool]]:
    """Fields of each line that is no comment, and whether commas separate them.

    Tabs and semicolons separate before commas, commas before blanks.
    """
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        if not line.strip() or _COMMENT.match(line):
            continue
        comma = False
        if "\t" in line.strip() or ";" in line:
            fields = re.split(r"[\t;]", line)
        elif "," in line:
            fields, comma = line.split(","), True
        else:
            fields = line.split()
        fields = [field.strip() for field in fields if field.strip()]
        for field in fields:
            pieces = re.split(r"[,\s]+", field)
            if len(pieces) > 1 and _numbers(pieces) is not None:
                raise PatternError(
                    source,
                    f"line {number}: {field!r} is not one number; {_DECIMAL_POINT}, and one "
                    "kind of separator between the columns",
                )
        if fields:
            yield number, fields, comma


def _check_thousands(source: str, texts: list[list[str]], comma: bool) -> None:
    """Refuse columns that look like grouped thousands: 1,007 or 1.007 for 1007."""
    third = [fields[2] for fields in texts if len(fields) == 3]
    if comma and third and all(map(_THREE_DIGITS.fullmatch, third)):
        raise PatternError(
            source,
            f"the third column always has three digits ({third[0]}): are they thousands? "
            f"{_DECIMAL_POINT}",
        )
    second = [fields[1] for fields in texts if len(fields) > 1]
    pointed = [bool(_POINT_THOUSANDS.fullmatch(field)) for field in second]
    plain = [field for field, is_pointed in zip(second, pointed, strict=True) if not is_pointed]
    if (
        any(pointed)
        and all(map(_SHORT_INTEGER.fullmatch, plain))
        and any(len(field) == 3 for field in plain)
    ):
        raise PatternError(
            source,
            f"the intensities mix {plain[0]} and {second[pointed.index(True)]}: is the point "
            f"between thousands? {_DECIMAL_POINT}",
        )


def _numbers(fields: list[str]) -> list[float] | None:
    try:
        return [float(field) for field in fields]
    except ValueError:
        return None


def _check_table(source: str, table: Array, lines: list[int]) -> None:
    finite = np.isfinite(table).all(axis=1)
    if not finite.all():
        raise PatternError(
            source,
            f"line {lines[int(np.argmin(finite))]} holds NaN or infinity; remove such rows "
            "(what was not measured is treated as such)",
        )
    if len(table) < _MIN_POINTS:
        raise PatternError(
            source, f"has {len(table)} points; a pattern needs at least {_MIN_POINTS}"
        )
    negative = np.flatnonzero(table[:, 1] < 0)
    if negative.size:
        raise PatternError(
            source,
            f"line {lines[negative[0]]} has a negative intensity "
            f"({table[negative[0], 1]:g}; {negative.size} such rows); give the counts as measured, "
            "without subtracting a background",
        )
    if not table[:, 1].any():
        raise PatternError(source, "every intensity is zero; was the shutter open?")
    if table.shape[1] == 3 and (table[:, 2] < 0).any():
        raise PatternError(source, "the third column, the standard deviation, is negative")
    steps = np.diff(table[:, 0])
    wrong = np.flatnonzero(steps <= 0)
    if wrong.size:
        at = wrong[0] + 1
        what = "repeats" if steps[wrong[0]] == 0 else "is below"
        raise PatternError(
            source,
            f"line {lines[at]}: the abscissa {table[at, 0]:g} {what} the one before "
            f"({table[at - 1, 0]:g}); sort the rows by the first column and merge repeated ones",
        )


def _check_abscissa(source: str, abscissa: Array, x: str) -> None:
    if abscissa[0] < 0:
        raise PatternError(
            source, f"the abscissa starts at {abscissa[0]:g}; remove the rows below zero"
        )
    if x == "two_theta" and abscissa[-1] > 180.0:
        raise PatternError(
            source,
            f"the abscissa reaches {abscissa[-1]:g}, and two-theta ends at 180 degrees; "
            "check that the first column is two-theta in degrees",
        )
    if x == "q" and abscissa[-1] > _MAX_Q:
        raise PatternError(
            source,
            f"the abscissa reaches {abscissa[-1]:g}, too much for Q in 1/Angstrom; if it is "
            "two-theta give --wavelength or --energy instead of --q, if it is 1/nm divide by 10",
        )

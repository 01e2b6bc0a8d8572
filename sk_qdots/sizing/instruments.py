"""What a sizer makes of the instrument that a pattern was measured with.

Zero and displacement are taken away before it is sized. A resolution cannot be: broader lines are
those of smaller dots, unless a sizer has learnt to tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from .._typing import FloatArray, Json
from ..augmentation.facts import trained_width
from ..augmentation.laboratories import check_instrument
from ..instruments import Instrument, is_same_beam, load_instrument
from ..instruments.ready import at_wavelength, is_example
from ..instruments.resolution import width_in_q
from ..io import PatternError, read_pattern
from .intake import source_of

__all__ = ["at_the_beam", "corrected", "named_instrument", "read_at_the_beam", "too_broad"]

# Below it also a sizer covers what it states that has seen no resolution; broader than what it was
# trained with, none does (docs/tables/instruments.md).
_HARMLESS = 0.0015  # 1/Angstrom


def at_the_beam(pattern: xr.DataArray, instrument: Instrument) -> Instrument:
    """Return the instrument at the wavelength of a pattern, where it has none of its own.

    Parameters
    ----------
    pattern : DataArray
    instrument : Instrument

    Returns
    -------
    Instrument
        An example at the wavelength that the pattern states; any other as it is.

    Raises
    ------
    PatternError
        If it is an example, and the pattern states no wavelength.
    TypeError
        If the instrument is none.
    """
    check_instrument(instrument)
    stated = pattern.attrs.get("wavelength")
    try:
        return at_wavelength(instrument, None if stated is None else float(stated))
    except ValueError as error:
        raise PatternError(source_of(pattern), str(error)) from None


def corrected(pattern: xr.DataArray, instrument: Instrument) -> xr.DataArray:
    """A pattern on its true Q.

    Parameters
    ----------
    pattern : DataArray
    instrument : Instrument

    Returns
    -------
    DataArray
        As :meth:`sk_qdots.Instrument.correct` returns it; over Q alone, as it was, where there
        is nothing to correct.

    Raises
    ------
    PatternError
        If it was measured at another wavelength, or lacks the angles that zero and
        displacement need.
    TypeError
        If the instrument is none.
    """
    instrument = at_the_beam(pattern, instrument)
    stated = pattern.attrs.get("wavelength")
    source = source_of(pattern)
    if stated is not None and not is_same_beam(float(stated), instrument.wavelength):
        called = f" {instrument.name}" if instrument.name else ""
        raise PatternError(
            source,
            f"was measured at {float(stated):.6g} Angstrom, and the instrument{called} has "
            f"{instrument.wavelength:.6g}: give the instrument that it was measured with "
            "(--instrument), or none (--no-instrument)",
        )
    moved = instrument.zero != 0.0 or instrument.displacement != 0.0
    if "two_theta" not in pattern.coords and not moved:
        return pattern
    try:
        return instrument.correct(pattern)
    except ValueError as error:
        raise PatternError(source, f"{error}, or give no instrument (--no-instrument)") from None


def named_instrument(name: str | Path) -> Instrument:
    """Return an instrument by name or file, called as its file where it has no name.

    Parameters
    ----------
    name : str or path-like
        Of :func:`sk_qdots.load_instrument`.

    Returns
    -------
    Instrument

    Raises
    ------
    ValueError
        If there is none, or the file is no instrument.
    """
    found = load_instrument(name)
    return found if found.name else found.replace(name=Path(name).stem)


def read_at_the_beam(
    path: str, instrument: Instrument | None, reading: Mapping[str, Any]
) -> xr.DataArray:
    """A pattern, at the wavelength of the instrument where nothing else says it.

    Parameters
    ----------
    path : str
    instrument : Instrument or None
    reading : mapping
        What else :func:`sk_qdots.read_pattern` is told.

    Returns
    -------
    DataArray

    Raises
    ------
    PatternError
        If it cannot be read.
    """
    given = reading.get("wavelength") is not None or reading.get("energy") is not None
    if instrument is None or given or is_example(instrument):  # an example has nobody's wavelength
        return read_pattern(path, **reading)
    beam = {**reading, "wavelength": instrument.wavelength}
    if not Path(path).is_file():  # a pipe is read once
        return read_pattern(path, **beam)
    try:
        return read_pattern(path, **reading)
    except PatternError:
        return read_pattern(path, **beam)


def too_broad(
    instrument: Instrument, augmentation: Mapping[str, Json] | None, measured: FloatArray
) -> tuple[str, ...]:
    """Caution where an instrument is broader than those of the training.

    Parameters
    ----------
    instrument : Instrument
    augmentation : mapping or None
        What a sizer tells of its training.
    measured : ndarray of shape (n_measured,)
        Points of the pattern, in 1/Angstrom; compared is at the middle of their range.

    Returns
    -------
    tuple of str
        The reason and what to do, or nothing.
    """
    q = 0.5 * (float(measured[0]) + float(measured[-1]))
    width = float(width_in_q(instrument, q))
    try:
        trained = trained_width(augmentation, q)
    except (ValueError, KeyError, TypeError):  # of a sizer that tells it otherwise
        return ()
    if width <= max(trained, _HARMLESS):
        return ()
    seen = f"{trained:.2g} at most in its training" if trained else "none in its training"
    return (
        f"the instrument broadens lines by {width:.2g} 1/Angstrom at Q = {q:.2g}, and the sizer "
        f"saw {seen}: the dots may be larger than it says; train one for this instrument, "
        "plan_training(instrument=) or sk-qdots train --instrument",
    )

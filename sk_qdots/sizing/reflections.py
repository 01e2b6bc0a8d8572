"""Where a crystal has reflections, which a pattern must reach to say anything of a size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._typing import FloatArray
from ..instruments.standards import lines_of
from ..io import PatternError
from ..posterior.cache import fingerprint, kept_arrays, physics_stamp
from ..simulation import Crystal

__all__ = ["HOLE", "LEAST", "check_reflections", "distinct", "strong_reflections"]

LEAST = 2  # reflections that a pattern must hold
_STRONG = 0.05  # of the strongest, as a powder shows them over Q
_MOST_NODES = 20_000  # of the reciprocal lattice that are looked at
_APART = 0.1  # 1/Angstrom: nearer ones are one peak of small particles
_NAMED = 4
HOLE = 1.5  # of the coarsest step: a wider one was not measured


def strong_reflections(
    crystal: Crystal, q_max: float, wavelength: float, *, cache: bool = False
) -> FloatArray:
    """Q of the reflections that stand out of a pattern.

    Parameters
    ----------
    crystal : Crystal
    q_max : float
        In 1/Angstrom.
    wavelength : float
        In Angstrom.
    cache : bool, default=False
        Whether they are kept on disk, and taken from there.

    Returns
    -------
    ndarray of shape (n_reflections,)
        Ascending, in 1/Angstrom; of large cells only as far as there are some thousands.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing.reflections import strong_reflections
    >>> strong_reflections(sq.Crystal.builtin("PbS"), 3.6, 0.56).round(2).tolist()
    [1.83, 2.12, 2.99, 3.51]
    """
    if cache:
        key = fingerprint("reflections", physics_stamp(), crystal, q_max, wavelength)
        kept = kept_arrays(key, lambda: {"q": strong_reflections(crystal, q_max, wavelength)})
        return np.asarray(kept["q"], dtype=np.float64)
    countable = float(np.cbrt(6.0 * np.pi**2 * _MOST_NODES / crystal.cell_volume))
    lines = lines_of(crystal, 2.0 * np.pi / min(q_max, countable), wavelength)
    q = 2.0 * np.pi / lines.spacing
    shown = lines.strength / q**2
    return np.asarray(q[shown > _STRONG * shown.max(initial=0.0)])


def distinct(places: FloatArray) -> FloatArray:
    """Reflections that are apart from each other, the first of those that overlap.

    Parameters
    ----------
    places : ndarray of shape (n_reflections,)
        Ascending, in 1/Angstrom.

    Returns
    -------
    ndarray
    """
    kept: list[float] = []
    for place in places.tolist():
        if not kept or place - kept[-1] >= _APART:
            kept.append(place)
    return np.array(kept)


def check_reflections(
    q: FloatArray, reflections: Sequence[float], coarsest_step: float, name: str, source: str
) -> None:
    """Refuse a pattern in which the crystal has fewer than two reflections.

    Parameters
    ----------
    q : ndarray of shape (n_measured,)
        Points that were measured, in 1/Angstrom.
    reflections : sequence of float
        Of the crystal, ascending.
    coarsest_step : float
        Next to a reflection, in 1/Angstrom.
    name, source : str
        Of the sizer and of the pattern.

    Raises
    ------
    PatternError
        If there are too few.
    """
    every = np.asarray(reflections, dtype=np.float64)
    places = distinct(every)
    nearest = np.abs(np.subtract.outer(every, q)).min(axis=1)
    held = distinct(every[nearest <= HOLE * coarsest_step])
    if len(held) >= LEAST:
        return
    listed = ", ".join(f"{place:.2f}" for place in places[:_NAMED])
    beyond = ", ..." if len(places) > _NAMED else ""
    found = f"only one reflection, {held[0]:.2f}" if len(held) else "no reflection"
    raise PatternError(
        source,
        f"covers Q = {q[0]:.3g} to {q[-1]:.3g} 1/Angstrom, where {name} has {found}; it has them "
        f"at {listed}{beyond}, and a size needs two: measure such a range, and check the "
        "wavelength and whether the axis is two-theta or Q",
    )

"""Other crystals whose reflections lie where a pattern has them.

Peaks of dots that lie a per cent or three from those of a crystal may be those of another one on a
lattice of the same kind: PbSe instead of PbS, not another wavelength.
"""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from ..instruments.standards import lines_of
from ..simulation import Crystal
from .reference import Match, smooth_basis

__all__ = ["look_alikes", "or_another", "strain_anywhere"]

_NEAR = 0.007  # of Q: peaks of dots are no nearer to those of their crystal
_STRONG = 0.05  # of the strongest, as a powder shows them over Q
_FAR = 4.0  # 1/Angstrom, beyond which every crystal has a line everywhere
_ROOM = 1.2  # of a range, for what another cell brings into it
_FURTHER = np.linspace(-0.045, 0.045, 91)  # strains that are tried
_FLOOR = 1e-3  # of the largest intensity: what is less has no smaller noise
_FEWEST = 2  # strong reflections that must be there


def look_alikes(
    crystal: str, strain: float, q: FloatArray, wavelength: float | None = None
) -> tuple[str, ...]:
    """Built-in crystals that have reflections where a pattern has peaks.

    Parameters
    ----------
    crystal : str
        Built-in one that the pattern was compared with.
    strain : float
        By which its cell had to be stretched.
    q : ndarray of shape (n_measured,)
        Ascending, in 1/Angstrom.
    wavelength : float, optional
        In Angstrom.

    Returns
    -------
    tuple of str
        Names, the nearest first; empty where the crystal is none of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.sizing.look_alikes import look_alikes
    >>> look_alikes("PbS", 0.032, np.linspace(1.0, 8.0, 3000))
    ('PbSe',)
    """
    names = Crystal.builtin_names()
    if crystal not in names:
        return ()
    beam = 0.56 if wavelength is None else float(wavelength)
    own = _reflections(crystal, beam)[0] / (1.0 + strain)
    volume = Crystal.builtin(crystal).cell_volume * (1.0 + strain) ** 3
    found = []
    for name in names:
        ratio = Crystal.builtin(name).cell_volume / volume
        if name == crystal or abs(np.log(ratio)) > 3.0 * _NEAR:
            continue  # of another kind of lattice, or of another size
        strong = _within(_reflections(name, beam)[1], q)
        apart = _farthest(strong, own) if len(strong) >= _FEWEST else np.inf
        if apart < _NEAR:
            found.append((apart, name))
    return tuple(name for _, name in sorted(found))


def strain_anywhere(match: Match) -> float:
    """The strain at which what was fitted explains most, within and beyond what was asked for.

    Parameters
    ----------
    match : Match
        Of a fit whose strain was held within a range.
    """
    q, weights = match.q, 1.0 / np.sqrt(np.maximum(match.measured, _FLOOR * match.measured.max()))
    basis = np.linalg.qr(smooth_basis(q) * weights[:, None])[0]

    def structure(row: FloatArray) -> FloatArray:
        weighted = row * weights
        return np.asarray(weighted - basis @ (basis.T @ weighted))

    target, dots = structure(match.measured), match.simulated - match.background
    explained = []
    for further in _FURTHER:
        shaped = structure(np.interp(q * (1.0 + further), q, dots))
        overlap = max(float(target @ shaped), 0.0)
        explained.append(overlap**2 / max(float(shaped @ shaped), 1e-300))
    return match.strain + float(_FURTHER[int(np.argmax(explained))])


def or_another(names: tuple[str, ...]) -> str:
    """What to say of them, behind what is wrong; nothing where there are none."""
    if not names:
        return ""
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"; {listed} would have peaks there: size it as such if it may be one (--crystal)"


def _reflections(name: str, wavelength: float) -> tuple[FloatArray, FloatArray]:
    """Q of all reflections, and of those that stand out."""
    lines = lines_of(Crystal.builtin(name), 2.0 * np.pi / (_ROOM * _FAR), wavelength)
    q = 2.0 * np.pi / lines.spacing
    shown = lines.strength / q**2
    return np.asarray(q), np.asarray(q[shown > _STRONG * shown.max(initial=0.0)])


def _within(places: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(places[(places > q[0]) & (places < min(float(q[-1]), _FAR))])


def _farthest(places: FloatArray, from_: FloatArray) -> float:
    """How far any of some places is from the nearest of others, relative."""
    apart = np.abs(np.subtract.outer(places, from_)).min(axis=1) / places
    return float(apart.max())

"""Which other crystals would explain a pattern.

A quick look at all built-in crystals, without their Debye sums: the lines of a powder, as wide as
those of a sphere, are compared with the structure of the pattern as the simulated pattern of the
sizer is (:mod:`sk_qdots.sizing.reference`). Of spheres of 2.5 to 7 nm that explains 0.97 to 0.99.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .._typing import FloatArray
from ..instruments.standards import lines_of
from ..simulation import Crystal
from .reference import PEAK_WIDTH, Match, share_explained, smooth_basis

__all__ = ["FWHM", "agreements", "as_well", "listed", "look_alikes", "or_another"]

_DIAMETERS = (1.8, 2.4, 3.2, 4.2, 5.6, 7.5, 10.0)  # nm, of which one is near enough
_STEP, _SHIFTS = 0.0015, 8  # of ln Q; strains that are tried, either way, in such steps
_FAR = 6.5  # 1/Angstrom: peaks beyond tell no crystal that those below do not
_WEAKEST = 0.003  # of the strongest line
_FLOOR = 1e-3  # of the largest intensity: what is less has no smaller noise
_GOOD, _BETTER = 0.9, 0.05  # of an agreement, and that of the crystal that was asked for
_SHORT = 3.5  # 1/Angstrom: a range that ends there may hold two peaks, which many crystals have
_AS_WELL = 0.02  # of an agreement
_MOST = 3  # that are named
_USUAL_WAVELENGTH = 0.56  # Angstrom; lines of atoms hardly depend on it
_ANGSTROM = 10.0  # in a nanometre
FWHM = 2.3548  # of a Gaussian, in standard deviations


def agreements(
    q: FloatArray, measured: FloatArray, wavelength: float | None = None
) -> dict[str, float]:
    """How much of a pattern each built-in crystal explains.

    Parameters
    ----------
    q, measured : ndarray of shape (n_measured,)
        Ascending, in 1/Angstrom; above zero.
    wavelength : float, optional
        In Angstrom.

    Returns
    -------
    dict of str to float
        Agreements, between 0 and 1, the largest first; empty where there is nothing to explain
        below 6.5 1/Angstrom.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing.look_alikes import agreements
    >>> one = {"diameters": [4.0], "dispersions": [0.1], "strains": [0.0], "progress": False}
    >>> pattern = sq.library_samples(sq.simulate_library("PbSe", **one))[0][0]
    >>> found = agreements(pattern.q.values, pattern.values)
    >>> next(iter(found)), found["PbSe"] > 0.95, found["PbS"] < 0.6
    ('PbSe', True, True)
    """
    kept = q < _FAR
    q, measured = q[kept], measured[kept]
    if len(q) < 2 or not measured.max() > 0.0:
        return {}
    # Over ln Q a strain is a shift. Beyond the ends are the points that it brings in.
    logs = np.arange(np.log(q[0]), np.log(q[-1]), _STEP)
    measured = _means(q, measured, logs)
    beyond = np.arange(-_SHIFTS, _SHIFTS + 1)
    places = np.exp(logs[0] + _STEP * np.arange(-_SHIFTS, len(logs) + _SHIFTS))
    weights = 1.0 / np.sqrt(np.maximum(measured, _FLOOR * measured.max()))
    basis = np.linalg.qr(smooth_basis(np.exp(logs)) * weights[:, None])[0]
    target = measured * weights
    structure = target - basis @ (basis.T @ target)
    found = {}
    for name in Crystal.builtin_names():
        lines, strengths = _lines(name, wavelength or _USUAL_WAVELENGTH)
        explained = 0.0
        for diameter in _DIAMETERS:
            deviation = PEAK_WIDTH / (_ANGSTROM * diameter) / FWHM
            peaks = np.exp(-0.5 * ((places[:, None] - lines) / deviation) ** 2) @ strengths
            shifted = np.stack([peaks[_SHIFTS + k : _SHIFTS + k + len(logs)] for k in beyond])
            shifted *= weights
            shifted -= (shifted @ basis) @ basis.T
            overlap = np.maximum(shifted @ structure, 0.0)
            norm = np.einsum("ij,ij->i", shifted, shifted)
            explained = max(explained, float((overlap**2 / np.maximum(norm, 1e-300)).max()))
        found[name] = share_explained(explained, structure, target)
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def look_alikes(match: Match, crystal: str, wavelength: float | None = None) -> dict[str, float]:
    """Built-in crystals that explain a pattern well, and better than the one that was asked for.

    As powders without texture: a fit whose reflections are free explains nearly all of others, too.

    Parameters
    ----------
    match : Match
        With the crystal that was asked for.
    crystal : str
        Its name.
    wavelength : float, optional
        In Angstrom.

    Returns
    -------
    dict of str to float
        Names and agreements, the best first.
    """
    found = agreements(match.q, match.measured, wavelength)
    least = max(_GOOD, min(match.agreement, found.get(crystal, match.agreement)) + _BETTER)
    return {name: value for name, value in found.items() if value >= least and name != crystal}


def as_well(match: Match, crystal: str, wavelength: float | None = None) -> dict[str, float]:
    """Built-in crystals that explain a pattern as well as its own, where little was measured.

    Parameters
    ----------
    match : Match
        With the crystal that was asked for.
    crystal : str
        Its name.
    wavelength : float, optional
        In Angstrom.

    Returns
    -------
    dict of str to float
        Names and agreements, the best first; empty for a range that ends beyond 3.5 1/Angstrom.
    """
    if match.q[-1] > _SHORT:
        return {}
    found = agreements(match.q, match.measured, wavelength)
    least = max(_GOOD, found.get(crystal, match.agreement) - _AS_WELL)
    return {name: value for name, value in found.items() if value >= least and name != crystal}


def or_another(found: Mapping[str, float]) -> str:
    """What to say of them, behind what is wrong; nothing where there are none."""
    if not found:
        return ""
    return f"; {listed(found)} would explain it: size it as such if it may be one (--crystal)"


def listed(found: Mapping[str, float]) -> str:
    """The first few names, with their agreements."""
    told = [f"{name} ({value:.2f})" for name, value in list(found.items())[:_MOST]]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} or {told[-1]}"


def _means(q: FloatArray, measured: FloatArray, logs: FloatArray) -> FloatArray:
    """Means of a pattern around places that are even over ln Q."""
    steps = 0.5 * (measured[1:] + measured[:-1]) * np.diff(q)
    whole = np.concatenate([[0.0], np.cumsum(steps)])
    ends = np.exp(np.append(logs - 0.5 * _STEP, logs[-1] + 0.5 * _STEP)).clip(q[0], q[-1])
    return np.asarray(np.diff(np.interp(ends, q, whole)) / np.diff(ends))


def _lines(name: str, wavelength: float) -> tuple[FloatArray, FloatArray]:
    """Q of the lines of a powder, and their strengths over Q."""
    farthest = _FAR * (1.0 + 2.0 * _STEP * _SHIFTS)
    lines = lines_of(Crystal.builtin(name), 2.0 * np.pi / farthest, wavelength)
    q = 2.0 * np.pi / lines.spacing
    shown = lines.strength / q**2
    kept = shown > _WEAKEST * shown.max(initial=0.0)
    return np.asarray(q[kept]), np.asarray(shown[kept])

"""Standards whose lattice is known, and where their lines lie.

LaB6 [1]_ and Si [2]_ are certified for the positions of lines. CeO2 [3]_ and alumina [4]_ are
standards of phase fractions, whose lattice NIST tells beside; its uncertainty is taken to be that
of the others.

References
----------
.. [1] NIST, certificate of SRM 660c (LaB6): a = 0.415 682 6 nm +- 0.000 008 nm (k = 2), 22.5 C.
.. [2] NIST, certificate of SRM 640f (Si): a = 0.543 114 4 nm +- 0.000 008 nm (k = 2), 22.5 C.
.. [3] NIST, certificate of SRM 674b (CeO2 among others): a = 0.541 165 1 nm.
.. [4] NIST, certificate of SRM 676a (alpha-Al2O3): a = 0.475 909 1 nm, c = 1.299 177 9 nm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray
from ..simulation import Crystal, Sublattice
from ..simulation.scattering_factors import debye_waller_factor, form_factor

__all__ = ["STANDARDS", "Lines", "Standard", "lines_of", "standard_named"]

_WEAKEST = 1e-4  # of the strongest structure factor, with its multiplicity: no line
_SAME_SPACING = 1e-6  # relative: lines of one spacing
_MOST_INDICES = 60  # along an axis


@dataclass(frozen=True)
class Standard:
    """A powder whose lattice is known.

    Parameters
    ----------
    crystal : Crystal
        With the certified lattice.
    certificate : str
        Where the lattice is from.
    uncertainty : float
        Relative standard uncertainty of the lattice.
    """

    crystal: Crystal
    certificate: str
    uncertainty: float = 1e-5


@dataclass(frozen=True)
class Lines:
    """Lines of a powder.

    Parameters
    ----------
    indices : tuple of tuple of 3 int
        One of the reflections of each line.
    spacing : ndarray of shape (n_lines,)
        In Angstrom, descending.
    strength : ndarray of shape (n_lines,)
        Multiplicity times the squared structure factor, at most 1.
    """

    indices: tuple[tuple[int, int, int], ...]
    spacing: FloatArray
    strength: FloatArray


def _cubic(name: str, a: float, sites: Sequence[tuple[str, tuple[float, ...], float]]) -> Crystal:
    vectors = ((a, 0.0, 0.0), (0.0, a, 0.0), (0.0, 0.0, a))
    return Crystal(name, vectors, _sites(np.array(vectors), sites))


def _sites(
    vectors: FloatArray, sites: Sequence[tuple[str, tuple[float, ...], float]]
) -> tuple[Sublattice, ...]:
    return tuple(
        Sublattice(element, (float(x), float(y), float(z)), b_iso=b)
        for element, place, b in sites
        for x, y, z in [np.asarray(place) @ vectors]
    )


def _face_centred(*places: tuple[float, float, float]) -> list[tuple[float, float, float]]:
    centres = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)]
    return [
        tuple(float((p + c) % 1.0) for p, c in zip(place, centre, strict=True))  # type: ignore[misc]
        for place in places
        for centre in centres
    ]


def _corundum() -> Crystal:
    """Alpha-alumina in hexagonal axes: Al in 12c, z = 0.35216; O in 18e, x = 0.30624."""
    a, c = 4.759091, 12.991779
    vectors = ((a, 0.0, 0.0), (-a / 2.0, a * np.sqrt(3.0) / 2.0, 0.0), (0.0, 0.0, c))
    z, x = 0.35216, 0.30624
    al = [(0.0, 0.0, s) for s in (z, 0.5 - z, -z, 0.5 + z)]
    o = [
        (x, 0.0, 0.25),
        (0.0, x, 0.25),
        (-x, -x, 0.25),
        (-x, 0.0, 0.75),
        (0.0, -x, 0.75),
        (x, x, 0.75),
    ]
    centres = [(0.0, 0.0, 0.0), (2 / 3, 1 / 3, 1 / 3), (1 / 3, 2 / 3, 2 / 3)]
    sites = [
        (element, tuple((p + q) % 1.0 for p, q in zip(place, centre, strict=True)), 0.3)
        for element, places in (("Al", al), ("O", o))
        for place in places
        for centre in centres
    ]
    return Crystal("Al2O3", vectors, _sites(np.array(vectors), sites))


STANDARDS = {
    "LaB6": Standard(
        _cubic(
            "LaB6",
            4.156826,
            [
                ("La", (0.0, 0.0, 0.0), 0.35),
                *[
                    ("B", place, 0.35)
                    for place in (
                        (0.1996, 0.5, 0.5),
                        (0.8004, 0.5, 0.5),
                        (0.5, 0.1996, 0.5),
                        (0.5, 0.8004, 0.5),
                        (0.5, 0.5, 0.1996),
                        (0.5, 0.5, 0.8004),
                    )
                ],
            ],
        ),
        "NIST SRM 660c, a = 4.156826 Angstrom at 22.5 C",
    ),
    "CeO2": Standard(
        _cubic(
            "CeO2",
            5.411651,
            [
                *[("Ce", place, 0.3) for place in _face_centred((0.0, 0.0, 0.0))],
                *[
                    ("O", place, 0.45)
                    for place in _face_centred((0.25, 0.25, 0.25), (0.75, 0.75, 0.75))
                ],
            ],
        ),
        "NIST SRM 674b, a = 5.411651 Angstrom",
    ),
    "Si": Standard(
        _cubic(
            "Si",
            5.431144,
            [("Si", place, 0.5) for place in _face_centred((0.0, 0.0, 0.0), (0.25, 0.25, 0.25))],
        ),
        "NIST SRM 640f, a = 5.431144 Angstrom at 22.5 C",
    ),
    "Al2O3": Standard(_corundum(), "NIST SRM 676a, a = 4.759091, c = 12.991779 Angstrom"),
}


def standard_named(standard: str | Crystal) -> Standard:
    """Return a standard of NIST by its name, or a crystal as one."""
    if isinstance(standard, Crystal):
        return Standard(standard, f"the lattice of {standard.name} as given", uncertainty=0.0)
    for name, known in STANDARDS.items():
        if isinstance(standard, str) and standard.casefold() == name.casefold():
            return known
    raise ValueError(
        f"standard is {standard!r}; it must be one of {', '.join(STANDARDS)}, or a Crystal"
    )


def lines_of(crystal: Crystal, shortest: float, wavelength: float) -> Lines:
    """Lines of a powder down to a spacing, at a wavelength, both in Angstrom."""
    nodes = np.array(crystal.vectors)
    lengths = np.linalg.norm(nodes, axis=1)
    n = np.minimum(np.ceil(lengths / shortest).astype(int), _MOST_INDICES)
    grid = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in n), indexing="ij"), axis=-1)
    wave = 2.0 * np.pi * grid.reshape(-1, 3) @ np.linalg.inv(nodes).T
    q = np.linalg.norm(wave, axis=1)
    indices = np.rint(wave @ np.array(crystal.cell).T / (2.0 * np.pi)).astype(int)
    kept = (q > 0.0) & (q <= 2.0 * np.pi / shortest)
    indices, wave, q = indices[kept], wave[kept], q[kept]
    amplitude = np.zeros(len(q), dtype=np.complex128)
    for site in crystal.sublattices:
        factor = form_factor(site.element, q, wavelength) * debye_waller_factor(site.b_iso, q)
        amplitude += site.occupancy * factor * np.exp(1j * wave @ np.asarray(site.offset))
    power = np.abs(amplitude) ** 2
    order = np.lexsort((-indices.sum(axis=1), q))
    indices, q, power = indices[order], q[order], power[order]
    if not len(q):
        return Lines((), np.empty(0), np.empty(0))
    first = np.flatnonzero(np.diff(q, prepend=-1.0) > _SAME_SPACING * q)
    total = np.add.reduceat(power, first)
    strong = total > _WEAKEST * total.max(initial=0.0)
    return Lines(
        tuple(tuple(int(v) for v in indices[k]) for k in first[strong]),  # type: ignore[misc]
        np.asarray(2.0 * np.pi / q[first[strong]]),
        np.asarray(total[strong] / total.max(initial=1e-300)),
    )

"""Patterns of crystals that a sizer is not for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import xarray as xr

from .._typing import FloatArray
from ..augmentation import Background, PoissonNoise
from ..instruments.standards import lines_of
from ..model_selection import measured_samples
from ..preprocessing.patterns import area
from ..simulation import Crystal
from ..simulation.crystal import as_crystal
from ..sizing.look_alikes import FWHM
from ..sizing.reference import PEAK_WIDTH

__all__ = ["foreign_names", "other_dots", "other_powders"]

_SIZES = (2000, 3000, 4000, 5000, 6000)  # pm
_DISPERSIONS = (0.08, 0.15)
_LEAST_NODES = 3.0  # diameters of a node, that a sphere must have
_BULK = (25.0, 60.0)  # nm
_BACKGROUND, _SCALE = 0.3, 30.0  # of powders: share, and counts a unit of intensity
_AREA = 1000.0


def foreign_names(crystal: str | Crystal) -> tuple[str, ...]:
    """Built-in crystals of other elements than a sizer's."""
    own = _elements(as_crystal(crystal))
    return tuple(
        name for name in Crystal.builtin_names() if _elements(Crystal.builtin(name)) != own
    )


def other_dots(
    crystal: str | Crystal,
    curves: Mapping[str, xr.DataArray],
    q: FloatArray,
    wavelength: float,
    seed: int,
    n: int,
) -> xr.DataArray:
    """Spheres of 2 to 6 nm of other crystals, in liquids.

    Parameters
    ----------
    crystal : Crystal or str
        That of the sizer.
    curves : mapping of str to DataArray
        Liquids.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength : float
        In Angstrom.
    seed, n : int
        Seed and number of patterns, as many of each crystal.

    Returns
    -------
    DataArray of shape (n, n_q)
        ``what`` is the crystal, and truths are NaN.
    """
    rows, names = [], []
    for k, (name, m) in enumerate(_shared(crystal, n)):
        # Spheres of large cells are too few below for a narrow population.
        least = _LEAST_NODES * 1000.0 * Crystal.builtin(name).node_diameter
        sizes = [size for size in np.roll(_SIZES, k).tolist() if size > least]
        X, _ = measured_samples(
            sizes,
            m,
            solvents=curves,
            q=q,
            random_state=_seed(seed, name),
            crystal=name,
            wavelength=wavelength,
            dispersions=_DISPERSIONS,
            strains=(0.0,),
        )
        rows.append(X.values)
        names += [name] * m
    return _without_truth(np.concatenate(rows), names, q, wavelength)


def other_powders(
    crystal: str | Crystal,
    curves: Mapping[str, xr.DataArray],
    q: FloatArray,
    wavelength: float,
    seed: int,
    n: int,
) -> xr.DataArray:
    """Particles of 25 to 60 nm of other crystals, dry, with a background; by their lines.

    Parameters and what is returned are those of :func:`other_dots`.
    """
    rng = np.random.default_rng(_seed(seed, "powders"))
    rows, names = [], []
    for name, m in _shared(crystal, n):
        lines = lines_of(Crystal.builtin(name), 2.0 * np.pi / float(q[-1]), wavelength)
        places = 2.0 * np.pi / lines.spacing
        for diameter in rng.uniform(*_BULK, m):
            deviation = PEAK_WIDTH / (10.0 * diameter) / FWHM
            peaks = np.exp(-0.5 * ((q[:, None] - places) / deviation) ** 2)
            rows.append(peaks @ (lines.strength / places**2))
            names.append(name)
    dry = np.array(rows)
    X = _without_truth(dry * (_AREA / area(dry, q))[:, None], names, q, wavelength)
    drawn = _seed(seed, "background and counts")
    behind = Background(fraction=_BACKGROUND, random_state=drawn)
    counted = PoissonNoise(scale=_SCALE, random_state=drawn)
    return counted.fit(X).transform(behind.fit(X).transform(X))


def _shared(crystal: str | Crystal, n: int) -> list[tuple[str, int]]:
    """How many patterns of which crystal, those without any left out."""
    names = foreign_names(crystal)
    counts = [(name, n // len(names) + (k < n % len(names))) for k, name in enumerate(names)]
    return [(name, count) for name, count in counts if count]


def _without_truth(
    values: FloatArray, names: list[str], q: FloatArray, wavelength: float
) -> xr.DataArray:
    unknown = np.full(len(values), np.nan)
    return xr.DataArray(
        values,
        dims=("sample", "q"),
        coords={
            "q": ("q", q, {"units": "1/Angstrom"}),
            "number_diameter": ("sample", unknown),
            "volume_diameter": ("sample", unknown),
            "what": ("sample", names),
        },
        attrs={"wavelength": wavelength},
    )


def _seed(seed: int, what: str) -> int:
    return zlib.crc32(f"{seed} {what}".encode()) % 2**31


def _elements(crystal: Crystal) -> frozenset[str]:
    return frozenset(site.element for site in crystal.sublattices)

"""A library of simulated patterns over diameter, dispersion and strain.

A few strains are one task: their pair sums cost one non-uniform Fourier transform,
their populations one matrix product. All tasks share one distance table, since an
isotropic strain only scales Q.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from importlib.metadata import version
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .clusters import sphere_series
from .crystal import Crystal
from .debye import AtomicFactors, _checked_q, pair_sums
from .distances import DistanceTable, distance_table
from .populations import lognormal_upper_diameter, lognormal_weights

__all__ = ["default_q_grid", "simulate_library"]

# The published library (Allara, Bertolotti, Guagliardi 2024): 17 x 4 x 19 patterns.
_DIAMETERS = tuple(np.arange(2.0, 10.5, 0.5))
_DISPERSIONS = (0.05, 0.10, 0.15, 0.20)
_STRAINS = tuple(np.linspace(-0.0025, 0.0051, 19))
_STRAINS_A_TASK = 5  # fixed, so that the result does not depend on the number of workers


def default_q_grid() -> npt.NDArray[np.float64]:
    """Return the published grid: Q_k = 0.99 + 0.0028 k, k = 0..5003, in 1/Angstrom.

    Returns
    -------
    ndarray of shape (5004,)

    Examples
    --------
    >>> from sk_qdots import default_q_grid
    >>> q = default_q_grid()
    >>> len(q), float(q[0]), round(float(q[-1]), 3)
    (5004, 0.99, 14.998)
    """
    return 0.99 + 0.0028 * np.arange(5004, dtype=np.float64)


def simulate_library(
    crystal: Crystal | str,
    *,
    diameters: npt.ArrayLike = _DIAMETERS,
    dispersions: npt.ArrayLike = _DISPERSIONS,
    strains: npt.ArrayLike = _STRAINS,
    q: npt.ArrayLike | None = None,
    wavelength: float = 0.56,
    shape: Literal["sphere"] = "sphere",
    compton: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Simulate the patterns of lognormal populations of nanocrystals.

    Parameters
    ----------
    crystal : Crystal or str
        A crystal, or the name of a built-in one.
    diameters : array-like of shape (n_diameters,)
        Number averages of the lognormal distribution, in nm.
    dispersions : array-like of shape (n_dispersions,)
        Standard deviation / mean, as fractions.
    strains : array-like of shape (n_strains,)
        Isotropic (a - a_bulk) / a_bulk, as fractions.
    q : array-like of shape (n_q,), optional
        Ascending, in 1/Angstrom; :func:`default_q_grid` by default.
    wavelength : float, default=0.56
        In Angstrom. The anomalous terms and Compton scattering depend on it.
    shape : {"sphere"}, default="sphere"
        Shape of the particles.
    compton : bool, default=True
        Whether to include incoherent scattering.
    n_jobs : int, optional
        Number of joblib workers, one by default. The result does not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        ``intensity(diameter, dispersion, strain, q)``, float32, in electron
        units per formula unit; ``mean_diameter(diameter, dispersion)``, what the
        discrete series makes of the nominal diameter, in nm; parameters and
        versions in ``attrs``.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[2.0, 3.0], dispersions=[0.1], strains=[0.0])
    >>> dict(library.sizes)
    {'diameter': 2, 'dispersion': 1, 'strain': 1, 'q': 5004}
    """
    if isinstance(crystal, str):
        crystal = Crystal.builtin(crystal)
    if shape != "sphere":
        raise ValueError(f"shape is {shape!r}; known: 'sphere'")
    diameter_values = _axis(diameters, "diameters", 0.0, np.inf)
    dispersion_values = _axis(dispersions, "dispersions", 0.0, 1.0)
    strain_values = _axis(strains, "strains", -0.5, 0.5)
    q_values = _checked_q(np.asarray(default_q_grid() if q is None else q, dtype=np.float64))
    if np.any(np.diff(q_values) <= 0):
        raise ValueError("q must be strictly ascending")

    largest = lognormal_upper_diameter(float(diameter_values.max()), float(dispersion_values.max()))
    table = distance_table(sphere_series(crystal, largest))
    weights = np.array(
        [
            lognormal_weights(table.diameters, mean, dispersion)
            for mean, dispersion in itertools.product(diameter_values, dispersion_values)
        ]
    )
    factors = AtomicFactors(table, q_values, wavelength=wavelength, compton=compton)
    chunks = [
        strain_values[start : start + _STRAINS_A_TASK]
        for start in range(0, len(strain_values), _STRAINS_A_TASK)
    ]
    tasks = (
        delayed(_population_intensity)(table, factors, weights, q_values, chunk) for chunk in chunks
    )
    patterns: Iterable[npt.NDArray[np.float32]] = Parallel(n_jobs=n_jobs, return_as="generator")(
        tasks
    )
    shape_out = (len(diameter_values), len(dispersion_values), len(strain_values), len(q_values))
    intensity = np.empty(shape_out, dtype=np.float32)
    done = 0
    with tqdm(
        total=len(strain_values),
        desc=f"Debye sums {crystal.name}",
        unit="strain",
        disable=not progress,
    ) as bar:
        for pattern in patterns:
            n_strains = pattern.shape[1]
            intensity[:, :, done : done + n_strains] = pattern.reshape(
                *shape_out[:2], n_strains, -1
            )
            done += n_strains
            bar.update(n_strains)

    return xr.Dataset(
        {
            "intensity": (
                ("diameter", "dispersion", "strain", "q"),
                intensity,
                {"long_name": "scattered intensity", "units": "electron units per formula unit"},
            ),
            "mean_diameter": (
                ("diameter", "dispersion"),
                (weights @ table.diameters).reshape(shape_out[:2]),
                {"long_name": "number average over the clusters of the series", "units": "nm"},
            ),
        },
        coords={
            "diameter": (
                "diameter",
                diameter_values,
                {"long_name": "number-average diameter", "units": "nm"},
            ),
            "dispersion": (
                "dispersion",
                dispersion_values,
                {"long_name": "standard deviation / mean of the diameter", "units": "1"},
            ),
            "strain": (
                "strain",
                strain_values,
                {"long_name": "isotropic strain (a - a_bulk) / a_bulk", "units": "1"},
            ),
            "q": ("q", q_values, {"long_name": "Q", "units": "1/Angstrom"}),
        },
        attrs={
            "crystal": crystal.name,
            "crystal_reference": crystal.reference,
            "b_iso": [s.b_iso for s in crystal.sublattices],
            "elements": [s.element for s in crystal.sublattices],
            "wavelength": float(wavelength),
            "shape": shape,
            "compton": int(compton),
            "size_distribution": "lognormal over cluster diameters, number-weighted",
            "n_clusters": len(table.n_nodes),
            "sk_qdots_version": version("sk_qdots"),
        },
    )


def _population_intensity(
    table: DistanceTable,
    factors: AtomicFactors,
    weights: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
    strains: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Intensity per formula unit, (population, strain, q), of every row of weights."""
    stretched = np.concatenate([q * (1.0 + strain) for strain in strains])
    with threadpool_limits(1):  # a threaded product would depend on the number of threads
        sums = [
            (weights @ s).reshape(len(weights), len(strains), len(q))
            for s in pair_sums(table, stretched)
        ]
        n_nodes = np.repeat((weights @ table.n_nodes)[:, None], len(strains), axis=1)
        intensity = factors.intensity(n_nodes, sums)
    per_formula_unit = n_nodes * table.crystal.formula_units
    return (intensity / per_formula_unit[:, :, None]).astype(np.float32)


def _axis(values: npt.ArrayLike, name: str, lower: float, upper: float) -> npt.NDArray[np.float64]:
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a non-empty one-dimensional sequence")
    wrong = array[~((array > lower) & (array <= upper) & np.isfinite(array))]
    if wrong.size:
        raise ValueError(f"{name} holds {wrong[0]}; every value must lie in ({lower}, {upper}]")
    if len(np.unique(array)) != len(array):
        raise ValueError(f"{name} holds the same value more than once")
    return array

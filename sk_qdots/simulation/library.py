"""A library of simulated patterns over diameter, dispersion and strain (and B, and shape).

A few strains of one shape are one task: a strain's pair sums cost one non-uniform
Fourier transform, its populations one matrix product. All tasks of a shape share one
distance table, since an isotropic strain only scales Q. What a task computes does not
depend on who computes it, so the library is the same for any number of workers and
after any interruption.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .checks import axis_values, positive
from .clusters import Fill, homologous_series
from .crystal import Crystal, as_crystal
from .debye import AtomicFactors, checked_q, pair_sums
from .distances import DistanceTable, distance_table
from .library_files import NetCDFLibrary, ZarrLibrary, fingerprint, library_file
from .moments import Weighting, lognormal_upper_diameter, normal_upper_diameter
from .populations import lognormal_weights, normal_weights
from .q_grid import default_q_grid
from .shapes import Shape, as_shape

__all__ = ["simulate_library"]

# The published library (Allara, Bertolotti, Guagliardi 2024): 17 x 4 x 19 patterns.
_DIAMETERS = tuple(np.arange(2.0, 10.5, 0.5).tolist())
_DISPERSIONS = (0.05, 0.10, 0.15, 0.20)
_STRAINS = tuple(np.linspace(-0.0025, 0.0051, 19).tolist())
# A task's size is fixed by the library alone, so that the result does not depend on the workers.
_STRAINS_A_TASK = 5
_TASK_BYTES = 2**26
_PACKAGES = ("sk_qdots", "numpy", "scipy", "finufft", "gemmi", "xraydb", "xraylib")
_DISTRIBUTIONS = {
    "lognormal": (lognormal_weights, lognormal_upper_diameter),
    "normal": (normal_weights, normal_upper_diameter),
}

Distribution = Literal["lognormal", "normal"]


def simulate_library(
    crystal: Crystal | str | DistanceTable,
    *,
    diameters: npt.ArrayLike = _DIAMETERS,
    dispersions: npt.ArrayLike = _DISPERSIONS,
    strains: npt.ArrayLike = _STRAINS,
    b_iso: Sequence[float] | npt.NDArray[np.float64] | None = None,
    q: npt.ArrayLike | None = None,
    wavelength: float = 0.56,
    shape: str | Shape | Sequence[str | Shape] = "sphere",
    fill: Fill = "volume",
    distribution: Distribution = "lognormal",
    weighting: Weighting = "number",
    compton: bool = True,
    path: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Simulate the patterns of populations of nanocrystals.

    Parameters
    ----------
    crystal : Crystal, str or DistanceTable
        A crystal, the name of a built-in one, or the distance table of a series of
        particles (then ``shape`` and ``fill`` do not apply).
    diameters : array-like of shape (n_diameters,)
        Means of the size distribution, in nm.
    dispersions : array-like of shape (n_dispersions,)
        Standard deviation / mean, fractions in (0, 1].
    strains : array-like of shape (n_strains,)
        Isotropic (a - a_bulk) / a_bulk, fractions in (-0.2, 0.2]. For a strain along
        one axis simulate ``crystal.strained(...)``.
    b_iso : array-like of shape (n_b_iso,), optional
        Displacement parameters in Angstrom^2, one after the other for all atoms; adds
        the dimension ``b_iso``. The crystal's own by default.
    q : array-like of shape (n_q,), optional
        Ascending, in 1/Angstrom; :func:`default_q_grid` by default, which ends beyond
        what a copper tube reaches.
    wavelength : float, default=0.56
        In Angstrom; f', f'' and the Compton scattering depend on it.
    shape : str, Shape or sequence of these, default="sphere"
        Shape of the particles; a sequence adds the dimension ``shape``.
    fill : {"volume", "cells", "atoms"}, default="volume"
        How particles are cut (:func:`sk_qdots.simulation.cut_cluster`): as many whole
        cells as the volume holds, the outermost shell filled in part, as in the
        published library; the whole cells at the nodes inside the surface; or the
        atoms inside it.
    distribution : {"lognormal", "normal"}, default="lognormal"
    weighting : {"number", "volume"}, default="number"
        Whether ``diameters`` and ``dispersions`` are those of the number- or of the
        volume-weighted distribution.
    compton : bool, default=True
        Whether to add the incoherent scattering.
    path : str or path-like, optional
        Where to write the library: a netCDF file (``.nc``), written when it is
        complete (to be read with ``xarray.open_dataset``), or a Zarr store
        (``.zarr``), written chunk by chunk for libraries larger than memory (to be
        read with ``xarray.open_zarr(path, consolidated=False)``). A Zarr
        store that was interrupted holds NaN where it is not finished; the same call
        finishes it, and it comes out bit for bit as without the interruption.
    n_jobs : int, optional
        Number of joblib workers; -1 for all processors. The result does not depend
        on it, nor on the backend that ``joblib.parallel_config`` sets.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        ``intensity(diameter, dispersion, strain, q)``, float32, in electron units
        per formula unit, with ``shape`` and ``b_iso`` in front where given, and
        ``mean_diameter``, the number average over the particles. Read lazily from
        ``path`` where that is a Zarr store.

    Raises
    ------
    ValueError
        If an axis is empty, out of range or holds the same value twice, the crystal
        or shape is not known, q is beyond 4 pi / wavelength, the particles are too
        coarse for the distribution, or ``path`` holds something else.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> dict(library.intensity.sizes)
    {'diameter': 1, 'dispersion': 1, 'strain': 1, 'q': 5004}
    """
    axes = {
        "diameter": axis_values(diameters, "diameters", 0.0, np.inf),
        "dispersion": axis_values(dispersions, "dispersions", 0.0, 1.0),
        "strain": axis_values(strains, "strains", -0.2, 0.2),
        "q": checked_q(np.asarray(default_q_grid() if q is None else q, dtype=np.float64)),
    }
    longest = 4.0 * np.pi / positive("wavelength", wavelength, "Angstrom")
    if q is None and axes["q"][-1] > longest:
        raise ValueError(
            f"the default grid reaches q = {axes['q'][-1]:.4g} 1/Angstrom, beyond 4 pi / "
            f"wavelength = {longest:.4g}; give q, such as numpy.linspace(1, {0.95 * longest:.3g}, "
            "2000)"
        )
    if np.any(np.diff(axes["q"]) <= 0):
        raise ValueError("q must be strictly ascending")
    if distribution not in _DISTRIBUTIONS:
        raise ValueError(f"distribution is {distribution!r}; known: {', '.join(_DISTRIBUTIONS)}")
    one_shape = isinstance(shape, str | Shape)
    shapes: list[str | Shape] = [shape] if isinstance(shape, str | Shape) else list(shape)
    names = [s if isinstance(s, str) else repr(s) for s in shapes]
    if not shapes or len(set(names)) != len(names):
        raise ValueError(f"shape holds {names}; give at least one, and none twice")
    lead: dict[str, Any] = {} if one_shape else {"shape": np.array(names, dtype=object)}
    if b_iso is not None:
        lead["b_iso"] = axis_values(b_iso, "b_iso", 0.0, 1000.0, closed=True)
    target = None if path is None else library_file(Path(path))

    weigh, upper_diameter = _DISTRIBUTIONS[distribution]
    if isinstance(crystal, DistanceTable):
        if shape != "sphere" or fill != "volume":
            raise ValueError("shape and fill do not apply to a DistanceTable")
        if not np.all(np.diff(crystal.diameters, prepend=0.0) > 0):
            raise ValueError(
                f"the distance table of {crystal.name} is not a series of ascending diameters "
                "(free atoms, or a series in two sizes); mix it with table.average(weights)"
            )
        tables = [crystal]
    else:
        crystal = as_crystal(crystal)
        largest = float(axes["diameter"].max())
        upper = max(upper_diameter(largest, d, weighting=weighting) for d in axes["dispersion"])
        tables = [
            distance_table(homologous_series(crystal, upper, as_shape(s), fill=fill))
            for s in tqdm(shapes, desc=f"Distances {crystal.name}", disable=not progress)
        ]
    moments = list(itertools.product(axes["diameter"], axes["dispersion"]))
    sizes = (len(axes["diameter"]), len(axes["dispersion"]))
    weights = [
        np.array([weigh(t.diameters, *m, weighting=weighting) for m in moments]).reshape(*sizes, -1)
        for t in tables
    ]
    b_values = lead.get("b_iso", [None])
    factors = [
        [
            AtomicFactors(t, axes["q"], wavelength=wavelength, b_iso=b, compton=compton)
            for b in b_values
        ]
        for t in tables
    ]

    means = np.array([w @ t.diameters for w, t in zip(weights, tables, strict=True)])
    attrs = {
        **_provenance(crystal, names, fill),
        "wavelength": float(wavelength),
        "compton": int(compton),
        "size_distribution": f"{distribution}, mean and dispersion {weighting}-weighted",
        "n_clusters": [len(t) for t in tables],
        "sk_qdots_version": version("sk_qdots"),
        "versions": ", ".join(f"{p} {version(p)}" for p in _PACKAGES),
    }
    coords = {**lead, **axes}
    frame = xr.Dataset(
        {
            "mean_diameter": (
                ("diameter", "dispersion") if one_shape else ("shape", "diameter", "dispersion"),
                means[0] if one_shape else means,
                {"long_name": "number average over the particles of the series", "units": "nm"},
            )
        },
        coords={key: (key, value, dict(_COORDINATES[key])) for key, value in coords.items()},
        attrs=attrs,
    )
    frame.attrs["fingerprint"] = fingerprint(frame)
    dims = tuple(coords)
    tasks = _tasks(len(tables), len(b_values), axes)
    blocks = _Blocks(tables, weights, factors, axes, tasks, one_shape, b_iso is None)
    if isinstance(target, NetCDFLibrary):
        target.check(frame)
    if isinstance(target, ZarrLibrary):
        chunk = {"shape": 1, "diameter": tasks[0].diameters, "strain": _STRAINS_A_TASK}
        chunks = tuple(chunk.get(d, frame.sizes[d]) for d in dims)
        try:
            done = target.prepare(frame, dims, chunks, _INTENSITY, len(tasks))
            for number, where, block in blocks.computed(n_jobs, progress, done):
                target.write(number, where, block)
            return target.finish()[["intensity", "mean_diameter"]]
        finally:
            target.release()
    intensity = np.empty([frame.sizes[d] for d in dims], dtype=np.float32)
    for _, where, block in blocks.computed(n_jobs, progress, set()):
        intensity[where] = block
    library = frame.assign(intensity=(dims, intensity, _INTENSITY))[["intensity", "mean_diameter"]]
    if target is not None:
        target.write(library)
    return library


_INTENSITY = {"long_name": "scattered intensity", "units": "electron units per formula unit"}
_COORDINATES = {
    "shape": {"long_name": "shape of the particles"},
    "b_iso": {"long_name": "isotropic displacement parameter", "units": "Angstrom^2"},
    "diameter": {"long_name": "mean diameter of the size distribution", "units": "nm"},
    "dispersion": {"long_name": "standard deviation / mean of the diameter", "units": "1"},
    "strain": {"long_name": "isotropic strain (a - a_bulk) / a_bulk", "units": "1"},
    "q": {"long_name": "Q", "units": "1/Angstrom"},
}


@dataclass(frozen=True)
class _Task:
    """A part of the library: one shape, some diameters, some strains."""

    shape: int
    first_diameter: int
    diameters: int
    first_strain: int
    strains: int


def _tasks(n_shapes: int, n_b: int, axes: dict[str, npt.NDArray[np.float64]]) -> list[_Task]:
    n_diameters, n_dispersions, n_strains, n_q = (len(a) for a in axes.values())
    a_diameter = 4 * n_b * n_dispersions * _STRAINS_A_TASK * n_q
    step = min(n_diameters, max(1, _TASK_BYTES // a_diameter))
    return [
        _Task(s, d, min(step, n_diameters - d), e, min(_STRAINS_A_TASK, n_strains - e))
        for s in range(n_shapes)
        for d in range(0, n_diameters, step)
        for e in range(0, n_strains, _STRAINS_A_TASK)
    ]


@dataclass(frozen=True)
class _Blocks:
    """Computes the tasks of a library, in parallel, and says where their results belong."""

    tables: list[DistanceTable]
    weights: list[npt.NDArray[np.float64]]
    factors: list[list[AtomicFactors]]
    axes: dict[str, npt.NDArray[np.float64]]
    tasks: list[_Task]
    one_shape: bool
    own_b: bool

    def computed(
        self, n_jobs: int | None, progress: bool, done: set[int]
    ) -> Iterator[tuple[int, tuple[slice | int, ...], npt.NDArray[np.float32]]]:
        """Number, place and intensities of each task that is not done, as they come."""
        waiting = [k for k in range(len(self.tasks)) if k not in done]
        calls = (
            delayed(_population_intensity)(k, *self._arguments(self.tasks[k])) for k in waiting
        )
        results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)
        n_patterns = self._patterns(range(len(self.tasks)))
        with tqdm(
            total=n_patterns,
            initial=n_patterns - self._patterns(waiting),
            desc=f"Debye sums {self.tables[0].name}",
            unit="pattern",
            disable=not progress,
        ) as bar:
            for number, block in results:
                task = self.tasks[number]
                where: list[slice | int] = [] if self.one_shape else [task.shape]
                where += [] if self.own_b else [slice(None)]
                where += [
                    slice(task.first_diameter, task.first_diameter + task.diameters),
                    slice(None),
                    slice(task.first_strain, task.first_strain + task.strains),
                    slice(None),
                ]
                yield number, tuple(where), block[0] if self.own_b else block
                bar.update(self._patterns([number]))

    def _arguments(self, task: _Task) -> tuple[Any, ...]:
        rows = self.weights[task.shape][task.first_diameter :][: task.diameters]
        strains = self.axes["strain"][task.first_strain :][: task.strains]
        return (
            self.tables[task.shape],
            self.factors[task.shape],
            rows,
            self.axes["q"],
            strains,
        )

    def _patterns(self, numbers: Sequence[int] | range) -> int:
        each = len(self.factors[0]) * len(self.axes["dispersion"])
        return each * sum(self.tasks[k].diameters * self.tasks[k].strains for k in numbers)


def _population_intensity(
    number: int,
    table: DistanceTable,
    factors: list[AtomicFactors],
    weights: npt.NDArray[np.float64],
    q: npt.NDArray[np.float64],
    strains: npt.NDArray[np.float64],
) -> tuple[int, npt.NDArray[np.float32]]:
    """Intensity per formula unit, (b_iso, diameter, dispersion, strain, q), of a task."""
    rows = weights.reshape(-1, weights.shape[-1])
    result = np.empty((len(factors), len(rows), len(strains), len(q)), dtype=np.float32)
    with threadpool_limits(1):  # a threaded product would depend on the number of threads
        counts, self_counts = rows @ table.counts, rows @ table.self_counts
        units = (rows @ table.formula_units)[:, None]
        mixed = table.average(rows) if len(rows) < len(table) else None
        for k, strain in enumerate(strains):
            if mixed is not None:
                sums = pair_sums(mixed, q, strain=strain)
            else:
                sums = [rows @ s for s in pair_sums(table, q, strain=strain)]
            for b, factor in enumerate(factors):
                result[b, :, k] = factor.intensity(counts, self_counts, sums) / units
    return number, result.reshape(len(factors), *weights.shape[:2], len(strains), len(q))


def _provenance(crystal: Crystal | DistanceTable, shapes: list[str], fill: str) -> dict[str, Any]:
    """What the particles are, as attributes that every file format takes."""
    atoms = crystal.sublattices if isinstance(crystal, Crystal) else crystal.species
    facts: dict[str, Any] = {
        "crystal": crystal.name,
        "elements": [s.element for s in atoms],
        "b_iso": [s.b_iso for s in atoms],
        "occupancies": [s.occupancy for s in atoms],
        "charges": [s.charge for s in atoms],
    }
    if isinstance(crystal, DistanceTable):
        return {**facts, "distance_table": crystal.digest()}
    rows = {
        "vectors": crystal.lattice,
        "cell": crystal.conventional,
        "offsets": np.array([s.offset for s in crystal.sublattices]),
    }
    return {
        **facts,
        "crystal_reference": crystal.reference,
        "space_group": crystal.space_group,
        **{key: np.round(value.ravel(), 9).tolist() for key, value in rows.items()},
        "shape": ", ".join(shapes),
        "fill": fill,
    }

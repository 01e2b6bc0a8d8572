"""A library of simulated patterns over diameter, dispersion and strain (and B, shape, faults).

A few strains of one shape are one task: their pair sums share one non-uniform
Fourier transform, and their populations are one matrix product. All tasks of a shape share one
distance table, since an isotropic strain only scales Q. What a task computes does not
depend on who computes it, so the library is the same for any number of workers and
after any interruption.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .._typing import Float32Array, FloatArray, JsonObject
from ._library_request import DISTRIBUTIONS, Distribution, LibraryRequest, checked_request
from .clusters import Fill, homologous_series
from .crystal import Crystal
from .debye import AtomicFactors, strained_pair_sums
from .distances import DistanceTable, distance_table, stacked_tables
from .large_spheres import LARGEST_COUNTED, can_extend, with_large_spheres
from .library_files import NetCDFLibrary, ZarrLibrary, fingerprint, library_file
from .moments import Weighting
from .multiply_twinned import is_multiply_twinned, multiply_twinned_series
from .shapes import Shape, as_shape
from .stacking import Stacking

__all__ = ["simulate_library"]

# The published library (Allara, Bertolotti, Guagliardi 2024): 17 x 4 x 19 patterns.
_DIAMETERS = tuple(np.arange(2.0, 10.5, 0.5).tolist())
_DISPERSIONS = (0.05, 0.10, 0.15, 0.20)
_STRAINS = tuple(np.linspace(-0.0025, 0.0051, 19).tolist())
# A task's size is fixed by the library alone, so that the result does not depend on the workers.
_STRAINS_A_TASK = 5
_TASK_BYTES = 2**26
_VARIANTS = ("shape", "growth_fault", "deformation_fault")  # dimensions with a table for each
_PACKAGES = ("sk_qdots", "numpy", "scipy", "finufft", "gemmi", "xraydb", "xraylib")

# Number and place of a task in the library, and the intensities that belong there.
_Block: TypeAlias = tuple[int, tuple[slice | int, ...], Float32Array]


def simulate_library(
    crystal: Crystal | str | DistanceTable,
    *,
    diameters: npt.ArrayLike = _DIAMETERS,
    dispersions: npt.ArrayLike = _DISPERSIONS,
    strains: npt.ArrayLike = _STRAINS,
    growth_faults: npt.ArrayLike | None = None,
    deformation_faults: npt.ArrayLike | None = None,
    b_iso: Sequence[float] | FloatArray | None = None,
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
    growth_faults, deformation_faults : array-like, optional
        Probabilities of planar faults in close-packed layers (:class:`Stacking`), in
        [0, 1]; each adds its dimension, ``growth_fault`` and ``deformation_fault``. Such
        particles are cut around :attr:`CloseLayers.hollow`, at 0 too.
    b_iso : array-like of shape (n_b_iso,), optional
        Displacement parameters in Angstrom^2, one after the other for all atoms; adds
        the dimension ``b_iso``. The crystal's own by default.
    q : array-like of shape (n_q,), optional
        Ascending, in 1/Angstrom; :func:`default_q_grid` by default, which ends beyond
        what a copper tube reaches.
    wavelength : float, default=0.56
        In Angstrom; f', f'' and the Compton scattering depend on it.
    shape : str, Shape or sequence of these, default="sphere"
        Shape of the particles; a sequence adds the dimension ``shape``. Of fcc metals
        also ``"icosahedron"``, ``"decahedron"`` and ``"Marks decahedron"``
        (:func:`sk_qdots.simulation.multiply_twinned_series`).
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
        per formula unit, with ``shape``, ``growth_fault``, ``deformation_fault`` and
        ``b_iso`` in front where given, and
        ``mean_diameter``, the number average over the particles. Read lazily from
        ``path`` where that is a Zarr store.

    Raises
    ------
    ValueError
        If an axis is empty, out of range or holds the same value twice, the crystal
        or shape is not known, q is beyond 4 pi / wavelength, the particles are too
        coarse for the distribution, or ``path`` holds something else.

    Notes
    -----
    Pairs of spheres of more than 150,000 nodes (Pt: 16 nm, PbS: 24 nm) of cubic crystals are
    expected by the common volume of two spheres, where ``fill`` is "volume": intensities of a
    Pt library of mean diameters to 6 nm and dispersions to 0.5 change by 1.2e-5 of the largest.
    The distance table of ``homologous_series`` counts them all, in minutes.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> dict(library.intensity.sizes)
    {'diameter': 1, 'dispersion': 1, 'strain': 1, 'q': 5004}
    """
    request = checked_request(
        crystal,
        diameters=diameters,
        dispersions=dispersions,
        strains=strains,
        growth_faults=growth_faults,
        deformation_faults=deformation_faults,
        b_iso=b_iso,
        q=q,
        wavelength=wavelength,
        shape=shape,
        fill=fill,
        distribution=distribution,
        weighting=weighting,
        compton=compton,
    )
    target = None if path is None else library_file(Path(path))
    plan = _planned(request, progress)
    return _written(plan, partial(_computed, plan, n_jobs, progress), target)


_INTENSITY = {"long_name": "scattered intensity", "units": "electron units per formula unit"}
_COORDINATES = {
    "shape": {"long_name": "shape of the particles"},
    "growth_fault": {"long_name": "probability that a layer is hexagonal", "units": "1"},
    "deformation_fault": {"long_name": "probability that a step is a slip", "units": "1"},
    "b_iso": {"long_name": "isotropic displacement parameter", "units": "Angstrom^2"},
    "diameter": {"long_name": "mean diameter of the size distribution", "units": "nm"},
    "dispersion": {"long_name": "standard deviation / mean of the diameter", "units": "1"},
    "strain": {"long_name": "isotropic strain (a - a_bulk) / a_bulk", "units": "1"},
    "q": {"long_name": "Q", "units": "1/Angstrom"},
}


@dataclass(frozen=True)
class _Task:
    """A part of the library: one shape and stacking, some diameters, some strains."""

    variant: int
    first_diameter: int
    diameters: int
    first_strain: int
    strains: int


@dataclass(frozen=True)
class _Plan:
    """What the tasks of a library share, and its frame: all of it but the intensities."""

    tables: list[DistanceTable]
    weights: list[FloatArray]
    factors: list[list[AtomicFactors]]
    axes: dict[str, FloatArray]
    tasks: list[_Task]
    frame: xr.Dataset
    dims: tuple[str, ...]

    def variant(self, number: int) -> tuple[int, ...]:
        """Place of a shape and stacking along their dimensions."""
        sizes = [self.frame.sizes[name] for name in _VARIANTS if name in self.dims]
        return tuple(int(k) for k in np.unravel_index(number, sizes)) if sizes else ()

    def n_patterns(self, numbers: Iterable[int]) -> int:
        """Patterns of some of the tasks."""
        each = len(self.factors[0]) * len(self.axes["dispersion"])
        return each * sum(self.tasks[k].diameters * self.tasks[k].strains for k in numbers)


def _planned(request: LibraryRequest, progress: bool) -> _Plan:
    """Distances, weights and atomic factors of a library, its tasks and its frame."""
    axes = request.axes
    weigh, upper_diameter = DISTRIBUTIONS[request.distribution]
    weighting = request.weighting
    if isinstance(request.crystal, DistanceTable):
        tables = [request.crystal]
    else:
        crystal = request.crystal
        largest = float(axes["diameter"].max())
        upper = max(upper_diameter(largest, d, weighting=weighting) for d in axes["dispersion"])
        tables = [
            table
            for s in tqdm(request.shapes, desc=f"Distances {crystal.name}", disable=not progress)
            for table in _series_tables(crystal, upper, s, request)
        ]
    moments = list(itertools.product(axes["diameter"], axes["dispersion"]))
    sizes = (len(axes["diameter"]), len(axes["dispersion"]))
    weights = [
        np.array([weigh(t.diameters, *m, weighting=weighting) for m in moments]).reshape(*sizes, -1)
        for t in tables
    ]
    b_values = [None] if request.b_iso is None else list(request.b_iso)
    factors = [
        [
            AtomicFactors(
                t, axes["q"], wavelength=request.wavelength, b_iso=b, compton=request.compton
            )
            for b in b_values
        ]
        for t in tables
    ]
    frame, dims = _frame(request, tables, weights)
    return _Plan(
        tables, weights, factors, axes, _tasks(len(tables), len(b_values), axes), frame, dims
    )


def _series_tables(
    crystal: Crystal, max_diameter: float, shape: str | Shape, request: LibraryRequest
) -> list[DistanceTable]:
    """Distances of the particles of one shape: one table, or one for each stacking."""
    if isinstance(shape, str) and is_multiply_twinned(shape):
        if request.faults:
            raise ValueError(
                f"{next(iter(request.faults))}s does not apply to the shape {shape!r}, which has "
                "twin planes of its own"
            )
        return [multiply_twinned_series(crystal, max_diameter, shape, fill=request.fill).table()]
    body = as_shape(shape)
    if not request.faults:
        counted = max_diameter
        largest = crystal.node_diameter * LARGEST_COUNTED ** (1.0 / 3.0)
        if (
            max_diameter > largest
            and body == as_shape("sphere")
            and request.fill == "volume"
            and can_extend(crystal, max_diameter)
        ):
            counted = largest
        table = distance_table(homologous_series(crystal, counted, body, fill=request.fill))
        return [
            table if counted == max_diameter else with_large_spheres(table, crystal, max_diameter)
        ]
    try:
        series = homologous_series(
            crystal, max_diameter, body, fill=request.fill, stacking=Stacking()
        )
    except ValueError as error:
        raise ValueError(f"{next(iter(request.faults))}s: {error}") from None
    return stacked_tables(series, request.stackings)


def _frame(
    request: LibraryRequest, tables: list[DistanceTable], weights: list[FloatArray]
) -> tuple[xr.Dataset, tuple[str, ...]]:
    """A library without its intensities, and the dimensions that these have."""
    one_shape, names = request.one_shape, request.shape_names
    each = max(len(request.stackings), 1)  # stackings of a shape have the same particles
    means = np.array(
        [w @ t.diameters for w, t in zip(weights[::each], tables[::each], strict=True)]
    )
    attrs: JsonObject = {
        **_provenance(request.crystal, names, request.fill),
        "wavelength": float(request.wavelength),
        "compton": int(request.compton),
        "size_distribution": f"{request.distribution}, mean and dispersion "
        f"{request.weighting}-weighted",
        "n_clusters": [len(t) for t in tables[::each]],
        "sk_qdots_version": version("sk_qdots"),
        "versions": ", ".join(f"{p} {version(p)}" for p in _PACKAGES),
    }
    coords: dict[str, npt.NDArray[np.object_] | FloatArray] = {}
    if not one_shape:
        coords["shape"] = np.array(names, dtype=object)
    coords |= request.faults
    if request.b_iso is not None:
        coords["b_iso"] = request.b_iso
    coords |= request.axes
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
    return frame, tuple(coords)


def _tasks(n_variants: int, n_b: int, axes: dict[str, FloatArray]) -> list[_Task]:
    n_diameters, n_dispersions, n_strains, n_q = (len(a) for a in axes.values())
    a_diameter = 4 * n_b * n_dispersions * _STRAINS_A_TASK * n_q
    step = min(n_diameters, max(1, _TASK_BYTES // a_diameter))
    return [
        _Task(s, d, min(step, n_diameters - d), e, min(_STRAINS_A_TASK, n_strains - e))
        for s in range(n_variants)
        for d in range(0, n_diameters, step)
        for e in range(0, n_strains, _STRAINS_A_TASK)
    ]


def _computed(plan: _Plan, n_jobs: int | None, progress: bool, done: set[int]) -> Iterator[_Block]:
    """Run the tasks of a plan that are not done, in parallel; their blocks, as they come."""
    waiting = [k for k in range(len(plan.tasks)) if k not in done]
    calls = (delayed(_population_intensity)(k, *_arguments(plan, plan.tasks[k])) for k in waiting)
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls)
    n_patterns = plan.n_patterns(range(len(plan.tasks)))
    with tqdm(
        total=n_patterns,
        initial=n_patterns - plan.n_patterns(waiting),
        desc=f"Debye sums {plan.tables[0].name}",
        unit="pattern",
        disable=not progress,
    ) as bar:
        for number, block in results:
            task = plan.tasks[number]
            where: list[slice | int] = list(plan.variant(task.variant))
            where += [slice(None)] if "b_iso" in plan.dims else []
            where += [
                slice(task.first_diameter, task.first_diameter + task.diameters),
                slice(None),
                slice(task.first_strain, task.first_strain + task.strains),
                slice(None),
            ]
            yield number, tuple(where), block if "b_iso" in plan.dims else block[0]
            bar.update(plan.n_patterns([number]))


def _arguments(
    plan: _Plan, task: _Task
) -> tuple[DistanceTable, list[AtomicFactors], FloatArray, FloatArray, FloatArray]:
    """What :func:`_population_intensity` needs of a plan for one task."""
    return (
        plan.tables[task.variant],
        plan.factors[task.variant],
        plan.weights[task.variant][task.first_diameter :][: task.diameters],
        plan.axes["q"],
        plan.axes["strain"][task.first_strain :][: task.strains],
    )


def _population_intensity(
    number: int,
    table: DistanceTable,
    factors: list[AtomicFactors],
    weights: FloatArray,
    q: FloatArray,
    strains: FloatArray,
) -> tuple[int, Float32Array]:
    """Intensity per formula unit, (b_iso, diameter, dispersion, strain, q), of a task."""
    rows = weights.reshape(-1, weights.shape[-1])
    result = np.empty((len(factors), len(rows), len(strains), len(q)), dtype=np.float32)
    with threadpool_limits(1):  # a threaded product would depend on the number of threads
        counts, self_counts = rows @ table.counts, rows @ table.self_counts
        units = (rows @ table.formula_units)[:, None]
        mixed = table.average(rows) if len(rows) < len(table) else None
        strained = strained_pair_sums(table if mixed is None else mixed, q, strains)
        for k in range(len(strains)):
            sums = [group[k] if mixed is not None else rows @ group[k] for group in strained]
            for b, factor in enumerate(factors):
                result[b, :, k] = factor.intensity(counts, self_counts, sums) / units
    return number, result.reshape(len(factors), *weights.shape[:2], len(strains), len(q))


def _written(
    plan: _Plan,
    run: Callable[[set[int]], Iterator[_Block]],
    target: NetCDFLibrary | ZarrLibrary | None,
) -> xr.Dataset:
    """Run a plan into a store, block by block, or in memory and from there into a file."""
    frame, dims = plan.frame, plan.dims
    if isinstance(target, ZarrLibrary):
        chunk = {
            **dict.fromkeys(_VARIANTS, 1),
            "diameter": plan.tasks[0].diameters,
            "strain": _STRAINS_A_TASK,
        }
        chunks = tuple(chunk.get(d, frame.sizes[d]) for d in dims)
        try:
            done = target.prepare(frame, dims, chunks, _INTENSITY, len(plan.tasks))
            for number, where, block in run(done):
                target.write(number, where, block)
            return target.finish()[["intensity", "mean_diameter"]]
        finally:
            target.release()
    if target is not None:
        target.check(frame)
    intensity = np.empty([frame.sizes[d] for d in dims], dtype=np.float32)
    for _, where, block in run(set()):
        intensity[where] = block
    library = frame.assign(intensity=(dims, intensity, _INTENSITY))[["intensity", "mean_diameter"]]
    if target is not None:
        target.write(library)
    return library


def _provenance(crystal: Crystal | DistanceTable, shapes: list[str], fill: str) -> JsonObject:
    """What the particles are, as attributes that every file format takes."""
    atoms = crystal.sublattices if isinstance(crystal, Crystal) else crystal.species
    facts: JsonObject = {
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

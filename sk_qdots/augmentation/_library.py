"""A simulated library, augmented as a full factorial, and as samples for scikit-learn."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from tqdm import tqdm

from .._typing import Float32Array, FloatArray, IntArray, RealArray
from .._validation import check_random_state
from ..preprocessing.patterns import area, check_axis
from ..simulation.library_files import ZarrLibrary, fingerprint, library_file
from ..solvents import as_curves
from .base import digest
from .mixing import unit_curve

__all__ = ["augment_library", "library_samples"]


def augment_library(
    library: xr.Dataset,
    *,
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] = ("hexane", "toluene"),
    qd_fractions: Sequence[float] = (0.15, 0.37, 0.65, 1.0),
    snr: Sequence[float] = (14, 24, 46, 122),
    random_state: int | np.random.RandomState | None = None,
    path: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Dilute and count every pattern of a library, as a full factorial.

    Parameters
    ----------
    library : Dataset
        What :func:`sk_qdots.simulate_library` returns.
    solvents : str, DataArray or sequence of them
        Names of shipped curves, or named curves over the coordinate ``q``.
    qd_fractions : sequence of float
        The dots' shares of the integrated intensity; 1 is dry.
    snr : sequence of float
        Mean signal-to-noise ratios.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise; an int with a Zarr store.
    path : str or path-like, optional
        Where to write the result, ending in ``.zarr`` or ``.nc``. A Zarr store is
        written part by part, never held in memory, and opened lazily; interrupted,
        the same call with the same ``random_state`` goes on.
    n_jobs : int, optional
        Threads; -1 is all processors. The result does not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Dataset
        ``intensity(diameter, dispersion, strain, solvent, qd_fraction, snr, q)``,
        float32, every pattern of area 1000 before counting.

    Raises
    ------
    ValueError
        If a solvent is unknown or does not cover the grid, a level is out of range,
        or ``path`` holds something else.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> augmented = sq.augment_library(library, snr=[14, 122], random_state=0)
    >>> augmented.intensity.dims[3:6]
    ('solvent', 'qd_fraction', 'snr')
    """
    _check_library(library)
    axes = {
        "qd_fraction": _checked_levels("qd_fractions", qd_fractions, 1.0),
        "snr": _checked_levels("snr", snr, _LARGEST_SNR),
    }
    curves = as_curves(solvents, float(library.attrs.get("wavelength", _WAVELENGTH)))
    if any(curve.name is None for curve in curves):
        raise ValueError("a solvent curve has no name; give it one: curve.rename('my solvent')")
    names = [str(curve.name) for curve in curves]
    if len(set(names)) != len(names):
        raise ValueError(f"solvents must have different names; got {names}")
    target = None if path is None else library_file(Path(path))
    if isinstance(target, ZarrLibrary) and random_state is None:
        raise ValueError("a Zarr store needs an integer random_state, to go on if interrupted")
    q = np.asarray(library["q"].values, dtype=np.float64)
    around = np.stack([unit_curve(curve, q) for curve in curves])
    intensity = library["intensity"].transpose(..., "q")
    lead = [str(d) for d in intensity.dims[:-1]]
    # One child seed a parent simulation: a part of the library gives the same rows.
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    frame = xr.Dataset(
        {name: library[name] for name in ("mean_diameter",) if name in library},
        coords={
            **{d: library.coords[d] for d in lead},
            "solvent": ("solvent", np.array(names, dtype=object), {"long_name": "liquid"}),
            "qd_fraction": (
                "qd_fraction",
                axes["qd_fraction"],
                {"long_name": "share of the dots in the integrated intensity", "units": "1"},
            ),
            "snr": ("snr", axes["snr"], {"long_name": "mean signal-to-noise ratio", "units": "1"}),
            "q": library.coords["q"],
        },
        attrs={
            "augmentation_seed": seed,
            "library": hashlib.sha256(intensity.values.tobytes()).hexdigest(),
            "solvent_curves": hashlib.sha256(around.tobytes()).hexdigest(),
        },
    )
    # What the library says of itself is kept, but its intensities decide.
    frame.attrs["fingerprint"] = fingerprint(frame)
    frame.attrs = {**library.attrs, **frame.attrs}
    dims = (*lead, "solvent", "qd_fraction", "snr", "q")
    places = list(np.ndindex(*intensity.shape[:-2]))

    def augmented(
        number: int, store: Callable[[int, Float32Array], None], lock: threading.Lock
    ) -> None:
        with lock:  # a library on disk is read by one thread at a time
            block = intensity[places[number]].values
        block = _factorial(block, around, axes["qd_fraction"], axes["snr"], q, seed)
        with lock:
            store(number, block)

    def run(store: Callable[[int, Float32Array], None], done: Collection[int] = ()) -> None:
        # Every task puts its own part away: finished parts do not pile up in memory.
        waiting = [k for k in range(len(places)) if k not in done]
        lock = threading.Lock()
        parallel = Parallel(n_jobs=n_jobs, require="sharedmem", return_as="generator_unordered")
        with tqdm(
            total=len(places), initial=len(done), desc="Augmentation", disable=not progress
        ) as bar:
            for _ in parallel(delayed(augmented)(k, store, lock) for k in waiting):
                bar.update()

    if isinstance(target, ZarrLibrary):
        whole = (lead[-1], "solvent", "qd_fraction", "snr", "q")
        chunks = tuple(frame.sizes[d] if d in whole else 1 for d in dims)
        try:
            done = target.prepare(frame, dims, chunks, _INTENSITY, len(places))
            run(lambda number, block: target.write(number, places[number], block), done)
            return target.finish()
        finally:
            target.release()
    if target is not None:
        target.check(frame)
    result = np.empty([frame.sizes[d] for d in dims], dtype=np.float32)
    run(lambda number, block: result.__setitem__(places[number], block))
    dataset = frame.assign(intensity=(dims, result, _INTENSITY))
    if target is not None:
        target.write(dataset)
    return dataset


_INTENSITY = {"long_name": "scattered intensity, area 1000", "units": "1"}
_LARGEST_SNR = 1e9
_WAVELENGTH = 0.56  # Angstrom, of a library that does not say it


def _checked_levels(name: str, values: Sequence[float], upper: float) -> FloatArray:
    try:
        levels = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {values!r}; it must be a sequence of numbers") from None
    if levels.ndim != 1:
        raise ValueError(f"{name} has {levels.ndim} dimensions; it must have one")
    if not levels.size:
        raise ValueError(f"{name} is empty; give at least one value")
    for level in levels:
        if not 0 < level <= upper:
            raise ValueError(f"{name} holds {level:g}; every value must lie in (0, {upper:g}]")
    if len(np.unique(levels)) != len(levels):
        raise ValueError(f"{name} holds a value twice: {list(map(float, levels))}")
    return levels


def _factorial(
    parents: RealArray,
    around: FloatArray,
    fractions: FloatArray,
    snr: FloatArray,
    q: FloatArray,
    seed: int,
) -> Float32Array:
    """Every solvent, fraction and noise level of some parents."""
    from ._kernels import count

    shape = (len(around), len(fractions), len(snr), len(q))
    result = np.empty((len(parents), *shape), dtype=np.float32)
    for parent, pattern in enumerate(parents.astype(np.float64)):
        pattern = pattern * (1000.0 / area(pattern[None, :], q)[0])
        rng = np.random.default_rng([seed, digest(pattern)])
        mixed = fractions[:, None] * pattern + (1.0 - fractions)[:, None] * (
            1000.0 * around[:, None, :]
        )
        scales = snr**2 / mixed.mean(axis=-1, keepdims=True)
        expected = np.broadcast_to(mixed[:, :, None, :], shape).reshape(-1, len(q))
        count(expected, scales.ravel(), rng, result[parent].reshape(-1, len(q)))
    return result


def library_samples(library: xr.Dataset) -> tuple[xr.DataArray, IntArray, IntArray]:
    """Turn a library into what scikit-learn takes: samples, labels and groups.

    Parameters
    ----------
    library : Dataset
        From :func:`sk_qdots.simulate_library` or :func:`augment_library`.

    Returns
    -------
    X : DataArray of shape (n_samples, n_q)
        Sample-first patterns; the other dimensions become coordinates of ``sample``.
    y : ndarray of shape (n_samples,) of int
        Number-average diameter in picometres: an int, since scikit-learn calls
        2.5 continuous and refuses it as a class.
    groups : ndarray of shape (n_samples,) of int
        The simulation that a sample comes from, for grouped cross-validation.

    Raises
    ------
    ValueError
        If the library has no intensity over diameter and q.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[2.0, 2.5], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> y
    array([2000, 2500])
    """
    if "intensity" not in library or not {"diameter", "q"} <= set(library["intensity"].dims):
        raise ValueError("library has no intensity over diameter and q")
    _refuse_incomplete(library)
    intensity = library["intensity"].transpose(..., "q")
    dims = [str(d) for d in intensity.dims[:-1]]
    index = np.meshgrid(*(np.arange(library.sizes[d]) for d in dims), indexing="ij")
    positions = {dim: grid.ravel() for dim, grid in zip(dims, index, strict=True)}
    X = xr.DataArray(
        intensity.values.reshape(-1, library.sizes["q"]),
        dims=("sample", "q"),
        coords={
            "q": library.coords["q"],
            **{d: ("sample", library.coords[d].values[positions[d]]) for d in dims},
        },
        name="intensity",
        attrs=dict(intensity.attrs),
    )
    y = np.rint(1000.0 * X.coords["diameter"].values).astype(np.int64)
    groups = np.zeros(X.sizes["sample"], dtype=np.int64)
    for dim in dims:
        if dim not in ("solvent", "qd_fraction", "snr"):
            groups = groups * library.sizes[dim] + positions[dim]
    return X, y, groups


def _check_library(library: xr.Dataset) -> None:
    if "intensity" not in library or "q" not in library.dims:
        raise ValueError("library has no intensity over q; give what simulate_library returns")
    known = {"solvent", "qd_fraction", "snr"} & set(library.dims)
    if known:
        raise ValueError(f"library has the dimension {known.pop()!r}: it is augmented already")
    if library["intensity"].ndim < 2:
        raise ValueError("library has no dimension but q; give what simulate_library returns")
    _refuse_incomplete(library)
    intensity = library["intensity"].transpose(..., "q")
    if not bool(np.isfinite(intensity).all()) or bool((intensity < 0).any()):
        raise ValueError("library has infinite or negative intensities; simulate it again")
    if not bool((intensity > 0).any("q").all()):
        raise ValueError("library has a pattern without any intensity")
    q = np.asarray(library["q"].values, dtype=np.float64)
    check_axis(q, len(q))


def _refuse_incomplete(library: xr.Dataset) -> None:
    if bool(library["intensity"].isnull().any()):
        raise ValueError(
            "library has NaN intensities: it was interrupted; finish it with the same call "
            "(of simulate_library or augment_library) that began it"
        )

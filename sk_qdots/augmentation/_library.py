"""A simulated library, augmented as a full factorial, and as samples for scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._patterns import area
from .._validation import check_random_state
from ..solvents import load_solvent
from ._base import digest
from ._solvent import curve_on_grid

__all__ = ["augment_library", "library_samples"]

Array = npt.NDArray[Any]


def augment_library(
    library: xr.Dataset,
    *,
    solvents: Sequence[str | xr.DataArray] = ("generic",),
    qd_fractions: Sequence[float] = (0.15, 0.37, 0.65, 1.0),
    snr: Sequence[float] = (14, 24, 46, 122),
    random_state: int | np.random.RandomState | None = None,
) -> xr.Dataset:
    """Dilute and count every pattern of a library, as a full factorial.

    Parameters
    ----------
    library : Dataset
        What :func:`sk_qdots.simulate_library` returns.
    solvents : sequence of str or DataArray
        Names of shipped curves, or named curves over the coordinate ``q``.
    qd_fractions : sequence of float
        The dots' shares of the integrated intensity; 1 is dry.
    snr : sequence of float
        Mean signal-to-noise ratios.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Returns
    -------
    Dataset
        ``intensity(diameter, dispersion, strain, solvent, qd_fraction, snr, q)``,
        float32, every pattern of area 1000 before counting.

    Raises
    ------
    ValueError
        If a solvent is unknown or does not cover the grid, or a level is out of
        range.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> augmented = sq.augment_library(library, snr=[14, 122], random_state=0)
    >>> augmented.intensity.dims[3:6]
    ('solvent', 'qd_fraction', 'snr')
    """
    if "intensity" not in library or "q" not in library.dims:
        raise ValueError("library has no intensity over q; give what simulate_library returns")
    _refuse_incomplete(library)
    known = {"solvent", "qd_fraction", "snr"} & set(library.dims)
    if known:
        raise ValueError(f"library has the dimension {known.pop()!r}: it is augmented already")
    if isinstance(solvents, str | xr.DataArray):
        solvents = [solvents]
    for fraction in qd_fractions:
        if not 0 < fraction <= 1:
            raise ValueError(f"qd_fractions holds {fraction}; every value must lie in (0, 1]")
    for level in snr:
        if not (np.isfinite(level) and level > 0):
            raise ValueError(f"snr holds {level}; every value must be positive")
    q = np.asarray(library["q"].values, dtype=np.float64)
    curves = [load_solvent(s) if isinstance(s, str) else s for s in solvents]
    if any(curve.name is None for curve in curves):
        raise ValueError("a solvent curve has no name; give it one: curve.rename('my solvent')")
    names = [str(curve.name) for curve in curves]
    if len(set(names)) != len(names):
        raise ValueError(f"solvents must have different names; got {names}")
    on_grid = [curve_on_grid(curve, q) for curve in curves]
    unit_curves = [curve / area(curve[None, :], q)[0] for curve in on_grid]

    intensity = library["intensity"].transpose(..., "q")
    parents = intensity.values.reshape(-1, len(q)).astype(np.float64)
    parents *= (1000.0 / area(parents, q))[:, None]
    # One child seed a parent simulation: a part of the library gives the same rows.
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    factorial = (len(solvents), len(qd_fractions), len(snr))
    result = np.empty((len(parents), *factorial, len(q)), dtype=np.float32)
    for parent, pattern in enumerate(parents):
        rng = np.random.default_rng([seed, digest(pattern)])
        for i, curve in enumerate(unit_curves):
            for j, fraction in enumerate(qd_fractions):
                mixed = fraction * pattern + (1.0 - fraction) * 1000.0 * curve
                scales = np.asarray(snr, dtype=np.float64) ** 2 / mixed.mean()
                result[parent, i, j] = rng.poisson(mixed * scales[:, None]) / scales[:, None]

    dims = (*intensity.dims[:-1], "solvent", "qd_fraction", "snr", "q")
    shape = (*intensity.shape[:-1], *factorial, len(q))
    coords: dict[str, Any] = {str(dim): library.coords[dim] for dim in intensity.dims}
    coords["solvent"] = ("solvent", names, {"long_name": "liquid around the dots"})
    coords["qd_fraction"] = (
        "qd_fraction",
        np.asarray(qd_fractions, dtype=np.float64),
        {"long_name": "share of the dots in the integrated intensity", "units": "1"},
    )
    coords["snr"] = (
        "snr",
        np.asarray(snr, dtype=np.float64),
        {"long_name": "mean signal-to-noise ratio", "units": "1"},
    )
    attributes = {"long_name": "scattered intensity, area 1000", "units": "1"}
    return xr.Dataset(
        {"intensity": (dims, result.reshape(shape), attributes)},
        coords=coords,
        attrs={**library.attrs, "augmentation_seed": seed},
    )


def library_samples(library: xr.Dataset) -> tuple[xr.DataArray, Array, Array]:
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


def _refuse_incomplete(library: xr.Dataset) -> None:
    if bool(library["intensity"].isnull().any()):
        raise ValueError(
            "library has NaN intensities: it was interrupted; finish it with the same call of "
            "simulate_library that began it"
        )

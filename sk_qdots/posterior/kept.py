"""Cluster patterns and liquids that were simulated before, from the cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..instruments import Instrument
from ..preprocessing.patterns import q_of
from ..simulation import Crystal, Shape
from ..simulation.clusters import Fill
from ._cluster_patterns import ClusterPatterns
from .cache import fingerprint, kept_arrays, physics_stamp

__all__ = ["SeriesOptions", "kept_curves", "kept_patterns"]

_Range = tuple[float, float]


class SeriesOptions(TypedDict, total=False):
    """Of :func:`sk_qdots.posterior.cluster_patterns`, those that decide the result."""

    diameters: _Range
    dispersions: _Range
    strains: _Range
    q: npt.ArrayLike | None
    wavelength: float | None
    shape: str | Shape
    fill: Fill
    b_iso: _Range | None
    instrument: Instrument | None
    fwhm: float | None
    eta: float | None
    growth_faults: _Range | None
    deformation_faults: _Range | None
    compton: bool


def kept_patterns(
    crystal: Crystal,
    *,
    cache: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
    **options: Unpack[SeriesOptions],
) -> ClusterPatterns:
    """Cluster patterns from the cache, or else simulated and put there.

    Parameters
    ----------
    crystal : Crystal
    cache : bool, default=True
        Whether to look there, and to keep them.
    n_jobs, progress
        Of :func:`sk_qdots.posterior.cluster_patterns`.
    **options
        Likewise.

    Returns
    -------
    ClusterPatterns

    Raises
    ------
    ValueError
        As :func:`sk_qdots.posterior.cluster_patterns` does.

    See Also
    --------
    sk_qdots.posterior.cache.cache_folder : Where they are kept.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.posterior.kept import kept_patterns
    >>> ranges = {"diameters": (2.0, 3.0), "dispersions": (0.1, 0.2), "strains": (0.0, 0.0)}
    >>> kept_patterns(sq.Crystal.builtin("Pt"), **ranges).name
    'Pt'
    """
    made: list[ClusterPatterns] = []

    def simulated() -> dict[str, npt.NDArray[np.generic]]:
        from .series import cluster_patterns  # whoever finds them in the cache pays for no physics

        made.append(cluster_patterns(crystal, **options, n_jobs=n_jobs, progress=progress))
        return made[0].to_arrays()

    if not cache:
        simulated()
        return made[0]
    arrays = kept_arrays(
        fingerprint("cluster patterns", physics_stamp(), crystal, dict(options)), simulated
    )
    return made[0] if made else ClusterPatterns.from_arrays(arrays)


def kept_curves(
    curves: Sequence[str | xr.DataArray], q: FloatArray, wavelength: float, *, cache: bool = True
) -> FloatArray:
    """Liquids, glass and blanks at the points of a grid.

    Parameters
    ----------
    curves : sequence of str or DataArray
        Names of what is shipped, or curves.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength : float
        In Angstrom.
    cache : bool, default=True
        Whether those of what is shipped come from the cache.

    Returns
    -------
    ndarray of shape (n_curves, n_q)

    Raises
    ------
    ValueError
        If a name is not known, or a curve holds no number.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.posterior.kept import kept_curves
    >>> kept_curves(["toluene", "kapton"], np.linspace(1.0, 5.0, 100), 0.56).shape
    (2, 100)
    """
    names = [curve for curve in curves if isinstance(curve, str)]

    def made() -> dict[str, npt.NDArray[np.generic]]:
        from ..solvents import as_curves, known_backgrounds, load_background

        behind = known_backgrounds()
        loaded = [
            load_background(name, wavelength) if name in behind else as_curves(name, wavelength)[0]
            for name in names
        ]
        rows = [np.interp(q, q_of(one), np.asarray(one.values, dtype=np.float64)) for one in loaded]
        return {"rows": np.reshape(rows, (len(rows), len(q)))}

    if cache and names:
        found = kept_arrays(fingerprint("curves", physics_stamp(), names, q, wavelength), made)[
            "rows"
        ]
    else:
        found = made()["rows"]
    shipped = iter(np.asarray(found, dtype=np.float64))
    rows = [next(shipped) if isinstance(curve, str) else _at(q, curve) for curve in curves]
    return np.reshape(rows, (len(rows), len(q)))


def _at(q: FloatArray, curve: xr.DataArray) -> FloatArray:
    """A curve at points; where it was not measured, from its neighbours."""
    own, values = q_of(curve), np.asarray(curve.values, dtype=np.float64).ravel()
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        raise ValueError(f"the curve {curve.name or 'of a liquid or blank'!s} holds no number")
    order = known[np.argsort(own[known], kind="stable")]
    return np.asarray(np.interp(q, own[order], values[order]))

"""A user's own blank."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from ..io import PatternError, read_pattern
from ..preprocessing.resampling import resample
from ..simulation.checks import positive

__all__ = ["read_solvent"]

_LEAST_POINTS = 20


def read_solvent(
    path: str | os.PathLike[str],
    wavelength: float | None = None,
    energy: float | None = None,
    x: str | None = None,
    *,
    scan: int | Literal["sum", "join"] | None = None,
    columns: Sequence[int | str] | None = None,
    step: float = 0.02,
) -> xr.DataArray:
    """Read a measured blank (liquid, capillary, plate) as a solvent curve.

    Parameters
    ----------
    path : str or path-like
        As for :func:`sk_qdots.read_pattern`.
    wavelength : float, optional
        In Angstrom.
    energy : float, optional
        Photon energy in keV, instead of the wavelength.
    x : str, optional
        What the abscissa is, as for :func:`sk_qdots.read_pattern`.
    scan : int, "sum" or "join", optional
        Which scan of a file that holds several.
    columns : sequence of int or str, optional
        Which columns of a table count, as for :func:`sk_qdots.read_pattern`.
    step : float, default=0.02
        Step of the curve in 1/Angstrom. Finer points are averaged over it, so that
        their counting noise is not taken for structure; a liquid has none so narrow.

    Returns
    -------
    DataArray
        Over ``q`` (1/Angstrom), named after the file, in the file's units: for
        mixing only the shape counts.

    Raises
    ------
    PatternError
        If the file cannot be read, or is too short for a curve.
    ValueError
        If ``step`` is not a positive number.

    See Also
    --------
    sk_qdots.load_solvent : Shipped curves.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> blank = sq.read_solvent("toluene.xye", wavelength=0.564162)  # doctest: +SKIP
    >>> sq.SolventMixer(blank, qd_fraction=0.2)  # doctest: +SKIP
    """
    step = positive("step", step, "1/Angstrom")
    pattern = read_pattern(
        path, wavelength=wavelength, energy=energy, x=x, scan=scan, columns=columns
    )
    q = pattern["q"].values
    grid = np.linspace(q[0], q[-1], max(round((q[-1] - q[0]) / step), 1) + 1)
    if len(q) < _LEAST_POINTS or len(grid) < _LEAST_POINTS:
        raise PatternError(
            str(path),
            f"{len(q)} points from {q[0]:.3g} to {q[-1]:.3g} 1/Angstrom are too few for "
            "a solvent curve",
        )
    values = resample(q, pattern.values[None, :].astype(np.float64), grid)[0]
    if np.isnan(values).any():
        hole = grid[np.isnan(values)][0]
        raise PatternError(
            str(path),
            f"nothing was measured around {hole:.3g} 1/Angstrom; a solvent curve must "
            "not have holes",
        )
    return xr.DataArray(
        values,
        dims="q",
        coords={"q": ("q", grid, {"long_name": "Q", "units": "1/Angstrom"})},
        name=Path(path).stem,
        attrs={**pattern.attrs, "long_name": "measured blank"},
    )

"""Dilution in a liquid."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._patterns import area, check_axis, q_of
from .._validation import Interval
from ..solvents import load_solvent
from ._base import Augmenter, Generators

__all__ = ["SolventMixer", "curve_on_grid", "mix"]

Array = npt.NDArray[Any]


class SolventMixer(Augmenter):
    """Dilute the dots in a liquid.

    Parameters
    ----------
    solvent : str or DataArray, default="generic"
        Name of a shipped curve, or a curve over the coordinate ``q``.
    qd_fraction : float, default=0.37
        The dots' share of the integrated intensity, in (0, 1]; 1 is dry.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    solvent_ : ndarray of shape (n_q,)
        The curve on the grid, with unit area.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    PoissonNoise : Counting noise.

    Notes
    -----
    A row keeps its area. Points that are not measured (NaN) stay so.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> sq.SolventMixer(qd_fraction=0.15).fit_transform(X).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "solvent": [str, xr.DataArray],
        "qd_fraction": [Interval(Real, 0.0, 1.0, closed="right")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        solvent: str | xr.DataArray = "generic",
        qd_fraction: float = 0.37,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.solvent = solvent
        self.qd_fraction = qd_fraction
        self.q = q

    def _prepare(self) -> None:
        curve = load_solvent(self.solvent) if isinstance(self.solvent, str) else self.solvent
        on_grid = curve_on_grid(curve, self.q_)
        self.solvent_ = on_grid / max(float(area(on_grid[None, :], self.q_)[0]), 1e-300)

    def _apply(self, X: Array, rngs: Generators) -> Array:
        fraction = np.full(len(X), float(self.qd_fraction))
        return mix(X, np.broadcast_to(self.solvent_, X.shape), fraction, self.q_)


def curve_on_grid(curve: xr.DataArray, q: Array) -> Array:
    """A solvent curve on a grid that it must cover."""
    source = q_of(curve)
    check_axis(source, curve.size)
    if source.min() > q.min() + 1e-6 or source.max() < q.max() - 1e-6:
        raise ValueError(
            f"solvent curve {curve.name!r} covers {source.min():.3g} to {source.max():.3g} "
            f"1/Angstrom; the grid needs {q.min():.3g} to {q.max():.3g}"
        )
    values = np.asarray(curve.values, dtype=np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError(f"solvent curve {curve.name!r} holds NaN or negative values")
    return np.asarray(np.interp(q, source, values))


def mix(X: Array, curves: Array, fraction: Array, q: Array) -> Array:
    """C I + (1 - c) times the curve of equal area over the measured points."""
    own = area(X, q)
    theirs = area(np.where(np.isnan(X), np.nan, curves), q)
    weight = (1.0 - fraction) * own / np.where(theirs > 0, theirs, 1.0)
    return (fraction[:, None] * X + weight[:, None] * curves).astype(X.dtype)

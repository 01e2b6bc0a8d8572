"""Scattering of the holder and the air, beside the sample."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import make_interp_spline

from .._validation import Interval
from ..solvents import load_background
from .base import Augmenter, Generators
from .mixing import by_rows, mix, unit_curve

__all__ = ["Background", "smooth_backgrounds"]

Array = npt.NDArray[Any]

_N_KNOTS = 6
_LOWEST = 0.01  # 1/Angstrom, below which a drawn background is constant


class Background(Augmenter):
    """Add the scattering of a capillary, a plate or the air.

    Parameters
    ----------
    curve : str, DataArray or None, default=None
        Name of a shipped background (see
        :func:`sk_qdots.solvents.known_backgrounds`), or a curve over ``q``. None
        draws a smooth one for every row, as air and a beam stop leave it: positive,
        mostly falling with Q, without peaks.
    fraction : float, default=0.1
        The background's share of the integrated intensity, in [0, 1).
    wavelength : float, default=0.56
        In Angstrom, for curves that are given by name.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the backgrounds that ``transform`` draws.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventMixer : The liquid.

    Notes
    -----
    A row keeps its area.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> sq.Background("silicon", fraction=0.2).fit_transform(X).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "curve": [str, xr.DataArray, None],
        "fraction": [Interval(Real, 0.0, 1.0, closed="left")],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        curve: str | xr.DataArray | None = None,
        fraction: float = 0.1,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.curve = curve
        self.fraction = fraction
        self.wavelength = wavelength
        self.q = q
        self.random_state = random_state

    def _prepare(self) -> None:
        if self.curve is not None:
            curve = self.curve
            if isinstance(curve, str):
                curve = load_background(curve, self.wavelength)
            self._on_grid = unit_curve(curve, self.q_, self._measured)

    def _apply(self, X: Array, rngs: Generators) -> Array:
        if self.curve is None:
            normal = np.array([rng.standard_normal(_N_KNOTS) for rng in rngs])
            curves = smooth_backgrounds(normal, self.q_).astype(X.dtype)
        else:
            curves = np.broadcast_to(self._on_grid.astype(X.dtype), X.shape)
        return mix(X, curves, np.full(len(X), 1.0 - self.fraction), self.q_)


def smooth_backgrounds(normal: Array, q: Array) -> Array:
    """Smooth positive curves, one a row of normal deviates, of shape (n_rows, 6)."""
    knots = np.linspace(0.0, 1.0, _N_KNOTS)
    logarithms = 0.5 * normal - 1.2 * np.log1p(4.0 * knots)
    logarithm = np.log(np.maximum(q, _LOWEST))
    position = (logarithm - logarithm[0]) / max(float(logarithm[-1] - logarithm[0]), 1e-12)
    basis = make_interp_spline(knots, np.eye(_N_KNOTS), k=3)(position).astype(np.float32)
    return np.asarray(np.exp(by_rows(logarithms, basis)))

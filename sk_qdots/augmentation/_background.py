r"""Scattering of the holder and the air, beside the sample.

A pattern :math:`I_0` and a background :math:`b` make

.. math::

    I(Q) = (1 - f)\, I_0(Q) + f\, \frac{\int I_0 \,\mathrm{d}Q}{\int b \,\mathrm{d}Q}\, b(Q),

so that :math:`f` (``fraction``) is the background's share of the integrated intensity. The
integrals are sums of trapezoids over the points at which both are known; elsewhere the result
is NaN.

A background that is drawn is the exponential of a cubic spline over the logarithm of Q [1]_,

.. math::

    \ln b(Q) = \sum_{k=0}^{5} l_k\, B_k(t), \qquad
    t = \frac{\ln (Q / Q_\mathrm{min})}{\ln (Q_\mathrm{max} / Q_\mathrm{min})}, \qquad
    l_k = \tfrac{1}{2} z_k - \tfrac{6}{5} \ln (1 + 4 t_k),

with normal deviates :math:`z_k`, the ends of the grid :math:`Q_\mathrm{min}` and
:math:`Q_\mathrm{max}`, knots at :math:`t_k = k / 5`, and :math:`B_k` the not-a-knot spline that is
1 at :math:`t_k` and 0 at the other knots. Half of the curves lie below
:math:`(1 + 4 t_k)^{-6/5}` at a knot, which falls by a factor of 7 along the grid. A Q below
0.01 1/Angstrom counts as 0.01.

References
----------
.. [1] C. de Boor, A Practical Guide to Splines, Springer, New York (1978).
"""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import make_interp_spline

from .._typing import Float32Array, FloatArray, RealArray
from .._validation import Interval
from ..solvents import load_background
from .base import Augmenter, Generators
from .mixing import by_rows, mix, unit_curve

__all__ = ["N_HALO", "N_SMOOTH", "Background", "ligand_halos", "slow_errors", "smooth_backgrounds"]

N_SMOOTH = 6  # knots of a smooth curve
N_HALO = 3
_HALO_CENTRE = (1.32, 1.48)  # 1/Angstrom
_HALO_WIDTH = (0.28, 0.5)  # full width at half maximum, 1/Angstrom
_HUMP_CENTRE, _HUMP_WIDTH = 2.87, 1.6  # 1/Angstrom: distances within the chains
_HUMP_SHARE = (0.2, 0.6)  # of the intensity of the halo
_LOWEST_Q = 0.01  # 1/Angstrom, below which a drawn background is constant


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

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
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
            self._unit_curve = unit_curve(curve, self.q_, self._is_measured)

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        if self.curve is None:
            normal = np.array([rng.standard_normal(N_SMOOTH) for rng in rngs])
            curves = smooth_backgrounds(normal, self.q_).astype(X.dtype)
        else:
            curves = np.broadcast_to(self._unit_curve.astype(X.dtype), X.shape)
        return mix(X, curves, np.full(len(X), 1.0 - self.fraction), self.q_)


def smooth_backgrounds(normal: FloatArray, q: FloatArray) -> Float32Array:
    """Smooth positive curves, one a row of normal deviates, of shape (n_rows, 6)."""
    knots = np.linspace(0.0, 1.0, N_SMOOTH)
    logarithms = 0.5 * normal - 1.2 * np.log1p(4.0 * knots)
    return np.asarray(np.exp(by_rows(logarithms, _smooth_basis(q))))


def slow_errors(normal: FloatArray, deviation: FloatArray, q: FloatArray) -> Float32Array:
    """Smooth factors about 1, one a row of normal deviates, of shape (n_rows, 6)."""
    return np.asarray(np.exp(by_rows(deviation[:, None] * normal, _smooth_basis(q))))


def ligand_halos(uniform: FloatArray, q: FloatArray) -> Float32Array:
    """What the chains of ligands scatter, one curve a row of uniform deviates (n_rows, 3).

    A broad peak for the distance of neighbouring chains, and a broader one for those within a
    chain, as liquid alkanes have them.
    """
    low, high = np.transpose([_HALO_CENTRE, _HALO_WIDTH, _HUMP_SHARE])
    centre, width, share = (low + (high - low) * uniform).T[:, :, None]

    def bell(at: float | FloatArray, fwhm: float | FloatArray) -> FloatArray:
        return np.asarray(np.exp2(-((2.0 * (q - at) / fwhm) ** 2)) / fwhm)

    halos = (1.0 - share) * bell(centre, width) + share * bell(_HUMP_CENTRE, _HUMP_WIDTH)
    return np.asarray(halos, dtype=np.float32)


def _smooth_basis(q: FloatArray) -> Float32Array:
    """Splines over the logarithm of Q that are 1 at one knot each."""
    knots = np.linspace(0.0, 1.0, N_SMOOTH)
    logarithm = np.log(np.maximum(q, _LOWEST_Q))
    position = (logarithm - logarithm[0]) / max(float(logarithm[-1] - logarithm[0]), 1e-12)
    return np.asarray(make_interp_spline(knots, np.eye(N_SMOOTH), k=3)(position), dtype=np.float32)

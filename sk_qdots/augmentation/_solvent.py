"""Dilution in a liquid: a known one, or one nobody has measured yet."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import RealArray
from .._validation import Interval
from ..solvents import as_curves
from .base import Augmenter, Generators
from .mixing import CurveFamily, coarse_grid, mix, spread, unit_curve

__all__ = ["SolventMixer", "SolventVariation"]

_COARSE_POINTS = 1000  # on which a liquid's features, 0.2 1/Angstrom wide, are drawn


class SolventMixer(Augmenter):
    """Dilute the dots in a liquid.

    Parameters
    ----------
    solvent : str or DataArray, default="hexane"
        Name of a shipped curve, or a curve over the coordinate ``q``, such as
        :func:`sk_qdots.read_solvent` returns.
    qd_fraction : float, default=0.37
        The dots' share of the integrated intensity, in (0, 1]; 1 is dry.
    wavelength : float, default=0.56
        In Angstrom, for curves that are given by name.
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
    SolventVariation : A liquid that is drawn at random.
    sk_qdots.augmentation.to_mass_fraction : The concentration of such a mixture.

    Notes
    -----
    A row keeps its area. Points that are not measured (NaN) stay so. A curve must
    cover the points that are measured in the patterns of ``fit``: before a blank
    with a shorter range goes a :class:`QTruncation`.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> sq.SolventMixer("toluene", qd_fraction=0.15).fit_transform(X).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "solvent": [str, xr.DataArray],
        "qd_fraction": [Interval(Real, 0.0, 1.0, closed="right")],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        solvent: str | xr.DataArray = "hexane",
        qd_fraction: float = 0.37,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.solvent = solvent
        self.qd_fraction = qd_fraction
        self.wavelength = wavelength
        self.q = q

    def _prepare(self) -> None:
        curve = as_curves([self.solvent], self.wavelength)[0]
        self.solvent_ = unit_curve(curve, self.q_, self._is_measured)

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        fraction = np.full(len(X), float(self.qd_fraction))
        curves = np.broadcast_to(self.solvent_.astype(X.dtype), X.shape)
        return mix(X, curves, fraction, self.q_)


class SolventVariation(Augmenter):
    """Dilute the dots in a liquid that is drawn at random for every row.

    A liquid is a mixture of two curves in random shares, its peaks moved, made
    sharper or broader, and the whole changed by a smooth random factor: a stand-in
    for the liquids that are not in the list. A network that was trained with a
    liquid or two learns them by heart, and fails in one that differs by a few per
    cent.

    Parameters
    ----------
    solvents : str, DataArray or sequence of them, optional
        Names of shipped curves or curves over ``q``; all shipped ones by default.
    qd_fraction : float, default=0.37
        The dots' share of the integrated intensity, in (0, 1].
    change : float, default=0.04
        Standard deviation of the smooth relative change.
    shift : float, default=0.02
        Largest relative shift of the peaks in Q, either way.
    broadening : float, default=0.5
        Largest part, either way, of the difference to the curve smeared by
        0.15 1/Angstrom that is added: above 0 broader, below sharper.
    wavelength : float, default=0.56
        In Angstrom, for curves that are given by name.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the liquids that ``transform`` draws.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventMixer : One liquid.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> varied = sq.SolventVariation(["hexane", "octane"], random_state=0)
    >>> varied.fit_transform(X).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "solvents": [list, tuple, str, xr.DataArray, None],
        "qd_fraction": [Interval(Real, 0.0, 1.0, closed="right")],
        "change": [Interval(Real, 0.0, 1.0, closed="both")],
        "shift": [Interval(Real, 0.0, 0.5, closed="left")],
        "broadening": [Interval(Real, 0.0, 1.0, closed="both")],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
        qd_fraction: float = 0.37,
        change: float = 0.04,
        shift: float = 0.02,
        broadening: float = 0.5,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.solvents = solvents
        self.qd_fraction = qd_fraction
        self.change = change
        self.shift = shift
        self.broadening = broadening
        self.wavelength = wavelength
        self.q = q
        self.random_state = random_state

    def _prepare(self) -> None:
        grid = coarse_grid(self.q_, _COARSE_POINTS)
        span = self.q_[self._is_measured]
        low, high = (span[0], span[-1]) if span.size else (np.inf, -np.inf)
        self._liquid_family = CurveFamily(
            as_curves(self.solvents, self.wavelength), grid, low, high
        )
        start, stop = self._liquid_family.start - 1e-6, self._liquid_family.stop + 1e-6
        self._is_beyond_curves = (self.q_ < start) | (self.q_ > stop)

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        n_rows = len(X)
        uniform = np.reshape([rng.random(CurveFamily.n_uniform) for rng in rngs], (n_rows, -1))
        normal = np.reshape(
            [rng.standard_normal(CurveFamily.n_normal) for rng in rngs], (n_rows, -1)
        )
        levels = [np.full(n_rows, v) for v in (self.change, self.shift, self.broadening)]
        coarse = self._liquid_family.draw(uniform, normal, *levels)
        liquids = spread(self._liquid_family.q, coarse, self.q_)
        curves = liquids.astype(X.dtype, copy=False)
        curves[:, self._is_beyond_curves] = np.nan
        return mix(X, curves, np.full(n_rows, float(self.qd_fraction)), self.q_)

r"""Simulated patterns that a sizer carries along, and how well a measured one agrees.

A measured pattern :math:`I` and a simulated one :math:`T`, its Q axis stretched
for strain, are compared after a smooth background has been taken out of both: the
part of each that cubic splines with wide knots cannot follow, each point weighted
by its counting error. The *agreement* is the share of that part of :math:`I` which
:math:`T` explains, counting noise set aside:

.. math:: A = \frac{(I_\perp \cdot T_\perp)^2}
                   {(|T_\perp|^2)\,(|I_\perp|^2 - \text{noise})}

It is near 1 where the peaks are those of the crystal, and near 0 for another
crystal, a wrong wavelength, a wrong axis, or no dots at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import uniform_filter1d

from ..preprocessing import QStandardizer
from ..preprocessing.resampling import resample

__all__ = ["Match", "ReferencePatterns"]

Array = npt.NDArray[Any]

N_POINTS = 1251  # every fourth point of the standard grid resolves the sharpest peaks
_STRAINS = np.linspace(-0.04, 0.04, 161)  # far beyond any dot: to recognise a wrong wavelength
# A liquid's halo fits between these knots (1/Angstrom), the peaks of 2 nm dots do not.
_KNOTS = np.array([0.0, 0.5, 0.99, 1.15, 1.35, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0, 8.0, 11.0, 15.0, 25.0])
_SMOOTH = 15  # points over which the counting error is averaged
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class Match:
    """The reference pattern that agrees best with a measured one.

    Parameters
    ----------
    q : ndarray of shape (n_measured,)
        In 1/Angstrom.
    measured, simulated, background : ndarray of shape (n_measured,)
        The pattern, the reference plus the background, and the background.
    dispersion, strain : float
        Of the reference; chosen for agreement, not results. A strain of percents says
        that the wavelength is wrong.
    agreement : float
        Between 0 and 1.
    """

    q: Array
    measured: Array
    simulated: Array
    background: Array
    dispersion: float
    strain: float
    agreement: float


@dataclass(frozen=True)
class ReferencePatterns:
    """Unstrained patterns of every class, for a few dispersions.

    Parameters
    ----------
    q : ndarray of shape (n_points,)
        In 1/Angstrom.
    diameters : ndarray of shape (n_classes,) of int
        In picometres.
    dispersions : ndarray of shape (n_dispersions,)
    patterns : ndarray of shape (n_classes, n_dispersions, n_points)
        Area 1000.
    """

    q: Array
    diameters: Array
    dispersions: Array
    patterns: Array

    @classmethod
    def from_library(cls, library: xr.Dataset, standardizer: QStandardizer) -> ReferencePatterns:
        """Take the patterns nearest to zero strain from a simulated library."""
        intensity = library["intensity"].sel(strain=0.0, method="nearest")
        intensity = intensity.transpose("diameter", "dispersion", "q")
        coarse = QStandardizer(
            q_min=standardizer.q_min, q_max=standardizer.q_max, n_points=N_POINTS, padding="edge"
        )
        flat = xr.DataArray(
            intensity.values.reshape(-1, intensity.sizes["q"]),
            dims=("sample", "q"),
            coords={"q": intensity["q"].values},
        )
        patterns = coarse.fit_transform(flat)
        return cls(
            q=coarse.q_,
            diameters=np.rint(1000.0 * intensity["diameter"].values).astype(np.int64),
            dispersions=np.asarray(intensity["dispersion"].values, dtype=np.float64),
            patterns=patterns.reshape(*intensity.shape[:2], -1).astype(np.float32),
        )

    def match(self, q: Array, row: Array, diameter: int, *, subtracted: bool = False) -> Match:
        """Find the dispersion and strain that agree best, at one diameter.

        Parameters
        ----------
        q : ndarray of shape (n_q,)
            In 1/Angstrom.
        row : ndarray of shape (n_q,)
            A pattern; NaN is not measured.
        diameter : int
            In picometres; one of ``diameters``.
        subtracted : bool, default=False
            Whether a blank was subtracted.

        Returns
        -------
        Match
        """
        on_grid = resample(q, row[None, :].astype(np.float64), self.q)[0]
        seen = np.isfinite(on_grid)
        x, measured = self.q[seen], on_grid[seen]
        # Where a blank was subtracted, the counts below tell nothing of the noise.
        level = uniform_filter1d(measured, _SMOOTH, mode="nearest")
        floor = (1.0 if subtracted else 0.01) * abs(measured.mean())
        sigma = np.sqrt(np.maximum(level, floor))
        smooth = _smooth_basis(x) / sigma[:, None]
        orthonormal, triangle = np.linalg.qr(smooth)
        target = measured / sigma
        structure = target - orthonormal @ (orthonormal.T @ target)

        patterns = self.patterns[int(np.flatnonzero(self.diameters == diameter)[0])]
        spline = make_interp_spline(self.q, patterns.T.astype(np.float64), k=3)
        stretched = spline(np.clip(np.multiply.outer(1.0 + _STRAINS, x), self.q[0], self.q[-1]))
        candidates = np.moveaxis(stretched, 2, 0).reshape(-1, len(x)) / sigma
        detrended = candidates - (candidates @ orthonormal) @ orthonormal.T
        overlap = np.maximum(detrended @ structure, 0.0)
        norms = np.maximum((detrended**2).sum(axis=1), 1e-300)
        explained = overlap**2 / norms
        best = int(np.argmax(explained))
        scale = overlap[best] / norms[best]
        weights = np.linalg.solve(triangle, orthonormal.T @ (target - scale * candidates[best]))
        background = (smooth @ weights) * sigma
        # Second differences see the noise and nothing of the pattern.
        spread = _MAD_TO_SIGMA * np.median(np.abs(np.diff(target, 2)))
        noise = spread**2 / 6.0 * len(target)
        total = structure @ structure - noise
        # Structure within the noise proves nothing.
        agreement = explained[best] / total if total > 0.02 * noise else 0.0
        i, j = np.unravel_index(best, (len(self.dispersions), len(_STRAINS)))
        return Match(
            q=x,
            measured=measured,
            simulated=scale * candidates[best] * sigma + background,
            background=background,
            dispersion=float(self.dispersions[i]),
            strain=float(_STRAINS[j]),
            agreement=float(min(agreement, 1.0)),
        )


def _smooth_basis(x: Array) -> Array:
    """Cubic splines on the knots, those that have points under them."""
    knots = np.concatenate([[_KNOTS[0]] * 3, _KNOTS, [_KNOTS[-1]] * 3])
    basis = BSpline.design_matrix(np.clip(x, _KNOTS[0], _KNOTS[-1]), knots, 3).toarray()
    return np.asarray(basis[:, basis.max(axis=0) > 0.02])

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

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import xarray as xr
from scipy.interpolate import BSpline, make_interp_spline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from .._typing import FloatArray, IntArray, RealArray
from ..preprocessing import QStandardizer
from ..preprocessing.resampling import resample

__all__ = ["PEAK_WIDTH", "Match", "ReferencePatterns", "share_explained", "smooth_basis"]

N_POINTS = 1251  # every fourth point of the standard grid resolves the sharpest peaks
_STRAINS = np.linspace(-0.04, 0.04, 161)  # far beyond any dot: to recognise a wrong wavelength
# A liquid's halo fits between these knots (1/Angstrom), the peaks of 2 nm dots do not.
_KNOTS = np.array([0.0, 0.5, 0.99, 1.15, 1.35, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0, 8.0, 11.0, 15.0, 25.0])
PEAK_WIDTH = 5.6  # of a sphere: full width at half maximum in 1/Angstrom, times its diameter
_Q_THAT_COUNTS = 8.0  # 1/Angstrom; beyond it peaks are low and broad, and count little
_PART_OF_WIDTH = 0.4
_LARGEST_STRIDE = 5
_N_PEAKS = 3  # of the coarse scan that are looked at closely
_LEAST_STRUCTURE = 1e-6  # of the squares of a pattern: a thousandth of its intensity
_RESOLUTION = 0.025  # 1/Angstrom, standard deviation: what lies between is a mean of both
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

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.002])
    >>> match = sq.load_sizer("PbS").match(sq.library_samples(library)[0][0], 4000)
    >>> round(match.strain, 4), match.agreement > 0.99
    (0.002, True)
    """

    q: FloatArray
    measured: FloatArray
    simulated: FloatArray
    background: FloatArray
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
        Several times the same, where there are patterns of several fault probabilities.
    patterns : ndarray of shape (n_classes, n_dispersions, n_points)
        Area 1000.
    particles : ndarray of shape (n_particles, n_points), optional
        Of narrow populations of all sizes, shapes and fault probabilities; mean 1.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.load_sizer("PbS").reference.patterns.shape
    (19, 4, 1251)
    """

    q: FloatArray
    diameters: IntArray
    dispersions: FloatArray
    patterns: RealArray
    particles: RealArray | None = None

    @classmethod
    def from_library(cls, library: xr.Dataset, standardizer: QStandardizer) -> ReferencePatterns:
        """Take the patterns nearest to zero strain from a simulated library.

        Parameters
        ----------
        library : Dataset
            As :func:`sk_qdots.simulate_library` returns, of one shape and B; patterns of every
            fault probability stand beside each other.
        standardizer : QStandardizer
            Whose range they cover.

        Returns
        -------
        ReferencePatterns
        """
        intensity = library["intensity"].sel(strain=0.0, method="nearest")
        if "growth_fault" in intensity.dims:
            stacked = {"dispersions": ("growth_fault", "dispersion")}
            intensity = intensity.stack(stacked, create_index=False)
        else:
            intensity = intensity.rename(dispersion="dispersions")
        dispersions = np.asarray(library["dispersion"].values, dtype=np.float64)
        dispersions = np.resize(dispersions, intensity.sizes["dispersions"])
        intensity = intensity.transpose("diameter", "dispersions", "q")
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
            dispersions=dispersions,
            patterns=patterns.reshape(*intensity.shape[:2], -1).astype(np.float32),
        )

    def match(
        self, q: FloatArray, row: FloatArray, diameter: int, *, subtracted: bool = False
    ) -> Match:
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
        smooth = smooth_basis(x) / sigma[:, None]
        orthonormal, triangle = np.linalg.qr(smooth)
        target = measured / sigma
        structure = target - orthonormal @ (orthonormal.T @ target)

        place = int(np.flatnonzero(self.diameters == diameter)[0])
        scan = _Scan(self._splines(place), x, self.q, sigma, orthonormal, structure)
        best = scan.best_strain(_stride(diameter, float(x[-1])))
        explained, overlaps, norms = scan.at(np.array([best]))
        i = int(np.argmax(explained[:, 0]))
        scale = overlaps[i, 0] / norms[i, 0]
        simulated = scan.stretched(np.array([best]))[0, :, i] / sigma
        weights = np.linalg.solve(triangle, orthonormal.T @ (target - scale * simulated))
        background = (smooth @ weights) * sigma
        return Match(
            q=x,
            measured=measured,
            simulated=scale * simulated * sigma + background,
            background=background,
            dispersion=float(self.dispersions[i]),
            strain=float(_STRAINS[best]),
            agreement=share_explained(float(explained[i, 0]), structure, target),
        )

    def with_particles(self, q: FloatArray, particles: FloatArray) -> ReferencePatterns:
        """The same, with patterns of narrow populations, of which those of others are sums.

        Parameters
        ----------
        q : ndarray of shape (n_q,)
            In 1/Angstrom.
        particles : ndarray of shape (n_particles, n_q)

        Returns
        -------
        ReferencePatterns
        """
        found = resample(q, particles, self.q)
        found /= found.mean(axis=1, keepdims=True)
        return replace(self, particles=found.astype(np.float32))

    @cached_property
    def sums(self) -> BSpline:
        """Splines over Q through the patterns of the particles, sharp and broadened."""
        if self.particles is None:
            raise ValueError("there are no patterns of particles")
        sharp = self.particles.astype(np.float64)
        step = float(self.q[1] - self.q[0])
        broad = gaussian_filter1d(sharp, _RESOLUTION / step, mode="nearest")
        return make_interp_spline(self.q, np.concatenate([sharp, broad]).T, k=3)

    def _splines(self, place: int) -> BSpline:
        """Cubic splines through the patterns of one diameter, one a dispersion."""
        return make_interp_spline(self.q, self.patterns[place].T.astype(np.float64), k=3)


@dataclass(frozen=True)
class _Scan:
    """How much of a pattern's structure the patterns of one diameter explain, over strain."""

    splines: BSpline
    x: FloatArray
    grid: FloatArray
    sigma: FloatArray
    orthonormal: FloatArray
    structure: FloatArray

    def stretched(self, places: IntArray) -> FloatArray:
        """Patterns at some strains, of shape (n_strains, n_points, n_dispersions)."""
        points = np.multiply.outer(1.0 + _STRAINS[places], self.x)
        return np.asarray(self.splines(np.clip(points, self.grid[0], self.grid[-1])))

    def at(self, places: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What is explained, overlap and square, each of shape (n_dispersions, n_strains)."""
        patterns = np.moveaxis(self.stretched(places), 2, 0)
        # The structure is orthogonal to the background: no need to take it out of the patterns.
        columns = np.column_stack([self.structure, self.orthonormal]) / self.sigma[:, None]
        projections = patterns @ columns
        overlaps = np.maximum(projections[..., 0], 0.0)
        squares = (patterns**2) @ (1.0 / self.sigma**2)
        norms = np.maximum(squares - (projections[..., 1:] ** 2).sum(axis=-1), 1e-300)
        return overlaps**2 / norms, overlaps, norms

    def best_strain(self, stride: int) -> int:
        """Place of the strain that explains most: every few strains first, then all around."""
        coarse = np.arange(0, len(_STRAINS), stride)
        found = self.at(coarse)[0].max(axis=0)
        padded = np.concatenate([[-1.0], found, [-1.0]])
        peaks = np.flatnonzero((found >= padded[:-2]) & (found >= padded[2:]))
        highest = coarse[peaks[np.argsort(found[peaks])[::-1][:_N_PEAKS]]]
        around = np.add.outer(highest, np.arange(1 - stride, stride)).ravel()
        near = np.unique(np.clip(around, 0, len(_STRAINS) - 1))
        return int(near[np.argmax(self.at(near)[0].max(axis=0))])


def _stride(diameter: int, q_max: float) -> int:
    """Strains that may be left out at first: as many as lie within a part of a peak's width."""
    width = PEAK_WIDTH / (diameter / 100.0) / min(q_max, _Q_THAT_COUNTS)
    step = float(_STRAINS[1] - _STRAINS[0])
    return int(np.clip(_PART_OF_WIDTH * width / step, 1, _LARGEST_STRIDE))


def noise_of(target: FloatArray) -> float:
    """Expected sum of squares of the noise: second differences see nothing of the pattern."""
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(np.diff(target, 2))))
    return spread**2 / 6.0 * len(target)


def share_explained(explained: float, structure: FloatArray, target: FloatArray) -> float:
    """The agreement: what is explained of the squares of a pattern's structure, without noise."""
    noise = noise_of(target)
    total = float(structure @ structure) - noise
    # Structure within the noise proves nothing, and where there is no noise, within rounding.
    least = max(0.02 * noise, _LEAST_STRUCTURE * float(target @ target))
    return min(explained / total, 1.0) if total > least else 0.0


def smooth_basis(x: FloatArray) -> FloatArray:
    """Cubic splines on the knots, those that have points under them."""
    knots = np.concatenate([[_KNOTS[0]] * 3, _KNOTS, [_KNOTS[-1]] * 3])
    basis = BSpline.design_matrix(np.clip(x, _KNOTS[0], _KNOTS[-1]), knots, 3).toarray()
    return np.asarray(basis[:, basis.max(axis=0) > 0.02])

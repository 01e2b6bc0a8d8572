"""A whole experiment, drawn at random."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.interpolate import make_interp_spline

from .._patterns import area
from .._resampling import resample
from .._validation import Interval
from ..solvents import generic_liquid
from ._base import Augmenter, Generators
from ._solvent import mix

__all__ = ["RandomExperiment"]

Array = npt.NDArray[Any]


class RandomExperiment(Augmenter):
    """Draw a whole experiment for every row: liquid, dilution, range, step and counts.

    The liquids are a seeded family around :func:`sk_qdots.solvents.generic_liquid`
    (chains and rings, packing and size varied, then a smooth random change of the
    curve): no measured solvent is among them, so that a network trained with them
    must learn to see through *a* liquid, not through one that it knows.

    Parameters
    ----------
    qd_fraction : tuple of 2 float, default=(0.08, 1.0)
        Range of the dots' share of the integrated intensity, log-uniform.
    dry_share : float, default=0.2
        Share of the rows that have no liquid.
    scale : tuple of 2 float, default=(3.0, 200.0)
        Range of the counts per unit of intensity at area 1000, log-uniform.
    q_min : tuple of 2 float, default=(0.99, 1.8)
        Range of the lowest measured Q, in 1/Angstrom.
    q_max : tuple of 2 float, default=(4.4, 15.0)
        Range of the highest measured Q, in 1/Angstrom.
    full_range_share : float, default=0.5
        Share of the rows that keep the whole range.
    coarsening : tuple of 2 float, default=(1.0, 20.0)
        Range of the step of the counted points in units of the grid's, log-uniform.
        They are brought onto the grid as :class:`QStandardizer` does.
    fine_share : float, default=0.7
        Share of the rows that keep the grid's step.
    n_liquids : int, default=400
        Number of liquids in the family.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.
    random_state : int, RandomState instance or None, default=None
        Seed of the liquids and of the draws of ``transform``.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    liquids_ : ndarray of shape (n_liquids, n_q)
        The liquids on the grid, with unit area.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventMixer, PoissonNoise : One step each, with a fixed level.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> experiment = sq.RandomExperiment(n_liquids=5, random_state=0).fit(X)
    >>> experiment.perturb(X, np.random.default_rng(0)).shape
    (1, 5004)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "qd_fraction": [tuple],
        "dry_share": [Interval(Real, 0.0, 1.0, closed="both")],
        "scale": [tuple],
        "q_min": [tuple],
        "q_max": [tuple],
        "full_range_share": [Interval(Real, 0.0, 1.0, closed="both")],
        "coarsening": [tuple],
        "fine_share": [Interval(Real, 0.0, 1.0, closed="both")],
        "n_liquids": [Interval(Integral, 1, None, closed="left")],
        "q": ["array-like", None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        qd_fraction: tuple[float, float] = (0.08, 1.0),
        dry_share: float = 0.2,
        scale: tuple[float, float] = (3.0, 200.0),
        q_min: tuple[float, float] = (0.99, 1.8),
        q_max: tuple[float, float] = (4.4, 15.0),
        full_range_share: float = 0.5,
        coarsening: tuple[float, float] = (1.0, 20.0),
        fine_share: float = 0.7,
        n_liquids: int = 400,
        q: npt.ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.qd_fraction = qd_fraction
        self.dry_share = dry_share
        self.scale = scale
        self.q_min = q_min
        self.q_max = q_max
        self.full_range_share = full_range_share
        self.coarsening = coarsening
        self.fine_share = fine_share
        self.n_liquids = n_liquids
        self.q = q
        self.random_state = random_state

    def _check_parameters(self) -> None:
        limits = {
            "qd_fraction": (0.0, 1.0),
            "scale": (0.0, np.inf),
            "q_min": (0.0, np.inf),
            "q_max": (0.0, np.inf),
            "coarsening": (1.0 - 1e-12, np.inf),
        }
        for name, (lower, upper) in limits.items():
            bounds = getattr(self, name)
            numbers = len(bounds) == 2 and all(isinstance(b, Real) for b in bounds)
            if not numbers or not lower < bounds[0] <= bounds[1] <= upper or bounds[1] == np.inf:
                raise ValueError(
                    f"{name} is {bounds}; it must be (low, high) with "
                    f"{lower:.4g} < low <= high <= {upper:.4g}"
                )
        if self.q_min[1] >= self.q_max[0]:
            raise ValueError(
                f"q_min goes up to {self.q_min[1]} and q_max starts at {self.q_max[0]}: "
                "a drawn range could be empty"
            )

    def _prepare(self) -> None:
        self.liquids_ = _liquid_family(self.q_, self.n_liquids, np.random.default_rng(self.seed_))

    def _apply(self, X: Array, rngs: Generators) -> Array:
        draws = [self._draw(rng) for rng in rngs]
        liquid = np.stack([d["liquid"] for d in draws]) if draws else np.empty_like(X)
        fraction = np.array([d["qd_fraction"] for d in draws])
        mixed = mix(X, liquid, fraction, self.q_)
        # The scale is stated for area 1000: independent of the units of the rows.
        unit = area(X, self.q_) / 1000.0
        unit = np.where(unit > 0, unit, 1.0)
        result = np.empty_like(mixed)
        for row, (draw, rng) in enumerate(zip(draws, rngs, strict=True)):
            clean = mixed[row] / unit[row]
            result[row] = unit[row] * _count_coarse(clean, self.q_, draw, rng)
            low, high = draw["range"]
            outside = (self.q_ < low) | (self.q_ > high)
            if not outside.all():  # else the grid itself lies outside the drawn range
                result[row, outside] = np.nan
            result[row, np.isnan(X[row])] = np.nan
        return result

    def _draw(self, rng: np.random.Generator) -> dict[str, Any]:
        first, second = rng.integers(0, len(self.liquids_), 2)
        blend = rng.uniform()
        liquid = blend * self.liquids_[first] + (1.0 - blend) * self.liquids_[second]
        dry = rng.uniform() < self.dry_share
        whole = rng.uniform() < self.full_range_share
        fine = rng.uniform() < self.fine_share
        low, high = rng.uniform(*self.q_min), rng.uniform(*self.q_max)
        step = _log_uniform(self.coarsening, rng)
        fraction = _log_uniform(self.qd_fraction, rng)
        return {
            "liquid": liquid,
            "qd_fraction": 1.0 if dry else fraction,
            "scale": _log_uniform(self.scale, rng),
            "range": (-np.inf, np.inf) if whole else (low, high),
            "step": 1.0 if fine else step,
            "phase": rng.uniform(),
        }


def _log_uniform(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _count_coarse(clean: Array, q: Array, draw: dict[str, Any], rng: np.random.Generator) -> Array:
    """Counts at points ``step`` grid steps apart, brought back onto the grid."""
    scale, step = draw["scale"], draw["step"]
    if step <= 1.0:
        return np.asarray(rng.poisson(np.nan_to_num(clean) * scale) / scale)
    spacing = step * (q[-1] - q[0]) / max(len(q) - 1, 1)
    points = np.arange(q[0] - draw["phase"] * spacing, q[-1] + spacing, max(spacing, 1e-9))
    if len(points) < 2:
        return np.asarray(rng.poisson(np.nan_to_num(clean) * scale) / scale)
    expected = np.interp(points, q, np.nan_to_num(clean))
    counted = rng.poisson(expected * scale)[None, :] / scale
    return np.asarray(resample(points, counted, q)[0])


def _liquid_family(q: Array, n_liquids: int, rng: np.random.Generator) -> Array:
    """Liquids of unit area: generic ones with random parameters and a smooth random change."""
    family = np.empty((n_liquids, len(q)), dtype=np.float32)
    knots = np.log(np.array([0.5, 0.8, 1.1, 1.4, 1.8, 2.3, 3.0, 4.0, 5.2, 7.0, 10.0, 15.0, 25.0]))
    # Liquids are smooth: a coarse grid and a spline give them to 1e-4.
    coarse = np.linspace(q[0], q[-1], min(len(q), 400))
    for row in family:
        curve = generic_liquid(
            coarse,
            n_carbons=int(rng.integers(4, 12)),
            aromatic=bool(rng.random() < 0.4),
            sphere_diameter=rng.uniform(4.2, 5.8),
            packing=rng.uniform(0.28, 0.45),
            flexibility=rng.uniform(0.05, 0.25),
        )
        # Chosen, not measured: larger at low Q, where liquids differ, 3 % at high Q, where
        # every atom scatters by itself.
        spread = 0.03 + rng.uniform(0.0, 0.35) * np.exp(-np.exp(knots) / 3.0)
        curve *= np.exp(_smooth_curve(knots, rng.normal(0.0, spread), np.log(coarse)))
        curve = _smooth_curve(coarse, curve, q)
        row[:] = curve / max(float(area(curve[None, :], q)[0]), 1e-300)
    return family


def _smooth_curve(knots: Array, values: Array, at: Array) -> Array:
    return np.asarray(make_interp_spline(knots, values, k=min(3, len(knots) - 1))(at))

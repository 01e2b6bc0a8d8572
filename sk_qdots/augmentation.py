r"""What an experiment does to a simulated pattern, as scikit-learn transformers.

A diluted, counted pattern is

.. math::

    I(Q) = \frac{n(Q)}{k}, \qquad n \sim \mathrm{Poisson}(k\,I_0), \qquad
    I_0 = c\,I_\mathrm{qd} + (1 - c)\,I_\mathrm{solvent},

with :math:`I_\mathrm{qd}` and :math:`I_\mathrm{solvent}` of equal area, so that
:math:`c` (``qd_fraction``) is the dots' share of the integrated intensity. The
mean signal-to-noise ratio is :math:`\sqrt{k\,\langle I_0 \rangle}`.

Every transformer draws in two ways. ``transform`` seeds each row by
``random_state`` and the row's own numbers: the result does not depend on order,
batch or number of workers. ``perturb(X, rng)`` draws afresh from a generator:
a network that trains with it never sees the same noise twice.
"""

from __future__ import annotations

import hashlib
from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import make_interp_spline
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin

from ._patterns import area, check_axis, q_of, rows_of
from ._resampling import resample
from ._validation import Interval, check_is_fitted, check_random_state, fit_context, validate_data
from .simulation import default_q_grid
from .solvents import generic_liquid, load_solvent

__all__ = [
    "PoissonNoise",
    "RandomExperiment",
    "SolventMixer",
    "augment_library",
    "library_samples",
]

Array = npt.NDArray[Any]
Generators = Sequence[np.random.Generator]


class _Augmenter(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta):  # type: ignore[misc]
    """Base of the transformers that act on sample-first patterns on one Q grid.

    The grid is the coordinate ``q`` of a DataArray, or the parameter ``q``; without
    either a bare array's columns are taken to span the range of
    :func:`sk_qdots.default_q_grid` evenly.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Remember the grid and draw the seed.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        y : None
            Ignored.

        Returns
        -------
        self
        """
        self._check_parameters()
        values = self._validated(X, reset=True)
        self.q_ = _grid(X, getattr(self, "q", None), values.shape[1])
        random_state = check_random_state(getattr(self, "random_state", None))
        self.seed_ = int(random_state.randint(np.iinfo(np.int32).max))
        self._prepare()
        return self

    def transform(self, X: Any) -> Any:
        """Apply the experiment, each row seeded by itself.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)

        Returns
        -------
        ndarray or DataArray of shape (n_samples, n_q)
            A DataArray where one was given, with its coordinates.
        """
        check_is_fitted(self)
        values = self._validated(X, reset=False)
        rngs = [np.random.default_rng([self.seed_, _digest(row)]) for row in values]
        return _like(X, self._apply(values, rngs))

    def perturb(self, X: Any, rng: np.random.Generator) -> Any:
        """Apply the experiment with fresh draws.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        rng : numpy.random.Generator

        Returns
        -------
        ndarray or DataArray of shape (n_samples, n_q)
        """
        check_is_fitted(self)
        values = self._validated(X, reset=False)
        return _like(X, self._apply(values, [rng] * len(values)))

    def _validated(self, X: Any, *, reset: bool) -> Array:
        if isinstance(X, xr.DataArray):
            rows_of(X)  # refuses an array that is not sample-first
            if not reset and not np.allclose(q_of(X), self.q_, rtol=0.0, atol=1e-9):
                raise ValueError(f"{type(self).__name__} was fitted on another Q grid")
        values = np.asarray(
            validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                ensure_all_finite="allow-nan",
            )
        )
        if values.size and np.nanmin(values, initial=0.0) < 0:
            raise ValueError(
                "Negative values in data passed to "
                f"{type(self).__name__}: intensities are counts and cannot be negative"
            )
        return values

    def _check_parameters(self) -> None:
        """Refuse combinations that ``_parameter_constraints`` cannot express."""

    def _prepare(self) -> None:
        """Compute what every draw shares, once."""

    @abstractmethod
    def _apply(self, X: Array, rngs: Generators) -> Array:
        """Perturb rows, each with its own generator."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.allow_nan = True
        tags.non_deterministic = False
        return tags


class SolventMixer(_Augmenter):
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
        on_grid = _curve_on_grid(curve, self.q_)
        self.solvent_ = on_grid / max(float(area(on_grid[None, :], self.q_)[0]), 1e-300)

    def _apply(self, X: Array, rngs: Generators) -> Array:
        fraction = np.full(len(X), float(self.qd_fraction))
        return _mix(X, np.broadcast_to(self.solvent_, X.shape), fraction, self.q_)


class PoissonNoise(_Augmenter):
    """Counting noise.

    Parameters
    ----------
    snr : float or None, default=46.0
        Mean signal-to-noise ratio, sqrt(k mean(I)); k follows for each row.
    scale : float or None, default=None
        Counts per unit of intensity, k, instead of ``snr``.
    random_state : int, RandomState instance or None, default=None
        Seed of the noise.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    SolventMixer : Dilution.

    Notes
    -----
    The result is n / k with n drawn from a Poisson law of mean k I, so that its
    mean is I and its variance I / k.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> noisy = sq.PoissonNoise(snr=14, random_state=0).fit_transform(np.full((1, 4000), 70.0))
    >>> bool(abs(noisy.mean() / noisy.std() - 14) < 0.5)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "snr": [Interval(Real, 0, None, closed="neither"), None],
        "scale": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        snr: float | None = 46.0,
        scale: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.snr = snr
        self.scale = scale
        self.random_state = random_state

    def _check_parameters(self) -> None:
        if self.snr is None and self.scale is None:
            raise ValueError("PoissonNoise needs snr or scale; both are None")

    def _apply(self, X: Array, rngs: Generators) -> Array:
        if self.scale is not None:
            scale = np.full(len(X), float(self.scale))
        else:
            assert self.snr is not None
            mean = np.nanmean(X, axis=1, dtype=np.float64)
            scale = float(self.snr) ** 2 / np.maximum(mean, 1e-300)
        return _count(X, scale, rngs)


class RandomExperiment(_Augmenter):
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
        mixed = _mix(X, liquid, fraction, self.q_)
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
    on_grid = [_curve_on_grid(curve, q) for curve in curves]
    unit_curves = [curve / area(curve[None, :], q)[0] for curve in on_grid]

    intensity = library["intensity"].transpose(..., "q")
    parents = intensity.values.reshape(-1, len(q)).astype(np.float64)
    parents *= (1000.0 / area(parents, q))[:, None]
    # One child seed a parent simulation: a part of the library gives the same rows.
    seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
    factorial = (len(solvents), len(qd_fractions), len(snr))
    result = np.empty((len(parents), *factorial, len(q)), dtype=np.float32)
    for parent, pattern in enumerate(parents):
        rng = np.random.default_rng([seed, _digest(pattern)])
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


def _grid(X: Any, q: npt.ArrayLike | None, n_features: int) -> Array:
    standard = default_q_grid()
    grid = np.linspace(standard[0], standard[-1], n_features)
    if isinstance(X, xr.DataArray):
        grid = q_of(X)
    elif q is not None:
        grid = np.asarray(q, dtype=np.float64)
    check_axis(grid, n_features)
    return grid


def _like(X: Any, values: Array) -> Any:
    return X.copy(data=values) if isinstance(X, xr.DataArray) else values


def _digest(row: Array) -> int:
    data = np.ascontiguousarray(row, dtype=np.float32)
    return int.from_bytes(hashlib.blake2b(data.tobytes(), digest_size=8).digest(), "little")


def _log_uniform(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(bounds[0]), np.log(bounds[1]))))


def _curve_on_grid(curve: xr.DataArray, q: Array) -> Array:
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


def _mix(X: Array, curves: Array, fraction: Array, q: Array) -> Array:
    """C I + (1 - c) times the curve of equal area over the measured points."""
    own = area(X, q)
    theirs = area(np.where(np.isnan(X), np.nan, curves), q)
    weight = (1.0 - fraction) * own / np.where(theirs > 0, theirs, 1.0)
    return (fraction[:, None] * X + weight[:, None] * curves).astype(X.dtype)


def _count(X: Array, scale: Array, rngs: Generators) -> Array:
    result = np.full_like(X, np.nan)
    for row, (k, rng) in enumerate(zip(scale, rngs, strict=True)):
        measured = ~np.isnan(X[row])
        result[row, measured] = rng.poisson(X[row, measured] * k) / k
    return result


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
        # Larger at low Q, where liquids differ; 3 % at high Q, where all atoms are free.
        spread = 0.03 + rng.uniform(0.0, 0.35) * np.exp(-np.exp(knots) / 3.0)
        curve *= np.exp(_smooth_curve(knots, rng.normal(0.0, spread), np.log(coarse)))
        curve = _smooth_curve(coarse, curve, q)
        row[:] = curve / max(float(area(curve[None, :], q)[0]), 1e-300)
    return family


def _smooth_curve(knots: Array, values: Array, at: Array) -> Array:
    return np.asarray(make_interp_spline(knots, values, k=min(3, len(knots) - 1))(at))

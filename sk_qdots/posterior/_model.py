"""Patterns of a series at the points of a measurement, as functions of what is sought.

Sought are the volume average and the dispersion of the diameter, strain, and what else varies in
the series. The square of the width of the resolution takes the place of the width: a pattern is
linear in it where it is small. A March coefficient is sought as its logarithm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict, TypeVar, cast

import numpy as np

from .._typing import Float32Array, FloatArray
from ..simulation.lognormals import number_mean, number_weights, volume_mean
from ._bins import Bins
from ._cluster_patterns import ClusterPatterns, MixedPatterns

__all__ = ["EXTRAS", "BinnedSeries", "Ranges", "sought", "told"]

EXTRAS = ("strain", "b_iso", "march", "fwhm", "eta", "growth_fault", "deformation_fault")
_STEPS = {"march": 1e-2, "fwhm": 0.02, "eta": 0.05, "growth_fault": 2e-3, "deformation_fault": 2e-3}
_VOLUME_STEP, _DISPERSION_STEP = 1e-3, 1e-3  # relative; absolute
_SCAN_STRAIN = 6e-4  # from one strain of the scan to the next
_SCAN_DIAMETERS, _SCAN_DISPERSIONS = 14, (0.25, 0.7)  # number; where in their range
_SCAN_FAULTS = (0.0, 0.12, 0.35, 0.65, 0.95)  # where in their range
_SCAN_WIDTHS = (0.02, 0.6)
_SCAN_MARCHES = (0.5, 1.0, 1.6)
_SHARE, _SHARE_DEVIATION = 0.5, 0.35  # Lorentzian, before: any, but not all of them alike
_RARE = 1e-5  # height of a peak, of the highest, of particles that are left out
_N_POPULATIONS = 2  # that are kept mixed
_N_RECENT = 6  # places whose curves are kept: another fit begins where the last ones ended


class Values(TypedDict, total=False):
    """Arguments of :meth:`MixedPatterns.patterns`; ``march``, too, of those that are oriented."""

    strain: float
    b_iso: float
    fwhm: float
    eta: float
    growth_fault: float
    deformation_fault: float


def sought(name: str, values: FloatArray) -> FloatArray:
    """What is sought for values: the square of a width, the logarithm of a March coefficient."""
    if name == "fwhm":
        return np.square(values)
    return np.log(values) if name == "march" else values


def told(name: str, values: FloatArray) -> FloatArray:
    """The values of what is sought."""
    if name == "fwhm":
        return np.sqrt(np.maximum(values, 0.0))
    return np.exp(values) if name == "march" else values


@dataclass(frozen=True)
class Ranges:
    """What is sought, between which ends.

    Parameters
    ----------
    diameters, dispersions : tuple of 2 float
        Lowest and highest number average, in nm, and standard deviation / mean.
    extras : mapping of str to (float, float)
        Of the other values, as they are sought (:func:`sought`).
    """

    diameters: tuple[float, float]
    dispersions: tuple[float, float]
    extras: Mapping[str, tuple[float, float]]

    @classmethod
    def of(
        cls,
        series: ClusterPatterns,
        diameters: tuple[float, float],
        dispersions: tuple[float, float],
        fixed: Mapping[str, float],
    ) -> Ranges:
        """Ranges of all that varies in a series and is not fixed."""
        extras = {}
        for name in EXTRAS:
            if name in series.bounds and name not in fixed:
                low, high = sought(name, np.array(series.bounds[name])).tolist()
                extras[name] = low, high
        return cls(
            diameters,
            dispersions,
            {name: ends for name, ends in extras.items() if ends[0] < ends[1]},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What is sought, in order."""
        return ("volume", "dispersion", *self.extras)

    @property
    def low(self) -> FloatArray:
        """Lower ends; that of the volume average at the lowest dispersion."""
        return np.array([0.0, self.dispersions[0], *(a for a, _ in self.extras.values())])

    @property
    def high(self) -> FloatArray:
        """Upper ends."""
        return np.array([np.inf, self.dispersions[1], *(b for _, b in self.extras.values())])

    @property
    def centres(self) -> FloatArray:
        """Prior means of the extras."""
        usual = {"b_iso": 0.0, "eta": _SHARE}
        return np.array([usual.get(n, 0.5 * sum(e)) for n, e in self.extras.items()])

    @property
    def precisions(self) -> FloatArray:
        """Prior precisions of the extras: weak, but of displacements."""
        found = []
        for name, (low, high) in self.extras.items():
            width = 0.5 * max(abs(low), abs(high)) if name == "b_iso" else high - low
            width = _SHARE_DEVIATION if name == "eta" else width
            found.append(1.0 / width**2)
        return np.array(found)

    def clipped(self, place: FloatArray) -> FloatArray:
        """A place inside the ranges."""
        found = np.clip(place, self.low, self.high)
        ends = volume_mean(np.array(self.diameters), found[1:2])
        found[0] = np.clip(place[0], *ends)
        return np.asarray(found)


class BinnedSeries:
    """Patterns of a series in the bins of a measurement.

    Parameters
    ----------
    series : ClusterPatterns
    bins : Bins
        On the grid of the series.
    ranges : Ranges
    fixed : mapping of str to float
        Values that are not sought.
    """

    def __init__(
        self, series: ClusterPatterns, bins: Bins, ranges: Ranges, fixed: Mapping[str, float]
    ) -> None:
        self.series, self.bins, self.ranges, self.fixed = series, bins, ranges, dict(fixed)
        self.factor: FloatArray | None = None
        self._series = series.at(bins.places)
        self._each = self._series.particles()
        self._recent: dict[bytes, tuple[FloatArray, FloatArray]] = {}
        self._populations: dict[bytes, MixedPatterns] = {}
        self._particles: dict[bytes, FloatArray] = {}

    def multiplied(self, factor: FloatArray | None) -> BinnedSeries:
        """The same patterns, (n_bins) times a factor: what texture makes of them."""
        other = copy(self)
        other.factor = factor
        other._recent, other._particles = {}, {}
        return other

    def only(self, particles: slice) -> BinnedSeries:
        """The same, of populations that some of the particles make up; at the bins alone."""
        other = copy(self)
        other._series = self._series.only(particles)
        other._each = other._series.particles()
        other._recent, other._particles, other._populations = {}, {}, {}
        return other

    def _binned(self, curves: FloatArray) -> FloatArray:
        found = self.bins.of_places(curves)
        return found if self.factor is None else found * self.factor

    def values(self, extras: FloatArray) -> Values:
        """Arguments for the series of values of the extras."""
        found = dict(self.fixed)
        for name, value in zip(self.ranges.extras, extras, strict=True):
            found[name] = float(told(name, value))
        return cast("Values", found)

    def curves(self, place: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pattern of mean 1 at a place, and its derivatives by all that is sought.

        Returns
        -------
        curve : ndarray of shape (n_bins,)
        derivatives : ndarray of shape (n_sought, n_bins)
        """
        return _kept(self._recent, place, self._curves, _N_RECENT)

    def _curves(self, place: FloatArray) -> tuple[FloatArray, FloatArray]:
        mixed = self._mixed(place[:2])
        steps = (_VOLUME_STEP * place[0], _DISPERSION_STEP)
        patterns, strain, b_iso = mixed.with_slopes(**self.values(place[2:]))
        rows, here = [patterns], mixed.first()
        scales: list[float] = []
        for k, (name, (low, high)) in enumerate(self.ranges.extras.items()):
            if name in ("strain", "b_iso"):
                rows.append((strain if name == "strain" else b_iso)[None])
                scales.append(0.0)
                continue
            step = _STEPS[name] * (high - low) if name == "fwhm" else _STEPS[name]
            moved = place[2:].copy()
            step = step if moved[k] + step <= high else -step
            moved[k] += step
            rows.append(here.patterns(**self.values(moved)))
            scales.append(step)
        binned = self._binned(np.concatenate(rows))
        binned /= binned[0].mean()
        curve = binned[0]
        derivatives = binned[1:]
        derivatives[:2] -= curve
        derivatives[:2] /= np.array(steps)[:, None]
        for k, step in enumerate(scales):
            if step:
                derivatives[2 + k] = (derivatives[2 + k] - curve) / step
        return curve, derivatives

    def _mixed(self, sizes: FloatArray) -> MixedPatterns:
        """A population of a volume average and dispersion, and those a step of each away."""
        return _kept(self._populations, sizes, self._mixed_at, _N_POPULATIONS)

    def _mixed_at(self, sizes: FloatArray) -> MixedPatterns:
        volume, dispersion = sizes
        volumes = np.array([volume, volume + _VOLUME_STEP * volume, volume])
        dispersions = np.array([dispersion, dispersion, dispersion + _DISPERSION_STEP])
        return self._series.mix(self.populations(volumes, dispersions))

    def along(self, name: str, place: FloatArray, values: FloatArray) -> FloatArray:
        """Patterns of mean 1 at a place with other values of one of the extras.

        Returns
        -------
        ndarray of shape (n_values, n_bins)
        """
        mixed = self._mixed(place[:2]).first()
        extras = np.tile(place[2:], (len(values), 1))
        extras[:, list(self.ranges.extras).index(name)] = values
        rows = np.concatenate([mixed.patterns(**self.values(each)) for each in extras])
        binned = self._binned(rows)
        return np.asarray(binned / binned.mean(axis=1, keepdims=True))

    def of_shares(
        self, place: FloatArray, gridded: Mapping[str, float]
    ) -> tuple[FloatArray, FloatArray]:
        """The pattern of a place, at other values of extras, and how it goes with the share.

        It is linear in the Lorentzian share, and the wider the profile is the more depends on that.

        Returns
        -------
        curve, derivative : ndarray of shape (n_bins,)
        """
        names = list(self.ranges.extras)
        extras = place[2:].copy()
        extras[[names.index(name) for name in gridded]] = list(gridded.values())
        low, high = self.ranges.extras["eta"]
        wanted = extras[names.index("eta")]
        mixed = self._mixed(place[:2]).first()
        rows = []
        for share in (low, high):
            extras[names.index("eta")] = share
            rows.append(mixed.patterns(**self.values(extras)))
        binned = self._binned(np.concatenate(rows))
        binned /= binned.mean(axis=1, keepdims=True)
        slope = (binned[1] - binned[0]) / (high - low)
        return binned[0] + (wanted - low) * slope, slope

    def at_points(self, place: FloatArray) -> FloatArray:
        """Pattern at the points of the measurement, scaled as the curve in its bins."""
        weights = self.populations(place[:1], place[1:2])
        pattern = self.series.mix(weights).patterns(**self.values(place[2:]))
        binned = self.bins.of_model(pattern)[0]
        return np.asarray(np.interp(self.bins.points, self.series.q, pattern[0]) / binned.mean())

    def populations(self, volume: FloatArray, dispersion: FloatArray) -> FloatArray:
        """Number fractions of the particles in populations."""
        return number_weights(self._series.diameters, number_mean(volume, dispersion), dispersion)

    @property
    def n_particles(self) -> int:
        """That make up the populations."""
        return len(self._series.diameters)

    def common(self, volume: FloatArray, dispersion: FloatArray, least: float = _RARE) -> slice:
        """The particles that scatter in any of some populations.

        Parameters
        ----------
        volume, dispersion : ndarray of shape (n,)
            Volume averages, in nm, and standard deviation / mean.
        least : float, default=1e-5
            Height of a peak, of the highest, of particles that are left out.

        Returns
        -------
        slice
        """
        if not len(volume):
            return slice(0, 0)
        # The height of a peak goes with the square of the volume.
        heights = self.populations(volume, dispersion) * self._series.formula_units**2
        heights /= heights.max(axis=1, keepdims=True)
        kept = np.flatnonzero(heights.max(axis=0) > least)
        return slice(int(kept[0]), int(kept[-1]) + 1)

    def particles(self, extras: FloatArray) -> FloatArray:
        """Patterns of every particle, (n_particles, n_bins), each by its number of formula units.

        So that number fractions weigh them. Of mean 1 for the largest.
        """
        return _kept(self._particles, extras, self._particles_at, 1)

    def _particles_at(self, extras: FloatArray) -> FloatArray:
        found = self._binned(self._each.patterns(**self.values(extras)))
        found *= self._series.formula_units[:, None]
        return np.asarray(found / found.mean(axis=1).max())

    @cached_property
    def scan(self) -> tuple[FloatArray, Float32Array]:
        """Places all over the ranges, (n_places, n_sought), and their patterns of mean 1."""
        ranges = self.ranges
        volumes = np.geomspace(*ranges.diameters, _SCAN_DIAMETERS)
        low, high = ranges.dispersions
        dispersions = np.array([low + t * (high - low) for t in _SCAN_DISPERSIONS])
        sizes = np.stack([a.ravel() for a in np.meshgrid(volumes, dispersions, indexing="ij")])
        mixed = self._series.mix(self.populations(*sizes))
        axes = [self._scan_axis(name) for name in ranges.extras]
        places, patterns = [], []
        for extras in np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1):
            rows = self.bins.of_places(mixed.patterns(**self.values(extras)))
            patterns.append((rows / rows.mean(axis=1, keepdims=True)).astype(np.float32))
            places.append(np.concatenate([sizes.T, np.tile(extras, (sizes.shape[1], 1))], axis=1))
        return np.concatenate(places), np.concatenate(patterns)

    @cached_property
    def squared_scan(self) -> Float32Array:
        """Squares of the patterns of the scan."""
        return np.square(self.scan[1])

    def _scan_axis(self, name: str) -> FloatArray:
        low, high = self.ranges.extras[name]
        if name == "strain":
            return np.linspace(low, high, int(np.ceil((high - low) / _SCAN_STRAIN)) + 1)
        if name == "b_iso":
            return np.zeros(1)
        if name == "eta":
            return np.array([_SHARE])
        if name == "march":
            return np.clip(np.log(_SCAN_MARCHES), low, high)
        shares = np.array(_SCAN_WIDTHS if name == "fwhm" else _SCAN_FAULTS)
        return np.asarray(low + (high - low) * shares)


_T = TypeVar("_T")


def _kept(
    recent: dict[bytes, _T], place: FloatArray, made: Callable[[FloatArray], _T], count: int
) -> _T:
    """What was made of a place; that of the last few is kept."""
    key = place.tobytes()
    found = recent.pop(key, None)
    recent[key] = made(place) if found is None else found
    if len(recent) > count:
        recent.pop(next(iter(recent)))
    return recent[key]

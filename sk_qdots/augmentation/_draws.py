"""The numbers of an experiment, drawn for every row from its own generator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np

from .._typing import BoolArray, FloatArray
from ._background import N_HALO, N_SMOOTH
from .base import Generators
from .laboratories import Laboratory
from .mixing import CurveFamily

__all__ = ["Draw", "distributions_of", "effects_of", "told_errors"]

_EFFECTS = ("factors", "ligand", "fluorescence", "slow_error")
_N_EXTRA = 9 + N_HALO
_LONE_SHARE = 0.5  # of the rows with free factors: some groups too strong, the others as they are
_LONE_GROUPS = 0.2  # of the groups of such a row
_TOLD_ERROR = 0.04  # standard deviation of a told width, relative


def distributions_of(laboratories: Sequence[Laboratory]) -> dict[str, FloatArray]:
    """Ranges and shares by name, an entry for each laboratory."""
    known = {
        field.name: np.array([getattr(lab, field.name) for lab in laboratories])
        for field in fields(Laboratory)
        if field.name != "caglioti"
    }
    known["caglioti"] = np.array([lab.caglioti or (np.nan,) * 3 for lab in laboratories])
    return known


def effects_of(distributions: Mapping[str, FloatArray]) -> bool:
    """Whether any laboratory has an effect that is drawn behind the others."""
    return any(distributions[f"{name}_share"].any() for name in _EFFECTS)


def told_errors(rngs: Generators) -> tuple[FloatArray, FloatArray]:
    """A uniform deviate, and the logarithm of the factor by which a told width is wrong."""
    uniform = np.array([rng.random() for rng in rngs])
    return uniform, _TOLD_ERROR * np.array([rng.standard_normal() for rng in rngs])


class Draw:
    """The parameters of one experiment a row, from that row's generator."""

    _N_UNIFORM = 26 + 2 * CurveFamily.n_uniform
    _N_NORMAL = 2 * CurveFamily.n_normal + N_SMOOTH

    def __init__(
        self,
        distributions: Mapping[str, FloatArray],
        weights: FloatArray,
        rngs: Generators,
        n_groups: int = 0,
    ) -> None:
        uniform = np.array([rng.random(self._N_UNIFORM) for rng in rngs])
        normal = np.array([rng.standard_normal(self._N_NORMAL) for rng in rngs])
        n, m = CurveFamily.n_uniform, CurveFamily.n_normal
        self.liquid, self.holder, rest = np.split(uniform, [n, 2 * n], axis=1)
        self.liquid_change, self.holder_change, self.smooth = np.split(normal, [m, 2 * m], axis=1)
        columns = iter(rest.T)
        which = np.searchsorted(weights, next(columns) * weights[-1], side="right")
        which = np.minimum(which, len(weights) - 1)
        self.laboratory = which

        def within(name: str, *, log: bool = False) -> FloatArray:
            low, high = distributions[name][which].T
            u = next(columns)
            if log:
                return np.asarray(low * (high / low) ** u)
            return np.asarray(low + u * (high - low))

        def happens(name: str) -> BoolArray:
            return np.asarray(next(columns) < distributions[name][which])

        self.wavelength = within("wavelength")
        fraction, dry = within("qd_fraction", log=True), happens("dry_share")
        self.qd_fraction = np.where(dry, 1.0, fraction)
        self.scale = within("scale", log=True)
        low, high, whole = within("q_min"), within("q_max"), happens("full_range_share")
        self.low = np.where(whole, -np.inf, low)
        self.high = np.where(whole, np.inf, high)
        step, fine = within("coarsening", log=True), happens("fine_share")
        self.step = np.where(fine, 1.0, step)
        self.phase = next(columns)
        background, has_background = within("background"), happens("background_share")
        self.background = np.where(has_background, background, 0.0)
        self.holder_part = next(columns)
        self.fwhm = within("fwhm", log=True)
        self.fwhm_growth, self.eta = within("fwhm_growth"), within("eta")
        self.broadened = happens("broadening_share")
        self.zero_shift = within("zero_shift")
        self.wavelength_error = within("wavelength_error")
        # No angle beyond the limiting sphere, whatever the range.
        self.limit = 4.0 * np.pi / (self.wavelength * (1.0 + self.wavelength_error))
        self.k_alpha2 = within("k_alpha2")
        self.k_alpha2_split = distributions["k_alpha2_split"][which]
        self.polarised = happens("polarised_share")
        self.march, self.facet = within("march", log=True), next(columns)
        self.textured = happens("texture_share")
        self.splined = next(columns)
        self.caglioti = distributions["caglioti"][which]
        # Drawn last, and only where there are any: without them all else is drawn as before.
        has_effects, n_rows = effects_of(distributions), len(which)
        n_extra = _N_EXTRA + 2 * n_groups
        extra = np.ones((n_rows, n_extra))
        self.slow_normal = np.zeros((n_rows, N_SMOOTH))
        if has_effects:
            extra = np.array([rng.random(n_extra) for rng in rngs])
            self.slow_normal = np.array([rng.standard_normal(N_SMOOTH) for rng in rngs])
        columns = iter(extra.T)
        strength, has_factors = within("factors", log=True), happens("factors_share")
        is_lone = next(columns) < _LONE_SHARE
        self.has_factors = has_factors
        self.ligand = np.where(happens("ligand_share"), within("ligand"), 0.0)
        self.fluorescence = np.where(happens("fluorescence_share"), within("fluorescence"), 0.0)
        self.slow_error = np.where(happens("slow_error_share"), within("slow_error"), 0.0)
        self.halo = extra[:, _N_EXTRA - N_HALO : _N_EXTRA]
        deviates, chosen = extra[:, _N_EXTRA : _N_EXTRA + n_groups], extra[:, _N_EXTRA + n_groups :]
        lone = np.where(chosen < _LONE_GROUPS, deviates, 0.0)
        exponents = np.where(is_lone[:, None], lone, 2.0 * deviates - 1.0)
        self.log_factors = np.log(strength)[:, None] * exponents

    def resolution(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The parameters u, v and w of each row."""
        square = self.fwhm**2
        grown = (self.fwhm_growth * square, np.zeros_like(square), square)
        is_shaped = np.isfinite(self.caglioti).all(axis=1)
        u, v, w = (
            np.where(is_shaped, square * shape, plain)
            for shape, plain in zip(self.caglioti.T, grown, strict=True)
        )
        return u, v, w

"""The size distribution that an answer states, as curves."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .._typing import FloatArray, Json, JsonObject
from ..sizing import Sizing

__all__ = ["distribution_curves"]

_N_SIZES = 160
_N_DRAWS = 400
_SHOWN = 0.003  # of the highest density
_BAND = (0.05, 0.95)
_BY = ("number", "volume")
_DIGITS = 5


def distribution_curves(sizing: Sizing) -> JsonObject:
    """Densities by number and by volume, over the diameter.

    Parameters
    ----------
    sizing : Sizing

    Returns
    -------
    dict
        ``kind`` and ``about``. Of ``"density"`` and ``"free"``: ``diameter`` (nm), and under
        ``number`` and ``volume`` the ``mean``, ``low`` and ``high`` densities (1/nm), between
        which 90 % lie. Of ``"classes"``, where no spread is known: ``diameter`` and
        ``probability``.
    """
    posterior = sizing.posterior
    if posterior is not None and posterior.distribution is not None:
        return _free(posterior.distribution)
    draws = _draws(sizing)
    if draws is None:
        return {
            "kind": "classes",
            "about": "how likely each size is; the sizer estimates no spread",
            "diameter": _listed(sizing.probabilities["diameter"].values),
            "probability": _listed(sizing.probabilities.values),
        }
    return _lognormals(*draws)


def _free(found: xr.Dataset) -> JsonObject:
    """Densities without a form, at the sizes where they are seen."""
    highs = [found[name].sel(band="95 %").values for name in _BY]
    shown = np.flatnonzero(np.max([high / high.max() for high in highs], axis=0) > _SHOWN)
    seen = found.isel(diameter=slice(max(shown[0] - 1, 0), shown[-1] + 2))
    return {
        "kind": "free",
        "about": "without an assumed form",
        "diameter": _listed(seen["diameter"].values),
        **{
            name: {
                key: _listed(seen[name].sel(band=band).values)
                for key, band in (("mean", "mean"), ("low", "5 %"), ("high", "95 %"))
            }
            for name in _BY
        },
    }


def _draws(sizing: Sizing) -> tuple[FloatArray, FloatArray] | None:
    """Equally likely number averages and dispersions."""
    posterior = sizing.posterior
    if posterior is not None and {"diameter", "dispersion"} <= posterior.draws.keys():
        drawn = posterior.draws
        step = max(1, len(drawn["diameter"]) // _N_DRAWS)
        means, spreads = drawn["diameter"][::step], drawn["dispersion"][::step]
    elif sizing.dispersion is not None:
        normal = np.random.default_rng(0).standard_normal((2, _N_DRAWS))
        told = sizing.uncertainties
        means = sizing.number_diameter + told.get("diameter", 0.0) * normal[0]
        spreads = sizing.dispersion + told.get("dispersion", 0.0) * normal[1]
    else:
        return None
    usable = (means > 0.1) & np.isfinite(spreads)
    return means[usable], np.clip(spreads[usable], 0.01, 2.0)


def _lognormals(means: FloatArray, spreads: FloatArray) -> JsonObject:
    variance = np.log1p(spreads**2)[:, None]
    centre = np.log(means)[:, None] - 0.5 * variance
    reach = 4.0 * np.sqrt(variance)
    low = float(np.exp(centre - reach).min())
    high = float(np.exp(centre + 3.0 * variance + reach).max())
    sizes = np.linspace(max(low, 0.02), high, 4 * _N_SIZES)
    bands, highest = {}, np.zeros(len(sizes))
    for name, power in (("number", 0.0), ("volume", 3.0)):
        # The densities by number and by volume of a lognormal differ in their centres.
        distance = np.log(sizes) - (centre + power * variance)
        rows = np.exp(-0.5 * distance**2 / variance) / (sizes * np.sqrt(2.0 * np.pi * variance))
        bands[name] = [rows.mean(axis=0), *np.quantile(rows, _BAND, axis=0)]
        highest = np.maximum(highest, bands[name][0] / bands[name][0].max())
    shown = np.flatnonzero(highest > _SHOWN)
    places = np.linspace(shown[0], shown[-1], _N_SIZES).round().astype(int)
    return {
        "kind": "density",
        "about": "a lognormal",
        "diameter": _listed(sizes[places]),
        **{
            name: {
                key: _listed(rows[places])
                for key, rows in zip(("mean", "low", "high"), found, strict=True)
            }
            for name, found in bands.items()
        },
    }


def _listed(values: FloatArray) -> list[Json]:
    return [float(f"{v:.{_DIGITS}g}") if np.isfinite(v) else None for v in values]

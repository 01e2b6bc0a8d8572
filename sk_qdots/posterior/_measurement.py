"""From the analyses of one pattern under all models to what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import xarray as xr
from scipy.special import ndtri

from .._typing import FloatArray
from ._analysis import Analysis, analysed
from ._density import GRIDDED, drawn
from ._models import Model
from ._observation import Observation
from ._reasons import is_poor, reasons
from ._trust import outside
from .free import FreeAnalysis, freely_analysed, freely_drawn, model_of
from .result import DebyeFit, PatternPosterior

__all__ = ["sized"]

# Of its logarithm: weights pass from peak to peak over a width that is a convention.
_MARCH_ERROR = 0.02
_LEAST_LOG = 12.0  # evidence that a model may be behind the best one and still count


def sized(
    observed: Observation,
    models: Sequence[Model],
    n_draws: int,
    curves_of: FloatArray | None = None,
    free: bool = False,
    further: Callable[[], Sequence[Model]] | None = None,
) -> PatternPosterior:
    """What is known of one pattern.

    Parameters
    ----------
    observed : Observation
    models : sequence of Model
    n_draws : int
    curves_of : ndarray of shape (n_points,), optional
        The pattern at its points, for the curves of the fit.
    free : bool, default=False
        Whether populations have no form.
    further : callable, optional
        Further models, for where these leave more than noise.

    Returns
    -------
    PatternPosterior
    """
    found = [
        freely_analysed(observed, m.surroundings, m.series, m.groups, m.is_textured)
        if free
        else analysed(observed, m.surroundings, m.series, m.groups, m.is_textured, m.cells)
        for m in models
    ]
    if further is not None and is_poor(max(found, key=lambda one: one.evidence)):
        added = list(further())
        found += [
            analysed(observed, m.surroundings, m.series, m.groups, m.is_textured, m.cells)
            for m in added
        ]
        models = [*models, *added]
    evidence = np.array([one.evidence for one in found])
    best = int(evidence.argmax())
    rng = np.random.default_rng(0)
    kept = [k for k in range(len(models)) if evidence[k] > evidence[best] - _LEAST_LOG]
    components = [c for k in kept for c in found[k].components]
    ranges = models[best].series.ranges
    is_linear = np.array([name not in GRIDDED for name in ranges.extras], dtype=bool)
    analysis, model = found[best], models[best]
    distribution, said = None, list[str]()
    if isinstance(analysis, FreeAnalysis):
        order = [best, *(k for k in kept if k != best)]
        some = [one for one in (found[k] for k in order) if isinstance(one, FreeAnalysis)]
        draws, distribution, said = freely_drawn(some, n_draws, rng)
        model = replace(model, series=model_of(analysis))
    else:
        draws = drawn(components, is_linear, ranges, n_draws, rng)
    _widen(draws, analysis.size_error, rng)
    fit = _fit(observed, model, analysis, draws, curves_of)
    size = float(np.mean(draws["volume_diameter"]))
    if (told := outside(size, analysis.trust_range, model.bins.points)) is not None:
        said.append(told)
    return PatternPosterior(
        draws=draws,
        cells=None if free else _cells(models[0].cells, [found[k] for k in kept]),
        alternatives=_alternatives([(models[k].label, found[k]) for k in kept]),
        reasons=(*reasons(draws, [(models[k], found[k]) for k in kept], fit), *said),
        fit=fit,
        distribution=distribution,
        trust_range=analysis.trust_range,
    )


def _widen(draws: dict[str, FloatArray], error: float, rng: np.random.Generator) -> None:
    """Give all sizes an error that is the same for each of them, and texture one of its form."""
    if error:
        count = len(draws["diameter"])
        even = ndtri((rng.permutation(count) + 0.5) / count)
        factor = np.exp(error * even - 0.5 * error**2)
        for name in ("diameter", "volume_diameter", "surface_diameter"):
            draws[name] = draws[name] * factor
    if "march" in draws:
        even = ndtri((rng.permutation(len(draws["march"])) + 0.5) / len(draws["march"]))
        draws["march"] = draws["march"] ** (1.0 + _MARCH_ERROR * even)


def _cells(cells: FloatArray | None, found: Sequence[Analysis]) -> FloatArray | None:
    """Diameters of the cells of a library with their probabilities."""
    if cells is None:
        return None
    logs = np.logaddexp.reduce([one.cell_logs for one in found])
    shares = np.exp(logs - logs.max())
    return np.stack([cells[:, 0], shares / shares.sum()])


def _alternatives(found: Sequence[tuple[str, Analysis]]) -> dict[str, float]:
    """Probability of each model."""
    logs: dict[str, float] = {}
    for shape, analysis in found:
        for label, log_evidence in analysis.labelled:
            name = f"{shape}, {label}" if label else shape
            logs[name] = float(np.logaddexp(logs.get(name, -np.inf), log_evidence))
    values = np.array(list(logs.values()))
    shares = np.exp(values - values.max())
    shares /= shares.sum()
    return dict(zip(logs, shares.tolist(), strict=True))


def _fit(
    observed: Observation,
    model: Model,
    analysis: Analysis,
    draws: dict[str, FloatArray],
    measured: FloatArray | None,
) -> DebyeFit:
    mode, bins = analysis.modes[0], model.bins
    names = list(draws)
    covariance = np.atleast_2d(np.cov(np.array([draws[name] for name in names])))
    parameters: dict[str, float] = {
        **analysis.averages(),
        **{name: cast("float", v) for name, v in model.series.values(mode.place[2:]).items()},
    }
    dots = mode.amount * mode.curve
    calculated = analysis.background + dots
    weights = 1.0 / analysis.noise
    values = observed.values
    r_wp = float(np.sqrt((weights * analysis.residual**2).sum() / (weights * values**2).sum()))
    if measured is None:
        q, shown = bins.q, values * observed.unit
        curves = (np.sqrt(analysis.noise), calculated, analysis.background)
    else:
        q, shown = bins.points, measured
        own = model.series.at_points(mode.place) * mode.amount
        between = np.interp(q, bins.q, analysis.smooth_background)
        # The curve that was fitted has the strengths of reflections that were found.
        strengths = mode.curve / model.series.curves(mode.place)[0]
        factor = np.interp(q, bins.q, (1.0 + analysis.relative_error) * strengths)
        esd = np.sqrt(np.interp(q, bins.q, analysis.noise * bins.counts))
        curves = (esd, between + factor * own, between)
    return DebyeFit(
        r_wp=r_wp,
        chi2=analysis.chi2,
        amounts=_amounts(model, analysis),
        widened=analysis.widened,
        parameters=parameters,
        covariance=xr.DataArray(
            covariance,
            dims=("parameter", "parameter_b"),
            coords={"parameter": names, "parameter_b": names},
        ),
        curves=xr.Dataset(
            {
                "measured": ("q", shown),
                **{
                    name: ("q", curve * observed.unit)
                    for name, curve in zip(("esd", "calculated", "background"), curves, strict=True)
                },
            },
            coords={"q": ("q", q, {"units": "1/Angstrom"})},
        ),
    )


def _amounts(model: Model, analysis: Analysis) -> dict[str, float]:
    """Shares of the mean intensity."""
    dots = float((analysis.modes[0].amount * analysis.modes[0].curve).mean())
    curves = dict(zip(model.names, analysis.amounts.tolist(), strict=False))
    rest = float(analysis.smooth_background.mean()) - sum(curves.values())
    return {"dots": dots, **curves, "background": rest}

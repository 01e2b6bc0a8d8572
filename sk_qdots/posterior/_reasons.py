"""Reasons for caution: each a sentence that says what to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from .._typing import FloatArray
from ..simulation.lognormals import number_mean
from ._analysis import WRONG, Analysis
from ._density import Component
from ._models import Model
from .result import DebyeFit

__all__ = ["is_poor", "reasons", "worst_stretch"]

_LIKELY = 0.05  # probability from which a model counts
_APART = 1.645  # standard deviations: the 90 % intervals of two models do not meet
# Four deviations of a chi-square of 1000 bins from 1.
_POOR_FIT = 1.2  # reduced chi-square ...
_WIDENED = 2.0  # ... with errors so many times those of noise alone
_PLAIN_FIT = 2.5  # chi-square from which it is told however small the error has stayed ...
_BROAD = 0.1  # ... and width of the interval, of the diameter, from which it is told in any case
_NO_NOISE = 1e-4  # of r_wp: what is left where next to no noise is, is rounding
_OTHER_FIT = 5.0  # chi-square, however wide the errors are
_CELL = 0.08  # 1/Angstrom, as wide as a peak
_MOST = 0.5  # of what a fit leaves beyond noise, that a stretch holds ...
_NARROW = 1 / 3  # ... and of the range, that it may be wide to be told
_EDGE = 0.01  # of the range, from its end
_HARDLY = 0.5  # width of the interval, of the diameter


def is_poor(fit: DebyeFit | Analysis) -> bool:
    """Whether a fit leaves more than noise, and that matters."""
    return fit.chi2 > _POOR_FIT and fit.widened > _WIDENED


def reasons(
    draws: dict[str, FloatArray], found: Sequence[tuple[Model, Analysis]], fit: DebyeFit
) -> Iterator[str]:
    """Yield reasons for caution.

    Parameters
    ----------
    draws : dict of str to ndarray
    found : sequence of (Model, Analysis)
        The models that count.
    fit : DebyeFit
        The best.
    """
    best, analysis = max(found, key=lambda one: one[1].evidence)
    yield from _models_apart(found)
    sizes = draws["diameter"]
    low, high = np.quantile(sizes, [0.05, 0.95])
    width = float(high - low) / float(np.mean(sizes))
    matters = (fit.chi2 > _PLAIN_FIT or width > _BROAD) and fit.r_wp > _NO_NOISE
    if is_poor(fit) and matters:
        yield (
            f"what the model leaves is {fit.chi2:.2g} times the noise{_where(fit)}, and errors are "
            f"{fit.widened:.2g} times as wide for it: look at the fit for what is missing, such as "
            "faults, another shape, two sizes, texture or a second phase"
        )
    elif fit.chi2 > _OTHER_FIT and matters:  # and not NaN
        yield (
            f"what the model leaves is {fit.chi2:.2g} times the noise{_where(fit)}, and errors are "
            "hardly wider for it: look at the fit, which may be of another crystal or have a "
            "second phase"
        )
    if analysis.scales.error >= WRONG:
        yield (
            "the dots scatter otherwise than simulated, smoothly by some "
            f"{analysis.scales.error:.0%}, as with a shell, another composition or wrong "
            "corrections: the size may be neither that of the core nor that of the whole"
        )
    if analysis.scales.texture > 0.0:
        yield (
            "the reflections are not as strong as in a powder without texture, and their strengths "
            "were left free: turn the sample, or check that it is this crystal"
        )
    first, last = best.series.ranges.diameters
    room = _EDGE * (last - first)
    if low < first + room or high > last - room:
        end, side = (first, "smallest") if low < first + room else (last, "largest")
        yield (
            f"the interval reaches the {side} diameter that was looked for, {end:g} nm: widen the "
            "range of diameters"
        )
    if width > _HARDLY:
        yield (
            f"the pattern hardly tells the size ({low:.2g} to {high:.2g} nm): count longer, or "
            "measure a wider range"
        )


def _where(fit: DebyeFit) -> str:
    """Where in Q most of it is, in words."""
    found = worst_stretch(fit)
    if found is None:
        return ""
    return f", most of it at Q = {found[0]:.3g} to {found[1]:.3g} 1/Angstrom"


def worst_stretch(fit: DebyeFit) -> tuple[float, float] | None:
    """Narrowest stretch that holds most of what a fit leaves beyond noise.

    Parameters
    ----------
    fit : DebyeFit

    Returns
    -------
    tuple of 2 float or None
        Its ends, in 1/Angstrom; None where it would be wider than a third of the range.
    """
    curves = fit.curves
    q = np.asarray(curves["q"].values, dtype=np.float64)
    left = (curves["measured"].values - curves["calculated"].values) / curves["esd"].values
    cell = np.floor((q - q[0]) / _CELL).astype(np.int64)
    count = np.bincount(cell)
    # Of means over the width of a peak, in which little of the noise is left.
    mean = np.bincount(cell, left) / np.maximum(count, 1)
    excess = np.maximum(count * mean**2 - 1.0, 0.0)
    total = np.concatenate([[0.0], np.cumsum(excess)])
    ends = np.searchsorted(total, total[:-1] + _MOST * total[-1])
    widths = np.where(ends < len(total), ends - np.arange(len(ends)), len(total))
    first = int(widths.argmin())
    if not total[-1] > 0.0 or widths[first] > _NARROW * len(count):
        return None
    low = float(q[0]) + _CELL * first
    return low, min(low + _CELL * int(widths[first]), float(q[-1]))


def _models_apart(found: Sequence[tuple[Model, Analysis]]) -> Iterator[str]:
    """Two models that are both likely and whose sizes differ by more than the error of each."""
    parts: dict[str, list[Component]] = {}
    for model, analysis in found:
        for one in analysis.components:
            name = ", ".join(word for word in (model.label, one.node.label) if word)
            parts.setdefault(name, []).append(one)
    logs = {
        name: float(np.logaddexp.reduce([c.log_evidence for c in part]))
        for name, part in parts.items()
    }
    if not logs:
        return
    most = max(logs.values())
    total = sum(np.exp(value - most) for value in logs.values())
    likely = [n for n, value in logs.items() if np.exp(value - most) / total > _LIKELY]
    moments = {name: _moments(parts[name]) for name in likely}
    for first, other in itertools.combinations(likely, 2):
        (a, error_a), (b, error_b) = moments[first], moments[other]
        if abs(a - b) > _APART * max(error_a, error_b) and abs(a - b) > 0.02 * max(a, b):
            yield (
                f"two models fit, and their sizes differ: {a:.3g} nm ({first}) and {b:.3g} nm "
                f"({other}); the interval holds both: say which it is, with an instrument or a "
                "shape"
            )
            return


def _moments(components: Sequence[Component]) -> tuple[float, float]:
    """Mean and deviation of the number average."""
    sizes = np.concatenate([number_mean(c.volumes, c.dispersions) for c in components])
    logs = np.concatenate([c.log_weights for c in components])
    shares = np.exp(logs - logs.max())
    shares /= shares.sum()
    mean = float(shares @ sizes)
    return mean, float(np.sqrt(shares @ (sizes - mean) ** 2))

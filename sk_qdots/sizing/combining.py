"""Two answers to one pattern made one: a network's and the posterior's.

Both see the same counts and know the same physics, so their errors are not independent, and how
far they are not is unknown. Where they agree, by no more than their errors together, the answer is
their mean, each weighted by the inverse square of its error, with the error of the better one: no
gain is claimed from having asked twice. The error of a network counts one and a half times, which
of the factors 1, 1.25, 1.5 and 2 came nearest to the better engine in 19 simulated worlds. Where
both differ by more, one of them is wrong: the answer is a mixture of both, by the same weights but
a seventh for the lesser at least, so that its interval holds both.

Where the fit leaves more than five times the noise, its model is not the sample and what it states
as an error means nothing: the network has the say then, which was shown more than a model holds,
and the fit the share of the lesser.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .._typing import FloatArray
from .posterior import Posterior

__all__ = ["combined", "differ"]

_FAR = 2.5  # of their errors together, that two engines may differ by
_LEAST_SHARE = 0.15  # of an engine that differs: thrice what an interval leaves out at an end
_NETWORK = 1.5  # times its stated error: in worlds that it was not shown it states too little
_LEAST_ERROR = 0.002  # relative: below it no size is known
_NO_FIT = 5.0  # of the reduced chi-square
_SEED = 1  # of whose draw is whose; draws themselves have 0


def differ(network: Posterior, debye: Posterior) -> bool:
    """Whether two answers to one pattern contradict each other.

    Parameters
    ----------
    network : Posterior
        Of one pattern.
    debye : Posterior
        Of the same pattern, with draws.

    Returns
    -------
    bool
        Where the volume average, or else the number average, differs by more than the errors.
    """
    second = debye.details[0].draws
    return _differ(_draws(network, len(second["diameter"])), second)


def combined(network: Posterior, debye: Posterior) -> Posterior:
    """One answer of two.

    Parameters
    ----------
    network : Posterior
        Of one pattern.
    debye : Posterior
        Of the same pattern, with draws.

    Returns
    -------
    Posterior
        With draws of all that either estimates; reasons and fit are those of the second.
    """
    detail = debye.details[0]
    second = detail.draws
    n = len(second["diameter"])
    first = _draws(network, n)
    apart = _differ(first, second)
    least = 0.0 if detail.fit is None or not detail.fit.chi2 > _NO_FIT else 1.0 - _LEAST_SHARE
    share = max(_share(first, second), least)
    if apart:
        share = float(np.clip(share, _LEAST_SHARE, 1.0 - _LEAST_SHARE))
    # Which draws are whose is the same for all quantities: they belong together. Those of a fit
    # come in the order of its nodes, so that neighbours are alike.
    is_first = np.random.default_rng(_SEED).permutation(n) + 0.5 < share * n
    draws: dict[str, FloatArray] = {**first, **second}
    for name in first.keys() & second.keys():
        draws[name] = (
            np.where(is_first, first[name], second[name])
            if apart
            else _pooled(name, first[name], second[name], least)
        )
    made = Posterior.from_draws(network.classes, [replace(detail, draws=draws)])
    # The network tells classes apart that the draws of sizes in between only share.
    told = share * network.probabilities + (1.0 - share) * made.probabilities
    return replace(made, probabilities=told)


def _differ(first: Mapping[str, FloatArray], second: Mapping[str, FloatArray]) -> bool:
    name = _compared(first, second)
    apart = abs(float(first[name].mean() - second[name].mean()))
    return bool(apart > _FAR * np.hypot(first[name].std(), second[name].std()))


def _compared(first: Mapping[str, FloatArray], second: Mapping[str, FloatArray]) -> str:
    """What both estimate and patterns tell best."""
    name = "volume_diameter"
    return name if name in first and name in second else "diameter"


def _share(first: Mapping[str, FloatArray], second: Mapping[str, FloatArray]) -> float:
    """Weight of the first in all that is of both."""
    name = _compared(first, second)
    return _weight(name, first[name], second[name])


def _weight(name: str, first: FloatArray, second: FloatArray) -> float:
    """By the inverse squares of the errors, that of the network as much larger as it is wrong."""
    size = max(abs(float(first.mean())), abs(float(second.mean())))
    least = _LEAST_ERROR * size if name.endswith("diameter") else 1e-12
    s, t = max(_NETWORK * float(first.std()), least), max(float(second.std()), least)
    return t**2 / (s**2 + t**2)


def _pooled(name: str, first: FloatArray, second: FloatArray, least: float) -> FloatArray:
    """Draws around the weighted mean, spread as those of the better engine."""
    share = max(_weight(name, first, second), least)
    a, b = float(first.mean()), float(second.mean())
    best = first if least > 0.0 or first.std() < second.std() else second
    # Where both agree but not quite, their difference is an error, too.
    between = share * (1.0 - share) * (a - b) ** 2
    wider = float(np.sqrt(1.0 + between / max(float(best.var()), 1e-24)))
    moved = share * a + (1.0 - share) * b + (best - best.mean()) * wider
    return np.asarray(moved if name == "strain" else np.maximum(moved, 0.0))


def _draws(posterior: Posterior, n: int) -> dict[str, FloatArray]:
    """Draws of what an engine says; of one without a mixture each quantity by itself."""
    detail = posterior.detail(0)
    if detail is not None and len(detail.draws["diameter"]) == n:
        return dict(detail.draws)
    rng = np.random.default_rng(0)
    shares = (np.arange(n) + 0.5) / n
    return {
        name: posterior.quantiles(name, shares)[0][rng.permutation(n)]
        for name in dict.fromkeys(("diameter", *posterior.means))
    }

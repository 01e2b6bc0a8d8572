"""Two answers to one pattern made one: a network's and the posterior's.

Both see the same counts and know the same physics, so their errors are not independent, and how
far they are not is unknown. Where they agree, by no more than their errors together, the answer is
their mean, each weighted by the inverse square of its error, with the error of the better one: no
gain is claimed from having asked twice. Where they differ by more, one of them is wrong: the
answer is a mixture of both, by the same weights but a tenth for the lesser at least, so that its
interval holds both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .._typing import FloatArray
from .posterior import QUANTITIES, Posterior

__all__ = ["combined", "differ"]

_FAR = 2.5  # of their errors together, that two engines may differ by
_LEAST_SHARE = 0.12  # of an engine that differs: more than an interval of 90 % leaves out
_LEAST_ERROR = 0.002  # relative: below it no size is known


def differ(one: Posterior, other: Posterior) -> bool:
    """Whether two answers to one pattern contradict each other.

    Parameters
    ----------
    one, other : Posterior
        Of one pattern.

    Returns
    -------
    bool
        Where the volume average, or else the number average, differs by more than the errors.
    """
    name = "volume_diameter"
    if name not in one.means or name not in other.means:
        name = "diameter"
    (a, s), (b, t) = (_moments(each, name) for each in (one, other))
    return bool(abs(a - b) > _FAR * np.hypot(s, t))


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
    n = len(detail.draws["diameter"])
    of_network = _draws(network, n)
    names = [name for name in QUANTITIES if name in of_network or name in detail.draws]
    apart = differ(network, debye)
    share = _share(network, debye)
    if apart:
        share = float(np.clip(share, _LEAST_SHARE, 1.0 - _LEAST_SHARE))
    # Which draws are whose is the same for all quantities: they belong together.
    from_network = (np.arange(n) + 0.5) / n < share
    draws: dict[str, FloatArray] = {}
    for name in names:
        if name not in detail.draws or name not in of_network:
            draws[name] = detail.draws[name] if name in detail.draws else of_network[name]
        elif apart:
            draws[name] = np.where(from_network, of_network[name], detail.draws[name])
        else:
            draws[name] = _pooled(name, network, debye, of_network[name], detail.draws[name])
    rest = {name: values for name, values in detail.draws.items() if name not in draws}
    made = Posterior.from_draws(network.classes, [replace(detail, draws={**draws, **rest})])
    # The network tells classes apart that the draws of sizes in between only share.
    told = share * network.probabilities + (1.0 - share) * made.probabilities
    return replace(made, probabilities=told)


def _pooled(
    name: str, network: Posterior, debye: Posterior, first: FloatArray, second: FloatArray
) -> FloatArray:
    """Draws around the weighted mean, spread as those of the better engine."""
    share = _share(network, debye, name)
    (a, s), (b, t) = (_moments(each, name) for each in (network, debye))
    mean = share * a + (1.0 - share) * b
    best, centre, spread = (first, a, s) if s < t else (second, b, t)
    # Where both agree but not quite, their difference is an error, too.
    wider = np.hypot(1.0, np.sqrt(share * (1.0 - share)) * abs(a - b) / max(spread, 1e-12))
    moved = mean + (best - centre) * wider
    return np.asarray(moved if name == "strain" else np.maximum(moved, 0.0))


def _share(network: Posterior, debye: Posterior, name: str = "volume_diameter") -> float:
    """Weight of the network."""
    if name not in network.means or name not in debye.means:
        name = "diameter"
    (a, s), (b, t) = (_moments(each, name) for each in (network, debye))
    least = _LEAST_ERROR * max(abs(a), abs(b)) if name.endswith("diameter") else 1e-12
    s, t = max(s, least), max(t, least)
    return float(t**2 / (s**2 + t**2))


def _moments(posterior: Posterior, name: str) -> tuple[float, float]:
    if name == "diameter":
        mean, deviation = posterior.number_diameter()
        return float(mean[0]), float(deviation[0])
    return float(posterior.means[name][0]), float(posterior.deviations[name][0])


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

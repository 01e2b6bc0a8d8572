"""Whom a sizer asks, and what their fit says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import xarray as xr

from ..posterior.result import DebyeFit
from .answer import Sizing
from .engines import Engine, PatternEngine
from .posterior import Posterior

__all__ = ["PatternAsker", "asked_engines", "chi2_of", "fit_of"]


@dataclass(frozen=True)
class PatternAsker:
    """Asks for answers to patterns that are there already, here or in another process.

    Parameters
    ----------
    ask : callable
        Takes a pattern and returns a Sizing, such as a part of :meth:`Sizer.size`.
    """

    ask: Callable[[xr.DataArray], Sizing]

    def read(self, item: str | xr.DataArray) -> xr.DataArray:
        """A pattern is there already."""
        assert not isinstance(item, str)
        return item

    def size(self, item: str | xr.DataArray, pattern: xr.DataArray) -> Sizing:
        """The answer."""
        del item
        return self.ask(pattern)


def asked_engines(
    engines: Sequence[Engine], which: str, coverage: float, name: str
) -> dict[str, Engine]:
    """Engines by their names.

    Parameters
    ----------
    engines : sequence of Engine
        Of a sizer.
    which : {"both", "network", "posterior"}
    coverage : float
    name : str
        Of the sizer.

    Returns
    -------
    dict of str to Engine

    Raises
    ------
    ValueError
        If there is none such, or the coverage is not between 0 and 1.
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage is {coverage}; it must lie between 0 and 1")
    if which not in ("both", "network", "posterior"):
        raise ValueError(f"engine is {which!r}; it must be 'both', 'network' or 'posterior'")
    asked = [
        one
        for one in engines
        if which == "both" or isinstance(one, PatternEngine) == (which == "posterior")
    ]
    if not asked:
        other = "posterior" if which == "network" else "network"
        how = "train one with train_sizer" if which == "network" else "make_sizer makes one"
        raise ValueError(
            f"the sizer {name!r} has no {which}: ask its {other}, or {how} for its crystal"
        )
    named: dict[str, Engine] = {}
    for one in asked:
        n = sum(other.name == one.name for other in named.values())
        named[f"{one.name} ({n + 1})" if n else one.name] = one
    return named


def fit_of(answers: Mapping[str, Posterior]) -> DebyeFit | None:
    """That of the engine that fits one pattern, where there is one.

    Parameters
    ----------
    answers : mapping of str to Posterior

    Returns
    -------
    DebyeFit or None
    """
    return next((one.details[0].fit for one in answers.values() if one.details), None)


def chi2_of(answers: Mapping[str, Posterior]) -> float:
    """Its reduced chi-square; NaN where there is none.

    Parameters
    ----------
    answers : mapping of str to Posterior

    Returns
    -------
    float
    """
    fit = fit_of(answers)
    return float("nan") if fit is None else fit.chi2

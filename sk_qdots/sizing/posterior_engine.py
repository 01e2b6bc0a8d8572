"""The engine that needs no training: the posterior of the Debye equation."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import xarray as xr

from .._typing import FloatArray, IntArray, RealArray
from ..instruments import Instrument
from ..io import PatternError
from ..posterior import DebyePosterior, PatternPosterior
from ..posterior.cache import fingerprint
from ..preprocessing.patterns import wavelength_of
from .intake import source_of
from .posterior import Posterior
from .recipe import Recipe

__all__ = ["PosteriorEngine", "engine_from_recipe"]

_SAME_PHYSICS = 0.02  # relative, of wavelengths: form factors are much the same
_TARGETS = ("diameter", "dispersion", "strain", "volume_diameter", "surface_diameter")


class _Estimator(Protocol):
    """What the engine asks of :class:`sk_qdots.posterior.DebyePosterior`."""

    classes_: IntArray

    def posterior(self, X: RealArray) -> list[PatternPosterior]: ...

    def posterior_of(
        self, pattern: xr.DataArray, instrument: Instrument | None = None
    ) -> PatternPosterior: ...


@dataclass(frozen=True, eq=False)
class PosteriorEngine:
    """The Debye posterior, asked for sizes.

    Parameters
    ----------
    estimator : DebyePosterior
        Fitted.
    instrument : Instrument, optional
        That patterns were measured with, where nothing else is said.
    recipe : Recipe, optional
        What the estimator was made of; without one the engine cannot be saved.

    Raises
    ------
    ValueError
        If the estimator is not fitted.

    See Also
    --------
    sk_qdots.make_sizer : A sizer with this engine.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.make_sizer("PbS").engines[0].name  # doctest: +SKIP
    'Debye posterior'
    """

    estimator: _Estimator
    instrument: Instrument | None = None
    recipe: Recipe | None = None
    _others: dict[str, _Estimator] = field(default_factory=dict, init=False, repr=False)
    name = "Debye posterior"
    targets = _TARGETS
    takes_nan = True

    def __post_init__(self) -> None:
        if not hasattr(self.estimator, "classes_"):
            raise ValueError("estimator is not fitted; call estimator.fit(crystal) first")

    @cached_property
    def digest(self) -> str:
        """Hash of what the estimator was made of; empty where that is not known."""
        return "" if self.recipe is None else fingerprint(replace(self.recipe, cache=True))

    @property
    def classes_(self) -> IntArray:
        """Diameters in picometres."""
        return np.asarray(self.estimator.classes_, dtype=np.int64)

    def predict_proba(self, rows: RealArray) -> FloatArray:
        """Probability of each class.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self.posterior(rows).probabilities

    def posterior(self, rows: RealArray) -> Posterior:
        """Classes, estimates and draws of patterns whose noise nobody states.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_points)
            Patterns as the standardiser gives them; NaN means not measured.

        Returns
        -------
        Posterior
        """
        return Posterior.from_draws(self.classes_, self.estimator.posterior(rows))

    def posterior_of(
        self, pattern: xr.DataArray, instrument: Instrument | None = None
    ) -> Posterior:
        """The same of one pattern as it was measured: its points, counts and instrument.

        Parameters
        ----------
        pattern : DataArray
        instrument : Instrument, optional
            That it was measured with; that of the engine by default.

        Returns
        -------
        Posterior
            With the fit.

        Raises
        ------
        PatternError
            If too little of it was measured, or nothing can be simulated for its beam.
        """
        instrument = instrument or self.instrument
        try:
            estimator = self._behind(instrument, wavelength_of(pattern))
            asked = estimator.posterior_of(pattern, instrument)
        except ValueError as error:
            if isinstance(error, PatternError):
                raise
            raise PatternError(source_of(pattern), str(error)) from None
        return Posterior.from_draws(self.classes_, [asked])

    def _behind(self, instrument: Instrument | None, beam: float | None) -> _Estimator:
        """The estimator for an instrument, or for a wavelength; each is made once."""
        if self.recipe is None:
            return self.estimator
        own = self.recipe.wavelength
        if instrument is not None:
            beam, is_known = instrument.wavelength, instrument == self.instrument
        else:
            is_known = beam is None or abs(beam / own - 1.0) < _SAME_PHYSICS
        if is_known or beam is None:
            return self.estimator
        key = f"{beam}" if instrument is None else instrument.to_json()
        if key not in self._others:
            recipe = replace(self.recipe, instrument=instrument, wavelength=beam)
            self._others[key] = engine_from_recipe(recipe).estimator
        return self._others[key]


def engine_from_recipe(
    recipe: Recipe, *, n_jobs: int | None = None, progress: bool = False
) -> PosteriorEngine:
    """Simulate what a recipe asks for, and make an engine of it.

    Parameters
    ----------
    recipe : Recipe
    n_jobs : int, optional
        Number of threads that simulate.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    PosteriorEngine

    Raises
    ------
    ValueError
        If it cannot be simulated.
    """
    estimator = DebyePosterior(
        diameters=recipe.diameters,
        dispersions=recipe.dispersions,
        strains=recipe.strains,
        b_iso=recipe.b_iso,
        stacking=recipe.stacking,
        texture=recipe.texture,
        facet=recipe.facet,
        distribution=recipe.distribution,
        shape=recipe.shape,
        instrument=recipe.instrument,
        solvents=recipe.solvents,
        blank=recipe.blank,
        classes=recipe.classes,
        q=recipe.q,
        wavelength=recipe.wavelength,
        cache=recipe.cache,
        verbose=progress,
        n_jobs=n_jobs,
    )
    return PosteriorEngine(estimator.fit(recipe.crystal), recipe.instrument, recipe)

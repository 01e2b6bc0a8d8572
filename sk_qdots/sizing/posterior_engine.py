"""The engine that needs no training: the posterior of the Debye equation."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
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
from .fits import match_of_fit
from .intake import source_of
from .posterior import Posterior
from .recipe import Recipe

__all__ = ["PosteriorEngine", "engine_from_recipe", "estimator_from_recipe"]

_SAME_PHYSICS = 0.02  # relative, of wavelengths: form factors are much the same
_MISFIT, _UNLIKE = 20.0, 0.5  # chi-square and agreement of a fit to the pattern of something else
_NOTHING = 0.2  # agreement of a fit to a pattern without dots, however well a liquid explains it
_N_MADE = 4  # estimators that are kept, for other instruments and ranges
_TARGETS = ("diameter", "dispersion", "strain", "volume_diameter", "surface_diameter")


class _Estimator(Protocol):
    """What the engine asks of :class:`sk_qdots.posterior.DebyePosterior`."""

    classes_: IntArray

    def posterior(self, X: RealArray) -> list[PatternPosterior]: ...

    def posterior_of(
        self, pattern: xr.DataArray, instrument: Instrument | None = None
    ) -> PatternPosterior: ...


class PosteriorEngine:
    """The Debye posterior, asked for sizes.

    Parameters
    ----------
    estimator : DebyePosterior, optional
        Fitted; made of the recipe when it is first asked where there is none.
    instrument : Instrument, optional
        That patterns were measured with, where nothing else is said.
    recipe : Recipe, optional
        What the estimator is made of; without one the engine cannot be saved.

    Raises
    ------
    ValueError
        If the estimator is not fitted, or there is neither an estimator nor a recipe.

    See Also
    --------
    sk_qdots.make_sizer : A sizer with this engine.

    Notes
    -----
    Where a recipe asks for smaller, larger or broader populations than the usual ones, patterns
    are first compared with these alone, which is several times as fast; only where the answer
    reaches an end of them is all of the recipe looked at.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.make_sizer("PbS").engines[0].name  # doctest: +SKIP
    'Debye posterior'
    """

    name = "Debye posterior"
    targets = _TARGETS
    takes_nan = True

    def __init__(
        self,
        estimator: _Estimator | None = None,
        instrument: Instrument | None = None,
        recipe: Recipe | None = None,
    ) -> None:
        if estimator is None and recipe is None:
            raise ValueError("give a fitted estimator, or a recipe to make one of")
        if estimator is not None and not hasattr(estimator, "classes_"):
            raise ValueError("estimator is not fitted; call estimator.fit(crystal) first")
        self.instrument, self.recipe = instrument, recipe
        self._given = estimator
        self._made: OrderedDict[str, _Estimator] = OrderedDict()

    def __getstate__(self) -> dict[str, object]:
        # What a recipe makes is made anew in another process, or found in the cache.
        state = dict(self.__dict__)
        if self.recipe is not None:
            state |= {"_given": None, "_made": OrderedDict()}
        return state

    @property
    def estimator(self) -> _Estimator:
        """What is asked, of all that the recipe says."""
        if self._given is None:
            assert self.recipe is not None
            self._given = estimator_from_recipe(self.recipe)
        return self._given

    @cached_property
    def digest(self) -> str:
        """Hash of what the estimator was made of; empty where that is not known."""
        return "" if self.recipe is None else fingerprint(replace(self.recipe, cache=True))

    @property
    def classes_(self) -> IntArray:
        """Diameters in picometres."""
        made = self._given if self._given is not None else self.recipe
        classes = made.classes if isinstance(made, Recipe) else self.estimator.classes_
        return np.asarray(classes, dtype=np.int64)

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
            asked = self._asked(pattern, instrument)
        except ValueError as error:
            if isinstance(error, PatternError):
                raise
            raise PatternError(source_of(pattern), str(error)) from None
        return Posterior.from_draws(self.classes_, [asked])

    def _asked(self, pattern: xr.DataArray, instrument: Instrument | None) -> PatternPosterior:
        """Among the usual populations first, and among all where that is not enough."""
        beam = wavelength_of(pattern)
        usual = None if self.recipe is None else self.recipe.usual()
        if usual is not None:
            asked = self._behind(usual, instrument, beam).posterior_of(pattern, instrument)
            if not usual.is_reached(asked) or _is_foreign(asked):
                return asked
        return self._behind(self.recipe, instrument, beam).posterior_of(pattern, instrument)

    def _behind(
        self, recipe: Recipe | None, instrument: Instrument | None, beam: float | None
    ) -> _Estimator:
        """The estimator of a recipe for an instrument, or a wavelength; each is made once."""
        if recipe is None:
            return self.estimator
        if instrument is not None:
            beam, is_known = instrument.wavelength, instrument == self.instrument
        else:
            is_known = beam is None or abs(beam / recipe.wavelength - 1.0) < _SAME_PHYSICS
        if not is_known and beam is not None:
            recipe = replace(recipe, instrument=instrument, wavelength=beam)
        elif recipe is self.recipe:
            return self.estimator
        told = "" if recipe.instrument is None else recipe.instrument.to_json()
        key = f"{recipe.diameters} {recipe.dispersions} {recipe.wavelength} {told}"
        if key not in self._made:
            self._made[key] = estimator_from_recipe(recipe)
            if len(self._made) > _N_MADE:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]


def _is_foreign(asked: PatternPosterior) -> bool:
    """Whether no size explains a pattern, so that others need not be looked at."""
    fit = asked.fit
    if fit is None:
        return False
    return match_of_fit(fit).agreement < (_UNLIKE if fit.chi2 > _MISFIT else _NOTHING)


def estimator_from_recipe(
    recipe: Recipe, *, n_jobs: int | None = None, progress: bool = False
) -> DebyePosterior:
    """Simulate what a recipe asks for.

    Parameters
    ----------
    recipe : Recipe
    n_jobs : int, optional
        Number of threads that simulate.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    DebyePosterior
        Fitted.

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
    return estimator.fit(recipe.crystal)


def engine_from_recipe(
    recipe: Recipe, *, n_jobs: int | None = None, progress: bool = False
) -> PosteriorEngine:
    """An engine that is ready to answer.

    Parameters
    ----------
    recipe, n_jobs, progress
        As of :func:`estimator_from_recipe`.

    Returns
    -------
    PosteriorEngine

    Raises
    ------
    ValueError
        If it cannot be simulated.
    """
    estimator = estimator_from_recipe(recipe, n_jobs=n_jobs, progress=progress)
    return PosteriorEngine(estimator, recipe.instrument, recipe)

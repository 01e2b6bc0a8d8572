"""A sizer for any crystal, without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import xarray as xr

from ..instruments import Instrument
from ..simulation import Crystal
from .posterior_engine import engine_from_recipe
from .recipe import Recipe
from .sizer import Sizer

__all__ = ["make_sizer"]


def make_sizer(
    crystal: str | Path | Crystal,
    *,
    diameters: tuple[float, float] | None = None,
    dispersions: tuple[float, float] | None = None,
    strains: tuple[float, float] | None = None,
    instrument: Instrument | str | Path | None = None,
    blank: xr.DataArray | None = None,
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
    stacking: tuple[float, float] | None = None,
    texture: Literal["auto"] | bool = "auto",
    facet: tuple[int, int, int] | None = None,
    shape: str | Sequence[str] = "auto",
    wavelength: float | None = None,
    b_iso: tuple[float, float] | None = None,
    distribution: Literal["lognormal", "free"] = "lognormal",
    name: str | None = None,
    cache: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Sizer:
    """Make a sizer for any crystal, in seconds and without training.

    It asks :class:`sk_qdots.posterior.DebyePosterior`, which fits every pattern as it was
    measured.

    Parameters
    ----------
    crystal : Crystal, str or path-like
        The nanocrystals: a crystal, the name of a built-in one, or a CIF.
    diameters : tuple of 2 float, optional
        Lowest and highest number average, in nm; 1.5 to 10 by default.
    dispersions : tuple of 2 float, optional
        Lowest and highest standard deviation / mean, fractions; 0.03 to 0.25 by default.
    strains : tuple of 2 float, optional
        Lowest and highest (a - a_bulk) / a_bulk, fractions; -0.01 to 0.01 by default.
    instrument : Instrument, str or path-like, optional
        That the patterns are measured with, or its name or file
        (:func:`sk_qdots.load_instrument`). Without one the resolution is found with the size.
    blank : DataArray, optional
        The pure liquid, the empty capillary, measured in the same way, as
        :func:`sk_qdots.read_solvent` returns it.
    solvents : str, DataArray or sequence of them, optional
        Liquids that may be in the pattern.
    stacking : tuple of 2 float, optional
        Lowest and highest probability of growth faults in close-packed layers, from 0 (cubic) to 1
        (hexagonal).
    texture : "auto" or bool, default="auto"
        Whether grains may prefer an orientation, which gives each group of reflections a factor.
    facet : tuple of 3 int, optional
        Miller indices of the facets that grains prefer to lie on: the factors are then those of
        March and Dollase, whose coefficient is found with the size (``fit.parameters["march"]``;
        below 1 the grains lie flat). Not with ``texture=True``.
    shape : str or sequence of str, default="auto"
        Shapes of the particles; of several the probability of each is told. "auto": spheres; and
        where these leave more than noise, of a cubic crystal the likeliest of cubes, octahedra
        and cuboctahedra, too, which are simulated when a pattern first asks for them.
    wavelength : float, optional
        In Angstrom; that of the instrument by default, 0.56 without one. For patterns that state
        another one by more than 2 % it is simulated again.
    b_iso : tuple of 2 float, optional
        Lowest and highest change of all displacement parameters, in Angstrom^2.
    distribution : {"lognormal", "free"}, default="lognormal"
        Populations: lognormals, or any that are as smooth as the evidence of the pattern makes
        them, with a reason for caution where two sizes are mixed.
    name : str, optional
        Of the sizer; that of the crystal by default.
    cache : bool, default=True
        Whether simulated patterns are kept on disk, and taken from there
        (:func:`sk_qdots.posterior.cache.cache_folder`).
    n_jobs : int, optional
        Number of threads that simulate; -1 for all processors. The result does not depend on it.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Sizer
        Its answers have a ``fit``.

    Raises
    ------
    ValueError
        If the crystal is not known, has fewer than two reflections in reach of the wavelength,
        a range is none or in percent, a facet is none, or the blank or the instrument is of
        another wavelength.
    TypeError
        If something is of another kind.

    See Also
    --------
    load_sizer : Trained sizers.
    sk_qdots.posterior.DebyePosterior : What it asks, as an estimator.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.make_sizer("CeO2", diameters=(2.0, 8.0), wavelength=0.5642)  # doctest: +SKIP
    Sizer('CeO2', 13 classes, 2 to 8 nm)
    """
    recipe = Recipe.checked(
        crystal,
        wavelength=wavelength,
        instrument=instrument,
        solvents=solvents,
        diameters=diameters,
        dispersions=dispersions,
        strains=strains,
        blank=blank,
        stacking=stacking,
        texture=texture,
        facet=facet,
        shape=shape,
        b_iso=b_iso,
        distribution=distribution,
        cache=cache,
    )
    facts = recipe.facts(name)  # refuses before anything is simulated
    engine = engine_from_recipe(recipe, n_jobs=n_jobs, progress=progress)
    return Sizer((recipe.standardizer(), engine), facts=facts)

"""A sizer: a standardiser, one or more engines, and what they were made for.

It is saved as a folder of two files, a manifest (JSON) and arrays (npz, no pickle).
"""

from __future__ import annotations

import copy
import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import xarray as xr
from sklearn.pipeline import Pipeline

from .._typing import FloatArray, IntArray, Json, JsonObject, RealArray
from ..instruments import Instrument, is_same_beam
from ..io import PatternError
from ..neural_network import AllCNNRegressor
from ..preprocessing import QStandardizer
from ..preprocessing.patterns import is_subtracted, rows_of, wavelength_of
from .answer import COVERAGE, Sizing
from .answering import Seen, answer
from .asking import PatternAsker, asked_engines, chi2_of, fit_of
from .calibration import Calibration, Who
from .engines import (
    Engine,
    NetworkEngine,
    PatternEngine,
    engine_from_steps,
    fitted_steps,
    rows_for,
)
from .facts import Facts, facts_from_training
from .files import write_sizer
from .fits import match_of_fit
from .frames import sized_frames
from .instruments import at_the_beam, corrected
from .intake import (
    Patterns,
    measured_points,
    single_patterns,
    source_of,
    standardized,
    with_plain_wavelength,
)
from .misfit import misfit
from .parts import SizerParts, digest_of_parts
from .posterior import FRACTIONS, Posterior
from .posterior_engine import PosteriorEngine
from .recipe import Recipe
from .reference import Match, ReferencePatterns
from .verdicts import check_match, is_good

__all__ = ["Sizer"]

_UNNAMED = "unnamed"


class Sizer:
    """A fitted pipeline, ready to size measured patterns and to be saved.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline, or tuple of QStandardizer and Engine
        Fitted, with diameters in picometres as classes: a :class:`sk_qdots.QStandardizer`,
        then an all-CNN, as :func:`make_sizing_pipeline` gives, or any other classifier with
        ``predict_proba``, transformers between them where it needs any.
    library : Dataset or ReferencePatterns, optional
        The simulated library that it was trained on. With it the sizer can tell
        whether a pattern looks like this crystal at all, and draw it.
    name : str, default="unnamed"
        What to call it.
    training : mapping, optional
        How it was trained and how well it does, for the manifest; JSON values.
    regressor : AllCNNRegressor, optional
        Beside an all-CNN, fitted on patterns of the standardiser: estimates more than the
        class.
    targets : sequence of str, default=()
        What it was fitted to, in this order: of ``"diameter"``, ``"volume_diameter"`` and
        ``"surface_diameter"`` (nm), ``"dispersion"``, ``"strain"``, ``"growth_fault"``,
        ``"twinned"`` and ``"decahedral"`` (fractions), and of ``"width"``, ``"length"`` and
        ``"thickness"`` (nm).
    witnesses : sequence of Engine, default=()
        Further engines, whose diameters are compared with the first one's.
    facts : Facts, optional
        What it was made for, where that is known already; then ``name`` and
        ``training`` do not count.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) of int
        Diameters in picometres.
    q_ : ndarray of shape (n_points,)
        The standard grid, in 1/Angstrom.
    pipeline : Pipeline
        The fitted steps.
    standardizer : QStandardizer
        The first of them.
    engines : tuple of Engine
        What answers, the one of the pipeline first.
    reference : ReferencePatterns or None
        Simulated patterns of every class, to compare measured ones with.
    simulation, training : dict
        What the manifest tells of the library and of the training.
    augmentation : dict or None
        Class and parameters of the augmenter.
    required_range : tuple of 2 float
        A pattern must start at or below the first and end at or above the second,
        in 1/Angstrom: the narrowest range that the pipeline was trained with.
    coarsest_step : float
        Largest step of a pattern, in 1/Angstrom, likewise.
    largest_strain : float
        Of a pattern that is not refused, fraction.
    dispersions : tuple of 2 float or None
        Smallest and largest that it was trained on, where that is known.
    calibration : Calibration or None
        Of the intervals, where there is one.
    reflections : tuple of float
        Of the crystal, in 1/Angstrom, where any two of them will do as a range.

    Raises
    ------
    ValueError
        If the pipeline is not fitted, has other steps, has classes that are no
        diameters or an augmenter on another grid, or if the library lacks a class.

    See Also
    --------
    load_sizer : A shipped sizer, or one that was saved.
    sk_qdots.sizing.Engine : What an engine must be able to do.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sizer = sq.load_sizer("PbS")
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> sizer.size(pattern).number_diameter  # doctest: +SKIP
    4.7
    """

    predicts_most_probable = True  # what Answers need not ask twice

    def __init__(
        self,
        pipeline: Pipeline | tuple[QStandardizer, Engine],
        library: xr.Dataset | ReferencePatterns | None = None,
        *,
        name: str = _UNNAMED,
        training: Mapping[str, Json] | None = None,
        regressor: AllCNNRegressor | None = None,
        targets: Sequence[str] = (),
        witnesses: Sequence[Engine] = (),
        facts: Facts | None = None,
    ) -> None:
        standardizer, steps = fitted_steps(pipeline)
        self.pipeline = (
            pipeline
            if isinstance(pipeline, Pipeline)
            else Pipeline([("qstandardizer", standardizer), *steps])
        )
        self.standardizer = standardizer
        self.engines: tuple[Engine, ...] = (
            engine_from_steps(steps, regressor, targets),
            *witnesses,
        )
        for witness in witnesses:
            if not isinstance(witness, Engine):
                raise TypeError(
                    f"a witness is a {type(witness).__name__}; it must be an engine, such as "
                    "sk_qdots.sizing.ClassifierEngine(classifier)"
                )
            if (told := getattr(witness, "n_told", 0)) not in (0, standardizer.n_told):
                raise ValueError(
                    f"the witness {witness.name} takes {told} numbers of the resolution and the "
                    f"standardiser tells {standardizer.n_told}: give both the same n_told"
                )
        if library is not None and not isinstance(library, xr.Dataset | ReferencePatterns):
            raise TypeError(
                f"library is a {type(library).__name__}; expected a Dataset, as simulate_library "
                "returns"
            )
        if facts is not None and (name != _UNNAMED or training is not None):
            raise ValueError("facts hold a name and the training: give these or facts")
        simulated = library if isinstance(library, xr.Dataset) else None
        self.reference = (
            ReferencePatterns.from_library(library, standardizer)
            if isinstance(library, xr.Dataset)
            else library
        )
        if self.reference is not None:
            missing = set(self.classes_.tolist()) - set(self.reference.diameters.tolist())
            if missing:
                raise ValueError(f"library has no patterns of {min(missing) / 1000:g} nm")
        if facts is None:
            augmenter = getattr(steps[-1][1], "augmenter_", None)
            facts = facts_from_training(name, training or {}, simulated, augmenter, self.q_)
        self.name = facts.name
        self.simulation: JsonObject = facts.simulation
        self.training: JsonObject = facts.training
        self.augmentation = facts.augmentation
        self.required_range, self.coarsest_step = facts.required_range, facts.coarsest_step
        self.largest_strain = facts.largest_strain
        self.reflections = facts.reflections
        self.dispersions = facts.dispersions
        self.calibration = facts.calibration
        if self.dispersions is None and self.reference is not None:
            known = self.reference.dispersions.tolist()
            self.dispersions = (min(known), max(known))

    @property
    def classes_(self) -> IntArray:
        """Diameters of the classes, in picometres."""
        return self.engines[0].classes_

    @property
    def inner_classes(self) -> IntArray:
        """Classes without those that stand for all that is smaller or larger, in picometres."""
        settings = self.training.get("settings")
        told = settings.get("diameters") if isinstance(settings, dict) else None
        if not isinstance(told, list):
            return self.classes_
        inner = [round(1000.0 * d) for d in told if isinstance(d, int | float)]
        return np.asarray(self.classes_[np.isin(self.classes_, inner)])

    @property
    def q_(self) -> FloatArray:
        """The standard grid, in 1/Angstrom."""
        return np.asarray(self.standardizer.q_)

    @property
    def regressor(self) -> AllCNNRegressor | None:
        """The network that estimates more than the class, where there is one."""
        first = self.engines[0]
        return first.regressor if isinstance(first, NetworkEngine) else None

    @property
    def instrument(self) -> Instrument | None:
        """That patterns are taken to be measured with, where it was made for one."""
        return _instrument_of(self.engines[0])

    def _own_instrument(self, pattern: xr.DataArray) -> Instrument | None:
        """That which it, or its posterior, was made for, where the pattern may be of it."""
        if self.instrument is not None:
            return self.instrument
        for own in filter(None, map(_instrument_of, self.engines)):
            beam = wavelength_of(pattern)
            is_moved = own.zero != 0.0 or own.displacement != 0.0
            if beam is None or is_same_beam(beam, own.wavelength):
                return None if is_moved and "two_theta" not in pattern.coords else own
        return None

    @property
    def targets(self) -> tuple[str, ...]:
        """What it estimates."""
        return tuple(getattr(self.engines[0], "targets", ()))

    @property
    def facts(self) -> Facts:
        """What the sizer says of itself."""
        return Facts(
            name=self.name,
            required_range=self.required_range,
            coarsest_step=self.coarsest_step,
            largest_strain=self.largest_strain,
            simulation=self.simulation,
            training=self.training,
            augmentation=self.augmentation,
            dispersions=self.dispersions,
            reflections=self.reflections,
            calibration=self.calibration,
        )

    def with_training(self, training: Mapping[str, Json]) -> Sizer:
        """Return the sizer with another account of its training.

        Parameters
        ----------
        training : mapping
            JSON values.

        Returns
        -------
        Sizer
            Of the same parts.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> sq.load_sizer("PbS").with_training({"date": "today"}).training
        {'date': 'today'}
        """
        return self._with(replace(self.facts, training=dict(training)))

    def with_posterior(self, recipe: Recipe) -> Sizer:
        """Return the sizer with a Debye posterior beside what was trained.

        Parameters
        ----------
        recipe : Recipe
            Of the posterior, which is simulated when it is first asked.

        Returns
        -------
        Sizer
            Without a calibration, which is that of both together.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> from sk_qdots.sizing import Recipe
        >>> recipe = Recipe(sq.Crystal.builtin("PbS"), diameters=(2.0, 8.0))
        >>> sizer = sq.load_sizer("PbS").with_posterior(recipe)
        >>> [engine.name for engine in sizer.engines]
        ['all-CNN', 'Debye posterior']
        """
        witnesses = [one for one in self.engines[1:] if not isinstance(one, PosteriorEngine)]
        engine = PosteriorEngine(None, recipe.instrument, recipe)
        return self._with(replace(self.facts, calibration=None), [engine, *witnesses])

    def with_calibration(self, calibration: Calibration | None) -> Sizer:
        """Return the sizer with intervals that are calibrated.

        Parameters
        ----------
        calibration : Calibration or None

        Returns
        -------
        Sizer
            Of the same parts.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> sq.load_sizer("PbS").with_calibration(None).calibration is None
        True
        """
        return self._with(replace(self.facts, calibration=calibration))

    def with_particles(self, particles: xr.DataArray | None) -> Sizer:
        """Return a sizer that tells patterns which no population of its particles explains.

        Where no posterior fits the pattern, intervals are wider then and answers come with caution.

        Parameters
        ----------
        particles : DataArray (particle, q) or None
            Patterns of narrow populations of all that it was trained on.

        Returns
        -------
        Sizer
            Of the same parts.

        Raises
        ------
        ValueError
            If the sizer carries no simulated patterns.

        See Also
        --------
        with_posterior : Fits patterns besides, and needs no particles.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library(
        ...     "Pt", diameters=[2.0, 3.0], dispersions=[0.1], strains=[0.0]
        ... )
        >>> particles = sq.library_samples(library)[0]
        >>> sq.load_sizer("Pt").with_particles(particles).reference.particles.shape
        (2, 1251)
        """
        if particles is None:
            bare = None if self.reference is None else replace(self.reference, particles=None)
            return self._with(self.facts, reference=bare)
        if self.reference is None:
            raise ValueError("the sizer carries no simulated patterns: make it with a library")
        rows = np.asarray(particles.values, dtype=np.float64)
        reference = self.reference.with_particles(np.asarray(particles["q"].values), rows)
        return self._with(self.facts, reference=reference)

    def _with(
        self,
        facts: Facts,
        witnesses: Sequence[Engine] | None = None,
        reference: ReferencePatterns | None = None,
    ) -> Sizer:
        first = self.engines[0]
        return Sizer(
            (self.standardizer, first) if isinstance(first, PosteriorEngine) else self.pipeline,
            self.reference if reference is None else reference,
            regressor=self.regressor,
            targets=self.targets if isinstance(first, NetworkEngine) else (),
            witnesses=self.engines[1:] if witnesses is None else witnesses,
            facts=facts,
        )

    def predict_proba(self, patterns: Patterns, instrument: Instrument | None = None) -> FloatArray:
        """Probability of each class.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.
        instrument : Instrument, optional
            That all of them were measured with, and corrected for: networks that take it are told
            its resolution.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        PatternError
            If a pattern holds no intensity, does not cover the range that the sizer needs,
            or is too coarse.
        """
        rows = self._standardized(patterns, instrument)
        return self.engines[0].predict_proba(rows_for(self.engines[0], rows, len(self.q_)))

    def predict(self, patterns: Patterns, instrument: Instrument | None = None) -> IntArray:
        """Most probable diameter, in picometres.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.
        instrument : Instrument, optional
            As for :meth:`predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,) of int

        Raises
        ------
        PatternError
            As :meth:`predict_proba`.

        See Also
        --------
        size : Also refuses a pattern that does not look like the crystal.
        """
        return np.asarray(self.classes_[self.predict_proba(patterns, instrument).argmax(axis=1)])

    def size(
        self,
        pattern: xr.DataArray,
        instrument: Instrument | None = None,
        *,
        engine: Who = "both",
        coverage: float = COVERAGE,
    ) -> Sizing:
        """Size the dots in one pattern.

        Parameters
        ----------
        pattern : DataArray
            One pattern, such as :func:`sk_qdots.read_pattern` returns.
        instrument : Instrument, optional
            That it was measured with; that of the sizer by default, where it was made for one.
            Zero and displacement are taken away and the calibrated wavelength counts;
            ``settings`` of the answer record it. The Debye posterior is fitted with its
            resolution; of a trained network alone the answer comes with caution where the
            resolution is broader than those that it was trained with.
        engine : {"both", "network", "posterior"}, default="both"
            Who answers: what was trained (milliseconds), the Debye posterior (tenths of a second),
            or both together, where the sizer has both.
        coverage : float, default=0.90
            Of the intervals.

        Returns
        -------
        Sizing

        Raises
        ------
        PatternError
            If the pattern holds no intensity or what no counts can be, does not cover the
            range that the sizer needs, is too coarse, does not look like the crystal at
            any size, or was measured at another wavelength than the instrument's.
        TypeError
            If it is not a DataArray, or the instrument is none.
        ValueError
            If it holds several patterns, or has no Q axis, the sizer lacks the engine, or the
            coverage is not between 0 and 1.

        See Also
        --------
        size_many : Many patterns, where one that is refused does not stop the others.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0])
        >>> result = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0])
        >>> result.diameter, round(result.dispersion, 1)
        (4.5, 0.1)
        """
        if not isinstance(pattern, xr.DataArray):
            raise TypeError(
                f"pattern is a {type(pattern).__name__}; expected a DataArray, as "
                "read_pattern(path, wavelength=...) returns"
            )
        if len(rows_of(pattern)) != 1:
            raise ValueError(
                "size takes one pattern; for several use size_many, predict or predict_proba"
            )
        pattern = with_plain_wavelength(pattern)
        instrument = self._own_instrument(pattern) if instrument is None else instrument
        if instrument is not None:
            instrument = at_the_beam(pattern, instrument)
            pattern = corrected(pattern, instrument)
        engines = asked_engines(self.engines, engine, coverage, self.name)
        row = self._standardized(pattern, instrument)[0]
        answers = {
            name: one.posterior_of(pattern, instrument)
            if isinstance(one, PatternEngine)
            else self._posterior(one, row[None])
            for name, one in engines.items()
        }
        return self._answer(row, answers, pattern, instrument, coverage)

    def size_many(
        self,
        patterns: xr.DataArray | Sequence[xr.DataArray],
        instrument: Instrument | None = None,
        *,
        engine: Who = "both",
        coverage: float = COVERAGE,
        n_jobs: int | None = None,
    ) -> list[Sizing | PatternError]:
        """Size many patterns; each gets an answer or the reason why it is refused.

        Parameters
        ----------
        patterns : DataArray (sample, q), or sequence of DataArray (q)
            Patterns on one grid are the fastest.
        instrument : Instrument, optional
            That all of them were measured with.
        engine, coverage
            As for :meth:`size`.
        n_jobs : int, optional
            Processes among which the patterns are shared; -1 for all processors. The answers do
            not depend on it.

        Returns
        -------
        list of Sizing or PatternError
            One a pattern, in their order. The errors are returned, not raised: ``reason``
            says what is wrong.

        Raises
        ------
        TypeError
            If an item is not a DataArray.
        ValueError
            If the sizer lacks the engine, or the coverage is not between 0 and 1.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library(
        ...     "PbS", diameters=[3.0, 4.5], dispersions=[0.1], strains=[0.0]
        ... )
        >>> X, y, groups = sq.library_samples(library)
        >>> X[0] = 0.0
        >>> [getattr(r, "diameter", None) or r.reason for r in sq.load_sizer("PbS").size_many(X)]
        ['no intensity; no measured point is above zero', 4.5]
        """
        items = list(single_patterns(patterns))
        engines = asked_engines(self.engines, engine, coverage, self.name)
        if not items:
            return []
        asker = PatternAsker(
            partial(self.size, instrument=instrument, engine=engine, coverage=coverage)
        )
        has_own = any(_instrument_of(one) is not None for one in self.engines)
        asks_each = any(isinstance(e, PatternEngine) for e in engines.values())
        if instrument is not None or has_own or asks_each:
            frames = sized_frames(items, asker, n_jobs=n_jobs, keeps_all=True)
            return [f.sizing or PatternError(f.file, f.reason) for f in frames]
        try:
            items = [with_plain_wavelength(item) for item in items]
            rows = self._standardized(items)
            answers = {name: self._posterior(one, rows) for name, one in engines.items()}
        except ValueError:  # of one of them: which, is found one by one
            frames = sized_frames(items, asker, keeps_all=True)
            return [f.sizing or PatternError(f.file, f.reason) for f in frames]
        found: list[Sizing | PatternError] = []
        for k, item in enumerate(items):
            each = {name: one.of_row(k) for name, one in answers.items()}
            try:
                found.append(self._answer(rows[k], each, item, coverage=coverage))
            except PatternError as error:
                found.append(error)
        return found

    def estimate(self, patterns: Patterns, instrument: Instrument | None = None) -> xr.Dataset:
        """Estimate what varies besides the class: dispersion, strain, volume average.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.
        instrument : Instrument, optional
            As for :meth:`predict_proba`.

        Returns
        -------
        Dataset
            Over ``sample``: every target (diameters in nm, the others fractions), and its
            standard deviation with ``_std`` behind its name.

        Raises
        ------
        ValueError
            If the sizer estimates nothing else.
        PatternError
            As :meth:`predict_proba`.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0])
        >>> estimates = sq.load_sizer("PbS").estimate(sq.library_samples(library)[0])
        >>> bool(estimates["strain_std"] < 0.001)
        True
        """
        if not self.targets:
            raise ValueError(f"the sizer {self.name!r} estimates nothing but the class")
        posterior = self._posterior(self.engines[0], self._standardized(patterns, instrument))
        return xr.Dataset(
            {
                f"{name}{ending}": (
                    "sample",
                    values[name],
                    {"units": "1" if name in FRACTIONS else "nm"},
                )
                for ending, values in (("", posterior.means), ("_std", posterior.deviations))
                for name in self.targets
            }
        )

    def match(self, pattern: xr.DataArray, diameter: int) -> Match:
        """Lay the simulated pattern of one diameter over a measured one.

        Parameters
        ----------
        pattern : DataArray
            One pattern.
        diameter : int
            One of ``classes_``, in picometres.

        Returns
        -------
        Match
            The curves, and how well they agree.

        Raises
        ------
        ValueError
            If the sizer carries no simulated patterns, or ``diameter`` is no class.
        """
        if self.reference is None:
            raise ValueError(
                f"the sizer {self.name!r} carries no simulated patterns; make it with "
                "Sizer(pipeline, library)"
            )
        if diameter not in self.reference.diameters:
            raise ValueError(f"diameter is {diameter}; it must be one of classes_, in picometres")
        row = np.asarray(self._coarse.transform([pattern.squeeze()]))[0]
        subtracted = is_subtracted(pattern)
        return self.reference.match(self._coarse.q_, row, int(diameter), subtracted=subtracted)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the sizer into a folder: ``manifest.json`` and ``weights.npz``.

        Parameters
        ----------
        path : str or path-like
            The folder; it is made where it does not exist.
        overwrite : bool, default=False
            Whether a sizer that is there already may be replaced.

        Raises
        ------
        SizerError
            If the folder holds something else, or a sizer and ``overwrite`` is
            False, or it may not be written, or an engine is of a class that cannot be stored
            safely (:func:`sk_qdots.sizing.allowed_estimators`).

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import sk_qdots as sq
        >>> with TemporaryDirectory() as folder:
        ...     sq.load_sizer("PbS").save(Path(folder) / "mine")
        ...     sorted(path.name for path in (Path(folder) / "mine").iterdir())
        ['manifest.json', 'weights.npz']
        """
        parts = SizerParts(self.standardizer, self.engines, self.reference, self.facts)
        write_sizer(Path(path), parts, overwrite=overwrite)

    def __repr__(self) -> str:
        low, high = self.classes_.min() / 1000, self.classes_.max() / 1000
        return f"Sizer({self.name!r}, {len(self.classes_)} classes, {low:g} to {high:g} nm)"

    def _repr_html_(self) -> str:
        from ._html import sizer_card

        low, high = self.classes_.min() / 1000.0, self.classes_.max() / 1000.0
        start, end = self.required_range
        step = f"step {self.coarsest_step:.2g} or less"
        needs = f"Q = {start:.3g} to {end:.3g} 1/Angstrom"
        if self.reflections:
            needs = f"two reflections, such as those at Q = {start:.3g} and {end:.3g} 1/Angstrom"
        estimates = [name.replace("_", " ") for name in self.targets if name != "diameter"]
        facts = {
            "material": str(self.simulation.get("crystal", "unknown")),
            "sizes": f"{low:g} to {high:g} nm, {len(self.classes_)} classes",
            "needs": f"{needs}, {step}",
            "estimates": ", ".join(estimates) or "the class alone",
            "engines": ", ".join(engine.name for engine in self.engines),
            "trained": str(self.training.get("date", "")),
        }
        try:
            steps = str(self.pipeline._repr_html_())
        except TypeError:  # an engine that is no estimator
            steps = html.escape(repr(self.engines[0]))
        return sizer_card(self.name, facts, steps)

    def _standardized(self, patterns: Patterns, instrument: Instrument | None = None) -> RealArray:
        standardizer = self.standardizer
        if standardizer.n_told and instrument is not None:
            standardizer = copy.copy(standardizer)
            standardizer.instrument = instrument
        return standardized(patterns, standardizer, self.engines, self.facts)

    def _posterior(self, engine: Engine, rows: RealArray) -> Posterior:
        return engine.posterior(rows_for(engine, rows, len(self.q_)))

    def _answer(
        self,
        row: RealArray,
        answers: Mapping[str, Posterior],
        pattern: xr.DataArray,
        instrument: Instrument | None = None,
        coverage: float = COVERAGE,
    ) -> Sizing:
        """Answer to a pattern that the engines have seen.

        Raises
        ------
        PatternError
            If it does not look like the crystal.
        """
        match = self._best_match(answers, pattern)
        if match is not None:
            crystal = str(self.simulation.get("crystal", self.name))
            beam = pattern.attrs.get("wavelength")
            source = source_of(pattern)
            check_match(match, chi2_of(answers), crystal, self.largest_strain, beam, source)
        seen = Seen(
            pattern=pattern,
            measured=measured_points(row, pattern, self.standardizer),
            match=match,
            answers=answers,
            instrument=instrument,
            misfit=self._misfit(pattern, match, answers),
        )
        return answer(seen, self.facts, self.digest, coverage)

    def _best_match(self, answers: Mapping[str, Posterior], pattern: xr.DataArray) -> Match | None:
        """The better one of the fit and the simulated pattern of the most probable class."""
        fit = fit_of(answers)
        fitted = None if fit is None else match_of_fit(fit)
        if self.reference is None or (fitted is not None and is_good(fitted)):
            return fitted
        first = next(iter(answers.values()))
        stored = self.match(pattern, int(self.classes_[first.probabilities[0].argmax()]))
        if fitted is None or stored.agreement > fitted.agreement:
            return stored  # whose strains go farther than those of any fit
        return fitted

    def _misfit(
        self, pattern: xr.DataArray, match: Match | None, answers: Mapping[str, Posterior]
    ) -> float:
        """What no population of its particles explains; NaN where a fit says it, or none can."""
        if match is None or fit_of(answers) is not None:
            return math.nan
        if self.reference is None or self.reference.particles is None:
            return math.nan
        return misfit(
            self.reference,
            np.asarray(pattern["q"].values, dtype=np.float64),
            np.asarray(pattern.values, dtype=np.float64).ravel(),
            match.strain,
            pattern.attrs.get("wavelength"),
            subtracted=is_subtracted(pattern),
        )

    @cached_property
    def digest(self) -> str:
        """Hash of its engines and calibration, by which an answer says who gave it."""
        first = self.engines[0]
        if isinstance(first, PosteriorEngine):
            return first.digest
        return digest_of_parts(
            SizerParts(self.standardizer, self.engines, self.reference, self.facts)
        )

    @cached_property
    def _coarse(self) -> QStandardizer:
        """What brings patterns to the grid of the simulated ones."""
        assert self.reference is not None
        return QStandardizer(
            q_min=float(self.reference.q[0]),
            q_max=float(self.reference.q[-1]),
            n_points=len(self.reference.q),
        ).fit(np.ones((1, len(self.reference.q))))


def _instrument_of(engine: Engine) -> Instrument | None:
    """What an engine was made for."""
    found = getattr(engine, "instrument", None)
    return found if isinstance(found, Instrument) else None

"""The size of quantum dots in a pattern, with its certainty.

A :class:`Sizer` is a fitted pipeline with what is needed to use it with care: the
range that it was trained for and the simulation that it was trained on. It is
saved as a folder of two files, a manifest (JSON) and arrays (npz, no pickle).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.pipeline import Pipeline

from ..augmentation.facts import augmentation_facts, trained_limits, transformers_of
from ..neural_network import AllCNNRegressor
from ..pipeline import SizingPipeline
from ..preprocessing import QStandardizer
from ..preprocessing.patterns import is_subtracted, q_of, rows_of
from .answer import DIMENSIONS, Sizing
from .files import SizerError, read_sizer, write_sizer
from .fitted import check_regressor, fitted_steps
from .parts import LARGEST_STRAIN, STRAIN_ROOM
from .reference import Match, ReferencePatterns
from .registry import known_sizers
from .verdicts import check_match, check_range, check_step

__all__ = ["Sizer", "SizerError", "Sizing", "load_sizer"]

Array = npt.NDArray[Any]

_FRACTIONS = ("dispersion", "strain")  # among what is estimated; the others are in nm


class Sizer:
    """A fitted pipeline, ready to size measured patterns and to be saved.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        A fitted :func:`make_sizing_pipeline`, with diameters in picometres as
        classes.
    library : Dataset, optional
        The simulated library that it was trained on. With it the sizer can tell
        whether a pattern looks like this crystal at all, and draw it.
    name : str, default="unnamed"
        What to call it.
    training : mapping, optional
        How it was trained and how well it does, for the manifest; JSON values.
    regressor : AllCNNRegressor, optional
        Fitted on patterns of the standardiser: estimates more than the class.
    targets : sequence of str, default=()
        What it was fitted to, in this order: of ``"diameter"`` and
        ``"volume_diameter"`` (nm), ``"dispersion"`` and ``"strain"`` (fractions), and of
        ``"width"``, ``"length"`` and ``"thickness"`` (nm).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) of int
        Diameters in picometres.
    q_ : ndarray of shape (n_points,)
        The standard grid, in 1/Angstrom.
    pipeline : Pipeline
        The fitted steps.
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

    Raises
    ------
    ValueError
        If the pipeline is not fitted, has other steps, has classes that are no
        diameters or an augmenter on another grid, or if the library lacks a class.

    See Also
    --------
    load_sizer : A shipped sizer, or one that was saved.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sizer = sq.load_sizer("PbS")
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.5642)  # doctest: +SKIP
    >>> sizer.size(pattern).diameter  # doctest: +SKIP
    4.5
    """

    predicts_most_probable = True  # what Answers need not ask twice

    def __init__(
        self,
        pipeline: Pipeline,
        library: xr.Dataset | None = None,
        *,
        name: str = "unnamed",
        training: Mapping[str, Any] | None = None,
        regressor: AllCNNRegressor | None = None,
        targets: Sequence[str] = (),
    ) -> None:
        standardizer, classifier = fitted_steps(pipeline)
        check_regressor(regressor, targets, standardizer)
        self.regressor, self.targets = regressor, tuple(targets)
        self.pipeline = pipeline
        self.name = name
        self.training = dict(training or {})
        self.simulation: dict[str, Any] = {}
        self.reference: ReferencePatterns | None = None
        if library is not None:
            self.simulation = {str(key): value for key, value in library.attrs.items()}
            self.reference = ReferencePatterns.from_library(library, standardizer)
            missing = set(self.classes_) - set(self.reference.diameters)
            if missing:
                raise ValueError(f"library has no patterns of {min(missing) / 1000:g} nm")
        augmenter = getattr(classifier, "augmenter_", None)
        grids = [step.q_ for step in transformers_of(augmenter) if hasattr(step, "q_")]
        if not all(np.allclose(grid, standardizer.q_, atol=1e-6) for grid in grids):
            raise ValueError(
                "the augmenter drew on another Q grid than the standardiser's; give it "
                "q=pipeline['qstandardizer'].q_ and fit again"
            )
        self.augmentation = augmentation_facts(augmenter)
        self.largest_strain = LARGEST_STRAIN
        if library is not None:
            trained = float(np.abs(library["strain"].values).max())
            self.largest_strain = max(LARGEST_STRAIN, trained + STRAIN_ROOM)
        self.required_range, self.coarsest_step = trained_limits(augmenter, standardizer.q_)

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """Diameters of the classes, in picometres."""
        return np.asarray(self.pipeline.classes_)

    @property
    def q_(self) -> npt.NDArray[np.float64]:
        """The standard grid, in 1/Angstrom."""
        return np.asarray(self.pipeline.named_steps["qstandardizer"].q_)

    def predict_proba(self, patterns: Any) -> Array:
        """Probability of each class.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        PatternError
            If a pattern does not cover the range that the sizer needs, or is too
            coarse.
        """
        standard = self._standardized(patterns)
        return np.asarray(self.pipeline.named_steps["allcnn"].predict_proba(standard))

    def predict(self, patterns: Any) -> npt.NDArray[np.int64]:
        """Most probable diameter, in picometres.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.

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
        return np.asarray(self.classes_[self.predict_proba(patterns).argmax(axis=1)])

    def size(self, pattern: xr.DataArray) -> Sizing:
        """Size the dots in one pattern.

        Parameters
        ----------
        pattern : DataArray
            One pattern, such as :func:`sk_qdots.read_pattern` returns.

        Returns
        -------
        Sizing

        Raises
        ------
        PatternError
            If the pattern does not cover the range that the sizer needs, is too
            coarse, or does not look like the crystal at any size.
        TypeError
            If it is not a DataArray.
        ValueError
            If it holds several patterns, or has no Q axis.

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
            raise ValueError("size takes one pattern; for several use predict or predict_proba")
        source = str(pattern.attrs.get("source", "pattern"))
        standard = self._standardized(pattern)
        probabilities = self.pipeline.named_steps["allcnn"].predict_proba(standard)[0]
        best, second = np.argsort(probabilities)[::-1][:2]
        diameters = self.classes_ / 1000.0
        agreement = float("nan")
        if self.reference is not None:
            match = self.match(pattern, self.classes_[best])
            agreement = match.agreement
            crystal, beam = (
                self.simulation.get("crystal", self.name),
                pattern.attrs.get("wavelength"),
            )
            check_match(match, crystal, self.largest_strain, beam, source)
        measured = self.q_[np.isfinite(standard[0])]
        return Sizing(
            diameter=float(diameters[best]),
            probability=float(probabilities[best]),
            runner_up=float(diameters[second]),
            runner_up_probability=float(probabilities[second]),
            expected_diameter=float(probabilities @ diameters),
            probabilities=xr.DataArray(
                probabilities,
                dims="diameter",
                coords={"diameter": ("diameter", diameters, {"units": "nm"})},
                name="probability",
            ),
            q_range=(float(measured[0]), float(measured[-1])),
            agreement=agreement,
            source=source,
            model=self.name,
            **self._estimates(standard),
        )

    def estimate(self, patterns: Any) -> xr.Dataset:
        """Estimate what varies besides the class: dispersion, strain, volume average.

        Parameters
        ----------
        patterns : DataArray (sample, q), DataArray (q), list of DataArray, or ndarray
            Patterns on any grid; a bare array must be on the standard grid.

        Returns
        -------
        Dataset
            Over ``sample``: every target (diameters in nm, the others fractions), and its
            standard deviation with ``_std`` behind its name.

        Raises
        ------
        ValueError
            If the sizer has no regressor.
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
        if self.regressor is None:
            raise ValueError(f"the sizer {self.name!r} estimates nothing but the class")
        return self._estimated(self._standardized(patterns))

    def _estimated(self, standard: Array) -> xr.Dataset:
        assert self.regressor is not None
        answers = self.regressor.predict(standard, return_std=True)
        mean, std = (np.reshape(values, (len(standard), -1)) for values in answers)
        units = {n: {"units": "1" if n in _FRACTIONS else "nm"} for n in self.targets}
        values = {
            f"{name}{ending}": ("sample", rows[:, k], units[name])
            for ending, rows in (("", mean), ("_std", std))
            for k, name in enumerate(self.targets)
        }
        return xr.Dataset(values)

    def _estimates(self, standard: Array) -> dict[str, Any]:
        """What a Sizing tells of one pattern besides its class."""
        if self.regressor is None:
            return {}
        found = self._estimated(standard)
        told = {name: float(found[name][0]) for name in self.targets if name != "diameter"}
        return {
            "dimensions": {name: told.pop(name) for name in DIMENSIONS if name in told},
            **told,
            "uncertainties": {name: float(found[f"{name}_std"][0]) for name in self.targets},
        }

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
        coarse = QStandardizer(
            q_min=float(self.reference.q[0]),
            q_max=float(self.reference.q[-1]),
            n_points=len(self.reference.q),
        )
        row = coarse.fit_transform([pattern.squeeze()])[0]
        subtracted = is_subtracted(pattern)
        return self.reference.match(coarse.q_, row, int(diameter), subtracted=subtracted)

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
            False, or it may not be written.

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
        write_sizer(
            Path(path),
            standardizer=self.pipeline.named_steps["qstandardizer"],
            classifier=self.pipeline.named_steps["allcnn"],
            reference=self.reference,
            regressor=self.regressor,
            targets=self.targets,
            facts={
                "name": self.name,
                "required_range": list(self.required_range),
                "coarsest_step": self.coarsest_step,
                "largest_strain": self.largest_strain,
                "simulation": self.simulation,
                "augmentation": self.augmentation,
                "training": self.training,
            },
            overwrite=overwrite,
        )

    def __repr__(self) -> str:
        low, high = self.classes_.min() / 1000, self.classes_.max() / 1000
        return f"Sizer({self.name!r}, {len(self.classes_)} classes, {low:g} to {high:g} nm)"

    def _standardized(self, patterns: Any) -> Array:
        """Patterns on the grid, each checked for the range and step that the sizer needs."""
        needs = (self.required_range, self.coarsest_step, self.name)
        given = [patterns] if isinstance(patterns, xr.DataArray) else patterns
        sources: list[str] = []
        for pattern in given if isinstance(given, Sequence) else ():
            if isinstance(pattern, xr.DataArray):
                source = str(pattern.attrs.get("source", "pattern"))
                check_step(q_of(pattern), *needs, source)
                sources += [source] * len(rows_of(pattern))
        rows = np.asarray(self.pipeline.named_steps["qstandardizer"].transform(patterns))
        measured = np.isfinite(rows)
        checked: set[bytes] = set()  # most patterns of a batch were measured at the same points
        for k, mask in enumerate(np.packbits(measured, axis=1)):
            if (key := mask.tobytes()) not in checked:
                source = sources[k] if sources else f"pattern {k}"
                check_range(self.q_[measured[k]], *needs, source)
                checked.add(key)
        return rows


def load_sizer(name: str | Path) -> Sizer:
    """Load a sizer that is shipped, one of your own, or one that was saved.

    Parameters
    ----------
    name : str or path-like
        Name of a shipped sizer, such as ``"PbS"``, or of your own
        (:func:`sk_qdots.sizing.registry.known_sizers`), or the folder that
        :meth:`Sizer.save` wrote.

    Returns
    -------
    Sizer

    Raises
    ------
    SizerError
        If there is no such sizer, or its files are damaged or not a sizer.

    Examples
    --------
    >>> from sk_qdots import load_sizer
    >>> load_sizer("PbS")
    Sizer('PbS', 17 classes, 2 to 10 nm)
    """
    known = known_sizers()
    folder = known.get(str(name), Path(name))
    try:
        found = folder.is_dir()
    except (OSError, ValueError):  # a name too long, or with a null byte
        found = False
    if not found:
        raise SizerError(
            f"{name}: no such sizer; known: {', '.join(known)}. For others give the "
            "folder that sizer.save(path) wrote"
        )
    parts = read_sizer(folder)
    pipeline = SizingPipeline.from_fitted(
        [("qstandardizer", parts.standardizer), ("allcnn", parts.classifier)]
    )
    sizer = Sizer(
        pipeline,
        name=parts.facts["name"],
        training=parts.facts["training"],
        regressor=parts.regressor,
        targets=parts.targets,
    )
    sizer.reference = parts.reference
    for fact in ("required_range", "coarsest_step", "largest_strain", "simulation", "augmentation"):
        setattr(sizer, fact, parts.facts[fact])
    return sizer

r"""A size without training: Bayes over the Debye equation.

.. math::

    y(Q) = a \left[ 1 + \delta(Q) \right] T(Q; \theta) + \sum_l b_l L_l(Q) + g(Q) + \text{noise}

with the pattern :math:`T` of a lognormal population of the particles of a crystal, the curves
:math:`L_l` of liquids and blanks, and Gaussian processes :math:`g` (background, or what a liquid
deviates by) and :math:`\delta` (a smooth error of :math:`T`). All that is linear is integrated out
in closed form; the amplitudes of the processes follow from the evidence of the pattern. What
:math:`\theta` holds (diameter, dispersion, strain, displacements, resolution, faults) is sought in
a scan of all ranges and refined by least squares. The posterior of the sizes is then computed on a
grid, and everything else taken as normal. That what a simulation lacks is a Gaussian process is
from [1]_.

References
----------
.. [1] M. C. Kennedy, A. O'Hagan, J. R. Stat. Soc. B 63, 425 (2001).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import ClassVar, Literal, Self, cast

import numpy as np
import numpy.typing as npt
import xarray as xr
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags
from threadpoolctl import threadpool_limits

from .._typing import FloatArray
from .._validation import Interval, StrOptions, check_is_fitted, fit_context, validate_data
from ..augmentation.base import grid_of, is_same_grid
from ..instruments import Instrument
from ..preprocessing.patterns import check_is_pattern, q_of, rows_of
from ..simulation import Crystal, lognormal_upper_diameter
from ..simulation.crystal import as_crystal
from ..solvents import known_backgrounds, known_solvents
from ._bins import Bins
from ._cluster_patterns import ClusterPatterns
from ._libraries import Library
from ._measurement import sized
from ._models import Model
from ._observation import observation
from ._oriented import OrientedPatterns
from ._templates import Templates
from .kept import kept_curves, kept_patterns
from .result import PatternPosterior

__all__ = ["DebyePosterior"]

_Range = tuple[float, float]
_CHUNK = 50  # patterns that a worker sizes at once, or more
_CHUNKS_OF_A_WORKER = 4
_N_AXES = 6  # axes whose models are kept, of spheres and of facetted particles
_FACETTED = ("cube", "octahedron", "cuboctahedron")  # in the habit of cubic crystals
_LARGEST_FACETTED, _N_TRIED = 70.0, 50  # spheres of a node across; dispersions
_B_ISO = (-0.5, 1.0)  # of the mean displacement parameter: how far it may be off
_FWHM = 0.15 / 0.56  # degrees, of a wavelength of 1 Angstrom
_N_DRAWS = 1000
_PARTS_OF_A_NM = 1000


class DebyePosterior(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Estimate diameters by Bayes over simulated patterns, without training.

    Parameters
    ----------
    diameters : tuple of 2 float, default=(1.5, 10.5)
        Lowest and highest number average, in nm; equally likely before in between.
    dispersions : tuple of 2 float, default=(0.02, 0.27)
        Lowest and highest standard deviation / mean.
    strains : tuple of 2 float, default=(-0.01, 0.01)
        Lowest and highest isotropic strain.
    b_iso : tuple of 2 float or None, default=None
        Lowest and highest change of all displacement parameters, in Angstrom^2; by default half
        of their mean less to as much more.
    stacking : tuple of 2 float or None, default=None
        Lowest and highest probability of growth faults, from 0 (cubic) to 1 (hexagonal).
    texture : bool or "auto", default="auto"
        Whether groups of reflections have factors of their own. "auto": where it is likelier. See
        ``facet`` for those of March and Dollase.
    shape : str or sequence of str, default="auto"
        Shapes of the particles; several are compared by evidence. "auto": spheres; and where these
        leave more than noise, cubes, octahedra and cuboctahedra, too, which are simulated
        when a pattern first asks for them. Only of cubic crystals, without ``stacking``, and in
        lognormal populations.
    instrument : Instrument, optional
        That patterns were measured with. Without one the resolution is sought.
    fwhm : float, optional
        Largest width of a resolution that is sought, in degrees of two-theta; 0 for none. By
        default 0.15 at 0.56 Angstrom, and in proportion to the wavelength: 0.41 for a copper
        tube.
    solvents : str, DataArray, sequence of them, or None, default=None
        Curves that may lie under the dots, in any amounts; None for all shipped liquids, glass
        and Kapton.
    blank : DataArray, optional
        A measured one, beside them.
    classes : array-like of shape (n_classes,), optional
        Diameters in picometres that :meth:`class_probabilities` tells apart; every 500 by default.
    q : array-like of shape (n_features,), optional
        Even grid of bare arrays, in 1/Angstrom; a DataArray brings its own. By default the columns
        span the range of :func:`sk_qdots.default_q_grid`.
    wavelength : float, default=0.56
        In Angstrom, of the form factors.
    n_draws : int, default=1000
        Draws of each posterior.
    cache : bool, default=False
        Whether what is simulated is kept on disk, and taken from there
        (:func:`sk_qdots.posterior.cache.cache_folder`).
    verbose : bool, default=False
        Whether to show a progress bar while it simulates.
    n_jobs : int, optional
        Number of joblib workers for many patterns; -1 for all processors. The answers do not
        depend on it.
    distribution : {"lognormal", "free"}, default="lognormal"
        Populations: lognormals, or any that are as smooth as the evidence of the pattern makes
        them, with ``PatternPosterior.distribution`` and a reason where two sizes are mixed. Their
        number average is not well determined, and its interval as wide as that.
    facet : tuple of 3 int, optional
        Miller indices of the facets that grains prefer to lie on. The factors of all reflections
        are then those of March and Dollase, and the coefficient is sought: ``"march"`` among the
        draws, from 0.3 (flat) over 1 (a powder) to 2 (upright), as in
        :class:`sk_qdots.PreferredOrientation`. Not with ``texture=True``.
    eta : float, optional
        Lorentzian share of the profile of a resolution that is sought; by default any from 0 to 1.

    Attributes
    ----------
    q_ : ndarray of shape (n_features,)
        The grid, in 1/Angstrom.
    series_ : tuple of ClusterPatterns
        What was simulated, for each shape.
    classes_ : ndarray of shape (n_classes,) of int
    n_features_in_ : int

    See Also
    --------
    sk_qdots.make_sizer : A sizer of any crystal with this engine.
    sk_qdots.LibraryLikelihoodClassifier : The limit, where liquid, resolution and all else are
        known; here they are not.

    Notes
    -----
    Fitted to patterns and their targets, as scikit-learn's estimators are, it compares with those
    alone and refines nothing.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.posterior import DebyePosterior
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.001])
    >>> X, _, _ = sq.library_samples(library)
    >>> counted = sq.PoissonNoise(snr=46, random_state=0).fit_transform(X)
    >>> posterior = DebyePosterior(fwhm=0.0).fit("PbS")
    >>> posterior.predict(counted).round(1)
    array([4.])
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "diameters": [tuple, list, np.ndarray],
        "dispersions": [tuple, list, np.ndarray],
        "strains": [tuple, list, np.ndarray],
        "b_iso": [tuple, list, None],
        "stacking": [tuple, list, None],
        "texture": ["boolean", StrOptions({"auto"})],
        "facet": [tuple, list, None],
        "shape": [str, list, tuple],
        "distribution": [StrOptions({"lognormal", "free"})],
        "instrument": [Instrument, None],
        "fwhm": [Interval(Real, 0.0, 10.0, closed="both"), None],
        "eta": [Interval(Real, 0.0, 1.0, closed="both"), None],
        "solvents": [list, tuple, str, xr.DataArray, None],
        "blank": [xr.DataArray, None],
        "classes": ["array-like", None],
        "q": ["array-like", None],
        "wavelength": [Interval(Real, 0, None, closed="neither")],
        "n_draws": [Interval(Integral, 100, None, closed="left")],
        "cache": ["boolean"],
        "verbose": ["boolean"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        diameters: _Range = (1.5, 10.5),
        dispersions: _Range = (0.02, 0.27),
        strains: _Range = (-0.01, 0.01),
        b_iso: _Range | None = None,
        stacking: _Range | None = None,
        texture: bool | Literal["auto"] = "auto",
        shape: str | Sequence[str] = "auto",
        instrument: Instrument | None = None,
        fwhm: float | None = None,
        solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
        blank: xr.DataArray | None = None,
        classes: npt.ArrayLike | None = None,
        q: npt.ArrayLike | None = None,
        wavelength: float = 0.56,
        n_draws: int = _N_DRAWS,
        cache: bool = False,
        verbose: bool = False,
        n_jobs: int | None = None,
        distribution: Literal["lognormal", "free"] = "lognormal",
        facet: tuple[int, int, int] | None = None,
        eta: float | None = None,
    ) -> None:
        self.diameters = diameters
        self.dispersions = dispersions
        self.strains = strains
        self.b_iso = b_iso
        self.stacking = stacking
        self.texture = texture
        self.shape = shape
        self.instrument = instrument
        self.fwhm = fwhm
        self.solvents = solvents
        self.blank = blank
        self.classes = classes
        self.q = q
        self.wavelength = wavelength
        self.n_draws = n_draws
        self.cache = cache
        self.verbose = verbose
        self.n_jobs = n_jobs
        self.distribution = distribution
        self.facet = facet
        self.eta = eta

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Crystal | str | xr.Dataset | ClusterPatterns | Sequence[ClusterPatterns] | npt.ArrayLike,
        y: npt.ArrayLike | None = None,
    ) -> Self:
        """Simulate, or keep what was simulated.

        Parameters
        ----------
        X : Crystal, str, Dataset, ClusterPatterns, or array-like
            A crystal, or the name of a built-in one, whose particles are simulated; a library of
            :func:`sk_qdots.simulate_library`, whose ranges and shapes then count, and whose sizes
            are the classes; particles that were simulated; or patterns without noise or liquid,
            of shape (n_templates, n_features).
        y : array-like of shape (n_templates,), optional
            Targets of the patterns; not of a crystal.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a range is empty or out of bounds, a crystal is not known, patterns have no
            targets, or a facet is none, or of what is no crystal.
        """
        for stale in ("templates_", "series_", "classes_", "n_features_in_", "_facetted"):
            self.__dict__.pop(stale, None)
        self._models: OrderedDict[bytes, list[Model]] = OrderedDict()
        self._cells: FloatArray | None = None
        self._crystal: Crystal | None = None  # whose further shapes may be asked for
        self._ranges = (_ends(self.diameters), _ends(self.dispersions))
        if self.facet is not None and self.texture is True:
            raise ValueError("give a facet, or texture=True, which leaves all reflections free")
        if isinstance(X, xr.Dataset):
            self._fit_library(Library(X))
        elif isinstance(X, Crystal | str):
            self._crystal = as_crystal(X)
            self.series_ = tuple(self._simulated(self._crystal, self._shapes()))
        elif self.facet is not None:
            raise ValueError("facet is that of a crystal: fit to a crystal or a library")
        elif isinstance(X, ClusterPatterns):
            self.series_ = (X,)
        elif isinstance(X, list | tuple) and X and all(isinstance(x, ClusterPatterns) for x in X):
            self.series_ = tuple(X)
        else:
            return self._fit_templates(cast("npt.ArrayLike", X), y)
        self.q_ = self.series_[0].q
        self.n_features_in_ = len(self.q_)
        self.classes_ = self._classes()
        self._names, self._curves = self._liquids(self.q_)
        return self

    def _fit_library(self, library: Library) -> None:
        """Simulate what a library was simulated from, over its ranges."""
        self._ranges = (library.diameters, library.dispersions)
        b_iso = library.range_of("b_iso")
        crystal = library.crystal
        mean = float(np.mean([site.b_iso for site in crystal.sublattices]))
        own = {
            "strains": library.strains,
            "stacking": library.range_of("growth_fault"),
            "b_iso": None if b_iso is None else (b_iso[0] - mean, b_iso[1] - mean),
            "q": library.dataset["q"].values,
            "wavelength": float(library.dataset.attrs["wavelength"]),
            "diameters": library.diameters,
            "dispersions": library.dispersions,
        }
        self.series_ = tuple(clone(self).set_params(**own)._simulated(crystal, library.shapes))
        if self.instrument is None:
            library.check(self.series_[0])
        self._cells = library.cells

    def _fit_templates(self, X: npt.ArrayLike, y: npt.ArrayLike | None) -> Self:
        if y is None:
            raise ValueError(
                "requires y to be passed, but the target y is None: patterns need their sizes; "
                "give a crystal to simulate them"
            )
        patterns, targets = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_all_finite="allow-nan"
        )
        self.q_ = grid_of(X, self.q, patterns.shape[1])
        self.templates_ = Templates(patterns, np.asarray(targets, dtype=np.float64))
        return self

    def _shapes(self) -> list[str]:
        """Those that are simulated at once."""
        if self.shape == "auto":
            return ["sphere"]
        return [self.shape] if isinstance(self.shape, str) else list(self.shape)

    def _simulated(
        self,
        crystal: Crystal,
        shapes: Sequence[str],
        ranges: tuple[_Range, _Range] | None = None,
    ) -> list[ClusterPatterns]:
        """The particles of every shape, of the diameters and dispersions that were asked for."""
        instrument = self.instrument
        diameters, dispersions = ranges or (_ends(self.diameters), _ends(self.dispersions))
        mean = float(np.mean([site.b_iso for site in crystal.sublattices]))
        b_iso = self.b_iso or (_B_ISO[0] * mean, _B_ISO[1] * mean)
        if not shapes:
            raise ValueError("shape is empty; give one, such as 'sphere'")
        found = [
            kept_patterns(
                crystal,
                cache=self.cache,
                progress=self.verbose,
                diameters=diameters,
                dispersions=dispersions,
                strains=_ends(self.strains),
                q=self.q,
                wavelength=self.wavelength if instrument is None else None,
                shape=shape,
                b_iso=_ends(b_iso),
                instrument=instrument,
                fwhm=self._largest_fwhm() if instrument is None else None,
                eta=self.eta,
                growth_faults=None if self.stacking is None else _ends(self.stacking),
                n_jobs=self.n_jobs,
            )
            for shape in shapes
        ]
        if self.facet is None:
            return found
        return [OrientedPatterns.of(one, crystal, self.facet) for one in found]

    def _largest_fwhm(self) -> float | None:
        """Of a resolution; what it does to a size is a matter of its width in Q."""
        width = _FWHM * self.wavelength if self.fwhm is None else float(self.fwhm)
        return width if width > 0.0 else None

    def _classes(self) -> npt.NDArray[np.int64]:
        if self.classes is None and self._cells is not None:
            found = np.unique(np.rint(_PARTS_OF_A_NM * self._cells[:, 0]).astype(np.int64))
        elif self.classes is not None:
            found = np.unique(np.asarray(self.classes, dtype=np.int64))
        else:
            low, high = np.floor(2.0 * self.diameters[0]), np.ceil(2.0 * self.diameters[1])
            found = np.arange(max(low, 1.0), high + 1.0).astype(np.int64) * (_PARTS_OF_A_NM // 2)
        if len(found) < 2:
            raise ValueError(
                f"classes is {self.classes!r}; give two diameters in picometres or more"
            )
        return found

    def _liquids(self, q: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
        """Names of what may lie under the dots, and its curves on the grid."""
        if self.solvents is None:
            given: list[str | xr.DataArray] = [*known_solvents(), *known_backgrounds()]
        elif isinstance(self.solvents, str | xr.DataArray):
            given = [self.solvents]
        else:
            given = list(self.solvents)
        if self.blank is not None:
            check_is_pattern("blank", self.blank)
            given.append(self.blank.rename("blank"))
        wavelength = cast("float", self.series_[0].facts["wavelength"])
        names: list[str] = []
        for k, one in enumerate(given):
            name = one if isinstance(one, str) else str(one.name or f"curve {k}")
            names.append(name if name not in names else f"{name} ({k})")
        return tuple(names), kept_curves(given, q, wavelength, cache=self.cache)

    def predict(
        self, X: xr.DataArray | npt.ArrayLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Mean of the number-average diameter.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)
            NaN means not measured.
        return_std : bool, default=False
            Whether to return its standard deviation, too.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            In nm; in the unit of the targets where it was fitted to patterns.
        deviation : ndarray of shape (n_samples,)
            Only with ``return_std``.
        """
        found = self.posterior(X)
        mean = np.array([one.mean("diameter") for one in found])
        if not return_std:
            return mean
        return mean, np.array([one.deviation("diameter") for one in found])

    def predict_interval(
        self, X: xr.DataArray | npt.ArrayLike, coverage: float = 0.9
    ) -> FloatArray:
        """Central interval of the number-average diameter.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)
        coverage : float, default=0.9

        Returns
        -------
        ndarray of shape (n_samples, 2)

        Raises
        ------
        ValueError
            If the coverage is not between 0 and 1.
        """
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage is {coverage}; it must lie between 0 and 1")
        return np.array([one.interval("diameter", coverage) for one in self.posterior(X)])

    def class_probabilities(self, X: xr.DataArray | npt.ArrayLike) -> FloatArray:
        """Probability of each class, each draw shared between its two neighbours.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If it was fitted to patterns.
        """
        check_is_fitted(self, "q_")
        if not hasattr(self, "classes_"):
            raise ValueError("fitted to patterns, it has no classes; fit it to a crystal")
        return np.array([one.class_probabilities(self.classes_) for one in self.posterior(X)])

    def sample_posterior(self, X: xr.DataArray | npt.ArrayLike, n_samples: int = 100) -> xr.Dataset:
        """Draws of everything that is sought.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)
        n_samples : int, default=100
            Draws for each pattern; ``n_draws`` at most.

        Returns
        -------
        Dataset
            Variables over ``sample`` and ``draw``.

        Raises
        ------
        ValueError
            If more are asked for than there are.
        """
        if not 1 <= n_samples <= self.n_draws:
            raise ValueError(
                f"n_samples is {n_samples}; it must lie in 1 to n_draws, {self.n_draws}"
            )
        found = self.posterior(X)
        chosen = np.random.default_rng(0).permutation(self.n_draws)[:n_samples]
        return xr.Dataset(
            {
                name: (("sample", "draw"), np.array([one.draws[name][chosen] for one in found]))
                for name in found[0].draws
            }
        )

    def posterior(self, X: xr.DataArray | npt.ArrayLike) -> list[PatternPosterior]:
        """Everything that is known of each pattern, but the curves of its fit.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_features)
            NaN means not measured.

        Returns
        -------
        list of PatternPosterior

        Raises
        ------
        ValueError
            If nothing of a pattern is measured, it is not above zero on average, or the grid is
            not that of ``fit``.
        """
        check_is_fitted(self, "q_")
        if isinstance(X, xr.DataArray) and not is_same_grid(q_of(X), self.q_):
            X = self._on_grid(X)
        rows: FloatArray = validate_data(
            self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan"
        )
        if hasattr(self, "templates_"):
            return [self.templates_.posterior(row, self.n_draws) for row in rows]
        measured = np.isfinite(rows)
        if not measured.any(axis=1).all():
            raise ValueError("X holds a pattern with nothing measured")
        # Patterns that were measured at the same points share what is made of these.
        _, axis = np.unique(np.packbits(measured, axis=1), axis=0, return_inverse=True)
        order = np.argsort(axis.ravel(), kind="stable")
        # A worker makes what it needs of the points once for each chunk: few chunks for each.
        workers = 1 if self.n_jobs in (None, 1) else effective_n_jobs(self.n_jobs)
        size = max(_CHUNK, -(-len(order) // (_CHUNKS_OF_A_WORKER * workers)))
        parts = [order[k : k + size] for k in range(0, len(order), size)]
        if len(parts) == 1 or self.n_jobs in (None, 1):
            chunks = [self._chunk(rows[part]) for part in parts]
        else:
            if further := self._further():
                further()  # once, and not by each worker
            run = Parallel(n_jobs=self.n_jobs)
            chunks = run(delayed(self._chunk)(rows[part]) for part in parts)
        found: list[PatternPosterior | None] = [None] * len(rows)
        for part, chunk in zip(parts, chunks, strict=True):
            for k, one in zip(part.tolist(), chunk, strict=True):
                found[k] = one
        return [one for one in found if one is not None]

    def _further(self) -> Callable[[], tuple[ClusterPatterns, ...]] | None:
        """What simulates facetted particles when first asked; None where they may not be."""
        if self.shape != "auto" or self.stacking is not None or self.distribution == "free":
            return None
        crystal, ranges = self._crystal, self._ranges_of_facets
        if crystal is None or ranges is None or not _is_cubic(crystal):
            return None

        def facetted() -> tuple[ClusterPatterns, ...]:
            if not hasattr(self, "_facetted"):
                self._facetted = tuple(self._simulated(crystal, _FACETTED, ranges))
            return self._facetted

        return facetted

    @property
    def _ranges_of_facets(self) -> tuple[_Range, _Range] | None:
        """Diameters, and dispersions as far as particles are not too large to be cut out."""
        if self._crystal is None:
            return None
        diameters, (low, high) = self._ranges
        largest = _LARGEST_FACETTED * self._crystal.node_diameter
        tried = np.linspace(low, high, _N_TRIED)
        reached = [s for s in tried if lognormal_upper_diameter(diameters[1], s) <= largest]
        return (diameters, (low, max(reached))) if len(reached) > 1 else None

    def _on_grid(self, X: xr.DataArray) -> FloatArray:
        """Patterns whose points are all points of the grid, on the whole of it."""
        q, rows = q_of(X), rows_of(X)
        place = np.rint(np.interp(q, self.q_, np.arange(len(self.q_)))).astype(np.int64)
        there = np.abs(q - self.q_[place]) < _SAME_POINT * (self.q_[1] - self.q_[0])
        if not np.isnan(rows[:, ~there]).all():
            raise ValueError(
                "the patterns are on another Q grid than the posterior's, "
                f"{self.q_[0]:.4g} to {self.q_[-1]:.4g} 1/Angstrom in {len(self.q_)} points: give "
                "that grid as q=, bring them to it with QStandardizer, or use posterior_of"
            )
        found = np.full((len(rows), len(self.q_)), np.nan)
        found[:, place[there]] = rows[:, there]
        return found

    def _chunk(self, rows: FloatArray) -> list[PatternPosterior]:
        with threadpool_limits(1):
            return [self._row(row) for row in rows]

    def _row(self, row: FloatArray) -> PatternPosterior:
        measured = np.isfinite(row)
        key = b"mask" + np.packbits(measured).tobytes()
        return self._sized(row[measured], key, lambda: Bins.of_mask(self.q_, measured))

    def _sized(
        self,
        values: FloatArray,
        key: bytes,
        bins: Callable[[], Bins],
        esd: FloatArray | None = None,
        is_alone: bool = False,
    ) -> PatternPosterior:
        """The posterior of one pattern in bins; with the curves of its fit where it is alone."""
        models = self._kept_models(key, lambda: self._models_of(self.series_, bins(), self.texture))
        made, further = models[0].bins, self._further()

        def facetted() -> list[Model]:
            # Texture is one more way to fit what a shape lacks: spheres have it already.
            texture = self.texture is True
            assert further is not None
            return self._models_of(further(), made, texture, self._ranges_of_facets)

        return sized(
            observation(made, values, esd),
            models,
            self.n_draws,
            curves_of=values if is_alone else None,
            free=self.distribution == "free",
            further=None
            if further is None
            else lambda: self._kept_models(b"facetted " + key, facetted),
        )

    def _models_of(
        self,
        series: Sequence[ClusterPatterns],
        bins: Bins,
        texture: bool | Literal["auto"],
        ranges: tuple[_Range, _Range] | None = None,
    ) -> list[Model]:
        """Models of several shapes in bins."""
        ranges = ranges or self._ranges
        return Model.of_series(
            series, bins, self._curves, *ranges, texture, self._names, self._cells
        )

    def _kept_models(self, key: bytes, made: Callable[[], list[Model]]) -> list[Model]:
        """Models; those of the last few axes are kept."""
        if key not in self._models:
            self._models[key] = made()
            if len(self._models) > _N_AXES:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def posterior_of(
        self, pattern: xr.DataArray, instrument: Instrument | None = None
    ) -> PatternPosterior:
        """Everything that is known of one measured pattern, on its own axis.

        Parameters
        ----------
        pattern : DataArray
            One pattern with a Q axis, corrected for the zero of its instrument. Its coordinate
            ``esd`` counts where the pattern itself bears it out.
        instrument : Instrument, optional
            Instead of that of ``fit``.

        Returns
        -------
        PatternPosterior
            With its fit.

        Raises
        ------
        ValueError
            If it has no Q axis, holds several patterns, or has too few points in the range of the
            simulation.
        """
        check_is_fitted(self, "series_")
        check_is_pattern("pattern", pattern)
        values = rows_of(pattern)
        if len(values) != 1:
            raise ValueError("posterior_of takes one pattern; for several use posterior")
        if instrument is not None and instrument != self.instrument:
            raise ValueError(
                "the posterior was fitted without this instrument: give it as instrument= before "
                "fit"
            )
        q, row = q_of(pattern), np.asarray(values[0], dtype=np.float64)
        inside = np.isfinite(row) & (q >= self.q_[0]) & (q <= self.q_[-1])
        if inside.sum() < _LEAST_POINTS:
            raise ValueError(
                f"{int(inside.sum())} points lie between {self.q_[0]:.3g} and {self.q_[-1]:.3g} "
                "1/Angstrom, where the crystal was simulated: check the axis and the wavelength"
            )
        esd = pattern["esd"].values.reshape(-1)[inside] if "esd" in pattern.coords else None

        with threadpool_limits(1):
            key = q[inside].tobytes()
            found = self._sized(row[inside], key, lambda: Bins(self.q_, q[inside]), esd, True)
        if found.fit is not None and "two_theta" in pattern.coords:
            angles = np.asarray(pattern["two_theta"].values)[inside]
            found.fit.curves.coords["two_theta"] = ("q", angles)
        return found

    def __getstate__(self) -> Mapping[str, object]:
        state = dict(super().__getstate__())
        if "_models" in state:
            state["_models"] = OrderedDict()  # made anew where they are needed
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.regressor_tags.poor_score = True
        return tags


_LEAST_POINTS = 30
_SAME_POINT = 0.01  # of a step


def _is_cubic(crystal: Crystal) -> bool:
    """Whether cubes and octahedra are forms of a crystal."""
    cell = np.asarray(crystal.conventional)
    squares = cell @ cell.T
    return bool(
        np.allclose(squares, squares[0, 0] * np.eye(3), rtol=0.0, atol=1e-3 * squares[0, 0])
    )


def _ends(given: Sequence[float]) -> _Range:
    low, high = (float(end) for end in given)
    return low, high

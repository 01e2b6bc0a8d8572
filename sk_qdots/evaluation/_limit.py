"""The limit that counting sets: nothing is left to find out but the dots."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, ClassifierMixin

from .._typing import FloatArray, IntArray
from ..augmentation import SolventMixer, library_samples
from ..baselines import LibraryLikelihoodClassifier
from ..model_selection.protocols import Patterns
from ..model_selection.remeasurement import DISPERSIONS, STRAINS, fresh_library
from ..preprocessing.patterns import area
from ..simulation import Crystal

__all__ = ["KnownConditions", "dry_library"]


class KnownConditions(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Likelihood of a library in the very liquid and concentration of each row.

    Patterns must be DataArrays with the coordinates ``solvent`` and ``qd_fraction``.

    Parameters
    ----------
    curves : mapping of str to str or DataArray
        Liquids by the names that the rows give.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.evaluation import KnownConditions, dry_library
    >>> X, y = dry_library("PbS", [3000, 5000], np.linspace(1.0, 15.0, 500))
    >>> limit = KnownConditions({}).fit(X, y)
    >>> dots = X[:2].assign_coords(solvent=("sample", ["", ""]), qd_fraction=("sample", [1.0, 1.0]))
    >>> bool((limit.predict(dots) == y[:2]).all())
    True
    """

    predicts_most_probable = True  # what Answers need not ask twice

    def __init__(self, curves: Mapping[str, str | xr.DataArray]) -> None:
        self.curves = curves

    def fit(self, X: xr.DataArray, y: IntArray) -> KnownConditions:
        """Keep the dry library.

        Parameters
        ----------
        X : DataArray of shape (n_simulations, n_q)
        y : ndarray of shape (n_simulations,)
            Diameters in picometres.

        Returns
        -------
        self
        """
        self.library_, self._labels, self.classes_ = X, y, np.unique(y)
        return self

    def predict(self, X: Patterns) -> IntArray:
        """Most probable sizes.

        Parameters
        ----------
        X : DataArray of shape (n_samples, n_q)

        Returns
        -------
        ndarray of shape (n_samples,)
            Picometres.
        """
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Patterns) -> FloatArray:
        """Probabilities, liquid by liquid and concentration by concentration.

        Parameters
        ----------
        X : DataArray of shape (n_samples, n_q)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)

        Raises
        ------
        ValueError
            If X does not say liquid and concentration.
        """
        if not isinstance(X, xr.DataArray) or not {"solvent", "qd_fraction"} <= set(X.coords):
            raise ValueError("X needs the coordinates solvent and qd_fraction")
        cells = list(zip(X.coords["solvent"].values, X.coords["qd_fraction"].values, strict=True))
        found = np.empty((len(cells), len(self.classes_)))
        for cell in dict.fromkeys(cells):
            here = np.array([other == cell for other in cells])
            mixed = self.library_
            if cell[1] < 1.0:
                mixed = SolventMixer(self.curves[cell[0]], float(cell[1])).fit_transform(mixed)
            known = LibraryLikelihoodClassifier().fit(mixed, self._labels)
            found[here] = known.predict_proba(X[here])
        return found


def dry_library(
    crystal: str | Crystal,
    classes: npt.ArrayLike,
    q: npt.ArrayLike,
    wavelength: float = 0.56,
    dispersions: tuple[float, ...] = DISPERSIONS,
    strains: tuple[float, ...] = STRAINS,
) -> tuple[xr.DataArray, IntArray]:
    """Patterns of area 1000 of the very dots that fresh patterns are drawn from.

    Parameters
    ----------
    crystal : Crystal or str
    classes : array-like of shape (n_classes,)
        Diameters in picometres.
    q : array-like of shape (n_q,)
        In 1/Angstrom.
    wavelength : float, default=0.56
        In Angstrom.
    dispersions, strains : tuple of float, optional

    Returns
    -------
    X : DataArray of shape (n_simulations, n_q)
    y : ndarray of shape (n_simulations,) of int

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.evaluation import dry_library
    >>> X, y = dry_library("PbS", [3000, 5000], np.linspace(1.0, 15.0, 500))
    >>> np.unique(y)
    array([3000, 5000])
    """
    grid = np.asarray(q)
    diameters = tuple(np.asarray(classes) / 1000.0)
    library = fresh_library(
        crystal, diameters, "sphere", tuple(grid), wavelength, dispersions, strains
    )
    clean, labels, _ = library_samples(library)
    return clean.copy(data=clean.values * (1000.0 / area(clean.values, grid))[:, None]), labels

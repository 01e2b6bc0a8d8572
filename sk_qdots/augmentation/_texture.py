r"""Preferred orientation: dots with facets, lying on a plate.

A plate in reflection shows only the lattice planes parallel to it. Where dots lie
on their facets, the function of March and Dollase (:mod:`.texture`) weighs their reflections.
"""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .._typing import RealArray
from .._validation import Interval
from ..simulation import Crystal
from .base import Augmenter, Generators
from .texture import Texture

__all__ = ["PreferredOrientation"]


class PreferredOrientation(Augmenter):
    """Alter the Bragg intensities as for faceted dots lying on a plate.

    It acts on dry patterns, before a liquid is mixed in.

    Parameters
    ----------
    crystal : Crystal or str, default="PbS"
        The dots, or the name of a built-in crystal.
    facet : tuple of 3 int, default=(1, 0, 0)
        Miller indices of the facets that lie on the plate.
    march : float, default=0.8
        March coefficient r: 1 is random, below 1 the dots lie flat on their
        facets, above 1 they stand upright.
    peak_width : float, default=0.15
        Full width at half maximum of the peaks, in 1/Angstrom: 0.56 / diameter in
        nm, about.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    factor_ : ndarray of shape (n_q,)
        What the intensities are multiplied by.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    Background : The plate itself.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    >>> X, y, groups = sq.library_samples(library)
    >>> textured = sq.PreferredOrientation("PbS", (1, 0, 0), march=0.7).fit_transform(X)
    >>> bool(textured.sel(q=2.12, method="nearest") > X.sel(q=2.12, method="nearest"))  # 200
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "crystal": [str, Crystal],
        "facet": [tuple, list],
        "march": [Interval(Real, 0.05, 20.0, closed="both")],
        "peak_width": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        crystal: str | Crystal = "PbS",
        facet: tuple[int, int, int] = (1, 0, 0),
        march: float = 0.8,
        peak_width: float = 0.15,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.crystal = crystal
        self.facet = facet
        self.march = march
        self.peak_width = peak_width
        self.q = q

    def _prepare(self) -> None:
        texture = Texture(self.crystal, self.facet, self.peak_width, self.q_)
        self.factor_ = texture.factor(float(self.march))

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        return np.asarray(X * self.factor_.astype(X.dtype))

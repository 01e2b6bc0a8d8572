"""What an evaluation found: reports of a sizer and its peers, and how they were made."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from .._typing import IntArray
from ..model_selection import Condition
from ..simulation import Crystal, default_q_grid
from ..sizing import Sizer
from ._references import Reference

__all__ = ["FULL", "QUICK", "Evaluation", "Extent"]

_PBS_CLASSES = np.arange(2000, 10_500, 500)


@dataclass(frozen=True)
class Extent:
    """How much is done.

    Parameters
    ----------
    n_sizer, n_peers : int
        Patterns for the sizer, and for its peers.
    thinned : bool
        Whether only some levels of a test are taken.
    n_told : int
        Patterns of every row of what a user is told.
    """

    n_sizer: int
    n_peers: int
    thinned: bool
    n_told: int


FULL = Extent(3060, 612, False, 200)
QUICK = Extent(204, 102, True, 16)


@dataclass
class Evaluation:
    """What is drawn and told.

    Parameters
    ----------
    sizer : Sizer
    material : str
        Name of the crystal.
    crystal : Crystal or str
    X : DataArray of shape (n_samples, n_q)
    y : ndarray of shape (n_samples,)
    conditions : list of Condition
    reports : dict of str to Dataset
        By the name of the estimator, the sizer's first.
    paired : Dataset
        The sizer on the patterns that its peers got.
    references : list of Reference
    told : Dataset
        What a user is told, of :func:`sk_qdots.evaluation.told.told_report`.
    facts : dict of str to str
        How it was made.
    random_state : int
    """

    sizer: Sizer
    material: str
    crystal: str | Crystal
    X: xr.DataArray
    y: IntArray
    conditions: list[Condition]
    reports: dict[str, xr.Dataset]
    paired: xr.Dataset
    references: list[Reference]
    told: xr.Dataset
    facts: dict[str, str]
    random_state: int
    figures: list[tuple[str, str]] = field(default_factory=list)  # file, caption

    @property
    def own(self) -> xr.Dataset:
        """The sizer's report."""
        return next(iter(self.reports.values()))

    @property
    def is_published(self) -> bool:
        """Whether the paper's figures are of the same dots, classes and range."""
        grid, standard = self.sizer.q_, default_q_grid()
        same_grid = grid.shape == standard.shape and np.allclose(grid, standard, atol=1e-3)
        same_classes = np.array_equal(self.sizer.inner_classes, _PBS_CLASSES)
        return self.material == "PbS" and same_classes and same_grid

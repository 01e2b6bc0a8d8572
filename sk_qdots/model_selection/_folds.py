"""Folds as they were published, and honest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, StratifiedGroupKFold, cross_validate

from .protocols import Scorer

__all__ = ["cross_validate_folds"]


def cross_validate_folds(
    estimator: BaseEstimator,
    X: xr.DataArray | npt.ArrayLike,
    y: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    n_splits: int = 5,
    scoring: str | Scorer | Sequence[str] | Mapping[str, Scorer] | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> xr.Dataset:
    """Cross-validate twice: over all patterns, and with copies of a simulation kept together.

    The folds of the paper are drawn over the augmented patterns, so that copies of one
    simulation, in another liquid or with other noise, stand in both the training and
    the test part. The difference of the two figures is what that leak is worth.

    Parameters
    ----------
    estimator : estimator
        Cloned for every fold.
    X : DataArray or array-like of shape (n_samples, n_q)
    y : array-like of shape (n_samples,)
    groups : array-like of shape (n_samples,)
        The simulation that each row comes from, of :func:`sk_qdots.library_samples`.
    n_splits : int, default=5
    scoring : str, callable or dict, optional
        As in :func:`sklearn.model_selection.cross_validate`.
    random_state : int, default=0
        Seed of the folds.
    n_jobs : int, optional
        As in :func:`sklearn.model_selection.cross_validate`.
    verbose : int, default=0

    Returns
    -------
    Dataset
        What ``cross_validate`` returns (``test_score``, ``fit_time``, ...), over
        ``protocol`` (``"KFold"``, ``"StratifiedGroupKFold"``) and ``fold``.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> library = sq.simulate_library("PbS", diameters=[2.0, 6.0], dispersions=[0.1])
    >>> X, y, groups = sq.library_samples(sq.augment_library(library, snr=[46], random_state=0))
    >>> folds = sq.model_selection.cross_validate_folds(KNeighborsClassifier(1), X, y, groups)
    >>> folds.test_score.dims
    ('protocol', 'fold')
    """
    protocols = {
        "KFold": (KFold, None),
        "StratifiedGroupKFold": (StratifiedGroupKFold, groups),
    }
    found = [
        cross_validate(
            estimator,
            X,
            y,
            groups=kept_together,
            cv=kind(n_splits, shuffle=True, random_state=random_state),
            scoring=scoring,
            n_jobs=n_jobs,
            verbose=verbose,
        )
        for kind, kept_together in protocols.values()
    ]
    return xr.Dataset(
        {
            name: (("protocol", "fold"), np.stack([scores[name] for scores in found]))
            for name in found[0]
        },
        coords={"protocol": list(protocols), "fold": np.arange(1, n_splits + 1)},
    )

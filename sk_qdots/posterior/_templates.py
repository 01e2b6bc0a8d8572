"""Posterior over patterns that are given: nothing is simulated and nothing refined."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from .result import PatternPosterior

__all__ = ["Templates"]

_ROUNDING = 1e-12


class Templates:
    """Patterns and their targets.

    Parameters
    ----------
    patterns : ndarray of shape (n_templates, n_features)
    targets : ndarray of shape (n_templates,)
    """

    def __init__(self, patterns: FloatArray, targets: FloatArray) -> None:
        self.patterns, self.targets = patterns, targets
        self._known = np.isfinite(patterns)

    def posterior(self, row: FloatArray, n_draws: int) -> PatternPosterior:
        """Draws of the target of a pattern.

        A pattern is a template, in any amount, on a constant, with noise of a level that is
        integrated out.
        """
        measured = np.isfinite(row)
        if not measured.any():
            raise ValueError("X holds a pattern with nothing measured")
        known = self._known & measured
        count = np.maximum(known.sum(axis=1), 1)
        # Row by row: a matrix product would round each by its place.
        own, values = (np.where(known, one, 0.0) for one in (self.patterns, row))
        own = np.where(known, own - own.sum(axis=1, keepdims=True) / count[:, None], 0.0)
        values = np.where(known, values - values.sum(axis=1, keepdims=True) / count[:, None], 0.0)
        cross = np.maximum((own * values).sum(axis=1), 0.0)
        square = (values**2).sum(axis=1)
        left = square - cross**2 / np.maximum((own**2).sum(axis=1), _ROUNDING)
        left = np.maximum(left, _ROUNDING * square + _ROUNDING) / count
        logs = -0.5 * max(int(measured.sum()) - 2, 1) * np.log(left)
        shares = np.cumsum(np.exp(logs - logs.max()))
        at = (np.arange(n_draws) + 0.5) / n_draws * shares[-1]
        chosen = np.minimum(np.searchsorted(shares, at), len(shares) - 1)
        return PatternPosterior(draws={"diameter": self.targets[chosen]})

r"""What a pattern holds in amounts that are not known, integrated out in closed form.

Of a pattern :math:`y` with independent noise of the weights :math:`W` (one over its variances),

.. math:: y = X \beta + C\, a + \text{noise}, \qquad \beta_j \sim N(m_j, v_j),

the amounts :math:`\beta` of the columns :math:`X` are integrated out. What is left of a curve
:math:`c` is measured by :math:`M = W - W X K^{-1} X^T W`, with
:math:`K = X^T W X + V^{-1}`: the products :math:`c^T M c'` and :math:`c^T M y` are all that a
fit of curves needs, and with the determinant of :math:`K` all that the evidence needs.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dtrtrs

from .._typing import BoolArray, FloatArray

__all__ = ["Cross", "Solved", "System", "solved_lower"]


def solved_lower(factor: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Solve with a lower triangular matrix, or its transpose.

    As :func:`scipy.linalg.solve_triangular`, whose checks take longer than small systems do.

    Parameters
    ----------
    factor : ndarray of shape (n, n)
    right : ndarray of shape (n,) or (n, n_right)
    transposed : bool, default=False
    """
    if not right.size:
        return right.copy()
    # LAPACK has columns first: what it gets is the transpose.
    found, info = dtrtrs(factor.T, right, lower=0, trans=int(not transposed))
    if info:
        raise np.linalg.LinAlgError(f"dtrtrs: {info}")
    return np.asarray(found)


@dataclass(frozen=True, eq=False)
class Cross:
    """Products of curves with the columns, with each other and with the pattern."""

    columns: FloatArray
    own: FloatArray
    pattern: FloatArray


class System:
    """Columns, weights and a pattern.

    Parameters
    ----------
    columns : ndarray of shape (n_bins, n_columns)
    weights : ndarray of shape (n_bins,)
        One over the variances of the noise.
    pattern : ndarray of shape (n_bins,)
    """

    def __init__(self, columns: FloatArray, weights: FloatArray, pattern: FloatArray) -> None:
        self.columns, self.weights, self.pattern = columns, weights, pattern
        self._roots = np.sqrt(weights)
        self._weighted = columns * self._roots[:, None]
        self.gram = self._weighted.T @ self._weighted
        self.with_pattern = self._weighted.T @ (self._roots * pattern)
        self.square = float(pattern @ (weights * pattern))
        self.log_weights = float(np.log(weights).sum())

    def cross(self, curves: FloatArray) -> Cross:
        """Products of curves, (n_curves, n_bins), with everything."""
        weighted = curves * self._roots
        return Cross(
            self._weighted.T @ weighted.T,
            weighted @ weighted.T,
            weighted @ (self._roots * self.pattern),
        )

    def with_columns(self, more: FloatArray) -> System:
        """The same with further columns, (n_bins, n_further), behind these."""
        found = copy(self)
        cross = self.cross(more.T)
        found.columns = np.concatenate([self.columns, more], axis=1)
        found._weighted = np.concatenate([self._weighted, more * self._roots[:, None]], axis=1)
        found.gram = np.block([[self.gram, cross.columns], [cross.columns.T, cross.own]])
        found.with_pattern = np.concatenate([self.with_pattern, cross.pattern])
        return found

    def without_last(self, count: int) -> System:
        """The same without the last columns."""
        found = copy(self)
        n = len(self.gram) - count
        found.columns, found._weighted = self.columns[:, :n], self._weighted[:, :n]
        found.gram, found.with_pattern = self.gram[:n, :n], self.with_pattern[:n]
        return found

    def solved(
        self,
        variances: FloatArray,
        means: FloatArray | None = None,
        used: BoolArray | None = None,
    ) -> Solved:
        """The amounts integrated out.

        Parameters
        ----------
        variances : ndarray of shape (n_columns,)
            Prior ones.
        means : ndarray of shape (n_columns,), optional
            Prior ones; 0 by default.
        used : ndarray of shape (n_columns,) of bool, optional
            Which columns there are; all by default.
        """
        gram, right, pv = self.gram, self.with_pattern, variances
        if used is not None:
            gram, right, pv = gram[np.ix_(used, used)], right[used], variances[used]
        pm = np.zeros(len(pv)) if means is None else (means if used is None else means[used])
        matrix = gram + np.diag(1.0 / pv)
        factor = np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
        half = solved_lower(factor, right + pm / pv)
        square = self.square + float((pm**2 / pv).sum()) - float(half @ half)
        log_det = 2.0 * float(np.log(np.diag(factor)).sum()) + float(np.log(pv).sum())
        return Solved(self, used, factor, half, square, log_det - self.log_weights)


@dataclass(frozen=True, eq=False)
class Solved:
    """A system whose amounts are integrated out.

    Parameters
    ----------
    system : System
    used : ndarray of bool or None
        Its columns that there are.
    factor : ndarray of shape (n_used, n_used)
        Lower triangular, of K.
    half : ndarray of shape (n_used,)
        The factor's inverse times the columns' product with the pattern.
    square : float
        Of the pattern, by M.
    log_det : float
        Of the covariance of the pattern.
    """

    system: System
    used: BoolArray | None
    factor: FloatArray
    half: FloatArray
    square: float
    log_det: float

    def reduced(self, cross: Cross) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Products of the curves by M, with each other and with the pattern; and their halves."""
        columns = cross.columns if self.used is None else cross.columns[self.used]
        half = solved_lower(self.factor, columns)
        return cross.own - half.T @ half, cross.pattern - half.T @ self.half, half

    def products(self, curves: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Products of curves, (n_curves, n_bins), by M."""
        own, pattern, _ = self.reduced(self.system.cross(curves))
        return own, pattern

    def amounts(self, curve: FloatArray | None = None) -> FloatArray:
        """Mean amounts of the columns, beside a curve that is given."""
        half = self.half
        if curve is not None:
            half = half - self.reduced(self.system.cross(curve[None]))[2][:, 0]
        return solved_lower(self.factor, half, transposed=True)

    def background(self, curve: FloatArray) -> FloatArray:
        """The columns in their mean amounts, beside a curve that is given."""
        columns = self.system.columns
        if self.used is not None:
            columns = columns[:, self.used]
        return np.asarray(columns @ self.amounts(curve))

    def n_free(self) -> float:
        """Number of amounts that the pattern, not the prior, determines."""
        gram = self.system.gram
        if self.used is not None:
            gram = gram[np.ix_(self.used, self.used)]
        first = solved_lower(self.factor, gram)
        second = solved_lower(self.factor, first.T)
        return float(np.trace(second))

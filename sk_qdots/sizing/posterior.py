r"""What an engine says of patterns: probabilities of classes, and estimates.

An engine returns a probability :math:`p_j` of every class :math:`D_j` and, where it can, the mean
and standard deviation of dispersion, strain and other quantities. From probabilities alone the
mean diameter is :math:`\sum_j p_j D_j`; an interval takes each class as a uniform distribution over
what is nearer to it than to its neighbours. From draws everything is counted: the intervals are
their quantiles, and each draw is shared by the two classes around it, so that the mean of the
classes is that of the draws. A mixture of normal distributions has quantiles of its own, and is
drawn from where all that is known of one pattern is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import ndtri

from .._typing import FloatArray, IntArray
from ..neural_network.mixture import Mixtures
from ..posterior import PatternPosterior

__all__ = ["FRACTIONS", "QUANTITIES", "SHARES", "Posterior"]

QUANTITIES = (
    "diameter",
    "dispersion",
    "strain",
    "volume_diameter",
    "width",
    "length",
    "thickness",
    "surface_diameter",
    "growth_fault",
    "twinned",
    "decahedral",
)
"""What an engine may estimate: diameters and lengths in nm, the others, ``FRACTIONS``, not."""

SHARES = ("twinned", "decahedral")  # of the particles
FRACTIONS = ("dispersion", "strain", "growth_fault", *SHARES)

_LARGEST = {"growth_fault": 1.0, **dict.fromkeys(SHARES, 1.0)}
_N_DRAWS = 1000  # of a mixture
_ROUNDING = 1e-3  # of probabilities in single precision


@dataclass(frozen=True, eq=False)
class Posterior:
    """What an engine says of patterns.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,) of int
        Diameters in picometres, ascending.
    probabilities : ndarray of shape (n_samples, n_classes)
        Rows add up to 1.
    means, deviations : mapping of str to ndarray of shape (n_samples,)
        Mean and standard deviation of what else is estimated, by the names of
        ``QUANTITIES``; of ``"diameter"``, where the number average is estimated
        besides the classes, in nm.
    details : sequence of PatternPosterior
        One a pattern, where the engine draws what it does not know; intervals are then the
        quantiles of the draws.
    mixtures : Mixtures, optional
        Of the quantities of ``means`` in their order, where the engine gives them; intervals are
        then their quantiles.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.sizing import Posterior
    >>> posterior = Posterior(np.array([2000, 3000]), np.array([[0.5, 0.5]]))
    >>> posterior.expected_diameter().tolist(), posterior.interval("diameter").round(2).tolist()
    ([2.5], [[1.6, 3.4]])
    """

    classes: IntArray
    probabilities: FloatArray
    means: Mapping[str, FloatArray] = field(default_factory=dict)
    deviations: Mapping[str, FloatArray] = field(default_factory=dict)
    details: Sequence[PatternPosterior] = ()
    mixtures: Mixtures | None = None

    def __post_init__(self) -> None:
        n = len(self.classes)
        if n < 2 or np.any(np.diff(self.classes) <= 0):
            raise ValueError("classes must be two or more diameters, ascending")
        if self.probabilities.ndim != 2 or self.probabilities.shape[1] != n:
            raise ValueError(
                f"probabilities have shape {self.probabilities.shape}; expected (n_samples, {n})"
            )
        total = self.probabilities.sum(axis=1)
        if not (self.probabilities >= 0).all() or np.any(np.abs(total - 1.0) > _ROUNDING):
            raise ValueError("probabilities must not be negative and must add up to 1")
        if set(self.means) != set(self.deviations) or not set(self.means) <= set(QUANTITIES):
            raise ValueError(
                f"means of {sorted(self.means)} and deviations of {sorted(self.deviations)}: give "
                f"both for the same quantities, of {', '.join(QUANTITIES)}"
            )
        for values in (*self.means.values(), *self.deviations.values()):
            if np.shape(values) != (len(self.probabilities),) or not np.isfinite(values).all():
                raise ValueError("a mean and a deviation must be one finite number a pattern")
        if self.mixtures is not None and self.mixtures.means.shape[::2] != (
            len(self.probabilities),
            len(self.means),
        ):
            raise ValueError(
                f"mixtures have the shape {self.mixtures.means.shape} and there are "
                f"{len(self.probabilities)} patterns and means of {len(self.means)} quantities"
            )
        if self.details and len(self.details) != len(self.probabilities):
            raise ValueError(
                f"details are of {len(self.details)} patterns and the probabilities of "
                f"{len(self.probabilities)}"
            )

    @classmethod
    def from_draws(cls, classes: IntArray, details: Sequence[PatternPosterior]) -> Posterior:
        """Count draws.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,) of int
            Diameters in picometres, ascending.
        details : sequence of PatternPosterior
            One a pattern, with draws of ``"diameter"``. A draw beyond the outermost class counts
            for it.

        Returns
        -------
        Posterior

        Raises
        ------
        ValueError
            If a draw is not finite, or a pattern lacks one.

        Examples
        --------
        >>> import numpy as np
        >>> from sk_qdots.posterior import PatternPosterior
        >>> from sk_qdots.sizing import Posterior
        >>> draws = {"diameter": np.array([2.2, 2.6])}
        >>> found = Posterior.from_draws(np.array([2000, 3000]), [PatternPosterior(draws)])
        >>> found.probabilities.round(2).tolist(), found.expected_diameter().round(2).tolist()
        ([[0.6, 0.4]], [2.4])
        """
        names = [name for name in QUANTITIES if all(name in one.draws for one in details)]
        if "diameter" not in names:
            raise ValueError("the draws lack the diameter")
        return cls(
            classes,
            np.array([_shared(classes, one.draws["diameter"]) for one in details]),
            {name: np.array([one.mean(name) for one in details]) for name in names},
            {name: np.array([one.deviation(name) for one in details]) for name in names},
            tuple(details),
        )

    def expected_diameter(self) -> FloatArray:
        """Mean of the classes weighted by their probabilities, in nm.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        # No matrix product: its last digits would depend on the number of rows.
        return np.asarray((self.probabilities * (self.classes / 1000.0)).sum(axis=1))

    def expected_deviation(self) -> FloatArray:
        """Standard deviation of the classes weighted by their probabilities, in nm.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        distance = self.classes / 1000.0 - self.expected_diameter()[:, None]
        return np.asarray(np.sqrt((self.probabilities * distance**2).sum(axis=1)))

    def number_diameter(self) -> tuple[FloatArray, FloatArray]:
        """Best estimate of the number average and its standard deviation, in nm.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            What was estimated, or else that of the classes.
        deviation : ndarray of shape (n_samples,)
        """
        if "diameter" in self.means:
            return self.means["diameter"], self.deviations["diameter"]
        return self.expected_diameter(), self.expected_deviation()

    def interval(self, name: str, coverage: float = 0.90) -> FloatArray:
        """Central interval of one quantity.

        Parameters
        ----------
        name : str
            One of ``means``, or ``"diameter"``.
        coverage : float, default=0.90

        Returns
        -------
        ndarray of shape (n_samples, 2)
            Quantiles of the draws or of the mixture where there are any, else from a normal
            distribution where the quantity was estimated; lengths and fractions do not fall
            below zero, but for strains, nor shares and probabilities rise above one.

        Raises
        ------
        KeyError
            If the engine does not estimate it.
        """
        return self.quantiles(name, np.array([0.5 - 0.5 * coverage, 0.5 + 0.5 * coverage]))

    def quantiles(self, name: str, shares: FloatArray) -> FloatArray:
        """Quantiles of one quantity.

        Parameters
        ----------
        name : str
            One of ``means``, or ``"diameter"``.
        shares : ndarray of shape (n_shares,)
            Between 0 and 1, ascending.

        Returns
        -------
        ndarray of shape (n_samples, n_shares)
            As :meth:`interval`.

        Raises
        ------
        KeyError
            If the engine does not estimate it.
        """
        if self.details:
            return np.array([np.quantile(one.draws[name], shares) for one in self.details])
        if name == "diameter" and name not in self.means:
            return self._quantiles_of_classes(shares)
        if self.mixtures is not None:
            found = self.mixtures.quantiles(shares)[:, [*self.means].index(name)]
        else:
            found = self.means[name][:, None] + ndtri(shares) * self.deviations[name][:, None]
        return possible(name, found)

    def of_row(self, row: int) -> Posterior:
        """That of one pattern.

        Parameters
        ----------
        row : int

        Returns
        -------
        Posterior
        """
        rows = slice(row, row + 1)
        return replace(
            self,
            probabilities=self.probabilities[rows],
            means={name: values[rows] for name, values in self.means.items()},
            deviations={name: values[rows] for name, values in self.deviations.items()},
            details=self.details[rows],
            mixtures=None if self.mixtures is None else self.mixtures.of_row(row),
        )

    def detail(self, row: int) -> PatternPosterior | None:
        """Draws of what is not known of one pattern, where the engine can say that.

        Parameters
        ----------
        row : int

        Returns
        -------
        PatternPosterior or None
            Of a mixture 1000 joint draws, always the same for the same mixture: two readings of
            a pattern are two groups of them. None where only means and deviations are known.
        """
        if self.details:
            return self.details[row]
        if self.mixtures is None or self.mixtures.weights.shape[1] == 1:
            return None
        one = self.mixtures.of_row(row)
        draws = one.sample(_N_DRAWS, np.random.RandomState(0))[0]
        return PatternPosterior(
            {name: possible(name, draws[:, k]) for k, name in enumerate(self.means)}
        )

    def _quantiles_of_classes(self, shares: FloatArray) -> FloatArray:
        sizes = self.classes / 1000.0
        middles = 0.5 * (sizes[1:] + sizes[:-1])
        first, last = (middles[0] - sizes[0], sizes[-1] - middles[-1]) if len(middles) else (0, 0)
        edges = np.concatenate([[sizes[0] - first], middles, [sizes[-1] + last]])
        below = np.zeros((len(self.probabilities), len(edges)))
        np.cumsum(self.probabilities, axis=1, out=below[:, 1:])
        return np.array([np.interp(shares, row / row[-1], edges) for row in below]).reshape(
            -1, len(shares)
        )


def possible(name: str, values: FloatArray) -> FloatArray:
    """Values within what a quantity can be."""
    if name == "strain":
        return values
    return np.asarray(np.clip(values, 0.0, _LARGEST.get(name)))


def _shared(classes: IntArray, diameters: FloatArray) -> FloatArray:
    """Share of each class, each draw split between the two that it lies between."""
    places = np.interp(diameters, classes / 1000.0, np.arange(len(classes), dtype=np.float64))
    if not np.isfinite(places).all():
        raise ValueError("a draw of the diameter is not finite")
    below = np.minimum(places.astype(np.int64), len(classes) - 2)
    above = places - below
    n = len(classes)
    counted = np.bincount(below, 1.0 - above, n) + np.bincount(below + 1, above, n)
    return np.asarray(counted / len(places))

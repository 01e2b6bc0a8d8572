r"""Stacking disorder: layers of a particle that follow a Markov chain.

Layer :math:`i` of close-packed layers is at position :math:`p_i` (A, B or C), one step
:math:`s_i = p_{i+1} - p_i = \pm 1` from the one before. Two kinds of planar faults change the
sequence [1]_ [2]_. A *growth* fault, of probability :math:`\alpha` a layer, turns the direction
from that layer on: the layer is hexagonal (:math:`\alpha = 0` is cubic, :math:`\alpha = 1`
hexagonal). A *deformation* fault, of probability :math:`\beta` a step, takes one step the other
way, as slip does, and leaves those after it. With the direction :math:`\sigma_i = \pm 1` as the
hidden state,

.. math::

    P(\sigma_{i+1} = -\sigma_i) = \alpha, \qquad P(s_i = -\sigma_i) = \beta,

    g(m) = \langle \omega^{p_{i+m} - p_i} \rangle
         = \mathbf 1^T (\Phi F)^{m-1} \Phi\, \tfrac12 \mathbf 1, \qquad \omega = e^{2 \pi i / 3},

with :math:`F` the matrix of turns and :math:`\Phi` diagonal,
:math:`\Phi_\sigma = (1 - \beta)\,\omega^\sigma + \beta\,\omega^{-\sigma}`. Where both directions
are equally likely, two layers :math:`m` apart are at the same position with the probability

.. math:: P_0(m) = \tfrac13 [1 + 2 g(m)], \qquad P_{\pm 1}(m) = \tfrac12 [1 - P_0(m)].

The expected number of pairs at an in-plane distance :math:`r` and :math:`m` layers apart is then

.. math:: M(r, m) = P_0(m)\, T_0(r, m) + [1 - P_0(m)]\, T_1(r, m),

where :math:`T_0` counts the pairs of layers at equal positions and :math:`T_1` those at different
ones. They are exact correlations of the layers of a particle, integers for whole ones, and do not
depend on the probabilities: one set of tables serves them all, from cubic over twins and faults to
hexagonal.

A particle is cut around :attr:`CloseLayers.hollow`, about which a turn takes A to B to C: a body
that such a turn maps onto itself (a sphere, a cube, an octahedron; for a hexagonal crystal a
cylinder along c) holds as many atoms for every sequence, and which position the first layer has is
no matter. For other bodies the tables are means over the three positions.

The lowest layer has the direction of the cubic crystal, and layer :math:`i` above it has kept it
on the average :math:`(1 - 2 \alpha)^i`, so that positions :math:`+1` and :math:`-1` are not equally
likely there. For a body that the mirror plane between the two maps onto itself, such as a sphere,
this is no matter. For others, such as a cube, whose faces are those of the cubic sequence, half of
the difference of the two is added, weighted so; that costs transforms of its own for every
probability.

Validated in ``tests/simulation/test_stacking.py``: against the sum over every sequence of a small
particle with its probability, and against the cubic and the hexagonal crystal cut around the same
point, to 1e-9; against the mean of random sequences of larger ones.

References
----------
.. [1] B. E. Warren, X-ray Diffraction, Addison-Wesley (1969), chapter 13.
.. [2] M. M. J. Treacy, J. M. Newsam, M. W. Deem, Proc. R. Soc. Lond. A 433, 499 (1991).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._typing import FloatArray, IntArray

__all__ = ["Stacking"]

_ROUNDING = 1e-12  # of probabilities
_OMEGA = np.exp(2j * np.pi / 3.0)


@dataclass(frozen=True)
class Stacking:
    """Probabilities of planar faults in close-packed layers.

    Parameters
    ----------
    growth : float, default=0.0
        Probability that a layer is hexagonal (its neighbours at equal positions): 0 is
        cubic, 1 hexagonal.
    deformation : float, default=0.0
        Probability that a step goes the other way than its neighbours, as after slip.

    Raises
    ------
    ValueError
        If a probability is not in [0, 1].

    Examples
    --------
    >>> from sk_qdots.simulation import Stacking
    >>> cubic, hexagonal = Stacking(), Stacking(growth=1.0)
    >>> cubic.same_position(4).round(9).tolist(), hexagonal.same_position(4).round(9).tolist()
    ([1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0])
    """

    growth: float = 0.0
    deformation: float = 0.0

    def __post_init__(self) -> None:
        for name, value in (("growth", self.growth), ("deformation", self.deformation)):
            is_number = isinstance(value, int | float | np.floating | np.integer)
            if isinstance(value, bool) or not (is_number and 0.0 <= value <= 1.0):
                raise ValueError(
                    f"{name} is {value!r}; it must be a probability, from 0 to 1 (no percent)"
                )

    def same_position(self, n_layers: int) -> FloatArray:
        """Probability that two layers are at the same position, by their separation.

        Parameters
        ----------
        n_layers : int

        Returns
        -------
        ndarray of shape (n_layers,)
            For layers 0, 1, ..., n_layers - 1 apart.
        """
        found = np.clip((1.0 + 2.0 * self._means(n_layers)[0]) / 3.0, 0.0, 1.0)
        return np.asarray(np.where(found < _ROUNDING, 0.0, found))

    def leaning(self, n_layers: int) -> FloatArray:
        """How much likelier a step to the next position is than one to the other.

        Parameters
        ----------
        n_layers : int

        Returns
        -------
        ndarray of shape (n_layers,)
            Difference of the probabilities of +1 and -1, for layers 0, 1, ..., n_layers - 1
            apart, where the direction at the lower one is +1.
        """
        return np.asarray(2.0 / np.sqrt(3.0) * self._means(n_layers)[1])

    def _means(self, n_layers: int) -> tuple[FloatArray, FloatArray]:
        """Mean of omega^(p_m - p_0) of either direction, and its imaginary part of +1."""
        turns = np.array([[1.0 - self.growth, self.growth], [self.growth, 1.0 - self.growth]])
        step = (1.0 - self.deformation) * _OMEGA + self.deformation / _OMEGA
        steps = np.array([step, np.conj(step)])
        state = np.eye(2, dtype=np.complex128)  # by the direction at the start
        means = np.ones((n_layers, 2), dtype=np.complex128)
        for m in range(1, n_layers):
            state = steps[:, None] * state
            means[m] = state.sum(axis=0)
            state = turns @ state
        return means.mean(axis=1).real, means[:, 0].imag

    def sequence(self, n_layers: int, rng: np.random.Generator, direction: int = 1) -> IntArray:
        """Positions of layers, drawn.

        Parameters
        ----------
        n_layers : int
        rng : numpy.random.Generator
        direction : {1, -1}, default=1
            Of the first layer.

        Returns
        -------
        ndarray of shape (n_layers,) of int
            0 (A), 1 (B) or 2 (C); the first is A.
        """
        turned = rng.random(max(n_layers - 1, 0)) < self.growth
        turned[:1] = False
        slipped = rng.random(max(n_layers - 1, 0)) < self.deformation
        directions = direction * (1 - 2 * (np.cumsum(turned) % 2))
        steps = np.where(slipped, -directions, directions)
        return np.asarray(np.concatenate([[0], np.cumsum(steps)])[:n_layers] % 3)

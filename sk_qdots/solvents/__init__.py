r"""Scattering of what surrounds the dots: liquids, capillaries, plates.

.. math::

    I(Q) = \sum_{a \le b} f_a f_b \, S_{ab}(Q) + \sum_a n_a I_\mathrm{inc}^a(Q)

:math:`S_{ab}` are the pair sums of a molecule (of a formula unit, for a solid) from
molecular dynamics, shipped as tables; form factors and Compton scattering are put
in for the wavelength that is asked for. Hydrogen is the bonded one of Stewart,
Davidson and Simpson [1]_: in a molecule its electrons are drawn towards the bond
and scatter to larger Q than those of the free atom.

A crystalline plate that is cut off its lattice planes (a silicon zero-background
holder) leaves thermal diffuse and Compton scattering,

.. math::

    I(Q) = f^2 \left[1 - \exp(-2 B s^2)\right] + I_\mathrm{inc}(Q),
    \qquad s = Q / 4\pi.

References
----------
.. [1] R. F. Stewart, E. R. Davidson, W. T. Simpson, J. Chem. Phys. 42, 3175 (1965).
"""

from ._curves import (
    as_curves,
    held_out_solvents,
    known_backgrounds,
    known_solvents,
    known_supports,
    load_background,
    load_solvent,
    mix_solvents,
    solvents_by_name,
)
from ._read import read_solvent

__all__ = [
    "as_curves",
    "held_out_solvents",
    "known_backgrounds",
    "known_solvents",
    "known_supports",
    "load_background",
    "load_solvent",
    "mix_solvents",
    "read_solvent",
    "solvents_by_name",
]

r"""A generic hydrocarbon liquid, from a formula.

.. math::

    I(Q) = \sum_i f_i^2 + \sum_{i \ne j} f_i f_j \frac{\sin Q d_{ij}}{Q d_{ij}}
           e^{-\sigma^2 Q^2 / 2}
         + F(Q)^2 \left[S(Q) - 1\right] + I_\mathrm{inc}(Q)

A molecule is a carbon skeleton whose distances are those of an all-trans alkane
or of a benzene ring, with its hydrogens; :math:`F` is its spherically averaged
form factor, and :math:`S` the Percus-Yevick structure factor of hard spheres
[1]_. This has the halo near 1.3 1/Angstrom, the broad maxima of the bonded
carbons and the right self and Compton scattering, but it is no particular
liquid: molecules are not spheres. Its use is to stand for *some* liquid, with
parameters varied, until curves from molecular dynamics take its place.

=====================  ========================================  ===========
parameter              meaning                                   typical
=====================  ========================================  ===========
n_carbons              length of the chain (ignored for a ring)  4 to 10
aromatic               benzene ring instead of a chain
sphere_diameter        hard-sphere diameter, Angstrom            4.8 to 6.5
packing                packing fraction                          0.35 to 0.5
flexibility            sigma at 1 Angstrom, grows as sqrt(d)     0.05 to 0.2
=====================  ========================================  ===========

References
----------
.. [1] M. S. Wertheim, Phys. Rev. Lett. 10, 321 (1963).
.. [2] F. H. Allen et al., J. Chem. Soc. Perkin Trans. 2, S1 (1987).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..simulation.scattering_factors import compton_intensity, form_factor

__all__ = ["generic_liquid"]

FloatArray = npt.NDArray[np.float64]

_BOND = 1.53  # Angstrom, C-C in an alkane
_ANGLE = np.deg2rad(112.7)  # C-C-C
_RING = 1.395  # Angstrom, C-C in benzene
_CH = 1.09  # Angstrom


def generic_liquid(
    q: npt.ArrayLike,
    *,
    n_carbons: int = 6,
    aromatic: bool = False,
    sphere_diameter: float = 5.4,
    packing: float = 0.43,
    flexibility: float = 0.1,
    wavelength: float = 0.56,
) -> FloatArray:
    """Scattering of one molecule of a generic hydrocarbon liquid.

    Parameters
    ----------
    q : array-like of shape (n_q,)
        In 1/Angstrom.
    n_carbons : int, default=6
        Length of the alkane chain.
    aromatic : bool, default=False
        Whether the molecule is a benzene ring instead.
    sphere_diameter : float, default=5.4
        Hard-sphere diameter of the molecule, in Angstrom.
    packing : float, default=0.43
        Hard-sphere packing fraction, in (0, 0.6].
    flexibility : float, default=0.1
        Spread of a distance of 1 Angstrom, in Angstrom; it grows with the
        square root of the distance.
    wavelength : float, default=0.56
        In Angstrom, for the recoil of the Compton scattering.

    Returns
    -------
    ndarray of shape (n_q,)
        Electron units per molecule.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """
    q = np.asarray(q, dtype=np.float64)
    if not 0 < packing <= 0.6:
        raise ValueError(f"packing is {packing}; it must lie in (0, 0.6]")
    if not (sphere_diameter > 0 and flexibility >= 0 and n_carbons >= 1):
        raise ValueError("sphere_diameter, flexibility and n_carbons must be positive")
    carbons, hydrogens = _benzene() if aromatic else _alkane(n_carbons)
    positions = np.concatenate([carbons, hydrogens])
    # Far from an absorption edge: the anomalous terms of C and H are below 0.01 electrons.
    f_carbon = form_factor("C", q, wavelength).real
    f_hydrogen = form_factor("H", q, wavelength).real
    factors = (f_carbon, f_hydrogen)
    kinds = np.array([0] * len(carbons) + [1] * len(hydrogens))

    distances = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    centre = positions[kinds == 0].mean(axis=0)
    radii = np.linalg.norm(positions - centre, axis=1)
    counts = (len(carbons), len(hydrogens))
    intensity = counts[0] * f_carbon**2 + counts[1] * f_hydrogen**2
    first, second = np.triu_indices(len(positions), k=1)
    for d, pair in zip(distances[first, second], kinds[first] + kinds[second], strict=True):
        weight = (factors[0] ** 2, factors[0] * factors[1], factors[1] ** 2)[pair]
        damping = np.exp(-0.5 * (flexibility * q) ** 2 * d)
        intensity = intensity + 2.0 * weight * np.sinc(q * d / np.pi) * damping
    amplitude = np.zeros_like(q)
    for r, kind in zip(radii, kinds, strict=True):
        amplitude += factors[kind] * np.sinc(q * r / np.pi)
    intensity += amplitude**2 * (_hard_sphere_structure_factor(q * sphere_diameter, packing) - 1.0)
    for element, count in zip("CH", counts, strict=True):
        intensity += count * compton_intensity(element, q, wavelength)
    return np.asarray(intensity)


def _alkane(n_carbons: int) -> tuple[FloatArray, FloatArray]:
    """All-trans chain in the x-y plane, hydrogens above and below it."""
    index = np.arange(n_carbons)
    rise = _BOND * np.cos(_ANGLE / 2.0)
    carbons = np.stack(
        [index * _BOND * np.sin(_ANGLE / 2.0), (index % 2) * rise, np.zeros(n_carbons)], axis=1
    )
    sign = np.where(index % 2, 1.0, -1.0)
    half = np.deg2rad(54.0)  # half of H-C-H
    up = np.stack([np.zeros(n_carbons), sign * np.cos(half), np.full(n_carbons, np.sin(half))], 1)
    down = up * [1.0, 1.0, -1.0]
    step = np.array([np.sin(_ANGLE / 2.0), -np.cos(_ANGLE / 2.0), 0.0])
    ends = [-step, step * [1.0, -1.0 if n_carbons % 2 else 1.0, 1.0]]
    hydrogens = [carbons + _CH * up, carbons + _CH * down]
    hydrogens += [carbons[[0]] + _CH * ends[0], carbons[[-1]] + _CH * ends[1]]
    return carbons, np.concatenate(hydrogens)


def _benzene() -> tuple[FloatArray, FloatArray]:
    angles = np.arange(6) * np.pi / 3.0
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(6)], axis=1)
    return _RING * circle, (_RING + _CH) * circle


def _hard_sphere_structure_factor(x: FloatArray, packing: float) -> FloatArray:
    """Percus-Yevick S for x = Q times the sphere diameter (x well above 0)."""
    eta = packing
    alpha = (1 + 2 * eta) ** 2 / (1 - eta) ** 4
    beta = -6 * eta * (1 + eta / 2) ** 2 / (1 - eta) ** 4
    gamma = eta * alpha / 2
    sin, cos = np.sin(x), np.cos(x)
    g = (
        alpha * (sin - x * cos) / x**2
        + beta * (2 * x * sin + (2 - x**2) * cos - 2) / x**3
        + gamma * (-(x**4) * cos + 4 * ((3 * x**2 - 6) * cos + (x**3 - 6 * x) * sin + 6)) / x**5
    )
    return np.asarray(1.0 / (1.0 + 24.0 * eta * g / x))

r"""Pair distances of spheres that hold too many nodes to count them one by one.

Of :math:`N` nodes inside a sphere of diameter :math:`D`, those that have another one at the
lattice vector :math:`\mathbf R` inside it too are expected to be

.. math::

    A(\mathbf R) \approx N \gamma(|\mathbf R| / D), \qquad
    \gamma(x) = 1 - \tfrac32 x + \tfrac12 x^3,

the common volume of two spheres [1]_. What is left out is how the surface happens to cut the
lattice, which fades as spheres grow and as populations mix them; the vectors themselves, and so
the distances and every peak, are exact. The sums over the vectors of one length of 1, :math:`R`
and :math:`R^3` serve every diameter, so that a series costs what its largest sphere costs to list,
while counting grows with the fourth power of the diameter.

Validated in ``tests/simulation/test_large_spheres.py`` against counted spheres.

References
----------
.. [1] A. Guinier, G. Fournet, Small-Angle Scattering of X-Rays, Wiley (1955), section 2.1.
"""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from ._lattice_pairs import Offsets, offsets_of, squared_unit
from ._reduction import compact_basis
from .crystal import Crystal
from .distances import DistanceTable, PairDistances

__all__ = ["LARGEST_COUNTED", "can_extend", "with_large_spheres"]

LARGEST_COUNTED = 150_000  # nodes of a sphere whose pairs are counted
_MOST_NODES = 20_000_000  # of the largest sphere
_MOST_LENGTHS = 500_000  # that may occur: a GiB of multiplicities in 200 spheres

_LARGEST_DIVISOR = 48  # of the smallest unit, to find one for all offsets
_SAME_UNIT = 1e-9
_ANGSTROM = 10.0  # of a nm


def can_extend(crystal: Crystal, max_diameter: float) -> bool:
    """Whether squared distances are whole numbers of a unit, and not too many of them."""
    unit = _unit(crystal)
    return unit is not None and (_ANGSTROM * max_diameter) ** 2 / unit < _MOST_LENGTHS


def with_large_spheres(
    table: DistanceTable, crystal: Crystal, max_diameter: float
) -> DistanceTable:
    """A counted series of spheres, continued with the expected pairs of larger ones.

    Parameters
    ----------
    table : DistanceTable
        Of ``homologous_series`` with the fill "volume": diameters 1, 2, ... times
        ``crystal.node_diameter``.
    crystal : Crystal
        One that can be extended.
    max_diameter : float
        That the last sphere reaches or just exceeds, in nm.

    Returns
    -------
    DistanceTable

    Raises
    ------
    ValueError
        If the largest would hold more than 20 million nodes.
    """
    step = crystal.node_diameter
    if not np.allclose(table.diameters, step * np.arange(1, len(table) + 1), rtol=1e-9):
        raise ValueError(f"the table is not a series of {crystal.name} by its node diameter")
    first = len(table) + 1
    numbers = np.arange(first, int(np.ceil(max_diameter / step - 1e-9)) + 1)
    if len(numbers) == 0:
        return table
    diameters: FloatArray = np.asarray(step * numbers, dtype=np.float64)
    nodes = numbers.astype(np.float64) ** 3
    if nodes[-1] > _MOST_NODES:
        raise ValueError(
            f"a particle of {crystal.name} of diameter {diameters[-1]:g} nm is too large (more "
            f"than {_MOST_NODES:,} cells); lengths are in nm"
        )
    per_node = table.counts[-1] / (table.diameters[-1] / step) ** 3
    counts = nodes[:, None] * per_node
    groups = []
    offsets = {group.pairs: group for group in offsets_of(crystal)}
    for group in table.groups:
        shared = offsets[group.pairs]
        distances, found, own = _expected(crystal, shared, _ANGSTROM * diameters, nodes)
        a, b = group.pairs[0]
        total = (1.0 if a == b else 2.0) * counts[:, a] * counts[:, b] - own
        found *= (total / found.sum(axis=1))[:, None]
        together = distances > shared.least
        distances, found = distances[together], found[:, together]
        rows = np.zeros((len(table), len(distances)))
        places = np.searchsorted(distances, group.distances - 1e-6)
        if np.abs(distances[places] - group.distances).max() > 1e-6:
            raise ValueError(f"the table is not one of spheres of {crystal.name}")
        rows[:, places] = group.multiplicities
        rows = np.concatenate([rows, found])
        used = (rows > 0.0).any(axis=0)
        rows = np.ascontiguousarray(rows[:, used])
        groups.append(PairDistances(group.pairs, distances[used], rows))
    per_formula = table.formula_units[-1] / table.counts[-1].sum()
    return DistanceTable(
        table.name,
        table.species,
        np.concatenate([table.diameters, diameters]),
        np.concatenate([table.counts, counts]),
        np.concatenate([table.self_counts, counts]),
        np.concatenate([table.formula_units, per_formula * counts.sum(axis=1)]),
        tuple(groups),
    )


def _expected(
    crystal: Crystal, offsets: Offsets, diameters: FloatArray, nodes: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distances of two species, their expected multiplicities, and the pairs at one place."""
    # Those that are filled up have nodes a little beyond their surface.
    longest = diameters.max() + 2.0 * _ANGSTROM * crystal.node_diameter
    farthest = longest + float(np.linalg.norm(offsets.vectors, axis=1).max())
    unit = _unit(crystal)
    assert unit is not None
    size = int(farthest**2 / unit) + 2
    sums = np.zeros((3, size))
    for offset, number in zip(offsets.vectors, offsets.weights, strict=True):
        sums += number * _power_sums(crystal, offset, unit, longest, size)
    places = 1 + np.flatnonzero(sums[0, 1:])
    ones, lengths, cubes = sums[:, places]
    distances = np.sqrt(unit * places)
    inverse = 1.0 / diameters[:, None]
    found = ones - 1.5 * inverse * lengths + 0.5 * inverse**3 * cubes
    found *= nodes[:, None] * (lengths / ones < diameters[:, None])
    return distances, np.maximum(found, 0.0), sums[0, 0] * nodes


def _power_sums(
    crystal: Crystal, offset: FloatArray, unit: float, longest: float, size: int
) -> FloatArray:
    """Sums of 1, R and R^3 over the lattice vectors R not beyond the longest, by |R + offset|^2."""
    lattice = compact_basis(crystal.lattice, np.eye(3)) @ crystal.lattice
    inverse = np.linalg.inv(lattice)
    reach = np.floor(longest * np.linalg.norm(inverse, axis=0) + 1e-9).astype(np.int64)
    i, j, k = (np.arange(-n, n + 1) for n in reach)
    plane = j[:, None, None] * lattice[1] + k[:, None] * lattice[2]
    plane = plane.reshape(-1, 3)
    squares = (plane**2).sum(axis=1)
    sums = np.zeros((3, size))
    centred = not offset.any()
    for n in i[i >= 0] if centred else i:  # R and -R are equally long
        start = n * lattice[0]
        lengths = squares + 2.0 * plane @ start + start @ start
        inside = lengths <= longest**2
        lengths = lengths[inside]
        apart = lengths
        if not centred:
            apart = lengths + 2.0 * (plane[inside] + start) @ offset + offset @ offset
        key = np.rint(apart / unit).astype(np.int64)
        weight = 2.0 if centred and n > 0 else 1.0
        root = np.sqrt(np.maximum(lengths, 0.0))
        for row, power in zip(sums, (None, root, root * lengths), strict=True):
            row += weight * np.bincount(key, weights=power, minlength=size)
    return sums


def _unit(crystal: Crystal) -> float | None:
    """A unit of which every squared distance is a whole number, if any."""
    units = []
    for group in offsets_of(crystal):
        for offset in group.vectors:
            unit = squared_unit(crystal.lattice, offset)
            if unit is None:
                return None
            units.append(unit)
    for divisor in range(1, _LARGEST_DIVISOR + 1):
        ratios = np.array(units) * divisor / min(units)
        if np.abs(ratios - np.rint(ratios)).max() < _SAME_UNIT:
            return min(units) / divisor
    return None

"""Distances of the particles of a series: counted where they are small, expected where large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..simulation import (
    Cluster,
    DistanceTable,
    Stacking,
    close_layers,
    distance_table,
    homologous_series,
    multiply_twinned_series,
)
from ..simulation.binned_series import (
    binned_layers,
    binned_pairs,
    binning_cost,
    widest_bin,
)
from ..simulation.expected_spheres import with_expected_spheres
from ..simulation.multiply_twinned import check_twinned, is_multiply_twinned
from ._nodes import FaultNodes, Nodes
from ._request import SeriesRequest

__all__ = ["series_tables"]

_COUNTED = 1.2  # of the largest mean: pairs of larger spheres are expected ones
_FEWEST_CELLS = 1000  # of a sphere whose pairs are expected
_FEWEST_CELLS_IN_LAYERS = 20_000
_SECONDS = 0.5  # that counting more than these may take, by estimate
_FARTHEST = 2.0  # of what is counted whatever it takes
_GROWTH = 1.1  # of the largest counted diameter, from one try to the next
_WIDEST_STEP_OF_SERIES = 0.6  # nm; between two particles that are filled up to a volume
_MOST_CELLS = 50_000_000  # of the largest particle
_WHOLE = 1.0 - 1e-9


def series_tables(
    request: SeriesRequest, nodes: Sequence[Nodes], n_jobs: int | None
) -> tuple[list[DistanceTable], float]:
    """Distances of the particles, by the nodes of the faults, and the width of their bins.

    One table without faults; the width 0 without bins.
    """
    crystal, upper, shape, fill = (
        request.crystal,
        request.upper_diameter,
        request.shape,
        request.fill,
    )
    faults = [each for each in nodes if isinstance(each, FaultNodes)]
    stackings = [each.stacking(place) for each in faults for place in each.places]
    if isinstance(shape, str) and is_multiply_twinned(shape):
        if faults:
            raise ValueError(f"faults do not apply to the shape {shape!r}, which has twin planes")
        check_twinned(shape, crystal)
        return [multiply_twinned_series(crystal, upper, shape, fill=fill).table()], 0.0
    lattice = close_layers(crystal) if faults else crystal
    expects = request.is_sphere and fill == "volume"
    step = lattice.node_diameter
    if fill == "volume":
        step /= np.ceil(step / _WIDEST_STEP_OF_SERIES)
    if (upper / lattice.node_diameter) ** 3 > _MOST_CELLS:
        raise ValueError(
            f"populations of mean {request.diameters[1]:g} nm and dispersion "
            f"{request.dispersions[1]:g} reach particles of {upper:.3g} nm, more than "
            f"{_MOST_CELLS:,} cells of {crystal.name}; lower the ends of diameters or dispersions"
        )
    width = widest_bin(1.05 * float(request.q[-1]) * (1.0 + max(request.strains[1], 0.0)))
    if stackings:
        cells = _FEWEST_CELLS_IN_LAYERS ** (1.0 / 3.0) * lattice.node_diameter
        most = max(_COUNTED * request.diameters[1], cells)
        counted = min(upper, most) if expects else upper
        layered = homologous_series(
            crystal, counted, shape, step=step, fill=fill, stacking=Stacking()
        )
        layered = [p for p in layered if p.diameter > _WHOLE * lattice.node_diameter]
        tables = binned_layers(layered, stackings, width, n_jobs)
    else:
        last = min(upper, _FARTHEST * _needed(request)) if expects else upper
        series = homologous_series(crystal, last, shape, step=step, fill=fill)
        series = [p for p in series if p.diameter > _WHOLE * lattice.node_diameter]
        if any(particle.filled is not None for particle in series):
            return [distance_table(series)], 0.0
        taken = _worth_counting(series, request) if expects else series
        tables = [binned_pairs(taken, width, n_jobs)]
    if expects:
        tables = with_expected_spheres(tables, lattice, upper, width, stackings, n_jobs)
    return tables, width


def _needed(request: SeriesRequest) -> float:
    """Diameter to which spheres are counted whatever it takes, in nm."""
    cells = _FEWEST_CELLS ** (1.0 / 3.0) * request.crystal.node_diameter
    return float(max(_COUNTED * request.diameters[1], cells))


def _worth_counting(series: Sequence[Cluster], request: SeriesRequest) -> Sequence[Cluster]:
    """Spheres so small that how their surface cuts the lattice is seen; more, where it is cheap."""
    diameters = np.array([particle.diameter for particle in series])
    taken = min(int(np.searchsorted(diameters, _needed(request))) + 1, len(series))
    while taken < len(series):
        more = min(int(np.ceil(_GROWTH * taken)), len(series))
        if binning_cost(series[:more]) > _SECONDS:
            break
        taken = more
    return series[:taken]

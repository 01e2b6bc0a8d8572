"""From a crystal to the patterns of its nanocrystals: physics only."""

from .clusters import Cluster, sphere, sphere_series
from .crystal import Crystal, Sublattice
from .debye import debye_intensity, pair_sums
from .distances import DistanceTable, PairDistances, distance_table
from .library import default_q_grid, simulate_library
from .populations import lognormal_upper_diameter, lognormal_weights
from .scattering_factors import (
    compton_intensity,
    debye_waller_factor,
    energy_from_wavelength,
    form_factor,
)

__all__ = [
    "Cluster",
    "Crystal",
    "DistanceTable",
    "PairDistances",
    "Sublattice",
    "compton_intensity",
    "debye_intensity",
    "debye_waller_factor",
    "default_q_grid",
    "distance_table",
    "energy_from_wavelength",
    "form_factor",
    "lognormal_upper_diameter",
    "lognormal_weights",
    "pair_sums",
    "simulate_library",
    "sphere",
    "sphere_series",
]

from .atoms import FreeAtoms
from .cluster import Cluster
from .clusters import cut_cluster, homologous_series, two_axis_series
from .core_shell import core_shell, diffuse_surface
from .crystal import Crystal
from .debye import debye_intensity, pair_sums
from .distances import DistanceTable, PairDistances, distance_table, stacked_tables
from .layered import StackedCluster
from .layers import CloseLayers, close_layers, ideal_layers
from .library import simulate_library
from .moments import (
    lognormal_moments,
    lognormal_parameters,
    lognormal_upper_diameter,
    normal_upper_diameter,
    number_mean,
    surface_mean,
    volume_mean,
)
from .multiply_twinned import (
    MultiplyTwinnedSeries,
    decahedron,
    icosahedron,
    multiply_twinned_series,
)
from .pair_costs import PairCountingCost, pair_counting_cost
from .populations import histogram_weights, lognormal_weights, normal_weights
from .q_grid import default_q_grid, q_from_two_theta, two_theta_from_q
from .scattering_factors import (
    compton_intensity,
    debye_waller_factor,
    energy_from_wavelength,
    form_factor,
    neutron_scattering_length,
    tabulated_ions,
)
from .shapes import (
    Cylinder,
    Ellipsoid,
    Platelet,
    Polyhedron,
    Shape,
    Twinned,
    as_shape,
    shape_names,
)
from .sites import Species, Sublattice
from .stacking import Stacking
from .total_scattering import pair_distribution_function, reduced_structure_factor, structure_factor

__all__ = [
    "CloseLayers",
    "Cluster",
    "Crystal",
    "Cylinder",
    "DistanceTable",
    "Ellipsoid",
    "FreeAtoms",
    "MultiplyTwinnedSeries",
    "PairCountingCost",
    "PairDistances",
    "Platelet",
    "Polyhedron",
    "Shape",
    "Species",
    "StackedCluster",
    "Stacking",
    "Sublattice",
    "Twinned",
    "as_shape",
    "close_layers",
    "compton_intensity",
    "core_shell",
    "cut_cluster",
    "debye_intensity",
    "debye_waller_factor",
    "decahedron",
    "default_q_grid",
    "diffuse_surface",
    "distance_table",
    "energy_from_wavelength",
    "form_factor",
    "histogram_weights",
    "homologous_series",
    "icosahedron",
    "ideal_layers",
    "lognormal_moments",
    "lognormal_parameters",
    "lognormal_upper_diameter",
    "lognormal_weights",
    "multiply_twinned_series",
    "neutron_scattering_length",
    "normal_upper_diameter",
    "normal_weights",
    "number_mean",
    "pair_counting_cost",
    "pair_distribution_function",
    "pair_sums",
    "q_from_two_theta",
    "reduced_structure_factor",
    "shape_names",
    "simulate_library",
    "stacked_tables",
    "structure_factor",
    "surface_mean",
    "tabulated_ions",
    "two_axis_series",
    "two_theta_from_q",
    "volume_mean",
]

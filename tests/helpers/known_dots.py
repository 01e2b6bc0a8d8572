"""Patterns of dots whose truth is known, on a short grid."""

import numpy as np

from sk_qdots.posterior import DebyePosterior, cluster_patterns
from sk_qdots.simulation import lognormal_weights

GRID = np.linspace(1.0, 9.0, 2000)
DIAMETERS, DISPERSIONS, STRAINS = (2.0, 5.0), (0.05, 0.2), (-0.005, 0.005)
TRUTH = {"diameter": 3.6, "dispersion": 0.11, "strain": 0.0021}


def simulated(crystal="PbS", **given):
    """Particles over the ranges."""
    ranges = {"diameters": DIAMETERS, "dispersions": DISPERSIONS, "strains": STRAINS}
    return cluster_patterns(crystal, **{"q": GRID, **ranges, **given})


def pattern_of(series, diameter=3.6, dispersion=0.11, strain=0.0021, **values):
    """A pattern without noise, of mean 1."""
    row = lognormal_weights(series.diameters, diameter, dispersion)
    found = series.mix(row).patterns(strain=strain, **values)[0]
    return found / found.mean()


def counted(pattern, counts, seed=0):
    """With the noise of so many counts a point, on average."""
    return np.random.default_rng(seed).poisson(pattern * counts).astype(np.float64)


def posterior_over(series, **given):
    """Of dots alone, where nothing else is given: no liquid, no texture."""
    alone = {"texture": False, "solvents": [], "diameters": DIAMETERS, "dispersions": DISPERSIONS}
    return DebyePosterior(**{**alone, **given}).fit(series)

"""What a sizer answers to one pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import xarray as xr

__all__ = ["DIMENSIONS", "Sizing"]

DIMENSIONS = ("width", "length", "thickness")  # of rods and platelets


@dataclass(frozen=True)
class Sizing:
    """The answer to one pattern.

    Parameters
    ----------
    diameter : float
        Most probable class, number-average diameter in nm.
    probability : float
        Its probability.
    runner_up : float
        Second most probable class, in nm.
    runner_up_probability : float
        Its probability.
    expected_diameter : float
        Mean of the classes weighted by their probabilities, in nm.
    probabilities : DataArray
        Probability over ``diameter`` (nm).
    q_range : tuple of 2 float
        Range of the pattern that was used, in 1/Angstrom.
    agreement : float
        How much of the pattern's structure the simulated pattern of this diameter
        explains, from 0 to 1; NaN where the sizer carries no simulated patterns.
    source : str
        Where the pattern came from.
    model : str
        Name of the sizer.
    dispersion : float, optional
        Standard deviation of the diameters over their mean; None where the sizer does
        not estimate it, as all that follow.
    strain : float, optional
        (a - a_bulk) / a_bulk.
    volume_diameter : float, optional
        Volume average of the diameter in nm, as small-angle scattering is usually reported.
    dimensions : mapping of str to float
        ``"width"`` and ``"length"`` of rods or ``"width"`` and ``"thickness"`` of
        platelets, in nm, where the sizer was trained on them.
    uncertainties : mapping of str to float
        Standard deviations of what is estimated, and of ``diameter``.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    >>> result = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0])
    >>> result.diameter
    4.0
    >>> round(result.dispersion, 2)
    0.1
    """

    diameter: float
    probability: float
    runner_up: float
    runner_up_probability: float
    expected_diameter: float
    probabilities: xr.DataArray
    q_range: tuple[float, float]
    agreement: float
    source: str
    model: str
    dispersion: float | None = None
    strain: float | None = None
    volume_diameter: float | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)
    uncertainties: Mapping[str, float] = field(default_factory=dict)

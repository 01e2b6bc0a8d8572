"""Where patterns come from: what laboratories do, as distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Real

from ..instruments.radiation import ANODES

__all__ = ["LABORATORIES", "MIXTURES", "Laboratory"]

Range = tuple[float, float]


@dataclass(frozen=True)
class Laboratory:
    """Distributions of one kind of laboratory.

    A range is uniform, or log-uniform where it says so; a share is that of the
    patterns that have the effect at all.

    Parameters
    ----------
    wavelength : tuple of 2 float
        In Angstrom.
    qd_fraction : tuple of 2 float
        The dots' share of the intensity of dots and liquid, log-uniform.
    dry_share : float
        Share without a liquid.
    scale : tuple of 2 float
        Counts per unit of intensity at area 1000, log-uniform.
    q_min, q_max : tuple of 2 float
        Ends of the measured range, in 1/Angstrom; it never goes beyond
        4 pi / wavelength.
    full_range_share : float
        Share that keeps the whole grid.
    coarsening : tuple of 2 float
        Step of the counted points in steps of the grid, log-uniform.
    fine_share : float
        Share that keeps the grid's step.
    background : tuple of 2 float
        The background's share of the intensity.
    background_share : float
        Share with a background.
    fwhm : tuple of 2 float
        Full width of the resolution at small angles, degrees two-theta,
        log-uniform; it grows with the angle by up to tan^2 of theta.
    broadening_share : float
        Share with a resolution that is not negligible.
    zero_shift : tuple of 2 float
        In degrees two-theta.
    wavelength_error : tuple of 2 float
        (believed - true) / true.
    k_alpha2 : tuple of 2 float
        Intensity of K-alpha 2 relative to K-alpha 1.
    k_alpha2_split : float
        Wavelength of K-alpha 2 relative to K-alpha 1.
    polarised_share : float
        Share whose polarisation factor (of a tube without a monochromator) was not
        corrected.
    march : tuple of 2 float
        March coefficient, log-uniform.
    texture_share : float
        Share with preferred orientation.

    Raises
    ------
    ValueError
        If a range or a share is out of bounds.

    Examples
    --------
    >>> from sk_qdots.augmentation import Laboratory, RandomExperiment
    >>> mine = Laboratory(wavelength=(0.5, 0.5), q_max=(9.0, 9.5), full_range_share=0.0)
    >>> experiment = RandomExperiment(mine)
    """

    wavelength: Range = (0.4, 0.8)
    qd_fraction: Range = (0.05, 1.0)
    dry_share: float = 0.2
    scale: Range = (3.0, 200.0)
    q_min: Range = (0.99, 1.8)
    q_max: Range = (4.4, 15.0)
    full_range_share: float = 0.5
    coarsening: Range = (1.0, 20.0)
    fine_share: float = 0.7
    background: Range = (0.0, 0.3)
    background_share: float = 0.0
    fwhm: Range = (0.01, 0.1)
    broadening_share: float = 0.0
    zero_shift: Range = (0.0, 0.0)
    wavelength_error: Range = (0.0, 0.0)
    k_alpha2: Range = (0.0, 0.0)
    k_alpha2_split: float = 1.0
    polarised_share: float = 0.0
    march: Range = (0.6, 1.0)
    texture_share: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share"):
                if not (isinstance(value, Real) and 0.0 <= float(value) <= 1.0):
                    raise ValueError(f"{field.name} is {value!r}; it must lie in [0, 1]")
            elif field.name in _LIMITS:
                _check_range(field.name, value, *_LIMITS[field.name])
        if not 1.0 <= self.k_alpha2_split < 1.1:
            raise ValueError(f"k_alpha2_split is {self.k_alpha2_split}; it must lie in [1, 1.1)")
        if self.full_range_share < 1.0 and self.q_min[1] >= self.q_max[0]:
            raise ValueError(
                f"q_min goes up to {self.q_min[1]} and q_max starts at {self.q_max[0]}: "
                "a drawn range could be empty"
            )


# Bounds of each range; those of what is log-uniform are positive.
_LIMITS = {
    "wavelength": (0.05, 5.0),
    "qd_fraction": (1e-6, 1.0),
    "scale": (1e-9, 1e15),
    "q_min": (0.0, 1e3),
    "q_max": (1e-6, 1e3),
    "coarsening": (1.0, 1e4),
    "background": (0.0, 0.99),
    "fwhm": (1e-6, 10.0),
    "zero_shift": (-5.0, 5.0),
    "wavelength_error": (-0.5, 0.5),
    "k_alpha2": (0.0, 1.0),
    "march": (0.2, 5.0),
}


def _check_range(name: str, value: object, lower: float, upper: float) -> None:
    bounds = list(value) if isinstance(value, tuple | list) and len(value) == 2 else []
    numbers = len(bounds) == 2 and all(isinstance(v, Real) and math.isfinite(v) for v in bounds)
    if not numbers or not lower <= bounds[0] <= bounds[1] <= upper:
        raise ValueError(
            f"{name} is {value}; it must be (low, high) with {lower:g} <= low <= high <= {upper:g}"
        )


_CU, _MO = ANODES["Cu"], ANODES["Mo"]
# The published augmentation and the ranges, steps and dilutions of its robustness tests.
_IDEAL = Laboratory()
_SYNCHROTRON = Laboratory(
    background_share=0.3,
    broadening_share=0.7,
    zero_shift=(-0.01, 0.01),
    wavelength_error=(-0.0005, 0.0005),
    texture_share=0.1,
)
# Powder in a glass capillary: the glass, air and fluorescence are counted along, and
# counting takes minutes.
_CAPILLARY = Laboratory(
    qd_fraction=(0.3, 0.98),
    dry_share=0.15,
    scale=(10.0, 3000.0),
    q_min=(0.99, 1.6),
    q_max=(8.0, 15.0),
    full_range_share=0.7,
    coarsening=(1.0, 10.0),
    fine_share=0.8,
    background=(0.0, 0.6),
    background_share=0.8,
    fwhm=(0.01, 0.1),
    broadening_share=0.7,
    zero_shift=(-0.01, 0.01),
    wavelength_error=(-0.0005, 0.0005),
)
_LAB_CU = Laboratory(
    wavelength=(_CU[0], _CU[0]),
    qd_fraction=(0.2, 1.0),
    dry_share=0.7,
    scale=(1.0, 100.0),
    q_min=(0.99, 1.6),
    q_max=(4.4, 7.6),
    full_range_share=0.0,
    coarsening=(1.0, 6.0),
    fine_share=0.3,
    background=(0.0, 0.5),
    background_share=0.7,
    fwhm=(0.04, 0.3),
    broadening_share=1.0,
    zero_shift=(-0.05, 0.05),
    k_alpha2=(0.45, 0.55),
    k_alpha2_split=_CU[1] / _CU[0],
    polarised_share=0.7,
    march=(0.4, 1.0),
    texture_share=0.5,
)
_LAB_MO = Laboratory(
    wavelength=(_MO[0], _MO[0]),
    qd_fraction=(0.1, 1.0),
    dry_share=0.5,
    scale=(1.0, 100.0),
    q_min=(0.99, 1.6),
    q_max=(6.0, 15.0),
    full_range_share=0.1,
    coarsening=(1.0, 10.0),
    fine_share=0.3,
    background=(0.0, 0.5),
    background_share=0.7,
    fwhm=(0.03, 0.2),
    broadening_share=1.0,
    zero_shift=(-0.03, 0.03),
    k_alpha2=(0.45, 0.55),
    k_alpha2_split=_MO[1] / _MO[0],
    polarised_share=0.7,
    march=(0.5, 1.0),
    texture_share=0.2,
)
LABORATORIES = {
    "ideal": _IDEAL,
    "synchrotron": _SYNCHROTRON,
    "capillary": _CAPILLARY,
    "lab-cu": _LAB_CU,
    "lab-mo": _LAB_MO,
}
# "anywhere": a pattern comes from one of these.
MIXTURES = {"anywhere": {"synchrotron": 0.5, "lab-cu": 0.35, "lab-mo": 0.15}}

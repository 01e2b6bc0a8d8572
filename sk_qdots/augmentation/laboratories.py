"""Where patterns come from: what laboratories do, as distributions."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import TypedDict

import numpy as np

from ..instruments import Instrument
from ..instruments.radiation import ANODES, K_ALPHA_RATIO
from ..simulation.q_grid import q_from_two_theta

__all__ = ["LABORATORIES", "MIXTURES", "Laboratory", "check_instrument"]

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
        log-uniform.
    fwhm_growth : tuple of 2 float
        Its growth g with the angle: the square of the width is multiplied by
        1 + g tan^2 of theta.
    eta : tuple of 2 float
        Lorentzian share of the resolution.
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
    factors : tuple of 2 float
        How many times too strong a group of overlapping reflections may be where texture is of
        no simple kind, log-uniform. In half of such patterns every group has a factor, as often
        too weak as too strong; in the others some groups are too strong. Where several
        reflections make a group, less.
    factors_share : float
        Share with such factors.
    ligand : tuple of 2 float
        The ligands' share of the intensity of dots and ligands: a halo at the distance of
        neighbouring chains, 4.5 Angstrom, in a liquid or dry.
    ligand_share : float
        Share with ligands that show.
    fluorescence : tuple of 2 float
        The share of the intensity that does not depend on the angle.
    fluorescence_share : float
        Share with fluorescence.
    slow_error : tuple of 2 float
        Standard deviation of an error of the intensities that varies slowly with Q, as
        absorption, a flat field or the illuminated length leave it, relative.
    slow_error_share : float
        Share with such an error.
    caglioti : tuple of 3 float or None
        Shape of the resolution, where it is known: u, v and w (degrees^2) as of
        :class:`sk_qdots.Instrument`. Then ``fwhm`` is a factor on the width of all angles, and
        ``fwhm_growth`` must be (0, 0). Where the square is negative, nothing is broadened.

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
    fwhm_growth: Range = (0.0, 1.0)
    eta: Range = (0.0, 1.0)
    broadening_share: float = 0.0
    zero_shift: Range = (0.0, 0.0)
    wavelength_error: Range = (0.0, 0.0)
    k_alpha2: Range = (0.0, 0.0)
    k_alpha2_split: float = 1.0
    polarised_share: float = 0.0
    march: Range = (0.6, 1.0)
    texture_share: float = 0.0
    factors: Range = (1.0, 8.0)
    factors_share: float = 0.0
    ligand: Range = (0.02, 0.3)
    ligand_share: float = 0.0
    fluorescence: Range = (0.0, 0.4)
    fluorescence_share: float = 0.0
    slow_error: Range = (0.0, 0.05)
    slow_error_share: float = 0.0
    caglioti: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_share"):
                if not (isinstance(value, Real) and 0.0 <= float(value) <= 1.0):
                    raise ValueError(f"{field.name} is {value!r}; it must lie in [0, 1]")
            elif field.name in _LIMITS:
                _check_range(field.name, value, *_LIMITS[field.name])
        if self.caglioti is not None:
            object.__setattr__(self, "caglioti", _checked_caglioti(self.caglioti))
            if any(self.fwhm_growth):
                raise ValueError(
                    f"fwhm_growth is {self.fwhm_growth}; with caglioti, which has the growth, it "
                    "must be (0, 0)"
                )
        if not 1.0 <= self.k_alpha2_split < 1.1:
            raise ValueError(f"k_alpha2_split is {self.k_alpha2_split}; it must lie in [1, 1.1)")
        if self.full_range_share < 1.0 and self.q_min[1] >= self.q_max[0]:
            raise ValueError(
                f"q_min goes up to {self.q_min[1]} and q_max starts at {self.q_max[0]}: "
                "a drawn range could be empty"
            )

    @classmethod
    def around(cls, instrument: Instrument, base: str | Laboratory | None = None) -> Laboratory:
        """Distributions of the laboratory in which an instrument stands.

        Parameters
        ----------
        instrument : Instrument
        base : str or Laboratory, optional
            What the instrument does not say (liquids, counts, steps, background, texture)
            is drawn as there: a name of ``LABORATORIES``. By default ``"lab-cu"`` or
            ``"lab-mo"`` for the longer and shorter wavelengths of tubes, which have several
            lines or are polarised, and else ``"synchrotron"``.

        Returns
        -------
        Laboratory
            Of the instrument's strongest line, and the next longer one as K-alpha 2 with its
            ratio within 5 %; its width at every angle within 15 % and its Lorentzian share; its
            polarisation; ranges within its own; a zero shift and an error of the wavelength within
            two standard deviations, 0.01 degrees of the zero at least. Of an instrument without a
            resolution, that of the base.

        Raises
        ------
        TypeError
            If it is no instrument.
        ValueError
            If there is no such base, or the instrument measures nothing that lies within the
            ranges of the base.

        Notes
        -----
        Patterns are drawn as :meth:`sk_qdots.Instrument.correct` leaves them: over the Q of
        the mean wavelength, without the zero and the displacement that are known. Axial
        divergence is not drawn.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> from sk_qdots.augmentation import Laboratory
        >>> mine = sq.load_instrument("lab-cu").replace(u=0.0, v=0.0, w=0.01)
        >>> around = Laboratory.around(mine)
        >>> around.caglioti, around.fwhm
        ((0.0, 0.0, 0.01), (0.85, 1.15))
        """
        check_instrument(instrument)
        begun = _base(instrument, base)
        start, end = _range(instrument, begun)
        first, second, ratio = _doublet(instrument)
        believed = instrument.wavelength / first - 1.0
        off = _DEVIATIONS * instrument.uncertainties.get("wavelength", 0.0) / first
        zero = max(_DEVIATIONS * instrument.uncertainties.get("zero", 0.0), _LEAST_ZERO)
        whole = start <= begun.q_min[0] and end >= begun.q_max[1]
        start, end = max(start, begun.q_min[0]), min(end, begun.q_max[1])
        later = min(max(start, begun.q_min[1]), start + 0.25 * (end - start))
        sooner = min(begun.q_max[0], 0.9 * end)
        sooner = sooner if sooner > later else 0.5 * (later + end)
        polarised = math.cos(math.radians(instrument.monochromator)) ** 2
        return replace(
            begun,
            wavelength=(first, first),
            q_min=(start, later),
            q_max=(sooner, end),
            full_range_share=begun.full_range_share if whole else 0.0,
            zero_shift=(-zero, zero),
            wavelength_error=(believed - off, believed + off),
            k_alpha2=((1.0 - _RATIO_ROOM) * ratio, min((1.0 + _RATIO_ROOM) * ratio, 1.0)),
            k_alpha2_split=second / first,
            polarised_share=instrument.polarisation * polarised,
            **_resolution(instrument),
        )


def check_instrument(instrument: object) -> None:
    """Refuse what is no instrument, such as its name."""
    if not isinstance(instrument, Instrument):
        raise TypeError(
            f"instrument is {str(instrument)[:60]!r}; it must be an Instrument, as "
            "load_instrument(name) returns"
        )


_RATIO_ROOM = 0.05  # of a doublet, relative
_WIDTH_ROOM = 0.15  # of a resolution, relative
_DEVIATIONS = 2.0  # standard deviations of what a calibration found
_LEAST_ZERO = 0.01  # degrees: a sample is never quite where the standard was
_WIDEST_SPLIT = 1.1  # of a doublet
_TUBES = 1.2  # Angstrom: above it are Cu, Co and Cr, below it Mo and Ag


class _Resolution(TypedDict, total=False):
    fwhm: Range
    fwhm_growth: Range
    caglioti: tuple[float, float, float]
    eta: Range
    broadening_share: float


def _base(instrument: Instrument, base: str | Laboratory | None) -> Laboratory:
    if isinstance(base, Laboratory):
        return base
    if base is None:
        tube = len(instrument.wavelengths) > 1 or instrument.polarisation >= 0.5
        base = ("lab-cu" if instrument.wavelength > _TUBES else "lab-mo") if tube else "synchrotron"
    if base not in LABORATORIES:
        raise ValueError(f"base is {base!r}; known: {', '.join(LABORATORIES)}")
    return LABORATORIES[base]


def _range(instrument: Instrument, base: Laboratory) -> tuple[float, float]:
    """Ends of what an instrument measures, in 1/Angstrom."""
    reach = 4.0 * math.pi / instrument.wavelength
    if instrument.two_theta_range is None:
        ends = (base.q_min[0], min(base.q_max[1], reach))
    else:
        low, high = q_from_two_theta(np.array(instrument.two_theta_range), instrument.wavelength)
        ends = (float(low), float(high))
    if not max(ends[0], base.q_min[0]) < min(ends[1], base.q_max[1]):
        raise ValueError(
            f"the instrument measures {ends[0]:.3g} to {ends[1]:.3g} 1/Angstrom; its laboratory "
            f"measures {base.q_min[0]:g} to {base.q_max[1]:g}: check two_theta_range"
        )
    return ends


def _doublet(instrument: Instrument) -> tuple[float, float, float]:
    """The strongest line, the next longer one, and its share of the first's intensity."""
    lines = sorted(zip(instrument.weights, instrument.wavelengths, strict=True), reverse=True)
    weight, first = lines[0]
    for other, line in lines[1:]:
        if first < line < _WIDEST_SPLIT * first and other > 0.0:
            return first, line, other / weight
    return first, first, 0.0


def _resolution(instrument: Instrument) -> _Resolution:
    """Shape and Lorentzian share of the resolution; nothing of an instrument that has none."""
    low, high = instrument.two_theta_range or (5.0, 120.0)
    angles = np.linspace(max(low, 0.1), min(high, 160.0), 100)
    if not instrument.fwhm(angles).max() > 0.0:
        return {}
    share = instrument.lorentzian_share(angles)
    return {
        "fwhm": (1.0 - _WIDTH_ROOM, 1.0 + _WIDTH_ROOM),
        "fwhm_growth": (0.0, 0.0),
        "caglioti": (instrument.u, instrument.v, instrument.w),
        "eta": (float(share.min()), float(share.max())),
        "broadening_share": 1.0,
    }


def _checked_caglioti(value: object) -> tuple[float, float, float]:
    numbers = list(value) if isinstance(value, tuple | list) else []
    if len(numbers) != 3 or not all(isinstance(v, Real) and math.isfinite(v) for v in numbers):
        raise ValueError(f"caglioti is {value!r}; it must be None or (u, v, w), three numbers")
    u, v, w = map(float, numbers)
    return u, v, w


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
    "fwhm_growth": (0.0, 1e4),
    "eta": (0.0, 1.0),
    "zero_shift": (-5.0, 5.0),
    "wavelength_error": (-0.5, 0.5),
    "k_alpha2": (0.0, 1.0),
    "march": (0.2, 5.0),
    "factors": (1.0, 1e3),
    "ligand": (0.0, 0.99),
    "fluorescence": (0.0, 0.99),
    "slow_error": (0.0, 1.0),
}


def _check_range(name: str, value: object, lower: float, upper: float) -> None:
    bounds = list(value) if isinstance(value, tuple | list) and len(value) == 2 else []
    numbers = len(bounds) == 2 and all(isinstance(v, Real) and math.isfinite(v) for v in bounds)
    if not numbers or not lower <= bounds[0] <= bounds[1] <= upper:
        raise ValueError(
            f"{name} is {value}; it must be (low, high) with {lower:g} <= low <= high <= {upper:g}"
        )


_CU, _MO = ANODES["Cu"], ANODES["Mo"]
_K_ALPHA2 = (0.9 * K_ALPHA_RATIO, 1.1 * K_ALPHA_RATIO)
# The published augmentation and the ranges, steps and dilutions of its robustness tests.
_IDEAL = Laboratory()
_SYNCHROTRON = Laboratory(
    background_share=0.3,
    fwhm=(0.01, 0.15),
    broadening_share=0.7,
    zero_shift=(-0.01, 0.01),
    wavelength_error=(-0.0005, 0.0005),
    texture_share=0.1,
    factors=(1.0, 4.0),
    factors_share=0.1,
    ligand_share=0.4,
    fluorescence=(0.0, 0.2),
    fluorescence_share=0.2,
    slow_error_share=0.5,
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
    fwhm=(0.01, 0.15),
    broadening_share=0.7,
    zero_shift=(-0.01, 0.01),
    wavelength_error=(-0.0005, 0.0005),
    ligand_share=0.4,
    fluorescence=(0.0, 0.2),
    fluorescence_share=0.3,
    slow_error_share=0.5,
)
_LAB_CU = Laboratory(
    wavelength=(_CU[0], _CU[0]),
    qd_fraction=(0.2, 1.0),
    dry_share=0.7,
    scale=(1.0, 100.0),
    q_min=(0.99, 1.6),
    q_max=(3.8, 7.6),  # two-theta 55 to 138: scans of 20 to 60 and 80 are frequent
    full_range_share=0.0,
    coarsening=(1.0, 6.0),
    fine_share=0.3,
    background=(0.0, 0.5),
    background_share=0.7,
    fwhm=(0.04, 0.3),
    broadening_share=1.0,
    zero_shift=(-0.05, 0.05),
    k_alpha2=_K_ALPHA2,
    k_alpha2_split=_CU[1] / _CU[0],
    polarised_share=0.7,
    march=(0.35, 1.0),
    texture_share=0.5,
    factors=(2.0, 8.0),
    factors_share=0.35,
    ligand_share=0.6,
    fluorescence_share=0.4,
    slow_error=(0.0, 0.08),
    slow_error_share=0.7,
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
    k_alpha2=_K_ALPHA2,
    k_alpha2_split=_MO[1] / _MO[0],
    polarised_share=0.7,
    march=(0.35, 1.0),
    texture_share=0.3,
    factors=(1.0, 5.0),
    factors_share=0.2,
    ligand_share=0.5,
    fluorescence=(0.0, 0.2),
    fluorescence_share=0.2,
    slow_error=(0.0, 0.08),
    slow_error_share=0.6,
)
LABORATORIES = {
    "ideal": _IDEAL,
    "synchrotron": _SYNCHROTRON,
    "capillary": _CAPILLARY,
    "lab-cu": _LAB_CU,
    "lab-mo": _LAB_MO,
}
# A pattern comes from one of these: "anywhere" that measures with an instrument worth the name, or
# the "world", where some need not think of theirs.
MIXTURES = {
    "anywhere": {"synchrotron": 0.5, "lab-cu": 0.35, "lab-mo": 0.15},
    "world": {
        "ideal": 0.12,
        "synchrotron": 0.28,
        "capillary": 0.15,
        "lab-cu": 0.32,
        "lab-mo": 0.13,
    },
}

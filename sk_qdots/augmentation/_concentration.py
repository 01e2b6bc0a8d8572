r"""Mass concentration of a colloid from the dots' share of its pattern, and back.

The pattern of a mixture holds :math:`c`, the share of the integrated intensity.
With :math:`s`, the intensity that a gram scatters over the range,

.. math::

    \frac{w}{1 - w} = \frac{s_\mathrm{solvent}}{s_\mathrm{dots}}\,\frac{c}{1 - c}.

By composition :math:`s` is the integral of :math:`\sum |f|^2` and the Compton
scattering over a molar mass: over 1 to 15 1/Angstrom a gram of PbS scatters about
eleven times what a gram of hexane does. The labels of the paper (7, 20, 44 % w/w
for c = 0.15, 0.37, 0.65) follow another rule, :math:`w / (1 - w) = 0.425\,c / (1 -
c)`, which is kept for comparison only.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..simulation import Crystal, compton_intensity, form_factor
from ..simulation.crystal import as_crystal
from ..solvents import load_solvent

__all__ = ["from_mass_fraction", "to_mass_fraction"]

_PAPER_RATIO = 0.425
_Convention = Literal["composition", "paper"]


def to_mass_fraction(
    qd_fraction: npt.ArrayLike,
    crystal: str | Crystal = "PbS",
    solvent: str | xr.DataArray = "hexane",
    *,
    convention: _Convention = "composition",
    q_range: tuple[float, float] | None = None,
    wavelength: float = 0.56,
) -> np.float64 | FloatArray:
    """Mass fraction of the dots in a colloid.

    Ligands and whatever else lies around the dots count as solvent.

    Parameters
    ----------
    qd_fraction : float or array-like
        The dots' share of the integrated intensity, in (0, 1].
    crystal : Crystal or str, default="PbS"
        The dots.
    solvent : str or DataArray, default="hexane"
        Name of a shipped liquid, or a curve in electron units per molecule with
        ``attrs["molar_mass"]``.
    convention : {"composition", "paper"}, default="composition"
        ``"paper"`` gives the labels of the source paper, for any crystal and
        solvent; they do not follow from composition.
    q_range : tuple of 2 float, optional
        Range over which ``qd_fraction`` is the share, in 1/Angstrom: that of your
        patterns. 0.99 to 15, or as far as the solvent's curve goes, by default.
    wavelength : float, default=0.56
        In Angstrom.

    Returns
    -------
    float or ndarray
        Mass of the dots over the mass of all, in (0, 1].

    Raises
    ------
    ValueError
        If a fraction lies outside (0, 1], a name is unknown, or the range is not
        covered.

    See Also
    --------
    from_mass_fraction : The way back.

    Examples
    --------
    >>> from sk_qdots.augmentation import to_mass_fraction
    >>> float(to_mass_fraction(0.15).round(3))
    0.015
    >>> to_mass_fraction([0.15, 0.37, 0.65, 1.0], convention="paper").round(2)
    array([0.07, 0.2 , 0.44, 1.  ])
    """
    c = _checked_fractions("qd_fraction", qd_fraction)
    factor = _scattering_ratio(crystal, solvent, convention, q_range, wavelength)
    return factor * c / (1.0 - c + factor * c)


def from_mass_fraction(
    mass_fraction: npt.ArrayLike,
    crystal: str | Crystal = "PbS",
    solvent: str | xr.DataArray = "hexane",
    *,
    convention: _Convention = "composition",
    q_range: tuple[float, float] | None = None,
    wavelength: float = 0.56,
) -> np.float64 | FloatArray:
    """Share of the dots in the intensity of a colloid of known concentration.

    Parameters
    ----------
    mass_fraction : float or array-like
        Mass of the dots over the mass of all, in (0, 1].
    crystal, solvent, convention, q_range, wavelength
        As in :func:`to_mass_fraction`.

    Returns
    -------
    float or ndarray
        ``qd_fraction``, in (0, 1].

    Raises
    ------
    ValueError
        As :func:`to_mass_fraction`.

    See Also
    --------
    to_mass_fraction : The way back.

    Examples
    --------
    >>> from sk_qdots.augmentation import from_mass_fraction
    >>> float(from_mass_fraction(0.02, convention="paper").round(3))
    0.046
    """
    w = _checked_fractions("mass_fraction", mass_fraction)
    factor = _scattering_ratio(crystal, solvent, convention, q_range, wavelength)
    return w / (w + factor * (1.0 - w))


def _checked_fractions(name: str, value: npt.ArrayLike) -> FloatArray:
    fractions = np.asarray(value, dtype=np.float64)
    wrong = ~((fractions > 0.0) & (fractions <= 1.0))
    if wrong.any():
        raise ValueError(
            f"{name} is {fractions[wrong].ravel()[0]:g}; it must lie in (0, 1], a fraction and "
            "not a percentage"
        )
    return fractions


def _scattering_ratio(
    crystal: str | Crystal,
    solvent: str | xr.DataArray,
    convention: str,
    q_range: tuple[float, float] | None,
    wavelength: float,
) -> float:
    """Scattering of a gram of solvent over that of a gram of dots."""
    if convention == "paper":
        return _PAPER_RATIO
    if convention != "composition":
        raise ValueError(f'convention is {convention!r}; it must be "composition" or "paper"')
    curve = load_solvent(solvent, wavelength) if isinstance(solvent, str) else solvent
    start, stop = float(curve["q"].values.min()), float(curve["q"].values.max())
    low, high = (max(0.99, start), min(15.0, stop)) if q_range is None else q_range
    if not (start - 1e-6 <= low < high <= stop + 1e-6):
        raise ValueError(
            f"q_range is ({low:g}, {high:g}); it must lie within {start:.3g} to {stop:.3g} "
            "1/Angstrom, the range of the solvent"
        )
    if "molar_mass" not in curve.attrs:
        raise ValueError(
            f"solvent curve {curve.name!r} has no attrs['molar_mass'] (g/mol); a measured blank "
            "has no scale, so use a shipped liquid here"
        )
    q = np.linspace(low, high, 500)
    of_solvent = np.trapezoid(np.interp(q, curve["q"].values, curve.values), q)
    of_solvent /= curve.attrs["molar_mass"]
    return float(of_solvent / _scattering_per_gram(as_crystal(crystal), q, wavelength))


def _scattering_per_gram(crystal: Crystal, q: FloatArray, wavelength: float) -> float:
    import xraylib

    intensity, mass = np.zeros_like(q), 0.0
    for s in crystal.sublattices:
        factor = form_factor(s.element, q, wavelength, s.charge)
        compton = compton_intensity(s.element, q, wavelength)
        intensity += s.occupancy * (np.abs(factor) ** 2 + compton)
        mass += s.occupancy * xraylib.AtomicWeight(xraylib.SymbolToAtomicNumber(s.element))
    return float(np.trapezoid(intensity, q)) / mass

r"""What one atom scatters: form factor, anomalous terms, displacement, Compton, neutrons.

.. math::

    f(Q) = f_0(Q) + f' + i f'', \qquad
    T(Q) = \exp\!\left[-B_\mathrm{iso} \left(\frac{Q}{4\pi}\right)^2\right], \qquad
    I_\mathrm{inc}(Q) = S(Q) \left(\frac{E'}{E}\right)^2

=================  =====================================  =====================
quantity           source                                 unit
=================  =====================================  =====================
:math:`f_0`        Waasmaier and Kirfel [1]_ (xraydb)     electrons
:math:`f', f''`    Chantler [2]_ (xraydb)                 electrons
:math:`S`          Hubbell et al. [3]_ (xraylib)          electron units
:math:`E'/E`       Compton's shift [4]_                   1
:math:`b`          Sears [5]_ (gemmi)                     fm
=================  =====================================  =====================

References
----------
.. [1] D. Waasmaier, A. Kirfel, Acta Cryst. A51, 416 (1995).
.. [2] C. T. Chantler, J. Phys. Chem. Ref. Data 29, 597 (2000).
.. [3] J. H. Hubbell et al., J. Phys. Chem. Ref. Data 4, 471 (1975).
.. [4] A. H. Compton, Phys. Rev. 21, 483 (1923). The square of E'/E is the
   Breit-Dirac factor for a detector that counts photons.
.. [5] V. F. Sears, Neutron News 3(3), 26 (1992): bound coherent scattering lengths.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from .checks import positive

__all__ = [
    "compton_intensity",
    "debye_waller_factor",
    "energy_from_wavelength",
    "form_factor",
    "neutron_scattering_length",
    "tabulated_ions",
]

HC_KEV_ANGSTROM = 12.398419843320026  # Planck constant x speed of light, exact in the 2019 SI
ELECTRON_REST_ENERGY_KEV = 510.99895069  # CODATA 2022
_HYDROGEN = {"D": "H"}  # deuterium scatters X-rays as hydrogen does
_SMALLEST_TRANSFER = 1e-3  # Q / 4 pi, 1/Angstrom, where the incoherent tables start


def energy_from_wavelength(wavelength: float) -> float:
    """Photon energy in keV for a wavelength in Angstrom.

    Parameters
    ----------
    wavelength : float
        In Angstrom.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the wavelength is not a positive number.

    Examples
    --------
    >>> from sk_qdots.simulation import energy_from_wavelength
    >>> round(energy_from_wavelength(1.5406), 3)
    8.048
    """
    return HC_KEV_ANGSTROM / positive("wavelength", wavelength, "Angstrom")


def form_factor(
    element: str, q: FloatArray, wavelength: float, charge: int = 0
) -> npt.NDArray[np.complex128]:
    """Atomic form factor f0 + f' + i f''.

    Parameters
    ----------
    element : str
        Chemical symbol.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength : float
        In Angstrom; f' and f'' depend on it.
    charge : int, default=0
        Of the ion; see :func:`tabulated_ions`.

    Returns
    -------
    ndarray of shape (n_q,), complex
        In electrons.

    Raises
    ------
    ValueError
        If the element is unknown, its ion is not tabulated or the wavelength is
        not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import form_factor
    >>> form_factor("Pb", np.array([1.0, 10.0]), wavelength=0.56).round(2)
    array([77.65+6.89j, 35.08+6.89j])
    """
    energy = 1e3 * energy_from_wavelength(wavelength)
    known = tabulated_ions(element)
    if charge not in known:
        raise ValueError(
            f"charge of {element} is {charge:+d}; form factors are tabulated for "
            + ", ".join(f"{c:+d}" if c else "0" for c in known)
        )
    element = _HYDROGEN.get(element, element)
    f0 = _f0(_ion_symbol(element, charge), np.asarray(q, dtype=np.float64).tobytes())
    return np.asarray(f0 + _anomalous(element, energy), dtype=np.complex128)


def tabulated_ions(element: str) -> tuple[int, ...]:
    """Charges for which a form factor of an element is tabulated.

    Parameters
    ----------
    element : str
        Chemical symbol.

    Returns
    -------
    tuple of int
        0 is the neutral atom.

    Raises
    ------
    ValueError
        If the element is unknown.

    Examples
    --------
    >>> from sk_qdots.simulation import tabulated_ions
    >>> tabulated_ions("Pb")
    (0, 2, 4)
    """
    import xraydb

    atomic_number(element)
    element = _HYDROGEN.get(element, element)
    known = set(xraydb.f0_ions(element))
    return tuple(c for c in range(-4, 8) if _ion_symbol(element, c) in known)


def neutron_scattering_length(element: str) -> float:
    """Bound coherent scattering length of an element in its natural mixture of isotopes.

    Parameters
    ----------
    element : str
        Chemical symbol.

    Returns
    -------
    float
        In fm; the real part alone, so that strong absorbers (Cd, In, Gd) are not right.

    Raises
    ------
    ValueError
        If the element is unknown or has no tabulated value.

    Examples
    --------
    >>> from sk_qdots.simulation import neutron_scattering_length
    >>> neutron_scattering_length("Pb")
    9.405
    """
    import gemmi

    atomic_number(element)
    coefficients = gemmi.Element(element).neutron92
    length = float(coefficients.get_coefs()[0]) if coefficients is not None else 0.0
    if length == 0.0:
        raise ValueError(f"no neutron scattering length of {element} is tabulated")
    return length


def debye_waller_factor(b_iso: float, q: FloatArray) -> FloatArray:
    """Amplitude damping exp(-B s^2) of one atom, s = Q / 4 pi.

    Parameters
    ----------
    b_iso : float
        In Angstrom^2.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.

    Returns
    -------
    ndarray of shape (n_q,)

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import debye_waller_factor
    >>> debye_waller_factor(1.25, np.array([1.0, 15.0])).round(3)
    array([0.992, 0.168])
    """
    return np.asarray(np.exp(-b_iso * (np.asarray(q) / (4.0 * np.pi)) ** 2))


def compton_intensity(element: str, q: FloatArray, wavelength: float) -> FloatArray:
    """Incoherent scattering of one atom, with the recoil factor (E'/E)^2.

    Parameters
    ----------
    element : str
        Chemical symbol.
    q : ndarray of shape (n_q,)
        In 1/Angstrom, at most 4 pi / wavelength.
    wavelength : float
        In Angstrom.

    Returns
    -------
    ndarray of shape (n_q,)
        In electron units.

    Raises
    ------
    ValueError
        If the element is unknown or q is beyond 4 pi / wavelength.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.simulation import compton_intensity
    >>> compton_intensity("C", np.array([1.0, 15.0]), wavelength=0.56).round(2)
    array([0.71, 5.16])
    """
    q = np.asarray(q, dtype=np.float64)
    energy = energy_from_wavelength(wavelength)
    sine = q * wavelength / (4.0 * np.pi)  # sin(theta)
    if q.size and sine.max() > 1.0 + 1e-12:
        raise ValueError(
            f"q reaches {q.max():.4g} 1/Angstrom, beyond 4 pi / wavelength = "
            f"{4.0 * np.pi / wavelength:.4g}; no such angle exists"
        )
    atomic_number(element)
    tabulated = _incoherent(element, q.tobytes())
    ratio = 1.0 / (1.0 + energy / ELECTRON_REST_ENERGY_KEV * 2.0 * sine**2)
    return np.asarray(tabulated * ratio**2)


# The databases answer slowly and the same grid is asked for again and again.
@lru_cache(maxsize=64)
def _f0(element: str, q: bytes) -> FloatArray:
    import xraydb

    values = np.asarray(xraydb.f0(element, np.frombuffer(q) / (4.0 * np.pi)), dtype=np.float64)
    values.flags.writeable = False
    return values


@lru_cache(maxsize=256)
def _anomalous(element: str, energy: float) -> complex:
    import xraydb

    try:
        return complex(xraydb.f1_chantler(element, energy), xraydb.f2_chantler(element, energy))
    except IndexError:
        raise ValueError(f"no anomalous terms of {element} are tabulated") from None


@lru_cache(maxsize=64)
def _incoherent(element: str, q: bytes) -> FloatArray:
    import xraylib

    number = atomic_number(element)
    transfer = np.frombuffer(q) / (4.0 * np.pi)
    inside = np.maximum(transfer, _SMALLEST_TRANSFER)
    values = np.array([xraylib.SF_Compt(number, s) for s in inside])
    # Below the table S falls as the square of the momentum transfer.
    values *= (transfer / inside) ** 2
    values.flags.writeable = False
    return values


def _ion_symbol(element: str, charge: int) -> str:
    return element if charge == 0 else f"{element}{abs(charge)}{'+' if charge > 0 else '-'}"


@lru_cache(maxsize=256)
def atomic_number(element: str) -> int:
    """Atomic number; refuses an element that is not known."""
    import xraylib

    element = _HYDROGEN.get(element, element)
    try:
        return int(xraylib.SymbolToAtomicNumber(element))
    except ValueError:
        raise ValueError(f"unknown element {element!r}") from None

"""Instruments to begin with, each with the source of its numbers.

Two of them are examples: no anode says their wavelength, which is that of the measurement. A
measured standard is better than any of them: see :func:`sk_qdots.calibrate_instrument`.
"""

from __future__ import annotations

from .instrument import Instrument
from .radiation import ANODES, K_ALPHA_RATIO

__all__ = ["READY", "at_wavelength", "is_example"]

# Variances in hundredths of a degree squared, as GSAS-II keeps them, to widths in degrees squared.
_SQUARE = 8.0 * 0.6931471805599453 / 100.0**2
_LINES = "lines: Hoelzer et al. 1997 (Cu), Bearden 1967 (Mo, Ag), 2 to 1"
_LABORATORY = f"{_LINES}; resolution: default of GSAS-II for laboratory data"
_TO_BE_REPLACED = "; wavelength: to be replaced by your own"
_TAKEN_OVER = ", of Cu, taken over as it is"


def _tube(anode: str, name: str, high: float, step: float) -> Instrument:
    return Instrument(
        wavelengths=ANODES[anode],
        weights=(1.0, K_ALPHA_RATIO),
        u=2.0 * _SQUARE,
        v=-2.0 * _SQUARE,
        w=5.0 * _SQUARE,
        eta=0.5,
        axial=0.002,
        polarisation=1.0,
        geometry="reflection" if anode == "Cu" else "transmission",
        two_theta_range=(5.0, high),
        step=step,
        name=name,
        source=f"{_LABORATORY}{'' if anode == 'Cu' else _TAKEN_OVER}; Lorentzian share: half, an "
        "assumption",
    )


READY = {
    "lab-cu": _tube("Cu", "lab-cu", 120.0, 0.02),
    "lab-mo": _tube("Mo", "lab-mo", 110.0, 0.02),
    "lab-ag": _tube("Ag", "lab-ag", 110.0, 0.02),
    "synchrotron": Instrument(
        wavelengths=(0.56,),
        u=0.001142,
        v=0.000278,
        w=0.000129,
        eta=0.5,
        eta_slope=0.0009,
        axial=0.0107,
        two_theta_range=(2.0, 120.0),
        step=0.005,
        name="synchrotron",
        source="resolution: CeO2 in a capillary before a strip detector at 24 keV, calibrated as "
        f"docs/instruments.md shows{_TO_BE_REPLACED}",
    ),
    "ideal": Instrument(name="ideal", source="no instrument: one line, no broadening"),
}
_EXAMPLES = ("synchrotron", "ideal")


def is_example(instrument: Instrument) -> bool:
    """Whether it is a ready instrument whose wavelength is nobody's.

    Parameters
    ----------
    instrument : Instrument

    Returns
    -------
    bool
        True of ``"synchrotron"`` and ``"ideal"``, also under another name.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.instruments.ready import is_example
    >>> is_example(sq.load_instrument("synchrotron")), is_example(sq.load_instrument("lab-cu"))
    (True, False)
    """
    return any(instrument.replace(name=name) == READY[name] for name in _EXAMPLES)


def at_wavelength(instrument: Instrument, stated: float | None) -> Instrument:
    """Return an example at the wavelength of a measurement; any other instrument as it is.

    Parameters
    ----------
    instrument : Instrument
    stated : float or None
        What a file or a caller says it is, in Angstrom.

    Returns
    -------
    Instrument

    Raises
    ------
    ValueError
        If it is an example and no wavelength is stated, or not one of X-rays.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.instruments.ready import at_wavelength
    >>> at_wavelength(sq.load_instrument("synchrotron"), 0.5642).wavelengths
    (0.5642,)
    >>> at_wavelength(sq.load_instrument("lab-cu"), None).name
    'lab-cu'
    """
    if not is_example(instrument):
        return instrument
    if stated is None:
        raise ValueError(
            f"the instrument {instrument.name or 'given'} is an example without a wavelength of "
            "its own: give that of the measurement (--wavelength; in Python "
            "instrument.replace(wavelengths=(...,)))"
        )
    source = instrument.source.removesuffix(_TO_BE_REPLACED)
    return instrument.replace(
        wavelengths=(float(stated),), weights=(1.0,), source=f"{source}; wavelength: stated"
    )

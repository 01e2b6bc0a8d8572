"""Instruments to begin with, each with the source of its numbers.

A measured standard is better than any of them: see :func:`sk_qdots.calibrate_instrument`.
"""

from __future__ import annotations

from .instrument import Instrument
from .radiation import ANODES, K_ALPHA_RATIO

__all__ = ["READY"]

# Variances in hundredths of a degree squared, as GSAS-II keeps them, to widths in degrees squared.
_SQUARE = 8.0 * 0.6931471805599453 / 100.0**2
_LINES = "lines: Hoelzer et al. 1997 (Cu), Bearden 1967 (Mo, Ag), 2 to 1"
_LABORATORY = f"{_LINES}; resolution: default of GSAS-II for laboratory data"


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
        source=f"{_LABORATORY}; Lorentzian share: half",
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
        "docs/instruments.md shows; wavelength: to be replaced by your own",
    ),
    "ideal": Instrument(name="ideal", source="no instrument: one line, no broadening"),
}

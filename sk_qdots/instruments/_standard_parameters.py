"""What is searched for in the fit of a standard: values, scales and bounds of parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import OptimizeResult

from .instrument import Instrument

__all__ = ["bounds_of", "changed", "correlation", "scale_of", "value_of"]


def value_of(instrument: Instrument, name: str) -> float:
    """What is searched for: the parameter, but the square of the axial divergence.

    Heights move lines by their squares, so that from none on nothing changes at first.
    """
    if name == "wavelength":
        return instrument.wavelengths[0]
    value = float(getattr(instrument, name))
    return value**2 if name == "axial" else value


def scale_of(name: str, instrument: Instrument) -> float:
    """A usual step of a parameter."""
    width = max(float(instrument.fwhm(20.0)), 1e-3)
    scales: dict[str, float] = {
        "w": width**2,
        "v": width**2,
        "u": width**2,
        "eta": 1.0,
        "eta_slope": 0.01,
        "axial": 0.02**2,
        "zero": width,
        "displacement": width,
        "wavelength": instrument.wavelengths[0] * np.deg2rad(width),
    }
    return scales[name]


def bounds_of(name: str, instrument: Instrument) -> tuple[float, float]:
    if name == "wavelength":
        return 0.98 * instrument.wavelengths[0], 1.02 * instrument.wavelengths[0]
    return {
        "eta": (0.0, 1.0),
        "eta_slope": (-0.02, 0.02),
        "axial": (0.0, 0.15**2),
        "zero": (-2.0, 2.0),
        "displacement": (-2.0, 2.0),
    }.get(name, (-10.0, 10.0))


def changed(instrument: Instrument, values: dict[str, float]) -> Instrument | None:
    """Return the instrument with these values; None where they cannot be."""
    if "axial" in values:
        values = values | {"axial": float(np.sqrt(max(values["axial"], 0.0)))}
    wavelength = values.pop("wavelength", None)
    if wavelength is not None:
        factor = wavelength / instrument.wavelengths[0]
        lines = tuple(factor * line for line in instrument.wavelengths)
        instrument = instrument.replace(wavelengths=lines)
    try:
        return instrument.replace(**values)
    except ValueError:
        return None


def correlation(result: OptimizeResult, names: Sequence[str]) -> float:
    """How far zero and wavelength stand for each other."""
    covariance = np.linalg.pinv(result.jac.T @ result.jac)
    i, j = names.index("zero"), names.index("wavelength")
    product = float(covariance[i, i] * covariance[j, j])
    return float(abs(covariance[i, j]) / np.sqrt(max(product, 1e-300)))

"""Patterns of standards, drawn point by point: nothing of the fit is used but the profile."""

import numpy as np
import xarray as xr

from sk_qdots.instruments.standards import STANDARDS, lines_of

_HEIGHTS, _WEIGHTS = np.polynomial.legendre.leggauss(40)


def pseudo_voigt(x, fwhm, eta):
    gauss = np.sqrt(4.0 * np.log(2.0) / np.pi) / fwhm * np.exp(-4.0 * np.log(2.0) * (x / fwhm) ** 2)
    lorentz = fwhm / (2.0 * np.pi) / (x**2 + (fwhm / 2.0) ** 2)
    return (1.0 - eta) * gauss + eta * lorentz


def axial_heights(axial):
    """Heights of a triangular distribution, and their shares."""
    if not axial:
        return np.zeros(1), np.ones(1)
    heights = 0.5 * (1.0 + _HEIGHTS)
    shares = _WEIGHTS * (1.0 - heights)
    return axial * heights, shares / shares.sum()


def expected_counts(instrument, name, x, *, top=20_000, background=100.0):
    """What an instrument counts of a standard, on average."""
    reach = min(instrument.wavelengths) / 2.0 / np.sin(np.deg2rad(min(x[-1] + 1.0, 179.0)) / 2.0)
    lines = lines_of(STANDARDS[name].crystal, reach, instrument.wavelength)
    heights, shares = axial_heights(instrument.axial)
    y = np.zeros_like(x)
    weights = np.array(instrument.weights) / sum(instrument.weights)
    for wavelength, weight in zip(instrument.wavelengths, weights, strict=True):
        sine = wavelength / 2.0 / lines.spacing
        for half, strength in zip(
            np.arcsin(sine[sine < 1.0]), lines.strength[sine < 1.0], strict=True
        ):
            true = np.rad2deg(2.0 * half)
            area = (
                strength * instrument.polarisation_factor(true) / (np.sin(half) ** 2 * np.cos(half))
            )
            met = np.cos(np.deg2rad(true)) * np.sqrt(1.0 + heights**2)
            centres = instrument.read_two_theta(np.rad2deg(np.arccos(np.clip(met, -1.0, 1.0))))
            profile = pseudo_voigt(
                x[:, None] - centres, instrument.fwhm(true), instrument.lorentzian_share(true)
            )
            y += weight * area * (profile @ shares)
    return y * (top / y.max()) + background * (
        1.0 + 0.5 * np.exp(-x / 20.0) + 0.2 * np.sin(x / 30.0)
    )


def as_pattern(x, counts, wavelength, lines=None):
    """As read_pattern gives it."""
    attrs = {"wavelength": wavelength, "source": "standard.xy"}
    if lines is not None:
        attrs |= {
            "lines": list(lines),
            "line_weights": [1.0, 0.5],
            "wavelength_label": "K-alpha mean",
        }
    q = 4.0 * np.pi * np.sin(np.deg2rad(x) / 2.0) / wavelength
    coords = {"q": q, "two_theta": ("q", x)}
    return xr.DataArray(counts.astype(float), dims="q", coords=coords, attrs=attrs)

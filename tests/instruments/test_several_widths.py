"""Profiles of several widths at once against the instruments that have them."""

import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.instruments.several_widths import SeveralWidths

START, STEP, N_POINTS = 0.9, 0.002, 7000
Q = START + STEP * np.arange(N_POINTS)


@pytest.fixture(scope="module")
def patterns():
    library = sq.simulate_library(
        "PbS", diameters=[2.0, 4.0], dispersions=[0.1], strains=[0.0], q=Q
    )
    return library["intensity"].values[:, 0, 0].astype(np.float64)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_is_what_the_instruments_do(patterns, eta):
    widths = [0.0, 0.03, 0.2]
    seen = SeveralWidths(START, STEP, N_POINTS, 0.56, widths, eta)(patterns)
    assert seen.shape == (3, 2, N_POINTS)
    rows = xr.DataArray(patterns, dims=("row", "q"), coords={"q": Q})
    for width, found in zip(widths, seen, strict=True):
        one = sq.Instrument(wavelengths=(0.56,), w=width**2, eta=eta)
        np.testing.assert_allclose(found, one.apply(rows).values, rtol=1e-5)


def test_beyond_the_reach_is_what_was_last(patterns):
    wavelength = 1.0
    seen = SeveralWidths(START, STEP, N_POINTS, wavelength, [0.1], 0.5)(patterns)[0]
    beyond = 4.0 * np.pi / wavelength < Q
    assert beyond.any() and np.isfinite(seen).all()
    np.testing.assert_allclose(seen[:, beyond], seen[:, beyond][:, :1] * np.ones(beyond.sum()))

"""A smooth pattern, known at any Q, for the tests of what is done to patterns."""

import numpy as np
import xarray as xr

import sk_qdots as sq

GRID = sq.default_q_grid()


def smooth(q):
    return 50.0 / q + 20.0 * np.exp(-((q - 3.0) ** 2) / 0.02) + 5.0 * np.exp(-((q - 8) ** 2) / 0.1)


def pattern(q, values=None):
    return xr.DataArray(smooth(q) if values is None else values, dims="q", coords={"q": q})


def standardized(item, **parameters):
    return sq.QStandardizer(**parameters).fit_transform([item])[0]


DIRECT = standardized(pattern(GRID))

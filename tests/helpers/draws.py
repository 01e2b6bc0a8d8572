"""An estimator that draws as the Debye posterior does, from one simulated pattern."""

import numpy as np
import xarray as xr

from sk_qdots.posterior import DebyeFit, PatternPosterior
from sk_qdots.preprocessing.patterns import q_of
from sk_qdots.simulation import surface_mean, volume_mean

N_DRAWS = 400


class OnePattern:
    """Lays one simulated pattern over every measured one, whatever it is.

    Parameters
    ----------
    q, intensity : ndarray
        The simulated pattern.
    diameter, deviation : float
        Of the draws, in nm.
    classes : sequence of int
        In picometres.
    """

    def __init__(self, q, intensity, diameter, deviation=0.05, classes=range(1500, 10001, 500)):
        self.q, self.intensity = np.asarray(q), np.asarray(intensity, dtype=float)
        self.diameter, self.deviation = diameter, deviation
        self.classes_ = np.array(list(classes))
        self.asked = []

    def draws(self):
        rng = np.random.default_rng(0)
        # Skewed, so that no normal distribution has their quantiles.
        diameter = self.diameter + self.deviation * (rng.exponential(size=N_DRAWS) - 1.0)
        dispersion = 0.1 + 0.01 * rng.standard_normal(N_DRAWS)
        averages = np.array(
            [
                (volume_mean(d, s), surface_mean(d, s))
                for d, s in zip(diameter, dispersion, strict=True)
            ]
        )
        return {
            "diameter": diameter,
            "dispersion": dispersion,
            "strain": 0.001 + 1e-4 * rng.standard_normal(N_DRAWS),
            "volume_diameter": averages[:, 0],
            "surface_diameter": averages[:, 1],
            "b_iso": rng.uniform(0.5, 1.0, N_DRAWS),
        }

    def posterior(self, X):
        return [PatternPosterior(self.draws()) for _ in X]

    def posterior_of(self, pattern, instrument=None):
        self.asked.append((pattern, instrument))
        seen = np.isfinite(pattern.values)
        q, measured = q_of(pattern)[seen], pattern.values[seen].astype(float)
        esd = np.sqrt(np.maximum(measured, 0.01 * measured.mean()))
        dots = np.interp(q, self.q, self.intensity)
        columns = np.column_stack([dots, *(q**k for k in range(4))])
        weights = np.linalg.lstsq(columns / esd[:, None], measured / esd, rcond=None)[0]
        weights[0] = max(weights[0], 0.0)
        background = columns[:, 1:] @ weights[1:]
        calculated = background + weights[0] * dots
        pulls = (measured - calculated) / esd
        draws = self.draws()
        names = ["diameter", "dispersion", "strain", "b_iso"]
        covariance = np.cov([draws[name] for name in names])
        fit = DebyeFit(
            r_wp=float(np.sqrt((pulls**2).sum() / ((measured / esd) ** 2).sum())),
            chi2=float((pulls**2).mean()),
            widened=1.0,
            parameters={name: float(draws[name].mean()) for name in names},
            covariance=xr.DataArray(
                covariance,
                dims=("parameter", "parameter_b"),
                coords={"parameter": names, "parameter_b": names},
            ),
            curves=xr.Dataset(
                {
                    "measured": ("q", measured),
                    "esd": ("q", esd),
                    "calculated": ("q", calculated),
                    "background": ("q", background),
                },
                coords={"q": q},
            ),
        )
        return PatternPosterior(draws, {"sphere": 1.0}, ("this is made up",), fit)

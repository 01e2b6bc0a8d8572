"""What the posterior says of one pattern: draws of its parameters, and the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from .._typing import FloatArray, IntArray, JsonObject

__all__ = ["DebyeFit", "PatternPosterior"]


@dataclass(frozen=True, eq=False)
class DebyeFit:
    """The best fit of one pattern, as a refinement reports it.

    Parameters
    ----------
    r_wp : float
        Weighted profile residual, a fraction.
    chi2 : float
        Reduced chi-square of the bins against the noise alone; 1 where the model leaves nothing
        but noise. NaN where only the fit tells how much noise there is: in patterns so coarse that
        neighbouring points do not.
    widened : float
        Factor by which errors are larger than noise alone would make them; 1 where the model
        fits.
    parameters : mapping of str to float
        At the best fit: diameters in nm, ``b_iso``, which is a change of all displacement
        parameters, in Angstrom^2, ``fwhm`` in degrees, others as fractions.
    covariance : DataArray (parameter, parameter_b)
        Of the parameters, over the whole posterior.
    curves : Dataset
        Over ``q`` (1/Angstrom; with a coordinate ``two_theta`` in degrees where the pattern has
        one): ``measured``, ``esd`` (noise alone), ``calculated`` (background included) and
        ``background``, in the units of the pattern.
    amounts : mapping of str to float
        Shares of the mean intensity of ``"dots"``, of each liquid and of the blank by its name, and
        of the rest of the ``"background"``. Those of liquids that are alike compensate each other.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.posterior import DebyePosterior
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    >>> X, _, _ = sq.library_samples(library)
    >>> fit = DebyePosterior().fit("PbS").posterior(X)[0].fit  # doctest: +SKIP
    >>> fit.r_wp < 0.01  # doctest: +SKIP
    True
    """

    r_wp: float
    chi2: float
    widened: float
    parameters: Mapping[str, float]
    covariance: xr.DataArray
    curves: xr.Dataset
    amounts: Mapping[str, float] = field(default_factory=dict)

    @property
    def uncertainties(self) -> dict[str, float]:
        """Standard deviation of each parameter."""
        names = [str(name) for name in self.covariance["parameter"].values]
        deviations = np.sqrt(np.maximum(np.diag(self.covariance.values), 0.0))
        return {name: float(value) for name, value in zip(names, deviations, strict=True)}

    def to_dict(self) -> JsonObject:
        """Everything but the curves, as JSON can hold it.

        Returns
        -------
        dict
        """
        return {
            "r_wp": self.r_wp,
            "chi2": self.chi2 if np.isfinite(self.chi2) else None,
            "widened": self.widened,
            "parameters": dict(self.parameters),
            "uncertainties": dict(self.uncertainties),
            "amounts": dict(self.amounts),
            "covariance": {
                "parameters": [str(name) for name in self.covariance["parameter"].values],
                "rows": self.covariance.values.tolist(),
            },
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the curves as a table, one row a point.

        Parameters
        ----------
        path : str or path-like
            Overwritten where it exists.
        """
        columns = {"q (1/Angstrom)": self.curves["q"].values}
        if "two_theta" in self.curves.coords:
            columns["two_theta (deg)"] = self.curves["two_theta"].values
        for name in ("measured", "esd", "calculated", "background"):
            columns[name] = self.curves[name].values
        columns["difference"] = columns["measured"] - columns["calculated"]
        text = [",".join(columns)]
        text += [",".join(f"{v:.8g}" for v in row) for row in np.column_stack([*columns.values()])]
        Path(path).write_text("\n".join(text) + "\n", encoding="utf-8")


@dataclass(frozen=True, eq=False)
class PatternPosterior:
    """What the posterior says of one pattern.

    Parameters
    ----------
    draws : mapping of str to ndarray of shape (n_draws,)
        Equally likely draws of every parameter: ``"diameter"`` (number average),
        ``"volume_diameter"`` and ``"surface_diameter"`` in nm, ``"dispersion"``, ``"strain"``,
        and of what else is not known.
    alternatives : mapping of str to float
        Probability of each model that was compared, such as ``"sphere"``.
    reasons : tuple of str
        For caution.
    fit : DebyeFit or None
        None where it was not asked for.
    cells : ndarray of shape (2, n_cells) or None
        Diameters, in nm, of the cells of the library that it was fitted to, with the
        probability of each.
    distribution : Dataset or None
        Of populations without a form: the densities ``number``, ``surface`` and ``volume`` (by
        what they are weighted), per nm, over ``diameter`` (nm, of the particles) and ``band``
        (``"mean"``, ``"5 %"``, ``"50 %"``, ``"95 %"``).
    trust_range : tuple of 2 float or None
        Smallest and largest diameter, in nm, that the measured range, its points and its counts
        tell to 10 %, if all particles had it; NaN where they tell none, None where nothing was
        simulated.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.posterior import PatternPosterior
    >>> found = PatternPosterior({"diameter": np.linspace(3.9, 4.1, 101)})
    >>> round(found.mean("diameter"), 2), [round(end, 2) for end in found.interval("diameter")]
    (4.0, [3.91, 4.09])
    """

    draws: Mapping[str, FloatArray]
    alternatives: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    fit: DebyeFit | None = None
    cells: FloatArray | None = None
    distribution: xr.Dataset | None = None
    trust_range: tuple[float, float] | None = None

    def class_probabilities(self, classes: IntArray) -> FloatArray:
        """Probability of each class, each draw shared between its two neighbours.

        Of a posterior that was fitted to a library: that one of the sizes of the library is the
        true one, and not something in between.

        Parameters
        ----------
        classes : ndarray of shape (n_classes,) of int
            Diameters in picometres, ascending.

        Returns
        -------
        ndarray of shape (n_classes,)
            The mean of the classes is that of the draws, where these lie between them.
        """
        sizes = np.asarray(classes) / 1000.0
        if self.cells is not None:
            nearest = np.abs(self.cells[0][:, None] - sizes).argmin(axis=1)
            shares = np.bincount(nearest, self.cells[1], minlength=len(sizes))
            return np.asarray(shares, dtype=np.float64)
        found = [np.interp(self.draws["diameter"], sizes, unit) for unit in np.eye(len(sizes))]
        return np.asarray(np.mean(found, axis=1))

    def mean(self, name: str) -> float:
        """Mean of one parameter.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
        """
        return float(np.mean(self.draws[name]))

    def deviation(self, name: str) -> float:
        """Standard deviation of one parameter.

        Parameters
        ----------
        name : str

        Returns
        -------
        float
        """
        return float(np.std(self.draws[name]))

    def interval(self, name: str, coverage: float = 0.9) -> tuple[float, float]:
        """Central interval of one parameter.

        Parameters
        ----------
        name : str
        coverage : float, default=0.9

        Returns
        -------
        tuple of 2 float
            Its ends.
        """
        low, high = np.quantile(self.draws[name], [0.5 - coverage / 2, 0.5 + coverage / 2])
        return float(low), float(high)

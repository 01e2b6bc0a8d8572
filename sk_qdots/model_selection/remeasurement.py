"""Dots of known size, simulated afresh and measured under other conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from numbers import Integral
from typing import NamedTuple, Unpack, cast

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import BaseEstimator, clone

from .._typing import FloatArray, IntArray
from ..augmentation import PoissonNoise, SolventMixer, library_samples, perturb
from ..augmentation.base import Generators, Transformer, digest, grid_of
from ..preprocessing.patterns import area
from ..simulation import Crystal, Shape, default_q_grid, simulate_library
from .protocols import DotSettings, Patterns

__all__ = ["Remeasurement", "measured_samples"]

# Between those of the standard library, so that no training has seen them.
DISPERSIONS = (0.065, 0.095, 0.125, 0.155, 0.185)
STRAINS = tuple(np.linspace(-0.0025, 0.0051, 13)[:-1] + 0.0076 / 24)
SOLVENTS = ("hexane", "toluene")
QD_FRACTIONS = (0.15, 0.37, 0.65, 1.0)
SNR = (14.6, 23.9, 46.3, 119.5)  # k = 3, 8, 30 and 200 at area 1000 on the standard grid
_AREA = 1000.0
_BETWEEN = (-0.4, -0.2, 0.2, 0.4)  # of the step from one class to the next


class Cell(NamedTuple):
    """How a row is measured."""

    solvent: str
    qd_fraction: float
    snr: float


class Remeasurement(BaseEstimator):  # type: ignore[misc]
    """Replace patterns by fresh ones of dots of the same size, measured otherwise.

    What changes dots or instrument cannot be done to a pattern that was diluted and
    counted already. So each row gives its label, and where it has them the coordinates
    ``solvent``, ``qd_fraction`` and ``snr``; dots of that size are simulated, with a
    dispersion and a strain between those of the standard library, and measured.

    Parameters
    ----------
    dots : transformer, optional
        Acts on the dry pattern: :class:`sk_qdots.PreferredOrientation`.
    instrument : transformer, optional
        Acts on the diluted pattern before it is counted, such as
        :class:`sk_qdots.ZeroShift`.
    solvent : str or transformer, optional
        Liquid instead of the row's: a name, or a transformer with a parameter
        ``qd_fraction`` such as :class:`sk_qdots.SolventVariation`.
    qd_fraction : float, optional
        The dots' share of the intensity, instead of the row's.
    snr : float, optional
        Mean signal-to-noise ratio, instead of the row's.
    between : float, optional
        Step of the classes in picometres: takes diameters between the labels, one or
        two fifths of it away.
    crystal : Crystal or str, default="PbS"
    shape : str or Shape, default="sphere"
    curves : mapping of str to DataArray, optional
        Curves of the solvents that the rows name, where they are not shipped ones.
    wavelength : float, default=0.56
        In Angstrom.
    dispersions, strains : tuple of float, optional
        Of the simulated dots.
    random_state : int, default=0

    See Also
    --------
    PerturbedScorer : Scores an estimator on what this makes.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> from sk_qdots.model_selection import Remeasurement
    >>> diluted = Remeasurement(qd_fraction=0.05, snr=46)
    >>> X, truth = diluted.remeasure(np.ones((2, 5004)), [3000, 5000])
    >>> X.shape, truth.tolist()
    ((2, 5004), [3000.0, 5000.0])
    """

    def __init__(
        self,
        dots: Transformer | None = None,
        instrument: Transformer | None = None,
        *,
        solvent: str | Transformer | None = None,
        qd_fraction: float | None = None,
        snr: float | None = None,
        between: float | None = None,
        crystal: str | Crystal = "PbS",
        shape: str | Shape = "sphere",
        curves: Mapping[str, xr.DataArray] | None = None,
        wavelength: float = 0.56,
        dispersions: tuple[float, ...] = DISPERSIONS,
        strains: tuple[float, ...] = STRAINS,
        random_state: int = 0,
    ) -> None:
        self.dots = dots
        self.instrument = instrument
        self.solvent = solvent
        self.qd_fraction = qd_fraction
        self.snr = snr
        self.between = between
        self.crystal = crystal
        self.shape = shape
        self.curves = curves
        self.wavelength = wavelength
        self.dispersions = dispersions
        self.strains = strains
        self.random_state = random_state

    def remeasure(self, X: Patterns, y: npt.ArrayLike) -> tuple[xr.DataArray, FloatArray]:
        """Fresh patterns.

        Parameters
        ----------
        X : DataArray or array-like of shape (n_samples, n_q)
        y : array-like of shape (n_samples,)
            Labels in picometres.

        Returns
        -------
        X : DataArray of shape (n_samples, n_q)
            Of area 1000, with the coordinates of how each was measured.
        truth : ndarray of shape (n_samples,)
            True diameters in picometres.

        Raises
        ------
        ValueError
            If a label is no size, a parameter is out of range, or a row names a solvent
            that is not known.
        """
        rows, labels = np.asarray(X), _checked_labels(y)
        if rows.ndim != 2 or len(rows) != len(labels):
            raise ValueError(f"X has shape {rows.shape} and y {len(labels)} labels")
        self._check_parameters()
        q = grid_of(X, None, rows.shape[1])
        rngs = [np.random.default_rng([self.random_state, digest(row)]) for row in rows]
        if self.between is not None:
            moves = [float(self.between) * rng.choice(_BETWEEN) for rng in rngs]
            labels = labels + np.rint(moves).astype(np.int64)
        library = fresh_library(
            self.crystal,
            tuple(np.unique(labels) / 1000.0),
            self.shape,
            tuple(q),
            self.wavelength,
            tuple(self.dispersions),
            tuple(self.strains),
        )
        clean, label_of = library_samples(library)[:2]
        members = {label: np.flatnonzero(label_of == label) for label in np.unique(labels)}
        chosen = np.array(
            [rng.choice(members[label]) for label, rng in zip(labels, rngs, strict=True)]
        )
        dots = clean[chosen].astype(np.float64)
        dots = dots.copy(data=dots.values * (_AREA / area(dots.values, q))[:, None])
        if self.dots is not None:
            dots = cast("xr.DataArray", perturb(clone(self.dots).fit(dots), dots, rngs))
        cells = self._cells(X, rngs)
        measured = np.empty(dots.shape, dtype=np.float32)
        for cell in dict.fromkeys(cells):
            here = np.array([other == cell for other in cells])
            here_rngs = [rng for rng, is_here in zip(rngs, here, strict=True) if is_here]
            measured[here] = self._measured(dots[here], cell, here_rngs).values
        names = ("solvent", "qd_fraction", "snr")
        coords = {
            name: ("sample", np.array(values, dtype=object if name == "solvent" else float))
            for name, values in zip(names, zip(*cells, strict=True), strict=True)
        }
        return dots.copy(data=measured).assign_coords(coords), labels.astype(np.float64)

    def _check_parameters(self) -> None:
        """Refuse what would be measured as something else."""
        if self.qd_fraction is not None and not 0 < self.qd_fraction <= 1:
            raise ValueError(f"qd_fraction is {self.qd_fraction}; it must lie in (0, 1]")
        if self.snr is not None and not self.snr > 0:
            raise ValueError(f"snr is {self.snr}; it must be positive")
        if self.between is not None and not self.between > 0:
            raise ValueError(f"between is {self.between}; it must be a step in picometres")
        seed: object = self.random_state
        if not isinstance(seed, Integral) or int(seed) < 0:
            raise ValueError(
                f"random_state is {self.random_state!r}; it must be an integer: a score must be "
                "the same every time"
            )

    def _cells(self, X: Patterns, rngs: Generators) -> list[Cell]:
        """How every row is measured: as told, as it was, or drawn."""
        drawn = [
            Cell(str(rng.choice(SOLVENTS)), rng.choice(QD_FRACTIONS), rng.choice(SNR))
            for rng in rngs
        ]
        found = dict(zip(Cell._fields, map(list, zip(*drawn, strict=True)), strict=True))
        for name in Cell._fields:
            if isinstance(X, xr.DataArray) and name in X.coords:
                found[name] = list(np.broadcast_to(X.coords[name].values, len(rngs)))
        if self.qd_fraction is not None:
            found["qd_fraction"] = [self.qd_fraction] * len(rngs)
        if self.snr is not None:
            found["snr"] = [self.snr] * len(rngs)
        if self.solvent is not None:
            liquid = self.solvent if isinstance(self.solvent, str) else type(self.solvent).__name__
            found["solvent"] = [liquid] * len(rngs)
        return [
            Cell(str(solvent), float(fraction), float(snr))
            for solvent, fraction, snr in zip(*found.values(), strict=True)
        ]

    def _measured(self, dots: xr.DataArray, cell: Cell, rngs: Generators) -> xr.DataArray:
        """Dry patterns in a liquid, through an instrument, counted; each row's own draws."""
        steps: list[Transformer] = []
        if cell.qd_fraction < 1.0:
            if self.solvent is None or isinstance(self.solvent, str):
                known = (self.curves or {}).get(cell.solvent, cell.solvent)
                liquid = SolventMixer(known, wavelength=self.wavelength)
            else:
                liquid = clone(self.solvent)
            steps.append(liquid.set_params(qd_fraction=cell.qd_fraction))
        if self.instrument is not None:
            steps.append(clone(self.instrument))
        for step in (*steps, PoissonNoise(snr=cell.snr)):
            dots = cast("xr.DataArray", perturb(step.fit(dots), dots, rngs))
        return dots


def measured_samples(
    classes: npt.ArrayLike,
    n_samples: int = 3060,
    *,
    solvents: str | Sequence[str] | Mapping[str, xr.DataArray] = SOLVENTS,
    qd_fractions: Sequence[float] = QD_FRACTIONS,
    snr: Sequence[float] = SNR,
    q: npt.ArrayLike | None = None,
    random_state: int = 0,
    **settings: Unpack[DotSettings],
) -> tuple[xr.DataArray, IntArray]:
    """Fresh patterns to judge an estimator by: the same number of each size and condition.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Diameters in picometres.
    n_samples : int, default=3060
    solvents : str, sequence of str, or mapping of str to DataArray
        Names of shipped curves, or named curves.
    qd_fractions : sequence of float
        The dots' shares of the intensity.
    snr : sequence of float
        Mean signal-to-noise ratios.
    q : array-like of shape (n_q,), optional
        Grid, in 1/Angstrom; :func:`sk_qdots.default_q_grid` by default.
    random_state : int, default=0
    **settings
        ``crystal``, ``shape``, ``wavelength``, ``dispersions`` and ``strains`` of
        :class:`Remeasurement`.

    Returns
    -------
    X : DataArray of shape (n_samples, n_q)
        Of area 1000; ``sample`` has the coordinates
        ``diameter``, ``dispersion``, ``strain``, ``solvent``, ``qd_fraction`` and
        ``snr``.
    y : ndarray of shape (n_samples,) of int
        Diameters in picometres.

    Examples
    --------
    >>> from sk_qdots.model_selection import measured_samples
    >>> X, y = measured_samples([3000, 4000], 8, random_state=1)
    >>> X.sizes["sample"], y.tolist()
    (8, [3000, 4000, 3000, 4000, 3000, 4000, 3000, 4000])
    """
    labels = np.resize(_checked_labels(classes), n_samples)
    solvents = [solvents] if isinstance(solvents, str) else solvents
    rng = np.random.default_rng(random_state)
    cells = [(s, c, k) for s in solvents for c in qd_fractions for k in snr]
    which = rng.permutation(np.arange(n_samples) % len(cells))
    names, fractions, levels = zip(*(cells[k] for k in which), strict=True)
    grid = default_q_grid() if q is None else np.asarray(q, dtype=np.float64)
    # The rows are replaced; what they hold only makes each draw its own.
    seeds = xr.DataArray(
        np.repeat(np.arange(1.0, n_samples + 1)[:, None], len(grid), axis=1),
        dims=("sample", "q"),
        coords={
            "q": ("q", grid, {"units": "1/Angstrom"}),
            "solvent": ("sample", np.array(names, dtype=object)),
            "qd_fraction": ("sample", np.array(fractions, dtype=float)),
            "snr": ("sample", np.array(levels, dtype=float)),
        },
    )
    curves = solvents if isinstance(solvents, Mapping) else None
    measurement = Remeasurement(curves=curves, random_state=random_state, **settings)
    return measurement.remeasure(seeds, labels)[0], labels


def _checked_labels(y: npt.ArrayLike) -> IntArray:
    labels = np.asarray(y)
    if labels.dtype.kind not in "iuf" or not labels.size or not (labels > 0).all():
        raise ValueError("y must hold diameters in picometres, positive numbers")
    return np.asarray(np.rint(labels), dtype=np.int64)


@lru_cache(maxsize=6)
def fresh_library(
    crystal: str | Crystal,
    diameters: tuple[float, ...],
    shape: str | Shape,
    q: tuple[float, ...],
    wavelength: float = 0.56,
    dispersions: tuple[float, ...] = DISPERSIONS,
    strains: tuple[float, ...] = STRAINS,
) -> xr.Dataset:
    """Patterns of dots, kept for the next condition."""
    return simulate_library(
        crystal,
        diameters=diameters,
        dispersions=dispersions,
        strains=strains,
        q=np.array(q),
        shape=shape,
        wavelength=wavelength,
    )

r"""Fit two measured patterns with and without planar faults.

    python tools/fit_faults.py --data ../shared/data/real

fits platinum on carbon (counts over two-theta, with the empty capillary as blank and the shipped
carbon black) and CdSe dots (I(Q) that was transformed back from a measured pair distribution
function) by weighted least squares. Writes ``docs/tables/faults.md`` and
``docs/images/validation/faults.png``. The measured patterns are no part of the repository.

The model of a pattern is

.. math::

    y(Q) = \sum_t c_t\, I_t(Q; D, s, \epsilon, B, p) + \sum_k b_k\, B_k(Q) + \sum_j a_j\, N_j(Q)

with the intensity :math:`I_t` of particles of lognormal diameters (number average :math:`D`,
dispersion :math:`s`), isotropic strain :math:`\epsilon`, one displacement parameter :math:`B`, and
the probability :math:`p` of a planar fault; the measured and computed backgrounds :math:`B_k`;
and cubic B-splines :math:`N_j`. For each set of the parameters of :math:`I` the best amounts are
found by linear least squares, with :math:`c, b \ge 0`. The pair sums of every particle of the
series are computed once; populations are exact sums over them, a strain scales Q, and between the
probabilities that were computed cubic splines interpolate. Weights are :math:`w = n / y` of the
:math:`n` points that were averaged, as counting has it, and

.. math:: R_w = \left[ \sum w (y - y_\mathrm{fit})^2 / \sum w y^2 \right]^{1/2}

Errors are those of the linearised fit, scaled by the sum of squares per degree of freedom. They
know nothing of what the model leaves out.

The resolution of an instrument damps the waves of far pairs by
:math:`\exp(-\sigma^2 d^2 / 2)`. That of the CdSe pattern, 0.058 1/Angstrom, is what its authors
took from a separate calibration (Qdamp in ``ch08NPRefinement`` of
https://github.com/Billingegroup/pdfttp_data); peaks of the platinum pattern's instrument are
0.015 degrees wide, 0.0014 1/Angstrom.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from scipy.interpolate import BSpline, CubicSpline
from scipy.linalg import qr
from scipy.optimize import least_squares, nnls

import sk_qdots as sq
from sk_qdots.simulation import (
    DistanceTable,
    Stacking,
    debye_waller_factor,
    distance_table,
    homologous_series,
    ideal_layers,
    lognormal_parameters,
    multiply_twinned_series,
    pair_sums,
    stacked_tables,
)
from sk_qdots.simulation.debye import AtomicFactors
from sk_qdots.solvents import load_solvent

ROOT = Path(__file__).resolve().parent.parent
STEP = 0.02  # 1/Angstrom, of what is fitted; the narrowest peaks are ten times as wide
MARGIN = 0.04  # largest strain, of Q
PROBABILITIES = {
    "growth": np.concatenate([np.arange(0.0, 0.4, 0.04), np.linspace(0.4, 1.0, 11)]),
    "deformation": np.linspace(0.0, 0.5, 13),  # p and 1 - p are the same
}
NAMES = ("diameter", "dispersion", "strain", "b_iso", "probability")
LOWER = (0.6, 0.03, -0.03, 0.0, 0.0)
UPPER = (6.0, 0.6, 0.03, 6.0, 1.0)
SCALE = (0.5, 0.1, 0.005, 0.5, 0.2)


@dataclass(frozen=True)
class Measured:
    """A pattern to fit, and what it may stand on.

    ``weights`` are those of the squares; ``backgrounds`` have amounts that are not negative;
    the splines have knots ``knot_step`` apart; ``resolution`` is the standard deviation of a
    Gaussian in Q, in 1/Angstrom.
    """

    q: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    wavelength: float
    knot_step: float
    backgrounds: dict[str, np.ndarray] = field(default_factory=dict)
    compton: bool = True
    resolution: float = 0.0

    @cached_property
    def root(self) -> np.ndarray:
        """Square root of the weights."""
        return np.sqrt(self.weights)

    @cached_property
    def splines(self) -> np.ndarray:
        """Cubic B-splines, array of shape (n_q, n_splines)."""
        n = max(round((self.q[-1] - self.q[0]) / self.knot_step), 1)
        knots = np.linspace(self.q[0], self.q[-1] + 1e-9, n + 1)
        knots = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
        return BSpline.design_matrix(self.q, knots, 3).toarray()

    @cached_property
    def smooth(self) -> np.ndarray:
        """Orthonormal weighted splines."""
        return qr(self.root[:, None] * self.splines, mode="economic")[0]

    def without_smooth(self, rows: np.ndarray) -> np.ndarray:
        """Weighted rows, less what splines can do."""
        weighted = np.atleast_2d(rows) * self.root
        return weighted - (weighted @ self.smooth) @ self.smooth.T

    @cached_property
    def bare(self) -> tuple[np.ndarray, np.ndarray]:
        """The pattern and the backgrounds, less what splines can do."""
        rows = np.array([self.y, *self.backgrounds.values()])
        found = self.without_smooth(rows)
        return found[0], found[1:]


def population(diameters: np.ndarray, mean: float, dispersion: float) -> np.ndarray:
    """Number fractions of a lognormal, also of one that ends with the series."""
    mu, sigma = lognormal_parameters(mean, dispersion)
    logs = -((np.log(diameters) - mu) ** 2) / (2.0 * sigma**2) - np.log(diameters)
    weights = np.exp(logs - logs.max()) * np.gradient(diameters)
    return weights / weights.sum()


class Particles:
    """Patterns of populations of particles, at any size, dispersion, strain, B and probability.

    Parameters
    ----------
    tables : list of DistanceTable
        Of each kind of particle a series; or of one kind a series at each probability.
    measured : Measured
        Where the patterns are wanted.
    probabilities : ndarray, optional
        Those of the series of the one kind.
    """

    def __init__(
        self,
        tables: list[DistanceTable],
        measured: Measured,
        probabilities: np.ndarray | None = None,
    ) -> None:
        self.tables, self.probabilities, self.q = tables, probabilities, measured.q
        low, high = measured.q[0] * (1 - MARGIN), measured.q[-1] * (1 + MARGIN)
        self.fine = np.arange(low, high + 0.01, 0.01)
        self.sums = [  # (group, cluster, q)
            np.array(pair_sums(_resolved(t, measured.resolution), self.fine)) for t in tables
        ]
        self.factors = [
            AtomicFactors(
                t, self.q, wavelength=measured.wavelength, b_iso=0.0, compton=measured.compton
            )
            for t in tables
        ]
        if probabilities is not None:  # splines through the probabilities, as they are linear
            self.along = CubicSpline(probabilities, np.eye(len(probabilities)))
            self.sums = [np.array(self.sums)]

    def patterns(self, parameters: np.ndarray) -> np.ndarray:
        """Intensity per formula unit of each kind, array of shape (n_kinds, n_q)."""
        return np.concatenate(
            [
                self._mixed(kind, population(table.diameters, *parameters[:2])[None], parameters)
                for kind, table in enumerate(self.tables[: len(self.sums)])
            ]
        )

    def each(self, parameters: np.ndarray) -> np.ndarray:
        """The same of every particle of the first kind, array of shape (n_clusters, n_q)."""
        return self._mixed(0, np.eye(len(self.tables[0])), parameters)

    def _mixed(self, kind: int, rows: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        """Intensity per formula unit of mixtures of the particles of a kind."""
        table, factors, sums = self.tables[kind], self.factors[kind], self.sums[kind]
        mixed = rows @ sums
        if self.probabilities is not None:
            mixed = np.tensordot(self.along(parameters[4]), mixed, axes=1)
        pairs = CubicSpline(self.fine, mixed, axis=-1)(self.q * (1.0 + parameters[2]))
        damping = debye_waller_factor(parameters[3], self.q) ** 2
        total = damping * np.sum(np.array(factors.pair_terms)[:, None] * pairs, axis=0)
        total += (rows @ table.self_counts) @ factors.self_terms
        total += (rows @ table.counts) @ factors.incoherent_terms
        return total / (rows @ table.formula_units)[:, None]

    def volume_average(self, parameters: np.ndarray) -> float:
        """Volume-weighted mean diameter, in nm."""
        diameters = self.tables[0].diameters
        volumes = population(diameters, *parameters[:2]) * diameters**3
        return float(volumes @ diameters / volumes.sum())


def _resolved(table: DistanceTable, resolution: float) -> DistanceTable:
    """Pairs whose waves a Gaussian resolution in Q has damped."""
    groups = [
        replace(g, multiplicities=g.multiplicities * np.exp(-((resolution * g.distances) ** 2) / 2))
        for g in table.groups
    ]
    return replace(table, groups=type(table.groups)(groups))


@dataclass(frozen=True)
class Fit:
    """What was found: ``parameters`` (:data:`NAMES`), their errors, amounts and the curves."""

    parameters: np.ndarray
    errors: np.ndarray
    volume_average: float
    volume_error: float
    shares: np.ndarray
    residual: np.ndarray
    curve: np.ndarray
    particles: np.ndarray
    sum_of_squares: float
    r_w: float
    unexplained: float


def amounts_of(measured: Measured, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best amounts of some patterns and of the backgrounds, and the weighted residual."""
    y, others = measured.bare
    columns = np.concatenate([measured.without_smooth(patterns), others]).T
    size = np.linalg.norm(columns, axis=0)
    amounts = nnls(columns / size, y)[0] / size
    return amounts, y - columns @ amounts


def any_histogram(measured: Measured, particles: Particles, found: Fit) -> tuple[float, float]:
    """Squares and volume average with any histogram of diameters, all else as it was found."""
    amounts, residual = amounts_of(measured, particles.each(found.parameters))
    diameters = particles.tables[0].diameters
    volumes = amounts[: len(diameters)]
    return float(residual @ residual), float(volumes @ diameters / volumes.sum())


def fit(
    measured: Measured,
    particles: Particles,
    starts: np.ndarray,
    dispersion: float | None = None,
) -> Fit:
    """Fit by least squares.

    Parameters
    ----------
    measured : Measured
    particles : Particles
    starts : ndarray of shape (n_starts, 5)
        :data:`NAMES`; of each the strain is scanned first.
    dispersion : float, optional
        Held there.

    Returns
    -------
    Fit
        The best of all starts.
    """
    y, _ = measured.bare
    free = 4 if particles.probabilities is None else 5
    lower, upper = np.array(LOWER[:free]), np.array(UPPER[:free])
    if free == 5:
        upper[4] = particles.probabilities[-1]

    if dispersion is not None:
        lower[1], upper[1] = dispersion - 1e-4, dispersion + 1e-4

    def solved(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return amounts_of(measured, particles.patterns(p))

    best = None
    for start in np.atleast_2d(starts)[:, :free]:
        scan = [np.array([*start[:2], e, *start[3:]]) for e in np.linspace(-0.015, 0.015, 13)]
        first = min(scan, key=lambda p: np.sum(solved(p)[1] ** 2))
        first = np.clip(first, lower + 1e-5, upper - 1e-5)
        found = least_squares(
            lambda p: solved(p)[1],
            first,
            bounds=(lower, upper),
            x_scale=SCALE[:free],
            diff_step=1e-4,
            xtol=1e-7,
        )
        if best is None or found.cost < best.cost:
            best = found
    parameters = best.x
    amounts, residual = solved(parameters)
    n_kinds = len(particles.sums)
    linear = measured.splines.shape[1] + np.count_nonzero(amounts)
    squares = float(residual @ residual)
    room = 0.01 * np.array(SCALE[:free])
    inside = (parameters > lower + room) & (parameters < upper - room)
    jacobian = best.jac[:, inside]
    covariance = np.zeros((free, free))
    covariance[np.ix_(inside, inside)] = np.linalg.pinv(jacobian.T @ jacobian)
    covariance *= squares / (len(y) - inside.sum() - linear)
    volume = particles.volume_average(parameters)
    steps = 1e-4 * np.eye(free)
    slope = np.array([(particles.volume_average(parameters + h) - volume) / 1e-4 for h in steps])
    templates = particles.patterns(parameters)
    return Fit(
        parameters=parameters,
        errors=np.where(inside, np.sqrt(np.diag(covariance)), np.nan),
        volume_average=volume,
        volume_error=float(np.sqrt(slope @ covariance @ slope)),
        shares=amounts[:n_kinds] / max(amounts[:n_kinds].sum(), 1e-300),
        residual=residual / measured.root,
        curve=measured.y - residual / measured.root,
        particles=amounts[:n_kinds] @ templates,
        sum_of_squares=squares,
        r_w=float(np.sqrt(squares / np.sum(measured.weights * measured.y**2))),
        unexplained=squares / float(y @ y),
    )


@dataclass(frozen=True)
class Model:
    """Particles that are tried: of some shapes (or crystals), or with faults of one kind."""

    name: str
    kinds: tuple[tuple[str, str], ...]  # crystal, shape
    faults: str | None = None
    perfect: bool = False


_PT = (("Pt", "sphere"), ("Pt", "twinned sphere"))
MODELS = {
    "Pt": (
        Model("perfect spheres", _PT[:1], perfect=True),
        Model("deformation faults", _PT[:1], "deformation"),
        Model("growth faults", _PT[:1], "growth"),
        Model("perfect + one twin plane", _PT),
        Model(
            "perfect + one twin plane + decahedra + icosahedra",
            (*_PT, ("Pt", "decahedron"), ("Pt", "icosahedron")),
        ),
    ),
    "CdSe": (
        Model("perfect zinc blende", (("CdSe zinc blende", "sphere"),), perfect=True),
        Model("perfect wurtzite", (("CdSe wurtzite", "sphere"),), perfect=True),
        Model("deformation faults", (("CdSe zinc blende", "sphere"),), "deformation"),
        Model("zinc blende + wurtzite", (("CdSe zinc blende", "sphere"), ("ideal", "sphere"))),
        Model("growth faults", (("CdSe zinc blende", "sphere"),), "growth"),
    ),
}
FAULTED = "growth faults"  # of which every choice is tried
UPPER_DIAMETER = {"Pt": 12.0, "CdSe": 10.0}  # nm
MULTIPLY_TWINNED_UPPER = 9.0  # nm
SERIES_STEP = 0.12  # nm
STARTS = {  # the strain is scanned
    "Pt": np.array(list(itertools.product((2.0, 3.0), (0.15, 0.35), (0.0,), (0.5,), (0.1,)))),
    "CdSe": np.array(
        list(itertools.product((2.0, 2.7, 3.5), (0.05, 0.12, 0.3), (0.0,), (2.0,), (0.1, 0.6)))
    ),
}
TITLES = {"Pt": "Platinum on carbon", "CdSe": "CdSe dots"}
TRUTH = {
    "Pt": "3.30 nm (SAXS, main peak of the volume histogram)",
    "CdSe": "3.4 ± 0.2 nm (envelope of the pair distribution function)",
}
CHOICES = {  # low and high Q, step of the knots, resolution, dispersion
    "Pt": {
        "as above": (1.2, 16.0, 3.0, 0.0, None),
        "from 2.2 1/Å": (2.2, 16.0, 3.0, 0.0, None),
        "to 7 1/Å": (1.2, 7.0, 3.0, 0.0, None),
        "knots 2 1/Å apart": (1.2, 16.0, 2.0, 0.0, None),
        "knots 5 1/Å apart": (1.2, 16.0, 5.0, 0.0, None),
        "dispersion 0.3": (1.2, 16.0, 3.0, 0.0, 0.3),
        "the instrument's peaks": (1.2, 16.0, 3.0, 0.0014, None),
    },
    "CdSe": {
        "as above": (1.5, 12.0, 3.0, 0.058, None),
        "from 1 1/Å": (1.0, 12.0, 3.0, 0.058, None),
        "to 8 1/Å": (1.5, 8.0, 3.0, 0.058, None),
        "knots 2 1/Å apart": (1.5, 12.0, 2.0, 0.058, None),
        "knots 5 1/Å apart": (1.5, 12.0, 5.0, 0.058, None),
        "dispersion 0.05": (1.5, 12.0, 3.0, 0.058, 0.05),
        "dispersion 0.15": (1.5, 12.0, 3.0, 0.058, 0.15),
        "dispersion 0.35": (1.5, 12.0, 3.0, 0.058, 0.35),
        "resolution 0.045 1/Å": (1.5, 12.0, 3.0, 0.045, None),
        "perfect resolution": (1.5, 12.0, 3.0, 0.0, None),
    },
}
WAVELENGTH = {"Pt": 0.51697, "CdSe": 0.142}  # Angstrom; that of CdSe only counts in f' and f''


def tables_of(model: Model, substance: str) -> tuple[list[DistanceTable], np.ndarray | None]:
    """Pair distances of the particles of a model, and the probabilities that they are of."""
    upper = UPPER_DIAMETER[substance]
    if model.faults is not None:
        probabilities = PROBABILITIES[model.faults]
        return faulted_tables(model.kinds[0][0], upper, model.faults), probabilities
    found = []
    for crystal, shape in model.kinds:
        if shape in ("decahedron", "icosahedron"):
            series = multiply_twinned_series(crystal, MULTIPLY_TWINNED_UPPER, shape, fill="volume")
            found.append(series.table())
            continue
        lattice = ideal_layers("CdSe wurtzite") if crystal == "ideal" else crystal
        particles = homologous_series(lattice, upper, shape, step=SERIES_STEP, fill="volume")
        found.append(distance_table(particles))
    return found, None


def faulted_tables(crystal: str, upper: float, faults: str) -> list[DistanceTable]:
    """Pair distances of faulted spheres, a series for each of :data:`PROBABILITIES`."""
    series = homologous_series(crystal, upper, step=SERIES_STEP, fill="volume", stacking=Stacking())
    return stacked_tables(series, [Stacking(**{faults: p}) for p in PROBABILITIES[faults]])


def binned(pattern: xr.DataArray, low: float, high: float) -> tuple[np.ndarray, ...]:
    """Mean Q and intensity of the points of each step, and how many they are."""
    q, y = pattern["q"].values, pattern.values.astype(np.float64)
    used = (q >= low) & (q < high)
    step = np.floor((q[used] - low) / STEP + 1e-6).astype(int)
    n = np.bincount(step)
    filled = n > 0
    q, y = (np.bincount(step, v[used])[filled] / n[filled] for v in (q, y))
    return q, y, n[filled]


def measured_pattern(
    substance: str, folder: Path, low: float, high: float, knots: float, resolution: float
) -> Measured:
    """A measured pattern, with what it stands on."""
    wavelength = WAVELENGTH[substance]
    if substance == "Pt":
        pattern = sq.read_pattern(folder / "pt_on_carbon_as_made.xy", wavelength=wavelength)
        blanks = {
            "capillary": sq.read_solvent(folder / "glass_capillary.xy", wavelength=wavelength),
            "carbon": load_solvent("carbon-black", wavelength),
        }
    else:
        pattern, blanks = sq.read_pattern(folder / "cdse_dots_q.xy", x="q"), {}
    q, y, n = binned(pattern, low, high)
    return Measured(
        q=q,
        y=y,
        weights=n / y,
        wavelength=wavelength,
        knot_step=knots,
        backgrounds={k: np.interp(q, b["q"], b.values) for k, b in blanks.items()},
        compton=substance == "Pt",
        resolution=resolution,
    )


Tables = tuple[list[DistanceTable], np.ndarray | None]


def tried(
    measured: Measured, tables: Tables, substance: str, dispersion: float | None = None
) -> Fit:
    """Fit a measured pattern with the particles of a model."""
    particles = Particles(tables[0], measured, tables[1])
    return fit(measured, particles, STARTS[substance], dispersion)


def number(value: float, error: float, digits: int) -> str:
    """A value with its error; one that stopped at its bound has none."""
    if np.isnan(error):
        return f"{value:.{digits}f} (bound)"
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def row(model: Model, found: Fit, reference: Fit) -> str:
    """A line of the table of models."""
    (d, s, strain, b), errors = found.parameters[:4], found.errors
    if model.faults is not None:
        disorder = f"p = {number(found.parameters[4], errors[4], 3)}"
    elif len(model.kinds) > 1:
        disorder = "shares " + " : ".join(f"{share:.2f}" for share in found.shares)
    else:
        disorder = ""
    cells = (
        model.name,
        f"{100 * found.r_w:.2f}",
        f"{100 * found.unexplained:.1f}",
        f"{found.sum_of_squares / reference.sum_of_squares:.2f}",
        number(d, errors[0], 2),
        number(found.volume_average, found.volume_error, 2),
        number(s, errors[1], 2),
        number(100 * strain, 100 * errors[2], 2),
        number(b, errors[3], 2),
        disorder,
    )
    return f"| {' | '.join(cells)} |"


def section(
    substance: str,
    fits: list[Fit],
    choices: dict[str, tuple[Fit, Fit]],
    points: int,
    histogram: tuple[float, float],
) -> str:
    """Both tables of a pattern."""
    low, high, knots, resolution, _ = CHOICES[substance]["as above"]
    models = MODELS[substance]
    lines = "\n".join(row(m, f, fits[0]) for m, f in zip(models, fits, strict=True))
    faulted = choices["as above"][1]

    def beside(f: Fit) -> str:
        same = len(f.residual) == len(faulted.residual)  # else the squares are of other points
        return f"{f.sum_of_squares / faulted.sum_of_squares:.3f}" if same else ""

    tried = "\n".join(
        f"| {name} | {p.volume_average:.2f} | {f.volume_average:.2f} | {f.parameters[0]:.2f} | "
        f"{f.parameters[4]:.2f} | {f.sum_of_squares / p.sum_of_squares:.2f} | {beside(f)} |"
        for name, (p, f) in choices.items()
    )
    remains = ""
    if substance == "Pt":  # of the other, small particles are like the background; it has no counts
        share = 100 * (1 - histogram[0] / faulted.sum_of_squares)
        sigmas = np.sqrt(min(f.sum_of_squares for f in fits) / points)
        remains = f"""
Any histogram of diameters instead of the lognormal, all else as it was, takes {share:.0f} % off the
squares of {FAULTED} (volume average {histogram[1]:.2f} nm). The best fit of all misses by
{sigmas:.0f} standard deviations of counting (root of the mean square).
"""
    return f"""### {TITLES[substance]}

Truth, by volume: {TRUTH[substance]}.
{points} points from {low:g} to {high:g} 1/Å, knots {knots:g} 1/Å apart, resolution {resolution:g}
1/Å (standard deviation).

| particles | R_w, % | unexplained, % | squares / perfect | number average, nm | \
volume average, nm | dispersion | strain, % | B, Å² | faults |
|---|---|---|---|---|---|---|---|---|---|
{lines}
{remains}
What the choices change ({models[0].name}; {FAULTED}):

| choice | volume average, perfect | with faults | number average with faults | p | \
squares / perfect | squares / as above |
|---|---|---|---|---|---|---|
{tried}
"""


def draw(path: Path, shown: dict[str, tuple[Measured, list[tuple[str, Fit]]]]) -> None:
    """Patterns, best perfect and best faulted fit, and what both leave."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(
        4,
        1,
        figsize=(7.0, 8.4),
        layout="constrained",
        height_ratios=[2.4, 1.2, 2.4, 1.2],
    )
    for k, (title, (measured, fits)) in enumerate(shown.items()):
        upper, lower = axes[2 * k], axes[2 * k + 1]
        root = np.sqrt(measured.y)
        upper.plot(measured.q, root, ".", color="0.65", ms=4.5, mew=0, label="measured")
        for (name, found), colour in zip(fits, ("#d55e00", "#0072b2"), strict=True):
            label = f"{name} (R$_w$ {100 * found.r_w:.1f} %)"
            upper.plot(measured.q, np.sqrt(found.curve), color=colour, lw=1.1, label=label)
            lower.plot(measured.q, found.residual / root, color=colour, lw=1.1)
        best = fits[-1][1]
        ground = np.sqrt(np.clip(best.curve - best.particles, 0.0, None))
        upper.plot(measured.q, ground, "--", color="0.3", lw=0.9, label="all but the particles")
        upper.set(ylabel="$\\sqrt{I}$", title=title, xticklabels=[])
        upper.legend(frameon=False)
        lower.axhline(0.0, color="0.3", lw=0.7)
        lower.set(ylabel="(I $-$ fit) / $\\sqrt{I}$", xlabel="Q (1/Å)")
        for ax in (upper, lower):
            ax.set_xlim(measured.q[0], measured.q[-1])
    figure.align_ylabels()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/real")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/faults.md")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs/images/validation/faults.png")
    arguments = parser.parse_args()
    if not (arguments.data / "pt_on_carbon_as_made.xy").is_file():
        sys.exit(
            f"{arguments.data} holds no pt_on_carbon_as_made.xy: the measured patterns are no part "
            "of the repository; say with --data where they are"
        )
    start, texts, shown = time.monotonic(), [], {}
    for substance, models in MODELS.items():
        tables = {m.name: tables_of(m, substance) for m in models}
        choices = {
            name: measured_pattern(substance, arguments.data, *choice[:4])
            for name, choice in CHOICES[substance].items()
        }

        measured = choices.pop("as above")
        fits = [tried(measured, tables[m.name], substance) for m in models]
        named = {m.name: f for m, f in zip(models, fits, strict=True)}
        faulted = Particles(tables[FAULTED][0], measured, tables[FAULTED][1])
        histogram = any_histogram(measured, faulted, named[FAULTED])
        pairs = {"as above": (fits[0], named[FAULTED])}
        for name, other in choices.items():
            both = (tables[models[0].name], tables[FAULTED])
            held = CHOICES[substance][name][4]
            pairs[name] = tuple(tried(other, each, substance, held) for each in both)
        texts.append(section(substance, fits, pairs, len(measured.q), histogram))
        print(texts[-1], flush=True)
        best = [
            min(
                ((m.name, f) for m, f in zip(models, fits, strict=True) if m.perfect is perfect),
                key=lambda one: one[1].sum_of_squares,
            )
            for perfect in (True, False)
        ]
        shown[TITLES[substance]] = (measured, best)
    draw(arguments.figure, shown)
    text = (
        "\n".join(texts)
        + f"""
R_w: square root of the weighted sum of squares of the residual by that of the pattern; unexplained:
the same sum by that of the pattern less what the splines alone can do. Errors are formal (of the
linearised fit, scaled by the misfit) and know nothing of what the model leaves out; "bound":
stopped at the edge of what is allowed. Shares are by volume, in the order of the name.
Made by `python tools/fit_faults.py` on {datetime.now(UTC).date().isoformat()}
({time.monotonic() - start:.0f} s, {platform.machine()}; sk_qdots {version("sk_qdots")},
numpy {version("numpy")}, scipy {version("scipy")}).
"""
    )
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

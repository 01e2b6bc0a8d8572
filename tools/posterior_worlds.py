"""Simulated worlds that a posterior is judged in: patterns whose truth is known.

Each world is a function of the number of patterns and a seed. ``ROWS`` has them by the number of
their row in ``docs/tables/posterior.md``:

    from posterior_worlds import ROWS
    world = ROWS[1]["standard cells"](300, seed=1)
    world.X, world.truth["diameter"]

The particles of a series are transformed once, on a grid that any strain can be read from by a
spline; a population is then a weighted sum of them, so that thousands of patterns with diameters,
dispersions and strains of their own take seconds. The liquids are none of those that a posterior
knows: toluene as it was measured, where the file is there, and the held-out computed ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.interpolate import make_interp_spline
from scipy.ndimage import map_coordinates, spline_filter1d

import sk_qdots as sq
from sk_qdots.preprocessing.patterns import area
from sk_qdots.simulation import (
    Crystal,
    DistanceTable,
    Ellipsoid,
    FreeAtoms,
    Shape,
    Sublattice,
    core_shell,
    cut_cluster,
    debye_waller_factor,
    diffuse_surface,
    distance_table,
    form_factor,
    homologous_series,
    lognormal_upper_diameter,
    lognormal_weights,
    q_from_two_theta,
)
from sk_qdots.simulation.debye import AtomicFactors, sine_sums
from sk_qdots.solvents import held_out_solvents

ROOT = Path(__file__).resolve().parent.parent
MEASURED_TOLUENE = ROOT.parent / "shared/data/toluene_measured.xye"
TOLUENE_WAVELENGTH = 0.564162  # Angstrom
WAVELENGTH, CU = 0.56, 1.5406  # Angstrom
CU_RANGE = (20.0, 80.0)  # degrees
DIAMETERS = np.arange(2.0, 10.5, 0.5)
DISPERSIONS = (0.05, 0.10, 0.15, 0.20)
STRAINS = np.linspace(-0.0025, 0.0051, 19)
FRACTIONS, SCALES = (0.15, 0.37, 0.65, 1.0), (3.0, 8.0, 30.0, 200.0)
AREA = 1000.0  # of every pattern before it is counted
STANDARD_SPAN = 14.0084  # 1/Angstrom; counts of short patterns are those of a standard one a point
LAYER = 0.2967  # nm, of rock salt: half the lattice parameter of PbS
SURFACE_B = 3.0  # times that of the inside
SURFACE = 0.3  # nm
FACTOR_ERROR = 0.05
TEXTURE = 3.0  # largest factor of a group of reflections, either way
_STEP = 0.4  # rad, of the longest distance, from one point of the fine grid to the next
_MARGIN = 12  # points of the fine grid beyond what is read from it
_LARGEST_STRAIN = 0.006
_ROWS = 250  # patterns computed at once


@dataclass(frozen=True, eq=False)
class World:
    """Patterns, what they were made of, and what the posterior is told.

    Parameters
    ----------
    X : DataArray (sample, q)
        NaN where nothing was measured.
    truth : mapping of str to ndarray
        ``diameter`` (number average of the equivalent spheres, nm), ``dispersion``, ``strain``,
        ``qd_fraction``, ``scale`` (counts a unit of intensity), ``liquid``; others where said.
    description : str
    crystal : str or Crystal
        What the patterns are sized as.
    settings : mapping of str to object
        Of the posterior, where they are not the defaults.
    is_of_cells : bool
        Whether the dots are those of the cells of the published library, which the posterior knows.
    """

    X: xr.DataArray
    truth: Mapping[str, np.ndarray]
    description: str
    crystal: str | Crystal = "PbS"
    settings: Mapping[str, object] = field(default_factory=dict)
    is_of_cells: bool = False


Make = Callable[[int, int], World]


class Series:
    """Particles of ascending size, transformed on a fine grid.

    Parameters
    ----------
    tables : sequence of DistanceTable
        One of a series, or one for each particle of free atoms.
    diameters : ndarray of shape (n_particles,)
        Of the equivalent spheres, in nm.
    q : ndarray of shape (n_q,)
        In 1/Angstrom.
    wavelength : float
        In Angstrom.
    """

    def __init__(
        self,
        tables: Sequence[DistanceTable],
        diameters: np.ndarray,
        q: np.ndarray,
        wavelength: float,
    ) -> None:
        self.diameters, self.q = np.asarray(diameters), q
        longest = max(g.distances.max(initial=1.0) for t in tables for g in t.groups)
        self._step = _STEP / float(longest)
        self._start = max(q[0] * (1.0 - _LARGEST_STRAIN) - _MARGIN * self._step, self._step)
        stop = q[-1] * (1.0 + _LARGEST_STRAIN) + _MARGIN * self._step
        fine = self._start + self._step * np.arange(int((stop - self._start) / self._step) + 2)
        species = list(dict.fromkeys(s for t in tables for s in t.species))
        self.elements = [s.element for s in species]
        n = sum(len(t) for t in tables)
        self._counts, self._self_counts = np.zeros((2, n, len(species)))
        self._units = np.concatenate([t.formula_units for t in tables])
        sums: dict[tuple[tuple[int, int], ...], np.ndarray] = {}
        first = 0
        for table in tables:
            here = slice(first, first + len(table))
            place = [species.index(s) for s in table.species]
            self._counts[here, place] = table.counts
            self._self_counts[here, place] = table.self_counts
            for group in table.groups:
                key = tuple(
                    sorted(
                        (min(place[i], place[j]), max(place[i], place[j])) for i, j in group.pairs
                    )
                )
                into = sums.setdefault(key, np.zeros((n, len(fine))))
                weights = group.multiplicities / group.distances
                into[here] += sine_sums(group.distances, weights, fine) / fine
            first += len(table)
        self._pairs = list(sums)
        self._sums = [spline_filter1d(found, order=5, axis=1) for found in sums.values()]
        whole = replace(tables[-1], species=tuple(species), groups=())
        factors = AtomicFactors(whole, q, wavelength=wavelength)
        self._amplitudes, self._self_terms = factors.amplitudes, factors.self_terms
        self._incoherent = factors.incoherent_terms
        self._damping = np.array([debye_waller_factor(s.b_iso, q) for s in species])

    def weights(self, diameter: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
        """Number fractions of the particles in lognormal populations, a row each."""
        return np.array(
            [
                lognormal_weights(self.diameters, float(d), float(s))
                for d, s in zip(diameter, dispersion, strict=True)
            ]
        )

    def intensity(
        self,
        weights: np.ndarray,
        strain: np.ndarray,
        errors: Mapping[str, np.ndarray] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Patterns a formula unit, and the part of each that knows nothing of order.

        Parameters
        ----------
        weights : ndarray of shape (n_rows, n_particles)
        strain : ndarray of shape (n_rows,)
        errors : mapping of str to ndarray of shape (n_rows, n_q), optional
            Relative errors of the form factors, by element.
        """
        total, diffuse = np.empty((2, len(weights), len(self.q)))
        for start in range(0, len(weights), _ROWS):
            rows = slice(start, start + _ROWS)
            some = None if errors is None else {e: v[rows] for e, v in errors.items()}
            total[rows], diffuse[rows] = self._block(weights[rows], strain[rows], some)
        return total, diffuse

    def _block(
        self, weights: np.ndarray, strain: np.ndarray, errors: Mapping[str, np.ndarray] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        counts, own = weights @ self._counts, weights @ self._self_counts
        factor = [1.0 if errors is None else 1.0 + errors[e] for e in self.elements]
        total = counts @ self._incoherent
        diffuse = total.copy()
        for k, f in enumerate(factor):
            coherent = np.multiply.outer(own[:, k], self._self_terms[k]) * f**2
            total += coherent
            diffuse += coherent * (1.0 - self._damping[k] ** 2)
        places = (np.multiply.outer(1.0 + strain, self.q) - self._start) / self._step
        damped = self._amplitudes * self._damping
        for pairs, fine in zip(self._pairs, self._sums, strict=True):
            mixed = weights @ fine
            weight = sum(
                (damped[i] * damped[j].conj()).real * (factor[i] * factor[j]) for i, j in pairs
            )
            read = np.array(
                [
                    map_coordinates(row, place[None], order=5, prefilter=False)
                    for row, place in zip(mixed, places, strict=True)
                ]
            )
            total += weight * read
        units = (weights @ self._units)[:, None]
        return total / units, diffuse / units


@lru_cache(maxsize=8)
def lattice_series(
    crystal: str | Crystal = "PbS",
    shape: str | Shape = "sphere",
    largest: float = lognormal_upper_diameter(10.0, 0.20),
    wavelength: float = WAVELENGTH,
) -> Series:
    """Whole crystals of one shape; on the grid of a copper tube where that is the wavelength."""
    table = distance_table(homologous_series(crystal, largest, shape, fill="volume"))
    return Series([table], table.diameters, grid_of(wavelength), wavelength)


@lru_cache(maxsize=4)
def atoms_series(
    particle: Callable[[float], FreeAtoms], largest: float
) -> tuple[Series, np.ndarray, np.ndarray]:
    """Particles of free atoms on the lattice of PbS, of ascending nominal diameter.

    Also the diameters of the spheres of the volume that their anions have, and that which their
    lead has: of the whole, and of the core.
    """
    step = _crystal("PbS").node_diameter
    diameters = step * np.arange(2, int(np.ceil(largest / step)) + 1)
    particles = [particle(float(d)) for d in diameters]
    whole, core = (
        step * np.cbrt([sum(p.species[k].element == e for k in p.kinds) for p in particles])
        for e in ("S", "Pb")
    )
    tables = [distance_table(p) for p in particles]
    return Series(tables, diameters, grid_of(WAVELENGTH), WAVELENGTH), whole, core


def grid_of(wavelength: float) -> np.ndarray:
    """Points of the standard grid at which patterns of a wavelength are measured."""
    q = sq.default_q_grid()
    if wavelength != CU:
        return q
    low, high = q_from_two_theta(np.array(CU_RANGE), CU)
    return q[(q >= low) & (q <= high)]


@lru_cache(maxsize=2)
def liquids(q_of: float = WAVELENGTH) -> dict[str, np.ndarray]:
    """Curves that no posterior is given, on the grid, of area 1000."""
    curves = [sq.load_solvent(name, q_of) for name in held_out_solvents()]
    if MEASURED_TOLUENE.exists():
        measured = sq.read_solvent(MEASURED_TOLUENE, wavelength=TOLUENE_WAVELENGTH)
        curves.insert(0, measured.rename("toluene, measured"))
    q = grid_of(q_of)
    found = {str(c.name): np.interp(q, c["q"].values, c.values) for c in curves}
    return {name: AREA * row / float(area(row[None], q)[0]) for name, row in found.items()}


def generator(name: str, seed: int) -> np.random.Generator:
    """Of one world."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def balanced(rng: np.random.Generator, n: int, size: int) -> np.ndarray:
    """Indices below ``size``, each equally often, in random order."""
    return rng.permutation(np.arange(n) % size)


def cells(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Dots of the published library."""
    return {
        "diameter": DIAMETERS[balanced(rng, n, len(DIAMETERS))],
        "dispersion": np.array(DISPERSIONS)[balanced(rng, n, len(DISPERSIONS))],
        "strain": STRAINS[balanced(rng, n, len(STRAINS))],
    }


def continuous(
    n: int,
    rng: np.random.Generator,
    diameters: tuple[float, float] = (2.0, 10.0),
    dispersions: tuple[float, float] = (0.05, 0.20),
) -> dict[str, np.ndarray]:
    """Dots of any size, dispersion and strain in the ranges."""
    return {
        "diameter": rng.uniform(*diameters, n),
        "dispersion": rng.uniform(*dispersions, n),
        "strain": rng.uniform(STRAINS[0], STRAINS[-1], n),
    }


def measured(
    dots: np.ndarray,
    truth: dict[str, np.ndarray],
    rng: np.random.Generator,
    *,
    fractions: Sequence[float] = FRACTIONS,
    scales: Sequence[float] = SCALES,
    instrument: sq.Instrument | None = None,
) -> xr.DataArray:
    """Dots in liquids by area, through an instrument, counted; ``truth`` learns how."""
    q, n = sq.default_q_grid(), len(dots)
    places = [(c, k) for c in fractions for k in scales]
    c, k = np.array(places)[balanced(rng, n, len(places))].T
    curves = liquids()
    which = balanced(rng, n, len(curves))
    names = np.array([*curves])[which]
    around = np.array([*curves.values()])
    expected = np.empty(dots.shape)
    for start in range(0, n, _ROWS):
        rows = slice(start, start + _ROWS)
        dry = dots[rows] * (AREA / area(dots[rows], q))[:, None]
        expected[rows] = c[rows, None] * dry + (1.0 - c[rows, None]) * around[which[rows]]
    if instrument is not None:
        expected = instrument.apply(_patterns(expected, q)).values
    counts = rng.poisson(expected * k[:, None]) / k[:, None]
    truth |= {"qd_fraction": c, "scale": k, "liquid": np.where(c == 1.0, "dry", names)}
    return _patterns(counts, q)


def _patterns(values: np.ndarray, q: np.ndarray, wavelength: float = WAVELENGTH) -> xr.DataArray:
    axis = ("q", q, {"units": "1/Angstrom"})
    return xr.DataArray(
        values, dims=("sample", "q"), coords={"q": axis}, attrs={"wavelength": wavelength}
    )


# ---- Worlds of the model: dots as the posterior has them.


def in_liquids(
    n: int,
    seed: int,
    *,
    draw: Callable[[int, np.random.Generator], dict[str, np.ndarray]] = cells,
    crystal: str | Crystal = "PbS",
    fractions: Sequence[float] = FRACTIONS,
    scales: Sequence[float] = SCALES,
    every: int = 1,
    resolution: float = 0.0,
    eta: float = 0.0,
    told: bool = True,
    name: str = "standard cells",
) -> World:
    """Spheres in liquids, on the standard grid or every so many points of it."""
    rng = generator(name.split(",")[0], seed)  # the same patterns, told of a resolution or not
    truth = draw(n, rng)
    series = lattice_series(crystal)
    weights = series.weights(truth["diameter"], truth["dispersion"])
    dots, _ = series.intensity(weights, truth["strain"])
    instrument = sq.Instrument((WAVELENGTH,), w=resolution**2, eta=eta) if resolution else None
    X = measured(dots, truth, rng, fractions=fractions, scales=scales, instrument=instrument)
    if every > 1:
        X = X.where(np.arange(X.sizes["q"]) % every == 0)
    settings: dict[str, object] = {}
    if told:  # without a resolution: that there is none
        settings = {"fwhm": 0.0} if instrument is None else {"instrument": instrument}
    return World(X, truth, name, crystal, settings, is_of_cells=draw is cells)


def tube(n: int, seed: int, *, factor: float = 1.0, resolution: float = 0.0, name: str) -> World:
    """Dry dots behind a copper tube, with a background: 220 too high, or with a resolution.

    Half of which is Lorentzian, and which is not told.
    """
    rng = generator(name, seed)
    truth = continuous(n, rng)
    series = lattice_series(wavelength=CU)
    q = series.q
    weights = series.weights(truth["diameter"], truth["dispersion"])
    total, diffuse = series.intensity(weights, truth["strain"])
    lengths, power = reflections("PbS", float(q[-1]) + 1.0)
    factors = np.ones((n, len(lengths)))
    factors[:, np.argmin(np.abs(lengths - q_of_reflection("PbS", (2, 2, 0))))] = factor
    dots = textured(total, diffuse, q, truth, lengths, power, factors)
    dots *= (AREA * (q[-1] - q[0]) / STANDARD_SPAN / area(dots, q))[:, None]
    background = sq.Background(fraction=0.2, random_state=int(rng.integers(2**31)))
    expected = background.fit_transform(_patterns(dots, q, CU)).values
    if resolution:
        seen = sq.Instrument((CU,), w=resolution**2, eta=0.5)
        expected = seen.apply(_patterns(expected, q, CU)).values
    k = np.array(SCALES)[balanced(rng, n, len(SCALES))]
    X = _patterns(rng.poisson(expected * k[:, None]) / k[:, None], q, CU)
    X = X.reindex(q=sq.default_q_grid())  # NaN where the tube's pattern ends
    truth |= {"qd_fraction": np.ones(n), "scale": k, "liquid": np.full(n, "dry")}
    return World(X, truth, name, settings={"wavelength": CU})


def q_of_reflection(crystal: str | Crystal, indices: tuple[int, int, int]) -> float:
    """In 1/Angstrom."""
    cell = _crystal(crystal).conventional
    return float(np.linalg.norm(2.0 * np.pi * np.linalg.inv(cell) @ np.array(indices)))


def reflections(crystal: str | Crystal, largest: float) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the groups of reflections in 1/Angstrom, and the area of the peak of each."""
    crystal = _crystal(crystal)
    reciprocal = 2.0 * np.pi * np.linalg.inv(crystal.lattice).T
    ends = np.ceil(largest * np.linalg.norm(crystal.lattice, axis=1) / (2.0 * np.pi)).astype(int)
    axes = np.meshgrid(*(np.arange(-k, k + 1) for k in ends), indexing="ij")
    vectors = np.stack(axes, axis=-1).reshape(-1, 3) @ reciprocal
    lengths = np.linalg.norm(vectors, axis=1)
    kept = (lengths > 1e-9) & (lengths <= largest)
    vectors, lengths = vectors[kept], lengths[kept]
    amplitude = np.zeros(len(vectors), dtype=complex)
    for site in crystal.sublattices:
        f = site.occupancy * form_factor(site.element, lengths, WAVELENGTH, site.charge)
        f = f * debye_waller_factor(site.b_iso, lengths)
        amplitude += f * np.exp(1j * vectors @ np.asarray(site.offset))
    groups, members = np.unique(np.round(lengths, 4), return_inverse=True)
    power = np.bincount(members.ravel(), weights=np.abs(amplitude) ** 2 / lengths**2)
    seen = power > 1e-6 * power.max()
    return groups[seen], power[seen]


def textured(
    total: np.ndarray,
    diffuse: np.ndarray,
    q: np.ndarray,
    truth: Mapping[str, np.ndarray],
    lengths: np.ndarray,
    power: np.ndarray,
    factors: np.ndarray,
) -> np.ndarray:
    """What has peaks, each of them as many times higher; between them the share of each counts.

    The peaks have squared Lorentzian profiles as wide as those of a sphere of the diameter.
    """
    half = 0.5 * 0.56 / truth["diameter"] / np.sqrt(np.sqrt(2.0) - 1.0)
    result = np.empty_like(total)
    for row, width in enumerate(half):
        place = lengths / (1.0 + truth["strain"][row])
        profile = power / (1.0 + ((q[:, None] - place) / width) ** 2) ** 2
        factor = profile @ factors[row] / profile.sum(axis=1)
        result[row] = diffuse[row] + factor * (total[row] - diffuse[row])
    return result


# ---- Worlds that are not in the model.


def facetted(n: int, seed: int, *, shape: str | Shape, name: str) -> World:
    """Crystals of a shape, counted as spheres of the same volume."""
    rng = generator(name, seed)
    truth = continuous(n, rng)
    series = lattice_series("PbS", shape)
    weights = series.weights(truth["diameter"], truth["dispersion"])
    dots, _ = series.intensity(weights, truth["strain"])
    return World(measured(dots, truth, rng), truth, name)


FREE_DIAMETERS, FREE_DISPERSIONS = (2.5, 6.0), (0.05, 0.15)


def of_atoms(
    n: int,
    seed: int,
    *,
    particle: Callable[[float], FreeAtoms],
    shell: bool = False,
    name: str,
) -> World:
    """Particles atom by atom; of those with a shell the diameter of the core is told too."""
    rng = generator(name, seed)
    truth = continuous(n, rng, FREE_DIAMETERS, FREE_DISPERSIONS)
    largest = lognormal_upper_diameter(FREE_DIAMETERS[1], FREE_DISPERSIONS[1])
    series, whole, core = atoms_series(particle, largest)
    weights = series.weights(truth["diameter"], truth["dispersion"])
    dots, _ = series.intensity(weights, truth["strain"])
    X = measured(dots, truth, rng)
    truth["diameter"] = weights @ whole
    if shell:
        truth["core"] = weights @ core
    return World(X, truth, name)


def soft_surface(diameter: float) -> FreeAtoms:
    """A sphere of PbS whose outer atoms are displaced three times as much."""
    inside = _crystal("PbS").sublattices[0].b_iso
    sphere = cut_cluster("PbS", "sphere", diameter, fill="cells")
    return diffuse_surface(sphere, SURFACE, b_iso=SURFACE_B * inside)


def one_layer(diameter: float) -> FreeAtoms:
    """PbS with one layer of CdS that continues its lattice, as rock salt."""
    pbs = _crystal("PbS")
    cadmium = tuple(replace(s, element="Cd") if s.element == "Pb" else s for s in pbs.sublattices)
    shell = replace(pbs, name="CdS rock salt", sublattices=cadmium)
    return core_shell(pbs, shell, diameter, LAYER)


def thick_shell(diameter: float) -> FreeAtoms:
    """PbS in a nanometre of zinc-blende CdS."""
    return core_shell("PbS", "CdS zinc blende", diameter, 1.0)


def wrong_factors(n: int, seed: int, *, name: str) -> World:
    """Form factors that are smoothly wrong."""
    rng = generator(name, seed)
    truth = continuous(n, rng)
    series = lattice_series()
    errors = {e: FACTOR_ERROR * smooth(rng, n, series.q) for e in dict.fromkeys(series.elements)}
    weights = series.weights(truth["diameter"], truth["dispersion"])
    dots, _ = series.intensity(weights, truth["strain"], errors)
    return World(measured(dots, truth, rng), truth, name)


def smooth(rng: np.random.Generator, n: int, q: np.ndarray, knot: float = 2.0) -> np.ndarray:
    """Splines through normal deviates every ``knot`` 1/Angstrom."""
    knots = np.arange(q[0], q[-1] + knot, knot)
    return make_interp_spline(knots, rng.standard_normal((n, len(knots))), k=3, axis=1)(q)


def random_texture(n: int, seed: int, *, name: str) -> World:
    """Every group of reflections a factor of its own."""
    rng = generator(name, seed)
    truth = continuous(n, rng)
    series = lattice_series()
    weights = series.weights(truth["diameter"], truth["dispersion"])
    total, diffuse = series.intensity(weights, truth["strain"])
    lengths, power = reflections("PbS", float(series.q[-1]) + 1.0)
    factors = np.exp(rng.uniform(-np.log(TEXTURE), np.log(TEXTURE), (n, len(lengths))))
    dots = textured(total, diffuse, series.q, truth, lengths, power, factors)
    return World(measured(dots, truth, rng), truth, name)


def two_phases(n: int, seed: int, *, other: str = "PbSe", share: float = 0.3, name: str) -> World:
    """PbS with another crystal of sizes of its own beside it, by share of the dots' intensity."""
    rng = generator(name, seed)
    truth, beside = continuous(n, rng), continuous(n, rng)
    parts = []
    for crystal, told in (("PbS", truth), (other, beside)):
        series = lattice_series(crystal)
        weights = series.weights(told["diameter"], told["dispersion"])
        dots, _ = series.intensity(weights, told["strain"])
        parts.append(dots / area(dots, series.q)[:, None])
    dots = (1.0 - share) * parts[0] + share * parts[1]
    return World(measured(dots, truth, rng), truth, name)


def wrong_crystal(n: int, seed: int, *, other: str, name: str) -> World:
    """Another crystal, sized as PbS."""
    return replace(in_liquids(n, seed, draw=continuous, crystal=other, name=name), crystal="PbS")


# ---- Crystals.


def _crystal(crystal: str | Crystal) -> Crystal:
    return Crystal.builtin(crystal) if isinstance(crystal, str) else crystal


@lru_cache(maxsize=1)
def zinc_oxide() -> Crystal:
    """Wurtzite ZnO; cell and u as of Kisi and Elcombe, Acta Cryst. C 45, 1867 (1989)."""
    a, c, u = 3.2501, 5.2071, 0.3817
    vectors = ((a, 0.0, 0.0), (-0.5 * a, 0.5 * np.sqrt(3.0) * a, 0.0), (0.0, 0.0, c))
    second = np.array([1.0 / 3.0, 2.0 / 3.0, 0.5]) @ np.array(vectors)
    sites = tuple(
        Sublattice(element, (float(x), float(y), float(z + height * c)), 0.6)
        for x, y, z in (np.zeros(3), second)
        for element, height in (("Zn", 0.0), ("O", u))
    )
    return Crystal("ZnO wurtzite", vectors, sites, space_group="P 63 m c")


OTHER_CRYSTALS: dict[str, Callable[[], str | Crystal]] = {
    "CeO2": lambda: "CeO2",
    "TiO2 anatase": lambda: "TiO2 anatase",
    "ZnO wurtzite": zinc_oxide,
    "InP": lambda: "InP",
    "CsPbBr3 cubic": lambda: "CsPbBr3 cubic",
}


def other_crystal(n: int, seed: int, *, name: str) -> World:
    """Spheres of a crystal that no sizer is shipped for.

    The truth is the mean of the particles that are there: where a cell is large they lie so far
    apart that it is not that of the lognormal.
    """
    crystal = OTHER_CRYSTALS[name]()
    world = in_liquids(n, seed, draw=continuous, crystal=crystal, name=name)
    series = lattice_series(crystal)
    weights = series.weights(world.truth["diameter"], world.truth["dispersion"])
    return replace(world, truth={**world.truth, "diameter": weights @ series.diameters})


# ---- All of them, by row and name.


def _named(make: Callable[..., World], **settings: dict[str, object]) -> dict[str, Make]:
    return {name: partial(make, name=name, **given) for name, given in settings.items()}


ROWS: dict[int, dict[str, Make]] = {
    1: _named(
        in_liquids,
        **{"standard cells": {}, "standard cells, resolution not told": {"told": False}},
    ),
    2: _named(in_liquids, **{"c = 15 %, k = 3": {"fractions": (0.15,), "scales": (3.0,)}}),
    3: _named(in_liquids, **{f"c = {c} %": {"fractions": (0.01 * c,)} for c in (13, 8, 5)}),
    4: _named(in_liquids, **{"500 points": {"every": 10}, "251 points": {"every": 20}}),
    5: _named(
        in_liquids,
        **{
            f"resolution {w:g}°, {'told' if told else 'not told'}": {"resolution": w, "told": told}
            for w in (0.05, 0.1)
            for told in (False, True)
        },
        **{
            f"resolution {w:g}°, half Lorentzian, not told": {
                "resolution": w,
                "eta": 0.5,
                "told": False,
            }
            for w in (0.05, 0.1)
        },
    ),
    6: _named(
        tube,
        **{
            "220 seven times too high, Cu tube": {"factor": 7.0},
            "powder, Cu tube of 0.1°, not told": {"resolution": 0.1},
        },
    ),
    7: _named(
        in_liquids,
        **{
            "continuous": {"draw": continuous},
            "continuous, dry, k = 200": {
                "draw": continuous,
                "fractions": (1.0,),
                "scales": (200.0,),
            },
        },
    ),
    8: {name: partial(other_crystal, name=name) for name in OTHER_CRYSTALS},
    9: {
        **_named(
            facetted,
            **{shape: {"shape": shape} for shape in ("cube", "cuboctahedron", "octahedron")},
        ),
        **_named(
            of_atoms,
            **{
                "surface atoms with three times the B": {"particle": soft_surface},
                "one layer of CdS": {"particle": one_layer, "shell": True},
            },
        ),
        **_named(wrong_factors, **{"form factors 5 % wrong": {}}),
        **_named(random_texture, **{"random texture": {}}),
        **_named(
            in_liquids,
            **{
                "resolution 0.03°, not told": {
                    "draw": continuous,
                    "resolution": 0.03,
                    "told": False,
                }
            },
        ),
    },
    10: {
        **_named(facetted, **{"ellipsoids 1:2": {"shape": Ellipsoid((1.0, 1.0, 2.0))}}),
        **_named(of_atoms, **{"shell of 1 nm CdS": {"particle": thick_shell, "shell": True}}),
        **_named(two_phases, **{"30 % PbSe beside it": {}}),
        **_named(
            wrong_crystal,
            **{f"{o} as PbS": {"other": o} for o in ("PbSe", "InP", "CdSe zinc blende")},
        ),
    },
}

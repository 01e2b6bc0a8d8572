"""How right shipped sizers are in worlds that they were not trained on, both engines or one.

    python tools/check_networks.py
    python tools/check_networks.py --sizers PbS --patterns 300

writes ``docs/tables/networks.md``: the shipped sizers on simulated patterns of other seeds, liquids
and instruments than those of their training, and the published reference patterns where
``../shared/data`` holds them, which are no part of the repository. The worlds of PbS are those of
``tools/posterior_worlds.py`` and the laboratory of
:func:`sk_qdots.model_selection.robustness_conditions`; those of CdSe and Pt are made here, of
particles whose pairs are counted by other ways than in training.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from posterior_worlds import (
    CU,
    DIAMETERS,
    DISPERSIONS,
    ROWS,
    STRAINS,
    WAVELENGTH,
    Series,
    World,
    continuous,
    generator,
    grid_of,
    lattice_series,
    measured,
    reflections,
    textured,
)

import sk_qdots as sq
from sk_qdots.model_selection import robustness_conditions
from sk_qdots.model_selection.conditions import perturbed
from sk_qdots.preprocessing.patterns import area
from sk_qdots.simulation import (
    Stacking,
    distance_table,
    homologous_series,
    lognormal_upper_diameter,
    multiply_twinned_series,
)
from sk_qdots.sizing import Sizing
from sk_qdots.sizing.calibration import Who
from sk_qdots.solvents import load_solvent

ROOT = Path(__file__).resolve().parent.parent
N = 300  # patterns a row
MARCH = 0.35
FACTOR = 8.0  # largest, of a group of reflections
FACETS = ((1, 0, 0), (1, 1, 0), (1, 1, 1))
FAULTS = np.linspace(0.0, 1.0, 21)  # growth, of CdSe
TWINS = np.linspace(0.0, 0.3, 7)  # growth, of Pt
WIDTHS = (0.02, 0.12)  # degrees: of the laboratories of textured samples


@dataclass(frozen=True)
class Row:
    """A world, and what is wanted of a sizer in it.

    Parameters
    ----------
    make : callable
        The world, of a number of patterns and a seed.
    right, near, error, fault : float, optional
        Share of the right class; share within 0.25 nm of the expected diameter; mean error of the
        volume average, relative; mean error of the fault probability.
    instrument : Instrument, optional
        That is told.
    """

    make: Callable[[int, int], World]
    right: float | None = None
    near: float | None = None
    error: float | None = None
    fault: float | None = None
    instrument: sq.Instrument | None = None


def cut(row: Callable[[int, int], World], low: float, high: float) -> Callable[[int, int], World]:
    """A world of which less is measured."""

    def make(n: int, seed: int) -> World:
        world = row(n, seed)
        inside = (world.X.q >= low - 1e-9) & (world.X.q <= high + 1e-9)
        return World(world.X.where(inside), world.truth, world.description)

    return make


def laboratory(level: str) -> Callable[[int, int], World]:
    """Dry dots of the published cells on a flat plate, with a copper tube."""
    (condition,) = [
        c for c in robustness_conditions(["laboratory"], random_state=7) if c.level == level
    ]

    def make(n: int, seed: int) -> World:
        y = np.resize(np.random.default_rng(seed).permutation(np.resize(DIAMETERS, n)), n)
        rows = _standard().isel(sample=np.zeros(n, dtype=int))  # of which the grid counts
        X, truth = perturbed(condition.perturbation, rows, np.rint(1000 * y))
        return World(X, {"diameter": truth / 1000.0}, level)

    return make


@lru_cache(maxsize=1)
def _standard() -> xr.DataArray:
    library = sq.simulate_library("PbS", diameters=[2.0], dispersions=[0.1], strains=[0.0])
    return sq.library_samples(library)[0]


def plate(n: int, seed: int, *, march: float | None = None, name: str) -> World:
    """Dry textured dots on a plate behind a copper tube with a resolution and a background."""
    rng = generator(name, seed)
    truth = continuous(n, rng)
    series = lattice_series(wavelength=CU)
    q = series.q
    weights = series.weights(truth["diameter"], truth["dispersion"])
    total, diffuse = series.intensity(weights, truth["strain"])
    if march is None:
        lengths, power = reflections("PbS", float(q[-1]) + 1.0)
        factors = np.exp(rng.uniform(-1.0, 1.0, (n, len(lengths))) * np.log(FACTOR))
        dots = textured(total, diffuse, q, truth, lengths, power, factors)
    else:
        which = rng.integers(len(FACETS), size=n)
        turned = [_march(total, q, facet, march) for facet in FACETS]
        dots = np.stack(turned)[which, np.arange(n)]
    dots *= (1000.0 * (q[-1] - q[0]) / 14.0 / area(dots, q))[:, None]
    grid = {"dims": ("sample", "q"), "coords": {"q": ("q", q, {"units": "1/Angstrom"})}}
    background = sq.Background(fraction=0.2, random_state=int(rng.integers(2**31)))
    expected = background.fit_transform(xr.DataArray(dots, **grid))
    width = rng.uniform(*WIDTHS, n)
    seen = np.empty(expected.shape)
    for w in np.unique(np.round(width, 2)):
        rows = np.round(width, 2) == w
        seen[rows] = sq.Instrument((CU,), w=w**2).apply(expected[rows]).values
    scale = rng.choice([3.0, 8.0, 30.0, 200.0], n)
    counts = rng.poisson(np.maximum(np.nan_to_num(seen), 0.0) * scale[:, None]) / scale[:, None]
    X = xr.DataArray(np.where(np.isfinite(seen), counts, np.nan), **grid)
    return World(X.assign_attrs(wavelength=CU), truth, name)


def _march(
    total: np.ndarray, q: np.ndarray, facet: tuple[int, int, int], march: float
) -> np.ndarray:
    texture = sq.PreferredOrientation("PbS", facet, march=march, q=q)
    return np.asarray(texture.fit_transform(total))


@lru_cache(maxsize=2)
def faulted(crystal: str, largest: float, probabilities: tuple[float, ...]) -> list[Series]:
    """Spheres with random faults, a series for each probability."""
    found = []
    for p in probabilities:
        stacked = homologous_series(
            crystal, largest, "sphere", fill="volume", stacking=Stacking(growth=p)
        )
        table = distance_table(stacked)
        found.append(Series([table], table.diameters, grid_of(WAVELENGTH), WAVELENGTH))
    return found


def cadmium_selenide(n: int, seed: int, *, name: str) -> World:
    """Dots between zinc blende and wurtzite, in liquids."""
    rng = generator(name, seed)
    truth = continuous(n, rng, (2.0, 7.0), (0.05, 0.20))
    truth["growth_fault"] = FAULTS[rng.integers(len(FAULTS), size=n)]
    series = faulted("CdSe zinc blende", _largest(7.0, 0.20), tuple(FAULTS.tolist()))
    dots = _of_bodies(series, np.searchsorted(FAULTS, truth["growth_fault"]), truth)
    return World(measured(dots, truth, rng), truth, name)


def platinum(n: int, seed: int, *, name: str) -> World:
    """Catalysts: perfect, twinned and decahedral particles together, on carbon, in glass."""
    rng = generator(name, seed)
    truth = continuous(n, rng, (1.5, 5.0), (0.10, 0.35))
    largest = _largest(5.0, 0.35)
    decahedra = multiply_twinned_series("Pt", largest, "decahedron").table()
    series = [
        *faulted("Pt", largest, tuple(TWINS.tolist())),
        Series([decahedra], decahedra.diameters, grid_of(WAVELENGTH), WAVELENGTH),
    ]
    shares = rng.dirichlet(np.ones(3), n)  # of the volume: perfect, twinned, decahedral
    kinds = [np.zeros(n, int), rng.integers(1, len(TWINS), n), np.full(n, len(TWINS))]
    parts = [dict(truth) for _ in kinds]
    dots = sum(
        share[:, None] * _of_bodies(series, kind, part)
        for share, kind, part in zip(shares.T, kinds, parts, strict=True)
    )
    moments = sum(share * part["per_volume"] for share, part in zip(shares.T, parts, strict=True))
    truth |= {"volume_diameter": moments[1], "diameter": moments[2] / moments[0]}
    carbon = load_solvent("carbon-black", WAVELENGTH)
    support = sq.Background(carbon, 0.5, random_state=int(rng.integers(2**31)))
    glass = sq.Background("borosilicate", 0.2, random_state=int(rng.integers(2**31)))
    q = grid_of(WAVELENGTH)
    grid = {"dims": ("sample", "q"), "coords": {"q": ("q", q, {"units": "1/Angstrom"})}}
    dots *= (1000.0 / area(dots, q))[:, None]
    expected = glass.fit_transform(support.fit_transform(xr.DataArray(dots, **grid)))
    seen = sq.Instrument((WAVELENGTH,), w=0.03**2, eta=0.3).apply(expected).values
    scale = rng.choice([10.0, 50.0, 300.0, 1000.0], n)
    counts = rng.poisson(np.maximum(seen, 0.0) * scale[:, None]) / scale[:, None]
    X = xr.DataArray(counts, **grid).assign_attrs(wavelength=WAVELENGTH)
    return World(X, truth, name)


def _largest(mean: float, dispersion: float) -> float:
    return float(lognormal_upper_diameter(mean, dispersion))


def _of_bodies(series: list[Series], which: np.ndarray, truth: dict[str, np.ndarray]) -> np.ndarray:
    """Patterns a formula unit, each of the series that is said; ``truth`` learns the averages."""
    dots = np.empty((len(which), len(series[0].q)))
    found = np.empty((3, len(which)))
    for k in np.unique(which):
        rows = which == k
        weights = series[k].weights(truth["diameter"][rows], truth["dispersion"][rows])
        dots[rows], _ = series[k].intensity(weights, truth["strain"][rows])
        d = series[k].diameters
        cube = weights @ d**3
        found[:, rows] = 1.0 / cube, (weights @ d**4) / cube, (weights @ d) / cube
    truth |= {"volume_diameter": found[1], "diameter": found[2] / found[0], "per_volume": found}
    return dots


def half_lorentzian(fwhm: float) -> sq.Instrument:
    """An instrument of one width, whose lines are half Lorentzian."""
    return sq.Instrument((WAVELENGTH,), w=fwhm**2, eta=0.5)


def broadened(n: int, seed: int, *, fwhm: float, name: str) -> World:
    """The published cells in unseen liquids through an instrument with a resolution."""
    rng = generator(name, seed)
    truth = {
        "diameter": DIAMETERS[rng.integers(len(DIAMETERS), size=n)],
        "dispersion": np.array(DISPERSIONS)[rng.integers(len(DISPERSIONS), size=n)],
        "strain": STRAINS[rng.integers(len(STRAINS), size=n)],
    }
    series = lattice_series()
    weights = series.weights(truth["diameter"], truth["dispersion"])
    dots, _ = series.intensity(weights, truth["strain"])
    return World(measured(dots, truth, rng, instrument=half_lorentzian(fwhm)), truth, name)


STANDARD = ROWS[1]["standard cells"]
TABLE: dict[str, dict[str, Row]] = {
    "PbS": {
        "standard cells": Row(STANDARD, right=0.983),
        "Qmax 4.4": Row(cut(STANDARD, 0.0, 4.4), right=0.986),
        "Qmin 1.7": Row(cut(STANDARD, 1.7, 99.0), right=0.986),
        **{
            f"c = {c} %": Row(ROWS[3][f"c = {c} %"], right=share)
            for c, share in ((13, 0.943), (8, 0.876), (5, 0.789))
        },
        **{
            f"resolution {w:g}°, {told}": Row(
                partial(broadened, fwhm=w, name=f"resolution {w:g}"),
                right=share,
                instrument=half_lorentzian(w) if told == "told" else None,
            )
            for w, shares in ((0.05, (0.93, 0.97)), (0.1, (0.90, 0.96)))
            for told, share in zip(("not told", "told"), shares, strict=True)
        },
        "laboratory, resolution 0.1°": Row(laboratory("resolution"), right=0.93),
        "laboratory, everything": Row(laboratory("all"), right=0.85),
        f"March {MARCH}, dry, Cu tube": Row(partial(plate, march=MARCH, name="March"), near=0.85),
        f"factors to {FACTOR:g}, dry, Cu tube": Row(partial(plate, name="factors"), near=0.85),
    },
    "CdSe": {
        "growth faults 0 to 1": Row(
            partial(cadmium_selenide, name="growth faults"), error=0.06, fault=0.05
        )
    },
    "Pt": {"perfect, twinned and decahedral": Row(partial(platinum, name="catalysts"), error=0.08)},
}


def score(sizer: sq.Sizer, row: Row, n: int, seed: int, engine: Who, jobs: int) -> dict[str, float]:
    """What a sizer answers in a world; what it refuses is answered wrongly."""
    world = row.make(n, seed)
    answers = sizer.size_many(world.X, row.instrument, engine=engine, n_jobs=jobs)
    is_sized = np.array([isinstance(answer, Sizing) for answer in answers])
    sized = [answer for answer in answers if isinstance(answer, Sizing)]
    truth = {name: np.asarray(values) for name, values in world.truth.items()}
    size = truth["diameter"]
    likeliest, expected = np.full(n, np.inf), np.full(n, np.inf)
    likeliest[is_sized] = [answer.diameter for answer in sized]
    expected[is_sized] = [answer.number_diameter for answer in sized]
    scores = {
        "n": float(n),
        "answered": float(is_sized.mean()),
        "ok": float(np.mean([answer.verdict == "ok" for answer in sized])),
        "right": float(np.mean(np.abs(likeliest - size) < 0.2501)),
        "within a class": float(np.mean(np.abs(likeliest - size) < 0.7501)),
        "within 0.25 nm": float(np.mean(np.abs(expected - size) < 0.25)),
        "within 0.5 nm": float(np.mean(np.abs(expected - size) < 0.5)),
    }
    ends = {"number_diameter": "interval", "volume_diameter": "volume_interval"}
    for name in (*ends, "growth_fault"):
        known = truth.get("diameter" if name == "number_diameter" else name)
        found = [getattr(answer, name) for answer in sized]
        if known is None or not sized or None in found:
            continue
        true = known[is_sized]
        error = np.abs(np.array(found) - true)
        scores[f"{name}: error"] = float(error.mean())
        if name in ends:
            scores[f"{name}: relative"] = float(np.mean(error / true))
            low, high = np.array([getattr(answer, ends[name]) for answer in sized]).T
            scores[f"{name}: covered"] = float(np.mean((low <= true) & (true <= high)))
            scores[f"{name}: width"] = float(np.mean(high - low))
    return scores


def shortfall(row: Row, scores: Mapping[str, float]) -> str:
    """What is wanted and is not there."""
    missed = []
    for wanted, name, more in (
        (row.right, "right", True),
        (row.near, "within 0.25 nm", True),
        (row.error, "volume_diameter: relative", False),
        (row.fault, "growth_fault: error", False),
    ):
        if wanted is not None and (scores[name] < wanted if more else scores[name] > wanted):
            missed.append(f"{name}: wanted {wanted:g}")
    return "; ".join(missed)


def rows_of_table(
    names: list[str], n: int, seed: int, folder: Path | None, engine: Who, jobs: int
) -> Iterator[tuple[str, str, dict[str, float], str]]:
    """Every row, as it is made."""
    for sizer_name in names:
        sizer = sq.load_sizer(folder / sizer_name if folder else sizer_name)
        for name, row in TABLE[sizer_name].items():
            start = time.perf_counter()
            scores = score(sizer, row, n, seed, engine, jobs)
            missed = shortfall(row, scores)
            told = ", ".join(f"{k} {v:.3f}" for k, v in scores.items() if k != "n")
            print(
                f"{sizer_name}, {name}: {told}; {missed} ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
            yield sizer_name, name, scores, missed


def table(rows: list[tuple[str, str, dict[str, float], str]]) -> str:
    """In Markdown, one table a sizer."""
    parts = []
    for sizer_name in dict.fromkeys(row[0] for row in rows):
        here = [row for row in rows if row[0] == sizer_name]
        columns = list(dict.fromkeys(k for _, _, scores, _ in here for k in scores))
        parts.append(f"### {sizer_name}\n")
        parts.append("| patterns | " + " | ".join(columns) + " | falls short |")
        parts.append("|---" * (len(columns) + 2) + "|")
        for _, name, scores, missed in here:
            cells = [
                "" if c not in scores else f"{scores[c]:.0f}" if c == "n" else f"{scores[c]:.3f}"
                for c in columns
            ]
            parts.append(f"| {name} | " + " | ".join(cells) + f" | {missed} |")
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizers", nargs="+", choices=list(TABLE), default=list(TABLE))
    parser.add_argument("--folder", type=Path, help="that holds them (default: the package)")
    parser.add_argument("--patterns", type=int, default=N, help="a row")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="both", choices=("both", "network", "posterior"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/networks.md")
    arguments = parser.parse_args()
    n, seed, engine = arguments.patterns, arguments.seed, arguments.engine
    rows = rows_of_table(arguments.sizers, n, seed, arguments.folder, engine, arguments.jobs)
    made = table(list(rows))
    versions = ", ".join(f"{p} {version(p)}" for p in ("sk_qdots", "numpy"))
    asked = f"--sizers {' '.join(arguments.sizers)} --patterns {n} --seed {seed} --engine {engine}"
    head = (
        f"Made by `python tools/check_networks.py {asked}` on "
        f"{datetime.now(UTC).date().isoformat()} ({versions}, {platform.machine()}).\n\n"
    )
    arguments.out.write_text(head + made, encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

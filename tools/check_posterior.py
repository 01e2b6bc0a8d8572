"""How right a size without training is, and how honest its interval.

    python tools/check_posterior.py
    python tools/check_posterior.py --rows 1 2 9 --patterns 300 --jobs 2

writes ``docs/tables/posterior.md``: :class:`sk_qdots.posterior.DebyePosterior` in the worlds of
``tools/posterior_worlds.py``, and on measured patterns where ``../shared/data`` holds them, which
are no part of the repository. The seeds of all patterns are their own, and so are the liquids:
toluene as it was measured and the held-out computed ones, which no posterior is given. With
``--figures FOLDER`` the fits of the measured patterns are drawn, and of each world the one that
is farthest from the truth.
"""

from __future__ import annotations

import argparse
import platform
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from posterior_worlds import AREA, DIAMETERS, ROOT, ROWS, World
from tqdm import tqdm

import sk_qdots as sq
from sk_qdots.posterior import DebyeFit, DebyePosterior, PatternPosterior

COVERAGE = 0.90
HONEST = (0.87, 0.94)  # share of the 90 % intervals that should hold the truth
PATTERNS = {8: 500, 9: 200, 10: 50}  # of a world at most, by row; 3000 where nothing is said
MEASURED_ROW = 11
_CHUNK = 50  # patterns that a worker sizes at once
_BY_CLASS = (1, 2, 3, 4, 5)  # rows whose dots are of the published classes
WITHIN_THE_MODEL = (*range(1, 9),)
_REASONS = 3  # that are told of a world, the commonest
_EACH_SIDE = 20.0  # standard deviations that a figure of the residual shows at most


@dataclass(frozen=True)
class Wanted:
    """What a row should reach: at least, but for the error and but where it says otherwise."""

    right: float | None = None
    within: float | None = None
    error: float | None = None  # nm, at most
    covered: tuple[float, float] | None = HONEST


WANTED: dict[str, Wanted] = {
    "standard cells": Wanted(right=0.996),
    "c = 15 %, k = 3": Wanted(right=0.94),
    "c = 13 %": Wanted(right=0.965),
    "c = 8 %": Wanted(right=0.925),
    "c = 5 %": Wanted(right=0.84),
    "500 points": Wanted(right=0.955),
    "251 points": Wanted(right=0.92),
    **{
        f"resolution {w:g}°, {told}": Wanted(right=share)
        for w in (0.05, 0.1)
        for told, share in (("not told", 0.96), ("told", 0.99))
    },
    "220 seven times too high, Cu tube": Wanted(within=0.9),
    "continuous": Wanted(error=0.030),
    "continuous, dry, k = 200": Wanted(error=0.006),
    **{name: Wanted(error=0.06) for name in ROWS[8]},
    **{name: Wanted(covered=(0.85, 1.0)) for name in ROWS[9]},
}


@dataclass(frozen=True)
class Answer:
    """Of one pattern, what a table needs."""

    diameter: float
    low: float
    high: float
    likeliest: float  # class, nm
    chi2: float
    r_wp: float
    widened: float
    reasons: tuple[str, ...]
    alternatives: Mapping[str, float]


def answer(posterior: PatternPosterior) -> Answer:
    """Of one posterior."""
    fit = posterior.fit
    shares = posterior.class_probabilities(np.rint(1000.0 * DIAMETERS).astype(np.int64))
    return Answer(
        posterior.mean("diameter"),
        *posterior.interval("diameter", COVERAGE),
        float(DIAMETERS[shares.argmax()]),
        *((np.nan,) * 3 if fit is None else (fit.chi2, fit.r_wp, fit.widened)),
        tuple(posterior.reasons),
        dict(posterior.alternatives),
    )


class Engines:
    """Posteriors that are ready, by crystal and settings."""

    def __init__(self) -> None:
        self._ready: dict[object, DebyePosterior] = {}

    def of(self, world: World) -> DebyePosterior:
        """The posterior of a world."""
        settings = (_hashable(v) for v in sorted(world.settings.items()))
        key = (world.crystal, world.is_of_cells, *settings)
        if key not in self._ready:
            made = sq.simulate_library(world.crystal) if world.is_of_cells else world.crystal
            self._ready[key] = DebyePosterior(**world.settings).fit(made)
        return self._ready[key]


def _hashable(value: object) -> object:
    """What stands for a setting in a key."""
    if isinstance(value, tuple | list):
        return tuple(map(_hashable, value))
    if isinstance(value, xr.DataArray):
        value = np.concatenate([value["q"].values, value.values])
    return value.tobytes() if isinstance(value, np.ndarray) else value


def answers(engine: DebyePosterior, X: xr.DataArray, jobs: int, what: str) -> list[Answer]:
    """Of all patterns, in order."""
    chunks = [X[start : start + _CHUNK] for start in range(0, len(X), _CHUNK)]
    found: list[Answer] = []
    with tqdm(total=len(X), desc=what, unit="pattern") as bar:
        for some in Parallel(n_jobs=jobs, return_as="generator")(
            delayed(_sized)(engine, chunk) for chunk in chunks
        ):
            found += some
            bar.update(len(some))
    return found


def _sized(engine: DebyePosterior, X: xr.DataArray) -> list[Answer]:
    return [answer(posterior) for posterior in engine.posterior(X)]


@dataclass(frozen=True)
class Score:
    """Of a world."""

    row: int
    name: str
    n: int
    right: float | None
    by_probability: float | None
    within: float
    error: float
    bias: float
    covered: float
    width: float
    chi2: float
    r_wp: float
    widened: float
    cautioned: float
    seconds: float  # a pattern
    notes: tuple[str, ...] = ()

    def cells(self) -> list[str]:
        """Of its line in the table."""
        shares = ("" if v is None else f"{v:.3f}" for v in (self.right, self.by_probability))
        return [
            str(self.row),
            self.name,
            str(self.n),
            *shares,
            f"{self.within:.3f}",
            f"{self.error:.3f}",
            f"{self.bias:+.3f}",
            f"{self.covered:.3f}",
            f"{self.width:.3f}",
            f"{self.chi2:.2f}",
            f"{self.r_wp:.4f}",
            f"{self.widened:.2f}",
            f"{self.cautioned:.2f}",
            f"{1000.0 * self.seconds:.0f}",
        ]


HEADER = (
    *("row", "patterns are", "number", "right class", "likeliest class right", "within 0.5 nm"),
    *("error, nm", "mean deviation, nm", "covered", "width of the interval, nm", "chi2", "R_wp"),
    *("widened", "cautioned", "ms a pattern"),
)


def score(row: int, world: World, found: list[Answer], seconds: float) -> Score:
    """Of the answers in a world."""
    truth = np.asarray(world.truth["diameter"], dtype=np.float64)
    mean, low, high, likeliest, chi2, r_wp, widened = np.array(
        [(a.diameter, a.low, a.high, a.likeliest, a.chi2, a.r_wp, a.widened) for a in found]
    ).T
    right = by_probability = None
    if row in _BY_CLASS:
        nearest = DIAMETERS[np.abs(mean[:, None] - DIAMETERS).argmin(axis=1)]
        right = float(np.mean(np.abs(nearest - truth) < 1e-6))
        by_probability = float(np.mean(np.abs(likeliest - truth) < 1e-6))
    off = mean - truth
    notes = []
    if "core" in world.truth:
        core = np.asarray(world.truth["core"], dtype=np.float64)
        notes.append(
            "the truth is the diameter of core and shell; of the core alone, error "
            f"{np.mean(np.abs(mean - core)):.3f} nm, covered "
            f"{np.mean((low <= core) & (core <= high)):.3f}"
        )
    if row not in WITHIN_THE_MODEL:
        ends = [f"{np.quantile(v, e):.2f}" for v in (mean, truth) for e in (0.1, 0.9)]
        notes.append("answers of {} to {} nm (80 % of them) where {} to {} is true".format(*ends))
        notes += [*_said(found)]
    return Score(
        row,
        world.description,
        len(truth),
        right,
        by_probability,
        float(np.mean(np.abs(off) <= 0.5)),
        float(np.mean(np.abs(off))),
        float(np.mean(off)),
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.mean(high - low)),
        *(
            float(np.nanmedian(v)) if np.isfinite(v).any() else np.nan
            for v in (chi2, r_wp, widened)
        ),
        float(np.mean([bool(a.reasons) for a in found])),
        seconds,
        tuple(f"{world.description}: {note}" for note in notes),
    )


def _median(values: np.ndarray) -> float:
    """Of those that are known."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _said(found: list[Answer]) -> Iterator[str]:
    """What posteriors said of models and reasons for caution, on average."""
    names = dict.fromkeys(name for one in found for name in one.alternatives)
    if len(names) > 1:
        shares = {n: np.mean([one.alternatives.get(n, 0.0) for one in found]) for n in names}
        yield "mean probabilities: " + ", ".join(f"{n} {p:.2f}" for n, p in shares.items())
    # Numbers differ from one pattern to the next.
    reasons = Counter(re.sub(r"[\d.]+", "…", r) for one in found for r in set(one.reasons))
    for reason, n in reasons.most_common(_REASONS):
        yield f"{n / len(found):.2f} of them say “{reason}”"


def judged(scores: list[Score]) -> Iterator[tuple[bool, str]]:
    """Whether each thing that is wanted holds, and how far."""
    for one in scores:
        wanted = WANTED.get(one.name)
        if wanted is None:
            continue
        if wanted.right is not None and one.by_probability is not None:
            holds = one.by_probability >= wanted.right
            yield (
                holds,
                f"{one.name}: likeliest class right {one.by_probability:.3f}, wanted "
                f"{wanted.right:g}",
            )
        if wanted.within is not None:
            holds = one.within >= wanted.within
            yield holds, f"{one.name}: within 0.5 nm {one.within:.3f}, wanted {wanted.within:g}"
        if wanted.error is not None:
            holds = one.error <= wanted.error
            yield holds, f"{one.name}: error {one.error:.4f} nm, wanted {wanted.error:g} or less"
        if wanted.covered is not None:
            low, high = wanted.covered
            holds = low <= one.covered <= high
            range_ = f"{low:g} or more" if high == 1.0 else f"{low:g} to {high:g}"
            yield holds, f"{one.name}: covered {one.covered:.3f}, wanted {range_}"


# ---- Measured patterns, and those of another program.


@dataclass(frozen=True, eq=False)
class Measured:
    """A pattern whose size others found."""

    name: str
    pattern: xr.DataArray
    truth: str
    diameter: float | None  # nm
    average: str = "diameter"  # or volume_diameter
    crystal: str = "PbS"
    settings: Mapping[str, object] = field(default_factory=dict)


PT_RANGES: dict[str, object] = {
    "diameters": (1.0, 6.0),
    "dispersions": (0.05, 0.5),
    "strains": (-0.012, 0.012),
}
PT_WAVELENGTH = 0.51697  # Angstrom
BACK_TRANSFORMED = 0.142  # Angstrom; of an I(Q) from a PDF it only counts in f' and f''
CDSE_RANGES: dict[str, object] = {
    "diameters": (1.5, 6.0),
    "dispersions": (0.05, 0.3),
    "strains": (-0.015, 0.015),
    "stacking": (0.0, 1.0),
}
_NAME = re.compile(r"PbS_Str([\d.]+)_SD(\d+)_Avg([\d.]+)_.*")


def measured_patterns(data: Path) -> Iterator[Measured]:
    """What there is in a folder."""
    q = sq.default_q_grid()
    for path in sorted((data / "debussy_patterns").glob("*.cal")):
        told = _NAME.fullmatch(path.stem)
        if told is None:
            continue
        lattice, dispersion, diameter = told.groups()
        values = np.loadtxt(path).reshape(-1, len(q))[0]
        yield Measured(
            path.stem.removeprefix("PbS_"),
            xr.DataArray(values, dims="q", coords={"q": q}, attrs={"wavelength": 0.56}),
            f"{float(diameter):g}, dispersion 0.{int(dispersion):02d}, "
            f"strain {float(lattice) - 1.0:+.4f}",
            float(diameter),
        )
    real = data / "real"
    if (path := real / "pt_on_carbon_as_made.xy").exists():
        blank = sq.read_solvent(real / "glass_capillary.xy", wavelength=PT_WAVELENGTH)
        carbon = sq.load_solvent("carbon-black", PT_WAVELENGTH)
        yield Measured(
            path.stem,
            sq.read_pattern(path, wavelength=PT_WAVELENGTH),
            "3.30 by volume (SAXS, main peak)",
            3.30,
            "volume_diameter",
            "Pt",
            {**PT_RANGES, "solvents": (blank, carbon), "wavelength": PT_WAVELENGTH},
        )
    for stem, truth, diameter, crystal, ranges in (
        ("pt_in_glycol_q", "3.3 by volume (PDF)", 3.3, "Pt", PT_RANGES),
        ("cdse_dots_q", "3.4 ± 0.2 by volume (PDF)", 3.4, "CdSe zinc blende", CDSE_RANGES),
        ("cdse_foreign_q", "a cluster far below 1.5", None, "CdSe zinc blende", CDSE_RANGES),
    ):
        if (path := real / f"{stem}.xy").exists():
            yield Measured(
                stem,
                sq.read_pattern(path, x="q").assign_attrs(wavelength=BACK_TRANSFORMED),
                truth,
                diameter,
                "volume_diameter",
                crystal,
                {**ranges, "wavelength": BACK_TRANSFORMED},
            )


MEASURED_HEADER = (
    *("pattern", "truth, nm", "diameter, nm", "90 % interval", "by volume, nm", "90 % interval"),
    *("holds the truth", "dispersion", "R_wp", "chi2", "widened", "says"),
)


def measured_cells(one: Measured, posterior: PatternPosterior) -> list[str]:
    """Line of a table."""

    def told(name: str) -> list[str]:
        if name not in posterior.draws:
            return ["", ""]
        low, high = posterior.interval(name, COVERAGE)
        return [f"{posterior.mean(name):.3f}", f"{low:.3f} to {high:.3f}"]

    holds = ""
    if one.diameter is not None:
        low, high = posterior.interval(one.average, COVERAGE)
        holds = "yes" if low <= one.diameter <= high else "no"
    fit = posterior.fit
    said = [*posterior.reasons]
    said += [f"{name} {share:.2f}" for name, share in posterior.alternatives.items()]
    return [
        one.name,
        one.truth,
        *told("diameter"),
        *told("volume_diameter"),
        holds,
        f"{posterior.mean('dispersion'):.3f}",
        *(
            ["", "", ""]
            if fit is None
            else [f"{fit.r_wp:.4f}", f"{fit.chi2:.2f}", f"{fit.widened:.2f}"]
        ),
        "; ".join(said),
    ]


def draw(fit: DebyeFit, title: str, path: Path) -> None:
    """A fit and its residual."""
    curves = fit.curves
    q, measured = curves["q"].values, curves["measured"].values
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(10.0, 6.0), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    above.plot(q, measured, ".", ms=2, color="0.6", label="measured")
    above.plot(q, curves["calculated"].values, lw=1, color="C3", label="calculated")
    above.plot(q, curves["background"].values, lw=1, color="C0", label="background")
    above.set(title=title, ylabel="intensity")
    above.legend()
    residual = (measured - curves["calculated"].values) / curves["esd"].values
    below.plot(q, residual, lw=0.5, color="0.3")
    below.axhline(0.0, lw=0.5, color="C3")
    highest = np.clip(np.nanquantile(np.abs(residual), 0.999), 4.0, _EACH_SIDE)
    below.set(xlabel="Q, 1/Å", ylabel="difference / esd", ylim=(-1.1 * highest, 1.1 * highest))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _file(*parts: object) -> str:
    return re.sub(r"[^\w.=-]+", "_", "_".join(map(str, parts))) + ".png"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(header: tuple[str, ...], lines: list[list[str]]) -> list[str]:
    return [_line(header), "|" + "---|" * len(header), *map(_line, lines)]


def check_worlds(arguments: argparse.Namespace, engines: Engines) -> list[Score]:
    """Scores of the rows that were asked for, printed as they come."""
    scores: list[Score] = []
    for row in sorted(set(arguments.rows) & set(ROWS)):
        n = min(arguments.patterns, PATTERNS.get(row, arguments.patterns))
        for make in ROWS[row].values():
            world: World = make(n, arguments.seed)
            engine = engines.of(world)
            start = time.monotonic()
            found = answers(engine, world.X, arguments.jobs, f"{row} {world.description}")
            scores.append(score(row, world, found, (time.monotonic() - start) / n))
            print(_line(scores[-1].cells()), flush=True)
            if arguments.figures:
                off = np.abs([a.diameter for a in found] - world.truth["diameter"])
                worst = int(np.argmax(off))
                posterior = engine.posterior(world.X[[worst]])[0]
                if posterior.fit is not None:
                    title = (
                        f"{world.description}: {found[worst].diameter:.3f} nm where "
                        f"{world.truth['diameter'][worst]:.3f} is true, "
                        f"chi2 {posterior.fit.chi2:.2f}"
                    )
                    draw(posterior.fit, title, arguments.figures / _file(row, world.description))
    return scores


def check_measured(arguments: argparse.Namespace, engines: Engines) -> list[list[str]]:
    """Lines of the table of measured patterns, printed as they come."""
    lines = []
    for one in measured_patterns(arguments.data):
        engine = engines.of(World(one.pattern, {}, one.name, one.crystal, one.settings))
        posterior = engine.posterior_of(one.pattern)
        lines.append(measured_cells(one, posterior))
        print(_line(lines[-1]), flush=True)
        if arguments.figures and posterior.fit is not None:
            title = f"{one.name}: {lines[-1][2]} nm ({lines[-1][3]}), truth {one.truth}"
            draw(posterior.fit, title, arguments.figures / _file(MEASURED_ROW, one.name))
    return lines


def page(
    scores: list[Score], lines: list[list[str]], arguments: argparse.Namespace, seconds: float
) -> str:
    """All that is found, in Markdown."""
    text = []
    if scores:
        text += _table(HEADER, [one.cells() for one in scores])
        text += ["", *(f"- {note}" for one in scores for note in one.notes)]
    if lines:
        text += [
            "",
            "<!-- measured -->",
            "",
            *_table(MEASURED_HEADER, lines),
            "",
            "<!-- judged -->",
        ]
    told = [*judged(scores)]
    missed = [line for holds, line in told if not holds]
    if told:
        text += ["", f"{len(told) - len(missed)} of {len(told)} of what is wanted holds."]
        text += ["", *(f"- falls short: {line}" for line in missed)] if missed else []
    rows = " ".join(map(str, arguments.rows))
    packages = ("sk_qdots", "numpy", "scipy", "finufft")
    text += [
        "",
        f"c is the share of the dots in the intensity, k the counts a unit of intensity at area "
        f"{AREA:g}. The right class is the one of the 17 that is nearest to the mean of the "
        "posterior. chi2, R_wp and widened are medians. Made by `python tools/check_posterior.py "
        f"--rows {rows} --patterns {arguments.patterns} --seed {arguments.seed}` on "
        f"{datetime.now(UTC).date().isoformat()} ({seconds:.0f} s, {platform.machine()}, "
        f"{arguments.jobs} at a time; {', '.join(f'{p} {version(p)}' for p in packages)}).",
    ]
    return "\n".join(text).strip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [*ROWS, MEASURED_ROW]
    parser.add_argument("--rows", type=int, nargs="+", choices=known, default=known)
    parser.add_argument("--patterns", type=int, default=3000, help="of a world")
    parser.add_argument("--seed", type=int, default=24_000)
    parser.add_argument("--jobs", type=int, default=1, help="patterns that are sized at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/posterior.md")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--figures", type=Path, help="folder for pictures of fits")
    arguments = parser.parse_args()
    start = time.monotonic()
    engines = Engines()
    scores = check_worlds(arguments, engines)
    lines = check_measured(arguments, engines) if MEASURED_ROW in arguments.rows else []
    for holds, told in judged(scores):
        print(f"{'holds      ' if holds else 'FALLS SHORT'} {told}")
    text = page(scores, lines, arguments, time.monotonic() - start)
    arguments.out.write_text(text, encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

"""Whether two engines together are as good as the better one, in worlds that neither was shown.

    python tools/check_combination.py --patterns 100

writes ``docs/tables/combination.md``: for every world of the posterior's table and of the networks'
the mean error of the number average of the network, of the posterior and of both, how often each
interval of 90 % covers and how wide it is, and how often the engines differ and the verdict is a
caution. Liquids, seeds and instruments are none of the training or the calibration.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from check_networks import TABLE
from posterior_worlds import ROWS, World, continuous, in_liquids

import sk_qdots as sq
from sk_qdots.sizing import Sizing

ROOT = Path(__file__).resolve().parent.parent
ROOM = 1.05  # times the error of the better engine
LITTLE = 0.01  # nm: errors that differ by less are the same
TOLD = "resolution 0.1°, told"
Make = Callable[[int, int], World]


def drawn(
    sizes: tuple[float, float], dispersions: tuple[float, float]
) -> Callable[[int, np.random.Generator], dict[str, np.ndarray]]:
    """Populations between other ends."""
    return lambda n, rng: continuous(n, rng, sizes, dispersions)


WORLDS: dict[str, Make] = {
    **{name: make for row in (1, 2, 3, 4, 5, 6, 7, 9) for name, make in ROWS[row].items()},
    **{
        name: ROWS[10][name]
        for name in ("ellipsoids 1:2", "shell of 1 nm CdS", "30 % PbSe beside it")
    },
    **{
        name: row.make
        for name, row in TABLE["PbS"].items()
        if name not in ROWS[1] and name not in ROWS[3] and not name.startswith("resolution")
    },
    "dispersion 0.25 to 0.4": partial(
        in_liquids, draw=drawn((3.0, 7.0), (0.25, 0.4)), told=False, name="broad"
    ),
    "1 to 2 nm": partial(in_liquids, draw=drawn((1.0, 2.0), (0.05, 0.2)), told=False, name="small"),
    "10 to 15 nm": partial(
        in_liquids, draw=drawn((10.0, 15.0), (0.05, 0.2)), told=False, name="large"
    ),
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    world: str
    n: int
    error: dict[str, float]
    covered: dict[str, float]
    width: dict[str, float]
    differ: float
    caution: float
    missed: float  # ok, and not covered

    @property
    def is_worse(self) -> bool:
        """Than the better engine, by more than what is allowed."""
        better = min(self.error["network"], self.error["posterior"])
        return self.error["both"] > max(ROOM * better, better + LITTLE)

    def __str__(self) -> str:
        cells = [self.world, str(self.n)]
        cells += [
            " / ".join(f"{told[who]:.2f}" for who in ("network", "posterior", "both"))
            for told in (self.error, self.covered, self.width)
        ]
        cells += [f"{value:.2f}" for value in (self.differ, self.caution, self.missed)]
        return f"| {' | '.join([*cells, 'worse' if self.is_worse else ''])} |"


def scored(sizer: sq.Sizer, name: str, n: int, seed: int, jobs: int) -> Row:
    """Size a world and count."""
    world = WORLDS[name](n, seed)
    instrument = world.settings.get("instrument")
    if world.settings.get("fwhm") == 0.0:
        instrument = sq.Instrument((float(world.X.attrs["wavelength"]),), w=0.0)
    answers = sizer.size_many(world.X, instrument, n_jobs=jobs)
    sized = [
        (answer, truth)
        for answer, truth in zip(answers, world.truth["diameter"].tolist(), strict=True)
        if isinstance(answer, Sizing)
    ]
    found: dict[str, list[tuple[float, float, float]]] = {
        "network": [],
        "posterior": [],
        "both": [],
    }
    for answer, _ in sized:
        for who, told in zip(("network", "posterior"), answer.engines.values(), strict=True):
            found[who].append((told["number_diameter"], *told["interval"]))  # type: ignore[misc, arg-type]
        found["both"].append((answer.number_diameter, *answer.interval))
    truth = np.array([t for _, t in sized])
    rows = {who: np.array(values).reshape(-1, 3) for who, values in found.items()}
    inside = {who: (v[:, 1] <= truth) & (truth <= v[:, 2]) for who, v in rows.items()}
    is_ok = np.array([answer.verdict == "ok" for answer, _ in sized])
    return Row(
        name,
        len(sized),
        {who: float(np.abs(v[:, 0] - truth).mean()) for who, v in rows.items()},
        {who: float(v.mean()) for who, v in inside.items()},
        {who: float((v[:, 2] - v[:, 1]).mean()) for who, v in rows.items()},
        float(np.mean(["disagree" in " ".join(a.reasons) for a, _ in sized])),
        float(1.0 - is_ok.mean()),
        float((is_ok & ~inside["both"]).mean()),
    )


def table(sizer: sq.Sizer, names: list[str], n: int, seed: int, jobs: int) -> Iterator[Row]:
    """Every row, as it is made."""
    for name in names:
        start = time.perf_counter()
        row = scored(sizer, name, n, seed, jobs)
        print(row, f"({time.perf_counter() - start:.0f} s)", flush=True)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizer", default="PbS", help="name or folder")
    parser.add_argument("--worlds", nargs="+", help="words that are in their names (default: all)")
    parser.add_argument("--patterns", type=int, default=100, help="a row")
    parser.add_argument("--seed", type=int, default=70_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/combination.md")
    arguments = parser.parse_args()
    words = arguments.worlds
    names = [name for name in WORLDS if words is None or any(word in name for word in words)]
    sizer = sq.load_sizer(arguments.sizer)
    rows = list(table(sizer, names, arguments.patterns, arguments.seed, arguments.jobs))
    lines = [
        "| world | n | error, nm | covered | width, nm | differ | caution | ok and missed | |",
        "|---|---|---|---|---|---|---|---|---|",
        *map(str, rows),
        "",
        "Errors, coverage and widths are of network / posterior / both. Made by `python "
        f"tools/check_combination.py --patterns {arguments.patterns} --seed {arguments.seed}` on "
        f"{datetime.now(UTC).date().isoformat()} ({platform.machine()}; sk_qdots "
        f"{version('sk_qdots')}, numpy {version('numpy')}).",
    ]
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

"""How far a sizer is wrong behind an instrument that is broader than those of its training.

    python tools/check_instruments.py

writes ``docs/tables/instruments.md``. Simulated dots in a liquid are seen through instruments of
several widths (half Lorentzian), at 0.56 Angstrom over the whole range and with a copper tube
over 20 to 80 degrees, counted and sized: once as they are, once with the instrument told. The
error is that of the number average; "covered" is the share of all answers whose 90 % interval
holds the truth. The width is that in Q at the middle of the range.
"""

from __future__ import annotations

import argparse
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.augmentation.facts import trained_width
from sk_qdots.instruments import ANODES, K_ALPHA_RATIO, Instrument
from sk_qdots.instruments.resolution import width_in_q
from sk_qdots.sizing import Sizing

ROOT = Path(__file__).resolve().parent.parent
WIDTHS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)  # degrees two-theta
MIDDLE = np.arange(2.6, 7.5, 0.23)
DISPERSIONS = (0.065, 0.095, 0.125, 0.155, 0.185)
SIZERS = {"PbS": "PbS", "CdSe": "CdSe zinc blende"}
SCALE = (8.0, 200.0)  # counts per unit of intensity, at area 1000
QD_FRACTION = (0.15, 1.0)


def instruments(width: float) -> dict[str, Instrument]:
    """Beams of this width: a synchrotron's, and those of a tube."""
    beam = {"w": width**2, "eta": 0.5}
    tube = Instrument(ANODES["Cu"], (1.0, K_ALPHA_RATIO), two_theta_range=(20.0, 80.0), **beam)
    return {
        "0.56 Å": Instrument((0.56,), two_theta_range=(5.1, 82.0), **beam),
        "Cu, 20 to 80°": tube,
    }


def measured(
    X: xr.DataArray, instrument: Instrument, n: int, rng: np.random.Generator
) -> tuple[list[xr.DataArray], np.ndarray]:
    """Patterns in a liquid, through an instrument, counted; number averages in nm."""
    wavelength = instrument.wavelength
    ends = np.sin(np.deg2rad(np.array(instrument.two_theta_range) / 2.0))
    low, high = 4.0 * np.pi / wavelength * ends
    reached = X.sel(q=slice(low - 0.1, high + 0.1))
    chosen = rng.integers(len(X), size=n)
    patterns = []
    for row in chosen:
        fraction, k = (float(np.exp(rng.uniform(*np.log(e)))) for e in (QD_FRACTION, SCALE))
        part = sq.SolventMixer("chlorobenzene", qd_fraction=fraction).fit_transform(reached[[row]])
        noise = sq.PoissonNoise(scale=k, random_state=int(rng.integers(2**31)))
        pattern = noise.fit_transform(instrument.apply(part))[0].sel(q=slice(low, high))
        angles = np.rad2deg(2.0 * np.arcsin(wavelength * pattern["q"].values / (4.0 * np.pi)))
        pattern = pattern.assign_coords(two_theta=("q", angles))
        patterns.append(pattern.assign_attrs(wavelength=wavelength))
    return patterns, X["diameter"].values[chosen]


def row(sizer: sq.Sizer, X: xr.DataArray, width: float, beam: str, n: int, seed: int) -> str:
    """A line of the table."""
    instrument = instruments(width)[beam]
    rng = np.random.default_rng([seed, int(1000 * width), len(beam)])
    patterns, truth = measured(X, instrument, n, rng)
    as_they_are = sizer.size_many(patterns, engine="network")
    told = [
        sizer.size(pattern, instrument, engine="network") if isinstance(answer, Sizing) else answer
        for pattern, answer in zip(patterns, as_they_are, strict=True)
    ]
    sized = [(a, t) for a, t in zip(as_they_are, truth, strict=True) if isinstance(a, Sizing)]
    cautioned = [
        np.mean([a.verdict == "caution" for a in answers if isinstance(a, Sizing)] or [np.nan])
        for answers in (as_they_are, told)
    ]
    error = np.mean([abs(a.number_diameter - t) for a, t in sized] or [np.nan])
    inside = np.mean([a.interval[0] <= t <= a.interval[1] for a, t in sized] or [np.nan])
    q = 0.5 * float(patterns[0]["q"][0] + patterns[0]["q"][-1])
    here, trained = float(width_in_q(instrument, q)), trained_width(sizer.augmentation, q)
    cells = [
        f"{sizer.name}, {beam}",
        f"{width:g}",
        f"{here:.4f}",
        f"{trained:.4f}",
        f"{1.0 - len(sized) / n:.2f}",
        *(f"{value:.2f}" for value in (error, inside, *cautioned)),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/tables/instruments.md")
    parser.add_argument("--patterns", type=int, default=100, help="in a row")
    parser.add_argument("--seed", type=int, default=41_000)
    arguments = parser.parse_args()
    start = time.monotonic()
    lines = [
        "| sizer, beam | width, ° | width, 1/Å | trained to, 1/Å | refused | error, nm | covered "
        "| caution, not told | caution, told |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, crystal in SIZERS.items():
        sizer = sq.load_sizer(name)
        library = sq.simulate_library(
            crystal, diameters=MIDDLE, dispersions=DISPERSIONS, strains=[0.0007]
        )
        X = sq.library_samples(library)[0]
        X = X.copy(data=sq.QStandardizer().fit_transform(X))
        for beam in instruments(0.1):
            for width in WIDTHS:
                lines.append(row(sizer, X, width, beam, arguments.patterns, arguments.seed))
                print(lines[-1], flush=True)
    lines += [
        "",
        f"{arguments.patterns} patterns a row in chlorobenzene, which the sizers have not seen. "
        f"Made by `python tools/check_instruments.py --seed {arguments.seed}` on "
        f"{datetime.now(UTC).date().isoformat()} ({time.monotonic() - start:.0f} s, "
        f"{platform.machine()}; sk_qdots {version('sk_qdots')}, numpy {version('numpy')}).",
    ]
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()

"""How well a standard tells what an instrument does: drawn instruments, and measured standards.

    python tools/check_calibration.py [--measured FOLDER]

writes ``docs/tables/calibration.md``. Instruments are drawn at random, the pattern of a standard
is drawn point by point (``tests/helpers/standards.py``, which knows nothing of the fit) and
counted, 20,000 counts in the strongest point over a background of 100, as in ten minutes of a scan.
With a folder of measured standards (``ceo2_24keV.xy``, ``ceo2_mo_tube.xy``) their table and the
pictures of the documentation are written too.
"""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

import sk_qdots as sq
from sk_qdots.instruments import ANODES, StandardFit, fit_standard

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
from standards import as_pattern, expected_counts  # noqa: E402

PARAMETERS = ("u", "v", "w", "eta", "zero", "wavelength")
MEASURED = {
    "ceo2_24keV.xy": ("CeO2, synchrotron, strip detector", 0.51697),
    "ceo2_mo_tube.xy": ("CeO2, Mo tube, capillary", 0.7107),
}
ANGLES = (15.0, 30.0, 60.0)


@dataclass(frozen=True)
class Case:
    """A kind of instrument and a standard."""

    name: str
    draw: Callable[[np.random.Generator], sq.Instrument]
    standard: str
    two_theta: np.ndarray


def synchrotron(rng: np.random.Generator) -> sq.Instrument:
    """A strip detector at a synchrotron whose wavelength is known to 3e-4."""
    return sq.Instrument(
        (0.56 * (1.0 + 3e-4 * rng.normal()),),
        u=rng.uniform(0.0, 2e-3),
        v=-rng.uniform(0.0, 4e-4),
        w=rng.uniform(4e-4, 2e-3),
        eta=rng.uniform(0.2, 0.8),
        zero=0.01 * rng.normal(),
    )


def copper(rng: np.random.Generator) -> sq.Instrument:
    """A laboratory with a copper tube and both its lines."""
    u, w = rng.uniform(0.0, 6e-3), rng.uniform(2e-3, 8e-3)
    return sq.Instrument(
        ANODES["Cu"],
        (1.0, 0.5),
        u=u,
        v=-rng.uniform(0.0, 1.5) * np.sqrt(u * w),  # the squared width stays positive
        w=w,
        eta=rng.uniform(0.3, 0.8),
        zero=0.03 * rng.normal(),
        polarisation=1.0,
    )


CASES = (
    Case("LaB6, synchrotron", synchrotron, "LaB6", np.arange(3.0, 90.0, 0.005)),
    Case("CeO2, synchrotron", synchrotron, "CeO2", np.arange(3.0, 80.0, 0.006)),
    Case("Si, copper tube", copper, "Si", np.arange(20.0, 140.0, 0.02)),
    Case("LaB6, copper tube", copper, "LaB6", np.arange(18.0, 150.0, 0.02)),
)


def calibrated(case: int, seed: int) -> tuple[dict[str, float], float, float]:
    """Deviations over their stated errors, the largest error of a width, and seconds."""
    one = CASES[case]
    rng = np.random.default_rng(seed)
    true = one.draw(rng)
    counts = rng.poisson(expected_counts(true, one.standard, one.two_theta))
    tube = len(true.wavelengths) > 1
    believed = true.wavelength if tube else 0.56
    lines = true.wavelengths if tube else None
    start = time.perf_counter()
    found = sq.calibrate_instrument(
        as_pattern(one.two_theta, counts, believed, lines), one.standard
    )
    seconds = time.perf_counter() - start
    pulls = {}
    for name, deviation in found.uncertainties.items():
        values = [
            i.wavelengths[0] if name == "wavelength" else getattr(i, name) for i in (found, true)
        ]
        pulls[name] = (values[0] - values[1]) / deviation
    angles = np.linspace(one.two_theta[0] + 15.0, one.two_theta[-1] - 10.0, 30)
    width = float(np.abs(found.fwhm(angles) / true.fwhm(angles) - 1.0).max())
    return pulls, width, seconds


def row_of(case: Case, results: list[tuple[dict[str, float], float, float]]) -> str:
    """One row of the table of drawn instruments."""
    cells = []
    for name in PARAMETERS:
        pulls = np.array([one[0][name] for one in results if name in one[0]])
        cells.append(
            f"{(np.abs(pulls) < 2.0).mean():.2f} ({pulls.std():.2f})" if len(pulls) else ""
        )
    widths = np.array([one[1] for one in results])
    seconds = np.median([one[2] for one in results])
    told = " / ".join(f"{100.0 * v:.1f}" for v in (*np.percentile(widths, [50, 95]), widths.max()))
    return f"| {case.name} | {' | '.join(cells)} | {told} | {seconds:.1f} |"


def measured_row(name: str, fit: StandardFit) -> str:
    """One row of the table of measured standards."""
    one = fit.instrument
    told = []
    for parameter in ("wavelength", "zero", "displacement", "axial"):
        if parameter in one.uncertainties:
            value = one.wavelengths[0] if parameter == "wavelength" else getattr(one, parameter)
            told.append(f"{parameter} {value:.6g} ± {one.uncertainties[parameter]:.1g}")
    widths = " / ".join(f"{float(one.fwhm(angle)):.4f}" for angle in ANGLES)
    return (
        f"| {name} | {', '.join(told)} | {widths} | {fit.lines.sizes['line']} | "
        f"{100.0 * fit.r_wp:.1f} | {fit.chi2:.1f} |"
    )


def measured_table(folder: Path) -> str:
    """Table of measured standards; their pictures are written."""
    from matplotlib.figure import Figure

    from sk_qdots.inspection import StandardFitDisplay

    rows = []
    for file, (name, wavelength) in MEASURED.items():
        fit = fit_standard(sq.read_pattern(folder / file, wavelength=wavelength), "CeO2")
        rows.append(measured_row(name, fit))
        figure = Figure(figsize=(9.0, 6.6), dpi=110, layout="constrained")
        StandardFitDisplay(fit).plot(figure)
        pictures = ROOT / "docs" / "images" / "standards"
        pictures.mkdir(parents=True, exist_ok=True)
        figure.savefig(pictures / f"{Path(file).stem}.png")
    head = "| measured | found | width at 15 / 30 / 60°, degrees | lines | R_wp, % | χ² |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description="How well a standard tells an instrument.")
    parser.add_argument("--draws", type=int, default=100, help="of each row (default: 100)")
    parser.add_argument("--measured", type=Path, help="folder of measured standards")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    arguments = parser.parse_args()
    start = time.monotonic()
    rows = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for k, case in enumerate(CASES):
            seeds = range(arguments.draws)
            results = list(pool.map(calibrated, [k] * arguments.draws, seeds))
            rows.append(row_of(case, results))
            print(rows[-1], flush=True)
    names = " | ".join(PARAMETERS)
    head = f"| drawn | {names} | width off by, % | s |"
    table = "\n".join([head, "|" + "---|" * (len(PARAMETERS) + 3), *rows])
    command = f"python tools/check_calibration.py --draws {arguments.draws}"
    if arguments.measured is not None:
        table += "\n\n" + measured_table(arguments.measured)
        command += " --measured FOLDER"
    note = (
        f"{arguments.draws} instruments a row: share within two stated errors, and the spread of "
        "the deviations over their errors (1 is right); the largest error of the width over the "
        "range, as median / 95th percentile / largest of the draws; median seconds of a "
        f"calibration. Made by `{command}` on {datetime.now(UTC).date().isoformat()} "
        f"({time.monotonic() - start:.0f} s, {platform.machine()}; sk_qdots {version('sk_qdots')}, "
        f"numpy {version('numpy')}; seeds 0 to {arguments.draws - 1})."
    )
    path = ROOT / "docs" / "tables" / "calibration.md"
    path.write_text(f"{table}\n\n{note}\n", encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()

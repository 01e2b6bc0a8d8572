"""Simulate the measured file in ``examples/data`` as a laboratory would store it.

    python tools/make_example_data.py

Two columns, two-theta in degrees and counts, over a liquid. The truth is not in
the file; it stands in ``examples/data/PbS_colloid.md`` and here.
"""

from pathlib import Path

import numpy as np

import sk_qdots as sq

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "data"
WAVELENGTH = 0.5642  # Angstrom
DIAMETER, DISPERSION, STRAIN = 4.7, 0.12, 0.001  # nm, 1, 1
QD_FRACTION = 0.45  # share of the dots in the scattered intensity
MEAN_COUNTS = 900
SEED = 20261122


def main() -> None:
    two_theta = np.arange(2.0, 90.0, 0.01)
    q = 4.0 * np.pi / WAVELENGTH * np.sin(np.deg2rad(two_theta) / 2.0)
    library = sq.simulate_library(
        "PbS",
        diameters=[DIAMETER],
        dispersions=[DISPERSION],
        strains=[STRAIN],
        q=q,
        wavelength=WAVELENGTH,
    )
    dots = library["intensity"].values.ravel().astype(np.float64)
    curve = sq.load_solvent("toluene", WAVELENGTH)
    liquid = np.interp(q, curve["q"].values, curve.values)
    standard = (q >= 1.0) & (q <= 15.0)
    dots /= np.trapezoid(dots[standard], q[standard])
    liquid /= np.trapezoid(liquid[standard], q[standard])
    expected = QD_FRACTION * dots + (1.0 - QD_FRACTION) * liquid
    expected *= MEAN_COUNTS / expected[standard].mean()
    counts = np.random.default_rng(SEED).poisson(expected)
    lines = ["# PbS quantum dots, colloid, simulated by sk_qdots", "# 2theta/deg counts"]
    lines += [f"{angle:.2f} {n}" for angle, n in zip(two_theta, counts, strict=True)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "PbS_colloid.xy").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

r"""Compute the X-ray scattering of carbon black, the support of catalysts.

    python tools/carbon.py --out sk_qdots/solvents/curves

Carbon black is turbostratic: small graphene sheets lie on each other in stacks of a few,
each turned and shifted at random, a little farther apart than in graphite (B. E. Warren,
Phys. Rev. 59, 693 (1941)). Stacks are drawn, their pair sums

.. math:: S(Q) = 1 + \frac{2}{N} \sum_{i<j} \frac{\sin Q d_{ij}}{Q d_{ij}}
          e^{-\sigma^2 Q^2}

averaged, one stack weighted by its atoms. Between stacks nothing interferes. Sheets of
1.0 to 3.5 nm in stacks of 2 to 7, 3.50 to 3.65 Angstrom apart, are our choice for a furnace
black, neither taken from a source nor fitted to a pattern.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

BOND = 1.42  # Angstrom
DIAMETERS = (10.0, 35.0)  # Angstrom
LAYERS = (2, 7)
SPACINGS = (3.50, 3.65)  # Angstrom
SPACING_DISORDER = 0.10  # Angstrom, from one layer to the next
DISPLACEMENT = 0.08  # Angstrom, root mean square, of an atom in its layer
BIN = 0.005  # Angstrom
Q = np.round(np.arange(0.30, 25.001, 0.02), 2)


def sheet(diameter: float) -> np.ndarray:
    """Atoms of a round graphene sheet, array of shape (n_atoms, 2), in Angstrom."""
    a = BOND * np.sqrt(3.0)
    n = int(diameter / a) + 2
    i, j = np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1))
    nodes = i.ravel()[:, None] * [a, 0.0] + j.ravel()[:, None] * [a / 2, a * np.sqrt(3) / 2]
    atoms = np.concatenate([nodes, nodes + np.array([0.0, BOND])])
    return atoms[np.hypot(*atoms.T) <= diameter / 2.0]


def stack(rng: np.random.Generator) -> np.ndarray:
    """Places of the atoms of one stack, array of shape (n_atoms, 3), in Angstrom."""
    diameter = rng.uniform(*DIAMETERS)
    n_layers = rng.integers(LAYERS[0], LAYERS[1] + 1)
    spacing, height, places = rng.uniform(*SPACINGS), 0.0, []
    for _ in range(n_layers):
        angle, shift = rng.uniform(0.0, np.pi / 3.0), rng.uniform(-BOND, BOND, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        flat = sheet(diameter) @ turn + shift
        places.append(np.column_stack([flat, np.full(len(flat), height)]))
        height += spacing + SPACING_DISORDER * rng.normal()
    return np.concatenate(places)


def pair_sums(places: np.ndarray) -> np.ndarray:
    """S(Q) of one stack, times its atoms."""
    first, second = np.triu_indices(len(places), 1)
    distance = np.linalg.norm(places[first] - places[second], axis=1)
    total = np.full(len(Q), float(len(places)))
    counts = np.bincount((distance / BIN).astype(int))
    used = np.flatnonzero(counts)
    d = (used + 0.5) * BIN
    for start in range(0, len(d), 2000):
        part = slice(start, start + 2000)
        waves = np.sinc(Q[:, None] * d[part] / np.pi)
        total += 2.0 * np.exp(-((DISPLACEMENT * Q) ** 2)) * (waves @ counts[used[part]])
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("curves"))
    parser.add_argument("--stacks", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    total, atoms = np.zeros(len(Q)), 0
    for _ in tqdm(range(options.stacks), desc="stacks"):
        places = stack(rng)
        total += pair_sums(places)
        atoms += len(places)
    options.out.mkdir(parents=True, exist_ok=True)
    rows = [f"{q:.2f},{s:.5f}" for q, s in zip(Q, total / atoms, strict=True)]
    (options.out / "carbon-black.csv").write_text("q,C-C\n" + "\n".join(rows) + "\n")
    description = {
        "name": "carbon-black",
        "kind": "support",
        "description": "carbon black, turbostratic stacks of graphene sheets",
        "composition": {"C": 1},
        "molar_mass": 12.011,
        "density": 1.8,
        "columns": "pair sums S_ab(Q) per atom over q in 1/Angstrom; see tools/carbon.py",
        "method": {
            "sheet_diameters_angstrom": DIAMETERS,
            "layers": LAYERS,
            "spacings_angstrom": SPACINGS,
            "spacing_disorder_angstrom": SPACING_DISORDER,
            "displacement_angstrom": DISPLACEMENT,
            "stacks": options.stacks,
            "seed": options.seed,
        },
        "versions": {"numpy": version("numpy")},
        "date": datetime.now(UTC).date().isoformat(),
    }
    text = json.dumps(description, indent=2) + "\n"
    (options.out / "carbon-black.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

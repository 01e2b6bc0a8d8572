r"""Compute the X-ray scattering of borosilicate glass from molecular dynamics.

    pip install "sk_qdots[md]"
    python tools/glass_md.py --out sk_qdots/solvents/curves

A capillary's glass: 80.6 % SiO2, 12.6 % B2O3 and 4.2 % Na2O by mass (the 2.2 % of
Al2O3 left out), melted at 4000 K, quenched to 300 K at its density of 2.23 g/cm^3,
with the Buckingham potential

.. math::

    U(r) = \frac{q_i q_j}{r} + A e^{-r/\rho} - \frac{C}{r^6}

of M. Wang et al., J. Non-Cryst. Solids 498, 294 (2018), and a wall at distances
that only a hot melt reaches. A quench of picoseconds leaves more disorder than one
of hours: the rings of boron are too few, the first sharp peak a little too broad.
The pair sums are as those of ``tools/solvent_md.py``, per silicon atom.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path

import numpy as np
import openmm
import solvent_md
from openmm import unit
from tqdm import tqdm

_EV = 96.48533212331  # kJ/mol
CHARGES = {"B": 1.4175, "Na": 0.4725, "O": -0.945, "Si": 1.89}
MASSES = {"B": 10.811, "Na": 22.990, "O": 15.999, "Si": 28.085}
PAIRS = {  # A in eV, rho in Angstrom, C in eV Angstrom^6, wall in Angstrom
    ("O", "O"): (9022.79, 0.265, 85.0921, 1.60),
    ("O", "Si"): (50306.10, 0.161, 46.2978, 1.05),
    ("B", "O"): (206941.81, 0.124, 35.0018, 0.90),
    ("B", "B"): (484.40, 0.350, 0.0, 1.20),
    ("B", "Si"): (337.70, 0.290, 0.0, 1.20),
    ("Na", "O"): (120303.80, 0.170, 0.0, 1.20),
}
OXIDES = {"Si": 335, "B": 90, "Na": 34}  # atoms; oxygen follows
DENSITY = 2.23  # g/cm^3


def main(arguments: list[str] | None = None) -> None:
    """Melt, quench, sample and write the glass."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("curves"))
    parser.add_argument("--work", type=Path, default=Path("solvent_md_work"))
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    wanted = {"atoms": OXIDES, "density": DENSITY, "seed": options.seed}
    counts = options.work / "borosilicate.npz"
    solvent_md.write_curve(
        "borosilicate",
        solvent_md.cached(counts, wanted, partial(count_pairs, options)),
        options.out,
        kind="background",
        description="borosilicate glass (SiO2, B2O3, Na2O) from molecular dynamics",
        density=DENSITY,
        temperature=300.0,
        method={
            "force_field": "Buckingham, M. Wang et al. 2018",
            "ensemble": "NVT, Langevin; melted at 4000 K, quenched to 300 K in 45 ps",
        },
    )


def build_system(kinds: np.ndarray, elements: list[str], box: float) -> openmm.System:
    """Buckingham, Coulomb and the wall; box length in nm."""
    n = len(elements)
    tables = np.zeros((4, n, n))
    tables[1] = tables[3] = 1.0
    for (a, b), values in PAIRS.items():
        i, j = elements.index(a), elements.index(b)
        tables[:, i, j] = tables[:, j, i] = values
    a, rho, c, wall = tables
    short = openmm.CustomNonbondedForce(
        "a(k1, k2)*exp(-r/rho(k1, k2)) - c(k1, k2)/r^6 + w*(wall(k1, k2)/r)^24; w = 96.485"
    )
    functions = {"a": a * _EV, "rho": rho / 10.0, "c": c * _EV * 1e-6, "wall": wall / 10.0}
    for name, table in functions.items():
        function = openmm.Discrete2DFunction(n, n, table.ravel().tolist())
        short.addTabulatedFunction(name, function)
    short.addPerParticleParameter("k")
    short.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    short.setCutoffDistance(0.8)
    coulomb = openmm.NonbondedForce()
    coulomb.setNonbondedMethod(openmm.NonbondedForce.PME)
    coulomb.setCutoffDistance(0.9)
    charges = np.array([CHARGES[elements[k]] for k in kinds])
    charges -= charges.mean()  # rounding of the composition
    system = openmm.System()
    for kind, charge in zip(kinds, charges, strict=True):
        system.addParticle(MASSES[elements[kind]])
        short.addParticle([float(kind)])
        coulomb.addParticle(charge, 0.1, 0.0)
    system.addForce(short)
    system.addForce(coulomb)
    system.setDefaultPeriodicBoxVectors([box, 0, 0], [0, box, 0], [0, 0, box])
    return system


def count_pairs(options: argparse.Namespace) -> dict[str, object]:
    """Melt, quench and sample; histograms of the distances."""
    atoms = {**OXIDES, "O": 2 * OXIDES["Si"] + 3 * OXIDES["B"] // 2 + OXIDES["Na"] // 2}
    elements = sorted(atoms)
    kinds = np.repeat(np.arange(len(elements)), [atoms[e] for e in elements])
    mass = sum(MASSES[e] * number for e, number in atoms.items())
    box = (mass / (0.602214076 * DENSITY)) ** (1.0 / 3.0)
    rng = np.random.default_rng(options.seed)
    per_edge = int(np.ceil(len(kinds) ** (1.0 / 3.0)))
    sites = np.stack(np.meshgrid(*[np.arange(per_edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    positions = rng.permutation(sites)[: len(kinds)] * (box / per_edge)
    integrator = openmm.LangevinMiddleIntegrator(4000.0, 5.0, 0.001)
    integrator.setRandomNumberSeed(options.seed)
    context = openmm.Context(
        build_system(kinds, elements, box / 10.0),
        integrator,
        openmm.Platform.getPlatformByName("CPU"),
        {"Threads": str(options.threads)},
    )
    context.setPositions(positions / 10.0)
    openmm.LocalEnergyMinimizer.minimize(context, 100.0, 500)
    context.setVelocitiesToTemperature(4000.0, options.seed)
    schedule = np.r_[np.full(10, 4000.0), np.linspace(4000.0, 300.0, 45), np.full(5, 300.0)]
    for temperature in tqdm(schedule, desc="borosilicate: melting, quenching", mininterval=5.0):
        integrator.setTemperature(temperature)
        integrator.step(1000)
    inter = np.zeros((len(elements) * (len(elements) + 1) // 2, int(0.5 * box / 0.02)))
    intra = np.zeros((len(inter), 1))
    owner = np.arange(len(kinds))
    frames = 60
    for _ in tqdm(range(frames), desc="borosilicate: sampling", mininterval=5.0):
        integrator.step(100)
        state = context.getState(getPositions=True)
        at = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        solvent_md.add_pairs(at, owner, kinds, len(elements), box, inter, intra)
    units = OXIDES["Si"]
    return {
        "inter": inter / (frames * units),
        "intra": intra,
        "elements": np.array(elements),
        "composition": np.array([atoms[e] / units for e in elements]),
        "box": box,
        "n_molecules": units,
        "molar_mass": mass / units,
        "frames": frames,
        "sampled_ps": 0.1 * frames,
        "seed": options.seed,
    }


if __name__ == "__main__":
    main()

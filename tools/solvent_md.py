r"""Compute the X-ray scattering of liquids from molecular dynamics.

    pip install "sk_qdots[md]"
    python tools/solvent_md.py hexane toluene --out sk_qdots/solvents/curves
    python tools/solvent_md.py decane --smiles CCCCCCCCCC --density 0.726

For every liquid a box of molecules is packed, melted and sampled at its
experimental density and 298 K (toluene: 293 K) with the OPLS-AA force field
(toluene: CHARMM36, water: SPC/E) by OpenMM, and the pairs of atoms are counted. What
is written is no intensity but the sums

.. math::

    S_{ab}(Q) = \frac{1}{N} \left\langle \sum_{i \in a} \sum_{j \in b}
        \frac{\sin Q r_{ij}}{Q r_{ij}} \right\rangle

over the atoms of elements a and b, per molecule (self terms included, pairs of
different molecules relative to a uniform liquid): form factors, anomalous terms
and Compton scattering are put in when a curve is loaded, for any wavelength.

The pairs of different molecules are damped by exp(-(0.08 r)^2 / 2), r in
Angstrom, that is, smeared by 0.08 1/Angstrom in Q: a declared choice. Without it
the first peak of some liquids in a box of 3 to 4 nm is a little too sharp, and
ripples of the box's edge stand below 1 1/Angstrom; what is shown there is rough.
Pairs within a molecule are as the classical model has them.

OPLS-AA: W. L. Jorgensen, D. S. Maxwell, J. Tirado-Rives, J. Am. Chem. Soc. 118,
11225 (1996); alkane torsions of M. L. P. Price, D. Ostrovsky, W. L. Jorgensen,
J. Comput. Chem. 22, 1340 (2001); chloroform of W. L. Jorgensen, J. M. Briggs,
M. L. Contreras, J. Phys. Chem. 94, 1683 (1990); geometry of tetrachloroethylene
of T. G. Strand, Acta Chem. Scand. 21, 2111 (1967), with generic force constants.
CHARMM36: K. Vanommeslaeghe et al., J. Comput. Chem. 31, 671 (2010).
SPC/E: H. J. C. Berendsen, J. R. Grigera, T. P. Straatsma, J. Phys. Chem. 91, 6269
(1987), with a stiff angle instead of a rigid one.
Lennard-Jones parameters, charges and bonds of OPLS-AA were compared with a public
parameter file; its angles and torsions, CHARMM36 and the densities were not.

Kapton is an amorphous solid of its repeat unit between two phenyls, C28H16N2O5: for
imides and ethers OPLS-AA (1996) has Lennard-Jones parameters only, so bonds and
angles are generic springs around the MMFF94 geometry and charges are Gasteiger's. Its
steps are of 2 instead of 4 fs, so that it melts and cools for half as long.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import openmm
from openmm import unit
from rdkit import Chem, rdBase
from rdkit.Chem import AllChem, Descriptors, rdMolTransforms
from tqdm import tqdm

Q = np.round(np.arange(0.3, 25.0 + 1e-9, 0.02), 6)
_INTER_STEP, _INTRA_STEP = 0.02, 0.004  # Angstrom, of the histograms
_DAMPING = 0.08  # 1/Angstrom
_AVOGADRO = 0.602214076  # 1/mol times 1e-24 cm^3 in an Angstrom^3
_KCAL = 4.184  # kJ
_FRAME = 0.4  # ps between samples
_CUTOFF = 1.0  # nm
_COULOMB = 138.935458  # kJ/mol nm / e^2
# Lennard-Jones and Coulomb with a conducting reaction field, kJ/mol and nm.
_PAIR = (
    f"4*e*(x^2 - x) + {_COULOMB}*q1*q2*(1/r + 0.5*r^2/{_CUTOFF**3} - 1.5/{_CUTOFF});"
    " x = (s/r)^6; e = sqrt(e1*e2); s = "
)


class Liquid(NamedTuple):
    """What to simulate; the density in g/cm^3 is that at the temperature."""

    smiles: str
    density: float
    n_molecules: int
    melt: float = 500.0  # K, where the packed box forgets its lattice
    kind: str = "liquid"
    force_field: str = "OPLS-AA"
    temperature: float = 298.0  # K


# Densities: CRC Handbook of Chemistry and Physics, at 25 (toluene 20) degrees Celsius.
LIQUIDS = {
    "benzene": Liquid("c1ccccc1", 0.8736, 256),
    "chlorobenzene": Liquid("Clc1ccccc1", 1.1009, 216),
    "chloroform": Liquid("ClC(Cl)Cl", 1.4788, 400),
    "cyclohexane": Liquid("C1CCCCC1", 0.7739, 216),
    "dodecane": Liquid("CCCCCCCCCCCC", 0.7452, 150, 600.0),
    "heptane": Liquid("CCCCCCC", 0.6795, 216),
    "hexane": Liquid("CCCCCC", 0.6548, 216),
    "kapton": Liquid(
        "O=C1c2cc3c(cc2C(=O)N1c1ccccc1)C(=O)N(c1ccc(Oc2ccccc2)cc1)C3=O",
        1.42,
        72,
        700.0,
        "background",
    ),
    "octadecene": Liquid("C=CCCCCCCCCCCCCCCCC", 0.7850, 108, 650.0),
    "octane": Liquid("CCCCCCCC", 0.6986, 216),
    "tetrachloroethylene": Liquid("ClC(Cl)=C(Cl)Cl", 1.6143, 343),
    "toluene": Liquid("Cc1ccccc1", 0.8669, 216, force_field="CHARMM36", temperature=293.0),
    "water": Liquid("O", 0.9970, 512, kind="liquid by name", force_field="SPC/E"),
}


class ForceField(NamedTuple):
    """Parameters by the classes of atoms, in kcal/mol, Angstrom and degrees."""

    lennard_jones: dict[str, tuple[float, float]]  # sigma, epsilon
    bonds: dict[tuple[str, ...], tuple[float, float]]  # k, length
    angles: dict[tuple[str, ...], tuple[float, ...]]  # k, angle; Urey-Bradley k, length
    torsions: dict[tuple[str, ...], tuple[float, ...]]  # V1, V2, V3; * is any, the first counts
    impropers: dict[str, float]  # V2
    sigma: str  # how two are combined; epsilon is combined geometrically
    one_four: float  # scale of the interactions over three bonds


OPLS = ForceField(
    lennard_jones={
        "CT": (3.50, 0.066),
        "HC": (2.50, 0.030),
        "CA": (3.55, 0.070),
        "HA": (2.42, 0.030),
        "CM": (3.55, 0.076),
        "HM": (2.42, 0.030),
        "CX": (3.80, 0.080),  # chloroform: carbon and hydrogen are one site
        "HX": (1.00, 0.0),
        "ClX": (3.47, 0.300),
        "Cl": (3.40, 0.300),
        "C": (3.75, 0.105),  # carbonyl of an imide
        "O": (2.96, 0.210),
        "N": (3.25, 0.170),
        "OS": (2.90, 0.140),  # ether
    },
    bonds={
        ("CT", "CT"): (268.0, 1.529),
        ("CT", "HC"): (340.0, 1.090),
        ("CA", "CA"): (469.0, 1.400),
        ("CA", "HA"): (367.0, 1.080),
        ("CA", "CT"): (317.0, 1.510),
        ("CA", "Cl"): (300.0, 1.725),
        ("CM", "CM"): (549.0, 1.340),
        ("CM", "CT"): (317.0, 1.510),
        ("CM", "HM"): (340.0, 1.080),
        ("CM", "Cl"): (300.0, 1.718),
        ("CX", "ClX"): (245.0, 1.758),
        ("CX", "HX"): (340.0, 1.100),
    },
    angles={
        ("CT", "CT", "CT"): (58.35, 112.7),
        ("CT", "CT", "HC"): (37.5, 110.7),
        ("HC", "CT", "HC"): (33.0, 107.8),
        ("CA", "CA", "CA"): (63.0, 120.0),
        ("CA", "CA", "HA"): (35.0, 120.0),
        ("CA", "CA", "CT"): (70.0, 120.0),
        ("CA", "CA", "Cl"): (75.0, 120.0),
        ("CA", "CT", "HC"): (35.0, 109.5),
        ("CM", "CM", "CT"): (70.0, 124.0),
        ("CM", "CM", "HM"): (35.0, 120.0),
        ("CT", "CM", "HM"): (35.0, 117.0),
        ("HM", "CM", "HM"): (35.0, 117.0),
        ("CM", "CT", "CT"): (63.0, 111.1),
        ("CM", "CT", "HC"): (35.0, 109.5),
        ("CM", "CM", "Cl"): (75.0, 122.15),
        ("Cl", "CM", "Cl"): (75.0, 115.7),
        ("ClX", "CX", "ClX"): (78.0, 111.3),
        ("ClX", "CX", "HX"): (51.0, 107.6),
    },
    torsions={
        ("CT", "CT", "CT", "CT"): (1.300, -0.050, 0.200),
        ("CM", "CT", "CT", "CT"): (1.300, -0.050, 0.200),
        ("HC", "CT", "CT", "HC"): (0.0, 0.0, 0.300),
        ("*", "CT", "CT", "HC"): (0.0, 0.0, 0.300),
        ("CM", "CM", "CT", "CT"): (0.346, 0.405, -0.904),
        ("CM", "CM", "CT", "HC"): (0.0, 0.0, -0.372),
        ("HM", "CM", "CT", "HC"): (0.0, 0.0, 0.318),
        ("HM", "CM", "CT", "CT"): (0.0, 0.0, 0.366),
        ("*", "CM", "CM", "*"): (0.0, 14.0, 0.0),
        ("*", "CA", "CA", "*"): (0.0, 7.25, 0.0),
        ("*", "CA", "CT", "*"): (0.0, 0.0, 0.0),
        ("*", "C", "N", "*"): (0.0, 6.1, 0.0),
        ("*", "CA", "C", "*"): (0.0, 7.25, 0.0),
        ("*", "CA", "N", "*"): (0.0, 1.0, 0.0),
        ("*", "CA", "OS", "*"): (0.0, 3.0, 0.0),
    },
    impropers={"CA": 2.2, "CM": 30.0, "C": 21.0, "N": 2.0},
    sigma="sqrt(s1*s2)",
    one_four=0.5,
)
CHARMM = ForceField(  # aromatic rings and their methyl groups
    lennard_jones={
        "CA": (3.5501, 0.070),
        "HA": (2.4200, 0.030),
        "CT": (3.6527, 0.078),
        "HC": (2.3876, 0.024),
    },
    bonds={
        ("CA", "CA"): (305.0, 1.375),
        ("CA", "HA"): (340.0, 1.080),
        ("CA", "CT"): (230.0, 1.490),
        ("CT", "HC"): (322.0, 1.111),
    },
    angles={
        ("CA", "CA", "CA"): (40.0, 120.0, 35.0, 2.41620),
        ("CA", "CA", "HA"): (30.0, 120.0, 22.0, 2.15250),
        ("CA", "CA", "CT"): (45.8, 122.3),
        ("CA", "CT", "HC"): (49.3, 107.5),
        ("HC", "CT", "HC"): (35.5, 108.4, 5.4, 1.802),
    },
    torsions={
        ("CA", "CA", "CA", "CA"): (0.0, 6.2, 0.0),
        ("CT", "CA", "CA", "CA"): (0.0, 6.2, 0.0),
        ("HA", "CA", "CA", "CA"): (0.0, 8.4, 0.0),
        ("HA", "CA", "CA", "HA"): (0.0, 4.8, 0.0),
        ("CT", "CA", "CA", "HA"): (0.0, 4.8, 0.0),
        ("*", "CA", "CT", "*"): (0.0, 0.0, 0.0),
    },
    impropers={},
    sigma="0.5*(s1 + s2)",
    one_four=1.0,
)
SPCE = ForceField(  # the angle as stiff as in CHARMM's TIP3P; bonds with hydrogen are rigid
    lennard_jones={"OW": (3.166, 0.1554), "HW": (0.0, 0.0)},
    bonds={("HW", "OW"): (450.0, 1.0)},
    angles={("HW", "OW", "HW"): (55.0, 109.47)},
    torsions={},
    impropers={},
    sigma="sqrt(s1*s2)",
    one_four=1.0,
)
FORCE_FIELDS = {"OPLS-AA": OPLS, "CHARMM36": CHARMM, "SPC/E": SPCE}
# Of imides and ethers OPLS-AA (1996) has no bonds and angles: these act around the MMFF94 geometry.
_GENERIC_BOND, _GENERIC_ANGLE = 400.0, 70.0


def main(arguments: list[str] | None = None) -> None:
    """Simulate and write the liquids that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="+", help=f"known: {', '.join(LIQUIDS)}")
    parser.add_argument("--out", type=Path, default=Path("curves"))
    parser.add_argument("--work", type=Path, default=Path("solvent_md_work"), help="pair counts")
    parser.add_argument("--smiles", help="of one other liquid")
    parser.add_argument("--density", type=float, help="of one other liquid, g/cm^3")
    parser.add_argument("--molecules", type=int, help="in the box")
    parser.add_argument("--picoseconds", type=float, default=60.0, help="sampled")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    for name in options.names:
        if options.smiles:
            if options.density is None or len(options.names) != 1:
                parser.error("--smiles takes one name and --density")
            liquid = Liquid(options.smiles, options.density, 216)
        elif name in LIQUIDS:
            liquid = LIQUIDS[name]
        else:
            parser.error(f"{name} is not known; give --smiles and --density")
        if options.molecules:
            liquid = liquid._replace(n_molecules=options.molecules)
        options.work.mkdir(parents=True, exist_ok=True)
        options.out.mkdir(parents=True, exist_ok=True)
        counts = options.work / f"{name}.npz"
        wanted = {**liquid._asdict(), "picoseconds": options.picoseconds, "seed": options.seed}
        write_curve(
            name,
            cached(counts, wanted, partial(count_pairs, name, liquid, options)),
            options.out,
            kind=liquid.kind,
            description=f"{name} by molecular dynamics, at its experimental density",
            density=liquid.density,
            temperature=liquid.temperature,
            method={
                "smiles": liquid.smiles,
                "force_field": liquid.force_field,
                "ensemble": "NVT, Langevin",
                "cutoff_angstrom": 10.0 * _CUTOFF,
            },
        )


def cached(
    path: Path, wanted: dict[str, Any], count: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Pair counts from a file, or counted and put there; a file of other parameters is refused."""
    parameters = json.dumps(wanted, sort_keys=True)
    if not path.exists():
        np.savez(path, parameters=parameters, **count())
    stored = dict(np.load(path))
    found = str(stored.get("parameters", "counts of unknown parameters"))
    if found != parameters:
        sys.exit(f"{path} holds {found}, not {parameters}; delete it")
    return stored


# --- force field -----------------------------------------------------------------------------


def molecule_of(liquid: Liquid, seed: int) -> Any:
    """RDKit molecule with hydrogens and one conformation."""
    rdBase.DisableLog("rdApp.*")
    molecule = Chem.MolFromSmiles(liquid.smiles)
    if molecule is None:
        sys.exit(f"{liquid.smiles!r} is not a SMILES")
    molecule = Chem.AddHs(molecule)
    AllChem.EmbedMolecule(molecule, randomSeed=seed)
    AllChem.MMFFOptimizeMolecule(molecule)
    return molecule


def classes_of(molecule: Any) -> list[str]:
    """OPLS-AA class of every atom."""
    atoms = list(molecule.GetAtoms())
    around = [[n.GetSymbol() for n in atom.GetNeighbors()] for atom in atoms]
    heavy = {}
    for atom, symbols in zip(atoms, around, strict=True):
        if atom.GetSymbol() == "C" and atom.GetDegree() == 4:
            heavy[atom.GetIdx()] = "CX" if symbols.count("Cl") == 3 else "CT"
        elif atom.GetSymbol() == "C":
            carbonyl = "O" in symbols and not atom.GetIsAromatic()
            heavy[atom.GetIdx()] = "C" if carbonyl else "CA" if atom.GetIsAromatic() else "CM"
        elif symbols == ["H", "H"]:
            heavy[atom.GetIdx()] = "OW"
        elif atom.GetSymbol() in ("N", "O"):
            ether = atom.GetSymbol() == "O" and atom.GetDegree() == 2
            heavy[atom.GetIdx()] = "OS" if ether else atom.GetSymbol()
    names = []
    for atom in atoms:
        if atom.GetIdx() in heavy:
            names.append(heavy[atom.GetIdx()])
            continue
        host = heavy[atom.GetNeighbors()[0].GetIdx()]
        known = {
            ("H", "CT"): "HC",
            ("H", "CA"): "HA",
            ("H", "CM"): "HM",
            ("H", "CX"): "HX",
            ("H", "OW"): "HW",
            ("Cl", "CX"): "ClX",
            ("Cl", "CA"): "Cl",
            ("Cl", "CM"): "Cl",
        }
        if (atom.GetSymbol(), host) not in known:
            sys.exit(f"no parameters for {atom.GetSymbol()} on {host}")
        names.append(known[atom.GetSymbol(), host])
    return names


def charges_of(molecule: Any, names: list[str], field: ForceField = OPLS) -> list[float]:
    """Partial charges, neutral group by group; of imides and ethers by Gasteiger."""
    charges = []
    methyl, ipso = (0.06, 0.115) if field is OPLS else (0.09, 0.0)
    if {"N", "O", "OS"} & set(names):
        AllChem.ComputeGasteigerCharges(molecule)
        charges = [float(atom.GetProp("_GasteigerCharge")) for atom in molecule.GetAtoms()]
        return [charge - sum(charges) / len(charges) for charge in charges]
    for atom, name in zip(molecule.GetAtoms(), names, strict=True):
        around = [names[n.GetIdx()] for n in atom.GetNeighbors()]
        charge = {
            "HC": methyl, "HA": 0.115, "HM": 0.115, "CX": 0.42, "ClX": -0.14, "HX": 0.0,
            "OW": -0.8476, "HW": 0.4238,
        }.get(name)  # fmt: skip
        if name == "Cl":
            charge = -0.18 if around == ["CA"] else -0.12
        elif name == "CT":
            charge = -methyl * around.count("HC") + ipso * around.count("CA")
        elif name == "CA":
            charge = 0.18 if "Cl" in around else -ipso if "CT" in around else -0.115
        elif name == "CM":
            charge = -0.115 * around.count("HM") + 0.12 * around.count("Cl")
        charges.append(float(charge or 0.0))
    if abs(sum(charges)) > 1e-9:
        sys.exit(f"the molecule is not neutral: {sum(charges):.3f}")
    return charges


def _parameter(table: dict[Any, Any], key: tuple[str, ...], generic: Any = None) -> Any:
    for pattern, values in table.items():
        for order in (key, key[::-1]):
            if all(p in ("*", k) for p, k in zip(pattern, order, strict=True)):
                return values
    if generic is None or not {"C", "N", "O", "OS"} & set(key):
        sys.exit(f"no parameters for {'-'.join(key)}")
    return generic


def build_system(
    molecule: Any, n_molecules: int, box: float, field: ForceField = OPLS
) -> openmm.System:
    """Force field of a box of equal molecules; box length in nm."""
    names = classes_of(molecule)
    charges = charges_of(molecule, names, field)
    n = molecule.GetNumAtoms()
    shape = molecule.GetConformer()
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    neighbours = [[a.GetIdx() for a in atom.GetNeighbors()] for atom in molecule.GetAtoms()]
    angles = [
        (a, centre, b)
        for centre, around in enumerate(neighbours)
        for k, a in enumerate(around)
        for b in around[k + 1 :]
    ]
    torsions = [
        (a, i, j, b)
        for i, j in bonds
        for a in neighbours[i]
        for b in neighbours[j]
        if a != j and b != i and a != b
    ]
    system = openmm.System()
    masses = [
        3.0 if atom.GetSymbol() == "H" else atom.GetMass() for atom in molecule.GetAtoms()
    ]  # heavier hydrogens: a longer step; the structure does not depend on masses
    # OPLS combines sigma geometrically, which OpenMM's NonbondedForce does not.
    nonbonded = openmm.CustomNonbondedForce(_PAIR + field.sigma)
    for parameter in "seq":
        nonbonded.addPerParticleParameter(parameter)
    nonbonded.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    nonbonded.setCutoffDistance(_CUTOFF)
    one_four = openmm.CustomBondForce(
        f"{field.one_four}*(4*e*(x^2 - x) + {_COULOMB}*q/r); x = (s/r)^6"
    )
    for parameter in "seq":
        one_four.addPerBondParameter(parameter)
    bond_force, angle_force = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    torsion_force = openmm.PeriodicTorsionForce()
    for copy in range(n_molecules):
        start = copy * n
        for atom in range(n):
            system.addParticle(masses[atom])
            sigma, epsilon = field.lennard_jones[names[atom]]
            nonbonded.addParticle([sigma / 10.0, epsilon * _KCAL, charges[atom]])
        for i, j in bonds:
            length = rdMolTransforms.GetBondLength(shape, i, j)
            k, r0 = _parameter(field.bonds, (names[i], names[j]), (_GENERIC_BOND, length))
            if "H" in (names[i][0], names[j][0]):
                system.addConstraint(start + i, start + j, r0 / 10.0)
            else:
                bond_force.addBond(start + i, start + j, r0 / 10.0, 200.0 * k * _KCAL)
        for i, j, k in angles:
            angle = rdMolTransforms.GetAngleDeg(shape, i, j, k)
            key = (names[i], names[j], names[k])
            stiffness, theta, *urey_bradley = _parameter(field.angles, key, (_GENERIC_ANGLE, angle))
            if urey_bradley:
                spring, length = urey_bradley
                bond_force.addBond(start + i, start + k, length / 10.0, 200.0 * spring * _KCAL)
            angle_force.addAngle(
                start + i, start + j, start + k, np.deg2rad(theta), 2.0 * stiffness * _KCAL
            )
        for torsion in torsions:
            terms = _parameter(field.torsions, tuple(names[i] for i in torsion))
            for period, value in enumerate(terms, start=1):
                if value:
                    phase = np.pi if period == 2 else 0.0
                    torsion_force.addTorsion(
                        *(start + i for i in torsion), period, phase, 0.5 * value * _KCAL
                    )
        for centre, name in enumerate(names):
            if name in field.impropers and len(neighbours[centre]) == 3:
                a, b, c = neighbours[centre]
                torsion_force.addTorsion(
                    start + a, start + b, start + centre, start + c,
                    2, np.pi, 0.5 * field.impropers[name] * _KCAL,
                )  # fmt: skip
        graph = Chem.GetDistanceMatrix(molecule)
        for i in range(n):
            for j in range(i + 1, n):
                if graph[i, j] > 3:
                    continue
                nonbonded.addExclusion(start + i, start + j)
                if graph[i, j] == 3:
                    (si, ei), (sj, ej) = (
                        field.lennard_jones[names[i]],
                        field.lennard_jones[names[j]],
                    )
                    sigma = np.sqrt(si * sj) if field is OPLS else 0.5 * (si + sj)
                    pair = [sigma / 10.0, np.sqrt(ei * ej) * _KCAL]
                    one_four.addBond(start + i, start + j, [*pair, charges[i] * charges[j]])
    for force in (nonbonded, one_four, bond_force, angle_force, torsion_force):
        system.addForce(force)
    system.setDefaultPeriodicBoxVectors([box, 0, 0], [0, box, 0], [0, 0, box])
    return system


# --- dynamics --------------------------------------------------------------------------------


def count_pairs(name: str, liquid: Liquid, options: argparse.Namespace) -> dict[str, Any]:
    """Pack, melt, cool and sample a box; histograms of the distances of its atoms."""
    molecule = molecule_of(liquid, options.seed)
    n_molecules = liquid.n_molecules
    mass = Descriptors.MolWt(molecule)
    box = (n_molecules * mass / (_AVOGADRO * liquid.density)) ** (1.0 / 3.0)  # Angstrom
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    elements = sorted(set(symbols))
    kinds = np.tile([elements.index(s) for s in symbols], n_molecules)
    owner = np.repeat(np.arange(n_molecules), len(symbols))
    rng = np.random.default_rng(options.seed)
    loose = 1.6 * box
    system = build_system(molecule, n_molecules, loose / 10.0, FORCE_FIELDS[liquid.force_field])
    integrator = openmm.LangevinMiddleIntegrator(liquid.melt, 5.0, 0.002)
    integrator.setRandomNumberSeed(options.seed)
    platform = openmm.Platform.getPlatformByName("CPU")
    context = openmm.Context(system, integrator, platform, {"Threads": str(options.threads)})
    context.setPositions(_packed(molecule, n_molecules, loose, rng) / 10.0)
    openmm.LocalEnergyMinimizer.minimize(context, 50.0, 200)
    context.setVelocitiesToTemperature(liquid.melt, options.seed)
    bar = tqdm(
        total=1.0001, desc=name, mininterval=5.0, bar_format="{l_bar}{bar}| {elapsed} {postfix}"
    )

    bar.set_postfix_str("packing")
    for length in np.geomspace(loose, box, 40)[1:]:
        _shrink(context, length / 10.0, len(symbols))
        openmm.LocalEnergyMinimizer.minimize(context, 100.0, 50)
        context.setVelocitiesToTemperature(liquid.melt, options.seed)
        integrator.step(100)
        bar.update(0.1 / 39)
    step = 0.004 if liquid.kind.startswith("liquid") else 0.002  # ps
    integrator.setStepSize(step)
    bar.set_postfix_str("melting, cooling")
    for temperature in np.r_[
        np.full(16, liquid.melt), np.linspace(liquid.melt, liquid.temperature, 16)
    ]:
        integrator.setTemperature(temperature)
        integrator.step(250 if liquid.melt <= 500.0 else 600)
        bar.update(0.3 / 32)
    integrator.setTemperature(liquid.temperature)
    integrator.setFriction(2.0)
    integrator.step(2500)

    bar.set_postfix_str("sampling")
    n_pairs = len(elements) * (len(elements) + 1) // 2
    inter = np.zeros((n_pairs, int(0.5 * box / _INTER_STEP)))
    intra = np.zeros((n_pairs, int(40.0 / _INTRA_STEP)))
    frames = int(options.picoseconds / _FRAME)
    for _ in range(frames):
        integrator.step(round(_FRAME / step))
        state = context.getState(getPositions=True)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        add_pairs(positions, owner, kinds, len(elements), box, inter, intra)
        bar.update(0.6 / frames)
    bar.close()
    return {
        "inter": inter / (frames * n_molecules),
        "intra": intra / (frames * n_molecules),
        "elements": np.array(elements),
        "composition": np.array([symbols.count(e) for e in elements]),
        "box": box,
        "n_molecules": n_molecules,
        "molar_mass": mass,
        "frames": frames,
        "sampled_ps": _FRAME * frames,
        "seed": options.seed,
    }


def _packed(molecule: Any, n_molecules: int, box: float, rng: np.random.Generator) -> np.ndarray:
    """Randomly turned molecules on a cubic lattice; Angstrom."""
    shape = molecule.GetConformer().GetPositions()
    shape = shape - shape.mean(axis=0)
    per_edge = int(np.ceil(n_molecules ** (1.0 / 3.0) - 1e-9))
    sites = np.stack(np.meshgrid(*[np.arange(per_edge)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = rng.permutation(sites)[:n_molecules] * (box / per_edge)
    turned = []
    for site in sites:
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn[:, 0] *= np.sign(np.linalg.det(turn))
        turned.append(shape @ turn.T + site)
    return np.concatenate(turned)


def _shrink(context: openmm.Context, box: float, n_atoms: int) -> None:
    """Scale the box; molecules keep their shape."""
    state = context.getState(getPositions=True)
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    old = state.getPeriodicBoxVectors(asNumpy=True).value_in_unit(unit.nanometer)[0, 0]
    molecules = positions.reshape(-1, n_atoms, 3)
    centres = molecules.mean(axis=1, keepdims=True)
    context.setPeriodicBoxVectors([box, 0, 0], [0, box, 0], [0, 0, box])
    context.setPositions((molecules + centres * (box / old - 1.0)).reshape(-1, 3))


@numba.njit
def add_pairs(positions, owner, kinds, n_elements, box, inter, intra):
    """Add the pairs of one frame to the histograms."""
    for i in range(len(positions)):
        for j in range(i + 1, len(positions)):
            same = owner[i] == owner[j]
            square = 0.0
            for axis in range(3):
                d = positions[i, axis] - positions[j, axis]
                if not same:  # molecules are whole; two of them meet across the box
                    d -= box * np.rint(d / box)
                square += d * d
            low, high = min(kinds[i], kinds[j]), max(kinds[i], kinds[j])
            pair = low * n_elements - low * (low - 1) // 2 + high - low
            r = np.sqrt(square)
            if same:
                intra[pair, int(r / _INTRA_STEP)] += 1.0
            elif r < len(inter[0]) * _INTER_STEP:
                inter[pair, int(r / _INTER_STEP)] += 1.0


# --- scattering ------------------------------------------------------------------------------


def pairs_of(elements: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of elements in the order of the histograms."""
    for a in range(len(elements)):
        for b in range(a, len(elements)):
            yield a, b


def pair_sums(counts: dict[str, Any], damping: float = _DAMPING) -> dict[str, np.ndarray]:
    """S_ab(Q) per molecule; both orders of a and b are counted."""
    elements = [str(e) for e in counts["elements"]]
    composition = counts["composition"]
    density = float(counts["n_molecules"]) / float(counts["box"]) ** 3
    edges = _INTER_STEP * np.arange(counts["inter"].shape[1] + 1)
    between = 0.5 * (edges[1:] + edges[:-1])
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    window = np.exp(-0.5 * (damping * between) ** 2)
    within = _INTRA_STEP * (np.arange(counts["intra"].shape[1]) + 0.5)
    result = {}
    for row, (a, b) in enumerate(pairs_of(elements)):
        orders = 1 if a == b else 2
        # Relative to n / V, not (n - 1) / V: the box holds all n molecules.
        excess = 2.0 * counts["inter"][row] - orders * composition[a] * composition[b] * (
            density * shells
        )
        used = counts["intra"][row] > 0
        total = np.sinc(Q[:, None] * between / np.pi) @ (excess * window)
        total += np.sinc(Q[:, None] * within[used] / np.pi) @ (2.0 * counts["intra"][row][used])
        result[f"{elements[a]}-{elements[b]}"] = total + (composition[a] if a == b else 0.0)
    return result


def write_curve(
    name: str,
    counts: dict[str, Any],
    out: Path,
    *,
    kind: str,
    description: str,
    density: float,
    temperature: float,
    method: dict[str, Any],
) -> None:
    """Write the sums as CSV and what they are as JSON."""
    sums = pair_sums(counts)
    table = np.column_stack([Q, *sums.values()])
    header = "q," + ",".join(sums)
    formats = ["%.2f"] + ["%.5f"] * len(sums)
    np.savetxt(out / f"{name}.csv", table, delimiter=",", header=header, comments="", fmt=formats)
    numbers = [round(float(n), 5) for n in counts["composition"]]
    facts = {
        "name": name,
        "kind": kind,
        "description": description,
        "composition": {
            str(e): int(n) if n == int(n) else n
            for e, n in zip(counts["elements"], numbers, strict=True)
        },
        "molar_mass": round(float(counts["molar_mass"]), 4),
        "density": density,
        "temperature": temperature,
        "columns": "pair sums S_ab(Q) per molecule over q in 1/Angstrom; see tools/solvent_md.py",
        "method": {
            **method,
            "n_molecules": int(counts["n_molecules"]),
            "box_angstrom": round(float(counts["box"]), 3),
            "sampled_ps": round(float(counts["sampled_ps"]), 1),
            "frames": int(counts["frames"]),
            "damping_per_angstrom": _DAMPING,
            "seed": int(counts["seed"]),
        },
        "versions": {
            "openmm": openmm.__version__,
            "rdkit": rdBase.rdkitVersion,
            "numpy": np.__version__,
        },
        "date": datetime.now(UTC).date().isoformat(),
    }
    (out / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()

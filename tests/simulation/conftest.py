"""The judge: sums and counts over all pairs of atoms, without any table."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sk_qdots.simulation import (
    Crystal,
    Sublattice,
    compton_intensity,
    debye_waller_factor,
    form_factor,
)

# Triclinic, three sublattices, two of them with the same offset to the first.
SKEWED = Crystal(
    "skewed",
    ((4.0, 0.0, 0.0), (0.7, 3.5, 0.0), (0.3, -0.4, 5.1)),
    (
        Sublattice("Cd", (0.0, 0.0, 0.0), 1.0),
        Sublattice("Se", (1.1, 0.9, 0.4), 0.8, occupancy=0.7),
        Sublattice("S", (-1.1, -0.9, -0.4), 0.6),
    ),
)
CRYSTALS = {
    "skewed": SKEWED,
    **{n: Crystal.builtin(n) for n in ("PbS", "CdSe wurtzite", "CsPbBr3 orthorhombic", "CeO2")},
}


@pytest.fixture(scope="session")
def crystals():
    return CRYSTALS


@pytest.fixture(scope="session")
def cif_folder():
    """CIFs of other people; they are not part of this project."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifs"
    if not folder.is_dir():
        pytest.skip("the CIFs are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def all_pairs():
    return _all_pairs


@pytest.fixture(scope="session")
def all_atoms_intensity():
    return _all_atoms_intensity


def _species_of_atoms(cluster):
    species = []
    for k, sublattice in enumerate(cluster.crystal.sublattices):
        species += [sublattice.species] * len(cluster.sublattice_nodes(k))
    return species


def _all_pairs(cluster, first, second):
    """Ordered pairs between two species (both ways), by distance rounded to 1e-4 Angstrom."""
    _, positions = cluster.atoms()
    kinds = np.array([hash(s) for s in _species_of_atoms(cluster)])
    a, b = positions[kinds == hash(first)], positions[kinds == hash(second)]
    lengths = np.round(np.linalg.norm(a[:, None] - b[None, :], axis=2).ravel(), 4)
    counts = Counter(lengths[lengths > 1e-6].tolist())
    return counts if first == second else Counter({d: 2 * n for d, n in counts.items()})


def _all_atoms_intensity(species, positions, q, wavelength, parts=None):
    """Sum over all pairs of atoms, float64; ``parts``: how much of each atom is there."""
    parts = np.ones(len(species)) if parts is None else parts
    occupancy = np.array([s.occupancy for s in species])
    free = {s: form_factor(s.element, q, wavelength, s.charge) for s in set(species)}
    f = np.array([free[s] for s in species])
    t = np.array([debye_waller_factor(s.b_iso, q) for s in species])
    total = ((parts**2 * occupancy)[:, None] * np.abs(f) ** 2).sum(axis=0)
    incoherent = {s.element: compton_intensity(s.element, q, wavelength) for s in set(species)}
    for s, o in zip(species, parts * occupancy, strict=True):
        total = total + o * incoherent[s.element]
    amplitude = (parts * occupancy)[:, None] * f * t
    gaps = np.linalg.norm(positions[:, None] - positions[None, :], axis=2)
    for k, value in enumerate(q):
        kernel = np.sinc(value * gaps / np.pi)
        kernel[gaps < 1e-6] = 0.0
        total[k] += (amplitude[:, k] @ kernel @ amplitude[:, k].conj()).real
    return total


@pytest.fixture(scope="session")
def species_of_atoms():
    return _species_of_atoms

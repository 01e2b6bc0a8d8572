r"""Distance tables: the pair distances of particles and how often each occurs.

Everything that the Debye sum needs to know of where the atoms are. A table is
made once (:func:`distance_table`), can be saved and loaded, and serves any
wavelength, radiation, displacement parameter, isotropic strain and mixture of
its particles.

Validated against the brute-force count over all pairs of atoms, integer for
integer, in ``tests/simulation/test_distances.py``.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from .._typing import CountArray, FloatArray
from ._free_pairs import free_pairs
from ._lattice_pairs import lattice_pairs, species_of
from ._layer_pairs import layer_pairs
from ._listed_pairs import listed_pairs
from .atoms import FreeAtoms
from .cluster import Cluster
from .layered import StackedCluster
from .pair_costs import PairMethod, checked_clusters, pair_counting_cost
from .sites import Species
from .stacking import Stacking

__all__ = ["DistanceTable", "PairDistances", "distance_table", "site_counts", "stacked_tables"]

_FORMAT = "sk_qdots distance table"
_FORMAT_VERSION = 1


@dataclass(frozen=True, eq=False)
class PairDistances:
    """Distances between all pairs of species that have the same ones.

    Parameters
    ----------
    pairs : tuple of (int, int)
        Pairs of species indices i <= j that these distances hold for.
    distances : ndarray of shape (n_distances,)
        Unique distances, ascending, in Angstrom; zero is left out.
    multiplicities : ndarray of shape (n_clusters, n_distances)
        Ordered pairs of atoms (both directions) for each pair of species; integers,
        but for a mixture.

    Examples
    --------
    >>> from sk_qdots.simulation import cut_cluster, distance_table
    >>> pairs = distance_table(cut_cluster("Pt", "sphere", diameter=2.0)).groups[0]
    >>> round(float(pairs.distances[0]), 3)
    2.774
    """

    pairs: tuple[tuple[int, int], ...]
    distances: FloatArray
    multiplicities: CountArray


@dataclass(frozen=True, eq=False)
class DistanceTable:
    """Pair distances of a series of particles.

    Parameters
    ----------
    name : str
        The crystal's or the particle's.
    species : tuple of Species
        Kinds of atoms.
    diameters : ndarray of shape (n_clusters,)
        Equivalent-sphere diameters in nm; NaN for free atoms.
    counts : ndarray of shape (n_clusters, n_species)
        Sites of each species; a site of a node that is occupied in part counts in part.
    self_counts : ndarray of shape (n_clusters, n_species)
        Sum of the squares of these parts: what the coherent self term multiplies.
        Equal to ``counts`` unless ``fill="volume"``.
    formula_units : ndarray of shape (n_clusters,)
        Formula units of each particle; its atoms, for free atoms.
    groups : tuple of PairDistances
        Every pair of species is in one of them.
    dimensions : mapping of str to ndarray of shape (n_clusters,), optional
        Other lengths of the particles, in nm.

    Examples
    --------
    >>> from sk_qdots.simulation import distance_table, homologous_series
    >>> distance_table(homologous_series("PbS", 3.0))
    DistanceTable(PbS: 7 particles, 97 distances)
    """

    name: str
    species: tuple[Species, ...]
    diameters: FloatArray
    counts: CountArray
    self_counts: CountArray
    formula_units: FloatArray
    groups: tuple[PairDistances, ...]
    dimensions: Mapping[str, FloatArray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        n_distances = sum(len(g.distances) for g in self.groups)
        return f"DistanceTable({self.name}: {len(self)} particles, {n_distances} distances)"

    def average(self, weights: npt.ArrayLike) -> DistanceTable:
        """Mix the particles of the table.

        Parameters
        ----------
        weights : array-like of shape (n_clusters,) or (n_mixtures, n_clusters)
            Number fractions, brought to a sum of 1, as
            :func:`sk_qdots.simulation.lognormal_weights` gives.

        Returns
        -------
        DistanceTable
            One entry a mixture; the averages are over particles.

        Raises
        ------
        ValueError
            If the weights do not fit the table or are negative.
        """
        rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise ValueError(
                f"weights has shape {np.shape(weights)}; the table has {len(self)} particles"
            )
        if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows.sum(axis=1) > 0).all()):
            raise ValueError("weights must be finite, not negative and not all zero")
        rows = rows / rows.sum(axis=1, keepdims=True)
        return replace(
            self,
            diameters=rows @ self.diameters,
            counts=rows @ self.counts,
            self_counts=rows @ self.self_counts,
            formula_units=rows @ self.formula_units,
            groups=tuple(replace(g, multiplicities=rows @ g.multiplicities) for g in self.groups),
            dimensions={key: rows @ value for key, value in self.dimensions.items()},
        )

    def digest(self) -> str:
        """Hash of everything in the table.

        Returns
        -------
        str
            Hexadecimal SHA-256.
        """
        facts = [self.name, [asdict(s) for s in self.species], [g.pairs for g in self.groups]]
        total = hashlib.sha256(json.dumps([*facts, list(self.dimensions)]).encode())
        arrays = [self.diameters, self.counts, self.self_counts, self.formula_units]
        for group in self.groups:
            arrays += [group.distances, group.multiplicities]
        for array in [*arrays, *self.dimensions.values()]:
            total.update(np.ascontiguousarray(array, dtype=np.float64).tobytes())
        return total.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the table to one file: a NumPy archive without pickle.

        Parameters
        ----------
        path : str or path-like
            Replaced if it exists, once the new file is complete.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        header = {
            "format": _FORMAT,
            "format_version": _FORMAT_VERSION,
            "name": self.name,
            "species": [asdict(s) for s in self.species],
            "pairs": [group.pairs for group in self.groups],
            "dimensions": list(self.dimensions),
        }
        # Any: for all that a checker knows, one is named as numpy's own option.
        arrays: dict[str, Any] = {
            "header": np.array(json.dumps(header)),
            "diameters": self.diameters,
            "counts": self.counts,
            "self_counts": self.self_counts,
            "formula_units": self.formula_units,
        }
        for k, group in enumerate(self.groups):
            arrays[f"distances_{k}"] = group.distances
            arrays[f"multiplicities_{k}"] = group.multiplicities
        for k, values in enumerate(self.dimensions.values()):
            arrays[f"dimension_{k}"] = values
        path = Path(path)
        partial = path.with_name(path.name + ".partial")
        try:
            with partial.open("wb") as file:
                np.savez_compressed(file, **arrays)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> DistanceTable:
        """Read a table that :meth:`save` wrote.

        Parameters
        ----------
        path : str or path-like

        Returns
        -------
        DistanceTable

        Raises
        ------
        ValueError
            If the file is missing, damaged or something else.
        """
        path = Path(path)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
                arrays = {key: data[key] for key in data.files}
            header = json.loads(str(arrays["header"]))
            if header["format"] != _FORMAT:
                raise KeyError("format")
            if header["format_version"] != _FORMAT_VERSION:
                raise ValueError(f"{path}: format version {header['format_version']} is not known")
            table = cls(
                name=str(header["name"]),
                species=tuple(Species(**s) for s in header["species"]),
                diameters=arrays["diameters"],
                counts=arrays["counts"],
                self_counts=arrays["self_counts"],
                formula_units=arrays["formula_units"],
                groups=tuple(
                    PairDistances(
                        tuple((int(i), int(j)) for i, j in pairs),
                        arrays[f"distances_{k}"],
                        arrays[f"multiplicities_{k}"],
                    )
                    for k, pairs in enumerate(header["pairs"])
                ),
                dimensions={
                    str(key): arrays[f"dimension_{k}"] for k, key in enumerate(header["dimensions"])
                },
            )
            table._check()
        except FileNotFoundError:
            raise ValueError(f"{path}: no such distance table") from None
        except (KeyError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile):
            raise ValueError(f"{path}: not a distance table, or damaged") from None
        except ValueError as error:
            if str(error).startswith(str(path)):
                raise
            raise ValueError(f"{path}: not a distance table, or damaged") from error
        return table

    def _check(self) -> None:
        """Refuse shapes and values that do not fit together."""
        n_clusters, n_species = len(self.diameters), len(self.species)
        fits = self.counts.shape == self.self_counts.shape == (n_clusters, n_species)
        fits = fits and self.formula_units.shape == (n_clusters,)
        fits = fits and all(v.shape == (n_clusters,) for v in self.dimensions.values())
        for group in self.groups:
            distances = group.distances
            fits = fits and group.multiplicities.shape == (n_clusters, len(distances))
            fits = fits and bool(np.all(np.diff(distances, prepend=0.0) > 0))
            fits = fits and all(0 <= i <= j < n_species for i, j in group.pairs)
        covered = sorted(pair for group in self.groups for pair in group.pairs)
        wanted = [(i, j) for i in range(n_species) for j in range(i, n_species)]
        if not fits or covered != wanted:
            raise ValueError("its parts do not fit together")


def distance_table(
    particles: Sequence[Cluster] | FreeAtoms | Cluster | StackedCluster | Sequence[StackedCluster],
    *,
    bin_width: float = 0.016,
    n_jobs: int | None = None,
    method: PairMethod = "auto",
) -> DistanceTable:
    """Count the pair distances of particles.

    Parameters
    ----------
    particles : Cluster or StackedCluster, sequence of these, or FreeAtoms
        Clusters cut from one crystal, in any order; what is expected of particles whose layers
        are faulted, with one stacking; or a particle of free atoms.
    bin_width : float, default=0.016
        For free atoms: the widest bin, in Angstrom. Distances that fall into one bin
        are replaced by two that have their mean and their spread (by one where they
        are equal). What is lost of the pair scattering is about the share
        (Q * bin_width)^4 / 4320: 8e-7 at 15 1/Angstrom.
    n_jobs : int, optional
        For free atoms: threads that count; -1 for all processors. The result does
        not depend on it.
    method : {"auto", "lattice", "free"}, default="auto"
        For clusters: along the lattice, which is fast for cells of few atoms, or
        their atoms pair by pair, for cells of many. The table is the same;
        ``"auto"`` takes what :func:`pair_counting_cost` estimates to be faster.

    Returns
    -------
    DistanceTable
        Atoms that are never there together make no pair: nearer than half the sum
        of their covalent radii (0.5 Angstrom at least) and filled to 1 or less
        together, or nearer than 0.5 Angstrom and not both full.

    Raises
    ------
    ValueError
        If there is no cluster, a cluster is empty or repeats a node, the clusters
        are of different crystals, two full free atoms stand in the same place, the
        bin width is not positive, or free atoms are to be counted along a lattice.

    Examples
    --------
    >>> from sk_qdots.simulation import Crystal, cut_cluster, distance_table
    >>> table = distance_table(cut_cluster(Crystal.builtin("PbS"), "sphere", 3.0))
    >>> round(float(table.groups[1].distances[0]), 3)  # Pb-S, Angstrom
    2.967
    """
    stacked = _layered(particles)
    if stacked:
        if method not in ("auto", "lattice"):
            raise ValueError(
                f"method is {method!r}, and layers are counted along them; take 'auto'"
            )
        if any(p.stacking != stacked[0].stacking for p in stacked):
            raise ValueError(
                "particles of different stackings cannot share a distance table; stacked_tables "
                "makes one for each stacking"
            )
        return stacked_tables(stacked, [stacked[0].stacking])[0]
    others = cast("Sequence[Cluster] | FreeAtoms | Cluster", particles)
    cost = pair_counting_cost(others, method=method, bin_width=bin_width)
    if isinstance(others, FreeAtoms):
        return _free_table(others, bin_width, n_jobs)
    clusters = checked_clusters(others)
    crystal = clusters[0].crystal
    count = listed_pairs if cost.method == "free" else lattice_pairs
    species, kinds = species_of(crystal)
    counts = site_counts(clusters, species, kinds, power=1)
    per_unit = len(crystal.sublattices) / crystal.formula_units
    names = list(clusters[0].dimensions)
    return DistanceTable(
        name=crystal.name,
        species=species,
        diameters=np.array([cluster.diameter for cluster in clusters]),
        counts=counts,
        self_counts=site_counts(clusters, species, kinds, power=2),
        formula_units=counts.sum(axis=1) / per_unit,
        groups=tuple(PairDistances(*group) for group in count(clusters)),
        dimensions={key: np.array([c.dimensions[key] for c in clusters]) for key in names},
    )


def _layered(particles: object) -> list[StackedCluster]:
    """Particles of layers; none, where there is any other one among them."""
    given = list(particles) if isinstance(particles, Sequence) else [particles]
    stacked = [p for p in given if isinstance(p, StackedCluster)]
    return stacked if len(stacked) == len(given) else []


def stacked_tables(
    particles: Sequence[StackedCluster], stackings: Sequence[Stacking]
) -> list[DistanceTable]:
    """Count the pairs that are expected of layered particles, for several stackings at once.

    Parameters
    ----------
    particles : sequence of StackedCluster
        Of one crystal; their own stackings do not count.
    stackings : sequence of Stacking
        What is slow is done once for all of them.

    Returns
    -------
    list of DistanceTable
        One a stacking.

    Raises
    ------
    ValueError
        If there is no particle or no stacking, or they are of different crystals or fills.

    Examples
    --------
    >>> from sk_qdots.simulation import Stacking, homologous_series, stacked_tables
    >>> series = homologous_series("Pt", 3.0, stacking=Stacking())
    >>> cubic, faulted = stacked_tables(series, [Stacking(), Stacking(growth=0.2)])
    >>> int(cubic.groups[0].multiplicities[-1].sum()) == int(
    ...     round(faulted.groups[0].multiplicities[-1].sum())
    ... )
    True
    """
    if len(particles) == 0:
        raise ValueError("particles is empty; give at least one")
    if not all(isinstance(p, StackedCluster) for p in particles):
        raise TypeError("particles are not all of layers: cut them with stacking=Stacking()")
    if len(stackings) == 0:
        raise ValueError("stackings is empty; give at least one")
    layers, fulls = particles[0].layers, [p.full for p in particles]
    if any(full.crystal != layers.fine for full in fulls):
        raise ValueError("particles of different crystals cannot share a distance table")
    if len({(f.occupancies is not None, f.filled is not None) for f in fulls}) > 1:
        raise ValueError("particles of different fills cannot share a distance table")
    species, kinds = species_of(layers.fine)
    # Of every three nodes of the fine lattice a sequence takes one.
    counts, self_counts = (
        np.asarray(site_counts(fulls, species, kinds, power=power), dtype=np.float64) / 3.0
        for power in (1, 2)
    )
    per_unit = len(layers.fine.sublattices) / layers.fine.formula_units
    return [
        DistanceTable(
            name=layers.crystal.name,
            species=species,
            diameters=np.array([full.diameter for full in fulls]),
            counts=counts,
            self_counts=self_counts,
            formula_units=counts.sum(axis=1) / per_unit,
            groups=tuple(PairDistances(*group) for group in groups),
        )
        for groups in layer_pairs(layers, fulls, stackings, species, kinds)
    ]


def site_counts(
    clusters: Sequence[Cluster], species: Sequence[Species], kinds: Sequence[int], power: int
) -> CountArray:
    """Sites of each species in each cluster; each counts with a power of its node's occupancy.

    Parameters
    ----------
    clusters : sequence of Cluster
    species, kinds : sequence
        Species of the crystal, and the number of each sublattice's among them.
    power : int

    Returns
    -------
    ndarray of shape (n_clusters, n_species)
    """
    whole = all(cluster.occupancies is None for cluster in clusters)
    counts: CountArray = np.zeros(
        (len(clusters), len(species)), dtype=np.int64 if whole else np.float64
    )
    for row, cluster in zip(counts, clusters, strict=True):
        for k, kind in enumerate(kinds):
            if cluster.occupancies is None:
                row[kind] += len(cluster.sublattice_nodes(k))
            else:
                row[kind] += (cluster.occupancies**power).sum()
    return counts


def _free_table(atoms: FreeAtoms, bin_width: float, n_jobs: int | None) -> DistanceTable:
    counts = np.bincount(atoms.kinds, minlength=len(atoms.species))
    return DistanceTable(
        name=atoms.name,
        species=atoms.species,
        diameters=np.array([np.nan]),
        counts=counts[None, :],
        self_counts=counts[None, :],
        formula_units=np.array([float(len(atoms))]),
        groups=tuple(PairDistances(*group) for group in free_pairs(atoms, bin_width, n_jobs)),
    )

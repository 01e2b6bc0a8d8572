"""Speed and error of the Debye engine beside others, in one run on one core.

    pip install DebyeCalculator==1.1.1
    python asv_bench/compare_peers.py

Prints CPU seconds, the ratio, and the largest relative error of each against the
float64 direct sum with the same form factors. Everything that is only done once in
a process (imports, reading databases) is done before the clock starts; cutting the
cluster and counting its distances is not.
"""

import itertools
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import xraydb
from threadpoolctl import threadpool_limits

import sk_qdots as sq
from sk_qdots.simulation import (
    Crystal,
    FreeAtoms,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
    pair_sums,
)
from sk_qdots.simulation.debye import AtomicFactors

WAVELENGTH = 0.56  # Angstrom
PBS = Crystal.builtin("PbS")
Q = sq.default_q_grid()
DIAMETERS = (3.0, 5.0, 8.0, 10.0)  # nm


def cpu_seconds(function, repeats=3):
    """Smallest CPU time of a few calls, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        result = function()
        times.append(time.process_time() - start)
    return min(times), result


def largest_relative_error(found, expected):
    return float(np.abs(found / expected - 1.0).max())


def ours(diameter, method="fast"):
    table = distance_table(cut_cluster(PBS, "sphere", diameter))
    return debye_intensity(table, Q, wavelength=WAVELENGTH, method=method)[0]


def ours_free(atoms):
    return debye_intensity(distance_table(atoms, n_jobs=1), Q, wavelength=WAVELENGTH)[0]


def peer_expected(cluster, q):
    """What DebyeCalculator should give: f0 alone, no damping."""
    lead, sulfur = (np.asarray(xraydb.f0(e, q / (4 * np.pi))) for e in ("Pb", "S"))
    same, cross = (s[0] for s in pair_sums(distance_table(cluster), q, method="direct"))
    alike = lead**2 + sulfur**2
    return len(cluster.nodes) * alike + alike * same + lead * sulfur * cross


def compare_spheres():
    try:
        from debyecalculator import DebyeCalculator
    except ImportError:
        print("DebyeCalculator is not installed: pip install DebyeCalculator==1.1.1")
        return
    import torch

    torch.set_num_threads(1)
    peer = DebyeCalculator(qmin=0.99, qmax=15.0, qstep=0.0028, biso=0.0, device="cpu")
    peer.iq(cut_cluster(PBS, "sphere", 1.0).atoms())
    ours(1.0)
    print("\nPbS spheres from the lattice, 5004 points, one core, cutting and distances included")
    print("Largest error relative to the pattern at each point")
    print("  nm    atoms   ours/s    error     peer/s    error     ratio")
    peer_times = {}
    for diameter in DIAMETERS:
        cluster = cut_cluster(PBS, "sphere", diameter)
        own_time, own = cpu_seconds(lambda d=diameter: ours(d), repeats=20)
        atoms = cluster.atoms()
        peer_times[diameter], result = cpu_seconds(lambda a=atoms: peer.iq(a), repeats=2)
        q = np.asarray(result[0], dtype=np.float64)
        found = 2.0 * np.asarray(result[1])  # the peer returns half of the intensity
        expected = peer_expected(cluster, q)
        print(
            f"{diameter:4.0f} {len(atoms[0]):8d} {own_time:8.4f} "
            f"{largest_relative_error(own, ours(diameter, 'direct')):9.1e} "
            f"{peer_times[diameter]:9.3f} {largest_relative_error(found, expected):9.1e} "
            f"{peer_times[diameter] / own_time:8.0f}"
        )

    atoms = FreeAtoms(*cluster.atoms(), b_iso=1.25)
    ours_free(FreeAtoms(*cut_cluster(PBS, "sphere", 1.0).atoms()))  # compiles the kernel
    own_time, own = cpu_seconds(lambda: ours_free(atoms))
    judge = ours(diameter, "direct")
    print("\nThe coordinates of the largest as free atoms, error relative to the maximum")
    print(
        f"ours {own_time:.3f} s, error {np.abs(own - judge).max() / judge.max():.1e}; "
        f"peer {peer_times[diameter]:.3f} s, error "
        f"{np.abs(found - expected).max() / expected.max():.1e}; "
        f"ratio {peer_times[diameter] / own_time:.1f}"
    )


def plain_library():
    """The published library by sine matrices and matrix products."""
    diameters, dispersions = np.arange(2.0, 10.5, 0.5), (0.05, 0.10, 0.15, 0.20)
    strains = np.linspace(-0.0025, 0.0051, 19)
    table = distance_table(homologous_series(PBS, 20.75, fill="volume"))
    weights = np.array(
        [lognormal_weights(table.diameters, *p) for p in itertools.product(diameters, dispersions)]
    )
    factors = AtomicFactors(table, Q, wavelength=WAVELENGTH, compton=True)
    counts, self_counts = weights @ table.counts, weights @ table.self_counts
    n_cells = weights @ table.formula_units
    patterns = []
    for strain in strains:
        sums = [weights @ s for s in pair_sums(table, Q, strain=strain, method="direct")]
        patterns.append(factors.intensity(counts, self_counts, sums) / n_cells[:, None])
    return np.stack(patterns, axis=1).reshape(17, 4, 19, -1)


def compare_library():
    sq.simulate_library("PbS", diameters=[2.0], dispersions=[0.1], strains=[0.0])
    fast_time, library = cpu_seconds(lambda: sq.simulate_library("PbS", n_jobs=1))
    plain_time, plain = cpu_seconds(plain_library, repeats=1)
    error = largest_relative_error(library["intensity"].values, plain)
    print("\nThe published library, 1292 patterns of 5004 points, distances included")
    print(f"ours {fast_time:.2f} s, sine matrix and products {plain_time:.1f} s,", end=" ")
    print(f"ratio {plain_time / fast_time:.1f}, largest relative difference {error:.0e} (float32)")


def main():
    print(f"{datetime.now(UTC).date()}, {platform.machine()}, Python {platform.python_version()}")
    for package in ("sk_qdots", "numpy", "finufft", "torch", "DebyeCalculator"):
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package} is not installed")
    with threadpool_limits(1):
        compare_spheres()
        compare_library()


if __name__ == "__main__":
    main()

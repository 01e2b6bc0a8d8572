"""Speed and error of the Debye engine beside others, in one run on one thread.

    pip install DebyeCalculator==1.1.1 pyausaxs==1.3.0
    python asv_bench/compare_peers.py

Prints, for spheres of PbS cut from the lattice and with every atom displaced, the CPU
seconds of each program, the error of its pattern, and the exponent p of its cost, N^p. A
program that is not installed is left out, with a line that says how to get it.

The judge is the sum over all pairs of atoms in float64, with the form factors of the
program that it judges and on its scale; no scale is fitted. DebyeCalculator gives half of
the intensity, debyer the intensity per atom. pyausaxs has no form factors of most elements:
its `debye_raw`, which knows neither hydration nor excluded volume, takes one number per
atom, here the atomic number (a pattern with form factors would take a run for each pair of
elements).

Everything that is only done once in a process (imports, reading databases, compiling) is
done before the clock starts. Cutting a cluster and counting distances is not; nor is
starting debyer, which is a command, and reading its file of atoms.
"""

import argparse
import importlib
import itertools
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import gemmi
import numba
import numpy as np
import xraydb
from scipy.spatial.distance import cdist, pdist
from threadpoolctl import threadpool_limits

import sk_qdots as sq
from sk_qdots.simulation import (
    Cluster,
    Crystal,
    FreeAtoms,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_weights,
    pair_sums,
)
from sk_qdots.simulation.debye import AtomicFactors, sine_sums
from sk_qdots.simulation.scattering_factors import form_factor

WAVELENGTH = 0.56  # Angstrom
PBS = Crystal.builtin("PbS")
DIAMETERS = (5.0, 10.0, 15.0)  # nm
WARM_UP = (2.0, 3.0)  # nm
DISPLACEMENT = 0.1  # Angstrom, standard deviation along each axis
Q_STEP = 23 / 8192  # 1/Angstrom; every Q is exact in float32, in which some peers keep it
Q = 1.0 + Q_STEP * np.arange(4987)
FINE_BIN = 0.01  # Angstrom; of pyausaxs, beside its own
MOST_REPEATS, REPEAT_SECONDS = 20, 20.0

PACKAGES = ("sk_qdots", "numpy", "numba", "finufft", "torch", "DebyeCalculator", "pyausaxs")

Array = np.ndarray


class NotInstalledError(Exception):
    """A peer is not there; the message says how to get it."""


@dataclass(frozen=True)
class Particle:
    """Atoms, and the cluster that they are where nothing is displaced."""

    diameter: float  # nm
    symbols: Array
    positions: Array  # Angstrom
    cluster: Cluster | None = None

    @classmethod
    def sphere(cls, diameter: float, displaced: bool) -> "Particle":
        cluster = cut_cluster(PBS, "sphere", diameter)
        symbols, positions = cluster.atoms()
        if not displaced:
            return cls(diameter, np.array(symbols), positions, cluster)
        noise = np.random.default_rng(0).normal(scale=DISPLACEMENT, size=positions.shape)
        return cls(diameter, np.array(symbols), positions + noise)

    @cached_property
    def elements(self) -> list[str]:
        return sorted(set(self.symbols))

    @cached_property
    def element_pairs(self) -> list[tuple[str, str]]:
        return list(itertools.combinations_with_replacement(self.elements, 2))

    @cached_property
    def judged_sums(self) -> list[Array]:
        """Sum of sin(Qd)/(Qd) over the pairs of atoms of each pair of elements."""
        return judged_sums([self.of(a, b) for a, b in self.element_pairs], Q)

    @cached_property
    def xyz_file(self) -> str:
        lines = [
            f"{symbol} {x:.8f} {y:.8f} {z:.8f}\n"
            for symbol, (x, y, z) in zip(self.symbols, self.positions, strict=True)
        ]
        return f"{len(lines)}\n\n{''.join(lines)}"

    def of(self, first: str, second: str) -> tuple[Array, Array | None]:
        """Positions of two elements; those of one only once."""
        one, other = (self.positions[self.symbols == element] for element in (first, second))
        return one, None if first == second else other

    def pattern(self, factors: dict[str, Array], sums: list[Array]) -> Array:
        """Intensity of all atoms with form factors that may be complex."""
        total = sum(n * np.abs(factors[e]) ** 2 for e, n in Counter(self.symbols).items())
        for (first, second), pair_sum in zip(self.element_pairs, sums, strict=True):
            total = total + 2.0 * (factors[first] * np.conj(factors[second])).real * pair_sum
        return total


@dataclass(frozen=True)
class Program:
    """How a program computes a pattern at Q, and the form factor it has for an element."""

    name: str
    run: Callable[[Particle], Array]
    factor: Callable[[str], Array]
    displaced: bool | None = None  # the only kind of particle that it is for


@dataclass(frozen=True)
class Result:
    """Cost and relative errors of one pattern; without errors where it was not computed."""

    n_atoms: int
    seconds: float
    rms: float | None = None
    largest: float | None = None

    def __str__(self) -> str:
        if self.rms is None:
            return f"{f'skipped (about {self.seconds:.1e} s)':>27}"
        return f"{self.seconds:>9.3g}{self.rms:9.1e}{self.largest:9.1e}"


# The judge


@cache
def add_moments() -> Callable[[Array, Array, bool, float, Array], None]:
    @numba.njit
    def add(first, second, alike, width, moments):
        for i in range(len(first)):
            for j in range(i + 1 if alike else 0, len(second)):
                dx = first[i, 0] - second[j, 0]
                dy = first[i, 1] - second[j, 1]
                dz = first[i, 2] - second[j, 2]
                distance = np.sqrt(dx * dx + dy * dy + dz * dz)
                k = int(distance / width)
                off, term = distance - (k + 0.5) * width, 1.0 / distance
                for power in range(4):
                    moments[k, power] += term
                    term *= off

    return add


def judged_sums(groups: list[tuple[Array, Array | None]], q: Array) -> list[Array]:
    """Sum sin(qd)/(qd) over all pairs of atoms of each group, in float64.

    The sine is expanded about the centre of narrow bins of distance, to the third power: what
    is left out, (q width / 2)^4 / 24, is 1e-10.
    """
    width = 1e-3  # Angstrom
    everywhere = np.concatenate([p for group in groups for p in group if p is not None])
    n_bins = int(np.linalg.norm(np.ptp(everywhere, axis=0)) / width) + 1
    moments = np.zeros((len(groups), n_bins, 4))
    for (first, second), own in zip(groups, moments, strict=True):
        alike = second is None
        add_moments()(first, first if alike else second, alike, width, own)
    used = np.flatnonzero(moments[:, :, 0].any(axis=0))
    totals = np.zeros((len(groups), len(q)))
    for some in np.array_split(used, len(used) // 512 + 1):
        phases = np.multiply.outer((some + 0.5) * width, q)
        terms = np.moveaxis(moments[:, some], 2, 0)  # powers, groups, bins
        sine, cosine = np.sin(phases), np.cos(phases)
        totals += terms[0] @ sine + q * (terms[1] @ cosine)
        totals -= q**2 / 2 * (terms[2] @ sine) + q**3 / 6 * (terms[3] @ cosine)
    return list(totals / q)


# The programs


def f0(element: str) -> Array:
    """Waasmaier and Kirfel, as xraydb has it."""
    return np.asarray(xraydb.f0(element, Q / (4 * np.pi)))


def f_tables(element: str) -> Array:
    """International Tables C (1992), as gemmi and debyer have them."""
    table = gemmi.Element(element).it92
    return np.array([table.calculate_sf(s2) for s2 in (Q / (4 * np.pi)) ** 2])


def f_ours(element: str) -> Array:
    return form_factor(element, Q, WAVELENGTH)


def f_constant(element: str) -> Array:
    return np.full(len(Q), float(gemmi.Element(element).atomic_number))


def our_pattern(table) -> Array:
    return debye_intensity(table, Q, wavelength=WAVELENGTH, b_iso=0.0, compton=False)[0]


def our_programs() -> list[Program]:
    def lattice(particle):
        return our_pattern(distance_table(cut_cluster(PBS, "sphere", particle.diameter)))

    def free(particle):
        atoms = FreeAtoms(particle.symbols.tolist(), particle.positions, b_iso=0.0)
        return our_pattern(distance_table(atoms, n_jobs=1))

    return [
        Program("sk_qdots, lattice", lattice, f_ours, displaced=False),
        Program("sk_qdots, free atoms", free, f_ours),
    ]


def sine_matrices() -> list[Program]:
    def distinct(particle):
        table = distance_table(cut_cluster(PBS, "sphere", particle.diameter))
        factors = AtomicFactors(table, Q, wavelength=WAVELENGTH, b_iso=0.0, compton=False)
        sums = pair_sums(table, Q, method="direct")
        return factors.intensity(table.counts, table.self_counts, sums)[0]

    def all_pairs(particle):
        sums = []
        for first, second in itertools.starmap(particle.of, particle.element_pairs):
            distances = pdist(first) if second is None else cdist(first, second).ravel()
            sums.append(sine_sums(distances, 1.0 / distances[None], Q, "direct")[0] / Q)
        return particle.pattern({e: f_ours(e) for e in particle.elements}, sums)

    return [
        Program("sine matrix, distinct", distinct, f_ours, displaced=False),
        Program("sine matrix, all pairs", all_pairs, f_ours, displaced=True),
    ]


def imported(module: str, requirement: str):
    try:
        return importlib.import_module(module)
    except ImportError:
        raise NotInstalledError(f"{module}: not installed (pip install {requirement})") from None


def debye_calculator() -> list[Program]:
    calculator = imported("debyecalculator", "DebyeCalculator==1.1.1").DebyeCalculator
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)

    def program(name, dtype):
        peer = calculator(
            qmin=Q[0],
            qmax=Q[-1] + Q_STEP / 2,
            qstep=Q_STEP,
            biso=0.0,
            device="cpu",
            dtype=dtype,
            num_threads=1,
        )
        if not np.array_equal(np.ravel(peer.q), Q):
            raise RuntimeError("DebyeCalculator has another grid of Q than was asked for")

        def run(particle):
            found = peer.iq((particle.symbols.tolist(), particle.positions)).i
            return 2.0 * np.asarray(found, dtype=np.float64)

        return Program(f"DebyeCalculator, {name}", run, f0)

    return [program("float32", torch.float32), program("float64", torch.float64)]


def ausaxs() -> list[Program]:
    peer = imported("pyausaxs", "pyausaxs==1.3.0")
    peer.settings.general(offline=True, verbose=False, warnings=False, threads=1)

    def run(particle, width):
        peer.settings.histogram(bin_width=width, weighted_bins=True)
        weights = np.empty(len(particle.symbols))
        for element in particle.elements:
            weights[particle.symbols == element] = gemmi.Element(element).atomic_number
        return peer.create_molecule(*particle.positions.T, weights).debye_raw(Q)[1]

    return [
        Program(f"pyausaxs, bins of {width:g} A", partial(run, width=width), f_constant)
        for width in (peer.settings.get("bin_width"), FINE_BIN)
    ]


def debyer() -> list[Program]:
    command = shutil.which("debyer")
    if command is None:
        raise NotInstalledError(
            "debyer: not installed (neither on PyPI nor in Debian: build wojdyr/debyer from "
            "GitHub and put its command on the PATH)"
        )

    def run(particle):
        with tempfile.TemporaryDirectory() as folder:
            atoms, found = Path(folder, "atoms.xyz"), Path(folder, "pattern.xq")
            atoms.write_text(particle.xyz_file, encoding="utf-8")
            options = [
                f"--from={Q[0] - Q_STEP / 2}",  # its points lie half a step further on
                f"--to={Q[-1] + Q_STEP}",
                f"--step={Q_STEP}",
                f"--output={found}",
            ]
            subprocess.run(
                [command, "--quiet", "--xray", *options, str(atoms)],
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            return len(particle.symbols) * read_debyer(found)

    return [Program("debyer", run, f_tables)]


def read_debyer(path: Path) -> Array:
    """Intensity per atom at Q from a pattern of debyer: two columns of six digits."""
    text = path.read_text(encoding="utf-8")
    if not text.startswith("#debyer-pattern x-ray Q"):
        raise ValueError(f"not a pattern of debyer in Q: {text[:60]!r}")
    q, intensity = np.loadtxt(text.splitlines(), ndmin=2).T
    if len(q) != len(Q) or not np.allclose(q, Q, rtol=1e-5, atol=0.0):
        raise ValueError(f"debyer's Q is {q[0]} to {q[-1]} ({len(q)} points), not what was asked")
    return intensity


PEERS = (debye_calculator, ausaxs, debyer)


def installed_programs() -> list[Program]:
    """Ours, and those of the peers that are here; says which are not."""
    programs = our_programs()
    for peer in PEERS:
        try:
            programs += peer()
        except NotInstalledError as missing:
            print(missing)
    return programs + sine_matrices()


# Cost and error


def cpu_clock() -> float:
    """CPU seconds of this process and of the commands that it has waited for."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def cpu_seconds(function, most=None):
    """Smallest CPU time of a few calls (of one, where it takes long), and the last result."""
    times: list[float] = []
    most = most or MOST_REPEATS
    while not times or (len(times) < most and sum(times) + min(times) < REPEAT_SECONDS):
        start = cpu_clock()
        result = function()
        times.append(cpu_clock() - start)
    return min(times), result


def exponent(results: list[Result]) -> float:
    """p of the cost N^p, by least squares; nan of fewer than two sizes."""
    done = [r for r in results if r.rms is not None]
    if len({r.n_atoms for r in done}) < 2:
        return np.nan
    atoms, seconds = np.log([[r.n_atoms, max(r.seconds, 1e-6)] for r in done]).T
    return float(np.polyfit(atoms, seconds, 1)[0])


def foreseen(results: list[Result], n_atoms: int) -> float:
    """Seconds that a size will take, from the last two that were computed."""
    done = [r for r in results if r.rms is not None][-2:]
    if len(done) < 2:
        return 0.0
    return done[-1].seconds * (n_atoms / done[-1].n_atoms) ** exponent(done)


def measured(program: Program, particle: Particle, before: list[Result], limit: float) -> Result:
    n_atoms = len(particle.symbols)
    if (wait := foreseen(before, n_atoms)) > limit:
        return Result(n_atoms, wait)
    seconds, found = cpu_seconds(partial(program.run, particle))
    factors = {element: program.factor(element) for element in particle.elements}
    error = found / particle.pattern(factors, particle.judged_sums) - 1.0
    return Result(n_atoms, seconds, float(np.sqrt((error**2).mean())), float(np.abs(error).max()))


def compare_spheres(programs, diameters, limit, displaced):
    programs = [p for p in programs if p.displaced in (None, displaced)]
    particles = [Particle.sphere(d, displaced) for d in (*WARM_UP, *diameters)]
    how = f"every atom displaced by {DISPLACEMENT} A along each axis" if displaced else "as cut"
    print(f"\nSpheres of PbS, {how}")
    sizes = [f"{p.diameter:g} nm, {len(p.symbols)} atoms" for p in particles[len(WARM_UP) :]]
    print(" " * 24 + "".join(f"{size:>27}" for size in sizes))
    print(" " * 24 + f"{'CPU s':>9}{'rms':>9}{'largest':>9}" * len(sizes) + f"{'p':>7}")
    for program in programs:
        program.run(particles[0])
        results: list[Result] = []
        for particle in particles:
            results.append(measured(program, particle, results, limit))
        shown = results[len(WARM_UP) :]
        power = exponent(shown)
        end = "-" if np.isnan(power) else f"{power:.2f}"
        print(f"{program.name:24}{''.join(map(str, shown))}{end:>7}", flush=True)


def plain_library(q):
    """The published library by sine matrices and matrix products."""
    diameters, dispersions = np.arange(2.0, 10.5, 0.5), (0.05, 0.10, 0.15, 0.20)
    strains = np.linspace(-0.0025, 0.0051, 19)
    table = distance_table(homologous_series(PBS, 20.75, fill="volume"))
    weights = np.array(
        [lognormal_weights(table.diameters, *p) for p in itertools.product(diameters, dispersions)]
    )
    factors = AtomicFactors(table, q, wavelength=WAVELENGTH, compton=True)
    counts, self_counts = weights @ table.counts, weights @ table.self_counts
    n_cells = weights @ table.formula_units
    patterns = []
    for strain in strains:
        sums = [weights @ s for s in pair_sums(table, q, strain=strain, method="direct")]
        patterns.append(factors.intensity(counts, self_counts, sums) / n_cells[:, None])
    return np.stack(patterns, axis=1).reshape(17, 4, 19, -1)


def compare_library():
    sq.simulate_library("PbS", diameters=[2.0], dispersions=[0.1], strains=[0.0])
    fast_time, library = cpu_seconds(lambda: sq.simulate_library("PbS", n_jobs=1), most=3)
    plain_time, plain = cpu_seconds(partial(plain_library, sq.default_q_grid()), most=2)
    error = np.abs(library["intensity"].values / plain - 1.0).max()
    print("\nThe published library, 1292 patterns of 5004 points, distances included")
    print(f"ours {fast_time:.2f} s, sine matrix and products {plain_time:.1f} s,", end=" ")
    print(f"ratio {plain_time / fast_time:.1f}, largest relative difference {error:.0e} (float32)")


# The report


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def print_header(arguments, limit):
    print(f"$ {' '.join(['python asv_bench/compare_peers.py', *arguments])}")
    print(f"{datetime.now(UTC).date()}, {platform.machine()}, {processor()},", end=" ")
    print(f"{platform.system()}, Python {platform.python_version()}")
    for package in PACKAGES:
        try:
            print(f"  {package} {version(package)}")
        except PackageNotFoundError:
            print(f"  {package} is not installed")
    if command := shutil.which("debyer"):
        told = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
        print(f"  {told.stdout.strip()}")
    print(f"\nOne thread; {len(Q)} Q from {Q[0]:g} to {Q[-1]:.0f} 1/A; the smallest of several")
    print(f"CPU times (of one where they are longer than {REPEAT_SECONDS / 2:g} s).")
    print("Errors: of each point, relative to the sum over all pairs in float64 with the form")
    print("factors and on the scale of each program: DebyeCalculator gives I / 2, debyer I per")
    print("atom, pyausaxs takes constant weights (here Z), without hydration and excluded volume.")
    print("No scale is fitted. p: over the sizes shown, the cost grows as N^p for N atoms.")
    print(f"Sizes that would take more than {limit:g} s are skipped.\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="The Debye engine beside others.")
    parser.add_argument(
        "--seconds", type=float, default=240.0, help="skip what takes longer (240 by default)"
    )
    parser.add_argument("--diameters", type=float, nargs="+", default=DIAMETERS, help="in nm")
    options = parser.parse_args(arguments)
    print_header(sys.argv[1:] if arguments is None else arguments, options.seconds)
    with threadpool_limits(1):
        programs = installed_programs()
        for displaced in (False, True):
            compare_spheres(programs, options.diameters, options.seconds, displaced)
        compare_library()


if __name__ == "__main__":
    main()

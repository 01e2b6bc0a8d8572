"""Speed of every stage: import, simulation, augmentation, standardising, sizing."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.augmentation import LABORATORIES
from sk_qdots.model_selection import measured_samples, robustness_conditions
from sk_qdots.posterior import DebyePosterior
from sk_qdots.simulation import (
    Crystal,
    FreeAtoms,
    Stacking,
    Sublattice,
    cut_cluster,
    debye_intensity,
    distance_table,
    homologous_series,
    lognormal_upper_diameter,
    stacked_tables,
)

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/data/PbS_colloid.xy"


def _python(code):
    subprocess.run([sys.executable, "-c", code], check=True)


class Start:
    """Cold starts, each in a process of its own."""

    def time_python_alone(self):
        _python("pass")

    def time_import(self):
        _python("import sk_qdots")

    def _size(self, *options):
        command = [sys.executable, "-m", "sk_qdots.cli", "size", EXAMPLE, "--wavelength", "0.5642"]
        subprocess.run([*command, *options], check=True, capture_output=True)

    def time_size_command(self):
        self._size()

    def time_size_command_with_plot(self):
        with tempfile.TemporaryDirectory() as folder:
            self._size("--plot", str(Path(folder, "plot.png")))


class Sphere:
    """One PbS sphere on the standard grid, tables included."""

    params = (3.0, 5.0, 10.0, 20.0)
    param_names = ("diameter_nm",)

    def setup(self, diameter):
        self._pattern(1.0)  # reads the databases

    def _pattern(self, diameter):
        table = distance_table(cut_cluster(Crystal.builtin("PbS"), "sphere", diameter))
        debye_intensity(table, sq.default_q_grid(), wavelength=0.56)

    def time_pattern(self, diameter):
        self._pattern(diameter)

    def peakmem_pattern(self, diameter):
        self._pattern(diameter)


class FreeAtomsPattern:
    """A PbS sphere, every atom moved a little, on the standard grid, one thread."""

    params = (1_000, 5_000, 20_000)
    param_names = ("n_atoms",)
    timeout = 300

    def setup(self, n_atoms):
        elements, positions = cut_cluster(Crystal.builtin("PbS"), "sphere", 10.0).atoms()
        nearest = np.argsort(np.linalg.norm(positions, axis=1))[:n_atoms]
        moved = positions[nearest] + np.random.default_rng(0).normal(0.0, 0.05, (n_atoms, 3))
        self.atoms = FreeAtoms(np.array(elements)[nearest], moved)
        # Compiles the kernel and reads the databases.
        self._pattern(FreeAtoms(["Pb", "S"], [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]))

    def _pattern(self, atoms):
        debye_intensity(distance_table(atoms), sq.default_q_grid(), wavelength=0.56)

    def time_pattern(self, n_atoms):
        self._pattern(self.atoms)

    def peakmem_pattern(self, n_atoms):
        self._pattern(self.atoms)


class ManyFreeAtoms:
    """200,000 free atoms on all processors: memory must not grow with their square."""

    timeout = 600

    def peakmem_pattern(self):
        elements, positions = cut_cluster(Crystal.builtin("PbS"), "sphere", 21.6).atoms()
        moved = positions + np.random.default_rng(0).normal(0.0, 0.05, positions.shape)
        table = distance_table(FreeAtoms(elements, moved), n_jobs=-1)
        debye_intensity(table, sq.default_q_grid(), wavelength=0.56)


class Library:
    """The published library, 1292 patterns."""

    params = (1, 2)
    param_names = ("n_jobs",)
    timeout = 300

    def setup(self, n_jobs):
        # The workers' start is not what is measured.
        sq.simulate_library("PbS", dispersions=[0.1], n_jobs=n_jobs)

    def time_simulate(self, n_jobs):
        sq.simulate_library("PbS", n_jobs=n_jobs)

    def peakmem_simulate(self, n_jobs):
        sq.simulate_library("PbS", n_jobs=n_jobs)


class Factorial:
    """The published data set: 41,344 patterns, 207 million counts, one thread."""

    timeout = 300

    def setup(self):
        self.library = sq.simulate_library("PbS")
        sq.augment_library(self.library.isel(diameter=[0], strain=[0]), random_state=0)  # compiles

    def time_augment(self):
        sq.augment_library(self.library, random_state=0)

    def peakmem_augment(self):
        sq.augment_library(self.library, random_state=0)


class Batch:
    """One training batch, 256 patterns of 5004 points, drawn afresh."""

    params = ("everything", "anywhere", "world", "ideal", "synchrotron", "lab-cu", "lab-mo")
    param_names = ("laboratory",)

    def setup(self, laboratory):
        if laboratory == "everything":  # every effect on every pattern, the range whole
            laboratory = replace(
                LABORATORIES["lab-mo"],
                dry_share=0.0,
                full_range_share=1.0,
                fine_share=0.0,
                background_share=1.0,
                wavelength_error=(-0.001, 0.001),
                polarised_share=1.0,
                texture_share=1.0,
                factors_share=1.0,
                ligand_share=1.0,
                fluorescence_share=1.0,
                slow_error_share=1.0,
            )
        library = sq.simulate_library("PbS", dispersions=[0.1], strains=[0.0])
        X, _, _ = sq.library_samples(library)
        self.X = np.tile(sq.QStandardizer().fit_transform(X), (16, 1))[:256]
        self.experiment = sq.RandomExperiment(laboratory, random_state=0).fit(self.X)
        self.rng = np.random.default_rng(0)
        self.experiment.perturb(self.X[:2], self.rng)  # compiles

    def time_perturb(self, laboratory):
        self.experiment.perturb(self.X, self.rng)


class Standardize:
    """10,000 patterns of 23,000 points onto the standard grid."""

    number, repeat = 1, 3
    timeout = 300
    n_samples, n_points = 10_000, 23_000

    def setup(self):
        q = np.linspace(0.9, 15.1, self.n_points)
        rng = np.random.default_rng(0)
        values = np.empty((self.n_samples, self.n_points), np.float32)
        for block in np.split(values, 20):
            block[:] = rng.random(block.shape, dtype=np.float32) + 100.0 / q
        self.X = xr.DataArray(values, dims=("sample", "q"), coords={"q": q})
        self.standardizer = sq.QStandardizer().fit(self.X[:1])

    def time_transform(self):
        self.standardizer.transform(self.X)

    def peakmem_transform(self):
        self.standardizer.transform(self.X)


class Read:
    """A measured file of 20,000 points."""

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        two_theta = np.linspace(5.0, 90.0, 20_000)
        self.path = Path(self.folder.name) / "sample.xye"
        counts = 1000.0 + two_theta
        np.savetxt(self.path, np.column_stack([two_theta, counts, counts**0.5]), fmt="%.5f")

    def teardown(self):
        self.folder.cleanup()

    def time_columns(self):
        sq.read_pattern(self.path, wavelength=0.56)


class ThroughInstrument:
    """The published library, 1292 patterns of 5004 points, as an instrument sees it."""

    params = ("synchrotron", "lab-mo")
    param_names = ("instrument",)

    def setup(self, instrument):
        q = sq.default_q_grid()
        rng = np.random.default_rng(0)
        values = rng.random((1292, len(q)), dtype=np.float32)
        self.patterns = xr.DataArray(values, dims=("sample", "q"), coords={"q": q})
        self.instrument = sq.load_instrument(instrument)

    def time_apply(self, instrument):
        self.instrument.apply(self.patterns)

    def peakmem_apply(self, instrument):
        self.instrument.apply(self.patterns)


class Predict:
    """10,000 standardised patterns through the shipped sizer."""

    params = ("whole", "cut", "points")
    param_names = ("measured",)

    def setup(self, measured):
        library = sq.simulate_library("PbS", dispersions=[0.1], strains=[0.0], progress=False)
        X, _, _ = sq.library_samples(library)
        rows = sq.QStandardizer().fit_transform(X).astype(np.float32)
        self.X = np.resize(rows, (10_000, rows.shape[1]))
        if measured == "cut":
            self.X[:, sq.default_q_grid() > 7.0] = np.nan
        if measured == "points":
            kept = np.zeros(rows.shape[1], dtype=bool)
            kept[::10] = True
            self.X[:, ~kept] = np.nan
        self.sizer = sq.load_sizer("PbS")

    def time_predict(self, measured):
        self.sizer.predict(self.X)

    def peakmem_predict(self, measured):
        self.sizer.predict(self.X)


class Size:
    """One pattern sized, and 100 on one grid."""

    def setup(self):
        library = sq.simulate_library(
            "PbS", diameters=np.arange(2.5, 10.0, 0.5), dispersions=[0.1], strains=[0.0]
        )
        X, _, _ = sq.library_samples(library)
        self.X = X[np.arange(100) % len(X)]
        self.pattern = sq.read_pattern(EXAMPLE, wavelength=0.5642)
        self.sizer = sq.load_sizer("PbS")
        self.sizer.size(self.pattern)

    def time_size(self):
        self.sizer.size(self.pattern)

    def time_size_many(self):
        self.sizer.size_many(self.X)


class Likelihood:
    """One pattern, and 64, against the 1292 templates of the published library."""

    params = (1, 64)
    param_names = ("patterns",)

    def setup(self, patterns):
        library = sq.simulate_library("PbS", progress=False)
        X, y, _ = sq.library_samples(library)
        self.limit = sq.LibraryLikelihoodClassifier(["hexane", "toluene"]).fit(X, y)
        diluted = sq.SolventMixer("hexane", 0.3).fit_transform(X[:patterns])
        self.X = sq.PoissonNoise(46, random_state=0).fit_transform(diluted)

    def time_predict(self, patterns):
        self.limit.predict(self.X)

    def peakmem_predict(self, patterns):
        self.limit.predict(self.X)


class FirstPosterior:
    """The first answer for a crystal: simulated, and one pattern sized without training."""

    params = ("PbS", "CeO2", "TiO2 anatase")
    param_names = ("crystal",)
    number, timeout = 1, 600

    def setup(self, crystal):
        self.X = measured_samples([4000], 1, crystal=crystal, qd_fractions=[0.37])[0]

    def time_first_answer(self, crystal):
        DebyePosterior().fit(crystal).posterior(self.X)

    def peakmem_first_answer(self, crystal):
        DebyePosterior().fit(crystal).posterior(self.X)


class Posterior:
    """Patterns in liquids that are not among those known, sized without training."""

    params = (1, 1000)
    param_names = ("patterns",)
    number, repeat, timeout = 1, (1, 3, 60.0), 1200

    def setup(self, patterns):
        classes = np.arange(2000, 10_500, 500)
        self.X = measured_samples(classes, patterns, solvents=["toluene-opls", "chlorobenzene"])[0]
        self.posterior = DebyePosterior().fit("PbS")
        self.posterior.posterior(self.X[:1])

    def time_posterior(self, patterns):
        self.posterior.posterior(self.X)

    def peakmem_posterior(self, patterns):
        self.posterior.posterior(self.X)


class Report:
    """170 patterns under twelve conditions."""

    def setup(self):
        self.X, self.y = measured_samples(np.arange(2000, 10_500, 500), 170)
        self.conditions = robustness_conditions(["q_max", "zero_shift", "between"])
        self.sizer = sq.load_sizer("PbS")

    def time_report(self):
        sq.robustness_report(self.sizer, self.X, self.y, conditions=self.conditions, progress=False)


class Train:
    """20 steps of 256 patterns, drawn in the same process."""

    params = ("paper", "robust")
    param_names = ("preset",)
    timeout = 300

    def setup(self, preset):
        library = sq.simulate_library("PbS", dispersions=[0.1], strains=[0.0], progress=False)
        self.X, self.y, _ = sq.library_samples(library)
        self.pipe = sq.make_sizing_pipeline(
            augmenter=sq.RandomExperiment("ideal"), random_state=0
        ).set_params(allcnn__preset=preset, allcnn__max_epochs=1, allcnn__steps_per_epoch=20)

    def time_fit(self, preset):
        self.pipe.fit(self.X, self.y)


class FromCif:
    """A crystal of many sites, none of which symmetry repeats."""

    params = (64, 512, 4096)
    param_names = ("sites",)
    timeout = 300

    def setup(self, sites):
        rng = np.random.default_rng(0)
        edge = round(sites ** (1 / 3))
        grid = np.stack(np.unravel_index(np.arange(sites), (edge,) * 3), axis=1)
        fractions = (grid + rng.uniform(-0.1, 0.1, grid.shape)) / edge
        lines = ["data_many", "_space_group_name_H-M_alt 'P 1'"]
        lines += [f"_cell_length_{axis} {3.0 * edge}" for axis in "abc"]
        lines += [f"_cell_angle_{angle} 90" for angle in ("alpha", "beta", "gamma")]
        columns = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "B_iso_or_equiv")
        lines += ["loop_", *(f"_atom_site_{column}" for column in columns)]
        for k, (x, y, z) in enumerate(fractions):
            element = ("Pb", "S", "Cd", "Se")[k % 4]
            lines.append(f"{element}{k} {element} {x:.6f} {y:.6f} {z:.6f} 1")
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "many.cif"
        self.path.write_text("\n".join(lines) + "\n")
        self.crystal = Crystal.from_cif(self.path)

    def teardown(self, sites):
        self.folder.cleanup()

    def time_from_cif(self, sites):
        Crystal.from_cif(self.path)

    def time_shortest_distance(self, sites):
        self.crystal.shortest_distance("Pb", "S")

    def peakmem_from_cif(self, sites):
        Crystal.from_cif(self.path)


class StackingLibrary:
    """A library of CdSe without faults, and with one and five fault probabilities."""

    params = ("none", "one", "five")
    param_names = ("faults",)
    timeout = 300

    def setup(self, faults):
        self.faults = {"none": None, "one": [0.0], "five": [0.0, 0.1, 0.3, 0.5, 1.0]}[faults]
        cut_cluster("CdSe zinc blende", "sphere", 1.0, stacking=Stacking())  # reads the databases

    def time_library(self, faults):
        sq.simulate_library(
            "CdSe zinc blende",
            diameters=np.arange(2.0, 8.5, 0.5),
            dispersions=[0.05, 0.1, 0.15, 0.2],
            strains=np.linspace(-0.01, 0.01, 11),
            growth_faults=self.faults,
            n_jobs=1,
        )


class StackedTables:
    """Distances of the particles of that library: without faults, and for one and five."""

    params = ("plain", "one", "five")
    param_names = ("tables",)
    timeout = 300

    def setup(self, tables):
        upper = lognormal_upper_diameter(8.0, 0.2)
        options = {"max_diameter": upper, "fill": "volume"}
        if tables == "plain":
            self.series = homologous_series("CdSe zinc blende", **options)
        else:
            self.series = homologous_series("CdSe zinc blende", stacking=Stacking(), **options)
        growth = [0.0] if tables == "one" else [0.0, 0.1, 0.3, 0.5, 1.0]
        self.stackings = [Stacking(growth=g) for g in growth]

    def _tables(self, tables):
        if tables == "plain":
            distance_table(self.series)
        else:
            stacked_tables(self.series, self.stackings)

    def time_tables(self, tables):
        self._tables(tables)

    def peakmem_tables(self, tables):
        self._tables(tables)


class BroadPopulation:
    """A library of Pt to a dispersion of 0.5: particles to 47 nm."""

    timeout = 600

    def setup(self):
        cut_cluster("Pt", "sphere", 1.0)  # reads the databases

    def _library(self):
        sq.simulate_library(
            "Pt",
            diameters=np.linspace(1.0, 6.0, 11),
            dispersions=np.linspace(0.05, 0.5, 6),
            strains=np.linspace(-0.012, 0.012, 13),
            n_jobs=1,
        )

    def time_library(self):
        self._library()

    def peakmem_library(self):
        self._library()


class ManySites:
    """A particle of a cubic cell of 13 Angstrom with 128 sites at random places, on 500 points."""

    params = (3.0, 6.0)
    param_names = ("diameter_nm",)
    timeout = 300

    def setup(self, diameter):
        rng, edge = np.random.default_rng(0), 13.0
        places = np.empty((0, 3))
        while len(places) < 128:
            place = rng.uniform(0.0, edge, 3)
            gaps = places - place
            if (np.linalg.norm(gaps - edge * np.round(gaps / edge), axis=1) > 1.6).all():
                places = np.vstack([places, place])
        elements = ["Li"] * 56 + ["O"] * 40 + ["P"] * 24 + ["Si"] * 8
        sites = (
            Sublattice(e, tuple(p), 1.0) for e, p in zip(elements, places.tolist(), strict=True)
        )
        vectors = ((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge))
        self.particle = cut_cluster(
            Crystal("many sites", vectors, tuple(sites)), "sphere", diameter
        )
        self.q = np.linspace(0.5, 25.0, 500)
        self.time_pattern(diameter)  # reads the databases

    def time_table(self, diameter):
        distance_table(self.particle)

    def time_pattern(self, diameter):
        debye_intensity(distance_table(self.particle), self.q, wavelength=0.4)

    def peakmem_table(self, diameter):
        distance_table(self.particle)


class DisplacedAtoms:
    """The table of a PbS sphere whose atoms are moved by 0.1 Angstrom, one thread."""

    params = (5.0, 10.0)
    param_names = ("diameter_nm",)
    timeout = 300

    def setup(self, diameter):
        elements, positions = cut_cluster(Crystal.builtin("PbS"), "sphere", diameter).atoms()
        moved = positions + np.random.default_rng(0).normal(0.0, 0.1, positions.shape)
        self.atoms = FreeAtoms(elements, moved)
        distance_table(FreeAtoms(["Pb", "S"], [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]]))  # compiles

    def time_table(self, diameter):
        distance_table(self.atoms)

    def peakmem_table(self, diameter):
        distance_table(self.atoms)

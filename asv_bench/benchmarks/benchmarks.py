"""Speed of every stage: import, simulation, augmentation, standardising, sizing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import xarray as xr

import sk_qdots as sq
from sk_qdots.simulation import Crystal, debye_intensity, distance_table, sphere

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/data/PbS_colloid.xy"


def _python(code):
    subprocess.run([sys.executable, "-c", code], check=True)


class Start:
    """Cold starts, each in a process of its own."""

    def time_python_alone(self):
        _python("pass")

    def time_import(self):
        _python("import sk_qdots")

    def time_size_command(self):
        command = [sys.executable, "-m", "sk_qdots.cli", "size", EXAMPLE, "--wavelength", "0.5642"]
        subprocess.run(command, check=True, capture_output=True)


class Sphere:
    """One PbS sphere on the standard grid, tables included."""

    params = (3.0, 5.0, 10.0)
    param_names = ("diameter_nm",)

    def time_pattern(self, diameter):
        table = distance_table([sphere(Crystal.builtin("PbS"), diameter)])
        debye_intensity(table, sq.default_q_grid(), wavelength=0.56)


class Library:
    """The published library, 1292 patterns."""

    timeout = 300

    def time_simulate(self):
        sq.simulate_library("PbS", n_jobs=1)

    def peakmem_simulate(self):
        sq.simulate_library("PbS", n_jobs=1)


class Patterns:
    """256 patterns through augmentation, standardiser and sizer."""

    def setup(self):
        library = sq.simulate_library("PbS", dispersions=[0.1], strains=[0.0])
        X, _, _ = sq.library_samples(library)
        rows = np.tile(X.values, (16, 1))[:256]
        self.X = sq.QStandardizer().fit_transform(rows)
        self.experiment = sq.RandomExperiment(n_liquids=20, random_state=0).fit(self.X)
        fine = np.linspace(0.5, 16.0, 23_000)
        values = np.stack([np.interp(fine, X["q"].values, row) for row in rows])
        self.measured = xr.DataArray(values, dims=("sample", "q"), coords={"q": fine})
        self.sizer = sq.load_sizer("PbS")

    def time_random_experiment(self):
        self.experiment.perturb(self.X, np.random.default_rng(0))

    def time_standardize_23000_points(self):
        sq.QStandardizer().fit_transform(self.measured)

    def time_predict(self):
        self.sizer.predict(self.X)

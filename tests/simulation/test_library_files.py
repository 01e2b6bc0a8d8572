"""Libraries on disk: formats, interruption, resumption, and a cluster of workers."""

import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
import xarray as xr

import sk_qdots as sq
from sk_qdots.simulation.library_files import ZarrLibrary

pytest.importorskip("zarr")
pytest.importorskip("h5netcdf")

ARGUMENTS = {
    "diameters": [2.0, 3.0],
    "dispersions": [0.1, 0.15],
    "strains": np.linspace(-0.01, 0.01, 40),
    "q": np.linspace(1.0, 12.0, 300),
}
SCRIPT = """
import sys, time
import numpy as np
import sk_qdots as sq
import sk_qdots.simulation.library as library

slow = library._population_intensity
def slower(*arguments):  # so that the signal comes in the middle
    time.sleep(0.3)
    return slow(*arguments)
library._population_intensity = slower
sq.simulate_library("PbS", path=sys.argv[1], n_jobs=1, diameters=[2.0, 3.0],
    dispersions=[0.1, 0.15], strains=np.linspace(-0.01, 0.01, 40), q=np.linspace(1.0, 12.0, 300))
"""


@pytest.fixture(scope="module")
def library():
    return sq.simulate_library("PbS", **ARGUMENTS)


def contents(path):
    """Every file of a store and its bytes."""
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_netcdf(tmp_path, library):
    path = tmp_path / "library.nc"
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).identical(library)
    with xr.open_dataset(path, engine="h5netcdf") as read:
        xr.testing.assert_equal(read, library)
        assert read.attrs["crystal"] == "PbS"
        assert read["q"].attrs["units"] == "1/Angstrom"
        assert list(read.attrs["elements"]) == ["Pb", "S"]
    assert [p.name for p in tmp_path.iterdir()] == ["library.nc"]


@pytest.mark.parametrize("extra", [{}, {"shape": ["sphere", "cube"], "b_iso": [1.0, 2.0]}])
def test_zarr(tmp_path, extra):
    path = tmp_path / "library.zarr"
    written = sq.simulate_library("PbS", path=path, **ARGUMENTS, **extra)
    assert written.load().identical(sq.simulate_library("PbS", **ARGUMENTS, **extra))
    assert [p.name for p in tmp_path.iterdir()] == ["library.zarr"]


def test_killed_and_resumed_is_bit_identical(tmp_path, library):
    whole, cut = tmp_path / "whole.zarr", tmp_path / "cut.zarr"
    sq.simulate_library("PbS", path=whole, **ARGUMENTS)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(cut)])
    progress = tmp_path / "cut.zarr.progress"
    deadline = time.monotonic() + 120
    while not (progress.exists() and progress.read_text().count("\n") >= 3):
        assert process.poll() is None, "the library was finished before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert progress.exists()
    assert np.isnan(xr.open_zarr(cut, chunks=None, consolidated=False)["intensity"]).any()
    noted = progress.read_text()
    progress.write_text(noted + "7")  # a note cut short by the kill
    noting = ZarrLibrary(cut)
    noting._lock()
    assert 7 not in noting._read_progress()[1]
    noting._note("6")  # a line of its own, not one with what was cut short
    noting.release()
    assert progress.read_text() == noted + "6\n"
    progress.write_text(noted)
    resumed = sq.simulate_library("PbS", path=cut, **ARGUMENTS)
    assert resumed.load().identical(library)
    assert contents(cut) == contents(whole)
    assert not progress.exists()


def test_interrupted_before_the_frame_was_moved_into_place(tmp_path, library):
    path = tmp_path / "a.zarr"
    (tmp_path / "a.zarr.progress").write_text("something\n0\n1\n")
    (tmp_path / "a.zarr.partial").mkdir()
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).load().identical(library)


def test_a_complete_store_is_only_read(tmp_path, monkeypatch, library):
    import sk_qdots.simulation.library as module

    path = tmp_path / "library.zarr"
    sq.simulate_library("PbS", path=path, **ARGUMENTS)
    monkeypatch.setattr(module, "_population_intensity", None)
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).load().identical(library)


def test_another_library_is_not_overwritten(tmp_path):
    path = tmp_path / "library.zarr"
    sq.simulate_library("PbS", path=path, **ARGUMENTS)
    before = contents(path)
    for change, told in (
        ({"wavelength": 0.5}, "other wavelength"),
        ({"diameters": [2.0, 3.5]}, "other n_clusters"),
        ({"diameters": [2.1, 3.0]}, "other coordinates"),
        ({"fill": "atoms"}, "other fill"),
    ):
        with pytest.raises(ValueError, match=f"holds another library, with {told}"):
            sq.simulate_library("PbS", path=path, **{**ARGUMENTS, **change})
    assert contents(path) == before
    folder = tmp_path / "mine.zarr"
    folder.mkdir()
    (folder / "thesis.txt").write_text("precious")
    with pytest.raises(ValueError, match="is no library"):
        sq.simulate_library("PbS", path=folder, **ARGUMENTS)
    assert (folder / "thesis.txt").read_text() == "precious"


def test_a_netcdf_file_is_replaced_by_itself_alone(tmp_path, library):
    path = tmp_path / "library.nc"
    for _ in range(2):
        sq.simulate_library("PbS", path=path, **ARGUMENTS)
    with pytest.raises(ValueError, match="other wavelength"):
        sq.simulate_library("PbS", path=path, **{**ARGUMENTS, "wavelength": 0.5})
    mine = tmp_path / "mine.nc"
    xr.Dataset({"mine": ("x", [1.0])}).to_netcdf(mine, engine="h5netcdf")
    text = tmp_path / "text.nc"
    text.write_text("precious")
    for other in (mine, text):
        before = other.read_bytes()
        with pytest.raises(ValueError, match="is no library"):
            sq.simulate_library("PbS", path=other, **ARGUMENTS)
        assert other.read_bytes() == before


def test_lost_chunks_are_computed_again(tmp_path, monkeypatch, library):
    import sk_qdots.simulation.library as module

    path = tmp_path / "library.zarr"
    sq.simulate_library("PbS", path=path, **ARGUMENTS)
    chunks = [p for p in (path / "intensity/c").rglob("*") if p.is_file()]
    for chunk in chunks[::2]:
        chunk.unlink()
    damaged = xr.open_zarr(path, chunks=None, consolidated=False)
    with pytest.raises(ValueError, match="finish it with the same call"):
        sq.augment_library(damaged)
    with pytest.raises(ValueError, match="finish it with the same call"):
        sq.library_samples(damaged)
    # Interrupted while these are computed again, it is resumed like any other.
    compute = module._population_intensity

    def interrupted(number, *arguments):
        if number == 4:
            raise KeyboardInterrupt
        return compute(number, *arguments)

    monkeypatch.setattr(module, "_population_intensity", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sq.simulate_library("PbS", path=path, n_jobs=1, **ARGUMENTS)
    monkeypatch.undo()
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).load().identical(library)


def test_two_writers_do_not_mix(tmp_path, library):
    path = tmp_path / "shared.zarr"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(path)])
    progress = tmp_path / "shared.zarr.progress"
    deadline = time.monotonic() + 120
    while not (progress.exists() and progress.read_text().count("\n") >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(ValueError, match="being written by another process"):
        sq.simulate_library("PbS", path=path, **ARGUMENTS)
    assert process.wait() == 0
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).load().identical(library)
    assert [p.name for p in tmp_path.iterdir()] == ["shared.zarr"]


def test_interrupted_and_called_again_in_one_process(tmp_path, monkeypatch, library):
    import sk_qdots.simulation.library as module

    compute, path = module._population_intensity, tmp_path / "library.zarr"

    def interrupted(number, *arguments):
        if number == 3:
            raise KeyboardInterrupt
        return compute(number, *arguments)

    monkeypatch.setattr(module, "_population_intensity", interrupted)
    with pytest.raises(KeyboardInterrupt) as kept:  # as an interactive session keeps it
        sq.simulate_library("PbS", path=path, n_jobs=1, **ARGUMENTS)
    monkeypatch.undo()
    assert (tmp_path / "library.zarr.progress").exists()
    assert sq.simulate_library("PbS", path=path, **ARGUMENTS).load().identical(library)
    assert kept.value is not None


@pytest.mark.parametrize(
    ("name", "message"),
    [("library.h5", r"must end in \.nc"), ("none/library.nc", "does not exist")],
)
def test_bad_paths(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        sq.simulate_library("PbS", path=tmp_path / name, **ARGUMENTS)


def test_missing_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install zarr"):
        sq.simulate_library("PbS", path=tmp_path / "a.zarr", **ARGUMENTS)


def test_dask_cluster_of_two_workers(library):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert sq.simulate_library("PbS", **ARGUMENTS).identical(library)

"""Shared fixtures."""

import os
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import sk_qdots as sq

os.environ.setdefault("MPLBACKEND", "Agg")
# Matrices are small here: more threads only wait for each other, beside other work for minutes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of processes that tests start
threadpool_limits(1, user_api="blas")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """Of ``-n auto``: each takes up to 2 GiB."""
    return min(os.cpu_count() or 1, 8)


@pytest.fixture(autouse=True)
def own_sizers(tmp_path_factory, monkeypatch):
    """Keep what a test trains out of the folder of the user."""
    monkeypatch.setenv("SK_QDOTS_SIZERS", str(tmp_path_factory.getbasetemp() / "sizers"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep what a test simulates out of the cache of the user."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # one for all workers
    monkeypatch.setenv("SK_QDOTS_CACHE", str(folder / "cache"))


@pytest.fixture(scope="session")
def small_library():
    """Three well separated sizes on a short, coarse grid."""
    return sq.simulate_library(
        "PbS",
        diameters=[2.0, 3.0, 4.5],
        dispersions=[0.10],
        strains=[-0.002, 0.0, 0.002],
        q=np.linspace(1.0, 8.0, 400),
    )


@pytest.fixture(scope="session")
def reference_folder():
    """Patterns made by other people's programs; they are not part of this project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "debussy_patterns"
    if not folder.is_dir():
        pytest.skip("the reference patterns are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def real_folder():
    """Measured patterns of nanocrystals and standards; they are not part of this project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
    if not folder.is_dir():
        pytest.skip("the measured patterns are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def toluene_file():
    """Measured liquid toluene; it is not part of this project."""
    file = Path(__file__).resolve().parents[2] / "shared" / "data" / "toluene_measured.xye"
    if not file.is_file():
        pytest.skip("the measured toluene is not beside this checkout")
    return file


@pytest.fixture(scope="session")
def cif_folder():
    """Crystal structures of others; they are not part of this project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "cifs"
    if not folder.is_dir():
        pytest.skip("the CIFs of others are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def measured_folder():
    """Files of diffractometers and beamlines; they are not part of this project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data" / "files"
    if not folder.is_dir():
        pytest.skip("the measured files of others are not beside this checkout")
    return folder

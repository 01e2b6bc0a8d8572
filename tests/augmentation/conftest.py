"""Patterns for the augmentation's tests."""

import numpy as np
import pytest

import sk_qdots as sq


def area(rows, q):
    return np.trapezoid(rows, q, axis=-1)


@pytest.fixture(scope="session")
def X(small_library):
    """Nine dry patterns on a short, coarse grid, sample first."""
    return sq.library_samples(small_library)[0]


@pytest.fixture(scope="session")
def standard():
    """One dry pattern of 3 nm on the standard grid."""
    library = sq.simulate_library("PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0])
    return sq.library_samples(library)[0]

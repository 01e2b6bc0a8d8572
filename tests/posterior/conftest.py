"""Particles of one crystal, simulated once for all tests of the inference."""

import pytest
from known_dots import posterior_over, simulated


@pytest.fixture(scope="session")
def dots():
    """Of ideal resolution."""
    return simulated()


@pytest.fixture(scope="session")
def seen_dots():
    """Of displacements and a resolution that are not known."""
    return simulated(fwhm=0.15, b_iso=(-0.5, 1.0))


@pytest.fixture(scope="session")
def alone(dots):
    """A posterior of dots alone."""
    return posterior_over(dots)

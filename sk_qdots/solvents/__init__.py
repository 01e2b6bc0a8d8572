"""Scattering of the liquids around the dots: shipped curves, and reading your own."""

from ._generic import generic_liquid
from ._load import known_solvents, load_solvent

__all__ = ["generic_liquid", "known_solvents", "load_solvent"]

"""Sizes without a network: the limit that counting sets, and the width of a peak."""

from ._likelihood import LibraryLikelihoodClassifier
from ._scherrer import ScherrerRegressor

__all__ = ["LibraryLikelihoodClassifier", "ScherrerRegressor"]

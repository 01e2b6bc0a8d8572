from ._activation import ClassActivationDisplay, class_activation
from ._answers import DiameterDisplay, ErrorDistributionDisplay, SizeConfusionDisplay
from ._distribution import DistributionDisplay
from ._fit import FitDisplay
from ._patterns import (
    ClarkDistanceDisplay,
    LibraryDisplay,
    PerturbedPatternsDisplay,
    clark_distance,
)
from ._robustness import RobustnessDisplay
from ._series import SeriesDisplay
from ._sizing import SizingDisplay
from ._sizing_curves import SizingCurveDisplay
from ._standard import StandardFitDisplay

__all__ = [
    "ClarkDistanceDisplay",
    "ClassActivationDisplay",
    "DiameterDisplay",
    "DistributionDisplay",
    "ErrorDistributionDisplay",
    "FitDisplay",
    "LibraryDisplay",
    "PerturbedPatternsDisplay",
    "RobustnessDisplay",
    "SeriesDisplay",
    "SizeConfusionDisplay",
    "SizingCurveDisplay",
    "SizingDisplay",
    "StandardFitDisplay",
    "clark_distance",
    "class_activation",
]

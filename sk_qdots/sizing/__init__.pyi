from .answer import Sizing
from .calibration import Calibration, Condition
from .engines import ClassifierEngine, Engine, NetworkEngine, PatternEngine
from .estimators import allowed_estimators
from .facts import Facts
from .files import SizerError
from .loading import load_sizer
from .making import make_sizer
from .posterior import Posterior
from .posterior_engine import PosteriorEngine
from .recipe import Recipe
from .reference import Match, ReferencePatterns
from .series import size_series
from .series_files import write_series
from .sizer import Sizer
from .smoothing import smoothed

__all__ = [
    "Calibration",
    "ClassifierEngine",
    "Condition",
    "Engine",
    "Facts",
    "Match",
    "NetworkEngine",
    "PatternEngine",
    "Posterior",
    "PosteriorEngine",
    "Recipe",
    "ReferencePatterns",
    "Sizer",
    "SizerError",
    "Sizing",
    "allowed_estimators",
    "load_sizer",
    "make_sizer",
    "size_series",
    "smoothed",
    "write_series",
]

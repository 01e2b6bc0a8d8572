from .answer import Sizing
from .engines import ClassifierEngine, Engine, NetworkEngine
from .estimators import allowed_estimators
from .facts import Facts
from .files import SizerError
from .posterior import Posterior
from .reference import Match, ReferencePatterns
from .sizer import Sizer, load_sizer

__all__ = [
    "ClassifierEngine",
    "Engine",
    "Facts",
    "Match",
    "NetworkEngine",
    "Posterior",
    "ReferencePatterns",
    "Sizer",
    "SizerError",
    "Sizing",
    "allowed_estimators",
    "load_sizer",
]

from .estimator import DebyePosterior
from .result import DebyeFit, PatternPosterior
from .series import ClusterPatterns, MixedPatterns, cluster_patterns

__all__ = [
    "ClusterPatterns",
    "DebyeFit",
    "DebyePosterior",
    "MixedPatterns",
    "PatternPosterior",
    "cluster_patterns",
]

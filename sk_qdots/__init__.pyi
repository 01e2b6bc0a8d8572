from .augmentation import (
    PoissonNoise,
    RandomExperiment,
    SolventMixer,
    augment_library,
    library_samples,
)
from .inspection import SizingDisplay
from .io import PatternError, read_pattern
from .neural_network import AllCNN, AllCNNClassifier
from .preprocessing import QStandardizer
from .simulation import Crystal, default_q_grid, simulate_library
from .sizing import Sizer, SizerError, Sizing, load_sizer, make_sizing_pipeline
from .solvents import load_solvent

__all__ = [
    "AllCNN",
    "AllCNNClassifier",
    "Crystal",
    "PatternError",
    "PoissonNoise",
    "QStandardizer",
    "RandomExperiment",
    "Sizer",
    "SizerError",
    "Sizing",
    "SizingDisplay",
    "SolventMixer",
    "augment_library",
    "default_q_grid",
    "library_samples",
    "load_sizer",
    "load_solvent",
    "make_sizing_pipeline",
    "read_pattern",
    "simulate_library",
]

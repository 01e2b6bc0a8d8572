from . import augmentation, simulation, solvents
from .augmentation import (
    AugmentedClassifier,
    Background,
    InstrumentBroadening,
    KAlpha2,
    PoissonNoise,
    Polarisation,
    PreferredOrientation,
    QCoarsening,
    QTruncation,
    RandomExperiment,
    SolventMixer,
    SolventVariation,
    ZeroShift,
    augment_library,
    library_samples,
)
from .blank import subtract_blank
from .inspection import SizingDisplay
from .io import PatternError, read_pattern
from .neural_network import AllCNN, AllCNNClassifier
from .pipeline import SizingPipeline, make_sizing_pipeline
from .preprocessing import QStandardizer
from .simulation import Crystal, default_q_grid, simulate_library
from .sizing import Sizer, SizerError, Sizing, load_sizer
from .solvents import load_solvent, read_solvent

__all__ = [
    "AllCNN",
    "AllCNNClassifier",
    "AugmentedClassifier",
    "Background",
    "Crystal",
    "InstrumentBroadening",
    "KAlpha2",
    "PatternError",
    "PoissonNoise",
    "Polarisation",
    "PreferredOrientation",
    "QCoarsening",
    "QStandardizer",
    "QTruncation",
    "RandomExperiment",
    "Sizer",
    "SizerError",
    "Sizing",
    "SizingDisplay",
    "SizingPipeline",
    "SolventMixer",
    "SolventVariation",
    "ZeroShift",
    "augment_library",
    "augmentation",
    "default_q_grid",
    "library_samples",
    "load_sizer",
    "load_solvent",
    "make_sizing_pipeline",
    "read_pattern",
    "read_solvent",
    "simulate_library",
    "simulation",
    "solvents",
    "subtract_blank",
]

from . import augmentation, model_selection, simulation, solvents
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
from .baselines import LibraryLikelihoodClassifier, ScherrerRegressor
from .inspection import SizingDisplay
from .instruments import Instrument, calibrate_instrument, load_instrument
from .io import PatternError, PatternWarning, read_pattern
from .model_selection import PerturbedScorer, robustness_report, robustness_scorers
from .neural_network import AllCNN, AllCNNClassifier, AllCNNRegressor
from .pipeline import SizingPipeline, make_sizing_pipeline
from .preprocessing import QStandardizer, subtract_blank
from .simulation import Crystal, default_q_grid, simulate_library
from .sizing import Sizer, SizerError, Sizing, load_sizer, make_sizer, size_series
from .solvents import load_solvent, read_solvent
from .training import TrainingPlan, plan_training, train_sizer

__all__ = [
    "AllCNN",
    "AllCNNClassifier",
    "AllCNNRegressor",
    "AugmentedClassifier",
    "Background",
    "Crystal",
    "Instrument",
    "InstrumentBroadening",
    "KAlpha2",
    "LibraryLikelihoodClassifier",
    "PatternError",
    "PatternWarning",
    "PerturbedScorer",
    "PoissonNoise",
    "Polarisation",
    "PreferredOrientation",
    "QCoarsening",
    "QStandardizer",
    "QTruncation",
    "RandomExperiment",
    "ScherrerRegressor",
    "Sizer",
    "SizerError",
    "Sizing",
    "SizingDisplay",
    "SizingPipeline",
    "SolventMixer",
    "SolventVariation",
    "TrainingPlan",
    "ZeroShift",
    "augment_library",
    "augmentation",
    "calibrate_instrument",
    "default_q_grid",
    "library_samples",
    "load_instrument",
    "load_sizer",
    "load_solvent",
    "make_sizer",
    "make_sizing_pipeline",
    "model_selection",
    "plan_training",
    "read_pattern",
    "read_solvent",
    "robustness_report",
    "robustness_scorers",
    "simulate_library",
    "simulation",
    "size_series",
    "solvents",
    "subtract_blank",
    "train_sizer",
]

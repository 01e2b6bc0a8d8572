from .calibration import StandardFit, calibrate_instrument, fit_standard
from .files import (
    load_instrument,
    remember_instrument,
    remembered_instrument,
    save_instrument,
    saved_instruments,
)
from .instrument import Instrument
from .radiation import ANODES, K_ALPHA_RATIO, is_same_beam, k_alpha_mean

__all__ = [
    "ANODES",
    "K_ALPHA_RATIO",
    "Instrument",
    "StandardFit",
    "calibrate_instrument",
    "fit_standard",
    "is_same_beam",
    "k_alpha_mean",
    "load_instrument",
    "remember_instrument",
    "remembered_instrument",
    "save_instrument",
    "saved_instruments",
]

"""What the beam, the optics and the detector do, and how to find out with a standard."""

from .instrument import Instrument
from .radiation import ANODES, K_ALPHA_RATIO, is_same_beam, k_alpha_mean

__all__ = ["ANODES", "K_ALPHA_RATIO", "Instrument", "is_same_beam", "k_alpha_mean"]

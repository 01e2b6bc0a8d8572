"""What the beam and the optics are: so far, the lines of X-ray tubes."""

from .radiation import ANODES, K_ALPHA_RATIO, is_same_beam, k_alpha_mean

__all__ = ["ANODES", "K_ALPHA_RATIO", "is_same_beam", "k_alpha_mean"]

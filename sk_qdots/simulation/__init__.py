"""From a crystal to the patterns of its nanocrystals: physics only."""

import lazy_loader as _lazy

# Whoever needs a constant of the scattering factors does not pay for the pair distances.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

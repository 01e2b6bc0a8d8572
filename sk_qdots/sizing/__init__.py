"""The size of quantum dots in a pattern, with its certainty."""

import lazy_loader as _lazy

# Whoever lists sizers does not pay for one.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

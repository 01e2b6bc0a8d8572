"""What the beam, the optics and the detector do, and how to find out with a standard."""

import lazy_loader as lazy

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)

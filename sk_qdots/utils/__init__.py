"""What tests and tools ask about the package itself."""

import lazy_loader as _lazy

# Whoever imports the package does not pay for scikit-learn.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

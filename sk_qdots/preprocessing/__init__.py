"""Any instrument's pattern on one grid: standardiser, resampling, blanks."""

import lazy_loader as _lazy

# Whoever needs an axis does not pay for scikit-learn.
__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

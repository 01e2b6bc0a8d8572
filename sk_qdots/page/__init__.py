"""A page in the browser that sizes patterns, and the same for other programs.

The server answers this computer alone, and nothing leaves it. :mod:`sk_qdots.page.client` needs
nothing but the standard library; the others need the extra ``page``.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

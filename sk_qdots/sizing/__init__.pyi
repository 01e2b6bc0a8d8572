from .answer import Sizing
from .files import SizerError
from .sizer import Sizer, load_sizer

__all__ = ["Sizer", "SizerError", "Sizing", "load_sizer"]

from .blank import subtract_blank
from .standardizer import QStandardizer

__all__ = ["QStandardizer", "subtract_blank"]

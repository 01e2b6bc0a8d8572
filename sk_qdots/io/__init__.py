"""Measured files in, labelled patterns out.

Nothing is guessed: what the abscissa is and which wavelength was used comes from the
file or from the caller, contradictions are refused with both readings, and a file that
is not a pattern is refused with its name, what is wrong, and what to do.
"""

from ._files import pattern_files
from ._read import read_pattern
from ._scan import PatternError, PatternWarning

__all__ = ["PatternError", "PatternWarning", "pattern_files", "read_pattern"]

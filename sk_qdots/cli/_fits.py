"""Where ``sk-qdots size FILE --out`` writes the fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sizing import Sizing

__all__ = ["Fit"]


class Fit:
    """Writes the fit of one answer, where that is asked for.

    Parameters
    ----------
    out : str or None
        The file.
    are_made : bool
        Whether answers have fits.

    Raises
    ------
    ValueError
        If there is none, or the file cannot be one.
    """

    def __init__(self, out: str | None, *, are_made: bool) -> None:
        self._path = None if out is None else Path(out)
        if self._path is None:
            return
        if self._path.suffix.lower() != ".csv":
            raise ValueError(
                f"{out}: a fit is written as .csv, a series as .csv, .nc or .nxs; end its name so"
            )
        if not are_made:
            raise ValueError(
                "--out FIT.csv of one FILE writes its fit, and a network makes none: leave --fast "
                "out, or give --crystal or --cif; for the sizes end the name in .nc or .nxs, or "
                "send the output to a file (--format csv > sizes.csv)"
            )
        if self._path.is_dir() or not self._path.absolute().parent.is_dir():
            raise ValueError(f"{out}: is a folder, or its folder does not exist")

    def write(self, sizing: Sizing) -> str | None:
        """Write the fit of an answer; return what went wrong."""
        if self._path is None or sizing.fit is None:
            return None
        try:
            sizing.fit.to_csv(self._path)
        except OSError as error:
            return f"{self._path}: cannot be written: {error.strerror or error}"
        return None

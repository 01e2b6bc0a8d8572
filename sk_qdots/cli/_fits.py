"""Where ``sk-qdots size --out`` writes the fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sizing import Sizing

__all__ = ["Fits"]


class Fits:
    """Writes the fit of each answer, where that is asked for.

    Parameters
    ----------
    out : str or None
        The file of one fit; of several each has the name of its pattern behind it.
    files : sequence of str
        The patterns.
    are_made : bool
        Whether answers have fits.

    Raises
    ------
    ValueError
        If there are none, or the file cannot be one.
    """

    def __init__(self, out: str | None, files: Sequence[str], *, are_made: bool) -> None:
        self._path = None if out is None else Path(out)
        self._are_several = len(files) > 1
        self._written: set[Path] = set()
        if self._path is None:
            return
        if not are_made:
            raise ValueError(
                "--out writes a fit, and a network makes none: leave --fast out, or give --crystal "
                "or --cif; for the sizes send the output to a file (> sizes.csv)"
            )
        if self._path.suffix.lower() != ".csv":
            raise ValueError(f"{out}: a fit is written as .csv; end its name so")
        if self._path.is_dir() or not self._path.absolute().parent.is_dir():
            raise ValueError(f"{out}: is a folder, or its folder does not exist")
        self._measured = {Path(file).resolve() for file in files}
        if not self._are_several and self._path.resolve() in self._measured:
            raise ValueError(f"{out}: is the pattern itself; give the fit another name")

    def write(self, pattern: str, sizing: Sizing) -> str | None:
        """Write the fit of a pattern; return what went wrong."""
        if self._path is None or sizing.fit is None:
            return None
        path = self._name(pattern)
        try:
            sizing.fit.to_csv(path)
        except OSError as error:
            return f"{path}: cannot be written: {error.strerror or error}"
        return None

    def _name(self, pattern: str) -> Path:
        """A file that no other pattern of this call has."""
        assert self._path is not None
        if not self._are_several:
            return self._path
        stem = f"{self._path.stem}_{Path(pattern).stem}"
        path, k = self._path.with_name(f"{stem}.csv"), 1
        while path in self._written or path.resolve() in self._measured:
            k += 1
            path = self._path.with_name(f"{stem}_{k}.csv")
        self._written.add(path)
        return path

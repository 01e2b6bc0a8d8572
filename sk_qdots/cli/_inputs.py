"""What ``sk-qdots size`` is asked to size: files, folders, globs, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["Inputs"]

_STANDARD_INPUT = "-"
_MAX_BYTES = 32 * 2**20 + 1  # more than a pattern has: the reader says so


@dataclass(frozen=True)
class Inputs:
    """The files of a call, in order.

    Parameters
    ----------
    files : list of str
    are_series : bool
        Whether a folder, a glob or several files were asked for, however many there are.
    piped : Path or None
        Where standard input is kept.
    """

    files: list[str]
    are_series: bool
    piped: Path | None = None

    @classmethod
    def of(
        cls, asked: Sequence[str], out: str | None, others: Sequence[str | None], kept: ExitStack
    ) -> Inputs:
        """Files that arguments stand for.

        Parameters
        ----------
        asked : sequence of str
        out : str or None
            Where the sizes go: it is left out of folders and globs where it is a series already.
        others : sequence of str or None
            What is left out of them besides.
        kept : ExitStack
            As long as which standard input is kept.

        Raises
        ------
        ValueError
            If an argument stands for no file, or the sizes would overwrite one of them.
        """
        from ..instruments.files import FILE_OF_A_FOLDER
        from ..io import pattern_files

        if asked.count(_STANDARD_INPUT) > 1:
            raise ValueError("- is standard input, which can be read once")
        left_out = {Path(other).resolve() for other in others if other is not None}
        target = None if out is None else Path(out).resolve()
        files: list[str] = []
        for place in asked:
            found = [place] if place == _STANDARD_INPUT else pattern_files(place)
            if found != [place]:
                found = [file for file in found if Path(file).resolve() not in left_out]
                found = [file for file in found if not _is_old(file, target)]
                if not found:
                    raise ValueError(f"{place}: holds nothing to size but what was made by sizing")
            # A pattern of the shell (folder/*) names it along with the measurements.
            files += [file for file in found if Path(file).name != FILE_OF_A_FOLDER]
        if target is not None and any(Path(file).resolve() == target for file in files):
            raise ValueError(f"{out}: is the pattern itself; give what is written another name")
        piped = _piped(kept) if _STANDARD_INPUT in files else None
        return cls(files, files != list(asked) or len(files) > 1, piped)

    def path(self, file: str) -> str:
        """Where the content of a file is."""
        if self.piped is None or file != _STANDARD_INPUT:
            return file
        return str(self.piped)


def _is_old(file: str, target: Path | None) -> bool:
    """Whether a file is the series that is about to be written anew."""
    from ..sizing.series_files import is_series_file

    return target is not None and Path(file).resolve() == target and is_series_file(target)


def _piped(kept: ExitStack) -> Path:
    """Standard input as a file."""
    folder = kept.enter_context(TemporaryDirectory(prefix="sk-qdots-"))
    path = Path(folder) / "standard_input"
    path.write_bytes(sys.stdin.buffer.read(_MAX_BYTES))
    return path

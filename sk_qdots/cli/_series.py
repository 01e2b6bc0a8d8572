"""What ``sk-qdots size`` makes of many files: a progress bar, a table over time, a picture."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._pictures import new_picture, picture_problem, write_picture
from ._words import complain

if TYPE_CHECKING:
    from ..sizing.frames import Frame

__all__ = ["Series", "summary"]


class Series:
    """Frames as they come.

    Parameters
    ----------
    options : Namespace
        Of the command.
    n_files : int
    out : str or None
        Where the series goes.
    is_told : bool
        Whether progress and a summary are told.

    Raises
    ------
    ValueError
        If the series cannot be written where it should be.
    """

    def __init__(
        self, options: argparse.Namespace, n_files: int, *, out: str | None, is_told: bool
    ) -> None:
        from ..sizing.series_data import Clock

        self.frames: list[Frame] = []
        self._out, self._n_files, self._is_told = out, n_files, is_told
        self._clock = Clock.checked(None, options.per_frame)
        self._bar: Any = None
        if self._out is not None:
            _check_out(Path(self._out))
        if is_told and (options.progress or sys.stderr.isatty()):
            from tqdm import tqdm

            self._bar = tqdm(total=n_files, desc="sizing", unit="file", file=sys.stderr)

    def add(self, frame: Frame) -> None:
        """Count a frame."""
        self.frames.append(frame)
        if self._bar is not None:
            self._bar.update()

    def aside(self) -> contextlib.AbstractContextManager[Any]:
        """While something else is written to the terminal."""
        if self._bar is None:
            return contextlib.nullcontext()
        aside: contextlib.AbstractContextManager[Any] = self._bar.external_write_mode()
        return aside

    def close(self) -> str | None:
        """Write what there is, and say how many patterns were sized; return what went wrong."""
        if self._bar is not None:
            self._bar.close()
        problem = None
        if self._out is not None and self.frames:
            from ..sizing import write_series
            from ..sizing.series_data import dataset_of

            try:
                write_series(dataset_of(self.frames, self._clock), self._out)
            except OSError as error:
                problem = f"{self._out}: cannot be written: {error.strerror or error}"
        return problem

    def sum_up(self) -> None:
        """Say how many patterns were sized, as the last line."""
        if not self._is_told:
            return
        done = len(self.frames)
        many = f"{done}" if done == self._n_files else f"{done} of {self._n_files}"
        counts = summary(Counter(frame.verdict for frame in self.frames))
        complain(f"{many} patterns: {counts}")

    def plot(self, path: str) -> str | None:
        """Draw sizes over time; return what went wrong."""
        problem = picture_problem(path)
        if problem:
            return problem
        from ..inspection import SeriesDisplay
        from ..sizing.series_data import dataset_of

        figure = new_picture(7.0, 9.0)
        SeriesDisplay.from_dataset(dataset_of(self.frames, self._clock)).plot(figure)
        return write_picture(figure, path)


def summary(n: Counter[str]) -> str:
    """How many patterns were sized, by the number of each verdict."""
    return (
        f"{n['ok'] + n['caution']} sized ({n['ok']} ok, {n['caution']} with caution), "
        f"{n['refused']} refused"
    )


def _check_out(path: Path) -> None:
    """Refuse, before the work, what cannot be written after it."""
    from ..sizing.series_files import ENDINGS

    if path.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"{path}: a series is written as {', '.join(ENDINGS)}; end its name so (a fit is of "
            "one FILE, and a .csv)"
        )
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"{path}: is a folder, or its folder does not exist")

"""Who reads and sizes for ``sk-qdots size``, in this process or in others."""

from __future__ import annotations

import argparse
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ._inputs import Inputs
from ._instruments import Instruments

if TYPE_CHECKING:
    import xarray as xr

    from ..instruments import Instrument
    from ..sizing import Sizing
    from ..sizing.choosing import Sizers
    from ..sizing.frames import Frame, Item

__all__ = ["Asking", "asked_frames"]

# Files from which other processes are worth their start (two seconds): with fits, by the network.
_WORTH, _WORTH_FAST = 10, 150


class Asking:
    """Reads and sizes each file with its own instrument, and the sizer for its beam.

    Parameters
    ----------
    options : Namespace
        Of the command.
    sizers : Sizers
    instruments : Instruments
    inputs : Inputs
    """

    def __init__(
        self,
        options: argparse.Namespace,
        sizers: Sizers,
        instruments: Instruments,
        inputs: Inputs,
    ) -> None:
        self._sizers, self._coverage = sizers, options.coverage
        self._reading: dict[str, Any] = {
            "wavelength": options.wavelength,
            "energy": options.energy,
            "x": "q" if options.q else options.x,
            "scan": options.scan,
            "columns": options.columns,
            "subtracted": options.subtracted,
        }
        self._paths = {file: inputs.path(file) for file in inputs.files}
        self._instruments: dict[str, Instrument | ValueError | None] = {}
        for file in inputs.files:
            try:
                self._instruments[file] = instruments.of(file)
            except ValueError as error:
                self._instruments[file] = error

    def instrument(self, file: str) -> Instrument | None:
        """That a file was measured with; raises ValueError where its folder remembers none."""
        found = self._instruments[file]
        if isinstance(found, ValueError):
            raise found
        return found

    def read(self, item: Item) -> xr.DataArray:
        """The pattern of a file."""
        from ..sizing.instruments import read_at_the_beam

        file = str(item)
        pattern = read_at_the_beam(self._paths[file], self.instrument(file), self._reading)
        return pattern.assign_attrs(source=file)

    def size(self, item: Item, pattern: xr.DataArray) -> Sizing:
        """The answer to it."""
        instrument = self.instrument(str(item))
        sizer = self._sizers.of(pattern, instrument)
        return sizer.size(pattern, instrument, engine=self._sizers.engine, coverage=self._coverage)


def asked_frames(
    asking: Asking, files: list[str], *, jobs: int | None, is_fast: bool, keeps_all: bool
) -> Generator[Frame]:
    """Frames of files in their order, the first one sized here: what it needs is then made.

    Parameters
    ----------
    asking : Asking
    files : list of str
    jobs : int or None
        Processes; by default as many as there are processors, where that is worth their start.
    is_fast : bool
        Whether only the network is asked.
    keeps_all : bool
        Whether frames keep their patterns and curves.

    Yields
    ------
    Frame
    """
    from ..sizing.frames import sized_frames

    if jobs is None:
        jobs = -1 if len(files) >= (_WORTH_FAST if is_fast else _WORTH) else 1
    yield from sized_frames(files[:1], asking, keeps_all=keeps_all)
    yield from sized_frames(files[1:], asking, n_jobs=jobs, keeps_all=keeps_all)

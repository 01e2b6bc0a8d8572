"""Which instrument the files of ``sk-qdots size`` were measured with: given, or remembered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._words import complain

if TYPE_CHECKING:
    from ..instruments import Instrument

__all__ = ["Instruments"]


class Instruments:
    """The instrument of each file.

    Parameters
    ----------
    given : Instrument or None
        For all files; each folder remembers it.
    is_ignored : bool
        Whether what folders remember does not count.
    """

    def __init__(self, given: Instrument | None, *, is_ignored: bool) -> None:
        self.given = given
        self.is_ignored = is_ignored
        self._remembered: dict[Path, Instrument | None] = {}
        self._done: set[Path] = set()

    def of(self, path: str) -> Instrument | None:
        """The instrument of a file; says so once for each folder that remembers one.

        Raises
        ------
        ValueError
            If what the folder remembers is no instrument.
        """
        if self.given is not None or self.is_ignored:
            return self.given
        folder = Path(path).parent
        if folder not in self._remembered:
            found = _remembered(folder)
            if found is not None:
                complain(
                    f"{folder}: its patterns are taken to be of the instrument "
                    f"{found.name or 'without a name'}, which it remembers; --no-instrument, or "
                    "--instrument with another, changes that"
                )
            self._remembered[folder] = found
        return self._remembered[folder]

    def remember(self, path: str) -> None:
        """Write the given instrument into the folder of a file that was sized, once."""
        folder = Path(path).parent
        if self.given is None or folder in self._done or not Path(path).is_file():
            return
        self._done.add(folder)
        from ..instruments import remember_instrument

        try:
            before = _remembered(folder)
        except ValueError:
            before = None
        if before == self.given:
            return
        try:
            kept = remember_instrument(self.given, folder)
        except ValueError as error:
            complain(f"{error} The instrument is not remembered; give it again next time")
            return
        instead = "" if before is None else f", instead of {before.name or 'another'}"
        complain(
            f"{folder}: the instrument {self.given.name} is remembered for it{instead} "
            f"({kept.name})"
        )


def _remembered(folder: Path) -> Instrument | None:
    from ..instruments import remembered_instrument
    from ..instruments.instrument import NewerInstrumentError

    try:
        return remembered_instrument(folder)
    except NewerInstrumentError as error:
        raise ValueError(f"{error}, or give --instrument or --no-instrument") from None
    except OSError:  # a folder that cannot be: the file says so
        return None
    except ValueError as error:
        raise ValueError(f"{error}; delete it, or give --instrument or --no-instrument") from None

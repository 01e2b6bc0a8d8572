"""The page that ``sk-qdots watch --page`` keeps up to date, of what its CSV holds."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ._words import complain

if TYPE_CHECKING:
    from .._typing import Json, JsonObject
    from ..page.jobs import Job
    from ..sizing.journal import Stamp

__all__ = ["Live"]

_TEXTS = ("file", "verdict", "reasons", "model", "axis", "engine", "leading", "modified")


class Live:
    """Rows on a page, where one is asked for.

    Parameters
    ----------
    title : str
    rows : Path
        The CSV, with what was sized before.
    is_asked : bool
        Whether there is a page.
    kept : ExitStack
        As long as which it is served.

    Raises
    ------
    ValueError
        If the page cannot be served.
    """

    def __init__(self, title: str, rows: Path, *, is_asked: bool, kept: ExitStack) -> None:
        self._job: Job | None = None
        self._places: dict[str, int] = {}
        if not is_asked:
            return
        from ..page import RunningPage

        page = kept.enter_context(RunningPage(n_workers=1))
        self._job = page.show(title)
        with rows.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
            for row in csv.DictReader(file):
                self._tell({name: _value(name, text) for name, text in row.items()}, row)
        complain(f"live page: {page.url}")

    def add(self, row: JsonObject, stamp: Stamp) -> None:
        """Show the row of a file."""
        self._tell(row, stamp.to_row())

    def _tell(self, row: JsonObject, stamp: object) -> None:
        if self._job is None:
            return
        import numpy as np

        assert isinstance(stamp, dict)
        changed = np.datetime64(str(stamp["modified"]), "ns").astype(np.int64)
        place = self._places.setdefault(str(row["file"]), len(self._places))
        self._job.tell(place, row, 1e-9 * float(changed))


def _value(name: str, text: str | None) -> Json:
    if not text:
        return None
    try:
        return text if name in _TEXTS else float(text)
    except ValueError:
        return text

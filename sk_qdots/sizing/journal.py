"""A CSV that remembers what is in it: a row for each state of each file.

It is the only memory of a watched folder. A row counts once it is on the disk; a last line that was
torn, by a power failure or a process that was killed, is cut off, and its file comes again.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock
import numpy as np

__all__ = ["STAMP_COLUMNS", "Journal", "Stamp", "WatchError"]

STAMP_COLUMNS = ("modified", "bytes")  # behind those of the answers


class WatchError(ValueError):
    """Watching cannot begin, or not go on."""


@dataclass(frozen=True)
class Stamp:
    """The state of a file: what becomes another when somebody writes to it.

    Parameters
    ----------
    modified : int
        In nanoseconds since 1970.
    size : int
        In bytes.
    """

    modified: int
    size: int

    @classmethod
    def of(cls, file: str | os.PathLike[str]) -> Stamp | None:
        """The state of a file now; None where there is none."""
        try:
            found = Path(file).stat()
        except (OSError, ValueError):
            return None
        return cls(found.st_mtime_ns, found.st_size)

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> Stamp | None:
        """The state that a row of a journal tells; None where it does not."""
        try:
            modified = int(np.datetime64(row["modified"], "ns").astype(np.int64))
            return cls(modified, int(row["bytes"]))
        except (KeyError, TypeError, ValueError):
            return None

    def to_row(self) -> dict[str, str | int]:
        """What a row of a journal says of it: the time in UTC, exactly."""
        modified, size = STAMP_COLUMNS
        return {modified: str(np.datetime64(self.modified, "ns")), size: self.size}


class Journal:
    """Rows on the disk, each of them there when :meth:`append` returns.

    Parameters
    ----------
    path : Path
        The CSV. It goes on where it is one, and is locked for everybody else.
    columns : sequence of str
        Of a new one, with :data:`STAMP_COLUMNS` behind them; ``file`` is the first.
    forgets_refused : bool, default=False
        Whether files that were refused count as new.

    Attributes
    ----------
    done : dict of str to Stamp
        The last state of each file that stands in it.

    Raises
    ------
    WatchError
        If it is another kind of file, or written by somebody else now.
    OSError
        If it can be neither read nor written.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], *, forgets_refused: bool = False
    ) -> None:
        self.path = path
        self.done: dict[str, Stamp] = {}
        self._columns = [*columns, *STAMP_COLUMNS]
        self._kept = contextlib.ExitStack()
        self._lock()
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            self._file = os.open(path, flags, 0o666)
            self._kept.callback(os.close, self._file)
            self._go_on(forgets_refused)
        except BaseException:
            self._kept.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._kept.close()

    def append(self, row: Mapping[str, object], stamp: Stamp) -> None:
        """Add the row of a file, all of it or nothing.

        Raises
        ------
        WatchError
            If it cannot be written, or the file is not the one any more that was opened.
        """
        if not self._is_in_place():
            raise WatchError(
                f"{self.path}: was deleted or replaced by another program; what it holds now is "
                "gone on with at the next start"
            )
        told = {**row, **stamp.to_row()}
        try:
            self._write([told.get(name) for name in self._columns])
        except OSError as error:
            raise WatchError(
                f"{self.path}: cannot be written: {error.strerror or error}; what it holds is kept"
            ) from None
        self.done[str(row["file"])] = stamp

    def _lock(self) -> None:
        if self.path.is_dir() or not self.path.absolute().parent.is_dir():
            raise WatchError(f"{self.path}: is a folder, or its folder does not exist")
        lock = filelock.FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            self._kept.enter_context(lock.acquire(timeout=0))
        except filelock.Timeout:
            raise WatchError(
                f"{self.path}: another sk-qdots watch writes it; end that, or give --out another "
                "name"
            ) from None

    def _go_on(self, forgets_refused: bool) -> None:
        """Read what there is, without a torn end."""
        with self.path.open("rb") as file:
            whole = _whole(file.read())
        text = whole.decode("utf-8", errors="surrogateescape")
        rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        header = next(rows, None)
        if header is None:
            self._begin()
            return
        if header[0] != "file" or not {*STAMP_COLUMNS, "verdict"} <= set(header):
            raise WatchError(
                f"{self.path}: is no file that sk-qdots watch wrote; give --out another name"
            )
        if os.fstat(self._file).st_size > len(whole):
            os.ftruncate(self._file, len(whole))
        self._columns = header  # of an older version, perhaps
        for cells in rows:
            row = dict(zip(header, cells, strict=False))
            stamp = Stamp.from_row(row)
            if stamp is None or (forgets_refused and row["verdict"] == "refused"):
                self.done.pop(row.get("file", ""), None)
            else:
                self.done[row["file"]] = stamp

    def _begin(self) -> None:
        """Write the line of names, unless what stands there is something else."""
        with self.path.open("rb") as file:
            begun = file.read()
        if not _line(self._columns).startswith(begun):
            raise WatchError(
                f"{self.path}: is no file that sk-qdots watch wrote; give --out another name"
            )
        os.ftruncate(self._file, 0)
        self._write(self._columns)

    def _is_in_place(self) -> bool:
        try:
            there, opened = self.path.stat(), os.fstat(self._file)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (opened.st_dev, opened.st_ino)

    def _write(self, cells: Sequence[object]) -> None:
        line, end = _line(cells), os.fstat(self._file).st_size
        try:
            while line:
                line = line[os.write(self._file, line) :]
            os.fsync(self._file)
        except BaseException as error:  # no part of a line stays, and none that may not be there
            if line or isinstance(error, OSError):
                os.ftruncate(self._file, end)
            raise


def _line(cells: Sequence[object]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", errors="surrogateescape")


def _whole(content: bytes) -> bytes:
    """The lines that are complete: a name of a file may have an end of line within its quotes."""
    end = place = quotes = 0
    for line in content.splitlines(keepends=True):
        place, quotes = place + len(line), quotes + line.count(b'"')
        if line.endswith(b"\n") and quotes % 2 == 0:
            end = place
    return content[:end]

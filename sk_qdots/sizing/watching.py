"""Which files of a folder are new, and which of these are complete.

A file is complete when its time and size have stood still for a while, and it can be read. That
while is short for files as long as those before them, and longer for the first ones and for shorter
ones, which may be half of what is coming. Files that lay there a minute ago need no watching.
"""

from __future__ import annotations

import glob
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from ..instruments.files import FILE_OF_A_FOLDER
from ..io import pattern_files
from .journal import Stamp, WatchError

__all__ = ["FolderWatch"]

_OLD = 60.0  # seconds: clocks of file servers differ by less
_AS_LONG = 0.9  # of the median of those before it
_LONGER = 4.0  # times the usual while, for what is shorter or the first
_RECENT = 25  # files that tell how long others are
_AFTER_ALL = 10.0  # seconds after which it is looked without an event: other machines make none
_REST = 4.0  # times as long as a look into a large folder takes


class FolderWatch:
    """Tells the files of a folder that are complete and not done.

    Parameters
    ----------
    folder : Path
    done : mapping of str to Stamp
        The states of files that need nothing any more; whoever keeps it adds to it.
    pattern : str, optional
        Of the names, such as ``"*.chi"``; by default the endings of measurements
        (:func:`sk_qdots.io.pattern_files`).
    left_out : collection of Path
        Files that are no measurements.
    settle : float, default=1.0
        Seconds for which a file stands still before it is complete.
    patience : float, default=30.0
        Seconds after which a file that cannot be read, and stands still, is given up.
    clock : callable
        Seconds that only grow.
    """

    def __init__(
        self,
        folder: Path,
        done: Mapping[str, Stamp],
        *,
        pattern: str | None = None,
        left_out: Collection[Path] = (),
        settle: float = 1.0,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self.settle, self.patience, self.clock = settle, patience, clock
        self._done = done
        self._is_deep = len(Path(pattern or "").parts) > 1
        self._place = str(Path(glob.escape(str(folder)), pattern) if pattern else folder)
        self._left_out = {path.resolve() for path in left_out}
        self._since: dict[str, tuple[Stamp, float]] = {}  # those that wait, and from when they do
        self._asked: dict[str, Stamp] = {}
        self._took = 0.0  # seconds, the last look
        self._unread: set[str] = set()
        self._sizes: dict[str, deque[int]] = defaultdict(partial(deque, maxlen=_RECENT))
        for file, stamp in done.items():
            self._sizes[Path(file).suffix].append(stamp.size)

    @property
    def n_waiting(self) -> int:
        """How many files are not done, as far as the last look saw."""
        return len(self._since)

    def complete(self) -> list[str]:
        """Look, and return the files to be sized now, numbers in their names by value.

        Raises
        ------
        WatchError
            If the folder is not there any more.
        """
        now = self.clock()
        before, self._since = self._since, {}
        self._asked = {}
        for file in self._files():
            stamp = Stamp.of(file)
            if stamp is None or self._done.get(file) == stamp or self._is_left_out(file):
                continue
            known, since = before.get(file) or (stamp, now - _past(stamp))
            if known != stamp:
                since = now
                self._unread.discard(file)
            self._since[file] = stamp, since
            if now - since >= self._pause(file, stamp):
                self._asked[file] = stamp
        self._unread &= self._since.keys()
        self._took = self.clock() - now
        return list(self._asked)

    def accept(self, file: str, *, is_read: bool) -> Stamp | None:
        """Whether what was found out about a file stands: the state it is of, or None.

        Parameters
        ----------
        file : str
            One of those that :meth:`complete` returned.
        is_read : bool
            Whether it could be read.

        Returns
        -------
        Stamp or None
            None where it changed in the meantime, or may become readable: it comes again.
        """
        asked = self._asked.pop(file)
        stamp, since = Stamp.of(file), self._since[file][1]
        is_gone = stamp is None
        if stamp != asked and not (is_gone and is_read):
            if is_gone:
                del self._since[file]
            return None
        if not is_read and self.clock() - since < self.patience:
            self._unread.add(file)
            return None
        if is_read:
            self._sizes[Path(file).suffix].append(asked.size)
        del self._since[file]
        self._unread.discard(file)
        return asked

    def moments(self, every: float | None = None) -> Iterator[None]:
        """Moments at which to look, the first of them now.

        Parameters
        ----------
        every : float, optional
            Seconds from one to the next. Without it whenever the operating system tells that
            something changed (which needs ``watchfiles``), files wait, or ten seconds are over.

        Yields
        ------
        None

        Raises
        ------
        WatchError
            If the operating system does not tell.
        """
        yield
        if every is not None:
            while True:
                time.sleep(every)
                yield
        import watchfiles

        looked, has_changed = self.clock(), True  # before the first event could be told
        events = watchfiles.watch(
            self.folder,
            watch_filter=None,
            debounce=100,
            rust_timeout=100,
            yield_on_timeout=True,
            recursive=self._is_deep,
            ignore_permission_denied=True,
        )
        try:
            for changes in events:
                has_changed = has_changed or bool(changes)
                since = self.clock() - looked
                is_due = has_changed or self._since or since > _AFTER_ALL
                if is_due and since > _REST * self._took:
                    has_changed = False
                    yield
                    looked = self.clock()
        except OSError as error:  # too many folders are watched already, say
            raise WatchError(
                f"{self.folder}: its changes cannot be told ({error}); look every second instead, "
                "with --poll 1"
            ) from None

    def _files(self) -> list[str]:
        if not self.folder.is_dir():
            raise WatchError(f"{self.folder}: is no folder, or not there any more")
        try:
            return pattern_files(self._place)
        except ValueError:  # nothing yet
            return []

    def _is_left_out(self, file: str) -> bool:
        path = Path(file)
        return path.name == FILE_OF_A_FOLDER or path.resolve() in self._left_out

    def _pause(self, file: str, stamp: Stamp) -> float:
        """How long a file stands still before it is complete."""
        if file in self._unread:
            return self.patience
        sizes = self._sizes.get(Path(file).suffix)
        if sizes and stamp.size >= _AS_LONG * statistics.median(sizes):
            return self.settle
        return min(_LONGER * self.settle, self.patience)


def _past(stamp: Stamp) -> float:
    """How long a file that is seen for the first time has stood still for certain."""
    age = time.time() - 1e-9 * stamp.modified
    return age if age > _OLD else 0.0

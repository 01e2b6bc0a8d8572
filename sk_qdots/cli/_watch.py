"""``sk-qdots watch``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from ..sizing.records import COLUMNS, csv_row, refusal_record, sizing_record
from ._asking import Asking, asked_frames
from ._course import Course
from ._inputs import Inputs
from ._instruments import Instruments
from ._live import Live
from ._options import add_lines, add_reading, add_sharing
from ._records import WRITERS, more_columns
from ._series import summary
from ._sizers import asked_sizers
from ._words import BAD_INPUT, Commands, asked_instrument, complain, number

if TYPE_CHECKING:
    from ..sizing.choosing import Sizers
    from ..sizing.frames import Frame
    from ..sizing.journal import Journal

__all__ = ["add_watch"]

_POLL = 1.0  # seconds, where nothing tells of changes
_ONCE = 0.25  # seconds between looks that end
_DRAW = 5.0  # seconds from a picture to the next


def add_watch(commands: Commands) -> None:
    """Add the command to the parser."""
    watch = commands.add_parser(
        "watch",
        help="size the patterns that come into a folder, as they come",
        description="Size the patterns of a folder as they come, each as soon as it is complete, "
        "and add a line for it to a CSV, with the columns of sk-qdots size --format csv and behind "
        "them the time of the file (UTC) and its length. The CSV is the memory: started again with "
        "it, the command goes on where it was. A file that changes after it was sized is sized "
        "again and has another line, of which the last counts.",
        epilog="Example: sk-qdots watch run42 --wavelength 0.5642 --out series.csv --plot "
        "series.png. Ctrl-C ends it. Status: 0; 2 where watching could not begin or not go on, "
        "or with --once where a pattern was refused.",
    )
    watch.add_argument("folder", metavar="FOLDER", help="where the patterns come")
    watch.add_argument(
        "--out", required=True, metavar="OUT.csv", help="where the sizes go; gone on with"
    )
    watch.add_argument(
        "--pattern",
        metavar="GLOB",
        help="the names that count, in quotes, such as '*.chi' (default: those that end as "
        "measurements do); '**/*.chi' reaches folders below",
    )
    add_reading(watch)
    add_lines(watch)
    watch.add_argument(
        "--plot",
        metavar="OUT.png",
        help="keep a picture up to date: sizes over the times of the files, refused ones marked",
    )
    watch.add_argument(
        "--page",
        action="store_true",
        help="keep a page in the browser up to date, too, whose link is told on standard error "
        "(pip install 'sk_qdots[page]')",
    )
    add_sharing(watch)
    watch.add_argument(
        "--once", action="store_true", help="work off what is there, and end: for cron"
    )
    watch.add_argument(
        "--again", action="store_true", help="ask again those files that were refused before"
    )
    watch.add_argument(
        "--poll",
        type=_seconds,
        metavar="S",
        help="look every S seconds, in folders of other machines whose changes are not told here "
        "(NFS, SMB); without it such folders are looked into every ten seconds",
    )
    watch.add_argument(
        "--settle",
        type=_seconds,
        default=1.0,
        metavar="S",
        help="seconds for which a file stands still before it is complete (default: 1); four times "
        "as long for the first and for those that are shorter than others",
    )
    watch.add_argument(
        "--patience",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="seconds after which a file that cannot be read, and stands still, is refused "
        "(default: 30)",
    )
    watch.set_defaults(run=_watch)


def _seconds(text: str) -> float:
    value = number(text)
    if not 0.0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds above zero")
    return value


def _watch(options: argparse.Namespace) -> int:
    from ..sizing.journal import Journal

    try:
        folder = _checked_folder(options.folder)
        if Path(options.pattern or "").is_absolute():
            raise ValueError("--pattern is of names in the folder, such as '*.chi'")
        out = Path(options.out)
        if out.suffix.lower() != ".csv":
            raise ValueError(f"{out}: a watched series is written as .csv; end its name so")
        course = Course(out, options)
        sizers = asked_sizers(options)
        instruments = Instruments(asked_instrument(options), is_ignored=options.no_instrument)
        every = _every(options)
        with (
            Journal(out, COLUMNS, forgets_refused=options.again) as journal,
            ExitStack() as kept,
            _ended_alike(),
        ):
            live = Live(f"Folder {folder}", out, is_asked=options.page, kept=kept)
            watcher = _Watcher(options, folder, journal, sizers, instruments, course, live)
            columns = more_columns(sizers.targets) if options.verbose else []
            with WRITERS[options.format](watcher.files, sys.stdout, columns) as watcher.writer:
                return watcher.run(every)
    except ValueError as error:
        complain(str(error))
        return BAD_INPUT


def _checked_folder(place: str) -> Path:
    """The folder, by a name that is the same wherever the command is started."""
    folder = Path(place)
    if not folder.is_dir():
        raise ValueError(f"{place}: is no folder; watch takes one, into which patterns come")
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise ValueError(f"{place}: cannot be looked into: {error.strerror}") from None
    return folder.resolve()


def _every(options: argparse.Namespace) -> float | None:
    """Seconds from look to look; None where changes are told."""
    if options.poll is not None or options.once:
        return float(options.poll or _ONCE)
    if importlib.util.find_spec("watchfiles") is not None:
        return None
    complain(
        "watchfiles is not installed (pip install 'sk_qdots[watch]'): the folder is looked into "
        "every second"
    )
    return _POLL


@contextlib.contextmanager
def _ended_alike() -> Iterator[None]:
    """While whoever ends the process is heard as Ctrl-C is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Watcher:
    """Sizes what is complete, and writes it down.

    Parameters
    ----------
    options : Namespace
        Of the command.
    folder : Path
    journal : Journal
    sizers : Sizers
    instruments : Instruments
    course : Course
        The picture.
    live : Live
        The page.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        folder: Path,
        journal: Journal,
        sizers: Sizers,
        instruments: Instruments,
        course: Course,
        live: Live,
    ) -> None:
        from ..sizing.watching import FolderWatch

        own = (options.out, options.plot, options.blank, options.cif)
        self.files = [max(journal.done, key=len, default="")]  # the table is as wide as the longest
        self.writer = WRITERS["jsonl"](self.files, sys.stdout)
        self._options, self._journal, self._course = options, journal, course
        self._live = live
        self._sizers, self._instruments = sizers, instruments
        self._n: Counter[str] = Counter()
        self._n_before = len(journal.done)
        self._warned: set[str] = set()
        self._folder = FolderWatch(
            folder,
            journal.done,
            pattern=options.pattern,
            left_out=[Path(path) for path in own if path is not None],
            settle=options.settle,
            patience=options.patience,
        )

    def run(self, every: float | None) -> int:
        """Go on until it is interrupted, or everything is done where that was asked for."""
        is_once = self._options.once
        if not is_once:
            known = f", of which {self._n_before} files are done" if self._n_before else ""
            complain(f"watching {self._folder.folder}{known}; Ctrl-C ends it")
        try:
            last = self._folder.clock() + self._options.patience + 4.0 * self._options.settle
            for _ in self._folder.moments(every):
                begun = self._folder.clock()
                self._size(self._folder.complete())
                self._complain_of(self._course.draw(at_most_every=_DRAW))
                now = self._folder.clock()
                last += now - begun  # only waiting counts
                is_late = now > last
                if is_once and (is_late or not self._folder.n_waiting):
                    break
        except KeyboardInterrupt:  # how watching ends
            pass
        finally:
            self._complain_of(self._course.draw())
            left = self._folder.n_waiting
            waiting = f"; {left} not complete, for the next time" if left else ""
            before = f"; {self._n_before} before" if self._n_before else ""
            complain(f"{self._n.total()} patterns: {summary(self._n)}{before}{waiting}")
        return BAD_INPUT if is_once and self._n["refused"] else 0

    def _size(self, files: list[str]) -> None:
        if not files:
            return
        self.files[:] = [max(*self.files, *files, key=len)]
        options = self._options
        asking = Asking(options, self._sizers, self._instruments, Inputs(files, True))
        frames = asked_frames(
            asking, files, jobs=options.jobs, is_fast=options.fast, keeps_all=False
        )
        with closing(frames):
            for frame in frames:
                self._keep(frame)
                self._complain_of(self._course.draw(at_most_every=_DRAW))

    def _keep(self, frame: Frame) -> None:
        stamp = self._folder.accept(frame.file, is_read=frame.curve is not None)
        if stamp is None:
            if frame.curve is None and frame.file not in self._warned:
                self._warned.add(frame.file)
                complain(f"{frame.file}: cannot be read yet: {frame.reason}; it may be incomplete")
            return
        if frame.sizing is None:
            complain(f"{frame.file}: {frame.reason}")
            record = refusal_record(frame.file, self._sizers.name, frame.reason)
        else:
            record = sizing_record(frame.sizing)
        row = csv_row(record)
        self._journal.append(row, stamp)
        self._live.add(row, stamp)
        self._course.has_changed = True
        self._n[frame.verdict] += 1
        self.writer.write(record)
        if frame.sizing is not None:
            self._instruments.remember(frame.file)

    def _complain_of(self, problem: str | None) -> None:
        if problem:
            complain(problem)

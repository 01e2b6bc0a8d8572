"""Series and watched folders: work that goes on while the page asks how far it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import secrets
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .._typing import JsonObject
from .errors import RequestError, bad_request
from .questions import Question
from .work import FrameTask, Reply, RowsTask, SeriesTask
from .workers import Workers

if TYPE_CHECKING:
    from ..sizing.journal import Stamp
    from ..sizing.watching import FolderWatch

__all__ = ["Job", "Jobs"]

Kind = Literal["series", "watch", "told"]

_MOST = 8  # jobs that are kept
_MOST_FRAMES = 20_000
_AT_ONCE = 16  # frames that wait for a process
_LOOK = 1.0  # seconds from look to look into a folder
_ENDINGS = {"csv": ".csv", "nc": ".nc", "nxs": ".nxs", "png": ".png"}


@dataclass
class Job:
    """A series.

    Parameters
    ----------
    key : str
        By which it is asked for.
    kind : {"series", "watch", "told"}
        The rows of the last one come from somebody else, such as ``sk-qdots watch``.
    title : str
    question : Question
    folder : Path
        Of its files, which ends with it.
    per_frame : float or None
        Seconds from a frame to the next.
    n_total : int
        How many patterns there are, as far as it is known.

    Attributes
    ----------
    state : {"running", "done", "cancelled", "failed"}
    reason : str
        Why it failed.
    rows : list of dict
        Of what is done, as ``sk-qdots size --format csv`` has them, with ``time``.
    """

    key: str
    kind: Kind
    title: str
    question: Question
    folder: Path
    per_frame: float | None
    n_total: int = 0
    state: Literal["running", "done", "cancelled", "failed"] = "running"
    reason: str = ""
    rows: list[JsonObject] = field(default_factory=list)
    frames: dict[int, bytes] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None

    def to_dict(self, since: int = 0) -> JsonObject:
        """How far it is, with the rows from a number on."""
        rows = list(self.rows)  # others may add to it meanwhile
        last = {row["place"]: row["verdict"] for row in rows}  # files may change
        verdicts = list(last.values())
        return {
            "id": self.key,
            "kind": self.kind,
            "title": self.title,
            "state": self.state,
            "reason": self.reason,
            "n_total": max(self.n_total, len(last)),
            "n_done": len(last),
            "verdicts": {name: verdicts.count(name) for name in ("ok", "caution", "refused")},
            "rows": [*rows[since:]],
        }

    def keep(self, place: int, reply: Reply, modified: float) -> bool:
        """Take what became of a frame; whether it could be read."""
        told = json.loads(reply.body)
        if reply.status != 200:
            raise RequestError(reply.status, told["error"]["code"], told["error"]["reason"])
        self.tell(place, {**told["row"], "asks": told["asks"]}, modified, told["time"])
        self.frames[place] = reply.frame
        return bool(told["is_read"])

    def tell(self, place: int, row: JsonObject, modified: float, time: str = "") -> None:
        """Add a row; from any thread."""
        known = modified if math.isfinite(modified) else None
        self.rows.append({**row, "place": place, "time": time or None, "modified": known})


class Jobs:
    """All jobs of a server.

    Parameters
    ----------
    workers : Workers
    folder : Path
        In which each has its own.
    """

    def __init__(self, workers: Workers, folder: Path) -> None:
        self._workers, self._folder = workers, folder
        self._jobs: dict[str, Job] = {}

    def find(self, key: str) -> Job:
        """A job; raises RequestError where there is none."""
        if key not in self._jobs:
            raise RequestError(404, "no_job", "there is no such series, or it is not kept any more")
        return self._jobs[key]

    def all(self) -> list[Job]:
        """Those that are kept, in the order in which they began."""
        return list(self._jobs.values())

    def told(self, title: str) -> Job:
        """A job whose rows somebody else tells."""
        return self._new("told", title, Question(), self._folder, None)

    def series(
        self,
        question: Question,
        folder: Path,
        files: Sequence[tuple[Path, str, float]],
        per_frame: float | None,
    ) -> Job:
        """Begin to size files.

        Parameters
        ----------
        question : Question
        folder : Path
            Of the files.
        files : sequence of (Path, str, float)
            Where each is, what it is called, and when it was changed.
        per_frame : float or None

        Returns
        -------
        Job
        """
        job = self._new("series", f"Series of {len(files)}", question, folder, per_frame)
        job.n_total = len(files)
        job.task = asyncio.create_task(self._guarded(job, self._size_all(job, files)))
        return job

    def watch(self, question: Question, folder: Path, watched: Path, names: str | None) -> Job:
        """Begin to watch a folder.

        Parameters
        ----------
        question : Question
        folder : Path
            Of its own files.
        watched : Path
        names : str or None
            A glob that the names of patterns match.

        Returns
        -------
        Job
        """
        job = self._new("watch", f"Folder {watched}", question, folder, None)
        job.task = asyncio.create_task(self._guarded(job, self._watch(job, watched, names)))
        return job

    async def write(self, job: Job, kind: str) -> tuple[Reply, str]:
        """What is known so far as a file, and its name.

        Raises
        ------
        RequestError
            If there is nothing yet, or no such kind of file.
        """
        if kind not in _ENDINGS:
            raise bad_request(f"format is one of {', '.join(_ENDINGS)}")
        if not job.rows:
            raise RequestError(409, "nothing_yet", "nothing is sized yet")
        if job.kind == "told":
            if kind != "csv":
                raise bad_request("who tells these rows keeps no patterns")
            rows = {row["place"]: row for row in job.rows}
            return await self._workers.ask(RowsTask(tuple(rows.values()))), "series.csv"
        frames = tuple(job.frames[place] for place in sorted(job.frames))
        reply = await self._workers.ask(SeriesTask(frames, _ENDINGS[kind], job.per_frame))
        return reply, f"series{_ENDINGS[kind]}"

    async def cancel(self, job: Job) -> None:
        """End a job; what it knows is kept."""
        if job.kind == "told" and job.state == "running":
            raise RequestError(409, "not_here", "it is ended where it was begun, by Ctrl-C")
        if job.task is not None and not job.task.done():
            job.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job.task

    async def close(self) -> None:
        """End all of them."""
        for job in self.all():
            if job.kind != "told":
                await self.cancel(job)

    def _new(
        self,
        kind: Kind,
        title: str,
        question: Question,
        folder: Path,
        per_frame: float | None,
    ) -> Job:
        if len(self._jobs) >= _MOST:
            ended = [key for key, job in self._jobs.items() if job.state != "running"]
            if not ended:
                raise RequestError(503, "busy", "too many series run already; cancel one")
            del self._jobs[ended[0]]
        job = Job(secrets.token_urlsafe(12), kind, title, question, folder, per_frame)
        self._jobs[job.key] = job
        return job

    async def _guarded(self, job: Job, work: Coroutine[None, None, None]) -> None:
        """Do the work of a job, and say how it ended."""
        try:
            await work
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "cancelled"
        except (ValueError, OSError) as error:
            job.state, job.reason = "failed", str(error)
        finally:
            shutil.rmtree(job.folder, ignore_errors=True)

    async def _size_all(self, job: Job, files: Sequence[tuple[Path, str, float]]) -> None:
        async def size(place: int) -> None:
            path, name, modified = files[place]
            reply = await self._workers.ask(
                FrameTask(job.question, str(path), name, modified), can_wait=True
            )
            job.keep(place, reply, modified)
            path.unlink(missing_ok=True)

        await _in_turn(size, len(files))

    async def _watch(self, job: Job, watched: Path, names: str | None) -> None:
        done: dict[str, Stamp] = {}
        places: dict[str, int] = {}
        folder, stamp_of = await asyncio.to_thread(_folder_watch, watched, done, names)

        while True:
            files = await asyncio.to_thread(folder.complete)
            job.n_total = len(done) + folder.n_waiting

            async def size(k: int, files: list[str] = files) -> None:
                file = files[k]
                name = Path(file).relative_to(watched).as_posix()
                stamp = stamp_of(file)
                modified = float("nan") if stamp is None else 1e-9 * stamp.modified
                reply = await self._workers.ask(
                    FrameTask(job.question, file, name, modified), can_wait=True
                )
                told = json.loads(reply.body)
                is_read = reply.status != 200 or told["is_read"]
                accepted = folder.accept(file, is_read=is_read)
                if accepted is None:
                    return
                done[file] = accepted
                job.keep(places.setdefault(file, len(places)), reply, modified)
                if len(job.frames) >= _MOST_FRAMES:
                    raise RequestError(
                        413, "too_many", f"{_MOST_FRAMES} patterns are sized; watch goes no further"
                    )

            await _in_turn(size, len(files))
            await asyncio.sleep(_LOOK)


def _folder_watch(
    watched: Path, done: dict[str, Stamp], names: str | None
) -> tuple[FolderWatch, Callable[[str], Stamp | None]]:
    """Who looks into a folder; what that needs is loaded when it is asked for."""
    from ..sizing.journal import Stamp
    from ..sizing.watching import FolderWatch

    return FolderWatch(watched, done, pattern=names), Stamp.of


async def _in_turn(work: Callable[[int], Coroutine[None, None, None]], n: int) -> None:
    """Do work for all places, a few at a time; what fails first ends it."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(place: int) -> None:
        async with limit:
            await work(place)

    try:
        async with asyncio.TaskGroup() as group:
            for place in range(n):
                group.create_task(one(place))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None

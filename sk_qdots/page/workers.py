"""Processes that do the work: one that is not wanted any more is ended, and another begins.

A server must answer while patterns are sized, and long work must end when nobody waits for it. So
each process has a pipe of its own, and a task that is cancelled takes its process with it, unless
that is about to be done anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .errors import RequestError, error_body
from .work import JSON, Reply, Task

__all__ = ["Workers"]

_SOON = 1.0  # seconds in which a task that is cancelled may still end
_LONGEST = 900.0  # seconds of a task
_MOST_WAITING = 100
_MOST_BROKEN, _PAUSE, _LONG_PAUSE = 4, 0.5, 20.0  # seconds, before another process begins
_BROKEN = "the process that sized this pattern broke; is there enough memory?"


class Workers:
    """Processes, and who waits for one.

    Parameters
    ----------
    n : int
        How many.
    folder : Path
        Where they may keep files.
    begins_with : sequence of Task
        What each does before anything else.

    Attributes
    ----------
    first : Future of Reply
        What the first of these tasks came to.
    """

    first: asyncio.Future[Reply]

    def __init__(self, n: int, folder: Path, begins_with: Sequence[Task] = ()) -> None:
        self._n, self._folder, self._begins_with = n, folder, begins_with
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._waiting: tuple[deque[asyncio.Future[_Worker]], ...] = (deque(), deque())
        self._threads = ThreadPoolExecutor(n + 1, thread_name_prefix="sk-qdots-page")
        self._asides: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._n_broken = 0  # processes that broke at their start, one after the other

    def start(self) -> None:
        """Begin; called within the loop of the server."""
        self.first = asyncio.get_running_loop().create_future()
        for _ in range(self._n):
            self._begin()

    async def ask(self, task: Task, *, can_wait: bool = False) -> Reply:
        """Have a task done; where this is cancelled, it is ended.

        Parameters
        ----------
        task : Task
        can_wait : bool, default=False
            Whether others go before it, as before the frames of a series.

        Returns
        -------
        Reply

        Raises
        ------
        RequestError
            If too many wait already.
        """
        worker = await self._free(can_wait)
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self._threads, worker.call, task)
        try:
            done, _ = await asyncio.wait({call}, timeout=_LONGEST)
        except asyncio.CancelledError:
            self._aside(self._end_soon(worker, call))
            raise
        if not done:
            self._aside(self._end_soon(worker, call))
            return Reply(504, JSON, _told("too_long", "this takes too long, and was given up"))
        return self._after(worker, call.result())

    def close(self) -> None:
        """End all processes, whatever they do."""
        self._is_closed = True
        for waiter in (one for line in self._waiting for one in line):
            waiter.cancel()
        for worker in self._all:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            worker.close()

    async def _free(self, can_wait: bool) -> _Worker:
        if self._idle:
            return self._idle.pop()
        line = self._waiting[can_wait]
        if len(line) >= _MOST_WAITING and not can_wait:
            raise RequestError(503, "busy", "too many patterns wait already; ask again later")
        waiter: asyncio.Future[_Worker] = asyncio.get_running_loop().create_future()
        line.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._release(waiter.result())
            else:
                with contextlib.suppress(ValueError):
                    line.remove(waiter)
            raise

    def _after(self, worker: _Worker, reply: Reply | None) -> Reply:
        if reply is None:
            self._replace(worker)
            return Reply(503, JSON, _told("broken", _BROKEN))
        self._release(worker)
        return reply

    async def _end_soon(self, worker: _Worker, call: asyncio.Future[Reply | None]) -> None:
        done, _ = await asyncio.wait({call}, timeout=_SOON)
        if not done:
            worker.kill()
            await asyncio.wait({call})
        if done and call.result() is not None:
            self._release(worker)
        else:
            self._replace(worker)

    def _release(self, worker: _Worker) -> None:
        for line in self._waiting:
            while line:
                waiter = line.popleft()
                if not waiter.done():
                    waiter.set_result(worker)
                    return
        self._idle.append(worker)

    def _replace(self, worker: _Worker) -> None:
        self._all.discard(worker)
        worker.kill()
        worker.close()
        if not self._is_closed:
            self._begin()

    def _begin(self) -> None:
        worker = _Worker(self._folder)
        self._all.add(worker)
        self._aside(self._warmed(worker))

    async def _warmed(self, worker: _Worker) -> None:
        """Put a new process to work once it has loaded what it needs."""
        loop = asyncio.get_running_loop()
        for task in self._begins_with:
            call = loop.run_in_executor(self._threads, worker.call, task)
            done, _ = await asyncio.wait({call}, timeout=_LONGEST)
            if not done:
                worker.kill()
            reply = await call
            if reply is None:
                await self._begin_again(worker)
                return
            if self.first.done() and self._n_broken:  # what was told of the broken ones
                self.first = loop.create_future()
            if not self.first.done():
                self.first.set_result(reply)
            self._n_broken = 0
        if not self._is_closed:
            self._release(worker)

    async def _begin_again(self, worker: _Worker) -> None:
        """Another process, after a while, for one that broke at its start."""
        self._n_broken += 1
        if self._n_broken >= _MOST_BROKEN:  # whoever waits for the first reply waits in vain
            if not self.first.done():
                self.first.set_result(Reply(503, JSON, _told("broken", _BROKEN)))
            await asyncio.sleep(_LONG_PAUSE)
        elif not self._is_closed:
            await asyncio.sleep(_PAUSE)
        if not self._is_closed:
            self._replace(worker)

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


class _Worker:
    """One process, and the pipes to it; it knows nothing of the script that began the server."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            # -P: modules that lie in the folder of the measurements are none of ours.
            [sys.executable, "-P", "-m", "sk_qdots.page.process", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # an interrupt is for the server
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def call(self, task: Task) -> Reply | None:
        """What a task came to; None where the process broke."""
        sent, received = self._process.stdin, self._process.stdout
        assert sent is not None and received is not None
        try:
            pickle.dump(task, sent)
            sent.flush()
            reply: Reply = pickle.load(received)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            return None
        return reply

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)

    def close(self) -> None:
        """Close the pipes of a process that was ended, and that nobody waits for."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


def _told(code: str, reason: str) -> bytes:
    return json.dumps(error_body(code, reason)).encode("utf-8")

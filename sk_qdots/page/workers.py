"""Processes that do the work: one that is not wanted any more is ended, and another begins.

A server must answer while patterns are sized, and long work must end when nobody waits for it. So
each process has a pipe of its own, and a task that is cancelled takes its process with it, unless
that is about to be done anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections import deque
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

from .errors import RequestError, error_body
from .work import JSON, Reply, Task, reply_to

__all__ = ["Workers"]

_SOON = 1.0  # seconds in which a task that is cancelled may still end
_LONGEST = 900.0  # seconds of a task
_MOST_WAITING = 100
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
            reply = await loop.run_in_executor(self._threads, worker.call, task)
            if not self.first.done():
                self.first.set_result(reply or Reply(503, JSON, _told("broken", _BROKEN)))
        if not self._is_closed:
            self._release(worker)

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


class _Worker:
    """One process, and the pipe to it."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(
            target=_work, args=(other, str(folder)), name="sk-qdots-page", daemon=True
        )
        self._process.start()
        other.close()

    def call(self, task: Task) -> Reply | None:
        """What a task came to; None where the process broke."""
        try:
            self._pipe.send(task)
            reply: Reply = self._pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        return reply

    def kill(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join(5.0)


def _work(pipe: Connection, folder: str) -> None:
    """Do what comes through the pipe, until its other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the server
    tempfile.tempdir = folder
    os.environ.setdefault("MPLBACKEND", "Agg")
    warnings.simplefilter("ignore")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        while True:
            try:
                task = pipe.recv()
            except (EOFError, OSError):
                return
            try:
                reply = reply_to(task)
            except Exception as error:  # told where the server runs, and not to who asks
                print(f"sk-qdots page: {type(error).__name__}: {error}", file=sys.stderr)
                reply = Reply(500, JSON, _told("failed", "this failed, and should not have"))
            try:
                pipe.send(reply)
            except (BrokenPipeError, OSError):
                return


def _told(code: str, reason: str) -> bytes:
    return json.dumps(error_body(code, reason)).encode("utf-8")

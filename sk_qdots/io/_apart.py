"""HDF5 read in a process of its own, which damaged bytes may hang or end.

The HDF5 library trusts what it reads: a damaged file can send it into an endless loop
or crash it. So a second process reads, is given a few seconds, and is replaced when it
does not answer. It starts with the first file and stays for the next ones.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
from typing import IO, Any

from ._scan import Columns, PatternError, Scan

__all__ = ["read_apart", "serve"]

_START = 60.0  # seconds to import what is needed, on a busy machine
_READ = 3.0  # seconds for a file
_LENGTH = struct.Struct("<Q")
_LOCK = threading.Lock()


def read_apart(source: str, raw: bytes, columns: Columns | None = None) -> list[Scan]:
    """Read every pattern of an HDF5 file, in the other process.

    Raises
    ------
    PatternError
        If the file is refused, or takes too long, or ends the process that reads it.
    """
    with _LOCK:
        answer = _Reader.current().ask(source, raw, columns)
    if isinstance(answer, PatternError):
        raise answer
    return answer


class _Reader:
    """The other process."""

    _one: _Reader | None = None

    def __init__(self) -> None:
        self.owner = os.getpid()
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt is for this process to deal with
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        atexit.register(self.end)
        if self._receive(_START) != "ready":
            self.end()
            raise RuntimeError("the process that reads HDF5 does not start")

    @classmethod
    def current(cls) -> _Reader:
        """The process that is there, or a new one."""
        one = cls._one
        if one is None or one.owner != os.getpid() or one.process.poll() is not None:
            cls._one = one = cls()
        return one

    def ask(self, source: str, raw: bytes, columns: Columns | None) -> list[Scan] | PatternError:
        """Scans of a file, or the error that refuses it."""
        answer: list[Scan] | PatternError | None = None
        try:
            with contextlib.suppress(OSError):  # it ended
                _send(self.requests, (source, raw, columns))
                answer = self._receive(_READ)
        finally:  # also where the user interrupts
            if answer is None:
                self.end()
        if answer is None:
            return PatternError(
                source,
                "is an HDF5 file that cannot be read to its end; it is damaged, copy it again",
            )
        return answer

    def end(self) -> None:
        """Stop the process."""
        atexit.unregister(self.end)
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(OSError):  # what was not sent to a process that ended
            self.requests.close()
        self.answers.close()

    def _receive(self, seconds: float) -> Any:
        """Next message, or None where none comes in time."""
        box: list[Any] = []
        thread = threading.Thread(target=lambda: box.append(_receive(self.answers)), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            self.process.kill()
            thread.join()
            return None
        return box[0]


def serve() -> None:
    """Answer one file after the other, until the input ends."""
    from ._nexus import read_nexus

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing else may be written to where the answers go
    _send(out, "ready")
    while (request := _receive(sys.stdin.buffer)) is not None:
        source, raw, columns = request
        try:
            answer: list[Scan] | PatternError = read_nexus(source, raw, columns)
        except PatternError as error:
            answer = error
        _send(out, answer)


def _send(stream: IO[bytes], message: object) -> None:
    content = pickle.dumps(message, protocol=5)
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _receive(stream: IO[bytes]) -> Any:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return pickle.loads(content) if len(content) == length else None

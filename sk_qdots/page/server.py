"""The server of the page: it listens at 127.0.0.1 alone, and what it keeps ends with it."""

from __future__ import annotations

import contextlib
import html
import importlib.util
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

    from .app import Settings
    from .jobs import Job, Jobs

__all__ = ["RunningPage", "serve"]

PORT = 8642
_HOST = "127.0.0.1"
_NEEDED = ("plotly", "python_multipart", "starlette", "uvicorn")
_MANIFEST = "manifest.json"
_MOST_WORKERS = 4
_GRACE = 2  # seconds for what is still being sent, at the end


class RunningPage:
    """A server in a thread of its own, for as long as the context lasts.

    Parameters
    ----------
    port : int, default=0
        That it listens at; 0 for any that is free.
    models : sequence of str, default=()
        Folders of trained sizers besides those that are known by name; the first one is the one
        that the page begins with.
    n_workers : int, optional
        Processes that size; by default as many as there are processors, four at most.

    Attributes
    ----------
    url : str
        The link, with its token.
    folder : Path
        Where it keeps what it is sent.

    Raises
    ------
    ValueError
        If a package is missing, the port is taken, or a folder holds no sizer.

    See Also
    --------
    serve : In the foreground, until it is interrupted.
    ask : Asks it.

    Examples
    --------
    >>> from sk_qdots.page import RunningPage, ask
    >>> with RunningPage() as page:  # doctest: +SKIP
    ...     ask(page.url, "sample.xye", wavelength=0.5642)["verdict"]
    'ok'
    """

    def __init__(
        self, port: int = 0, *, models: Sequence[str] = (), n_workers: int | None = None
    ) -> None:
        _check_packages()
        _check_models(models)
        self._socket = _listening(port)
        self._kept = contextlib.ExitStack()
        self._kept.callback(self._socket.close)
        self.folder = Path(tempfile.mkdtemp(prefix="sk-qdots-page-"))
        self._kept.callback(shutil.rmtree, self.folder, ignore_errors=True)
        from .app import Settings

        self.settings: Settings = Settings(
            port=self._socket.getsockname()[1],
            folder=self.folder,
            n_workers=n_workers or min(os.cpu_count() or 1, _MOST_WORKERS),
            models=tuple(models),
        )
        self.url = f"http://{_HOST}:{self.settings.port}/?token={self.settings.keys.token}"
        from .app import make_app

        app = make_app(self.settings)
        self._jobs: Jobs = app.state.jobs
        self._server: uvicorn.Server = _server(app)
        self._thread = threading.Thread(target=self._run, name="sk-qdots-page", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.close()

    def run(self) -> None:
        """Serve in this thread, until it is interrupted."""
        self._run()

    def close(self) -> None:
        """Delete what it kept."""
        self._kept.close()

    def show(self, title: str) -> Job:
        """Begin a series on the page whose rows the caller tells, by ``tell`` of what it returns.

        Parameters
        ----------
        title : str

        Returns
        -------
        Job
        """
        return self._jobs.told(title)

    def open_browser(self) -> None:
        """Open the link in the browser; other users of the computer do not see it."""
        # An address in the arguments of a browser is seen by everybody who lists processes.
        opener = self.folder / "open.html"
        link = html.escape(self.url)
        opener.write_text(
            f'<!doctype html><meta charset="utf-8"><title>sk_qdots</title>'
            f'<meta http-equiv="refresh" content="0; url={link}"><a href="{link}">sk_qdots</a>\n',
            encoding="utf-8",
        )
        with contextlib.suppress(webbrowser.Error, OSError):
            webbrowser.open(opener.as_uri())

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def serve(
    port: int | None = None,
    *,
    opens_browser: bool = True,
    models: Sequence[str] = (),
    n_workers: int | None = None,
) -> None:
    """Serve the page until it is interrupted.

    Parameters
    ----------
    port : int, optional
        By default 8642, or any that is free where that is taken.
    opens_browser : bool, default=True
        Whether the browser is opened.
    models, n_workers
        As for :class:`RunningPage`.

    Raises
    ------
    ValueError
        If a package is missing, the port is taken, or a folder holds no sizer.

    Examples
    --------
    >>> from sk_qdots.page import serve
    >>> serve(8642)  # doctest: +SKIP
    http://127.0.0.1:8642/?token=...
    """
    page = _page(port, models, n_workers)
    try:
        print(page.url, flush=True)
        print(
            "sk-qdots: the page is open to whoever has this link, on this computer; Ctrl-C ends it",
            file=sys.stderr,
        )
        if opens_browser:
            page.open_browser()
        with _ended_alike():
            page.run()
    except KeyboardInterrupt:  # how it ends
        pass
    finally:
        page.close()


def _page(port: int | None, models: Sequence[str], n_workers: int | None) -> RunningPage:
    if port is not None:
        return RunningPage(port, models=models, n_workers=n_workers)
    try:
        return RunningPage(PORT, models=models, n_workers=n_workers)
    except PortError:
        return RunningPage(0, models=models, n_workers=n_workers)


class PortError(ValueError):
    """A port that cannot be listened at."""


def _check_packages() -> None:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"the page needs {', '.join(missing)}: pip install 'sk_qdots[page]'")


def _check_models(models: Sequence[str]) -> None:
    """Refuse what is no sizer at a glance; what is damaged is left out of the page."""
    for model in models:
        if Path(model).exists() and not (Path(model) / _MANIFEST).is_file():
            raise ValueError(f"{model}: is no folder of a sizer")


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name != "nt":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise PortError(f"--port {port}: cannot be listened at: {reason}") from None
    return listener


def _server(app: Starlette) -> uvicorn.Server:
    import uvicorn

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # the answer says it
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,  # an address in a log would tell the token
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=256,
            backlog=128,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_GRACE,
        )
    )


@contextlib.contextmanager
def _ended_alike() -> Iterator[None]:
    """While whoever ends the process is heard as Ctrl-C is."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""What is asked at which address."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from .errors import RequestError, bad_request, error_body
from .forms import ONE, SERIES, Form, Limits, Upload
from .jobs import Jobs
from .openapi import openapi
from .questions import FILE_FIELDS, Question, question_from_form
from .security import Doors, Keys, cookie_header
from .uploads import read_form
from .work import FORMATS, ChoicesTask, Reply, SizeTask, Task, WarmTask
from .workers import Workers

__all__ = ["Settings", "make_app"]

_STATIC = {
    "page.css": "text/css",
    **{
        f"{name}.js": "text/javascript"
        for name in ("answers", "main", "plots", "samples", "series", "server", "settings")
    },
}
_ENDINGS = {"csv": "csv", "fit": "fit.csv", "json": "json", "png": "png", "report": "html"}


@dataclass(frozen=True)
class Settings:
    """Of a server.

    Parameters
    ----------
    port : int
        That it listens at.
    folder : Path
        Of everything that it keeps, which ends with it.
    keys : Keys
    n_workers : int
        Processes that size.
    models : tuple of str
        Names or folders of trained sizers; the page begins with the first one.
    """

    port: int
    folder: Path
    keys: Keys = field(default_factory=Keys)
    n_workers: int = 1
    models: tuple[str, ...] = ()


def make_app(settings: Settings) -> Starlette:
    """The application of a server.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Starlette
    """
    page = _Page(settings)
    routes = [
        Route("/", page.home, methods=["GET"]),
        Route("/static/{name}", page.static, methods=["GET"]),
        Route("/api/size", page.size, methods=["POST"]),
        Route("/api/sizers", page.sizers, methods=["GET"]),
        Route("/api/series", page.series, methods=["POST"]),
        Route("/api/watch", page.watch, methods=["POST"]),
        Route("/api/jobs", page.jobs, methods=["GET"]),
        Route("/api/jobs/{job}", page.job, methods=["GET", "DELETE"]),
        Route("/api/jobs/{job}/file", page.job_file, methods=["GET"]),
        Route("/api/openapi.json", page.openapi, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Doors, keys=settings.keys, port=settings.port)],
        exception_handlers={HTTPException: _http_error, RequestError: _request_error},
        lifespan=page.lifespan,
    )
    app.state.jobs = page.all_jobs
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = error_body("http", error.detail)
    return JSONResponse(told, status_code=error.status_code, headers=error.headers)


async def _request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = {"Retry-After": "2"} if error.status == 503 else {}
    # The rest of a body that is refused is not read: the connection ends.
    headers |= {"Connection": "close"} if error.status in (408, 413) else {}
    return JSONResponse(
        error_body(error.code, error.reason), status_code=error.status, headers=headers
    )


class _Page:
    """Answers requests."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        first: list[Task] = [ChoicesTask(settings.models), WarmTask([*settings.models, "PbS"][0])]
        self._workers = Workers(settings.n_workers, settings.folder, first)
        self.all_jobs = Jobs(self._workers, settings.folder)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """While the server runs."""
        self._workers.start()
        try:
            yield
        finally:
            await self.all_jobs.close()
            await asyncio.to_thread(self._workers.close)

    async def home(self, request: Request) -> Response:
        """The page, empty: what it shows, it asks for with its token."""
        cookie = {"Set-Cookie": cookie_header(self._settings.keys)}
        return HTMLResponse(_template(), headers=cookie)

    async def static(self, request: Request) -> Response:
        """Scripts and styles."""
        name = request.path_params["name"]
        if name == "plotly.js":
            path = _plotly()
            if path is None:
                raise RequestError(404, "no_plotly", "plotly is not installed")
            return FileResponse(path, media_type="text/javascript")
        if name not in _STATIC:
            raise RequestError(404, "not_found", "there is no such file")
        content = (resources.files(__package__) / "static" / name).read_bytes()
        return Response(content, media_type=_STATIC[name])

    async def size(self, request: Request) -> Response:
        """One pattern."""
        with self._folder() as folder:
            form = await read_form(request, folder, FILE_FIELDS, ONE)
            kind = form.texts.pop("format", "") or "json"
            if kind not in FORMATS:
                raise bad_request(f"format is one of {', '.join(FORMATS)}")
            pattern = _one_pattern(form)
            task = SizeTask(
                await self._question(form),
                str(pattern.path),
                pattern.name,
                pattern.sha256,
                kind,
                datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            )
            reply = await _while_connected(request, self._workers.ask(task))
        return _response(reply, f"{Path(pattern.name).stem}.{_ENDINGS.get(kind, 'json')}", kind)

    async def sizers(self, request: Request) -> Response:
        """What can be asked."""
        choices = await self._choices()
        sizers = [{k: v for k, v in one.items() if k != "folder"} for one in choices["sizers"]]
        return JSONResponse({**choices, "sizers": sizers})

    async def series(self, request: Request) -> Response:
        """Many patterns."""
        folder = self._new_folder()
        try:
            form = await read_form(request, folder, FILE_FIELDS, SERIES)
            per_frame = _per_frame(form)
            times = _times(form)
            if not form.patterns:
                raise bad_request("send files, each as a field called file")
            question = await self._question(form)
            files = [
                (one.path, one.name, times[k] if k < len(times) else math.nan)
                for k, one in enumerate(form.patterns)
            ]
            job = self.all_jobs.series(question, folder, files, per_frame)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return JSONResponse(job.to_dict(), status_code=202)

    async def watch(self, request: Request) -> Response:
        """A folder into which patterns come."""
        folder = self._new_folder()
        try:
            form = await read_form(request, folder, FILE_FIELDS, Limits(n_files=0))
            watched = _watched(form.texts.pop("folder", ""))
            names = form.texts.pop("pattern", "").strip() or None
            if names is not None and (Path(names).is_absolute() or ".." in Path(names).parts):
                raise bad_request("pattern is of names in the folder: *.chi")
            question = _with_remembered(await self._question(form), watched)
            job = self.all_jobs.watch(question, folder, watched, names)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return JSONResponse(job.to_dict(), status_code=202)

    async def jobs(self, request: Request) -> Response:
        """Jobs that are kept, without their rows."""
        told = [job.to_dict(len(job.rows)) for job in self.all_jobs.all()]
        return JSONResponse({"jobs": told})

    async def job(self, request: Request) -> Response:
        """How far a job is; with DELETE it ends."""
        job = self.all_jobs.find(request.path_params["job"])
        if request.method == "DELETE":
            await self.all_jobs.cancel(job)
        since = request.query_params.get("since", "0")
        place = int(since) if since.isascii() and since.isdecimal() and len(since) < 9 else 0
        return JSONResponse(job.to_dict(place))

    async def job_file(self, request: Request) -> Response:
        """What a job knows so far, as a file."""
        job = self.all_jobs.find(request.path_params["job"])
        reply, name = await self.all_jobs.write(job, request.query_params.get("format", "csv"))
        return _response(reply, name, "file")

    async def openapi(self, request: Request) -> Response:
        """The description of all of it."""
        return JSONResponse(openapi())

    async def _question(self, form: Form) -> Question:
        choices = await self._choices()
        return question_from_form(form, await self._folders(), choices["instruments"])

    async def _choices(self) -> dict[str, Any]:
        """What can be asked, as soon as a process has listed it."""
        reply = await asyncio.shield(self._workers.first)
        told: dict[str, Any] = json.loads(reply.body)
        if reply.status != 200:
            raise RequestError(reply.status, told["error"]["code"], told["error"]["reason"])
        return told

    async def _folders(self) -> dict[str, str]:
        return {one["name"]: one["folder"] for one in (await self._choices())["sizers"]}

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(prefix="request-", dir=self._settings.folder))

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = self._new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


async def _while_connected(request: Request, work: Awaitable[Reply]) -> Reply:
    """A reply, unless whoever asked leaves before it is there."""
    task = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_has_left(request))
    try:
        await asyncio.wait({task, left}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestError(499, "left", "whoever asked has left")
        return task.result()
    finally:
        for one in (task, left):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one


async def _has_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(reply: Reply, name: str, kind: str) -> Response:
    headers = {}
    if reply.status == 200 and kind not in ("json", "view"):
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name)
        headers["Content-Disposition"] = f'attachment; filename="{plain}"'
    return Response(reply.body, reply.status, headers, reply.media)


def _one_pattern(form: Form) -> Upload:
    if not form.patterns:
        raise bad_request("send the pattern as a field called file")
    return form.patterns[0]


def _watched(place: str) -> Path:
    folder = Path(place.strip()).expanduser()
    try:
        if not place.strip() or not folder.is_dir():
            raise bad_request("this is no folder; give the whole path of one on this computer")
        next(folder.iterdir(), None)
    except (OSError, ValueError):
        raise bad_request("the folder cannot be looked into") from None
    return folder.resolve()


def _with_remembered(question: Question, folder: Path) -> Question:
    """The question, with the instrument that a folder remembers where none is asked for."""
    from ..instruments.files import FILE_OF_A_FOLDER

    kept = folder / FILE_OF_A_FOLDER
    if question.instrument is not None or question.resolution is not None or not kept.is_file():
        return question
    brought = (*question.brought, ("instrument", kept.name, ""))
    return replace(question, instrument=str(kept), brought=brought)


def _per_frame(form: Form) -> float | None:
    text = form.texts.pop("per_frame", "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise bad_request("per_frame is a number of seconds above zero")
    return value


def _times(form: Form) -> list[float]:
    """When files were changed last, as a JSON list of seconds since 1970."""
    text = form.texts.pop("modified", "").strip() or "[]"
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, list) or not all(isinstance(t, int | float) for t in told):
        raise bad_request("modified is a JSON list of seconds")
    return [float(t) if abs(t) < 1e11 else math.nan for t in told]


@lru_cache(maxsize=1)
def _template() -> str:
    return (resources.files(__package__) / "templates" / "page.html").read_text("utf-8")


@lru_cache(maxsize=1)
def _plotly() -> Path | None:
    """The script of the installed plotly."""
    found = importlib.util.find_spec("plotly")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "package_data" / "plotly.min.js"
    return path if path.is_file() else None

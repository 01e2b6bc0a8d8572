"""What the processes of the page do: tasks in, replies out."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .._typing import Json, JsonObject
from .errors import RequestError, error_body, without_hints
from .questions import Question

if TYPE_CHECKING:
    from .answers import Answer

__all__ = [
    "FORMATS",
    "ChoicesTask",
    "FrameTask",
    "Reply",
    "SeriesTask",
    "SizeTask",
    "Task",
    "WarmTask",
    "reply_to",
]

JSON = "application/json"
CSV = "text/csv; charset=utf-8"


@dataclass(frozen=True)
class Reply:
    """What a task came to.

    Parameters
    ----------
    status : int
        Of HTTP.
    media : str
        Type of the body.
    body : bytes
    frame : bytes
        Of a frame: itself, for a series.
    """

    status: int
    media: str
    body: bytes
    frame: bytes = b""


@dataclass(frozen=True)
class SizeTask:
    """Size one pattern.

    Parameters
    ----------
    question : Question
    path, name, sha256 : str
        Where the pattern is, what it is called, and its digest.
    format : str
        Of :data:`FORMATS`.
    made : str
        Date and time, for reports.
    """

    question: Question
    path: str
    name: str
    sha256: str
    format: str
    made: str = ""


@dataclass(frozen=True)
class FrameTask:
    """Size a pattern of a series.

    Parameters
    ----------
    question : Question
    path, name : str
    modified : float
        When it was changed last, in seconds since 1970; NaN where that is not known.
    """

    question: Question
    path: str
    name: str
    modified: float


@dataclass(frozen=True)
class SeriesTask:
    """Write frames as a file.

    Parameters
    ----------
    frames : tuple of bytes
    ending : str
        ``.csv``, ``.nc``, ``.nxs`` or ``.png``.
    per_frame : float or None
        Seconds from one to the next.
    """

    frames: tuple[bytes, ...]
    ending: str
    per_frame: float | None


@dataclass(frozen=True)
class WarmTask:
    """Load what the first answer would wait for.

    Parameters
    ----------
    model : str
        Name or folder of the sizer.
    """

    model: str


@dataclass(frozen=True)
class ChoicesTask:
    """List what can be asked.

    Parameters
    ----------
    models : tuple of str
        Names or folders of sizers that come first.
    """

    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class RowsTask:
    """Write rows as CSV.

    Parameters
    ----------
    rows : tuple of dict
    """

    rows: tuple[JsonObject, ...]


Task = SizeTask | FrameTask | SeriesTask | WarmTask | ChoicesTask | RowsTask


def reply_to(task: Task) -> Reply:
    """Do a task.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Reply
        Also of what is refused.
    """
    try:
        if isinstance(task, SizeTask):
            return _sized(task)
        if isinstance(task, FrameTask):
            return _framed(task)
        if isinstance(task, SeriesTask):
            return _written(task)
        if isinstance(task, ChoicesTask):
            return _chosen(task)
        if isinstance(task, RowsTask):
            from ..sizing.records import COLUMNS

            return Reply(200, CSV, _csv(COLUMNS, task.rows))
        return _warmed(task)
    except RequestError as error:
        return Reply(error.status, JSON, _json(error_body(error.code, error.reason)))
    except MemoryError:
        return Reply(503, JSON, _json(error_body("memory", "there is not enough memory")))


def _sized(task: SizeTask) -> Reply:
    from .answers import Asked, Refusal
    from .views import pattern_curves

    try:
        asked = Asked(task.question, task.path, task.name)
        answer = asked.answer()
    except Refusal as refusal:
        told = error_body("refused", refusal.reason, source=task.name, asks=refusal.asks)
        if task.format == "view" and refusal.pattern is not None:
            told["curves"] = pattern_curves(refusal.pattern)
        return Reply(422, JSON, _json(told))
    return FORMATS[task.format](task, answer)


def _as_json(task: SizeTask, answer: Answer) -> Reply:
    return Reply(200, JSON, answer.sizing.to_json().encode("utf-8"))


def _as_view(task: SizeTask, answer: Answer) -> Reply:
    from .views import answer_view

    return Reply(200, JSON, _json(answer_view(answer, _command(task, answer))))


def _as_csv(task: SizeTask, answer: Answer) -> Reply:
    from ..sizing.records import COLUMNS, csv_row, sizing_record

    return Reply(200, CSV, _csv(COLUMNS, [csv_row(sizing_record(answer.sizing))]))


def _as_fit(task: SizeTask, answer: Answer) -> Reply:
    if answer.sizing.fit is None:
        raise RequestError(
            422, "no_fit", "a network makes no fit: ask a sizer with a posterior, or a crystal"
        )
    with tempfile.TemporaryDirectory(prefix="sk-qdots-fit-") as folder:
        path = Path(folder) / "fit.csv"
        answer.sizing.fit.to_csv(path)
        return Reply(200, CSV, path.read_bytes())


def _as_png(task: SizeTask, answer: Answer) -> Reply:
    from .pictures import answer_picture

    try:
        return Reply(200, "image/png", answer_picture(answer))
    except ValueError as error:
        raise RequestError(422, "no_picture", str(error)) from None


def _as_report(task: SizeTask, answer: Answer) -> Reply:
    from .reports import report

    told = report(answer, task.question, _command(task, answer), sha256=task.sha256, made=task.made)
    return Reply(200, "text/html; charset=utf-8", told)


def _command(task: SizeTask, answer: Answer) -> str:
    from .repeating import command_line

    return command_line(answer.question, task.name)


def _framed(task: FrameTask) -> Reply:
    from ..sizing.frames import sized_frames
    from ..sizing.records import csv_row, refusal_record, sizing_record
    from .answers import Asked

    asked = Asked(task.question, task.path, task.name)
    (frame,) = sized_frames([task.name], asked)
    frame = replace(frame, modified=task.modified, notes=())
    if frame.sizing is None:
        row = csv_row(refusal_record(task.name, asked.sizers.name, without_hints(frame.reason)))
    else:
        row = csv_row(sizing_record(frame.sizing))
    told: JsonObject = {
        "row": row,
        "time": frame.time,
        "is_read": frame.curve is not None,
        "asks": [*asked.asks],
    }
    return Reply(200, JSON, _json(told), pickle.dumps(frame))


def _written(task: SeriesTask) -> Reply:
    from ..sizing import write_series
    from ..sizing.series_data import Clock, dataset_of
    from .pictures import series_picture

    frames = [pickle.loads(frame) for frame in task.frames]
    series = dataset_of(frames, Clock.checked(None, task.per_frame))
    if task.ending == ".png":
        return Reply(200, "image/png", series_picture(series))
    media = {".csv": CSV, ".nc": "application/x-netcdf"}
    with tempfile.TemporaryDirectory(prefix="sk-qdots-series-") as folder:
        path = Path(folder) / f"series{task.ending}"
        write_series(series, path)
        return Reply(200, media.get(task.ending, "application/x-hdf5"), path.read_bytes())


def _warmed(task: WarmTask) -> Reply:
    import xarray as xr

    from ..sizing import load_sizer

    sizer = load_sizer(task.model)
    reference = sizer.reference
    if reference is not None:
        middle = reference.patterns[len(reference.patterns) // 2, 0]
        counts = 1000.0 * (middle - middle.min()) / max(float(middle.max()), 1e-9) + 100.0
        pattern = xr.DataArray(counts.astype(float), dims="q", coords={"q": reference.q})
        with contextlib.suppress(ValueError, ArithmeticError):  # that it was asked is what counts
            sizer.size(pattern)
    return Reply(200, JSON, b"{}")


def _chosen(task: ChoicesTask) -> Reply:
    """Sizers with their folders, crystals and instruments."""
    from ..instruments import saved_instruments
    from ..instruments.ready import READY
    from ..simulation import Crystal
    from ..sizing.files import SizerError
    from ..sizing.records import COLUMNS
    from ..sizing.registry import known_sizers, sizer_facts

    known = known_sizers()
    folders = [known.get(model, Path(model)) for model in task.models]
    folders += [known[name] for name in sorted(known, key=lambda name: name != "PbS")]
    told: dict[str, JsonObject] = {}
    for folder in dict.fromkeys(folders):
        try:
            facts = sizer_facts(folder)
        except SizerError:
            continue
        is_own = folder not in known.values() and (facts.name in known or facts.name in told)
        name = folder.name if is_own else facts.name
        told.setdefault(
            name,
            {
                "name": name,
                "folder": str(folder),
                "crystal": facts.crystal,
                "diameters": list(facts.diameters),
                "q_range": list(facts.q_range),
                "instrument": facts.instrument,
                "estimates": list(facts.estimates),
            },
        )
    instruments: list[Json] = [*(name for name in READY if name != "ideal"), *saved_instruments()]
    crystals: list[Json] = [*Crystal.builtin_names()]
    choices: JsonObject = {
        "sizers": [*told.values()],
        "crystals": crystals,
        "instruments": instruments,
        "columns": [*COLUMNS],
    }
    return Reply(200, JSON, _json(choices))


def _json(told: object) -> bytes:
    return json.dumps(told, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


FORMATS: Mapping[str, Callable[[SizeTask, Answer], Reply]] = {
    "json": _as_json,
    "view": _as_view,
    "csv": _as_csv,
    "fit": _as_fit,
    "png": _as_png,
    "report": _as_report,
}

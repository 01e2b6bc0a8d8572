"""What a request brings: texts and files, within limits.

Files go to a folder of the server under numbers, never under the names that they bring.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from pathlib import Path
from typing import Any, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from .arrays import form_from_json
from .errors import RequestError, bad_request
from .forms import MIB, Form, Limits, Upload, clean_name

__all__ = ["read_form"]

_LONGEST_TEXT = 16_384  # bytes of a field
_MOST_TEXTS = 40
_LONGEST_DRAIN, _MOST_DRAINED = 5.0, 256 * MIB  # seconds and bytes of a body that is refused
_SLOWEST = 120.0  # seconds, from one piece of a request to the next


async def read_form(
    request: Request, folder: Path, others: tuple[str, ...], limits: Limits
) -> Form:
    """Read the body of a request.

    Parameters
    ----------
    request : Request
        ``multipart/form-data``, or ``application/json`` with arrays.
    folder : Path
        Where files are kept; it is empty.
    others : tuple of str
        Fields besides ``file`` that may be files.
    limits : Limits

    Returns
    -------
    Form

    Raises
    ------
    RequestError
        If it is too large, too long in coming, or not well formed.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    announced = request.headers.get("content-length", "0")
    try:
        if announced.isascii() and announced.isdecimal() and int(announced) > limits.n_bytes:
            raise _too_large(limits.n_bytes)
        if kind == b"multipart/form-data":
            boundary = options.get(b"boundary", b"")
            if not boundary:
                raise bad_request("multipart/form-data needs a boundary")
            parts = _Parts(folder, others, limits)
            try:
                return await parts.read(request, boundary)
            finally:
                parts.close()
        if kind == b"application/json":
            return form_from_json(await _whole(request, limits.n_bytes), folder, others)
        raise RequestError(
            415,
            "media_type",
            "send multipart/form-data with a file, or application/json with arrays",
        )
    except ClientDisconnect:
        raise bad_request("the request broke off") from None
    except RequestError:
        await _drain(request)
        raise


def _too_large(most: int) -> RequestError:
    return RequestError(413, "too_large", f"a request holds at most {most // MIB} MiB in all")


async def _pieces(request: Request, most: int) -> Any:
    """Pieces of a body, as they come."""
    n, stream = 0, request.stream()
    while True:
        try:
            async with asyncio.timeout(_SLOWEST):
                piece = await anext(stream, None)
        except TimeoutError:
            raise RequestError(408, "too_slow", "the request did not come to its end") from None
        if piece is None:
            return
        n += len(piece)
        if n > most:
            raise _too_large(most)
        yield piece


async def _drain(request: Request) -> None:
    """Drop the rest of a body, for a while: who still sends it would not read the answer."""
    n = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(_LONGEST_DRAIN):
            async for piece in request.stream():
                n += len(piece)
                if n > _MOST_DRAINED:
                    return


async def _whole(request: Request, most: int) -> bytes:
    return b"".join([piece async for piece in _pieces(request, most)])


class _Parts:
    """Takes a multipart body apart, each file into one of its own."""

    def __init__(self, folder: Path, others: tuple[str, ...], limits: Limits) -> None:
        self._folder, self._others, self._limits = folder, others, limits
        self._form = Form()
        self._n = 0
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._field = self._name = ""
        self._stream: BinaryIO | None = None
        self._path = folder
        self._digest = hashlib.sha256()
        self._text = bytearray()
        self._size = 0
        self._is_whole = False

    async def read(self, request: Request, boundary: bytes) -> Form:
        """The form."""
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_field,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
            async for piece in _pieces(request, self._limits.n_bytes):
                parser.write(piece)
            parser.finalize()
        except FormParserError as error:
            raise bad_request(f"the multipart body is damaged: {error}") from None
        if not self._is_whole:
            raise bad_request("the multipart body is incomplete")
        return self._form

    def close(self) -> None:
        """Close what is still open."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _begin(self) -> None:
        self._disposition, self._field, self._name = b"", "", ""
        self._text, self._size = bytearray(), 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or not options.get(b"name"):
            raise bad_request("a part of the multipart body has no name")
        self._field = options[b"name"].decode("utf-8", "replace")
        brought = options.get(b"filename")
        is_pattern = self._field == "file"
        if brought is None and not is_pattern:
            if len(self._form.texts) >= _MOST_TEXTS or self._field in self._form.texts:
                raise bad_request(
                    f"{clean_name(self._field)} is given twice, or there are too many fields"
                )
            return
        if not is_pattern and self._field not in self._others:
            raise bad_request(f"{clean_name(self._field)} is no field for a file")
        if is_pattern and len(self._form.patterns) >= self._limits.n_files:
            raise RequestError(
                413, "too_many", f"a request holds at most {self._limits.n_files} files"
            )
        if self._field in self._form.files:
            raise bad_request(f"{self._field} is given twice")
        self._name = clean_name((brought or b"pattern").decode("utf-8", "replace"))
        self._path = self._folder / f"{self._n:05d}"
        self._n += 1
        self._digest = hashlib.sha256()
        self._stream = self._path.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        self._size += len(piece)
        if self._stream is None:
            self._text.extend(piece)
            if len(self._text) > _LONGEST_TEXT:
                raise RequestError(
                    413, "too_large", f"{clean_name(self._field)} is too long a text"
                )
            return
        if self._size > self._limits.file_bytes:
            raise RequestError(
                413,
                "too_large",
                f"{self._name}: a file holds at most {self._limits.file_bytes // MIB} MiB",
            )
        self._digest.update(piece)
        self._stream.write(piece)

    def _end(self) -> None:
        if self._stream is None:
            self._form.texts[self._field] = _decoded(bytes(self._text), self._field)
            return
        self.close()
        upload = Upload(self._name, self._path, self._digest.hexdigest())
        if self._field == "file":
            self._form.patterns.append(upload)
        elif self._size:  # a field without a choice is sent as an empty file
            self._form.files[self._field] = upload

    def _finish(self) -> None:
        self._is_whole = True


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request(f"{clean_name(name)} is no UTF-8") from None

"""Ask a running page from another program, with nothing but the standard library."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

__all__ = ["PageError", "ask"]

_ENDS = ("diameters", "dispersions", "strains", "stacking")  # LOW:HIGH


class PageError(ValueError):
    """What a page answered instead of a size.

    Parameters
    ----------
    status : int
        Of HTTP: 422 where the pattern is refused.
    reason : str
    asks : tuple of str, default=()
        Arguments that may settle it.

    Examples
    --------
    >>> from sk_qdots.page import PageError
    >>> print(PageError(422, "the abscissa is not known", ("wavelength", "x")))
    the abscissa is not known
    """

    def __init__(self, status: int, reason: str, asks: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.status, self.reason, self.asks = status, reason, asks


def ask(
    url: str,
    file: str | os.PathLike[str] | None = None,
    *,
    q: Sequence[float] | None = None,
    two_theta: Sequence[float] | None = None,
    intensity: Sequence[float] | None = None,
    esd: Sequence[float] | None = None,
    timeout: float = 600.0,
    **options: Any,
) -> dict[str, Any]:
    """Have a page size a pattern.

    Parameters
    ----------
    url : str
        The link that ``sk-qdots page`` printed, with its token.
    file : str or path-like, optional
        The pattern.
    q, two_theta, intensity, esd : sequence of float, optional
        Or its arrays: over Q in 1/Angstrom, or two-theta in degrees.
    timeout : float, default=600.0
        Seconds.
    **options
        Fields of the form, by the names of the command: ``wavelength``, ``energy``, ``x``,
        ``sizer``, ``crystal``, ``instrument``, ``resolution``, ``subtracted``, ``fast``, ...; and
        ``cif`` and ``blank``, which are paths; with arrays a blank is a mapping of such arrays.

    Returns
    -------
    dict
        What ``Sizing.to_dict`` returns.

    Raises
    ------
    PageError
        If the pattern is refused, or the request; its text says why.
    OSError
        If nobody answers there.

    Examples
    --------
    >>> from sk_qdots.page import ask
    >>> url = "http://127.0.0.1:8642/?token=..."
    >>> ask(url, "sample.xye", wavelength=0.5642)["number_diameter"]  # doctest: +SKIP
    4.7
    """
    parts = urlsplit(url)
    token = parse_qs(parts.query).get("token", [""])[0]
    given = {name: value for name, value in options.items() if value is not None}
    if file is not None:
        body, media = _multipart(Path(file), given)
    else:
        arrays = {"q": q, "two_theta": two_theta, "intensity": intensity, "esd": esd}
        told = {name: [float(v) for v in row] for name, row in arrays.items() if row is not None}
        if isinstance(given.get("cif"), os.PathLike):
            given["cif"] = Path(given["cif"]).read_text(encoding="utf-8", errors="replace")
        texts = {
            name: _text(name, value) if isinstance(value, list | tuple) else value
            for name, value in given.items()
        }
        body, media = json.dumps({**told, **texts}).encode(), "application/json"
    request = urllib.request.Request(
        f"{parts.scheme}://{parts.netloc}/api/size",
        data=body,
        headers={"Content-Type": media, "X-Token": token},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # none to this computer
    try:
        with opener.open(request, timeout=timeout) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise _page_error(error.code, error.read()) from None


def _page_error(status: int, body: bytes) -> PageError:
    try:
        told = json.loads(body)["error"]
        return PageError(status, str(told["reason"]), tuple(told.get("asks", ())))
    except (ValueError, LookupError, TypeError):
        return PageError(status, f"the page answered {status}")


def _multipart(file: Path, options: dict[str, Any]) -> tuple[bytes, str]:
    """A form with files."""
    boundary = uuid4().hex
    files = {"file": file}
    for name in ("blank", "cif", "instrument"):
        if name in options and (name != "instrument" or Path(str(options[name])).is_file()):
            files[name] = Path(options.pop(name))
    pieces = []
    for name, value in options.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        pieces.append(f"{head}{_text(name, value)}\r\n".encode())
    for name, path in files.items():
        called = path.name.replace("\\", "_").replace('"', "%22")
        called = called.replace("\r", "_").replace("\n", "_")
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{called}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        pieces += [head.encode("utf-8", "replace"), path.read_bytes(), b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return (":" if name in _ENDS else ",").join(map(str, value))
    return str(value)

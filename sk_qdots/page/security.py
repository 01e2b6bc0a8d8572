"""Who is let in: a program or a browser of this computer that knows the token.

Checked are, in this order, the name that the server was called by (a foreign name that leads here
is an attack by DNS), the page from which a browser asks, and the token. A cookie opens nothing but
the empty page: browsers send cookies to every port of a computer, those of other users, too.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import error_body

__all__ = ["COOKIE", "HEADERS", "Doors", "Keys", "cookie_header"]

COOKIE = "sk_qdots_page"
_NAMES = ("127.0.0.1", "localhost")
_SHELL = "/static/"  # what a browser loads without a token of its own, beside the page
_FROM_HERE = ("same-origin", "none")
_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"  # plotly fills one by script

HEADERS = {
    "Content-Security-Policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' {_EMPTY_STYLE}",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=()",
    "Cache-Control": "no-store",
}

_CLOSED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>sk_qdots: closed</title>
<h1>This page is closed</h1>
<p>It opens by the link, with its token, that <code>sk-qdots page</code> printed when it was
started, on the computer where it runs.</p></html>
"""


@dataclass(frozen=True)
class Keys:
    """What opens the doors; new ones by default.

    Parameters
    ----------
    token : str
        Of the link.
    shell : str
        Of the cookie.
    """

    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    shell: str = field(default_factory=lambda: secrets.token_urlsafe(32))


class Doors:
    """Lets requests through to an app, or answers 403; every answer has :data:`HEADERS`.

    Parameters
    ----------
    app : ASGI application
    keys : Keys
    port : int
        That the server listens at.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, port: int) -> None:
        self._app, self._keys = app, keys
        places = {f"{name}:{port}" for name in _NAMES}
        self._hosts = places | (set(_NAMES) if port == 80 else set())
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_shut(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        reason = self._refusal(scope)
        if reason is None:
            await self._app(scope, receive, send_shut)
        else:
            await _closed(scope, reason)(scope, receive, send_shut)

    def _refusal(self, scope: Scope) -> str | None:
        """Why a request is not let in; None where it is."""
        headers = Headers(scope=scope)
        path, method = str(scope["path"]), str(scope["method"])
        if headers.getlist("host") not in [[host] for host in self._hosts]:
            return "the server is called by another name"
        origins = headers.getlist("origin")
        if origins and (len(origins) > 1 or origins[0] not in self._origins):
            return "another page asks"
        opens = path == "/" and method in ("GET", "HEAD")
        site = headers.get("sec-fetch-site")
        follows_link = opens and headers.get("sec-fetch-dest", "document") == "document"
        if site is not None and site not in _FROM_HERE and not follows_link:
            return "another page asks"
        if _is_one_of(self._keys.token, _tokens(scope, headers)):
            return None
        is_shell = opens or (path.startswith(_SHELL) and method in ("GET", "HEAD"))
        if is_shell and _is_one_of(self._keys.shell, _cookies(headers)):
            return None
        return "the token is missing or wrong; it is part of the link that sk-qdots page printed"


def _closed(scope: Scope, reason: str) -> Response:
    if "text/html" in Headers(scope=scope).get("accept", ""):
        return HTMLResponse(_CLOSED, status_code=403)
    return JSONResponse(error_body("closed", reason), status_code=403)


def _is_one_of(secret: str, given: Iterable[str]) -> bool:
    """Whether a secret is among some texts, in a time that does not tell how much of it is."""
    found = False
    for text in given:
        found |= hmac.compare_digest(text.encode("utf-8", "surrogateescape"), secret.encode())
    return found


def _tokens(scope: Scope, headers: Headers) -> list[str]:
    query = scope["query_string"].decode("latin-1")
    try:
        told = [value for name, value in parse_qsl(query, max_num_fields=50) if name == "token"]
    except ValueError:
        told = []
    told += headers.getlist("x-token")
    kind, _, value = headers.get("authorization", "").partition(" ")
    return [*told, value] if kind.lower() == "bearer" else told


def _cookies(headers: Headers) -> list[str]:
    try:
        kept = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return []
    return [kept[COOKIE].value] if COOKIE in kept else []


def cookie_header(keys: Keys) -> str:
    """The header that sets the cookie."""
    return f"{COOKIE}={keys.shell}; HttpOnly; SameSite=Strict; Path=/"

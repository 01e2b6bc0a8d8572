"""What a request is answered with that cannot be done."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .._typing import JsonObject

__all__ = ["RequestError", "bad_request", "error_body", "without_hints", "without_paths"]

_HINTS = re.compile(r"\s*\((?:(?!--)[^()])*--[a-z][^()]*\)")  # of the command line


class RequestError(ValueError):
    """A request that is refused.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        For programs.
    reason : str
        For people.
    """

    def __init__(self, status: int, code: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.code, self.reason = status, code, reason

    def __reduce__(self) -> tuple[type[RequestError], tuple[int, str, str]]:
        return type(self), (self.status, self.code, self.reason)


def bad_request(reason: str) -> RequestError:
    """A request that says what cannot be."""
    return RequestError(400, "bad_request", reason)


def error_body(
    code: str, reason: str, *, source: str = "", asks: tuple[str, ...] = ()
) -> JsonObject:
    """What the body of an error says.

    Parameters
    ----------
    code, reason : str
    source : str, default=""
        What the pattern is called.
    asks : tuple of str, default=()
        Fields that may settle it.

    Returns
    -------
    dict
    """
    told = " ".join(reason.split())
    return {
        "error": {
            "code": code,
            "reason": told,
            "plain": without_hints(told),
            "source": source,
            "asks": list(asks),
        }
    }


def without_hints(text: str) -> str:
    """A text without options of the command in brackets."""
    return _HINTS.sub("", text)


def without_paths(text: str, names: Mapping[str, str]) -> str:
    """A text in which files are called as whoever sent them calls them.

    Parameters
    ----------
    text : str
    names : mapping of str to str
        By the paths under which they are kept.

    Returns
    -------
    str
    """
    for path, name in names.items():
        text = text.replace(path, name)
    return text

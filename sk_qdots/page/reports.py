"""A report on one page, which needs nothing else: HTML with its pictures in it."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING

from .answers import Answer
from .distributions import distribution_curves
from .pictures import answer_picture, distribution_picture
from .questions import Question
from .sentences import told_in_words

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["report"]

_MARKS = {"ok": "✓", "caution": "!"}


def report(answer: Answer, question: Question, command: str, *, sha256: str, made: str) -> bytes:
    """The report of an answer.

    Parameters
    ----------
    answer : Answer
    question : Question
    command : str
        That repeats it.
    sha256 : str
        Of the file.
    made : str
        Date and time.

    Returns
    -------
    bytes
    """
    sizing = answer.sizing
    told = sizing.to_dict()
    try:
        picture = _data(answer_picture(answer, dpi=110))
    except ValueError:
        picture = ""
    text = (
        _environment()
        .get_template("report.html")
        .render(
            name=sizing.source,
            words=told_in_words(sizing),
            verdict=sizing.verdict,
            mark=_MARKS[sizing.verdict],
            reasons=[*sizing.reasons, *answer.notes],
            picture=picture,
            distribution=_data(distribution_picture(distribution_curves(sizing), dpi=110)),
            command=command,
            files=[("pattern", sizing.source, sha256), *question.brought],
            settings=json.dumps(told["settings"], ensure_ascii=False),
            versions=told["versions"],
            made=made,
            answer=json.dumps(told, ensure_ascii=False).replace("<", "\\u003c"),
        )
    )
    return text.encode("utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("sk_qdots.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _data(picture: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"

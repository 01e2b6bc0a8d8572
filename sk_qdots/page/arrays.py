"""Patterns that come as arrays in JSON instead of files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .errors import bad_request
from .forms import Form, Upload, clean_name

__all__ = ["form_from_json"]

_MOST_NUMBERS = 200_000  # of an array
_ARRAYS = ("q", "two_theta", "intensity", "esd")


def form_from_json(raw: bytes, folder: Path, others: tuple[str, ...]) -> Form:
    """Arrays as a table, which readers check as they check files.

    Parameters
    ----------
    raw : bytes
        A JSON object.
    folder : Path
        Where files are kept.
    others : tuple of str
        Fields besides the pattern that may be files.

    Returns
    -------
    Form

    Raises
    ------
    RequestError
        If it is none, or holds something else.
    """
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        raise bad_request("the body is no JSON") from None
    if not isinstance(told, dict):
        raise bad_request("the body is no JSON object")
    form = Form()
    axis = _axis(told)
    pattern = {name: told.pop(name) for name in _ARRAYS if name in told}
    source = told.pop("source", "pattern")
    if not isinstance(source, str):
        raise bad_request("source must be a text")
    form.patterns.append(_kept(folder, clean_name(source), _table(pattern, "the pattern")))
    form.texts["x"] = axis
    for name, value in told.items():
        if name in others and isinstance(value, dict):
            text = (
                _table({k: v for k, v in value.items() if k in _ARRAYS}, name)
                if name == "blank"
                else json.dumps(value)
            )
            if name == "blank" and _axis(value) != axis:
                raise bad_request("blank must be over what the pattern is over, q or two_theta")
            form.files[name] = _kept(folder, name, text)
        elif name == "cif" and isinstance(value, str):
            form.files[name] = _kept(folder, "cif", value)
        elif isinstance(value, bool):
            form.texts[name] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            form.texts[name] = str(value)
        elif value is not None:
            raise bad_request(f"{clean_name(name)} must be a text or a number")
    return form


def _axis(told: Mapping[str, object]) -> str:
    axes = [name for name in ("q", "two_theta") if name in told]
    if len(axes) != 1:
        raise bad_request("give either q (1/Angstrom) or two_theta (degrees), with intensity")
    return axes[0]


def _table(arrays: Mapping[str, object], what: str) -> str:
    """Arrays as columns of text."""
    columns = []
    for name in _ARRAYS:
        values = arrays.get(name)
        if values is None:
            continue
        if not isinstance(values, list) or not 0 < len(values) <= _MOST_NUMBERS:
            raise bad_request(f"{name} of {what} must be an array of 1 to {_MOST_NUMBERS} numbers")
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            raise bad_request(f"{name} of {what} must hold numbers alone")
        columns.append(values)
    if "intensity" not in arrays or len({len(column) for column in columns}) != 1:
        raise bad_request(f"{what} must have an axis and an intensity of the same length")
    try:
        return "".join(
            " ".join(repr(float(v)) for v in row) + "\n" for row in zip(*columns, strict=True)
        )
    except OverflowError:
        raise bad_request(f"{what} holds a number that is too large") from None


def _kept(folder: Path, name: str, text: str) -> Upload:
    path = folder / f"{len(list(folder.iterdir())):05d}"
    raw = text.encode("utf-8", "replace")
    path.write_bytes(raw)
    return Upload(name, path, hashlib.sha256(raw).hexdigest())

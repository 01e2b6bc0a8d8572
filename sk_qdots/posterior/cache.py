"""Arrays that take seconds to simulate, kept on disk under a fingerprint of what made them.

They live in one folder, that of the environment variable ``SK_QDOTS_CACHE`` or the one for
caches of the operating system. Nothing here is ever fatal: what cannot be read is made anew, and
what cannot be written is not kept. A file appears whole or not at all, whoever else writes it at
the same time; one that was damaged since is found out by the checksums of its parts.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["cache_folder", "fingerprint", "kept_arrays", "physics_stamp"]

Arrays = Mapping[str, npt.NDArray[np.generic]]

_FORMAT = 1  # of what is kept: counts up whenever the same arguments give other arrays
_LARGEST = 2**30  # bytes of all files together
_ENDING = ".npz"
_CONTENTS = "_contents"
_PART = ".part"
_PHYSICS = ("simulation", "instruments", "solvents", "posterior")  # packages that decide arrays
_DECIDE = (".py", ".csv", ".json")
_ABANDONED = 3600.0  # seconds after which a file that was not finished never will be


def cache_folder() -> Path:
    """Folder that arrays are kept in.

    Returns
    -------
    Path
        ``$SK_QDOTS_CACHE`` where it is set; it need not exist.

    Examples
    --------
    >>> from sk_qdots.posterior.cache import cache_folder
    >>> cache_folder().is_absolute()
    True
    """
    given = os.environ.get("SK_QDOTS_CACHE")
    if given:
        with suppress(RuntimeError):  # of ~ of nobody
            return Path(given).expanduser().absolute()
        return Path(given).absolute()
    from platformdirs import user_cache_path

    return Path(user_cache_path("sk_qdots", appauthor=False))


def fingerprint(*facts: object) -> str:
    """Hash of everything that decides some arrays.

    Parameters
    ----------
    *facts : object
        Numbers, texts, arrays, DataArrays, dataclasses such as a crystal or an instrument,
        and sequences and mappings of these.

    Returns
    -------
    str
        Another one for another version of the package, of the tables of form factors, or of
        what is kept.

    Raises
    ------
    TypeError
        If something is none of these.

    Examples
    --------
    >>> from sk_qdots import Crystal
    >>> from sk_qdots.posterior.cache import fingerprint
    >>> pbs = Crystal.builtin("PbS")
    >>> fingerprint(pbs, 0.56) == fingerprint(pbs, 0.56) != fingerprint(pbs, 0.57)
    True
    """
    told = _plain(["sk_qdots", *_versions(), _FORMAT, *facts])
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    """Of the package, and of those whose tables decide intensities."""
    return tuple(version(name) for name in ("sk_qdots", "gemmi", "xraydb", "xraylib"))


@lru_cache(maxsize=1)
def physics_stamp() -> str:
    """Stamp of the modules that simulate: their sizes and when they were written.

    Returns
    -------
    str
        Another one when one of them was changed or installed anew, so that whoever works on
        them never meets what they made before.

    Examples
    --------
    >>> from sk_qdots.posterior.cache import physics_stamp
    >>> len(physics_stamp())
    64
    """
    root = Path(__file__).resolve().parents[1]
    told = []
    with suppress(OSError):
        for package in _PHYSICS:
            for file in sorted(f for f in (root / package).rglob("*") if f.suffix in _DECIDE):
                facts = file.stat()
                told.append([file.name, facts.st_size, facts.st_mtime_ns])
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def kept_arrays(key: str, make: Callable[[], Arrays], *, largest: int = _LARGEST) -> Arrays:
    """Arrays from the cache, or else made and put there.

    Parameters
    ----------
    key : str
        Of :func:`fingerprint`.
    make : callable
        Returns the arrays by name.
    largest : int, default=2**30
        Bytes that all files of the folder may have together; those that were not used for the
        longest time are removed first.

    Returns
    -------
    mapping of str to ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.posterior.cache import fingerprint, kept_arrays
    >>> key = fingerprint("an example")
    >>> kept_arrays(key, lambda: {"x": np.arange(3)})["x"].tolist()
    [0, 1, 2]
    """
    path = cache_folder() / f"{key}{_ENDING}"
    found = _read(path)
    if found is not None:
        return found
    made = make()
    _write(path, made, largest)
    return made


def _read(path: Path) -> Arrays | None:
    """What a file holds; nothing where there is none, or it is damaged."""
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if [path.stem, *arrays] != arrays.pop(_CONTENTS).tolist():
            raise ValueError("not what was kept under this name")
    except OSError:  # there is none, or it cannot be read now
        return None
    except Exception:  # whatever a damaged file brings about
        _remove(path)
        return None
    with suppress(OSError):  # a folder that may only be read
        os.utime(path)
    return arrays


def _write(path: Path, arrays: Arrays, largest: int) -> None:
    """Keep arrays, if that can be done."""
    buffer = io.BytesIO()
    contents = np.array([path.stem, *arrays, _CONTENTS])
    np.savez(buffer, **arrays, **{_CONTENTS: contents})  # type: ignore[arg-type]
    if buffer.getbuffer().nbytes > largest:
        return
    part = path.with_name(f"{path.stem}.{os.getpid()}.{time.monotonic_ns()}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(buffer.getbuffer())
        part.replace(path)
    except OSError:  # a full disk, no permission: the arrays are there all the same
        pass
    finally:  # nothing is left of what was interrupted
        _remove(part)
    _make_room(path, largest)


def _make_room(newest: Path, largest: int) -> None:
    """Remove what was not used for the longest time, and what was never finished."""
    try:
        files = [(entry, entry.stat()) for entry in newest.parent.iterdir() if entry.is_file()]
    except OSError:  # another process removes too
        return
    now = time.time()
    for file, facts in files:
        if file.suffix == _PART and now - facts.st_mtime > _ABANDONED:
            _remove(file)
    kept = sorted(
        ((facts.st_mtime, facts.st_size, file) for file, facts in files if file.suffix == _ENDING),
        reverse=True,
    )
    total = 0
    for _, size, file in kept:
        total += size
        if total > largest and file != newest:
            _remove(file)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _plain(value: object) -> object:
    """What JSON can hold of a value, with every digit."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        return value.hex()
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no fingerprint")
        whole = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return ["array", value.dtype.str, list(value.shape), whole]
    if isinstance(value, xr.DataArray):
        coordinates = {str(name): _plain(one.values) for name, one in value.coords.items()}
        return ["DataArray", _plain(value.values), coordinates]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return [type(value).__qualname__, fields]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence):
        return [_plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} has no fingerprint")

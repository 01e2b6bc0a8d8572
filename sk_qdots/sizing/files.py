"""Sizers on disk: a manifest and arrays, read with distrust.

No pickle is written or read. Digests show damage of either file; `parts.py`
checks what they hold.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from .parts import FORMAT_VERSIONS, SizerParts, arrays_of_parts, build_parts, manifest_of_parts

__all__ = ["MANIFEST", "SizerError", "read_manifest", "read_sizer", "write_sizer"]

_FORMAT = "sk_qdots sizer"
MANIFEST = "manifest.json"
_WEIGHTS = "weights.npz"
_MAX_MANIFEST = 2**20
_MAX_WEIGHTS = 64 * 2**20

_MEMBER = re.compile(
    r"(input_q|reference_(q|diameters|dispersions|patterns|particles)"
    r"|engine\d_curve\d{1,2}_(q|intensity)"
    r"|(engine\d_)?(classes|regressor_target_(mean|scale)|step\d{1,2}_[a-z]\w{1,30}"
    r"|(regressor_)?(mean|noise|nuisance|(weight|bias)\d{1,2})))\.npy"
)


class SizerError(ValueError):
    """A sizer that cannot be found, read or written.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> try:
    ...     sq.load_sizer("Unobtainium")
    ... except sq.SizerError as error:
    ...     print(str(error).split(";")[0])
    Unobtainium: no such sizer
    """


def write_sizer(folder: Path, parts: SizerParts, *, overwrite: bool) -> None:
    """Write the two files; each appears whole or not at all.

    Raises
    ------
    SizerError
        If the folder holds something else, a part cannot be stored, or it may not be written.
    """
    if folder.exists():
        present = {p.name for p in folder.iterdir()} if folder.is_dir() else {""}
        leftovers = {name for name in present if name.endswith(".part")}
        if present - leftovers - {_WEIGHTS} and MANIFEST not in present:
            raise SizerError(f"{folder}: exists and is not a sizer; choose another path")
        if MANIFEST in present and not overwrite:
            raise SizerError(f"{folder}: holds a sizer already; pass overwrite=True to replace it")
    try:
        said, arrays = manifest_of_parts(parts), arrays_of_parts(parts)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        weights = buffer.getvalue()
        largest = max(len(weights), sum(array.nbytes for array in arrays.values()))
        if largest > _MAX_WEIGHTS:
            raise ValueError(
                f"it holds {largest / 2**20:.0f} MiB of numbers, {_MAX_WEIGHTS // 2**20} at most: "
                "reduce the patterns first (PCA), or give the standardiser fewer n_points"
            )
        manifest = {
            "format": _FORMAT,
            **said,
            "versions": {p: version(p) for p in ("sk_qdots", "numpy", "scikit-learn", "torch")},
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
        }
        manifest = json.loads(json.dumps(manifest, default=_plain, allow_nan=False))
        build_parts(manifest, arrays)  # never write what could not be read again
        text = json.dumps({**manifest, "manifest_sha256": _digest(manifest)}, indent=2) + "\n"
    except (TypeError, ValueError) as error:
        raise SizerError(f"{folder}: this sizer cannot be saved: {error}") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace({folder / _WEIGHTS: weights, folder / MANIFEST: text.encode()})
    except OSError as error:
        raise SizerError(f"{folder}: cannot be written: {error.strerror}") from None


def read_sizer(folder: Path) -> SizerParts:
    """Read the two files and build the fitted steps from them.

    Raises
    ------
    SizerError
        If a file is missing, damaged, of a newer format, or inconsistent.
    """
    try:
        manifest = read_manifest(folder)
        return build_parts(manifest, _read_weights(folder / _WEIGHTS, manifest["weights_sha256"]))
    except SizerError:
        raise
    except OSError as error:
        where = error.filename or folder
        raise SizerError(f"{where}: cannot be read: {error.strerror or error}") from None
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise SizerError(f"{folder}: not a sizer, or damaged: {error!r}") from None


def _read_bytes(path: Path, largest: int) -> bytes:
    """A regular file's bytes, and no more of them than a sizer can have."""
    if not path.is_file():
        raise SizerError(f"{path}: missing; the folder is not a sizer")
    with path.open("rb") as file:
        raw = file.read(largest + 1)
    if len(raw) > largest:
        raise SizerError(f"{path}: larger than {largest} bytes; not a sizer's")
    return raw


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a sizer tells of itself, its digest checked.

    Raises
    ------
    SizerError
        If it is missing, damaged or of another format.
    """
    path = folder / MANIFEST
    raw = _read_bytes(path, _MAX_MANIFEST)
    try:
        manifest = json.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SizerError(f"{path}: not JSON: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise SizerError(f"{path}: not a sizer's manifest")
    found = manifest.get("format_version")
    if type(found) is not int or found not in FORMAT_VERSIONS:
        older = isinstance(found, int) and found < FORMAT_VERSIONS[0]
        remedy = "train the sizer again" if older else "update sk_qdots"
        raise SizerError(
            f"{path}: format version {found!r}; this version of sk_qdots reads "
            f"{' and '.join(map(str, FORMAT_VERSIONS))}: {remedy}"
        )
    if manifest.get("manifest_sha256") != _digest(manifest):
        raise SizerError(f"{path}: was changed after it was written, or damaged; copy it again")
    return manifest


def _read_weights(path: Path, digest: str) -> dict[str, npt.NDArray[np.generic]]:
    raw = _read_bytes(path, _MAX_WEIGHTS)
    if hashlib.sha256(raw).hexdigest() != digest:
        raise SizerError(f"{path}: does not match its manifest; it is damaged, copy it again")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            _check_members(archive)
        with np.load(io.BytesIO(raw), allow_pickle=False) as loaded:
            return {name: loaded[name] for name in loaded.files}
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        ValueError,
        RuntimeError,  # an encrypted member; NotImplementedError is one too
        SyntaxError,  # a header that is no Python literal
        TokenError,
        MemoryError,
    ) as error:
        raise SizerError(f"{path}: not a file of arrays: {error}") from None


def _check_members(archive: zipfile.ZipFile) -> None:
    """Refuse, before anything is unpacked, what is too large or not an array of numbers."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > _MAX_WEIGHTS:
        raise ValueError(f"it unpacks to more than {_MAX_WEIGHTS} bytes")
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("two arrays have one name")
    for entry in entries:
        if not _MEMBER.fullmatch(entry.filename):
            raise ValueError(f"{entry.filename!r} is no part of a sizer")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{entry.filename} is packed in an unknown way")
        with archive.open(entry) as member:
            major, _ = np.lib.format.read_magic(member)
            read_header = {
                1: np.lib.format.read_array_header_1_0,
                2: np.lib.format.read_array_header_2_0,
            }.get(major)
            if read_header is None:
                raise ValueError(f"{entry.filename} is an array of an unknown version")
            shape, _, dtype = read_header(member)
        if dtype.kind not in "fiu" or math.prod(shape) * dtype.itemsize > entry.file_size:
            raise ValueError(f"{entry.filename} is not an array of numbers of its size")


def _replace(contents: Mapping[Path, bytes]) -> None:
    """Write files beside the old ones first, so that an interruption leaves the old ones."""
    temporary = {path: path.with_name(path.name + ".part") for path in contents}
    try:
        for path, content in contents.items():
            temporary[path].write_bytes(content)
        for path in contents:
            temporary[path].replace(path)
    finally:
        for part in temporary.values():
            part.unlink(missing_ok=True)


def _digest(manifest: Mapping[str, object]) -> str:
    """Of all that the manifest says, however it is laid out."""
    rest = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a JSON value")

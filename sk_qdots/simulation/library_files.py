"""Libraries on disk: netCDF in one piece, Zarr chunk by chunk and resumable.

A Zarr store is complete when no progress file stands beside it. The progress file
says which library is being written (its fingerprint) and, a line each, which chunks
are; a chunk is noted after it was written, so that one that was cut short is written
again. The store's frame (coordinates, attributes) is made under another name and
moved into place whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import xarray as xr

from .._typing import Float32Array

if TYPE_CHECKING:
    import zarr

__all__ = ["NetCDFLibrary", "ZarrLibrary", "fingerprint", "library_file"]


def fingerprint(frame: xr.Dataset) -> str:
    """Hash of everything that decides a library: coordinates and attributes."""
    attrs = json.dumps(frame.attrs, sort_keys=True, default=lambda value: value.tolist())
    digest = hashlib.sha256(attrs.encode())
    for name, coordinate in frame.coords.items():
        values = coordinate.values
        digest.update(str(name).encode())
        digest.update(values.tobytes() if values.dtype.kind == "f" else repr(list(values)).encode())
    return digest.hexdigest()


def library_file(path: Path) -> NetCDFLibrary | ZarrLibrary:
    """The file that a path names, checked before anything is computed."""
    return ZarrLibrary(path) if path.suffix == ".zarr" else NetCDFLibrary(path)


class NetCDFLibrary:
    """A library in one netCDF file.

    Parameters
    ----------
    path : Path
        Must end in ``.nc``.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix != ".nc":
            raise ValueError(f"path is {path}; it must end in .nc (netCDF) or .zarr (Zarr)")
        _check_folder(path)
        self.path = path

    def check(self, frame: xr.Dataset) -> None:
        """Refuse to replace a file that is not the same library."""
        if not self.path.exists():
            return
        try:
            with xr.open_dataset(self.path, engine="h5netcdf") as stored:
                attrs = dict(stored.attrs)
        except (OSError, ValueError):
            attrs = {}
        if attrs.get("fingerprint") != frame.attrs["fingerprint"]:
            raise _refusal(self.path, attrs, frame)

    def write(self, library: xr.Dataset) -> None:
        """Write a complete library; the same one is replaced when the new one is whole."""
        partial = self.path.with_name(self.path.name + ".partial")
        try:
            library.to_netcdf(partial, engine="h5netcdf")
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)


class ZarrLibrary:
    """A library in a Zarr store, written chunk by chunk.

    Parameters
    ----------
    path : Path
        The store's folder.
    """

    def __init__(self, path: Path) -> None:
        _check_folder(path)
        _require_zarr(path)
        self.path = path
        self.progress = path.with_name(path.name + ".progress")
        self._array: zarr.Array[Any] | None = None
        self._noted: TextIO | None = None

    def prepare(
        self,
        frame: xr.Dataset,
        dims: tuple[str, ...],
        chunks: tuple[int, ...],
        attrs: Mapping[str, str],
        n_tasks: int,
    ) -> set[int]:
        """Make or find the store; return the tasks that are done already."""
        wanted = str(frame.attrs["fingerprint"])
        self._lock()
        begun, done = self._read_progress()
        if self.path.exists():
            stored, is_whole = self._stored()
            if stored.get("fingerprint") != wanted or begun not in (None, wanted):
                raise _refusal(self.path, stored, frame)
            if begun is None:  # complete, unless chunks were lost since
                done = set(range(n_tasks)) if is_whole else set()
                self._note(wanted)
        else:
            done = set()
            self._make_frame(frame, dims, chunks, attrs)
        import zarr

        array = zarr.open_group(self.path, mode="r+")["intensity"]
        assert isinstance(array, zarr.Array)
        self._array = array
        return done

    def _make_frame(
        self,
        frame: xr.Dataset,
        dims: tuple[str, ...],
        chunks: tuple[int, ...],
        attrs: Mapping[str, str],
    ) -> None:
        import zarr

        partial = self.path.with_name(self.path.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        frame.to_zarr(partial, zarr_format=3, consolidated=False)
        zarr.open_group(partial, mode="r+").create_array(
            "intensity",
            shape=tuple(frame.sizes[d] for d in dims),
            chunks=chunks,
            dtype="float32",
            fill_value=np.nan,
            dimension_names=dims,
            attributes=dict(attrs),
        )
        self._notes.truncate(0)
        self._note(str(frame.attrs["fingerprint"]))
        partial.replace(self.path)

    def write(self, number: int, where: tuple[slice | int, ...], block: Float32Array) -> None:
        """Write the chunk of one task and note that it is done."""
        assert self._array is not None
        self._array[where] = block
        self._note(str(number))

    def finish(self) -> xr.Dataset:
        """Declare the store complete and open it."""
        self._notes.close()
        self.progress.unlink(missing_ok=True)
        library: xr.Dataset = xr.open_zarr(self.path, chunks=None, consolidated=False)
        return library

    def _lock(self) -> None:
        """Open the progress file, which no other process may have open for writing."""
        noted = self._noted = self.progress.open("a+", encoding="utf-8")
        try:
            import fcntl

            fcntl.flock(noted, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            noted.close()
            raise ValueError(f"{self.path} is being written by another process") from None
        except (ImportError, OSError):  # no locks on this system
            pass

    def release(self) -> None:
        """Let others write; a progress file in which nothing is noted is removed."""
        if self._noted is None or self._noted.closed:
            return
        self._noted.close()
        if self.progress.exists() and self.progress.stat().st_size == 0:
            self.progress.unlink()

    @property
    def _notes(self) -> TextIO:
        """The progress file, open since :meth:`_lock`."""
        assert self._noted is not None
        return self._noted

    def _note(self, line: str) -> None:
        self._notes.write(f"{line}\n")
        self._notes.flush()

    def _read_progress(self) -> tuple[str | None, set[int]]:
        """Fingerprint and tasks that are noted; a note that was cut short is taken away."""
        self._notes.seek(0)
        text = self._notes.read()
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self._notes.truncate(len(whole.encode()))
        lines = whole.splitlines()
        return (lines[0] if lines else None), {int(line) for line in lines[1:] if line.isdigit()}

    def _stored(self) -> tuple[Mapping[str, object], bool]:
        """Attributes of the store that is there, and whether every chunk is."""
        import zarr

        try:
            group = zarr.open_group(self.path, mode="r")
            array = group["intensity"]
            if not isinstance(array, zarr.Array):
                return {}, False
            return dict(group.attrs), array.nchunks_initialized == array.nchunks
        except (KeyError, OSError, ValueError, zarr.errors.GroupNotFoundError):
            return {}, False


def _refusal(path: Path, stored: Mapping[str, object], frame: xr.Dataset) -> ValueError:
    """Say what a path holds instead of the library that is wanted."""
    if "fingerprint" not in stored:
        return ValueError(f"{path} exists and is no library; choose another path or delete it")
    different = [
        key
        for key, value in frame.attrs.items()
        if key != "fingerprint"
        and not np.array_equal(np.asarray(stored.get(key)), np.asarray(value))
    ]
    return ValueError(
        f"{path} holds another library, with other {', '.join(different) or 'coordinates'}; "
        "choose another path or delete it"
    )


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ValueError(f"path is {path}; its folder does not exist")
    if not os.access(path.parent, os.W_OK):
        raise ValueError(f"path is {path}; its folder cannot be written to")


def _require_zarr(path: Path) -> None:
    from importlib.util import find_spec

    if find_spec("zarr") is None:
        raise ValueError(f"path is {path}; writing it needs zarr (pip install zarr); .nc does not")

"""A series as a file: .csv for everyone, .nc for xarray, .nxs for beamlines.

References
----------
.. [1] https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .._typing import FloatArray
from .series_data import TITLE

__all__ = ["ENDINGS", "is_series_file", "write_series"]

_SIGNAL = "volume_diameter"  # which a pattern tells best
_TEXTS = "OUT"
_HEADER = b"frame,file,time"


def write_series(series: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a series into a file, whose ending says what it is.

    Parameters
    ----------
    series : Dataset
        As :func:`size_series` returns, also with what :func:`smoothed` added.
    path : str or path-like
        ``.csv``: a row a frame, with everything that is one value a frame; columns in nm end in
        ``_nm``, others are in the units of the series, and have the names that
        ``sk-qdots size --format csv`` has. ``.nc``: NetCDF 4, all of it
        (``xarray.open_dataset``). ``.nxs``: NeXus, sizes over time as the default plot, with their
        errors, and the patterns. Overwritten where it exists.

    Raises
    ------
    ValueError
        If it ends otherwise.
    OSError
        If it cannot be written; what was there before stays.

    See Also
    --------
    size_series : Makes one.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing import write_series
    >>> library = sq.simulate_library("PbS", diameters=[4.5], dispersions=[0.1], strains=[0.0])
    >>> series = sq.size_series(sq.library_samples(library)[0], per_frame=60.0)
    >>> with TemporaryDirectory() as folder:
    ...     write_series(series, Path(folder) / "series.csv")
    ...     (Path(folder) / "series.csv").read_text()[:40]
    'frame,file,time_s,number_diameter_nm,num'
    """
    path = Path(path)
    write = ENDINGS.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"{path}: a series is written as {', '.join(ENDINGS)}; end its name so")
    part = path.with_name(f".{path.name}.part")
    try:
        write(series, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def is_series_file(path: Path) -> bool:
    """Whether a file is one that :func:`write_series` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bool
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
        if head == _HEADER:
            return True
        if not head.startswith(b"\x89HDF"):
            return False
        import h5py

        with h5py.File(path, "r") as file:
            told = file.attrs.get("title", "") or file["entry/title"].asstr()[()]
            return bool(told == TITLE)
    except (OSError, KeyError, AttributeError, TypeError, ValueError):
        return False


def _write_csv(series: xr.Dataset, path: Path) -> None:
    columns = {"frame": series["frame"].values, "file": series["file"].values}
    for name in ("time", *series.data_vars):
        array = series[name]
        if array.dims == ("frame",):
            unit = {"nm": "_nm", "s": "_s"}.get(str(array.attrs.get("units")), "")
            columns[f"{name}{unit}"] = array.values
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for k in range(series.sizes["frame"]):
            writer.writerow([_cell(values[k]) for values in columns.values()])


def _cell(value: object) -> str:
    """A value as text; empty where it is not known."""
    if isinstance(value, np.datetime64):
        return "" if np.isnat(value) else str(value.astype("M8[ms]"))
    if isinstance(value, float | np.floating):
        return "" if math.isnan(value) else f"{value:.7g}"
    return str(value)


def _write_netcdf(series: xr.Dataset, path: Path) -> None:
    encoding = {"pattern": {"zlib": True}} if "pattern" in series else {}
    _plain(series).to_netcdf(path, engine="h5netcdf", encoding=encoding)


def _plain(series: xr.Dataset) -> xr.Dataset:
    """The series with names that any file can hold: bytes of no encoding are escaped."""
    texts = {
        name: (array.dims, np.array([_utf8(text) for text in array.values], dtype=object))
        for name, array in series.variables.items()
        if array.dtype.kind in _TEXTS
    }
    return series.assign_coords(
        {name: told for name, told in texts.items() if name in series.coords}
    ).assign({name: told for name, told in texts.items() if name in series.data_vars})


def _utf8(text: object) -> str:
    return str(text).encode("utf-8", errors="backslashreplace").decode("utf-8")


def _write_nexus(series: xr.Dataset, path: Path) -> None:
    import h5py

    seconds, start = _seconds(series["time"])
    with h5py.File(path, "w") as file:
        file.attrs.update({"NX_class": "NXroot", "default": "entry"})
        entry = file.create_group("entry")
        entry.attrs.update({"NX_class": "NXentry", "default": "sizes"})
        entry["title"] = TITLE
        entry["program_name"] = "sk_qdots"
        entry["program_name"].attrs["version"] = str(series.attrs.get("sk_qdots_version", ""))
        if start:
            entry["start_time"] = start
        numbers = [
            str(name)
            for name, array in series.data_vars.items()
            if array.dims == ("frame",) and array.dtype.kind not in _TEXTS
        ]
        signals = [name for name in numbers if f"{name}_std" in numbers]
        sizes = _group(entry, "sizes", _SIGNAL, seconds, start)
        sizes.attrs["auxiliary_signals"] = [name for name in signals if name != _SIGNAL]
        for name in numbers:
            known_as = f"{name.removesuffix('_std')}_errors" if name.endswith("_std") else name
            _put(sizes, known_as, series[name])
        answers = entry.create_group("answers")
        answers.attrs["NX_class"] = "NXcollection"
        for name in ("file", "verdict", "reasons", "engine"):
            answers[name] = [_utf8(text) for text in series[name].values]
        for name in ("model", "coverage", "sizers"):
            answers[name] = series.attrs.get(name, "")
        if "pattern" in series:
            patterns = _group(entry, "patterns", "intensity", seconds, start)
            patterns.attrs["axes"] = ["time", "q"]
            _put(patterns, "intensity", series["pattern"])
            _put(patterns, "q", series["q"])


def _group(entry: Any, name: str, signal: str, times: FloatArray, start: str) -> Any:
    """A group NXdata over time."""
    group = entry.create_group(name)
    group.attrs.update({"NX_class": "NXdata", "signal": signal, "axes": ["time"]})
    group["time"] = times
    began = {"start": start} if start else {}
    group["time"].attrs.update({"units": "s", "long_name": "time", **began})
    return group


def _put(group: Any, name: str, array: xr.DataArray) -> None:
    group.create_dataset(name, data=array.values, compression="gzip" if array.ndim > 1 else None)
    for key in ("units", "long_name"):
        if key in array.attrs:
            group[name].attrs[key] = array.attrs[key]


def _seconds(time: xr.DataArray) -> tuple[FloatArray, str]:
    """Times in seconds, and the moment that they begin at, where it is known."""
    values = time.values
    if values.dtype.kind != "M":
        return np.asarray(values, dtype=np.float64), ""
    known = ~np.isnat(values)
    if not known.any():
        return np.arange(len(values), dtype=np.float64), ""
    start = values[known].min()
    seconds = np.where(known, (values - start) / np.timedelta64(1, "s"), np.nan)
    return seconds, str(start.astype("M8[ms]"))


_Write = Callable[[xr.Dataset, Path], None]
ENDINGS: Mapping[str, _Write] = {
    ".csv": _write_csv,
    ".nc": _write_netcdf,
    ".nxs": _write_nexus,
}

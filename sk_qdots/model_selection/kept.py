"""Reports on disk: whole or not at all, and known by their digest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import xarray as xr

__all__ = ["keep_report", "read_report"]


def keep_report(report: xr.Dataset, path: Path) -> None:
    """Write a report into a netCDF file, in the place of what is there.

    Parameters
    ----------
    report : Dataset
    path : Path
        Its folder must exist.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    report = report.assign_attrs(digest=_digest(report))
    try:
        report.to_netcdf(partial, engine="scipy", format="NETCDF3_64BIT")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def read_report(path: Path) -> xr.Dataset:
    """Read a report that was kept.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If it is no report, or a damaged one.
    """
    try:
        with xr.open_dataset(path, engine="scipy") as stored:
            whole = stored.load().drop_encoding()
        sound = _digest(whole) == whole.attrs.get("digest")
    except PermissionError:
        raise
    except Exception:  # the parser trusts what it reads
        sound = False
    if not sound:
        raise ValueError(
            f"{path} exists and is no report, or a damaged one; delete it or choose another path"
        ) from None
    return whole


def _digest(report: xr.Dataset) -> str:
    """Of all numbers and words, to know damage by."""
    found = hashlib.sha256()
    for name in sorted(map(str, report.variables)):
        found.update(f"{name} {report[name].dims} {report[name].values.tolist()}".encode())
    return found.hexdigest()

"""The measured files of a folder, or of a pattern of names."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

__all__ = ["pattern_files"]

_ENDINGS = (
    *(
        ".xy",
        ".xye",
        ".xyd",
        ".dat",
        ".csv",
        ".tsv",
        ".txt",
        ".asc",
        ".chi",
        ".gsa",
        ".gss",
        ".gda",
    ),
    *(".gda", ".gsas", ".fxye", ".xrdml", ".udf", ".x00", ".rd", ".sd", ".brml", ".raw", ".uxd"),
    *(
        ".ras",
        ".rasx",
        ".mdi",
        ".cpi",
        ".dbw",
        ".rit",
        ".cif",
        ".xlsx",
        ".nxs",
        ".nx",
        ".h5",
        ".hdf5",
    ),
    ".hdf",
)


def pattern_files(place: str | os.PathLike[str]) -> list[str]:
    """Files that a path stands for: itself, those of a folder, or those that match a glob.

    Parameters
    ----------
    place : str or path-like
        A file; a folder, of which all files count whose names end as those of measurements do and
        do not begin with a dot, without what lies in folders below; or a glob, such as
        ``"run42/*.chi"`` (``**`` reaches folders below). What exists is never taken for a glob.

    Returns
    -------
    list of str
        In the order of their names, numbers by their value: ``a2.xy`` before ``a10.xy``.

    Raises
    ------
    ValueError
        If a folder holds none, or nothing matches a glob.

    See Also
    --------
    read_pattern : Reads one.

    Examples
    --------
    >>> from sk_qdots.io import pattern_files
    >>> pattern_files("run42/sample.xye")
    ['run42/sample.xye']
    >>> pattern_files("no_such_folder/*.xye")
    Traceback (most recent call last):
    ...
    ValueError: no_such_folder/*.xye: no file matches; check the folder and the name
    """
    path = Path(place)
    if path.is_dir():
        found = [
            str(file)
            for file in path.iterdir()
            if file.suffix.lower() in _ENDINGS and file.name[0] != "." and file.is_file()
        ]
        if not found:
            raise ValueError(
                f"{place}: holds no file that ends as measurements do (.xy, .xye, .chi, .xrdml, "
                ".nxs and the like); name the files, or give a glob such as "
                f"'{path / '*.ext'}'"
            )
        return sorted(found, key=_by_number)
    name = os.fspath(place)
    if not glob.has_magic(name) or os.path.lexists(name):
        return [name]
    named = glob.glob(name, recursive=True)  # noqa: PTH207, which takes no absolute pattern
    matching = [file for file in named if not Path(file).is_dir()]
    if not matching:
        raise ValueError(f"{place}: no file matches; check the folder and the name")
    return sorted(matching, key=_by_number)


def _by_number(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """What names are sorted by: their numbers by value, letters in any case."""
    parts = re.findall(r"\d+|\D+", name)
    digits = [(part, part.isascii() and part.isdecimal()) for part in parts]
    return [
        (not is_number, int(part) if is_number else 0, "" if is_number else part.casefold())
        for part, is_number in digits
    ], name

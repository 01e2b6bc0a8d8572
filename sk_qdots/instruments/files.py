"""Instruments in files: our own, GSAS-II's and FullProf's, by name, and of a folder."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ._other_programs import from_instprm, from_irf
from .instrument import Instrument, NewerInstrumentError
from .ready import READY

__all__ = [
    "FILE_OF_A_FOLDER",
    "load_instrument",
    "remember_instrument",
    "remembered_instrument",
    "save_instrument",
    "saved_instruments",
]

_MAX_BYTES = 2**20
FILE_OF_A_FOLDER = "sk_qdots_instrument.json"  # what a folder remembers
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,60}")


def load_instrument(name: str | os.PathLike[str]) -> Instrument:
    """Return an instrument by its name, or from a file.

    Parameters
    ----------
    name : str or path-like
        ``"lab-cu"``, ``"lab-mo"``, ``"lab-ag"``, ``"synchrotron"`` or ``"ideal"``; the name
        of one that was saved; a file that :meth:`Instrument.to_json` wrote, ``.instprm``
        of GSAS-II or ``.irf`` of FullProf.

    Returns
    -------
    Instrument

    Raises
    ------
    ValueError
        If there is no such name and no such file, or the file is no instrument.

    See Also
    --------
    sk_qdots.calibrate_instrument : An instrument from a measured standard.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> [round(line, 4) for line in sq.load_instrument("lab-cu").wavelengths]
    [1.5406, 1.5444]
    """
    text = os.fspath(name)
    if text in READY:
        return READY[text]
    saved = _folder() / f"{text}.json"
    path = Path(text)
    if _NAME.fullmatch(text) and not path.is_file() and saved.is_file():
        path = saved
    if not path.is_file():
        known = ", ".join([*READY, *saved_instruments()])
        raise ValueError(f"{text}: no such instrument ({known}), and no such file")
    content = _content(path)
    if path.suffix.lower() == ".instprm" or content.lstrip().startswith("#GSAS-II"):
        read = from_instprm
    elif path.suffix.lower() == ".irf":
        read = from_irf
    else:
        read = Instrument.from_json
    try:
        return read(content)
    except NewerInstrumentError as error:
        raise NewerInstrumentError(f"{path}: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def save_instrument(instrument: Instrument, name: str) -> Path:
    """Save an instrument under a name, for :func:`load_instrument` and ``--instrument``.

    Parameters
    ----------
    instrument : Instrument
    name : str
        Letters, digits, blanks, points and dashes.

    Returns
    -------
    Path
        The file, in a folder of the user's.

    Raises
    ------
    ValueError
        If the name cannot be one, is that of a ready instrument, or cannot be written.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.instruments import save_instrument
    >>> mine = sq.load_instrument("lab-cu").replace(zero=0.01)
    >>> path = save_instrument(mine, "our D8")  # doctest: +SKIP
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"name is {name!r}; it must be of letters, digits, blanks, points and dashes"
        )
    if name in READY:
        raise ValueError(f"{name!r} is a ready instrument; choose another name")
    path = _folder() / f"{name}.json"
    _write(path, instrument.replace(name=name))
    return path


def saved_instruments() -> list[str]:
    """Names of the instruments that were saved.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from sk_qdots.instruments import saved_instruments
    >>> saved_instruments()  # doctest: +SKIP
    ['our D8']
    """
    folder = _folder()
    return sorted(p.stem for p in folder.glob("*.json")) if folder.is_dir() else []


def remember_instrument(instrument: Instrument, folder: str | os.PathLike[str]) -> Path:
    """Write down which instrument the measurements of a folder were taken with.

    Parameters
    ----------
    instrument : Instrument
    folder : str or path-like

    Returns
    -------
    Path
        A small file in the folder.

    Raises
    ------
    ValueError
        If it cannot be written.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.instruments import remember_instrument
    >>> path = remember_instrument(sq.load_instrument("lab-cu"), "measured")  # doctest: +SKIP
    """
    path = Path(folder) / FILE_OF_A_FOLDER
    _write(path, instrument)
    return path


def remembered_instrument(folder: str | os.PathLike[str]) -> Instrument | None:
    """Return the instrument that the measurements of a folder were taken with.

    Parameters
    ----------
    folder : str or path-like

    Returns
    -------
    Instrument or None
        None where none was written down.

    Raises
    ------
    ValueError
        If the file there is no instrument.
    NewerInstrumentError
        If a newer version of sk_qdots wrote it; a ValueError, too.

    Examples
    --------
    >>> from sk_qdots.instruments import remembered_instrument
    >>> remembered_instrument("nowhere") is None
    True
    """
    path = Path(folder) / FILE_OF_A_FOLDER
    return load_instrument(path) if path.is_file() else None


def _folder() -> Path:
    from platformdirs import user_config_path

    return user_config_path("sk_qdots") / "instruments"


def _write(path: Path, instrument: Instrument) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(instrument.to_json() + "\n", encoding="utf-8")
        partial.replace(path)  # whole or not at all
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ValueError(f"{path}: cannot be written: {error.strerror or error}") from None


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path}: is larger than an instrument is")
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror or error}") from None

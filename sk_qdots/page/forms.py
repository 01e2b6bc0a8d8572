"""What a form holds: texts and files, and how much of it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["MIB", "ONE", "SERIES", "Form", "Limits", "Upload", "clean_name"]

MIB = 2**20
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Limits:
    """Of a request.

    Parameters
    ----------
    n_files : int
        Called ``file``; others may come once each.
    n_bytes : int
        Altogether.
    file_bytes : int
        Of each.
    """

    n_files: int = 1
    n_bytes: int = 80 * MIB
    file_bytes: int = 32 * MIB


ONE = Limits()
SERIES = Limits(n_files=2000, n_bytes=1024 * MIB)


@dataclass(frozen=True)
class Upload:
    """A file that was brought.

    Parameters
    ----------
    name : str
        What whoever sent it calls it, as far as that can be shown.
    path : Path
        Where it is kept.
    sha256 : str
        Of its content.
    """

    name: str
    path: Path
    sha256: str


@dataclass
class Form:
    """What a request brought.

    Parameters
    ----------
    texts : dict of str to str
    patterns : list of Upload
        Those called ``file``.
    files : dict of str to Upload
        Others by their fields.
    """

    texts: dict[str, str] = field(default_factory=dict)
    patterns: list[Upload] = field(default_factory=list)
    files: dict[str, Upload] = field(default_factory=dict)


def clean_name(name: str) -> str:
    r"""A name without folders, and without what cannot be printed.

    Parameters
    ----------
    name : str

    Returns
    -------
    str

    Examples
    --------
    >>> from sk_qdots.page.forms import clean_name
    >>> clean_name("../../etc/passwd"), clean_name("C:\\data\\dots.xye"), clean_name("..")
    ('passwd', 'dots.xye', 'pattern')
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c if c.isprintable() else "_" for c in last).strip(" .")
    return shown[-_LONGEST_NAME:] or "pattern"

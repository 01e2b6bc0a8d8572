r"""Instruments in files: our own, GSAS-II's and FullProf's, by name, and of a folder.

GSAS-II's ``.instprm`` has, in hundredths of a degree, the variance of the Gaussian
:math:`U\tan^2\theta + V\tan\theta + W` and the width of the Lorentzian
:math:`X/\cos\theta + Y\tan\theta + Z` [1]_. FullProf's ``.irf`` has, in degrees, the squared
width of the Gaussian :math:`U\tan^2\theta + V\tan\theta + W` and the width of the Lorentzian
:math:`X\tan\theta + Y/\cos\theta + Z` (resolution function 1), or a table of both widths
against two-theta (4) [2]_. Both become the width and the Lorentzian share of a pseudo-Voigt
function, fitted over the range; what the fit leaves is told in ``notes``.

References
----------
.. [1] B. H. Toby, R. B. Von Dreele, J. Appl. Cryst. 46, 544 (2013).
.. [2] J. Rodriguez-Carvajal, Physica B 192, 55 (1993), and the manual of FullProf.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import numpy as np

from .._typing import FloatArray
from ._profile import from_voigt
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
_GAUSSIAN = float(np.sqrt(8.0 * np.log(2.0)))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,60}")
_RANGE = (5.0, 120.0)  # degrees over which widths are fitted where a file gives no range
_TOLERANCE = 0.01  # relative, of widths: more is told


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
        read = _from_instprm
    elif path.suffix.lower() == ".irf":
        read = _from_irf
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


def _from_instprm(text: str) -> Instrument:
    values: dict[str, str] = {}
    for part in re.split(r"[\r\n;]+", text):
        name, _, value = part.partition(":")
        if part.lstrip().startswith("#Bank 2"):
            break
        if value and not part.lstrip().startswith("#"):
            values[name.strip()] = value.strip()

    def number(name: str, default: float = 0.0) -> float:
        try:
            return float(values.get(name, default))
        except ValueError:
            raise ValueError(f"{name} is {values[name][:20]!r}, which is no number") from None

    kind = values.get("Type", "")
    if not kind.startswith("PXC"):
        raise ValueError(f"is of type {kind[:10]!r}; expected PXC, X-rays of constant wavelength")
    lines: tuple[float, ...] = (number("Lam"),)
    weights: tuple[float, ...] = (1.0,)
    if "Lam" not in values:
        lines, weights = (number("Lam1"), number("Lam2")), (1.0, number("I(L2)/I(L1)", 0.5))
    angles = np.linspace(*_RANGE, 60)
    tangent, cosine = np.tan(np.deg2rad(angles / 2)), np.cos(np.deg2rad(angles / 2))
    variance = number("U") * tangent**2 + number("V") * tangent + number("W")
    if (variance < 0.0).any():
        raise ValueError("its U, V and W give a negative variance")
    gaussian = _GAUSSIAN * np.sqrt(variance) / 100.0
    lorentzian = (number("X") / cosine + number("Y") * tangent + number("Z")) / 100.0
    share = number("Polariz.", 0.0)  # of the polarisation normal to the plane of scattering
    return _from_widths(
        angles,
        gaussian,
        np.maximum(lorentzian, 0.0),
        Instrument(
            lines,
            weights,
            axial=min(max(number("SH/L"), 0.0), 0.2),
            zero=number("Zero") / 100.0 if abs(number("Zero")) > 5.0 else number("Zero"),
            polarisation=min(max((1.0 - share) / max(share, 1e-9), 0.0), 1.0) if share else 0.0,
            source="GSAS-II",
        ),
    )


def _from_irf(text: str) -> Instrument:
    lines: tuple[float, ...] = ()
    weights: tuple[float, ...] = (1.0,)
    rows: list[list[float]] = []
    axial = 0.0
    low, high = _RANGE
    for line in text.splitlines()[1:]:
        fields = line.split()
        if not fields or line.lstrip().startswith(("!", "#")):
            continue
        try:
            numbers = [float(field) for field in fields if field[0] in "+-.0123456789"]
        except ValueError:
            raise ValueError(
                f"holds a line that is not understood: {line.strip()[:40]!r}"
            ) from None
        key = fields[0].upper()
        if key.startswith("WAV") and numbers:
            lines = tuple(numbers[:2]) if len(numbers) > 1 and numbers[1] > 0.0 else (numbers[0],)
            ratio = numbers[2] if len(numbers) > 2 else 0.5
            weights = (1.0, ratio)[: len(lines)]
        elif key.startswith("ASYM") and len(numbers) > 1:
            axial = min(numbers[0] + numbers[1], 0.2)
        elif key.startswith("THRG") and len(numbers) > 1:
            low, high = numbers[0], numbers[-1]
        elif len(numbers) == len(fields):
            rows.append(numbers)
    if not lines:
        raise ValueError("says no wavelength (WAVE); add the line 'WAVE 1.5406 1.5444 0.5'")
    if not rows:
        raise ValueError("holds no parameters of a resolution function")
    begun = Instrument(lines, weights, axial=axial, source="FullProf")
    widths = [row for row in rows if len(row) == 3]
    if len(widths) >= 3:
        angles, gaussian, lorentzian = np.array(widths).T
        return _from_widths(angles, gaussian, lorentzian, begun)
    if len(rows[0]) != 6:
        raise ValueError(
            f"its parameters are {len(rows[0])}; expected U V W X Y Z (function 1), or rows of "
            "two-theta and both widths (function 4)"
        )
    u, v, w, x, y, z = rows[0]
    angles = np.linspace(max(low, 1.0), min(high, 170.0), 60)
    tangent, cosine = np.tan(np.deg2rad(angles / 2)), np.cos(np.deg2rad(angles / 2))
    square = u * tangent**2 + v * tangent + w
    if (square < 0.0).any():
        raise ValueError("its U, V and W give a negative squared width")
    lorentzian = np.maximum(x * tangent + y / cosine + z, 0.0)
    return _from_widths(angles, np.sqrt(square), lorentzian, begun)


def _from_widths(
    angles: FloatArray, gaussian: FloatArray, lorentzian: FloatArray, begun: Instrument
) -> Instrument:
    """Return the instrument whose profile has these widths, as nearly as ours can."""
    fwhm, eta = from_voigt(gaussian, lorentzian)
    if not np.isfinite(fwhm).all() or (fwhm <= 0.0).any():
        raise ValueError("its widths are not positive everywhere")
    tangent = np.tan(np.deg2rad(angles / 2.0))
    basis = np.stack([tangent**2, tangent, np.ones_like(tangent)], axis=1)
    u, v, w = np.linalg.lstsq(basis / fwhm[:, None] ** 2, np.ones_like(fwhm), rcond=None)[0]
    slope, share = np.polyfit(angles, eta, 1)
    told = begun.replace(
        u=float(u),
        v=float(v),
        w=float(w),
        eta=float(np.clip(share, 0.0, 1.0)),
        eta_slope=float(slope),
        two_theta_range=(float(angles.min()), float(angles.max())),
    )
    left = float(np.abs(told.fwhm(angles) / fwhm - 1.0).max())
    if left > _TOLERANCE:
        told = told.replace(
            notes=(f"its widths are within {100.0 * left:.1f} % of those of the file",)
        )
    return told

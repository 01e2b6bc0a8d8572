"""A measured file in, a labelled pattern out."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from .._typing import FloatArray
from ..instruments.radiation import is_same_beam
from ..simulation.q_grid import two_theta_from_q
from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._axis import AXES, impossible, reading, resolve, to_q
from ._choice import choose
from ._formats import read_scans
from ._scan import Columns, PatternError, PatternWarning, Scan, Wavelength, of_a_tube

__all__ = ["read_pattern"]

_MAX_BYTES = 32 * 2**20
_MIN_POINTS = 10
_SAME_POINT = 1e-4  # of the usual step: what is closer was rounded differently
_NO_BEAM = 0.1  # Angstrom, and what is shorter: of no beam for powders
_DEFAULT = 1.0  # Angstrom, that programs begin with
_WAVELENGTHS = (0.05, 5.0)  # Angstrom: 250 keV to 2.5 keV


def read_pattern(
    path: str | os.PathLike[str],
    wavelength: float | None = None,
    energy: float | None = None,
    x: str | None = None,
    *,
    scan: int | Literal["sum", "join"] | None = None,
    columns: Sequence[int | str] | None = None,
    subtracted: bool = False,
) -> xr.DataArray:
    """Read one measured pattern.

    Columns of text (``.xy .xye .dat .csv .txt .asc``), ``.chi`` of FIT2D and pyFAI,
    GSAS (``.gsa .fxye``), PANalytical ``.xrdml``, Philips ``.udf``, ``.x00``, ``.rd`` and
    ``.sd``, Bruker and Siemens ``.brml``, ``.raw`` (versions 1 to 4) and ``.uxd``, STOE
    ``.raw``, Rigaku ``.ras``, ``.rasx``, ``.asc`` and some ``.raw``, Materials Data ``.mdi``,
    Sietronics ``.cpi``, DBWS and FullProf (``.dat .dbw .rit``), powder CIF, Excel ``.xlsx``,
    NeXus and other HDF5. The content decides, not the name.

    Parameters
    ----------
    path : str or path-like
        Columns of text are the abscissa, the intensity and, where there is a third,
        its standard deviation, with any delimiter, decimal points or commas, in any
        order of the rows. Headers and comments are read for what they say of the
        axis and the wavelength.
    wavelength : float, optional
        In Angstrom; where the file does not say it.
    energy : float, optional
        Photon energy in keV, instead of the wavelength.
    x : str, optional
        What the abscissa is, where the file does not say it or says it wrongly:
        ``"two_theta"`` (degrees), ``"two_theta_rad"``, ``"q"`` (1/Angstrom),
        ``"q_nm"`` (1/nm), ``"d"`` (Angstrom), ``"d_nm"``, or pyFAI's name of the unit,
        such as ``"q_nm^-1"``.
    scan : int, "sum" or "join", optional
        Which scan of a file that holds several, from 0; or their sum where they have
        the same points; or ranges that overlap as one, each scaled to those before it
        by the intensity that they share.
    columns : sequence of int or str, optional
        Which columns of a table are the abscissa, the intensity and, if a third is
        given, its standard deviation: their numbers, from 0, or their names. Columns of
        a sheet may be named by their letters, those of a powder CIF are tags, and those
        of HDF5 paths of datasets.
    subtracted : bool, default=False
        Whether a background was subtracted before, so that intensities may be negative.

    Returns
    -------
    DataArray
        Intensity over the dimension ``q`` (1/Angstrom, ascending), with the
        coordinates ``two_theta`` (degrees, where the wavelength is known) and ``esd``
        (where the file has it); ``attrs`` hold ``source``, ``format``, ``instrument``,
        ``axis`` (what the abscissa was taken as), ``wavelength`` and
        ``wavelength_label`` (which line of a tube, or which mean, where known),
        ``lines`` and ``line_weights`` (of a mean: what it is the mean of),
        ``columns`` (which columns of a table were chosen, by their names), ``time`` (when the
        measurement began, ISO 8601, where the file says it; in UTC where it says an offset), and
        ``scan`` where it was asked for (``scales``: the factors of joined ranges).

    Raises
    ------
    PatternError
        If the file cannot be read, is of no known format, is damaged, is no pattern (a
        rocking curve, a map, a G(r)),
        holds fewer than ten points, NaN, negative intensities or the same abscissa
        twice, does not say what its abscissa is or says what cannot be, lacks a
        wavelength, or states another one than the caller.

    Warns
    -----
    PatternWarning
        If the measurement, or the file, stopped before its end and what is there was
        read; if a column is left out that is no standard deviation.

    See Also
    --------
    sk_qdots.subtract_blank : Take a measured blank away.
    sk_qdots.QStandardizer : Any pattern on one grid.

    Notes
    -----
    Columns of text whose header does not name the abscissa are two-theta in degrees
    where a wavelength is given. A K-alpha doublet that a file names is taken at the
    mean of its lines, weighted by intensity, unless the file says that only K-alpha 1
    was in the beam.

    Giving ``x`` settles every contradiction: what the caller says is then true.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pattern = sq.read_pattern("sample.xye", wavelength=0.564162)  # doctest: +SKIP
    >>> pattern = sq.read_pattern("sample.xrdml")  # doctest: +SKIP
    """
    source = os.fsdecode(path)
    given = _given_wavelength(source, wavelength, energy)
    axis = resolve(x)
    if x is not None and axis is None:
        raise PatternError(source, f"x is {x!r}; it must be one of {', '.join(map(repr, AXES))}")
    with np.errstate(all="ignore"):  # damaged numbers are refused, not warned of
        kind, scans = read_scans(source, _content(source), _wanted(source, columns))
        chosen = _with_believable_esd(choose(source, scans, scan))
        _check_values(source, chosen, subtracted)
        pattern = _pattern(source, kind, chosen, given, axis)
    for text in chosen.warnings:
        warnings.warn(f"{source}: {text}", PatternWarning, stacklevel=2)
    if scan is not None:
        pattern.attrs["scan"] = scan
    if subtracted:
        pattern.attrs["subtracted"] = "before it was read"
    return pattern


def _wanted(source: str, columns: Sequence[int | str] | None) -> Columns | None:
    """Columns that a caller asks for, checked."""
    if columns is None:
        return None
    wanted = columns.split(",") if isinstance(columns, str) else list(columns)
    kinds = all(
        isinstance(c, str)
        or (isinstance(c, int | np.integer) and not isinstance(c, bool) and c >= 0)
        for c in wanted
    )
    if not kinds or len(wanted) not in (2, 3) or len(set(wanted)) != len(wanted):
        raise PatternError(
            source,
            f"columns is {str(columns)[:60]!r}; it must name two or three different columns, "
            "abscissa, intensity (and standard deviation), by their numbers from 0 or their names",
        )
    return tuple(c if isinstance(c, str) else int(c) for c in wanted)


def _content(source: str) -> bytes:
    path = Path(source)
    raw = b""
    try:
        folder = path.is_dir()
        size = path.stat().st_size
        if size <= _MAX_BYTES and not folder:
            with path.open("rb") as stream:
                raw = stream.read(_MAX_BYTES + 1)
            size = len(raw)
    except FileNotFoundError:
        raise PatternError(source, "no such file; check the path") from None
    except PermissionError:
        raise PatternError(source, "may not be read; ask for read permission") from None
    except (OSError, ValueError) as error:
        raise PatternError(source, f"cannot be read: {error}") from None
    if folder:
        raise PatternError(source, "is a folder; give the files in it")
    if size > _MAX_BYTES:
        raise PatternError(
            source,
            f"is {size / 2**20:.0f} MiB, and a pattern has at most {_MAX_BYTES // 2**20} MiB: is "
            "this the right file?",
        )
    if not raw.strip():
        raise PatternError(source, "is empty; export the pattern again")
    return raw


def _with_believable_esd(scan: Scan) -> Scan:
    """A scan without standard deviations where they are zero everywhere."""
    if scan.esd is None or (scan.esd != 0.0).any():
        return scan
    note = "its standard deviations are all zero, and are left out"
    return replace(scan, esd=None, warnings=(*scan.warnings, note))


def _pattern(
    source: str, kind: str, scan: Scan, given: float | None, settled: str | None
) -> xr.DataArray:
    wavelength = _wavelength(source, scan, given, settled)
    value = None if wavelength is None else wavelength.value
    axis = _axis(source, kind, scan, given, value, settled)
    q = to_q(axis, scan.x, value)
    order = np.argsort(q, kind="stable")
    q = q[order]
    steps = np.diff(q)
    repeated = np.flatnonzero(steps <= _SAME_POINT * np.median(steps))
    if repeated.size:
        one, other = sorted((int(order[repeated[0]]), int(order[repeated[0] + 1])))
        raise PatternError(
            source,
            f"{scan.where(other)} repeats the abscissa {scan.x[other]:g} of {scan.where(one)}; "
            "keep one row of each, their mean if they are one measurement, and check the decimal "
            "marks",
        )
    coords: dict[str, tuple[str, FloatArray, dict[str, str]]] = {
        "q": ("q", q, {"long_name": "Q", "units": "1/Angstrom"})
    }
    if value is not None:
        angles = scan.x[order] if axis == "two_theta" else two_theta_from_q(q, value)
        coords["two_theta"] = ("q", angles, {"long_name": "2theta", "units": "degree"})
    if scan.esd is not None:
        about = {"long_name": "standard deviation of the intensity"}
        coords["esd"] = ("q", scan.esd[order], about)
    attrs: dict[str, str | float | list[float]] = {
        "long_name": "intensity",
        "source": source,
        "format": kind,
        "axis": AXES[axis],
    }
    if scan.scales:
        attrs["scales"] = ", ".join(f"{scale:.6g}" for scale in scan.scales)
    if scan.instrument:
        attrs["instrument"] = scan.instrument
    if scan.time:
        attrs["time"] = scan.time
    if scan.columns:
        attrs["columns"] = ", ".join(scan.columns)
    if wavelength is not None:
        attrs["wavelength"] = wavelength.value
        if wavelength.label:
            attrs["wavelength_label"] = wavelength.label
        if wavelength.lines:
            attrs["lines"] = [line for line, _ in wavelength.lines]
            attrs["line_weights"] = [weight for _, weight in wavelength.lines]
    return xr.DataArray(
        scan.intensity[order], dims="q", coords=coords, name="intensity", attrs=attrs
    )


def _given_wavelength(source: str, wavelength: float | None, energy: float | None) -> float | None:
    for name, value in (("wavelength", wavelength), ("energy", energy)):
        if value is None:
            continue
        number = isinstance(value, int | float | np.integer | np.floating)
        if not number or isinstance(value, bool) or abs(value) >= 1e300:
            raise PatternError(source, f"{name} is {str(value)[:40]!r}; it must be a number")
    if wavelength is not None and energy is not None:
        raise PatternError(source, "wavelength and energy are both given; give one of them")
    if energy is not None:
        if not (np.isfinite(energy) and energy > 0):
            raise PatternError(source, f"energy is {energy} keV; it must be a positive number")
        wavelength = HC_KEV_ANGSTROM / energy
        said = f"energy is {energy:g} keV (wavelength {wavelength:.4g} Angstrom)"
        remedy = "give the energy in keV"
        if energy > 1000:
            remedy += f"; if it is in eV, that is {energy / 1000:g} keV"
    elif wavelength is not None:
        said = f"wavelength is {wavelength:g} Angstrom"
        remedy = "give the wavelength in Angstrom (or the energy in keV with --energy)"
    else:
        return None
    if not _WAVELENGTHS[0] <= wavelength <= _WAVELENGTHS[1]:
        raise PatternError(
            source,
            f"{said}, outside {_WAVELENGTHS[0]:g} to {_WAVELENGTHS[1]:g} Angstrom; {remedy}",
        )
    return float(wavelength)


def _check_values(source: str, scan: Scan, subtracted: bool) -> None:
    finite = np.isfinite(scan.x) & np.isfinite(scan.intensity)
    if scan.esd is not None:
        finite &= np.isfinite(scan.esd)
    if not finite.all():
        raise PatternError(
            source,
            f"{scan.where(int(np.argmin(finite)))} holds NaN or infinity; remove such rows "
            "(what was not measured is treated as such)",
        )
    if len(scan.x) < _MIN_POINTS:
        raise PatternError(
            source, f"has {len(scan.x)} points; a pattern needs at least {_MIN_POINTS}"
        )
    if scan.subtracted and not subtracted:
        raise PatternError(
            source,
            f"{scan.subtracted}; give the intensities with their background, or say that it was "
            "subtracted: subtracted=True (--subtracted)",
            ("subtracted",),
        )
    negative = np.flatnonzero(scan.intensity < 0)
    if negative.size and not subtracted:
        raise PatternError(
            source,
            f"{scan.where(int(negative[0]))} has a negative intensity "
            f"({scan.intensity[negative[0]]:g}; {negative.size} such points); give the counts as "
            "measured, or say that a background was subtracted: subtracted=True (--subtracted)",
            ("subtracted",),
        )
    if not (scan.intensity > 0).any():
        raise PatternError(source, "every intensity is zero or less; was the shutter open?")
    if scan.esd is not None and (scan.esd < 0).any():
        raise PatternError(source, "the third column, the standard deviation, is negative")


def _wavelength(
    source: str, scan: Scan, given: float | None, settled: str | None
) -> Wavelength | None:
    """Wavelength of the file or of the caller; a contradiction is refused."""
    stated = scan.wavelength
    axis = settled or scan.axis or "two_theta"
    if stated is not None and axis in ("q", "q_nm", "d", "d_nm"):
        default = stated.value == _DEFAULT and impossible(axis, scan.x, stated.value)
        if stated.value <= _NO_BEAM or default:
            stated = None  # a placeholder of a program that works in Q
    if given is None or settled is None:
        other = scan.other_wavelength
        if stated is not None and other is not None:
            raise PatternError(
                source,
                f"its header states two wavelengths, {stated.value:.6g} and {other:.6g} Angstrom; "
                "give the right one (--wavelength) and what the abscissa is: x='two_theta' "
                "(--x two_theta)",
                ("wavelength", "x"),
            )
        if given is not None and stated is not None and not is_same_beam(given, stated.value):
            raise PatternError(
                source,
                f"the file says that the wavelength is {stated.value:.6g} Angstrom "
                f"({stated.label}), and {given:.6g} was given; leave it out (--wavelength, "
                "--energy), or, if the file is wrong, say what the abscissa is as well: "
                "x='two_theta' (--x two_theta)",
                ("wavelength", "x"),
            )
    return stated if given is None else of_a_tube(given)


def _axis(
    source: str,
    kind: str,
    scan: Scan,
    given: float | None,
    wavelength: float | None,
    settled: str | None,
) -> str:
    """What the abscissa is: as the caller says, else as the file does, if it can be."""
    named = scan.axis
    certain = named is not None and not scan.words  # the format itself says so
    if settled is not None and certain and settled != named:
        raise PatternError(
            source,
            f"is a {kind} file, whose abscissa is {AXES[str(named)]}; leave x={settled!r} out "
            "(--x, --q)",
        )
    if settled is None and named not in AXES:
        _refuse_unknown(source, scan, wavelength)
    axis = settled or named or "two_theta"
    if axis.startswith("two_theta") and wavelength is None:
        seen = f"; of it the file says only {scan.mentioned!r}" if scan.mentioned else ""
        raise PatternError(
            source,
            "a two-theta axis needs a wavelength: give --wavelength (Angstrom) or --energy (keV)"
            + seen,
            ("wavelength",),
        )
    if np.ptp(scan.x) == 0.0:
        raise PatternError(
            source, f"the abscissa is {scan.x[0]:g} everywhere; is this a scan of two-theta?"
        )
    why = impossible(axis, scan.x, wavelength)
    if why and (settled is not None or not scan.words):
        raise PatternError(
            source,
            f"{why}; check that the first column is {AXES[axis]}{_other(axis, scan, wavelength)}",
        )
    if settled is not None or certain:
        return axis
    # A program that writes one label over every axis is common: believe a header of
    # free text only where nothing speaks against it.
    stated = scan.wavelength
    contradicted = (
        not axis.startswith("two_theta")
        and given is not None
        and (stated is None or not is_same_beam(given, stated.value))
    )
    small = axis == "two_theta" and float(scan.x.max()) <= np.pi
    if scan.other_words:
        raise PatternError(
            source,
            f"its header names the abscissa twice, {scan.words!r} and {scan.other_words!r}; say "
            f"what it is with x= (--x), {', '.join(map(repr, AXES))}",
            ("x",),
        )
    if why or contradicted or small:
        likely = {"two_theta": "two_theta_rad" if small else "q_nm"}.get(axis, "two_theta")
        _ask(source, scan, axis, likely, wavelength)
    return axis


def _refuse_unknown(source: str, scan: Scan, wavelength: float | None) -> None:
    """Refuse an abscissa that the file does not name, or does not name fully."""
    if scan.axis in ("q?", "d?"):
        kind = scan.axis[0]
        _ask(source, scan, kind, f"{kind}_nm", wavelength, " without a unit")
    if scan.axis is not None:
        raise PatternError(
            source,
            f"its abscissa is called {scan.words!r}, which is none of {', '.join(AXES.values())}; "
            "if it is one of them, say which with x= (--x): " + ", ".join(AXES),
            ("x",),
        )
    if wavelength is None:
        seen = f"; the file says {scan.mentioned!r}" if scan.mentioned else ""
        raise PatternError(
            source,
            "what is the abscissa? If it is two-theta give the wavelength in Angstrom "
            "(--wavelength) or the energy in keV (--energy), if it is Q in 1/Angstrom say so "
            f"(--q; in Python x='q'); other axes: --x, x={seen}",
            ("wavelength", "x"),
        )


def _ask(
    source: str, scan: Scan, one: str, other: str, wavelength: float | None, note: str = ""
) -> None:
    """Refuse an abscissa that may be two things, with both readings."""
    says = f"the header says {scan.words!r}{note}, " if scan.words else ""
    raise PatternError(
        source,
        f"{says}the abscissa goes from {scan.x.min():g} to {scan.x.max():g}: read as "
        f"{reading(one, scan.x, wavelength)}; read as {reading(other, scan.x, wavelength)}; say "
        f"which with x={one!r} or x={other!r} (--x {one} or --x {other})",
        ("x",),
    )


def _other(axis: str, scan: Scan, wavelength: float | None) -> str:
    """Other readings that the numbers allow."""
    words = [
        f"{AXES[name]} ("
        + ("--wavelength or --energy" if _needs(name, wavelength) else f"x={name!r}, --x {name}")
        + ")"
        for name in AXES
        if name != axis and not impossible(name, scan.x, wavelength)
    ]
    return f"; the numbers could be {', or '.join(words[:3])}" if words else ""


def _needs(axis: str, wavelength: float | None) -> bool:
    return axis.startswith("two_theta") and wavelength is None

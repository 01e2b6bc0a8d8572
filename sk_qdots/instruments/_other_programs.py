r"""Instruments as GSAS-II and FullProf write them.

GSAS-II's ``.instprm`` has, in hundredths of a degree, the variance of the Gaussian
:math:`U\tan^2\theta + V\tan\theta + W` and the width of the Lorentzian
:math:`X/\cos\theta + Y\tan\theta + Z` [1]_. FullProf's ``.irf`` has, in degrees, the squared
width of the Gaussian :math:`U\tan^2\theta + V\tan\theta + W` and the width of the Lorentzian
:math:`X\tan\theta + Y/\cos\theta + Z` (resolution function 1), or a table of both widths
against two-theta (4) [2]_. Both become the width and the Lorentzian share of a pseudo-Voigt
function, fitted over the range; what the fit leaves, and what was changed or is not said, is told
in ``notes``.

References
----------
.. [1] B. H. Toby, R. B. Von Dreele, J. Appl. Cryst. 46, 544 (2013).
.. [2] J. Rodriguez-Carvajal, Physica B 192, 55 (1993), and the manual of FullProf.
"""

from __future__ import annotations

import math
import re

import numpy as np

from .._typing import FloatArray
from ._profile import from_voigt
from .instrument import Instrument
from .radiation import ANODES, is_same_beam

__all__ = ["from_instprm", "from_irf"]

_GAUSSIAN = float(np.sqrt(8.0 * np.log(2.0)))
_RANGE = (5.0, 120.0)  # degrees over which widths are fitted where a file gives no range
_WIDTH_TOLERANCE = 0.01  # relative: more is told
_SHARE_TOLERANCE = 0.02  # of the Lorentzian share, absolute
_SAME_LINE = 1e-6  # Angstrom
_MOST_AXIAL = 0.2
_NUMERIC = re.compile(r"[+-]?(\.?\d|nan|inf)", re.IGNORECASE)
_NOT_READ = {  # keywords of FullProf that say something of an instrument
    "CTHM": "CTHM (monochromator)",
    "RPOL": "RPOL (polarisation)",
    "RKK": "RKK (polarisation)",
}


def from_instprm(text: str) -> Instrument:
    """Return the instrument of a file of GSAS-II."""
    values: dict[str, str] = {}
    for part in re.split(r"[\r\n;]+", text):
        name, _, value = part.partition(":")
        if part.lstrip().startswith("#Bank 2"):
            break
        if value and not part.lstrip().startswith("#"):
            values[name.strip()] = re.split("[!#]", value)[0].strip()

    def number(name: str, default: float = 0.0) -> float:
        try:
            found = float(values.get(name, default))
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise ValueError(f"{name} is {values[name][:20]!r}, which is no number")
        return found

    kind = values.get("Type", "")
    if not kind.startswith("PXC"):
        neutrons = ", neutrons" if kind.startswith("PN") else ""
        raise ValueError(
            f"is of type {kind[:10]!r}{neutrons}; expected PXC, X-rays of constant wavelength"
        )
    if "Lam" in values:
        lines, weights = _lines([number("Lam")])
    else:
        lines, weights = _lines([number("Lam1"), number("Lam2"), number("I(L2)/I(L1)", 0.5)])
    notes: list[str] = []
    angles = np.linspace(*_RANGE, 60)
    tangent, cosine = np.tan(np.deg2rad(angles / 2)), np.cos(np.deg2rad(angles / 2))
    variance = number("U") * tangent**2 + number("V") * tangent + number("W")
    if (variance < 0.0).any():
        worst = angles[int(np.argmin(variance))]
        raise ValueError(
            f"its U, V and W give a negative variance at two-theta {worst:.3g} degrees"
        )
    gaussian = _GAUSSIAN * np.sqrt(variance) / 100.0
    lorentzian = (number("X") / cosine + number("Y") * tangent + number("Z")) / 100.0
    if "Polariz." not in values:
        polarisation = _unpolarised(lines, notes)
    else:
        # The share of what is polarised normal to the plane of scattering, where the azimuth is 0.
        share, turned = number("Polariz."), math.cos(math.radians(number("Azimuth"))) ** 2
        along = (1.0 - share) * turned + share * (1.0 - turned)
        ratio = along / (1.0 - along) if along < 1.0 else math.inf
        polarisation = _clipped(ratio, 1.0, "the polarisation that Polariz. gives", notes)
    axial = _clipped(number("SH/L"), _MOST_AXIAL, "SH/L", notes)
    begun = Instrument(
        lines,
        weights,
        axial=axial,
        zero=number("Zero"),
        polarisation=polarisation,
        source="GSAS-II",
    )
    return _from_widths(angles, gaussian, lorentzian, begun, notes)


def from_irf(text: str) -> Instrument:
    """Return the instrument of a file of FullProf."""
    lines: tuple[float, ...] = ()
    weights: tuple[float, ...] = (1.0,)
    rows: list[list[float]] = []
    notes: list[str] = []
    axial = 0.0
    low, high = _RANGE
    for line in text.splitlines()[1:]:
        said = re.split("[!#]", line)[0].replace(",", " ").split()
        if not said:
            continue
        key = said[0].upper()
        if _NUMERIC.match(said[0]):
            rows.append(_finite(said, line))
        elif key.startswith("JOB") and len(said) > 1:
            if not said[1].upper().startswith("X"):
                raise ValueError(f"is of {said[1][:10]!r} (JOBT), not of X-rays; expected XRAY")
        elif key.startswith("WAV"):
            lines, weights = _lines(_finite(said[1:], line))
        elif key.startswith("ASYM"):
            heights = _finite(said[1:], line)
            axial = _clipped(sum(heights[:2]), _MOST_AXIAL, "ASYM, S/L + D/L,", notes)
        elif key.startswith("THRG"):
            ends = _finite(said[1:], line)
            low, high = ends[0], ends[-1]
            if not 0.0 <= low < high <= 180.0:
                raise ValueError(
                    f"its range is {low:g} to {high:g} degrees (THRG); it must ascend in 0 to 180"
                )
        elif key in _NOT_READ:
            notes.append(f"{_NOT_READ[key]} of the file, {' '.join(said[1:])}, is not taken over")
    if not lines:
        raise ValueError("says no wavelength (WAVE); add the line 'WAVE 1.5406 1.5444 0.5'")
    if not rows:
        raise ValueError("holds no parameters of a resolution function")
    polarisation = _unpolarised(lines, notes)
    begun = Instrument(lines, weights, axial=axial, polarisation=polarisation, source="FullProf")
    if len(rows) >= 3 and all(len(row) == 3 for row in rows):
        angles, gaussian, lorentzian = np.array(sorted(rows)).T
        return _from_widths(angles, gaussian, lorentzian, begun, notes)
    if len(rows[0]) != 6:
        raise ValueError(
            f"its parameters are {len(rows[0])}; expected U V W X Y Z (function 1), or rows of "
            "two-theta and both widths (function 4)"
        )
    u, v, w, x, y, z = rows[0]
    angles = np.linspace(max(low, 0.1), min(high, 170.0), 60)
    tangent, cosine = np.tan(np.deg2rad(angles / 2)), np.cos(np.deg2rad(angles / 2))
    square = u * tangent**2 + v * tangent + w
    if (square < 0.0).any():
        worst = angles[int(np.argmin(square))]
        raise ValueError(
            f"its U, V and W give a negative squared width at two-theta {worst:.3g} degrees"
        )
    return _from_widths(angles, np.sqrt(square), x * tangent + y / cosine + z, begun, notes)


def _finite(said: list[str], line: str) -> list[float]:
    """The numbers of a line, all of them."""
    try:
        numbers = [float(word) for word in said]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        raise ValueError(f"holds a line that is not understood: {line.strip()[:40]!r}")
    return numbers


def _lines(said: list[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """One line or two, and their weights: the first, the second, the ratio of intensities."""
    first, second, ratio = [*said, 0.0, 0.5][:3] if len(said) == 1 else [*said, 0.5][:3]
    if second <= 0.0 or abs(second - first) < _SAME_LINE or ratio == 0.0:
        return (first,), (1.0,)
    return (first, second), (1.0, ratio)


def _unpolarised(lines: tuple[float, ...], notes: list[str]) -> float:
    """The polarisation where nothing is said; told of what can be a tube."""
    if len(lines) > 1 or any(is_same_beam(lines[0], pair[0]) for pair in ANODES.values()):
        notes.append("no polarisation was read, and 0 is taken; of a tube it is 1")
    return 0.0


def _clipped(value: float, most: float, name: str, notes: list[str]) -> float:
    """A value within 0 to the most; told where it was not."""
    within = min(max(value, 0.0), most)
    if within != value:
        notes.append(f"{name} is {value:.4g}; {within:g} is taken")
    return within


def _from_widths(
    angles: FloatArray,
    gaussian: FloatArray,
    lorentzian: FloatArray,
    begun: Instrument,
    notes: list[str],
) -> Instrument:
    """Return the instrument whose profile has these widths, as nearly as ours can."""
    if (lorentzian < 0.0).any():
        worst = angles[int(np.argmin(lorentzian))]
        notes.append(
            f"its Lorentzian width is negative, at two-theta {worst:.3g} degrees and elsewhere; "
            "0 is taken there"
        )
    if (gaussian < 0.0).any():
        raise ValueError("its Gaussian widths are not positive everywhere")
    fwhm, eta = from_voigt(gaussian, np.maximum(lorentzian, 0.0))
    if not np.isfinite(fwhm).all() or (fwhm <= 0.0).any():
        raise ValueError("its widths are not positive everywhere")
    tangent = np.tan(np.deg2rad(angles / 2.0))
    basis = np.stack([tangent**2, tangent, np.ones_like(tangent)], axis=1)
    u, v, w = np.linalg.lstsq(basis / fwhm[:, None] ** 2, np.ones_like(fwhm), rcond=None)[0]
    slope, share = np.polyfit(angles, eta, 1)
    if not 0.0 <= share <= 1.0:  # the line that begins at the end of what can be
        share = min(max(share, 0.0), 1.0)
        slope = angles @ (eta - share) / (angles @ angles)
    told = begun.replace(
        u=float(u),
        v=float(v),
        w=float(w),
        eta=float(share),
        eta_slope=float(slope),
        two_theta_range=(float(angles.min()), float(angles.max())),
    )
    left = float(np.abs(told.fwhm(angles) / fwhm - 1.0).max())
    if left > _WIDTH_TOLERANCE:
        notes.append(f"its widths are within {100.0 * left:.1f} % of those of the file")
    left = float(np.abs(told.lorentzian_share(angles) - eta).max())
    if left > _SHARE_TOLERANCE:
        notes.append(f"its Lorentzian share is within {left:.2f} of that of the file")
    return told.replace(notes=tuple(notes))

r"""What the beam, the optics and the detector do to a pattern, as one object.

A ray of the wavelength :math:`\lambda_i` that a sample scatters at :math:`Q` leaves it at
:math:`2\theta = 2\arcsin(\lambda_i Q / 4\pi)`. The instrument weighs it with the polarisation

.. math::

    P = \frac{1 + A \cos^2 2\theta}{1 + A}, \qquad A = p \cos^2 2\theta_M,

spreads it with a pseudo-Voigt function, a share :math:`\eta` of which is Lorentzian,

.. math::

    \Gamma^2 = U \tan^2\theta + V \tan\theta + W, \qquad \eta = \eta_0 + \eta_1 \, 2\theta,

[1]_, smears it towards small angles by axial divergence [2]_, and reads it at
:math:`2\theta + z + s \cos\theta` in reflection, at :math:`2\theta + z + s \sin 2\theta` in
transmission, with the zero :math:`z` and the displacement :math:`s` of the sample.

References
----------
.. [1] G. Caglioti, A. Paoletti, F. P. Ricci, Nucl. Instrum. 3, 223 (1958).
.. [2] L. W. Finger, D. E. Cox, A. P. Jephcoat, J. Appl. Cryst. 27, 892 (1994).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NoReturn, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..simulation.q_grid import q_from_two_theta

__all__ = ["Instrument", "NewerInstrumentError"]

_VERSION = 1  # of what ``to_json`` writes
_WAVELENGTHS = (0.05, 5.0)  # Angstrom
_NUMBERS = (
    *("u", "v", "w", "eta", "eta_slope", "axial", "zero", "displacement", "polarisation"),
    "monochromator",
)
_BOUNDS = {
    "eta": (0.0, 1.0),
    "axial": (0.0, 0.2),
    "zero": (-5.0, 5.0),
    "displacement": (-5.0, 5.0),
    "polarisation": (0.0, 1.0),
    "monochromator": (0.0, 180.0),
}
_Patterns = TypeVar("_Patterns", xr.DataArray, xr.Dataset)


class NewerInstrumentError(ValueError):
    """An instrument that a newer version of sk_qdots wrote."""


class _ReadOnly(dict[str, float]):
    """A dictionary that does not change, which dataclasses and JSON take for one."""

    def _refuse(self, *arguments: object, **named: object) -> NoReturn:
        raise TypeError("an instrument does not change; replace() makes another")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[_ReadOnly], tuple[dict[str, float]]]:
        return _ReadOnly, (dict(self),)


@dataclass(frozen=True)
class Instrument:
    """What the beam, the optics and the detector do to a pattern.

    Parameters
    ----------
    wavelengths : tuple of float, default=(0.56,)
        Lines of the beam, in Angstrom: one, or K-alpha 1 and 2, and K-beta where it
        leaks through.
    weights : tuple of float, default=(1.0,)
        Intensity of each line; only their ratios count.
    u, v, w : float, default=0.0
        Caglioti parameters of the full width at half maximum in two-theta, degrees^2.
        All zero: no broadening.
    eta, eta_slope : float, default=0.0
        Lorentzian share of the profile at two-theta 0, and its growth per degree of
        two-theta; the share stays in [0, 1].
    axial : float, default=0.0
        Axial divergence: half heights of sample and detector slit together, over their
        distance, (S + H) / L.
    zero : float, default=0.0
        What is read at the true two-theta of 0, in degrees.
    displacement : float, default=0.0
        What a displaced sample adds to the reading, in degrees: times the cosine of
        theta in reflection, where a sample that lies s below the axis of a goniometer of
        radius R has -2 s / R in radians; times the sine of two-theta in transmission,
        where one that is s nearer to the detector has -s / R.
    polarisation : float, default=0.0
        Intensity of the polarisation in the scattering plane over that normal to it: 1
        for a tube; 0 for a synchrotron that scatters vertically, and for intensities
        that are corrected.
    monochromator : float, default=0.0
        Two-theta of a monochromator's reflection, in degrees; 0 without one.
    geometry : {"transmission", "reflection"}, default="transmission"
        How the sample stands in the beam.
    two_theta_range : tuple of 2 float or None, default=None
        Ends of what it measures, in degrees. Beyond them width and share are held.
    step : float or None, default=None
        Of two-theta, in degrees.
    name : str, default=""
    source : str, default=""
        Where the numbers come from.
    uncertainties : mapping of str to float, default={}
        Standard deviations of the parameters that a calibration found: of those that are
        numbers, and of ``"wavelength"``.
    notes : sequence of str or str, default=()
        What a calibration, or the reading of a file, has to say; kept as a tuple.

    Raises
    ------
    ValueError
        If a parameter is out of bounds.

    See Also
    --------
    sk_qdots.calibrate_instrument : An instrument from a measured standard.
    sk_qdots.load_instrument : Ready ones, saved ones, and those of other programs.

    Notes
    -----
    The Q of a pattern is computed with one wavelength, the mean of the lines weighted by
    intensity, from the two-theta that is read.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> tube = sq.Instrument(wavelengths=(1.54059, 1.54443), weights=(1.0, 0.5), w=0.01)
    >>> round(tube.wavelength, 4), round(float(tube.fwhm(40.0)), 3)
    (1.5419, 0.1)
    >>> sq.Instrument.from_json(tube.to_json()) == tube
    True
    """

    wavelengths: tuple[float, ...] = (0.56,)
    weights: tuple[float, ...] = (1.0,)
    u: float = 0.0
    v: float = 0.0
    w: float = 0.0
    eta: float = 0.0
    eta_slope: float = 0.0
    axial: float = 0.0
    zero: float = 0.0
    displacement: float = 0.0
    polarisation: float = 0.0
    monochromator: float = 0.0
    geometry: Literal["transmission", "reflection"] = "transmission"
    two_theta_range: tuple[float, float] | None = None
    step: float | None = None
    name: str = ""
    source: str = ""
    uncertainties: Mapping[str, float] = field(default_factory=dict, hash=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = _numbers("wavelengths", self.wavelengths)
        weights = _numbers("weights", self.weights)
        if any(not _WAVELENGTHS[0] <= line <= _WAVELENGTHS[1] for line in lines):
            raise ValueError(
                f"wavelengths are {lines}; each must lie in {_WAVELENGTHS[0]:g} to "
                f"{_WAVELENGTHS[1]:g} Angstrom"
            )
        if len(weights) != len(lines) or min(weights) < 0.0 or not sum(weights) > 0.0:
            raise ValueError(
                f"weights are {weights} for {len(lines)} wavelengths; give one for each, not "
                "negative and not all zero"
            )
        for name in _NUMBERS:
            value = getattr(self, name)
            if not _is_number(value):
                raise ValueError(f"{name} is {value!r}; it must be a number")
            low, high = _BOUNDS.get(name, (-math.inf, math.inf))
            if not low <= float(value) <= high:
                raise ValueError(f"{name} is {value}; it must lie in [{low:g}, {high:g}]")
            object.__setattr__(self, name, float(value))
        if self.geometry not in ("transmission", "reflection"):
            raise ValueError(
                f"geometry is {self.geometry!r}; it must be 'transmission' or 'reflection'"
            )
        if self.two_theta_range is not None:
            ends = _numbers("two_theta_range", self.two_theta_range)
            if len(ends) != 2 or not 0.0 <= ends[0] < ends[1] <= 180.0:
                raise ValueError(
                    f"two_theta_range is {self.two_theta_range}; it must be two angles, ascending, "
                    "in 0 to 180 degrees"
                )
            object.__setattr__(self, "two_theta_range", ends)
        if self.step is not None and not (_is_number(self.step) and 0.0 < self.step < 10.0):
            raise ValueError(f"step is {self.step!r}; it must lie in 0 to 10 degrees")
        object.__setattr__(self, "step", None if self.step is None else float(self.step))
        object.__setattr__(self, "wavelengths", lines)
        object.__setattr__(self, "weights", weights)
        for name in ("name", "source"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be a string")
        object.__setattr__(self, "uncertainties", _uncertainties(self.uncertainties))
        object.__setattr__(self, "notes", _notes(self.notes))
        low, high = self.two_theta_range or (5.0, 90.0)
        self.fwhm(np.linspace(low, min(high, 170.0), 50))

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Instrument.from_json, (self.to_json(),)

    @property
    def wavelength(self) -> float:
        """Mean wavelength of the lines, weighted by intensity, in Angstrom."""
        return float(np.average(self.wavelengths, weights=self.weights))

    def fwhm(self, two_theta: npt.ArrayLike) -> FloatArray:
        """Full width at half maximum of the profile.

        Parameters
        ----------
        two_theta : array-like
            In degrees.

        Returns
        -------
        ndarray
            In degrees, in the shape of ``two_theta``.

        Raises
        ------
        ValueError
            If u, v and w make the squared width negative there.
        """
        angles = self._within(two_theta)
        tangent = np.tan(np.deg2rad(angles) / 2.0)
        square = self.u * tangent**2 + self.v * tangent + self.w
        if (square < -1e-12).any():
            worst = float(angles.ravel()[int(np.argmin(square))])
            raise ValueError(
                f"u = {self.u:g}, v = {self.v:g} and w = {self.w:g} give a negative squared width "
                f"at two-theta {worst:.3g} degrees; u tan^2 + v tan + w must be positive over the "
                "whole range"
            )
        return np.asarray(np.sqrt(np.maximum(square, 0.0)))

    def _within(self, two_theta: npt.ArrayLike) -> FloatArray:
        """Angles for the profile: beyond the range that of its end is held."""
        angles = np.asarray(two_theta, dtype=np.float64)
        return angles if self.two_theta_range is None else np.clip(angles, *self.two_theta_range)

    def lorentzian_share(self, two_theta: npt.ArrayLike) -> FloatArray:
        """Lorentzian share of the profile, in [0, 1].

        Parameters
        ----------
        two_theta : array-like
            In degrees.

        Returns
        -------
        ndarray
            In the shape of ``two_theta``.
        """
        angles = self._within(two_theta)
        return np.clip(self.eta + self.eta_slope * angles, 0.0, 1.0)

    def read_two_theta(self, two_theta: npt.ArrayLike) -> FloatArray:
        """What is read where a ray leaves the sample at a true two-theta.

        Parameters
        ----------
        two_theta : array-like
            True ones, in degrees.

        Returns
        -------
        ndarray
            In degrees.
        """
        angles = np.asarray(two_theta, dtype=np.float64)
        return np.asarray(angles + self.zero + self._displaced(angles))

    def _displaced(self, two_theta: FloatArray) -> FloatArray:
        angles = np.deg2rad(two_theta)
        along = np.cos(angles / 2.0) if self.geometry == "reflection" else np.sin(angles)
        return np.asarray(self.displacement * along)

    def true_two_theta(self, two_theta: npt.ArrayLike) -> FloatArray:
        """The true two-theta of a reading: without zero and displacement.

        Parameters
        ----------
        two_theta : array-like
            As read, in degrees.

        Returns
        -------
        ndarray
            In degrees.
        """
        read = np.asarray(two_theta, dtype=np.float64)
        true = read - self.zero
        for _ in range(4 if self.displacement else 0):  # contracts a hundredfold each time
            true = read - self.zero - self._displaced(true)
        return true

    def polarisation_factor(self, two_theta: npt.ArrayLike) -> FloatArray:
        """What the intensities are multiplied by, 1 at two-theta 0.

        Parameters
        ----------
        two_theta : array-like
            In degrees.

        Returns
        -------
        ndarray
        """
        a = self.polarisation * math.cos(math.radians(self.monochromator)) ** 2
        cosine = np.cos(np.deg2rad(np.asarray(two_theta, dtype=np.float64)))
        return np.asarray((1.0 + a * cosine**2) / (1.0 + a))

    def apply(self, patterns: _Patterns) -> _Patterns:
        """Put on simulated patterns what the instrument does.

        Parameters
        ----------
        patterns : DataArray or Dataset
            Over ``q`` (1/Angstrom, ascending, any steps) and any other dimensions; of a
            library, the variable ``intensity``. NaN is what was not measured.

        Returns
        -------
        DataArray or Dataset
            On the same grid, whose ``q`` is then what is computed from the two-theta
            that is read, with the mean wavelength. NaN beyond 4 pi / wavelength.

        Raises
        ------
        ValueError
            If there is no ``q``, or it is not ascending, or no point of it has an angle.

        Notes
        -----
        Rays are spread from where they are: each angle with the width and the Lorentzian
        share that it has there. What lies beyond the ends of a pattern is not known; there
        the profile is normalised over the points that it meets.

        Examples
        --------
        >>> import numpy as np
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library(
        ...     "PbS", diameters=[3.0], dispersions=[0.1], strains=[0.0], progress=False
        ... )
        >>> seen = sq.load_instrument("lab-mo").apply(library)
        >>> seen["intensity"].shape == library["intensity"].shape
        True
        """
        from ._convolution import through  # SciPy, which reading an instrument does not need

        if isinstance(patterns, xr.Dataset):
            if "intensity" not in patterns:
                raise ValueError("the library has no variable 'intensity'")
            seen = self.apply(patterns["intensity"])
            return patterns.assign(intensity=seen).assign_attrs(instrument=self.to_json())
        if not isinstance(patterns, xr.DataArray) or "q" not in patterns.dims:
            raise ValueError(
                "patterns must be a DataArray over 'q', or a library; "
                f"this is a {type(patterns).__name__}"
            )
        q = patterns["q"].values.astype(np.float64)
        if len(q) < 4 or not (np.diff(q) > 0.0).all():
            raise ValueError("q must be ascending, and have four points or more")
        if not 4.0 * np.pi / self.wavelength > q[3]:
            raise ValueError(
                f"wavelength is {self.wavelength:g} Angstrom, which reaches "
                f"{4.0 * np.pi / self.wavelength:.3g} 1/Angstrom; the patterns start at {q[0]:.3g}"
            )
        last = patterns.transpose(..., "q")
        rows = last.values.reshape(-1, len(q))
        if rows.dtype not in (np.float32, np.float64):
            rows = rows.astype(np.float64)
        seen = last.copy(data=through(self, rows, q).reshape(last.shape))
        return seen.transpose(*patterns.dims)

    def correct(self, pattern: xr.DataArray) -> xr.DataArray:
        """A measured pattern on its true Q: without zero and displacement.

        Parameters
        ----------
        pattern : DataArray
            As :func:`sk_qdots.read_pattern` returns it, with ``two_theta`` as read.

        Returns
        -------
        DataArray
            Over ``q`` from the true two-theta, with the mean wavelength of the lines; its
            ``two_theta`` are true ones, its attributes say what was taken.

        Raises
        ------
        ValueError
            If the pattern has no two-theta, or the corrected one would begin below zero.
        """
        if "two_theta" not in pattern.coords:
            raise ValueError(
                "the pattern is over Q alone; an instrument's zero is in two-theta: read it as "
                "two-theta, with a wavelength"
            )
        (dim,) = pattern["two_theta"].dims
        true = self.true_two_theta(_degrees(pattern["two_theta"]))
        if not true[0] > 0.0:
            raise ValueError(f"without the zero of {self.zero:g} degrees it begins below zero")
        about = pattern["q"].attrs if "q" in pattern.coords else {"units": "1/Angstrom"}
        read = {**pattern["two_theta"].attrs, "units": "degree"}
        placed = pattern.drop_vars("two_theta").rename({} if dim == "q" else {dim: "q"})
        corrected = placed.assign_coords(
            q=("q", q_from_two_theta(true, self.wavelength), about), two_theta=("q", true, read)
        )
        return corrected.assign_attrs(wavelength=self.wavelength, instrument=self.name or "given")

    @classmethod
    def of_pattern(cls, pattern: xr.DataArray) -> Instrument:
        """What a measured file says of its instrument: lines, range and step.

        Parameters
        ----------
        pattern : DataArray
            As :func:`sk_qdots.read_pattern` returns it.

        Returns
        -------
        Instrument
            Without a resolution, which no file says; of a tube, unpolarised.

        Raises
        ------
        ValueError
            If the pattern has no wavelength.
        """
        stated = pattern.attrs.get("wavelength")
        if stated is None:
            raise ValueError("the pattern has no wavelength: read it with one")
        lines = tuple(float(v) for v in pattern.attrs.get("lines", (stated,)))
        weights = tuple(float(v) for v in pattern.attrs.get("line_weights", (1.0,)))
        angles = pattern["two_theta"].values if "two_theta" in pattern.coords else None
        return cls(
            lines,
            weights,
            polarisation=1.0 if "K-alpha" in str(pattern.attrs.get("wavelength_label")) else 0.0,
            two_theta_range=None if angles is None else (float(angles[0]), float(angles[-1])),
            step=None if angles is None else float(np.median(np.diff(angles))),
            source=str(pattern.attrs.get("source", "")),
        )

    def replace(self, **changes: Any) -> Instrument:
        """Another instrument, with other parameters.

        Parameters
        ----------
        **changes
            Parameters, by name.

        Returns
        -------
        Instrument
        """
        return replace(self, **changes)

    def to_json(self) -> str:
        """Return everything as JSON, to be read by :meth:`from_json`.

        Returns
        -------
        str
        """
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["uncertainties"] = dict(self.uncertainties)
        return json.dumps({"sk_qdots instrument": _VERSION} | values, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Instrument:
        """Read what :meth:`to_json` wrote.

        Parameters
        ----------
        text : str

        Returns
        -------
        Instrument

        Raises
        ------
        ValueError
            If the text is no instrument.
        NewerInstrumentError
            If a newer version of sk_qdots wrote it; a ValueError, too.
        """
        if not isinstance(text, str):
            raise ValueError(f"is no JSON: expected text, not {type(text).__name__}")
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON ({error})") from None
        version = values.get("sk_qdots instrument") if isinstance(values, dict) else None
        if _is_number(version) and version > _VERSION:
            raise NewerInstrumentError("was written by a newer sk_qdots; update it")
        if not isinstance(values, dict) or values.pop("sk_qdots instrument", None) != _VERSION:
            raise ValueError(
                f"is no instrument of sk_qdots, version {_VERSION}: it lacks "
                f'"sk_qdots instrument": {_VERSION}'
            )
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ValueError(f"has parameters that are not known: {', '.join(unknown)[:80]}")
        for name in ("wavelengths", "weights", "two_theta_range", "notes"):
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None


def _numbers(name: str, values: object) -> tuple[float, ...]:
    listed = tuple(values) if isinstance(values, tuple | list | np.ndarray) else ()
    if not listed or not all(map(_is_number, listed)):
        raise ValueError(f"{name} is {values!r}; it must be a tuple of numbers")
    return tuple(float(value) for value in listed)


def _uncertainties(given: object) -> _ReadOnly:
    if not isinstance(given, Mapping):
        raise ValueError(
            f"uncertainties is {given!r}; it must be a mapping of parameters to numbers"
        )
    unknown = sorted(str(name) for name in given if name not in (*_NUMBERS, "wavelength"))
    if unknown:
        raise ValueError(
            f"uncertainties name {', '.join(unknown)}, which are no parameters with a number; "
            f"known: {', '.join(_NUMBERS)}, wavelength"
        )
    for name, value in given.items():
        if not _is_number(value) or value < 0.0:
            raise ValueError(
                f"uncertainties have {value!r} for {name}; it must be a number, not negative"
            )
    return _ReadOnly({name: float(value) for name, value in given.items()})


def _notes(given: object) -> tuple[str, ...]:
    notes = (given,) if isinstance(given, str) else given
    if not isinstance(notes, Sequence) or not all(isinstance(note, str) for note in notes):
        raise ValueError(f"notes is {given!r}; it must be a sequence of strings")
    return tuple(notes)


def _is_number(value: object) -> TypeGuard[float]:
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond what a float holds
        return False


def _degrees(angles: xr.DataArray) -> FloatArray:
    """Angles as they were read, in degrees."""
    values = np.asarray(angles.values, dtype=np.float64)
    in_radians = str(angles.attrs.get("units") or "").strip().lower().startswith("rad")
    return np.rad2deg(values) if in_radians else values

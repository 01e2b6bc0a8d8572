r"""What a diffractometer does to a pattern: resolution, alignment, doublet, polarisation.

A point that the user calls :math:`Q` was measured at
:math:`2\theta_m = 2 \arcsin(\lambda_n Q / 4\pi)`, with the wavelength
:math:`\lambda_n = \lambda (1 + \epsilon)` that the user believes. With a zero
shift :math:`\delta` of two-theta the scattering vector was in truth

.. math::

    Q' = (1 + \epsilon) \cos\tfrac{\delta}{2} \, Q
         - \frac{4\pi}{\lambda} \sin\tfrac{\delta}{2} \, \cos\theta_m,

and for the second line of a doublet, at the same angle,
:math:`Q'\lambda / \lambda_2`. The resolution is a pseudo-Voigt function of
two-theta whose full width follows Caglioti, Paoletti and Ricci [1]_,

.. math::

    \Gamma^2 = U \tan^2\theta + V \tan\theta + W,

and an unpolarised beam scatters in proportion to

.. math::

    P = \frac{1 + A \cos^2 2\theta}{1 + A}, \qquad A = \cos^2 2\theta_M,

with the monochromator at :math:`2\theta_M` (none: A = 1).

References
----------
.. [1] G. Caglioti, A. Paoletti, F. P. Ricci, Nucl. Instrum. 3, 223 (1958).
"""

from __future__ import annotations

from numbers import Real
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray, IntArray, RealArray
from .._validation import Interval, StrOptions
from ..instruments.radiation import ANODES
from ..instruments.resolution import resolution
from .base import Augmenter, Generators, check_even

__all__ = [
    "InstrumentBroadening",
    "KAlpha2",
    "Polarisation",
    "ZeroShift",
    "blocks",
    "broadened",
    "misaligned",
    "polarisation_factor",
]


_BLOCK_WIDTH = 0.05  # 1/Angstrom, that share one width


class InstrumentBroadening(Augmenter):
    """Smear a pattern with the resolution of a diffractometer.

    Parameters
    ----------
    u, v, w : float, default=0.0, 0.0 and 0.0025
        Caglioti parameters of the full width at half maximum in two-theta,
        degrees^2.
    eta : float, default=0.5
        Lorentzian share of the pseudo-Voigt, in [0, 1].
    wavelength : float, default=0.56
        In Angstrom.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    fwhm_ : ndarray of shape (n_q,)
        Full width at half maximum in Q, in 1/Angstrom; NaN beyond 4 pi / wavelength.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    KAlpha2, ZeroShift, Polarisation : Other doings of the instrument.

    Notes
    -----
    The profile is normalised over the measured points, as that of
    :meth:`sk_qdots.Instrument.apply` is, which takes uneven grids, too. Points beyond
    4 pi / wavelength become NaN: no such angle exists. The grid must be even.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> peak = np.zeros((1, 501)); peak[0, 250] = 1.0
    >>> wide = sq.InstrumentBroadening(w=0.04, q=np.linspace(2.0, 3.0, 501)).fit_transform(peak)
    >>> bool(abs(wide.sum() - 1.0) < 1e-3)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "u": [Interval(Real, None, None, closed="neither")],
        "v": [Interval(Real, None, None, closed="neither")],
        "w": [Interval(Real, None, None, closed="neither")],
        "eta": [Interval(Real, 0.0, 1.0, closed="both")],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        u: float = 0.0,
        v: float = 0.0,
        w: float = 0.0025,
        eta: float = 0.5,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.u = u
        self.v = v
        self.w = w
        self.eta = eta
        self.wavelength = wavelength
        self.q = q

    def _prepare(self) -> None:
        check_even(self.q_, "InstrumentBroadening")
        check_reach(self.q_, self.wavelength)
        self.fwhm_ = resolution(self.q_, self.u, self.v, self.w, self.wavelength)

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        size, centres = blocks(self.q_, _BLOCK_WIDTH)
        widths = np.broadcast_to(self.fwhm_[centres], (len(X), len(centres)))
        smooth = broadened(X, self.q_, widths, np.full(len(X), float(self.eta)), size)
        smooth[:, np.isnan(self.fwhm_)] = np.nan
        return smooth


class ZeroShift(Augmenter):
    """Misalign the two-theta scale, or give the wavelength wrongly.

    Parameters
    ----------
    zero_shift : float, default=0.02
        What is read at the true two-theta of 0, in degrees.
    wavelength_error : float, default=0.0
        (believed - true) / true.
    wavelength : float, default=0.56
        True wavelength in Angstrom.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    InstrumentBroadening, KAlpha2 : Other doings of the instrument.

    Notes
    -----
    The grid is the Q that the user believes. Where the true one lies beyond the
    pattern its outermost value is held.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> q = np.linspace(2.0, 3.0, 501)
    >>> peak = np.exp(-((q - 2.5) / 0.05) ** 2)[None, :]
    >>> moved = sq.ZeroShift(0.1, q=q).fit_transform(peak)
    >>> bool(q[moved.argmax()] > 2.51)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "zero_shift": [Interval(Real, -5.0, 5.0, closed="both")],
        "wavelength_error": [Interval(Real, -0.5, 0.5, closed="both")],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        zero_shift: float = 0.02,
        wavelength_error: float = 0.0,
        wavelength: float = 0.56,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.zero_shift = zero_shift
        self.wavelength_error = wavelength_error
        self.wavelength = wavelength
        self.q = q

    def _prepare(self) -> None:
        check_reach(self.q_, self.wavelength)

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        values = (self.zero_shift, self.wavelength_error, self.wavelength)
        return misaligned(X, self.q_, *(np.full(len(X), float(v)) for v in values))


class KAlpha2(Augmenter):
    """Add the second line of a laboratory tube's K-alpha doublet.

    Parameters
    ----------
    anode : {"Ag", "Co", "Cr", "Cu", "Mo"}, default="Cu"
        Of the tube.
    ratio : float, default=0.5
        Intensity of K-alpha 2 relative to K-alpha 1.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom, computed with the wavelength of K-alpha 1.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    Polarisation : Of the same tubes.

    Notes
    -----
    A pattern keeps its scale: the lines are weighted by 1 / (1 + ratio) and
    ratio / (1 + ratio). Points beyond 4 pi / wavelength become NaN.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> q = np.linspace(4.0, 5.0, 2001)
    >>> peak = np.exp(-((q - 4.5) / 0.004) ** 2)[None, :]
    >>> doublet = sq.KAlpha2("Cu", q=q).fit_transform(peak)[0]
    >>> second = q > 4.507
    >>> round(float(q[second][doublet[second].argmax()] / 4.5 * 1.5405929), 4)
    1.5444
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "anode": [StrOptions(set(ANODES))],
        "ratio": [Interval(Real, 0.0, 1.0, closed="both")],
        "q": ["array-like", None],
    }

    def __init__(
        self, anode: str = "Cu", ratio: float = 0.5, q: npt.ArrayLike | None = None
    ) -> None:
        self.anode = anode
        self.ratio = ratio
        self.q = q

    def _prepare(self) -> None:
        check_reach(self.q_, ANODES[self.anode][0])

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        first, second = ANODES[self.anode]
        level = np.zeros(len(X))
        return misaligned(
            X,
            self.q_,
            level,
            level,
            np.full(len(X), first),
            np.full(len(X), second),
            np.full(len(X), float(self.ratio)),
        )


class Polarisation(Augmenter):
    """Leave in the polarisation factor that a user did not correct for.

    Parameters
    ----------
    monochromator : float or None, default=None
        Two-theta of the monochromator's reflection in degrees (26.6 for graphite
        and copper radiation); None for a tube without one.
    wavelength : float, default=1.5406
        In Angstrom.
    q : array-like of shape (n_q,), optional
        Grid of bare arrays, in 1/Angstrom; a DataArray brings its own.

    Attributes
    ----------
    q_ : ndarray of shape (n_q,)
        The grid, in 1/Angstrom.
    factor_ : ndarray of shape (n_q,)
        What the intensities are multiplied by; NaN beyond 4 pi / wavelength.
    n_features_in_ : int
        Number of grid points.

    See Also
    --------
    KAlpha2 : Of the same tubes.

    Examples
    --------
    >>> import numpy as np
    >>> import sk_qdots as sq
    >>> q = np.array([0.1, 4.0 * np.pi / 1.5406 * np.sin(np.pi / 4.0)])  # two-theta 0.1 and 90
    >>> sq.Polarisation(q=q).fit_transform(np.ones((1, 2))).round(2)
    array([[1. , 0.5]])
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        "monochromator": [Interval(Real, 0.0, 180.0, closed="left"), None],
        "wavelength": [Interval(Real, 0.0, None, closed="neither")],
        "q": ["array-like", None],
    }

    def __init__(
        self,
        monochromator: float | None = None,
        wavelength: float = 1.5406,
        q: npt.ArrayLike | None = None,
    ) -> None:
        self.monochromator = monochromator
        self.wavelength = wavelength
        self.q = q

    def _prepare(self) -> None:
        check_reach(self.q_, self.wavelength)
        angle = 0.0 if self.monochromator is None else float(self.monochromator)
        self.factor_ = polarisation_factor(self.q_, np.array([self.wavelength]), angle)[0]

    def _apply(self, X: RealArray, rngs: Generators) -> RealArray:
        return np.asarray(X * self.factor_.astype(X.dtype))


def check_reach(q: FloatArray, wavelength: float) -> None:
    """Refuse a wavelength at which no point of the grid has an angle."""
    limit = 4.0 * np.pi / wavelength
    if q[0] > limit:
        raise ValueError(
            f"wavelength is {wavelength:g} Angstrom, which reaches {limit:.3g} 1/Angstrom; the "
            f"grid starts at {q[0]:.3g}. Is it in Angstrom?"
        )


def blocks(q: FloatArray, width: float) -> tuple[int, IntArray]:
    """Points in a block of this width, and the middle one of each block."""
    step = float(q[-1] - q[0]) / max(len(q) - 1, 1)
    size = max(int(width / step), 1) if step > 0 else 1
    return size, np.minimum(np.arange(0, len(q), size) + size // 2, len(q) - 1)


def broadened(
    X: RealArray, q: FloatArray, fwhm: FloatArray, eta: FloatArray, size: int
) -> RealArray:
    """Rows convolved with pseudo-Voigt functions of widths ``fwhm`` (row, block of points)."""
    from ._kernels import broaden

    if len(q) < 2:
        return X.copy()
    step = float(q[-1] - q[0]) / (len(q) - 1)
    # A block whose middle has no angle any more is as wide as the last one that has.
    last = np.maximum.accumulate(np.where(np.isnan(fwhm), 0, np.arange(fwhm.shape[1])), axis=1)
    widths = np.nan_to_num(np.take_along_axis(fwhm, last, axis=1))
    rows, smooth = np.ascontiguousarray(X), np.empty_like(X)
    broaden(step, rows, widths, eta, size, smooth)
    return smooth


def misaligned(
    X: RealArray,
    q: FloatArray,
    zero_shift: FloatArray,
    wavelength_error: FloatArray,
    wavelength: FloatArray,
    second_wavelength: FloatArray | None = None,
    ratio: FloatArray | None = None,
) -> RealArray:
    """Rows as read with a zero shift (degrees), a wrong wavelength and a doublet."""
    from ._kernels import warp

    half = 0.5 * np.deg2rad(zero_shift)
    scale = (1.0 + wavelength_error) * np.cos(half)
    shift = -4.0 * np.pi / wavelength * np.sin(half)
    sine = (1.0 + wavelength_error) * wavelength / (4.0 * np.pi)
    result = np.empty_like(X)
    warp(q, X, scale, shift, sine, result)
    if second_wavelength is None or ratio is None:
        return result
    rows = np.flatnonzero(ratio > 0)
    if rows.size:
        to_second = (wavelength / second_wavelength)[rows]
        second = np.empty((len(rows), len(q)), dtype=X.dtype)
        warp(q, X[rows], scale[rows] * to_second, shift[rows] * to_second, sine[rows], second)
        share = (ratio / (1.0 + ratio))[rows, None].astype(X.dtype)
        result[rows] += share * (second - result[rows])
    return result


def polarisation_factor(
    q: FloatArray, wavelength: FloatArray, monochromator: float = 0.0
) -> FloatArray:
    """(1 + A cos^2 2theta) / (1 + A), one row a wavelength; NaN beyond 4 pi / wavelength."""
    square = (q * wavelength[:, None] / (4.0 * np.pi)) ** 2
    cosine = 1.0 - 2.0 * np.where(square <= 1.0, square, np.nan)  # of two-theta
    a = float(np.cos(np.deg2rad(monochromator))) ** 2
    return np.asarray((1.0 + a * cosine**2) / (1.0 + a))

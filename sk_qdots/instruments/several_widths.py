"""Patterns through profiles of one width in two-theta each, several widths at once.

As :meth:`Instrument.apply` spreads them where only ``w`` and ``eta`` are given, at a fraction of
the cost: the width does not change with the angle, so that one transform of a pattern serves all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft

from .._typing import FloatArray
from ..simulation.even_grid import interpolation
from ..simulation.q_grid import two_theta_from_q
from ._profile import gaussian_transform, lorentzian_transform

__all__ = ["SeveralWidths"]

_FINEST = 4  # times as many angles as points of the grid, at most
_PADDING = 4.0  # of the length, for the tails of a Lorentzian


class SeveralWidths:
    """Profiles of several widths.

    Parameters
    ----------
    start, step : float
        Of the even grid of Q, in 1/Angstrom.
    n_points : int
    wavelength : float
        In Angstrom.
    widths : sequence of float
        Full widths at half maximum, in degrees of two-theta; 0 leaves a pattern as it is.
    eta : float or sequence of float
        Lorentzian share, of all or of each.

    Examples
    --------
    >>> import numpy as np
    >>> from sk_qdots.instruments.several_widths import SeveralWidths
    >>> seen = SeveralWidths(1.0, 0.01, 500, 0.56, [0.0, 0.1], eta=0.5)(np.ones((3, 500)))
    >>> seen.shape, bool(np.allclose(seen, 1.0))
    ((2, 3, 500), True)
    """

    def __init__(
        self,
        start: float,
        step: float,
        n_points: int,
        wavelength: float,
        widths: Sequence[float],
        eta: float | Sequence[float],
    ) -> None:
        q = start + step * np.arange(n_points)
        reached = int(np.searchsorted(q, 4.0 * np.pi / wavelength))
        own = two_theta_from_q(q[:reached], wavelength)
        low, high = float(own[0]), float(own[-1])
        n_angles = round((high - low) / float(np.diff(own).min())) + 1
        angles = np.linspace(low, high, min(n_angles, _FINEST * reached))
        spacing = float(angles[1] - angles[0])
        true = 4.0 * np.pi / wavelength * np.sin(np.deg2rad(angles) / 2.0)
        self._into = interpolation(np.clip(true, start, q[reached - 1]), start, step, n_points)
        # No angle has what lies beyond the reach of the wavelength: as at the last one.
        at = np.concatenate([own, np.full(n_points - reached, high)])
        self._back = interpolation(at, low, spacing, len(angles))
        self.n_angles = len(angles)
        self._n_fft = scipy.fft.next_fast_len(int(_PADDING * len(angles)), real=True)
        frequency = np.arange(self._n_fft // 2 + 1) / (self._n_fft * spacing)
        self._inside = np.ones(len(angles))
        self._inside[[0, -1]] = 0.5  # of a step: what ends there
        shares = np.broadcast_to(np.asarray(eta, dtype=np.float64), len(widths)).tolist()
        self._transforms = [
            (1.0 - share) * gaussian_transform(frequency, width)
            + share * lorentzian_transform(frequency, width)
            if width > 0.0
            else None
            for width, share in zip(widths, shares, strict=True)
        ]
        ones = scipy.fft.rfft(self._inside, self._n_fft)
        self._scales = [
            None if t is None else scipy.fft.irfft(ones * t, self._n_fft)[: len(angles)]
            for t in self._transforms
        ]

    def __call__(self, rows: FloatArray) -> FloatArray:
        """Rows as each of the profiles shows them.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_points)

        Returns
        -------
        ndarray of shape (n_widths, n_rows, n_points)
        """
        seen = np.empty((len(self._transforms), *rows.shape))
        spectra = None
        for result, transform, scale in zip(seen, self._transforms, self._scales, strict=True):
            if transform is None or scale is None:
                result[:] = rows
                continue
            if spectra is None:
                rays = np.ascontiguousarray((self._into @ rows.T).T)
                spectra = scipy.fft.rfft(rays * self._inside, self._n_fft, axis=1)
            spread = scipy.fft.irfft(spectra * transform, self._n_fft, axis=1)
            spread = spread[:, : self.n_angles]
            spread /= scale
            result[:] = (self._back @ spread.T).T
        return seen

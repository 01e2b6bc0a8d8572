r"""An instrument from the measured pattern of a standard.

The whole pattern is fitted,

.. math::

    y(2\theta) = b(2\theta) + \sum_k A_k \sum_i w_i
                 P\bigl(2\theta - 2\theta_{ki}; \Gamma, \eta\bigr),

with the lines :math:`k` where the certified lattice puts them, for every wavelength
:math:`\lambda_i`, through zero and displacement of the instrument. Their areas :math:`A_k` are
free, and so is the background :math:`b`, a spline: both are linear and solved for exactly in
every step [1]_, so that only what describes the instrument is searched for. Counts are weighted
by their expectation. Errors are those of the least squares, widened where the residual is more
than noise.

References
----------
.. [1] G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 10, 413 (1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import OptimizeResult, least_squares
from scipy.signal import find_peaks
from scipy.sparse import csc_matrix, hstack

from .._typing import FloatArray, IntArray
from ._profile import (
    axial_nodes,
    lorentzian_width,
    pseudo_voigt,
    read_behind_axial,
    with_lorentzian,
)
from ._standard_data import MeasuredStandard, width_of_strongest
from ._standard_lines import (
    angles_of,
    kept_lines,
    lorentz_and_polarisation,
    points_around,
    spline_basis,
)
from ._standard_parameters import bounds_of, changed, correlation, scale_of, value_of
from .instrument import Instrument
from .standards import Standard, lines_of

__all__ = ["Refined", "StandardFit", "StandardProblem"]

Refined = Literal["auto", "zero", "wavelength", "both"]

_LEAST_LINES = 5
_REACH = 35.0  # widths from its centre up to which a line is drawn
_CORE = 6.0  # widths within which axial divergence has a shape ...
_NEAR = 0.1  # ... and degrees, for what it moves
_N_HEIGHTS = 40  # of rays that climb, of axial divergence
_MARGIN = 2.0  # degrees beyond the outermost lines that are fitted
_KNOTS = 12  # of the background
_MORE = ("displacement", "axial", "eta_slope")  # parameters that must show their worth
_TRIAL = 10  # steps in which one more parameter must show what it is worth
_ROUNDS = 3  # of weighting by what is expected
_GAIN = 9.0  # what one more parameter must take from chi-square
_WEAK = 0.01  # of the strongest line: too weak to be looked for
_STRANGE = 0.2  # share of what is seen that may be no line of the standard
_UNEXPLAINED = 0.15  # share of what is above the background that the fit may leave
_MISSING = 0.5  # share of the strong lines that may be missing
_CORRELATED = 0.985  # of zero and wavelength: the range tells only one of them
_SHIFTS = 0.6  # degrees within which the zero is looked for
_MISFIT = 0.006  # relative, within which a wavelength is looked for
_NO_AXIAL = 1e-3  # axial divergence that is none
_ALL_DOMAIN = 0.8  # of the width of the strongest line: domains that leave no instrument
_MUCH = 1.5  # reduced chi-square from which on something is missing
_NO_FIT, _LARGE_R_WP = 50.0, 0.3  # together: the standard does not fit
_LARGE_DOMAIN = 1500.0  # nm: smaller ones broaden, and standards have them


@dataclass(frozen=True)
class StandardFit:
    """The fit of a standard.

    Parameters
    ----------
    instrument : Instrument
        With the uncertainties of what was refined.
    two_theta, measured, calculated, background : ndarray of shape (n_points,)
        In degrees, and in the units of the pattern.
    pulls : ndarray of shape (n_points,)
        Difference of measured and calculated over its standard deviation.
    lines : xarray.Dataset
        Over ``line``: ``h``, ``k``, ``l``, ``two_theta`` (as read), ``area``, ``fwhm``.
    r_wp : float
        Weighted residual, as refinement programs tell it.
    chi2 : float
        Reduced chi-square.
    standard : str
        Name and certificate.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.inspection import StandardFitDisplay
    >>> from sk_qdots.instruments import fit_standard
    >>> fit = fit_standard(sq.read_pattern("lab6.xy", wavelength=0.56), "LaB6")  # doctest: +SKIP
    >>> StandardFitDisplay(fit).plot()  # doctest: +SKIP
    """

    instrument: Instrument
    two_theta: FloatArray
    measured: FloatArray
    calculated: FloatArray
    background: FloatArray
    pulls: FloatArray
    lines: xr.Dataset
    r_wp: float
    chi2: float
    standard: str


class _Reached(NamedTuple):
    """Points that lines of one wavelength reach: near their centres, or farther out."""

    wavelength: int
    seen: IntArray
    line: IntArray
    point: IntArray
    core: bool


class StandardProblem:
    """A standard, its pattern, and what is searched for."""

    def __init__(
        self,
        data: MeasuredStandard,
        standard: Standard,
        start: Instrument,
        domain: float | None,
        *,
        geometry_is_known: bool,
        refine: Refined,
    ) -> None:
        self.geometry_is_known = geometry_is_known
        self.given = start
        self.is_tube = tube = len(start.wavelengths) > 1 or start.polarisation == 1.0
        self.places: tuple[str, ...] = {
            "auto": ("zero",) if tube else ("zero", "wavelength"),
            "zero": ("zero",),
            "wavelength": ("wavelength",),
            "both": ("zero", "wavelength"),
        }[refine]
        self.may_drop_wavelength = refine == "auto" and not tube
        self.data, self.standard, self.domain = data, standard, domain
        shortest = min(start.wavelengths) / (2.0 * np.sin(np.deg2rad(min(data.x[-1], 179.0)) / 2.0))
        lines = lines_of(standard.crystal, shortest, start.wavelength)
        angles = angles_of(start.wavelength, lines.spacing)
        nearest = angles_of(min(start.wavelengths), lines.spacing)
        inside = (angles > data.x[0]) & (nearest < data.x[-1])
        self.lines = kept_lines(lines, inside, lorentz_and_polarisation(angles, start))
        if len(self.lines.spacing) < _LEAST_LINES:
            raise ValueError(
                f"{len(self.lines.spacing)} lines of {standard.crystal.name} lie in "
                f"{data.x[0]:.4g} to {data.x[-1]:.4g} degrees at {start.wavelength:.5g} Angstrom; "
                f"{_LEAST_LINES} are needed: measure a longer range, and check the wavelength"
            )
        first, last = nearest[inside][[0, -1]]
        data = data.between(float(first) - _MARGIN, float(last) + _MARGIN)
        self.data = data
        self.smooth_background = data.low_envelope()
        self.basis = spline_basis(data.x, _KNOTS)
        self.start = self._roughly(self.places)
        self.scaled_by = self.start
        self.reached: list[_Reached] = []
        self._place(self.start)
        self.weights = self._weights(np.maximum(gaussian_filter1d(data.y, 2.0), 0.0))

    def solve(self) -> StandardFit:
        """Search for the instrument, parameter after parameter."""
        self._refuse_another_pattern()
        places = self.places
        instrument = self._fit(self.start, ("w", "eta", places[0]))[0]
        names: tuple[str, ...] = ("w", "v", "u", "eta", *places)
        instrument, result = self._fit(instrument, names)
        if self.may_drop_wavelength and correlation(result, names) > _CORRELATED:
            names = tuple(name for name in names if name != "wavelength")
            rough = self._roughly(("zero",))
            begin = instrument.replace(wavelengths=rough.wavelengths, zero=rough.zero)
            instrument, result = self._fit(begin, names)
        for more in _MORE:
            noise = max(2.0 * result.cost / len(self.data.x), 1.0)
            for trial in self._with(instrument, more):
                other, better = self._fit(trial, (*names, more), _TRIAL)
                if 2.0 * (result.cost - better.cost) > _GAIN * noise:
                    instrument, result = other, better
            if more not in names and getattr(instrument, more) != 0.0:
                names = (*names, more)
        for more in _MORE:  # what was taken before another may not be needed beside it
            if more not in names:
                continue
            fewer = tuple(name for name in names if name != more)
            other, worse = self._fit(instrument.replace(**{more: 0.0}), fewer, _TRIAL)
            noise = max(2.0 * result.cost / len(self.data.x), 1.0)
            if 2.0 * (worse.cost - result.cost) < _GAIN * noise:
                instrument, result, names = other, worse, fewer
        for _ in range(_ROUNDS - 1):
            self.weights = self._weights(self._curves(instrument)[0])
            instrument, result = self._fit(instrument, names)
        if "axial" in names and instrument.axial < _NO_AXIAL:
            names = tuple(name for name in names if name != "axial")
            instrument, result = self._fit(instrument.replace(axial=0.0), names)
        return self._told(instrument, result, names)

    def _with(self, instrument: Instrument, name: str) -> list[Instrument]:
        """Where to begin with one more parameter."""
        if name == "axial":
            return [instrument.replace(axial=0.01)]
        if name == "displacement" and not self.geometry_is_known:
            begun = [instrument.replace(displacement=1e-3, geometry="transmission")]
            if self.is_tube:  # of no other beam do samples stand in reflection
                begun.append(instrument.replace(displacement=1e-3, geometry="reflection"))
            return begun
        return [instrument.replace(**{name: 1e-4})]

    def _fit(
        self, start: Instrument, names: Sequence[str], most: int = 30
    ) -> tuple[Instrument, OptimizeResult]:
        """Least squares over some parameters of the instrument."""
        self.scaled_by = start
        self._place(start)
        scales = np.array([scale_of(name, start) for name in names])
        first = np.array([value_of(start, name) for name in names])
        bounds = np.array([bounds_of(name, start) for name in names]).T

        # In units of usual steps, and around 1, so that differences are taken well.
        def values_of(point: FloatArray) -> dict[str, float]:
            values = np.clip(first + (point - 1.0) * scales, *bounds)
            return dict(zip(names, (float(v) for v in values), strict=True))

        def residual(point: FloatArray) -> FloatArray:
            trial = changed(start, values_of(point))
            return np.full(len(self.data.x), 1e3) if trial is None else self._residual(trial)

        result = least_squares(
            residual,
            np.ones(len(names)),
            bounds=1.0 + (bounds - first) / scales + [[-1e-6], [1e-6]],
            diff_step=1e-4,
            xtol=1e-6,
            ftol=1e-7,
            max_nfev=most,
        )
        found = changed(start, values_of(result.x))
        assert found is not None
        return found, result

    def _place(self, instrument: Instrument) -> None:
        """Settle which points each line reaches, so that a search sees no steps."""
        x = self.data.x
        self.reached = []
        for k, wavelength in enumerate(instrument.wavelengths):
            true = angles_of(wavelength, self.lines.spacing)
            seen = np.flatnonzero(np.isfinite(true))
            fwhm = self._profile(instrument, true[seen])[0]
            middle = instrument.read_two_theta(true[seen])
            line, point = points_around(x, middle, _REACH * fwhm)
            near = np.abs(x[point] - middle[line]) <= _CORE * fwhm[line] + _NEAR
            self.reached += [
                _Reached(k, seen, line[near], point[near], core=True),
                _Reached(k, seen, line[~near], point[~near], core=False),
            ]

    def _design(self, instrument: Instrument) -> csc_matrix:
        """Lines of area 1, one a column, each within its reach."""
        x = self.data.x
        weights = np.asarray(instrument.weights) / sum(instrument.weights)
        heights, shares = axial_nodes(instrument.axial, _N_HEIGHTS)
        values = []
        for part in self.reached:
            true = angles_of(instrument.wavelengths[part.wavelength], self.lines.spacing)[part.seen]
            fwhm, eta = self._profile(instrument, true)
            centres = instrument.read_two_theta(read_behind_axial(true[:, None], heights))
            share = shares
            if not part.core:  # so far out that the heights make no difference
                centres, share = (centres @ shares)[:, None], np.ones(1)
            away = x[part.point, None] - centres[part.line]
            profile = pseudo_voigt(away, fwhm[part.line, None], eta[part.line, None]) @ share
            values.append(weights[part.wavelength] * profile)
        rows = np.concatenate([part.point for part in self.reached])
        columns = np.concatenate([part.seen[part.line] for part in self.reached])
        shape = (len(x), len(self.lines.spacing))
        return csc_matrix((np.concatenate(values), (rows, columns)), shape=shape)

    def _profile(
        self, instrument: Instrument, two_theta: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Width and Lorentzian share of lines: the instrument's, and the domain's."""
        fwhm = np.maximum(instrument.fwhm(two_theta), 1e-5)
        eta = instrument.lorentzian_share(two_theta)
        if self.domain is None:
            return fwhm, eta
        own = np.rad2deg(0.1 * instrument.wavelength / self.domain)
        return with_lorentzian(fwhm, eta, own / np.cos(np.deg2rad(two_theta) / 2.0))

    def _solved(self, instrument: Instrument) -> tuple[csc_matrix, FloatArray]:
        """Design of lines and background, and the best areas."""
        design = hstack([self._design(instrument), self.basis], format="csc")
        weighted = design.multiply(self.weights[:, None]).tocsc()
        normal = (weighted.T @ weighted).toarray()
        normal[np.diag_indices_from(normal)] *= 1.0 + 1e-10
        normal[np.diag_indices_from(normal)] += 1e-14 * np.trace(normal) / len(normal)
        target = weighted.T @ (self.data.y * self.weights)
        return design, np.linalg.solve(normal, target)

    def _residual(self, instrument: Instrument) -> FloatArray:
        design, coefficients = self._solved(instrument)
        return np.asarray((design @ coefficients - self.data.y) * self.weights)

    def _curves(self, instrument: Instrument) -> tuple[FloatArray, FloatArray, FloatArray]:
        """What is calculated, its background, and the areas."""
        design, coefficients = self._solved(instrument)
        n_lines = len(self.lines.spacing)
        background = self.basis @ coefficients[n_lines:]
        return design @ coefficients, background, coefficients[:n_lines]

    def _weights(self, expected: FloatArray) -> FloatArray:
        """Inverse standard deviations: of the file, or of counts by what is expected."""
        if self.data.variance is not None:
            return np.asarray(1.0 / np.sqrt(self.data.variance))
        k = self.data.per_count
        return np.asarray(1.0 / np.sqrt(k * np.maximum(expected, k)))

    def _roughly(self, places: Sequence[str]) -> Instrument:
        """Width, and what places the lines, by looking where the strong ones are."""
        given = self.given
        x, y = self.data.x, self.data.y - self.smooth_background
        fwhm = width_of_strongest(x, y)
        self._refuse_small_domains(fwhm)
        step = float(np.median(np.diff(x)))
        seen = np.sqrt(np.maximum(gaussian_filter1d(y, max(fwhm / step, 1.0)), 0.0))
        strong = self.lines.strength > _WEAK
        spacing, strength = self.lines.spacing[strong], np.sqrt(self.lines.strength[strong])
        shifts, factors = np.zeros(1), np.ones(1)
        if "zero" in places:
            shifts = np.arange(-_SHIFTS, _SHIFTS + 1e-9, fwhm / 3.0)
        if "wavelength" in places:
            factors = np.arange(1.0 - _MISFIT, 1.0 + _MISFIT, 3e-4)
        # Nearer is likelier: of equal scores the smaller correction wins.
        best, found = -np.inf, (0.0, 1.0)
        for factor in factors:
            at = given.read_two_theta(angles_of(factor * given.wavelength, spacing))
            scores = np.interp(at[:, None] + shifts, x, seen, left=0.0, right=0.0).T @ strength
            scores *= 1.0 - 0.1 * np.abs(shifts) / _SHIFTS - 0.1 * abs(factor - 1.0) / _MISFIT
            if scores.max() > best:
                best, found = float(scores.max()), (float(shifts[scores.argmax()]), float(factor))
        return given.replace(
            u=0.0,
            v=0.0,
            w=fwhm**2,
            eta=0.5,
            eta_slope=0.0,
            zero=given.zero + found[0],
            wavelengths=tuple(found[1] * line for line in given.wavelengths),
            two_theta_range=(float(x[0]), float(x[-1])),
            uncertainties={},
            notes=(),
        )

    def _refuse_small_domains(self, fwhm: float) -> None:
        """Refuse domains that would broaden the lines to what they are, or more."""
        if self.domain is None:
            return
        own = float(np.rad2deg(0.1 * self.given.wavelength / self.domain))
        if own > _ALL_DOMAIN * fwhm:
            raise ValueError(
                f"domains of {self.domain:g} nm alone would make the lines {own:.3g} degrees wide, "
                f"and the strongest is {fwhm:.3g}; check the size that the certificate tells"
            )

    def _refuse_another_pattern(self) -> None:
        """Refuse a pattern whose peaks are not the lines of the standard."""
        x, y = self.data.x, self.data.y - self.smooth_background
        fwhm = np.sqrt(self.start.w)
        step = float(np.median(np.diff(x)))
        smooth = gaussian_filter1d(y, max(0.4 * fwhm / step, 0.5))
        noise = 1.4826 * float(np.median(np.abs(np.diff(self.data.y)))) / np.sqrt(2.0)
        least = max(0.02 * smooth.max(), 6.0 * noise)
        peaks, about = find_peaks(smooth, prominence=least)
        at = [
            self.start.read_two_theta(angles_of(line, self.lines.spacing))
            for line in self.start.wavelengths
        ]
        places = np.concatenate(at)
        places = places[np.isfinite(places)]
        tolerance = 2.0 * fwhm + 0.02
        near = np.abs(x[peaks][:, None] - places).min(axis=1) < tolerance
        total = float(about["prominences"].sum())
        strange = float(about["prominences"][~near].sum())
        name = self.standard.crystal.name
        if not len(peaks) or strange > _STRANGE * total:
            worst = x[peaks[~near][about["prominences"][~near].argmax()]] if len(peaks) else x[0]
            raise ValueError(
                f"this is not {name}: {int((~near).sum())} of {len(peaks)} peaks lie where it has "
                f"no line (the strongest at {worst:.3f} degrees); check the standard and the "
                f"wavelength, {self.given.wavelength:.5g} Angstrom"
            )
        strong = self.lines.strength > 0.1
        expected = self.start.read_two_theta(
            angles_of(self.start.wavelength, self.lines.spacing[strong])
        )
        missing = np.abs(expected[:, None] - x[peaks]).min(axis=1) > tolerance + 0.1
        if missing.sum() > _MISSING * len(missing):
            raise ValueError(
                f"this is not {name}: {int(missing.sum())} of its {len(missing)} strong lines are "
                "not there; check the standard and the wavelength, "
                f"{self.given.wavelength:.5g} Angstrom"
            )

    def _refuse_what_is_left(self, calculated: FloatArray, background: FloatArray) -> None:
        """Refuse a pattern much of which the fitted lines do not explain."""
        left = np.maximum(gaussian_filter1d(self.data.y - calculated, 1.0), 0.0)
        above = np.maximum(self.data.y - background, 0.0)
        noise = 3.0 / self.weights
        share = float(left[left > noise].sum() / max(above[above > noise].sum(), 1e-300))
        if share > _UNEXPLAINED:
            raise ValueError(
                f"this is not {self.standard.crystal.name}: {100.0 * share:.0f} % of what is above "
                f"the background is in none of its lines (most at "
                f"{self.data.x[int(left.argmax())]:.3f} degrees); check the standard"
            )

    def _told(
        self, instrument: Instrument, result: OptimizeResult, names: tuple[str, ...]
    ) -> StandardFit:
        calculated, background, areas = self._curves(instrument)
        self._refuse_what_is_left(calculated, background)
        n_free = len(self.data.x) - len(names) - len(areas) - self.basis.shape[1]
        chi2 = 2.0 * float(result.cost) / max(n_free, 1)
        self._refuse_misfit(chi2, calculated)
        scales = np.array([scale_of(name, self.scaled_by) for name in names])
        widened = max(chi2, 1.0) if self.data.is_counted else chi2
        covariance = np.linalg.pinv(result.jac.T @ result.jac) * widened
        deviations = np.sqrt(np.diag(covariance)) * scales
        if "axial" in names:  # of its square
            deviations[names.index("axial")] /= 2.0 * instrument.axial
        if "wavelength" in names:  # no better than the lattice that it is measured by
            lattice = self.standard.uncertainty * instrument.wavelengths[0]
            k = names.index("wavelength")
            deviations[k] = np.hypot(deviations[k], lattice)
        r_wp = float(
            np.sqrt(
                np.sum(((calculated - self.data.y) * self.weights) ** 2)
                / np.sum((self.data.y * self.weights) ** 2)
            )
        )
        angles = angles_of(instrument.wavelengths[0], self.lines.spacing)
        fwhm = instrument.fwhm(angles)
        notes = [
            f"standard: {self.standard.crystal.name}, {self.standard.certificate}",
            f"{len(areas)} lines, R_wp {100.0 * r_wp:.2f} %, reduced chi-square {chi2:.3g}",
            *self._about_misfit(chi2),
            *self._about_displacement(instrument, names),
            *self._about_size(instrument, angles),
        ]
        low, high = float(self.data.x[0]), float(self.data.x[-1])
        told = instrument.replace(
            uncertainties=dict(zip(names, (float(d) for d in deviations), strict=True)),
            notes=tuple(notes),
            two_theta_range=(low, high),
            step=float(np.median(np.diff(self.data.x))),
            source=f"calibrated with {self.standard.crystal.name}",
        )
        h, k, l = np.array(self.lines.indices).T  # noqa: E741
        lines = xr.Dataset(
            {
                "h": ("line", h),
                "k": ("line", k),
                "l": ("line", l),
                "two_theta": ("line", instrument.read_two_theta(angles)),
                "area": ("line", areas),
                "fwhm": ("line", fwhm),
            }
        )
        return StandardFit(
            told,
            self.data.x,
            self.data.y,
            calculated,
            background,
            (self.data.y - calculated) * self.weights,
            lines,
            r_wp,
            chi2,
            f"{self.standard.crystal.name}, {self.standard.certificate}",
        )

    def _refuse_misfit(self, chi2: float, calculated: FloatArray) -> None:
        left = (calculated - self.data.y) * self.weights
        r_wp = float(np.sqrt(np.sum(left**2) / np.sum((self.data.y * self.weights) ** 2)))
        if chi2 > _NO_FIT and r_wp > _LARGE_R_WP:
            raise ValueError(
                f"the lines of {self.standard.crystal.name} do not fit this pattern (R_wp "
                f"{100.0 * r_wp:.0f} %); check the standard, the wavelength, the lines of the "
                "tube, and what else is in the beam"
            )

    def _about_misfit(self, chi2: float) -> list[str]:
        if chi2 < _MUCH:
            return []
        return [
            f"what is left of the pattern is {chi2:.2g} times what noise would leave: the errors "
            "are widened for it, but do not know what the profile, the zero or the standard lack; "
            "look at the picture of the fit"
        ]

    def _about_displacement(self, instrument: Instrument, names: Sequence[str]) -> list[str]:
        if "displacement" not in names:
            return []
        how = "" if self.geometry_is_known else f", in {instrument.geometry} by the better fit"
        return [
            f"the displacement is that of the standard on its holder{how}: another sample may have "
            "another; instrument.replace(displacement=0) leaves it out"
        ]

    def _about_size(self, instrument: Instrument, angles: FloatArray) -> list[str]:
        """Say where domains of a usual size would broaden the lines."""
        if self.domain is not None:
            return [f"domains of {self.domain:g} nm are not part of the instrument"]
        seen = angles[np.isfinite(angles)]
        widths = lorentzian_width(instrument.fwhm(seen), instrument.lorentzian_share(seen))
        with np.errstate(divide="ignore"):
            sizes = (
                0.1 * instrument.wavelength / (np.deg2rad(widths) * np.cos(np.deg2rad(seen) / 2))
            )
        size = float(np.median(sizes))
        if not size < _LARGE_DOMAIN:
            return []
        return [
            f"its Lorentzian part is what domains of {size:.0f} nm would make: if those of the "
            "standard are not far larger, part of it is the standard's own size; give "
            "domain= (--domain), by its certificate, to leave that out"
        ]

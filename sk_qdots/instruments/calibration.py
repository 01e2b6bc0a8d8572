"""An instrument from the measured pattern of a standard."""

from __future__ import annotations

import xarray as xr
from threadpoolctl import threadpool_limits

from ..simulation import Crystal
from ._standard_data import MeasuredStandard
from ._standard_fit import Refined, StandardFit, StandardProblem
from .instrument import Instrument
from .radiation import is_same_beam
from .ready import at_wavelength
from .standards import standard_named

__all__ = ["StandardFit", "calibrate_instrument", "fit_standard"]


def calibrate_instrument(
    pattern: xr.DataArray,
    standard: str | Crystal,
    *,
    instrument: Instrument | None = None,
    refine: Refined = "auto",
    domain: float | None = None,
) -> Instrument:
    """Find out what an instrument does from the pattern of a standard.

    Parameters
    ----------
    pattern : DataArray
        As :func:`sk_qdots.read_pattern` returns it, with ``two_theta``.
    standard : {"LaB6", "CeO2", "Si", "Al2O3"} or Crystal
        What was measured: a standard of NIST, or a crystal whose lattice is known.
    instrument : Instrument, optional
        What is known before: lines, polarisation, geometry. By default the lines are
        those of the pattern: the doublet where its wavelength is the mean of one.
    refine : {"auto", "zero", "wavelength", "both"}, default="auto"
        What places the lines. Of a tube ``"auto"`` refines the zero, as its wavelength
        is known; of one line both, where the range tells them apart, else the zero.
    domain : float, optional
        Size of the standard's domains in nm, by its certificate; what it broadens is then
        left out of the instrument.

    Returns
    -------
    Instrument
        With ``uncertainties``, and with ``notes``: the standard, the residual, and
        whether the standard's own size may broaden its lines.

    Raises
    ------
    ValueError
        If the pattern has no two-theta or too few points, is not that of the standard,
        or holds fewer than five of its lines.

    See Also
    --------
    sk_qdots.instruments.fit_standard : The same, with the curves of the fit.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> pattern = sq.read_pattern("ceo2.xy", wavelength=0.5642)  # doctest: +SKIP
    >>> instrument = sq.calibrate_instrument(pattern, "CeO2")  # doctest: +SKIP
    """
    return fit_standard(
        pattern, standard, instrument=instrument, refine=refine, domain=domain
    ).instrument


def fit_standard(
    pattern: xr.DataArray,
    standard: str | Crystal,
    *,
    instrument: Instrument | None = None,
    refine: Refined = "auto",
    domain: float | None = None,
) -> StandardFit:
    """Fit the pattern of a standard.

    Parameters
    ----------
    pattern : DataArray
    standard : str or Crystal
    instrument : Instrument, optional
    refine : {"auto", "zero", "wavelength", "both"}, default="auto"
    domain : float, optional
        As for :func:`sk_qdots.calibrate_instrument`.

    Returns
    -------
    StandardFit

    Raises
    ------
    ValueError
        As :func:`sk_qdots.calibrate_instrument` does.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.instruments import fit_standard
    >>> fit = fit_standard(sq.read_pattern("lab6.xy", wavelength=0.56), "LaB6")  # doctest: +SKIP
    >>> fit.r_wp, fit.lines["fwhm"]  # doctest: +SKIP
    """
    if refine not in ("auto", "zero", "wavelength", "both"):
        raise ValueError(f"refine is {refine!r}; it must be 'auto', 'zero', 'wavelength' or 'both'")
    if not isinstance(pattern, xr.DataArray):
        raise ValueError(
            f"pattern is a {type(pattern).__name__}; it must be a DataArray, such as read_pattern "
            "returns"
        )
    if instrument is not None and not isinstance(instrument, Instrument):
        raise ValueError(f"instrument is {instrument!r}; load_instrument({instrument!r}) gives one")
    if domain is not None and not (isinstance(domain, int | float) and 0.0 < domain < 1e9):
        raise ValueError(f"domain is {domain}; it must be a positive size in nm")
    known = standard_named(standard)
    if "two_theta" in pattern.coords and pattern["two_theta"].dims == pattern.dims:
        pattern = pattern.sortby("two_theta")
    start = _known_before(pattern, instrument)
    data = MeasuredStandard.of(pattern)
    with threadpool_limits(limits=1, user_api="blas"):  # its matrices are too small for more
        problem = StandardProblem(
            data, known, start, domain, geometry_is_known=instrument is not None, refine=refine
        )
        return problem.solve()


def _known_before(pattern: xr.DataArray, instrument: Instrument | None) -> Instrument:
    """Lines of the beam, by the caller or by the pattern."""
    stated = pattern.attrs.get("wavelength")
    if instrument is not None and stated is not None:
        instrument = at_wavelength(instrument, stated)
    if instrument is not None:
        if stated is not None and not is_same_beam(stated, instrument.wavelength):
            raise ValueError(
                f"the pattern says {stated:.6g} Angstrom and the instrument "
                f"{instrument.wavelength:.6g}; two wavelengths are given: correct one of them"
            )
        return instrument
    if stated is None:
        raise ValueError("the pattern has no wavelength: read it with one")
    return Instrument.of_pattern(pattern)

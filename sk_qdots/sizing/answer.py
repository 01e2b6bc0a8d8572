"""What a sizer answers to one pattern."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import xarray as xr

from .._typing import Json, JsonObject
from ..posterior import DebyeFit, PatternPosterior
from .choice import COVERAGE

if TYPE_CHECKING:
    from .calibration import Condition
    from .reference import Match

__all__ = ["COVERAGE", "DIMENSIONS", "SCHEMA", "Sizing"]

DIMENSIONS = ("width", "length", "thickness")  # of rods and platelets
SCHEMA = "sk_qdots.Sizing/1"
_MUCH = 2.0  # times as wide
_PACKAGES = ("sk_qdots", "numpy", "scipy", "scikit-learn")
_FRACTIONS = ("dispersion", "strain")
_UNITS = {
    "diameter": "nm",
    "runner_up": "nm",
    "expected_diameter": "nm",
    "number_diameter": "nm",
    "volume_diameter": "nm",
    "surface_diameter": "nm",
    "interval": "nm",
    "volume_interval": "nm",
    "dimensions": "nm",
    "probabilities": "by diameter in nm",
    "q_range": "1/Angstrom",
    "wavelength": "Angstrom",
    "dispersion": "1 (standard deviation / mean)",
    "strain": "1 ((a - a_bulk) / a_bulk)",
    "growth_fault": "1 (probability that a layer is hexagonal)",
    "shares": "1 (of the particles)",
    "uncertainties": "standard deviations, in the unit of what they are of",
    "engines": "nm",
    "fit": "parameters: diameters in nm, b_iso in Angstrom^2, fwhm in degrees, others fractions",
}


@dataclass(frozen=True, eq=False)
class Sizing:
    """The answer to one pattern.

    Parameters
    ----------
    diameter : float
        Most probable class, number-average diameter in nm.
    probability : float
        Its probability.
    runner_up : float
        Second most probable class, in nm.
    runner_up_probability : float
        Its probability.
    expected_diameter : float
        Mean of the classes weighted by their probabilities, in nm.
    probabilities : DataArray
        Probability over ``diameter`` (nm).
    q_range : tuple of 2 float
        Range of the pattern that was used, in 1/Angstrom.
    agreement : float
        How much of the pattern's structure the simulated pattern of this diameter
        explains, from 0 to 1; NaN where the sizer carries no simulated patterns.
    source : str
        Where the pattern came from.
    model : str
        Name of the sizer.
    dispersion : float, optional
        Standard deviation of the diameters over their mean; None where the sizer does
        not estimate it, as all that follow.
    strain : float, optional
        (a - a_bulk) / a_bulk.
    volume_diameter : float, optional
        Volume average of the diameter in nm, as small-angle scattering is usually reported.
    dimensions : mapping of str to float
        ``"width"`` and ``"length"`` of rods or ``"width"`` and ``"thickness"`` of
        platelets, in nm, where the sizer was trained on them.
    uncertainties : mapping of str to float
        Standard deviations by the name of what they are of: of what is estimated, of
        ``expected_diameter``, and under ``"diameter"`` that of ``number_diameter``.
    number_diameter : float
        Best estimate of the number average, in nm: what the sizer estimates besides the
        classes, or else ``expected_diameter``.
    interval : tuple of 2 float
        Of ``number_diameter``, in nm; 90 % where no other coverage was asked for.
    volume_interval : tuple of 2 float, optional
        Of ``volume_diameter``, in nm.
    surface_diameter : float, optional
        Volume-to-surface average <D^3>/<D^2> in nm, that of gas adsorption and of the
        widths of lines: of spheres in a lognormal with this volume average and dispersion.
    growth_fault : float, optional
        Probability that a close-packed layer is hexagonal: 0 is cubic, 1 hexagonal.
    shares : mapping of str to float
        Of the particles, those that are ``"twinned"`` and ``"decahedral"``, where the sizer was
        trained on them.
    verdict : {"ok", "caution"}
        Whether there is a reason for doubt. A pattern that is refused has no answer.
    reasons : tuple of str
        The reasons, a short sentence each.
    engine : str
        What gave the answer.
    engines : mapping of str to mapping
        What each engine says by itself: ``"number_diameter"`` and its ``"interval"`` and, where it
        estimates them, ``"volume_diameter"`` and ``"volume_interval"``.
    coverage : float
        Of all intervals.
    condition : Condition, optional
        What the pattern shows of how it was measured, by which intervals are calibrated; None
        where there is no match.
    settings : mapping
        What it takes to repeat it: of the pattern (file, axis, wavelength) and the sizer.
    match : Match, optional
        Curves of the pattern and of the simulated one; None where there is none.
    fit : DebyeFit, optional
        The best fit with its parameters, their covariance and the curves, where the engine fits
        the pattern as it was measured.
    posterior : PatternPosterior, optional
        Of such an engine: draws of everything, the models that were compared, the sizes that the
        range tells at all, and the distribution where it was asked for without a form. Of a
        network that answers with a mixture: joint draws of all that it estimates, in which two
        readings of a pattern are two groups.

    See Also
    --------
    Sizer.size : Makes one.
    sk_qdots.inspection.SizingDisplay : Draws one.
    sk_qdots.inspection.FitDisplay : Draws one with a fit.

    Notes
    -----
    The intervals come from the normal distribution or the mixture that a regressor states, from
    the probabilities of the classes, or from the draws of a posterior. Of what the simulation lacks
    they know only what is left of the pattern: look at ``verdict`` and ``agreement``.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
    >>> result = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0])
    >>> result.diameter, round(result.number_diameter, 1), result.verdict
    (4.0, 4.0, 'ok')
    >>> round(result.dispersion, 2)
    0.1
    """

    diameter: float
    probability: float
    runner_up: float
    runner_up_probability: float
    expected_diameter: float
    probabilities: xr.DataArray
    q_range: tuple[float, float]
    agreement: float
    source: str
    model: str
    dispersion: float | None = None
    strain: float | None = None
    volume_diameter: float | None = None
    dimensions: Mapping[str, float] = field(default_factory=dict)
    uncertainties: Mapping[str, float] = field(default_factory=dict)
    number_diameter: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    volume_interval: tuple[float, float] | None = None
    surface_diameter: float | None = None
    growth_fault: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    verdict: Literal["ok", "caution"] = "ok"
    reasons: tuple[str, ...] = ()
    engine: str = ""
    engines: Mapping[str, JsonObject] = field(default_factory=dict, repr=False)
    coverage: float = COVERAGE
    condition: Condition | None = field(default=None, repr=False)
    settings: Mapping[str, Json] = field(default_factory=dict, repr=False)
    match: Match | None = field(default=None, repr=False)
    fit: DebyeFit | None = field(default=None, repr=False)
    posterior: PatternPosterior | None = field(default=None, repr=False)

    @property
    def leading(self) -> Literal["number_diameter", "volume_diameter"]:
        """What to read first: the volume average where the number average is much less certain.

        Where its interval is more than twice as wide, each relative to what it is of.
        """
        if self.volume_diameter is None or self.volume_interval is None:
            return "number_diameter"
        number = _relative_width(self.number_diameter, self.interval)
        volume = _relative_width(self.volume_diameter, self.volume_interval)
        return "volume_diameter" if number > _MUCH * volume else "number_diameter"

    @property
    def note(self) -> str:
        """Why to read the volume average first; empty where it is the number average."""
        if self.leading == "number_diameter":
            return ""
        assert self.volume_diameter is not None and self.volume_interval is not None
        number = _relative_width(self.number_diameter, self.interval)
        times = number / max(_relative_width(self.volume_diameter, self.volume_interval), 1e-9)
        return (
            "read the volume average: small particles hardly scatter, and the number average, "
            f"which counts them, is {times:.1f} times less certain"
        )

    def headline(self) -> str:
        """The first number with its interval, as pictures are headed.

        Returns
        -------
        str

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
        >>> sq.load_sizer("PbS").size(sq.library_samples(library)[0][0]).headline()[-1]
        ')'
        """
        if self.leading == "volume_diameter":
            assert self.volume_interval is not None
            low, high = self.volume_interval
            return f"{self.volume_diameter:.2f} nm by volume ({low:.2f} to {high:.2f})"
        low, high = self.interval
        return f"{self.number_diameter:.2f} nm ({low:.2f} to {high:.2f})"

    def to_dict(self) -> JsonObject:
        """Everything but the curves, as JSON can hold it.

        Returns
        -------
        dict
            The fields by their names, numbers that are not known as None, and:
            ``schema``, which names this layout; ``coverage`` of the intervals; ``units``
            by field; ``settings``, what it takes to repeat the answer; ``versions`` of the
            packages that gave it. In ``uncertainties`` the deviation of the number average
            stands under ``"number_diameter"``.

        Examples
        --------
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
        >>> answer = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0]).to_dict()
        >>> answer["schema"], answer["diameter"], answer["units"]["diameter"]
        ('sk_qdots.Sizing/1', 4.0, 'nm')
        """
        sizes = self.probabilities["diameter"].values
        return {
            "schema": SCHEMA,
            "source": self.source,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "leading": self.leading,
            "note": self.note,
            "number_diameter": _finite(self.number_diameter),
            "interval": [_finite(end) for end in self.interval],
            "volume_diameter": self.volume_diameter,
            "volume_interval": None if self.volume_interval is None else [*self.volume_interval],
            "surface_diameter": self.surface_diameter,
            "dispersion": self.dispersion,
            "strain": self.strain,
            "growth_fault": self.growth_fault,
            "shares": dict(self.shares),
            "dimensions": dict(self.dimensions),
            # By the names of what they are of: the class, "diameter", has none.
            "uncertainties": {
                "number_diameter" if name == "diameter" else name: _finite(value)
                for name, value in self.uncertainties.items()
            },
            "diameter": self.diameter,
            "probability": self.probability,
            "runner_up": self.runner_up,
            "runner_up_probability": self.runner_up_probability,
            "expected_diameter": self.expected_diameter,
            "probabilities": {
                f"{size:g}": float(p)
                for size, p in zip(sizes, self.probabilities.values, strict=True)
            },
            "agreement": _finite(self.agreement),
            "q_range": list(self.q_range),
            "fit": None if self.fit is None else self.fit.to_dict(),
            "model": self.model,
            "engine": self.engine,
            "engines": {name: dict(told) for name, told in self.engines.items()},
            "coverage": self.coverage,
            "condition": None
            if self.condition is None
            else {name: _finite(value) for name, value in asdict(self.condition).items()},
            "units": dict(_UNITS),
            "settings": dict(self.settings),
            "versions": dict(_versions()),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """What :meth:`to_dict` returns, as text.

        Parameters
        ----------
        indent : int, optional
            Blanks a level; by default one line.

        Returns
        -------
        str

        Examples
        --------
        >>> import json
        >>> import sk_qdots as sq
        >>> library = sq.simulate_library("PbS", diameters=[4.0], dispersions=[0.1], strains=[0.0])
        >>> result = sq.load_sizer("PbS").size(sq.library_samples(library)[0][0])
        >>> json.loads(result.to_json())["verdict"]
        'ok'
        """
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        from ._html import sizing_card

        return sizing_card(self.to_dict(), self.match)


def _relative_width(value: float, interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / max(abs(value), 1e-9)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@lru_cache(maxsize=1)
def _versions() -> Mapping[str, str]:
    return {package: version(package) for package in _PACKAGES}

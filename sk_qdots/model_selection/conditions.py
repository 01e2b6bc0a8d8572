"""What a sizer is put through, by name and level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .._typing import FloatArray
from ..augmentation import (
    Background,
    InstrumentBroadening,
    KAlpha2,
    Polarisation,
    PreferredOrientation,
    QCoarsening,
    QTruncation,
    SolventVariation,
    ZeroShift,
)
from ..augmentation.base import Transformer
from ..augmentation.laboratories import check_instrument
from ..instruments import Instrument
from ..instruments.radiation import ANODES
from ..simulation import Crystal
from ..simulation.q_grid import q_from_two_theta
from ..solvents import held_out_solvents
from .protocols import Patterns
from .remeasurement import DISPERSIONS, STRAINS, Remeasurement

__all__ = ["TESTS", "Condition", "Perturbation", "perturbed", "robustness_conditions"]

Perturbation: TypeAlias = Transformer | Remeasurement | None  # None changes nothing

Q_MAX = (15.0, 11.0, 7.0, 5.0, 4.4, 3.5, 2.5)
Q_MIN = (1.7,)
STEPS = tuple(range(1, 21))  # of the kept points: 5004 down to 251 of them
SHORT_RANGE = 5.0  # 1/Angstrom
DILUTIONS = (0.80, 0.50, 0.30, 0.25, 0.20, 0.13, 0.10, 0.08, 0.065, 0.05, 0.046)
LIQUID_CHANGES = (0.02, 0.04, 0.08)
SNR = (10.0, 7.0, 5.0)
FWHM = (0.01, 0.02, 0.05, 0.1)  # degrees two-theta
ZERO_SHIFTS = (0.005, 0.01, 0.02, 0.05)  # degrees two-theta
MARCH = (0.9, 0.8, 0.7, 0.6)
FACET = (1, 1, 0)  # that fresh PbS dots lie on
BACKGROUNDS = (0.05, 0.1, 0.2, 0.4)
SHAPES = ("cuboctahedron", "rhombic_dodecahedron")
TESTS = (
    *("standard", "q_max", "q_min", "step", "step_short_range", "qd_fraction"),
    *("unseen_solvent", "snr", "broadening", "zero_shift", "march", "background"),
    *("laboratory", "instrument", "shape", "between"),
)
# A laboratory diffractometer: dry dots on a flat plate, 20 to 80 degrees with Cu K-alpha. Each
# effect lies within what the laboratory "lab-cu" draws.
LABORATORY_RANGE = (1.4, 5.2)  # 1/Angstrom
LABORATORY_FWHM = 0.1  # degrees two-theta
LABORATORY_ZERO = 0.02  # degrees two-theta
LABORATORY_MARCH = 0.7
LABORATORY_BACKGROUND = 0.2  # of the intensity, of the plate and of the air each
_MARGIN = 0.1  # 1/Angstrom, beyond that range, from where effects reach into it


@dataclass(frozen=True)
class Condition:
    """One level of one test.

    Parameters
    ----------
    test : str
        What is changed, such as ``"q_max"``.
    level : str
        How far, such as ``"4.4"``.
    perturbation : transformer, Remeasurement or None
        What does it; None leaves the patterns as they are.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.model_selection import Condition
    >>> Condition("q_max", "4.4", sq.QTruncation(q_max=4.4)).name
    'q_max=4.4'
    """

    test: str
    level: str
    perturbation: Perturbation

    @property
    def name(self) -> str:
        """Such as ``"q_max=4.4"``."""
        return f"{self.test}={self.level}" if self.level else self.test


def perturbed(
    perturbation: Perturbation, X: Patterns, y: npt.ArrayLike
) -> tuple[Patterns, FloatArray]:
    """Patterns under a condition, and their true diameters in picometres."""
    if isinstance(perturbation, Remeasurement):
        return perturbation.remeasure(X, y)
    truth = np.asarray(y, dtype=np.float64)
    if perturbation is None:
        return X, truth
    return clone(perturbation).fit(X).transform(X), truth


def robustness_conditions(
    tests: Iterable[str] | None = None,
    *,
    crystal: str | Crystal = "PbS",
    solvents: str | Sequence[str] | Mapping[str, xr.DataArray] | None = None,
    step: float = 500.0,
    wavelength: float = 0.56,
    dispersions: Sequence[float] = DISPERSIONS,
    strains: Sequence[float] = STRAINS,
    instrument: Instrument | None = None,
    random_state: int = 0,
) -> list[Condition]:
    """The conditions of the paper's robustness tests, and of ours.

    Parameters
    ----------
    tests : iterable of str, optional
        Which, all by default: ``"standard"`` (as it is), ``"q_max"``, ``"q_min"``,
        ``"step"`` (one point in 1 to 20, to 15 1/Angstrom), ``"step_short_range"``
        (the same, to 5 1/Angstrom), ``"qd_fraction"`` (dilution),
        ``"unseen_solvent"``, ``"snr"`` (noise below that of training),
        ``"broadening"``, ``"zero_shift"``, ``"march"`` (preferred orientation),
        ``"background"``, ``"laboratory"`` (dry dots on a flat plate in a diffractometer
        with Cu K-alpha, 1.4 to 5.2 1/Angstrom: that range alone, with the doublet,
        polarisation, resolution, zero shift, texture, glass plate or air each, and with
        ``"all"``), ``"instrument"`` (``instrument``, where one is given),
        ``"shape"`` and ``"between"`` (the sizes of the classes).
    crystal : Crystal or str, default="PbS"
        The dots, for the tests that simulate them afresh.
    solvents : str, sequence of str, or mapping of str to DataArray, optional
        Liquids that training has not seen: levels of ``"unseen_solvent"``, and curves
        of the solvents that rows name. By default
        :func:`sk_qdots.solvents.held_out_solvents`. Besides, liquids are drawn that
        differ from the shipped ones by so much.
    step : float, default=500
        Step of the classes in picometres, for ``"between"``.
    wavelength : float, default=0.56
        In Angstrom.
    dispersions, strains : sequence of float
        Of the dots that are simulated afresh; between those of the standard library by
        default.
    instrument : Instrument, optional
        Patterns are seen through it for the test ``"instrument"``, over its range:
        ``"corrected"``, as :meth:`sk_qdots.Instrument.correct` leaves them, and
        ``"as read"`` where it has a zero or a displacement.
    random_state : int, default=0
        Seed of everything that is drawn.

    Returns
    -------
    list of Condition

    Raises
    ------
    ValueError
        If a test is not known.

    Examples
    --------
    >>> from sk_qdots.model_selection import robustness_conditions
    >>> [condition.name for condition in robustness_conditions(["q_min", "shape"])]
    ['q_min=1.7', 'shape=cuboctahedron', 'shape=rhombic_dodecahedron']
    """
    solvents = held_out_solvents() if solvents is None else solvents
    solvents = [solvents] if isinstance(solvents, str) else solvents
    wanted = TESTS if tests is None else ([tests] if isinstance(tests, str) else list(tests))
    for test in wanted:
        if test not in TESTS:
            raise ValueError(f"unknown test {test!r}; known: {', '.join(TESTS)}")
    curves = solvents if isinstance(solvents, Mapping) else None
    fresh = partial(
        Remeasurement,
        crystal=crystal,
        curves=curves,
        wavelength=wavelength,
        dispersions=tuple(dispersions),
        strains=tuple(strains),
        random_state=random_state,
    )

    def coarse(factor: int, q_max: float | None = None) -> Transformer:
        kept = QCoarsening(factor, coarse="points")
        return kept if q_max is None else make_pipeline(QTruncation(q_max=q_max), kept)

    liquids: dict[str, str | Transformer] = {name: name for name in solvents}
    for change in LIQUID_CHANGES:
        liquids[f"changed by {change:g}"] = SolventVariation(change=change, wavelength=wavelength)
    beam = {"wavelength": wavelength}
    levels: dict[str, dict[str, Perturbation]] = {
        "standard": {"": None},
        "q_max": {f"{q:g}": QTruncation(q_max=q) for q in Q_MAX},
        "q_min": {f"{q:g}": QTruncation(q_min=q) for q in Q_MIN},
        "step": {str(step): coarse(step) for step in STEPS},
        "step_short_range": {str(step): coarse(step, SHORT_RANGE) for step in STEPS},
        "qd_fraction": {f"{c:g}": fresh(qd_fraction=c) for c in DILUTIONS},
        "unseen_solvent": {name: fresh(solvent=liquid) for name, liquid in liquids.items()},
        "snr": {f"{snr:g}": fresh(snr=snr) for snr in SNR},
        "broadening": {
            f"{w:g}": fresh(instrument=InstrumentBroadening(w=w**2, **beam)) for w in FWHM
        },
        "zero_shift": {f"{z:g}": fresh(instrument=ZeroShift(z, **beam)) for z in ZERO_SHIFTS},
        "march": {
            f"{r:g}": fresh(dots=PreferredOrientation(crystal, FACET, march=r)) for r in MARCH
        },
        "background": {f"{b:g}": fresh(instrument=Background(fraction=b)) for b in BACKGROUNDS},
        "laboratory": {
            level: fresh(dots, instrument, qd_fraction=1.0)
            for level, (dots, instrument) in _laboratory(crystal).items()
        },
        "instrument": {
            level: fresh(instrument=seen) for level, seen in _seen_through(instrument).items()
        },
        "shape": {shape: fresh(shape=shape) for shape in SHAPES},
        "between": {"": fresh(between=step)},
    }
    return [
        Condition(test, level, perturbation)
        for test in TESTS
        if test in wanted
        for level, perturbation in levels[test].items()
    ]


def _seen_through(instrument: Instrument | None) -> dict[str, Transformer]:
    """What an instrument does, by level: with its zero and displacement known, and with them."""
    if instrument is None:
        return {}
    check_instrument(instrument)
    levels = {"corrected": instrument.replace(zero=0.0, displacement=0.0)}
    if instrument.zero or instrument.displacement:
        levels["as read"] = instrument
    beyond = 4.0 * np.pi / instrument.wavelength - _MARGIN
    low, high = 0.0, beyond
    if instrument.two_theta_range is not None:
        ends = q_from_two_theta(np.array(instrument.two_theta_range), instrument.wavelength)
        low, high = float(ends[0]), min(float(ends[1]), beyond)
    return {
        level: make_pipeline(
            FunctionTransformer(one.apply, validate=False), QTruncation(q_min=low, q_max=high)
        )
        for level, one in levels.items()
    }


def _laboratory(crystal: str | Crystal) -> dict[str, tuple[Transformer | None, Transformer]]:
    """What a diffractometer with a copper tube does, one by one and together.

    By level: what acts on the dots, and the instrument.
    """
    wavelength = ANODES["Cu"][0]
    texture = PreferredOrientation(crystal, FACET, march=LABORATORY_MARCH)
    effects: dict[str, Transformer] = {
        "doublet": KAlpha2("Cu"),
        "polarised": Polarisation(wavelength=wavelength),
        "resolution": InstrumentBroadening(w=LABORATORY_FWHM**2, wavelength=wavelength),
        "zero": ZeroShift(LABORATORY_ZERO, wavelength=wavelength),
        "plate": Background("borosilicate", LABORATORY_BACKGROUND, wavelength=wavelength),
        "air": Background(fraction=LABORATORY_BACKGROUND),
    }
    q_min, q_max = LABORATORY_RANGE
    measured = QTruncation(q_min=q_min, q_max=q_max)
    # Curves of the plate end where the angle does, and effects reach beyond the measured range.
    reached = QTruncation(q_min=q_min - _MARGIN, q_max=q_max + _MARGIN)
    alone = {name: (None, make_pipeline(reached, e, measured)) for name, e in effects.items()}
    together = make_pipeline(reached, *effects.values(), measured)
    return {
        "range": (None, measured),
        **alone,
        "texture": (texture, measured),
        "all": (texture, together),
    }

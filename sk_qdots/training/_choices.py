"""What is sensible to train for a crystal, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import FloatArray
from ..augmentation import LABORATORIES, Laboratory
from ..augmentation.laboratories import MIXTURES
from ..instruments import Instrument, load_instrument
from ..instruments.ready import at_wavelength
from ..simulation import Crystal, as_shape, close_layers, default_q_grid
from ..simulation.checks import axis_values
from ..simulation.multiply_twinned import check_twinned, is_multiply_twinned
from ..sizing.facts import NAME
from ..sizing.instruments import named_instrument
from ..solvents import known_solvents, load_solvent
from .networks import SIZES
from .plan import Changes, TrainingPlan, listed, particle_step

__all__ = ["PlanSettings", "plan_training"]

_DIAMETERS = (2.0, 8.0)  # nm, first and last class by default
_QUARTER = 0.25  # nm, of which the default step is a multiple
_DISPERSIONS = (0.05, 0.20)
_STRAINS = (-0.005, 0.005)
_STACKING = (0.0, 1.0)
_STRAIN_LIMITS = (-0.1, 0.1)  # (a - a_bulk) / a_bulk; crystals break long before
_END = 0.97  # of the largest Q that an angle exists for
_SYNCHROTRON = load_instrument("synchrotron").wavelength
_CARBON_BOND = 1.65  # Angstrom; molecules have it, and besides carbon itself few others
_ORGANIC = {"H", "D", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "Na", "K"}
_EPOCHS = 70
_PATTERNS = 12_000
_FEWEST = 100  # patterns
# Ratios of the edges of rods (length / width) and platelets (width / thickness) by default.
_RATIOS = {"rod": (1.0, 1.5, 2.0, 3.0, 4.0, 6.0), "platelet": (1.0, 2.0, 3.0, 4.0, 6.0)}


class _Texture(TypedDict):
    """Of :class:`sk_qdots.augmentation.Laboratory`."""

    texture_share: float
    march: tuple[float, float]
    factors_share: float
    factors: tuple[float, float]


# Of a sample that lies on a plate.
_TEXTURE: _Texture = {
    "texture_share": 0.6,
    "march": (0.35, 1.0),
    "factors_share": 0.3,
    "factors": (1.0, 8.0),
}


class PlanSettings(TypedDict, total=False):
    """Of :func:`plan_training`."""

    diameters: npt.ArrayLike | None
    dispersions: Sequence[float]
    strains: Sequence[float]
    shape: str | Sequence[str]
    aspect_ratios: Sequence[float] | None
    b_iso: Sequence[float] | None
    stacking: bool | Sequence[float]
    texture: bool
    span: Sequence[float] | None
    mixed_share: float
    n_patterns: int
    experiment: Changes
    size: str
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None
    instrument: str | Path | float | Laboratory | Instrument
    epochs: int
    estimates: bool
    name: str | None


def plan_training(
    crystal: str | Crystal | Path,
    *,
    diameters: npt.ArrayLike | None = None,
    dispersions: Sequence[float] = _DISPERSIONS,
    strains: Sequence[float] = _STRAINS,
    shape: str | Sequence[str] = "sphere",
    aspect_ratios: Sequence[float] | None = None,
    b_iso: Sequence[float] | None = None,
    stacking: bool | Sequence[float] = False,
    texture: bool = False,
    span: Sequence[float] | None = None,
    mixed_share: float = 0.0,
    n_patterns: int = _PATTERNS,
    experiment: Changes | None = None,
    size: str = "small",
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
    instrument: str | Path | float | Laboratory | Instrument = "synchrotron",
    epochs: int = _EPOCHS,
    estimates: bool = True,
    name: str | None = None,
) -> TrainingPlan:
    """Say what a training would do.

    Parameters
    ----------
    crystal : Crystal, str or path-like
        The dots: a crystal, the name of a built-in one, or a CIF.
    diameters : array-like of shape (n_classes,), optional
        Classes in nm, evenly spaced; 2 to 8 nm by default, in steps that the series of
        particles resolves.
    dispersions : sequence of float, default=(0.05, 0.2)
        Lowest and highest standard deviation / mean, fractions; of more numbers the ends count.
    strains : sequence of float, default=(-0.005, 0.005)
        Likewise (a - a_bulk) / a_bulk, fractions.
    shape : str or sequence of str, default="sphere"
        Shapes of the particles; several make the answer independent of which it is. A
        ``"rod"`` or a ``"platelet"`` alone is trained over aspect ratios, and both of its
        dimensions are estimated; its class is the diameter of the sphere of its volume.
    aspect_ratios : sequence of float, optional
        Length / width of rods (1 to 6 by default), width / thickness of platelets.
    b_iso : sequence of float, optional
        Lowest and highest change of all displacement parameters in Angstrom^2, of which the
        answer shall not depend.
    stacking : bool or sequence of 2 float, default=False
        Lowest and highest probability of growth faults of close-packed layers, which is
        estimated then; True for 0 to 1, cubic to hexagonal.
    texture : bool, default=False
        Whether to draw strong texture, of any laboratory: March coefficients to 0.35, and
        factors of groups of reflections to 8.
    span : sequence of 2 float, optional
        Smallest and largest number average that is drawn, in nm; by default half a class beyond
        the first and the last. What lies farther beyond is told apart as a class of its own.
    mixed_share : float, default=0
        Share of patterns of two populations.
    n_patterns : int, default=12000
        That are simulated, and measured afresh for every batch.
    experiment : mapping, optional
        Of what experiments do, as in :class:`sk_qdots.RandomExperiment`, such as
        ``{"q_max": (2.4, 10.0)}`` for a sizer that takes shorter ranges than the laboratory's.
    size : {"small", "large"}, default="small"
        Of the networks.
    solvents : str, DataArray or sequence of them, optional
        Liquids to start from, all shipped ones by default; ``"dry"`` for none.
    instrument : str, float, Laboratory or Instrument, default="synchrotron"
        ``"synchrotron"``, ``"capillary"`` (powder in glass, at a synchrotron),
        ``"lab-cu"``, ``"lab-mo"``, ``"anywhere"``, ``"world"``, ``"ideal"``: any of that kind; a
        wavelength in Angstrom, of a synchrotron; your own
        :class:`sk_qdots.augmentation.Laboratory`; or an instrument, the name of one that was
        saved, or its file: that one, by
        :meth:`sk_qdots.augmentation.Laboratory.around`.
    epochs : int, default=70
        Of 200 batches of 256 patterns.
    estimates : bool, default=True
        Whether to train a second network, for dispersion, strain and volume average.
    name : str, optional
        Of the sizer; the crystal's by default.

    Returns
    -------
    TrainingPlan
        ``print`` it.

    Raises
    ------
    ValueError
        If the crystal is organic, the classes are finer than the particles resolve or
        uneven, the name has other letters than ASCII, or a parameter is out of range.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> plan = sq.plan_training("Pt", diameters=[2.0, 3.0, 4.0], instrument="lab-cu")
    >>> plan.step, round(float(plan.q[-1]), 1)
    (1000, 7.9)
    """
    dots = _inorganic_crystal(crystal)
    around = _one_instrument(instrument)
    if around is not None:
        around = at_wavelength(around, None)
    laboratory, wavelength = _laboratory(
        Laboratory.around(around) if around is not None else instrument
    )
    classes = _class_sizes(diameters, dots)
    q = default_q_grid()
    q = q[q <= _END * 4.0 * np.pi / wavelength]
    liquids = _checked_solvents(solvents)
    shapes = (shape,) if isinstance(shape, str) else tuple(shape)
    for one in shapes:
        if is_multiply_twinned(one):
            check_twinned(one, dots)
        else:
            as_shape(one)  # refuses what it does not know
    if shapes and is_multiply_twinned(shapes[0]):
        raise ValueError(f"shape begins with {shapes[0]!r}; begin with a single crystal")
    if not shapes or len(set(shapes)) < len(shapes):
        named = ", ".join(shapes) or "empty"
        raise ValueError(f"shape is {named}; give one, or several different ones")
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs is {epochs!r}; it must be a positive integer")
    called = name or dots.name.replace("_", " ")
    if not NAME.fullmatch(called):
        raise ValueError(
            f"the name {called!r} is not valid: give name= (--name), 1 to 80 letters, digits, "
            "blanks or ._+()-"
        )
    step, smallest = np.diff(classes).min() / 1000.0, particle_step(dots)
    half = (max(classes[0] / 1000.0 - 0.5 * step, smallest), classes[-1] / 1000.0)
    low, high = _two("span", span, (half[0], half[1] + 0.5 * step), 0.0, 100.0)
    if low > classes[0] / 1000.0 or high < classes[-1] / 1000.0:
        raise ValueError(f"span is {span!r}; it must hold the diameters of all classes, in nm")
    if low < smallest:
        raise ValueError(
            f"span begins at {low:g} nm; the smallest particle of {dots.name} has {smallest:.2g} nm"
        )
    if not 0.0 <= mixed_share < 1.0:
        raise ValueError(
            f"mixed_share is {mixed_share!r}; it is a share of the patterns, in [0, 1)"
        )
    if not isinstance(n_patterns, int) or n_patterns < _FEWEST:
        raise ValueError(
            f"n_patterns is {n_patterns!r}; it must be an integer of {_FEWEST} or more"
        )
    if size not in SIZES:
        raise ValueError(f"size is {size!r}; choose from {', '.join(SIZES)}")
    plan = TrainingPlan(
        crystal=dots,
        name=called,
        classes=classes,
        dispersions=_ends(axis_values(dispersions, "dispersions", 0.0, 1.0)),
        strains=_ends(axis_values(strains, "strains", *_STRAIN_LIMITS, closed=True)),
        shapes=shapes,
        aspect_ratios=_checked_ratios(shapes, aspect_ratios),
        b_iso=None if b_iso is None else _two("b_iso", b_iso, (0.0, 0.0), -20.0, 20.0),
        stacking=_checked_stacking(stacking, dots, shapes),
        span=(low, high),
        mixed_share=float(mixed_share),
        n_patterns=n_patterns,
        wavelength=wavelength,
        laboratory=_textured(laboratory) if texture else laboratory,
        solvents=liquids,
        q=q,
        epochs=epochs,
        estimates=estimates,
        changes=experiment or {},
        size=size,
        around=around,
    )
    if not plan.common_dispersions:
        raise ValueError(
            f"particles of {dots.name} grow by {particle_step(dots):.2g} nm, which makes none of "
            f"the dispersions {listed(plan.dispersions)} at every size from "
            f"{plan.labels[0] / 1000:g} to {plan.labels[-1] / 1000:g} nm: "
            "begin with larger diameters, or give broader dispersions"
        )
    return plan


def _ends(values: FloatArray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _two(
    name: str,
    given: Sequence[float] | None,
    usual: tuple[float, float],
    low: float,
    high: float,
) -> tuple[float, float]:
    """Lowest and highest of what is given, checked."""
    if given is None:
        return usual
    ends = np.asarray(given, dtype=np.float64)
    ordered = ends.ndim == 1 and len(ends) > 1 and np.isfinite(ends).all()
    if not ordered or not low <= ends.min() < ends.max() <= high:
        raise ValueError(
            f"{name} is {given!r}; give the lowest and the highest, within {low:g} to {high:g}"
        )
    return float(ends.min()), float(ends.max())


def _checked_stacking(
    stacking: bool | Sequence[float], crystal: Crystal, shapes: tuple[str, ...]
) -> tuple[float, float] | None:
    """Probabilities of growth faults, of crystals whose layers can have them."""
    if stacking is False:
        return None
    found = _two("stacking", None if stacking is True else stacking, _STACKING, 0.0, 1.0)
    close_layers(crystal)  # refuses what has none
    if shapes[0] != "sphere":
        raise ValueError(
            f"stacking faults are drawn in the first shape, and {shapes[0]} has none: give "
            "sphere first"
        )
    return found


def _textured(laboratory: Laboratory | str) -> Laboratory | str:
    """The laboratory with samples that lie on a plate."""
    if isinstance(laboratory, str) and laboratory in MIXTURES:
        raise ValueError(
            f"{laboratory!r} draws texture as often as it is met: texture is of one kind of "
            f"laboratory: {', '.join(LABORATORIES)}, or an instrument"
        )
    one = LABORATORIES[laboratory] if isinstance(laboratory, str) else laboratory
    return replace(one, **_TEXTURE)


def _inorganic_crystal(crystal: str | Crystal | Path) -> Crystal:
    if isinstance(crystal, Crystal):
        dots = crystal
    elif isinstance(crystal, Path) or crystal.lower().endswith(".cif"):
        dots = Crystal.from_cif(crystal)
    else:
        dots = Crystal.builtin(crystal)
    elements = {s.element for s in dots.sublattices}
    hydrocarbon = "C" in elements and elements & {"H", "D"} and elements <= _ORGANIC
    bound = elements > {"C"} and dots.shortest_distance("C", "C") < _CARBON_BOND
    if hydrocarbon or bound:
        raise ValueError(
            f"crystal {dots.name} is organic ({', '.join(sorted(elements))}"
            f"{', with bonds between carbon atoms' * bound}): a sizer is for inorganic "
            "nanocrystals that are cut from their lattice"
        )
    return dots


def _one_instrument(
    instrument: str | Path | float | Laboratory | Instrument,
) -> Instrument | None:
    """The instrument that is meant, where it is one and no kind of laboratory."""
    if isinstance(instrument, Instrument):
        return instrument
    kinds = {*LABORATORIES, *MIXTURES}
    if not isinstance(instrument, str | Path) or str(instrument) in kinds:
        return None
    try:
        return named_instrument(instrument)
    except ValueError:
        if Path(instrument).exists():
            raise
        return None  # what is known is told where it is looked for among the kinds


def _laboratory(
    instrument: str | Path | float | Laboratory | Instrument,
) -> tuple[Laboratory | str, float]:
    """Laboratory, and the wavelength that patterns are simulated for."""
    if isinstance(instrument, Laboratory):
        return instrument, float(np.mean(instrument.wavelength))
    assert not isinstance(instrument, Instrument)
    if not isinstance(instrument, str | Path):
        wavelength = float(instrument)
        if not 0.05 <= wavelength <= 2.5:
            raise ValueError(f"instrument is {wavelength:g}; a wavelength is in Angstrom")
        beam = (wavelength, wavelength)
        return replace(LABORATORIES["synchrotron"], wavelength=beam), wavelength
    instrument = str(instrument)
    if instrument in MIXTURES:
        return instrument, _SYNCHROTRON
    if instrument not in LABORATORIES:
        known = ", ".join([*LABORATORIES, *MIXTURES])
        raise ValueError(
            f"instrument is {str(instrument)!r}; known: {known}, a wavelength in Angstrom, the "
            "name of an instrument that was saved, or its file"
        )
    wavelengths = LABORATORIES[instrument].wavelength
    fixed = wavelengths[0] == wavelengths[1]
    return instrument, float(wavelengths[0]) if fixed else _SYNCHROTRON


def _class_sizes(diameters: npt.ArrayLike | None, crystal: Crystal) -> tuple[int, ...]:
    resolved = particle_step(crystal)
    sensible = _QUARTER * math.ceil(round(resolved / _QUARTER, 6))
    if sensible < 0.5:
        sensible = 0.5
    if diameters is None:
        sizes = np.arange(_DIAMETERS[0], _DIAMETERS[1] + 1e-6, sensible)
    else:
        sizes = np.atleast_1d(np.asarray(diameters, dtype=np.float64))
    if sizes.ndim != 1 or len(sizes) < 2 or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError("diameters must hold two positive numbers or more, in nm")
    steps = np.diff(sizes)
    if (steps <= 0).any() or not np.allclose(steps, steps[0], rtol=1e-3):
        raise ValueError("diameters must ascend in even steps")
    if steps[0] < resolved - 0.01:
        raise ValueError(
            f"diameters have a step of {steps[0]:g} nm; particles cut from {crystal.name} grow by "
            f"{resolved:.2g} nm, and resolve no less: choose {sensible:g} nm or more"
        )
    if sizes[0] < resolved:
        raise ValueError(
            f"diameters begin at {sizes[0]:g} nm; the smallest particle of {crystal.name} has "
            f"{resolved:.2g} nm"
        )
    return tuple(int(v) for v in np.rint(1000.0 * sizes))


def _checked_ratios(shapes: tuple[str, ...], asked: Sequence[float] | None) -> tuple[float, ...]:
    """Aspect ratios to simulate; none where the shapes have none."""
    known = len(shapes) == 1 and shapes[0] in _RATIOS
    if asked is None:
        return _RATIOS[shapes[0]] if known else ()
    if not known:
        raise ValueError(
            f"aspect_ratios are those of one shape, {' or '.join(_RATIOS)}; shape is "
            f"{', '.join(shapes)}"
        )
    ratios = tuple(sorted(float(r) for r in asked))
    if not ratios or not 0.1 <= ratios[0] <= ratios[-1] <= 20.0:
        raise ValueError(f"aspect_ratios is {asked!r}; they must lie in 0.1 to 20")
    return ratios


def _checked_solvents(
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None,
) -> tuple[str | xr.DataArray, ...]:
    if solvents is None:
        return tuple(known_solvents())
    several = [solvents] if isinstance(solvents, str | xr.DataArray) else list(solvents)
    if len(several) == 1 and isinstance(several[0], str) and several[0] == "dry":
        return ()
    for one in several:
        if isinstance(one, str):
            load_solvent(one)  # refuses what it does not know
    return tuple(several)

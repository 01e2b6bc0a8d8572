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

from ..augmentation import LABORATORIES, Laboratory
from ..augmentation.laboratories import MIXTURES
from ..instruments import Instrument, load_instrument
from ..instruments.ready import at_wavelength
from ..simulation import Crystal, as_shape, default_q_grid
from ..simulation.checks import axis_values
from ..sizing.facts import NAME
from ..sizing.instruments import named_instrument
from ..solvents import known_solvents, load_solvent
from .plan import TrainingPlan, listed, particle_step

__all__ = ["PlanSettings", "plan_training"]

_DIAMETERS = (2.0, 8.0)  # nm, first and last class by default
_QUARTER = 0.25  # nm, of which the default step is a multiple
_DISPERSIONS = (0.05, 0.08, 0.11, 0.14, 0.17, 0.20)
_STRAINS = tuple(np.round(np.linspace(-0.005, 0.005, 11), 6))
_STRAIN_LIMITS = (-0.1, 0.1)  # (a - a_bulk) / a_bulk; crystals break long before
_END = 0.97  # of the largest Q that an angle exists for
_SYNCHROTRON = load_instrument("synchrotron").wavelength
_CARBON_BOND = 1.65  # Angstrom; molecules have it, and besides carbon itself few others
_ORGANIC = {"H", "D", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "Na", "K"}
_EPOCHS = 70
# Ratios of the edges of rods (length / width) and platelets (width / thickness) by default.
_RATIOS = {"rod": (1.0, 1.5, 2.0, 3.0, 4.0, 6.0), "platelet": (1.0, 2.0, 3.0, 4.0, 6.0)}


class PlanSettings(TypedDict, total=False):
    """Of :func:`plan_training`."""

    diameters: npt.ArrayLike | None
    dispersions: Sequence[float]
    strains: Sequence[float]
    shape: str | Sequence[str]
    aspect_ratios: Sequence[float] | None
    b_iso: float | Sequence[float] | None
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
    b_iso: float | Sequence[float] | None = None,
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
    dispersions : sequence of float
        Standard deviation / mean, fractions.
    strains : sequence of float
        (a - a_bulk) / a_bulk, fractions.
    shape : str or sequence of str, default="sphere"
        Shapes of the particles; several make the answer independent of which it is. A
        ``"rod"`` or a ``"platelet"`` alone is trained over aspect ratios, and both of its
        dimensions are estimated; its class is the diameter of the sphere of its volume.
    aspect_ratios : sequence of float, optional
        Length / width of rods (1 to 6 by default), width / thickness of platelets.
    b_iso : float or sequence of float, optional
        Displacement parameters in Angstrom^2, of all atoms alike; several make the
        answer independent of them. The crystal's own by default.
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
        as_shape(one)  # refuses what it does not know
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
    plan = TrainingPlan(
        crystal=dots,
        name=called,
        classes=classes,
        dispersions=tuple(axis_values(dispersions, "dispersions", 0.0, 1.0).tolist()),
        strains=tuple(axis_values(strains, "strains", *_STRAIN_LIMITS, closed=True).tolist()),
        shapes=shapes,
        aspect_ratios=_checked_ratios(shapes, aspect_ratios),
        b_iso=()
        if b_iso is None
        else tuple(axis_values(b_iso, "b_iso", 0.0, 1000.0, closed=True).tolist()),
        wavelength=wavelength,
        laboratory=laboratory,
        solvents=liquids,
        q=q,
        epochs=epochs,
        estimates=estimates,
        around=around,
    )
    if not plan.common_dispersions():
        raise ValueError(
            f"particles of {dots.name} grow by {particle_step(dots):.2g} nm, which makes none of "
            f"the dispersions {listed(plan.dispersions)} at every size from "
            f"{classes[0] / 1000:g} to {classes[-1] / 1000:g} nm: begin with larger diameters, or "
            "give broader dispersions"
        )
    return plan


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

"""What fresh patterns for a sizer are made of: its crystal, its beam, its dots, other liquids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, cast

import numpy as np
import xarray as xr

from ..model_selection.remeasurement import DISPERSIONS, STRAINS
from ..simulation import Crystal
from ..simulation.crystal import as_crystal
from ..sizing import Sizer
from ..solvents import held_out_solvents, load_solvent
from ..training import plan_training
from ..training.plan import particle_step
from ..training.records import Settings
from ._references import EvaluationError

__all__ = [
    "WIDEST_STEP",
    "Populations",
    "builtin_crystal",
    "held_out_curves",
    "populations_of",
    "wavelength_of",
]

WIDEST_STEP = 500.0  # pm; two fifths of more would leave the smallest class too far behind
_STRAINS = 11  # between the ends of those that a sizer was trained on


class Populations(TypedDict):
    """Of simulated dots."""

    dispersions: tuple[float, ...]
    strains: tuple[float, ...]


def wavelength_of(sizer: Sizer) -> float:
    """That its patterns were simulated for, in Angstrom."""
    return float(cast("float", sizer.simulation.get("wavelength", 0.56)))


def held_out_curves(wavelength: float) -> dict[str, xr.DataArray]:
    """Liquids that no shipped sizer has seen, by their names."""
    return {name: load_solvent(name, wavelength) for name in held_out_solvents()}


def builtin_crystal(sizer: Sizer) -> str:
    """Name of the crystal of a sizer, which must be built in."""
    name = str(sizer.simulation.get("crystal", sizer.name))
    try:
        Crystal.builtin(name)
    except ValueError:
        raise EvaluationError(
            f"the sizer {sizer.name!r} is for the crystal {name!r}, which is not built in: give "
            "its CIF"
        ) from None
    return name


def populations_of(sizer: Sizer, crystal: str | Crystal) -> tuple[Populations, Populations]:
    """Dispersions and strains of the dots that a sizer was trained on, and of fresh ones.

    Of a sizer that does not say: those of the published library, and some between.
    """
    settings = cast("Settings | None", sizer.training.get("settings"))
    if settings is None:
        strains = tuple(np.linspace(-0.0025, 0.0051, 11).tolist())
        return (
            {"dispersions": (0.05, 0.10, 0.15, 0.20), "strains": strains},
            {"dispersions": DISPERSIONS, "strains": STRAINS},
        )
    dots = as_crystal(crystal)
    if particle_step(dots) != dots.node_diameter:
        raise EvaluationError(
            f"the sizer {sizer.name!r} was trained on particles that are cut by atoms; an "
            "evaluation simulates whole cells only"
        )
    try:
        plan = plan_training(
            dots,
            diameters=sizer.inner_classes / 1000.0,
            dispersions=settings["dispersions"],
            strains=settings["strains"],
            solvents="dry",
            name=sizer.name,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"the sizer {sizer.name!r} cannot be evaluated: {error}") from None
    room = 0.4e-3 * min(plan.step, WIDEST_STEP)  # as far as dots lie from their class
    smallest, largest = plan.classes[0] / 1000.0 - room, plan.span[1]
    levels = plan.common_dispersions
    dispersions = tuple(
        s for s in _halfway(levels) if plan.reaches(smallest, s) & plan.reaches(largest, s)
    )
    strains = tuple(np.linspace(*plan.strains, _STRAINS).tolist())
    return (
        {"dispersions": levels, "strains": strains},
        {"dispersions": dispersions or levels, "strains": _halfway(strains)},
    )


def _halfway(values: Sequence[float]) -> tuple[float, ...]:
    """Halfway between neighbours, or the only one."""
    ordered = np.unique(values)
    return tuple(((ordered[1:] + ordered[:-1]) / 2.0 if len(ordered) > 1 else ordered).tolist())

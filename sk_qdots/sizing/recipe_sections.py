"""A recipe as the files of a sizer hold it, read with distrust: JSON, and arrays of curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from .._typing import Json, JsonObject
from ..augmentation.facts import printable
from ..instruments import Instrument
from ..neural_network.saved import checked_array, checked_number, checked_object
from ..preprocessing.patterns import q_of, rows_of, wavelength_of
from ..simulation import Crystal, Sublattice
from .facts import check_printable
from .recipe import Recipe, curve_name

__all__ = ["recipe_arrays", "recipe_from_section", "recipe_section"]

Arrays = Mapping[str, npt.NDArray[np.generic]]

_RANGES = ("diameters", "dispersions", "strains", "b_iso", "stacking")
_MOST_ATOMS = 10_000
_MOST_CURVES = 20
_LONGEST = 5000  # letters of a text


def recipe_section(recipe: Recipe) -> JsonObject:
    """What the manifest says of a recipe."""
    curves, solvents, blank = _curves(recipe)
    crystal: dict[str, Any] = asdict(recipe.crystal)
    for name in ("name", "reference"):
        crystal[name] = printable(crystal[name])
    told: JsonObject = {
        "crystal": json.loads(json.dumps(crystal)),
        "wavelength": recipe.wavelength,
        **{
            name: None if (ends := getattr(recipe, name)) is None else list(ends)
            for name in _RANGES
        },
        "texture": recipe.texture,
        "facet": None if recipe.facet is None else list(recipe.facet),
        "distribution": recipe.distribution,
        "shape": recipe.shape if isinstance(recipe.shape, str) else list(recipe.shape),
        "solvents": solvents,
        "blank": blank,
        "curves": [
            {"name": curve_name(curve), "wavelength": wavelength_of(curve)} for curve in curves
        ],
        "instrument": None
        if recipe.instrument is None
        else _printable(json.loads(recipe.instrument.to_json())),
    }
    return told


def _printable(value: Json) -> Json:
    """JSON whose texts may be shown on a terminal."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(one) for one in value]
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    return value


def recipe_arrays(recipe: Recipe, prefix: str) -> dict[str, npt.NDArray[np.generic]]:
    """Curves of a recipe."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    for k, curve in enumerate(_curves(recipe)[0]):
        intensity = rows_of(curve)[0].astype(np.float64)
        measured = np.isfinite(intensity)
        arrays[f"{prefix}curve{k}_q"] = q_of(curve)[measured]
        arrays[f"{prefix}curve{k}_intensity"] = intensity[measured]
    return arrays


def recipe_from_section(section: Mapping[str, Json], arrays: Arrays, prefix: str) -> Recipe:
    """A recipe that a manifest holds, checked.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, or out of range.
    """
    check_printable(dict(section))
    curves = _stored_curves(section["curves"], arrays, prefix)
    solvents = section["solvents"]
    if solvents is not None and not isinstance(solvents, list):
        raise TypeError("the solvents must be a list")
    instrument = section["instrument"]
    blank = section["blank"]
    shape = section["shape"]
    ranges = {name: section[name] for name in _RANGES}
    for name, ends in ranges.items():
        if ends is not None and not isinstance(ends, list):
            raise TypeError(f"{name} must be a list")
    facet = section["facet"]
    if facet is not None and not (isinstance(facet, list) and all(type(k) is int for k in facet)):
        raise TypeError("the facet must be a list of integers")
    given: dict[str, Any] = {
        **ranges,
        "texture": section["texture"],
        "facet": None if facet is None else tuple(facet),
        "distribution": section["distribution"],
        "shape": tuple(map(_text, shape)) if isinstance(shape, list) else _text(shape),
        "blank": None if blank is None else curves[_place(blank, curves)],
    }
    return Recipe.checked(
        _crystal(section["crystal"]),
        wavelength=checked_number(section["wavelength"]),
        instrument=None if instrument is None else Instrument.from_json(json.dumps(instrument)),
        solvents=None
        if solvents is None
        else [s if isinstance(s, str) else curves[_place(s, curves)] for s in solvents],
        **given,
    )


def _curves(recipe: Recipe) -> tuple[list[xr.DataArray], Json, int | None]:
    """Curves of a recipe; solvents by name or place among these; place of the blank."""
    curves: list[xr.DataArray] = []
    solvents: list[Json] | None = None
    if recipe.solvents is not None:
        solvents = []
        for one in recipe.solvents:
            if isinstance(one, str):
                solvents.append(one)
            else:
                solvents.append(len(curves))
                curves.append(one)
    if recipe.blank is None:
        return curves, solvents, None
    return [*curves, recipe.blank], solvents, len(curves)


def _stored_curves(told: Json, arrays: Arrays, prefix: str) -> list[xr.DataArray]:
    if not isinstance(told, list) or len(told) > _MOST_CURVES:
        raise TypeError("the curves must be a short list")
    curves = []
    for k, facts in enumerate(told):
        known = checked_object(facts, "a curve")
        q = checked_array(arrays, f"{prefix}curve{k}_q", (None,))
        intensity = checked_array(arrays, f"{prefix}curve{k}_intensity", (len(q),))
        attrs: dict[str, str | float] = {"source": _text(known["name"])}
        if known["wavelength"] is not None:
            attrs["wavelength"] = checked_number(known["wavelength"])
        curves.append(xr.DataArray(intensity, dims="q", coords={"q": q}, attrs=attrs))
    return curves


def _place(value: Json, curves: Sequence[xr.DataArray]) -> int:
    if type(value) is not int or not 0 <= value < len(curves):
        raise ValueError(f"{value!r} is no place of a curve")
    return value


def _crystal(told: Json) -> Crystal:
    """A crystal of plain numbers."""
    known = checked_object(told, "the crystal")
    sites = known["sublattices"]
    if not isinstance(sites, list) or not 1 <= len(sites) <= _MOST_ATOMS:
        raise ValueError("the sublattices must be a list of atoms")
    atoms = []
    for each in sites:
        site = checked_object(each, "an atom")
        charge = site["charge"]
        if type(charge) is not int:
            raise TypeError("the charge of an atom must be an integer")
        atoms.append(
            Sublattice(
                element=_text(site["element"]),
                offset=_vector(site["offset"]),
                b_iso=checked_number(site["b_iso"]),
                occupancy=checked_number(site["occupancy"]),
                charge=charge,
            )
        )
    vectors, cell = (_vectors(known[name]) for name in ("vectors", "cell"))
    return Crystal(
        name=_text(known["name"]),
        vectors=vectors,
        sublattices=tuple(atoms),
        reference=_text(known["reference"]),
        cell=cell,
        space_group=_text(known["space_group"]),
    )


def _vectors(told: Json) -> tuple[tuple[float, float, float], ...]:
    if not isinstance(told, list) or len(told) != 3:
        raise ValueError("a lattice has three vectors")
    return tuple(_vector(row) for row in told)


def _vector(told: Json) -> tuple[float, float, float]:
    if not isinstance(told, list) or len(told) != 3:
        raise ValueError("a vector has three numbers")
    x, y, z = (checked_number(value) for value in told)
    return x, y, z


def _text(told: Json) -> str:
    if not isinstance(told, str) or len(told) > _LONGEST:
        raise TypeError(f"{str(told)[:40]!r} is no short text")
    return told

"""Shipped curves by name, and mixtures of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from os import PathLike
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.interpolate import make_interp_spline

from .._typing import FloatArray, JsonObject
from ..simulation import compton_intensity, debye_waller_factor, form_factor
from ..simulation.checks import positive

__all__ = [
    "as_curves",
    "held_out_solvents",
    "known_backgrounds",
    "known_solvents",
    "known_supports",
    "load_background",
    "load_solvent",
    "mix_solvents",
    "solvents_by_name",
]

_WAVELENGTH = 0.5  # Angstrom; 4 pi / 0.5 is beyond the end of the tables
_STEP = 0.01  # 1/Angstrom, of a loaded curve


class _Table(TypedDict):
    """Description of a table, as the file beside it has it."""

    name: str
    kind: str
    description: str
    composition: dict[str, float]
    molar_mass: float
    density: float
    b_iso: NotRequired[float]
    method: NotRequired[JsonObject]
    versions: NotRequired[dict[str, str]]
    date: NotRequired[str]


_SILICON: _Table = {
    "name": "silicon",
    "kind": "background",
    "description": "silicon plate cut off its lattice planes: thermal diffuse and Compton",
    "composition": {"Si": 1},
    "molar_mass": 28.085,
    "density": 2.329,
    "b_iso": 0.46,  # Angstrom^2, at 293 K: Aldred, Hart, Proc. R. Soc. A 332, 223 (1973)
}


def known_solvents() -> list[str]:
    """Names that :func:`load_solvent` knows.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from sk_qdots.solvents import known_solvents
    >>> "toluene" in known_solvents()
    True
    """
    return _known("liquid")


def solvents_by_name() -> list[str]:
    """Names of liquids that are taken only where they are named.

    Returns
    -------
    list of str
        :func:`load_solvent` knows them too. Most dots are in organic liquids: where nobody says
        otherwise nothing is trained, or fitted, with these.

    Examples
    --------
    >>> from sk_qdots.solvents import solvents_by_name
    >>> solvents_by_name()
    ['water']
    """
    return _known("liquid by name")


def held_out_solvents() -> list[str]:
    """Names of liquids that are for testing: nothing is trained with them.

    Returns
    -------
    list of str
        :func:`load_solvent` knows them too. ``"toluene-opls"`` is toluene of another
        force field.

    Examples
    --------
    >>> from sk_qdots.solvents import held_out_solvents
    >>> held_out_solvents()
    ['chlorobenzene', 'toluene-opls']
    """
    return _known("held-out liquid")


def known_supports() -> list[str]:
    """Names of what catalysts lie on, which takes the place of a liquid.

    Returns
    -------
    list of str
        :func:`load_solvent` knows them too.

    Examples
    --------
    >>> from sk_qdots.solvents import known_supports
    >>> known_supports()
    ['carbon-black']
    """
    return _known("support")


def known_backgrounds() -> list[str]:
    """Names that :func:`load_background` knows.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from sk_qdots.solvents import known_backgrounds
    >>> "silicon" in known_backgrounds()
    True
    """
    return _known("background")


def load_solvent(name: str | PathLike[str], wavelength: float = _WAVELENGTH) -> xr.DataArray:
    """Return the scattering curve of a liquid, from molecular dynamics.

    Parameters
    ----------
    name : str or path-like
        One of :func:`sk_qdots.solvents.known_solvents`,
        :func:`sk_qdots.solvents.solvents_by_name`,
        :func:`sk_qdots.solvents.known_supports` or
        :func:`sk_qdots.solvents.held_out_solvents`, or the table (.csv, with its
        description, .json, beside it) that ``tools/solvent_md.py`` wrote for another
        liquid.
    wavelength : float, default=0.5
        In Angstrom, for the anomalous terms and the recoil of the Compton
        scattering.

    Returns
    -------
    DataArray
        Coherent and Compton scattering over ``q`` (1/Angstrom, 0.3 to 25, or to
        4 pi / wavelength), in electron units per molecule; ``attrs`` say how it was
        made, and hold ``density`` (g/cm^3) and ``molar_mass`` (g/mol).

    Raises
    ------
    ValueError
        If the name is not known (the message lists the known ones), the table is
        damaged, or the wavelength is not a positive number.
    OSError
        If the table cannot be read.

    See Also
    --------
    sk_qdots.read_solvent : Your own measured blank.
    sk_qdots.solvents.mix_solvents : Mixtures.
    sk_qdots.solvents.load_background : Capillaries and plates.

    Examples
    --------
    >>> from sk_qdots import load_solvent
    >>> toluene = load_solvent("toluene")
    >>> toluene.attrs["composition"]
    'C7H8'
    """
    if str(name).lower().endswith(".csv"):
        return _own_curve(Path(name), wavelength)
    name = str(name).lower()
    by_name = [*known_solvents(), *solvents_by_name(), *known_supports()]
    if name not in (*by_name, *held_out_solvents()):
        known = ", ".join(by_name)
        raise ValueError(f"unknown solvent {name!r}; known: {known}")
    return _curve(_tables()[name], wavelength)


def load_background(name: str, wavelength: float = _WAVELENGTH) -> xr.DataArray:
    """Return the scattering curve of a capillary, foil or plate.

    Parameters
    ----------
    name : str
        One of :func:`sk_qdots.solvents.known_backgrounds`.
    wavelength : float, default=0.5
        In Angstrom.

    Returns
    -------
    DataArray
        As :func:`sk_qdots.load_solvent` does, in electron units per formula unit.

    Raises
    ------
    ValueError
        If the name is not known (the message lists the known ones), or the
        wavelength is not a positive number.

    Examples
    --------
    >>> from sk_qdots.solvents import load_background
    >>> load_background("silicon").attrs["units"]
    'electron units per formula unit'
    """
    name = str(name).lower()
    if name not in known_backgrounds():
        raise ValueError(f"unknown background {name!r}; known: {', '.join(known_backgrounds())}")
    return _curve(_SILICON if name == "silicon" else _tables()[name], wavelength)


def mix_solvents(
    parts: Mapping[str, float],
    *,
    by: Literal["volume", "mass", "mole"] = "volume",
    wavelength: float = _WAVELENGTH,
) -> xr.DataArray:
    """Return the curve of a mixture of shipped liquids.

    The liquids are taken to scatter side by side: how unlike molecules stand to each
    other is not known.

    Parameters
    ----------
    parts : mapping of str to float
        Name and share of each liquid; the shares are brought to a sum of 1.
    by : {"volume", "mass", "mole"}, default="volume"
        What the shares are shares of, before mixing.
    wavelength : float, default=0.5
        In Angstrom.

    Returns
    -------
    DataArray
        Electron units per mean molecule.

    Raises
    ------
    ValueError
        If a name is not known, a share is negative or none is positive.

    Examples
    --------
    >>> from sk_qdots.solvents import mix_solvents
    >>> mix_solvents({"hexane": 0.8, "toluene": 0.2}).name
    'hexane 0.8 + toluene 0.2 by volume'
    """
    if by not in ("volume", "mass", "mole"):
        raise ValueError(f'by is {by!r}; it must be "volume", "mass" or "mole"')
    if not isinstance(parts, Mapping):
        raise ValueError(f"parts is {parts!r}; it must be a mapping, such as {{'hexane': 0.8}}")
    shares = np.array(list(parts.values()), dtype=np.float64)
    if not shares.size or not np.isfinite(shares).all() or shares.min() < 0 or not shares.any():
        raise ValueError(f"parts is {dict(parts)}; shares must be 0 or more, and not all 0")
    curves = [load_solvent(name, wavelength) for name in parts]
    mass = np.array([curve.attrs["molar_mass"] for curve in curves])
    density = np.array([curve.attrs["density"] for curve in curves])
    molecules = shares * {"volume": density / mass, "mass": 1.0 / mass, "mole": 1.0}[by]
    molecules = molecules / molecules.sum()
    values = np.sum([x * curve.values for x, curve in zip(molecules, curves, strict=True)], axis=0)
    label = " + ".join(f"{name} {share:g}" for name, share in parts.items())
    return (
        curves[0]
        .copy(data=values)
        .rename(f"{label} by {by}")
        .assign_attrs(
            description="mixture of computed liquids, side by side",
            provenance=json.dumps([json.loads(curve.attrs["provenance"]) for curve in curves]),
            composition="",
            density=float(1.0 / (molecules @ (mass / density)) * (molecules @ mass)),
            molar_mass=float(molecules @ mass),
        )
    )


def _known(kind: str) -> list[str]:
    names = [name for name, table in _tables().items() if table["kind"] == kind]
    return sorted([*names, "silicon"] if kind == "background" else names)


@lru_cache(maxsize=1)
def _tables() -> dict[str, _Table]:
    """Descriptions of the shipped tables."""
    folder = files(__package__) / "curves"
    descriptions = [
        json.loads(entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    ]
    return {d["name"]: d for d in sorted(descriptions, key=lambda d: str(d["name"]))}


def _own_curve(path: Path, wavelength: float) -> xr.DataArray:
    """A curve from a table outside the package."""
    wavelength = _wide_angle(wavelength)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such table")
    try:
        table = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return _curve(table, wavelength, path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path}: its description, {path.with_suffix('.json').name}, is not beside it"
        ) from None
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError(
            f"{path}: it or the description beside it is not what tools/solvent_md.py writes "
            f"({type(error).__name__}: {error})"
        ) from None


def _wide_angle(wavelength: float) -> float:
    wavelength = positive("wavelength", wavelength, "Angstrom")
    if 4.0 * np.pi / wavelength < 1.0:
        raise ValueError(f"wavelength is {wavelength} Angstrom, too long for wide angles")
    return wavelength


def _curve(table: _Table, wavelength: float, path: Path | None = None) -> xr.DataArray:
    facts: Mapping[str, object] = table
    composition = table["composition"]
    wavelength = _wide_angle(wavelength)
    last = min(25.0, np.floor(4.0 * np.pi / wavelength / _STEP) * _STEP)
    q = np.asarray(np.round(np.arange(0.3, last + 0.5 * _STEP, _STEP), 4), dtype=np.float64)
    factors = {element: _factor(element, q, wavelength) for element in composition}
    intensity = np.zeros_like(q)
    if table["name"] == "silicon":
        damping = debye_waller_factor(table["b_iso"], q) ** 2
        intensity += np.abs(factors["Si"]) ** 2 * (1.0 - damping)
    else:
        for (first, second), sums in _pair_sums(table, q, path).items():
            intensity += (factors[first] * factors[second].conj()).real * sums
    for element, number in composition.items():
        intensity += number * compton_intensity(element, q, wavelength)
    unit = "molecule" if table["kind"].endswith("liquid") else "formula unit"
    return xr.DataArray(
        intensity,
        dims="q",
        coords={"q": ("q", q, {"long_name": "Q", "units": "1/Angstrom"})},
        name=str(table["name"]),
        attrs={
            "long_name": "scattered intensity",
            "units": f"electron units per {unit}",
            "description": table["description"],
            "composition": _hill(composition),
            "density": float(table["density"]),
            "molar_mass": float(table["molar_mass"]),
            "wavelength": wavelength,
            "provenance": json.dumps(
                {key: facts[key] for key in ("method", "versions", "date") if key in facts}
            ),
        },
    )


def _hill(composition: Mapping[str, float]) -> str:
    """Chemical formula: carbon, hydrogen, then by the alphabet."""
    order = sorted(composition, key=lambda e: (e != "C", e != "H", e))
    return "".join(f"{e}{composition[e]:g}" if composition[e] != 1 else e for e in order)


def _factor(element: str, q: FloatArray, wavelength: float) -> npt.NDArray[np.complex128]:
    if element == "H":
        import gemmi  # its table of 1992 has the bonded hydrogen

        bonded = gemmi.Element("H").it92
        stol2 = (q / (4.0 * np.pi)) ** 2
        return np.array([bonded.calculate_sf(s) for s in stol2], dtype=np.complex128)
    return form_factor(element, q, wavelength)


def _table_values(path: Traversable) -> tuple[list[tuple[str, str]], FloatArray, FloatArray]:
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [(a, b) for a, b in (column.split("-") for column in lines[0].split(",")[1:])]
    values = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    return pairs, values[:, 0], values[:, 1:]


@lru_cache(maxsize=32)
def _shipped_values(name: str) -> tuple[list[tuple[str, str]], FloatArray, FloatArray]:
    return _table_values(files(__package__) / "curves" / f"{name}.csv")


def _pair_sums(
    table: _Table, q: FloatArray, path: Path | None
) -> dict[tuple[str, str], FloatArray]:
    pairs, grid, sums = _shipped_values(table["name"]) if path is None else _table_values(path)
    if {frozenset(pair) for pair in pairs} != {
        frozenset((a, b)) for a in table["composition"] for b in table["composition"]
    }:
        raise ValueError(f"its pairs are not those of {', '.join(table['composition'])}")
    if grid[0] > q[0] or grid[-1] < q[-1]:
        raise ValueError(f"it goes from {grid[0]:g} to {grid[-1]:g} 1/Angstrom, not to {q[-1]:g}")
    on_grid = make_interp_spline(grid, sums, k=3, axis=0)(q)
    return dict(zip(pairs, on_grid.T, strict=True))


def as_curves(
    solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None, wavelength: float
) -> list[xr.DataArray]:
    """Curves by their names, or as they are.

    Parameters
    ----------
    solvents : str, DataArray, sequence of these or None
        Names of shipped curves, or curves over ``q``; None for all shipped liquids.
    wavelength : float
        In Angstrom, for those given by name.

    Returns
    -------
    list of DataArray

    Raises
    ------
    ValueError
        If there are none, or a name is not known.

    Examples
    --------
    >>> from sk_qdots.solvents import as_curves
    >>> [curve.name for curve in as_curves(["hexane", "toluene"], 0.56)]
    ['hexane', 'toluene']
    """
    if solvents is None:
        solvents = known_solvents()
    elif isinstance(solvents, str | xr.DataArray):
        solvents = [solvents]
    if not len(solvents):
        raise ValueError(f"solvents is empty; known: {', '.join(known_solvents())}")
    return [load_solvent(s, wavelength) if isinstance(s, str) else s for s in solvents]

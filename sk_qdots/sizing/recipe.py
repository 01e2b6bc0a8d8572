"""What a sizer without training is made of, checked, and how it is written down."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from .._typing import FloatArray, IntArray, Json, JsonObject
from ..augmentation.facts import printable
from ..augmentation.laboratories import check_instrument
from ..augmentation.texture import check_facet
from ..instruments import Instrument, is_same_beam
from ..instruments.ready import at_wavelength
from ..posterior import PatternPosterior
from ..preprocessing import QStandardizer
from ..preprocessing.patterns import check_axis, check_is_pattern, q_of, rows_of, wavelength_of
from ..simulation import Crystal, default_q_grid
from .facts import NAME, Facts
from .instruments import named_instrument
from .reference import PEAK_WIDTH
from .reflections import LEAST, distinct, strong_reflections

__all__ = ["Recipe", "as_any_crystal", "curve_name"]

Range = tuple[float, float]

DIAMETERS = (1.5, 10.0)  # nm
DISPERSIONS = (0.03, 0.25)
STRAINS = (-0.01, 0.01)
WAVELENGTH = 0.56  # Angstrom
_STRAIN_LIMIT = 0.1  # crystals break long before
_STRAIN_ROOM = 0.001  # beyond what is asked for, before a pattern is refused
_END = 0.97  # of the largest Q that an angle exists for
_LOWEST = 0.8  # of the first reflection, where the grid begins at the latest
_CLASS = 500  # pm, from one class to the next
_STEP = 0.0028  # 1/Angstrom, of the grid
_REACHED = 0.02  # of a range, from its end


@dataclass(frozen=True, eq=False)
class Recipe:
    """What decides a sizer without training.

    Parameters
    ----------
    crystal : Crystal
    wavelength : float
        In Angstrom.
    diameters : tuple of 2 float
        Lowest and highest number average, in nm.
    dispersions, strains : tuple of 2 float
        Fractions.
    b_iso : tuple of 2 float, optional
        Lowest and highest change of all displacement parameters, in Angstrom^2.
    stacking : tuple of 2 float or None
        Lowest and highest probability of growth faults.
    texture : "auto" or bool
    shape : str or sequence of str
    solvents : tuple of str or DataArray, or None
        Liquids; None for those that the posterior knows.
    blank : DataArray or None
    instrument : Instrument or None
    distribution : {"lognormal", "free"}, default="lognormal"
    facet : tuple of 3 int, optional
        That grains prefer to lie on.
    cache : bool, default=True
        Whether what is simulated is kept on disk, and taken from there.

    Raises
    ------
    ValueError
        If a range is none, a fraction is told in percent, a facet is none, or the blank or the
        instrument is of another wavelength.
    TypeError
        If something is of another kind.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> from sk_qdots.sizing.recipe import Recipe
    >>> recipe = Recipe(sq.Crystal.builtin("PbS"), wavelength=0.56, diameters=(2.0, 8.0))
    >>> recipe.facts("mine").required_range
    (1.834, 2.118)
    """

    crystal: Crystal
    wavelength: float = WAVELENGTH
    diameters: Range = DIAMETERS
    dispersions: Range = DISPERSIONS
    strains: Range = STRAINS
    b_iso: Range | None = None
    stacking: Range | None = None
    texture: Literal["auto"] | bool = "auto"
    shape: str | tuple[str, ...] = "auto"
    solvents: tuple[str | xr.DataArray, ...] | None = None
    blank: xr.DataArray | None = None
    instrument: Instrument | None = None
    distribution: Literal["lognormal", "free"] = field(default="lognormal", kw_only=True)
    facet: tuple[int, int, int] | None = field(default=None, kw_only=True)
    cache: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        set_to = object.__setattr__
        if not 0.05 <= self.wavelength <= 2.5:
            raise ValueError(f"wavelength is {self.wavelength:g}; it is in Angstrom, 0.05 to 2.5")
        set_to(self, "diameters", _range("diameters", self.diameters, 0.0, 100.0, "in nm"))
        told = "as fractions: 10 % is 0.1"
        set_to(self, "dispersions", _range("dispersions", self.dispersions, 0.0, 1.0, told))
        told = "as fractions: 1 % is 0.01"
        limits = (-_STRAIN_LIMIT, _STRAIN_LIMIT)
        set_to(self, "strains", _range("strains", self.strains, *limits, told))
        if self.b_iso is not None:
            set_to(self, "b_iso", _range("b_iso", self.b_iso, -20.0, 20.0, "in Angstrom^2"))
        if self.stacking is not None:
            told = "the probabilities of hexagonal layers: 0 is cubic, 1 hexagonal"
            set_to(self, "stacking", _range("stacking", self.stacking, 0.0, 1.0, told, True))
        if self.diameters[0] < self.crystal.node_diameter:
            raise ValueError(
                f"diameters begin at {self.diameters[0]:g} nm; the smallest particle of "
                f"{self.crystal.name} has {self.crystal.node_diameter:.2g} nm"
            )
        if self.instrument is not None and not is_same_beam(
            self.instrument.wavelength, self.wavelength
        ):
            raise ValueError(
                f"wavelength is {self.wavelength:g} Angstrom, and the instrument has "
                f"{self.instrument.wavelength:g}: leave wavelength out, or give another instrument"
            )
        if self.facet is not None:
            check_facet(self.facet)
            if self.texture is True:
                raise ValueError("give a facet, or texture=True, which leaves all reflections free")
            h, k, m = (int(index) for index in self.facet)
            set_to(self, "facet", (h, k, m))
        if self.blank is not None:
            self._check_blank(self.blank)

    @classmethod
    def checked(
        cls,
        crystal: str | Path | Crystal,
        *,
        wavelength: float | None = None,
        instrument: Instrument | str | Path | None = None,
        solvents: str | xr.DataArray | Sequence[str | xr.DataArray] | None = None,
        **ranges: object,
    ) -> Recipe:
        """A recipe from what a caller says, whose None is the default.

        Parameters
        ----------
        crystal : Crystal, str or path-like
        wavelength, instrument, solvents, **ranges
            As of :func:`sk_qdots.make_sizer`.

        Returns
        -------
        Recipe

        Raises
        ------
        ValueError, TypeError
            As the class does, or if the crystal is not known.
        """
        if instrument is not None:
            if isinstance(instrument, str | Path):
                instrument = named_instrument(instrument)
            check_instrument(instrument)
            instrument = at_wavelength(instrument, wavelength)
            wavelength = instrument.wavelength if wavelength is None else wavelength
        several = [solvents] if isinstance(solvents, str | xr.DataArray) else solvents
        for one in several or ():
            if not isinstance(one, str):
                check_is_pattern("an item of solvents", one)
        return cls(
            as_any_crystal(crystal),
            wavelength=WAVELENGTH if wavelength is None else float(wavelength),
            instrument=instrument,
            solvents=None if several is None else tuple(several),
            **{name: value for name, value in ranges.items() if value is not None},  # type: ignore[arg-type]
        )

    def _check_blank(self, blank: xr.DataArray) -> None:
        if not isinstance(blank, xr.DataArray):
            raise TypeError(
                f"blank is a {type(blank).__name__}; expected a DataArray, as "
                "read_solvent(path, wavelength=...) returns"
            )
        check_is_pattern("blank", blank)
        beam = wavelength_of(blank)
        if beam is not None and not is_same_beam(beam, self.wavelength):
            raise ValueError(
                f"the blank was measured at {beam:g} Angstrom, and the sizer is for "
                f"{self.wavelength:g}: measure it as the patterns, or give their wavelength"
            )
        rows, q = rows_of(blank), q_of(blank)
        if len(rows) != 1:
            raise ValueError(f"blank has {len(rows)} patterns; expected one")
        check_axis(q, rows.shape[1])

    @cached_property
    def reflections(self) -> FloatArray:
        """Strong ones as far as the wavelength reaches, in 1/Angstrom."""
        end = min(float(default_q_grid()[-1]), _END * 4.0 * np.pi / self.wavelength)
        return strong_reflections(self.crystal, end, self.wavelength, cache=self.cache)

    @cached_property
    def q(self) -> FloatArray:
        """The grid, in 1/Angstrom: the usual one as far as the wavelength reaches."""
        usual = default_q_grid()
        grid = usual[usual <= _END * 4.0 * np.pi / self.wavelength]
        found = self.reflections
        first = _LOWEST * float(found[0]) if len(found) else float(grid[0])
        below = max(int(np.ceil((grid[0] - first) / _STEP)), 0)
        return np.asarray(grid[0] + _STEP * np.arange(-below, len(grid)))

    @property
    def classes(self) -> IntArray:
        """Diameters in picometres that are told apart: every half nm, and what lies between."""
        low, high = np.floor(2.0 * self.diameters[0]), np.ceil(2.0 * self.diameters[1])
        return np.arange(max(low, 1.0), high + 1.0).astype(np.int64) * _CLASS

    def usual(self) -> Recipe | None:
        """The same of the usual populations alone; None where it asks for no others.

        Returns
        -------
        Recipe or None
        """
        diameters = _common(self.diameters, DIAMETERS)
        # Narrow populations need no particles of their own.
        narrowest = min(self.dispersions[0], DISPERSIONS[0])
        dispersions = _common(self.dispersions, (narrowest, DISPERSIONS[1]))
        if diameters is None or dispersions is None:
            return None
        if (diameters, dispersions) == (self.diameters, self.dispersions):
            return None
        return replace(self, diameters=diameters, dispersions=dispersions)

    def is_reached(self, found: PatternPosterior) -> bool:
        """Whether draws crowd at an end of the diameters, or at the broad one of the dispersions.

        Parameters
        ----------
        found : PatternPosterior

        Returns
        -------
        bool
        """
        (low, high), (narrow, broad) = self.diameters, self.dispersions
        room, broader = _REACHED * (high - low), _REACHED * (broad - narrow)
        smallest, largest = found.interval("diameter")
        is_broad = found.interval("dispersion")[1] > broad - broader
        return smallest < low + room or largest > high - room or is_broad

    def standardizer(self) -> QStandardizer:
        """What puts patterns on the grid.

        Returns
        -------
        QStandardizer
            Fitted.
        """
        q = self.q
        made = QStandardizer(q_min=float(q[0]), q_max=float(q[-1]), n_points=len(q))
        return made.fit(np.ones((1, len(q))))

    def facts(self, name: str | None = None) -> Facts:
        """What a sizer made of it says of itself.

        Parameters
        ----------
        name : str, optional
            That of the crystal by default.

        Returns
        -------
        Facts

        Raises
        ------
        ValueError
            If no range that the wavelength reaches holds two reflections, or the name is not
            valid.
        """
        called = _plain_name(self.crystal.name) if name is None else name
        if not NAME.fullmatch(called):
            raise ValueError(
                f"the name {called!r} is not valid: give name=, 1 to 80 letters, digits, blanks or "
                "._+()-"
            )
        q = self.q
        places = np.round(self.reflections[self.reflections >= q[0]], 3)
        apart = distinct(places)
        if len(apart) < LEAST:
            raise ValueError(
                f"crystal {self.crystal.name} has {len(apart)} strong reflections that are apart "
                f"from each other at {self.wavelength:g} Angstrom (Q = {q[0]:.3g} to {q[-1]:.3g} "
                "1/Angstrom); a size needs two: take a shorter wavelength"
            )
        return Facts(
            name=called,
            required_range=(float(apart[0]), float(apart[1])),
            coarsest_step=PEAK_WIDTH / (10.0 * self.diameters[1]),
            largest_strain=max(abs(end) for end in self.strains) + _STRAIN_ROOM,
            simulation=self.told(),
            reflections=tuple(places.tolist()),
        )

    def told(self) -> JsonObject:
        """What answers say of it: everything but the curves and the atoms.

        Returns
        -------
        dict
            JSON values.
        """
        solvents: Json = None
        if self.solvents is not None:
            solvents = [curve_name(one) for one in self.solvents]
        return {
            "crystal": printable(self.crystal.name),
            "crystal_reference": printable(self.crystal.reference),
            "wavelength": self.wavelength,
            "diameters": list(self.diameters),
            "dispersions": list(self.dispersions),
            "strains": list(self.strains),
            "b_iso": None if self.b_iso is None else list(self.b_iso),
            "stacking": None if self.stacking is None else list(self.stacking),
            "texture": self.texture,
            "facet": None if self.facet is None else list(self.facet),
            "shape": self.shape if isinstance(self.shape, str) else list(self.shape),
            "solvents": solvents,
            "blank": None if self.blank is None else curve_name(self.blank),
            "distribution": self.distribution,
            "instrument": None if self.instrument is None else self.instrument.name or "given",
        }


def as_any_crystal(crystal: str | Path | Crystal) -> Crystal:
    """A crystal, a built-in one by its name, or that of a CIF.

    Parameters
    ----------
    crystal : Crystal, str or path-like
        A text that ends in ``.cif`` is a path.

    Returns
    -------
    Crystal

    Raises
    ------
    ValueError
        If there is none of this name, or the CIF holds none.
    TypeError
        If it is something else.
    """
    if isinstance(crystal, Crystal):
        return crystal
    if isinstance(crystal, Path) or (isinstance(crystal, str) and crystal.lower().endswith(".cif")):
        return Crystal.from_cif(crystal)
    if isinstance(crystal, str):
        return Crystal.builtin(crystal)
    raise TypeError(
        f"crystal is a {type(crystal).__name__}; give a Crystal, the name of a built-in one, or "
        "the path of a CIF"
    )


def _range(
    name: str, given: Sequence[float], low: float, high: float, how: str, may_be_low: bool = False
) -> Range:
    """Two ends of a range, checked."""
    try:
        ends = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.array([])
    if ends.shape != (2,) or not np.isfinite(ends).all():
        raise ValueError(f"{name} is {given!r}; give the lowest and the highest, {how}")
    above = low <= ends[0] if low < 0.0 or may_be_low else low < ends[0]
    if not (above and ends[0] < ends[1] <= high):
        raise ValueError(
            f"{name} is {tuple(ends.tolist())}; the second must be above the first, and both lie "
            f"in {low:g} to {high:g}, {how}"
        )
    return float(ends[0]), float(ends[1])


def _common(asked: Range, usual: Range) -> Range | None:
    """What two ranges have in common; None where that is nothing."""
    low, high = max(asked[0], usual[0]), min(asked[1], usual[1])
    return (low, high) if low < high else None


def _plain_name(name: str) -> str:
    """A name of letters that manifests may hold."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w .+()-]+", "-", ascii_only.replace("_", " ")).strip()[:80] or "crystal"


def curve_name(curve: str | xr.DataArray) -> str:
    """What a curve is called."""
    if isinstance(curve, str):
        return curve
    return printable(str(curve.attrs.get("source", curve.name or "a curve")))

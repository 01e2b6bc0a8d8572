"""Patterns whose truth is known, by what a user may bring: right ones, foreign ones, wrong ones.

Right patterns are of the sizer's crystal, in liquids that training has not seen, under conditions
of :func:`sk_qdots.model_selection.robustness_conditions`, with strains that raise no doubt. Foreign
ones are of other crystals: there is no right answer. Wrong ones are of the sizer's crystal but not
as it takes them to be: particles of other shapes or sizes, counts or wavelengths that are not as
told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from typing import Literal, TypeAlias

import numpy as np
import xarray as xr
from scipy.ndimage import uniform_filter1d
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .._typing import FloatArray, IntArray
from ..augmentation import (
    InstrumentBroadening,
    QTruncation,
    SolventMixer,
    library_samples,
)
from ..instruments import Instrument
from ..instruments.radiation import ANODES
from ..model_selection import Remeasurement, measured_samples, robustness_conditions
from ..model_selection.conditions import LABORATORY_RANGE, Perturbation, perturbed
from ..preprocessing.patterns import area
from ..simulation import Crystal, Cylinder, simulate_library
from ..simulation.crystal import as_crystal
from ..sizing import Sizer
from ..sizing.verdicts import usual_strains
from .foreign import other_dots, other_powders
from .populations import (
    Populations,
    builtin_crystal,
    held_out_curves,
    populations_of,
    wavelength_of,
)

__all__ = ["Kind", "Row", "Worlds", "worlds_for"]

Kind: TypeAlias = Literal["right", "foreign", "wrong"]
Range: TypeAlias = tuple[float | None, float | None]

RANGES: dict[str, Range] = {  # 1/Angstrom
    "full range": (None, None),
    "up to 4.4 1/Å": (None, 4.4),
    "1.7 to 3 1/Å": (1.7, 3.0),
    "1.8 to 2.5 1/Å": (1.8, 2.5),
}
_MIDDLE = (3000, 6500)  # pm, of particles of other shapes
_LITTLE, _BROAD = 0.05, 0.3  # degrees two-theta: resolutions
_WAVELENGTHS = (0.005, 0.01, 0.02)  # by which they are wrong
_TOO_MUCH = 1.5  # of the liquid, that is subtracted
_DILUTED = 0.37  # share of the dots in what is subtracted from
_CUT = 0.5  # of the strongest point, where a detector ends
_SMOOTHED = 9  # points
_TWO = (3000, 6000)  # pm
_MARGIN = 0.1  # 1/Angstrom, beyond a range, from where a resolution reaches into it
_AREA = 1000.0


@dataclass(frozen=True)
class Row:
    """Patterns that are alike.

    Parameters
    ----------
    name : str
    kind : {"right", "foreign", "wrong"}
    make : callable
        Makes so many patterns (sample, q) with the coordinates ``number_diameter`` and
        ``volume_diameter`` (nm; NaN where there is no right answer) and ``what`` (the crystal).
    instrument : Instrument, optional
        That is told with them.
    known : Instrument, optional
        That they were measured with, which a posterior that knows everything is told.
    """

    name: str
    kind: Kind
    make: Callable[[int], xr.DataArray]
    instrument: Instrument | None = None
    known: Instrument | None = None


@dataclass(frozen=True)
class Worlds:
    """Rows for a sizer.

    Parameters
    ----------
    crystal : Crystal or str
        Of the sizer.
    classes : ndarray of shape (n_classes,)
        Its diameters, in picometres.
    curves : mapping of str to DataArray
        Liquids that training has not seen.
    q : ndarray of shape (n_q,)
        Its grid, in 1/Angstrom.
    wavelength : float
        In Angstrom.
    populations : mapping
        ``dispersions`` and ``strains`` between those that it was trained on.
    seed : int
    """

    crystal: str | Crystal
    classes: IntArray
    curves: Mapping[str, xr.DataArray]
    q: FloatArray
    wavelength: float
    populations: Populations
    seed: int
    _made: dict[int, xr.DataArray] = field(default_factory=dict, repr=False)

    def rows(self) -> list[Row]:
        """All of them."""
        return [*self._right(), *self._foreign(), *self._wrong()]

    # ---- Right patterns.

    def _right(self) -> Iterator[Row]:
        ideal = Instrument((self.wavelength,))
        profile = InstrumentBroadening(w=_LITTLE**2, wavelength=self.wavelength)
        seen = Instrument((self.wavelength,), w=profile.w, eta=profile.eta)
        cut = {
            "up to 4.4 1/Å": QTruncation(q_max=4.4),
            "1.8 to 2.5 1/Å": QTruncation(q_min=1.8, q_max=2.5),
        }
        conditions = self._conditions
        broad = conditions[f"broadening={_LITTLE:g}"]
        yield self._row("standard", "right", None, known=ideal)
        yield self._row("standard, instrument told", "right", None, told=ideal, known=ideal)
        for name, perturbation in cut.items():
            yield self._row(name, "right", perturbation, known=ideal)
        yield self._row("500 points", "right", conditions["step=10"], known=ideal)
        for c in ("0.1", "0.046"):
            diluted = conditions[f"qd_fraction={c}"]
            yield self._row(f"{100 * float(c):g} % dots", "right", diluted, known=ideal)
        yield self._row("dry", "right", self._fresh(qd_fraction=1.0), known=ideal)
        width = f"resolution {_LITTLE:g}°"
        yield self._row(f"{width}, not told", "right", broad, known=seen)
        yield self._row(f"{width}, told", "right", broad, told=seen, known=seen)
        laboratory = conditions["laboratory=all"]
        assert isinstance(laboratory, Remeasurement)
        tube = clone(laboratory).set_params(wavelength=_copper())
        yield self._row("laboratory, Cu tube", "right", tube, beam=_copper())

    @cached_property
    def _conditions(self) -> dict[str, Perturbation]:
        tests = ("step", "qd_fraction", "broadening", "laboratory")
        made = robustness_conditions(
            tests,
            crystal=self.crystal,
            solvents=self.curves,
            wavelength=self.wavelength,
            random_state=self.seed,
            **self.populations,
        )
        return {condition.name: condition.perturbation for condition in made}

    # ---- Foreign crystals.

    def _foreign(self) -> Iterator[Row]:
        settings = (self.crystal, self.curves, self.q, self.wavelength, self.seed)
        others = {"dots of other crystals": other_dots, "powders of other crystals": other_powders}
        for name, measured in others.items():
            make = lru_cache(maxsize=1)(partial(measured, *settings))
            for words, ends in RANGES.items():
                cut = partial(_between, ends=ends)
                yield Row(f"{name}, {words}", "foreign", partial(_then, cut, make))

    # ---- Wrong patterns.

    def _wrong(self) -> Iterator[Row]:
        liquid = partial(self._measured, perturbation=self._fresh(qd_fraction=_DILUTED))
        counts: dict[str, Callable[[xr.DataArray], xr.DataArray]] = {
            "over-subtracted": self._over_subtracted,
            "saturated": _saturated,
            "smoothed": _smoothed,
        }
        for name, change in counts.items():
            yield Row(name, "wrong", partial(_then, change, liquid))
        standard = partial(self._measured, perturbation=None)
        for off in _WAVELENGTHS:
            for sign, word in ((1.0, "long"), (-1.0, "short")):
                stated = partial(_stated, factor=1.0 + sign * off)
                name = f"wavelength {100 * off:g} % too {word}"
                yield Row(name, "wrong", partial(_then, stated, standard))
        middle = [c for c in self.classes if _MIDDLE[0] <= c <= _MIDDLE[1]] or list(self.classes)
        one = self.populations["strains"][len(self.populations["strains"]) // 2]
        levels = self.populations["dispersions"]
        rods, platelets = Cylinder(3.0, 1.0), Cylinder(0.25, 1.0)
        shapes = {"rods, 3 times as long as wide": rods, "platelets, 4 times as wide": platelets}
        yield Row("3 and 6 nm, half and half", "wrong", self._two_sizes)
        for name, shape in shapes.items():
            yield self._row(name, "wrong", self._fresh(shape=shape, strains=(one,)), sizes=middle)
        broad = self._fresh(dispersions=(0.4,), strains=(one,))
        yield self._row("dispersion 0.4", "wrong", broad, sizes=middle)
        for size, dispersion in ((1000, max(levels)), (15_000, min(levels))):
            alone = self._fresh(dispersions=(dispersion,), strains=(one,))
            yield self._row(f"{size / 1000:g} nm", "wrong", alone, sizes=[size])
        q_min, q_max = LABORATORY_RANGE
        blurred = make_pipeline(
            QTruncation(q_min=q_min - _MARGIN, q_max=q_max + _MARGIN),
            InstrumentBroadening(w=_BROAD**2, wavelength=_copper()),
            QTruncation(q_min=q_min, q_max=q_max),
        )
        tube = self._fresh(instrument=blurred, qd_fraction=1.0, wavelength=_copper())
        yield self._row(f"resolution {_BROAD:g}°, Cu tube", "wrong", tube, beam=_copper())
        other = str(as_crystal(self.crystal).name).replace("zinc blende", "wurtzite")
        if other != as_crystal(self.crystal).name and other in Crystal.builtin_names():
            yield self._row(f"{other}", "wrong", self._fresh(crystal=other, strains=(0.0,)))

    def _over_subtracted(self, X: xr.DataArray) -> xr.DataArray:
        """Less too much of their liquid."""
        left = X.values.astype(np.float64)
        for name in np.unique(X["solvent"].values):
            here = X["solvent"].values == name
            pure = SolventMixer(self.curves[name], 1e-9, wavelength=self.wavelength)
            left[here] -= _TOO_MUCH * (1.0 - _DILUTED) * pure.fit_transform(X[here]).values
        return X.copy(data=left).assign_attrs(subtracted="the liquid")

    def _two_sizes(self, n: int) -> xr.DataArray:
        """Two populations that scatter as much."""
        small, large = (size / 1000.0 for size in _TWO)
        strain = self.populations["strains"][len(self.populations["strains"]) // 2]
        s = min(self.populations["dispersions"])
        library = simulate_library(
            self.crystal,
            diameters=[large],
            dispersions=[s],
            strains=[strain],
            q=self.q,
            wavelength=self.wavelength,
            progress=False,
        )
        beside = library_samples(library)[0].values
        beside = beside * (_AREA / area(beside, self.q))[:, None]
        mixed = FunctionTransformer(_mean_with, kw_args={"other": beside}, validate=False)
        one = self._fresh(mixed, dispersions=(s,), strains=(strain,))
        X = self._measured(n, one, sizes=[_TWO[0]])
        # As much volume of each, so that of the smaller ones there are more.
        shares = np.array([small, large]) ** -3.0
        number = float(shares @ [small, large] / shares.sum())
        volume = 0.5 * (small + large) * (1.0 + s**2) ** 3
        truth = {"number_diameter": number, "volume_diameter": volume}
        return X.assign_coords({k: ("sample", np.full(n, value)) for k, value in truth.items()})

    # ---- What they are made by.

    def _fresh(self, dots: object = None, **settings: object) -> Remeasurement:
        told: dict[str, object] = {
            "crystal": self.crystal,
            "curves": self.curves,
            "wavelength": self.wavelength,
            "random_state": self.seed,
            **self.populations,
        }
        return Remeasurement(dots, **{**told, **settings})  # type: ignore[arg-type]

    def _row(
        self,
        name: str,
        kind: Kind,
        perturbation: Perturbation,
        *,
        sizes: Sequence[int] | None = None,
        beam: float | None = None,
        told: Instrument | None = None,
        known: Instrument | None = None,
    ) -> Row:
        make = partial(self._measured, perturbation=perturbation, sizes=sizes, beam=beam)
        return Row(name, kind, make, told, known)

    def _measured(
        self,
        n: int,
        perturbation: Perturbation,
        sizes: Sequence[int] | None = None,
        beam: float | None = None,
    ) -> xr.DataArray:
        """Patterns of the sizer's dots under a condition."""
        X = self._standard(n)
        if beam is not None:  # a tube does not reach the end of the grid
            X = X.sel(q=slice(None, LABORATORY_RANGE[1] + 2.0 * _MARGIN))
        changed = perturbed(perturbation, X, self._labels(n, sizes))[0]
        assert isinstance(changed, xr.DataArray)
        return self._with_truth(changed).assign_attrs(wavelength=beam or self.wavelength)

    def _labels(self, n: int, sizes: Sequence[int] | None = None) -> IntArray:
        """Each size as often, and any of them where there are fewer patterns."""
        rng = np.random.default_rng(self.seed)
        return np.resize(rng.permutation(self.classes if sizes is None else sizes), n)

    def _standard(self, n: int) -> xr.DataArray:
        if n not in self._made:
            self._made[n] = measured_samples(
                self._labels(n),
                n,
                solvents=self.curves,
                q=self.q,
                random_state=self.seed,
                crystal=self.crystal,
                wavelength=self.wavelength,
                **self.populations,
            )[0]
        return self._made[n]

    def _with_truth(self, X: xr.DataArray) -> xr.DataArray:
        number = X["diameter"].values.astype(np.float64)
        broader = (1.0 + X["dispersion"].values.astype(np.float64) ** 2) ** 3
        return X.assign_coords(
            number_diameter=("sample", number),
            volume_diameter=("sample", number * broader),  # of a lognormal
            what=("sample", [as_crystal(self.crystal).name] * len(number)),
        )


def worlds_for(sizer: Sizer, *, seed: int) -> Worlds:
    """Rows for a sizer of a built-in crystal, in the liquids that are held out.

    Parameters
    ----------
    sizer : Sizer
    seed : int

    Returns
    -------
    Worlds

    Raises
    ------
    EvaluationError
        If the crystal is not built in, or its dots cannot be simulated afresh.
    """
    crystal, wavelength = builtin_crystal(sizer), wavelength_of(sizer)
    populations = populations_of(sizer, crystal)[1]
    if sizer.facts.strains is not None:
        low, high = usual_strains(sizer.facts.strains)
        inner = tuple(s for s in populations["strains"] if low <= s <= high)
        populations = {**populations, "strains": inner or populations["strains"]}
    return Worlds(
        crystal,
        sizer.inner_classes,
        held_out_curves(wavelength),
        np.asarray(sizer.q_),
        wavelength,
        populations,
        seed,
    )


def _copper() -> float:
    """K-alpha 1, in Angstrom."""
    return float(ANODES["Cu"][0])


def _then(
    change: Callable[[xr.DataArray], xr.DataArray], make: Callable[[int], xr.DataArray], n: int
) -> xr.DataArray:
    """So many patterns, changed."""
    return change(make(n))


def _between(X: xr.DataArray, ends: Range) -> xr.DataArray:
    return X.sel(q=slice(*ends))


def _mean_with(X: xr.DataArray, other: FloatArray) -> xr.DataArray:
    return X.copy(data=0.5 * (X.values + other))


def _saturated(X: xr.DataArray) -> xr.DataArray:
    """As a detector that counts no higher has them."""
    return X.copy(data=np.minimum(X.values, _CUT * X.values.max(axis=1, keepdims=True)))


def _smoothed(X: xr.DataArray) -> xr.DataArray:
    """Running means."""
    return X.copy(data=uniform_filter1d(X.values.astype(np.float64), _SMOOTHED, axis=1))


def _stated(X: xr.DataArray, factor: float) -> xr.DataArray:
    """As read with a wavelength that is so many times the true one."""
    changed = X.assign_coords(q=("q", X["q"].values / factor, X["q"].attrs))
    return changed.assign_attrs(wavelength=factor * float(X.attrs["wavelength"]))

"""What a sizer was made for: ranges, steps, strains, and how it came about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import xarray as xr

from .._typing import FloatArray, Json, JsonObject
from ..augmentation.base import Transformer
from ..augmentation.facts import augmentation_facts, trained_limits, transformers_of
from ..neural_network.saved import checked_number, checked_object
from .calibration import Calibration

__all__ = ["NAME", "Facts", "check_printable", "facts_from_manifest", "facts_from_training"]

_LARGEST_STRAIN = 0.011  # that a pattern may show, unless a sizer was trained for more
_STRAIN_ROOM = 0.005  # beyond the trained strains, before a pattern is refused
_LARGEST_DISPERSION = 10.0
NAME = re.compile(r"[\w .+()-]{1,80}", flags=re.ASCII)


@dataclass(frozen=True)
class Facts:
    """What a sizer says of itself.

    Parameters
    ----------
    name : str
        What it is called.
    required_range : tuple of 2 float
        A pattern must start at or below the first and end at or above the second, in
        1/Angstrom.
    coarsest_step : float
        Largest step of a pattern, in 1/Angstrom.
    largest_strain : float
        Of a pattern that is not refused, fraction.
    simulation, training : mapping
        Of the library, and how it was trained and how well it does; JSON values.
    augmentation : mapping or None
        Class and parameters of the augmenter.
    dispersions : tuple of 2 float or None
        Smallest and largest that it was trained on, where that is known.
    reflections : tuple of float
        Of the crystal, in 1/Angstrom, for a sizer that needs any two of them, whatever the
        range; ``required_range`` is then that of the first two.
    calibration : Calibration or None
        Of the intervals, where there is one.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> sq.load_sizer("PbS").facts.required_range
    (1.8, 2.4)
    """

    name: str
    required_range: tuple[float, float]
    coarsest_step: float
    largest_strain: float = _LARGEST_STRAIN
    simulation: JsonObject = field(default_factory=dict)
    training: JsonObject = field(default_factory=dict)
    augmentation: JsonObject | None = None
    dispersions: tuple[float, float] | None = None
    reflections: tuple[float, ...] = ()
    calibration: Calibration | None = None

    @property
    def strains(self) -> tuple[float, float] | None:
        """Lowest and highest that it was trained on, where that is known."""
        settings = self.training.get("settings")
        said = settings.get("strains") if isinstance(settings, dict) else None
        if not isinstance(said, list) or len(said) < 2:
            return None
        values = [checked_number(value) for value in said]
        return min(values), max(values)

    def to_dict(self) -> JsonObject:
        """What the manifest holds of it.

        Returns
        -------
        dict
        """
        return {
            "name": self.name,
            "required_range": list(self.required_range),
            "coarsest_step": self.coarsest_step,
            "largest_strain": self.largest_strain,
            "simulation": self.simulation,
            "augmentation": self.augmentation,
            "training": self.training,
            **({"reflections": list(self.reflections)} if self.reflections else {}),
            **({"calibration": self.calibration.to_dict()} if self.calibration else {}),
        }


def facts_from_training(
    name: str,
    training: Mapping[str, Json],
    library: xr.Dataset | None,
    augmenter: Transformer | None,
    q: FloatArray,
) -> Facts:
    """Facts of a sizer that is made here.

    Raises
    ------
    ValueError
        If the augmenter drew on another grid.
    """
    grids = [step.q_ for step in transformers_of(augmenter) if hasattr(step, "q_")]
    if not all(np.allclose(grid, q, atol=1e-6) for grid in grids):
        raise ValueError(
            "the augmenter drew on another Q grid than the standardiser's; give it "
            "q=pipeline['qstandardizer'].q_ and fit again"
        )
    strains = [float(np.abs(np.asarray(library["strain"])).max())] if library is not None else []
    settings = training.get("settings")
    if isinstance(settings, dict) and isinstance(trained := settings.get("strains"), list):
        strains += [abs(checked_number(strain)) for strain in trained]
    required_range, coarsest_step = trained_limits(augmenter, q)
    return Facts(
        name=name,
        required_range=required_range,
        coarsest_step=coarsest_step,
        largest_strain=max([_LARGEST_STRAIN, *(strain + _STRAIN_ROOM for strain in strains)]),
        simulation={} if library is None else {str(k): v for k, v in library.attrs.items()},
        training=dict(training),
        augmentation=augmentation_facts(augmenter),
        dispersions=_trained_dispersions(training, library),
    )


def _trained_dispersions(
    training: Mapping[str, Json], library: xr.Dataset | None = None
) -> tuple[float, float] | None:
    """Smallest and largest dispersion of the training, or else of the library."""
    settings = training.get("settings")
    said = settings.get("dispersions") if isinstance(settings, dict) else None
    if isinstance(said, list) and said:
        values = [checked_number(value) for value in said]
    elif library is not None:
        values = np.asarray(library["dispersion"], dtype=np.float64).ravel().tolist()
    else:
        return None
    if not all(0.0 <= value <= _LARGEST_DISPERSION for value in values):
        raise ValueError("the trained dispersions are not valid; they are fractions")
    return min(values), max(values)


def facts_from_manifest(manifest: Mapping[str, Json], q: FloatArray) -> Facts:
    """Facts that a manifest holds, checked.

    Raises
    ------
    KeyError, TypeError, ValueError
        If something is missing, of another kind, or out of range.
    """
    ends = manifest["required_range"]
    if isinstance(ends, str) or not isinstance(ends, list | tuple):
        raise TypeError(f"required_range is {ends!r}; it must be two numbers")
    start, end = (checked_number(value) for value in ends)
    step = checked_number(manifest["coarsest_step"])
    inside = q[0] - 0.01 <= start < end <= q[-1] + 0.01
    if not (inside and 0 < step < end - start):
        raise ValueError("required_range or coarsest_step is not valid")
    name = manifest["name"]
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        raise ValueError(
            f"the name {name!r} is not valid: give 1 to 80 letters, digits, blanks or ._+()-"
        )
    simulation, training = manifest["simulation"], manifest["training"]
    augmentation = manifest["augmentation"]  # None for a network that was trained without
    if not (
        isinstance(simulation, dict)
        and isinstance(training, dict)
        and (augmentation is None or isinstance(augmentation, dict))
    ):
        raise ValueError("simulation, training and augmentation must be objects")
    check_printable([simulation, training, augmentation])
    calibration = manifest.get("calibration")
    check_printable(calibration)
    strain = checked_number(manifest.get("largest_strain", _LARGEST_STRAIN))
    if not 0.0 < strain <= 0.2:
        raise ValueError("largest_strain is not valid")
    return Facts(
        name,
        (start, end),
        step,
        strain,
        simulation,
        training,
        augmentation,
        _trained_dispersions(training),
        _checked_reflections(manifest.get("reflections", [])),
        None
        if calibration is None
        else Calibration.from_dict(checked_object(calibration, "the calibration")),
    )


def _checked_reflections(given: Json) -> tuple[float, ...]:
    if not isinstance(given, list):
        raise TypeError("the reflections must be a list")
    places = tuple(checked_number(value) for value in given)
    if len(places) == 1 or any(not 0.0 < a < b for a, b in pairwise(places)):
        raise ValueError("the reflections must be two or more positive numbers that ascend")
    return places


def check_printable(value: Json) -> None:
    """Refuse control characters: texts are shown on terminals.

    Raises
    ------
    ValueError
        If a text holds any.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            check_printable(key)
            check_printable(item)
    elif isinstance(value, list):
        for item in value:
            check_printable(item)
    elif isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{value[:40]!r} holds control characters")

"""What a CIF says of itself beside its atoms, and which reading of it agrees.

Formula times Z, density, volume and multiplicities follow from cell, symmetry and sites, so they
tell a wrong reading. They decide between settings that a symbol or a number leaves open; where
they do not, atoms on top of each other do. What one reading contradicts is told with both
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from .._typing import FloatArray
from ._cif_facts import Facts
from ._cif_readings import CROWDED, Reading, formula_text, with_sites_once
from ._cif_sites import GROUPS_LEFT_OUT, Site
from ._orbits import Symmetry
from ._space_groups import Settings, other_settings
from .sites import listed

__all__ = ["chosen_reading"]

_CLEARLY = 0.1  # of the logarithm of a ratio; readings that fit worse by more are left out
_MOST_ORBITS = 15_000  # sites times settings
_MOST_TOLD = 3  # settings in a message
_MOST_IMAGES = 100_000  # in all settings that are tried beside one that is wrong


def chosen_reading(
    settings: Settings,
    vectors: FloatArray,
    sites: Sequence[Site],
    facts: Facts,
    notes: list[str],
) -> Reading:
    """The reading of a CIF that agrees best with what it says of itself.

    Raises
    ------
    ValueError
        If several are as good and differ; the message has them all.
    """
    many = any(len(s) > 1 for s in settings.symmetries)
    if many and len(sites) * len(settings.symmetries) > _MOST_ORBITS:
        raise ValueError(f"{len(sites)} sites are more than can be read with their symmetry")
    readings = [
        with_sites_once(Reading(symmetry, vectors, sites), facts)
        for symmetry in settings.symmetries
    ]
    reading = readings[0] if len(readings) == 1 else _best(readings, settings, facts, notes)
    if settings.from_operations and settings.others:
        reading = _beside_operations(reading, sites, settings, facts, notes)
    contradictions = reading.contradictions(facts)
    by_symbol = not settings.from_operations and len(reading.symmetry) > 1
    crowded = by_symbol and reading.closest < CROWDED
    better: list[Reading] = []
    if by_symbol and (contradictions or crowded):
        better = _better(reading, sites, facts)
    if crowded and better:
        raise ValueError(
            f"atoms are on top of each other by {reading.symmetry.name}, and have room in another "
            f"setting: {listed([r.told for r in better], '; ')}. Write that of the coordinates"
        )
    if contradictions:
        also = ""
        if better:
            also = f". In another setting it agrees: {listed([r.told for r in better], '; ')}"
        notes.append(
            f"the file contradicts itself: it says {listed(contradictions, '; ')}{also}; check "
            "space group, sites and occupancies"
        )
    if reading.again:
        notes.append(
            "sites that are images of others under the symmetry are left out: "
            f"{listed(list(dict.fromkeys(reading.again)))}"
        )
    hydrogen = reading.lacking_hydrogen(facts)
    if hydrogen:
        notes[:] = [note for note in notes if not note.startswith(GROUPS_LEFT_OUT)]
        there = reading.counts.get("H", 0.0)
        told = f"no site holds H{hydrogen:.3g} that the formula has in the cell; it is"
        if there:
            told = (
                f"sites hold H{there:.3g} of the H{there + hydrogen:.3g} that the formula has in "
                "the cell; the rest is"
            )
        notes.append(f"{told} left out, and scatters little")
    if settings.conflict:
        notes.append(f"{settings.conflict}; {reading.symmetry.name} is taken")
    if reading.moved:
        far = [f"{label} ({shift:.2g} Angstrom)" for label, shift in reading.moved.items()]
        notes.append(f"sites are moved onto the special positions that are near: {listed(far)}")
    if not reading.has_room:
        notes.append(
            f"{formula_text(reading.counts)} in {reading.volume:.4g} Angstrom^3 are denser than "
            "any crystal; check cell and space group"
        )
    return reading


def _better(reading: Reading, sites: Sequence[Site], facts: Facts) -> list[Reading]:
    """Readings in other settings of the same group that the file does not contradict."""
    others = other_settings(reading.symmetry, reading.vectors)
    if len(sites) * len(others) * len(reading.symmetry) > _MOST_IMAGES:
        return []
    readings = _readings(others, reading.vectors, sites, facts)
    fitting = [r for r in readings if r.is_possible and not r.moved and not r.contradictions(facts)]
    return _different(fitting)[:_MOST_TOLD]


def _readings(
    symmetries: Sequence[Symmetry], vectors: FloatArray, sites: Sequence[Site], facts: Facts
) -> list[Reading]:
    """Readings that have no more atoms than can be, beside one that stands."""
    found = []
    for symmetry in symmetries:
        reading = Reading(symmetry, vectors, sites)
        if reading.is_countable:
            found.append(with_sites_once(reading, facts))
    return found


def _beside_operations(
    reading: Reading,
    sites: Sequence[Site],
    settings: Settings,
    facts: Facts,
    notes: list[str],
) -> Reading:
    """The reading by operations, or that by the symbol where only that can be."""
    wrong = reading.contradictions(facts)
    numbers = {len(s) for s in settings.others}
    confirmed = bool(facts.formula and (facts.units or facts.density)) and not wrong
    if reading.is_possible and (confirmed or (len(reading.symmetry) in numbers and not wrong)):
        return reading
    everything = _readings(settings.others, reading.vectors, sites, facts)
    if len(reading.symmetry) == 1 and any(reading.is_like(r) for r in everything):
        return reading
    others = everything
    decided = bool(facts.formula and (facts.units or facts.density) and wrong)
    others = _different(
        [
            r
            for r in others
            if r.is_possible and not r.moved and not (wrong and r.contradictions(facts))
        ]
    )
    if len(others) == 1 and (decided or not reading.is_possible):
        reason = "do not agree with the formula" if decided else "bring atoms too near"
        notes.append(
            f"its symmetry operations {reason} ({reading.told}); {others[0].told} is taken"
        )
        return others[0]
    if len(reading.symmetry) not in numbers:
        other = settings.others[0]
        contents = ""
        if len(reading.symmetry) == 1 and everything:
            contents = f": {reading.told} and {everything[0].told}"
        notes.append(
            f"its symmetry operations are taken; they are {len(reading.symmetry)}, where the space "
            f"group {other.name} that it names has {len(other)}{contents}"
        )
    return reading


def _best(readings: list[Reading], settings: Settings, facts: Facts, notes: list[str]) -> Reading:
    """The one reading of several that is left when what cannot be is left out."""
    worst = min(r.misfit(facts) for r in readings) + _CLEARLY
    left = _different([r for r in readings if r.misfit(facts) <= worst])
    left = [r for r in left if r.is_possible] or left
    left = [r for r in left if not r.moved] or left
    usual = readings[0] if settings.usual and readings[0] in left else None
    if len(left) > 1 and usual and facts.formula and not usual.contradictions(facts):
        notes.append(
            f"{settings.said} leaves the setting open; the usual {usual.symmetry.name} is taken"
        )
        left = [usual]
    if len(left) > 1:
        raise ValueError(
            f"{settings.said} may be read in {len(left)} ways, and nothing in the file tells "
            f"which: {listed([r.told for r in left], '; ')}. Write the setting with the symbol "
            f"(such as {left[-1].symmetry.name!r}), or the symmetry operations"
        )
    if left[0] is not readings[0] and settings.usual:
        notes.append(
            f"{settings.said} leaves the setting open: {left[0].told} is taken, and not "
            f"{readings[0].told}"
        )
    return left[0]


def _different(readings: Sequence[Reading]) -> list[Reading]:
    """One of those that are the same crystal."""
    kept: list[Reading] = []
    for reading in readings:
        if not any(reading.is_like(k) for k in kept):
            kept.append(reading)
    return kept

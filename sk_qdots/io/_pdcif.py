"""Powder CIF: measured patterns among the data blocks of a CIF.

Of several intensities the first of these is read that has an abscissa: counts
(``_pd_meas_counts_total``), measured intensities (``_pd_meas_intensity_total``), processed
ones (``_pd_proc_intensity_total``), those net of a background
(``_pd_proc_intensity_net``). The abscissa is two-theta as corrected, else as measured,
listed or as a range, else d or Q; it stands in the same loop or has as many values. What
was calculated (``_pd_calc_...``) is never taken for measured.

References
----------
.. [1] B. H. Toby, in International Tables for Crystallography Volume G (2006), ch. 3.3;
   https://www.iucr.org/resources/cif/dictionaries/cif_pd
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from .._typing import FloatArray
from ._scan import (
    MAX_POINTS,
    MAX_SCANS,
    Columns,
    NoPattern,
    PatternError,
    Scan,
    Wavelength,
    doublet,
    label_of,
    read_each,
    separating_crystal,
    stopped,
)
from ._text import MAX_LINE
from ._times import moment

if TYPE_CHECKING:
    import gemmi

__all__ = ["is_cif", "read_cif"]

_MAX_NUMBER = 60  # characters
_HEADER_LINES = 5_000
_FIRST = re.compile(r"\s*data_\S*\s*(#.*)?", re.IGNORECASE)
_ITEM = re.compile(r"\s*(_\w|loop_)", re.IGNORECASE)
_VALUE = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:\((\d+)\))?((?:[eEdD][+-]?\d+)?)")
_ANGLES = (
    "_pd_proc_2theta_corrected",
    "_pd_meas_2theta_corrected",
    "_pd_meas_2theta_scan",
    "_pd_meas_angle_2theta",
)
_OTHER_AXES = ("_pd_proc_d_spacing", "_pd_proc_recip_len_q")
_RANGES = ("_pd_proc_2theta_range", "_pd_meas_2theta_range")
_INTENSITIES = (
    "_pd_meas_counts_total",
    "_pd_meas_intensity_total",
    "_pd_proc_intensity_total",
    "_pd_proc_intensity_net",
)
_POINTS = ("_pd_proc_number_of_points", "_pd_meas_number_of_points")
_IDS = ("_pd_data_point_id", "_pd_meas_point_id", "_pd_proc_point_id")
_WAVELENGTHS = (
    "_diffrn_radiation_wavelength",
    "_diffrn_radiation_wavelength_value",
    "_diffrn_radiation_wavelength_wavelength",
    "_pd_proc_wavelength",
    "_pd_meas_wavelength",
)
_TIME_OF_FLIGHT = re.compile(r"_pd_meas_time_of_flight|_pd_meas_tof_|_pd_proc_tof_")
_OPTICS = (
    "_diffrn_radiation_monochromator",
    "_pd_instr_monochr_pre_spec",
    "_pd_instr_monochr_post_spec",
)
_NEAR = 1.02  # lines of a doublet differ by less


def is_cif(lines: list[str]) -> bool:
    """Whether the first line that says something opens a data block, with items in it."""
    for line in lines[:_HEADER_LINES]:
        if line.strip() and not line.lstrip().startswith("#"):
            return _FIRST.fullmatch(line) is not None and any(
                _ITEM.match(item) for item in lines[:_HEADER_LINES]
            )
    return False


def read_cif(source: str, lines: list[str], columns: Columns | None) -> list[Scan | NoPattern]:
    """Read the pattern of every data block that has one."""
    document, cut = _parsed(source, lines)
    blocks = [_Block(source, block) for block in document]
    powder = [block for block in blocks if block.is_powder]
    if not powder:
        _refuse_crystal(source, blocks)
    if len(powder) > MAX_SCANS:
        raise PatternError(source, f"holds {len(powder)} patterns; split it")
    if columns is not None:
        powder = [block for block in powder if block.has(columns)] or powder
    elsewhere = _agreed([block.wavelength() for block in blocks])

    def read(block: _Block) -> Scan:
        scan = block.read(columns)
        known = scan.wavelength or (None if scan.mentioned else elsewhere)
        name = block.name if len(powder) > 1 else ""
        if block is powder[-1] and cut and not scan.warnings:
            scan = replace(scan, warnings=(stopped(len(scan.x)),))
        elif block is powder[-1] and scan.warnings and lines[-1].strip():
            scan = _without_last(scan)  # the last number may be cut
        return replace(scan, wavelength=known, name=name)

    return read_each(read, powder)


def _parsed(source: str, lines: list[str]) -> tuple[gemmi.cif.Document, bool]:
    """The parsed file, and whether its last line had to go: a file that is cut."""
    import gemmi

    for number, line in enumerate(lines, start=1):
        if len(line) > MAX_LINE:
            raise PatternError(
                source, f"line {number} has {len(line)} characters, too many for a CIF"
            )
    try:
        return gemmi.cif.read_string("\n".join(lines)), False
    except (ValueError, RuntimeError) as error:
        said = " ".join(str(error).split()).removeprefix("string:")[:80]
    rest = lines[: max(k for k, line in enumerate(lines) if line.strip())]
    try:
        if not rest[-1].strip()[:1].isdigit():
            raise ValueError("the line before is no row of numbers")
        return gemmi.cif.read_string("\n".join(rest)), True
    except (ValueError, RuntimeError, IndexError):
        raise PatternError(
            source, f"is a damaged CIF (line {said}); correct it, or copy it again"
        ) from None


def _refuse_crystal(source: str, blocks: list[_Block]) -> None:
    tags = {tag for block in blocks for tag in block.items}
    if any(tag.startswith(("_atom_site_", "_cell_")) for tag in tags):
        raise PatternError(
            source,
            "is the CIF of a crystal, without a powder pattern; a crystal is read with "
            "Crystal.from_cif (--cif), a pattern is what was measured",
        )
    calculated = any(tag.startswith("_pd_calc_") for tag in tags)
    raise PatternError(
        source,
        "is a CIF with a calculated pattern, without a measured one"
        if calculated
        else "is a CIF without a powder pattern (_pd_meas_... or _pd_proc_...)",
    )


@dataclass
class _Item:
    """Values of a data item, and the loop it stands in; -1 for one that stands alone."""

    tag: str
    values: list[str]
    loop: int


@dataclass
class _Block:
    """A data block."""

    source: str
    block: gemmi.cif.Block
    items: dict[str, _Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for k, item in enumerate(self.block):
            if item.pair is not None:
                tag, value = cast("tuple[str, str]", item.pair)
                self.items.setdefault(_plain(tag), _Item(tag[:60], [value], -1))
            elif item.loop is not None:
                tags, values = list(item.loop.tags), list(item.loop.values)
                if not values:
                    continue
                for column, tag in enumerate(tags):
                    self.items.setdefault(
                        _plain(tag), _Item(tag[:60], values[column :: len(tags)], k)
                    )
        self.name = str(self.block.name)[:60]
        self.is_powder = any(
            tag in _INTENSITIES or tag in _ANGLES or _TIME_OF_FLIGHT.match(tag)
            for tag, item in self.items.items()
            if item.loop >= 0
        )

    def has(self, columns: Columns) -> bool:
        """Whether the block has the items that are asked for."""
        return all(isinstance(name, str) and _plain(name) in self.items for name in columns)

    def read(self, columns: Columns | None) -> Scan:
        """Read the pattern."""
        if columns is None:
            if not any(tag in self.items for tag in (*_ANGLES, *(f"{r}_min" for r in _RANGES))):
                self._refuse_time_of_flight()
            axis, x, item = self._usual()
            errors = None
        else:
            chosen = [self._item(name) for name in columns]
            for one in chosen:
                if len(one.values) != len(chosen[0].values):
                    raise self._no_pattern(
                        f"{one.tag} has {len(one.values)} values and {chosen[0].tag} "
                        f"{len(chosen[0].values)}: choose items of one loop"
                    )
            axis, item = chosen[0], chosen[1]
            x = self._numbers(axis)[0]
            errors = self._numbers(chosen[2])[0] if len(chosen) > 2 else None
        intensity, esd = self._numbers(item)
        separate = self.items.get(f"{_plain(item.tag)}_su")
        if errors is not None:
            esd = errors
        elif separate is not None and len(separate.values) == len(intensity):
            esd = self._numbers(separate)[0]
        measured = ~np.isnan(intensity)  # . and ? where a point is left out
        announced = self._announced()
        short = announced is not None and len(intensity) < announced
        wavelength = self.wavelength()
        several = wavelength is None and any(tag in self.items for tag in _WAVELENGTHS)
        net = _plain(item.tag).endswith("_net")
        warnings = [stopped(len(intensity), announced)] if short else []
        if self._said("_diffrn_radiation_probe").lower() == "neutron":
            warnings.append("was measured with neutrons, and the sizers know X-rays")
        known = None if esd is None or np.isnan(esd[measured]).any() else esd[measured]
        return Scan(
            x[measured],
            intensity[measured],
            known,
            *_kind(axis.tag),
            wavelength,
            self._said("_pd_instr_source_type") or self._said("_diffrn_source"),
            mentioned="several wavelengths" if several else "",
            warnings=tuple(warnings),
            columns=(axis.tag, item.tag),
            subtracted=f"its intensities ({item.tag}) are net of a background" if net else "",
            time=moment(self._said("_pd_meas_datetime_initiated")),
        )

    def wavelength(self) -> Wavelength | None:
        """Wavelength that the block states: of one line, or the mean of a doublet."""
        for tag in _WAVELENGTHS:
            if tag not in self.items:
                continue
            found = [(_number(value)[0], k) for k, value in enumerate(self.items[tag].values)]
            lines = {value: k for value, k in found if 0.05 < value < 5.0}
            weights = self.items.get("_diffrn_radiation_wavelength_wt")
            values = sorted(lines)
            if len(values) == 1:
                return Wavelength(values[0], _label(values[0]))
            if len(values) == 2 and values[1] < _NEAR * values[0]:
                ratio = None
                if weights is not None and len(weights.values) == len(found):
                    first, second = (_number(weights.values[lines[v]])[0] for v in values)
                    ratio = second / first if first > 0 else None
                crystal = separating_crystal(self._said(tag) for tag in _OPTICS)
                return doublet(values[0], values[1], ratio, alone=crystal)
        return None

    def _usual(self) -> tuple[_Item, FloatArray, _Item]:
        """Abscissa and intensity, by the rule at the head of this module."""
        present = [self.items[tag] for tag in _INTENSITIES if tag in self.items]
        for item in present:
            for tag in _ANGLES:
                if self._fits(tag, item):
                    return self.items[tag], self._numbers(self.items[tag])[0], item
            for name in _RANGES:
                x = self._range(name, len(item.values))
                if x is not None:
                    return _Item(f"{name}_min", [], -1), x, item
            for tag in _OTHER_AXES:
                if self._fits(tag, item):
                    return self.items[tag], self._numbers(self.items[tag])[0], item
        if not present:
            raise self._no_pattern("it has angles and no measured intensity")
        raise self._no_pattern(f"its intensities ({present[0].tag}) have no two-theta, d or Q")

    def _fits(self, tag: str, item: _Item) -> bool:
        """Whether an abscissa is that of an intensity: in its loop, or as long."""
        axis = self.items.get(tag)
        if axis is None or len(axis.values) != len(item.values):
            return False
        if axis.loop == item.loop:
            return True
        ids = [
            one.values
            for one in map(self.items.get, _IDS)
            if one and one.loop in (axis.loop, item.loop)
        ]
        return all(one == ids[0] for one in ids)

    def _range(self, name: str, n_points: int) -> FloatArray | None:
        """Angles of even steps; None where there are none, or not as many."""
        low, high, step = self._ends(name)
        if not (np.isfinite([low, high, step]).all() and step > 0.0 and high > low):
            return None
        if n_points > (high - low) / step + 1.5 or n_points > MAX_POINTS:
            return None
        return np.asarray(low + step * np.arange(n_points))

    def _announced(self) -> int | None:
        """How many points there should be, at the least."""
        counts = [_number(self.items[tag].values[0])[0] for tag in _POINTS if tag in self.items]
        for name in _RANGES:
            low, high, step = self._ends(name)
            if step > 0.0:
                counts.append(round((high - low) / step) + 1 if high > low else np.nan)
        known = [int(count) for count in counts if 0 < count <= MAX_POINTS]
        return min(known, default=None)

    def _ends(self, name: str) -> list[float]:
        """Lowest and highest angle and step of a range; NaN where it lacks one."""
        items = [self.items.get(f"{name}_{end}") for end in ("min", "max", "inc")]
        return [_number(item.values[0])[0] if item else np.nan for item in items]

    def _item(self, wanted: int | str) -> _Item:
        """The item that a caller asks for."""
        plain = _plain(wanted) if isinstance(wanted, str) else ""
        if plain.startswith("_pd_calc_"):
            raise self._no_pattern(f"{wanted!r:.40} is calculated, not measured")
        item = self.items.get(plain)
        if item is None or item.loop < 0:
            listed = [i.tag for t, i in self.items.items() if i.loop >= 0 and t.startswith("_pd_")]
            raise self._no_pattern(
                f"it has no column {wanted!r:.60}; in a CIF the columns are tags, of "
                f"{', '.join(tag[:40] for tag in listed[:8])}"
            )
        return item

    def _numbers(self, item: _Item) -> tuple[FloatArray, FloatArray | None]:
        """Values and, where each has one in parentheses, their standard deviations."""
        if len(item.values) > MAX_POINTS:
            raise PatternError(
                self.source, f"{item.tag} has {len(item.values)} values; a pattern has fewer"
            )
        pairs = [_number(value) for value in item.values]
        table = np.array(pairs).reshape(-1, 2)
        wrong = np.isnan(table[:, 0])
        for k in np.flatnonzero(wrong):
            if item.values[k] not in (".", "?"):
                raise self._no_pattern(
                    f"value {k + 1} of {item.tag}, {item.values[k][:20]!r}, is no number"
                )
        esd = table[:, 1]
        return table[:, 0], None if np.isnan(esd[~wrong]).any() or wrong.all() else esd

    def _refuse_time_of_flight(self) -> None:
        named = [item.tag for tag, item in self.items.items() if _TIME_OF_FLIGHT.match(tag)]
        if named:
            raise self._no_pattern(
                f"it was measured by time of flight ({named[0]}), and the sizers know X-rays of "
                "one wavelength"
            )
        if "_pd_proc_energy_incident" in self.items:
            raise self._no_pattern("it was measured over energy (_pd_proc_energy_incident)")

    def _said(self, tag: str) -> str:
        item = self.items.get(tag)
        text = "" if item is None else " ".join(item.values[0].strip("'\";").split())
        return "" if text in (".", "?") else text[:80]

    def _no_pattern(self, reason: str) -> NoPattern:
        return NoPattern(self.source, f"no pattern in block {self.name[:30]!r}: {reason}")


def _without_last(scan: Scan) -> Scan:
    esd = None if scan.esd is None else scan.esd[:-1]
    return replace(scan, x=scan.x[:-1], intensity=scan.intensity[:-1], esd=esd)


def _plain(tag: str) -> str:
    """A tag in one spelling: capitals and the dots of newer dictionaries mean nothing."""
    text = tag.strip().lower().replace(".", "_")
    return text if text.startswith("_") else f"_{text}"


def _kind(tag: str) -> tuple[str, str]:
    """What an abscissa is, and the words that say so where they are not enough."""
    plain = _plain(tag)
    if plain in _OTHER_AXES:
        return ("d" if plain == _OTHER_AXES[0] else "q"), ""
    if plain in _ANGLES or plain.startswith(_RANGES):
        return "two_theta", ""
    return "other", tag[:60]


def _number(text: str) -> tuple[float, float]:
    """A number and its standard deviation, 12.34(5); NaN where there is none."""
    found = _VALUE.fullmatch(text[:_MAX_NUMBER].strip("'\""))
    if found is None:
        return np.nan, np.nan
    power = found[3].replace("d", "e").replace("D", "e")
    value = float(found[1] + power)
    if found[2] is None:
        return value, np.nan
    decimals = len(found[1].partition(".")[2])
    return value, float(f"{found[2]}e{-decimals}") * float(f"1{power}" if power else 1)


def _label(value: float) -> str:
    line = label_of(value)
    return f"{line}, as the file says" if line else "as the file says"


def _agreed(found: list[Wavelength | None]) -> Wavelength | None:
    """The wavelength of a file whose blocks state one."""
    known = [one for one in found if one is not None]
    if not known or max(w.value for w in known) > 1.001 * min(w.value for w in known):
        return None
    return known[0]

"""HDF5: patterns in NXdata groups of NeXus, or in datasets that the caller names.

The signal, its axis and its errors are those that the attributes of a group NXdata name,
as NXazint1d, NXmonopd and pyFAI write them, or else the datasets of ``columns``. Links to
other files are not followed.

References
----------
.. [1] https://manual.nexusformat.org/classes/applications/NXazint1d.html
.. [2] https://manual.nexusformat.org/classes/applications/NXmonopd.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .._typing import FloatArray
from ._axis import resolve
from ._hdf5 import MAX_NODES, Hdf5
from ._header import axis_named, role_of, unit_of
from ._moves import moves_two_theta
from ._reduced import function_named, why_no_pattern
from ._scan import Columns, PatternError, Scan
from ._times import moment

if TYPE_CHECKING:
    import h5py

__all__ = ["read_nexus"]

_MIN_POINTS = 10
_MAX_LISTED = 320  # characters of a message
_SIGNALS = ("I", "data", "intensity", "counts", "signal")
_AXES = ("radial_axis", "polar_angle", "two_theta", "2theta", "tth", "Q", "q", "d")
_ANGLES = ("polar_angle", "two_theta", "2theta", "tth", "twotheta", "2th")
_UNITS = {
    ("q", "A^-1"): "q",
    ("q", "nm^-1"): "q_nm",
    ("d", "A"): "d",
    ("d", "nm"): "d_nm",
    # An inverse length without a name can be no other axis.
    ("", "A^-1"): "q",
    ("", "nm^-1"): "q_nm",
}
_AZIMUTH = re.compile(r"azim|chi|eta(?!_?2)|psi|phi", re.IGNORECASE)


def read_nexus(source: str, raw: bytes, columns: Columns | None = None) -> list[Scan]:
    """Read every pattern of the default NXdata group, or of the only one."""
    import h5py

    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            return _Reader(source, h5py, columns).read(file)
    except PatternError:
        raise
    except MemoryError:
        raise PatternError(source, "asks for more memory than a pattern needs") from None
    except Exception as error:  # h5py raises whatever the damaged bytes lead it to
        said = " ".join(str(error).split())[:100]
        raise PatternError(source, f"is a damaged HDF5 file ({said}); copy it again") from None


class _Reader(Hdf5):
    def __init__(self, source: str, h5py: ModuleType, columns: Columns | None) -> None:
        self.source = source
        self.h5py = h5py
        self.columns = columns

    def read(self, file: h5py.File) -> list[Scan]:
        if self.columns is not None:
            return self._chosen(file, self.columns)
        groups = self.groups(file)
        group = self._default(file, groups)
        signal = self._signal(group)
        if signal is None:
            raise PatternError(self.source, f"{group.name} holds no signal")
        return self._scans(file, self._axis(group, signal), signal, self._errors(group, signal))

    def _chosen(self, file: h5py.File, columns: Columns) -> list[Scan]:
        """Patterns of the datasets that the caller names."""
        axis, signal, *errors = (self._dataset(file, name) for name in columns)
        if signal.ndim == 0 or axis.ndim == 0:
            raise PatternError(
                self.source, f"{(signal if axis.ndim else axis).name} is one number, no column"
            )
        esd = errors[0] if errors else self._errors(signal.parent, signal)
        scans = self._scans(file, axis, signal, esd)
        names = tuple(dataset.name for dataset in (axis, signal, *errors))
        return [replace(scan, columns=names) for scan in scans]

    def _dataset(self, file: h5py.File, wanted: int | str) -> h5py.Dataset:
        """A dataset by its path, or by its name where only one is called so."""
        if isinstance(wanted, str):
            node = self.child(file, wanted.strip())
            if isinstance(node, self.h5py.Dataset):
                return node
            named = [d for d in self._datasets(file) if d.name.endswith(f"/{wanted.strip('/ ')}")]
            if len(named) == 1:
                return named[0]
            if named:
                names = ", ".join(d.name for d in named[:5])
                raise PatternError(
                    self.source, f"{len(named)} datasets are called {wanted[:30]!r}: say {names}"
                )
        raise PatternError(
            self.source,
            f"has no dataset {wanted!r:.60}; in HDF5 the columns are the paths of datasets, "
            f"columns=('path/of/x', 'path/of/I'){self._offer(file)}",
        )

    def _scans(
        self,
        file: h5py.File,
        axis: h5py.Dataset,
        signal: h5py.Dataset,
        errors: h5py.Dataset | None,
    ) -> list[Scan]:
        """Patterns of a signal over an axis, one for each row."""
        x = self.values(axis).astype(np.float64)
        intensity = self._rows(signal, x.shape[-1])
        if x.ndim == 1 and len(x) == intensity.shape[-1] + 1:  # edges of bins
            x = 0.5 * (x[1:] + x[:-1])
        rows = [x] * len(intensity) if x.ndim == 1 else list(x.reshape(-1, x.shape[-1]))
        if len(rows) != len(intensity) or len(rows[0]) != intensity.shape[1]:
            raise PatternError(
                self.source,
                f"{signal.name} has shape {signal.shape} and {axis.name} {axis.shape}; expected "
                "patterns over one axis",
            )
        esd = None
        if errors is not None:
            esd = self._rows(errors, intensity.shape[1])
            if esd.shape != intensity.shape:
                raise PatternError(
                    self.source,
                    f"{errors.name} has shape {errors.shape} and {signal.name} {signal.shape}; "
                    "expected a standard deviation for each intensity",
                )
        kind, words = self._kind(axis)
        function = self._function(axis, signal)
        if function:
            said = f"as its signal says ({signal.name[-60:]!r})"
            raise PatternError(self.source, why_no_pattern(function, said))
        wavelength, mentioned = self.beam(file, axis)
        entry = self.entry(file, axis)
        instrument = self.text(entry, "instrument/name")
        time = moment(self.text(entry, "start_time")) or moment(self.text(entry, "end_time"))
        scans = []
        for k, (points, row) in enumerate(zip(rows, intensity, strict=True)):
            known = ~np.isnan(row)  # a bin without pixels is NaN: not measured
            whole = bool(known.all())
            scans.append(
                Scan(
                    points if whole else points[known],
                    row if whole else row[known],
                    None if esd is None else esd[k][known],
                    kind,
                    words,
                    wavelength,
                    instrument,
                    mentioned=mentioned,
                    time=time,
                )
            )
        return scans

    def _function(self, axis: h5py.Dataset, signal: h5py.Dataset) -> str:
        """Function that a signal is called which is computed from a pattern; else nothing."""
        kind = self._kind(axis)[0] or ""
        if kind.startswith("two_theta"):
            return ""
        over = "q" if kind.startswith("q") else "r" if kind == "other" else ""
        name = signal.name.rpartition("/")[2]
        labels = [name if len(name) > 1 else "", self.attribute(signal, "long_name")]
        return next(filter(None, (function_named(label, over) for label in labels)), "")

    def _rows(self, dataset: h5py.Dataset, n_points: int) -> FloatArray:
        """Values with a pattern in each row; where the points go down the columns, turned."""
        values = self.values(dataset).astype(np.float64)
        if (
            values.ndim == 2
            and n_points - values.shape[1] not in (0, 1)
            and n_points - values.shape[0] in (0, 1)
        ):
            values = values.T
        return values.reshape(-1, values.shape[-1])

    def _datasets(self, file: h5py.File) -> list[h5py.Dataset]:
        """Every dataset of numbers that could be a column, once."""
        found: dict[h5py.Dataset, None] = {}
        for group in self.groups(file):
            for name in list(group)[:MAX_NODES]:
                child = self.child(group, name)
                if (
                    isinstance(child, self.h5py.Dataset)
                    and child.dtype.kind in "fiu"
                    and child.ndim > 0
                    and child.shape[-1] >= _MIN_POINTS
                ):
                    found.setdefault(child)
        return list(found)

    def _pairs(self, file: h5py.File) -> list[tuple[h5py.Dataset, h5py.Dataset]]:
        """Axes and signals that fit each other, the likeliest first."""
        datasets = self._datasets(file)[:200]
        scored = []
        for axis in (d for d in datasets if d.ndim == 1 and not self._moves_another(d)):
            known = self._kind(axis)[0] != "other"
            for signal in datasets:
                name = signal.name.rpartition("/")[2]
                fits = axis.shape[0] - signal.shape[-1] in (0, 1) and signal != axis
                if fits and role_of(name.removeprefix("I_")) not in ("error", "axis"):
                    near = signal.parent == axis.parent
                    named = role_of(name) == "intensity" or name in _SIGNALS
                    scored.append((4 * known + 2 * named + near, axis, signal))
        best = max((score for score, *_ in scored), default=0)
        return [(a, s) for score, a, s in scored if score == best]

    def _offer(
        self, file: h5py.File, pairs: Sequence[tuple[h5py.Dataset, h5py.Dataset]] | None = None
    ) -> str:
        """How to choose one of the pairs of datasets that could be a pattern."""
        found = self._pairs(file) if pairs is None else pairs
        if not found:
            return ""
        listed: list[str] = []
        for axis, signal in found:
            many = signal.size // signal.shape[-1]
            size = f"{signal.shape[-1]} points"
            size = size if many == 1 else f"{many} patterns of {size}"
            one = f"columns=({axis.name[:120]!r}, {signal.name[:120]!r}) ({size})"
            if listed and sum(map(len, listed)) + len(one) > _MAX_LISTED:
                break
            listed.append(one)
        more = ", ..." if len(found) > len(listed) else ""
        return f"; it could be {' or '.join(listed)}{more}: say which (--columns X,I)"

    def _default(self, file: h5py.File, groups: list[h5py.Group]) -> h5py.Group:
        """Group that the file shows by default, or else the only one with a pattern.

        A group that cannot be a pattern, by what its axis or its signal is called, is taken
        only where there is no other, to say so.
        """
        shown: list[h5py.Group] = []
        entries = [g for g in groups if self.attribute(g, "NX_class") == "NXentry"]
        for start in [file, *(entries if len(entries) == 1 else [])]:
            group = start
            for _ in range(8):
                name = self.attribute(group, "default")
                child = self.child(group, name) if name else None
                if not isinstance(child, self.h5py.Group):
                    break
                group = child
            if group != start and self._has_axis(group):
                shown.append(group)
        having = [
            group
            for group in groups
            if (self.attribute(group, "NX_class") == "NXdata" or "signal" in group.attrs)
            and self._has_axis(group)
        ]
        for candidates in (shown, having):
            patterns = [group for group in candidates if self._is_pattern(group)]
            if patterns and (candidates is shown or len(patterns) == 1):
                return patterns[0]
        usable = [group for group in having if self._is_pattern(group)]
        if not usable and (shown or len(having) == 1):
            return (shown or having)[0]
        if not usable and having:
            named = ", ".join(self._axis_words(group) for group in having[:4])
            raise PatternError(
                self.source,
                f"holds {len(having)} groups of data, none of which is a pattern, by their axes "
                f"and signals ({named[:120]}); if one of them is, name its datasets: "
                "columns=('path/of/x', 'path/of/I') (--columns X,I)",
            )
        if not usable:
            raise PatternError(
                self.source,
                "is an HDF5 file without a pattern (a group NXdata with a signal over one axis)"
                + self._offer(file),
            )
        pairs = [
            (self._axis(group, signal), signal)
            for group in usable
            if (signal := self._signal(group)) is not None
        ]
        raise PatternError(
            self.source,
            f"holds {len(usable)} groups of data and names none as the default"
            + self._offer(file, pairs),
        )

    def _has_axis(self, group: h5py.Group) -> bool:
        try:
            signal = self._signal(group)
            return signal is not None and self._axis(group, signal) is not None
        except PatternError:
            return False

    def _is_pattern(self, group: h5py.Group) -> bool:
        """Whether a group that has an axis can be a pattern, by what both are called."""
        signal = self._signal(group)
        if signal is None:
            return False
        axis = self._axis(group, signal)
        return not self._moves_another(axis) and not self._function(axis, signal)

    def _moves_another(self, axis: h5py.Dataset) -> bool:
        """Whether an axis is called omega, r, time or the like, and has no unit of another."""
        name = axis.name.rpartition("/")[2]
        labels = filter(None, (name, self.attribute(axis, "long_name")))
        other = any(
            axis_named(label) == "other" or (len(label) > 1 and moves_two_theta(label) is False)
            for label in labels
        )
        return other and self._kind(axis)[0] == "other"

    def _axis_words(self, group: h5py.Group) -> str:
        signal = self._signal(group)
        if signal is None:
            return str(group.name)
        return f"{self._axis(group, signal).name}: {signal.name.rpartition('/')[2]}"

    def _signal(self, group: h5py.Group) -> h5py.Dataset | None:
        name = self.attribute(group, "signal")
        names = [name] if name else []
        names += [n for n in group if self._flag(group, n)]
        names += [n for n in _SIGNALS if n in group]
        for candidate in names:
            child = self.child(group, candidate)
            if isinstance(child, self.h5py.Dataset) and child.ndim in (1, 2):
                return None if self._is_cake(group, child) else child
        return None

    def _is_cake(self, group: h5py.Group, signal: h5py.Dataset) -> bool:
        """Whether the rows are sectors of one image, not patterns."""
        names = self._axes(group, signal)
        return signal.ndim == 2 and len(names) == 2 and bool(_AZIMUTH.search(names[0]))

    def _flag(self, group: h5py.Group, name: str) -> bool:
        child = self.child(group, name)
        return isinstance(child, self.h5py.Dataset) and self.attribute(child, "signal") == "1"

    def _axis(self, group: h5py.Group, signal: h5py.Dataset) -> h5py.Dataset:
        names = self._axes(group, signal)
        last = names[-1:] if len(names) in (1, signal.ndim) else []
        for candidate in [*last, *_AXES]:
            child = self.child(group, candidate)
            if (
                isinstance(child, self.h5py.Dataset)
                and child.ndim == 1
                and child.shape[0] - signal.shape[-1] in (0, 1)
            ):
                return child
        raise PatternError(self.source, f"{group.name} holds no axis for {signal.name}")

    def _axes(self, group: h5py.Group, signal: h5py.Dataset) -> list[str]:
        """Names of the axes, as the group's or the signal's attribute has them."""
        axes: str | bytes | Sequence[str | bytes] = ()
        for node in (group, signal):
            if self._is_plain(node, "axes"):
                axes = node.attrs["axes"]
                break
        if isinstance(axes, bytes | str):
            axes = axes.decode(errors="replace") if isinstance(axes, bytes) else axes
            axes = axes.replace("[", "").replace("]", "").replace(",", ":").split(":")
        return [
            (name.decode(errors="replace") if isinstance(name, bytes) else str(name)).strip()
            for name in np.ravel(axes)
        ]

    def _kind(self, axis: h5py.Dataset) -> tuple[str | None, str]:
        """What the axis is, and the words that say so."""
        name = axis.name.rpartition("/")[2]
        units = self.attribute(axis, "units") or self.attribute(axis, "unit")
        title = self.attribute(axis, "long_name")
        words = " ".join(part for part in (name, title, units) if part)[:60]
        known = resolve(units)
        if known:
            return known, words
        quantity = self._quantity(name, title)
        unit = unit_of(units) or units.lower()
        if quantity == "two_theta" and unit in ("deg", "rad", ""):
            return ("two_theta_rad" if unit == "rad" else "two_theta"), words
        return _UNITS.get(
            (quantity, unit), f"{quantity}?" if quantity in ("q", "d") else "other"
        ), words

    def _quantity(self, name: str, title: str) -> str:
        """What the names of an axis say that it is: two_theta, q, d or nothing."""
        for label in (title, name):
            named = axis_named(label) if label and label != "radial_axis" else None
            if named is not None:
                return named.split("_rad")[0].split("_nm")[0].rstrip("?")
        return "two_theta" if name.lower() in _ANGLES else ""

    def _errors(self, group: h5py.Group, signal: h5py.Dataset) -> h5py.Dataset | None:
        name = signal.name.rpartition("/")[2]
        named = self.attribute(signal, "uncertainties")
        for candidate in (f"{name}_errors", f"{name}_error", named, "errors", "sigma"):
            child = self.child(group, candidate) if candidate else None
            if isinstance(child, self.h5py.Dataset) and child.shape == signal.shape:
                return child
        return None

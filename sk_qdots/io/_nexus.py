"""NeXus (HDF5): patterns in NXdata groups, as NXazint1d, NXmonopd and pyFAI write them.

The signal, its axis and its errors are those that the attributes of the group name.
Links to other files are not followed.

References
----------
.. [1] https://manual.nexusformat.org/classes/applications/NXazint1d.html
.. [2] https://manual.nexusformat.org/classes/applications/NXmonopd.html
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .._typing import FloatArray
from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._axis import resolve
from ._header import axis_named, unit_of
from ._scan import MAX_POINTS, Columns, PatternError, Scan, Wavelength

if TYPE_CHECKING:
    import h5py

__all__ = ["read_nexus"]

_MAX_VALUES = 5_000_000
_MAX_NODES = 5_000
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
_NOT_THE_BEAM = re.compile(r"detector|threshold|laser|fluor|edge", re.IGNORECASE)
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


class _Reader:
    def __init__(self, source: str, h5py: ModuleType, columns: Columns | None) -> None:
        self.source = source
        self.h5py = h5py
        self.columns = columns

    def read(self, file: h5py.File) -> list[Scan]:
        groups = self._groups(file)
        group = self._default(file, groups)
        entry = file["/" + group.name.strip("/").split("/")[0]]
        signal = self._signal(group)
        if signal is None:
            raise PatternError(self.source, f"{group.name} holds no signal")
        axis = self._axis(group, signal)
        x = self._values(axis).astype(np.float64)
        intensity = np.atleast_2d(self._values(signal).astype(np.float64))
        if len(x) == intensity.shape[1] + 1:  # edges of bins
            x = 0.5 * (x[1:] + x[:-1])
        if x.ndim != 1 or intensity.ndim != 2 or intensity.shape[1] != len(x):
            raise PatternError(
                self.source,
                f"{signal.name} has shape {signal.shape} and {axis.name} {axis.shape}; expected "
                "patterns over one axis",
            )
        esd = self._errors(group, signal, intensity.shape)
        kind, words = self._kind(axis)
        wavelength = self._wavelength(entry)
        instrument = self._text(entry, "instrument/name")
        scans = []
        for k, row in enumerate(intensity):
            known = ~np.isnan(row)  # a bin without pixels is NaN: not measured
            scans.append(
                Scan(
                    x[known],
                    row[known],
                    None if esd is None else esd[k][known],
                    kind,
                    words,
                    wavelength,
                    instrument,
                )
            )
        return scans

    def _groups(self, file: h5py.Group) -> list[h5py.Group]:
        """Every group once, those near the root first."""
        found, seen = [file], {file}
        for group in found:  # grows on the way
            if len(found) > _MAX_NODES:
                break
            for name in list(group)[:_MAX_NODES]:
                child = self._child(group, name)
                if isinstance(child, self.h5py.Group) and child not in seen:
                    found.append(child)
                    seen.add(child)
        return found

    def _default(self, file: h5py.File, groups: list[h5py.Group]) -> h5py.Group:
        """Group that the file shows by default, or else the only one with a pattern."""
        entries = [g for g in groups if self._attribute(g, "NX_class") == "NXentry"]
        for start in [file, *(entries if len(entries) == 1 else [])]:
            group = start
            for _ in range(8):
                name = self._attribute(group, "default")
                child = self._child(group, name) if name else None
                if not isinstance(child, self.h5py.Group):
                    break
                group = child
            if group != start and self._is_pattern(group):
                return group
        usable = [
            group
            for group in groups
            if (self._attribute(group, "NX_class") == "NXdata" or "signal" in group.attrs)
            and self._is_pattern(group)
        ]
        if len(usable) == 1:
            return usable[0]
        if not usable:
            raise PatternError(
                self.source,
                "is an HDF5 file without a pattern (a group NXdata with a signal over one axis)",
            )
        names = ", ".join(group.name for group in usable[:5])
        raise PatternError(
            self.source,
            f"holds {len(usable)} groups of data ({names}) and names none as the default; export "
            "the one you want as columns of text",
        )

    def _is_pattern(self, group: h5py.Group) -> bool:
        try:
            signal = self._signal(group)
            return signal is not None and self._axis(group, signal) is not None
        except PatternError:
            return False

    def _signal(self, group: h5py.Group) -> h5py.Dataset | None:
        name = self._attribute(group, "signal")
        names = [name] if name else []
        names += [n for n in group if self._flag(group, n)]
        names += [n for n in _SIGNALS if n in group]
        for candidate in names:
            child = self._child(group, candidate)
            if isinstance(child, self.h5py.Dataset) and child.ndim in (1, 2):
                return None if self._is_cake(group, child) else child
        return None

    def _is_cake(self, group: h5py.Group, signal: h5py.Dataset) -> bool:
        """Whether the rows are sectors of one image, not patterns."""
        names = self._axes(group, signal)
        return signal.ndim == 2 and len(names) == 2 and bool(_AZIMUTH.search(names[0]))

    def _flag(self, group: h5py.Group, name: str) -> bool:
        child = self._child(group, name)
        return isinstance(child, self.h5py.Dataset) and self._attribute(child, "signal") == "1"

    def _axis(self, group: h5py.Group, signal: h5py.Dataset) -> h5py.Dataset:
        names = self._axes(group, signal)
        last = names[-1:] if len(names) in (1, signal.ndim) else []
        for candidate in [*last, *_AXES]:
            child = self._child(group, candidate)
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
        units = self._attribute(axis, "units") or self._attribute(axis, "unit")
        title = self._attribute(axis, "long_name")
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

    def _errors(
        self, group: h5py.Group, signal: h5py.Dataset, shape: tuple[int, ...]
    ) -> FloatArray | None:
        name = signal.name.rpartition("/")[2]
        named = self._attribute(signal, "uncertainties")
        for candidate in (f"{name}_errors", f"{name}_error", named, "errors", "sigma"):
            child = self._child(group, candidate) if candidate else None
            if isinstance(child, self.h5py.Dataset) and child.shape == signal.shape:
                return self._values(child).astype(np.float64).reshape(shape)
        return None

    def _wavelength(self, entry: h5py.Group) -> Wavelength | None:
        """The one wavelength that the entry states; none where it states several."""
        found: dict[str, list[float]] = {"wavelength": [], "energy": []}
        for group in self._groups(entry):
            sort = self._attribute(group, "NX_class")
            if sort == "NXdetector" or _NOT_THE_BEAM.search(group.name):
                continue
            for name in list(group)[:_MAX_NODES]:
                quantity = name.lower().removeprefix("incident_")
                if quantity not in found:
                    continue
                child = self._child(group, name)
                if isinstance(child, self.h5py.Dataset) and child.size == 1:
                    value = self._wavelength_of(quantity, child)
                    if value is not None:
                        found[quantity].append(value)
        values = found["wavelength"] or found["energy"]
        if values and max(values) / min(values) < 1.001:
            return Wavelength(values[0], "as the file says")
        return None

    def _wavelength_of(self, quantity: str, dataset: h5py.Dataset) -> float | None:
        if dataset.dtype.kind not in "fiu":
            return None
        value = float(np.ravel(dataset[()])[0])
        units = self._attribute(dataset, "units").lower()
        if quantity == "energy":
            factor = {"kev": 1.0, "ev": 1e-3}.get(units)
            if factor is None or value <= 0:
                return None
            value = HC_KEV_ANGSTROM / (value * factor)
        elif units in ("m", "nm"):
            value *= 1e10 if units == "m" else 10.0
        elif not (units.startswith(("ang", "å")) or units == "a"):
            return None
        return value if 0.05 < value < 5.0 else None

    def _values(self, dataset: h5py.Dataset) -> npt.NDArray[np.integer | np.floating]:
        if dataset.dtype.kind not in "fiu":
            raise PatternError(self.source, f"{dataset.name} holds no numbers")
        if dataset.external or dataset.is_virtual:
            raise PatternError(self.source, f"{dataset.name} lies in another file; export it whole")
        if dataset.size > _MAX_VALUES or dataset.shape[-1] > MAX_POINTS:
            raise PatternError(self.source, f"{dataset.name} is too large for patterns")
        return np.asarray(dataset[()])

    def _child(self, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | None:
        """A member of a group, unless it lies in another file."""
        try:
            link = group.get(name, getlink=True)
            if link is None or isinstance(link, self.h5py.ExternalLink):
                return None
            return group.get(name)
        except (KeyError, ValueError, RuntimeError, OSError):
            return None

    def _is_plain(self, node: h5py.Group | h5py.Dataset, name: str) -> bool:
        """Whether an attribute is text or a number: what damage made of it may end the process."""
        if name not in node.attrs:
            return False
        h5t = self.h5py.h5t
        kind = self.h5py.h5a.open(node.id, name.encode()).get_type().get_class()
        return kind in (h5t.STRING, h5t.INTEGER, h5t.FLOAT)

    def _attribute(self, node: h5py.Group | h5py.Dataset, name: str) -> str:
        value = node.attrs[name] if self._is_plain(node, name) else ""
        if isinstance(value, np.ndarray):
            value = value.ravel()[0] if value.size == 1 else ""
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def _text(self, group: h5py.Group, name: str) -> str:
        dataset = group.get(name)
        if not isinstance(dataset, self.h5py.Dataset) or dataset.shape != ():
            return ""
        if dataset.id.get_type().get_class() != self.h5py.h5t.STRING:
            return ""
        value = dataset[()]
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)[:80]

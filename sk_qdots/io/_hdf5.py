"""HDF5 read with distrust: no links to other files, no more than a pattern needs.

Also what a file says of the beam: a wavelength or an energy with its unit, or the text of
pyFAI's geometry (PONI) or settings.
"""

from __future__ import annotations

import re
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..simulation.scattering_factors import HC_KEV_ANGSTROM
from ._header import Header
from ._scan import MAX_POINTS, PatternError, Wavelength

if TYPE_CHECKING:
    import h5py

__all__ = ["MAX_NODES", "Hdf5"]

MAX_NODES = 5_000
_MAX_VALUES = 5_000_000
_MAX_TEXT = 20_000
_WAVELENGTHS = ("wavelength", "wave_length", "lambda")
_ENERGIES = ("energy", "photon_energy", "beam_energy", "mono_energy", "xray_energy")
_SETTINGS = re.compile(r"poni|config|calib|header|setting|pyfai", re.IGNORECASE)
_NOT_THE_BEAM = re.compile(r"detector|threshold|laser|fluor|edge", re.IGNORECASE)


class Hdf5:
    """What is asked of an HDF5 file."""

    def __init__(self, source: str, h5py: ModuleType) -> None:
        self.source = source
        self.h5py = h5py

    def groups(self, file: h5py.Group) -> list[h5py.Group]:
        """Every group once, those near the root first."""
        found, seen = [file], {file}
        for group in found:  # grows on the way
            if len(found) > MAX_NODES:
                break
            for name in list(group)[:MAX_NODES]:
                child = self.child(group, name)
                if isinstance(child, self.h5py.Group) and child not in seen:
                    found.append(child)
                    seen.add(child)
        return found

    def values(self, dataset: h5py.Dataset) -> npt.NDArray[np.integer | np.floating]:
        if dataset.dtype.kind not in "fiu":
            raise PatternError(self.source, f"{dataset.name} holds no numbers")
        if dataset.external or dataset.is_virtual:
            raise PatternError(self.source, f"{dataset.name} lies in another file; export it whole")
        if dataset.size > _MAX_VALUES or dataset.shape[-1] > MAX_POINTS:
            raise PatternError(self.source, f"{dataset.name} is too large for patterns")
        try:
            return np.asarray(dataset[()])
        except OSError as error:
            if "filter" not in str(error):
                raise
            raise PatternError(
                self.source,
                f"{dataset.name} is compressed with a filter that is not installed; write it "
                "again with gzip (h5repack -f GZIP=4), or export it as columns of text",
            ) from None

    def child(self, group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
        """What a path below a group leads to, unless it lies in another file."""
        node: h5py.Group | h5py.Dataset | None = group
        try:
            for name in filter(None, path.split("/")):
                if not isinstance(node, self.h5py.Group):
                    return None
                link = node.get(name, getlink=True)
                if link is None or isinstance(link, self.h5py.ExternalLink):
                    return None
                node = node.get(name)
        except (KeyError, ValueError, RuntimeError, OSError):
            return None
        return node

    def _is_plain(self, node: h5py.Group | h5py.Dataset, name: str) -> bool:
        """Whether an attribute is text or a number: what damage made of it may end the process."""
        if name not in node.attrs:
            return False
        h5t = self.h5py.h5t
        kind = self.h5py.h5a.open(node.id, name.encode()).get_type().get_class()
        return kind in (h5t.STRING, h5t.INTEGER, h5t.FLOAT)

    def attribute(self, node: h5py.Group | h5py.Dataset, name: str) -> str:
        value = node.attrs[name] if self._is_plain(node, name) else ""
        if isinstance(value, np.ndarray):
            value = value.ravel()[0] if value.size == 1 else ""
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    def text(self, group: h5py.Group, name: str, longest: int = 80) -> str:
        dataset = self.child(group, name)
        if not isinstance(dataset, self.h5py.Dataset) or dataset.shape != ():
            return ""
        if dataset.id.get_type().get_class() != self.h5py.h5t.STRING:
            return ""
        value = dataset[()]
        text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return text[:longest]

    def entry(self, file: h5py.File, dataset: h5py.Dataset) -> h5py.Group:
        """The entry of the file that a dataset is in."""
        first = file["/" + dataset.name.strip("/").split("/")[0]]
        return first if isinstance(first, self.h5py.Group) else file

    def beam(self, file: h5py.File, axis: h5py.Dataset) -> tuple[Wavelength | None, str]:
        """Wavelength of the entry, else of the file, and words on it that are not enough."""
        entry = self.entry(file, axis)
        mentioned = ""
        for group in [entry, *([file] if entry != file else [])]:
            wavelength, words = self._wavelength(group)
            wavelength = wavelength or self._written_wavelength(group)
            mentioned = mentioned or words
            if wavelength is not None or words.startswith("several"):
                return wavelength, mentioned
        return None, mentioned

    def _wavelength(self, entry: h5py.Group) -> tuple[Wavelength | None, str]:
        """The one wavelength that the entry states; none where it states several."""
        found: dict[str, list[float]] = {"wavelength": [], "energy": []}
        mentioned = ""
        for group in self.groups(entry):
            sort = self.attribute(group, "NX_class")
            if sort == "NXdetector" or _NOT_THE_BEAM.search(group.name):
                continue
            for name in list(group)[:MAX_NODES]:
                plain = name.lower().removeprefix("incident_")
                if plain not in _WAVELENGTHS + _ENERGIES:
                    continue
                quantity = "wavelength" if plain in _WAVELENGTHS else "energy"
                child = self.child(group, name)
                if not isinstance(child, self.h5py.Dataset) or child.size != 1:
                    continue
                value = self._wavelength_of(quantity, child)
                if value is not None:
                    found[quantity].append(value)
                elif child.dtype.kind in "fiu" and not self.attribute(child, "units"):
                    number = float(np.ravel(child[()])[0])
                    mentioned = f"{child.name[:40]} = {number:g}, without a unit"
        values = found["wavelength"] or found["energy"]
        if values and max(values) / min(values) < 1.001:
            return Wavelength(values[0], "as the file says"), ""
        return None, "several wavelengths" if values else mentioned

    def _wavelength_of(self, quantity: str, dataset: h5py.Dataset) -> float | None:
        if dataset.dtype.kind not in "fiu":
            return None
        value = float(np.ravel(dataset[()])[0])
        units = self.attribute(dataset, "units").lower()
        if quantity == "energy":
            factor = {"kev": 1.0, "ev": 1e-3}.get(units)
            if factor is None or value <= 0:
                return None
            value = HC_KEV_ANGSTROM / (value * factor)
        elif units in ("m", "nm"):
            value *= 1e10 if units == "m" else 10.0
        elif not units and value < 1e-8:
            value *= 1e10  # can be nothing but metres, as pyFAI keeps them
        elif not (units.startswith(("ang", "å")) or units == "a"):
            return None
        return value if 0.05 < value < 5.0 else None

    def _written_wavelength(self, entry: h5py.Group) -> Wavelength | None:
        """Wavelength in a text that the entry keeps: pyFAI's geometry (PONI) or settings."""
        for group in self.groups(entry):
            for name in list(group)[:MAX_NODES]:
                if not _SETTINGS.search(f"{group.name}/{name}"):
                    continue
                header = Header()
                for line in self.text(group, name, _MAX_TEXT).splitlines()[:500]:
                    header.read(line)
                found = header.wavelength
                if found is not None and header.contradiction is None:
                    return Wavelength(found.value, f"as {group.name.rstrip('/')}/{name} says")
        return None

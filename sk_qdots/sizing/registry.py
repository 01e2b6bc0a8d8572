"""The sizers that are known by name: shipped with the package, and your own.

Your own live in one folder, that of the environment variable ``SK_QDOTS_SIZERS`` or the
one for user data of the operating system; ``sk-qdots train`` writes there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from .._typing import JsonObject
from .facts import check_printable
from .files import MANIFEST, SizerError, read_manifest

__all__ = ["SizerFacts", "known_sizers", "own_sizers_folder", "sizer_facts"]

_SOONEST = "standard cells"  # how the name of the score that is told first begins


@dataclass(frozen=True)
class SizerFacts:
    """What a sizer tells of itself, without its network being loaded.

    Parameters
    ----------
    name : str
    folder : Path
    crystal : str
        Material.
    diameters : tuple of 2 float
        First and last class, in nm.
    step : float
        From one class to the next, in nm.
    instrument : str
        What it was trained for.
    q_range : tuple of 2 float
        That a pattern must cover, in 1/Angstrom.
    estimates : tuple of str
        What it estimates besides the class.
    scores : mapping of str to mapping
        Held-out scores, by test: accuracy, mean_absolute_error_nm, ...
    date : str
        When it was trained; empty where it does not say so.
    command : str
        How; likewise.

    Examples
    --------
    >>> from sk_qdots.sizing.registry import sizer_facts
    >>> sizer_facts("PbS").estimates
    ('diameter', 'dispersion', 'strain', 'volume_diameter', 'surface_diameter')
    """

    name: str
    folder: Path
    crystal: str
    diameters: tuple[float, float]
    step: float
    instrument: str
    q_range: tuple[float, float]
    estimates: tuple[str, ...]
    scores: Mapping[str, JsonObject]
    date: str
    command: str

    @property
    def accuracy(self) -> float | None:
        """On held-out patterns of the standard cells; None where it was not judged."""
        for name, row in self.scores.items():
            value = row.get("accuracy")
            if name.startswith(_SOONEST) and isinstance(value, float):
                return value
        return None


def own_sizers_folder() -> Path:
    """Folder that your own sizers are looked for in.

    Returns
    -------
    Path
        ``$SK_QDOTS_SIZERS`` where it is set; it need not exist.

    Examples
    --------
    >>> from sk_qdots.sizing.registry import own_sizers_folder
    >>> own_sizers_folder().name
    'sizers'
    """
    given = os.environ.get("SK_QDOTS_SIZERS")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return Path(user_data_path("sk_qdots", appauthor=False)) / "sizers"


def known_sizers() -> dict[str, Path]:
    """Folders of the sizers that :func:`sk_qdots.load_sizer` knows by name.

    Returns
    -------
    dict of str to Path
        The shipped ones, then your own; one of your own with the name of a shipped one
        is not listed: load it by the path of its folder.

    Examples
    --------
    >>> from sk_qdots.sizing.registry import known_sizers
    >>> "PbS" in known_sizers()
    True
    """
    found: dict[str, Path] = {}
    for root in (Path(str(resources.files("sk_qdots") / "pretrained")), own_sizers_folder()):
        try:
            folders = sorted(path.parent for path in root.glob(f"*/{MANIFEST}"))
        except OSError:  # may not be read: none of ours is there
            continue
        for folder in folders:
            found.setdefault(folder.name, folder)
    return found


def sizer_facts(folder: str | Path) -> SizerFacts:
    """Read what a sizer tells of itself.

    Parameters
    ----------
    folder : str or path-like
        A name of :func:`known_sizers`, or a folder.

    Returns
    -------
    SizerFacts

    Raises
    ------
    SizerError
        If it is no sizer, or damaged.

    Examples
    --------
    >>> from sk_qdots.sizing.registry import sizer_facts
    >>> facts = sizer_facts("PbS")
    >>> facts.crystal, facts.diameters, facts.step
    ('PbS', (2.0, 10.0), 0.5)
    """
    path = known_sizers().get(str(folder), Path(folder))
    try:
        manifest = read_manifest(path)
        check_printable({key: manifest[key] for key in ("name", "simulation", "training")})
        training, simulation = manifest["training"], manifest["simulation"]
        classes = [int(c) for c in manifest["classes"]]
        settings = training.get("settings", {})
        # The outermost classes may stand for all that lies beyond.
        told = [1000.0 * float(d) for d in settings.get("diameters", [])] or classes
        augmentation = manifest["augmentation"] or {}
        laboratory = settings.get("instrument", augmentation.get("laboratory"))
        instrument = str(laboratory or simulation.get("instrument") or "unknown")
        wavelength = simulation.get("wavelength")
        beam = "" if wavelength is None else f", {float(wavelength):g} A"
        low, high = (float(v) for v in manifest["required_range"])
        scores = training.get("scores", {})
        return SizerFacts(
            name=str(manifest["name"]),
            folder=path,
            crystal=str(simulation.get("crystal", "unknown")),
            diameters=(min(told) / 1000.0, max(told) / 1000.0),
            step=min(b - a for a, b in pairwise(classes)) / 1000.0,
            instrument=f"{instrument}{beam}",
            q_range=(low, high),
            estimates=_estimates(manifest),
            scores={str(k): v for k, v in scores.items() if isinstance(v, dict)},
            date=str(training.get("date", "")),
            command=str(training.get("command", "")),
        )
    except SizerError:
        raise
    except OSError as error:
        raise SizerError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise SizerError(f"{path}: not a sizer, or damaged: {error!r}") from None


def _estimates(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """What the first engine estimates; that of format 3 is the manifest itself."""
    first = manifest.get("engines", [manifest])[0]
    targets = first.get("targets", first.get("regressor", {}).get("targets", ()))
    return tuple(str(target) for target in targets)

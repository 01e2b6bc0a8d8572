"""Load sizers that are shipped or were saved."""

from __future__ import annotations

from pathlib import Path

from ..pipeline import SizingPipeline
from .engines import ClassifierEngine, NetworkEngine, steps_of_engine
from .files import SizerError, read_sizer
from .registry import known_sizers
from .sizer import Sizer

__all__ = ["load_sizer"]


def load_sizer(name: str | Path) -> Sizer:
    """Load a sizer that is shipped, one of your own, or one that was saved.

    Parameters
    ----------
    name : str or path-like
        Name of a shipped sizer, such as ``"PbS"``, or of your own
        (:func:`sk_qdots.sizing.registry.known_sizers`), in any case where that is no other, or
        the folder that :meth:`Sizer.save` wrote.

    Returns
    -------
    Sizer

    Raises
    ------
    SizerError
        If there is no such sizer, or its files are damaged or not a sizer.

    Examples
    --------
    >>> from sk_qdots import load_sizer
    >>> load_sizer("PbS")
    Sizer('PbS', 19 classes, 1.5 to 10.5 nm)
    """
    known = known_sizers()
    folder = known.get(str(name), Path(name))
    try:
        found = folder.is_dir()
    except (OSError, ValueError):  # a name too long, or with a null byte
        found = False
    if not found:
        alike = [one for other, one in known.items() if other.casefold() == str(name).casefold()]
        found, folder = len(alike) == 1, alike[0] if alike else folder
    if not found:
        raise SizerError(
            f"{name}: no such sizer; known: {', '.join(known)}. For others give the "
            "folder that sizer.save(path) wrote"
        )
    parts = read_sizer(folder)
    first, *witnesses = parts.engines
    if not isinstance(first, NetworkEngine | ClassifierEngine):  # no steps of a pipeline
        pair = (parts.standardizer, first)
        return Sizer(pair, parts.reference, witnesses=witnesses, facts=parts.facts)
    network = first if isinstance(first, NetworkEngine) else None
    return Sizer(
        SizingPipeline.from_fitted(
            [("qstandardizer", parts.standardizer), *steps_of_engine(first)]
        ),
        parts.reference,
        regressor=None if network is None else network.regressor,
        targets=() if network is None else network.targets,
        witnesses=witnesses,
        facts=parts.facts,
    )

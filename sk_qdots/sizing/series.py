"""A series of patterns, and what every one of them says, over time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from ..instruments import Instrument
from ..io import pattern_files
from .answer import COVERAGE, Sizing
from .asking import asked_engines
from .frames import Item, sized_frames
from .instruments import named_instrument, read_at_the_beam
from .intake import single_patterns
from .loading import load_sizer
from .series_data import Clock, dataset_of
from .sizer import Sizer

__all__ = ["size_series"]

Places: TypeAlias = (
    str | os.PathLike[str] | xr.DataArray | Sequence[str | os.PathLike[str] | xr.DataArray]
)


def size_series(
    paths_or_patterns: Places,
    sizer: str | Path | Sizer = "PbS",
    *,
    wavelength: float | None = None,
    energy: float | None = None,
    x: str | None = None,
    instrument: Instrument | str | Path | None = None,
    engine: Literal["both", "network", "posterior"] = "both",
    coverage: float = COVERAGE,
    time: npt.ArrayLike | None = None,
    per_frame: float | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
    **reading: Any,
) -> xr.Dataset:
    """Size a series of patterns with one sizer.

    A frame that is refused keeps its place, with NaN and its reason; the others are sized.

    Parameters
    ----------
    paths_or_patterns : str, path-like, DataArray, or sequence of them
        A folder, a glob, files (:func:`sk_qdots.io.pattern_files`), or patterns as
        :func:`sk_qdots.read_pattern` returns.
    sizer : str, path-like or Sizer, default="PbS"
        That sizes all of them; a name or a folder is loaded (:func:`sk_qdots.load_sizer`).
    wavelength, energy, x
        Of files that do not say them, as for :func:`sk_qdots.read_pattern`.
    instrument : Instrument, str or path-like, optional
        That all of them were measured with, or its name or file.
    engine, coverage
        As for :meth:`Sizer.size`.
    time : array-like of shape (n_frames,), optional
        When each frame was measured: ``datetime64``, or seconds.
    per_frame : float, optional
        Seconds from a frame to the next, instead.
    n_jobs : int, optional
        Processes among which the frames are shared; -1 for all processors. The answers do not
        depend on it.
    progress : bool, default=False
        Whether to show a progress bar, on standard error.
    **reading
        Further arguments of :func:`sk_qdots.read_pattern`: ``scan``, ``columns``, ``subtracted``.

    Returns
    -------
    Dataset
        Over ``frame``, with the coordinates ``file`` and ``time``: the fields of
        :class:`Sizing` by their names, each with its standard deviation (``_std`` behind the
        name), the ends of intervals (``interval_low``, ``interval_high``, ``volume_interval_low``,
        ``volume_interval_high``), ``verdict`` (``"ok"``, ``"caution"`` or ``"refused"``),
        ``reasons``, and how well the pattern is explained (``agreement``, ``r_wp``, ``chi2``).
        Units stand in the attributes. Further dimensions hold what each engine
        (``engine_name``) says, the probability of each class (``size``), the parameters and
        amounts of the fit (``parameter``, ``part``), and the measured ``pattern`` over ``q``, in
        steps of 0.02
        1/Angstrom, for pictures.

    Raises
    ------
    ValueError
        If there is no pattern, a folder is empty, nothing matches a glob, the times are not one a
        frame, or the sizer lacks the engine.
    TypeError
        If an item is neither a path nor a pattern.

    See Also
    --------
    write_series : As .csv, .nc or .nxs.
    smoothed : A quantity smoothed over time.
    sk_qdots.inspection.SeriesDisplay : Draws it.
    Sizer.size_many : The answers themselves.

    Notes
    -----
    Times are of one clock: where every pattern that can be read says when it was measured, these
    (UTC where the file states an offset, else the clock of the instrument); else the dates at
    which the files were changed last (UTC). The attribute ``clock`` of ``time`` tells which.

    Examples
    --------
    >>> import sk_qdots as sq
    >>> library = sq.simulate_library(
    ...     "PbS", diameters=[3.0, 4.5], dispersions=[0.1], strains=[0.0]
    ... )
    >>> patterns, _, _ = sq.library_samples(library)
    >>> series = sq.size_series(patterns, "PbS", per_frame=60.0)
    >>> series["number_diameter"].values.round(1), series["time"].values
    (array([3. , 4.5]), array([ 0., 60.]))
    """
    items = _items(paths_or_patterns)
    if not isinstance(sizer, Sizer):
        sizer = load_sizer(sizer)
    asked_engines(sizer.engines, engine, coverage, sizer.name)  # refuses before anything is read
    clock = Clock.checked(time, per_frame, len(items))
    if isinstance(instrument, str | Path):
        instrument = named_instrument(instrument)
    told = {"wavelength": wavelength, "energy": energy, "x": x, **reading}
    asker = _Asker(sizer, instrument, engine, coverage, told)
    frames = sized_frames(items, asker, n_jobs=n_jobs)
    bar = tqdm(frames, total=len(items), desc="sizing", unit="frame", disable=not progress)
    return dataset_of(list(bar), clock)


@dataclass(frozen=True)
class _Asker:
    """Reads and sizes with one sizer."""

    sizer: Sizer
    instrument: Instrument | None
    engine: Literal["both", "network", "posterior"]
    coverage: float
    reading: dict[str, Any] = field(default_factory=dict)

    def read(self, item: Item) -> xr.DataArray:
        """The pattern of a file; at the wavelength of the instrument where nothing else says it."""
        if not isinstance(item, str):
            return item
        return read_at_the_beam(item, self.instrument, self.reading)

    def size(self, item: Item, pattern: xr.DataArray) -> Sizing:
        """The answer."""
        return self.sizer.size(pattern, self.instrument, engine=self.engine, coverage=self.coverage)


def _items(places: Places) -> list[Item]:
    """Files and patterns, one by one.

    Raises
    ------
    ValueError
        If there are none.
    TypeError
        If something is neither.
    """
    if isinstance(places, str | os.PathLike | xr.DataArray):
        places = [places]
    items: list[Item] = []
    for place in places:
        if isinstance(place, xr.DataArray):
            items += single_patterns(place)
        elif isinstance(place, str | os.PathLike):
            items += pattern_files(place)
        else:
            raise TypeError(
                f"an item of the series is a {type(place).__name__}; expected a path, or a "
                "DataArray, as read_pattern(path, wavelength=...) returns"
            )
    if not items:
        raise ValueError("there is no pattern to size; give files, a folder or patterns")
    return items
